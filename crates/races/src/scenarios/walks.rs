//! Walks over all processes while the tree changes under them.

use axprocess::ARef;
use std::sync::Arc;

use super::both;
use crate::Explorer;
use crate::kernel::{boot, exit, fork};

/// Race 12: an orphan moves up to init while somebody walks the tree from there. An atomic walk meets it once, above or below.
pub fn race_12_a_walk_misses_a_living_process<E: Explorer>() {
    let (table, init) = boot::<E>();
    let parent = fork(&init);
    let _orphan = fork(&parent);
    let (walked, ()) = {
        let (table, init) = (Arc::clone(&table), ARef::clone(&init));
        both::<E, _, _>(
            move || {
                E::does("snapshot_tree()", || {
                    init.process().snapshot_tree(table.namespace()).unwrap()
                })
                .iter()
                .map(|entry| (entry.depth, entry.stat.pid))
                .collect::<Vec<_>>()
            },
            move || E::does("exit of the parent", || exit(&parent, 0)),
        )
    };
    let before = walked == [(0, 1), (1, 2), (2, 3)];
    let after = walked == [(0, 1), (1, 2), (1, 3)];
    assert!(before || after, "{walked:?}");
}

/// Race 12 by number: who is there all the while is met once, whoever is born, moves, or ends beside it.
pub fn race_12_a_walk_by_number_misses_a_living_process<E: Explorer>() {
    let (table, init) = boot::<E>();
    let parent = fork(&init);
    let orphan = fork(&parent);
    let (walked, _born) = {
        let table = Arc::clone(&table);
        both::<E, _, _>(
            move || {
                let mut walked = Vec::new();
                let mut from = 0;
                while let Some((number, _)) =
                    E::does("next_process()", || table.next_process(table.namespace(), from))
                {
                    walked.push(number);
                    from = number + 1;
                }
                walked
            },
            move || {
                let born = E::does("fork()", || fork(&parent));
                E::does("exit of the parent", || exit(&parent, 0));
                born
            },
        )
    };
    assert!(walked.is_sorted() && walked.starts_with(&[1, 2, 3]), "{walked:?}");
    drop(orphan);
}
