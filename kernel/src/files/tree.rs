//! The tree of files: what the loader brought, which nobody changes, devices, and `/proc`.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use axprocess::{ARef, Errno};
use linux_raw_sys::general::{O_ACCMODE, O_DIRECTORY, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG};

use super::{File, Status, proc};
use crate::call::Failure;
use crate::host::{PidNamespace, Thread};
use crate::machine::{IrqLock, SharedPages};
use crate::thread::table;
use crate::tty;
use crate::user_memory::{append, boxed, push};

/// What stands somewhere in the tree.
#[derive(Clone)]
pub(crate) enum Node {
    Directory,
    Regular(Arc<SharedPages>),
    /// With its number.
    Device(u32, Opener),
    Proc(proc::Entry),
}

/// Opens a device for somebody, with flags.
type Opener = fn(&Thread, u32) -> Result<Box<dyn File>, Errno>;

/// All but `/proc`, by their paths, without the slash at the beginning.
static NODES: IrqLock<Vec<(Vec<u8>, Node)>> = IrqLock::new(Vec::new());

/// A place in the tree, whether something is there or not.
pub(crate) struct Place {
    /// Whose `/proc` it is.
    viewer: ARef<PidNamespace>,
    path: Vec<u8>,
}

impl Place {
    /// Where all paths begin: nobody goes elsewhere.
    pub(crate) fn root() -> Self {
        Self::root_of(ARef::from(table().namespace()))
    }

    /// The same with another `/proc`.
    pub(crate) fn root_of(viewer: ARef<PidNamespace>) -> Self {
        Self { viewer, path: Vec::new() }
    }

    /// Where a path leads from here. `ENOENT`: nowhere. `ENOMEM`.
    pub(crate) fn walk(&self, path: &[u8]) -> Result<Self, Errno> {
        let mut to = Vec::new();
        if *path.first().ok_or(Errno::ENOENT)? != b'/' {
            append(&mut to, &self.path)?;
        }
        for name in path.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." => to.truncate(to.iter().rposition(|byte| *byte == b'/').unwrap_or(0)),
                name => {
                    if !to.is_empty() {
                        push(&mut to, b'/')?;
                    }
                    append(&mut to, name)?;
                }
            }
        }
        Ok(Self { viewer: ARef::clone(&self.viewer), path: to })
    }

    /// The path behind `/proc`, if it leads there.
    fn in_proc(&self) -> Option<&[u8]> {
        let behind = self.path.strip_prefix(b"proc")?;
        if behind.is_empty() { Some(behind) } else { behind.strip_prefix(b"/") }
    }

    /// What is there. `ENOENT`.
    pub(crate) fn node(&self, by: &Thread) -> Result<Node, Errno> {
        if let Some(path) = self.in_proc() {
            return proc::find(&self.viewer, by, path);
        }
        find(&self.path)
    }

    /// Opens what is there. `ENOENT`, `ENOTDIR`, `EISDIR`, `EROFS`; what the device says.
    pub(crate) fn open(self, by: &Thread, how: u32) -> Result<Box<dyn File>, Errno> {
        let (node, writes) = (self.node(by)?, how & O_ACCMODE != 0);
        Ok(match node {
            Node::Directory if writes => return Err(Errno::EISDIR),
            Node::Directory => boxed(Opened(self))?,
            _ if how & O_DIRECTORY != 0 => return Err(Errno::ENOTDIR),
            Node::Regular(_) | Node::Proc(_) if writes => return Err(Errno::EROFS),
            Node::Regular(content) => boxed(Content(content))?,
            Node::Proc(entry) => boxed(entry.open(by)?)?,
            Node::Device(_, open) => open(by, how)?,
        })
    }

    /// Tells the names in a directory from a position on, to whoever says how long it wants more.
    pub(crate) fn list(&self, from: u64, mut tell: impl FnMut(u64, &[u8], u32) -> bool) {
        match self.in_proc() {
            Some(b"") => return proc::list(&self.viewer, from, tell),
            // What there is of a process has names that are known.
            Some(_) => return,
            None => {}
        }
        let nodes = NODES.lock();
        let own = nodes.iter().filter_map(|(path, node)| {
            let name = path.strip_prefix(&self.path[..])?;
            let name = if self.path.is_empty() { name } else { name.strip_prefix(b"/")? };
            (!name.contains(&b'/')).then_some((name, node))
        });
        for ((name, node), at) in own.zip(1..).skip(from as usize) {
            if !tell(at, name, node.mode()) {
                return;
            }
        }
    }
}

fn find(path: &[u8]) -> Result<Node, Errno> {
    if path.is_empty() {
        return Ok(Node::Directory);
    }
    let nodes = NODES.lock();
    let found = nodes.binary_search_by(|(own, _)| own.as_slice().cmp(path));
    found.map(|at| nodes[at].1.clone()).map_err(|_| Errno::ENOENT)
}

impl Node {
    fn mode(&self) -> u32 {
        match self {
            Self::Directory => S_IFDIR | 0o755,
            Self::Regular(_) => S_IFREG | 0o755,
            Self::Device(..) => S_IFCHR | 0o666,
            Self::Proc(_) => S_IFREG | 0o444,
        }
    }

    pub(crate) fn status(&self) -> Status {
        let status = Status::of_kind(self.mode());
        match self {
            Self::Regular(content) => {
                let number = Arc::as_ptr(content).addr() as u64;
                Status { number, size: content.len(), ..status }
            }
            Self::Device(device, _) => Status { device: *device, ..status },
            Self::Directory | Self::Proc(_) => status,
        }
    }
}

/// An open directory.
pub(crate) struct Opened(pub(crate) Place);

impl File for Opened {
    fn status(&self) -> Status {
        Node::Directory.status()
    }
}

/// A regular file.
pub(super) struct Content(pub(super) Arc<SharedPages>);

impl File for Content {
    fn read(&self, _: &Thread, at: u64, to: &mut [u8]) -> Result<usize, Failure> {
        Ok(self.0.read(at, to))
    }

    fn status(&self) -> Status {
        Node::Regular(Arc::clone(&self.0)).status()
    }

    fn content(&self) -> Option<&Arc<SharedPages>> {
        Some(&self.0)
    }
}

/// It swallows, and has nothing.
struct Null;

const NULL: u32 = 0x103;

impl File for Null {
    fn read(&self, _: &Thread, _: u64, _: &mut [u8]) -> Result<usize, Failure> {
        Ok(0)
    }

    fn write(&self, _: &Thread, from: &[u8]) -> Result<usize, Failure> {
        Ok(from.len())
    }

    fn status(&self) -> Status {
        Status { device: NULL, ..Status::of_kind(S_IFCHR | 0o666) }
    }
}

/// Makes the tree of an archive (cpio), with the devices and `/proc`. `ENOMEM`; `EINVAL`: something in it is no file, directory or link.
pub(crate) fn boot(archive: &[u8]) -> Result<(), Errno> {
    unpack(archive)?;
    add(b"dev", Node::Directory)?;
    add(b"dev/null", Node::Device(NULL, |_, _| Ok(boxed(Null)?)))?;
    add(b"dev/tty", Node::Device(0x500, tty::open_own))?;
    add(b"dev/ttyS0", Node::Device(tty::CONSOLE, tty::open_console))?;
    add(b"dev/ptmx", Node::Device(tty::PTMX, tty::open_pseudo))?;
    add(b"proc", Node::Directory)
}

fn add(path: &[u8], node: Node) -> Result<(), Errno> {
    let mut own = Vec::new();
    append(&mut own, path)?;
    let mut nodes = NODES.lock();
    nodes.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
    let at = nodes.partition_point(|(other, _)| *other < own);
    nodes.insert(at, (own, node));
    Ok(())
}

/// Reads the files of an archive. A link is another name of what is beside it, and comes behind that.
fn unpack(archive: &[u8]) -> Result<(), Errno> {
    for entry in cpio_reader::iter_files(archive) {
        let (name, content) = (entry.name().as_bytes(), entry.file());
        match entry.mode().bits() & S_IFMT {
            S_IFDIR => add(name, Node::Directory)?,
            S_IFREG => {
                let pages = SharedPages::new()?;
                pages.write(0, content)?;
                add(name, Node::Regular(pages))?;
            }
            S_IFLNK => {
                let mut beside = Vec::new();
                let end = name.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
                append(&mut beside, &name[..end])?;
                append(&mut beside, content)?;
                add(name, find(&beside)?)?;
            }
            _ => return Err(Errno::EINVAL),
        }
    }
    Ok(())
}
