//! Many threads on one table, with every invariant checked at every unlock.

mod kernel;

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, RwLock};
use std::thread;

use axprocess::{ARef, ExitStatus, ForkNamespace, ForkParent, ForkRequest, ProcessState, Signal};
use kernel::*;

/// A small random generator (xorshift), seeded per thread, so that a failure can be repeated as far as the schedule allows.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// The threads of the simulated world, which all workers draw from.
struct World {
    init: KernelThread,
    threads: Mutex<Vec<KernelThread>>,
    reaped: AtomicUsize,
    forked: AtomicUsize,
    /// Written while the init of a new namespace is in its creator's group, read while somebody changes groups. An init that joined a
    /// group founded inside would hold up its own end (R-NS-20); as the leader of a session it cannot.
    births_of_inits: RwLock<()>,
}

impl World {
    fn pick(&self, random: &mut Random) -> KernelThread {
        let threads = self.threads.lock().unwrap();
        threads[random.below(threads.len())].clone()
    }

    fn add(&self, thread: KernelThread) {
        self.threads.lock().unwrap().push(thread);
    }

    /// Forgets the thread, and drops it outside the lock.
    fn remove(&self, thread: &KernelThread) {
        let mut threads = self.threads.lock().unwrap();
        let place = threads.iter().position(|other| ARef::ptr_eq(other, thread));
        let removed = place.map(|place| threads.swap_remove(place));
        drop(threads);
        drop(removed);
    }

    /// Makes a process in a new namespace, and a session of its own for it.
    fn fork_init(&self, creator: &KernelThread, request: ForkRequest<'_>) -> Option<KernelThread> {
        let _nobody_changes_groups = self.births_of_inits.write().unwrap();
        let request = ForkRequest { namespace: ForkNamespace::New, ..request };
        let child = fork_with(creator, request).ok()?;
        child.process().setsid().unwrap();
        Some(child)
    }

    fn step(&self, random: &mut Random) {
        let thread = self.pick(random);
        let process = thread.process();
        let other = self.pick(random).process().pid() as i32;
        let crowded = self.threads.lock().unwrap().len() > 60;
        match random.below(16) {
            0..4 if !crowded => {
                let parent =
                    if random.below(4) == 0 { ForkParent::Sibling } else { ForkParent::Caller };
                let request = ForkRequest { parent, ..Default::default() };
                let child = match random.below(6) {
                    0 => self.fork_init(&thread, request),
                    _ => fork_with(&thread, request).ok(),
                };
                if let Some(child) = child {
                    self.forked.fetch_add(1, Ordering::Relaxed);
                    self.add(child);
                }
            }
            4 if !crowded => {
                if let Ok(new) = thread.spawn_thread(axprocess::Number::Next, ()) {
                    self.add(new);
                }
            }
            5..8 if !leads_init(&thread) => {
                thread.exit_thread(ExitStatus::exited(1));
                self.remove(&thread);
            }
            8..11 => {
                // Init waits most often: it has adopted the most.
                let waiter = [&thread, &self.init][random.below(2)];
                let who = [-1, 0, other][random.below(3)];
                while wait4(waiter, who, WALL | WUNTRACED).is_event() {
                    self.reaped.fetch_add(1, Ordering::Relaxed);
                }
            }
            11 => {
                let _inits_lead = self.births_of_inits.read().unwrap();
                _ = process.setpgid([0, other][random.below(2)], [0, other][random.below(2)]);
            }
            12 => _ = process.setsid(),
            13 => match random.below(4) {
                0 => process.become_subreaper(),
                1 => process.resign_subreaper(),
                2 => process.report_group_stopped(Signal::SIGSTOP),
                _ => process.report_group_continued(),
            },
            14 if !leads_init(&thread) => _ = thread.exec(),
            _ => {
                drop((process.children().unwrap(), process.threads().unwrap(), process.parent()));
                drop(process.group().processes().unwrap());
                drop(process.group().session().process_groups().unwrap());
            }
        }
    }
}

#[test]
fn four_threads_keep_every_invariant() {
    // R-ATOM-01 and invariants 1 to 11 at every unlock, under all that can be called; at the end nothing is lost (E15).
    const WORKERS: u64 = 4;
    // Fewer where each is slow.
    let steps = std::env::var("STRESS_STEPS").map_or(10_000, |steps| steps.parse().unwrap());
    let (table, init) = boot();
    table.check_every(NonZeroU64::MIN);
    init.process().setsid().unwrap();
    let world = World {
        init: init.clone(),
        threads: Mutex::new(vec![init.clone()]),
        reaped: AtomicUsize::new(0),
        forked: AtomicUsize::new(1),
        births_of_inits: RwLock::new(()),
    };
    let start = Barrier::new(WORKERS as usize);
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (world, start) = (&world, &start);
            scope.spawn(move || {
                let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (worker + 1));
                start.wait();
                for _ in 0..steps {
                    world.step(&mut random);
                }
            });
        }
    });
    assert!(world.forked.into_inner() > steps / 20 && world.reaped.into_inner() > steps / 100);
    for thread in world.threads.into_inner().unwrap() {
        if !ARef::ptr_eq(&thread, &init) {
            thread.exit_thread(ExitStatus::exited(0));
        }
    }
    // R-NS-20: a zombie outside may be in a group that was founded in a namespace, whose init waits for its reap.
    let mut orphans = init.process().children().unwrap();
    while !orphans.is_empty() {
        let is_zombie = |orphan: &KernelProcess| orphan.state() == ProcessState::Zombie;
        assert!(orphans.iter().any(is_zombie), "{orphans:?}");
        for zombie in orphans.iter().filter(|orphan| is_zombie(orphan)) {
            assert!(wait4(&init, zombie.pid_in(table.namespace()) as i32, WALL).is_event());
        }
        orphans = init.process().children().unwrap();
    }
    assert_eq!(wait4(&init, -1, WALL), NO_CHILD);
    let audit = table.audit();
    assert_eq!(audit.holds, audit.checks, "every unlock was checked");
}

/// Whether it is the leader of the table's init, who stays.
fn leads_init(thread: &KernelThread) -> bool {
    thread.tid() == 1 && thread.process().namespace().level() == 0
}

/// Runs both at the same time, many times, each time in a new world, and judges what came of it.
fn race<S: Sync>(
    rounds: usize,
    prepare: impl Fn() -> S,
    one: impl Fn(&S) + Sync,
    two: impl Fn(&S) + Sync,
    judge: impl Fn(&S),
) {
    for _ in 0..rounds {
        let state = prepare();
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                one(&state);
            });
            start.wait();
            two(&state);
        });
        judge(&state);
    }
}

#[test]
fn parent_and_child_make_one_group() {
    // Race 1, G6, R-ATOM-01: both call setpgid(child, child); there is one group, and both see the child in it.
    race(
        500,
        || {
            let (table, init) = boot();
            let child = fork(&init);
            (table, init, child)
        },
        |(_, init, _)| init.process().setpgid(2, 2).unwrap(),
        |(_, _, child)| child.process().setpgid(0, 0).unwrap(),
        |(table, _, child)| {
            assert_eq!(pids(&table.find_group(2).unwrap().processes().unwrap()), [2]);
            assert_eq!(child.process().pgid(), 2);
        },
    );
}

#[test]
fn setsid_and_setpgid_do_not_tear_a_session_leader_away() {
    // Race 2, R-ATOM-01: whoever is first, a session leader ends in its own session and group.
    race(
        500,
        || {
            let (table, init) = boot();
            let [child, friend] = [fork(&init), fork(&init)];
            friend.process().setpgid(0, 0).unwrap();
            (table, init, child)
        },
        |(_, init, _)| _ = init.process().setpgid(2, 3),
        |(_, _, child)| assert_eq!(child.process().setsid(), Ok(2)),
        |(_, _, child)| {
            assert_eq!((child.process().pgid(), child.process().sid()), (2, 2));
        },
    );
}

#[test]
fn no_child_is_lost_when_its_parent_exits() {
    // Race 3, F1, R-ATOM-01: a fork with CLONE_PARENT under a parent that exits; the child has a living parent, whoever was first.
    race(
        500,
        || {
            let (table, init) = boot();
            let [parent, caller] = chain(&init);
            (table, init, parent, caller, Mutex::new(None))
        },
        |(_, _, parent, ..)| exit(parent, 0),
        |(_, _, _, caller, child)| {
            let request = ForkRequest { parent: ForkParent::Sibling, ..Default::default() };
            *child.lock().unwrap() = fork_with(caller, request).ok();
        },
        |(_, init, _, _, child)| {
            let child = child.lock().unwrap().take().expect("the caller lives");
            assert_eq!(child.process().ppid(), 1);
            assert_eq!(pids(&init.process().children().unwrap()), [2, 3, 4]);
        },
    );
}

#[test]
fn two_waiters_share_one_zombie() {
    // Race 7, R-WAIT-24, R-ATOM-01, W5: one reaps it, the other gets ECHILD.
    race(
        500,
        || {
            let (table, init) = boot();
            let friend = spawn(&init);
            let child = fork(&init);
            exit(&child, 0);
            (table, init, friend, AtomicUsize::new(0))
        },
        |(_, init, _, got)| count_reap(wait4(init, -1, 0), got),
        |(_, _, friend, got)| count_reap(wait4(friend, -1, 0), got),
        |(.., got)| assert_eq!(got.load(Ordering::Relaxed), 1),
    );
}

#[test]
fn a_reap_and_a_move_leave_no_ghost() {
    // Race 6, W19, R-REPARENT-16, R-ATOM-01: a zombie is reaped by its old parent or moves to init, and never both.
    race(
        500,
        || {
            let (table, init) = boot();
            let parent = fork(&init);
            let waiter = spawn(&parent);
            let child = fork(&parent);
            exit(&child, 0);
            (table, init, waiter, parent, AtomicUsize::new(0))
        },
        |(_, _, waiter, _, got)| match wait4(waiter, -1, WNOHANG) {
            Waited::Got(4, _) => _ = got.fetch_add(1, Ordering::Relaxed),
            other => assert_eq!(other, NO_CHILD),
        },
        |(_, _, waiter, parent, _)| {
            parent.process().begin_group_exit(ExitStatus::exited(0));
            exit(parent, 0);
            exit(waiter, 0);
        },
        |(table, init, _, _, got)| {
            let reaped = got.load(Ordering::Relaxed) == 1;
            let children = if reaped { vec![2] } else { vec![2, 4] };
            assert_eq!(pids(&init.process().children().unwrap()), children);
            assert_eq!(table.find_process(4).is_none(), reaped);
        },
    );
}

fn count_reap(waited: Waited, reaps: &AtomicUsize) {
    match waited {
        NO_CHILD => {}
        Waited::Got(3, _) => _ = reaps.fetch_add(1, Ordering::Relaxed),
        other => panic!("{other:?}"),
    }
}
