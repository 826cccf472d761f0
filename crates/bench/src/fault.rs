//! What a budget must notice, planted on purpose (feature `planted-faults`).

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use kspin::SpinNoIrq;

/// The environment variable that hands a fault down to the program whose instructions are counted.
const PLANTED: &str = "AXPROCESS_BENCH_FAULT";

static FAULT: AtomicU32 = AtomicU32::new(0);

const NONE: u32 = 0;
const LOCK: u32 = 1;
const ALLOCATION: u32 = 2;
const SCAN: u32 = 3;

fn plant(name: &str) {
    let fault = match name {
        "lock" => LOCK,
        "allocation" => ALLOCATION,
        "scan" => SCAN,
        _ => NONE,
    };
    FAULT.store(fault, Ordering::Relaxed);
}

/// Plants what the program that started this one has handed down.
pub(crate) fn plant_from_environment() {
    if let Ok(name) = std::env::var(PLANTED) {
        plant(&name);
    }
}

/// Plants a fault here, and in the programs that this one starts.
pub(crate) fn hand_down(name: &str) {
    plant(name);
    // SAFETY: the program has one thread yet.
    unsafe { std::env::set_var(PLANTED, name) };
}

/// What an exit does needlessly.
pub(crate) fn commit() {
    static LOCK_OF_NOTHING: SpinNoIrq<u32> = SpinNoIrq::new(0);
    match FAULT.load(Ordering::Relaxed) {
        LOCK => *LOCK_OF_NOTHING.lock() += 1,
        ALLOCATION => drop(black_box(Box::new(0_u64))),
        SCAN => (0..1_000).for_each(|sibling| _ = black_box(sibling)),
        _ => {}
    }
}
