//! The controlling terminal: who gets it, who is in its foreground, who may use it, how it is lost.

use crate::kernel::*;
use axprocess::SignalCause;
use axprocess::{
    ARef, AcquireTerminal, AdminRight, CttyChange, Errno, ForkParent, ForkRequest, IfTaken, Pid,
    Signal, StopSignal, Terminal, TerminalAccess, TerminalAnswer, TerminalFile, TerminalKind,
    TerminalRelease, TerminalSide,
};

type Tty = ARef<Terminal<Kernel>>;

const HUP: u8 = 1;
const CONT: u8 = 18;
const TTIN: u8 = 21;
const TTOU: u8 = 22;
const TTY: u32 = 0x8800;

const PLAIN: AcquireTerminal = AcquireTerminal {
    file: TerminalFile::Readable,
    if_taken: IfTaken::Refuse,
    right: AdminRight::Absent,
};
const STEALING: AcquireTerminal =
    AcquireTerminal { if_taken: IfTaken::Steal, right: AdminRight::Present, ..PLAIN };

/// A pseudo-terminal and a shell that leads session 2, whose terminal it is.
fn login() -> (Table, KernelThread, KernelThread, Tty) {
    login_at(TerminalKind::PseudoTerminal)
}

fn login_at(kind: TerminalKind) -> (Table, KernelThread, KernelThread, Tty) {
    let (table, init) = boot();
    let shell = leader(&init);
    let tty = table.new_terminal(kind, TTY, ()).unwrap();
    assert_eq!(open(&shell, &tty), CttyChange::Acquired);
    (table, init, shell, tty)
}

fn leader(parent: &KernelThread) -> KernelThread {
    let child = fork(parent);
    child.process().setsid().unwrap();
    child
}

/// A child of the shell in a group of its own.
fn job(shell: &KernelThread) -> KernelThread {
    let child = fork(shell);
    child.process().setpgid(0, 0).unwrap();
    child
}

fn open(thread: &KernelThread, tty: &Tty) -> CttyChange {
    thread.process().open_terminal(tty, TerminalFile::Readable)
}

fn sctty(thread: &KernelThread, tty: &Tty, request: AcquireTerminal) -> Result<CttyChange, Errno> {
    thread.process().acquire_terminal(tty, request)
}

fn getpgrp(thread: &KernelThread, tty: &Tty) -> Result<Pid, Errno> {
    thread.process().tcgetpgrp(tty, TerminalSide::Slave)
}

/// tcsetpgrp with SIGTTOU ignored.
fn setpgrp(thread: &KernelThread, tty: &Tty, pgid: i32) -> Result<TerminalAnswer, Errno> {
    thread.process().tcsetpgrp(tty, Ok(pgid), StopSignal::BlockedOrIgnored)
}

fn use_it(
    thread: &KernelThread,
    tty: &Tty,
    access: TerminalAccess,
    signal: StopSignal,
) -> Result<TerminalAnswer, Errno> {
    thread.process().check_terminal_access(tty, access, signal)
}

fn number(thread: &KernelThread) -> i32 {
    thread.tid() as i32
}

/// The device number of the controlling terminal, and its foreground.
fn shown(thread: &KernelThread) -> (Option<u32>, Option<Pid>) {
    let process = thread.process();
    let device = process.controlling_terminal().map(|terminal| terminal.device());
    (device, process.foreground_pgid())
}

const NONE: (Option<u32>, Option<Pid>) = (None, None);
const ALLOWED: Result<TerminalAnswer, Errno> = Ok(TerminalAnswer::Allowed);

#[test]
fn opening_a_terminal_makes_it_the_controlling_one() {
    // R-TTY-01: for a session leader without one, if the terminal is free and can be read; each condition counts.
    let (table, init) = boot();
    let shell = leader(&init);
    let [tty, other] =
        [1, 2].map(|device| table.new_terminal(TerminalKind::PseudoTerminal, device, ()).unwrap());
    let child = fork(&shell);
    assert_eq!(open(&child, &tty), CttyChange::Unchanged, "no leader");
    let blind = shell.process().open_terminal(&tty, TerminalFile::WriteOnly);
    assert_eq!(blind, CttyChange::Unchanged, "not readable");
    assert_eq!(shown(&shell), NONE);
    assert_eq!(open(&shell, &tty), CttyChange::Acquired);
    assert_eq!(shown(&shell), (Some(1), Some(2)), "the leader's group is in the foreground");
    assert_eq!(open(&shell, &other), CttyChange::Unchanged, "it has one");
    assert_eq!(open(&leader(&init), &tty), CttyChange::Unchanged, "the terminal is taken");
    assert_eq!(tty.session().unwrap().sid(), 2);
    assert_eq!(
        (tty.foreground_group().unwrap().pgid(), tty.kind()),
        (2, TerminalKind::PseudoTerminal)
    );
    assert_eq!(shown(&child), NONE, "who was there before does not get it");
}

#[test]
fn tiocsctty_errors_come_in_linuxs_order() {
    // R-TTY-02: success for the one that has it, else leader, own terminal, other session, readable file.
    let (table, init, shell, tty) = login();
    let blind = AcquireTerminal { file: TerminalFile::WriteOnly, ..PLAIN };
    assert_eq!(sctty(&shell, &tty, blind), Ok(CttyChange::Unchanged), "again is fine");
    let child = fork(&shell);
    assert_eq!(
        sctty(&child, &tty, STEALING),
        Err(Errno::EPERM),
        "no leader, not even of this one's"
    );
    let other = leader(&init);
    assert_eq!(sctty(&other, &tty, PLAIN), Err(Errno::EPERM), "taken");
    let greedy = AcquireTerminal { if_taken: IfTaken::Steal, ..PLAIN };
    assert_eq!(sctty(&other, &tty, greedy), Err(Errno::EPERM), "no right to steal");
    let modest = AcquireTerminal { right: AdminRight::Present, ..PLAIN };
    assert_eq!(sctty(&other, &tty, modest), Err(Errno::EPERM), "stealing not asked for");
    let free = table.new_terminal(TerminalKind::Other, 7, ()).unwrap();
    assert_eq!(sctty(&other, &free, blind), Err(Errno::EPERM), "cannot be read");
    let blind_admin = AcquireTerminal { right: AdminRight::Present, ..blind };
    assert_eq!(sctty(&other, &free, blind_admin), Ok(CttyChange::Acquired));
    assert_eq!((shown(&other), shown(&shell)), ((Some(7), Some(4)), (Some(TTY), Some(2))));
}

#[test]
fn b8_only_a_leader_without_a_terminal_gets_one() {
    // B8, R-TTY-02: EPERM for another, and for a leader that has one, also to an administrator who steals.
    let (table, _init, shell, tty) = login();
    let second = table.new_terminal(TerminalKind::PseudoTerminal, 7, ()).unwrap();
    assert_eq!(sctty(&fork(&shell), &second, PLAIN), Err(Errno::EPERM));
    assert_eq!(sctty(&shell, &second, STEALING), Err(Errno::EPERM));
    assert_eq!(tty.session().unwrap().sid(), 2);
    assert!(second.session().is_none());
}

#[test]
fn stealing_takes_it_from_a_whole_session() {
    // R-TTY-02, G4: every process of the old session loses it at once, without a signal.
    let (table, init, shell, tty) = login();
    let job = job(&shell);
    let thief = leader(&init);
    assert_eq!(sctty(&thief, &tty, STEALING), Ok(CttyChange::Acquired));
    assert_eq!((shown(&shell), shown(&job)), (NONE, NONE));
    assert_eq!(shown(&thief), (Some(TTY), Some(thief.tid())));
    assert_eq!(kernel_signals(&table), []);
    assert_eq!(getpgrp(&shell, &tty), Err(Errno::ENOTTY));
    let second = table.new_terminal(TerminalKind::PseudoTerminal, 7, ()).unwrap();
    assert_eq!(open(&shell, &second), CttyChange::Acquired, "it can have another");
    assert_eq!(shown(&job), NONE, "which is not that of those who had the first");
    assert_eq!(shown(&fork(&shell)), (Some(7), Some(2)));
}

#[test]
fn b9_the_terminal_is_the_slave_through_the_master_too() {
    // B9, R-TTY-04, R-TTY-05, R-TTY-09: one object for both sides; getters are open to the master, TIOCNOTTY is not.
    let (table, init, shell, tty) = login();
    let stranger = fork(&init);
    let asks =
        |side| (stranger.process().tcgetpgrp(&tty, side), stranger.process().tcgetsid(&tty, side));
    assert_eq!(asks(TerminalSide::Master), (Ok(2), Ok(2)));
    assert_eq!(asks(TerminalSide::Slave), (Err(Errno::ENOTTY), Err(Errno::ENOTTY)));
    let notty = shell.process().release_terminal(&tty, TerminalSide::Master);
    assert_eq!(notty, Err(Errno::ENOTTY));
    assert_eq!(
        setpgrp(&stranger, &tty, 2),
        Err(Errno::ENOTTY),
        "no control without it being one's own"
    );
    let free = table.new_terminal(TerminalKind::PseudoTerminal, 7, ()).unwrap();
    let asks =
        |side| (shell.process().tcgetpgrp(&free, side), shell.process().tcgetsid(&free, side));
    assert_eq!(asks(TerminalSide::Master), (Ok(0), Err(Errno::ENOTTY)), "R-TTY-04, R-TTY-05");
    assert_eq!(asks(TerminalSide::Slave), (Err(Errno::ENOTTY), Err(Errno::ENOTTY)));
}

#[test]
fn a_process_alone_gives_it_up() {
    // R-TTY-03: not the leader's, not its children's; twice is ENOTTY.
    let (table, _init, shell, tty) = login();
    let member = fork(&shell);
    let child = fork(&member);
    let notty =
        |thread: &KernelThread| thread.process().release_terminal(&tty, TerminalSide::Slave);
    assert_eq!(notty(&member), Ok(TerminalRelease::Process));
    assert_eq!(notty(&member), Err(Errno::ENOTTY));
    assert_eq!(shown(&member), NONE);
    assert_eq!(shown(&fork(&member)), NONE, "nor do those that it forks now have it");
    assert_eq!((shown(&child), shown(&shell)), ((Some(TTY), Some(2)), (Some(TTY), Some(2))));
    assert_eq!(kernel_signals(&table), []);
    assert_eq!(setpgrp(&member, &tty, -1), Err(Errno::EINVAL), "R-TTY-06: before whose it is");
    assert_eq!(setpgrp(&member, &tty, 2), Err(Errno::ENOTTY));
}

#[test]
fn b6_a_leader_gives_it_up_for_all() {
    // B6, R-TTY-03: SIGHUP and SIGCONT to the foreground, as if the leader had sent them; the terminal is free for another session, and keys
    // reach nobody.
    let (table, init, shell, tty) = login();
    let [front, back] = [job(&shell), job(&shell)];
    setpgrp(&shell, &tty, number(&front)).unwrap();
    let released = shell.process().release_terminal(&tty, TerminalSide::Slave);
    assert_eq!(released, Ok(TerminalRelease::Session));
    let cause = SignalCause::User { pid: shell.tid() };
    let signals = [HUP, CONT].map(|signal| Event::Posted(front.tid(), signal, cause));
    assert_eq!(posted(&table), signals);
    assert_eq!([shown(&shell), shown(&front), shown(&back)], [NONE; 3]);
    assert!(tty.signal_foreground(Signal::SIGINT).is_none() && tty.session().is_none());
    let other = leader(&init);
    assert_eq!(open(&other, &tty), CttyChange::Acquired);
    exit(&shell, 0);
    assert_eq!(kernel_signals(&table), [], "the first session is done with it");
    assert_eq!(shown(&other), (Some(TTY), Some(other.tid())));
}

#[test]
fn b10_the_foreground_is_reported_to_whom_it_concerns() {
    // B10, G10, R-TTY-04: what tcgetpgrp returns in a group is what getpgrp returns there, so a shell knows itself.
    let (_table, _init, shell, tty) = login();
    let job = job(&shell);
    assert_eq!(getpgrp(&shell, &tty), Ok(shell.process().pgid()));
    setpgrp(&job, &tty, number(&job)).unwrap();
    assert_eq!(getpgrp(&job, &tty), Ok(job.process().pgid()));
    assert_eq!(shell.process().foreground_pgid(), Some(job.tid()));
}

#[test]
fn tcsetpgrp_errors_come_in_linuxs_order() {
    // R-TTY-06: each row fails for the first reason that applies, although later ones do too.
    let (_table, init, shell, tty) = login();
    let stranger = leader(&init);
    let set =
        |thread: &KernelThread, pgid| thread.process().tcsetpgrp(&tty, pgid, StopSignal::Effective);
    let fault = Err(Errno::EFAULT);
    assert_eq!(set(&stranger, fault), Err(Errno::EFAULT), "before whose it is");
    assert_eq!(set(&stranger, Ok(-1)), Err(Errno::EINVAL), "before whose it is");
    assert_eq!(set(&stranger, Ok(999)), Err(Errno::ENOTTY), "before the look-up");
    assert_eq!(set(&shell, Ok(999)), Err(Errno::ESRCH));
    assert_eq!(set(&shell, Ok(0)), Err(Errno::ESRCH));
    assert_eq!(set(&shell, Ok(number(&stranger))), Err(Errno::EPERM), "another session's group");
    let lone = fork(&stranger);
    assert_eq!(set(&shell, Ok(number(&lone))), Err(Errno::EPERM), "another session's process");

    let member = fork(&stranger);
    member.process().setpgid(0, 0).unwrap();
    exit(&stranger, 0);
    wait4(&init, number(&stranger), 0);
    exit(&lone, 0);
    wait4(&init, number(&lone), 0);
    let gone = Ok(number(&stranger));
    assert_eq!(set(&shell, gone), Err(Errno::EPERM), "the number of a session alone is in use");

    let job = job(&shell);
    for pgid in [fault, Ok(-1), Ok(999)] {
        let answer = Ok(TerminalAnswer::SignalPosted(Signal::SIGTTOU));
        assert_eq!(set(&job, pgid), answer, "the background check is first");
    }
    assert_eq!(getpgrp(&shell, &tty), Ok(2), "nothing has changed");
}

#[test]
fn an_orphaned_background_process_gets_enotty_from_tcsetpgrp() {
    // R-TTY-06 (1): EIO becomes ENOTTY, and also comes before all else.
    let (table, _init, shell, tty) = login();
    let parent = job(&shell);
    let orphan = fork(&parent);
    exit(&parent, 0);
    events(&table);
    let set = |pgid| orphan.process().tcsetpgrp(&tty, pgid, StopSignal::Effective);
    assert_eq!(set(Err(Errno::EFAULT)), Err(Errno::ENOTTY));
    assert_eq!(set(Ok(2)), Err(Errno::ENOTTY));
    assert_eq!(kernel_signals(&table), []);
    assert_eq!(setpgrp(&orphan, &tty, orphan.process().pgid() as i32), ALLOWED);
}

#[test]
fn a_number_that_leads_no_group_can_be_in_the_foreground() {
    // R-TTY-07: the process's number, then; the group that it founds later is the foreground.
    let (table, _init, shell, tty) = login();
    let child = fork(&shell);
    assert_eq!(setpgrp(&shell, &tty, number(&child)), ALLOWED);
    assert_eq!(getpgrp(&shell, &tty), Ok(child.tid()));
    assert!(tty.foreground_group().is_none() && tty.signal_foreground(Signal::SIGINT).is_none());
    assert_eq!(
        use_it(&child, &tty, TerminalAccess::Read, StopSignal::BlockedOrIgnored),
        Err(Errno::EIO)
    );
    child.process().setpgid(0, 0).unwrap();
    assert_eq!(use_it(&child, &tty, TerminalAccess::Read, StopSignal::Effective), ALLOWED);
    tty.signal_foreground(Signal::SIGINT);
    assert_eq!(kernel_signals(&table), [(child.tid(), 2)]);

    let late = fork(&shell);
    setpgrp(&shell, &tty, number(&late)).unwrap();
    late.process().setsid().unwrap();
    tty.signal_foreground(Signal::SIGINT);
    assert_eq!(kernel_signals(&table), [(late.tid(), 2)], "even if that is in another session");
    assert_eq!(shown(&late), NONE);

    let thread = spawn(&shell);
    assert_eq!(setpgrp(&shell, &tty, number(&thread)), ALLOWED, "a thread's number will do");
    assert_eq!(getpgrp(&shell, &tty), Ok(thread.tid()));
    assert!(tty.signal_foreground(Signal::SIGINT).is_none());
}

#[test]
fn a_group_left_and_founded_again_is_the_foreground_again() {
    // R-TTY-04: the number of a group that ended is still reported; the same process brings it back.
    let (table, _init, shell, tty) = login();
    let job = job(&shell);
    setpgrp(&shell, &tty, number(&job)).unwrap();
    job.process().setpgid(0, 2).unwrap();
    assert_eq!(getpgrp(&shell, &tty), Ok(job.tid()));
    assert!(tty.signal_foreground(Signal::SIGINT).is_none());
    job.process().setpgid(0, 0).unwrap();
    assert!(tty.signal_foreground(Signal::SIGINT).is_some());
    assert_eq!(kernel_signals(&table), [(job.tid(), 2)]);
}

#[test]
fn a_number_used_again_is_another() {
    // R-TTY-04: the foreground is not the group of a later process that happens to have the same number.
    let (table, _init, shell, tty) = login();
    let first = job(&shell);
    setpgrp(&shell, &tty, number(&first)).unwrap();
    exit(&first, 0);
    assert_eq!(setpgrp(&shell, &tty, number(&first)), ALLOWED, "R-TTY-08: zombies are a group");
    wait4(&shell, -1, 0);
    assert_eq!(setpgrp(&shell, &tty, number(&first)), Err(Errno::ESRCH), "R-TTY-08: vanished");
    assert_eq!(getpgrp(&shell, &tty), Ok(first.tid()));
    let request =
        ForkRequest { number: axprocess::Number::Exactly(first.tid()), ..Default::default() };
    let second = fork_with(&shell, request).unwrap();
    second.process().setpgid(0, 0).unwrap();
    events(&table);
    assert!(tty.signal_foreground(Signal::SIGINT).is_none() && tty.foreground_group().is_none());
    assert_eq!(kernel_signals(&table), []);
    let read = use_it(&second, &tty, TerminalAccess::Read, StopSignal::Effective);
    assert_eq!(read, Ok(TerminalAnswer::SignalPosted(Signal::SIGTTIN)));
}

#[test]
fn setting_the_foreground_tells_nobody() {
    // R-TTY-08: no signal to the old group or to the new one.
    let (table, _init, shell, tty) = login();
    let job = job(&shell);
    assert_eq!(setpgrp(&shell, &tty, number(&job)), ALLOWED);
    assert_eq!(setpgrp(&shell, &tty, 2), ALLOWED);
    assert_eq!(kernel_signals(&table), []);
}

#[test]
fn a_background_group_is_stopped() {
    // R-TTY-10, R-TTY-11: SIGTTIN for a read, SIGTTOU for changes and for writes with TOSTOP, to every member of the caller's group.
    let (table, _init, shell, tty) = login();
    let job = job(&shell);
    let mate = fork(&job);
    let dead = fork(&job);
    exit(&dead, 0);
    events(&table);
    let rows = [
        (TerminalAccess::Read, Signal::SIGTTIN, TTIN),
        (TerminalAccess::WriteWithTostop, Signal::SIGTTOU, TTOU),
        (TerminalAccess::Change, Signal::SIGTTOU, TTOU),
    ];
    for (access, signal, posted) in rows {
        let answer = use_it(&mate, &tty, access, StopSignal::Effective);
        assert_eq!(answer, Ok(TerminalAnswer::SignalPosted(signal)), "{access:?}");
        assert_eq!(kernel_signals(&table), [(mate.tid(), posted), (job.tid(), posted)]);
        assert_eq!(use_it(&shell, &tty, access, StopSignal::Effective), ALLOWED, "the foreground");
    }
    assert_eq!(use_it(&mate, &tty, TerminalAccess::Write, StopSignal::Effective), ALLOWED);
    assert_eq!(kernel_signals(&table), []);
}

#[test]
fn a_signal_without_effect_is_not_sent() {
    // R-TTY-10: SIGTTIN blocked or ignored fails the read; SIGTTOU lets the rest proceed. Before the question of orphans.
    let (table, _init, shell, tty) = login();
    let job = job(&shell);
    let ask = |access| use_it(&job, &tty, access, StopSignal::BlockedOrIgnored);
    let check = || {
        assert_eq!(ask(TerminalAccess::Read), Err(Errno::EIO));
        assert_eq!(ask(TerminalAccess::WriteWithTostop), ALLOWED);
        assert_eq!(ask(TerminalAccess::Change), ALLOWED);
    };
    check();
    job.process().setpgid(0, 2).unwrap();
    let parent = self::job(&shell);
    job.process().setpgid(0, parent.tid() as i32).unwrap();
    setpgrp(&shell, &tty, 2).unwrap();
    check();
    assert_eq!(kernel_signals(&table), []);
}

#[test]
fn an_orphaned_background_group_gets_eio() {
    // R-TTY-10, R-ORPHAN-01: nobody could continue it, so it is not stopped.
    let (table, _init, shell, tty) = login();
    let parent = job(&shell);
    let orphan = fork(&parent);
    let ask = |access| use_it(&orphan, &tty, access, StopSignal::Effective);
    assert!(
        matches!(ask(TerminalAccess::Read), Ok(TerminalAnswer::SignalPosted(_))),
        "linked by its parent"
    );
    exit(&parent, 0);
    events(&table);
    assert_eq!(ask(TerminalAccess::Read), Err(Errno::EIO), "R-ORPHAN-10: a zombie is no link");
    assert_eq!(ask(TerminalAccess::Change), Err(Errno::EIO));
    assert_eq!(kernel_signals(&table), []);
}

#[test]
fn a_parent_in_the_session_links_a_group() {
    // R-ORPHAN-01, R-ORPHAN-02: a subreaper in the session does, one in another session does not, nor a parent in the same group.
    let (_table, _init, shell, tty) = login();
    shell.process().become_subreaper();
    let parent = job(&shell);
    let child = fork(&parent);
    child.process().setpgid(0, 0).unwrap();
    let grandchild = fork(&child);
    let is_orphaned = |thread: &KernelThread| {
        use_it(thread, &tty, TerminalAccess::Read, StopSignal::Effective) == Err(Errno::EIO)
    };
    assert!(!is_orphaned(&grandchild), "by its group's leader, whose parent is outside");
    exit(&parent, 0);
    assert!(!is_orphaned(&grandchild), "by the subreaper");
    exit(&child, 0);
    assert_eq!(grandchild.process().ppid(), 2);
    assert!(!is_orphaned(&grandchild), "adopted by the subreaper, it is a link itself");
    shell.process().resign_subreaper();
    setpgrp(&shell, &tty, grandchild.process().pgid() as i32).unwrap();
    assert!(is_orphaned(&shell), "R-ORPHAN-11: the shell's parent is in another session");
}

#[test]
fn init_links_no_group() {
    // R-ORPHAN-01: the table's first process does not count, although it leads the session.
    let (table, init) = boot();
    init.process().setsid().unwrap();
    let tty = table.new_terminal(TerminalKind::Other, TTY, ()).unwrap();
    assert_eq!(open(&init, &tty), CttyChange::Acquired);
    let child = job(&init);
    let read = use_it(&child, &tty, TerminalAccess::Read, StopSignal::Effective);
    assert_eq!(read, Err(Errno::EIO));
    let grandchild = job(&child);
    let read = use_it(&grandchild, &tty, TerminalAccess::Read, StopSignal::Effective);
    assert_eq!(read, Ok(TerminalAnswer::SignalPosted(Signal::SIGTTIN)));
}

#[test]
fn another_terminal_is_not_checked() {
    // R-TTY-12: without a controlling terminal, or with another one, everything is allowed.
    let (table, init, shell, tty) = login();
    let outsider = leader(&init);
    let second = table.new_terminal(TerminalKind::PseudoTerminal, 7, ()).unwrap();
    let job = job(&shell);
    for (thread, terminal) in [(&outsider, &tty), (&job, &second)] {
        for access in [TerminalAccess::Read, TerminalAccess::Change] {
            for signal in [StopSignal::Effective, StopSignal::BlockedOrIgnored] {
                assert_eq!(use_it(thread, terminal, access, signal), ALLOWED);
            }
        }
    }
    assert_eq!(kernel_signals(&table), []);
}

#[test]
fn keys_reach_the_foreground_group() {
    // R-TTY-13: every member, the one that joined last first, as the kernel's own signal, and nobody else.
    let (table, _init, shell, tty) = login();
    let job = job(&shell);
    let mate = fork(&job);
    setpgrp(&shell, &tty, number(&job)).unwrap();
    let told = tty.signal_foreground(Signal::SIGTSTP).unwrap();
    assert_eq!(told.pgid(), job.tid());
    assert_eq!(kernel_signals(&table), [(mate.tid(), 20), (job.tid(), 20)]);
}

#[test]
fn it_is_inherited_and_dropped_by_setsid() {
    // R-TTY-14, R-TTY-15: by children and siblings, kept in exec, lost in setsid, which leaves it to the others.
    let (_table, _init, shell, _tty) = login();
    let child = fork(&shell);
    let request = ForkRequest { parent: ForkParent::Sibling, ..Default::default() };
    let sibling = fork_with(&child, request).unwrap();
    let thread = spawn(&sibling);
    thread.exec().unwrap();
    for member in [&child, &sibling, &thread] {
        assert_eq!(shown(member), (Some(TTY), Some(2)));
    }
    child.process().setsid().unwrap();
    assert_eq!(shown(&child), NONE);
    assert_eq!((shown(&fork(&child)), shown(&shell)), (NONE, (Some(TTY), Some(2))));
    exit(&thread, 0);
    assert_eq!(shown(&thread), (Some(TTY), Some(2)), "a zombie shows it");
    wait4(&shell, -1, 0);
    assert_eq!(shown(&thread), NONE, "a reaped process shows nothing");
}

#[test]
fn b5_the_foreground_hears_of_the_leaders_exit() {
    // B5, R-TTYEXIT-01, R-TTYEXIT-03, R-EXIT-14 d: SIGHUP alone, to the foreground alone; all lose it; another can have it at once.
    let (table, init, shell, tty) = login();
    let [front, back] = [job(&shell), job(&shell)];
    let helper = spawn(&shell);
    setpgrp(&shell, &tty, number(&front)).unwrap();
    exit(&shell, 0);
    assert_eq!(kernel_signals(&table), [], "a thread lives");
    assert_eq!(shown(&back), (Some(TTY), Some(front.tid())));
    exit(&helper, 0);
    let told = events(&table);
    let signals: Vec<_> = told.iter().filter(|event| !matches!(event, Event::Wake(_))).collect();
    assert_eq!(
        *signals[0],
        Event::Posted(front.tid(), HUP, SignalCause::Kernel),
        "before the zombie is announced"
    );
    let posted = |to| {
        told.iter()
            .filter(move |e| matches!(e, Event::Posted(of, _, SignalCause::Kernel) if *of == to))
            .count()
    };
    assert_eq!((posted(front.tid()), posted(back.tid())), (1, 0), "no SIGCONT, and no others");
    assert!(!told.contains(&Event::HungUp(TTY)));
    assert_eq!([shown(&front), shown(&back), shown(&shell)], [NONE; 3]);
    assert_eq!(open(&leader(&init), &tty), CttyChange::Acquired);
    assert_eq!(shown(&back), NONE);
    assert_eq!(open(&shell, &tty), CttyChange::Unchanged, "the dead acquire nothing");
    assert_eq!(sctty(&shell, &tty, STEALING), Err(Errno::EPERM));
}

#[test]
fn a_stopped_foreground_job_hears_of_it_twice() {
    // R-TTYEXIT-02: SIGHUP by the terminal, then SIGHUP and SIGCONT as an orphaned group; a stopped background job gets the latter only.
    let (table, _init, shell, tty) = login();
    let [front, back] = [job(&shell), job(&shell)];
    setpgrp(&shell, &tty, number(&front)).unwrap();
    for job in [&front, &back] {
        job.process().report_group_stopped(Signal::SIGTSTP);
    }
    exit(&shell, 0);
    let orphaned = |job: &KernelThread| [(job.tid(), HUP), (job.tid(), CONT)];
    let expected = [vec![(front.tid(), HUP)], orphaned(&front).to_vec(), orphaned(&back).to_vec()];
    assert_eq!(kernel_signals(&table), expected.concat());
    assert!(!front.process().is_stopped() && !back.process().is_stopped());
}

#[test]
fn the_terminal_is_lost_before_children_are_handed_over() {
    // R-EXIT-14 d: with more children than one hold moves, the first of the holds has taken the terminal away.
    let (table, _init, shell, tty) = login();
    let children: Vec<_> = (0..200).map(|_| fork(&shell)).collect();
    exit(&shell, 0);
    assert!(children.iter().all(|child| shown(child) == NONE && child.process().ppid() == 1));
    assert!(tty.session().is_none());
    let hung_up: Vec<_> = kernel_signals(&table);
    assert_eq!(
        hung_up.iter().filter(|&&(_, signal)| signal == HUP).count(),
        200,
        "the whole group but the dying leader (R-EXIT-12)"
    );
}

#[test]
fn the_exit_of_another_leaves_the_terminal_alone() {
    // R-TTYEXIT-05: whoever leads no session, and the leader of a session without a terminal.
    let (table, init, shell, tty) = login();
    let job = job(&shell);
    setpgrp(&shell, &tty, number(&job)).unwrap();
    let member = fork(&job);
    exit(&job, 0);
    exit(&leader(&init), 0);
    let told = kernel_signals(&table);
    assert!(!told.contains(&(member.tid(), HUP)));
    assert_eq!(shown(&member), (Some(TTY), Some(job.tid())));
}

#[test]
fn another_terminal_than_a_pty_is_hung_up() {
    // R-TTYEXIT-06: its files are dead, SIGHUP to the foreground; what the leader is sent it does not live to see (R-EXIT-12).
    let (table, _init, shell, tty) = login_at(TerminalKind::Other);
    let front = job(&shell);
    setpgrp(&shell, &tty, number(&front)).unwrap();
    exit(&shell, 0);
    let told = [Event::HungUp(TTY), Event::Posted(front.tid(), HUP, SignalCause::Kernel)];
    assert_eq!(events(&table)[..2], told);
    assert_eq!(shown(&front), NONE);
}

#[test]
fn b7_a_hang_up_is_the_leaders() {
    // B7, R-TTYEXIT-07, R-TTYEXIT-04: SIGHUP and SIGCONT to the leader; the foreground hears when the leader exits.
    let (table, _init, shell, tty) = login();
    let front = job(&shell);
    setpgrp(&shell, &tty, number(&front)).unwrap();
    assert_eq!(tty.hang_up().map(|session| session.sid()), Some(2));
    assert_eq!(kernel_signals(&table), [(2, HUP), (2, CONT)]);
    assert_eq!([shown(&shell), shown(&front)], [NONE; 2]);
    assert!(tty.hang_up().is_none(), "there is nobody to hang up on");
    let master = front.process().tcgetpgrp(&tty, TerminalSide::Master);
    assert_eq!(master, Ok(0));
    exit(&shell, 0);
    assert_eq!(kernel_signals(&table)[..2], [(front.tid(), HUP), (front.tid(), CONT)]);
}

#[test]
fn a_new_terminal_makes_the_old_foreground_forgotten() {
    // R-TTYEXIT-04: what was in the foreground at a hang-up is remembered until the leader has another terminal, or gives that up.
    let (table, _init, shell, tty) = login();
    let front = job(&shell);
    setpgrp(&shell, &tty, number(&front)).unwrap();
    tty.hang_up();
    assert_eq!(open(&shell, &tty), CttyChange::Acquired);
    let mate = fork(&shell);
    events(&table);
    exit(&shell, 0);
    let told = kernel_signals(&table);
    assert_eq!(told, [(mate.tid(), HUP)], "the foreground of now, which is the leader's group");
}

#[test]
fn a_dropped_terminal_leaves_its_session_without_one() {
    // Contract of weak links: the session's edge is taken back before the memory goes; the next one is a new generation.
    let (table, _init, shell, tty) = login();
    let child = fork(&shell);
    drop(tty);
    assert_eq!([shown(&shell), shown(&child)], [NONE; 2]);
    let next = table.new_terminal(TerminalKind::Other, 7, ()).unwrap();
    assert_eq!(open(&shell, &next), CttyChange::Acquired);
    assert_eq!((shown(&shell), shown(&child)), ((Some(7), Some(2)), NONE));
    let held = shell.process().controlling_terminal();
    drop(next);
    assert_eq!(held.as_ref().and_then(|terminal| terminal.session()).map(|s| s.sid()), Some(2));
}

#[test]
fn a_terminal_outlives_its_table() {
    // Contract of weak links: when the whole table is dropped, sessions end, and terminals forget them.
    let (table, init, shell, tty) = login();
    let child = fork(&shell);
    drop((table, init));
    assert!(tty.session().is_none() && tty.foreground_group().is_none());
    assert_eq!([shown(&shell), shown(&child)], [NONE; 2]);
    let master = shell.process().tcgetpgrp(&tty, TerminalSide::Master);
    assert_eq!(master, Ok(0), "nothing is left of the session");
    assert!(tty.hang_up().is_none());
}

#[test]
fn a_terminal_of_another_table_is_nobodys() {
    // One lock per table: objects of two tables are never related; no call panics on it.
    let (_table, _init, shell, tty) = login();
    let (_other_table, _other_init, stranger, _other_tty) = login();
    let lonely = leader(&stranger);
    assert_eq!(open(&lonely, &tty), CttyChange::Unchanged);
    assert_eq!(sctty(&lonely, &tty, STEALING), Err(Errno::EPERM));
    for side in [TerminalSide::Slave, TerminalSide::Master] {
        assert_eq!(stranger.process().tcgetpgrp(&tty, side), Err(Errno::ENOTTY));
        assert_eq!(stranger.process().tcgetsid(&tty, side), Err(Errno::ENOTTY));
        assert_eq!(stranger.process().release_terminal(&tty, side), Err(Errno::ENOTTY));
    }
    assert_eq!(setpgrp(&stranger, &tty, 2), Err(Errno::ENOTTY));
    assert_eq!(use_it(&stranger, &tty, TerminalAccess::Read, StopSignal::Effective), ALLOWED);
    assert_eq!(shown(&shell), (Some(TTY), Some(2)));
}

#[test]
fn g4_session_terminal_and_foreground_change_together() {
    // G4: four threads open, steal, hang up, exit and drop, with invariant 12 at every unlock.
    const STEPS: usize = 3_000;
    let (table, init) = boot();
    table.check_every(std::num::NonZeroU64::MIN);
    let shared = table.new_terminal(TerminalKind::PseudoTerminal, 1, ()).unwrap();
    std::thread::scope(|scope| {
        for worker in 0..4_usize {
            let (table, init, shared) = (&table, &init, &shared);
            scope.spawn(move || {
                for step in 0..STEPS / 4 {
                    let own = table.new_terminal(TerminalKind::Other, 2, ()).unwrap();
                    let shell = leader(init);
                    let tty = if (step + worker) % 3 == 0 { &own } else { shared };
                    let _ = sctty(&shell, tty, STEALING);
                    let job = job(&shell);
                    let _ = setpgrp(&shell, tty, number(&job));
                    let _ = use_it(&shell, tty, TerminalAccess::Read, StopSignal::Effective);
                    match step % 5 {
                        0 => drop(shared.hang_up()),
                        1 => _ = shell.process().release_terminal(tty, TerminalSide::Slave),
                        2 => _ = shared.signal_foreground(Signal::SIGINT),
                        3 => _ = job.process().setsid(),
                        _ => drop(job.process().controlling_terminal()),
                    }
                    if step % 2 == 0 {
                        drop(own);
                    }
                    exit(&shell, 0);
                    assert_eq!(shown(&shell), NONE);
                    exit(&job, 0);
                    while wait4(init, -1, WNOHANG).is_event() {}
                }
            });
        }
    });
    assert!(shared.session().is_none(), "all leaders have exited");
    assert!(init.process().children().unwrap().is_empty());
}

#[test]
fn a_foreground_is_numbered_in_the_callers_namespace() {
    // R-TTY-04, G10, B10: 0 for a group without a number inside; the inner number for one that has it; tcsetpgrp takes inner numbers.
    let (_table, _init, shell, tty) = login();
    let new = ForkRequest { namespace: axprocess::ForkNamespace::New, ..Default::default() };
    let inner = fork_with(&shell, new).unwrap();
    let seen = |thread: &KernelThread| getpgrp(thread, &tty);
    assert_eq!((seen(&shell), seen(&inner)), (Ok(2), Ok(0)));
    let outside = inner.process().pid_in(&shell.process().namespace());
    shell.process().setpgid(outside as i32, 0).unwrap();
    setpgrp(&shell, &tty, outside as i32).unwrap();
    assert_eq!((seen(&shell), seen(&inner)), (Ok(outside), Ok(1)));
    let member = fork(&inner);
    setpgrp(&inner, &tty, number(&member)).expect("a pid of its session (R-TTY-07)");
    assert_eq!(seen(&inner), Ok(member.tid()));
    assert_eq!(setpgrp(&inner, &tty, outside as i32 + 7), Err(Errno::ESRCH));
}

#[test]
fn who_may_not_be_signalled_hears_only_sigcont_of_a_lost_terminal() {
    // R-TTY-03, R-KILL-05: TIOCNOTTY signals the foreground as its caller; only SIGCONT needs no right within a session.
    let (table, _init, shell, tty) = login();
    let first = job(&shell);
    let second = fork(&first);
    setpgrp(&shell, &tty, number(&first)).unwrap();
    protect(&table, first.process());
    events(&table);
    shell.process().release_terminal(&tty, TerminalSide::Slave).unwrap();
    let told: Vec<_> = events(&table)
        .into_iter()
        .filter_map(|event| match event {
            Event::Posted(pid, signal, _) => Some((pid, signal)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(second.tid(), HUP), (second.tid(), CONT), (first.tid(), CONT)]);
}
