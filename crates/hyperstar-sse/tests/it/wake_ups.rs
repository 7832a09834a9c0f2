//! Publishers and servers on different threads: nothing that was sent is left lying.
//!
//! No timer rescues a lost wake-up here: the streams have none.

use std::hint::spin_loop;
use std::sync::mpsc;
use std::thread;

use http_body_util::BodyExt;
use hyperstar_sse::{Body, SendError};

use crate::support::{DEADLINE, plain, quiet};

/// Reads a stream of numbers to its end, on a thread of its own.
fn read_numbers(mut body: Body) -> (thread::JoinHandle<()>, mpsc::Receiver<u64>) {
    let (read, numbers) = mpsc::channel();
    let reader = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            while let Some(frame) = body.frame().await {
                let bytes = frame.unwrap().into_data().unwrap();
                let number = u64::from_be_bytes(bytes[..].try_into().unwrap());
                // The test is over when nobody listens.
                let _ = read.send(number);
            }
        });
    });
    (reader, numbers)
}

/// After each burst nothing follows until its last frame was read: a wake-up that is lost hangs.
#[test]
fn the_last_frame_is_always_delivered() {
    let (sender, body) = plain(&quiet());
    let (reader, numbers) = read_numbers(body);
    let mut last = 0_u64;
    for round in 0..20_000_u64 {
        let mut seen = last;
        for part in 0..1 + round % 3 {
            // So as to meet the reader at each of its steps.
            (0..(round * 7 + part) % 97).for_each(|_| spin_loop());
            last += 1;
            sender.frame(last.to_be_bytes().to_vec());
        }
        while seen != last {
            let number = numbers
                .recv_timeout(DEADLINE)
                .expect("the last frame is delivered");
            assert!(seen < number && number <= last, "{number} after {seen}");
            seen = number;
        }
    }
    drop(sender);
    reader.join().unwrap();
}

#[test]
fn all_events_are_delivered_in_order() {
    let (sender, body) = plain(&quiet());
    let (reader, numbers) = read_numbers(body);
    let publisher = thread::spawn(move || {
        for number in 0..200_000_u64 {
            while let Err(full) = sender.event(number.to_be_bytes().to_vec()) {
                assert_eq!(full, SendError::Full);
                thread::yield_now();
            }
        }
    });
    for expected in 0..200_000 {
        let number = numbers
            .recv_timeout(DEADLINE)
            .expect("the next event is delivered");
        assert_eq!(number, expected);
    }
    publisher.join().unwrap();
    reader.join().unwrap();
    assert!(numbers.recv().is_err(), "nothing came after the end");
}

/// The last sender may go at any moment between two polls.
#[test]
fn an_end_is_always_noticed() {
    for round in 0..500 {
        let (sender, body) = plain(&quiet());
        let (reader, numbers) = read_numbers(body);
        (0..round * 20).for_each(|_| spin_loop());
        sender.frame(1_u64.to_be_bytes().to_vec());
        drop(sender);
        assert_eq!(numbers.recv_timeout(DEADLINE), Ok(1));
        let ended = numbers.recv_timeout(DEADLINE);
        assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected));
        reader.join().unwrap();
    }
}
