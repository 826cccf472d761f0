//! What a process does about `SIGCHLD`, as one word of the tests' kernels.

use axprocess::ChildSignalFlags;

bitflags::bitflags! {
    /// What a process does about `SIGCHLD`: its action, as far as it ignores that, and its flags.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct ChildSignalAction: u8 {
        const IGNORE = 1;
        const NO_WAIT = 2;
        const NO_STOP = 4;
    }
}

impl ChildSignalAction {
    pub(crate) fn flags(self) -> ChildSignalFlags {
        let mut flags = ChildSignalFlags::empty();
        flags.set(ChildSignalFlags::NO_WAIT, self.contains(Self::NO_WAIT));
        flags.set(ChildSignalFlags::NO_STOP, self.contains(Self::NO_STOP));
        flags
    }
}
