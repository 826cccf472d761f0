//! Waiting as a future: woken by what concerns it, dropped at any point, several at a time.

mod kernel;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use axprocess::{Errno, Signal, WaitEvent, WaitRequest};
use kernel::*;

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::new(Bell::default());
    (bell.clone(), bell.into())
}

fn request(pid: i32, options: i32) -> WaitRequest {
    WaitRequest::wait4(pid, options).unwrap()
}

/// One poll, without the objects; `None`: pending.
fn step<F>(future: std::pin::Pin<&mut F>, waker: &Waker) -> Option<Waited>
where
    F: Future<Output = Result<Option<WaitEvent<Kernel>>, Errno>>,
{
    match future.poll(&mut Context::from_waker(waker)) {
        Poll::Pending => None,
        Poll::Ready(Ok(Some(event))) => Some(Waited::Got(event.pid, event.status)),
        Poll::Ready(Ok(None)) => Some(Waited::Nothing),
        Poll::Ready(Err(errno)) => Some(Waited::Failed(errno)),
    }
}

#[test]
fn a_future_sleeps_until_a_child_has_news() {
    // R-WAIT-09, R-WAIT-10: woken by the child that it is for, and by no other.
    let (_table, init) = boot();
    let [child, other] = [fork(&init), fork(&init)];
    let call = init.begin_wait(&request(child.tid() as i32, WUNTRACED));
    let (bell, waker) = bell();
    let mut event = pin!(call.event());
    assert_eq!(step(event.as_mut(), &waker), None);
    exit(&other, 0);
    assert_eq!(bell.rings(), 0);
    child.process().report_group_stopped(Signal::SIGSTOP);
    assert_eq!(bell.rings(), 1);
    child.process().report_group_continued();
    assert_eq!(bell.rings(), 1, "it has not asked again");
    assert_eq!(step(event.as_mut(), &waker), None, "the stop is gone");
    exit(&child, 5);
    assert_eq!(bell.rings(), 2);
    assert_eq!(step(event.as_mut(), &waker), Some(exited(child.tid(), 5)));
}

#[test]
fn an_answer_that_is_there_needs_no_sleep() {
    // R-WAIT-10: an event, WNOHANG without one, and no child at all are answers at once.
    let (_table, init) = boot();
    let (bell, waker) = bell();
    let once = |options| {
        let call = init.begin_wait(&request(-1, options));
        step(pin!(call.event()), &waker)
    };
    assert_eq!(once(0), Some(NO_CHILD));
    exit(&fork(&init), 1);
    assert_eq!(once(0), Some(exited(2, 1)));
    fork(&init);
    assert_eq!(once(WNOHANG), Some(Waited::Nothing));
    assert_eq!((bell.rings(), Arc::strong_count(&bell)), (0, 2), "no waker is kept");
}

#[test]
fn the_last_child_goes_to_one_of_two() {
    // R-WAIT-24: both are woken, one gets it, the other learns that there is none left.
    let (_table, init) = boot();
    let child = fork(&init);
    let call = init.begin_wait(&request(-1, 0));
    let [(first_bell, first_waker), (second_bell, second_waker)] = [bell(), bell()];
    let (mut first, mut second) = (pin!(call.event()), pin!(call.event()));
    assert_eq!(step(first.as_mut(), &first_waker), None);
    assert_eq!(step(second.as_mut(), &second_waker), None);
    exit(&child, 0);
    assert_eq!((first_bell.rings(), second_bell.rings()), (1, 1));
    assert_eq!(step(second.as_mut(), &second_waker), Some(exited(2, 0)));
    assert_eq!(step(first.as_mut(), &first_waker), Some(NO_CHILD));
}

#[test]
fn a_vanished_child_wakes_its_waiters() {
    // R-NOTIFY-10, R-WAIT-26: with SIGCHLD ignored the answer is ECHILD after the last one.
    let (_table, init) = boot();
    treat_sigchld(init.process(), ChildSignalAction::IGNORE);
    let children = [fork(&init), fork(&init)];
    let call = init.begin_wait(&request(-1, 0));
    let (bell, waker) = bell();
    let mut event = pin!(call.event());
    for (child, rings) in children.iter().zip(1..) {
        assert_eq!(step(event.as_mut(), &waker), None);
        exit(child, 0);
        assert_eq!(bell.rings(), rings);
    }
    assert_eq!(step(event.as_mut(), &waker), Some(NO_CHILD));
}

#[test]
fn a_future_can_be_dropped_at_any_point() {
    // Cancellation: never polled, asleep, woken but not polled again, and ready. It takes no event with it and leaves no waker behind.
    let (_table, init) = boot();
    let call = init.begin_wait(&request(-1, 0));
    let (bell, waker) = bell();
    let child = fork(&init);
    drop(call.event());
    {
        let mut asleep = pin!(call.event());
        assert_eq!(step(asleep.as_mut(), &waker), None);
        assert_eq!(Arc::strong_count(&bell), 3);
    }
    assert_eq!(Arc::strong_count(&bell), 2, "its waker is gone");
    {
        let mut woken = pin!(call.event());
        assert_eq!(step(woken.as_mut(), &waker), None);
        exit(&child, 9);
        assert_eq!(bell.rings(), 1);
    }
    let mut ready = pin!(call.event());
    assert_eq!(step(ready.as_mut(), &waker), Some(exited(2, 9)), "the event is still there");
    assert_eq!((bell.rings(), Arc::strong_count(&bell)), (1, 2));
}

#[test]
fn a_dropped_future_leaves_the_others_asleep() {
    // Cancellation of one in the middle of the queue, and of one that is due, wakes and loses nobody.
    let (_table, init) = boot();
    let child = fork(&init);
    let call = init.begin_wait(&request(-1, WUNTRACED));
    let bells: Vec<_> = (0..20).map(|_| bell()).collect();
    let mut futures: Vec<_> = bells.iter().map(|_| Some(Box::pin(call.event()))).collect();
    for (future, (_, waker)) in futures.iter_mut().zip(&bells) {
        assert_eq!(step(future.as_mut().unwrap().as_mut(), waker), None);
    }
    for index in [0, 7, 19] {
        futures[index] = None;
    }
    child.process().report_group_stopped(Signal::SIGSTOP);
    let rings: usize = bells.iter().map(|(bell, _)| bell.rings()).sum();
    assert_eq!(rings, 17);
    drop(futures);
    assert!(bells.iter().all(|(bell, _)| Arc::strong_count(bell) == 2));
}

#[test]
fn the_newest_waker_is_woken() {
    // The contract of Future: a poll with another waker replaces the one before.
    let (_table, init) = boot();
    let child = fork(&init);
    let call = init.begin_wait(&request(-1, 0));
    let [(old, old_waker), (new, new_waker)] = [bell(), bell()];
    let mut event = pin!(call.event());
    assert_eq!(step(event.as_mut(), &old_waker), None);
    assert_eq!(step(event.as_mut(), &new_waker), None);
    assert_eq!(Arc::strong_count(&old), 2);
    exit(&child, 0);
    assert_eq!((old.rings(), new.rings()), (0, 1));
}

/// A waker that calls the crate.
struct Curious {
    parent: KernelThread,
    seen: Mutex<Vec<Waited>>,
}

impl Wake for Curious {
    fn wake(self: Arc<Self>) {
        let seen = waitid(&self.parent, 0, 0, WEXITED | WNOWAIT);
        self.seen.lock().unwrap().push(seen);
    }
}

impl Drop for Curious {
    fn drop(&mut self) {
        drop(self.parent.process().children().unwrap());
    }
}

#[test]
fn wakers_run_without_the_relation_lock() {
    // Race 13: a waker may call the crate when it is woken, and when it is dropped; under the lock that would dead-lock.
    let (_table, init) = boot();
    let child = fork(&init);
    let call = init.begin_wait(&request(-1, 0));
    let curious = || Arc::new(Curious { parent: init.clone(), seen: Mutex::default() });
    let (first, second) = (curious(), curious());
    let mut event = pin!(call.event());
    assert_eq!(step(event.as_mut(), &first.into()), None);
    assert_eq!(step(event.as_mut(), &second.clone().into()), None);
    exit(&child, 0);
    assert_eq!(*second.seen.lock().unwrap(), [exited(2, 0)], "the news is true when it arrives");
    let third = Waker::from(curious());
    assert_eq!(step(event.as_mut(), &third), Some(exited(2, 0)));
}

/// A thread that sleeps until it is woken.
struct Parked(mpsc::SyncSender<()>);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        let _ = self.0.try_send(());
    }
}

#[test]
fn no_wake_up_is_lost_between_threads() {
    // W2: three threads wait as futures while another ends the children: each event arrives once, and every waiter ends with ECHILD.
    const CHILDREN: usize = 2_000;
    let (_table, init) = boot();
    let children: Vec<_> = (0..CHILDREN).map(|_| fork(&init)).collect();
    let reaped: usize = thread::scope(|scope| {
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let init = init.clone();
                scope.spawn(move || {
                    let (sender, receiver) = mpsc::sync_channel(1);
                    let waker = Waker::from(Arc::new(Parked(sender)));
                    let call = init.begin_wait(&request(-1, 0));
                    let mut count = 0;
                    loop {
                        let mut event = pin!(call.event());
                        let answer = loop {
                            match step(event.as_mut(), &waker) {
                                Some(answer) => break answer,
                                None => receiver.recv().unwrap(),
                            }
                        };
                        match answer {
                            NO_CHILD => return count,
                            _ => count += 1,
                        }
                    }
                })
            })
            .collect();
        for child in &children {
            exit(child, 0);
        }
        waiters.into_iter().map(|waiter| waiter.join().unwrap()).sum()
    });
    assert_eq!(reaped, CHILDREN);
}
