//! That the counts are counts.

use std::process::Command;

/// Instructions, RMWs and allocations of a life; `None` where they cannot be counted.
fn costs_of_life() -> Option<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_budgets"));
    let output = command.args(["--measure", "kernel/life"]).output().expect("the program starts");
    if output.status.code() == Some(2) {
        eprintln!("skipped: {}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).expect("numbers"))
}

/// The counts repeat to the instruction.
#[test]
fn counts_repeat() {
    let costs = costs_of_life();
    assert_eq!(costs_of_life(), costs);
    assert!(costs.is_none_or(|costs| costs.split_whitespace().count() == 3));
}
