//! How long one processor waits for the lock while another holds it, over and over, for as long as a call can: `kill(-1, 0)` beside very many.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

use axprocess::{ARef, ForkRequest, Host, Lock, ProcessTable, Relations, Thread};

use super::{Plan, Row};
use crate::measure::clock::{begin_burst, bind_to, end_burst, processors, wall_time};
use crate::measure::interleave::{Series, median};
use crate::subject::Which;

/// How many processes there are.
const PROCESSES: usize = 20_000;

/// How long the two go on at a time, in nanoseconds.
const BURST: u64 = 150_000_000;

/// How long the one that waits does other things between its calls: so most come while the other holds the lock.
const PAUSE: u64 = 100_000;

struct Kernel<F>(PhantomData<F>);

/// A kind of locks.
trait Family: Send + Sync + 'static {
    type Of<T: Send>: Lock<T> + Send + Sync;
}

impl<F: Family> Host for Kernel<F> {
    type Lock = F::Of<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();
}

macro_rules! locks {
    ($($family:ident = $lock:ty: $median:literal, $worst:literal;)+) => {
        $(
            struct $family;

            impl Family for $family {
                type Of<T: Send> = $lock;
            }
        )+

        /// Two rows for each ready-made lock.
        pub(super) fn rows(plan: Plan, progress: &mut dyn FnMut(&str)) -> Vec<Row> {
            if processors() < 2 {
                return Vec::new();
            }
            let mut rows = Vec::new();
            $(
                progress($median);
                rows.extend(rows_of::<$family>(plan, $median, $worst));
            )+
            rows
        }
    };
}

locks! {
    Ticket = lock_api::Mutex<spin::mutex::TicketMutex<()>, T>: "wait for the lock, spin's ticket", "the longest, spin's ticket";
    Kspin = kspin::SpinNoIrq<T>: "wait for the lock, kspin", "the longest, kspin";
    ParkingLot = parking_lot::Mutex<T>: "wait for the lock, parking_lot", "the longest, parking_lot";
    Std = std::sync::Mutex<T>: "wait for the lock, std", "the longest, std";
}

fn rows_of<F: Family>(plan: Plan, of_median: &'static str, of_worst: &'static str) -> [Row; 2] {
    let table = ProcessTable::new(Kernel::<F>(PhantomData));
    let init = table.new_init(1, (), ()).expect("an empty table");
    let fork = || init.fork(ForkRequest::default(), (), ()).expect("init lives");
    let crowd: Vec<_> = (0..PROCESSES).map(|_| fork()).collect();
    let hold = median(&(0..9).map(|_| time(|| hit_all(&crowd[0]))).collect::<Vec<_>>());
    let (mut medians, mut longest, mut is_exclusive) = (Series::default(), Series::default(), true);
    for _ in 0..if plan.is_quick { 1 } else { 5 } {
        let (waits, has_been_alone) = waits_beside(&crowd[0], &crowd[1]);
        medians.add(Which::Kernel, median(&waits).unwrap_or(f64::NAN));
        longest.add(Which::Kernel, waits.iter().copied().fold(0.0, f64::max));
        is_exclusive &= has_been_alone;
    }
    let how = if is_exclusive { "" } else { ", not exclusive: others have had the processors too" };
    let note =
        format!("getsid beside kill(-1, 0) over {PROCESSES}; floor: one such call alone{how}");
    [(of_median, medians), (of_worst, longest)].map(|(operation, series)| Row {
        floor: hold,
        note: Some(note.clone()),
        ..Row::new(operation, series)
    })
}

/// How long each call of `asker` has taken while `holder` held the lock, over and over.
fn waits_beside<F: Family>(
    holder: &ARef<Thread<Kernel<F>>>,
    asker: &ARef<Thread<Kernel<F>>>,
) -> (Vec<f64>, bool) {
    let (has_begun, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let holding = scope.spawn(|| {
            bind_to(0);
            let is_exclusive = begin_burst();
            let begin = wall_time();
            while wall_time() - begin < BURST {
                hit_all(holder);
                has_begun.store(true, Ordering::Release);
            }
            is_over.store(true, Ordering::Release);
            end_burst();
            is_exclusive
        });
        let asking = scope.spawn(|| {
            bind_to(1);
            begin_burst();
            while !has_begun.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            let mut waits = Vec::with_capacity(1 << 16);
            while !is_over.load(Ordering::Acquire) {
                waits.push(time(|| _ = asker.process().getsid(1)));
                let since = wall_time();
                while wall_time() - since < PAUSE {
                    std::hint::spin_loop();
                }
            }
            end_burst();
            waits
        });
        (asking.join().unwrap_or_default(), holding.join().unwrap_or(false))
    })
}

fn hit_all<F: Family>(thread: &Thread<Kernel<F>>) {
    thread.kill(-1, 0).expect("there are others");
}

fn time(work: impl FnOnce()) -> f64 {
    let begin = wall_time();
    work();
    (wall_time() - begin) as f64
}
