//! The races of the layer of signals: every schedule of each, by loom; and some of each, drawn at random and by priorities, by shuttle.

use races::{Loom, Shuttle, all_races_of_signals, layer};

macro_rules! every_schedule_of {
    ($($race:ident)*) => {
        mod every_schedule {
            use super::*;
            $(
                #[test]
                fn $race() {
                    layer::$race::<Loom>();
                }
            )*
        }
        mod some_schedules {
            use super::*;
            $(
                #[test]
                fn $race() {
                    layer::$race::<Shuttle>();
                }
            )*
        }
    };
}

all_races_of_signals!(every_schedule_of);
