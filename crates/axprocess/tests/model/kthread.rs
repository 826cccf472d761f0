//! The second root, the kernel threads and the helpers in user mode below it, and the number of the idle task.

use crate::kernel::*;
use axprocess::{
    Errno, ExitSignal, ExitStatus, ForcedAction, ForkNamespace, ForkParent, ForkRequest, GivenInfo,
    IDLE_PID, InitSession, KernelCause, Number, ProcessState, ProcessTable, Signal, SignalAction,
    SignalScope, StopDecision, ThreadExit, TraceOptions, TraceStart, WaitStatus,
};

/// A table with init, and kthreadd as process 2.
fn boot_with_kthreadd() -> (Table, KernelThread, KernelThread) {
    let (table, init) = boot();
    let kthreadd = table.new_kthreadd(2, Treatment::default(), ()).unwrap();
    (table, init, kthreadd)
}

fn kernel_thread(by: &KernelThread) -> KernelThread {
    by.fork_kernel_thread(ForkRequest::default(), Treatment::default(), ()).unwrap()
}

const SIBLING: ForkRequest<'static> = ForkRequest {
    number: Number::Next,
    exit_signal: ExitSignal::SIGCHLD,
    parent: ForkParent::Sibling,
    namespace: ForkNamespace::Inherited,
};

/// What `call_usermodehelper` makes, from one of the workers.
fn helper_of(worker: &KernelThread) -> KernelThread {
    let helper = fork_with(worker, SIBLING).unwrap();
    helper.exec().unwrap();
    helper
}

fn ppid(thread: &KernelThread) -> u32 {
    thread.process().ppid()
}

#[test]
fn the_second_root_is_kthreadd() {
    // R-KTHREAD-01: number 2, no parent, no exit signal, in group 0 of session 0, and a kernel thread; it is listed as anyone.
    let (table, init, kthreadd) = boot_with_kthreadd();
    let process = kthreadd.process();
    let stat = process.stat(table.namespace()).unwrap();
    assert_eq!((stat.pid, stat.ppid, stat.pgrp, stat.session), (2, 0, 0, 0));
    assert_eq!((stat.threads, stat.exit_signal, stat.terminal), (1, ExitSignal::NONE, None));
    assert!(process.parent().is_none() && process.is_kernel_thread());
    assert!(!process.is_table_init() && init.process().is_table_init());
    assert!(!init.process().is_kernel_thread() && !fork(&init).process().is_kernel_thread());
    assert!(init.process().children().unwrap().iter().all(|child| child.pid() != 2));
    assert!(axprocess::ARef::ptr_eq(&table.find_process(2).unwrap(), process));
    let next = |from| table.next_process(table.namespace(), from).map(|(number, _)| number);
    assert_eq!([next(0), next(2), next(3), next(4)], [Some(1), Some(2), Some(3), None]);
}

#[test]
fn the_second_root_comes_once_and_after_init() {
    // R-KTHREAD-01: the errors of its making, in their order; a refused one leaves nothing.
    let make = |table: &Table, pid| table.new_kthreadd(pid, Treatment::default(), ()).map(drop);
    let table = ProcessTable::new(Kernel::default());
    assert_eq!(make(&table, 2), Err(Errno::ESRCH));
    let init = table.new_init(1, Treatment::default(), ()).unwrap();
    assert_eq!(fork(&init).tid(), 2);
    assert_eq!(make(&table, 0), Err(Errno::EINVAL));
    assert_eq!(make(&table, 1 << 31), Err(Errno::EINVAL));
    assert_eq!(make(&table, 2), Err(Errno::EEXIST));
    assert_eq!(make(&table, 70_000), Ok(()));
    assert_eq!(make(&table, 0), Err(Errno::EEXIST));
    assert_eq!(fork(&init).tid(), 3, "a number that was chosen does not count");
    assert_eq!(table.new_init(5, Treatment::default(), ()).map(drop), Err(Errno::EEXIST));
}

#[test]
fn kthreadd_stays_without_threads() {
    // R-KTHREAD-01: it ends on no machine. Its children go where those of any go whose parent has no thread left, and so do new ones.
    let (_table, _init, kthreadd) = boot_with_kthreadd();
    let [second, worker] = [spawn(&kthreadd), kernel_thread(&kthreadd)];
    assert_eq!(kthreadd.exit_thread(ExitStatus::exited(0)), ThreadExit::OthersRemain);
    assert_eq!(ppid(&worker), 2);
    assert_eq!(second.exit_thread(ExitStatus::exited(0)), ThreadExit::LastOfInit);
    assert_eq!((kthreadd.process().state(), ppid(&worker)), (ProcessState::Live, 1));
    let late = kthreadd.process().fork_child(ForkRequest::default(), Treatment::default(), ());
    assert_eq!(ppid(&late.unwrap()), 1);
    assert!(kthreadd.process().parent().is_none());
    // In steps it is the same.
    let (_table, _init, kthreadd) = boot_with_kthreadd();
    let mut exit = kthreadd.begin_exit(ExitStatus::exited(0));
    assert!(!kthreadd.process().is_group_exiting());
    assert_eq!(exit.set_exiting(), ThreadExit::LastOfInit);
    assert!(exit.try_finish());
    assert_eq!(kthreadd.process().state(), ProcessState::Live);
}

#[test]
fn nobody_has_the_number_of_the_idle_task() {
    // R-KTHREAD-02: 0 shows as the roots' parent, group and session; as an argument it is nobody, and is given to nobody.
    let (table, init, kthreadd) = boot_with_kthreadd();
    let thread = fork(&init);
    let caller = thread.process();
    caller.setsid().unwrap();
    for root in [1, 2] {
        assert_eq!(caller.getpgid(root), Ok(IDLE_PID));
        assert_eq!(caller.getsid(root), Ok(IDLE_PID));
        assert_eq!(table.find_process(root as u32).unwrap().ppid(), IDLE_PID);
    }
    assert!(table.find_process(IDLE_PID).is_none() && table.find_thread(IDLE_PID).is_none());
    assert!(table.find_group(IDLE_PID).is_none() && table.find_session(IDLE_PID).is_none());
    assert_eq!(caller.setpgid(2, 0), Err(Errno::ESRCH));
    assert_eq!(fork(&init).process().setpgid(0, 2), Err(Errno::EPERM));
    assert_eq!(thread.kill(-2, 0), Err(Errno::ESRCH));
    for by in [&init, &kthreadd] {
        let idle = ForkRequest { number: Number::Exactly(IDLE_PID), ..Default::default() };
        assert_eq!(fork_with(by, idle).map(drop), Err(Errno::EINVAL));
        let made = by.fork_kernel_thread(idle, Treatment::default(), ()).map(drop);
        assert_eq!(made, Err(Errno::EINVAL));
    }
}

#[test]
fn both_roots_begin_in_the_group_of_the_idle_task() {
    // R-KTHREAD-02: one group 0 of one session 0 for both, which init leaves; if it has left before, there is one all the same.
    let of = |thread: &KernelThread| thread.process().group();
    let same = |one: &KernelThread, other: &KernelThread| {
        let session = |it| of(it).session();
        [
            axprocess::ARef::ptr_eq(&of(one), &of(other)),
            axprocess::ARef::ptr_eq(&session(one), &session(other)),
        ]
    };
    let (_table, init, kthreadd) = boot_with_kthreadd();
    assert_eq!(same(&init, &kthreadd), [true, true]);
    init.process().setpgid(0, 0).unwrap();
    assert_eq!(same(&init, &kthreadd), [false, true]);
    assert_eq!(pids(&of(&kthreadd).processes().unwrap()), [2]);

    let to_group: fn(&KernelThread) = |init| init.process().setpgid(0, 0).unwrap();
    let to_session: fn(&KernelThread) = |init| _ = init.process().setsid().unwrap();
    for leave in [to_group, to_session] {
        let (table, init) = boot();
        let stays = fork(&init);
        leave(&init);
        let is_in_session = init.process().sid() == 0;
        let kthreadd = table.new_kthreadd(3, Treatment::default(), ()).unwrap();
        assert_eq!((kthreadd.process().pgid(), kthreadd.process().sid()), (0, 0));
        // Only by init the session is found in which others still are.
        assert_eq!(same(&stays, &kthreadd), [is_in_session; 2]);
        assert_eq!(same(&init, &kthreadd), [false, is_in_session]);
    }

    let table = ProcessTable::new(Kernel::default());
    let init = table.new_init_in(1, InitSession::Own, Treatment::default(), ()).unwrap();
    let kthreadd = table.new_kthreadd(2, Treatment::default(), ()).unwrap();
    assert_eq!((kthreadd.process().pgid(), kthreadd.process().sid()), (0, 0));
    assert_eq!(same(&init, &kthreadd), [false, false]);
    let worker = kernel_thread(&kthreadd);
    assert_eq!(same(&worker, &kthreadd), [true, true]);
}

#[test]
fn no_signal_acts_on_a_kernel_thread() {
    // R-KTHREAD-03: whoever may send one succeeds, SIGKILL and SIGSTOP included, the kernel itself too; nothing is queued, nobody ends, nobody stops.
    let (table, init, kthreadd) = boot_with_kthreadd();
    let worker = kernel_thread(&kthreadd);
    let sender = fork(&init);
    let every = [1, 9, 15, 18, 19, 20, 34].map(|number| Signal::new(number).unwrap());
    for target in [&kthreadd, &worker] {
        let number = target.tid() as i32;
        act(target.process(), SignalAction::Default, &every);
        events(&table);
        discards(&table);
        for signal in every {
            let raw = signal.number().into();
            assert_eq!(sender.kill(number, raw), Ok(()));
            assert_eq!(sender.tkill(number, raw), Ok(()));
            assert_eq!(sender.tgkill(number, number, raw), Ok(()));
            let given = GivenInfo::new(raw, -1);
            assert_eq!(sender.rt_sigqueueinfo(number, given), Ok(()));
            assert_eq!(sender.rt_tgsigqueueinfo(number, number, given), Ok(()));
            let handle = target.process().handle().unwrap();
            assert_eq!(sender.pidfd_send_signal(&handle, raw, SignalScope::Process, None), Ok(()));
            let cause = KernelCause::Event { code: 1, value: 0, number: 0, sender: None };
            target.process().send_signal(signal, KernelCause::Kernel);
            target.send_signal(signal, cause);
            target.force_signal(signal, cause, ForcedAction::AsSet);
        }
        assert_eq!(target.process().would_stop(Signal::SIGSTOP), StopDecision::Discard);
        let ticket = target.process().stop_ticket();
        assert_eq!(target.begin_stop(Signal::SIGSTOP, ticket), StopDecision::Discard);
        target.process().report_group_stopped(Signal::SIGSTOP);
        let dump = target.begin_core_dump(Signal::SIGSEGV).map(drop);
        assert_eq!(dump, Err(Errno::EINVAL));
        assert!(!target.process().is_stopped() && !target.process().is_group_exiting());
        assert_eq!(
            (events(&table), discards(&table), exit_requests(&table)),
            (vec![], vec![], vec![])
        );
    }
    protect(&table, worker.process());
    assert_eq!(sender.kill(worker.tid() as i32, 9), Err(Errno::EPERM));
    assert_eq!(sender.kill(2, 0), Ok(()));
}

#[test]
fn nobody_traces_a_kernel_thread() {
    // R-KTHREAD-04: EPERM, by whoever asks; a helper is traced like anyone.
    let (_table, init, kthreadd) = boot_with_kthreadd();
    let worker = kernel_thread(&kthreadd);
    for tid in [2, worker.tid().cast_signed()] {
        for start in [TraceStart::Attach, TraceStart::Seize] {
            let answer = init.attach(tid, start, TraceOptions::empty()).map(drop);
            assert_eq!(answer, Err(Errno::EPERM));
        }
    }
    assert_eq!([worker.trace_me(), kthreadd.trace_me()], [Err(Errno::EPERM); 2]);
    assert!(worker.tracer().is_none());
    let helper = helper_of(&worker);
    init.attach(helper.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    assert!(helper.tracer().is_some());
}

#[test]
fn kernel_threads_are_made_by_kernel_threads() {
    // R-KTHREAD-03: each fork says what it makes: a kernel thread's ordinary child is none, and nobody else makes one.
    let (table, init, kthreadd) = boot_with_kthreadd();
    let worker = kernel_thread(&kthreadd);
    assert_eq!((worker.tid(), ppid(&worker)), (3, 2));
    assert_eq!(worker.process().exit_signal(), ExitSignal::SIGCHLD);
    assert_eq!((worker.process().pgid(), worker.process().sid()), (0, 0));
    let beside = worker.fork_kernel_thread(SIBLING, Treatment::default(), ()).unwrap();
    assert_eq!(ppid(&beside), 2);
    let below = kernel_thread(&worker);
    assert_eq!(ppid(&below), worker.tid());
    let is_one = |thread: &KernelThread| thread.process().is_kernel_thread();
    assert!([&worker, &beside, &below].map(is_one).iter().all(|is_one| *is_one));
    let plain = [fork(&kthreadd), fork(&worker), fork_with(&worker, SIBLING).unwrap()];
    assert!(plain.iter().all(|thread| !is_one(thread)));
    let refused = |by: &KernelThread, request| {
        by.fork_kernel_thread(request, Treatment::default(), ()).map(drop)
    };
    assert_eq!(refused(&init, ForkRequest::default()), Err(Errno::EINVAL));
    assert_eq!(refused(&plain[0], ForkRequest::default()), Err(Errno::EINVAL));
    assert_eq!(refused(&kthreadd, SIBLING), Err(Errno::EINVAL));
    let inside = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    assert_eq!(refused(&worker, inside), Err(Errno::EINVAL));
    let taken = ForkRequest { number: Number::Exactly(2), ..Default::default() };
    assert_eq!(refused(&worker, taken), Err(Errno::EEXIST));
    // What it has chosen for its children is not for these.
    worker.unshare_pid().unwrap();
    assert_eq!(kernel_thread(&worker).process().namespace().level(), 0);
    assert_eq!(fork(&worker).process().namespace().level(), 1);
    drop(table);
}

#[test]
fn children_of_kthreadd_vanish() {
    // R-KTHREAD-05: it ignores SIGCHLD, whatever the host would say; nobody is left to be waited for.
    let (table, init, kthreadd) = boot_with_kthreadd();
    let worker = kernel_thread(&kthreadd);
    let helpers = [fork(&kthreadd), helper_of(&worker), fork_with(&worker, SIBLING).unwrap()];
    let second = spawn(&helpers[0]);
    events(&table);
    exit(&second, 1);
    for child in helpers.iter().chain([&worker]) {
        exit(child, 1);
        assert_eq!(child.process().state(), ProcessState::Reaped);
        assert_eq!(events(&table), [Event::Wake(2)], "no signal, and who waits looks in vain");
    }
    assert_eq!(wait4(&kthreadd, -1, 0), NO_CHILD);
    for (kind, id) in [(1, 2), (1, 3)] {
        assert_eq!(waitid(&init, kind, id, WEXITED), NO_CHILD);
    }
    // Another exit signal than SIGCHLD is not ignored: that child stays, as on Linux.
    let odd = ForkRequest { exit_signal: ExitSignal::NONE, ..Default::default() };
    let odd = fork_with(&kthreadd, odd).unwrap();
    exit(&odd, 1);
    assert_eq!(odd.process().state(), ProcessState::Zombie);
}

#[test]
fn a_worker_can_wait_for_its_helper() {
    // R-KTHREAD-05: with UMH_WAIT_PROC the helper is the worker's own child, and the worker has SIG_DFL for SIGCHLD meanwhile.
    let (table, _init, kthreadd) = boot_with_kthreadd();
    let worker = kernel_thread(&kthreadd);
    let helper = fork(&worker);
    helper.exec().unwrap();
    events(&table);
    exit(&helper, 3);
    assert_eq!(events(&table), [Event::Wake(worker.tid())], "it is woken, and gets no signal");
    assert_eq!(wait4(&worker, -1, 0), exited(helper.tid(), 3));
    treat_sigchld(worker.process(), ChildSignalAction::IGNORE);
    let helper = fork(&worker);
    exit(&helper, 3);
    assert_eq!(helper.process().state(), ProcessState::Reaped);
}

#[test]
fn a_helper_is_a_process_like_any() {
    // R-KTHREAD-06: kthreadd's child in group 0 of session 0 that executes a program; it takes signals, stops, leads a session; a kernel thread executes none.
    let (table, init, kthreadd) = boot_with_kthreadd();
    let worker = kernel_thread(&kthreadd);
    assert_eq!(worker.exec(), Err(Errno::EINVAL));
    assert_eq!(worker.begin_exec().map(drop), Err(Errno::EINVAL));
    let helper = helper_of(&worker);
    let stat = helper.process().stat(table.namespace()).unwrap();
    assert_eq!((stat.ppid, stat.pgrp, stat.session), (2, 0, 0));
    assert_eq!(
        (stat.exit_signal, helper.process().is_kernel_thread()),
        (ExitSignal::SIGCHLD, false)
    );
    events(&table);
    helper.process().report_group_stopped(Signal::SIGSTOP);
    assert!(helper.process().is_stopped());
    assert_eq!(events(&table), [Event::Wake(2)], "kthreadd is sent nothing of a stop");
    act(helper.process(), SignalAction::Default, &[Signal::SIGTERM]);
    assert_eq!(init.kill(helper.tid() as i32, 18), Ok(()));
    assert_eq!(init.kill(helper.tid() as i32, 15), Ok(()));
    assert!(helper.process().is_group_exiting());
    let other = helper_of(&worker);
    assert_eq!(other.process().setsid().map(drop), Ok(()));
    assert_eq!(other.process().sid(), other.tid());
}

#[test]
fn orphans_below_kthreadd_go_to_init() {
    // R-KTHREAD-07: those of a helper, of a kernel thread, of a chain of them; never to kthreadd. A subreaper among them keeps them, and hands them on to init.
    let (table, init, kthreadd) = boot_with_kthreadd();
    init.process().become_subreaper();
    kthreadd.process().become_subreaper();
    let worker = kernel_thread(&kthreadd);
    worker.process().become_subreaper();
    assert!(!kthreadd.process().is_subreaper() && !worker.process().is_subreaper());
    let helper = helper_of(&worker);
    let [child, grandchild] = chain(&helper);
    exit(&child, 0);
    assert_eq!(ppid(&grandchild), 1);
    exit(&helper, 0);
    assert_eq!((ppid(&child), child.process().state()), (1, ProcessState::Zombie));
    let [of_worker, own] = [kernel_thread(&worker), fork(&worker)];
    exit(&worker, 0);
    assert_eq!([ppid(&of_worker), ppid(&own)], [1, 1]);
    // A kernel thread whose parent is init is init's to reap.
    exit(&of_worker, 0);
    assert_eq!(wait4(&init, of_worker.tid() as i32, 0), exited(of_worker.tid(), 0));

    let reaper = helper_of(&kernel_thread(&kthreadd));
    reaper.process().become_subreaper();
    let [child, grandchild] = chain(&reaper);
    exit(&child, 0);
    assert_eq!(ppid(&grandchild), reaper.tid());
    exit(&reaper, 0);
    assert_eq!(ppid(&grandchild), 1);
    assert_eq!(kthreadd.process().children().unwrap().len(), 1, "the last worker");
    drop(table);
}

#[test]
fn namespaces_of_helpers_are_like_any() {
    // R-KTHREAD-07: inside, orphans stay; who was put inside by a helper and has lost it goes to init, which is outside.
    let (_table, _init, kthreadd) = boot_with_kthreadd();
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    let inner =
        fork_with(&kernel_thread(&kthreadd), ForkRequest { parent: ForkParent::Sibling, ..new })
            .unwrap();
    assert_eq!((inner.process().pid(), ppid(&inner)), (1, 0));
    assert_eq!(inner.process().parent().unwrap().pid(), 2);
    let [child, grandchild] = chain(&inner);
    exit(&child, 0);
    assert_eq!(ppid(&grandchild), 1);
    let helper = fork(&kthreadd);
    helper.set_namespace_for_children(&inner.process().namespace()).unwrap();
    let put_inside = fork(&helper);
    exit(&helper, 0);
    assert_eq!((put_inside.process().pid(), ppid(&put_inside)), (4, 0));
    let parent = put_inside.process().parent().unwrap();
    assert_eq!((parent.pid(), parent.namespace().level()), (1, 0));
    // The end of the namespace is told to kthreadd, which does not care.
    for thread in [&grandchild, &put_inside] {
        exit(thread, 0);
    }
    assert!(put_inside.process().release_zombie());
    exit(&inner, 0);
    assert_eq!(inner.process().state(), ProcessState::Reaped);
}

#[test]
fn kthreadd_links_a_group_of_its_session() {
    // R-KTHREAD-08: a helper that leads a group of session 0 is no orphan as long as kthreadd is its parent, and kthreadd counts where init does not.
    let (_table, init, kthreadd) = boot_with_kthreadd();
    let helper = helper_of(&kernel_thread(&kthreadd));
    let child = fork(&helper);
    assert!(helper.process().group().is_orphaned(), "kthreadd is in it");
    for member in [&helper, &child] {
        member.process().setpgid(0, helper.tid() as i32).unwrap();
    }
    assert!(!helper.process().group().is_orphaned());
    assert_eq!(helper.process().would_stop(Signal::SIGTSTP), StopDecision::Stop);
    let of_init = fork(&init);
    of_init.process().setpgid(0, 0).unwrap();
    assert!(of_init.process().group().is_orphaned(), "init links nobody");
    exit(&helper, 0);
    assert!(child.process().group().is_orphaned());
}

#[test]
fn all_means_kernel_threads_too() {
    // R-KILL-04, R-KTHREAD-03: kill(-1) passes over number 1 and the caller alone; kthreadd is hit, in vain, and counts.
    let (table, init) = boot();
    assert_eq!(init.kill(-1, 9), Err(Errno::ESRCH));
    let kthreadd = table.new_kthreadd(2, Treatment::default(), ()).unwrap();
    assert_eq!(init.kill(-1, 9), Ok(()));
    let helper = helper_of(&kernel_thread(&kthreadd));
    assert_eq!(init.kill(-1, 9), Ok(()));
    assert!(helper.process().is_group_exiting());
    assert_eq!(exit_requests(&table), [helper.tid()]);
    // So it is with group 0, in which all of them are.
    let (_table, init, kthreadd) = boot_with_kthreadd();
    assert_eq!(kthreadd.kill(0, 15), Ok(()));
    assert_eq!(init.kill(0, 0), Ok(()));
}

#[test]
fn a_handle_of_a_kernel_thread_is_like_any() {
    // R-KTHREAD-03: pidfd_open finds it; waiting by it is ECHILD for who is not the parent; a signal to its group has none to go to.
    let (_table, init, kthreadd) = boot_with_kthreadd();
    let handle = init.process().pidfd_open(2, 0).unwrap();
    assert_eq!(handle.process().unwrap().pid(), kthreadd.tid());
    assert_eq!(init.pidfd_send_signal(&handle, 9, SignalScope::Process, None), Ok(()));
    let to_group = init.pidfd_send_signal(&handle, 9, SignalScope::Group, None);
    assert_eq!(to_group, Err(Errno::ESRCH));
}

#[test]
fn each_root_has_a_tree_of_its_own() {
    // R-PROC-04, R-KTHREAD-01: a snapshot is of what is below its root; together they are all that there is.
    let (table, init, kthreadd) = boot_with_kthreadd();
    let worker = kernel_thread(&kthreadd);
    let [helper, child] = [helper_of(&worker), fork(&init)];
    let below = kernel_thread(&worker);
    let tree = |root: &KernelThread| {
        let entries = root.process().snapshot_tree(table.namespace()).unwrap();
        entries.iter().map(|entry| (entry.stat.pid, entry.depth)).collect::<Vec<_>>()
    };
    assert_eq!(tree(&init), [(1, 0), (child.tid(), 1)]);
    let [worker, helper, below] = [&worker, &helper, &below].map(|thread| thread.tid());
    assert_eq!(tree(&kthreadd), [(2, 0), (worker, 1), (below, 2), (helper, 1)]);
    let mut all = Vec::new();
    while let Some((number, _)) =
        table.next_process(table.namespace(), all.last().map_or(0, |last| last + 1))
    {
        all.push(number);
    }
    assert_eq!(all.len(), 6);
}

#[test]
fn both_trees_end_with_the_table() {
    // R-KTHREAD-01: the drop of the table ends what is below each root, and both.
    let (table, init, kthreadd) = boot_with_kthreadd();
    let worker = kernel_thread(&kthreadd);
    let threads = [fork(&init), helper_of(&worker), kernel_thread(&worker), worker, init, kthreadd];
    drop(table);
    for thread in &threads {
        assert_eq!(thread.process().state(), ProcessState::Reaped);
        assert_eq!((thread.process().ppid(), thread.process().parent().is_none()), (0, true));
    }
    let late = threads[5].fork_kernel_thread(ForkRequest::default(), Treatment::default(), ());
    assert_eq!(late.map(drop), Err(Errno::ENOMEM));
}

#[test]
fn a_wish_of_a_helper_is_granted() {
    // R-PDEATH-03, R-KTHREAD-07: a parent-death signal when the worker ends whose child it is; kthreadd's children never hear one.
    let (table, _init, kthreadd) = boot_with_kthreadd();
    let worker = kernel_thread(&kthreadd);
    let helper = fork(&worker);
    helper.set_parent_death_signal(Some(Signal::SIGTERM));
    events(&table);
    exit(&worker, 0);
    let cause = axprocess::SignalCause::ParentDeath { pid: worker.tid() };
    assert_eq!(posted(&table), [Event::Posted(helper.tid(), 15, cause)]);
    assert_eq!(wait4(&_init, -1, WNOHANG), Waited::Nothing);
    helper.exit_thread(ExitStatus::exited(2));
    let told = Waited::Got(helper.tid(), WaitStatus::Exited(2));
    assert_eq!(wait4(&_init, -1, 0), told);
}
