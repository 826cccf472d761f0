//! The radix tree against a naive model, at its borders, and with its memory counted.

use alloc::collections::BTreeMap;

use super::*;

/// The numbers on both sides of each change of height that a test can afford.
const BORDERS: [u32; 8] = [0, 63, 64, 4095, 4096, 262_143, 262_144, u32::MAX];

/// A slot that is vacant at zero.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Mark(u64);

impl Slot for Mark {
    const VACANT: Self = Self(0);

    fn is_vacant(&self) -> bool {
        self.0 == 0
    }
}

/// Sets a mark as a caller does; returns how many leaves and inner nodes had to be allocated.
fn set(tree: &mut Radix<Mark>, number: u32, mark: u64) -> (u16, u16) {
    let Err(missing) = tree.edit(number, |slot| slot.0 = mark) else {
        return (0, 0);
    };
    tree.donate(missing.allocate().expect("memory"));
    assert_eq!(tree.edit(number, |slot| slot.0 = mark), Ok(()));
    (missing.leaves, missing.inners)
}

fn clear(tree: &mut Radix<Mark>, number: u32) -> Option<u64> {
    tree.edit_existing(number, |slot| mem::take(&mut slot.0))
}

fn mark(tree: &Radix<Mark>, number: u32) -> Option<u64> {
    Some(tree.get(number).0).filter(|mark| *mark != 0)
}

fn lack(leaves: u16, inners: u16) -> NodesMissing {
    NodesMissing { leaves, inners }
}

fn count_retired(tree: &mut Radix<Mark>) -> (usize, usize) {
    tree.take_retired().map_or((0, 0), |nodes| (nodes.leaves.len, nodes.inners.len))
}

fn count_spares(tree: &Radix<Mark>) -> (usize, usize) {
    (tree.pool.leaves.spare.len, tree.pool.inners.spare.len)
}

/// Checks the invariants at the head of the file; returns how many numbers are in use.
fn check(tree: &Radix<Mark>) -> usize {
    check_below(tree, &tree.root, tree.shift, 0)
}

/// The same below a node, whose first number is `first`.
fn check_below(tree: &Radix<Mark>, child: &Child<Mark>, shift: u32, first: u32) -> usize {
    match child {
        Child::Empty => 0,
        Child::Leaf(leaf) => {
            let used = |digit: &usize| !leaf.body.slots[*digit].is_vacant();
            assert_eq!(shift, 0);
            let is_idle = tree.idle_leaf == first >> BITS;
            assert!(leaf.body.occupied != 0 || is_idle);
            assert_eq!(leaf.body.occupied, (0..FANOUT).filter(used).map(bit).sum::<u64>());
            leaf.body.occupied.count_ones() as usize
        }
        Child::Inner(inner) => {
            let inner = &inner.body;
            assert_ne!(inner.present, 0);
            let below = inner.children.iter().enumerate().map(|(digit, child)| {
                assert_eq!(inner.present & bit(digit) == 0, child.is_empty());
                assert_eq!(inner.full & bit(digit) == 0, child.free_digits() != 0);
                check_below(tree, child, shift - BITS, first | (digit as u32) << shift)
            });
            below.sum()
        }
    }
}

#[test]
fn agrees_with_a_naive_map() {
    // Shows that look-up, edit, removal, count and search are right, whatever their order.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for span in [64, 300, 5000, 300_000, 1 << 32] {
        let (mut tree, mut model) = (Radix::new(), BTreeMap::new());
        for step in 0..8000 {
            // Grow, then shrink to nothing, then again.
            let keep = if step % 4000 < 2600 { 6 } else { 0 };
            let span = if random(4) == 0 { 64 } else { span };
            let number = random(span) as u32;
            if random(8) < keep {
                let value = random(1000) + 1;
                let is_tried = random(2) == 0;
                if !(is_tried && tree.occupy_within_leaf(number, Mark(value))) {
                    set(&mut tree, number, value);
                }
                model.insert(number, value);
            } else {
                let used = model.range(number..).next().or(model.first_key_value());
                let number = used.map_or(number, |(used, _)| *used);
                let expected = model.remove(&number);
                let (may, is_tried) = (random(3) > 0, random(2) == 0);
                let has_expected = |slot: &Mark| {
                    assert_eq!(Some(slot.0), expected);
                    may
                };
                if !(is_tried && tree.vacate_within_leaf(number, has_expected)) {
                    assert_eq!(clear(&mut tree, number), expected);
                }
            }
            let from = number.saturating_sub(random(100) as u32);
            let limit = from.saturating_add(random(400) as u32);
            let free = (from..limit).find(|number| !model.contains_key(number));
            assert_eq!(tree.first_free(from, limit), free);
            assert_eq!(tree.first_used(from), model.range(from..).next().map(|(used, _)| *used));
            assert_eq!(mark(&tree, from), model.get(&from).copied());
            assert_eq!(tree.len(), model.len());
            assert_eq!(tree.len() == 0, model.is_empty());
            drop(tree.take_retired());
            if step % 64 == 0 {
                assert_eq!(check(&tree), model.len());
            }
        }
        tree.retire_idle_leaf();
        assert!(model.is_empty() && tree.root.is_empty());
    }
}

#[test]
fn growing_keeps_the_contents() {
    // Shows that numbers on both sides of a change of height stay apart, in either order.
    for turn in [0, BORDERS.len() - 1] {
        let mut tree = Radix::new();
        let number = |at: usize| BORDERS[at.abs_diff(turn)];
        for at in 0..BORDERS.len() {
            assert_eq!(mark(&tree, number(at)), None);
            set(&mut tree, number(at), at as u64 + 1);
            (0..=at).for_each(|at| assert_eq!(mark(&tree, number(at)), Some(at as u64 + 1)));
            assert_eq!(check(&tree), at + 1);
        }
        for at in 0..BORDERS.len() {
            assert_eq!(clear(&mut tree, number(at)), Some(at as u64 + 1));
            assert_eq!(clear(&mut tree, number(at)), None);
            assert_eq!(check(&tree), BORDERS.len() - at - 1);
        }
    }
}

#[test]
fn first_free_passes_what_is_full_and_keeps_to_the_limit() {
    // Shows that the search skips full leaves and subtrees, turns back, and ends at the end.
    let mut tree = Radix::new();
    for number in 0..8256 {
        assert_eq!(tree.first_free(0, u32::MAX), Some(number));
        assert_eq!(tree.first_free(0, number), None);
        set(&mut tree, number, 1);
    }
    (u32::MAX - 63..=u32::MAX).for_each(|number| _ = set(&mut tree, number, 1));
    // The full bits are right: the search would find its way without them, but by scanning.
    assert_eq!(check(&tree), 8256 + 64);
    clear(&mut tree, 70);
    clear(&mut tree, 4200);
    assert_eq!(check(&tree), 8256 + 62);
    for (from, limit, free) in [
        (0, 70, None),
        (0, 71, Some(70)),
        (71, 4200, None),
        (71, u32::MAX, Some(4200)),
        (4201, u32::MAX, Some(8256)),
        (9000, 9000, None),
        (9000, 8999, None),
        (u32::MAX - 64, u32::MAX, Some(u32::MAX - 64)),
        (u32::MAX - 63, u32::MAX, None),
        (u32::MAX, u32::MAX, None),
    ] {
        assert_eq!(tree.first_free(from, limit), free, "{from}..{limit}");
    }
}

#[test]
fn vacated_nodes_are_retired_but_for_one_of_each_kind() {
    // Shows that an emptied leaf leaves the tree with the next that empties, and where the nodes go.
    let mut tree = Radix::new();
    assert_eq!(set(&mut tree, u32::MAX, 1), (1, 5));
    assert_eq!(set(&mut tree, 0, 1), (1, 4));
    clear(&mut tree, u32::MAX);
    assert_eq!((count_spares(&tree), count_retired(&mut tree)), ((0, 0), (0, 0)));
    clear(&mut tree, 0);
    assert_eq!(count_spares(&tree), (1, 1));
    assert_eq!(count_retired(&mut tree), (0, 3));
    tree.retire_idle_leaf();
    assert_eq!(count_spares(&tree), (1, 1));
    assert_eq!(count_retired(&mut tree), (1, 5));
    assert!(count_retired(&mut tree) == (0, 0) && tree.root.is_empty());
}

#[test]
fn an_emptied_leaf_stays_for_the_next_number_there() {
    // Shows what the idle leaf is for, that no search finds anything in it, and that it is the first to be used elsewhere.
    let mut tree = Radix::new();
    set(&mut tree, 1, 1);
    assert_eq!(set(&mut tree, 100, 1), (1, 1));
    for number in 101..128 {
        clear(&mut tree, number - 1);
        assert_eq!((tree.first_used(2), tree.first_free(64, 128)), (None, Some(64)));
        assert_eq!(count_spares(&tree), (0, 0));
        assert_eq!(set(&mut tree, number, 1), (0, 0));
        assert_eq!(count_spares(&tree), (0, 0));
    }
    clear(&mut tree, 127);
    assert_eq!(set(&mut tree, 128, 1), (0, 0));
    assert_eq!((check(&tree), count_spares(&tree)), (2, (0, 0)));
}

#[test]
fn a_border_crossed_in_turns_allocates_once() {
    // Shows what the spares are for: fork and exit in turns, at the first number of a leaf.
    let mut tree = Radix::new();
    set(&mut tree, 1, 1);
    assert_eq!(set(&mut tree, 4096, 1), (1, 3));
    for _ in 0..3 {
        clear(&mut tree, 4096);
        assert_eq!(count_retired(&mut tree), (0, 0));
        assert_eq!(set(&mut tree, 4096, 1), (0, 0));
    }
}

#[test]
fn missing_nodes_leave_the_tree_unchanged() {
    // Shows that an edit that lacks nodes is not half done and uses up no spare.
    for (spare, missing) in [(lack(1, 2), lack(0, 7)), (lack(0, 9), lack(1, 0))] {
        let mut tree = Radix::new();
        set(&mut tree, 5, 1);
        tree.donate(spare.allocate().expect("memory"));
        for _ in 0..2 {
            assert_eq!(tree.edit(u32::MAX, |_| unreachable!()), Err(missing));
            assert_eq!((tree.shift, tree.len(), mark(&tree, 5)), (0, 1, Some(1)));
            assert_eq!(count_spares(&tree), (spare.leaves.into(), spare.inners.into()));
        }
    }
}

#[test]
fn donated_nodes_satisfy_the_retry() {
    // Shows that the largest need is met exactly, and that a second donation is handed out.
    let mut tree = Radix::new();
    set(&mut tree, 0, 1);
    let missing = tree.edit(u32::MAX, |_| ()).unwrap_err();
    assert_eq!(missing, lack(1, 9));
    tree.donate(missing.allocate().expect("memory"));
    tree.donate(missing.allocate().expect("memory"));
    assert_eq!(count_retired(&mut tree), (1, 9));
    assert_eq!(tree.edit(u32::MAX, |slot| slot.0 = 7), Ok(()));
    assert_eq!(mark(&tree, u32::MAX), Some(7));
    assert_eq!(count_spares(&tree), (0, 0));
}

#[test]
fn an_edit_that_does_nothing_leaves_the_number_free() {
    // Shows that a slot left vacant keeps no node but the idle leaf in the tree, and surplus spares do not stay.
    let mut tree = Radix::new();
    for number in BORDERS {
        tree.donate(lack(1, 9).allocate().expect("memory"));
        assert_eq!(tree.edit(number, |_| ()), Ok(()));
        assert_eq!((mark(&tree, number), tree.len()), (None, 0));
        tree.retire_idle_leaf();
        assert!(tree.root.is_empty());
        assert_eq!(count_spares(&tree), (1, 1));
    }
}

#[test]
fn dropping_a_long_chain_does_not_recurse() {
    // Shows that the length of a chain is no matter of stack.
    let mut nodes = Nodes::<Mark>::default();
    (0..100_000).for_each(|_| nodes.inners.push(Box::new(Inner::VACANT)));
    assert!(!nodes.is_empty());
}

#[test]
fn nodes_of_which_there_are_too_few_stay_together() {
    // Shows that a table that lacks more than was brought along takes nothing from the others.
    let mut nodes = lack(2, 1).allocate::<Mark>().expect("memory");
    for too_many in [lack(3, 0), lack(3, 1), lack(1, 2), lack(3, 2)] {
        assert!(nodes.take(too_many).is_none());
        assert_eq!((nodes.leaves.len, nodes.inners.len), (2, 1));
    }
    let taken = nodes.take(lack(1, 1)).map(|taken| (taken.leaves.len, taken.inners.len));
    assert_eq!((taken, nodes.leaves.len, nodes.inners.len), (Some((1, 1)), 1, 0));
}
