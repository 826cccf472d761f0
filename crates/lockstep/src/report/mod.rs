//! What a run has shown: for readers, for the eye, for machines.

mod json;
mod text;
mod tree;

use std::ffi::OsString;

use crate::compare::Comparison;
use crate::history::{History, Life};
use crate::tracer::Outcome;

pub(crate) use self::json::json;
pub(crate) use self::text::text;

/// All that a report is made of.
pub(crate) struct Report {
    /// The command line of the program.
    pub(crate) command: String,
    /// What lived.
    pub(crate) history: History,
    /// What was compared.
    pub(crate) comparison: Comparison,
    /// The program's wait status word.
    pub(crate) status: Option<i32>,
    /// The signal by which lockstep was told to end.
    pub(crate) ended_by: Option<i32>,
}

impl Report {
    /// The report on a run of this program.
    pub(crate) fn new(program: &[OsString], outcome: Outcome) -> Self {
        let words: Vec<_> = program.iter().map(|word| word.to_string_lossy()).collect();
        let Outcome {
            history,
            comparison,
            status,
            ended_by,
        } = outcome;
        Self {
            command: words.join(" "),
            history,
            comparison,
            status,
            ended_by,
        }
    }

    /// The verdict in one line.
    pub(crate) fn verdict(&self) -> String {
        let equal = self.comparison.total_equal();
        match (self.comparison.divergences.len(), self.ended_by) {
            (0, None) => format!("no divergence: all {equal} answers of Linux are the model's"),
            (0, Some(signal)) => {
                let signal = crate::words::signal(signal);
                format!("ended by {signal}; until then all {equal} answers were equal")
            }
            (1, _) => format!("1 DIVERGENCE beside {equal} equal answers"),
            (count, _) => format!("{count} DIVERGENCES beside {equal} equal answers"),
        }
    }

    fn lives(&self) -> &[Life] {
        self.history.lives()
    }
}

/// Shortens a text to so many characters.
fn shorten(text: &str, width: usize) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.chars().count() <= width {
        return line;
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}
