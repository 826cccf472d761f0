//! Controlling terminals: what is asked of them, and how they are got and lost without being asked.
//!
//! Two things happen to terminals that no followed call tells: a session leader opens one, and one hangs up. Both are read off
//! `/proc/PID/stat`: a leader that has a terminal has opened it, and a leader that has it no more, though nobody took it, was hung up.

use super::Ledger;
use crate::journal::Deed;
use crate::model::{Asked, Relations};
use crate::operation::{Call, Device, Line, TerminalCall, TerminalRequest};
use crate::procfs::Stat;
use crate::sys::Pid;
use crate::words;

impl Ledger {
    pub(super) fn judge_terminal(
        &mut self,
        tid: Pid,
        request: &TerminalCall,
        result: i64,
        written: i64,
    ) {
        let pid = self.process_of(tid);
        let call = Call::Terminal(*request);
        self.notice_terminal(pid, request.own);
        let Some(asked) = self.asked(request) else {
            return self.comparison.skip("the descriptor is no terminal");
        };
        if result == -i64::from(libc::EIO) {
            return self.comparison.skip("the terminal has hung up");
        }
        let device = asked.device();
        if !matches!(request.request, TerminalRequest::Acquire(how) if how.may_steal) {
            self.notice_hang_up(device, pid);
        }
        match request.request {
            TerminalRequest::Acquire(how) => {
                self.compare_number(tid, &call, result, |m| m.acquire_terminal(tid, device, how));
            }
            TerminalRequest::Release => {
                self.compare_number(tid, &call, result, |m| m.release_terminal(tid, asked));
            }
            TerminalRequest::SetForeground { group } => {
                let is_immune = request.is_immune;
                self.compare_number(tid, &call, result, |model| {
                    model.set_foreground(tid, device, group, is_immune)
                });
            }
            TerminalRequest::GetForeground { .. } if self.is_foreign_to(tid, device, written) => {
                self.comparison.skip("the foreground is outside the program");
            }
            TerminalRequest::GetForeground { .. } => {
                self.compare_number(tid, &call, written, |model| model.foreground(tid, asked));
            }
            TerminalRequest::GetSession { .. } => {
                self.compare_number(tid, &call, written, |m| m.terminal_session(tid, asked));
            }
        }
        if result == 0 && request.answer_address().is_none() {
            self.check_relations(pid);
        }
    }

    /// vhangup that was permitted: the caller's terminal hangs up, if that has not been noticed by a signal of it.
    pub(super) fn judge_vhangup(&mut self, tid: Pid, call: &Call, own: Device) {
        let pid = self.process_of(tid);
        self.compare_number(tid, call, 0, |model| {
            let device = model.relations(pid)?.terminal;
            if device != 0 && device == own {
                model.hang_up(device);
            }
            Ok(0)
        });
        self.check_relations(pid);
    }

    /// Compares what `/proc` says of the controlling terminal.
    pub(super) fn compare_terminal(&mut self, label: &str, linux: &Stat, model: &Relations) {
        let question = || format!("the controlling terminal of {label}");
        let show = |device: &Device| words::terminal(*device);
        self.comparison.compare("terminal", linux.terminal, model.terminal, question, show);
        if linux.terminal != 0 && !self.is_foreign(linux.terminal, linux.foreground.into()) {
            let question = || format!("the foreground group, as {label} sees it");
            let (linux, model) = (linux.foreground, model.foreground);
            self.comparison.compare("foreground", linux, model, question, ToString::to_string);
        }
    }

    /// A process is seen to have this terminal, or none.
    pub(super) fn notice_terminal(&mut self, pid: Pid, device: Device) {
        let Some(Ok(model)) = self.ask(|model| model.relations(pid)) else {
            return;
        };
        if model.terminal == device {
            return;
        }
        if model.terminal != 0 {
            let leader = model.session;
            let has_none = match leader == pid {
                true => true,
                false => self.view.stat(leader).is_some_and(|it| it.terminal != model.terminal),
            };
            if has_none {
                self.hang_up(model.terminal);
            }
        }
        if device != 0 && model.session == pid {
            self.notice_hang_up(device, pid);
            self.opened(pid, device);
        }
    }

    /// The terminal that a process' session has in the model and has no more on Linux.
    pub(crate) fn lost_terminal(&mut self, tid: Pid) -> Option<Device> {
        let pid = self.process_of(tid);
        let relations = self.ask(|model| model.relations(pid))?.ok()?;
        let leader = self.view.stat(relations.session)?;
        (relations.terminal != 0 && leader.terminal != relations.terminal)
            .then_some(relations.terminal)
    }

    /// A session leader without a terminal, seen to have one: it has opened it.
    pub(super) fn notice_opening(&mut self, pid: Pid) {
        if self.may_have_opened(pid)
            && let Some(stat) = self.view.stat(pid)
        {
            self.notice_terminal(pid, stat.terminal);
        }
    }

    /// A session leader has made a child that has a terminal: it has opened that before. What it has itself by now, a thread of its may have opened since.
    pub(super) fn notice_inherited_terminal(&mut self, pid: Pid, device: Device) {
        if self.may_have_opened(pid) {
            self.notice_terminal(pid, device);
        }
    }

    /// Whether a process is a session leader without a terminal in the model.
    pub(super) fn may_have_opened(&mut self, pid: Pid) -> bool {
        let relations = self.ask(|model| model.relations(pid)).and_then(Result::ok);
        relations.is_some_and(|it| it.session == pid && it.terminal == 0)
    }

    fn opened(&mut self, pid: Pid, device: Device) {
        let label = self.history.label(pid);
        let terminal = words::terminal(device);
        self.tell(pid, format!("has opened {terminal}"), 0);
        let answer = self.ask(|model| model.open_terminal(pid, device));
        match answer {
            Some(Ok(true)) => self.comparison.agree("terminals opened"),
            Some(_) => {
                let question = format!("what becomes of {terminal}, opened by {label}");
                self.diverge(&question, "its controlling terminal", "nothing");
            }
            None => {}
        }
    }

    /// The session that has a terminal in the model has lost it, if its leader shows that; not if that is `except`.
    fn notice_hang_up(&mut self, device: Device, except: Pid) {
        let leader = self.ask(|model| model.terminal_leader(device)).flatten();
        if let Some(leader) = leader.filter(|&leader| leader != except)
            && self.view.stat(leader).is_some_and(|stat| stat.terminal != device)
        {
            self.hang_up(device);
        }
    }

    fn hang_up(&mut self, device: Device) {
        let deed = Deed::Event(format!("{} hangs up", words::terminal(device)));
        let leader = self.ask(|model| model.terminal_leader(device)).flatten().unwrap_or(0);
        self.log_deed(leader, deed, [0; 2]);
        self.ask(|model| model.hang_up(device));
    }

    fn asked(&mut self, request: &TerminalCall) -> Option<Asked> {
        match request.line? {
            Line::Slave(device) => Some(Asked::Slave(device)),
            Line::Master(device) => Some(Asked::Master(device)),
            Line::Own if request.own == 0 => None,
            Line::Own => Some(Asked::Slave(request.own)),
        }
    }

    /// The same, for a number as a thread sees it: 0 if it sees none.
    fn is_foreign_to(&mut self, tid: Pid, device: Device, foreground: i64) -> bool {
        if device != self.own_terminal || foreground < 0 {
            return false;
        }
        let number = Pid::try_from(foreground).ok().filter(|&number| number != 0);
        match number.and_then(|number| self.ask(|model| model.global(tid, number)).flatten()) {
            Some(group) => self.is_foreign(device, group.into()),
            None => true,
        }
    }

    /// Whether the foreground of lockstep's own terminal is the business of others.
    fn is_foreign(&mut self, device: Device, foreground: i64) -> bool {
        device == self.own_terminal
            && Pid::try_from(foreground)
                .is_ok_and(|group| !self.ask(|model| model.is_group(group)).unwrap_or(true))
    }
}
