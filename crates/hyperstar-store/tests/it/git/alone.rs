//! Histories that were made in Git.

use std::fs;

use hyperstar_store::CommitId;
use hyperstar_store::git::{Foreign, GitExport, GitImport, GitReadError};

use super::repository::{Repository, check_whole, import, memory, shown};

fn history() -> Repository {
    let repository = Repository::new();
    repository.write("readme", "one\ntwo\nthree\n");
    repository.write("src/main.rs", "fn main() {}\n");
    repository.write("tool ü.sh", "#!/bin/sh\n");
    repository.write("日本/語", "x");
    repository.write("gone", "x");
    repository.write("empty", "");
    repository.commit("start\n\nSigned-off-by: A <a@b>");
    repository.git(&["update-index", "--chmod=+x", "tool ü.sh"]);
    repository.git(&["mv", "src", "source"]);
    repository.git(&["rm", "--quiet", "gone"]);
    repository.git(&["commit", "--quiet", "-m", "move"]);
    repository.git(&["tag", "light"]);
    repository.git(&["tag", "-a", "v1", "-m", "the first"]);
    repository.git(&["checkout", "--quiet", "--force", "-b", "side", "HEAD~1"]);
    repository.write("side", "s");
    repository.commit("side");
    repository.git(&["checkout", "--quiet", "main"]);
    repository.git(&["merge", "--quiet", "--no-ff", "-m", "merge", "side"]);
    repository.git(&["rm", "--quiet", "-r", "source"]);
    repository.write("source", "a file now");
    fs::remove_file(repository.path().join("side")).unwrap();
    repository.write("side/below", "a directory now");
    repository.git(&["update-index", "--chmod=-x", "tool ü.sh"]);
    repository.git(&["config", "core.fileMode", "false"]);
    repository.commit("directory to file, file to directory");
    repository
}

#[test]
fn a_history_of_git_is_a_history_here_and_there_again() {
    let repository = history();
    let store = memory();
    let imported = repository.give(&store);
    assert_eq!((imported.commits, imported.created), (5, 5));
    assert_eq!((imported.unaltered, imported.altered), (0, 0));
    check_whole(&store);
    let messages: Vec<String> = store
        .log("")
        .unwrap()
        .map(|entry| entry.unwrap().message)
        .collect();
    assert_eq!(
        messages,
        [
            "directory to file, file to directory\n",
            "merge\n",
            "move\n",
            "start\n\nSigned-off-by: A <a@b>\n"
        ]
    );
    let merge = store.show(store.resolve("HEAD~1").unwrap()).unwrap();
    assert_eq!(merge.parents.len(), 2);
    assert_eq!(merge.author, "Ada Lovelace <ada@example.org>");
    assert_eq!(merge.parents[1], store.resolve("side").unwrap());
    assert_eq!(
        store.resolve("v1").unwrap(),
        store.resolve("light").unwrap()
    );
    let source = store.get_bytes("source").unwrap().unwrap();
    assert_eq!(source, "a file now");

    let again = Repository::of(&store);
    // But for what a store does not keep: that a file is executable.
    for name in ["main", "side", "main~1^2", "main~3"] {
        let tree = format!("{name}^{{tree}}");
        assert_eq!(
            again.git(&["rev-parse", &tree]),
            repository.git(&["rev-parse", &tree]),
            "{name}"
        );
    }
    let files = |repository: &Repository, name: &str| {
        repository.git(&["ls-tree", "-r", "--format=%(objectname) %(path)", name])
    };
    for name in ["main~1", "main~2", "light", "v1"] {
        assert_eq!(files(&again, name), files(&repository, name), "{name}");
    }
    let log = |repository: &Repository| {
        repository.git(&["log", "--topo-order", "--format=%an %ae %at %s", "main"])
    };
    assert_eq!(log(&again), log(&repository));
    let other = memory();
    assert_eq!(again.give(&other).unaltered, 5);
    assert_eq!(shown(&other), shown(&store));
}

#[test]
fn options_of_fast_export_change_nothing() {
    let repository = history();
    let store = memory();
    repository.give(&store);
    for options in [
        &["--full-tree"][..],
        &["-M", "-C"],
        &["--show-original-ids", "--progress=2", "--mark-tags"],
    ] {
        let arguments = [&["fast-export", "--all"], options].concat();
        let stream = repository.output(&arguments, None).stdout;
        let other = memory();
        import(&other, &stream).unwrap();
        assert_eq!(shown(&other), shown(&store), "{options:?}");
        check_whole(&other);
    }
}

#[test]
fn names_that_are_neither_branch_nor_tag_are_told() {
    let repository = history();
    repository.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    repository.git(&["update-ref", "refs/remotes/origin/old", "main~1"]);
    let store = memory();
    let imported = repository.give(&store);
    assert_eq!(imported.other_references.count, 2);
    let first = imported.other_references.first.unwrap();
    assert_eq!(first, "refs/remotes/origin/main");
    assert_eq!(store.branches().unwrap().len(), 2);
}

#[test]
fn a_name_that_is_none_here_is_refused_or_left_out() {
    let repository = Repository::new();
    repository.write("a", "x");
    repository.commit("start");
    let deep = vec!["d"; 70].join("/");
    repository.git(&["branch", &deep]);
    let store = memory();
    let refused = import(&store, &repository.stream()).unwrap_err();
    assert!(matches!(refused, GitReadError::References(_)), "{refused}");
    assert_eq!(store.branches().unwrap(), []);
    let options = GitImport {
        foreign: Foreign::LeaveOut,
        ..GitImport::default()
    };
    let imported = store
        .import_git(&*repository.stream(), &options, |_| ())
        .unwrap();
    assert_eq!(imported.other_references.count, 1);
    assert_eq!((imported.commits, imported.created), (1, 0));
    assert_eq!(store.branches().unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_link_is_refused_or_left_out() {
    let repository = Repository::new();
    repository.write("file", "x");
    repository.commit("start");
    std::os::unix::fs::symlink("file", repository.path().join("link")).unwrap();
    repository.commit("link");
    let store = memory();
    let refused = import(&store, &repository.stream()).unwrap_err();
    assert!(matches!(refused, GitReadError::Foreign { .. }), "{refused}");
    assert_eq!(store.head_id(), CommitId::NONE);
    let options = GitImport {
        foreign: Foreign::LeaveOut,
        ..GitImport::default()
    };
    let imported = store
        .import_git(&*repository.stream(), &options, |_| ())
        .unwrap();
    assert_eq!(imported.left_out.count, 1);
    assert_eq!(store.list("").unwrap(), ["file"]);
    check_whole(&store);
}

#[test]
fn what_was_altered_in_git_is_another_commit() {
    let store = memory();
    for n in 0..4 {
        store.set("n", &n).unwrap();
    }
    let repository = Repository::of(&store);
    repository.git(&["checkout", "--quiet", "-b", "amended", "main~2"]);
    repository.write("n", "7");
    repository.git(&["add", "--all"]);
    repository.git(&["commit", "--quiet", "--amend", "--no-edit"]);
    let other = memory();
    let imported = repository.give(&other);
    assert_eq!((imported.commits, imported.unaltered), (5, 4));
    assert_eq!(imported.altered, 1);
    assert_eq!(other.head_id(), store.head_id());
    other.checkout("amended").unwrap();
    assert_eq!(other.get::<u8>("n").unwrap(), Some(7));
    let exported = Repository::new().take(&other, &GitExport::default());
    assert_eq!(exported.commits, 5);
    check_whole(&other);
}
