//! The table for readers.

use std::fmt::Write;

use super::{Run, size_label};
use crate::rows::{Row, Target, Unit};
use crate::subject::Which;

const HEADS: [&str; 12] = [
    "operation",
    "size",
    "unit",
    "ours",
    "0.1 API",
    "starry 0.4",
    "starry 0.2",
    "× 0.4",
    "× 0.2",
    "floor",
    "10³→most: ours, 0.4, 0.2",
    "target",
];

/// The table, what it means, and how far it can be trusted.
pub(crate) fn text(run: &Run, is_coloured: bool) -> String {
    let lines: Vec<Line> = run.rows.iter().map(|row| Line::new(run, row)).collect();
    let widths: [usize; 12] = std::array::from_fn(|column| {
        let cells = lines.iter().map(|line| line.cells[column].chars().count());
        cells.chain([HEADS[column].chars().count()]).max().unwrap_or(0)
    });
    let mut out = String::new();
    add(&mut out, &widths, &HEADS.map(str::to_owned), "");
    let rule: usize = widths.iter().sum::<usize>() + 2 * (widths.len() - 1) + 10;
    out.push_str(&"─".repeat(rule));
    out.push('\n');
    let mut before = "";
    for line in &lines {
        if !before.is_empty() && before != line.operation {
            // The eye finds the operations by the gap.
            if line.cells[1].as_str() == "1" || line.cells[1].is_empty() {
                out.push('\n');
            }
        }
        before = line.operation;
        let verdict = match line.is_met {
            Some(true) => paint(is_coloured, "32", "  met"),
            Some(false) => paint(is_coloured, "31", "  MISSED"),
            None => String::new(),
        };
        add(&mut out, &widths, &line.cells, &verdict);
    }
    remarks(&mut out, run, is_coloured);
    out
}

struct Line {
    operation: &'static str,
    cells: [String; 12],
    is_met: Option<bool>,
}

impl Line {
    fn new(run: &Run, row: &Row) -> Self {
        let cost = |which| row.series.median(which).map_or_else(|| "–".to_owned(), number);
        let ratio = |peer| {
            row.series.ratio(peer, row.ours).map_or_else(String::new, |ratio| number(ratio) + "×")
        };
        let is_largest = row.unit == Unit::Nanoseconds
            && !run.rows.iter().any(|other| {
                other.operation == row.operation && other.unit == row.unit && other.size > row.size
            });
        let growth = if is_largest { growth(run, row) } else { String::new() };
        let target = match row.target {
            Target::Report => String::new(),
            Target::AtMost(limit) => format!("≤ {}", number(limit)),
            Target::Faster { than_0_2, than_0_4 } => format!("× {than_0_4} / × {than_0_2}"),
        };
        let cells = [
            row.operation.to_owned(),
            row.size.map_or("", size_label).to_owned(),
            row.unit.symbol().to_owned(),
            cost(Which::Kernel),
            cost(Which::Older),
            cost(Which::Starry04),
            cost(Which::Starry02),
            ratio(Which::Starry04),
            ratio(Which::Starry02),
            row.floor.map_or_else(String::new, number),
            growth,
            target,
        ];
        Self { operation: row.operation, cells, is_met: row.is_met() }
    }
}

fn growth(run: &Run, row: &Row) -> String {
    let of = |which| {
        run.growth(row.operation, which)
            .map_or_else(|| "–".to_owned(), |times| format!("{times:.1}×"))
    };
    if run.growth(row.operation, row.ours).is_none() {
        return String::new();
    }
    format!("{} {} {}", of(row.ours), of(Which::Starry04), of(Which::Starry02))
}

fn add(out: &mut String, widths: &[usize; 12], cells: &[String; 12], end: &str) {
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let gap = " ".repeat(width - cell.chars().count());
        let is_text = matches!(column, 0 | 2 | 11);
        let _ = if is_text { write!(out, "{cell}{gap}") } else { write!(out, "{gap}{cell}") };
        out.push_str("  ");
    }
    out.truncate(out.trim_end().len());
    out.push_str(end);
    out.push('\n');
}

fn paint(is_coloured: bool, code: &str, text: &str) -> String {
    if is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

fn remarks(out: &mut String, run: &Run, is_coloured: bool) {
    let floors = run.floors;
    let _ = writeln!(
        out,
        "\nfloors of this run (ns): relaxed load {:.1} · atomic read-modify-write (RMW) {:.1} · spin lock pair {:.1} · \
         malloc + free {:.1} · Arc clone + drop {:.1}",
        floors.load, floors.rmw, floors.lock_pair, floors.malloc_free, floors.arc_clone_drop,
    );
    let mut noted = Vec::new();
    for row in &run.rows {
        if let Some(note) =
            row.note.as_ref().filter(|note| !noted.contains(&(row.operation, *note)))
        {
            let _ = writeln!(out, "{}: {note}", row.operation);
            noted.push((row.operation, note));
        }
    }
    let _ = writeln!(
        out,
        "ours: the kernel's calls (a process has its leader thread; numbers and waits are the crate's) · 0.1 API: a process alone, as \
         the peers' · × : how many times slower the peer is than the one of ours that is like it · peers get their numbers given"
    );
    let noise = run.noise().unwrap_or(0.0);
    let trust = match noise {
        ..0.05 => "quiet",
        ..0.15 => "usable: trust ratios, not times",
        _ => "NOISY: repeat it on an idle machine",
    };
    let load = run.load.map_or_else(String::new, |load| format!(", load {load:.1} before"));
    let met = |wanted| run.rows.iter().filter(|row| row.is_met() == Some(wanted)).count();
    let _ = writeln!(
        out,
        "noise: the middle half of the repetitions lies within {:.0} % of the median; lost the processor {} times{load}: {trust}",
        noise * 100.0,
        run.preemptions,
    );
    let verdict = format!(
        "{}targets: {} met, {} missed ({:.0} s)",
        if run.is_quick { "quick run, " } else { "" },
        met(true),
        met(false),
        run.seconds
    );
    let _ = writeln!(out, "{}", paint(is_coloured, "1", &verdict));
}

/// A number with about three digits that mean something.
pub(super) fn number(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.1}"),
        ..1_000.0 => format!("{value:.0}"),
        ..100_000.0 => {
            let whole = value.round() as u64;
            format!("{},{:03}", whole / 1_000, whole % 1_000)
        }
        ..100_000_000.0 => format!("{:.1}M", value / 1e6),
        _ => format!("{:.0}M", value / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers are short, and never lose their magnitude.
    #[test]
    fn numbers_are_short() {
        let shown = [2.04, 43.2, 1_448.4, 22_900_000.0, 135_000_000.0].map(number);
        assert_eq!(shown, ["2.0", "43", "1,448", "22.9M", "135M"]);
    }
}
