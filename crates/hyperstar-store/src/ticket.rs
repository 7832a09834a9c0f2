//! How a transaction waits for its batch.

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
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

#[derive(Default)]
pub(crate) struct Ticket(Mutex<TicketState>);

#[derive(Default)]
struct TicketState {
    turn: Option<Turn>,
    /// The thread that sleeps until it is told.
    thread: Option<Thread>,
    /// The task that does.
    waker: Option<Waker>,
}

impl Ticket {
    /// From now on it is for this thread, which will [wait](Ticket::wait), and can be told to lead.
    pub(crate) fn take(&self) {
        lock(&self.0).thread = Some(thread::current());
    }

    /// Whether it can be told to lead.
    pub(crate) fn can_lead(&self) -> bool {
        lock(&self.0).thread.is_some()
    }

    pub(crate) fn wait(&self) -> Turn {
        loop {
            if let Some(turn) = lock(&self.0).turn.take() {
                return turn;
            }
            thread::park();
        }
    }

    /// For one that nobody has taken: it is told how it ended.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Result<CommitId, Failure>> {
        let mut state = lock(&self.0);
        match state.turn.take() {
            Some(Turn::Done(done)) => Poll::Ready(done),
            Some(Turn::Lead) | None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(crate) fn lead(&self) {
        self.tell(Turn::Lead);
    }

    pub(crate) fn done(&self, done: Result<CommitId, Failure>) {
        self.tell(Turn::Done(done));
    }

    fn tell(&self, turn: Turn) {
        let mut state = lock(&self.0);
        state.turn = Some(turn);
        let (thread, waker) = (state.thread.clone(), state.waker.take());
        drop(state);
        if let Some(thread) = thread {
            thread.unpark();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
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
