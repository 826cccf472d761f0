//! Builders: what is being made, until it gets its place.

use alloc::sync::Arc;
use core::any::Any;

use crate::data::AnyData;
use crate::{Errno, Pid, Process, Thread, init};

/// A process that is being made.
pub struct ProcessBuilder {
    parent: Option<Arc<Process>>,
    pid: Pid,
    data: AnyData,
}

impl ProcessBuilder {
    pub(crate) const fn new(parent: Option<Arc<Process>>, pid: Pid) -> Self {
        Self { parent, pid, data: AnyData::none() }
    }

    /// Gives the process its data.
    #[must_use]
    pub fn data<T: Any + Send + Sync>(self, data: T) -> Self {
        Self { data: AnyData::new(data), ..self }
    }

    /// Makes the process: number, parent and group in one step.
    ///
    /// If the number is taken the process stands in no relation, as if it had been reaped; [`try_build`](Self::try_build)
    /// is for callers that want to know.
    ///
    /// # Panics
    ///
    /// If it is a second init, or an init with number 0.
    pub fn build(self) -> Arc<Process> {
        let Self { parent, pid, data } = self;
        match parent {
            Some(parent) => parent.make_child(pid, data).0,
            None => match init::build(pid, data) {
                Ok(init) => init,
                Err(Errno::EEXIST) => panic!("there is an init process already"),
                Err(errno) => panic!("the init process cannot have that number: {errno}"),
            },
        }
    }

    /// Makes the process, or tells why not.
    ///
    /// # Errors
    ///
    /// `EINVAL`: number 0. `EEXIST`: the number is taken; or it is a second init. `EAGAIN`: 4,194,303 numbers are in use. `ENOMEM`: there is no memory.
    pub fn try_build(self) -> Result<Arc<Process>, Errno> {
        let Self { parent, pid, data } = self;
        match parent {
            Some(parent) => {
                let (child, outcome) = parent.make_child(pid, data);
                outcome.map(|()| child)
            }
            None => init::build(pid, data),
        }
    }
}

/// A thread that is being made.
pub struct ThreadBuilder {
    process: Arc<Process>,
    tid: Pid,
    data: AnyData,
}

impl ThreadBuilder {
    pub(crate) const fn new(process: Arc<Process>, tid: Pid) -> Self {
        Self { process, tid, data: AnyData::none() }
    }

    /// Gives the thread its data.
    #[must_use]
    pub fn data<T: Any + Send + Sync>(self, data: T) -> Self {
        Self { data: AnyData::new(data), ..self }
    }

    /// Makes the thread.
    ///
    /// If the process has exited, or its exit is decided, the thread stands in no relation, as if it had exited.
    pub fn build(self) -> Arc<Thread> {
        Thread::make(self.process, self.tid, self.data).0
    }

    /// Makes the thread, or tells why not.
    ///
    /// # Errors
    ///
    /// `EINTR`: the process has exited, or its exit is decided.
    pub fn try_build(self) -> Result<Arc<Thread>, Errno> {
        let (thread, joined) = Thread::make(self.process, self.tid, self.data);
        joined.map(|()| thread)
    }
}
