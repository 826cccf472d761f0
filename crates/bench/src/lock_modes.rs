//! An experiment: what would fork, exit without children and reap cost if they shared the relation lock?
//!
//! It is no process model. It takes the locks and writes the cache lines that a life takes and writes, with about as much
//! arithmetic between them, and does that under two locks:
//!
//! * **one**: one spin lock, as the crate has it;
//! * **shared**: each processor announces itself on a line of its own, and what two lives can meet at (the numbers, the parent's
//!   children, the group's members) has a small lock each. Whoever changes the shape of the tree would raise a flag and wait until
//!   no processor is announced; that is not measured.
//!
//! `docs/performance.md` says what follows from it.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use axprocess::Lock;
use kspin::SpinNoIrq;

use crate::measure::clock::{timed, wall_time};
use crate::measure::interleave::median;
use crate::measure::pair::together;

/// How many repetitions each cell of the table has.
const REPETITIONS: usize = 31;
/// How many lives are lived between two looks at the clock.
const ROUND: usize = 64;
/// Steps of arithmetic in a section, and outside all sections: so that a life alone takes what one of the crate's takes.
const SECTION_WORK: u64 = 100;
const OUTSIDE_WORK: u64 = 150;

/// A cache line, and the one that the processor fetches with it.
#[repr(align(128))]
#[derive(Default)]
struct Line([AtomicU64; 4]);

impl Line {
    fn write(&self) {
        for word in &self.0[..2] {
            word.store(word.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }
}

/// The lock of the crate's default host.
struct Spin(SpinNoIrq<()>);

impl Default for Spin {
    fn default() -> Self {
        Self(Lock::new(()))
    }
}

impl Spin {
    fn hold(&self, section: impl FnOnce()) {
        let _guard = Lock::lock(&self.0);
        section();
    }
}

/// A spin lock and what it protects, on lines of their own.
#[derive(Default)]
#[repr(align(128))]
struct Apart {
    lock: Spin,
    line: Line,
}

/// All that two lives can meet at.
#[derive(Default)]
struct Table {
    one: Apart,
    numbers: Apart,
    /// Is a change of shape waiting?
    is_wanted_alone: AtomicBool,
    /// One for each processor.
    present: [Line; 2],
    families: [Family; 2],
}

/// A parent with its children, and a group with its members.
#[derive(Default)]
struct Family {
    parent: Apart,
    group: Apart,
}

#[derive(Clone, Copy)]
enum Mode {
    One,
    Shared,
}

#[derive(Clone, Copy)]
enum Kinship {
    Disjoint,
    OneFamily,
}

/// Who lives: on which processor, in which family, with which lines of its own.
struct Actor<'a> {
    table: &'a Table,
    mode: Mode,
    processor: usize,
    family: &'a Family,
    own: [Line; 5],
}

impl<'a> Actor<'a> {
    fn new(table: &'a Table, mode: Mode, processor: usize, kinship: Kinship) -> Self {
        let family = match kinship {
            Kinship::Disjoint => processor,
            Kinship::OneFamily => 0,
        };
        Self { table, mode, processor, family: &table.families[family], own: Default::default() }
    }

    fn live(&self) {
        work(OUTSIDE_WORK);
        // Fork: a number, a parent, a group. Exit: the parent is told. Reap: all is given back.
        self.section(5, Meets::Everything);
        self.section(2, Meets::Parent);
        self.section(3, Meets::Everything);
    }

    fn section(&self, lines: usize, meets: Meets) {
        let Table { one, numbers, .. } = self.table;
        let Family { parent, group } = self.family;
        let own = || {
            self.own.iter().take(lines).for_each(Line::write);
            work(SECTION_WORK);
        };
        let all = || {
            own();
            parent.line.write();
            if matches!(meets, Meets::Everything) {
                group.line.write();
                numbers.line.write();
            }
        };
        match self.mode {
            Mode::One => one.lock.hold(|| {
                one.line.write();
                all();
            }),
            Mode::Shared => {
                let present = &self.table.present[self.processor];
                present.0[0].store(1, Ordering::Relaxed);
                // Either this processor sees that somebody wants to be alone, or that one sees this processor.
                fence(Ordering::SeqCst);
                assert!(!self.table.is_wanted_alone.load(Ordering::Acquire));
                present.0[1].store(1, Ordering::Relaxed);
                own();
                parent.lock.hold(|| parent.line.write());
                if matches!(meets, Meets::Everything) {
                    group.lock.hold(|| group.line.write());
                    numbers.lock.hold(|| numbers.line.write());
                }
                present.0[0].store(0, Ordering::Release);
            }
        }
    }
}

/// What a section touches beside its own lines.
#[derive(Clone, Copy)]
enum Meets {
    Everything,
    Parent,
}

fn work(steps: u64) {
    // Not to be folded into one.
    (0..steps).for_each(|step| _ = black_box(step));
}

fn alone(mode: Mode) -> f64 {
    let table = Table::default();
    let actor = Actor::new(&table, mode, 0, Kinship::Disjoint);
    let lives = 40 * ROUND;
    timed(|| (0..lives).for_each(|_| actor.live())) / lives as f64
}

fn side_by_side(mode: Mode, kinship: Kinship) -> (f64, f64) {
    let table = Table::default();
    let actors = [0, 1].map(|processor| Actor::new(&table, mode, processor, kinship));
    let round = |actor: &Actor<'_>| {
        (0..ROUND).for_each(|_| actor.live());
        ROUND
    };
    let pair = together(|| round(&actors[0]), || round(&actors[1]));
    (pair.mean, pair.overlap)
}

/// Measures and prints the table.
pub fn main() {
    let modes = [("one", Mode::One), ("shared", Mode::Shared)];
    let mut costs = vec![[const { Vec::new() }; 3]; modes.len()];
    let mut overlaps = Vec::new();
    for _ in 0..REPETITIONS {
        for ((_, mode), costs) in modes.iter().zip(&mut costs) {
            costs[0].push(alone(*mode));
            for (column, kinship) in [(1, Kinship::Disjoint), (2, Kinship::OneFamily)] {
                let (cost, overlap) = side_by_side(*mode, kinship);
                costs[column].push(cost);
                overlaps.push(overlap);
            }
        }
    }
    println!("CPU time of a life, ns: medians of {REPETITIONS} repetitions in turns\n");
    println!(
        "{:<14} {:>8} {:>20} {:>22}",
        "lock", "alone", "2 threads, disjoint", "2 threads, one family"
    );
    for ((name, _), costs) in modes.iter().zip(&costs) {
        let [alone, disjoint, family] =
            [0, 1, 2].map(|column: usize| median(&costs[column]).unwrap_or(0.0));
        println!("{name:<14} {alone:>8.0} {disjoint:>20.0} {family:>22.0}");
    }
    let overlap = median(&overlaps).unwrap_or(0.0) * 100.0;
    println!("\nboth threads ran {overlap:.0} % of the time");
    // Two threads that only live finish one life each in that time, so the lock serves one in half of it.
    let hold = median(&costs[0][1]).unwrap_or(0.0) / 2.0;
    tell_what_follows(hold, fork_exit_wait());
}

/// What one lock costs if it serves a life in `hold` ns, and a processor begins a life every `fork` ns. Like a server of equal services: the mean wait is
/// u / (2 (1 - u)) of a service, if it is in use for the part u of the time by others.
fn tell_what_follows(hold: f64, fork: f64) {
    println!("\nfork, exit and wait of this small process on this kernel: {fork:.0} ns");
    println!("one lock serves a life in {hold:.0} ns; processors that do nothing else:\n");
    println!("{:<12} {:>8} {:>20} {:>10}", "processors", "in use", "wait, ns a life", "of a fork");
    for processors in [2.0, 8.0, 64.0] {
        let others = (processors - 1.0) * hold / fork;
        let (wait, part) = if others < 1.0 {
            let wait = others / (2.0 * (1.0 - others)) * hold;
            (format!("{wait:.0}"), format!("{:.2} %", wait / fork * 100.0))
        } else {
            ("the limit".to_owned(), String::new())
        };
        println!("{processors:<12} {:>6.1} % {wait:>20} {part:>10}", (others * 100.0).min(100.0));
    }
}

/// Nanoseconds for a child that ends at once.
fn fork_exit_wait() -> f64 {
    const FORKS: usize = 400;
    let costs: Vec<f64> = (0..FORKS)
        .map(|_| {
            let begin = wall_time();
            // SAFETY: this program has one thread now, and the child only ends.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: it does not return.
                unsafe { libc::_exit(0) };
            }
            // SAFETY: no status is asked for.
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            (wall_time() - begin) as f64
        })
        .collect();
    median(&costs).unwrap_or(0.0)
}
