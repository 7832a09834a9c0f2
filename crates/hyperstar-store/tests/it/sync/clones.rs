//! Clones and what comes after them: what is sent, and that it is the same.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;

use hyperstar_store::sync::Synced;
use hyperstar_store::{Bytes, Store, StoreError, WatchEvent};

use super::pipe::{Metered, options, sync};
use super::random::{all, check_equal, check_whole, content, history};
use super::seeds;
use crate::support::Random;

/// A sync over a real connection. Also answers how many bytes went over it.
fn sync_over<S: Read + Write + Send + 'static>(
    leader: &Store,
    server: &Store,
    [one, other]: [S; 2],
) -> ([Synced; 2], u64) {
    let server = server.clone();
    let served = thread::spawn(move || server.serve_sync(other, &options("client")));
    let metered = Metered::new(one, u64::MAX);
    let bytes = metered.bytes.clone();
    let led = leader.sync_with(metered, &options("server"), |_| ());
    let both = [led.unwrap(), served.join().unwrap().unwrap()];
    (both, bytes.load(Ordering::SeqCst))
}

fn tcp() -> [TcpStream; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (other, _) = listener.accept().unwrap();
    for stream in [&one, &other] {
        stream.set_nodelay(true).unwrap();
    }
    [one, other]
}

#[test]
fn a_clone_over_tcp_is_the_same_and_then_nothing_is_sent() {
    for seed in seeds(4) {
        let mut random = Random::new(seed);
        let server = Store::memory_with(all());
        history(&server, &mut random, 80);
        server.checkout("main").unwrap();
        let client = Store::memory_with(all());
        let ([led, served], bytes) = sync_over(&client, &server, tcp());
        check_equal(&client, &server);
        assert_eq!(
            client.snapshot().list("").unwrap(),
            server.list("").unwrap()
        );
        assert_eq!(led.received.commits, served.sent.commits);
        assert_eq!(led.sent.commits + led.sent.pages, 0);
        assert!(bytes > 10_000, "{bytes}");

        let before = client.head();
        let ([led, _], bytes) = sync_over(&client, &server, tcp());
        assert_eq!((led.received.commits, led.received.pages), (0, 0));
        assert!(led.moved.is_empty() && led.parted.is_empty(), "{led:?}");
        assert!(bytes < 3_000, "{bytes} bytes for nothing");
        assert_eq!(client.head(), before, "nothing was written");
    }
}

#[cfg(unix)]
#[test]
fn a_clone_in_files_over_a_unix_socket_survives_reopening() {
    use std::os::unix::net::UnixStream;
    let directory = tempfile::tempdir().unwrap();
    let open = |name: &str| Store::open_with(directory.path().join(name), all()).unwrap();
    let server = open("server.redb");
    history(&server, &mut Random::new(77), 60);
    server.checkout("main").unwrap();
    let client = open("client.redb");
    let (one, other) = UnixStream::pair().unwrap();
    sync_over(&client, &server, [one, other]);
    drop(client);
    let client = open("client.redb");
    check_equal(&client, &server);
    history(&client, &mut Random::new(78), 30);
    let (one, other) = UnixStream::pair().unwrap();
    sync_over(&client, &server, [one, other]);
    check_whole(&client);
    check_equal(&client, &server);
}

fn fill(store: &Store, entries: u64) {
    for start in (0..entries).step_by(20_000) {
        let filled = store.transaction(|tx| {
            for n in start..(start + 20_000).min(entries) {
                tx.set_bytes(&entry(n), vec![n as u8; 100])?;
            }
            Ok::<_, StoreError>(())
        });
        filled.unwrap();
    }
}

fn entry(n: u64) -> String {
    format!("entry/{n:06}")
}

#[test]
fn a_few_changes_cost_their_paths() {
    let server = Store::memory_with(all());
    fill(&server, 100_000);
    let client = Store::memory_with(all());
    let (both, bytes) = sync_over(&client, &server, tcp());
    assert_eq!(client.list("").unwrap().len(), 100_000);
    assert!(bytes < 16_000_000, "{bytes} bytes of 100,000 entries");
    assert_eq!(both[0].received.commits, 5);

    let changed = server.transaction(|tx| {
        (0..10).try_for_each(|n| tx.set_bytes(&entry(n * 9_973), vec![0xff; 100]))
    });
    changed.unwrap();
    let ([led, _], bytes) = sync_over(&client, &server, tcp());
    assert_eq!(led.received.commits, 1);
    assert!(led.received.pages < 60, "{} pages", led.received.pages);
    assert!(bytes < 80_000, "{bytes} bytes for ten changes");
    assert_eq!(content(&client), content(&server));
    check_whole(&client);
}

#[test]
fn an_edit_of_a_large_value_costs_its_chunks() {
    let mut random = Random::new(5);
    let mut value: Vec<u8> = (0..3_000_000).map(|_| random.next() as u8).collect();
    let server = Store::memory_with(all());
    server.set_bytes("large", value.clone()).unwrap();
    let client = Store::memory_with(all());
    sync(&client, &server);
    value.splice(1_500_000..1_500_000, *b"in the middle");
    server.set_bytes("large", value.clone()).unwrap();
    let [led, _] = sync(&client, &server);
    assert_eq!(client.get_bytes("large").unwrap(), Some(Bytes::from(value)));
    assert!(led.received.bytes < 250_000, "{led:?}");
    check_equal(&client, &server);
}

#[test]
fn many_commits_take_few_messages() {
    let server = Store::memory_with(all());
    fill(&server, 2_000);
    for n in 0..500_u64 {
        server
            .set_bytes(&entry(n * 3 % 2_000), n.to_be_bytes().to_vec())
            .unwrap();
    }
    let client = Store::memory_with(all());
    let mut messages = 0;
    let both = [&options("server"), &options("client")];
    super::pipe::exchange(&client, &server, both, |_, message| {
        messages += 1;
        Some(message)
    })
    .unwrap();
    check_equal(&client, &server);
    assert!(messages < 60, "{messages} messages for 501 commits");
}

#[test]
fn watches_and_callbacks_hear_of_what_came() {
    let server = Store::memory_with(all());
    server.set("a", &1).unwrap();
    let client = Store::memory_with(all());
    sync(&client, &server);
    let mut watch = client.watch("").unwrap();
    server.set("a", &2).unwrap();
    server.set("b", &3).unwrap();
    sync(&client, &server);
    let Some(WatchEvent::Changed { changes, id, .. }) = watch.try_next() else {
        panic!("nothing was heard");
    };
    let paths: Vec<_> = changes.iter().map(|change| &*change.path).collect();
    assert_eq!(paths, ["a", "b"]);
    assert_eq!(id, server.head_id());
    assert!(watch.try_next().is_none());
    assert_eq!(client.get("b").unwrap(), Some(3));
}
