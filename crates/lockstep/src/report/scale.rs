//! The time axis: from moments to places, and round ticks.

use crate::history::Moment;

/// A linear time axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    left: f64,
    width: f64,
    end: Moment,
}

impl Scale {
    /// An axis from `left`, `width` wide, for the time from 0 to `end`.
    pub(super) fn new(left: f64, width: f64, end: Moment) -> Self {
        Self { left, width, end: end.max(1) }
    }

    /// The place of a moment.
    pub(super) fn x(&self, moment: Moment) -> f64 {
        self.left + self.width * moment as f64 / self.end as f64
    }

    /// Round moments, five to ten of them, with their labels.
    pub(super) fn ticks(&self) -> Vec<(Moment, String)> {
        let rough = (self.end as f64 / 8.0).max(1.0);
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|&step| step >= rough)
            .unwrap_or(rough) as Moment;
        (0..)
            .map(|count| count * step)
            .take_while(|&at| at <= self.end)
            .map(|at| (at, label(at)))
            .collect()
    }
}

/// A moment in the unit that suits it.
pub(super) fn label(moment: Moment) -> String {
    match moment {
        0 => "0".to_owned(),
        1..1_000 => format!("{moment} µs"),
        1_000..1_000_000 => format!("{} ms", trim(moment as f64 / 1e3)),
        _ => format!("{} s", trim(moment as f64 / 1e6)),
    }
}

fn trim(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks are round and few, whatever the length of the run.
    #[test]
    fn ticks_are_round() {
        for end in [1, 999, 12_345, 300_000, 7_000_000, 3_600_000_000] {
            let ticks = Scale::new(0.0, 100.0, end).ticks();
            assert!((1..=11).contains(&ticks.len()), "{end}: {ticks:?}");
        }
        let labels: Vec<_> =
            Scale::new(0.0, 100.0, 300_000).ticks().into_iter().map(|t| t.1).collect();
        assert_eq!(labels[..3], ["0", "50 ms", "100 ms"]);
    }

    /// Labels have no needless zeros.
    #[test]
    fn labels_are_short() {
        assert_eq!([label(500), label(1_500), label(2_000_000)], ["500 µs", "1.5 ms", "2 s"]);
    }
}
