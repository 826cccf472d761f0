//! What the invariant checker asks of processes and threads, and what its tests break.

use super::{Children, Marks, Process};
use crate::sync::Hold;
use crate::thread::{Thread, ThreadMark, ThreadState};
use crate::{Attention, Host};
#[cfg(test)]
use crate::{Pid, Signal};

impl<H: Host> Process<H> {
    pub(crate) fn threads_in<'a, 'h>(
        &'a self,
        hold: &'a Hold<'h, H>,
    ) -> impl Iterator<Item = &'h Thread<H>> + use<'a, 'h, H> {
        self.threads.iter(hold)
    }

    pub(crate) fn live_threads_in(&self, hold: &Hold<'_, H>) -> usize {
        self.live_threads.get(hold) as usize
    }

    pub(crate) fn begun_exits_in(&self, hold: &Hold<'_, H>) -> usize {
        self.begun_exits().get(hold) as usize
    }

    pub(crate) fn terminal_generation_in(&self, hold: &Hold<'_, H>) -> u64 {
        self.terminal_generation.get(hold)
    }

    pub(crate) fn birth_in(&self, hold: &Hold<'_, H>) -> i64 {
        self.birth.get(hold)
    }

    /// Invariant 13: `unstopped` threads live and have not stopped.
    pub(crate) fn check_stop(&self, hold: &Hold<'_, H>, unstopped: usize) {
        let awaited = self.stop_awaits.get(hold) as usize;
        let is_complete = self.has(hold, Marks::STOPPED);
        let is_open = self.is_stop_in_effect(hold);
        assert_eq!(is_open, is_complete || awaited > 0, "13: the stop of {self:?}");
        assert!(!(is_complete && awaited > 0), "13: the stop of {self:?} is done and is not");
        assert!(awaited == 0 || awaited == unstopped, "13: the stop of {self:?} awaits {awaited}");
        assert!(!is_open || self.is_exit_undecided(hold), "13: {self:?} ends, and is stopped");
    }

    #[cfg(test)]
    pub(crate) fn break_stop(&self, hold: &mut Hold<'_, H>, awaited: u32) {
        self.begin_stop_round(hold, Signal::SIGSTOP);
        self.stop_awaits.set(hold, awaited);
    }

    /// Invariant 21, of a kernel thread.
    pub(crate) fn check_kernel_thread(&self, hold: &Hold<'_, H>) {
        if self.has(hold, Marks::KERNEL_THREAD) {
            assert_eq!(self.own_numbers().level(), 0, "21: {self:?} lives in a namespace inside");
            assert!(!self.has(hold, Marks::STOPPED), "21: {self:?} is stopped");
            let is_traced = self.threads.iter(hold).any(|thread| thread.is_traced_in(hold));
            assert!(!is_traced, "21: {self:?} is traced");
        }
    }

    /// Invariant 19: the fast path asks for nothing of this.
    pub(crate) fn check_fast_path(&self, hold: &Hold<'_, H>) {
        if !self.takes_fast_path(hold) {
            return;
        }
        let first = &self.in_hold(hold).first_thread;
        let has_second = self.threads.iter(hold).any(|thread| !core::ptr::eq(thread, first));
        let unusual = [
            ("another thread", has_second || self.later_leader.get_if_set(hold).is_some()),
            ("a part in ptrace", first.trace(hold).is_some()),
            ("an identity", first.own_identity(hold).is_some()),
            ("a parent-death signal", self.pdeath_threads.get(hold) > 0),
            ("a vfork", first.vfork_parent().get(hold).is_some() || first.is_waiting_for_vfork()),
            ("a stop", self.stop_round.get_in(hold) > 0 || self.stop_awaits.get(hold) > 0),
            ("a session of its own", self.leads_session()),
            ("what few have", first.rarities(hold).is_some()),
            ("a namespace of its own", self.own_numbers().level() > 0 || self.is_pid_ns_init(hold)),
        ];
        for (what, has) in unusual {
            assert!(!has, "19: {self:?} has {what}, and is not marked");
        }
        let marks = self.marks.get(hold)
            - (Marks::EXECED | Marks::GROUP_EXIT | Marks::EXECING | Marks::BELOW_SUBREAPER);
        assert!(marks.is_empty(), "19: {self:?} has {marks:?}, and is not marked");
    }

    /// Invariant 14: so many threads have a wish.
    pub(crate) fn check_pdeath_threads(&self, hold: &Hold<'_, H>, armed: u32) {
        assert_eq!(self.pdeath_threads.get(hold), armed, "14: the wishes of {self:?}");
    }

    #[cfg(test)]
    pub(crate) fn break_slow_path_mark(&self, hold: &mut Hold<'_, H>) {
        self.unmark(hold, Marks::SLOW_PATH);
    }

    #[cfg(test)]
    pub(crate) fn break_pdeath_threads(&self, hold: &mut Hold<'_, H>, armed: u32) {
        self.pdeath_threads.set(hold, armed);
    }

    #[cfg(test)]
    pub(crate) fn break_parent(&self, hold: &mut Hold<'_, H>, parent: Option<&Self>) {
        self.parent.set(hold, parent.map(|parent| parent.leading_thread(hold)));
    }

    #[cfg(test)]
    pub(crate) fn break_ppid(&self, hold: &mut Hold<'_, H>, ppid: Pid) {
        self.ppid.set(hold, ppid);
    }

    #[cfg(test)]
    pub(crate) fn break_terminal_generation(&self, hold: &mut Hold<'_, H>, generation: u64) {
        self.terminal_generation.set(hold, generation);
    }

    #[cfg(test)]
    pub(crate) fn break_live_threads(&self, hold: &mut Hold<'_, H>, count: u32) {
        self.live_threads.set(hold, count);
    }
}

impl<H: Host> Children<H> {
    /// Invariant 2, of one list: who asks for some reports finds them, and clones are counted.
    pub(crate) fn check(&self, hold: &Hold<'_, H>) {
        self.reportable.check(hold);
        let clones = self.list.iter(hold).filter(|child| child.is_clone_child(hold)).count();
        assert_eq!(
            self.count_sigchld_and_clone(hold).1,
            clones,
            "2: the clones among some children"
        );
    }
}

impl<H: Host> Thread<H> {
    /// Invariant 16.
    pub(crate) fn check_vfork(&self, hold: &Hold<'_, H>) {
        let child = self.vfork_child().get(hold);
        assert_eq!(self.is_waiting_for_vfork(), child.is_some(), "16: the vfork of {self:?}");
        let is_tied = |there: Option<&Self>| there.is_some_and(|there| core::ptr::eq(there, self));
        let back = child.is_none_or(|child| is_tied(child.vfork_parent().get(hold)));
        assert!(back, "16: the child of {self:?} lets another go");
        let parent = self.vfork_parent().get(hold);
        let back = parent.is_none_or(|parent| is_tied(parent.vfork_child().get(hold)));
        assert!(back, "16: {self:?} lets one go that waits for another");
        let lives = self.state() == ThreadState::Live;
        assert!(lives || child.is_none(), "16: {self:?} exits, and waits for a vfork");
        let has_memory = self.state() <= ThreadState::Exiting;
        assert!(has_memory || parent.is_none(), "16: {self:?} has exited amid a vfork");
    }

    /// Invariant 20.
    pub(crate) fn check_attention(&self, hold: &Hold<'_, H>) {
        let trace = self.trace(hold).filter(|trace| trace.tracer(hold).is_some());
        let is_trapped = trace.is_some_and(|trace| trace.is_in_stop(hold));
        assert_eq!(self.has_mark(ThreadMark::Traced), trace.is_some(), "20: {self:?} is traced");
        assert_eq!(self.has_mark(ThreadMark::InPtraceStop), is_trapped, "20: {self:?} is trapped");
        if self.state() != ThreadState::Live || !hold.relations().audit.is_no_walk_under_way() {
            return;
        }
        let (wanted, process) = (self.attention(), self.process());
        let has_to_exit = !process.is_exit_undecided(hold)
            && !self.has_mark(ThreadMark::ExitBegun)
            && !self.has_mark(ThreadMark::DumpsCore);
        assert!(!has_to_exit || wanted.contains(Attention::EXIT), "20: {self:?} has to exit");
        // A kernel that stops its threads by itself, and reports that, tells them itself.
        let awaits = process.stop_awaits.get(hold) > 0;
        let stops = self.trace_of_who_stops(hold);
        let has_to_trap = stops.is_ok_and(|trace| trace.has_to_trap(hold));
        let has_to_stop = has_to_trap || awaits && self.has_to_join_group_stop(hold);
        let is_told = wanted.intersects(Attention::EXIT | Attention::STOP);
        assert!(!has_to_stop || is_told, "20: {self:?} has to stop");
    }

    #[cfg(test)]
    pub(crate) fn break_attention(&self, hold: &mut Hold<'_, H>) {
        self.set_mark(hold, ThreadMark::Traced, true);
    }

    #[cfg(test)]
    pub(crate) fn break_vfork(&self, hold: &mut Hold<'_, H>, parent: &Self) {
        self.vfork_parent().set(hold, Some(parent));
    }
}
