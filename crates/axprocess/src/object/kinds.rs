//! Which types are objects, and how each is freed.

use core::mem::offset_of;
use core::ptr::{self, NonNull};

use super::aref::ARef;
use super::head::{Head, Kind, Object};
use super::memory;
use super::pending::Pending;
use super::spare::Spare;
use crate::Host;
use crate::group::ProcessGroup;
use crate::pid::{Identity, Inside, PidNamespace};
use crate::process::{Process, PtraceRole, Sleeper};
use crate::session::Session;
use crate::sync::TableInner;
use crate::terminal::Terminal;
use crate::thread::Thread;

/// Ends a whole that is a `T`.
///
/// # Safety
///
/// As for [`Object::free`]; and it is a `T`.
pub(crate) unsafe fn free_as<T: Object>(whole: NonNull<Head>) {
    // SAFETY: by this function's own contract.
    drop(unsafe { end_as::<T, ()>(whole, |_| (), |place| ptr::drop_in_place(place.as_ptr())) });
}

/// Ends a whole that is a `T`: a process or a thread. Its table keeps the block for the next one.
///
/// # Safety
///
/// As for [`Object::free`]; and it is a `T`.
#[inline(always)]
unsafe fn free_keeping_block<T: Kept>(whole: NonNull<Head>) {
    // SAFETY: by this function's own contract. What keeps the table's inner part is taken out before the rest of the object is dropped, and dropped
    // when the block has been put back. A process that was never published keeps nothing: its maker is borrowed meanwhile, or it waited, and who frees what waits has the table. Held against: data that
    // calls the crate, drops the table or panics when it is dropped.
    unsafe {
        let spare = NonNull::from_ref(whole.byte_sub(T::HEAD).cast::<T>().as_ref().spare());
        let (block, _keeper) =
            end_as::<T, _>(whole, T::take_table_keeper, |place| T::drop_rest(place));
        if KEEPS_BLOCKS && T::Host::KEEPS_BLOCKS {
            spare.as_ref().keep_or_free(block);
        }
    }
}

/// Whether blocks are kept at all. A sanitizer, or Miri, sees a use after free only where memory really goes back.
const KEEPS_BLOCKS: bool = !cfg!(any(sanitized, miri));

/// An object whose block is kept.
trait Kept: Object {
    type Host: Host;

    /// What keeps its table alive.
    type Keeper;

    /// Takes it out, at the object's end: nobody asks for the table any more.
    fn take_table_keeper(&mut self) -> Self::Keeper;

    /// Drops the rest.
    ///
    /// # Safety
    ///
    /// It is called once, at the object's end, and nobody has it any more.
    #[inline]
    unsafe fn drop_rest(place: NonNull<Self>) {
        // SAFETY: by this function's own contract.
        unsafe { ptr::drop_in_place(place.as_ptr()) };
    }

    fn spare(&self) -> &Spare<Self>;
}

impl<H: Host> Kept for Process<H> {
    type Host = H;
    type Keeper = Option<ARef<ProcessGroup<H>>>;

    fn take_table_keeper(&mut self) -> Self::Keeper {
        self.take_group()
    }

    #[inline(always)] // most of what ends is a process
    unsafe fn drop_rest(mut place: NonNull<Self>) {
        // SAFETY: by this function's own contract. Of the other fields none has anything to drop, if it refers to nothing: each verb that makes it refer to something marks it in the same hold. Held against: a mark that is not true (what
        // it refers to is leaked), data that panics as it is dropped (that of the thread is dropped while that unwinds).
        unsafe {
            if !place.as_mut().refers_to_group_alone() {
                ptr::drop_in_place(place.as_ptr());
                return;
            }
            let process = place.as_ptr();
            let _thread_data = DropsInPlace(&raw mut (*process).first_thread.data);
            ptr::drop_in_place(&raw mut (*process).data);
        }
    }

    fn spare(&self) -> &Spare<Self> {
        &self.table().spare_processes
    }
}

/// A value that is dropped where it stands when this is, also while a panic unwinds. Made of what is dropped by nothing else.
struct DropsInPlace<T>(*mut T);

impl<T> Drop for DropsInPlace<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: whoever makes one gives it a value that nobody has any more, and drops that by nothing else. Held against: a value that panics as it is dropped (a second panic ends the program).
        unsafe { ptr::drop_in_place(self.0) };
    }
}

impl<H: Host> Kept for Thread<H> {
    type Host = H;
    type Keeper = Option<ARef<Process<H>>>;

    fn take_table_keeper(&mut self) -> Self::Keeper {
        self.take_process()
    }

    fn spare(&self) -> &Spare<Self> {
        &self.process().table().spare_threads
    }
}

/// Drops a whole that is a `T` by `drop_rest`, without what `take` takes out of it. Its memory is left.
///
/// # Safety
///
/// As for [`Object::free`]; and it is a `T`, which `drop_rest` drops where it stands.
#[inline(always)]
unsafe fn end_as<T: Object, K>(
    whole: NonNull<Head>,
    take: impl FnOnce(&mut T) -> K,
    drop_rest: impl FnOnce(NonNull<T>),
) -> (memory::Unwritten<T>, K) {
    // SAFETY: the head stands at that offset of the `T`, and has the right to all of its block. Nobody else has a reference to it: the last counted one has gone, and what led to it over a link was
    // taken back, by the holds in which it left its lists, or by `unlink`. So it can be dropped, and its memory, which `ARef` got for a `T`, given back. Held against: data that panics as it is dropped
    // (`taken` and `block` go all the same), a sleeper or a terminal that somebody else's hold has just found.
    unsafe {
        let mut place = whole.byte_sub(T::HEAD).cast::<T>();
        place.as_ref().unlink();
        let block = memory::Unwritten(place);
        let taken = take(place.as_mut());
        drop_rest(place);
        (block, taken)
    }
}

/// Ends a whole of a table with this host.
///
/// # Safety
///
/// As for [`Object::free`].
unsafe fn free_by_kind<H: Host>(whole: NonNull<Head>) {
    // SAFETY: the head says what it stands in, which `ARef` wrote there when it made one. Held against: code of the crate that gives a value the head of another type, or frees a part as a whole (a
    // reference to a part counts the whole, and gives that one's head).
    unsafe {
        // Of what is freed, most are processes.
        match whole.as_ref().kind() {
            Kind::Process => free_keeping_block::<Process<H>>(whole),
            kind => free_rare_kind::<H>(whole, kind),
        }
    }
}

/// As [`free_by_kind`], of which it is a part: what is freed less often than processes.
///
/// # Safety
///
/// As for [`Object::free`]; and it is a whole of that kind.
#[inline(never)]
unsafe fn free_rare_kind<H: Host>(whole: NonNull<Head>, kind: Kind) {
    // SAFETY: by this function's own contract.
    unsafe {
        match kind {
            Kind::TableInner => free_as::<TableInner<H>>(whole),
            Kind::Process => free_keeping_block::<Process<H>>(whole),
            Kind::Thread => free_keeping_block::<Thread<H>>(whole),
            Kind::Group => free_as::<ProcessGroup<H>>(whole),
            Kind::Session => free_as::<Session<H>>(whole),
            Kind::Namespace => free_as::<PidNamespace<H>>(whole),
            Kind::Terminal => free_as::<Terminal<H>>(whole),
            Kind::PtraceRole => free_as::<PtraceRole<H>>(whole),
            Kind::Inside => free_as::<Inside<H>>(whole),
            Kind::Identity => free_as::<Identity<H>>(whole),
            Kind::Plain => {}
        }
    }
}

impl Pending {
    /// That of one table.
    pub(crate) fn of_host<H: Host>() -> Self {
        Self::new(free_by_kind::<H>)
    }
}

/// Declares a type of a table's objects.
macro_rules! object {
    ($type:ident, $kind:ident, |$this:ident| $pending:expr $(, may_be_part: $may_be_part:expr)? $(, part: $part:expr, on_placed: |$whole:ident| $on_placed:expr)? $(, unlink: |$unlinked:ident| $unlink:expr)?) => {
        // SAFETY: the head stands in the field of that name, and the part's in that of the part. No code of the crate moves one that is in its place, or takes a `&mut` of it but `end_as` at its end,
        // when there is no reference any more. Held against: a kernel that calls the methods of this trait (what could harm is `unsafe`), a value that is dropped
        // where it was made, without a place (its count is 0, and nobody has shared it).
        unsafe impl<H: Host> Object for $type<H> {
            const HEAD: usize = offset_of!(Self, head);
            const KIND: Kind = Kind::$kind;
            $(const MAY_BE_PART: bool = $may_be_part;)?
            $(const PART: Option<usize> = Some($part);)?

            #[inline]
            fn pending_frees_of_its_table(&self) -> Option<&Pending> {
                let $this = self;
                Some($pending)
            }

            $(unsafe fn on_placed(&self) {
                let $whole = self;
                // SAFETY: by the method's own contract; and what is told of the whole is a field of it.
                unsafe { $on_placed };
            })?

            $(unsafe fn unlink(&self) {
                let $unlinked = self;
                $unlink;
            })?

            unsafe fn free(whole: NonNull<Head>) {
                // SAFETY: by the method's own contract.
                unsafe { free_by_kind::<H>(whole) };
            }
        }
    };
}

object!(TableInner, TableInner, |table| table.pending_frees(),
    part: offset_of!(Self, pid_ns) + offset_of!(PidNamespace<H>, head), on_placed: |table| {
        table.pid_ns.owner().set_whole(table);
        table.pending_frees().set_own_block(table.head.whole_if_placed());
    },
    unlink: |table| table.pending_frees().free_all());
object!(Process, Process, |process| process.table().pending_frees(),
    part: offset_of!(Self, first_thread) + offset_of!(Thread<H>, head), on_placed: |process| process.first_thread.owner().set_whole(process));
object!(Thread, Thread, |thread| thread.process().table().pending_frees(), may_be_part: true);
object!(ProcessGroup, Group, |group| group.table().pending_frees());
object!(Session, Session, |session| session.table().pending_frees());
object!(PidNamespace, Namespace, |pid_ns| pid_ns.table().pending_frees(), may_be_part: true);
object!(Terminal, Terminal, |terminal| terminal.table().pending_frees(), unlink: |terminal| terminal.detach());
object!(PtraceRole, PtraceRole, |trace| trace.table().pending_frees());
object!(Inside, Inside, |inside| inside.table().pending_frees());
object!(Identity, Identity, |identity| identity.table().pending_frees());

// SAFETY: the head stands in the field of that name, and the kind is that of an object without a table. It is kept by its future alone, which takes it out of every list, in a hold, before it drops it.
// Held against: a future that is leaked, or whose drop meets a lock that panics (it is never freed), a waker that drops the future that it wakes.
unsafe impl Object for Sleeper {
    const HEAD: usize = offset_of!(Self, head);
    const KIND: Kind = Kind::Plain;

    fn pending_frees_of_its_table(&self) -> Option<&Pending> {
        None
    }

    unsafe fn free(whole: NonNull<Head>) {
        // SAFETY: by the method's own contract, for this type: it stands in no other, and no other in it. Held against: a waker that is left in it (it is taken out with it).
        unsafe { free_as::<Self>(whole) };
    }
}
