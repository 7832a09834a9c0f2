//! What goes wrong on the way: any byte, any message, in both directions. Nobody panics, both stores stay
//! whole, and the next sync is as if nothing had been.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyperstar_store::sync::{MESSAGE_BYTES_MAX, Next, Session, SyncError, SyncOptions};
use hyperstar_store::{Bytes, Store};

use super::pipe::{Passing, exchange, options, sync};
use super::random::{all, check_equal, check_whole, history};
use super::seeds;
use crate::support::Random;

/// Two stores with something to tell each other.
fn both(seed: u64) -> [Store; 2] {
    let mut random = Random::new(seed);
    let [one, other] = [Store::memory_with(all()), Store::memory_with(all())];
    history(&other, &mut random, 12);
    other.checkout("main").unwrap();
    sync(&one, &other);
    history(&other, &mut random, 6);
    one.branch("mine", one.head_id()).unwrap();
    one.checkout("mine").unwrap();
    history(&one, &mut random, 6);
    [one, other]
}

/// Plays a sync in which `tamper` has its way with each message; then all must be as it should.
fn check(seed: u64, tamper: &mut dyn FnMut(Passing, Bytes) -> Option<Bytes>) -> bool {
    let [one, other] = both(seed);
    let before = [one.head_id(), other.head_id()];
    let both_options = [&options("server"), &options("client")];
    let synced = exchange(&one, &other, both_options, tamper);
    if let Err(error) = &synced {
        assert!(
            !matches!(error, SyncError::Store(_)),
            "{error}: that was not the store"
        );
        let told = Session::refusal(error);
        assert!(told.len() < 2_000);
    }
    check_whole(&one);
    check_whole(&other);
    let [ours, theirs] = before;
    assert!(one.show(ours).is_ok() && other.show(theirs).is_ok());
    sync(&one, &other);
    check_whole(&one);
    check_whole(&other);
    let [led, served] = sync(&one, &other);
    assert_eq!(led.received.commits + served.received.commits, 0);
    synced.is_ok()
}

fn flipped(random: &mut Random, message: &Bytes) -> Bytes {
    let mut bytes = message.to_vec();
    let bit = random.below(bytes.len() as u64 * 8) as usize;
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes.into()
}

#[test]
fn a_flipped_bit_anywhere() {
    let mut failed = 0;
    for seed in seeds(60) {
        let mut random = Random::new(seed);
        let at = random.below(22) as usize;
        let is_ok = check(seed % 3, &mut |passing, message| {
            Some(match passing.index == at {
                true => flipped(&mut random, &message),
                false => message,
            })
        });
        failed += u32::from(!is_ok);
    }
    assert!(failed > 10, "{failed} only");
}

#[test]
fn messages_cut_short_repeated_exchanged_or_made_up() {
    let mut failed = 0;
    for seed in seeds(60) {
        let mut random = Random::new(seed);
        let at = random.below(20) as usize;
        let kind = random.below(6);
        let mut before = Bytes::from_static(b"nothing yet");
        let is_ok = check(seed % 3, &mut |passing, message| {
            let last = std::mem::replace(&mut before, message.clone());
            if passing.index != at {
                return Some(message);
            }
            let cut = random.below(message.len() as u64) as usize;
            Some(match kind {
                0 => message.slice(..cut),
                1 => [&message[..], b"more"].concat().into(),
                // What the receiver itself has just said.
                2 => last,
                3 => (0..cut).map(|_| random.next() as u8).collect(),
                4 => Bytes::new(),
                _ => [&message[..cut], &[0xff; 64]].concat().into(),
            })
        });
        failed += u32::from(!is_ok);
    }
    assert!(failed > 40, "{failed} only");
}

#[test]
fn every_message_by_every_other_of_the_same_session() {
    let mut messages = Vec::new();
    check(1, &mut |_, message| {
        messages.push(message.clone());
        Some(message)
    });
    let mut random = Random::new(4);
    for _ in seeds(40) {
        let at = random.below(messages.len() as u64) as usize;
        let other = messages[random.below(messages.len() as u64) as usize].clone();
        check(1, &mut |passing, message| {
            Some(if passing.index == at {
                other.clone()
            } else {
                message
            })
        });
    }
}

/// Says something for ever, and counts how much of it was read.
struct Endless {
    head: Vec<u8>,
    at: usize,
    read: Arc<AtomicU64>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in buffer.iter_mut() {
            *byte = self.head.get(self.at).copied().unwrap_or(0xaa);
            self.at += 1;
        }
        self.read.fetch_add(buffer.len() as u64, Ordering::SeqCst);
        Ok(buffer.len())
    }
}

impl Write for Endless {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_endless_stream_is_left_early() {
    let largest = u32::try_from(MESSAGE_BYTES_MAX).unwrap();
    for (length, bytes_max) in [
        (u32::MAX, 4),
        (largest + 1, 4),
        (largest, 4 + u64::from(largest)),
        (10, 14),
        (0, 4),
    ] {
        let read = Arc::<AtomicU64>::default();
        let stream = Endless {
            head: length.to_be_bytes().to_vec(),
            at: 0,
            read: read.clone(),
        };
        let refused = Store::memory().serve_sync(stream, &SyncOptions::default());
        assert!(
            matches!(refused, Err(SyncError::NoStore | SyncError::Wrong { .. })),
            "{refused:?}"
        );
        let read = read.load(Ordering::SeqCst);
        assert!(read <= bytes_max + 64, "{read} bytes of {length}");
    }
}

#[test]
fn another_protocol_or_version_is_told_from_a_store() {
    let store = Store::memory();
    let serve = || Session::serve(&store, &SyncOptions::default()).unwrap();
    let hello = Session::lead(&store, &SyncOptions::default()).unwrap().1;
    for other in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"",
        b"\0",
        &hello[..hello.len() - 1],
    ] {
        let refused = serve().receive(Bytes::copy_from_slice(other));
        assert!(matches!(refused, Err(SyncError::NoStore)), "{refused:?}");
    }
    let mut later = hello.to_vec();
    let version_at = later.len() - 3;
    later[version_at] = 9;
    let refused = serve().receive(later.into());
    assert!(
        matches!(refused, Err(SyncError::Version { theirs: 0x901, .. })),
        "{refused:?}"
    );
    let mut over = serve();
    assert!(over.receive(Bytes::new()).is_err());
    assert!(matches!(over.receive(hello.clone()), Err(SyncError::Over)));
    assert!(matches!(serve().receive(hello), Ok(Next::Send(_))));
}

#[test]
fn a_refusal_reaches_the_other_side() {
    let [one, other] = both(2);
    let shy = SyncOptions {
        commits_max: 1,
        ..options("client")
    };
    let (client, server) = std::os::unix::net::UnixStream::pair().unwrap();
    let served = std::thread::spawn(move || other.serve_sync(server, &shy));
    let led = one.sync_with(client, &options("server"), |_| ());
    let served = served.join().unwrap();
    assert!(
        matches!(
            served,
            Err(SyncError::Limit {
                what: "commits",
                max: 1,
                ..
            })
        ),
        "{served:?}"
    );
    let Err(SyncError::Refused { reason }) = led else {
        panic!("{led:?}");
    };
    assert!(reason.contains("commits_max"), "{reason}");
}

#[test]
fn bounds_hold() {
    let server = Store::memory_with(all());
    history(&server, &mut Random::new(3), 40);
    let tampered = |options: &SyncOptions| {
        let client = Store::memory_with(all());
        let both = [options, &super::pipe::options("client")];
        let refused = exchange(&client, &server, both, |_, message| Some(message));
        check_whole(&client);
        let synced = sync(&client, &server);
        check_equal(&client, &server);
        (refused.unwrap_err(), synced)
    };
    let bounds: [(SyncOptions, &str); 3] = [
        (
            SyncOptions {
                commits_max: 3,
                ..options("s")
            },
            "commits_max",
        ),
        (
            SyncOptions {
                names_max: 1,
                ..options("s")
            },
            "names_max",
        ),
        (
            SyncOptions {
                bytes_max: 90_000,
                ..options("s")
            },
            "bytes_max",
        ),
    ];
    for (options, expected) in bounds {
        let (refused, _) = tampered(&options);
        let SyncError::Limit { option, .. } = refused else {
            panic!("{refused}");
        };
        assert_eq!(option, expected);
    }
}
