//! The tree of all processes that lived, as a table.

use super::{Report, shorten};
use crate::history::{Life, Reaper};
use crate::words;

const HEAD: [&str; 6] = ["PROCESS", "PARENT", "GROUP", "SESSION", "ENDED", "REAPED BY"];
const MAX_NAME: usize = 60;

/// The lines of the table, without line ends.
pub(super) fn tree(report: &Report) -> Vec<String> {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(report.branches().iter().map(|branch| {
        row(&report.lives()[branch.id], &format!("{}{}", branch.indent, branch.knot))
    }));
    align(&rows)
}

fn row(life: &Life, prefix: &str) -> [String; 6] {
    let threads = match life.threads {
        1 => String::new(),
        count => format!(" [{count} threads]"),
    };
    let name = format!("{prefix}{} {}", life.pid, shorten(&life.title(), MAX_NAME));
    [
        name + &threads,
        changes(&life.parents),
        changes(&life.groups),
        changes(&life.sessions),
        life.end.map_or("still lived".to_owned(), |end| words::status(end.status)),
        match life.reaping.map(|reaping| reaping.by) {
            Some(Reaper::Process(pid)) => pid.to_string(),
            Some(Reaper::Lockstep) => "lockstep".to_owned(),
            Some(Reaper::Kernel) => "itself".to_owned(),
            None => "not seen".to_owned(),
        },
    ]
}

/// All values that a relation had, in order.
fn changes(values: &[(u64, u32)]) -> String {
    let values: Vec<_> = values.iter().map(|(_, value)| value.to_string()).collect();
    values.join("→")
}

fn align(rows: &[[String; 6]]) -> Vec<String> {
    let mut widths = [0; 6];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
            }
            line.trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns are aligned by characters, whatever their bytes.
    #[test]
    fn columns_line_up() {
        let cells = |name: &str| {
            std::array::from_fn(|i| if i == 0 { name.to_owned() } else { "x".to_owned() })
        };
        let lines = align(&[cells("├─ a"), cells("bb")]);
        assert_eq!(lines, ["├─ a  x  x  x  x  x", "bb    x  x  x  x  x"]);
    }

    /// A relation shows its whole past.
    #[test]
    fn changes_are_shown_in_order() {
        assert_eq!(changes(&[(0, 7), (5, 1)]), "7→1");
    }
}
