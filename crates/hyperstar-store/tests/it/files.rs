//! A durable store's file: reopen, lock, foreign and cut-off files.

use std::fs;
use std::path::PathBuf;

use hyperstar_store::{Store, StoreError};
use tempfile::TempDir;

#[test]
fn a_reopened_store_goes_on_where_it_was() {
    let (_directory, file) = place();
    {
        let store = Store::open(&file).unwrap();
        assert_eq!(store.head().as_u64(), 0);
        store.set("a/b", &1).unwrap();
        store.set_bytes("raw", vec![7; 100_000]).unwrap();
        store.remove("a/b").unwrap();
        store.set("a", "ü").unwrap();
    }
    let store = Store::open(&file).unwrap();
    assert_eq!(store.head().as_u64(), 4);
    assert_eq!(store.get("a").unwrap(), Some("ü".to_string()));
    assert_eq!(store.get_bytes("raw").unwrap().unwrap(), vec![7; 100_000]);
    assert_eq!(store.set("b", &1).unwrap().version.as_u64(), 5);
}

#[test]
fn a_file_opens_once() {
    let (_directory, file) = place();
    let store = Store::open(&file).unwrap();
    let again = Store::open(&file).unwrap_err();
    assert!(matches!(again, StoreError::Locked { .. }));
    assert_eq!(
        again.to_string(),
        format!(
            "`{}` is already open, in this process or another; close the other, or clone its \
             `Store` instead of opening the file again",
            file.display()
        )
    );
    // A snapshot keeps the file open, and stays readable.
    store.set("a", &1).unwrap();
    let snapshot = store.snapshot();
    drop(store);
    assert!(matches!(Store::open(&file), Err(StoreError::Locked { .. })));
    assert_eq!(snapshot.get::<i64>("a").unwrap(), Some(1));
    drop(snapshot);
    Store::open(&file).unwrap();
}

#[test]
fn what_is_not_a_store_is_refused_and_left_alone() {
    let (directory, file) = place();
    let missing = directory.path().join("no/such/store.redb");
    check_refused(&missing, "create its directory first");

    fs::write(&file, "my notes, not a store").unwrap();
    check_refused(&file, "it is not a store; name another file");
    assert_eq!(fs::read(&file).unwrap(), b"my notes, not a store");
    fs::write(&file, "redb").unwrap();
    check_refused(&file, "it is not a store; name another file");
    assert_eq!(fs::read(&file).unwrap(), b"redb");

    // An image that starts with zeros is not a store that was being created.
    let mut image = vec![0; 4096];
    image[600] = 1;
    fs::write(&file, &image).unwrap();
    check_refused(&file, "it is not a store; name another file");
    assert_eq!(fs::read(&file).unwrap(), image);
}

fn check_refused(file: &std::path::Path, remedy: &str) {
    let error = Store::open(file).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.starts_with("cannot open the store `") && text.ends_with(remedy),
        "{text}"
    );
}

#[test]
fn a_creation_that_a_crash_cut_off_is_started_anew() {
    let (_directory, file) = place();
    drop(Store::open(&file).unwrap());
    let created = fs::read(&file).unwrap();
    let mut header_without_magic = vec![0; created.len()];
    header_without_magic[9..320].copy_from_slice(&created[9..320]);
    let mut torn_header = header_without_magic.clone();
    torn_header[13..].fill(0);
    let mut torn_magic = header_without_magic.clone();
    torn_magic[..4].copy_from_slice(b"redb");
    for cut_off in [
        torn_header,
        torn_magic,
        vec![],
        vec![0; 5],
        vec![0; created.len()],
        header_without_magic,
    ] {
        fs::write(&file, &cut_off).unwrap();
        let store = Store::open(&file).unwrap();
        store.set("a", &1).unwrap();
        drop(store);
        assert_eq!(
            Store::open(&file).unwrap().get::<i64>("a").unwrap(),
            Some(1)
        );
    }
}

#[test]
fn another_format_is_refused() {
    let (_directory, file) = place();
    drop(Store::open(&file).unwrap());
    let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    let db = redb::Database::open(&file).unwrap();
    let transaction = db.begin_write().unwrap();
    transaction
        .open_table(meta)
        .unwrap()
        .insert("format", 99)
        .unwrap();
    transaction.commit().unwrap();
    drop(db);
    let error = Store::open(&file).unwrap_err();
    assert!(
        matches!(error, StoreError::Format { found: 99, .. }),
        "{error:?}"
    );
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.redb");
    (directory, file)
}
