//! What was compared, what was not, and where Linux and the model parted.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::journal::{Entry, Journal};
use crate::sys::Pid;

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
    journal: Journal,
    /// Whom the question is about that is judged now.
    #[serde(skip)]
    concerned: Vec<Pid>,
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
    /// The last operations of the processes concerned before it, oldest first.
    pub(crate) before: Vec<String>,
}

impl Comparison {
    /// Notes an operation, to be shown if a divergence follows.
    pub(crate) fn log(&mut self, entry: Entry) {
        self.journal.add(entry);
    }

    /// What is compared from now on is about these processes; 0 is none.
    pub(crate) fn begin(&mut self, concerned: impl IntoIterator<Item = Pid>) {
        self.concerned.clear();
        concerned.into_iter().for_each(|pid| self.concern(pid));
    }

    /// It is about this one too.
    pub(crate) fn concern(&mut self, pid: Pid) {
        if pid != 0 && !self.concerned.contains(&pid) {
            self.concerned.push(pid);
        }
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
        let before = self.journal.last_about(&self.concerned);
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
        !self.altered.is_empty()
    }

    /// Counts an answer that could not be compared.
    pub(crate) fn skip(&mut self, reason: &str) {
        count(&mut self.not_compared, reason);
    }

    /// How many answers of known calls were not compared, and how many calls are not known.
    pub(crate) fn total_left_out(&self) -> (u64, u64) {
        (self.not_compared.values().sum(), self.unmodelled.values().sum())
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
    use crate::journal::{Deed, SHOWN};

    /// A divergence carries the operations before it, and only the last ones.
    #[test]
    fn divergences_carry_their_context() {
        let mut comparison = Comparison::default();
        for number in 0..SHOWN + 5 {
            let deed = Deed::Event(number.to_string());
            comparison.log(Entry { process: 7, thread: 7, name: None, deed, about: [0; 2] });
        }
        comparison.begin([7]);
        comparison.compare("getpid", 1, 2, || "getpid()".to_owned(), ToString::to_string);
        let before = &comparison.divergences[0].before;
        assert_eq!((before.len(), before[0].as_str()), (SHOWN, "5"));
        assert_eq!(comparison.total_equal(), 0);
    }
}
