//! docs/rules.md as data, and what has to be true of it.
//!
//! A rule is a heading `#### R-FAMILY-01`, its text, and a line of fields, `Evidence: … · Code: … · Shown by: …`. The fields are
//!
//! | field | value |
//! | --- | --- |
//! | `Evidence` | words of [`EVIDENCE`] |
//! | `Code` | files under `crates/axprocess/src`; `signals/…` are those under `crates/signals/src` |
//! | `Shown by` | tests of the model, `file.rs::function`; `signals/…` are those of `crates/signals` |
//! | `Observed by` | tests that look at the running kernel: those of files named `observed….rs` |
//! | `Not observable` | what no program can see on the running kernel, and why |
//! | `Host` | why the rule, or what is left of it, is not the model's |

pub(crate) mod sources;

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::Path;

use sources::{Citation, Source, TestFn, citations, tests_in};

/// What a rule can rest on.
const EVIDENCE: [&str; 5] =
    ["observed", "observed in part", "read in the source", "racy", "differs between versions"];

/// Before the names of files and tests of `crates/signals`.
const SIGNALS: &str = "signals/";

const SHOWN_BY: &str = "Shown by";
const OBSERVED_BY: &str = "Observed by";
const TABLE_HEAD: &str = "| family | about | rules | shown by tests | host |";

/// The document.
pub(crate) struct Rulebook {
    lines: Vec<String>,
    rules: Vec<Rule>,
}

/// One rule, with the places in the document where it stands.
#[derive(Clone)]
struct Rule {
    family: String,
    number: u32,
    heading: usize,
    /// The line of its fields.
    fields_at: Option<usize>,
    fields: Vec<(String, String)>,
    section: String,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R-{}-{:02}", self.family, self.number)
    }
}

impl Rule {
    fn field(&self, key: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(name, _)| name == key);
        field.map(|(_, value)| value.as_str())
    }

    /// The names in backticks.
    fn list(&self, key: &str) -> Vec<&str> {
        let names = self.field(key).into_iter().flat_map(|value| value.split(", "));
        names.map(|name| name.trim_matches('`')).filter(|name| !name.is_empty()).collect()
    }

    fn is_named_by(&self, citations: &[Citation]) -> bool {
        citations.iter().any(|citation| citation.names(&self.family, self.number))
    }

    fn is_shown(&self) -> bool {
        !self.list(SHOWN_BY).is_empty()
    }

    /// Adds the tests whose heads name the rule.
    fn add_tests(&mut self, tests: &BTreeMap<String, TestFn>) {
        for key in [SHOWN_BY, OBSERVED_BY] {
            let mut names: Vec<_> = self.list(key).into_iter().map(str::to_owned).collect();
            let naming = tests.iter().filter(|(_, test)| self.is_named_by(&test.head));
            for (name, _) in naming.filter(|(name, _)| key_of(name) == key) {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
            self.set_list(key, &names);
        }
    }

    fn drop_stale_tests(&mut self, tests: &BTreeMap<String, TestFn>) {
        for key in [SHOWN_BY, OBSERVED_BY] {
            let is_right = |name: &&str| {
                key_of(name) == key
                    && tests.get(*name).is_some_and(|test| self.is_named_by(&test.all))
            };
            let names: Vec<_> =
                self.list(key).into_iter().filter(is_right).map(str::to_owned).collect();
            self.set_list(key, &names);
        }
    }

    fn set_list(&mut self, key: &str, names: &[String]) {
        let value = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        match self.fields.iter_mut().find(|(name, _)| name == key) {
            _ if names.is_empty() => self.fields.retain(|(name, _)| name != key),
            Some(field) => field.1 = value,
            None => self.fields.push((key.to_owned(), value)),
        }
    }

    fn fields_line(&self) -> String {
        let fields: Vec<_> =
            self.fields.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        fields.join(" · ")
    }
}

impl Rulebook {
    pub(crate) fn parse(text: &str) -> Self {
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let mut rules: Vec<Rule> = Vec::new();
        let mut section = String::new();
        for (at, line) in lines.iter().enumerate() {
            if let Some(title) = line.strip_prefix("## ") {
                section = title.to_owned();
            } else if let Some(citation) =
                line.strip_prefix("#### ").and_then(|title| citations(title).pop())
            {
                rules.push(Rule {
                    family: citation.family,
                    number: citation.first,
                    heading: at,
                    fields_at: None,
                    fields: Vec::new(),
                    section: section.clone(),
                });
            } else if let Some(rule) = rules.last_mut().filter(|_| line.starts_with("Evidence: ")) {
                rule.fields_at = Some(at);
                rule.fields = fields(line);
            }
        }
        Self { lines, rules }
    }

    /// What is wrong with the document, or with what the sources say of it.
    pub(crate) fn problems(&self, repository: &Repository) -> Vec<String> {
        let mut problems = Vec::new();
        self.check_order(&mut problems);
        for rule in &self.rules {
            self.check_form(rule, &mut problems);
            check_code(rule, repository, &mut problems);
            check_tests(rule, &repository.tests, &mut problems);
            let is_done = rule.field("Host").is_some() || (rule.is_shown() && has_code(rule));
            if !is_done {
                problems.push(format!(
                    "{rule} has neither `Code` with `Shown by` nor `Host`: name it in the head of a test that fails when \
                     the rule is broken, or say in docs/rules.md why it is the host's"
                ));
            }
        }
        self.check_citations("docs/rules.md", &self.lines.join("\n"), &mut problems);
        for source in &repository.sources {
            self.check_citations(&source.path, &source.text, &mut problems);
        }
        self.check_up_to_date(repository, &mut problems);
        problems
    }

    /// The document with all tests listed whose heads name a rule, without those that do not name it or do not exist, and with a
    /// table that counts right.
    pub(crate) fn updated(mut self, repository: &Repository) -> String {
        for rule in &mut self.rules {
            rule.drop_stale_tests(&repository.tests);
            rule.add_tests(&repository.tests);
            if let Some(at) = rule.fields_at {
                self.lines[at] = rule.fields_line();
            }
        }
        if let Some(rows) = self.table_rows() {
            let table = self.table();
            self.lines.splice(rows, table);
        }
        self.lines.join("\n") + "\n"
    }

    fn check_up_to_date(&self, repository: &Repository, problems: &mut Vec<String>) {
        let advice = "run this test with UPDATE_RULES=1, and look at what has changed";
        for rule in &self.rules {
            let mut updated = rule.clone();
            updated.add_tests(&repository.tests);
            if updated.fields != rule.fields {
                problems.push(format!(
                    "{rule} lacks tests that name it: {advice}. It should have: {}",
                    updated.fields_line()
                ));
            }
        }
        match self.table_rows() {
            Some(rows) if self.lines[rows.clone()] == self.table() => {}
            Some(_) => problems.push(format!(
                "the table counts wrong: {advice}. It should be:\n{}",
                self.table().join("\n")
            )),
            None => problems.push(format!("the table that begins with `{TABLE_HEAD}` is missing")),
        }
    }

    fn check_order(&self, problems: &mut Vec<String>) {
        let mut ended: Vec<&str> = Vec::new();
        for pair in self.rules.windows(2) {
            let [before, rule] = pair else { continue };
            if before.family != rule.family {
                ended.push(&before.family);
            }
            let is_behind = before.family == rule.family && before.number >= rule.number;
            if is_behind || ended.contains(&rule.family.as_str()) {
                problems.push(format!(
                    "docs/rules.md:{}: {rule} stands behind {before}: each number stands once, in order, with its family",
                    rule.heading + 1
                ));
            }
        }
        if self.rules.is_empty() {
            problems.push("docs/rules.md has no rule".to_owned());
        }
    }

    fn check_form(&self, rule: &Rule, problems: &mut Vec<String>) {
        let Some(at) = rule.fields_at else {
            problems.push(format!(
                "{rule} has no line that begins with `Evidence: `: add it behind the text"
            ));
            return;
        };
        if self.lines[rule.heading + 1..at].iter().all(String::is_empty) {
            problems.push(format!("{rule} has no text"));
        }
        let evidence = rule.field("Evidence").unwrap_or_default();
        if evidence.is_empty() || evidence.split(", ").any(|word| !EVIDENCE.contains(&word)) {
            problems
                .push(format!("{rule}: its evidence, `{evidence}`, must be words of {EVIDENCE:?}"));
        }
        for (key, value) in &rule.fields {
            let known = ["Evidence", "Code", SHOWN_BY, OBSERVED_BY, "Not observable", "Host"];
            let is_known = known.contains(&key.as_str());
            if !is_known || value.is_empty() {
                problems.push(format!("{rule}: the field `{key}: {value}` is unknown or empty"));
            }
        }
        let is_observed = evidence.split(", ").any(|word| word == "observed");
        if is_observed == rule.field("Not observable").is_some() {
            problems.push(format!(
                "{rule}: observe it on the kernel (`observed`), or say under `Not observable` what cannot be, and why"
            ));
        }
        if rule.field("Host").is_some_and(|reason| reason.split_whitespace().count() < 3) {
            problems.push(format!("{rule}: say in some words why it is the host's"));
        }
    }

    fn check_citations(&self, path: &str, text: &str, problems: &mut Vec<String>) {
        for (at, line) in text.lines().enumerate() {
            for Citation { family, first, last } in citations(line) {
                for number in [first, last] {
                    let is = |rule: &Rule| rule.family == family && rule.number == number;
                    if !self.rules.iter().any(is) {
                        problems.push(format!(
                            "{path}:{} cites R-{family}-{number:02}, which docs/rules.md does not have",
                            at + 1
                        ));
                        break;
                    }
                }
            }
        }
    }

    /// The lines of the table.
    fn table_rows(&self) -> Option<std::ops::Range<usize>> {
        let head = self.lines.iter().position(|line| line == TABLE_HEAD)?;
        let rows = self.lines[head..].iter().take_while(|line| line.starts_with('|')).count();
        Some(head..head + rows)
    }

    fn table(&self) -> Vec<String> {
        let mut families: Vec<(&Rule, [usize; 3])> = Vec::new();
        for rule in &self.rules {
            if families.last().is_none_or(|(first, _)| first.family != rule.family) {
                families.push((rule, [0; 3]));
            }
            let Some((_, counts)) = families.last_mut() else { continue };
            let is_host = rule.field("Host").is_some() && !rule.is_shown();
            for (count, is_one) in counts.iter_mut().zip([true, rule.is_shown(), is_host]) {
                *count += usize::from(is_one);
            }
        }
        let mut table = vec![TABLE_HEAD.to_owned(), "| --- | --- | --- | --- | --- |".to_owned()];
        let mut totals = [0; 3];
        for (first, counts) in families {
            let anchor = first.to_string().to_lowercase();
            let mut row = format!("| [R-{}](#{anchor}) | {} |", first.family, first.section);
            for (total, count) in totals.iter_mut().zip(counts) {
                *total += count;
                let _ = write!(row, " {count} |");
            }
            table.push(row);
        }
        let [rules, shown, host] = totals;
        table.push(format!("| all | | {rules} | {shown} | {host} |"));
        table
    }
}

/// Tests in files named `observed….rs` look at the kernel alone.
fn key_of(test: &str) -> &'static str {
    if test.starts_with("observed") { OBSERVED_BY } else { SHOWN_BY }
}

fn fields(line: &str) -> Vec<(String, String)> {
    let fields = line.split(" · ").map(|field| field.split_once(": ").unwrap_or((field, "")));
    fields.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect()
}

fn has_code(rule: &Rule) -> bool {
    !rule.list("Code").is_empty()
}

fn check_code(rule: &Rule, repository: &Repository, problems: &mut Vec<String>) {
    for file in rule.list("Code") {
        let path = match file.strip_prefix(SIGNALS) {
            Some(file) => format!("crates/signals/src/{file}"),
            None => format!("crates/axprocess/src/{file}"),
        };
        if !repository.sources.iter().any(|source| source.path == path) {
            problems.push(format!("{rule}: there is no {path}: correct `Code` in docs/rules.md"));
        }
    }
}

fn check_tests(rule: &Rule, tests: &BTreeMap<String, TestFn>, problems: &mut Vec<String>) {
    for key in [SHOWN_BY, OBSERVED_BY] {
        for name in rule.list(key) {
            match tests.get(name) {
                None => problems.push(format!(
                    "{rule}: there is no test {name} in crates/axprocess, crates/signals or crates/lockstep/tests: correct `{key}` \
                     in docs/rules.md"
                )),
                Some(test) if !rule.is_named_by(&test.all) => problems.push(format!(
                    "{rule} is shown by {name}, which does not name it: name the rule in the first line of the test if \
                     it fails when the rule is broken, else take the test out of docs/rules.md"
                )),
                Some(_) if key_of(name) != key => problems.push(format!(
                    "{rule}: {name} belongs under `{}`",
                    key_of(name)
                )),
                Some(_) => {}
            }
        }
    }
}

/// What the repository says of rules beside the document.
pub(crate) struct Repository {
    sources: Vec<Source>,
    tests: BTreeMap<String, TestFn>,
}

impl Repository {
    /// The tests stand in `tests` and in `src` of axprocess and of signals, and in `tests` of lockstep; citations count in those and in
    /// lockstep's `src`.
    ///
    /// # Panics
    ///
    /// If two tests have the same file name and function name.
    pub(crate) fn read(root: &Path) -> Self {
        let folders = [
            "crates/axprocess/src",
            "crates/axprocess/tests",
            "crates/signals/src",
            "crates/signals/tests",
            "crates/lockstep/tests",
        ];
        let mut repository =
            Self { sources: sources::read(root, "crates/lockstep/src"), tests: BTreeMap::new() };
        for folder in folders {
            for source in sources::read(root, folder) {
                repository.add(folder, source);
            }
        }
        repository
    }

    /// A repository of one file with tests, for the tests of the checks themselves.
    pub(crate) fn of_test_file(file: &str, text: &str) -> Self {
        let (folder, name) = match file.strip_prefix(SIGNALS) {
            Some(name) => ("crates/signals/tests", name),
            None => ("crates/axprocess/tests", file),
        };
        let source = Source { path: format!("{folder}/{name}"), text: text.to_owned() };
        let code = |path: &str| Source { path: path.to_owned(), text: String::new() };
        let sources = vec![code("crates/axprocess/src/a.rs"), code("crates/signals/src/s.rs")];
        let mut repository = Self { sources, tests: BTreeMap::new() };
        repository.add(folder, source);
        repository
    }

    fn add(&mut self, folder: &str, source: Source) {
        let file = &source.path[folder.len() + 1..];
        let file = file.strip_prefix("model/").unwrap_or(file);
        let prefix = if folder.starts_with("crates/signals/") { SIGNALS } else { "" };
        let file = format!("{prefix}{file}");
        // The checks on the rules have samples of what is wrong.
        if file == "rules.rs" || file.starts_with("rulebook/") {
            return;
        }
        for test in tests_in(&file, &source.text) {
            let name = test.name.clone();
            let before = self.tests.insert(name.clone(), test);
            assert!(before.is_none(), "two tests are called {name}: rename one");
        }
        self.sources.push(source);
    }
}
