//! A small kernel on axprocess and axprocess-signals.
#![no_std]
#![no_main]
#![feature(allocator_api)]
#![deny(unsafe_code)]
#![allow(dead_code, reason = "while it is being built")]

extern crate alloc;

#[allow(unsafe_code, reason = "the one module that holds all of it")]
mod machine;
mod sched;

struct None;
#[global_allocator]
static HEAP: None = None;
#[allow(unsafe_code)]
unsafe impl core::alloc::GlobalAlloc for None {
    unsafe fn alloc(&self, _: core::alloc::Layout) -> *mut u8 { core::ptr::null_mut() }
    unsafe fn dealloc(&self, _: *mut u8, _: core::alloc::Layout) {}
}
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "C" fn boot_entry() -> ! { machine::power_off(false) }
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    machine::power_off(false)
}
