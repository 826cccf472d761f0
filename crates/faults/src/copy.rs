//! A copy of the sources, to which patches are applied.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The copy.
pub(crate) struct Copy {
    root: PathBuf,
    place: PathBuf,
}

impl Copy {
    /// The copy in that directory. Nothing is there before [`refresh`](Self::refresh).
    pub(crate) fn new(root: &Path, scratch: &Path) -> Self {
        Self { root: root.to_owned(), place: scratch.join("tree") }
    }

    /// Where it lies.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Makes the copy what the sources are now, without what is ignored. A file that is the same is left as it is, so that nothing is built
    /// anew for it.
    ///
    /// # Errors
    ///
    /// The sources are no checkout, or a file cannot be read or written.
    pub(crate) fn refresh(&self) -> Result<(), String> {
        let files = self.sources()?;
        for file in &files {
            let failed = |error: std::io::Error| format!("{}: {error}", file.display());
            let (from, to) = (self.root.join(file), self.place.join(file));
            // A file that is deleted, and not yet committed so, is still listed.
            let Ok(bytes) = std::fs::read(&from) else { continue };
            if std::fs::read(&to).is_ok_and(|known| known == bytes) {
                continue;
            }
            if let Some(directory) = to.parent() {
                std::fs::create_dir_all(directory).map_err(failed)?;
            }
            std::fs::write(&to, bytes).map_err(failed)?;
            let permissions = std::fs::metadata(&from).map_err(failed)?.permissions();
            std::fs::set_permissions(&to, permissions).map_err(failed)?;
        }
        self.remove_others(&self.place, &files)
    }

    /// Applies a patch.
    ///
    /// # Errors
    ///
    /// It does not apply, as git says.
    pub(crate) fn apply(&self, patch: &Path) -> Result<(), String> {
        // Below a checkout, git would take the paths for that one's.
        let above = self.place.parent().unwrap_or(&self.place);
        let output = Command::new("git")
            .arg("apply")
            .arg(patch)
            .current_dir(&self.place)
            .env("GIT_CEILING_DIRECTORIES", above)
            .output()
            .map_err(|error| format!("git: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Makes what was built with a patch older than the sources that it changes: in a target directory that the checkout uses too, cargo would take it for what is built of these.
    ///
    /// # Errors
    ///
    /// A source cannot be touched.
    pub(crate) fn outdate_builds(&self, patch: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", patch.display());
        let text = std::fs::read_to_string(patch).map_err(failed)?;
        for changed in text.lines().filter_map(|line| line.strip_prefix("+++ b/")) {
            let source = self.root.join(changed);
            let file = std::fs::File::options().append(true).open(source).map_err(failed)?;
            file.set_modified(std::time::SystemTime::now()).map_err(failed)?;
        }
        Ok(())
    }

    /// The paths of all sources.
    fn sources(&self) -> Result<BTreeSet<PathBuf>, String> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&self.root)
            .output()
            .map_err(|error| format!("git: {error}"))?;
        if !output.status.success() {
            return Err(format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let names = String::from_utf8_lossy(&output.stdout);
        let paths = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
        Ok(paths.filter(|path| self.root.join(path).is_file()).collect())
    }

    /// Removes what is no source any more.
    fn remove_others(&self, directory: &Path, files: &BTreeSet<PathBuf>) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
        for entry in std::fs::read_dir(directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.strip_prefix(&self.place).unwrap_or(&path);
            if path.is_dir() {
                self.remove_others(&path, files)?;
            } else if !files.contains(name) {
                std::fs::remove_file(&path).map_err(failed)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The copy is what the sources are, whatever was done to it.
    #[test]
    fn a_copy_is_made_anew() {
        let root = crate::root();
        let scratch = std::env::temp_dir().join(format!("faults-{}", std::process::id()));
        let copy = Copy::new(&root, &scratch);
        copy.refresh().unwrap();
        let manifest = copy.place().join("Cargo.toml");
        let before = std::fs::read(&manifest).unwrap();
        std::fs::write(&manifest, "broken").unwrap();
        std::fs::write(copy.place().join("crates/another"), "").unwrap();
        copy.refresh().unwrap();
        assert_eq!(std::fs::read(&manifest).unwrap(), before);
        assert!(!copy.place().join("crates/another").exists());
        assert!(!copy.place().join("target").exists());
        assert!(copy.apply(Path::new("/dev/null")).is_err());
        std::fs::remove_dir_all(&scratch).unwrap();
    }
}
