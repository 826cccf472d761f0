//! The tree of files, all in memory: nodes, and the way to them.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axprocess::Errno;

use super::{Descriptors, File, OpenFile, Status, flags, kind, proc};
use crate::call::Failure;
use crate::host::{Table, Terminal, Thread};
use crate::machine::{IrqLock, SharedPages};
use crate::tty::{self, Master, Slave};
use crate::user_memory::{append, boxed, push, shared};
use axprocess::ARef;

/// A file, wherever it hangs in the tree.
pub(crate) struct Node {
    number: u64,
    mode: u32,
    body: Body,
}

/// What a file is.
pub(crate) enum Body {
    Directory(IrqLock<Vec<Entry>>),
    Regular(Arc<SharedPages>),
    Link(Vec<u8>),
    Device(Device),
    /// Something that `/proc` shows.
    Proc(proc::Entry),
}

/// A name in a directory.
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) node: Arc<Node>,
}

#[derive(Clone)]
pub(crate) enum Device {
    Null,
    Zero,
    /// The terminal that is the machine's own.
    Serial(ARef<Terminal>),
    /// The same, but whoever opens it does not get it as its controlling one.
    Console(ARef<Terminal>),
    /// The caller's controlling one.
    Tty,
    /// A new pseudo-terminal.
    Ptmx(&'static Table),
}

/// A directory, as somebody has come to it: it knows those above it.
#[derive(Clone)]
pub(crate) struct Directory(Arc<Level>);

struct Level {
    node: Arc<Node>,
    /// The one above, and the name there; none: the root.
    above: Option<(Directory, Vec<u8>)>,
    depth: usize,
}

/// So deep a tree can be.
const DEEPEST: usize = 128;
/// So many links are followed.
const MOST_LINKS: u32 = 40;

static NEXT: AtomicU64 = AtomicU64::new(2);

impl Node {
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(mode: u32, body: Body) -> Result<Arc<Self>, Errno> {
        let number = NEXT.fetch_add(1, Relaxed);
        shared(Self { number, mode, body })
    }

    pub(crate) fn empty_directory(mode: u32) -> Result<Arc<Self>, Errno> {
        let mode = kind::DIRECTORY | mode & 0o7777;
        Self::new(mode, Body::Directory(IrqLock::new(Vec::new())))
    }

    pub(crate) fn empty_file(mode: u32) -> Result<Arc<Self>, Errno> {
        let pages = SharedPages::new().map_err(|_| Errno::ENOMEM)?;
        Self::new(kind::REGULAR | mode & 0o7777, Body::Regular(pages))
    }

    pub(crate) fn link(target: &[u8]) -> Result<Arc<Self>, Errno> {
        let mut to = Vec::new();
        append(&mut to, target)?;
        Self::new(kind::LINK | 0o777, Body::Link(to))
    }

    pub(crate) fn body(&self) -> &Body {
        &self.body
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.mode & kind::MASK == kind::DIRECTORY
    }

    pub(crate) fn mode(&self) -> u32 {
        self.mode
    }

    /// The content of a regular file.
    pub(crate) fn content(&self) -> Option<&Arc<SharedPages>> {
        match &self.body {
            Body::Regular(content) => Some(content),
            _ => None,
        }
    }

    pub(crate) fn status(&self) -> Status {
        let device = match &self.body {
            Body::Device(Device::Null) => 0x103,
            Body::Device(Device::Zero) => 0x105,
            Body::Device(Device::Tty) => 0x500,
            Body::Device(Device::Serial(terminal)) => terminal.device(),
            Body::Device(Device::Console(_)) => 0x501,
            Body::Device(Device::Ptmx(_)) => 0x502,
            _ => 0,
        };
        let size = match &self.body {
            Body::Regular(content) => content.len(),
            Body::Link(target) => target.len() as u64,
            _ => 0,
        };
        Status { number: self.number, mode: self.mode, device, size }
    }

    /// What is in a directory under a name.
    fn find(&self, by: &Thread, name: &[u8]) -> Result<Arc<Self>, Errno> {
        match &self.body {
            Body::Directory(entries) => {
                let entries = entries.lock();
                let entry = entries.iter().find(|entry| entry.name == name);
                entry.map(|entry| Arc::clone(&entry.node)).ok_or(Errno::ENOENT)
            }
            Body::Proc(entry) => entry.find(by, name),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// Hangs a file into a directory.
    ///
    /// # Errors
    ///
    /// `EEXIST`, `ENOMEM`; `EPERM`: nobody can make files there.
    pub(crate) fn add(&self, name: &[u8], node: Arc<Self>) -> Result<(), Errno> {
        let Body::Directory(entries) = &self.body else { return Err(Errno::EPERM) };
        let mut own = Vec::new();
        append(&mut own, name)?;
        let mut entries = entries.lock();
        if entries.iter().any(|entry| entry.name == name) {
            return Err(Errno::EEXIST);
        }
        push(&mut entries, Entry { name: own, node })
    }

    /// Takes a name out of a directory. `is_fit` may refuse what is there.
    ///
    /// # Errors
    ///
    /// `ENOENT`; `EPERM`: nobody can; what `is_fit` says.
    pub(crate) fn remove(
        &self,
        name: &[u8],
        is_fit: impl FnOnce(&Self) -> Result<(), Errno>,
    ) -> Result<Arc<Self>, Errno> {
        let Body::Directory(entries) = &self.body else { return Err(Errno::EPERM) };
        let mut entries = entries.lock();
        let at = entries.iter().position(|entry| entry.name == name).ok_or(Errno::ENOENT)?;
        is_fit(&entries[at].node)?;
        let removed = entries.remove(at);
        drop(entries);
        Ok(removed.node)
    }

    pub(crate) fn is_empty(&self) -> bool {
        match &self.body {
            Body::Directory(entries) => entries.lock().is_empty(),
            _ => true,
        }
    }

    /// Tells the names in a directory from a position on, to whoever says how long it wants more.
    pub(crate) fn list(
        &self,
        by: &Thread,
        from: u64,
        mut tell: impl FnMut(u64, &[u8], u64, u32) -> bool,
    ) {
        match &self.body {
            Body::Directory(entries) => {
                for (entry, at) in entries.lock().iter().skip(from as usize).zip(from..) {
                    if !tell(at + 1, &entry.name, entry.node.number, entry.node.mode) {
                        return;
                    }
                }
            }
            Body::Proc(entry) => entry.list(by, from, tell),
            _ => {}
        }
    }
}

impl Directory {
    pub(crate) fn root(node: Arc<Node>) -> Result<Self, Errno> {
        let level = Level { node, above: None, depth: 0 };
        shared(level).map(Self)
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.0.node
    }

    fn enter(&self, name: &[u8], node: Arc<Node>) -> Result<Self, Errno> {
        let depth = self.0.depth + 1;
        if depth > DEEPEST {
            return Err(Errno::ENAMETOOLONG);
        }
        let mut own = Vec::new();
        append(&mut own, name)?;
        let level = Level { node, above: Some((self.clone(), own)), depth };
        shared(level).map(Self)
    }

    fn above(&self) -> Self {
        self.0.above.as_ref().map_or_else(|| self.clone(), |(above, _)| above.clone())
    }

    pub(crate) fn above_unless_root(&self) -> Option<Self> {
        self.0.above.as_ref().map(|(above, _)| above.clone())
    }

    fn top(&self) -> Self {
        let mut at = self;
        while let Some((above, _)) = &at.0.above {
            at = above;
        }
        at.clone()
    }

    /// The absolute path.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn path(&self) -> Result<Vec<u8>, Errno> {
        let Some((above, name)) = &self.0.above else {
            let mut root = Vec::new();
            append(&mut root, b"/")?;
            return Ok(root);
        };
        let mut path = above.path()?;
        if path.len() > 1 {
            append(&mut path, b"/")?;
        }
        append(&mut path, name)?;
        Ok(path)
    }
}

/// Where a path leads.
pub(crate) enum Path {
    Directory(Directory),
    File {
        name: Vec<u8>,
        above: Directory,
        node: Arc<Node>,
    },
    /// Nothing is there, in a directory that is.
    Missing {
        name: Vec<u8>,
        above: Directory,
    },
}

impl Path {
    /// # Errors
    ///
    /// `ENOENT`.
    pub(crate) fn node(&self) -> Result<&Arc<Node>, Errno> {
        match self {
            Self::Directory(directory) => Ok(directory.node()),
            Self::File { node, .. } => Ok(node),
            Self::Missing { .. } => Err(Errno::ENOENT),
        }
    }

    /// In which directory the last name of the path stands, and that name.
    ///
    /// # Errors
    ///
    /// `EBUSY`: it is the root.
    pub(crate) fn place(self) -> Result<(Directory, Vec<u8>), Errno> {
        match self {
            Self::File { name, above, .. } | Self::Missing { name, above } => Ok((above, name)),
            Self::Directory(directory) => {
                let (above, own) = directory.0.above.as_ref().ok_or(Errno::EBUSY)?;
                let mut name = Vec::new();
                append(&mut name, own)?;
                Ok((above.clone(), name))
            }
        }
    }
}

/// Whether a link at the end of a path is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    Always,
    NotLast,
}

/// Follows a path.
///
/// # Errors
///
/// `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`, `ENOMEM`.
pub(crate) fn walk(
    by: &Thread,
    from: &Directory,
    path: &[u8],
    follow: Follow,
) -> Result<Path, Errno> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    let mut rest = Vec::new();
    append(&mut rest, path)?;
    let mut at = if path[0] == b'/' { from.top() } else { from.clone() };
    let mut links = 0;
    loop {
        let begin = rest.iter().position(|byte| *byte != b'/');
        let Some(begin) = begin else { return Ok(Path::Directory(at)) };
        let end = rest[begin..].iter().position(|byte| *byte == b'/');
        let end = end.map_or(rest.len(), |end| begin + end);
        let (name, behind) = (&rest[begin..end], &rest[end..]);
        let is_last = behind.iter().all(|byte| *byte == b'/');
        let wants_directory = !behind.is_empty();
        if name == b"." || name == b".." {
            if name == b".." {
                at = at.above();
            }
            rest.drain(..end);
            continue;
        }
        let node = match at.node().find(by, name) {
            Err(Errno::ENOENT) if is_last => {
                let mut own = Vec::new();
                append(&mut own, name)?;
                return Ok(Path::Missing { name: own, above: at });
            }
            node => node?,
        };
        let is_followed = !is_last || follow == Follow::Always || wants_directory;
        let target = match &node.body {
            Body::Link(target) if is_followed => {
                let mut to = Vec::new();
                append(&mut to, target)?;
                Some(to)
            }
            Body::Proc(entry) if is_followed && node.mode & kind::MASK == kind::LINK => {
                match entry.target(by)? {
                    proc::Target::Path(path) => Some(path),
                    proc::Target::Node(node) => {
                        let mut own = Vec::new();
                        append(&mut own, name)?;
                        return Ok(Path::File { name: own, above: at, node });
                    }
                }
            }
            _ => None,
        };
        if let Some(mut target) = target {
            links += 1;
            if links > MOST_LINKS {
                return Err(Errno::ELOOP);
            }
            if target.first() == Some(&b'/') {
                at = at.top();
            }
            append(&mut target, behind)?;
            rest = target;
        } else if node.is_directory() {
            at = at.enter(name, node)?;
            rest.drain(..end);
        } else if is_last && !wants_directory {
            let mut own = Vec::new();
            append(&mut own, name)?;
            return Ok(Path::File { name: own, above: at, node });
        } else {
            return Err(Errno::ENOTDIR);
        }
    }
}

/// Opens what a path has led to.
///
/// # Errors
///
/// `EISDIR`, `ENOTDIR`, `ELOOP`, `ENXIO`, `EIO`, `ENOMEM`.
pub(crate) fn open(by: &Thread, path: &Path, how: u32) -> Result<Arc<OpenFile>, Errno> {
    let node = path.node()?;
    if how & flags::PATH != 0 {
        return match path {
            Path::Directory(directory) => {
                OpenFile::with(boxed(DirectoryFile(directory.clone()))?, how)
            }
            _ => {
                let file = boxed(TreeFile(Arc::clone(node)))?;
                OpenFile::with(file, how)
            }
        };
    }
    let wants_write = how & flags::ACCESS != 0;
    let file: Box<dyn File> = match (&node.body, path) {
        (_, Path::Directory(_)) if wants_write => return Err(Errno::EISDIR),
        (_, Path::Directory(directory)) => boxed(DirectoryFile(directory.clone()))?,
        _ if how & flags::DIRECTORY != 0 => return Err(Errno::ENOTDIR),
        (Body::Link(_), _) => return Err(Errno::ELOOP),
        (Body::Proc(entry), _) => boxed(proc::Text::of(entry, by)?)?,
        (Body::Device(Device::Serial(terminal)), _) => boxed(Slave::open(by, terminal, how)?)?,
        (Body::Device(Device::Console(terminal)), _) => {
            boxed(Slave::open(by, terminal, how | flags::NOCTTY)?)?
        }
        (Body::Device(Device::Tty), _) => {
            let terminal = by.process().controlling_terminal().ok_or(Errno::ENXIO)?;
            boxed(Slave::open(by, &terminal, how)?)?
        }
        (Body::Device(Device::Ptmx(table)), _) => boxed(Master::make(table)?)?,
        (Body::Directory(_), _) => return Err(Errno::EISDIR),
        (Body::Regular(_) | Body::Device(Device::Null | Device::Zero), _) => {
            boxed(TreeFile(Arc::clone(node)))?
        }
    };
    if let (Body::Regular(content), true) = (&node.body, wants_write && how & flags::TRUNCATE != 0)
    {
        content.resize(0).map_err(|_| Errno::ENOMEM)?;
    }
    OpenFile::with(file, how)
}

/// A regular file, or one that swallows and has no end.
pub(crate) struct TreeFile(pub(crate) Arc<Node>);

impl File for TreeFile {
    fn read(&self, _: &Thread, at: u64, to: &mut [u8]) -> Result<usize, Failure> {
        match &self.0.body {
            Body::Regular(content) => Ok(content.read(at, to)),
            Body::Device(Device::Zero) => {
                to.fill(0);
                Ok(to.len())
            }
            _ => Ok(0),
        }
    }

    fn write(&self, _: &Thread, at: u64, from: &[u8]) -> Result<usize, Failure> {
        if let Body::Regular(content) = &self.0.body {
            content.write(at, from).map_err(|_| Errno::ENOSPC)?;
        }
        Ok(from.len())
    }

    fn status(&self) -> Status {
        self.0.status()
    }

    fn node(&self) -> Option<&Arc<Node>> {
        Some(&self.0)
    }

    fn is_seekable(&self) -> bool {
        true
    }
}

/// An open directory.
struct DirectoryFile(Directory);

impl File for DirectoryFile {
    fn read(&self, _: &Thread, _: u64, _: &mut [u8]) -> Result<usize, Failure> {
        Err(Errno::EISDIR.into())
    }

    fn status(&self) -> Status {
        self.0.node().status()
    }

    fn node(&self) -> Option<&Arc<Node>> {
        Some(self.0.node())
    }

    fn as_directory(&self) -> Option<&Directory> {
        Some(&self.0)
    }

    fn is_seekable(&self) -> bool {
        true
    }
}

/// Makes an open file of a `/proc` that is mounted nowhere: fsmount(2).
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn open_detached(entry: proc::Entry) -> Result<Arc<OpenFile>, Errno> {
    let node = entry.into_node()?;
    OpenFile::with(boxed(DirectoryFile(Directory::root(node)?))?, flags::PATH)
}

/// Makes the tree of an archive (cpio, newc), with the devices and `/proc`.
///
/// # Errors
///
/// `ENOMEM`; `EINVAL`: the archive is none.
pub(crate) fn boot(
    archive: &[u8],
    table: &'static Table,
    console: &ARef<Terminal>,
) -> Result<Directory, Errno> {
    let root = Node::empty_directory(0o755)?;
    unpack(&root, archive)?;
    let devices = subdirectory(&root, b"dev")?;
    let device = |name: &[u8], device| {
        devices.add(name, Node::new(kind::CHARACTERS | 0o666, Body::Device(device))?)
    };
    device(b"null", Device::Null)?;
    device(b"zero", Device::Zero)?;
    device(b"tty", Device::Tty)?;
    device(b"ttyS0", Device::Serial(ARef::clone(console)))?;
    device(b"console", Device::Console(ARef::clone(console)))?;
    device(b"ptmx", Device::Ptmx(table))?;
    subdirectory(&root, b"tmp")?;
    root.add(b"proc", proc::Entry::root(table).into_node()?)?;
    Directory::root(root)
}

fn subdirectory(of: &Arc<Node>, name: &[u8]) -> Result<Arc<Node>, Errno> {
    let Body::Directory(entries) = &of.body else { return Err(Errno::ENOTDIR) };
    let found = entries.lock().iter().find(|it| it.name == name).map(|it| Arc::clone(&it.node));
    if let Some(found) = found {
        return Ok(found);
    }
    let new = Node::empty_directory(0o755)?;
    of.add(name, Arc::clone(&new))?;
    Ok(new)
}

/// Reads the files of an archive.
fn unpack(root: &Arc<Node>, mut archive: &[u8]) -> Result<(), Errno> {
    const HEADER: usize = 110;
    while archive.len() >= HEADER {
        if &archive[..6] != b"070701" {
            return Err(Errno::EINVAL);
        }
        let field = |index: usize| {
            let digits = &archive[6 + index * 8..14 + index * 8];
            let digits = core::str::from_utf8(digits).map_err(|_| Errno::EINVAL)?;
            u32::from_str_radix(digits, 16).map_err(|_| Errno::EINVAL)
        };
        let (mode, size, name_size) = (field(1)?, field(6)? as usize, field(11)? as usize);
        let name_end = HEADER + name_size;
        let begin = name_end.next_multiple_of(4);
        let name = archive.get(HEADER..name_end.saturating_sub(1)).ok_or(Errno::EINVAL)?;
        let content = archive.get(begin..begin + size).ok_or(Errno::EINVAL)?;
        if name == b"TRAILER!!!" {
            return Ok(());
        }
        let mut parts = name.split(|byte| *byte == b'/').filter(|it| !matches!(*it, b"" | b"."));
        if let Some(last) = parts.next_back() {
            let mut above = Arc::clone(root);
            for part in parts {
                above = subdirectory(&above, part)?;
            }
            match mode & kind::MASK {
                kind::DIRECTORY => drop(subdirectory(&above, last)?),
                kind::LINK => above.add(last, Node::link(content)?)?,
                kind::REGULAR => {
                    let node = Node::empty_file(mode)?;
                    if let Body::Regular(pages) = &node.body {
                        pages.write(0, content).map_err(|_| Errno::ENOMEM)?;
                    }
                    above.add(last, node)?;
                }
                _ => {}
            }
        }
        archive = archive.get((begin + size).next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(())
}

impl Descriptors {
    /// Opens the machine's own terminal thrice.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn open_console(self: &Arc<Self>, console: &ARef<Terminal>) -> Result<(), Errno> {
        let file = OpenFile::of(tty::Slave::of_kernel(console))?;
        for number in 0..3 {
            self.put(number, Arc::clone(&file), false)?;
        }
        Ok(())
    }
}
