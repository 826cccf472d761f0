//! What a new process or thread begins with, and when there is none.

use std::fs;
use std::path::{Path, PathBuf};

use crate::scene::{permitted, scene, until};
use crate::sys::{self, Board, Event, Gate, Who};

/// R-CLONE-19: a process that is being forked while SIGKILL reaches its group does not escape.
#[test]
fn no_child_escapes_the_death_of_its_group() {
    scene(|| {
        for _ in 0..10 {
            let board = Board::new();
            let group = sys::fork(|| {
                sys::setpgid(0, 0).expect("a group");
                for _ in 0..2 {
                    sys::fork(|| {
                        while board.get(0) < 400 {
                            sys::fork(|| sys::park());
                            board.count(0);
                        }
                        sys::park();
                    });
                }
                sys::park();
            });
            until(|| board.get(0) > 20);
            sys::kill(-group, libc::SIGKILL).expect("a group");
            assert_eq!(sys::reap(group), Event::Killed(libc::SIGKILL));
            // Whoever is left has become a child of the supervisor, which does not reap yet: all
            // are zombies in the end, or there is a survivor.
            until(|| members(group).iter().all(|&state| state == 'Z'));
        }
    });
}

/// The states of all processes in a group.
fn members(group: i32) -> Vec<char> {
    let group = group.to_string();
    let is_member = |path: &str| sys::stat(path, 5).is_some_and(|of| of == group);
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    processes
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()) && is_member(name))
        .filter_map(|name| sys::stat(&name, 3)?.chars().next())
        .collect()
}

/// R-FORK-10, R-RUSAGE-07: a new process has used nothing, and its children have used nothing.
#[test]
fn new_processes_have_used_nothing() {
    scene(|| {
        let pages = |count: usize| std::hint::black_box(vec![1u8; count << 12]).len();
        pages(4000);
        let child = sys::fork(|| assert_eq!(pages(2000), 2000 << 12));
        sys::reap(child);
        assert!(sys::usage(libc::RUSAGE_SELF).ru_minflt >= 4000);
        assert!(sys::usage(libc::RUSAGE_CHILDREN).ru_minflt >= 2000);
        let child = sys::fork(|| {
            let own = sys::usage(libc::RUSAGE_SELF);
            let children = sys::usage(libc::RUSAGE_CHILDREN);
            assert!(own.ru_minflt < 1000, "{}", own.ru_minflt);
            assert_eq!((children.ru_minflt, children.ru_nvcsw, children.ru_maxrss), (0, 0, 0));
        });
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}

/// R-FORK-12: a child's children are to be born where it lives, be it in its parent's namespace,
/// the one that its parent has unshared, or one that it was cloned into.
#[test]
fn children_are_born_where_their_parent_lives() {
    scene(|| {
        let link = |name: &str| std::fs::read_link(format!("/proc/self/ns/{name}")).ok();
        let lives_where_it_forks = || assert_eq!(link("pid"), link("pid_for_children"));
        let outer = link("pid");
        assert_eq!(sys::reap(sys::fork(lives_where_it_forks)), Event::Exited(0));
        let cloned = sys::clone(libc::CLONE_NEWPID | libc::SIGCHLD, || {
            assert_ne!(link("pid"), outer);
            lives_where_it_forks();
            assert_eq!(sys::reap(sys::fork(lives_where_it_forks)), Event::Exited(0));
        });
        assert_eq!(sys::reap(permitted(cloned, "a PID namespace")), Event::Exited(0));
        permitted(sys::unshare(libc::CLONE_NEWPID), "a PID namespace");
        let child = sys::fork(|| {
            assert_eq!(sys::pid(), 1);
            lives_where_it_forks();
            // Unlike its parent it is free to unshare again.
            sys::unshare(libc::CLONE_NEWPID).expect("a namespace below");
        });
        assert_ne!(link("pid"), link("pid_for_children"));
        assert_eq!(sys::unshare(libc::CLONE_NEWPID), Err(libc::EINVAL));
        assert_eq!(sys::reap(child), Event::Exited(0));
    });
}

/// R-FORK-13: threads that are created while their process is being stopped are stopped with it.
#[test]
fn threads_created_during_a_stop_join_it() {
    /// Where each of the two threads that create others counts them.
    const CREATORS: [usize; 2] = [0, 1];
    scene(|| {
        let board = Board::new();
        let child = sys::fork(|| {
            for creator in CREATORS {
                std::thread::spawn(move || {
                    loop {
                        let created = std::thread::spawn(move || board.count(creator));
                        created.join().expect("a thread");
                    }
                });
            }
            sys::park();
        });
        let created = || CREATORS.map(|creator| board.get(creator));
        // Also the second creator has begun.
        until(|| created().iter().all(|&count| count > 0));
        for _ in 0..50 {
            let before = created();
            until(|| created() != before);
            sys::kill(child, libc::SIGSTOP).expect("a child");
            let stopped = sys::wait(Who::Child(child), libc::WSTOPPED).expect("a child");
            assert_eq!(stopped, Some((child, Event::Stopped(libc::SIGSTOP))));
            // A thread that is ending when the stop completes counts as stopped, and goes on.
            until(|| thread_states(child).iter().all(|state| "TZX".contains(*state)));
            let in_the_stop = created();
            assert!(thread_states(child).iter().filter(|&&state| state == 'T').count() >= 3);
            assert_eq!(created(), in_the_stop);
            sys::kill(child, libc::SIGCONT).expect("a child");
        }
    });
}

fn thread_states(process: i32) -> Vec<char> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("a process");
    let names = threads.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|tid| sys::thread_state(process, tid.parse().ok()?)).collect()
}

/// R-FORK-15: a process that has been stopped and continued, which nobody has asked for yet, has
/// children of which there is nothing to tell.
#[test]
fn reports_of_stops_are_not_inherited() {
    scene(|| {
        let gate = Gate::new();
        let board = Board::new();
        let parent = sys::fork(|| {
            gate.pass();
            let child = sys::fork(|| sys::park());
            board.set(0, child);
            let told = libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG;
            assert_eq!(sys::wait(Who::Child(child), told), Ok(None));
            assert_eq!(sys::state(child).map(|state| "RS".contains(state)), Some(true));
            sys::park();
        });
        sys::kill(parent, libc::SIGSTOP).expect("a child");
        until(|| sys::state(parent) == Some('T'));
        // What the stop has left in the exit code is there until it is asked for (R-PROC-05).
        assert_eq!(sys::stat_number(parent, 52), i64::from(libc::SIGSTOP));
        sys::kill(parent, libc::SIGCONT).expect("a child");
        gate.open();
        until(|| board.get(0) != 0);
        assert_eq!(sys::stat_number(board.get(0), 52), 0);
        let told = sys::wait(Who::Child(parent), libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG);
        assert_eq!(told, Ok(Some((parent, Event::Continued))));
    });
}

/// A fork that fails with `EFAULT` when the kernel has made all of the child, and writes its pidfd to an address that cannot be written.
fn fork_in_vain() -> Option<i32> {
    // SAFETY: all zeros are a valid `clone_args`.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    (args.flags, args.pidfd, args.exit_signal) =
        (libc::CLONE_PIDFD as u64, 1, libc::SIGCHLD as u64);
    // SAFETY: it makes no child, for its pidfd cannot be written.
    let made = unsafe { libc::syscall(libc::SYS_clone3, &args, size_of_val(&args)) };
    (made < 0).then(|| std::io::Error::last_os_error().raw_os_error()).flatten()
}

/// R-FORK-17: a fork that fails late has used its number up.
#[test]
fn a_fork_in_vain_uses_its_number_up() {
    scene(|| {
        // In a namespace of its own: nobody else takes numbers.
        let body = || {
            let first = sys::fork(|| ());
            assert_eq!(fork_in_vain(), Some(libc::EFAULT));
            let next = sys::fork(|| ());
            assert_eq!(next, first + 2);
            sys::reap(first);
            sys::reap(next);
        };
        let flags = libc::CLONE_NEWPID | libc::SIGCHLD;
        let inner = permitted(sys::clone(flags, body), "a PID namespace");
        assert_eq!(sys::reap(inner), Event::Exited(0));
    });
}

/// R-FORK-18: the first fork into a namespace is made, or none ever is.
#[test]
fn a_first_fork_in_vain_ends_its_namespace() {
    scene(|| {
        permitted(sys::unshare(libc::CLONE_NEWPID), "a PID namespace");
        assert_eq!(fork_in_vain(), Some(libc::EFAULT));
        for _ in 0..2 {
            assert_eq!(sys::try_fork(|| ()), Err(libc::ENOMEM));
        }
    });
}

/// A new cgroup with a limit of tasks, in whichever hierarchy has such limits.
fn cgroup_of_tasks() -> PathBuf {
    let root = Path::new("/sys/fs/cgroup");
    let has_pids = |children: &str| children.split_whitespace().any(|name| name == "pids");
    let unified = fs::read_to_string(root.join("cgroup.subtree_control"));
    let parent = match unified {
        Ok(children) if has_pids(&children) => root.to_owned(),
        _ => root.join("pids"),
    };
    let cgroup = parent.join(format!("observed-{}", std::process::id()));
    let made = fs::create_dir(&cgroup).map_err(|error| match error.raw_os_error() {
        // There is no such hierarchy, or it cannot be written.
        Some(libc::ENOENT | libc::EROFS) | None => libc::EPERM,
        Some(errno) => errno,
    });
    permitted(made, "a cgroup");
    cgroup
}

/// R-CLONE-23: a fork that the cgroup's limit of tasks does not allow uses its number up, and ends the namespace whose first it would have made; zombies count.
#[test]
fn a_limit_of_tasks_refuses_a_fork() {
    scene(|| {
        let cgroup = cgroup_of_tasks();
        let write =
            |file: &str, value: &str| fs::write(cgroup.join(file), value).expect("a cgroup");
        let body = || {
            write("cgroup.procs", "0");
            write("pids.max", "2");
            let first = sys::fork(|| ());
            let ended = sys::wait(Who::Child(first), libc::WEXITED | libc::WNOWAIT);
            assert_eq!(ended, Ok(Some((first, Event::Exited(0)))));
            assert_eq!(sys::try_fork(|| ()), Err(libc::EAGAIN));
            sys::reap(first);
            let next = sys::fork(|| ());
            assert_eq!(next, first + 2);
            sys::reap(next);
            write("pids.max", "1");
            permitted(sys::unshare(libc::CLONE_NEWPID), "a PID namespace");
            assert_eq!(sys::try_fork(|| ()), Err(libc::EAGAIN));
            write("pids.max", "2");
            assert_eq!(sys::try_fork(|| ()), Err(libc::ENOMEM));
        };
        let inner = sys::clone(libc::CLONE_NEWPID | libc::SIGCHLD, body);
        let ended = inner.map(sys::reap);
        let removed = fs::remove_dir(&cgroup);
        assert_eq!(permitted(ended, "a PID namespace"), Event::Exited(0));
        removed.expect("nobody is left in it");
    });
}
