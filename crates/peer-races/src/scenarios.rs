//! Each race as the kernel's calls would meet in this peer. True: what must not be has come about.

use std::cell::Cell;
use std::sync::Arc;

use starry_process::{Process, ProcessCpuTime};

use crate::peer::{both, exit, fork, init, is_member, lists, locks_held, number, world};

/// Race 1: parent and child both found the child's group.
pub(crate) fn same_group_twice() -> bool {
    let child = fork(&world());
    let by_parent = Arc::clone(&child);
    let by_child = Arc::clone(&child);
    let founded = both(move || by_parent.create_group(), move || by_child.create_group());
    matches!(founded, (Some(one), Some(other)) if !Arc::ptr_eq(&one, &other))
}

/// Race 2: setsid succeeds, and a move that was checked before takes the process back.
pub(crate) fn setsid_against_setpgid() -> bool {
    let shell = world();
    let child = fork(&shell);
    let group = fork(&shell).create_group().expect("it leads no group");
    let mover = Arc::clone(&child);
    let caller = Arc::clone(&child);
    let (session, _) = both(move || caller.create_session(), move || mover.move_to_group(&group));
    session.is_some() && child.group().session().sid() != child.pid()
}

/// Race 3: a sibling is born while the parent hands over its children.
pub(crate) fn fork_under_an_exiting_parent() -> bool {
    let reaper = world();
    let parent = fork(&reaper);
    let (by_child, by_itself) = (Arc::clone(&parent), Arc::clone(&parent));
    let to = Arc::clone(&reaper);
    let (sibling, ()) = both(move || fork(&by_child), move || exit(&by_itself, &to));
    lists(&parent.children(), &sibling)
}

/// Race 4: the reaper is chosen, exits, and gets the orphan.
pub(crate) fn orphan_handed_to_a_dead_subreaper() -> bool {
    let top = world();
    let subreaper = fork(&top);
    subreaper.set_child_subreaper(true);
    let parent = fork(&subreaper);
    let orphan = fork(&parent);
    let (chosen, dying) = (Arc::clone(&subreaper), Arc::clone(&subreaper));
    both(move || exit(&parent, &chosen), move || exit(&dying, &top));
    lists(&subreaper.children(), &orphan)
}

/// Race 5: who looks for a subreaper loses the way when an ancestor is reaped under it.
pub(crate) fn living_subreaper_skipped() -> bool {
    let subreaper = world();
    subreaper.set_child_subreaper(true);
    let middle = fork(&subreaper);
    let parent = fork(&middle);
    let reaper = Arc::clone(&subreaper);
    let (chosen, ()) = both(
        move || find_reaper(&parent),
        move || {
            exit(&middle, &reaper);
            middle.retire();
        },
    );
    !Arc::ptr_eq(&chosen, &subreaper)
}

fn find_reaper(process: &Process) -> Arc<Process> {
    let mut ancestor = process.parent();
    while let Some(process) = ancestor {
        if process.is_child_subreaper() {
            return process;
        }
        ancestor = process.parent();
    }
    Arc::clone(init())
}

/// Race 6: a child is taken out of the list of a parent that has just given it away.
pub(crate) fn reap_against_re_parenting() -> bool {
    let reaper = world();
    let parent = fork(&reaper);
    let zombie = fork(&parent);
    let (by_waiter, to) = (Arc::clone(&zombie), Arc::clone(&reaper));
    both(move || by_waiter.retire(), move || exit(&parent, &to));
    lists(&reaper.children(), &zombie)
}

/// Race 8: a second reap, late, of a number that has a new owner.
pub(crate) fn late_second_reap() -> bool {
    let parent = world();
    let zombie = fork(&parent);
    zombie.retire();
    let (late, by_parent, number) = (Arc::clone(&zombie), Arc::clone(&parent), zombie.pid());
    let (new, ()) = both(move || by_parent.fork(number), move || late.retire());
    !lists(&parent.children(), &new)
}

/// Race 9: a process is moved while it is reaped.
pub(crate) fn reap_against_setpgid() -> bool {
    let parent = world();
    let zombie = fork(&parent);
    let (by_waiter, by_mover) = (Arc::clone(&zombie), Arc::clone(&zombie));
    both(move || by_waiter.retire(), move || by_mover.create_group());
    is_member(&zombie.group(), &zombie)
}

/// Race 11: who looks at the old group and then at the new one finds the process in neither.
pub(crate) fn in_no_group_while_moving() -> bool {
    let shell = world();
    let child = fork(&shell);
    let (old, new) = (shell.group(), fork(&shell).create_group().expect("it leads no group"));
    let (mover, to) = (Arc::clone(&child), Arc::clone(&new));
    let (_, seen) = both(
        move || mover.move_to_group(&to),
        move || is_member(&old, &child) || is_member(&new, &child),
    );
    !seen
}

/// Race 12: a walk over lists of children misses one that moves from a list to come to one that is behind.
pub(crate) fn a_walk_misses_a_living_process() -> bool {
    let top = world();
    let parent = fork(&top);
    let orphan = fork(&parent);
    let (from, to) = (Arc::clone(&top), Arc::clone(&top));
    let (met, ()) = both(
        move || {
            let mut pending = vec![from];
            let mut met = Vec::new();
            while let Some(process) = pending.pop() {
                pending.extend(process.children());
                met.push(process);
            }
            met
        },
        move || exit(&parent, &to),
    );
    !lists(&met, &orphan)
}

/// Race 13: what the kernel gives runs while a lock is held; a call back, or a destructor that makes one, never returns.
pub(crate) fn the_kernels_code_under_the_lock() -> bool {
    let held = Cell::new(0);
    world().group().session().set_terminal_with(|| {
        held.set(locks_held());
        Arc::new(())
    });
    held.get() > 0
}

/// Race 14: exit_group(1) against the exit(0) of a thread.
pub(crate) fn exit_code() -> bool {
    let process = fork(&world());
    let threads = [number(), number()];
    threads.into_iter().for_each(|tid| process.add_thread(tid));
    let (first, second) = (Arc::clone(&process), Arc::clone(&process));
    both(
        move || {
            first.start_group_exit(1);
            first.exit_thread(threads[0], 1, ProcessCpuTime::default());
        },
        move || second.exit_thread(threads[1], 0, ProcessCpuTime::default()),
    );
    process.exit_code() != 1
}

/// Race 15: a process comes back to its group's number while another is still in that group.
pub(crate) fn leave_and_come_back() -> bool {
    let shell = world();
    let [third, fourth] = [fork(&shell), fork(&shell)];
    let first_group = third.create_group().expect("it leads no group");
    fourth.move_to_group(&first_group);
    third.move_to_group(&shell.group());
    let second_group = third.create_group();
    second_group.is_some_and(|second| {
        second.pgid() == first_group.pgid()
            && !Arc::ptr_eq(&second, &first_group)
            && is_member(&first_group, &fourth)
    })
}

/// setsid against setsid by two threads of one process.
pub(crate) fn setsid_twice() -> bool {
    let child = fork(&world());
    let (first, second) = (Arc::clone(&child), Arc::clone(&child));
    let founded = both(move || first.create_session(), move || second.create_session());
    matches!(founded, (Some(_), Some(_)))
}

/// A thread joins after the exit of the whole process was decided.
pub(crate) fn a_thread_joins_while_the_process_ends() -> bool {
    let process = fork(&world());
    process.add_thread(process.pid());
    let (first, second) = (Arc::clone(&process), Arc::clone(&process));
    let late = number();
    let (told, ()) = both(move || first.start_group_exit(1), move || second.add_thread(late));
    told.is_some_and(|told| !told.contains(&late)) && process.threads().contains(&late)
}

/// Two forks want one number: the second child replaces the first.
pub(crate) fn duplicate_number() -> bool {
    let parent = world();
    let (first, second, wanted) = (Arc::clone(&parent), Arc::clone(&parent), number());
    let (one, other) = both(move || first.fork(wanted), move || second.fork(wanted));
    let children = parent.children();
    !(lists(&children, &one) && lists(&children, &other))
}
