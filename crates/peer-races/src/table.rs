//! The table of docs/races.md: each race, what it does to the peer, and the tests that show it impossible here.

use std::fmt::Write as _;

use crate::peer::{GivesWay, any_schedule};
use crate::scenarios::*;

/// What is known of a race in the peer.
enum Peer {
    /// A scenario finds out.
    Explored(GivesWay, fn() -> bool),
    /// Its interface leaves the step that races to the kernel.
    NotItsBusiness(&'static str),
}

struct Row {
    race: &'static str,
    peer: Peer,
    /// Our scenarios.
    ours: &'static [&'static str],
    /// The operation whose cut makes them fail.
    cut: Option<&'static str>,
}

const fn explored(scenario: fn() -> bool) -> Peer {
    Peer::Explored(GivesWay::WithoutLocks, scenario)
}

const ROWS: &[Row] = &[
    Row {
        race: "1. Same group twice",
        peer: explored(same_group_twice),
        ours: &["race_01_same_group_twice", "race_01_by_three"],
        cut: Some("setpgid"),
    },
    Row {
        race: "2. setsid against setpgid",
        peer: explored(setsid_against_setpgid),
        ours: &["race_02_setsid_against_setpgid"],
        cut: Some("setpgid"),
    },
    Row {
        race: "3. Fork under an exiting parent",
        peer: explored(fork_under_an_exiting_parent),
        ours: &["race_03_fork_under_an_exiting_parent", "race_03_by_three"],
        cut: Some("fork"),
    },
    Row {
        race: "4. Orphan handed to a dead subreaper",
        peer: explored(orphan_handed_to_a_dead_subreaper),
        ours: &["race_04_orphan_handed_to_a_dead_subreaper", "race_04_by_three"],
        cut: Some("adopt"),
    },
    Row {
        race: "5. Living subreaper skipped",
        peer: explored(living_subreaper_skipped),
        ours: &["race_05_living_subreaper_skipped"],
        cut: None,
    },
    Row {
        race: "6. Reap against re-parenting",
        peer: explored(reap_against_re_parenting),
        ours: &["race_06_reap_against_re_parenting", "race_06_by_three"],
        cut: None,
    },
    Row {
        race: "7. Double reap by two waiters",
        peer: Peer::NotItsBusiness("who may reap is the kernel's to know"),
        ours: &["race_07_double_reap_by_two_waiters", "race_07_by_three", "wait_against_wait"],
        cut: Some("reap"),
    },
    Row {
        race: "8. A late second reap removes the new owner of the number",
        peer: explored(late_second_reap),
        ours: &["race_08_late_second_reap"],
        cut: None,
    },
    Row {
        race: "9. Reap against setpgid",
        peer: explored(reap_against_setpgid),
        ours: &["race_09_reap_against_setpgid", "race_09_by_three"],
        cut: None,
    },
    Row {
        race: "10. Zombie visible before its children have moved",
        peer: Peer::NotItsBusiness("who is a zombie is the kernel's to know"),
        ours: &["race_10_zombie_visible_before_its_children_moved", "hooks_in_the_order_of_linux"],
        cut: None,
    },
    Row {
        race: "11. In no group while moving",
        peer: Peer::Explored(GivesWay::WithOneLock, in_no_group_while_moving),
        ours: &["race_11_in_no_group_while_moving"],
        cut: None,
    },
    Row {
        race: "12. A walk misses a living process",
        peer: explored(a_walk_misses_a_living_process),
        ours: &[
            "race_12_a_walk_misses_a_living_process",
            "race_12_a_walk_by_number_misses_a_living_process",
        ],
        cut: Some("walk"),
    },
    Row {
        race: "13. The kernel's code under the lock",
        peer: explored(the_kernels_code_under_the_lock),
        ours: &["race_13_a_destructor_under_the_lock"],
        cut: None,
    },
    Row {
        race: "14. Exit code of exit_group against exit",
        peer: explored(exit_code),
        ours: &["race_14_exit_code", "exit_group_against_exit_group"],
        cut: None,
    },
    Row {
        race: "15. Leave and come back",
        peer: explored(leave_and_come_back),
        ours: &["race_15_leave_and_come_back"],
        cut: None,
    },
    Row {
        race: "setsid against setsid",
        peer: explored(setsid_twice),
        ours: &["setsid_against_setsid"],
        cut: Some("setsid"),
    },
    Row {
        race: "A thread joins while the process ends",
        peer: explored(a_thread_joins_while_the_process_ends),
        ours: &["a_thread_joins_while_the_process_ends", "a_thread_joins_while_another_execs"],
        cut: Some("join"),
    },
    Row {
        race: "A duplicate number replaces a living child",
        peer: explored(duplicate_number),
        ours: &["duplicate_number"],
        cut: None,
    },
];

/// Explores the peer, and returns the table.
pub fn render() -> String {
    let mut table = String::from(
        "| race | starry-process 0.4.16 | here | the scenarios that show it | fail when cut |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for Row { race, peer, ours, cut } in ROWS {
        let peer = match peer {
            Peer::Explored(gives_way, scenario) if any_schedule(*gives_way, *scenario) => {
                "**shown**"
            }
            Peer::Explored(..) => "not seen",
            Peer::NotItsBusiness(why) => &format!("not its business: {why}"),
        };
        let ours: Vec<_> = ours.iter().map(|name| format!("`{name}`")).collect();
        let cut = cut.map_or("", |cut| cut);
        _ = writeln!(table, "| {race} | {peer} | impossible | {} | {cut} |", ours.join(", "));
    }
    table
}
