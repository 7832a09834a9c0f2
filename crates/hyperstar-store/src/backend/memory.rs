//! Tables in memory, gone with the process.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use rpds::RedBlackTreeMapSync;

use super::{Backend, BackendError, Batch, Table, View, VisitEntry};

/// Keeps everything in memory: for tests, caches, and where there is no file system.
///
/// A view is a pointer, and a batch copies the nodes on the way to what it changes (`O(log n)`),
/// however many snapshots are held.
#[derive(Clone, Debug)]
pub struct MemoryBackend {
    tables: [RedBlackTreeMapSync<Bytes, Bytes>; Table::ALL.len()],
}

impl MemoryBackend {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key, past every store: for one that is restored, or damaged for a test.
    pub fn insert(&mut self, table: Table, key: Bytes, value: Bytes) {
        self.tables[table as usize].insert_mut(key, value);
    }
}

impl Default for MemoryBackend {
    fn default() -> Self {
        Self {
            tables: std::array::from_fn(|_| RedBlackTreeMapSync::new_sync()),
        }
    }
}

impl Backend for MemoryBackend {
    fn view(&mut self) -> Result<Arc<dyn View>, BackendError> {
        Ok(Arc::new(self.clone()))
    }

    fn apply(&mut self, batch: &Batch) -> Result<Arc<dyn View>, BackendError> {
        for write in &batch.writes {
            let table = &mut self.tables[write.table as usize];
            match &write.value {
                Some(value) => table.insert_mut(write.key.clone(), value.clone()),
                None => {
                    table.remove_mut(&write.key);
                }
            }
        }
        self.view()
    }
}

impl View for MemoryBackend {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        Ok(self.tables[table as usize].get(key).cloned())
    }

    fn scan(
        &self,
        table: Table,
        start: &[u8],
        visit: &mut VisitEntry<'_>,
    ) -> Result<(), BackendError> {
        let from_start = (Bound::Included(start), Bound::Unbounded);
        for (key, value) in self.tables[table as usize].range::<[u8], _>(from_start) {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn scan_back(
        &self,
        table: Table,
        end: Option<&[u8]>,
        visit: &mut VisitEntry<'_>,
    ) -> Result<(), BackendError> {
        let to_end = (
            Bound::Unbounded,
            end.map_or(Bound::Unbounded, Bound::Excluded),
        );
        for (key, value) in self.tables[table as usize].range::<[u8], _>(to_end).rev() {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}
