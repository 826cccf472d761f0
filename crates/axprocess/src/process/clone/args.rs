//! `struct clone_args`, as clone3(2) takes it from user memory.

use crate::Errno;

/// `struct clone_args` in plain integers: clone3's argument; the other calls fill in what they know of.
///
/// Addresses and descriptors are the kernel's to use; the model reads none of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CloneArgs {
    /// `CLONE_*`.
    pub flags: u64,
    /// Where `CLONE_PIDFD` stores the descriptor.
    pub pidfd: u64,
    /// Where `CLONE_CHILD_SETTID` and `CLONE_CHILD_CLEARTID` write.
    pub child_tid: u64,
    /// Where `CLONE_PARENT_SETTID` writes.
    pub parent_tid: u64,
    /// The number of the exit signal.
    pub exit_signal: u64,
    /// The lowest address of the stack; of clone(2): its initial stack pointer.
    pub stack: u64,
    /// The length of the stack.
    pub stack_size: u64,
    /// For `CLONE_SETTLS`.
    pub tls: u64,
    /// Where the numbers stand that the new process or thread shall have.
    pub set_tid: u64,
    /// How many these are.
    pub set_tid_size: u64,
    /// The descriptor for `CLONE_INTO_CGROUP`.
    pub cgroup: u64,
}

/// How many fields there are.
const FIELDS: usize = 11;
/// The length of the first version of the structure, the shortest there is.
const FIRST_VERSION: usize = 64;
/// The length that has `cgroup`.
const KNOWN: usize = FIELDS * 8;
/// No structure is longer.
const LONGEST: usize = 4096;

impl CloneArgs {
    /// Reads the structure of `size` bytes. `copy` fills a buffer with what stands at an offset from its beginning.
    ///
    /// # Errors
    ///
    /// In this order: `E2BIG`: longer than a page. `EINVAL`: shorter than the first version. What `copy` returns (`EFAULT`), or `E2BIG`: something
    /// other than 0 stands where no field is known. R-CLONE-01.
    ///
    /// ```
    /// use axprocess::{CloneArgs, Errno};
    /// let user = [0u8; 100];
    /// let copy = |at: usize, to: &mut [u8]| Ok(to.copy_from_slice(&user[at..at + to.len()]));
    /// assert_eq!(CloneArgs::read(100, copy), Ok(CloneArgs::default()));
    /// assert_eq!(CloneArgs::read(63, copy), Err(Errno::EINVAL));
    /// assert_eq!(CloneArgs::read(4097, copy), Err(Errno::E2BIG));
    /// ```
    pub fn read(
        size: usize,
        mut copy: impl FnMut(usize, &mut [u8]) -> Result<(), Errno>,
    ) -> Result<Self, Errno> {
        if size > LONGEST {
            return Err(Errno::E2BIG);
        }
        if size < FIRST_VERSION {
            return Err(Errno::EINVAL);
        }
        let mut bytes = [0; KNOWN];
        for offset in (KNOWN..size).step_by(KNOWN) {
            let tail = &mut bytes[..KNOWN.min(size - offset)];
            copy(offset, tail)?;
            if tail.iter().any(|byte| *byte != 0) {
                return Err(Errno::E2BIG);
            }
        }
        copy(0, &mut bytes[..KNOWN.min(size)])?;
        Ok(Self::from_words(|field| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[field * 8..field * 8 + 8]);
            u64::from_ne_bytes(word)
        }))
    }

    /// Whether a structure of that length says which control group.
    pub(super) const fn has_cgroup(size: usize) -> bool {
        size >= KNOWN
    }

    fn from_words(word: impl Fn(usize) -> u64) -> Self {
        Self {
            flags: word(0),
            pidfd: word(1),
            child_tid: word(2),
            parent_tid: word(3),
            exit_signal: word(4),
            stack: word(5),
            stack_size: word(6),
            tls: word(7),
            set_tid: word(8),
            set_tid_size: word(9),
            cgroup: word(10),
        }
    }
}
