//! ptrace(2): which thread traces which, and what the tracer learns. The tracees' registers and memory are the kernel's.
//!
//! A link leads from one **thread** to another. The tracer is to its tracee as a second parent: it is told of stops and of the end, and waits for
//! them. The real parent stays what it is (R-PTRACE-04).
//!
//! | who | does | Linux |
//! | --- | --- | --- |
//! | a tracer | [`attach`](Thread::attach)es a thread by its number | `ptrace_attach` |
//! | a tracee | makes its parent its tracer ([`Thread::trace_me`]) | `ptrace_traceme` |
//! | the kernel | attaches a new child or thread to the tracer of its maker ([`Thread::inherit_tracer`]) | `ptrace_init_task` |
//! | a tracee | stops for its tracer ([`Thread::trace_stop`]), sleeps, is resumed ([`Thread::resume_tracee`]) | `ptrace_stop`, `ptrace_resume` |
//! | a tracer | lets it go ([`Thread::detach`]), or exits | `__ptrace_detach`, `exit_ptrace` |
//!
//! # Who sees what
//!
//! | | the tracer is a thread of the parent | of another process |
//! | --- | --- | --- |
//! | a ptrace-stop | the tracer's process, whatever the options | the same |
//! | a group stop that is complete | hidden until the tracer is gone | the parent, as if not traced (R-STOP-13) |
//! | a continuation | whoever asks first | the same |
//! | a zombie | never vanishes by itself (R-PTRACE-02) | first the tracer; when it has reaped it, or let it go, the parent is told, or it vanishes (R-PTRACE-01) |
//! | a dead thread that is not the leader | waits for the tracer, and its process with it (R-PTRACE-06) | the same |
//!
//! A thread that is not traced and traces none has no record of all this: it pays one word of memory.

mod dead_run;
mod end;
mod record;

use core::num::NonZeroU16;

use record::{FreshRole, TraceMarks};
pub(crate) use record::{PtraceRole, TracedBy};

use super::Marks;
use super::send::Receiver;
use crate::pid::Task;
use crate::sync::Hold;
use crate::thread::{Thread, ThreadMark, ThreadState};
use crate::{ARef, Attention, Errno, Host, Pid, Signal, SignalCause, SignalInfo, WaitStatus};

/// How a tracer begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TraceStart {
    /// `PTRACE_ATTACH`: the tracee gets a `SIGSTOP`.
    Attach,
    /// `PTRACE_SEIZE`: it runs on.
    Seize,
}

bitflags::bitflags! {
    /// The options of ptrace(2), with Linux's values. A tracee has them from its tracer, and what it makes has them from it; the kernel asks for them with [`View::tracing`](crate::View::tracing). Only `EXIT_KILL` changes what the model does.
    ///
    /// ```
    /// use axprocess::TraceOptions;
    /// assert_eq!(TraceOptions::from_bits(2), Some(TraceOptions::FORK));
    /// assert_eq!(TraceOptions::from_bits(1 << 8), None); // EINVAL; EIO of PTRACE_SEIZE
    /// ```
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct TraceOptions: u32 {
        /// `PTRACE_O_TRACESYSGOOD`: stops of system calls are marked.
        const SYSCALL_GOOD = 1 << 0;
        /// `PTRACE_O_TRACEFORK`.
        const FORK = 1 << 1;
        /// `PTRACE_O_TRACEVFORK`.
        const VFORK = 1 << 2;
        /// `PTRACE_O_TRACECLONE`.
        const CLONE = 1 << 3;
        /// `PTRACE_O_TRACEEXEC`.
        const EXEC = 1 << 4;
        /// `PTRACE_O_TRACEVFORKDONE`.
        const VFORK_DONE = 1 << 5;
        /// `PTRACE_O_TRACEEXIT`.
        const EXIT = 1 << 6;
        /// `PTRACE_O_TRACESECCOMP`.
        const SECCOMP = 1 << 7;
        /// `PTRACE_O_EXITKILL`: the tracee is killed when its tracer exits.
        const EXIT_KILL = 1 << 20;
        /// `PTRACE_O_SUSPEND_SECCOMP`.
        const SUSPEND_SECCOMP = 1 << 21;
    }
}

/// Why a tracee is in a ptrace-stop: the signal in the lower byte, with 0x80 for a system call, the event in the upper byte.
///
/// ```
/// use axprocess::{TraceStop, WaitStatus};
/// const SIGTRAP: u16 = 5;
/// const PTRACE_EVENT_EXEC: u16 = 4;
/// let stop = TraceStop::new(PTRACE_EVENT_EXEC << 8 | SIGTRAP).unwrap();
/// assert_eq!(WaitStatus::Trapped(stop).to_raw(), 0x4057f);
/// assert_eq!(TraceStop::new(0), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TraceStop(NonZeroU16);

impl TraceStop {
    /// Returns the stop of that code; `None` if it names no signal.
    pub const fn new(code: u16) -> Option<Self> {
        match NonZeroU16::new(code) {
            Some(word) if code & 0x7f != 0 => Some(Self(word)),
            _ => None,
        }
    }

    /// Returns the code.
    pub const fn code(self) -> u16 {
        self.0.get()
    }
}

impl TraceStop {
    /// `PTRACE_EVENT_STOP` with that signal.
    fn of_job(signal: Signal) -> Self {
        const EVENT_STOP: u16 = 128 << 8;
        Self(NonZeroU16::from(signal.to_nonzero()) | EVENT_STOP)
    }
}

impl From<Signal> for TraceStop {
    /// The stop in which a signal is about to be delivered.
    fn from(signal: Signal) -> Self {
        Self(NonZeroU16::from(signal.to_nonzero()))
    }
}

/// What the stopping of a thread for its tracer was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TraceStopped {
    /// It sleeps until its tracer resumes it, lets it go or exits, or a `SIGKILL` comes. The tracer has been told.
    Stopped,
    /// Nobody traces it: it runs on.
    Untraced,
    /// It is being killed: it does not stop, and exits. R-PTRACE-07.
    Killed,
}

impl<H: Host> Thread<H> {
    /// Makes this thread the tracer of another, by its number.
    ///
    /// Serves ptrace(2) `PTRACE_ATTACH` and `PTRACE_SEIZE`. An attached thread gets `SIGSTOP`, by [`Host::post_thread_signal`], and stops when it takes that. A thread that sleeps in a group stop is
    /// [told](Host::tracing_changed), and stops anew, for its tracer; the kernel lets the caller sleep until it has, while that one [is trapping](Self::is_trapping), so that no `SIGCONT` of the caller's own comes in between.
    /// Options are checked by the kernel: bad ones of `PTRACE_SEIZE` are `EIO`, if the number is somebody's.
    ///
    /// # Errors
    ///
    /// In this order: `ENOMEM`: there is no memory. `ESRCH`: no thread has that number, or the caller has exited. `EPERM`: it is a kernel thread's (R-KTHREAD-04), or one's of the caller's process; the host
    /// [forbids it](Host::may_trace); that thread has exited, or is traced.
    pub fn attach(
        &self,
        tid: i32,
        start: TraceStart,
        options: TraceOptions,
    ) -> Result<ARef<Self>, Errno> {
        let table = self.process().table();
        let (mut of_tracer, mut of_tracee) = (FreshRole::make(table)?, FreshRole::make(table)?);
        table.hold(|hold| {
            let task = self.task_named(hold, tid);
            let (process, target) = match task.ok_or(Errno::ESRCH)? {
                Task::Process(process) => (process.get(hold), process.get(hold).leader(hold)),
                Task::Thread(thread) => (thread.get(hold).process_in(hold), Some(thread.get(hold))),
            };
            if self.state() != ThreadState::Live {
                return Err(Errno::ESRCH);
            }
            if process.has(hold, Marks::KERNEL_THREAD) || core::ptr::eq(process, &**self.process())
            {
                return Err(Errno::EPERM);
            }
            let target = target.ok_or(Errno::EPERM)?;
            if !hold.host().may_trace(hold.view(), self, target)
                || target.state() > ThreadState::Exiting
                || target.is_traced_in(hold)
            {
                return Err(Errno::EPERM);
            }
            let tracer = self.trace_or(hold, &mut of_tracer).ok_or(Errno::ESRCH)?;
            let tracee = target.trace_or(hold, &mut of_tracee).ok_or(Errno::ESRCH)?;
            tracee.become_tracee(hold, tracer, start, options);
            if start == TraceStart::Attach {
                let cause = SignalCause::Kernel;
                let info = SignalInfo { signal: Signal::SIGSTOP, cause };
                let receiver = Receiver::Thread(Some(target.in_hold(hold)));
                process.send_to(hold, receiver, &info, None);
            }
            if target.is_in_group_stop(hold) {
                tracee.have_trap(hold, TraceMarks::TRAP_STOP);
                target.set_mark(hold, ThreadMark::Trapping, true);
                target.call_attention(hold, Attention::STOP);
                hold.host().tracing_changed(hold.view(), target);
            }
            Ok(ARef::from(target))
        })
    }

    /// Makes the parent's thread whose child this process is the tracer of this thread.
    ///
    /// Serves ptrace(2) `PTRACE_TRACEME`. If that thread is exiting, or there is none, nobody traces this one, as if the tracer had exited at once.
    ///
    /// # Errors
    ///
    /// In this order: `ENOMEM`: there is no memory. `EPERM`: it is traced, or a kernel thread; the host [forbids it](Host::may_trace).
    pub fn trace_me(&self) -> Result<(), Errno> {
        let table = self.process().table();
        let (mut of_tracer, mut of_tracee) = (FreshRole::make(table)?, FreshRole::make(table)?);
        table.hold(|hold| {
            if self.is_traced_in(hold) || self.process().has(hold, Marks::KERNEL_THREAD) {
                return Err(Errno::EPERM);
            }
            let Some(tracer) = self.process().parent_thread_unless_exited(hold) else {
                return Ok(());
            };
            if !hold.host().may_trace(hold.view(), tracer, self) {
                return Err(Errno::EPERM);
            }
            let both_live = [tracer, self].iter().all(|it| it.state() == ThreadState::Live);
            if both_live
                && let Some(tracer) = tracer.trace_or(hold, &mut of_tracer)
                && let Some(own) = self.trace_or(hold, &mut of_tracee)
            {
                own.become_tracee(hold, tracer, TraceStart::Attach, TraceOptions::empty());
            }
            Ok(())
        })
    }

    /// Makes the tracer of `maker`, who has just made this thread or its process, the tracer of this thread too, with the same options.
    ///
    /// For the kernel, before the thread runs: `PTRACE_O_TRACEFORK` and its like, `CLONE_PTRACE`. Returns how that tracer had begun, which decides how the thread
    /// stops first: after a seizure by [`join_stop`](Self::join_stop), as its [`attention`](Self::attention) says; after an attachment the kernel puts a `SIGSTOP` into its queue. `None`: there is no tracer, or it is of this thread's own process; or this thread has one already, or is a kernel thread.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    pub fn inherit_tracer(&self, maker: &Self) -> Result<Option<TraceStart>, Errno> {
        let table = self.process().table();
        let mut fresh = FreshRole::make(table)?;
        if !table.is(maker.process().table()) {
            return Ok(None);
        }
        Ok(table.hold(|hold| {
            let pattern = maker.trace(hold)?;
            let tracer = pattern.tracer(hold)?;
            let own = self.process();
            let traces_itself = core::ptr::eq(tracer.process(hold), &**own);
            if own.has(hold, Marks::KERNEL_THREAD)
                || traces_itself
                || self.is_traced_in(hold)
                || self.state() != ThreadState::Live
            {
                return None;
            }
            let (start, options) = pattern.tracing(hold);
            let own = self.trace_or(hold, &mut fresh)?;
            own.become_tracee(hold, tracer, start, options);
            if start == TraceStart::Seize {
                own.have_trap(hold, TraceMarks::TRAP_STOP);
                self.call_attention(hold, Attention::STOP);
            }
            Some(start)
        }))
    }

    /// Records that this thread stops for its tracer, and tells it: by `SIGCHLD`, unless it does not want that for stops, and by waking it.
    ///
    /// The kernel then lets the thread sleep while [`is_stopped`](Self::is_stopped), before it returns to user space or goes on with its system call: no bit of [`attention`](Self::attention) stands for that. wait reports the stop once, to the tracer's
    /// process, whatever the options. R-STOP-13.
    ///
    /// A tracee that has taken a signal from its queue stops so before the kernel acts on it, but for `SIGKILL` and one that is [final](crate::ForcedAction::Final); what is done then is what the signal does that the tracer has given along
    /// with `PTRACE_CONT`, if any. A kernel keeps that one with the tracee, from before [`resume_tracee`](Self::resume_tracee) or [`detach`](Self::detach), behind which the tracee runs. If the tracer goes without an answer, the signal of the stop
    /// is delivered, unless somebody had waited for the stop: [`was_let_go_unread`](Self::was_let_go_unread). For whatever signal it is in the end, the [ticket](crate::Process::stop_ticket) is from the moment at which the first was taken.
    ///
    /// The stop of an exit event comes after [`Thread::begin_exit`], and before [`PendingExit::set_exiting`](crate::PendingExit::set_exiting). It is the only one of a thread that is killed.
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
    /// use axprocess::{ForkRequest, Signal, TraceOptions, TraceStart, TraceStopped, WaitOutcome, WaitRequest};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let [debugger, child] = [init.fork(ForkRequest::default(), (), ())?, init.fork(ForkRequest::default(), (), ())?];
    /// debugger.attach(3, TraceStart::Seize, TraceOptions::empty())?;
    ///
    /// assert_eq!(child.trace_stop(Signal::SIGUSR1.into()), TraceStopped::Stopped); // it has taken SIGUSR1
    /// assert!(child.is_stopped());
    /// let WaitOutcome::Event(event) = debugger.wait(&WaitRequest::wait4(3, 0)?)? else { panic!("it has stopped") };
    /// assert_eq!(event.status.to_raw(), 0x0a7f);
    /// debugger.resume_tracee(3)?; // PTRACE_CONT; the kernel wakes whom this returns
    /// assert!(!child.is_stopped());
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn trace_stop(&self, stop: TraceStop) -> TraceStopped {
        self.process().table().hold(|hold| {
            let trace = match self.trace_of_who_stops(hold) {
                Ok(trace) => trace,
                Err(answer) => return answer,
            };
            trace.stop(hold, stop);
            trace.notify_tracer_of_stop(hold, |pid| {
                let status = WaitStatus::Trapped(stop);
                SignalCause::Child { pid, status }
            });
            TraceStopped::Stopped
        })
    }

    /// Stops for its tracer, and by that with its group. The tracer is told of the group stop, as a parent is: its signal, or none where there is none, or the parent has waited for it. R-STOP-13, R-PTRACE-08.
    pub(super) fn trap_with_group(&self, hold: &mut Hold<'_, H>, trace: &PtraceRole<H>) {
        trace.stop_with_group(hold);
        let signal = self.process().unread_stop_signal(hold);
        trace.notify_tracer_of_stop(hold, |pid| match signal.map(WaitStatus::Stopped) {
            Some(status) => SignalCause::Child { pid, status },
            None => SignalCause::ChildStopUndone { pid },
        });
        self.participate_in_group_stop(hold);
    }

    /// If it has been seized, its tracer has to see that its group stop has begun, or is over. False: it was not. Linux: `ptrace_trap_notify`.
    pub(super) fn notify_seizer(&self, hold: &mut Hold<'_, H>) -> bool {
        let trace = self.trace(hold).filter(|it| it.marks(hold).contains(TraceMarks::SEIZED));
        trace.is_some_and(|trace| trace.have_trap(hold, TraceMarks::TRAP_NOTIFY))
    }

    /// Whether it sleeps in a stop for its tracer.
    fn is_in_ptrace_stop(&self) -> bool {
        self.has_mark(ThreadMark::Traced) && self.has_mark(ThreadMark::InPtraceStop)
    }

    /// Its part in ptrace, or why it does not stop for a tracer.
    pub(super) fn trace_of_who_stops<'h>(
        &self,
        hold: &Hold<'h, H>,
    ) -> Result<&'h PtraceRole<H>, TraceStopped> {
        let trace = self.trace(hold).filter(|trace| trace.tracer(hold).is_some());
        let trace = trace.filter(|_| self.state() == ThreadState::Live);
        let trace = trace.ok_or(TraceStopped::Untraced)?;
        if self.is_killed(hold) { Err(TraceStopped::Killed) } else { Ok(trace) }
    }

    /// Returns a tracee of this thread, be it in a ptrace-stop or not, alive or dead. Takes the lock.
    ///
    /// For `PTRACE_KILL`, which needs no stop: the tracee then gets `SIGKILL`, by [`send_signal`](Self::send_signal) on behalf of the caller.
    ///
    /// # Errors
    ///
    /// `ESRCH`: nobody has that number; it is no tracee of this very thread.
    pub fn tracee(&self, tid: i32) -> Result<ARef<Self>, Errno> {
        self.process().table().hold(|hold| self.find_tracee(hold, tid).map(|(_, it)| it.into()))
    }

    /// Returns a tracee of this thread that is in a ptrace-stop, and does not listen. Takes the lock.
    ///
    /// For all other requests of ptrace(2), before their own arguments are looked at.
    ///
    /// # Errors
    ///
    /// `ESRCH`: nobody has that number; it is no tracee of this very thread; it is in no ptrace-stop, or listens; it has got the number in an exec of whose
    /// `PTRACE_EVENT_EXEC` the tracer has not read (R-PTRACE-11).
    pub fn stopped_tracee(&self, tid: i32) -> Result<ARef<Self>, Errno> {
        self.process()
            .table()
            .hold(|hold| self.find_stopped_tracee(hold, tid).map(|(_, it)| it.into()))
    }

    /// Has a tracee stop by [`join_stop`](Self::join_stop), whatever it does; one that is in a stop does so when it has been resumed, one that listens at once. It is [told](Host::request_stop).
    ///
    /// Serves ptrace(2) `PTRACE_INTERRUPT`.
    ///
    /// # Errors
    ///
    /// As for [`tracee`](Self::tracee). Then `EIO`: it was attached, and not seized.
    pub fn interrupt_tracee(&self, tid: i32) -> Result<(), Errno> {
        self.process().table().hold(|hold| {
            let (trace, tracee) = self.find_tracee(hold, tid)?;
            if !trace.marks(hold).contains(TraceMarks::SEIZED) {
                return Err(Errno::EIO);
            }
            if trace.have_trap(hold, TraceMarks::TRAP_STOP) {
                tracee.request_stop(hold);
            }
            Ok(())
        })
    }

    /// Lets a tracee listen: it sleeps on in its stop, which is neither reported nor there for other requests, until it stops anew. If a `SIGCONT`, or a group stop that has begun meanwhile, is still to be shown, it is [told](Host::request_stop); an
    /// interruption during the stop waits for its end.
    ///
    /// Serves ptrace(2) `PTRACE_LISTEN`. R-PTRACE-10.
    ///
    /// # Errors
    ///
    /// As for [`stopped_tracee`](Self::stopped_tracee). Then `EIO`: it was attached, and not seized; it has not stopped by [`join_stop`](Self::join_stop).
    pub fn listen_to_tracee(&self, tid: i32) -> Result<(), Errno> {
        self.process().table().hold(|hold| {
            let (trace, tracee) = self.find_stopped_tracee(hold, tid)?;
            if !trace.marks(hold).contains(TraceMarks::SEIZED | TraceMarks::JOB_STOP) {
                return Err(Errno::EIO);
            }
            trace.listen(hold);
            if trace.marks(hold).contains(TraceMarks::TRAP_NOTIFY) {
                trace.end_stop(hold);
                tracee.request_stop(hold);
            }
            Ok(())
        })
    }

    /// Ends the ptrace-stop of one of this thread's tracees, and returns it, for the kernel to wake.
    ///
    /// Serves ptrace(2) `PTRACE_CONT` and its like. The signal that comes along is the kernel's to keep for the tracee, from before this call; it counts behind the stop of a [signal](Self::trace_stop). A number that is no signal is `EIO`,
    /// if the tracee is there.
    ///
    /// # Errors
    ///
    /// As for [`stopped_tracee`](Self::stopped_tracee).
    pub fn resume_tracee(&self, tid: i32) -> Result<ARef<Self>, Errno> {
        self.process().table().hold(|hold| {
            let (trace, thread) = self.find_stopped_tracee(hold, tid)?;
            trace.end_stop(hold);
            Ok(ARef::from(thread))
        })
    }

    /// Changes the options of a tracee.
    ///
    /// Serves ptrace(2) `PTRACE_SETOPTIONS`.
    ///
    /// # Errors
    ///
    /// As for [`stopped_tracee`](Self::stopped_tracee).
    pub fn set_trace_options(&self, tid: i32, options: TraceOptions) -> Result<(), Errno> {
        self.process().table().hold(|hold| {
            let (trace, _) = self.find_stopped_tracee(hold, tid)?;
            trace.set_options(hold, options);
            Ok(())
        })
    }

    /// Lets a tracee go: it runs on, or back into its group's stop; it is [told](Host::tracing_changed).
    ///
    /// Serves ptrace(2) `PTRACE_DETACH`, with a signal as [`resume_tracee`](Self::resume_tracee). R-PTRACE-05.
    ///
    /// # Errors
    ///
    /// As for [`stopped_tracee`](Self::stopped_tracee).
    pub fn detach(&self, tid: i32) -> Result<(), Errno> {
        self.process().table().hold(|hold| {
            let (trace, _) = self.find_stopped_tracee(hold, tid)?;
            trace.detach_from_tracer(hold);
            Ok(())
        })
    }

    /// Returns whether a thread traces this one. Wait-free: a thread that delivers a signal asks whether a tracer is to see it first.
    pub fn is_traced(&self) -> bool {
        self.has_mark(ThreadMark::Traced)
    }

    /// Returns the thread that traces this one. `TracerPid` of /proc is its number. Takes the lock.
    pub fn tracer(&self) -> Option<ARef<Self>> {
        self.process().table().hold(|hold| self.tracer_in(hold).map(ARef::from))
    }

    /// Returns whether this thread was stopped with its group when its tracer came, and has not stopped for that yet. Wait-free.
    ///
    /// The condition of the sleep behind [`attach`](Self::attach). The stop wakes the tracer's waiters ([`Host::wake_waiters`]); an end of the tracee as well. Linux: `JOBCTL_TRAPPING`.
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
    /// use axprocess::{ForkRequest, Signal, ThreadStop, TraceOptions, TraceStart};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let [debugger, child] = [init.fork(ForkRequest::default(), (), ())?, init.fork(ForkRequest::default(), (), ())?];
    /// child.begin_stop(Signal::SIGSTOP, child.process().stop_ticket());
    /// child.join_stop();
    /// let tracee = debugger.attach(3, TraceStart::Seize, TraceOptions::empty())?;
    /// assert!(tracee.is_trapping());
    /// assert_eq!(child.join_stop(), ThreadStop::Trapped); // as `Host::tracing_changed` has asked it to
    /// assert!(!tracee.is_trapping());
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn is_trapping(&self) -> bool {
        let is_killed = self.attention().contains(Attention::EXIT);
        self.has_mark(ThreadMark::Trapping) && !is_killed && self.is_live()
    }

    /// Returns whether the last tracer of this thread has gone without having waited for the stop in which the thread was. Wait-free.
    ///
    /// For the thread itself, woken by [`Host::tracing_changed`] out of the [stop](Self::trace_stop) for a signal: if so, and its tracer has not given another with `PTRACE_DETACH`, the signal is delivered. Else it is lost. Linux: what is
    /// left in `exit_code`. R-PTRACE-05.
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
    /// use axprocess::{ExitStatus, ForkRequest, Signal, TraceOptions, TraceStart, WaitRequest};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let child = init.fork(ForkRequest::default(), (), ())?;
    /// for waits in [false, true] {
    ///     let debugger = init.fork(ForkRequest::default(), (), ())?;
    ///     debugger.attach(2, TraceStart::Seize, TraceOptions::empty())?;
    ///     child.trace_stop(Signal::SIGTERM.into());
    ///     if waits {
    ///         debugger.wait(&WaitRequest::wait4(2, 0)?)?;
    ///     }
    ///     debugger.exit_thread(ExitStatus::exited(0));
    ///     assert_eq!(child.was_let_go_unread(), !waits);
    /// }
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn was_let_go_unread(&self) -> bool {
        self.has_mark(ThreadMark::LetGoUnread)
    }

    pub(crate) fn tracer_in<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Self> {
        self.trace(hold)?.tracer(hold)?.thread(hold)
    }

    pub(crate) fn tracing_in(&self, hold: &Hold<'_, H>) -> Option<(TraceStart, TraceOptions)> {
        let trace = self.trace(hold)?;
        trace.tracer(hold)?;
        Some(trace.tracing(hold))
    }

    /// Whether it has to exit, and has not begun to. Of an exec those have who were asked to, and not who executes.
    fn is_killed(&self, hold: &Hold<'_, H>) -> bool {
        let is_asked = self.attention().contains(Attention::EXIT);
        (is_asked || self.process().has(hold, Marks::GROUP_EXIT))
            && !self.has_mark(ThreadMark::ExitBegun)
    }

    /// Whether a thread traces it; also when it has exited.
    pub(super) fn is_traced_in(&self, hold: &Hold<'_, H>) -> bool {
        self.trace(hold).is_some_and(|trace| trace.tracer(hold).is_some())
    }

    /// Whether a thread of the parent's process traces it.
    pub(super) fn is_traced_by_parent(&self, hold: &Hold<'_, H>) -> bool {
        let tracer = self.trace(hold).and_then(|trace| trace.tracer(hold));
        tracer.is_some_and(|tracer| self.process().is_child_of(hold, tracer.process(hold)))
    }

    fn find_stopped_tracee<'h>(
        &self,
        hold: &Hold<'h, H>,
        tid: i32,
    ) -> Result<(&'h PtraceRole<H>, &'h Self), Errno> {
        let (trace, thread) = self.find_tracee(hold, tid)?;
        let marks = trace.marks(hold) & (TraceMarks::STOPPED | TraceMarks::LISTENING);
        match marks == TraceMarks::STOPPED && !trace.is_renumbered_unread(hold) {
            true => Ok((trace, thread)),
            false => Err(Errno::ESRCH),
        }
    }

    /// Whom a number means to this thread, if that is anybody.
    fn task_named<'h>(&self, hold: &Hold<'h, H>, tid: i32) -> Option<Task<H>> {
        self.process().pid_ns(hold).task_of(hold, Pid::try_from(tid).ok()?)
    }

    fn find_tracee<'h>(
        &self,
        hold: &Hold<'h, H>,
        tid: i32,
    ) -> Result<(&'h PtraceRole<H>, &'h Self), Errno> {
        let task = self.task_named(hold, tid);
        let thread = match task.ok_or(Errno::ESRCH)? {
            Task::Process(process) => process.get(hold).leading_thread(hold),
            Task::Thread(thread) => thread.get(hold),
        };
        let trace = thread.trace(hold).ok_or(Errno::ESRCH)?;
        let tracer = trace.tracer(hold).ok_or(Errno::ESRCH)?;
        let is_mine = self.trace(hold).is_some_and(|own| core::ptr::eq(own, tracer));
        if is_mine { Ok((trace, thread)) } else { Err(Errno::ESRCH) }
    }
}
