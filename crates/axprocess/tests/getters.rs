//! Every getter says whether it takes the lock, and does what it says.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use axprocess::{ForkRequest, Host, Lock, Number, ProcessTable, Relations, TerminalKind};

thread_local! {
    /// How often this thread has taken a lock.
    static HOLDS: Cell<u32> = const { Cell::new(0) };
}

struct Counted<T>(Mutex<T>);

impl<T> Lock<T> for Counted<T> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        T: 'a;

    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        HOLDS.set(HOLDS.get() + 1);
        self.0.lock().unwrap()
    }
}

struct Kernel;

impl Host for Kernel {
    type Lock = Counted<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();
}

/// A getter of an object, as it is documented.
struct Getter {
    object: String,
    name: String,
    documentation: String,
}

impl Getter {
    /// Whether it takes the lock; `None`: it does not say.
    fn says(&self) -> Option<bool> {
        let says = |words: &[&str]| words.iter().any(|it| self.documentation.contains(it));
        let locks = says(&["akes the lock", "the lock is given back", "olds the lock"]);
        let does_not = says(&["akes no lock", "ait-free"]);
        (locks != does_not).then_some(locks)
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// All public methods of a table's objects whose documentation begins with "Returns"; a view's are asked in a hold.
fn getters() -> Vec<Getter> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut getters = Vec::new();
    for path in sources(&root) {
        let text = fs::read_to_string(&path).unwrap();
        let (mut object, mut documentation) = (String::new(), String::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("impl<H: Host> ") {
                object = rest.split(['<', ' ']).next().unwrap().to_owned();
            } else if line == "}" {
                object.clear();
            }
            if let Some(said) = line.strip_prefix("    ///") {
                documentation.push_str(said);
            } else if let Some(rest) = line.strip_prefix("    pub ") {
                let rest = rest.strip_prefix("const ").unwrap_or(rest);
                let name = rest.strip_prefix("fn ").and_then(|it| it.split(['<', '(']).next());
                let is_getter = documentation.starts_with(" Returns") && !object.is_empty();
                if let Some(name) = name.filter(|_| is_getter) {
                    let documentation = std::mem::take(&mut documentation);
                    getters.push(Getter {
                        object: object.clone(),
                        name: name.to_owned(),
                        documentation,
                    });
                }
            }
            if !line.trim_start().starts_with("///") && !line.trim_start().starts_with("#[") {
                documentation.clear();
            }
        }
    }
    getters
}

#[test]
fn every_getter_says_whether_it_takes_the_lock() {
    // Issue 13, a view of the relations: who is in a hook may call what takes none.
    let getters = getters();
    assert!(getters.len() > 80, "only {} getters were found", getters.len());
    let silent = getters.iter().filter(|getter| getter.says().is_none());
    let silent: Vec<_> = silent.map(|it| format!("{}::{}", it.object, it.name)).collect();
    assert!(silent.is_empty(), "does not say it, or says both: {silent:?}");
}

#[test]
fn a_getter_takes_the_lock_if_it_says_so_and_else_does_not() {
    // Issue 13, a view of the relations: what is documented is counted.
    let table = ProcessTable::new(Kernel);
    let init = table.new_init(1, (), ()).unwrap();
    let shell = init.fork(ForkRequest::default(), (), ()).unwrap();
    shell.process().setsid().unwrap();
    let terminal = table.new_terminal(TerminalKind::Other, 7, ()).unwrap();
    let (process, root) = (shell.process(), table.namespace());
    let (group, identity) = (process.group(), process.identity().unwrap());
    let (session, handle) = (group.session(), process.handle().unwrap());
    let of_second = shell.spawn_thread(Number::Next, ()).unwrap().handle().unwrap();
    let getters = getters();
    let mut checked = 0;
    macro_rules! check {
        ($($object:ident: $value:expr => { $($name:ident($($argument:expr),*))+ })+) => {$($(
            let before = HOLDS.get();
            let _ = $value.$name($($argument),*);
            let locks = HOLDS.get() > before;
            let is_it = |it: &&Getter| it.object == stringify!($object) && it.name == stringify!($name);
            let getter = getters.iter().find(is_it).expect(stringify!($object::$name));
            assert_eq!(Some(locks), getter.says(), "{}::{}", getter.object, getter.name);
            checked += 1;
        )+)+};
    }
    check! {
        Process: process => {
            pid() pid_in(root) namespace() host_data() state() has_ended() is_table_init()
            is_kernel_thread() parent()
            group() is_group_exiting() exit_status() exit_signal() ppid() is_subreaper() pgid()
            sid() getpgid(2) is_stopped() controlling_terminal() foreground_pgid() stat(root)
            namespace_numbers(root) children() threads() identity() handle() children_usage()
            pid_max() last_pid() would_stop(axprocess::Signal::SIGTSTP)
        }
        Thread: shell => {
            tid() tid_in(root) process() host_data() tracer() run_state() children() identity()
            handle() is_waiting_for_vfork() is_group_stop_requested() parent_death_signal()
            namespace_for_children()
        }
        ProcessGroup: group => {
            pgid() pgid_in(root) session() host_data() processes() is_orphaned() identity()
        }
        Session: session => { sid() sid_in(root) host_data() process_groups() identity() }
        Identity: identity => {
            serial() number() number_in(root) state() process() thread_or_leader() group_of_number()
            session_of_number()
        }
        PidHandle: handle => {
            identity() process() is_of_thread() state() poll() fdinfo_pid_in(root)
        }
        PidHandle: of_second => { non_leader_thread() }
        Terminal: terminal => { kind() device() session() foreground_group() }
        PidNamespace: root => { level() parent() contains(root) }
        ProcessTable: table => {
            host() namespace() find_process(1) find_thread(1) find_group(1) find_session(1)
            next_process(root, 1)
        }
    }
    assert!(checked > 80, "only {checked} were called");
}
