//! Real programs are followed without a divergence.

mod common;

use common::{Bench, Run, is_skipped};

fn sh(script: &str) -> Run {
    Bench::new().run(&[], &["sh", "-c", script])
}

fn bash(script: &str) -> Run {
    Bench::new().run(&[], &["bash", "-c", script])
}

fn python(script: &str) -> Run {
    let bench = Bench::new();
    let path = bench.write("program.py", script);
    bench.run(&[], &["python3", path.to_str().expect("a plain path")])
}

/// A program in C.
fn compiled(name: &str, source: &str) -> Run {
    let bench = Bench::new();
    let source = bench.write(name, source);
    let program = source.with_extension("");
    let built = std::process::Command::new("cc").arg("-o").arg(&program).arg(source).status();
    assert!(built.is_ok_and(|status| status.success()));
    bench.run(&[], &[program.to_str().expect("a plain path")])
}

/// Job control of bash: background jobs, pipelines, wait, kill %1 of a job that is gone.
#[test]
fn job_control_of_bash() {
    if is_skipped(&["bash"]) {
        return;
    }
    let run = bash("set -m; sleep 0.1 & (sleep 0.05; exit 3) | cat; wait; kill %1; exit 0");
    run.expect_agreement();
    assert!(run.compared("setpgid") >= 4, "{}", run.report);
}

/// Jobs that are stopped and continued are seen so by the shell: wait with WUNTRACED, WCONTINUED.
#[test]
fn stopped_and_continued_jobs() {
    if is_skipped(&["bash"]) {
        return;
    }
    let run = bash(
        "set -m; sleep 5 & kill -STOP %1; wait %1; echo \"stopped $?\"; kill -CONT %1; kill %1; \
         wait %1; echo \"ended $?\"",
    );
    run.expect_agreement().expect_stdout("stopped 147").expect_stdout("ended 143");
    let marks = run.processes()[1]["marks"].to_string();
    assert!(marks.contains("stop") && marks.contains("continue"), "{marks}");
}

/// Stops and continuations in quick succession from a third process: events that replace each
/// other before anybody waits (R-STOP-06, R-STOP-07, R-EXIT-13).
#[test]
fn stops_that_replace_each_other() {
    if is_skipped(&["bash"]) {
        return;
    }
    bash(
        "set -m; sleep 5 & p=$!; (for i in 1 2 3 4 5 6; do kill -STOP $p; kill -CONT $p; done; \
         kill $p) & wait; for i in 1 2 3; do sleep 5 & kill -STOP $!; kill -CONT $!; \
         jobs >/dev/null; kill -KILL $!; done; wait",
    )
    .expect_agreement();
}

/// The same shell language by another shell, with its own use of waitpid and setpgid.
#[test]
fn job_control_of_dash() {
    if is_skipped(&["dash"]) {
        return;
    }
    let script = "set -m; sleep 0.1 & (exit 3) | cat; wait; sleep 5 & kill -STOP %1; jobs; \
                  kill -CONT %1; kill %1; wait; (sleep 0.1 & exit 3); exit 0";
    Bench::new().run(&[], &["dash", "-c", script]).expect_agreement();
}

/// An interactive shell on a terminal: a job stops itself and is brought to the foreground.
#[test]
fn foreground_jobs_on_a_terminal() {
    if is_skipped(&["bash", "script"]) {
        return;
    }
    let bench = Bench::new();
    let inner = bench.write(
        "inner.sh",
        "sh -c 'kill -TSTP $$; exit 7'\nfg; echo \"foreground $?\"\nsleep 0.05 & fg\n",
    );
    let mut command = std::process::Command::new("script");
    let line = format!(
        "{} run --output {} --json {} -- bash --norc -i {}",
        env!("CARGO_BIN_EXE_lockstep"),
        bench.path("report").display(),
        bench.path("json").display(),
        inner.display(),
    );
    command.args(["-qec", &line, "/dev/null"]);
    bench.prepare(&mut command);
    let run = bench.start(command).finish();
    run.expect_agreement().expect_stdout("foreground 7");
    assert!(run.compared("ioctl(TIOCSPGRP)") >= 4, "{}", run.report);
    assert!(run.compared("foreground") >= 4, "{}", run.report);
}

/// `make -j2` over twenty C files: vfork, and many children ending at once.
#[test]
fn parallel_make_of_twenty_files() {
    if is_skipped(&["make", "cc", "ar"]) {
        return;
    }
    let bench = Bench::new();
    let objects: Vec<_> = (0..20).map(|number| format!("f{number}.o")).collect();
    for number in 0..20 {
        bench
            .write(&format!("f{number}.c"), &format!("int f{number}(void) {{ return {number}; }}"));
    }
    let objects = objects.join(" ");
    bench.write("Makefile", &format!("lib.a: {objects}\n\tar rcs $@ $^\n"));
    let run = bench.run(&[], &["make", "-j2"]);
    run.expect_agreement();
    assert!(run.processes().len() > 40, "{}", run.report);
}

/// Python's subprocess and multiprocessing, with both ways to start.
#[test]
fn python_subprocess_and_multiprocessing() {
    if is_skipped(&["python3"]) {
        return;
    }
    let run = python(
        "import multiprocessing, subprocess\n\
         def square(x):\n    return x * x\n\
         if __name__ == '__main__':\n    \
             assert subprocess.check_output(['echo', 'x']) == b'x\\n'\n    \
             for method in ('fork', 'spawn'):\n        \
                 context = multiprocessing.get_context(method)\n        \
                 child = context.Process(target=square, args=(3,))\n        \
                 child.start(); child.join(); assert child.exitcode == 0\n        \
                 with context.Pool(3) as pool:\n            \
                     assert pool.map(square, range(4)) == [0, 1, 4, 9]\n    \
             print('done')\n",
    );
    run.expect_agreement().expect_stdout("done");
}

/// A pipeline of fifty processes, all siblings in one group.
#[test]
fn pipeline_of_fifty() {
    if is_skipped(&["bash", "cat"]) {
        return;
    }
    let run = bash(&format!("echo through{}", " | cat".repeat(49)));
    run.expect_agreement().expect_stdout("through");
    assert!(run.processes().len() > 50, "{}", run.report);
}

/// A daemon that forks twice: its parent becomes lockstep, which reaps it.
#[test]
fn double_forking_daemon() {
    if is_skipped(&["setsid"]) {
        return;
    }
    let run = sh("(setsid sh -c 'sleep 0.2; echo late' &); exit 0");
    run.expect_agreement().expect_stdout("late");
    let adopted = run.processes().iter().any(|process| {
        process["parents"].as_array().is_some_and(|parents| parents.len() == 2)
            && process["reaping"]["by"] == "lockstep"
    });
    assert!(adopted, "{}", run.report);
}

/// Eight threads, of which two fork: children of threads are children of the process.
#[test]
fn threads_that_fork() {
    if is_skipped(&["python3"]) {
        return;
    }
    let run = python(
        "import os, threading\n\
         barrier = threading.Barrier(8)\n\
         def work(number):\n    \
             barrier.wait()\n    \
             if number in (2, 5):\n        \
                 pid = os.fork()\n        \
                 if pid == 0: os._exit(number)\n        \
                 assert os.waitpid(pid, 0)[1] == number << 8\n    \
             barrier.wait()\n\
         threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]\n\
         for thread in threads: thread.start()\n\
         for thread in threads: thread.join()\n",
    );
    run.expect_agreement();
    let threads = run.processes().iter().filter_map(|process| process["threads"].as_u64()).max();
    assert!(threads >= Some(9), "{}", run.report);
}

/// R-EXEC-01: a thread that is not the leader executes a program; the others vanish.
#[test]
fn exec_by_another_thread() {
    if is_skipped(&["python3"]) {
        return;
    }
    let run = python(
        "import os, threading, time\n\
         for _ in range(3): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n\
         threading.Thread(target=lambda: os.execvp('echo', ['echo', 'new program'])).start()\n\
         time.sleep(60)\n",
    );
    run.expect_agreement().expect_stdout("new program");
}

/// A small Rust crate is compiled by cargo.
#[test]
fn cargo_compiles_a_crate() {
    if is_skipped(&["cc"]) {
        return;
    }
    let bench = Bench::new();
    std::fs::create_dir(bench.path("src")).expect("a directory");
    bench.write("Cargo.toml", "[package]\nname = \"tiny\"\nedition = \"2021\"\n\n[workspace]\n");
    bench.write("src/main.rs", "fn main() { println!(\"tiny\") }\n");
    let mut command = bench
        .command(&[], &[env!("CARGO"), "run", "--quiet", "--offline"].map(std::ffi::OsStr::new));
    command.env("CARGO_TARGET_DIR", bench.path("target"));
    let run = bench.start(command).finish();
    run.expect_agreement().expect_stdout("tiny");
}

/// R-NOTIFY-03, R-WAIT-26: who ignores SIGCHLD has children that reap themselves.
#[test]
fn ignored_child_signals() {
    if is_skipped(&["perl"]) {
        return;
    }
    let script = "$SIG{CHLD} = 'IGNORE'; for (1..5) { if (!fork) { exit $_ } } \
                  while (wait != -1) {} print qq(none left\\n); \
                  system('true'); $SIG{CHLD} = 'DEFAULT'; if (!fork) { exit 3 } \
                  wait; print $? >> 8, qq(\\n)";
    let run = Bench::new().run(&[], &["perl", "-e", script]);
    run.expect_agreement().expect_stdout("none left\n").expect_stdout("3\n");
    run.expect_report("itself");
}

/// The disposition is inherited by exec (R-EXEC-07).
#[test]
fn ignored_child_signals_across_exec() {
    if is_skipped(&["python3"]) {
        return;
    }
    let inner = "import os\nif os.fork() == 0: os._exit(3)\n\
                 try: os.wait()\nexcept ChildProcessError: print('none left')\n";
    python(&format!(
        "import os, signal, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n\
         os.execv(sys.executable, ['python3', '-c', {inner:?}])\n"
    ))
    .expect_agreement()
    .expect_stdout("none left\n");
}

/// Small programs that start others in unusual ways.
#[test]
fn setsid_nohup_timeout_xargs() {
    if is_skipped(&["setsid", "nohup", "timeout", "xargs", "seq"]) {
        return;
    }
    sh("setsid true; setsid -w true; nohup true; timeout 0.1 sleep 9; test $? = 124 || exit 1; \
        seq 20 | xargs -P4 -n1 true")
    .expect_agreement();
}

/// git starts helpers, pagers and background maintenance.
#[test]
fn git_operations() {
    if is_skipped(&["git"]) {
        return;
    }
    sh("export HOME=$PWD; git init -q r && cd r && echo a >a && git add a && \
        git -c user.name=a -c user.email=a@b commit -qm a && git log -p | cat && git gc -q")
    .expect_agreement();
}

/// A debugger inside is refused by the kernel: the report names the call, and the status says that it was not all.
#[test]
fn debuggers_inside_are_refused() {
    if is_skipped(&["strace"]) {
        return;
    }
    let run = sh("strace -f true; test $? != 0");
    assert_eq!(run.status, 3, "{}", run.report);
    run.expect_report("ptrace ").expect_report("ptrace was refused");
    run.expect_report("lockstep: no divergence: all ");
}

/// A shell whose user types ^C, ^Z, bg, fg, ^\. It is told of each end and stop by SIGCHLD, whose siginfo is compared.
fn use_the_keys_of_a_terminal(shell: &[&str]) {
    const DIALOGUE: &str = "ready> \tpython3 job.py\\n\n\
        front\t\\x1a\n\
        ready> \tbg\\n\n\
        back\tfg\\n\n\
        front\t\\x1a\n\
        ready> \tfg\\n\n\
        front\t\\x1c\n\
        ready> \tpython3 job.py\\n\n\
        front\t\\x03\n\
        ready> \techo pi''pe | cat\\n\n\
        pipe\texit 0\\n\n";
    let bench = Bench::new();
    bench.write("job.py", include_str!("common/job.py"));
    let run = bench.run_on_terminal(shell, DIALOGUE);
    run.expect_agreement();
    for (question, count) in
        [("foreground", 8), ("signals of the kernel", 5), ("ioctl(TIOCSPGRP)", 8)]
    {
        assert!(run.compared(question) >= count, "{question}: {}", run.report);
    }
    run.expect_report("SIGINT").expect_report("SIGQUIT");
}

/// R-TTY-06, R-TTY-13, R-STOP-04, R-NOTIFY-11: job control with the keys of a terminal.
#[test]
fn keys_of_a_terminal_under_bash() {
    if is_skipped(&["bash", "python3"]) {
        return;
    }
    use_the_keys_of_a_terminal(&["env", "PS1=ready> ", "bash", "--norc", "--noediting", "-i"]);
}

/// R-TTY-06, R-TTY-13, R-STOP-04, R-NOTIFY-11: the same by another shell.
#[test]
fn keys_of_a_terminal_under_dash() {
    if is_skipped(&["dash", "python3"]) {
        return;
    }
    use_the_keys_of_a_terminal(&["env", "PS1=ready> ", "dash", "-i"]);
}

/// Terminals that a program makes: one whose session loses it by a hang-up (R-TTYEXIT-07, B7), and one whose session leader is killed while
/// another group is in the foreground (R-TTYEXIT-03).
#[test]
fn terminals_made_inside_the_program() {
    if is_skipped(&["python3", "bash"]) {
        return;
    }
    let run = python(
        "import os, pty, signal\n\
         pid, master = pty.fork()\n\
         if pid == 0: os.execvp('bash', ['bash', '-c', 'echo up; read line'])\n\
         assert b'up' in os.read(master, 99)\n\
         os.close(master)\n\
         assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGHUP\n\
         pid, master = pty.fork()\n\
         if pid == 0:\n    \
             if os.fork() == 0:\n        \
                 os.setpgid(0, 0)\n        \
                 signal.signal(signal.SIGTTOU, signal.SIG_IGN)\n        \
                 os.tcsetpgrp(0, os.getpid())\n        \
                 os.write(1, b'front')\n    \
             signal.pause()\n\
         assert b'front' in os.read(master, 99)\n\
         os.kill(pid, signal.SIGKILL)\n\
         assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL\n\
         while os.read(master, 99): pass\n",
    );
    run.expect_report("lockstep: no divergence").expect_report("SIGHUP");
    assert!(run.compared("signals of the kernel") >= 3, "{}", run.report);
}

/// tmux: a server that is a daemon, with a terminal for each of its two windows.
#[test]
fn tmux_with_two_windows() {
    if is_skipped(&["tmux", "sh", "bash"]) {
        return;
    }
    let script = "export TERM=xterm; mkfifo done; t() { tmux -S server -f /dev/null \"$@\"; }; \
                  t new-session -d 'read line <done' \\; \
                  new-window \"bash --norc -ic 'sleep 0.1 & fg; exit'\" \\; list-windows; \
                  echo x >done; while t list-windows 2>/dev/null; do sleep 0.05; done";
    let run = sh(script);
    run.expect_agreement().expect_stdout("0: ").expect_stdout("1: ");
    assert!(run.compared("ioctl(TIOCSCTTY)") >= 2, "{}", run.report);
}

/// A container's shell: process 1 of a PID namespace, with a `/proc` of its own (R-FORK-14, R-NS-03, R-PID-14). Its end kills
/// what is left inside (R-NS-20).
#[test]
fn a_shell_in_a_pid_namespace() {
    if is_skipped(&["unshare", "bash", "mount"]) {
        return;
    }
    let script = "echo \"I am $$\"; sleep 0.05 & wait $!; (sleep 0.05 &); setsid sleep 0.01; \
                  kill -0 $$; kill -9 77; sleep 1000 & exit 3";
    for flags in ["-pf", "-Urpf"] {
        let run = Bench::new().run(&[], &["unshare", flags, "--mount-proc", "bash", "-c", script]);
        if run.stderr.contains("ermitted") || run.stderr.contains("failed") {
            eprintln!("skipped: unshare {flags}: {}", run.stderr);
            continue;
        }
        run.expect_agreement().expect_stdout("I am 1").expect_report("exit 3");
        assert_eq!(run.compared("unshare"), 1, "{}", run.report);
        assert!(!run.report.contains("not modelled"), "{}", run.report);
    }
}

/// A namespace inside a namespace, entered from outside (R-NS-04); numbers differ on each level.
#[test]
fn namespaces_inside_namespaces() {
    if is_skipped(&["unshare", "nsenter", "bash", "mkfifo"]) {
        return;
    }
    let script = "mkfifo up down; \
                  unshare -pf bash -c 'echo inner $$; echo ready >up; read line <down; exit 4' & \
                  read line <up; \
                  nsenter -t $(cat /proc/$!/task/$!/children) -p \
                  bash -c 'echo entered $$; true & wait'; \
                  echo x >down; wait $!; exit $?";
    let run = Bench::new()
        .run(&["--pass-status"], &["unshare", "-pf", "--mount-proc", "bash", "-c", script]);
    if run.stderr.contains("ermitted") || run.stderr.contains("failed") {
        eprintln!("skipped: namespaces_inside_namespaces: {}", run.stderr);
        return;
    }
    assert_eq!(run.status, 4, "{}\n{}", run.report, run.stderr);
    run.expect_stdout("inner 1").expect_stdout("entered ").expect_report("no divergence");
    assert_eq!((run.compared("setns"), run.compared("unshare")), (1, 2), "{}", run.report);
}

/// The way to start a daemon: fork, setsid, fork; the middle one exits (R-REPARENT-03).
#[test]
fn a_daemon_in_the_old_style() {
    if is_skipped(&["python3"]) {
        return;
    }
    let run = python(
        "import os\n\
         read, write = os.pipe()\n\
         if os.fork() == 0:\n    \
             os.setsid()\n    \
             middle = os.getpid()\n    \
             if os.fork() == 0:\n        \
                 os.write(write, b'ready')\n        \
                 while os.getppid() == middle: pass\n        \
                 assert os.getsid(0) == os.getpgid(0) == middle\n        \
                 os._exit(6)\n    \
             assert os.read(read, 5) == b'ready'\n    \
             os._exit(0)\n\
         os.wait()\n",
    );
    run.expect_agreement().expect_report("exit 6");
}

/// A jobserver: recursive makes share four tokens.
#[test]
fn make_with_a_jobserver() {
    if is_skipped(&["make"]) {
        return;
    }
    let bench = Bench::new();
    let rules =
        "all: a b c d e f\na b c d e f:\n\t@+$(MAKE) -s sub-$@\nsub-%:\n\t@sleep 0.01; echo $@\n";
    bench.write("Makefile", rules);
    let run = bench.run(&[], &["make", "-s", "-j4"]);
    run.expect_agreement().expect_stdout("sub-f");
    assert!(run.processes().len() > 12, "{}", run.report);
}

/// A Java virtual machine: threads that start children by way of a helper.
#[test]
fn java_starts_children() {
    if is_skipped(&["java", "javac"]) {
        return;
    }
    let bench = Bench::new();
    let source = bench.write(
        "Start.java",
        "public class Start { public static void main(String[] a) throws Exception {\n\
         for (int i = 1; i < 4; i++)\n\
         System.out.println(new ProcessBuilder(\"sh\", \"-c\", \"exit \" + i).start().waitFor());\n\
         } }\n",
    );
    let built = std::process::Command::new("javac").arg(source).status();
    assert!(built.is_ok_and(|status| status.success()));
    bench.run(&[], &["java", "Start"]).expect_agreement().expect_stdout("1\n2\n3\n");
}

/// Python's own tests of its subprocess module: a part of them, as all take longer.
#[test]
fn pythons_tests_of_subprocess() {
    if is_skipped(&["python3"]) {
        return;
    }
    let mut probe = std::process::Command::new("python3");
    probe.args(["-c", "import test.test_subprocess"]);
    if !probe.output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: pythons_tests_of_subprocess: test.test_subprocess is not installed");
        return;
    }
    let tests = ["POSIXProcessTestCase", "RunFuncTestCase", "MiscTests", "ContextManagerTests"]
        .map(|name| format!("test.test_subprocess.{name}"));
    let mut program = vec!["python3", "-m", "unittest", "-q"];
    program.extend(tests.iter().map(String::as_str));
    let run = Bench::new().run(&[], &program);
    run.expect_agreement().expect_stderr("OK");
    assert!(run.processes().len() > 60, "{}", run.report);
}

/// The program's exit status, standard streams and arguments are its own.
#[test]
fn the_program_keeps_its_status_and_streams() {
    if is_skipped(&["sh"]) {
        return;
    }
    let run =
        Bench::new().run(&["--pass-status"], &["sh", "-c", "echo \"$1\"; exit 7", "x", "a b"]);
    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (7, "a b\n", ""));
    run.expect_report("the program ended: exit 7");
}

/// A child that is orphaned while its parent's parent is a subreaper goes there, and the answer
/// of getppid says so.
#[test]
fn subreapers_inside_the_program() {
    if is_skipped(&["python3"]) {
        return;
    }
    let run = python(
        "import ctypes, os\n\
         ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n\
         me = os.getpid()\n\
         read, write = os.pipe()\n\
         if os.fork() == 0:\n    \
             if os.fork() == 0:\n        \
                 while os.getppid() != me: pass\n        \
                 os.write(write, b'adopted'); os._exit(5)\n    \
             os._exit(0)\n\
         os.wait(); assert os.wait()[1] == 5 << 8; print(os.read(read, 9))\n",
    );
    run.expect_agreement().expect_stdout("adopted");
}

/// R-NOTIFY-03, R-NOTIFY-04, R-NOTIFY-11: SA_NOCLDSTOP and SA_NOCLDWAIT decide what a parent is told.
#[test]
fn dispositions_in_c() {
    if is_skipped(&["cc"]) {
        return;
    }
    let run = compiled("dispositions.c", include_str!("dispositions.c"));
    run.expect_agreement().expect_stdout("as it was asked");
    assert!(run.compared("signals of the kernel") >= 6, "{}", run.report);
}

/// Corners of fork, wait, groups and sessions: exit signals (R-NOTIFY-05), siblings (R-FORK-03),
/// zombie-only groups (R-SETPGID-08), SA_NOCLDWAIT (R-NOTIFY-04), bad addresses (R-WAIT-21), and
/// seventy orphans that move to a subreaper at once (R-REPARENT-03, R-REPARENT-12).
#[test]
fn corners_in_c() {
    if is_skipped(&["cc"]) {
        return;
    }
    let run = compiled("corners.c", include_str!("corners.c"));
    run.expect_agreement().expect_stdout("71 reaped");
    assert!(run.compared("setpgid") >= 8 && run.compared("wait4") >= 80, "{}", run.report);
}
