//! What facades, and kernels with habits of their own, find beside the system calls: data on groups and sessions, forks on behalf of a process, groups entered as
//! objects, zombies released by decision, an own session for init, and the moment between the last thread and the zombie.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axprocess::{
    ARef, Errno, ExitSignal, ExitStatus, ForkNamespace, ForkParent, ForkRequest, Host, InitSession,
    Number, Pid, Process, ProcessGroup, ProcessState, ProcessTable, Relations, Session, Thread,
    ThreadExit, TraceOptions, TraceStart, View, WaitOutcome, WaitRequest,
};

/// A host that writes down whose last thread has exited, and counts its own data.
#[derive(Default)]
struct Kernel {
    last_exits: Mutex<Vec<(Pid, ProcessState, Pid)>>,
}

/// What the kernel hangs on a group or a session: any keepsake, which is dropped with it.
#[derive(Default)]
struct Keepsake(Mutex<Option<Box<dyn Send>>>);

impl Keepsake {
    fn keep(&self, keepsake: impl Send + 'static) {
        *self.0.lock().unwrap() = Some(Box::new(keepsake));
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_none()
    }
}

/// Takes the relation lock when it is dropped: under the lock it would wait for ever.
struct Asks(ARef<Process<Kernel>>, Arc<AtomicUsize>);

impl Drop for Asks {
    fn drop(&mut self) {
        assert!(self.0.is_table_init());
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

impl Host for Kernel {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = &'static str;
    type ThreadData = ();
    type GroupData = Keepsake;
    type SessionData = Keepsake;
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn last_thread_exited(&self, _: View<'_, Self>, process: &Process<Self>) {
        let seen = (process.pid(), process.state(), process.ppid());
        self.last_exits.lock().unwrap().push(seen);
    }
}

type Table = ProcessTable<Kernel>;
type Task = ARef<Thread<Kernel>>;

fn boot() -> (Table, Task) {
    let table = ProcessTable::new(Kernel::default());
    let init = table.new_init_in(1, InitSession::Own, "init", ()).unwrap();
    (table, init)
}

fn child_of(parent: &Process<Kernel>) -> Task {
    parent.fork_child(ForkRequest::default(), "child", ()).unwrap()
}

fn exactly(pid: Pid) -> ForkRequest<'static> {
    ForkRequest { number: Number::Exactly(pid), ..ForkRequest::default() }
}

fn exit(thread: &Task) {
    thread.exit_thread(ExitStatus::exited(0));
}

fn pids(processes: &[ARef<Process<Kernel>>]) -> Vec<Pid> {
    processes.iter().map(|process| process.pid()).collect()
}

// The kernel's data on groups and sessions.

#[test]
fn groups_and_sessions_carry_the_kernels_data() {
    // What `host_data` gives is the object's, whoever asks; a new one's is the default.
    let (_table, init) = boot();
    let group: ARef<ProcessGroup<Kernel>> = init.process().group();
    let session: ARef<Session<Kernel>> = group.session();
    assert!(group.host_data().is_empty() && session.host_data().is_empty());
    group.host_data().keep("init's");
    let child = child_of(init.process());
    assert!(!child.process().group().host_data().is_empty());
    let own = child.process().create_group().unwrap();
    assert!(own.host_data().is_empty() && own.session().host_data().is_empty());
    session.host_data().keep("the first");
    assert!(!own.session().host_data().is_empty());
}

#[test]
fn the_data_of_groups_and_sessions_goes_with_them_and_without_the_lock() {
    // W19, race 13: a group that is left, one whose last member is reaped, and with it its session: each drops its data after the unlock.
    let (table, init) = boot();
    let dropped = Arc::new(AtomicUsize::new(0));
    let asks = || Asks(ARef::clone(init.process()), Arc::clone(&dropped));
    let child = child_of(init.process());
    child.process().create_group().unwrap().host_data().keep(asks());
    child.process().enter_group(&init.process().group()).unwrap();
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    child.process().setpgid(0, 0).unwrap();
    child.process().group().host_data().keep(asks());
    child.process().setpgid(0, 1).unwrap();
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
    let (session, group) = child.process().create_session().unwrap();
    group.host_data().keep(asks());
    session.host_data().keep(asks());
    drop((session, group));
    exit(&child);
    assert!(child.process().release_zombie());
    assert_eq!(dropped.load(Ordering::Relaxed), 2, "the process keeps them");
    drop(child);
    assert_eq!(dropped.load(Ordering::Relaxed), 4);
    drop(table);
}

// Forks on behalf of a process.

#[test]
fn a_child_of_a_process_is_its_leaders() {
    // R-FORK-02, R-FORK-05: it has the parent, the group and the session of a child that the leader forks, and can be waited for.
    let (_table, init) = boot();
    let parent = child_of(init.process());
    let own = parent.process().create_group().unwrap();
    let child = parent.process().fork_child(exactly(77), "named", ()).unwrap();
    assert_eq!((child.tid(), *child.process().host_data()), (77, "named"));
    assert_eq!(child.process().ppid(), parent.tid());
    assert!(ARef::ptr_eq(&child.process().group(), &own));
    assert_eq!(pids(&own.processes().unwrap()), [parent.tid(), 77]);
    exit(&child);
    let outcome = parent.wait(&WaitRequest::wait4(77, 0).unwrap()).unwrap();
    assert!(matches!(outcome, WaitOutcome::Event(event) if event.pid == 77));
}

#[test]
fn a_child_of_the_dead_is_the_reapers() {
    // R-REPARENT-03, R-REPARENT-09: of a zombie the nearest subreaper's, in the zombie's group; of the reaped init's, in init's group. Its exit signal is then SIGCHLD.
    let (_table, init) = boot();
    let subreaper = child_of(init.process());
    subreaper.process().become_subreaper();
    let parent = child_of(subreaper.process());
    let own = parent.process().create_group().unwrap();
    exit(&parent);
    let silent = ForkRequest { exit_signal: ExitSignal::NONE, ..ForkRequest::default() };
    let child = parent.process().fork_child(silent, "late", ()).unwrap();
    assert_eq!(child.process().ppid(), subreaper.tid());
    assert_eq!(child.process().exit_signal(), ExitSignal::SIGCHLD);
    assert!(ARef::ptr_eq(&child.process().group(), &own));
    assert!(parent.process().release_zombie());
    let last = parent.process().fork_child(silent, "later", ()).unwrap();
    assert_eq!((last.process().ppid(), last.process().pgid()), (1, 1));
    let sibling = ForkRequest { parent: ForkParent::Sibling, ..ForkRequest::default() };
    let refused = parent.process().fork_child(sibling, "none", ());
    assert_eq!(refused.map(drop), Err(Errno::EINVAL));
}

#[test]
fn a_sibling_has_its_makers_parent_and_exit_signal() {
    // R-FORK-03, R-CLONE-11: beside the process on whose behalf it is made; init has none.
    let (_table, init) = boot();
    let request = ForkRequest { exit_signal: ExitSignal::NONE, ..ForkRequest::default() };
    let one = init.process().fork_child(request, "one", ()).unwrap();
    let sibling = ForkRequest { parent: ForkParent::Sibling, ..ForkRequest::default() };
    let other = one.process().fork_child(sibling, "other", ()).unwrap();
    assert_eq!(other.process().ppid(), 1);
    assert_eq!(other.process().exit_signal(), ExitSignal::NONE);
    assert_eq!(init.process().fork_child(sibling, "none", ()).map(drop), Err(Errno::EINVAL));
}

#[test]
fn a_child_can_be_the_init_of_a_namespace() {
    // R-FORK-14: `ForkNamespace::New` is one inside the process's own.
    let (_table, init) = boot();
    let request = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    let inner = init.process().fork_child(request, "inner", ()).unwrap();
    assert_eq!((inner.tid(), inner.process().ppid()), (1, 0));
    let child = child_of(inner.process());
    assert_eq!((child.tid(), child.process().ppid()), (2, 1));
}

#[test]
fn any_number_that_user_space_can_name_can_be_chosen() {
    // R-PID-03, R-PID-08: `Number::Exactly` has no limit but that of `pid_t`, an int; 0 is refused, and so is a number in use.
    const LARGEST: Pid = i32::MAX as Pid;
    let (table, init) = boot();
    let child = init.process().fork_child(exactly(LARGEST), "last", ()).unwrap();
    assert_eq!(child.tid(), LARGEST);
    let refused = |pid| init.process().fork_child(exactly(pid), "none", ()).map(drop);
    for wrong in [0, LARGEST + 1, Pid::MAX] {
        assert_eq!(refused(wrong), Err(Errno::EINVAL));
        let table = ProcessTable::new(Kernel::default());
        assert_eq!(table.new_init(wrong, "none", ()).map(drop), Err(Errno::EINVAL));
    }
    assert_eq!(refused(LARGEST), Err(Errno::EEXIST));
    let group = child.process().create_group().unwrap();
    assert_eq!(group.pgid(), LARGEST);
    let leader = init.process().fork_child(exactly(LARGEST - 1), "leader", ()).unwrap();
    assert_eq!(leader.process().create_session().unwrap().0.sid(), LARGEST - 1);
    assert!(table.find_group(LARGEST).is_some() && table.find_session(LARGEST - 1).is_some());
    drop(table);
    assert_eq!(refused(5), Err(Errno::ENOMEM), "the table is gone");
}

// Zombies released by decision.

#[test]
fn a_zombie_is_released_once() {
    // R-WAIT-24: who runs cannot be released; of all who release a zombie one does, and its number is free.
    let (table, init) = boot();
    let child = child_of(init.process());
    assert!(!child.process().release_zombie());
    exit(&child);
    let process = child.process();
    let released: Vec<bool> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(|| process.release_zombie())).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert_eq!(released.iter().filter(|one| **one).count(), 1);
    assert_eq!(process.state(), ProcessState::Reaped);
    assert!(
        table.find_process(child.tid()).is_none() && init.process().children().unwrap().is_empty()
    );
    assert_eq!(init.wait(&WaitRequest::wait4(-1, 0).unwrap()).map(drop), Err(Errno::ECHILD));
}

#[test]
fn a_tracer_loses_the_zombie_that_is_released() {
    // R-PTRACE-01: a traced zombie stands in no list of its tracer's after it.
    let (_table, init) = boot();
    let (tracer, tracee) = (child_of(init.process()), child_of(init.process()));
    tracer
        .attach(tracee.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty())
        .map(drop)
        .unwrap();
    exit(&tracee);
    assert!(tracee.process().release_zombie());
    let own = WaitRequest::wait4(-1, 0).unwrap();
    assert_eq!(tracer.wait(&own).map(drop), Err(Errno::ECHILD));
}

// Groups and sessions as objects.

#[test]
fn a_group_is_entered_as_an_object() {
    // R-SETPGID-09: the members, and both numbers, are as after setpgid(2); who is there already stays.
    let (_table, init) = boot();
    let [one, two] = [(); 2].map(|()| child_of(init.process()));
    let group = one.process().create_group().unwrap();
    assert_eq!(two.process().enter_group(&group), Ok(()));
    assert_eq!(two.process().enter_group(&group), Ok(()));
    assert_eq!(pids(&group.processes().unwrap()), [one.tid(), two.tid()]);
    assert_eq!((two.process().pgid(), two.process().sid()), (one.tid(), 1));
    let again = one.process().create_group().unwrap();
    assert!(ARef::ptr_eq(&again, &group), "the group that lives is no other");
}

#[test]
fn what_enters_no_group_is_told_why() {
    // R-SETPGID-06, R-SETPGID-07: the reaped, session leaders, other sessions and other tables, in this order.
    let (_table, init) = boot();
    let (other_table, other_init) = boot();
    let [leader, child] = [(); 2].map(|()| child_of(init.process()));
    let group = child.process().create_group().unwrap();
    let (_, session) = leader.process().create_session().unwrap();
    assert_eq!(leader.process().enter_group(&group), Err(Errno::EPERM));
    assert_eq!(
        leader.process().enter_group(&session),
        Err(Errno::EPERM),
        "R-SETPGID-06: its own too"
    );
    assert_eq!(leader.process().create_group().map(drop), Err(Errno::EPERM));
    assert_eq!(leader.process().create_session().map(drop), Err(Errno::EPERM));
    assert_eq!(child.process().create_session().map(drop), Err(Errno::EPERM), "R-SETSID-01");
    assert_eq!(child.process().enter_group(&session), Err(Errno::EPERM));
    let foreign = other_init.process().group();
    assert_eq!(foreign.pgid(), init.process().pgid());
    assert_eq!(child.process().enter_group(&foreign), Err(Errno::EPERM));
    exit(&child);
    assert!(child.process().release_zombie());
    assert_eq!(child.process().enter_group(&foreign), Err(Errno::ESRCH));
    assert_eq!(child.process().create_group().map(drop), Err(Errno::ESRCH));
    assert_eq!(child.process().create_session().map(drop), Err(Errno::EPERM));
    drop(other_table);
}

#[test]
fn an_emptied_group_lives_again() {
    // R-PID-08, G15: it is listed again and has its number, with its founder or without.
    let (table, init) = boot();
    let [founder, other] = [(); 2].map(|()| child_of(init.process()));
    let group = founder.process().create_group().unwrap();
    founder.process().enter_group(&init.process().group()).unwrap();
    assert!(table.find_group(founder.tid()).is_none());
    founder.process().enter_group(&group).unwrap();
    assert!(ARef::ptr_eq(&table.find_group(founder.tid()).unwrap(), &group));
    exit(&founder);
    assert!(founder.process().release_zombie());
    assert!(group.processes().unwrap().is_empty());
    other.process().enter_group(&group).unwrap();
    assert_eq!(pids(&group.processes().unwrap()), [other.tid()]);
    assert_eq!(group.session().process_groups().unwrap().len(), 2);
    let refused = init.process().fork_child(exactly(founder.tid()), "none", ());
    assert_eq!(refused.map(drop), Err(Errno::EEXIST));
}

#[test]
fn an_emptied_group_does_not_share_its_number() {
    // One number, one use: another process, group or session has it by now, and the emptied group stays empty.
    let (table, init) = boot();
    let [founder, other] = [(); 2].map(|()| child_of(init.process()));
    let number = founder.tid();
    let group = founder.process().create_group().unwrap();
    founder.process().enter_group(&init.process().group()).unwrap();
    let successor = founder.process().create_group().unwrap();
    assert_eq!(other.process().enter_group(&group), Err(Errno::EPERM), "another group");
    exit(&founder);
    assert!(founder.process().release_zombie());
    let next = init.process().fork_child(exactly(number), "next", ()).unwrap();
    assert_eq!(other.process().enter_group(&group), Err(Errno::EPERM), "another process");
    next.process().create_session().unwrap();
    let job = child_of(next.process());
    job.process().create_group().unwrap();
    exit(&next);
    assert!(next.process().release_zombie());
    assert!(table.find_group(number).is_none() && table.find_session(number).is_some());
    assert_eq!(other.process().enter_group(&successor), Err(Errno::EPERM), "another session");
    exit(&job);
    assert!(init.process().children().unwrap().iter().any(|child| child.pid() == job.tid()));
    assert!(job.process().release_zombie());
    assert_eq!(other.process().enter_group(&group), Ok(()), "nobody has it any more");
    assert_eq!(other.process().pgid(), number);
}

#[test]
fn an_emptied_group_of_an_ended_namespace_stays_empty() {
    // R-NS-20: where a namespace is ending, its numbers come into no use.
    let (_table, init) = boot();
    let request = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    let inner = init.process().fork_child(request, "inner", ()).unwrap();
    let founder = child_of(inner.process());
    let group = founder.process().create_group().unwrap();
    founder.process().enter_group(&init.process().group()).unwrap();
    assert_eq!(founder.process().enter_group(&group), Ok(()));
    founder.process().enter_group(&init.process().group()).unwrap();
    exit(&inner);
    assert_eq!(founder.process().enter_group(&group), Err(Errno::EPERM));
    exit(&founder);
}

#[test]
fn the_group_without_a_number_lives_again_without_one() {
    // R-NS-01: group 0, in which init begins, is emptied and entered again.
    let table = ProcessTable::new(Kernel::default());
    let init = table.new_init(1, "init", ()).unwrap();
    let child = child_of(init.process());
    let nameless = init.process().group();
    init.process().create_group().unwrap();
    child.process().create_group().unwrap();
    assert!(nameless.processes().unwrap().is_empty());
    assert_eq!(child.process().enter_group(&nameless), Ok(()));
    assert_eq!((child.process().pgid(), nameless.pgid()), (0, 0));
    assert!(table.find_group(0).is_none());
}

// Init's session.

#[test]
fn init_can_begin_in_a_session_of_its_own() {
    // R-NS-01: on Linux it begins in one without a number; a facade may want one that it leads.
    let (table, init) = boot();
    assert_eq!((init.process().pgid(), init.process().sid()), (1, 1));
    assert!(ARef::ptr_eq(&table.find_session(1).unwrap(), &init.process().group().session()));
    assert_eq!(init.process().setsid(), Err(Errno::EPERM));
    let second = table.new_init_in(2, InitSession::Own, "none", ());
    assert_eq!(second.map(drop), Err(Errno::EEXIST));
    let empty = ProcessTable::new(Kernel::default());
    assert_eq!(empty.new_init_in(0, InitSession::Own, "none", ()).map(drop), Err(Errno::EINVAL));
}

// Between the last thread and the zombie.

#[test]
fn the_host_is_told_of_the_last_thread_before_the_zombie() {
    // R-EXIT-01, R-EXIT-18: once for each process, while it is `Exiting` and its parent is the old one; never for init.
    let (table, init) = boot();
    let child = child_of(init.process());
    let grandchild = child_of(child.process());
    let second = child.spawn_thread(Number::Next, ()).unwrap();
    assert_eq!(child.exit_thread(ExitStatus::exited(1)), ThreadExit::OthersRemain);
    assert!(table.host().last_exits.lock().unwrap().is_empty());
    assert_eq!(second.exit_thread(ExitStatus::exited(2)), ThreadExit::Last);
    exit(&second);
    exit(&grandchild);
    exit(&init);
    let told = table.host().last_exits.lock().unwrap();
    let exiting = |thread: &Task| (thread.tid(), ProcessState::Exiting, 1);
    assert_eq!(*told, [exiting(&child), exiting(&grandchild)]);
}
