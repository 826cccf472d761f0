//! A command that must notice.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// So long may a command take.
const PATIENCE: Duration = Duration::from_secs(240);

/// A command of a patch, in the copy.
pub(crate) struct Command<'a> {
    words: &'a str,
    /// What builds all that it needs.
    build: String,
    /// With which status it ends when it notices something.
    status: i32,
    place: PathBuf,
    target: &'a Path,
}

/// What a command has noticed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Noticed {
    Nothing,
    /// Something, of which it says this.
    Something(String),
    /// It has not ended.
    Late,
}

impl<'a> Command<'a> {
    /// Reads a command: `cargo test …`, which settings may precede, `cargo budgets` or `lockstep …`.
    ///
    /// # Errors
    ///
    /// It is none of these.
    pub(crate) fn new(words: &'a str, place: &Path, target: &'a Path) -> Result<Self, String> {
        let (build, status) = if let Some((_, arguments)) = words.split_once("cargo test ") {
            let arguments = arguments.split(" -- ").next().unwrap_or_default();
            (format!("cargo test --quiet --no-run {arguments}"), 101)
        } else if words == "cargo budgets" {
            ("cargo build --quiet --profile bench --package bench --bin budgets".to_owned(), 1)
        } else if words.starts_with("lockstep ") {
            ("cargo build --quiet --package lockstep".to_owned(), 1)
        } else {
            return Err(format!("no command that can notice: {words}"));
        };
        Ok(Self { words, build, status, place: place.to_owned(), target })
    }

    /// Builds what it needs.
    ///
    /// # Errors
    ///
    /// It does not compile.
    pub(crate) fn build(&self) -> Result<(), String> {
        match self.shell(&self.build, None)? {
            (Some(0), _) => Ok(()),
            (_, said) => Err(format!("{}\n{said}", self.build)),
        }
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// There is no shell, or the command ends as it never should.
    pub(crate) fn run(&self) -> Result<Noticed, String> {
        Ok(match self.shell(self.words, Some(PATIENCE))? {
            (Some(0), _) => Noticed::Nothing,
            (Some(status), said) if status == self.status => Noticed::Something(said),
            (Some(status), said) => return Err(format!("{}: status {status}\n{said}", self.words)),
            (None, _) => Noticed::Late,
        })
    }

    /// The status, `None` if it was ended, and the end of what was said.
    fn shell(&self, words: &str, limit: Option<Duration>) -> Result<(Option<i32>, String), String> {
        let failed = |error: std::io::Error| format!("{words}: {error}");
        let mut said = scratch_file().map_err(failed)?;
        let programs = self.target.join("debug");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = process::Command::new("sh");
        shell
            .args(["-c", words])
            .current_dir(&self.place)
            .env("CARGO_TARGET_DIR", self.target)
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("RUST_BACKTRACE", "0")
            // Set for this program by the cargo that has started it.
            .env_remove("CARGO_MANIFEST_DIR")
            .stdin(Stdio::null())
            .stdout(said.try_clone().map_err(failed)?)
            .stderr(said.try_clone().map_err(failed)?);
        shell.process_group(0);
        let mut child = shell.spawn().map_err(failed)?;
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                break Some(status.code().unwrap_or(-1));
            }
            let is_late = limit.is_some_and(|limit| began.elapsed() > limit);
            if is_late || is_interrupted() {
                let group = -(child.id().cast_signed());
                // SAFETY: plain numbers; the child has not been waited for, so the group is its own.
                unsafe { libc::kill(group, libc::SIGKILL) };
                child.wait().map_err(failed)?;
                if !is_late {
                    return Err("interrupted".to_owned());
                }
                break None;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut text = Vec::new();
        said.rewind().and_then(|()| said.read_to_end(&mut text)).map_err(failed)?;
        Ok((status, String::from_utf8_lossy(&text).into_owned()))
    }
}

/// Whether the user has had enough.
fn is_interrupted() -> bool {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let flag = FLAG.get_or_init(|| {
        let flag = Arc::default();
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // Where that fails, the signal ends this program, and the command goes on to its end.
            let _ = signal_hook::flag::register(signal, Arc::clone(&flag));
        }
        flag
    });
    flag.load(Ordering::Relaxed)
}

/// A file without a name: whoever still writes to it keeps nobody waiting.
fn scratch_file() -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().read(true).write(true).custom_flags(libc::O_TMPFILE).open(std::env::temp_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &str, status: i32) -> Command<'_> {
        let (build, place) = (String::new(), std::env::temp_dir());
        Command { words, build, status, place, target: Path::new("/nowhere") }
    }

    /// Passing is nothing, the command's own status is something with what it says, any other one is an error.
    #[test]
    fn statuses_are_told_apart() {
        assert_eq!(command("true", 1).run(), Ok(Noticed::Nothing));
        let said = command("echo so; exit 101", 101).run();
        assert_eq!(said, Ok(Noticed::Something("so\n".to_owned())));
        assert!(command("echo so; exit 125", 1).run().unwrap_err().contains("125"));
        assert!(Command::new("make", Path::new("."), Path::new(".")).is_err());
    }

    /// What does not end is ended, with all that it has started.
    #[test]
    fn what_does_not_end_is_ended() {
        let command = command("sleep 1000 & wait", 1);
        let began = Instant::now();
        let (status, _) = command.shell(command.words, Some(Duration::from_millis(50))).unwrap();
        assert_eq!(status, None);
        assert!(began.elapsed() < Duration::from_secs(500));
    }
}
