//! Commits that nobody waits for with a thread: futures of them, the flusher, callbacks on it.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use hyperstar_store::{Durability, Pending, Store, StoreError};

use crate::support::{CountingWaker, Fault, Flaky};

fn submit(store: &Store, path: &str, value: u64) -> Pending {
    let submitted = store.submit(|tx| tx.set(path, &value));
    submitted.unwrap().1
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let (_, waker) = CountingWaker::new();
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn it_ends_once_the_commit_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store.redb")).unwrap();
    let pending = submit(&store, "a", 1);
    assert_eq!(pending.version().unwrap().as_u64(), 1);
    let commit = block_on(pending).unwrap();
    assert_eq!(&*commit.changes[0].path, "a");
    assert_eq!(commit.id, store.head_id());
    let crashed = directory.path().join("crashed.redb");
    std::fs::copy(directory.path().join("store.redb"), &crashed).unwrap();
    let crashed = Store::open(crashed).unwrap();
    assert_eq!(crashed.get::<u64>("a").unwrap(), Some(1));
}

#[test]
fn many_are_durable_in_order_and_share_commits() {
    let store = Store::memory();
    let pending: Vec<_> = (0..20_000).map(|n| submit(&store, "n", n)).collect();
    let versions = pending.iter().map(|pending| pending.version().unwrap());
    assert!(versions.map(|version| version.as_u64()).eq(1..=20_000));
    // The last is durable, so all are.
    let last = pending.into_iter().last().unwrap().wait().unwrap();
    assert_eq!(last.version, store.head());
    assert_eq!(store.get::<u64>("n").unwrap(), Some(19_999));
}

#[test]
fn it_happens_though_nobody_waits() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.redb");
    let store = Store::open(&file).unwrap();
    for n in 0..100 {
        drop(submit(&store, "n", n));
    }
    drop(store);
    // The flusher may have the store open still.
    let store = loop {
        match Store::open(&file) {
            Err(StoreError::Locked { .. }) => thread::yield_now(),
            opened => break opened.unwrap(),
        }
    };
    assert_eq!(store.get::<u64>("n").unwrap(), Some(99));
}

#[test]
fn later_transactions_see_it_at_once_and_readers_when_it_is_durable() {
    let store = Store::memory();
    let first = submit(&store, "n", 1);
    let (seen, second) = store
        .submit(|tx| {
            let seen: Option<u64> = tx.get("n")?;
            tx.set("n", &2)?;
            Ok::<_, StoreError>(seen)
        })
        .unwrap();
    assert_eq!(seen, Some(1));
    let (first, second) = (block_on(first).unwrap(), second.wait().unwrap());
    assert!(first.version < second.version);
    assert_eq!(store.get::<u64>("n").unwrap(), Some(2));
}

/// Whoever leads leaves what was submitted meanwhile to the flusher, which nobody has needed before.
#[test]
fn the_first_one_beside_a_transaction_ends_too() {
    let backend = Flaky::default();
    let store = Store::with_backend(backend.clone()).unwrap();
    let held = backend.fault.lock().unwrap();
    let transaction = thread::spawn({
        let store = store.clone();
        move || store.set("a", &1).map(drop)
    });
    while !backend.is_busy() {
        thread::yield_now();
    }
    let pending = submit(&store, "b", 2);
    drop(held);
    transaction.join().unwrap().unwrap();
    let (told, ended) = mpsc::channel();
    thread::spawn(move || told.send(block_on(pending).map(drop)));
    ended
        .recv_timeout(Duration::from_secs(20))
        .expect("it ends")
        .unwrap();
    assert_eq!(store.get::<u64>("b").unwrap(), Some(2));
}

#[test]
fn what_changes_nothing_ends_at_once() {
    let store = Store::memory();
    let (value, pending) = store.submit(|_| Ok::<_, StoreError>(7)).unwrap();
    assert_eq!(value, 7);
    let commit = pending.wait().unwrap();
    assert!(commit.is_empty());
    let refused = store.submit(|_| Err::<(), _>(StoreError::NothingToUndo));
    assert!(matches!(refused, Err(StoreError::NothingToUndo)));
}

#[test]
fn a_failure_is_told_to_those_that_it_concerns() {
    let backend = Flaky::default();
    let store = Store::with_backend(backend.clone()).unwrap();
    *backend.fault.lock().unwrap() = Fault::Before;
    let failed = block_on(submit(&store, "a", 1)).unwrap_err();
    assert!(matches!(failed, StoreError::Backend(_)), "{failed:?}");
    assert!(!store.contains("a").unwrap());
    block_on(submit(&store, "a", 2)).unwrap();
    // A panic of the backend ends neither the flusher nor those who wait.
    *backend.fault.lock().unwrap() = Fault::Panic;
    let failed = block_on(submit(&store, "a", 3)).unwrap_err();
    assert!(matches!(failed, StoreError::InDoubt { .. }), "{failed:?}");
    let stopped = store.submit(|tx| tx.set("a", &4)).unwrap_err();
    assert!(matches!(stopped, StoreError::Stopped { .. }), "{stopped:?}");
}

#[test]
fn a_callback_on_the_flusher_may_do_anything() {
    let store = Store::memory();
    let calls = Arc::new(AtomicU64::new(0));
    let failures = Arc::new(Mutex::new(Vec::new()));
    let _subscription = store.on_commit({
        let (store, calls, failures) = (store.clone(), calls.clone(), failures.clone());
        move |commit| {
            if !commit.changes.iter().any(|change| &*change.path == "n") {
                return;
            }
            let call = calls.fetch_add(1, Ordering::SeqCst);
            let done = match call % 4 {
                0 => store.set("from/set", &call).map(drop),
                1 => submit(&store, "from/wait", call).wait().map(drop),
                2 => {
                    poll_once(submit(&store, "from/task", call));
                    Ok(())
                }
                _ => store.tag(&format!("call-{call}"), commit.id),
            };
            // A panic here would only be logged.
            failures.lock().unwrap().extend(done.err());
        }
    });
    let writers = 4;
    thread::scope(|scope| {
        for writer in 0..writers {
            let store = &store;
            scope.spawn(move || {
                for n in 0..100 {
                    let value = writer * 1_000 + n;
                    match n % 3 {
                        0 => drop(store.set("n", &value).unwrap()),
                        1 => drop(block_on(submit(store, "n", value)).unwrap()),
                        _ if n % 2 == 0 => store.flush().unwrap(),
                        _ => drop(submit(store, "n", value)),
                    }
                }
            });
        }
    });
    submit(&store, "end", 1).wait().unwrap();
    assert!(calls.load(Ordering::SeqCst) > 10);
    let failures = failures.lock().unwrap();
    assert!(failures.is_empty(), "{failures:?}");
    assert!(store.verify(|_| ()).unwrap().is_whole());
}

/// Only polled: on the flusher nobody else would make it durable meanwhile.
fn poll_once(pending: Pending) {
    let (_, waker) = CountingWaker::new();
    let mut pending = pin!(pending);
    let _ = pending.as_mut().poll(&mut Context::from_waker(&waker));
}

#[test]
fn threads_and_tasks_and_others_at_once() {
    let store = Store::memory();
    thread::scope(|scope| {
        for writer in 0..6u64 {
            let store = &store;
            scope.spawn(move || {
                let path = format!("count/{writer}");
                for n in 1..=300u64 {
                    let add = |tx: &mut hyperstar_store::Transaction| {
                        if n % 7 == 0 {
                            tx.set_durability(Durability::Buffered);
                        }
                        let count: u64 = tx.get(&path)?.unwrap_or(0);
                        tx.set(&path, &(count + 1))
                    };
                    match writer % 3 {
                        0 => drop(store.transaction(add).unwrap()),
                        1 => drop(block_on(store.submit(add).unwrap().1).unwrap()),
                        _ => drop(store.submit(add).unwrap().1),
                    }
                    if writer == 0 && n % 50 == 0 {
                        store.tag(&format!("at-{n}"), store.head_id()).unwrap();
                    }
                }
            });
        }
    });
    store.flush().unwrap();
    for writer in 0..6u64 {
        let count = store.get::<u64>(&format!("count/{writer}")).unwrap();
        assert_eq!(count, Some(300));
    }
}
