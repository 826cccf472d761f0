//! How a process is made: of zeros.
//!
//! An embryo is nothing yet. It stands in no list, leads nowhere, has no number, no mark and no state: in each of its fields zero means that. So its block is zeroed, all but the kernel's data of the process and its thread, which
//! takes the fewest writes that there are, and what is not zero is written over that: also the mark of one that lives inside another namespace, and so refers to more than its group.

use core::mem::offset_of;
use core::ptr::NonNull;

use super::aref::ARef;
use crate::pid::Numbers;
use crate::process::{Marks, Process};
use crate::sync::{Field, TableInner, TableRef};
use crate::{Errno, Host};

impl<H: Host> Process<H> {
    /// Makes a process that is not in the table yet, with its first thread, where its numbers say; and two references to it.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory.
    #[inline(always)]
    pub(crate) fn make_embryo(
        table: &TableInner<H>,
        own_numbers: Numbers<H>,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<[ARef<Self>; 2], Errno> {
        // The host's code, which may do anything: before there is a block.
        let usage = H::Usage::default();
        let block = table.spare_processes.take_or_allocate().ok_or(Errno::ENOMEM)?;
        let process = block.0.as_ptr();
        // SAFETY: the memory is a process's, and a process stands there behind this. All zeros are a value of each field but of those that are written over it: integers, atomics, bit sets, options of a `NonNull`, a
        // `NonZero` or a transparent wrapper of one, for which the language says so, and what consists of those. Held against: a field whose `none` is another (`zeros_are_an_embryo` compares), the host's types (they
        // are among those that are written), a write that panics (none runs anybody's code).
        unsafe {
            zero_all_but_written(block.0);
            (&raw mut (*process).table).write(TableRef::of(table));
            if own_numbers.level() > 0 {
                (&raw mut (*process).marks).write(Field::new(Marks::SLOW_PATH));
            }
            (&raw mut (*process).first_thread.own_numbers).write(own_numbers);
            (&raw mut (*process).children_usage).write(Field::new(usage));
            (&raw mut (*process).data).write(data);
            (&raw mut (*process).first_thread.data).write(thread_data);
            Ok(ARef::own_written(block))
        }
    }
}

/// Zeroes all but the table, the kernel's data of the thread, and what of the kernel's stands at the end. In stretches: each is short enough to be spelled out, in one they would be a call.
///
/// # Safety
///
/// It is the memory of a process.
#[inline(always)]
unsafe fn zero_all_but_written<H: Host>(place: NonNull<Process<H>>) {
    let thread_data = offset_of!(Process<H>, first_thread.data);
    let behind_thread_data = thread_data + size_of::<H::ThreadData>();
    let table = offset_of!(Process<H>, table);
    let behind_table = table + size_of::<TableRef<H>>();
    let end = offset_of!(Process<H>, children_usage);
    for (from, to) in [(0, thread_data), (behind_thread_data, table), (behind_table, end)] {
        // SAFETY: by this function's own contract; each stretch lies in it. Held against: fields in another order (the type is `repr(C)`, and `usize` would overflow where this is compiled).
        unsafe { place.cast::<u8>().add(from).write_bytes(0, to - from) };
    }
}
