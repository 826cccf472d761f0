//! An object is not taken out of its reference, made by hand, or taken apart.

#![allow(unused_mut, unreachable_code)]

use std::sync::Mutex;

use axprocess::{ARef, Host, PidHandle, Process, Relations, Shared, Terminal, Thread};

struct Kernel;

impl Host for Kernel {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();
}

fn take(thread: ARef<Thread<Kernel>>) {
    let _ = ARef::try_unwrap(thread);
}

fn take_inner(terminal: ARef<Terminal<Kernel>>) {
    let _ = ARef::into_inner(terminal);
}

fn borrow(mut process: ARef<Process<Kernel>>) {
    let _ = ARef::get_mut(&mut process);
}

fn borrow_anew(mut plain: ARef<Shared<u32>>) {
    let _ = ARef::make_mut(&mut plain);
}

fn replace(mut plain: ARef<Shared<u32>>) {
    let _ = std::mem::take(&mut *plain);
}

fn take_apart(thread: &Thread<Kernel>, handle: PidHandle<Kernel>) {
    let _ = &thread.process;
    let _ = handle.identity;
}

fn make() -> Thread<Kernel> {
    Thread { head: loop {} }
}

fn make_shared() -> Shared<u32> {
    Shared { value: 7 }
}

fn count(relations: &Relations<Kernel>) {
    let _ = relations.table;
}

fn main() {}
