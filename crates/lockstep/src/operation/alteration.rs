//! What is not as it would be if nobody followed the program.

use serde::{Deserialize, Serialize};

/// One way in which following changes a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Alteration {
    /// The program wanted to trace others, which Linux has refused because lockstep traces them.
    Tracing,
    /// Strict seccomp mode cannot follow on a filter: it was refused.
    StrictMode,
    /// `prctl(PR_GET_SECCOMP)` has told of the tool's filter.
    AskedFilter,
    /// `prctl(PR_GET_NO_NEW_PRIVS)` has told what the tool needs for its filter.
    AskedPrivileges,
    /// A call that a filter of the program's leaves to a tracer was done instead of refused.
    LeftToTracer,
    /// A set-uid or set-gid program, or one with capabilities, has run without them.
    SetUid,
    /// The init of a namespace had a fault: it was killed instead.
    InitFault,
    /// A fatal signal had to wait for the end of a vfork.
    VforkSignal,
    /// A call has failed with `EINTR` because of a signal that is ignored.
    Interrupted,
    /// A child could not be followed.
    Untraced,
    /// An orphan asks again and again for its parent, who is the tool.
    Adopted,
}

impl Alteration {
    /// In words, for the report.
    pub(crate) const fn in_words(self) -> &'static str {
        match self {
            Self::Tracing => "the program traces others, or asks to be traced: ptrace was refused",
            Self::StrictMode => "strict seccomp mode was refused, because a filter is there",
            Self::AskedFilter => "prctl(PR_GET_SECCOMP) has told of lockstep's filter",
            Self::AskedPrivileges => "prctl(PR_GET_NO_NEW_PRIVS) has told of what the filter needs",
            Self::LeftToTracer => {
                "a call was done that the program's own filter leaves to a tracer: ENOSYS without one"
            }
            Self::SetUid => "a set-uid program has run with its user's rights",
            Self::InitFault => "the init of a namespace was killed by SIGKILL for a fault",
            Self::VforkSignal => "a fatal signal waited until the child of a vfork was done",
            Self::Interrupted => {
                "a call was interrupted by a signal that is ignored, and was not begun again"
            }
            Self::Untraced => "a child made with CLONE_UNTRACED was not followed",
            Self::Adopted => {
                "an orphan asks for its parent again and again: lockstep has adopted it, not init"
            }
        }
    }
}
