//! The table of holds: how many objects the longest hold of every public call touches, beside very many.
//!
//! `HOLDS_SIZE=100000 cargo test -p axprocess --all-features --test longest_holds -- --nocapture no_call` prints it at that size.

mod rows;
mod scene;

use std::fs;
use std::path::Path;

use rows::{Bound, IN_CROWD, LONG, Row};
use scene::Scene;

/// What one hold of a call that is not in the closed list touches at most.
const LONGEST: usize = 64;

/// Calls whose longest hold is shorter are printed together.
const SHORT: usize = 8;

fn all_rows() -> impl Iterator<Item = &'static Row> {
    IN_CROWD.iter().chain(LONG)
}

fn print_and_check(size: usize) {
    let mut failures = Vec::new();
    // Most have none worth a line of their own.
    let (mut short, mut long) = (Vec::new(), Vec::new());
    for row in all_rows() {
        let objects = (row.run)(&Scene::new(size));
        let why = match row.bound {
            Bound::Batch => String::new(),
            Bound::Closed(why) => format!("closed list: {why}"),
        };
        let line = format!("hold {objects:>7}  {:<26} {:<58} {why}", row.call, row.beside);
        if objects < SHORT && row.bound == Bound::Batch {
            short.push(row.call);
        } else {
            long.push(row.call);
            println!("{}", line.trim_end());
        }
        // A row of the closed list that is short shows nothing, and is no exception.
        let is_long = objects > LONGEST;
        if is_long != (row.bound != Bound::Batch) {
            failures.push(line);
        }
    }
    short.dedup();
    short.retain(|call| !long.contains(call));
    short.chunks(8).for_each(|calls| println!("hold     < {SHORT}  {}", calls.join(", ")));
    assert!(failures.is_empty(), "at {size}:\n{}", failures.join("\n"));
}

#[test]
fn no_call_but_those_of_the_closed_list_touches_many_objects_in_one_hold() {
    // Attack B: the table of holds, at 1,000 and at 10,000, or at the size that is asked for.
    match std::env::var("HOLDS_SIZE") {
        Ok(size) => print_and_check(size.parse().expect("HOLDS_SIZE is a number")),
        Err(_) => [1_000, 10_000].into_iter().for_each(print_and_check),
    }
}

/// What takes no lock, or makes no call of its own: constructors, parsers, wait-free getters.
#[rustfmt::skip]
const WITHOUT_LOCK: &[&str] = &[
    "add_attention", "as_slice", "attention", "exit_status", "from_clone", "from_clone3", "from_fork", "from_vfork", "has_ended", "has_news_since", "host",
    "is_traced", "is_trapping", "is_waiting_for_vfork", "is_woken_by", "new", "number", "parse_parent_death_signal", "pgid", "pid", "ppid", "process_data", "remove_attention", "serial", "sid", "stop_ticket",
    "thread_data", "tid", "wait4", "waitid", "was_let_go_unread", "without_consuming",
];

#[test]
fn every_public_call_has_a_row() {
    // Attack B: a new call is measured, or said to take no lock.
    let rows: Vec<&str> = all_rows()
        .flat_map(|row| row.call.split(|at: char| !(at.is_alphanumeric() || at == '_')))
        .collect();
    let mut missing: Vec<String> = public_calls(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    missing.retain(|call| !rows.contains(&&**call) && !WITHOUT_LOCK.contains(&&**call));
    assert!(missing.is_empty(), "{missing:?}");
}

/// The methods in the files below a directory that anyone can call. Those of a view are made in one hold, and of what stands in no table take no lock.
fn public_calls(directory: &Path) -> Vec<String> {
    const NOT_ASKED: [&str; 5] = ["check.rs", "errno.rs", "signal.rs", "status.rs", "view.rs"];
    let mut calls = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !["list", "object", "sync"].contains(&&*name) {
            calls.extend(public_calls(&path));
        }
        if !name.ends_with(".rs") || NOT_ASKED.contains(&&*name) {
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            if let Some(rest) = line.trim_start().strip_prefix("pub fn ") {
                let end = rest.find(|at: char| !(at.is_alphanumeric() || at == '_'));
                calls.push(rest[..end.unwrap_or(rest.len())].to_owned());
            }
        }
    }
    calls
}
