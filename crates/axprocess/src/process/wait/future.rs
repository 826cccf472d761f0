//! Waiting without a thread that blocks: a wait as a `Future`. The protocol stands in `sleeper`.

use core::future::Future;
use core::mem::ManuallyDrop;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::sleeper::Sleeper;
use super::{Look, WaitCall, WaitEvent, WaitOptions, WaitOutcome};
use crate::thread::Rarities;
use crate::{ARef, Errno, Host};

impl<H: Host> WaitCall<'_, H> {
    /// Returns a future of the answer, for a kernel whose threads are futures. Takes no lock.
    ///
    /// It is `None` only with `NOHANG`. The future may be dropped at any point: it consumes an event only in the poll that returns it. It can be woken
    /// without news, and looks again then. The kernel races it against the thread's signals, and after one asks the call
    /// [once more](WaitCall::poll) before it returns `EINTR` (R-WAIT-09, R-WAIT-10).
    ///
    /// Wakers are woken without the relation lock, by whichever operation brought the news, after it has taken effect.
    ///
    /// # Errors
    ///
    /// `ECHILD`: no child matches that could ever report what is asked for. `ENOMEM`: there is no memory to sleep on; nothing is consumed.
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
    /// use axprocess::{Errno, Pid, Thread, WaitRequest};
    ///
    /// async fn sys_wait4(caller: &Thread<MyKernel>, pid: i32, options: i32) -> Result<Pid, Errno> {
    ///     let call = caller.begin_wait(&WaitRequest::wait4(pid, options)?);
    ///     Ok(call.event().await?.map_or(0, |event| event.pid))
    /// }
    /// ```
    pub const fn event(&self) -> WaitFuture<'_, H> {
        WaitFuture { call: self, sleeper: None }
    }
}

/// The answer to a [`WaitCall`], in the future. Made by [`WaitCall::event`].
#[must_use = "a future does nothing unless it is polled"]
pub struct WaitFuture<'a, H: Host> {
    call: &'a WaitCall<'a, H>,
    /// Made when there is something to sleep for.
    sleeper: Option<ARef<Sleeper>>,
}

impl<H: Host> Future for WaitFuture<'_, H> {
    type Output = Result<Option<WaitEvent<H>>, Errno>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let call = self.call;
        if self.sleeper.is_none() {
            match call.poll() {
                Ok(WaitOutcome::Event(event)) => return Poll::Ready(Ok(Some(event))),
                Ok(WaitOutcome::NothingYet(_)) if call.options.contains(WaitOptions::NOHANG) => {
                    return Poll::Ready(Ok(None));
                }
                Ok(WaitOutcome::NothingYet(_)) => {}
                Err(errno) => return Poll::Ready(Err(errno)),
            }
        }
        let mut fresh = None;
        let sleeper = match &mut self.sleeper {
            Some(sleeper) => sleeper,
            nobody => match Sleeper::make().and_then(|it| Ok((it, Rarities::make()?))) {
                Ok((sleeper, rarities)) => {
                    fresh = rarities;
                    nobody.insert(sleeper)
                }
                Err(errno) => return Poll::Ready(Err(errno)),
            },
        };
        let mut waker = Some(context.waker().clone());
        let mut is_overtaken = false;
        let process = call.caller.process();
        let mut paused = None;
        loop {
            let (answer, _released) = process.table().hold(|hold| {
                let Some(own) = process.first_thread.rarities_or(hold, &mut fresh) else {
                    return (Some(Poll::Ready(Err(Errno::ENOMEM))), None);
                };
                let answer = match &mut paused {
                    Some(look) => Look::go_on(look, hold),
                    begins => Look::begin(hold, call.caller, &call.target, call.options, begins),
                };
                let answer = match answer {
                    Some(Ok(WaitOutcome::NothingYet(token))) if process.has_news_since(token) => {
                        is_overtaken = true;
                        return (Some(Poll::Pending), None);
                    }
                    Some(Ok(WaitOutcome::NothingYet(token))) => {
                        let fall_asleep = |it| sleeper.fall_asleep(hold, &own.sleepers, token, it);
                        return (Some(Poll::Pending), waker.take().and_then(fall_asleep));
                    }
                    Some(Ok(WaitOutcome::Event(event))) => Ok(Some(event)),
                    Some(Err(errno)) => Err(errno),
                    None => return (None, None),
                };
                (Some(Poll::Ready(answer)), sleeper.cancel_sleep(hold, &own.sleepers))
            });
            if is_overtaken {
                // A child has reported since the first hold of this look, and found nobody asleep: the next poll looks anew.
                context.waker().wake_by_ref();
            }
            if let Some(answer) = answer {
                return answer;
            }
        }
    }
}

impl<H: Host> Drop for WaitFuture<'_, H> {
    fn drop(&mut self) {
        // A panic of the lock leaves it in its list: then it stays allocated for ever.
        if let Some(sleeper) = self.sleeper.take().map(ManuallyDrop::new) {
            let process = self.call.caller.process();
            let _released = process.table().hold(|hold| {
                let own = process.rarities(hold)?;
                sleeper.cancel_sleep(hold, &own.sleepers)
            });
            drop(ManuallyDrop::into_inner(sleeper));
        }
    }
}
