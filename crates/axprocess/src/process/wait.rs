//! What a parent learns of its children: wait4(2) and waitid(2).
//!
//! Who asks: a thread, about the children of its whole process, its own first. Who answers: the
//! queues of children with something to report, which are kept in birth order, so that the answer is Linux's (R-WAIT-14) without a look at
//! the children that live. What is reported is consumed in the same hold, by one waiter (R-WAIT-24).
//!
//! When there is nothing yet, the answer is a [`WaitToken`], taken in the same hold. Every event
//! that could change the answer makes it stale under the lock and calls [`Host::wake_waiters`]; so a kernel that
//! sleeps "until the token is stale" loses no wake-up:
//!
//! ```text
//! loop {
//!     match thread.wait(&request)? {
//!         WaitOutcome::Event(event) => return Ok(event),
//!         WaitOutcome::NothingYet(token) => queue.sleep_until(|| process.has_news_since(token)),
//!     }
//! }
//! ```

mod pidfd;

use alloc::sync::Arc;
use core::fmt;

pub use pidfd::{Patience, PidfdMode};

use super::family::{Children, Parentage};
use super::{Marks, Process, ProcessState};
use crate::group::ProcessGroup;
use crate::pid::Task;
use crate::sync::Hold;
use crate::terminal::NumberUse;
use crate::thread::Thread;
use crate::{Errno, ExitSignal, Host, Pid, Usage, WaitStatus};

bitflags::bitflags! {
    /// The options of wait4(2) and waitid(2), with Linux's values.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct WaitOptions: u32 {
        /// Do not sleep. The model never sleeps: this is for the kernel to look at.
        const NOHANG = 1;
        /// Report stops (`WUNTRACED` of wait4, `WSTOPPED` of waitid).
        const STOPPED = 2;
        /// Report ends.
        const EXITED = 4;
        /// Report continuations.
        const CONTINUED = 8;
        /// Report without consuming.
        const NOWAIT = 0x0100_0000;
        /// Only the calling thread's own children.
        const NOTHREAD = 0x2000_0000;
        /// Children of every kind.
        const ALL = 0x4000_0000;
        /// Only children that do not end with `SIGCHLD`.
        const CLONE = 0x8000_0000;
    }
}

/// Whose events are waited for, and which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitRequest {
    who: Who,
    options: WaitOptions,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    Any,
    Process(Pid),
    Group(Pid),
    OwnGroup,
    /// The process that a handle names, if it is one's.
    Handle(Option<NumberUse>, PidfdMode),
}

const KINDS: WaitOptions = WaitOptions::NOTHREAD.union(WaitOptions::ALL).union(WaitOptions::CLONE);
const EVENTS: WaitOptions =
    WaitOptions::EXITED.union(WaitOptions::STOPPED).union(WaitOptions::CONTINUED);

impl WaitRequest {
    /// Reads the arguments of wait4(2). R-WAIT-01, R-WAIT-03.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: an option that wait4 does not know. `ESRCH`: `pid` is `i32::MIN`.
    ///
    /// ```
    /// use axprocess::{Errno, WaitRequest};
    /// assert!(WaitRequest::wait4(-1, 1).is_ok());
    /// assert_eq!(WaitRequest::wait4(i32::MIN, 0), Err(Errno::ESRCH));
    /// assert_eq!(WaitRequest::wait4(i32::MIN, 4), Err(Errno::EINVAL));
    /// ```
    pub fn wait4(pid: i32, options: i32) -> Result<Self, Errno> {
        let known = WaitOptions::NOHANG | WaitOptions::STOPPED | WaitOptions::CONTINUED | KINDS;
        let options = parse_options(options, known)? | WaitOptions::EXITED;
        let who = match pid {
            i32::MIN => return Err(Errno::ESRCH),
            -1 => Who::Any,
            0 => Who::OwnGroup,
            group if group < 0 => Who::Group(group.unsigned_abs()),
            process => Who::Process(process.unsigned_abs()),
        };
        Ok(Self { who, options })
    }

    /// Reads the arguments of waitid(2) for `P_ALL` (0), `P_PID` (1) and `P_PGID` (2). R-WAIT-02.
    ///
    /// # Errors
    ///
    /// `EINVAL`: an option that waitid does not know; no event asked for; a number that the kind does not allow; another kind.
    ///
    /// ```
    /// use axprocess::{Errno, WaitRequest};
    /// const WEXITED: i32 = 4;
    /// assert!(WaitRequest::waitid(0, 77, WEXITED).is_ok());
    /// assert_eq!(WaitRequest::waitid(1, 0, WEXITED), Err(Errno::EINVAL));
    /// assert_eq!(WaitRequest::waitid(0, 0, 0), Err(Errno::EINVAL));
    /// ```
    pub fn waitid(kind: i32, id: i32, options: i32) -> Result<Self, Errno> {
        let known = WaitOptions::NOHANG | WaitOptions::NOWAIT | EVENTS | KINDS;
        let options = parse_options(options, known)?;
        if !options.intersects(EVENTS) {
            return Err(Errno::EINVAL);
        }
        let who = match (kind, id) {
            (0, _) => Who::Any,
            (1, 1..) => Who::Process(id.unsigned_abs()),
            (2, 0) => Who::OwnGroup,
            (2, 1..) => Who::Group(id.unsigned_abs()),
            _ => return Err(Errno::EINVAL),
        };
        Ok(Self { who, options })
    }

    /// Returns the same request, asking without consuming the answer (`WNOWAIT`).
    #[must_use]
    pub fn without_consuming(self) -> Self {
        Self { options: self.options | WaitOptions::NOWAIT, ..self }
    }

    /// Returns the options.
    pub const fn options(&self) -> WaitOptions {
        self.options
    }
}

fn parse_options(options: i32, known: WaitOptions) -> Result<WaitOptions, Errno> {
    let options = WaitOptions::from_bits(options.cast_unsigned()).ok_or(Errno::EINVAL)?;
    if known.contains(options) { Ok(options) } else { Err(Errno::EINVAL) }
}

/// The answer to a [`WaitRequest`] that has candidates.
pub enum WaitOutcome<H: Host> {
    /// A child has reported; unless `NOWAIT` was asked, it will not report this again.
    Event(WaitEvent<H>),
    /// There are children to wait for, and none has anything to report. With `NOHANG` the call returns 0 now, otherwise it sleeps
    /// until the token is [stale](Process::has_news_since) or a signal comes, and asks again.
    NothingYet(WaitToken),
}

impl<H: Host> fmt::Debug for WaitOutcome<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event) => event.fmt(f),
            Self::NothingYet(token) => token.fmt(f),
        }
    }
}

/// What one child has reported.
pub struct WaitEvent<H: Host> {
    /// The child's number, as the caller sees it (R-WAIT-25).
    pub pid: Pid,
    /// What became of it.
    pub status: WaitStatus,
    /// What it and the children that it waited for have used. R-RUSAGE-02.
    pub usage: H::Usage,
    /// The child. After an end that was consumed, it is reaped.
    pub process: Arc<Process<H>>,
}

impl<H: Host> fmt::Debug for WaitEvent<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("WaitEvent");
        shown.field("pid", &self.pid).field("status", &self.status).finish_non_exhaustive()
    }
}

/// Proof that there was nothing to report at one moment; see [`Process::has_news_since`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitToken {
    news: u32,
}

impl<H: Host> Thread<H> {
    /// Asks what has become of the children, and consumes the answer.
    ///
    /// Serves wait4(2) and waitid(2): parse with [`WaitRequest`], call this, sleep on `NothingYet`. A child that has ended and is
    /// reported is reaped in the same hold, and its usage is added to the parent's. R-WAIT-04 to R-WAIT-08,
    /// R-WAIT-10 to R-WAIT-16, R-WAIT-19, R-WAIT-20, R-WAIT-24, R-WAIT-28, R-RUSAGE-01 to R-RUSAGE-03.
    ///
    /// # Errors
    ///
    /// `ECHILD`: no child matches that could ever report what is asked for.
    pub fn wait(&self, request: &WaitRequest) -> Result<WaitOutcome<H>, Errno> {
        let process = self.process();
        process.world().hold(|hold| {
            let search = Search::new(hold, self, request).ok_or(Errno::ECHILD)?;
            match search.first_report(hold) {
                Some((child, status)) => {
                    Ok(WaitOutcome::Event(search.consume(hold, child, status)))
                }
                None if search.has_candidate(hold) => {
                    Ok(WaitOutcome::NothingYet(WaitToken { news: process.news.get() }))
                }
                None => Err(Errno::ECHILD),
            }
        })
    }
}

impl<H: Host> Process<H> {
    /// Returns whether anything has happened to a child since the token was taken, so that `wait` is worth another try. Wait-free.
    pub fn has_news_since(&self, token: WaitToken) -> bool {
        self.news.get() != token.news
    }

    /// Returns what the children that were waited for have used, with theirs. Children that nobody waited for do not count.
    ///
    /// Serves getrusage(2) `RUSAGE_CHILDREN` and times(2). R-RUSAGE-01, R-RUSAGE-04.
    pub fn children_usage(&self) -> H::Usage {
        self.world.hold(|hold| self.children_usage.get(hold))
    }
}

/// One look at the children, under the lock.
struct Search<'h, H: Host> {
    caller: Parentage<'h, H>,
    selector: Selector<'h, H>,
    options: WaitOptions,
}

/// Whose events are waited for, as objects.
enum Selector<'h, H: Host> {
    Any,
    Process(&'h Process<H>),
    Group(&'h ProcessGroup<H>),
}

impl<'h, H: Host> Search<'h, H> {
    /// `None`: nobody has the number that is asked for (R-WAIT-04).
    fn new(hold: &Hold<'h, H>, caller: &Thread<H>, request: &WaitRequest) -> Option<Self> {
        let numbers = caller.process().space(hold).numbers(hold);
        let selector = match request.who {
            Who::Any => Selector::Any,
            Who::OwnGroup => Selector::Group(caller.process().group.get(hold)),
            Who::Group(pgid) => Selector::Group(numbers.roles(pgid)?.group?.get(hold)),
            Who::Process(pid) => match numbers.roles(pid)?.task? {
                Task::Process(process) => Selector::Process(process.get(hold)),
                Task::Thread(_) => return None,
            },
            Who::Handle(named, _) => Selector::Process(named?.process(hold)?),
        };
        let caller = Parentage::of_thread(caller, hold);
        Some(Self { caller, selector, options: request.options })
    }

    /// The first child, in the order of threads and births, that has something to report that is asked for.
    fn first_report(&self, hold: &mut Hold<'h, H>) -> Option<(&'h Process<H>, WaitStatus)> {
        if let Selector::Process(child) = self.selector {
            let report = self.report_of(hold, child)?;
            return self.matches(hold, child).then_some((child, report));
        }
        let mut found = None;
        self.each_list(hold, |hold, children| {
            found = children.reportable.iter(hold).find_map(|child| {
                let report = self.report_of(hold, child)?;
                self.matches(hold, child).then_some((child, report))
            });
            found.is_some()
        });
        found
    }

    /// Whether a child matches that has nothing to report yet. Reapable zombies are none: they never will (R-WAIT-11).
    fn has_candidate(&self, hold: &Hold<'h, H>) -> bool {
        let may_report =
            |child: &Process<H>| child.state() < ProcessState::Zombie && self.matches(hold, child);
        match self.selector {
            Selector::Process(child) => may_report(child),
            Selector::Group(group)
                if group.members().len(hold) < self.caller.children().list.len(hold) =>
            {
                group.members().iter(hold).any(may_report)
            }
            _ => {
                let mut found = false;
                self.each_list(hold, |hold, children| {
                    found = children.list.iter(hold).any(may_report);
                    found
                });
                found
            }
        }
    }

    /// Shows the lists of children in the order of R-WAIT-15, until `stop` says so: the calling thread's, then those of the
    /// threads behind it, then from the first on.
    fn each_list(
        &self,
        hold: &Hold<'h, H>,
        mut stop: impl FnMut(&Hold<'h, H>, &'h Children<H>) -> bool,
    ) {
        let Parentage { process, thread } = self.caller;
        let own = thread.or(process.leader(hold));
        let mut lists_of = |thread: &'h Thread<H>| {
            (process.leader.is(hold, thread) && stop(hold, &process.children))
                || stop(hold, thread.own_children())
        };
        let Some(own) = own else {
            stop(hold, &process.children);
            return;
        };
        if lists_of(own) || self.options.contains(WaitOptions::NOTHREAD) {
            return;
        }
        let behind = core::iter::successors(process.threads.after(hold, own), |thread| {
            process.threads.after(hold, thread)
        });
        let before = process.threads.iter(hold).take_while(|thread| !core::ptr::eq(*thread, own));
        for thread in behind.chain(before) {
            if lists_of(thread) {
                return;
            }
        }
    }

    /// Whether the child is one of those asked for. R-WAIT-05 to R-WAIT-08.
    fn matches(&self, hold: &Hold<'h, H>, child: &Process<H>) -> bool {
        let is_mine = if self.options.contains(WaitOptions::NOTHREAD) {
            child.is_child_of(hold, self.caller.process)
                && core::ptr::eq(
                    child.parentage(hold).map_or(core::ptr::null(), |of| of.children()),
                    self.caller.children(),
                )
        } else {
            child.is_child_of(hold, self.caller.process)
        };
        let is_clone = child.exit_signal.get(hold) != ExitSignal::SIGCHLD;
        let is_kind = self.options.contains(WaitOptions::ALL)
            || is_clone == self.options.contains(WaitOptions::CLONE);
        let is_selected = match self.selector {
            Selector::Any => true,
            Selector::Process(wanted) => core::ptr::eq(wanted, child),
            Selector::Group(group) => child.is_member_of(hold, group),
        };
        is_mine && is_kind && is_selected
    }

    /// What the child has to report of what is asked for: its end before a stop before a continuation (R-WAIT-13).
    fn report_of(&self, hold: &Hold<'h, H>, child: &Process<H>) -> Option<WaitStatus> {
        let wants = |event| self.options.contains(event);
        if child.state() == ProcessState::Zombie {
            return wants(WaitOptions::EXITED).then(|| child.exit_status().into());
        }
        if let Some(stop) = child.stop_report(hold).filter(|_| wants(WaitOptions::STOPPED)) {
            return Some(stop);
        }
        (wants(WaitOptions::CONTINUED) && child.has(hold, Marks::CONTINUE_REPORT))
            .then_some(WaitStatus::Continued)
    }

    fn consume(
        &self,
        hold: &mut Hold<'h, H>,
        child: &'h Process<H>,
        status: WaitStatus,
    ) -> WaitEvent<H> {
        let mut usage = hold.host().usage(child);
        usage.add(child.children_usage.get(hold));
        let process = if self.options.contains(WaitOptions::NOWAIT) {
            child.share(hold)
        } else {
            match status {
                WaitStatus::Stopped(_) => child.consume_report(hold, Marks::STOP_REPORT),
                WaitStatus::Continued => child.consume_report(hold, Marks::CONTINUE_REPORT),
                WaitStatus::Exited(_) | WaitStatus::Signaled { .. } => {
                    let parent = self.caller.process;
                    let mut total = parent.children_usage.get(hold);
                    total.add(usage);
                    parent.children_usage.set(hold, total);
                    child.claim(hold)
                }
            }
        };
        let process = process.expect("a child that reports is in its parent's list");
        let pid = child.identity.number_in(hold, self.caller.process.space(hold));
        WaitEvent { pid, status, usage, process }
    }
}

impl<H: Host> Process<H> {
    fn consume_report(&self, hold: &mut Hold<'_, H>, report: Marks) -> Option<Arc<Self>> {
        self.unmark(hold, report);
        self.queue_report(hold);
        self.share(hold)
    }

    /// Reaps the zombie for its waiter, and lets the other waiters look again: there may be nothing left for them (R-WAIT-24).
    fn claim(&self, hold: &mut Hold<'_, H>) -> Option<Arc<Self>> {
        #[cfg(feature = "planted-faults")]
        if crate::faults::is_planted(crate::faults::Fault::ReapedTwice) {
            return self.share(hold);
        }
        let parent = self.parent.get(hold);
        let link = self.reap(hold);
        if let Some(parent) = parent {
            parent.wake(hold);
        }
        link
    }
}
