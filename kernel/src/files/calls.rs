//! The system calls on files.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use axprocess::Errno;
use axprocess_signals::Restart;
use linux_raw_sys::general::*;

use super::pipe;
use super::tree::Content;
use super::{CHANGEABLE, Descriptors, MOST, OpenFile, Opened, Place, Status};
use crate::call::{Answer, Call, Failure, ensure, nothing};
use crate::machine::SharedPages;
use crate::user_memory::{boxed, places, push};
use crate::{time, wait};

/// So much is copied at a time.
const PIECE: usize = 4096;

impl Call<'_> {
    fn files(&self) -> Result<Arc<Descriptors>, Errno> {
        self.thread.host_data().files()
    }

    /// `EBADF`.
    pub(crate) fn file(&self, fd: i32) -> Result<Arc<OpenFile>, Errno> {
        Ok(self.files()?.get(fd)?.0)
    }

    /// Gives an open file the lowest descriptor.
    pub(crate) fn install(&self, file: Arc<OpenFile>, closes_on_exec: bool) -> Answer {
        Ok(self.files()?.reserve(0)?.fill(file, closes_on_exec))
    }

    /// Where a path leads, from an open directory or from the root.
    pub(crate) fn walk(&self, fd: i32, path: &[u8]) -> Result<Place, Errno> {
        if fd == AT_FDCWD || path.first() == Some(&b'/') {
            return Place::root().walk(path);
        }
        self.file(fd)?.as_kind::<Opened>().ok_or(Errno::ENOTDIR)?.0.walk(path)
    }

    /// Does what may have to wait, as often as it takes.
    fn until_ready<R>(
        &self,
        file: &OpenFile,
        mut attempt: impl FnMut() -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let mut look = || match attempt() {
            Err(Failure::Errno(Errno::EAGAIN)) => Ok(None),
            answer => answer.map(Some),
        };
        if let Some(answer) = look()? {
            return Ok(answer);
        }
        let key = file.file().poll(self.thread).1.filter(|_| !file.has(O_NONBLOCK));
        let _place = wait::enter(key.ok_or(Errno::EAGAIN)?)?;
        let answer = time::sleep_for(self.thread, None, Restart::UnlessHandlerSaysNo, look)?;
        answer.ok_or(Errno::EAGAIN.into())
    }

    pub(crate) fn read(&self, fd: i32, at: u64, len: u64) -> Answer {
        let open = self.file(fd)?;
        ensure(open.may_read(), Errno::EBADF)?;
        let (space, file) = (self.space()?, open.file());
        let has_position = file.content().is_some();
        let mut done = 0;
        let mut bytes = [0; PIECE];
        while done < len || len == 0 {
            let place = *open.position.lock();
            let wanted = &mut bytes[..(len - done).min(PIECE as u64) as usize];
            let got = match self.until_ready(&open, || file.read(self.thread, place, wanted)) {
                Err(_) if done > 0 => break,
                got => got?,
            };
            space.put(at.wrapping_add(done), &wanted[..got])?;
            done += got as u64;
            if got == 0 || !has_position {
                break;
            }
            *open.position.lock() = place.wrapping_add(got as u64);
        }
        Ok(done)
    }

    pub(crate) fn write(&self, fd: i32, at: u64, len: u64) -> Answer {
        let open = self.file(fd)?;
        ensure(open.may_write(), Errno::EBADF)?;
        let (space, file) = (self.space()?, open.file());
        let mut done = 0;
        let mut bytes = [0; PIECE];
        while done < len {
            let piece = &mut bytes[..(len - done).min(PIECE as u64) as usize];
            let copied = space.copy_in(at.wrapping_add(done), piece).map_err(Failure::from);
            let write = || file.write(self.thread, piece);
            match copied.and_then(|()| self.until_ready(&open, write)) {
                Err(_) if done > 0 => break,
                put => done += put? as u64,
            }
        }
        Ok(done)
    }

    pub(crate) fn open(&self, fd: i32, path: u64, how: u32) -> Answer {
        let place = self.walk(fd, &self.space()?.path(path)?)?;
        let file = place.open(self.thread, how).map_err(|errno| match errno {
            Errno::ENOENT if how & O_CREAT != 0 => Errno::EROFS,
            errno => errno,
        });
        self.install(OpenFile::with(file?, how)?, how & O_CLOEXEC != 0)
    }

    pub(crate) fn close(&self, fd: i32) -> Answer {
        nothing(self.files()?.close(fd))
    }

    pub(crate) fn fstat(&self, fd: i32, at: u64) -> Answer {
        let file = self.file(fd)?;
        nothing(self.put_status(at, file.file().status()))
    }

    pub(crate) fn stat(&self, fd: i32, path: u64, at: u64, how: u32) -> Answer {
        let path = self.space()?.path(path)?;
        if how & AT_EMPTY_PATH != 0 && path.is_empty() && fd != AT_FDCWD {
            return self.fstat(fd, at);
        }
        let status = self.walk(fd, &path)?.node(self.thread)?.status();
        nothing(self.put_status(at, status))
    }

    /// `struct stat`.
    fn put_status(&self, at: u64, status: Status) -> Result<(), Errno> {
        let Status { number, mode, device, size } = status;
        let mut words = [0_u64; 18];
        words[..6].copy_from_slice(&[1, number, 1, mode.into(), 0, device.into()]);
        words[6..9].copy_from_slice(&[size, PIECE as u64, size.div_ceil(512)]);
        self.space()?.put(at, &words)
    }

    pub(crate) fn poll(&mut self, at: u64, count: u64, milliseconds: i32) -> Answer {
        let longest = u64::try_from(milliseconds).ok().map(Duration::from_millis);
        ensure(count <= MOST as u64, Errno::EINVAL)?;
        let deadline = longest.map(|longest| time::kept_deadline(self.user, longest));
        let space = self.space()?;
        let mut polled = Vec::new();
        for entry in places(at, 8).take(count as usize) {
            let [fd, wanted] = space.get::<[i32; 2]>(entry)?;
            let file = self.file(fd).ok();
            let key = file.as_ref().and_then(|file| file.file().poll(self.thread).1);
            let place = key.map(wait::enter).transpose()?;
            push(&mut polled, (entry, fd, wanted as u32 & 0xffff, file, place))?;
        }
        let look = || {
            let mut ready = 0;
            for (entry, fd, wanted, file, _) in &polled {
                let found = match file {
                    Some(file) => file.file().poll(self.thread).0 & (wanted | POLLERR | POLLHUP),
                    None if *fd < 0 => 0,
                    None => POLLNVAL,
                };
                ready += u64::from(found != 0);
                space.put(entry.wrapping_add(6), &(found as u16))?;
            }
            Ok(Some(ready).filter(|ready| *ready > 0))
        };
        Ok(time::sleep_for(self.thread, deadline, Restart::RestOfTime, look)?.unwrap_or(0))
    }

    pub(crate) fn lseek(&self, fd: i32, offset: i64, whence: u32) -> Answer {
        let open = self.file(fd)?;
        ensure(open.file().content().is_some(), Errno::ESPIPE)?;
        let size = open.file().status().size;
        let mut position = open.position.lock();
        let base = *[0, *position, size].get(whence as usize).ok_or(Errno::EINVAL)?;
        let new = base.checked_add_signed(offset).filter(|new| i64::try_from(*new).is_ok());
        *position = new.ok_or(Errno::EINVAL)?;
        Ok(*position)
    }

    pub(crate) fn ioctl(&self, fd: i32, request: u32, argument: u64) -> Answer {
        let file = self.file(fd)?;
        ensure(!file.has(O_PATH), Errno::EBADF)?;
        file.file().ioctl(self, request, argument)
    }

    pub(crate) fn pipe(&self, at: u64, how: u32) -> Answer {
        ensure(how & !(O_CLOEXEC | O_NONBLOCK) == 0, Errno::EINVAL)?;
        let (reader, writer) = pipe::ends()?;
        let reader = OpenFile::with(boxed(reader)?, how & O_NONBLOCK)?;
        let writer = OpenFile::with(boxed(writer)?, O_WRONLY | how & O_NONBLOCK)?;
        let closes_on_exec = how & O_CLOEXEC != 0;
        // Nothing is left of the two descriptors if they cannot be stored.
        let table = self.files()?;
        let places = [table.reserve(0)?, table.reserve(0)?];
        self.space()?.put(at, &[places[0].number, places[1].number])?;
        for (place, file) in places.into_iter().zip([reader, writer]) {
            place.fill(file, closes_on_exec);
        }
        Ok(0)
    }

    pub(crate) fn dup(&self, fd: i32, least: usize, closes_on_exec: bool) -> Answer {
        let file = self.file(fd)?;
        Ok(self.files()?.reserve(least)?.fill(file, closes_on_exec))
    }

    pub(crate) fn dup_to(&self, fd: i32, to: i32) -> Answer {
        let file = self.file(fd)?;
        if fd != to {
            self.files()?.put(to, file)?;
        }
        Ok(to as u64)
    }

    pub(crate) fn fcntl(&self, fd: i32, command: u32, argument: u64) -> Answer {
        let (file, files) = (self.file(fd)?, self.files()?);
        match command {
            F_DUPFD | F_DUPFD_CLOEXEC => {
                let least = usize::try_from(argument).ok().filter(|it| *it < MOST);
                self.dup(fd, least.ok_or(Errno::EINVAL)?, command == F_DUPFD_CLOEXEC)
            }
            F_GETFD => Ok(files.get(fd)?.1.into()),
            F_SETFD => nothing(files.set_closes_on_exec(fd, argument as u32 & FD_CLOEXEC != 0)),
            F_GETFL => Ok(file.flags().into()),
            F_SETFL => {
                file.change(CHANGEABLE, argument as u32);
                Ok(0)
            }
            _ => Err(Errno::EINVAL.into()),
        }
    }

    pub(crate) fn ftruncate(&self, fd: i32, len: u64) -> Answer {
        let file = self.file(fd)?;
        let content = file.file().content().filter(|_| file.may_write()).ok_or(Errno::EINVAL)?;
        ensure(i64::try_from(len).is_ok(), Errno::EINVAL)?;
        nothing(content.resize(len).map_err(|_| Errno::EFBIG))
    }

    pub(crate) fn getcwd(&self, at: u64, size: u64) -> Answer {
        const PATH: &[u8] = b"/\0";
        ensure(size >= PATH.len() as u64, Errno::ERANGE)?;
        self.space()?.put(at, PATH)?;
        Ok(PATH.len() as u64)
    }

    pub(crate) fn getdents64(&self, fd: i32, at: u64, size: u64) -> Answer {
        let file = self.file(fd)?;
        let directory = file.as_kind::<Opened>().ok_or(Errno::ENOTDIR)?;
        let mut bytes = [0; PIECE];
        let room = size.min(PIECE as u64) as usize;
        let (mut len, mut position) = (0, *file.position.lock());
        directory.0.list(position, |next, name, mode| {
            const HEAD: usize = 19;
            let record = (HEAD + name.len() + 1).next_multiple_of(8);
            if len + record > room {
                return false;
            }
            let place = &mut bytes[len..len + record];
            // Which node it is, nobody has asked yet: only not 0.
            place[..8].copy_from_slice(&1_u64.to_ne_bytes());
            place[8..16].copy_from_slice(&next.to_ne_bytes());
            place[16..18].copy_from_slice(&(record as u16).to_ne_bytes());
            place[18] = (mode >> 12) as u8;
            place[HEAD..HEAD + name.len()].copy_from_slice(name);
            (len, position) = (len + record, next);
            true
        });
        *file.position.lock() = position;
        self.space()?.put(at, &bytes[..len])?;
        Ok(len as u64)
    }

    pub(crate) fn memfd_create(&self, how: u32) -> Answer {
        const CLOEXEC: u32 = 1;
        ensure(how & !CLOEXEC == 0, Errno::EINVAL)?;
        let file = Content(SharedPages::new()?);
        self.install(OpenFile::of(file)?, how & CLOEXEC != 0)
    }

    /// A `/proc` that is mounted nowhere, as the caller's namespace sees it. The mount is all of its steps in one.
    pub(crate) fn fsopen(&self, name: u64) -> Answer {
        ensure(self.space()?.path(name)? == b"proc", Errno::ENODEV)?;
        let place = Place::root_of(self.thread.process().namespace()).walk(b"/proc")?;
        let file = boxed(Opened(place))?;
        self.install(OpenFile::with(file, O_PATH)?, true)
    }

    /// fsconfig and fsmount: it is configured as it is.
    pub(crate) fn is_file_system(&self, fd: i32) -> Result<(), Errno> {
        self.file(fd)?.as_kind::<Opened>().map(drop).ok_or(Errno::EINVAL)
    }
}
