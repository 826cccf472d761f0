//! What holds whatever comes in between: places are given back, and nobody sleeps beside a signal that it could take.

use std::collections::BTreeMap;

use crate::kernel::*;
use crate::names::*;
use axprocess::{ARef, CloneFlags, Pid, ProcessState, WaitRequest};
use axprocess_signals::{Action, ActionFlags, AwaitedSignals, EndedBy, SignalSet, TimedWait};

/// Few enough that they run out.
struct FewNodes;

impl Setup for FewNodes {
    type RelationLock<T: Send + 'static> = std::sync::Mutex<T>;
    type SignalLock<T: Send + 'static> = std::sync::Mutex<T>;
    const MOST_QUEUED: u32 = 100;
}

/// xorshift64.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

const SIGNALS: [u8; 13] = [HUP, USR1, SEGV, USR2, TERM, CHLD, CONT, STOP, TSTP, URG, 34, 40, 41];

/// What happens to processes of two users, below a parent that never ends.
struct Play<S: Setup> {
    table: Table<S>,
    parent: ARef<Thread<S>>,
    /// Those that have not exited.
    threads: Vec<ARef<Thread<S>>>,
    draw: Draw,
}

impl<S: Setup> Play<S> {
    fn new(seed: u64) -> Self {
        let (table, init) = boot_with::<S>();
        let parent = fork(&init);
        block_all(&parent);
        table.host().kernel().be_silent();
        let first = fork(&parent);
        let other = fork(&parent);
        become_user(&table, first.process(), 7, 12);
        become_user(&table, other.process(), 8, 5);
        Self { table, parent, threads: vec![first, other], draw: Draw(seed) }
    }

    fn any(&mut self) -> ARef<Thread<S>> {
        let at = self.draw.below(self.threads.len());
        self.threads[at].clone()
    }

    fn some_signals(&mut self) -> Vec<u8> {
        (0..self.draw.below(5)).map(|_| self.draw.of(&SIGNALS)).collect()
    }

    fn step(&mut self) {
        let thread = self.any();
        let number = self.draw.of(&SIGNALS);
        match self.draw.below(30) {
            0..=4 => kill(&self.parent, &thread, number),
            5..=7 => _ = self.parent.tkill(thread.tid() as i32, number.into()),
            8..=10 => _ = queue(&self.parent, &thread, number, self.draw.next()),
            11 => fault(&thread, number),
            12..=14 => {
                let (how, numbers) = (self.draw.below(3) as i32, self.some_signals());
                change_mask(&thread, how, &numbers);
            }
            15..=17 if number != STOP => {
                let actions = [IGNORE, Action::default(), handler(ActionFlags::empty(), &[])];
                act(&thread, number, self.draw.of(&actions));
            }
            18 => {
                let numbers = self.some_signals();
                take(&thread, set(&numbers));
            }
            19 => _ = signals_of(&thread).read_signalfd(SignalSet::ALL),
            20..=23 => self.look(&thread),
            24 => {
                let numbers = self.some_signals();
                signals_of(&thread).begin_mask_of_call(8, || Ok(set(&numbers))).unwrap();
                if self.draw.below(2) == 0 {
                    signals_of(&thread).end_mask_of_call(EndedBy::Itself);
                }
            }
            25 if self.threads.len() < 12 => {
                if thread.process().threads().unwrap().len() < 5
                    && let Ok(new) = thread
                        .spawn_thread(axprocess::Number::Next, signals_of(&thread).new_thread(()))
                {
                    self.threads.push(new);
                }
            }
            26 if self.threads.len() < 12 => {
                let flags = [CloneFlags::empty(), CloneFlags::SIGHAND | CloneFlags::VM];
                let flags = self.draw.of(&flags);
                if let Ok(child) = try_fork(&thread, flags) {
                    self.threads.push(child);
                }
            }
            27 => _ = thread.exec().map(|()| signals_of(&thread).exec()),
            28 if self.threads.len() > 2 => exit(&thread),
            29 => {
                let numbers = self.some_signals();
                self.await_in(&thread, &numbers);
            }
            _ => {}
        }
        self.threads.retain(|thread| !has_exited(thread));
        if self.threads.is_empty() {
            let child = fork(&self.parent);
            child.process().host_data().number.store(7, std::sync::atomic::Ordering::Relaxed);
            child.process().host_data().limit.store(12, std::sync::atomic::Ordering::Relaxed);
            self.threads.push(child);
        }
        // Init and the parent reap, and drop what they were told.
        self.reap();
    }

    /// A sigtimedwait amid which something is sent.
    fn await_in(&mut self, thread: &Thread<S>, numbers: &[u8]) {
        let wait = signals_of(thread).rt_sigtimedwait(8, || Ok(set(numbers))).unwrap();
        let TimedWait::NothingYet(wait) = wait else { return };
        for _ in 0..self.draw.below(4) {
            let number = self.draw.of(&SIGNALS);
            match self.draw.below(3) {
                0 => _ = self.parent.tkill(thread.tid() as i32, number.into()),
                _ => _ = self.parent.kill(thread.process().pid() as i32, number.into()),
            }
            self.check();
        }
        match self.draw.below(2) {
            0 => _ = AwaitedSignals::finish(wait),
            _ => drop(wait),
        }
    }

    fn look(&mut self, thread: &Thread<S>) {
        let mut program = Program::of(thread);
        let seen = program.run();
        // Continued at once: a process that is stopped takes nothing, and that is seen elsewhere.
        if seen.last() == Some(&Seen::Stop) {
            kill(&self.parent, thread, CONT);
        }
        if !has_exited(thread) {
            while !program.frames.is_empty() {
                program.return_from_handler();
            }
        }
    }

    fn reap(&mut self) {
        let any = WaitRequest::wait4(-1, 0x4000_0001).unwrap();
        let init = self.table.find_process(1).unwrap();
        let init = init.threads().unwrap().remove(0);
        for parent in [&init, &self.parent] {
            while let Ok(axprocess::WaitOutcome::Event(_)) = parent.wait(&any) {}
            take_all(parent);
        }
    }

    /// What the queues have, by user: the charges are that, and each process that can be woken is.
    fn check(&self) {
        let mut processes: BTreeMap<Pid, &ARef<Thread<S>>> = BTreeMap::new();
        for thread in &self.threads {
            processes.entry(thread.process().pid()).or_insert(thread);
        }
        for thread in &self.threads {
            let signals = signals_of(thread);
            let own = signals.pending().0 & !signals.blocked();
            if has_exited(thread) || !takes_signals(thread) {
                continue;
            }
            assert!(
                own.is_empty() || is_told(thread),
                "{} sleeps, and for it waits {own:?}",
                thread.tid()
            );
        }
        for (pid, thread) in processes {
            if !takes_signals(thread) {
                continue;
            }
            let shared = signals_of(thread).pending().1;
            let threads = thread.process().threads().unwrap();
            for number in (1..=64).filter(|number| shared.contains(signal(*number))) {
                let is_open = |thread: &&ARef<Thread<S>>| {
                    !signals_of(thread).blocked().contains(signal(number))
                };
                let open: Vec<_> = threads.iter().filter(is_open).collect();
                assert!(
                    open.is_empty() || open.iter().any(|thread| is_told(thread)),
                    "{number} waits for {pid}, and {} who could take it sleep",
                    open.len()
                );
            }
        }
    }

    /// All end and are reaped: every place is given back.
    fn end(mut self) {
        for thread in std::mem::take(&mut self.threads) {
            self.parent.kill(thread.process().pid() as i32, 9).ok();
            while !has_exited(&thread) {
                assert!(matches!(look(&thread).last(), Some(Seen::Exit(_))));
            }
        }
        let left: Vec<_> = self.parent.process().children().unwrap();
        for child in left {
            for thread in child.threads().unwrap() {
                look(&thread);
            }
        }
        self.reap();
        let kernel = self.table.host().kernel();
        assert_eq!([0, 7, 8].map(|user| kernel.charged(user)), [0; 3]);
        assert!(self.parent.process().children().unwrap().is_empty());
        assert_eq!(free_nodes(&self.parent), S::MOST_QUEUED.min(100));
    }
}

/// Whether it has left its process, or is about to.
fn has_exited<S: Setup>(thread: &Thread<S>) -> bool {
    !thread.process().threads().unwrap().iter().any(|it| std::ptr::eq(&**it, thread))
}

/// Neither stopped nor dying.
fn takes_signals<S: Setup>(thread: &Thread<S>) -> bool {
    let process = thread.process();
    process.state() == ProcessState::Live && !process.is_group_exiting() && !thread.is_stopped()
}

/// How many signals can wait, one after the other, up to a hundred.
fn free_nodes<S: Setup>(thread: &Thread<S>) -> u32 {
    block_all(thread);
    handle(thread, &[50]);
    let mut count = 0;
    while count < 100 {
        thread.host().refill();
        if queue(thread, thread, 50, 0).is_err() {
            break;
        }
        count += 1;
    }
    ignore(thread, &[50]);
    count
}

fn play<S: Setup>(seeds: std::ops::Range<u64>, steps: u32) {
    for seed in seeds {
        let mut play = Play::<S>::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for step in 0..steps {
            play.step();
            let check = std::panic::AssertUnwindSafe(|| play.check());
            if let Err(panic) = std::panic::catch_unwind(check) {
                eprintln!("seed {seed}, step {step}");
                std::panic::resume_unwind(panic);
            }
        }
        play.end();
    }
}

#[test]
fn whatever_happens_nobody_sleeps_beside_a_signal_and_all_is_given_back() {
    // R-SIG-21, R-SIG-25, R-SIG-29 to R-SIG-33: random sends, masks, waits, forks, programs and exits.
    play::<Plain>(0..60, 300);
}

#[test]
fn so_it_is_when_the_nodes_run_out() {
    // R-SIG-22 to R-SIG-25.
    play::<FewNodes>(1000..1060, 300);
}
