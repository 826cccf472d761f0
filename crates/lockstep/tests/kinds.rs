//! Kinds of programs for which it is not enough to compare call by call: each runs as it does without lockstep, and with the right
//! verdict. The programs are in `kinds/`.

mod common;

use std::fs::Permissions;
use std::io::Error;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
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
        let output = bench.output_of(command);
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

/// The same for each of several situations, of which the program's first argument chooses one.
#[track_caller]
fn agree(name: &str, source: &str, situations: &[&str]) {
    for situation in situations {
        agrees(name, source, &[situation]);
    }
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

/// R-TTYEXIT-07: by a thread, again and again, in a namespace, with jobs in front and behind, by a user who may not.
#[test]
fn more_hang_ups_of_terminals() {
    let ways = ["thread", "again", "namespace", "jobs", "user"];
    agree("hung_up.c", include_str!("kinds/hung_up.c"), &ways);
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

/// R-SIG-16, R-SIG-48, R-SIG-53, R-SIG-63, R-SIG-83: a program that lives on signals runs as it does by itself.
#[test]
fn programs_that_live_on_signals() {
    agrees("signals.c", include_str!("kinds/signals.c"), &[]);
}

/// A setns that is refused for want of rights changes nothing.
#[test]
fn refused_changes_of_namespaces() {
    agrees("refused_namespaces.c", include_str!("kinds/refused_namespaces.c"), &[]);
}

/// An orphan that asks again and again for its parent is told lockstep's number, and the report says so; one that asks once does as well.
#[test]
fn orphans_that_ask_for_their_parents() {
    let source = include_str!("kinds/adopted.c");
    agrees("adopted.c", source, &[]);
    let how = "an orphan asks for its parent again and again";
    let Some((run, says)) = is_changed("adopted.c", source, &["again"], how) else { return };
    assert_eq!((run.stdout, says.as_str()), ("adopted\n".to_owned(), "adopted\n"));
}

/// SIGPIPE is ignored, and standard streams are closed, as lockstep found them.
#[test]
fn what_a_program_finds_as_it_was() {
    if is_skipped(&["sh", "grep"]) {
        return;
    }
    let question = "grep SigIgn /proc/self/status; \
                    for i in 0 2; do [ -e /proc/self/fd/$i ] && echo $i; done";
    for before in ["trap '' PIPE", "exec 0<&- 2>&-", "trap '' PIPE; exec 0<&-"] {
        let bench = Bench::new();
        let ask = |how: &str| {
            let line = format!("{before}; {how}");
            let mut command = Command::new("sh");
            command.args(["-c", &line, env!("CARGO_BIN_EXE_lockstep"), question]);
            String::from_utf8(bench.output_of(command).stdout).expect("text")
        };
        let alone = ask("sh -c \"$1\"");
        let followed = ask("\"$0\" run --output /dev/null -- sh -c \"$1\"");
        assert_eq!(followed, alone, "{before}");
    }
}

/// Strict seccomp mode is refused to who has a filter.
#[test]
fn strict_seccomp_mode() {
    for words in [&[][..], &["seccomp"], &["prctl", "in a thread"]] {
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

/// A signal that is ignored interrupts nothing: calls that do not begin again by themselves are begun again, and a handler interrupts them.
#[test]
#[cfg(target_arch = "x86_64")]
fn calls_that_ignored_signals_do_not_interrupt() {
    let source = include_str!("kinds/interrupted.c");
    for way in
        ["epoll", "masked epoll", "newer epoll", "semaphore", "limited semaphore", "signal", "told"]
    {
        let Some(run) = agrees("interrupted.c", source, &[way]) else { return };
        assert!(!run.stdout.contains("interrupted"), "{way}: {}", run.stdout);
    }
    let Some(run) = agrees("interrupted.c", source, &["handled"]) else { return };
    run.expect_agreement();
    assert!(run.stdout.contains("interrupted"), "{}", run.stdout);
    let how = "a call was interrupted by a signal that is ignored";
    is_changed("interrupted.c", source, &["limit"], how);
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
    if !has_foreign_calls("foreign.c") {
        return;
    }
    let Some(program) = Program::new("foreign.c", include_str!("kinds/foreign.c"), &[]) else {
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

/// A supervisor answers forks, waits, signals, what an executed program and one thread of two ask; its child is asked about, stopped and killed.
#[test]
fn more_supervised_calls() {
    let ways = ["fork", "wait", "kill", "exec", "thread", "gone", "asked", "stopped", "killed"];
    for way in ways {
        let source = include_str!("kinds/supervised_others.c");
        let Some(run) = agrees("supervised_others.c", source, &[way]) else { return };
        run.expect_report("not compared: ").expect_report("about a process");
    }
}

/// Numbers across namespaces: of who entered one, of signals, on several levels, of orphans.
#[test]
fn numbers_across_namespaces() {
    agree("numbers.c", include_str!("kinds/numbers.c"), &["enter", "signals", "levels", "orphans"]);
}

/// Errors for want of rights, descriptors and space, for bad addresses, by limits and by filters are not compared, and change nothing.
#[test]
fn more_errors_that_are_not_the_models() {
    let reasons = ["rights", "descriptors", "addresses", "limits", "filter"];
    agree("refusals.c", include_str!("kinds/refusals.c"), &reasons);
}

/// Arguments of each call about processes, in combinations that are refused and that are not.
#[test]
fn arguments_of_requests() {
    let calls = ["clone", "clone3", "unshare", "setns", "waitid", "prctl", "pidfd"];
    agree("requests.c", include_str!("kinds/requests.c"), &calls);
}

/// R-NS-20, R-NS-21: an init ends that has others in its namespace: stopped, dead, with threads, in sessions, forking, in namespaces of their
/// own; it executes before, ignores its children's ends, or has killed them itself.
#[test]
fn ends_of_inits() {
    let ways = [
        "plain", "stopped", "zombies", "threads", "racing", "sessions", "forking", "nested",
        "executed", "ignoring", "reaped",
    ];
    agree("inits.c", include_str!("kinds/inits.c"), &ways);
}

/// R-EXIT-20, R-EXIT-21: who ends in the moment in which another end, an exec or a core dump would change that has the status that was settled before.
#[test]
fn ends_settled_in_one_moment() {
    let ways = ["together", "signalled", "shared", "orphaned", "executing", "dumping", "entering"];
    agree("settled.c", include_str!("kinds/settled.c"), &ways);
}

/// R-STOP-06, R-EXEC-01, R-NOTIFY-06, R-NOTIFY-11, R-NS-20: stops, waits, setpgid and ends that another end, an exec or the end of a namespace follows in that moment.
#[test]
fn what_comes_a_moment_before_an_end() {
    let ways =
        ["continued", "stopped", "killed", "exiting", "executing", "ignoring", "untold", "member"];
    agree("moments.c", include_str!("kinds/moments.c"), &ways);
}

/// R-EXEC-01: a thread that executes is asked for by the number that it loses: each answer is compared, in the order that Linux had.
#[test]
fn numbers_that_an_exec_takes_away() {
    let ways = ["ask", "signal", "queue", "kill", "group", "open", "pidfd", "other"];
    let calls = [
        "tgkill",
        "tkill",
        "rt_tgsigqueueinfo",
        "kill",
        "getpgid",
        "pidfd_open",
        "pidfd_send_signal",
        "tgkill",
    ];
    for (way, call) in ways.into_iter().zip(calls) {
        let source = include_str!("kinds/replaced.c");
        let Some(run) = agrees("replaced.c", source, &[way]) else { return };
        assert!(run.compared(call) >= 12 * 3, "{way}: {}", run.report);
    }
}

/// R-EXEC-01, R-NS-20: the init of a namespace executes while its other threads end, each in turn, or the leader among them.
#[test]
fn inits_that_execute_amid_ends() {
    let source = include_str!("kinds/executing_inits.c");
    under_load(|| agree("executing_inits.c", source, &["thread", "ending", "leader"]));
}

/// R-FORK-03: a child made for one's own parent is its maker's in all else, also if the maker ends before it can tell of it.
#[test]
fn siblings_whose_maker_ends() {
    let source = include_str!("kinds/siblings.c");
    let ways = ["plain", "signal", "job", "group", "session", "ignoring", "both", "killed", "exec"];
    under_load(|| agree("siblings.c", source, &ways));
}

/// R-EXEC-01: what a wait was told that an exec has cut short, is not compared; what happens then is.
#[test]
fn waits_cut_short_by_an_exec() {
    let source = include_str!("kinds/consumed.c");
    for (way, ends) in [("exit", 41), ("poll", 41), ("children", 101)] {
        let Some(run) = under_load(|| agrees("consumed.c", source, &[way])) else { return };
        assert_eq!(run.compared("gone after reaping"), ends, "{way}: {}", run.report);
    }
    for way in ["stop", "continue", "either"] {
        let Some(run) = under_load(|| agrees("consumed.c", source, &[way])) else { return };
        assert!(run.compared("waitid") >= 20, "{way}: {}", run.report);
        assert_eq!(run.compared("exit status"), 41, "{way}: {}", run.report);
    }
}

/// R-TTY-01, R-TTY-03, R-FORK-05: a leader opens terminals and gives them back, while another thread forks, asks for a terminal, gives it back or takes another one.
#[test]
fn terminals_opened_amid_calls() {
    let ways =
        ["open", "acquire", "turns", "leave", "release", "grandchild", "question", "give", "take"];
    for way in ways {
        let Some(run) = agrees("opened.c", include_str!("kinds/opened.c"), &[way]) else { return };
        assert!(run.compared("ioctl(TIOCNOTTY)") >= 150, "{way}: {}", run.report);
    }
}

/// R-STOP-06, R-WAIT-13: a child is stopped and continued again and again, while its parent asks for that, sleeps until it is so, or looks only.
#[test]
fn stops_amid_waits() {
    let source = include_str!("kinds/juggled.c");
    for way in ["poll", "wait4", "sleep", "busy", "asking", "look"] {
        let Some(run) = agrees("juggled.c", source, &[way]) else { return };
        let call = if way == "wait4" { "wait4" } else { "waitid" };
        // Beside busy processes a child may hardly come to stop.
        assert!(run.compared(call) >= 10, "{way}: {}", run.report);
    }
}

/// R-STOP-06: a child of several threads is stopped and continued before all of them have told of it, by its parent, by others, or as one of a group. What comes at leisure is compared all the same.
#[test]
fn stops_of_several_threads_amid_waits() {
    let source = include_str!("kinds/hurried.c");
    for way in ["busy", "idle", "kinds", "look", "kill", "group", "two", "single", "asked"] {
        let Some(run) = agrees("hurried.c", source, &[way]) else { return };
        assert!(run.compared("kill") >= 600, "{way}: {}", run.report);
    }
    for way in ["stay", "calm"] {
        let Some(run) = agrees("hurried.c", source, &[way]) else { return };
        assert!(run.compared("wait4") >= 6 * 100, "{way}: {}", run.report);
    }
}

/// R-SIG-01: what a child inherits of masks and handlers, as `/proc/PID/stat` shows it.
#[test]
fn masks_and_handlers_of_children() {
    for way in ["fork", "vfork", "clone3", "clear", "share"] {
        let Some(run) = agrees("inherited.c", include_str!("kinds/inherited.c"), &[way]) else {
            return;
        };
        for name in ["blocked in a new process", "pending in a new process"] {
            assert!(run.compared(name) >= 30, "{way}: {}", run.report);
        }
        // Not where a handler runs once; and a child may be reaped before it is looked at again.
        for name in ["SIGCHLD ignored", "SIGCHLD caught"] {
            assert!(run.compared(name) >= 24, "{way}: {}", run.report);
        }
        assert_eq!(run.compared("caught in a new process") >= 30, way == "clear", "{}", run.report);
    }
}

/// R-WAIT-19: several threads wait for the same child: one reaps it, and others, woken by the same end, have looked at it before.
#[test]
fn looks_at_what_another_thread_reaps() {
    agree("looked_at.c", include_str!("kinds/looked_at.c"), &["all", "pidfd", "stopped"]);
}

/// R-EXEC-01: calls of a leader that another thread's exec cuts short have had their effect, or not.
#[test]
fn calls_cut_short_by_an_exec() {
    agree("cut.c", include_str!("kinds/cut.c"), &["subreaper", "ignoring", "groups", "session"]);
}

/// R-STOP-06, R-WAIT-09, R-KILL-11, R-PIDFD-04, R-TTY-02: a stop that waits for a vfork, a zombie left to a sibling thread, news that one sends oneself, a pidfd of who is
/// gone, `/dev/tty` of another session, a terminal that is taken away while it is asked for.
#[test]
fn what_is_told_and_what_is_not() {
    let ways = ["undone", "sibling", "forged", "gone", "former", "stolen"];
    agree("told.c", include_str!("kinds/told.c"), &ways);
}

/// R-TTYEXIT-01: a terminal that its leader has opened just before it ends is lost by its group.
#[test]
fn terminals_opened_just_before_the_end() {
    for how in ["open", "peer"] {
        for end in ["exit", "killed", "fault"] {
            let words = ["opened", how, end];
            let Some(run) = agrees("told.c", include_str!("kinds/told.c"), &words) else { return };
            assert!(run.compared("terminals opened") >= 1, "{}", run.report);
        }
    }
}

/// What is sent to processes outside is not compared, also if they are gone at once.
#[test]
fn processes_outside_that_are_gone_at_once() {
    if is_skipped(&["sh"]) {
        return;
    }
    let mut source = std::process::Command::new("sh")
        .args([
            "-c",
            "for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & echo $!; wait $!; done 2>/dev/null",
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("sh");
    let bench = Bench::new();
    let script = "while read -r pid; do kill -KILL $pid && echo killed; done".as_ref();
    let mut command = bench.command(&[], &["sh".as_ref(), "-c".as_ref(), script]);
    command.stdin(source.stdout.take().expect("a pipe"));
    let run = bench.start(command).finish();
    source.wait().expect("its end");
    run.expect_agreement();
    assert_eq!(run.stdout, "killed\n".repeat(9));
    run.expect_report("the call is about a process outside the program");
}

/// A program's signals to its own group are nothing to lockstep, which is in it.
#[test]
fn signals_to_the_programs_own_group() {
    agree("own_group.c", include_str!("kinds/own_group.c"), &["itself", "child", "inside"]);
}

/// R-NS-20: the end of an init waits for processes whose making nobody has told: it is there until Linux shows that it is not.
#[test]
fn inits_that_wait_for_unknown_processes() {
    let ways = ["plain", "nested", "stopped", "orphans", "outside", "ignored", "left"];
    agree("kept_inits.c", include_str!("kinds/kept_inits.c"), &ways);
}

/// R-ORPHAN-03, R-NOTIFY-03: of one job and of several, with a terminal, by a killed shell, told to a parent that wants to know nothing of stops.
#[test]
fn orphaned_jobs() {
    let ways = ["plain", "background", "terminal", "several", "pair", "killed", "quiet"];
    agree("orphaned_jobs.c", include_str!("kinds/orphaned_jobs.c"), &ways);
}

/// Credentials of a thread, kept capabilities, user namespaces; what a user may not do; a child's.
#[test]
fn changed_users() {
    let ways = ["thread", "keep", "user", "forbid", "child"];
    agree("changed_users.c", include_str!("kinds/changed_users.c"), &ways);
}

/// R-NS-23: of a namespace inside another, refused to a user, with stopped processes, by several at once, by an orphan.
#[test]
fn unusual_reboots() {
    let ways = ["nested", "user", "stopped", "many", "orphan"];
    agree("rebooted.c", include_str!("kinds/rebooted.c"), &ways);
}

/// rt_sigqueueinfo and rt_tgsigqueueinfo to oneself, to a thread, to a child.
#[test]
fn queued_signals() {
    agree("queued.c", include_str!("kinds/queued.c"), &["own", "thread", "child", "kill"]);
}

/// R-WAIT-09: waits with __WNOTHREAD, whom Linux does not wake for who is traced; waits that do not ask what they have found.
#[test]
fn waits_of_one_thread() {
    agree("own_thread.c", include_str!("kinds/own_thread.c"), &["blocked", "not-told", "ignored"]);
    agree("own_thread.c", include_str!("kinds/own_thread.c"), &["plain", "unasked"]);
}

/// CLONE_UNTRACED for a thread, with vfork, with a namespace, with CLONE_PARENT, and forty times with stops.
#[test]
fn untraced_with_other_flags() {
    let ways = ["thread", "vfork", "namespace", "parent", "stop"];
    agree("untraced_others.c", include_str!("kinds/untraced_others.c"), &ways);
}

/// A filter of the program's kills the leader alone, several threads, all of them, a child; refuses; tells the log.
#[test]
fn deaths_by_seccomp() {
    let ways = [
        "leader",
        "leader-exec",
        "leader-fork",
        "threads",
        "synchronized",
        "exec",
        "exit",
        "child",
        "setsid",
        "log",
    ];
    agree("seccomp_deaths.c", include_str!("kinds/seccomp_deaths.c"), &ways);
}

/// 32-bit calls of a thread, in vfork, before an exec, about a child, and instead of a wait.
#[test]
#[cfg(target_arch = "x86_64")]
fn foreign_threads() {
    if !has_foreign_calls("foreign_threads.c") {
        return;
    }
    for way in ["thread", "vfork", "exec", "ask", "wait"] {
        let source = include_str!("kinds/foreign_threads.c");
        let Some(program) = Program::new("foreign_threads.c", source, &[way]) else { return };
        let (run, says) = program.follow();
        assert_eq!((run.status, &run.stdout), (0, &says), "{way}: {}", run.report);
        run.expect_report("lockstep: no divergence: all ");
        run.expect_report("system calls of another architecture");
    }
}

/// A program of another architecture altogether.
#[test]
#[cfg(target_arch = "x86_64")]
fn foreign_programs() {
    if is_skipped(&["cc", "sh"]) || !has_foreign_calls("foreign_program.c") {
        return;
    }
    let bench = Bench::new();
    let (source, path) =
        (bench.write("foreign.c", include_str!("kinds/foreign_program.c")), bench.path("foreign"));
    let mut compiler = Command::new("cc");
    compiler.args(["-m32", "-O1", "-nostdlib", "-static", "-ffreestanding", "-fno-pic", "-no-pie"]);
    compiler.args(["-fno-stack-protector", "-fcf-protection=none", "-o"]).arg(&path).arg(source);
    if !compiler.output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: foreign_programs: cc does not compile for i386");
        return;
    }
    let script = "./foreign; echo $?; ./foreign & wait $!; echo $?; (exec ./foreign); echo $?";
    let run = bench.run(&[], &["sh", "-c", script]);
    run.expect_agreement().expect_report("system calls of another architecture");
    assert_eq!(run.stdout, "7\n7\n7\n", "{}", run.report);
}

/// A handled, ignored, blocked signal, SIGKILL and SIGSTOP do in vfork what they do without lockstep; a fatal one waits, and that is told.
#[test]
fn signals_in_vfork() {
    let source = include_str!("kinds/vfork_deaths.c");
    agree("vfork_deaths.c", source, &["handled", "ignored", "blocked", "killed", "stopped"]);
    for way in ["timer", "thread", "executed"] {
        let how = "a fatal signal waited until the child of a vfork was done";
        let Some((run, says)) = is_changed("vfork_deaths.c", source, &[way], how) else { return };
        assert_eq!(run.stdout, says, "{way}");
    }
}

/// An init that faults in a thread, blocks or ignores that, or is trapped, is killed, which is told; seccomp's and its own signals act as ever.
#[test]
fn more_faults_of_inits() {
    let source = include_str!("kinds/init_faults.c");
    agree("init_faults.c", source, &["seccomp", "seccomp-thread", "raise", "grandchild"]);
    for way in ["thread", "blocked", "ignored", "trap"] {
        let how = "was killed by SIGKILL for a fault";
        let Some((run, says)) = is_changed("init_faults.c", source, &[way], how) else { return };
        assert_eq!(run.stdout, says, "{way}");
    }
}

/// PTRACE_TRACEME is refused: the report says so, and the status. What the child does then is compared.
#[test]
fn children_that_ask_to_be_traced() {
    for way in ["exit", "stop", "x", "kill"] {
        let Some(program) = Program::new("traced.c", include_str!("kinds/traced.c"), &[way]) else {
            return;
        };
        let (run, says) = program.follow();
        assert_eq!(run.status, 3, "{way}: {}", run.report);
        run.expect_report("lockstep: no divergence: all ");
        run.expect_report("ptrace was refused");
        // A traced child stops after its exec; this one does not.
        assert_eq!(run.stdout == says, way != "x", "{way}: {}", run.stdout);
    }
}

/// Processes outside are asked about, signalled, and named by pidfds: that is not compared, and changes nothing.
#[test]
fn processes_outside() {
    if is_skipped(&["cc", "sleep"]) {
        return;
    }
    let mut outsider = Command::new("sleep");
    outsider.arg("1000");
    // SAFETY: between fork and exec only setsid(2) is called, which is safe there.
    unsafe {
        outsider.pre_exec(|| (libc::setsid() > 0).then_some(()).ok_or(Error::last_os_error()))
    };
    let mut outsider = outsider.spawn().expect("sleep");
    let number = outsider.id().to_string();
    let runs = ["ask", "signal", "pidfd", "child"]
        .map(|way| agrees("outside.c", include_str!("kinds/outside.c"), &[way, &number]));
    outsider.kill().expect("a child");
    outsider.wait().expect("a child");
    for run in runs.iter().flatten() {
        run.expect_report("the call is about a process outside the program");
    }
}

/// What a shell and its children do, and how they end.
const SMALL: &str = "sleep 0.01 & wait $!; echo $?; (exit 3); echo $?; kill -0 $PPID; echo $?; \
                     sh -c 'exit 4' | cat; echo $?; setsid -w sh -c 'exit 5'; echo $?; exec sh -c 'exit 6'";

/// What was there before the tool came: ignored signals, children, a job, a session, lost privileges, a death signal, a namespace.
#[test]
fn what_was_there_before() {
    if is_skipped(&["bash", "setsid", "setpriv"]) {
        return;
    }
    let before: [&[&str]; 8] = [
        &["bash", "-c", "trap '' CHLD; exec \"$@\"", "x"],
        &["bash", "-c", "trap '' HUP INT TERM; exec \"$@\"", "x"],
        &["bash", "-c", "sleep 0.3 & (sleep 0.2 &); exec \"$@\"", "x"],
        &["bash", "-c", "set -m; \"$@\" | cat; exit ${PIPESTATUS[0]}", "x"],
        &["setsid", "-w"],
        &["setpriv", "--no-new-privs"],
        &["setpriv", "--pdeathsig", "TERM"],
        &["unshare", "-pf", "--mount-proc"],
    ];
    for wrapper in before {
        if is_skipped(&wrapper[..1]) {
            continue;
        }
        let mut alone = Command::new(wrapper[0]);
        alone.args(&wrapper[1..]).args(["sh", "-c", SMALL]);
        let alone = Bench::new().output_of(alone);
        if alone.status.code() != Some(6) {
            eprintln!("skipped: what_was_there_before: {wrapper:?}: {alone:?}");
            continue;
        }
        let run = Bench::new().run_under(wrapper, &["--pass-status"], &["sh", "-c", SMALL]);
        assert_eq!(run.status, 6, "{wrapper:?}: {}{}", run.report, run.stderr);
        run.expect_report("lockstep: no divergence: all ");
        assert_eq!(run.stdout.as_bytes(), alone.stdout, "{wrapper:?}: {}", run.report);
        assert!(run.compared("exit status") >= 6, "{wrapper:?}: {}", run.report);
    }
}

/// Set-uid and set-gid programs that a user runs have the user's rights, which is told; those of the same user, and all where lockstep is root's, are as ever.
#[test]
fn privileged_programs() {
    const USER: &[&str] = &["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"];
    if is_skipped(&["cc", "setpriv", "cp"]) {
        return;
    }
    let cases = [
        (0, 1001, 0o4755, true),
        (1000, 1001, 0o2755, true),
        (1001, 1001, 0o6755, true),
        (1000, 1000, 0o6755, false),
    ];
    for (user, group, mode, is_told) in cases {
        let bench = Bench::new();
        bench.open_to_all();
        let path = bench.compile("ids.c", include_str!("kinds/ids.c"));
        let is_ready = std::os::unix::fs::chown(&path, Some(user), Some(group)).is_ok()
            && std::fs::set_permissions(&path, Permissions::from_mode(mode)).is_ok();
        let alone = |wrapper: &[&str]| {
            let words = [wrapper, &[path.to_str().expect("a plain path")]].concat();
            let mut command = Command::new(words[0]);
            command.args(&words[1..]);
            bench.output_of(command)
        };
        let (by_user, by_root) = (alone(USER), alone(&["env"]));
        let is_effective = by_user.stdout.starts_with(b"secure 1") == is_told;
        if !is_ready || !by_user.status.success() || !is_effective {
            eprintln!("skipped: privileged_programs: no right to make some here, or to run them");
            return;
        }
        let name = path.to_str().expect("a plain path").to_owned();
        let run = bench.run_under(USER, &[], &[&name]);
        run.expect_report("lockstep: no divergence: all ");
        assert_eq!(
            run.status,
            if is_told { 3 } else { 0 },
            "{mode:o}: {}{}",
            run.report,
            run.stderr
        );
        assert_eq!(run.report.contains("a set-uid program has run"), is_told, "{}", run.report);
        assert_eq!(run.stdout.as_bytes() == by_user.stdout, !is_told, "{}", run.stdout);

        let bench = Bench::new();
        bench.open_to_all();
        let path = bench.compile("ids.c", include_str!("kinds/ids.c"));
        std::os::unix::fs::chown(&path, Some(user), Some(group)).expect("as before");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("as before");
        let name = path.to_str().expect("a plain path").to_owned();
        let run = bench.run(&[], &[&name]);
        run.expect_agreement();
        assert_eq!(run.stdout.as_bytes(), by_root.stdout, "{mode:o}: {}", run.report);
    }
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

/// Whether the kernel takes 32-bit calls.
#[cfg(target_arch = "x86_64")]
fn has_foreign_calls(name: &str) -> bool {
    let has = Path::new("/proc/sys/abi/vsyscall32").exists();
    if !has {
        eprintln!("skipped: {name}: the kernel has no 32-bit calls");
    }
    has
}
