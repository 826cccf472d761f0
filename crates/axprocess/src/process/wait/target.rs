//! Who is waited for, looked up once.

use super::WaitRequest;
use super::request::Who;
use crate::Host;
use crate::sync::Hold;
use crate::terminal::NumberUse;
use crate::thread::Thread;

/// Who is waited for: the numbers of a request, as they were understood when the call began.
///
/// Linux holds a `struct pid`, which is one use of a number: it names the same process or group however long the call sleeps, keeps neither alive, and
/// names nobody when they have ended. The group may also be refounded under the same number, by a founder that lives on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Any,
    Process(NumberUse),
    Group(NumberUse),
    /// Nobody had that number.
    Nobody,
}

impl Target {
    pub(super) fn of<H: Host>(
        hold: &Hold<'_, H>,
        caller: &Thread<H>,
        request: &WaitRequest,
    ) -> Self {
        let numbers = caller.process().space(hold).numbers(hold);
        let found = match request.who {
            Who::Any => return Self::Any,
            Who::OwnGroup => Some(Self::Group(caller.process().group_in(hold).number_use(hold))),
            Who::Group(pgid) => numbers
                .roles(pgid)
                .and_then(|roles| roles.group)
                .map(|group| Self::Group(group.get(hold).number_use(hold))),
            Who::Process(pid) => numbers
                .roles(pid)
                .and_then(|roles| roles.task?.process_of_leader(hold))
                .map(|process| Self::Process(process.number_use(hold))),
        };
        found.unwrap_or(Self::Nobody)
    }
}
