//! Wrong rules, planted by a test to show that the comparison with Linux sees them. Test builds only (feature `planted-faults`); without it none
//! is ever planted.

#[cfg(feature = "planted-faults")]
use crate::sync::atomic::{AtomicU32, Ordering};

/// Declares the faults, each with its name.
macro_rules! faults {
    ($($fault:ident = $number:literal, $name:literal, $meaning:literal;)*) => {
        /// A wrong rule.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u32)]
        pub enum Fault {
            $(#[doc = $meaning] $fault = $number,)*
        }

        #[cfg(feature = "planted-faults")]
        impl Fault {
            /// The names that [`from_name`](Self::from_name) knows.
            pub const NAMES: &[&str] = &[$($name),*];

            /// Returns the fault of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$fault),)*
                    _ => None,
                }
            }
        }
    };
}

faults! {
    WrongReaper = 1, "wrong-reaper", "Orphans go to init although a subreaper stands above them.";
    WrongGroup = 2, "wrong-group", "`setpgid` succeeds and moves nobody.";
    ReapedTwice = 3, "reaped-twice", "A zombie that was waited for can be waited for again.";
    DeafStop = 4, "deaf-stop", "`SIGCONT` ends no stop.";
    SilentDeath = 5, "silent-death", "A wish for a parent-death signal is ignored.";
    ForsakenGroup = 6, "forsaken-group", "The members of an orphaned group with stopped ones are not told.";
    KeptExitSignal = 7, "kept-exit-signal", "exec keeps the exit signal.";
    NakedInit = 8, "naked-init", "The init of a namespace is not shielded from its own.";
    HardyZombie = 9, "hardy-zombie", "Who ignores `SIGCHLD` gets zombies.";
    GreedyNumber = 10, "greedy-number", "The next number is the smallest free one.";
    KeptTerminal = 11, "kept-terminal", "The exit of a session leader does nothing to its terminal.";
    LongVfork = 12, "long-vfork", "exec does not end a vfork.";
    LeadersCode = 13, "leaders-code", "The status of a process is its leader's, not that of the thread that exits last.";
    OwnSibling = 14, "own-sibling", "A sibling ends with the exit signal that its maker asks for.";
}

#[cfg(feature = "planted-faults")]
static PLANTED: AtomicU32 = AtomicU32::new(0);

/// Plants one fault into every table of this program.
#[cfg(feature = "planted-faults")]
pub fn plant(fault: Fault) {
    PLANTED.store(fault as u32, Ordering::Relaxed);
}

#[cfg(feature = "planted-faults")]
pub(crate) fn is_planted(fault: Fault) -> bool {
    PLANTED.load(Ordering::Relaxed) == fault as u32
}

#[cfg(not(feature = "planted-faults"))]
pub(crate) const fn is_planted(_: Fault) -> bool {
    false
}
