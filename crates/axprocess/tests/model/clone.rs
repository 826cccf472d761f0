//! What user space may ask of clone and its like: arguments, callers, kernel, numbers, in Linux's order.

use std::cell::Cell;

use crate::kernel::*;
use axprocess::{
    ARef, CloneArgs, CloneFlags, CloneRequest, Errno, ExitSignal, ExitStatus, ForkNamespace,
    ForkParent, ForkRequest, HandleState, NewTask, Signal, Thread,
};

const SIGHAND_VM: u64 = CloneFlags::SIGHAND.bits() | CloneFlags::VM.bits();
const A_THREAD: u64 = CloneFlags::THREAD.bits() | SIGHAND_VM;
const NEWPID: u64 = CloneFlags::NEWPID.bits();
const PARENT: u64 = CloneFlags::PARENT.bits();
const SIZE: usize = size_of::<CloneArgs>();

/// Reads clone3's arguments, where `set_tid` is the address of the numbers given.
fn read_with(args: CloneArgs, numbers: &[i32]) -> Result<CloneRequest, Errno> {
    CloneRequest::from_clone3(&args, SIZE, |_, to| {
        to.copy_from_slice(numbers.get(..to.len()).ok_or(Errno::EFAULT)?);
        Ok(())
    })
}

fn read(args: CloneArgs) -> Result<CloneRequest, Errno> {
    read_with(args, &[])
}

fn flags(flags: u64) -> CloneArgs {
    CloneArgs { flags, ..CloneArgs::default() }
}

fn legacy(flags: u64) -> Result<CloneRequest, Errno> {
    CloneRequest::from_clone(flags, 0, 0, 0, 0)
}

/// The system call of a kernel whose own checks answer like this.
fn run_with(
    caller: &Thread<Kernel>,
    request: Result<CloneRequest, Errno>,
    kernel: Result<(), Errno>,
) -> Result<KernelThread, Errno> {
    let request = request?;
    let new = caller.admit_clone(&request)?;
    kernel?;
    match new {
        NewTask::Process(process) => process.make(Treatment::default(), ()),
        NewTask::Thread(thread) => thread.make(()),
    }
}

fn run(
    caller: &Thread<Kernel>,
    request: Result<CloneRequest, Errno>,
) -> Result<KernelThread, Errno> {
    run_with(caller, request, Ok(()))
}

/// Clones, and gives only the error.
fn refusal(caller: &Thread<Kernel>, request: Result<CloneRequest, Errno>) -> Option<Errno> {
    run(caller, request).err()
}

#[test]
fn the_size_of_the_arguments_is_checked_before_they_are_read() {
    // R-CLONE-01: E2BIG above a page, EINVAL below the first version, E2BIG for what is not known, whatever the fields say.
    let mut user = [0; 4096];
    let copied = Cell::new(0);
    let size = |user: &[u8; 4096], size: usize| {
        CloneArgs::read(size, |at, to| {
            copied.set(copied.get() + to.len());
            to.copy_from_slice(&user[at..at + to.len()]);
            Ok(())
        })
    };
    assert_eq!(size(&user, 4097), Err(Errno::E2BIG));
    assert_eq!(size(&user, usize::MAX), Err(Errno::E2BIG));
    assert_eq!(size(&user, 63), Err(Errno::EINVAL));
    assert_eq!((size(&user, 64), copied.take()), (Ok(CloneArgs::default()), 64));
    assert_eq!((size(&user, 4096), copied.take()), (Ok(CloneArgs::default()), 4096));
    user[95] = 1;
    assert_eq!(size(&user, 95), Ok(CloneArgs::default()));
    assert_eq!(size(&user, 96), Err(Errno::E2BIG));
    user[4095] = 1;
    user[95] = 0;
    assert_eq!(size(&user, 4096), Err(Errno::E2BIG));
    assert_eq!(CloneArgs::read(64, |_, _| Err(Errno::EFAULT)), Err(Errno::EFAULT));
}

#[test]
fn the_fields_are_where_linux_has_them() {
    // R-CLONE-01: eleven words in the order of struct clone_args; a shorter structure leaves the last ones 0.
    let user: Vec<u8> = (1..=11u64).flat_map(u64::to_ne_bytes).collect();
    let copy = |at: usize, to: &mut [u8]| {
        to.copy_from_slice(&user[at..at + to.len()]);
        Ok(())
    };
    let known = CloneArgs {
        flags: 1,
        pidfd: 2,
        child_tid: 3,
        parent_tid: 4,
        exit_signal: 5,
        stack: 6,
        stack_size: 7,
        tls: 8,
        set_tid: 9,
        set_tid_size: 10,
        cgroup: 11,
    };
    assert_eq!(CloneArgs::read(88, copy), Ok(known));
    let first = CloneArgs { set_tid: 0, set_tid_size: 0, cgroup: 0, ..known };
    assert_eq!(CloneArgs::read(64, copy), Ok(first));
}

#[test]
fn set_tid_has_an_address_and_a_count_or_neither() {
    // R-CLONE-02: and at most 32; EFAULT comes behind the exit signal and before the flags.
    let set_tid = |set_tid, set_tid_size| CloneArgs { set_tid, set_tid_size, ..flags(0) };
    for (address, count) in [(8, 33), (8, u64::MAX), (0, 1), (8, 0)] {
        assert_eq!(read(set_tid(address, count)), Err(Errno::EINVAL));
    }
    assert_eq!(read(set_tid(8, 1)), Err(Errno::EFAULT));
    assert_eq!(read(CloneArgs { flags: 1 << 40, ..set_tid(8, 1) }), Err(Errno::EFAULT));
    assert_eq!(read(CloneArgs { exit_signal: 99, ..set_tid(8, 1) }), Err(Errno::EINVAL));
    assert!(read_with(set_tid(8, 32), &[1; 32]).is_ok());
}

#[test]
fn clone3_takes_exit_signals_up_to_64() {
    // R-CLONE-03: EINVAL above, and for higher bits.
    let signal = |exit_signal| read(CloneArgs { exit_signal, ..flags(0) });
    for wrong in [65, 255, 0x100, 1 << 32 | 17, u64::MAX] {
        assert_eq!(signal(wrong), Err(Errno::EINVAL));
    }
    for number in [0, 17, 64] {
        assert_eq!(signal(number.into()).unwrap().exit_signal().raw(), number);
    }
}

#[test]
fn clone3_knows_its_flags() {
    // R-CLONE-04: unknown ones, CLONE_DETACHED and the low byte but CLONE_NEWTIME are EINVAL.
    for wrong in [1 << 34, 1 << 63, CloneFlags::DETACHED.bits(), 0x11, 0x40, 0x1] {
        assert_eq!(read(flags(wrong)), Err(Errno::EINVAL), "{wrong:#x}");
    }
    assert!(read(flags(CloneFlags::NEWTIME.bits())).is_ok());
    let cgroup = |cgroup, size| {
        let args = CloneArgs { cgroup, ..flags(CloneFlags::INTO_CGROUP.bits()) };
        CloneRequest::from_clone3(&args, size, |_, _| Ok(())).map(|_| ())
    };
    assert_eq!(cgroup(1 << 31, SIZE), Err(Errno::EINVAL));
    assert_eq!(cgroup(3, SIZE - 8), Err(Errno::EINVAL));
    assert_eq!(cgroup(3, SIZE), Ok(()));
}

#[test]
fn handlers_are_shared_or_reset() {
    // R-CLONE-05: not both.
    let clear = CloneFlags::CLEAR_SIGHAND.bits();
    assert_eq!(read(flags(clear | SIGHAND_VM)), Err(Errno::EINVAL));
    assert!(read(flags(clear)).is_ok() && read(flags(SIGHAND_VM)).is_ok());
}

#[test]
fn threads_and_siblings_have_no_exit_signal_of_their_own() {
    // R-CLONE-06, R-FORK-03: EINVAL in clone3; clone ignores it.
    let (_table, init) = boot();
    for kind in [A_THREAD, PARENT] {
        assert_eq!(read(CloneArgs { exit_signal: 17, ..flags(kind) }), Err(Errno::EINVAL));
        assert!(read(flags(kind)).is_ok());
    }
    assert!(legacy(A_THREAD | 17).is_ok());
    let caller = fork(&init);
    let sibling = run(&caller, legacy(PARENT | 10)).unwrap();
    assert_eq!(sibling.process().exit_signal(), ExitSignal::SIGCHLD);
}

#[test]
fn a_stack_has_an_address_and_a_length_or_neither() {
    // R-CLONE-07: of clone3.
    let stack = |stack, stack_size| read(CloneArgs { stack, stack_size, ..flags(0) });
    assert_eq!(stack(8, 0), Err(Errno::EINVAL));
    assert_eq!(stack(0, 8), Err(Errno::EINVAL));
    assert!(stack(8, 8).is_ok());
    assert!(CloneRequest::from_clone(17, 8, 0, 0, 0).is_ok());
}

#[test]
fn the_pidfd_and_the_parents_number_need_places_of_their_own() {
    // R-CLONE-08: always EINVAL in clone, where they share one argument.
    let both = CloneFlags::PIDFD.bits() | CloneFlags::PARENT_SETTID.bits();
    let at = |pidfd, parent_tid| read(CloneArgs { pidfd, parent_tid, ..flags(both) });
    assert_eq!(at(8, 8), Err(Errno::EINVAL));
    assert_eq!(at(8, 16).map(|request| request.args().pidfd), Ok(8));
    assert_eq!(CloneRequest::from_clone(both | 17, 0, 8, 0, 0), Err(Errno::EINVAL));
    let one = CloneRequest::from_clone(CloneFlags::PIDFD.bits(), 0, 8, 0, 0).unwrap();
    assert_eq!(one.args().pidfd, 8);
}

#[test]
fn flags_that_make_no_sense_together_are_refused() {
    // R-CLONE-09, R-CLONE-10, R-CLONE-12, R-CLONE-13: whoever asks, in clone as in clone3.
    let wrong = [
        CloneFlags::NEWNS | CloneFlags::FS,
        CloneFlags::NEWUSER | CloneFlags::FS,
        CloneFlags::THREAD,
        CloneFlags::THREAD | CloneFlags::VM,
        CloneFlags::THREAD | CloneFlags::SIGHAND,
        CloneFlags::SIGHAND,
        CloneFlags::from_bits_retain(A_THREAD) | CloneFlags::NEWPID,
        CloneFlags::from_bits_retain(A_THREAD) | CloneFlags::NEWUSER,
    ];
    for both in wrong {
        assert_eq!(legacy(both.bits()), Err(Errno::EINVAL), "{both:?}");
        assert_eq!(read(flags(both.bits())), Err(Errno::EINVAL), "{both:?}");
    }
    let detached = CloneFlags::DETACHED.bits();
    assert_eq!(legacy(detached | CloneFlags::PIDFD.bits() | 17), Err(Errno::EINVAL));
    assert!(legacy(detached | 17).is_ok());
}

#[test]
fn an_init_has_no_sibling_in_any_namespace() {
    // R-CLONE-11: the global init and an inner one, also with CLONE_NEWPID.
    let (_table, init) = boot();
    let inner = run(&init, legacy(NEWPID | 17)).unwrap();
    for caller in [&init, &inner] {
        for with in [0, NEWPID] {
            assert_eq!(refusal(caller, legacy(PARENT | with)), Some(Errno::EINVAL));
        }
    }
}

#[test]
fn a_thread_needs_the_namespace_of_its_process() {
    // R-CLONE-12: after an unshare there are no threads any more, before the kernel is asked.
    let (_table, init) = boot();
    let caller = fork(&init);
    caller.unshare_pid().unwrap();
    let refused = run_with(&caller, legacy(A_THREAD), Err(Errno::EAGAIN));
    assert_eq!(refused.err(), Some(Errno::EINVAL));
}

#[test]
fn a_pidfd_of_a_thread_is_the_threads() {
    // R-CLONE-13: CLONE_PIDFD with CLONE_THREAD; without, it is the process's; without CLONE_PIDFD there is none.
    let (_table, init) = boot();
    let pidfd = CloneFlags::PIDFD.bits();
    let handle = |flags| {
        let request = legacy(flags).unwrap();
        let made = run(&init, Ok(request)).unwrap();
        (request.pidfd(&made).unwrap(), made)
    };
    let (Some(of_thread), thread) = handle(A_THREAD | pidfd) else { panic!("a handle") };
    let (Some(of_process), _child) = handle(pidfd | 17) else { panic!("a handle") };
    assert!(of_thread.is_of_thread() && !of_process.is_of_thread());
    exit(&thread, 0);
    assert_eq!(of_thread.state(), HandleState::Gone);
    assert!(handle(17).0.is_none());
}

#[test]
fn the_kernel_refuses_behind_the_flags_and_before_the_numbers() {
    // R-CLONE-14, R-CLONE-15, R-CLONE-16, R-PID-07: flags, then limits and rights, then namespaces and numbers; nothing is used up by a refusal.
    let (_table, init) = boot();
    let caller = fork(&init);
    let denied = |request| run_with(&caller, request, Err(Errno::EPERM)).err();
    assert_eq!(denied(legacy(CloneFlags::SIGHAND.bits())), Some(Errno::EINVAL));
    let wrong_number = CloneArgs { set_tid: 8, set_tid_size: 1, ..flags(NEWPID) };
    assert_eq!(denied(read_with(wrong_number, &[-1])), Some(Errno::EPERM));
    let ipc = CloneFlags::NEWIPC.bits() | CloneFlags::SYSVSEM.bits();
    assert_eq!(denied(legacy(ipc | 17)), Some(Errno::EPERM));
    assert_eq!(refusal(&caller, legacy(ipc | 17)), Some(Errno::EINVAL));
    assert!(CloneFlags::PRIVILEGED.contains(CloneFlags::NEWIPC));
    assert!(!CloneFlags::PRIVILEGED.contains(CloneFlags::NEWUSER));
    caller.unshare_pid().unwrap();
    assert_eq!(denied(legacy(NEWPID | 17)), Some(Errno::EPERM));
    assert_eq!(refusal(&caller, legacy(NEWPID | 17)), Some(Errno::EINVAL));
    assert_eq!(fork(&init).tid(), 3);
}

#[test]
fn the_33rd_namespace_is_one_too_many() {
    // R-CLONE-17: ENOSPC, before the number that cannot be.
    let (_table, init) = boot();
    let mut deepest = init;
    for _ in 0..32 {
        deepest = run(&deepest, legacy(NEWPID | 17)).unwrap();
    }
    let args = CloneArgs { set_tid: 8, set_tid_size: 1, ..flags(NEWPID) };
    assert_eq!(refusal(&deepest, read_with(args, &[-1])), Some(Errno::ENOSPC));
}

#[test]
fn a_dead_namespace_takes_nobody_in() {
    // R-CLONE-18, R-NS-22: ENOMEM, though the caller itself lives outside.
    let (_table, init) = boot();
    let caller = fork(&init);
    caller.unshare_pid().unwrap();
    let inner = fork(&caller);
    exit(&inner, 0);
    assert_eq!(refusal(&caller, legacy(17)), Some(Errno::ENOMEM));
}

#[test]
fn a_caller_that_is_killed_meanwhile_makes_nothing() {
    // R-CLONE-19: EINTR, after the admission; no number is used up.
    let (_table, init) = boot();
    let caller = fork(&init);
    for request in [CloneRequest::from_fork(), legacy(A_THREAD).unwrap()] {
        let new = caller.admit_clone(&request).unwrap();
        caller.process().begin_group_exit(ExitStatus::killed(Signal::SIGKILL));
        let made = match new {
            NewTask::Process(process) => process.make(Treatment::default(), ()),
            NewTask::Thread(thread) => thread.make(()),
        };
        assert_eq!(made.err(), Some(Errno::EINTR));
    }
    assert_eq!(fork(&init).tid(), 3);
}

#[test]
fn a_prepared_birth_has_the_pidfd_that_was_asked_for() {
    // R-CLONE-13, R-FORK-17: of the process, or of the thread; none if none was asked for.
    let (_table, init) = boot();
    for asked in [0, CloneFlags::PIDFD.bits()] {
        for kind in [0, A_THREAD] {
            let request = read(flags(kind | asked)).unwrap();
            let (handle, made) = match init.admit_clone(&request).unwrap() {
                NewTask::Process(process) => {
                    let prepared = process.prepare(Treatment::default(), ()).unwrap();
                    (prepared.pidfd(&request).unwrap(), prepared.publish().unwrap())
                }
                NewTask::Thread(thread) => {
                    let prepared = thread.prepare(()).unwrap();
                    (prepared.pidfd(&request).unwrap(), prepared.publish().unwrap())
                }
            };
            assert_eq!(handle.is_some(), asked != 0);
            if let Some(handle) = handle {
                let of_thread =
                    handle.non_leader_thread().is_some_and(|it| ARef::ptr_eq(&it, &made));
                let of_process =
                    handle.process().is_some_and(|it| ARef::ptr_eq(&it, made.process()));
                assert_eq!((of_thread, of_process), (kind != 0, true));
            }
        }
    }
}

#[test]
fn legacy_exit_signals_above_64_are_kept_and_never_sent() {
    // R-CLONE-20, R-NOTIFY-01, R-WAIT-06: stored, shown, not delivered; a clone child.
    let (table, init) = boot();
    for raw in [0, 65, 200, 255] {
        let child = run(&init, legacy(raw)).unwrap();
        assert_eq!(u64::from(child.process().exit_signal().raw()), raw);
        assert_eq!(child.process().exit_signal().signal(), None);
        events(&table);
        exit(&child, 1);
        assert_eq!(signals(&table), []);
        assert_eq!(wait4(&init, -1, 0), NO_CHILD);
        assert_eq!(wait4(&init, -1, WCLONE), exited(child.tid(), 1));
    }
    let child = run(&init, legacy(64)).unwrap();
    exit(&child, 1);
    assert_eq!(signals(&table).len(), 1);
}

#[test]
fn an_init_may_share_its_creators_memory_or_be_its_sibling() {
    // R-CLONE-21, R-CLONE-22: CLONE_NEWPID with CLONE_VM, and with CLONE_PARENT.
    let (_table, init) = boot();
    let caller = fork(&init);
    let sharing = run(&caller, legacy(NEWPID | CloneFlags::VM.bits() | 17)).unwrap();
    assert_eq!((sharing.tid(), sharing.process().namespace().level()), (1, 1));
    let sibling = run(&caller, legacy(NEWPID | PARENT)).unwrap();
    assert_eq!(sibling.tid(), 1);
    assert_eq!(pids(&init.process().children().unwrap()), [2, 1]);
}

#[test]
fn fork_and_vfork_are_clones_with_sigchld() {
    // R-VFORK-05, R-FORK-01: vfork's request carries its flag along; both are reported like any child.
    let (_table, init) = boot();
    let [fork, vfork] = [CloneRequest::from_fork(), CloneRequest::from_vfork()];
    assert_eq!(fork.flags(), CloneFlags::empty());
    assert_eq!(vfork.flags(), CloneFlags::VFORK | CloneFlags::VM);
    for request in [fork, vfork] {
        let child = run(&init, Ok(request)).unwrap();
        assert_eq!(child.process().exit_signal(), ExitSignal::SIGCHLD);
        exit(&child, 0);
        assert_eq!(wait4(&init, -1, 0), exited(child.tid(), 0));
    }
}

#[test]
fn numbers_of_clone3_go_from_the_inside_out() {
    // R-PID-10, R-PID-11: set_tid reaches the new process and the new thread.
    let (table, init) = boot();
    let inner = run(&init, legacy(NEWPID | 17)).unwrap();
    let args = CloneArgs { set_tid: 8, set_tid_size: 2, ..flags(0) };
    let child = run(&inner, read_with(args, &[7, 70])).unwrap();
    assert_eq!((child.tid(), child.tid_in(table.namespace())), (7, 70));
    let thread = CloneArgs { flags: A_THREAD, ..args };
    let thread = run(&inner, read_with(thread, &[8, 80])).unwrap();
    assert_eq!((thread.tid(), thread.tid_in(table.namespace())), (8, 80));
    assert_eq!(refusal(&inner, read_with(args, &[-7, 71])), Some(Errno::EINVAL));
}

#[test]
fn subreapers_and_programs_are_not_inherited() {
    // R-FORK-08, R-FORK-09, R-SUBREAPER-02: the child is no subreaper, though it has one above it; it has not exec'd, though its parent has.
    let (_table, init) = boot();
    let reaper = fork(&init);
    reaper.process().become_subreaper();
    reaper.exec().unwrap();
    let caller = fork(&reaper);
    let sibling = ForkRequest { parent: ForkParent::Sibling, ..Default::default() };
    let sibling = fork_with(&caller, sibling).unwrap();
    let grandchild = fork(&caller);
    for process in [&caller, &sibling, &grandchild].map(|thread| thread.process()) {
        assert!(!process.is_subreaper());
    }
    let moved = reaper.process().setpgid(caller.tid() as i32, 0);
    assert_eq!(moved, Ok(()), "EACCES if it had exec'd");
    let orphan = fork(&sibling);
    for parent in [&caller, &sibling] {
        exit(parent, 0);
    }
    assert_eq!([&grandchild, &orphan].map(|thread| thread.process().ppid()), [2, 2]);
}

#[test]
fn the_namespace_for_children_is_that_of_the_creating_thread() {
    // R-FORK-12: a child's children live where the child does; after setns by its parent, too.
    let (_table, init) = boot();
    let caller = fork(&init);
    caller.unshare_pid().unwrap();
    let inner = fork(&caller);
    assert_eq!(fork(&inner).process().namespace().level(), 1);
    let second = fork(&caller);
    assert_eq!((second.tid(), fork(&second).process().namespace().level()), (3, 1));
}

#[test]
fn the_first_of_a_namespace_is_its_init_in_a_foreign_group() {
    // R-FORK-14, R-CLONE-11: it adopts, cannot have siblings, and keeps the creator's group and session, which have no number there.
    let (_table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    let inner = fork_with(&shell, new).unwrap();
    assert_eq!((inner.tid(), inner.process().pgid(), inner.process().sid()), (1, 0, 0));
    assert_eq!(inner.process().group().pgid(), shell.process().pid());
    assert_eq!(inner.process().group().session().sid(), shell.process().pid());
    let [parent, orphan] = chain(&inner);
    exit(&parent, 0);
    assert_eq!(orphan.process().ppid(), 1);
}

#[test]
fn what_is_not_asked_for_is_not_looked_at() {
    // R-CLONE-02, R-CLONE-04: clone3 reads no numbers if there are none, and takes any `cgroup` without its flag, also from a caller without that field.
    let args = CloneArgs { cgroup: u64::MAX, ..CloneArgs::default() };
    for size in [64, SIZE] {
        let request = CloneRequest::from_clone3(&args, size, |_, _| Err(Errno::EFAULT));
        assert_eq!(request.err(), None, "{size}");
    }
}

#[test]
fn the_kernel_reads_back_what_was_asked() {
    // R-CLONE-06, R-CLONE-08: clone's arguments as clone3's; fork's and vfork's too.
    let flags = CloneFlags::SETTLS.bits();
    let request = CloneRequest::from_clone(flags | 10, 1, 2, 3, 4).unwrap();
    let known = CloneArgs {
        flags,
        pidfd: 2,
        child_tid: 3,
        parent_tid: 2,
        exit_signal: 10,
        stack: 1,
        tls: 4,
        ..CloneArgs::default()
    };
    assert_eq!((*request.args(), request.exit_signal().raw()), (known, 10));
    let plain = |flags: CloneFlags| CloneArgs {
        flags: flags.bits(),
        exit_signal: 17,
        ..CloneArgs::default()
    };
    assert_eq!(*CloneRequest::from_fork().args(), plain(CloneFlags::empty()));
    let vfork = CloneRequest::from_vfork();
    assert_eq!(*vfork.args(), plain(CloneFlags::VFORK | CloneFlags::VM));
    assert_eq!(vfork.flags(), CloneFlags::VFORK | CloneFlags::VM);
}
