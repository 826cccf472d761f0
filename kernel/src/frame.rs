//! What a handler finds on its stack, and how its thread comes back from it: the frames of x86-64.
//!
//! From the stack pointer up: the restorer, `ucontext_t`, `siginfo_t`; above, on 64 bytes, the floating-point registers as `fxsave` leaves them.

use axprocess::{Errno, ForcedAction, KernelCause, Signal, WaitEvent};
use axprocess_signals::{Action, ActionFlags, Frame, Handler, SignalSet, Stack, signals_of};

use crate::call::{Answer, Failure, ensure};
use crate::host::{Layer, Thread};
use crate::machine::{Fpu, Registers};
use crate::thread::User;

/// `MINSIGSTKSZ`.
pub(crate) const MINIMUM_STACK: usize = 2048;

/// Below the stack pointer a function may have data.
const RED_ZONE: u64 = 128;
const FPU: u64 = 512;
const CONTEXT: u64 = 8;
const INFO: u64 = CONTEXT + 304;
const SIZE: u64 = INFO + 128;
/// What stands where in `ucontext_t`, in words.
const STACK: usize = 2;
const REGISTERS: usize = 5;
const FPU_POINTER: usize = REGISTERS + 23;
const MASK: usize = REGISTERS + 32;
/// `cs`, `gs`, `fs`, `ss`.
const SEGMENTS: u64 = 0x33 | 0x2b << 48;

/// Pushes the frame of a handler, and has the thread run it. `EFAULT`: there is no room.
pub(crate) fn push(thread: &Thread, registers: &mut Registers, frame: &Frame) -> Result<(), Errno> {
    let space = thread.host_data().space()?;
    let (top, stack) = signals_of(thread).stack_for(frame, registers.rsp as usize);
    let top = top.map_or(registers.rsp.wrapping_sub(RED_ZONE), |top| top as u64);
    let fpu = top.wrapping_sub(FPU) & !63;
    let at = (fpu.wrapping_sub(SIZE) & !15).wrapping_sub(8);
    ensure(!stack.has(top as usize) || stack.has(at as usize), Errno::EFAULT)?;
    let mut context = [0_u64; 38];
    context[STACK..STACK + 3].copy_from_slice(&stack_words(stack));
    context[REGISTERS..REGISTERS + 18].copy_from_slice(registers.words());
    context[REGISTERS + 18] = SEGMENTS;
    context[FPU_POINTER] = fpu;
    context[MASK] = frame.saved_mask.bits();
    space.put(fpu, Fpu::of_current().as_bytes())?;
    space.put(at, &frame.action.restorer)?;
    space.put(at + CONTEXT, &context)?;
    space.put(at + INFO, &frame.info.to_siginfo())?;
    registers.rdi = frame.info.signal().number().into();
    registers.rsi = at + INFO;
    registers.rdx = at + CONTEXT;
    registers.rax = 0;
    registers.rip = frame.action.handler.raw() as u64;
    registers.rsp = at;
    // Direction, trap, resume.
    registers.rflags &= !0x1_0500;
    Ok(())
}

/// rt_sigreturn(2): the registers and the mask are what the frame has kept.
pub(crate) fn restore(thread: &Thread, user: &mut User) -> Answer {
    match read(thread, user.registers.rsp.wrapping_sub(CONTEXT)) {
        Ok((registers, fpu, mask, stack)) => {
            let fs_base = user.registers.fs_base;
            user.registers = Registers { fs_base, ..registers };
            fpu.load();
            let signals = signals_of(thread);
            signals.rt_sigreturn(mask);
            signals.restore_alt_stack(stack, registers.rsp as usize, MINIMUM_STACK);
        }
        Err(_) => {
            let (signal, action) = (Signal::SIGSEGV, ForcedAction::AsSet);
            thread.force_signal(signal, KernelCause::Kernel, action);
        }
    }
    Err(Failure::Replaced)
}

fn read(thread: &Thread, at: u64) -> Result<(Registers, Fpu, SignalSet, Stack), Errno> {
    let space = thread.host_data().space()?;
    let context: [u64; 38] = space.get(at.wrapping_add(CONTEXT))?;
    let stack = stack_of([context[STACK], context[STACK + 1], context[STACK + 2]]);
    let mut registers = Registers::default();
    registers.words().copy_from_slice(&context[REGISTERS..REGISTERS + 18]);
    let fpu = match context[FPU_POINTER] {
        0 => Fpu::initial(),
        at => Fpu::from_bytes(space.get(at)?),
    };
    Ok((registers, fpu, SignalSet::from_bits(context[MASK]), stack))
}

pub(crate) fn stack_of([base, flags, size]: [u64; 3]) -> Stack {
    Stack { base: base as usize, flags: flags as u32, size: size as usize }
}

/// `stack_t`.
pub(crate) fn stack_words(stack: Stack) -> [u64; 3] {
    [stack.base as u64, stack.flags.into(), stack.size as u64]
}

/// `struct sigaction` of the kernel.
pub(crate) fn action_words(action: Action) -> [u64; 4] {
    let (handler, restorer) = (action.handler.raw() as u64, action.restorer as u64);
    [handler, action.flags.bits().into(), restorer, action.mask.bits()]
}

pub(crate) fn action_of([handler, flags, restorer, mask]: [u64; 4]) -> Action {
    Action {
        handler: Handler::from_raw(handler as usize),
        flags: ActionFlags::from_bits_truncate(flags as u32),
        mask: SignalSet::from_bits(mask),
        restorer: restorer as usize,
    }
}

/// What waitid(2) stores of a `siginfo_t`: zeros, if nothing was reported.
pub(crate) fn child_info(event: Option<&WaitEvent<Layer>>) -> [u32; 7] {
    let Some(event) = event else { return [0; 7] };
    let told = event.status.si_code_and_status();
    let (signal, code) = (Signal::SIGCHLD.number().into(), told.code.cast_unsigned());
    [signal, 0, code, 0, event.pid, 0, told.status.cast_unsigned()]
}
