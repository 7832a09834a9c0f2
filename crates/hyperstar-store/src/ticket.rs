//! How a transaction waits for its batch.

use std::sync::Mutex;
use std::thread::{self, Thread};

use crate::backend::BackendError;
use crate::commit::CommitId;
use crate::lock::lock;
use crate::{StoreError, Version};

/// What a waiting transaction is told.
pub(crate) enum Turn {
    /// To make durable what stands in the queue, itself among it.
    Lead,
    Done(Result<CommitId, Failure>),
}

pub(crate) struct Ticket {
    turn: Mutex<Option<Turn>>,
    thread: Thread,
}

impl Ticket {
    /// For the thread that will wait: this one.
    pub(crate) fn new(leads: bool) -> Self {
        Self {
            turn: Mutex::new(leads.then_some(Turn::Lead)),
            thread: thread::current(),
        }
    }

    pub(crate) fn wait(&self) -> Turn {
        loop {
            if let Some(turn) = lock(&self.turn).take() {
                return turn;
            }
            thread::park();
        }
    }

    pub(crate) fn lead(&self) {
        self.tell(Turn::Lead);
    }

    pub(crate) fn done(&self, done: Result<CommitId, Failure>) {
        self.tell(Turn::Done(done));
    }

    fn tell(&self, turn: Turn) {
        *lock(&self.turn) = Some(turn);
        self.thread.unpark();
    }
}

/// Why a batch failed: each of its transactions is told the same.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    Backend(BackendError),
    InDoubt {
        version: Version,
        source: BackendError,
    },
    Damaged(String),
}

impl Failure {
    /// `version` is what the store would have with the batch.
    pub(crate) fn new(error: StoreError, version: Version) -> Self {
        match error {
            StoreError::Backend(source) if source.is_in_doubt() => {
                Self::InDoubt { version, source }
            }
            StoreError::Backend(source) => Self::Backend(source),
            StoreError::InDoubt { version, source } => Self::InDoubt { version, source },
            StoreError::Damaged { what } => Self::Damaged(what),
            other => Self::Backend(BackendError::new(other)),
        }
    }

    pub(crate) fn panicked(version: Version) -> Self {
        Self::InDoubt {
            version,
            source: BackendError::in_doubt("the backend panicked"),
        }
    }

    pub(crate) fn in_doubt(&self) -> Option<Version> {
        match self {
            Self::InDoubt { version, .. } => Some(*version),
            _ => None,
        }
    }

    pub(crate) fn to_error(&self) -> StoreError {
        match self.clone() {
            Self::Backend(source) => StoreError::Backend(source),
            Self::InDoubt { version, source } => StoreError::InDoubt { version, source },
            Self::Damaged(what) => StoreError::Damaged { what },
        }
    }
}
