//! Random scripts: they agree, wrong rules are found, and nothing is left behind.

mod common;

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{lacks_namespaces, lockstep, said};

fn is_skipped() -> bool {
    let script = ["fuzz", "--quiet", "--jobs", "1", "--scripts", "1", "--seed", "1"];
    lacks_namespaces(&lockstep(&script).output().expect("the built binary"))
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

/// Scripts of fixed seeds meet the rules of `covered_rules.txt`: a change of the generator that loses one is noticed.
#[test]
fn fixed_seeds_meet_the_listed_rules() {
    if is_skipped() {
        return;
    }
    let arguments = ["fuzz", "--quiet", "--coverage", "--jobs", "2", "--scripts", "2500"];
    let output = lockstep(&arguments).args(["--seed", "1"]).output().unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    let met = |rule: &&str| {
        said.lines().any(|line| line.split_once(' ').is_some_and(|(it, _)| it == *rule))
    };
    let listed = include_str!("covered_rules.txt").lines();
    let lost: Vec<_> = listed.filter(|rule| !met(rule)).collect();
    assert!(lost.is_empty(), "not met any more: {}", lost.join(" "));
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

/// R-NS-29, R-ORPHAN-04: the end of the last one in a namespace hangs up the group of its init's parent, which dies before that init has run again.
#[test]
fn seed_503006121_agrees() {
    check_on_both_sides(
        "\
init: fork b
b: fork c exit-signal=0 sibling newpid
c: fork d
b: unshare-pid
b: fork g
b: wait4 any
d: fork j
d: fork k
j: kill k STOP
g: fork o
g: setpgid 0 0
g: exit 0
    g state=Z parent=init
    b state=Z
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

/// R-NS-20: the init of a namespace has to run once more when the last one in it is reaped. Who has reaped that one sleeps again by then, and another thread of the
/// same process dies first of the signal at the init's end: whose children are adopted first is the scheduler's.
#[test]
fn seed_20279617_agrees() {
    check_on_both_sides(
        "\
init: fork b
b: thread c
c: fork e
b: unshare-pid
b: fork f exit-signal=USR1
b: fork j
c: wait4 0
f: exit 0
",
    );
}

/// R-TTY-04: what has ended in the foreground is still shown, inside a namespace too.
#[test]
fn seed_66_agrees() {
    check_on_both_sides(
        "\
init: pty tty1
init: tiocsctty tty1
init: fork a
a: exit 0
init: tiocspgrp tty1 a
init: wait4 any
",
    );
}

/// R-VFORK-02, R-EXIT-10: who sleeps in a vfork with a signal to look at takes no other, not even a fatal one.
#[test]
fn seed_230_agrees() {
    check_on_both_sides(
        "\
init: fork a
init: fork e
a: fork f
e: fork g exit-signal=0 vfork
f: kill 0 TSTP
init: fork k
k: kill e HUP
",
    );
}

/// R-STOP-08, R-EXIT-10: who comes back from a stop has not been told of the signals that came meanwhile; the next one decides.
#[test]
fn seed_800262_agrees() {
    check_on_both_sides(
        "\
init: fork a
a: fork b exit-signal=USR1
b: fork c
b: kill a STOP
b: setpgid 0 0
b: exit 0
",
    );
}

/// R-PIDFD-04: a signal for a whole process through the pidfd of a thread asks that thread first.
#[test]
fn seed_700013_agrees() {
    check_on_both_sides(
        "\
init: fork a
a: thread k
init: pidfd-open fd6 k thread
init: fork m
k: fork n exit-signal=0 vfork
m: pidfd-send fd6 QUIT process
",
    );
}

/// R-TTYEXIT-07: a terminal that has hung up does not do so again before it is opened anew: it is lost with its master, without a signal.
#[test]
fn seed_505495_agrees() {
    check_on_both_sides(
        "\
init: pty tty1 tostop
init: tiocsctty tty1
init: thread a
init: fork c
c: fork f
a: signal HUP handle
f: fork i
f: vhangup
init: tiocsctty tty1 master
i: tty-hangup tty1
",
    );
}

/// R-NS-10, R-EXIT-10: that a thread has not come to look at a signal does not make it block others; what init ignores is dropped.
#[test]
fn seed_20003514_agrees() {
    check_on_both_sides(
        "\
init: signal CHLD handle
init: thread a
init: fork c
init: fork e vfork
a: kill c STOP
a: kill init TTOU
",
    );
}

/// R-NS-10: a signal that waits in an init's queue, because one thread blocks it, is looked at by the thread that does not.
#[test]
fn seed_50009084_agrees() {
    check_on_both_sides(
        "\
init: thread b
b: fork c vfork
c: fork e
init: block HUP
init: thread g
e: kill g HUP
g: signal HUP handle
c: exec
",
    );
}

/// R-EXIT-14: on Linux the init of a namespace lets others run when it reaps, before its end is told.
#[test]
fn seed_90002026_agrees() {
    check_on_both_sides(
        "\
init: fork a
init: fork d
d: fork e newpid vfork
e: fork i
a: seize d
i: exit 0
e: exit 0
",
    );
}

/// R-EXIT-03: who takes a signal that dumps core ends the threads behind it first, so the leader may be the last.
#[test]
fn seed_402004573_agrees() {
    check_on_both_sides(
        "\
init: fork b
b: fork g exit-signal=USR1
g: thread i
g: trace-me
i: thread m
b: trace-me
init: kill i QUIT
init: cont b
",
    );
}

#[test]
fn seed_742002095_agrees() {
    // R-PTRACE-09: a file's signal for a process by the number of a dead thread that waits for its tracer.
    check_on_both_sides(
        "\
init: fork a
init: fork b
a: thread d
d: thread e
e: fork i
i: attach d
a: exec
b: owned-file process d HUP
",
    );
}

/// What lockstep itself was made to ignore, its actors do not: as under nohup, or in the background of a shell.
#[test]
fn dispositions_are_not_inherited() {
    if is_skipped() {
        return;
    }
    let bench = common::Bench::new();
    let file = bench.write("script.proc", "init: fork a\na: kill 0 QUIT -> ends\n");
    let file = file.to_str().expect("a plain name");
    let program = env!("CARGO_BIN_EXE_lockstep");
    let script = format!("trap '' HUP INT QUIT TERM; exec {program} check {file}");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(said(&output).contains("1 of 1 files hold"), "{}", said(&output));
}

/// A killed run takes all its processes with it, and so their namespaces and terminals.
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
    let opened: Vec<_> = marked().iter().filter_map(|process| opened_space(process)).collect();
    let spaces: BTreeSet<_> = opened.iter().filter_map(number_of).collect();
    assert!(spaces.len() > 1, "scripts play in namespaces of their own");
    run.kill().unwrap();
    run.wait().unwrap();
    let outside = number_of(&opened_space(Path::new("/proc/self")).expect("procfs"));
    let left = || {
        let processes = std::fs::read_dir("/proc").expect("procfs").flatten();
        let living = processes.filter_map(|entry| opened_space(&entry.path()));
        let mut numbers = living.filter_map(|space| number_of(&space));
        numbers.any(|space| Some(space) != outside && spaces.contains(&space))
    };
    while !marked().is_empty() || left() {
        assert!(Instant::now() < deadline, "left behind: {:?}", marked());
        std::thread::yield_now();
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    assert!(!mounts.contains("lockstep"), "{mounts}");
}

/// The PID namespace of a process. While it is open, no other is made with its number: tests that run beside this one make many.
fn opened_space(process: &Path) -> Option<File> {
    File::open(process.join("ns/pid")).ok()
}

fn number_of(space: &File) -> Option<u64> {
    Some(space.metadata().ok()?.ino())
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
