//! The machine: QEMU's software emulation of a PC.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// The status with which QEMU ends when the kernel says that all is well.
const WELL: i32 = 33;

/// What is booted.
pub(crate) struct Machine {
    pub(crate) kernel: PathBuf,
    pub(crate) files: PathBuf,
    pub(crate) processors: u32,
    pub(crate) command_line: String,
    pub(crate) pace: Pace,
}

/// How the processors are run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// In turns, by one thread of the host: who spins gives its turn away. So a fair lock does not wait for a processor that the host does not run.
    InTurns,
    /// Truly at once, by a thread of the host for each: for a host that has as many idle.
    AtOnce,
    /// In turns, by a clock that counts instructions, one a nanosecond: figures that hang on nothing else.
    Counted,
}

/// What became of a machine that was watched.
pub(crate) struct Outcome {
    pub(crate) is_well: bool,
    /// All that it wrote to the serial line.
    pub(crate) said: String,
    pub(crate) took: Duration,
}

impl Machine {
    /// Runs it on this terminal; says whether it was switched off.
    pub(crate) fn run_on_terminal(&self) -> Result<bool, String> {
        let status = self.command("mon:stdio").status().map_err(|error| self.complaint(&error))?;
        Ok(matches!(status.code(), Some(0 | WELL)))
    }

    /// Runs it and shows what it says, for so long at most.
    pub(crate) fn watch(&self, patience: Duration, is_shown: Shown) -> Result<Outcome, String> {
        let began = Instant::now();
        let mut command = self.command("stdio");
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut qemu = command.spawn().map_err(|error| self.complaint(&error))?;
        let receiver = read_in_parts(qemu.stdout.take().ok_or("QEMU has no output")?);
        let mut said = Vec::new();
        let is_late = loop {
            match receiver.recv_timeout(patience.saturating_sub(began.elapsed())) {
                Ok(part) => {
                    if is_shown == Shown::Yes {
                        let mut out = std::io::stdout();
                        out.write_all(&part)
                            .and_then(|()| out.flush())
                            .map_err(|it| it.to_string())?;
                    }
                    said.extend(part);
                }
                Err(RecvTimeoutError::Disconnected) => break false,
                Err(RecvTimeoutError::Timeout) => break true,
            }
        };
        if is_late {
            qemu.kill().map_err(|error| error.to_string())?;
            said.extend(format!("\nnot over after {} s\n", patience.as_secs()).bytes());
        }
        let status = qemu.wait().map_err(|error| error.to_string())?;
        Ok(Outcome {
            is_well: !is_late && status.code() == Some(WELL),
            said: String::from_utf8_lossy(&said).into_owned(),
            took: began.elapsed(),
        })
    }

    /// Runs it with its serial line on pipes.
    pub(crate) fn spawn_with_pipes(&self) -> Result<Child, String> {
        let mut command = self.command("stdio");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().map_err(|error| self.complaint(&error))
    }

    fn command(&self, serial: &str) -> Command {
        let mut qemu = Command::new("qemu-system-x86_64");
        let accelerator = match self.pace {
            Pace::AtOnce => "tcg,thread=multi",
            Pace::InTurns | Pace::Counted => "tcg,thread=single",
        };
        qemu.args(["-accel", accelerator, "-m", "512M", "-display", "none", "-no-reboot"]);
        if self.pace == Pace::Counted {
            qemu.args(["-icount", "shift=0,sleep=off"]);
        }
        qemu.args(["-nic", "none"]);
        qemu.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-serial", serial]);
        qemu.args(["-smp", &self.processors.to_string(), "-append", &self.command_line]);
        qemu.arg("-kernel").arg(&self.kernel).arg("-initrd").arg(&self.files);
        qemu
    }

    fn complaint(&self, error: &std::io::Error) -> String {
        format!("qemu-system-x86_64: {error}; Debian's package is qemu-system-x86")
    }
}

/// Hands on what comes from there, as it comes, up to its end.
pub(crate) fn read_in_parts(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Whether what a machine says is shown while it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Yes,
    No,
}
