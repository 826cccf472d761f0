//! The clock: QEMU's HPET, the same for all processors.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use super::frame::Device;

const HPET: Device = Device(0xfed0_0000);
const CONFIGURATION: u64 = 0x10;
const COUNTER: u64 = 0xf0;
const COUNTER_HIGH: u64 = 0xf4;

/// So long is a count of QEMU's.
const NANOSECONDS: u64 = 10;
/// The stamp at boot, where the clock begins.
static FIRST_STAMP: AtomicU64 = AtomicU64::new(0);

pub(super) fn start() {
    HPET.write(CONFIGURATION, 1);
    FIRST_STAMP.store(stamp(), Ordering::Relaxed);
}

/// QEMU reads a long register in two halves: so the upper one has to stand still.
fn count() -> u64 {
    loop {
        let [high, low, again] = [COUNTER_HIGH, COUNTER, COUNTER_HIGH].map(|it| HPET.read(it));
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// Returns the time since boot.
pub(crate) fn monotonic() -> Duration {
    Duration::from_nanos(count().wrapping_mul(NANOSECONDS))
}

/// Returns the time-stamp counter: cheap, of no known speed.
pub(super) fn stamp() -> u64 {
    // SAFETY: it has no other effect.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Translates a difference of stamps, by what both clocks have counted since boot.
pub(super) fn of_stamps(stamps: u64) -> Duration {
    let counted = stamp().saturating_sub(FIRST_STAMP.load(Ordering::Relaxed)).max(1);
    let nanoseconds = u128::from(stamps) * monotonic().as_nanos() / u128::from(counted);
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// Returns bits that are good enough for `AT_RANDOM` and a stack protector, not for keys.
pub(crate) fn random() -> u64 {
    static STATE: AtomicU64 = AtomicU64::new(0);
    let mut bits = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed) ^ stamp();
    for shift in [30, 27, 31] {
        bits = (bits ^ bits >> shift).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    bits
}
