//! The system calls, and the way back to user space.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Mutex;

use axprocess::{
    ARef, CloneFlags, Errno, ExitStatus, ForkRequest, Number, Patience, ProcessTable, Signal,
    TerminalAccess, TerminalAnswer, TerminalFile, TerminalKind, WaitOptions, WaitOutcome,
    WaitRequest, WaitStatus,
};
use axprocess_signals::{
    Action, ActionFlags, Caller, Delivery, Frame, Handler, ProcessSignals, Restart, SigInfo,
    SignalSet, Signals, Terminal, ThreadSignals, TimedWait, signals_of,
};

use super::host::{Sleeper, SmallKernel, Thread, lock, sleep_while};

/// What runs in user space: it makes system calls, and returns the exit code of its process.
pub(crate) type Program = fn(&Task) -> Result<u8, Leave>;

/// A signal handler.
pub(crate) type Code = fn(&Task, &SigInfo) -> Result<(), Leave>;

/// Why a program does not go on behind a system call.
pub(crate) enum Leave {
    /// Its thread has exited.
    Exited,
    /// It has executed another.
    Replaced(Program),
}

/// What a system call answers; unless the program does not go on.
pub(crate) type Answer<T> = Result<Result<T, Errno>, Leave>;

/// What a system call has come to inside of the kernel, where that is no answer.
enum Failure {
    Errno(Errno),
    /// Something wants the thread; then the call is made again, or `EINTR`.
    Interrupted(Restart),
}

/// What a thread takes along on its way back to user space.
struct Registers {
    /// The call that was interrupted.
    restart: Option<Restart>,
    is_made_again: bool,
    /// The stack, as far as it is handlers'.
    frames: Vec<Frame>,
}

/// What shows a line that is printed.
type Screen = Box<dyn FnMut(&str) + Send>;

/// A terminal, with a line discipline of two keys.
pub(crate) struct Tty {
    terminal: ARef<Terminal<SmallKernel>>,
    lines: Mutex<VecDeque<String>>,
}

/// A thread that runs a program.
pub(crate) struct Task {
    pub(crate) thread: ARef<Thread>,
    machine: &'static Machine,
}

/// All that there is.
pub(crate) struct Machine {
    /// Where the processes are: for as long as it lives they do.
    _table: ProcessTable<Signals<SmallKernel>>,
    pub(crate) tty: Tty,
    print: Mutex<Screen>,
    /// Handlers, by their address.
    text: Mutex<Vec<Code>>,
}

impl Task {
    pub(crate) fn fork(
        &self,
        program: impl Fn(&Self) -> Result<u8, Leave> + Copy + Send + 'static,
    ) -> Answer<u32> {
        self.call(|| {
            let (process, thread) =
                self.signals().fork(CloneFlags::empty(), (), Sleeper::default())?;
            let child = self.thread.fork(ForkRequest::default(), process, thread);
            let child = child.map_err(made_again)?;
            let pid = child.process().pid();
            self.start(child, program);
            Ok(pid)
        })
    }

    pub(crate) fn clone_thread(&self, program: Program) -> Answer<u32> {
        self.call(|| {
            let thread = self.signals().new_thread(Sleeper::default());
            let thread = self.thread.spawn_thread(Number::Next, thread).map_err(made_again)?;
            let tid = thread.tid();
            self.start(thread, program);
            Ok(tid)
        })
    }

    pub(crate) fn execve(&self, program: Program) -> Answer<Infallible> {
        let executed = self.call(|| {
            let mut exec = self.thread.begin_exec()?;
            let mut finished = Ok(false);
            sleep_while(&self.thread, || {
                finished = exec.try_finish();
                finished == Ok(false)
            });
            finished?;
            self.signals().exec();
            Ok(())
        })?;
        executed.map_or_else(|errno| Ok(Err(errno)), |()| Err(Leave::Replaced(program)))
    }

    pub(crate) fn exit_group(&self, code: u8) -> Answer<Infallible> {
        self.call(|| {
            self.thread.process().begin_group_exit(ExitStatus::exited(code.into()));
            Err(Failure::Interrupted(Restart::Always))
        })
    }

    /// Ends the thread alone.
    pub(crate) fn exit(&self, code: u8) -> Answer<Infallible> {
        self.signals().exit_thread(ExitStatus::exited(code.into()));
        Err(Leave::Exited)
    }

    /// With `WNOHANG` it may find nothing.
    pub(crate) fn wait4(
        &self,
        pid: i32,
        options: WaitOptions,
    ) -> Answer<Option<(u32, WaitStatus)>> {
        self.call(|| {
            let request = WaitRequest::wait4(pid, options.bits() as i32)?;
            let call = self.thread.begin_wait(&request);
            self.sleep_for(|| match call.poll() {
                Ok(WaitOutcome::Event(event)) => Some(Ok(Some((event.pid, event.status)))),
                Ok(WaitOutcome::NothingYet(_)) => {
                    (request.patience() == Patience::Leave).then_some(Ok(None))
                }
                Err(errno) => Some(Err(errno.into())),
            })?
        })
    }

    pub(crate) fn kill(&self, pid: i32, signal: Signal) -> Answer<()> {
        self.answer(self.thread.kill(pid, signal.number().into()))
    }

    pub(crate) fn tkill(&self, tid: u32, signal: Signal) -> Answer<()> {
        self.answer(self.thread.tkill(tid.cast_signed(), signal.number().into()))
    }

    pub(crate) fn sigaction(&self, signal: Signal, action: Action) -> Answer<Action> {
        let number = signal.number().into();
        self.answer(self.signals().rt_sigaction(number, SignalSet::SIZE, || Ok(Some(action))))
    }

    pub(crate) fn sigprocmask(&self, how: i32, set: SignalSet) -> Answer<SignalSet> {
        self.answer(self.signals().rt_sigprocmask(how, SignalSet::SIZE, || Ok(Some(set))))
    }

    pub(crate) fn sigpending(&self) -> Answer<SignalSet> {
        self.answer(self.signals().rt_sigpending(SignalSet::SIZE))
    }

    pub(crate) fn sigsuspend(&self, mask: SignalSet) -> Answer<Infallible> {
        self.call(|| {
            self.signals().rt_sigsuspend(SignalSet::SIZE, || Ok(mask))?;
            self.sleep_until_wanted(Restart::UnlessHandled)
        })
    }

    pub(crate) fn pause(&self) -> Answer<Infallible> {
        self.call(|| self.sleep_until_wanted(Restart::UnlessHandled))
    }

    pub(crate) fn sigtimedwait(&self, set: SignalSet) -> Answer<SigInfo> {
        self.call(|| match self.signals().rt_sigtimedwait(SignalSet::SIZE, || Ok(set))? {
            TimedWait::Taken(info) => Ok(info),
            TimedWait::NothingYet(wait) => {
                let interrupted = self.sleep_until_wanted(Restart::Never);
                wait.finish().map_or(interrupted, Ok)
            }
        })
    }

    pub(crate) fn setsid(&self) -> Answer<u32> {
        self.answer(self.thread.process().setsid())
    }

    pub(crate) fn setpgid(&self, pid: i32, pgid: i32) -> Answer<()> {
        self.answer(self.thread.process().setpgid(pid, pgid))
    }

    pub(crate) fn open_tty(&self) -> Answer<()> {
        self.thread.process().open_terminal(&self.machine.tty.terminal, TerminalFile::Readable);
        self.answer(Ok(()))
    }

    pub(crate) fn tcsetpgrp(&self, pgid: u32) -> Answer<()> {
        let tty = &self.machine.tty.terminal;
        self.call(|| {
            let stop_signal = self.signals().stop_signal(Signal::SIGTTOU);
            let pgid = Ok(pgid.cast_signed());
            go_on(self.thread.process().tcsetpgrp(tty, pgid, stop_signal)?)
        })
    }

    pub(crate) fn read_line(&self) -> Answer<String> {
        let (process, tty) = (self.thread.process(), &self.machine.tty);
        self.call(|| {
            let stop_signal = self.signals().stop_signal(Signal::SIGTTIN);
            let access = TerminalAccess::Read;
            go_on(process.check_terminal_access(&tty.terminal, access, stop_signal)?)?;
            self.sleep_for(|| lock(&tty.lines).pop_front())
        })
    }
}

/// A terminal's answer: the call goes on, or is made again behind the signal that it has posted.
fn go_on(answer: TerminalAnswer) -> Result<(), Failure> {
    match answer {
        TerminalAnswer::Allowed => Ok(()),
        TerminalAnswer::SignalPosted(_) => Err(Failure::Interrupted(Restart::UnlessHandlerSaysNo)),
    }
}

/// A fork gives way to a signal that waits, and nobody sees that.
fn made_again(errno: Errno) -> Failure {
    match errno {
        Errno::EINTR => Failure::Interrupted(Restart::Always),
        errno => Failure::Errno(errno),
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// What calls are made of.
impl Task {
    fn signals(&self) -> Caller<'_, SmallKernel> {
        signals_of(&self.thread)
    }

    /// Sleeps until the thread is wanted: for that call, an interruption.
    fn sleep_until_wanted<T>(&self, restart: Restart) -> Result<T, Failure> {
        sleep_while(&self.thread, || self.thread.attention().is_empty());
        Err(Failure::Interrupted(restart))
    }

    /// Looks, sleeps, and looks again, until there is an answer or the thread is wanted.
    fn sleep_for<T>(&self, mut look: impl FnMut() -> Option<T>) -> Result<T, Failure> {
        let mut found = None;
        sleep_while(&self.thread, || {
            found = look();
            found.is_none() && self.thread.attention().is_empty()
        });
        found.ok_or(Failure::Interrupted(Restart::UnlessHandlerSaysNo))
    }

    /// A call that has its answer goes back to user space.
    fn answer<T>(&self, answer: Result<T, Errno>) -> Answer<T> {
        self.back(None)?;
        Ok(answer)
    }

    /// Makes a call that may be interrupted, as often as it has to be made.
    fn call<T>(&self, call: impl Fn() -> Result<T, Failure>) -> Answer<T> {
        loop {
            let (restart, answer) = match call() {
                Ok(value) => (None, Ok(value)),
                Err(Failure::Errno(errno)) => (None, Err(errno)),
                Err(Failure::Interrupted(restart)) => (Some(restart), Err(Errno::EINTR)),
            };
            if !self.back(restart)? {
                return Ok(answer);
            }
        }
    }

    /// Goes back to user space, where handlers run first: with places for what the next call sends. Whether this one is made again then.
    fn back(&self, restart: Option<Restart>) -> Result<bool, Leave> {
        self.thread.host().refill();
        let mut registers = Registers { restart, is_made_again: false, frames: Vec::new() };
        loop {
            if !return_to_user(&self.thread, &mut registers) {
                return Err(Leave::Exited);
            }
            let Some(frame) = registers.frames.pop() else { return Ok(registers.is_made_again) };
            let code = lock(&self.machine.text)[frame.action.handler.raw() - FIRST_ADDRESS];
            code(self, &frame.info)?;
            self.signals().rt_sigreturn(frame.saved_mask);
        }
    }
}

impl Registers {
    /// The call that was interrupted, if one was, is made again, or it is `EINTR`: that is decided once.
    fn end_call(&mut self, is_made_again: impl FnOnce(Restart) -> bool) {
        if let Some(restart) = self.restart.take() {
            self.is_made_again = is_made_again(restart);
        }
    }

    fn push(&mut self, frame: &Frame) -> Result<(), Errno> {
        self.frames.push(*frame);
        Ok(())
    }
}

/// What is left to do before `thread` runs in user space. False: it has exited.
fn return_to_user(thread: &Thread, registers: &mut Registers) -> bool {
    let signals = signals_of(thread);
    while !thread.attention().is_empty() {
        match signals.get_signal() {
            Delivery::Return => registers.end_call(Restart::without_handler),
            Delivery::Handle(frame) => {
                registers.end_call(|restart| restart.with_handler(&frame));
                signals.enter_handler(&frame, |frame| registers.push(frame));
            }
            Delivery::Stop => sleep_while(thread, || thread.is_stopped()),
            Delivery::Fatal(signal) => {
                thread.process().begin_group_exit(ExitStatus::killed(signal));
            }
            Delivery::Exit(status) => {
                signals.exit_thread(status);
                return false;
            }
            Delivery::Traced(_) => unreachable!("there is no ptrace"),
        }
    }
    registers.end_call(Restart::without_handler);
    true
}

/// Of handlers: 0 and 1 mean something else.
const FIRST_ADDRESS: usize = 2;

/// What stands around the kernel: processors, memory, a screen, a keyboard.
impl Task {
    /// Runs programs until the thread exits.
    pub(crate) fn run(self, program: impl Fn(&Self) -> Result<u8, Leave>) {
        let mut left = self.back(None).and_then(|_| program(&self));
        loop {
            left = match left {
                Ok(code) => self.exit_group(code).and(Err(Leave::Exited)),
                Err(Leave::Exited) => return,
                Err(Leave::Replaced(next)) => next(&self),
            }
        }
    }

    fn start(
        &self,
        thread: ARef<Thread>,
        program: impl Fn(&Self) -> Result<u8, Leave> + Send + 'static,
    ) {
        let machine = self.machine;
        std::thread::spawn(move || Self { thread, machine }.run(program));
    }

    pub(crate) fn print(&self, text: &str) {
        lock(&self.machine.print)(text);
    }

    /// What runs a function at a signal.
    pub(crate) fn handler(&self, code: Code, flags: ActionFlags) -> Action {
        let mut text = lock(&self.machine.text);
        text.push(code);
        let handler = Handler::from_raw(text.len() - 1 + FIRST_ADDRESS);
        Action { handler, flags, ..Action::default() }
    }
}

impl Machine {
    /// Makes one with its first process, which runs `init` in a thread of the caller's.
    pub(crate) fn boot(
        print: impl FnMut(&str) + Send + 'static,
    ) -> Result<(&'static Self, Task), Errno> {
        let table = ProcessTable::new(Signals::new(SmallKernel));
        let process = ProcessSignals::new(table.host(), ())?;
        let thread = table.new_init(1, process, ThreadSignals::new(Sleeper::default()))?;
        let terminal = table.new_terminal(TerminalKind::PseudoTerminal, 0x8800, ())?;
        let tty = Tty { terminal, lines: Mutex::default() };
        let print = Mutex::new(Box::new(print) as Screen);
        let machine: &_ =
            Box::leak(Box::new(Self { _table: table, tty, print, text: Mutex::default() }));
        Ok((machine, Task { thread, machine }))
    }
}

impl Tty {
    /// What the user types: `^C`, `^Z`, or a line.
    pub(crate) fn type_in(&self, text: &str) {
        match text {
            "^C" => drop(self.terminal.signal_foreground(Signal::SIGINT)),
            "^Z" => drop(self.terminal.signal_foreground(Signal::SIGTSTP)),
            line => {
                lock(&self.lines).push_back(line.to_owned());
                self.kick_readers();
            }
        }
    }

    fn kick_readers(&self) {
        let readers = self.terminal.foreground_group().map(|group| group.processes());
        for reader in readers.into_iter().flatten().flatten() {
            for thread in reader.threads().into_iter().flatten() {
                axprocess_signals::Kernel::kick(&SmallKernel, &thread);
            }
        }
    }
}
