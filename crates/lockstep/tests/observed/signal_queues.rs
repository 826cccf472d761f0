//! Queues of pending signals: what is in them, how much, and in which order it is taken; and who is given a signal.

use crate::scene::{permitted, scene, until};
use crate::signal_calls::{
    Action, SI_KERNEL, SI_QUEUE, SI_TKILL, SI_USER, Takers, Told, at, call, count_noted, handle,
    kill_and_reap, noted, noted_signals, number, out, pending, places, queue, queue_to_thread,
    queue_told, resume, send_self, send_this_thread, set, set_action, set_mask, status_set, stop,
    take, take_all, until_it_sleeps_in, wait_for, with_value,
};
use crate::sys::{self, Board, Event, Gate};
use crate::tracer;

const HUP: i32 = libc::SIGHUP;
const USR1: i32 = libc::SIGUSR1;
const USR2: i32 = libc::SIGUSR2;
const TERM: i32 = libc::SIGTERM;

fn codes_and_values(taken: &[Told]) -> Vec<(i32, i32)> {
    taken.iter().map(|told| (told.code, told.value)).collect()
}

fn signals(taken: &[Told]) -> Vec<i32> {
    taken.iter().map(|told| told.signal).collect()
}

/// R-SIG-14: a standard signal is queued once, as it was sent first.
#[test]
fn standard_signals_are_queued_once() {
    scene(|| {
        set_mask(set(&[USR1, 31]));
        for signal in [USR1, 31] {
            for value in [1, 2, 3] {
                assert_eq!(queue(sys::pid(), signal, value), Ok(()));
            }
            send_self(signal);
            assert_eq!(take(set(&[signal])), Some(with_value(signal, 1)));
            assert_eq!(take(set(&[signal])), None);
        }
        handle(&[USR1]);
        send_self(USR1);
        send_self(USR1);
        set_mask(0);
        assert_eq!(noted_signals(), [USR1]);
    });
}

/// R-SIG-15: the queues of a thread and of its process have the same standard signal each.
#[test]
fn each_queue_has_a_signal_of_its_own() {
    scene(|| {
        handle(&[USR1]);
        let send = || {
            set_mask(set(&[USR1]));
            for _ in 0..2 {
                send_self(USR1);
                send_this_thread(USR1);
            }
        };
        send();
        let codes: Vec<_> = take_all(set(&[USR1])).iter().map(|told| told.code).collect();
        assert_eq!(codes, [SI_TKILL, SI_USER]);
        send();
        set_mask(0);
        let codes: Vec<_> = noted().iter().map(|noted| noted.told.code).collect();
        assert_eq!(codes, [SI_TKILL, SI_USER]);
    });
}

/// R-SIG-16: real-time signals are all queued, and taken as they were sent.
#[test]
fn real_time_signals_are_all_queued() {
    scene(|| {
        set_mask(u64::MAX);
        for signal in [32, 33, 40, 64] {
            let this = sys::pid();
            for value in 1..=3 {
                queue(this, signal, value).expect("itself");
                send_self(signal);
            }
            let sent = take_all(set(&[signal]));
            let (told, from_kill) = (|value| (SI_QUEUE, value), (SI_USER, 0));
            let expected = [told(1), from_kill, told(2), from_kill, told(3), from_kill];
            assert_eq!(codes_and_values(&sent), expected);
            for value in 4..=5 {
                send_this_thread(signal);
                queue_to_thread(this, sys::tid(), signal, value).expect("itself");
            }
            let expected = [(SI_TKILL, 0), told(4), (SI_TKILL, 0), told(5)];
            assert_eq!(codes_and_values(&take_all(set(&[signal]))), expected);
        }
    });
}

const SENT: [i32; 12] = [64, 12, 31, 40, 11, 1, 8, 15, 4, 7, 5, 2];
const TAKEN: [i32; 12] = [4, 5, 7, 8, 11, 31, 1, 2, 12, 15, 40, 64];

/// Each handler keeps all others out.
fn handle_one_by_one() {
    for signal in SENT {
        set_action(signal, &Action::noting(0, set(&SENT)));
    }
}

/// R-SIG-17: faults first, then by number; by rt_sigtimedwait and by handlers.
#[test]
fn signals_of_faults_come_first_then_the_lowest_number() {
    scene(|| {
        let all = set(&SENT);
        for send in [send_self, send_this_thread] {
            set_mask(all);
            let send_all = || SENT.iter().for_each(|&signal| send(signal));
            send_all();
            assert_eq!(signals(&take_all(all)), TAKEN);
            handle_one_by_one();
            send_all();
            set_mask(0);
            assert_eq!(noted_signals(), TAKEN);
        }
    });
}

/// R-SIG-18: the thread's queue first, whatever the numbers.
#[test]
fn the_queue_of_the_thread_comes_first() {
    scene(|| {
        let all = set(&SENT);
        handle_one_by_one();
        let send = || {
            set_mask(all);
            for signal in [libc::SIGSEGV, 64, HUP] {
                send_self(signal);
            }
            for signal in [40, USR2, libc::SIGFPE] {
                send_this_thread(signal);
            }
        };
        let expected = [libc::SIGFPE, USR2, 40, libc::SIGSEGV, HUP, 64];
        send();
        assert_eq!(signals(&take_all(all)), expected);
        send();
        set_mask(0);
        assert_eq!(noted_signals(), expected);
    });
}

/// R-SIG-19: a return from a handler that fails forces SIGSEGV at the moment at which it unblocks SIGILL.
#[test]
fn a_forced_signal_comes_before_lower_ones_that_were_sent() {
    use crate::signal_calls::{NOWHERE, Siginfo};
    extern "C" fn spoil(_: i32, _: *const Siginfo, context: *mut libc::ucontext_t) {
        // SAFETY: the kernel has given the address of the context, whose mask is as long as a set.
        unsafe {
            (*context).uc_mcontext.fpregs = NOWHERE as *mut _;
            (&raw mut (*context).uc_sigmask).cast::<u64>().write(0);
        }
    }
    scene(|| {
        let (ill, segv) = (libc::SIGILL, libc::SIGSEGV);
        for signal in [ill, segv] {
            set_action(signal, &Action::noting(0, set(&[ill, segv])));
        }
        set_mask(set(&[ill]));
        send_this_thread(ill);
        set_action(USR1, &Action::calling(spoil, 0, 0));
        send_this_thread(USR1);
        let told: Vec<_> = noted().iter().map(|it| (it.told.signal, it.told.code)).collect();
        assert_eq!(told, [(segv, SI_KERNEL), (ill, SI_TKILL)]);
    });
}

/// R-SIG-19: once a signal that faults send is not blocked, the first fault in the queue is taken, though that one is.
#[test]
fn a_fault_that_is_blocked_comes_with_one_that_is_not() {
    scene(|| {
        let (bus, segv) = (libc::SIGBUS, libc::SIGSEGV);
        handle(&[bus, segv, USR1]);
        set_mask(set(&[bus]));
        let fault = Told { code: 1, ..with_value(bus, 0) }.siginfo();
        let (pid, tid) = (number(sys::pid()), number(sys::tid()));
        let sent = call(libc::SYS_rt_tgsigqueueinfo, [pid, tid, number(bus), at(&fault), 0, 0]);
        assert_eq!(sent, Ok(0));
        send_this_thread(USR1);
        assert_eq!(noted_signals(), [USR1]);
        send_this_thread(segv);
        // Who is entered first runs last.
        assert_eq!(noted_signals(), [segv, bus]);
        assert_eq!(pending(), 0);
    });
}

/// R-SIG-20: a thread is told what is pending for it and for its process.
#[test]
fn what_is_pending_is_the_threads_and_the_processs() {
    scene(|| {
        set_mask(set(&[HUP, USR1, USR2]));
        let board = Board::new();
        sys::spawn(move || {
            send_this_thread(HUP);
            send_self(USR1);
            assert_eq!(pending(), set(&[HUP, USR1]));
            board.set(0, 1);
            sys::park();
        });
        until(|| board.get(0) == 1);
        send_this_thread(USR2);
        assert_eq!(pending(), set(&[USR1, USR2]));
    });
}

/// R-SIG-20: what a thread does not block is not pending for it, although nobody has taken it yet: here the leader was woken for it, and cannot run.
#[test]
fn what_is_not_blocked_is_not_pending() {
    scene(|| {
        let (go, gate) = (Gate::new(), Gate::new());
        let pair = Pair::with_leader(
            &[USR1],
            move || {
                go.pass();
                assert_eq!(status_set(sys::tid(), "ShdPnd"), set(&[USR1]));
                assert_eq!(pending(), 0);
                set_mask(set(&[USR1]));
                assert_eq!(pending(), set(&[USR1]));
                set_mask(0);
                sys::exit(i32::from(noted_signals() == [USR1]));
            },
            || {
                sys::clone(libc::CLONE_VFORK | libc::SIGCHLD, || gate.pass()).expect("a fork");
            },
        );
        until(|| sys::state(pair.child) == Some('D'));
        until_it_sleeps_in(pair.thread, libc::SYS_read);
        sys::kill(pair.child, USR1).expect("a process");
        go.open();
        until(|| pair.takers.taker(USR1) == Some(pair.thread));
        gate.open();
        assert_eq!(sys::reap(pair.child), Event::Exited(1));
    });
}

fn limit_places(limit: u64) {
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: 1000 };
    // SAFETY: the pointer is to the local.
    let answer = unsafe { libc::setrlimit(libc::RLIMIT_SIGPENDING, &raw const limit) };
    assert_eq!(answer, 0, "the limit of signals");
}

/// Forks a process of a real user that nobody else has, with so many places for signals, and with all signals blocked; and waits
/// for its end. It keeps its privileges.
fn as_another_user(limit: u64, body: impl FnOnce()) {
    let user = 1_000_000_000 + sys::pid().cast_unsigned();
    let become_user = || call(libc::SYS_setresuid, [user as usize, 0, 0, 0, 0, 0]);
    let board = Board::new();
    let child = sys::fork(|| {
        board.set(0, become_user().err().unwrap_or(-1));
        set_mask(u64::MAX);
        limit_places(limit);
        body();
    });
    until(|| board.get(0) != 0);
    permitted(if board.get(0) == -1 { Ok(()) } else { Err(board.get(0)) }, "setresuid");
    assert_eq!(sys::reap(child), Event::Exited(0));
}

/// R-SIG-21, R-SIG-93: places are the user's, the limit is the receiver's; SigQ shows both.
#[test]
fn places_are_counted_for_the_user() {
    scene(|| {
        as_another_user(3, || {
            let this = sys::pid();
            assert_eq!(places(this), (0, 3));
            queue(this, 40, 1).expect("a place");
            send_self(USR1);
            let (ready, go) = (Gate::new(), Gate::new());
            let other = sys::fork(|| {
                limit_places(2);
                assert_eq!(places(sys::pid()), (2, 2));
                assert_eq!(queue(sys::pid(), 40, 1), Err(libc::EAGAIN));
                // That one has a place, although this one has none.
                queue(this, 40, 2).expect("a place");
                assert_eq!(queue(this, 40, 3), Err(libc::EAGAIN));
                ready.open();
                go.pass();
            });
            ready.pass();
            assert_eq!([places(this), places(other)], [(3, 3), (3, 2)]);
            go.open();
            assert_eq!(sys::reap(other), Event::Exited(0));
            assert_eq!(signals(&take_all(set(&[40, USR1]))), [USR1, 40, 40]);
        });
        // Without privileges it is no other.
        as_another_user(1, || {
            let user = call(libc::SYS_getuid, [0; 6]).expect("a user") as usize;
            call(libc::SYS_setresuid, [user; 6]).expect("its own");
            queue(sys::pid(), 40, 1).expect("a place");
            assert_eq!(queue(sys::pid(), 40, 2), Err(libc::EAGAIN));
        });
    });
}

/// R-SIG-22: without a place a real-time signal with something to say is refused.
#[test]
fn real_time_signals_are_refused_without_a_place() {
    scene(|| {
        as_another_user(1, || {
            let (this, thread) = (sys::pid(), sys::tid());
            send_self(40);
            assert_eq!(queue(this, 41, 1), Err(libc::EAGAIN));
            assert_eq!(queue(this, 40, 1), Err(libc::EAGAIN));
            assert_eq!(sys::tgkill(this, thread, 41), Err(libc::EAGAIN));
            assert_eq!(queue_to_thread(this, thread, 32, 1), Err(libc::EAGAIN));
            assert_eq!(signals(&take_all(u64::MAX)), [40]);
        });
    });
}

/// R-SIG-23: a real-time signal of kill comes without a place, and says nothing then.
#[test]
fn kill_sends_a_real_time_signal_without_a_place() {
    scene(|| {
        as_another_user(1, || {
            queue(sys::pid(), 40, 1).expect("a place");
            for _ in 0..3 {
                send_self(41);
                send_self(40);
            }
            assert_eq!(places(sys::pid()), (1, 1));
            let taken = take_all(u64::MAX);
            assert_eq!(taken, [with_value(40, 1), Told::nothing(41)]);
        });
        as_another_user(0, || {
            for _ in 0..3 {
                send_self(41);
            }
            assert_eq!(take_all(u64::MAX), [Told::nothing(41)]);
        });
    });
}

/// R-SIG-24: standard signals always come; what they say is kept beyond the limit, or lost.
#[test]
fn standard_signals_are_sent_without_a_place() {
    scene(|| {
        as_another_user(1, || {
            let this = sys::pid();
            send_self(USR1);
            assert_eq!(queue(this, USR2, 5), Ok(()));
            assert_eq!(sys::tgkill(this, sys::tid(), HUP), Ok(()));
            assert_eq!(places(this), (1, 1));
            send_self(TERM);
            assert_eq!(places(this), (2, 1));
            let child = sys::fork(|| sys::exit(3));
            sys::await_zombie(child);
            until(|| places(this) == (3, 1));
            for signal in [HUP, USR2] {
                assert_eq!(take(set(&[signal])), Some(Told::nothing(signal)));
            }
            let taken = take_all(u64::MAX);
            let told: Vec<_> = taken.iter().map(|it| (it.signal, it.code, it.pid)).collect();
            let by_kill = |signal| (signal, SI_USER, this);
            let ended = (libc::SIGCHLD, libc::CLD_EXITED, child);
            assert_eq!(told, [by_kill(USR1), by_kill(TERM), ended]);
        });
        // It takes no place to be sent in vain.
        as_another_user(1, || {
            send_self(USR1);
            send_self(USR1);
            assert_eq!(places(sys::pid()), (1, 1));
        });
    });
}

/// R-SIG-25: what is taken, discarded or dead leaves its place.
#[test]
fn places_are_given_back() {
    scene(|| {
        as_another_user(8, || {
            let this = sys::pid();
            let used = || places(this).0;
            for value in 0..3 {
                queue(this, 40, value).expect("a place");
            }
            assert_eq!(used(), 3);
            take(set(&[40])).expect("one");
            assert_eq!(used(), 2);
            set_action(40, &Action::IGNORE);
            assert_eq!(used(), 0);
            let (ready, end) = (Gate::new(), Gate::new());
            sys::spawn(move || {
                send_this_thread(41);
                send_this_thread(USR1);
                ready.open();
                end.pass();
            });
            ready.pass();
            assert_eq!(used(), 2);
            end.open();
            until(|| used() == 0);
            let child = sys::fork(|| {
                send_self(USR1);
                send_this_thread(USR1);
            });
            until(|| sys::state(child) == Some('Z'));
            // One waits for its process, and SIGCHLD for this one.
            assert_eq!(used(), 2);
            assert_eq!(sys::reap(child), Event::Exited(0));
            take(set(&[libc::SIGCHLD])).expect("its end is told");
            until(|| used() == 0);
        });
    });
}

/// R-SIG-26: a timer has its place from the beginning, and a signal that has outlived it until that would be taken.
#[test]
fn timers_have_a_place() {
    scene(|| {
        as_another_user(1, || {
            let make = |notify, timer: &mut i32| {
                // SAFETY: all zeroes are the structure.
                let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
                (event.sigev_notify, event.sigev_signo) = (notify, USR1);
                let clock = number(libc::CLOCK_MONOTONIC);
                call(libc::SYS_timer_create, [clock, at(&event), out(timer), 0, 0, 0])
            };
            let (mut timer, this) = (0, sys::pid());
            for notify in [libc::SIGEV_NONE, libc::SIGEV_SIGNAL] {
                make(notify, &mut timer).expect("a timer");
                assert_eq!(places(this), (1, 1));
                assert_eq!(make(libc::SIGEV_SIGNAL, &mut 0), Err(libc::EAGAIN));
                assert_eq!(queue(this, 40, 0), Err(libc::EAGAIN));
                let soon = [0i64, 0, 0, 1];
                let timer_id = number(timer);
                call(libc::SYS_timer_settime, [timer_id, 0, at(&soon), 0, 0, 0]).expect("a time");
                if notify == libc::SIGEV_SIGNAL {
                    until(|| pending() == set(&[USR1]));
                    assert_eq!(places(this), (1, 1));
                }
                call(libc::SYS_timer_delete, [timer_id, 0, 0, 0, 0, 0]).expect("a timer");
                if notify == libc::SIGEV_SIGNAL {
                    assert_eq!((pending(), places(this)), (set(&[USR1]), (1, 1)));
                    assert_eq!(take(set(&[USR1])), None);
                    assert_eq!(pending(), 0);
                }
                assert_eq!(places(this), (0, 1));
            }
        });
    });
}

/// R-SIG-26: a periodic timer that has expired while its signal was ignored sends it when that is over, though it expires next in an hour; one that is not periodic does not.
#[test]
fn ignored_timers_send_when_their_signal_is_not_ignored_any_more() {
    const HOUR: i64 = 3600;
    scene(|| {
        for is_periodic in [true, false] {
            set_mask(0);
            sys::ignore(USR1);
            // SAFETY: all zeroes are the structure.
            let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
            (event.sigev_notify, event.sigev_signo) = (libc::SIGEV_SIGNAL, USR1);
            let (clock, mut timer) = (number(libc::CLOCK_MONOTONIC), 0i32);
            call(libc::SYS_timer_create, [clock, at(&event), out(&mut timer), 0, 0, 0])
                .expect("a timer");
            let soon = [if is_periodic { HOUR } else { 0 }, 0, 0, 1];
            call(libc::SYS_timer_settime, [number(timer), 0, at(&soon), 0, 0, 0]).expect("a time");
            until(|| {
                let mut left = [0i64; 4];
                call(libc::SYS_timer_gettime, [number(timer), out(&mut left), 0, 0, 0, 0])
                    .expect("a timer");
                let next = if is_periodic { HOUR / 2 } else { 0 };
                left[2] >= next && (is_periodic || left[3] == 0)
            });
            set_mask(set(&[USR1]));
            assert_eq!(pending(), 0);
            handle(&[USR1]);
            assert_eq!(pending(), if is_periodic { set(&[USR1]) } else { 0 });
            call(libc::SYS_timer_delete, [number(timer), 0, 0, 0, 0, 0]).expect("a timer");
            take(set(&[USR1]));
        }
    });
}

/// R-SIG-22: without a place for it, the owner of a file gets SIGIO in place of the real-time signal of F_SETSIG.
#[test]
fn files_tell_by_sigio_without_a_place_for_their_signal() {
    scene(|| {
        // The file may tell more than once.
        const PLACES: u64 = 10;
        as_another_user(PLACES, || {
            let this = sys::pid();
            for has_place in [true, false] {
                for _ in 0..if has_place { 0 } else { PLACES } {
                    queue(this, 41, 0).expect("a place");
                }
                sys::make_readable(40, this);
                let told = if has_place { set(&[40]) } else { set(&[41, libc::SIGIO]) };
                assert_eq!(pending(), told);
                if !has_place {
                    let told = take(set(&[libc::SIGIO])).expect("SIGIO");
                    assert_eq!(told.code, SI_KERNEL);
                }
                while take(set(&[40, 41])).is_some() {}
            }
        });
    });
}

/// R-SIG-27: what a sender says is handed on, but for the number of the signal.
#[test]
fn what_a_sender_says_is_handed_on() {
    scene(|| {
        set_mask(set(&[USR1, 40]));
        let receiver = sys::pid();
        for signal in [USR1, 40] {
            for code in [SI_QUEUE, -60] {
                let said = Told { signal: 12345, errno: 5, code, pid: 77, uid: 88, value: 99 };
                let child = sys::fork(|| queue_told(receiver, signal, said).expect("a parent"));
                assert_eq!(sys::reap(child), Event::Exited(0));
                assert_eq!(take(set(&[signal])), Some(Told { signal, ..said }));
            }
        }
    });
}

/// R-SIG-28: SIGCONT is pending where it is blocked, and nowhere where it is ignored by default.
#[test]
fn a_continuation_is_pending_if_it_is_blocked() {
    scene(|| {
        for is_blocked in [true, false] {
            let cont = set(&[libc::SIGCONT]);
            set_mask(if is_blocked { cont } else { 0 });
            let child = sys::fork(|| sys::park());
            until_it_sleeps_in(child, libc::SYS_pause);
            stop(child);
            resume(child);
            let left = if is_blocked { cont } else { 0 };
            assert_eq!(status_set(child, "ShdPnd"), left);
            sys::tgkill(child, child, libc::SIGCONT).expect("a child");
            assert_eq!(status_set(child, "SigPnd"), left);
            stop(child);
            assert_eq!(status_set(child, "ShdPnd") | status_set(child, "SigPnd"), 0);
            kill_and_reap(child);
        }
    });
}

/// A child of two threads.
struct Pair {
    child: i32,
    thread: i32,
    takers: Takers,
}

impl Pair {
    /// Both note these signals. The leader sleeps under that mask; the second thread, whose mask is empty, does that.
    fn new(signals: &[i32], mask_of_leader: u64, second: impl FnOnce() + Send + 'static) -> Self {
        Self::with_leader(signals, second, || {
            set_mask(mask_of_leader);
            sys::park();
        })
    }

    fn with_leader(
        signals: &[i32],
        second: impl FnOnce() + Send + 'static,
        leader: impl FnOnce(),
    ) -> Self {
        let (takers, board) = (Takers::new(), Board::new());
        let child = sys::fork(|| {
            takers.keep();
            handle(signals);
            set_mask(0);
            board.set(0, sys::spawn(second));
            leader();
        });
        until(|| board.get(0) != 0);
        Self { child, thread: board.get(0), takers }
    }

    /// Both sleep.
    fn until_asleep(&self) {
        for tid in [self.child, self.thread] {
            until_it_sleeps_in(tid, libc::SYS_pause);
        }
    }
}

/// R-SIG-29: a signal for the process wakes the thread by whose number it was sent, if that can take it, else another one.
#[test]
fn a_signal_for_the_process_goes_to_who_can_take_it() {
    scene(|| {
        let pair = Pair::new(&[USR1], 0, || sys::park());
        for by in [pair.child, pair.thread] {
            pair.until_asleep();
            sys::kill(by, USR1).expect("a process");
            assert_eq!(pair.takers.await_taker(USR1), by);
        }
        kill_and_reap(pair.child);
        let pair = Pair::new(&[USR1], set(&[USR1]), || sys::park());
        for _ in 0..2 {
            pair.until_asleep();
            sys::kill(pair.child, USR1).expect("a process");
            assert_eq!(pair.takers.await_taker(USR1), pair.thread);
        }
        kill_and_reap(pair.child);
    });
}

/// A leader that no signal but SIGKILL wakes before that gate is opened, and a second thread that sleeps.
fn pair_with_deaf_leader(signals: &[i32], gate: Gate) -> Pair {
    let pair = Pair::with_leader(
        signals,
        || sys::park(),
        || {
            sys::clone(libc::CLONE_VFORK | libc::SIGCHLD, || gate.pass()).expect("a fork");
            sys::park();
        },
    );
    until(|| sys::state(pair.child) == Some('D'));
    until_it_sleeps_in(pair.thread, libc::SYS_pause);
    pair
}

/// R-SIG-29: a sleeping thread that has a signal to look at is passed over for the next; and who looks takes all there is.
#[test]
fn who_has_been_given_a_signal_is_given_no_other() {
    scene(|| {
        let gate = Gate::new();
        let pair = pair_with_deaf_leader(&[USR1, USR2], gate);
        sys::kill(pair.child, USR1).expect("a process");
        assert_eq!(status_set(pair.child, "ShdPnd"), set(&[USR1]));
        assert_eq!(sys::state(pair.thread), Some('S'));
        sys::kill(pair.child, USR2).expect("a process");
        for signal in [USR1, USR2] {
            assert_eq!(pair.takers.await_taker(signal), pair.thread);
        }
        assert_eq!(status_set(pair.child, "ShdPnd"), 0);
        gate.open();
        kill_and_reap(pair.child);
    });
}

/// R-SIG-30: what all block waits for who unblocks it, or waits for it.
#[test]
fn what_all_block_is_taken_by_who_unblocks_it() {
    scene(|| {
        let go = Gate::new();
        let pair = Pair::new(&[USR1, USR2], set(&[USR1, USR2]), move || {
            set_mask(set(&[USR1, USR2]));
            go.pass();
            set_mask(set(&[USR2]));
            go.pass();
            assert_eq!(wait_for(set(&[USR2])).map(|told| told.code), Ok(SI_USER));
            sys::exit(6);
        });
        until_it_sleeps_in(pair.child, libc::SYS_pause);
        until_it_sleeps_in(pair.thread, libc::SYS_read);
        sys::kill(pair.child, USR1).expect("a process");
        sys::kill(pair.child, USR2).expect("a process");
        assert_eq!(status_set(pair.thread, "ShdPnd"), set(&[USR1, USR2]));
        go.open();
        assert_eq!(pair.takers.await_taker(USR1), pair.thread);
        assert_eq!(status_set(pair.child, "ShdPnd"), set(&[USR2]));
        go.open();
        assert_eq!(sys::reap(pair.child), Event::Exited(6));
    });
}

/// R-SIG-31: a thread that blocks what it was given passes it on. Here the mask of a handler does so, which waits for the other thread.
#[test]
fn who_blocks_what_it_was_given_passes_it_on() {
    scene(|| {
        let gate = Gate::new();
        let pair = Pair::with_leader(
            &[USR2],
            || sys::park(),
            || {
                set_action(USR1, &Action::calling(wait_for_taker_of_usr2, 0, set(&[USR2])));
                sys::clone(libc::CLONE_VFORK | libc::SIGCHLD, || gate.pass()).expect("a fork");
                sys::exit(5);
            },
        );
        until(|| sys::state(pair.child) == Some('D'));
        until_it_sleeps_in(pair.thread, libc::SYS_pause);
        sys::kill(pair.child, USR2).expect("a process");
        assert_eq!(sys::state(pair.thread), Some('S'));
        assert_eq!(status_set(pair.child, "ShdPnd"), set(&[USR2]));
        sys::tgkill(pair.child, pair.child, USR1).expect("a thread");
        assert_eq!(sys::state(pair.thread), Some('S'));
        gate.open();
        assert_eq!(sys::reap(pair.child), Event::Exited(5));
        assert_eq!(pair.takers.await_taker(USR2), pair.thread);
    });
}

extern "C" fn wait_for_taker_of_usr2(
    _: i32,
    _: *const crate::signal_calls::Siginfo,
    _: *mut libc::ucontext_t,
) {
    while count_noted() == 0 {
        std::thread::yield_now();
    }
}

/// R-SIG-32: who lives is given what is sent to a process whose leader has exited.
#[test]
fn the_living_are_given_signals() {
    scene(|| {
        let pair = Pair::with_leader(&[USR1], || sys::park(), || sys::exit_thread(0));
        until(|| sys::state(pair.child) == Some('Z'));
        for _ in 0..2 {
            until_it_sleeps_in(pair.thread, libc::SYS_pause);
            sys::kill(pair.child, USR1).expect("a process");
            assert_eq!(pair.takers.await_taker(USR1), pair.thread);
        }
        sys::kill(pair.child, TERM).expect("a process");
        assert_eq!(sys::reap(pair.child), Event::Killed(TERM));
    });
}

/// R-SIG-99: threads that exit all the time lose no signal. The leader blocks it, so that they are woken for it, or the one that stays.
#[test]
fn threads_that_exit_lose_no_signal() {
    scene(|| {
        let pair = Pair::new(&[USR1], set(&[USR1]), || {
            loop {
                let thread = std::thread::spawn(|| ());
                assert!(thread.join().is_ok());
            }
        });
        until_it_sleeps_in(pair.child, libc::SYS_pause);
        for _ in 0..2000 {
            sys::kill(pair.child, USR1).expect("a process");
            pair.takers.await_taker(USR1);
        }
        kill_and_reap(pair.child);
    });
}

/// R-SIG-33: a signal for one thread is nobody else's, and ends with it.
#[test]
fn a_signal_for_a_thread_dies_with_it() {
    scene(|| {
        let end = Gate::new();
        let pair = Pair::new(&[USR1], 0, move || {
            set_mask(set(&[USR1]));
            end.pass();
        });
        until_it_sleeps_in(pair.thread, libc::SYS_read);
        until_it_sleeps_in(pair.child, libc::SYS_pause);
        sys::tgkill(pair.child, pair.thread, USR1).expect("a thread");
        assert_eq!(status_set(pair.thread, "SigPnd"), set(&[USR1]));
        assert_eq!(status_set(pair.child, "SigPnd") | status_set(pair.child, "ShdPnd"), 0);
        end.open();
        until(|| sys::threads(pair.child) == [pair.child]);
        assert_eq!(status_set(pair.child, "SigPnd") | status_set(pair.child, "ShdPnd"), 0);
        assert_eq!(sys::state(pair.child), Some('S'));
        assert_eq!(pair.takers.taker(USR1), None);
        kill_and_reap(pair.child);
    });
}

/// R-SIG-34: one thread that does not block a fatal signal is enough.
#[test]
fn a_fatal_signal_needs_one_thread() {
    scene(|| {
        let blocked = set(&[TERM, 40]);
        for signal in [TERM, 40] {
            let pair = Pair::new(&[], blocked, || sys::park());
            until_it_sleeps_in(pair.child, libc::SYS_pause);
            sys::kill(pair.child, signal).expect("a process");
            assert_eq!(sys::reap(pair.child), Event::Killed(signal));
            let pair = Pair::new(&[], blocked, || sys::park());
            until_it_sleeps_in(pair.child, libc::SYS_pause);
            sys::tgkill(pair.child, pair.child, signal).expect("a thread");
            assert_eq!(status_set(pair.child, "SigPnd"), set(&[signal]));
            sys::tgkill(pair.child, pair.thread, signal).expect("a thread");
            assert_eq!(sys::reap(pair.child), Event::Killed(signal));
        }
    });
}

/// R-SIG-90: /proc shows the queues of threads and of the process.
#[test]
fn queues_are_shown() {
    scene(|| {
        let pair = Pair::new(&[], u64::MAX, || {
            set_mask(u64::MAX);
            sys::park();
        });
        pair.until_asleep();
        sys::kill(pair.child, HUP).expect("a process");
        sys::tgkill(pair.child, pair.child, USR1).expect("a thread");
        sys::tgkill(pair.child, pair.thread, USR2).expect("a thread");
        let shown = |tid| ["SigPnd", "ShdPnd"].map(|name| status_set(tid, name));
        assert_eq!(shown(pair.child), [set(&[USR1]), set(&[HUP])]);
        assert_eq!(shown(pair.thread), [set(&[USR2]), set(&[HUP])]);
        kill_and_reap(pair.child);
        as_another_user(0, || {
            send_self(40);
            assert_eq!(shown(sys::pid()), [0, set(&[40])]);
        });
    });
}

/// R-SIG-98: a tracer reads what is queued.
#[test]
fn a_tracer_reads_the_queues() {
    const PEEK: usize = 0x4209;
    #[repr(C)]
    struct Asked {
        first: u64,
        flags: u32,
        count: i32,
    }
    scene(|| {
        set_mask(u64::MAX);
        let child = sys::fork(|| sys::park());
        let this = sys::pid();
        for (signal, value) in [(41, 1), (USR1, 2), (40, 3), (41, 4)] {
            queue(child, signal, value).expect("a child");
        }
        queue_to_thread(child, child, USR2, 5).expect("a thread");
        let none = [0u64, 1000];
        let limit = number(libc::RLIMIT_SIGPENDING as i32);
        call(libc::SYS_prlimit64, [number(child), limit, at(&none), 0, 0, 0]).expect("a child");
        sys::kill(child, 42).expect("a child");
        assert_eq!(status_set(child, "ShdPnd"), set(&[USR1, 40, 41, 42]));
        tracer::seize_or_skip(child, 0);
        tracer::interrupt(child);
        assert_eq!(tracer::next(child), tracer::INTERRUPTED);
        let read = |first, flags| {
            let asked = Asked { first, flags, count: 8 };
            let mut infos = [[0i32; 32]; 8];
            let arguments = [PEEK, number(child), at(&asked), out(&mut infos), 0, 0];
            let count = call(libc::SYS_ptrace, arguments).expect("a tracee") as usize;
            let told: Vec<_> = infos[..count].iter().map(Told::of).collect();
            assert!(told.iter().all(|told| told.pid == this && told.code == SI_QUEUE));
            told.iter().map(|told| (told.signal, told.value)).collect::<Vec<_>>()
        };
        assert_eq!(read(0, 1), [(41, 1), (USR1, 2), (40, 3), (41, 4)]);
        assert_eq!(read(2, 1), [(40, 3), (41, 4)]);
        assert_eq!(read(0, 0), [(USR2, 5)]);
        assert_eq!(read(1, 0), []);
        assert_eq!(status_set(child, "ShdPnd"), set(&[USR1, 40, 41, 42]));
        sys::kill(child, libc::SIGKILL).expect("a child");
        assert_eq!(sys::reap(child), Event::Killed(libc::SIGKILL));
    });
}
