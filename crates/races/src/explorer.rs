//! Who decides which thread goes on: loom, which tries every schedule, or shuttle, which draws some at random.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axprocess::Lock;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

use crate::story;

/// A scheduler that runs a program under many schedules.
pub trait Explorer: Send + Sync + 'static {
    /// Its lock.
    type Mutex<T: Send + 'static>: Lock<T> + Send + Sync + 'static;
    /// What a thread sleeps on.
    type Bell: Bell;
    /// A thread that was started.
    type Handle;
    /// A place at which another thread may go on, lock or not.
    type Point: Default + Send + Sync;

    /// Runs the program under as many schedules as there are, or as should be tried.
    fn explore(program: impl Fn() + Send + Sync + 'static);
    /// The same with no more than so many switches away from a thread that could go on, where schedules are not drawn: for programs that have too many.
    fn explore_preempting(most: usize, program: impl Fn() + Send + Sync + 'static);
    /// Starts a thread.
    fn spawn(body: impl FnOnce() + Send + 'static) -> Self::Handle;
    /// Waits for its end.
    fn join(handle: Self::Handle);
    /// Lets whoever comes to the same point go on before, or after.
    fn pass(point: &Self::Point);
    /// The name of the thread that runs.
    fn current() -> String;

    /// Says what the thread that runs is about to do, for the story of a schedule that fails.
    fn does<R>(what: &str, step: impl FnOnce() -> R) -> R {
        story::does(Self::current(), what);
        step()
    }
}

/// What one thread sleeps on, and others ring.
pub trait Bell: Default + Send + Sync + 'static {
    /// Wakes who sleeps on it; who is about to sleep looks again.
    fn ring(&self);
    /// Sleeps until something is so; looks again whenever it rings. Where it never rings again, the schedule fails.
    fn sleep_until(&self, is_so: impl Fn() -> bool);
}

macro_rules! explorer {
    ($name:ident, $what:literal, $library:ident, $mutex:ident, $guard:ident, $bell:ident) => {
        #[doc = $what]
        #[derive(Debug)]
        pub enum $name {}

        #[doc = concat!("The lock of ", stringify!($library), ", which tells the story who has it.")]
        #[derive(Debug)]
        pub struct $mutex<T>($library::sync::Mutex<T>);

        #[doc = concat!("The guard of ", stringify!($library), "'s lock.")]
        #[derive(Debug)]
        pub struct $guard<'a, T>($library::sync::MutexGuard<'a, T>);

        impl<T> Lock<T> for $mutex<T> {
            type Guard<'a>
                = $guard<'a, T>
            where
                T: 'a;

            fn new(value: T) -> Self {
                Self($library::sync::Mutex::new(value))
            }

            fn lock(&self) -> $guard<'_, T> {
                let guard = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                story::has_lock::<T>(&$name::current());
                $guard(guard)
            }
        }

        impl<T> Deref for $guard<'_, T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }

        impl<T> DerefMut for $guard<'_, T> {
            fn deref_mut(&mut self) -> &mut T {
                &mut self.0
            }
        }

        #[doc = concat!("A condition of ", stringify!($library), "'s.")]
        #[derive(Debug, Default)]
        pub struct $bell {
            lock: $library::sync::Mutex<()>,
            rings: $library::sync::Condvar,
        }

        impl Bell for $bell {
            fn ring(&self) {
                let lock = self.lock.lock();
                self.rings.notify_all();
                drop(lock);
                // Who has woken may look before the caller does anything more.
                let _lock = self.lock.lock();
            }

            fn sleep_until(&self, is_so: impl Fn() -> bool) {
                let mut lock = self.lock.lock();
                while !is_so() {
                    lock = lock.and_then(|lock| self.rings.wait(lock));
                }
            }
        }
    };
}

explorer!(Loom, "Every schedule, exhaustively.", loom, LoomMutex, LoomGuard, LoomBell);
explorer!(Shuttle, "Schedules drawn at random.", shuttle, ShuttleMutex, ShuttleGuard, ShuttleBell);

impl Explorer for Loom {
    type Mutex<T: Send + 'static> = LoomMutex<T>;
    type Bell = LoomBell;
    type Handle = loom::thread::JoinHandle<()>;
    type Point = loom::sync::atomic::AtomicUsize;

    fn explore(program: impl Fn() + Send + Sync + 'static) {
        explore_with(loom::model::Builder::new(), program);
    }

    fn explore_preempting(most: usize, program: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(most);
        explore_with(builder, program);
    }

    fn spawn(body: impl FnOnce() + Send + 'static) -> Self::Handle {
        loom::thread::spawn(body)
    }

    fn join(handle: Self::Handle) {
        handle.join().expect("a thread of the program panicked");
    }

    fn pass(point: &Self::Point) {
        // A write: an explorer may take two reads for one.
        point.fetch_add(1, Ordering::SeqCst);
    }

    fn current() -> String {
        format!("{:?}", loom::thread::current().id())
    }
}

fn explore_with(builder: loom::model::Builder, program: impl Fn() + Send + Sync + 'static) {
    story::tell_on_panic();
    builder.check(move || {
        story::begin();
        program();
    });
}

/// How many schedules shuttle draws of one program, half of them by each of its two ways; `RACES_SCHEDULES` says otherwise.
const SCHEDULES: usize = 400;

/// How often the priorities of threads change in a schedule that is drawn by priorities (PCT): as many changes as that find any fault
/// that takes so few.
const CHANGES: usize = 3;

/// Of which schedules are drawn.
const SEED: u64 = 0x6178_7072;

impl Shuttle {
    /// Runs the program under schedules drawn from a seed: half of them at random, half by priorities.
    pub fn explore_from(seed: u64, schedules: usize, program: impl Fn() + Send + Sync + 'static) {
        story::tell_on_panic();
        let program = Arc::new(move || {
            story::begin();
            program();
        });
        let again = Arc::clone(&program);
        let at_random = RandomScheduler::new_from_seed(seed, schedules / 2);
        Runner::new(at_random, Config::default()).run(move || program());
        let by_priority = PctScheduler::new_from_seed(seed, CHANGES, schedules / 2);
        Runner::new(by_priority, Config::default()).run(move || again());
    }
}

impl Explorer for Shuttle {
    type Mutex<T: Send + 'static> = ShuttleMutex<T>;
    type Bell = ShuttleBell;
    type Handle = shuttle::thread::JoinHandle<()>;
    type Point = shuttle::sync::atomic::AtomicUsize;

    fn explore(program: impl Fn() + Send + Sync + 'static) {
        let said = std::env::var("RACES_SCHEDULES").ok();
        let schedules = said.and_then(|count| count.parse().ok()).unwrap_or(SCHEDULES);
        Self::explore_from(SEED, schedules, program);
    }

    fn explore_preempting(_: usize, program: impl Fn() + Send + Sync + 'static) {
        Self::explore(program);
    }

    fn spawn(body: impl FnOnce() + Send + 'static) -> Self::Handle {
        shuttle::thread::spawn(body)
    }

    fn join(handle: Self::Handle) {
        handle.join().expect("a thread of the program panicked");
    }

    fn pass(point: &Self::Point) {
        // A write: an explorer may take two reads for one.
        point.fetch_add(1, Ordering::SeqCst);
    }

    fn current() -> String {
        format!("{:?}", shuttle::thread::current().id())
    }
}
