//! The picture: cost against size, one small chart per operation that has sizes, both axes logarithmic.

use std::fmt::Write;

use super::text::number;
use super::{Run, is_timed, size_label};
use crate::rows::Row;
use crate::subject::Which;

const COLUMNS: usize = 3;
const CHART: (f64, f64) = (400.0, 250.0);
const PLOT: (f64, f64) = (290.0, 160.0);
const TOP: f64 = 84.0;
const INK: &str = "#1f2933";
const FAINT: &str = "#7b8794";
const GRID: &str = "#e4e7eb";

const fn colour(which: Which) -> &'static str {
    match which {
        Which::Kernel => "#18794e",
        Which::Older => "#72b7b2",
        Which::Starry04 => "#e45756",
        Which::Starry02 => "#f58518",
    }
}

/// Draws all operations that were measured in more than one size.
pub(crate) fn svg(run: &Run) -> String {
    let mut operations: Vec<&str> = Vec::new();
    for row in run.rows.iter().filter(|row| is_timed(row) && row.size.is_some()) {
        let is_new = !operations.contains(&row.operation);
        if is_new && rows_of(run, row.operation).count() > 1 {
            operations.push(row.operation);
        }
    }
    let width = CHART.0 * COLUMNS as f64 + 24.0;
    let height = TOP + CHART.1 * operations.len().div_ceil(COLUMNS) as f64 + 16.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"12\" \
         fill=\"{INK}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"24\" y=\"36\" font-size=\"18\" font-weight=\"600\">Cost of an operation against the number of processes</text>\n"
    );
    legend(&mut out);
    for (position, operation) in operations.iter().enumerate() {
        let x = 24.0 + CHART.0 * (position % COLUMNS) as f64;
        let y = TOP + CHART.1 * (position / COLUMNS) as f64;
        Chart::new(run, operation, x, y).draw(&mut out);
    }
    out.push_str("</svg>\n");
    out
}

fn legend(out: &mut String) {
    for (position, which) in Which::ALL.into_iter().enumerate() {
        let x = 24.0 + 150.0 * position as f64;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"52\" width=\"18\" height=\"4\" fill=\"{}\"/><text x=\"{}\" y=\"59\">{}</text>",
            colour(which),
            x + 26.0,
            which.title()
        );
    }
    let _ = writeln!(out, "<text x=\"640\" y=\"59\" fill=\"{FAINT}\">dashed: floor</text>");
}

fn rows_of<'a>(run: &'a Run, operation: &'a str) -> impl Iterator<Item = &'a Row> {
    run.rows.iter().filter(move |row| row.operation == operation && is_timed(row))
}

struct Chart<'a> {
    operation: &'a str,
    rows: Vec<&'a Row>,
    /// The lowest and the highest power of ten that is shown.
    powers: (i32, i32),
    left: f64,
    top: f64,
}

impl<'a> Chart<'a> {
    fn new(run: &'a Run, operation: &'a str, x: f64, y: f64) -> Self {
        let rows: Vec<&Row> = rows_of(run, operation).collect();
        let costs = || {
            rows.iter().flat_map(|row| {
                Which::ALL.into_iter().filter_map(|which| row.series.median(which)).chain(row.floor)
            })
        };
        let lowest = costs().fold(f64::INFINITY, f64::min).max(0.1).log10().floor() as i32;
        let highest = costs().fold(1.0, f64::max).log10().ceil() as i32;
        let powers = (lowest, highest.max(lowest + 1));
        Self { operation, rows, powers, left: x + 56.0, top: y + 28.0 }
    }

    fn x(&self, size: usize) -> f64 {
        self.left + PLOT.0 * (size as f64).log10() / 6.0
    }

    fn y(&self, cost: f64) -> f64 {
        let (low, high) = self.powers;
        let share = (cost.max(0.1).log10() - f64::from(low)) / f64::from(high - low);
        self.top + PLOT.1 * (1.0 - share)
    }

    fn draw(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" font-weight=\"600\">{}</text>",
            self.left,
            self.top - 12.0,
            self.operation
        );
        self.grid(out);
        for which in Which::ALL {
            self.line(out, colour(which), "", |row| row.series.median(which));
        }
        self.line(out, FAINT, "stroke-dasharray=\"4 4\"", |row| row.floor);
    }

    fn grid(&self, out: &mut String) {
        for power in self.powers.0..=self.powers.1 {
            let y = self.y(10_f64.powi(power));
            let _ = writeln!(
                out,
                "<line x1=\"{}\" y1=\"{y:.1}\" x2=\"{}\" y2=\"{y:.1}\" stroke=\"{GRID}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{FAINT}\">{}</text>",
                self.left,
                self.left + PLOT.0,
                self.left - 6.0,
                y + 4.0,
                nanoseconds(power),
            );
        }
        for size in [1, 1_000, 10_000, 100_000, 1_000_000] {
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"{FAINT}\">{}</text>",
                self.x(size),
                self.top + PLOT.1 + 18.0,
                size_label(size)
            );
        }
    }

    fn line(
        &self,
        out: &mut String,
        colour: &str,
        style: &str,
        cost: impl Fn(&Row) -> Option<f64>,
    ) {
        let points: Vec<(f64, f64, f64)> = self
            .rows
            .iter()
            .filter_map(|row| {
                let cost = cost(row)?;
                Some((self.x(row.size?), self.y(cost), cost))
            })
            .collect();
        let path: Vec<String> = points.iter().map(|(x, y, _)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" {style}/>",
            path.join(" ")
        );
        if style.is_empty() {
            for (x, y, cost) in points {
                let _ = writeln!(
                    out,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"><title>{} ns</title></circle>",
                    number(cost)
                );
            }
        }
    }
}

fn nanoseconds(power: i32) -> String {
    match power {
        ..0 => format!("{} ns", 10_f64.powi(power)),
        0..3 => format!("{} ns", 10_u64.pow(power.unsigned_abs())),
        3..6 => format!("{} µs", 10_u64.pow(power.unsigned_abs() - 3)),
        6..9 => format!("{} ms", 10_u64.pow(power.unsigned_abs() - 6)),
        _ => format!("{} s", 10_f64.powi(power - 9)),
    }
}
