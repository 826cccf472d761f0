//! Sets of signals, and the masks of threads.

use crate::scene::{scene, until};
use crate::signal_calls::{
    AT_ONCE, Action, NOWHERE, SET, UNBLOCKABLE, at, call, change_mask, handle, kill_and_reap, mask,
    noted, number, out, pending, ppoll, send_self, set, set_action, set_mask, status_set, suspend,
    until_it_sleeps_in, wait_for,
};
use crate::sys::{self, Board, Event};
use crate::tracer;

const USR1: i32 = libc::SIGUSR1;
const USR2: i32 = libc::SIGUSR2;
const WRONG_SIZES: [usize; 6] = [0, 4, 7, 9, 16, 128];

/// R-SIG-01: the size of a set is looked at before any address.
#[test]
fn a_set_has_8_bytes() {
    scene(|| {
        let usr1 = number(USR1);
        let calls: [&dyn Fn(usize) -> Result<i64, i32>; 5] = [
            &|size| call(libc::SYS_rt_sigaction, [usr1, NOWHERE, NOWHERE, size, 0, 0]),
            &|size| call(libc::SYS_rt_sigprocmask, [99, NOWHERE, NOWHERE, size, 0, 0]),
            &|size| call(libc::SYS_rt_sigsuspend, [NOWHERE, size, 0, 0, 0, 0]),
            &|size| call(libc::SYS_rt_sigtimedwait, [NOWHERE, NOWHERE, NOWHERE, size, 0, 0]),
            &|size| call(libc::SYS_signalfd4, [number(-1), NOWHERE, size, 0, 0, 0]),
        ];
        for call in calls {
            for size in WRONG_SIZES {
                assert_eq!(call(size), Err(libc::EINVAL));
            }
            assert_eq!(call(SET), Err(libc::EFAULT));
        }
        set_mask(0);
        sys::block(&[libc::SIGHUP, 64]);
        assert_eq!(mask(), 1 | 1 << 63);
    });
}

/// R-SIG-02: rt_sigpending writes as much as it is asked for, up to a set.
#[test]
fn what_is_pending_is_told_in_part() {
    scene(|| {
        let pending = |address, size| call(libc::SYS_rt_sigpending, [address, size, 0, 0, 0, 0]);
        set_mask(set(&[libc::SIGHUP, USR2, 40]));
        send_self(libc::SIGHUP);
        send_self(USR2);
        send_self(40);
        let whole = set(&[libc::SIGHUP, USR2, 40]).to_le_bytes();
        for size in 0..=8 {
            let mut bytes = [0xff; 8];
            assert_eq!(pending(out(&mut bytes), size), Ok(0));
            assert_eq!(bytes[..size], whole[..size]);
            assert!(bytes[size..].iter().all(|&byte| byte == 0xff));
        }
        assert_eq!(pending(NOWHERE, 9), Err(libc::EINVAL));
        assert_eq!(pending(NOWHERE, 8), Err(libc::EFAULT));
        assert_eq!(pending(NOWHERE, 0), Ok(0));
    });
}

/// R-SIG-03: the size of a mask that is not given does not matter.
#[test]
fn calls_with_a_mask_look_at_its_size_if_there_is_one() {
    scene(|| {
        let epoll = call(libc::SYS_epoll_create1, [0; 6]).expect("a file") as usize;
        let calls: [&dyn Fn(usize, usize) -> Result<i64, i32>; 3] = [
            &|mask, size| call(libc::SYS_ppoll, [0, 0, at(&AT_ONCE), mask, size, 0]),
            &|mask, size| {
                let (mut timeout, pair) = (AT_ONCE, [mask, size]);
                call(libc::SYS_pselect6, [0, 0, 0, 0, out(&mut timeout), at(&pair)])
            },
            &|mask, size| {
                let mut event = [0u64; 2];
                call(libc::SYS_epoll_pwait, [epoll, out(&mut event), 1, 0, mask, size])
            },
        ];
        for call in calls {
            for size in WRONG_SIZES {
                assert_eq!(call(0, size), Ok(0));
                assert_eq!(call(NOWHERE, size), Err(libc::EINVAL));
            }
            assert_eq!(call(NOWHERE, SET), Err(libc::EFAULT));
            assert_eq!(call(at(&0u64), SET), Ok(0));
        }
    });
}

/// R-SIG-04: how the mask is changed is looked at behind the set, and not without one.
#[test]
fn the_way_of_a_change_matters_if_there_is_one() {
    scene(|| {
        let change = |how, set| call(libc::SYS_rt_sigprocmask, [how, set, 0, SET, 0, 0]);
        let usr1 = set(&[USR1]);
        for how in [3, 99, number(-1)] {
            assert_eq!(change(how, NOWHERE), Err(libc::EFAULT));
            assert_eq!(change(how, at(&usr1)), Err(libc::EINVAL));
            assert_eq!(change(how, 0), Ok(0));
        }
        set_mask(set(&[USR2]));
        change_mask(libc::SIG_BLOCK, usr1).expect("a set");
        assert_eq!(mask(), set(&[USR1, USR2]));
        change_mask(libc::SIG_UNBLOCK, set(&[USR2, libc::SIGHUP])).expect("a set");
        assert_eq!(mask(), usr1);
        change_mask(libc::SIG_SETMASK, set(&[USR2])).expect("a set");
        assert_eq!(mask(), set(&[USR2]));
    });
}

/// R-SIG-05: a mask is in force although the old one could not be written.
#[test]
fn a_mask_changes_before_the_old_one_is_written() {
    scene(|| {
        set_mask(0);
        let usr1 = set(&[USR1]);
        let arguments = |how: i32, old| [number(how), at(&usr1), old, SET, 0, 0];
        let block = arguments(libc::SIG_BLOCK, NOWHERE);
        assert_eq!(call(libc::SYS_rt_sigprocmask, block), Err(libc::EFAULT));
        assert_eq!(mask(), usr1);
        let mut old = u64::MAX;
        let wrong = arguments(99, out(&mut old));
        assert_eq!(call(libc::SYS_rt_sigprocmask, wrong), Err(libc::EINVAL));
        assert_eq!(old, u64::MAX);
    });
}

/// R-SIG-06: nobody blocks SIGKILL and SIGSTOP, and nobody is told so.
#[test]
fn two_signals_are_never_blocked() {
    scene(|| {
        let all_that_can_be = !UNBLOCKABLE;
        set_mask(u64::MAX);
        assert_eq!(mask(), all_that_can_be);
        set_mask(0);
        change_mask(libc::SIG_BLOCK, u64::MAX).expect("a set");
        assert_eq!(mask(), all_that_can_be);
        set_mask(0);
        set_action(USR1, &Action::noting(0, u64::MAX));
        send_self(USR1);
        assert_eq!(noted()[0].mask, all_that_can_be);
        let sleepers: [(fn(), _); 2] = [
            (|| _ = suspend(u64::MAX), libc::SYS_rt_sigsuspend),
            (|| _ = ppoll(None, None, u64::MAX), libc::SYS_ppoll),
        ];
        for (sleep, number) in sleepers {
            let child = sys::fork(sleep);
            until_it_sleeps_in(child, number);
            assert_eq!(status_set(child, "SigBlk"), all_that_can_be);
            kill_and_reap(child);
        }
        // Those of the C library.
        set_mask(set(&[32, 33]));
        send_self(32);
        send_self(33);
        assert_eq!(pending(), set(&[32, 33]));
    });
}

/// R-SIG-91: /proc shows the mask that is in force amid a call.
#[test]
fn the_mask_of_a_call_is_shown() {
    scene(|| {
        let both = set(&[USR1, USR2]);
        handle(&[USR1, USR2]);
        set_mask(both);
        let sleepers: [(fn(), _, _); 4] = [
            (|| _ = suspend(set(&[40])), libc::SYS_rt_sigsuspend, set(&[40])),
            (|| _ = ppoll(None, None, set(&[41])), libc::SYS_ppoll, set(&[41])),
            (|| _ = wait_for(set(&[USR1, 42])), libc::SYS_rt_sigtimedwait, set(&[USR2])),
            (|| sys::park(), libc::SYS_pause, both),
        ];
        for (sleep, number, shown) in sleepers {
            let child = sys::fork(sleep);
            until_it_sleeps_in(child, number);
            assert_eq!(status_set(child, "SigBlk"), shown);
            kill_and_reap(child);
        }
    });
}

/// R-SIG-97: a tracer reads and sets the mask of its tracee.
#[test]
fn a_tracer_sets_a_mask() {
    const GET: usize = 0x420a;
    const SET_IT: usize = 0x420b;
    scene(|| {
        let board = Board::new();
        set_mask(set(&[USR1]));
        let child = sys::fork(|| {
            board.set(0, 1);
            until(|| board.get(0) == 2);
            assert_eq!(mask(), !UNBLOCKABLE);
        });
        until(|| board.get(0) == 1);
        tracer::seize_or_skip(child, 0);
        tracer::interrupt(child);
        assert_eq!(tracer::next(child), tracer::INTERRUPTED);
        let ask = |request, size, mask: &mut u64| {
            call(libc::SYS_ptrace, [request, number(child), size, out(mask), 0, 0])
        };
        let mut shown = 0;
        for size in WRONG_SIZES {
            assert_eq!(ask(GET, size, &mut shown), Err(libc::EINVAL));
            assert_eq!(ask(SET_IT, size, &mut shown), Err(libc::EINVAL));
        }
        assert_eq!(ask(GET, SET, &mut shown), Ok(0));
        assert_eq!(shown, set(&[USR1]));
        assert_eq!(ask(SET_IT, SET, &mut u64::MAX.clone()), Ok(0));
        assert_eq!(status_set(child, "SigBlk"), !UNBLOCKABLE);
        tracer::resume(child);
        board.set(0, 2);
        assert_eq!(tracer::next(child), Event::Exited(0));
    });
}
