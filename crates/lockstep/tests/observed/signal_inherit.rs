//! What of signals a new thread, a child and a program begin with.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use crate::scene::{permitted, scene, until};
use crate::signal_calls::{
    Action, Siginfo, Told, action, alternate_stack, at, call, handle, kill_and_reap, mask, number,
    out, pending, queue_told, send_self, send_this_thread, set, set_action, set_alternate_stack,
    set_mask, share_memory, status_set, until_it_sleeps_in, usable_memory,
};
use crate::sys::{self, Board, Event};

const HUP: i32 = libc::SIGHUP;
const USR1: i32 = libc::SIGUSR1;
const USR2: i32 = libc::SIGUSR2;
const STACK: usize = 1 << 16;

/// R-SIG-79: an alternate stack is kept where the stack is copied, or lent.
#[test]
fn a_fork_keeps_the_alternate_stack() {
    scene(|| {
        let stack = usable_memory(STACK);
        set_alternate_stack(stack, 0, STACK).expect("a stack");
        let child = sys::fork(|| assert_eq!(alternate_stack(), (stack, 0, STACK)));
        assert_eq!(sys::reap(child), Event::Exited(0));
        let kept = |flags| {
            let child = share_memory(flags | libc::SIGCHLD, move || {
                let (address, flags, size) = alternate_stack();
                match (address, flags, size) {
                    (0, libc::SS_DISABLE, 0) => 2,
                    _ if (address, flags, size) == (stack, 0, STACK) => 1,
                    _ => 3,
                }
            });
            sys::reap(child)
        };
        assert_eq!(kept(libc::CLONE_VFORK), Event::Exited(1));
        assert_eq!(kept(0), Event::Exited(2));
        assert_eq!(kept(libc::CLONE_SIGHAND), Event::Exited(2));
        assert_eq!(alternate_stack(), (stack, 0, STACK));
    });
}

/// R-SIG-80: a new thread has its creator's mask, and nothing pending.
#[test]
fn a_thread_begins_with_its_creators_mask() {
    scene(|| {
        let blocked = set(&[HUP, USR1, 40]);
        set_mask(blocked);
        send_this_thread(HUP);
        send_this_thread(40);
        send_self(USR1);
        let thread = sys::spawn(move || {
            assert_eq!((mask(), pending()), (blocked, set(&[USR1])));
            sys::park();
        });
        until_it_sleeps_in(thread, libc::SYS_pause);
        assert_eq!(status_set(thread, "SigPnd"), 0);
        assert_eq!(pending(), blocked);
    });
}

/// R-SIG-81: a child has nothing pending, and the mask that is in force.
#[test]
fn a_child_begins_with_the_mask_in_force() {
    static SEEN: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
    extern "C" fn fork(_: i32, _: *const Siginfo, _: *mut libc::ucontext_t) {
        let child = sys::fork(|| {
            assert_eq!((mask(), pending()), (set(&[HUP, USR1, USR2]), 0));
        });
        let is_good = sys::reap(child) == Event::Exited(0);
        SEEN[0].store(u64::from(is_good), Ordering::SeqCst);
    }
    scene(|| {
        set_mask(set(&[HUP]));
        send_self(HUP);
        send_this_thread(HUP);
        set_action(USR1, &Action::calling(fork, 0, set(&[USR2])));
        send_self(USR1);
        assert_eq!(SEEN[0].load(Ordering::SeqCst), 1);
        assert_eq!(pending(), set(&[HUP]));
        let child = sys::fork(|| {
            assert_eq!((mask(), pending()), (set(&[HUP]), 0));
            let queues = ["SigPnd", "ShdPnd"].map(|name| status_set(sys::pid(), name));
            assert_eq!(queues, [0, 0]);
        });
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}

/// R-SIG-82: a child with cleared handlers.
#[test]
fn handlers_can_be_cleared() {
    const CLEAR: u64 = 0x1_0000_0000;
    scene(|| {
        let ignoring = Action { handler: 1, ..Action::noting(libc::SA_RESTART, set(&[HUP])) };
        let by_default = Action { handler: 0, ..ignoring };
        let before =
            [(USR1, ignoring), (USR2, Action::noting(libc::SA_RESTART, 1)), (40, by_default)];
        for (signal, action) in before {
            set_action(signal, &action);
        }
        let cleared = sys::clone3(CLEAR, || {
            let after = [(USR1, Action::IGNORE), (USR2, Action::DEFAULT), (40, Action::DEFAULT)];
            for (signal, expected) in after {
                assert_eq!(action(signal), expected);
            }
        });
        assert_eq!(sys::reap(permitted(cleared, "clone3")), Event::Exited(0));
        let copied = sys::clone3(0, || {
            for (signal, expected) in before {
                assert_eq!(action(signal), expected);
            }
        });
        assert_eq!(sys::reap(copied.expect("a fork")), Event::Exited(0));
    });
}

/// The wish of the parent of such a pair, which the child polls for.
static STEP: AtomicI32 = AtomicI32::new(0);

/// Forks a process that shares memory and actions, and does that.
fn share_actions(body: impl FnMut() -> i32 + 'static) -> i32 {
    STEP.store(0, Ordering::SeqCst);
    share_memory(libc::CLONE_SIGHAND | libc::SIGCHLD, body)
}

/// For the child: waits for that step. Makes system calls alone.
fn await_step(step: i32) {
    while STEP.load(Ordering::SeqCst) != step {
        let _ = call(libc::SYS_sched_yield, [0; 6]);
    }
}

fn set_step(step: i32) {
    STEP.store(step, Ordering::SeqCst);
}

/// R-SIG-83: two processes with one table of actions, and with masks and queues of their own.
#[test]
fn actions_can_be_shared() {
    scene(|| {
        handle(&[USR1, USR2]);
        set_mask(set(&[HUP]));
        let (set_by_child, set_by_parent) =
            (Action { flags: 2, ..Action::IGNORE }, Action::noting(libc::SA_RESTART, 7));
        let child = share_actions(move || {
            set_mask(set(&[USR1]));
            set_action(USR2, &set_by_child);
            set_step(1);
            await_step(2);
            i32::from(action(USR1) == set_by_parent && pending() == set(&[USR1]))
        });
        until(|| STEP.load(Ordering::SeqCst) == 1);
        assert_eq!(action(USR2), set_by_child);
        assert_eq!(mask(), set(&[HUP]));
        sys::kill(child, USR1).expect("a child");
        send_self(HUP);
        assert_eq!(pending(), set(&[HUP]));
        set_action(USR1, &set_by_parent);
        set_step(2);
        assert_eq!(sys::reap(child), Event::Exited(1));
        // Without the flag the table is a copy.
        let child = share_memory(libc::SIGCHLD, move || {
            set_action(USR1, &Action::IGNORE);
            0
        });
        assert_eq!(sys::reap(child), Event::Exited(0));
        assert_eq!(action(USR1), set_by_parent);
    });
}

/// R-SIG-84: who ignores a signal discards its own alone.
#[test]
fn who_shares_actions_keeps_what_is_pending() {
    scene(|| {
        handle(&[USR1]);
        set_mask(set(&[USR1]));
        let child = share_actions(move || {
            await_step(1);
            set_mask(0);
            i32::from(pending() == 0)
        });
        sys::kill(child, USR1).expect("a child");
        send_self(USR1);
        set_action(USR1, &Action::IGNORE);
        assert_eq!(pending(), 0);
        assert_eq!(status_set(child, "ShdPnd"), set(&[USR1]));
        set_step(1);
        assert_eq!(sys::reap(child), Event::Exited(1));
    });
}

/// Waits until a process runs cat(1), and sleeps there.
fn until_it_is_cat(child: i32) {
    until(|| std::fs::read(format!("/proc/{child}/comm")).is_ok_and(|name| name == b"cat\n"));
    until_it_sleeps_in(child, libc::SYS_read);
}

/// R-SIG-85: a program shares no actions.
#[test]
fn a_program_has_actions_of_its_own() {
    scene(|| {
        let (reader, _writer) = sys::pipe();
        handle(&[USR1]);
        sys::ignore(USR2);
        let shown =
            |pid| ["SigIgn", "SigCgt"].map(|name| status_set(pid, name) & set(&[HUP, USR1, USR2]));
        let child = share_actions(move || {
            let arguments = [c"cat".as_ptr(), std::ptr::null()];
            // SAFETY: terminated strings in a terminated array.
            unsafe {
                libc::dup2(reader.as_raw_fd(), 0);
                libc::execv(c"/bin/cat".as_ptr(), arguments.as_ptr())
            }
        });
        until_it_is_cat(child);
        assert_eq!(shown(child), [set(&[USR2]), 0]);
        assert_eq!(shown(sys::pid()), [set(&[USR2]), set(&[USR1])]);
        sys::ignore(HUP);
        assert_eq!(shown(child), [set(&[USR2]), 0]);
        kill_and_reap(child);
    });
}

/// What a program finds before it has done anything.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    actions: [Action; 3],
    stack: [usize; 3],
    mask: u64,
    pending: u64,
}

impl Found {
    fn now() -> Self {
        let (address, flags, size) = alternate_stack();
        let stack = [address, number(flags), size];
        let actions = [USR1, USR2, 40].map(action);
        Self { actions, stack, mask: mask(), pending: pending() }
    }
}

/// Tells a test binary to write what it finds to its standard input, and to end.
const REPORT: &str = "LOCKSTEP_OBSERVED_REPORT";

/// Runs before main, and before the standard library sets handlers and stacks of its own.
#[used]
// SAFETY: the linker makes the section a list of functions to be called at the start, which take nothing that this one needs.
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = {
    extern "C" fn report_if_asked() {
        // SAFETY: there is one thread yet; a terminated string.
        if unsafe { libc::getenv(c"LOCKSTEP_OBSERVED_REPORT".as_ptr()) }.is_null() {
            return;
        }
        let found = Found::now();
        let _ = call(libc::SYS_write, [0, at(&found), size_of_val(&found), 0, 0, 0]);
        sys::exit(0);
    }
    report_if_asked
};

/// Executes a program that reports what it finds to that file.
fn exec_to_report(writer: &OwnedFd) {
    sys::standard_input(writer);
    let path = std::env::current_exe().expect("the test binary");
    sys::exec(&["env", &format!("{REPORT}=1"), path.to_str().expect("a name")]);
}

/// What a program finds that a child executes when it has done that.
fn found_behind(prepare: impl FnOnce()) -> Found {
    let (reader, writer) = sys::pipe();
    let child = sys::fork(|| {
        prepare();
        exec_to_report(&writer);
    });
    assert_eq!(sys::reap(child), Event::Exited(0));
    let none = Action::DEFAULT;
    let mut found = Found { actions: [none; 3], stack: [9; 3], mask: 0, pending: 0 };
    let size = size_of_val(&found);
    let arguments = [number(reader.as_raw_fd()), out(&mut found), size, 0, 0, 0];
    assert_eq!(call(libc::SYS_read, arguments), Ok(size as i64));
    found
}

/// R-SIG-86, R-SIG-89: what a program finds: actions without flags and masks, and no alternate stack.
#[test]
fn a_program_begins_with_plain_actions() {
    scene(|| {
        for autodisarm in [0, i32::MIN] {
            let found = found_behind(|| {
                let noting = Action::noting(libc::SA_RESTART, set(&[HUP]));
                set_action(USR1, &Action { handler: 1, ..noting });
                set_action(USR2, &noting);
                set_action(40, &Action { handler: 0, ..noting });
                set_alternate_stack(usable_memory(STACK), autodisarm, STACK).expect("a stack");
                set_mask(set(&[HUP, USR2]));
                send_self(USR2);
                send_this_thread(HUP);
            });
            assert_eq!(found.actions, [Action::IGNORE, Action::DEFAULT, Action::DEFAULT]);
            assert_eq!(found.stack, [0, number(libc::SS_DISABLE | autodisarm), 0]);
            let both = set(&[HUP, USR2]);
            assert_eq!((found.mask, found.pending), (both, both));
        }
    });
}

/// R-SIG-87: what is pending for the process, and for the thread that executes a program, is kept.
#[test]
fn a_program_keeps_what_is_pending_for_its_thread() {
    scene(|| {
        let (reader, _writer) = sys::pipe();
        let board = Board::new();
        let child = sys::fork(|| {
            let of_leader = set(&[HUP, USR1, USR2, 40, 41]);
            set_mask(of_leader);
            send_this_thread(HUP);
            send_self(USR2);
            sys::spawn(move || {
                send_this_thread(41);
                board.set(0, 1);
                sys::park();
            });
            until(|| board.get(0) == 1);
            sys::spawn(move || {
                set_mask(of_leader | set(&[42]));
                send_this_thread(USR1);
                send_self(40);
                sys::standard_input(&reader);
                sys::exec(&["cat"]);
            });
            sys::park();
        });
        until_it_is_cat(child);
        assert_eq!(status_set(child, "SigPnd"), set(&[USR1]));
        assert_eq!(status_set(child, "ShdPnd"), set(&[USR2, 40]));
        assert_eq!(status_set(child, "SigBlk"), set(&[HUP, USR1, USR2, 40, 41, 42]));
        kill_and_reap(child);
    });
}

/// R-SIG-88: signals of timers do not come through.
#[test]
fn a_program_gets_no_signals_of_timers() {
    const SI_TIMER: i32 = -2;
    scene(|| {
        let (reader, _writer) = sys::pipe();
        let child = sys::fork(|| {
            let all = set(&[HUP, USR1, USR2, 40]);
            set_mask(all);
            sys::expire_timer(USR1);
            let forged = |signal| Told { code: SI_TIMER, ..Told::nothing(signal) };
            queue_told(sys::pid(), USR2, forged(USR2)).expect("itself");
            queue_told(sys::pid(), 40, forged(40)).expect("itself");
            send_self(40);
            send_self(HUP);
            assert_eq!(pending(), all);
            sys::standard_input(&reader);
            sys::exec(&["cat"]);
        });
        until_it_is_cat(child);
        // The one of kill is left of two.
        assert_eq!(status_set(child, "ShdPnd"), set(&[HUP, 40]));
        kill_and_reap(child);
    });
}
