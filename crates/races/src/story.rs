//! The schedule of one execution as a story: who did what, and who had the lock, in order. It is told when the execution fails.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic;
use std::sync::Once;

#[derive(Default)]
struct Story {
    lines: Vec<String>,
    doing: BTreeMap<String, String>,
    /// How often the lock was taken.
    holds: u64,
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

/// The thread of that name has got the lock of something: of the relations, or of a part of the signals.
pub(crate) fn has_lock<T>(thread: &str) {
    let of = std::any::type_name::<T>();
    let of = of.split('<').next().and_then(|path| path.rsplit("::").next()).unwrap_or(of);
    STORY.with_borrow_mut(|story| {
        story.holds += 1;
        let doing = story.doing.get(thread).map_or("sets the scene", String::as_str);
        let line = format!("{thread}: has the lock of {of} ({doing})");
        story.lines.push(line);
    });
}

/// Returns how often the lock has been taken in this execution.
pub fn holds() -> u64 {
    STORY.with_borrow(|story| story.holds)
}

/// From now on a panic tells the story of its execution, before anything is unwound.
pub(crate) fn tell_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let next = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let lines = STORY.try_with(RefCell::take).unwrap_or_default().lines;
            if !lines.is_empty() {
                eprintln!("The schedule that failed:\n  {}", lines.join("\n  "));
            }
            next(info);
        }));
    });
}
