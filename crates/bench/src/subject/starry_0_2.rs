//! starry-process 0.2.0: as axprocess 0.1, without thread objects.

use std::hint::black_box;
use std::sync::{Arc, OnceLock};

use kspin_0_1::SpinNoIrq;
use starry_process_0_2::{Process, ProcessGroup};
use weak_map::WeakMap;

use super::Subject;

pub(crate) struct Starry02;

/// The one init of the program.
fn init() -> &'static Arc<Process> {
    static INIT: OnceLock<Arc<Process>> = OnceLock::new();
    INIT.get_or_init(|| Process::new_init(1))
}

/// The kernel's own map of numbers.
type Registry = SpinNoIrq<WeakMap<u32, std::sync::Weak<Process>>>;

impl Subject for Starry02 {
    type World = Registry;
    type Process = Arc<Process>;
    type Group = Arc<ProcessGroup>;
    type Thread = u32;

    fn found(number: u32) -> (Registry, Arc<Process>) {
        let first = init().fork(number);
        first.create_session().expect("it leads no session");
        (SpinNoIrq::new(WeakMap::new()), first)
    }

    #[inline]
    fn fork(parent: &Arc<Process>, number: u32) -> Arc<Process> {
        parent.fork(number)
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
    fn add_thread(process: &Arc<Process>, number: u32) -> u32 {
        process.add_thread(number);
        number
    }

    #[inline]
    fn exit_thread(process: &Arc<Process>, thread: u32) {
        process.exit_thread(thread, 0);
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
