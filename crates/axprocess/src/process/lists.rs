//! The lists of a process and of a thread: children and threads.

use alloc::vec::Vec;

use super::Process;
use crate::snapshot::{Listing, Verdict, Walk, collect, reserve_batch};
use crate::sync::{Hold, HoldFull};
use crate::thread::Thread;
use crate::{ARef, Errno, Host};

impl<H: Host> Process<H> {
    /// Returns the children, zombies included: those of the leader in birth or adoption order, then those of each other thread.
    ///
    /// A child that stays a child all the while is in it exactly once, also if the thread exits whose child it is, and another thread of this process adopts it:
    /// then it may stand at the end. With more than 48 children the lock is given back in between.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory for the list.
    pub fn children(&self) -> Result<Vec<ARef<Self>>, Errno> {
        let (mut found, mut paused_at, mut tour) = (Vec::new(), Vec::new(), None);
        loop {
            reserve_batch(&mut found)?;
            reserve_batch(&mut paused_at)?;
            let (is_done, may_repeat) = self.table().hold(|hold| {
                let tour = tour.get_or_insert_with(|| ChildrenTour::new(hold, self));
                (tour.try_finish(hold, self, &mut paused_at, &mut found), tour.may_repeat)
            });
            match (is_done, may_repeat) {
                (true, true) => return without_repetitions(found),
                (true, false) => return Ok(found),
                (false, _) => {}
            }
        }
    }

    /// Returns the threads that are not released, the leader first: those that run or end, those that are dead and wait for their tracer, and a leader that has exited before the others. Of a
    /// zombie that is the leader, and of a reaped process nobody. R-PROC-06.
    ///
    /// Serves `/proc/PID/task`, where [`Thread::run_state`] is the state of each. A thread that is not released all the while is in it exactly once. With more than 48 threads the lock is given back in
    /// between; [`View::tasks`](crate::View::tasks) walks in place, and goes on later where it has paused.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory for the list.
    pub fn tasks(&self) -> Result<Vec<ARef<Thread<H>>>, Errno> {
        collect(self.table(), &TasksOf(self))
    }

    /// Returns the threads that have not begun to exit, the leader first.
    ///
    /// A thread that does not begin to all the while is in it exactly once. With more than 48 threads the lock is given back in between.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory for the list.
    pub fn threads(&self) -> Result<Vec<ARef<Thread<H>>>, Errno> {
        collect(self.table(), &ThreadsOf(self))
    }
}

impl<H: Host> Thread<H> {
    /// Returns the children of this thread, zombies included, in the order in which [`wait`](Self::wait) looks at them.
    ///
    /// Serves `/proc/PID/task/TID/children`. A child that stays one of this thread all the while is in it exactly
    /// once. With more than 48 children the lock is given back in between. R-PROC-03.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory for the list.
    pub fn children(&self) -> Result<Vec<ARef<Process<H>>>, Errno> {
        collect(self.process().table(), &ChildrenOf::eldest_first(self))
    }
}

/// The threads of a process.
pub(crate) struct ThreadsOf<'a, H: Host>(pub(crate) &'a Process<H>);

impl<H: Host> Listing<H> for ThreadsOf<'_, H> {
    type Member = Thread<H>;

    fn address(&self) -> usize {
        core::ptr::from_ref(self.0).addr()
    }

    fn first<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Thread<H>> {
        self.0.threads.first(hold)
    }

    fn after<'h>(&self, hold: &Hold<'h, H>, thread: &Thread<H>) -> Option<&'h Thread<H>> {
        self.0.threads.after(hold, thread)
    }

    fn place(&self, hold: &Hold<'_, H>, thread: &Thread<H>) -> Option<i64> {
        let is_own = core::ptr::eq(thread.process_in(hold), self.0) && thread.is_listed(hold);
        is_own.then(|| thread.place_in_process(hold))
    }

    fn verdict(&self, _: &Hold<'_, H>, thread: &Thread<H>, place: i64, until: i64) -> Verdict {
        match thread.is_live() {
            _ if place > until => Verdict::End,
            true => Verdict::Collect,
            false => Verdict::PassOver,
        }
    }
}

/// The threads of a process that are not released.
pub(crate) struct TasksOf<'a, H: Host>(pub(crate) &'a Process<H>);

impl<H: Host> Listing<H> for TasksOf<'_, H> {
    type Member = Thread<H>;

    fn address(&self) -> usize {
        core::ptr::from_ref(self.0).addr()
    }

    fn first<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Thread<H>> {
        self.0.is_in_table().then(|| self.0.leading_thread(hold))
    }

    fn after<'h>(&self, hold: &Hold<'h, H>, thread: &Thread<H>) -> Option<&'h Thread<H>> {
        self.0.thread_after(hold, thread)
    }

    fn place(&self, hold: &Hold<'_, H>, thread: &Thread<H>) -> Option<i64> {
        let is_own = core::ptr::eq(thread.process_in(hold), self.0);
        (is_own && thread.is_unreleased(hold)).then(|| thread.place_in_process(hold))
    }
}

/// The children of a thread, from one end.
pub(crate) struct ChildrenOf<'a, H: Host>(&'a Thread<H>, Direction);

impl<'a, H: Host> ChildrenOf<'a, H> {
    pub(crate) const fn eldest_first(thread: &'a Thread<H>) -> Self {
        Self(thread, Direction::Eldest)
    }
}

/// From which end children are walked.
#[derive(Clone, Copy)]
enum Direction {
    Eldest,
    /// From the youngest back to those that were there before a place.
    YoungestTo(i64),
}

impl<H: Host> Listing<H> for ChildrenOf<'_, H> {
    type Member = Process<H>;

    fn address(&self) -> usize {
        core::ptr::from_ref(self.0).addr()
    }

    fn first<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Process<H>> {
        let list = &self.0.children_lists().list;
        match self.1 {
            Direction::Eldest => list.first(hold),
            Direction::YoungestTo(_) => list.last(hold),
        }
    }

    fn after<'h>(&self, hold: &Hold<'h, H>, child: &Process<H>) -> Option<&'h Process<H>> {
        let list = &self.0.children_lists().list;
        match self.1 {
            Direction::Eldest => list.after(hold, child),
            Direction::YoungestTo(_) => list.before(hold, child),
        }
    }

    fn place(&self, hold: &Hold<'_, H>, child: &Process<H>) -> Option<i64> {
        let is_own = child.parent_thread(hold).is_some_and(|it| core::ptr::eq(it, self.0));
        is_own.then(|| child.birth.get(hold))
    }

    fn verdict(&self, _: &Hold<'_, H>, _: &Process<H>, place: i64, until: i64) -> Verdict {
        match self.1 {
            Direction::Eldest if place > until => Verdict::End,
            Direction::YoungestTo(_) if place > until => Verdict::PassOver,
            Direction::YoungestTo(since) if place <= since => Verdict::End,
            _ => Verdict::Collect,
        }
    }
}

/// A walk over the children of all threads of a process.
///
/// When a thread exits, another one adopts its children, in a list that may be walked already. That gives them later places than the walk collects, and the process
/// counts it. So if any have moved, the walk goes once more through the ends of all lists, to those with the places given since; that is little, and so is soon done in one hold, in which none moves.
struct ChildrenTour<H: Host> {
    direction: Direction,
    until: i64,
    /// How many children had moved from one thread of the process to another.
    moves: u32,
    /// How far it has come in the list of the thread at which the last hold has ended.
    walk: Option<Walk<Process<H>>>,
    /// A child may have been collected twice.
    may_repeat: bool,
}

impl<H: Host> ChildrenTour<H> {
    fn new(hold: &Hold<'_, H>, process: &Process<H>) -> Self {
        Self {
            direction: Direction::Eldest,
            until: hold.relations().newest_place(),
            moves: process.moved_children.get(hold),
            walk: None,
            may_repeat: false,
        }
    }

    /// Goes as far as the hold allows. Whether it is at its end. `paused_at` are the threads at which a hold has ended, the last one last.
    fn try_finish(
        &mut self,
        hold: &mut Hold<'_, H>,
        process: &Process<H>,
        paused_at: &mut Vec<ARef<Thread<H>>>,
        found: &mut Vec<ARef<Process<H>>>,
    ) -> bool {
        let Ok(mut next) = self.find_thread_to_resume(hold, process, paused_at) else {
            return false;
        };
        loop {
            let Some(thread) = next else {
                if !self.begin_again_if_moved(hold, process) {
                    return true;
                }
                paused_at.clear();
                next = Some(process.leading_thread(hold));
                continue;
            };
            let walk = self.walk.get_or_insert_with(|| Walk::new(self.until, found.len()));
            let is_done = walk.try_finish(hold, &ChildrenOf(thread, self.direction), found);
            if !is_done || hold.is_batch_full() {
                if !paused_at.last().is_some_and(|last| core::ptr::eq(&**last, thread)) {
                    paused_at.push(ARef::from(thread));
                }
                return false;
            }
            if let Direction::YoungestTo(_) = self.direction {
                found[walk.found_before()..].reverse();
            }
            self.walk = None;
            hold.count_touched();
            next = process.thread_after(hold, thread);
        }
    }

    /// Whose list is to be walked next, if anybody's is left.
    fn find_thread_to_resume<'h>(
        &mut self,
        hold: &mut Hold<'h, H>,
        process: &Process<H>,
        paused_at: &mut Vec<ARef<Thread<H>>>,
    ) -> Result<Option<&'h Thread<H>>, HoldFull> {
        while let Some(thread) = paused_at.last() {
            let thread = thread.in_hold(hold);
            if thread.is_listed(hold) || thread.is_leader(hold) {
                return Ok(match &self.walk {
                    Some(_) => Some(thread),
                    None => process.thread_after(hold, thread),
                });
            }
            if hold.is_batch_full() {
                return Err(HoldFull);
            }
            hold.count_touched();
            paused_at.pop();
            (self.walk, self.may_repeat) = (None, true);
        }
        Ok(Some(process.leading_thread(hold)))
    }

    /// Begins once more, with the ends of the lists. False if no child has moved.
    fn begin_again_if_moved(&mut self, hold: &Hold<'_, H>, process: &Process<H>) -> bool {
        let moves = process.moved_children.get(hold);
        if moves == self.moves {
            return false;
        }
        self.moves = moves;
        self.direction = Direction::YoungestTo(self.until);
        self.until = hold.relations().newest_place();
        self.may_repeat = true;
        true
    }
}

/// Leaves the first of each.
///
/// # Errors
///
/// `ENOMEM`: there is no memory to sort them.
fn without_repetitions<H: Host>(
    mut found: Vec<ARef<Process<H>>>,
) -> Result<Vec<ARef<Process<H>>>, Errno> {
    let mut firsts = Vec::new();
    firsts.try_reserve_exact(found.len()).map_err(|_| Errno::ENOMEM)?;
    let address = |process: &ARef<Process<H>>| core::ptr::from_ref(&**process).addr();
    firsts.extend(found.iter().map(address).zip(0_usize..));
    firsts.sort_unstable();
    firsts.dedup_by_key(|(address, _)| *address);
    firsts.sort_unstable_by_key(|(_, index)| *index);
    let (mut firsts, mut index) = (firsts.into_iter().peekable(), 0);
    found.retain(|_| {
        let is_first = firsts.next_if(|(_, first)| *first == index).is_some();
        index += 1;
        is_first
    });
    Ok(found)
}
