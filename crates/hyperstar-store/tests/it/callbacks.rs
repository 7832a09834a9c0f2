//! `on_commit`: in order, once, with no lock held.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use hyperstar_store::{Store, Subscription};

#[test]
fn a_callback_sees_the_commit_and_may_read_and_write() {
    let store = Store::memory();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let subscription = store.on_commit({
        let (store, seen) = (store.clone(), seen.clone());
        move |commit| {
            assert!(store.head() >= commit.version);
            seen.lock().unwrap().push(commit.version.as_u64());
            // Reacts to its first three writes, so it ends.
            let echoes: i64 = store.get("echoes").unwrap().unwrap_or(0);
            if echoes < 3 {
                store.set("echoes", &(echoes + 1)).unwrap();
            }
        }
    });
    store.set("a", &1).unwrap();
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3, 4]);
    drop(subscription);
    store.set("a", &2).unwrap();
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[test]
fn a_callback_may_unsubscribe_itself_and_subscribe_others() {
    let store = Store::memory();
    let slot: Arc<OnceLock<Mutex<Option<Subscription>>>> = Arc::default();
    let (tx, rx) = channel();
    let subscription = store.on_commit({
        let (store, slot) = (store.clone(), slot.clone());
        move |commit| {
            tx.send(commit.version.as_u64()).unwrap();
            drop(slot.get().unwrap().lock().unwrap().take());
            let tx = tx.clone();
            store
                .on_commit(move |commit| tx.send(100 + commit.version.as_u64()).unwrap())
                .detach();
        }
    });
    slot.set(Mutex::new(Some(subscription))).unwrap();
    store.set("a", &1).unwrap();
    store.set("a", &2).unwrap();
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1, 102]);
}

#[test]
fn a_callback_that_panics_harms_nobody() {
    let store = Store::memory();
    let (tx, rx) = channel();
    let _bad = store.on_commit(|_| panic!("in a callback"));
    let _good = store.on_commit(move |commit| tx.send(commit.version.as_u64()).unwrap());
    store.set("a", &1).unwrap();
    store.set("a", &2).unwrap();
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn empty_commits_are_not_delivered() {
    let store = Store::memory();
    store.set("a", &1).unwrap();
    store.on_commit(|commit| panic!("{commit:?}")).detach();
    store.set("a", &1).unwrap();
    store.remove_all("nothing").unwrap();
}

#[test]
fn a_writer_that_holds_a_lock_which_the_callback_wants_does_not_deadlock() {
    let store = Store::memory();
    let shared = Arc::new(Mutex::new(0));
    let (entered_tx, entered_rx) = channel();
    let (written_tx, written_rx) = channel::<()>();
    let written_rx = Mutex::new(Some(written_rx));
    store
        .on_commit({
            let shared = shared.clone();
            move |_| {
                if let Some(written) = written_rx.lock().unwrap().take() {
                    entered_tx.send(()).unwrap();
                    written.recv().unwrap();
                }
                *shared.lock().unwrap() += 1;
            }
        })
        .detach();
    thread::scope(|scope| {
        scope.spawn(|| store.set("a", &1).unwrap());
        entered_rx.recv().unwrap();
        let held = shared.lock().unwrap();
        store.set("b", &1).unwrap();
        written_tx.send(()).unwrap();
        drop(held);
    });
    assert_eq!(*shared.lock().unwrap(), 2);
}
