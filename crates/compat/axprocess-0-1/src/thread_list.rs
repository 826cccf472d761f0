//! The threads of one process: weak references in the order in which they joined.
//!
//! Joining and leaving take constant time, whatever the order. Nothing is allocated or freed here: memory for more threads is brought along, and what is
//! not needed any more is given out, so that both can happen without the lock under which the list stands.

use alloc::sync::Weak;
use alloc::vec::Vec;
use core::{iter, mem};

use crate::Thread;

/// A place in the list. Of the threads of one process there are never four billion: they would take 300 gigabytes.
pub(crate) type At = u32;

/// The list. Most processes have one thread: the first place needs no memory of its own.
pub(crate) struct ThreadList {
    first_place: Place,
    more: Vec<Place>,
    ends: Option<Ends>,
    /// The first of the places that are free, each of which names the next.
    vacant: Option<At>,
    len: u32,
}

/// Who has joined first and last, of those that are listed.
#[derive(Clone, Copy)]
struct Ends {
    first: At,
    last: At,
}

/// Where a thread stands.
struct Place {
    thread: Weak<Thread>,
    before: Option<At>,
    after: Option<At>,
}

impl Place {
    const fn vacant(next: Option<At>) -> Self {
        Self { thread: Weak::new(), before: None, after: next }
    }
}

/// Memory for threads: brought along, or given back.
#[derive(Default)]
pub(crate) struct Memory(Vec<Place>);

impl Memory {
    pub(crate) fn for_places(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }
}

/// What a thread leaves behind, to be dropped without the lock.
pub(crate) struct Left(#[expect(dead_code, reason = "it is dropped")] (Weak<Thread>, Vec<Place>));

/// So many places in memory are wanted.
pub(crate) struct Full(pub(crate) usize);

impl ThreadList {
    pub(crate) const fn new() -> Self {
        Self {
            first_place: Place::vacant(None),
            more: Vec::new(),
            ends: None,
            vacant: Some(0),
            len: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether a thread can join without more memory, which is taken from `memory` if need be; what it replaces is left there.
    pub(crate) fn make_room(&mut self, memory: &mut Memory) -> Result<(), Full> {
        if self.vacant.is_some() || self.more.len() < self.more.capacity() {
            return Ok(());
        }
        if memory.0.capacity() <= self.more.len() {
            return Err(Full(2 * self.more.len() + 3));
        }
        memory.0.append(&mut self.more);
        mem::swap(&mut self.more, &mut memory.0);
        Ok(())
    }

    /// Lists a thread as the last one, and returns its place. There is [room](Self::make_room).
    pub(crate) fn push(&mut self, thread: Weak<Thread>) -> At {
        let at = self.vacant.unwrap_or(self.more.len() as At + 1);
        let before = self.ends.map(|ends| ends.last);
        let place = Place { thread, before, after: None };
        if self.vacant.is_some() {
            self.vacant = self.place(at).after;
            *self.place(at) = place;
        } else {
            self.more.push(place);
        }
        if let Some(before) = before {
            self.place(before).after = Some(at);
        }
        let first = self.ends.map_or(at, |ends| ends.first);
        self.ends = Some(Ends { first, last: at });
        self.len += 1;
        at
    }

    /// Takes out the thread that stands there.
    #[must_use = "to be dropped without the lock"]
    pub(crate) fn remove(&mut self, at: At) -> Left {
        let vacant = Place::vacant(self.vacant);
        let Place { thread, before, after } = mem::replace(self.place(at), vacant);
        self.vacant = Some(at);
        self.len -= 1;
        if let Some(before) = before {
            self.place(before).after = after;
        }
        if let Some(after) = after {
            self.place(after).before = before;
        }
        self.ends = self.ends.and_then(|Ends { first, last }| {
            let first = if first == at { after? } else { first };
            let last = if last == at { before? } else { last };
            Some(Ends { first, last })
        });
        let mut unused = Vec::new();
        if self.len == 0 {
            unused = mem::take(&mut self.more);
            self.vacant = Some(0);
            self.first_place.after = None;
        }
        Left((thread, unused))
    }

    /// The threads in the order in which they joined.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Weak<Thread>> {
        let first = self.ends.map(|ends| ends.first);
        iter::successors(first, |at| self.peek(*at).after).map(|at| &self.peek(at).thread)
    }

    fn place(&mut self, at: At) -> &mut Place {
        match at.checked_sub(1) {
            None => &mut self.first_place,
            Some(at) => &mut self.more[at as usize],
        }
    }

    fn peek(&self, at: At) -> &Place {
        match at.checked_sub(1) {
            None => &self.first_place,
            Some(at) => &self.more[at as usize],
        }
    }
}
