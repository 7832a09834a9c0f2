//! Syncs that are cut off, and go on where they stopped.

use std::thread;
use std::time::Duration;

use hyperstar_store::sync::SyncError;
use hyperstar_store::{Report, Store, StoreError};

use super::pipe::{Metered, Passing, exchange, options, sync};
use super::random::{all, check_equal, check_whole, history, write};
use super::seeds;
use crate::power::crash::crashes;
use crate::power::disk::Disk;
use crate::power::image::Image;
use crate::support::{Fault, Flaky, Random};

fn server(seed: u64, commits: u64) -> Store {
    let server = Store::memory_with(all());
    history(&server, &mut Random::new(seed), commits);
    server.checkout("main").unwrap();
    server
}

/// A large commit, of which no single answer has all.
fn large(seed: u64) -> Store {
    let mut random = Random::new(seed);
    let server = Store::memory_with(all());
    for scope in ["one", "two"] {
        let fill = |tx: &mut hyperstar_store::Transaction| {
            write(tx, &mut random, scope, 200)?;
            (0..600).try_for_each(|n| tx.set_bytes(&format!("{scope}/n/{n:04}"), vec![1; 100]))
        };
        server.transaction(fill).unwrap();
    }
    server
}

/// What is not needed was never written, and what was written was not written again.
fn check_nothing_twice(store: &Store) {
    let report: Report = store.verify(|_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.unreached, 0, "{report:?}");
}

#[test]
fn a_cut_after_any_message_leaves_a_whole_store_that_goes_on() {
    for (seed, server) in [(1, server(1, 20)), (2, large(2))] {
        let mut at = 0;
        loop {
            let client = Store::memory_with(all());
            let lost = |passing: Passing, message| (passing.index < at).then_some(message);
            let both = [&options("server"), &options("client")];
            let synced = exchange(&client, &server, both, lost);
            check_nothing_twice(&client);
            if synced.is_ok() {
                break;
            }
            sync(&client, &server);
            check_equal(&client, &server);
            check_nothing_twice(&client);
            at += 1;
        }
        assert!(at > 8, "seed {seed}: {at} messages only");
    }
}

#[test]
fn a_connection_that_always_breaks_gets_there_at_little_cost() {
    for seed in seeds(3) {
        let mut random = Random::new(seed);
        let server = if random.chance(2) {
            server(seed, 40)
        } else {
            large(seed)
        };
        let whole = over_tcp(&Store::memory_with(all()), &server, u64::MAX).unwrap();
        let client = Store::memory_with(all());
        let (mut total, mut attempts) = (0, 0);
        loop {
            attempts += 1;
            let bytes_max = 40_000 + random.below(150_000);
            match over_tcp(&client, &server, bytes_max) {
                Ok(bytes) => {
                    total += bytes;
                    break;
                }
                Err(bytes) => total += bytes,
            }
            if random.chance(4) {
                check_whole(&client);
            }
        }
        check_equal(&client, &server);
        check_nothing_twice(&client);
        // An answer that was cut off is lost; it has no more bytes than all before it, and 32 KiB.
        let allowed = whole * 2 + attempts * 40_000;
        assert!(
            total < allowed,
            "seed {seed}: {total} bytes in {attempts} attempts for {whole}"
        );
    }
}

/// How many bytes it took, or until it broke.
fn over_tcp(client: &Store, server: &Store, bytes_max: u64) -> Result<u64, u64> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = server.clone();
    let served = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        server.serve_sync(stream, &options("client"))
    });
    let stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let stream = Metered::new(stream, bytes_max);
    let bytes = stream.bytes.clone();
    let synced = client.sync_with(stream, &options("server"), |_| ());
    let served = served.join().unwrap();
    let bytes = bytes.load(std::sync::atomic::Ordering::SeqCst);
    match synced {
        Ok(_) => {
            served.unwrap();
            Ok(bytes)
        }
        Err(SyncError::Io(_)) => Err(bytes),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_disk_that_fails_ends_the_sync_and_the_next_goes_on() {
    for fault in [Fault::Before, Fault::InDoubtBefore, Fault::InDoubtAfter] {
        for at in 0..5 {
            let server = large(at);
            let backend = Flaky::default();
            let client = Store::with(backend.clone(), all()).unwrap();
            let both = [&options("server"), &options("client")];
            let synced = exchange(&client, &server, both, |passing, message| {
                if passing.index == 2 * at as usize + 7 {
                    *backend.fault.lock().unwrap() = fault;
                }
                Some(message)
            });
            let has_failed = *backend.fault.lock().unwrap() == Fault::None;
            match synced {
                Err(SyncError::Store(StoreError::Backend(_) | StoreError::InDoubt { .. })) => {}
                Ok(_) => assert!(!has_failed, "{fault:?} {at}"),
                Err(error) => panic!("{error}"),
            }
            *backend.fault.lock().unwrap() = Fault::None;
            drop(client);
            let client = Store::with(backend.clone(), all()).unwrap();
            check_nothing_twice(&client);
            sync(&client, &server);
            check_equal(&client, &server);
            check_nothing_twice(&client);
        }
    }
}

#[test]
fn the_power_fails_during_a_sync() {
    let server = large(9);
    let disk = Disk::new(Image::default());
    let open = |disk: &Disk| {
        let backend = hyperstar_store::RedbBackend::with_storage("disk", disk.clone())?;
        Store::with(backend, all())
    };
    let client = open(&disk).unwrap();
    sync(&client, &server);
    drop(client);
    let (start, trace) = disk.trace();
    let mut random = Random::new(9);
    let mut crashed = 0;
    let every = trace.len() / seeds(20).end as usize + 1;
    crashes(&start, &trace, |at, crash| {
        if at % every != 0 {
            return;
        }
        let disk = Disk::new(crash.image(&crash.subset(&mut random)));
        let client = open(&disk).unwrap();
        check_nothing_twice(&client);
        sync(&client, &server);
        check_equal(&client, &server);
        check_nothing_twice(&client);
        crashed += 1;
        disk.kill();
    });
    assert!(crashed > 10, "{crashed}");
}
