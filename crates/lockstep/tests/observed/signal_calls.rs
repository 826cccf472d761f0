//! The system calls of signals as the kernel has them, without what the C library adds, and a handler that notes what it sees.

use std::ffi::{c_int, c_long, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::scene::until;
use crate::sys::{self, Board};

/// The size of a set.
pub(crate) const SET: usize = 8;
/// Where nothing is that could be read or written.
pub(crate) const NOWHERE: usize = 1;
pub(crate) const UNBLOCKABLE: u64 = set(&[libc::SIGKILL, libc::SIGSTOP]);
pub(crate) const SI_USER: i32 = 0;
pub(crate) const SI_QUEUE: i32 = -1;
pub(crate) const SI_TKILL: i32 = -6;
pub(crate) const SI_KERNEL: i32 = 0x80;
pub(crate) const SA_RESTORER: i32 = 0x0400_0000;
const DEFAULT: usize = 0;
const IGNORE: usize = 1;
/// Long enough to wait for what comes.
const LONG: libc::timespec = libc::timespec { tv_sec: 20, tv_nsec: 0 };
pub(crate) const AT_ONCE: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 0 };

/// A set of signals as the kernel has it.
pub(crate) const fn set(signals: &[i32]) -> u64 {
    let (mut set, mut at) = (0, 0);
    while at < signals.len() {
        set |= 1 << (signals[at] - 1);
        at += 1;
    }
    set
}

/// A system call. Arguments that are addresses are those of the caller's own variables, or of places that the kernel refuses.
pub(crate) fn call(number: c_long, arguments: [usize; 6]) -> Result<i64, i32> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: see above; the variables have the types that the call asks for, and live as long as it takes.
    match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
        -1 => Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)),
        answer => Ok(answer),
    }
}

/// The address of a variable, for a call.
pub(crate) fn at<T>(variable: &T) -> usize {
    std::ptr::from_ref(variable) as usize
}

/// The address of a variable that a call writes.
pub(crate) fn out<T>(variable: &mut T) -> usize {
    std::ptr::from_mut(variable) as usize
}

/// A signal's number, an option, a process: what a call takes as a number.
pub(crate) fn number(value: i32) -> usize {
    value as usize
}

/// A siginfo, as far as the scenes look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) signal: i32,
    pub(crate) errno: i32,
    pub(crate) code: i32,
    pub(crate) pid: i32,
    pub(crate) uid: i32,
    /// The value; of SIGCHLD the status.
    pub(crate) value: i32,
}

/// The words of a siginfo_t.
pub(crate) type Siginfo = [i32; 32];

impl Told {
    pub(crate) fn of(info: &Siginfo) -> Self {
        let [signal, errno, code, _, pid, uid, value, ..] = *info;
        Self { signal, errno, code, pid, uid, value }
    }

    pub(crate) fn siginfo(self) -> Siginfo {
        let mut info = [0; 32];
        info[..3].copy_from_slice(&[self.signal, self.errno, self.code]);
        info[4..7].copy_from_slice(&[self.pid, self.uid, self.value]);
        info
    }

    /// What is told of a signal of which nothing is known.
    pub(crate) const fn nothing(signal: i32) -> Self {
        Self { signal, errno: 0, code: SI_USER, pid: 0, uid: 0, value: 0 }
    }
}

/// The mask of the calling thread.
pub(crate) fn mask() -> u64 {
    let mut mask = 0u64;
    call(libc::SYS_rt_sigprocmask, [0, 0, out(&mut mask), SET, 0, 0]).expect("a mask");
    mask
}

pub(crate) fn set_mask(mask: u64) {
    change_mask(libc::SIG_SETMASK, mask).expect("a mask");
}

pub(crate) fn change_mask(how: i32, set: u64) -> Result<(), i32> {
    call(libc::SYS_rt_sigprocmask, [number(how), at(&set), 0, SET, 0, 0]).map(drop)
}

/// rt_sigpending(2).
pub(crate) fn pending() -> u64 {
    let mut set = 0u64;
    call(libc::SYS_rt_sigpending, [out(&mut set), SET, 0, 0, 0, 0]).expect("a set");
    set
}

/// rt_sigtimedwait(2) that does not wait.
pub(crate) fn take(set: u64) -> Option<Told> {
    match timed_wait(set, &AT_ONCE) {
        Err(libc::EAGAIN) => None,
        taken => Some(taken.expect("a signal")),
    }
}

/// All that can be taken, in that order.
pub(crate) fn take_all(set: u64) -> Vec<Told> {
    std::iter::from_fn(|| take(set)).collect()
}

/// rt_sigtimedwait(2) that waits.
pub(crate) fn wait_for(set: u64) -> Result<Told, i32> {
    timed_wait(set, &LONG)
}

fn timed_wait(set: u64, timeout: &libc::timespec) -> Result<Told, i32> {
    let mut info: Siginfo = [0; 32];
    let arguments = [at(&set), out(&mut info), at(timeout), SET, 0, 0];
    let signal = call(libc::SYS_rt_sigtimedwait, arguments)?;
    assert_eq!(signal, i64::from(info[0]));
    Ok(Told::of(&info))
}

/// rt_sigsuspend(2).
pub(crate) fn suspend(mask: u64) -> Result<i64, i32> {
    call(libc::SYS_rt_sigsuspend, [at(&mask), SET, 0, 0, 0, 0])
}

/// ppoll(2) of one descriptor, or of none.
pub(crate) fn ppoll(
    file: Option<i32>,
    timeout: Option<&libc::timespec>,
    mask: u64,
) -> Result<i64, i32> {
    let mut asked = libc::pollfd { fd: file.unwrap_or(-1), events: libc::POLLIN, revents: 0 };
    let mut timeout = timeout.copied();
    let timeout = timeout.as_mut().map_or(0, out);
    call(libc::SYS_ppoll, [out(&mut asked), 1, timeout, at(&mask), SET, 0])
}

/// pselect6(2) of one descriptor, or of none.
pub(crate) fn pselect(
    file: Option<i32>,
    timeout: Option<&libc::timespec>,
    mask: u64,
) -> Result<i64, i32> {
    let mut files = [0u64; 16];
    if let Some(file) = file {
        files[number(file) / 64] |= 1 << (file % 64);
    }
    let mut timeout = timeout.copied();
    let timeout = timeout.as_mut().map_or(0, out);
    let pair = [at(&mask), SET];
    let count = file.map_or(0, |file| number(file) + 1);
    call(libc::SYS_pselect6, [count, out(&mut files), 0, 0, timeout, at(&pair)])
}

/// epoll_pwait(2) on a new epoll file with that descriptor, or with none; milliseconds, -1: for ever.
pub(crate) fn epoll_pwait(file: Option<i32>, milliseconds: i32, mask: u64) -> Result<i64, i32> {
    let epoll = call(libc::SYS_epoll_create1, [0; 6]).expect("a file") as usize;
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
    if let Some(file) = file {
        let add = number(libc::EPOLL_CTL_ADD);
        let arguments = [epoll, add, number(file), out(&mut event), 0, 0];
        call(libc::SYS_epoll_ctl, arguments).expect("a file that can be polled");
    }
    let arguments = [epoll, out(&mut event), 1, number(milliseconds), at(&mask), SET];
    let answer = call(libc::SYS_epoll_pwait, arguments);
    call(libc::SYS_close, [epoll, 0, 0, 0, 0, 0]).expect("an open file");
    answer
}

/// rt_sigqueueinfo(2). What is said is all the caller's.
pub(crate) fn queue_told(pid: i32, signal: i32, told: Told) -> Result<(), i32> {
    let info = told.siginfo();
    let arguments = [number(pid), number(signal), at(&info), 0, 0, 0];
    call(libc::SYS_rt_sigqueueinfo, arguments).map(drop)
}

/// What sigqueue(3) says.
pub(crate) fn with_value(signal: i32, value: i32) -> Told {
    Told { signal, errno: 0, code: SI_QUEUE, pid: sys::pid(), uid: 0, value }
}

/// sigqueue(3).
pub(crate) fn queue(pid: i32, signal: i32, value: i32) -> Result<(), i32> {
    queue_told(pid, signal, with_value(signal, value))
}

/// rt_tgsigqueueinfo(2).
pub(crate) fn queue_to_thread(pid: i32, tid: i32, signal: i32, value: i32) -> Result<(), i32> {
    let info = with_value(signal, value).siginfo();
    let arguments = [number(pid), number(tid), number(signal), at(&info), 0, 0];
    call(libc::SYS_rt_tgsigqueueinfo, arguments).map(drop)
}

/// Sends a signal to the calling process.
pub(crate) fn send_self(signal: i32) {
    sys::kill(sys::pid(), signal).expect("itself");
}

/// Sends a signal to the calling thread.
pub(crate) fn send_this_thread(signal: i32) {
    sys::tgkill(sys::pid(), sys::tid(), signal).expect("itself");
}

/// signalfd4(2): a new file.
pub(crate) fn signalfd(set: u64, flags: i32) -> i32 {
    let arguments = [number(-1), at(&set), SET, number(flags), 0, 0];
    call(libc::SYS_signalfd4, arguments).expect("a file") as i32
}

/// Gives a signalfd another set.
pub(crate) fn change_signalfd(file: i32, set: u64) -> Result<i64, i32> {
    call(libc::SYS_signalfd4, [number(file), at(&set), SET, 0, 0, 0])
}

/// read(2) of a signalfd, with room for so many.
pub(crate) fn read_signalfd(file: i32, room: usize) -> Result<Vec<Told>, i32> {
    let mut read = vec![[0i32; 32]; room];
    let address = read.as_mut_ptr() as usize;
    let length = call(libc::SYS_read, [number(file), address, room * 128, 0, 0, 0])?;
    assert_eq!(length % 128, 0);
    read.truncate(length as usize / 128);
    // signalfd_siginfo: ssi_signo, ssi_errno, ssi_code, ssi_pid, ssi_uid; ssi_int is the word 11, ssi_status the word 10.
    let told = read.iter().map(|words| {
        let value = if words[0] == libc::SIGCHLD { words[10] } else { words[11] };
        let [signal, errno, code, pid, uid, ..] = *words;
        Told { signal, errno, code, pid, uid, value }
    });
    Ok(told.collect())
}

/// An action as the kernel has it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) handler: usize,
    pub(crate) flags: u64,
    pub(crate) restorer: usize,
    pub(crate) mask: u64,
}

impl Action {
    pub(crate) const DEFAULT: Self = Self { handler: DEFAULT, flags: 0, restorer: 0, mask: 0 };
    pub(crate) const IGNORE: Self = Self { handler: IGNORE, flags: 0, restorer: 0, mask: 0 };

    /// The handler notes what it sees, for `noted`.
    pub(crate) fn noting(flags: i32, mask: u64) -> Self {
        Self::calling(note, flags, mask)
    }

    pub(crate) fn calling(handler: Handler, flags: i32, mask: u64) -> Self {
        let restorer = restorer();
        let flags = u64::from((flags | libc::SA_SIGINFO | SA_RESTORER).cast_unsigned());
        Self { handler: handler as *const () as usize, flags, restorer, mask }
    }
}

pub(crate) type Handler = extern "C" fn(c_int, *const Siginfo, *mut libc::ucontext_t);

/// The C library's way back from a handler.
fn restorer() -> usize {
    static FOUND: AtomicUsize = AtomicUsize::new(0);
    if FOUND.load(Ordering::SeqCst) == 0 {
        let before = action(libc::SIGXCPU);
        sys::handle(libc::SIGXCPU, nothing);
        FOUND.store(action(libc::SIGXCPU).restorer, Ordering::SeqCst);
        set_action(libc::SIGXCPU, &before);
    }
    FOUND.load(Ordering::SeqCst)
}

extern "C" fn nothing(_: c_int) {}

/// The action for a signal.
pub(crate) fn action(signal: i32) -> Action {
    let mut action = Action::default();
    let arguments = [number(signal), 0, out(&mut action), SET, 0, 0];
    call(libc::SYS_rt_sigaction, arguments).expect("a signal");
    action
}

pub(crate) fn try_set_action(signal: i32, action: &Action) -> Result<(), i32> {
    call(libc::SYS_rt_sigaction, [number(signal), at(action), 0, SET, 0, 0]).map(drop)
}

pub(crate) fn set_action(signal: i32, action: &Action) {
    try_set_action(signal, action).expect("an action");
}

/// The handler for these signals notes what it sees.
pub(crate) fn handle(signals: &[i32]) {
    for &signal in signals {
        set_action(signal, &Action::noting(0, 0));
    }
}

/// What a handler has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    pub(crate) told: Told,
    /// The mask in the handler.
    pub(crate) mask: u64,
    pub(crate) tid: i32,
    /// The handler's action, while it ran.
    pub(crate) action: usize,
}

const WORDS: usize = 10;
const NOTES: usize = 64;
static NOTE: [[AtomicU64; WORDS]; NOTES] = [const { [const { AtomicU64::new(0) }; WORDS] }; NOTES];
static BEGUN: AtomicUsize = AtomicUsize::new(0);
static DONE: AtomicUsize = AtomicUsize::new(0);

/// A handler. Makes system calls alone, with the errno of whom it interrupts left as it was.
pub(crate) extern "C" fn note(signal: c_int, info: *const Siginfo, _: *mut libc::ucontext_t) {
    // SAFETY: its thread's own.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: the kernel has given the address of a siginfo.
    let told = Told::of(unsafe { &*info });
    let action = action(signal).handler;
    let words = [told.signal, told.errno, told.code, told.pid, told.uid, told.value, sys::tid()];
    let place = &NOTE[BEGUN.fetch_add(1, Ordering::SeqCst) % NOTES];
    for (to, word) in place.iter().zip(words) {
        to.store(u64::from(word.cast_unsigned()), Ordering::SeqCst);
    }
    place[7].store(mask(), Ordering::SeqCst);
    place[8].store(action as u64, Ordering::SeqCst);
    if let Some(takers) = TAKERS.get() {
        takers.0.set(told.signal as usize - 1, sys::tid());
    }
    DONE.fetch_add(1, Ordering::SeqCst);
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Which thread of another process has run a handler for a signal.
#[derive(Clone, Copy)]
pub(crate) struct Takers(Board);

/// Where handlers of this process tell that.
static TAKERS: OnceLock<Takers> = OnceLock::new();

impl Takers {
    pub(crate) fn new() -> Self {
        Self(Board::new())
    }

    /// Handlers of this process, which note, write here from now on.
    pub(crate) fn keep(self) {
        assert!(TAKERS.set(self).is_ok(), "one for each process");
    }

    /// The thread that has taken the signal last.
    pub(crate) fn taker(self, signal: i32) -> Option<i32> {
        Some(self.0.get(signal as usize - 1)).filter(|&tid| tid != 0)
    }

    /// Waits until a thread has taken the signal, and forgets that.
    #[track_caller]
    pub(crate) fn await_taker(self, signal: i32) -> i32 {
        until(|| self.taker(signal).is_some());
        let taker = self.taker(signal);
        self.0.set(signal as usize - 1, 0);
        taker.expect("a thread")
    }
}

/// How many handlers have noted something.
pub(crate) fn count_noted() -> usize {
    DONE.load(Ordering::SeqCst)
}

/// What handlers have noted in this process since this was asked last, in the order in which they were entered.
pub(crate) fn noted() -> Vec<Noted> {
    let count = DONE.swap(0, Ordering::SeqCst);
    assert!(count <= NOTES && count == BEGUN.swap(0, Ordering::SeqCst));
    let read = |words: &[AtomicU64; WORDS]| {
        let word = |at: usize| words[at].load(Ordering::SeqCst) as i32;
        let [signal, errno, code, pid, uid, value, tid] = [0, 1, 2, 3, 4, 5, 6].map(word);
        Noted {
            told: Told { signal, errno, code, pid, uid, value },
            mask: words[7].load(Ordering::SeqCst),
            tid,
            action: words[8].load(Ordering::SeqCst) as usize,
        }
    };
    NOTE[..count].iter().map(read).collect()
}

/// The numbers of the signals whose handlers have noted something.
pub(crate) fn noted_signals() -> Vec<i32> {
    noted().iter().map(|noted| noted.told.signal).collect()
}

/// A set of /proc/PID/status, of a process or a thread.
#[track_caller]
pub(crate) fn status_set(tid: i32, name: &str) -> u64 {
    u64::from_str_radix(&sys::status_line(tid, name), 16).expect("a set")
}

/// The two numbers of SigQ.
#[track_caller]
pub(crate) fn places(pid: i32) -> (u32, u32) {
    let line = sys::status_line(pid, "SigQ");
    let (used, limit) = line.split_once('/').expect("two numbers");
    (used.parse().expect("a number"), limit.parse().expect("a number"))
}

/// The call in which a thread sleeps. One that goes on behind a stop can have another number.
pub(crate) fn sleeps_in(tid: i32, number: c_long) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{tid}/syscall")).unwrap_or_default();
    let found = text.split_whitespace().next().and_then(|word| word.parse::<c_long>().ok());
    let is_that = found == Some(number) || found == Some(libc::SYS_restart_syscall);
    is_that && sys::state(tid) == Some('S')
}

#[track_caller]
pub(crate) fn until_it_sleeps_in(tid: i32, number: c_long) {
    until(|| sleeps_in(tid, number));
}

/// Stops a child, and lets it go on.
#[track_caller]
pub(crate) fn stop_and_continue(child: i32) {
    stop(child);
    resume(child);
}

#[track_caller]
pub(crate) fn stop(child: i32) {
    sys::kill(child, libc::SIGSTOP).expect("a child");
    let stopped = Ok(Some((child, sys::Event::Stopped(libc::SIGSTOP))));
    assert_eq!(sys::wait(sys::Who::Child(child), libc::WSTOPPED), stopped);
}

#[track_caller]
pub(crate) fn resume(child: i32) {
    sys::kill(child, libc::SIGCONT).expect("a child");
}

/// Kills a child, and reaps it.
#[track_caller]
pub(crate) fn kill_and_reap(child: i32) {
    sys::kill(child, libc::SIGKILL).expect("a child");
    assert_eq!(sys::reap(child), sys::Event::Killed(libc::SIGKILL));
}

/// sigaltstack(2), with what the C library lays out in the same way.
pub(crate) fn alternate_stack() -> (usize, i32, usize) {
    let mut stack = no_stack();
    call(libc::SYS_sigaltstack, [0, out(&mut stack), 0, 0, 0, 0]).expect("a stack");
    (stack.ss_sp as usize, stack.ss_flags, stack.ss_size)
}

pub(crate) fn no_stack() -> libc::stack_t {
    libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: 0, ss_size: 0 }
}

pub(crate) fn set_alternate_stack(address: usize, flags: i32, size: usize) -> Result<(), i32> {
    let stack = libc::stack_t { ss_sp: address as *mut c_void, ss_flags: flags, ss_size: size };
    call(libc::SYS_sigaltstack, [at(&stack), 0, 0, 0, 0, 0]).map(drop)
}

/// New memory that is never given back.
pub(crate) fn memory(size: usize, protection: i32) -> usize {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: new memory, at no wanted address.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), size, protection, flags, -1, 0) };
    assert_ne!(memory, libc::MAP_FAILED);
    memory as usize
}

pub(crate) fn usable_memory(size: usize) -> usize {
    memory(size, libc::PROT_READ | libc::PROT_WRITE)
}

/// A process or thread that shares this one's memory, made by clone(2) with `CLONE_VM` and these flags. It runs the body, which
/// does not panic and asks nothing of the standard library, and exits with what that says.
pub(crate) fn share_memory(flags: i32, body: impl FnMut() -> i32 + 'static) -> i32 {
    type Body = Box<dyn FnMut() -> i32>;
    extern "C" fn run(body: *mut c_void) -> c_int {
        // SAFETY: it was leaked for this.
        let body = unsafe { &mut *body.cast::<Body>() };
        body()
    }
    const SIZE: usize = 1 << 18;
    let body: *mut Body = Box::into_raw(Box::new(Box::new(body)));
    let top = usable_memory(SIZE) + SIZE;
    let flags = flags | libc::CLONE_VM;
    // SAFETY: the stack is the child's alone, and the body lives for ever.
    let child = unsafe { libc::clone(run, top as *mut c_void, flags, body.cast()) };
    assert!(child > 0, "a clone");
    child
}
