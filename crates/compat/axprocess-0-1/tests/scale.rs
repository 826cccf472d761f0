//! A million processes, as deep and as wide as can be, on a small stack: no call and no drop recurses.

extern crate axprocess_0_1 as axprocess;

mod common;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::thread;

use axprocess::{Pid, Process, check_every};
use common::{INIT, init};

const MANY: Pid = 1_000_000;

/// Runs it with little room on the stack, and with few looks at the invariants.
fn on_a_small_stack(action: impl FnOnce() + Send + 'static) {
    init();
    check_every(NonZeroU64::MAX);
    let small = thread::Builder::new().stack_size(128 << 10).spawn(action);
    small.expect("a thread").join().expect("the action has panicked");
}

fn exit_and_free(process: &Arc<Process>) {
    process.exit();
    process.free();
}

#[test]
fn a_chain_of_a_million_ends_and_is_dropped() {
    // axprocess 0.1, memory: children are strong, but neither exit nor reap nor drop of a chain recurses, from either end.
    on_a_small_stack(|| {
        let first = INIT + 1;
        for from_the_top in [true, false] {
            let mut chain: Vec<Arc<Process>> = Vec::with_capacity(MANY as usize);
            for pid in first..first + MANY {
                let parent = chain.last().map_or_else(init, Arc::clone);
                chain.push(parent.fork(pid).build());
            }
            let last = Arc::downgrade(&chain[chain.len() - 1]);
            if from_the_top {
                chain.iter().for_each(exit_and_free);
            } else {
                chain.iter().rev().for_each(exit_and_free);
            }
            drop(chain);
            assert!(last.upgrade().is_none());
        }
        wide(first + MANY);
    });
}

/// A parent of a million children exits: they are init's.
fn wide(first: Pid) {
    let parent = init().fork(first).build();
    let children: Vec<_> = (1..=MANY).map(|offset| parent.fork(first + offset).build()).collect();
    parent.exit();
    assert!(parent.is_zombie() && parent.children().is_empty());
    let adopted = init().children();
    assert_eq!(adopted.len(), 1 + children.len());
    assert!(adopted[1..].iter().zip(&children).all(|(one, other)| Arc::ptr_eq(one, other)));
    assert!(children.iter().all(|child| child.parent().is_some_and(|parent| parent.is_init())));
    parent.free();
    children.iter().rev().for_each(exit_and_free);
    assert!(init().children().is_empty());
}
