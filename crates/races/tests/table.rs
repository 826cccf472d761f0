//! The table of races in docs/races.md names scenarios that there are, and all of those that have a number.

use std::collections::BTreeSet;

use races::all_scenarios;

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
