//! Tasks: who runs, who is ready, who sleeps.
//!
//! One queue for all processors, under one lock, and each ready task has its turn. A task goes on until it sleeps, or until a tick finds others ready.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering::Relaxed};
use core::time::Duration;

use crate::machine::{
    AddressSpace, IrqGuard, IrqLock, MOST_PROCESSORS, Off, OutOfMemory, Stack, StackId, interrupt,
    monotonic, processor, processors, switch, wait_for_one,
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
    /// Where it may run, one bit for each processor.
    allowed: AtomicU32,
    /// `SCHED_FIFO` or `SCHED_RR`, and how urgent it is; both 0: it is not.
    policy: AtomicU8,
    priority: AtomicU8,
}

const SLEEPS: u8 = 0;
const READY: u8 = 1;
const RUNS: u8 = 2;
/// A processor's own, which runs where nobody else is ready.
const IDLES: u8 = 3;
const IS_NEW: u8 = 4;
const ENDED: u8 = 5;

struct Scheduler {
    ready: VecDeque<Arc<Task>>,
    /// Who sleeps until when.
    sleepers: Vec<(Duration, Arc<Task>)>,
    tasks: usize,
    /// How urgent it is what each processor does.
    urgency: [i16; MOST_PROCESSORS],
}

/// It waits for an interrupt.
const IDLE: i16 = -1;

static SCHEDULER: IrqLock<Scheduler> = IrqLock::new(Scheduler {
    ready: VecDeque::new(),
    sleepers: Vec::new(),
    tasks: 0,
    urgency: [0; MOST_PROCESSORS],
});

/// What each processor runs, what it runs else, and the stack of the task that ended there last.
struct Processor {
    current: IrqLock<Option<Arc<Task>>>,
    idle: IrqLock<Option<Arc<Task>>>,
    ended: IrqLock<Option<Stack>>,
    /// Somebody else is to run there.
    wants_switch: AtomicBool,
}

static PROCESSORS: [Processor; MOST_PROCESSORS] = [const {
    Processor {
        current: IrqLock::new(None),
        idle: IrqLock::new(None),
        ended: IrqLock::new(None),
        wants_switch: AtomicBool::new(false),
    }
}; MOST_PROCESSORS];

/// A task that has not begun.
pub(crate) struct NewTask(Arc<Task>);

impl NewTask {
    /// Takes all memory that the task will need.
    pub(crate) fn new(space: Option<Arc<AddressSpace>>) -> Result<Self, OutOfMemory> {
        let task = Task::new(space, IS_NEW)?;
        let mut scheduler = SCHEDULER.lock();
        if let Some(maker) = &*PROCESSORS[processor()].current.lock() {
            task.allowed.store(maker.allowed(), Relaxed);
            task.policy.store(maker.policy(), Relaxed);
            task.priority.store(maker.priority(), Relaxed);
        }
        let tasks = scheduler.tasks + 1;
        let (ready, sleepers) = (scheduler.ready.len(), scheduler.sleepers.len());
        scheduler.ready.try_reserve(tasks - ready).map_err(|_| OutOfMemory)?;
        scheduler.sleepers.try_reserve(tasks - sleepers).map_err(|_| OutOfMemory)?;
        scheduler.tasks = tasks;
        drop(scheduler);
        Ok(Self(task))
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
        SCHEDULER.lock().make_ready(self.0.clone(), Turn::Last);
    }
}

impl Drop for NewTask {
    fn drop(&mut self) {
        let mut scheduler = SCHEDULER.lock();
        if self.0.state.load(Relaxed) == IS_NEW {
            scheduler.tasks -= 1;
        }
    }
}

impl Task {
    fn new(space: Option<Arc<AddressSpace>>, state: u8) -> Result<Arc<Self>, OutOfMemory> {
        let stack = Stack::new()?;
        Arc::try_new(Self {
            stack: stack.id(),
            owned_stack: IrqLock::new(Some(stack)),
            space: IrqLock::new(space),
            state: AtomicU8::new(state),
            is_kicked: AtomicBool::new(false),
            processor: AtomicUsize::new(0),
            allowed: AtomicU32::new(u32::MAX),
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
            (SLEEPS, _) => scheduler.make_ready(self.clone(), Turn::Last),
            (RUNS, at) if at != processor() => interrupt(at),
            _ => {}
        }
    }

    /// Returns where it may run, one bit for each processor: where its maker might, unless somebody has said otherwise.
    pub(crate) fn allowed(&self) -> u32 {
        self.allowed.load(Relaxed)
    }

    pub(crate) fn policy(&self) -> u8 {
        self.policy.load(Relaxed)
    }

    /// Who has more of it runs first, and is not made to give way to who has not.
    pub(crate) fn priority(&self) -> u8 {
        self.priority.load(Relaxed)
    }

    /// Says where it may run from now on: on one of these processors at least.
    pub(crate) fn allow(&self, processors: u32) {
        self.change(|| self.allowed.store(processors, Relaxed));
    }

    pub(crate) fn prioritize(&self, policy: u8, priority: u8) {
        self.change(|| {
            self.policy.store(policy, Relaxed);
            self.priority.store(priority, Relaxed);
        });
    }

    /// Changes whether it is its turn.
    fn change(&self, change: impl FnOnce()) {
        let mut scheduler = SCHEDULER.lock();
        change();
        if self.is_running() {
            let at = self.processor.load(Relaxed);
            scheduler.urgency[at] = self.priority().into();
            if !self.may_run(at) || scheduler.has_better(at, self.priority()) {
                ask_to_switch(at);
            }
        }
    }

    fn may_run(&self, processor: usize) -> bool {
        self.allowed() & 1 << processor != 0
    }

    /// Whether it sleeps, and nobody has woken it.
    pub(crate) fn is_asleep(&self) -> bool {
        self.state.load(Relaxed) == SLEEPS
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
    let old = core::mem::replace(&mut *place, space);
    drop(place);
    // The last of it goes with interrupts on.
    drop(old);
}

/// Lets others run.
pub(crate) fn yield_now() {
    let mut scheduler = SCHEDULER.lock();
    let (task, here) = (current(), processor());
    // Who was to run here may have gone elsewhere.
    scheduler.urgency[here] = task.priority().into();
    if task.may_run(here) && !scheduler.has_better(here, task.priority()) {
        return;
    }
    if task.is_running() {
        // Who is urgent goes on before others that are as urgent.
        let turn = if task.priority() > 0 { Turn::First } else { Turn::Last };
        scheduler.make_ready(task, turn);
    }
    drop(switch_away(scheduler));
}

/// Sleeps until the next kick, one that has come since the last sleep included, or until `deadline`, on the clock of [`monotonic`]. May come back for nothing: a loop is around it.
pub(crate) fn block(deadline: Option<Duration>) {
    let mut scheduler = SCHEDULER.lock();
    let task = current();
    let is_over = deadline.is_some_and(|deadline| monotonic() >= deadline);
    if task.is_kicked.swap(false, Relaxed) || is_over {
        return;
    }
    if let Some(deadline) = deadline {
        scheduler.sleepers.push((deadline, task.clone()));
    }
    task.state.store(SLEEPS, Relaxed);
    let mut scheduler = switch_away(scheduler);
    task.is_kicked.store(false, Relaxed);
    if deadline.is_some() {
        scheduler.sleepers.retain(|(_, sleeper)| !Arc::ptr_eq(sleeper, &task));
    }
}

/// The calling task has returned.
fn exit() -> ! {
    set_address_space(None);
    let mut scheduler = SCHEDULER.lock();
    scheduler.tasks -= 1;
    let task = current();
    task.state.store(ENDED, Relaxed);
    // The one before has been left for good.
    *PROCESSORS[processor()].ended.lock() = task.owned_stack.lock().take();
    drop(task);
    drop(switch_away(scheduler));
    unreachable!("an ended task runs")
}

/// Goes on with whoever is next, and comes back when the calling task is.
fn switch_away(mut scheduler: IrqGuard<'static, Scheduler>) -> IrqGuard<'static, Scheduler> {
    let here = &PROCESSORS[processor()];
    let next = match scheduler.next(processor()) {
        Some(next) => {
            next.state.store(RUNS, Relaxed);
            next.processor.store(processor(), Relaxed);
            next
        }
        None => here.idle.lock().clone().expect("each processor has made one"),
    };
    scheduler.urgency[processor()] = next.priority().into();
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

/// Before all that are as urgent, or behind them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    First,
    Last,
}

/// Has a processor look who is to run there.
fn ask_to_switch(at: usize) {
    PROCESSORS[at].wants_switch.store(true, Relaxed);
    if at != processor() {
        interrupt(at);
    }
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

    /// Has a task run when it is its turn: at once, if a processor does something less urgent.
    fn make_ready(&mut self, task: Arc<Task>, turn: Turn) {
        task.state.store(READY, Relaxed);
        let here = processor();
        let fitting = (0..processors()).filter(|at| task.may_run(*at));
        let least = fitting.min_by_key(|at| (self.urgency[*at], *at != here));
        if let Some(at) = least.filter(|at| self.urgency[*at] < task.priority().into()) {
            // The next one that becomes ready asks another processor.
            self.urgency[at] = task.priority().into();
            ask_to_switch(at);
        }
        match turn {
            Turn::First => self.ready.push_front(task),
            Turn::Last => self.ready.push_back(task),
        }
    }

    fn wake_sleepers(&mut self) {
        let now = monotonic();
        for index in 0..self.sleepers.len() {
            let (deadline, task) = &self.sleepers[index];
            // Those that are awake leave by themselves.
            if *deadline <= now && task.is_asleep() {
                let task = task.clone();
                self.make_ready(task, Turn::Last);
            }
        }
    }
}

static TICK_HOOK: IrqLock<Option<fn()>> = IrqLock::new(None);

/// Has `hook` called at each tick of the timer, in the interrupt, by the first processor.
pub(crate) fn on_tick(hook: fn()) {
    *TICK_HOOK.lock() = Some(hook);
}

/// The timer of the calling processor has ticked.
pub(crate) fn tick() {
    let here = processor();
    if here == 0 {
        let hook = *TICK_HOOK.lock();
        if let Some(hook) = hook {
            hook();
        }
        SCHEDULER.lock().wake_sleepers();
    }
    if SCHEDULER.lock().has_better(here, current().priority()) {
        PROCESSORS[here].wants_switch.store(true, Relaxed);
    }
}

/// At the end of an interrupt: lets others run if it is their turn.
pub(crate) fn preempt() {
    if PROCESSORS[processor()].wants_switch.swap(false, Relaxed) {
        yield_now();
    }
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
            scheduler.urgency[here] = IDLE;
            drop(scheduler);
            wait_for_one(off);
        }
    }
}
