//! What depends on the caller, and the making.

use super::{CloneFlags, CloneRequest};
use crate::process::{PreparedFork, PreparedThread};
use crate::thread::Thread;
use crate::{ARef, Errno, Host, PidHandle};

/// A new process or thread that may be made, as far as the model can say before the kernel has asked what it has to ask.
pub enum NewTask<'a, H: Host> {
    /// A process.
    Process(NewProcess<'a, H>),
    /// A thread of the caller's process (`CLONE_THREAD`).
    Thread(NewThread<'a, H>),
}

/// A process that may be made.
pub struct NewProcess<'a, H: Host> {
    caller: &'a Thread<H>,
    request: &'a CloneRequest,
}

/// A thread that may be made.
pub struct NewThread<'a, H: Host> {
    caller: &'a Thread<H>,
    request: &'a CloneRequest,
}

impl<H: Host> Thread<H> {
    /// Checks what this thread may not ask for, whatever the kernel would say. The kernel says it next, then the new process or thread is made.
    ///
    /// # Errors
    ///
    /// `EINVAL`: a sibling of an init (R-CLONE-11); a thread, although the caller's children live in another namespace (R-CLONE-12).
    pub fn admit_clone<'a>(&'a self, request: &'a CloneRequest) -> Result<NewTask<'a, H>, Errno> {
        let process = self.process();
        if request.flags.contains(CloneFlags::PARENT) && process.is_some_init() {
            return Err(Errno::EINVAL);
        }
        if !request.flags.contains(CloneFlags::THREAD) {
            return Ok(NewTask::Process(NewProcess { caller: self, request }));
        }
        let is_own =
            process.table().hold(|hold| self.children_pid_ns_in(hold).is(process.pid_ns(hold)));
        if !is_own {
            return Err(Errno::EINVAL);
        }
        Ok(NewTask::Thread(NewThread { caller: self, request }))
    }
}

impl<H: Host> NewProcess<'_, H> {
    /// Makes the process, and returns its leader thread. R-CLONE-15 to R-CLONE-22.
    ///
    /// # Errors
    ///
    /// `EINVAL`: a new IPC namespace with shared semaphore adjustments. Then those of [`Thread::fork`].
    pub fn make(
        self,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<ARef<Thread<H>>, Errno> {
        self.request.check_newipc_sysvsem()?;
        self.caller.fork(self.request.fork_request(), data, thread_data)
    }
}

impl<'a, H: Host> NewProcess<'a, H> {
    /// Begins to make the process, as [`Thread::prepare_fork`] does.
    ///
    /// # Errors
    ///
    /// As for [`make`](Self::make).
    pub fn prepare(
        self,
        data: H::ProcessData,
        thread_data: H::ThreadData,
    ) -> Result<PreparedFork<'a, H>, Errno> {
        self.request.check_newipc_sysvsem()?;
        self.caller.prepare_fork(self.request.fork_request(), data, thread_data)
    }
}

impl<'a, H: Host> NewThread<'a, H> {
    /// Begins to make the thread, as [`Thread::prepare_thread`] does.
    ///
    /// # Errors
    ///
    /// As for [`make`](Self::make).
    pub fn prepare(self, thread_data: H::ThreadData) -> Result<PreparedThread<'a, H>, Errno> {
        self.request.check_newipc_sysvsem()?;
        self.caller.prepare_thread(self.request.number(), thread_data)
    }
}

impl<H: Host> NewThread<'_, H> {
    /// Makes the thread.
    ///
    /// # Errors
    ///
    /// `EINVAL`: a new IPC namespace with shared semaphore adjustments. Then those of [`Thread::spawn_thread`].
    pub fn make(self, thread_data: H::ThreadData) -> Result<ARef<Thread<H>>, Errno> {
        self.request.check_newipc_sysvsem()?;
        self.caller.spawn_thread(self.request.number(), thread_data)
    }
}

impl CloneRequest {
    /// Returns the handle for which `CLONE_PIDFD` asks: of the new process, or with `CLONE_THREAD` of the new thread. R-CLONE-13.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: there is no memory; a kernel that gives the child up then makes it in steps ([`NewProcess::prepare`], [`PreparedFork::pidfd`]).
    pub fn pidfd<H: Host>(&self, made: &Thread<H>) -> Result<Option<PidHandle<H>>, Errno> {
        if !self.flags.contains(CloneFlags::PIDFD) {
            return Ok(None);
        }
        let of_thread = self.flags.contains(CloneFlags::THREAD);
        if of_thread { made.handle() } else { made.process().handle() }.map(Some)
    }

    /// Linux looks only after it has asked whether the caller may have new namespaces.
    fn check_newipc_sysvsem(&self) -> Result<(), Errno> {
        if self.flags.contains(CloneFlags::NEWIPC | CloneFlags::SYSVSEM) {
            return Err(Errno::EINVAL);
        }
        Ok(())
    }
}
