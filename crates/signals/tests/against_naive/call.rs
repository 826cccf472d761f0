//! What a script is made of, and how it is drawn: interesting states shall be frequent.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A call by one of the threads that are there.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) by: u8,
    pub(crate) call: Call,
}

/// One of the threads that are there: counted round.
pub(crate) type Whom = u8;

#[derive(Clone, Debug)]
pub(crate) enum Call {
    Fork(Copying),
    Spawn,
    Exec,
    Exit,
    ExitGroup,
    Act {
        signal: u8,
        action: Option<Act>,
    },
    Mask {
        how: i32,
        set: u64,
    },
    Suspend {
        set: u64,
    },
    BeginOtherMask {
        set: u64,
    },
    EndOtherMask {
        by_signal: bool,
    },
    BeginWait {
        set: u64,
    },
    EndWait {
        takes: bool,
    },
    ReadSignalfd {
        set: u64,
    },
    Pending,
    Kill {
        whom: Whom,
        signal: u8,
    },
    Tkill {
        whom: Whom,
        signal: u8,
    },
    Queue {
        whom: Whom,
        signal: u8,
        code: i32,
        value: u64,
    },
    QueueToThread {
        whom: Whom,
        signal: u8,
        code: i32,
        value: u64,
    },
    /// A fault of the caller's own.
    Fault {
        signal: u8,
    },
    /// It looks for what there is to do, and does it.
    Look {
        has_stack: bool,
    },
    /// The innermost handler returns.
    LeaveHandler,
}

/// What of the actions a child has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Copying {
    Copy,
    Share,
    Clear,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Act {
    pub(crate) handler: Does,
    pub(crate) mask: u64,
    pub(crate) resets: bool,
    pub(crate) does_not_defer: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Does {
    #[default]
    Default,
    Ignore,
    Handle,
}

pub(crate) const fn bit(signal: u8) -> u64 {
    1 << (signal - 1)
}

/// Ended by, ended with a core by, faults, unblockable, handled mostly, ignored by default, job control, real-time.
const SIGNALS: &[u8] = &[1, 3, 7, 11, 9, 10, 12, 17, 28, 18, 19, 20, 40, 40, 41];

fn signal() -> impl Strategy<Value = u8> {
    select(SIGNALS)
}

fn set() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => vec(signal(), 0..4).prop_map(|all| all.into_iter().fold(0, |set, it| set | bit(it))),
        1 => Just(u64::MAX),
    ]
}

fn action() -> impl Strategy<Value = Act> {
    let handler = prop_oneof![
        1 => Just(Does::Default),
        2 => Just(Does::Ignore),
        5 => Just(Does::Handle),
    ];
    let mask = prop_oneof![3 => Just(0), 1 => set()];
    (handler, mask, any::<u8>()).prop_map(|(handler, mask, flags)| Act {
        handler,
        mask,
        resets: flags & 7 == 7,
        does_not_defer: flags & 0x70 == 0x70,
    })
}

fn call() -> impl Strategy<Value = Call> {
    let copying = select(&[Copying::Copy, Copying::Copy, Copying::Share, Copying::Clear][..]);
    // SI_QUEUE, SI_TIMER, SI_TKILL, and what only oneself may send: as by kill, and as of a fault.
    let code = select(&[-1, -1, -2, -6, 0, 1][..]);
    let queued = (any::<u8>(), signal(), code, 1_u64..9, any::<bool>());
    prop_oneof![
        4 => copying.prop_map(Call::Fork),
        8 => Just(Call::Spawn),
        3 => Just(Call::Exec),
        3 => Just(Call::Exit),
        1 => Just(Call::ExitGroup),
        14 => (signal(), action()).prop_map(|(signal, it)| Call::Act { signal, action: Some(it) }),
        2 => signal().prop_map(|signal| Call::Act { signal, action: None }),
        16 => (0..3, set()).prop_map(|(how, set)| Call::Mask { how, set }),
        3 => set().prop_map(|set| Call::Suspend { set }),
        2 => set().prop_map(|set| Call::BeginOtherMask { set }),
        3 => any::<bool>().prop_map(|by_signal| Call::EndOtherMask { by_signal }),
        8 => set().prop_map(|set| Call::BeginWait { set }),
        5 => any::<bool>().prop_map(|takes| Call::EndWait { takes }),
        4 => set().prop_map(|set| Call::ReadSignalfd { set }),
        1 => Just(Call::Pending),
        20 => (any::<u8>(), signal()).prop_map(|(whom, signal)| Call::Kill { whom, signal }),
        14 => (any::<u8>(), signal()).prop_map(|(whom, signal)| Call::Tkill { whom, signal }),
        16 => queued.prop_map(|(whom, signal, code, value, to_thread)| match to_thread {
            true => Call::QueueToThread { whom, signal, code, value },
            false => Call::Queue { whom, signal, code, value },
        }),
        3 => select(&[7, 11][..]).prop_map(|signal| Call::Fault { signal }),
        30 => (0..16_u8).prop_map(|stack| Call::Look { has_stack: stack != 0 }),
        6 => Just(Call::LeaveHandler),
    ]
}

/// Scripts of up to that many steps; a third of them begins with threads of which the leader takes nothing, and a third with a leader that awaits what would end it.
pub(crate) fn scripts(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    let beginning = prop_oneof![
        Just(Vec::new()),
        Just(vec![
            Call::Spawn,
            Call::Spawn,
            Call::Act { signal: 10, action: Some(HANDLED) },
            Call::Act { signal: 40, action: Some(HANDLED) },
            Call::Mask { how: 0, set: u64::MAX },
        ]),
        Just(vec![
            Call::Spawn,
            Call::Mask { how: 0, set: bit(1) | bit(40) },
            Call::BeginWait { set: bit(1) | bit(10) },
        ]),
    ];
    let beginning = beginning
        .prop_map(|calls| calls.into_iter().map(|call| Step { by: 0, call }).collect::<Vec<_>>());
    let rest = vec((any::<u8>(), call()).prop_map(|(by, call)| Step { by, call }), 1..=longest);
    (beginning, rest).prop_map(|(beginning, rest)| [beginning, rest].concat())
}

const HANDLED: Act = Act { handler: Does::Handle, mask: 0, resets: false, does_not_defer: false };
