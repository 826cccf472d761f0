//! What the invariant checker asks of a session's terminal.

use super::SessionTerminal;
use crate::Host;
use crate::sync::Hold;

impl<H: Host> SessionTerminal<H> {
    pub(crate) fn generation_in(&self, hold: &Hold<'_, H>) -> u64 {
        self.generation.get(hold)
    }

    pub(crate) fn remembers_foreground(&self, hold: &Hold<'_, H>) -> bool {
        self.foreground_at_hang_up.get(hold).is_some()
    }
}
