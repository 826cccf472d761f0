//! The words that user space reads: of an end, a stop, an error.

use axprocess::{Errno, ExitStatus, Signal, TraceStop, WaitStatus};

/// All status words that there are, in order, each with what it says.
fn all_words() -> Vec<(i32, WaitStatus)> {
    let mut words = vec![(0xffff, WaitStatus::Continued)];
    words.extend((0..=255).map(|code| (i32::from(code) << 8, WaitStatus::Exited(code))));
    for signal in (1..=64).map(|number| Signal::new(number).unwrap()) {
        let number = i32::from(signal.number());
        words.push((number, WaitStatus::Signaled { signal, core_dumped: false }));
        words.push((number + 0x80, WaitStatus::Signaled { signal, core_dumped: true }));
        words.push((number * 0x100 + 0x7f, WaitStatus::Stopped(signal)));
    }
    let codes = (0x80..=0xffff_u16).filter_map(TraceStop::new);
    words.extend(
        codes.map(|stop| (i32::from(stop.code()) * 0x100 + 0x7f, WaitStatus::Trapped(stop))),
    );
    words.sort_unstable_by_key(|(word, _)| *word);
    words
}

#[test]
fn a_status_word_is_read_as_it_was_written() {
    // R-WAIT-16: every word of three bytes and more, those that Linux never writes included.
    let words = all_words();
    for (word, status) in &words {
        assert_eq!(status.to_raw(), *word, "{status:?}");
    }
    let mut known = words.into_iter().peekable();
    for raw in 0..=0x0101_ffff {
        let expected = known.next_if(|(word, _)| *word == raw).map(|(_, status)| status);
        assert_eq!(WaitStatus::from_raw(raw), expected, "{raw:#x}");
    }
    assert_eq!(known.next(), None);
    for negative in [i32::MIN, -1, i32::MIN + 0x137f] {
        assert_eq!(WaitStatus::from_raw(negative), None);
    }
}

#[test]
fn an_exit_word_is_that_of_an_end() {
    // R-EXIT-01, R-EXIT-11: a code of one byte, or a signal with or without a core; no stop and no continuation.
    for (word, status) in all_words() {
        let ended = matches!(status, WaitStatus::Exited(_) | WaitStatus::Signaled { .. });
        let read = ExitStatus::from_raw(word);
        assert_eq!(read.is_some(), ended, "{status:?}");
        if let Some(exit) = read {
            assert_eq!((exit.to_raw(), WaitStatus::from(exit)), (word, status));
        }
        match status {
            WaitStatus::Exited(code) => assert_eq!(read, Some(ExitStatus::exited(code.into()))),
            WaitStatus::Signaled { signal, core_dumped: false } => {
                assert_eq!(read, Some(ExitStatus::killed(signal)));
            }
            WaitStatus::Signaled { signal, core_dumped: true } => {
                assert_eq!(read, Some(ExitStatus::dumped(signal)));
            }
            _ => {}
        }
    }
}

#[test]
fn a_trace_stop_names_a_signal() {
    // R-WAIT-16: its low seven bits are the signal's; the bit above, and the event in the high byte, may be anything.
    assert!(TraceStop::new(0).is_none() && TraceStop::new(0x80).is_none());
    assert!(TraceStop::new(0x0400).is_none());
    for code in [5, 0x85, 0x0405, 0x8013] {
        assert_eq!(TraceStop::new(code).map(TraceStop::code), Some(code));
    }
}

#[test]
fn an_error_has_linuxs_number_and_name() {
    // The numbers of errno(3), which user space compares.
    let known = [
        (Errno::EPERM, 1, "EPERM"),
        (Errno::ESRCH, 3, "ESRCH"),
        (Errno::EINTR, 4, "EINTR"),
        (Errno::ECHILD, 10, "ECHILD"),
        (Errno::EAGAIN, 11, "EAGAIN"),
        (Errno::EINVAL, 22, "EINVAL"),
        (Errno::ENOTTY, 25, "ENOTTY"),
        (Errno::EREMOTE, 66, "EREMOTE"),
    ];
    for (errno, value, name) in known {
        assert_eq!(
            (errno.value(), format!("{errno}"), format!("{errno:?}")),
            (value, name.into(), name.into())
        );
    }
}
