//! Calls by handle, as a pidfd is one, and waits as futures.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use axprocess::{Errno, GivenInfo, InfoMask, PidfdMode, SignalScope, WaitRequest};

use super::{World, take};
use crate::call::Call;

const MOST_HANDLES: usize = 64;

impl World {
    /// `None`: there is no such caller, the call failed, or it is another's.
    pub(super) fn play_handle(&mut self, call: Call) -> Option<()> {
        match call {
            Call::PidfdOpen { by, pid, flags } => {
                let handle = self.process(by)?.pidfd_open(pid.value(), flags & 0x881).ok()?;
                self.keep(handle);
            }
            Call::PidfdSelf { by, fd } => {
                let fd = if fd & 1 == 0 { -10_000 - (fd >> 1 & 1) } else { fd };
                let handle = self.thread(by)?.pidfd_self(fd).ok()??;
                self.keep(handle);
            }
            Call::HandleOf { of, thread } => {
                let handle =
                    if thread { self.thread(of)?.handle() } else { self.process(of)?.handle() };
                self.keep(handle.ok()?);
            }
            Call::DropHandle { handle } => drop(take(&mut self.handles, handle)),
            Call::AskHandle { by, handle, mask } => {
                let (caller, handle) = (self.process(by)?, super::pick(&self.handles, handle)?);
                let _ = (handle.state(), handle.poll(), handle.fdinfo_pid_in(&caller.namespace()));
                let identity = handle.identity();
                let _ = (identity.process(), identity.thread_or_leader(), identity.serial());
                let _ = (identity.group_of_number(), identity.session_of_number());
                handle.info(caller, InfoMask::from_bits_retain(mask)).ok()?;
            }
            Call::WaitidPidfd { by, fd, handle, options } => {
                let find = |_| {
                    let handle = super::pick(&self.handles, handle).cloned();
                    handle.map(|handle| (handle, PidfdMode::NonBlocking)).ok_or(Errno::EBADF)
                };
                let request = WaitRequest::waitid_pidfd(fd.value(), options.value(), find).ok()?;
                let _ = request.patience();
                self.thread(by)?.wait(&request).ok()?;
            }
            Call::PidfdSendSignal { by, handle, signal, flags, info } => {
                let scope = SignalScope::from_flags(flags.into()).ok()?;
                let info = info.map(|(signal, code)| Ok(GivenInfo::new(signal.value(), code)));
                let handle = super::pick(&self.handles, handle)?;
                self.thread(by)?.pidfd_send_signal(handle, signal.value(), scope, info).ok()?;
            }
            Call::AwaitEvent { by, pid } => {
                let thread = self.thread(by)?;
                let call = thread.begin_wait(&WaitRequest::wait4(pid.value(), 0).ok()?);
                let mut event = pin!(call.event());
                let mut context = Context::from_waker(Waker::noop());
                // Twice, unless it is ready at once; then it is dropped where it stands.
                if event.as_mut().poll(&mut context).is_pending() {
                    let _ = event.as_mut().poll(&mut context);
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn keep(&mut self, handle: axprocess::PidHandle<crate::host::Moody>) {
        if self.handles.len() < MOST_HANDLES {
            self.handles.push(Some(handle));
        }
    }
}
