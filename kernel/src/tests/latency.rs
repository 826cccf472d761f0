//! For how long no interrupt comes, with one batch of children, and with very many.
//!
//! Booted with QEMU's clock counting instructions, one a nanosecond, so that the figures hang on nothing else.

use alloc::vec::Vec;
use core::time::Duration;

use axprocess::{ARef, ExitStatus, WaitOutcome, WaitRequest};
use axprocess_signals::signals_of;

use super::host::{Thread, boot, fork};
use super::{Outcome, say};
use crate::machine::take_longest_off;

/// What one hold looks at, at most.
const BATCH: usize = 64;
const MANY: usize = 100_000;

const STEPS: [&str; 5] =
    ["fork", "exit of their parent", "kill(-1)", "exit of each", "wait for each"];

pub(super) fn run() -> Outcome {
    let (one_batch, many) = (measure(BATCH)?, measure(MANY)?);
    say!("latency: the longest time with interrupts off, with {BATCH} children and with {MANY}");
    // In a fork the heap looks for a block too: no longer than a signal to two batches takes.
    let [.., signal_to_batch, _, _] = one_batch;
    let mut is_bounded = true;
    for (what, (one_batch, many)) in STEPS.into_iter().zip(one_batch.into_iter().zip(many)) {
        say!("latency: {what}: {one_batch:?} {many:?}");
        is_bounded &= match what {
            // One hold, as on Linux.
            "kill(-1)" => true,
            "fork" => many < signal_to_batch * 2,
            _ => many < one_batch * 10,
        };
    }
    if is_bounded { Ok(()) } else { Err("a hold grows with the children") }
}

/// The longest time of each step.
fn measure(children: usize) -> Result<[Duration; 5], &'static str> {
    let (_, init) = boot().map_err(|_| "no table")?;
    let parent = fork(&init).map_err(|_| "no parent")?;
    let killer = fork(&init).map_err(|_| "no killer")?;
    let mut all: Vec<ARef<Thread>> = Vec::new();
    all.try_reserve(children).map_err(|_| "no room")?;
    take_longest_off();
    for _ in 0..children {
        all.push(fork(&parent).map_err(|_| "no child")?);
    }
    let births = take_longest_off();
    signals_of(&parent).exit_thread(ExitStatus::exited(0));
    let parent_exits = take_longest_off();
    if all.iter().any(|child| child.process().ppid() != 1) {
        return Err("a child was not handed over");
    }
    killer.kill(-1, 15).map_err(|_| "kill(-1) reached nobody")?;
    let kill_all = take_longest_off();
    if all.iter().any(|child| child.attention().is_empty()) {
        return Err("a child was not killed");
    }
    for child in &all {
        signals_of(child).exit_thread(ExitStatus::exited(0));
    }
    let exits = take_longest_off();
    let any = WaitRequest::wait4(-1, 1).map_err(|_| "no request")?;
    let mut reaped = 0;
    while let Ok(WaitOutcome::Event(_)) = init.wait(&any) {
        reaped += 1;
    }
    let waits = take_longest_off();
    // The parent too.
    if reaped != children + 1 {
        return Err("a child was not reaped");
    }
    Ok([births, parent_exits, kill_all, exits, waits])
}
