//! Publishers on several threads against lanes: nothing that was sent is left lying.
//!
//! No timer rescues a lost wake-up here: the streams have none, and each round waits for its last
//! frame before the next begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::HeaderMap;
use hyperstar_sse::{Encoders, Group, Lanes, Sender};
use tokio::io::{AsyncReadExt, DuplexStream};

use crate::broadcast::Choices;
use crate::support::{DEADLINE, quiet};

const CLIENTS: usize = 24;
const ROUNDS: u64 = 150;

/// What one client has read.
#[derive(Default)]
struct Seen {
    frame: AtomicU64,
    event: AtomicU64,
    is_over: std::sync::atomic::AtomicBool,
}

/// Reads `data: f12` and `data: e3`, which must grow, as chunks do not matter here.
async fn read(mut socket: DuplexStream, seen: Arc<Seen>) {
    let (mut bytes, mut line) = ([0; 256], Vec::new());
    while let Ok(count @ 1..) = socket.read(&mut bytes).await {
        for &byte in &bytes[..count] {
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            let text = String::from_utf8(std::mem::take(&mut line)).unwrap();
            let (is_frame, number) = match text.strip_prefix("data: ") {
                Some(text) => (text.starts_with('f'), &text[1..]),
                None => continue,
            };
            let number: u64 = number.parse().unwrap();
            match is_frame {
                true => {
                    let before = seen.frame.swap(number, Ordering::SeqCst);
                    assert!(before < number, "frame {number} after {before}");
                }
                false => {
                    let before = seen.event.swap(number, Ordering::SeqCst);
                    assert_eq!(before + 1, number, "events come in order and without a gap");
                }
            }
        }
    }
    seen.is_over.store(true, Ordering::SeqCst);
}

fn wait(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "{what}");
        std::thread::sleep(Duration::from_micros(20));
    }
}

struct Viewer {
    sender: Sender,
    seen: Arc<Seen>,
    events: AtomicU64,
}

fn join(lanes: &Lanes, group: &Group, room: usize) -> Viewer {
    let (sender, response) = group.respond(&HeaderMap::new(), &quiet(), None);
    let (ours, theirs) = tokio::io::duplex(room);
    lanes.adopt(ours, response.into_body(), ()).unwrap();
    let seen = Arc::new(Seen::default());
    tokio::spawn(read(theirs, seen.clone()));
    Viewer {
        sender,
        seen,
        events: AtomicU64::new(0),
    }
}

#[test]
fn the_last_state_always_arrives() {
    for (threads, seed) in [(1, 1), (2, 2), (3, 3)] {
        check(threads, seed);
    }
}

fn check(threads: usize, seed: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_time()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let (lanes, group) = (Lanes::new(), Group::new(&Encoders::default()));
    // Some have room for a few bytes alone, so that they are in the middle of a chunk most of the time.
    let mut viewers: Vec<Viewer> = (0..CLIENTS)
        .map(|client| join(&lanes, &group, [7, 64, 4_096][client % 3]))
        .collect();
    let mut choices = Choices::of_seed(seed);
    // Frames are numbered when they are published, in that order.
    let numbers = std::sync::Mutex::new(0_u64);
    for round in 0..ROUNDS {
        let seeds = [choices.any(), choices.any(), choices.any()];
        std::thread::scope(|scope| {
            for seed in seeds {
                let (group, numbers) = (&group, &numbers);
                scope.spawn(move || {
                    let mut choices = Choices::of_seed(seed);
                    for _ in 0..choices.below(6) {
                        (0..choices.below(2_000)).for_each(|_| std::hint::spin_loop());
                        if choices.once_in(2) {
                            let mut number = numbers.lock().unwrap();
                            *number += 1;
                            group.publish(format!("data: f{number}\n\n"));
                        }
                    }
                });
            }
            // Events from one thread, so that their order is known.
            let mut choices = Choices::of_seed(seeds[0] ^ 1);
            for _ in 0..choices.below(40) {
                let viewer = &viewers[choices.below(CLIENTS)];
                let number = viewer.events.load(Ordering::SeqCst) + 1;
                if viewer.sender.event(format!("data: e{number}\n\n")).is_ok() {
                    viewer.events.store(number, Ordering::SeqCst);
                }
            }
        });
        let last = *numbers.lock().unwrap();
        for (client, viewer) in viewers.iter().enumerate() {
            let (seen, events) = (&viewer.seen, viewer.events.load(Ordering::SeqCst));
            wait(
                &format!("round {round}: client {client} lacks frame {last}"),
                || seen.frame.load(Ordering::SeqCst) == last,
            );
            wait(
                &format!("round {round}: client {client} lacks event {events}"),
                || seen.event.load(Ordering::SeqCst) == events,
            );
        }
        // One ends, another comes.
        let client = choices.below(CLIENTS);
        let room = choices.pick(&[7, 64, 4_096]);
        let old = std::mem::replace(&mut viewers[client], join(&lanes, &group, room));
        old.sender.close();
        if choices.once_in(2) {
            wait("a stream that is closed ends", || {
                old.seen.is_over.load(Ordering::SeqCst)
            });
        }
    }
    drop(viewers);
    wait("all are gone", || {
        lanes.connections() == 0 && group.clients() == 0
    });
}

/// Whoever waits for it never sees a frame that was not offered yet.
#[test]
fn served_is_never_said_too_early() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let (lanes, group) = (Lanes::new(), Group::new(&Encoders::default()));
    let viewers: Vec<(Sender, Arc<AtomicU64>)> = (0..6)
        .map(|_| {
            let (sender, response) = group.respond(&HeaderMap::new(), &quiet(), None);
            let last = Arc::new(AtomicU64::new(0));
            let socket = Noting(last.clone());
            lanes.adopt(socket, response.into_body(), ()).unwrap();
            (sender, last)
        })
        .collect();
    let first = group.publish("data: 1\n\n");
    wait("all have joined", || {
        viewers
            .iter()
            .all(|(_, last)| last.load(Ordering::SeqCst) == first)
    });
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let numbers = std::sync::Mutex::new(first);
    let publish = || {
        let mut number = numbers.lock().unwrap();
        *number += 1;
        group.publish(format!("data: {number}\n\n"))
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                publish();
                (0..300).for_each(|_| std::hint::spin_loop());
            }
        });
        for _ in 0..10_000 {
            let number = publish();
            runtime.block_on(async {
                tokio::time::timeout(DEADLINE, group.served())
                    .await
                    .expect("it is said")
            });
            for (_, last) in &viewers {
                let last = last.load(Ordering::SeqCst);
                if last < number {
                    is_over.store(true, Ordering::SeqCst);
                    panic!("frame {number} is said to be served, and {last} is the last");
                }
            }
        }
        is_over.store(true, Ordering::SeqCst);
    });
}

/// A socket that takes everything and notes the number in it.
struct Noting(Arc<AtomicU64>);

impl tokio::io::AsyncRead for Noting {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Pending
    }
}

impl tokio::io::AsyncWrite for Noting {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let text = std::str::from_utf8(bytes).unwrap();
        let number = text.lines().find_map(|line| line.strip_prefix("data: "));
        if let Some(number) = number {
            self.0.store(number.parse().unwrap(), Ordering::SeqCst);
        }
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}
