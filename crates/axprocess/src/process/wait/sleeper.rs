//! Futures that sleep in wait: how they are found by what wakes them.
//!
//! # The protocol
//!
//! | who | does, in one hold | after the unlock |
//! | --- | --- | --- |
//! | a poll that finds nothing | enters its [`Sleeper`] into the caller's process, with the token of that very look and the waker | drops the waker that it replaced |
//! | news of a child | moves the sleepers that it concerns from the process's list to the list of those that are due; if more than a batch sleep, all of them, in one step | [`TableInner::wake_due`] takes the wakers out, some in each hold, and wakes them |
//! | a poll that finds an answer, a drop | takes the sleeper out of whichever list it is in, and the waker out of it | drops the waker |
//!
//! So no wake-up is lost: whatever happens after the look finds the sleeper. And a waker, which is foreign code, is cloned before the lock is
//! taken, and woken and dropped after it is given back; in the hold it is only moved. A sleeper owns its memory and is allocated
//! before the hold. One that is never dropped stays allocated with its future, and harms nobody.

use core::task::Waker;

use super::WaitToken;
use super::news::ChildNews;
use crate::list::{Links, Node, WeakList};
use crate::object::Head;
use crate::sync::{BATCH, Field, Hold, Opened, TableInner};
use crate::{ARef, Errno, Host};

/// A future that waits for children: where it stands, for what, and how to wake it.
pub(crate) struct Sleeper {
    pub(crate) head: Head,
    links: Links<Sleeper>,
    place: Field<Place>,
    waker: Opened<Option<Waker>>,
}

/// In which list a sleeper stands.
#[derive(Clone, Copy)]
enum Place {
    Nowhere,
    /// With its process, until there is news that wakes this token; or with those that are to be woken, if its process has moved all of them in one step since: of such steps it had seen so many.
    Asleep(WaitToken, u32),
    /// With those that are to be woken.
    Due,
}

/// The lists in which sleepers stand: each in one of them at a time.
pub(crate) enum Sleepers {}

impl Node<Sleepers> for Sleeper {
    fn links(&self) -> &Links<Self> {
        &self.links
    }
}

impl Sleeper {
    /// Makes one that is in no list.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    pub(super) fn make() -> Result<ARef<Self>, Errno> {
        ARef::make(|| Self {
            head: Head::new(),
            links: Links::new(),
            place: Field::new(Place::Nowhere),
            waker: Opened::new(None),
        })
    }

    /// Falls asleep in the list of a process, and gives back what it held before, to be dropped after the unlock.
    #[must_use = "to be kept until the hold has ended"]
    pub(super) fn fall_asleep<H: Host>(
        &self,
        hold: &mut Hold<'_, H>,
        sleepers: &WeakList<Self, Sleepers>,
        token: WaitToken,
        waker: Waker,
    ) -> Option<Waker> {
        let before = self.cancel_sleep(hold, sleepers);
        let moves = sleepers.owner_counter().get(hold);
        self.place.set(hold, Place::Asleep(token, moves));
        sleepers.push_back(hold, self);
        *self.waker.get_mut(hold) = Some(waker);
        before
    }

    /// Leaves its list, and gives the waker back, to be dropped after the unlock.
    #[must_use = "to be kept until the hold has ended"]
    pub(super) fn cancel_sleep<H: Host>(
        &self,
        hold: &mut Hold<'_, H>,
        sleepers: &WeakList<Self, Sleepers>,
    ) -> Option<Waker> {
        match self.place.get(hold) {
            Place::Nowhere => {}
            Place::Asleep(_, moves) if moves == sleepers.owner_counter().get(hold) => {
                sleepers.remove(hold, self);
            }
            Place::Asleep(..) | Place::Due => hold.due().remove(hold, self),
        }
        self.place.set(hold, Place::Nowhere);
        self.waker.get_mut(hold).take()
    }
}

/// Makes the sleepers of a process due that the news concerns. All in one hold, as Linux wakes a whole queue: the news is theirs at one moment. So of very many none is asked
/// whether it is concerned: all are woken, and look again.
#[inline(never)]
pub(super) fn make_sleepers_due<H: Host>(
    hold: &mut Hold<'_, H>,
    sleepers: &WeakList<Sleeper, Sleepers>,
    news: impl Fn(&Hold<'_, H>) -> ChildNews,
) {
    if sleepers.is_empty(hold) {
        return;
    }
    if sleepers.len(hold) > BATCH {
        let moves = sleepers.owner_counter();
        moves.set(hold, moves.get(hold).wrapping_add(1));
        sleepers.move_all(hold, hold.due());
        hold.owe_wakes();
        return;
    }
    let news = news(hold);
    let mut next = sleepers.first(hold);
    while let Some(sleeper) = next {
        hold.count_touched();
        next = sleepers.after(hold, sleeper);
        if matches!(sleeper.place.get(hold), Place::Asleep(token, _) if token.is_woken_by(&news)) {
            sleepers.remove(hold, sleeper);
            sleeper.place.set(hold, Place::Due);
            hold.due().push_back(hold, sleeper);
            hold.owe_wakes();
        }
    }
}

/// How many wakers are taken out in one hold.
const WAKES: usize = 8;

impl<H: Host> TableInner<H> {
    /// Wakes the futures that are due. Without a hold: a waker may do anything, also call this crate.
    #[cold]
    pub(crate) fn wake_due(&self) {
        loop {
            let mut wakers = [const { None::<Waker> }; WAKES];
            self.hold(|hold| {
                for place in &mut wakers {
                    let Some(sleeper) = hold.due().first(hold) else { break };
                    hold.due().remove(hold, sleeper);
                    sleeper.place.set(hold, Place::Nowhere);
                    *place = sleeper.waker.get_mut(hold).take();
                }
            });
            let is_last = wakers.last().is_none_or(Option::is_none);
            WakesDespitePanic(self, wakers.into_iter()).wake_all_and_disarm();
            if is_last {
                return;
            }
        }
    }
}

/// Wakers that are being woken. If one of them panics, the others are woken while the panic unwinds, and those that are due behind them: it costs nobody
/// else a wake-up. A second panic then ends the program, as any that meets another.
struct WakesDespitePanic<'a, H: Host>(
    &'a TableInner<H>,
    core::array::IntoIter<Option<Waker>, WAKES>,
);

impl<H: Host> WakesDespitePanic<'_, H> {
    fn wake_all_and_disarm(mut self) {
        self.wake_all();
        core::mem::forget(self);
    }

    fn wake_all(&mut self) {
        for waker in self.1.by_ref().flatten() {
            waker.wake();
        }
    }
}

impl<H: Host> Drop for WakesDespitePanic<'_, H> {
    /// Reached only while a panic unwinds.
    fn drop(&mut self) {
        self.wake_all();
        self.0.wake_due();
    }
}
