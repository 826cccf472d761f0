//! What runs on it: init, a shell, a job; and the user, who reads the screen and types.

use std::sync::mpsc;

use axprocess::{Errno, Signal, SignalAction, WaitOptions, WaitStatus};

use super::calls::{Leave, Machine, Task};

/// Boots, types what a user would, and hands on what is on the screen.
pub(crate) fn play(mut show: impl FnMut(&str)) -> Result<(), Errno> {
    let (said, heard) = mpsc::channel();
    let (machine, init) = Machine::boot(move |text| drop(said.send(text.to_owned())))?;
    let running = std::thread::spawn(move || init_program(&init));
    let mut reads = 0;
    for line in heard {
        show(&line);
        reads += usize::from(line == "cat: reads");
        match (line.as_str(), reads) {
            ("cat: reads", 1) => machine.tty.type_in("^Z"),
            ("shell: the job runs on", _) => machine.tty.type_in("hello"),
            ("cat: reads", 2) => machine.tty.type_in("^C"),
            ("init: done", _) => break,
            _ => {}
        }
    }
    running.join().expect("init does not panic");
    Ok(())
}

/// Starts the shell, and reaps whoever ends. An init that is done waits for nobody.
fn init_program(task: &Task) {
    let run = || -> Result<(), Leave> {
        let shell = task.fork(|task| task.execve(shell)?.map_or(Ok(127), |()| Ok(0)))?;
        assert!(shell.is_ok());
        while let Ok((pid, status)) = task.wait4(-1, WaitOptions::empty())? {
            task.print(&format!("init: {pid} {}", shown(status)));
        }
        Ok(())
    };
    assert!(run().is_ok());
    task.print("init: done");
}

/// Runs `cat` as a job in the foreground; continues it when it has been stopped.
fn shell(task: &Task) -> Result<u8, Leave> {
    let Ok(own) = task.setsid()? else { return Ok(1) };
    task.open_tty()?.ok();
    task.signal(Signal::SIGTTOU, SignalAction::Ignore)?.ok();
    let Ok(job) = task.fork(begin_job)? else { return Ok(1) };
    while let Ok((pid, status)) = task.wait4(-1, WaitOptions::STOPPED)? {
        task.tcsetpgrp(own)?.ok();
        task.print(&format!("shell: {pid} {}", shown(status)));
        if let WaitStatus::Stopped(_) = status {
            task.tcsetpgrp(job)?.ok();
            task.kill(-job.cast_signed(), Signal::SIGCONT)?.ok();
            task.print("shell: the job runs on");
        }
    }
    Ok(7)
}

/// Puts itself into a group of its own, and that into the foreground.
fn begin_job(task: &Task) -> Result<u8, Leave> {
    task.setpgid(0, 0)?.ok();
    task.tcsetpgrp(task.thread.process().pid())?.ok();
    task.signal(Signal::SIGTTOU, SignalAction::Default)?.ok();
    task.execve(cat)?.map_or(Ok(127), |()| Ok(0))
}

/// Copies lines from the terminal to it.
fn cat(task: &Task) -> Result<u8, Leave> {
    loop {
        task.print("cat: reads");
        match task.read_line()? {
            Ok(line) => task.print(&format!("cat: {line}")),
            Err(_) => return Ok(1),
        }
    }
}

fn shown(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(code) => format!("exited with {code}"),
        WaitStatus::Signaled { signal, .. } => format!("died of {signal:?}"),
        WaitStatus::Stopped(signal) => format!("stopped by {signal:?}"),
        _ => format!("{status:?}"),
    }
}
