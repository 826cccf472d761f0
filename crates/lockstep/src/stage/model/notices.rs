//! Signals of the kernel's own, on the model.

use axprocess::{ARef, Errno, KernelCause, Signal, Thread};

use super::super::notices;
use super::super::seen::READABLE;
use super::calls::{as_signal, plain};
use super::host::Layer;
use crate::script::{Notice, Owner};

/// What comes of it, for who has brought it about.
pub(super) fn notify(caller: &Thread<Layer>, notice: &Notice) -> Result<(), Errno> {
    match notice {
        Notice::Timer(signal, thread) => expire_timer(caller, *signal, thread.as_ref().map(plain)),
        Notice::File(owner, who, signal) => make_readable(caller, *owner, plain(who), *signal),
        Notice::BrokenPipe => {
            let cause = KernelCause::OnBehalfOf(caller.process());
            caller.send_signal(Signal::SIGPIPE, cause);
            Err(Errno::EPIPE)
        }
    }
}

/// The processor on which the timer expires runs its owner.
fn expire_timer(caller: &Thread<Layer>, signal: i32, thread: Option<i32>) -> Result<(), Errno> {
    let value = notices::OF_TIMER as u64;
    let expired = KernelCause::Event { code: libc::SI_TIMER, value, number: 0, sender: None };
    let Some(number) = thread else {
        return as_signal(signal).map(|signal| caller.send_process_signal(signal, expired));
    };
    let (own, number) = (caller.process(), u32::try_from(number).unwrap_or(0));
    let found = own.namespace().find_thread(number).filter(|it| ARef::ptr_eq(it.process(), own));
    // A leader that has exited takes nothing, and is there.
    if found.is_none() && own.pid() != number {
        return Err(Errno::EINVAL);
    }
    let signal = as_signal(signal)?;
    if let Some(thread) = found {
        thread.send_signal(signal, expired);
    }
    Ok(())
}

fn make_readable(
    caller: &Thread<Layer>,
    owner: Owner,
    number: i32,
    signal: i32,
) -> Result<(), Errno> {
    let owned = match u32::try_from(number) {
        Ok(0) => None,
        Ok(number) => Some(caller.process().namespace().find_identity(number)?),
        Err(_) => return Err(Errno::ESRCH),
    };
    let (signal, cause) = match signal {
        0 => (Signal::SIGIO, KernelCause::Kernel),
        signal => {
            let signal = as_signal(signal)?;
            let (code, value, number) = (code_of(signal), READABLE as u64, notices::FIRST_FILE);
            (signal, KernelCause::Event { code, value, number, sender: None })
        }
    };
    let Some(owned) = owned else { return Ok(()) };
    match owner {
        Owner::Group => {
            if let Some(group) = owned.group_of_number() {
                group.send_signal(signal, cause, |_, _| true);
            }
        }
        Owner::Thread | Owner::Process => match (owned.thread_or_leader(), owned.process()) {
            (Some(thread), _) if owner == Owner::Thread => thread.send_signal(signal, cause),
            (Some(thread), _) => thread.send_process_signal(signal, cause),
            // Its leader is dead, and takes nothing itself.
            (None, Some(process)) if owner == Owner::Process => process.send_signal(signal, cause),
            (None, _) => {}
        },
    }
    Ok(())
}

/// Where the codes of a signal's own would be mistaken for that of a readable file, it says so in general.
fn code_of(signal: Signal) -> i32 {
    const POLL_IN: i32 = 1;
    let has_codes_of_its_own = matches!(
        signal,
        Signal::SIGILL
            | Signal::SIGTRAP
            | Signal::SIGBUS
            | Signal::SIGFPE
            | Signal::SIGSEGV
            | Signal::SIGCHLD
            | Signal::SIGSYS
    );
    if has_codes_of_its_own { libc::SI_SIGIO } else { POLL_IN }
}
