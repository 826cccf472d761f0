//! mmap(2) and its like, and futex(2).

use alloc::sync::Arc;
use core::ops::Range;
use core::time::Duration;

use axprocess::Errno;
use axprocess_signals::Restart;
use linux_raw_sys::general::*;

use crate::call::{Answer, Call, ensure, nothing, optional};
use crate::machine::{AddressSpace, Backing, PAGE, Placement, Protection, SharedPages, USER_END};
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
        let sharing = flags & (MAP_SHARED | MAP_PRIVATE);
        let backing = match (sharing, flags & MAP_ANONYMOUS != 0) {
            (MAP_PRIVATE, true) => Backing::Private,
            (MAP_PRIVATE | MAP_SHARED, false) => {
                self.backing_of(fd as i32, (offset / PAGE) as usize, sharing, protection)?
            }
            (MAP_SHARED, true) => {
                let pages = SharedPages::new()?;
                pages.resize(length)?;
                Backing::Shared(pages, 0)
            }
            _ => return Err(Errno::EINVAL.into()),
        };
        let placement = match flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) {
            // Where nothing is said, or only wished, it is anywhere.
            0 => Placement::Anywhere(length),
            MAP_FIXED => Placement::Replacing(range(start, length)?),
            _ => Placement::IfFree(range(start, length)?),
        };
        Ok(self.space()?.map(placement, protection, backing)?.ok_or(Errno::EEXIST)?)
    }

    /// What is seen of a file from a page of it on. `EBADF`; `EACCES`: it is not open for that; `ENODEV`: it has nothing in memory.
    fn backing_of(
        &self,
        fd: i32,
        first: usize,
        sharing: u32,
        protection: Protection,
    ) -> Result<Backing, Errno> {
        let open = self.file(fd)?;
        ensure(!open.has(O_PATH), Errno::EBADF)?;
        let is_written = sharing == MAP_SHARED && protection.contains(Protection::WRITE);
        ensure(open.may_read() && (!is_written || open.may_write()), Errno::EACCES)?;
        let pages = Arc::clone(open.file().content().ok_or(Errno::ENODEV)?);
        Ok(match sharing {
            MAP_PRIVATE => Backing::Copied(pages, first),
            _ if open.may_write() => Backing::Shared(pages, first),
            _ => Backing::Viewed(pages, first),
        })
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
            let more = Placement::IfFree(old..new);
            matches!(space.map(more, writable, Backing::Private), Ok(Some(_)))
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
            FUTEX_WAIT => {
                let longest = optional(timeout, || time::duration_at(&space, timeout))?;
                let deadline = longest.map(|longest| time::kept_deadline(self.user, longest));
                self.wait_for_word(&space, at, value, deadline)
            }
            // For whichever bits: so pthread_join(3) waits.
            FUTEX_WAIT_BITSET if self.arguments()[5] as u32 == FUTEX_BITSET_MATCH_ANY => {
                let deadline = optional(timeout, || time::duration_at(&space, timeout))?;
                self.wait_for_word(&space, at, value, deadline)
            }
            FUTEX_WAKE => Ok(wake_word(&space, at, value as usize)? as u64),
            _ => Err(Errno::ENOSYS.into()),
        }
    }

    fn wait_for_word(
        &self,
        space: &AddressSpace,
        at: u64,
        value: u32,
        deadline: Option<Duration>,
    ) -> Answer {
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
