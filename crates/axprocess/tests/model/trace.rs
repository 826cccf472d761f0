//! ptrace: who may trace whom, what the tracer learns, and what the real parent does.

use crate::kernel::*;
use axprocess::{
    ARef, Attention, ChildCode, Errno, ExitStatus, ForkNamespace, ForkRequest, Number,
    ProcessState, Signal, SignalAction, SignalCause, ThreadStop, TraceOptions, TraceStart,
    TraceStop, TraceStopped, WaitRequest, WaitStatus,
};

const TRAP_EXEC: u16 = 4 << 8 | 5;
const EVENT_STOP: u16 = 128 << 8;

fn seize(tracer: &KernelThread, tracee: &KernelThread) {
    tracer.attach(tracee.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
}

fn trap(tracee: &KernelThread, code: u16) {
    assert_eq!(tracee.trace_stop(TraceStop::new(code).unwrap()), TraceStopped::Stopped);
}

fn trapped(tracee: &KernelThread, code: u16) -> Waited {
    Waited::Got(tracee.tid(), WaitStatus::Trapped(TraceStop::new(code).unwrap()))
}

fn stop_all(thread: &KernelThread) {
    thread.begin_stop(Signal::SIGSTOP, thread.process().stop_ticket());
    thread.join_stop();
}

fn stopped(thread: &KernelThread) -> Waited {
    Waited::Got(thread.process().pid(), WaitStatus::Stopped(Signal::SIGSTOP))
}

/// A child of init, and a sibling of it that traces it.
fn stranger(init: &KernelThread) -> (KernelThread, KernelThread) {
    let (child, tracer) = (fork(init), fork(init));
    seize(&tracer, &child);
    (child, tracer)
}

#[test]
fn an_attachment_has_conditions() {
    // ptrace_attach: ESRCH without such a thread; EPERM for one's own, what the host forbids, the dead, and who is traced.
    let (table, init) = boot();
    let try_it = |tracer: &KernelThread, tid: u32| {
        let seized = tracer.attach(tid.cast_signed(), TraceStart::Seize, TraceOptions::empty());
        seized.map(|target| target.tid())
    };
    let [child, zombie, guarded, tracer] = std::array::from_fn(|_| fork(&init));
    let own = spawn(&tracer);
    exit(&zombie, 0);
    protect(&table, guarded.process());
    assert_eq!(try_it(&tracer, 999), Err(Errno::ESRCH));
    for refused in [tracer.tid(), own.tid(), zombie.tid(), guarded.tid()] {
        assert_eq!(try_it(&tracer, refused), Err(Errno::EPERM));
    }
    assert_eq!(try_it(&tracer, child.tid()), Ok(child.tid()));
    assert_eq!(try_it(&init, child.tid()), Err(Errno::EPERM), "it is traced");
    assert_eq!(child.trace_me(), Err(Errno::EPERM));
    assert!(ARef::ptr_eq(&child.tracer().unwrap(), &tracer));
    assert_eq!(guarded.trace_me(), Err(Errno::EPERM));
    exit(&tracer, 0);
    assert_eq!(try_it(&tracer, child.tid()), Err(Errno::ESRCH), "the dead trace nobody");
}

#[test]
fn an_attached_thread_is_asked_to_stop() {
    // ptrace_attach: SIGSTOP to that thread; a seized one runs on; one in a group stop has to stop anew.
    let (table, init) = boot();
    let [attached, seized, asleep, tracer] = std::array::from_fn(|_| fork(&init));
    stop_all(&asleep);
    events(&table);
    let attach = |thread: &KernelThread, start| {
        tracer.attach(thread.tid().cast_signed(), start, TraceOptions::empty()).unwrap();
        events(&table)
    };
    let asked = Event::ThreadPosted(attached.tid(), 19, SignalCause::Kernel);
    assert_eq!(attach(&attached, TraceStart::Attach), [asked]);
    assert_eq!(attach(&seized, TraceStart::Seize), []);
    assert_eq!(attach(&asleep, TraceStart::Seize), [Event::TracingChanged(asleep.tid())]);
}

#[test]
fn b22_a_trap_reports_its_whole_code() {
    // B22, R-WAIT-16, R-WAIT-17: waitid and the status word tell the event, the signal only the signal.
    let (table, init) = boot();
    let (child, tracer) = stranger(&init);
    events(&table);
    trap(&child, TRAP_EXEC);
    let status = WaitStatus::Trapped(TraceStop::new(TRAP_EXEC).unwrap());
    let told = Event::Signal(tracer.tid(), 17, child.tid(), status);
    assert_eq!(events(&table), [told, Event::Wake(tracer.tid())]);
    assert_eq!(wait4(&tracer, -1, 0), trapped(&child, TRAP_EXEC), "R-STOP-13: without WUNTRACED");
    assert_eq!(status.to_raw(), 0x4057f);
    assert_eq!(WaitStatus::from_raw(0x4057f), Some(status));
    assert_eq!(WaitStatus::from_raw(0x100_057f), None);
    assert_eq!(status.si_code_and_status(), ChildCode { code: 4, status: 0x405 });
    let signal = SignalCause::Child { pid: 2, status }.si_code_and_status();
    assert_eq!(signal, Some(ChildCode { code: 4, status: 5 }));
    let delivery = WaitStatus::Trapped(Signal::SIGUSR1.into());
    assert_eq!((delivery.to_raw(), delivery.si_code_and_status().status), (0xa7f, 10));
    assert_eq!(wait4(&tracer, -1, 0), Waited::Nothing, "R-WAIT-20: once");
}

#[test]
fn a_deaf_tracer_is_woken_all_the_same() {
    // R-NOTIFY-11: SIG_IGN and SA_NOCLDSTOP suppress the signal of a ptrace-stop, not the report.
    let (table, init) = boot();
    let (child, tracer) = stranger(&init);
    treat_sigchld(tracer.process(), ChildSignalAction::NO_STOP);
    events(&table);
    trap(&child, TRAP_EXEC);
    assert_eq!(events(&table), [Event::Wake(tracer.tid())]);
    assert_eq!(wait4(&tracer, -1, 0), trapped(&child, TRAP_EXEC));
}

#[test]
fn only_the_tracer_commands_a_stopped_tracee() {
    // ptrace_check_attach: ESRCH for a stranger, another thread of the tracer, and while the tracee runs.
    let (table, init) = boot();
    let (child, tracer) = stranger(&init);
    let friend = spawn(&tracer);
    let tid = child.tid().cast_signed();
    let resume =
        |caller: &KernelThread| caller.resume_tracee(tid).map(|thread| thread.tid().cast_signed());
    assert_eq!(resume(&tracer), Err(Errno::ESRCH), "it runs");
    assert_eq!(tracer.detach(tid), Err(Errno::ESRCH));
    trap(&child, TRAP_EXEC);
    assert_eq!([resume(&init), resume(&friend)], [Err(Errno::ESRCH); 2]);
    assert_eq!(resume(&tracer), Ok(tid));
    assert_eq!(wait4(&tracer, -1, 0), Waited::Nothing, "an unreported stop ends with the stop");
    trap(&child, TRAP_EXEC);
    events(&table);
    assert_eq!(tracer.detach(tid), Ok(()));
    assert_eq!(events(&table), [Event::TracingChanged(child.tid())]);
    assert!(child.tracer().is_none());
    assert_eq!(child.trace_stop(Signal::SIGUSR1.into()), TraceStopped::Untraced);
    assert_eq!(wait4(&tracer, -1, 0), NO_CHILD);
}

#[test]
fn a_group_stop_is_hidden_from_a_parent_that_traces() {
    // R-STOP-13: it hears of the ptrace-stop instead; when it lets go, of the group stop, which lasts.
    let (table, init) = boot();
    let child = fork(&init);
    child.trace_me().unwrap();
    events(&table);
    stop_all(&child);
    assert_eq!(signals(&table).len(), 1, "of the ptrace-stop");
    assert_eq!(wait4(&init, -1, WUNTRACED), trapped(&child, 19));
    assert_eq!(wait4(&init, -1, WUNTRACED), Waited::Nothing);
    init.detach(child.tid().cast_signed()).unwrap();
    assert_eq!(wait4(&init, -1, WUNTRACED), stopped(&child));
    assert!(child.process().is_stopped());
}

#[test]
fn a_group_stop_is_shown_to_a_parent_that_does_not_trace() {
    // R-STOP-13: the tracer hears of the ptrace-stop, the parent of the group stop, each once.
    let (table, init) = boot();
    let (child, tracer) = stranger(&init);
    events(&table);
    stop_all(&child);
    assert_eq!(signals(&table).len(), 2, "to the tracer, and to the parent");
    assert_eq!(wait4(&init, child.tid() as i32, 0), Waited::Nothing);
    assert_eq!(wait4(&init, child.tid() as i32, WUNTRACED), stopped(&child));
    assert_eq!(wait4(&tracer, -1, WUNTRACED), trapped(&child, EVENT_STOP | 19));
    child.process().note_signal_sent(Signal::SIGCONT);
    let continued = Waited::Got(child.tid(), WaitStatus::Continued);
    assert_eq!(wait4(&tracer, -1, WCONTINUED), continued, "whoever asks first");
    assert_eq!(wait4(&init, child.tid() as i32, WCONTINUED), Waited::Nothing);
}

#[test]
fn a_zombie_is_its_tracers_first() {
    // R-PTRACE-01: the parent waits on; when the tracer has reaped it the parent is told, and reaps it.
    let (table, init) = boot();
    let (child, tracer) = stranger(&init);
    let pid = child.tid() as i32;
    events(&table);
    exit(&child, 7);
    assert_eq!(
        signals(&table),
        [Event::Signal(tracer.tid(), 17, child.tid(), WaitStatus::Exited(7))]
    );
    for options in [WEXITED, WSTOPPED] {
        assert_eq!(waitid(&init, 1, pid, options), Waited::Nothing);
    }
    assert_eq!(waitid(&tracer, 1, pid, WSTOPPED), NO_CHILD, "R-WAIT-11");
    assert_eq!(waitid(&tracer, 1, pid, WEXITED | WNOWAIT), exited(child.tid(), 7));
    events(&table);
    assert_eq!(wait4(&tracer, -1, 0), exited(child.tid(), 7));
    assert_eq!(signals(&table), [Event::Signal(1, 17, child.tid(), WaitStatus::Exited(7))]);
    assert_eq!(wait4(&tracer, -1, 0), NO_CHILD);
    assert_eq!(wait4(&init, pid, 0), exited(child.tid(), 7));
}

#[test]
fn a_traced_zombie_vanishes_only_after_its_tracer() {
    // R-PTRACE-01, R-NOTIFY-03, R-WAIT-26: a parent that ignores SIGCHLD waits for it, and then has no child; by reaping and by the tracer's exit.
    for reaps in [0, 1] {
        let (table, init) = boot();
        let (child, tracer) = stranger(&init);
        let pid = child.tid() as i32;
        treat_sigchld(init.process(), ChildSignalAction::IGNORE);
        exit(&child, 0);
        assert_eq!(wait4(&init, pid, 0), Waited::Nothing);
        if reaps == 1 {
            assert_eq!(wait4(&tracer, -1, 0), exited(child.tid(), 0));
        } else {
            exit(&tracer, 0);
        }
        assert_eq!(wait4(&init, pid, 0), NO_CHILD);
        assert!(table.find_process(child.tid()).is_none());
    }
}

#[test]
fn a_child_that_its_parent_traces_never_vanishes_by_itself() {
    // R-PTRACE-02: whatever the parent does about SIGCHLD, also SA_NOCLDWAIT; it does when the tracing thread exits first.
    for action in [ChildSignalAction::IGNORE, ChildSignalAction::NO_WAIT] {
        let (table, init) = boot();
        treat_sigchld(init.process(), action);
        let [child, other] = [fork(&init), fork(&init)];
        let thread = spawn(&init);
        child.trace_me().unwrap();
        seize(&thread, &other);
        exit(&child, 3);
        exit(&other, 4);
        assert_eq!(wait4(&init, child.tid() as i32, 0), exited(child.tid(), 3));
        exit(&thread, 0);
        assert_eq!(wait4(&init, -1, 0), NO_CHILD);
        assert!(table.find_process(other.tid()).is_none());
    }
}

#[test]
fn a_parent_that_traces_has_the_usual_signal_and_the_usual_zombie() {
    // R-NOTIFY-01: the exit signal of the child; and the zombie stays for the parent when the tracer, another of its threads, exits.
    let (table, init) = boot();
    let request = ForkRequest { exit_signal: Signal::SIGUSR1.into(), ..Default::default() };
    let child = fork_with(&init, request).unwrap();
    let thread = spawn(&init);
    seize(&thread, &child);
    exit(&child, 0);
    assert_eq!(signals(&table), [Event::Signal(1, 10, child.tid(), WaitStatus::Exited(0))]);
    exit(&thread, 0);
    assert_eq!(signals(&table), [], "it is not told again");
    assert_eq!(wait4(&init, -1, WCLONE), exited(child.tid(), 0));
}

#[test]
fn tracees_come_behind_the_children_the_newest_first() {
    // R-PTRACE-03, R-WAIT-06: of the same thread, whatever their kind; then the children of the next thread.
    let (_table, init) = boot();
    let tracer = fork(&init);
    let friend = spawn(&tracer);
    let strangers = [fork(&init), fork(&init)];
    for stranger in &strangers {
        seize(&tracer, stranger);
    }
    let own = fork(&tracer);
    let of_friend = fork(&friend);
    for thread in strangers.iter().chain([&own, &of_friend]) {
        exit(thread, 0);
    }
    assert_eq!(
        wait4(&tracer, strangers[0].tid() as i32, WCLONE | WNOHANG),
        exited(strangers[0].tid(), 0)
    );
    let order: Vec<_> = (0..3).map(|_| wait4(&tracer, -1, 0)).collect();
    assert_eq!(order, [&own, &strangers[1], &of_friend].map(|thread| exited(thread.tid(), 0)));
}

#[test]
fn tracees_are_a_threads_own() {
    // R-WAIT-05: with __WNOTHREAD another thread's tracee is not waited for; without it is.
    let (_table, init) = boot();
    let (child, tracer) = stranger(&init);
    let friend = spawn(&tracer);
    trap(&child, TRAP_EXEC);
    for pid in [-1, child.tid() as i32] {
        assert_eq!(wait4(&friend, pid, WNOTHREAD), NO_CHILD);
    }
    let call = friend.begin_wait(&axprocess::WaitRequest::wait4(-1, WALL).unwrap());
    assert_eq!(poll(&call), trapped(&child, TRAP_EXEC));
}

#[test]
fn reparenting_leaves_the_tracer() {
    // R-PTRACE-04: the new parent waits, also for a zombie, until the tracer is done.
    let (_table, init) = boot();
    let [parent, tracer] = [fork(&init), fork(&init)];
    let [living, zombie] = [fork(&parent), fork(&parent)];
    seize(&tracer, &living);
    seize(&tracer, &zombie);
    exit(&zombie, 1);
    exit(&parent, 0);
    assert_eq!(wait4(&init, zombie.tid() as i32, 0), Waited::Nothing);
    exit(&living, 2);
    assert_eq!(wait4(&tracer, living.tid() as i32, 0), exited(living.tid(), 2));
    assert_eq!(wait4(&init, living.tid() as i32, 0), exited(living.tid(), 2));
    exit(&tracer, 0);
    assert_eq!(wait4(&init, zombie.tid() as i32, 0), exited(zombie.tid(), 1));
}

#[test]
fn a_tracers_exit_lets_its_tracees_go() {
    // R-PTRACE-05: those with EXITKILL are killed; a stopped one is told, and is in its group's stop again. More than one hold's worth.
    let (table, init) = boot();
    let tracer = fork(&init);
    let doomed = fork(&init);
    tracer.attach(doomed.tid().cast_signed(), TraceStart::Seize, TraceOptions::EXIT_KILL).unwrap();
    let asleep = fork(&init);
    seize(&tracer, &asleep);
    stop_all(&asleep);
    trap(&asleep, EVENT_STOP | 19);
    let many: Vec<_> = (0..200).map(|_| fork(&init)).collect();
    many.iter().for_each(|thread| seize(&tracer, thread));
    events(&table);
    exit(&tracer, 0);
    let told = events(&table);
    let killed = Event::ThreadPosted(doomed.tid(), 9, SignalCause::Kernel);
    assert_eq!(told.iter().filter(|&&event| event == killed).count(), 1);
    let changed = told.iter().filter(|event| matches!(event, Event::TracingChanged(_))).count();
    assert_eq!(changed, 202);
    assert!(many.iter().chain([&doomed, &asleep]).all(|thread| thread.tracer().is_none()));
    assert_eq!(asleep.join_stop(), axprocess::ThreadStop::Joined);
    assert_eq!(wait4(&init, asleep.tid() as i32, WUNTRACED), stopped(&asleep));
    assert!(table.audit().longest_hold <= 64);
}

#[test]
fn options_can_change_while_the_tracee_is_stopped() {
    // R-PTRACE-05: PTRACE_SETOPTIONS; ESRCH while it runs. They replace those before, and who is let go has none.
    let (table, init) = boot();
    let (child, tracer) = stranger(&init);
    let tracing = || child.read(|view| view.tracing(&child));
    let set = |options| tracer.set_trace_options(child.tid().cast_signed(), options);
    assert_eq!(set(TraceOptions::EXIT_KILL), Err(Errno::ESRCH));
    assert_eq!(tracing(), Some((TraceStart::Seize, TraceOptions::empty())));
    trap(&child, TRAP_EXEC);
    for options in [TraceOptions::FORK | TraceOptions::EXIT, TraceOptions::EXIT_KILL] {
        assert_eq!(set(options), Ok(()));
        assert_eq!(tracing(), Some((TraceStart::Seize, options)));
    }
    events(&table);
    exit(&tracer, 0);
    assert_eq!(tracing(), None);
    assert!(events(&table).contains(&Event::ThreadPosted(child.tid(), 9, SignalCause::Kernel)));
}

#[test]
fn children_of_a_tracee_can_be_traced_from_the_beginning() {
    // ptrace_init_task: the same tracer, the same options; nobody without a tracer, and nobody twice.
    let (table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    let options = TraceOptions::EXIT_KILL | TraceOptions::CLONE;
    tracer.attach(child.tid().cast_signed(), TraceStart::Seize, options).unwrap();
    let [grandchild, thread] = [fork(&child), spawn(&child)];
    let tracing = |thread: &KernelThread| thread.read(|view| view.tracing(thread));
    assert_eq!([&grandchild, &init].map(&tracing), [None, None]);
    assert_eq!(grandchild.inherit_tracer(&child).unwrap(), Some(TraceStart::Seize));
    assert_eq!(tracing(&grandchild), Some((TraceStart::Seize, options)));
    assert_eq!(grandchild.inherit_tracer(&child).unwrap(), None);
    assert_eq!(thread.inherit_tracer(&child).unwrap(), Some(TraceStart::Seize));
    assert_eq!(fork(&init).inherit_tracer(&init).unwrap(), None);
    let (other_table, other) = boot();
    assert_eq!(other.inherit_tracer(&child).unwrap(), None, "another table");
    drop(other_table);
    events(&table);
    exit(&tracer, 0);
    assert_eq!(posted(&table).len(), 2, "one kill decides the exit of the child and its thread");
}

#[test]
fn a_traced_thread_leaves_a_zombie() {
    // R-PTRACE-06, R-WAIT-07: its tracer waits for it by its number, with its own code, or with its process's once that is decided; and its process waits with it.
    let (table, init) = boot();
    let child = fork(&init);
    let thread = spawn(&child);
    let tid = thread.tid();
    seize(&init, &thread);
    exit(&thread, 5);
    assert_eq!(signals(&table), [Event::Signal(1, 17, tid, WaitStatus::Exited(5))]);
    assert_eq!(waitid(&init, 1, tid as i32, WEXITED | WNOWAIT | WALL), exited(tid, 5));
    drop(thread);
    assert_eq!(waitid(&init, 1, tid as i32, WEXITED | WNOWAIT | WALL), exited(tid, 5));
    exit(&child, 6);
    assert_eq!(signals(&table), [], "the process is not whole");
    assert_eq!(wait4(&init, child.tid() as i32, 0), Waited::Nothing);
    assert_eq!(child.process().threads().unwrap().len(), 0);
    events(&table);
    assert_eq!(wait4(&init, tid as i32, 0), exited(tid, 6));
    assert_eq!(signals(&table), [Event::Signal(1, 17, child.tid(), WaitStatus::Exited(6))]);
    assert!(table.find_thread(tid).is_none(), "its number is free");
    assert_eq!(wait4(&init, -1, 0), exited(child.tid(), 6));
}

#[test]
fn a_dead_thread_whose_tracer_exits_is_gone() {
    // R-PTRACE-06, R-PTRACE-05: and the process that waited with it ends.
    let (table, init) = boot();
    let [child, tracer] = [fork(&init), fork(&init)];
    let thread = spawn(&child);
    let tid = thread.tid();
    seize(&tracer, &thread);
    exit(&thread, 0);
    exit(&child, 1);
    assert_eq!(wait4(&init, child.tid() as i32, 0), Waited::Nothing);
    exit(&tracer, 0);
    assert!(table.find_thread(tid).is_none());
    assert_eq!(wait4(&init, child.tid() as i32, 0), exited(child.tid(), 1));
}

#[test]
fn an_exec_in_one_call_waits_for_no_tracer() {
    // R-EXEC-01: the zombie of a traced thread, and that of a traced leader, give way to the thread that execs; their tracer is woken. Linux waits for the thread: that is `begin_exec`'s.
    let (table, init) = boot();
    let [child, tracer] = [fork(&init), fork(&init)];
    let [sibling, heir] = [spawn(&child), spawn(&child)];
    seize(&tracer, &sibling);
    seize(&tracer, &child);
    let tid = sibling.tid();
    exit(&sibling, 0);
    exit(&child, 0);
    events(&table);
    heir.exec().unwrap();
    assert!(events(&table).contains(&Event::Wake(tracer.tid())));
    assert!(table.find_thread(tid).is_none());
    assert_eq!(wait4(&tracer, -1, 0), NO_CHILD);
    exit(&heir, 8);
    assert_eq!(wait4(&init, heir.tid() as i32, 0), exited(heir.tid(), 8));
}

#[test]
fn a_tracer_keeps_its_tracees_through_exec() {
    // R-EXEC-01: a thread that takes the leader's place stays the tracer of its own, and the tracee of its tracer.
    let (_table, init) = boot();
    let [child, watcher, target] = std::array::from_fn(|_| fork(&init));
    let thread = spawn(&child);
    seize(&child, &watcher);
    seize(&thread, &target);
    seize(&init, &thread);
    thread.exec().unwrap();
    assert!(watcher.tracer().is_none(), "the old leader is gone");
    assert!(ARef::ptr_eq(&target.tracer().unwrap(), &thread));
    trap(&thread, TRAP_EXEC);
    assert_eq!(wait4(&init, -1, 0), trapped(&thread, TRAP_EXEC), "by its new number");
    trap(&target, TRAP_EXEC);
    assert_eq!(wait4(&thread, -1, 0), trapped(&target, TRAP_EXEC));
}

#[test]
fn b37_a_wait_of_the_tracers_sibling_leaves_nothing_stale() {
    // B37: the tracee goes from the tracer's list, whichever thread of it waits.
    let (_table, init) = boot();
    let (child, tracer) = stranger(&init);
    let friend = spawn(&tracer);
    exit(&child, 0);
    assert_eq!(wait4(&friend, -1, 0), exited(child.tid(), 0));
    assert_eq!(wait4(&tracer, -1, 0), NO_CHILD);
    assert_eq!(wait4(&init, child.tid() as i32, 0), exited(child.tid(), 0));
    exit(&tracer, 0);
}

#[test]
fn b45_a_group_stop_is_the_processs() {
    // B45: with __WALL and WUNTRACED the number is the process's, whichever thread is in the stop, and whichever is traced.
    let (_table, init) = boot();
    let child = fork(&init);
    let thread = spawn(&child);
    seize(&fork(&init), &thread);
    stop_all(&child);
    thread.join_stop();
    let all = |pid| wait4(&init, pid, WALL | WUNTRACED | WNOHANG);
    assert_eq!(all(thread.tid() as i32), NO_CHILD);
    assert_eq!(all(-1), stopped(&child));
}

#[test]
fn b46_a_tracer_is_told_when_the_last_thread_dies() {
    // B46: of a traced leader that had died before, and again when its process has; the tracer of another process as well as the parent.
    for traces in [0, 1] {
        let (table, init) = boot();
        let [child, stranger] = [fork(&init), fork(&init)];
        let tracer = if traces == 0 { &init } else { &stranger };
        let thread = spawn(&child);
        seize(tracer, &child);
        events(&table);
        exit(&child, 1);
        assert!(events(&table).contains(&Event::Wake(tracer.tid())));
        assert_eq!(wait4(tracer, child.tid() as i32, 0), Waited::Nothing, "R-WAIT-12");
        assert_eq!(waitid(tracer, 1, child.tid() as i32, WSTOPPED), NO_CHILD);
        events(&table);
        exit(&thread, 2);
        assert!(events(&table).contains(&Event::Wake(tracer.tid())));
        assert_eq!(wait4(tracer, child.tid() as i32, 0), exited(child.tid(), 2));
    }
}

#[test]
fn news_of_a_tracee_wakes_who_waits_for_it() {
    // R-WAIT-09: by its number, thread or process, and with __WNOTHREAD only the tracing thread.
    let (table, init) = boot();
    let [child, tracer] = [fork(&init), fork(&init)];
    let [thread, friend] = [spawn(&child), spawn(&tracer)];
    seize(&tracer, &thread);
    seize(&tracer, &child);
    let token = |waiter: &KernelThread, pid: u32, options| {
        let request = axprocess::WaitRequest::wait4(pid as i32, options).unwrap();
        match waiter.wait(&request) {
            Ok(axprocess::WaitOutcome::NothingYet(token)) => token,
            other => panic!("{other:?}"),
        }
    };
    let of_thread = token(&tracer, thread.tid(), WNOTHREAD);
    let of_child = token(&friend, child.tid(), 0);
    let own_only = {
        seize(&friend, &init);
        token(&friend, init.tid(), WNOTHREAD)
    };
    news(&table);
    trap(&thread, TRAP_EXEC);
    let woken = news(&table);
    let is_woken = |token: &axprocess::WaitToken| woken.iter().any(|news| token.is_woken_by(news));
    assert_eq!([of_thread, of_child, own_only].each_ref().map(is_woken), [true, false, false]);
}

#[test]
fn a_table_with_tracers_can_be_dropped() {
    // Links end with the table: tracers, tracees, dead threads that nobody has reaped.
    let (table, init) = boot();
    let (child, tracer) = stranger(&init);
    let thread = spawn(&child);
    seize(&tracer, &thread);
    seize(&child, &tracer);
    exit(&thread, 0);
    drop(table);
    assert!(child.process().threads().unwrap().is_empty() && thread.tracer().is_none());
    assert!(init.tracer().is_none() && tracer.tracer().is_none());
    drop((init, child, tracer, thread));
}

#[test]
fn exec_by_a_tracee_makes_its_stops_the_processs() {
    // R-STOP-13, R-EXEC-01: a stop that was the real parent's to see is hidden once the thread that the parent traces leads.
    let (_table, init) = boot();
    let child = fork(&init);
    let thread = spawn(&child);
    seize(&init, &thread);
    child.process().report_group_stopped(Signal::SIGSTOP);
    assert!(waitid(&init, 0, 0, WSTOPPED | WNOWAIT).is_event());
    thread.exec().unwrap();
    assert_eq!(wait4(&init, -1, WUNTRACED), Waited::Nothing);
}

#[test]
fn a_tracee_of_the_parent_stands_among_the_children() {
    // R-PTRACE-03, R-WAIT-14: Linux reports it as a child, in the order of births, though it is found among the tracees too.
    let (_table, init) = boot();
    let (traced, ended) = (fork(&init), fork(&init));
    init.attach(traced.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    exit(&ended, 0);
    trap(&traced, TRAP_EXEC);
    assert_eq!(wait4(&init, -1, 0), trapped(&traced, TRAP_EXEC));
    assert_eq!(wait4(&init, -1, 0), exited(ended.tid(), 0));
}

#[test]
fn a_living_tracee_may_stop_for_its_tracer() {
    // R-WAIT-11: so a wait for stops alone has somebody to wait for; a dead leader whose process lives on never stops again.
    let (_table, init) = boot();
    let (child, tracer) = stranger(&init);
    assert_eq!(waitid(&tracer, 0, 0, WSTOPPED | WNOHANG), Waited::Nothing);
    let other = spawn(&child);
    exit(&child, 0);
    assert_eq!(waitid(&tracer, 0, 0, WSTOPPED | WNOHANG), NO_CHILD);
    assert_eq!(waitid(&tracer, 0, 0, WSTOPPED | WEXITED | WNOHANG), Waited::Nothing);
    exit(&other, 0);
    assert!(waitid(&tracer, 0, 0, WEXITED).is_event());
}

#[test]
fn a_leader_in_the_middle_of_its_exit_counts_for_a_wait_for_stops() {
    // R-WAIT-11: until it is dead, and its tracer's wait has nobody else.
    let (_table, init) = boot();
    let (child, tracer) = stranger(&init);
    let other = spawn(&child);
    let mut exit_of_leader = child.begin_exit(ExitStatus::exited(0));
    exit_of_leader.set_exiting();
    assert_eq!(waitid(&tracer, 0, 0, WSTOPPED | WNOHANG), Waited::Nothing);
    exit_of_leader.finish();
    assert_eq!(waitid(&tracer, 0, 0, WSTOPPED | WNOHANG), NO_CHILD);
    exit(&other, 0);
}

#[test]
fn a_wait_for_a_traced_thread_is_not_for_the_next_of_its_number() {
    // R-WAIT-05, R-PTRACE-06: Linux keeps the struct pid, which ends with the thread.
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    let make = || {
        let thread = child.spawn_thread(Number::Exactly(50), ()).unwrap();
        tracer.attach(50, TraceStart::Seize, TraceOptions::empty()).unwrap();
        thread
    };
    let first = make();
    let call = tracer.begin_wait(&WaitRequest::wait4(50, WALL).unwrap());
    assert_eq!(poll(&call), Waited::Nothing);
    exit(&first, 1);
    assert_eq!(wait4(&tracer, 50, WALL), exited(50, 1));
    let second = make();
    assert_eq!(poll(&call), NO_CHILD);
    exit(&second, 2);
    assert_eq!(poll(&call), NO_CHILD);
    assert_eq!(wait4(&tracer, 50, WALL), exited(50, 2));
}

#[test]
fn who_exits_out_of_a_stop_for_its_tracer_does_not_report_it() {
    // R-WAIT-20: a leader that SIGKILL takes out of a stop, before the tracer has waited, while another thread lives on.
    let (_table, init) = boot();
    let (child, tracer) = stranger(&init);
    let other = spawn(&child);
    trap(&child, TRAP_EXEC);
    exit(&child, 0);
    assert_eq!(wait4(&tracer, -1, WNOHANG), Waited::Nothing);
    exit(&other, 3);
    assert_eq!(wait4(&tracer, -1, 0), exited(child.tid(), 3));
}

#[test]
fn a_stop_out_of_a_stop_takes_its_place() {
    // R-STOP-13: as of a tracee that SIGKILL has woken, and that stops once more before it exits.
    const TRAP_EXIT: u16 = 6 << 8 | 5;
    let (_table, init) = boot();
    let (child, tracer) = stranger(&init);
    trap(&child, TRAP_EXEC);
    trap(&child, TRAP_EXIT);
    assert_eq!(wait4(&tracer, -1, 0), trapped(&child, TRAP_EXIT));
    assert!(tracer.resume_tracee(child.tid().cast_signed()).is_ok(), "it sleeps in that stop");
}

#[test]
fn where_one_side_is_missing_nobody_is_traced() {
    // R-PTRACE-05, as if the tracer had exited at once: a process without a parent, and a thread that has exited, which its maker's tracer does not get either.
    let (_table, init) = boot();
    assert_eq!(init.trace_me(), Ok(()));
    assert!(init.tracer().is_none());
    let (child, _tracer) = stranger(&init);
    let gone = spawn(&fork(&init));
    exit(&gone, 0);
    assert_eq!(gone.trace_me(), Ok(()));
    assert_eq!(gone.inherit_tracer(&child).unwrap(), None);
    assert!(gone.tracer().is_none());
}

#[test]
fn a_dead_thread_is_not_asked_to_stop() {
    // R-PTRACE-06, R-STOP-03: it stays in its process until its tracer has reaped it, and no stop waits for it.
    let (table, init) = boot();
    let [child, tracer] = std::array::from_fn(|_| fork(&init));
    let [second, third] = [spawn(&child), spawn(&child)];
    seize(&tracer, &second);
    exit(&second, 0);
    events(&table);
    child.begin_stop(Signal::SIGSTOP, child.process().stop_ticket());
    assert_eq!(events(&table), [Event::StopRequest(third.tid())]);
    assert_eq!(child.join_stop(), ThreadStop::OthersRun);
    assert_eq!(third.join_stop(), ThreadStop::Last);
}

#[test]
fn a_killed_tracee_is_in_no_stop() {
    // R-PTRACE-07, case killed_tracee_is_in_no_stop: by SIGKILL, another thread's exit_group, and its exec: the stop is not reported, read or not, and cannot be continued.
    for way in 0..3 {
        let (_table, init) = boot();
        let [child, tracer] = [fork(&init), fork(&init)];
        let [unread, read] = [spawn(&child), spawn(&child)];
        let [first, second] = [unread.tid(), read.tid()];
        for thread in [&unread, &read] {
            seize(&tracer, thread);
            trap(thread, EVENT_STOP | 5);
        }
        assert_eq!(wait4(&tracer, second as i32, WALL), trapped(&read, EVENT_STOP | 5));
        let exec = match way {
            0 => init.kill(child.tid() as i32, 9).map(|()| None).unwrap(),
            1 => child.process().begin_group_exit(ExitStatus::exited(9)).then_some(None).unwrap(),
            _ => Some(child.begin_exec().unwrap()),
        };
        assert_eq!(wait4(&tracer, -1, WALL | WNOHANG), Waited::Nothing, "{way}");
        for tid in [first, second].map(u32::cast_signed) {
            assert_eq!(tracer.resume_tracee(tid).err(), Some(Errno::ESRCH), "{way}");
            assert_eq!(tracer.detach(tid), Err(Errno::ESRCH), "{way}");
        }
        exit(&unread, 0);
        let status = match way {
            0 => ExitStatus::killed(Signal::SIGKILL),
            1 => ExitStatus::exited(9),
            _ => ExitStatus::exited(0),
        };
        let ended = Waited::Got(first, status.into());
        assert_eq!(wait4(&tracer, -1, WALL), ended, "{way}");
        drop(exec);
    }
}

/// PTRACE_INTERRUPT, and the stop that it asks for.
fn trap_for_job(tracer: &KernelThread, child: &KernelThread) {
    tracer.interrupt_tracee(child.tid().cast_signed()).unwrap();
    assert!(child.attention().contains(Attention::STOP));
    assert_eq!(child.join_stop(), ThreadStop::Trapped);
}

#[test]
fn a_tracer_is_told_of_a_group_stop_as_a_parent_is() {
    // R-PTRACE-08: CLD_STOPPED and the signal of the stop, as long as nobody has waited for that; 0 in no stop. wait tells the code.
    let (table, init) = boot();
    let (child, tracer) = stranger(&init);
    let told = |tracer: &KernelThread| {
        events(&table).into_iter().find(|event| {
            matches!(event, Event::Signal(to, ..) | Event::Posted(to, ..) if *to == tracer.tid())
        })
    };
    let trap = || trap_for_job(&tracer, &child);
    let none =
        Some(Event::Posted(tracer.tid(), 17, SignalCause::ChildStopUndone { pid: child.tid() }));
    let stop = WaitStatus::Stopped(Signal::SIGSTOP);
    let of_stop = Some(Event::Signal(tracer.tid(), 17, child.tid(), stop));
    events(&table);
    trap();
    assert_eq!(told(&tracer), none);
    assert_eq!(wait4(&tracer, -1, 0), trapped(&child, EVENT_STOP | 5));
    child.begin_stop(Signal::SIGSTOP, child.process().stop_ticket());
    trap();
    assert_eq!(told(&tracer), of_stop);
    assert!(child.process().is_stopped(), "it has taken part");
    trap();
    assert_eq!(told(&tracer), of_stop);
    assert_eq!(wait4(&init, child.tid() as i32, WUNTRACED), stopped(&child));
    trap();
    assert_eq!(told(&tracer), none);
}

#[test]
fn the_tracing_thread_is_asked_first() {
    // R-PTRACE-08: the signal is for the tracer's process, and addressed to the thread that traces.
    let (table, init) = boot();
    let [child, tracer] = [fork(&init), fork(&init)];
    let thread = spawn(&tracer);
    seize(&thread, &child);
    addressed(&table);
    trap(&child, TRAP_EXEC);
    exit(&child, 0);
    assert_eq!(addressed(&table), [(thread.tid(), 17); 2]);
}

#[test]
fn the_tracer_of_the_leader_is_told_of_a_continuation() {
    // R-PTRACE-08: besides the parent, and by CLD_CONTINUED; not the parent twice, and no tracer of another thread.
    let (table, init) = boot();
    let (child, tracer) = stranger(&init);
    let thread = spawn(&child);
    seize(&fork(&init), &thread);
    for of_parent in [false, true] {
        if of_parent {
            trap(&child, TRAP_EXEC);
            tracer.detach(child.tid().cast_signed()).unwrap();
            seize(&init, &child);
        }
        child.process().report_group_stopped(Signal::SIGSTOP);
        child.process().note_signal_sent(Signal::SIGCONT);
        events(&table);
        child.notify_parent_if_continued();
        let told = |to: u32| Event::Signal(to, 17, child.tid(), WaitStatus::Continued);
        let expected = if of_parent { vec![told(1)] } else { vec![told(1), told(tracer.tid())] };
        assert_eq!(signals(&table), expected);
    }
}

#[test]
fn a_tracer_sees_signals_before_they_act() {
    // R-PTRACE-09: what is sent to a traced thread, or to a process by its number, is neither dropped nor ends anybody before; SIGKILL does. A dead leader counts.
    let (table, init) = boot();
    let ends = |thread: &KernelThread, signal| {
        init.kill(thread.process().pid() as i32, signal).unwrap();
        thread.process().is_group_exiting()
    };
    let usual = |thread: &KernelThread| {
        act(thread.process(), SignalAction::Default, &[Signal::SIGTERM]);
        act(thread.process(), SignalAction::Ignore, &[Signal::SIGHUP]);
    };
    let (child, tracer) = stranger(&init);
    usual(&child);
    events(&table);
    assert!(!ends(&child, 15) && !ends(&child, 1));
    assert_eq!(posted(&table).len(), 2);
    assert!(ends(&child, 9));
    let other = fork(&init);
    let thread = spawn(&other);
    usual(&other);
    seize(&tracer, &thread);
    init.tkill(thread.tid() as i32, 15).unwrap();
    assert!(!other.process().is_group_exiting(), "the addressed thread is traced");
    assert!(ends(&other, 15), "the leader is not");
    let dead = fork(&init);
    let heir = spawn(&dead);
    usual(&dead);
    seize(&tracer, &dead);
    exit(&dead, 0);
    assert!(!ends(&heir, 15));
}

#[test]
fn a_tracee_that_runs_in_a_group_stop_takes_signals() {
    // R-PTRACE-09, R-STOP-08: of a stopped process the one thread that its tracer has resumed can take what ends it; in its ptrace-stop it cannot.
    for resumed in [false, true] {
        let (_table, init) = boot();
        let [child, tracer] = [fork(&init), fork(&init)];
        let thread = spawn(&child);
        act(child.process(), SignalAction::Default, &[Signal::SIGTERM]);
        seize(&tracer, &thread);
        stop_all(&child);
        assert_eq!(thread.join_stop(), ThreadStop::Trapped);
        assert!(child.process().is_stopped());
        if resumed {
            tracer.resume_tracee(thread.tid().cast_signed()).unwrap();
        }
        init.kill(child.tid() as i32, 15).unwrap();
        assert_eq!(child.process().is_group_exiting(), resumed);
    }
}

#[test]
fn who_listens_is_not_to_be_seen_in_its_stop() {
    // R-PTRACE-10: neither by wait nor by other requests, until it stops anew; PTRACE_INTERRUPT needs no stop.
    let (_table, init) = boot();
    let (child, tracer) = stranger(&init);
    let tid = child.tid().cast_signed();
    assert_eq!(tracer.listen_to_tracee(tid), Err(Errno::ESRCH));
    assert!(tracer.tracee(tid).is_ok() && tracer.stopped_tracee(tid).is_err());
    assert_eq!(init.tracee(tid).err(), Some(Errno::ESRCH));
    let (dead, its_tracer) = stranger(&init);
    exit(&dead, 0);
    assert!(its_tracer.tracee(dead.tid().cast_signed()).is_ok(), "a zombie is a tracee");
    trap_for_job(&tracer, &child);
    assert!(tracer.stopped_tracee(tid).is_ok());
    assert_eq!(tracer.listen_to_tracee(tid), Ok(()));
    assert_eq!(wait4(&tracer, -1, WNOHANG), Waited::Nothing);
    let requests = [
        tracer.resume_tracee(tid).err(),
        tracer.detach(tid).err(),
        tracer.listen_to_tracee(tid).err(),
        tracer.stopped_tracee(tid).err(),
    ];
    assert_eq!(requests, [Some(Errno::ESRCH); 4]);
    assert!(tracer.tracee(tid).is_ok());
    trap_for_job(&tracer, &child);
    assert_eq!(wait4(&tracer, -1, 0), trapped(&child, EVENT_STOP | 5));
    assert!(tracer.resume_tracee(tid).is_ok());
}

#[test]
fn a_dying_tracer_lets_go_before_its_children_move() {
    // R-PTRACE-05: so a zombie of its own that it traces, and does not care about, vanishes with it.
    let (table, init) = boot();
    let parent = fork(&init);
    treat_sigchld(parent.process(), ChildSignalAction::IGNORE);
    let child = fork(&parent);
    child.trace_me().unwrap();
    exit(&child, 0);
    assert!(table.find_process(child.tid()).is_some());
    exit(&parent, 0);
    assert!(table.find_process(child.tid()).is_none());
}

#[test]
fn stat_shows_the_code_of_a_stop_that_nobody_has_read() {
    // R-PROC-05: of the leader's ptrace-stop, also while it listens; 0 when its tracer has waited.
    let (table, init) = boot();
    let (child, tracer) = stranger(&init);
    let code = || child.process().stat(table.namespace()).unwrap().exit_code;
    trap_for_job(&tracer, &child);
    tracer.listen_to_tracee(child.tid().cast_signed()).unwrap();
    assert_eq!(code(), 0x8005);
    trap(&child, TRAP_EXEC);
    assert_eq!(code(), 0x405);
    assert!(wait4(&tracer, -1, 0).is_event());
    assert_eq!(code(), 0);
}

#[test]
fn a_stranger_gets_the_exit_signal_of_a_leader_that_died_first() {
    // R-PTRACE-08, R-NOTIFY-06: SIGCHLD at its own end, and at that of the process its exit signal; SIGCHLD if the tracer has exec'd since, by its own count.
    for (died_first, execs, last) in [(true, false, 10), (false, false, 17), (true, true, 17)] {
        let (table, init) = boot();
        let request = ForkRequest { exit_signal: Signal::SIGUSR1.into(), ..Default::default() };
        let child = fork_with(&init, request).unwrap();
        let tracer = fork(&init);
        if execs {
            tracer.exec().unwrap();
        }
        seize(&tracer, &child);
        let thread = spawn(&child);
        events(&table);
        let order = if died_first { [&child, &thread] } else { [&thread, &child] };
        order.into_iter().for_each(|it| exit(it, 0));
        let told = signals(&table);
        let end = Event::Signal(tracer.tid(), last, child.tid(), WaitStatus::Exited(0));
        assert_eq!(told.last(), Some(&end));
        assert_eq!(told.len(), 1 + usize::from(died_first));
    }
}

#[test]
fn a_tracer_waits_for_a_thread_by_its_handle() {
    // R-PIDFD-07, R-PTRACE-06: waitid takes the pidfd of a traced thread, as long as that is one; ECHILD for a thread that is not traced, and for who does not trace it.
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    let thread = spawn(&child);
    let handle = thread.handle().unwrap();
    let wait = |caller: &KernelThread| {
        let found = |_| Ok((handle.clone(), axprocess::PidfdMode::Blocking));
        let request = WaitRequest::waitid_pidfd(3, WEXITED | WNOHANG | WALL, found).unwrap();
        poll(&caller.begin_wait(&request))
    };
    assert_eq!(wait(&tracer), NO_CHILD);
    seize(&tracer, &thread);
    assert_eq!([wait(&tracer), wait(&init)], [Waited::Nothing, NO_CHILD]);
    exit(&thread, 4);
    assert_eq!(wait(&tracer), exited(thread.tid(), 4));
    assert_eq!(wait(&tracer), NO_CHILD);
}

#[test]
fn who_got_another_number_in_exec_takes_requests_when_that_is_read() {
    // R-PTRACE-11: ESRCH until the tracer has waited for the event; not for a leader, whose number stays, nor in any other stop.
    for (leads, code, answers) in
        [(false, TRAP_EXEC, false), (false, 10, true), (true, TRAP_EXEC, true)]
    {
        let (_table, init) = boot();
        let child = fork(&init);
        let caller = if leads { ARef::clone(&child) } else { spawn(&child) };
        let number = child.tid().cast_signed();
        seize(&init, &caller);
        caller.exec().unwrap();
        trap(&caller, code);
        assert_eq!(init.stopped_tracee(number).is_ok(), answers);
        assert_eq!(wait4(&init, -1, 0), trapped(&caller, code));
        assert!(init.resume_tracee(number).is_ok());
    }
}

#[test]
fn a_dying_tracer_is_told_of_before_the_end_that_it_has_held_up() {
    // R-PTRACE-05, R-PTRACE-06: the parent of both hears of the tracer first, then of the process whose dead thread that has let go.
    let (table, init) = boot();
    let [child, tracer] = [fork(&init), fork(&init)];
    let threads = [spawn(&child), spawn(&child)];
    for thread in &threads {
        seize(&tracer, thread);
        exit(thread, 0);
    }
    exit(&child, 4);
    events(&table);
    exit(&tracer, 5);
    let told = |of: &KernelThread, code| {
        Event::Signal(1, 17, of.process().pid(), WaitStatus::Exited(code))
    };
    assert_eq!(signals(&table), [told(&tracer, 5), told(&child, 4)]);
}

#[test]
fn a_dying_tracer_is_told_of_before_the_namespace_that_it_has_held_up() {
    // R-PTRACE-05, R-NS-20: by then that namespace's init has got another parent, who does care.
    let (_table, init) = boot();
    let tracer = fork(&init);
    treat_sigchld(tracer.process(), ChildSignalAction::IGNORE);
    let new = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    let space_init = fork_with(&tracer, new).unwrap();
    let member = fork(&space_init);
    let number = member.tid_in(&tracer.process().namespace());
    tracer.attach(number.cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    exit(&space_init, 0);
    exit(&member, 0);
    assert!(!space_init.process().has_ended());
    exit(&tracer, 5);
    assert_eq!(space_init.process().state(), ProcessState::Zombie);
}
