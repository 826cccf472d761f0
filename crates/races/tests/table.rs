//! The table of races in docs/races.md names scenarios that there are, and all of those that have a number.

use std::collections::BTreeSet;

use races::{all_races_of_signals, all_scenarios};

macro_rules! names {
    ($($scenario:ident)*) => {
        [$(stringify!($scenario)),*]
    };
}

#[test]
fn the_table_names_every_scenario_that_has_a_number() {
    let text = include_str!("../../../docs/races.md");
    let table = text.split("<!-- table: begin -->").nth(1).expect("a table");
    let table = table.split("<!-- table: end -->").next().unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| "));
    let named: BTreeSet<_> = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).collect();
    let all = BTreeSet::from(all_scenarios!(names));
    let unknown: Vec<_> = named.difference(&all).collect();
    assert!(unknown.is_empty(), "there is no {unknown:?}");
    let missing: Vec<_> = all.difference(&named).filter(|name| name.starts_with("race_")).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
}

#[test]
fn the_table_of_signals_names_every_race_of_theirs() {
    let text = include_str!("../../../docs/races.md");
    let table = text.split("<!-- signals: begin -->").nth(1).expect("a table");
    let table = table.split("<!-- signals: end -->").next().unwrap_or_default();
    let named: BTreeSet<_> = table.split('`').skip(1).step_by(2).collect();
    let all = BTreeSet::from(all_races_of_signals!(names));
    assert!(all.is_subset(&named), "not in the table: {:?}", all.difference(&named));
}

#[test]
fn the_tables_name_every_cut() {
    // `cargo faults cuts signals` shows that the scenarios of a row fail with its cut.
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = include_str!("../../../docs/races.md");
    let cells = |row: &str| row.rsplit('|').nth(1).map(|cell| cell.trim().to_owned());
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let named: BTreeSet<_> = rows.filter_map(cells).filter(|cell| !cell.is_empty()).collect();
    for kind in ["faults/cuts", "faults/signals"] {
        for entry in std::fs::read_dir(root.join(kind)).expect("the cuts") {
            let name = entry.expect("an entry").path().with_extension("");
            let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
            assert!(named.contains(&name), "no row of a table fails with {name}");
        }
    }
}
