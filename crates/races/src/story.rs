//! The schedule of one execution as a story: who did what, and who had the lock, in order. It is told when the execution fails.

use std::cell::RefCell;
use std::collections::BTreeMap;

#[derive(Default)]
struct Story {
    lines: Vec<String>,
    doing: BTreeMap<String, String>,
}

// Both explorers run all threads of an execution on one thread of the system, one after another.
thread_local! {
    static STORY: RefCell<Story> = RefCell::default();
}

/// Begins the story of another execution.
pub(crate) fn begin() {
    STORY.take();
}

/// The thread of that name begins to do something.
pub(crate) fn does(thread: String, what: &str) {
    STORY.with_borrow_mut(|story| {
        story.lines.push(format!("{thread}: calls {what}"));
        story.doing.insert(thread, what.to_owned());
    });
}

/// The thread of that name has got the lock.
pub(crate) fn has_lock(thread: &str) {
    STORY.with_borrow_mut(|story| {
        let doing = story.doing.get(thread).map_or("sets the scene", String::as_str);
        let line = format!("{thread}: has the lock ({doing})");
        story.lines.push(line);
    });
}

/// Prints the story when an execution fails.
pub(crate) struct TellOnPanic;

impl Drop for TellOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines = STORY.take().lines;
            eprintln!("The schedule that failed:\n  {}", lines.join("\n  "));
        }
    }
}
