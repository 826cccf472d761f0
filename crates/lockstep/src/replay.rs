//! A recorded run, judged anew: by the model alone, on any machine, without privilege.

use crate::cli::ReplayArguments;
use crate::ledger::{Fact, Ledger, Sights, View};
use crate::record::Recording;
use crate::report::Report;
use crate::run::{self, Reports};
use crate::tracer::Failure;

/// Replays a recording. Returns lockstep's exit status.
///
/// # Errors
///
/// What kept lockstep from its work: a file that is no recording, or one that was cut off.
pub(crate) fn run(arguments: &ReplayArguments) -> Result<u8, Failure> {
    let (mut recording, head) = Recording::open(&arguments.file)?;
    let reports = Reports::open(&arguments.reports)?;
    run::keep_panics_quiet();
    let past = View::Past(Sights::default());
    let mut ledger = Ledger::open(&head.origin, head.root, head.action, past)
        .map_err(|refusal| Failure::new(format!("the model refuses its own world: {refusal}")))?;
    let mut is_finished = false;
    while let Some(entry) = recording.next()? {
        is_finished |= entry.fact == Fact::Finished;
        ledger.replay(entry.at, &entry.fact, entry.sights);
    }
    let outcome = ledger.close()?;
    let report = Report::new(head.program.join(" "), outcome);
    reports.write(&report)?;
    if !is_finished && report.comparison.divergences.is_empty() {
        let file = arguments.file.display();
        return Err(Failure::new(format!(
            "{file} is cut off: the run was not followed to its end, what is there agrees"
        )));
    }
    Ok(run::exit_status(&report, run::PassStatus::No))
}
