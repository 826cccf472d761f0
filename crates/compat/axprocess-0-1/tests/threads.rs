//! The weak list of threads: any order of joining, exiting and dropping.

extern crate axprocess_0_1 as axprocess;

mod common;

use std::sync::Arc;

use axprocess::Thread;
use common::{bury, child_of, fresh, init, race, same};

/// A small random generator (xorshift).
struct Random(u32);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % limit
    }
}

#[test]
fn the_list_is_in_order_whoever_leaves() {
    // axprocess 0.1, API: `threads()` has those that have neither exited nor been dropped, in the order in which they were built.
    let process = child_of(&init());
    for seed in 1..=40 {
        let mut random = Random(seed);
        let mut listed: Vec<Arc<Thread>> = Vec::new();
        for _ in 0..200 {
            match random.below(if listed.len() < 30 { 5 } else { 3 }) {
                0 if !listed.is_empty() => {
                    let exiting = listed.remove(random.below(listed.len()));
                    assert_eq!(exiting.exit(7), listed.is_empty());
                    assert!(!exiting.exit(8), "it has exited");
                }
                1 if !listed.is_empty() => drop(listed.remove(random.below(listed.len()))),
                _ => listed.push(process.new_thread(fresh()).build()),
            }
            assert!(same(&process.threads(), &listed.iter().collect::<Vec<_>>()));
        }
    }
    bury([&process]);
}

#[test]
fn one_of_many_that_exit_at_once_is_the_last() {
    // axprocess 0.1, API: `exit(exit_code) -> bool`: one call gets `true`, and its code is the process's.
    for _ in 0..100 {
        let process = child_of(&init());
        let threads: Vec<_> = (0..64).map(|_| process.new_thread(fresh()).build()).collect();
        let (left, right) = threads.split_at(32);
        let exit_all = |threads: &[Arc<Thread>], code| {
            threads.iter().filter(|thread| thread.exit(code)).count()
        };
        let (one, two) = race(|| exit_all(left, 1), || exit_all(right, 2));
        assert_eq!(one + two, 1);
        assert_eq!(process.exit_code(), if one == 1 { 1 } else { 2 });
        assert!(process.threads().is_empty());
        bury([&process]);
    }
}

#[test]
fn a_list_that_grows_and_shrinks_meanwhile_has_whoever_stays() {
    // axprocess 0.1, API: `threads()`: a thread that is there all the while is in it once.
    let process = child_of(&init());
    let stays = process.new_thread(fresh()).build();
    let come_and_go = || {
        for round in 0..200 {
            let threads: Vec<_> =
                (0..round % 40).map(|_| process.new_thread(fresh()).build()).collect();
            threads.iter().step_by(2).for_each(|thread| _ = thread.exit(0));
        }
    };
    let watch = || {
        for _ in 0..2_000 {
            assert_eq!(common::count(&process.threads(), &stays), 1);
        }
    };
    race(come_and_go, watch);
    assert!(same(&process.threads(), &[&stays]));
    bury([&process]);
}
