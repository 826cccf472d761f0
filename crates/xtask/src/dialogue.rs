//! Somebody at the terminal: types to a shell with jobs, here and on Linux, and the answers are the same.
//!
//! The same busybox runs on the kernel's serial line and on a pseudoterminal of the host. Each line is typed when the one before has been answered: by a prompt, or by what a program says that runs in the foreground.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use crate::qemu::{Machine, read_in_parts};

/// What is typed, and by what one sees that it is done.
struct Turn(&'static str, Answer);

#[derive(Clone, Copy)]
enum Answer {
    Prompt,
    Says(&'static str),
    /// The shell is gone.
    Ends,
}

use Answer::{Ends, Prompt, Says};

const FRONT: Answer = Says("foreground\n");

/// Each line waits for what it is about: the shell tells of a job with its next prompt.
const STOP: &str = "kill -STOP %1; until grep -q '^State:.*T' /proc/$!/status; do :; done; jobs\n";

/// And waits until the shell knows: it reaps while it waits for another.
const KILL: &str = "kill -9 %1; while grep -q . /proc/$!/status 2>/dev/null; do :; done; jobs\n";

const DIALOGUE: &[Turn] = &[
    Turn("", Prompt),
    Turn("echo one two | tr o 0 | cat\n", Prompt),
    // ^Z, in the background, in the foreground, ^C.
    Turn("front | cat\n", FRONT),
    Turn("\x1a", Prompt),
    Turn("jobs\n", Prompt),
    Turn("bg\n", Prompt),
    Turn("until busybox pidof behind >/dev/null; do :; done; jobs\n", Prompt),
    Turn("fg\n", FRONT),
    Turn("\x03", Prompt),
    Turn("echo $?\n", Prompt),
    // ^\ kills too, and erase and ^D are the line's.
    Turn("front\n", FRONT),
    Turn("\x1c", Prompt),
    Turn("echo $?\n", Prompt),
    Turn("sh -c 'echo rea\"\"dy; exec cat'\n", Says("ready\n")),
    Turn("abd\x7fc\n", Says("abc\n")),
    Turn("\x04", Prompt),
    // Who reads in the background stops.
    Turn("cat & until grep -q '^State:.*T' /proc/$!/status; do :; done; jobs\n", Prompt),
    Turn(KILL, Prompt),
    // A job that stops itself, and one that is killed while it is stopped.
    Turn("sh -c 'kill -STOP $$; echo on'\n", Prompt),
    Turn("fg\n", Prompt),
    Turn("front &\n", Prompt),
    Turn(STOP, Prompt),
    Turn(KILL, Prompt),
    // A handler runs, and says how the shell goes on.
    Turn("sh -c 'trap \"echo int; exit 3\" INT; front'\n", FRONT),
    Turn("\x03", Prompt),
    Turn("echo $?\n", Prompt),
    // A shell with a stopped job does not go at once.
    Turn("front\n", FRONT),
    Turn("\x1a", Prompt),
    Turn("exit\n", Prompt),
    Turn("exit\n", Ends),
];

/// So long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plays the dialogue on a machine and on Linux; whether both have said the same.
pub(crate) fn run(machine: &Machine, programs: &Path) -> Result<bool, String> {
    let ours = play(machine.spawn_with_pipes()?)?;
    let linux = play(shell_of_linux(programs)?)?;
    if ours == linux {
        println!("dialogue: {} turns, as on Linux", DIALOGUE.len());
        return Ok(true);
    }
    println!("dialogue: here it went so:\n{ours}\nand on Linux so:\n{linux}");
    Ok(false)
}

/// The same shell on a pseudoterminal of the host.
fn shell_of_linux(programs: &Path) -> Result<Child, String> {
    let path = format!("{}:/bin", programs.display());
    // In the background of a script SIGINT and SIGQUIT are ignored, also by all that is started there.
    Command::new("env")
        .args(["--default-signal=INT,QUIT", "script", "--quiet"])
        .args(["--echo", "always", "--command", "/bin/busybox sh", "/dev/null"])
        .current_dir("/")
        .env_clear()
        .envs([("PATH", path.as_str()), ("HOME", "/"), ("TERM", "vt100"), ("SHELL", "/bin/sh")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("script: {error}; Debian's package is bsdutils"))
}

/// Types, reads, and ends the shell; returns what stood on the screen.
fn play(mut shell: Child) -> Result<String, String> {
    let (mut keys, screen) = (shell.stdin.take(), shell.stdout.take());
    let screen = read_in_parts(screen.ok_or("the terminal has no output")?);
    let mut seen = String::new();
    for Turn(typed, answer) in DIALOGUE {
        let keys = keys.as_mut().ok_or("the terminal has no input")?;
        let is_typed = keys.write_all(typed.as_bytes()).and_then(|()| keys.flush());
        if is_typed.is_err() || !wait_for(&screen, *answer, &mut seen) {
            seen += &format!("\n(no answer to {typed:?})");
            break;
        }
    }
    shell.kill().and_then(|()| shell.wait()).map_err(|error| error.to_string())?;
    Ok(seen)
}

/// Reads up to an answer. False: it does not come.
fn wait_for(screen: &Receiver<Vec<u8>>, answer: Answer, seen: &mut String) -> bool {
    let (began, mut new) = (Instant::now(), String::new());
    let is_there = loop {
        let is_there = match answer {
            Prompt => new.ends_with("# "),
            Says(word) => new.contains(word),
            Ends => false,
        };
        if is_there {
            break true;
        }
        match screen.recv_timeout(PATIENCE.saturating_sub(began.elapsed())) {
            Ok(part) => {
                new = format!("{new}{}", String::from_utf8_lossy(&part));
                // Where the cursor is, the shell asks; where a line ends, terminals say in several ways.
                new = new.replace("\x1b[6n", "").replace('\r', "");
            }
            Err(error) => {
                let is_gone = error == std::sync::mpsc::RecvTimeoutError::Disconnected;
                break matches!(answer, Ends) && is_gone;
            }
        }
    };
    if !matches!(answer, Ends) {
        *seen += &new;
    }
    is_there
}
