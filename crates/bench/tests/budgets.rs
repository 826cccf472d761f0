//! That budgets notice what they are for: a lock round trip, an allocation, a scan, planted into every exit.
#![cfg(feature = "planted-faults")]

use std::process::Command;

/// Instructions, RMWs and allocations of a life; `None` where they cannot be counted.
fn costs_of_life(fault: Option<&str>) -> Option<[f64; 3]> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_budgets"));
    command.args(["--measure", "kernel/life"]);
    command.args(fault.iter().flat_map(|fault| ["--plant-fault", fault]));
    let output = command.output().expect("the program starts");
    if output.status.code() == Some(2) {
        eprintln!("skipped: {}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    let text = String::from_utf8(output.stdout).expect("numbers");
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    Some(numbers.try_into().expect("three numbers"))
}

/// The counts repeat to the instruction, and each planted fault changes the one that is there to notice it.
#[test]
fn each_planted_fault_is_noticed_by_its_measure() {
    let Some(sound) = costs_of_life(None) else {
        return;
    };
    assert_eq!(costs_of_life(None), Some(sound), "the counts repeat");
    let [instructions, rmws, allocations] = sound;
    // An exit wakes the parent's waiters, and a reap nobody: the fault happens once in a life.
    let [_, with_lock, _] = costs_of_life(Some("lock")).expect("counted");
    assert_eq!(with_lock, rmws + 1.0, "one RMW for a needless round trip");
    let [_, _, with_allocation] = costs_of_life(Some("allocation")).expect("counted");
    assert_eq!(with_allocation, allocations + 1.0);
    let [with_scan, _, _] = costs_of_life(Some("scan")).expect("counted");
    assert!(with_scan > instructions + 2_000.0, "{instructions} and {with_scan}");
}
