//! Nothing is left of what has ended. The one test of this program counts what is allocated.

extern crate axprocess_0_1 as axprocess;

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

use axprocess::{Pid, Process};
use common::{bury, init};

/// The system's allocator, which counts blocks and bytes.
struct Counting;

static BLOCKS: AtomicIsize = AtomicIsize::new(0);
static BYTES: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BLOCKS.fetch_sub(1, Ordering::Relaxed);
        BYTES.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

fn allocated() -> (isize, isize) {
    (BLOCKS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed))
}

/// Uses all of the API once. Numbers are the same in each round.
fn use_everything() {
    let number = |offset: Pid| 1_000 + offset;
    let leader = init().fork(number(0)).data(vec![0_u8; 100]).build();
    leader.create_session().expect("it leads nothing");
    let children: Vec<_> =
        (1..200).map(|offset| leader.fork(number(offset)).data([0_u8; 10]).build()).collect();
    for (child, other) in children.iter().zip(&children[1..]) {
        let group = child.create_group().expect("it leads nothing");
        assert!(other.move_to_group(&group));
        let threads: Vec<_> =
            (0..9).map(|tid| child.new_thread(tid).data(String::from("x")).build()).collect();
        threads.iter().step_by(2).for_each(|thread| _ = thread.exit(0));
        drop((child.threads(), child.children(), group.processes(), child.parent()));
    }
    // Refused: numbers in use, threads that come late, a second init.
    assert!(leader.fork(number(5)).data(vec![1_u8]).try_build().is_err());
    let refused = leader.fork(number(5)).data(vec![1_u8]).build();
    let orphan = refused.fork(number(500)).build();
    children[0].group_exit();
    drop(children[0].new_thread(1).data(vec![1_u8]).build());
    assert!(Process::new_init(7).data(vec![1_u8]).try_build().is_err());
    assert!(Process::new_init(0).data(vec![1_u8]).try_build().is_err());
    // Emptied groups that live again, kept groups and sessions, threads that outlive their process.
    let (process, group) = (leader.fork(number(600)).build(), leader.group());
    let own = process.create_group().expect("it leads nothing");
    assert!(process.move_to_group(&group) && process.move_to_group(&own));
    let late = process.new_thread(1).build();
    let builder = process.fork(number(601)).data(vec![1_u8]);
    drop((process.new_thread(2).data(vec![1_u8]), builder));
    leader.exit();
    bury([&process, &orphan]);
    bury(&children);
    leader.free();
    drop((children, leader, process));
    assert!(own.processes().is_empty() && own.session().process_groups().is_empty());
    assert!(!late.exit(0) || late.process().is_zombie());
}

#[test]
fn nothing_is_left_of_what_has_ended() {
    // axprocess 0.1, memory: after `free` all goes with the last `Arc`: no circle of references keeps anything.
    init();
    // The first rounds fill what stays: one node of the number table, buffers of the test harness.
    (0..3).for_each(|_| use_everything());
    let before = allocated();
    (0..5).for_each(|_| use_everything());
    assert_eq!(allocated(), before);
}
