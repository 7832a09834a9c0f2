//! Many threads, one counter.

use std::sync::{Arc, Mutex};
use std::thread;

use hyperstar_store::Store;

#[test]
fn no_increment_is_lost_and_callbacks_come_in_order() {
    check(&Store::memory(), 8, 500);
    let directory = tempfile::tempdir().unwrap();
    check(
        &Store::open(directory.path().join("store.redb")).unwrap(),
        4,
        50,
    );
}

fn check(store: &Store, threads: u64, increments: u64) {
    let delivered = Arc::new(Mutex::new(Vec::new()));
    let _subscription = store.on_commit({
        let delivered = delivered.clone();
        move |commit| delivered.lock().unwrap().push(commit.version.as_u64())
    });
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..increments {
                    store
                        .update("count", |count: Option<u64>| count.unwrap_or(0) + 1)
                        .unwrap();
                }
            });
        }
        // Readers see whole commits only, and versions that never go back.
        scope.spawn(|| {
            let mut last = 0;
            while last < threads * increments {
                let snapshot = store.snapshot();
                let count: u64 = snapshot.get("count").unwrap().unwrap_or(0);
                assert_eq!(count, snapshot.version().as_u64());
                assert!(count >= last);
                last = count;
            }
        });
    });
    let total = threads * increments;
    assert_eq!(store.get("count").unwrap(), Some(total));
    // Writers that became durable together are one commit.
    let delivered = delivered.lock().unwrap();
    assert!(delivered.is_sorted_by(|one, next| one < next));
    assert_eq!(delivered.last(), Some(&total));
}
