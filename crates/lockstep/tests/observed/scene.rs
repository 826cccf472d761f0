//! Runs the body of a test in a process of its own, and ends whatever that leaves behind.
//!
//! Three processes take part. The test harness has many threads, from which one must not fork: so
//! it executes the test binary again, for this one test. That is the supervisor, the subreaper of
//! all that follows; it forks the scene, which leads a session of its own and runs the body. When
//! the scene has ended, or takes too long, the supervisor kills and reaps all descendants. Should
//! the supervisor itself be killed, the scene's processes end by their alarms.

use std::ops::ControlFlow;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::sys::{self, Who};

/// No scene takes this long unless something hangs.
const LIMIT: Duration = Duration::from_secs(60);
/// Tells a test binary that it is the supervisor.
const SUPERVISOR: &str = "LOCKSTEP_OBSERVED_SUPERVISOR";
/// The scene has run to its end. No other way to end gives this status.
const SEEN: i32 = 42;
/// The scene has found that it cannot be played here.
const SKIPPED: i32 = 77;

/// Plays a scene. Fails if any of its processes has panicked.
pub(crate) fn scene<F: FnOnce()>(body: F) {
    if std::env::var_os(SUPERVISOR).is_some() {
        supervise(body);
    }
    let test = test_of::<F>();
    let output = Command::new(std::env::current_exe().expect("the test binary"))
        .args(["--exact", "--nocapture", test])
        .env(SUPERVISOR, "")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .output()
        .expect("the supervisor");
    let told = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(SEEN) => assert!(told.is_empty(), "{told}"),
        Some(SKIPPED) => {
            // Past the harness, which would keep it to itself.
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "skipped: {test}: {}", told.trim_end());
        }
        _ => panic!("{}: {told}", output.status),
    }
}

/// The test in which that closure stands, as the harness names it.
pub(crate) fn test_of<F>() -> &'static str {
    let test = std::any::type_name::<F>();
    let test = test.trim_end_matches("::{{closure}}");
    test.split_once("::").map_or(test, |(_, path)| path)
}

/// Ends the scene as one that cannot be played here. Only for the scene's first process.
pub(crate) fn skip(reason: &str) -> ! {
    eprintln!("{reason}");
    sys::exit(SKIPPED)
}

/// The answer of a call that needs a privilege, or a skipped scene.
pub(crate) fn permitted<T>(answer: Result<T, i32>, what: &str) -> T {
    match answer {
        Ok(value) => value,
        Err(libc::EPERM | libc::EACCES | libc::ENOSYS) => skip(&format!("{what} is not permitted")),
        Err(errno) => panic!("{what}: errno {errno}"),
    }
}

/// Looks until it is so. A condition that never holds fails the test.
#[track_caller]
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT / 3;
    while !is_so() {
        assert!(Instant::now() < deadline, "it has not come about");
        std::thread::yield_now();
    }
}

fn supervise<F: FnOnce()>(body: F) -> ! {
    sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL).expect("the harness's death is told");
    sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1).expect("a subreaper");
    let scene = sys::fork(|| {
        sys::setsid().expect("a session of its own");
        // Who runs the tests may ignore some: nohup(1), a job in the background of a script.
        (1..=64).for_each(sys::use_default);
        body();
        sys::exit(SEEN);
    });
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        match sys::wait(Who::Child(scene), libc::WEXITED | libc::WNOHANG) {
            Ok(Some((_, sys::Event::Exited(status)))) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
            other => {
                eprintln!("the scene has not run to its end: {other:?}");
                break 1;
            }
        }
    };
    while end_descendants().is_continue() {
        std::thread::yield_now();
    }
    sys::exit(status)
}

/// Kills all children, and reaps those that have ended: theirs become ours.
fn end_descendants() -> ControlFlow<()> {
    for thread in std::fs::read_dir("/proc/self/task").expect("/proc").flatten() {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            let _ = sys::kill(child, libc::SIGKILL);
        }
    }
    match sys::wait(Who::Any, libc::WEXITED | libc::WNOHANG | libc::__WALL) {
        Err(_) => ControlFlow::Break(()),
        Ok(_) => ControlFlow::Continue(()),
    }
}
