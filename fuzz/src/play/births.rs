//! Calls of clone's family.

use axprocess::{CloneArgs, CloneRequest, Errno, NewTask};

use super::World;
use crate::call::Call;

impl World {
    /// `None`: there is no such caller, the call failed, or it is another's.
    pub(super) fn play_birth(&mut self, call: Call) -> Option<()> {
        match call {
            Call::Clone { by, flags, tls } => {
                let tls = u64::from(tls);
                let request = CloneRequest::from_clone(flags.value(), 0, tls & 1, tls & 2, tls);
                self.clone_by(by, &request.ok()?)
            }
            Call::Clone3 { by, flags, args, set_tid, size } => {
                let [exit_signal, stack, stack_size, pidfd] = args.map(|word| word.value());
                let set_tid_size = u64::from(size) % 5;
                let args = CloneArgs {
                    flags: flags.value(),
                    pidfd,
                    exit_signal,
                    stack,
                    stack_size,
                    set_tid: set_tid_size.min(1),
                    set_tid_size,
                    ..CloneArgs::default()
                };
                let copy = |_, numbers: &mut [i32]| {
                    for (at, number) in numbers.iter_mut().enumerate() {
                        *number = set_tid.get(at).map_or(0, |&tid| tid.into());
                    }
                    if size > 250 { Err(Errno::EFAULT) } else { Ok(()) }
                };
                self.clone_by(by, &CloneRequest::from_clone3(&args, 88, copy).ok()?)
            }
            Call::ReadCloneArgs { size, bytes } => {
                let copy = |offset: usize, buffer: &mut [u8]| {
                    for (at, byte) in buffer.iter_mut().enumerate() {
                        *byte = bytes[(offset + at) / 8 % bytes.len()];
                    }
                    Ok(())
                };
                CloneArgs::read(size.into(), copy).ok().map(drop)
            }
            Call::BeginVfork { by, child } => {
                let (parent, child) = (self.thread(by)?, self.thread(child)?);
                parent.begin_vfork(child);
                Some(())
            }
            Call::ReleaseAddressSpace { by } => {
                self.thread(by)?.release_address_space();
                Some(())
            }
            _ => None,
        }
    }

    fn clone_by(&mut self, by: u8, request: &CloneRequest) -> Option<()> {
        let caller = self.thread(by).filter(|_| self.has_room())?;
        let made = match caller.admit_clone(request).ok()? {
            NewTask::Process(process) => process.make((), ()),
            NewTask::Thread(thread) => thread.make(()),
        };
        let made = made.ok()?;
        let handle = request.pidfd(&made);
        self.processes.push(Some(made.process().clone()));
        self.threads.push(Some(made));
        self.handles.push(handle);
        Some(())
    }
}
