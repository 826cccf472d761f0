//! The clock: QEMU's HPET, the same for all processors.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use super::frame::Device;

const HPET: Device = Device(0xfed0_0000);
/// Its period, in the upper half, in 10⁻¹⁵ s.
const CAPABILITIES: u64 = 0;
const CONFIGURATION: u64 = 0x10;
const COUNTER: u64 = 0xf0;
const COUNTER_HIGH: u64 = 0xf4;

static NANOSECONDS_PER_COUNT: AtomicU64 = AtomicU64::new(10);
/// The counters of both clocks at boot.
static START: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

pub(super) fn start() {
    let femtoseconds = u64::from(HPET.read(CAPABILITIES + 4));
    NANOSECONDS_PER_COUNT.store(femtoseconds / 1_000_000, Ordering::Relaxed);
    HPET.write(CONFIGURATION, 1);
    START[0].store(count(), Ordering::Relaxed);
    START[1].store(stamp(), Ordering::Relaxed);
}

/// QEMU reads a long register in two halves: so the upper one has to stand still.
fn count() -> u64 {
    let mut high = HPET.read(COUNTER_HIGH);
    loop {
        let low = HPET.read(COUNTER);
        let again = HPET.read(COUNTER_HIGH);
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
        high = again;
    }
}

/// Returns the time since boot.
pub(crate) fn monotonic() -> Duration {
    let count = count().wrapping_sub(START[0].load(Ordering::Relaxed));
    Duration::from_nanos(count.wrapping_mul(NANOSECONDS_PER_COUNT.load(Ordering::Relaxed)))
}

/// Returns the time-stamp counter: cheap, of no known speed.
pub(super) fn stamp() -> u64 {
    // SAFETY: it has no other effect.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Translates a difference of stamps, by what both clocks have counted since boot.
pub(super) fn of_stamps(stamps: u64) -> Duration {
    let counted = stamp().saturating_sub(START[1].load(Ordering::Relaxed)).max(1);
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
