//! Wrong rules, planted by a test to show that the comparison with Linux sees them. Test builds only (feature `planted-faults`).

use crate::sync::atomic::{AtomicU32, Ordering};

/// A wrong rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Fault {
    /// Orphans go to init although a subreaper stands above them.
    WrongReaper = 1,
    /// `setpgid` succeeds and moves nobody.
    WrongGroup = 2,
    /// A zombie that was waited for can be waited for again.
    ReapedTwice = 3,
}

impl Fault {
    /// The names that [`from_name`](Self::from_name) knows.
    pub const NAMES: [&'static str; 3] = ["wrong-reaper", "wrong-group", "reaped-twice"];

    /// Returns the fault of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "wrong-reaper" => Some(Self::WrongReaper),
            "wrong-group" => Some(Self::WrongGroup),
            "reaped-twice" => Some(Self::ReapedTwice),
            _ => None,
        }
    }
}

static PLANTED: AtomicU32 = AtomicU32::new(0);

/// Plants one fault into every table of this program.
pub fn plant(fault: Fault) {
    PLANTED.store(fault as u32, Ordering::Relaxed);
}

pub(crate) fn is_planted(fault: Fault) -> bool {
    PLANTED.load(Ordering::Relaxed) == fault as u32
}
