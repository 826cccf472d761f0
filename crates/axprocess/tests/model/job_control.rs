//! setpgid, setsid, getpgid, getsid: results, effects, and errors in Linux's order.

use crate::kernel::*;
use axprocess::{ARef, Errno, Pid};

/// A shell that leads session 2, below init.
fn shell() -> (Table, KernelThread, KernelThread) {
    let (table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    (table, init, shell)
}

fn number(thread: &KernelThread) -> i32 {
    thread.tid() as i32
}

fn ids(thread: &KernelThread) -> (Pid, Pid) {
    (thread.process().pgid(), thread.process().sid())
}

#[test]
fn init_begins_in_group_and_session_0() {
    // G5: init has a group, which no number names, until it makes its own; then setsid is refused to it like to any leader.
    let (table, init) = boot();
    assert_eq!(ids(&init), (0, 0));
    assert!(table.find_group(0).is_none() && table.find_session(0).is_none());
    assert_eq!(init.process().setsid(), Ok(1));
    assert_eq!(ids(&init), (1, 1));
    assert_eq!(init.process().setsid(), Err(Errno::EPERM));
}

#[test]
fn a_child_moves_to_a_new_group_and_back() {
    // R-SETPGID-01, R-SETPGID-09: 0 means the caller and the moved one's number; founding, joining, leaving; whole processes.
    let (table, _init, shell) = shell();
    let [a, b] = [fork(&shell), fork(&shell)];
    let setpgid = |pid, pgid| shell.process().setpgid(pid, pgid);
    assert_eq!(setpgid(number(&a), 0), Ok(()));
    assert_eq!(setpgid(number(&a), number(&a)), Ok(()), "again is fine");
    assert_eq!(setpgid(number(&b), number(&a)), Ok(()));
    assert_eq!(ids(&b), (a.tid(), 2));
    let group = table.find_group(a.tid()).unwrap();
    assert_eq!(pids(&group.processes().unwrap()), [a.tid(), b.tid()]);
    assert_eq!(shell.process().group().session().process_groups().unwrap().len(), 2);
    assert_eq!(setpgid(number(&a), 2), Ok(()));
    assert_eq!(setpgid(number(&b), 2), Ok(()));
    assert!(table.find_group(a.tid()).is_none(), "G2: an empty group has ended");
    assert!(group.processes().unwrap().is_empty());
    assert_eq!(shell.process().group().session().process_groups().unwrap().len(), 1);
}

#[test]
fn setpgid_errors_come_in_linuxs_order() {
    // R-SETPGID-01 to -07, R-SETPGID-10, R-EXEC-06: each row fails for the first reason that applies, although later ones do too.
    let (_table, _init, shell) = shell();
    let child = fork(&shell);
    let thread = spawn(&child);
    let grandchild = fork(&child);
    let stranger = fork(&shell);
    stranger.process().setsid().unwrap();
    let execed = fork(&shell);
    execed.exec().unwrap();
    let rows = [
        (number(&child), -1, Errno::EINVAL, "a negative group, before anything else"),
        (-5, 0, Errno::EINVAL, "which pgid 0 makes of a negative pid"),
        (-5, 7, Errno::ESRCH, "no such process"),
        (999, 999, Errno::ESRCH, "no such process"),
        (number(&thread), 0, Errno::EINVAL, "a thread's number"),
        (number(&stranger), 0, Errno::EPERM, "a child in another session"),
        (number(&execed), 0, Errno::EACCES, "a child that has exec'd"),
        (number(&grandchild), 0, Errno::ESRCH, "no child"),
        (1, 0, Errno::ESRCH, "one's parent"),
        (0, 0, Errno::EPERM, "a session leader, even to stay where it is (G7, B11)"),
        (number(&child), 999, Errno::EPERM, "no such group (G8)"),
        (number(&child), number(&grandchild), Errno::EPERM, "a process that leads no group"),
        (number(&child), number(&stranger), Errno::EPERM, "a group of another session"),
    ];
    for (pid, pgid, errno, why) in rows {
        assert_eq!(shell.process().setpgid(pid, pgid), Err(errno), "setpgid({pid}, {pgid}): {why}");
    }
    assert_eq!(ids(&child), (2, 2), "nothing has moved");
    assert_eq!(
        execed.process().setpgid(0, 0),
        Ok(()),
        "R-SETPGID-10: one's own exec is no obstacle"
    );
    stranger.exec().unwrap();
    let both = shell.process().setpgid(number(&stranger), 0);
    assert_eq!(both, Err(Errno::EPERM), "R-SETPGID-04: the session is looked at before the exec");
}

#[test]
fn b11_a_session_leader_never_changes_its_group() {
    // B11, R-SETPGID-06, G7: EPERM to stay, to found its own anew, and to join one of its session; the table's init too.
    let (_table, init, shell) = shell();
    let leader = fork(&shell);
    leader.process().setsid().unwrap();
    let job = fork(&leader);
    leader.process().setpgid(number(&job), 0).unwrap();
    let own = number(&leader);
    for pgid in [0, own, number(&job)] {
        for pid in [0, own] {
            assert_eq!(leader.process().setpgid(pid, pgid), Err(Errno::EPERM));
        }
    }
    init.process().setsid().unwrap();
    assert_eq!(init.process().setpgid(0, 0), Err(Errno::EPERM));
    assert_eq!(ids(&leader), (leader.tid(), leader.tid()));
}

#[test]
fn zombies_are_full_members() {
    // R-SETPGID-08, G12, G14: a zombie child can be moved, and a group of zombies be joined; it outlives its leader.
    let (table, _init, shell) = shell();
    let [leader, member] = [fork(&shell), fork(&shell)];
    exit(&leader, 0);
    assert_eq!(shell.process().setpgid(number(&leader), 0), Ok(()));
    assert_eq!(shell.process().setpgid(number(&member), number(&leader)), Ok(()));
    wait4(&shell, number(&leader), 0);
    assert_eq!(pids(&table.find_group(leader.tid()).unwrap().processes().unwrap()), [member.tid()]);
    assert_eq!(shell.process().getpgid(number(&member)), Ok(leader.tid()));
}

#[test]
fn leaving_and_coming_back_finds_the_same_group() {
    // Race 15, R-SETPGID-07, R-SETSID-01: a group whose leader left lives on with its members; its number is still that group's.
    let (table, _init, shell) = shell();
    let [a, b, c] = [fork(&shell), fork(&shell), fork(&shell)];
    let setpgid = |pid: &KernelThread, pgid: &KernelThread| {
        shell.process().setpgid(number(pid), number(pgid))
    };
    setpgid(&a, &a).unwrap();
    setpgid(&b, &a).unwrap();
    setpgid(&c, &c).unwrap();
    setpgid(&a, &c).unwrap();
    assert_eq!(a.process().setsid(), Err(Errno::EPERM), "R-SETSID-01: a group has its number");
    setpgid(&a, &a).unwrap();
    assert_eq!(pids(&table.find_group(a.tid()).unwrap().processes().unwrap()), [b.tid(), a.tid()]);
    assert!(ARef::ptr_eq(&a.process().group(), &b.process().group()));
}

#[test]
fn setsid_makes_a_leader_once() {
    // R-SETSID-01 to -03, G3: new session and group, from any thread; refused to a leader of either, also when only a zombie is in the group.
    let (table, _init, shell) = shell();
    let daemon = fork(&shell);
    let thread = spawn(&daemon);
    assert_eq!(thread.process().setsid(), Ok(daemon.tid()));
    assert_eq!(ids(&daemon), (daemon.tid(), daemon.tid()));
    assert_eq!(daemon.process().setsid(), Err(Errno::EPERM));
    assert_eq!(shell.process().setpgid(number(&daemon), 0), Err(Errno::EPERM));

    let leader = fork(&shell);
    leader.process().setpgid(0, 0).unwrap();
    assert_eq!(leader.process().setsid(), Err(Errno::EPERM));
    let member = fork(&leader);
    exit(&member, 0);
    leader.process().setpgid(0, 2).unwrap();
    assert_eq!(leader.process().setsid(), Err(Errno::EPERM), "a zombie holds the group");
    wait4(&leader, -1, 0);
    assert_eq!(leader.process().setsid(), Ok(leader.tid()));
    assert_eq!(table.find_session(leader.tid()).unwrap().process_groups().unwrap().len(), 1);
}

#[test]
fn a_session_outlives_its_leader() {
    // R-SETSID-03, R-GETPGID-01: members keep the dead leader's number; the leader itself is gone.
    let (table, init, shell) = shell();
    let member = fork(&shell);
    exit(&shell, 0);
    assert_eq!(init.process().getsid(2), Ok(2), "a zombie is found");
    wait4(&init, 2, 0);
    assert_eq!(init.process().getsid(2), Err(Errno::ESRCH));
    assert_eq!(init.process().getsid(number(&member)), Ok(2));
    assert_eq!(table.find_session(2).unwrap().sid(), 2);
    assert_eq!(member.process().setpgid(0, 2), Ok(()), "its group too");
}

#[test]
fn getters_know_every_number() {
    // R-GETPGID-01, R-PID-15: 0 is oneself, any thread's number counts, other sessions too; unknown and negative numbers are ESRCH.
    let (_table, _init, shell) = shell();
    let child = fork(&shell);
    let thread = spawn(&child);
    child.process().setsid().unwrap();
    let asker = shell.process();
    assert_eq!((asker.getpgid(0), asker.getsid(0)), (Ok(2), Ok(2)));
    for pid in [number(&child), number(&thread)] {
        assert_eq!((asker.getpgid(pid), asker.getsid(pid)), (Ok(child.tid()), Ok(child.tid())));
    }
    for pid in [999, -1, i32::MIN, i32::MAX] {
        assert_eq!(asker.getpgid(pid), Err(Errno::ESRCH));
        assert_eq!(asker.getsid(pid), Err(Errno::ESRCH));
    }
}
