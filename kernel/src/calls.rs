//! The system calls of the family, in the order of their manual pages: parse, one method of the crates, copy out.
//!
//! A call that sleeps looks again behind each kick, and gives way if its thread is wanted: [`Failure::Interrupted`] says whether it is made again then. The thread's loop stands in [`thread`](crate::thread), the host
//! in [`host`](crate::host).

use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;

use axprocess::{
    Attention, CloneArgs, CloneFlags, CloneRequest, Errno, ExitStatus, NewTask, Patience,
    PidfdFlags, Reboot, RebootCommand, Signal, SignalScope, WaitEvent, WaitOutcome, WaitRequest,
};
use axprocess_signals::{Restart, SignalSet, TimedWait};
use linux_raw_sys::general::*;
use linux_raw_sys::prctl::*;

use crate::call::{Answer, Call, Failure, ensure, nothing, number_of, optional};
use crate::exec::{Program, Strings};
use crate::files::{OpenFile, Pidfd, Signalfd};
use crate::frame::{self, MINIMUM_STACK};
use crate::host::{Layer, PidHandle, Thread, sleep_while};
use crate::machine::{Fpu, IrqLock, USER_END};
use crate::state::{Sleeps, ThreadState, inherit};
use crate::user_memory::{places, shared};
use crate::{other_calls, ptrace, sched, thread, time};

/// Makes the call of that number.
#[expect(non_upper_case_globals, reason = "calls have Linux's names")]
pub(crate) fn make(mut call: Call<'_>, number: u32) -> Answer {
    let [a, b, c, d, e, _] = call.arguments();
    let (thread, process) = (call.thread, call.thread.process());
    match number {
        __NR_clone => call.clone(CloneRequest::from_clone(a, b, c, d, e)?),
        __NR_clone3 => call.clone3(a, b as usize),
        __NR_execve => call.execveat(AT_FDCWD, a, [b, c], 0),
        __NR_execveat => call.execveat(a as i32, b, [c, d], e),
        __NR_exit => call.exit(a as i32),
        __NR_exit_group => call.exit_group(a as i32),
        __NR_fork => call.clone(CloneRequest::from_fork()),
        __NR_vfork => call.clone(CloneRequest::from_vfork()),
        __NR_getpgid => number_of(process.getpgid(a as i32)),
        __NR_getpgrp => number_of(Ok(process.pgid())),
        __NR_getpid => number_of(Ok(process.pid())),
        __NR_getppid => number_of(Ok(process.ppid())),
        __NR_getsid => number_of(process.getsid(a as i32)),
        __NR_gettid => number_of(Ok(thread.tid())),
        __NR_kill => nothing(thread.kill(a as i32, b as i32)),
        __NR_pause => time::sleep(thread, None, Restart::UnlessHandled),
        __NR_pidfd_open => call.pidfd_open(a as i32, b as u32),
        __NR_pidfd_send_signal => call.pidfd_send_signal(a as i32, b as i32, c, d as u32),
        __NR_prctl => call.prctl(a as u32, b),
        __NR_ptrace => ptrace::call(&call, a, b as i32, c, d),
        __NR_reboot => call.reboot(a as u32, b as u32, c as u32),
        __NR_rt_sigaction => call.rt_sigaction(a as i32, b, c, d as usize),
        __NR_rt_sigpending => call.rt_sigpending(a, b as usize),
        __NR_rt_sigprocmask => call.rt_sigprocmask(a as i32, b, c, d as usize),
        __NR_rt_sigqueueinfo => {
            nothing(thread.rt_sigqueueinfo(a as i32, call.given_info(Some(b as i32), c)?))
        }
        __NR_rt_tgsigqueueinfo => {
            let info = call.given_info(Some(c as i32), d)?;
            nothing(thread.rt_tgsigqueueinfo(a as i32, b as i32, info))
        }
        __NR_rt_sigreturn => frame::restore(thread, call.user),
        __NR_rt_sigsuspend => call.rt_sigsuspend(a, b as usize),
        __NR_rt_sigtimedwait => call.rt_sigtimedwait(a, b, c, d as usize),
        __NR_set_tid_address => call.set_tid_address(a),
        __NR_setns => call.setns(a as i32, b),
        __NR_setpgid => nothing(process.setpgid(a as i32, b as i32)),
        __NR_setsid => number_of(process.setsid()),
        __NR_sigaltstack => call.sigaltstack(a, b),
        __NR_signalfd4 => call.signalfd4(a as i32, b, c as usize, d as u32),
        __NR_tgkill => nothing(thread.tgkill(a as i32, b as i32, c as i32)),
        __NR_tkill => nothing(thread.tkill(a as i32, b as i32)),
        __NR_unshare => call.unshare(a),
        __NR_vhangup => call.vhangup(),
        __NR_wait4 => call.wait4(a as i32, b, c as i32, d),
        __NR_waitid => call.waitid(a as i32, b as i32, c, d as i32, e),
        _ => other_calls::make(&mut call, number),
    }
}

/// A fork gives way to a signal that waits, and nobody sees that.
fn made_again(errno: Errno) -> Failure {
    match errno {
        Errno::EINTR => Failure::Interrupted(Restart::Always),
        errno => Failure::Errno(errno),
    }
}

impl Call<'_> {
    fn clone3(&mut self, at: u64, size: usize) -> Answer {
        let space = self.space()?;
        let args =
            CloneArgs::read(size, |offset, to| space.copy_in(at.wrapping_add(offset as u64), to))?;
        let request = CloneRequest::from_clone3(&args, size, |at, numbers| {
            for (number, at) in numbers.iter_mut().zip(places(at, 4)) {
                *number = space.get(at)?;
            }
            Ok(())
        })?;
        self.clone(request)
    }

    /// fork, vfork, clone and clone3.
    fn clone(&mut self, request: CloneRequest) -> Answer {
        let (thread, args, flags) = (self.thread, request.args(), request.flags());
        let new = thread.admit_clone(&request)?;
        let unknown = (CloneFlags::PRIVILEGED - CloneFlags::NEWPID) | CloneFlags::NEWUSER;
        ensure(!flags.intersects(unknown | CloneFlags::INTO_CGROUP), Errno::EINVAL)?;
        let own: &ThreadState = thread.host_data();
        let mut registers = self.user.registers;
        registers.rax = 0;
        if args.stack != 0 {
            registers.rsp = args.stack.wrapping_add(args.stack_size);
        }
        if flags.contains(CloneFlags::SETTLS) {
            ensure(args.tls < USER_END, Errno::EPERM)?;
            registers.fs_base = args.tls;
        }
        let (task, state) = inherit(own, flags)?;
        if flags.contains(CloneFlags::CHILD_CLEARTID) {
            state.clear_tid.store(args.child_tid, Relaxed);
        }
        let set_tid = flags.contains(CloneFlags::CHILD_SETTID).then_some(args.child_tid);
        // What can fail, does so between the number, which nobody sees yet, and the birth.
        let prepare = |number: u32, handle: Result<Option<PidHandle>, Errno>| {
            if flags.contains(CloneFlags::PARENT_SETTID) {
                // As on Linux, nobody is told if it cannot be stored.
                own.space()?.put(args.parent_tid, &number).ok();
            }
            let Some(handle) = handle? else { return Ok(None) };
            let file = OpenFile::of(Pidfd(handle))?;
            let place = own.files()?.reserve(0)?;
            own.space()?.put(args.pidfd, &place.number)?;
            Ok::<_, Errno>(Some((place, file)))
        };
        let (child, number, pidfd) = match new {
            NewTask::Process(new) => {
                let (new_process, state) = self.signals().fork(flags, Sleeps::default(), state)?;
                let prepared = new.prepare(new_process, state).map_err(made_again)?;
                let number = prepared.pid_seen_by_caller();
                let pidfd = prepare(number, prepared.pidfd(&request))?;
                (prepared.publish().map_err(made_again)?, number, pidfd)
            }
            NewTask::Thread(new) => {
                let prepared = new.prepare(self.signals().new_thread(state)).map_err(made_again)?;
                let number = prepared.tid();
                let pidfd = prepare(number, prepared.pidfd(&request))?;
                (prepared.publish().map_err(made_again)?, number, pidfd)
            }
        };
        if let Some((place, file)) = pidfd {
            place.fill(file, true);
        }
        if flags.contains(CloneFlags::VFORK) {
            thread.begin_vfork(&child);
        }
        let event = ptrace::Event::of_birth(flags, request.exit_signal());
        ptrace::inherit_tracer(thread, &child, event, flags);
        thread::begin(task, child, registers, set_tid);
        if !flags.contains(CloneFlags::UNTRACED) {
            ptrace::stop_for_event(thread, event);
        }
        if flags.contains(CloneFlags::VFORK) {
            let is_killed = || thread.attention().contains(Attention::EXIT);
            sleep_while(thread, || thread.is_waiting_for_vfork() && !is_killed());
            if !is_killed() {
                ptrace::stop_for_event(thread, ptrace::Event::VforkDone);
            }
        }
        Ok(number.into())
    }

    fn execveat(&mut self, fd: i32, path: u64, strings: [u64; 2], flags: u64) -> Answer {
        let program = Program::named(self, fd, path, flags)?;
        self.exec(program, strings)
    }

    /// Another program, in place of the process's: up to the exits of its other threads it can fail.
    fn exec(&mut self, program: Program, strings: [u64; 2]) -> Answer {
        let (thread, space) = (self.thread, self.space()?);
        let [arguments, environment] = strings.map(|at| Strings::read(&space, at));
        let program = program.load(&arguments?.with_first()?, &environment?)?;
        let own: &ThreadState = thread.host_data();
        let files = shared(own.files()?.copy(|closes_on_exec| !closes_on_exec)?)?;
        let mut exec = thread.begin_exec()?;
        // A fatal signal alone ends this.
        while !exec.try_finish()? {
            sched::block(sched::WAITS, None);
        }
        self.signals().exec();
        let shared = own.files.lock().replace(files);
        drop(shared);
        self.user.registers = program.install(thread);
        Fpu::initial().load();
        ptrace::stop_for_exec(thread);
        Err(Failure::Replaced)
    }

    /// Ends the thread alone.
    fn exit(&self, code: i32) -> Answer {
        thread::exit(self.thread, ExitStatus::exited(code));
        Err(Failure::Exited)
    }

    fn exit_group(&self, code: i32) -> Answer {
        let process = self.thread.process();
        let is_decided =
            process.begin_group_exit(ExitStatus::exited(code)) || process.is_group_exiting();
        let status = if is_decided { process.exit_status() } else { ExitStatus::exited(0) };
        thread::exit(self.thread, status);
        Err(Failure::Exited)
    }

    fn pidfd_open(&self, pid: i32, flags: u32) -> Answer {
        let handle = self.thread.process().pidfd_open(pid, flags)?;
        let file = OpenFile::of(Pidfd(handle))?;
        file.change(PidfdFlags::NONBLOCK.bits(), flags);
        self.install(file, true)
    }

    fn pidfd_send_signal(&self, pidfd: i32, signal: i32, info: u64, flags: u32) -> Answer {
        let scope = SignalScope::from_flags(flags)?;
        let handle = self.pidfd(pidfd)?.0;
        let info = (info != 0).then(|| self.given_info(None, info));
        nothing(self.thread.pidfd_send_signal(&handle, signal, scope, info))
    }

    fn prctl(&self, option: u32, argument: u64) -> Answer {
        let (thread, process) = (self.thread, self.thread.process());
        match option {
            PR_SET_PDEATHSIG => {
                let signal = Thread::parse_parent_death_signal(argument)?;
                thread.set_parent_death_signal(signal);
                Ok(0)
            }
            PR_GET_PDEATHSIG => {
                let signal = thread.parent_death_signal().map_or(0, Signal::number);
                nothing(self.space()?.put(argument, &u32::from(signal)))
            }
            PR_SET_CHILD_SUBREAPER => {
                match argument {
                    0 => process.resign_subreaper(),
                    _ => process.become_subreaper(),
                }
                Ok(0)
            }
            PR_GET_CHILD_SUBREAPER => {
                nothing(self.space()?.put(argument, &u32::from(process.is_subreaper())))
            }
            _ => other_calls::prctl(self, option, argument),
        }
    }

    fn reboot(&self, magic: u32, second: u32, command: u32) -> Answer {
        const SECOND: [u32; 4] =
            [LINUX_REBOOT_MAGIC2, LINUX_REBOOT_MAGIC2A, LINUX_REBOOT_MAGIC2B, LINUX_REBOOT_MAGIC2C];
        ensure(magic == LINUX_REBOOT_MAGIC1 && SECOND.contains(&second), Errno::EINVAL)?;
        let command = RebootCommand::parse(command)?;
        match self.thread.process().reboot(command) {
            Reboot::Machine => crate::machine::power_off(true),
            Reboot::Namespace => self.exit(0),
        }
    }

    fn rt_sigaction(&self, signal: i32, new: u64, old: u64, size: usize) -> Answer {
        let space = self.space()?;
        let read = || space.get(new).map(frame::action_of);
        let before = self.signals().rt_sigaction(signal, size, || optional(new, read))?;
        nothing(space.put_unless_null(old, &frame::action_words(before)))
    }

    fn rt_sigpending(&self, set: u64, size: usize) -> Answer {
        let pending = self.signals().rt_sigpending(size)?;
        nothing(self.space()?.put(set, &pending.bits().to_ne_bytes()[..size]))
    }

    fn rt_sigprocmask(&self, how: i32, new: u64, old: u64, size: usize) -> Answer {
        let read = || self.set_at(new);
        let before = self.signals().rt_sigprocmask(how, size, || optional(new, read))?;
        nothing(self.space()?.put_unless_null(old, &before.bits()))
    }

    fn rt_sigsuspend(&self, mask: u64, size: usize) -> Answer {
        self.signals().rt_sigsuspend(size, || self.set_at(mask))?;
        time::sleep(self.thread, None, Restart::UnlessHandled)
    }

    fn rt_sigtimedwait(&self, set: u64, info: u64, timeout: u64, size: usize) -> Answer {
        let mut longest = None;
        let read = || {
            let set = self.set_at(set)?;
            longest = optional(timeout, || time::duration_at(&*self.space()?, timeout))?;
            Ok(set)
        };
        let taken = match self.signals().rt_sigtimedwait(size, read)? {
            TimedWait::Taken(info) => info,
            TimedWait::NothingYet(_) if longest == Some(Duration::ZERO) => {
                return Err(Errno::EAGAIN.into());
            }
            TimedWait::NothingYet(wait) => {
                let deadline = longest.map(time::deadline);
                let slept = time::sleep(self.thread, deadline, Restart::Never);
                match wait.finish() {
                    Some(info) => info,
                    None => return slept.and(Err(Errno::EAGAIN.into())),
                }
            }
        };
        self.space()?.put_unless_null(info, &taken.to_siginfo())?;
        Ok(taken.signal().number().into())
    }

    fn set_tid_address(&self, at: u64) -> Answer {
        self.thread.host_data().clear_tid.store(at, Relaxed);
        number_of(Ok(self.thread.tid()))
    }

    fn setns(&self, pidfd: i32, kind: u64) -> Answer {
        let file = self.file(pidfd)?;
        let handle = &file.as_kind::<Pidfd>().ok_or(Errno::EINVAL)?.0;
        ensure(kind == CloneFlags::NEWPID.bits(), Errno::EINVAL)?;
        // Who has begun to exit has no namespaces any more.
        let process = handle.process().filter(|process| !process.has_ended());
        let lives = |leader: &Thread| !leader.host_data().is_exiting.load(Relaxed);
        let process = process.filter(|it| it.read(|view| view.leader(it).is_some_and(lives)));
        let process = process.ok_or(Errno::ESRCH)?;
        nothing(self.thread.set_namespace_for_children(&process.namespace()))
    }

    fn sigaltstack(&self, new: u64, old: u64) -> Answer {
        let space = self.space()?;
        let read = || space.get(new).map(frame::stack_of);
        let (new, pointer) = (optional(new, read)?, self.user.registers.rsp as usize);
        let before = self.signals().sigaltstack(new, pointer, MINIMUM_STACK)?;
        nothing(space.put_unless_null(old, &frame::stack_words(before)))
    }

    fn signalfd4(&self, fd: i32, set: u64, size: usize, flags: u32) -> Answer {
        ensure(size == SignalSet::SIZE, Errno::EINVAL)?;
        Signalfd::open(self, fd, self.set_at(set)?, flags)
    }

    fn unshare(&self, flags: u64) -> Answer {
        let flags = CloneFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
        match flags {
            CloneFlags::NEWPID => nothing(self.thread.unshare_pid()),
            CloneFlags::FILES => {
                let own: &ThreadState = self.thread.host_data();
                let files = shared(own.files()?.copy(|_| true)?)?;
                let _shared = own.files.lock().replace(files);
                Ok(0)
            }
            _ if flags.is_empty() => Ok(0),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn vhangup(&self) -> Answer {
        if let Some(terminal) = self.thread.process().controlling_terminal() {
            terminal.host_data().kill_files();
            terminal.hang_up();
        }
        Ok(0)
    }

    fn wait4(&self, pid: i32, status: u64, options: i32, usage: u64) -> Answer {
        let request = WaitRequest::wait4(pid, options)?;
        let Some(event) = self.wait(&request)? else { return Ok(0) };
        let space = self.space()?;
        space.put_unless_null(status, &event.status.to_raw())?;
        space.put_unless_null(usage, &[0_u64; 18])?;
        Ok(event.pid.into())
    }

    fn waitid(&self, kind: i32, id: i32, info: u64, options: i32, usage: u64) -> Answer {
        let request = match kind.cast_unsigned() {
            P_PIDFD => WaitRequest::waitid_pidfd(id, options, |fd| self.pidfd(fd)),
            _ => WaitRequest::waitid(kind, id, options),
        };
        // As on Linux, zeros are stored also where it is refused.
        let answer = request.map_err(Failure::from).and_then(|request| self.wait(&request));
        if matches!(answer, Err(Failure::Interrupted(_))) {
            return answer.map(|_| 0);
        }
        let event = answer.as_ref().ok().and_then(Option::as_ref);
        let space = self.space()?;
        space.put_unless_null(info, &frame::child_info(event))?;
        if answer?.is_some() {
            space.put_unless_null(usage, &[0_u64; 18])?;
        }
        Ok(0)
    }

    /// Waits for a child, as long as the request says.
    fn wait(&self, request: &WaitRequest) -> Result<Option<WaitEvent<Layer>>, Failure> {
        let (thread, process) = (self.thread, self.thread.process());
        let call = thread.begin_wait(request);
        loop {
            let was_wanted = !thread.attention().is_empty();
            let token = match call.poll()? {
                WaitOutcome::Event(event) => return Ok(Some(event)),
                WaitOutcome::NothingYet(token) => token,
            };
            match request.patience() {
                Patience::Leave => return Ok(None),
                Patience::Fail(errno) => return Err(errno.into()),
                Patience::Sleep if was_wanted => {
                    return Err(Failure::Interrupted(Restart::UnlessHandlerSaysNo));
                }
                Patience::Sleep => {
                    let sleeps_for: &IrqLock<_> = &thread.host_data().wait;
                    *sleeps_for.lock() = Some(token);
                    let is_wanted = || !thread.attention().is_empty();
                    sleep_while(thread, || !process.has_news_since(token) && !is_wanted());
                    *sleeps_for.lock() = None;
                }
            }
        }
    }
}
