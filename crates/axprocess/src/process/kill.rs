//! Whom a signal hits: kill(2), tkill(2), tgkill(2), rt_sigqueueinfo(2).
//!
//! The number is looked up, the permission is asked for and the signal is handed to the host in one hold per call, also
//! when a call hits many. Linux holds its lock over all of them as well, and it has to: a group signal and a fork are
//! ordered, so a child is either a member that is hit, or is not made, because its parent has the signal first and the
//! fork asks [`Host::is_fatal_signal_pending`] in its own hold (F7, B17). Half a group would leave such a child out.
//!
//! What a signal does before the receiver runs stands in `send`. A process whose exit is decided, or a zombie, accepts every signal
//! and takes none of them (R-EXIT-12, R-KILL-06).
//!
//! Errors come in this order: no target, no signal of that number, no permission (B41).

mod pidfd;
mod queue;

pub use pidfd::SignalScope;
pub use queue::GivenInfo;

use super::Process;
use super::send::{Origin, Receiver};
use crate::group::ProcessGroup;
use crate::pid::Task;
use crate::sync::Hold;
use crate::thread::Thread;
use crate::{Errno, Host, Pid, Signal, SignalCause, SignalInfo};

impl<H: Host> Thread<H> {
    /// Sends a signal to a process, a group, or all processes; signal 0 only asks whether one could.
    ///
    /// Serves kill(2), with this thread as the caller. `pid` > 0: the process of that process or thread. 0: the caller's
    /// group. −1: all but init and the caller. Less: the group −`pid`, most recent member first. A call for many succeeds if one of them
    /// accepts; for −1 it suffices that one is there. R-KILL-01 to R-KILL-07, R-KILL-09.
    ///
    /// # Errors
    ///
    /// In this order: `ESRCH`: nobody is there, or `pid` is `i32::MIN`. `EINVAL`: no such signal. `EPERM`: the host does not allow it.
    ///
    /// ```
    /// # use axprocess::{Host, ProcessTable, Relations};
    /// # struct MyKernel;
    /// # impl Host for MyKernel {
    /// #     type Lock = std::sync::Mutex<Relations<Self>>;
    /// #     type ProcessData = ();
    /// #     type ThreadData = ();
    /// #     type GroupData = ();
    /// #     type SessionData = ();
    /// #     type NamespaceData = ();
    /// #     type TerminalData = ();
    /// #     type Usage = ();
    /// # }
    /// use axprocess::{Errno, ForkRequest};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let child = init.fork(ForkRequest::default(), (), ())?;
    /// assert_eq!(child.kill(1, 15), Ok(()));
    /// assert_eq!(child.kill(1, 65), Err(Errno::EINVAL));
    /// assert_eq!(child.kill(77, 65), Err(Errno::ESRCH));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn kill(&self, pid: i32, signal: i32) -> Result<(), Errno> {
        self.process().table().hold(|hold| {
            let own = self.process_in(hold);
            let mut sending = Sending::new(own, signal);
            match pid {
                i32::MIN => Err(Errno::ESRCH),
                -1 => sending.hit_all(hold),
                0 => sending.hit_group(hold, own.group_in(hold)),
                group if group < 0 => {
                    let group = own.find_group(hold, group.unsigned_abs()).ok_or(Errno::ESRCH)?;
                    sending.hit_group(hold, group)
                }
                pid => {
                    let target = own.find_target(hold, pid).ok_or(Errno::ESRCH)?;
                    sending.hit_process_addressed(hold, &target)
                }
            }
        })
    }

    /// Sends a signal to one thread; signal 0 only asks whether one could.
    ///
    /// Serves tkill(2), with this thread as the caller. R-KILL-07, R-KILL-08.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: `tid` is not positive. `ESRCH`: no such thread. `EINVAL`: no such signal. `EPERM`: the host does not allow it. `EAGAIN`: it has no place for the signal (R-SIG-22).
    pub fn tkill(&self, tid: i32, signal: i32) -> Result<(), Errno> {
        if tid <= 0 {
            return Err(Errno::EINVAL);
        }
        self.process().table().hold(|hold| {
            let own = self.process_in(hold);
            let target = own.find_target(hold, tid).ok_or(Errno::ESRCH)?;
            Sending::new(own, signal).hit_thread(hold, target)
        })
    }

    /// Sends a signal to one thread, if it belongs to the process `tgid`; signal 0 only asks whether one could.
    ///
    /// Serves tgkill(2), with this thread as the caller. R-KILL-07, R-KILL-08.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: a number is not positive. `ESRCH`: no such thread in that process. `EINVAL`: no such signal.
    /// `EPERM`: the host does not allow it. `EAGAIN`: it has no place for the signal (R-SIG-22).
    pub fn tgkill(&self, tgid: i32, tid: i32, signal: i32) -> Result<(), Errno> {
        if tid <= 0 || tgid <= 0 {
            return Err(Errno::EINVAL);
        }
        self.process().table().hold(|hold| {
            let own = self.process_in(hold);
            let target = own.find_thread_target(hold, tgid, tid)?;
            Sending::new(own, signal).hit_thread(hold, target)
        })
    }
}

impl<H: Host> Process<H> {
    /// Sends a signal to a group on behalf of this process, with its number as each member sees it (Linux's `kill_pgrp`); who may not be sent
    /// it gets none.
    pub(super) fn signal_permitted_members(
        &self,
        hold: &mut Hold<'_, H>,
        group: &ProcessGroup<H>,
        signal: Signal,
    ) {
        group.send_to_members(hold, |hold, member| {
            if self.may_send(hold, member, Some(signal)) {
                let cause = SignalCause::User { pid: self.number_seen_by(hold, member) };
                member.send(hold, &SignalInfo { signal, cause }, Some(self));
            }
        });
    }

    /// Whether this process may send `signal` to `target`: to itself always, `SIGCONT` within its session, else as the host says. R-KILL-05.
    pub(super) fn may_send(
        &self,
        hold: &Hold<'_, H>,
        target: &Self,
        signal: Option<Signal>,
    ) -> bool {
        let session = |process: &Self| core::ptr::from_ref(process.group_in(hold).session_in(hold));
        core::ptr::eq(self, target)
            || (signal == Some(Signal::SIGCONT) && session(self) == session(target))
            || hold.host().may_signal(hold.view(), self, target, signal)
    }
}

/// Who is hit by a number: a process, and the thread that the number names, unless that is a leader that has exited.
struct Target<'h, H: Host> {
    process: &'h Process<H>,
    thread: Option<&'h Thread<H>>,
}

/// The look-ups of this file: what numbers mean to a caller.
impl<H: Host> Process<H> {
    /// The number of this process, as `viewer` sees it.
    #[inline]
    pub(super) fn number_seen_by(&self, hold: &Hold<'_, H>, viewer: &Self) -> Pid {
        self.own_numbers().number_seen_by(hold, viewer.own_numbers())
    }

    /// The number of this process, as its parent sees it, which lives where it does or further out: who has never left the fast path, in the table's own namespace.
    #[inline]
    pub(super) fn number_seen_by_parent(&self, hold: &Hold<'_, H>, parent: &Self) -> Pid {
        match self.takes_fast_path(hold) {
            true => self.own_numbers().number_to_holder(hold),
            false => self.number_seen_by(hold, parent),
        }
    }

    /// What `si_pid` says of this sender: its own number, untranslated; 0 if the target cannot see it. R-KILL-07.
    fn untranslated_pid_if_visible_to(&self, hold: &Hold<'_, H>, target: &Self) -> Pid {
        let is_visible = self.number_seen_by(hold, target) > 0;
        if is_visible { self.pid() } else { 0 }
    }

    fn find_target<'h>(&self, hold: &Hold<'h, H>, number: i32) -> Option<Target<'h, H>> {
        let number = Pid::try_from(number).ok()?;
        Some(match self.pid_ns(hold).task_of(hold, number)? {
            Task::Process(process) => {
                let process = process.get(hold);
                Target { process, thread: process.leader(hold) }
            }
            Task::Thread(thread) => {
                let thread = thread.get(hold);
                Target { process: thread.process_in(hold), thread: Some(thread) }
            }
        })
    }

    /// A thread that belongs to the process `tgid`.
    fn find_thread_target<'h>(
        &self,
        hold: &Hold<'h, H>,
        tgid: i32,
        tid: i32,
    ) -> Result<Target<'h, H>, Errno> {
        let target = self.find_target(hold, tid).ok_or(Errno::ESRCH)?;
        let is_its = target.process.number_seen_by(hold, self) == tgid.unsigned_abs();
        if is_its { Ok(target) } else { Err(Errno::ESRCH) }
    }

    fn find_group<'h>(&self, hold: &Hold<'h, H>, pgid: Pid) -> Option<&'h ProcessGroup<H>> {
        self.pid_ns(hold).group_of(hold, pgid)
    }
}

/// One call: who sends what.
struct Sending<'h, H: Host> {
    sender: &'h Process<H>,
    /// A wrong number is an error only where there is a target.
    signal: Result<Option<Signal>, Errno>,
    /// What the sender itself says of it.
    given: Option<GivenInfo>,
    /// One of the targets did not see the sender. Those behind it are not shown it either: all get the same siginfo (R-KILL-07).
    is_hidden: bool,
}

impl<'h, H: Host> Sending<'h, H> {
    fn new(sender: &'h Process<H>, signal: i32) -> Self {
        Self { sender, signal: Signal::from_argument(signal), given: None, is_hidden: false }
    }

    /// The same, with what the sender itself says.
    fn of_given(sender: &'h Process<H>, info: GivenInfo) -> Self {
        Self { given: Some(info), ..Self::new(sender, info.signal) }
    }

    /// What a receiver is told that sees this number of the sender, 0 for none: what the sender says, or what the call's name says.
    fn cause(&self, seen: Pid, unsaid: impl Fn(Pid) -> SignalCause) -> SignalCause {
        self.given.map_or_else(|| unsaid(seen), |given| given.cause(seen == 0))
    }

    fn hit_process(
        &mut self,
        hold: &mut Hold<'h, H>,
        process: &'h Process<H>,
    ) -> Result<(), Errno> {
        let thread = process.leader(hold);
        self.hit_process_addressed(hold, &Target { process, thread })
    }

    fn hit_process_addressed(
        &mut self,
        hold: &mut Hold<'h, H>,
        target: &Target<'h, H>,
    ) -> Result<(), Errno> {
        let signal = self.signal?;
        let Target { process, thread } = *target;
        if !self.sender.may_send(hold, process, signal) {
            return Err(Errno::EPERM);
        }
        if let Some(signal) = signal {
            let seen = self.sender.untranslated_pid_if_visible_to(hold, process);
            let origin = Origin::of(self.cause(seen, |pid| SignalCause::User { pid }));
            self.is_hidden |= seen == 0;
            let shown = if self.is_hidden { 0 } else { seen };
            let cause = self.cause(shown, |pid| SignalCause::User { pid });
            let info = SignalInfo { signal, cause };
            let receiver = Receiver::Process(thread);
            let refusal = process.send_from(hold, origin, receiver, &info, Some(self.sender));
            return refusal.map_or(Ok(()), Err);
        }
        Ok(())
    }

    fn hit_thread(&self, hold: &mut Hold<'h, H>, target: Target<'h, H>) -> Result<(), Errno> {
        let signal = self.signal?;
        if !self.sender.may_send(hold, target.process, signal) {
            return Err(Errno::EPERM);
        }
        let Some(signal) = signal else {
            return Ok(());
        };
        let seen = self.sender.untranslated_pid_if_visible_to(hold, target.process);
        let cause = self.cause(seen, |pid| SignalCause::Thread { pid });
        let info = SignalInfo { signal, cause };
        let receiver = Receiver::Thread(target.thread);
        let refusal = target.process.send_to(hold, receiver, &info, Some(self.sender));
        refusal.map_or(Ok(()), Err)
    }

    /// One success is success; else the last member's error (R-KILL-03, B16, T9).
    fn hit_group(&mut self, hold: &mut Hold<'h, H>, group: &ProcessGroup<H>) -> Result<(), Errno> {
        let mut result = Err(Errno::ESRCH);
        group.send_to_members(hold, |hold, member| {
            let answer = self.hit_process(hold, member);
            if result.is_err() {
                result = answer;
            }
        });
        result
    }

    /// Everyone whom the sender sees but number 1 and itself. Whoever may not be hit is hit in vain, and does not count as an
    /// error (R-KILL-04, R-NS-13, B15). All numbers in one hold, as on Linux: see the head of the file.
    fn hit_all(&mut self, hold: &mut Hold<'h, H>) -> Result<(), Errno> {
        let pid_ns = self.sender.pid_ns(hold);
        let mut result = Err(Errno::ESRCH);
        let mut from = 2;
        while let Some(number) = pid_ns.numbers(hold).first_used_from(from) {
            hold.count_touched();
            let task = pid_ns.task_of(hold, number);
            let process = task.and_then(|task| task.process_of_leader(hold));
            if let Some(process) = process.filter(|it| !core::ptr::eq(*it, self.sender)) {
                let answer = self.hit_process(hold, process);
                result = if answer == Err(Errno::EPERM) { Ok(()) } else { answer };
            }
            match number.checked_add(1) {
                Some(next) => from = next,
                None => break,
            }
        }
        result
    }
}
