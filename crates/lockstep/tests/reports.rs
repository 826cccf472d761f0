//! What a run reports: tree, counts, verdict, picture, JSON.

mod common;

use common::{Bench, is_skipped};

/// The tree shows every process with its relations, its end and its reaper.
#[test]
fn the_tree_shows_who_lived() {
    if is_skipped(&["sh"]) {
        return;
    }
    let run = Bench::new().run(&[], &["sh", "-c", "sh -c 'exit 3'; true"]);
    run.expect_agreement();
    let [root, child] = run.processes() else { panic!("{}", run.report) };
    let pid = |process: &serde_json::Value| process["pid"].to_string();
    let line = run.report.lines().find(|line| line.starts_with("└─")).unwrap_or_default();
    assert!(line.starts_with(&format!("└─ {} sh -c exit 3", pid(child))), "{}", run.report);
    assert!(line.ends_with(&pid(root)), "reaped by its parent: {line}");
    assert_eq!(child["parents"][0][1], root["pid"]);
}

/// Calls that the model does not know are named and counted.
#[test]
fn unmodelled_calls_are_named() {
    if is_skipped(&["python3"]) {
        return;
    }
    let script =
        "import ctypes; c = ctypes.CDLL(None); c.ptrace(17, 0, 0, 0); c.ptrace(17, 0, 0, 0)";
    let run = Bench::new().run(&[], &["python3", "-c", script]);
    run.expect_report("not known: 2 (ptrace 2)");
}

/// The picture has a bar, a label and an end for every process, and is well-formed.
#[test]
fn the_picture_shows_every_process() {
    if is_skipped(&["sh"]) {
        return;
    }
    let bench = Bench::new();
    let path = bench.path("history.svg");
    let options = ["--svg", path.to_str().expect("a plain path")];
    let program = ["sh", "-c", "sh -c 'exit 3' '<&>'; true"].map(std::ffi::OsStr::new);
    let mut command = bench.command(&options, &program);
    let output = command.output().expect("a run");
    assert!(output.status.success());
    let picture = std::fs::read_to_string(&path).expect("the picture");
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    assert!(picture.contains("no divergence") && picture.contains("exit 3"));
    assert!(picture.contains("&lt;&amp;&gt;") && !picture.contains("<&>"));
    let opened = picture.matches("<g>").count();
    assert_eq!((opened, picture.matches("</g>").count()), (2, 2));
    bench.expect_no_strays();
}

/// Without a file, the report goes to the standard error stream, uncoloured if that is no
/// terminal, with the verdict last.
#[test]
fn the_report_goes_to_standard_error() {
    if is_skipped(&[]) {
        return;
    }
    let bench = Bench::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args(["run", "--", "echo", "own output"]);
    bench.prepare(&mut command);
    let run = bench.start(command).finish();
    assert_eq!((run.status, run.stdout.as_str()), (0, "own output\n"));
    let last = run.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("lockstep: no divergence"), "{}", run.stderr);
    assert!(!run.stderr.contains('\x1b'));
}

/// The exit statuses are in the help.
#[test]
fn the_help_tells_the_statuses() {
    let bench = Bench::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args(["run", "--help"]);
    bench.prepare(&mut command);
    let run = bench.start(command).finish();
    for text in ["0    ", "1    ", "2    ", "3    ", "125  ", "126  ", "127  ", "--pass-status"] {
        run.expect_stdout(text);
    }
}

/// Every command has examples and its exit statuses in its help.
#[test]
fn every_command_has_examples_and_statuses() {
    for name in ["run", "record", "replay", "fuzz", "check"] {
        let bench = Bench::new();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args([name, "--help"]);
        bench.prepare(&mut command);
        let run = bench.start(command).finish();
        run.expect_stdout("Examples:\n  lockstep ").expect_stdout("Exit status");
    }
}

/// What following costs is told beside a tracer that does nothing; a program that cannot be run is told too.
#[test]
fn costs_are_told() {
    if common::is_skipped(&["true"]) {
        return;
    }
    let output = common::lockstep(&["cost", "--times", "1", "--", "true"]).output().unwrap();
    let text = common::said(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains(" times the floor, ") && text.contains(" times alone"), "{text}");
    // What the program leaves does not count, and is not left.
    let bench = common::Bench::new();
    let mut command = common::lockstep(&["cost", "--times", "1", "--", "sh", "-c"]);
    command.arg("setsid sleep 1000 & sleep 1000 &");
    bench.prepare(&mut command);
    assert!(command.output().unwrap().status.success());
    bench.expect_no_strays();
    let output = common::lockstep(&["cost", "--", "/nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(125), "{}", common::said(&output));
}
