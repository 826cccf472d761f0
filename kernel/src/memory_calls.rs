//! mmap(2) and its like, and futex(2).

use core::ops::Range;

use axprocess::Errno;
use axprocess_signals::Restart;
use linux_raw_sys::general::*;

use crate::call::{Answer, Call, ensure, nothing, optional};
use crate::machine::{AddressSpace, Backing, PAGE, Protection, SharedPages, USER_END};
use crate::{time, wait};

/// Whole pages in user space.
fn range(start: u64, length: u64) -> Result<Range<u64>, Errno> {
    let end = length.checked_next_multiple_of(PAGE).and_then(|length| start.checked_add(length));
    ensure(start.is_multiple_of(PAGE), Errno::EINVAL)?;
    end.filter(|end| *end <= USER_END).map(|end| start..end).ok_or(Errno::ENOMEM)
}

fn protection(wanted: u64) -> Result<Protection, Errno> {
    let wanted = u8::try_from(wanted).ok().and_then(Protection::from_bits);
    wanted.ok_or(Errno::EINVAL)
}

impl Call<'_> {
    pub(crate) fn mmap(&self) -> Answer {
        let [start, length, wanted, flags, fd, offset] = self.arguments();
        let flags = flags as u32;
        ensure(length > 0 && offset.is_multiple_of(PAGE), Errno::EINVAL)?;
        let (protection, length) = (protection(wanted)?, range(0, length)?.end);
        let file = || self.file(fd as i32)?.file().content().cloned().ok_or(Errno::ENODEV);
        let first = (offset / PAGE) as usize;
        let backing = match (flags & (MAP_SHARED | MAP_PRIVATE), flags & MAP_ANONYMOUS != 0) {
            (MAP_PRIVATE, true) => Backing::Private,
            (MAP_PRIVATE, false) => Backing::Copied(file()?, first),
            (MAP_SHARED, false) => Backing::Shared(file()?, first),
            (MAP_SHARED, true) => {
                let pages = SharedPages::new()?;
                pages.resize(length)?;
                Backing::Shared(pages, 0)
            }
            _ => return Err(Errno::EINVAL.into()),
        };
        let space = self.space()?;
        // Where nothing is said, or only wished, it is anywhere.
        let start = match flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) {
            0 => space.find_free(length)?,
            _ => start,
        };
        let range = range(start, length)?;
        let replaces = flags & MAP_FIXED_NOREPLACE == 0;
        ensure(replaces || space.is_free(&range), Errno::EEXIST)?;
        space.map(range, protection, backing)?;
        Ok(start)
    }

    pub(crate) fn mprotect(&self, start: u64, length: u64, wanted: u64) -> Answer {
        let (range, protection) = (range(start, length)?, protection(wanted)?);
        if range.is_empty() {
            return Ok(0);
        }
        nothing(self.space()?.protect(range, protection).map_err(Errno::from))
    }

    pub(crate) fn munmap(&self, start: u64, length: u64) -> Answer {
        ensure(length > 0, Errno::EINVAL)?;
        let range = range(start, length).map_err(|_| Errno::EINVAL)?;
        nothing(self.space()?.unmap(range).map_err(Errno::from))
    }

    /// Answers with where the heap ends, whether it could be moved or not.
    pub(crate) fn brk(&self, wanted: u64) -> Answer {
        let space = self.space()?;
        let heap = space.heap.lock().clone();
        if wanted < heap.start || wanted > USER_END {
            return Ok(heap.end);
        }
        let (old, new) = (heap.end.next_multiple_of(PAGE), wanted.next_multiple_of(PAGE));
        let writable = Protection::READ | Protection::WRITE;
        let is_done = if new > old {
            let more = old..new;
            space.is_free(&more) && space.map(more, writable, Backing::Private).is_ok()
        } else {
            new == old || space.unmap(new..old).is_ok()
        };
        if is_done {
            space.heap.lock().end = wanted;
        }
        Ok(if is_done { wanted } else { heap.end })
    }

    pub(crate) fn futex(&mut self, at: u64, operation: u32, value: u32, timeout: u64) -> Answer {
        let space = self.space()?;
        // Private or not, a word is what it is; all clocks are one.
        match operation & !(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME) {
            FUTEX_WAIT => self.wait_for_word(&space, at, value, timeout),
            FUTEX_WAKE => Ok(wake_word(&space, at, value as usize)? as u64),
            _ => Err(Errno::ENOSYS.into()),
        }
    }

    fn wait_for_word(&mut self, space: &AddressSpace, at: u64, value: u32, timeout: u64) -> Answer {
        let longest = optional(timeout, || time::duration_at(space, timeout))?;
        let deadline = longest.map(|longest| time::kept_deadline(self.user, longest));
        let place = wait::enter(key_of(space, at)?)?;
        ensure(space.read_word(at).map_err(|_| Errno::EFAULT)? == value, Errno::EAGAIN)?;
        let restart = match deadline {
            Some(_) => Restart::RestOfTime,
            None => Restart::UnlessHandlerSaysNo,
        };
        let is_woken = || Ok(place.is_woken().then_some(0));
        time::sleep_for(self.thread, deadline, restart, is_woken)?.ok_or(Errno::ETIMEDOUT.into())
    }
}

fn key_of(space: &AddressSpace, at: u64) -> Result<wait::Key, Errno> {
    ensure(at.is_multiple_of(4), Errno::EINVAL)?;
    space.key_of_word(at).map_err(|_| Errno::EFAULT)
}

/// Wakes up to so many who sleep until a word changes, those first who have slept longest. `EINVAL`: it is not aligned. `EFAULT`.
pub(crate) fn wake_word(space: &AddressSpace, at: u64, most: usize) -> Result<usize, Errno> {
    Ok(wait::wake(key_of(space, at)?, most))
}
