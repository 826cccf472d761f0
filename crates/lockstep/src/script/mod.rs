//! Scripts: what actors do, one system call after another, and what is expected of it.
//!
//! A scenario file has one operation a line. Behind `->` stands what the call returns; indented lines say what else can be seen:
//!
//! ```text
//! # A child that ends wakes the parent that waits for it.
//! init: fork a
//! a: fork b
//! a: wait4 any            -> blocks
//! b: exit 3               -> ends
//!     a -> b exit 3
//! ```
//!
//! Expectations stand where a reader wants them. All that they leave out is compared between Linux and the model all the same.

mod files;
mod notice;
mod operation;
mod raw_clone;
mod resolve;
mod signals;
mod text;
mod trace;

pub(crate) use files::{
    Ask, FileKind, Files, IfTaken, Mode, PidfdCall, Side, TerminalCall, Writers,
};
pub(crate) use notice::{Notice, Owner};
pub(crate) use operation::{
    Action, Fork, GETTERS, Getter, Given, Handlers, Name, Number, Operation, Pace, Parent, Space,
    Switch, Treatment,
};
pub(crate) use raw_clone::RawClone;
pub(crate) use signals::{IfNone, MaskChange, SignalCall, SignalSet, SignalfdCall};
pub(crate) use text::{number_in_words, parse};
pub(crate) use trace::{TRACE_OPTIONS, TraceCall};

/// The first actor: process 1 of the namespace in which a script plays.
pub(crate) const INIT: &str = "init";

/// A script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    /// What happens, in order.
    pub(crate) steps: Vec<Step>,
}

/// One operation of one actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Who does it.
    pub(crate) actor: Name,
    /// What it does.
    pub(crate) operation: Operation,
    /// What a reader expects to see.
    pub(crate) expectations: Vec<Expectation>,
}

impl Step {
    /// A step of which nothing is expected.
    pub(crate) fn new(actor: &str, operation: Operation) -> Self {
        Self { actor: actor.to_owned(), operation, expectations: Vec::new() }
    }
}

/// Something that must be seen after a step: one line of the account of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expectation {
    /// The line in the file.
    pub(crate) line: usize,
    /// The words, with single blanks between them.
    pub(crate) words: String,
}
