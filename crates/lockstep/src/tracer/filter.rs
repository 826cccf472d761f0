//! The seccomp filter that the followed program runs under: it stops a thread only at system
//! calls about processes, so that everything else runs at full speed.

use libc::sock_filter;

use crate::syscalls::{self, Stopping};

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
/// Tells the stops of this filter from those of the program's own.
pub(crate) const MARK: u32 = 0x4c53;
const TRACE: u32 = libc::SECCOMP_RET_TRACE | MARK;

const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCH: u32 = 4;
const OFFSET_ARGUMENT: [u32; 2] = [16, 24];
/// x32 calls carry this bit beside the architecture number of x86-64.
const X32_BIT: u32 = 0x4000_0000;

/// The architecture whose system calls lockstep understands.
#[cfg(target_arch = "x86_64")]
pub(crate) const NATIVE_ARCH: u32 = 0xc000_003e;
/// The architecture whose system calls lockstep understands.
#[cfg(target_arch = "aarch64")]
pub(crate) const NATIVE_ARCH: u32 = 0xc000_00b7;

/// Builds the filter. Calls of another architecture all stop, so that they can be named.
pub(crate) fn build() -> Vec<sock_filter> {
    let mut program = vec![
        load(OFFSET_ARCH),
        jump(libc::BPF_JEQ, NATIVE_ARCH, 1, 0),
        answer(TRACE),
        load(OFFSET_NUMBER),
    ];
    if cfg!(target_arch = "x86_64") {
        program.push(jump(libc::BPF_JGE, X32_BIT, 0, 1));
        program.push(answer(TRACE));
    }
    for call in syscalls::FOLLOWED {
        match call.stopping {
            Stopping::Always => {
                program.push(jump(libc::BPF_JEQ, call.number as u32, 0, 1));
                program.push(answer(TRACE));
            }
            Stopping::Argument { index, values } => {
                // number matches? → load the argument, TRACE if it is one of the values.
                let length = 1 + 2 * values.len() as u8 + 1;
                program.push(jump(libc::BPF_JEQ, call.number as u32, 0, length));
                program.push(load(OFFSET_ARGUMENT[index]));
                for &value in values {
                    program.push(jump(libc::BPF_JEQ, value, 0, 1));
                    program.push(answer(TRACE));
                }
                program.push(answer(ALLOW));
            }
        }
    }
    program.push(answer(ALLOW));
    program
}

fn load(offset: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn answer(action: u32) -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, action)
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

fn jump(condition: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    let code = libc::BPF_JMP | condition | libc::BPF_K;
    sock_filter { code: code as u16, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter as the kernel would, for one call.
    fn run(program: &[sock_filter], arch: u32, number: u32, arguments: [u32; 2]) -> u32 {
        let mut accumulator = 0;
        let mut at = 0;
        loop {
            let step = program[at];
            at += 1;
            match u32::from(step.code) & 0x07 {
                libc::BPF_LD => {
                    accumulator = match step.k {
                        OFFSET_NUMBER => number,
                        OFFSET_ARCH => arch,
                        16 => arguments[0],
                        24 => arguments[1],
                        other => panic!("offset {other}"),
                    };
                }
                libc::BPF_JMP => {
                    let holds = match u32::from(step.code) & 0xf0 {
                        libc::BPF_JEQ => accumulator == step.k,
                        libc::BPF_JGE => accumulator >= step.k,
                        other => panic!("jump {other}"),
                    };
                    at += usize::from(if holds { step.jt } else { step.jf });
                }
                _ => return step.k,
            }
        }
    }

    /// Calls about processes stop; others, and other uses of the same calls, do not.
    #[test]
    fn only_calls_about_processes_stop() {
        let program = build();
        let ask =
            |number: libc::c_long, arguments| run(&program, NATIVE_ARCH, number as u32, arguments);
        assert_eq!(ask(libc::SYS_wait4, [0, 0]), TRACE);
        assert_eq!(ask(libc::SYS_setsid, [0, 0]), TRACE);
        assert_eq!(ask(libc::SYS_read, [0, 0]), ALLOW);
        assert_eq!(ask(libc::SYS_rt_sigaction, [libc::SIGCHLD as u32, 0]), TRACE);
        assert_eq!(ask(libc::SYS_rt_sigaction, [libc::SIGINT as u32, 0]), ALLOW);
        assert_eq!(ask(libc::SYS_ioctl, [0, libc::TIOCSPGRP as u32]), TRACE);
        assert_eq!(ask(libc::SYS_ioctl, [0, libc::TCGETS as u32]), ALLOW);
        assert_eq!(ask(libc::SYS_prctl, [libc::PR_SET_CHILD_SUBREAPER as u32, 0]), TRACE);
        assert_eq!(ask(libc::SYS_prctl, [libc::PR_SET_NAME as u32, 0]), ALLOW);
    }

    /// Every call of a foreign architecture stops, to be named in the report.
    #[test]
    fn foreign_calls_stop() {
        assert_eq!(run(&build(), 0x4000_0003, 3, [0, 0]), TRACE);
    }
}
