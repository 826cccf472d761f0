//! The crate against a second model of the same rules, on random scripts.
//!
//! The second model ([`naive`]) is written from the rules, without a look at how the crate works. A script is run on both, and after every call
//! the answer, what the kernel was told, and everything that can be seen of everybody must be the same. A script that shows a
//! difference is shrunk before it is told.
//!
//! The scripts are the same in each run. `PROPTEST_CASES=…` sets how many, `PROPTEST_RNG_SEED=…` draws other ones: half of them from that seed, the others from the next.

mod call;
mod draw;
mod naive;
mod pair;
mod real;
mod run;

use std::num::NonZeroU64;

const CASES: u32 = 100_000;
const SEED: u64 = 0x6178_7072;

fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// All rules that a script can reach: see the second model, where each stands beside its number. A half of the scripts.
fn assert_agreement(half: u64) {
    let cases = from_environment("PROPTEST_CASES").unwrap_or(CASES) / 2;
    let seed = from_environment("PROPTEST_RNG_SEED").unwrap_or(SEED) + half;
    println!("{cases} scripts of seed {seed}; other ones: PROPTEST_RNG_SEED=<number>");
    let interval = NonZeroU64::new(997).unwrap();
    if let Err(story) = run::run_scripts(cases, seed, interval) {
        panic!("seed {seed}: {story}");
    }
}

// Two, so that they run side by side.

#[test]
fn both_models_agree_on_random_scripts() {
    assert_agreement(0);
}

#[test]
fn both_models_agree_on_as_many_others() {
    assert_agreement(1);
}
