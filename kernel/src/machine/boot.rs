//! From the loader to the first task, and the start of the other processors.

use core::arch::global_asm;
use core::ffi::CStr;
use core::slice::from_raw_parts;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use x86_64::instructions::port::Port;

use super::{apic, frame, heap, processor, serial, stack, tables, time};

global_asm!(include_str!("boot.s"), options(att_syntax));

/// Where the other processors begin, in real mode.
const TRAMPOLINE: u64 = 0x8000;

unsafe extern "C" {
    safe static boot_words: Words;
}

/// Physical addresses.
#[repr(C)]
struct Words {
    trampoline_begin: u64,
    trampoline_end: u64,
    stack_pointer: u64,
    tables: u64,
    kernel_end: u64,
}

/// What the loader tells: `hvm_start_info` of the PVH protocol.
#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    module_count: u32,
    modules: u64,
    command_line: u64,
    rsdp: u64,
    memory_map: u64,
    memory_map_entries: u32,
    reserved: u32,
}

#[repr(C)]
struct Module {
    start: u64,
    size: u64,
    command_line: u64,
    reserved: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct MemoryRange {
    start: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

static ONLINE: AtomicUsize = AtomicUsize::new(0);

#[unsafe(no_mangle)]
extern "C" fn boot_first(start_info: u64) -> ! {
    // SAFETY: the loader has put it there, and all that it names, below 4 GiB: mapped at DIRECT. Nobody writes to that, and it is never given out.
    let (command_line, ranges, files): (_, &[MemoryRange], &'static [u8]) = unsafe {
        let info = &*frame::direct(start_info).cast::<StartInfo>();
        assert!(info.module_count > 0, "no files: -initrd");
        let files = &*frame::direct(info.modules).cast::<Module>();
        (
            CStr::from_ptr(frame::direct(info.command_line).cast()).to_str().unwrap_or_default(),
            from_raw_parts(frame::direct(info.memory_map).cast(), info.memory_map_entries as usize),
            from_raw_parts(frame::direct(files.start), files.size as usize),
        )
    };
    let first_free = boot_words.kernel_end;
    let mut memory = ranges.iter().map(|it| it.start..it.start + it.size);
    let memory = memory.find(|it| it.contains(&first_free)).expect("the kernel is in memory");
    // QEMU puts the files at its end.
    let end = memory.end.min(frame::physical(files.as_ptr()));
    processor::start(0);
    // Most of it for the kernel: what a process takes there is more than what a small program does.
    let heap = (end - first_free) / 4 * 3;
    heap::start(first_free, heap);
    frame::start(first_free + heap, end);
    tables::start(boot_words.tables);
    serial::start();
    time::start();
    apic::start_first();
    let processors = count_processors();
    for index in 1..processors {
        start_other(index);
    }
    crate::run_first(command_line, files)
}

/// Asks QEMU: the key 5 of its `fw_cfg` is the number of processors.
fn count_processors() -> usize {
    let (mut key, mut data) = (Port::<u16>::new(0x510), Port::<u8>::new(0x511));
    // SAFETY: these ports are QEMU's, and reading has no effect on memory.
    let bytes = unsafe {
        key.write(5);
        [data.read(), data.read()]
    };
    usize::from(u16::from_le_bytes(bytes)).clamp(1, processor::MOST)
}

fn start_other(index: usize) {
    let length = (boot_words.trampoline_end - boot_words.trampoline_begin) as usize;
    let stack = stack::Stack::new().expect("memory is plenty at boot");
    // SAFETY: the trampoline fits below 1 MiB, where no frame is ever given out; the stack is nobody's, and only one processor starts at a time.
    unsafe {
        let code = frame::direct(boot_words.trampoline_begin).cast_const();
        core::ptr::copy_nonoverlapping(code, frame::direct(TRAMPOLINE), length);
        let place = frame::direct(boot_words.stack_pointer);
        (*place.cast::<AtomicU64>()).store(stack.top(), Ordering::SeqCst);
    }
    core::mem::forget(stack);
    let before = ONLINE.load(Ordering::SeqCst);
    apic::start_processor(index, TRAMPOLINE);
    while ONLINE.load(Ordering::SeqCst) == before {
        core::hint::spin_loop();
    }
}

#[unsafe(no_mangle)]
extern "C" fn boot_other() -> ! {
    let index = ONLINE.load(Ordering::SeqCst) + 1;
    tables::load(tables::kernel_root());
    processor::start(index);
    apic::start_other();
    ONLINE.fetch_add(1, Ordering::SeqCst);
    crate::sched::idle()
}

/// Returns how many processors have started.
pub(crate) fn processors() -> usize {
    ONLINE.load(Ordering::Relaxed) + 1
}
