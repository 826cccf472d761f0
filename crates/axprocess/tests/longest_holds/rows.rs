//! The rows of the table: every public call that takes the lock, beside very many of whatever could make it long.

use std::future::Future;
use std::num::NonZeroU64;
use std::pin::pin;
use std::task::{Context, Waker};

use axprocess::{
    CloneRequest, Cursor, ExitSignal, ExitStatus, ForcedAction, ForkParent, ForkRequest, GivenInfo,
    InfoMask, KernelCause, NewTask, Number, PidfdMode, ProcessTable, RebootCommand, Signal,
    SignalScope, StopSignal, TerminalAccess, TerminalFile, TerminalSide, TraceOptions, TraceStart,
    TraceStop, WaitRequest,
};

use super::scene::*;

/// The call, beside what it is made, what may be long about it, and how it is made.
pub(crate) struct Row {
    pub(crate) call: &'static str,
    pub(crate) beside: &'static str,
    pub(crate) bound: Bound,
    pub(crate) run: fn(&Scene) -> usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bound {
    /// 64 objects.
    Batch,
    /// Of the closed list of long holds: this one.
    Closed(&'static str),
}

const GROUP: Bound = Bound::Closed("a signal to a group");
const ALL: Bound = Bound::Closed("a signal to all");
const ORPHANED: Bound = Bound::Closed("a group that really is orphaned");
const SNAPSHOT: Bound = Bound::Closed("the snapshot of the tree");
const MARKS: Bound = Bound::Closed("the marks of all descendants");
const SUBREAPER: Bound = Bound::Closed("an exit below a real subreaper");

const TERM: Signal = Signal::SIGTERM;
const KILL: i32 = 9;

/// `call`, `beside`, and the scene in which it is watched.
macro_rules! rows {
    ($($call:literal, $beside:literal, $bound:expr, |$scene:ident| $run:expr;)+) => {
        &[$(Row { call: $call, beside: $beside, bound: $bound, run: |$scene| $run }),+]
    };
}

/// The shell with very many children in its group, and threads; and each of the calls in it that leaves that as it is.
fn watch_in_crowd(scene: &Scene, call: impl FnOnce(&Thread, &Thread) -> usize) -> usize {
    let children = scene.forks(&scene.shell);
    let _threads = scene.threads(&scene.shell);
    call(&scene.shell, &children[scene.many / 2])
}

macro_rules! in_crowd {
    ($($call:literal: |$scene:ident, $own:ident, $child:ident| $run:expr;)+) => {
        &[$(Row {
            call: $call,
            beside: "children, members, threads",
            bound: Bound::Batch,
            run: |$scene| watch_in_crowd($scene, |$own, $child| {
                let _ = (&$own, &$child);
                $scene.watch(|| $run)
            }),
        }),+]
    };
}

/// What asks, or changes little, in a crowd.
pub(crate) const IN_CROWD: &[Row] = in_crowd! {
    "acquire_terminal": |scene, own, child| own.process().acquire_terminal(&scene.tty, PLAIN);
    "admit_clone, make, prepare, pidfd, pid_seen_by_caller": |scene, own, child| {
        let request = CloneRequest::from_fork();
        for is_made in [true, false] {
            let Ok(NewTask::Process(new)) = own.admit_clone(&request) else { panic!("a fork") };
            let (data, mask) = (Program::default(), Mask::default());
            if is_made {
                new.make(data, mask).unwrap();
            } else {
                let prepared = new.prepare(data, mask).unwrap();
                prepared.pid_seen_by_caller();
                prepared.pidfd(&request).unwrap();
                prepared.publish().unwrap();
            }
        }
    };
    "begin_vfork": |scene, own, child| own.begin_vfork(child);
    "check_terminal_access": |scene, own, child| {
        own.process().check_terminal_access(&scene.tty, TerminalAccess::Read, StopSignal::Effective)
    };
    "children": |scene, own, child| (own.children().unwrap(), own.process().children().unwrap());
    "children_usage": |scene, own, child| own.process().children_usage();
    "contains": |scene, own, child| scene.table.namespace().contains(&own.process().namespace());
    "controlling_terminal": |scene, own, child| child.process().controlling_terminal();
    "create_group": |scene, own, child| child.process().create_group().unwrap();
    "create_session": |scene, own, child| child.process().create_session().unwrap();
    "enter_group": |scene, own, child| child.process().enter_group(&own.process().group());
    "exec of a child": |scene, own, child| child.exec();
    "exit_signal": |scene, own, child| own.process().exit_signal();
    "fdinfo_pid_in": |scene, own, child| own.process().handle().unwrap().fdinfo_pid_in(scene.table.namespace());
    "find_group": |scene, own, child| scene.table.find_group(own.tid());
    "find_identity": |scene, own, child| own.process().namespace().find_identity(child.tid());
    "find_identity_by_serial": |scene, own, child| {
        let serial = child.process().identity().unwrap().serial();
        scene.table.find_identity_by_serial(child.tid(), serial)
    };
    "find_process": |scene, own, child| scene.table.find_process(child.tid());
    "find_session": |scene, own, child| scene.table.find_session(own.tid());
    "find_thread": |scene, own, child| scene.table.find_thread(child.tid());
    "force_signal": |scene, own, child| child.force_signal(Signal::SIGCONT, KernelCause::Kernel, ForcedAction::Default);
    "foreground_group": |scene, own, child| scene.tty.foreground_group();
    "foreground_pgid": |scene, own, child| own.process().foreground_pgid();
    "fork": |scene, own, child| fork(own);
    "fork of a sibling": |scene, own, child| {
        fork_with(child, ForkRequest { parent: ForkParent::Sibling, ..Default::default() })
    };
    "fork_child": |scene, own, child| own.process().fork_child(ForkRequest::default(), Program::default(), Mask::default()).unwrap();
    "getpgid": |scene, own, child| own.process().getpgid(number(child));
    "getsid": |scene, own, child| own.process().getsid(number(child));
    "group": |scene, own, child| own.process().group();
    "group_of_number": |scene, own, child| own.process().identity().unwrap().group_of_number();
    "handle": |scene, own, child| (child.handle().unwrap(), child.process().handle().unwrap());
    "hang_up": |scene, own, child| scene.tty.hang_up();
    "identity": |scene, own, child| {
        let group = own.process().group();
        (own.process().identity().unwrap(), group.identity().unwrap(), group.session().identity().unwrap())
    };
    "info": |scene, own, child| own.process().handle().unwrap().info(child.process(), InfoMask::EXIT);
    "is_dumping_core": |scene, own, child| own.process().is_dumping_core();
    "is_group_exiting": |scene, own, child| own.process().is_group_exiting();
    "is_group_stop_requested": |scene, own, child| own.is_group_stop_requested();
    "is_protected_from": |scene, own, child| own.process().is_protected_from(TERM);
    "is_stopped": |scene, own, child| own.process().is_stopped();
    "is_subreaper": |scene, own, child| own.process().is_subreaper();
    "is_kernel_thread": |scene, own, child| own.process().is_kernel_thread();
    "is_table_init": |scene, own, child| own.process().is_table_init();
    "join_stop": |scene, own, child| own.join_stop();
    "kill": |scene, own, child| own.kill(number(child), 18);
    "last_pid": |scene, own, child| scene.init.process().last_pid();
    "namespace": |scene, own, child| own.process().namespace();
    "namespace_for_children": |scene, own, child| own.namespace_for_children();
    "namespace_numbers": |scene, own, child| own.process().namespace_numbers(scene.table.namespace());
    "new_terminal": |scene, own, child| scene.table.new_terminal(axprocess::TerminalKind::PseudoTerminal, 2, ()).unwrap();
    "next_process": |scene, own, child| scene.table.next_process(scene.table.namespace(), child.tid());
    "non_leader_thread": |scene, own, child| own.handle().unwrap().non_leader_thread();
    "note_mm_release": |scene, own, child| child.note_mm_release();
    "note_signal_sent": |scene, own, child| own.process().note_signal_sent(Signal::SIGCONT);
    "notify_parent_if_continued": |scene, own, child| own.notify_parent_if_continued();
    "number_in": |scene, own, child| own.process().identity().unwrap().number_in(scene.table.namespace());
    "open_terminal": |scene, own, child| own.process().open_terminal(&scene.tty, TerminalFile::Readable);
    "parent": |scene, own, child| child.process().parent();
    "parent_death_signal": |scene, own, child| child.parent_death_signal();
    "pgid_in": |scene, own, child| own.process().group().pgid_in(scene.table.namespace());
    "pid_in": |scene, own, child| own.process().pid_in(scene.table.namespace());
    "pid_max": |scene, own, child| scene.init.process().pid_max();
    "pidfd_open": |scene, own, child| own.process().pidfd_open(number(child), 0).unwrap();
    "pidfd_self": |scene, own, child| own.pidfd_self(-10000).map(drop);
    "pidfd_send_signal": |scene, own, child| {
        let handle = child.process().handle().unwrap();
        own.pidfd_send_signal(&handle, 0, SignalScope::OfHandle, None::<Result<GivenInfo, _>>)
    };
    "prepare_fork, publish": |scene, own, child| {
        own.prepare_fork(ForkRequest::default(), Program::default(), Mask::default()).unwrap().publish().unwrap()
    };
    "prepare_thread": |scene, own, child| own.prepare_thread(Number::Next, Mask::default()).unwrap().publish().unwrap();
    "process_groups": |scene, own, child| own.process().group().session().process_groups().unwrap();
    "process of a handle": |scene, own, child| child.process().handle().unwrap().process();
    "processes": |scene, own, child| own.process().group().processes().unwrap();
    "read": |scene, own, child| {
        let (group, mut cursors) = (own.process().group(), (Cursor::new(), Cursor::new()));
        let (mut threads, mut groups) = (Cursor::new(), Cursor::new());
        while !cursors.0.is_done() {
            scene.table.read(|view| view.members(&group, &mut cursors.0).for_each(count));
        }
        while !cursors.1.is_done() {
            scene.table.read(|view| view.children(own, &mut cursors.1).for_each(count));
        }
        while !threads.is_done() {
            own.read(|view| view.threads(own.process(), &mut threads).for_each(count));
        }
        while !groups.is_done() {
            group.read(|view| view.process_groups(view.session(&group), &mut groups).for_each(count));
        }
    };
    "reboot": |scene, own, child| scene.init.process().reboot(RebootCommand::Halt);
    "release_terminal": |scene, own, child| child.process().release_terminal(&scene.tty, TerminalSide::Slave);
    "release_zombie": |scene, own, child| { exit(child); child.process().release_zombie() };
    "report_group_stopped, report_group_continued": |scene, own, child| {
        child.process().report_group_stopped(Signal::SIGSTOP);
        child.process().report_group_continued();
    };
    "resign_subreaper": |scene, own, child| own.process().resign_subreaper();
    "rt_sigqueueinfo": |scene, own, child| {
        own.rt_sigqueueinfo(number(child), GivenInfo::new(18, -1))
    };
    "rt_tgsigqueueinfo": |scene, own, child| {
        let info = GivenInfo::new(18, -1);
        own.rt_tgsigqueueinfo(number(child), number(child), info)
    };
    "run_state": |scene, own, child| own.run_state();
    "send_signal": |scene, own, child| {
        child.process().send_signal(Signal::SIGCONT, KernelCause::Kernel);
        child.send_signal(Signal::SIGCONT, KernelCause::OnBehalfOf(own.process()));
    };
    "send_process_signal": |scene, own, child| own.send_process_signal(Signal::SIGCONT, KernelCause::Kernel);
    "session": |scene, own, child| own.process().group().session();
    "session of a terminal": |scene, own, child| scene.tty.session();
    "session_of_number": |scene, own, child| own.process().identity().unwrap().session_of_number();
    "set_last_pid": |scene, own, child| scene.init.process().set_last_pid(10);
    "set_namespace_for_children": |scene, own, child| own.set_namespace_for_children(scene.table.namespace());
    "set_parent_death_signal": |scene, own, child| child.set_parent_death_signal(Some(TERM));
    "set_pid_max": |scene, own, child| scene.init.process().set_pid_max(4_000_000, 1);
    "setpgid": |scene, own, child| own.process().setpgid(number(child), 0);
    "setsid": |scene, own, child| child.process().setsid();
    "sid_in": |scene, own, child| own.process().group().session().sid_in(scene.table.namespace());
    "spawn_thread": |scene, own, child| spawn(own);
    "stat": |scene, own, child| own.process().stat(scene.table.namespace());
    "state, poll": |scene, own, child| { let it = child.process().handle().unwrap(); (it.state(), it.poll()) };
    "tcgetpgrp": |scene, own, child| own.process().tcgetpgrp(&scene.tty, TerminalSide::Slave);
    "tcgetsid": |scene, own, child| own.process().tcgetsid(&scene.tty, TerminalSide::Slave);
    "tcsetpgrp": |scene, own, child| {
        own.process().tcsetpgrp(&scene.tty, Ok(number(own)), StopSignal::Effective)
    };
    "tgkill": |scene, own, child| own.tgkill(number(child), number(child), 18);
    "thread_or_leader": |scene, own, child| own.process().identity().unwrap().thread_or_leader();
    "threads": |scene, own, child| own.process().threads().unwrap();
    "tasks": |scene, own, child| own.process().tasks().unwrap();
    "tid_in": |scene, own, child| own.tid_in(scene.table.namespace());
    "tkill": |scene, own, child| own.tkill(number(child), 18);
    "unshare_pid": |scene, own, child| own.unshare_pid();
};

/// What could be long by what it does.
pub(crate) const LONG: &[Row] = rows! {
    "new_init, new_init_in", "nothing", Bound::Batch, |scene| {
        let other = ProcessTable::new(Kernel);
        scene.watch(|| other.new_init(1, Program::default(), Mask::default()).unwrap())
    };
    "new_kthreadd, fork_kernel_thread", "members of the group and groups of the session that init began in", Bound::Batch, |scene| {
        let other = ProcessTable::new(Kernel);
        other.check_every(NonZeroU64::MAX);
        let data = || (Program::default(), Mask::default());
        let (program, mask) = data();
        let init = other.new_init(1, program, mask).unwrap();
        for index in 0..scene.many {
            let child = fork(&init);
            if index % 2 == 0 {
                child.process().setpgid(0, 0).unwrap();
            }
        }
        scene.watch(|| {
            let (program, mask) = data();
            let kthreadd = other.new_kthreadd(4_000_000, program, mask).unwrap();
            let (program, mask) = data();
            kthreadd.fork_kernel_thread(ForkRequest::default(), program, mask).unwrap()
        })
    };
    "exit_thread", "children", Bound::Batch, |scene| {
        let parent = fork(&scene.shell);
        let _children = scene.forks(&parent);
        scene.watch(|| exit(&parent))
    };
    "exit_thread", "children with a wish", Bound::Batch, |scene| {
        let parent = fork(&scene.shell);
        let children = scene.forks(&parent);
        children.iter().for_each(|it| it.set_parent_death_signal(Some(Signal::SIGCONT)));
        scene.watch(|| exit(&parent))
    };
    "exit_thread", "threads of one child with a wish", Bound::Batch, |scene| {
        let parent = fork(&scene.shell);
        let child = fork(&parent);
        let threads = scene.threads(&child);
        threads.iter().for_each(|it| it.set_parent_death_signal(Some(Signal::SIGCONT)));
        scene.watch(|| exit(&parent))
    };
    "exit_thread", "64 children with threads with a wish", Bound::Batch, |scene| {
        let parent = fork(&scene.shell);
        for _ in 0..64 {
            let child = fork(&parent);
            for _ in 0..scene.many / 64 {
                spawn(&child).set_parent_death_signal(Some(TERM));
            }
        }
        scene.watch(|| exit(&parent))
    };
    "exit_thread", "threads, each with a child", Bound::Batch, |scene| {
        let parent = fork(&scene.shell);
        let threads = scene.threads(&parent);
        let _children: Vec<_> = threads.iter().map(fork).collect();
        scene.watch(|| threads.iter().for_each(exit))
    };
    "exit_thread", "tracees", Bound::Batch, |scene| {
        let (tracer, _tracees) = tracer(scene);
        scene.watch(|| exit(&tracer))
    };
    "exit_thread", "tracees, which are killed", Bound::Batch, |scene| {
        let tracer = fork(&scene.shell);
        for child in scene.forks(&scene.shell) {
            tracer.attach(child.tid().cast_signed(), TraceStart::Seize, TraceOptions::EXIT_KILL).unwrap();
        }
        scene.watch(|| exit(&tracer))
    };
    "exit_thread", "dead threads that a tracer has not reaped", Bound::Batch, |scene| {
        let (leader, threads) = dead_tracees(scene);
        let _child = fork(&threads[scene.many]);
        exit(&leader);
        scene.watch(|| exit(&threads[scene.many]))
    };
    "exit_thread", "members of a job with one that is stopped", Bound::Batch, |scene| {
        let parent = fork(&scene.shell);
        let leader = job(&parent);
        let others = scene.forks(&parent);
        for other in &others {
            parent.process().setpgid(number(other), number(&leader)).unwrap();
        }
        let _linking = {
            let child = fork(&scene.shell);
            scene.shell.process().setpgid(number(&child), number(&leader)).unwrap();
            child
        };
        others[0].process().report_group_stopped(Signal::SIGSTOP);
        scene.watch(|| exit(&parent))
    };
    "exit_thread", "an orphaned job with one that is stopped", ORPHANED, |scene| {
        let parent = fork(&scene.shell);
        let leader = job(&parent);
        let others = scene.forks(&leader);
        others[0].process().report_group_stopped(Signal::SIGSTOP);
        scene.watch(|| exit(&parent))
    };
    "exit_thread", "ancestors, the first a subreaper", SUBREAPER, |scene| {
        let mut last = fork(&scene.shell);
        last.process().become_subreaper();
        for _ in 0..scene.many {
            last = fork(&last);
        }
        let _orphan = fork(&last);
        scene.watch(|| exit(&last))
    };
    "exit_thread", "ancestors", Bound::Batch, |scene| {
        let mut last = fork(&scene.shell);
        for _ in 0..scene.many {
            last = fork(&last);
        }
        let _orphan = fork(&last);
        scene.watch(|| exit(&last))
    };
    "exit_thread", "a namespace, as its init", Bound::Batch, |scene| {
        let inner = inner_init(&scene.shell);
        let children = scene.forks(&inner);
        children[scene.many / 2..].iter().for_each(exit);
        let _threads = scene.threads(&children[0]);
        scene.watch(|| exit(&inner))
    };
    "begin_exit, try_finish", "a namespace, as its init", Bound::Batch, |scene| {
        let inner = inner_init(&scene.shell);
        let children = scene.forks(&inner);
        children[scene.many / 2..].iter().for_each(exit);
        let _threads = scene.threads(&children[0]);
        scene.watch(|| inner.begin_exit(ExitStatus::exited(0)).try_finish())
    };
    "exit_thread", "siblings, for a parent of many threads", Bound::Batch, |scene| {
        let parent = fork(&scene.shell);
        let threads = scene.threads(&parent);
        threads.iter().chain([&parent]).for_each(block);
        let exit_signal = ExitSignal::from(TERM);
        let child = fork_with(&parent, ForkRequest { exit_signal, ..Default::default() });
        let _others = scene.forks(&parent);
        scene.watch(|| exit(&child))
    };
    "exit_thread", "session members with a terminal", GROUP, |scene| {
        let _children = scene.forks(&scene.shell);
        scene.watch(|| exit(&scene.shell))
    };
    "exec", "threads, some with a child", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let threads = scene.threads(&leader);
        // Each thread leaves all that it has by then to the next one, as on Linux: with one for each, that is a square.
        let _children: Vec<_> = threads.iter().take(100).map(fork).collect();
        scene.watch(|| threads[scene.many / 2].exec().unwrap())
    };
    "begin_exit, status, is_parked, set_exiting, finish", "threads that have begun too, with a child", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let threads = scene.threads(&leader);
        let exits: Vec<_> = threads.iter().map(|it| it.begin_exit(ExitStatus::exited(0))).collect();
        let _children = scene.forks(&leader);
        let longest = scene.watch(|| {
            let mut exit = leader.begin_exit(ExitStatus::exited(0));
            let _ = (exit.status(), exit.is_parked(), exit.set_exiting());
            exit.finish();
        });
        // The first one has the children by now, and would hand them to the next, and so on.
        exits.into_iter().rev().for_each(drop);
        longest
    };
    "begin_core_dump, is_ready, is_cut, finish", "threads", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let threads = scene.threads(&leader);
        scene.watch(|| {
            let dump = leader.begin_core_dump(Signal::SIGSEGV).unwrap();
            let _parked: Vec<_> = threads.iter().map(|it| it.begin_exit(ExitStatus::exited(0))).collect();
            assert!(dump.is_ready() && !dump.is_cut());
            dump.finish(true)
        })
    };
    "kill", "threads that wait for a core dump", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let threads = scene.threads(&leader);
        let _dump = leader.begin_core_dump(Signal::SIGSEGV).unwrap();
        let _parked: Vec<_> = threads.iter().map(|it| it.begin_exit(ExitStatus::exited(0))).collect();
        scene.watch(|| scene.init.kill(number(&leader), 9))
    };
    "begin_exec, try_finish", "threads", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let threads = scene.threads(&leader);
        scene.watch(|| assert_eq!(threads[scene.many / 2].begin_exec().unwrap().try_finish(), Ok(false)))
    };
    "begin_exec, try_finish", "dead threads that a tracer has not reaped", Bound::Batch, |scene| {
        let (_leader, threads) = dead_tracees(scene);
        scene.watch(|| assert_eq!(threads[scene.many].begin_exec().unwrap().try_finish(), Ok(false)))
    };
    "exec", "dead threads that a tracer has not reaped", Bound::Batch, |scene| {
        let (_leader, threads) = dead_tracees(scene);
        scene.watch(|| threads[scene.many].exec().unwrap())
    };
    "fork_child", "dead threads that a tracer has not reaped", Bound::Batch, |scene| {
        let (leader, _threads) = dead_tracees(scene);
        exit(&leader);
        let (new, data) = (ForkRequest::default(), Program::default());
        scene.watch(|| leader.process().fork_child(new, data, Mask::default()).unwrap())
    };
    "begin_group_exit", "threads", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let _threads = scene.threads(&leader);
        scene.watch(|| leader.process().begin_group_exit(ExitStatus::exited(1)))
    };
    "kill", "threads, by SIGKILL", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let _threads = scene.threads(&leader);
        scene.watch(|| scene.shell.kill(number(&leader), KILL))
    };
    "kill", "threads that block the signal, but the last one", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let threads = scene.threads(&leader);
        threads[1..].iter().chain([&leader]).for_each(block);
        let longest = scene.watch(|| scene.shell.kill(number(&leader), 34));
        assert!(leader.process().is_group_exiting());
        longest
    };
    "kill", "threads that block the signal", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        scene.threads(&leader).iter().chain([&leader]).for_each(block);
        let longest = scene.watch(|| scene.shell.kill(number(&leader), 34));
        assert!(!leader.process().is_group_exiting());
        longest
    };
    "kill", "members of a group", GROUP, |scene| {
        let _children = scene.forks(&scene.shell);
        scene.watch(|| scene.shell.kill(0, 18))
    };
    "kill", "all", ALL, |scene| {
        let _children = scene.forks(&scene.shell);
        scene.watch(|| scene.shell.kill(-1, 0))
    };
    "pidfd_send_signal", "members of a group", GROUP, |scene| {
        let _children = scene.forks(&scene.shell);
        let handle = scene.shell.process().handle().unwrap();
        scene.watch(|| scene.shell.pidfd_send_signal(&handle, 0, SignalScope::Group, None))
    };
    "tgkill", "threads, by SIGKILL", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let threads = scene.threads(&leader);
        let (tgid, tid) = (number(&leader), number(&threads[0]));
        scene.watch(|| scene.shell.tgkill(tgid, tid, KILL))
    };
    "send_signal", "members of a group", GROUP, |scene| {
        let _children = scene.forks(&scene.shell);
        let group = scene.shell.process().group();
        scene.watch(|| group.send_signal(Signal::SIGCONT, KernelCause::Kernel, |_, _| true))
    };
    "send_process_signal", "threads that block the signal, but the last one", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let threads = scene.threads(&leader);
        threads[..threads.len() - 1].iter().chain([&leader]).for_each(block);
        let term = Signal::new(34).unwrap();
        scene.watch(|| leader.send_process_signal(term, KernelCause::Kernel))
    };
    "send_signal", "threads, by SIGKILL", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let _threads = scene.threads(&leader);
        scene.watch(|| leader.process().send_signal(Signal::SIGKILL, KernelCause::Kernel))
    };
    "signal_foreground", "members of the foreground", GROUP, |scene| {
        let _children = scene.forks(&scene.shell);
        scene.watch(|| scene.tty.signal_foreground(Signal::SIGCONT))
    };
    "check_terminal_access", "members of a background job", GROUP, |scene| {
        let leader = job(&scene.shell);
        let _members = scene.forks(&leader);
        let (access, stop) = (TerminalAccess::Read, StopSignal::Effective);
        scene.watch(|| leader.process().check_terminal_access(&scene.tty, access, stop))
    };
    "begin_stop", "threads", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let _threads = scene.threads(&leader);
        let ticket = leader.process().stop_ticket();
        scene.watch(|| leader.begin_stop(Signal::SIGSTOP, ticket))
    };
    "begin_stop", "tracees that run in the stop", Bound::Batch, |scene| {
        let (leader, tracer, threads) = seized_threads(scene);
        let stop = |thread: &Thread| thread.begin_stop(Signal::SIGSTOP, leader.process().stop_ticket());
        stop(&leader);
        leader.join_stop();
        for thread in &threads {
            thread.join_stop();
            tracer.resume_tracee(thread.tid().cast_signed()).unwrap();
        }
        scene.watch(|| stop(&threads[scene.many / 2]))
    };
    "kill", "threads that were seized, by SIGCONT", Bound::Batch, |scene| {
        let (leader, _tracer, _threads) = seized_threads(scene);
        scene.watch(|| scene.shell.kill(number(&leader), 18).unwrap())
    };
    "begin_stop", "members, the last of which keeps the group un-orphaned", Bound::Batch, |scene| {
        let (member, _members) = job_of_which_the_last_links(scene);
        let ticket = member.process().stop_ticket();
        scene.watch(|| member.begin_stop(Signal::SIGTSTP, ticket))
    };
    "would_stop", "members, the last of which keeps the group un-orphaned", Bound::Batch, |scene| {
        let (member, _members) = job_of_which_the_last_links(scene);
        scene.watch(|| member.process().would_stop(Signal::SIGTSTP))
    };
    "is_orphaned", "members, the last of which keeps the group un-orphaned", Bound::Batch, |scene| {
        let (member, _members) = job_of_which_the_last_links(scene);
        scene.watch(|| member.process().group().is_orphaned())
    };
    "is_orphaned", "members of an orphaned group", ORPHANED, |scene| {
        let _children = scene.forks(&scene.shell);
        scene.watch(|| scene.shell.process().group().is_orphaned())
    };
    "note_signal_sent", "threads in a stop", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let threads = scene.threads(&leader);
        leader.begin_stop(Signal::SIGSTOP, leader.process().stop_ticket());
        threads.iter().chain([&leader]).for_each(|it| _ = it.join_stop());
        assert!(leader.process().is_stopped());
        scene.watch(|| leader.process().note_signal_sent(Signal::SIGCONT))
    };
    "become_subreaper", "descendants", MARKS, |scene| {
        let _children = scene.forks(&scene.shell);
        scene.watch(|| scene.shell.process().become_subreaper())
    };
    "snapshot_tree", "descendants", SNAPSHOT, |scene| {
        let _children = scene.forks(&scene.shell);
        scene.watch(|| scene.init.process().snapshot_tree(scene.table.namespace()).unwrap())
    };
    "next_process", "threads", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let threads = scene.threads(&leader);
        scene.watch(|| scene.table.next_process(scene.table.namespace(), threads[0].tid()))
    };
    "process_groups", "groups", Bound::Batch, |scene| {
        let _jobs: Vec<_> = (0..scene.many).map(|_| job(&scene.shell)).collect();
        scene.watch(|| scene.shell.process().group().session().process_groups().unwrap())
    };
    "children", "threads without children", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let _threads = scene.threads(&leader);
        scene.watch(|| leader.process().children().unwrap())
    };
    "wait", "children that live, of the other kind", Bound::Batch, |scene| {
        let _children = scene.forks(&scene.shell);
        scene.watch(|| wait4(&scene.shell, -1, WCLONE))
    };
    "wait", "zombies", Bound::Batch, |scene| {
        let children = scene.forks(&scene.shell);
        children.iter().for_each(exit);
        scene.watch(|| wait4(&scene.shell, -1, 0).unwrap())
    };
    "wait", "zombies, for a stop", Bound::Batch, |scene| {
        let children = scene.forks(&scene.shell);
        children.iter().for_each(exit);
        scene.watch(|| scene.shell.wait(&WaitRequest::waitid(0, 0, WSTOPPED | WNOHANG).unwrap()))
    };
    "wait", "zombies of another group", Bound::Batch, |scene| {
        let dying = job(&scene.shell);
        let zombies = scene.forks(&scene.shell);
        join(&scene.shell, &zombies, &dying);
        zombies.iter().for_each(exit);
        let living = job(&scene.shell);
        let members: Vec<_> = (0..33).map(|_| fork(&scene.shell)).collect();
        join(&scene.shell, &members, &living);
        scene.watch(|| wait4(&scene.shell, -number(&living), 0).unwrap())
    };
    "wait", "members of the group that are no children", Bound::Batch, |scene| {
        let leader = job(&scene.shell);
        let _members = scene.forks(&leader);
        scene.watch(|| wait4(&scene.shell, -number(&leader), 0).unwrap())
    };
    "wait", "threads", Bound::Batch, |scene| {
        let leader = fork(&scene.shell);
        let threads = scene.threads(&leader);
        scene.watch(|| wait4(&threads[0], -1, 0))
    };
    "wait", "tracees that report nothing", Bound::Batch, |scene| {
        let (tracer, _tracees) = tracer(scene);
        scene.watch(|| wait4(&tracer, -1, 0).unwrap())
    };
    "wait", "tracees that report nothing, of another kind", Bound::Batch, |scene| {
        let (tracer, tracees) = tracer(scene);
        let stop = TraceStop::from(Signal::SIGSTOP);
        tracees[0].trace_stop(stop);
        scene.watch(|| wait4(&tracer, -1, 0).unwrap())
    };
    "begin_wait, poll", "children", Bound::Batch, |scene| {
        let _children = scene.forks(&scene.shell);
        let request = WaitRequest::waitid(0, 0, WSTOPPED).unwrap();
        scene.watch(|| scene.shell.begin_wait(&request).poll().unwrap())
    };
    "waitid_pidfd", "children", Bound::Batch, |scene| {
        let children = scene.forks(&scene.shell);
        let handle = children[0].process().handle().unwrap();
        let found = |_| Ok((&handle, PidfdMode::NonBlocking));
        let request = WaitRequest::waitid_pidfd(5, WEXITED, found).unwrap();
        scene.watch(|| scene.shell.wait(&request).unwrap())
    };
    "event", "futures that sleep", Bound::Batch, |scene| {
        let child = fork(&scene.shell);
        let call = scene.shell.begin_wait(&WaitRequest::wait4(number(&child), 0).unwrap());
        let mut futures: Vec<_> = (0..scene.many).map(|_| Box::pin(call.event())).collect();
        let mut context = Context::from_waker(Waker::noop());
        futures.iter_mut().for_each(|it| assert!(it.as_mut().poll(&mut context).is_pending()));
        scene.watch(|| {
            let mut last = pin!(call.event());
            assert!(last.as_mut().poll(&mut context).is_pending());
            exit(&child);
            drop(futures);
        })
    };
    "attach, trace_stop, join_stop (of a tracee), interrupt_tracee, tracee, stopped_tracee, listen_to_tracee, resume_tracee, set_trace_options, detach, tracer", "tracees", Bound::Batch, |scene| {
        let (tracer, _tracees) = tracer(scene);
        let child = fork(&scene.shell);
        scene.watch(|| {
            tracer.attach(child.tid().cast_signed(), TraceStart::Seize, TraceOptions::default()).unwrap();
            tracer.interrupt_tracee(child.tid().cast_signed()).unwrap();
            child.join_stop();
            tracer.set_trace_options(child.tid().cast_signed(), TraceOptions::EXIT_KILL).unwrap();
            tracer.tracee(child.tid().cast_signed()).and_then(|_| tracer.stopped_tracee(child.tid().cast_signed())).unwrap();
            tracer.listen_to_tracee(child.tid().cast_signed()).unwrap();
            tracer.interrupt_tracee(child.tid().cast_signed()).unwrap();
            child.join_stop();
            tracer.resume_tracee(child.tid().cast_signed()).unwrap();
            child.trace_stop(TraceStop::from(Signal::SIGSTOP));
            tracer.detach(child.tid().cast_signed()).unwrap();
            child.tracer()
        })
    };
    "trace_me, inherit_tracer", "children", Bound::Batch, |scene| {
        let children = scene.forks(&scene.shell);
        scene.watch(|| {
            children[0].trace_me().unwrap();
            children[1].inherit_tracer(&children[0]).unwrap()
        })
    };
};

/// A process of very many threads, who traces them, and those.
fn seized_threads(scene: &Scene) -> (Thread, Thread, Vec<Thread>) {
    let (leader, tracer) = (fork(&scene.shell), fork(&scene.shell));
    let threads = scene.threads(&leader);
    for thread in &threads {
        let tid = thread.tid().cast_signed();
        tracer.attach(tid, TraceStart::Seize, TraceOptions::default()).unwrap();
    }
    (leader, tracer, threads)
}

/// A process that traces very many children of the shell.
fn tracer(scene: &Scene) -> (Thread, Vec<Thread>) {
    let (tracer, tracees) = (fork(&scene.shell), scene.forks(&scene.shell));
    for tracee in &tracees {
        tracer
            .attach(tracee.tid().cast_signed(), TraceStart::Seize, TraceOptions::default())
            .unwrap();
    }
    (tracer, tracees)
}

/// A leader, and very many threads that are dead and wait for their tracer. The last one lives.
fn dead_tracees(scene: &Scene) -> (Thread, Vec<Thread>) {
    let (tracer, leader) = (fork(&scene.shell), fork(&scene.shell));
    let mut threads = scene.threads(&leader);
    for thread in &threads {
        tracer
            .attach(thread.tid().cast_signed(), TraceStart::Seize, TraceOptions::default())
            .unwrap();
    }
    threads.push(spawn(&leader));
    threads[..scene.many].iter().for_each(exit);
    (leader, threads)
}

/// A job whose leader was the one who linked it, and has exited: its children are init's. The last member is the shell's, and links it.
fn job_of_which_the_last_links(scene: &Scene) -> (Thread, Vec<Thread>) {
    let leader = job(&scene.shell);
    let mut members = scene.forks(&leader);
    members.push(fork(&scene.shell));
    join(&scene.shell, &members[scene.many..], &leader);
    assert!(!leader.process().group().is_orphaned());
    exit(&leader);
    (members[0].clone(), members)
}
