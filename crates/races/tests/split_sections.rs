//! A test of the scenarios: each fails when the operation that it races with is cut in two, as it is in crates with more locks.
//!
//! A cut can leave any damage behind, so that the scenario runs in a process of its own, which must end with the schedule that failed.
#![cfg(feature = "split-sections")]

use std::panic;
use std::process::Command;

use axprocess::split::{Split, plant};
use races::{Explorer, Loom, scenarios};

/// Which cut the process of its own makes, if any.
const SPLIT: &str = "SPLIT_SECTIONS";

macro_rules! cuts {
    ($($test:ident: $split:literal fails $scenario:ident;)*) => {
        $(
            #[test]
            fn $test() {
                match std::env::var(SPLIT) {
                    Ok(split) => explore(&split, scenarios::$scenario::<Loom>),
                    Err(_) => assert_fails($split, stringify!($test)),
                }
            }
        )*
    };
}

cuts! {
    race_01_is_seen_when_setpgid_is_cut: "setpgid" fails race_01_same_group_twice;
    race_02_is_seen_when_setpgid_is_cut: "setpgid" fails race_02_setsid_against_setpgid;
    setsid_twice_is_seen_when_setsid_is_cut: "setsid" fails setsid_against_setsid;
    race_03_is_seen_when_fork_is_cut: "fork" fails race_03_fork_under_an_exiting_parent;
    race_03_by_three_is_seen_when_fork_is_cut: "fork" fails race_03_by_three;
    race_04_is_seen_when_adoption_is_cut: "adopt" fails race_04_orphan_handed_to_a_dead_subreaper;
    race_04_by_three_is_seen_when_adoption_is_cut: "adopt" fails race_04_by_three;
    race_07_is_seen_when_the_reap_is_cut: "reap" fails race_07_double_reap_by_two_waiters;
    race_07_by_three_is_seen_when_the_reap_is_cut: "reap" fails race_07_by_three;
    race_12_is_seen_when_the_walk_is_cut: "walk" fails race_12_a_walk_misses_a_living_process;
    a_late_thread_is_seen_when_the_join_is_cut: "join" fails a_thread_joins_while_the_process_ends;
    a_late_thread_is_seen_by_exec_when_the_join_is_cut: "join" fails a_thread_joins_while_another_execs;
}

/// The scenario passes as the crate is, and fails with the cut: the test itself, run again with a cut named, is the scenario.
fn assert_fails(split: &str, test: &str) {
    let explore = |split: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env(SPLIT, split).output().unwrap()
    };
    assert!(explore("none").status.success(), "{test}: fails without a cut");
    let cut = explore(split);
    let story = String::from_utf8_lossy(&cut.stderr);
    assert!(!cut.status.success(), "nobody notices that {split} is cut: {story}");
    assert!(story.contains("The schedule that failed"), "{story}");
    println!("{story}");
}

/// What a process of its own does: the scenario, with the cut or without.
fn explore(split: &str, scenario: fn()) {
    // The damage goes no further than to the panic that reports it.
    panic::set_hook(Box::new(|info| {
        eprintln!("{info}");
        std::process::exit(1);
    }));
    if let Some(split) = Split::from_name(split) {
        plant(split);
    }
    Loom::explore(scenario);
}
