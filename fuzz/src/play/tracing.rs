//! Calls of ptrace's.

use axprocess::{TraceOptions, TraceStart, TraceStop};

use super::World;
use crate::call::Call;

impl World {
    /// `None`: there is no such caller, the call failed, or it is another's.
    pub(super) fn play_tracing(&mut self, call: Call) -> Option<()> {
        match call {
            Call::Attach { by, tid, seize, options } => {
                let start = if seize { TraceStart::Seize } else { TraceStart::Attach };
                let options = TraceOptions::from_bits_truncate(options);
                self.thread(by)?.attach(tid.into(), start, options).ok()?;
            }
            Call::TraceMe { by } => self.thread(by)?.trace_me().ok()?,
            Call::InheritTracer { by, maker } => {
                self.thread(by)?.inherit_tracer(self.thread(maker)?).unwrap();
            }
            Call::TraceStop { by, code } => {
                self.thread(by)?.trace_stop(TraceStop::new(code)?);
            }
            Call::ResumeTracee { by, tid } => {
                self.thread(by)?.resume_tracee(tid.into()).ok()?;
            }
            Call::SetTraceOptions { by, tid, options } => {
                let options = TraceOptions::from_bits_truncate(options);
                self.thread(by)?.set_trace_options(tid.into(), options).ok()?;
            }
            Call::InterruptTracee { by, tid } => {
                self.thread(by)?.interrupt_tracee(tid.into()).ok()?;
            }
            Call::ListenToTracee { by, tid } => {
                self.thread(by)?.listen_to_tracee(tid.into()).ok()?;
            }
            Call::FindTracee { by, tid } => {
                let (tracer, tid) = (self.thread(by)?, tid.into());
                let is_stopped = tracer.stopped_tracee(tid).is_ok();
                let is_tracee = tracer.tracee(tid).is_ok();
                assert!(is_tracee || !is_stopped, "a stopped one is one");
                is_tracee.then_some(())?;
            }
            Call::Detach { by, tid } => self.thread(by)?.detach(tid.into()).ok()?,
            _ => return None,
        }
        Some(())
    }
}
