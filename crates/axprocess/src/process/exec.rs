//! exec in a thread group: one thread takes over, all others are gone.

use super::Marks;
use super::family::Parentage;
use crate::sync::Hold;
use crate::thread::{Thread, ThreadState};
use crate::{Errno, Host, Signal};

impl<H: Host> Thread<H> {
    /// Makes this thread the only one and the leader of its process, as a successful execve(2) does.
    ///
    /// The kernel calls it at the point of no return, after the other threads have been made to stop running. They
    /// are gone without a status and without anyone being told; their numbers are free, their children are this
    /// thread's, behind its own. This thread's number becomes the process's. The process's exit signal is `SIGCHLD` from here on, and its parent
    /// can no longer move it to another group. R-EXEC-01 to R-EXEC-04, R-EXEC-06, R-EXEC-08.
    ///
    /// # Errors
    ///
    /// `EAGAIN`: the exit of the process is decided, another thread is in exec (R-EXEC-10), or this thread has exited.
    pub fn exec(&self) -> Result<(), Errno> {
        let world = self.process().world();
        world.hold(|hold| self.begin_exec(hold))?;
        while !world.hold(|hold| self.take_over(hold))? {}
        Ok(())
    }

    fn begin_exec(&self, hold: &mut Hold<'_, H>) -> Result<(), Errno> {
        let process = self.process();
        if !process.is_open(hold) || process.has(hold, Marks::EXECING) {
            return Err(Errno::EAGAIN);
        }
        process.mark(hold, Marks::EXECING);
        process.abandon_stop(hold);
        Ok(())
    }

    /// Goes as far as the hold allows; true when done. After each hold the process is a whole one, with fewer threads.
    fn take_over(&self, hold: &mut Hold<'_, H>) -> Result<bool, Errno> {
        let process = self.process();
        if self.state() != ThreadState::Live {
            process.unmark(hold, Marks::EXECING);
            return Err(Errno::EAGAIN);
        }
        while let Some(other) = self.first_other(hold) {
            if !self.absorb(hold, other) || hold.is_full() {
                return Ok(false);
            }
        }
        if !process.leader.is(hold, self) {
            self.become_leader(hold);
        }
        if !self.own_children().move_all(hold, Parentage::of_thread(self, hold)) {
            return Ok(false);
        }
        process.unmark(hold, Marks::EXECING);
        process.mark(hold, Marks::EXECED);
        process.exit_signal.set(hold, Some(Signal::SIGCHLD));
        process.exec_id.set(hold, process.exec_id.get(hold).wrapping_add(1));
        Ok(true)
    }

    /// Takes over another thread's children and makes it vanish. False if the hold is full before.
    fn absorb(&self, hold: &mut Hold<'_, H>, other: &Self) -> bool {
        let process = self.process();
        let mine = Parentage::of_thread(self, hold);
        if process.leader.is(hold, other) && !process.children.move_all(hold, mine) {
            return false;
        }
        if !other.own_children().move_all(hold, mine) {
            return false;
        }
        hold.touch();
        other.vanish(hold);
        true
    }

    /// Takes the number and the role of the leader, who is gone.
    fn become_leader(&self, hold: &mut Hold<'_, H>) {
        let process = self.process();
        self.release_number(hold);
        self.bring_wish(hold);
        self.identity().follow(hold, process.identity());
        process.leader.set(hold, Some(self));
        process.unmark(hold, Marks::LEADER_GONE);
    }

    fn first_other<'h>(&self, hold: &Hold<'h, H>) -> Option<&'h Self> {
        self.process().threads.iter(hold).find(|other| !core::ptr::eq(*other, self))
    }
}
