//! Files that the user has named for what comes in the end. That they can be written is found out in the beginning; what was in them stays until there is something to write.

use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::tracer::Failure;

/// One of these files.
#[derive(Debug)]
pub(crate) struct Destination {
    path: PathBuf,
    file: File,
    beginning: Cell<Beginning>,
}

/// What the first write finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beginning {
    /// Nothing: the file was made for it.
    New,
    /// What somebody has left, which goes.
    Old,
    /// There is nothing that could go, or it has gone.
    Over,
}

impl Destination {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let open = |options: &mut OpenOptions| options.write(true).open(path);
        let found = match open(OpenOptions::new().create_new(true)) {
            Ok(file) => Ok((file, Beginning::New)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                open(OpenOptions::new().create(true)).and_then(as_found)
            }
            Err(error) => Err(error),
        };
        let (file, beginning) = found
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
        Ok(Self { path: path.to_owned(), file, beginning: Cell::new(beginning) })
    }

    /// Adds to what was written.
    ///
    /// # Errors
    ///
    /// That of the file.
    pub(crate) fn write(&self, contents: &[u8]) -> io::Result<()> {
        if self.beginning.replace(Beginning::Over) == Beginning::Old {
            self.file.set_len(0)?;
        }
        (&self.file).write_all(contents)
    }

    /// The name that the user has given it.
    pub(crate) fn name(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// Whether what is written to one of both is lost in the other.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let is_kept = |it: &Self| it.beginning.get() != Beginning::Over;
        is_kept(self) && is_kept(other) && are_same(&self.file, &other.file)
    }
}

/// What was made for something that has not come is taken away again.
impl Drop for Destination {
    fn drop(&mut self) {
        if self.beginning.get() == Beginning::New {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A file that was there. A standard stream by another name is that stream: the program writes there too.
fn as_found(file: File) -> io::Result<(File, Beginning)> {
    for stream in [io::stdout().as_fd(), io::stderr().as_fd()] {
        let stream = File::from(stream.try_clone_to_owned()?);
        if are_same(&file, &stream) {
            return Ok((stream, Beginning::Over));
        }
    }
    let is_emptied = file.metadata()?.is_file();
    Ok((file, if is_emptied { Beginning::Old } else { Beginning::Over }))
}

fn are_same(one: &File, other: &File) -> bool {
    let identity = |file: &File| {
        let data = file.metadata().ok()?;
        (!data.file_type().is_char_device()).then(|| (data.dev(), data.ino()))
    };
    identity(one).is_some_and(|it| Some(it) == identity(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("lockstep-destination-{}-{name}", std::process::id()))
    }

    /// What was there stays until the first write, and all of it goes then.
    #[test]
    fn an_old_file_is_emptied_by_the_first_write() {
        let path = scratch("old");
        fs::write(&path, "a long one").unwrap();
        drop(Destination::open(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a long one");
        let destination = Destination::open(&path).unwrap();
        destination.write(b"new").unwrap();
        destination.write(b"er").unwrap();
        drop(destination);
        assert_eq!(fs::read_to_string(&path).unwrap(), "newer");
        fs::remove_file(path).unwrap();
    }

    /// A file that nothing was written to is not left behind, if it was made for that.
    #[test]
    fn a_new_file_stays_only_if_it_is_written() {
        let path = scratch("new");
        drop(Destination::open(&path).unwrap());
        assert!(!path.exists());
        Destination::open(&path).unwrap().write(b"").unwrap();
        assert!(path.exists());
        fs::remove_file(path).unwrap();
    }

    /// One file by two names is one; a device can be had twice.
    #[test]
    fn a_file_by_two_names_is_one() {
        let (one, other) = (scratch("one"), scratch("other"));
        fs::write(&one, "").unwrap();
        fs::hard_link(&one, &other).unwrap();
        let open = |path: &Path| Destination::open(path).unwrap();
        assert!(open(&one).is_same(&open(&other)));
        assert!(!open(Path::new("/dev/null")).is_same(&open(Path::new("/dev/null"))));
        fs::remove_file(one).unwrap();
        fs::remove_file(other).unwrap();
    }
}
