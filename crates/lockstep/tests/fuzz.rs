//! Random scripts: they agree, wrong rules are found, and nothing is left behind.

mod common;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

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
fn is_skipped() -> bool {
    let output = lockstep(&["fuzz", "--quiet", "--jobs", "1", "--scripts", "1", "--seed", "1"])
        .output()
        .expect("the built binary");
    let skipped = said(&output).contains("cannot make a PID namespace");
    if skipped {
        eprintln!("skipped: no right to make PID namespaces");
    }
    skipped
}

/// Scripts of a fixed seed agree.
#[test]
fn random_scripts_agree() {
    if is_skipped() {
        return;
    }
    let arguments = ["fuzz", "--quiet", "--jobs", "2", "--scripts", "400", "--seed", "1"];
    let output = lockstep(&arguments).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// Plays a script on Linux and on the model: what a divergence that was found prints calls this.
fn check_on_both_sides(script: &str) {
    if is_skipped() {
        return;
    }
    let bench = common::Bench::new();
    let output = lockstep(&["check"]).arg(bench.write("script.proc", script)).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// R-EXEC-04: the leader's child is handed to the second thread, behind that one's own.
#[test]
fn seed_40252_agrees() {
    check_on_both_sides(
        "\
init: thread f
f: fork g
g: exit 0
init: fork h
f: thread o
o: exec
h: exit 0
o: wait4 any -> g exit 0
",
    );
}

/// R-NS-20: what never ends on Linux is not played, so that nothing is left behind: an init in a group of its own namespace's making.
#[test]
fn no_init_is_stranded() {
    let bench = common::Bench::new();
    let file = bench
        .write("strand.proc", "init: fork a newpid\na: fork b\nb: setpgid 0 0\na: setpgid 0 b\n");
    let output = lockstep(&["check", "--model-only"]).arg(file).output().unwrap();
    assert!(said(&output).contains("cannot do that now"), "{}", said(&output));
}

/// A wrong rule of the model is found, and the script that shows it is short.
#[cfg(feature = "planted-faults")]
#[test]
fn wrong_rules_are_found_and_shortened() {
    if is_skipped() {
        return;
    }
    const FAULTS: [&str; 9] = [
        "wrong-reaper",
        "wrong-group",
        "reaped-twice",
        "deaf-stop",
        "silent-death",
        "forsaken-group",
        "kept-exit-signal",
        "naked-init",
        "hardy-zombie",
    ];
    for fault in FAULTS {
        let arguments =
            ["fuzz", "--quiet", "--seconds", "10", "--seed", "1", "--plant-fault", fault];
        let output = lockstep(&arguments).output().unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{fault}: {said}");
        let script = said.split("\n\n").nth(1).unwrap_or_default();
        let steps = script.lines().filter(|line| line.starts_with(char::is_alphabetic)).count();
        assert!((1..=12).contains(&steps), "{fault}: {said}");
    }
}

/// A killed run takes all its processes with it.
#[test]
fn a_killed_run_leaves_nothing_behind() {
    if is_skipped() {
        return;
    }
    let mut run = lockstep(&["fuzz", "--quiet", "--jobs", "2", "--seed", "7"])
        .env("LOCKSTEP_FUZZ_TEST", "killed")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while marked().len() < 6 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    run.kill().unwrap();
    run.wait().unwrap();
    while !marked().is_empty() {
        assert!(Instant::now() < deadline, "left behind: {:?}", marked());
        std::thread::yield_now();
    }
}

/// The processes that have inherited the mark.
fn marked() -> Vec<PathBuf> {
    let processes = std::fs::read_dir("/proc").expect("procfs").flatten();
    processes
        .map(|entry| entry.path())
        .filter(|path| {
            let environment = std::fs::read(path.join("environ")).unwrap_or_default();
            let mut words = environment.split(|&byte| byte == 0);
            words.any(|word| word == b"LOCKSTEP_FUZZ_TEST=killed")
        })
        .collect()
}
