//! Programs of two or three threads, each with what must be true afterwards whatever the schedule was.
//!
//! `race_NN_…` are the races that were shown in published process crates; the others are the interleavings that every process model has to
//! survive. Each sets its scene, lets threads loose, and asserts; the invariant checker looks at every unlock in between.

mod attention;
mod execs;
mod exits;
mod family;
mod groups;
mod kernel_signals;
mod order;
mod reaping;
mod signals;
mod threads;
mod trios;
mod wakes;
mod walks;

pub use attention::*;
pub use execs::*;
pub use exits::*;
pub use family::*;
pub use groups::*;
pub use kernel_signals::*;
pub use order::*;
pub use reaping::*;
pub use signals::*;
pub use threads::*;
pub use trios::*;
pub use wakes::*;
pub use walks::*;

use std::sync::{Arc, Mutex};

use crate::Explorer;

/// Runs two bodies side by side, and gives what they returned.
fn both<E: Explorer, A: Send + 'static, B: Send + 'static>(
    first: impl FnOnce() -> A + Send + 'static,
    second: impl FnOnce() -> B + Send + 'static,
) -> (A, B) {
    let result = Arc::new(Mutex::new(None));
    let handle = E::spawn({
        let result = Arc::clone(&result);
        move || {
            let value = first();
            *result.lock().unwrap() = Some(value);
        }
    });
    let second = second();
    E::join(handle);
    let first = result.lock().unwrap().take().unwrap();
    (first, second)
}

/// Runs three bodies side by side, and gives what they returned.
fn all<E: Explorer, A: Send + 'static, B: Send + 'static, C: Send + 'static>(
    first: impl FnOnce() -> A + Send + 'static,
    second: impl FnOnce() -> B + Send + 'static,
    third: impl FnOnce() -> C + Send + 'static,
) -> (A, B, C) {
    let ((first, second), third) = {
        let result = Arc::new(Mutex::new(None));
        let handle = E::spawn({
            let result = Arc::clone(&result);
            move || {
                let value = third();
                *result.lock().unwrap() = Some(value);
            }
        });
        let two = both::<E, A, B>(first, second);
        E::join(handle);
        let third = result.lock().unwrap().take().unwrap();
        (two, third)
    };
    (first, second, third)
}

/// Calls a macro with the names of all scenarios.
#[macro_export]
macro_rules! all_scenarios {
    ($macro:ident) => {
        $macro! {
            race_01_same_group_twice
            race_02_setsid_against_setpgid
            race_03_fork_under_an_exiting_parent
            race_04_orphan_handed_to_a_dead_subreaper
            race_05_living_subreaper_skipped
            race_06_reap_against_re_parenting
            race_07_double_reap_by_two_waiters
            race_08_late_second_reap
            race_09_reap_against_setpgid
            race_10_zombie_visible_before_its_children_moved
            race_11_in_no_group_while_moving
            race_12_a_walk_misses_a_living_process
            race_12_a_walk_by_number_misses_a_living_process
            race_13_a_destructor_under_the_lock
            race_14_exit_code
            race_15_leave_and_come_back
            race_01_by_three
            race_03_by_three
            race_04_by_three
            race_06_by_three
            race_07_by_three
            race_09_by_three
            setpgid_against_setpgid
            setsid_against_setsid
            last_member_leaves_while_another_joins
            fork_against_exit_of_the_parent
            exit_of_the_parent_against_exit_of_the_reaper
            opposite_re_parentings
            duplicate_number
            wait_against_exit
            wait_against_wait
            a_sleeping_future_is_woken
            two_sleeping_futures_share_one_child
            a_future_is_dropped_at_any_point
            hooks_in_the_order_of_linux
            hooks_of_an_adopted_zombie_in_order
            exit_group_against_exit_group
            exactly_one_is_the_last
            a_thread_joins_while_the_process_ends
            exec_against_a_kill
            exec_against_an_exit
            exec_against_another
            exec_against_exec
            exec_against_group_exit
            exec_against_the_wait_of_a_tracer
            exit_in_steps_against_another
            exit_in_steps_against_a_kill
            core_dump_against_a_kill
            core_dump_against_an_exit
            end_of_a_namespace_against_a_fork_into_it
            end_of_a_namespace_against_its_last_exit
            a_thread_joins_while_another_execs
            kernel_signal_against_an_exit
            kernel_signal_against_an_exec
            kernel_signal_to_a_group_against_setpgid
            an_identity_against_the_next_use_of_its_number
            attention_against_a_kill
            attention_against_an_exec
            attention_against_a_stop
            attention_against_a_continuation
            attention_against_a_tracer
            attention_against_the_exit_of_a_tracer
            attention_against_an_interruption
            attention_of_a_seized_thread_against_a_continuation
            attention_against_a_stop_that_begins_anew
            listening_against_a_continuation
            attention_against_a_signal
            attention_of_a_new_thread_against_a_stop
            no_fork_escapes_a_signal_to_the_group
            stop_against_continue
            stop_of_two_threads_against_continue
            stop_against_continue_against_kill
        }
    };
}
