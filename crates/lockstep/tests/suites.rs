//! Suites and programs of others that a machine may have: what they do to processes is followed without a divergence.

mod common;

use common::{Bench, Run, is_skipped};

/// Runs stressors of stress-ng, each as often as is said.
fn stress(stressors: &[&str], times: u32) {
    if is_skipped(&["stress-ng"]) {
        return;
    }
    for stressor in stressors {
        let [one, times] = [format!("--{stressor}=1"), format!("--{stressor}-ops={times}")];
        let program = ["stress-ng", "--quiet", "--timeout=3", &one, &times];
        let run = Bench::new().run(&[], &program);
        assert!(run.report.contains("lockstep: no divergence: all "), "{stressor}: {}", run.report);
        assert_eq!(run.status, 0, "{stressor}: {}", run.report);
    }
}

/// Births and ends.
#[test]
fn stress_of_births() {
    stress(&["fork", "vfork", "clone", "zombie", "daemon", "exec", "vforkmany"], 40);
}

/// Processes with many resources. By itself `forkheavy` takes the whole disk for a moment: here it has small disks of its own.
#[test]
fn stress_of_heavy_births() {
    const DISKS: &str = "for d in /tmp /var/tmp; do mount -t tmpfs -o size=16m small $d || exit 77; done; \
                         cd /tmp; exec \"$@\"";
    if is_skipped(&["stress-ng", "unshare", "sh", "mount"]) {
        return;
    }
    let bounds = ["--forkheavy-procs=4", "--forkheavy-allocs=1", "--forkheavy-ops=30"];
    let program = [
        &["unshare", "-m", "sh", "-c", DISKS, "x", "stress-ng", "--quiet", "--timeout=60"][..],
        &["--temp-path=/tmp", "--forkheavy=1"],
        &bounds,
    ];
    let run = Bench::new().run(&["--pass-status"], &program.concat());
    if run.status == 77 || run.stderr.contains("ermitted") {
        eprintln!("skipped: stress_of_heavy_births: no right to mount: {}", run.stderr);
        return;
    }
    run.expect_report("lockstep: no divergence: all ");
    assert_eq!(run.status, 0, "{}", run.report);
    assert!(run.processes().len() >= 30, "{}", run.report);
}

/// Signals, groups and sessions.
#[test]
fn stress_of_signals() {
    stress(&["kill", "pidfd", "session", "sigchld", "sigpending", "sigq"], 60);
    stress(&["sigsuspend", "sigrt", "timer"], 60);
}

/// A shell on a terminal, whose user types this.
fn type_to(program: &[&str]) -> Run {
    const DIALOGUE: &str = "ready> \tsleep 0.05 & fg\\n\n\
        ready> \t(exit 3) | cat; sh -c 'kill -TSTP $$; exit 7'\\n\n\
        ready> \tfg; echo st''atus $?\\n\n\
        status 7\tkill -0 $$; sleep 0.01 & wait; exit 6\\n\n";
    Bench::new().run_on_terminal(program, DIALOGUE)
}

/// An interactive shell in a container that `bwrap` makes, and in one that `unshare` makes.
#[test]
fn shells_in_containers() {
    if is_skipped(&["python3", "mount"]) {
        return;
    }
    let containers = [
        &["bwrap", "--dev-bind", "/", "/", "--proc", "/proc", "--unshare-pid"][..],
        &["bwrap", "--dev-bind", "/", "/", "--proc", "/proc", "--unshare-pid", "--as-pid-1"],
        &["unshare", "-pf", "--mount-proc"],
    ];
    let shells = [
        &["env", "PS1=ready> ", "bash", "--norc", "--noediting", "-i"][..],
        &["env", "PS1=ready> ", "dash", "-i"],
        &["env", "PS1=ready> ", "zsh", "-f", "-i", "+Z"],
    ];
    for container in containers {
        for shell in shells {
            if is_skipped(&[container[0], shell[2]]) {
                continue;
            }
            let run = type_to(&[container, shell].concat());
            if run.report.is_empty() || run.compared("ioctl(TIOCSPGRP)") == 0 {
                eprintln!("skipped: {container:?} is not permitted here: {}", run.stdout);
                continue;
            }
            run.expect_report("lockstep: no divergence: all ");
            assert!(run.compared("ioctl(TIOCSPGRP)") >= 5, "{}", run.report);
            assert!(run.compared("foreground") >= 5, "{}", run.report);
        }
    }
}

/// zsh's job control: background jobs, pipelines, substitutions, traps, disowned jobs.
#[test]
fn job_control_of_zsh() {
    if is_skipped(&["zsh", "setsid"]) {
        return;
    }
    let script = "sleep 5 & p=$!; (exit 3) | cat | (exit 4); echo pipe $?; kill -STOP $p; kill -CONT $p; kill $p; \
                  wait $p; echo wait $?; f() { (sleep 0.01; exit 7) & wait $!; echo f $? }; f; \
                  x=$(for i in 1 2 3; do /bin/echo $i; done); trap 'echo child' CHLD; /bin/true; trap - CHLD; \
                  { sleep 0.02 } & { sleep 0.01 } & wait; cat <(/bin/echo sub); \
                  for i in 1 2 3 4 5 6 7 8; do (exit $i) & done; wait; sleep 1 &!; kill $!; setsid sleep 0.01; exit 0";
    let run = Bench::new().run(&[], &["zsh", "-f", "-c", script]);
    // What zsh says of a job that was killed while stopped and continued is 143; 255 at times, natively too.
    run.expect_agreement().expect_stdout("pipe 4").expect_stdout("\nwait ").expect_stdout("f 7");
}
