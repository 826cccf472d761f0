//! What each processor has for itself: where traps go, and what is found by GS.

use core::cell::{Cell, UnsafeCell};
use core::mem::offset_of;

use x86_64::VirtAddr;
use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::instructions::tables::{lidt, load_tss};
use x86_64::registers::model_specific::{GsBase, KernelGsBase, LStar, Msr, SFMask};
use x86_64::registers::rflags::RFlags;
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::tss::TaskStateSegment;

use super::lock::Ticket;
use super::trap;

/// So many processors at most.
pub(crate) const MOST: usize = 8;

/// The segments of user space, as `iretq` wants them.
pub(super) const USER_DATA: u64 = 0x1b;
pub(super) const USER_CODE: u64 = 0x23;

#[repr(C)]
pub(super) struct Processor {
    /// Where a trap from user space finds the stack of the task that went there.
    pub(super) kernel_stack: Cell<u64>,
    /// The user's stack pointer while `syscall` has none of its own.
    pub(super) user_stack: Cell<u64>,
    index: Cell<usize>,
    /// Since when interrupts are off, on the time-stamp counter.
    pub(super) off_since: Cell<u64>,
    /// The lock that the task which was switched away from holds.
    pub(super) handed_over: Cell<Option<&'static Ticket>>,
    segments: UnsafeCell<TaskStateSegment>,
    descriptors: UnsafeCell<GlobalDescriptorTable>,
}

/// Where in [`Processor`] the stack pointer for traps stands: the first of the task state segment's, behind 4 bytes.
pub(super) const TRAP_STACK: usize = offset_of!(Processor, segments) + 4;
pub(super) const KERNEL_STACK: usize = offset_of!(Processor, kernel_stack);
pub(super) const USER_STACK: usize = offset_of!(Processor, user_stack);

// SAFETY: each processor uses its own alone, with interrupts off where more than one word is concerned.
unsafe impl Sync for Processor {}

static PROCESSORS: [Processor; MOST] = [const {
    Processor {
        kernel_stack: Cell::new(0),
        user_stack: Cell::new(0),
        index: Cell::new(0),
        off_since: Cell::new(0),
        handed_over: Cell::new(None),
        segments: UnsafeCell::new(TaskStateSegment::new()),
        descriptors: UnsafeCell::new(GlobalDescriptorTable::empty()),
    }
}; MOST];

/// Prepares the calling processor for traps.
pub(super) fn start(index: usize) {
    let here = &PROCESSORS[index];
    here.index.set(index);
    // SAFETY: nobody else uses this processor's tables yet, and they are never moved; the selectors are those of the descriptors, in their order.
    unsafe {
        let descriptors = &mut *here.descriptors.get();
        let code = descriptors.append(Descriptor::kernel_code_segment());
        let data = descriptors.append(Descriptor::kernel_data_segment());
        descriptors.append(Descriptor::user_data_segment());
        descriptors.append(Descriptor::user_code_segment());
        let task = descriptors.append(Descriptor::tss_segment(&*here.segments.get()));
        descriptors.load_unsafe();
        CS::set_reg(code);
        SS::set_reg(data);
        DS::set_reg(SegmentSelector::NULL);
        ES::set_reg(SegmentSelector::NULL);
        load_tss(task);
        lidt(&DescriptorTablePointer {
            limit: (size_of_val(&trap::TABLE) - 1) as u16,
            base: VirtAddr::from_ptr(trap::table()),
        });
        GsBase::write(VirtAddr::from_ptr(here));
        KernelGsBase::write(VirtAddr::zero());
        // The selectors of `syscall`; `sysret` is not used.
        Msr::new(0xc000_0081).write(u64::from(code.0) << 32);
    }
    LStar::write(VirtAddr::new(trap::system_call as *const () as u64));
    SFMask::write(
        RFlags::INTERRUPT_FLAG
            | RFlags::TRAP_FLAG
            | RFlags::DIRECTION_FLAG
            | RFlags::ALIGNMENT_CHECK
            | RFlags::NESTED_TASK,
    );
}

/// Returns the calling processor's: with interrupts off.
pub(super) fn here() -> &'static Processor {
    &PROCESSORS[processor()]
}

/// Returns on which processor the caller is: with interrupts on, only a hint.
pub(crate) fn processor() -> usize {
    let index: usize;
    // SAFETY: GS is the base of this processor's.
    unsafe {
        core::arch::asm!("mov {}, gs:[{offset}]", out(reg) index, offset = const offset_of!(Processor, index), options(nostack, preserves_flags, readonly));
    }
    index
}
