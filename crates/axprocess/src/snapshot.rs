//! Collecting the members of a list into a `Vec`, without allocating under the lock and in bounded holds.
//!
//! Members come at the end of a list only, and each that comes gets a place, from a counter of the whole table that never goes back. A walk notes, in its first hold, the
//! last place given until then, and collects no later ones. So who is in the list all the while is collected exactly once, nobody twice, and the walk ends however many come:
//!
//! | between two holds | what the walk does |
//! | --- | --- |
//! | nothing | it goes on behind the last one that it has looked at |
//! | that one has left | behind the last one before it that has not |
//! | that one has left and come back | the same: its place is a later one than the walk's |
//! | all have left | with the first: nobody who is left has been looked at |

use alloc::vec::Vec;

use crate::object::Object;
use crate::sync::{BATCH, Hold, HoldFull, TableInner};
use crate::{ARef, Errno, Host};

/// A list that can be collected.
pub(crate) trait Listing<H: Host> {
    type Member: Object;

    /// Where its owner stands: no two lists of one kind have the same at a time.
    fn address(&self) -> usize;

    fn first<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Self::Member>;

    /// The one after `member`, which is in the list.
    fn after<'h>(&self, hold: &Hold<'h, H>, member: &Self::Member) -> Option<&'h Self::Member>;

    /// When `member` came into the list; `None`: it is not in it.
    fn place(&self, hold: &Hold<'_, H>, member: &Self::Member) -> Option<i64>;

    /// The same of one that is in it, as [`first`](Self::first) and [`after`](Self::after) have found in this hold.
    fn place_of_found(&self, hold: &Hold<'_, H>, member: &Self::Member) -> Option<i64> {
        self.place(hold, member)
    }

    /// What a walk does about a member with that place, which notes no later ones than `until`.
    fn verdict(
        &self,
        _hold: &Hold<'_, H>,
        _member: &Self::Member,
        place: i64,
        until: i64,
    ) -> Verdict {
        if place > until { Verdict::End } else { Verdict::Collect }
    }
}

/// What a walk does about a member.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Collect,
    PassOver,
    /// Neither this one nor any behind it is collected.
    End,
}

/// How far a walk over one list has come.
pub(crate) struct Walk<T: Object> {
    until: i64,
    /// Where this list begins in what is found.
    found_before: usize,
    /// The walk goes on behind `found[resume - 1]`; with the first of the list, if this is `from`.
    resume: usize,
    /// Who was looked at last, if that is another, with its place.
    passed: Option<(ARef<T>, i64)>,
    is_done: bool,
}

impl<T: Object> Walk<T> {
    /// One that begins, behind `from` found ones of other lists.
    pub(crate) const fn new(until: i64, found_before: usize) -> Self {
        Self { until, found_before, resume: found_before, passed: None, is_done: false }
    }

    /// Where this list begins in what is found.
    pub(crate) const fn found_before(&self) -> usize {
        self.found_before
    }

    /// Goes as far as the hold allows; there is room for as many. Whether it is at its end.
    pub(crate) fn try_finish<H: Host, L: Listing<H, Member = T>>(
        &mut self,
        hold: &mut Hold<'_, H>,
        list: &L,
        found: &mut Vec<ARef<T>>,
    ) -> bool {
        self.is_done = self.is_done || self.collect_to_end(hold, list, found);
        self.is_done
    }

    fn collect_to_end<H: Host, L: Listing<H, Member = T>>(
        &mut self,
        hold: &mut Hold<'_, H>,
        list: &L,
        found: &mut Vec<ARef<T>>,
    ) -> bool {
        let Ok(mut next) = self.find_resume_point(hold, list, found) else { return false };
        let mut passed = None;
        while let Some(member) = next {
            if hold.is_batch_full() {
                self.passed = passed.map(|(member, place)| (ARef::from(member), place));
                return false;
            }
            hold.count_touched();
            let Some(place) = list.place(hold, member) else { return true };
            match list.verdict(hold, member, place, self.until) {
                Verdict::End => return true,
                Verdict::PassOver => passed = Some((member, place)),
                Verdict::Collect => {
                    found.push(ARef::from(member));
                    (self.resume, passed) = (found.len(), None);
                }
            }
            next = list.after(hold, member);
        }
        true
    }

    /// Who is to be looked at next, if anybody is left.
    fn find_resume_point<'h, H: Host, L: Listing<H, Member = T>>(
        &mut self,
        hold: &mut Hold<'h, H>,
        list: &L,
        found: &[ARef<T>],
    ) -> Result<Option<&'h T>, HoldFull> {
        if let Some((passed, place)) = self.passed.take()
            && list.place(hold, &passed) == Some(place)
        {
            return Ok(list.after(hold, &passed));
        }
        while self.resume > self.found_before {
            let last = &found[self.resume - 1];
            if list.place(hold, last).is_some_and(|place| place <= self.until) {
                return Ok(list.after(hold, last));
            }
            if hold.is_batch_full() {
                return Err(HoldFull);
            }
            hold.count_touched();
            self.resume -= 1;
        }
        Ok(list.first(hold))
    }
}

/// Collects a list.
///
/// # Errors
///
/// `ENOMEM`: there is no memory for all of it.
pub(crate) fn collect<H: Host, L: Listing<H>>(
    table: &TableInner<H>,
    list: &L,
) -> Result<Vec<ARef<L::Member>>, Errno> {
    let (mut found, mut walk) = (Vec::new(), None);
    loop {
        reserve_batch(&mut found)?;
        let is_done = table.hold(|hold| {
            let walk = walk.get_or_insert_with(|| Walk::new(hold.relations().newest_place(), 0));
            walk.try_finish(hold, list, &mut found)
        });
        if is_done {
            return Ok(found);
        }
    }
}

/// Makes room for what one hold can find.
///
/// # Errors
///
/// `ENOMEM`: there is no memory for it.
pub(crate) fn reserve_batch<T: Object>(found: &mut Vec<ARef<T>>) -> Result<(), Errno> {
    found.try_reserve(BATCH).map_err(|_| Errno::ENOMEM)
}
