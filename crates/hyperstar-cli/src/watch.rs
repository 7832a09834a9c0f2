//! Watches the files that an app is built of.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

/// How often files are looked at.
pub(crate) const POLL: Duration = Duration::from_millis(100);
/// So many files are watched at most; changes of others are not noticed.
const FILES_MAX: usize = 20_000;

/// The files below some folders, but for what builds and apps write.
///
/// # Design
/// Looking takes a few milliseconds and works on every file system, shared and mounted ones too, where
/// notifications of the system do not.
pub(crate) struct Watch {
    folders: Vec<PathBuf>,
    seen: Files,
    /// As it was at the last look.
    last: Files,
}

/// When each file was written, and how long it is.
type Files = BTreeMap<PathBuf, (SystemTime, u64)>;

impl Watch {
    /// Files as they are now.
    pub(crate) fn new(folders: Vec<PathBuf>) -> Self {
        let seen = look(&folders);
        Self {
            folders,
            last: seen.clone(),
            seen,
        }
    }

    /// Looks again: whether something has changed since this was last true, and is settled since the last look.
    /// An editor writes several files, and some of them twice.
    pub(crate) fn has_changed(&mut self) -> bool {
        let now = look(&self.folders);
        let is_settled = now == self.last;
        let is_news = is_settled && now != self.seen;
        if is_news {
            self.seen.clone_from(&now);
        }
        self.last = now;
        is_news
    }

    /// Waits until something changes.
    pub(crate) fn wait(&mut self) {
        while !self.has_changed() {
            thread::sleep(POLL);
        }
    }
}

fn look(folders: &[PathBuf]) -> Files {
    let mut files = Files::new();
    for folder in folders {
        collect(folder, &mut files);
    }
    files
}

fn collect(folder: &Path, files: &mut Files) {
    // What cannot be read, or has gone in this moment, is seen at the next look.
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if files.len() >= FILES_MAX {
            return;
        }
        let (name, path) = (entry.file_name(), entry.path());
        let Ok(about) = fs::metadata(&path) else {
            continue;
        };
        if about.is_dir() {
            if is_watched(&name.to_string_lossy(), &path) {
                collect(&path, files);
            }
        // A build writes it.
        } else if name != "Cargo.lock" {
            let written = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            files.insert(path, (written, about.len()));
        }
    }
}

/// Build output has a tag that says so; a folder of git, or of an app's state, changes by itself.
fn is_watched(name: &str, folder: &Path) -> bool {
    let is_own = !name.starts_with('.') && name != "target" && name != "hyperstar-data";
    is_own && !folder.join("CACHEDIR.TAG").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_when_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        };
        file("src/lib.rs");
        let mut watch = Watch::new(vec![folder.path().to_owned()]);
        assert!(!watch.has_changed());
        for (name, is_news) in [
            ("src/deep/other.rs", true),
            ("target/debug/out", false),
            ("build/CACHEDIR.TAG", false),
            ("hyperstar-data/app.redb", false),
            (".git/index", false),
            ("Cargo.lock", false),
            ("ui/style.css", true),
        ] {
            file(name);
            let told = [
                watch.has_changed(),
                watch.has_changed(),
                watch.has_changed(),
            ];
            assert_eq!(told, [false, is_news, false], "{name}");
        }
        fs::remove_file(folder.path().join("src/lib.rs")).unwrap();
        watch.wait();
    }
}
