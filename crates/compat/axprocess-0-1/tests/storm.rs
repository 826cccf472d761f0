//! Four threads do anything to a few hundred processes at once; afterwards all relations agree, and nothing is left.

extern crate axprocess_0_1 as axprocess;

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use axprocess::{Errno, Pid, Process, Thread, init_proc};
use common::{count, init, without_deadlock};

const THREADS: u32 = 4;
const CALLS: usize = 6_000;

/// Few enough that numbers are often in use, as processes, groups or sessions.
const NUMBERS: usize = 120;

/// A small random generator (xorshift).
struct Random(u32);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % limit
    }
}

/// How many [`Probe`]s live.
static PROBES: AtomicUsize = AtomicUsize::new(0);

/// Data that counts itself, and calls the crate when it is dropped.
struct Probe;

impl Probe {
    fn new() -> Self {
        PROBES.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        assert!(init_proc().is_init());
        PROBES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the four threads act on.
#[derive(Default)]
struct Pool {
    processes: Mutex<Vec<Arc<Process>>>,
    threads: Mutex<Vec<Arc<Thread>>>,
}

impl Pool {
    fn pick(&self, random: &mut Random) -> Arc<Process> {
        let processes = self.processes.lock().unwrap();
        match processes.len() {
            0 => init(),
            count => Arc::clone(&processes[random.below(count)]),
        }
    }

    fn take<T>(list: &Mutex<Vec<T>>, random: &mut Random) -> Option<T> {
        let mut list = list.lock().unwrap();
        match list.len() {
            0 => None,
            count => Some(list.swap_remove(random.below(count))),
        }
    }

    fn play(&self, random: &mut Random) {
        let process = self.pick(random);
        match random.below(14) {
            0..=2 => {
                let pid = 2 + random.below(NUMBERS) as Pid;
                match process.fork(pid).data(Probe::new()).try_build() {
                    Ok(child) => self.processes.lock().unwrap().push(child),
                    Err(errno) => assert_eq!(errno, Errno::EEXIST),
                }
            }
            3 => drop(process.create_group()),
            4 => drop(process.create_session()),
            5 => drop(process.move_to_group(&self.pick(random).group())),
            6 => {
                let pid = 2 + random.below(NUMBERS) as Pid;
                let thread = process.new_thread(pid).data(Probe::new()).build();
                self.threads.lock().unwrap().push(thread);
            }
            7 => {
                if let Some(thread) = Self::take(&self.threads, random) {
                    thread.exit(random.below(9) as i32);
                }
            }
            8 if !process.is_init() => process.exit(),
            9 | 10 => {
                if let Some(process) = Self::take(&self.processes, random) {
                    process.exit();
                    process.free();
                    assert!(process.parent().is_none());
                }
            }
            11 => {
                drop((process.children(), process.threads()));
                let group = process.group();
                drop((group.processes(), group.session().process_groups()));
            }
            12 => process.become_subreaper(),
            _ => {
                if let Some(parent) = process.parent() {
                    assert!(!format!("{parent:?} {:?}", process.group()).is_empty());
                }
            }
        }
    }
}

/// Whether parent, group and session know the process as it knows them, once each.
fn check_relations(process: &Arc<Process>) {
    let parent = process.parent().expect("an unreaped process has a parent");
    assert_eq!(count(&parent.children(), process), 1, "{process:?} and {parent:?}");
    let group = process.group();
    assert_eq!(count(&group.processes(), process), 1, "{process:?} in {group:?}");
    let session = group.session();
    assert_eq!(count(&session.process_groups(), &group), 1, "{group:?} in {session:?}");
    let of_number = session.process_groups().into_iter().filter(|it| it.pgid() == group.pgid());
    assert_eq!(of_number.count(), 1, "one living group per number");
    assert!(!process.is_zombie() || process.children().is_empty());
}

#[test]
fn four_threads_leave_nothing_behind() {
    // axprocess 0.1, all of it: under any calls of four threads no relation is lost, no data stays or goes under a lock, and no call waits for ever.
    without_deadlock(|| {
        init();
        let pool = Pool::default();
        thread::scope(|scope| {
            for seed in 1..=THREADS {
                let pool = &pool;
                scope.spawn(move || {
                    let mut random = Random(seed.wrapping_mul(0x9e37_79b9));
                    for _ in 0..CALLS {
                        pool.play(&mut random);
                    }
                });
            }
        });
        let Pool { processes, threads } = pool;
        let (processes, threads) = (processes.into_inner().unwrap(), threads.into_inner().unwrap());
        processes.iter().for_each(check_relations);
        assert_eq!(
            init().children().iter().filter(|child| count(&processes, child) != 1).count(),
            0
        );

        let weak: Vec<_> = processes.iter().map(Arc::downgrade).collect();
        let groups: Vec<_> =
            processes.iter().map(|process| Arc::downgrade(&process.group())).collect();
        for process in &processes {
            process.exit();
            process.free();
        }
        assert!(init().children().is_empty());
        assert_eq!(init().group().processes().len(), 1);
        drop((processes, threads));
        assert!(weak.iter().all(|process| process.upgrade().is_none()));
        let inits = init().group();
        assert!(
            groups.iter().filter_map(|group| group.upgrade()).all(|it| Arc::ptr_eq(&it, &inits))
        );
        assert_eq!(PROBES.load(Ordering::Relaxed), 0);
        for pid in 2..2 + NUMBERS as Pid {
            let process = init().fork(pid).try_build().expect("every number is free again");
            process.exit();
            process.free();
        }
    });
}
