//! Which reads are recorded, and what touches them.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use hyperstar_store::{
    Change, READS_MAX, ReadSet, Store, StoreError, record_reads, record_reads_async,
};

#[test]
fn reads_are_recorded_and_matched() {
    let store = Store::memory();
    let (_, reads) = record_reads(|| {
        store.get::<i64>("a/b").unwrap();
        store.snapshot().get_bytes("missing").unwrap();
        store.list("l").unwrap();
        store.children("c/d").unwrap();
        store.entries::<i64>("e").unwrap();
    });
    assert_eq!(reads.paths().collect::<Vec<_>>(), ["a/b", "missing"]);
    assert_eq!(reads.prefixes().collect::<Vec<_>>(), ["c/d", "e", "l"]);
    let cases = [
        ("a/b", true),
        ("a", false),
        ("a/b/c", false),
        ("a/bc", false),
        ("missing", true),
        ("l", true),
        ("l/x/y", true),
        ("lx", false),
        ("c/d/e", true),
        ("c/x", false),
        ("e/1", true),
        ("other", false),
    ];
    for (path, expected) in cases {
        assert_eq!(
            reads.touches(&Change::new(path, None, None)),
            expected,
            "{path}"
        );
    }
}

#[test]
fn stores_are_told_apart() {
    let (one, two) = (Store::memory(), Store::memory());
    let (_, reads) = record_reads(|| one.get::<i64>("a"));
    assert!(reads.touches_commit(&one.set("a", &1).unwrap()));
    assert!(!reads.touches_commit(&two.set("a", &1).unwrap()));
    assert_eq!(reads.stores().collect::<Vec<_>>(), [one.id()]);
}

#[test]
fn recorders_nest_and_survive_a_panic() {
    let store = Store::memory();
    let (inner, outer) = record_reads(|| {
        store.get::<i64>("outer").unwrap();
        let (_, inner) = record_reads(|| store.get::<i64>("inner"));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            record_reads(|| {
                store.list("panicked").unwrap();
                panic!("while recording");
            })
        }));
        assert!(panicked.is_err());
        inner
    });
    assert_eq!(inner.paths().collect::<Vec<_>>(), ["inner"]);
    assert_eq!(outer.paths().collect::<Vec<_>>(), ["inner", "outer"]);
    assert_eq!(outer.prefixes().collect::<Vec<_>>(), ["panicked"]);
    store.get::<i64>("after").unwrap();
    assert_eq!(record_reads(|| ()).1, ReadSet::default());
}

#[test]
fn a_transaction_is_not_recorded() {
    let store = Store::memory();
    let (_, reads) = record_reads(|| {
        store
            .update("count", |count: Option<i64>| count.unwrap_or(0) + 1)
            .unwrap();
        store
            .transaction(|tx| {
                tx.list("a")?;
                tx.remove_all("b")
            })
            .unwrap();
    });
    assert!(reads.is_empty());
}

#[test]
fn a_future_is_recorded_over_its_polls_only() {
    let store = Store::memory();
    let mut pending = true;
    let mut future = pin!(record_reads_async(async {
        store.get::<i64>("first")?;
        poll_fn(|_| {
            if std::mem::take(&mut pending) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        store.list("second")?;
        Ok::<_, StoreError>(())
    }));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut cx).is_pending());
    store.get::<i64>("between").unwrap();
    let Poll::Ready((result, reads)) = future.poll(&mut cx) else {
        panic!("still pending")
    };
    result.unwrap();
    assert_eq!(reads.paths().collect::<Vec<_>>(), ["first"]);
    assert_eq!(reads.prefixes().collect::<Vec<_>>(), ["second"]);
}

#[test]
fn a_set_that_is_full_stands_for_the_whole_store() {
    let store = Store::memory();
    let (_, reads) = record_reads(|| {
        for index in 0..READS_MAX + 10 {
            store.get::<i64>(&format!("p/{index}")).unwrap();
        }
    });
    assert_eq!(reads.paths().count(), 0);
    assert_eq!(reads.prefixes().collect::<Vec<_>>(), [""]);
    assert!(reads.touches(&Change::new("anything", None, None)));
}
