//! Streams that are not what they should be, and what happens to a store in the meantime.

use std::io::{self, BufRead, Cursor, Read};
use std::sync::{Arc, LazyLock, Mutex};

use hyperstar_store::git::{GitExport, GitFate, GitImport, GitReadError};
use hyperstar_store::{CommitId, History, Keep, Store, StoreConfig, StoreError};

use super::repository::{check_whole, import, memory, shown};
use crate::support::{Fault, Flaky, Random};

fn exported(store: &Store) -> Vec<u8> {
    let mut stream = Vec::new();
    store
        .export_git(&mut stream, &GitExport::default(), |_| ())
        .unwrap();
    stream
}

fn stream() -> Vec<u8> {
    let store = memory();
    for n in 0..12 {
        store
            .set(&format!("d{}/{n}", n % 3), &"x".repeat(100 * n))
            .unwrap();
        if n == 5 {
            store.branch("side", store.head_id()).unwrap();
        }
    }
    exported(&store)
}

#[test]
fn a_stream_that_is_cut_or_damaged_changes_nothing() {
    let store = memory();
    store.set("mine", &1).unwrap();
    store.branch("other", store.head_id()).unwrap();
    let before = shown(&store);
    let whole = stream();
    let mut random = Random::new(3);
    let mut refused = 0;
    for round in 0..150 {
        let mut stream = whole.clone();
        let at = random.below(stream.len() as u64 - 5) as usize;
        match round % 3 {
            0 => stream.truncate(at),
            1 => stream[at] ^= 1 << random.below(8),
            _ => drop(stream.drain(at..(at + 30).min(whole.len()))),
        }
        // What is still a stream may set names; not in the store whose names are looked at.
        let stored = match import(&memory(), &stream) {
            Ok(_) => continue,
            Err(_) => import(&store, &stream),
        };
        let error = stored.unwrap_err().to_string();
        assert!(!error.contains(char::is_control), "{error:?}");
        assert_eq!(shown(&store), before);
        refused += 1;
    }
    assert!(refused > 80, "{refused}");
    check_whole(&store);
    // Done right, it goes on from there.
    let imported = import(&store, &whole).unwrap();
    assert_eq!((imported.commits, imported.unaltered), (12, 12));
    assert_eq!(imported.references.len(), 2);
    store.compact(&Keep::last(100), |_| ()).unwrap();
    assert_eq!(store.verify(|_| ()).unwrap().unreached, 0);
    check_whole(&store);
}

const HEAD: &str = "commit refs/heads/main\ncommitter A <a> 5 +0000\ndata 0\n";

#[test]
fn what_a_commit_says_it_was_is_not_believed() {
    let lie = |key: &str, value: &str| {
        let message = format!("Hi\n\nHyperstar-Time-Ms: 5000\nHyperstar-{key}: {value}\n");
        let head = HEAD.replace("data 0\n", &format!("data {}\n{message}", message.len()));
        format!("{head}M 100644 inline a\ndata 1\nx\n")
    };
    let store = memory();
    store.set_bytes("a", "x").unwrap();
    let (commit, root) = (store.head_id(), store.snapshot().root());
    let mut ids = Vec::new();
    for (key, value, altered) in [
        ("Commit", commit.to_string(), 1),
        ("Commit", "nonsense".to_owned(), 0),
        ("Root", root.to_string(), 0),
        ("Parents", format!("{commit} {commit}"), 0),
        ("Parents", "x ".repeat(9000), 0),
    ] {
        let other = memory();
        let imported = import(&other, lie(key, &value).as_bytes()).unwrap();
        assert_eq!((imported.unaltered, imported.altered), (0, altered));
        let entry = other.show(other.head_id()).unwrap();
        assert_eq!((entry.parents, entry.root), (vec![], root));
        ids.push(entry.id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[test]
fn texts_and_parents_have_the_bounds_of_a_commit() {
    let long = HEAD.replace("data 0\n", &format!("data 70000\n{}\n", "x".repeat(70_000)));
    let many: String = (1..=18)
        .map(|mark| {
            format!("{}mark :{mark}\n{}", &HEAD[..23], &HEAD[23..])
                .replace("main", &format!("b{mark}"))
        })
        .collect();
    let merges: String = (2..=18).map(|mark| format!("merge :{mark}\n")).collect();
    let many = format!("{many}{HEAD}from :1\n{merges}");
    for (stream, expected) in [
        (
            &*long,
            "line 1: the message of a commit has 70000 bytes, the most is 65536; shorten it",
        ),
        (
            &*many,
            "there are more than 16 parents of a commit; export a part of the history",
        ),
        (
            &*format!("{HEAD}M 100644 inline a/git~1/b\ndata 0\n"),
            "the segment `.git` is reserved, and so is what a file system takes for it, such as `git~1`",
        ),
        (
            &*format!(
                "{HEAD}M 100644 inline {0}/{0}\ndata 0\nR {0} {0}/{0}/{0}/{0}\n",
                "d".repeat(250)
            ),
            "it is longer than 1024 bytes",
        ),
    ] {
        let store = memory();
        let error = import(&store, stream.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.len() < 600, "{error}");
        assert_eq!(store.head_id(), CommitId::NONE);
        check_whole(&store);
    }
}

/// Gives a stream out, and does something once a part of it is read.
struct Interrupted<'a> {
    stream: Cursor<Vec<u8>>,
    at: u64,
    act: Option<Box<dyn FnOnce() + 'a>>,
}

impl Read for Interrupted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Interrupted<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.stream.position() >= self.at
            && let Some(act) = self.act.take()
        {
            act();
        }
        let rest = self.stream.fill_buf()?;
        Ok(&rest[..rest.len().min(4096)])
    }

    fn consume(&mut self, count: usize) {
        self.stream.consume(count);
    }
}

struct Long {
    tip: CommitId,
    /// Several batches, with one commit that takes two of them.
    stream: Vec<u8>,
    /// What is before that commit.
    start: Vec<u8>,
}

fn long() -> &'static Long {
    static LONG: LazyLock<Long> = LazyLock::new(|| {
        let store = memory();
        let value = |seed: u64| {
            let mut random = Random::new(seed);
            let words = (0..90_000).map(|_| random.next().to_le_bytes());
            words.flatten().collect::<Vec<u8>>()
        };
        for n in 0..13 {
            store
                .set_bytes(&format!("long/{}", n % 7), value(n))
                .unwrap();
        }
        let start = exported(&store);
        let many = store.transaction(|tx| {
            tx.remove_all("long/3")?;
            (0..3000).try_for_each(|n| tx.set(&format!("many/{}/{n}", n % 100), &n))?;
            (0..13).try_for_each(|n| tx.set_bytes(&format!("more/{n}"), value(n + 100)))
        });
        many.unwrap();
        for n in 0..1100 {
            let set = store.transaction(|tx| {
                tx.set_message("One of many")?;
                tx.set("many/last", &n)
            });
            set.unwrap();
        }
        Long {
            tip: store.head_id(),
            stream: exported(&store),
            start,
        }
    });
    &LONG
}

#[test]
fn long_histories_come_in_batches_while_others_write() {
    let Long { tip, stream, .. } = long();
    let store = memory();
    let mut steps = Vec::new();
    let interrupted = Interrupted {
        at: stream.len() as u64 * 95 / 100,
        stream: Cursor::new(stream.clone()),
        act: Some(Box::new(|| {
            store.set("mine", &1).unwrap();
            assert_eq!(store.list("").unwrap(), ["mine"]);
            assert_eq!(store.branches().unwrap().len(), 1);
            check_whole(&store);
        })),
    };
    let imported = store
        .import_git(interrupted, &GitImport::default(), |progress| {
            steps.push(progress.done);
        })
        .unwrap();
    assert!(steps.len() > 2 && steps.is_sorted(), "{steps:?}");
    assert_eq!(imported.unaltered, imported.commits);
    let diverged = GitFate::Diverged {
        kept_as: "git/main".to_owned(),
    };
    assert_eq!(imported.references[0].fate, diverged);
    assert_eq!(store.list("").unwrap(), ["mine"]);
    store.checkout("git/main").unwrap();
    assert_eq!(store.head_id(), *tip);
    check_whole(&store);
    // Nothing of the parts is left.
    let report = store.verify(|_| ()).unwrap();
    assert_eq!(
        (report.unreached, report.commits),
        (0, imported.commits + 1)
    );

    // Once more: nothing is new, and nothing of the parts stays.
    assert_eq!(import(&store, stream).unwrap().created, 0);
    let report = store.verify(|_| ()).unwrap();
    assert_eq!(
        (report.unreached, report.commits),
        (0, imported.commits + 1)
    );
    check_whole(&store);
}

#[test]
fn an_import_keeps_the_history_of_who_writes_meanwhile() {
    let stream = &long().stream;
    let store = Store::memory_with(StoreConfig {
        history: History::Last(10),
        ..StoreConfig::default()
    });
    for n in 0..8 {
        store.set("mine", &n).unwrap();
    }
    let interrupted = Interrupted {
        at: stream.len() as u64 * 3 / 4,
        stream: Cursor::new(stream.clone()),
        act: Some(Box::new(|| {
            for n in 0..5 {
                store.set("mine", &n).unwrap();
            }
        })),
    };
    store
        .import_git(interrupted, &GitImport::default(), |_| ())
        .unwrap();
    assert_eq!(store.log("").unwrap().count(), 13);
    for n in 0..20 {
        store.set("mine", &n).unwrap();
    }
    check_whole(&store);
    assert_eq!(store.verify(|_| ()).unwrap().unreached, 0);
}

#[test]
fn a_compaction_in_between_is_told_and_harms_nothing() {
    let Long { tip, stream, start } = long();
    let length = stream.len() as u64;
    let mut told = 0;
    for (percent, has_start) in [(5, false), (60, false), (95, false), (95, true)] {
        let store = memory();
        store.set("mine", &1).unwrap();
        if has_start {
            // Then only the part of a commit goes.
            import(&store, start).unwrap();
        }
        let before = shown(&store);
        let interrupted = Interrupted {
            at: length * percent / 100,
            stream: Cursor::new(stream.clone()),
            act: Some(Box::new(|| {
                store.compact(&Keep::last(100), |_| ()).unwrap();
            })),
        };
        match store.import_git(interrupted, &GitImport::default(), |_| ()) {
            Err(GitReadError::Compacted { .. }) => {
                told += 1;
                assert_eq!(shown(&store), before);
            }
            result => drop(result.unwrap()),
        }
        check_whole(&store);
        import(&store, stream).unwrap();
        assert_eq!(store.resolve("git/main").unwrap(), *tip);
        check_whole(&store);
    }
    assert_eq!(told, 3);
}

#[test]
fn a_disk_that_fails_leaves_the_names_as_they_were() {
    let stream = stream();
    for (fault, stops) in [
        (Fault::Before, false),
        (Fault::InDoubtBefore, true),
        (Fault::InDoubtAfter, true),
    ] {
        for failing in 0..2 {
            let backend = Flaky::default();
            let store = Store::with_backend(backend.clone()).unwrap();
            store.set("mine", &1).unwrap();
            let before = shown(&store);
            let arm = || *backend.fault.lock().unwrap() = fault;
            if failing == 0 {
                arm();
            }
            let failed = store.import_git(&*stream, &GitImport::default(), |_| {
                // The next write is that of the names.
                if failing == 1 {
                    arm();
                }
            });
            let failed = failed.unwrap_err();
            let source = match failed {
                GitReadError::Store { source, .. } if failing == 0 => source,
                GitReadError::References(source) if failing == 1 => source,
                other => panic!("{other:?}"),
            };
            assert_eq!(matches!(source, StoreError::InDoubt { .. }), stops);
            assert_eq!(shown(&store), before);
            drop(store);
            let store = Store::with_backend(backend).unwrap();
            assert_eq!(store.get::<u8>("mine").unwrap(), Some(1));
            check_whole(&store);
            import(&store, &stream).unwrap();
            assert!(store.resolve("side").is_ok() && store.resolve("git/main").is_ok());
            check_whole(&store);
        }
    }
}

#[test]
fn what_gets_its_name_later_is_heard_of_then() {
    let stream = stream();
    let backend = Flaky::default();
    let store = Store::with_backend(backend.clone()).unwrap();
    let failed = store.import_git(&*stream, &GitImport::default(), |_| {
        *backend.fault.lock().unwrap() = Fault::Before;
    });
    assert!(matches!(failed, Err(GitReadError::References(_))));
    assert_eq!(store.branches().unwrap(), []);
    let before = store.head();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = heard.clone();
    let _subscription = store.on_commit(move |commit| {
        let heard = (commit.version, commit.id, commit.changes.len());
        hearing.lock().unwrap().push(heard);
    });
    assert_eq!(import(&store, &stream).unwrap().created, 0);
    assert!(store.head() > before);
    assert_eq!(
        *heard.lock().unwrap(),
        [(store.head(), store.head_id(), 12)]
    );
    check_whole(&store);
}

#[test]
fn inside_a_transaction_it_is_refused() {
    let store = memory();
    let refused = store.transaction(|tx| {
        let refused = import(&store, &stream()).unwrap_err();
        assert!(
            refused.to_string().contains("already open on this thread"),
            "{refused}"
        );
        tx.set("a", &1)
    });
    refused.unwrap();
    assert_eq!(store.branches().unwrap().len(), 1);
}
