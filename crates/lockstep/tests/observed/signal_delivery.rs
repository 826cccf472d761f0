//! What a signal does to the thread that takes it: handlers, interrupted calls, alternate stacks, tracers.

use std::ffi::c_long;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::Instant;

use crate::scene::{permitted, scene, until};
use crate::signal_calls::{
    Action, Handler, NOWHERE, SI_KERNEL, SI_QUEUE, Siginfo, Takers, Told, UNBLOCKABLE, action,
    alternate_stack, at, call, change_mask, count_noted, epoll_pwait, handle, mask, memory,
    no_stack, noted, noted_signals, number, out, pending, ppoll, pselect, queue, read_signalfd,
    resume, send_self, send_this_thread, set, set_action, set_alternate_stack, set_mask,
    share_memory, signalfd, status_set, stop, stop_and_continue, suspend, until_it_sleeps_in,
    usable_memory, wait_for,
};
use crate::sys::{self, Board, Event, Gate, Who};
use crate::tracer;

const USR1: i32 = libc::SIGUSR1;
const USR2: i32 = libc::SIGUSR2;
const SEGV: i32 = libc::SIGSEGV;
type Context = *mut libc::ucontext_t;

/// R-SIG-35: a handler has run when the call returns that lets it.
#[test]
fn a_handler_runs_before_the_call_returns() {
    scene(|| {
        handle(&[USR1, 40]);
        set_mask(set(&[USR1, 40]));
        for signal in [USR1, 40] {
            send_self(signal);
            assert_eq!(count_noted(), 0);
            change_mask(libc::SIG_UNBLOCK, set(&[signal])).expect("a set");
            assert_eq!(noted_signals(), [signal]);
            for send in [send_self, send_this_thread] {
                send(signal);
                assert_eq!(noted_signals(), [signal]);
            }
        }
    });
}

/// R-SIG-36: handlers are entered one on top of the other, so the signal that was taken first is handled last, unless its action keeps the others out.
#[test]
fn handlers_are_stacked() {
    scene(|| {
        let all = set(&[USR1, USR2, 40]);
        let send_and_unblock = || {
            set_mask(all);
            for signal in [USR2, 40, USR1] {
                send_self(signal);
            }
            set_mask(0);
            noted().iter().map(|noted| (noted.told.signal, noted.mask)).collect::<Vec<_>>()
        };
        handle(&[USR1, USR2, 40]);
        let both = set(&[USR1, USR2]);
        assert_eq!(send_and_unblock(), [(40, all), (USR2, both), (USR1, set(&[USR1]))]);
        set_action(USR1, &Action::noting(0, all));
        let seen = send_and_unblock();
        assert_eq!(seen, [(USR1, all), (40, set(&[USR2, 40])), (USR2, set(&[USR2]))]);
    });
}

/// R-SIG-37, R-SIG-38: what is blocked in a handler, and behind it.
#[test]
fn a_handler_has_a_mask_of_its_own() {
    scene(|| {
        let before = set(&[libc::SIGHUP]);
        set_mask(before);
        let seen = |flags, added| {
            set_action(USR1, &Action::noting(flags, added));
            send_self(USR1);
            assert_eq!(mask(), before);
            noted()[0].mask
        };
        let (usr1, usr2) = (set(&[USR1]), set(&[USR2]));
        assert_eq!(seen(0, 0), before | usr1);
        assert_eq!(seen(0, usr2), before | usr1 | usr2);
        assert_eq!(seen(libc::SA_NODEFER, usr2), before | usr2);
        assert_eq!(seen(libc::SA_NODEFER, usr1), before | usr1);
    });
}

/// R-SIG-39: real-time signals are handled in turn, or each in the handler of the next.
#[test]
fn several_signals_of_one_number_are_handled() {
    scene(|| {
        let seen = |flags| {
            set_action(40, &Action::noting(flags, 0));
            set_mask(set(&[40]));
            for value in 1..=3 {
                queue(sys::pid(), 40, value).expect("itself");
            }
            set_mask(0);
            noted().iter().map(|noted| noted.told.value).collect::<Vec<_>>()
        };
        assert_eq!(seen(0), [1, 2, 3]);
        assert_eq!(seen(libc::SA_NODEFER), [3, 2, 1]);
    });
}

/// R-SIG-40: an action for one time is gone when its handler begins, except for its flags and its mask.
#[test]
fn an_action_for_one_time_is_gone_in_its_handler() {
    scene(|| {
        set_mask(0);
        let once = Action::noting(libc::SA_RESETHAND | libc::SA_RESTART, set(&[40]));
        set_action(USR1, &once);
        send_self(USR1);
        let [seen] = noted()[..] else { panic!("one") };
        assert_eq!((seen.action, seen.mask), (Action::DEFAULT.handler, set(&[USR1, 40])));
        assert_eq!(action(USR1), Action { handler: Action::DEFAULT.handler, ..once });
        let child = sys::fork(|| send_self(USR1));
        assert_eq!(sys::reap(child), Event::Killed(USR1));
    });
}

/// R-SIG-41: the mask behind a handler is that in its context.
#[test]
fn the_mask_behind_a_handler_is_in_its_context() {
    extern "C" fn block_all(_: i32, _: *const Siginfo, context: Context) {
        // SAFETY: the kernel has given the address of the context, whose mask is as long as a set.
        unsafe { (&raw mut (*context).uc_sigmask).cast::<u64>().write(u64::MAX) };
    }
    extern "C" fn block_in_vain(_: i32, _: *const Siginfo, _: Context) {
        set_mask(set(&[40]));
    }
    scene(|| {
        set_mask(set(&[USR2]));
        set_action(USR1, &Action::calling(block_in_vain, 0, 0));
        send_self(USR1);
        assert_eq!(mask(), set(&[USR2]));
        set_action(USR1, &Action::calling(block_all, 0, 0));
        send_self(USR1);
        assert_eq!(mask(), !UNBLOCKABLE);
    });
}

/// What the calls below need, made before a child is forked.
struct Means {
    pipe: (OwnedFd, OwnedFd),
    gate: Gate,
    board: Board,
    semaphore: usize,
}

impl Means {
    fn new() -> Self {
        let private = number(libc::IPC_PRIVATE);
        let made = call(libc::SYS_semget, [private, 1, 0o600, 0, 0, 0]);
        let semaphore = permitted(made, "semget") as usize;
        Self { pipe: sys::pipe(), gate: Gate::new(), board: Board::new(), semaphore }
    }

    fn reader(&self) -> i32 {
        self.pipe.0.as_raw_fd()
    }

    fn fill_pipe(&self) {
        let byte = [0u8];
        let writer = number(self.pipe.1.as_raw_fd());
        assert_eq!(call(libc::SYS_write, [writer, at(&byte), 1, 0, 0, 0]), Ok(1));
    }

    fn wait_on_futex(&self, timeout: usize) -> Result<i64, i32> {
        let word = at(self.board.place(0));
        call(libc::SYS_futex, [word, number(libc::FUTEX_WAIT), 0, timeout, 0, 0])
    }

    fn wake_futex(&self) {
        self.board.set(0, 1);
        let word = at(self.board.place(0));
        let woken = call(libc::SYS_futex, [word, number(libc::FUTEX_WAKE), 1, 0, 0, 0]);
        assert_eq!(woken, Ok(1));
    }
}

impl Drop for Means {
    fn drop(&mut self) {
        let remove = number(libc::IPC_RMID);
        call(libc::SYS_semctl, [self.semaphore, 0, remove, 0, 0, 0]).expect("a semaphore");
    }
}

/// A call in which a thread sleeps.
struct Sleep {
    number: c_long,
    begin: fn(&Means) -> Result<i64, i32>,
    /// Lets the call end, and well.
    finish: fn(&Means, i32),
}

const LONG: libc::timespec = libc::timespec { tv_sec: 20, tv_nsec: 0 };

const READ: Sleep = Sleep {
    number: libc::SYS_read,
    begin: |means| {
        let mut byte = [0u8];
        call(libc::SYS_read, [number(means.reader()), out(&mut byte), 1, 0, 0, 0])
    },
    finish: |means, _| means.fill_pipe(),
};
const READ_SIGNALFD: Sleep = Sleep {
    number: libc::SYS_read,
    begin: |_| {
        sys::block(&[USR2]);
        read_signalfd(signalfd(set(&[USR2]), 0), 1).map(|_| 0)
    },
    finish: |_, child| sys::kill(child, USR2).expect("a child"),
};
const WAIT4: Sleep = Sleep {
    number: libc::SYS_wait4,
    begin: |means| {
        let child = sys::fork(|| means.gate.pass());
        call(libc::SYS_wait4, [number(child), 0, 0, 0, 0, 0])
    },
    finish: |means, _| means.gate.open(),
};
const FUTEX: Sleep = Sleep {
    number: libc::SYS_futex,
    begin: |means| means.wait_on_futex(0),
    finish: |means, _| means.wake_futex(),
};
const FUTEX_WITH_TIMEOUT: Sleep = Sleep { begin: |means| means.wait_on_futex(at(&LONG)), ..FUTEX };
/// Ends with a handler alone.
const PAUSE: Sleep = Sleep {
    number: libc::SYS_pause,
    begin: |_| call(libc::SYS_pause, [0; 6]),
    finish: |_, child| sys::kill(child, USR1).expect("a child"),
};
const SUSPEND: Sleep =
    Sleep { number: libc::SYS_rt_sigsuspend, begin: |_| suspend(0), finish: PAUSE.finish };
const TIMED_WAIT: Sleep = Sleep {
    number: libc::SYS_rt_sigtimedwait,
    begin: |_| {
        sys::block(&[USR2]);
        wait_for(set(&[USR2])).map(|_| 0)
    },
    finish: READ_SIGNALFD.finish,
};
const NANOSLEEP: Sleep = Sleep {
    number: libc::SYS_nanosleep,
    begin: |_| call(libc::SYS_nanosleep, [at(&LONG), 0, 0, 0, 0, 0]),
    finish: |_, _| unreachable!("its time is its end"),
};
const POLL: Sleep = Sleep {
    number: libc::SYS_poll,
    begin: |means| {
        let mut asked = libc::pollfd { fd: means.reader(), events: libc::POLLIN, revents: 0 };
        call(libc::SYS_poll, [out(&mut asked), 1, 20_000, 0, 0, 0])
    },
    finish: READ.finish,
};
const PPOLL: Sleep = Sleep {
    number: libc::SYS_ppoll,
    begin: |means| ppoll(Some(means.reader()), Some(&LONG), 0),
    finish: READ.finish,
};
const PSELECT: Sleep = Sleep {
    number: libc::SYS_pselect6,
    begin: |means| pselect(Some(means.reader()), Some(&LONG), 0),
    finish: READ.finish,
};
const EPOLL: Sleep = Sleep {
    number: libc::SYS_epoll_pwait,
    begin: |means| epoll_pwait(Some(means.reader()), -1, 0),
    finish: READ.finish,
};
const SEMOP: Sleep = Sleep {
    number: libc::SYS_semop,
    begin: |means| {
        let take = libc::sembuf { sem_num: 0, sem_op: -1, sem_flg: 0 };
        call(libc::SYS_semop, [means.semaphore, at(&take), 1, 0, 0, 0])
    },
    finish: |_, _| unreachable!("it has been interrupted"),
};

impl Sleep {
    /// Forks a child that sleeps in the call. It exits with the error of the call, or with 0.
    fn begin(&self, means: &Means, takers: Takers, flags: i32) -> i32 {
        let child = sys::fork(|| {
            takers.keep();
            set_mask(0);
            for signal in [USR1, USR2] {
                set_action(signal, &Action::noting(flags, 0));
            }
            sys::exit((self.begin)(means).err().unwrap_or(0));
        });
        until_it_sleeps_in(child, self.number);
        child
    }
}

/// R-SIG-42: after a handler with SA_RESTART some calls start again.
#[test]
fn some_calls_start_again() {
    scene(|| {
        for sleep in [READ, READ_SIGNALFD, WAIT4, FUTEX] {
            let (means, takers) = (Means::new(), Takers::new());
            let child = sleep.begin(&means, takers, libc::SA_RESTART);
            for _ in 0..2 {
                sys::kill(child, USR1).expect("a child");
                assert_eq!(takers.await_taker(USR1), child);
                until_it_sleeps_in(child, sleep.number);
            }
            (sleep.finish)(&means, child);
            assert_eq!(sys::reap(child), Event::Exited(0));
            let child = sleep.begin(&Means::new(), takers, 0);
            sys::kill(child, USR1).expect("a child");
            assert_eq!(sys::reap(child), Event::Exited(libc::EINTR));
        }
    });
}

/// R-SIG-43: after a handler others do not, whatever its flags.
#[test]
fn some_calls_never_start_again() {
    scene(|| {
        let sleeps = [
            PAUSE,
            SUSPEND,
            TIMED_WAIT,
            NANOSLEEP,
            POLL,
            PPOLL,
            PSELECT,
            EPOLL,
            SEMOP,
            FUTEX_WITH_TIMEOUT,
        ];
        for sleep in sleeps {
            for flags in [libc::SA_RESTART, 0] {
                let (means, takers) = (Means::new(), Takers::new());
                let child = sleep.begin(&means, takers, flags);
                sys::kill(child, USR1).expect("a child");
                assert_eq!(sys::reap(child), Event::Exited(libc::EINTR));
                assert_eq!(takers.taker(USR1), Some(child));
            }
        }
    });
}

/// R-SIG-44: a stop and its continuation are not noticed by most calls.
#[test]
fn most_calls_go_on_behind_a_stop() {
    scene(|| {
        let sleeps = [
            READ,
            READ_SIGNALFD,
            WAIT4,
            FUTEX,
            FUTEX_WITH_TIMEOUT,
            POLL,
            PPOLL,
            PSELECT,
            PAUSE,
            SUSPEND,
        ];
        for sleep in sleeps {
            let means = Means::new();
            let child = sleep.begin(&means, Takers::new(), 0);
            for _ in 0..2 {
                stop_and_continue(child);
                until_it_sleeps_in(child, sleep.number);
            }
            (sleep.finish)(&means, child);
            let is_ended_by_handler = [PAUSE.number, SUSPEND.number].contains(&sleep.number);
            let expected = if is_ended_by_handler { libc::EINTR } else { 0 };
            assert_eq!(sys::reap(child), Event::Exited(expected));
        }
    });
}

/// A moment of the scene, in milliseconds.
fn now(since: Instant) -> i32 {
    i32::try_from(since.elapsed().as_millis()).expect("a short time")
}

/// Forks a child that does that, stops it at once, and lets it go on at that time, in milliseconds. Tells when it had stopped, when it was
/// let go on, and when it was done. It succeeds.
fn stopped_amid(sleep: fn(), number: c_long, until_then: i32) -> [i32; 3] {
    let (board, since) = (Board::new(), Instant::now());
    let child = sys::fork(|| {
        sleep();
        board.set(0, now(since));
    });
    until_it_sleeps_in(child, number);
    stop(child);
    let stopped = now(since);
    until(|| now(since) >= until_then);
    let continued = now(since);
    resume(child);
    assert_eq!(sys::reap(child), Event::Exited(0));
    [stopped, continued, board.get(0)]
}

const A_WHILE: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 400_000_000 };

/// R-SIG-44: the time of nanosleep, poll and futex passes in a stop.
#[test]
fn a_timeout_passes_in_a_stop() {
    scene(|| {
        let sleeps: [(fn(), _); 3] = [
            (
                || {
                    let slept = call(libc::SYS_nanosleep, [at(&A_WHILE), 0, 0, 0, 0, 0]);
                    assert_eq!(slept, Ok(0));
                },
                libc::SYS_nanosleep,
            ),
            (|| assert_eq!(call(libc::SYS_poll, [0, 0, 400, 0, 0, 0]), Ok(0)), libc::SYS_poll),
            (
                || {
                    let waited = Means::new().wait_on_futex(at(&A_WHILE));
                    assert_eq!(waited, Err(libc::ETIMEDOUT));
                },
                libc::SYS_futex,
            ),
        ];
        for (sleep, number) in sleeps {
            // It would take 400 ms more if the time began anew; on a busy machine it may take that long all the same, but not each time.
            until(|| {
                let [_, continued, ended] = stopped_amid(sleep, number, 500);
                ended - continued < 300
            });
        }
    });
}

/// R-SIG-44: that of ppoll and pselect6 does not; it is written back while they are stopped.
#[test]
fn a_timeout_that_is_written_back_stands_still_in_a_stop() {
    scene(|| {
        let sleeps: [(fn(), _); 2] = [
            (|| assert_eq!(ppoll(None, Some(&A_WHILE), 0), Ok(0)), libc::SYS_ppoll),
            (|| assert_eq!(pselect(None, Some(&A_WHILE), 0), Ok(0)), libc::SYS_pselect6),
        ];
        for (sleep, number) in sleeps {
            let [stopped, continued, ended] = stopped_amid(sleep, number, 500);
            // What was left when it had stopped; a millisecond is lost in rounding.
            assert!(ended - continued >= 400 - stopped - 2, "{stopped} {continued} {ended}");
        }
        // Where it cannot be written back they do not go on.
        let takers = Takers::new();
        let unwritable: [Sleep; 2] = [
            Sleep {
                begin: |_| {
                    let timeout = read_only(LONG);
                    call(libc::SYS_ppoll, [0, 0, timeout, 0, 0, 0])
                },
                ..PPOLL
            },
            Sleep {
                begin: |_| call(libc::SYS_pselect6, [0, 0, 0, 0, read_only(LONG), 0]),
                ..PSELECT
            },
        ];
        for sleep in unwritable {
            let child = sleep.begin(&Means::new(), takers, 0);
            stop_and_continue(child);
            assert_eq!(sys::reap(child), Event::Exited(libc::EINTR));
        }
    });
}

/// The value in memory that cannot be written.
fn read_only<T>(value: T) -> usize {
    let page = usable_memory(4096);
    // SAFETY: a new page, aligned for anything, and larger than the value.
    unsafe { (page as *mut T).write(value) };
    let read = libc::PROT_READ as usize;
    call(libc::SYS_mprotect, [page, 4096, read, 0, 0, 0]).expect("a page");
    page
}

/// R-SIG-45: some calls are interrupted by a stop and its continuation.
#[test]
fn some_calls_end_behind_a_stop() {
    scene(|| {
        for sleep in [EPOLL, TIMED_WAIT, SEMOP] {
            let takers = Takers::new();
            let means = Means::new();
            let child = sleep.begin(&means, takers, libc::SA_RESTART);
            stop_and_continue(child);
            assert_eq!(sys::reap(child), Event::Exited(libc::EINTR));
            assert_eq!((takers.taker(USR1), takers.taker(USR2)), (None, None));
        }
    });
}

/// R-SIG-46: of two handlers the one whose signal was taken first says whether the call starts again; the signals come in a stop, so that there are two.
#[test]
fn the_first_action_says_whether_a_call_starts_again() {
    scene(|| {
        for (first, second) in [(libc::SA_RESTART, 0), (0, libc::SA_RESTART)] {
            let (means, takers) = (Means::new(), Takers::new());
            let child = sys::fork(|| {
                takers.keep();
                set_mask(0);
                set_action(USR1, &Action::noting(first, 0));
                set_action(USR2, &Action::noting(second, 0));
                sys::exit((READ.begin)(&means).err().unwrap_or(0));
            });
            until_it_sleeps_in(child, READ.number);
            stop(child);
            sys::kill(child, USR2).expect("a child");
            sys::kill(child, USR1).expect("a child");
            assert_eq!((takers.taker(USR1), takers.taker(USR2)), (None, None));
            resume(child);
            if first == libc::SA_RESTART {
                takers.await_taker(USR1);
                until_it_sleeps_in(child, READ.number);
                means.fill_pipe();
                assert_eq!(sys::reap(child), Event::Exited(0));
            } else {
                assert_eq!(sys::reap(child), Event::Exited(libc::EINTR));
            }
            assert_eq!(takers.taker(USR2), Some(child));
        }
    });
}

/// R-SIG-47: a signal that is ignored is discarded by the call that opens it.
#[test]
fn what_is_ignored_is_discarded_by_who_opens_it() {
    scene(|| {
        for ignored in [libc::SIGURG, libc::SIGHUP] {
            for sleep in [SUSPEND, PPOLL, PSELECT, EPOLL] {
                let means = Means::new();
                let child = sys::fork(|| {
                    handle(&[USR1]);
                    sys::ignore(libc::SIGHUP);
                    set_mask(set(&[ignored, USR1]));
                    send_self(ignored);
                    assert_eq!(pending(), set(&[ignored]));
                    let answer = (sleep.begin)(&means);
                    assert_eq!(pending(), 0);
                    sys::exit(answer.err().unwrap_or(0));
                });
                let mut expected = libc::EINTR;
                if sleep.number != EPOLL.number {
                    until_it_sleeps_in(child, sleep.number);
                    until(|| status_set(child, "ShdPnd") == 0);
                    until_it_sleeps_in(child, sleep.number);
                    (sleep.finish)(&means, child);
                    expected = if sleep.number == SUSPEND.number { libc::EINTR } else { 0 };
                }
                assert_eq!(sys::reap(child), Event::Exited(expected));
            }
        }
    });
}

/// How often a handler has been entered, over all processes of the scene.
static ENTERED: AtomicI32 = AtomicI32::new(0);

/// R-SIG-69: a fault in the handler for faults is the end, unless the signal is not blocked there.
#[test]
fn a_fault_in_its_own_handler_is_the_end() {
    extern "C" fn fault_twice(_: i32, _: *const Siginfo, _: Context) {
        if ENTERED.fetch_add(1, Ordering::SeqCst) == 2 {
            sys::exit(5);
        }
        sys::fault();
    }
    scene(|| {
        let end_with = |flags| {
            let child = sys::fork(|| {
                set_action(SEGV, &Action::calling(fault_twice, flags, 0));
                sys::fault();
            });
            sys::reap(child)
        };
        assert_eq!(end_with(0), Event::Killed(SEGV));
        assert_eq!(end_with(libc::SA_NODEFER), Event::Exited(5));
    });
}

/// R-SIG-70, R-SIG-76: a frame without a place makes a fault.
#[test]
fn a_handler_without_a_place_is_a_fault() {
    const SIZE: usize = 1 << 16;
    scene(|| {
        let nowhere = memory(SIZE, libc::PROT_NONE);
        let on_stack = Action::noting(libc::SA_ONSTACK, 0);
        let child = sys::fork(|| {
            set_alternate_stack(nowhere, 0, SIZE).expect("a stack");
            set_action(SEGV, &Action::noting(0, 0));
            set_action(USR1, &on_stack);
            send_self(USR1);
            let seen: Vec<_> = noted().iter().map(|it| (it.told.signal, it.told.code)).collect();
            assert_eq!(seen, [(SEGV, SI_KERNEL)]);
            assert_eq!(pending(), 0);
            assert_eq!(action(SEGV), Action::noting(0, 0));
        });
        assert_eq!(sys::reap(child), Event::Exited(0));
        for signal in [USR1, SEGV] {
            let child = sys::fork(|| {
                set_alternate_stack(nowhere, 0, SIZE).expect("a stack");
                set_action(SEGV, &on_stack);
                set_action(USR1, &on_stack);
                send_self(signal);
            });
            assert_eq!(sys::reap(child), Event::Killed(SEGV));
        }
    });
}

/// R-SIG-71: a handler without a way back is a fault on x86-64.
#[test]
fn a_handler_without_a_way_back_is_a_fault() {
    scene(|| {
        let without = Action { flags: 0, ..Action::noting(0, 0) };
        set_action(SEGV, &Action::noting(0, 0));
        set_action(USR1, &without);
        send_self(USR1);
        assert_eq!(noted_signals(), [SEGV]);
        let child = sys::fork(|| {
            set_action(SEGV, &without);
            send_self(SEGV);
        });
        assert_eq!(sys::reap(child), Event::Killed(SEGV));
    });
}

const STACK: usize = 1 << 16;
const AUTODISARM: i32 = i32::MIN;
/// The least size.
const LEAST: usize = 2048;

/// An alternate stack, in force.
fn new_stack(flags: i32) -> usize {
    let stack = usable_memory(STACK);
    set_alternate_stack(stack, flags, STACK).expect("a stack");
    stack
}

/// What a handler has seen of stacks: the flags of the alternate one, the answers to new ones, where it ran.
static FLAGS: AtomicI32 = AtomicI32::new(0);
static ANSWERS: [AtomicI32; 4] = [const { AtomicI32::new(0) }; 4];
static PLACES: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

/// Where the caller's frame is, about.
#[inline(never)]
fn place() -> usize {
    let mut here = 0u8;
    std::hint::black_box(out(&mut here))
}

fn answer(stack: Result<(), i32>) -> i32 {
    stack.err().unwrap_or(0)
}

/// R-SIG-72: which alternate stacks are refused, and why.
#[test]
fn some_stacks_are_refused() {
    extern "C" fn ask_for_others(_: i32, _: *const Siginfo, _: Context) {
        let (stack, flags, size) = alternate_stack();
        let answers = [
            set_alternate_stack(stack, 0, size),
            set_alternate_stack(stack, 3, 0),
            set_alternate_stack(0, libc::SS_DISABLE, 0),
            call(libc::SYS_sigaltstack, [NOWHERE, 0, 0, 0, 0, 0]).map(drop),
        ];
        for (place, got) in ANSWERS.iter().zip(answers) {
            place.store(answer(got), Ordering::SeqCst);
        }
        FLAGS.store(flags, Ordering::SeqCst);
    }
    scene(|| {
        let stack = new_stack(0);
        for flags in [3, 4, 8, 1 << 30, AUTODISARM | 3, !3] {
            assert_eq!(set_alternate_stack(stack, flags, 0), Err(libc::EINVAL));
        }
        for flags in [0, libc::SS_ONSTACK, AUTODISARM, AUTODISARM | libc::SS_ONSTACK] {
            assert_eq!(set_alternate_stack(stack, flags, LEAST - 1), Err(libc::ENOMEM));
            assert_eq!(set_alternate_stack(stack, flags, LEAST), Ok(()));
        }
        set_alternate_stack(stack, 0, STACK).expect("a stack");
        let mut old = libc::stack_t { ss_flags: 77, ..no_stack() };
        let small = libc::stack_t { ss_size: 1, ..no_stack() };
        let arguments = [at(&small), out(&mut old), 0, 0, 0, 0];
        assert_eq!(call(libc::SYS_sigaltstack, arguments), Err(libc::ENOMEM));
        assert_eq!(old.ss_flags, 77, "nothing is written");
        let arguments = [NOWHERE, NOWHERE, 0, 0, 0, 0];
        assert_eq!(call(libc::SYS_sigaltstack, arguments), Err(libc::EFAULT));
        set_action(USR1, &Action::calling(ask_for_others, libc::SA_ONSTACK, 0));
        send_self(USR1);
        let answers = [0, 1, 2, 3].map(|at: usize| ANSWERS[at].load(Ordering::SeqCst));
        assert_eq!(answers, [libc::EPERM, libc::EPERM, libc::EPERM, libc::EFAULT]);
        assert_eq!(FLAGS.load(Ordering::SeqCst), libc::SS_ONSTACK);
        assert_eq!(set_alternate_stack(stack, libc::SS_DISABLE, 1), Ok(()));
    });
}

/// R-SIG-73: without an alternate stack, at the beginning and later.
#[test]
fn a_thread_begins_without_an_alternate_stack() {
    const NONE: (usize, i32, usize) = (0, libc::SS_DISABLE, 0);
    scene(|| {
        let stack = new_stack(0);
        assert_eq!(alternate_stack(), (stack, 0, STACK));
        let board = Board::new();
        let flags = libc::CLONE_THREAD | libc::CLONE_SIGHAND;
        share_memory(flags, move || {
            board.set(0, if alternate_stack() == NONE { 1 } else { 2 });
            0
        });
        until(|| board.get(0) != 0);
        assert_eq!(board.get(0), 1);
        set_alternate_stack(stack, libc::SS_DISABLE, STACK).expect("none");
        assert_eq!(alternate_stack(), NONE);
    });
}

/// R-SIG-74: the flags of an alternate stack.
#[test]
fn the_flags_of_a_stack_say_who_runs_on_it() {
    extern "C" fn look(_: i32, _: *const Siginfo, _: Context) {
        FLAGS.store(alternate_stack().1, Ordering::SeqCst);
    }
    scene(|| {
        let seen_in_handler = |flags| {
            set_action(USR1, &Action::calling(look, flags, 0));
            send_self(USR1);
            FLAGS.load(Ordering::SeqCst)
        };
        for flags in [0, libc::SS_ONSTACK] {
            new_stack(flags);
            assert_eq!(alternate_stack().1, 0);
            assert_eq!(seen_in_handler(libc::SA_ONSTACK), libc::SS_ONSTACK);
            assert_eq!(seen_in_handler(0), 0);
        }
        new_stack(AUTODISARM | libc::SS_ONSTACK);
        assert_eq!(alternate_stack().1, AUTODISARM);
        assert_eq!(seen_in_handler(0), libc::SS_DISABLE);
        set_alternate_stack(0, AUTODISARM | libc::SS_DISABLE, 0).expect("none");
        assert_eq!(alternate_stack().1, AUTODISARM | libc::SS_DISABLE);
    });
}

/// R-SIG-75: a handler runs on the alternate stack if it wants that, or if what it interrupts does.
#[test]
fn handlers_run_on_the_alternate_stack() {
    extern "C" fn enter_another(_: i32, _: *const Siginfo, _: Context) {
        PLACES[0].store(place(), Ordering::SeqCst);
        send_self(USR2);
    }
    extern "C" fn enter(_: i32, _: *const Siginfo, _: Context) {
        PLACES[1].store(place(), Ordering::SeqCst);
    }
    scene(|| {
        let stack = new_stack(0);
        let seen = |outer, inner| {
            set_action(USR1, &Action::calling(enter_another, outer, 0));
            set_action(USR2, &Action::calling(enter, inner, 0));
            send_self(USR1);
            [0, 1].map(|at: usize| PLACES[at].load(Ordering::SeqCst))
        };
        let is_on_it = |place| (stack..stack + STACK).contains(&place);
        for inner in [0, libc::SA_ONSTACK] {
            let [outer, inner] = seen(libc::SA_ONSTACK, inner);
            assert!(is_on_it(outer) && is_on_it(inner) && inner < outer);
        }
        let [outer, inner] = seen(0, libc::SA_ONSTACK);
        assert!(!is_on_it(outer) && is_on_it(inner));
        set_alternate_stack(0, libc::SS_DISABLE, 0).expect("none");
        let [outer, inner] = seen(libc::SA_ONSTACK, libc::SA_ONSTACK);
        assert!(!is_on_it(outer) && !is_on_it(inner));
    });
}

/// R-SIG-76: no handler is entered below the alternate stack, although there is memory.
#[test]
fn no_frame_goes_beyond_an_alternate_stack() {
    extern "C" fn enter_again(_: i32, _: *const Siginfo, _: Context) {
        PLACES[0].fetch_min(place(), Ordering::SeqCst);
        send_self(USR1);
    }
    extern "C" fn check(_: i32, _: *const Siginfo, _: Context) {
        let is_in_it = PLACES[0].load(Ordering::SeqCst) > PLACES[1].load(Ordering::SeqCst);
        sys::exit(if is_in_it { 4 } else { 5 });
    }
    scene(|| {
        let board = Board::new();
        let overflow = || {
            let stack = usable_memory(16 * STACK) + 15 * STACK;
            set_alternate_stack(stack, 0, STACK).expect("a stack");
            PLACES[0].store(usize::MAX, Ordering::SeqCst);
            PLACES[1].store(stack, Ordering::SeqCst);
            let nested = libc::SA_ONSTACK | libc::SA_NODEFER;
            set_action(USR1, &Action::calling(enter_again, nested, 0));
            set_action(SEGV, &Action::DEFAULT);
            send_self(USR1);
            board.set(0, 1);
        };
        let child = sys::fork(overflow);
        assert_eq!(sys::reap(child), Event::Killed(SEGV));
        assert_eq!(board.get(0), 0);
        // Too small for one frame, if frames here are larger than the least stack.
        // SAFETY: no memory is concerned.
        let least_useful = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) };
        let child = sys::fork(|| {
            set_alternate_stack(usable_memory(STACK) + STACK / 2, 0, LEAST).expect("a stack");
            PLACES[0].store(usize::MAX, Ordering::SeqCst);
            set_action(SEGV, &Action::calling(check, 0, 0));
            set_action(USR1, &Action::noting(libc::SA_ONSTACK, 0));
            send_self(USR1);
        });
        let is_too_small = least_useful > LEAST as u64;
        assert_eq!(sys::reap(child), Event::Exited(if is_too_small { 4 } else { 0 }));
    });
}

/// R-SIG-77: a stack that disarms itself is none while a handler runs, on it or not.
#[test]
fn a_stack_can_disarm_itself() {
    static SEEN: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
    extern "C" fn set_another(_: i32, _: *const Siginfo, _: Context) {
        let (address, flags, size) = alternate_stack();
        PLACES[0].store(place(), Ordering::SeqCst);
        for (to, seen) in SEEN.iter().zip([address, number(flags), size]) {
            to.store(seen, Ordering::SeqCst);
        }
        let another = PLACES[1].load(Ordering::SeqCst);
        ANSWERS[0].store(answer(set_alternate_stack(another, 0, STACK)), Ordering::SeqCst);
    }
    scene(|| {
        let stack = new_stack(AUTODISARM);
        PLACES[1].store(usable_memory(STACK), Ordering::SeqCst);
        for flags in [libc::SA_ONSTACK, 0] {
            set_action(USR1, &Action::calling(set_another, flags, 0));
            ANSWERS[0].store(77, Ordering::SeqCst);
            send_self(USR1);
            let seen = [0, 1, 2].map(|at: usize| SEEN[at].load(Ordering::SeqCst));
            assert_eq!(seen, [0, number(libc::SS_DISABLE), 0]);
            assert_eq!(ANSWERS[0].load(Ordering::SeqCst), 0);
            let ran_on_it = (stack..stack + STACK).contains(&PLACES[0].load(Ordering::SeqCst));
            assert_eq!(ran_on_it, flags != 0);
            assert_eq!(alternate_stack(), (stack, AUTODISARM, STACK));
        }
    });
}

/// R-SIG-78: the alternate stack behind a handler is that in its context.
#[test]
fn the_stack_behind_a_handler_is_in_its_context() {
    extern "C" fn set_in_vain(_: i32, _: *const Siginfo, _: Context) {
        let another = PLACES[1].load(Ordering::SeqCst);
        ANSWERS[0].store(answer(set_alternate_stack(another, 0, STACK)), Ordering::SeqCst);
    }
    extern "C" fn write_to_context(_: i32, _: *const Siginfo, context: Context) {
        // SAFETY: the kernel has given the address of the context.
        let stack = unsafe { &mut (*context).uc_stack };
        stack.ss_sp = PLACES[1].load(Ordering::SeqCst) as *mut _;
    }
    extern "C" fn write_too_little(_: i32, _: *const Siginfo, context: Context) {
        write_to_context(0, std::ptr::null(), context);
        // SAFETY: as above.
        unsafe { (*context).uc_stack.ss_size = 1 };
    }
    scene(|| {
        let another = usable_memory(STACK);
        PLACES[1].store(another, Ordering::SeqCst);
        let rows: [(Handler, i32, bool); 4] = [
            (set_in_vain, 0, false),
            (write_to_context, 0, true),
            (write_to_context, libc::SA_ONSTACK, false),
            (write_too_little, 0, false),
        ];
        for (handler, flags, changes) in rows {
            let stack = new_stack(0);
            set_action(USR1, &Action::calling(handler, flags, 0));
            send_self(USR1);
            assert_eq!(ANSWERS[0].load(Ordering::SeqCst), 0);
            let left = if changes { another } else { stack };
            assert_eq!(alternate_stack(), (left, 0, STACK));
        }
    });
}

/// A traced child that notes these signals, and tells who takes them. It does that, and exits with the error of it or 0.
fn tracee(takers: Takers, body: impl FnOnce() -> Result<i64, i32>) -> i32 {
    let ready = Gate::new();
    let child = sys::fork(|| {
        takers.keep();
        set_mask(0);
        handle(&[USR1, USR2]);
        ready.open();
        sys::exit(body().err().unwrap_or(0));
    });
    ready.pass();
    tracer::seize_or_skip(child, 0);
    child
}

/// R-SIG-94: a tracer puts another signal in the place of the one shown, or none.
#[test]
fn a_tracer_replaces_signals() {
    scene(|| {
        let (takers, tracing) = (Takers::new(), sys::pid());
        let child = tracee(takers, || {
            assert_eq!(suspend(0), Err(libc::EINTR));
            let seen: Vec<_> = noted().iter().map(|noted| noted.told).collect();
            // SAFETY: no arguments.
            let uid = unsafe { libc::getuid() }.cast_signed();
            let by_tracer = Told { pid: tracing, uid, ..Told::nothing(USR2) };
            assert_eq!(seen, [by_tracer]);
            assert_eq!(suspend(0), Err(libc::EINTR));
            let [seen] = noted()[..] else { panic!("one") };
            assert_eq!((seen.told.code, seen.told.value), (SI_QUEUE, 7));
            Ok(0)
        });
        until_it_sleeps_in(child, libc::SYS_rt_sigsuspend);
        queue(child, USR1, 5).expect("a child");
        assert_eq!(tracer::next(child), Event::Trapped(USR1));
        tracer::deliver(child, USR2);
        takers.await_taker(USR2);
        until_it_sleeps_in(child, libc::SYS_rt_sigsuspend);
        // With none it sleeps on; with the same one, what was said stays.
        queue(child, USR1, 6).expect("a child");
        assert_eq!(tracer::next(child), Event::Trapped(USR1));
        tracer::deliver(child, 0);
        until_it_sleeps_in(child, libc::SYS_rt_sigsuspend);
        assert_eq!(takers.taker(USR1), None);
        queue(child, USR1, 7).expect("a child");
        assert_eq!(tracer::next(child), Event::Trapped(USR1));
        tracer::deliver(child, USR1);
        assert_eq!(tracer::next(child), Event::Exited(0));
    });
}

/// R-SIG-95: a signal from the tracer that is blocked waits, and is shown when it is not.
#[test]
fn a_blocked_signal_from_a_tracer_waits() {
    scene(|| {
        let for_process: fn(i32) = |child| sys::kill(child, USR1).expect("a child");
        let for_thread: fn(i32) = |child| sys::tgkill(child, child, USR1).expect("a child");
        for (send, queue) in [(for_process, "ShdPnd"), (for_thread, "SigPnd")] {
            let (takers, go) = (Takers::new(), Gate::new());
            let child = tracee(takers, || {
                set_mask(set(&[USR2]));
                go.pass();
                set_mask(0);
                assert_eq!(noted_signals(), [USR2]);
                Ok(0)
            });
            until_it_sleeps_in(child, libc::SYS_read);
            send(child);
            assert_eq!(tracer::next(child), Event::Trapped(USR1));
            tracer::deliver(child, USR2);
            until(|| status_set(child, queue) == set(&[USR2]));
            until_it_sleeps_in(child, libc::SYS_read);
            go.open();
            assert_eq!(tracer::next(child), Event::Trapped(USR2));
            tracer::deliver(child, USR2);
            assert_eq!(tracer::next(child), Event::Exited(0));
        }
    });
}

/// R-SIG-96: a signal that a tracer makes go away interrupts what a stop interrupts.
#[test]
fn a_signal_that_goes_away_interrupts_few_calls() {
    scene(|| {
        for sleep in [READ, EPOLL] {
            let (means, takers) = (Means::new(), Takers::new());
            let child = tracee(takers, || (sleep.begin)(&means));
            until_it_sleeps_in(child, sleep.number);
            sys::kill(child, USR1).expect("a child");
            assert_eq!(tracer::next(child), Event::Trapped(USR1));
            tracer::deliver(child, 0);
            if sleep.number == READ.number {
                until_it_sleeps_in(child, READ.number);
                means.fill_pipe();
                assert_eq!(tracer::next(child), Event::Exited(0));
            } else {
                assert_eq!(tracer::next(child), Event::Exited(libc::EINTR));
            }
            assert_eq!(takers.taker(USR1), None);
        }
    });
}

/// R-SIG-68: what a tracee waits for is not shown to its tracer.
#[test]
fn what_is_waited_for_is_not_shown_to_a_tracer() {
    scene(|| {
        for sleep in [TIMED_WAIT, READ_SIGNALFD] {
            let child = tracee(Takers::new(), || (sleep.begin)(&Means::new()));
            until_it_sleeps_in(child, sleep.number);
            sys::kill(child, USR2).expect("a child");
            let next = sys::wait(Who::Child(child), libc::WEXITED | libc::WSTOPPED);
            assert_eq!(next, Ok(Some((child, Event::Exited(0)))));
        }
    });
}
