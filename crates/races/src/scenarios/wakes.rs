//! Who sleeps and who is woken: no wake-up is lost, and none is owed to who has left.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use axprocess::{ARef, Errno, Pid, WaitFuture, WaitOutcome, WaitRequest};

use super::{all, both};
use crate::kernel::{Thread, boot, exit, fork, spawn_thread, wait4};
use crate::{Explorer, Kernel};

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn any() -> WaitRequest {
    WaitRequest::wait4(-1, 0).expect("a good request")
}

/// What a future said when it was polled once: `None` if it sleeps.
type Said = Option<Result<Pid, Errno>>;

/// Polls a wait for any child, once more if it sleeps then, and drops it.
fn poll_twice<E: Explorer>(thread: &Thread<E>, bell: &Arc<Bell>) -> [Said; 2] {
    let call = thread.begin_wait(&any());
    let mut future = pin!(call.event());
    let first = E::does("poll()", || poll(future.as_mut(), bell));
    let second = if first.is_none() {
        E::does("poll() again", || poll(future.as_mut(), bell))
    } else {
        None
    };
    [first, second]
}

/// Polls a wait for any child, and drops it.
fn poll_once<E: Explorer>(thread: &Thread<E>, bell: &Arc<Bell>) -> Said {
    let call = thread.begin_wait(&any());
    E::does("poll()", || poll(pin!(call.event()), bell))
}

fn poll<E: Explorer>(future: Pin<&mut WaitFuture<'_, Kernel<E>>>, bell: &Arc<Bell>) -> Said {
    let waker = Waker::from(Arc::clone(bell));
    match future.poll(&mut Context::from_waker(&waker)) {
        Poll::Pending => None,
        Poll::Ready(answer) => Some(answer.map(|event| event.map_or(0, |event| event.pid))),
    }
}

/// wait against wait, by two threads with tokens: one gets the child; who was told "nothing yet" is told that there is news, and then that nothing is left.
pub fn wait_against_wait<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let child = fork(&leader);
    let asks = |thread: Thread<E>| {
        move || {
            let answer = E::does("wait4(-1)", || thread.wait(&any()));
            let answer = match answer {
                Ok(WaitOutcome::Event(_)) => return Ok(true),
                Err(errno) => return Err(errno),
                Ok(WaitOutcome::NothingYet(token)) => token,
            };
            // Whoever sleeps with this token goes on when the process has news.
            match thread.process().has_news_since(answer) {
                true => E::does("wait4(-1) again", || wait4(&thread, -1)).map(|it| it.is_some()),
                false => Ok(false),
            }
        }
    };
    let (first, second, _) =
        all::<E, _, _, _>(asks(ARef::clone(&leader)), asks(second), move || {
            E::does("exit()", || exit(&child, 0))
        });
    let answers = [first, second];
    let got = answers.iter().filter(|answer| **answer == Ok(true)).count();
    assert!(got <= 1, "{answers:?}");
    let left = wait4(&leader, -1);
    assert_eq!(got == 0, left == Ok(Some((4, 0))), "{answers:?}, {left:?}");
}

/// A future that sleeps while the child exits is woken, or has seen the exit; it loses nothing.
pub fn a_sleeping_future_is_woken<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let child = fork(&init);
    let bell = Arc::new(Bell::default());
    let (said, _) = {
        let (init, bell) = (ARef::clone(&init), Arc::clone(&bell));
        both::<E, _, _>(
            move || {
                let waker = Waker::from(bell);
                let call = init.begin_wait(&any());
                let mut future = Box::pin(call.event());
                let mut context = Context::from_waker(&waker);
                let answer = E::does("poll()", || future.as_mut().poll(&mut context));
                // It sleeps on for ever: nobody drops it before the child has exited.
                if answer.is_pending() {
                    std::mem::forget(future);
                }
                answer.is_ready()
            },
            move || E::does("exit()", || exit(&child, 0)),
        )
    };
    let rung = bell.0.load(Ordering::SeqCst);
    assert_eq!((said, rung), if said { (true, 0) } else { (false, 1) });
    let left = wait4(&init, -1);
    assert_eq!(left, if said { Err(Errno::ECHILD) } else { Ok(Some((2, 0))) });
}

/// Two futures of two threads sleep for one child: one gets it, the other learns that there is none, or sleeps on and was woken.
pub fn two_sleeping_futures_share_one_child<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let child = fork(&leader);
    let (first, second, _) = {
        let leader = ARef::clone(&leader);
        all::<E, _, _, _>(
            move || poll_twice(&leader, &Arc::default()),
            move || poll_once(&second, &Arc::default()),
            move || E::does("exit()", || exit(&child, 0)),
        )
    };
    let answers: Vec<_> = first.into_iter().chain([second]).flatten().collect();
    let got = answers.iter().filter(|answer| **answer == Ok(4)).count();
    assert!(got <= 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer, Ok(4) | Err(Errno::ECHILD))));
    assert_eq!(got == 0, wait4(&leader, -1) == Ok(Some((4, 0))), "{answers:?}");
}

/// A future is dropped after each of its polls, while the child exits and while its own process does: nothing is consumed by the drop,
/// and nobody wakes what is gone.
pub fn a_future_is_dropped_at_any_point<E: Explorer>() {
    let (_table, init) = boot::<E>();
    let leader = fork(&init);
    let second = spawn_thread(&leader);
    let child = fork(&leader);
    let bell = Arc::new(Bell::default());
    let (said, _, _) = {
        let bell = Arc::clone(&bell);
        all::<E, _, _, _>(
            move || {
                let said = poll_twice(&second, &bell);
                exit(&second, 0);
                said
            },
            move || E::does("exit()", || exit(&child, 0)),
            move || E::does("exit of the leader", || exit(&leader, 0)),
        )
    };
    let got = said.iter().flatten().any(|answer| *answer == Ok(4));
    // The second thread has exited, and with it the process has ended: init adopts what is left.
    let left = wait4(&init, 4);
    assert_eq!(got, left == Err(Errno::ECHILD), "{said:?}, {left:?}");
    assert_eq!(Arc::strong_count(&bell), 1, "a waker is kept");
}
