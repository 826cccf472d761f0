//! Recorded runs of real programs are judged anew, by the model alone, and come to the same verdict.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Bench, Run, is_skipped};

fn recordings() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces");
    let entries = std::fs::read_dir(directory).expect("the recordings");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn recording(name: &str) -> PathBuf {
    let is_it = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem == name);
    recordings().into_iter().find(is_it).expect("a recording of that name")
}

fn replay_with(bench: Bench, options: &[&str], path: &Path) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.arg("replay").arg("--output").arg(bench.path("report"));
    command.arg("--json").arg(bench.path("json")).args(options).arg(path);
    bench.prepare(&mut command);
    bench.start(command).finish()
}

fn replay(path: &Path) -> Run {
    replay_with(Bench::new(), &[], path)
}

/// A recording with some of its text replaced.
fn altered(name: &str, alter: impl FnOnce(String) -> String) -> Run {
    let text = std::fs::read_to_string(recording(name)).expect("a recording");
    let bench = Bench::new();
    let path = bench.write("altered.jsonl", &alter(text));
    replay_with(bench, &[], &path)
}

/// All recordings agree with the model: shells on terminals, a terminal multiplexer, containers, make, git, threads.
#[test]
fn recorded_programs_agree() {
    let recordings = recordings();
    assert!(recordings.len() >= 10, "{recordings:?}");
    for path in recordings {
        let run = replay(&path);
        run.expect_agreement();
        assert!(!run.report.contains("not modelled"), "{}: {}", path.display(), run.report);
        let size = std::fs::metadata(&path).expect("a file").len();
        assert!(size < 50_000, "{}: {size} bytes", path.display());
    }
}

/// The report on a recording is that on the run itself: text, picture and file for machines.
#[test]
fn a_replay_reports_what_the_run_did() {
    if is_skipped(&["bash", "cat"]) {
        return;
    }
    // The bench of a run is gone with it.
    let (bench, kept) = (Bench::new(), Bench::new());
    let [file, picture, other_picture] =
        ["run.jsonl", "run.svg", "replay.svg"].map(|name| kept.path(name));
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.arg("record").arg("--output").arg(bench.path("report"));
    command.arg("--json").arg(bench.path("json")).arg("--svg").arg(&picture);
    command.arg(&file).args(["--", "bash", "-c", "set -m; sleep 0.05 & (exit 3) | cat; wait"]);
    bench.prepare(&mut command);
    let run = bench.start(command).finish();
    run.expect_agreement();
    let options = ["--svg", other_picture.to_str().expect("a plain path")];
    let again = replay_with(Bench::new(), &options, &file);
    assert_eq!(again.report, run.report);
    assert_eq!(again.json, run.json);
    let read = |path: &Path| std::fs::read_to_string(path).expect("a picture");
    assert_eq!(read(&other_picture), read(&picture));
}

/// A replay needs no ptrace: it works where that is refused, inside a followed program.
#[test]
fn a_replay_needs_no_privilege() {
    if is_skipped(&[]) {
        return;
    }
    let path = recording("keys_under_dash");
    let lockstep = env!("CARGO_BIN_EXE_lockstep");
    let run = Bench::new()
        .run(&["--pass-status"], &[lockstep, "replay", path.to_str().expect("a plain path")]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    run.expect_stderr("lockstep: no divergence: all ");
    assert!(!run.report.contains("ptrace"), "{}", run.report);
}

/// A wait status that Linux never gave is a divergence.
#[test]
fn another_status_is_noticed() {
    let run = altered("make_j4", |text| {
        let place = text.rfind("\"status\":0}").expect("a wait");
        let (before, after) = text.split_at(place);
        before.to_owned() + &after.replacen("\"status\":0}", "\"status\":256}", 1)
    });
    assert_eq!(run.status, 1, "{}", run.report);
    run.expect_report("exit 1").expect_report("exit 0");
}

/// A sleeper that Linux did not wake is a divergence: here, whose return was taken out.
#[test]
fn a_wake_up_that_never_came_is_noticed() {
    let run = altered("xargs_p4", |text| {
        let (first, rest) = text.split_once("{\"waited\"").expect("a wait");
        let start = first.rfind('\n').map_or(0, |end| end + 1);
        let end = rest.find('\n').map_or(rest.len(), |end| end + 1);
        first[..start].to_owned() + &rest[end..]
    });
    assert_eq!(run.status, 1, "{}", run.report);
    run.expect_report("Linux: still waits");
}

/// A signal that nobody sent is a divergence (R-NOTIFY-02).
#[test]
fn a_signal_that_nobody_sent_is_noticed() {
    let run = altered("keys_under_bash", |text| {
        let (before, after) = text.split_once("\"news\":{\"pid\":").expect("a signal");
        let end = after.find(',').expect("more of it");
        format!("{before}\"news\":{{\"pid\":1{}", &after[end..])
    });
    assert_eq!(run.status, 1, "{}", run.report);
    run.expect_report("what ").expect_report("nothing of it");
}

/// Programs whose answers may come in several orders: one that no order allows is noticed in them as well.
#[test]
fn answers_that_no_order_allows_are_noticed() {
    if is_skipped(&["cc"]) {
        return;
    }
    let (exec, stops, hurried, terminals, siblings) = (
        include_str!("kinds/replaced.c"),
        include_str!("kinds/juggled.c"),
        include_str!("kinds/hurried.c"),
        include_str!("kinds/opened.c"),
        include_str!("kinds/siblings.c"),
    );
    // The thread is still there; a stop is a continuation; a terminal is not the caller's; a sibling is a child.
    for (source, way, line, from, to) in [
        (exec, "ask", "\"tgkill\"", "\"result\":-3}", "\"result\":0}"),
        (stops, "wait4", "\"waited\"", "\"status\":4991}", "\"status\":65535}"),
        (hurried, "calm", "\"waited\"", "\"status\":4991}", "\"status\":65535}"),
        (hurried, "calm", "\"waited\"", "\"status\":65535}", "\"status\":4991}"),
        (terminals, "turns", "\"release\"", "\"result\":0", "\"result\":-25"),
        (siblings, "group", "\"born\"", "\"flags\":32768,", "\"flags\":0,"),
    ] {
        let bench = Bench::new();
        let program = bench.compile("program.c", source);
        let file = bench.path("run.jsonl");
        let record = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
            command.arg("record").arg("--output").arg(bench.path("report")).arg(&file).arg("--");
            command.arg(&program).arg(way);
            bench.prepare(&mut command);
            assert!(command.output().expect("the built binary").status.success(), "{way}");
            let text = std::fs::read_to_string(&file).expect("the recording");
            let is_it = |it: &str| it.contains(line) && it.contains(from);
            let found = text.lines().find(|it| is_it(it)).map(str::to_owned);
            found.map(|found| (text, found))
        };
        // The order of things decides whether there is one.
        let Some((text, found)) = (0..40).find_map(|_| record()) else {
            eprintln!("skipped: {way}: no run has such an answer");
            continue;
        };
        let path =
            bench.write("altered.jsonl", &text.replacen(&found, &found.replace(from, to), 1));
        let run = replay_with(bench, &[], &path);
        assert_eq!(run.status, 1, "{way}: {}", run.report);
        run.expect_report("divergence 1: ");
    }
}

/// Signals that a child does not block, does not handle, or that wait for it, as its parent's or the model's say, are noticed, at its birth and at its end.
#[test]
fn other_masks_and_handlers_are_noticed() {
    if is_skipped(&["cc"]) {
        return;
    }
    let (bench, kept) = (Bench::new(), Bench::new());
    let program = bench.compile("inherited.c", include_str!("kinds/inherited.c"));
    let file = kept.path("run.jsonl");
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.arg("record").arg("--output").arg(bench.path("report")).arg(&file).arg("--");
    command.arg(&program).arg("clear");
    bench.prepare(&mut command);
    assert!(command.output().expect("the built binary").status.success());
    let text = std::fs::read_to_string(&file).expect("the recording");
    let [born, ended] = ["{\"born\":", "{\"ended\":"].map(|fact| {
        let mut lines = text.lines().filter(|line| line.contains(fact));
        lines.rfind(|line| line.contains(",-1,[")).expect("one with signals").to_owned()
    });
    let sets = |line: &str| -> (String, [u32; 4]) {
        let begin = line.find(",-1,[").expect("signals") + ",-1,".len();
        let end = line[begin..].find(']').expect("their end") + begin + 1;
        (line[begin..end].to_owned(), serde_json::from_str(&line[begin..end]).expect("four sets"))
    };
    let child = 1 << (libc::SIGCHLD - 1);
    for (line, place, flipped, question) in [
        (&born, 0, 1, "pending in a new process"),
        (&born, 1, 1 << 4, "blocked in a new process"),
        (&born, 3, 1 << 4, "caught in a new process"),
        (&born, 2, child, "SIGCHLD ignored"),
        (&ended, 3, child, "SIGCHLD caught"),
    ] {
        let (old, mut new) = sets(line);
        new[place] ^= flipped;
        let new = serde_json::to_string(&new).expect("numbers");
        let altered = text.replacen(line.as_str(), &line.replace(&old, &new), 1);
        let bench = Bench::new();
        let path = bench.write("altered.jsonl", &altered);
        let run = replay_with(bench, &[], &path);
        assert_eq!(run.status, 1, "{question}: {}", run.report);
        run.expect_report(question);
    }
}

/// A recording that ends too early is told so, and is not passed as good.
#[test]
fn cut_recordings_are_told() {
    let run = altered("make_j4", |text| {
        let lines: Vec<_> = text.lines().collect();
        lines[..lines.len() / 2].join("\n") + "\n"
    });
    assert_eq!(run.status, 125, "{}", run.report);
    run.expect_stderr("is cut off: the run was not followed to its end");
}

/// What is no recording, or a damaged one, is told with its name and line.
#[test]
fn bad_recordings_are_told() {
    for (text, complaint) in [
        ("", "altered.jsonl is empty"),
        ("hello\n", "is no recording of lockstep"),
        ("{\"lockstep_recording\":99}\n", "has version 99 of the format; this lockstep reads 1"),
    ] {
        let run = altered("daemon", |_| text.to_owned());
        assert_eq!(run.status, 125);
        run.expect_stderr(complaint);
    }
    let run = altered("daemon", |text| text.replacen("\"fact\"", "\"fast\"", 1));
    assert_eq!(run.status, 125);
    run.expect_stderr("altered.jsonl, line 2: ");
    let run = replay(Path::new("no/such/file"));
    assert_eq!(run.status, 125);
    run.expect_stderr("lockstep: cannot read no/such/file: No such file");
}
