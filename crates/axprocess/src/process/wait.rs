//! What a parent learns of its children: wait4(2) and waitid(2).
//!
//! Who asks: a thread, about the children of its whole process, its own first. Who answers: the
//! queues of children with something to report, which are kept in birth order and know what is reported in them, so that the answer is Linux's (R-WAIT-14) without a look at
//! the children that live, or at what is not asked for. What is reported is consumed in the same hold, by one waiter (R-WAIT-24).
//!
//! | file | what |
//! | --- | --- |
//! | `request`, `pidfd` | what is waited for, as numbers and flags |
//! | `target` | who that was when the call began |
//! | `collect` | the fast path: a zombie that was always on it is found at once, and reaped |
//! | `search` | one look at all the children |
//! | `news` | what happened to a child, and whom that wakes |
//! | `future`, `sleeper` | a wait as a future |
//!
//! # A call that sleeps
//!
//! A kernel whose threads are futures awaits [`WaitCall::event`]. For one whose threads block:
//!
//! A call ([`WaitCall`]) begins with the look-up of whom its numbers name, and keeps that through all its looks, as Linux does (R-WAIT-03).
//! When there is nothing yet, the answer is a [`WaitToken`], taken in the hold of the look. Whatever happens to a child makes tokens stale
//! under the lock and then calls [`Host::wake_waiters`], with the [`ChildNews`] that tells which sleepers it concerns (R-WAIT-09). So a kernel
//! that puts itself into its queue, then looks at the token once, then sleeps until the hook wakes it, loses no wake-up:
//!
//! ```text
//! let call = thread.begin_wait(&request);
//! loop {
//!     match call.poll()? {
//!         WaitOutcome::Event(event) => return Ok(event),
//!         WaitOutcome::NothingYet(token) => {
//!             let place = queue.enter(token);           // the hook wakes the places with token.is_woken_by(news)
//!             if process.has_news_since(token) { continue; }
//!             if place.sleep() == Interrupted {
//!                 match call.poll()? {                  // ECHILD comes before EINTR
//!                     WaitOutcome::Event(event) => return Ok(event),
//!                     WaitOutcome::NothingYet(_) => return Err(Errno::EINTR),
//!                 }
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! A kernel whose queue does not look at the news is right in all but one thing: a sleeper for a group may learn of `ECHILD` where Linux
//! lets it sleep on, because the last child has left the group.

mod collect;
mod future;
mod news;
mod pidfd;
mod request;
mod search;
mod sleeper;
mod target;

use core::fmt;

pub use future::WaitFuture;
pub use news::{ChildNews, WaitToken};
pub use pidfd::{Patience, PidfdMode};
pub use request::{WaitOptions, WaitRequest};
use search::{Pause, Search, Step};
pub(crate) use sleeper::{Sleeper, Sleepers};
use target::Target;

use super::Process;
use crate::sync::Hold;
use crate::thread::Thread;
use crate::{ARef, Errno, Host, Pid, WaitStatus};

/// The answer to a [`WaitRequest`] that has candidates.
pub enum WaitOutcome<H: Host> {
    /// A child has reported; unless `NOWAIT` was asked, it will not report this again.
    Event(WaitEvent<H>),
    /// There are children to wait for, and none has anything to report. With `NOHANG` the call returns 0 now ([`WaitRequest::patience`] says so), otherwise it sleeps
    /// until a child has [news](WaitToken::is_woken_by) or a signal comes, and asks again.
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
///
/// waitid(2) stores `SIGCHLD`, `pid`, the real user of `process`, and [`WaitStatus::si_code_and_status`] (R-WAIT-17), or zeros if there is no event and on
/// an error (R-WAIT-18); wait4(2) stores [`WaitStatus::to_raw`]. A bad address is `EFAULT` after the event was consumed (R-WAIT-21).
pub struct WaitEvent<H: Host> {
    /// The child's number, as the caller sees it (R-WAIT-25).
    pub pid: Pid,
    /// What became of it.
    pub status: WaitStatus,
    /// What it and the children that it waited for have used. R-RUSAGE-02.
    pub usage: H::Usage,
    /// The child, or the process of a tracee. After an end that was consumed it is reaped, unless the caller was a tracer: then its parent is to hear of it next, or it was the end of a thread alone.
    pub process: ARef<Process<H>>,
}

impl<H: Host> fmt::Debug for WaitEvent<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("WaitEvent");
        shown.field("pid", &self.pid).field("status", &self.status).finish_non_exhaustive()
    }
}

/// One wait4(2) or waitid(2), from its beginning to its answer: it keeps whom the numbers of its request named when it began.
///
/// Made by [`Thread::begin_wait`]. It keeps no number busy, and nobody alive but the caller.
pub struct WaitCall<'a, H: Host> {
    caller: &'a Thread<H>,
    target: Target,
    options: WaitOptions,
}

impl<H: Host> WaitCall<'_, H> {
    /// Asks what has become of the children, and consumes the answer.
    ///
    /// Serves wait4(2) and waitid(2): called at once, and again after each wake-up; [`Thread::wait`] is a call that asks once. R-WAIT-04 to R-WAIT-16, R-WAIT-24.
    ///
    /// # Errors
    ///
    /// `ECHILD`: no child matches that could ever report what is asked for.
    pub fn poll(&self) -> Result<WaitOutcome<H>, Errno> {
        let table = self.caller.process().table();
        let mut paused = None;
        let begin = |hold: &mut Hold<'_, H>| {
            Look::begin(hold, self.caller, &self.target, self.options, &mut paused)
        };
        table.hold(begin).unwrap_or_else(|| Look::finish(&mut paused))
    }

    /// Returns the options. Takes no lock.
    pub const fn options(&self) -> WaitOptions {
        self.options
    }
}

impl<H: Host> Thread<H> {
    /// Begins a call that may sleep: looks up whom the request's numbers name now.
    ///
    /// Serves wait4(2) and waitid(2) that may sleep. The caller's own group is the one that it is in at this moment, also if it moves later, and also if it cannot see that group's number.
    /// Who has no such number has no such child, whoever gets the number later. R-WAIT-03, R-WAIT-04, R-WAIT-27.
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
    /// use axprocess::{ExitStatus, ForkRequest, WaitOutcome, WaitRequest};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let shell = init.fork(ForkRequest::default(), (), ())?;
    /// let child = shell.fork(ForkRequest::default(), (), ())?;
    ///
    /// let call = shell.begin_wait(&WaitRequest::wait4(0, 0)?);
    /// let WaitOutcome::NothingYet(token) = call.poll()? else { panic!("the child lives") };
    /// shell.process().setsid()?;
    /// child.exit_thread(ExitStatus::exited(0));
    /// assert!(shell.process().has_news_since(token));
    /// assert!(matches!(call.poll()?, WaitOutcome::Event(_)));
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn begin_wait(&self, request: &WaitRequest) -> WaitCall<'_, H> {
        let target = match request.is_for_any() {
            true => Target::Any,
            false => self.process().table().hold(|hold| Target::of(hold, self, request)),
        };
        WaitCall { caller: self, target, options: request.options() }
    }

    /// Asks once what has become of the children, and consumes the answer.
    ///
    /// Serves wait4(2) and waitid(2) with `WNOHANG`; a call that may sleep is a [`WaitCall`]. A child that has ended and is
    /// reported is reaped in the same hold, and its usage is added to the parent's. R-WAIT-04 to R-WAIT-08,
    /// R-WAIT-10 to R-WAIT-16, R-WAIT-19, R-WAIT-20, R-WAIT-24, R-WAIT-28, R-RUSAGE-01 to R-RUSAGE-03.
    ///
    /// # Errors
    ///
    /// `ECHILD`: no child matches that could ever report what is asked for.
    pub fn wait(&self, request: &WaitRequest) -> Result<WaitOutcome<H>, Errno> {
        let (mut begun, mut paused) = (None, None);
        let event = self.process().table().hold(|hold| {
            let zombie = self.fast_path_zombie(hold, request);
            if zombie.is_none() {
                begun = self.begin_look(hold, request, &mut paused);
            }
            zombie.map(|zombie| self.collect(hold, zombie))
        });
        match event {
            Some(event) => Ok(WaitOutcome::Event(event)),
            None => begun.unwrap_or_else(|| Look::finish(&mut paused)),
        }
    }

    #[inline(never)]
    fn begin_look<'a>(
        &'a self,
        hold: &mut Hold<'_, H>,
        request: &WaitRequest,
        paused: &mut Option<Look<'a, H>>,
    ) -> Option<Result<WaitOutcome<H>, Errno>> {
        let target = Target::of(hold, self, request);
        Look::begin(hold, self, &target, request.options(), paused)
    }
}

impl<H: Host> Process<H> {
    /// Returns what the children that were waited for have used, with theirs. Children that nobody waited for do not count. Takes the lock.
    ///
    /// Serves getrusage(2) `RUSAGE_CHILDREN` and times(2). R-RUSAGE-01, R-RUSAGE-04.
    pub fn children_usage(&self) -> H::Usage {
        self.table().hold(|hold| self.children_usage.get(hold))
    }
}

/// One look at the children, in as many holds as it takes.
struct Look<'a, H: Host> {
    caller: &'a Thread<H>,
    target: Target,
    options: WaitOptions,
    /// From the first hold.
    token: WaitToken,
    stage: Stage,
    pause: Option<Pause<H>>,
}

/// What is being looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Report,
    Candidate,
}

impl<'a, H: Host> Look<'a, H> {
    /// Looks in one hold, as far as that allows. `None`: it goes on with `paused`.
    #[inline]
    fn begin(
        hold: &mut Hold<'_, H>,
        caller: &'a Thread<H>,
        target: &Target,
        options: WaitOptions,
        paused: &mut Option<Self>,
    ) -> Option<Result<WaitOutcome<H>, Errno>> {
        let Some(search) = Search::new(hold, caller, target, options) else {
            return Some(Err(Errno::ECHILD));
        };
        if let Some((child, status)) = search.report_without_walk(hold) {
            return Some(Ok(WaitOutcome::Event(search.consume_unless_nowait(hold, child, status))));
        }
        Self::begin_walk(hold, caller, target, options, paused)
    }

    #[inline(never)]
    fn begin_walk(
        hold: &mut Hold<'_, H>,
        caller: &'a Thread<H>,
        target: &Target,
        options: WaitOptions,
        paused: &mut Option<Self>,
    ) -> Option<Result<WaitOutcome<H>, Errno>> {
        let (token, stage) = (WaitToken::new(caller, target, options), Stage::Report);
        let look = Self { caller, target: *target, options, token, stage, pause: None };
        paused.insert(look).go_on(hold)
    }

    /// Looks on, in as many holds as it takes.
    #[cold]
    fn finish(paused: &mut Option<Self>) -> Result<WaitOutcome<H>, Errno> {
        let look = paused.as_mut().ok_or(Errno::ECHILD)?;
        loop {
            if let Some(answer) = look.caller.process().table().hold(|hold| look.go_on(hold)) {
                return answer;
            }
        }
    }

    /// Goes as far as the hold allows. `None`: there is no answer yet.
    fn go_on(&mut self, hold: &mut Hold<'_, H>) -> Option<Result<WaitOutcome<H>, Errno>> {
        let Some(search) = Search::new(hold, self.caller, &self.target, self.options) else {
            return Some(Err(Errno::ECHILD));
        };
        if self.stage == Stage::Report {
            match search.find_report(hold, &mut self.pause) {
                Step::Found((child, status)) => {
                    return Some(Ok(WaitOutcome::Event(
                        search.consume_unless_nowait(hold, child, status),
                    )));
                }
                Step::Nothing => self.stage = Stage::Candidate,
                Step::Full => return None,
            }
        }
        match search.find_awaitable(hold, &mut self.pause) {
            Step::Found(()) => Some(Ok(WaitOutcome::NothingYet(self.token))),
            Step::Nothing => Some(Err(Errno::ECHILD)),
            Step::Full => None,
        }
    }
}
