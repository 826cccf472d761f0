//! The API of axprocess 0.1, over the model.

use std::hint::black_box;
use std::sync::{Arc, OnceLock};

use axprocess_0_1::{Process, ProcessGroup, Thread};
use kspin::SpinNoIrq;
use weak_map::WeakMap;

use super::Subject;

/// The older calls: numbers are the caller's, threads are optional, and waits and look-ups are the kernel's business.
pub(crate) struct OlderApi;

/// The one init of the program.
fn init() -> &'static Arc<Process> {
    static INIT: OnceLock<Arc<Process>> = OnceLock::new();
    INIT.get_or_init(|| Process::new_init(1).build())
}

/// The kernel's own map of numbers.
type Registry = SpinNoIrq<WeakMap<u32, std::sync::Weak<Process>>>;

impl Subject for OlderApi {
    type World = Registry;
    type Process = Arc<Process>;
    type Group = Arc<ProcessGroup>;
    type Thread = Arc<Thread>;

    fn found(number: u32) -> (Registry, Arc<Process>) {
        let first = init().fork(number).build();
        first.create_session().expect("it leads no session");
        (SpinNoIrq::new(WeakMap::new()), first)
    }

    #[inline]
    fn fork(parent: &Arc<Process>, number: u32) -> Arc<Process> {
        parent.fork(number).build()
    }

    #[inline]
    fn exit(process: &Arc<Process>) {
        process.exit();
    }

    #[inline]
    fn reap(_parent: &Arc<Process>, zombie: &Arc<Process>) {
        zombie.free();
    }

    #[inline]
    fn add_thread(process: &Arc<Process>, number: u32) -> Arc<Thread> {
        process.new_thread(number).build()
    }

    #[inline]
    fn exit_thread(_process: &Arc<Process>, thread: Arc<Thread>) {
        thread.exit(0);
    }

    #[inline]
    fn getppid(process: &Arc<Process>) -> u32 {
        process.parent().map_or(0, |parent| parent.pid())
    }

    #[inline]
    fn getpgid(process: &Arc<Process>) -> u32 {
        process.group().pgid()
    }

    #[inline]
    fn getsid(process: &Arc<Process>) -> u32 {
        process.group().session().sid()
    }

    fn group(process: &Arc<Process>) -> Arc<ProcessGroup> {
        process.group()
    }

    fn lead_group(process: &Arc<Process>) -> Arc<ProcessGroup> {
        process.create_group().expect("it leads no group")
    }

    fn lead_session(process: &Arc<Process>) {
        process.create_session().expect("it leads no session");
    }

    #[inline]
    fn move_to(process: &Arc<Process>, group: &Arc<ProcessGroup>) {
        assert!(process.move_to_group(group), "a group of its session");
    }

    #[inline]
    fn count_members(group: &Arc<ProcessGroup>) -> usize {
        let members = group.processes();
        members.iter().for_each(|member| _ = black_box(member.pid()));
        members.len()
    }

    fn enlist(world: &Registry, process: &Arc<Process>) {
        world.lock().insert(process.pid(), process);
    }

    #[inline]
    fn finds(world: &Registry, number: u32) -> bool {
        world.lock().get(&number).is_some()
    }

    #[inline]
    fn wait_any(parent: &Arc<Process>) -> bool {
        let zombie = parent.children().into_iter().find(|child| child.is_zombie());
        zombie.inspect(|zombie| zombie.free()).is_some()
    }

    fn number(process: &Arc<Process>) -> u32 {
        process.pid()
    }

    fn abandon(_world: Registry, processes: Vec<Arc<Process>>) {
        for process in processes {
            Self::exit(&process);
            Self::reap(init(), &process);
        }
    }
}
