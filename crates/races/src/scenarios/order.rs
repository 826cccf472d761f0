//! In which order others see what one operation does, who look without the lock at every hook.

use std::sync::Arc;

use axprocess::{ARef, ProcessState, Signal};

use super::both;
use crate::Explorer;
use crate::kernel::{boot, exit, fork, look, posted, woken};

/// How often the observer looks.
const LOOKS: usize = 3;

/// An exit with a child that asked for a signal, seen by who holds no lock: first that child has its new parent, then its signal, then the
/// dead one is a zombie, then the parent has its signal, then it is woken (E6, W1).
pub fn hooks_in_the_order_of_linux<E: Explorer>() {
    let (table, init) = boot::<E>();
    let parent = fork(&init);
    let child = fork(&parent);
    let grandchild = fork(&child);
    grandchild.set_parent_death_signal(Some(Signal::SIGUSR1));
    let observer = {
        let (table, child, grandchild) =
            (Arc::clone(&table), ARef::clone(child.process()), ARef::clone(grandchild.process()));
        move || {
            for _ in 0..LOOKS {
                look(&table);
                // What comes later in Linux's order is looked at first.
                let is_woken = woken(&table).contains(&2);
                let has_signal = posted(&table).contains(&(2, Signal::SIGCHLD));
                let is_zombie = child.state() == ProcessState::Zombie;
                let is_told = posted(&table).contains(&(4, Signal::SIGUSR1));
                let has_moved = grandchild.ppid() == 1;
                let steps = [has_moved, is_told, is_zombie, has_signal, is_woken];
                assert!(steps.is_sorted_by(|earlier, later| earlier >= later), "{steps:?}");
            }
        }
    };
    both::<E, _, _>(observer, move || E::does("exit()", || exit(&child, 0)));
    let steps = [(4, Signal::SIGUSR1), (2, Signal::SIGCHLD)];
    assert_eq!(posted(&table), steps);
}

/// A zombie is adopted: the reaper is its parent before it gets the signal, and has the signal before it is woken (R-REPARENT-10, E16).
pub fn hooks_of_an_adopted_zombie_in_order<E: Explorer>() {
    let (table, init) = boot::<E>();
    let parent = fork(&init);
    let child = fork(&parent);
    exit(&child, 0);
    let observer = {
        let (table, child) = (Arc::clone(&table), ARef::clone(child.process()));
        move || {
            for _ in 0..LOOKS {
                look(&table);
                let is_woken = woken(&table).contains(&1);
                let has_signal = posted(&table).contains(&(1, Signal::SIGCHLD));
                let has_moved = child.ppid() == 1;
                let steps = [has_moved, has_signal, is_woken];
                assert!(steps.is_sorted_by(|earlier, later| earlier >= later), "{steps:?}");
            }
        }
    };
    both::<E, _, _>(observer, move || E::does("exit of the parent", || exit(&parent, 0)));
    assert_eq!(woken(&table).iter().filter(|&&pid| pid == 1).count(), 2, "once for each zombie");
}
