//! System calls without the C library, for threads that have no thread-local storage of their own.
//!
//! A worker shares its address space with whoever made it, and its thread pointer too: a libc wrapper would write
//! into another thread's `errno`. So it makes its calls here, and makes its children here, each on a stack of its own.

use std::arch::{asm, global_asm};

/// Makes a system call. The result is negative for an error.
///
/// # Safety
///
/// The arguments must be good for the call: the kernel reads and writes what they point to.
#[inline]
pub(super) unsafe fn syscall(number: u64, arguments: [u64; 6]) -> i64 {
    let result: i64;
    // SAFETY: this is the kernel's calling convention; the caller answers for the arguments.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number.cast_signed() => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            in("r9") arguments[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// Makes a thread or process with clone3; it runs `entry(argument)` on the stack that the request names.
///
/// # Safety
///
/// `request` must be a good `clone_args` of `size` bytes with a stack that nothing else uses, and `entry` must not return.
pub(super) unsafe fn clone3(
    request: u64,
    size: u64,
    entry: unsafe extern "C" fn(u64) -> !,
    argument: u64,
) -> i64 {
    let result: i64;
    // SAFETY: the parent goes on behind the call as from any other; the child has a stack of its own, and never gets there.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 => result,
            in("rdi") request,
            in("rsi") size,
            in("r12") entry as usize as u64,
            in("r13") argument,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// Leaves the present stack for ever, and runs `entry(argument)` on another.
///
/// # Safety
///
/// `top` must be the aligned upper end of a stack that nothing else uses.
pub(super) unsafe fn run_on_stack(
    top: u64,
    entry: unsafe extern "C" fn(u64) -> !,
    argument: u64,
) -> ! {
    // SAFETY: nothing of the old stack is used any more, as `entry` does not return.
    unsafe {
        asm!(
            "mov rsp, {top}",
            "xor ebp, ebp",
            "call {entry}",
            "ud2",
            top = in(reg) top,
            entry = in(reg) entry as usize as u64,
            in("rdi") argument,
            options(noreturn),
        )
    }
}

global_asm!(".global lockstep_sigreturn", "lockstep_sigreturn:", "mov eax, 15", "syscall", "ud2",);

unsafe extern "C" {
    fn lockstep_sigreturn();
}

/// Where a handler returns to, for rt_sigaction.
pub(super) fn restorer() -> u64 {
    lockstep_sigreturn as *const () as usize as u64
}

/// Where the stack of the caller is, roughly.
#[inline(always)]
pub(super) fn stack_pointer() -> u64 {
    let pointer: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}
