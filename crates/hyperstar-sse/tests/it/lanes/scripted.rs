//! What a lane does first and what next, told by sockets that note it and do something meanwhile.
//!
//! The runtime has one thread, so there is one lane, and nothing happens while a test does not wait.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::HeaderMap;
use hyperstar_sse::{Encoders, Group, Lanes, Sender};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::support::{quiet, within};

/// What was written, by whom.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(usize, String)>>>);

impl Log {
    fn of(&self, client: usize) -> Vec<String> {
        let log = self.0.lock().unwrap();
        let of = log.iter().filter(|(writer, _)| *writer == client);
        of.map(|(_, text)| text.clone()).collect()
    }

    fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

type OnWrite = Box<dyn FnMut(&str) -> io::Result<()> + Send>;

/// A socket that takes everything, and does something of its own when it is written to.
struct Scripted {
    number: usize,
    log: Log,
    on_write: OnWrite,
}

impl AsyncRead for Scripted {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let text = std::str::from_utf8(bytes).unwrap().to_owned();
        (self.on_write)(&text)?;
        self.log.0.lock().unwrap().push((self.number, text));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Lanes, and clients by number.
#[derive(Clone, Default)]
struct Stage {
    lanes: Lanes,
    log: Log,
}

impl Stage {
    fn join(&self, group: &Group, number: usize, on_write: OnWrite) -> Sender {
        let (sender, response) = group.respond(&HeaderMap::new(), &quiet(), None);
        let scripted = Scripted {
            number,
            log: self.log.clone(),
            on_write,
        };
        let adopted = self.lanes.adopt(scripted, response.into_body(), ());
        adopted.unwrap();
        sender
    }
}

fn nothing() -> OnWrite {
    Box::new(|_| Ok(()))
}

fn frame(number: usize) -> String {
    format!("data: frame {number}\n\n")
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// Until no task has anything to do.
async fn settle(group: &Group) {
    within(group.served()).await;
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_joins_during_a_pass_takes_nobodys_turn() {
    let (stage, group) = (Stage::default(), Group::new(&Encoders::default()));
    let late = Arc::new(Mutex::new(Vec::new()));
    let mut senders = Vec::new();
    for number in 0..200 {
        let (group_, stage_, late) = (group.clone(), stage.clone(), late.clone());
        let on_write: OnWrite = match number {
            // In the first turn: the circle begins anew in its middle.
            10 => Box::new(move |text| {
                if text.contains("frame 2") {
                    group_.publish(frame(3));
                }
                Ok(())
            }),
            // In a later turn of that.
            100 => Box::new(move |text| {
                if text.contains("frame 3") {
                    let mut late = late.lock().unwrap();
                    late.push(stage_.join(&group_, 200, nothing()));
                }
                Ok(())
            }),
            _ => nothing(),
        };
        senders.push(stage.join(&group, number, on_write));
    }
    group.publish(frame(1));
    settle(&group).await;
    group.publish(frame(2));
    settle(&group).await;
    for number in 0..=200 {
        let last = stage.log.of(number).pop();
        assert_eq!(last, Some(chunk(&frame(3))), "client {number}");
    }
    late.lock().unwrap().clear();
}

#[tokio::test]
async fn who_leaves_during_a_pass_takes_nobodys_turn() {
    let (stage, group) = (Stage::default(), Group::new(&Encoders::default()));
    let mut senders = Vec::new();
    for number in 0..192 {
        let group_ = group.clone();
        let on_write: OnWrite = match number {
            10 => Box::new(move |text| {
                if text.contains("frame 2") {
                    group_.publish(frame(3));
                }
                Ok(())
            }),
            // In the turn that ends at the end of the list.
            130 => Box::new(|text| match text.contains("frame 3") {
                true => Err(io::ErrorKind::ConnectionReset.into()),
                false => Ok(()),
            }),
            _ => nothing(),
        };
        senders.push(stage.join(&group, number, on_write));
    }
    group.publish(frame(1));
    settle(&group).await;
    group.publish(frame(2));
    settle(&group).await;
    for number in (0..192).filter(|number| *number != 130) {
        let last = stage.log.of(number).pop();
        assert_eq!(last, Some(chunk(&frame(3))), "client {number}");
    }
    assert_eq!(stage.lanes.connections(), 191);
    assert_eq!(group.clients(), 191);
}

#[tokio::test]
async fn an_event_comes_before_the_frames_that_came_after_it() {
    let (stage, group) = (Stage::default(), Group::new(&Encoders::default()));
    let senders: Vec<Sender> = (0..200)
        .map(|number| stage.join(&group, number, nothing()))
        .collect();
    group.publish(frame(1));
    settle(&group).await;
    stage.log.clear();
    // The lane looks at these in the opposite order of its list.
    for sender in senders.iter().rev() {
        sender.event("data: event\n\n").unwrap();
    }
    group.publish(frame(2));
    settle(&group).await;
    for number in 0..200 {
        let written = stage.log.of(number).concat();
        let expected = [chunk("data: event\n\n"), chunk(&frame(2))].concat();
        assert_eq!(written, expected, "client {number}");
    }
}

#[tokio::test]
async fn an_event_comes_after_the_frame_that_came_before_it() {
    let (stage, group) = (Stage::default(), Group::new(&Encoders::default()));
    let sender = stage.join(&group, 0, nothing());
    group.publish(frame(1));
    settle(&group).await;
    stage.log.clear();
    sender.event("data: before\n\n").unwrap();
    group.publish(frame(2));
    sender.event("data: after\n\n").unwrap();
    settle(&group).await;
    let expected = [
        chunk("data: before\n\n"),
        chunk(&frame(2)),
        chunk("data: after\n\n"),
    ];
    assert_eq!(stage.log.of(0), expected);
}

#[tokio::test]
async fn a_large_group_does_not_hold_up_a_small_one() {
    let stage = Stage::default();
    let encoders = Encoders::default();
    let (large, small) = (Group::new(&encoders), Group::new(&encoders));
    let mut senders: Vec<Sender> = (1..=5_000)
        .map(|number| stage.join(&large, number, nothing()))
        .collect();
    senders.push(stage.join(&small, 0, nothing()));
    for _ in 0..3 {
        settle(&large).await;
        settle(&small).await;
        stage.log.clear();
        large.publish(frame(1));
        small.publish(frame(1));
        within(small.served()).await;
        within(large.served()).await;
        let log = stage.log.0.lock().unwrap();
        assert_eq!(log.len(), 5_001);
        let turn = log.iter().position(|(writer, _)| *writer == 0).unwrap();
        assert!(turn <= 128, "{turn} others came first");
    }
}

#[tokio::test]
async fn what_is_no_stream_is_given_back() {
    let lanes = Lanes::new();
    let once = hyperstar_sse::once(&HeaderMap::new(), &quiet(), "data: 1\n\n".into());
    let (io, _theirs) = tokio::io::duplex(64);
    assert!(lanes.adopt(io, once.into_body(), ()).is_err());
    assert_eq!(lanes.connections(), 0);
}
