//! The one process tree of the program, and its first process.

use alloc::sync::Arc;

use kspin::SpinNoIrq;
use model::{InitSession, ProcessTable};

use crate::data::AnyData;
use crate::host::Facade;
use crate::numbers::{Memory, Name};
use crate::{Errno, Pid, Process};

/// The tree, once init exists.
static ROOT: SpinNoIrq<Option<Root>> = SpinNoIrq::new(None);

struct Root {
    init: Arc<Process>,
    #[cfg_attr(not(feature = "check"), expect(dead_code, reason = "it holds the tree"))]
    table: ProcessTable<Facade>,
}

/// Returns the init process.
///
/// # Panics
///
/// If it has not been built.
pub fn init_proc() -> Arc<Process> {
    let init = ROOT.lock().as_ref().map(|root| Arc::clone(&root.init));
    init.expect("the init process has not been built")
}

/// Checks the invariants at every `interval`th unlock of the model. Test builds only (feature `check`).
///
/// # Panics
///
/// If init has not been built.
#[cfg(feature = "check")]
pub fn check_every(interval: core::num::NonZeroU64) {
    let _init = init_proc();
    if let Some(root) = &*ROOT.lock() {
        root.table.check_every(interval);
    }
}

/// Makes init.
///
/// # Errors
///
/// `EINVAL`: number 0. `EEXIST`: there is an init.
pub(crate) fn build(pid: Pid, data: AnyData) -> Result<Arc<Process>, Errno> {
    let name = Name::of_init(pid)?;
    let table = ProcessTable::new(Facade);
    let init = Process::found(name, data, |link| table.new_init_in(1, InitSession::Own, link, ()))?;
    let mut memory = Memory::for_one();
    let mut root = ROOT.lock();
    if root.is_some() {
        // What was made in vain goes without the lock.
        drop(root);
        return Err(Errno::EEXIST);
    }
    init.use_first_number(&mut memory)?;
    *root = Some(Root { init: Arc::clone(&init), table });
    Ok(init)
}
