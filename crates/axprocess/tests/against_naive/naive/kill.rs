//! Whom a signal hits, and whether the caller may send it.

use axprocess::{Errno, Signal, SignalCause};

use super::send::Scope;
use super::{PidKey, ProcessKey, ThreadKey, World};

impl World {
    /// R-KILL-01 to R-KILL-04, R-KILL-09.
    pub(crate) fn kill(&mut self, caller: ProcessKey, pid: i32, signal: i32) -> Result<(), Errno> {
        self.is_sender_hidden = false;
        match pid {
            i32::MIN => Err(Errno::ESRCH),
            -1 => self.kill_all(caller, signal),
            0 => self.kill_group(caller, self[caller].group, signal),
            group if group < 0 => {
                let group = self.find_group(caller, -group).ok_or(Errno::ESRCH)?;
                self.kill_group(caller, group, signal)
            }
            _ => {
                let thread = self.find_thread(caller, pid).ok_or(Errno::ESRCH)?;
                self.kill_one(caller, thread, Scope::Process, signal, None)
            }
        }
    }

    fn kill_process(
        &mut self,
        caller: ProcessKey,
        target: ProcessKey,
        signal: i32,
    ) -> Result<(), Errno> {
        let leader = self.leader(target).expect("the leader stays");
        self.kill_one(caller, leader, Scope::Process, signal, None)
    }

    fn kill_one(
        &mut self,
        caller: ProcessKey,
        thread: ThreadKey,
        scope: Scope,
        signal: i32,
        code: Option<i32>,
    ) -> Result<(), Errno> {
        let target = self.process_of(thread);
        let signal = parse(signal)?;
        if !self.may_send(caller, target, signal) {
            return Err(Errno::EPERM);
        }
        if let Some(signal) = signal {
            let pid = self.number_shown(caller, target);
            let cause = match (scope, code) {
                // R-KILL-12: no place for a number that could be wiped.
                (_, Some(code @ (-2 | -5))) => given(77, code, false),
                (_, Some(code)) if pid == 0 => given(0, code, true),
                (_, Some(code)) => given(77, code, code == 0x80),
                (Scope::Process, None) => {
                    self.is_sender_hidden |= pid == 0;
                    SignalCause::User { pid }
                }
                (Scope::Thread, None) => SignalCause::Thread { pid },
            };
            self.send_to(thread, scope, signal, cause);
        }
        Ok(())
    }

    /// R-TTY-03: to whom the caller may send it, with the caller's number as they see it.
    pub(super) fn send_to_group_from(&mut self, caller: ProcessKey, group: PidKey, signal: Signal) {
        self.is_sender_hidden = false;
        for member in self.members(group).into_iter().rev() {
            if self.may_send(caller, member, Some(signal)) {
                let pid = self.number_seen_by(caller, member);
                self.send(member, signal, SignalCause::User { pid });
            }
        }
    }

    /// R-KILL-03: the member that joined last comes first; one success is success, else the last error counts.
    pub(super) fn kill_group(
        &mut self,
        caller: ProcessKey,
        group: PidKey,
        signal: i32,
    ) -> Result<(), Errno> {
        let members = self.members(group).into_iter().rev();
        let answers: Vec<_> =
            members.map(|member| self.kill_process(caller, member, signal)).collect();
        match answers.iter().any(Result::is_ok) {
            true => Ok(()),
            false => *answers.last().unwrap_or(&Err(Errno::ESRCH)),
        }
    }

    /// R-KILL-04. Linux's order is that of its list of tasks; the crate's is that of the numbers.
    fn kill_all(&mut self, caller: ProcessKey, signal: i32) -> Result<(), Errno> {
        let mut targets = self.processes();
        targets.retain(|&target| target != caller && self.number_seen_by(target, caller) > 1);
        targets.sort_by_key(|&target| self.number_seen_by(target, caller));
        let mut result = Err(Errno::ESRCH);
        for target in targets {
            result = match self.kill_process(caller, target, signal) {
                Err(Errno::EPERM) => Ok(()),
                answer => answer,
            };
        }
        result
    }

    /// R-KILL-08, tkill.
    pub(crate) fn tkill(&mut self, caller: ProcessKey, tid: i32, signal: i32) -> Result<(), Errno> {
        if tid <= 0 {
            return Err(Errno::EINVAL);
        }
        let thread = self.find_thread(caller, tid).ok_or(Errno::ESRCH)?;
        self.kill_one(caller, thread, Scope::Thread, signal, None)
    }

    /// R-KILL-08, tgkill.
    pub(crate) fn tgkill(
        &mut self,
        caller: ProcessKey,
        tgid: i32,
        tid: i32,
        signal: i32,
    ) -> Result<(), Errno> {
        if tid <= 0 || tgid <= 0 {
            return Err(Errno::EINVAL);
        }
        let thread = self.find_thread(caller, tid).ok_or(Errno::ESRCH)?;
        if self.find_process(caller, tgid) != Some(self.process_of(thread)) {
            return Err(Errno::ESRCH);
        }
        self.kill_one(caller, thread, Scope::Thread, signal, None)
    }

    /// R-KILL-11.
    pub(crate) fn queue(
        &mut self,
        caller: ThreadKey,
        tgid: Option<i32>,
        pid: i32,
        signal: i32,
        code: i32,
    ) -> Result<(), Errno> {
        let own = self.process_of(caller);
        if tgid.is_some_and(|tgid| tgid <= 0 || pid <= 0) {
            return Err(Errno::EINVAL);
        }
        let found = if pid > 0 { self.find_thread(own, pid) } else { None };
        if (code >= 0 || code == -6) && found != Some(caller) {
            return Err(Errno::EPERM);
        }
        let thread = found.ok_or(Errno::ESRCH)?;
        let scope = match tgid {
            None => Scope::Process,
            Some(tgid) if self.find_process(own, tgid) == Some(self.process_of(thread)) => {
                Scope::Thread
            }
            Some(_) => return Err(Errno::ESRCH),
        };
        self.kill_one(own, thread, scope, signal, Some(code))
    }

    /// R-KILL-07: the sender's own number, untranslated, if the target can see the sender at all.
    fn number_shown(&self, sender: ProcessKey, target: ProcessKey) -> u32 {
        match self.number_seen_by(sender, target) {
            0 => 0,
            _ => self.number_seen_by(sender, sender),
        }
    }

    /// R-KILL-05.
    pub(super) fn may_send(
        &self,
        sender: ProcessKey,
        target: ProcessKey,
        signal: Option<Signal>,
    ) -> bool {
        let is_continue = signal == Some(Signal::SIGCONT);
        sender == target
            || (is_continue && self[sender].session == self[target].session)
            || self[sender].user == 0
            || self[sender].user == self[target].user
    }
}

/// R-KILL-01: 0 only asks.
fn parse(signal: i32) -> Result<Option<Signal>, Errno> {
    match signal {
        0 => Ok(None),
        1..=64 => Ok(Signal::new(signal as u8)),
        _ => Err(Errno::EINVAL),
    }
}

/// What the sender has given: R-SIG-27.
const fn given(pid: u32, code: i32, is_from_outside: bool) -> SignalCause {
    SignalCause::Given { errno: 0, code, pid, uid: 0, value: 0, rest: [0; 2], is_from_outside }
}
