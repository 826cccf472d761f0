//! Calls that wait for signals: rt_sigsuspend, rt_sigtimedwait, signalfd, and the waits for files that have a mask.

use std::ffi::c_long;
use std::os::fd::AsRawFd;

use crate::scene::{scene, until};
use crate::signal_calls::{
    AT_ONCE, NOWHERE, SET, SI_QUEUE, SI_USER, Takers, Told, UNBLOCKABLE, at, call, change_signalfd,
    epoll_pwait, handle, kill_and_reap, mask, noted, noted_signals, number, out, pending, ppoll,
    pselect, queue, queue_told, read_signalfd, send_self, send_this_thread, set, set_mask,
    signalfd, sleeps_in, status_set, stop, stop_and_continue, suspend, take, take_all,
    until_it_sleeps_in, wait_for, with_value,
};
use crate::sys::{self, Board, Event, Gate};

const HUP: i32 = libc::SIGHUP;
const USR1: i32 = libc::SIGUSR1;
const USR2: i32 = libc::SIGUSR2;
const TERM: i32 = libc::SIGTERM;

/// R-SIG-48: rt_sigsuspend opens what is pending, and leaves the mask as it was.
#[test]
fn a_suspended_thread_takes_what_its_mask_opens() {
    scene(|| {
        handle(&[USR1, USR2]);
        let before = set(&[USR1, USR2, HUP]);
        set_mask(before);
        send_self(USR1);
        assert_eq!(suspend(set(&[USR2])), Err(libc::EINTR));
        let [seen] = noted()[..] else { panic!("one") };
        assert_eq!((seen.told.signal, seen.mask), (USR1, set(&[USR1, USR2])));
        assert_eq!(mask(), before);
        // As it ends with one that comes then.
        let takers = Takers::new();
        let child = sys::fork(|| {
            takers.keep();
            assert_eq!(suspend(set(&[USR2])), Err(libc::EINTR));
            assert_eq!(noted_signals(), [USR1]);
            assert_eq!(mask(), before);
        });
        until_it_sleeps_in(child, libc::SYS_rt_sigsuspend);
        sys::kill(child, USR2).expect("a child");
        assert_eq!(status_set(child, "ShdPnd"), set(&[USR2]));
        sys::kill(child, USR1).expect("a child");
        assert_eq!(sys::reap(child), Event::Exited(0));
        assert_eq!((takers.taker(USR1), takers.taker(USR2)), (Some(child), None));
        assert_eq!(call(libc::SYS_rt_sigsuspend, [NOWHERE, SET, 0, 0, 0, 0]), Err(libc::EFAULT));
    });
}

/// R-SIG-49: rt_sigsuspend ends with a handler alone, and has its mask as long.
#[test]
fn a_suspended_thread_waits_for_a_handler() {
    scene(|| {
        handle(&[USR1]);
        sys::ignore(HUP);
        set_mask(set(&[HUP, libc::SIGURG, USR1]));
        let child = sys::fork(|| {
            send_self(HUP);
            send_self(libc::SIGURG);
            assert_eq!(suspend(set(&[40])), Err(libc::EINTR));
        });
        let is_suspended = || {
            until_it_sleeps_in(child, libc::SYS_rt_sigsuspend);
            until(|| status_set(child, "ShdPnd") == 0);
            until_it_sleeps_in(child, libc::SYS_rt_sigsuspend);
            assert_eq!(status_set(child, "SigBlk"), set(&[40]));
        };
        is_suspended();
        for _ in 0..2 {
            stop_and_continue(child);
            is_suspended();
            sys::kill(child, HUP).expect("a child");
            is_suspended();
        }
        sys::kill(child, USR1).expect("a child");
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}

/// A wait for a file or for none, without a timeout or with one of 0, under a mask.
type Polling = fn(Option<i32>, bool, u64) -> Result<i64, i32>;

fn timeout(is_zero: bool) -> Option<&'static libc::timespec> {
    is_zero.then_some(&AT_ONCE)
}

const PPOLL: Polling = |file, at_once, mask| ppoll(file, timeout(at_once), mask);
const PSELECT: Polling = |file, at_once, mask| pselect(file, timeout(at_once), mask);
const EPOLL: Polling = |file, at_once, mask| epoll_pwait(file, if at_once { 0 } else { -1 }, mask);

/// R-SIG-50, R-SIG-52: a pending signal that the mask of a wait opens is handled, and the wait is over; epoll_pwait has to wait for that.
#[test]
fn waits_for_files_take_what_their_masks_open() {
    scene(|| {
        handle(&[USR1]);
        let before = set(&[USR1, HUP]);
        set_mask(before);
        for at_once in [true, false] {
            for (polling, looks_at_time_first) in [(PPOLL, false), (PSELECT, false), (EPOLL, true)]
            {
                send_self(USR1);
                let answer = polling(None, at_once, set(&[USR2]));
                assert_eq!(mask(), before);
                if at_once && looks_at_time_first {
                    assert_eq!((answer, pending()), (Ok(0), set(&[USR1])));
                    assert_eq!(noted(), []);
                    take(set(&[USR1])).expect("it is pending");
                } else {
                    assert_eq!((answer, pending()), (Err(libc::EINTR), 0));
                    let [seen] = noted()[..] else { panic!("one") };
                    assert_eq!(seen.mask, set(&[USR1, USR2]));
                }
            }
        }
    });
}

/// R-SIG-51, R-SIG-52: a file that is ready comes before a signal.
#[test]
fn ready_files_come_before_signals() {
    scene(|| {
        handle(&[USR1]);
        let before = set(&[USR1, HUP]);
        set_mask(before);
        let (reader, writer) = sys::pipe();
        let byte = [0u8];
        let arguments = [number(writer.as_raw_fd()), at(&byte), 1, 0, 0, 0];
        assert_eq!(call(libc::SYS_write, arguments), Ok(1));
        send_self(USR1);
        for at_once in [true, false] {
            for polling in [PPOLL, PSELECT, EPOLL] {
                assert_eq!(polling(Some(reader.as_raw_fd()), at_once, 0), Ok(1));
                assert_eq!((pending(), mask()), (set(&[USR1]), before));
            }
        }
        assert_eq!(noted(), []);
        // A time that is over leaves the mask as it was, too.
        take(set(&[USR1])).expect("it is pending");
        for polling in [PPOLL, PSELECT, EPOLL] {
            assert_eq!((polling(None, true, 0), mask()), (Ok(0), before));
        }
    });
}

fn value_and_signal(taken: &[Told]) -> Vec<(i32, i32)> {
    taken.iter().map(|told| (told.signal, told.value)).collect()
}

/// R-SIG-53: rt_sigtimedwait takes one signal, the one that would be delivered first.
#[test]
fn one_signal_is_taken_at_a_time() {
    scene(|| {
        let all = set(&[HUP, USR1, USR2, 40, 41]);
        set_mask(all);
        let (this, thread) = (sys::pid(), sys::tid());
        for (signal, value) in [(41, 1), (40, 2), (40, 3), (HUP, 4)] {
            queue(this, signal, value).expect("itself");
        }
        for (signal, value) in [(41, 5), (USR2, 6)] {
            crate::signal_calls::queue_to_thread(this, thread, signal, value).expect("itself");
        }
        assert_eq!(take(set(&[40])), Some(with_value(40, 2)));
        assert_eq!(pending(), set(&[HUP, USR2, 40, 41]));
        let expected = [(USR2, 6), (41, 5), (HUP, 4), (40, 3), (41, 1)];
        assert_eq!(value_and_signal(&take_all(all)), expected);
    });
}

/// R-SIG-54: what is wrong with a wait is looked at before what is pending.
#[test]
fn a_wait_is_checked_before_it_takes() {
    scene(|| {
        let usr1 = set(&[USR1]);
        set_mask(usr1);
        let ask = |set, timeout| call(libc::SYS_rt_sigtimedwait, [set, 0, timeout, SET, 0, 0]);
        let time = |tv_sec, tv_nsec| libc::timespec { tv_sec, tv_nsec };
        let bad = [time(-1, 0), time(0, -1), time(0, 1_000_000_000), time(i64::MIN, 0)];
        for is_pending in [false, true] {
            if is_pending {
                send_self(USR1);
            }
            assert_eq!(ask(NOWHERE, at(&bad[0])), Err(libc::EFAULT));
            assert_eq!(ask(at(&usr1), NOWHERE), Err(libc::EFAULT));
            for bad in &bad {
                assert_eq!(ask(at(&usr1), at(bad)), Err(libc::EINVAL));
            }
        }
        assert_eq!(ask(at(&usr1), at(&AT_ONCE)), Ok(i64::from(USR1)));
        assert_eq!(ask(at(&usr1), at(&AT_ONCE)), Err(libc::EAGAIN));
        assert_eq!(ask(at(&usr1), at(&time(0, 1_000_000))), Err(libc::EAGAIN));
        let child = sys::fork(|| assert_eq!(ask(at(&usr1), 0), Ok(i64::from(USR1))));
        until_it_sleeps_in(child, libc::SYS_rt_sigtimedwait);
        sys::kill(child, USR1).expect("a child");
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}

/// R-SIG-55: a signal is gone although its siginfo could not be written.
#[test]
fn a_siginfo_is_written_behind_the_taking() {
    scene(|| {
        let usr1 = set(&[USR1]);
        set_mask(usr1);
        let ask = |info| {
            send_self(USR1);
            call(libc::SYS_rt_sigtimedwait, [at(&usr1), info, at(&AT_ONCE), SET, 0, 0])
        };
        assert_eq!(ask(NOWHERE), Err(libc::EFAULT));
        assert_eq!(pending(), 0);
        assert_eq!(ask(0), Ok(i64::from(USR1)));
        assert_eq!(pending(), 0);
    });
}

/// R-SIG-56: nobody waits for SIGKILL or SIGSTOP.
#[test]
fn two_signals_are_not_waited_for() {
    scene(|| {
        set_mask(u64::MAX);
        let waits: [(fn() -> bool, _); 2] = [
            (|| wait_for(UNBLOCKABLE | set(&[USR1])).is_ok(), libc::SYS_rt_sigtimedwait),
            (|| read_signalfd(signalfd(UNBLOCKABLE | set(&[USR1]), 0), 1).is_ok(), libc::SYS_read),
        ];
        for (wait, number) in waits {
            let child = sys::fork(|| sys::exit(i32::from(wait())));
            until_it_sleeps_in(child, number);
            stop(child);
            kill_and_reap(child);
        }
        let file = signalfd(UNBLOCKABLE | set(&[USR1]), 0);
        let shown = std::fs::read_to_string(format!("/proc/self/fdinfo/{file}")).expect("a file");
        let shown = shown.lines().find_map(|line| line.strip_prefix("sigmask:")).expect("a set");
        assert_eq!(u64::from_str_radix(shown.trim(), 16), Ok(set(&[USR1])));
    });
}

/// R-SIG-57: a handler for another signal ends rt_sigtimedwait; an ignored signal does not.
#[test]
fn a_handler_ends_a_wait_for_another_signal() {
    scene(|| {
        handle(&[USR2]);
        sys::ignore(HUP);
        set_mask(set(&[USR1]));
        let child = sys::fork(|| {
            assert_eq!(wait_for(set(&[USR1])), Err(libc::EINTR));
            assert_eq!(noted_signals(), [USR2]);
            assert_eq!(mask(), set(&[USR1]));
        });
        until_it_sleeps_in(child, libc::SYS_rt_sigtimedwait);
        for ignored in [HUP, libc::SIGURG] {
            sys::kill(child, ignored).expect("a child");
            assert!(sleeps_in(child, libc::SYS_rt_sigtimedwait));
        }
        sys::kill(child, USR2).expect("a child");
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}

/// R-SIG-58: a signal that is awaited and not blocked is taken, unless it ends the process or is ignored.
#[test]
fn an_awaited_signal_need_not_be_blocked() {
    scene(|| {
        let takers = Takers::new();
        let child = sys::fork(|| {
            takers.keep();
            set_mask(0);
            handle(&[USR1]);
            sys::ignore(HUP);
            let awaited = set(&[USR1, HUP, TERM, libc::SIGURG]);
            assert_eq!(wait_for(awaited).map(|told| told.signal), Ok(USR1));
            assert_eq!(noted(), []);
            unreachable!("it has been ended, not {:?}", wait_for(awaited));
        });
        let sleeps = || until_it_sleeps_in(child, libc::SYS_rt_sigtimedwait);
        sleeps();
        for ignored in [HUP, libc::SIGURG] {
            sys::kill(child, ignored).expect("a child");
            assert_eq!(status_set(child, "ShdPnd"), 0);
            assert!(sleeps_in(child, libc::SYS_rt_sigtimedwait));
        }
        sys::kill(child, USR1).expect("a child");
        // It is in its second wait once the signal is gone.
        until(|| status_set(child, "ShdPnd") == 0);
        sys::kill(child, TERM).expect("a child");
        assert_eq!(sys::reap(child), Event::Killed(TERM));
        assert_eq!(takers.taker(USR1), None);
    });
}

/// Waits for one of these, and takes it.
type Taking = fn(u64) -> i32;

/// R-SIG-59: a signal that is ignored can be waited for, if it is blocked.
#[test]
fn ignored_signals_can_be_waited_for() {
    scene(|| {
        let waits: [(Taking, c_long); 2] = [
            (|set| wait_for(set).expect("a signal").signal, libc::SYS_rt_sigtimedwait),
            (|set| read_signalfd(signalfd(set, 0), 1).expect("a signal")[0].signal, libc::SYS_read),
        ];
        sys::ignore(HUP);
        for signal in [HUP, libc::SIGURG, libc::SIGCHLD, libc::SIGWINCH] {
            set_mask(set(&[signal]));
            for (wait, number) in waits {
                send_self(signal);
                assert_eq!(wait(set(&[signal])), signal);
                let child = sys::fork(|| assert_eq!(wait(set(&[signal])), signal));
                until_it_sleeps_in(child, number);
                sys::kill(child, signal).expect("a child");
                assert_eq!(sys::reap(child), Event::Exited(0));
                // The end of the child, if that is the signal.
                take(set(&[signal]));
            }
        }
    });
}

type Waiting = fn() -> Result<i64, i32>;

/// A child whose leader blocks all and sleeps, with three threads that do that, and tell the answer. Their numbers.
fn child_with_three(threads: Waiting) -> (i32, [i32; 3], Board) {
    let board = Board::new();
    let child = sys::fork(|| {
        set_mask(u64::MAX);
        handle(&[USR1]);
        for place in 0..3 {
            let thread = sys::spawn(move || {
                board.count(3 + threads().err().unwrap_or(0) as usize);
                sys::park();
            });
            board.set(place, thread);
        }
        sys::park();
    });
    until(|| board.get(2) != 0);
    until_it_sleeps_in(child, libc::SYS_pause);
    (child, [0, 1, 2].map(|place| board.get(place)), board)
}

#[track_caller]
fn all_sleep_in(threads: [i32; 3], number: c_long) {
    for thread in threads {
        until_it_sleeps_in(thread, number);
    }
}

/// R-SIG-60: of those who wait for a signal one gets it, and one more is interrupted.
#[test]
fn one_of_those_who_wait_gets_it() {
    scene(|| {
        for _ in 0..10 {
            let (child, threads, board) =
                child_with_three(|| wait_for(set(&[USR1])).map(|told| i64::from(told.code)));
            all_sleep_in(threads, libc::SYS_rt_sigtimedwait);
            let answers = || (board.get(3), board.get(3 + libc::EINTR as usize));
            sys::kill(child, USR1).expect("a process");
            until(|| answers() == (1, 1));
            let waits = |&thread: &i32| sleeps_in(thread, libc::SYS_rt_sigtimedwait);
            assert_eq!(threads.iter().filter(|thread| waits(thread)).count(), 1);
            sys::kill(child, USR1).expect("a process");
            until(|| answers() == (2, 1));
            kill_and_reap(child);
        }
    });
}

/// R-SIG-61: who opens a signal by the mask of a call gets it.
#[test]
fn who_opens_a_signal_gets_it() {
    scene(|| {
        let sleeps: [(Waiting, c_long); 2] =
            [(|| suspend(0), libc::SYS_rt_sigsuspend), (|| ppoll(None, None, 0), libc::SYS_ppoll)];
        for (sleep, number) in sleeps {
            let (child, threads, board) = child_with_three(sleep);
            all_sleep_in(threads, number);
            for count in 1..=3 {
                sys::kill(child, USR1).expect("a process");
                until(|| board.get(3 + libc::EINTR as usize) == count);
                let asleep = |&thread: &i32| sleeps_in(thread, number);
                let left = threads.iter().filter(|thread| asleep(thread)).count();
                assert_eq!(left, 3 - count as usize);
            }
            kill_and_reap(child);
        }
    });
}

/// R-SIG-62: how a signalfd is made and changed.
#[test]
fn a_signalfd_is_made_and_changed() {
    scene(|| {
        let usr1 = set(&[USR1]);
        let ask = |file: i32, set, flags: i32| {
            call(libc::SYS_signalfd4, [number(file), set, SET, number(flags), 0, 0])
        };
        let (reader, _writer) = sys::pipe();
        let flags = [1, 0x10, libc::SFD_CLOEXEC | 2, libc::O_APPEND];
        for file in [-1, 1000, reader.as_raw_fd()] {
            for flags in flags {
                assert_eq!(ask(file, NOWHERE, flags), Err(libc::EFAULT));
                assert_eq!(ask(file, at(&usr1), flags), Err(libc::EINVAL));
            }
        }
        for file in [-2, 1000] {
            assert_eq!(ask(file, at(&usr1), 0), Err(libc::EBADF));
        }
        assert_eq!(ask(reader.as_raw_fd(), at(&usr1), 0), Err(libc::EINVAL));
        set_mask(set(&[USR1, USR2]));
        let file = signalfd(usr1, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        send_self(USR2);
        assert_eq!(read_signalfd(file, 1), Err(libc::EAGAIN));
        assert_eq!(change_signalfd(file, set(&[USR2])), Ok(i64::from(file)));
        assert_eq!(read_signalfd(file, 1).map(|read| read[0].signal), Ok(USR2));
        send_self(USR1);
        assert_eq!(read_signalfd(file, 1), Err(libc::EAGAIN));
    });
}

/// R-SIG-63: a signalfd gives the signals of who reads it.
#[test]
fn who_reads_a_signalfd_reads_its_own_signals() {
    scene(|| {
        let all = set(&[HUP, USR1, USR2, 40]);
        set_mask(all);
        let file = signalfd(all, libc::SFD_NONBLOCK);
        let read = || {
            let read = read_signalfd(file, 8).unwrap_or_default();
            read.iter().map(|told| told.signal).collect::<Vec<_>>()
        };
        send_self(HUP);
        send_this_thread(USR2);
        let child = sys::fork(|| {
            assert_eq!(read(), []);
            send_self(40);
            assert_eq!(read(), [40]);
        });
        assert_eq!(sys::reap(child), Event::Exited(0));
        let board = Board::new();
        sys::spawn(move || {
            send_this_thread(40);
            send_self(USR1);
            let read = read_signalfd(file, 8).expect("three");
            let read: Vec<_> = read.iter().map(|told| told.signal).collect();
            assert_eq!(read, [40, HUP, USR1]);
            board.set(0, 1);
            sys::park();
        });
        until(|| board.get(0) == 1);
        assert_eq!(read(), [USR2]);
        assert_eq!(read(), []);
    });
}

/// R-SIG-64: a read of a signalfd takes what is there, and waits for one at most.
#[test]
fn a_signalfd_gives_as_much_as_there_is() {
    scene(|| {
        let all = set(&[USR1, 40]);
        set_mask(all);
        let file = signalfd(all, 0);
        let send = || {
            for value in 1..=3 {
                queue(sys::pid(), 40, value).expect("itself");
            }
            queue(sys::pid(), USR1, 4).expect("itself");
        };
        send();
        let read = |room| read_signalfd(file, room).map(|read| value_and_signal(&read));
        assert_eq!(read(2), Ok(vec![(USR1, 4), (40, 1)]));
        assert_eq!(read(3), Ok(vec![(40, 2), (40, 3)]));
        send();
        let mut room = [0u8; 300];
        let read_bytes = |file: i32, room: usize, count| {
            call(libc::SYS_read, [number(file), room, count, 0, 0, 0])
        };
        assert_eq!(read_bytes(file, out(&mut room), 300), Ok(256));
        for count in [0, 1, 127] {
            // A read of nothing is looked at as any.
            assert_eq!(read_bytes(file, out(&mut room), count), Err(libc::EINVAL), "{count}");
        }
        assert_eq!(take_all(all).len(), 2);
        let deaf = signalfd(all, libc::SFD_NONBLOCK);
        assert_eq!(read_signalfd(deaf, 1), Err(libc::EAGAIN));
        let child = sys::fork(|| assert_eq!(read(4), Ok(vec![(USR1, 5)])));
        until_it_sleeps_in(child, libc::SYS_read);
        queue(child, USR1, 5).expect("a child");
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}

/// R-SIG-65: a signalfd tells what a siginfo would.
#[test]
fn a_signalfd_tells_what_a_siginfo_would() {
    scene(|| {
        let all = set(&[USR1, USR2, libc::SIGCHLD]);
        set_mask(all);
        let file = signalfd(all, libc::SFD_NONBLOCK);
        let one = || read_signalfd(file, 1).expect("a signal")[0];
        let said = Told { signal: USR1, errno: 5, code: SI_QUEUE, pid: 77, uid: 88, value: -99 };
        queue_told(sys::pid(), USR1, said).expect("itself");
        assert_eq!(one(), said);
        send_self(USR2);
        let told = one();
        assert_eq!((told.signal, told.code, told.pid), (USR2, SI_USER, sys::pid()));
        let child = sys::fork(|| sys::exit(3));
        sys::await_zombie(child);
        until(|| pending() != 0);
        let told = one();
        assert_eq!((told.code, told.pid, told.value), (libc::CLD_EXITED, child, 3));
    });
}

/// R-SIG-65: which fields there are depends on the signal and its code, whatever is sent; the layer has them at the same places.
#[test]
fn what_a_signalfd_tells_is_laid_out_by_signal_and_code() {
    use axprocess::{Signal, SignalCause, SignalInfo};
    scene(|| {
        set_mask(u64::MAX);
        let file = signalfd(u64::MAX, libc::SFD_NONBLOCK);
        let signals = (1..65).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal));
        for (signal, code) in signals.flat_map(|signal| {
            (-70..20).chain([0x7f, 0x80, 0x81, i32::MAX]).map(move |code| (signal, code))
        }) {
            let mut given = [0i32; 32];
            given[..8].copy_from_slice(&[signal, 5, code, 0, 0x11, 0x2222, 0x3_3333, 0x44]);
            given[8..12].copy_from_slice(&[0x55, 0x66, 0x77, 0x88]);
            let arguments = [number(sys::pid()), number(signal), at(&given), 0, 0, 0];
            call(libc::SYS_rt_sigqueueinfo, arguments).expect("itself");
            let mut read = [0u8; 128];
            call(libc::SYS_read, [number(file), out(&mut read), 128, 0, 0, 0]).expect("a signal");
            let cause = SignalCause::Given {
                errno: 5,
                code,
                pid: 0x11,
                uid: 0x2222,
                value: 0x44_0003_3333,
                rest: [0x66_0000_0055, 0x88_0000_0077],
                is_from_outside: false,
            };
            let signal = Signal::new(signal.try_into().unwrap()).unwrap();
            let info = axprocess_signals::SigInfo {
                info: SignalInfo { signal, cause },
                uid: 0x2222,
                overrun: 0,
            };
            assert_eq!(read, info.to_signalfd_siginfo(), "{signal:?}, {code}");
            assert_eq!(
                info.to_siginfo(),
                std::array::from_fn(|at| given[at / 4].to_ne_bytes()[at % 4]),
            );
        }
    });
}

/// R-SIG-27: behind a code that a signal does not have, there must be nothing; the layer says so of the same ones.
#[test]
fn behind_a_code_that_a_signal_does_not_have_there_is_nothing() {
    scene(|| {
        set_mask(u64::MAX);
        let signals = (1..65).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal));
        for (signal, code) in signals.flat_map(|signal| {
            (-70..20).chain([0x7f, 0x80, 0x81, i32::MAX]).map(move |code| (signal, code))
        }) {
            let mut given = [0i32; 32];
            // What stands in place of the number counts for pidfd_send_signal(2) alone.
            (given[0], given[2], given[31]) = (77, code, 1);
            let arguments = [number(sys::pid()), number(signal), at(&given), 0, 0, 0];
            let queued = call(libc::SYS_rt_sigqueueinfo, arguments).map(drop);
            let bytes = given.map(i32::to_ne_bytes);
            let read = axprocess_signals::read_siginfo(Some(signal), |at, to| {
                to.copy_from_slice(&bytes.as_flattened()[at..at + to.len()]);
                Ok(())
            });
            let answer = read.map(drop).map_err(|errno| errno.value());
            assert_eq!(queued, answer, "{signal}, {code}");
            take(set(&[signal]));
        }
    });
}

/// R-SIG-66: a signalfd is ready for those who have a signal for it.
#[test]
fn a_signalfd_is_ready_for_who_has_a_signal() {
    scene(|| {
        set_mask(set(&[USR1, USR2, HUP]));
        let file = signalfd(set(&[USR1, USR2]), 0);
        let is_ready = move || {
            let mut asked = libc::pollfd { fd: file, events: libc::POLLIN, revents: 0 };
            let ready = call(libc::SYS_poll, [out(&mut asked), 1, 0, 0, 0, 0]).expect("an answer");
            assert_eq!(asked.revents, if ready == 1 { libc::POLLIN } else { 0 });
            ready == 1
        };
        send_self(HUP);
        assert!(!is_ready());
        send_this_thread(USR1);
        assert!(is_ready());
        let board = Board::new();
        sys::spawn(move || {
            board.set(0, if is_ready() { 1 } else { 2 });
            sys::park();
        });
        until(|| board.get(0) != 0);
        assert_eq!(board.get(0), 2, "it is the other thread's");
        send_self(USR2);
        board.set(0, 0);
        sys::spawn(move || {
            board.set(0, if is_ready() { 1 } else { 2 });
            sys::park();
        });
        until(|| board.get(0) != 0);
        assert_eq!(board.get(0), 1);
        let child = sys::fork(|| assert!(!is_ready()));
        assert_eq!(sys::reap(child), Event::Exited(0));
        assert!(is_ready());
    });
}

/// R-SIG-67: who reads a signalfd sees its new set.
#[test]
fn a_new_set_counts_for_who_reads() {
    scene(|| {
        set_mask(set(&[USR1, USR2]));
        let child = sys::fork(|| {
            let file = signalfd(set(&[USR1]), 0);
            let (board, go) = (Board::new(), Gate::new());
            let reader = sys::spawn(move || {
                let read = read_signalfd(file, 1).map(|read| read[0].signal);
                board.set(0, read.unwrap_or(-1));
                sys::park();
            });
            until_it_sleeps_in(reader, libc::SYS_read);
            send_self(USR2);
            // It is woken, and finds that it is none of its own.
            until_it_sleeps_in(reader, libc::SYS_read);
            change_signalfd(file, set(&[USR2])).expect("a signalfd");
            until(|| board.get(0) != 0);
            assert_eq!(board.get(0), USR2);
            go.open();
        });
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}
