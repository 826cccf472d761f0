//! An object is not moved, not borrowed to be changed, and what a hook or a lock is given is not kept.

#![allow(unused_mut, unreachable_code)]

use std::sync::Mutex;

use axprocess::{View, ARef, Host, Lock, Process, Relations, Shared, Thread, WaitRequest};

struct Kernel(Mutex<Vec<&'static Process<Kernel>>>);

impl Host for Kernel {
    type Lock = Mutex<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();

    fn wake_pollers(&self, _: View<'_, Self>, process: &Process<Self>) {
        self.0.lock().unwrap().push(process);
    }

    fn last_thread_exited(&self, view: View<'_, Self>, process: &Process<Self>) {
        self.0.lock().unwrap().extend(view.parent(process));
    }

    fn usage(&self, view: View<'_, Self>, process: &Process<Self>) {
        std::thread::scope(|scope| _ = scope.spawn(|| view.parent(process).is_some()));
    }
}

fn move_out(thread: ARef<Thread<Kernel>>) -> Thread<Kernel> {
    *thread
}

fn swap(mut one: ARef<Process<Kernel>>, mut other: ARef<Process<Kernel>>) {
    std::mem::swap(&mut *one, &mut *other);
}

fn swap_plain(mut one: ARef<Shared<u32>>, mut other: ARef<Shared<u32>>) {
    std::mem::swap(&mut *one, &mut *other);
}

fn keep_a_part(thread: ARef<Thread<Kernel>>) -> &'static ARef<Process<Kernel>> {
    thread.process()
}

fn outlive(thread: ARef<Thread<Kernel>>, request: &WaitRequest) {
    let call = thread.begin_wait(request);
    let future = call.event();
    drop(thread);
    drop(future);
}

fn keep_a_guard(lock: Mutex<Relations<Kernel>>) -> &'static mut Relations<Kernel> {
    let mut guard = Lock::lock(&lock);
    &mut *guard
}

fn main() {}
