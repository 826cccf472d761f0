//! Signals of the kernel's own, and what meets them: the receiver's end, its exec, its move, and the next use of its number.

use std::sync::{Arc, Mutex};

use axprocess::{ARef, ExitStatus, ForkRequest, KernelCause, Number, Signal, ThreadExit};

use super::both;
use crate::Explorer;
use crate::kernel::{boot, doomed, exit, fork, spawn_thread, try_fork, wait4};

/// A process that exits is killed by the kernel: it ends by what came first, and by nothing else.
pub fn kernel_signal_against_an_exit<E: Explorer>() {
    let (table, init) = boot::<E>();
    let child = fork(&init);
    let target = ARef::clone(child.process());
    both::<E, _, _>(
        move || E::does("exit(5)", || exit(&child, 5)),
        move || {
            E::does("send_signal(9)", || target.send_signal(Signal::SIGKILL, KernelCause::Kernel));
        },
    );
    let status = if doomed(&table).is_empty() { 5 << 8 } else { 9 };
    assert_eq!(wait4(&init, -1), Ok(Some((2, status))));
}

/// A thread that takes its process over in exec gets a signal of its own, as by a timer with its number: whenever that comes, it kills the process.
pub fn kernel_signal_against_an_exec<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let target = ARef::clone(&second);
    let (second, ()) = both::<E, _, _>(
        move || {
            let exec = E::does("begin_exec()", || second.begin_exec());
            E::does("exit of the leader", || leader.exit_thread(ExitStatus::exited(0)));
            let _ = exec.and_then(|mut exec| E::does("try_finish()", || exec.try_finish()));
            second
        },
        move || {
            E::does("send_signal(9)", || target.send_signal(Signal::SIGKILL, KernelCause::Kernel));
        },
    );
    assert!(doomed(&table).contains(&second.tid()), "nobody has told it");
    assert_eq!(second.exit_thread(ExitStatus::exited(0)), ThreadExit::Last);
    assert_eq!(wait4(&init, -1), Ok(Some((2, 9))));
}

/// A member leaves the group that a file signals: it was one and is hit, or is none and is not; who stays is hit.
pub fn kernel_signal_to_a_group_against_setpgid<E: Explorer>() {
    let (table, init) = boot::<E>();
    let (stays, leaves) = (fork(&init), fork(&init));
    stays.process().setpgid(0, 0).unwrap();
    leaves.process().setpgid(0, 2).unwrap();
    let owner = stays.process().identity().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (moved, ()) = {
        let asked = Arc::clone(&asked);
        both::<E, _, _>(
            move || E::does("setpgid(0, 0)", || leaves.process().setpgid(0, 0)),
            move || {
                let group = E::does("group_of_number()", || owner.group_of_number()).unwrap();
                E::does("send_signal(9)", || {
                    group.send_signal(Signal::SIGKILL, KernelCause::Kernel, |view, member| {
                        assert_eq!(view.group(member).pgid(), 2, "who has left is asked");
                        asked.lock().unwrap().push(member.pid());
                        true
                    });
                });
            },
        )
    };
    assert_eq!(moved, Ok(()));
    assert_eq!(doomed(&table), *asked.lock().unwrap(), "who is a member is hit");
    assert!(asked.lock().unwrap().contains(&2), "the group lives");
}

/// A timer knows its owner by identity, while the owner is reaped and its number given to another: never is the other one hit.
pub fn an_identity_against_the_next_use_of_its_number<E: Explorer>() {
    let (table, init) = boot::<E>();
    let owner = fork(&init);
    let identity = owner.process().identity().unwrap();
    exit(&owner, 0);
    let (next, found) = {
        let (init, table) = (ARef::clone(&init), Arc::clone(&table));
        let serial = identity.serial();
        both::<E, _, _>(
            move || {
                assert_eq!(E::does("wait()", || wait4(&init, 2)), Ok(Some((2, 0))));
                let same = ForkRequest { number: Number::Exactly(2), ..ForkRequest::default() };
                E::does("fork()", || try_fork(&init, same)).unwrap()
            },
            move || {
                let found = E::does("by serial", || table.find_identity_by_serial(2, serial)).ok();
                if let Some(process) = E::does("process()", || identity.process()) {
                    E::does("send_signal(9)", || {
                        process.send_signal(Signal::SIGKILL, KernelCause::Kernel);
                    });
                }
                found.is_none_or(|found| found == identity)
            },
        )
    };
    assert!(found, "another use of the number was found");
    assert_eq!((doomed(&table), next.process().is_group_exiting()), (vec![], false));
}
