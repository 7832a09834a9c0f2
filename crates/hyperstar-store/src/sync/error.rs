//! Why a sync ended before it was done.

use std::io;

use crate::StoreError;
use crate::tree::ReceiveError;

/// Why a sync ended before it was done. What was received until then is kept and not asked for again:
/// sync again when the cause is gone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The connection failed, or ended too early.
    #[error("the connection failed: {0}; sync again, and what has arrived is not sent again")]
    Io(#[from] io::Error),

    /// The store here refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// What the other side said first is nothing that a store says.
    #[error("the other side is no store that syncs; check the address")]
    NoStore,

    /// The other side speaks another version of the protocol.
    #[error(
        "the other side speaks version {theirs} of the protocol, this one {ours}; update the older"
    )]
    Version {
        /// The version of the other side.
        theirs: u16,
        /// The version here.
        ours: u16,
    },

    /// The other side sent what no store sends. Nothing of it was kept.
    #[error(
        "the other side sent what no store sends: {problem}; do not trust it, or run `verify` there"
    )]
    Wrong {
        /// What is wrong with it.
        problem: String,
    },

    /// The other side gave up.
    #[error("the other side gave up: {reason}")]
    Refused {
        /// What it said, cut short and without control characters.
        reason: String,
    },

    /// A bound of [`SyncOptions`](super::SyncOptions) was reached.
    #[error("the sync has more than {max} {what}; raise `{option}` of its options")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        max: u64,
        /// The field that sets it.
        option: &'static str,
    },

    /// The options cannot be.
    #[error("`{value}` cannot be the {option} of a sync: {problem}")]
    Option {
        /// The field.
        option: &'static str,
        /// What it was set to.
        value: String,
        /// What is wrong with it, and the remedy.
        problem: &'static str,
    },

    /// A commit that had arrived was let go before its name was set.
    #[error("what `{name}` names was let go while it was received; sync again")]
    LetGo {
        /// The branch or tag.
        name: String,
    },

    /// The session is over.
    #[error("the session is over; begin another")]
    Over,
}

impl SyncError {
    pub(super) fn wrong(problem: impl Into<String>) -> Self {
        Self::Wrong {
            problem: problem.into(),
        }
    }
}

impl From<ReceiveError> for SyncError {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Here(error) => Self::Store(error.into()),
            ReceiveError::Wrong(problem) => Self::wrong(format!("a page of a tree: {problem}")),
        }
    }
}
