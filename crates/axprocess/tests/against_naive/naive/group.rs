//! setpgid, setsid and their getters.

use axprocess::Errno;

use super::{PidKey, ProcessKey, World};

impl World {
    /// R-SETPGID-01 to R-SETPGID-10.
    pub(crate) fn setpgid(&mut self, caller: ProcessKey, pid: i32, pgid: i32) -> Result<(), Errno> {
        let own_number = self.number_seen_by(caller, caller).cast_signed();
        let pid = if pid == 0 { own_number } else { pid };
        let pgid = if pgid == 0 { pid } else { pgid };
        if pgid < 0 {
            return Err(Errno::EINVAL);
        }
        let thread = self.find_thread(caller, pid).ok_or(Errno::ESRCH)?;
        let target = self.find_process(caller, pid).ok_or(Errno::EINVAL)?;
        debug_assert_eq!(self.process_of(thread), target);
        if self.parent(target) == Some(caller) {
            if self[target].session != self[caller].session {
                return Err(Errno::EPERM);
            }
            if self[target].execed {
                return Err(Errno::EACCES);
            }
        } else if target != caller {
            return Err(Errno::ESRCH);
        }
        if self[target].leads_session {
            return Err(Errno::EPERM);
        }
        let group = if pgid == pid {
            self[target].pid
        } else {
            let group = self.find_group(caller, pgid).ok_or(Errno::EPERM)?;
            let of_session = |&member: &ProcessKey| self[member].session == self[caller].session;
            if !self.members(group).first().is_some_and(of_session) {
                return Err(Errno::EPERM);
            }
            group
        };
        self.join_group(target, group);
        // A number that nobody uses any more may have been the last that a namespace waited for.
        self.release(&[]);
        Ok(())
    }

    /// R-SETSID-01 to R-SETSID-04.
    pub(crate) fn setsid(&mut self, caller: ProcessKey) -> Result<u32, Errno> {
        let own = self[caller].pid;
        if self[caller].leads_session || self.is_group(own) {
            return Err(Errno::EPERM);
        }
        self[caller].session = own;
        self[caller].leads_session = true;
        self[caller].terminal = None;
        self.join_group(caller, own);
        self.release(&[]);
        Ok(self.number_seen_by(caller, caller))
    }

    /// R-GETPGID-01.
    pub(crate) fn getpgid(&self, caller: ProcessKey, pid: i32) -> Result<u32, Errno> {
        let process = self.find_asked(caller, pid)?;
        Ok(self.number_in(self[process].group, self.space_of(caller)))
    }

    /// R-GETPGID-01.
    pub(crate) fn getsid(&self, caller: ProcessKey, pid: i32) -> Result<u32, Errno> {
        let process = self.find_asked(caller, pid)?;
        Ok(self.number_in(self[process].session, self.space_of(caller)))
    }

    fn find_asked(&self, caller: ProcessKey, pid: i32) -> Result<ProcessKey, Errno> {
        if pid == 0 {
            return Ok(caller);
        }
        self.find_thread(caller, pid).map(|thread| self.process_of(thread)).ok_or(Errno::ESRCH)
    }

    /// Who is in the group already keeps its place in it.
    fn join_group(&mut self, process: ProcessKey, group: PidKey) {
        if self[process].group != group {
            let moment = self.tick();
            self[process].group = group;
            self[process].joined = moment;
        }
    }
}
