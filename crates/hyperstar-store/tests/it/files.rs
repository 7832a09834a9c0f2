//! A durable store's file: reopen, lock, foreign and cut-off files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use hyperstar_store::{History, Keep, Store, StoreConfig, StoreError};
use tempfile::TempDir;

/// What a file begins with, and where redb's part of it begins.
const HEAD_BYTES: usize = 48;
const TABLES_AT: usize = 4 * 1024 * 1024;

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

fn check_refused(file: &Path, remedy: &str) {
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
    // The file's own head is written first, and redb's in two pieces, the magic number last.
    let head = &created[..HEAD_BYTES];
    let mut torn_head = head.to_vec();
    torn_head[..20].fill(0);
    let tables = &created[TABLES_AT..];
    let mut header_without_magic = vec![0; tables.len()];
    header_without_magic[9..320].copy_from_slice(&tables[9..320]);
    let mut torn_header = header_without_magic.clone();
    torn_header[13..].fill(0);
    let mut torn_magic = header_without_magic.clone();
    torn_magic[..4].copy_from_slice(b"redb");
    let with_tables = |tables: &[u8]| {
        let mut file = created[..TABLES_AT].to_vec();
        file.extend_from_slice(tables);
        file
    };
    for cut_off in [
        vec![],
        vec![0; 5],
        head[..7].to_vec(),
        torn_head,
        head.to_vec(),
        with_tables(&[]),
        with_tables(&vec![0; tables.len()]),
        with_tables(&torn_header),
        with_tables(&torn_magic),
        with_tables(&header_without_magic),
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
fn another_format_is_refused_and_left_alone() {
    let (_directory, file) = place();
    drop(redb::Database::create(&file).unwrap());
    check_format(&file, 2);

    fs::remove_file(&file).unwrap();
    drop(Store::open(&file).unwrap());
    let mut bytes = fs::read(&file).unwrap();
    bytes[16..24].copy_from_slice(&99u64.to_be_bytes());
    let checksum = sha256(&bytes[..40]);
    bytes[40..48].copy_from_slice(&checksum[..8]);
    fs::write(&file, bytes).unwrap();
    check_format(&file, 99);
}

fn check_format(file: &Path, expected: u64) {
    let bytes = fs::read(file).unwrap();
    let error = Store::open(file).unwrap_err();
    assert!(
        matches!(error, StoreError::Format { found, .. } if found == expected),
        "{error:?}"
    );
    assert!(fs::read(file).unwrap() == bytes);
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

#[test]
fn what_the_journal_alone_has_is_there_after_a_crash() {
    let (directory, file) = place();
    let store = Store::open(&file).unwrap();
    let mut ids = Vec::new();
    for count in 0..700 {
        let committed = store.transaction(|tx| {
            tx.set_author("ada")?;
            tx.set_message(format!("count {count}"))?;
            tx.set("count", &count)?;
            tx.set(&format!("item/{}", count % 20), &"x".repeat(count * 3))
        });
        ids.push(committed.unwrap().1.id);
    }
    // As a crash leaves it: the file as it is now, while the store is still open.
    let crashed = directory.path().join("crashed.redb");
    fs::copy(&file, &crashed).unwrap();
    let snapshot = store.snapshot();
    let recovered = Store::open(&crashed).unwrap();
    assert_eq!(recovered.snapshot().root(), snapshot.root());
    assert_eq!(recovered.head(), store.head());
    let log: Vec<_> = recovered.log("").unwrap().map(Result::unwrap).collect();
    assert!(log.iter().rev().map(|entry| entry.id).eq(ids));
    assert_eq!(log[0].author, "ada");
    assert_eq!(log[0].message, "count 699");
    let report = recovered.verify(|_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
    recovered.set("count", &700).unwrap();
    drop(recovered);
    let again = Store::open(&crashed).unwrap();
    assert_eq!(again.get::<i64>("count").unwrap(), Some(700));
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.redb");
    (directory, file)
}

#[test]
fn compacting_gives_space_back_while_others_read_and_write() {
    let (directory, file) = place();
    let config = StoreConfig {
        history: History::All,
        ..StoreConfig::default()
    };
    let store = Store::open_with(&file, config).unwrap();
    // 40 times the same 2,000 entries: 39 versions of them are to go.
    for round in 0..40u64 {
        store
            .transaction(|tx| {
                for entry in 0..2_000u64 {
                    tx.set(&format!("entry/{entry}"), &[round, entry, entry * round])?;
                }
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }
    store.flush().unwrap();
    let before = fs::metadata(&file).unwrap().len();
    let held = store.snapshot();
    let over = AtomicBool::new(false);
    let written = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut written = 0u64;
            while !over.load(Ordering::SeqCst) {
                store.set(&format!("new/{written}"), &written).unwrap();
                if written.is_multiple_of(3) {
                    store
                        .set(&format!("entry/{}", written % 2_000), &written)
                        .unwrap();
                    store.remove(&format!("new/{}", written / 2)).unwrap();
                }
                written += 1;
            }
            written
        });
        let compacted = store.compact(&Keep::last(1), |_| ()).unwrap();
        assert!(compacted.commits >= 39, "{compacted:?}");
        over.store(true, Ordering::SeqCst);
        writer.join().unwrap()
    });
    assert!(written > 0);
    assert_eq!(held.list("entry").unwrap().len(), 2_000);
    assert_eq!(held.get::<[u64; 3]>("entry/7").unwrap(), Some([39, 7, 273]));
    store.set("after", &1).unwrap();
    let expected = store.snapshot().root();
    check_whole(&store);
    drop((held, store));
    let after = fs::metadata(&file).unwrap().len();
    assert!(
        (after - TABLES_AT as u64) * 3 < before - TABLES_AT as u64,
        "{before} bytes became {after}"
    );
    let files = fs::read_dir(directory.path()).unwrap();
    assert_eq!(files.count(), 1, "the copy is still there");
    let store = Store::open(&file).unwrap();
    assert_eq!(store.snapshot().root(), expected);
    assert_eq!(store.get::<u64>("after").unwrap(), Some(1));
    check_whole(&store);
}

#[test]
fn a_copy_that_a_crash_left_goes() {
    let (directory, file) = place();
    drop(Store::open(&file).unwrap());
    let leftover = directory.path().join("store.redb.compacting");
    fs::write(&leftover, "half a copy").unwrap();
    let store = Store::open(&file).unwrap();
    assert!(!leftover.exists());
    store.set("a", &1).unwrap();
    // What a crash right now would leave beside a whole file.
    store.compact(&Keep::last(1), |_| ()).unwrap();
    let crashed = directory.path().join("crashed.redb");
    store.set("b", &2).unwrap();
    fs::copy(&file, &crashed).unwrap();
    let crashed = Store::open(&crashed).unwrap();
    assert_eq!(crashed.get::<i64>("b").unwrap(), Some(2));
}

fn check_whole(store: &Store) {
    let report = store.verify(|_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
}
