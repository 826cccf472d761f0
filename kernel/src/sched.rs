//! Tasks: who runs, who is ready, who sleeps.
//!
//! One queue for all processors, under one lock, and each ready task has its turn. A task goes on until it sleeps, or until a tick finds others ready.
//! Urgent tasks, `SCHED_FIFO` and `SCHED_RR`, run on the first processor alone: so they are in order, the most urgent first, and before all others.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Relaxed};
use core::time::Duration;

use crate::machine::{
    AddressSpace, IrqGuard, IrqLock, MOST_PROCESSORS, Off, OutOfMemory, Stack, StackId, interrupt,
    monotonic, processor, switch, wait_for_one,
};

/// What is scheduled: a stack in the kernel, an address space, and the registers of a user. What is atomic here changes under the scheduler's lock.
pub(crate) struct Task {
    stack: StackId,
    /// Taken by the task as it ends.
    owned_stack: IrqLock<Option<Stack>>,
    space: IrqLock<Option<Arc<AddressSpace>>>,
    state: AtomicU8,
    /// A kick that no sleep has taken yet.
    is_kicked: AtomicBool,
    /// Where it runs, as long as it does.
    processor: AtomicUsize,
    /// `SCHED_FIFO` or `SCHED_RR`, and how urgent it is; both 0: it is not.
    policy: AtomicU8,
    priority: AtomicU8,
}

/// It sleeps, and a signal ends that; or not, as where it waits for a lock.
pub(crate) const SLEEPS: u8 = 0;
pub(crate) const WAITS: u8 = 5;
const READY: u8 = 1;
const RUNS: u8 = 2;
/// A processor's own, which runs where nobody else is ready.
const IDLES: u8 = 3;
/// It has not begun, or has ended.
const RESTS: u8 = 4;

struct Scheduler {
    ready: VecDeque<Arc<Task>>,
    /// Who sleeps until when.
    sleepers: Vec<(Duration, Arc<Task>)>,
    /// The processors that wait for an interrupt, one bit for each.
    idle: u32,
}

static SCHEDULER: IrqLock<Scheduler> =
    IrqLock::new(Scheduler { ready: VecDeque::new(), sleepers: Vec::new(), idle: 0 });

/// All that there are: so many have room in the lists of the scheduler.
static TASKS: AtomicUsize = AtomicUsize::new(0);

/// What each processor runs, what it runs else, and the stack of the task that ended there last.
struct Processor {
    current: IrqLock<Option<Arc<Task>>>,
    idle: IrqLock<Option<Arc<Task>>>,
    ended: IrqLock<Option<Stack>>,
}

static PROCESSORS: [Processor; MOST_PROCESSORS] = [const {
    Processor { current: IrqLock::new(None), idle: IrqLock::new(None), ended: IrqLock::new(None) }
}; MOST_PROCESSORS];

/// A task that has not begun.
pub(crate) struct NewTask(Arc<Task>);

impl NewTask {
    /// Takes all memory that the task will need.
    pub(crate) fn new(space: Option<Arc<AddressSpace>>) -> Result<Self, OutOfMemory> {
        let task = Task::new(space, RESTS)?;
        let mut scheduler = SCHEDULER.lock();
        if let Some(maker) = &*PROCESSORS[processor()].current.lock() {
            task.policy.store(maker.policy(), Relaxed);
            task.priority.store(maker.priority(), Relaxed);
        }
        let tasks = TASKS.load(Relaxed);
        let (ready, sleepers) = (scheduler.ready.len(), scheduler.sleepers.len());
        let is_room = scheduler.ready.try_reserve(tasks - ready).is_ok()
            && scheduler.sleepers.try_reserve(tasks - sleepers).is_ok();
        drop(scheduler);
        if is_room { Ok(Self(task)) } else { Err(OutOfMemory) }
    }

    /// Returns what others keep of it.
    pub(crate) fn task(&self) -> &Arc<Task> {
        &self.0
    }

    /// Has the task begin, with `body`, which lies on its stack: this cannot fail. It ends with the return of `body`.
    pub(crate) fn start(self, body: impl FnOnce() + Send + 'static) {
        if let Some(stack) = &*self.0.owned_stack.lock() {
            stack.prepare(move || {
                body();
                exit()
            });
        }
        SCHEDULER.lock().make_ready(self.0.clone());
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        TASKS.fetch_sub(1, Relaxed);
    }
}

impl Task {
    fn new(space: Option<Arc<AddressSpace>>, state: u8) -> Result<Arc<Self>, OutOfMemory> {
        let stack = Stack::new()?;
        TASKS.fetch_add(1, Relaxed);
        Arc::try_new(Self {
            stack: stack.id(),
            owned_stack: IrqLock::new(Some(stack)),
            space: IrqLock::new(space),
            state: AtomicU8::new(state),
            is_kicked: AtomicBool::new(false),
            processor: AtomicUsize::new(0),
            policy: AtomicU8::new(0),
            priority: AtomicU8::new(0),
        })
        .map_err(|_| OutOfMemory)
    }

    /// Has the task look at what it waits for: ends its [`block`], or the next one if it does not sleep; and if it is in user space on another processor, has it come in.
    ///
    /// From anywhere, interrupts and hooks included.
    pub(crate) fn kick(self: &Arc<Self>) {
        let mut scheduler = SCHEDULER.lock();
        self.is_kicked.store(true, Relaxed);
        match (self.state.load(Relaxed), self.processor.load(Relaxed)) {
            (SLEEPS | WAITS, _) => scheduler.make_ready(self.clone()),
            (RUNS, at) if at != processor() => interrupt(at),
            _ => {}
        }
    }

    pub(crate) fn policy(&self) -> u8 {
        self.policy.load(Relaxed)
    }

    /// Who has more of it runs first, and is not made to give way to who has not.
    pub(crate) fn priority(&self) -> u8 {
        self.priority.load(Relaxed)
    }

    pub(crate) fn prioritize(&self, policy: u8, priority: u8) {
        let scheduler = SCHEDULER.lock();
        self.policy.store(policy, Relaxed);
        self.priority.store(priority, Relaxed);
        drop(scheduler);
        // It may be somebody else's turn.
        yield_now();
    }

    fn may_run(&self, processor: usize) -> bool {
        processor == 0 || self.priority() == 0
    }

    /// Its memory, unless it needs none any more.
    pub(crate) fn space(&self) -> Option<Arc<AddressSpace>> {
        self.space.lock().clone()
    }

    /// Whether it sleeps, and nobody has woken it.
    pub(crate) fn is_asleep(&self) -> bool {
        matches!(self.state.load(Relaxed), SLEEPS | WAITS)
    }

    /// What it does, as `/proc` says it.
    pub(crate) fn letter(&self) -> char {
        match self.state.load(Relaxed) {
            SLEEPS => 'S',
            WAITS => 'D',
            _ => 'R',
        }
    }

    /// Whether it is on a processor at this moment.
    pub(crate) fn is_running(&self) -> bool {
        self.state.load(Relaxed) == RUNS
    }
}

/// Returns the calling task.
pub(crate) fn current() -> Arc<Task> {
    let _here = Off::new();
    let task = PROCESSORS[processor()].current.lock().clone();
    task.expect("a processor has a task before interrupts are on")
}

/// Gives the calling task another address space, or none.
pub(crate) fn set_address_space(space: Option<Arc<AddressSpace>>) {
    let task = current();
    let mut place = task.space.lock();
    AddressSpace::switch(place.as_deref(), space.as_deref());
    // The last of it goes with interrupts on.
    let _old = core::mem::replace(&mut *place, space);
    drop(place);
}

/// Lets others run.
pub(crate) fn yield_now() {
    let mut scheduler = SCHEDULER.lock();
    let (task, here) = (current(), processor());
    if task.may_run(here) && !scheduler.has_better(here, task.priority()) {
        return;
    }
    if task.is_running() {
        scheduler.make_ready(task);
    }
    drop(switch_away(scheduler));
}

/// Sleeps until the next kick, one that has come since the last sleep included, or until `deadline`, on the clock of [`monotonic`]. May come back for nothing: a loop is around it.
pub(crate) fn block(how: u8, deadline: Option<Duration>) {
    let mut scheduler = SCHEDULER.lock();
    let task = current();
    let is_over = deadline.is_some_and(|deadline| monotonic() >= deadline);
    if task.is_kicked.swap(false, Relaxed) || is_over {
        return;
    }
    if let Some(deadline) = deadline {
        scheduler.sleepers.push((deadline, task.clone()));
    }
    task.state.store(how, Relaxed);
    let mut scheduler = switch_away(scheduler);
    task.is_kicked.store(false, Relaxed);
    if deadline.is_some() {
        scheduler.sleepers.retain(|(_, sleeper)| !Arc::ptr_eq(sleeper, &task));
    }
}

/// The calling task has returned.
fn exit() -> ! {
    let scheduler = SCHEDULER.lock();
    let task = current();
    task.state.store(RESTS, Relaxed);
    // The one before has been left for good.
    *PROCESSORS[processor()].ended.lock() = task.owned_stack.lock().take();
    drop(task);
    drop(switch_away(scheduler));
    unreachable!("an ended task runs")
}

/// Goes on with whoever is next, and comes back when the calling task is.
fn switch_away(mut scheduler: IrqGuard<'static, Scheduler>) -> IrqGuard<'static, Scheduler> {
    let here = &PROCESSORS[processor()];
    scheduler.idle &= !(1 << processor());
    let next = match scheduler.next(processor()) {
        Some(next) => {
            next.state.store(RUNS, Relaxed);
            next.processor.store(processor(), Relaxed);
            next
        }
        None => here.idle.lock().clone().expect("each processor has made one"),
    };
    let to = next.stack;
    let mut current = here.current.lock();
    let previous = current.replace(next).expect("a processor always has one");
    let from = previous.stack;
    if let Some(next) = &*current
        && !Arc::ptr_eq(next, &previous)
    {
        let (old, new) = (previous.space.lock(), next.space.lock());
        if old.as_ref().map(Arc::as_ptr) != new.as_ref().map(Arc::as_ptr) {
            AddressSpace::switch(old.as_deref(), new.as_deref());
        }
    }
    drop(current);
    drop(previous);
    // The lock goes along.
    switch(scheduler, from, to)
}

impl Scheduler {
    /// Whether somebody is to run on a processor in place of one with this priority.
    fn has_better(&self, here: usize, priority: u8) -> bool {
        let mut fitting = self.ready.iter().filter(|task| task.may_run(here));
        fitting.any(|task| priority == 0 || task.priority() > priority)
    }

    /// Takes who is next on a processor: of several that are as urgent, the first.
    fn next(&mut self, here: usize) -> Option<Arc<Task>> {
        let fitting = self.ready.iter().enumerate().filter(|(_, task)| task.may_run(here));
        let (next, _) = fitting.rev().max_by_key(|(_, task)| task.priority())?;
        self.ready.remove(next)
    }

    /// Has a task run when it is its turn: at once, if a processor has nothing to do.
    fn make_ready(&mut self, task: Arc<Task>) {
        let (was_running, is_urgent) = (task.is_running(), task.priority() > 0);
        task.state.store(READY, Relaxed);
        // Who is urgent and gives way goes on before others that are as urgent.
        if was_running && is_urgent {
            self.ready.push_front(task);
        } else {
            self.ready.push_back(task);
        }
        let at = if is_urgent { 0 } else { self.idle.trailing_zeros() as usize };
        if at < MOST_PROCESSORS {
            // The next one that becomes ready wakes another.
            self.idle &= !(1 << at);
            if at != processor() {
                interrupt(at);
            }
        }
    }

    fn wake_sleepers(&mut self) {
        let now = monotonic();
        for index in 0..self.sleepers.len() {
            let (deadline, task) = &self.sleepers[index];
            // Those that are awake leave by themselves.
            if *deadline <= now && task.is_asleep() {
                let task = task.clone();
                self.make_ready(task);
            }
        }
    }
}

static TICK_HOOK: IrqLock<Option<fn()>> = IrqLock::new(None);

/// Has `hook` called at each tick of the timer, in the interrupt, by the first processor.
pub(crate) fn on_tick(hook: fn()) {
    *TICK_HOOK.lock() = Some(hook);
}

/// The timer of the calling processor has ticked: others have their turn. At the end of its interrupt.
pub(crate) fn tick() {
    if processor() == 0 {
        let hook = *TICK_HOOK.lock();
        if let Some(hook) = hook {
            hook();
        }
        SCHEDULER.lock().wake_sleepers();
    }
    yield_now();
}

/// What a processor does as long as there are no tasks, from its start on.
pub(crate) fn idle() -> ! {
    let here = processor();
    let task = Task::new(None, IDLES).expect("memory is plenty at boot");
    *PROCESSORS[here].idle.lock() = Some(task.clone());
    *PROCESSORS[here].current.lock() = Some(task);
    loop {
        let off = Off::new();
        let mut scheduler = SCHEDULER.lock();
        if scheduler.has_better(here, 0) {
            drop(switch_away(scheduler));
        } else {
            scheduler.idle |= 1 << here;
            drop(scheduler);
            wait_for_one(off);
        }
    }
}
