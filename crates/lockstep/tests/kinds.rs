//! Kinds of programs for which it is not enough to compare call by call: each runs as it does without lockstep, and with the right
//! verdict. The programs are in `kinds/`.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Bench, Run, is_skipped};

/// A program cannot be what it shows on this machine.
const UNABLE: i32 = 77;

/// A program on a bench, and what it says when nobody follows it.
struct Program {
    bench: Bench,
    path: PathBuf,
    words: Vec<String>,
    says: String,
}

impl Program {
    /// Compiles it and lets it run by itself. `None` if that cannot be done here.
    fn new(name: &str, source: &str, words: &[&str]) -> Option<Self> {
        if is_skipped(&["cc"]) {
            return None;
        }
        let bench = Bench::new();
        let path = bench.compile(name, source);
        let mut command = Command::new(&path);
        command.args(words).current_dir(bench.path(""));
        bench.prepare(&mut command);
        let output = command.output().expect("the program");
        if output.status.code() == Some(UNABLE) {
            eprintln!("skipped: {name} needs rights that are missing here");
            return None;
        }
        assert!(output.status.success(), "{name}: {output:?}");
        let says = String::from_utf8(output.stdout).expect("text");
        let words = words.iter().map(|&word| word.to_owned()).collect();
        Some(Self { bench, path, words, says })
    }

    /// Runs it followed.
    fn follow(self) -> (Run, String) {
        let path = self.path.to_str().expect("a plain path").to_owned();
        let mut program = vec![path.as_str()];
        program.extend(self.words.iter().map(String::as_str));
        (self.bench.run(&[], &program), self.says)
    }
}

/// The program says the same as by itself, and all answers agree.
#[track_caller]
fn agrees(name: &str, source: &str, words: &[&str]) -> Option<Run> {
    let (run, says) = Program::new(name, source, words)?.follow();
    run.expect_agreement();
    assert_eq!(run.stdout, says, "{}", run.report);
    assert!(!run.report.contains("changed by following"), "{}", run.report);
    Some(run)
}

/// All answers agree, and the report says what is not as it would be without lockstep.
#[track_caller]
fn is_changed(name: &str, source: &str, words: &[&str], how: &str) -> Option<(Run, String)> {
    let (run, says) = Program::new(name, source, words)?.follow();
    assert_eq!(run.status, 3, "{}", run.report);
    run.expect_report("lockstep: no divergence: all ").expect_report("changed by following: ");
    run.expect_report(how);
    Some((run, says))
}

/// R-NS-03, R-TTY-01: numbers of a terminal are the caller's, in a namespace and in one inside that.
#[test]
fn terminals_in_namespaces() {
    for words in [&["open", "in"][..], &["ioctl", "in"], &["open", "in", "twice"]] {
        let source = include_str!("kinds/terminals_inside.c");
        let Some(run) = agrees("terminals_inside.c", source, words) else { return };
        assert!(run.compared("ioctl(TIOCGPGRP)") >= 5, "{}", run.report);
        assert!(run.compared("ioctl(TIOCGSID)") >= 5, "{}", run.report);
    }
}

/// An interactive shell on a terminal of its own, as process 1 of a namespace and below another one.
#[test]
fn terminals_of_containers() {
    if is_skipped(&["unshare", "script", "sh", "mount"]) {
        return;
    }
    let inner = "sh -ic 'sleep 0.02 & fg; (exit 3) | cat; kill -0 $$; exit 6'";
    for before in ["", "unshare -pf --mount-proc sh -c 'sh -c true; exec \"$@\"' x "] {
        let line = format!("{before}script -qec \"$0\" /dev/null");
        let program = ["unshare", "-pf", "--mount-proc", "sh", "-c", &line, inner];
        let run = Bench::new().run(&["--pass-status"], &program);
        if run.stderr.contains("ermitted") || run.stderr.contains("failed") {
            eprintln!("skipped: terminals_of_containers: {}", run.stderr);
            return;
        }
        assert_eq!(run.status, 6, "{}\n{}", run.report, run.stderr);
        run.expect_report("lockstep: no divergence");
        assert!(run.compared("ioctl(TIOCSPGRP)") >= 3, "{}", run.report);
        assert!(run.compared("foreground") >= 3, "{}", run.report);
    }
}

/// R-PIDFD-01, R-WAIT-27: flags, siginfo, O_NONBLOCK and namespace.
#[test]
fn arguments_of_pidfds() {
    let Some(run) = agrees("pidfds.c", include_str!("kinds/pidfds.c"), &[]) else { return };
    assert!(run.compared("pidfd_send_signal") >= 25, "{}", run.report);
    assert!(run.compared("waitid") >= 8, "{}", run.report);
}

/// Errors for reasons of which the model knows nothing are not compared, whatever the call.
#[test]
fn errors_that_are_not_the_models() {
    let Some(run) = agrees("errors.c", include_str!("kinds/errors.c"), &[]) else { return };
    run.expect_report("the call failed for reasons that are not the model's");
    run.expect_report("clone3 failed with EMFILE");
}

/// R-PDEATH-02: changes of credentials, by call and by exec.
#[test]
fn death_signals_and_credentials() {
    let source = include_str!("kinds/death_signals.c");
    let Some(run) = agrees("death_signals.c", source, &[]) else { return };
    assert!(run.compared("prctl(PDEATHSIG)") >= 44, "{}", run.report);
}

/// R-NS-20, R-NS-21: an init is no zombie before the others in its namespace are gone, also for parents that poll, and while
/// processes are put into it, reaped and killed.
#[test]
fn ends_of_namespaces() {
    let Some(run) = agrees("closing.c", include_str!("kinds/closing.c"), &["6"]) else { return };
    assert!(run.compared("exit status") >= 24, "{}", run.report);
}

/// R-NS-23: by the init, another process, another thread; with others there; and commands that it refuses.
#[test]
fn reboots_of_namespaces() {
    let Some(run) = agrees("reboots.c", include_str!("kinds/reboots.c"), &[]) else { return };
    assert_eq!(run.compared("reboot"), 14, "{}", run.report);
}

/// R-ORPHAN-03, R-STOP-06: the model sends SIGCONT to a group that becomes orphaned, and the parent is told that it was continued.
#[test]
fn orphaned_groups_are_continued() {
    let source = include_str!("kinds/orphans_continued.c");
    let Some(run) = agrees("orphans_continued.c", source, &["4"]) else { return };
    assert!(run.compared("signals of the kernel") >= 12, "{}", run.report);
}

/// R-TTYEXIT-07: vhangup takes the terminal from the caller's whole session, whoever calls.
#[test]
fn hang_ups_of_terminals() {
    let Some(run) = agrees("hangups.c", include_str!("kinds/hangups.c"), &[]) else { return };
    assert_eq!(run.compared("vhangup"), 7, "{}", run.report);
    assert!(run.compared("signals of the kernel") >= 6, "{}", run.report);
}

/// A child made with CLONE_UNTRACED is followed, and nobody sees how.
#[test]
fn untraced_children() {
    let Some(run) = agrees("untraced.c", include_str!("kinds/untraced.c"), &[]) else { return };
    assert_eq!((run.compared("clone3"), run.processes().len()), (1, 6), "{}", run.report);
}

/// A program's own seccomp filters: calls left to a tracer, refused, trapped; threads and processes killed.
#[test]
fn seccomp_filters_of_the_program() {
    let Some(run) = agrees("filters.c", include_str!("kinds/filters.c"), &[]) else { return };
    assert_eq!(run.compared("exit status"), 10, "{}", run.report);
}

/// Strict seccomp mode is refused to who has a filter.
#[test]
fn strict_seccomp_mode() {
    for words in [&[][..], &["seccomp"]] {
        let source = include_str!("kinds/strict.c");
        let Some((run, _)) = is_changed("strict.c", source, words, "strict seccomp mode") else {
            return;
        };
        run.expect_report("the program ended: exit 1");
    }
}

/// The init of a namespace that faults is ended all the same; one that handles that is left alone.
#[test]
fn faults_of_inits() {
    let source = include_str!("kinds/faults.c");
    let Some((run, says)) =
        is_changed("faults.c", source, &[], "was killed by SIGKILL for a fault")
    else {
        return;
    };
    assert_eq!(run.stdout, says);
    agrees("faults.c", source, &["handled"]);
}

/// R-EXIT-06, R-EXEC-01: processes end in six ways while their threads fork, execute, wait and die, on busy cores.
#[test]
fn deaths_among_busy_threads() {
    let source = include_str!("kinds/deaths.c");
    let Some(run) = under_load(|| agrees("deaths.c", source, &["all", "all", "5"])) else { return };
    assert!(run.compared("exit status") > 35 * 5, "{}", run.report);
}

/// R-STOP-06, R-EXIT-13: whether a parent is told of a continuation that a kill follows at once, is Linux's.
#[test]
fn children_continued_and_killed_at_once() {
    let source = include_str!("kinds/stopped_and_killed.c");
    let agrees = || agrees("stopped_and_killed.c", source, &["600"]);
    let Some(run) = under_load(agrees) else { return };
    assert!(run.compared("exit status") > 600, "{}", run.report);
}

/// A fatal signal that comes in vfork waits until it is over, where somebody traces.
#[test]
fn fatal_signals_in_vfork() {
    let source = include_str!("kinds/vfork_alarm.c");
    let how = "a fatal signal waited until the child of a vfork was done";
    let Some((run, says)) = is_changed("vfork_alarm.c", source, &[], how) else { return };
    assert_eq!(run.stdout, says);
}

/// What is asked about processes that make 32-bit calls, or were made by them, is not compared.
#[test]
#[cfg(target_arch = "x86_64")]
fn foreign_calls() {
    let Some(program) = Program::new_if_able("foreign.c", include_str!("kinds/foreign.c")) else {
        return;
    };
    let (run, says) = program.follow();
    run.expect_agreement();
    assert_eq!(run.stdout, says, "{}", run.report);
    run.expect_report("system calls of another architecture");
    run.expect_report("about a process that is not followed");
}

/// So is what is asked about processes whose calls another one answers.
#[test]
fn supervised_calls() {
    let source = include_str!("kinds/supervised.c");
    let Some(program) = Program::new("supervised.c", source, &[]) else { return };
    let (run, says) = program.follow();
    run.expect_agreement();
    assert_eq!(run.stdout, says, "{}", run.report);
    run.expect_report("another process answers the caller's system calls for the kernel");
}

/// Does something while others want the same cores.
fn under_load<T>(deed: impl FnOnce() -> T) -> T {
    let load = &Load(AtomicBool::new(true));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while load.0.load(Ordering::Relaxed) {
                    std::hint::spin_loop()
                }
            });
        }
        let _end = EndOf(load);
        deed()
    })
}

/// Whether cores are to be kept busy.
struct Load(AtomicBool);

/// Ends that when it is dropped, also by a panic.
struct EndOf<'a>(&'a Load);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

impl Program {
    /// The same, for calls that some kernels do not have.
    fn new_if_able(name: &str, source: &str) -> Option<Self> {
        if !Path::new("/proc/sys/abi/vsyscall32").exists() {
            eprintln!("skipped: {name}: the kernel has no 32-bit calls");
            return None;
        }
        Self::new(name, source, &[])
    }
}
