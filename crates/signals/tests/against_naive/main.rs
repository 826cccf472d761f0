//! The layer against a second model of the same rules, on random scripts.
//!
//! The second model ([`naive`]) is written from the rules R-SIG, without a look at how the layer works: sets of numbers, and lists. A script is run on both, and after every call the answer, and everything that can be seen of everybody,
//! must be the same; and all invariants of the layer hold. A script that shows a difference is shrunk before it is told.
//!
//! The scripts are the same in each run. `PROPTEST_CASES=…` sets how many, `PROPTEST_RNG_SEED=…` draws other ones: half of them from that seed, the others from the next.

mod call;
#[path = "../kernel/mod.rs"]
mod kernel;
mod naive;
mod pair;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

const CASES: u32 = 100_000;
const SEED: u64 = 0x6178_7369;
/// Half as long on average.
const LONGEST: usize = 60;

fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// A half of the scripts.
fn assert_agreement(half: u64) {
    let cases = from_environment("PROPTEST_CASES").unwrap_or(CASES) / 2;
    let seed = from_environment("PROPTEST_RNG_SEED").unwrap_or(SEED) + half;
    println!("{cases} scripts of seed {seed}; other ones: PROPTEST_RNG_SEED=<number>");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new_with_rng(config, rng)
        .run(&call::scripts(LONGEST), |steps| pair::run(&steps).map_err(TestCaseError::fail));
    if let Err(error) = result {
        panic!("seed {seed}: {error}");
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
