//! reboot(2) in a PID namespace: the machine that reboots is the namespace.
//!
//! Its init is killed, whatever it handles, and everything in the namespace with it. What init's parent learns is not that: it is a
//! signal that says which command it was, whatever init's own exit would have said.

use super::Process;
use crate::sync::Hold;
use crate::{Errno, ExitStatus, Host, Signal, SignalCause, SignalInfo};

/// What reboot(2) was asked to do, as far as a namespace can do it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RebootCommand {
    /// `LINUX_REBOOT_CMD_RESTART`, `LINUX_REBOOT_CMD_RESTART2`.
    Restart,
    /// `LINUX_REBOOT_CMD_HALT`, `LINUX_REBOOT_CMD_POWER_OFF`.
    Halt,
}

impl RebootCommand {
    /// Reads the command of reboot(2).
    ///
    /// # Errors
    ///
    /// `EINVAL`: one that a namespace cannot carry out.
    ///
    /// ```
    /// use axprocess::{Errno, RebootCommand};
    /// assert_eq!(RebootCommand::parse(0x0123_4567), Ok(RebootCommand::Restart));
    /// assert_eq!(RebootCommand::parse(0x89ab_cdef), Err(Errno::EINVAL), "Ctrl-Alt-Del on");
    /// ```
    pub const fn parse(command: u32) -> Result<Self, Errno> {
        match command {
            0x0123_4567 | 0xa1b2_c3d4 => Ok(Self::Restart),
            0xcdef_0123 | 0x4321_fedc => Ok(Self::Halt),
            _ => Err(Errno::EINVAL),
        }
    }

    /// What the parent of the namespace's init is told that killed it.
    const fn signal(self) -> Signal {
        match self {
            Self::Restart => Signal::SIGHUP,
            Self::Halt => Signal::SIGINT,
        }
    }
}

/// Who reboots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reboot {
    /// The machine: the caller lives in the table's own namespace. The model has done nothing.
    Machine,
    /// The caller's namespace, of which the end has begun. The kernel now ends the calling thread, with code 0.
    Namespace,
}

impl<H: Host> Process<H> {
    /// Ends the caller's PID namespace, as if it were a machine.
    ///
    /// Serves reboot(2), once the kernel has found that the caller may and has compared the magic numbers. The last command before
    /// init is a zombie counts. R-NS-23.
    ///
    /// ```
    /// # use axprocess::{Host, ProcessTable, Relations};
    /// # struct MyKernel;
    /// # impl Host for MyKernel {
    /// #     type Lock = std::sync::Mutex<Relations<Self>>;
    /// #     type ProcessData = ();
    /// #     type ThreadData = ();
    /// #     type GroupData = ();
    /// #     type SessionData = ();
    /// #     type NamespaceData = ();
    /// #     type TerminalData = ();
    /// #     type Usage = ();
    /// # }
    /// use axprocess::{ExitStatus, ForkNamespace, ForkRequest, Reboot, RebootCommand, Signal};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// assert_eq!(init.process().reboot(RebootCommand::Halt), Reboot::Machine);
    /// let new = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    /// let inner = init.fork(new, (), ())?;
    /// assert_eq!(inner.process().reboot(RebootCommand::Halt), Reboot::Namespace);
    /// inner.exit_thread(ExitStatus::exited(0));
    /// assert_eq!(inner.process().exit_status(), ExitStatus::killed(Signal::SIGINT));
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn reboot(&self, command: RebootCommand) -> Reboot {
        if self.own_numbers().level() == 0 {
            return Reboot::Machine;
        }
        self.table().hold(|hold| {
            let pid_ns = self.pid_ns(hold);
            pid_ns.note_reboot(hold, command.signal());
            if let Some(init) = pid_ns.init(hold) {
                let info = SignalInfo { signal: Signal::SIGKILL, cause: SignalCause::Kernel };
                init.send(hold, &info, None);
            }
        });
        Reboot::Namespace
    }

    /// The init of a namespace that was rebooted ends with what says so.
    pub(super) fn apply_reboot_status(&self, hold: &mut Hold<'_, H>) {
        if self.is_pid_ns_init(hold)
            && let Some(signal) = self.pid_ns(hold).reboot_signal(hold)
        {
            let status = ExitStatus::killed(signal).to_raw();
            self.exit_code.set(hold, status.cast_unsigned());
        }
    }
}
