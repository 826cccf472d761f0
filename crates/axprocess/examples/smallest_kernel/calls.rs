//! The system calls, and the way back to user space.

use std::collections::VecDeque;
use std::sync::Mutex;

use axprocess::{
    ARef, Attention, DefaultAction, Errno, ExitStatus, ForkRequest, ProcessTable, Signal,
    SignalAction, StopSignal, Terminal, TerminalAccess, TerminalAnswer, TerminalFile, TerminalKind,
    WaitOptions, WaitOutcome, WaitRequest, WaitStatus,
};

use super::host::{Kernel, SIGNAL, Signals, Sleep, Thread, bit, kick, lock, sleep_while};

/// What runs in user space: it makes system calls, and returns its exit code.
pub(crate) type Program = fn(&Task) -> Result<u8, Leave>;

/// Why a program does not go on behind a system call.
pub(crate) enum Leave {
    /// Its process ends.
    Exited,
    /// It has executed another.
    Replaced(Program),
}

/// What a system call answers; unless the program does not go on.
pub(crate) type Answer<T> = Result<Result<T, Errno>, Leave>;

/// How a thread is back from the kernel's door.
enum Return {
    /// Nothing has been delivered.
    Quiet,
    /// A handler has run: a sleeping call is `EINTR`.
    Handled,
}

/// What shows a line that is printed.
type Screen = Box<dyn FnMut(&str) + Send>;

/// A terminal, with a line discipline of two keys.
pub(crate) struct Tty {
    terminal: ARef<Terminal<Kernel>>,
    lines: Mutex<VecDeque<String>>,
}

/// A thread that runs a program.
pub(crate) struct Task {
    pub(crate) thread: ARef<Thread>,
    pub(crate) machine: &'static Machine,
}

/// All that there is.
pub(crate) struct Machine {
    /// Where the processes are: for as long as it lives they do.
    _table: ProcessTable<Kernel>,
    pub(crate) tty: Tty,
    /// What programs print.
    pub(crate) print: Mutex<Screen>,
}

impl Task {
    /// Runs programs until the process ends.
    pub(crate) fn run(self, mut program: Program) {
        loop {
            match program(&self) {
                Ok(code) => {
                    let status = ExitStatus::exited(code.into());
                    self.thread.process().begin_group_exit(status);
                    self.thread.exit_thread(status);
                    return;
                }
                Err(Leave::Exited) => return,
                Err(Leave::Replaced(next)) => program = next,
            }
        }
    }

    pub(crate) fn print(&self, text: &str) {
        lock(&self.machine.print)(text);
    }

    pub(crate) fn fork(&self, program: Program) -> Answer<u32> {
        let signals = Signals { pending: 0, ..*lock(self.thread.process().host_data()) };
        let child = self.thread.fork(ForkRequest::default(), signals.into(), Sleep::default());
        self.back(child.map(|thread| {
            let (pid, machine) = (thread.process().pid(), self.machine);
            std::thread::spawn(move || Self { thread, machine }.run(program));
            pid
        }))
    }

    pub(crate) fn execve(&self, program: Program) -> Answer<()> {
        if let Err(errno) = self.thread.exec() {
            return self.back(Err(errno));
        }
        lock(self.thread.process().host_data()).handled = 0;
        Err(Leave::Replaced(program))
    }

    pub(crate) fn wait4(&self, pid: i32, options: WaitOptions) -> Answer<(u32, WaitStatus)> {
        let request = match WaitRequest::wait4(pid, options.bits() as i32) {
            Ok(request) => request,
            Err(errno) => return self.back(Err(errno)),
        };
        let call = self.thread.begin_wait(&request);
        self.interruptible(|| match call.poll() {
            Ok(WaitOutcome::Event(event)) => Some(Ok((event.pid, event.status))),
            Ok(WaitOutcome::NothingYet(token)) => {
                let process = self.thread.process();
                let is_quiet = || self.thread.attention().is_empty();
                sleep_while(&self.thread, || !process.has_news_since(token) && is_quiet());
                None
            }
            Err(errno) => Some(Err(errno)),
        })
    }

    pub(crate) fn kill(&self, pid: i32, signal: Signal) -> Answer<()> {
        self.back(self.thread.kill(pid, signal.number().into()))
    }

    pub(crate) fn signal(&self, signal: Signal, action: SignalAction) -> Answer<()> {
        let mut signals = lock(self.thread.process().host_data());
        signals.ignored &= !bit(signal);
        signals.handled &= !bit(signal);
        match action {
            SignalAction::Default => {}
            SignalAction::Ignore => signals.ignored |= bit(signal),
            SignalAction::Handle => signals.handled |= bit(signal),
        }
        drop(signals);
        self.back(Ok(()))
    }

    pub(crate) fn setsid(&self) -> Answer<u32> {
        self.back(self.thread.process().setsid())
    }

    pub(crate) fn setpgid(&self, pid: i32, pgid: i32) -> Answer<()> {
        self.back(self.thread.process().setpgid(pid, pgid))
    }

    pub(crate) fn open_tty(&self) -> Answer<()> {
        self.thread.process().open_terminal(&self.machine.tty.terminal, TerminalFile::Readable);
        self.back(Ok(()))
    }

    pub(crate) fn tcsetpgrp(&self, pgid: u32) -> Answer<()> {
        let (process, tty) = (self.thread.process(), &self.machine.tty.terminal);
        self.restarted(|| {
            process.tcsetpgrp(tty, Ok(pgid.cast_signed()), self.stop_signal(Signal::SIGTTOU))
        })
    }

    pub(crate) fn read_line(&self) -> Answer<String> {
        let (process, tty) = (self.thread.process(), &self.machine.tty);
        self.interruptible(|| {
            let stop_signal = self.stop_signal(Signal::SIGTTIN);
            match process.check_terminal_access(&tty.terminal, TerminalAccess::Read, stop_signal) {
                Ok(TerminalAnswer::Allowed) => {
                    let is_quiet = || self.thread.attention().is_empty();
                    sleep_while(&self.thread, || lock(&tty.lines).is_empty() && is_quiet());
                    lock(&tty.lines).pop_front().map(Ok)
                }
                Ok(TerminalAnswer::SignalPosted(_)) => None,
                Err(errno) => Some(Err(errno)),
            }
        })
    }

    fn stop_signal(&self, signal: Signal) -> StopSignal {
        match lock(self.thread.process().host_data()).ignored & bit(signal) {
            0 => StopSignal::Effective,
            _ => StopSignal::BlockedOrIgnored,
        }
    }

    /// A call that is made again behind the signal that it has posted.
    fn restarted(&self, call: impl Fn() -> Result<TerminalAnswer, Errno>) -> Answer<()> {
        self.interruptible(|| match call() {
            Ok(TerminalAnswer::Allowed) => Some(Ok(())),
            Ok(TerminalAnswer::SignalPosted(_)) => None,
            Err(errno) => Some(Err(errno)),
        })
    }

    /// A call that looks, sleeps, and looks again, until there is an answer or a handler has run.
    fn interruptible<T>(&self, look: impl Fn() -> Option<Result<T, Errno>>) -> Answer<T> {
        loop {
            if let Some(answer) = look() {
                return self.back(answer);
            }
            if let Return::Handled = self.prepare_return()? {
                return Ok(look().unwrap_or(Err(Errno::EINTR)));
            }
        }
    }

    fn back<T>(&self, answer: Result<T, Errno>) -> Answer<T> {
        self.prepare_return()?;
        Ok(answer)
    }

    /// Does all that is wanted of the thread before it runs in user space.
    fn prepare_return(&self) -> Result<Return, Leave> {
        let (thread, mut back) = (&self.thread, Return::Quiet);
        loop {
            let wanted = thread.attention();
            if wanted.is_empty() {
                return Ok(back);
            } else if wanted.contains(Attention::EXIT) {
                thread.exit_thread(ExitStatus::exited(0));
                return Err(Leave::Exited);
            } else if wanted.contains(Attention::STOPPED) {
                thread.notify_parent_if_continued();
            } else if wanted.contains(Attention::STOP) {
                thread.join_stop();
                sleep_while(thread, || thread.is_stopped());
            } else {
                thread.remove_attention(SIGNAL);
                self.deliver_signals(&mut back);
            }
        }
    }

    /// Takes one signal from the queue of the process, and does what it does.
    fn deliver_signals(&self, back: &mut Return) {
        let process = self.thread.process();
        let mut signals = lock(process.host_data());
        let number = signals.pending.trailing_zeros() as u8 + 1;
        let Some(signal) = Signal::new(number) else { return };
        let ticket = process.stop_ticket();
        signals.pending &= !bit(signal);
        if signals.pending != 0 {
            self.thread.add_attention(SIGNAL);
        }
        let (is_ignored, is_handled) =
            (signals.ignored & bit(signal) != 0, signals.handled & bit(signal) != 0);
        drop(signals);
        match signal.default_action() {
            _ if is_ignored => {}
            _ if is_handled => *back = Return::Handled,
            _ if process.is_protected_from(signal) => {}
            DefaultAction::Stop => drop(self.thread.begin_stop(signal, ticket)),
            DefaultAction::Terminate | DefaultAction::Dump => {
                process.begin_group_exit(ExitStatus::killed(signal));
            }
            DefaultAction::Ignore => {}
        }
    }
}

impl Machine {
    /// Makes one with its first process, which runs `init` in a thread of the caller's.
    pub(crate) fn boot(
        print: impl FnMut(&str) + Send + 'static,
    ) -> Result<(&'static Self, Task), Errno> {
        let table = ProcessTable::new(Kernel);
        let thread = table.new_init(1, Signals::default().into(), Sleep::default())?;
        let terminal = table.new_terminal(TerminalKind::PseudoTerminal, 0x8800, ())?;
        let tty = Tty { terminal, lines: Mutex::default() };
        let machine: &_ =
            Box::leak(Box::new(Self { _table: table, tty, print: Mutex::new(Box::new(print)) }));
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
                let readers = self.terminal.foreground_group().map(|group| group.processes());
                for reader in readers.into_iter().flatten().flatten() {
                    reader.threads().into_iter().flatten().for_each(|thread| kick(&thread));
                }
            }
        }
    }
}
