//! Collecting the members of a list into a `Vec`, without allocating under the lock and in bounded holds.

use alloc::vec::Vec;

use crate::object::Object;
use crate::sync::{BATCH, Hold, TableInner};
use crate::{ARef, Errno, Host};

/// Collects a list in batches of at most [`BATCH`].
///
/// Lists grow at their end only and keep their order, so after a pause the walk goes on behind the last collected member
/// that is still in the list. So who is a member throughout is collected exactly once.
///
/// # Errors
///
/// `ENOMEM`: there is no memory for the list.
pub(crate) fn collect<H: Host, T: Object>(
    table: &TableInner<H>,
    next: impl for<'h> Fn(&Hold<'h, H>, Option<&T>) -> Option<&'h T>,
    is_member: impl Fn(&Hold<'_, H>, &T) -> bool,
) -> Result<Vec<ARef<T>>, Errno> {
    let mut found: Vec<ARef<T>> = Vec::new();
    // The walk continues behind `found[resume - 1]`, or with the first.
    let mut resume = 0;
    loop {
        found.try_reserve(BATCH).map_err(|_| Errno::ENOMEM)?;
        let finished = table.hold(|hold| {
            let mut patience = BATCH;
            while resume > 0 && !is_member(hold, &found[resume - 1]) {
                hold.touch();
                resume -= 1;
                patience -= 1;
                if patience == 0 {
                    return false;
                }
            }
            let mut at = next(hold, resume.checked_sub(1).map(|last| &*found[last]));
            for _ in 0..patience {
                let Some(member) = at else { return true };
                hold.touch();
                found.push(ARef::from(member));
                at = next(hold, Some(member));
            }
            resume = found.len();
            at.is_none()
        });
        if finished {
            return Ok(found);
        }
    }
}
