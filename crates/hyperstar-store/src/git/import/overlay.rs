//! The files of a commit in the making: a tree of the store, and what was changed since.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::slice;
use std::sync::Arc;

use bytes::Bytes;

use crate::StoreError;
use crate::git::apply::Files;
use crate::path::{ancestors, check_path};
use crate::read::{self, Source};
use crate::state::{Layer, Past, walk_layers, walk_layers_back};

/// What an entry costs beside its path and its value, in bytes.
const ENTRY_BYTES: usize = 256;

/// The files of a commit. It costs no more than what was changed.
pub(crate) struct Overlay {
    below: Arc<Past>,
    /// All changes since the tree, also those of commits before this one.
    layer: Layer,
    /// Those of this commit.
    changes: BTreeMap<Arc<str>, Option<Bytes>>,
    changed_bytes: usize,
    /// A directory that has a file, so that nothing on the way to it is one.
    directory: Option<String>,
}

impl Overlay {
    pub(crate) fn new(below: Past) -> Self {
        Self {
            below: Arc::new(below),
            layer: Layer::default(),
            changes: BTreeMap::new(),
            changed_bytes: 0,
            directory: None,
        }
    }

    /// The same files, without changes of their own.
    pub(super) fn next(&self) -> Self {
        Self {
            below: self.below.clone(),
            layer: self.layer.clone(),
            changes: BTreeMap::new(),
            changed_bytes: 0,
            directory: None,
        }
    }

    pub(super) fn changes(&self) -> &BTreeMap<Arc<str>, Option<Bytes>> {
        &self.changes
    }

    /// What the changes take in memory, roughly.
    pub(super) fn changed_bytes(&self) -> usize {
        self.changed_bytes
    }

    fn set(&mut self, path: &str, value: Option<Bytes>) {
        let bytes =
            |value: &Option<Bytes>| ENTRY_BYTES + path.len() + value.as_ref().map_or(0, Bytes::len);
        let shared: Arc<str> = path.into();
        self.layer.insert_mut(shared.clone(), value.clone());
        self.changed_bytes += bytes(&value);
        if let Some(former) = self.changes.insert(shared, value) {
            self.changed_bytes -= bytes(&former);
        }
    }

    fn remove_below(&mut self, directory: &str) -> Result<(), StoreError> {
        for path in self.below(directory)? {
            self.set(&path, None);
        }
        Ok(())
    }
}

impl Files for Overlay {
    fn get(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        self.value(path)
    }

    fn below(&self, directory: &str) -> Result<Vec<String>, StoreError> {
        read::list(self, directory)
    }

    fn put(&mut self, path: &str, value: Bytes) -> Result<Option<String>, StoreError> {
        check_path(path)?;
        let directory = path.rsplit_once('/').map(|(directory, _)| directory);
        let mut replaced = None;
        if !self.has(path)? {
            if directory != self.directory.as_deref() {
                for way in ancestors(path) {
                    if self.has(way)? {
                        replaced = Some(way.to_owned());
                        self.set(way, None);
                        break;
                    }
                }
            }
            self.remove_below(path)?;
        }
        self.directory = directory.map(str::to_owned);
        self.set(path, Some(value));
        Ok(replaced)
    }

    fn remove(&mut self, path: &str) -> Result<(), StoreError> {
        self.directory = None;
        if !path.is_empty() && self.has(path)? {
            self.set(path, None);
            return Ok(());
        }
        self.remove_below(path)
    }
}

impl Source for Overlay {
    fn has(&self, path: &str) -> Result<bool, StoreError> {
        match self.layer.get(path) {
            Some(value) => Ok(value.is_some()),
            None => self.below.has(path),
        }
    }

    fn value(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        match self.layer.get(path) {
            Some(value) => Ok(value.clone()),
            None => self.below.value(path),
        }
    }

    fn walk(
        &self,
        start: &str,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        walk_layers(slice::from_ref(&self.layer), &*self.below, start, visit)
    }

    fn walk_back(
        &self,
        end: Option<&str>,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        walk_layers_back(slice::from_ref(&self.layer), &*self.below, end, visit)
    }
}
