//! How many signals wait for a user: `RLIMIT_SIGPENDING`.

use crate::kernel::*;
use crate::names::*;
use axprocess::{ARef, Errno, KernelCause, WaitRequest};
use axprocess_signals::{Generated, QueueOf};

const IO: u8 = 29;
const SI_KERNEL: i32 = 0x80;

/// What a siginfo that was lost says.
fn nothing_said(number: u8) -> (u8, i32, u32, u64) {
    (number, 0, 0, 0)
}

/// A child that blocks all, of a user of its own with this limit.
fn limited(limit: u32) -> (Table, ARef<Thread>, ARef<Thread>) {
    let (table, init, child) = scene();
    block_all(&child);
    become_user(&table, child.process(), 7, limit);
    (table, init, child)
}

fn used(table: &Table) -> u32 {
    table.host().kernel().charged(7)
}

fn all_said(thread: &Thread) -> Vec<(u8, i32, u32, u64)> {
    take_all(thread).iter().map(said).collect()
}

#[test]
fn places_are_the_users_and_the_limit_the_receivers() {
    // R-SIG-21: all processes of the receiver's user count together; the sender does not matter.
    let (table, init, child) = limited(2);
    let other = fork(&child);
    block_all(&other);
    other.process().host_data().limit.store(3, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(queue(&init, &child, 40, 1), Ok(()));
    assert_eq!(queue(&init, &other, 40, 1), Ok(()));
    assert_eq!(queue(&init, &child, 40, 2), Err(Errno::EAGAIN));
    assert_eq!(queue(&init, &other, 40, 2), Ok(()));
    assert_eq!(queue(&init, &other, 40, 3), Err(Errno::EAGAIN));
    assert_eq!((used(&table), table.host().kernel().charged(0)), (3, 0));
    assert_eq!(queue(&child, &init, 40, 3), Ok(()));
}

#[test]
fn real_time_signals_with_something_to_say_are_refused() {
    // R-SIG-22: of rt_sigqueueinfo, rt_tgsigqueueinfo and tgkill; nothing waits.
    let (table, init, child) = limited(1);
    let tid = child.tid() as i32;
    kill(&init, &child, 40);
    assert_eq!(queue(&init, &child, 41, 1), Err(Errno::EAGAIN));
    assert_eq!(queue(&init, &child, 40, 1), Err(Errno::EAGAIN));
    assert_eq!(init.tgkill(tid, tid, 41), Err(Errno::EAGAIN));
    assert_eq!(init.tkill(tid, 41), Err(Errno::EAGAIN));
    assert_eq!(init.rt_tgsigqueueinfo(tid, tid, queued(&init, 32, 1)), Err(Errno::EAGAIN));
    assert_eq!(pending(&child), (set(&[]), set(&[40])));
    assert_eq!(used(&table), 1);
    assert_eq!(numbers(&take_all(&child)), [40]);
    assert_eq!(init.tgkill(tid, tid, 41), Ok(()));
}

#[test]
fn the_owner_of_a_file_is_told_by_sigio_where_there_is_no_place() {
    // R-SIG-22: in place of the real-time signal of F_SETSIG, and of that alone; a group's members each.
    let (table, init, child) = limited(1);
    let event = |code| KernelCause::Event { code, value: 1, number: 3, sender: None };
    let (readable, message) = (event(1), event(-3));
    child.process().send_signal(signal(40), readable);
    assert_eq!(pending(&child).1, set(&[40]));
    child.process().send_signal(signal(41), message);
    assert_eq!(pending(&child).1, set(&[40]));
    child.process().send_signal(signal(41), readable);
    assert_eq!(pending(&child).1, set(&[40, IO]));
    let told: Vec<_> =
        take_all(&child).iter().map(|it| (it.signal().number(), it.code())).collect();
    assert_eq!(told, [(IO, SI_KERNEL), (40, 1)]);
    child.send_signal(signal(40), readable);
    child.send_signal(signal(41), readable);
    assert_eq!(pending(&child).0, set(&[40, IO]));
    let roomy = fork(&init);
    block_all(&roomy);
    become_user(&table, roomy.process(), 8, 2);
    init.process().group().send_signal(signal(42), readable, |_, member| member.pid() != 1);
    assert_eq!([&child, &roomy].map(|it| pending(it).1), [set(&[IO]), set(&[42])]);
}

#[test]
fn kill_sends_a_real_time_signal_all_the_same() {
    // R-SIG-23: but once, and it says nothing.
    let (table, init, child) = limited(1);
    queue(&init, &child, 40, 1).unwrap();
    for _ in 0..3 {
        kill(&init, &child, 41);
        kill(&init, &child, 40);
    }
    assert_eq!(used(&table), 1);
    assert_eq!(all_said(&child), [(40, -1, 1, 1), nothing_said(41)]);
    child.process().host_data().limit.store(0, std::sync::atomic::Ordering::Relaxed);
    for _ in 0..3 {
        kill(&init, &child, 41);
    }
    assert_eq!(all_said(&child), [nothing_said(41)]);
    assert_eq!(used(&table), 0);
}

#[test]
fn standard_signals_always_come() {
    // R-SIG-24: those of kill and of the kernel take a place above the limit; others lose what they say.
    let (table, init, child) = limited(1);
    kill(&init, &child, USR1);
    assert_eq!(queue(&init, &child, USR2, 5), Ok(()));
    tkill(&init, &child, HUP);
    assert_eq!(used(&table), 1);
    kill(&init, &child, TERM);
    assert_eq!(used(&table), 2);
    exit(&fork(&child));
    assert_eq!(used(&table), 3);
    for number in [HUP, USR2] {
        assert_eq!(take(&child, set(&[number])).as_ref().map(said), Some(nothing_said(number)));
    }
    assert_eq!(all_said(&child), [(USR1, 0, 1, 0), (TERM, 0, 1, 0), (CHLD, 1, 3, 0)]);
    // It takes no place to be sent in vain.
    kill(&init, &child, USR1);
    kill(&init, &child, USR1);
    assert_eq!(used(&table), 1);
}

#[test]
fn a_signal_to_many_keeps_what_it_says() {
    // R-SIG-23, R-SIG-24: there is memory enough for one to each process, again and again.
    let (table, init) = boot();
    let children: Vec<_> = std::iter::repeat_with(|| fork(&init)).take(300).collect();
    children.iter().for_each(|child| block_all(child));
    for number in [TERM, 40, 41] {
        table.host().refill();
        init.kill(-1, number.into()).unwrap();
    }
    for child in &children {
        assert_eq!(all_said(child), [(TERM, 0, 1, 0), (40, 0, 1, 0), (41, 0, 1, 0)]);
    }
}

#[test]
fn sigkill_takes_no_place() {
    // R-SIG-24: it has no siginfo, for a process, a thread or a zombie.
    let (table, init, child) = limited(8);
    let second = spawn(&child);
    table.host().kernel().generated();
    tkill(&init, &second, KILL);
    kill(&init, &child, KILL);
    assert_eq!(table.host().kernel().generated(), [Generated::Queued]);
    assert_eq!(pending(&second).0, set(&[KILL]));
    assert_eq!(signals_of(&second).peek_signal(QueueOf::Thread, 0), None);
    assert_eq!(used(&table), 0);
    look(&child);
    look(&second);
    assert_eq!(used(&table), 0);
}

#[test]
fn what_is_taken_discarded_or_dead_leaves_its_place() {
    // R-SIG-25: one by one.
    let (table, init, child) = limited(8);
    for value in 0..3 {
        queue(&init, &child, 40, value).unwrap();
    }
    assert_eq!(used(&table), 3);
    take(&child, set(&[40])).unwrap();
    assert_eq!(used(&table), 2);
    ignore(&child, &[40]);
    assert_eq!(used(&table), 0);
    let thread = spawn(&child);
    tkill(&init, &thread, 41);
    tkill(&init, &thread, USR1);
    assert_eq!(used(&table), 2);
    exit(&thread);
    assert_eq!(used(&table), 0);
    // Of a process when it is reaped.
    handle(&child, &[USR1]);
    let grandchild = fork(&child);
    kill(&init, &grandchild, USR1);
    tkill(&init, &grandchild, USR1);
    assert_eq!(used(&table), 2);
    exit(&grandchild);
    child.wait(&WaitRequest::wait4(-1, 0).unwrap()).unwrap();
    assert_eq!(used(&table), 1, "of its end the parent is told");
    assert_eq!(numbers(&take_all(&child)), [CHLD]);
    assert_eq!(used(&table), 0);
}

#[test]
fn a_stop_signal_and_sigcont_give_their_places_back() {
    // R-SIG-25, R-STOP-01, R-STOP-02: they discard each other in all queues.
    let (table, init, child) = limited(20);
    let thread = spawn(&child);
    for number in [TSTP, 21, 22] {
        kill(&init, &child, number);
        tkill(&init, &thread, number);
        tkill(&init, &child, number);
    }
    assert_eq!(used(&table), 9);
    tkill(&init, &child, CONT);
    assert_eq!(used(&table), 1);
    tkill(&init, &thread, TSTP);
    assert_eq!(used(&table), 1);
    assert_eq!(pending(&child), NOTHING);
    assert_eq!(pending(&thread).0, set(&[TSTP]));
}

#[test]
fn a_timer_has_its_place() {
    // R-SIG-26: since it was made, when the kernel has charged it: its signal comes without a free place, with what it says, and beside one of the same number that was sent.
    const SI_TIMER: i32 = -2;
    let (table, init, child) = limited(0);
    for number in [USR1, 40] {
        let expired = KernelCause::Event { code: SI_TIMER, value: 9, number: 0, sender: None };
        kill(&init, &child, number);
        let used_before = used(&table);
        child.process().send_signal(signal(number), expired);
        child.send_signal(signal(number), expired);
        assert_eq!(used(&table), used_before);
        let of_timer = (number, SI_TIMER, 0, 9);
        let shared = match number {
            USR1 => vec![(USR1, 0, 1, 0), of_timer],
            // The one of kill has no siginfo, so that the timer's stands for both.
            _ => vec![of_timer],
        };
        assert_eq!(all_said(&child), [vec![of_timer], shared].concat());
    }
}

#[test]
fn a_leader_leaves_its_place_though_it_is_not_reaped() {
    // R-SIG-25, R-SIG-33: what waits for a thread is gone when it has exited; what waits for the process, when that is reaped.
    let (table, init, child) = scene();
    let second = spawn(&child);
    block_all(&child);
    tkill(&init, &child, 40);
    kill(&init, &child, 41);
    let charged = || table.host().kernel().charged(0);
    assert_eq!(charged(), 2);
    exit(&child);
    assert_eq!((pending(&child), charged()), ((set(&[]), set(&[41])), 1));
    tkill(&init, &second, 9);
    exit(&second);
    assert_eq!(charged(), 1);
    let any = axprocess::WaitRequest::wait4(-1, 0).unwrap();
    init.wait(&any).unwrap();
    assert_eq!(charged(), 0);
}
