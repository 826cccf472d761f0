//! Any sequence of calls of the layer of signals, with any arguments: nothing panics, and every invariant holds behind each call.
#![no_main]

use axprocess_fuzz::{SignalCalls, play_signals};

libfuzzer_sys::fuzz_target!(|calls: SignalCalls| {
    play_signals(&calls.0);
});
