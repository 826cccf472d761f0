//! A wait that sleeps: a call of the model that is asked again whenever its caller is woken.
//!
//! The call borrows its thread, and both last as long as the sleep: an async block keeps them together.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::mpsc::{self, Receiver};
use std::task::{Context, Poll, Waker};

use axprocess::{ARef, Thread, WaitOptions, WaitOutcome, WaitRequest, WaitStatus, WaitToken};

use super::super::Outcome;
use super::host::Layer;

/// One wait, from its beginning to its answer.
pub(super) struct Sleep {
    call: Pin<Box<dyn Future<Output = (Outcome, Option<i32>)>>>,
    tokens: Receiver<WaitToken>,
}

/// What one look at the children came to.
pub(super) enum Look {
    /// The call has returned; if it has consumed the report of a ptrace-stop, whose.
    Done(Outcome, Option<i32>),
    /// It sleeps.
    NothingYet(WaitToken),
}

impl Sleep {
    /// Makes the call. Who is waited for is looked up at the first look.
    pub(super) fn begin(thread: ARef<Thread<Layer>>, request: WaitRequest) -> Self {
        let (sender, tokens) = mpsc::channel();
        let call = Box::pin(async move {
            let call = thread.begin_wait(&request);
            let look = |_: &mut Context<'_>| match call.poll() {
                Ok(WaitOutcome::Event(event)) => {
                    let (pid, status) = (event.pid.cast_signed(), event.status.to_raw());
                    let is_kept = request.options().contains(WaitOptions::NOWAIT);
                    let is_stop = matches!(event.status, WaitStatus::Trapped(_));
                    let read = (is_stop && !is_kept).then_some(pid);
                    Poll::Ready((Outcome::Child { pid, status }, read))
                }
                Ok(WaitOutcome::NothingYet(token)) => {
                    // The other end is there as long as this is asked.
                    let _ = sender.send(token);
                    Poll::Pending
                }
                Err(errno) => Poll::Ready((Outcome::Error(errno.value()), None)),
            };
            poll_fn(look).await
        });
        Self { call, tokens }
    }

    /// Looks at the children.
    pub(super) fn look(&mut self) -> Look {
        match self.call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready((outcome, read)) => Look::Done(outcome, read),
            Poll::Pending => match self.tokens.try_recv() {
                Ok(token) => Look::NothingYet(token),
                Err(_) => Look::Done(Outcome::Nothing, None),
            },
        }
    }
}
