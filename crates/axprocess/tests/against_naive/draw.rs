//! How scripts are drawn: interesting states shall be frequent, impossible arguments shall come up.

use axprocess::{
    AcquireTerminal, AdminRight, ExitStatus, ForcedAction, ForkNamespace, ForkParent, IfTaken,
    Signal, SignalAction, StopSignal, TerminalAccess, TerminalFile, TerminalSide, TraceStart,
    TraceStop,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::call::{Arg, Call, Step};
use crate::naive::send::{KernelTarget, Told};

type Drawn = Call<Arg, u8>;

/// Scripts of up to that many steps; two fifths of them begin with a shell, its terminal and two jobs, and a fifth with kthreadd, a worker and helpers of both.
pub(crate) fn scripts(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<u8>(), call()).prop_map(|(by, call)| Step { by, call });
    let beginning = prop_oneof![
        2 => Just(Vec::new()),
        2 => Just(a_shell_with_two_jobs()),
        1 => Just(a_worker_and_helpers()),
    ];
    (beginning, vec(step, 1..=longest)).prop_map(|(beginning, rest)| [beginning, rest].concat())
}

fn a_shell_with_two_jobs() -> Vec<Step> {
    let fork = || Call::Fork {
        exit_signal: 17,
        parent: ForkParent::Caller,
        space: ForkNamespace::Inherited,
        set_tid: Vec::new(),
    };
    let lead = || Call::Setpgid { pid: Arg::Number(0), pgid: Arg::Number(0) };
    let calls = [
        (0, fork()),
        (1, Call::Setsid),
        (1, Call::OpenTerminal(0, TerminalFile::Readable)),
        (1, fork()),
        (2, lead()),
        (1, fork()),
        (3, lead()),
    ];
    calls.into_iter().map(|(by, call)| Step { by, call }).collect()
}

fn a_worker_and_helpers() -> Vec<Step> {
    let fork = |parent| Call::Fork {
        exit_signal: 17,
        parent,
        space: ForkNamespace::Inherited,
        set_tid: Vec::new(),
    };
    let worker = || Call::ForkKernelThread { parent: ForkParent::Caller, set_tid: Vec::new() };
    let calls = [
        (0, Call::NewKthreadd),
        (0, worker()),
        (2, fork(ForkParent::Sibling)),
        (3, Call::Exec),
        (1, fork(ForkParent::Caller)),
        (2, fork(ForkParent::Caller)),
        (3, fork(ForkParent::Caller)),
    ];
    calls.into_iter().map(|(by, call)| Step { by, call }).collect()
}

fn call() -> BoxedStrategy<Drawn> {
    prop_oneof![
        30 => births(),
        18 => deaths(),
        16 => waits(),
        18 => groups(),
        16 => signals(),
        20 => stops(),
        12 => attributes(),
        4 => spaces(),
        18 => terminals(),
        20 => traces(),
    ]
    .boxed()
}

fn births() -> BoxedStrategy<Drawn> {
    let space = || prop_oneof![12 => Just(ForkNamespace::Inherited), 2 => Just(ForkNamespace::New)];
    let parent = || prop_oneof![9 => Just(ForkParent::Caller), 2 => Just(ForkParent::Sibling)];
    let set_tid = || {
        let tid = prop_oneof![
            4 => (1..12i32).prop_map(Arg::Number),
            1 => any::<u8>().prop_map(Arg::Process),
            1 => select(vec![0, -1, 4_194_303, 4_194_304]).prop_map(Arg::Number),
        ];
        prop_oneof![8 => Just(Vec::new()), 1 => vec(tid, 1..4)]
    };
    let exit_signal = prop_oneof![
        8 => Just(17),
        2 => select(vec![0u8, 10, 18, 64, 65, 255]),
        1 => select(vec![9u8, 19, 20, 3]),
    ];
    let fork = (exit_signal, parent(), space(), set_tid()).prop_map(
        |(exit_signal, parent, space, set_tid)| Call::Fork { exit_signal, parent, space, set_tid },
    );
    let of_kernel = (parent(), set_tid())
        .prop_map(|(parent, set_tid)| Call::ForkKernelThread { parent, set_tid });
    prop_oneof![
        20 => fork,
        1 => Just(Call::NewKthreadd),
        3 => of_kernel,
        8 => set_tid().prop_map(|set_tid| Call::SpawnThread { set_tid }),
        4 => Just(Call::RefuseNextBirth),
    ]
    .boxed()
}

fn status() -> BoxedStrategy<ExitStatus> {
    prop_oneof![
        3 => (0..4).prop_map(ExitStatus::exited),
        1 => Just(ExitStatus::killed(Signal::SIGKILL)),
        1 => Just(ExitStatus::dumped(Signal::SIGSEGV)),
    ]
    .boxed()
}

fn deaths() -> BoxedStrategy<Drawn> {
    prop_oneof![
        4 => status().prop_map(Call::ExitThread),
        2 => status().prop_map(Call::BeginExit),
        5 => any::<u8>().prop_map(Call::GoOnExiting),
        1 => Just(Call::BeginCoreDump(Signal::SIGSEGV)),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(who, is_written)| Call::EndCoreDump(who, is_written)),
        6 => status().prop_map(Call::Exit),
        1 => (any::<u8>(), status()).prop_map(|(who, status)| Call::BeginGroupExit(who, status)),
        2 => any::<u8>().prop_map(Call::FinishGroupExit),
        2 => Just(Call::Exec),
        2 => Just(Call::ExecInSteps),
        2 => Just(Call::FinishExec),
    ]
    .boxed()
}

/// A number that names somebody most of the time.
fn number() -> BoxedStrategy<Arg> {
    prop_oneof![
        4 => any::<u8>().prop_map(Arg::Child),
        3 => any::<u8>().prop_map(Arg::Process),
        1 => any::<u8>().prop_map(Arg::Thread),
        2 => any::<u8>().prop_map(Arg::Group),
        1 => Just(Arg::Own),
        1 => Just(Arg::OwnGroup),
        1 => Just(Arg::Parent),
        2 => Just(Arg::Number(0)),
        1 => select(vec![-1, 1, 2, 3, 77, i32::MIN, i32::MAX, -2]).prop_map(Arg::Number),
    ]
    .boxed()
}

/// The same for calls that take groups as negative numbers.
fn selector() -> BoxedStrategy<Arg> {
    prop_oneof![
        4 => Just(Arg::Number(-1)),
        4 => number(),
        2 => any::<u8>().prop_map(Arg::MinusGroup),
        1 => any::<u8>().prop_map(Arg::MinusProcess),
        1 => Just(Arg::MinusOwnGroup),
    ]
    .boxed()
}

fn waits() -> BoxedStrategy<Drawn> {
    let options = || {
        let how = select(vec![0, 1, 0x2000_0000, 0x4000_0000, i32::MIN, 0x6000_0001]);
        let what = select(vec![0, 2, 8, 10, 2 | 8]);
        let odd = prop_oneof![14 => Just(0), 1 => select(vec![4, 0x10, 0x0100_0000])];
        (how, what, odd).prop_map(|(how, what, odd)| how | what | odd)
    };
    let only_wait4 = (selector(), options());
    let kinds = prop_oneof![3 => Just(0), 2 => Just(1), 2 => Just(2), 1 => select(vec![3, -1])];
    let ends = select(vec![0, 4, 4, 4]);
    let peek = prop_oneof![3 => Just(0), 1 => Just(0x0100_0000)];
    prop_oneof![
        1 => (selector(), options(), prop_oneof![Just(None), number().prop_map(Some)])
            .prop_map(|(pid, options, pgid)| Call::WaitAcross { pid, options, pgid }),
        3 => only_wait4.prop_map(|(pid, options)| Call::Wait4 { pid, options }),
        2 => (kinds, number(), options(), ends, peek).prop_map(|(kind, id, options, ends, peek)| {
            Call::Waitid { kind, id, options: options | ends | peek }
        }),
    ]
    .boxed()
}

fn groups() -> BoxedStrategy<Drawn> {
    prop_oneof![
        3 => (number(), number()).prop_map(|(pid, pgid)| Call::Setpgid { pid, pgid }),
        3 => Just(Call::Setpgid { pid: Arg::Number(0), pgid: Arg::Number(0) }),
        3 => any::<u8>().prop_map(|child| Call::Setpgid { pid: Arg::Child(child), pgid: Arg::Number(0) }),
        3 => Just(Call::Setsid),
        1 => number().prop_map(Call::Getpgid),
        1 => number().prop_map(Call::Getsid),
    ]
    .boxed()
}

fn signals() -> BoxedStrategy<Drawn> {
    let signal = || {
        prop_oneof![
            3 => Just(18),
            2 => select(vec![1, 15]),
            1 => Just(9),
            1 => select(vec![19, 20, 21]),
            1 => select(vec![3, 17, 28]),
            1 => Just(0),
            1 => select(vec![-1, 64, 65, i32::MIN]),
        ]
    };
    let code = || select(vec![-1, -1, -2, -5, -6, 0, 5, 0x80, 0x80]);
    let sent = select(vec![Signal::SIGCONT, Signal::SIGCONT, Signal::SIGTSTP, Signal::SIGTERM]);
    let of_kernel = || {
        let signals = [Signal::SIGALRM, Signal::SIGTERM, Signal::SIGSEGV, Signal::SIGKILL];
        prop_oneof![3 => select(signals.to_vec()), 1 => Just(Signal::SIGSTOP), 1 => Just(Signal::SIGCONT)]
    };
    let target = select(vec![
        KernelTarget::Process,
        KernelTarget::ProcessByThread,
        KernelTarget::Thread,
        KernelTarget::Group,
    ]);
    let told = prop_oneof![
        2 => Just(Told::Kernel),
        2 => any::<u8>().prop_map(Told::Process),
        2 => select(vec![-2, 1, 0x80]).prop_map(Told::Event),
        1 => any::<u8>().prop_map(Told::Message),
    ];
    let action = select(vec![
        ForcedAction::AsSet,
        ForcedAction::AsSet,
        ForcedAction::Default,
        ForcedAction::Final,
    ]);
    prop_oneof![
        4 => (selector(), signal()).prop_map(|(pid, signal)| Call::Kill { pid, signal }),
        2 => (any::<u8>().prop_map(Arg::Thread), signal()).prop_map(|(tid, signal)| Call::Tkill { tid, signal }),
        1 => (number(), signal()).prop_map(|(tid, signal)| Call::Tkill { tid, signal }),
        1 => (number(), any::<u8>().prop_map(Arg::Thread), signal())
            .prop_map(|(tgid, tid, signal)| Call::Tgkill { tgid, tid, signal }),
        1 => (proptest::option::of(number()), any::<u8>().prop_map(Arg::Thread), signal(), code())
            .prop_map(|(tgid, pid, signal, code)| Call::Queue { tgid, pid, signal, code }),
        1 => (proptest::option::of(number()), number(), signal(), code())
            .prop_map(|(tgid, pid, signal, code)| Call::Queue { tgid, pid, signal, code }),
        2 => (any::<u8>(), sent).prop_map(|(who, signal)| Call::SignalSent(who, signal)),
        3 => (target, of_kernel(), told).prop_map(|(to, signal, cause)| Call::KernelSends { to, signal, cause }),
        1 => (of_kernel(), action).prop_map(|(signal, action)| Call::Force(signal, action)),
    ]
    .boxed()
}

fn stops() -> BoxedStrategy<Drawn> {
    let signal = || {
        let terminal = [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU];
        prop_oneof![2 => Just(Signal::SIGSTOP), 1 => select(terminal.to_vec())]
    };
    prop_oneof![
        2 => Just(Call::TakeStopSignal),
        2 => signal().prop_map(Call::BeginStop),
        4 => signal().prop_map(Call::TakeAndBeginStop),
        5 => Just(Call::Stop),
        3 => Just(Call::StopAll),
        2 => Just(Call::Run),
    ]
    .boxed()
}

/// One of those that come up elsewhere.
fn any_signal() -> BoxedStrategy<Signal> {
    select(vec![1u8, 2, 3, 9, 10, 15, 17, 18, 19, 20, 21, 22, 28, 64])
        .prop_map(|number| Signal::new(number).expect("a signal"))
        .boxed()
}

fn attributes() -> BoxedStrategy<Drawn> {
    let action = select(vec![SignalAction::Default, SignalAction::Ignore, SignalAction::Handle]);
    let wish = prop_oneof![
        4 => select(vec![1u64, 15, 18]),
        1 => select(vec![9u64, 19]),
        1 => select(vec![0u64, 64, 65, u64::MAX]),
    ];
    prop_oneof![
        3 => Just(Call::BecomeSubreaper),
        1 => Just(Call::ResignSubreaper),
        3 => wish.prop_map(Call::SetParentDeathSignal),
        3 => (0..8u8).prop_map(Call::TreatSigchld),
        5 => (any_signal(), action).prop_map(|(signal, action)| Call::SetAction(signal, action)),
        3 => any_signal().prop_map(Call::Block),
        1 => any_signal().prop_map(Call::Unblock),
        3 => (0..3u8).prop_map(Call::SetUser),
    ]
    .boxed()
}

fn traces() -> BoxedStrategy<Drawn> {
    let whom = || {
        prop_oneof![
            4 => any::<u8>().prop_map(Arg::Thread),
            2 => any::<u8>().prop_map(Arg::Child),
            1 => number(),
        ]
    };
    let tracee = || prop_oneof![9 => any::<u8>().prop_map(Arg::Tracee), 1 => number()];
    let start = select(vec![TraceStart::Attach, TraceStart::Seize]);
    let kills = || prop_oneof![4 => Just(false), 1 => Just(true)];
    let code = || {
        let codes = vec![0x8005u16, 0x8013, 0x405, 10, 19];
        select(codes).prop_map(|code| TraceStop::new(code).expect("a signal"))
    };
    prop_oneof![
        8 => (whom(), start, kills()).prop_map(|(tid, start, kills_at_exit)| Call::Attach { tid, start, kills_at_exit }),
        2 => Just(Call::TraceMe),
        5 => code().prop_map(Call::TraceStop),
        4 => tracee().prop_map(Call::Interrupt),
        4 => tracee().prop_map(Call::Resume),
        2 => tracee().prop_map(Call::Listen),
        1 => (tracee(), kills()).prop_map(|(tid, kills)| Call::SetKillsAtExit(tid, kills)),
        2 => tracee().prop_map(Call::Detach),
    ]
    .boxed()
}

fn spaces() -> BoxedStrategy<Drawn> {
    let limit = select(vec![300, 301, 302, 303, 320, 32_768, 4_194_304, 4_194_305, -1]);
    let last = select(vec![0, 1, 5, 298, 300, 301, 302, 319, 4_194_303, 4_194_304, 4_194_305, -1]);
    prop_oneof![
        4 => Just(Call::Unshare),
        6 => any::<u8>().prop_map(Call::Setns),
        1 => limit.prop_map(Call::SetPidMax),
        1 => last.prop_map(Call::SetLastPid),
    ]
    .boxed()
}

fn terminals() -> BoxedStrategy<Drawn> {
    let which = || 0..8u8;
    let file =
        || prop_oneof![5 => Just(TerminalFile::Readable), 1 => Just(TerminalFile::WriteOnly)];
    let side = || prop_oneof![3 => Just(TerminalSide::Slave), 1 => Just(TerminalSide::Master)];
    let stop =
        || prop_oneof![3 => Just(StopSignal::Effective), 1 => Just(StopSignal::BlockedOrIgnored)];
    let access = select(vec![
        TerminalAccess::Read,
        TerminalAccess::Write,
        TerminalAccess::WriteWithTostop,
        TerminalAccess::Change,
    ]);
    let if_taken = select(vec![IfTaken::Refuse, IfTaken::Steal]);
    let right = select(vec![AdminRight::Present, AdminRight::Absent]);
    let request = (file(), if_taken, right).prop_map(|(file, if_taken, right)| AcquireTerminal {
        file,
        if_taken,
        right,
    });
    let key = select(vec![Signal::SIGINT, Signal::SIGTSTP, Signal::SIGCONT, Signal::SIGKILL]);
    prop_oneof![
        5 => (which(), file()).prop_map(|(tty, file)| Call::OpenTerminal(tty, file)),
        3 => (which(), request).prop_map(|(tty, request)| Call::AcquireTerminal(tty, request)),
        1 => (which(), side()).prop_map(|(tty, side)| Call::ReleaseTerminal(tty, side)),
        2 => (which(), side()).prop_map(|(tty, side)| Call::Tcgetpgrp(tty, side)),
        1 => (which(), side()).prop_map(|(tty, side)| Call::Tcgetsid(tty, side)),
        4 => (which(), number(), stop()).prop_map(|(tty, pgid, stop)| Call::Tcsetpgrp(tty, pgid, stop)),
        3 => (which(), access, stop()).prop_map(|(tty, access, stop)| Call::AccessTerminal(tty, access, stop)),
        1 => which().prop_map(Call::HangUp),
        1 => (which(), key).prop_map(|(tty, key)| Call::SignalForeground(tty, key)),
    ]
    .boxed()
}
