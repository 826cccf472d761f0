//! Plays a scenario, and says what does not hold.

use serde::{Deserialize, Serialize};

use super::Scenario;
use crate::script::Expectation;
use crate::stage::duel::{Duel, NotPlayed, Verdict};
use crate::stage::linux::Theatre;

/// What a kernel is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// The expectations, and everything that the model tells besides.
    Everything,
    /// The expectations alone.
    Expectations,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Complaint {
    /// The line in the file.
    pub(crate) line: usize,
    /// The step, as the file has it.
    pub(crate) step: String,
    /// What was to be seen.
    pub(crate) expected: Vec<String>,
    /// What was seen.
    pub(crate) seen: Vec<String>,
}

/// Plays a scenario, on the model alone if there is no theatre. What does not hold; nothing if all does.
///
/// # Errors
///
/// It cannot be played at all, or the processes do not come to rest.
pub(crate) fn play(
    scenario: &Scenario,
    theatre: Option<&Theatre>,
    measure: Measure,
) -> Result<Vec<Complaint>, NotPlayed> {
    let mut duel = Duel::start(theatre)?;
    let mut complaints = Vec::new();
    for (index, step) in scenario.script.steps.iter().enumerate() {
        let line = scenario.line(index);
        let complain =
            |line, expected, seen| Complaint { line, step: step.to_string(), expected, seen };
        let told = match duel.step(step)? {
            Verdict::Skipped => {
                let reason = format!("{} cannot do that now: {}", step.actor, duel.why_not(step));
                complaints.push(complain(
                    line,
                    vec![format!("{} does it", step.actor)],
                    vec![reason],
                ));
                continue;
            }
            Verdict::Agreed(account) => {
                let caller = duel.actor(&step.actor).unwrap_or(0);
                duel.tell(&account, caller, &step.operation)
            }
            Verdict::Diverged(difference) if measure == Measure::Everything => {
                complaints.push(complain(line, difference.model, difference.linux));
                break;
            }
            Verdict::Diverged(difference) if difference.told.is_empty() => {
                complaints.push(complain(line, difference.model, difference.linux));
                break;
            }
            Verdict::Diverged(difference) => difference.told,
        };
        let unmet = step.expectations.iter().filter(|it| !is_met(it, &told));
        complaints.extend(unmet.map(|it| complain(it.line, vec![it.words.clone()], told.clone())));
    }
    Ok(complaints)
}

/// Whether what was told meets an expectation. `silence` is met if nobody else's call has returned and nobody has heard a signal.
fn is_met(expectation: &Expectation, told: &[String]) -> bool {
    match &*expectation.words {
        "silence" => !told.iter().any(|line| line.contains(" ! ") || line.contains(" -> ")),
        words => told.iter().any(|line| meets(line, words)),
    }
}

/// A line meets an expectation if it is the same, but for `key=value` that only the line has. A row has to be asked for something.
fn meets(line: &str, expectation: &str) -> bool {
    let split = |text: &str| -> (Vec<String>, Vec<String>) {
        text.split(' ').map(str::to_owned).partition(|word| word.contains('='))
    };
    let ((said, line_words), (wanted, words)) = (split(line), split(expectation));
    let asks = !wanted.is_empty() || words.len() > 1;
    line == expectation
        || asks && line_words == words && wanted.iter().all(|word| said.contains(word))
}
