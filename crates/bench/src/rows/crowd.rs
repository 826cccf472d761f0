//! A parent whose children are all in its group, and what is done among them.

use std::hint::black_box;

use super::{Plan, Row, Target};
use crate::floor::Floors;
use crate::measure::clock::{cpu_time, timed};
use crate::measure::interleave::{Arm, Effort, Series, interleave};
use crate::subject::{
    KernelApi, Numbers, OlderApi, ROUND, Starry02, Starry04, Subject, Which, live, live_with_thread,
};

/// The crowd of one subject.
pub(crate) struct Crowd<S: Subject> {
    world: S::World,
    pub(crate) parent: S::Process,
    pub(crate) members: Vec<S::Process>,
    group: S::Group,
    /// A group beside it, and its leader.
    other: (S::Group, S::Process),
    numbers: Numbers,
    /// Numbers of members, in no order.
    wanted: Vec<u32>,
}

impl<S: Subject> Crowd<S> {
    pub(crate) fn gather(size: usize) -> Self {
        let mut fixed = Numbers::reserve(size + 2);
        let (world, parent) = S::found(fixed.take());
        let leader = S::fork(&parent, fixed.take());
        let other = (S::lead_group(&leader), leader);
        let mut members = Vec::with_capacity(size);
        members.extend((0..size).map(|_| S::fork(&parent, fixed.take())));
        members.iter().for_each(|member| S::enlist(&world, member));
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let wanted = (0..8_192)
            .map(|_| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                S::number(&members[(random % size as u64) as usize])
            })
            .collect();
        let group = S::group(&parent);
        Self { world, parent, members, group, other, numbers: Numbers::reserve(ROUND), wanted }
    }

    fn size(&self) -> usize {
        self.members.len()
    }

    fn disperse(self) {
        let mut all = self.members;
        all.extend([self.other.1, self.parent]);
        S::abandon(self.world, all);
    }
}

/// Something to do in a crowd, and its cost.
trait Deed: Copy {
    fn cost<S: Subject>(self, crowd: &mut Crowd<S>) -> f64;

    fn is_for(self, which: Which) -> bool {
        let _ = which;
        true
    }
}

/// The crowds of all subjects, which stand in memory side by side.
struct Crowds {
    kernel: Crowd<KernelApi>,
    older: Crowd<OlderApi>,
    starry_0_4: Crowd<Starry04>,
    starry_0_2: Crowd<Starry02>,
}

impl Crowds {
    fn gather(size: usize) -> Self {
        Self {
            kernel: Crowd::gather(size),
            older: Crowd::gather(size),
            starry_0_4: Crowd::gather(size),
            starry_0_2: Crowd::gather(size),
        }
    }

    fn all_do(&mut self, deed: impl Deed, effort: Effort) -> Series {
        let Self { kernel, older, starry_0_4, starry_0_2 } = self;
        let mut arms = vec![
            Arm::new(Which::Kernel, move || deed.cost(kernel)),
            Arm::new(Which::Older, move || deed.cost(older)),
            Arm::new(Which::Starry04, move || deed.cost(starry_0_4)),
            Arm::new(Which::Starry02, move || deed.cost(starry_0_2)),
        ];
        arms.retain(|arm| deed.is_for(arm.which));
        interleave(arms, effort)
    }

    fn disperse(self) {
        self.kernel.disperse();
        self.older.disperse();
        self.starry_0_4.disperse();
        self.starry_0_2.disperse();
    }
}

/// All rows of one size.
pub(super) fn rows(
    plan: Plan,
    size: usize,
    floors: &Floors,
    progress: &mut dyn FnMut(&str),
) -> Vec<Row> {
    progress(&format!("gathering crowds of {size}"));
    let mut crowds = Crowds::gather(size);
    let effort = plan.effort(size);
    let mut rows = Vec::new();
    let mut add = |row: Row| rows.push(Row { size: Some(size), ..row });
    let is_idle = size == 1;
    let life_floor = 3.0 * floors.rmw + floors.malloc_free;

    progress(&format!("lives among {size}"));
    let life_target = match size {
        1 => Target::Faster { than_0_2: 2.0, than_0_4: 2.5 },
        _ => Target::Report,
    };
    add(Row {
        floor: Some(life_floor),
        target: life_target,
        note: Some("ours: a process has its leader thread, and the number is found".to_owned()),
        ..Row::new("fork + exit + reap", crowds.all_do(Lives, effort))
    });
    let thread_target = Target::Faster { than_0_2: 1.5, than_0_4: 1.5 };
    add(Row {
        floor: Some(life_floor + floors.rmw + floors.malloc_free),
        target: if is_idle { thread_target } else { Target::Report },
        ..Row::new("the same + a thread", crowds.all_do(LivesWithThread, effort))
    });
    if !is_idle {
        progress(&format!("worst fork among {size}"));
        add(Row {
            note: Some("of 2,000, each timed: shows constant or not".to_owned()),
            ..Row::new("worst single fork", crowds.all_do(WorstFork, effort))
        });
        progress(&format!("members of {size}, numbers of {size}"));
        add(Row {
            target: Target::Faster { than_0_2: 2.0, than_0_4: 2.0 },
            floor: Some(floors.arc_clone_drop),
            note: Some("ours: visited in place".to_owned()),
            ..Row::new("iterate a group, per member", crowds.all_do(Members, effort))
        });
        add(Row {
            target: Target::Faster { than_0_2: 5.0, than_0_4: 5.0 },
            floor: Some(floors.lock_pair),
            note: Some("ours: visited in place; peers: the kernel's own weak map".to_owned()),
            ..Row::new("number → process", crowds.all_do(Lookups, effort))
        });
    }
    if is_idle || size == 1_000_000 {
        progress(&format!("getters and setpgid among {size}"));
        for (operation, getter) in
            [("getppid", Getter::Ppid), ("getpgid", Getter::Pgid), ("getsid", Getter::Sid)]
        {
            add(Row {
                target: Target::Faster { than_0_2: 10.0, than_0_4: 10.0 },
                floor: Some(floors.load),
                ..Row::new(operation, crowds.all_do(getter, effort))
            });
        }
        add(Row {
            target: Target::Faster { than_0_2: 3.0, than_0_4: 3.0 },
            floor: Some(floors.lock_pair + 2.0 * floors.rmw),
            ..Row::new("setpgid to another group", crowds.all_do(Moves, effort))
        });
    }
    crowds.disperse();
    rows
}

/// So many lives that the peers' maps, which sweep themselves every 1,000 operations, do so a whole number of times.
const fn lives_at(size: usize) -> usize {
    if size < 10_000 { 10_000 } else { 1_000 }
}

#[derive(Clone, Copy)]
struct Lives;

impl Deed for Lives {
    fn cost<S: Subject>(self, crowd: &mut Crowd<S>) -> f64 {
        let count = lives_at(crowd.size());
        let numbers = &mut crowd.numbers;
        let parent = &crowd.parent;
        timed(|| (0..count).for_each(|_| live::<S>(parent, numbers.take()))) / count as f64
    }
}

#[derive(Clone, Copy)]
struct LivesWithThread;

impl Deed for LivesWithThread {
    fn cost<S: Subject>(self, crowd: &mut Crowd<S>) -> f64 {
        let count = lives_at(crowd.size());
        let numbers = &mut crowd.numbers;
        let parent = &crowd.parent;
        let lives = || (0..count).for_each(|_| live_with_thread::<S>(parent, numbers.take()));
        timed(lives) / count as f64
    }
}

#[derive(Clone, Copy)]
struct WorstFork;

impl Deed for WorstFork {
    fn cost<S: Subject>(self, crowd: &mut Crowd<S>) -> f64 {
        let mut worst = 0;
        for _ in 0..2_000 {
            let number = crowd.numbers.take();
            let begin = cpu_time();
            let child = S::fork(&crowd.parent, number);
            worst = worst.max(cpu_time() - begin);
            S::exit(&child);
            S::reap(&crowd.parent, &child);
        }
        worst as f64
    }
}

#[derive(Clone, Copy)]
struct Members;

impl Deed for Members {
    fn cost<S: Subject>(self, crowd: &mut Crowd<S>) -> f64 {
        let rounds = (20_000 / crowd.size()).max(1);
        let mut seen = 0;
        let cost = timed(|| {
            for _ in 0..rounds {
                seen += S::count_members(&crowd.group);
            }
        });
        cost / seen as f64
    }
}

#[derive(Clone, Copy)]
struct Lookups;

impl Deed for Lookups {
    fn cost<S: Subject>(self, crowd: &mut Crowd<S>) -> f64 {
        let look_up = |number: &u32| assert!(S::finds(&crowd.world, *number), "it lives");
        timed(|| crowd.wanted.iter().for_each(look_up)) / crowd.wanted.len() as f64
    }

    fn is_for(self, which: Which) -> bool {
        which != Which::Older
    }
}

#[derive(Clone, Copy)]
pub(super) enum Getter {
    Ppid,
    Pgid,
    Sid,
}

impl Getter {
    /// Asks so many times.
    #[inline]
    pub(super) fn ask<S: Subject>(self, process: &S::Process, times: usize) {
        let ask = |getter: fn(&S::Process) -> u32| {
            for _ in 0..times {
                black_box(getter(black_box(process)));
            }
        };
        match self {
            Self::Ppid => ask(S::getppid),
            Self::Pgid => ask(S::getpgid),
            Self::Sid => ask(S::getsid),
        }
    }
}

impl Deed for Getter {
    fn cost<S: Subject>(self, crowd: &mut Crowd<S>) -> f64 {
        const TIMES: usize = 50_000;
        timed(|| self.ask::<S>(&crowd.members[0], TIMES)) / TIMES as f64
    }
}

#[derive(Clone, Copy)]
struct Moves;

impl Deed for Moves {
    fn cost<S: Subject>(self, crowd: &mut Crowd<S>) -> f64 {
        let times = lives_at(crowd.size());
        let mover = &crowd.members[0];
        let moves = || {
            for _ in 0..times / 2 {
                S::move_to(mover, &crowd.other.0);
                S::move_to(mover, &crowd.group);
            }
        };
        timed(moves) / times as f64
    }
}
