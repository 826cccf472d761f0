//! The files of `tests/scenarios`, as parts of the program. A test compares the list with the directory.

use super::Scenario;
use crate::tracer::Failure;

macro_rules! embedded {
    ($($name:literal)*) => {
        const ALL: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios/", $name, ".proc")),
        )),*];
    };
}

/// All of them.
///
/// # Errors
///
/// One is no script.
pub(crate) fn all() -> Result<Vec<Scenario>, Failure> {
    ALL.iter().map(|(name, text)| Scenario::parse(format!("{name}.proc"), text)).collect()
}

#[rustfmt::skip]
embedded! {
    "R-CLONE-01" "R-CLONE-02" "R-CLONE-03" "R-CLONE-04" "R-CLONE-05" "R-CLONE-06" "R-CLONE-07"
    "R-CLONE-08" "R-CLONE-09" "R-CLONE-10" "R-CLONE-11" "R-CLONE-12" "R-CLONE-16" "R-CLONE-21"
    "R-CLONE-22"
    "R-EXEC-01" "R-EXEC-02" "R-EXEC-03" "R-EXEC-04" "R-EXEC-05" "R-EXEC-06" "R-EXEC-07" "R-EXEC-08"
    "R-EXEC-09" "R-EXEC-12"
    "R-EXIT-01" "R-EXIT-02" "R-EXIT-03" "R-EXIT-06" "R-EXIT-07" "R-EXIT-08" "R-EXIT-09" "R-EXIT-10"
    "R-EXIT-11" "R-EXIT-12" "R-EXIT-13" "R-EXIT-15" "R-EXIT-17" "R-EXIT-20"
    "R-FORK-01" "R-FORK-02" "R-FORK-03" "R-FORK-04" "R-FORK-05" "R-FORK-06" "R-FORK-07" "R-FORK-08"
    "R-FORK-09" "R-FORK-11" "R-FORK-12" "R-FORK-14" "R-FORK-15" "R-FORK-16" "R-FORK-17" "R-FORK-18"
    "R-GETPGID-01"
    "R-KILL-01" "R-KILL-02" "R-KILL-03" "R-KILL-04" "R-KILL-06" "R-KILL-07" "R-KILL-08" "R-KILL-09"
    "R-KILL-10" "R-KILL-11" "R-KILL-12" "R-KILL-13"
    "R-NOTIFY-01" "R-NOTIFY-02" "R-NOTIFY-03" "R-NOTIFY-04" "R-NOTIFY-05" "R-NOTIFY-06"
    "R-NOTIFY-07" "R-NOTIFY-08" "R-NOTIFY-09" "R-NOTIFY-10" "R-NOTIFY-11" "R-NOTIFY-12"
    "R-NOTIFY-13" "R-NOTIFY-14"
    "R-NS-04" "R-NS-10" "R-NS-11" "R-NS-12" "R-NS-13" "R-NS-14" "R-NS-20" "R-NS-21" "R-NS-22"
    "R-NS-23" "R-NS-26" "R-NS-27" "R-NS-28" "R-NS-29"
    "R-ORPHAN-01" "R-ORPHAN-02" "R-ORPHAN-03" "R-ORPHAN-04" "R-ORPHAN-05" "R-ORPHAN-06"
    "R-ORPHAN-07" "R-ORPHAN-08" "R-ORPHAN-09" "R-ORPHAN-10"
    "R-PDEATH-01" "R-PDEATH-02" "R-PDEATH-03" "R-PDEATH-04"
    "R-PID-02" "R-PID-03" "R-PID-07" "R-PID-08" "R-PID-09" "R-PID-10" "R-PID-11" "R-PID-12"
    "R-PID-14" "R-PID-15"
    "R-PIDFD-01" "R-PIDFD-02" "R-PIDFD-04" "R-PIDFD-06" "R-PIDFD-07"
    "R-PROC-01" "R-PROC-02" "R-PROC-03" "R-PROC-04" "R-PROC-05" "R-PROC-06"
    "R-PTRACE-01" "R-PTRACE-02" "R-PTRACE-03" "R-PTRACE-05" "R-PTRACE-06" "R-PTRACE-07"
    "R-PTRACE-08" "R-PTRACE-09" "R-PTRACE-10" "R-PTRACE-11"
    "R-REPARENT-01" "R-REPARENT-02" "R-REPARENT-03" "R-REPARENT-04" "R-REPARENT-05" "R-REPARENT-06"
    "R-REPARENT-07" "R-REPARENT-08" "R-REPARENT-09" "R-REPARENT-10" "R-REPARENT-11" "R-REPARENT-12"
    "R-REPARENT-13" "R-REPARENT-14" "R-REPARENT-15"
    "R-RUSAGE-01" "R-RUSAGE-03" "R-RUSAGE-06" "R-RUSAGE-07"
    "R-SETPGID-01" "R-SETPGID-02" "R-SETPGID-03" "R-SETPGID-04" "R-SETPGID-05" "R-SETPGID-06"
    "R-SETPGID-07" "R-SETPGID-08" "R-SETPGID-09"
    "R-SETSID-01" "R-SETSID-02" "R-SETSID-03" "R-SETSID-04"
    "R-SIG-06" "R-SIG-09" "R-SIG-11" "R-SIG-12" "R-SIG-14" "R-SIG-16" "R-SIG-17" "R-SIG-18"
    "R-SIG-28" "R-SIG-29" "R-SIG-30" "R-SIG-32" "R-SIG-34" "R-SIG-38" "R-SIG-39" "R-SIG-40"
    "R-SIG-43" "R-SIG-44" "R-SIG-46" "R-SIG-48" "R-SIG-49" "R-SIG-56" "R-SIG-57" "R-SIG-58"
    "R-SIG-59" "R-SIG-60" "R-SIG-61" "R-SIG-63" "R-SIG-68" "R-SIG-81" "R-SIG-82" "R-SIG-83"
    "R-SIG-86" "R-SIG-88" "R-SIG-92" "R-SIG-94" "R-SIG-95"
    "R-STOP-01" "R-STOP-02" "R-STOP-03" "R-STOP-04" "R-STOP-05" "R-STOP-06" "R-STOP-07" "R-STOP-08"
    "R-STOP-09" "R-STOP-10" "R-STOP-11" "R-STOP-12" "R-STOP-13" "R-STOP-14" "R-STOP-15"
    "R-SUBREAPER-01" "R-SUBREAPER-03" "R-SUBREAPER-04" "R-SUBREAPER-05" "R-SUBREAPER-06"
    "R-TTY-01" "R-TTY-02" "R-TTY-03" "R-TTY-04" "R-TTY-05" "R-TTY-06" "R-TTY-07" "R-TTY-10"
    "R-TTY-12" "R-TTY-13" "R-TTY-14"
    "R-TTYEXIT-01" "R-TTYEXIT-02" "R-TTYEXIT-04" "R-TTYEXIT-05"
    "R-VFORK-01" "R-VFORK-02" "R-VFORK-03"
    "R-WAIT-01" "R-WAIT-02" "R-WAIT-03" "R-WAIT-04" "R-WAIT-05" "R-WAIT-06" "R-WAIT-07" "R-WAIT-08"
    "R-WAIT-09" "R-WAIT-10" "R-WAIT-11" "R-WAIT-12" "R-WAIT-13" "R-WAIT-14" "R-WAIT-15" "R-WAIT-17"
    "R-WAIT-19" "R-WAIT-20" "R-WAIT-22" "R-WAIT-24" "R-WAIT-25" "R-WAIT-27"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list has every file of the directory, once, in order.
    #[test]
    fn every_scenario_file_is_embedded() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
        let entries = std::fs::read_dir(directory).expect("the directory of scenarios");
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<_> =
            names.filter_map(|name| name.strip_suffix(".proc").map(str::to_owned)).collect();
        files.sort_unstable();
        let listed: Vec<_> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(listed, files, "the list in src/scenario/embedded.rs");
    }

    /// Every embedded scenario names the rules that it shows, the first of them in its name.
    #[test]
    fn every_scenario_is_named_after_its_first_rule() {
        for scenario in all().unwrap() {
            let first = scenario.rules.first().map(|rule| format!("{rule}.proc"));
            assert_eq!(first.as_deref(), Some(&*scenario.source), "{}", scenario.title);
        }
    }
}
