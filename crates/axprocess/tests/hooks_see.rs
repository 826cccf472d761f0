//! The view that a hook is given: it answers in the hold what the getters answer outside of it, as things stand at that point of the operation.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Mutex;

use axprocess::{
    ARef, ChildNews, ChildSignalFlags, Cursor, DiscardedSignals, Errno, ExitStatus, ForcedAction,
    ForkNamespace, ForkRequest, Host, KernelCause, Number, Pid, PidNamespace, ProcessState,
    ProcessTable, Relations, Signal, SignalAction, SignalInfo, TerminalFile, TerminalKind,
    TraceOptions, TraceStart, View, WaitRequest,
};

type Table = ProcessTable<Curious>;
type Process = axprocess::Process<Curious>;
type Terminal = axprocess::Terminal<Curious>;
type Thread = axprocess::Thread<Curious>;

/// A kernel each of whose hooks asks all that there is to ask about whom it is told of.
#[derive(Default)]
struct Curious {
    /// What each hook saw.
    seen: Mutex<BTreeMap<&'static str, Vec<Sight>>>,
    /// References that hooks have made of what they saw, and which keep it.
    kept: Mutex<Vec<ARef<Process>>>,
    hung_up: Mutex<Vec<u32>>,
}

/// What a hook saw of a process.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Sight {
    pid: Pid,
    state: ProcessState,
    parent: Option<Pid>,
    threads: Vec<Pid>,
    children: Vec<(Pid, ProcessState)>,
    is_member: bool,
}

impl Curious {
    /// Asks everything, also what nothing is done with.
    fn look(&self, hook: &'static str, view: View<'_, Self>, process: &Process) {
        let viewer = view.namespace(process);
        let (group, session) = (view.group(process), view.session(view.group(process)));
        let threads: Vec<_> = view.threads(process, &mut Cursor::new()).collect();
        let leader = view.leader(process);
        let children = leader.map(|it| view.children(it, &mut Cursor::new()).collect::<Vec<_>>());
        let members: Vec<_> = view.members(group, &mut Cursor::new()).collect();
        let _ = view.process_groups(session, &mut Cursor::new()).count();
        for thread in threads.iter().copied().chain(leader).chain(view.parent_thread(process)) {
            let _ = (view.run_state(thread), view.tracer(thread), view.tid(thread, viewer));
            let _ = view.is_leader(thread);
            let _ = (view.is_group_stop_requested(thread), view.parent_death_signal(thread));
            let _ = view.namespace_for_children(thread);
        }
        for process in members.iter().copied().chain(children.iter().flatten().copied()) {
            let _ = (view.stat(process, viewer), view.controlling_terminal(process));
            let _ = (view.parent(process), view.pid(process, viewer));
        }
        let _ = (view.stat(process, viewer), view.controlling_terminal(process));
        let _ = (view.is_orphaned(group), view.pgid(group, viewer), view.sid(session, viewer));
        let _ =
            (view.is_stopped(process), view.is_group_exiting(process), view.is_subreaper(process));
        let _ =
            (view.exit_signal(process), view.foreground_pgid(process), view.is_table_init(process));
        let _ = view.is_kernel_thread(process);
        let _ = (view.namespace_numbers(process, viewer), view.children_usage(process));
        let _ = (view.pid_max(viewer), view.last_pid(viewer), view.session_leader(session));
        let _ = (view.is_dumping_core(process), view.is_protected_from(process, Signal::SIGTERM));
        let found = view.find_process(viewer, process.pid());
        let is_in_table = !matches!(process.state(), ProcessState::Embryo | ProcessState::Reaped);
        let is_found = found.is_some_and(|found| std::ptr::eq(found, process));
        assert_eq!(is_found, is_in_table, "{hook}: who is in the table is found, and nobody else");
        let _ = (view.find_group(viewer, group.pgid()), view.find_session(viewer, session.sid()));
        let _ = (view.find_thread(viewer, process.pid()), view.host());

        let of_child = |child: &&Process| (child.pid(), child.state());
        let sight = Sight {
            pid: process.pid(),
            state: process.state(),
            parent: view.parent(process).map(|parent| parent.pid()),
            threads: threads.iter().map(|thread| thread.tid()).collect(),
            children: children.iter().flatten().map(of_child).collect(),
            is_member: members.iter().any(|member| std::ptr::eq(*member, process)),
        };
        self.seen.lock().unwrap().entry(hook).or_default().push(sight);
        self.kept.lock().unwrap().extend(view.parent(process).map(ARef::from));
    }

    /// What a hook saw since the last call.
    fn take(&self, hook: &'static str) -> Vec<Sight> {
        self.seen.lock().unwrap().remove(hook).unwrap_or_default()
    }

    fn forget(&self) {
        self.seen.lock().unwrap().clear();
        // Outside of the lock on them: dropping the last one runs other code.
        let kept = std::mem::take(&mut *self.kept.lock().unwrap());
        drop(kept);
    }
}

impl Host for Curious {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    /// What takes the lock in a hook is noticed at once, and not a test that never ends.
    fn context(&self) -> Option<NonZeroUsize> {
        thread_local! {
            static NUMBER: u8 = const { 0 };
        }
        NUMBER.with(|number| NonZeroUsize::new(std::ptr::from_ref(number).addr()))
    }

    fn post_signal(
        &self,
        view: View<'_, Self>,
        target: &Process,
        _: &SignalInfo,
        _: Option<&Process>,
    ) {
        self.look("post_signal", view, target);
    }

    fn post_signal_addressed(
        &self,
        view: View<'_, Self>,
        target: &Process,
        addressed: &Thread,
        info: &SignalInfo,
        sender: Option<&Process>,
    ) {
        self.look("post_signal_addressed", view, addressed.process());
        self.post_signal(view, target, info, sender);
    }

    fn post_thread_signal(
        &self,
        view: View<'_, Self>,
        target: &Thread,
        _: &SignalInfo,
        _: Option<&Process>,
    ) {
        self.look("post_thread_signal", view, target.process());
    }

    fn discard_signals(&self, view: View<'_, Self>, target: &Process, _: DiscardedSignals) {
        self.look("discard_signals", view, target);
    }

    fn signal_action(
        &self,
        view: View<'_, Self>,
        target: &Process,
        signal: Signal,
    ) -> SignalAction {
        self.look("signal_action", view, target);
        if signal == Signal::SIGUSR1 { SignalAction::Handle } else { SignalAction::Default }
    }

    /// All block one signal: of that they are asked more.
    fn is_signal_blocked(&self, view: View<'_, Self>, thread: &Thread, signal: Signal) -> bool {
        self.look("is_signal_blocked", view, thread.process());
        signal == Signal::SIGUSR2
    }

    fn can_queue_signal(
        &self,
        view: View<'_, Self>,
        target: &Process,
        _: &SignalInfo,
    ) -> Result<(), Errno> {
        self.look("can_queue_signal", view, target);
        Ok(())
    }

    fn deciding_signal(&self, view: View<'_, Self>, target: &Process) {
        self.look("deciding_signal", view, target);
    }

    fn signal_decided(&self, view: View<'_, Self>, target: &Process) {
        self.look("signal_decided", view, target);
    }

    fn is_signal_awaited(&self, view: View<'_, Self>, thread: &Thread, _: Signal) -> bool {
        self.look("is_signal_awaited", view, thread.process());
        false
    }

    fn is_taken_at_once(
        &self,
        view: View<'_, Self>,
        process: &Process,
        _: &Thread,
        _: Signal,
    ) -> Option<bool> {
        self.look("is_taken_at_once", view, process);
        None
    }

    fn is_signal_queued(
        &self,
        view: View<'_, Self>,
        target: &Process,
        _: Option<&Thread>,
        _: Signal,
    ) -> bool {
        self.look("is_signal_queued", view, target);
        false
    }

    fn is_told_of_signal(&self, view: View<'_, Self>, thread: &Thread) -> bool {
        self.look("is_told_of_signal", view, thread.process());
        false
    }

    fn request_exit(&self, view: View<'_, Self>, thread: &Thread) {
        self.look("request_exit", view, thread.process());
    }

    fn reset_signal_action(
        &self,
        view: View<'_, Self>,
        thread: &Thread,
        _: Signal,
        _: ForcedAction,
    ) {
        self.look("reset_signal_action", view, thread.process());
    }

    fn may_signal(
        &self,
        view: View<'_, Self>,
        sender: &Process,
        target: &Process,
        _: Option<Signal>,
    ) -> bool {
        self.look("may_signal", view, sender);
        self.look("may_signal", view, target);
        true
    }

    fn may_choose_number(
        &self,
        view: View<'_, Self>,
        caller: &Thread,
        _: &PidNamespace<Self>,
    ) -> bool {
        self.look("may_choose_number", view, caller.process());
        true
    }

    fn may_trace(&self, view: View<'_, Self>, tracer: &Thread, target: &Thread) -> bool {
        self.look("may_trace", view, tracer.process());
        self.look("may_trace", view, target.process());
        true
    }

    fn tracing_changed(&self, view: View<'_, Self>, thread: &Thread) {
        self.look("tracing_changed", view, thread.process());
    }

    fn wake_exec(&self, view: View<'_, Self>, thread: &Thread) {
        self.look("wake_exec", view, thread.process());
    }

    fn wake_exit(&self, view: View<'_, Self>, thread: &Thread) {
        self.look("wake_exit", view, thread.process());
    }

    fn wake_core_dump(&self, view: View<'_, Self>, process: &Process) {
        self.look("wake_core_dump", view, process);
    }

    fn request_stop(&self, view: View<'_, Self>, thread: &Thread) {
        self.look("request_stop", view, thread.process());
    }

    fn end_vfork(&self, view: View<'_, Self>, parent: &Thread) {
        self.look("end_vfork", view, parent.process());
    }

    fn last_thread_exited(&self, view: View<'_, Self>, process: &Process) {
        self.look("last_thread_exited", view, process);
    }

    fn wake_waiters(&self, view: View<'_, Self>, parent: &Process, _: &ChildNews) {
        self.look("wake_waiters", view, parent);
    }

    fn wake_pollers(&self, view: View<'_, Self>, process: &Process) {
        self.look("wake_pollers", view, process);
    }

    fn wake_thread_pollers(&self, view: View<'_, Self>, thread: &Thread) {
        self.look("wake_thread_pollers", view, thread.process());
    }

    fn drops_sigchld(&self, view: View<'_, Self>, parent: &Process) -> bool {
        self.look("drops_sigchld", view, parent);
        false
    }

    fn child_signal_flags(&self, view: View<'_, Self>, parent: &Process) -> ChildSignalFlags {
        self.look("child_signal_flags", view, parent);
        ChildSignalFlags::empty()
    }

    fn is_fatal_signal_pending(&self, view: View<'_, Self>, caller: &Thread) -> bool {
        self.look("is_fatal_signal_pending", view, caller.process());
        false
    }

    fn can_fork(
        &self,
        view: View<'_, Self>,
        caller: Option<&Thread>,
        child: &Thread,
    ) -> Result<(), Errno> {
        for thread in caller.into_iter().chain([child]) {
            self.look("can_fork", view, thread.process());
        }
        Ok(())
    }

    fn release_task(&self, view: View<'_, Self>, thread: &Thread) {
        self.look("release_task", view, thread.process());
    }

    fn hang_up_terminal(&self, view: View<'_, Self>, terminal: &Terminal) {
        let _ = (view.session_of_terminal(terminal), view.foreground_group(terminal));
        self.hung_up.lock().unwrap().push(terminal.device());
    }

    fn usage(&self, view: View<'_, Self>, process: &Process) {
        self.look("usage", view, process);
    }
}

/// All hooks that are told of a process or a thread.
const HOOKS: [&str; 34] = [
    "can_fork",
    "can_queue_signal",
    "child_signal_flags",
    "deciding_signal",
    "discard_signals",
    "drops_sigchld",
    "end_vfork",
    "is_fatal_signal_pending",
    "is_signal_awaited",
    "is_signal_blocked",
    "is_signal_queued",
    "is_taken_at_once",
    "is_told_of_signal",
    "last_thread_exited",
    "may_choose_number",
    "may_signal",
    "may_trace",
    "post_signal",
    "post_signal_addressed",
    "post_thread_signal",
    "release_task",
    "request_exit",
    "request_stop",
    "reset_signal_action",
    "signal_action",
    "signal_decided",
    "tracing_changed",
    "usage",
    "wake_exec",
    "wake_core_dump",
    "wake_exit",
    "wake_pollers",
    "wake_thread_pollers",
    "wake_waiters",
];

fn boot() -> (Table, ARef<Thread>) {
    let table = ProcessTable::new(Curious::default());
    let init = table.new_init(1, (), ()).unwrap();
    (table, init)
}

fn fork(parent: &Thread) -> ARef<Thread> {
    parent.fork(ForkRequest::default(), (), ()).unwrap()
}

fn spawn(thread: &Thread) -> ARef<Thread> {
    thread.spawn_thread(Number::Next, ()).unwrap()
}

fn exit(thread: &Thread) {
    thread.exit_thread(ExitStatus::exited(0));
}

fn reap(thread: &Thread) {
    thread.wait(&WaitRequest::wait4(-1, 0).unwrap()).unwrap();
}

#[test]
fn every_hook_can_ask_everything() {
    // Design, "Hooks see": each hook, in operations of every kind, with every invariant looked at, and no answer that takes the lock (the context would say so).
    let (table, init) = boot();
    let (leader, child) = (fork(&init), fork(&init));
    let thread = spawn(&leader);
    leader.process().setsid().unwrap();
    let terminal = table.new_terminal(TerminalKind::Other, 1, ()).unwrap();
    leader.process().open_terminal(&terminal, TerminalFile::Readable);
    init.begin_vfork(&child);
    let chosen = ForkRequest { number: Number::Each(&[77]), ..ForkRequest::default() };
    drop(init.fork(chosen, (), ()));
    let number = leader.tid() as i32;
    let _ = child.kill(number, 12);
    let _ = child.kill(number, 10);
    let _ = child.kill(number, 18);
    let _ = init.kill(fork(&init).tid() as i32, 40);
    let _ = child.tkill(thread.tid() as i32, 10);
    let fault = KernelCause::Event { code: 1, value: 0, number: 0, sender: None };
    child.force_signal(Signal::SIGSEGV, fault, ForcedAction::Default);
    child.attach(thread.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    let _ = leader.begin_stop(Signal::SIGSTOP, leader.process().stop_ticket());
    let _ = (leader.join_stop(), thread.join_stop());
    let _ = child.detach(thread.tid().cast_signed());
    let _ = child.attach(thread.tid().cast_signed(), TraceStart::Attach, TraceOptions::empty());
    let execed = fork(&init);
    let other = spawn(&execed);
    let mut exec = execed.begin_exec().unwrap();
    exit(&other);
    assert_eq!(exec.try_finish(), Ok(true));
    let killed = fork(&init);
    init.kill(killed.tid() as i32, 15).unwrap();
    exit(&killed);
    reap(&init);
    let dumps = fork(&init);
    let parked = spawn(&dumps);
    let dump = dumps.begin_core_dump(Signal::SIGSEGV).unwrap();
    let pending = parked.begin_exit(ExitStatus::exited(0));
    dump.finish(true);
    drop(pending);
    exit(&dumps);
    let inside = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    let inner = init.fork(inside, (), ()).unwrap();
    let last_inside = fork(&inner);
    let mut pending = inner.begin_exit(ExitStatus::exited(0));
    assert!(!pending.try_finish());
    exit(&last_inside);
    assert!(pending.try_finish());
    for thread in [&child, &thread, &leader] {
        exit(thread);
    }
    let seen = table.host().seen.lock().unwrap().keys().copied().collect::<Vec<_>>();
    let missed: Vec<_> = HOOKS.iter().filter(|hook| !seen.contains(hook)).collect();
    assert!(missed.is_empty(), "{missed:?} of {seen:?}");
    assert_eq!(*table.host().hung_up.lock().unwrap(), [1]);
    table.host().forget();
}

#[test]
fn a_hook_sees_the_step_that_it_is_told_of_and_none_that_comes_after() {
    // Design, "Hooks see"; R-EXIT-01, R-NOTIFY-01, R-PIDFD-02: an exit's steps, each as its hook sees it.
    let (table, init) = boot();
    let parent = fork(&init);
    let (child, thread) = (fork(&parent), spawn(&parent));
    table.host().forget();

    exit(&thread);
    let pid = parent.tid();
    let of_parent =
        |sights: Vec<Sight>| sights.into_iter().filter(|it| it.pid == pid).collect::<Vec<_>>();
    let lives = Sight {
        pid,
        state: ProcessState::Live,
        parent: Some(1),
        threads: vec![pid],
        children: vec![(child.tid(), ProcessState::Live)],
        is_member: true,
    };
    let ended = Sight {
        state: ProcessState::Zombie,
        threads: Vec::new(),
        children: Vec::new(),
        ..lives.clone()
    };
    assert_eq!(of_parent(table.host().take("wake_thread_pollers")), [lives]);

    exit(&parent);
    let last = of_parent(table.host().take("last_thread_exited"));
    assert_eq!(last.len(), 1);
    assert_eq!((last[0].parent, &last[0].threads), (Some(1), &Vec::new()), "no thread runs");
    let children = [(child.tid(), ProcessState::Live)];
    assert_eq!(last[0].children, children, "they are still its own");
    assert!(last[0].is_member && last[0].state < ProcessState::Zombie);
    assert_eq!(of_parent(table.host().take("wake_pollers")), [ended]);
    let told = table.host().take("wake_waiters");
    let init_sees = told.iter().rfind(|it| it.pid == 1).unwrap();
    assert_eq!(
        init_sees.children,
        [(pid, ProcessState::Zombie), (child.tid(), ProcessState::Live)]
    );

    table.host().forget();
    reap(&init);
    let reaped = of_parent(table.host().take("wake_pollers"));
    assert_eq!((reaped[0].state, reaped[0].parent), (ProcessState::Reaped, None));
    assert!(!reaped[0].is_member, "it has left its group");
    table.host().forget();
}

#[test]
fn what_a_hook_makes_of_what_it_sees_outlives_the_hold() {
    // Design, "Hooks see", ownership: a reference that is counted in a hook is one like any other, also to who is reaped at once.
    let (table, init) = boot();
    for _ in 0..3 {
        let parent = fork(&init);
        exit(&fork(&parent));
        exit(&parent);
        reap(&init);
        reap(&init);
    }
    let kept = std::mem::take(&mut *table.host().kept.lock().unwrap());
    assert!(kept.iter().any(|it| it.state() == ProcessState::Reaped && it.parent().is_none()));
    drop((table, init));
    assert!(kept.iter().all(|it| it.state() == ProcessState::Reaped));
}
