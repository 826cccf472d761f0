//! The comparison with the second model sees wrong rules: a test of that test. In a program of its own, because a planted fault stays.
#![cfg(feature = "planted-faults")]

#[path = "against_naive/call.rs"]
mod call;
#[path = "against_naive/draw.rs"]
mod draw;
#[path = "against_naive/naive/mod.rs"]
mod naive;
#[path = "against_naive/pair.rs"]
mod pair;
#[path = "against_naive/real.rs"]
mod real;
#[path = "against_naive/run.rs"]
mod run;

use std::num::NonZeroU64;

use axprocess::faults::{Fault, plant};

#[test]
fn each_planted_fault_is_seen() {
    // R-REPARENT-03, R-SETPGID-09, R-WAIT-28: broken one at a time, each found by few scripts.
    let sign_of = [
        (Fault::WrongReaper, "BecomeSubreaper"),
        // Also the move in `WaitAcross`.
        (Fault::WrongGroup, "pgid: "),
        (Fault::ReapedTwice, "Wait"),
    ];
    for (fault, sign) in sign_of {
        plant(fault);
        let story = run::run_scripts(5_000, 1, NonZeroU64::MAX).expect_err("a fault is planted");
        assert!(story.contains(sign), "{fault:?}: {story}");
    }
}
