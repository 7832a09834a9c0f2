//! Single flight: those who want the same at the same time share one making of it.
//!
//! Guarantees: for each key at most one making runs; all who wait for it get its result; if whoever makes
//! it is dropped or panics, one of those who wait makes it instead; nothing is kept once nobody waits.
//!
//! What is shared was begun before some of those who get it asked. Where that matters the key says how
//! far things were: the number of the last announcement, say, so that nobody is given what was made before
//! a change that they know of.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use crate::hub::lock;

/// What is being made, by key.
pub(crate) struct Flights<K, V> {
    open: Mutex<HashMap<K, Arc<Flight<V>>>>,
}

struct Flight<V> {
    made: OnceCell<V>,
    /// How many are here; changes under the lock of the map.
    aboard: std::sync::atomic::AtomicUsize,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self {
            open: Mutex::default(),
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Flights<K, V> {
    /// What `make` makes, or what somebody else is making for the same key.
    ///
    /// # Cancel safety
    /// Cancel safe: if this one was making it, another who waits begins anew.
    pub(crate) async fn join<F>(&self, key: &K, make: impl FnOnce() -> F) -> V
    where
        F: Future<Output = V>,
    {
        let seat = self.board(key);
        seat.flight.made.get_or_init(make).await.clone()
    }

    fn board(&self, key: &K) -> Seat<'_, K, V> {
        use std::sync::atomic::Ordering::Relaxed;
        let mut open = lock(&self.open);
        let flight = match open.get(key) {
            // What has landed belongs to those who were aboard: the next one wants it as it is now.
            Some(flight) if !flight.made.initialized() => flight.clone(),
            _ => {
                let flight = Arc::new(Flight {
                    made: OnceCell::new(),
                    aboard: Default::default(),
                });
                open.insert(key.clone(), flight.clone());
                flight
            }
        };
        flight.aboard.fetch_add(1, Relaxed);
        Seat {
            flights: self,
            key: key.clone(),
            flight,
        }
    }
}

/// One who waits, until it is dropped.
struct Seat<'a, K: Eq + Hash, V> {
    flights: &'a Flights<K, V>,
    key: K,
    flight: Arc<Flight<V>>,
}

impl<K: Eq + Hash, V> Drop for Seat<'_, K, V> {
    fn drop(&mut self) {
        use std::sync::atomic::Ordering::Relaxed;
        let mut open = lock(&self.flights.open);
        let was_last = self.flight.aboard.fetch_sub(1, Relaxed) == 1;
        let is_ours = open
            .get(&self.key)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        let done = is_ours && (was_last || self.flight.made.initialized());
        // Dropped without the lock: what it holds may run code of its own.
        let _gone = done.then(|| open.remove(&self.key));
        drop(open);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::sync::{Notify, oneshot};
    use tokio::task::JoinHandle;

    use super::*;

    #[derive(Default)]
    struct Airport {
        flights: Flights<&'static str, u64>,
        made: AtomicU64,
        go: Notify,
    }

    impl Airport {
        /// Asks for a key on a task of its own; what is made is the how manieth making it was.
        fn ask(self: &Arc<Self>, key: &'static str) -> JoinHandle<u64> {
            let port = self.clone();
            tokio::spawn(async move {
                let make = || async {
                    port.go.notified().await;
                    port.made.fetch_add(1, Ordering::Relaxed) + 1
                };
                port.flights.join(&key, make).await
            })
        }

        fn is_empty(&self) -> bool {
            lock(&self.flights.open).is_empty()
        }
    }

    async fn let_others_run() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_comes_together_shares_and_who_comes_later_does_not() {
        let port = Arc::new(Airport::default());
        let together: Vec<_> = (0..100).map(|_| port.ask("tea")).collect();
        let other = port.ask("rum");
        let_others_run().await;
        port.go.notify_waiters();
        let first = together.into_iter().collect::<Vec<_>>();
        let mut results = Vec::new();
        for asked in first {
            results.push(asked.await.unwrap());
        }
        assert!(results.iter().all(|made| *made == results[0]));
        other.await.unwrap();
        assert_eq!(port.made.load(Ordering::Relaxed), 2, "one for each key");
        assert!(port.is_empty());
        port.go.notify_one();
        assert_eq!(
            port.ask("tea").await.unwrap(),
            3,
            "what is over is made anew"
        );
        assert!(port.is_empty());
    }

    #[tokio::test]
    async fn if_the_maker_is_dropped_another_makes_it() {
        let port = Arc::new(Airport::default());
        let maker = port.ask("tea");
        let_others_run().await;
        let waiting = [port.ask("tea"), port.ask("tea")];
        let_others_run().await;
        maker.abort();
        assert!(maker.await.unwrap_err().is_cancelled());
        let_others_run().await;
        port.go.notify_one();
        for asked in waiting {
            assert_eq!(asked.await.unwrap(), 1);
        }
        assert!(port.is_empty());
    }

    #[tokio::test]
    async fn if_the_maker_panics_another_makes_it() {
        let flights: Arc<Flights<u8, &str>> = Arc::default();
        let (go, gone) = oneshot::channel::<()>();
        let first = flights.clone();
        let maker = tokio::spawn(async move {
            let make = || async {
                let _ = gone.await;
                panic!("on purpose");
            };
            first.join(&1, make).await
        });
        let_others_run().await;
        let second = flights.clone();
        let waiting = tokio::spawn(async move { second.join(&1, || async { "made" }).await });
        let_others_run().await;
        go.send(()).unwrap();
        assert!(maker.await.unwrap_err().is_panic());
        assert_eq!(waiting.await.unwrap(), "made");
        assert!(lock(&flights.open).is_empty());
    }

    #[tokio::test]
    async fn nothing_is_kept_when_all_give_up() {
        let port = Arc::new(Airport::default());
        let asked: Vec<_> = (0..5).map(|_| port.ask("tea")).collect();
        let_others_run().await;
        assert!(!port.is_empty());
        for one in &asked {
            one.abort();
        }
        for one in asked {
            assert!(one.await.unwrap_err().is_cancelled());
        }
        assert!(port.is_empty());
        // And a making that nobody ever polled leaves nothing either.
        drop(port.flights.join(&"rum", pending));
        assert!(port.is_empty());
    }
}
