//! Random programs of four to six threads under random schedules: all answers, the final graph and the posted signals must be those of some
//! order of the same steps, one after the other, on the second model of the rules.
//!
//! Without more said, 20,000 schedules are drawn, the same in each run. `RACES_SECONDS=…` says for how long instead, `RACES_SEED=…` draws others.

// The second model that the crate's own tests compare it with.
#[allow(dead_code, reason = "this test needs a part of it")]
#[path = "../../../axprocess/tests/against_naive/naive/mod.rs"]
mod naive;
mod outcome;
mod parallel;
mod program;
mod sequential;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use program::{Program, Random};
use races::Shuttle;
use sequential::{Verdict, find_order};

/// How many schedules of one program are drawn.
const SCHEDULES: usize = 40;

/// How many programs are drawn if no time is given.
const PROGRAMS: u64 = 500;

fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_outcome_is_that_of_some_order() {
    // Invariants 1 to 12 at every unlock; races 1 to 15, and whatever has no name yet.
    let seed: u64 = from_environment("RACES_SEED").unwrap_or(1);
    let limit = from_environment("RACES_SECONDS").map(Duration::from_secs);
    let (began, mut programs) = (Instant::now(), 0);
    let searched = Arc::new(AtomicUsize::new(0));
    while limit.map_or(programs < PROGRAMS, |limit| began.elapsed() < limit) {
        explore(seed.wrapping_add(programs), &searched);
        programs += 1;
    }
    println!(
        "{programs} programs, {} schedules, of which {} took a search for their order; seed {seed}",
        programs * SCHEDULES as u64,
        searched.load(Ordering::Relaxed),
    );
}

/// Runs the program of that seed under some schedules.
fn explore(seed: u64, searched: &Arc<AtomicUsize>) {
    let program = Program::draw(&mut Random::new(seed));
    let searched = Arc::clone(searched);
    Shuttle::explore_from(seed, SCHEDULES, move || {
        let (steps, outcome) = parallel::run(&program);
        match find_order(&program, &steps, &outcome) {
            Verdict::OrderOfHolds => {}
            Verdict::OtherOrder => _ = searched.fetch_add(1, Ordering::Relaxed),
            Verdict::None => {
                panic!("no order of these gives the same: {program:#?}\n{steps:#?}\n{outcome:#?}")
            }
        }
    });
}
