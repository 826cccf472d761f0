//! Masks: which signals a thread blocks, for good or for a call.

use axprocess::{Errno, Signal, StopSignal};

use crate::Caller;
use crate::action::{Action, ActionFlags, Handler};
use crate::kernel::Kernel;
use crate::send::is_told;
use crate::set::SignalSet;
use crate::state::{Held, ProcessSignals, SIGNAL};

impl<K: Kernel> Caller<'_, K> {
    /// Sets what the process does about a signal, and returns what it did before; what it ignores from now on and what waits of it is discarded. `action` reads it from user space: `None` to ask alone. Takes the lock of the
    /// process's signals; the relation lock only where the signal may wait for single threads and is to be discarded there, or where somebody is sending to the process.
    ///
    /// Serves rt_sigaction(2). Where what was done before is `SIG_IGN`, and no more, a kernel with timers of timer_create(2) sends for the periodic ones of that signal that have expired meanwhile (R-SIG-26). R-SIG-01, R-SIG-07, R-SIG-09 to R-SIG-13.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: the size of a set is another. What `action` fails with: `EFAULT`. `EINVAL`: there is no such signal, or it is `SIGKILL` or `SIGSTOP`, about which one can only ask; or it is fatal for good, as
    /// [`ForcedAction::Final`](axprocess::ForcedAction::Final) makes it.
    ///
    /// ```
    /// # mod kernel { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel/smallest.rs")); }
    /// # use kernel::*;
    /// use axprocess_signals::{Action, Handler};
    /// # let (_table, init) = boot();
    /// let handled = Action { handler: Handler::from_raw(0x4000), ..Action::default() };
    /// let old = signals_of(&init).rt_sigaction(15, 8, || Ok(Some(handled)))?;
    /// assert_eq!(old, Action::default());
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn rt_sigaction(
        self,
        signal: i32,
        size: usize,
        action: impl FnOnce() -> Result<Option<Action>, Errno>,
    ) -> Result<Action, Errno> {
        SignalSet::check_size(size)?;
        let new = action()?;
        let signal = u8::try_from(signal).ok().and_then(Signal::new).ok_or(Errno::EINVAL)?;
        if new.is_some() && signal.is_unblockable() {
            return Err(Errno::EINVAL);
        }
        let kept = |flags: ActionFlags| ActionFlags::from_bits_truncate(flags.bits());
        let new = new.map(|it| Action { mask: it.mask.blockable(), flags: kept(it.flags), ..it });
        let mut left = None;
        let set = |held: &mut Held<K>| {
            self.process().set_action(held, self.host().reserve(), &mut left, signal, new)
        };
        let old = match new.is_some_and(|new| new.ignores(signal)) {
            true => self.set_to_ignore(signal, set),
            false => self.change_actions(set),
        };
        self.host().reserve().take_back(left);
        old
    }

    /// Sets that a signal is ignored, and discards it where it waits.
    fn set_to_ignore(
        self,
        signal: Signal,
        mut set: impl FnMut(&mut Held<K>) -> Result<Action, Errno>,
    ) -> Result<Action, Errno> {
        let (process, void) = (self.thread().process(), SignalSet::from(signal));
        let old = self.change_actions(|held| {
            // Where threads have to be found for it, all is done there: what comes behind the change stays.
            let is_elsewhere = held.of_threads.contains(signal);
            (!is_elsewhere).then(|| {
                let old = set(held);
                if old.is_ok() {
                    self.host().discard_from(&self.process().queue, void);
                }
                old
            })
        });
        old.unwrap_or_else(|| {
            process.read(|view| {
                let mut held = self.process().lock();
                let old = set(&mut held);
                if old.is_ok() {
                    self.host().flush(view, &mut held, process, void);
                }
                old
            })
        })
    }

    /// Changes the thread's mask, and returns what it was. `set` reads it from user space: `None` to ask alone. Takes the lock of the process's signals, if anything changes; the relation lock only where the thread leaves a signal
    /// to others of which it was told already, or where somebody is sending to the process.
    ///
    /// Serves rt_sigprocmask(2). R-SIG-01, R-SIG-04, R-SIG-06, R-SIG-31.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: the size of a set is another. What `set` fails with: `EFAULT`. `EINVAL`: `how` is none of 0 (`SIG_BLOCK`), 1 (`SIG_UNBLOCK`) and 2 (`SIG_SETMASK`), and there is a set.
    ///
    /// ```
    /// # mod kernel { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel/smallest.rs")); }
    /// # use kernel::*;
    /// use axprocess_signals::SignalSet;
    /// # let (_table, init) = boot();
    /// let old = signals_of(&init).rt_sigprocmask(0, 8, || Ok(Some(SignalSet::ALL)))?;
    /// assert!(old.is_empty());
    /// assert!(!signals_of(&init).blocked().contains(axprocess::Signal::SIGKILL));
    /// # Ok::<(), axprocess::Errno>(())
    /// ```
    pub fn rt_sigprocmask(
        self,
        how: i32,
        size: usize,
        set: impl FnOnce() -> Result<Option<SignalSet>, Errno>,
    ) -> Result<SignalSet, Errno> {
        SignalSet::check_size(size)?;
        let old = self.own().blocked.get();
        let Some(set) = set()? else { return Ok(old) };
        let set = set.blockable();
        let new = match how {
            0 => old | set,
            1 => old & !set,
            2 => set,
            _ => return Err(Errno::EINVAL),
        };
        self.set_blocked(new);
        Ok(old)
    }

    /// Returns the thread's mask: `SigBlk` of `/proc/PID/status`. Wait-free.
    pub fn blocked(self) -> SignalSet {
        self.own().blocked.get()
    }

    /// Returns which signals wait for the thread, and which for its process: `SigPnd` and `ShdPnd` of `/proc/PID/status`. Wait-free.
    pub fn pending(self) -> (SignalSet, SignalSet) {
        (self.own().queue.pending(), self.process().queue.pending())
    }

    /// Returns which signals the process ignores, and which it catches: `SigIgn` and `SigCgt` of `/proc/PID/status`. Takes the lock of the process's signals.
    pub fn ignored_and_caught(self) -> (SignalSet, SignalSet) {
        self.process().ignored_and_caught(&self.process().lock())
    }

    /// Returns what the process does about a signal, as [`rt_sigaction`](Self::rt_sigaction) would say. Takes the lock of the process's signals.
    pub fn action(self, signal: Signal) -> Action {
        self.process().action(&self.process().lock(), signal)
    }

    /// Returns whether a stop signal would do anything to the process of this thread, to be passed to [`check_terminal_access`](axprocess::Process::check_terminal_access) and its like. Takes the lock of the process's signals. Linux: `is_ignored` of
    /// `tty_check_change`.
    pub fn stop_signal(self, signal: Signal) -> StopSignal {
        let is_ignored = self.action(signal).handler == Handler::Ignore;
        match is_ignored || self.blocked().contains(signal) {
            true => StopSignal::BlockedOrIgnored,
            false => StopSignal::Effective,
        }
    }

    /// Returns which signals wait that the thread blocks. Wait-free.
    ///
    /// Serves rt_sigpending(2), which copies `size` bytes of it. R-SIG-02, R-SIG-20.
    ///
    /// # Errors
    ///
    /// `EINVAL`: `size` is more than a set has.
    pub fn rt_sigpending(self, size: usize) -> Result<SignalSet, Errno> {
        if size > SignalSet::SIZE {
            return Err(Errno::EINVAL);
        }
        let (own, shared) = self.pending();
        Ok((own | shared) & self.blocked())
    }

    /// Begins to wait for a signal with another mask: the thread sleeps until its [attention](axprocess::Thread::attention) is wanted, and the call is then one that is [made again unless a handler runs](crate::Restart::UnlessHandled). The mask that it had comes back
    /// when that is decided; a call that is made again begins anew. Takes the lock of the process's signals.
    ///
    /// Serves rt_sigsuspend(2). R-SIG-48, R-SIG-49.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: the size of a set is another. What `set` fails with: `EFAULT`.
    pub fn rt_sigsuspend(
        self,
        size: usize,
        set: impl FnOnce() -> Result<SignalSet, Errno>,
    ) -> Result<(), Errno> {
        self.begin_mask_of_call(size, set)
    }

    /// Gives the thread another mask for the call that it makes: ppoll(2), pselect(2), epoll_pwait(2), if they are passed a set. At the end of the call, [`end_mask_of_call`](Self::end_mask_of_call). Takes the lock of the
    /// process's signals.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: the size of a set is another. What `set` fails with: `EFAULT`.
    pub fn begin_mask_of_call(
        self,
        size: usize,
        set: impl FnOnce() -> Result<SignalSet, Errno>,
    ) -> Result<(), Errno> {
        SignalSet::check_size(size)?;
        let set = set()?;
        self.own().outer.set(self.blocked());
        self.own().set_restores_mask(true);
        self.set_blocked(set.blockable());
        Ok(())
    }

    /// The call is over: if a signal has ended it, the mask comes back [behind that](crate::Caller::get_signal), else now. Takes the lock of the process's signals, if there is something to bring back. Linux:
    /// `restore_saved_sigmask_unless`. R-SIG-51, R-SIG-52.
    pub fn end_mask_of_call(self, ended_by: EndedBy) {
        match ended_by {
            EndedBy::Signal => {}
            EndedBy::Itself => self.restore_mask(),
        }
    }

    /// Brings back the mask that the thread had before its call. Linux: `restore_saved_sigmask`.
    pub(crate) fn restore_mask(self) {
        if self.own().restores_mask() {
            self.own().set_restores_mask(false);
            self.set_blocked(self.own().outer.get());
        }
    }

    /// The mask that a handler's frame keeps: what comes back with it. Linux: `sigmask_to_save`.
    pub(crate) fn mask_to_save(self) -> SignalSet {
        match self.own().restores_mask() {
            true => self.own().outer.get(),
            false => self.own().blocked.get(),
        }
    }

    /// Returns from a handler: the mask is what its frame has kept. Takes the lock of the process's signals.
    ///
    /// Serves rt_sigreturn(2).
    pub fn rt_sigreturn(self, mask: SignalSet) {
        self.set_blocked(mask.blockable());
    }

    /// Linux: `__set_current_blocked`.
    pub(crate) fn set_blocked(self, new: SignalSet) {
        let own = self.own();
        let old = own.blocked.get();
        if old == new {
            return;
        }
        let left = self.change(|held| {
            let newly = new & !old;
            let is_told = is_told(self.thread());
            self.process().note_blocked(held, new);
            own.blocked.set(new);
            self.recalculate(held);
            if is_told { newly & self.process().queue.pending() } else { SignalSet::EMPTY }
        });
        if !left.is_empty() {
            self.retarget(left);
        }
    }

    /// Changes what a sender's decision depends on: actions, masks, whether a thread is told already. The sender asks for one after the other under the relation lock, Linux under `siglock`: who decides is
    /// waited for, so that its answers are all of one moment.
    pub(crate) fn change<R>(self, change: impl FnOnce(&mut Held<K>) -> R) -> R {
        self.change_unless(ProcessSignals::is_deciding, change)
    }

    /// The same of what other processes may have too: of one of them a decision may be under way.
    pub(crate) fn change_actions<R>(self, change: impl FnOnce(&mut Held<K>) -> R) -> R {
        self.change_unless(|process| process.is_deciding() || process.shares(), change)
    }

    fn change_unless<R>(
        self,
        may_be_deciding: impl FnOnce(&ProcessSignals<K>) -> bool,
        change: impl FnOnce(&mut Held<K>) -> R,
    ) -> R {
        let process = self.process();
        let mut held = process.lock();
        if !may_be_deciding(process) {
            return change(&mut held);
        }
        drop(held);
        self.thread().process().read(|_| change(&mut process.lock()))
    }

    /// Leaves signals of the process to others.
    pub(crate) fn retarget(self, signals: SignalSet) {
        self.thread().process().read(|view| {
            let held = self.process().lock();
            self.host().retarget(view, &held, self.thread(), signals);
        });
    }

    /// Whether the thread has something to look at. Linux: `recalc_sigpending`.
    pub(crate) fn recalculate(self, _: &Held<K>) {
        let (own, shared) = self.pending();
        let is_told = self.thread().attention().contains(SIGNAL);
        let has_something = !((own | shared) & !self.blocked()).is_empty();
        if has_something && !is_told {
            self.thread().add_attention(SIGNAL);
        } else if !has_something && is_told {
            self.thread().remove_attention(SIGNAL);
        }
    }
}

/// What a call with a mask of its own has ended by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndedBy {
    /// A signal: it would return `EINTR`.
    Signal,
    /// Anything else.
    Itself,
}
