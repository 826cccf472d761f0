//! How threads and processes end.
//!
//! # Who does what, in which order
//!
//! | step | Linux | here | spoken as |
//! | --- | --- | --- | --- |
//! | 0 | `synchronize_group_exit` | the thread's code is settled. With the last thread to come here the process's is, whoever dies last (R-EXIT-20) | [`Thread::begin_exit`] |
//! | 1 | `exit_signals`: `PF_EXITING`; `signal->live` falls | the thread is no longer one of those that live: nobody hands it a child any more, nobody signals it, and stops do not wait for it. Who takes out the last one **is** the last: the process is `Exiting` | [`PendingExit::set_exiting`] |
//! | 1' | `mm_release` | whoever waits in vfork for the thread is let go, unless the kernel said so before (`vfork`) | [`PendingExit::finish`], and what follows |
//! | 1'' | `disassociate_ctty` | with a session leader, the session loses its terminal (R-EXIT-14 d) | |
//! | 2 | `forget_original_parent` | its tracees are let go (R-PTRACE-05), then its children move to a living thread of the process, else to the reaper, at most 16 a hold | |
//! | 2' | `kill_orphaned_pgrp` | who was the last in step 1 looks after the process's group, which may be orphaned by that (`orphan`) | |
//! | 3 | `exit_notify` | the last thread to finish step 2 makes the process a zombie, posts the exit signal and wakes the parent, in one hold | |
//! | 3' | autoreap | instead, if the parent does not care: the process is reaped in that hold and never was a zombie | |
//!
//! Between the moves of step 2 and step 2' the last thread of a namespace's init waits for all others in it, `zap_pid_ns_processes`: it stays `Exiting`, and whoever is the last of them does the rest, or has it woken
//! ([`PendingExit::try_finish`]).
//!
//! [`Thread::exit_thread`] is all of it at once. With at most 16 children of whose move nobody is told it is one hold, unless one of them has more threads that are to be told of it. Between the holds of step 2 every
//! child is in exactly one list, that of a parent that still accepts its own, and an `Exiting` process is still no zombie: so a zombie never
//! has children (E6, race 10).

mod steps;

pub use steps::PendingExit;

use super::end_pid_ns::finish_waiting_inits;
use super::send::{Origin, Receiver};
use super::thread_walk::Errand;
use super::{Marks, Process, ProcessState, TracedBy};
use crate::sync::{Hold, with_rest_on_panic};
use crate::thread::{Thread, ThreadMark, ThreadState};
use crate::{ChildSignalFlags, ExitSignal, ExitStatus, Host, Signal, SignalAction, SignalCause};

/// What the exit of a thread was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ThreadExit {
    /// Other threads of the process live.
    OthersRemain,
    /// It was the last one: with it the process has ended. One thread gets this answer, ever.
    Last,
    /// It was init's last thread, or kthreadd's. Init stays in the table, because all orphans are its own; a real machine halts here (R-EXIT-18). So does kthreadd, which ends on no machine (R-KTHREAD-01).
    LastOfInit,
    /// It had exited before, or been taken out by another thread's exec. Nothing has changed.
    Gone,
}

impl<H: Host> Thread<H> {
    /// Ends this thread. With the last one the process becomes a zombie, or is released at once if its parent does not wait for it.
    ///
    /// Serves exit(2), exit_group(2) after [`Process::begin_group_exit`], and death by a signal. The process's
    /// status is the last thread's, unless a group exit has decided it. R-EXIT-01 to R-EXIT-07, R-REPARENT-01, R-NOTIFY-01.
    ///
    /// The last thread of a namespace's init is not gone before all others in that namespace are (R-NS-29): this returns, and the one that goes last does what is left.
    ///
    /// Where the kernel has work to do between the steps of an exit, it calls [`begin_exit`](Self::begin_exit).
    pub fn exit_thread(&self, status: ExitStatus) -> ThreadExit {
        self.exit_in_holds(|hold| self.exit_in(hold, status.to_raw()))
    }

    /// This hold, and those that it takes to complete what it has begun.
    #[inline]
    pub(super) fn exit_in_holds<R>(&self, first: impl FnOnce(&mut Hold<'_, H>) -> R) -> R {
        let first = || self.process().table().hold(first);
        let exit = with_rest_on_panic(|| self.finish_exit(), first);
        if self.has_exit_steps_left() {
            self.finish_exit();
        }
        exit
    }

    /// Whether its exit has begun, and waits for nobody. Another thread than its own can make it so, and does those steps itself.
    #[inline]
    fn has_exit_steps_left(&self) -> bool {
        self.is_exiting() && !self.has_mark(ThreadMark::AwaitsPidNsEnd)
    }

    /// All of an exit, or as much as one hold allows.
    #[inline]
    fn exit_in(&self, hold: &mut Hold<'_, H>, code: i32) -> ThreadExit {
        let process = self.process_in(hold);
        if process.takes_fast_path(hold)
            && self.is_live_in(hold)
            && self.has_no_children(hold)
            && !process.is_group_stopped_in_part(hold)
        {
            process.exit_on_fast_path(hold, code);
            return ThreadExit::Last;
        }
        self.exit_on_slow_path(hold, code)
    }

    #[inline(never)]
    fn exit_on_slow_path(&self, hold: &mut Hold<'_, H>, code: i32) -> ThreadExit {
        self.settle_exit_code(hold, code);
        let exit = self.set_exiting(hold);
        if exit != ThreadExit::Gone {
            self.try_finish_exit(hold);
        }
        exit
    }

    /// Also while the panic of a waker unwinds: an exit that has begun is completed.
    #[cold]
    fn finish_exit(&self) {
        let finish = || {
            while self.has_exit_steps_left() {
                self.process().table().hold(|hold| self.try_finish_exit(hold));
            }
        };
        with_rest_on_panic(finish, finish);
    }

    fn has_no_children(&self, hold: &Hold<'_, H>) -> bool {
        self.children_lists().list.is_empty(hold)
    }

    /// Step 0, unless it was taken before.
    pub(super) fn settle_exit_code(&self, hold: &mut Hold<'_, H>, code: i32) {
        if !self.is_live_in(hold) || self.has_mark(ThreadMark::ExitBegun) {
            return;
        }
        self.end_core_dump(hold);
        self.tell_of_continuation_if_killed_in_exec(hold);
        let process = self.process();
        if !process.has(hold, Marks::GROUP_EXIT) {
            process.exit_code.set(hold, code as u32);
        }
        self.exit_code().set(hold, process.exit_code.get());
    }

    /// Step 1. The process is `Exiting` with its last thread.
    pub(super) fn set_exiting(&self, hold: &mut Hold<'_, H>) -> ThreadExit {
        if self.state() != ThreadState::Live {
            return ThreadExit::Gone;
        }
        let process = self.process();
        self.mark_exiting_leave_stops(hold);
        if process.live_threads.get(hold) > 0 {
            process.decide_exit_if_all_have_begun(hold);
            process.wake_core_dump_if_ready(hold);
            return ThreadExit::OthersRemain;
        }
        if process.never_ends(hold) {
            return ThreadExit::LastOfInit;
        }
        self.set_mark(hold, ThreadMark::LastToLive, true);
        process.set_exiting(hold);
        hold.host().last_thread_exited(hold.view(), process);
        ThreadExit::Last
    }

    /// Ceases to be one of those that live; stays listed while it hands over its children.
    fn mark_exiting_leave_stops(&self, hold: &mut Hold<'_, H>) {
        let process = self.process();
        process.live_threads.set(hold, process.live_threads.get(hold) - 1);
        if self.has_mark(ThreadMark::ExitBegun) {
            process.begun_exits().set(hold, process.begun_exits().get(hold) - 1);
        }
        self.cancel_vfork(hold);
        self.count_exit_as_stop(hold);
        self.end_ptrace_stop(hold);
        self.enter_state(hold, ThreadState::Exiting);
        self.set_mark(hold, ThreadMark::UsesMm, true);
    }

    /// Leaves the process, without children.
    pub(super) fn leave_thread_group(&self, hold: &mut Hold<'_, H>) {
        let process = self.process();
        if self.is_live() {
            self.mark_exiting_leave_stops(hold);
        }
        self.complete_vfork(hold);
        let led = self.is_leader(hold);
        if !led {
            hold.host().release_task(hold.view(), self);
            self.release_non_leader_number(hold, self.exit_code().get());
            self.clear_pdeath_signal(hold);
            self.cease_to_be_tracee(hold);
        }
        self.leave_dead_run(hold);
        self.enter_state(hold, ThreadState::Exited);
        // The list's reference goes when all is told: from then on the thread is its holders', a leader also its process's.
        let listed = process.threads.remove(hold, self);
        if process.has(hold, Marks::ENDING_PID_NS) {
            self.cease_to_end_pid_ns(hold);
        }
        if !led {
            hold.host().wake_thread_pollers(hold.view(), self);
            process.settle_code_of_delayed_leader(hold);
            finish_waiting_inits(hold, self.in_hold(hold).own_numbers());
        }
        drop(listed);
    }

    /// Step 2, one batch of it; step 3, if that was the last.
    pub(crate) fn try_finish_exit(&self, hold: &mut Hold<'_, H>) {
        if !self.has_exit_steps_left() {
            return;
        }
        let process = self.process_in(hold);
        if self.has_mark(ThreadMark::UsesMm) {
            self.release_mm_and_ctty(hold);
        }
        if process.own_numbers().level() > 0 {
            self.close_pid_ns_if_child_reaper(hold);
        }
        if !self.try_exit_ptrace(hold) {
            return;
        }
        if !process.reparent_children(hold, self.children_lists()) {
            return;
        }
        if process.has(hold, Marks::ENDING_PID_NS) {
            if self.ends_pid_ns(hold) {
                // They are in the way of that.
                self.release_dead_tracees(hold);
            }
            if !process.zap_pid_ns_processes(hold) {
                return;
            }
        }
        if self.has_mark(ThreadMark::LastToLive) && !process.try_finish_orphan_search(hold) {
            return;
        }
        if !self.await_pid_ns_end(hold) {
            self.exit_notify(hold);
        }
    }

    /// Step 2', and step 3 if the process ends with this thread: all that is left when it has nobody to wait for.
    pub(super) fn exit_notify(&self, hold: &mut Hold<'_, H>) {
        let process = self.process_in(hold);
        let leads = self.is_leader(hold);
        if self.has_mark(ThreadMark::LastToLive) {
            process.hang_up_if_orphaned_by_exit(hold);
        }
        if self.exit_notify_if_traced(hold) {
            self.release_dead_tracees(hold);
            return;
        }
        self.leave_thread_group(hold);
        process.wake_exec_if_alone(hold);
        if leads && !process.threads.is_empty(hold) {
            process.notify_tracer_of_leader_exit(hold);
        }
        process.exit_notify_if_finished(hold);
        self.release_dead_tracees(hold);
    }

    /// Steps 1' and 1''.
    #[cold]
    fn release_mm_and_ctty(&self, hold: &mut Hold<'_, H>) {
        self.set_mark(hold, ThreadMark::UsesMm, false);
        self.complete_vfork(hold);
        if self.has_mark(ThreadMark::LastToLive) {
            self.process().disassociate_ctty(hold);
        }
    }

    /// With the exit of its init a namespace closes. Linux's `child_reaper` is the leader, if it is not done before.
    #[cold]
    fn close_pid_ns_if_child_reaper(&self, hold: &mut Hold<'_, H>) {
        let process = self.process();
        let is_child_reaper = self.is_leader(hold) || process.leader(hold).is_none();
        if is_child_reaper && process.state() == ProcessState::Exiting {
            process.close_pid_ns_if_init(hold, self);
        }
    }

    /// Gives the number of a thread other than the leader back, which ended with this code.
    pub(super) fn release_non_leader_number(&self, hold: &mut Hold<'_, H>, code: u32) {
        let own = self.in_hold(hold);
        if let Some(identity) = own.own_identity(hold) {
            identity.note_gone(hold, code);
        }
        own.own_numbers().release_holder(hold);
    }
}

impl<H: Host> Process<H> {
    /// Decides that the whole process exits, with this status: no thread can join, and no later status counts.
    ///
    /// Serves exit_group(2), and fatal signals that a thread has taken from a queue; others decide when they are sent (R-EXIT-10). Every
    /// living thread is told by [`Host::request_exit`], at most 48 in a hold, and calls [`exit_thread`](Thread::exit_thread). Unreported stops and continuations are lost.
    ///
    /// Returns whether this call decided it; the first one does. While another thread is in exec it decides nothing: the caller exits alone,
    /// with code 0 (R-EXIT-19). R-EXIT-06, R-EXIT-08, R-EXIT-09, R-EXIT-11 to R-EXIT-13.
    pub fn begin_group_exit(&self, status: ExitStatus) -> bool {
        self.table().hold(|hold| {
            !self.has(hold, Marks::EXECING) && self.decide_group_exit(hold, status.to_raw())
        })
    }

    pub(super) fn begin_group_exit_by_signal(&self, hold: &mut Hold<'_, H>, signal: Signal) {
        let code = ExitStatus::killed(signal).to_raw();
        if self.has(hold, Marks::DUMPING_CORE) {
            self.cut_core_dump(hold, code);
        } else {
            self.decide_group_exit(hold, code);
        }
    }

    /// Whether it lives on, as far as is decided: threads can join, and stop and continue signals have a meaning.
    pub(crate) fn is_exit_undecided(&self, hold: &Hold<'_, H>) -> bool {
        self.state_in(hold) == ProcessState::Live && !self.has(hold, Marks::GROUP_EXIT)
    }

    /// False if it was decided before.
    fn decide_group_exit(&self, hold: &mut Hold<'_, H>, code: i32) -> bool {
        if !self.is_exit_undecided(hold) {
            return false;
        }
        self.settle_group_exit(hold, code);
        self.request_exits(hold, None);
        true
    }

    /// Notes that the exit of the process is decided, and how it ends.
    pub(super) fn settle_group_exit(&self, hold: &mut Hold<'_, H>, code: i32) {
        self.mark(hold, Marks::GROUP_EXIT);
        self.exit_code.set(hold, code as u32);
        self.clear_stop_and_reports(hold);
    }

    /// Has the threads asked to exit, but the one at that place.
    pub(super) fn request_exits(&self, hold: &mut Hold<'_, H>, besides: Option<i64>) {
        hold.count_touched();
        self.walk_threads(hold, Errand::RequestExit { besides });
    }

    /// With the last thread that begins to exit the process's end is decided, with that one's code. R-EXIT-20.
    pub(super) fn decide_exit_if_all_have_begun(&self, hold: &mut Hold<'_, H>) {
        let all_have = self.begun_exits().get(hold) == self.live_threads.get(hold);
        if all_have && self.is_exit_undecided(hold) && !self.never_ends(hold) {
            self.settle_group_exit(hold, self.exit_code.get().cast_signed());
        }
    }

    /// Step 1 of its last thread: from here on the process accepts no child and no thread.
    fn set_exiting(&self, hold: &mut Hold<'_, H>) {
        self.enter_state(hold, ProcessState::Exiting);
        self.clear_stop_and_reports(hold);
        self.drop_subreaper_mark(hold);
    }

    /// Step 3, once the last thread is gone.
    pub(super) fn exit_notify_if_finished(&self, hold: &mut Hold<'_, H>) {
        if self.state() == ProcessState::Exiting && self.threads.is_empty(hold) {
            self.exit_notify(hold);
        }
    }

    /// Ends a process that is on the fast path, and has no children: what the three steps come to for it. What that leaves out, only who has [`Marks::SLOW_PATH`] can have.
    #[inline]
    fn exit_on_fast_path(&self, hold: &mut Hold<'_, H>, code: i32) {
        let thread = &self.in_hold(hold).first_thread;
        if !self.has(hold, Marks::GROUP_EXIT) {
            self.exit_code.set(hold, code as u32);
        }
        thread.exit_code().set(hold, self.exit_code.get_in(hold));
        self.live_threads.set(hold, 0);
        thread.enter_state(hold, ThreadState::Exited);
        self.threads.remove_only_part(hold, thread);
        self.enter_state(hold, ProcessState::Exiting);
        hold.host().last_thread_exited(hold.view(), self);
        self.enter_state(hold, ProcessState::Zombie);
        self.notify_tracer_parent_or_autoreap_in_line(hold);
    }

    /// Becomes a zombie, and the parent is notified.
    #[inline]
    fn exit_notify(&self, hold: &mut Hold<'_, H>) {
        if !self.takes_fast_path(hold) {
            self.apply_reboot_status(hold);
            self.mark_identity_exited(hold);
        }
        self.enter_state(hold, ProcessState::Zombie);
        self.notify_tracer_parent_or_autoreap(hold);
    }

    fn mark_identity_exited(&self, hold: &mut Hold<'_, H>) {
        if let Some(identity) = self.identity_in(hold) {
            identity.note_exit(hold);
        }
    }

    /// Tells the parent of a zombie, or reaps it if the parent does not care; the tracer comes first. R-PTRACE-01, R-PTRACE-02, R-NOTIFY-01 to R-NOTIFY-06, R-NOTIFY-10.
    ///
    /// The zombie, its signal and its wake-up become visible in one hold (W1), whatever the signal (W10).
    pub(super) fn notify_tracer_parent_or_autoreap(&self, hold: &mut Hold<'_, H>) {
        self.notify_tracer_parent_or_autoreap_in_line(hold);
    }

    #[inline(always)]
    fn notify_tracer_parent_or_autoreap_in_line(&self, hold: &mut Hold<'_, H>) {
        hold.host().wake_pollers(hold.view(), self);
        let Some(thread) = self.parent_thread(hold) else {
            return;
        };
        // Mostly it is `SIGCHLD`: of the sending of one signal, to a host that does nothing about it, little is left when this is compiled.
        match self.takes_fast_path(hold) && !self.is_clone_child(hold) {
            true => self.notify_parent_or_autoreap(hold, thread, Some(Signal::SIGCHLD)),
            false => self.notify_tracer_or_parent(hold, thread),
        }
    }

    #[cold]
    #[inline(never)]
    fn notify_tracer_or_parent(&self, hold: &mut Hold<'_, H>, parent: &Thread<H>) {
        let signal = self.effective_exit_signal(hold, parent.process_in(hold));
        if self.takes_fast_path(hold) || !self.notify_tracer_of_end_if_traced(hold, signal) {
            self.notify_parent_or_autoreap(hold, parent, signal);
        }
    }

    #[inline(always)]
    fn notify_parent_or_autoreap(
        &self,
        hold: &mut Hold<'_, H>,
        thread: &Thread<H>,
        signal: Option<Signal>,
    ) {
        let parent = thread.process_in(hold);
        let is_autoreaped = match signal {
            Some(signal) => self.send_exit_signal(hold, parent, signal),
            None => parent.has(hold, Marks::ENDING_PID_NS),
        };
        if is_autoreaped {
            self.autoreap(hold, parent);
        } else {
            self.queue_zombie(hold, thread);
            parent.note_news_of_child(hold, self);
        }
    }

    /// Sends the exit signal, unless the parent does not want it. Returns whether that does not wait for the child either.
    #[inline(always)]
    fn send_exit_signal(&self, hold: &mut Hold<'_, H>, parent: &Self, signal: Signal) -> bool {
        let receiver = Receiver::Process(self.parent_thread_unless_exited(hold));
        let cause = |hold: &Hold<'_, H>| SignalCause::Child {
            pid: self.number_seen_by_parent(hold, parent),
            status: self.status_of_leader(hold).into(),
        };
        // R-NS-20: the dying init of a namespace waits for nobody's status.
        let is_ending = |hold: &Hold<'_, H>| parent.has(hold, Marks::ENDING_PID_NS);
        if signal != Signal::SIGCHLD {
            if is_ending(hold) {
                return true;
            }
            parent.send_with(hold, Origin::Visible, receiver, signal, Some(self), cause);
            return false;
        }
        let asks = |hold: &Hold<'_, H>| {
            let is_ignored = is_ending(hold) || parent.ignores_sigchld(hold);
            let no_wait = ChildSignalFlags::NO_WAIT;
            (!is_ignored, is_ignored || parent.has_sigchld_flag(hold, no_wait))
        };
        parent.send_sigchld_if(hold, receiver, self, asks, cause)
    }

    /// Whether it ignores `SIGCHLD`: then children that end vanish at once. kthreadd does (R-KTHREAD-05).
    #[inline(always)]
    fn ignores_sigchld(&self, hold: &Hold<'_, H>) -> bool {
        self.is_kthreadd_in(hold)
            || self.signal_action_in(hold, Signal::SIGCHLD) == SignalAction::Ignore
    }

    #[inline(always)]
    fn has_sigchld_flag(&self, hold: &Hold<'_, H>, flag: ChildSignalFlags) -> bool {
        hold.host().child_signal_flags(hold.view(), self).contains(flag)
    }

    /// Whether it is told of a child that stops or continues.
    pub(super) fn wants_sigchld_of_stops(&self, hold: &Hold<'_, H>) -> bool {
        !self.ignores_sigchld(hold) && !self.has_sigchld_flag(hold, ChildSignalFlags::NO_STOP)
    }

    /// Whether its children vanish when they end, where it is told of that by `SIGCHLD`.
    pub(super) fn waits_for_no_child(&self, hold: &Hold<'_, H>) -> bool {
        self.ignores_sigchld(hold) || self.has_sigchld_flag(hold, ChildSignalFlags::NO_WAIT)
    }

    /// The parent does not wait: the zombie is reaped, and who waits for it all the same learns that it is gone.
    #[cold]
    #[inline(never)]
    fn autoreap(&self, hold: &mut Hold<'_, H>, parent: &Self) {
        let news = self.news_to_parent(hold);
        drop(self.reap(hold));
        parent.note_news_and_wake(hold, &news);
    }

    /// Tells the tracer of a zombie of its end. False if nobody traces it.
    #[inline(never)]
    fn notify_tracer_of_end_if_traced(
        &self,
        hold: &mut Hold<'_, H>,
        signal: Option<Signal>,
    ) -> bool {
        let Some(trace) = self.traced_leader(hold) else { return false };
        // A stranger gets the parent's signal too, if the leader had been the first to exit: Linux tells of the end in another place then.
        let signal = match trace.tracer(hold) {
            _ if self.traced_by(hold) == TracedBy::Parent => signal,
            Some(tracer) if trace.has_died_first(hold) => {
                self.effective_exit_signal(hold, tracer.process(hold))
            }
            _ => Some(Signal::SIGCHLD),
        };
        self.update_report_queue(hold);
        trace.notify_tracer(hold, signal, self.status_of_leader(hold).into());
        true
    }

    /// What the signals about its end and its pidfd say: how the leader ended, which is how the process did unless the leader began to exit before another, and has died after it (R-EXIT-20).
    #[inline]
    pub(super) fn status_of_leader(&self, hold: &Hold<'_, H>) -> ExitStatus {
        ExitStatus::from_word(self.leading_thread(hold).exit_code().get_in(hold))
    }

    /// Linux's `release_task`: with the last of the others, a leader that has died before gets the process's code.
    fn settle_code_of_delayed_leader(&self, hold: &mut Hold<'_, H>) {
        let leader = self.leading_thread(hold);
        if self.threads.is_empty(hold) && leader.has_exited_in(hold) {
            leader.exit_code().set(hold, self.exit_code.get_in(hold));
        }
    }

    /// The exit signal, as long as `parent` is the program that asked for it; `SIGCHLD` once it has exec'd. R-NOTIFY-06, B31.
    #[inline]
    fn effective_exit_signal(&self, hold: &Hold<'_, H>, parent: &Self) -> Option<Signal> {
        match self.exit_signal.get(hold) {
            ExitSignal::SIGCHLD => Some(Signal::SIGCHLD),
            _ if self.has_parent_execed(hold, parent) => Some(Signal::SIGCHLD),
            own => own.signal(),
        }
    }

    /// Whether its parent is another program than the one that forked it. Linux compares `parent_exec_id` with `self_exec_id`.
    fn has_parent_execed(&self, hold: &Hold<'_, H>, parent: &Self) -> bool {
        self.parent_execs.get(hold) != parent.execs.get(hold)
    }

    /// One step of the end of a root, without telling anyone, when the whole table is being dropped: a child becomes a root, a tracee is let go, a thread leaves, or nothing of that is left and it is released.
    pub(crate) fn take_release_step_at_table_end(&self, hold: &mut Hold<'_, H>) {
        let listed = self.threads.first(hold);
        let thread = listed.unwrap_or_else(|| self.leading_thread(hold));
        if let Some(child) = thread.children_lists().list.first(hold) {
            child.become_root(hold);
            return;
        }
        if thread.forget_tracee(hold) {
            return;
        }
        if listed.is_some() {
            thread.leave_thread_group(hold);
        } else {
            self.note_release_of_leader(hold);
            self.end_tracing_of_leader(hold);
            self.drop_subreaper_mark(hold);
            self.become_reaped(hold);
            drop(hold.roots().remove(hold, self));
        }
    }
}
