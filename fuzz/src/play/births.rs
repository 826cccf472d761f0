//! Calls of clone's family.

use axprocess::{ARef, CloneArgs, CloneRequest, Errno, NewTask, Pid, Thread};

use super::{World, fork_request, inherited};
use crate::call::{Call, Steps, Word};
use crate::host::{Moody, Signals, Waiting};

/// No structure is said to be longer.
const LONGEST: usize = 8192;
/// Where no numbers can be read.
const BAD_ADDRESS: u64 = 255;

impl World {
    /// `None`: there is no such caller, the call failed, or it is another's.
    pub(super) fn play_birth(&mut self, call: Call) -> Option<()> {
        match call {
            Call::Clone { by, flags, tls } => {
                let tls = u64::from(tls);
                let request = CloneRequest::from_clone(flags.value(), 0, tls & 1, tls & 2, tls);
                self.clone_by(by, &request.ok()?)
            }
            Call::Clone3 { by, flags, fields, size, set_tid } => {
                let words = fields.map(Word::value);
                let bytes = [flags.value()].into_iter().chain(words).flat_map(u64::to_ne_bytes);
                let size = usize::from(size) % LONGEST;
                let args = CloneArgs::read(size, |at, to| {
                    let known = bytes.clone().skip(at).chain(std::iter::repeat(0));
                    to.iter_mut().zip(known).for_each(|(place, byte)| *place = byte);
                    Ok(())
                });
                let copy = |address, numbers: &mut [i32]| {
                    for (at, number) in numbers.iter_mut().enumerate() {
                        *number = set_tid.get(at).map_or(0, |&tid| tid.into());
                    }
                    if address == BAD_ADDRESS { Err(Errno::EFAULT) } else { Ok(()) }
                };
                self.clone_by(by, &CloneRequest::from_clone3(&args.ok()?, size, copy).ok()?)
            }
            Call::NewKthreadd { pid } => {
                let (signals, waiting) = <(Signals, Waiting)>::default();
                let kthreadd = self.table.new_kthreadd(pid.into(), signals, waiting).ok()?;
                self.enter(kthreadd);
                Some(())
            }
            Call::ForkKernelThread { by, how, exit_signal, numbers } => {
                let numbers = numbers.map(|number| Pid::try_from(number.value()).unwrap_or(0));
                let request = fork_request(how, exit_signal, &numbers);
                let caller = self.thread(by).filter(|_| self.has_room())?;
                let (signals, waiting) = inherited(caller);
                let made = caller.fork_kernel_thread(request, signals, waiting).ok()?;
                self.enter(made);
                Some(())
            }
            Call::BeginVfork { by, child } => {
                let (parent, child) = (self.thread(by)?, self.thread(child)?);
                parent.begin_vfork(child);
                Some(())
            }
            Call::ReleaseAddressSpace { by } => {
                self.thread(by)?.note_mm_release();
                Some(())
            }
            Call::Prepare { .. } => self.play_in_steps(call, &[]),
            _ => None,
        }
    }

    /// A fork, or a new thread, in steps; other calls come in between. `None` also if it was given up.
    pub(super) fn play_in_steps(&mut self, call: Call, between: &[Call]) -> Option<()> {
        let Call::Prepare { by, how, exit_signal, numbers, steps } = call else { return None };
        let caller = self.thread(by).filter(|_| self.has_room())?.clone();
        let (signals, waiting) = inherited(&caller);
        let steps = Steps::from_bits(steps);
        let numbers = numbers.map(|number| Pid::try_from(number.value()).unwrap_or(0));
        let request = fork_request(how, exit_signal, &numbers);
        let made = if steps.is_thread {
            let prepared = caller.prepare_thread(request.number, waiting).ok()?;
            self.handles.push(prepared.handle().ok());
            self.play_all(between);
            if steps.in_vain { None } else { prepared.publish().ok() }
        } else {
            let prepared = caller.prepare_fork(request, signals, waiting).ok()?;
            self.handles.push(prepared.handle().ok());
            self.play_all(between);
            if steps.in_vain { None } else { prepared.publish().ok() }
        };
        let made = made?;
        if !steps.is_thread {
            self.processes.push(Some(made.process().clone()));
        }
        self.threads.push(Some(made));
        Some(())
    }

    /// The first thread of a new process.
    fn enter(&mut self, made: ARef<Thread<Moody>>) {
        self.processes.push(Some(ARef::clone(made.process())));
        self.threads.push(Some(made));
    }

    fn clone_by(&mut self, by: u8, request: &CloneRequest) -> Option<()> {
        let caller = self.thread(by).filter(|_| self.has_room())?;
        let (signals, waiting) = inherited(caller);
        let made = match caller.admit_clone(request).ok()? {
            NewTask::Process(process) => process.make(signals, waiting),
            NewTask::Thread(thread) => thread.make(waiting),
        };
        let made = made.ok()?;
        let handle = request.pidfd(&made).ok()?;
        self.processes.push(Some(made.process().clone()));
        self.threads.push(Some(made));
        self.handles.push(handle);
        Some(())
    }
}
