//! Scenario files: scripts that show rules of docs/rules.md, and whether they hold.
//!
//! The first comment of a file names the rules and says what it shows: `# R-EXIT-03, R-EXIT-04: what it shows`. Its name is that of the
//! first one. The files of `tests/scenarios` are part of the program too ([`embedded`]), so that it can be copied to another machine alone.

pub(crate) mod embedded;
mod needs;
mod play;

use std::path::Path;

pub(crate) use self::needs::first_lacking;
pub(crate) use self::play::{Complaint, Measure, play};
use crate::script::{Script, parse};
use crate::tracer::Failure;

/// One scenario.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// The file, or the name of an embedded one.
    pub(crate) source: String,
    /// What the first comment says.
    pub(crate) title: String,
    /// The rules that it names.
    pub(crate) rules: Vec<String>,
    /// What happens.
    pub(crate) script: Script,
    /// The line of each step.
    lines: Vec<usize>,
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no script: the file, the line and the reason.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let source = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("{source}: {error}")))?;
        Self::parse(source, &text)
    }

    /// Reads a text.
    ///
    /// # Errors
    ///
    /// It is no script: the source, the line and the reason.
    pub(crate) fn parse(source: String, text: &str) -> Result<Self, Failure> {
        let script = parse(text)
            .map_err(|error| Failure::new(format!("{source}:{}: {}", error.line, error.message)))?;
        let comment = text.lines().next().and_then(|line| line.strip_prefix('#'));
        let title = comment.map_or_else(|| source.clone(), |comment| comment.trim().to_owned());
        Ok(Self { rules: rules_in(&title), lines: lines_of_steps(text), source, title, script })
    }

    /// The line of a step, counted from 0.
    fn line(&self, step: usize) -> usize {
        self.lines.get(step).copied().unwrap_or(0)
    }
}

/// The rules before the colon.
fn rules_in(title: &str) -> Vec<String> {
    let Some((names, _)) = title.split_once(':') else {
        return Vec::new();
    };
    names.split(',').map(|name| name.trim().to_owned()).filter(|it| it.starts_with("R-")).collect()
}

/// Steps stand at the beginning of a line; expectations are indented.
fn lines_of_steps(text: &str) -> Vec<usize> {
    let numbered = text.lines().zip(1..);
    let is_step = |line: &str| line.starts_with(|first: char| first.is_ascii_lowercase());
    numbered.filter(|(line, _)| is_step(line)).map(|(_, number)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first comment names the rules; each step knows its line.
    #[test]
    fn the_first_comment_names_the_rules() {
        let text = "# R-EXIT-01, R-EXIT-02: shows: things.\n\ninit: fork a\n    a state=S\n# more\na: exit 0\n";
        let scenario = Scenario::parse("x.proc".to_owned(), text).unwrap();
        assert_eq!(scenario.rules, ["R-EXIT-01", "R-EXIT-02"]);
        assert_eq!((scenario.line(0), scenario.line(1)), (3, 6));
        assert_eq!(scenario.script.steps.len(), scenario.lines.len());
    }

    /// A text that is no script is refused with its source and line.
    #[test]
    fn what_is_no_script_is_refused_with_its_place() {
        let refusal = Scenario::parse("x.proc".to_owned(), "init: fork a\ninit: dance\n");
        assert_eq!(refusal.unwrap_err().message, "x.proc:2: `dance` is no operation");
    }
}
