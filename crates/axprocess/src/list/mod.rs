//! Intrusive lists: the links stand in the objects, so linking allocates nothing and takes constant time.
//!
//! | type | holds | order | used for |
//! | --- | --- | --- | --- |
//! | [`StrongList`] | a strong reference to each member | insertion | children, roots |
//! | [`WeakList`] | nothing | insertion | members of a group, groups of a session, threads |
//! | [`OrderedQueue`] | nothing | a key | children with something to report, in birth order |
//! | [`Edge`] | nothing | – | one object, e.g. a parent |
//! | [`Released`] | strong references | – | what waits for the unlock to be dropped |
//!
//! # The contract of weak links
//!
//! A pointer that stands in a relation is followed only in a hold, and points to an object that is alive until the hold ends.
//! Whoever sets a weak link sees to it that the link is taken back, in a hold, before its target can be freed:
//!
//! * a process is held strongly by its parent's child list (or the table's list of roots) until it is reaped, and
//!   reaping takes back every link to it;
//! * a group is held strongly by each of its members, a session by each of its groups; both leave all lists with their last member;
//! * a thread takes itself out of its process when it exits, at the latest in its `Drop`;
//! * a terminal and its session point to each other, until either ends: the session with its last group, the terminal in its `Drop`;
//! * a future that waits for children takes itself out of its list in its `Drop`; one that is leaked is never freed.
//!
//! `Process`, `ProcessGroup` and `Session` check in their `Drop` (in debug builds) that no link to them is left.

mod edge;
mod ordered;
mod released;
mod ring;
mod strong;
mod weak;

pub(crate) use edge::{Edge, Ptr};
pub(crate) use ordered::{OrderedNode, OrderedQueue, TreeLinks};
pub(crate) use released::Released;
pub(crate) use ring::{Links, Node};
pub(crate) use strong::StrongList;
pub(crate) use weak::WeakList;

#[cfg(test)]
pub(crate) mod tests {
    //! Objects to put into lists, and a world whose lock they stand under.

    use alloc::sync::Arc;
    use alloc::vec::Vec;
    use std::sync::OnceLock;

    use super::*;
    use crate::Host;
    use crate::sync::{Hold, World};
    use crate::table::Relations;

    extern crate std;

    pub(crate) struct TestHost;

    impl Host for TestHost {
        type Lock = std::sync::Mutex<Relations<Self>>;
        type ProcessData = ();
        type ThreadData = ();
        type GroupData = ();
        type SessionData = ();
        type Usage = ();
    }

    pub(super) fn world() -> &'static World<TestHost> {
        static WORLD: OnceLock<World<TestHost>> = OnceLock::new();
        WORLD.get_or_init(|| World::new(TestHost))
    }

    pub(super) struct Item {
        pub(super) name: &'static str,
        pub(super) key: i64,
        links: Links<Self>,
        tree: TreeLinks<Self>,
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
    }

    pub(super) fn item(name: &'static str) -> Arc<Item> {
        Arc::new(Item { name, key: 0, links: Links::new(), tree: TreeLinks::new() })
    }

    pub(super) fn numbered(key: i64) -> Arc<Item> {
        Arc::new(Item { name: "", key, links: Links::new(), tree: TreeLinks::new() })
    }

    pub(super) fn names<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<&'static str> {
        items.map(|item| item.name).collect()
    }

    #[test]
    fn a_weak_list_keeps_order_and_holds_nothing() {
        // Members come in insertion order, leave from any place, and are not kept alive.
        let list = WeakList::<Item, ()>::new();
        let (a, b, c) = (item("a"), item("b"), item("c"));
        world().hold(|hold| {
            for item in [&a, &b, &c] {
                list.push_back(hold, item);
            }
            assert_eq!(Arc::strong_count(&a), 1);
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

    #[test]
    fn what_is_released_is_dropped_after_the_chain_is_let_go() {
        // Rule of the lock: a released object is not freed in the hold.
        let (a, b) = (item("a"), item("b"));
        let weak = Arc::downgrade(&a);
        let chain = world().hold(|hold| {
            let mut chain = Released::<Item, ()>::new();
            chain.chain(hold, a);
            chain.chain(hold, b);
            assert!(weak.upgrade().is_some());
            chain
        });
        drop(chain);
        assert!(weak.upgrade().is_none());
    }
}
