//! The order of one tab's actions: each runs once, one after the other, as they were made.
//!
//! A page numbers its actions from one and says with each how many of its earlier ones have been
//! answered. An action waits until those before it have ended. One that comes again, since its
//! answer was lost, gets the answer that was kept. A number that never arrives holds the later ones
//! up for [`GAP_MS`] and is skipped then; should it come after all, it runs at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::hub::lock;

/// How long a missing number is waited for.
pub(crate) const GAP_MS: u64 = 2_000;
/// The most actions of one tab that wait or whose answers are kept; more are refused.
pub(crate) const KEPT_MAX: usize = 256;

/// The largest answer that is kept. A repeated action whose answer was larger is told that it is
/// done; the pages follow through their streams as always.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// How an action was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    /// Events if the status is a success, else the sentence for the person.
    pub(crate) body: Bytes,
}

/// What an arriving action is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Run, and then call [`Order::finish`] with the number.
    Run,
    /// It ran before; this was the answer.
    Repeat(Answered),
    /// Too many of this tab's actions are waiting.
    Full,
}

/// One tab's order.
#[derive(Default)]
pub(crate) struct Order {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// The number whose turn is next; 0 until the first action arrives.
    next: u64,
    running: bool,
    waiting: BTreeSet<u64>,
    skipped: BTreeSet<u64>,
    /// Ended or still to end (`None`).
    known: BTreeMap<u64, Option<Answered>>,
}

impl Order {
    /// Waits for the turn of action `seq` of a page that has had answers to all up to `acked`.
    ///
    /// # Cancel safety
    /// Not cancel safe: run it on a task of its own.
    pub(crate) async fn turn(&self, seq: u64, acked: u64) -> Turn {
        let came = {
            let mut state = lock(&self.state);
            if state.next == 0 {
                // The server knows nothing of this tab (it is new, or the server is): whatever the
                // page still waits for is what comes.
                state.next = acked.saturating_add(1).min(seq);
            }
            let settled = acked.min(seq.saturating_sub(1));
            state
                .known
                .retain(|known, answer| *known > settled || answer.is_none());
            state.skipped.retain(|skipped| *skipped > settled);
            let is_known = state.known.contains_key(&seq);
            if !is_known && state.known.len() >= KEPT_MAX {
                return Turn::Full;
            }
            if !is_known && seq < state.next && !state.skipped.remove(&seq) {
                // The page has had the answer, so this is an echo of the network.
                return Turn::Repeat(Answered {
                    status: StatusCode::NO_CONTENT,
                    body: Bytes::new(),
                });
            }
            if !is_known {
                state.known.insert(seq, None);
                state.waiting.insert(seq);
            }
            !is_known
        };
        if came {
            self.first(seq).await
        } else {
            self.again(seq).await
        }
    }

    /// Notes how an action ended, and lets the next one go.
    pub(crate) fn finish(&self, seq: u64, mut answer: Answered) {
        if answer.body.len() > ANSWER_BYTES_MAX {
            answer = Answered {
                status: StatusCode::NO_CONTENT,
                body: Bytes::new(),
            };
        }
        {
            let mut state = lock(&self.state);
            state.running = false;
            state.next = state.next.max(seq.saturating_add(1));
            state.known.insert(seq, Some(answer));
        }
        self.changed.notify_waiters();
    }

    /// Whether nothing waits or runs.
    pub(crate) fn is_idle(&self) -> bool {
        let state = lock(&self.state);
        !state.running && state.waiting.is_empty()
    }

    async fn first(&self, seq: u64) -> Turn {
        let mut deadline = Instant::now() + Duration::from_millis(GAP_MS);
        loop {
            // Made before the look, so that no change in between is missed.
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let held_by_gap = {
                let mut state = lock(&self.state);
                if !state.running && seq <= state.next {
                    state.running = true;
                    state.waiting.remove(&seq);
                    return Turn::Run;
                }
                !state.running && state.waiting.first() == Some(&seq)
            };
            if !held_by_gap {
                changed.await;
                deadline = Instant::now() + Duration::from_millis(GAP_MS);
                continue;
            }
            tokio::select! {
                () = &mut changed => {}
                () = tokio::time::sleep_until(deadline) => {
                    let mut state = lock(&self.state);
                    if !state.running && state.waiting.first() == Some(&seq) {
                        let missing = state.next..seq;
                        // Only the newest are remembered: an attacker chooses the distance.
                        let from = missing.start.max(missing.end.saturating_sub(KEPT_MAX as u64));
                        state.skipped.extend(from..missing.end);
                        while state.skipped.len() > KEPT_MAX {
                            state.skipped.pop_first();
                        }
                        state.next = seq;
                    }
                }
            }
        }
    }

    async fn again(&self, seq: u64) -> Turn {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match lock(&self.state).known.get(&seq) {
                Some(Some(answer)) => return Turn::Repeat(answer.clone()),
                Some(None) => {}
                None => {
                    return Turn::Repeat(Answered {
                        status: StatusCode::NO_CONTENT,
                        body: Bytes::new(),
                    });
                }
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn answer(text: &'static str) -> Answered {
        Answered {
            status: StatusCode::OK,
            body: Bytes::from_static(text.as_bytes()),
        }
    }

    /// Lets the numbers arrive in `arrivals` order and gives back the order in which they ran.
    async fn check(arrivals: &[(u64, u64)], ran: &[u64]) {
        let order = Arc::new(Order::default());
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for &(seq, acked) in arrivals {
            let (order, log) = (order.clone(), log.clone());
            tasks.push(tokio::spawn(async move {
                if order.turn(seq, acked).await == Turn::Run {
                    lock(&log).push(seq);
                    tokio::task::yield_now().await;
                    order.finish(seq, answer("done"));
                }
            }));
            tokio::task::yield_now().await;
        }
        for task in tasks {
            task.await.expect("no panic");
        }
        assert_eq!(*lock(&log), ran, "{arrivals:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn they_run_in_the_order_they_were_made_in() {
        check(&[(1, 0), (2, 0), (3, 0)], &[1, 2, 3]).await;
        check(&[(3, 0), (1, 0), (2, 0)], &[1, 2, 3]).await;
        check(&[(18, 15), (17, 15), (16, 15)], &[16, 17, 18]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_repeated_one_runs_once() {
        check(&[(1, 0), (1, 0), (2, 0), (1, 0)], &[1, 2]).await;
        let order = Order::default();
        assert_eq!(order.turn(1, 0).await, Turn::Run);
        order.finish(1, answer("first"));
        assert_eq!(order.turn(1, 0).await, Turn::Repeat(answer("first")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_gap_times_out_and_its_number_still_runs_when_it_comes() {
        let before = Instant::now();
        check(&[(3, 0), (4, 0)], &[3, 4]).await;
        assert!(before.elapsed() >= Duration::from_millis(GAP_MS));

        let order = Order::default();
        assert_eq!(order.turn(2, 0).await, Turn::Run);
        order.finish(2, answer("two"));
        assert_eq!(order.turn(1, 0).await, Turn::Run, "late, but never lost");
        order.finish(1, answer("one"));
        assert_eq!(order.turn(3, 2).await, Turn::Run);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_bounded() {
        let order = Order::default();
        for seq in 1..=KEPT_MAX as u64 {
            assert_eq!(order.turn(seq, 0).await, Turn::Run);
            order.finish(seq, answer("x"));
        }
        let more = KEPT_MAX as u64 + 1;
        assert_eq!(order.turn(more, 0).await, Turn::Full);
        assert_eq!(
            order.turn(more, more - 1).await,
            Turn::Run,
            "acknowledged answers are let go"
        );
        order.finish(more, answer("x"));
        assert_eq!(
            order.turn(u64::MAX, u64::MAX).await,
            Turn::Run,
            "no distance overflows"
        );
        order.finish(u64::MAX, answer("x"));
        assert!(lock(&order.state).skipped.len() <= KEPT_MAX);
    }
}
