//! A repository of Git, and what stores and it have to agree on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use hyperstar_store::git::{GitExport, GitExported, GitImport, GitImported, GitReadError};
use hyperstar_store::{CommitId, Hash, History, Store, StoreConfig};
use tempfile::TempDir;

/// A repository of its own, out of reach of the user's settings.
pub(super) struct Repository {
    directory: TempDir,
}

impl Repository {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let repository = Self { directory };
        repository.git(&["init", "--quiet", "--initial-branch=main", "."]);
        repository
    }

    /// With all that the store has.
    pub(super) fn of(store: &Store) -> Self {
        let repository = Self::new();
        repository.take(store, &GitExport::default());
        repository
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn output(&self, arguments: &[&str], input: Option<&[u8]>) -> Output {
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        let stdin = match input {
            None => Stdio::null(),
            Some(input) => {
                let file = self.path().join(".git/input");
                fs::write(&file, input).unwrap();
                File::open(file).unwrap().into()
            }
        };
        command
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", self.path().join(".git/none"))
            .env("LC_ALL", "C")
            .env("GIT_AUTHOR_NAME", "Ada Lovelace")
            .env("GIT_AUTHOR_EMAIL", "ada@example.org")
            .env("GIT_AUTHOR_DATE", "1700000000 +0130")
            .env("GIT_COMMITTER_NAME", "Bob")
            .env("GIT_COMMITTER_EMAIL", "bob@example.org")
            .env("GIT_COMMITTER_DATE", "1700000001 -0800")
            .stdin(stdin)
            .output()
            .expect("these tests need `git`; install it, on Debian with `apt-get install git`")
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.git_bytes(arguments, None)).unwrap()
    }

    fn git_bytes(&self, arguments: &[&str], input: Option<&[u8]>) -> Vec<u8> {
        let output = self.output(arguments, input);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {errors}");
        output.stdout
    }

    /// Takes an export, and finds nothing wrong with it. Marks are kept for the next.
    pub(super) fn take(&self, store: &Store, options: &GitExport) -> GitExported {
        let mut stream = Vec::new();
        let exported = store.export_git(&mut stream, options, |_| ()).unwrap();
        self.git_bytes(
            &[
                "fast-import",
                "--quiet",
                "--import-marks-if-exists=.git/marks",
                "--export-marks=.git/marks",
            ],
            Some(&stream),
        );
        let checked = self.output(&["fsck", "--strict", "--no-dangling"], None);
        let said = String::from_utf8([checked.stdout, checked.stderr].concat()).unwrap();
        // Where there is no branch `main`.
        let said = said.lines().filter(|line| !line.starts_with("notice: "));
        let complaints: Vec<&str> = said.collect();
        assert!(
            checked.status.success() && complaints.is_empty(),
            "{complaints:?}"
        );
        exported
    }

    pub(super) fn stream(&self) -> Vec<u8> {
        self.git_bytes(&["fast-export", "--all", "--use-done-feature"], None)
    }

    pub(super) fn give(&self, store: &Store) -> GitImported {
        import(store, &self.stream()).unwrap()
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let file = self.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    pub(super) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
    }
}

pub(super) fn import(store: &Store, stream: &[u8]) -> Result<GitImported, GitReadError> {
    store.import_git(stream, &GitImport::default(), |_| ())
}

pub(super) fn memory() -> Store {
    Store::memory_with(StoreConfig {
        history: History::All,
        ..StoreConfig::default()
    })
}

pub(super) fn check_whole(store: &Store) {
    let report = store.verify(|_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
}

/// Everything that a store shows of its branches and tags.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    branches: Vec<(String, CommitId)>,
    tags: Vec<(String, CommitId)>,
    root: Hash,
    /// Of all that the names reach: what `show` says but for the version, which is the store's own.
    commits: BTreeMap<CommitId, String>,
}

pub(super) fn shown(store: &Store) -> Shown {
    let (branches, tags) = (store.branches().unwrap(), store.tags().unwrap());
    let mut commits = BTreeMap::new();
    let mut open: Vec<CommitId> = branches.iter().chain(&tags).map(|name| name.1).collect();
    while let Some(id) = open.pop() {
        if commits.contains_key(&id) {
            continue;
        }
        // A parent that was let go.
        let Ok(entry) = store.show(id) else { continue };
        assert_eq!(store.at(id).unwrap().root(), entry.root);
        let text = format!(
            "{:?} {} {} {} {:?} {:?} {:?}",
            entry.parents,
            entry.root,
            entry.values,
            entry.time_ms,
            entry.author,
            entry.message,
            entry.undoes
        );
        commits.insert(id, text);
        open.extend(entry.parents);
    }
    Shown {
        branches,
        tags,
        root: store.snapshot().root(),
        commits,
    }
}
