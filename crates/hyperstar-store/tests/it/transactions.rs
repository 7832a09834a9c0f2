//! All or nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hyperstar_store::{Bytes, Store, StoreError, VALUE_BYTES_MAX, Version};

use crate::support::{Fault, Flaky};

#[test]
fn an_error_leaves_everything_as_it_was() {
    let store = Store::memory();
    store.set("a", &1).unwrap();
    let mut watch = store.watch("").unwrap();
    let result: Result<((), _), StoreError> = store.transaction(|tx| {
        tx.set("a", &2)?;
        tx.set("b/c", &3)?;
        assert_eq!(tx.get::<i64>("a")?, Some(2));
        tx.get::<String>("a").map(drop)
    });
    let text = result.unwrap_err().to_string();
    assert!(
        text.starts_with("the value of `a` is not a `alloc::string::String`"),
        "{text}"
    );
    assert_eq!(store.get::<i64>("a").unwrap(), Some(1));
    assert_eq!(store.list("").unwrap(), ["a"]);
    assert_eq!(store.head().as_u64(), 1);
    assert!(watch.try_next().is_none());
}

#[test]
fn a_panic_leaves_everything_as_it_was_and_the_store_usable() {
    let store = Store::memory();
    store.set("a", &1).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _: Result<((), _), StoreError> = store.transaction(|tx| {
            tx.set("a", &2)?;
            panic!("in the middle");
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(store.get::<i64>("a").unwrap(), Some(1));
    assert_eq!(store.set("a", &3).unwrap().version.as_u64(), 2);
}

#[test]
fn a_commit_says_what_became_different() {
    let store = Store::memory();
    store.set("same", &0).unwrap();
    store.set("gone", &1).unwrap();
    let ((), commit) = store
        .transaction(|tx| {
            tx.set("same", &0)?;
            tx.remove("gone")?;
            tx.set("new/x", &2)?;
            tx.set("passing", &3)?;
            tx.remove("passing")?;
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let changes: Vec<_> = commit.changes.iter().map(|change| &*change.path).collect();
    assert_eq!(changes, ["gone", "new/x"]);
    assert_eq!(commit.changes[0].before_as::<i64>().unwrap(), Some(1));
    assert_eq!(commit.changes[0].after, None);
    assert_eq!(commit.changes[1].before, None);
    assert_eq!(commit.changes[1].after_as::<i64>().unwrap(), Some(2));
    assert_eq!(commit.store, store.id());

    let nothing = store.set("same", &0).unwrap();
    assert!(nothing.is_empty());
    assert_eq!(nothing.version, commit.version);
    assert_eq!(store.head(), commit.version);
    assert!(store.remove("never").unwrap().is_empty());
}

#[test]
fn a_path_is_a_value_or_a_directory() {
    let store = Store::memory();
    store.set("a/b", &1).unwrap();
    let below = store.set("a/b/c/d", &2).unwrap_err();
    assert_eq!(
        below.to_string(),
        "cannot set `a/b/c/d`: `a/b` is a value, and a path is either a value or a directory; \
         remove `a/b` first, or choose another name"
    );
    let above = store.set("a", &2).unwrap_err();
    assert_eq!(
        above.to_string(),
        "cannot set `a`: it is a directory that holds `a/b`; set a path below it, or call \
         `remove_all(\"a\")` first"
    );
    assert_eq!(store.head().as_u64(), 1);

    // A refused write leaves the transaction as it was; and its own writes count.
    let ((), commit) = store
        .transaction(|tx| {
            tx.set("a", &2).unwrap_err();
            assert_eq!(tx.remove_all("a")?, 1);
            tx.set("a", &2)?;
            tx.set("a/b", &2).unwrap_err();
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(commit.changes.len(), 2);
    assert_eq!(store.list("").unwrap(), ["a"]);
}

#[test]
fn a_transaction_lists_its_own_writes() {
    let store = Store::memory();
    for path in ["a/1", "a/3", "a/5", "b"] {
        store.set(path, &0).unwrap();
    }
    store
        .transaction(|tx| {
            tx.remove("a/3")?;
            tx.set("a/0", &1)?;
            tx.set("a/4/x", &1)?;
            tx.set("a/6", &1)?;
            tx.set("a/5", &1)?;
            assert_eq!(tx.list("a")?, ["a/0", "a/1", "a/4/x", "a/5", "a/6"]);
            assert_eq!(tx.children("a")?, ["0", "1", "4", "5", "6"]);
            let sum: i64 = tx.entries::<i64>("a")?.iter().map(|(_, value)| value).sum();
            assert_eq!(sum, 4);
            assert!(tx.contains("a/5")? && !tx.contains("a/3")? && !tx.contains("a")?);
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

#[test]
fn a_nested_write_is_refused_not_a_deadlock() {
    let store = Store::memory();
    let other = Store::memory();
    store
        .transaction(|tx| {
            let nested = store.clone().set("b", &1);
            assert!(matches!(nested, Err(StoreError::Nested)));
            assert_eq!(store.get::<i64>("a")?, None);
            other.set("b", &1)?;
            tx.set("a", &1)
        })
        .unwrap();
    assert_eq!(store.list("").unwrap(), ["a"]);
    store.set("b", &1).unwrap();
}

#[test]
fn large_values_and_large_transactions_are_refused() {
    let store = Store::memory();
    let largest = Bytes::from(vec![0; VALUE_BYTES_MAX]);
    store.set_bytes("a", largest.clone()).unwrap();
    let over = store.set_bytes("b", vec![0; VALUE_BYTES_MAX + 1]);
    assert!(
        matches!(over, Err(StoreError::ValueTooLarge { .. })),
        "{over:?}"
    );
    let over: Result<((), _), StoreError> = store.transaction(|tx| {
        (0..5).try_for_each(|index| tx.set_bytes(&format!("c/{index}"), largest.clone()))
    });
    assert!(
        matches!(over, Err(StoreError::TransactionTooLarge { .. })),
        "{over:?}"
    );
    assert_eq!(store.list("").unwrap(), ["a"]);
}

#[test]
fn a_value_that_is_not_json_is_an_error_not_a_panic() {
    let store = Store::memory();
    let bad = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(
        store.set("a", &bad),
        Err(StoreError::Encode { .. })
    ));
    store.set_bytes("raw", &b"\xff\xfe"[..]).unwrap();
    assert!(matches!(
        store.get::<String>("raw"),
        Err(StoreError::Decode { .. })
    ));
    assert!(matches!(
        store.entries::<String>(""),
        Err(StoreError::Decode { .. })
    ));
    assert_eq!(store.get_bytes("raw").unwrap().unwrap(), &b"\xff\xfe"[..]);
}

#[test]
fn a_failed_commit_is_seen_by_nobody() {
    for fault in [
        Fault::Before,
        Fault::InDoubtBefore,
        Fault::InDoubtAfter,
        Fault::Panic,
    ] {
        check_fault(fault);
    }
}

fn check_fault(fault: Fault) {
    let backend = Flaky::default();
    let store = Store::with_backend(backend.clone()).unwrap();
    store.set("a", &1).unwrap();
    let mut watch = store.watch("").unwrap();
    let _subscription = store.on_commit(move |commit| {
        assert!(commit.version.as_u64() > 2 || fault == Fault::Before);
    });
    *backend.fault.lock().unwrap() = fault;
    let failed = catch_unwind(AssertUnwindSafe(|| store.set("a", &2)));
    assert_eq!(store.get::<i64>("a").unwrap(), Some(1), "{fault:?}");
    assert_eq!(store.head().as_u64(), 1);
    assert!(watch.try_next().is_none());

    let next = store.set("a", &3);
    let durable = match fault {
        Fault::None | Fault::Before => {
            assert!(matches!(failed.unwrap(), Err(StoreError::Backend(_))));
            assert_eq!(next.unwrap().version.as_u64(), 2);
            3
        }
        Fault::InDoubtBefore | Fault::InDoubtAfter => {
            let error = failed.unwrap().unwrap_err();
            assert!(matches!(&error, StoreError::InDoubt { version, .. } if *version == v(2)));
            assert!(matches!(next, Err(StoreError::Stopped { version }) if version == v(2)));
            if fault == Fault::InDoubtAfter { 2 } else { 1 }
        }
        Fault::Panic => {
            assert!(failed.is_err());
            assert!(matches!(next, Err(StoreError::Stopped { version }) if version == v(2)));
            2
        }
    };
    drop(store);
    let reopened = Store::with_backend(backend).unwrap();
    assert_eq!(
        reopened.get::<i64>("a").unwrap(),
        Some(durable),
        "{fault:?}"
    );
    reopened.set("a", &4).unwrap();
}

fn v(number: u64) -> Version {
    Version::from_u64(number)
}
