//! Streams whose client takes nothing.

use std::time::Duration;

use hyperstar_sse::{CloseReason, Registry, SendError, Sender, StreamConfig};
use tokio::time::{Instant, advance};

use crate::support::{Piece, bytes, plain, poll, quiet};

fn patient_for(stall_ms: u64) -> StreamConfig {
    StreamConfig {
        stall_ms,
        ..quiet()
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_nothing_is_let_go_when_it_is_offered_more() {
    let offers: [fn(&Sender); 4] = [
        |sender| sender.frame("late"),
        |sender| assert_eq!(sender.event("late"), Err(SendError::Closed)),
        |sender| assert!(sender.sweep()),
        |sender| {
            let topics = Registry::default();
            let _membership = topics.join("t", 1, sender).unwrap();
            assert_eq!(topics.broadcast("t", "late"), 0, "it was not given to it");
            assert_eq!(topics.count("t"), 0);
        },
    ];
    for offer in offers {
        let (sender, mut body) = plain(&patient_for(1_000));
        sender.frame(vec![0; 100_000]);
        sender.event(vec![0; 1_000]).unwrap();
        advance(Duration::from_millis(999)).await;
        assert!(!sender.sweep());
        sender.frame(vec![1; 100_000]);
        assert_eq!(
            sender.waiting(),
            (2, 101_000),
            "being offered more is no excuse"
        );
        advance(Duration::from_millis(1)).await;
        offer(&sender);
        assert_eq!(sender.waiting(), (0, 0), "its memory is free");
        assert_eq!(sender.closed().await, CloseReason::Stalled);
        assert_eq!(poll(&mut body), Piece::End);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_anything_in_between_is_kept() {
    let (sender, mut body) = plain(&patient_for(1_000));
    for number in 0..20_u8 {
        sender.event(vec![number, 0]).unwrap();
        sender.event(vec![number, 1]).unwrap();
    }
    for number in 0..20_u8 {
        advance(Duration::from_millis(999)).await;
        assert_eq!(poll(&mut body), bytes(vec![number, 0]));
        advance(Duration::from_millis(999)).await;
        assert!(!sender.sweep());
        assert_eq!(poll(&mut body), bytes(vec![number, 1]));
        sender.frame("more");
    }
    assert_eq!(poll(&mut body), bytes("more"));
}

#[tokio::test(start_paused = true)]
async fn one_that_was_offered_nothing_has_not_stalled() {
    let (sender, mut body) = plain(&patient_for(1_000));
    advance(Duration::from_secs(3_600)).await;
    assert!(!sender.sweep());
    sender.frame("1");
    assert_eq!(poll(&mut body), bytes("1"));
    advance(Duration::from_secs(3_600)).await;
    sender.frame("2");
    assert_eq!(poll(&mut body), bytes("2"));
}

#[tokio::test(start_paused = true)]
async fn how_long_it_has_taken_nothing_is_known() {
    let (sender, mut body) = plain(&patient_for(1_000));
    let begun = Instant::now();
    assert_eq!(sender.pending_since(), None);
    assert!(!sender.is_stalled(begun + Duration::from_secs(3_600)));
    sender.frame("1");
    advance(Duration::from_millis(400)).await;
    sender.event("2").unwrap();
    assert_eq!(sender.pending_since(), Some(begun));
    assert!(!sender.is_stalled(begun + Duration::from_millis(999)));
    assert!(sender.is_stalled(begun + Duration::from_millis(1_000)));
    assert!(!sender.is_closed(), "to ask lets nobody go");
    assert_eq!(poll(&mut body), bytes("1"));
    assert_eq!(sender.pending_since(), Some(Instant::now()));
    assert_eq!(poll(&mut body), bytes("2"));
    assert_eq!(sender.pending_since(), None);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_closed_can_still_be_swept() {
    let (sender, _body) = plain(&patient_for(1_000));
    sender.event("1").unwrap();
    sender.close();
    assert!(!sender.sweep(), "what is queued may go out yet");
    advance(Duration::from_secs(1)).await;
    assert!(sender.sweep());
    assert_eq!(sender.closed().await, CloseReason::Stalled);
    assert!(sender.sweep(), "it is gone");
}

#[tokio::test(start_paused = true)]
async fn a_registry_sweeps_its_silent_topics() {
    let topics = Registry::default();
    let (slow, _slow_body) = plain(&patient_for(1_000));
    let (quick, mut quick_body) = plain(&patient_for(1_000));
    let _memberships = [
        topics.join("t", "slow", &slow).unwrap(),
        topics.join("t", "quick", &quick).unwrap(),
    ];
    topics.broadcast("t", "1");
    assert_eq!(poll(&mut quick_body), bytes("1"));
    assert_eq!(topics.sweep(), 2);
    advance(Duration::from_secs(1)).await;
    assert_eq!(topics.sweep(), 1);
    assert_eq!(topics.keys("t"), ["quick"]);
    assert_eq!(slow.closed().await, CloseReason::Stalled);
}
