//! Programs that live on signals are followed without a divergence: shells with traps, the tests of Python's signal module, a Java virtual machine with handlers.

mod common;

use common::{Bench, Run, is_skipped};

/// Traps: run at once, behind the command that runs, in a wait that they interrupt, in a subshell that has lost them, at the end; one that ignores, and goes through exec.
const TRAPS: &str = "\
trap 'echo usr1' USR1; kill -USR1 $$
trap 'echo term' TERM; (kill -TERM $$); echo behind
trap '' INT; sh -c 'kill -INT $$; echo ignored'
trap - INT; sh -c 'kill -INT $$; echo never'; echo \"int $?\"
(kill -USR1 $(exec sh -c 'echo $PPID'); echo never); echo \"lost $?\"
trap 'echo alarm; exit 3' ALRM
sleep 5 & slept=$!; (sleep 0.05; kill -ALRM $$) & wait $slept
echo never
";

fn traps_of(shell: &str) -> Option<Run> {
    if is_skipped(&[shell, "sh"]) {
        return None;
    }
    let bench = Bench::new();
    let script = bench.write("traps", &format!("trap 'kill $slept; echo end' EXIT\n{TRAPS}"));
    let run = bench.run(&[], &[shell, script.to_str().expect("a plain path")]);
    let said = "usr1\nterm\nbehind\nignored\nint 130\nlost 138\nalarm\nend\n";
    run.expect_agreement().expect_stdout(said);
    run.expect_report("the program ended: exit 3\n");
    Some(run)
}

/// R-SIG-48, R-SIG-86: what bash does by its traps.
#[test]
fn traps_of_bash() {
    traps_of("bash");
}

/// R-SIG-48, R-SIG-86: what dash does by its traps.
#[test]
fn traps_of_dash() {
    traps_of("dash");
}

/// Python's own tests of its signal module, and of signals among threads.
#[test]
fn pythons_tests_of_signals() {
    if is_skipped(&["python3"]) {
        return;
    }
    let tests = ["test.test_signal", "test.test_threadsignals"];
    let mut probe = std::process::Command::new("python3");
    probe.args(["-c", "import test.test_signal, test.test_threadsignals"]);
    if !probe.output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: pythons_tests_of_signals: {tests:?} are not installed");
        return;
    }
    let run = Bench::new().run(&[], &[&["python3", "-m", "unittest", "-q"][..], &tests].concat());
    run.expect_agreement().expect_stderr("OK");
}

/// A Java virtual machine with handlers of its own, one of which another one of its threads runs; its end by SIGTERM runs hooks.
#[test]
fn java_handles_signals() {
    if is_skipped(&["java", "javac"]) {
        return;
    }
    let bench = Bench::new();
    let source = bench.write(
        "Handle.java",
        "import sun.misc.Signal;\n\
         import java.util.concurrent.*;\n\
         public class Handle { public static void main(String[] a) throws Exception {\n\
         SynchronousQueue<String> handled = new SynchronousQueue<>();\n\
         for (String name : new String[] { \"HUP\", \"USR2\", \"WINCH\" })\n\
         Signal.handle(new Signal(name), it -> {\n\
         try { handled.put(it.getName()); } catch (InterruptedException e) { }\n\
         });\n\
         Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println(\"hook\")));\n\
         String own = Long.toString(ProcessHandle.current().pid());\n\
         for (String name : new String[] { \"HUP\", \"USR2\", \"WINCH\", \"HUP\" }) {\n\
         new ProcessBuilder(\"sh\", \"-c\", \"kill -\" + name + \" \" + own).start().waitFor();\n\
         System.out.println(handled.take());\n\
         }\n\
         new ProcessBuilder(\"sh\", \"-c\", \"kill -TERM \" + own).start().waitFor();\n\
         Thread.sleep(60000);\n\
         } }\n",
    );
    let built =
        std::process::Command::new("javac").args(["-XDignore.symbol.file"]).arg(source).output();
    let built = built.expect("javac runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let run = bench.run(&[], &["java", "Handle"]);
    run.expect_agreement().expect_stdout("HUP\nUSR2\nWINCH\nHUP\nhook\n");
    run.expect_report("the program ended: exit 143\n");
}

/// timeout(1) sends the signal that it is told to, another one to who handles that, and itself continues who is stopped. It sends it twice, to its child and to the group: who handles it may do so twice.
#[test]
fn timeouts_that_send_signals() {
    if is_skipped(&["timeout", "sh"]) {
        return;
    }
    let script = "\
timeout -s INT 0.05 sleep 9; echo $?
timeout -s USR1 0.05 sh -c 'trap \"trap : USR1; echo handled; exit 5\" USR1; sleep 9 & wait; kill $!'; echo $?
timeout -k 0.05 -s HUP 0.05 sh -c 'trap \"\" HUP; sleep 9; sleep 9'; echo $?
timeout -s KILL 0.05 sleep 9; echo $?
timeout --preserve-status 0.05 sh -c 'kill -STOP $$; echo never'; echo $?
timeout --foreground -s ALRM 0.05 sleep 9; echo $?";
    let run = Bench::new().run(&[], &["sh", "-c", script]);
    run.expect_agreement();
    let said: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(said, ["124", "handled", "124", "137", "137", "143", "124"], "{}", run.report);
}

/// script(1) passes the size of its terminal on, and tells of the end of its shell, which a signal has ended.
#[test]
fn scripts_whose_shell_ends_by_a_signal() {
    if is_skipped(&["script", "sh"]) {
        return;
    }
    let script = "trap \"echo resized\" WINCH; kill -WINCH $$; kill -WINCH $PPID; kill -TERM $$";
    let run = Bench::new().run(&[], &["script", "-qec", script, "/dev/null"]);
    run.expect_agreement().expect_stdout("resized");
    run.expect_report("the program ended: exit 143\n");
}
