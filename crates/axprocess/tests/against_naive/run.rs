//! Drawing scripts, running them on both models, and shrinking the one that shows a difference.

use std::num::NonZeroU64;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::{draw, pair};

/// Half as long on average.
const LONGEST: usize = 60;

/// Runs that many scripts, drawn from a seed. On a difference: the shrunk script, and what differs.
pub(crate) fn run_scripts(cases: u32, seed: u64, check_interval: NonZeroU64) -> Result<(), String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(&draw::scripts(LONGEST), |steps| {
        pair::run(&steps, check_interval).map_err(TestCaseError::fail)
    });
    result.map_err(|error| match error {
        TestError::Fail(_, steps) => {
            pair::run(&steps, check_interval).expect_err("the shrunk script differs as well")
        }
        TestError::Abort(reason) => reason.to_string(),
    })
}
