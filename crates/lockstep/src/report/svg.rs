//! The history as a picture: a bar per process over time.
//!
//! The picture is written from back to front: grid, fork arrows, bars, marks, labels, legend.

use std::collections::HashMap;
use std::fmt::Write;

use super::scale::{Scale, label};
use super::{Branch, Report, shorten};
use crate::history::{Life, Mark, MarkKind, Moment, Reaper};
use crate::sys::Pid;
use crate::words;

const WIDTH: f64 = 1280.0;
const LABELS: f64 = 330.0;
const ENDINGS: f64 = 150.0;
const TOP: f64 = 108.0;
const ROW: f64 = 26.0;
const BAR: f64 = 12.0;
const LEGEND_COLUMNS: usize = 4;
/// More groups than this are drawn in colours that repeat, and not all are named.
const NAMED_GROUPS: usize = 12;

const INK: &str = "#1f2933";
const FAINT: &str = "#7b8794";
const GRID: &str = "#e4e7eb";
const GOOD: &str = "#18794e";
const BAD: &str = "#c62a2f";
const PALETTE: [&str; 12] = [
    "#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#9d755d", "#d6a400",
    "#5b5fc7", "#2f9e8f", "#d67195", "#8a8f98",
];

/// Draws the run.
pub(crate) fn svg(report: &Report) -> String {
    Picture::new(report).draw()
}

struct Picture<'a> {
    report: &'a Report,
    branches: Vec<Branch>,
    rows: HashMap<usize, f64>,
    groups: Vec<Pid>,
    scale: Scale,
    bottom: f64,
    out: String,
}

impl<'a> Picture<'a> {
    fn new(report: &'a Report) -> Self {
        let branches = report.branches();
        let rows = branches
            .iter()
            .enumerate()
            .map(|(row, branch)| (branch.id, TOP + ROW * (row as f64 + 0.5)))
            .collect();
        let mut groups = Vec::new();
        for branch in &branches {
            for &(_, group) in &report.lives()[branch.id].groups {
                if !groups.contains(&group) {
                    groups.push(group);
                }
            }
        }
        let end = report.lives().iter().map(last_moment).max().unwrap_or(0);
        let scale = Scale::new(LABELS, WIDTH - LABELS - ENDINGS, end);
        let bottom = TOP + ROW * branches.len() as f64;
        Self { report, branches, rows, groups, scale, bottom, out: String::new() }
    }

    fn draw(mut self) -> String {
        let legend_rows = self.groups.len().min(NAMED_GROUPS + 1).div_ceil(LEGEND_COLUMNS);
        let height = self.bottom + 92.0 + 20.0 * legend_rows as f64;
        let _ = write!(
            self.out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" font-family=\"system-ui, 'DejaVu Sans', \
             'Liberation Sans', sans-serif\" font-size=\"12\" fill=\"{INK}\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
        );
        self.title();
        self.grid();
        for row in 0..self.branches.len() {
            self.arrow(row);
        }
        for row in 0..self.branches.len() {
            self.life(row);
        }
        self.legend();
        self.out.push_str("</svg>\n");
        self.out
    }

    fn title(&mut self) {
        let command = escape(&shorten(&self.report.command, 110));
        let verdict = escape(&self.report.verdict());
        let is_good =
            self.report.comparison.divergences.is_empty() && self.report.ended_by.is_none();
        let colour = if is_good { GOOD } else { BAD };
        let count = self.report.lives().len();
        let noun = if count == 1 { "process" } else { "processes" };
        let _ = write!(
            self.out,
            "<text x=\"24\" y=\"36\" font-size=\"18\" font-weight=\"600\">{command}</text>\n\
             <circle cx=\"30\" cy=\"56\" r=\"5\" fill=\"{colour}\"/>\
             <text x=\"42\" y=\"60.5\" font-size=\"13\" fill=\"{colour}\">{verdict}</text>\n\
             <text x=\"{right}\" y=\"60.5\" text-anchor=\"end\" fill=\"{FAINT}\">{count} {noun} in {time}</text>\n",
            right = WIDTH - 24.0,
            time = label(self.report.lives().iter().map(last_moment).max().unwrap_or(0)),
        );
    }

    fn grid(&mut self) {
        for row in (0..self.branches.len()).skip(1).step_by(2) {
            let y = TOP + ROW * row as f64;
            let width = WIDTH - 32.0;
            let _ = writeln!(
                self.out,
                "<rect x=\"16\" y=\"{y}\" width=\"{width}\" height=\"{ROW}\" fill=\"#f7f8fa\"/>"
            );
        }
        for (at, text) in self.scale.ticks() {
            let x = self.scale.x(at);
            let (top, bottom) = (TOP - 6.0, self.bottom + 4.0);
            let y = TOP - 12.0;
            let _ = writeln!(
                self.out,
                "<path d=\"M{x:.1} {top}V{bottom}\" stroke=\"{GRID}\"/>\
                 <text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\" font-size=\"11\" fill=\"{FAINT}\">{text}</text>"
            );
        }
    }

    /// The fork: from the origin's bar down to the child's.
    fn arrow(&mut self, row: usize) {
        let branch = &self.branches[row];
        let life = &self.report.lives()[branch.id];
        let Some(from) = life.origin.and_then(|origin| self.rows.get(&origin)) else {
            return;
        };
        let (x, from, to) = (self.scale.x(life.born), from + BAR / 2.0, self.rows[&branch.id]);
        let tip = to - BAR / 2.0;
        let _ = writeln!(
            self.out,
            "<path d=\"M{x:.1} {from:.1}V{shaft:.1}\" stroke=\"{FAINT}\" stroke-opacity=\".75\"/>\
             <path d=\"M{l:.1} {head:.1}H{r:.1}L{x:.1} {tip:.1}Z\" fill=\"{FAINT}\"/>",
            shaft = tip - 5.0,
            l = x - 3.0,
            r = x + 3.0,
            head = tip - 5.5,
        );
    }

    fn life(&mut self, row: usize) {
        let branch = &self.branches[row];
        let life = &self.report.lives()[branch.id];
        let y = self.rows[&branch.id];
        let indent = 24.0 + 14.0 * branch.depth.min(10) as f64;
        let room = ((LABELS - indent - 14.0) / 6.6) as usize;
        let text = shorten(&format!("{} {}", life.pid, life.title()), room);
        let (pid, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let _ = write!(
            self.out,
            "<g><title>{title}</title>\
             <text x=\"{indent}\" y=\"{base:.1}\"><tspan fill=\"{FAINT}\">{pid}</tspan> {rest}</text>",
            title = escape(&describe(life)),
            base = y + 4.0,
            pid = escape(pid),
            rest = escape(rest),
        );
        self.bars(life, y);
        self.marks(life, y);
        self.ending(life, y);
        self.out.push_str("</g>\n");
    }

    /// The bar, in the colours of the groups; paler while stopped; thin while a zombie.
    fn bars(&mut self, life: &Life, y: f64) {
        let end = life.end.map_or_else(|| last_moment(life), |end| end.at);
        let ends = life.groups.iter().skip(1).map(|&(at, _)| at.min(end)).chain([end]);
        let parts: Vec<_> = life.groups.iter().zip(ends).collect();
        for (position, &(&(from, group), to)) in parts.iter().enumerate() {
            let radius = if parts.len() == 1 || position == 0 { 3.0 } else { 1.0 };
            let colour = self.colour(group);
            let (x, width) = self.span(from, to);
            let _ = write!(
                self.out,
                "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"{radius}\" fill=\"{colour}\"/>",
                top = y - BAR / 2.0,
            );
        }
        for (from, to) in stopped_spans(life, end) {
            let (x, width) = self.span(from, to);
            let _ = write!(
                self.out,
                "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height}\" fill=\"#ffffff\" fill-opacity=\".72\"/>",
                top = y - BAR / 2.0 + 2.0,
                height = BAR - 4.0,
            );
        }
        if let (Some(end), Some(reaping)) = (life.end, life.reaping) {
            let colour = self.colour(life.last_group());
            let (from, to) = (self.scale.x(end.at), self.scale.x(reaping.at));
            let _ = write!(
                self.out,
                "<path d=\"M{from:.1} {y:.1}H{to:.1}\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"2 2\"/>"
            );
        }
    }

    fn marks(&mut self, life: &Life, y: f64) {
        for Mark { at, kind } in &life.marks {
            let x = self.scale.x(*at);
            match kind {
                MarkKind::Exec { .. } => self.diamond(x, y),
                MarkKind::Stop { .. } => self.pause(x, y),
                MarkKind::Continue => self.play(x, y),
            }
        }
        if let Some(end) = life.end {
            self.end_mark(self.scale.x(end.at), y, end.status == 0);
        }
        if let Some(reaping) = life.reaping
            && reaping.by != Reaper::Kernel
        {
            let end = life.end.map_or(reaping.at, |end| end.at);
            // Reaped at once: the ring stands beside the mark of the end, not under it.
            let x = self.scale.x(reaping.at).max(self.scale.x(end) + 8.0);
            self.ring(x, y);
        }
    }

    fn ending(&mut self, life: &Life, y: f64) {
        let (text, colour) = match life.end {
            Some(end) if end.status == 0 => return,
            Some(end) => (words::status(end.status), BAD),
            None => ("still lived".to_owned(), FAINT),
        };
        let x = self.scale.x(last_moment(life)) + 18.0;
        let _ = write!(
            self.out,
            "<text x=\"{x:.1}\" y=\"{base:.1}\" font-size=\"11\" fill=\"{colour}\">{text}</text>",
            base = y + 4.0,
        );
    }

    fn legend(&mut self) {
        let y = self.bottom + 34.0;
        let _ = writeln!(
            self.out,
            "<path d=\"M24 {line:.1}H{right}\" stroke=\"{GRID}\"/>",
            line = self.bottom + 14.0,
            right = WIDTH - 24.0,
        );
        type Draw = fn(&mut Picture<'_>, f64, f64);
        let signs: [(&str, Draw); 7] = [
            ("fork", |p, x, y| p.sign_fork(x, y)),
            ("exec", |p, x, y| p.diamond(x, y)),
            ("stop", |p, x, y| p.pause(x, y)),
            ("continue", |p, x, y| p.play(x, y)),
            ("exit 0", |p, x, y| p.end_mark(x, y, true)),
            ("other end", |p, x, y| p.end_mark(x, y, false)),
            ("reaped", |p, x, y| p.ring(x, y)),
        ];
        for (position, (name, draw)) in signs.into_iter().enumerate() {
            let x = 30.0 + 106.0 * position as f64;
            draw(self, x, y);
            let _ = writeln!(
                self.out,
                "<text x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
                x + 12.0,
                y + 4.0
            );
        }
        let x = 30.0 + 106.0 * 7.0;
        let _ = writeln!(
            self.out,
            "<path d=\"M{x} {y}h22\" stroke=\"{FAINT}\" stroke-width=\"2\" stroke-dasharray=\"2 2\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">zombie</text>",
            x + 30.0,
            y + 4.0,
        );
        let column = (WIDTH - 48.0) / LEGEND_COLUMNS as f64;
        for position in 0..self.groups.len().min(NAMED_GROUPS + 1) {
            let x = 24.0 + column * (position % LEGEND_COLUMNS) as f64;
            let y = y + 32.0 + 20.0 * (position / LEGEND_COLUMNS) as f64;
            if position == NAMED_GROUPS {
                let rest = self.groups.len() - NAMED_GROUPS;
                let _ = writeln!(
                    self.out,
                    "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{FAINT}\">and {rest} more groups, in repeated colours</text>",
                    y + 4.0
                );
                continue;
            }
            let group = self.groups[position];
            let _ = writeln!(
                self.out,
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"22\" height=\"{BAR}\" rx=\"3\" fill=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\">group {group}{}</text>",
                y - BAR / 2.0,
                self.colour(group),
                x + 30.0,
                y + 4.0,
                self.founder(group),
            );
        }
    }

    /// Who a group is named after, if it lived here.
    fn founder(&self, group: Pid) -> String {
        match self.report.lives().iter().find(|life| life.pid == group) {
            Some(life) => escape(&shorten(&format!(" ({})", life.short_command()), 26)),
            None => " (inherited)".to_owned(),
        }
    }

    fn colour(&self, group: Pid) -> &'static str {
        let position = self.groups.iter().position(|&other| other == group).unwrap_or(0);
        PALETTE[position % PALETTE.len()]
    }

    /// Start and width of a span of time, never too narrow to be seen.
    fn span(&self, from: Moment, to: Moment) -> (f64, f64) {
        let x = self.scale.x(from);
        (x, (self.scale.x(to) - x).max(1.5))
    }

    fn sign_fork(&mut self, x: f64, y: f64) {
        let _ = write!(
            self.out,
            "<path d=\"M{x} {}v8\" stroke=\"{FAINT}\"/><path d=\"M{} {}h6l-3 5.5z\" fill=\"{FAINT}\"/>",
            y - 7.0,
            x - 3.0,
            y + 1.0,
        );
    }

    fn diamond(&mut self, x: f64, y: f64) {
        let _ = write!(
            self.out,
            "<path d=\"M{:.1} {y:.1}l4.5 -4.5l4.5 4.5l-4.5 4.5z\" fill=\"#ffffff\" stroke=\"{INK}\"/>",
            x - 4.5,
        );
    }

    fn pause(&mut self, x: f64, y: f64) {
        let _ = write!(
            self.out,
            "<path d=\"M{:.1} {top:.1}v10M{:.1} {top:.1}v10\" stroke=\"{INK}\" stroke-width=\"2\"/>",
            x - 2.0,
            x + 2.0,
            top = y - 5.0,
        );
    }

    fn play(&mut self, x: f64, y: f64) {
        let _ = write!(
            self.out,
            "<path d=\"M{:.1} {:.1}v10l8 -5z\" fill=\"{INK}\" stroke=\"#ffffff\" stroke-width=\".8\"/>",
            x - 3.0,
            y - 5.0,
        );
    }

    fn end_mark(&mut self, x: f64, y: f64, is_good: bool) {
        let colour = if is_good { GOOD } else { BAD };
        let _ = write!(
            self.out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\" fill=\"{colour}\" stroke=\"#ffffff\"/>"
        );
    }

    fn ring(&mut self, x: f64, y: f64) {
        let _ = write!(
            self.out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\" fill=\"#ffffff\" stroke=\"{INK}\" stroke-width=\"1.4\"/>"
        );
    }
}

fn last_moment(life: &Life) -> Moment {
    let end = life.end.map_or(life.born, |end| end.at);
    let mark = life.marks.last().map_or(0, |mark| mark.at);
    life.reaping.map_or(end, |reaping| reaping.at).max(end).max(mark)
}

/// The times from each stop to the next continuation or the end.
fn stopped_spans(life: &Life, end: Moment) -> Vec<(Moment, Moment)> {
    let mut spans = Vec::new();
    let mut since = None;
    for Mark { at, kind } in &life.marks {
        match kind {
            MarkKind::Stop { .. } => since = since.or(Some(*at)),
            MarkKind::Continue => spans.extend(since.take().map(|from| (from, *at))),
            MarkKind::Exec { .. } => {}
        }
    }
    spans.extend(since.map(|from| (from, end)));
    spans
}

/// What the picture says when the pointer rests on a process.
fn describe(life: &Life) -> String {
    let mut text = format!("{} {}\nforked at {}", life.pid, life.command, label(life.born));
    for Mark { at, kind } in &life.marks {
        let what = match kind {
            MarkKind::Exec { command } => format!("executes {}", shorten(command, 200)),
            MarkKind::Stop { signal } => format!("stopped by {}", words::signal(*signal)),
            MarkKind::Continue => "continued".to_owned(),
        };
        let _ = write!(text, "\n{} {what}", label(*at));
    }
    if let Some(end) = life.end {
        let _ = write!(text, "\n{} {}", label(end.at), words::status(end.status));
    }
    if let Some(reaping) = life.reaping {
        let by = match reaping.by {
            Reaper::Process(pid) => format!("by {pid}"),
            Reaper::Lockstep => "by lockstep".to_owned(),
            Reaper::Kernel => "at once: its parent does not wait".to_owned(),
        };
        let _ = write!(text, "\n{} reaped {by}", label(reaping.at));
    }
    text
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;

    /// A process that is never continued is stopped until its end.
    #[test]
    fn stops_last_until_continued() {
        let mut history = History::new();
        history.birth(7, 1, None, [7, 7]);
        history.stopped(7, 19);
        history.continued(7);
        history.stopped(7, 20);
        let life = &history.lives()[0];
        let spans = stopped_spans(life, Moment::MAX);
        assert_eq!(spans.len(), 2);
        assert_eq!(spans[1].1, Moment::MAX);
    }

    /// A command line cannot break the picture.
    #[test]
    fn commands_are_escaped() {
        assert_eq!(escape("a<b> & \"c\""), "a&lt;b&gt; &amp; &quot;c&quot;");
    }
}
