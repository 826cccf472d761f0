//! The view: what `read` shows is what the getters answer, in place, all of one moment, and in bounded holds.

use std::collections::BTreeSet;
use std::sync::Mutex;

use axprocess::{
    ARef, Cursor, ExitStatus, ForkNamespace, ForkRequest, Host, Number, Object, PidNamespace,
    ProcessTable, Relations, TerminalFile, TerminalKind, View,
};

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

type Thread = ARef<axprocess::Thread<Kernel>>;

fn boot() -> (ProcessTable<Kernel>, Thread) {
    let table = ProcessTable::new(Kernel);
    let init = table.new_init(1, (), ()).unwrap();
    (table, init)
}

fn fork(parent: &Thread) -> Thread {
    parent.fork(ForkRequest::default(), (), ()).unwrap()
}

fn spawn(thread: &Thread) -> Thread {
    thread.spawn_thread(Number::Next, ()).unwrap()
}

fn exit(thread: &Thread) {
    thread.exit_thread(ExitStatus::exited(0));
}

/// Visits to the end, with `between` before each hold but the first; returns the numbers visited, and how many in each hold.
fn visit<T: Object>(
    table: &ProcessTable<Kernel>,
    mut walk: impl FnMut(View<'_, Kernel>, &mut Cursor<T>, &mut Vec<u32>),
    mut between: impl FnMut(usize),
) -> (Vec<u32>, Vec<usize>) {
    let (mut cursor, mut found, mut holds) = (Cursor::new(), Vec::new(), Vec::new());
    while !cursor.is_done() {
        if !holds.is_empty() {
            between(holds.len());
        }
        let before = found.len();
        table.read(|view| walk(view, &mut cursor, &mut found));
        holds.push(found.len() - before);
        assert!(holds.len() < 1000, "the walk does not end");
    }
    (found, holds)
}

#[test]
fn a_view_answers_what_the_getters_answer() {
    // Issue 13: every getter that needs the lock can be asked through the view; also for another namespace's numbers.
    let (table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let terminal = table.new_terminal(TerminalKind::Other, 7, ()).unwrap();
    let file = TerminalFile::Readable;
    let _ = shell.process().open_terminal(&terminal, file);
    let inner = ForkRequest { namespace: ForkNamespace::New, ..ForkRequest::default() };
    let inner = shell.fork(inner, (), ()).unwrap();
    let second = spawn(&inner);
    let nephew = fork(&second);
    let zombie = fork(&shell);
    exit(&zombie);

    let inner_ns = inner.process().namespace();
    let viewers: [&PidNamespace<Kernel>; 2] = [table.namespace(), &inner_ns];
    let group = |it: &Thread| it.process().group();
    for thread in [&init, &shell, &inner, &second, &nephew, &zombie] {
        let process = thread.process();
        let (own_group, session) = (group(thread), group(thread).session());
        let orphaned = own_group.is_orphaned();
        for viewer in viewers {
            let asked = (
                process.pid_in(viewer),
                thread.tid_in(viewer),
                own_group.pgid_in(viewer),
                session.sid_in(viewer),
                process.stat(viewer),
            );
            let seen = table.read(|view| {
                (
                    view.pid(process, viewer),
                    view.tid(thread, viewer),
                    view.pgid(view.group(process), viewer),
                    view.sid(view.session(view.group(process)), viewer),
                    view.stat(process, viewer),
                )
            });
            assert_eq!(seen, asked);
        }
        let asked = (
            process.parent().map(|it| it.pid()),
            thread.run_state(),
            thread.tracer().is_some(),
            process.controlling_terminal().map(|it| it.device()),
            orphaned,
        );
        let seen = thread.read(|view| {
            (
                view.parent(process).map(|it| it.pid()),
                view.run_state(thread),
                view.tracer(thread).is_some(),
                view.controlling_terminal(process).map(|it| it.device()),
                view.is_orphaned(view.group(process)),
            )
        });
        assert_eq!(seen, asked, "{thread:?}");
    }
    table.read(|view| {
        assert!(view.leader(zombie.process()).is_none());
        assert!(std::ptr::eq(view.parent_thread(nephew.process()).unwrap(), &*second));
        let (outside, inside) = (table.namespace(), &*inner_ns);
        assert!(std::ptr::eq(view.find_process(inside, 1).unwrap(), &**inner.process()));
        assert!(std::ptr::eq(
            view.find_thread(outside, view.tid(&second, outside)).unwrap(),
            &*second
        ));
        assert!(view.find_process(outside, view.tid(&second, outside)).is_none());
        assert!(view.find_process(outside, zombie.process().pid()).is_some());
        assert!(view.find_thread(outside, zombie.process().pid()).is_none());
        let sid = shell.process().pid();
        assert_eq!(view.find_group(outside, sid).unwrap().pgid(), sid);
        assert_eq!(view.find_session(outside, sid).unwrap().sid(), sid);
        assert!(view.find_group(inside, 1).is_none());
        assert!(view.find_session(outside, 77).is_none());
    });
}

#[test]
fn a_walk_visits_48_in_a_hold_and_each_once() {
    // Issue 13: threads, children, members and groups, in order, without a `Vec` of the core's.
    let (table, init) = boot();
    let shell = fork(&init);
    shell.process().setsid().unwrap();
    let (group, session) = (shell.process().group(), shell.process().group().session());
    let children: Vec<_> = (0..150).map(|_| fork(&shell)).collect();
    let threads: Vec<_> = (0..130).map(|_| spawn(&shell)).collect();
    for child in &children[..100] {
        child.process().setpgid(0, 0).unwrap();
    }

    let (found, holds) = visit(
        &table,
        |view, cursor, found| found.extend(view.children(&shell, cursor).map(|it| it.pid())),
        |_| (),
    );
    assert_eq!(found, children.iter().map(|it| it.tid()).collect::<Vec<_>>());
    assert_eq!(holds, [48, 48, 48, 6]);

    let (found, holds) = visit(
        &table,
        |view, cursor, found| {
            found.extend(view.threads(shell.process(), cursor).map(|it| it.tid()));
        },
        |_| (),
    );
    let all = [&shell].into_iter().chain(&threads).map(|it| it.tid());
    assert_eq!(found, all.collect::<Vec<_>>());
    assert_eq!(holds, [48, 48, 35]);

    let (found, _) = visit(
        &table,
        |view, cursor, found| found.extend(view.members(&group, cursor).map(|it| it.pid())),
        |_| (),
    );
    let members = [&shell].into_iter().chain(&children[100..]).map(|it| it.tid());
    assert_eq!(found, members.collect::<Vec<_>>());

    let (found, holds) = visit(
        &table,
        |view, cursor, found| {
            found.extend(view.process_groups(&session, cursor).map(|it| it.pgid()));
        },
        |_| (),
    );
    assert_eq!(found.len(), 101);
    assert_eq!(holds, [48, 48, 5]);
}

#[test]
fn a_walk_goes_on_where_the_member_at_which_it_paused_has_left() {
    // Issue 13: a cursor resumes by age: nobody who is there all the while is missed, nobody is visited twice.
    for (kind, leaver) in [(0, 47), (0, 30), (1, 47), (1, 95), (2, 47)] {
        let (table, init) = boot();
        let shell = fork(&init);
        shell.process().setsid().unwrap();
        let group = shell.process().group();
        let others: Vec<_> = match kind {
            1 => (0..200).map(|_| spawn(&shell)).collect(),
            _ => (0..200).map(|_| fork(&shell)).collect(),
        };
        let leave = |hold: usize| {
            if hold != leaver / 48 + 1 {
                return;
            }
            // Who pauses the walk, and all whom it has visited but the first, leave; new ones come.
            for other in &others[1..leaver] {
                match kind {
                    0 => other.process().setpgid(0, 0).unwrap(),
                    1 => exit(other),
                    _ => {
                        exit(other);
                        assert!(other.process().release_zombie());
                    }
                }
            }
            if kind == 0 {
                // One comes back, as the last member.
                others[leaver - 1].process().setpgid(0, group.pgid() as i32).unwrap();
            }
            match kind {
                1 => drop(spawn(&shell)),
                _ => drop(fork(&shell)),
            }
        };
        let walk = |view: View<'_, Kernel>, cursor: &mut _, found: &mut Vec<u32>| match kind {
            0 => found.extend(view.members(&group, cursor).map(|it| it.pid())),
            _ => found.extend(view.children(&shell, cursor).map(|it| it.pid())),
        };
        let found = if kind == 1 {
            let threads = |view: View<'_, Kernel>, cursor: &mut _, found: &mut Vec<u32>| {
                found.extend(view.threads(shell.process(), cursor).map(|it| it.tid()));
            };
            visit(&table, threads, leave).0
        } else {
            visit(&table, walk, leave).0
        };
        let once: BTreeSet<_> = found.iter().collect();
        assert_eq!(once.len(), found.len(), "somebody was visited twice");
        let stayed = [&others[0]].into_iter().chain(&others[leaver..]);
        let missed = stayed.filter(|it| !once.contains(&it.tid())).count();
        assert_eq!(missed, 0, "kind {kind}, {leaver}");
    }
}

#[test]
fn a_walk_that_is_left_early_goes_on_behind_the_last_one_visited() {
    // Issue 13: a cursor keeps the place of a walk of which only a few were taken.
    let (table, init) = boot();
    let children: Vec<_> = (0..10).map(|_| fork(&init).tid()).collect();
    let mut cursor = Cursor::new();
    let mut found = Vec::new();
    while !cursor.is_done() {
        table.read(|view| {
            found.extend(view.children(&init, &mut cursor).take(3).map(|it| it.pid()))
        });
    }
    assert_eq!(found, children);
    assert_eq!(table.read(|view| view.children(&init, &mut cursor).count()), 0);
}

#[test]
fn what_is_dropped_in_a_view_is_given_back_after_the_unlock() {
    // Issue 13: a last reference that goes while the closure runs frees nothing under the lock.
    let (table, init) = boot();
    let child = fork(&init);
    exit(&child);
    let process = child.process().clone();
    drop(child);
    assert!(process.release_zombie());
    table.read(move |view| {
        assert!(view.parent(&process).is_none());
        drop(process);
        assert!(view.find_process(view.namespace(init.process()), 1).is_some());
    });
}

#[test]
fn a_walk_over_threads_ends_however_they_are_replaced() {
    // Issue 13: a place is never given again, so those that come later are not waited for; found when places were counted per process.
    let (table, init) = boot();
    let shell = fork(&init);
    let mut threads: Vec<_> = (0..50).map(|_| spawn(&shell)).collect();
    let walk = |view: View<'_, Kernel>, cursor: &mut _, found: &mut Vec<u32>| {
        found.extend(view.threads(shell.process(), cursor).map(|it| it.tid()));
    };
    let (found, holds) = visit(&table, walk, |_| {
        threads.drain(46..).for_each(|thread| exit(&thread));
        threads.extend([spawn(&shell), spawn(&shell), spawn(&shell), spawn(&shell)]);
    });
    assert_eq!(found.len(), 48);
    assert!(holds.len() < 5, "{holds:?}");
}

/// What a getter is called in the view, where that is not its own name.
const IN_THE_VIEW: &[(&str, &str)] = &[
    ("number_in", "number"),
    ("pid_in", "pid"),
    ("pgid_in", "pgid"),
    ("sid_in", "sid"),
    ("tid_in", "tid"),
    ("thread_or_leader", "thread_or_leader_of"),
    ("group_of_number", "group_of"),
    ("session_of_number", "session_of"),
    // Of objects of several types, each of which has one in the view: also `session_of_terminal`, `process_of`.
    ("process", "process_of"),
];

/// Getters that a view does not have: those of who serves a system call, which has an order of errors; what may have to allocate; what looks through a list in several holds, or is built as a `Vec`; what
/// follows from another (a handle's from its identity); what only who dumps core asks, for itself.
const NOT_IN_THE_VIEW: &[&str] = &[
    "fdinfo_pid_in",
    "getpgid",
    "getsid",
    "handle",
    "find_identity",
    "find_identity_by_serial",
    "identity",
    "is_ready",
    "next_process",
    "non_leader_thread",
    "pid_seen_by_caller",
    "pidfd",
    "pidfd_self",
    "stopped_tracee",
    "tcgetpgrp",
    "tcgetsid",
    "tracee",
    "would_stop",
];

#[test]
fn every_getter_that_takes_the_lock_can_be_asked_in_a_view() {
    // Issue 13: a new getter has its like in the view, or its reason.
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let view = std::fs::read_to_string(source.join("view.rs")).unwrap();
    let has =
        |name: &str| ["(", "<"].iter().any(|after| view.contains(&format!("pub fn {name}{after}")));
    let (mut asked, mut missing) = (0, Vec::new());
    let mut directories = vec![source];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            if ["view.rs", "check.rs"].iter().any(|name| path.ends_with(name)) {
                continue;
            }
            let mut is_getter = false;
            for line in std::fs::read_to_string(&path).unwrap().lines().map(str::trim) {
                if line.starts_with("/// Returns ") {
                    is_getter = line.contains("Takes the lock");
                } else if line.starts_with("///") {
                    // More of what is said of it.
                } else if let Some(rest) = line.strip_prefix("pub fn ").filter(|_| is_getter) {
                    let name =
                        rest.split(|at: char| !(at.is_alphanumeric() || at == '_')).next().unwrap();
                    let renamed = IN_THE_VIEW.iter().find(|(getter, _)| *getter == name);
                    asked += 1;
                    if !has(renamed.map_or(name, |it| it.1)) && !NOT_IN_THE_VIEW.contains(&name) {
                        missing.push(name.to_owned());
                    }
                    is_getter = false;
                } else if !line.starts_with("#[") {
                    is_getter = false;
                }
            }
        }
    }
    assert!(asked > 40, "the documentation is written otherwise: {asked}");
    assert!(missing.is_empty(), "{missing:?}");
}
