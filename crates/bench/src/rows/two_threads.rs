//! Two threads at once, on processors of their own, in bursts in which nobody else runs there.

use super::crowd::Getter;
use super::{Plan, Row, Target};
use crate::floor::Floors;
use crate::measure::clock::processors;
use crate::measure::interleave::{Arm, Effort, Series, interleave, median};
use crate::measure::pair::{Pair, together};
use crate::subject::{
    KernelApi, Numbers, OlderApi, ROUND, Starry02, Starry04, Subject, Which, live,
};

/// How two parents are related.
#[derive(Clone, Copy)]
enum Kinship {
    DisjointFamilies,
    OneGroup,
    OneParent,
}

/// Lives that two threads lead at once, and getters beside lives.
struct Scene<S: Subject> {
    world: S::World,
    top: S::Process,
    parents: [S::Process; 2],
    numbers: [Numbers; 2],
}

impl<S: Subject> Scene<S> {
    fn set(kinship: Kinship) -> Self {
        let mut fixed = Numbers::reserve(3);
        let (world, top) = S::found(fixed.take());
        let child = |numbers: &mut Numbers| {
            let child = S::fork(&top, numbers.take());
            if matches!(kinship, Kinship::DisjointFamilies) {
                S::lead_session(&child);
            }
            child
        };
        let parents = match kinship {
            Kinship::OneParent => [top.clone(), top.clone()],
            _ => [child(&mut fixed), child(&mut fixed)],
        };
        Self { world, top, parents, numbers: [Numbers::reserve(ROUND), Numbers::reserve(ROUND)] }
    }

    fn both_live(&mut self) -> Pair {
        let [a, b] = &self.parents;
        let [numbers_a, numbers_b] = &mut self.numbers;
        together(|| lives::<S>(a, numbers_a), || lives::<S>(b, numbers_b))
    }

    fn one_asks(&mut self, getter: Getter) -> Pair {
        let [a, b] = &self.parents;
        let numbers = &mut self.numbers[1];
        let ask = || {
            getter.ask::<S>(a, 1_000);
            1_000
        };
        together(ask, || lives::<S>(b, numbers))
    }

    fn strike(self) {
        drop(self.parents);
        S::abandon(self.world, vec![self.top]);
    }
}

fn lives<S: Subject>(parent: &S::Process, numbers: &mut Numbers) -> usize {
    (0..64).for_each(|_| live::<S>(parent, numbers.take()));
    64
}

/// What is measured of each subject.
#[derive(Clone, Copy)]
enum Play {
    Lives(Kinship),
    Asks(Getter),
}

impl Play {
    fn costs<S: Subject>(self, scene: &mut Scene<S>, pairs: &std::cell::RefCell<Vec<Pair>>) -> f64 {
        let (pair, cost) = match self {
            Self::Lives(_) => {
                let pair = scene.both_live();
                (pair, pair.mean)
            }
            Self::Asks(getter) => {
                let pair = scene.one_asks(getter);
                (pair, pair.first)
            }
        };
        pairs.borrow_mut().push(pair);
        cost
    }

    fn measure(self, effort: Effort) -> (Series, String) {
        let kinship = match self {
            Self::Lives(kinship) => kinship,
            Self::Asks(_) => Kinship::OneGroup,
        };
        let mut kernel = Scene::<KernelApi>::set(kinship);
        let mut older = Scene::<OlderApi>::set(kinship);
        let mut newer = Scene::<Starry04>::set(kinship);
        let mut oldest = Scene::<Starry02>::set(kinship);
        let pairs = std::cell::RefCell::new(Vec::new());
        let series = interleave(
            vec![
                Arm::new(Which::Kernel, || self.costs(&mut kernel, &pairs)),
                Arm::new(Which::Older, || self.costs(&mut older, &pairs)),
                Arm::new(Which::Starry04, || self.costs(&mut newer, &pairs)),
                Arm::new(Which::Starry02, || self.costs(&mut oldest, &pairs)),
            ],
            effort,
        );
        kernel.strike();
        older.strike();
        newer.strike();
        oldest.strike();
        let pairs = pairs.into_inner();
        let overlap: Vec<f64> = pairs.iter().map(|pair| pair.overlap).collect();
        let overlap = median(&overlap).unwrap_or(0.0);
        let how = if pairs.iter().all(|pair| pair.is_exclusive) { "" } else { ", not exclusive" };
        let verdict = if overlap < 0.8 { ": LOW, do not trust" } else { "" };
        (series, format!("both ran {:.0} % of the time{how}{verdict}", overlap * 100.0))
    }
}

pub(super) fn rows(plan: Plan, floors: &Floors, progress: &mut dyn FnMut(&str)) -> Vec<Row> {
    if processors() < 2 {
        progress("one processor only: no rows with two threads");
        return Vec::new();
    }
    let effort = Effort { repetitions: if plan.is_quick { 3 } else { 11 }, ..plan.effort(1) };
    let asks = Target::Faster { than_0_2: 20.0, than_0_4: 20.0 };
    let plays = [
        ("getppid, another forks", Play::Asks(Getter::Ppid), asks),
        ("getpgid, another forks", Play::Asks(Getter::Pgid), asks),
        ("getsid, another forks", Play::Asks(Getter::Sid), asks),
        ("life, 2 threads, disjoint", Play::Lives(Kinship::DisjointFamilies), Target::Report),
        ("life, 2 threads, one group", Play::Lives(Kinship::OneGroup), Target::Report),
        ("life, 2 threads, one parent", Play::Lives(Kinship::OneParent), Target::Report),
    ];
    let mut rows = Vec::new();
    for (operation, play, target) in plays {
        progress(operation);
        let (series, note) = play.measure(effort);
        let (ours, floor) = match play {
            Play::Asks(_) => (Which::Kernel, Some(floors.load)),
            Play::Lives(_) => (Which::Older, None),
        };
        rows.push(Row { target, ours, floor, note: Some(note), ..Row::new(operation, series) });
    }
    rows
}
