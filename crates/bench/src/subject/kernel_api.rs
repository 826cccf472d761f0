//! axprocess, as a kernel calls it.

use std::hint::black_box;

use axprocess::{
    ARef, Cursor, ExitStatus, ForkRequest, Host, Number, ProcessGroup, ProcessTable, Relations,
    WaitOutcome, WaitRequest,
};
use kspin::SpinNoIrq;

use super::Subject;

/// A kernel that hangs nothing on a process; its relation lock is of the peers' kind.
pub(crate) struct Kernel;

impl Host for Kernel {
    type Lock = SpinNoIrq<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type Usage = ();
}

type Thread = ARef<axprocess::Thread<Kernel>>;

/// The kernel's calls: a process comes with its leader thread, and gets its number from the table.
pub(crate) struct KernelApi;

/// A table, and its init.
pub(crate) struct Machine {
    table: ProcessTable<Kernel>,
    _init: Thread,
}

impl Subject for KernelApi {
    type World = Machine;
    type Process = Thread;
    type Group = ARef<ProcessGroup<Kernel>>;
    type Thread = Thread;

    fn found(_number: u32) -> (Machine, Thread) {
        let table = ProcessTable::new(Kernel);
        let init = table.new_init(1, (), ()).expect("an empty table");
        let first = init.fork(ForkRequest::default(), (), ()).expect("a child of init");
        first.process().setsid().expect("it leads no group");
        (Machine { table, _init: init }, first)
    }

    #[inline]
    fn fork(parent: &Thread, _number: u32) -> Thread {
        parent.fork(ForkRequest::default(), (), ()).expect("the parent lives")
    }

    #[inline]
    fn exit(process: &Thread) {
        process.exit_thread(ExitStatus::exited(0));
    }

    #[inline]
    fn reap(parent: &Thread, zombie: &Thread) {
        let pid = i32::try_from(zombie.tid()).unwrap_or(0);
        let answer = WaitRequest::wait4(pid, 0).and_then(|request| parent.wait(&request));
        assert!(matches!(answer, Ok(WaitOutcome::Event(_))), "the zombie is there");
    }

    const HAS_LEADER: bool = true;

    #[inline]
    fn add_thread(process: &Thread, _number: u32) -> Thread {
        process.spawn_thread(Number::Next, ()).expect("the process lives")
    }

    #[inline]
    fn exit_thread(_process: &Thread, thread: Thread) {
        thread.exit_thread(ExitStatus::exited(0));
    }

    #[inline]
    fn getppid(process: &Thread) -> u32 {
        process.process().getppid()
    }

    #[inline]
    fn getpgid(process: &Thread) -> u32 {
        process.process().getpgid(0).unwrap_or(0)
    }

    #[inline]
    fn getsid(process: &Thread) -> u32 {
        process.process().getsid(0).unwrap_or(0)
    }

    fn group(process: &Thread) -> Self::Group {
        process.process().group()
    }

    fn lead_group(process: &Thread) -> Self::Group {
        process.process().setpgid(0, 0).expect("it leads no session");
        process.process().group()
    }

    fn lead_session(process: &Thread) {
        process.process().setsid().expect("it leads no group");
    }

    #[inline]
    fn move_to(process: &Thread, group: &Self::Group) {
        let pgid = i32::try_from(group.pgid()).unwrap_or(0);
        process.process().setpgid(0, pgid).expect("a group of its session");
    }

    #[inline]
    fn count_members(group: &Self::Group) -> usize {
        let (mut cursor, mut count) = (Cursor::new(), 0);
        while !cursor.is_done() {
            count += group.read(|view| {
                let members = view.members(group, &mut cursor);
                members.inspect(|member| _ = black_box(member.pid())).count()
            });
        }
        count
    }

    fn enlist(_world: &Machine, _process: &Thread) {}

    #[inline]
    fn finds(world: &Machine, number: u32) -> bool {
        let viewer = world.table.namespace();
        world.table.read(|view| view.find_process(viewer, number).is_some())
    }

    #[inline]
    fn wait_any(parent: &Thread) -> bool {
        let answer = WaitRequest::wait4(-1, 0).and_then(|request| parent.wait(&request));
        matches!(answer, Ok(WaitOutcome::Event(_)))
    }

    fn number(process: &Thread) -> u32 {
        process.tid()
    }

    fn abandon(world: Machine, processes: Vec<Thread>) {
        drop(world);
        drop(processes);
    }
}
