//! The scenario files hold, on the model, on Linux and through the agent, and show nearly all rules that a program can observe.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn lockstep(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Without the right to make PID namespaces there is nothing to compare with.
fn is_skipped(output: &Output) -> bool {
    let skipped = said(output).contains("cannot make a PID namespace");
    if skipped {
        eprintln!("skipped: no right to make PID namespaces");
    }
    skipped
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn scenarios() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory()).expect("the directory of scenarios");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|it| it == "proc")).collect()
}

/// All rules: every scenario holds on the model alone, which needs no privilege.
#[test]
fn scenarios_hold_on_the_model() {
    let output = lockstep(&["check", "--model-only"]).args(scenarios()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// All rules: every scenario holds on Linux.
#[test]
fn scenarios_hold_on_linux() {
    let output = lockstep(&["check"]).args(scenarios()).output().unwrap();
    assert!(is_skipped(&output) || output.status.success(), "{}", said(&output));
}

/// An expectation that is not met is told with its line, and with what was seen instead.
#[test]
fn unmet_expectations_are_told() {
    let bench = common::Bench::new();
    let file = bench.write("wrong.proc", "init: fork a\na: exit 1\n    a gone\n    silence\n");
    let output = lockstep(&["check", "--model-only"]).arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains("wrong.proc:3: a: exit 1\n    expected: a gone"), "{said}");
    assert!(said.contains("a state=Z") && !said.contains("silence"), "{said}");
}

/// `silence` is not met by a signal that is heard, nor by a call that returns.
#[test]
fn noise_is_no_silence() {
    let bench = common::Bench::new();
    let script = "init: fork a\na: fork b\na: wait4 b -> blocks\nb: exit 1\n    silence\n\
                  a: signal USR1 handle\ninit: kill a USR1\n    silence\n";
    let output =
        lockstep(&["check", "--model-only"]).arg(bench.write("x.proc", script)).output().unwrap();
    let said = said(&output);
    assert_eq!(said.matches("expected: silence").count(), 2, "{said}");
}

/// A file that is no script, or is not there, is told with its place.
#[test]
fn bad_files_are_told_with_their_place() {
    let bench = common::Bench::new();
    let file = bench.write("bad.proc", "init: fork a\n\ninit: dance\n");
    let output = lockstep(&["check", "--model-only"]).arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(said(&output).contains("bad.proc:3: `dance` is no operation"), "{}", said(&output));
    let output = lockstep(&["check", "none.proc"]).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(said(&output).contains("none.proc: No such file"), "{}", said(&output));
}

/// The results of the agent, without the blocks of YAML.
fn results(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let is_result = |line: &&str| line.starts_with("ok ") || line.starts_with("not ok ");
    text.lines().filter(is_result).map(str::to_owned).collect()
}

/// All rules: the agent tells that each scenario holds here, in the Test Anything Protocol.
#[test]
fn the_agent_finds_linux_good() {
    let output = lockstep(&["agent", "--all"]).output().unwrap();
    if is_skipped(&output) {
        return;
    }
    assert!(output.status.success(), "{}", said(&output));
    let text = said(&output);
    let count = scenarios().len();
    assert!(text.starts_with(&format!("TAP version 14\n1..{count}\n")), "{text}");
    let results = results(&output);
    assert_eq!(results.len(), count);
    for (number, result) in (1..).zip(results) {
        assert!(result.starts_with(&format!("ok {number} - R-")), "{result}");
        assert!(!result.contains("# SKIP"), "{result}");
    }
}

/// A scenario that does not hold is told with its place, what was expected, and what was seen; the others are played all the same.
#[test]
fn the_agent_tells_what_does_not_hold() {
    let bench = common::Bench::new();
    let wrong = bench.write("wrong.proc", "# R-WAIT-01: wrong\ninit: fork a\na: exit 1 -> 0\n");
    let right = bench.write("right.proc", "# R-WAIT-02: right\ninit: fork a -> a\n");
    let output = lockstep(&["agent"]).args([wrong, right]).output().unwrap();
    if is_skipped(&output) {
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!(results(&output), ["not ok 1 - R-WAIT-01: wrong", "ok 2 - R-WAIT-02: right"]);
    let text = said(&output);
    assert!(text.contains("wrong.proc:3'\n    step: 'a: exit 1'"), "{text}");
    assert!(text.contains("expected:\n      - '-> 0'\n    seen:\n      - '-> ends'"), "{text}");
}

/// The agent lists what is part of it.
#[test]
fn the_agent_lists_its_scenarios() {
    let output = lockstep(&["agent", "--list"]).output().unwrap();
    assert!(output.status.success());
    let lines = said(&output).lines().filter(|line| line.starts_with("R-")).count();
    assert_eq!(lines, scenarios().len());
}
