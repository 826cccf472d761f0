//! What a run has shown: for readers, for the eye, for machines.

mod json;
mod scale;
mod svg;
mod text;
mod tree;

use crate::compare::Comparison;
use crate::history::{History, Life, LifeId};
use crate::ledger::{EndedBy, Outcome};

pub(crate) use self::json::json;
pub(crate) use self::svg::svg;
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
    /// Why lockstep has ended the program.
    pub(crate) ended_by: Option<EndedBy>,
}

impl Report {
    /// The report on a run of this program.
    pub(crate) fn new(command: String, outcome: Outcome) -> Self {
        let Outcome { history, comparison, status, ended_by } = outcome;
        Self { command, history, comparison, status, ended_by }
    }

    /// The verdict in one line.
    pub(crate) fn verdict(&self) -> String {
        let equal = self.comparison.total_equal();
        let verdict = match (self.comparison.divergences.len(), self.ended_by) {
            (0, None) => format!("no divergence: all {equal} answers of Linux are the model's"),
            (0, Some(cause)) => {
                format!("ended {cause}; until then all {equal} answers were equal")
            }
            (1, _) => format!("1 DIVERGENCE beside {equal} equal answers"),
            (count, _) => format!("{count} DIVERGENCES beside {equal} equal answers"),
        };
        let (not_compared, not_known) = self.comparison.total_left_out();
        format!("{verdict}; {not_compared} not compared, {not_known} not known")
    }

    fn lives(&self) -> &[Life] {
        self.history.lives()
    }

    /// All lives in the order of the tree, each below its origin.
    fn branches(&self) -> Vec<Branch> {
        let lives = self.lives();
        let mut children: Vec<Vec<LifeId>> = vec![Vec::new(); lives.len()];
        let mut branches = Vec::with_capacity(lives.len());
        // Depth first, without recursion: a chain of processes may be long.
        let mut stack = Vec::new();
        for (id, life) in lives.iter().enumerate().rev() {
            match life.origin {
                Some(origin) => children[origin].push(id),
                None => stack.push(Branch { id, depth: 0, indent: String::new(), knot: "" }),
            }
        }
        while let Some(branch) = stack.pop() {
            let indent = match branch.knot {
                "" => String::new(),
                LAST_KNOT => branch.indent.clone() + "   ",
                _ => branch.indent.clone() + "│  ",
            };
            // The children stand in reverse order of birth: the last one is pushed first.
            for (position, &id) in children[branch.id].iter().enumerate() {
                let knot = if position == 0 { LAST_KNOT } else { KNOT };
                let depth = branch.depth + 1;
                stack.push(Branch { id, depth, indent: indent.clone(), knot });
            }
            branches.push(branch);
        }
        branches
    }
}

const KNOT: &str = "├─ ";
const LAST_KNOT: &str = "└─ ";

/// A life and its place in the tree.
struct Branch {
    id: LifeId,
    depth: usize,
    /// The lines that pass it on their way down.
    indent: String,
    /// What joins it to its origin.
    knot: &'static str,
}

/// Shortens a text to so many characters.
fn shorten(text: &str, width: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= width {
        return line;
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}
