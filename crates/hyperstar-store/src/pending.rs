//! A commit on its way to the disk.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::engine::{Engine, Stood};
use crate::{Commit, StoreError, Version};

/// A commit on its way to the disk, from [`Store::submit`](crate::Store::submit): a future of it, for any
/// executor. It gets there whether somebody waits or not; only who has waited knows that it is there.
#[must_use = "it is not known to be durable before it is awaited"]
pub struct Pending {
    engine: Arc<Engine>,
    /// Nothing once it has ended.
    stood: Option<Stood>,
}

impl Pending {
    pub(crate) fn new(engine: Arc<Engine>, stood: Stood) -> Self {
        Self {
            engine,
            stood: Some(stood),
        }
    }

    /// The version of the store from this commit on; nothing once the future has ended.
    pub fn version(&self) -> Option<Version> {
        self.stood.as_ref().map(|stood| stood.commit.version)
    }

    /// Blocks the thread until it is durable.
    ///
    /// # Errors
    /// As [`Store::transaction`](crate::Store::transaction).
    ///
    /// # Panics
    /// If the future has ended before.
    pub fn wait(mut self) -> Result<Commit, StoreError> {
        let stood = self.stood.take();
        self.engine.settle(stood.expect(ENDED))
    }
}

const ENDED: &str = "the commit was awaited before";

impl Future for Pending {
    type Output = Result<Commit, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ticket = self.stood.as_ref().expect(ENDED).ticket.clone();
        let done = match ticket {
            Some(ticket) => Some(ready!(ticket.poll(context))),
            None => None,
        };
        let mut commit = self.stood.take().expect(ENDED).commit;
        if let Some(done) = done {
            match done {
                Ok(id) => commit.id = id,
                Err(failure) => return Poll::Ready(Err(failure.to_error())),
            }
        }
        Poll::Ready(Ok(commit))
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("version", &self.version())
            .finish()
    }
}
