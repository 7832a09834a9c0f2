//! The frame, the queue, and the ways in which a stream ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body as _;
use hyperstar_sse::{Body, CloseReason, SendError, Sender, StreamConfig};

use crate::support::{
    Bell, Piece, bytes, data, does_not_hang, drain, plain, poll, poll_with, quiet, within,
};

#[test]
fn what_was_set_first_is_taken_first() {
    /// `f1` sets a frame, `e2` queues an event.
    fn check(steps: &str, expected: &str) {
        let (sender, mut body) = plain(&quiet());
        for step in steps.split_whitespace() {
            match step.split_at(1) {
                ("f", _) => sender.frame(step.to_owned()),
                _ => sender.event(step.to_owned()).unwrap(),
            }
        }
        let (pieces, ended) = drain(&mut body);
        let taken: Vec<&str> = pieces
            .iter()
            .map(|piece| std::str::from_utf8(piece).unwrap())
            .collect();
        assert_eq!(taken.join(" "), expected, "{steps}");
        assert!(!ended);
        assert_eq!(sender.waiting(), (0, 0));
    }
    check("", "");
    check("f1", "f1");
    check("e1 e2 e3", "e1 e2 e3");
    check("f1 e2", "f1 e2");
    check("e1 f2 e3", "e1 f2 e3");
    // The latest frame is all that counts, and stands where it was set last.
    check("f1 f2 f3", "f3");
    check("f1 e2 f3", "e2 f3");
    check("f1 e2 f3 e4", "e2 f3 e4");
}

#[test]
fn a_frame_that_was_taken_is_not_replaced() {
    let (sender, mut body) = plain(&quiet());
    sender.frame("1");
    assert_eq!(poll(&mut body), bytes("1"));
    sender.frame("2");
    assert_eq!(poll(&mut body), bytes("2"));
    assert_eq!(poll(&mut body), Piece::Nothing);
}

#[test]
fn a_full_queue_is_as_it_was() {
    fn check(events_max: usize, bytes_max: usize, fit: &[&'static str], refused: &'static str) {
        let config = StreamConfig {
            queue_events_max: events_max,
            queue_bytes_max: bytes_max,
            ..quiet()
        };
        let (sender, mut body) = plain(&config);
        for event in fit {
            sender.event(*event).unwrap();
        }
        let waiting = sender.waiting();
        assert_eq!(
            waiting,
            (fit.len(), fit.iter().map(|event| event.len()).sum())
        );
        for _ in 0..3 {
            assert_eq!(sender.event(refused), Err(SendError::Full));
            assert_eq!(sender.waiting(), waiting);
        }
        assert!(!sender.is_closed());
        // Frames have a place of their own.
        sender.frame("a frame is not bounded by the queue");
        let (pieces, ended) = drain(&mut body);
        assert_eq!(pieces[..fit.len()], *fit);
        assert_eq!(pieces.len(), fit.len() + 1);
        assert!(!ended);
        // There is room again.
        if events_max > 0 && refused.len() <= bytes_max {
            sender.event(refused).unwrap();
            assert_eq!(poll(&mut body), bytes(refused));
        }
    }
    check(2, 1_000, &["a", "b"], "c");
    check(100, 4, &["ab", "cd"], "e");
    check(100, 4, &["abc"], "de");
    check(100, 4, &[], "abcde");
    check(0, 1_000, &[], "a");
}

#[test]
fn a_stream_ends_after_what_is_queued() {
    let check = |end: fn(Sender, Sender)| {
        let (sender, mut body) = plain(&quiet());
        let (reason, is_over) = mpsc::channel();
        sender.on_close(move |why| reason.send(why).unwrap());
        sender.event("1").unwrap();
        sender.frame("2");
        end(sender.clone(), sender);
        assert!(is_over.try_recv().is_err(), "something waits still");
        assert_eq!(poll(&mut body), bytes("1"));
        assert_eq!(poll(&mut body), bytes("2"));
        assert!(is_over.try_recv().is_err(), "the end was not read yet");
        assert_eq!(poll(&mut body), Piece::End);
        assert_eq!(is_over.try_recv(), Ok(CloseReason::Ended));
        assert!(body.is_end_stream());
        assert_eq!(poll(&mut body), Piece::End);
        drop(body);
        assert!(is_over.try_recv().is_err(), "only once");
    };
    check(|one, other| drop((one, other)));
    check(|one, _other| one.close());
    check(|one, other| {
        one.close();
        one.close();
        assert!(other.is_closed());
        assert_eq!(other.event("3"), Err(SendError::Closed));
        other.frame("3");
    });
}

#[test]
fn one_clone_is_enough_to_keep_a_stream() {
    let (sender, mut body) = plain(&quiet());
    let clone = sender.clone();
    assert!(clone.is(&sender));
    assert!(!clone.is(&plain(&quiet()).0));
    drop(sender);
    assert_eq!(poll(&mut body), Piece::Nothing);
    clone.event("1").unwrap();
    assert_eq!(poll(&mut body), bytes("1"));
}

#[test]
fn an_evicted_stream_ends_at_once() {
    let (sender, mut body) = plain(&quiet());
    sender.event("1").unwrap();
    sender.frame("2");
    sender.evict(CloseReason::Overflow);
    assert_eq!(sender.waiting(), (0, 0));
    assert_eq!(sender.event("3"), Err(SendError::Closed));
    sender.frame("3");
    sender.evict(CloseReason::Stalled);
    assert_eq!(poll(&mut body), Piece::End);
    drop(body);
    let (reason, is_over) = mpsc::channel();
    sender.on_close(move |why| reason.send(why).unwrap());
    assert_eq!(
        is_over.try_recv(),
        Ok(CloseReason::Overflow),
        "the first reason stands"
    );
}

#[test]
fn an_evicted_stream_drops_what_was_queued_before_it_was_closed() {
    let (sender, mut body) = plain(&quiet());
    sender.event("1").unwrap();
    sender.close();
    sender.evict(CloseReason::Stalled);
    assert_eq!(poll(&mut body), Piece::End);
}

/// A way to end, the reason that it gives, and how it is done to a stream in which something waits.
type End = (&'static str, CloseReason, fn(&Sender, Body));

fn ends() -> Vec<End> {
    vec![
        (
            "the body is dropped",
            CloseReason::Disconnected,
            |_, body| drop(body),
        ),
        ("the end is read", CloseReason::Ended, |sender, mut body| {
            sender.close();
            assert_eq!(
                drain(&mut body),
                (vec![Bytes::from_static(b"waiting")], true)
            );
        }),
        ("it is evicted", CloseReason::Overflow, |sender, _body| {
            sender.evict(CloseReason::Overflow)
        }),
        (
            "a frame finds it stalled",
            CloseReason::Stalled,
            |sender, _body| sender.frame("x"),
        ),
        (
            "an event finds it stalled",
            CloseReason::Stalled,
            |sender, _body| {
                assert_eq!(sender.event("x"), Err(SendError::Closed));
            },
        ),
        (
            "a sweep finds it stalled",
            CloseReason::Stalled,
            |sender, _body| assert!(sender.sweep()),
        ),
    ]
}

#[test]
fn hooks_run_once_and_may_use_the_stream() {
    for (way, expected, end) in ends() {
        does_not_hang(move || {
            // No patience at all: what waits has stalled.
            let (sender, body) = plain(&StreamConfig {
                stall_ms: 0,
                ..quiet()
            });
            let runs = Arc::new(AtomicUsize::new(0));
            for _ in 0..2 {
                let (inner, runs) = (sender.clone(), runs.clone());
                sender.on_close(move |reason| {
                    assert_eq!(reason, expected);
                    runs.fetch_add(1, Ordering::SeqCst);
                    // All of these take the lock.
                    assert!(inner.is_closed());
                    assert_eq!(inner.waiting(), (0, 0));
                    assert_eq!(inner.event("x"), Err(SendError::Closed));
                    inner.frame("x");
                    inner.close();
                    inner.evict(CloseReason::Ended);
                    assert!(inner.sweep());
                    let (again, runs) = (inner.clone(), runs.clone());
                    inner.on_close(move |reason| {
                        assert_eq!(reason, expected);
                        runs.fetch_add(1, Ordering::SeqCst);
                        drop(again);
                    });
                });
            }
            sender.event("waiting").unwrap();
            assert_eq!(runs.load(Ordering::SeqCst), 0, "{way}");
            end(&sender, body);
            assert_eq!(runs.load(Ordering::SeqCst), 4, "{way}");
            sender.evict(CloseReason::Ended);
            drop(sender);
            assert_eq!(runs.load(Ordering::SeqCst), 4, "{way}");
        });
    }
}

#[test]
fn a_hook_that_comes_after_the_end_runs_at_once() {
    for (way, expected, end) in ends() {
        let (sender, body) = plain(&StreamConfig {
            stall_ms: 0,
            ..quiet()
        });
        sender.event("waiting").unwrap();
        end(&sender, body);
        let (reason, is_over) = mpsc::channel();
        sender.on_close(move |why| reason.send(why).unwrap());
        assert_eq!(is_over.try_recv(), Ok(expected), "{way}");
    }
}

#[test]
fn a_stream_that_ends_in_several_places_at_once_ends_once() {
    for _ in 0..500 {
        let (sender, body) = plain(&quiet());
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();
        sender.on_close(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let start = Barrier::new(3);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                drop(body);
            });
            scope.spawn(|| {
                start.wait();
                sender.evict(CloseReason::Overflow);
            });
            start.wait();
            let late = runs.clone();
            sender.on_close(move |_| {
                late.fetch_add(1, Ordering::SeqCst);
            });
        });
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn all_who_wait_for_the_end_are_told() {
    for (way, expected, end) in ends() {
        let (sender, body) = plain(&StreamConfig {
            stall_ms: 0,
            ..quiet()
        });
        let mut waiters = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let sender = sender.clone();
            waiters.spawn(async move { sender.closed().await });
        }
        // One that gives up does no harm.
        tokio::select! {
            biased;
            _ = sender.closed() => panic!("{way}: it is not over"),
            () = tokio::task::yield_now() => {}
        }
        sender.event("waiting").unwrap();
        end(&sender, body);
        for reason in within(waiters.join_all()).await {
            assert_eq!(reason, expected, "{way}");
        }
        assert_eq!(
            within(sender.closed()).await,
            expected,
            "{way}: it stays over"
        );
    }
}

/// However many wait and give up, a stream that lives for days does not gather them.
#[test]
fn one_who_gives_up_waiting_leaves_nothing_behind() {
    let (sender, body) = plain(&quiet());
    let (bell, waker) = Bell::new();
    for _ in 0..100 {
        let mut closed = Box::pin(sender.closed());
        for _ in 0..2 {
            let polled = closed.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        assert_eq!(
            Arc::strong_count(&bell),
            3,
            "the test's two, and the stream's"
        );
    }
    assert_eq!(Arc::strong_count(&bell), 2);
    // One that moves to another task is woken there, and only there.
    let (other, other_waker) = Bell::new();
    let mut closed = Box::pin(sender.closed());
    for waker in [&waker, &other_waker] {
        let polled = closed.as_mut().poll(&mut Context::from_waker(waker));
        assert!(polled.is_pending());
    }
    drop(body);
    assert_eq!((bell.rings(), other.rings()), (0, 1));
    let polled = closed.as_mut().poll(&mut Context::from_waker(&waker));
    assert_eq!(polled, Poll::Ready(CloseReason::Disconnected));
}

#[test]
fn the_last_one_who_polled_is_woken() {
    let check = |act: fn(&Sender)| {
        let (sender, mut body) = plain(&quiet());
        let (first, first_waker) = Bell::new();
        let (last, last_waker) = Bell::new();
        assert_eq!(poll_with(&mut body, &first_waker), Piece::Nothing);
        assert_eq!(poll_with(&mut body, &last_waker), Piece::Nothing);
        assert_eq!(poll_with(&mut body, &last_waker), Piece::Nothing);
        act(&sender);
        assert_eq!((first.rings(), last.rings()), (0, 1));
    };
    check(|sender| sender.frame("1"));
    check(|sender| sender.event("1").unwrap());
    check(Sender::close);
    check(|sender| sender.evict(CloseReason::Overflow));
}

#[test]
fn dropping_the_last_sender_wakes_the_server() {
    let (sender, mut body) = plain(&quiet());
    let (bell, waker) = Bell::new();
    assert_eq!(poll_with(&mut body, &waker), Piece::Nothing);
    drop(sender);
    assert_eq!(bell.rings(), 1);
    assert_eq!(poll_with(&mut body, &waker), Piece::End);
}

/// Code of the app's own that runs while something is sent may use the stream, too.
#[test]
fn no_lock_is_held_while_a_frame_is_made_or_freed() {
    struct Making(Sender);
    impl From<Making> for Bytes {
        fn from(making: Making) -> Self {
            assert!(!making.0.is_closed());
            data("made").encode()
        }
    }
    struct Owner(Sender);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            b"owned"
        }
    }
    impl Drop for Owner {
        fn drop(&mut self) {
            assert_eq!(self.0.waiting().0, 1);
        }
    }
    does_not_hang(|| {
        let (sender, mut body) = plain(&quiet());
        sender.frame(Bytes::from_owner(Owner(sender.clone())));
        sender.frame(Making(sender.clone()));
        assert_eq!(poll(&mut body), bytes("data: made\n\n"));
        sender.event(Making(sender.clone())).unwrap();
        assert_eq!(poll(&mut body), bytes("data: made\n\n"));
        // What waits when a stream is let go is freed likewise.
        struct Late(Sender);
        impl AsRef<[u8]> for Late {
            fn as_ref(&self) -> &[u8] {
                b"late"
            }
        }
        impl Drop for Late {
            fn drop(&mut self) {
                assert!(self.0.is_closed());
            }
        }
        sender.frame(Bytes::from_owner(Late(sender.clone())));
        let late = Bytes::from_owner(Late(sender.clone()));
        sender.event(late).unwrap();
        drop(body);
        assert_eq!(sender.waiting(), (0, 0));
    });
}
