//! docs/rules.md is complete: every rule is shown by a test that names it, or is the host's, and no other rule is cited.
//!
//! After a change of tests, `UPDATE_RULES=1 cargo test -p axprocess --test rules` lists the tests whose heads name a rule, drops
//! those that are gone, and counts anew.

mod rulebook;

use std::fs;
use std::path::Path;

use rulebook::{Repository, Rulebook};

#[test]
fn every_rule_is_shown_or_the_hosts() {
    // All rules.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("docs/rules.md");
    let repository = Repository::read(&root);
    let mut text = fs::read_to_string(&path).expect("docs/rules.md");
    if std::env::var_os("UPDATE_RULES").is_some() {
        text = Rulebook::parse(&text).updated(&repository);
        fs::write(&path, &text).expect("docs/rules.md can be written");
    }
    let problems = Rulebook::parse(&text).problems(&repository);
    assert!(problems.is_empty(), "problems: {}\n{}", problems.len(), problems.join("\n"));
}

/// A document with two rules, of which `second` is the one under test.
fn document(second: &str) -> String {
    format!(
        "| family | about | rules | shown by tests | host |\n| --- | --- | --- | --- | --- |\n\
         | [R-X](#r-x-01) | Things | 2 | 2 | 0 |\n| all | | 2 | 2 | 0 |\n\n## Things\n\n#### R-X-01\n\nText.\n\n\
         Evidence: observed · Code: `a.rs` · Shown by: `t.rs::one`\n\n{second}\n"
    )
}

const SECOND: &str =
    "#### R-X-02\n\nText.\n\nEvidence: observed, racy · Code: `a.rs` · Shown by: `t.rs::two`";

const TESTS: &str =
    "#[test]\nfn one() {\n    // R-X-01.\n}\n\n/// R-X-02.\n#[test]\nfn two() {\n    work();\n}\n";

fn problems_of(second: &str, tests: &str) -> Vec<String> {
    let repository = Repository::of_test_file("t.rs", tests);
    Rulebook::parse(&document(second)).problems(&repository)
}

#[test]
fn what_is_wrong_with_the_document_is_found() {
    // The check itself: each row breaks one thing, and one message says which.
    assert_eq!(problems_of(SECOND, TESTS), [""; 0]);
    let rows = [
        (" · Shown by: `t.rs::two`", "", "neither `Code` with `Shown by` nor `Host`"),
        (" · Code: `a.rs`", "", "neither `Code` with `Shown by` nor `Host`"),
        ("Code: `a.rs` · Shown by: `t.rs::two`", "Host: no", "why it is the host's"),
        ("::two", "::three", "no test t.rs::three"),
        ("t.rs", "u.rs", "no test u.rs::two"),
        ("::two", "::one", "does not name it"),
        ("a.rs", "b.rs", "there is no crates/axprocess/src/b.rs"),
        ("a.rs", "signals/a.rs", "there is no crates/signals/src/a.rs"),
        ("R-X-02", "R-X-01", "R-X-01 stands behind R-X-01"),
        ("R-X-02", "R-X-00", "R-X-00 stands behind R-X-01"),
        ("Text.", "As R-X-07 says.", "cites R-X-07"),
        ("Text.", "R-X-01 to -03.", "cites R-X-03"),
        ("Text.\n", "", "has no text"),
        ("racy", "sure", "its evidence, `observed, sure`"),
        ("Evidence: ", "Proof: ", "no line that begins with `Evidence: `"),
        ("observed, racy", "racy", "say under `Not observable`"),
        ("Shown by", "Seen by", "the field `Seen by: `t.rs::two`` is unknown"),
        ("Shown by", "Observed by", "t.rs::two belongs under `Shown by`"),
    ];
    for (from, to, message) in rows {
        let problems = problems_of(&SECOND.replace(from, to), TESTS);
        let is_found = problems.iter().any(|problem| problem.contains(message));
        assert!(is_found, "{from:?} → {to:?}: {problems:?}");
    }
}

#[test]
fn what_belongs_to_the_signals_is_looked_for_there() {
    // The check itself: code and tests of the second crate have its name before theirs.
    let of_signals =
        |text: &str| text.replace("a.rs", "signals/s.rs").replace("t.rs", "signals/t.rs");
    let repository = Repository::of_test_file("signals/t.rs", TESTS);
    let document = of_signals(&document(SECOND));
    assert_eq!(Rulebook::parse(&document).problems(&repository), [""; 0]);
    assert_eq!(Rulebook::parse(&document).updated(&repository), document);
}

#[test]
fn what_the_tests_say_is_compared() {
    // The check itself: tests that cite an unknown rule, or show a rule without being listed, and counts that are wrong.
    let third = format!("{TESTS}#[test]\nfn three() {{\n    // R-X-09.\n}}\n");
    assert!(problems_of(SECOND, &third)[0].contains("t.rs:13 cites R-X-09"));
    let unlisted = format!("{TESTS}#[test]\nfn three() {{\n    // R-X-01 to -02.\n}}\n");
    let problems = problems_of(SECOND, &unlisted);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].ends_with("Shown by: `t.rs::one`, `t.rs::three`"), "{problems:?}");
    let host = SECOND.replace("Code: `a.rs` · Shown by: `t.rs::two`", "Host: files are its own");
    let only_one = TESTS.replace("R-X-02", "");
    let problems = problems_of(&host, &only_one);
    assert!(
        problems[0].ends_with("| [R-X](#r-x-01) | Things | 2 | 1 | 1 |\n| all | | 2 | 1 | 1 |"),
        "{problems:?}"
    );
}

#[test]
fn the_document_updates_itself() {
    // The check itself: what is missing is added, what is stale is dropped, and the result has no problem.
    let stale = SECOND.replace("::two", "::three");
    let repository = Repository::of_test_file("t.rs", TESTS);
    let updated = Rulebook::parse(&document(&stale).replace("| 2 |", "| 9 |")).updated(&repository);
    assert_eq!(updated, document(SECOND));
    let observed = Repository::of_test_file("observed.rs", TESTS);
    let updated = Rulebook::parse(&document(&stale)).updated(&observed);
    assert!(
        updated
            .contains("Evidence: observed, racy · Code: `a.rs` · Observed by: `observed.rs::two`")
    );
    assert!(
        updated.contains("| [R-X](#r-x-01) | Things | 2 | 0 | 0 |"),
        "observing is not showing"
    );
}
