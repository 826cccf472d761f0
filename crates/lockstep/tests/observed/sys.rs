//! The system calls of the scenes, with their errors as numbers, and what /proc tells.

use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicI32, Ordering};

/// Seconds after which a forked process ends, whatever becomes of its supervisor.
const ALARM: u32 = 90;

/// Whom a wait is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Any,
    Child(i32),
}

/// What a wait has reported, or the siginfo of a SIGCHLD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Exited(i32),
    Killed(i32),
    Stopped(i32),
    Continued,
    /// A stop that only the tracer sees.
    Trapped(i32),
}

/// A signal that was pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) code: i32,
    pub(crate) pid: i32,
    pub(crate) status: i32,
}

/// A pipe on which some wait and others let them pass. Every pass needs an opening of its own. It
/// stays open for as long as a process has it.
#[derive(Clone, Copy)]
pub(crate) struct Gate {
    reader: &'static OwnedFd,
    writer: &'static OwnedFd,
}

/// Numbers in memory that all later forked processes share.
#[derive(Clone, Copy)]
pub(crate) struct Board(&'static [AtomicI32; 64]);

fn checked(answer: impl Into<i64>) -> Result<i64, i32> {
    match answer.into() {
        -1 => Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)),
        value => Ok(value),
    }
}

fn pid_of(answer: i64) -> i32 {
    i32::try_from(answer).expect("a process number")
}

pub(crate) fn pid() -> i32 {
    std::process::id().cast_signed()
}

pub(crate) fn tid() -> i32 {
    // SAFETY: no arguments.
    unsafe { libc::gettid() }
}

/// Forks. The child runs the body and exits with 0, or tells its panic and exits with 101.
pub(crate) fn fork(body: impl FnOnce()) -> i32 {
    try_fork(body).expect("a fork")
}

pub(crate) fn try_fork(body: impl FnOnce()) -> Result<i32, i32> {
    // SAFETY: only processes with few, parked threads fork, none of which holds a lock of std.
    match checked(unsafe { libc::fork() })? {
        0 => enter(body),
        child => Ok(pid_of(child)),
    }
}

/// Forks by clone(2) with these flags and this exit signal.
pub(crate) fn clone(flags: i32, body: impl FnOnce()) -> Result<i32, i32> {
    assert_eq!(flags & (libc::CLONE_VM | libc::CLONE_THREAD), 0, "the child has its own memory");
    // SAFETY: without CLONE_VM the child goes on with a copy of this stack; else as for a fork.
    match checked(unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) })? {
        0 => enter(body),
        child => Ok(pid_of(child)),
    }
}

/// Forks by clone3(2) with these flags.
pub(crate) fn clone3(flags: u64, body: impl FnOnce()) -> Result<i32, i32> {
    assert_eq!(flags & libc::CLONE_VM as u64, 0, "the child has its own memory");
    let mut arguments = [0u64; 8];
    (arguments[0], arguments[4]) = (flags, libc::SIGCHLD as u64);
    let address = arguments.as_ptr();
    // SAFETY: as for clone; the pointer is to a structure of this size.
    match checked(unsafe { libc::syscall(libc::SYS_clone3, address, size_of_val(&arguments)) })? {
        0 => enter(body),
        child => Ok(pid_of(child)),
    }
}

/// Ends this process when it has lived too long.
pub(crate) fn set_alarm() {
    // SAFETY: a plain number.
    unsafe { libc::alarm(ALARM) };
}

fn enter(body: impl FnOnce()) -> ! {
    set_alarm();
    let ended = std::panic::catch_unwind(AssertUnwindSafe(body));
    exit(if ended.is_ok() { 0 } else { 101 })
}

/// Starts a thread that runs the body, and tells its number.
pub(crate) fn spawn(body: impl FnOnce() + Send + 'static) -> i32 {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        sender.send(tid()).expect("a listener");
        body();
    });
    receiver.recv().expect("a thread")
}

/// exit_group(2).
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: nothing of this process is needed any more.
    unsafe { libc::_exit(status) }
}

/// exit(2): ends the calling thread alone.
pub(crate) fn exit_thread(status: i32) -> ! {
    // SAFETY: the stack is left as it is, and nobody joins or borrows from this thread.
    unsafe { libc::syscall(libc::SYS_exit, status) };
    unreachable!("a thread that has ended");
}

/// Sleeps until a signal ends the process.
pub(crate) fn park() -> ! {
    loop {
        // SAFETY: no arguments.
        unsafe { libc::pause() };
    }
}

/// Executes a program. Comes back only with an error.
pub(crate) fn exec(program: &[&str]) -> i32 {
    let words: Vec<_> = program.iter().map(|word| CString::new(*word).expect("no NUL")).collect();
    let mut pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
    pointers.push(std::ptr::null());
    // SAFETY: terminated strings, and a terminated array of them.
    checked(unsafe { libc::execvp(pointers[0], pointers.as_ptr()) }).expect_err("no return")
}

/// The reading and the writing end of a new pipe.
pub(crate) fn pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: the pointer is to two numbers.
    checked(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }).expect("a pipe");
    // SAFETY: the kernel has just made both, and they are nobody else's.
    let [reader, writer] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    (reader, writer)
}

/// Closes one's own copy of an end that another process holds.
pub(crate) fn close_end(end: &OwnedFd) {
    // SAFETY: the caller ends without closing it again.
    checked(unsafe { libc::close(end.as_raw_fd()) }).expect("an open end");
}

/// Has everybody closed the writing end of this pipe? Does not wait.
pub(crate) fn is_at_end(reader: &OwnedFd) -> bool {
    let mut poll = libc::pollfd { fd: reader.as_raw_fd(), events: 0, revents: 0 };
    // SAFETY: the pointer is to one pollfd.
    checked(unsafe { libc::poll(&raw mut poll, 1, 0) }).expect("an answer");
    poll.revents & libc::POLLHUP != 0
}

/// Makes this the standard input.
pub(crate) fn standard_input(file: &OwnedFd) {
    // SAFETY: an open descriptor; nobody here relies on what the standard input is.
    checked(unsafe { libc::dup2(file.as_raw_fd(), 0) }).expect("a standard input");
}

pub(crate) fn setsid() -> Result<i32, i32> {
    // SAFETY: no arguments.
    checked(unsafe { libc::setsid() }).map(pid_of)
}

/// A number that only a session has: its leader is gone, and its only member has another group.
pub(crate) fn session_without_leader() -> i32 {
    let leader = fork(|| {
        setsid().expect("a session");
        let ready = Gate::new();
        fork(|| {
            setpgid(0, 0).expect("a group");
            ready.open();
            park();
        });
        ready.pass();
    });
    reap(leader);
    leader
}

pub(crate) fn setpgid(pid: i32, group: i32) -> Result<(), i32> {
    // SAFETY: plain numbers.
    checked(unsafe { libc::setpgid(pid, group) }).map(drop)
}

/// A pidfd of one thread.
pub(crate) fn pidfd_of_thread(tid: i32) -> Result<OwnedFd, i32> {
    const PIDFD_THREAD: i32 = libc::O_EXCL;
    // SAFETY: plain numbers; the new descriptor is nobody else's.
    unsafe {
        match libc::syscall(libc::SYS_pidfd_open, tid, PIDFD_THREAD) {
            -1 => Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)),
            file => Ok(OwnedFd::from_raw_fd(file as i32)),
        }
    }
}

/// What poll(2) says of a descriptor now, if that can be read.
pub(crate) fn poll(file: &OwnedFd) -> i16 {
    let mut asked = libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the pointer is to `asked`.
    let found = unsafe { libc::poll(&raw mut asked, 1, 0) };
    assert!(found >= 0);
    asked.revents
}

pub(crate) fn prctl(option: i32, value: i32) -> Result<(), i32> {
    // SAFETY: callers use the options that take a number.
    checked(unsafe { libc::prctl(option, value, 0, 0, 0) }).map(drop)
}

pub(crate) fn unshare(flags: i32) -> Result<(), i32> {
    // SAFETY: plain numbers.
    checked(unsafe { libc::unshare(flags) }).map(drop)
}

/// Mounts a file system of that kind, with nothing behind it; or changes how a mount behaves.
pub(crate) fn mount(target: &str, kind: &str, flags: u64, data: &str) -> Result<(), i32> {
    let [target, kind, data] = [target, kind, data].map(|it| CString::new(it).expect("no NUL"));
    let data = data.as_ptr().cast();
    // SAFETY: terminated strings.
    let answer =
        unsafe { libc::mount(c"none".as_ptr(), target.as_ptr(), kind.as_ptr(), flags, data) };
    checked(answer).map(drop)
}

pub(crate) fn unmount(target: &str) -> Result<(), i32> {
    let target = CString::new(target).expect("no NUL");
    // SAFETY: a terminated string.
    checked(unsafe { libc::umount(target.as_ptr()) }).map(drop)
}

/// The group and the session of a process.
pub(crate) fn group_and_session(pid: i32) -> Result<(i32, i32), i32> {
    // SAFETY: a plain number.
    let both = unsafe { [libc::getpgid(pid), libc::getsid(pid)] };
    Ok((pid_of(checked(both[0])?), pid_of(checked(both[1])?)))
}

pub(crate) fn kill(pid: i32, signal: i32) -> Result<(), i32> {
    // SAFETY: plain numbers.
    checked(unsafe { libc::kill(pid, signal) }).map(drop)
}

pub(crate) fn tgkill(pid: i32, tid: i32, signal: i32) -> Result<(), i32> {
    // SAFETY: plain numbers.
    checked(unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, signal) }).map(drop)
}

/// Keeps the calling thread, and whom it forks, to the processor that it runs on.
pub(crate) fn keep_to_this_processor() {
    // SAFETY: all zeroes are a set of no processors.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: no arguments, and a number below the size of the set.
    unsafe { libc::CPU_SET(libc::sched_getcpu().cast_unsigned() as usize, &mut set) };
    // SAFETY: the pointer is to `set`, which has this size.
    let answer = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    assert_eq!(answer, 0);
}

/// Makes the calling thread run whenever it can, on its processor.
pub(crate) fn run_before_all_others() -> Result<(), i32> {
    let priority = libc::sched_param { sched_priority: 1 };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the pointer is to `priority`.
    checked(unsafe { libc::sched_setscheduler(0, policy, &raw const priority) }).map(drop)
}

/// waitid(2). Options are those of the call.
pub(crate) fn wait(who: Who, options: i32) -> Result<Option<(i32, Event)>, i32> {
    let (kind, id) = match who {
        Who::Any => (libc::P_ALL, 0),
        Who::Child(pid) => (libc::P_PID, pid.cast_unsigned()),
    };
    loop {
        // SAFETY: all zeroes are a siginfo_t.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to `info`.
        match checked(unsafe { libc::waitid(kind, id, &raw mut info, options) }) {
            Err(libc::EINTR) => {}
            Err(errno) => return Err(errno),
            Ok(_) => {
                let info = Info::of(&info);
                return Ok((info.pid != 0).then(|| (info.pid, info.event())));
            }
        }
    }
}

/// Reaps this child once it has ended.
#[track_caller]
pub(crate) fn reap(child: i32) -> Event {
    let reaped = wait(Who::Child(child), libc::WEXITED | libc::__WALL);
    reaped.expect("a child").expect("an end").1
}

/// Waits until this child has ended, and leaves the zombie.
#[track_caller]
pub(crate) fn await_zombie(child: i32) {
    let options = libc::WEXITED | libc::WNOWAIT | libc::__WALL;
    wait(Who::Child(child), options).expect("a child");
}

/// Reaps this child, and tells what wait4(2) says it has used.
pub(crate) fn reap_usage(child: i32) -> libc::rusage {
    // SAFETY: all zeroes are a rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: a null status is allowed, and the pointer is to `usage`.
    let reaped = unsafe { libc::wait4(child, std::ptr::null_mut(), libc::__WALL, &raw mut usage) };
    assert_eq!(reaped, child);
    usage
}

/// getrusage(2).
pub(crate) fn usage(whose: i32) -> libc::rusage {
    // SAFETY: all zeroes are a rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to `usage`.
    checked(unsafe { libc::getrusage(whose, &raw mut usage) }).expect("the usage");
    usage
}

fn set_of(signals: &[i32]) -> libc::sigset_t {
    // SAFETY: all zeroes are a sigset_t, which is then initialised.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointers are to `set`.
    unsafe { libc::sigemptyset(&raw mut set) };
    for &signal in signals {
        // SAFETY: as above.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    set
}

/// Blocks signals in the calling thread.
pub(crate) fn block(signals: &[i32]) {
    let set = set_of(signals);
    // SAFETY: the pointer is to `set`; the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
}

/// Unblocks signals in the calling thread.
pub(crate) fn unblock(signals: &[i32]) {
    let set = set_of(signals);
    // SAFETY: the pointer is to `set`; the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut()) };
}

pub(crate) fn ignore(signal: i32) {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

pub(crate) fn use_default(signal: i32) {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

pub(crate) fn handle(signal: i32, handler: extern "C" fn(i32)) {
    // SAFETY: the handler is a function of the type that signal(2) asks for, and calls what may be called in one.
    unsafe { libc::signal(signal, handler as *const () as libc::sighandler_t) };
}

/// Reads where nothing can be read.
pub(crate) fn fault() -> ! {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a page of its own, which no reference is ever made to.
    unsafe {
        let page = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_NONE, flags, -1, 0);
        page.cast::<u8>().read_volatile();
    }
    unreachable!("a page without access was read")
}

/// Lets the interval timer of CPU time expire.
pub(crate) fn expire_profiling_timer() {
    let soon = libc::timeval { tv_sec: 0, tv_usec: 1 };
    let mut timer =
        libc::itimerval { it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 }, it_value: soon };
    // SAFETY: the pointers are to the local above.
    unsafe {
        checked(libc::setitimer(libc::ITIMER_PROF, &raw const timer, std::ptr::null_mut()))
            .expect("a timer");
        while timer.it_value.tv_usec != 0 {
            checked(libc::getitimer(libc::ITIMER_PROF, &raw mut timer)).expect("a timer");
        }
    }
}

/// Lets a timer of timer_create(2) expire, which sends this signal to the process.
pub(crate) fn expire_timer(signal: i32) {
    // SAFETY: all zeroes are both structures; the pointers are to the locals.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = signal;
        let mut timer: libc::timer_t = std::mem::zeroed();
        checked(libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer))
            .expect("a timer");
        let mut left: libc::itimerspec = std::mem::zeroed();
        left.it_value.tv_nsec = 1;
        checked(libc::timer_settime(timer, 0, &raw const left, std::ptr::null_mut()))
            .expect("a time");
        // It sends in the same step in which it ceases to be armed.
        while left.it_value.tv_sec != 0 || left.it_value.tv_nsec != 0 {
            checked(libc::timer_gettime(timer, &raw mut left)).expect("a timer");
        }
    }
}

/// A file that signals its owner, a process or a group, when it becomes readable.
pub(crate) struct OwnedFile {
    writer: OwnedFd,
    _reader: OwnedFd,
}

impl OwnedFile {
    /// `signal`: 0 for the usual one.
    pub(crate) fn new(signal: i32, owner: i32) -> Self {
        const F_SETSIG: i32 = 10;
        let mut ends = [0; 2];
        // SAFETY: the pointer is to the local; the descriptors are nobody else's.
        unsafe {
            checked(libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, ends.as_mut_ptr()))
                .expect("a pair");
            let [reader, writer] = ends.map(|end| OwnedFd::from_raw_fd(end));
            checked(libc::fcntl(ends[0], libc::F_SETOWN, owner)).expect("an owner");
            checked(libc::fcntl(ends[0], F_SETSIG, signal)).expect("a signal");
            checked(libc::fcntl(ends[0], libc::F_SETFL, libc::O_ASYNC)).expect("a flag");
            Self { writer, _reader: reader }
        }
    }

    pub(crate) fn make_readable(&self) {
        // SAFETY: the pointer is to one byte.
        let written = unsafe { libc::write(self.writer.as_raw_fd(), [0u8].as_ptr().cast(), 1) };
        assert_eq!(written, 1);
    }
}

/// Makes a file readable that sends its owner, a process or a group, a signal then; 0: the usual one.
pub(crate) fn make_readable(signal: i32, owner: i32) {
    OwnedFile::new(signal, owner).make_readable();
}

/// SIGALRM comes in so many microseconds, and not when the scene takes too long.
pub(crate) fn set_alarm_clock(microseconds: i64) {
    let zero = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let timer = libc::itimerval {
        it_interval: zero,
        it_value: libc::timeval { tv_usec: microseconds, ..zero },
    };
    // SAFETY: the pointer is to the local.
    let answer =
        unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
    assert_eq!(answer, 0);
}

/// Writes to a pipe that nobody reads.
pub(crate) fn write_to_nobody() {
    let (reader, writer) = pipe();
    drop(reader);
    // SAFETY: the pointer is to one byte.
    let answer = unsafe { libc::write(writer.as_raw_fd(), [0u8].as_ptr().cast(), 1) };
    assert_eq!(answer, -1);
}

/// Takes a blocked signal if it is pending.
pub(crate) fn take(signal: i32) -> Option<Info> {
    take_within(signal, 0)
}

/// Waits for a blocked signal, and takes it.
#[track_caller]
pub(crate) fn await_signal(signal: i32) -> Info {
    take_within(signal, 20).expect("the signal has not come")
}

fn take_within(signal: i32, seconds: i64) -> Option<Info> {
    let set = set_of(&[signal]);
    let limit = libc::timespec { tv_sec: seconds, tv_nsec: 0 };
    loop {
        // SAFETY: all zeroes are a siginfo_t.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: the pointers are to the locals above.
        let taken = unsafe { libc::sigtimedwait(&raw const set, &raw mut info, &raw const limit) };
        match checked(taken) {
            Err(libc::EINTR) => {}
            Err(_) => return None,
            Ok(_) => return Some(Info::of(&info)),
        }
    }
}

impl Info {
    fn of(info: &libc::siginfo_t) -> Self {
        // SAFETY: plain numbers, whichever member of the union the kernel has filled.
        let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
        Self { code: info.si_code, pid, status }
    }

    /// Of a SIGCHLD.
    pub(crate) fn event(self) -> Event {
        match self.code {
            libc::CLD_EXITED => Event::Exited(self.status),
            libc::CLD_KILLED | libc::CLD_DUMPED => Event::Killed(self.status),
            libc::CLD_STOPPED => Event::Stopped(self.status),
            libc::CLD_TRAPPED => Event::Trapped(self.status),
            libc::CLD_CONTINUED if self.status == libc::SIGCONT => Event::Continued,
            _ => panic!("no event: {self:?}"),
        }
    }
}

impl Gate {
    pub(crate) fn new() -> Self {
        let (reader, writer) = pipe();
        Self { reader: Box::leak(Box::new(reader)), writer: Box::leak(Box::new(writer)) }
    }

    /// Lets one pass.
    pub(crate) fn open(&self) {
        // SAFETY: the pointer is to one byte.
        let answer = unsafe { libc::write(self.writer.as_raw_fd(), [0u8].as_ptr().cast(), 1) };
        assert_eq!(answer, 1);
    }

    /// Waits until it is let pass.
    pub(crate) fn pass(&self) {
        let mut byte = 0u8;
        loop {
            // SAFETY: the pointer is to one byte.
            let answer = unsafe { libc::read(self.reader.as_raw_fd(), (&raw mut byte).cast(), 1) };
            match checked(i64::try_from(answer).expect("a length")) {
                Err(libc::EINTR) => {}
                answer => return assert_eq!(answer, Ok(1)),
            }
        }
    }
}

impl Board {
    pub(crate) fn new() -> Self {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: new memory, at no wanted address.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        // SAFETY: a page of zeroes, aligned, never unmapped, holds 64 numbers.
        Self(unsafe { &*page.cast() })
    }

    pub(crate) fn set(&self, place: usize, value: i32) {
        self.0[place].store(value, Ordering::SeqCst);
    }

    pub(crate) fn get(&self, place: usize) -> i32 {
        self.0[place].load(Ordering::SeqCst)
    }

    /// The place itself.
    pub(crate) fn place(&self, place: usize) -> &'static AtomicI32 {
        &self.0[place]
    }

    /// Adds one.
    pub(crate) fn count(&self, place: usize) {
        self.0[place].fetch_add(1, Ordering::SeqCst);
    }
}

/// A field of /proc/PID/stat, numbered as in proc(5), 3 or higher.
pub(crate) fn stat(path: &str, field: usize) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{path}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    fields.split_whitespace().nth(field - 3).map(str::to_owned)
}

/// The same, of a process, as a number.
#[track_caller]
pub(crate) fn stat_number(pid: i32, field: usize) -> i64 {
    stat(&pid.to_string(), field).expect("a process").parse().expect("a number")
}

/// The state letter of a process, or its leader.
pub(crate) fn state(pid: i32) -> Option<char> {
    stat(&pid.to_string(), 3)?.chars().next()
}

/// The state letter of a thread.
pub(crate) fn thread_state(pid: i32, tid: i32) -> Option<char> {
    stat(&format!("{pid}/task/{tid}"), 3)?.chars().next()
}

/// The threads in a process's directory, in the order in which Linux lists them.
pub(crate) fn threads(pid: i32) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    entries.flatten().filter_map(|it| it.file_name().to_str()?.parse().ok()).collect()
}

/// The children of a process's leader, in the order in which a wait looks at them.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let text = text.unwrap_or_default();
    text.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// A line of /proc/PID/status.
#[track_caller]
pub(crate) fn status_line(pid: i32, name: &str) -> String {
    try_status_line(pid, name).expect("a process, and a line of this name")
}

/// The same; `None` if the process is gone, or has no such line.
pub(crate) fn try_status_line(pid: i32, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Some(line?.trim().to_owned())
}

/// This process may write a core of any size.
pub(crate) fn allow_cores() {
    let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the pointer is to `limit`.
    let answer = unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
    assert_eq!(answer, 0, "the limit of cores");
}

/// Is the signal pending for the whole process?
#[track_caller]
pub(crate) fn is_pending(pid: i32, signal: i32) -> bool {
    let set = u64::from_str_radix(&status_line(pid, "ShdPnd"), 16).expect("a set");
    set & 1 << (signal - 1) != 0
}
