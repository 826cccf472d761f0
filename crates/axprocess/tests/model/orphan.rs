//! Orphaned process groups: which are, and when their members are told.

use std::num::NonZeroU64;

use crate::kernel::*;
use axprocess::{ExitStatus, Pid, Signal, SignalCause, TraceOptions, TraceStart};

/// Below init, session 2 is led by a shell with a job: a group of its own with one or more members.
fn shell_with_job<const N: usize>() -> (Table, KernelThread, KernelThread, [KernelThread; N]) {
    let (table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let job: [KernelThread; N] = std::array::from_fn(|_| fork(&shell));
    for member in &job {
        shell.process().setpgid(member.tid() as i32, job[0].tid() as i32).unwrap();
    }
    events(&table);
    (table, init, shell, job)
}

fn stop(thread: &KernelThread) {
    thread.process().report_group_stopped(Signal::SIGTSTP);
}

/// SIGHUP to all of them in this order, then SIGCONT.
fn hung_up(members: &[Pid]) -> Vec<Event> {
    let sent = |number| move |&pid: &Pid| Event::Posted(pid, number, SignalCause::Kernel);
    members.iter().map(sent(1)).chain(members.iter().map(sent(18))).collect()
}

#[test]
fn b1_stopped_jobs_hear_of_the_end_of_their_shell() {
    // B1, R-ORPHAN-03, R-ORPHAN-06: all members, running ones too, most recent first, from the kernel, whoever protects itself.
    let (table, _init, shell, [a, b]) = shell_with_job();
    protect(&table, a.process());
    stop(&a);
    exit(&shell, 0);
    assert_eq!(posted(&table), hung_up(&[b.tid(), a.tid()]));
    assert!(!a.process().is_stopped(), "R-STOP-02: SIGCONT has resumed it");
    assert!(a.process().group().is_orphaned());
}

#[test]
fn nothing_is_sent_where_nothing_is_stopped() {
    // R-ORPHAN-05: also when one was stopped before, or has moved away.
    let (table, _init, shell, [a, b]) = shell_with_job();
    stop(&a);
    a.process().report_group_continued();
    stop(&b);
    shell.process().setpgid(b.tid() as i32, 0).unwrap();
    shell.process().setpgid(b.tid() as i32, shell.tid() as i32).unwrap();
    exit(&shell, 0);
    assert_eq!(posted(&table), []);
}

#[test]
fn the_last_sibling_that_links_the_group_decides() {
    // R-ORPHAN-03, R-REPARENT-14: one event for two members, after both ppids are new, though each of them lost the same parent.
    let (table, _init, shell, [a, b]) = shell_with_job();
    stop(&a);
    stop(&b);
    exit(&shell, 0);
    assert_eq!(posted(&table), hung_up(&[b.tid(), a.tid()]));
    assert_eq!((a.process().ppid(), b.process().ppid()), (1, 1));
}

#[test]
fn a_subreaper_in_the_session_links_what_it_adopts() {
    // R-ORPHAN-02: any parent but the table's init can be a link, so nothing is sent.
    let (table, init) = boot();
    let manager = fork(&init);
    manager.process().setsid().unwrap();
    manager.process().become_subreaper();
    let [shell, job] = chain(&manager);
    shell.process().setpgid(job.tid() as i32, 0).unwrap();
    stop(&job);
    events(&table);
    exit(&shell, 0);
    assert_eq!(job.process().ppid(), manager.tid());
    assert_eq!(posted(&table), []);
    assert!(!job.process().group().is_orphaned());
}

#[test]
fn an_inner_init_in_the_session_links_what_it_adopts() {
    // R-ORPHAN-02: it is no global init; a stopped group whose parent died is linked by it, and gets nothing.
    let (table, init) = boot();
    let new =
        axprocess::ForkRequest { namespace: axprocess::ForkNamespace::New, ..Default::default() };
    let inner = init.fork(new, Treatment::default(), ()).unwrap();
    inner.process().setsid().unwrap();
    let [shell, job] = chain(&inner);
    shell.process().setpgid(0, 0).unwrap();
    shell.process().setpgid(job.tid() as i32, 0).unwrap();
    stop(&job);
    events(&table);
    exit(&shell, 0);
    assert_eq!(job.process().ppid(), 1);
    assert_eq!(posted(&table), []);
    assert!(!job.process().group().is_orphaned());
}

#[test]
fn init_links_nothing() {
    // R-ORPHAN-01: not even in its own session.
    let (_table, init) = boot();
    init.process().setsid().unwrap();
    let job = fork(&init);
    job.process().setpgid(0, 0).unwrap();
    assert!(job.process().group().is_orphaned());
    let grandchild = fork(&job);
    grandchild.process().setpgid(0, 0).unwrap();
    assert!(!grandchild.process().group().is_orphaned());
}

#[test]
fn the_end_of_the_linking_member_orphans_the_group() {
    // R-ORPHAN-04, R-ATOM-03: before its own SIGCHLD, as if it were gone already.
    let (table, _init, shell, [leader]) = shell_with_job();
    let child = fork(&leader);
    stop(&child);
    events(&table);
    exit(&leader, 0);
    let told = signals_of_all_kinds(&table);
    let chld = Event::Signal(shell.tid(), 17, leader.tid(), ExitStatus::exited(0).into());
    assert_eq!(told[..2], hung_up(&[child.tid()]), "the dying one takes no signal");
    assert_eq!(told[2..], [chld]);
}

#[test]
fn a_dead_thread_that_waits_for_its_tracer_holds_no_hang_up_back() {
    // R-ORPHAN-04: the group is asked when the last thread exits, once, though the process ends later.
    let (table, init, _shell, [leader]) = shell_with_job();
    let thread = spawn(&leader);
    let child = fork(&leader);
    stop(&child);
    init.attach(thread.tid().cast_signed(), TraceStart::Seize, TraceOptions::empty()).unwrap();
    exit(&thread, 0);
    assert_eq!(posted(&table), []);
    exit(&leader, 0);
    assert_eq!(posted(&table), hung_up(&[child.tid()]));
    stop(&child);
    assert!(matches!(wait4(&init, thread.tid() as i32, WALL), Waited::Got(..)));
    assert_eq!(posted(&table), [], "the process has ended now");
}

fn signals_of_all_kinds(table: &Table) -> Vec<Event> {
    let mut events = events(table);
    events.retain(|event| !matches!(event, Event::Wake(_)));
    events
}

#[test]
fn a_zombie_links_nothing_but_a_dead_leader_does() {
    // R-ORPHAN-10, B2: signals come with the full death of the link, not with the leader thread's, and not with the reap.
    let (table, init, shell, [link]) = shell_with_job();
    let second = spawn(&link);
    let child = fork(&second);
    stop(&child);
    events(&table);
    exit(&link, 0);
    assert_eq!(posted(&table), []);
    assert!(!child.process().group().is_orphaned());
    exit(&second, 0);
    assert_eq!(posted(&table), hung_up(&[child.tid()]));
    stop(&child);
    assert!(child.process().group().is_orphaned(), "the zombie is a member, and no link");
    assert!(wait4(&shell, -1, 0).is_event());
    assert_eq!(posted(&table), [], "B2: the reap is no event");
    exit(&shell, 0);
    assert_eq!(posted(&table), [], "B2: it was orphaned before");
    drop(init);
}

#[test]
fn b2_setpgid_and_setsid_never_signal() {
    // B2, R-ORPHAN-08: the link moves away, the stopped member stays.
    for leaves_session in [false, true] {
        let (table, _init, shell, [leader, link]) = shell_with_job();
        let stopped = fork(&leader);
        stop(&stopped);
        exit(&leader, 0);
        events(&table);
        assert!(!stopped.process().group().is_orphaned());
        if leaves_session {
            link.process().setsid().unwrap();
        } else {
            shell.process().setpgid(link.tid() as i32, 0).unwrap();
        }
        assert!(stopped.process().group().is_orphaned());
        assert_eq!(posted(&table), []);
    }
}

#[test]
fn b3_a_member_with_children_that_calls_setsid_leaves_them_linked_as_they_are() {
    // B3: the children's group was not linked by a parent in it; it is not linked by one in another session.
    let (_table, _init, _shell, [first, second]) = shell_with_job();
    let child = fork(&second);
    let group = first.process().group();
    assert!(!group.is_orphaned());
    second.process().setsid().unwrap();
    assert!(!group.is_orphaned(), "the first member still links it");
    exit(&first, 0);
    assert!(group.is_orphaned());
    assert_eq!(child.process().group().pgid(), group.pgid());
}

#[test]
fn a_session_leaders_group_is_orphaned() {
    // R-ORPHAN-11: its parent is in another session, until a child of it is in a group of its own.
    let (_table, _init, shell, [job]) = shell_with_job();
    assert!(shell.process().group().is_orphaned());
    assert!(!job.process().group().is_orphaned());
}

#[test]
fn g11_the_predicate_agrees_with_its_definition() {
    // G11, R-ORPHAN-01: on random trees, against a definition written from the public getters. Also when it is asked seldom, and much has changed since.
    for interval in [1, 8] {
        compare_with_the_definition(interval);
    }
}

fn compare_with_the_definition(interval: u32) {
    let (table, init) = boot();
    let mut alive = vec![fork(&init)];
    alive[0].process().setsid().unwrap();
    let mut seed = interval;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    let (mut orphaned, mut linked) = (0, 0);
    for step in 0..600 * interval {
        let at = random(alive.len());
        let chosen = alive[at].clone();
        match random(7) {
            0..=2 if alive.len() < 40 => alive.push(fork(&chosen)),
            3 => _ = chosen.process().setpgid(0, 0),
            4 => _ = chosen.process().setsid(),
            5 => _ = chosen.process().setpgid(0, alive[random(alive.len())].tid() as i32),
            _ if alive.len() > 5 => {
                exit(&alive.swap_remove(at), 0);
                _ = wait4(&init, -1, 0);
            }
            _ => {}
        }
        for thread in alive.iter().filter(|_| step % interval == 0) {
            let group = thread.process().group();
            let links = |member: &KernelProcess| {
                let parent = member.parent();
                !member.has_ended()
                    && parent.is_some_and(|parent| {
                        parent.pid() != 1
                            && parent.pgid() != group.pgid()
                            && parent.sid() == member.sid()
                    })
            };
            let expected = !group.processes().unwrap().iter().any(links);
            assert_eq!(group.is_orphaned(), expected, "{group:?}");
            *(if expected { &mut orphaned } else { &mut linked }) += 1;
        }
    }
    assert!(orphaned > 100 && linked > 100, "both answers were seen: {orphaned}, {linked}");
    drop(table);
}

/// In which order the children of a parent joined their group.
#[derive(Clone, Copy, Debug)]
enum Joined {
    AsBorn,
    Reversed,
    Shuffled,
}

/// Below a shell, a job with that many children in a group of their own, of which the leader is stopped. Nothing is checked at unlocks.
fn job_with_a_stopped_group(
    size: usize,
    joined: Joined,
) -> (Table, KernelThread, KernelThread, Vec<KernelThread>) {
    let (table, init) = boot();
    table.check_every(NonZeroU64::MAX);
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let job = fork(&shell);
    job.process().setpgid(0, 0).unwrap();
    let children: Vec<_> = (0..size).map(|_| fork(&job)).collect();
    let mut order: Vec<_> = (0..size).collect();
    match joined {
        Joined::AsBorn => {}
        Joined::Reversed => order.reverse(),
        Joined::Shuffled => order.sort_by_key(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
    }
    let leader = &children[order[0]];
    for &at in &order {
        job.process().setpgid(children[at].tid() as i32, leader.tid() as i32).unwrap();
    }
    stop(leader);
    (table, shell, job, children)
}

#[test]
fn the_exit_of_a_parent_looks_at_each_child_a_few_times_whatever_the_order() {
    // Attack B2, R-ORPHAN-03: the question whether the children's group is orphaned, at each move, costs as much for 20,000 as for 1,000, a child: counted in objects.
    for joined in [Joined::AsBorn, Joined::Reversed, Joined::Shuffled] {
        for size in [1_000, 20_000] {
            let (table, _shell, job, children) = job_with_a_stopped_group(size, joined);
            events(&table);
            let before = table.audit().touched;
            exit(&job, 0);
            let touched = (table.audit().touched - before) as usize;
            assert!(touched <= 10 * size, "{joined:?}: {touched} for {size}");
            assert_eq!(posted(&table).len(), 2 * size, "all are hung up and continued");
            assert!(!children.iter().any(|child| child.process().is_stopped()));
        }
    }
}

#[test]
fn a_group_that_stays_linked_is_asked_in_bounded_holds() {
    // Attack B2, design, bounded holds: the only other link stands behind 5,000 members that never were one.
    for joined in [Joined::AsBorn, Joined::Reversed, Joined::Shuffled] {
        let (table, shell, job, children) = job_with_a_stopped_group(1_000, joined);
        let pgid = children[0].process().pgid();
        let grandchildren: Vec<_> = (0..5_000).map(|_| fork(&children[0])).collect();
        let link = fork(&shell);
        shell.process().setpgid(link.tid() as i32, pgid as i32).unwrap();
        // The first to be asked from now on is one that links nothing.
        assert!(!children[0].process().group().is_orphaned());
        events(&table);
        let before = table.audit();
        exit(&job, 0);
        let after = table.audit();
        assert_eq!((posted(&table).len(), link.process().pgid()), (0, pgid));
        assert!(after.longest_hold <= before.longest_hold.max(64), "{after:?}");
        let touched = (after.touched - before.touched) as usize;
        assert!(touched <= 10 * (children.len() + grandchildren.len()), "{touched}");
    }
}
