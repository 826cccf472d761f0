//! Both models, step by step.

use std::cell::OnceCell;

use axprocess::{ARef, CloneFlags, Errno, ExitStatus, ForkParent, ForkRequest, GivenInfo, Number};
use axprocess_signals::{
    Action, ActionFlags, AwaitedSignals, Delivery, EndedBy, Frame, Handler, SigInfo, SignalSet,
    TimedWait, check_invariants, signals_of,
};

use crate::call::{Act, Call, Copying, Does, Step};
use crate::kernel::{Kernel, Setup, Table, Thread, become_user, boot_with, fault, ignore, signal};
use crate::naive::{Answer, LIMIT, Naive, Next, PLACES, QUEUED_PID, Said};

/// So many are made in one script.
pub(crate) const MOST_THREADS: usize = 16;

/// The kernel's setup: few places.
pub(crate) struct Few;

impl Setup for Few {
    type RelationLock<T: Send + 'static> = std::sync::Mutex<T>;
    type SignalLock<T: Send + 'static> = std::sync::Mutex<T>;
    const MOST_QUEUED: u32 = PLACES as u32;
}

const USER: u32 = 1;

type Threads = [OnceCell<ARef<Thread<Few>>>; MOST_THREADS];

/// The layer, and what a kernel keeps of its threads beside it. All by the order in which the threads were made.
struct Real<'a> {
    threads: &'a Threads,
    count: usize,
    waits: [Option<AwaitedSignals<'a, Kernel<Few>>>; MOST_THREADS],
    frames: [Vec<Frame>; MOST_THREADS],
}

/// Runs a script on both.
///
/// # Errors
///
/// What differs, and behind which step.
pub(crate) fn run(steps: &[Step]) -> Result<(), String> {
    let (table, init) = boot_with::<Few>();
    table.host().kernel().be_silent();
    let threads = Threads::default();
    let mut naive = Naive::new();
    let mut real =
        Real { threads: &threads, count: 0, waits: Default::default(), frames: Default::default() };
    let first = real.born(&init, CloneFlags::empty(), ForkParent::Caller);
    first.map_err(|errno| format!("{errno:?}"))?;
    // Whoever ends is gone at once.
    ignore(&init, &[17]);
    become_user(&table, real.thread(0).process(), USER, LIMIT as u32);
    for (at, Step { by, call }) in steps.iter().enumerate() {
        let places = naive.places();
        if places.is_empty() {
            break;
        }
        let pick = |index: u8| places[usize::from(index) % places.len()];
        let by = pick(*by);
        let whom = match *call {
            Call::Kill { whom, .. }
            | Call::Tkill { whom, .. }
            | Call::Queue { whom, .. }
            | Call::QueueToThread { whom, .. } => pick(whom),
            _ => by,
        };
        let serials = (naive.thread(by).serial, naive.thread(whom).serial);
        let expected = naive.play(by, call, whom);
        let differs =
            |what: String| format!("step {at}, {call:?} by {} to {}: {what}", serials.0, serials.1);
        if expected != Answer::Skipped {
            let answer = real.play(serials.0, call, serials.1);
            if answer != expected {
                return Err(differs(format!("{answer:?}, and the second model says {expected:?}")));
            }
        }
        compare(&naive, &real, &table).map_err(differs)?;
        check_invariants(&table);
    }
    Ok(())
}

fn compare(naive: &Naive, real: &Real<'_>, table: &Table<Few>) -> Result<(), String> {
    let mut seen = Vec::new();
    for place in naive.places() {
        let (model, thread) = (naive.thread(place), real.thread(naive.thread(place).serial));
        let (process, signals) = (&naive.processes[place.0], signals_of(thread));
        let (own, shared) = signals.pending();
        let (ignored, caught) = signals.ignored_and_caught();
        let status = thread.process().is_group_exiting().then(|| thread.process().exit_status());
        let is_told = thread.attention().contains(axprocess::Attention::HOST_0);
        let mut pairs = vec![
            ("tid", u64::from(thread.tid()), model.tid.into()),
            ("own queue", own.bits(), naive.pending(place).0),
            ("queue of the process", shared.bits(), naive.pending(place).1),
            ("mask", signals.blocked().bits(), model.blocked),
            ("ignored", ignored.bits(), naive.ignored_and_caught(place.0).0),
            ("caught", caught.bits(), naive.ignored_and_caught(place.0).1),
            ("ends", status.is_some().into(), process.ends_by.is_some().into()),
        ];
        if !model.has_exited {
            pairs.extend([
                ("told", u64::from(is_told), model.is_told.into()),
                ("stopped", thread.is_stopped().into(), model.is_stopped.into()),
                (
                    "has to exit",
                    thread.attention().contains(axprocess::Attention::EXIT).into(),
                    model.has_to_exit.into(),
                ),
            ]);
        }
        seen.extend(pairs.into_iter().filter(|(_, real, naive)| real != naive).map(
            |(what, real, naive)| {
                format!(
                    "{what} of {}: {real:#x}, and the second model says {naive:#x}",
                    model.serial
                )
            },
        ));
    }
    let charged = table.host().kernel().charged(USER) as usize;
    if charged != naive.places_in_use() {
        seen.push(format!(
            "{charged} places in use, and the second model says {}",
            naive.places_in_use()
        ));
    }
    if seen.is_empty() { Ok(()) } else { Err(seen.join("; ")) }
}

impl<'a> Real<'a> {
    fn thread(&self, serial: usize) -> &'a ARef<Thread<Few>> {
        self.threads[serial].get().expect("it was born")
    }

    fn born(
        &mut self,
        by: &Thread<Few>,
        flags: CloneFlags,
        parent: ForkParent,
    ) -> Result<(), Errno> {
        let user = by.process().host_data().copy();
        let (process, thread) = signals_of(by).fork(flags, user, ())?;
        let request = ForkRequest { parent, ..ForkRequest::default() };
        let child = by.fork(request, process, thread)?;
        self.add(child);
        Ok(())
    }

    fn add(&mut self, thread: ARef<Thread<Few>>) {
        assert!(self.threads[self.count].set(thread).is_ok(), "each place is used once");
        self.count += 1;
    }

    fn play(&mut self, by: usize, call: &Call, whom: usize) -> Answer {
        let thread = self.thread(by);
        let (signals, to) = (signals_of(thread), self.thread(whom).tid().cast_signed());
        let bits = SignalSet::from_bits;
        match *call {
            Call::Fork(copying) => {
                let flags = match copying {
                    Copying::Copy => CloneFlags::empty(),
                    Copying::Share => CloneFlags::SIGHAND | CloneFlags::VM,
                    Copying::Clear => CloneFlags::CLEAR_SIGHAND,
                };
                born(self.born(thread, flags, ForkParent::Sibling))
            }
            Call::Spawn => {
                let made = thread.spawn_thread(Number::Next, signals.new_thread(()));
                born(made.map(|made| self.add(made)))
            }
            Call::Exec => {
                self.frames[by].clear();
                done(thread.exec().map(|()| signals.exec()))
            }
            Call::Exit => {
                signals.exit_thread(ExitStatus::exited(0));
                Answer::Done
            }
            Call::ExitGroup => {
                thread.process().begin_group_exit(ExitStatus::exited(0));
                Answer::Done
            }
            Call::Act { signal, action } => {
                let new = action.map(real_action);
                match signals.rt_sigaction(signal.into(), 8, || Ok(new)) {
                    Ok(old) => Answer::Was(naive_action(old)),
                    Err(errno) => refused(errno),
                }
            }
            Call::Mask { how, set } => {
                match signals.rt_sigprocmask(how, 8, || Ok(Some(bits(set)))) {
                    Ok(old) => Answer::Set(old.bits()),
                    Err(errno) => refused(errno),
                }
            }
            Call::Suspend { set } => done(signals.rt_sigsuspend(8, || Ok(bits(set)))),
            Call::BeginOtherMask { set } => done(signals.begin_mask_of_call(8, || Ok(bits(set)))),
            Call::EndOtherMask { by_signal } => {
                signals.end_mask_of_call(if by_signal { EndedBy::Signal } else { EndedBy::Itself });
                Answer::Done
            }
            Call::BeginWait { set } => match signals.rt_sigtimedwait(8, || Ok(bits(set))) {
                Ok(TimedWait::Taken(info)) => Answer::Taken(Some(said(&info))),
                Ok(TimedWait::NothingYet(wait)) => {
                    self.waits[by] = Some(wait);
                    Answer::Taken(None)
                }
                Err(errno) => refused(errno),
            },
            Call::EndWait { takes } => {
                let wait = self.waits[by].take();
                let taken = if takes { wait.and_then(AwaitedSignals::finish) } else { None };
                Answer::Taken(taken.map(|info| said(&info)))
            }
            Call::ReadSignalfd { set } => {
                Answer::Taken(signals.read_signalfd(bits(set)).map(|info| said(&info)))
            }
            Call::Pending => match signals.rt_sigpending(8) {
                Ok(set) => Answer::Set(set.bits()),
                Err(errno) => refused(errno),
            },
            Call::Kill { signal, .. } => done(thread.kill(to, signal.into())),
            Call::Tkill { signal, .. } => done(thread.tkill(to, signal.into())),
            Call::Queue { signal, code, value, .. } => {
                done(thread.rt_sigqueueinfo(to, queued(signal, code, value)))
            }
            Call::QueueToThread { signal, code, value, .. } => {
                let process = self.thread(whom).process().pid().cast_signed();
                done(thread.rt_tgsigqueueinfo(process, to, queued(signal, code, value)))
            }
            Call::Fault { signal } => {
                fault(thread, signal);
                Answer::Done
            }
            Call::Look { has_stack } => Answer::Next(self.look(by, has_stack)),
            Call::LeaveHandler => {
                let frame = self.frames[by].pop().expect("the second model has one");
                signals.rt_sigreturn(frame.saved_mask);
                Answer::Done
            }
        }
    }

    fn look(&mut self, by: usize, has_stack: bool) -> Next {
        let thread = self.thread(by);
        let signals = signals_of(thread);
        match signals.get_signal() {
            Delivery::Return => Next::Return,
            Delivery::Handle(frame) => {
                let frames = &mut self.frames[by];
                signals.enter_handler(&frame, |frame| {
                    if !has_stack {
                        return Err(Errno::EFAULT);
                    }
                    frames.push(*frame);
                    Ok(())
                });
                let act = naive_action(frame.action);
                Next::Handle { said: said(&frame.info), act, saved: frame.saved_mask.bits() }
            }
            Delivery::Stop => Next::Stop,
            Delivery::Traced(_) => unreachable!("nobody traces"),
            Delivery::Fatal(signal) => {
                thread.process().begin_group_exit(ExitStatus::killed(signal));
                Next::Fatal(signal.number())
            }
            Delivery::Exit(status) => {
                signals.exit_thread(status);
                let by = (1..=64).find(|it| ExitStatus::killed(signal(*it)) == status);
                Next::Exit(by.unwrap_or(0))
            }
        }
    }
}

fn done(answer: Result<(), Errno>) -> Answer {
    answer.map_or_else(refused, |()| Answer::Done)
}

fn born(answer: Result<(), Errno>) -> Answer {
    answer.map_or_else(refused, |()| Answer::Born)
}

fn refused(errno: Errno) -> Answer {
    Answer::Refused(match errno {
        Errno::EAGAIN => "EAGAIN",
        Errno::EINTR => "EINTR",
        Errno::EINVAL => "EINVAL",
        Errno::EPERM => "EPERM",
        _ => "another",
    })
}

fn said(info: &SigInfo) -> Said {
    let (signal, code, pid, value) = crate::kernel::said(info);
    Said { signal, code, pid, value }
}

fn real_action(act: Act) -> Action {
    let mut flags = ActionFlags::empty();
    flags.set(ActionFlags::RESETHAND, act.resets);
    flags.set(ActionFlags::NODEFER, act.does_not_defer);
    let handler = match act.handler {
        Does::Default => Handler::Default,
        Does::Ignore => Handler::Ignore,
        Does::Handle => Handler::from_raw(0x4000),
    };
    Action { handler, flags, mask: SignalSet::from_bits(act.mask), restorer: 0 }
}

fn naive_action(action: Action) -> Act {
    Act {
        handler: match action.handler {
            Handler::Default => Does::Default,
            Handler::Ignore => Does::Ignore,
            Handler::At(_) => Does::Handle,
        },
        mask: action.mask.bits(),
        resets: action.flags.contains(ActionFlags::RESETHAND),
        does_not_defer: action.flags.contains(ActionFlags::NODEFER),
    }
}

fn queued(signal: u8, code: i32, value: u64) -> GivenInfo {
    GivenInfo { pid: QUEUED_PID, value, ..GivenInfo::new(signal.into(), code) }
}
