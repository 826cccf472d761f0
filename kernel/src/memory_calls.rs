//! mmap(2) and its like.

use alloc::sync::Arc;

use axprocess::Errno;

use crate::call::{Answer, Call, nothing};
use crate::machine::{Backing, Fault, PAGE, Protection, SharedPages, USER_END};

const SHARED: u32 = 1;
const PRIVATE: u32 = 2;
const FIXED: u32 = 0x10;
const ANONYMOUS: u32 = 0x20;
const FIXED_NOREPLACE: u32 = 0x10_0000;

/// Makes the call of that number, if it is one of these.
pub(crate) fn make(call: &Call<'_>, number: u64) -> Option<Answer> {
    let registers = &call.user.registers;
    let (a, b, c) = (registers.rdi, registers.rsi, registers.rdx);
    let (d, e, f) = (registers.r10, registers.r8, registers.r9);
    Some(match number {
        9 => call.mmap(a, b, c, d as u32, e as i32, f),
        10 => call.mprotect(a, b, c),
        11 => call.munmap(a, b),
        12 => call.brk(a),
        _ => return None,
    })
}

/// Whole pages in user space.
fn range(start: u64, length: u64) -> Result<u64, Errno> {
    let length = length.checked_next_multiple_of(PAGE).ok_or(Errno::ENOMEM)?;
    let end = start.checked_add(length).filter(|end| *end <= USER_END);
    if start % PAGE != 0 {
        return Err(Errno::EINVAL);
    }
    end.map(|_| length).ok_or(Errno::ENOMEM)
}

fn protection(wanted: u64) -> Result<Protection, Errno> {
    let wanted = u8::try_from(wanted).ok().and_then(Protection::from_bits);
    wanted.ok_or(Errno::EINVAL)
}

fn errno_of(fault: Fault) -> Errno {
    match fault {
        Fault::Denied => Errno::EACCES,
        _ => Errno::ENOMEM,
    }
}

impl Call<'_> {
    fn mmap(
        &self,
        start: u64,
        length: u64,
        wanted: u64,
        flags: u32,
        fd: i32,
        offset: u64,
    ) -> Answer {
        if length == 0 || offset % PAGE != 0 {
            return Err(Errno::EINVAL.into());
        }
        let protection = protection(wanted)?;
        let length = range(0, length)?;
        let page = (offset / PAGE) as usize;
        let backing = match (flags & (SHARED | PRIVATE), flags & ANONYMOUS != 0) {
            (PRIVATE, true) => Backing::Private,
            (SHARED, true) => {
                let pages = SharedPages::new().map_err(|_| Errno::ENOMEM)?;
                pages.resize(length).map_err(|_| Errno::ENOMEM)?;
                Backing::Shared(pages, 0)
            }
            (kind @ (PRIVATE | SHARED), false) => {
                let file = self.file(fd)?;
                let content = file.kind().node().and_then(|node| node.content());
                let content = Arc::clone(content.ok_or(Errno::ENODEV)?);
                match kind {
                    SHARED => Backing::Shared(content, page),
                    _ => Backing::Copied(content, page),
                }
            }
            _ => return Err(Errno::EINVAL.into()),
        };
        let space = self.space()?;
        let start = if flags & (FIXED | FIXED_NOREPLACE) != 0 {
            range(start, length)?;
            if flags & FIXED_NOREPLACE != 0 && !space.is_free(start, length) {
                return Err(Errno::EEXIST.into());
            }
            start
        } else {
            let hint = start & !(PAGE - 1);
            space.find_free(hint, length).map_err(|_| Errno::ENOMEM)?
        };
        space.map(start, length, protection, backing).map_err(errno_of)?;
        Ok(start)
    }

    fn mprotect(&self, start: u64, length: u64, wanted: u64) -> Answer {
        let (length, protection) = (range(start, length)?, protection(wanted)?);
        if length == 0 {
            return Ok(0);
        }
        nothing(self.space()?.protect(start, length, protection).map_err(errno_of))
    }

    fn munmap(&self, start: u64, length: u64) -> Answer {
        if length == 0 {
            return Err(Errno::EINVAL.into());
        }
        let length = range(start, length).map_err(|_| Errno::EINVAL)?;
        nothing(self.space()?.unmap(start, length).map_err(errno_of))
    }

    /// Answers with where the heap ends, whether it could be moved or not.
    fn brk(&self, wanted: u64) -> Answer {
        let space = self.space()?;
        let heap = space.heap.lock().clone();
        if wanted < heap.start || wanted > USER_END {
            return Ok(heap.end);
        }
        let (old, new) = (heap.end.next_multiple_of(PAGE), wanted.next_multiple_of(PAGE));
        let writable = Protection::READ | Protection::WRITE;
        let is_done = match new > old {
            true => {
                space.is_free(old, new - old)
                    && space.map(old, new - old, writable, Backing::Private).is_ok()
            }
            false => new == old || space.unmap(new, old - new).is_ok(),
        };
        if is_done {
            space.heap.lock().end = wanted;
        }
        Ok(if is_done { wanted } else { heap.end })
    }
}
