//! A wrong rule in the model makes lockstep fail, and the message names what diverged.
#![cfg(feature = "planted-faults")]

mod common;

use common::{Bench, Run, is_skipped};

fn with_fault(name: &str, script: &str) -> Run {
    // The same program agrees with the unspoilt model.
    Bench::new().run(&[], &["bash", "-c", script]).expect_agreement();
    let run = Bench::new().run(&["--plant-fault", name], &["bash", "-c", script]);
    assert_eq!(run.status, 1, "{}", run.report);
    let verdict = run.report.lines().last().unwrap_or_default();
    assert!(verdict.contains("DIVERGENCE"), "{}", run.report);
    run.expect_report("before it:");
    run
}

/// An orphan that goes to the wrong parent.
#[test]
fn wrong_reapers_are_noticed() {
    if is_skipped(&["bash"]) {
        return;
    }
    with_fault("wrong-reaper", "(sleep 0.2 & exit 3); true").expect_report("the parent of ");
}

/// A setpgid that lands in the wrong group.
#[test]
fn wrong_groups_are_noticed() {
    if is_skipped(&["bash"]) {
        return;
    }
    with_fault("wrong-group", "set -m; sleep 0.05 & wait").expect_report("the process group of ");
}

/// A zombie that can be reaped twice.
#[test]
fn double_reaping_is_noticed() {
    if is_skipped(&["bash"]) {
        return;
    }
    with_fault("reaped-twice", "(exit 3); (exit 4); wait; true")
        .expect_report("it can be waited for again");
}

/// A SIGCONT that resumes nobody.
#[test]
fn deaf_stops_are_noticed() {
    if is_skipped(&["bash"]) {
        return;
    }
    let script = "set -m; sleep 5 & kill -STOP %1; wait %1; kill -CONT %1; kill %1; wait";
    with_fault("deaf-stop", script);
}

/// A zombie that should not be there.
#[test]
fn hardy_zombies_are_noticed() {
    if is_skipped(&["bash", "perl"]) {
        return;
    }
    let script = "perl -e '$SIG{CHLD} = \"IGNORE\"; fork || exit 3; 1 while wait != -1'; true";
    with_fault("hardy-zombie", script).expect_report("Linux: ECHILD");
}
