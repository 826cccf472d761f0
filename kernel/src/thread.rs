//! A thread: a loop between user space and what has to be done before it goes back there.
//!
//! | step | what |
//! | --- | --- |
//! | 1 | [`return_to_user`]: as long as the attention word is not zero, the thread exits, stops, or runs a handler |
//! | 2 | it runs its program until it traps; it is back at once if somebody wants its attention meanwhile |
//! | 3 | a system call ([`calls`]), a fault, or an interrupt, that is over by now |

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;

use axprocess::{ARef, Errno, ExitStatus, ForcedAction, KernelCause, Signal, ThreadExit};
use axprocess_signals::{
    Delivery, Frame, ProcessSignals, Restart, Signals, ThreadSignals, signals_of,
};
use linux_raw_sys::general::*;

use crate::call::{Call, Failure};
use crate::files::{self, Descriptors, OpenFile};
use crate::host::{System, Table, Thread, sleep_while};
use crate::machine::{self, AddressSpace, Fault, Fpu, IrqLock, Protection, Registers, Trap};
use crate::memory_calls::wake_word;
use crate::sched::{self, NewTask};
use crate::state::{Sleeps, ThreadState};
use crate::user_memory::{boxed, shared};
use crate::{calls, exec, frame, ptrace, tty};

/// What a thread takes along on its way back to user space.
pub(crate) struct User {
    pub(crate) registers: Registers,
    /// The call that was interrupted, and its number.
    interrupted: Option<(Restart, u32)>,
    /// When the call ends that waits for the rest of its time.
    pub(crate) deadline: Option<Duration>,
}

impl User {
    /// The call that was interrupted, if one was, is made again, or it is `EINTR`: that is decided once.
    fn end_call(&mut self, is_made_again: impl FnOnce(Restart) -> bool) {
        let Some((restart, number)) = self.interrupted.take() else { return };
        if is_made_again(restart) {
            /// That of the instruction `syscall`.
            const LENGTH: u64 = 2;
            self.registers.rip -= LENGTH;
            self.registers.rax = number.into();
        } else {
            self.deadline = None;
        }
    }
}

/// Runs a thread in user space until it exits.
fn run(thread: &ARef<Thread>, registers: Registers) {
    let mut user = User { registers, interrupted: None, deadline: None };
    while return_to_user(thread, &mut user) {
        // Places for what the next call sends.
        thread.host().refill();
        let is_wanted = || !thread.attention().is_empty();
        match machine::enter_user(&mut user.registers, is_wanted) {
            Trap::SystemCall => {
                if !make_call(thread, &mut user) {
                    return;
                }
            }
            Trap::PageFault { address, access } => resolve_fault(thread, address, access),
            Trap::Exception { vector } => raise_exception(thread, vector, &user.registers),
            Trap::Interrupt => {}
        }
    }
}

/// Makes the call that the registers say. False: the thread has exited by it.
fn make_call(thread: &ARef<Thread>, user: &mut User) -> bool {
    let state: &ThreadState = thread.host_data();
    let number = user.registers.rax as u32;
    state.call.store(number as i32, Relaxed);
    let answer = calls::make(Call { thread, user }, number);
    state.call.store(-1, Relaxed);
    user.registers.rax = match answer {
        Ok(value) => value,
        Err(Failure::Errno(errno)) => i64::from(-errno.value()).cast_unsigned(),
        Err(Failure::Interrupted(restart)) => {
            user.interrupted = Some((restart, number));
            i64::from(-Errno::EINTR.value()).cast_unsigned()
        }
        Err(Failure::Replaced) => user.registers.rax,
        Err(Failure::Exited) => return false,
    };
    if user.interrupted.is_none() {
        user.deadline = None;
    }
    true
}

/// What is left to do before a thread runs in user space. False: it has exited.
fn return_to_user(thread: &ARef<Thread>, user: &mut User) -> bool {
    let signals = signals_of(thread);
    // Behind a stop it looks for signals though nobody has told it to.
    let has_stopped = || thread.host_data().has_stopped.swap(false, Relaxed);
    while has_stopped() || !thread.attention().is_empty() {
        let mut delivery = signals.get_signal();
        while let Delivery::Traced(signal) = delivery {
            delivery = ptrace::show_signal(thread, signal);
        }
        match delivery {
            Delivery::Return => user.end_call(Restart::without_handler),
            Delivery::Handle(frame) => {
                user.end_call(|restart| restart.with_handler(&frame));
                let push = |frame: &Frame| frame::push(thread, &mut user.registers, frame);
                signals.enter_handler(&frame, push);
            }
            Delivery::Stop => sleep_in_stop(thread),
            Delivery::Fatal(signal) => {
                thread.process().begin_group_exit(ExitStatus::killed(signal));
            }
            Delivery::Exit(status) => {
                exit(thread, status);
                return false;
            }
            Delivery::Traced(_) => {}
        }
    }
    user.end_call(Restart::without_handler);
    true
}

/// Sleeps until the stop in which the thread is has ended, be it for its tracer or with its group.
pub(crate) fn sleep_in_stop(thread: &Thread) {
    sleep_while(thread, || thread.is_stopped());
    thread.host_data().has_stopped.store(true, Relaxed);
}

/// Ends the calling thread: memory and files go before anyone is told of the end.
pub(crate) fn exit(thread: &ARef<Thread>, status: ExitStatus) {
    let state: &ThreadState = thread.host_data();
    let mut exit = thread.begin_exit(status);
    ptrace::stop_for_event(thread, ptrace::Event::Exit);
    state.is_exiting.store(true, Relaxed);
    if signals_of(thread).set_exiting(&mut exit) == ThreadExit::LastOfInit {
        // What the machine is there for is done.
        machine::power_off(exit.status() == ExitStatus::exited(0));
    }
    release_space(thread, None);
    thread.note_mm_release();
    let files = state.files.lock().take();
    drop(files);
    sleep_while(thread, || !exit.try_finish());
}

/// A thread uses its memory no more: it has other memory, or none.
pub(crate) fn release_space(thread: &Thread, next: Option<Arc<AddressSpace>>) {
    let state: &ThreadState = thread.host_data();
    let at = state.clear_tid.swap(0, Relaxed);
    if let Ok(space) = state.space()
        && at != 0
        && space.put(at, &0_u32).is_ok()
    {
        wake_word(&space, at, 1).ok();
    }
    sched::set_address_space(next);
}

fn resolve_fault(thread: &Thread, address: u64, access: Protection) {
    let Ok(space) = thread.host_data().space() else { return };
    let (signal, code) = match space.handle_fault(address, access) {
        Ok(()) => return,
        Err(Fault::NotMapped) => (Signal::SIGSEGV, SEGV_MAPERR),
        Err(Fault::Denied) => (Signal::SIGSEGV, SEGV_ACCERR),
        Err(Fault::BehindEnd) => (Signal::SIGBUS, BUS_ADRERR),
        Err(Fault::OutOfMemory) => {
            thread.force_signal(Signal::SIGKILL, KernelCause::Kernel, ForcedAction::Final);
            return;
        }
    };
    let cause = KernelCause::Event { code: code as i32, value: address, number: 0, sender: None };
    thread.force_signal(signal, cause, ForcedAction::AsSet);
}

fn raise_exception(thread: &Thread, vector: u8, registers: &Registers) {
    let (signal, code) = match vector {
        0 => (Signal::SIGFPE, Some(FPE_INTDIV)),
        1 => (Signal::SIGTRAP, Some(TRAP_TRACE)),
        3 => (Signal::SIGTRAP, None),
        6 => (Signal::SIGILL, Some(ILL_ILLOPN)),
        16 | 19 => (Signal::SIGFPE, Some(FPE_FLTINV)),
        17 => (Signal::SIGBUS, Some(BUS_ADRALN)),
        _ => (Signal::SIGSEGV, None),
    };
    let (value, number) = (registers.rip, 0);
    let event = |code| KernelCause::Event { code: code as i32, value, number, sender: None };
    let cause = code.map_or(KernelCause::Kernel, event);
    thread.force_signal(signal, cause, ForcedAction::AsSet);
}

/// Lets a thread run that is made, with the caller's floating-point registers. It cannot fail. `set_tid`: where it stores its number, `CLONE_CHILD_SETTID`.
pub(crate) fn begin(
    task: NewTask,
    thread: ARef<Thread>,
    registers: Registers,
    set_tid: Option<u64>,
) {
    let fpu = Fpu::of_current();
    task.start(move || {
        fpu.load();
        if let (Some(at), Ok(space)) = (set_tid, thread.host_data().space()) {
            // As on Linux, nobody is told if it cannot be stored.
            space.put(at, &thread.tid()).ok();
        }
        run(&thread, registers);
    });
}

static TABLE: IrqLock<Option<&'static Table>> = IrqLock::new(None);

/// The only table.
pub(crate) fn table() -> &'static Table {
    TABLE.lock().expect("it is made before anybody can ask")
}

/// Makes the table with its first process, which executes what the command line says: in the first task of the kernel.
pub(crate) fn boot(command_line: &'static str, files: &'static [u8]) -> Result<(), Errno> {
    let table: &'static Table = Box::leak(boxed(Table::new(Signals::new(System)))?);
    *TABLE.lock() = Some(table);
    files::boot(files)?;
    let console = OpenFile::of(tty::boot()?)?;
    let task = NewTask::new(Some(AddressSpace::new()?))?;
    let files = shared(Descriptors::default())?;
    for _ in 0..3 {
        files.reserve(0)?.fill(Arc::clone(&console), false);
    }
    let state = ThreadState::new(Arc::clone(task.task()), files);
    let process = ProcessSignals::new(table.host(), Sleeps::default())?;
    let thread = table.new_init(1, process, ThreadSignals::new(state))?;
    task.start(move || match exec::first(&thread, command_line) {
        Ok(registers) => run(&thread, registers),
        Err(errno) => panic!("no first program: {errno}"),
    });
    Ok(())
}
