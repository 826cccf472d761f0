//! The layer of signals: what user space and a kernel can do to it, as data, and [`SignalWorld`], which plays it.
//!
//! A kernel that keeps to the layer's contract: who is dead, or stopped, or in a call that has not ended, calls nothing else. All that user space passes is wild. After each call all invariants of the layer hold, and in
//! the end every charge is given back.

use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Waker};

use arbitrary::{Arbitrary, Unstructured};
use axprocess::{
    ARef, Attention, CloneFlags, Errno, ExitStatus, ForcedAction, ForkParent, ForkRequest,
    GivenInfo, KernelCause, Number, PendingExec, PendingExit, ProcessTable, Relations, RunState,
    Signal, SignalCause, TraceOptions, TraceStart, View, WaitOutcome, WaitRequest,
};
use axprocess_signals::{
    Account, Action, ActionFlags, AwaitedSignals, Charge, Delivery, EndedBy, Frame, Handler,
    Kernel, ProcessSignals, QueueOf, SignalSet, Signals, Stack, ThreadSignals, TimedWait,
    TracedSignal, check_invariants, signals_of,
};

use crate::call::{Index, Sig, Wild};
use crate::code::{Code, coded};

/// Calls, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignalCalls(pub Vec<SignalCall>);

impl<'a> Arbitrary<'a> for SignalCalls {
    fn arbitrary(from: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        from.bytes(from.len()).map(|mut bytes| {
            let mut calls = Vec::new();
            while !bytes.is_empty() {
                calls.push(SignalCall::read(&mut bytes));
            }
            Self(calls)
        })
    }
}

coded! {
    /// One call. The first field says who calls.
    pub enum SignalCall {
        /// How many signals may wait of a user, and who runs on a processor.
        Mood {
            limit: u8,
            running: Index,
        },
        Act {
            by: Index,
            signal: Sig,
            handler: u8,
            flags: u32,
            mask: u64,
        },
        Mask {
            by: Index,
            how: u8,
            set: u64,
        },
        BeginOtherMask {
            by: Index,
            set: u64,
        },
        EndOtherMask {
            by: Index,
            by_signal: bool,
        },
        BeginWait {
            by: Index,
            set: u64,
        },
        EndWait {
            by: Index,
            takes: bool,
        },
        /// A future is polled so often, and dropped.
        Poll {
            by: Index,
            set: u64,
            times: u8,
        },
        ReadSignalfd {
            by: Index,
            set: u64,
        },
        Peek {
            by: Index,
            place: u8,
        },
        AltStack {
            by: Index,
            stack: u64,
            flags: u32,
            pointer: u64,
        },
        /// The thread looks for what it has to do, and does it.
        Look {
            by: Index,
            has_stack: bool,
        },
        LeaveHandler {
            by: Index,
            mask: u64,
        },
        ResumeTracee {
            by: Index,
            answer: Sig,
        },
        Fork {
            by: Index,
            flags: u8,
        },
        SpawnThread {
            by: Index,
        },
        Exec {
            by: Index,
        },
        StepExec {
            by: Index,
        },
        GiveUpExec {
            by: Index,
        },
        Exit {
            by: Index,
        },
        StepExit {
            by: Index,
        },
        GroupExit {
            by: Index,
        },
        Wait4 {
            by: Index,
        },
        Setpgid {
            by: Index,
            pgid: Wild,
        },
        Kill {
            by: Index,
            pid: Wild,
            signal: Sig,
        },
        Tkill {
            by: Index,
            whom: Index,
            signal: Sig,
        },
        Queue {
            by: Index,
            whom: Index,
            signal: Sig,
            code: i8,
            value: u8,
        },
        KernelSends {
            whom: Index,
            signal: Sig,
            code: i8,
            how: u8,
        },
        Attach {
            by: Index,
            whom: Index,
            seizes: bool,
        },
        Interrupt {
            by: Index,
            whom: Index,
        },
        Detach {
            by: Index,
            whom: Index,
        },
        SetMaskForTracer {
            by: Index,
            set: u64,
        },
    }
}

/// The kernel of the fuzz target.
#[derive(Debug)]
pub struct Counting;

thread_local! {
    static CHARGED: Cell<u32> = const { Cell::new(0) };
    static LIMIT: Cell<u32> = const { Cell::new(u32::MAX) };
    static RUNNING: Cell<u32> = const { Cell::new(0) };
}

type Thread = axprocess_signals::Thread<Counting>;

impl Kernel for Counting {
    type RelationLock = Mutex<Relations<Signals<Self>>>;
    type SignalLock<T: Send + 'static> = Mutex<T>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    const MOST_QUEUED: u32 = 12;

    fn kick(&self, _: &Thread) {}

    fn may_signal(
        &self,
        _: View<'_, Signals<Self>>,
        _: &axprocess_signals::Process<Self>,
        _: &axprocess_signals::Process<Self>,
        _: Option<Signal>,
    ) -> bool {
        true
    }

    fn may_trace(&self, _: View<'_, Signals<Self>>, _: &Thread, _: &Thread) -> bool {
        true
    }

    fn is_running(&self, thread: &Thread) -> bool {
        thread.tid() == RUNNING.get()
    }

    fn charge(&self, _: &axprocess_signals::Process<Self>, charge: Charge) -> Option<Account> {
        let fits = CHARGED.get() < LIMIT.get() || charge == Charge::BeyondLimit;
        CHARGED.set(CHARGED.get() + u32::from(fits));
        fits.then_some(Account(0))
    }

    fn uncharge(&self, _: Account) {
        CHARGED.set(CHARGED.get().checked_sub(1).expect("it was charged"));
    }
}

const MOST_THREADS: usize = 24;

type Threads = [OnceCell<ARef<Thread>>; MOST_THREADS];

/// A table, its threads, and what a kernel keeps of each.
pub struct SignalWorld<'a> {
    table: &'a ProcessTable<Signals<Counting>>,
    threads: &'a Threads,
    count: usize,
    kept: [Kept<'a>; MOST_THREADS],
}

/// What a kernel keeps of a thread.
#[derive(Default)]
struct Kept<'a> {
    wait: Option<AwaitedSignals<'a, Counting>>,
    traced: Option<TracedSignal>,
    frames: Vec<Frame>,
    exec: Option<PendingExec<Signals<Counting>>>,
    /// Whether its second step has been taken.
    exit: Option<(PendingExit<Signals<Counting>>, bool)>,
}

/// Plays calls on a new table.
///
/// # Panics
///
/// An invariant does not hold, or not every charge is given back.
pub fn play_signals(calls: &[SignalCall]) {
    CHARGED.set(0);
    LIMIT.set(u32::MAX);
    RUNNING.set(0);
    let (table, threads) = (ProcessTable::new(Signals::new(Counting)), Threads::default());
    let process = ProcessSignals::new(table.host(), ()).expect("there is memory");
    let init = table.new_init(1, process, ThreadSignals::new(())).expect("it is empty");
    let mut world =
        SignalWorld { table: &table, threads: &threads, count: 0, kept: Default::default() };
    world.add(init);
    for call in calls {
        let _ = world.play(*call);
        check_invariants(&table);
    }
    world.end();
}

impl<'a> SignalWorld<'a> {
    fn add(&mut self, thread: ARef<Thread>) {
        if let Some(cell) = self.threads.get(self.count) {
            self.count += usize::from(cell.set(thread).is_ok());
        }
    }

    fn has_room(&self) -> bool {
        self.count < MOST_THREADS
    }

    fn at(&self, which: Index) -> usize {
        usize::from(which) % self.count
    }

    fn thread(&self, which: Index) -> &'a ARef<Thread> {
        self.threads[self.at(which)].get().expect("it was made")
    }

    /// A thread that runs in a system call of no other kind: it lives, and sleeps nowhere.
    fn caller(&self, which: Index) -> Option<&'a ARef<Thread>> {
        let (thread, kept) = (self.thread(which), &self.kept[self.at(which)]);
        let is_free = kept.wait.is_none() && kept.traced.is_none() && kept.exit.is_none();
        let runs = is_there(thread) && !thread.is_stopped();
        (runs && is_free && kept.exec.is_none()).then_some(thread)
    }

    /// `None`: there is no such caller, or the call failed.
    fn play(&mut self, call: SignalCall) -> Option<()> {
        let set = SignalSet::from_bits;
        match call {
            SignalCall::Mood { limit, running } => {
                LIMIT.set(if limit < 16 { limit.into() } else { u32::MAX });
                RUNNING.set(self.thread(running).tid());
            }
            SignalCall::Act { by, signal, handler, flags, mask } => {
                let flags = ActionFlags::from_bits_truncate(flags);
                let handler = Handler::from_raw(usize::from(handler) % 4);
                let action = Action { handler, flags, mask: set(mask), restorer: 0 };
                let new = || Ok(Some(action));
                signals_of(self.caller(by)?).rt_sigaction(signal.value(), 8, new).ok()?;
            }
            SignalCall::Mask { by, how, set: mask } => {
                let new = || Ok(Some(set(mask)));
                signals_of(self.caller(by)?).rt_sigprocmask(how.into(), 8, new).ok()?;
            }
            SignalCall::BeginOtherMask { by, set: mask } => {
                signals_of(self.caller(by)?).begin_mask_of_call(8, || Ok(set(mask))).ok()?;
            }
            SignalCall::EndOtherMask { by, by_signal } => {
                let ended = if by_signal { EndedBy::Signal } else { EndedBy::Itself };
                signals_of(self.caller(by)?).end_mask_of_call(ended);
            }
            SignalCall::BeginWait { by, set: mask } => {
                let signals = signals_of(self.caller(by)?);
                if let TimedWait::NothingYet(wait) =
                    signals.rt_sigtimedwait(8, || Ok(set(mask))).ok()?
                {
                    let at = self.at(by);
                    self.kept[at].wait = Some(wait);
                }
            }
            SignalCall::EndWait { by, takes } => {
                let at = self.at(by);
                let wait = self.kept[at].wait.take()?;
                if takes {
                    wait.finish()?;
                }
            }
            SignalCall::Poll { by, set: mask, times } => {
                let signals = signals_of(self.caller(by)?);
                let TimedWait::NothingYet(wait) =
                    signals.rt_sigtimedwait(8, || Ok(set(mask))).ok()?
                else {
                    return None;
                };
                let mut future = pin!(wait.signal());
                for _ in 0..times % 3 {
                    let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                }
            }
            SignalCall::ReadSignalfd { by, set: mask } => {
                let signals = signals_of(self.caller(by)?);
                let is_there = signals.polls_signalfd(set(mask));
                assert_eq!(signals.read_signalfd(set(mask)).is_some(), is_there);
            }
            SignalCall::Peek { by, place } => {
                let signals = signals_of(self.caller(by)?);
                signals.peek_signal(QueueOf::Thread, place.into())?;
                signals.peek_signal(QueueOf::Process, place.into())?;
            }
            SignalCall::AltStack { by, stack, flags, pointer } => {
                let [base, size] = [stack >> 32, stack & 0xffff_ffff].map(|it| it as usize);
                let new = Some(Stack { base, flags, size });
                let caller = signals_of(self.caller(by)?);
                caller.sigaltstack(new, pointer as usize, 2048).ok()?;
            }
            SignalCall::Look { by, has_stack } => self.look(by, has_stack)?,
            SignalCall::LeaveHandler { by, mask } => {
                let at = self.at(by);
                let thread = self.caller(by)?;
                let frame = self.kept[at].frames.pop()?;
                // The handler may have written there.
                let mask = if mask & 1 == 0 { frame.saved_mask } else { set(mask) };
                signals_of(thread).rt_sigreturn(mask);
            }
            SignalCall::ResumeTracee { by, answer } => {
                let (at, thread) = (self.at(by), self.thread(by));
                if thread.is_stopped() {
                    let tracer = thread.tracer()?;
                    tracer.resume_tracee(thread.tid().cast_signed()).ok()?;
                }
                if thread.is_stopped() || !is_there(thread) {
                    return None;
                }
                let traced = self.kept[at].traced.take()?;
                let answer = u8::try_from(answer.value()).ok().and_then(Signal::new);
                let delivery = signals_of(thread).resume_from_tracer(traced, answer);
                self.go_on_with(by, delivery, true);
            }
            SignalCall::Fork { by, flags } => {
                let caller = self.caller(by).filter(|_| self.has_room())?;
                let all = [
                    CloneFlags::SIGHAND | CloneFlags::VM,
                    CloneFlags::CLEAR_SIGHAND,
                    CloneFlags::VM,
                    CloneFlags::VFORK | CloneFlags::VM,
                ];
                let chosen = all.get(usize::from(flags & 7)).copied().unwrap_or_default();
                let (process, child) = signals_of(caller).fork(chosen, (), ()).ok()?;
                let parent = if flags & 8 == 0 { ForkParent::Caller } else { ForkParent::Sibling };
                let request = ForkRequest { parent, ..ForkRequest::default() };
                let child = caller.fork(request, process, child).ok()?;
                self.add(child);
            }
            SignalCall::SpawnThread { by } => {
                let caller = self.caller(by).filter(|_| self.has_room())?;
                let signals = signals_of(caller).new_thread(());
                let made = caller.spawn_thread(Number::Next, signals).ok()?;
                made.inherit_tracer(caller).ok()?;
                if made.is_traced() {
                    signals_of(&made).begin_traced();
                }
                self.add(made);
            }
            SignalCall::Exec { by } => {
                let caller = self.caller(by)?;
                caller.exec().ok()?;
                self.finish_exec(by);
            }
            SignalCall::StepExec { by } => {
                let at = self.at(by);
                if self.kept[at].exec.is_none() {
                    self.kept[at].exec = Some(self.caller(by)?.begin_exec().ok()?);
                    return Some(());
                }
                let exec = self.kept[at].exec.as_mut()?;
                let finished = exec.try_finish();
                if finished != Ok(false) {
                    self.kept[at].exec = None;
                }
                if finished == Ok(true) {
                    self.finish_exec(by);
                }
            }
            SignalCall::GiveUpExec { by } => {
                let at = self.at(by);
                drop(self.kept[at].exec.take()?);
            }
            SignalCall::Exit { by } => {
                signals_of(self.caller(by)?).exit_thread(ExitStatus::exited(0));
            }
            SignalCall::StepExit { by } => {
                let at = self.at(by);
                let Some((exit, is_exiting)) = &mut self.kept[at].exit else {
                    let exit = self.caller(by)?.begin_exit(ExitStatus::exited(0));
                    self.kept[at].exit = Some((exit, false));
                    return Some(());
                };
                if !std::mem::replace(is_exiting, true) {
                    signals_of(self.threads[at].get()?).set_exiting(exit);
                } else if exit.try_finish() {
                    self.kept[at].exit = None;
                }
            }
            SignalCall::GroupExit { by } => {
                self.caller(by)?.process().begin_group_exit(ExitStatus::exited(1));
            }
            SignalCall::Wait4 { by } => {
                let any = WaitRequest::wait4(-1, ALL_CHILDREN).ok()?;
                self.caller(by)?.wait(&any).ok()?;
            }
            SignalCall::Setpgid { by, pgid } => {
                self.caller(by)?.process().setpgid(0, pgid.value()).ok()?;
            }
            SignalCall::Kill { by, pid, signal } => {
                self.caller(by)?.kill(pid.value(), signal.value()).ok()?;
            }
            SignalCall::Tkill { by, whom, signal } => {
                let tid = self.thread(whom).tid().cast_signed();
                self.caller(by)?.tkill(tid, signal.value()).ok()?;
            }
            SignalCall::Queue { by, whom, signal, code, value } => {
                let info = GivenInfo {
                    value: value.into(),
                    ..GivenInfo::new(signal.value(), (code >> 1).into())
                };
                let (caller, tid) = (self.caller(by)?, self.thread(whom).tid().cast_signed());
                if code & 1 == 0 {
                    return caller.rt_sigqueueinfo(tid, info).ok();
                }
                let pid = self.thread(whom).process().pid().cast_signed();
                caller.rt_tgsigqueueinfo(pid, tid, info).ok()?;
            }
            SignalCall::KernelSends { whom, signal, code, how } => {
                let signal = Signal::new(u8::try_from(signal.value()).ok()?)?;
                let thread = self.thread(whom);
                let cause =
                    KernelCause::Event { code: code.into(), value: 7, number: 0, sender: None };
                match how & 7 {
                    0 => thread.process().send_signal(signal, cause),
                    1 => thread.force_signal(signal, cause, ForcedAction::AsSet),
                    2 => thread.force_signal(signal, cause, ForcedAction::Default),
                    3 => thread.force_signal(signal, cause, ForcedAction::Final),
                    4 => thread.process().send_signal(signal, KernelCause::Kernel),
                    _ => thread.send_signal(signal, cause),
                }
            }
            SignalCall::Attach { by, whom, seizes } => {
                let start = if seizes { TraceStart::Seize } else { TraceStart::Attach };
                let tid = self.thread(whom).tid().cast_signed();
                self.caller(by)?.attach(tid, start, TraceOptions::empty()).ok()?;
            }
            SignalCall::Interrupt { by, whom } => {
                let tid = self.thread(whom).tid().cast_signed();
                self.caller(by)?.interrupt_tracee(tid).ok()?;
            }
            SignalCall::Detach { by, whom } => {
                let tid = self.thread(whom).tid().cast_signed();
                self.caller(by)?.detach(tid).ok()?;
            }
            SignalCall::SetMaskForTracer { by, set: mask } => {
                let thread = self.thread(by);
                let is_free = self.kept[self.at(by)].wait.is_none();
                if thread.is_stopped() && thread.is_traced() && is_free {
                    signals_of(thread).set_mask_for_tracer(8, || Ok(set(mask))).ok()?;
                    signals_of(thread).mask_for_tracer(8).ok()?;
                }
            }
        }
        Some(())
    }

    fn finish_exec(&mut self, by: Index) {
        let (at, thread) = (self.at(by), self.thread(by));
        self.kept[at].frames.clear();
        signals_of(thread).exec();
    }

    /// Who is amid an exec, or a wait, ends that before it comes back to user space.
    fn look(&mut self, by: Index, has_stack: bool) -> Option<()> {
        let (at, thread) = (self.at(by), self.thread(by));
        let kept = &mut self.kept[at];
        let is_free = kept.traced.is_none() && kept.exit.is_none();
        if !is_there(thread) || thread.is_stopped() || !is_free {
            return None;
        }
        drop((kept.wait.take(), kept.exec.take()));
        let delivery = signals_of(thread).get_signal();
        self.go_on_with(by, delivery, has_stack);
        Some(())
    }

    fn go_on_with(&mut self, by: Index, delivery: Delivery, has_stack: bool) {
        let (at, thread) = (self.at(by), self.thread(by));
        let (signals, kept) = (signals_of(thread), &mut self.kept[at]);
        match delivery {
            Delivery::Return => {}
            Delivery::Stop => assert!(thread.attention() != Attention::empty()),
            Delivery::Handle(frame) => signals.enter_handler(&frame, |frame| {
                if !has_stack {
                    return Err(Errno::EFAULT);
                }
                kept.frames.push(*frame);
                Ok(())
            }),
            Delivery::Traced(traced) => {
                thread.trace_stop(traced.info.signal().into());
                kept.traced = Some(traced);
            }
            Delivery::Fatal(signal) => {
                thread.process().begin_group_exit(ExitStatus::killed(signal));
            }
            Delivery::Exit(status) => {
                signals.exit_thread(status);
            }
        }
    }

    /// All but init end, and are reaped by it: charged is what waits for it, and nothing else.
    fn end(&mut self) {
        LIMIT.set(u32::MAX);
        self.kept = Default::default();
        let init = self.threads[0].get().expect("it was made");
        for at in (1..self.count).rev() {
            let thread = self.threads[at].get().expect("it was made");
            if !ARef::ptr_eq(thread.process(), init.process()) {
                thread.process().begin_group_exit(ExitStatus::exited(0));
                signals_of(thread).exit_thread(ExitStatus::exited(0));
            }
        }
        let any = WaitRequest::wait4(-1, ALL_CHILDREN).expect("it is a request");
        while let Ok(WaitOutcome::Event(_)) = init.wait(&any) {}
        check_invariants(self.table);
        if init.process().has_ended() {
            return;
        }
        let own = |thread: &ARef<Thread>| ARef::ptr_eq(thread.process(), init.process());
        let threads = self.threads.iter().filter_map(OnceCell::get).filter(|thread| own(thread));
        let of_threads: usize = threads.map(|thread| charged_in(thread, QueueOf::Thread)).sum();
        let waiting = of_threads + charged_in(init, QueueOf::Process);
        assert_eq!(CHARGED.get() as usize, waiting, "charges are given back");
    }
}

/// `__WALL`.
const ALL_CHILDREN: i32 = 0x4000_0000;

/// Whether a thread has not exited.
fn is_there(thread: &Thread) -> bool {
    thread.run_state().is_some_and(|state| state != RunState::Zombie)
}

/// How much in a queue is charged: all but timers'.
fn charged_in(thread: &Thread, queue: QueueOf) -> usize {
    const TIMER: i32 = -2;
    let infos = (0..).map_while(|place| signals_of(thread).peek_signal(queue, place));
    let is_of_timer = |cause| matches!(cause, SignalCause::Event { code: TIMER, .. });
    infos.filter(|info| !is_of_timer(info.info.cause)).count()
}
