//! Drawing scripts, running them on both models, and shrinking the one that shows a difference.

use std::num::NonZeroU64;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::call::Step;
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
        TestError::Fail(_, steps) => tell(&shorten(steps, check_interval), check_interval),
        TestError::Abort(reason) => reason.to_string(),
    })
}

fn tell(steps: &[Step], check_interval: NonZeroU64) -> String {
    pair::run(steps, check_interval).expect_err("the shrunk script differs as well")
}

/// Leaves out steps as long as the script shows a difference: singly, in pairs, and one while another thread makes another step.
fn shorten(mut steps: Vec<Step>, check_interval: NonZeroU64) -> Vec<Step> {
    const CALLERS: u8 = 6;
    let differs = |steps: &[Step]| pair::run(steps, check_interval).is_err();
    loop {
        let last = steps.len();
        let pairs = || (0..last).flat_map(|one| (0..=one).map(move |other| [one, other]));
        let recast = (0..last).flat_map(|one| {
            let casts = (0..last).flat_map(|other| (0..CALLERS).map(move |by| (other, by)));
            casts.map(move |cast| (one, cast))
        });
        let shorter = pairs().map(|left_out| without(&steps, &left_out)).find(|it| differs(it));
        let shorter = shorter.or_else(|| {
            let mut scripts = recast.map(|(left_out, (other, by))| {
                let mut script = steps.clone();
                script[other].by = by;
                without(&script, &[left_out])
            });
            scripts.find(|script| differs(script))
        });
        match shorter {
            Some(shorter) => steps = shorter,
            None => return steps,
        }
    }
}

fn without(steps: &[Step], left_out: &[usize]) -> Vec<Step> {
    let kept = (0..steps.len()).filter(|index| !left_out.contains(index));
    kept.map(|index| steps[index].clone()).collect()
}
