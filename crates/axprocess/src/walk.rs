//! Walks over all processes of a namespace: number by number, or all at one moment.
//!
//! | walk | what it promises | what it costs |
//! | --- | --- | --- |
//! | [`ProcessTable::next_process`] | who is there all the while is met once, in ascending order; as readdir of `/proc` | one look-up per call, in bounded holds |
//! | [`Process::snapshot_tree`] | all of it at one moment: every process once, below its parent (race 12) | one hold over all of them, so nothing else happens meanwhile |
//!
//! The snapshot is the one reader that holds the lock for as long as there are processes: it must be one section, because in two
//! a process can move from what has not been walked to what has. The memory is there before, for as many as there were; if more have come by
//! then, it is given back and asked for anew.

use alloc::vec::Vec;
use core::fmt;

use crate::pid::PidNamespace;
use crate::process::{Process, ProcessStat};
use crate::sync::Hold;
use crate::{ARef, Errno, Host, Pid, ProcessTable};

/// A process in a snapshot of the tree.
pub struct TreeEntry<H: Host> {
    /// The process.
    pub process: ARef<Process<H>>,
    /// How far below the root of the snapshot it stood. An entry's parent is the last one before it with less depth.
    pub depth: usize,
    /// What it was like, with the numbers of the snapshot's viewer.
    pub stat: ProcessStat,
}

impl<H: Host> fmt::Debug for TreeEntry<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>depth$}{}", "", self.stat.pid, depth = self.depth)
    }
}

impl<H: Host> ProcessTable<H> {
    /// Returns the process with the smallest number in `viewer` that is not below `from`, and that number. Takes the lock.
    ///
    /// Serves readdir(3) of `/proc`, where the number after the last one is the place to resume. Zombies are met, threads other than
    /// leaders are not. The lock is given back after 64 numbers that are no process's. R-PROC-04, R-PID-14.
    ///
    /// ```
    /// # use axprocess::{Host, ProcessTable, Relations};
    /// # struct MyKernel;
    /// # impl Host for MyKernel {
    /// #     type Lock = std::sync::Mutex<Relations<Self>>;
    /// #     type ProcessData = ();
    /// #     type ThreadData = ();
    /// #     type GroupData = ();
    /// #     type SessionData = ();
    /// #     type NamespaceData = ();
    /// #     type TerminalData = ();
    /// #     type Usage = ();
    /// # }
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let (pid, process) = table.next_process(table.namespace(), 0).unwrap();
    /// assert_eq!((pid, process.pid()), (1, 1));
    /// assert!(table.next_process(table.namespace(), pid + 1).is_none());
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn next_process(
        &self,
        viewer: &PidNamespace<H>,
        from: Pid,
    ) -> Option<(Pid, ARef<Process<H>>)> {
        let table = self.table()?;
        if !table.pid_ns().contains(viewer) {
            return None;
        }
        let mut from = from;
        loop {
            match table.hold(|hold| look_on(hold, viewer, from)) {
                Looked::Found(number, process) => return Some((number, process)),
                Looked::Nobody => return None,
                Looked::Upto(number) => from = number,
            }
        }
    }
}

/// How far one hold has come.
enum Looked<H: Host> {
    Found(Pid, ARef<Process<H>>),
    /// Nobody has a number below this one.
    Upto(Pid),
    Nobody,
}

fn look_on<H: Host>(hold: &mut Hold<'_, H>, viewer: &PidNamespace<H>, from: Pid) -> Looked<H> {
    let mut from = from;
    while let Some(number) = viewer.numbers(hold).first_used_from(from) {
        hold.count_touched();
        let task = viewer.task_of(hold, number);
        let process = task.and_then(|task| task.process_of_leader(hold));
        if let Some(process) = process.and_then(Process::share_unless_reaped) {
            return Looked::Found(number, process);
        }
        match number.checked_add(1) {
            Some(next) if hold.is_batch_full() => return Looked::Upto(next),
            Some(next) => from = next,
            None => return Looked::Nobody,
        }
    }
    Looked::Nobody
}

impl<H: Host> Process<H> {
    /// Returns this process and all its descendants, zombies included, as they stood at one moment: parents before
    /// children, children in the order of [`Process::children`]. What is below the table's init is not below kthreadd: each root has a tree of its own. Empty once the process is reaped, and for a viewer that cannot see it.
    ///
    /// Holds the lock for as long as it takes to look at all of them, which is for debuggers, checkpoints and out-of-memory killers, not for
    /// `/proc`. Allocates before, for as many processes as there are in the whole table.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory for all of them.
    pub fn snapshot_tree(&self, viewer: &PidNamespace<H>) -> Result<Vec<TreeEntry<H>>, Errno> {
        let count = |hold: &mut Hold<'_, H>| hold.relations().census.unreaped();
        loop {
            let expected = self.table().hold(count);
            let room = usize::try_from(expected).unwrap_or(usize::MAX).saturating_add(SLACK);
            let mut found = Vec::new();
            found.try_reserve_exact(room).map_err(|_| Errno::ENOMEM)?;
            if self.table().hold(|hold| self.collect_tree_if_room(hold, viewer, &mut found)) {
                return Ok(found);
            }
        }
    }

    /// Walks as far as there is room. False if there was too little.
    fn collect_tree_if_room(
        &self,
        hold: &mut Hold<'_, H>,
        viewer: &PidNamespace<H>,
        found: &mut Vec<TreeEntry<H>>,
    ) -> bool {
        let mut at = Some((self.in_hold(hold), 0));
        while let Some((process, depth)) = at {
            hold.count_touched();
            if found.len() == found.capacity() {
                return false;
            }
            if let (Some(shared), Some(stat)) =
                (process.share_unless_reaped(), process.stat_in(hold, viewer))
            {
                found.push(TreeEntry { process: shared, depth, stat });
            }
            at = self.next_in_tree(hold, process, depth);
        }
        true
    }

    /// The process after `at` below this one, parents before children, and its depth.
    fn next_in_tree<'h>(
        &self,
        hold: &Hold<'h, H>,
        at: &'h Self,
        depth: usize,
    ) -> Option<(&'h Self, usize)> {
        if let Some(child) = at.first_child(hold) {
            return Some((child, depth + 1));
        }
        let (mut at, mut depth) = (at, depth);
        while !core::ptr::eq(at, self) {
            let parent = at.parent_in(hold)?;
            if let Some(sibling) = parent.child_after(hold, at) {
                return Some((sibling, depth));
            }
            (at, depth) = (parent, depth.saturating_sub(1));
        }
        None
    }
}

/// How many processes may come between the count and the walk before that begins anew.
const SLACK: usize = 64;
