//! What happens to a child, and which sleepers learn of it. R-WAIT-09.
//!
//! Linux wakes a thread that sleeps in wait only for a child that its call is for at that moment: of that number or, at that moment, in that
//! group, and with `__WNOTHREAD` a child of that very thread that no other traces. Nobody is woken because a child has ceased to match.

use super::WaitOptions;
use super::sleeper::make_sleepers_due;
use super::target::{ChildId, Target};
use crate::Host;
use crate::pid::IdentityKey;
use crate::process::{Process, PtraceRole};
use crate::sync::Hold;
use crate::thread::Thread;

/// Something has happened to a child: it ended, stopped, continued or vanished.
///
/// Plain values, taken at that moment: [`Host::wake_waiters`] can compare them with the tokens of its sleepers, and keep them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChildNews {
    child: ChildId,
    group: Option<IdentityKey>,
    parent: Option<ThreadMark>,
}

/// A thread, to be compared with another that is known to live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct ThreadMark(usize);

impl ThreadMark {
    fn of<H: Host>(thread: &Thread<H>) -> Self {
        Self(core::ptr::from_ref(thread).addr())
    }
}

/// Proof that there was nothing to report at one moment, and what the call waits for; see [`Process::has_news_since`] and
/// [`is_woken_by`](Self::is_woken_by).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitToken {
    news: u32,
    target: Target,
    /// With `__WNOTHREAD`: the calling thread.
    parent: Option<ThreadMark>,
}

impl WaitToken {
    pub(super) fn new<H: Host>(caller: &Thread<H>, target: &Target, options: WaitOptions) -> Self {
        Self {
            news: caller.process().news.get(),
            target: *target,
            parent: options.contains(WaitOptions::NOTHREAD).then(|| ThreadMark::of(caller)),
        }
    }

    /// Returns whether the news wakes the thread that sleeps with this token. Takes no lock: it is for [`Host::wake_waiters`]. R-WAIT-09.
    pub fn is_woken_by(&self, news: &ChildNews) -> bool {
        let is_for_child = match self.target {
            Target::Any => true,
            Target::Child(wanted) => wanted == news.child,
            Target::Group(wanted) => Some(wanted) == news.group,
            Target::Nobody => false,
        };
        is_for_child && self.parent.is_none_or(|thread| news.parent == Some(thread))
    }
}

impl<H: Host> Process<H> {
    /// Returns whether anything has happened to a child since the token was taken, so that `wait` is worth another try. Wait-free.
    ///
    /// True also for news that the token does not wait for: it is for the moment between the look and the sleep.
    pub fn has_news_since(&self, token: WaitToken) -> bool {
        self.news.get() != token.news
    }

    /// What is to be told of this process as a child, before it is reaped.
    #[inline]
    pub(in crate::process) fn news_to_parent(&self, hold: &Hold<'_, H>) -> ChildNews {
        // Linux's `task->parent`: the tracer, as long as there is one.
        let trace = if self.takes_fast_path(hold) { None } else { self.traced_leader(hold) };
        let parent = match trace.and_then(|trace| trace.tracer(hold)) {
            Some(tracer) => tracer.thread(hold),
            None => self.parent_thread_unless_exited(hold),
        };
        ChildNews {
            child: ChildId::of_process(hold, self),
            group: self.group.get_if_set(hold).map(|group| group.identity_key(hold)),
            parent: parent.map(ThreadMark::of),
        }
    }

    /// Makes every wait token of this process stale, and wakes its waiters for that child.
    #[inline]
    pub(in crate::process) fn note_news_and_wake(&self, hold: &mut Hold<'_, H>, news: &ChildNews) {
        self.note_news_made_for_who_asks(hold, |_| *news);
    }

    /// The same for a child as it is now. What there is to tell is put together for who asks for it.
    #[inline]
    pub(in crate::process) fn note_news_of_child(&self, hold: &mut Hold<'_, H>, child: &Self) {
        self.note_news_made_for_who_asks(hold, |hold| child.news_to_parent(hold));
    }

    #[inline(always)]
    fn note_news_made_for_who_asks(
        &self,
        hold: &mut Hold<'_, H>,
        news: impl Fn(&Hold<'_, H>) -> ChildNews,
    ) {
        self.news.set(hold, self.news.get_in(hold).wrapping_add(1));
        hold.host().wake_waiters(hold.view(), self, &news(hold));
        if let Some(own) = self.rarities(hold) {
            make_sleepers_due(hold, &own.sleepers, news);
        }
    }
}

impl<H: Host> PtraceRole<H> {
    /// What is to be told to its tracer, before it is let go.
    pub(in crate::process) fn news_to_tracer(&self, hold: &Hold<'_, H>) -> ChildNews {
        let tracer = self.tracer(hold).and_then(|tracer| tracer.thread(hold));
        ChildNews {
            child: ChildId::of_trace(hold, self),
            group: Some(self.process(hold).group_in(hold).identity_key(hold)),
            parent: tracer.map(ThreadMark::of),
        }
    }
}
