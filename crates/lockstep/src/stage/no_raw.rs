//! The stand-in for `raw` where its assembly has not been written: no process can be made, so scripts play on the model alone.

const NOT_HERE: i64 = -(libc::ENOSYS as i64);

/// Makes no system call.
///
/// # Safety
///
/// Always safe.
pub(super) unsafe fn syscall(_number: u64, _arguments: [u64; 6]) -> i64 {
    NOT_HERE
}

/// Makes no process.
///
/// # Safety
///
/// Always safe.
pub(super) unsafe fn clone3(
    _request: u64,
    _size: u64,
    _entry: unsafe extern "C" fn(u64) -> !,
    _argument: u64,
) -> i64 {
    NOT_HERE
}

/// Ends the program: there is no worker that could be here.
///
/// # Safety
///
/// Always safe.
pub(super) unsafe fn run_on_stack(
    _top: u64,
    _entry: unsafe extern "C" fn(u64) -> !,
    _argument: u64,
) -> ! {
    std::process::abort()
}

/// No handler is ever set.
pub(super) fn restorer() -> u64 {
    0
}

/// No handler ever runs.
pub(super) fn stack_pointer() -> u64 {
    0
}
