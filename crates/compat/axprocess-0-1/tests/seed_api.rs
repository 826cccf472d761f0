//! The API of axprocess 0.1, item by item, as its users call it: nowhere is a type parameter named.

extern crate axprocess_0_1 as axprocess;

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use axprocess::{
    Pid, Process, ProcessBuilder, ProcessGroup, Session, Thread, ThreadBuilder, init_proc,
};
use common::{INIT, INIT_DATA, bury, child_of, count, fresh, group_leader, init, login, same};

// How users of the crate name its types.

/// An extension of the crate's type, with the receivers that its methods have.
trait ProcessExt {
    fn name(&self) -> String;
    fn descendants(self: &Arc<Self>) -> usize;
}

impl ProcessExt for Process {
    fn name(&self) -> String {
        self.data::<String>().cloned().unwrap_or_default()
    }

    fn descendants(self: &Arc<Self>) -> usize {
        let children = self.children();
        children.len() + children.iter().map(|c| c.descendants()).sum::<usize>()
    }
}

/// A kernel's own tables, with the crate's types in its fields.
#[derive(Default)]
struct Kernel {
    processes: Mutex<HashMap<Pid, Weak<Process>>>,
    threads: Mutex<HashMap<Pid, Weak<Thread>>>,
    foreground: Mutex<Option<(Arc<Session>, Weak<ProcessGroup>)>>,
}

impl Kernel {
    fn find_process(&self, pid: Pid) -> Option<Arc<Process>> {
        self.processes.lock().unwrap().get(&pid)?.upgrade()
    }

    fn publish(&self, thread: &Arc<Thread>) {
        let process = thread.process();
        let mut processes = self.processes.lock().unwrap();
        processes.insert(process.pid(), Arc::downgrade(process));
        let mut threads = self.threads.lock().unwrap();
        threads.insert(thread.tid(), Arc::downgrade(thread));
    }
}

/// The data of a thread that knows its process, as kernels have it.
struct Task {
    process: Arc<Process>,
    wakeups: AtomicU32,
}

fn clone_process(parent: &Arc<Process>, name: &str) -> Arc<Thread> {
    let pid = fresh();
    let builder: ProcessBuilder = parent.fork(pid);
    let child = builder.data(name.to_owned()).build();
    let builder: ThreadBuilder = child.new_thread(pid);
    let task = Task { process: Arc::clone(&child), wakeups: AtomicU32::new(0) };
    builder.data(task).build()
}

fn session_id(process: &Process) -> Pid {
    process.group().session().sid()
}

#[test]
fn a_kernel_names_the_types_without_parameters() {
    // axprocess 0.1, API: users have the types in fields, signatures and extension traits, and all is inferred.
    let kernel = Kernel::default();
    let shell = clone_process(&init(), "shell");
    let job = clone_process(shell.process(), "job");
    for thread in [&shell, &job] {
        kernel.publish(thread);
    }

    let found = kernel.find_process(job.process().pid()).expect("it lives");
    assert_eq!(found.name(), "job");
    assert_eq!(shell.process().descendants(), 1);
    let task = job.data::<Task>().expect("it was given");
    assert!(Arc::ptr_eq(&task.process, &found));
    task.wakeups.fetch_add(1, Ordering::Relaxed);
    assert_eq!(task.wakeups.load(Ordering::Relaxed), 1);

    let (session, group) = shell.process().create_session().expect("it leads nothing");
    *kernel.foreground.lock().unwrap() = Some((session, Arc::downgrade(&group)));
    assert_eq!(session_id(shell.process()), shell.tid());
    assert_eq!(session_id(&found), session_id(&init()));
    let foreground = kernel.foreground.lock().unwrap();
    let (session, group) = foreground.as_ref().expect("it was set");
    let group = group.upgrade().expect("it has a member");
    assert!(Arc::ptr_eq(&group.session(), session));
    bury([shell.process(), &found]);
}

#[test]
fn the_types_are_shared_between_threads() {
    // axprocess 0.1, API: `Arc`s of all four types go from thread to thread, and builders too.
    fn check<T: Send + Sync + 'static>() {}
    check::<Process>();
    check::<Thread>();
    check::<ProcessGroup>();
    check::<Session>();
    check::<ProcessBuilder>();
    check::<ThreadBuilder>();
}

// Numbers.

#[test]
fn all_numbers_are_u32() {
    // axprocess 0.1, API: `type Pid = u32`, for processes, threads, groups and sessions alike.
    let number: u32 = fresh();
    let process = init().fork(number).build();
    let thread = process.new_thread(number).build();
    let (session, group) = process.create_session().expect("it leads nothing");
    let numbers: [Pid; 4] = [process.pid(), thread.tid(), group.pgid(), session.sid()];
    assert_eq!(numbers, [number; 4]);
    bury([&process]);
}

#[test]
fn the_largest_number_is_a_number() {
    // axprocess 0.1, API: the caller chooses any `u32` as a PID.
    let process = init().fork(Pid::MAX).build();
    assert_eq!(process.pid(), Pid::MAX);
    assert_eq!(count(&init().children(), &process), 1);
    let group = process.create_group().expect("it leads nothing");
    assert_eq!(group.pgid(), Pid::MAX);
    bury([&process]);
}

// Init.

#[test]
fn init_proc_is_the_process_that_new_init_built() {
    // axprocess 0.1, API: `init_proc() -> Arc<Process>`.
    let built = init();
    let found: Arc<Process> = init_proc();
    assert!(Arc::ptr_eq(&built, &found));
    assert_eq!((found.pid(), found.data()), (INIT, Some(&INIT_DATA)));
}

#[test]
fn new_init_may_be_called_often() {
    // axprocess 0.1, API: `new_init` only begins; without `build` it makes nothing.
    let built = init();
    let _builders = [2, 3, 4].map(Process::new_init);
    assert!(Arc::ptr_eq(&init_proc(), &built));
}

#[test]
fn init_alone_is_init() {
    // axprocess 0.1, API: `is_init(self: &Arc<Self>)`.
    let child = child_of(&init());
    assert!(init().is_init());
    assert!(!child.is_init());
    assert!(Process::is_init(&init_proc()));
    bury([&child]);
}

// Builders and data.

#[test]
fn fork_builds_a_child_of_the_number_given() {
    // axprocess 0.1, API: `process.fork(pid) -> ProcessBuilder`, `build(self) -> Arc<Process>`, `pid`.
    let pid = fresh();
    let child: Arc<Process> = init().fork(pid).build();
    assert_eq!(child.pid(), pid);
    assert!(!child.is_zombie());
    assert_eq!(count(&init().children(), &child), 1);
    bury([&child]);
}

#[test]
fn a_process_has_the_data_it_was_given() {
    // axprocess 0.1, API: `ProcessBuilder::data<T: Any + Send + Sync>`, `data::<T>() -> Option<&T>`: `None` for another type.
    let process = init().fork(fresh()).data(Mutex::new(7_u64)).build();
    let data: &Mutex<u64> = process.data().expect("it was given");
    *data.lock().unwrap() += 1;
    assert_eq!(*process.data::<Mutex<u64>>().unwrap().lock().unwrap(), 8);
    assert!(process.data::<u64>().is_none());
    assert!(process.data::<()>().is_none());
    bury([&process]);
}

#[test]
fn a_thread_has_the_data_it_was_given() {
    // axprocess 0.1, API: `ThreadBuilder::data`, `Thread::data::<T>()`: `None` for another type.
    let process = init().fork(fresh()).data("the process's").build();
    let thread = process.new_thread(fresh()).data("the thread's").build();
    assert_eq!(thread.data::<&str>(), Some(&"the thread's"));
    assert_eq!(process.data::<&str>(), Some(&"the process's"));
    assert!(thread.data::<String>().is_none() && thread.data::<()>().is_none());
    bury([&process]);
}

#[test]
fn without_data_the_data_is_the_unit() {
    // axprocess 0.1, API: data that nobody gave is `()`.
    let process = child_of(&init());
    let thread = process.new_thread(fresh()).build();
    assert_eq!((process.data(), thread.data()), (Some(&()), Some(&())));
    assert!(process.data::<u32>().is_none() && thread.data::<u32>().is_none());
    bury([&process]);
}

#[test]
fn the_last_data_given_counts() {
    // axprocess 0.1, API: `data(self, T) -> Self` can be called again, and replaces; the first is dropped at once.
    let first = Arc::new(());
    let process = init().fork(fresh()).data(Arc::clone(&first)).data(2_u8);
    assert_eq!(Arc::strong_count(&first), 1);
    let process = process.build();
    let thread = process.new_thread(fresh()).data(3_u8).data(4_u8).build();
    assert_eq!((process.data(), thread.data()), (Some(&2_u8), Some(&4_u8)));
    bury([&process]);
}

// The tree.

#[test]
fn parent_and_children_name_each_other() {
    // axprocess 0.1, API: `parent() -> Option<Arc<Process>>`, `children() -> Vec<Arc<Process>>`; init has no parent.
    let parent = child_of(&init());
    let (one, two) = (child_of(&parent), child_of(&parent));
    let children: Vec<Arc<Process>> = parent.children();
    assert!(same(&children, &[&one, &two]));
    for child in &children {
        let found: Option<Arc<Process>> = child.parent();
        assert!(Arc::ptr_eq(&found.expect("it has one"), &parent));
    }
    assert!(init().parent().is_none());
    assert!(one.children().is_empty());
    bury([&one, &two, &parent]);
}

#[test]
fn a_list_of_many_children_is_complete() {
    // axprocess 0.1, API: `children()` has every child once, also when the lock is given back in between.
    let parent = child_of(&init());
    let children: Vec<_> = (0..150).map(|_| child_of(&parent)).collect();
    let expected: Vec<_> = children.iter().collect();
    assert!(same(&parent.children(), &expected));
    bury(children.iter().chain([&parent]));
}

// Groups and sessions.

#[test]
fn group_session_and_members_name_each_other() {
    // axprocess 0.1, API: `Process::group`, `ProcessGroup::{pgid, session, processes}`, `Session::{sid, process_groups}`.
    let leader = login();
    let member = child_of(&leader);
    let group: Arc<ProcessGroup> = member.group();
    let session: Arc<Session> = group.session();
    assert_eq!((group.pgid(), session.sid()), (leader.pid(), leader.pid()));
    let members: Vec<Arc<Process>> = group.processes();
    assert!(same(&members, &[&leader, &member]));
    let groups: Vec<Arc<ProcessGroup>> = session.process_groups();
    assert!(same(&groups, &[&group]));
    bury([&member, &leader]);
}

#[test]
fn create_session_makes_a_session_and_a_group() {
    // axprocess 0.1, API: `create_session() -> Option<(Arc<Session>, Arc<ProcessGroup>)>` moves the process into both.
    let process = child_of(&init());
    let left = process.group();
    let created: Option<(Arc<Session>, Arc<ProcessGroup>)> = process.create_session();
    let (session, group) = created.expect("it leads nothing");
    assert_eq!((session.sid(), group.pgid()), (process.pid(), process.pid()));
    assert!(Arc::ptr_eq(&process.group(), &group));
    assert!(Arc::ptr_eq(&group.session(), &session));
    assert!(same(&session.process_groups(), &[&group]));
    assert!(same(&group.processes(), &[&process]));
    assert_eq!(count(&left.processes(), &process), 0);
    bury([&process]);
}

#[test]
fn create_group_makes_a_group_in_the_same_session() {
    // axprocess 0.1, API: `create_group() -> Option<Arc<ProcessGroup>>` moves the process into it.
    let leader = login();
    let process = child_of(&leader);
    let created: Option<Arc<ProcessGroup>> = process.create_group();
    let group = created.expect("it leads nothing");
    assert_eq!(group.pgid(), process.pid());
    assert!(Arc::ptr_eq(&process.group(), &group));
    assert!(same(&group.processes(), &[&process]));
    assert!(same(&leader.group().processes(), &[&leader]));
    let session = leader.group().session();
    assert!(Arc::ptr_eq(&group.session(), &session));
    assert!(same(&session.process_groups(), &[&leader.group(), &group]));
    bury([&process, &leader]);
}

#[test]
fn move_to_group_moves() {
    // axprocess 0.1, API: `move_to_group(&Arc<ProcessGroup>) -> bool`: out of the one group, into the other.
    let leader = login();
    let process = child_of(&leader);
    let (other, group) = group_leader(&leader);
    let moved: bool = process.move_to_group(&group);
    assert!(moved);
    assert!(Arc::ptr_eq(&process.group(), &group));
    assert!(same(&group.processes(), &[&other, &process]));
    assert!(same(&leader.group().processes(), &[&leader]));
    bury([&process, &other, &leader]);
}

// Threads.

#[test]
fn threads_and_process_name_each_other() {
    // axprocess 0.1, API: `new_thread(tid) -> ThreadBuilder`, `threads() -> Vec<Arc<Thread>>`, `tid`, `process() -> &Arc<Process>`.
    let process = child_of(&init());
    let leader: Arc<Thread> = process.new_thread(process.pid()).build();
    let second = process.new_thread(fresh()).build();
    let threads: Vec<Arc<Thread>> = process.threads();
    assert!(same(&threads, &[&leader, &second]));
    assert_eq!(leader.tid(), process.pid());
    let of_second: &Arc<Process> = second.process();
    assert!(Arc::ptr_eq(of_second, &process));
    bury([&process]);
}

#[test]
fn the_last_thread_to_exit_is_told_so() {
    // axprocess 0.1, API: `exit(exit_code) -> bool`, true: it was the last. The process lives on until its own `exit`.
    let process = child_of(&init());
    let [one, two, three] = [0; 3].map(|_| process.new_thread(fresh()).build());
    assert!(!two.exit(0));
    assert!(same(&process.threads(), &[&one, &three]));
    assert!(!one.exit(0));
    assert!(three.exit(0));
    assert!(process.threads().is_empty());
    assert!(!process.is_zombie());
    bury([&process]);
}

#[test]
fn group_exit_is_remembered() {
    // axprocess 0.1, API: `is_group_exited()`, `group_exit()`: a mark, which ends neither threads nor process.
    let process = child_of(&init());
    let thread = process.new_thread(fresh()).build();
    assert!(!process.is_group_exited());
    let (): () = process.group_exit();
    assert!(process.is_group_exited());
    assert!(!process.is_zombie());
    assert!(same(&process.threads(), &[&thread]));
    bury([&process]);
}

#[test]
fn the_exit_code_is_any_i32() {
    // axprocess 0.1, API: `exit_code() -> i32`, 0 before any thread has exited.
    let process = child_of(&init());
    assert_eq!(process.exit_code(), 0);
    for code in [i32::MIN, -1, 256, i32::MAX] {
        process.new_thread(fresh()).build().exit(code);
        assert_eq!(process.exit_code(), code);
    }
    bury([&process]);
}

// The end.

#[test]
fn exit_makes_a_zombie_and_free_removes_it() {
    // axprocess 0.1, API: `is_zombie()`, `exit()`, `free()`.
    let process = child_of(&init());
    assert!(!process.is_zombie());
    process.exit();
    assert!(process.is_zombie());
    assert_eq!(count(&init().children(), &process), 1);
    process.free();
    assert_eq!(count(&init().children(), &process), 0);
}

// Printing.

#[test]
fn all_four_can_be_printed() {
    // axprocess 0.1, API: `Debug` for all four, in the form of its later commits; a process names at least its number.
    let leader = login();
    let process = child_of(&leader);
    let group = process.create_group().expect("it leads nothing");
    let thread = process.new_thread(fresh()).build();
    let (pid, sid) = (process.pid(), leader.pid());
    assert_eq!(format!("{group:?}"), format!("ProcessGroup({pid}, session={sid})"));
    assert_eq!(format!("{:?}", group.session()), format!("Session({sid})"));
    assert_eq!(format!("{thread:?}"), format!("Thread({}, process={pid})", thread.tid()));
    let printed = format!("{process:?}");
    assert!(printed.starts_with("Process") && printed.contains(&pid.to_string()));
    bury([&process, &leader]);
}

#[test]
fn printing_needs_nothing_that_has_gone() {
    // axprocess 0.1, API: `Debug` also of what has been reaped and left empty.
    let leader = login();
    let (group, session) = (leader.group(), leader.group().session());
    bury([&leader]);
    let pid = leader.pid();
    assert!(format!("{leader:?}").contains(&pid.to_string()));
    assert_eq!(
        format!("{group:?} {session:?}"),
        format!("ProcessGroup({pid}, session={pid}) Session({pid})")
    );
}
