//! Every schedule of every scenario, by loom.

use races::{Explorer, Loom, all_scenarios, scenarios};

macro_rules! every_schedule_of {
    ($($scenario:ident)*) => {
        $(
            #[test]
            fn $scenario() {
                Loom::explore(scenarios::$scenario::<Loom>);
            }
        )*
    };
}

all_scenarios!(every_schedule_of);
