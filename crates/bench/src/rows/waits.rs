//! A wait for any child, among so many that have ended.

use super::{Plan, Row};
use crate::floor::Floors;
use crate::measure::clock::timed;
use crate::measure::interleave::{Arm, Effort, Series, interleave};
use crate::subject::{KernelApi, Numbers, Starry02, Starry04, Subject, Which};

/// A parent, and its zombies.
struct Mourner<S: Subject> {
    parent: S::Process,
    numbers: Numbers,
}

impl<S: Subject> Mourner<S> {
    fn lose(&mut self, count: usize) {
        for _ in 0..count {
            S::exit(&S::fork(&self.parent, self.numbers.take()));
        }
    }
}

/// Parents of one subject, each with as many zombies.
struct Mourners<S: Subject> {
    world: S::World,
    first: S::Process,
    parents: Vec<Mourner<S>>,
    waits_each: usize,
}

impl<S: Subject> Mourners<S> {
    /// With few zombies there are many parents that wait once: so each wait finds about `zombies`.
    fn gather(zombies: usize) -> Self {
        let (parents, waits_each) = if zombies < 100 { (256, 1) } else { (1, 32) };
        let mut numbers = Numbers::reserve(parents + 1);
        let (world, first) = S::found(numbers.take());
        let parents = (0..parents)
            .map(|_| {
                let parent = S::fork(&first, numbers.take());
                // Enough never to wrap: a peer would take the new child for the old one of its number.
                let numbers = Numbers::reserve(zombies + 100_000);
                let mut mourner = Mourner { parent, numbers };
                mourner.lose(zombies - 1);
                mourner
            })
            .collect();
        Self { world, first, parents, waits_each }
    }

    /// The cost of a wait; what it reaps is replaced before.
    fn cost(&mut self) -> f64 {
        let waits_each = self.waits_each;
        self.parents.iter_mut().for_each(|mourner| mourner.lose(waits_each));
        let waits = || {
            for mourner in &self.parents {
                for _ in 0..waits_each {
                    assert!(S::wait_any(&mourner.parent), "a zombie is there");
                }
            }
        };
        timed(waits) / (waits_each * self.parents.len()) as f64
    }

    /// Zombies that are left go with their world, or with the program.
    fn disperse(self) {
        let mut all = vec![self.first];
        all.extend(self.parents.into_iter().map(|mourner| mourner.parent));
        S::abandon(self.world, all);
    }
}

pub(super) fn rows(plan: Plan, floors: &Floors, progress: &mut dyn FnMut(&str)) -> Vec<Row> {
    let sizes: &[usize] =
        if plan.is_quick { &[1, 1_000, 10_000] } else { &[1, 1_000, 10_000, 1_000_000] };
    let mut rows = Vec::new();
    for &zombies in sizes {
        progress(&format!("wait for any of {zombies} zombies"));
        rows.push(Row {
            size: Some(zombies),
            floor: Some(floors.lock_pair + floors.rmw + floors.malloc_free / 2.0),
            ..Row::new("wait for any, with zombies", wait_among(zombies, plan.effort(zombies)))
        });
    }
    rows
}

fn wait_among(zombies: usize, effort: Effort) -> Series {
    let mut kernel = Mourners::<KernelApi>::gather(zombies);
    let series = if zombies > 10_000 {
        interleave(vec![Arm::new(Which::Kernel, || kernel.cost())], effort)
    } else {
        let mut newer = Mourners::<Starry04>::gather(zombies);
        let mut older = Mourners::<Starry02>::gather(zombies);
        let arms = vec![
            Arm::new(Which::Kernel, || kernel.cost()),
            Arm::new(Which::Starry04, || newer.cost()),
            Arm::new(Which::Starry02, || older.cost()),
        ];
        let series = interleave(arms, effort);
        newer.disperse();
        older.disperse();
        series
    };
    kernel.disperse();
    series
}
