//! Comments on silent streams.

use std::time::Duration;

use http_body_util::BodyExt;
use hyperstar_sse::{Body, StreamConfig};
use tokio::time::{Instant, advance, timeout};

use crate::support::{Piece, bytes, data, plain, poll, quiet};

async fn next(body: &mut Body) -> Vec<u8> {
    body.frame()
        .await
        .unwrap()
        .unwrap()
        .into_data()
        .unwrap()
        .to_vec()
}

fn every(keep_alive_ms: u64) -> StreamConfig {
    StreamConfig {
        keep_alive_ms: Some(keep_alive_ms),
        ..quiet()
    }
}

#[test]
fn the_default_is_30_seconds() {
    assert_eq!(StreamConfig::default().keep_alive_ms, Some(30_000));
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_carries_comments() {
    let (_sender, mut body) = plain(&every(30_000));
    for _ in 0..3 {
        let begun = Instant::now();
        assert_eq!(next(&mut body).await, b":\n\n");
        assert_eq!(begun.elapsed().as_secs(), 30);
    }
}

#[tokio::test(start_paused = true)]
async fn traffic_starts_the_silence_anew() {
    let (sender, mut body) = plain(&every(30_000));
    assert_eq!(poll(&mut body), Piece::Nothing);
    for _ in 0..3 {
        advance(Duration::from_secs(20)).await;
        sender.event(data("1")).unwrap();
        assert_eq!(poll(&mut body), bytes("data: 1\n\n"));
        assert_eq!(poll(&mut body), Piece::Nothing);
    }
    let begun = Instant::now();
    assert_eq!(next(&mut body).await, b":\n\n");
    assert_eq!(begun.elapsed().as_secs(), 30);
}

/// A server that could not write for long has no comment to write first.
#[tokio::test(start_paused = true)]
async fn what_waits_comes_before_a_comment() {
    let (sender, mut body) = plain(&every(1_000));
    assert_eq!(poll(&mut body), Piece::Nothing);
    sender.frame("state");
    advance(Duration::from_secs(10)).await;
    assert_eq!(poll(&mut body), bytes("state"));
    assert_eq!(poll(&mut body), Piece::Nothing);
}

#[tokio::test(start_paused = true)]
async fn an_app_can_keep_it_to_itself() {
    let (sender, mut body) = plain(&quiet());
    let week = Duration::from_secs(7 * 24 * 3_600);
    assert!(timeout(week, body.frame()).await.is_err());
    sender.frame("still here");
    assert_eq!(next(&mut body).await, b"still here");
}

/// Else one poll would never find an end to them.
#[tokio::test(start_paused = true)]
async fn comments_without_a_pause_are_not_sent() {
    let (_sender, mut body) = plain(&every(0));
    assert_eq!(next(&mut body).await, b":\n\n");
    assert_eq!(poll(&mut body), Piece::Nothing);
}

#[tokio::test(start_paused = true)]
async fn the_end_is_not_delayed_by_a_timer() {
    let (sender, mut body) = plain(&every(30_000));
    assert_eq!(poll(&mut body), Piece::Nothing);
    sender.close();
    let begun = Instant::now();
    assert!(body.frame().await.is_none());
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
