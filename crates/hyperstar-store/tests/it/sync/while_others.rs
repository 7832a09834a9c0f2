//! Syncs while both stores are written to and compacted, and several at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use hyperstar_store::{History, Keep, Store, StoreConfig, StoreError};

use super::pipe::{options, sync, sync_as};
use super::random::{all, check_equal, check_whole, write};
use crate::support::Random;

const WRITES_AT_ONCE: usize = 4;

/// Writes and compacts, a few times for each call of what `work` is given. Answers how often it compacted.
fn beside(stores: &[&Store], work: impl FnOnce(&dyn Fn())) -> u64 {
    let rounds = AtomicU64::new(0);
    thread::scope(|scope| {
        let mut ticks = Vec::new();
        for store in stores {
            let (tick, writes) = sync_channel(WRITES_AT_ONCE);
            ticks.push(tick);
            scope.spawn(move || {
                for n in writes {
                    store.set(&format!("beside/{}", n % 50), &n).unwrap();
                }
            });
            let (tick, compactions) = sync_channel(1);
            ticks.push(tick);
            let rounds = &rounds;
            scope.spawn(move || {
                for _ in compactions {
                    store.compact(&Keep::last(5).tagged(), |_| ()).unwrap();
                    rounds.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let count = AtomicU64::new(0);
        work(&|| {
            for tick in &ticks {
                // Who has enough to do is left alone.
                let _ = tick.try_send(count.fetch_add(1, Ordering::SeqCst));
            }
        });
    });
    rounds.into_inner()
}

fn filled(seed: u64) -> Store {
    let store = Store::memory_with(all());
    let mut random = Random::new(seed);
    for _ in 0..3 {
        let fill = |tx: &mut hyperstar_store::Transaction| {
            write(tx, &mut random, "a", 200)?;
            (0..800).try_for_each(|n| tx.set_bytes(&format!("n/{n:04}"), vec![n as u8; 200]))
        };
        store.transaction(fill).unwrap();
    }
    store
}

#[test]
fn writers_and_compactions_go_on_on_both_sides() {
    let server = filled(1);
    server.branch("data", server.head_id()).unwrap();
    let client = Store::memory_with(all());
    client.set("mine", &1).unwrap();
    let compactions = beside(&[&server, &client], |tick| {
        for round in 0..6 {
            let both = [&options("server"), &options("client")];
            let synced = super::pipe::exchange(&client, &server, both, |_, message| {
                tick();
                Some(message)
            });
            synced.unwrap();
            server.checkout("data").unwrap();
            server.set("round", &round).unwrap();
            server.checkout("main").unwrap();
        }
    });
    assert!(compactions > 2);
    sync(&client, &server);
    check_whole(&client);
    check_whole(&server);
    let tips = |store: &Store, name: &str| store.resolve(name).unwrap();
    assert_eq!(tips(&client, "@server/data"), tips(&server, "data"));
    assert_eq!(tips(&client, "@server/main"), tips(&server, "main"));
}

#[test]
fn what_is_being_received_is_not_compacted_away() {
    let server = filled(2);
    let client = Store::memory_with(all());
    client.set("mine", &1).unwrap();
    let both = [&options("server"), &options("client")];
    let mut messages = 0;
    let synced = super::pipe::exchange(&client, &server, both, |_, message| {
        messages += 1;
        client.compact(&Keep::last(1), |_| ()).unwrap();
        client.set("mine", &messages).unwrap();
        check_whole(&client);
        Some(message)
    });
    let [led, _] = synced.unwrap();
    let pages = |store: &Store| store.verify(|_| ()).unwrap().pages;
    assert!(messages > 8, "{messages}");
    assert_eq!(led.parted.len(), 1);
    client.checkout("@server/main").unwrap();
    client.remove_branch("main").unwrap();
    client.compact(&Keep::last(1_000), |_| ()).unwrap();
    assert_eq!(client.list("").unwrap(), server.list("").unwrap());
    assert!(led.received.pages < pages(&server) * 11 / 10, "{led:?}");
}

#[test]
fn what_a_commit_is_compared_to_is_not_compacted_away() {
    let server = filled(6);
    let client = Store::memory_with(all());
    sync(&client, &server);
    let more = server.transaction(|tx| {
        (0..3_000).try_for_each(|n| tx.set_bytes(&format!("more/{n:04}"), vec![1; 100]))
    });
    more.unwrap();
    // Nothing else names it from here on.
    client.remove_branch("@server/main").unwrap();
    client.set("mine", &0).unwrap();
    let both = [&options("server"), &options("client")];
    let mut messages = 0;
    let synced = super::pipe::exchange(&client, &server, both, |_, message| {
        messages += 1;
        if messages > 6 {
            client.compact(&Keep::last(1), |_| ()).unwrap();
        }
        client.set("mine", &messages).unwrap();
        check_whole(&client);
        Some(message)
    });
    synced.unwrap();
    assert!(messages > 9, "{messages}");
    check_whole(&client);
    client.checkout("@server/main").unwrap();
    assert_eq!(client.list("").unwrap(), server.list("").unwrap());
}

#[test]
fn what_was_received_goes_by_itself_when_nothing_else_names_it() {
    let config = |count| StoreConfig {
        history: History::Last(count),
        ..StoreConfig::default()
    };
    let server = Store::memory_with(config(100));
    let mut random = Random::new(7);
    for _ in 0..20 {
        let written = server.transaction(|tx| write(tx, &mut random, "a", 60));
        written.unwrap();
    }
    let client = Store::memory_with(config(3));
    sync(&client, &server);
    client.remove_branch("@server/main").unwrap();
    for n in 0..4 {
        client.set("mine", &n).unwrap();
    }
    assert_eq!(client.log("").unwrap().count(), 3);
    let report = client.verify(|_| ()).unwrap();
    assert!(report.is_whole() && report.unreached == 0, "{report:?}");
}

#[test]
fn what_was_cut_off_goes_with_a_compaction_and_comes_again() {
    let server = filled(3);
    let client = Store::memory_with(all());
    let both = [&options("server"), &options("client")];
    let cut = super::pipe::exchange(&client, &server, both, |passing, message| {
        (passing.index < 9).then_some(message)
    });
    assert!(cut.is_err());
    let before = client.verify(|_| ()).unwrap();
    assert!(
        before.is_whole() && before.pages > 0 && before.unreached == 0,
        "{before:?}"
    );
    let compacted = client.compact(&Keep::last(1), |_| ()).unwrap();
    assert!(compacted.pages > 0, "{compacted:?}");
    assert_eq!(client.verify(|_| ()).unwrap().unreached, 0);
    sync(&client, &server);
    check_equal(&client, &server);
}

#[test]
fn many_clients_push_the_same_and_their_own_at_once() {
    let server = Store::memory_with(all());
    let source = filled(4);
    let clients: Vec<Store> = (0..4)
        .map(|index| {
            let client = Store::memory_with(all());
            sync(&client, &source);
            client
                .branch(&format!("own/{index}"), client.head_id())
                .unwrap();
            client.checkout(&format!("own/{index}")).unwrap();
            client.set("own", &index).unwrap();
            client
        })
        .collect();
    thread::scope(|scope| {
        for (index, client) in clients.iter().enumerate() {
            let server = &server;
            scope.spawn(move || {
                let ours = options(&format!("client-{index}"));
                sync_as(client, server, [&options("server"), &ours]);
            });
        }
    });
    check_whole(&server);
    assert_eq!(server.head_id(), source.head_id());
    for (index, client) in clients.iter().enumerate() {
        let own = server.resolve(&format!("own/{index}")).unwrap();
        assert_eq!(own, client.head_id());
        sync(client, &server);
        check_equal(client, &server);
    }
    let report = server.verify(|_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[test]
fn a_sync_within_a_transaction_is_refused() {
    let [one, other] = [filled(5), Store::memory()];
    let nested = other.transaction(|_| {
        let both = [&options("server"), &options("client")];
        let synced = super::pipe::exchange(&other, &one, both, |_, message| Some(message));
        assert!(synced.is_err());
        Ok::<_, StoreError>(())
    });
    nested.unwrap();
    sync(&other, &one);
    check_equal(&other, &one);
}
