//! What a tracer reads and sets of a tracee's signals, beside [those that it is shown](crate::Delivery::Traced): ptrace(2).

use axprocess::Errno;

use crate::Caller;
use crate::info::SigInfo;
use crate::kernel::Kernel;
use crate::set::SignalSet;

/// Whose queue is looked into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueOf {
    /// That of the thread.
    Thread,
    /// That of its process: `PTRACE_PEEKSIGINFO_SHARED`.
    Process,
}

impl<K: Kernel> Caller<'_, K> {
    /// Returns the mask of this thread, a tracee that is stopped: where the call amid which it is has one of its own, that which comes back. Wait-free.
    ///
    /// Serves ptrace(2) `PTRACE_GETSIGMASK`. R-SIG-97.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the size of a set is another.
    pub fn mask_for_tracer(self, size: usize) -> Result<SignalSet, Errno> {
        SignalSet::check_size(size)?;
        Ok(self.mask_to_save())
    }

    /// Sets the mask of this thread, a tracee that is stopped; a call's own is gone. Takes the lock of the process's signals, and the relation lock where [`rt_sigprocmask`](Self::rt_sigprocmask) does.
    ///
    /// Serves ptrace(2) `PTRACE_SETSIGMASK`. R-SIG-97.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: the size of a set is another. What `set` fails with: `EFAULT`.
    pub fn set_mask_for_tracer(
        self,
        size: usize,
        set: impl FnOnce() -> Result<SignalSet, Errno>,
    ) -> Result<(), Errno> {
        SignalSet::check_size(size)?;
        let set = set()?;
        self.own().set_restores_mask(false);
        self.set_blocked(set.blockable());
        Ok(())
    }

    /// Returns the siginfo that stands at a place in a queue, in the order in which they were sent, and leaves it there; those of which nothing is known are not counted. Takes the lock of the process's signals, for as long as it takes to pass
    /// those before.
    ///
    /// Serves ptrace(2) `PTRACE_PEEKSIGINFO`, which asks for one place after the other. R-SIG-98.
    pub fn peek_signal(self, queue: QueueOf, place: u64) -> Option<SigInfo> {
        let _held = self.process().lock();
        let queue = match queue {
            QueueOf::Thread => &self.own().queue,
            QueueOf::Process => &self.process().queue,
        };
        queue.peek(self.host().pool(), place)
    }
}
