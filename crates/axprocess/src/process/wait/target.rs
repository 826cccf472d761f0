//! Who is waited for, looked up once.

use super::WaitRequest;
use super::request::Who;
use crate::handle::HandleNames;
use crate::pid::IdentityKey;
use crate::pid::Task;
use crate::process::{Process, PtraceRole};
use crate::sync::Hold;
use crate::thread::Thread;
use crate::{Host, Pid};

/// Who is waited for: the numbers of a request, as they were understood when the call began.
///
/// Linux holds a `struct pid`, which is one use of a number: it names the same process or group however long the call sleeps, keeps neither alive, and
/// names nobody when they have ended. The group may also be refounded under the same number, by a founder that lives on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Any,
    Child(ChildId),
    Group(IdentityKey),
    /// Nobody had that number.
    Nobody,
}

/// Who can be waited for by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ChildId {
    Process(IdentityKey),
    /// A thread in ptrace that is not the leader, by its number in the whole table and its record's.
    Tracee(Pid, u64),
}

impl ChildId {
    #[inline]
    pub(super) fn of_process<H: Host>(hold: &Hold<'_, H>, process: &Process<H>) -> Self {
        Self::Process(process.identity_key(hold))
    }

    pub(super) fn of_trace<H: Host>(hold: &Hold<'_, H>, trace: &PtraceRole<H>) -> Self {
        match trace.is_leaders(hold) {
            true => Self::of_process(hold, trace.process(hold)),
            false => Self::Tracee(trace.number_in(hold, hold.root_pid_ns()), trace.serial(hold)),
        }
    }
}

impl ChildId {
    /// A thread that does not lead, if it is that use of its number, and a tracee.
    fn of_named_thread<H: Host>(hold: &Hold<'_, H>, named: IdentityKey) -> Option<Self> {
        let Task::Thread(thread) = hold.root_pid_ns().task_of(hold, named.number)? else {
            return None;
        };
        let thread = thread.get(hold);
        let identity = thread.own_identity(hold)?;
        (identity.identity_key(hold) == named)
            .then(|| thread.trace(hold))
            .flatten()
            .map(|trace| Self::of_trace(hold, trace))
    }
}

impl Target {
    pub(super) fn of<H: Host>(
        hold: &Hold<'_, H>,
        caller: &Thread<H>,
        request: &WaitRequest,
    ) -> Self {
        let pid_ns = caller.process().pid_ns(hold);
        let found = match request.who {
            Who::Any => return Self::Any,
            Who::OwnGroup => Some(Self::Group(caller.process().group_in(hold).identity_key(hold))),
            Who::Group(pgid) => {
                pid_ns.group_of(hold, pgid).map(|group| Self::Group(group.identity_key(hold)))
            }
            Who::Process(pid) => pid_ns
                .task_of(hold, pid)
                .and_then(|task| match task {
                    Task::Process(process) => Some(ChildId::of_process(hold, process.get(hold))),
                    // A thread's number names nobody's child, but perhaps a tracee (R-WAIT-07).
                    Task::Thread(thread) => {
                        Some(ChildId::of_trace(hold, thread.get(hold).trace(hold)?))
                    }
                })
                .map(Self::Child),
            Who::Handle((table, _), _) if table != caller.process().table().serial() => None,
            Who::Handle((_, HandleNames::Process(named)), _) => {
                Some(Self::Child(ChildId::Process(named)))
            }
            Who::Handle((_, HandleNames::Thread(named)), _) => {
                ChildId::of_named_thread(hold, named).map(Self::Child)
            }
        };
        found.unwrap_or(Self::Nobody)
    }
}
