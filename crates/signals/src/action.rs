//! What is done about one signal, as sigaction(2) sets it.

use core::num::NonZeroUsize;

use axprocess::{Signal, SignalAction};

use crate::set::SignalSet;

/// `struct sigaction` of the kernel, apart from how an architecture lays it out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Action {
    /// `sa_handler`, `sa_sigaction`.
    pub handler: Handler,
    /// `sa_flags`.
    pub flags: ActionFlags,
    /// `sa_mask`: what is blocked as well while the handler runs.
    pub mask: SignalSet,
    /// `sa_restorer`, where the architecture has it; else 0.
    pub restorer: usize,
}

/// Where a signal goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Handler {
    /// `SIG_DFL`.
    #[default]
    Default,
    /// `SIG_IGN`.
    Ignore,
    /// A function of the program's.
    At(NonZeroUsize),
}

impl Handler {
    /// Takes the word that user space passes.
    ///
    /// ```
    /// use axprocess_signals::Handler;
    /// assert_eq!(Handler::from_raw(1), Handler::Ignore);
    /// assert_eq!(Handler::from_raw(0x4000).raw(), 0x4000);
    /// ```
    pub const fn from_raw(raw: usize) -> Self {
        match NonZeroUsize::new(raw) {
            None => Self::Default,
            Some(at) if at.get() == 1 => Self::Ignore,
            Some(at) => Self::At(at),
        }
    }

    /// Returns the word that user space passes.
    pub const fn raw(self) -> usize {
        match self {
            Self::Default => 0,
            Self::Ignore => 1,
            Self::At(at) => at.get(),
        }
    }
}

impl From<Handler> for SignalAction {
    fn from(handler: Handler) -> Self {
        match handler {
            Handler::Default => Self::Default,
            Handler::Ignore => Self::Ignore,
            Handler::At(_) => Self::Handle,
        }
    }
}

bitflags::bitflags! {
    /// `SA_…`, with Linux's values. Of a word of user space, [`from_bits_truncate`](Self::from_bits_truncate) takes what Linux keeps.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct ActionFlags: u32 {
        /// `SA_NOCLDSTOP`: no `SIGCHLD` when a child stops or continues.
        const NOCLDSTOP = 0x1;
        /// `SA_NOCLDWAIT`: children that end leave no zombies.
        const NOCLDWAIT = 0x2;
        /// `SA_SIGINFO`: the handler takes three arguments.
        const SIGINFO = 0x4;
        /// `SA_EXPOSE_TAGBITS`: the address of a fault is told as it was.
        const EXPOSE_TAGBITS = 0x800;
        /// `SA_RESTORER`: there is a restorer.
        const RESTORER = 0x0400_0000;
        /// `SA_ONSTACK`: the handler runs on the alternate stack.
        const ONSTACK = 0x0800_0000;
        /// `SA_RESTART`: a call that the handler interrupts is made again.
        const RESTART = 0x1000_0000;
        /// `SA_NODEFER`: the signal is not blocked while its handler runs.
        const NODEFER = 0x4000_0000;
        /// `SA_RESETHAND`: the handler runs once.
        const RESETHAND = 0x8000_0000;
    }
}

impl Action {
    /// The one of which there is nothing more to say than whether it ignores.
    pub(crate) fn plain(is_ignored: bool) -> Self {
        let handler = if is_ignored { Handler::Ignore } else { Handler::Default };
        Self { handler, ..Self::default() }
    }

    /// Whether the handler says it all.
    pub(crate) fn is_plain(&self) -> bool {
        let Self { handler, flags, mask, restorer } = *self;
        !matches!(handler, Handler::At(_)) && flags.is_empty() && mask.is_empty() && restorer == 0
    }

    /// Whether the signal is ignored by it. Linux: `sig_handler_ignored`.
    pub(crate) fn ignores(&self, signal: Signal) -> bool {
        let is_default_ignore = matches!(signal.default_action(), axprocess::DefaultAction::Ignore);
        match self.handler {
            Handler::Ignore => true,
            Handler::Default => is_default_ignore,
            Handler::At(_) => false,
        }
    }
}
