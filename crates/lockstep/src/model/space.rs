//! PID namespaces of the model: who is born where, by which number a thread knows another, and how a namespace ends.

use axprocess::{ARef, Number, PidNamespace, Reboot, RebootCommand};
use serde::{Deserialize, Serialize};

use super::host::World;
use super::{ClosingInit, Departure, Model, Refusal, departure, exit_status};
use crate::operation::Space;
use crate::sys::Pid;

/// The numbers of something new: in the program's own namespace, then in those inside, and the innermost one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    /// The numbers, the outermost first.
    pub(crate) all: Vec<Pid>,
    /// The namespace of the last one; 0 where there is only one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) space: Space,
}

impl Numbers {
    /// Of a thread in lockstep's own namespace.
    pub(crate) fn outermost(number: Pid) -> Self {
        Self { all: vec![number], space: 0 }
    }

    /// The number that lockstep knows, and all for [`Number::Each`], the innermost first, if there are others.
    pub(super) fn split(&self) -> (Pid, Vec<Pid>) {
        let first = self.all.first().copied().unwrap_or(0);
        match self.all.len() {
            0 | 1 => (first, Vec::new()),
            _ => (first, self.all.iter().rev().copied().collect()),
        }
    }

    /// Whether it lives in another namespace than lockstep.
    pub(crate) fn is_inside(&self) -> bool {
        self.all.len() > 1
    }

    /// Whether it is the init of another namespace than lockstep's.
    pub(crate) fn is_init(&self) -> bool {
        self.is_inside() && self.all.last() == Some(&1)
    }
}

impl Model {
    /// `unshare(CLONE_NEWPID)`.
    pub(crate) fn unshare(&self, tid: Pid) -> Result<Pid, Refusal> {
        self.thread(tid)?.unshare_pid()?;
        Ok(0)
    }

    /// `setns` with a PID namespace; `None` if the model does not know that.
    pub(crate) fn enter(&self, tid: Pid, space: Space) -> Option<Result<Pid, Refusal>> {
        let space = self.spaces.get(&space)?;
        Some(
            self.thread(tid)
                .and_then(|thread| Ok(thread.set_namespace_for_children(space)?))
                .map(|()| 0),
        )
    }

    /// Whether a thread lives in a namespace inside lockstep's.
    pub(crate) fn is_inside(&self, tid: Pid) -> bool {
        let own = self.table.namespace();
        self.thread(tid).is_ok_and(|thread| !std::ptr::eq(&*thread.process().namespace(), own))
    }

    /// `reboot` in a namespace, by a caller who may: its init, by the number that lockstep knows; `None` where that would be the whole machine's.
    pub(crate) fn reboot(&mut self, tid: Pid, command: u32) -> Option<Pid> {
        let process = ARef::clone(self.thread(tid).ok()?.process());
        let init = self.global(tid, 1)?;
        let command = RebootCommand::parse(command).ok()?;
        (process.reboot(command) == Reboot::Namespace).then_some(init)
    }

    /// What `reboot` says to a caller who may, and whose namespace goes on.
    pub(crate) fn refuse_reboot(&self, command: Option<u32>) -> Result<Pid, Refusal> {
        let command = command.ok_or(Refusal::Errno(libc::EINVAL))?;
        RebootCommand::parse(command)?;
        Ok(0)
    }

    /// Whether a namespace is known.
    pub(crate) fn is_space(&self, space: Space) -> bool {
        self.spaces.contains_key(&space)
    }

    /// The number by which lockstep knows what a thread calls by `number`.
    pub(crate) fn global(&self, tid: Pid, number: Pid) -> Option<Pid> {
        let process = self.thread(tid).ok()?.process();
        if std::ptr::eq(&*process.namespace(), self.table.namespace()) {
            return Some(number);
        }
        let handle = process.pidfd_open(number.cast_signed(), libc::O_EXCL.cast_unsigned()).ok()?;
        handle.fdinfo_pid_in(self.table.namespace())
    }

    /// The number by which a thread knows the thread or process `other`; `None` if it does not see it.
    pub(crate) fn seen_by(&self, tid: Pid, other: Pid) -> Option<Pid> {
        let space = self.thread(tid).ok()?.process().namespace();
        let number = match self.table.find_process(other) {
            Some(process) => process.pid_in(&space),
            None => self.table.find_thread(other)?.tid_in(&space),
        };
        (number != 0).then_some(number)
    }

    /// The last thread of a namespace's init begins to end with this status word. It is in its exit until [`closed`](Self::closed) is asked.
    pub(crate) fn begin_closing(&mut self, tid: Pid, status: i32) -> Result<(), Refusal> {
        let thread = self.threads.remove(&tid).ok_or(Refusal::Unknown(tid))?;
        let mut exit = thread.begin_exit(exit_status(status));
        exit.set_exiting();
        let process = ARef::clone(thread.process());
        if self.has_living_in(&process.namespace()) {
            // They are killed by it, and it waits for them.
            exit.try_finish();
        }
        self.closing.insert(tid, ClosingInit { process, exit });
        Ok(())
    }

    /// Whether somebody lives in a namespace, besides its init.
    fn has_living_in(&self, space: &PidNamespace<World>) -> bool {
        let others = std::iter::successors(self.table.next_process(space, 2), |(number, _)| {
            self.table.next_process(space, number + 1)
        });
        others.map(|(_, process)| process).any(|process| !process.has_ended())
    }

    /// What became of an init, whose last thread this was, and whose namespace had to end first; `None` if it was none.
    pub(crate) fn closed(&mut self, tid: Pid) -> Option<Departure> {
        let ClosingInit { process, mut exit } = self.closing.remove(&tid)?;
        exit.try_finish();
        Some(departure(&process))
    }

    /// Whether an init, whose last thread this was, waits for others in its namespace. To be asked when it has ended in Linux.
    pub(crate) fn is_still_closing(&mut self, tid: Pid) -> bool {
        self.closing.get_mut(&tid).is_some_and(|closing| !closing.exit.try_finish())
    }

    /// Whether a namespace is about to end.
    pub(crate) fn is_closing(&self) -> bool {
        !self.closing.is_empty()
    }

    /// The thread that had the number `former` has executed a program in the process `pid`.
    pub(crate) fn exec(&mut self, pid: Pid, former: Pid) -> Result<(), Refusal> {
        let thread = ARef::clone(self.thread(former)?);
        thread.exec()?;
        let process = thread.process();
        process.host_data().reset_for_exec();
        self.threads.retain(|_, other| !ARef::ptr_eq(other.process(), process));
        self.threads.insert(pid, thread);
        Ok(())
    }
}

/// The numbers that the kernel has given.
pub(super) fn choose(number: Pid, inside: &[Pid]) -> Number<'_> {
    if inside.is_empty() { Number::Exactly(number) } else { Number::Each(inside) }
}

fn is_zero(space: &Space) -> bool {
    *space == 0
}
