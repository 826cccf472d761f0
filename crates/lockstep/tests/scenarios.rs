//! The scenario files hold, on the model, on Linux and through the agent, and show nearly all rules that a program can observe.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Output;

use common::{lacks_namespaces, lockstep, said};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn scenarios() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory()).expect("the directory of scenarios");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "proc")).collect();
    paths.sort_unstable();
    paths
}

/// All rules: every scenario holds on the model alone, which needs no privilege.
#[test]
fn scenarios_hold_on_the_model() {
    let output = lockstep(&["check", "--model-only"]).args(scenarios()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// All rules: every scenario holds on Linux.
#[test]
fn scenarios_hold_on_linux() {
    let output = lockstep(&["check"]).args(scenarios()).output().unwrap();
    assert!(lacks_namespaces(&output) || output.status.success(), "{}", said(&output));
}

/// An expectation that is not met is told with its line, and with what was seen instead.
#[test]
fn unmet_expectations_are_told() {
    let bench = common::Bench::new();
    let file = bench.write("wrong.proc", "init: fork a\na: exit 1\n    a gone\n    silence\n");
    let output = lockstep(&["check", "--model-only"]).arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains("wrong.proc:3: a: exit 1\n    expected: a gone"), "{said}");
    assert!(said.contains("a state=Z") && !said.contains("silence"), "{said}");
}

/// `silence` is not met by a signal that is heard, nor by a call that returns.
#[test]
fn noise_is_no_silence() {
    let bench = common::Bench::new();
    let script = "init: fork a\na: fork b\na: wait4 b -> blocks\nb: exit 1\n    silence\n\
                  a: signal USR1 handle\ninit: kill a USR1\n    silence\n";
    let output =
        lockstep(&["check", "--model-only"]).arg(bench.write("x.proc", script)).output().unwrap();
    let said = said(&output);
    assert_eq!(said.matches("expected: silence").count(), 2, "{said}");
}

/// A file that is no script, or is not there, is told with its place.
#[test]
fn bad_files_are_told_with_their_place() {
    let bench = common::Bench::new();
    let file = bench.write("bad.proc", "init: fork a\n\ninit: dance\n");
    let output = lockstep(&["check", "--model-only"]).arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(said(&output).contains("bad.proc:3: `dance` is no operation"), "{}", said(&output));
    let output = lockstep(&["check", "none.proc"]).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(said(&output).contains("none.proc: No such file"), "{}", said(&output));
}

/// What docs/rules.md says of a rule, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// User space can observe it.
    Observable,
    /// It is the host's, or cannot be observed.
    Hidden,
}

fn rules() -> BTreeMap<String, Sight> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
    let text = std::fs::read_to_string(path).expect("docs/rules.md");
    let mut rules = BTreeMap::new();
    for part in text.split("\n#### ").skip(1) {
        let name = part.lines().next().unwrap_or_default().to_owned();
        let evidence = part.lines().find(|line| line.starts_with("Evidence: ")).unwrap_or_default();
        let hidden = ["Host: ", "Not observable: "].iter().any(|mark| evidence.contains(mark));
        rules.insert(name, if hidden { Sight::Hidden } else { Sight::Observable });
    }
    rules
}

/// The rules that the first comments of the scenario files name.
fn named_by_scenarios() -> BTreeSet<String> {
    let heads = scenarios().into_iter().map(|path| {
        let text = std::fs::read_to_string(&path).expect("a scenario file");
        text.lines().next().unwrap_or_default().to_owned()
    });
    heads
        .flat_map(|head| {
            let names = head.trim_start_matches("# ").split(':').next().unwrap_or_default();
            names.split(", ").map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

/// The rules that random scripts have been seen to exercise.
fn known_to_the_fuzzer() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fuzz/coverage.rs");
    let text = std::fs::read_to_string(path).expect("the list of rules");
    let list = text.split("RULES: &[").nth(1).and_then(|rest| rest.split("];").next());
    let list = list.expect("the list of rules in src/fuzz/coverage.rs");
    list.split('"').filter(|word| word.starts_with("R-")).map(str::to_owned).collect()
}

/// The rules that no script shows, and why.
fn excused() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(directory().join("not-covered.md")).expect("the list");
    let items = text.lines().filter_map(|line| line.strip_prefix("* "));
    let entries = items.map(|item| item.split_once(": ").expect("`* RULE: reason`"));
    entries.map(|(rule, reason)| (rule.to_owned(), reason.to_owned())).collect()
}

/// All rules: each is shown by a scenario, or exercised by random scripts, or it is said why not; nine of ten that can be observed are shown, and two of three of those about signals.
#[test]
fn nearly_every_observable_rule_is_shown() {
    let (rules, excused) = (rules(), excused());
    let named = named_by_scenarios();
    let shown: BTreeSet<_> = named.union(&known_to_the_fuzzer()).cloned().collect();
    let unknown: Vec<_> =
        named.iter().chain(excused.keys()).filter(|it| !rules.contains_key(*it)).collect();
    assert!(unknown.is_empty(), "no rules: {unknown:?}");
    let missing: Vec<_> =
        rules.keys().filter(|it| !shown.contains(*it) && !excused.contains_key(*it)).collect();
    assert!(missing.is_empty(), "neither shown nor excused in not-covered.md: {missing:?}");
    let both: Vec<_> = excused.keys().filter(|it| named.contains(*it)).collect();
    assert!(both.is_empty(), "shown, and excused in not-covered.md: {both:?}");
    // Of signals, scripts see no memory, frame, alternate stack, poll or limit: `not-covered.md` has each.
    let of_signals = |rule: &str| rule.starts_with("R-SIG-");
    for (family, least) in [("signals", 65), ("all else", 90)] {
        let is_of_it = |rule: &&String| {
            rules[*rule] == Sight::Observable && of_signals(rule) == (family == "signals")
        };
        let observable = rules.keys().filter(is_of_it).count();
        let seen = rules.keys().filter(is_of_it).filter(|it| shown.contains(*it)).count();
        eprintln!("{family}: {seen} of {observable} observable rules are shown");
        assert!(seen * 100 >= observable * least, "{family}: {seen} of {observable} are shown");
    }
    eprintln!("{} of {} rules by scenarios", named.len(), rules.len());
}

/// The results of the agent, without the blocks of YAML.
fn results(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let is_result = |line: &&str| line.starts_with("ok ") || line.starts_with("not ok ");
    text.lines().filter(is_result).map(str::to_owned).collect()
}

/// All rules: the agent tells that each scenario holds here, in the Test Anything Protocol.
#[test]
fn the_agent_finds_linux_good() {
    let output = lockstep(&["agent", "--all"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let text = said(&output);
    let count = scenarios().len();
    assert!(text.starts_with(&format!("TAP version 14\n1..{count}\n")), "{text}");
    let results = results(&output);
    assert_eq!(results.len(), count);
    for (number, result) in (1..).zip(results) {
        let title = result.strip_prefix(&format!("ok {number} - ")).unwrap_or_default();
        assert!(title.starts_with("R-"), "{result}");
        let is_bare = output_lacks_namespaces(&output);
        assert!(is_bare || !result.contains("# SKIP"), "{result}");
    }
}

/// All rules: where the kernel lacks something, the agent plays what can be played, all of it holds, and the rest is skipped with a reason.
#[test]
fn the_agent_makes_do_with_less() {
    // Without sight each step takes a while: every fifth file will do.
    let lacks: [(&[&str], usize, usize); 4] = [
        (&["namespaces"], 1, 140),
        (&["namespaces", "subreaper"], 1, 70),
        (&["calls", "terminals", "pidfds"], 5, 25),
        (&["states", "terminals", "pidfds", "subreaper"], 5, 10),
    ];
    for (lacking, step, at_least) in lacks {
        let without = lacking.iter().flat_map(|lack| ["--without", lack]);
        let files = scenarios().into_iter().step_by(step);
        let output = lockstep(&["agent"]).args(without).args(files).output().unwrap();
        assert!(output.status.success(), "{lacking:?}: {}", said(&output));
        let results = results(&output);
        let held = results.iter().filter(|result| !result.contains("# SKIP needs ")).count();
        assert!((at_least..results.len()).contains(&held), "{lacking:?}: {held} hold");
    }
}

/// All rules: without any one of these the agent plays the others, and ends.
#[test]
fn the_agent_makes_do_without_each() {
    for (lack, is_skipping) in [
        ("terminals", true),
        ("pidfds", true),
        ("tracing", true),
        ("namespaces", true),
        ("states", true),
        ("subreaper", true),
        ("calls", false),
    ] {
        let output = lockstep(&["agent", "--all", "--without", lack]).output().unwrap();
        assert!(output.status.success(), "{lack}: {}", said(&output));
        let results = results(&output);
        assert_eq!(results.len(), scenarios().len(), "{lack}: {}", said(&output));
        let skipped = results.iter().filter(|result| result.contains("# SKIP needs ")).count();
        assert!(skipped < results.len() / 2, "{lack}: {skipped} are skipped");
        assert!(is_skipping == (skipped > 0) || output_lacks_namespaces(&output), "{lack}");
    }
}

/// Where `/proc` is not mounted it does so too.
#[test]
fn the_agent_makes_do_without_proc() {
    if common::is_skipped(&["unshare", "umount", "sh"]) {
        return;
    }
    let mut command = std::process::Command::new("unshare");
    // There may be one above the other, as in a container.
    let line =
        "while umount -l /proc 2>/dev/null; do :; done; [ -e /proc/self ] && exit 77; exec \"$@\"";
    command.args(["-m", "sh", "-c", line, "x"]);
    command.args([env!("CARGO_BIN_EXE_lockstep"), "agent", "--all"]);
    let output = command.output().expect("unshare");
    if output.status.code() == Some(77) || said(&output).contains("unshare failed") {
        eprintln!("skipped: the_agent_makes_do_without_proc: no right to unmount it");
        return;
    }
    assert!(output.status.success(), "{}", said(&output));
    let results = results(&output);
    assert_eq!(results.len(), scenarios().len(), "{}", said(&output));
    let held = results.iter().filter(|result| !result.contains("# SKIP")).count();
    assert!((1..results.len()).contains(&held), "{held} hold");
}

/// With expectations alone, what the model tells besides does not count; what a file says does.
#[test]
fn the_agent_can_go_by_expectations_alone() {
    let bench = common::Bench::new();
    let wrong = bench.write("wrong.proc", "# R-WAIT-01: wrong\ninit: fork a -> 7\n");
    let arguments = ["agent", "--expectations-only"];
    let output = lockstep(&arguments).arg(wrong).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let output = lockstep(&arguments).args(scenarios()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// A scenario that does not hold is told with its place, what was expected, and what was seen; the others are played all the same.
#[test]
fn the_agent_tells_what_does_not_hold() {
    let bench = common::Bench::new();
    let wrong = bench.write("wrong.proc", "# R-WAIT-01: wrong\ninit: fork a\na: exit 1 -> 0\n");
    let right = bench.write("right.proc", "# R-WAIT-02: right\ninit: fork a -> a\n");
    let output = lockstep(&["agent"]).args([wrong, right]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!(results(&output), ["not ok 1 - R-WAIT-01: wrong", "ok 2 - R-WAIT-02: right"]);
    let text = said(&output);
    assert!(text.contains("wrong.proc:3'\n    step: 'a: exit 1'"), "{text}");
    assert!(text.contains("expected:\n      - '-> 0'\n    seen:\n      - '-> ends'"), "{text}");
}

/// The agent on a kernel that lacks these calls; nothing where that cannot be tried.
fn agent_without(calls: &[libc::c_long], arguments: &[&str]) -> Option<Output> {
    let bench = common::Bench::new();
    if common::is_skipped(&["cc"]) {
        return None;
    }
    let wrapper = bench.compile("without.c", include_str!("kinds/without.c"));
    let mut command = std::process::Command::new(wrapper);
    command.args(calls.iter().map(ToString::to_string)).arg("--");
    command.arg(env!("CARGO_BIN_EXE_lockstep")).arg("agent").args(arguments);
    bench.prepare(&mut command);
    let output = command.output().expect("the wrapper");

    bench.expect_no_strays();
    Some(output)
}

/// Where the kernel lacks a call, the scenarios that need it are skipped, each with the step that needs it, and the others are played.
#[test]
fn the_agent_names_missing_calls() {
    let files = ["R-WAIT-01", "R-EXEC-02", "R-PIDFD-01", "R-SETPGID-01", "R-EXIT-01"];
    let files = files.map(|name| {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
        format!("{directory}/{name}.proc")
    });
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    for (call, step) in [
        (libc::SYS_setpgid, ": setpgid "),
        (libc::SYS_waitid, ": waitid "),
        (libc::SYS_pidfd_open, "needs pidfds"),
    ] {
        let Some(output) = agent_without(&[call], &files) else { return };
        assert!(output.status.success(), "{}", said(&output));
        let results = results(&output);
        assert_eq!(results.len(), files.len(), "{}", said(&output));
        let is_skipped = |result: &&String| result.contains("# SKIP");
        assert!(results.iter().filter(is_skipped).any(|it| it.contains(step)), "{results:?}");
        assert!(results.iter().any(|it| !it.contains("# SKIP")), "{results:?}");
    }
}

/// The agent begins where the standard library would not: no poll, no sigaction, and neither.
#[test]
#[cfg(target_arch = "x86_64")]
fn the_agent_begins_without_poll_and_sigaction() {
    let neither = [libc::SYS_poll, libc::SYS_ppoll, libc::SYS_rt_sigaction, libc::SYS_sigaltstack];
    for calls in [&neither[..2], &neither[2..], &neither] {
        let Some(output) = agent_without(calls, &["--all"]) else { return };
        assert!(output.status.success(), "{}", said(&output));
        let results = results(&output);
        assert_eq!(results.len(), scenarios().len(), "{}", said(&output));
        let held = results.iter().filter(|result| !result.contains("# SKIP")).count();
        assert!(held > results.len() / 3, "{held} hold: {}", said(&output));
    }
}

/// Calls that only make waiting cheaper are not needed at all.
#[test]
fn the_agent_waits_without_futex_and_clocks() {
    for call in [libc::SYS_futex, libc::SYS_clock_nanosleep, libc::SYS_nanosleep] {
        let Some(output) = agent_without(&[call], &["--all"]) else { return };
        assert!(output.status.success(), "{}", said(&output));
        let skipped = results(&output).iter().filter(|it| it.contains("# SKIP")).count();
        assert!(skipped == 0 || output_lacks_namespaces(&output), "{}", said(&output));
    }
}

/// Who sleeps without having seen its order is not taken for one that has obeyed it: an exec between two looks is no state before it.
#[test]
fn a_worker_that_polls_is_not_at_rest_before_it_has_obeyed() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
    let execs = ["R-EXEC-02", "R-EXEC-05"].map(|name| format!("{directory}/{name}.proc"));
    let files = std::iter::repeat_n(&execs, 60).flatten().map(String::as_str);
    let Some(output) = agent_without(&[libc::SYS_futex], &files.collect::<Vec<_>>()) else {
        return;
    };
    assert!(output.status.success(), "{}", said(&output));
}

/// Without the call that begins every script nothing can be played: that is told, with its name.
#[test]
fn the_agent_names_what_it_cannot_do_without() {
    for (call, name) in [
        (libc::SYS_clone3, "clone3"),
        (libc::SYS_setsid, "setsid"),
        (libc::SYS_kill, "kill"),
        (libc::SYS_memfd_create, "memfd_create"),
        (libc::SYS_pipe2, "pipe2"),
    ] {
        let Some(output) = agent_without(&[call], &["--all"]) else { return };
        assert_eq!(output.status.code(), Some(125), "{}", said(&output));
        let text = said(&output);
        assert!(text.contains("Bail out! ") && text.contains(name), "{text}");
    }
}

/// Whether some could not be played, because there is no right to make PID namespaces.
fn output_lacks_namespaces(output: &Output) -> bool {
    said(output).contains("# SKIP needs a PID namespace")
}

/// The agent lists what is part of it.
#[test]
fn the_agent_lists_its_scenarios() {
    let output = lockstep(&["agent", "--list"]).output().unwrap();
    assert!(output.status.success());
    let is_title = |line: &&str| line.starts_with("R-");
    let lines = said(&output).lines().filter(is_title).count();
    assert_eq!(lines, scenarios().len());
}
