//! The attention word: what sets each bit, and which call clears it.

use crate::kernel::{
    Event, KernelThread, Table, WALL, WUNTRACED, Waited, boot, events, exit, fork, spawn, wait4,
};
use axprocess::{
    Attention, Errno, ExitStatus, Signal, StopDecision, ThreadStop, TraceOptions, TraceStart,
    TraceStop, WaitStatus,
};

const EVENT_STOP: u16 = 128 << 8;

fn tid(thread: &KernelThread) -> i32 {
    thread.tid().cast_signed()
}

/// How the tracer that has seized a thread is shown its stop for a group stop by that signal, or for none by SIGTRAP.
fn event_stop(thread: &KernelThread, signal: u16) -> Waited {
    let stop = TraceStop::new(EVENT_STOP | signal).unwrap();
    Waited::Got(thread.tid(), WaitStatus::Trapped(stop))
}

fn begin_stop(thread: &KernelThread) {
    let ticket = thread.process().stop_ticket();
    assert_eq!(thread.begin_stop(Signal::SIGSTOP, ticket), StopDecision::Stop);
}

/// A job, with the shell that could continue it: terminal stop signals stop it.
fn job() -> (Table, KernelThread, KernelThread, KernelThread) {
    let (table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let job = fork(&shell);
    job.process().setpgid(0, 0).unwrap();
    (table, init, shell, job)
}

/// How often somebody was told of a child or a tracee since the last call.
fn told(table: &Table) -> usize {
    let events = events(table);
    events.iter().filter(|it| matches!(it, Event::Signal(..) | Event::Posted(..))).count()
}

/// Nothing is wanted of a thread that nobody has asked for anything; not even by an ordinary signal.
#[test]
fn nothing_is_wanted_of_an_ordinary_thread() {
    let (_table, init) = boot();
    let child = fork(&init);
    assert_eq!(init.kill(2, 10), Ok(()));
    assert!(child.attention().is_empty() && !child.is_stopped());
}

/// The kernel's own eight bits are its own: it sets and clears those alone.
#[test]
fn a_kernel_sets_its_own_bits_alone() {
    let (_table, init) = boot();
    let child = fork(&init);
    child.add_attention(Attention::all());
    assert_eq!(child.attention(), Attention::HOST & Attention::all());
    child.process().begin_group_exit(ExitStatus::exited(0));
    child.remove_attention(Attention::all());
    assert_eq!(child.attention(), Attention::EXIT);
}

/// R-EXIT-10: every thread of a process whose exit is decided is told so, one that sleeps in a stop too, and sleeps no more.
#[test]
fn a_group_exit_is_announced_to_each_thread() {
    let (_table, init) = boot();
    let leader = fork(&init);
    let second = spawn(&leader);
    begin_stop(&leader);
    assert_eq!(leader.join_stop(), ThreadStop::OthersRun);
    assert!(leader.is_stopped());
    assert_eq!(init.kill(2, 9), Ok(()));
    for thread in [&leader, &second] {
        assert!(thread.attention().contains(Attention::EXIT) && !thread.is_stopped());
    }
}

/// R-EXEC-12: an exec asks the other threads to exit, and goes on asking when it is given up.
#[test]
fn an_exec_that_is_given_up_has_asked_the_others_to_exit() {
    let (_table, init) = boot();
    let leader = fork(&init);
    let second = spawn(&leader);
    drop(second.begin_exec().unwrap());
    assert_eq!(leader.attention(), Attention::EXIT);
    assert!(second.attention().is_empty());
}

/// R-EXIT-21: who dumps core sleeps undisturbed; when the dump is done it has to exit.
#[test]
fn who_has_dumped_core_has_to_exit() {
    let (_table, init) = boot();
    let child = fork(&init);
    let dump = child.begin_core_dump(Signal::SIGSEGV).unwrap();
    assert!(child.attention().is_empty());
    dump.finish(true);
    assert_eq!(child.attention(), Attention::EXIT);
}

/// R-STOP-03, R-NOTIFY-13: each thread is asked to stop, sleeps until SIGCONT, and then looks; the first that does tells the parent.
#[test]
fn a_stop_is_joined_slept_through_and_told_of() {
    let (_table, init) = boot();
    let leader = fork(&init);
    let second = spawn(&leader);
    begin_stop(&second);
    for (thread, answer) in [(&leader, ThreadStop::OthersRun), (&second, ThreadStop::Last)] {
        assert_eq!(thread.attention(), Attention::STOP);
        assert_eq!(thread.join_stop(), answer);
        assert_eq!((thread.attention(), thread.is_stopped()), (Attention::STOPPED, true));
    }
    // Who is woken for nothing sleeps on, and is asked again.
    leader.notify_parent_if_continued();
    assert_eq!((leader.attention(), leader.is_stopped()), (Attention::STOPPED, true));

    assert_eq!(init.kill(2, 18), Ok(()));
    assert!(!leader.is_stopped() && !second.is_stopped());
    second.notify_parent_if_continued();
    assert!(second.attention().is_empty());
    assert_eq!(leader.attention(), Attention::STOPPED);
    leader.notify_parent_if_continued();
    assert!(leader.attention().is_empty());
}

/// R-STOP-06: SIGCONT amid a stop: who has not joined it finds nothing to join, and tells the parent.
#[test]
fn who_comes_to_a_stop_that_is_over_tells_of_it() {
    let (table, init) = boot();
    let leader = fork(&init);
    let second = spawn(&leader);
    begin_stop(&leader);
    leader.join_stop();
    assert_eq!(init.kill(2, 18), Ok(()));
    assert_eq!(second.attention(), Attention::STOP);
    assert_eq!(second.join_stop(), ThreadStop::RunsOn);
    assert_eq!((second.attention(), second.is_stopped()), (Attention::STOPPED, false));
    events(&table);
    second.notify_parent_if_continued();
    assert_eq!(told(&table), 1);
    assert!(second.attention().is_empty());
}

/// R-FORK-13: a thread that is created amid a stop is asked to stop before it runs.
#[test]
fn a_thread_that_is_created_amid_a_stop_is_asked_to_stop() {
    let (_table, init) = boot();
    let leader = fork(&init);
    begin_stop(&leader);
    let second = spawn(&leader);
    assert_eq!(second.attention(), Attention::STOP);
    assert_eq!(second.join_stop(), ThreadStop::OthersRun);
    assert_eq!(leader.join_stop(), ThreadStop::Last);
}

/// R-STOP-13: a tracee joins its group's stop in one for its tracer, who is shown the signal, or the event if it has seized; it sleeps in that alone.
#[test]
fn a_tracee_joins_a_group_stop_in_its_tracers() {
    for (start, code) in [(TraceStart::Attach, 19), (TraceStart::Seize, EVENT_STOP | 19)] {
        let (_table, init) = boot();
        let (child, tracer) = (fork(&init), fork(&init));
        tracer.attach(2, start, TraceOptions::empty()).unwrap();
        begin_stop(&child);
        assert_eq!(child.join_stop(), ThreadStop::Trapped);
        assert!(child.is_stopped());
        let seen = WaitStatus::Trapped(TraceStop::new(code).unwrap());
        assert_eq!(wait4(&tracer, 2, 0), Waited::Got(2, seen));

        tracer.resume_tracee(2).unwrap();
        assert!(!child.is_stopped() && child.process().is_stopped());
        assert!(child.attention().is_empty(), "it runs in a group stop, and is asked nothing");
    }
}

/// R-PTRACE-05: who has lost its tracer, or got one, amid a group stop looks where it has to stop now.
#[test]
fn a_tracer_that_comes_or_goes_has_the_tracee_look_where_it_stops() {
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    begin_stop(&child);
    assert_eq!(child.join_stop(), ThreadStop::Last);
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    assert!(child.attention().contains(Attention::STOP) && !child.is_stopped());
    assert_eq!(child.join_stop(), ThreadStop::Trapped);
    assert!(child.is_stopped());
    tracer.detach(2).unwrap();
    assert!(child.attention().contains(Attention::STOP));
    assert_eq!(child.join_stop(), ThreadStop::Joined);
    assert!(child.is_stopped() && child.process().is_stopped());
}

/// A tracee that its tracer lets go where there is no group stop is asked to look, and runs on.
#[test]
fn who_is_let_go_outside_of_a_group_stop_runs_on() {
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    child.trace_stop(Signal::SIGTRAP.into());
    assert!(child.is_stopped() && child.attention().is_empty());
    tracer.detach(2).unwrap();
    assert_eq!(child.attention(), Attention::STOP);
    assert_eq!(child.join_stop(), ThreadStop::RunsOn);
    assert!(child.attention().is_empty() && !child.is_stopped());
}

/// R-PTRACE-08: SIGCONT while a tracee is trapped with its group: when it is resumed it looks whether its parent is to be told.
#[test]
fn a_continuation_amid_a_trap_is_told_of_behind_it() {
    let (table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    begin_stop(&child);
    child.join_stop();
    wait4(&tracer, 2, 0);
    assert_eq!(init.kill(2, 18), Ok(()));
    assert!(child.is_stopped(), "its tracer has not let it go");
    tracer.resume_tracee(2).unwrap();
    assert_eq!(child.attention(), Attention::STOP | Attention::STOPPED);
    events(&table);
    child.notify_parent_if_continued();
    assert_eq!(told(&table), 2, "as a parent, and as a tracer");
    assert_eq!(child.join_stop(), ThreadStop::Trapped);
    assert_eq!(wait4(&tracer, 2, 0), event_stop(&child, 5), "the notice of the continuation");
    tracer.resume_tracee(2).unwrap();
    child.notify_parent_if_continued();
    assert!(child.attention().is_empty());
}

/// R-PTRACE-07: the stop of its exit event is the one in which a thread that is killed sleeps; it is let go into its exit, also out of a group stop.
#[test]
fn who_is_killed_sleeps_in_its_exit_event_and_no_longer() {
    const EVENT_EXIT: u16 = 6 << 8 | 5;
    for is_group_stopped in [false, true] {
        let (_table, init) = boot();
        let (leader, tracer) = (fork(&init), fork(&init));
        let child = spawn(&leader);
        let tid = child.tid().cast_signed();
        tracer.attach(tid, TraceStart::Seize, TraceOptions::empty()).unwrap();
        if is_group_stopped {
            begin_stop(&child);
            leader.join_stop();
            child.join_stop();
            wait4(&tracer, tid, WALL);
            tracer.resume_tracee(tid).unwrap();
        } else {
            assert_eq!(init.kill(2, 9), Ok(()));
        }
        let exit = child.begin_exit(ExitStatus::exited(0));
        child.trace_stop(TraceStop::new(EVENT_EXIT).unwrap());
        assert!(child.is_stopped());
        tracer.detach(tid).unwrap();
        assert!(!child.is_stopped());
        exit.finish();
    }
}

/// R-PTRACE-08, R-NOTIFY-13: SIGCONT where none but tracees that were let run are in the stop: one of them tells the parent.
#[test]
fn a_tracee_that_runs_in_a_stop_tells_of_its_end() {
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    begin_stop(&child);
    child.join_stop();
    tracer.resume_tracee(2).unwrap();
    assert!(child.attention().is_empty());
    assert_eq!(init.kill(2, 18), Ok(()));
    assert_eq!(child.attention(), Attention::STOP | Attention::STOPPED);
    child.notify_parent_if_continued();
    assert_eq!(child.attention(), Attention::STOP);
    assert_eq!(child.join_stop(), ThreadStop::Trapped);
}

/// R-STOP-14: a tracee that runs in a stop takes another stop signal: all others who are not asleep in it are asked anew, each for its tracer; the report stays.
#[test]
fn a_stop_that_begins_anew_asks_who_runs_in_it() {
    let (_table, init, shell, leader) = job();
    let tracer = fork(&init);
    let (traced, asleep) = (spawn(&leader), spawn(&leader));
    for thread in [&leader, &traced] {
        tracer.attach(tid(thread), TraceStart::Seize, TraceOptions::empty()).unwrap();
    }
    begin_stop(&leader);
    for thread in [&leader, &traced, &asleep] {
        thread.join_stop();
    }
    for thread in [&leader, &traced] {
        wait4(&tracer, tid(thread), WALL);
        tracer.resume_tracee(tid(thread)).unwrap();
        assert!(thread.attention().is_empty());
    }
    let ticket = leader.process().stop_ticket();
    assert_eq!(leader.begin_stop(Signal::SIGTSTP, ticket), StopDecision::Stop);
    assert_eq!(asleep.attention(), Attention::STOPPED);
    for thread in [&traced, &leader] {
        assert_eq!(thread.attention(), Attention::STOP);
        assert_eq!(thread.join_stop(), ThreadStop::Trapped);
        assert_eq!(wait4(&tracer, tid(thread), WALL), event_stop(thread, 20));
    }
    assert!(leader.process().is_stopped());
    assert_eq!(wait4(&shell, 3, WUNTRACED), Waited::Got(3, WaitStatus::Stopped(Signal::SIGSTOP)));
}

/// R-STOP-14: amid a stop the second signal is reported, and the stop awaits once more whom its tracer had let run; who is asked already begins nothing.
#[test]
fn a_stop_that_begins_anew_is_awaited_anew() {
    let (_table, init, shell, leader) = job();
    let tracer = fork(&init);
    let traced = spawn(&leader);
    tracer.attach(tid(&traced), TraceStart::Seize, TraceOptions::empty()).unwrap();
    begin_stop(&traced);
    traced.join_stop();
    tracer.resume_tracee(tid(&traced)).unwrap();
    let ticket = leader.process().stop_ticket();
    assert_eq!(traced.begin_stop(Signal::SIGTSTP, ticket), StopDecision::Stop);
    assert_eq!(leader.begin_stop(Signal::SIGTTIN, ticket), StopDecision::Stop);
    assert_eq!(leader.join_stop(), ThreadStop::OthersRun);
    assert!(!leader.process().is_stopped());
    assert_eq!(traced.join_stop(), ThreadStop::Trapped);
    assert!(leader.process().is_stopped());
    assert_eq!(wait4(&shell, 3, WUNTRACED), Waited::Got(3, WaitStatus::Stopped(Signal::SIGTSTP)));
}

/// R-STOP-14: who gets a tracer in its sleep shows that the signal by which it fell asleep, not the one by which others have begun the stop anew.
#[test]
fn who_slept_through_a_stop_that_began_anew_shows_its_own_signal() {
    let (_table, init, _shell, leader) = job();
    let tracer = fork(&init);
    let traced = spawn(&leader);
    tracer.attach(tid(&traced), TraceStart::Seize, TraceOptions::empty()).unwrap();
    begin_stop(&traced);
    for thread in [&leader, &traced] {
        thread.join_stop();
    }
    tracer.resume_tracee(tid(&traced)).unwrap();
    traced.begin_stop(Signal::SIGTTOU, leader.process().stop_ticket());
    tracer.attach(3, TraceStart::Attach, TraceOptions::empty()).unwrap();
    for (thread, shown) in [(&leader, 19), (&traced, EVENT_STOP | 22)] {
        assert_eq!(thread.join_stop(), ThreadStop::Trapped);
        let shown = WaitStatus::Trapped(TraceStop::new(shown).unwrap());
        assert_eq!(wait4(&tracer, tid(thread), WALL), Waited::Got(thread.tid(), shown));
    }
}

/// R-STOP-15, R-PTRACE-10: SIGCONT has each thread that was seized stop once for its tracer, one that listens too; who was attached is not asked.
#[test]
fn a_continuation_has_who_was_seized_stop_once() {
    let (_table, init) = boot();
    let (leader, tracer) = (fork(&init), fork(&init));
    let (listens, attached) = (spawn(&leader), spawn(&leader));
    for (thread, start) in [
        (&leader, TraceStart::Seize),
        (&listens, TraceStart::Seize),
        (&attached, TraceStart::Attach),
    ] {
        tracer.attach(tid(thread), start, TraceOptions::empty()).unwrap();
    }
    tracer.interrupt_tracee(tid(&listens)).unwrap();
    assert_eq!(listens.join_stop(), ThreadStop::Trapped);
    tracer.listen_to_tracee(tid(&listens)).unwrap();
    assert!(listens.is_stopped());
    assert_eq!(init.kill(2, 18), Ok(()));
    assert!(attached.attention().is_empty());
    for thread in [&leader, &listens] {
        assert!(!thread.is_stopped());
        assert_eq!(thread.attention(), Attention::STOP);
        assert_eq!(thread.join_stop(), ThreadStop::Trapped);
        assert_eq!(wait4(&tracer, tid(thread), WALL), event_stop(thread, 5));
        tracer.resume_tracee(tid(thread)).unwrap();
        assert_eq!(thread.join_stop(), ThreadStop::RunsOn);
    }
}

/// R-STOP-15, R-PTRACE-10: what came while it was in its stop ends its listening at once; where it may not listen that is EIO.
#[test]
fn who_has_something_to_show_does_not_listen() {
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    child.trace_stop(Signal::SIGTRAP.into());
    assert_eq!(tracer.listen_to_tracee(2), Err(Errno::EIO), "no stop for a job");
    tracer.resume_tracee(2).unwrap();
    tracer.interrupt_tracee(2).unwrap();
    child.join_stop();
    assert_eq!(init.kill(2, 18), Ok(()));
    assert!(child.is_stopped());
    assert_eq!(tracer.listen_to_tracee(2), Ok(()));
    assert!(!child.is_stopped());
    assert_eq!(child.join_stop(), ThreadStop::Trapped);

    let attached = fork(&init);
    tracer.attach(tid(&attached), TraceStart::Attach, TraceOptions::empty()).unwrap();
    assert_eq!(tracer.interrupt_tracee(tid(&attached)), Err(Errno::EIO));
    begin_stop(&attached);
    attached.join_stop();
    assert_eq!(tracer.listen_to_tracee(tid(&attached)), Err(Errno::EIO));
    assert_eq!(init.interrupt_tracee(tid(&attached)), Err(Errno::ESRCH));
}

/// Any stop for its tracer is the one that PTRACE_INTERRUPT asks for; SIGCONT's notice waits for one that shows it.
#[test]
fn any_stop_answers_an_interruption() {
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    for (is_notice, then) in [(false, ThreadStop::RunsOn), (true, ThreadStop::Trapped)] {
        match is_notice {
            false => tracer.interrupt_tracee(2).unwrap(),
            true => init.kill(2, 18).unwrap(),
        }
        child.trace_stop(Signal::SIGUSR1.into());
        tracer.resume_tracee(2).unwrap();
        assert_eq!(child.join_stop(), then);
    }
}

/// Who is born as the child of a tracee is asked to stop first of all, if that was seized.
#[test]
fn who_inherits_a_seizer_stops_first() {
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    let born = fork(&child);
    assert_eq!(born.inherit_tracer(&child), Ok(Some(TraceStart::Seize)));
    assert_eq!(born.attention(), Attention::STOP);
    assert_eq!(born.join_stop(), ThreadStop::Trapped);
    assert_eq!(wait4(&tracer, tid(&born), 0), event_stop(&born, 5));
}

/// R-NOTIFY-13: of a continuation all are told who may look first: who was asked to stop for it, who runs, and who has not joined yet; not one who has begun to exit alone.
#[test]
fn whoever_looks_first_tells_of_a_continuation() {
    // The one that was seized is the one that is kicked.
    let (table, init) = boot();
    let (leader, tracer) = (fork(&init), fork(&init));
    let (attached, seized) = (spawn(&leader), spawn(&leader));
    exit(&leader, 0);
    for (thread, start) in [(&attached, TraceStart::Attach), (&seized, TraceStart::Seize)] {
        tracer.attach(tid(thread), start, TraceOptions::empty()).unwrap();
    }
    begin_stop(&seized);
    for thread in [&attached, &seized] {
        thread.join_stop();
        tracer.resume_tracee(tid(thread)).unwrap();
    }
    init.kill(2, 18).unwrap();
    assert!(seized.attention().contains(Attention::STOP | Attention::STOPPED));
    events(&table);
    seized.notify_parent_if_continued();
    assert!(told(&table) > 0);

    // One of very many.
    let (leader, tracer) = (fork(&init), fork(&init));
    let threads: Vec<_> = (0..20).map(|_| spawn(&leader)).collect();
    let all = || threads.iter().chain([&leader]);
    for thread in all() {
        tracer.attach(tid(thread), TraceStart::Seize, TraceOptions::empty()).unwrap();
    }
    begin_stop(&leader);
    all().for_each(|thread| assert_eq!(thread.join_stop(), ThreadStop::Trapped));
    tracer.resume_tracee(tid(&threads[19])).unwrap();
    init.kill(tid(&leader), 18).unwrap();
    assert_eq!(threads[19].attention(), Attention::STOP | Attention::STOPPED);

    // One who was asked, and has got a tracer meanwhile; the leader exits.
    let (leader, tracer) = (fork(&init), fork(&init));
    let thread = spawn(&leader);
    begin_stop(&thread);
    let exit = leader.begin_exit(ExitStatus::exited(0));
    tracer.attach(tid(&thread), TraceStart::Attach, TraceOptions::empty()).unwrap();
    init.kill(tid(&leader), 18).unwrap();
    assert_eq!(thread.join_stop(), ThreadStop::RunsOn);
    assert_eq!(thread.attention(), Attention::STOPPED);
    exit.finish();
}

/// R-NOTIFY-13, R-EXEC-12: a thread that an exec ends tells first; where there is none left that does, who has executed.
#[test]
fn an_exec_does_not_take_the_notice_of_a_continuation_with_it() {
    for begun in [false, true] {
        let (table, init) = boot();
        let (leader, tracer) = (fork(&init), fork(&init));
        let runs = spawn(&leader);
        tracer.attach(tid(&runs), TraceStart::Attach, TraceOptions::empty()).unwrap();
        begin_stop(&leader);
        for thread in [&leader, &runs] {
            thread.join_stop();
        }
        tracer.resume_tracee(tid(&runs)).unwrap();
        let before = begun.then(|| leader.begin_exit(ExitStatus::exited(0)));
        runs.kill(2, 18).unwrap();
        let mut exec = runs.begin_exec().unwrap();
        events(&table);
        match before {
            Some(exit) => exit.finish(),
            None => exit(&leader, 0),
        }
        assert_eq!(told(&table) > 0, !begun);
        assert_eq!(exec.try_finish(), Ok(true));
        assert!(runs.attention().contains(Attention::STOPPED));
        runs.notify_parent_if_continued();
        assert_eq!(told(&table) > 0, begun, "once");
    }
}

/// R-PTRACE-07: who executes is not killed by that: what its tracer asks for meanwhile waits for it.
#[test]
fn who_executes_stops_behind_that_for_its_tracer() {
    let (_table, init) = boot();
    let (leader, tracer) = (fork(&init), fork(&init));
    let thread = spawn(&leader);
    tracer.attach(tid(&thread), TraceStart::Seize, TraceOptions::empty()).unwrap();
    let mut exec = thread.begin_exec().unwrap();
    tracer.interrupt_tracee(tid(&thread)).unwrap();
    exit(&leader, 0);
    assert_eq!(exec.try_finish(), Ok(true));
    assert_eq!(thread.attention(), Attention::STOP);
    assert_eq!(thread.join_stop(), ThreadStop::Trapped);
}

/// R-PTRACE-05: a tracee knows whether its tracer had waited for its stop when it went; a detachment and the next stop settle that anew.
#[test]
fn a_tracee_knows_whether_its_stop_was_read() {
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    let begin = || {
        tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
        child.trace_stop(Signal::SIGTERM.into());
        assert!(!child.was_let_go_unread());
    };
    begin();
    wait4(&tracer, 2, 0);
    tracer.detach(2).unwrap();
    assert!(!child.was_let_go_unread());
    begin();
    tracer.detach(2).unwrap();
    assert!(child.was_let_go_unread());
    begin();
    tracer.resume_tracee(2).unwrap();
    exit(&tracer, 0);
    assert!(!child.was_let_go_unread(), "it was in no stop");
}

/// Who attaches to one that is stopped with its group sees when that has stopped anew; one that is killed, or let go, will not.
#[test]
fn a_tracer_sees_when_its_tracee_has_stopped_anew() {
    for way in 0..3 {
        let (_table, init) = boot();
        let (child, tracer) = (fork(&init), fork(&init));
        begin_stop(&child);
        child.join_stop();
        assert!(!child.is_trapping());
        tracer.attach(2, TraceStart::Attach, TraceOptions::empty()).unwrap();
        assert!(child.is_trapping());
        match way {
            0 => assert_eq!(child.join_stop(), ThreadStop::Trapped),
            1 => init.kill(2, 9).unwrap(),
            _ => exit(&tracer, 0),
        }
        assert!(!child.is_trapping(), "{way}");
    }
}

/// Nobody traces a thread of its own process, nor itself, by way of its maker's tracer either.
#[test]
fn nobody_inherits_a_tracer_of_its_own_process() {
    let (_table, init) = boot();
    let (tracer, child) = (fork(&init), fork(&init));
    let sibling = spawn(&tracer);
    tracer.attach(tid(&child), TraceStart::Seize, TraceOptions::empty()).unwrap();
    for own in [&tracer, &sibling] {
        assert_eq!(own.inherit_tracer(&child), Ok(None));
    }
}

/// An exec in one call releases threads that were stopped with their group: none sleeps on.
#[test]
fn who_is_released_by_an_exec_in_one_call_sleeps_no_more() {
    let (_table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    let (second, third) = (spawn(&child), spawn(&child));
    let tid = second.tid().cast_signed();
    tracer.attach(tid, TraceStart::Seize, TraceOptions::empty()).unwrap();
    begin_stop(&second);
    for thread in [&child, &third, &second] {
        thread.join_stop();
    }
    tracer.resume_tracee(tid).unwrap();
    second.exec().unwrap();
    assert!(!third.is_stopped() && third.attention().contains(Attention::EXIT));
}
