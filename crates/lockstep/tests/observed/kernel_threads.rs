//! kthreadd, kernel threads, and the helpers that the kernel runs in user mode.
//!
//! A helper comes about when a control group of a hierarchy with a release agent has lost its last member. The hierarchy is the scene's own, and mounted where the scene alone sees it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::scene::{permitted, scene, skip, test_of, until};
use crate::sys::{self, Who};
use crate::tracer;

const KTHREADD: i32 = 2;

/// Tells a test binary that it is a helper, and where the scene has its files.
const HELPER: &str = "LOCKSTEP_OBSERVED_HELPER";

/// How long the kernel may take to forget a hierarchy before it is asked again.
const PATIENCE: Duration = Duration::from_millis(500);

/// Goes on if the other root of this system is in sight.
fn need_kthreadd() {
    if fs::read_to_string("/proc/2/comm").ok().as_deref() != Some("kthreadd\n") {
        skip("number 2 is not kthreadd: a namespace of its own");
    }
}

/// Plays a scene with a helper, which runs `role` and then waits to be killed.
fn scene_with_helper<R: FnOnce(&Path), F: FnOnce()>(role: R, body: F) {
    let Some(place) = std::env::var_os(HELPER) else { return scene(body) };
    sys::set_alarm();
    role(Path::new(&place));
    sys::park();
}

/// What a helper has written under that name.
fn said(place: &Path, name: &str) -> Option<i32> {
    fs::read_to_string(place.join(name)).ok()?.parse().ok()
}

/// Writes a number down, at once or not at all.
fn say(place: &Path, name: &str, number: i32) {
    let whole = place.join(name);
    let part = whole.with_extension("part");
    fs::write(&part, number.to_string()).expect("a file");
    fs::rename(part, whole).expect("a file");
}

/// Has the kernel run a helper, which has said that it is there: its files, and its number.
fn run_helper<F: FnOnce()>(_: &F) -> (PathBuf, i32) {
    let place = std::env::temp_dir().join(format!("lockstep-helper-{}", sys::pid()));
    let tree = place.join("tree");
    fs::create_dir_all(&tree).expect("a directory");
    let agent = place.join("agent");
    let program = std::env::current_exe().expect("the test binary");
    let script = format!(
        "#!/bin/sh\n{HELPER}='{}' exec '{}' --exact --nocapture {}\n",
        place.display(),
        program.display(),
        test_of::<F>()
    );
    fs::write(&agent, script).expect("a script");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&agent, executable).expect("a script");

    permitted(sys::unshare(libc::CLONE_NEWNS), "a mount namespace");
    permitted(sys::mount("/", "", libc::MS_REC | libc::MS_PRIVATE, ""), "a mount of one's own");
    let target = tree.to_str().expect("a path").to_owned();
    let name = format!("name=lockstep{}", sys::pid());
    let options = format!("none,{name},release_agent={}", agent.display());
    match sys::mount(&target, "cgroup", 0, &options) {
        Err(libc::ENODEV | libc::EINVAL) => skip("there are no hierarchies with release agents"),
        answer => permitted(answer, "a hierarchy of control groups"),
    }
    let group = tree.join("group");
    fs::create_dir(&group).expect("a group");
    fs::write(group.join("notify_on_release"), "1").expect("a group");
    let member = sys::fork(|| {
        fs::write(group.join("cgroup.procs"), "0").expect("a group");
    });
    assert_eq!(sys::reap(member), sys::Event::Exited(0));
    let deadline = Instant::now() + Duration::from_secs(10);
    let helper = loop {
        let helper = said(&place, "helper");
        if helper.is_some() || Instant::now() > deadline {
            break helper;
        }
        std::thread::yield_now();
    };
    fs::remove_dir(&group).expect("nobody is in it");
    // What is left of the group goes in its own time. Only an unmount after that takes the hierarchy along, in its own time too.
    let is_known = || {
        let known = fs::read_to_string("/proc/self/cgroup").expect("/proc");
        known.contains(&format!("{name}:"))
    };
    sys::unmount(&target).expect("nobody uses it");
    let mut again = Instant::now() + PATIENCE;
    until(|| {
        if is_known() && Instant::now() > again {
            sys::mount(&target, "cgroup", 0, &options).expect("it was mounted before");
            sys::unmount(&target).expect("nobody uses it");
            again = Instant::now() + PATIENCE;
        }
        !is_known()
    });
    let Some(helper) = helper else {
        fs::remove_dir_all(&place).expect("its files");
        skip("the kernel runs no helper that is seen here");
    };
    (place, helper)
}

/// A helper's role in its plainest form.
fn be_there(place: &Path) {
    say(place, "helper", sys::pid());
}

/// The children of kthreadd, in the order of their birth.
fn kernel_threads() -> Vec<i32> {
    let threads = sys::children(KTHREADD);
    if threads.is_empty() {
        skip("the children of a thread are not shown");
    }
    threads
}

/// R-KTHREAD-01: kthreadd has number 2, no parent that is seen, no exit signal, one thread, and stands behind init in `/proc`.
#[test]
fn kthreadd_is_the_second_root() {
    scene(|| {
        need_kthreadd();
        for root in [1, KTHREADD] {
            assert_eq!(sys::stat_number(root, 4), 0, "the parent of {root}");
        }
        assert_eq!((sys::stat_number(KTHREADD, 38), sys::stat_number(KTHREADD, 20)), (0, 1));
        let names = fs::read_dir("/proc").expect("/proc").flatten();
        let mut numbers = names.filter_map(|it| it.file_name().to_str()?.parse::<i32>().ok());
        assert_eq!([numbers.next(), numbers.next()], [Some(1), Some(KTHREADD)]);
        let wait = sys::wait(Who::Child(KTHREADD), libc::WEXITED | libc::WNOHANG);
        assert_eq!(wait, Err(libc::ECHILD));
    });
}

/// R-KTHREAD-02: the group and the session of kthreadd have number 0, which names nobody.
#[test]
fn number_0_names_nobody() {
    scene(|| {
        need_kthreadd();
        assert_eq!(sys::group_and_session(KTHREADD), Ok((0, 0)));
        assert_eq!((sys::stat_number(KTHREADD, 5), sys::stat_number(KTHREADD, 6)), (0, 0));
        assert_eq!(sys::state(0), None, "it is not in /proc");
        assert_eq!(sys::setpgid(KTHREADD, 0), Err(libc::ESRCH));
        let child = sys::fork(|| assert_eq!(sys::setpgid(0, KTHREADD), Err(libc::EPERM)));
        assert_eq!(sys::reap(child), sys::Event::Exited(0));
        assert_eq!(sys::kill(-KTHREADD, 0), Err(libc::ESRCH));
        assert_eq!(sys::pidfd_of_thread(0).map(drop), Err(libc::EINVAL));
        assert_eq!(tracer::seize(0, 0), Err(libc::ESRCH));
    });
}

/// R-KTHREAD-03: kernel threads are children of kthreadd with SIGCHLD as their exit signal, in its group and session. Any signal can be sent to one, and nothing comes of it.
#[test]
fn signals_do_nothing_to_kernel_threads() {
    scene(|| {
        need_kthreadd();
        let child = kernel_threads()[0];
        assert_eq!((sys::stat_number(child, 4), sys::stat_number(child, 38)), (2, 17));
        assert_eq!((sys::stat_number(child, 5), sys::stat_number(child, 6)), (0, 0));
        for target in [KTHREADD, child] {
            permitted(sys::kill(target, 0), "a signal to a kernel thread");
            let signals =
                [libc::SIGKILL, libc::SIGSTOP, libc::SIGTSTP, libc::SIGTERM, libc::SIGCONT];
            for signal in signals {
                assert_eq!(sys::kill(target, signal), Ok(()));
                assert_eq!(sys::tgkill(target, target, signal), Ok(()));
                assert!(!sys::is_pending(target, signal));
            }
            assert!(matches!(sys::state(target), Some('S' | 'I' | 'R' | 'D')));
            assert!(sys::try_status_line(target, "Kthread").is_none_or(|it| it == "1"));
        }
    });
}

/// R-KTHREAD-04: nobody traces a kernel thread, with whatever rights.
#[test]
fn kernel_threads_are_not_traced() {
    scene(|| {
        need_kthreadd();
        let child = sys::fork(|| sys::park());
        tracer::seize_or_skip(child, 0);
        for target in [KTHREADD, kernel_threads()[0]] {
            assert_eq!(tracer::seize(target, 0), Err(libc::EPERM));
        }
    });
}

/// R-KTHREAD-05, R-KTHREAD-06: a helper is kthreadd's child in group 0 of session 0, and no kernel thread: a signal ends it. Nobody reaps it, and it is gone.
#[test]
fn helpers_are_mortal_children_of_kthreadd() {
    let body = || {
        need_kthreadd();
        let (place, helper) = run_helper(&|| ());
        fs::remove_dir_all(place).expect("its files");
        let fields = [4, 5, 6, 38].map(|field| sys::stat_number(helper, field));
        assert_eq!(fields, [2, 0, 0, 17]);
        assert!(sys::try_status_line(helper, "Kthread").is_none_or(|it| it == "0"));
        sys::kill(helper, libc::SIGTERM).expect("a helper");
        until(|| sys::state(helper).is_none());
    };
    scene_with_helper(be_there, body);
}

/// R-KTHREAD-07: who a helper leaves behind goes to init.
#[test]
fn orphans_of_a_helper_go_to_init() {
    let role = |place: &Path| {
        let child = sys::fork(|| {
            let grandchild = sys::fork(|| sys::park());
            say(place, "grandchild", grandchild);
        });
        say(place, "child", child);
        be_there(place);
    };
    let body = || {
        need_kthreadd();
        let (place, helper) = run_helper(&|| ());
        until(|| said(&place, "grandchild").is_some());
        let orphan = said(&place, "grandchild").expect("it was there");
        let zombie = said(&place, "child").expect("it was said before");
        // Not the other root, and not the helper itself, which is no subreaper.
        until(|| sys::stat_number(orphan, 4) == 1);
        until(|| sys::state(zombie) == Some('Z'));
        assert_eq!(sys::stat_number(zombie, 4), i64::from(helper));
        sys::kill(helper, libc::SIGKILL).expect("a helper");
        until(|| sys::state(helper).is_none());
        assert_eq!((sys::stat_number(orphan, 4), sys::stat_number(orphan, 5)), (1, 0));
        sys::kill(orphan, libc::SIGKILL).expect("an orphan");
        fs::remove_dir_all(place).expect("its files");
    };
    scene_with_helper(role, body);
}

/// R-KTHREAD-08: the group that a helper leads is not orphaned: kthreadd is in the same session and another group. So a stop from the terminal's side stops it.
#[test]
fn kthreadd_links_the_group_of_its_child() {
    let role = |place: &Path| {
        sys::setpgid(0, 0).expect("a group of its own");
        be_there(place);
    };
    let body = || {
        need_kthreadd();
        let (place, helper) = run_helper(&|| ());
        fs::remove_dir_all(place).expect("its files");
        assert_eq!(sys::group_and_session(helper), Ok((helper, 0)));
        sys::kill(helper, libc::SIGTSTP).expect("a helper");
        until(|| sys::state(helper) == Some('T'));
        sys::kill(helper, libc::SIGKILL).expect("a helper");
        until(|| sys::state(helper).is_none());
    };
    scene_with_helper(role, body);
}
