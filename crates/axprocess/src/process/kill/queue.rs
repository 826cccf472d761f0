//! Signals of which the sender says itself what they are: rt_sigqueueinfo(2), rt_tgsigqueueinfo(2).

use super::{Sending, Target};
use crate::sync::Hold;
use crate::thread::Thread;
use crate::{Errno, Host, Pid, SignalCause};

/// What a caller says of its signal itself, in a `siginfo_t`: as much of that as Linux hands on. R-SIG-27.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GivenInfo {
    /// Its `si_signo`.
    pub signal: i32,
    /// Its `si_errno`.
    pub errno: i32,
    /// Its `si_code`.
    pub code: i32,
    /// Its `si_pid`, or what stands there.
    pub pid: Pid,
    /// Its `si_uid`, or what stands there.
    pub uid: u32,
    /// Its `si_value`, or what stands there.
    pub value: u64,
    /// What stands behind that: the times of a child, the bounds of an address.
    pub rest: [u64; 2],
}

impl GivenInfo {
    /// Makes one that says no more than this: all else is 0.
    ///
    /// ```
    /// use axprocess::GivenInfo;
    /// let queued = GivenInfo { value: 7, ..GivenInfo::new(34, -1) }; // SI_QUEUE
    /// assert_eq!((queued.signal, queued.code, queued.pid), (34, -1, 0));
    /// ```
    pub const fn new(signal: i32, code: i32) -> Self {
        Self { signal, errno: 0, code, pid: 0, uid: 0, value: 0, rest: [0; 2] }
    }

    /// Whether it could pass for the kernel's own, or for tkill's: that one may send to oneself only.
    pub(super) const fn is_impersonation(&self) -> bool {
        const SI_TKILL: i32 = -6;
        self.code >= 0 || self.code == SI_TKILL
    }

    /// Whether it has a place for the sender's number, which is wiped where the receiver cannot see the sender. Asked of what another process has sent, whose code is
    /// less than 0.
    const fn has_sender(&self) -> bool {
        const SI_TIMER: i32 = -2;
        const SI_SIGIO: i32 = -5;
        !matches!(self.code, SI_TIMER | SI_SIGIO)
    }

    /// What a receiver is told that is not shown the sender, if `is_hidden`. Linux: `send_signal_locked`. R-KILL-12.
    pub(super) const fn cause(self, is_hidden: bool) -> SignalCause {
        const SI_KERNEL: i32 = 0x80;
        let Self { signal: _, errno, code, pid, uid, value, rest } = self;
        let is_wiped = is_hidden && self.has_sender();
        let pid = if is_wiped { 0 } else { pid };
        let is_from_outside = is_wiped || code == SI_KERNEL;
        SignalCause::Given { errno, code, pid, uid, value, rest, is_from_outside }
    }
}

impl<H: Host> Thread<H> {
    /// Sends a signal, with a siginfo of the caller's, to a process; signal 0 only asks whether one could.
    ///
    /// Serves rt_sigqueueinfo(2), with this thread as the caller. `pid` is the number of a process or thread, never of a group; `info`: what the caller gives, its `signal` the
    /// call's argument, which Linux puts into it. R-KILL-11, R-KILL-12.
    ///
    /// # Errors
    ///
    /// In this order: `EPERM`: it could pass for the kernel's own, or for tkill's, and `pid` is not the calling thread's number. `ESRCH`: nobody is there, or `pid` is not positive.
    /// `EINVAL`: no such signal. `EPERM`: the host does not allow it. `EAGAIN`: it has no place for the signal (R-SIG-22).
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
    /// use axprocess::{Errno, ForkRequest, GivenInfo};
    /// let table = ProcessTable::new(MyKernel);
    /// let init = table.new_init(1, (), ())?;
    /// let child = init.fork(ForkRequest::default(), (), ())?;
    /// let queued = GivenInfo::new(10, -1);
    /// assert_eq!(child.rt_sigqueueinfo(1, queued), Ok(()));
    /// let forged = GivenInfo { code: 0x80, ..queued };
    /// assert_eq!(child.rt_sigqueueinfo(1, forged), Err(Errno::EPERM));
    /// assert_eq!(child.rt_sigqueueinfo(2, forged), Ok(()));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn rt_sigqueueinfo(&self, pid: i32, info: GivenInfo) -> Result<(), Errno> {
        self.process().table().hold(|hold| {
            let own = self.process_in(hold);
            self.refuse_impersonation(hold, pid, &info)?;
            let target = own.find_target(hold, pid).ok_or(Errno::ESRCH)?;
            Sending::of_given(own, info).hit_process_addressed(hold, &target)
        })
    }

    /// Sends a signal, with a siginfo of the caller's, to one thread, if it belongs to the process `tgid`; signal 0 only asks whether one could.
    ///
    /// Serves rt_tgsigqueueinfo(2), with this thread as the caller; all else is as for [`rt_sigqueueinfo`](Self::rt_sigqueueinfo). R-KILL-11, R-KILL-12.
    ///
    /// # Errors
    ///
    /// In this order: `EINVAL`: a number is not positive. `EPERM`: it could pass for the kernel's own, or for tkill's, and `tid` is not the calling thread's number.
    /// `ESRCH`: no such thread in that process. `EINVAL`: no such signal. `EPERM`: the host does not allow it. `EAGAIN`: it has no place for the signal (R-SIG-22).
    pub fn rt_tgsigqueueinfo(&self, tgid: i32, tid: i32, info: GivenInfo) -> Result<(), Errno> {
        if tid <= 0 || tgid <= 0 {
            return Err(Errno::EINVAL);
        }
        self.process().table().hold(|hold| {
            let own = self.process_in(hold);
            self.refuse_impersonation(hold, tid, &info)?;
            let target = own.find_thread_target(hold, tgid, tid)?;
            Sending::of_given(own, info).hit_thread(hold, target)
        })
    }

    fn refuse_impersonation(
        &self,
        hold: &Hold<'_, H>,
        number: i32,
        info: &GivenInfo,
    ) -> Result<(), Errno> {
        let names_self = || {
            let target: Option<Target<'_, H>> = self.process_in(hold).find_target(hold, number);
            let named = target.and_then(|target| target.thread);
            named.is_some_and(|it| core::ptr::eq(it, self))
        };
        if info.is_impersonation() && !names_self() { Err(Errno::EPERM) } else { Ok(()) }
    }
}
