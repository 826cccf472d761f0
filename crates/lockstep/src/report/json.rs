//! The run as JSON.

use serde::Serialize;

use super::Report;
use crate::compare::Comparison;
use crate::history::Life;
use crate::ledger::EndedBy;

#[derive(Serialize)]
struct Document<'a> {
    command: &'a str,
    verdict: String,
    status: Option<i32>,
    ended_by: Option<EndedBy>,
    processes: &'a [Life],
    comparison: &'a Comparison,
}

/// Writes the whole run; moments are microseconds since its start, statuses are wait status words.
pub(crate) fn json(report: &Report) -> String {
    let document = Document {
        command: &report.command,
        verdict: report.verdict(),
        status: report.status,
        ended_by: report.ended_by,
        processes: report.lives(),
        comparison: &report.comparison,
    };
    // Plain numbers, texts and lists: nothing in it can fail.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}
