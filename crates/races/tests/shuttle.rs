//! Schedules of every scenario, drawn at random and by priorities: shuttle sees the same crate through another lock.

use races::{Explorer, Shuttle, all_scenarios, scenarios};

macro_rules! some_schedules_of {
    ($($scenario:ident)*) => {
        $(
            #[test]
            fn $scenario() {
                Shuttle::explore(scenarios::$scenario::<Shuttle>);
            }
        )*
    };
}

all_scenarios!(some_schedules_of);
