//! axprocess, as a kernel calls it.

use std::hint::black_box;

use axprocess::{
    ARef, Cursor, ExitStatus, ForkRequest, Host, Number, ProcessGroup, ProcessTable, Relations,
    WaitOutcome, WaitRequest,
};
use kspin::SpinNoIrq;

use super::Subject;

/// A kernel that hangs nothing on a process; its relation lock is of the peers' kind. Blocks are kept for the next process, or go to the allocator each time.
pub(crate) struct Kernel<const KEEPS_BLOCKS: bool = true>;

impl<const KEEPS_BLOCKS: bool> Host for Kernel<KEEPS_BLOCKS> {
    const KEEPS_BLOCKS: bool = KEEPS_BLOCKS;

    type Lock = SpinNoIrq<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();
}

type Thread<const KEEPS_BLOCKS: bool> = ARef<axprocess::Thread<Kernel<KEEPS_BLOCKS>>>;

/// The kernel's calls: a process comes with its leader thread, and gets its number from the table.
pub(crate) struct KernelApi<const KEEPS_BLOCKS: bool = true>;

/// A table, and its init.
pub(crate) struct Machine<const KEEPS_BLOCKS: bool> {
    table: ProcessTable<Kernel<KEEPS_BLOCKS>>,
    _init: Thread<KEEPS_BLOCKS>,
}

impl<const KEEPS_BLOCKS: bool> Subject for KernelApi<KEEPS_BLOCKS> {
    type World = Machine<KEEPS_BLOCKS>;
    type Process = Thread<KEEPS_BLOCKS>;
    type Group = ARef<ProcessGroup<Kernel<KEEPS_BLOCKS>>>;
    type Thread = Thread<KEEPS_BLOCKS>;

    fn found(_number: u32) -> (Self::World, Self::Process) {
        let table = ProcessTable::new(Kernel);
        let init = table.new_init(1, (), ()).expect("an empty table");
        let first = init.fork(ForkRequest::default(), (), ()).expect("a child of init");
        first.process().setsid().expect("it leads no group");
        (Machine { table, _init: init }, first)
    }

    #[inline]
    fn fork(parent: &Self::Process, _number: u32) -> Self::Process {
        parent.fork(ForkRequest::default(), (), ()).expect("the parent lives")
    }

    #[inline]
    fn exit(process: &Self::Process) {
        process.exit_thread(ExitStatus::exited(0));
    }

    #[inline]
    fn reap(parent: &Self::Process, zombie: &Self::Process) {
        let pid = i32::try_from(zombie.tid()).unwrap_or(0);
        let answer = WaitRequest::wait4(pid, 0).and_then(|request| parent.wait(&request));
        assert!(matches!(answer, Ok(WaitOutcome::Event(_))), "the zombie is there");
    }

    const HAS_LEADER: bool = true;

    #[inline]
    fn add_thread(process: &Self::Process, _number: u32) -> Self::Process {
        process.spawn_thread(Number::Next, ()).expect("the process lives")
    }

    #[inline]
    fn exit_thread(_process: &Self::Process, thread: Self::Process) {
        thread.exit_thread(ExitStatus::exited(0));
    }

    #[inline]
    fn getppid(process: &Self::Process) -> u32 {
        process.process().ppid()
    }

    #[inline]
    fn getpgid(process: &Self::Process) -> u32 {
        process.process().getpgid(0).unwrap_or(0)
    }

    #[inline]
    fn getsid(process: &Self::Process) -> u32 {
        process.process().getsid(0).unwrap_or(0)
    }

    fn group(process: &Self::Process) -> Self::Group {
        process.process().group()
    }

    fn lead_group(process: &Self::Process) -> Self::Group {
        process.process().setpgid(0, 0).expect("it leads no session");
        process.process().group()
    }

    fn lead_session(process: &Self::Process) {
        process.process().setsid().expect("it leads no group");
    }

    #[inline]
    fn move_to(process: &Self::Process, group: &Self::Group) {
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

    fn enlist(_world: &Self::World, _process: &Self::Process) {}

    #[inline]
    fn finds(world: &Self::World, number: u32) -> bool {
        let viewer = world.table.namespace();
        world.table.read(|view| view.find_process(viewer, number).is_some())
    }

    #[inline]
    fn wait_any(parent: &Self::Process) -> bool {
        let answer = WaitRequest::wait4(-1, 0).and_then(|request| parent.wait(&request));
        matches!(answer, Ok(WaitOutcome::Event(_)))
    }

    fn number(process: &Self::Process) -> u32 {
        process.tid()
    }

    fn abandon(world: Self::World, processes: Vec<Self::Process>) {
        drop(world);
        drop(processes);
    }
}
