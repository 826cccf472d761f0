//! Repetitions in turns: one burst of every subject, then the next repetition, each beginning with another subject.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::subject::Which;

/// What one subject does in one repetition: a burst, and its cost.
pub(crate) struct Arm<'a> {
    pub(crate) which: Which,
    pub(crate) burst: Box<dyn FnMut() -> f64 + 'a>,
}

impl<'a> Arm<'a> {
    pub(crate) fn new(which: Which, burst: impl FnMut() -> f64 + 'a) -> Self {
        Self { which, burst: Box::new(burst) }
    }
}

/// How long a row is repeated: until both are reached, or the patience is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) repetitions: usize,
    pub(crate) at_least: Duration,
    pub(crate) patience: Duration,
}

/// The costs of each subject, one per repetition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series(BTreeMap<Which, Vec<f64>>);

impl Series {
    /// Costs that are counted, not measured: one for each subject, exact.
    pub(crate) fn exact(costs: impl IntoIterator<Item = (Which, f64)>) -> Self {
        Self(costs.into_iter().map(|(which, cost)| (which, vec![cost])).collect())
    }

    pub(crate) fn add(&mut self, which: Which, cost: f64) {
        self.0.entry(which).or_default().push(cost);
    }

    pub(crate) fn of(&self, which: Which) -> Option<&[f64]> {
        self.0.get(&which).map(Vec::as_slice)
    }

    pub(crate) fn median(&self, which: Which) -> Option<f64> {
        self.of(which).and_then(median)
    }

    /// The median of the ratios `other` / `ours`, each taken within one repetition.
    pub(crate) fn ratio(&self, other: Which, ours: Which) -> Option<f64> {
        let pairs = self.of(other)?.iter().zip(self.of(ours)?);
        median(&pairs.map(|(other, ours)| other / ours.max(0.05)).collect::<Vec<_>>())
    }

    /// How far the middle half of a subject's costs lies apart, relative to their median.
    pub(crate) fn spread(&self, which: Which) -> Option<f64> {
        let costs = self.of(which)?;
        let mut sorted = costs.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |quarter: usize| sorted.get((sorted.len() - 1) * quarter / 4).copied();
        Some((at(3)? - at(1)?) / median(costs)?.max(0.05))
    }

    pub(crate) fn subjects(&self) -> impl Iterator<Item = Which> + '_ {
        self.0.keys().copied()
    }
}

/// Repeats all arms in turns. The first repetition warms up, and is not counted if there are others.
pub(crate) fn interleave(mut arms: Vec<Arm<'_>>, effort: Effort) -> Series {
    let mut series = Series::default();
    if effort.repetitions > 2 {
        arms.iter_mut().for_each(|arm| _ = (arm.burst)());
    }
    let begin = Instant::now();
    let mut done = 0;
    while done < effort.repetitions || begin.elapsed() < effort.at_least {
        for turn in 0..arms.len() {
            let position = (turn + done) % arms.len();
            let arm = &mut arms[position];
            let cost = (arm.burst)();
            series.add(arm.which, cost);
        }
        done += 1;
        if begin.elapsed() > effort.patience {
            break;
        }
    }
    series
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (upper, lower) = (sorted.len() / 2, sorted.len().checked_sub(1)? / 2);
    Some(f64::midpoint(*sorted.get(lower)?, *sorted.get(upper)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that becomes slower in the middle of a run changes the medians, and no ratio.
    #[test]
    fn ratios_survive_drift() {
        let mut series = Series::default();
        for drift in [1.0, 1.1, 1.5, 2.0, 4.0] {
            series.add(Which::Kernel, 10.0 * drift);
            series.add(Which::Starry02, 30.0 * drift);
        }
        assert_eq!(series.ratio(Which::Starry02, Which::Kernel), Some(3.0));
        assert_eq!(series.median(Which::Kernel), Some(15.0));
    }

    /// Each repetition begins with another arm, and every arm has a cost in each.
    #[test]
    fn arms_take_turns() {
        let order = std::cell::RefCell::new(Vec::new());
        let arm = |which| {
            let order = &order;
            Arm::new(which, move || {
                order.borrow_mut().push(which);
                1.0
            })
        };
        let (ours, peer) = (Which::Kernel, Which::Starry02);
        let effort =
            Effort { repetitions: 2, at_least: Duration::ZERO, patience: Duration::from_secs(60) };
        let series = interleave(vec![arm(ours), arm(peer)], effort);
        assert_eq!(order.into_inner(), [ours, peer, peer, ours]);
        assert_eq!(series.of(ours).map(<[_]>::len), Some(2));
    }

    /// The median of an even number of values is the mean of the middle two.
    #[test]
    fn medians_are_medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
