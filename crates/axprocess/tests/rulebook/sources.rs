//! What the sources say of rules: which tests there are, and which numbers are cited where.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of the repository.
pub(crate) struct Source {
    /// Its path from the repository's root.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A function with `#[test]`.
pub(crate) struct TestFn {
    /// As the rules name it: `stop.rs::a_child_inherits_no_stop`.
    pub(crate) name: String,
    /// What its head cites: the comments above it, and those with which its body begins.
    pub(crate) head: Vec<Citation>,
    /// What it cites anywhere.
    pub(crate) all: Vec<Citation>,
}

/// The rules `R-FAMILY-first` to `R-FAMILY-last`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Citation {
    pub(crate) family: String,
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl Citation {
    pub(crate) fn names(&self, family: &str, number: u32) -> bool {
        self.family == family && (self.first..=self.last).contains(&number)
    }
}

/// The files below `folder` (a path from the root of the repository) in a fixed order.
pub(crate) fn read(root: &Path, folder: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root).expect("it lies below").to_string_lossy();
                sources.push(Source { path: path.into_owned(), text });
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// The tests of one file. `file` is its name as the rules write it.
pub(crate) fn tests_in(file: &str, text: &str) -> Vec<TestFn> {
    let lines: Vec<_> = text.lines().collect();
    let mut tests = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.trim() != "#[test]" {
            continue;
        }
        let belongs = |line: &&&str| is_comment(line) || line.trim().starts_with("#[");
        let above = lines[..at].iter().rev().take_while(belongs).count();
        let Some(opening) = (at..lines.len()).find(|&at| fn_name(lines[at]).is_some()) else {
            continue;
        };
        let indent = lines[opening].len() - lines[opening].trim_start().len();
        let closing = (opening..lines.len())
            .find(|&at| lines[at].trim_end() == format!("{}}}", " ".repeat(indent)))
            .unwrap_or(opening);
        let opened = lines[opening + 1..].iter().take_while(|line| is_comment(line)).count();
        let head = lines[at - above..=opening + opened].join("\n");
        tests.push(TestFn {
            name: format!("{file}::{}", fn_name(lines[opening]).unwrap_or_default()),
            head: citations(&head),
            all: citations(&lines[at - above..=closing].join("\n")),
        });
    }
    tests
}

fn is_comment(line: &str) -> bool {
    line.trim().starts_with("//")
}

fn fn_name(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

/// The rules that a text cites: `R-STOP-01`, `R-STOP-05 to R-STOP-07`, `R-STOP-05 to -07`.
pub(crate) fn citations(text: &str) -> Vec<Citation> {
    let mut found: Vec<Citation> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("R-") {
        let is_word = rest[..at].ends_with(|before: char| before.is_alphanumeric());
        rest = &rest[at + 2..];
        let Some((family, number, after)) = family_and_number(rest).filter(|_| !is_word) else {
            continue;
        };
        let mut citation = Citation { family: family.to_owned(), first: number, last: number };
        rest = after;
        if let Some((last, after)) = end_of_range(after, family) {
            citation.last = last;
            rest = after;
        }
        found.push(citation);
    }
    found
}

fn family_and_number(text: &str) -> Option<(&str, u32, &str)> {
    let (family, rest) = text.split_once('-')?;
    let is_family = !family.is_empty() && family.bytes().all(|byte| byte.is_ascii_uppercase());
    let (number, rest) = number(rest)?;
    is_family.then_some((family, number, rest))
}

fn end_of_range<'a>(text: &'a str, family: &str) -> Option<(u32, &'a str)> {
    let text = text.strip_prefix(" to ")?;
    match text.strip_prefix("R-") {
        Some(full) => {
            let (of, last, rest) = family_and_number(full)?;
            (of == family).then_some((last, rest))
        }
        None => number(text.strip_prefix('-')?),
    }
}

fn number(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((digits.parse().ok().filter(|_| is_number)?, rest))
}
