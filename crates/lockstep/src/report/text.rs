//! The report for readers.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Report, tree};
use crate::compare::Divergence;
use crate::words;

/// How many divergences are shown in full.
const SHOWN: usize = 5;

struct Paint {
    is_coloured: bool,
}

impl Paint {
    fn apply(&self, code: &str, text: &str) -> String {
        if self.is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn dim(&self, text: &str) -> String {
        self.apply("2", text)
    }

    fn bold(&self, text: &str) -> String {
        self.apply("1", text)
    }
}

/// Writes the tree, the counts, the divergences and the verdict, which is the last line.
pub(crate) fn text(report: &Report, is_coloured: bool) -> String {
    let paint = Paint { is_coloured };
    let mut text = String::new();
    for (position, line) in tree::tree(report).iter().enumerate() {
        let line = if position == 0 { paint.bold(line) } else { line.clone() };
        add(&mut text, &line);
    }
    add(&mut text, "");
    let comparison = &report.comparison;
    let equal: BTreeMap<_, _> =
        comparison.equal.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    counts(&mut text, &paint, "compared, equal", &equal);
    counts(&mut text, &paint, "not known", &comparison.unmodelled);
    counts(&mut text, &paint, "not compared", &comparison.not_compared);
    counts(&mut text, &paint, "changed by following", &comparison.altered);
    if let Some(status) = report.status {
        let status = words::status(status);
        add(&mut text, &format!("{}: {status}", paint.dim("the program ended")));
    }
    for (position, divergence) in comparison.divergences.iter().take(SHOWN).enumerate() {
        show(&mut text, &paint, position + 1, divergence);
    }
    if comparison.divergences.len() > SHOWN {
        let rest = comparison.divergences.len() - SHOWN;
        let line = format!("… and {rest} more, which may follow from these (all are in --json)");
        add(&mut text, &paint.dim(&line));
    }
    let is_good = comparison.divergences.is_empty() && report.ended_by.is_none();
    let verdict = format!("lockstep: {}", report.verdict());
    add(&mut text, &paint.apply(if is_good { "1;32" } else { "1;31" }, &verdict));
    text
}

fn add(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn counts(text: &mut String, paint: &Paint, title: &str, counts: &BTreeMap<String, u64>) {
    if counts.is_empty() {
        return;
    }
    let total: u64 = counts.values().sum();
    let mut entries: Vec<_> = counts.iter().collect();
    entries.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let list: Vec<_> = entries.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let title = format!("{title}: {total}");
    let _ = writeln!(text, "{} ({})", paint.dim(&title), list.join(", "));
}

fn show(text: &mut String, paint: &Paint, number: usize, divergence: &Divergence) {
    let Divergence { question, linux, model, before } = divergence;
    add(text, "");
    add(text, &paint.apply("1;31", &format!("divergence {number}: {question}")));
    add(text, &format!("  Linux: {linux}"));
    add(text, &format!("  model: {model}"));
    if !before.is_empty() {
        add(text, &paint.dim("  the last operations of those concerned before it:"));
    }
    for operation in before {
        add(text, &paint.dim(&format!("    {operation}")));
    }
    add(text, "");
}
