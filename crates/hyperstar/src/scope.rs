//! What a running handler reads and announces, noticed without asking it.
//!
//! A render or an action runs inside a [`Scope`]. Reads of a [`Live`](crate::Live), of a store or of
//! a session note a topic there; a change announced to the hub is noted too. The scope travels with
//! the future: it is in place during each poll and nowhere else, so an `async` handler that moves
//! between threads keeps its own, and concurrent handlers never see each other's.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyperstar_process::base;

use crate::hub::{past_topic, store_topic};

/// The most topics that one render may depend on; past it, the render depends on everything.
pub(crate) const TOPICS_MAX: usize = 4_096;

/// What one run of a handler read and announced.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// The topics that were read.
    pub(crate) topics: BTreeSet<Box<str>>,
    /// More topics were read than are kept: assume all.
    pub(crate) overflow: bool,
    /// The handler told a hub what changed.
    pub(crate) announced: bool,
    /// The path that the app is mounted at.
    base: Arc<str>,
}

impl Scope {
    pub(crate) fn at(base: Arc<str>) -> Self {
        Self {
            base,
            ..Self::default()
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// Notes that the running handler, if there is one, read `topic`.
pub(crate) fn read(topic: &str) {
    CURRENT.with_borrow_mut(|current| {
        if let Some(scope) = current {
            note(scope, topic);
        }
    });
}

/// Notes that the running handler, if there is one, announced a change.
pub(crate) fn announce() {
    CURRENT.with_borrow_mut(|current| {
        if let Some(scope) = current {
            scope.announced = true;
        }
    });
}

fn note(scope: &mut Scope, topic: &str) {
    if scope.topics.contains(topic) {
        return;
    }
    if scope.topics.len() >= TOPICS_MAX {
        scope.overflow = true;
        return;
    }
    scope.topics.insert(topic.into());
}

/// How a handler ended.
pub(crate) enum Outcome<T> {
    Finished(T),
    /// It panicked, with this message.
    Panicked(String),
}

/// A handler's future, run inside a scope. A panic ends the handler, not the task.
pub(crate) struct Scoped<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    scope: Option<Scope>,
}

/// Runs `future` inside `scope`.
pub(crate) fn run<T>(scope: Scope, future: Pin<Box<dyn Future<Output = T> + Send>>) -> Scoped<T> {
    Scoped {
        future,
        scope: Some(scope),
    }
}

impl<T> Future for Scoped<T> {
    type Output = (Outcome<T>, Scope);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let scope = this.scope.take().unwrap_or_default();
        let base = scope.base.clone();
        let outer = CURRENT.replace(Some(scope));
        let (polled, reads) = hyperstar_store::record_reads(|| {
            let poll = || base::enter(base, || this.future.as_mut().poll(cx));
            catch_unwind(AssertUnwindSafe(poll))
        });
        let mut scope = CURRENT.replace(outer).unwrap_or_default();
        for (store, path) in reads.iter() {
            note(&mut scope, &store_topic(store.as_u64(), path));
        }
        if reads.iter().next().is_none() {
            for store in reads.stores() {
                note(&mut scope, &past_topic(store.as_u64()));
            }
        }
        match polled {
            Ok(Poll::Pending) => {
                this.scope = Some(scope);
                Poll::Pending
            }
            Ok(Poll::Ready(value)) => Poll::Ready((Outcome::Finished(value), scope)),
            Err(panic) => {
                let message = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_else(|| "a panic without a message".to_owned());
                Poll::Ready((Outcome::Panicked(message), scope))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_are_noted_across_awaits_and_nowhere_else() {
        let (outcome, scope) = run(
            Scope::default(),
            Box::pin(async {
                read("a");
                tokio::task::yield_now().await;
                read("b");
                announce();
                7
            }),
        )
        .await;
        read("outside");
        assert!(matches!(outcome, Outcome::Finished(7)));
        assert_eq!(
            scope.topics.iter().map(|t| &**t).collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert!(scope.announced);
    }

    #[tokio::test]
    async fn a_panic_is_an_outcome() {
        let (outcome, _) = run::<()>(Scope::default(), Box::pin(async { panic!("oh no") })).await;
        assert!(matches!(outcome, Outcome::Panicked(message) if message == "oh no"));
        assert_eq!(&*base::current(), "");
    }

    #[tokio::test]
    async fn too_many_reads_mean_all_of_them() {
        let many = async {
            for n in 0..=TOPICS_MAX {
                read(&n.to_string());
            }
        };
        let (_, scope) = run(Scope::default(), Box::pin(many)).await;
        assert!(scope.overflow);
        assert_eq!(scope.topics.len(), TOPICS_MAX);
    }
}
