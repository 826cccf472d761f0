//! vfork: a thread that waits until its child has left its memory alone.
//!
//! | who | does | Linux |
//! | --- | --- | --- |
//! | the parent's thread | forks, ties the child's first thread to itself before that runs ([`Thread::begin_vfork`]), lets it run, sleeps while [`Thread::is_waiting_for_vfork`] | `vfork_done` |
//! | the child's thread | execs with success, or exits: the tie is undone, and the parent's thread is woken. A failed exec undoes nothing (R-EXEC-09) | `mm_release` |
//! | a thread that is killed while it waits | exits: the tie is undone, the child lives on, with a new parent (R-VFORK-02) | `wait_for_vfork_done` |
//!
//! The tie is between two **threads**: other threads of the parent run on, and a second thread of the child that execs lets the parent go because it
//! makes the first one vanish. Both ends know each other, so whichever goes first leaves nothing behind.
//!
//! The kernel gives the memory back before it closes files and ends the thread, and says so by
//! [`Thread::note_mm_release`]: then the parent runs before there is a zombie (R-VFORK-04, R-EXIT-14). A kernel that does not is not wrong: exit and
//! exec undo the tie themselves, before anything else that others can see.
//!
//! No wake-up is lost: the word that [`Thread::is_waiting_for_vfork`] reads changes before the hook is called, in the hold that undoes the tie. Stops are
//! the kernel's to defer: a thread that sleeps here does not call [`Thread::join_stop`], so a group stop waits for it (R-VFORK-03).

use super::Marks;
use crate::Host;
use crate::sync::Hold;
use crate::thread::{Thread, ThreadMark, ThreadState};

/// Whether a vfork has to be waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VforkWait {
    /// The thread sleeps until [`Thread::is_waiting_for_vfork`] is false.
    Needed,
    /// It does not sleep: the child, or the thread itself, has exited.
    NotNeeded,
}

impl<H: Host> Thread<H> {
    /// Makes this thread wait for `child`, a thread that it has just created, until that execs or exits.
    ///
    /// Serves vfork(2), and clone(2) and clone3(2) with `CLONE_VFORK`: called between [`fork`](Self::fork) or
    /// [`spawn_thread`](Self::spawn_thread) and the child's first instruction. A thread waits for one child at a time: an earlier
    /// wait is given up. R-VFORK-01, R-VFORK-05.
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
    /// use axprocess::{ForkRequest, VforkWait};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let child = init.fork(ForkRequest::default(), (), ())?;
    /// assert_eq!(init.begin_vfork(&child), VforkWait::Needed);
    /// child.exec()?;
    /// assert!(!init.is_waiting_for_vfork());
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn begin_vfork(&self, child: &Self) -> VforkWait {
        let table = self.process().table();
        let is_strange = !core::ptr::eq(table, child.process().table());
        if is_strange || core::ptr::eq(self, child) {
            return VforkWait::NotNeeded;
        }
        table.hold(|hold| {
            let lives = |thread: &Self| thread.state() == ThreadState::Live;
            if !lives(self) || !lives(child) {
                return VforkWait::NotNeeded;
            }
            self.cancel_vfork(hold);
            child.complete_vfork(hold);
            self.process().mark(hold, Marks::SLOW_PATH);
            child.process().mark(hold, Marks::SLOW_PATH);
            self.vfork_child().set(hold, Some(child));
            child.vfork_parent().set(hold, Some(self));
            self.set_mark(hold, ThreadMark::VforkChild, true);
            VforkWait::Needed
        })
    }

    /// Returns whether this thread waits for the child of its vfork. Wait-free.
    pub fn is_waiting_for_vfork(&self) -> bool {
        self.has_mark(ThreadMark::VforkChild)
    }

    /// Reports that this thread uses the memory no more that it was created with: lets the thread go that waits for that.
    ///
    /// For the kernel's exit, where it gives the memory back, ahead of the files and of [`exit_thread`](Self::exit_thread). R-EXIT-14, R-VFORK-04.
    pub fn note_mm_release(&self) {
        self.process().table().hold(|hold| self.complete_vfork(hold));
    }

    /// Undoes the tie to the thread that waits for this one, and wakes it.
    pub(super) fn complete_vfork(&self, hold: &mut Hold<'_, H>) {
        if let Some(parent) = self.vfork_parent().get(hold) {
            parent.cancel_vfork(hold);
            hold.host().end_vfork(hold.view(), parent);
        }
    }

    /// Undoes the tie to the thread that this one waits for.
    pub(super) fn cancel_vfork(&self, hold: &mut Hold<'_, H>) {
        if let Some(child) = self.vfork_child().get(hold) {
            child.vfork_parent().set(hold, None);
            self.vfork_child().set(hold, None);
            self.set_mark(hold, ThreadMark::VforkChild, false);
        }
    }
}
