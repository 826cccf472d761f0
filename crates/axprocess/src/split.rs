//! Operations cut in two, as in crates with more locks: what is checked in one section is done in another. A test plants such a cut to show
//! that the race which the single section prevents would be seen. Test builds only (feature `split-sections`); without it nothing is ever cut.

use crate::Host;
#[cfg(feature = "split-sections")]
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Hold, World};

/// Declares the cuts, each with its name.
macro_rules! splits {
    ($($split:ident = $number:literal, $name:literal, $meaning:literal;)*) => {
        /// An operation that can be cut in two.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u32)]
        pub enum Split {
            $(#[doc = $meaning] $split = $number,)*
        }

        #[cfg(feature = "split-sections")]
        impl Split {
            /// Returns the split of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$split),)*
                    _ => None,
                }
            }
        }
    };
}

splits! {
    Setpgid = 1, "setpgid", "May the process move, and has the group a founder? Then: move it.";
    Setsid = 2, "setsid", "Is there a group of the caller's number? Then: found one, and a session.";
    Fork = 3, "fork", "Who is the parent, and does it live? Then: attach the child.";
    Join = 4, "join", "Is the process open for threads? Then: join it.";
    Adopt = 5, "adopt", "Who is the reaper, and does it live? Then: hand over the children.";
    Reap = 6, "reap", "Is there a zombie? Then: report it, and take it out if it is still there.";
    Walk = 7, "walk", "Who are the children of one process? Then: those of the next.";
}

#[cfg(feature = "split-sections")]
static PLANTED: AtomicU32 = AtomicU32::new(0);

/// Cuts one operation, in every table of this program.
#[cfg(feature = "split-sections")]
pub fn plant(split: Split) {
    PLANTED.store(split as u32, Ordering::Relaxed);
}

#[cfg(feature = "split-sections")]
fn is_planted(split: Split) -> bool {
    PLANTED.load(Ordering::Relaxed) == split as u32
}

#[cfg(not(feature = "split-sections"))]
const fn is_planted(_: Split) -> bool {
    false
}

impl<H: Host> World<H> {
    /// Makes a check in a section of its own, if the operation is cut. `None`: it is whole, and the section that acts makes the check.
    #[inline]
    pub(crate) fn check_apart<R>(
        &self,
        split: Split,
        check: impl for<'h> FnOnce(&mut Hold<'h, H>) -> R,
    ) -> Option<R> {
        if is_planted(split) { Some(self.hold(check)) } else { None }
    }
}
