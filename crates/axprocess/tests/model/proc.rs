//! What /proc shows: one process at one moment, the children of a thread, all processes in turn or at once.

use crate::kernel::*;
use axprocess::{
    ARef, Cursor, ExitStatus, ForkNamespace, ForkRequest, Number, Pid, ProcessStat, RunState,
    Signal, TerminalFile, TerminalKind, TerminalStat, TraceOptions, TraceStart, VforkWait,
};

fn stat(table: &Table, thread: &KernelThread) -> ProcessStat {
    thread.process().stat(table.namespace()).unwrap()
}

fn letter(table: &Table, thread: &KernelThread) -> Option<char> {
    stat(table, thread).state.letter()
}

fn container(parent: &KernelThread) -> KernelThread {
    let new = ForkRequest { namespace: ForkNamespace::New, ..Default::default() };
    fork_with(parent, new).unwrap()
}

#[test]
fn the_state_is_as_far_as_the_model_knows() {
    // R-PROC-01: nothing said of who lives, D in vfork, T stopped, Z dead, a dead leader included; each thread has its own.
    let (table, init) = boot();
    let parent = fork(&init);
    let child = fork(&parent);
    let thread = spawn(&parent);
    assert_eq!((letter(&table, &parent), letter(&table, &child)), (None, None));
    assert_eq!(parent.begin_vfork(&child), VforkWait::Needed);
    assert_eq!(letter(&table, &parent), Some('D'));
    assert_eq!(thread.run_state(), Some(RunState::Live));
    thread.begin_stop(Signal::SIGSTOP, parent.process().stop_ticket());
    thread.join_stop();
    assert_eq!(thread.run_state(), Some(RunState::Stopped));
    assert_eq!(letter(&table, &parent), Some('D'), "R-VFORK-02");
    exit(&child, 0);
    assert_eq!((letter(&table, &child), letter(&table, &parent)), (Some('Z'), None));
    parent.join_stop();
    assert_eq!(letter(&table, &parent), Some('T'));
    exit(&parent, 0);
    assert_eq!(letter(&table, &parent), Some('Z'), "a dead leader of a process that is stopped");
    let states = (parent.run_state(), thread.run_state());
    assert_eq!(states, (Some(RunState::Zombie), Some(RunState::Stopped)));
    let other = fork(&init);
    other.process().report_group_stopped(Signal::SIGTSTP);
    assert_eq!(letter(&table, &other), Some('T'));
    other.process().report_group_continued();
    assert_eq!(letter(&table, &other), None);
}

#[test]
fn a_zombie_keeps_its_relations() {
    // R-PROC-02, R-REPARENT-17: ppid, pgrp, session, exit signal; one thread, or the living ones and the dead leader.
    let (table, init) = boot();
    let parent = fork(&init);
    parent.process().setsid().unwrap();
    let usr1 = ForkRequest { exit_signal: Signal::SIGUSR1.into(), ..Default::default() };
    let child = fork_with(&parent, usr1).unwrap();
    child.process().setpgid(0, 0).unwrap();
    let threads = [spawn(&child), spawn(&child)];
    assert_eq!(stat(&table, &child).threads, 3);
    exit(&child, 1);
    let delayed = stat(&table, &child);
    assert_eq!((delayed.threads, delayed.state), (3, RunState::Zombie));
    threads.iter().for_each(|thread| exit(thread, 2));
    let zombie = stat(&table, &child);
    assert_eq!((zombie.pid, zombie.ppid, zombie.pgrp, zombie.session), (3, 2, 3, 2));
    assert_eq!((zombie.threads, zombie.exit_signal), (1, Signal::SIGUSR1.into()));
    exit(&parent, 0);
    assert_eq!(
        (stat(&table, &child).ppid, stat(&table, &child).exit_signal),
        (1, axprocess::ExitSignal::SIGCHLD)
    );
}

#[test]
fn a_reaped_process_is_not_there_and_an_execd_one_is() {
    // R-PROC-04: by the object, by the walk; exec by a thread keeps the directory, also that of a dead leader.
    let (table, init) = boot();
    let child = fork(&init);
    let thread = spawn(&child);
    exit(&child, 3);
    thread.exec().unwrap();
    let seen = stat(&table, &child);
    assert_eq!((seen.pid, seen.state, seen.threads, seen.exit_code), (2, RunState::Live, 1, 0));
    exit(&thread, 0);
    assert!(table.next_process(table.namespace(), 2).is_some());
    assert!(wait4(&init, 2, 0).is_event());
    assert!(child.process().stat(table.namespace()).is_none());
    assert!(child.process().namespace_numbers(table.namespace()).is_none());
    assert!(child.process().snapshot_tree(table.namespace()).unwrap().is_empty());
    assert!(table.next_process(table.namespace(), 2).is_none());
}

#[test]
fn the_exit_code_is_the_leaders_until_another_is_decided() {
    // R-PROC-05: 0 while it lives, its own when it is dead, then the group's; while stopped the signal until a wait has consumed it.
    let (table, init) = boot();
    let code = |thread: &KernelThread| stat(&table, thread).exit_code;
    let leader = fork(&init);
    let threads: Vec<_> = (0..3).map(|_| spawn(&leader)).collect();
    exit(&threads[0], 1);
    assert_eq!(code(&leader), 0);
    exit(&leader, 2);
    assert_eq!(code(&leader), 2 << 8);
    exit(&threads[1], 3);
    assert_eq!(code(&leader), 2 << 8);
    leader.process().report_group_stopped(Signal::SIGTSTP);
    assert_eq!(code(&leader), 20);
    assert!(wait4(&init, 2, WUNTRACED).is_event());
    assert_eq!(code(&leader), 0);
    leader.process().report_group_continued();
    assert_eq!(code(&leader), 2 << 8);
    leader.process().begin_group_exit(ExitStatus::killed(Signal::SIGTERM));
    assert_eq!(code(&leader), 15);
    exit(&threads[2], 4);
    assert_eq!(code(&leader), 15);
    let alone = fork(&init);
    exit(&alone, 5);
    assert_eq!(code(&alone), 5 << 8);
}

#[test]
fn the_terminal_is_shown_with_its_foreground() {
    // R-TTY-15: to whom has it; the foreground as the viewer sees it, 0 from inside.
    let (table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let terminal = table.new_terminal(TerminalKind::Other, 0x8801, ()).unwrap();
    shell.process().open_terminal(&terminal, TerminalFile::Readable);
    let job = fork(&shell);
    let inner = container(&shell);
    let shown = Some(TerminalStat { device: 0x8801, foreground: 2 });
    assert_eq!((stat(&table, &shell).terminal, stat(&table, &job).terminal), (shown, shown));
    assert_eq!(stat(&table, &init).terminal, None);
    let inside = inner.process().stat(&inner.process().namespace()).unwrap();
    assert_eq!(inside.terminal, Some(TerminalStat { device: 0x8801, foreground: 0 }));
    job.process().setsid().unwrap();
    assert_eq!(stat(&table, &job).terminal, None);
}

#[test]
fn numbers_are_the_viewers() {
    // R-NS-26, R-PID-14: from the viewer's namespace inward; 0 for what has no number there; nothing for who cannot look in.
    let (table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let first = container(&shell);
    let second = container(&first);
    let child = fork(&second);
    let spaces =
        [ARef::from(table.namespace()), first.process().namespace(), second.process().namespace()];
    let lines = |viewer: usize| {
        let numbers = child.process().namespace_numbers(&spaces[viewer]).unwrap();
        [numbers.tgid, numbers.pgid, numbers.sid].map(|line| line.as_slice().to_vec())
    };
    assert_eq!(lines(0), [vec![5, 3, 2], vec![2, 0, 0], vec![2, 0, 0]]);
    assert_eq!(lines(1), [vec![3, 2], vec![0, 0], vec![0, 0]]);
    assert_eq!(lines(2), [vec![2], vec![0], vec![0]]);
    first.process().setpgid(2, 0).unwrap();
    let of_second = second.process().namespace_numbers(&spaces[0]).unwrap();
    assert_eq!(of_second.pgid.as_slice(), [4, 2, 1]);
    let seen = child.process().stat(&spaces[1]).unwrap();
    assert_eq!((seen.pid, seen.ppid, seen.pgrp, seen.session), (3, 2, 0, 0));
    assert_eq!(second.process().stat(&spaces[2]).unwrap().ppid, 0);
    assert!(first.process().stat(&spaces[2]).is_none());
    assert!(first.process().namespace_numbers(&spaces[2]).is_none());
    let (other, _init) = boot();
    assert!(child.process().stat(other.namespace()).is_none(), "a stranger's namespace");
}

#[test]
fn at_the_deepest_level_a_process_has_33_numbers() {
    // R-NS-26, R-CLONE-17.
    let (table, init) = boot();
    let mut deepest = init;
    let mut all = vec![];
    for _ in 0..32 {
        deepest = container(&deepest);
        all.push(deepest.clone());
    }
    let numbers = deepest.process().namespace_numbers(table.namespace()).unwrap();
    let expected: Vec<Pid> = (1..=33).rev().collect();
    assert_eq!(numbers.tgid.as_slice(), expected);
}

#[test]
fn a_threads_children_come_in_wait_order() {
    // R-PROC-03, R-WAIT-14: each thread's own, adopted ones behind, zombies in their place.
    let (_table, init) = boot();
    let leader = fork(&init);
    let thread = spawn(&leader);
    let [a, b] = [fork(&leader), fork(&thread)];
    let [c, d] = [fork(&leader), fork(&thread)];
    exit(&a, 0);
    assert_eq!(pids(&leader.children().unwrap()), [a.tid(), c.tid()]);
    assert_eq!(pids(&thread.children().unwrap()), [b.tid(), d.tid()]);
    let many: Vec<_> = (0..200).map(|_| fork(&thread).tid()).collect();
    assert_eq!(pids(&thread.children().unwrap())[2..], many);
    exit(&leader, 0);
    assert!(leader.children().unwrap().is_empty());
    assert_eq!(pids(&thread.children().unwrap())[202..], [a.tid(), c.tid()]);
    thread.exec().unwrap();
    assert_eq!(pids(&thread.children().unwrap())[202..], [a.tid(), c.tid()]);
}

#[test]
fn readdir_meets_everyone_in_ascending_order() {
    // R-PROC-04, R-PID-14: processes of the viewer's namespace and those inside, zombies too; no threads, no mere groups; others come and go.
    let (table, init) = boot();
    let a = fork(&init);
    a.process().setpgid(0, 0).unwrap();
    let b = fork(&a);
    let threads: Vec<_> = (0..200).map(|_| spawn(&b)).collect();
    let inner = container(&init);
    let child = fork(&inner);
    exit(&a, 0);
    assert!(wait4(&init, 2, 0).is_event(), "number 2 is a group's only");
    let names = |space: &axprocess::PidNamespace<Kernel>| {
        let mut found = vec![];
        let mut from = 0;
        while let Some((pid, process)) = table.next_process(space, from) {
            assert_eq!(process.pid_in(space), pid);
            found.push(pid);
            from = pid + 1;
        }
        found
    };
    let [inner_pid, child_pid] = [&inner, &child].map(|it| it.process().pid_in(table.namespace()));
    assert_eq!(names(table.namespace()), [1, 3, inner_pid, child_pid]);
    assert_eq!(names(&inner.process().namespace()), [1, 2]);
    assert!(table.next_process(table.namespace(), Pid::MAX).is_none());
    let (other, _init) = boot();
    assert!(other.next_process(table.namespace(), 0).is_none());
    assert!(table.audit().longest_hold <= 64, "{:?}", table.audit());
    drop(threads);
}

#[test]
fn a_snapshot_is_the_whole_tree_parents_first() {
    // Race 12: with depths, states and the viewer's numbers; of a subtree too.
    let (table, init) = boot();
    let a = fork(&init);
    let b = fork(&a);
    let of_thread = fork(&spawn(&b));
    let c = fork(&a);
    let d = fork(&init);
    exit(&c, 0);
    let shown = |root: &KernelThread| {
        let entries = root.process().snapshot_tree(table.namespace()).unwrap();
        let shown =
            entries.iter().map(|it| (it.stat.pid, it.depth, it.stat.state == RunState::Zombie));
        shown.collect::<Vec<_>>()
    };
    let subtree = [(a.tid(), false), (b.tid(), false), (of_thread.tid(), false), (c.tid(), true)];
    let depths = [0, 1, 2, 1];
    let expected: Vec<_> =
        subtree.iter().zip(depths).map(|((pid, dead), depth)| (*pid, depth, *dead)).collect();
    assert_eq!(shown(&a), expected);
    let mut whole = vec![(1, 0, false)];
    whole.extend(expected.iter().map(|(pid, depth, dead)| (*pid, depth + 1, *dead)));
    whole.push((d.tid(), 1, false));
    assert_eq!(shown(&init), whole);
    let inner = container(&d);
    assert!(
        init.process().snapshot_tree(&inner.process().namespace()).unwrap().len() == 1,
        "its own only"
    );
}

#[test]
fn no_snapshot_misses_a_process_that_moves() {
    // Race 12: a child is handed back and forth between reapers, others come and go; every snapshot has it exactly once, below its parent.
    let (table, init) = boot();
    table.check_every(std::num::NonZeroU64::new(64).unwrap());
    let reaper = fork(&init);
    reaper.process().become_subreaper();
    let survivors: Vec<_> = (0..20)
        .map(|_| {
            let parent = fork(&reaper);
            (parent.clone(), fork(&parent))
        })
        .collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (parent, _) in &survivors {
                exit(parent, 0);
                drop((0..50).map(|_| fork(&init)).collect::<Vec<_>>());
            }
            exit(&reaper, 0);
        });
        for _ in 0..200 {
            let tree = init.process().snapshot_tree(table.namespace()).unwrap();
            for (_, survivor) in &survivors {
                let met: Vec<_> = tree.iter().filter(|it| it.stat.pid == survivor.tid()).collect();
                assert_eq!(met.len(), 1);
            }
            for (at, entry) in tree.iter().enumerate().skip(1) {
                let parent = tree[..at].iter().rfind(|it| it.depth < entry.depth).unwrap();
                assert_eq!((parent.stat.pid, parent.depth + 1), (entry.stat.ppid, entry.depth));
            }
        }
    });
}

#[test]
fn a_zombie_shows_the_code_of_its_end() {
    // R-PROC-05: the leader's until the last thread has exited, then the process's, also if no group exit has decided it.
    let (table, init) = boot();
    let leader = fork(&init);
    let other = spawn(&leader);
    exit(&leader, 1);
    assert_eq!(stat(&table, &leader).exit_code, 1 << 8);
    exit(&other, 2);
    assert_eq!(stat(&table, &leader).exit_code, 2 << 8);
    assert_eq!(wait4(&init, -1, 0), exited(2, 2));
}

#[test]
fn a_stop_for_a_tracer_has_a_letter_of_its_own() {
    // R-PROC-01: t, also while the process is stopped as a whole.
    let (table, init) = boot();
    let (child, tracer) = (fork(&init), fork(&init));
    tracer.attach(child.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    assert_eq!(letter(&table, &child), None);
    child.trace_stop(Signal::SIGTSTP.into());
    assert_eq!(
        (letter(&table, &child), child.run_state()),
        (Some('t'), Some(RunState::TraceStopped))
    );
    tracer.resume_tracee(child.tid().cast_signed()).unwrap();
    assert_eq!(letter(&table, &child), None);
}

#[test]
fn a_look_for_the_next_process_passes_many_threads_in_one_hold() {
    // R-PROC-04: readdir of /proc looks at up to 64 numbers a hold.
    let (table, init) = boot();
    let _threads: Vec<_> = (0..60).map(|_| spawn(&init)).collect();
    let last = fork(&init);
    let before = table.audit().holds;
    let next = table.next_process(table.namespace(), 2).unwrap();
    let holds = table.audit().holds - before;
    assert_eq!(next.0, last.tid());
    assert!(holds <= 3, "{holds}");
}

#[test]
fn a_processs_directory_has_the_dead_that_are_not_released() {
    // R-PROC-06, R-PROC-01: a dead leader, first; a dead traced thread, in its place; a zombie's leader; nobody of the reaped.
    let (_table, init) = boot();
    let [leader, tracer] = [fork(&init), fork(&init)];
    let [first, traced, last] = std::array::from_fn(|_| spawn(&leader));
    let process = ARef::clone(leader.process());
    let tasks = || -> Vec<_> {
        let tasks = process.tasks().unwrap();
        tasks.iter().map(|it| (it.tid(), it.run_state().unwrap())).collect()
    };
    let (runs, zombie) = (RunState::Live, RunState::Zombie);
    let [one, two, three, four] = [&leader, &first, &traced, &last].map(|thread| thread.tid());
    assert_eq!(tasks(), [one, two, three, four].map(|tid| (tid, runs)));
    tracer.attach(three.cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    exit(&traced, 0);
    exit(&leader, 0);
    let dead = [(one, zombie), (two, runs), (three, zombie), (four, runs)];
    assert_eq!(tasks(), dead);
    assert_eq!(process.threads().unwrap().len(), 2, "of whom two run");
    exit(&first, 0);
    assert_eq!(tasks(), [(one, zombie), (three, zombie), (four, runs)]);
    assert_eq!(first.run_state(), None, "released");
    last.exec().unwrap();
    assert_eq!((tasks(), leader.run_state()), (vec![(one, runs)], None));
    exit(&last, 0);
    assert_eq!(tasks(), [(one, zombie)]);
    assert_eq!(wait4(&init, one as i32, 0), exited(one, 0));
    assert_eq!((tasks(), last.run_state()), (vec![], None));
}

#[test]
fn a_walk_through_a_processs_directory_goes_on_where_it_has_paused() {
    // R-PROC-06, issue 14: next-thread resumes by age: whoever is not released all the while is met once, a dead leader too, however others die and come.
    let (table, init) = boot();
    let leader = fork(&init);
    let process = ARef::clone(leader.process());
    let threads: Vec<_> = (0..200).map(|_| spawn(&leader)).collect();
    exit(&leader, 0);
    let (mut cursor, mut met, mut step) = (Cursor::new(), Vec::new(), 0);
    while !cursor.is_done() {
        table.read(|view| met.extend(view.tasks(&process, &mut cursor).map(|it| it.tid())));
        // The one at which it has paused, and others behind and before it.
        for dead in [64 * (step + 1) - 2, 64 * step + 5, 190 - step] {
            if let Some(thread) = threads.get(dead) {
                exit(thread, 0);
            }
        }
        drop(threads[150].spawn_thread(Number::Next, ()));
        step += 1;
    }
    let stays = |thread: &&KernelThread| thread.run_state().is_some();
    let expected: Vec<_> = threads.iter().filter(stays).map(|thread| thread.tid()).collect();
    assert!(expected.len() > 180 && expected.iter().all(|tid| met.contains(tid)));
    assert_eq!(met.iter().filter(|tid| **tid == leader.tid()).count(), 1);
    let mut once = met.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), met.len(), "nobody twice");
}
