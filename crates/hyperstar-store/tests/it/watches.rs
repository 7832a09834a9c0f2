//! No change lost, none twice, none of others; and a bound.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use hyperstar_store::{Store, StoreError, WatchBounds, WatchEvent};

use crate::support::CountingWaker;

/// Longer than anything takes: a watch that misses its event fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_watch_tells_what_is_at_or_below_its_prefix() {
    let store = Store::memory();
    store.set("a/before", &0).unwrap();
    let mut watch = store.watch("a").unwrap();
    let mut all = store.watch("").unwrap();
    store.set("ab", &1).unwrap();
    let written = store
        .transaction(|tx| {
            tx.set("a/x", &1)?;
            tx.set("b", &1)?;
            tx.remove_all("a/before")?;
            Ok::<_, StoreError>(())
        })
        .unwrap()
        .1;
    store.remove_all("a").unwrap();
    store.set("a", &1).unwrap();

    let paths = |event: Option<WatchEvent>| match event {
        Some(WatchEvent::Changed { changes, .. }) => changes
            .iter()
            .map(|change| change.path.to_string())
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let first = watch.try_next();
    assert_eq!(first.as_ref().unwrap().version(), written.version);
    assert_eq!(paths(first), ["a/before", "a/x"]);
    assert_eq!(paths(watch.try_next()), ["a/x"]);
    assert_eq!(paths(watch.try_next()), ["a"]);
    assert!(watch.try_next().is_none());

    assert_eq!(paths(all.try_next()), ["ab"]);
    assert_eq!(paths(all.try_next()), ["a/before", "a/x", "b"]);
    assert!(matches!(
        store.watch("/a"),
        Err(StoreError::InvalidPath { .. })
    ));
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice() {
    const THREADS: u64 = 4;
    const WRITES: u64 = 200;
    let store = Store::memory();
    let bounds = WatchBounds {
        events_max: usize::MAX,
        bytes_max: usize::MAX,
    };
    let mut watch = store.watch_with("", bounds).unwrap();
    thread::scope(|scope| {
        for writer in 0..THREADS {
            let store = &store;
            scope.spawn(move || {
                for write in 0..WRITES {
                    store.set(&format!("w{writer}"), &write).unwrap();
                }
            });
        }
        // Writers that became durable together are one event.
        let mut last_of: [Option<u64>; THREADS as usize] = [None; THREADS as usize];
        let mut last = 0;
        while last < THREADS * WRITES {
            let event = watch.next_timeout(PATIENCE);
            let Some(WatchEvent::Changed {
                version, changes, ..
            }) = event
            else {
                panic!("after version {last}: {event:?}");
            };
            assert!(version.as_u64() > last);
            last = version.as_u64();
            for change in &*changes {
                let writer: usize = change.path[1..].parse().unwrap();
                assert_eq!(change.before_as::<u64>().unwrap(), last_of[writer]);
                last_of[writer] = change.after_as().unwrap();
            }
        }
        assert_eq!(last_of, [Some(WRITES - 1); THREADS as usize]);
    });
    assert!(watch.try_next().is_none());
}

#[test]
fn a_watch_that_starts_amid_writes_misses_nothing_after_its_snapshot() {
    let store = Store::memory();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for count in 1..=2000 {
                store.set("count", &count).unwrap();
            }
        });
        while !writer.is_finished() {
            let mut watch = store.watch("count").unwrap();
            let snapshot = store.snapshot();
            let mut last = snapshot.get::<i64>("count").unwrap().unwrap_or(0);
            while let Some(event) = watch.try_next() {
                let WatchEvent::Changed {
                    version, changes, ..
                } = event
                else {
                    break;
                };
                if version <= snapshot.version() {
                    continue;
                }
                let count = changes[0].after_as().unwrap().unwrap();
                assert_eq!(count, last + 1);
                last = count;
            }
        }
    });
}

#[test]
fn a_slow_reader_is_told_that_it_lagged() {
    let store = Store::memory();
    let mut few = store
        .watch_with(
            "",
            WatchBounds {
                events_max: 3,
                ..WatchBounds::default()
            },
        )
        .unwrap();
    let mut small = store
        .watch_with(
            "",
            WatchBounds {
                bytes_max: 40,
                ..WatchBounds::default()
            },
        )
        .unwrap();
    for count in 0..10 {
        store.set("count", &count).unwrap();
    }
    store.set("text", &"x".repeat(100)).unwrap();
    for watch in [&mut few, &mut small] {
        let event = watch.try_next();
        let Some(WatchEvent::Lagged {
            version, commits, ..
        }) = event
        else {
            panic!("{event:?}")
        };
        assert_eq!((version.as_u64(), commits), (11, 11));
        assert!(watch.try_next().is_none());
    }
    store.set("count", &11).unwrap();
    for watch in [&mut few, &mut small] {
        assert!(matches!(watch.try_next(), Some(WatchEvent::Changed { .. })));
    }
}

#[test]
fn a_waker_is_woken_once_per_poll() {
    let store = Store::memory();
    let mut watch = store.watch("a").unwrap();
    let (counter, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    assert!(watch.poll_next(&mut cx).is_pending());
    store.set("b", &1).unwrap();
    assert_eq!(counter.wakes.load(Ordering::SeqCst), 0);
    store.set("a", &1).unwrap();
    store.set("a", &2).unwrap();
    assert_eq!(counter.wakes.load(Ordering::SeqCst), 1);
    assert!(matches!(watch.poll_next(&mut cx), Poll::Ready(Some(_))));
    assert!(matches!(watch.poll_next(&mut cx), Poll::Ready(Some(_))));
    assert!(watch.poll_next(&mut cx).is_pending());
    drop(store);
    assert_eq!(counter.wakes.load(Ordering::SeqCst), 2);
    assert!(matches!(watch.poll_next(&mut cx), Poll::Ready(None)));
    assert!(watch.is_closed());
    assert!(watch.next_timeout(PATIENCE).is_none());
}

#[test]
fn a_task_awaits_changes_and_ends_with_the_store() {
    let store = Store::memory();
    let mut watch = store.watch("").unwrap();
    let writer = thread::spawn(move || {
        for count in 0..100 {
            store.set("count", &count).unwrap();
        }
    });
    let seen = block_on(async {
        let mut seen = 0;
        while let Some(event) = watch.changed().await {
            seen += match event {
                WatchEvent::Changed { .. } => 1,
                other => panic!("{other:?}"),
            };
        }
        seen
    });
    assert_eq!(seen, 100);
    writer.join().unwrap();
}

fn block_on<F: Future>(future: F) -> F::Output {
    let (_, waker) = CountingWaker::new();
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
