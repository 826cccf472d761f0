//! The numbers of the actors where the script has no PID namespace of its own.
//!
//! The script, the model and the reports go by the numbers that the actors would have in a fresh namespace; the kernel has given them others. What
//! an actor passes is turned into the kernel's numbers, and what it is told into the script's. All that is not the script's has number 0, as
//! what is outside a namespace has inside. A number that nobody in the script has is never passed: it could be somebody else's.

use super::super::{Account, Outcome, Row, Seen};
use crate::script::{Number, Operation};

/// Above every number that a kernel gives.
const NOBODY: i32 = 1 << 30;

/// Which number is which.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// The script's and the kernel's.
    pairs: Vec<(i32, i32)>,
}

impl Numbers {
    /// A thread has both numbers.
    pub(super) fn learn(&mut self, script: i32, kernel: i32) {
        self.pairs.push((script, kernel));
    }

    /// The operation with the kernel's numbers.
    pub(super) fn to_kernel(&self, operation: &Operation) -> Operation {
        let is_kill = matches!(operation, Operation::Kill(..));
        operation.map_numbers(|number| match number {
            Number::Plain(-1) if is_kill => NOBODY,
            Number::Plain(number @ (i32::MIN | -1 | 0)) => *number,
            Number::Plain(number) => {
                let found = self.pairs.iter().rev().find(|(script, _)| *script == number.abs());
                found.map_or(NOBODY, |(_, kernel)| *kernel) * number.signum()
            }
            Number::Of(_) | Number::GroupOf(_) => NOBODY,
        })
    }

    /// Turns what Linux tells of `operation` into the script's numbers.
    pub(super) fn translate(&self, operation: &Operation, account: &mut Account) {
        if operation.returns_number()
            && let Outcome::Value(number) = &mut account.outcome
        {
            *number = i64::from(self.to_script(*number as i32));
        }
        for (_, outcome) in &mut account.returns {
            // Of calls that sleep, only a vfork returns a number that is somebody's.
            if let Outcome::Value(number) = outcome {
                *number = self.find(*number as i32).map_or(*number, i64::from);
            }
        }
        let returns = account.returns.iter_mut().map(|(_, outcome)| outcome);
        for outcome in returns.chain(std::iter::once(&mut account.outcome)) {
            if let Outcome::Child { pid, .. } | Outcome::Signal(Seen { pid, .. }) = outcome {
                *pid = self.to_script(*pid);
            }
        }
        for (_, Seen { pid, .. }) in &mut account.signals {
            *pid = self.to_script(*pid);
        }
        for (_, row) in &mut account.rows {
            self.translate_row(row);
        }
    }

    fn translate_row(&self, row: &mut Row) {
        row.children = row.children.iter().filter_map(|child| self.find(*child)).collect();
        if let Some(process) = &mut row.process {
            process.relations = process.relations.map(|number| self.to_script(number));
            process.foreground = process.foreground.map(|number| self.to_script(number));
        }
    }

    /// The number in the script; 0 if it is not the script's.
    fn to_script(&self, number: i32) -> i32 {
        self.find(number).unwrap_or(0)
    }

    fn find(&self, kernel: i32) -> Option<i32> {
        self.pairs.iter().rev().find(|(_, known)| *known == kernel).map(|(script, _)| *script)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No number reaches the kernel that is not the script's, and no signal goes to everybody.
    #[test]
    fn strangers_are_out_of_reach() {
        let mut numbers = Numbers::default();
        numbers.learn(2, 700);
        let passed = |who| numbers.to_kernel(&Operation::Kill(Number::Plain(who), 9));
        for (script, kernel) in [(2, 700), (-2, -700), (3, NOBODY), (-3, -NOBODY), (-1, NOBODY)] {
            assert_eq!(passed(script), Operation::Kill(Number::Plain(kernel), 9));
        }
        assert_eq!((numbers.to_script(700), numbers.to_script(1)), (2, 0));
    }
}
