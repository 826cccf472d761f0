//! The numbers that callers choose: who uses which.
//!
//! The model refuses numbers that user space could not name; this API takes any `u32` but 0. So the model chooses its own, which nobody sees, and those that
//! are seen stand here. A number is in use by an unreaped process, by a group that has members, and by a session that has such groups; when none of them uses
//! it, it is free. It is still in use until the call that ends the last use returns.
//!
//! Who takes a free number makes a [`Name`] of it, which the groups and sessions of that process share. So a group that is kept after its end is told from what
//! has the same number later. The model does the same with its numbers, which go round after four million: if it has given that of such a group to somebody else by
//! then, nobody can enter the group, although its number is free here.
//!
//! The table is a tree with one number in each node. The way to a number turns by its bits, the lowest first, until the number is met: 33 nodes at most.
//! Nodes are brought along, and given out when their number is free, so nothing is allocated or freed under the lock.

use alloc::boxed::Box;
use core::mem;

use kspin::SpinNoIrq;

use crate::{Errno, Pid};

/// All numbers in use. Whoever holds it takes no other lock.
pub(crate) static NUMBERS: SpinNoIrq<Numbers> = SpinNoIrq::new(Numbers::new());

/// A number as somebody took it: other takings of the same number are other names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Name {
    number: Pid,
    taking: u64,
}

impl Name {
    /// The name of init, which takes its number before everybody else.
    ///
    /// # Errors
    ///
    /// `EINVAL`: number 0.
    pub(crate) const fn of_init(number: Pid) -> Result<Self, Errno> {
        if number == 0 { Err(Errno::EINVAL) } else { Ok(Self { number, taking: 0 }) }
    }

    pub(crate) const fn number(self) -> Pid {
        self.number
    }
}

/// The table.
pub(crate) struct Numbers {
    root: Link,
    /// How often a number has been taken.
    takings: u64,
}

type Link = Option<Box<Node>>;

struct Node {
    usage: Usage,
    /// Those whose next bit is 0, and 1.
    below: [Link; 2],
}

#[derive(Clone, Copy)]
struct Usage {
    name: Name,
    count: u32,
}

/// Memory for numbers: brought along, or left over, to be dropped without the lock.
pub(crate) struct Memory(Link);

impl Memory {
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    pub(crate) fn for_one() -> Self {
        let usage = Usage { name: Name { number: 0, taking: 0 }, count: 0 };
        Self(Some(Box::new(Node { usage, below: [None, None] })))
    }

    fn take(&mut self) -> Link {
        let mut node = self.0.take()?;
        self.0 = node.below[0].take();
        Some(node)
    }

    fn put(&mut self, mut node: Box<Node>) {
        node.below[0] = self.0.take();
        self.0 = Some(node);
    }
}

impl Numbers {
    const fn new() -> Self {
        Self { root: None, takings: 0 }
    }

    /// Takes a free number, and uses it once. The memory is for one.
    ///
    /// # Errors
    ///
    /// `EINVAL`: number 0. `EEXIST`: it is in use.
    pub(crate) fn take(&mut self, number: Pid, memory: &mut Memory) -> Result<Name, Errno> {
        if number == 0 {
            return Err(Errno::EINVAL);
        }
        let name = Name { number, taking: self.takings + 1 };
        self.add_use(name, memory)?;
        self.takings += 1;
        Ok(name)
    }

    /// Uses a number once more. The memory is for one, if nobody may use it now.
    ///
    /// # Errors
    ///
    /// `EEXIST`: it is in use under another name.
    pub(crate) fn add_use(&mut self, name: Name, memory: &mut Memory) -> Result<(), Errno> {
        let link = self.link(name.number);
        match link {
            Some(node) if node.usage.name == name => node.usage.count += 1,
            Some(_) => return Err(Errno::EEXIST),
            None => {
                let mut node = memory.take().ok_or(Errno::ENOMEM)?;
                node.usage = Usage { name, count: 1 };
                *link = Some(node);
            }
        }
        Ok(())
    }

    /// Ends one use. What the number needed is left in `memory` if it was the last.
    pub(crate) fn end_use(&mut self, name: Name, memory: &mut Memory) {
        let link = self.link(name.number);
        let Some(node) = link.as_mut().filter(|node| node.usage.name == name) else {
            debug_assert!(false, "{name:?} is not in use");
            return;
        };
        node.usage.count -= 1;
        if node.usage.count == 0
            && let Some(node) = remove(link)
        {
            memory.put(node);
        }
    }

    /// Where the number stands, or would stand.
    fn link(&mut self, number: Pid) -> &mut Link {
        let (mut link, mut bits) = (&mut self.root, number);
        while link.as_ref().is_some_and(|node| node.usage.name.number != number) {
            link = below(link, bits as usize & 1);
            bits >>= 1;
        }
        link
    }
}

fn below(link: &mut Link, bit: usize) -> &mut Link {
    &mut link.as_mut().expect("the way leads on from a node").below[bit]
}

/// Takes out what stands there: a number from the end of a way that leads through here takes its place.
fn remove(link: &mut Link) -> Link {
    let mut end = take_end(link);
    if let (Some(node), Some(end)) = (link, &mut end) {
        mem::swap(&mut node.usage, &mut end.usage);
    }
    end
}

/// Takes out the end of a way that leads through here.
fn take_end(mut link: &mut Link) -> Link {
    let next = |link: &Link| link.as_ref()?.below.iter().position(Option::is_some);
    while let Some(bit) = next(link) {
        link = below(link, bit);
    }
    link.take()
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use super::*;

    /// The number of nodes on the longest way.
    fn depth(link: &Link) -> usize {
        link.as_ref().map_or(0, |node| 1 + node.below.iter().map(depth).max().unwrap_or(0))
    }

    fn count(link: &Link) -> usize {
        link.as_ref().map_or(0, |node| 1 + node.below.iter().map(count).sum::<usize>())
    }

    #[test]
    fn a_number_is_free_when_nobody_uses_it() {
        // axprocess 0.1, API: any `u32` but 0; the table agrees with a plain map under any calls, and gives all memory back.
        let mut numbers = Numbers::new();
        let mut names: BTreeMap<Pid, (Name, u32)> = BTreeMap::new();
        let mut old: Vec<Name> = Vec::new();
        let mut random = 1_u32;
        for _ in 0..200_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let near = 1 + (random >> 8) % 100;
            let number = if random >> 31 == 0 { near } else { Pid::MAX - near * 0x0101_0101 };
            let mut memory = Memory::for_one();
            match (random >> 20) % 5 {
                0 => match (numbers.take(number, &mut memory), names.get(&number)) {
                    (Ok(name), None) => {
                        assert!(!old.contains(&name) && name.number() == number);
                        names.insert(number, (name, 1));
                    }
                    (taken, used) => {
                        assert_eq!((taken, used.is_some()), (Err(Errno::EEXIST), true))
                    }
                },
                1 if !old.is_empty() => {
                    let name = old[random as usize % old.len()];
                    let used = names.entry(name.number()).or_insert((name, 0));
                    let added = numbers.add_use(name, &mut memory);
                    assert_eq!(added.is_ok(), used.0 == name);
                    used.1 += u32::from(added.is_ok());
                }
                _ => {
                    if let Some((name, uses)) = names.get_mut(&number) {
                        numbers.end_use(*name, &mut memory);
                        *uses -= 1;
                        if *uses == 0 {
                            old.truncate(50);
                            old.insert(0, *name);
                            names.remove(&number);
                        }
                    }
                }
            }
            assert!(depth(&numbers.root) <= 33);
        }
        assert_eq!(count(&numbers.root), names.len());
        let mut memory = Memory::none();
        for (name, uses) in names.values() {
            (0..*uses).for_each(|_| numbers.end_use(*name, &mut memory));
        }
        assert!(numbers.root.is_none());
        let given_back = core::iter::from_fn(|| memory.take()).count();
        assert_eq!(given_back, names.len());
    }

    #[test]
    fn no_way_is_longer_than_33() {
        // Design: whatever the numbers, the hold is bounded: these differ in the last bit that is looked at.
        let mut numbers = Numbers::new();
        for number in (0..32).map(|bit| 1_u32 << bit).chain([Pid::MAX]) {
            assert!(numbers.take(number, &mut Memory::for_one()).is_ok());
        }
        assert!(depth(&numbers.root) <= 33);
        assert_eq!(numbers.take(0, &mut Memory::none()), Err(Errno::EINVAL));
    }
}
