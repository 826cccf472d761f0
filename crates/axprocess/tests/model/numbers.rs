//! Which number comes next, where numbers end, and who may choose one.

use crate::kernel::*;
use axprocess::{Errno, ForkNamespace, ForkRequest, Number, Pid, ProcessTable};

const NEW: ForkNamespace = ForkNamespace::New;

fn container(parent: &KernelThread) -> KernelThread {
    fork_with(parent, ForkRequest { namespace: NEW, ..Default::default() }).unwrap()
}

fn choose<'a>(numbers: &'a [Pid]) -> ForkRequest<'a> {
    ForkRequest { number: Number::Each(numbers), ..Default::default() }
}

/// A child that ends at once; its number.
fn flash(parent: &KernelThread) -> Result<Pid, Errno> {
    let child = fork_with(parent, ForkRequest::default())?;
    let pid = child.tid();
    exit(&child, 0);
    assert_eq!(wait4(parent, pid as i32, 0), exited(pid, 0));
    Ok(pid)
}

#[test]
fn numbers_wrap_to_300_or_to_1() {
    // R-PID-02, R-PID-03: to 300 once beyond it, to 1 before; the limit itself is never given out.
    let (_table, init) = boot();
    let process = init.process();
    process.set_pid_max(310, 1).unwrap();
    process.set_last_pid(307).unwrap();
    let three = [(); 4].map(|()| flash(&init).unwrap());
    assert_eq!(three, [308, 309, 300, 301]);
    process.set_last_pid(298).unwrap();
    assert_eq!([(); 2].map(|()| flash(&init).unwrap()), [299, 300]);
    process.set_last_pid(19).unwrap();
    let low: Vec<_> = (20..=300).map(|_| fork(&init).tid()).collect();
    assert_eq!(low, (20..=300).collect::<Vec<_>>());
    let high: Vec<_> = (0..9).map(|_| fork(&init).tid()).collect();
    assert_eq!(high, (301..310).collect::<Vec<_>>());
    process.set_last_pid(250).unwrap();
    assert_eq!(fork(&init).tid(), 2, "below 300 the search goes round to 1");
}

#[test]
fn a_full_namespace_gives_eagain() {
    // R-PID-04: in its own namespace and in each around it; a number that becomes free is given out.
    let (_table, init) = boot();
    let inner = container(&init);
    inner.process().set_pid_max(301, 1).unwrap();
    inner.process().set_last_pid(299).unwrap();
    let last = fork(&inner);
    assert_eq!(last.tid(), 300);
    assert_eq!(flash(&inner), Err(Errno::EAGAIN), "below 300 is for after the wrap to 1");
    assert_eq!(inner.spawn_thread(Number::Next, ()).err(), Some(Errno::EAGAIN));
    exit(&last, 0);
    wait4(&inner, 300, 0);
    assert_eq!(flash(&inner), Ok(300));
    init.process().set_pid_max(301, 1).unwrap();
    init.process().set_last_pid(300).unwrap();
    let _filler = fork_with(&init, choose(&[300])).unwrap();
    assert_eq!(flash(&inner), Err(Errno::EAGAIN));
}

#[test]
fn each_namespace_has_its_own_limit() {
    // R-PID-05: 301 or 8 for each processor up to 4194304; a new one starts at the top, whatever that around it.
    let (_table, init) = boot();
    let process = init.process();
    let set = |limit, cpus| process.set_pid_max(limit, cpus);
    for (limit, cpus) in [(300, 1), (399, 50), (0, 0), (-1, 1), (4_194_305, 1), (i32::MAX, 1)] {
        assert_eq!(set(limit, cpus), Err(Errno::EINVAL), "{limit} on {cpus}");
    }
    assert_eq!(set(4_194_304, u32::MAX), Err(Errno::EINVAL));
    assert_eq!([set(301, 37), set(400, 50), set(4_194_304, 1)], [Ok(()); 3]);
    set(32_768, 2).unwrap();
    let inner = container(&init);
    assert_eq!((process.pid_max(), inner.process().pid_max()), (32_768, 4_194_304));
    inner.process().set_pid_max(500, 2).unwrap();
    assert_eq!((process.pid_max(), inner.process().pid_max()), (32_768, 500));
}

#[test]
fn b42_the_limit_is_no_number_and_a_wrap_leads_to_300() {
    // R-PID-03, R-PID-11, B42: neither for the taking nor in turn; what is in use above a lowered limit stays in use.
    let (table, init) = boot();
    let high = fork_with(&init, choose(&[1_000])).unwrap();
    init.process().set_pid_max(310, 1).unwrap();
    assert_eq!(fork_with(&init, choose(&[310])).err(), Some(Errno::EINVAL));
    assert_eq!(fork_with(&init, choose(&[309])).map(|child| child.tid()), Ok(309));
    assert_eq!(table.find_process(1_000).unwrap().pid(), high.tid());
    init.process().set_last_pid(310).unwrap();
    assert_eq!(flash(&init), Ok(300));
    assert_eq!(flash(&init), Ok(301));
}

#[test]
fn the_last_number_can_be_read_and_set() {
    // R-PID-06, R-PID-12: what was given out last; 0 to the limit; behind it the next is looked for; a chosen number does not count.
    let (_table, init) = boot();
    let process = init.process();
    assert_eq!((flash(&init), process.last_pid()), (Ok(2), 2));
    fork_with(&init, choose(&[77])).unwrap();
    assert_eq!(process.last_pid(), 2);
    process.set_pid_max(400, 1).unwrap();
    for wrong in [-1, 401, i32::MIN, i32::MAX] {
        assert_eq!(process.set_last_pid(wrong), Err(Errno::EINVAL));
    }
    assert_eq!(process.set_last_pid(400), Ok(()));
    assert_eq!((process.last_pid(), flash(&init)), (400, Ok(300)));
    process.set_last_pid(0).unwrap();
    assert_eq!((process.last_pid(), flash(&init)), (0, Ok(2)));
    let inner = container(&init);
    inner.process().set_last_pid(50).unwrap();
    assert_eq!((flash(&inner), process.last_pid()), (Ok(51), 4));
}

#[test]
fn a_chosen_number_is_checked_level_by_level() {
    // R-PID-10, R-PID-11: too many; then for each level whether it can be, whether one may, whether it is free.
    let (table, init) = boot();
    let inner = container(&init);
    let refused = |numbers: &[Pid]| fork_with(&inner, choose(numbers)).err();
    assert_eq!(refused(&[1, 2, 3]), Some(Errno::EINVAL));
    assert_eq!(refused(&[1, 0]), Some(Errno::EEXIST), "1 is looked at before 0");
    assert_eq!(refused(&[77, 0]), Some(Errno::EINVAL));
    assert_eq!(refused(&[77, 1]), Some(Errno::EEXIST));
    guard_numbers(&table, 0);
    assert_eq!(refused(&[77, 1]), Some(Errno::EPERM), "before EEXIST");
    assert_eq!(refused(&[77, u32::MAX]), Some(Errno::EINVAL), "but behind EINVAL");
    assert_eq!(refused(&[1, 1]), Some(Errno::EEXIST), "inside one may");
    assert_eq!(fork_with(&inner, choose(&[77])).map(|child| child.tid()), Ok(77));
    guard_numbers(&table, 1);
    assert_eq!(refused(&[77]), Some(Errno::EPERM));
    assert_eq!(inner.spawn_thread(Number::Each(&[80]), ()).err(), Some(Errno::EPERM));
    assert_eq!(flash(&inner), Ok(2), "who does not choose is not asked");
}

#[test]
fn the_first_of_a_namespace_is_1_or_nobody() {
    // R-PID-11: EINVAL for another number than 1, before EPERM.
    let (table, init) = boot();
    guard_numbers(&table, 1);
    let first = |numbers| fork_with(&init, ForkRequest { namespace: NEW, ..choose(numbers) }).err();
    assert_eq!(first(&[2]), Some(Errno::EINVAL));
    assert_eq!(first(&[1]), Some(Errno::EPERM));
}

#[test]
fn a_first_that_fails_leaves_1_for_the_next() {
    // R-PID-13: inside there was a number, outside none.
    let (_table, init) = boot();
    let caller = fork(&init);
    caller.unshare_pid().unwrap();
    init.process().set_pid_max(301, 1).unwrap();
    init.process().set_last_pid(300).unwrap();
    let filler = fork_with(&init, choose(&[300])).unwrap();
    assert_eq!(fork_with(&caller, ForkRequest::default()).err(), Some(Errno::EAGAIN));
    exit(&filler, 0);
    wait4(&init, 300, 0);
    assert_eq!(fork(&caller).tid(), 1);
}

#[test]
fn numbers_of_a_dead_namespace_are_checked_before_it_is_missed() {
    // R-PID-11, R-CLONE-18: EINVAL and EEXIST come first, and any number would do; the numbers tried outside are passed over.
    let (_table, init) = boot();
    let caller = fork(&init);
    caller.unshare_pid().unwrap();
    let inner = fork(&caller);
    exit(&inner, 0);
    wait4(&caller, 3, 0);
    let refused = |numbers: &[Pid]| fork_with(&caller, choose(numbers)).err();
    assert_eq!(refused(&[1, 2, 3]), Some(Errno::EINVAL));
    assert_eq!(refused(&[0]), Some(Errno::EINVAL));
    assert_eq!(refused(&[7, 1]), Some(Errno::EEXIST));
    assert_eq!(refused(&[7, 8]), Some(Errno::ENOMEM));
    assert_eq!(flash(&init), Ok(4));
    assert_eq!(flash(&caller), Err(Errno::ENOMEM));
    assert_eq!(flash(&init), Ok(6), "5 was tried");
}

#[test]
fn memory_for_an_outer_table_costs_no_number_inside() {
    // R-PID-01, R-PID-02: an attempt that comes again, because a table has to grow, takes the same number.
    let (_table, init) = boot();
    let inner = container(&init);
    let children: Vec<_> = (0..200).map(|_| fork(&inner).tid()).collect();
    assert_eq!(children, (2..202).collect::<Vec<_>>());
}

#[test]
fn a_number_means_nothing_outside_its_namespace() {
    // R-PID-14, R-PID-15: 0 from where it is not seen; 0, negative and foreign numbers match nobody.
    let (table, init) = boot();
    let inner = container(&init);
    let child = fork(&inner);
    let outer = fork(&init);
    assert_eq!(outer.process().pid_in(&inner.process().namespace()), 0);
    assert_eq!(child.process().pid_in(table.namespace()), 3);
    for foreign in [4, 3, -1] {
        assert_eq!(inner.process().getpgid(foreign), Err(Errno::ESRCH));
    }
    assert_eq!(ProcessTable::find_process(&table, 0).map(|_| ()), None);
}

#[test]
fn memory_for_distant_numbers_is_found_on_every_level() {
    // R-PID-10: each level lacks several nodes; what one was given is not lost when the next lacks its own (the fork used to go on for ever).
    let (_table, init) = boot();
    let inner = container(&init);
    let nested = container(&inner);
    for number in [4_096, 262_144, 4_194_303] {
        let child = fork_with(&nested, choose(&[number; 3])).unwrap();
        assert_eq!(child.process().pid_in(init.process().namespace().as_ref()), number);
        exit(&child, 0);
        assert_eq!(wait4(&nested, -1, 0), exited(number, 0));
    }
}

#[test]
fn a_search_from_300_itself_wraps_to_1() {
    // R-PID-02: as idr_alloc_cyclic with alloc_pid's lower bound, which is 300 only once the cursor is beyond it.
    let (_table, init) = boot();
    init.process().set_pid_max(301, 1).unwrap();
    fork_with(&init, choose(&[300])).unwrap();
    init.process().set_last_pid(299).unwrap();
    assert_eq!(fork(&init).tid(), 2);
}

#[test]
fn only_a_users_choice_of_a_number_needs_the_right() {
    // R-PID-11: the kernel's own choices are not asked about.
    let (table, init) = boot();
    guard_numbers(&table, 0);
    let exactly = ForkRequest { number: Number::Exactly(50), ..ForkRequest::default() };
    assert_eq!(fork_with(&init, exactly).unwrap().tid(), 50);
    assert_eq!(fork_with(&init, choose(&[60])).err(), Some(Errno::EPERM));
}
