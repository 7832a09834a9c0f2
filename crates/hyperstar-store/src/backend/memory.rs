//! Values in memory, gone with the process.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use bytes::Bytes;
use rpds::RedBlackTreeMapSync;

use super::{Backend, BackendError, View};
use crate::{Commit, Version};

/// Keeps the values in memory: for tests, caches, and where there is no file system.
///
/// A view is a pointer, and a commit copies the tree's nodes on the way to what it changes
/// (`O(log n)`), however many snapshots are held.
#[derive(Default)]
pub struct MemoryBackend {
    state: MemoryView,
}

#[derive(Clone)]
struct MemoryView {
    version: Version,
    values: RedBlackTreeMapSync<Arc<str>, Bytes>,
}

impl MemoryBackend {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Default for MemoryView {
    fn default() -> Self {
        Self {
            version: Version::ZERO,
            values: RedBlackTreeMapSync::new_sync(),
        }
    }
}

impl Backend for MemoryBackend {
    fn view(&mut self) -> Result<Arc<dyn View>, BackendError> {
        Ok(Arc::new(self.state.clone()))
    }

    fn apply(&mut self, commit: &Commit) -> Result<Arc<dyn View>, BackendError> {
        let mut next = self.state.clone();
        next.version = commit.version;
        for change in commit.changes.iter() {
            match &change.after {
                Some(bytes) => next.values.insert_mut(change.path.clone(), bytes.clone()),
                None => {
                    next.values.remove_mut(&*change.path);
                }
            }
        }
        self.state = next;
        self.view()
    }
}

impl View for MemoryView {
    fn version(&self) -> Version {
        self.version
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, BackendError> {
        Ok(self.values.get(path).cloned())
    }

    fn scan(
        &self,
        start: &str,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), BackendError> {
        let from_start = (Bound::Included(start), Bound::Unbounded);
        for (path, bytes) in self.values.range::<str, _>(from_start) {
            if visit(path, bytes).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn scan_back(
        &self,
        end: Option<&str>,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), BackendError> {
        let to_end = (
            Bound::Unbounded,
            end.map_or(Bound::Unbounded, Bound::Excluded),
        );
        for (path, bytes) in self.values.range::<str, _>(to_end).rev() {
            if visit(path, bytes).is_break() {
                break;
            }
        }
        Ok(())
    }
}
