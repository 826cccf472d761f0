//! Intrusive lists: the links stand in the objects, so linking allocates nothing and takes constant time.
//!
//! | type | holds | order | used for |
//! | --- | --- | --- | --- |
//! | [`StrongList`] | a strong reference to each member | insertion | children, roots |
//! | [`WeakList`] | nothing | insertion | members of a group, groups of a session, threads |
//! | [`OrderedQueue`] | nothing | a key | children with something to report, in birth order |
//! | [`WeakEdge`] | nothing | – | one object, e.g. a parent |
//! | [`Tagged`] | nothing | – | one object of four types, in a word: a number's slot |
//!
//! # The contract of links
//!
//! A pointer that stands in a relation is followed only in a hold, and points to an object that is alive until the hold ends: an object that stands in a link is alive, and one whose
//! last reference goes in a hold is freed after the unlock. Whoever sets a link that holds nothing sees to it that it is taken back, in a hold, before its target can be freed:
//!
//! * a process is held by its parent's child list (or the table's list of roots) until it is reaped, and
//!   reaping takes back every link to it;
//! * a group is held by each of its members, a session by each of its groups; both leave all lists with their last member;
//! * a thread is held by its process's list until it has exited, and leaves all others before; the leader of a process, by the process, until the reap;
//! * a terminal and its session point to each other, until either ends: the session with its last group, the terminal when it is unlinked, before it is dropped;
//! * a future that waits for children takes its sleeper out of its list before it drops it; one that is leaked is never freed.
//!
//! The compiler sees to it that only objects are linked, and none that would be freed in a hold ([`Object::MAY_BE_LINKED`](crate::Object)). What it cannot see, each verb of the crate does: the
//! hold is of the table of all objects that a verb uses, and an object is taken out of the very list in which it stands, the only one of its kind. The invariants 1 to 3, 11 and 17 of the
//! checker would show where that fails.

mod edge;
mod ordered;
mod ring;
mod strong;
mod tagged;
mod weak;

use edge::lead_to_same;
pub(crate) use edge::{Ptr, WeakEdge};
pub(crate) use ordered::{OrderedNode, OrderedQueue, TreeLinks};
pub(crate) use ring::{Links, Node};
pub(crate) use strong::StrongList;
pub(crate) use tagged::{Tagged, Target};
pub(crate) use weak::WeakList;

#[cfg(test)]
pub(crate) mod tests {
    //! Objects to put into lists, and a table whose lock they stand under.

    use alloc::vec::Vec;
    use core::mem::offset_of;
    use core::ptr::NonNull;
    use std::sync::OnceLock;

    use super::*;
    use crate::Host;
    use crate::object::{ARef, Head, Kind, Object, Pending};
    use crate::sync::{Field, Hold, TableInner};
    use crate::table::Relations;

    extern crate std;

    pub(crate) struct TestHost;

    impl Host for TestHost {
        type Lock = std::sync::Mutex<Relations<Self>>;
        type ProcessData = ();
        type ThreadData = ();
        type GroupData = ();
        type SessionData = ();
        type NamespaceData = ();
        type TerminalData = ();
        type Usage = ();
    }

    pub(super) fn table() -> &'static TableInner<TestHost> {
        static WORLD: OnceLock<ARef<TableInner<TestHost>>> = OnceLock::new();
        let lock = std::sync::Mutex::new(Relations::new());
        WORLD.get_or_init(|| TableInner::make(&mut Some((TestHost, lock))).expect("memory"))
    }

    pub(super) struct Item {
        pub(super) name: &'static str,
        pub(super) key: i64,
        head: Head,
        links: Links<Self>,
        tree: TreeLinks<Self>,
        classes: [Field<u8>; 2],
    }

    impl Node<()> for Item {
        fn links(&self) -> &Links<Self> {
            &self.links
        }
    }

    impl OrderedNode<()> for Item {
        fn tree_links(&self) -> &TreeLinks<Self> {
            &self.tree
        }

        fn key<H: Host>(&self, _: &Hold<'_, H>) -> i64 {
            self.key
        }

        fn own_classes(&self) -> &Field<u8> {
            &self.classes[0]
        }

        fn subtree_classes(&self) -> &Field<u8> {
            &self.classes[1]
        }
    }

    pub(super) fn item(name: &'static str) -> ARef<Item> {
        make(name, 0)
    }

    pub(super) fn numbered(key: i64) -> ARef<Item> {
        make("", key)
    }

    fn make(name: &'static str, key: i64) -> ARef<Item> {
        let (links, tree) = (Links::new(), TreeLinks::new());
        let classes = [Field::new(0), Field::new(0)];
        ARef::make(|| Item { name, key, head: Head::new(), links, tree, classes }).expect("memory")
    }

    // SAFETY: as for the crate's own objects; it is freed as what it is. Held against: a list that is dropped with members in it (they are leaked, or held by the test).
    unsafe impl Object for Item {
        const HEAD: usize = offset_of!(Self, head);
        const KIND: Kind = Kind::Plain;

        fn pending_frees_of_its_table(&self) -> Option<&Pending> {
            None
        }

        unsafe fn free(whole: NonNull<Head>) {
            // SAFETY: by the method's own contract, for this type.
            unsafe { crate::object::free_as::<Self>(whole) };
        }
    }

    pub(super) fn names<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<&'static str> {
        items.map(|item| item.name).collect()
    }

    #[test]
    fn a_weak_list_keeps_order_and_holds_nothing() {
        // Members come in insertion order, leave from any place, and are not kept alive.
        let list = WeakList::<Item, ()>::new();
        let (a, b, c) = (item("a"), item("b"), item("c"));
        table().hold(|hold| {
            for item in [&a, &b, &c] {
                list.push_back(hold, item);
            }
            assert_eq!(ARef::count(&a), 1);
            list.remove(hold, &b);
            list.remove(hold, &b);
            assert_eq!(names(list.iter(hold)), ["a", "c"]);
            list.push_back(hold, &b);
            assert_eq!(names(list.iter(hold)), ["a", "c", "b"]);
            assert_eq!(list.len(hold), 3);
            for item in [&c, &a, &b] {
                list.remove(hold, item);
            }
            assert!(list.is_empty(hold) && list.first(hold).is_none());
        });
    }
}
