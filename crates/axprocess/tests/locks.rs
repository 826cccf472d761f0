//! Every ready-made lock is one: threads on one table, every invariant checked at every unlock.
#![cfg(all(feature = "lock_api", feature = "kspin"))]

use std::marker::PhantomData;

use axprocess::{
    ExitStatus, ForkRequest, Host, Lock, ProcessTable, Relations, WaitOutcome, WaitRequest,
};

/// A kernel with a lock of that family.
struct Kernel<F>(PhantomData<F>);

/// A kind of locks.
trait Family: Send + Sync + 'static {
    type Of<T: Send>: Lock<T> + Send + Sync;
}

impl<F: Family> Host for Kernel<F> {
    type Lock = F::Of<Relations<Self>>;
    type ProcessData = ();
    type ThreadData = ();
    type GroupData = ();
    type SessionData = ();
    type NamespaceData = ();
    type TerminalData = ();
    type Usage = ();
}

macro_rules! families {
    ($($family:ident: $test:ident, $lock:ty;)*) => {
        $(
            struct $family;

            impl Family for $family {
                type Of<T: Send> = $lock;
            }

            #[test]
            fn $test() {
                // Design, locks: exclusion is the lock's alone, and each that is offered excludes.
                many_lives::<$family>();
            }
        )*
    };
}

families! {
    Std: the_standard_library_excludes, std::sync::Mutex<T>;
    Kspin: kspin_excludes, kspin::SpinNoIrq<T>;
    ParkingLot: parking_lot_excludes, parking_lot::Mutex<T>;
    Ticket: the_ticket_lock_of_spin_excludes, lock_api::Mutex<spin::mutex::TicketMutex<()>, T>;
}

fn many_lives<F: Family>() {
    const LIVES: usize = 300;
    let table = ProcessTable::new(Kernel::<F>(PhantomData));
    let init = table.new_init(1, (), ()).unwrap();
    let parents = [(); 3].map(|()| init.fork(ForkRequest::default(), (), ()).unwrap());
    std::thread::scope(|scope| {
        for parent in &parents {
            scope.spawn(|| {
                let any = WaitRequest::wait4(-1, 0).unwrap();
                for _ in 0..LIVES {
                    let child = parent.fork(ForkRequest::default(), (), ()).unwrap();
                    let other = init.fork(ForkRequest::default(), (), ()).unwrap();
                    child.process().setsid().unwrap();
                    child.exit_thread(ExitStatus::exited(7));
                    other.exit_thread(ExitStatus::exited(8));
                    let Ok(WaitOutcome::Event(event)) = parent.wait(&any) else { unreachable!() };
                    assert_eq!(event.pid, child.tid());
                    assert!(matches!(init.wait(&any), Ok(WaitOutcome::Event(_))));
                }
            });
        }
    });
    let audit = table.audit();
    assert!(audit.checks as usize > LIVES && audit.holds >= audit.checks, "{audit:?}");
    assert_eq!(init.process().children().unwrap().len(), parents.len());
}
