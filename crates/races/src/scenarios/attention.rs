//! The attention word against whoever sets it: who runs on with an empty one, or sleeps in a stop, is kicked behind that look by whatever it has not seen.

use axprocess::{
    ARef, Attention, ExitStatus, Signal, StopDecision, ThreadStop, TraceOptions, TraceStart,
};

use super::both;
use crate::Explorer;
use crate::kernel::{Table, Thread, boot, exit, fork, kicks, look, spawn_thread, watch_kicks};

/// Where a thread is when it has done all that was wanted of it, with the kicks that it had had when it looked last.
enum Rest {
    /// It runs in user space.
    Runs(usize),
    /// It sleeps in a stop.
    Sleeps(usize),
    Gone,
}

/// The kicks so far: what comes behind has the thread look again. Others may go on before and behind.
fn take_kicks<E: Explorer>(table: &Table<E>, thread: &Thread<E>) -> usize {
    look(table);
    let seen = kicks(table, thread);
    look(table);
    seen
}

/// The loop before a thread returns to user space.
fn prepare_return<E: Explorer>(table: &Table<E>, thread: &Thread<E>) -> Rest {
    loop {
        let seen = take_kicks(table, thread);
        let wanted = thread.attention();
        if wanted.is_empty() {
            return Rest::Runs(seen);
        } else if wanted.contains(Attention::EXIT) {
            E::does("exit_thread()", || thread.exit_thread(ExitStatus::exited(0)));
            return Rest::Gone;
        } else if wanted.contains(Attention::STOPPED) && !thread.is_stopped() {
            E::does("notify_parent_if_continued()", || thread.notify_parent_if_continued());
        } else if wanted.intersects(Attention::STOP | Attention::STOPPED) {
            E::does("join_stop()", || thread.join_stop());
            let seen = take_kicks(table, thread);
            if thread.is_stopped() {
                return Rest::Sleeps(seen);
            }
        } else {
            thread.remove_attention(Attention::HOST);
            look(table);
        }
    }
}

/// Whoever rests, and should not, has been kicked.
fn assert_no_kick_is_lost<E: Explorer>(table: &Table<E>, thread: &Thread<E>, rest: &Rest) {
    let (is_wanted, seen) = match rest {
        Rest::Runs(seen) => (!thread.attention().is_empty(), *seen),
        Rest::Sleeps(seen) => (!thread.is_stopped(), *seen),
        Rest::Gone => return,
    };
    assert!(!is_wanted || kicks(table, thread) > seen, "{:?} is lost", thread.attention());
}

/// One thread comes back to user space again and again, until nothing is left, while another makes that call.
fn against<E: Explorer>(
    thread: Thread<E>,
    table: &Table<E>,
    setter: impl FnOnce() + Send + 'static,
) -> Thread<E> {
    watch_kicks(table);
    let (thread, rest) = {
        let table = Table::<E>::clone(table);
        let returns = move || {
            let rest = prepare_return(&table, &thread);
            (thread, rest)
        };
        both::<E, _, _>(returns, setter).0
    };
    assert_no_kick_is_lost(table, &thread, &rest);
    let mut rest = rest;
    // The kick has it look again.
    while let Rest::Runs(seen) | Rest::Sleeps(seen) = rest
        && kicks(table, &thread) > seen
    {
        rest = prepare_return(table, &thread);
    }
    thread
}

/// SIGKILL: the thread exits.
pub fn attention_against_a_kill<E: Explorer>() {
    let (table, init) = boot::<E>();
    let worker = fork(&init);
    let worker = against(worker, &table, move || {
        E::does("kill(2, SIGKILL)", || init.kill(2, 9)).unwrap();
    });
    assert!(worker.process().has_ended());
}

/// Another thread begins an exec, and gives it up: this one exits all the same.
pub fn attention_against_an_exec<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let other = ARef::clone(&second);
    let leader = against(leader, &table, move || {
        drop(E::does("begin_exec()", || second.begin_exec()).unwrap());
    });
    assert!(leader.attention().contains(Attention::EXIT) && other.attention().is_empty());
    assert_eq!(leader.process().threads().map(|left| left.len()), Ok(1));
}

/// A group stop that another thread begins: this one joins it, and with that it is complete.
pub fn attention_against_a_stop<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let leader = against(leader, &table, move || {
        let ticket = second.process().stop_ticket();
        let decided = E::does("begin_stop()", || second.begin_stop(Signal::SIGSTOP, ticket));
        assert_eq!(decided, StopDecision::Stop);
        E::does("join_stop() of the other", || second.join_stop());
    });
    assert!(leader.is_stopped() && leader.process().is_stopped());
}

/// A thread that stops, and SIGCONT: it runs in the end, and its parent has been told.
pub fn attention_against_a_continuation<E: Explorer>() {
    let (table, init) = boot::<E>();
    let worker = fork(&init);
    let ticket = worker.process().stop_ticket();
    assert_eq!(worker.begin_stop(Signal::SIGSTOP, ticket), StopDecision::Stop);
    let worker = against(worker, &table, move || {
        E::does("kill(2, SIGCONT)", || init.kill(2, 18)).unwrap();
    });
    assert!(!worker.is_stopped() && worker.attention().is_empty());
}

/// A thread that stops with its group, and a tracer that comes: in the end it sleeps in a stop that the tracer can read.
pub fn attention_against_a_tracer<E: Explorer>() {
    let (table, init) = boot::<E>();
    let worker = fork(&init);
    let tracer = fork(&init);
    let ticket = worker.process().stop_ticket();
    assert_eq!(worker.begin_stop(Signal::SIGSTOP, ticket), StopDecision::Stop);
    let asks = ARef::clone(&tracer);
    let worker = against(worker, &table, move || {
        let seized = E::does("attach(2)", || {
            tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).map(drop)
        });
        assert_eq!(seized, Ok(()));
    });
    assert!(worker.is_stopped() && asks.stopped_tracee(2).is_ok());
}

/// A tracee in a group stop, whose tracer exits: it sleeps on, in that.
pub fn attention_against_the_exit_of_a_tracer<E: Explorer>() {
    let (table, init) = boot::<E>();
    let worker = fork(&init);
    let tracer = fork(&init);
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    let ticket = worker.process().stop_ticket();
    assert_eq!(worker.begin_stop(Signal::SIGSTOP, ticket), StopDecision::Stop);
    let worker = against(worker, &table, move || E::does("exit()", || exit(&tracer, 0)));
    assert!(worker.is_stopped() && worker.tracer().is_none());
}

/// PTRACE_INTERRUPT: in the end the thread sleeps in a stop that its tracer can read.
pub fn attention_against_an_interruption<E: Explorer>() {
    let (table, init) = boot::<E>();
    let (worker, tracer) = (fork(&init), fork(&init));
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    let asks = ARef::clone(&tracer);
    let worker = against(worker, &table, move || {
        E::does("interrupt_tracee(2)", || tracer.interrupt_tracee(2)).unwrap();
    });
    assert!(worker.is_stopped() && asks.stopped_tracee(2).is_ok());
}

/// SIGCONT to a thread that was seized and runs: it stops to show that.
pub fn attention_of_a_seized_thread_against_a_continuation<E: Explorer>() {
    let (table, init) = boot::<E>();
    let (worker, tracer) = (fork(&init), fork(&init));
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    let worker = against(worker, &table, move || {
        E::does("kill(2, SIGCONT)", || init.kill(2, 18)).unwrap();
    });
    assert!(worker.is_stopped() && tracer.stopped_tracee(2).is_ok());
}

/// A tracee that runs in a group stop, while another begins that anew: it stops once more.
pub fn attention_against_a_stop_that_begins_anew<E: Explorer>() {
    let (table, init) = boot::<E>();
    let (leader, tracer) = (fork(&init), fork(&init));
    let second = spawn_thread(&leader);
    let stop = |thread: &Thread<E>| {
        let ticket = thread.process().stop_ticket();
        E::does("begin_stop()", || thread.begin_stop(Signal::SIGSTOP, ticket))
    };
    let threads = [&leader, &second];
    for thread in threads {
        tracer
            .attach(thread.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty())
            .unwrap();
    }
    stop(&leader);
    for thread in threads {
        thread.join_stop();
        tracer.resume_tracee(thread.tid().cast_signed()).unwrap();
    }
    let leader = against(leader, &table, move || assert_eq!(stop(&second), StopDecision::Stop));
    assert!(leader.is_stopped() && tracer.stopped_tracee(2).is_ok());
}

/// A tracer that lets its tracee listen, and SIGCONT: the tracee does not sleep on.
pub fn listening_against_a_continuation<E: Explorer>() {
    let (table, init) = boot::<E>();
    let (worker, tracer) = (fork(&init), fork(&init));
    tracer.attach(2, TraceStart::Seize, TraceOptions::empty()).unwrap();
    tracer.interrupt_tracee(2).unwrap();
    worker.join_stop();
    watch_kicks(&table);
    let seen = take_kicks(&table, &worker);
    both::<E, _, _>(
        move || E::does("listen_to_tracee(2)", || tracer.listen_to_tracee(2)).unwrap(),
        move || E::does("kill(2, SIGCONT)", || init.kill(2, 18)).unwrap(),
    );
    assert!(!worker.is_stopped() && kicks(&table, &worker) > seen);
    assert_eq!(worker.join_stop(), ThreadStop::Trapped);
}

/// A bit of the kernel's own, set where a signal is posted: it is cleared before what it announces is looked for, so none is lost.
pub fn attention_against_a_signal<E: Explorer>() {
    let (table, init) = boot::<E>();
    let worker = fork(&init);
    let worker = against(worker, &table, move || {
        E::does("kill(2, SIGUSR1)", || init.kill(2, 10)).unwrap();
    });
    assert!(worker.attention().is_empty());
}

/// A thread that is created while its process is being stopped: its first look finds the stop.
pub fn attention_of_a_new_thread_against_a_stop<E: Explorer>() {
    let (table, init) = boot::<E>();
    let leader = fork(&init);
    let stops = ARef::clone(&leader);
    watch_kicks(&table);
    let (created, ()) = {
        let table = Table::<E>::clone(&table);
        both::<E, _, _>(
            move || {
                let created = E::does("spawn_thread()", || spawn_thread(&leader));
                let rest = prepare_return(&table, &created);
                (created, rest)
            },
            move || {
                let ticket = stops.process().stop_ticket();
                E::does("begin_stop()", || stops.begin_stop(Signal::SIGSTOP, ticket));
                E::does("join_stop()", || stops.join_stop());
            },
        )
    };
    assert_no_kick_is_lost(&table, &created.0, &created.1);
}
