//! Runs the built binary on programs, with a hard limit of time, and sees that nothing is left.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// No test takes this long unless something hangs.
const LIMIT: Duration = Duration::from_secs(120);
/// The variable by which strays are recognised; all descendants inherit it.
const MARK: &str = "LOCKSTEP_TEST";

/// The built binary.
pub(crate) fn lockstep(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What a command wrote to both streams.
pub(crate) fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Whether there was nothing to compare with: no right to make PID namespaces.
pub(crate) fn lacks_namespaces(output: &Output) -> bool {
    let lacks = said(output).contains("cannot make a PID namespace");
    if lacks {
        eprintln!("skipped: no right to make PID namespaces");
    }
    lacks
}

/// A directory of its own, and a mark of its own, for one test.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
    mark: String,
}

/// What a finished run has shown.
pub(crate) struct Run {
    /// lockstep's exit status.
    pub(crate) status: i32,
    /// What the program wrote.
    pub(crate) stdout: String,
    /// What lockstep and the program wrote to the standard error stream.
    pub(crate) stderr: String,
    /// lockstep's report.
    pub(crate) report: String,
    /// The history, if lockstep came so far.
    pub(crate) json: serde_json::Value,
}

/// A run that goes on.
pub(crate) struct Running {
    bench: Bench,
    child: Child,
}

impl Bench {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = tempfile::tempdir().expect("a temporary directory");
        Self { dir, mark: format!("{}-{number}", std::process::id()) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file in the temporary directory");
        path
    }

    /// A program in C.
    pub(crate) fn compile(&self, name: &str, source: &str) -> PathBuf {
        let source = self.write(name, source);
        let program = source.with_extension("");
        let mut compiler = Command::new("cc");
        compiler.arg("-O1").arg("-o").arg(&program).arg(source).arg("-lpthread");
        let built = compiler.output().expect("cc");
        assert!(built.status.success(), "{}", said(&built));
        program
    }

    /// `lockstep run OPTIONS -- PROGRAM`, with its reports going to files of the bench.
    pub(crate) fn command(&self, options: &[&str], program: &[&OsStr]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.arg("run").arg("--output").arg(self.path("report"));
        command.arg("--json").arg(self.path("json")).args(options);
        command.arg("--").args(program).current_dir(self.dir.path());
        self.prepare(&mut command);
        command
    }

    /// Gives a command the streams and the mark of a test, and default signals: nohup, or a shell that runs the tests in the background, makes them ignore some.
    pub(crate) fn prepare(&self, command: &mut Command) {
        let forget = || {
            for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
                // SAFETY: a default action runs no code.
                unsafe { libc::signal(signal, libc::SIG_DFL) };
            }
            Ok(())
        };
        // SAFETY: between fork and exec only signal(2) is called, which is safe there.
        unsafe { command.pre_exec(forget) };
        // What a program sends to its group is not for the test.
        command.process_group(0);
        command.env(MARK, &self.mark).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    }

    /// Runs a command that is not lockstep's as a test of it would be run.
    pub(crate) fn output_of(&self, mut command: Command) -> Output {
        self.prepare(&mut command);
        self.await_end(command.spawn().expect("a program"))
    }

    pub(crate) fn start(self, mut command: Command) -> Running {
        let child = command.spawn().expect("the built binary");
        Running { bench: self, child }
    }

    pub(crate) fn run(self, options: &[&str], program: &[&str]) -> Run {
        let program: Vec<_> = program.iter().map(OsStr::new).collect();
        let command = self.command(options, &program);
        self.start(command).finish()
    }

    /// `WRAPPER lockstep run OPTIONS -- PROGRAM`.
    pub(crate) fn run_under(self, wrapper: &[&str], options: &[&str], program: &[&str]) -> Run {
        let inner = self.command(options, &program.iter().map(OsStr::new).collect::<Vec<_>>());
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(inner.get_program()).args(inner.get_args());
        command.current_dir(self.dir.path());
        self.prepare(&mut command);
        self.start(command).finish()
    }

    /// Lets every user write into the bench.
    pub(crate) fn open_to_all(&self) {
        let permissions = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(self.dir.path(), permissions).expect("one's own directory");
    }

    /// `lockstep run -- PROGRAM` on a terminal of its own. `dialogue` has a line for each exchange: what must appear, a tab, what is typed then.
    pub(crate) fn run_on_terminal(self, program: &[&str], dialogue: &str) -> Run {
        let driver = self.write("on_terminal.py", include_str!("on_terminal.py"));
        let dialogue = self.write("dialogue", dialogue);
        let inner = self.command(&[], &program.iter().map(OsStr::new).collect::<Vec<_>>());
        let mut command = Command::new("python3");
        command.arg(driver).arg(dialogue).arg(inner.get_program()).args(inner.get_args());
        command.current_dir(self.dir.path());
        self.prepare(&mut command);
        self.start(command).finish()
    }

    /// Everybody with this bench's mark in the environment.
    fn strays(&self) -> Vec<String> {
        let wanted = format!("{MARK}={}", self.mark);
        let has_mark = |path: &Path| {
            std::fs::read(path.join("environ")).is_ok_and(|environment| {
                environment.split(|&byte| byte == 0).any(|entry| entry == wanted.as_bytes())
            })
        };
        std::fs::read_dir("/proc")
            .expect("/proc")
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| has_mark(path))
            .map(|path| path.display().to_string())
            .collect()
    }

    /// Waits for the end of a child. If that takes too long, kills it and all others with the mark, and says where they are.
    fn await_end(&self, child: Child) -> Output {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait_with_output()));
        let output = receiver.recv_timeout(LIMIT).unwrap_or_else(|_| {
            let strays = self.strays();
            let places = strays.iter().map(|of| threads(of)).collect::<String>();
            for number in strays.iter().filter_map(|of| of.rsplit('/').next()?.parse().ok()) {
                // SAFETY: plain numbers, of who had the mark a moment ago.
                unsafe { libc::kill(number, libc::SIGKILL) };
            }
            panic!("a hang; the report so far: {:?}\n{places}", read(&self.path("report")));
        });
        output.expect("what was written to pipes")
    }

    /// Waits until nobody with the mark is left; the kernel ends the killed in its own time.
    pub(crate) fn expect_no_strays(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let strays = self.strays();
            if strays.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left behind: {strays:?}");
            std::thread::yield_now();
        }
    }
}

impl Running {
    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Reads the program's output up to the first line that contains `text`.
    pub(crate) fn expect_stdout(&mut self, text: &str) {
        let stream = self.child.stdout.take().expect("a pipe");
        self.child.stdout = Some(expect_line(stream, text));
    }

    /// The same for the standard error stream.
    pub(crate) fn expect_stderr(&mut self, text: &str) {
        let stream = self.child.stderr.take().expect("a pipe");
        self.child.stderr = Some(expect_line(stream, text));
    }

    /// Waits until the report says this.
    pub(crate) fn expect_in_report(&self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        while !read(&self.bench.path("report")).contains(text) {
            assert!(Instant::now() < deadline, "{text:?} was never written");
            std::thread::yield_now();
        }
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: plain numbers; the child has not been waited for, so the number is its own.
        assert_eq!(unsafe { libc::kill(self.pid(), signal) }, 0);
    }

    /// Waits for the end. If that takes too long, kills lockstep, and with it the program.
    pub(crate) fn finish(self) -> Run {
        let Self { bench, child } = self;
        let output = bench.await_end(child);
        bench.expect_no_strays();
        let json = serde_json::from_str(&read(&bench.path("json"))).unwrap_or_default();
        Run {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            report: read(&bench.path("report")),
            json,
        }
    }
}

impl Run {
    /// Expects that Linux and the model agreed in everything, and that this was not nothing.
    #[track_caller]
    pub(crate) fn expect_agreement(&self) -> &Self {
        let Self { status, report, stdout, stderr, .. } = self;
        assert_eq!(*status, 0, "report: {report}\nstdout: {stdout}\nstderr: {stderr}");
        let verdict = report.lines().last().unwrap_or_default();
        assert!(verdict.starts_with("lockstep: no divergence: all "), "{report}");
        assert!(self.compared("exit status") > 0, "{report}");
        self
    }

    #[track_caller]
    pub(crate) fn expect_stdout(&self, text: &str) -> &Self {
        assert!(self.stdout.contains(text), "{text:?} not in {:?}\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn expect_report(&self, text: &str) -> &Self {
        assert!(self.report.contains(text), "{text:?} not in {}", self.report);
        self
    }

    #[track_caller]
    pub(crate) fn expect_stderr(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "{text:?} not in {:?}", self.stderr);
        self
    }

    /// How many answers to this question were equal.
    pub(crate) fn compared(&self, question: &str) -> u64 {
        self.json["comparison"]["equal"][question].as_u64().unwrap_or(0)
    }

    /// All processes that lived.
    pub(crate) fn processes(&self) -> &[serde_json::Value] {
        self.json["processes"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// What keeps the test from running, if anything does. It is told where nobody captures it.
pub(crate) fn is_skipped(tools: &[&str]) -> bool {
    let missing = tools.iter().find(|tool| !is_installed(tool));
    let reason = match missing {
        Some(tool) => Some(format!("{tool} is not installed")),
        None => (!is_ptrace_permitted()).then(|| "ptrace is not permitted here".to_owned()),
    };
    if let Some(reason) = &reason {
        let name = std::thread::current().name().unwrap_or("test").to_owned();
        let _ = writeln!(std::io::stderr(), "skipped: {name}: {reason}");
    }
    reason.is_some()
}

fn is_installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(tool).is_file())
}

fn is_ptrace_permitted() -> bool {
    let run = Bench::new().run(&[], &["true"]);
    run.status != 125 || !run.stderr.contains("not permitted")
}

/// The threads of a process, given as its directory in `/proc`: their states, the calls that they sleep in, the places in the kernel.
fn threads(process: &str) -> String {
    let all = std::fs::read_dir(format!("{process}/task")).into_iter().flatten().flatten();
    let tell = |thread: std::fs::DirEntry| {
        let about = ["stat", "syscall", "wchan"].map(|name| read(&thread.path().join(name)));
        about.join(" ").replace('\n', " ") + "\n"
    };
    all.map(tell).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn expect_line<S: Read + Send + 'static>(stream: S, text: &str) -> S {
    let (sender, receiver) = mpsc::channel();
    let wanted = text.to_owned();
    std::thread::spawn(move || {
        // One byte at a time, so that nothing behind the line is lost.
        let mut reader = BufReader::with_capacity(1, stream);
        let mut line = String::new();
        while !line.contains(&wanted) {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
        }
        let _ = sender.send(reader.into_inner());
    });
    receiver.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("{text:?} was never written"))
}
