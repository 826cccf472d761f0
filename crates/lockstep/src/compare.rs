//! What was compared, what was not, and where Linux and the model parted.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

/// How many operations before a divergence are shown with it.
const CONTEXT: usize = 12;

/// So many divergences show that the model has lost the program; then it is no longer asked.
pub(crate) const LOST: usize = 20;

/// The account of one run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Comparison {
    /// Equal answers, by the name of the question.
    pub(crate) equal: BTreeMap<&'static str, u64>,
    /// Calls that the model does not know yet, by name.
    pub(crate) unmodelled: BTreeMap<String, u64>,
    /// Answers of known calls that were not compared, by reason.
    pub(crate) not_compared: BTreeMap<String, u64>,
    /// What is not as it would be if nobody followed the program.
    pub(crate) altered: BTreeMap<String, u64>,
    /// Every difference, in order.
    pub(crate) divergences: Vec<Divergence>,
    #[serde(skip)]
    recent: VecDeque<String>,
}

/// One difference between Linux and the model.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Divergence {
    /// What was asked.
    pub(crate) question: String,
    /// What Linux said.
    pub(crate) linux: String,
    /// What the model said.
    pub(crate) model: String,
    /// The last operations before it, oldest first.
    pub(crate) before: Vec<String>,
}

impl Comparison {
    /// Notes an operation, to be shown if a divergence follows.
    pub(crate) fn log(&mut self, operation: String) {
        if self.recent.len() == CONTEXT {
            self.recent.pop_front();
        }
        self.recent.push_back(operation);
    }

    /// Counts an equal answer.
    pub(crate) fn agree(&mut self, name: &'static str) {
        *self.equal.entry(name).or_default() += 1;
    }

    /// Compares two answers and counts the outcome. The texts are made only if they differ.
    pub(crate) fn compare<T: PartialEq>(
        &mut self,
        name: &'static str,
        linux: T,
        model: T,
        question: impl FnOnce() -> String,
        show: impl Fn(&T) -> String,
    ) {
        if linux == model {
            self.agree(name);
        } else {
            self.diverge(question(), show(&linux), show(&model));
        }
    }

    /// Notes a difference.
    pub(crate) fn diverge(&mut self, question: String, linux: String, model: String) {
        let before = self.recent.iter().cloned().collect();
        self.divergences.push(Divergence { question, linux, model, before });
    }

    /// Counts a call that the model does not know.
    pub(crate) fn note_unmodelled(&mut self, name: &str) {
        count(&mut self.unmodelled, name);
    }

    /// Counts something that following has changed.
    pub(crate) fn note_altered(&mut self, what: &str) {
        count(&mut self.altered, what);
    }

    /// Whether the program would have gone another way if nobody had followed it.
    pub(crate) fn is_program_altered(&self) -> bool {
        self.has_refused_tracing() || !self.altered.is_empty()
    }

    /// Whether the program wanted to trace others, which Linux has refused because lockstep traces them.
    pub(crate) fn has_refused_tracing(&self) -> bool {
        self.unmodelled.contains_key("ptrace")
    }

    /// Counts an answer that could not be compared.
    pub(crate) fn skip(&mut self, reason: &str) {
        count(&mut self.not_compared, reason);
    }

    /// How many answers were equal.
    pub(crate) fn total_equal(&self) -> u64 {
        self.equal.values().sum()
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A divergence carries the operations before it, and only the last ones.
    #[test]
    fn divergences_carry_their_context() {
        let mut comparison = Comparison::default();
        for number in 0..CONTEXT + 5 {
            comparison.log(number.to_string());
        }
        comparison.compare("getpid", 1, 2, || "getpid()".to_owned(), ToString::to_string);
        let before = &comparison.divergences[0].before;
        assert_eq!((before.len(), before[0].as_str()), (CONTEXT, "5"));
        assert_eq!(comparison.total_equal(), 0);
    }
}
