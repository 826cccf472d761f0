//! Whom a signal hits: kill(2), tkill(2), tgkill(2).
//!
//! The number is looked up, the permission is asked for and the signal is handed to the host in one hold per call, also
//! when a call hits many. Linux holds its lock over all of them as well, and it has to: a group signal and a fork are
//! ordered, so a child is either a member that is hit, or is not made, because its parent has the signal first and the
//! fork asks [`Host::is_fatal_signal_pending`] in its own hold (F7, B17). Half a group would leave such a child out.
//!
//! Sending has effects before the receiver runs, in this order: `SIGCONT` ends a stop (R-STOP-02), the host queues the signal
//! and discards what it makes void (R-STOP-01). A process whose exit is decided, or a zombie, accepts every signal and takes
//! none of them (R-EXIT-12, R-KILL-06).
//!
//! Errors come in this order: no target, no signal of that number, no permission (B41).

use super::Process;
use crate::group::ProcessGroup;
use crate::pid::Task;
use crate::sync::Hold;
use crate::thread::{Thread, ThreadState};
use crate::{Errno, Host, Pid, Signal, SignalCause, SignalInfo};

impl<H: Host> Process<H> {
    /// Sends a signal to a process, a group, or all processes; signal 0 only asks whether one could.
    ///
    /// Serves kill(2), with this process as the caller. `pid` > 0: the process of that process or thread. 0: the caller's
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
    /// #     type Usage = ();
    /// # }
    /// use axprocess::{Errno, ForkRequest};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let child = init.fork(ForkRequest::default(), (), ())?;
    /// assert_eq!(child.process().kill(1, 15), Ok(()));
    /// assert_eq!(child.process().kill(1, 65), Err(Errno::EINVAL));
    /// assert_eq!(child.process().kill(77, 65), Err(Errno::ESRCH));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn kill(&self, pid: i32, signal: i32) -> Result<(), Errno> {
        self.world.hold(|hold| {
            let own = self.in_hold(hold);
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
                    let named = target.thread.filter(|it| !target.process.leader.is(hold, it));
                    sending.hit_process(hold, target.process, named)
                }
            }
        })
    }

    /// Sends a signal to one thread; signal 0 only asks whether one could.
    ///
    /// Serves tkill(2), with this process as the caller. R-KILL-07, R-KILL-08.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: `tid` is not positive. `ESRCH`: no such thread. `EINVAL`: no such signal. `EPERM`: the host does not allow it.
    pub fn tkill(&self, tid: i32, signal: i32) -> Result<(), Errno> {
        if tid <= 0 {
            return Err(Errno::EINVAL);
        }
        self.world.hold(|hold| {
            let target = self.find_target(hold, tid).ok_or(Errno::ESRCH)?;
            self.send_to_thread(hold, target, signal)
        })
    }

    /// Sends a signal to one thread, if it belongs to the process `tgid`; signal 0 only asks whether one could.
    ///
    /// Serves tgkill(2), with this process as the caller. R-KILL-07, R-KILL-08.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: a number is not positive. `ESRCH`: no such thread in that process. `EINVAL`: no such signal.
    /// `EPERM`: the host does not allow it.
    pub fn tgkill(&self, tgid: i32, tid: i32, signal: i32) -> Result<(), Errno> {
        if tid <= 0 || tgid <= 0 {
            return Err(Errno::EINVAL);
        }
        self.world.hold(|hold| {
            let target = self.find_target(hold, tid).ok_or(Errno::ESRCH)?;
            if target.process.number_seen_by(hold, self) != tgid.unsigned_abs() {
                return Err(Errno::ESRCH);
            }
            self.send_to_thread(hold, target, signal)
        })
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
            || hold.host().may_signal(self, target, signal)
    }

    /// Delivers a signal to the process as a whole, unless its exit is decided.
    pub(crate) fn send(&self, hold: &mut Hold<'_, H>, info: &SignalInfo) {
        self.send_favouring(hold, None, info);
    }

    /// The same; of the threads, `favourite` is the first choice.
    pub(super) fn send_favouring(
        &self,
        hold: &mut Hold<'_, H>,
        favourite: Option<&Thread<H>>,
        info: &SignalInfo,
    ) {
        self.deliver(hold, info, |host| self.post(host, favourite, info));
    }

    /// Hands a signal for the whole process to the host.
    pub(super) fn post(&self, host: &H, favourite: Option<&Thread<H>>, info: &SignalInfo) {
        match favourite {
            Some(favourite) => host.post_signal_favouring(self, favourite, info),
            None => host.post_signal(self, info),
        }
    }

    fn deliver(&self, hold: &mut Hold<'_, H>, info: &SignalInfo, post: impl FnOnce(&H)) {
        if self.can_stop(hold) {
            self.end_stop_by(hold, info.signal);
            post(hold.host());
            self.count_continue(hold, info.signal);
        }
    }

    fn send_to_thread(
        &self,
        hold: &mut Hold<'_, H>,
        target: Target<'_, H>,
        signal: i32,
    ) -> Result<(), Errno> {
        let signal = Signal::from_argument(signal)?;
        if !self.may_send(hold, target.process, signal) {
            return Err(Errno::EPERM);
        }
        let Some(signal) = signal else {
            return Ok(());
        };
        let cause = SignalCause::Thread { pid: self.number_shown_to(hold, target.process) };
        let info = SignalInfo { signal, cause };
        target.process.deliver(hold, &info, |host| {
            // A thread that exits accepts it like the leader that has exited, and never sees it.
            if let Some(thread) = target.thread.filter(|it| it.state() == ThreadState::Live) {
                host.post_thread_signal(thread, &info);
            }
        });
        Ok(())
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
    pub(super) fn number_seen_by(&self, hold: &Hold<'_, H>, viewer: &Self) -> Pid {
        self.in_hold(hold).identity().number_in(hold, viewer.space(hold))
    }

    /// What `si_pid` says of this sender: its own number, untranslated; 0 if the target cannot see it. R-KILL-07.
    fn number_shown_to(&self, hold: &Hold<'_, H>, target: &Self) -> Pid {
        let is_visible = self.number_seen_by(hold, target) > 0;
        if is_visible { self.pid() } else { 0 }
    }

    fn find_target<'h>(&self, hold: &Hold<'h, H>, number: i32) -> Option<Target<'h, H>> {
        let number = Pid::try_from(number).ok()?;
        Some(match self.space(hold).roles(hold, number)?.task? {
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

    fn find_group<'h>(&self, hold: &Hold<'h, H>, pgid: Pid) -> Option<&'h ProcessGroup<H>> {
        Some(self.space(hold).roles(hold, pgid)?.group?.get(hold))
    }

    /// Whether kill(−1) by `caller` means this process: it has a number above 1 in the caller's namespace, and is not the caller. R-KILL-04, R-NS-13.
    fn is_one_of_all(&self, hold: &Hold<'_, H>, caller: &Self) -> bool {
        !core::ptr::eq(self, caller) && self.number_seen_by(hold, caller) > 1
    }

    /// The process after this one in a walk over the whole tree, parents before children.
    fn next_of_all<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Self> {
        let mut next = self.first_child(hold);
        let mut at = self.in_hold(hold);
        while next.is_none() {
            let parent = at.parent.get(hold)?;
            next = parent.child_after(hold, at);
            at = parent;
        }
        next
    }
}

/// One kill(2): who sends what.
struct Sending<'h, H: Host> {
    sender: &'h Process<H>,
    /// A wrong number is an error only where there is a target.
    signal: Result<Option<Signal>, Errno>,
    /// One of the targets does not see the sender. Linux then shows no sender to those behind it either: all get the same siginfo.
    is_hidden: bool,
}

impl<'h, H: Host> Sending<'h, H> {
    fn new(sender: &'h Process<H>, signal: i32) -> Self {
        Self { sender, signal: Signal::from_argument(signal), is_hidden: false }
    }

    fn hit_process(
        &mut self,
        hold: &mut Hold<'h, H>,
        target: &Process<H>,
        favourite: Option<&Thread<H>>,
    ) -> Result<(), Errno> {
        let signal = self.signal?;
        if !self.sender.may_send(hold, target, signal) {
            return Err(Errno::EPERM);
        }
        if let Some(signal) = signal {
            let shown = self.sender.number_shown_to(hold, target);
            self.is_hidden |= shown == 0;
            let cause = SignalCause::User { pid: if self.is_hidden { 0 } else { shown } };
            target.send_favouring(hold, favourite, &SignalInfo { signal, cause });
        }
        Ok(())
    }

    /// One success is success; else the last member's error (R-KILL-03, B16, T9).
    fn hit_group(&mut self, hold: &mut Hold<'h, H>, group: &ProcessGroup<H>) -> Result<(), Errno> {
        let mut result = Err(Errno::ESRCH);
        let mut at = group.members().last(hold);
        while let Some(member) = at {
            hold.touch();
            let answer = self.hit_process(hold, member, None);
            if result.is_err() {
                result = answer;
            }
            at = group.members().before(hold, member);
        }
        result
    }

    /// Whoever may not be hit is hit in vain, and does not count as an error (R-KILL-04, B15).
    fn hit_all(&mut self, hold: &mut Hold<'h, H>) -> Result<(), Errno> {
        let mut result = Err(Errno::ESRCH);
        let mut at = hold.init();
        while let Some(process) = at {
            hold.touch();
            if process.is_one_of_all(hold, self.sender) {
                let answer = self.hit_process(hold, process, None);
                result = if answer == Err(Errno::EPERM) { Ok(()) } else { answer };
            }
            at = process.next_of_all(hold);
        }
        result
    }
}
