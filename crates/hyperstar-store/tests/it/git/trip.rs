//! From a store to Git and back.

use hyperstar_store::git::{GitExport, GitFate, GitWriteError};
use hyperstar_store::{
    Durability, History, Keep, MergePolicies, MergePolicy, Store, StoreConfig, StoreError,
    WatchEvent,
};

use super::repository::{Repository, check_whole, import, memory, shown};
use crate::support::{Flaky, Random};

/// A store with whatever a history can have.
fn story() -> Store {
    let store = memory();
    let say = |author: &str, message: &str, path: &str, value: Vec<u8>| {
        let said = store.transaction(|tx| {
            tx.set_author(author)?;
            tx.set_message(message)?;
            tx.set_bytes(path, value)
        });
        said.unwrap().1.id
    };
    let start = say(
        "Ann <ann@example.com>",
        "Start\n\nWith a body.",
        "doc/readme",
        b"one\ntwo\nthree\n".to_vec(),
    );
    store.tag("v1", start).unwrap();
    store.set_bytes("doc/empty", "").unwrap();
    store.branch("ideas/one", store.head_id()).unwrap();
    store.checkout("ideas/one").unwrap();
    say(
        "user:17",
        "Hyperstar-Time-Ms: 5\n",
        "doc/readme",
        b"one\ntwo\n3\n".to_vec(),
    );
    store.set("日本/\"語\"\\ ", "é").unwrap();
    store.checkout("main").unwrap();
    let megabytes: Vec<u8> = (0..5_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    store.set_bytes("big", megabytes.clone()).unwrap();
    say(
        "Ann <ann@example.com>",
        "Count",
        "doc/readme",
        b"1\ntwo\nthree\n".to_vec(),
    );
    let theirs = store.resolve("ideas/one").unwrap();
    let policies = MergePolicies::new()
        .below("doc", MergePolicy::Ours)
        .unwrap();
    store.merge(theirs, &policies).unwrap();
    let mut edited = megabytes;
    edited[2_000_000] ^= 1;
    store.set_bytes("big", edited).unwrap();
    store.undo("big").unwrap();
    // A directory becomes a value, and a value a directory.
    let turned = store.transaction(|tx| {
        tx.remove_all("doc")?;
        tx.set("doc", "a value")?;
        tx.remove("big")?;
        tx.set("big/small", &1)
    });
    turned.unwrap();
    store
        .transaction(|tx| tx.set_message("Nothing changes"))
        .unwrap();
    store
}

#[test]
fn git_finds_nothing_wrong_and_shows_who_did_what() {
    let store = story();
    let repository = Repository::of(&store);
    let log = repository.git(&["log", "--topo-order", "--format=%an|%ae|%s", "main", "--"]);
    let log: Vec<&str> = log.lines().collect();
    let nobody = "Hyperstar|unknown@hyperstar.invalid";
    let merge = format!("{nobody}|Merge {}", store.resolve("ideas/one").unwrap());
    let expected = [
        format!("{nobody}|Nothing changes"),
        format!("{nobody}|Remove big and more"),
        format!("{nobody}|Undo: {}", store.resolve("main~3").unwrap()),
        format!("{nobody}|Set big"),
        merge,
        format!("{nobody}|Set 日本/\"語\"\\ "),
        "user:17|unknown@hyperstar.invalid|Hyperstar-Time-Ms: 5".to_owned(),
        "Ann|ann@example.com|Count".to_owned(),
        format!("{nobody}|Set big"),
        format!("{nobody}|Set doc/empty"),
        "Ann|ann@example.com|Start".to_owned(),
    ];
    let expected: Vec<&str> = expected.iter().map(|line| line.trim_end()).collect();
    assert_eq!(log, expected);

    let stat = repository.git(&["show", "--stat", "--format=", "main~3"]);
    assert_eq!(
        stat,
        " big | Bin 5000000 -> 5000000 bytes\n 1 file changed, 0 insertions(+), 0 deletions(-)\n"
    );
    let stat = repository.git(&["show", "--numstat", "--format=", "ideas/one~1"]);
    assert_eq!(stat, "1\t1\tdoc/readme\n");
    let diff = repository.git(&["diff", "--name-status", "main~2", "main"]);
    assert_eq!(
        diff,
        "D\tbig\nA\tbig/small\nA\tdoc\nD\tdoc/empty\nD\tdoc/readme\n"
    );
    let blame = repository.git(&["blame", "--line-porcelain", "ideas/one", "--", "doc/readme"]);
    let blame = blame
        .lines()
        .filter_map(|line| line.strip_prefix("summary "));
    let blame: Vec<&str> = blame.collect();
    assert_eq!(blame, ["Start", "Start", "Hyperstar-Time-Ms: 5"]);

    let trailer = "--format=%(trailers:key=Hyperstar-Root,valueonly)";
    let root = repository.git(&["log", "-1", trailer, "main"]);
    assert_eq!(root.trim(), store.snapshot().root().to_string());
}

#[test]
fn all_of_it_comes_back_as_it_was() {
    let store = story();
    let repository = Repository::of(&store);
    let directory = tempfile::tempdir().unwrap();
    let durable = Store::open(directory.path().join("store.redb")).unwrap();
    for other in [memory(), durable] {
        let imported = repository.give(&other);
        assert_eq!(shown(&other), shown(&store));
        assert_eq!((imported.commits, imported.created), (11, 11));
        assert_eq!((imported.unaltered, imported.altered), (11, 0));
        let fates: Vec<_> = imported.references.iter().map(|name| &name.fate).collect();
        assert_eq!(fates, [&GitFate::Created; 3]);
        assert_eq!(
            other.get::<String>("doc").unwrap().as_deref(),
            Some("a value")
        );
        check_whole(&other);

        // What is there is not written again, here and there.
        let version = other.head();
        for store in [&other, &store] {
            let again = repository.give(store);
            assert_eq!((again.created, again.unaltered), (0, 11));
            let same = |name: &hyperstar_store::git::GitReference| name.fate == GitFate::Unchanged;
            assert!(again.references.iter().all(same), "{again:?}");
            check_whole(store);
            assert_eq!(store.verify(|_| ()).unwrap().unreached, 0);
        }
        assert_eq!(other.head(), version);
        assert_eq!(shown(&other), shown(&store));
        // It goes on as any store.
        other.undo("doc").unwrap();
        assert_eq!(other.list("doc").unwrap().len(), 2);
        check_whole(&other);
    }
}

#[test]
fn one_branch_alone() {
    let store = story();
    let repository = Repository::new();
    let options = GitExport {
        branch: Some("ideas/one".to_owned()),
        ..GitExport::default()
    };
    assert_eq!(repository.take(&store, &options).commits, 4);
    let names = repository.git(&["for-each-ref", "--format=%(refname)"]);
    assert_eq!(names, "refs/heads/ideas/one\n");
    let other = memory();
    repository.give(&other);
    // The branch that is checked out is none of theirs.
    assert_eq!(other.list("").unwrap(), [] as [&str; 0]);
    other.checkout("ideas/one").unwrap();
    assert_eq!(other.head_id(), store.resolve("ideas/one").unwrap());
    check_whole(&other);

    let options = GitExport {
        branch: Some("nothing".to_owned()),
        ..GitExport::default()
    };
    let error = store
        .export_git(Vec::new(), &options, |_| ())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "there is no branch `nothing`; there are: ideas/one, main"
    );
}

#[test]
fn only_what_is_new() {
    let store = memory();
    let repository = Repository::new();
    let mut options = GitExport::default();
    let mut commits = 0;
    for round in 0..4 {
        for n in 0..5 {
            store.set(&format!("n/{n}"), &round).unwrap();
        }
        if round == 1 {
            store.branch("side", store.head_id()).unwrap();
        }
        let exported = repository.take(&store, &options);
        assert_eq!(exported.commits, 5);
        commits += exported.commits;
        options.after = exported.version;
        assert_eq!(exported.version, store.head());
    }
    assert_eq!(repository.take(&store, &options).commits, 0);
    let count = repository.git(&["rev-list", "--count", "main"]);
    assert_eq!(count.trim(), commits.to_string());
    let other = memory();
    repository.give(&other);
    assert_eq!(shown(&other), shown(&store));
}

#[test]
fn a_history_whose_beginning_was_let_go_keeps_its_names() {
    let store = Store::memory_with(StoreConfig {
        history: History::Last(5),
        ..StoreConfig::default()
    });
    for n in 0..40 {
        store.set(&format!("n/{}", n % 20), &n).unwrap();
    }
    let repository = Repository::new();
    let exported = repository.take(&store, &GitExport::default());
    assert_eq!((exported.commits, exported.cut), (5, 1));
    assert_eq!(
        repository.git(&["ls-tree", "-r", "--name-only", "main~4"]),
        repository.git(&["ls-tree", "-r", "--name-only", "main"])
    );
    let other = memory();
    let imported = repository.give(&other);
    assert_eq!((imported.unaltered, imported.altered), (5, 0));
    assert_eq!(shown(&other), shown(&store));
    check_whole(&other);

    // It is there again in a store that has the rest.
    let (first, again) = (memory(), Repository::new());
    first.set("a", &1).unwrap();
    first.set("a", &2).unwrap();
    let whole = Repository::of(&first);
    first.compact(&Keep::last(1), |_| ()).unwrap();
    again.take(&first, &GitExport::default());
    assert_eq!(whole.give(&first).created, 1);
    assert_eq!(first.log("").unwrap().count(), 2);
    // What came later is before what was there.
    let both = Repository::of(&first);
    assert_eq!(both.git(&["rev-list", "--count", "main"]), "2\n");
    let third = memory();
    assert_eq!(both.give(&third).unaltered, 2);
    assert_eq!(again.give(&third).created, 0);
    check_whole(&first);
    first.set("a", &3).unwrap();
    check_whole(&first);
}

#[test]
fn what_came_back_is_not_let_go_with_what_it_shares_pages_with() {
    let backend = Flaky::default();
    let config = |history| StoreConfig {
        history,
        ..StoreConfig::default()
    };
    let store = Store::with(backend.clone(), config(History::All)).unwrap();
    let filled = store.transaction(|tx| {
        (0..300).try_for_each(|n| tx.set(&format!("room/{n}"), &format!("what is in room {n}")))
    });
    store.tag("filled", filled.unwrap().1.id).unwrap();
    for path in ["a", "b", "room/7"] {
        store.set(path, &1).unwrap();
    }
    let repository = Repository::of(&store);
    store.compact(&Keep::last(2).tagged(), |_| ()).unwrap();
    assert_eq!(repository.give(&store).created, 1);
    store.compact(&Keep::last(3), |_| ()).unwrap();
    drop(store);
    let store = Store::with(backend, config(History::Last(2))).unwrap();
    for n in 0..5 {
        store.set("n", &n).unwrap();
        check_whole(&store);
    }
}

#[test]
fn what_was_edited_in_git_comes_home() {
    let store = story();
    let repository = Repository::of(&store);
    repository.git(&["checkout", "--quiet", "main"]);
    repository.write("doc", "\"edited\"");
    repository.write("new/one", "1");
    repository.commit("Edit by hand");
    let mut watch = store.watch("").unwrap();
    let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let hearing = heard.clone();
    let _subscription = store.on_commit(move |commit| hearing.lock().unwrap().push(commit.version));
    let before = store.head_id();

    let imported = repository.give(&store);
    assert_eq!((imported.commits, imported.created), (12, 1));
    let [_, main, _] = &*imported.references else {
        panic!("{imported:?}");
    };
    assert_eq!((&*main.name, &main.fate), ("main", &GitFate::Forwarded));
    assert_eq!(store.head_id(), main.commit);
    assert_eq!(store.get::<String>("doc").unwrap().unwrap(), "edited");
    assert_eq!(store.get::<u8>("new/one").unwrap(), Some(1));
    let entry = store.show(store.head_id()).unwrap();
    assert_eq!(entry.parents, [before]);
    assert_eq!(entry.author, "Ada Lovelace <ada@example.org>");
    assert_eq!(
        (&*entry.message, entry.time_ms),
        ("Edit by hand\n", 1_700_000_000_000)
    );
    let Some(WatchEvent::Changed {
        version,
        id,
        changes,
    }) = watch.try_next()
    else {
        panic!("nothing was heard");
    };
    let paths: Vec<&str> = changes.iter().map(|change| &*change.path).collect();
    assert_eq!(paths, ["doc", "new/one"]);
    assert_eq!(changes[0].before.as_deref(), Some(&b"\"a value\""[..]));
    assert_eq!((version, id), (store.head(), main.commit));
    assert!(watch.try_next().is_none());
    assert_eq!(*heard.lock().unwrap(), [store.head()]);
    check_whole(&store);
    // And goes out again, with the name that it has here.
    let again = Repository::of(&store);
    let trailer = "--format=%s %(trailers:key=Hyperstar-Commit,valueonly)";
    let said = again.git(&["log", "-1", trailer, "main"]);
    assert_eq!(said.trim(), format!("Edit by hand {}", main.commit));
    let theirs = ["main", "again"];
    repository.git(&[
        "fetch",
        "--quiet",
        again.path().to_str().unwrap(),
        "main:again",
    ]);
    let trees = theirs.map(|name| repository.git(&["rev-parse", &format!("{name}^{{tree}}")]));
    assert_eq!(trees[0], trees[1]);
}

#[test]
fn what_went_apart_is_left_apart() {
    let store = memory();
    let start = store.set("title", "draft").unwrap().id;
    store.tag("v1", start).unwrap();
    let repository = Repository::of(&store);
    repository.git(&["checkout", "--quiet", "main"]);
    repository.write("title", "\"of git\"");
    repository.commit("Theirs");
    repository.git(&["branch", "other"]);
    repository.git(&["tag", "--force", "v1", "main"]);
    let ours = store.set("title", "ours").unwrap().id;

    for round in 0..2 {
        let imported = repository.give(&store);
        let fates: Vec<_> = imported
            .references
            .iter()
            .map(|name| (name.kind, &*name.name, &name.fate))
            .collect();
        let [diverged, retagged] = ["git/main", "git/v1"].map(|name| GitFate::Diverged {
            kept_as: name.to_owned(),
        });
        let other = match round {
            0 => GitFate::Created,
            _ => GitFate::Unchanged,
        };
        let expected = [
            ("branch", "main", &diverged),
            ("branch", "other", &other),
            ("tag", "v1", &retagged),
        ];
        assert_eq!(fates, expected);
        assert_eq!(store.head_id(), ours);
        assert_eq!(store.get::<String>("title").unwrap().unwrap(), "ours");
        assert_eq!(store.resolve("v1").unwrap(), start);
        check_whole(&store);
    }
    let theirs = store.resolve("git/main").unwrap();
    assert_eq!(store.resolve("git/v1").unwrap(), theirs);
    let policies = MergePolicies::new().below("", MergePolicy::Theirs).unwrap();
    store.merge(theirs, &policies).unwrap();
    assert_eq!(store.get::<String>("title").unwrap().unwrap(), "of git");
    // Now the store is ahead.
    let behind = repository.give(&store);
    assert_eq!(behind.references[0].fate, GitFate::Behind);

    // What `git/main` named before goes elsewhere.
    store.set("title", "again").unwrap();
    repository.git(&["commit", "--quiet", "--amend", "--no-edit", "-m", "Amended"]);
    repository.give(&store);
    let amended = store.show(store.resolve("git/main").unwrap()).unwrap();
    assert_eq!(amended.message, "Amended\n");
    check_whole(&store);
    // Where somebody works on it, it stays.
    store.checkout("git/main").unwrap();
    repository.git(&[
        "commit",
        "--quiet",
        "--amend",
        "--no-edit",
        "-m",
        "Once more",
    ]);
    let before = shown(&store);
    let refused = import(&store, &repository.stream())
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("the branch `git/main` is checked out"),
        "{refused}"
    );
    assert_eq!(shown(&store), before);
    check_whole(&store);
}

#[test]
fn names_that_git_does_not_take_are_told_before_anything_is_written() {
    let store = memory();
    let commit = store.set("a", &1).unwrap().id;
    store.branch("a b", commit).unwrap();
    let mut stream = Vec::new();
    let refused = store.export_git(&mut stream, &GitExport::default(), |_| ());
    let Err(GitWriteError::Reference { name, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(name, "refs/heads/a b");
    assert!(stream.len() < 20);
    store.remove_branch("a b").unwrap();
    store.branch("main/sub", commit).unwrap();
    let refused = store.export_git(&mut stream, &GitExport::default(), |_| ());
    assert!(matches!(
        refused,
        Err(GitWriteError::ReferenceInTheWay { .. })
    ));
}

#[test]
fn a_store_without_commits_is_an_empty_stream() {
    let repository = Repository::new();
    let exported = repository.take(&memory(), &GitExport::default());
    assert_eq!(exported.commits, 0);
    let store = memory();
    let imported = repository.give(&store);
    assert_eq!((imported.commits, imported.references.len()), (0, 0));
    store.set("a", &1).unwrap();
}

/// `HYPERSTAR_STORE_SEEDS` runs more of them.
#[test]
fn any_history_comes_back() {
    let more = std::env::var("HYPERSTAR_STORE_SEEDS").ok();
    for seed in 0..more.map_or(4, |seeds| seeds.parse().unwrap()) {
        let store = random_store(seed);
        check_whole(&store);
        let repository = Repository::of(&store);
        let other = memory();
        let imported = repository.give(&other);
        assert_eq!(imported.altered, 0, "seed {seed}");
        // There it is not known which branch was checked out.
        let _ = other.checkout(&store.current_branch());
        assert_eq!(shown(&other), shown(&store), "seed {seed}");
        check_whole(&other);
    }
}

fn random_store(seed: u64) -> Store {
    const PATHS: [&str; 12] = [
        "a",
        "a/b",
        "a/b/c",
        "a!",
        "a0",
        "todo/1",
        "todo/2",
        "ü/ñ",
        "日本/語",
        " lead",
        "\"q\\",
        "x y",
    ];
    let mut random = Random::new(seed);
    let store = memory();
    let mut branches = vec!["main".to_owned()];
    for step in 0..60 {
        match random.below(12) {
            0 if store.head_id() != hyperstar_store::CommitId::NONE => {
                let name = format!("b{step}");
                store.branch(&name, store.head_id()).unwrap();
                branches.push(name);
            }
            1 => {
                let branch = &branches[random.below(branches.len() as u64) as usize];
                // The first branch has no commit yet.
                let _ = store.checkout(branch);
            }
            2 => {
                let branch = &branches[random.below(branches.len() as u64) as usize];
                if let Ok(tip) = store.resolve(branch) {
                    let policies = MergePolicies::new().below("", MergePolicy::Ours).unwrap();
                    // A value and a directory of one name are a conflict for any policy.
                    let _ = store.merge(tip, &policies);
                }
            }
            3 => drop(store.undo("")),
            _ => drop(write(&store, &mut random, &PATHS)),
        }
    }
    store
}

fn write(store: &Store, random: &mut Random, paths: &[&str]) -> Result<(), StoreError> {
    let written = store.transaction(|tx| {
        tx.set_durability(Durability::Buffered);
        if random.chance(3) {
            tx.set_message(["fix", "\0", " \n", "two\n\nlines\n"][random.below(4) as usize])?;
        }
        if random.chance(3) {
            tx.set_author(["", "Ann <a@b>", "x\n<y> 5"][random.below(3) as usize])?;
        }
        for _ in 0..random.below(6) {
            let path = paths[random.below(paths.len() as u64) as usize];
            tx.remove_all(path)?;
            if random.chance(4) {
                continue;
            }
            let bytes = [0, 10, 1500, 200_000][random.below(4) as usize];
            let value: Vec<u8> = (0..bytes).map(|_| random.below(256) as u8).collect();
            // What is in the way stays.
            let _ = tx.set_bytes(path, value);
        }
        Ok::<_, StoreError>(())
    });
    written.map(drop)
}
