//! The second model: processes as rows, signals as numbers, queues as lists. A rule stands beside the line that says it.

use crate::call::{Act, Call, Copying, Does, bit};

/// So many signals can have their siginfo in the whole model.
pub(crate) const PLACES: usize = 8;
/// So many of one user, but for who is beyond the limit.
pub(crate) const LIMIT: usize = 5;

/// What all who queue a signal write where their number would stand.
pub(crate) const QUEUED_PID: u32 = 77;

const KILL: u8 = 9;
const SEGV: u8 = 11;
const CONT: u8 = 18;
const STOP: u8 = 19;
const UNBLOCKABLE: u64 = bit(KILL) | bit(STOP);
const STOPS: u64 = bit(STOP) | bit(20) | bit(21) | bit(22);
const IGNORED_BY_DEFAULT: u64 = bit(17) | bit(CONT) | bit(23) | bit(28);
const WITH_CORE: u64 =
    bit(3) | bit(4) | bit(5) | bit(6) | bit(7) | bit(8) | bit(SEGV) | bit(24) | bit(25) | bit(31);
const FAULTS: u64 = bit(4) | bit(5) | bit(7) | bit(8) | bit(SEGV) | bit(31);
const TIMER: i32 = -2;

/// What a siginfo says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Said {
    pub(crate) signal: u8,
    pub(crate) code: i32,
    pub(crate) pid: u32,
    pub(crate) value: u64,
}

/// Which signals wait, and what is said of them.
#[derive(Clone, Default, Debug)]
struct Queue {
    pending: u64,
    list: Vec<Said>,
}

#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) tid: u32,
    /// In which order it was made: its place among all that ever were.
    pub(crate) serial: usize,
    pub(crate) blocked: u64,
    /// Comes back at the end of the call.
    pub(crate) saved: Option<u64>,
    /// In sigtimedwait: the mask outside, and the set.
    pub(crate) awaits: Option<(u64, u64)>,
    queue: Queue,
    /// It is to look for a signal.
    pub(crate) is_told: bool,
    /// It is to look for a stop.
    has_to_look_for_stop: bool,
    has_to_stop: bool,
    pub(crate) is_stopped: bool,
    pub(crate) has_to_exit: bool,
    /// A leader that is gone, while others live.
    pub(crate) has_exited: bool,
    /// The masks that the frames of its handlers keep.
    pub(crate) frames: Vec<u64>,
}

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) threads: Vec<Thread>,
    /// Which table of actions.
    actions: usize,
    queue: Queue,
    /// Who took what the first choice did not want.
    current: Option<u32>,
    /// By which signal it ends, or 0.
    pub(crate) ends_by: Option<u8>,
    is_stopping: bool,
}

pub(crate) struct Naive {
    pub(crate) processes: Vec<Process>,
    tables: Vec<Vec<Act>>,
    next_number: u32,
    next_serial: usize,
}

/// What a thread has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    Return,
    Handle { said: Said, act: Act, saved: u64 },
    Stop,
    Fatal(u8),
    Exit(u8),
}

/// What a call answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Done,
    /// The step makes no sense here.
    Skipped,
    Refused(&'static str),
    Born,
    Was(Act),
    Set(u64),
    Taken(Option<Said>),
    Next(Next),
}

/// A thread's place: that of its process, and its own in there.
type Place = (usize, usize);

impl Naive {
    /// One process of one thread, beside an init that only waits.
    pub(crate) fn new() -> Self {
        let mut naive = Self {
            processes: Vec::new(),
            tables: vec![vec![Act::default(); 65]],
            next_number: 2,
            next_serial: 0,
        };
        let first = naive.new_thread(0);
        naive.add_process(first, 0);
        naive
    }

    fn new_thread(&mut self, blocked: u64) -> Thread {
        let (tid, serial) = (self.next_number, self.next_serial);
        self.next_number += 1;
        self.next_serial += 1;
        Thread {
            tid,
            serial,
            blocked,
            saved: None,
            awaits: None,
            queue: Queue::default(),
            is_told: false,
            has_to_look_for_stop: false,
            has_to_stop: false,
            is_stopped: false,
            has_to_exit: false,
            has_exited: false,
            frames: Vec::new(),
        }
    }

    fn add_process(&mut self, leader: Thread, actions: usize) {
        self.processes.push(Process {
            pid: leader.tid,
            threads: vec![leader],
            actions,
            queue: Queue::default(),
            current: None,
            ends_by: None,
            is_stopping: false,
        });
    }

    /// All threads, exited leaders among them, by who was made first.
    pub(crate) fn places(&self) -> Vec<Place> {
        let all = self.processes.iter().enumerate();
        let mut places: Vec<_> = all
            .flat_map(|(at, process)| (0..process.threads.len()).map(move |of| (at, of)))
            .collect();
        places.sort_by_key(|&place| self.thread(place).serial);
        places
    }

    pub(crate) fn thread(&self, (process, of): Place) -> &Thread {
        &self.processes[process].threads[of]
    }

    fn thread_mut(&mut self, (process, of): Place) -> &mut Thread {
        &mut self.processes[process].threads[of]
    }

    pub(crate) fn pending(&self, place: Place) -> (u64, u64) {
        (self.thread(place).queue.pending, self.processes[place.0].queue.pending)
    }

    /// How many places are in use. R-SIG-21.
    pub(crate) fn places_in_use(&self) -> usize {
        let of_process = |it: &Process| {
            it.queue.list.len() + it.threads.iter().map(|it| it.queue.list.len()).sum::<usize>()
        };
        self.processes.iter().map(of_process).sum()
    }

    /// Which are ignored, and which caught. R-SIG-92.
    pub(crate) fn ignored_and_caught(&self, process: usize) -> (u64, u64) {
        let acts = &self.tables[self.processes[process].actions];
        let those = |does| {
            (1..=64)
                .filter(|&it| acts[usize::from(it)].handler == does)
                .fold(0, |set, it| set | bit(it))
        };
        (those(Does::Ignore), those(Does::Handle))
    }

    fn act(&self, process: usize, signal: u8) -> Act {
        self.tables[self.processes[process].actions][usize::from(signal)]
    }

    fn set_act(&mut self, process: usize, signal: u8, act: Act) {
        let table = self.processes[process].actions;
        self.tables[table][usize::from(signal)] = act;
    }

    /// Plays a call of the thread at that place.
    pub(crate) fn play(&mut self, by: Place, call: &Call, whom: Place) -> Answer {
        let own = self.thread(by);
        let is_in_call = own.awaits.is_some() || own.saved.is_some();
        let ends_call = matches!(call, Call::EndWait { .. }) && own.awaits.is_some()
            || matches!(call, Call::EndOtherMask { .. }) && own.saved.is_some()
            || matches!(call, Call::Look { .. }) && own.awaits.is_none();
        if own.has_exited || own.is_stopped || is_in_call && !ends_call {
            return Answer::Skipped;
        }
        if own.has_to_exit && !ends_call && !matches!(call, Call::Look { .. }) {
            return Answer::Skipped;
        }
        match *call {
            Call::Fork(copying) => self.fork(by, copying),
            Call::Spawn => self.spawn(by),
            Call::Exec => self.exec(by),
            Call::Exit => {
                self.exit(by);
                Answer::Done
            }
            Call::ExitGroup => {
                self.end(by.0, 0);
                Answer::Done
            }
            Call::Act { signal, action } => self.sigaction(by.0, signal, action),
            Call::Mask { how, set } => {
                let old = self.thread(by).blocked;
                let set = set & !UNBLOCKABLE; // R-SIG-06
                self.set_mask(by, [old | set, old & !set, set][how as usize]);
                Answer::Set(old)
            }
            // R-SIG-48
            Call::Suspend { set } | Call::BeginOtherMask { set } => {
                self.thread_mut(by).saved = Some(self.thread(by).blocked);
                self.set_mask(by, set & !UNBLOCKABLE);
                Answer::Done
            }
            Call::EndOtherMask { by_signal } => {
                let Some(saved) = self.thread(by).saved else { return Answer::Skipped };
                if !by_signal {
                    self.thread_mut(by).saved = None;
                    self.set_mask(by, saved);
                }
                Answer::Done
            }
            Call::BeginWait { set } => self.begin_wait(by, set & !UNBLOCKABLE), // R-SIG-56
            Call::EndWait { takes } => self.end_wait(by, takes),
            Call::ReadSignalfd { set } => {
                let taken = self.take(by, set & !UNBLOCKABLE).map(|(said, _)| said);
                self.recalculate(by);
                Answer::Taken(taken)
            }
            // R-SIG-20
            Call::Pending => {
                let (own, shared) = self.pending(by);
                Answer::Set((own | shared) & self.thread(by).blocked)
            }
            Call::Kill { signal, .. } => {
                let pid = self.processes[by.0].pid;
                self.send(whom, None, Said { signal, code: 0, pid, value: 0 })
            }
            Call::Tkill { signal, .. } => {
                let pid = self.processes[by.0].pid;
                self.send(whom, Some(whom), Said { signal, code: -6, pid, value: 0 })
            }
            // R-SIG-27; what says that the kernel, or kill, has sent it one may send to oneself alone.
            Call::Queue { signal, code, value, .. }
            | Call::QueueToThread { signal, code, value, .. } => {
                if (code >= 0 || code == -6) && self.thread(whom).tid != self.thread(by).tid {
                    return Answer::Refused("EPERM");
                }
                let of_thread = matches!(call, Call::QueueToThread { .. }).then_some(whom);
                self.send(whom, of_thread, Said { signal, code, pid: QUEUED_PID, value })
            }
            Call::Fault { signal } => {
                self.force(by, Said { signal, code: 1, pid: 0, value: 0xbad }, false);
                Answer::Done
            }
            Call::Look { has_stack } => self.look(by, has_stack),
            Call::LeaveHandler => match self.thread_mut(by).frames.pop() {
                Some(mask) => {
                    self.set_mask(by, mask & !UNBLOCKABLE); // R-SIG-41
                    Answer::Done
                }
                None => Answer::Skipped,
            },
        }
    }

    // Birth and death

    /// Something waits for it: the call is made again behind that.
    fn is_interrupted(&mut self, by: Place) -> bool {
        let (own, shared) = self.pending(by);
        if (own | shared) == 0 {
            return false;
        }
        self.recalculate(by);
        (own | shared) & !self.thread(by).blocked != 0
    }

    fn may_give_birth(&self, by: Place) -> bool {
        self.next_serial < crate::pair::MOST_THREADS && !self.processes[by.0].is_stopping
    }

    fn fork(&mut self, by: Place, copying: Copying) -> Answer {
        if !self.may_give_birth(by) {
            return Answer::Skipped;
        }
        if self.is_interrupted(by) {
            return Answer::Refused("EINTR");
        }
        let table = self.processes[by.0].actions;
        let actions = match copying {
            Copying::Share => table, // R-SIG-83
            Copying::Copy => {
                self.tables.push(self.tables[table].clone());
                self.tables.len() - 1
            }
            // R-SIG-82
            Copying::Clear => {
                self.tables.push(kept_by_exec(&self.tables[table]));
                self.tables.len() - 1
            }
        };
        let child = self.new_thread(self.thread(by).blocked); // R-SIG-81
        self.add_process(child, actions);
        Answer::Born
    }

    fn spawn(&mut self, by: Place) -> Answer {
        if !self.may_give_birth(by) {
            return Answer::Skipped;
        }
        if self.is_interrupted(by) {
            return Answer::Refused("EINTR");
        }
        let thread = self.new_thread(self.thread(by).blocked); // R-SIG-80
        self.processes[by.0].threads.push(thread);
        Answer::Born
    }

    fn exec(&mut self, by: Place) -> Answer {
        if self.processes[by.0].is_stopping {
            return Answer::Skipped;
        }
        let pid = self.processes[by.0].pid;
        // R-SIG-85, R-SIG-86
        let kept = kept_by_exec(&self.tables[self.processes[by.0].actions]);
        self.tables.push(kept);
        let actions = self.tables.len() - 1;
        let process = &mut self.processes[by.0];
        process.actions = actions;
        // R-SIG-87
        let mut thread = process.threads.remove(by.1);
        thread.tid = pid;
        thread.frames.clear();
        process.threads = vec![thread];
        process.current = None;
        // R-SIG-88
        for queue in [&mut process.threads[0].queue, &mut process.queue] {
            queue.list.retain(|said| {
                let is_kept = said.code != TIMER;
                queue.pending &= if is_kept { !0 } else { !bit(said.signal) };
                is_kept
            });
            // Of what else is queued the number stays.
            for said in &queue.list {
                queue.pending |= bit(said.signal);
            }
        }
        self.recalculate((by.0, 0));
        Answer::Done
    }

    fn exit(&mut self, by: Place) {
        let is_alone = self.living(by.0).len() == 1;
        self.thread_mut(by).has_exited = true;
        self.thread_mut(by).queue = Queue::default(); // R-SIG-25, R-SIG-33
        let is_told = self.is_told(by);
        if !is_alone && is_told && self.processes[by.0].ends_by.is_none() {
            self.hand_on(by, !self.thread(by).blocked); // R-SIG-99
        }
        let process = &mut self.processes[by.0];
        let tid = process.threads[by.1].tid;
        if tid != process.pid {
            if process.current == Some(tid) {
                let next = (by.1 + 1) % process.threads.len();
                process.current = Some(process.threads[next].tid);
            }
            process.threads.remove(by.1); // R-SIG-33
        }
        if is_alone {
            self.processes.remove(by.0);
        }
    }

    fn living(&self, process: usize) -> Vec<Place> {
        let threads = self.processes[process].threads.iter().enumerate();
        threads.filter(|(_, it)| !it.has_exited).map(|(of, _)| (process, of)).collect()
    }

    /// The process ends by this signal, or none.
    fn end(&mut self, process: usize, by: u8) {
        if self.processes[process].ends_by.is_some() {
            return;
        }
        self.processes[process].ends_by = Some(by);
        self.processes[process].is_stopping = false;
        for place in self.living(process) {
            let thread = self.thread_mut(place);
            thread.has_to_exit = true;
            (thread.is_stopped, thread.has_to_stop) = (false, false);
        }
    }

    // Actions and masks

    fn sigaction(&mut self, process: usize, signal: u8, new: Option<Act>) -> Answer {
        let old = self.act(process, signal);
        let Some(new) = new else { return Answer::Was(old) };
        if bit(signal) & UNBLOCKABLE != 0 {
            return Answer::Refused("EINVAL"); // R-SIG-07
        }
        self.set_act(process, signal, Act { mask: new.mask & !UNBLOCKABLE, ..new });
        // R-SIG-12, R-SIG-13
        if self.is_ignored(process, signal) {
            self.discard(process, bit(signal));
        }
        Answer::Was(old)
    }

    fn is_ignored(&self, process: usize, signal: u8) -> bool {
        match self.act(process, signal).handler {
            Does::Ignore => true,
            Does::Default => bit(signal) & IGNORED_BY_DEFAULT != 0, // R-SIG-11
            Does::Handle => false,
        }
    }

    /// In all queues of the process.
    fn discard(&mut self, process: usize, signals: u64) {
        let process = &mut self.processes[process];
        let own = process.threads.iter_mut().map(|thread| &mut thread.queue);
        for queue in own.chain([&mut process.queue]) {
            queue.pending &= !signals;
            queue.list.retain(|said| bit(said.signal) & signals == 0);
        }
    }

    fn set_mask(&mut self, by: Place, new: u64) {
        let old = self.thread(by).blocked;
        if old == new {
            return;
        }
        if self.is_told(by) {
            self.hand_on(by, new & !old); // R-SIG-31
        }
        self.thread_mut(by).blocked = new;
        self.recalculate(by);
    }

    /// It has something to look at.
    fn is_told(&self, place: Place) -> bool {
        let thread = self.thread(place);
        thread.is_told || thread.has_to_look_for_stop || thread.has_to_exit
    }

    /// Whether there is a signal for it is found out anew.
    fn recalculate(&mut self, place: Place) {
        let (own, shared) = self.pending(place);
        let thread = self.thread_mut(place);
        thread.is_told = (own | shared) & !thread.blocked != 0;
    }

    /// Others are told of what waits for the process, and this one will not take.
    fn hand_on(&mut self, from: Place, signals: u64) {
        let mut left = self.processes[from.0].queue.pending & signals;
        let count = self.processes[from.0].threads.len();
        for step in 1..count {
            let other = (from.0, (from.1 + step) % count);
            let open = left & !self.thread(other).blocked;
            if open == 0 || self.thread(other).has_exited {
                continue;
            }
            left &= !open;
            if !self.is_told(other) {
                self.thread_mut(other).is_told = true;
            }
        }
    }

    // Sending

    /// Sends to the process of a thread, or to that thread alone.
    fn send(&mut self, whom: Place, thread: Option<Place>, said: Said) -> Answer {
        let (process, signal) = (whom.0, said.signal);
        if self.processes[process].ends_by.is_some()
            || thread.is_some_and(|it| self.thread(it).has_exited)
        {
            return Answer::Done;
        }
        // R-STOP-01, R-STOP-02, R-SIG-28
        if bit(signal) & STOPS != 0 {
            self.discard(process, bit(CONT));
        }
        if signal == CONT {
            self.discard(process, STOPS);
            self.processes[process].is_stopping = false;
            for place in self.living(process) {
                let thread = self.thread_mut(place);
                (thread.is_stopped, thread.has_to_stop) = (false, false);
            }
        }
        // A leader that has exited is nobody to be asked first; its mask counts all the same.
        let addressed = if self.thread(whom).has_exited { (process, 0) } else { whom };
        let outer = self.thread(addressed).awaits.map_or(0, |(outer, _)| outer);
        let is_blocked = (self.thread(addressed).blocked | outer) & bit(signal) != 0;
        if self.is_ignored(process, signal) && !is_blocked {
            return Answer::Done;
        }
        let queue = match thread {
            Some(thread) => &self.thread(thread).queue,
            None => &self.processes[process].queue,
        };
        let is_standard = signal < 32;
        if is_standard && queue.pending & bit(signal) != 0 {
            return Answer::Done; // R-SIG-14
        }
        // R-SIG-21 to R-SIG-24
        let in_use = self.places_in_use();
        let is_beyond = is_standard && said.code >= 0;
        let has_place = in_use < PLACES && (in_use < LIMIT || is_beyond);
        if !has_place && !is_standard && said.code != 0 {
            return Answer::Refused("EAGAIN");
        }
        let queue = match thread {
            Some(thread) => &mut self.thread_mut(thread).queue,
            None => &mut self.processes[process].queue,
        };
        queue.pending |= bit(signal);
        if has_place && signal != KILL {
            queue.list.push(said);
        }
        self.wake(addressed, thread.is_some(), signal);
        Answer::Done
    }

    /// R-SIG-29, R-SIG-34, R-SIG-60: who is told says whether it ends the process.
    fn wake(&mut self, first: Place, is_for_thread: bool, signal: u8) {
        let process = first.0;
        let taker = if self.wants(first, signal) {
            first
        } else if is_for_thread {
            return;
        } else {
            let threads = &self.processes[process].threads;
            let current = self.processes[process].current;
            let from = current.and_then(|it| threads.iter().position(|thread| thread.tid == it));
            let (from, count) = (from.unwrap_or(0), threads.len());
            let asked = (0..count).map(|step| (process, (from + step) % count));
            let Some(taker) = asked.into_iter().find(|&it| self.wants(it, signal)) else { return };
            self.processes[process].current = Some(self.thread(taker).tid);
            taker
        };
        self.thread_mut(taker).is_told = true;
        let outer = self.thread(taker).awaits.map_or(0, |(outer, _)| outer);
        let is_fatal = signal == KILL
            || self.act(process, signal).handler == Does::Default
                && bit(signal) & (IGNORED_BY_DEFAULT | STOPS | WITH_CORE | outer) == 0; // R-SIG-59
        if is_fatal {
            self.end(process, signal);
        }
    }

    fn wants(&self, place: Place, signal: u8) -> bool {
        let thread = self.thread(place);
        let is_open = thread.blocked & bit(signal) == 0 && !thread.has_exited;
        is_open && (signal == KILL || !thread.is_stopped && !self.is_told(place))
    }

    /// A fault, or a frame that cannot be written. R-KILL-14, R-SIG-70.
    fn force(&mut self, by: Place, said: Said, is_default: bool) {
        let signal = said.signal;
        if self.processes[by.0].ends_by.is_some() {
            return;
        }
        let act = self.act(by.0, signal);
        let is_blocked = self.thread(by).blocked & bit(signal) != 0;
        if is_default || act.handler == Does::Ignore || is_blocked {
            self.set_act(by.0, signal, Act { handler: Does::Default, ..act });
            self.thread_mut(by).blocked &= !bit(signal);
            self.recalculate(by);
        }
        self.send(by, Some(by), said);
    }

    // Taking

    fn begin_wait(&mut self, by: Place, set: u64) -> Answer {
        let taken = self.take(by, set).map(|(said, _)| said);
        if taken.is_none() {
            let thread = self.thread_mut(by);
            thread.awaits = Some((thread.blocked, set));
            thread.blocked &= !set; // R-SIG-91
        }
        self.recalculate(by);
        Answer::Taken(taken)
    }

    fn end_wait(&mut self, by: Place, takes: bool) -> Answer {
        let Some((outer, set)) = self.thread_mut(by).awaits.take() else { return Answer::Skipped };
        self.set_mask(by, outer); // R-SIG-60
        let taken = if takes { self.take(by, set).map(|(said, _)| said) } else { None };
        self.recalculate(by);
        Answer::Taken(taken)
    }

    /// The thread's before the process's (R-SIG-18), faults and then the lowest number (R-SIG-17). Whether it was the process's.
    fn take(&mut self, by: Place, set: u64) -> Option<(Said, bool)> {
        let process = &mut self.processes[by.0];
        let own = take_from(&mut process.threads[by.1].queue, set);
        own.map(|said| (said, false))
            .or_else(|| take_from(&mut process.queue, set).map(|said| (said, true)))
    }

    /// R-SIG-19.
    fn take_fault(&mut self, by: Place) -> Option<Said> {
        let open = !self.thread(by).blocked;
        let queue = &mut self.thread_mut(by).queue;
        if queue.pending & open & FAULTS == 0 {
            return None;
        }
        let at =
            queue.list.iter().position(|said| said.code > 0 && bit(said.signal) & FAULTS != 0)?;
        let said = queue.list.remove(at);
        if !queue.list.iter().any(|it| it.signal == said.signal) {
            queue.pending &= !bit(said.signal);
        }
        Some(said)
    }

    /// What the thread has to do next; it does that.
    fn look(&mut self, by: Place, has_stack: bool) -> Answer {
        let next = self.next(by);
        match next {
            Next::Return | Next::Stop => {}
            Next::Fatal(signal) => self.end(by.0, signal),
            Next::Exit(_) => self.exit(by),
            Next::Handle { said, act, saved } if has_stack => {
                self.thread_mut(by).saved = None;
                self.thread_mut(by).frames.push(saved);
                // R-SIG-37, R-SIG-38
                let own = if act.does_not_defer { 0 } else { bit(said.signal) };
                let mask = self.thread(by).blocked | act.mask | own;
                self.set_mask(by, mask & !UNBLOCKABLE);
            }
            // R-SIG-70
            Next::Handle { said, .. } => {
                let fault = Said { signal: SEGV, code: 0x80, pid: 0, value: 0 };
                self.force(by, fault, said.signal == SEGV);
            }
        }
        Answer::Next(next)
    }

    fn next(&mut self, by: Place) -> Next {
        loop {
            if self.thread(by).has_to_exit {
                let own = &mut self.thread_mut(by).queue;
                own.pending &= !bit(KILL);
                own.list.retain(|said| said.signal != KILL);
                return Next::Exit(self.processes[by.0].ends_by.unwrap_or(0));
            }
            self.thread_mut(by).has_to_look_for_stop = false;
            if std::mem::take(&mut self.thread_mut(by).has_to_stop) {
                self.thread_mut(by).is_stopped = true;
                return Next::Stop;
            }
            let open = !self.thread(by).blocked;
            let taken = self.take_fault(by).or_else(|| self.take(by, open).map(|(said, _)| said));
            self.recalculate(by);
            let Some(said) = taken else {
                if let Some(saved) = self.thread_mut(by).saved.take() {
                    self.set_mask(by, saved); // R-SIG-49
                }
                return Next::Return;
            };
            let act = self.act(by.0, said.signal);
            match act.handler {
                Does::Ignore => continue,
                Does::Handle => {
                    if act.resets {
                        let reset = Act { handler: Does::Default, ..act };
                        self.set_act(by.0, said.signal, reset); // R-SIG-40
                    }
                    let saved = self.thread(by).saved.unwrap_or(self.thread(by).blocked);
                    return Next::Handle { said, act, saved };
                }
                Does::Default => {}
            }
            let signal = bit(said.signal);
            if signal & IGNORED_BY_DEFAULT != 0 {
                continue;
            }
            if signal & STOPS == 0 {
                return Next::Fatal(said.signal);
            }
            // All are of one group that is orphaned: only SIGSTOP stops. R-ORPHAN-09
            if said.signal == STOP {
                self.processes[by.0].is_stopping = true;
                for place in self.living(by.0) {
                    let thread = self.thread_mut(place);
                    if !thread.is_stopped {
                        (thread.has_to_stop, thread.has_to_look_for_stop) = (true, true);
                    }
                }
            }
        }
    }
}

/// What is ignored stays so, and all else is gone. R-SIG-85, R-SIG-86.
fn kept_by_exec(acts: &[Act]) -> Vec<Act> {
    let kept = |act: &Act| match act.handler {
        Does::Ignore => Act { handler: Does::Ignore, ..Act::default() },
        Does::Default | Does::Handle => Act::default(),
    };
    acts.iter().map(kept).collect()
}

fn take_from(queue: &mut Queue, set: u64) -> Option<Said> {
    let open = queue.pending & set;
    let first = if open & FAULTS != 0 { open & FAULTS } else { open };
    let signal = (1..=64).find(|&it| first & bit(it) != 0)?;
    let at = queue.list.iter().position(|said| said.signal == signal);
    // R-SIG-16, R-SIG-23
    let said = match at {
        Some(at) => queue.list.remove(at),
        None => Said { signal, code: 0, pid: 0, value: 0 },
    };
    if !queue.list.iter().any(|said| said.signal == signal) {
        queue.pending &= !bit(signal);
    }
    Some(said)
}
