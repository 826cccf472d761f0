//! What goes wrong gives a clear message, the right status, and leaves nothing behind.

mod common;

use common::{Bench, is_skipped};

/// A program that does not exist.
#[test]
fn unknown_programs_are_named() {
    if is_skipped(&[]) {
        return;
    }
    let run = Bench::new().run(&[], &["no-such-program-anywhere"]);
    assert_eq!(run.status, 127);
    assert_eq!(run.stderr, "lockstep: no-such-program-anywhere: not found\n");
}

/// A file that cannot be executed.
#[test]
fn files_that_are_no_programs_are_named() {
    if is_skipped(&[]) {
        return;
    }
    let bench = Bench::new();
    let path = bench.write("data", "no program");
    let run = bench.run(&[], &[path.to_str().expect("a plain path")]);
    assert_eq!(run.status, 126);
    run.expect_stderr("cannot be executed: Permission denied");
}

/// No program at all, and an unknown option.
#[test]
fn wrong_command_lines_are_told() {
    let run = Bench::new().run(&[], &[]);
    assert_eq!(run.status, 2);
    let run = Bench::new().run(&["--no-such-option"], &["true"]);
    assert_eq!(run.status, 2);
    run.expect_stderr("--no-such-option");
}

/// A report that cannot be written is told before the program runs.
#[test]
fn bad_report_paths_are_told_first() {
    let run = Bench::new().run(&["--svg", "no/such/directory/x.svg"], &["echo", "ran"]);
    assert_eq!((run.status, run.stdout.as_str()), (125, ""));
    run.expect_stderr("no/such/directory/x.svg");
}

/// What an earlier run has written stays if the program cannot be started; what was to be new is not left behind.
#[test]
fn files_of_an_earlier_run_stay_until_there_is_something_new() {
    if is_skipped(&["true"]) {
        return;
    }
    let bench = Bench::new();
    let old = ["old.jsonl", "old.txt", "old.svg", "old.json"].map(|name| bench.write(name, "old"));
    let record = |program: &str, [recording, text, svg, json]: &[std::path::PathBuf; 4]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.arg("record").arg("--output").arg(text).arg("--svg").arg(svg);
        command.arg("--json").arg(json).arg(recording).args(["--", program]);
        bench.prepare(&mut command);
        command.output().expect("the built binary").status.code()
    };
    assert_eq!(record("no-such-program-anywhere", &old), Some(127));
    for path in &old {
        assert_eq!(std::fs::read_to_string(path).expect("the old file"), "old", "{path:?}");
    }
    let new = ["new.jsonl", "new.txt", "new.svg", "new.json"].map(|name| bench.path(name));
    assert_eq!(record("no-such-program-anywhere", &new), Some(127));
    assert!(new.iter().all(|path| !path.exists()));
    for files in [&old, &new] {
        assert_eq!(record("true", files), Some(0));
        for path in files {
            let text = std::fs::read_to_string(path).expect("the new file");
            assert!(text.len() > 100 && !text.contains("old\n"), "{path:?}: {text}");
        }
    }
}

/// Two reports to one file would leave one of them: that is told before the program runs.
#[test]
fn one_file_for_two_reports_is_refused() {
    let bench = Bench::new();
    let path = bench.path("both");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.arg("run").arg("--svg").arg(&path).arg("--json").arg(&path).args(["--", "echo", "ran"]);
    bench.prepare(&mut command);
    let run = bench.start(command).finish();
    assert_eq!((run.status, run.stdout.as_str()), (125, ""));
    run.expect_stderr("are one file: give each of them its own");
}

/// `fuzz` does not take a job or a script less than one, and is no success if another signal than Ctrl-C's ends it.
#[test]
fn ended_fuzzers_are_no_success() {
    for option in ["--jobs", "--scripts"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_lockstep"))
            .args(["fuzz", option, "0"])
            .output()
            .expect("the built binary");
        assert_eq!(output.status.code(), Some(2), "{option}");
    }
    if is_skipped(&[]) {
        return;
    }
    for (signal, status) in [(libc::SIGINT, 0), (libc::SIGTERM, 125)] {
        let bench = Bench::new();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(["fuzz", "--jobs", "1", "--seed", "1", "--quiet"]);
        bench.prepare(&mut command);
        let mut running = bench.start(command);
        running.expect_stdout("seed 1, 1 jobs");
        running.signal(signal);
        let run = running.finish();
        assert_eq!(run.status, status, "{}", run.stdout);
        assert!(run.stdout.contains("interrupted by SIG"), "{}", run.stdout);
    }
}

/// A program that crashes, and one that is killed.
#[test]
fn crashes_are_followed() {
    if is_skipped(&["sh"]) {
        return;
    }
    let run = Bench::new().run(&["--pass-status"], &["sh", "-c", "kill -SEGV $$"]);
    assert_eq!(run.status, 128 + libc::SIGSEGV, "{}", run.report);
    run.expect_report("the program ended: SIGSEGV");
    let run = Bench::new().run(&["--pass-status"], &["sh", "-c", "sleep 60 & kill -KILL $! $$"]);
    assert_eq!(run.status, 128 + libc::SIGKILL, "{}", run.report);
    run.expect_report("no divergence");
}

/// lockstep is killed while the program runs: the kernel ends the program with it.
#[test]
fn killed_tracer_leaves_nothing() {
    if is_skipped(&["sh"]) {
        return;
    }
    let bench = Bench::new();
    let script = "sleep 1000 & (setsid sleep 1000 &) ; kill -STOP $!; echo ready; wait";
    let command = bench.command(&[], &["sh", "-c", script].map(std::ffi::OsStr::new));
    let mut running = bench.start(command);
    running.expect_stdout("ready");
    running.signal(libc::SIGKILL);
    // `finish` checks that nobody is left.
    assert_eq!(running.finish().status, -1);
}

/// lockstep is killed, or crashes, while a container runs: no process, no namespace and no mount is left, whatever had been stopped
/// or had become a daemon.
#[test]
fn crashed_tracer_leaves_no_namespace() {
    if is_skipped(&["unshare", "bash", "setsid"]) {
        return;
    }
    // A namespace lives as long as a process in it, a descriptor or a mount of it.
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
    let before = mounts();
    let script = "setsid sleep 1000 & sleep 1000 & kill -STOP $!; \
                  unshare -pf sleep 1000 & echo ready; wait";
    for signal in [libc::SIGKILL, libc::SIGABRT] {
        let bench = Bench::new();
        let program = ["unshare", "-pf", "--mount-proc", "bash", "-c", script];
        let program: Vec<_> = program.iter().map(std::ffi::OsStr::new).collect();
        let mut command = bench.command(&[], &program);
        command.stderr(std::process::Stdio::inherit());
        let mut running = bench.start(command);
        running.expect_stdout("ready");
        running.signal(signal);
        // `finish` checks that nobody is left.
        assert_eq!(running.finish().status, -1);
        assert_eq!(mounts(), before);
    }
}

/// A recording that cannot be written is told before the program runs.
#[test]
fn bad_recording_paths_are_told_first() {
    let bench = Bench::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args(["record", "no/such/directory/x.jsonl", "--", "echo", "ran"]);
    bench.prepare(&mut command);
    let run = bench.start(command).finish();
    assert_eq!((run.status, run.stdout.as_str()), (125, ""));
    run.expect_stderr("lockstep: cannot write no/such/directory/x.jsonl: No such file");
}

/// A recording that cannot be finished is told, and is no success; the program is not disturbed.
#[test]
fn full_disks_are_told() {
    if is_skipped(&["echo"]) {
        return;
    }
    let bench = Bench::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args(["record", "/dev/full", "--", "echo", "ran"]);
    bench.prepare(&mut command);
    let run = bench.start(command).finish();
    assert_eq!((run.status, run.stdout.as_str()), (125, "ran\n"), "{}", run.stderr);
    run.expect_stderr("lockstep: cannot write the recording to /dev/full: No space left");
}

/// lockstep is told to end: it ends the program, reports, and fails.
#[test]
fn terminated_tracer_ends_the_program() {
    if is_skipped(&["sh"]) {
        return;
    }
    let bench = Bench::new();
    let script = "sleep 1000 & (setsid sleep 1000 &) ; echo ready; wait";
    let command = bench.command(&[], &["sh", "-c", script].map(std::ffi::OsStr::new));
    let mut running = bench.start(command);
    running.expect_stdout("ready");
    running.signal(libc::SIGTERM);
    let run = running.finish();
    assert_eq!(run.status, 125, "{}", run.report);
    run.expect_report("lockstep: ended by SIGTERM");
}

/// Ctrl-C is the program's while it runs.
#[test]
fn interrupts_are_left_to_the_program() {
    if is_skipped(&["sh"]) {
        return;
    }
    let bench = Bench::new();
    let script = "echo ready; read line; echo survived";
    let mut command = bench.command(&[], &["sh", "-c", script].map(std::ffi::OsStr::new));
    command.stdin(std::process::Stdio::piped());
    let mut running = bench.start(command);
    running.expect_stdout("ready");
    running.signal(libc::SIGINT);
    // Finishing closes the pipe, which ends the program's read.
    running.finish().expect_agreement().expect_stdout("survived");
}

/// Daemons are followed after the program has ended, until Ctrl-C.
#[test]
fn daemons_are_ended_by_interrupt() {
    if is_skipped(&["setsid"]) {
        return;
    }
    let bench = Bench::new();
    let command =
        bench.command(&[], &["sh", "-c", "(setsid sleep 1000 &)"].map(std::ffi::OsStr::new));
    let running = bench.start(command);
    // The report does not go to the program's error stream, so neither does this.
    running.expect_in_report("still runs (Ctrl-C ends this)");
    running.signal(libc::SIGINT);
    let run = running.finish();
    assert_eq!((run.status, run.stderr.as_str()), (125, ""), "{}", run.report);
    run.expect_report("lockstep: ended by SIGINT");
}

/// Where the report goes to the error stream, so does what is said of them.
#[test]
fn daemons_are_told_of_on_the_error_stream() {
    if is_skipped(&["setsid"]) {
        return;
    }
    let bench = Bench::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args(["run", "--", "sh", "-c", "(setsid sleep 1000 &)"]);
    bench.prepare(&mut command);
    let mut running = bench.start(command);
    running.expect_stderr("still runs (Ctrl-C ends this)");
    running.signal(libc::SIGINT);
    let run = running.finish();
    assert_eq!(run.status, 125, "{}", run.stderr);
}

/// Daemons are killed where that is asked for: the answers until then count.
#[test]
fn leftovers_are_killed_on_request() {
    if is_skipped(&["setsid"]) {
        return;
    }
    let script = "(setsid sh -c 'sleep 1000 & sleep 1000' &); sleep 1000 & kill -STOP $!";
    let run = Bench::new().run(&["--kill-leftovers"], &["sh", "-c", script]);
    run.expect_agreement().expect_report("the program ended: exit 0").expect_report("SIGKILL");
    assert_eq!(run.stderr, "");
}

/// A program that takes too long is ended, and with it all that it has made; the status says so.
#[test]
fn time_limits_end_the_program() {
    if is_skipped(&["sh", "setsid"]) {
        return;
    }
    for script in ["sleep 1000", "(setsid sleep 1000 &); exit 0", "while :; do :; done"] {
        let run = Bench::new().run(&["--timeout", "1"], &["sh", "-c", script]);
        assert_eq!(run.status, 124, "{}", run.report);
        run.expect_report("lockstep: ended after 1 second (--timeout); until then all ");
    }
    let run = Bench::new().run(&["--timeout", "100"], &["true"]);
    run.expect_agreement();
    let run = Bench::new().run(&["--timeout", "0.5"], &["sleep", "1000"]);
    run.expect_report("lockstep: ended after 0.5 seconds (--timeout); until then all ");
    for wrong in ["0", "-1", "nan", "inf", "soon"] {
        let run = Bench::new().run(&[&format!("--timeout={wrong}")], &["true"]);
        assert_eq!(run.status, 2, "{wrong}");
        assert!(run.stderr.contains("not a number of seconds above 0"), "{wrong}: {}", run.stderr);
    }
}

/// A report that nobody reads, or for which there is no room, is one line and a status; the program has run.
#[test]
fn unwritten_reports_are_told() {
    if is_skipped(&["echo"]) {
        return;
    }
    let lockstep = |options: &[&str], errors: std::process::Stdio| {
        let bench = Bench::new();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.arg("run").args(options).args(["--", "echo", "ran"]);
        bench.prepare(&mut command);
        command.stderr(errors).output().expect("the built binary")
    };
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = lockstep(&[], writer.into());
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(125), &b"ran\n"[..]));
    for option in ["--output", "--json", "--svg"] {
        let output = lockstep(&[option, "/dev/full"], std::process::Stdio::piped());
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(125), &b"ran\n"[..]));
        let last = errors.lines().last().unwrap_or_default();
        let wanted = "lockstep: cannot write the report to /dev/full: No space left";
        assert!(last.starts_with(wanted), "{errors}");
    }
}

/// A standard stream that is closed takes no report and no result: the status says so, and the program's own is as it was.
#[test]
fn closed_streams_take_nothing() {
    if is_skipped(&["sh"]) {
        return;
    }
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios/R-EXIT-01.proc");
    let lines = [
        ("\"$0\" run -- sh -c '[ ! -e /proc/self/fd/2 ]' 2>&-", 125, ""),
        ("\"$0\" run -- sh -c '[ ! -e /proc/self/fd/1 ]' 2>&- >&- <&-", 125, ""),
        ("\"$0\" run --output /dev/null -- sh -c '[ ! -e /proc/self/fd/2 ]' 2>&-", 0, ""),
        (
            "\"$0\" check --model-only \"$1\" >&-",
            125,
            "lockstep: cannot write the results: Broken pipe (os error 32)\n",
        ),
    ];
    for (line, status, errors) in lines {
        let bench = Bench::new();
        let mut command = std::process::Command::new("sh");
        command.args(["-c", line, env!("CARGO_BIN_EXE_lockstep"), scenario]);
        bench.prepare(&mut command);
        let output = command.output().expect("a shell");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*told), (Some(status), errors), "{line}");
    }
}

/// So are results that nobody reads.
#[test]
fn unwritten_results_are_told() {
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios/R-EXIT-01.proc");
    let commands: [&[&str]; 3] =
        [&["check", "--model-only", scenario], &["agent", "--list"], &["agent", scenario]];
    for words in commands {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let bench = Bench::new();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(words);
        bench.prepare(&mut command);
        let output = command.stdout(writer).output().expect("the built binary");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(125), "{words:?}: {errors}");
        assert_eq!(errors, "lockstep: cannot write the results: Broken pipe (os error 32)\n");
        bench.expect_no_strays();
    }
}

/// Where ptrace is not permitted (here: inside lockstep itself), one line says so.
#[test]
fn forbidden_ptrace_is_told_in_one_line() {
    if is_skipped(&[]) {
        return;
    }
    let lockstep = env!("CARGO_BIN_EXE_lockstep");
    let run = Bench::new().run(&["--pass-status"], &[lockstep, "run", "--", "true"]);
    assert_eq!(run.status, 125, "{}", run.report);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    run.expect_stderr("lockstep: ptrace is not permitted here");
}
