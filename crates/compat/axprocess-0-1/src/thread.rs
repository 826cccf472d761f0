//! A thread of a process.

use alloc::sync::Arc;
use core::any::Any;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::data::AnyData;
use crate::thread_list::{Full, Left, Memory, ThreadList};
use crate::{Errno, Pid, Process};

/// A thread. It holds its process; the process lists it weakly, until it exits or is dropped.
pub struct Thread {
    tid: Pid,
    process: Arc<Process>,
    data: AnyData,
    /// One more than its place in the list of its process, 0 while it is not listed. Changed under the lock of the process.
    place: AtomicU32,
}

impl Thread {
    /// Makes a thread, and tells whether it could join.
    ///
    /// # Errors
    ///
    /// `EINTR`: the process has exited, or its exit is decided.
    pub(crate) fn make(
        process: Arc<Process>,
        tid: Pid,
        data: AnyData,
    ) -> (Arc<Self>, Result<(), Errno>) {
        let thread = Arc::new(Self { tid, process, data, place: AtomicU32::new(0) });
        let joined = thread.join();
        (thread, joined)
    }

    fn join(self: &Arc<Self>) -> Result<(), Errno> {
        let mut memory = Memory::default();
        loop {
            let mut state = self.process.state().lock();
            if !self.process.is_open(&state) {
                return Err(Errno::EINTR);
            }
            match state.threads.make_room(&mut memory) {
                Ok(()) => {
                    let at = state.threads.push(Arc::downgrade(self));
                    self.place.store(at + 1, Ordering::Relaxed);
                    drop(state);
                    // Its memory may be what the list had before.
                    drop(memory);
                    return Ok(());
                }
                Err(Full(wanted)) => {
                    drop(state);
                    memory = Memory::for_places(wanted);
                }
            }
        }
    }

    /// Returns the thread's number.
    pub const fn tid(&self) -> Pid {
        self.tid
    }

    /// Returns the process.
    pub const fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Returns the data given to the builder, if it is a `T`.
    pub fn data<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.data.get()
    }

    /// Ends the thread. Returns whether it was the last of its process.
    ///
    /// The process lives on until [`Process::exit`]. The exit code becomes the process's, unless the group has exited. A thread that has exited,
    /// or could not join, changes nothing, and is not the last.
    pub fn exit(&self, exit_code: i32) -> bool {
        let mut state = self.process.state().lock();
        let left = self.leave(&mut state.threads);
        let was_last = left.is_some() && state.threads.len() == 0;
        if left.is_some() && !state.is_group_exited {
            state.exit_code = exit_code;
        }
        drop(state);
        drop(left);
        was_last
    }

    /// Leaves the list; `None`: it is not in it.
    fn leave(&self, threads: &mut ThreadList) -> Option<Left> {
        let place = self.place.load(Ordering::Relaxed);
        self.place.store(0, Ordering::Relaxed);
        place.checked_sub(1).map(|at| threads.remove(at))
    }
}

/// A thread that is dropped is in no list any more, without an exit.
impl Drop for Thread {
    fn drop(&mut self) {
        // Nobody else can list it any more, so who is not listed needs no lock.
        if *self.place.get_mut() != 0 {
            let mut state = self.process.state().lock();
            let left = self.leave(&mut state.threads);
            drop(state);
            drop(left);
        }
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thread({}, process={})", self.tid, self.process.pid())
    }
}
