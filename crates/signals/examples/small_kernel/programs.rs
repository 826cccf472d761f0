//! What runs on it: init, a shell, its jobs; and the user, who reads the screen and types.

use std::sync::mpsc;

use axprocess::{Errno, Signal, WaitOptions, WaitStatus};
use axprocess_signals::{Action, ActionFlags, Handler, SigInfo, SignalSet};

use super::calls::{Leave, Machine, Program, Task};

/// What the user types when that is on the screen, one after the other.
const SESSION: &[(&str, &str)] = &[
    ("shell: ready", "reader"),
    ("reader: reads", "^C"),
    ("reader: caught SIGINT", "one"),
    ("reader: reads without SA_RESTART", "^C"),
    ("reader: reads", "^Z"),
    ("shell: ready", "fg"),
    ("shell: reader runs on", "two"),
    ("reader: reads", "^Z"),
    ("shell: ready", "kill"),
    ("shell: ready", "parent"),
    ("shell: ready", "sleeper"),
    ("sleeper: sleeps", "^Z"),
    ("shell: ready", "fg"),
    ("shell: sleeper runs on", "^C"),
    ("shell: ready", "threads"),
    ("shell: ready", "exit"),
];

/// `SIG_BLOCK`.
const BLOCK: i32 = 0;

/// Boots, types what a user would, and hands on what is on the screen.
pub(crate) fn play(mut show: impl FnMut(&str)) -> Result<(), Errno> {
    let (said, heard) = mpsc::channel();
    let (machine, init) = Machine::boot(move |text| drop(said.send(text.to_owned())))?;
    let running = std::thread::spawn(move || init.run(init_program));
    let mut session = SESSION.iter().peekable();
    for line in heard {
        show(&line);
        if let Some((_, keys)) = session.next_if(|(seen, _)| *seen == line) {
            show(&format!("> {keys}"));
            machine.tty.type_in(keys);
        }
        if line == "init: done" {
            break;
        }
    }
    running.join().expect("init does not panic");
    Ok(())
}

/// Starts the shell, and reaps whoever ends.
fn init_program(task: &Task) -> Result<u8, Leave> {
    let shell = task.fork(|task| execute(task, shell))?;
    assert!(shell.is_ok());
    while let Ok(Some((pid, status))) = task.wait4(-1, WaitOptions::empty())? {
        task.print(&format!("init: {pid} {}", shown(status)));
    }
    task.print("init: done");
    Ok(0)
}

/// Runs jobs in the foreground; continues, or kills, what has been stopped.
fn shell(task: &Task) -> Result<u8, Leave> {
    let Ok(own) = task.setsid()? else { return Ok(1) };
    task.open_tty()?.ok();
    let ignored = Action { handler: Handler::Ignore, ..Action::default() };
    task.sigaction(Signal::SIGTTOU, ignored)?.ok();
    let (mut job, mut name) = (0, String::new());
    loop {
        task.print("shell: ready");
        let Ok(line) = task.read_line()? else { return Ok(1) };
        match line.as_str() {
            "exit" => return Ok(0),
            "fg" => {
                task.tcsetpgrp(job)?.ok();
                task.kill(-job.cast_signed(), Signal::SIGCONT)?.ok();
                task.print(&format!("shell: {name} runs on"));
            }
            "kill" => {
                task.kill(-job.cast_signed(), Signal::SIGTERM)?.ok();
                task.kill(-job.cast_signed(), Signal::SIGCONT)?.ok();
            }
            _ => {
                let program = match line.as_str() {
                    "reader" => reader,
                    "parent" => parent,
                    "sleeper" => sleeper,
                    _ => threads,
                };
                let Ok(pid) = task.fork(move |task| begin_job(task, program))? else {
                    return Ok(1);
                };
                (job, name) = (pid, line);
            }
        }
        let status = task.wait4(job.cast_signed(), WaitOptions::STOPPED)?;
        task.tcsetpgrp(own)?.ok();
        if let Ok(Some((_, status))) = status {
            task.print(&format!("shell: {name} {}", shown(status)));
        }
    }
}

/// Puts itself into a group of its own, and that into the foreground.
fn begin_job(task: &Task, program: Program) -> Result<u8, Leave> {
    task.setpgid(0, 0)?.ok();
    task.tcsetpgrp(task.thread.process().pid())?.ok();
    task.sigaction(Signal::SIGTTOU, Action::default())?.ok();
    execute(task, program)
}

fn execute(task: &Task, program: Program) -> Result<u8, Leave> {
    task.execve(program)?.ok();
    Ok(127)
}

/// Reads lines, and goes on behind SIGINT: its read is made again, or fails.
fn reader(task: &Task) -> Result<u8, Leave> {
    let handler = task.handler(
        |task, info| {
            task.print(&format!("reader: caught {:?}", info.signal()));
            Ok(())
        },
        ActionFlags::RESTART,
    );
    task.sigaction(Signal::SIGINT, handler)?.ok();
    read(task, "")?;
    let handler = Action { flags: ActionFlags::empty(), ..handler };
    task.sigaction(Signal::SIGINT, handler)?.ok();
    read(task, " without SA_RESTART")?;
    loop {
        read(task, "")?;
    }
}

fn read(task: &Task, how: &str) -> Result<(), Leave> {
    task.print(&format!("reader: reads{how}"));
    let line = task.read_line()?;
    task.print(&format!("reader: {line:?}"));
    Ok(())
}

/// Kills its child, and waits for it by waiting for the signal.
fn parent(task: &Task) -> Result<u8, Leave> {
    let set = SignalSet::from(Signal::SIGCHLD);
    task.sigprocmask(BLOCK, set)?.ok();
    let Ok(child) = task.fork(|task| task.pause()?.map_or(Ok(1), |never| match never {}))? else {
        return Ok(1);
    };
    task.kill(child.cast_signed(), Signal::SIGTERM)?.ok();
    if let Ok(info) = task.sigtimedwait(set)? {
        let is_childs = info.pid() == child;
        task.print(&format!("parent: {:?}, its child's: {is_childs}", info.signal()));
        task.print(&format!("parent: si_code {}, si_status {}", info.code(), info.status()));
    }
    let is_reaped = task.wait4(-1, WaitOptions::empty())?.is_ok();
    task.print(&format!("parent: reaped: {is_reaped}"));
    Ok(0)
}

/// Blocks a signal but in sigsuspend, behind which it is blocked again.
fn sleeper(task: &Task) -> Result<u8, Leave> {
    let handler = task.handler(
        |task, _| {
            task.print(&format!("sleeper: the handler blocks {}", mask(task)?));
            Ok(())
        },
        ActionFlags::RESTART,
    );
    let handler = Action { mask: SignalSet::from(Signal::SIGUSR2), ..handler };
    task.sigaction(Signal::SIGUSR1, handler)?.ok();
    task.sigprocmask(BLOCK, SignalSet::from(Signal::SIGUSR1))?.ok();
    task.kill(task.thread.process().pid().cast_signed(), Signal::SIGUSR1)?.ok();
    task.print(&format!("sleeper: {:?} waits", task.sigpending()?));
    task.print(&format!("sleeper: {:?}", task.sigsuspend(SignalSet::EMPTY)?));
    task.print(&format!("sleeper: blocks {} again", mask(task)?));
    task.sigaction(Signal::SIGINT, handler)?.ok();
    task.sigprocmask(BLOCK, SignalSet::from(Signal::SIGINT))?.ok();
    task.print("sleeper: sleeps");
    task.print(&format!("sleeper: {:?}", task.sigsuspend(SignalSet::EMPTY)?));
    task.print(&format!("sleeper: blocks {} again", mask(task)?));
    Ok(0)
}

fn mask(task: &Task) -> Result<String, Leave> {
    Ok(format!("{:?}", task.sigprocmask(BLOCK, SignalSet::EMPTY)?))
}

/// Blocks a signal that its second thread takes, and leaves the process to that.
fn threads(task: &Task) -> Result<u8, Leave> {
    let pid = task.thread.process().pid().cast_signed();
    let handler = task.handler(say_who, ActionFlags::empty());
    task.sigaction(Signal::SIGUSR1, handler)?.ok();
    let both = SignalSet::from(Signal::SIGUSR1).with(Signal::SIGUSR2);
    task.sigprocmask(BLOCK, both)?.ok();
    task.clone_thread(second_thread)?.ok();
    task.kill(pid, Signal::SIGUSR1)?.ok();
    let answer = task.sigtimedwait(SignalSet::from(Signal::SIGUSR2))?;
    task.print(&format!("threads: the first has {:?}", answer.map(|info| info.signal())));
    task.kill(pid, Signal::SIGUSR1)?.ok();
    task.exit(1)?.ok();
    Ok(1)
}

fn say_who(task: &Task, info: &SigInfo) -> Result<(), Leave> {
    task.print(&format!("threads: {} takes {:?}", who(task), info.signal()));
    Ok(())
}

fn second_thread(task: &Task) -> Result<u8, Leave> {
    let all_but = !SignalSet::from(Signal::SIGUSR1);
    task.sigsuspend(all_but)?.ok();
    task.tkill(task.thread.process().pid(), Signal::SIGUSR2)?.ok();
    task.sigsuspend(all_but)?.ok();
    execute(task, last)
}

fn last(task: &Task) -> Result<u8, Leave> {
    task.print(&format!("last: {} has executed it", who(task)));
    Ok(0)
}

fn who(task: &Task) -> &'static str {
    if task.thread.tid() == task.thread.process().pid() { "the leader" } else { "another thread" }
}

fn shown(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(code) => format!("exited with {code}"),
        WaitStatus::Signaled { signal, .. } => format!("died of {signal:?}"),
        WaitStatus::Stopped(signal) => format!("stopped by {signal:?}"),
        _ => format!("{status:?}"),
    }
}
