//! The system calls on files.

use alloc::sync::Arc;
use core::time::Duration;

use axprocess::{Errno, Signal};
use axprocess_signals::{EndedBy, Restart, SignalSet};

use super::pipe::{Listener, Owner, OwnerKind};
use super::proc::Target;
use super::tree::{Body, Follow, Node, Path, open_detached, walk};
use super::{
    Descriptors, Directory, MOST, OpenFile, POLLERR, POLLHUP, POLLNVAL, Status, flags, pipe, tree,
};
use crate::call::{Answer, Call, Failure, nothing, optional};
use crate::state::ThreadState;
use crate::time;
use crate::user_memory::{boxed, places, push};

/// So much is copied at a time.
const PIECE: usize = 4096;
pub(crate) const AT_FDCWD: i32 = -100;
const AT_EMPTY_PATH: u32 = 0x1000;
const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
const AT_REMOVEDIR: u32 = 0x200;

/// Makes the call of that number, if it is one of these.
pub(crate) fn make(call: &mut Call<'_>, number: u64) -> Option<Answer> {
    let registers = &call.user.registers;
    let (a, b, c) = (registers.rdi, registers.rsi, registers.rdx);
    let (d, e) = (registers.r10, registers.r8);
    let fd = a as i32;
    Some(match number {
        0 => call.read(fd, b, c, None),
        1 => call.write(fd, b, c, None),
        2 => call.open(AT_FDCWD, a, b as u32, c as u32),
        3 => call.close(fd),
        4 => call.stat(AT_FDCWD, a, b, 0),
        5 => call.fstat(fd, b),
        6 => call.stat(AT_FDCWD, a, b, AT_SYMLINK_NOFOLLOW),
        7 => call.poll(a, b, c as i32),
        8 => call.lseek(fd, b.cast_signed(), c as u32),
        16 => call.ioctl(fd, b as u32, c),
        17 | 18 if d.cast_signed() < 0 => Err(Errno::EINVAL.into()),
        17 => call.read(fd, b, c, Some(d)),
        18 => call.write(fd, b, c, Some(d)),
        19 => call.vector(b, c, |call, at, len| call.read(fd, at, len, None)),
        20 => call.vector(b, c, |call, at, len| call.write(fd, at, len, None)),
        21 => call.access(AT_FDCWD, a, b as u32),
        22 => call.pipe(a, 0),
        32 => call.dup(fd, 0, false),
        33 if a == b => call.file(fd).map(|_| b).map_err(Failure::from),
        33 => call.dup_to(fd, b as i32, false),
        40 => call.sendfile(fd, b as i32, c, d),
        53 => call.socketpair(a, b, d),
        72 => call.fcntl(fd, b as u32, c),
        77 => call.ftruncate(fd, b),
        79 => call.getcwd(a, b),
        80 => call.chdir(a),
        81 => call.fchdir(fd),
        82 => call.rename(AT_FDCWD, a, AT_FDCWD, b),
        83 => call.mkdir(AT_FDCWD, a, b as u32),
        84 => call.unlink(AT_FDCWD, a, AT_REMOVEDIR),
        85 => call.open(AT_FDCWD, a, flags::CREATE | flags::WRITE_ONLY | flags::TRUNCATE, b as u32),
        87 => call.unlink(AT_FDCWD, a, 0),
        88 => call.symlink(a, AT_FDCWD, b),
        89 => call.readlink(AT_FDCWD, a, b, c),
        217 => call.getdents64(fd, b, c),
        257 => call.open(fd, b, c as u32, d as u32),
        258 => call.mkdir(fd, b, c as u32),
        262 => call.stat(fd, b, c, d as u32),
        263 => call.unlink(fd, b, c as u32),
        264 | 316 => call.rename(fd, b, c as i32, d),
        266 => call.symlink(a, b as i32, c),
        267 => call.readlink(fd, b, c, d),
        269 | 439 => call.access(fd, b, c as u32),
        271 => call.ppoll(a, b, c, d, e as usize),
        292 if a == b => Err(Errno::EINVAL.into()),
        292 => call.dup_to(fd, b as i32, c as u32 & flags::CLOEXEC != 0),
        293 => call.pipe(a, b as u32),
        319 => call.memfd_create(b as u32),
        332 => call.statx(fd, b, c as u32, e),
        430 => call.fsopen(a, b as u32),
        431 => call.fsconfig(fd, b as u32),
        432 => call.fsmount(fd),
        _ => return None,
    })
}

impl Call<'_> {
    fn files(&self) -> Result<Arc<Descriptors>, Errno> {
        self.thread.host_data().files()
    }

    /// # Errors
    ///
    /// `EBADF`.
    pub(crate) fn file(&self, fd: i32) -> Result<Arc<OpenFile>, Errno> {
        self.files()?.get(fd)
    }

    /// Gives an open file the lowest descriptor.
    pub(crate) fn install(&self, file: Arc<OpenFile>, closes_on_exec: bool) -> Answer {
        let place = self.files()?.reserve(0)?;
        let number = place.number();
        place.fill(file, closes_on_exec);
        Ok(number.into())
    }

    /// From where a path leads on.
    pub(crate) fn directory(&self, fd: i32, path: &[u8]) -> Result<Directory, Errno> {
        let own: &ThreadState = self.thread.host_data();
        if fd == AT_FDCWD || path.first() == Some(&b'/') {
            return Ok(own.directory.lock().clone());
        }
        self.file(fd)?.kind().as_directory().cloned().ok_or(Errno::ENOTDIR)
    }

    fn walk(&self, fd: i32, path: u64, follow: Follow) -> Result<Path, Errno> {
        let path = self.space()?.path(path)?;
        walk(self.thread, &self.directory(fd, &path)?, &path, follow)
    }

    /// Does what may have to wait, as often as it takes.
    fn until_ready<R>(
        &self,
        file: &OpenFile,
        mut attempt: impl FnMut() -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let is_over =
            |answer: &Result<R, Failure>| !matches!(answer, Err(Failure::Errno(Errno::EAGAIN)));
        let first = attempt();
        if is_over(&first) || file.is_nonblocking() {
            return first;
        }
        let Some(queue) = file.kind().queue(self.thread) else { return first };
        let _place = queue.enter()?;
        loop {
            let answer = attempt();
            if is_over(&answer) {
                return answer;
            }
            if !self.thread.attention().is_empty() {
                return Err(Failure::Interrupted(Restart::UnlessHandlerSaysNo));
            }
            time::sleep(self.thread, None);
        }
    }

    fn read(&self, fd: i32, at: u64, len: u64, position: Option<u64>) -> Answer {
        let file = self.file(fd)?;
        if !file.may_read() {
            return Err(Errno::EBADF.into());
        }
        let (space, kind) = (self.space()?, file.kind());
        let mut done = 0;
        let mut bytes = [0; PIECE];
        while done < len || len == 0 {
            let place = position.map_or_else(|| *file.position.lock(), |it| it.wrapping_add(done));
            let wanted = &mut bytes[..(len - done).min(PIECE as u64) as usize];
            let got = match self.until_ready(&file, || kind.read(self.thread, place, wanted)) {
                Err(_) if done > 0 => break,
                got => got?,
            };
            space.copy_out(at.wrapping_add(done), &wanted[..got])?;
            done += got as u64;
            if kind.is_seekable() && position.is_none() {
                *file.position.lock() = place.wrapping_add(got as u64);
            }
            if got == 0 || !kind.is_seekable() {
                break;
            }
        }
        Ok(done)
    }

    fn write(&self, fd: i32, at: u64, len: u64, position: Option<u64>) -> Answer {
        let file = self.file(fd)?;
        if !file.may_write() {
            return Err(Errno::EBADF.into());
        }
        let (space, kind) = (self.space()?, file.kind());
        let mut done = 0;
        let mut bytes = [0; PIECE];
        while done < len {
            let piece = &mut bytes[..(len - done).min(PIECE as u64) as usize];
            match space.copy_in(at.wrapping_add(done), piece) {
                Err(_) if done > 0 => break,
                copied => copied?,
            }
            let end = || kind.status().size;
            let place = match position {
                Some(position) => position.wrapping_add(done),
                None if file.has(flags::APPEND) => end(),
                None => *file.position.lock(),
            };
            let put = match self.until_ready(&file, || kind.write(self.thread, place, piece)) {
                Err(_) if done > 0 => break,
                put => put?,
            };
            done += put as u64;
            if kind.is_seekable() && position.is_none() {
                *file.position.lock() = place.wrapping_add(put as u64);
            }
        }
        Ok(done)
    }

    /// readv, writev.
    fn vector(
        &self,
        at: u64,
        count: u64,
        mut act: impl FnMut(&Self, u64, u64) -> Answer,
    ) -> Answer {
        const MOST_PIECES: u64 = 1024;
        if count > MOST_PIECES {
            return Err(Errno::EINVAL.into());
        }
        let mut done = 0;
        for piece in places(at, 16).take(count as usize) {
            let [base, len] = self.space()?.words(piece)?;
            if len == 0 {
                continue;
            }
            match act(self, base, len) {
                Err(_) if done > 0 => break,
                got => {
                    let got = got?;
                    done += got;
                    if got < len {
                        break;
                    }
                }
            }
        }
        Ok(done)
    }

    fn open(&self, fd: i32, path: u64, how: u32, mode: u32) -> Answer {
        let follow = match how & (flags::NOFOLLOW | flags::EXCLUSIVE) {
            0 => Follow::Always,
            _ => Follow::NotLast,
        };
        let mut path = self.walk(fd, path, follow)?;
        if how & flags::CREATE != 0 {
            let is_there = !matches!(path, Path::Missing { .. });
            if is_there && how & flags::EXCLUSIVE != 0 {
                return Err(Errno::EEXIST.into());
            }
            if let Path::Missing { name, above } = path {
                let node = Node::empty_file(mode)?;
                above.node().add(&name, Arc::clone(&node))?;
                path = Path::File { name, above, node };
            }
        }
        let place = self.files()?.reserve(0)?;
        let file = tree::open(self.thread, &path, how)?;
        let number = place.number();
        place.fill(file, how & flags::CLOEXEC != 0);
        Ok(number.into())
    }

    fn close(&self, fd: i32) -> Answer {
        nothing(self.files()?.close(fd))
    }

    fn fstat(&self, fd: i32, at: u64) -> Answer {
        let file = self.file(fd)?;
        nothing(self.put_status(at, file.kind().status()))
    }

    fn stat(&self, fd: i32, path: u64, at: u64, how: u32) -> Answer {
        let status = self.status_at(fd, path, how)?;
        nothing(self.put_status(at, status))
    }

    fn status_at(&self, fd: i32, path: u64, how: u32) -> Result<Status, Errno> {
        let is_empty = how & AT_EMPTY_PATH != 0 && self.space()?.path(path)?.is_empty();
        if is_empty && fd != AT_FDCWD {
            return Ok(self.file(fd)?.kind().status());
        }
        let follow = match how & AT_SYMLINK_NOFOLLOW {
            0 => Follow::Always,
            _ => Follow::NotLast,
        };
        Ok(self.walk(fd, path, follow)?.node()?.status())
    }

    /// `struct stat`.
    fn put_status(&self, at: u64, status: Status) -> Result<(), Errno> {
        let mut words = [0; 18];
        words[..8].copy_from_slice(&[
            1,
            status.number,
            1,
            status.mode.into(),
            0,
            status.device.into(),
            status.size,
            PIECE as u64,
        ]);
        words[8] = status.size.div_ceil(512);
        self.space()?.put_words(at, &words)
    }

    /// `struct statx`.
    fn statx(&self, fd: i32, path: u64, how: u32, at: u64) -> Answer {
        const BASIC: u64 = 0x7ff;
        let status = self.status_at(fd, path, how)?;
        let mut words = [0; 32];
        words[0] = BASIC | (PIECE as u64) << 32;
        words[2] = 1;
        words[3] = u64::from(status.mode) << 32;
        words[4] = status.number;
        words[5] = status.size;
        words[6] = status.size.div_ceil(512);
        words[16] = u64::from(status.device >> 8) | u64::from(status.device & 0xff) << 32;
        nothing(self.space()?.put_words(at, &words))
    }

    fn poll(&mut self, at: u64, count: u64, milliseconds: i32) -> Answer {
        let longest = u64::try_from(milliseconds).ok().map(Duration::from_millis);
        self.poll_until(at, count, longest, Restart::RestOfTime)
    }

    fn ppoll(&mut self, at: u64, count: u64, timeout: u64, mask: u64, size: usize) -> Answer {
        let space = self.space()?;
        let longest = optional(timeout, || time::duration_at(&space, timeout))?;
        if mask == 0 {
            return self.poll_until(at, count, longest, Restart::UnlessHandled);
        }
        let signals = axprocess_signals::signals_of(self.thread);
        signals.begin_mask_of_call(size, || space.word(mask).map(SignalSet::from_bits))?;
        let answer = self.poll_until(at, count, longest, Restart::UnlessHandled);
        signals.end_mask_of_call(match answer {
            Err(Failure::Interrupted(_)) => EndedBy::Signal,
            _ => EndedBy::Itself,
        });
        answer
    }

    fn poll_until(
        &mut self,
        at: u64,
        count: u64,
        longest: Option<Duration>,
        restart: Restart,
    ) -> Answer {
        if count > MOST as u64 {
            return Err(Errno::EINVAL.into());
        }
        let deadline = longest.map(|longest| time::kept_deadline(self.user, longest));
        let mut queues = alloc::vec::Vec::new();
        for entry in places(at, 8).take(count as usize) {
            let file = self.file(self.space()?.word32(entry)?.cast_signed());
            if let Some(queue) = file.ok().and_then(|file| file.kind().queue(self.thread)) {
                push(&mut queues, queue.enter()?)?;
            }
        }
        loop {
            let ready = self.look_at_all(at, count)?;
            let is_over = longest == Some(Duration::ZERO)
                || deadline.is_some_and(|deadline| crate::machine::monotonic() >= deadline);
            if ready > 0 || is_over {
                return Ok(ready);
            }
            if !self.thread.attention().is_empty() {
                return Err(Failure::Interrupted(restart));
            }
            time::sleep(self.thread, deadline);
        }
    }

    /// Stores what each file of a poll is ready for, and counts those that are.
    fn look_at_all(&self, at: u64, count: u64) -> Result<u64, Errno> {
        let space = self.space()?;
        let mut ready = 0;
        for entry in places(at, 8).take(count as usize) {
            let word = space.word(entry)?;
            let (fd, wanted) = (word as i32, (word >> 32) as u32 & 0xffff);
            let found = match fd {
                ..0 => 0,
                _ => self.file(fd).map_or(POLLNVAL, |file| {
                    file.kind().poll(self.thread) & (wanted | POLLERR | POLLHUP)
                }),
            };
            ready += u64::from(found != 0);
            space.copy_out(entry.wrapping_add(6), &(found as u16).to_ne_bytes())?;
        }
        Ok(ready)
    }

    fn lseek(&self, fd: i32, offset: i64, whence: u32) -> Answer {
        let file = self.file(fd)?;
        if !file.kind().is_seekable() {
            return Err(Errno::ESPIPE.into());
        }
        let size = file.kind().status().size;
        let mut position = file.position.lock();
        let base = match whence {
            0 => 0,
            1 => *position,
            2 => size,
            _ => return Err(Errno::EINVAL.into()),
        };
        let new = base.checked_add_signed(offset).ok_or(Errno::EINVAL)?;
        if i64::try_from(new).is_err() {
            return Err(Errno::EINVAL.into());
        }
        *position = new;
        Ok(new)
    }

    fn ioctl(&self, fd: i32, request: u32, argument: u64) -> Answer {
        let file = self.file(fd)?;
        if file.has(flags::PATH) {
            return Err(Errno::EBADF.into());
        }
        file.kind().ioctl(self, request, argument)
    }

    fn access(&self, fd: i32, path: u64, wanted: u32) -> Answer {
        const EXECUTE: u32 = 1;
        let path = self.walk(fd, path, Follow::Always)?;
        let mode = path.node()?.mode();
        if wanted & EXECUTE != 0 && mode & 0o111 == 0 {
            return Err(Errno::EACCES.into());
        }
        Ok(0)
    }

    fn pipe(&self, at: u64, how: u32) -> Answer {
        if how & !(flags::CLOEXEC | flags::NONBLOCK) != 0 {
            return Err(Errno::EINVAL.into());
        }
        let (reader, writer) = pipe::ends()?;
        let reader = OpenFile::with(boxed(reader)?, how & flags::NONBLOCK)?;
        let writer = OpenFile::with(boxed(writer)?, flags::WRITE_ONLY | how & flags::NONBLOCK)?;
        nothing(self.install_both(at, reader, writer, how & flags::CLOEXEC != 0))
    }

    fn socketpair(&self, family: u64, how: u64, at: u64) -> Answer {
        const UNIX: u64 = 1;
        const STREAM: u64 = 1;
        let set = how as u32 & (flags::CLOEXEC | flags::NONBLOCK);
        if family != UNIX {
            return Err(Errno::EAFNOSUPPORT.into());
        }
        if how & !u64::from(set) != STREAM {
            return Err(Errno::EINVAL.into());
        }
        let [one, other] = pipe::sockets()?.map(OpenFile::of);
        let (one, other) = (one?, other?);
        for file in [&one, &other] {
            file.set_nonblocking(set & flags::NONBLOCK != 0);
        }
        nothing(self.install_both(at, one, other, set & flags::CLOEXEC != 0))
    }

    /// Two descriptors, of which nothing is left if they cannot be stored.
    fn install_both(
        &self,
        at: u64,
        first: Arc<OpenFile>,
        second: Arc<OpenFile>,
        closes_on_exec: bool,
    ) -> Result<(), Errno> {
        let files = self.files()?;
        let places = (files.reserve(0)?, files.reserve(0)?);
        let numbers = u64::from(places.0.number()) | u64::from(places.1.number()) << 32;
        self.space()?.put_words(at, &[numbers])?;
        places.0.fill(first, closes_on_exec);
        places.1.fill(second, closes_on_exec);
        Ok(())
    }

    fn dup(&self, fd: i32, least: usize, closes_on_exec: bool) -> Answer {
        let file = self.file(fd)?;
        let place = self.files()?.reserve(least)?;
        let number = place.number();
        place.fill(file, closes_on_exec);
        Ok(number.into())
    }

    fn dup_to(&self, fd: i32, to: i32, closes_on_exec: bool) -> Answer {
        self.files()?.put(to, self.file(fd)?, closes_on_exec)?;
        Ok(to as u64)
    }

    fn sendfile(&self, to: i32, from: i32, position: u64, len: u64) -> Answer {
        let (to, from) = (self.file(to)?, self.file(from)?);
        if position != 0 || !from.kind().is_seekable() {
            // As on Linux for what cannot be mapped: the caller copies by itself.
            return Err(Errno::EINVAL.into());
        }
        if !to.may_write() || !from.may_read() {
            return Err(Errno::EBADF.into());
        }
        let mut bytes = [0; PIECE];
        let wanted = &mut bytes[..len.min(PIECE as u64) as usize];
        let place = *from.position.lock();
        let got = from.kind().read(self.thread, place, wanted)?;
        let piece = &wanted[..got];
        let at = *to.position.lock();
        let put = self.until_ready(&to, || to.kind().write(self.thread, at, piece))? as u64;
        *from.position.lock() = place + put;
        if to.kind().is_seekable() {
            *to.position.lock() = at + put;
        }
        Ok(put)
    }

    fn fcntl(&self, fd: i32, command: u32, argument: u64) -> Answer {
        const CLOEXEC: u64 = 1;
        let (file, files) = (self.file(fd)?, self.files()?);
        match command {
            // F_DUPFD, F_DUPFD_CLOEXEC
            0 | 1030 => {
                let least = usize::try_from(argument).ok().filter(|it| *it < MOST);
                self.dup(fd, least.ok_or(Errno::EINVAL)?, command != 0)
            }
            // F_GETFD, F_SETFD
            1 => Ok(files.closes_on_exec(fd, None)?.into()),
            2 => nothing(files.closes_on_exec(fd, Some(argument & CLOEXEC != 0)).map(drop)),
            // F_GETFL, F_SETFL
            3 => Ok(file.flags().into()),
            4 => {
                file.change(flags::CHANGEABLE, argument as u32);
                self.listen(&file, fd);
                Ok(0)
            }
            // F_SETOWN, F_SETSIG, F_SETOWN_EX
            8 => {
                let (kind, number) = match argument as i32 {
                    group @ ..0 => (OwnerKind::Group, group.wrapping_neg()),
                    process => (OwnerKind::Process, process),
                };
                self.set_owner(&file, fd, kind, number)
            }
            10 => {
                let signal = match argument {
                    0 => None,
                    number => {
                        let number = u8::try_from(number).map_err(|_| Errno::EINVAL)?;
                        Some(Signal::new(number).ok_or(Errno::EINVAL)?)
                    }
                };
                let none = Owner { kind: OwnerKind::Process, identity: None, signal: None };
                file.owner.lock().get_or_insert(none).signal = signal;
                self.listen(&file, fd);
                Ok(0)
            }
            15 => {
                let words = self.space()?.word(argument)?;
                let kind = match words as u32 {
                    0 => OwnerKind::Thread,
                    1 => OwnerKind::Process,
                    2 => OwnerKind::Group,
                    _ => return Err(Errno::EINVAL.into()),
                };
                self.set_owner(&file, fd, kind, (words >> 32) as i32)
            }
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn set_owner(&self, file: &OpenFile, fd: i32, kind: OwnerKind, number: i32) -> Answer {
        let identity = match number {
            0 => None,
            1.. => {
                let number = number.cast_unsigned();
                Some(self.thread.process().namespace().find_identity(number)?)
            }
            _ => return Err(Errno::ESRCH.into()),
        };
        let mut owner = file.owner.lock();
        let signal = owner.as_ref().and_then(|owner| owner.signal);
        let before = owner.replace(Owner { kind, identity, signal });
        drop(owner);
        drop(before);
        self.listen(file, fd);
        Ok(0)
    }

    /// Whoever is to be told of a file is, from now on.
    fn listen(&self, file: &OpenFile, fd: i32) {
        let Some(place) = file.kind().listener() else { return };
        let owner = file.owner.lock().clone().filter(|_| file.has(flags::ASYNC));
        let new = owner.map(|owner| Listener { owner, descriptor: fd.cast_unsigned() });
        let before = core::mem::replace(&mut *place.lock(), new);
        drop(before);
    }

    fn ftruncate(&self, fd: i32, len: u64) -> Answer {
        let file = self.file(fd)?;
        let content = file.kind().node().and_then(|node| node.content());
        let content = content.filter(|_| file.may_write()).ok_or(Errno::EINVAL)?;
        if i64::try_from(len).is_err() {
            return Err(Errno::EINVAL.into());
        }
        nothing(content.resize(len).map_err(|_| Errno::EFBIG))
    }

    fn getcwd(&self, at: u64, size: u64) -> Answer {
        let directory = self.thread.host_data().directory.lock().clone();
        let mut path = directory.path()?;
        push(&mut path, 0)?;
        if size < path.len() as u64 {
            return Err(Errno::ERANGE.into());
        }
        self.space()?.copy_out(at, &path)?;
        Ok(path.len() as u64)
    }

    fn chdir(&self, path: u64) -> Answer {
        match self.walk(AT_FDCWD, path, Follow::Always)? {
            Path::Directory(directory) => Ok(self.enter(directory)),
            Path::File { .. } => Err(Errno::ENOTDIR.into()),
            Path::Missing { .. } => Err(Errno::ENOENT.into()),
        }
    }

    fn fchdir(&self, fd: i32) -> Answer {
        let file = self.file(fd)?;
        Ok(self.enter(file.kind().as_directory().ok_or(Errno::ENOTDIR)?.clone()))
    }

    fn enter(&self, directory: Directory) -> u64 {
        let own: &ThreadState = self.thread.host_data();
        let before = core::mem::replace(&mut *own.directory.lock(), directory);
        drop(before);
        0
    }

    fn rename(&self, from: i32, path: u64, to: i32, new: u64) -> Answer {
        let old = self.walk(from, path, Follow::NotLast)?;
        let node = Arc::clone(old.node()?);
        let new = self.walk(to, new, Follow::NotLast)?;
        let replaced = new.node().ok().cloned();
        if replaced.as_ref().is_some_and(|it| Arc::ptr_eq(it, &node)) {
            return Ok(0);
        }
        if node.is_directory() && contains(&node, &new) {
            return Err(Errno::EINVAL.into());
        }
        let ((above, name), (new_above, new_name)) = (old.place()?, new.place()?);
        if let Some(replaced) = &replaced {
            match (node.is_directory(), replaced.is_directory()) {
                (true, false) => return Err(Errno::ENOTDIR.into()),
                (false, true) => return Err(Errno::EISDIR.into()),
                _ if !replaced.is_empty() => return Err(Errno::ENOTEMPTY.into()),
                _ => drop(new_above.node().remove(&new_name, |_| Ok(()))?),
            }
        }
        new_above.node().add(&new_name, node)?;
        nothing(above.node().remove(&name, |_| Ok(())).map(drop))
    }

    fn mkdir(&self, fd: i32, path: u64, mode: u32) -> Answer {
        match self.walk(fd, path, Follow::NotLast)? {
            Path::Missing { name, above } => {
                nothing(above.node().add(&name, Node::empty_directory(mode)?))
            }
            _ => Err(Errno::EEXIST.into()),
        }
    }

    fn unlink(&self, fd: i32, path: u64, how: u32) -> Answer {
        let wants_directory = how & AT_REMOVEDIR != 0;
        let path = self.walk(fd, path, Follow::NotLast)?;
        path.node()?;
        let (above, name) = path.place()?;
        let removed = above.node().remove(&name, |node| match node.is_directory() {
            true if !wants_directory => Err(Errno::EISDIR),
            false if wants_directory => Err(Errno::ENOTDIR),
            true if !node.is_empty() => Err(Errno::ENOTEMPTY),
            _ => Ok(()),
        });
        nothing(removed.map(drop))
    }

    fn symlink(&self, target: u64, fd: i32, path: u64) -> Answer {
        let target = self.space()?.path(target)?;
        match self.walk(fd, path, Follow::NotLast)? {
            Path::Missing { name, above } => nothing(above.node().add(&name, Node::link(&target)?)),
            _ => Err(Errno::EEXIST.into()),
        }
    }

    fn readlink(&self, fd: i32, path: u64, at: u64, size: u64) -> Answer {
        let path = self.walk(fd, path, Follow::NotLast)?;
        let target;
        let text = match path.node()?.body() {
            Body::Link(target) => target,
            Body::Proc(entry) => {
                target = entry.target(self.thread)?;
                match &target {
                    Target::Path(path) => path,
                    // A program may have no name any more.
                    Target::Node(_) => return Err(Errno::ENOENT.into()),
                }
            }
            _ => return Err(Errno::EINVAL.into()),
        };
        let text = &text[..text.len().min(size as usize)];
        self.space()?.copy_out(at, text)?;
        Ok(text.len() as u64)
    }

    fn getdents64(&self, fd: i32, at: u64, size: u64) -> Answer {
        let file = self.file(fd)?;
        let node = file.kind().as_directory().ok_or(Errno::ENOTDIR)?.node();
        let mut bytes = [0; PIECE];
        let room = size.min(PIECE as u64) as usize;
        let (mut len, mut position) = (0, *file.position.lock());
        node.list(self.thread, position, |next, name, number, mode| {
            const HEAD: usize = 19;
            let record = (HEAD + name.len() + 1).next_multiple_of(8);
            if len + record > room {
                return false;
            }
            let place = &mut bytes[len..len + record];
            place.fill(0);
            place[..8].copy_from_slice(&number.to_ne_bytes());
            place[8..16].copy_from_slice(&next.to_ne_bytes());
            place[16..18].copy_from_slice(&(record as u16).to_ne_bytes());
            place[18] = (mode >> 12) as u8;
            place[HEAD..HEAD + name.len()].copy_from_slice(name);
            len += record;
            position = next;
            true
        });
        *file.position.lock() = position;
        self.space()?.copy_out(at, &bytes[..len])?;
        Ok(len as u64)
    }

    fn memfd_create(&self, how: u32) -> Answer {
        const CLOEXEC: u32 = 1;
        if how & !CLOEXEC != 0 {
            return Err(Errno::EINVAL.into());
        }
        let file = OpenFile::of(tree::TreeFile(Node::empty_file(0o777)?))?;
        self.install(file, how & CLOEXEC != 0)
    }

    /// A `/proc` that is mounted nowhere, as the caller's namespace sees it. The mount is all of its steps in one.
    fn fsopen(&self, name: u64, how: u32) -> Answer {
        const CLOEXEC: u32 = 1;
        if self.space()?.path(name)? != b"proc" {
            return Err(Errno::ENODEV.into());
        }
        let root = self.thread.host_data().directory.lock().clone();
        let Path::Directory(proc) = walk(self.thread, &root, b"/proc", Follow::Always)? else {
            return Err(Errno::ENODEV.into());
        };
        let Body::Proc(entry) = proc.node().body() else { return Err(Errno::ENODEV.into()) };
        let viewer = self.thread.process().namespace();
        self.install(open_detached(entry.root_for(viewer))?, how & CLOEXEC != 0)
    }

    fn fsconfig(&self, fd: i32, command: u32) -> Answer {
        const CREATE: u32 = 6;
        self.file(fd)?.kind().as_directory().ok_or(Errno::EINVAL)?;
        if command == CREATE { Ok(0) } else { Err(Errno::EINVAL.into()) }
    }

    fn fsmount(&self, fd: i32) -> Answer {
        let file = self.file(fd)?;
        file.kind().as_directory().ok_or(Errno::EINVAL)?;
        self.dup(fd, 0, true)
    }
}

/// Whether a path leads into a directory.
fn contains(directory: &Arc<Node>, path: &Path) -> bool {
    let mut at = match path {
        Path::Directory(directory) => Some(directory.clone()),
        Path::File { above, .. } | Path::Missing { above, .. } => Some(above.clone()),
    };
    while let Some(level) = at {
        if Arc::ptr_eq(level.node(), directory) {
            return true;
        }
        at = level.above_unless_root();
    }
    false
}
