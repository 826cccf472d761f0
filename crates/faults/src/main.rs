//! `cargo faults`: breaks the core on purpose, one patch at a time, and shows that what should notice does.
//!
//! | module | what it is about |
//! | --- | --- |
//! | [`patch`] | a patch: what it breaks, and which commands must notice |
//! | [`copy`] | the copy of the sources to which it is applied |
//! | [`command`] | a command, run with a time limit |
//!
//! A command that must notice first passes on the sources as they are; then it is built with the patch, and must fail, saying what is expected.
//! A patch that does not apply or does not compile is a failure, as is one that nobody notices.

mod command;
mod copy;
mod patch;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use command::{Command, Noticed};
use copy::Copy;
use patch::{Patch, Witness};

/// Breaks the core on purpose, in a copy of the sources, and shows that the tests notice.
#[derive(Debug, Parser)]
#[command(name = "cargo faults", about, after_help = HELP)]
struct Arguments {
    /// Only these patches, or these directories of them; all if none is given
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// List the patches, and who must notice them
    #[arg(long)]
    list: bool,
    /// Begin nothing more after so many seconds
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Begin with the N-th (the count goes round): with --seconds, all come round from turn to turn
    #[arg(long, value_name = "N", default_value_t = 0)]
    turn: u64,
    /// Where to build; what is built there of the copy is broken on purpose
    #[arg(long, value_name = "DIRECTORY")]
    target_dir: Option<PathBuf>,
}

const HELP: &str = "\
A patch lies in faults/, with what it breaks and the commands that must fail with it. The copy, and what
is built of it, lie in target/faults.

Exit status: 0 all were noticed, 1 one was not, does not apply or does not compile, 2 wrong command line.

Examples:
  cargo faults
  cargo faults rules/deaf-stop
  cargo faults cuts --seconds 600
  cargo faults --list";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("faults: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// Whether all were noticed.
fn run(arguments: &Arguments) -> Result<bool, String> {
    let root = root();
    let mut patches = Patch::read_all(&root.join("faults"))?;
    patches.retain(|patch| patch.is_named(&arguments.names));
    if patches.is_empty() {
        return Err(format!("no patch is called {:?}; --list shows them", arguments.names));
    }
    if arguments.list {
        for patch in &patches {
            println!("{}\n    {}", patch.name, patch.breaks);
            patch.witnesses.iter().for_each(|it| println!("    noticed by: {}", it.command));
        }
        return Ok(true);
    }
    let scratch = root.join("target/faults");
    let target = arguments.target_dir.clone().unwrap_or_else(|| scratch.join("target"));
    let target = std::path::absolute(target).map_err(|error| error.to_string())?;
    let mut stage = Stage { copy: Copy::new(&root, &scratch), target, sound: BTreeSet::new() };
    let mut trials: Vec<(&Patch, &Witness)> = patches
        .iter()
        .flat_map(|patch| patch.witnesses.iter().map(move |it| (patch, it)))
        .collect();
    let count = trials.len();
    trials.rotate_left(usize::try_from(arguments.turn % count as u64).unwrap_or(0));
    let began = Instant::now();
    let limit = arguments.seconds.map(Duration::from_secs);
    let (mut done, mut unnoticed) = (0, Vec::new());
    for (patch, witness) in trials {
        if limit.is_some_and(|limit| began.elapsed() >= limit) {
            break;
        }
        done += 1;
        println!("[{done}/{count}] {}: {}", patch.name, witness.command);
        let start = Instant::now();
        let outcome = stage.try_one(patch, witness);
        stage.copy.outdate_builds(&patch.path)?;
        match outcome? {
            None => println!("    noticed, after {:.0} s", start.elapsed().as_secs_f64()),
            Some(complaint) => {
                println!("    NOT NOTICED: {complaint}");
                unnoticed.push(patch.name.clone());
            }
        }
    }
    println!(
        "{} of {done} noticed, {} not tried for want of time",
        done - unnoticed.len(),
        count - done
    );
    unnoticed.iter().for_each(|name| println!("NOT NOTICED  {name}"));
    Ok(unnoticed.is_empty())
}

/// Where patches are tried.
struct Stage {
    copy: Copy,
    target: PathBuf,
    /// The commands that have passed without a patch.
    sound: BTreeSet<String>,
}

impl Stage {
    /// Why the patch was not noticed, if it was not.
    ///
    /// # Errors
    ///
    /// Nothing can be tried at all.
    fn try_one(&mut self, patch: &Patch, witness: &Witness) -> Result<Option<String>, String> {
        let command = Command::new(&witness.command, self.copy.place(), &self.target)?;
        if self.sound.insert(witness.command.clone()) {
            self.copy.refresh()?;
            command.build()?;
            match command.run()? {
                Noticed::Nothing => {}
                other => return Ok(Some(format!("it fails without the patch: {other:?}"))),
            }
        }
        self.copy.refresh()?;
        if let Err(complaint) = self.copy.apply(&patch.path) {
            return Ok(Some(format!("the patch does not apply: {complaint}")));
        }
        if let Err(complaint) = command.build() {
            return Ok(Some(format!("it does not compile: {complaint}")));
        }
        Ok(match command.run()? {
            Noticed::Something(said) if said.contains(&witness.says) => None,
            Noticed::Something(said) => {
                Some(format!("it does not say {:?}, but:\n{said}", witness.says))
            }
            Noticed::Nothing => Some("it passes".to_owned()),
            Noticed::Late => Some("it does not end".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every patch says what it breaks and who notices, and applies to the sources as they are.
    #[test]
    fn every_patch_applies() {
        let patches = Patch::read_all(&root().join("faults")).unwrap();
        let count = |kind: &str| patches.iter().filter(|it| it.name.starts_with(kind)).count();
        let counts = ["rules/", "cuts/", "costs/", "ground/", "signals/"].map(count);
        assert_eq!(counts, [27, 7, 3, 3, 16]);
        for patch in &patches {
            let git = std::process::Command::new("git")
                .args(["apply", "--check"])
                .arg(&patch.path)
                .current_dir(root())
                .output()
                .unwrap();
            assert!(
                git.status.success(),
                "{}: {}",
                patch.name,
                String::from_utf8_lossy(&git.stderr)
            );
        }
    }
}
