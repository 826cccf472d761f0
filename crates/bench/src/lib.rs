//! Compares axprocess with other process models, and holds it to budgets that no noise can touch.
//!
//! | module | what it is about |
//! | --- | --- |
//! | `subject` | the models that are compared, behind the same calls |
//! | `measure` | clocks, a counting allocator, interleaved repetitions, a counter of single instructions |
//! | `floor` | what the machine charges for the smallest steps |
//! | `rows` | the rows of the table |
//! | `report` | the table for readers, the file for machines, the picture |
//! | `table` | `cargo bench`: measures all rows |
//! | `lock_modes` | `cargo lock-modes`: what a second mode of the lock would bring, on a model of it |
//! | `scene`, `budgets`, `explain` | what is counted instead of timed, its limits, and where it goes |

pub mod budgets;
mod explain;
mod floor;
pub mod lock_modes;
mod measure;
mod report;
mod rows;
mod scene;
mod signals;
mod subject;
pub mod table;

pub use subject::Which;
