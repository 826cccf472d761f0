//! What can be set of a namespace: its largest number, and where the next one is looked for.
//!
//! Both belong to the namespace of whoever reads or writes them, as the files in `/proc/sys/kernel` do.

use super::number::{HIGHEST_LIMIT, RESERVED};
use crate::{Errno, Host, Pid, Process};

/// For each processor a namespace has room for at least so many.
const NUMBERS_PER_CPU: Pid = 8;

impl<H: Host> Process<H> {
    /// Returns the limit of the caller's namespace: numbers that are given out are below it. Takes the lock.
    ///
    /// Serves reads of `/proc/sys/kernel/pid_max`. A new namespace's is 4194304, whatever that around it. R-PID-03, R-PID-05.
    pub fn pid_max(&self) -> Pid {
        self.table().hold(|hold| self.pid_ns(hold).numbers(hold).limit())
    }

    /// Sets the limit of the caller's namespace, on a machine with so many processors. Numbers in use above it stay in use.
    ///
    /// Serves writes of `/proc/sys/kernel/pid_max`, once the kernel has found that the caller may. R-PID-05.
    ///
    /// # Errors
    ///
    /// `EINVAL`: less than 301 or than 8 for each processor, or more than 4194304.
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
    /// use axprocess::Errno;
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// assert_eq!(init.process().set_pid_max(300, 2), Err(Errno::EINVAL));
    /// init.process().set_pid_max(32_768, 2)?;
    /// assert_eq!(init.process().pid_max(), 32_768);
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn set_pid_max(&self, limit: i32, cpus: u32) -> Result<(), Errno> {
        let lowest = NUMBERS_PER_CPU.saturating_mul(cpus).max(RESERVED + 1);
        let limit = Pid::try_from(limit).map_err(|_| Errno::EINVAL)?;
        if limit < lowest || limit > HIGHEST_LIMIT {
            return Err(Errno::EINVAL);
        }
        self.table().hold(|hold| {
            self.pid_ns(hold).edit_numbers_retiring(hold, |numbers| numbers.set_limit(limit));
        });
        Ok(())
    }

    /// Returns the number that the caller's namespace has given out last. Takes the lock.
    ///
    /// Serves reads of `/proc/sys/kernel/ns_last_pid`. R-PID-06.
    pub fn last_pid(&self) -> Pid {
        self.table().hold(|hold| self.pid_ns(hold).numbers(hold).last_given())
    }

    /// Makes the caller's namespace look for the next number behind this one, also where numbers are reserved.
    ///
    /// Serves writes of `/proc/sys/kernel/ns_last_pid`, once the kernel has found that the caller may. R-PID-06.
    ///
    /// # Errors
    ///
    /// `EINVAL`: negative, or more than the namespace's limit.
    pub fn set_last_pid(&self, last: i32) -> Result<(), Errno> {
        let last = Pid::try_from(last).map_err(|_| Errno::EINVAL)?;
        self.table().hold(|hold| {
            self.pid_ns(hold).edit_numbers_retiring(hold, |numbers| {
                if last > numbers.limit() {
                    return Err(Errno::EINVAL);
                }
                numbers.set_cursor(last + 1);
                Ok(())
            })
        })
    }
}
