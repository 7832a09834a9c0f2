//! Whether the keys of a tree are paths, and no value is a directory as well.

use std::ops::ControlFlow;

use super::SyncError;
use crate::path::{ancestors, descendants_start};
use crate::tree::{self, PageSource, TreeError, TreeRef};
use crate::{StoreError, check_path};

/// A tree with so many times the new keys of its base's is walked as a whole.
const WALKED_SHARE: u64 = 4;

/// Checks `tree`, of which the keys that are in `base` too were checked before. Stops after about
/// `keys_max` keys: false then.
pub(super) fn check(
    source: &dyn PageSource,
    base: &TreeRef,
    tree: &TreeRef,
    keys_max: u64,
) -> Result<bool, SyncError> {
    let added_min = tree.count.saturating_sub(base.count);
    if added_min > tree.count / WALKED_SHARE {
        check_all(source, tree, keys_max)
    } else {
        check_added(source, base, tree, keys_max)
    }
}

fn check_all(source: &dyn PageSource, tree: &TreeRef, keys_max: u64) -> Result<bool, SyncError> {
    if tree.count > keys_max {
        return Ok(false);
    }
    // The keys that the key in turn may be below: each starts with the one before.
    let mut above: Vec<String> = Vec::new();
    let mut wrong = None;
    tree::walk(source, tree, b"", &mut |key, _| {
        let path = match path_of(key) {
            Ok(path) => path,
            Err(error) => {
                wrong = Some(error);
                return ControlFlow::Break(());
            }
        };
        while above.last().is_some_and(|last| !path.starts_with(&**last)) {
            above.pop();
        }
        let is_below = |value: &String| path[value.len()..].starts_with('/');
        if let Some(value) = above.iter().find(|value| is_below(value)) {
            wrong = Some(conflict(value, path));
            return ControlFlow::Break(());
        }
        above.push(path.to_owned());
        ControlFlow::Continue(())
    })
    .map_err(StoreError::from)?;
    wrong.map_or(Ok(true), Err)
}

fn check_added(
    source: &dyn PageSource,
    base: &TreeRef,
    tree: &TreeRef,
    keys_max: u64,
) -> Result<bool, SyncError> {
    let mut left = keys_max;
    let mut outcome = Ok(true);
    let mut directory = String::new();
    tree::diff(source, base, tree, b"", &mut |key, before, _| {
        if left == 0 {
            outcome = Ok(false);
            return ControlFlow::Break(());
        }
        left -= 1;
        if before.is_some() {
            return ControlFlow::Continue(());
        }
        match check_key(source, tree, key, &mut directory) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                outcome = Err(error);
                ControlFlow::Break(())
            }
        }
    })
    .map_err(StoreError::from)?;
    outcome
}

/// `directory` is one whose ancestors are known to be no values.
fn check_key(
    source: &dyn PageSource,
    tree: &TreeRef,
    key: &[u8],
    directory: &mut String,
) -> Result<(), SyncError> {
    let path = path_of(key)?;
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    if parent != directory {
        for ancestor in ancestors(path) {
            if here(tree::get(source, tree, ancestor.as_bytes()))?.is_some() {
                return Err(conflict(ancestor, path));
            }
        }
        parent.clone_into(directory);
    }
    let below = descendants_start(path);
    match here(tree::count_below(source, tree, below.as_bytes()))? {
        0 => Ok(()),
        _ => Err(conflict(path, &below)),
    }
}

fn path_of(key: &[u8]) -> Result<&str, SyncError> {
    let path = str::from_utf8(key).map_err(|_| SyncError::wrong("a key that is no text"))?;
    check_path(path).map_err(|error| SyncError::wrong(error.to_string()))?;
    Ok(path)
}

fn conflict(value: &str, path: &str) -> SyncError {
    let [value, path] = [value, path].map(|path| path.chars().take(80).collect::<String>());
    SyncError::wrong(format!("`{value}` is a value, and so is `{path}` below it"))
}

fn here<T>(read: Result<T, TreeError>) -> Result<T, SyncError> {
    read.map_err(|error| SyncError::Store(error.into()))
}
