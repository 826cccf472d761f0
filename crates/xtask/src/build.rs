//! The kernel, and what runs on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive::Archive;

/// Debian's compiler, which comes with the source of the library.
const CARGO: &str = "/usr/bin/cargo";
const RUSTC: &str = "/usr/bin/rustc";
const TARGET: &str = "x86_64-unknown-none";
const BUSYBOX: &str = "/bin/busybox";

/// Where things are built.
pub(crate) struct Build {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

/// Which kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// As it is used.
    Plain,
    /// Every unlock checks every invariant.
    Checked,
}

impl Build {
    /// Builds a kernel; returns its file.
    pub(crate) fn kernel(&self, kernel: Kernel) -> Result<PathBuf, String> {
        let target = self.target.join("kernel");
        let mut cargo = Command::new(CARGO);
        cargo.args(["build", "--quiet", "--release", "--target-dir"]).arg(&target);
        if kernel == Kernel::Checked {
            cargo.args(["--features", "check"]);
        }
        cargo.current_dir(self.root.join("kernel")).env("RUSTC_BOOTSTRAP", "1").env("RUSTC", RUSTC);
        // What rustup set for its own compiler.
        for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTDOC", "CARGO_TARGET_DIR"] {
            cargo.env_remove(variable);
        }
        run(&mut cargo)?;
        // Both are built at the same place, so that the library is built once.
        let (built, kept) = (
            target.join(TARGET).join("release/kernel"),
            target.join(match kernel {
                Kernel::Plain => "plain",
                Kernel::Checked => "checked",
            }),
        );
        fs::copy(&built, &kept).map_err(|error| format!("{}: {error}", built.display()))?;
        Ok(kept)
    }

    /// Builds the programs, and packs them; returns the archive's file.
    pub(crate) fn files(&self) -> Result<PathBuf, String> {
        let mut archive = Archive::default();
        for directory in ["bin", "etc", "root", "tmp"] {
            archive.directory(directory);
        }
        let busybox = read(Path::new(BUSYBOX))?;
        archive.program("bin/busybox", &busybox);
        let listed = Command::new(BUSYBOX).arg("--list").output();
        let listed = listed.map_err(|error| format!("{BUSYBOX}: {error}"))?;
        for applet in String::from_utf8_lossy(&listed.stdout).lines() {
            if applet != "busybox" {
                archive.link(&format!("bin/{applet}"), "busybox");
            }
        }
        archive.program("bin/lockstep", &read(&self.lockstep()?)?);
        for source in self.sources()? {
            let name = source.file_name().unwrap_or_default().display();
            match source.extension().and_then(|it| it.to_str()) {
                Some("c") => {
                    let program = self.compile(&source)?;
                    let name = program.file_name().unwrap_or_default().display();
                    archive.program(&format!("bin/{name}"), &read(&program)?);
                }
                _ => archive.program(&format!("etc/{name}"), &read(&source)?),
            }
        }
        let file = self.target.join("kernel-files");
        fs::write(&file, archive.finish())
            .map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(file)
    }

    /// Builds the one static program that plays scenarios.
    fn lockstep(&self) -> Result<PathBuf, String> {
        let mut cargo = Command::new("cargo");
        cargo.args(["agent", "--quiet", "--target-dir"]).arg(&self.target).current_dir(&self.root);
        run(&mut cargo)?;
        Ok(self.target.join("x86_64-unknown-linux-gnu/release/lockstep"))
    }

    /// Returns the files of `kernel/programs`: programs in C, and scripts.
    fn sources(&self) -> Result<Vec<PathBuf>, String> {
        let place = self.root.join("kernel/programs");
        let complaint = |error| format!("{}: {error}", place.display());
        let entries = fs::read_dir(&place).map_err(complaint)?;
        let mut sources: Vec<_> = entries
            .map(|entry| Ok(entry.map_err(complaint)?.path()))
            .collect::<Result<_, String>>()?;
        sources.sort();
        Ok(sources)
    }

    /// Where the static programs are, once they are built.
    pub(crate) fn programs(&self) -> PathBuf {
        self.target.join("kernel-programs")
    }

    /// Builds a static program.
    fn compile(&self, source: &Path) -> Result<PathBuf, String> {
        let place = self.programs();
        fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
        let program = place.join(source.file_stem().unwrap_or_default());
        let mut cc = Command::new("cc");
        cc.args(["-static", "-O1", "-Wall", "-Werror", "-pthread", "-o"]).arg(&program).arg(source);
        run(&mut cc)?;
        Ok(program)
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{}: {error}", command.get_program().display())),
    }
}
