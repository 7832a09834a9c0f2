//! A directory with stores whose commits always have the same authors and times.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use hyperstar_store::{History, Store, StoreConfig};
use serde_json::Value;
use tempfile::TempDir;

/// Two commits on `main`; the branch `idea` and the tag `v1` are at the first.
pub(crate) const STREAM: &str = "feature done
commit refs/heads/main
mark :1
author Ada <ada@example.org> 1700000000 +0000
committer Ada <ada@example.org> 1700000000 +0000
data 11
Begin here

M 100644 inline todo/1
data 28
{\"text\":\"tea\",\"done\": false}
M 100644 inline title
data 7
\"Draft\"
M 100644 inline notes
data 8
one
two

commit refs/heads/main
mark :2
author Bob <bob@example.org> 1700003600 +0000
committer Bob <bob@example.org> 1700003600 +0000
data 9
Drink it

from :1
M 100644 inline todo/1
data 28
{\"text\":\"tea\",\"done\": true }
M 100644 inline todo/2
data 1
7
D notes
reset refs/heads/idea
from :1

reset refs/tags/v1
from :1

done
";

/// A directory of its own, and the program in it.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    /// With the store `app.redb` of [`STREAM`].
    pub(crate) fn with_store() -> Self {
        let place = Self::new();
        let created = place.run_with(&["import", "app.redb", "--create"], STREAM.as_bytes());
        check_success(&created);
        place
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The store in `name`, with all of its history. Drop it before the program is run on it.
    pub(crate) fn store(&self, name: &str) -> Store {
        let config = StoreConfig {
            history: History::All,
            ..StoreConfig::default()
        };
        Store::open_with(self.file(name), config).unwrap()
    }

    /// `hyperstar store` with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hyperstar"));
        command
            .arg("store")
            .args(arguments)
            .current_dir(self.path());
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command.env("TZ", "UTC").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(arguments);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
        // The program may end before it has read all.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// What it prints, if it succeeds.
    pub(crate) fn read(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        check_success(&output);
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it prints, with `<1>` for the first commit and so on, and without how long ago.
    pub(crate) fn shown(&self, arguments: &[&str]) -> String {
        self.normal(&self.read(arguments))
    }

    /// Why it fails, after which nothing is on the standard output.
    pub(crate) fn refusal(&self, arguments: &[&str]) -> String {
        refused(&self.run(arguments), 1)
    }

    /// The ids of the commits of `app.redb`, the oldest first, on all branches.
    pub(crate) fn ids(&self) -> Vec<String> {
        let store = self.store("app.redb");
        let mut found = Vec::new();
        for (_, tip) in store.branches().unwrap() {
            for entry in store.log_from(tip, "").unwrap() {
                let entry = entry.unwrap();
                found.push((entry.version, entry.id.to_string()));
            }
        }
        found.sort();
        found.dedup();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// The ids of the commits that `log` tells of.
    pub(crate) fn log(&self, file: &str) -> Vec<Value> {
        let lines = json_lines(&self.read(&["log", file, "--json"]));
        lines.into_iter().map(|line| line["id"].clone()).collect()
    }

    fn normal(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (index, id) in self.ids().iter().enumerate() {
            text = text.replace(id, &format!("<<{}>>", index + 1));
            text = text.replace(&id[..10], &format!("<{}>", index + 1));
        }
        let words: Vec<&str> = text.split(' ').collect();
        let mut normal: Vec<&str> = Vec::new();
        let mut index = 0;
        while let Some(word) = words.get(index) {
            match words.get(index + 2) {
                // `3 years ago`
                Some(ago) if ago.starts_with("ago") && word.ends_with(char::is_numeric) => {
                    let open = if word.starts_with('(') { "(" } else { "" };
                    normal.push(if open.is_empty() { "?" } else { "(?" });
                    index += 2;
                }
                _ => {
                    normal.push(word);
                    index += 1;
                }
            }
        }
        normal
            .join(" ")
            .replace("(now,", "(? ago,")
            .replace(", now\n", ", ? ago\n")
    }
}

pub(crate) fn check_success(output: &Output) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

/// What is on the standard error of a failure.
pub(crate) fn refused(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The files of a directory, by name.
pub(crate) fn listing(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
