//! Tasks: who runs, who is ready, who sleeps.
//!
//! One queue for all processors, under one lock, and each ready task has its turn. A task goes on until it sleeps, or until a tick finds others ready.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};
use core::time::Duration;

use crate::machine::{
    AddressSpace, IrqGuard, IrqLock, MOST_PROCESSORS, Off, OutOfMemory, Stack, StackId, TICK,
    interrupt, monotonic, processor, switch, wait_for_one,
};

/// What is scheduled: a stack in the kernel, an address space, and the registers of a user.
pub(crate) struct Task {
    stack: StackId,
    /// Taken by the task as it ends.
    owned_stack: IrqLock<Option<Stack>>,
    space: IrqLock<Option<Arc<AddressSpace>>>,
    /// Changes under the scheduler's lock.
    state: AtomicU8,
    /// A kick that no sleep has taken yet. Changes under the scheduler's lock.
    is_kicked: AtomicBool,
    /// Where it runs, as long as it does. Changes under the scheduler's lock.
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

/// Whether somebody was urgent, ever: else the queue need not be searched.
static HAS_URGENT: AtomicBool = AtomicBool::new(false);

struct Scheduler {
    ready: VecDeque<Arc<Task>>,
    /// Who sleeps until when.
    sleepers: Vec<(Duration, Arc<Task>)>,
    /// The earliest of them.
    next_alarm: Option<Duration>,
    tasks: usize,
    /// The processors that wait for an interrupt, one bit for each.
    idle: u32,
}

static SCHEDULER: IrqLock<Scheduler> = IrqLock::new(Scheduler {
    ready: VecDeque::new(),
    sleepers: Vec::new(),
    next_alarm: None,
    tasks: 0,
    idle: 0,
});

/// What each processor runs, what it runs else, and the stack of the task that ended there last.
struct Processor {
    current: IrqLock<Option<Arc<Task>>>,
    idle: IrqLock<Option<Arc<Task>>>,
    ended: IrqLock<Option<Stack>>,
    /// A tick has found others ready, or somebody has become so while it was idle.
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
        {
            let _here = Off::new();
            if let Some(maker) = &*PROCESSORS[processor()].current.lock() {
                task.allowed.store(maker.allowed(), Ordering::Relaxed);
                task.policy.store(maker.policy(), Ordering::Relaxed);
                task.priority.store(maker.priority(), Ordering::Relaxed);
            }
        }
        let mut scheduler = SCHEDULER.lock();
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
        SCHEDULER.lock().make_ready(self.0.clone());
    }
}

impl Drop for NewTask {
    fn drop(&mut self) {
        let mut scheduler = SCHEDULER.lock();
        if self.0.state.load(Ordering::Relaxed) == IS_NEW {
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
        self.is_kicked.store(true, Ordering::Relaxed);
        match self.state.load(Ordering::Relaxed) {
            SLEEPS => scheduler.make_ready(self.clone()),
            RUNS => {
                let at = self.processor.load(Ordering::Relaxed);
                if at != processor() {
                    interrupt(at);
                }
            }
            _ => {}
        }
    }

    /// Returns where it may run, one bit for each processor: where its maker might, unless somebody has said otherwise.
    pub(crate) fn allowed(&self) -> u32 {
        self.allowed.load(Ordering::Relaxed)
    }

    /// Says where it may run from now on: on one of these processors at least.
    pub(crate) fn allow(&self, processors: u32) {
        let scheduler = SCHEDULER.lock();
        self.allowed.store(processors, Ordering::Relaxed);
        let at = self.processor.load(Ordering::Relaxed);
        let runs = self.state.load(Ordering::Relaxed) == RUNS;
        if runs && !self.may_run(at) {
            PROCESSORS[at].wants_switch.store(true, Ordering::Relaxed);
            interrupt(at);
        }
        drop(scheduler);
    }

    pub(crate) fn policy(&self) -> u8 {
        self.policy.load(Ordering::Relaxed)
    }

    /// Who has more of it runs first, and is not made to give way to who has not.
    pub(crate) fn priority(&self) -> u8 {
        self.priority.load(Ordering::Relaxed)
    }

    pub(crate) fn prioritize(&self, policy: u8, priority: u8) {
        let scheduler = SCHEDULER.lock();
        self.policy.store(policy, Ordering::Relaxed);
        self.priority.store(priority, Ordering::Relaxed);
        HAS_URGENT.fetch_or(priority > 0, Ordering::Relaxed);
        let at = self.processor.load(Ordering::Relaxed);
        if self.state.load(Ordering::Relaxed) == RUNS && scheduler.has_better(at, priority) {
            PROCESSORS[at].wants_switch.store(true, Ordering::Relaxed);
            interrupt(at);
        }
    }

    fn may_run(&self, processor: usize) -> bool {
        self.allowed() & 1 << processor != 0
    }

    /// Whether it sleeps, and nobody has woken it.
    pub(crate) fn is_asleep(&self) -> bool {
        self.state.load(Ordering::Relaxed) == SLEEPS
    }

    /// Whether it is on a processor at this moment.
    pub(crate) fn is_running(&self) -> bool {
        self.state.load(Ordering::Relaxed) == RUNS
    }
}

/// The calling task.
pub(crate) struct Current(Arc<Task>, PhantomData<*const ()>);

impl Deref for Current {
    type Target = Arc<Task>;

    fn deref(&self) -> &Arc<Task> {
        &self.0
    }
}

/// Returns the calling task.
pub(crate) fn current() -> Current {
    let _here = Off::new();
    let task = PROCESSORS[processor()].current.lock().clone();
    Current(task.expect("a processor has a task before interrupts are on"), PhantomData)
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
    if task.may_run(here) && !scheduler.has_better(here, task.priority()) {
        return;
    }
    if task.state.load(Ordering::Relaxed) == RUNS {
        // Who is urgent goes on before others that are as urgent.
        let is_first = task.priority() > 0;
        scheduler.make_ready_at(task.0, is_first);
    }
    switch_away(scheduler);
}

/// Sleeps until the next kick, one that has come since the last sleep included, or until `deadline`, on the clock of [`monotonic`]. May come back for nothing: a loop is around it.
pub(crate) fn block(deadline: Option<Duration>) {
    let mut scheduler = SCHEDULER.lock();
    let task = current().0;
    if task.is_kicked.swap(false, Ordering::Relaxed) {
        return;
    }
    if let Some(deadline) = deadline {
        if monotonic() >= deadline {
            return;
        }
        scheduler.sleepers.push((deadline, task.clone()));
        let is_next = scheduler.next_alarm.is_none_or(|next| deadline < next);
        scheduler.next_alarm = if is_next { Some(deadline) } else { scheduler.next_alarm };
    }
    task.state.store(SLEEPS, Ordering::Relaxed);
    let mut scheduler = switch_away(scheduler);
    task.is_kicked.store(false, Ordering::Relaxed);
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
    task.state.store(ENDED, Ordering::Relaxed);
    // The one before has been left for good.
    *PROCESSORS[processor()].ended.lock() = task.owned_stack.lock().take();
    drop(task);
    switch_away(scheduler);
    unreachable!("an ended task runs")
}

/// Goes on with whoever is next, and comes back when the calling task is.
fn switch_away(mut scheduler: IrqGuard<'static, Scheduler>) -> IrqGuard<'static, Scheduler> {
    let here = &PROCESSORS[processor()];
    let next = match scheduler.next(processor()) {
        Some(next) => {
            next.state.store(RUNS, Ordering::Relaxed);
            next.processor.store(processor(), Ordering::Relaxed);
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
    /// Whether a processor has something to do.
    fn is_anyone_ready(&self, here: usize) -> bool {
        self.ready.iter().any(|task| task.may_run(here))
    }

    /// Whether somebody is to run on a processor in place of one with this priority.
    fn has_better(&self, here: usize, priority: u8) -> bool {
        if priority == 0 {
            return self.is_anyone_ready(here);
        }
        self.ready.iter().any(|task| task.may_run(here) && task.priority() > priority)
    }

    /// Takes who is next on a processor.
    fn next(&mut self, here: usize) -> Option<Arc<Task>> {
        let mut fitting = self.ready.iter().enumerate().filter(|(_, task)| task.may_run(here));
        let next = match HAS_URGENT.load(Ordering::Relaxed) {
            // Of several that are as urgent, the first.
            true => fitting.rev().max_by_key(|(_, task)| task.priority()),
            false => fitting.next(),
        };
        let next = next.map(|(next, _)| next)?;
        self.ready.remove(next)
    }

    fn make_ready(&mut self, task: Arc<Task>) {
        self.make_ready_at(task, false);
    }

    fn make_ready_at(&mut self, task: Arc<Task>, is_first: bool) {
        task.state.store(READY, Ordering::Relaxed);
        let (here, idle) = (processor(), self.idle & task.allowed());
        let (priority, allowed) = (task.priority(), task.allowed());
        if is_first {
            self.ready.push_front(task);
        } else {
            self.ready.push_back(task);
        }
        if idle == 0 && priority > 0 {
            let is_less_urgent = |at: &usize| {
                let current = PROCESSORS[*at].current.lock();
                current.as_ref().is_some_and(|current| current.priority() < priority)
            };
            let mut fitting = (0..MOST_PROCESSORS).filter(|at| allowed & 1 << at != 0);
            if let Some(at) = fitting.find(is_less_urgent) {
                PROCESSORS[at].wants_switch.store(true, Ordering::Relaxed);
                interrupt(at);
            }
        }
        if idle != 0 {
            let at = if idle & 1 << here != 0 { here } else { idle.trailing_zeros() as usize };
            self.idle &= !(1 << at);
            PROCESSORS[at].wants_switch.store(true, Ordering::Relaxed);
            if at != here {
                interrupt(at);
            }
        }
    }

    fn wake_sleepers(&mut self) {
        let now = monotonic();
        if self.next_alarm.is_none_or(|next| now < next) {
            return;
        }
        for index in 0..self.sleepers.len() {
            let (deadline, task) = &self.sleepers[index];
            if *deadline <= now && task.state.load(Ordering::Relaxed) == SLEEPS {
                let task = task.clone();
                self.make_ready(task);
            }
        }
        // Those that are awake leave by themselves.
        let later = self.sleepers.iter().map(|(deadline, _)| *deadline);
        self.next_alarm = later.filter(|deadline| *deadline > now).min();
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
    }
    let mut scheduler = SCHEDULER.lock();
    if here == 0 {
        scheduler.wake_sleepers();
    }
    if scheduler.has_better(here, current().priority()) {
        PROCESSORS[here].wants_switch.store(true, Ordering::Relaxed);
    }
}

/// At the end of an interrupt: lets others run if it is their turn.
pub(crate) fn preempt() {
    if PROCESSORS[processor()].wants_switch.swap(false, Ordering::Relaxed) {
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
        scheduler.idle &= !(1 << here);
        if !scheduler.is_anyone_ready(here) {
            scheduler.idle |= 1 << here;
            drop(scheduler);
            wait_for_one(off);
        } else {
            switch_away(scheduler);
        }
    }
}

/// Tasks of the kernel's own work that wait for one thing to change. Unlike a [queue of pollers](crate::wait_queue) it can be a static, and nobody is in several.
pub(crate) struct Sleepers(IrqLock<Vec<Arc<Task>>>);

impl Sleepers {
    pub(crate) const fn new() -> Self {
        Self(IrqLock::new(Vec::new()))
    }

    /// Sleeps until `condition` has an answer: it is asked now, behind each [`wake_all`](Self::wake_all) and behind each kick. None is lost between the question and the sleep.
    pub(crate) fn wait_until<R>(&self, mut condition: impl FnMut() -> Option<R>) -> R {
        if let Some(answer) = condition() {
            return answer;
        }
        let is_in_queue = self.enter();
        let answer = loop {
            if let Some(answer) = condition() {
                break answer;
            }
            // Without memory for a place in the queue it looks at each tick.
            block((!is_in_queue).then(|| monotonic() + TICK));
        };
        if is_in_queue {
            let task = current();
            self.0.lock().retain(|waiter| !Arc::ptr_eq(waiter, &task));
        }
        answer
    }

    fn enter(&self) -> bool {
        let task = current().0;
        let mut waiters = self.0.lock();
        let is_room = waiters.try_reserve(1).is_ok();
        if is_room {
            waiters.push(task);
        }
        is_room
    }

    /// Has all look again. From anywhere.
    pub(crate) fn wake_all(&self) {
        self.0.lock().iter().for_each(Task::kick);
    }

    /// Has the one look again that has waited for longest.
    pub(crate) fn wake_first(&self) {
        if let Some(task) = self.0.lock().first() {
            task.kick();
        }
    }
}

/// A lock whose waiters sleep: for long work, in tasks alone, with no [`IrqLock`] held.
pub(crate) struct Mutex<T> {
    /// Not there while somebody has it.
    value: IrqLock<Option<T>>,
    waiters: Sleepers,
}

/// What somebody has of a [`Mutex`].
pub(crate) struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    value: Option<T>,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { value: IrqLock::new(Some(value)), waiters: Sleepers::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let value = self.value.lock().take();
        let value = value.unwrap_or_else(|| {
            let value = self.waiters.wait_until(|| self.value.lock().take());
            // What has ended this sleep may have been meant for the one in which the caller looks at memory.
            current().kick();
            value
        });
        MutexGuard { mutex: self, value: Some(value) }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("only the drop takes it")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("only the drop takes it")
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        *self.mutex.value.lock() = self.value.take();
        self.mutex.waiters.wake_first();
    }
}
