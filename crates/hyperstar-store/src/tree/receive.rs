//! A tree that comes from another store, page by page.
//!
//! A page is taken if it is the one that the page above names. What the local tree it is compared to
//! (its *base*) has at the same place keeps its page there; all else gets an id when the page that
//! names it is taken, so that the tree lies on the disk from its root down, and what is missing is
//! found by walking it: nothing but the way to the place in turn is in memory.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::page::{self, Chunk, Inner, Leaf, Page, Problem};
use super::wire::{Part, Place, fill, with_room};
use super::{BlobRef, PageId, PageSource, TreeError, TreeRef, Value, blob, read};
use crate::backend::BackendError;
use crate::hash::Hash;

/// Why a page is not taken.
#[derive(Debug)]
pub(crate) enum ReceiveError {
    /// What is here already cannot be read.
    Here(TreeError),
    /// What came is no tree.
    Wrong(Problem),
}

impl From<TreeError> for ReceiveError {
    fn from(error: TreeError) -> Self {
        Self::Here(error)
    }
}

impl From<Problem> for ReceiveError {
    fn from(problem: Problem) -> Self {
        Self::Wrong(problem)
    }
}

/// The tree that is being received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming {
    pub(crate) root: TreeRef,
    /// What it is compared to.
    pub(crate) base: TreeRef,
    /// Pages with lesser ids were here before, and so is all below them.
    pub(crate) first: PageId,
}

/// Pages by id, of which one may not be there.
pub(crate) trait Shelf: PageSource {
    /// The page, if it is there.
    fn find(&self, id: PageId) -> Result<Option<Bytes>, BackendError>;
}

/// What became of an [`Incoming`] tree.
#[derive(Debug)]
pub(crate) struct Received {
    /// The pages that are new.
    pub(crate) written: Vec<(PageId, Bytes)>,
    /// What is missing, in order; all before the first of it is there. Empty once all is there.
    pub(crate) missing: Vec<Place>,
}

impl Incoming {
    /// The root of a tree as another store tells it, before any page of it came.
    ///
    /// # Errors
    /// [`ReceiveError::Wrong`], if `base` has the same hash and other totals.
    pub(crate) fn new(
        hash: Hash,
        count: u64,
        weight: u64,
        base: TreeRef,
        next: &mut PageId,
    ) -> Result<Self, ReceiveError> {
        let first = *next;
        let id = if base.hash == hash {
            same_totals(&base, count, weight)?;
            base.id
        } else {
            PageId::take(next)
        };
        let root = TreeRef {
            hash,
            id,
            count,
            weight,
        };
        Ok(Self { root, base, first })
    }

    /// Takes from `offered` what is missing at or after the place that begins with `from`, and lists
    /// what is missing still, at most about `missing_max` places.
    ///
    /// # Errors
    /// [`ReceiveError::Wrong`], if a page that is named is no page of a tree. Nothing was taken then.
    pub(crate) fn take(
        &self,
        shelf: &dyn Shelf,
        offered: &HashMap<Hash, Bytes>,
        from: &[u8],
        missing_max: usize,
        next: &mut PageId,
    ) -> Result<Received, ReceiveError> {
        let mut taking = Taking {
            incoming: self,
            shelf,
            offered,
            next,
            written: HashMap::new(),
            missing: Vec::new(),
            missing_max: missing_max.max(1),
        };
        taking.walk(from)?;
        let mut written: Vec<_> = taking.written.into_iter().collect();
        written.sort_unstable_by_key(|(id, _)| *id);
        Ok(Received {
            written,
            missing: taking.missing,
        })
    }
}

struct Taking<'a> {
    incoming: &'a Incoming,
    shelf: &'a dyn Shelf,
    offered: &'a HashMap<Hash, Bytes>,
    next: &'a mut PageId,
    written: HashMap<PageId, Bytes>,
    missing: Vec<Place>,
    missing_max: usize,
}

/// An inner page on the way down.
struct Above {
    inner: Inner,
    /// How long the path down to the end of its prefix is.
    path_bytes: usize,
    /// The child that is next.
    child: usize,
}

impl Taking<'_> {
    /// In the order of the keys, a page before what it names.
    fn walk(&mut self, from: &[u8]) -> Result<(), ReceiveError> {
        let mut above: Vec<Above> = Vec::new();
        let mut path = Vec::new();
        let mut next = Some(self.incoming.root);
        while !self.is_full() {
            if let Some(tree) = next.take()
                && (&*path >= from || from.starts_with(&path))
                && tree.id >= self.incoming.first
            {
                match self.page(&tree, &path)? {
                    None => self.miss(&path, Part::Tree),
                    Some(Page::Leaf(leaf)) => path = self.walk_leaf(leaf, path, from)?,
                    Some(Page::Inner(inner)) => {
                        path.extend_from_slice(&inner.prefix);
                        if let Some(Value::Blob(blob)) = &inner.value
                            && &*path >= from
                        {
                            self.walk_blob(&path, blob)?;
                        }
                        above.push(Above {
                            inner,
                            path_bytes: path.len(),
                            child: 0,
                        });
                    }
                }
            }
            let Some(last) = above.last_mut() else {
                return Ok(());
            };
            path.truncate(last.path_bytes);
            match last.inner.children.get(last.child) {
                Some(child) => {
                    last.child += 1;
                    path.push(child.label);
                    next = Some(child.tree);
                }
                None => {
                    above.pop();
                }
            }
        }
        Ok(())
    }

    /// Gives back the path, with more behind it.
    fn walk_leaf(
        &mut self,
        leaf: Leaf,
        path: Vec<u8>,
        from: &[u8],
    ) -> Result<Vec<u8>, ReceiveError> {
        if leaf.blobs() == 0 {
            return Ok(path);
        }
        let mut entries = leaf.into_entries(path);
        while !self.is_full() && entries.advance()? {
            if let Some(blob) = entries.value().blob()
                && entries.key() >= from
            {
                self.walk_blob(entries.key(), blob)?;
            }
        }
        Ok(entries.into_key())
    }

    fn walk_blob(&mut self, key: &[u8], blob: &BlobRef) -> Result<(), ReceiveError> {
        if blob.id < self.incoming.first {
            return Ok(());
        }
        if blob::is_raw(blob.bytes) {
            return self.take_raw(key, Part::Blob, blob.id, blob.hash, blob.bytes);
        }
        let chunks = match self.find(blob.id)? {
            Some(page) => page::decode_list(&page, blob, blob::CHUNK_BYTES_MAX)
                .map_err(|problem| page::damaged(blob.id, problem))?,
            None => match self.offered.get(&blob.hash) {
                Some(hashed) => self.take_list(key, blob, hashed)?,
                None => {
                    self.miss(key, Part::Blob);
                    return Ok(());
                }
            },
        };
        let mut seen = HashSet::new();
        for (chunk, index) in chunks.iter().zip(0..) {
            if self.is_full() {
                break;
            }
            if chunk.id >= self.incoming.first && seen.insert(chunk.id) {
                self.take_raw(key, Part::Chunk(index), chunk.id, chunk.hash, chunk.bytes)?;
            }
        }
        Ok(())
    }

    fn take_raw(
        &mut self,
        key: &[u8],
        part: Part,
        id: PageId,
        hash: Hash,
        bytes: u64,
    ) -> Result<(), ReceiveError> {
        if self.find(id)?.is_some() {
            return Ok(());
        }
        match self.offered.get(&hash) {
            None => self.miss(key, part),
            Some(raw) if raw.len() as u64 == bytes => {
                self.written.insert(id, raw.clone());
            }
            Some(_) => return Err("a part of a value has another length than it is said to".into()),
        }
        Ok(())
    }

    /// A page of the tree, if it is here or came.
    fn page(&mut self, tree: &TreeRef, path: &[u8]) -> Result<Option<Page>, ReceiveError> {
        if let Some(page) = self.find(tree.id)? {
            let page = page::decode(page, tree, path.len());
            return Ok(Some(
                page.map_err(|problem| page::damaged(tree.id, problem))?,
            ));
        }
        let Some(hashed) = self.offered.get(&tree.hash) else {
            return Ok(None);
        };
        let (room, ids) = with_room(hashed)?;
        let named = match page::decode(Bytes::copy_from_slice(&room), tree, path.len())? {
            Page::Leaf(leaf) => self.named_by_leaf(leaf, path)?,
            Page::Inner(inner) => self.named_by_inner(&inner, path)?,
        };
        if named.len() != ids {
            return Err("it names more than it has".into());
        }
        let page = fill(room, &named);
        self.written.insert(tree.id, page.clone());
        Ok(Some(page::decode(page, tree, path.len())?))
    }

    /// The ids of what a leaf names; checks all of its entries.
    fn named_by_leaf(&mut self, leaf: Leaf, path: &[u8]) -> Result<Vec<PageId>, ReceiveError> {
        let mut ids = Vec::with_capacity(leaf.blobs());
        let mut entries = leaf.into_entries(path.to_vec());
        while entries.advance().map_err(wrong)? {
            if let Some(blob) = entries.value().blob().copied() {
                ids.push(self.blob_id(entries.key(), &blob)?);
            }
        }
        Ok(ids)
    }

    fn named_by_inner(&mut self, inner: &Inner, path: &[u8]) -> Result<Vec<PageId>, ReceiveError> {
        let path = [path, &*inner.prefix].concat();
        let base = inner_at(self.shelf, &self.incoming.base, &path)?;
        let mut ids = Vec::with_capacity(inner.children.len() + 1);
        if let Some(Value::Blob(blob)) = &inner.value {
            ids.push(self.blob_id(&path, blob)?);
        }
        for child in &inner.children {
            let before = base.as_ref().and_then(|base| base.child(child.label));
            let before = before.filter(|before| before.hash == child.tree.hash);
            ids.push(match before {
                Some(before) => {
                    same_totals(before, child.tree.count, child.tree.weight)?;
                    before.id
                }
                None => PageId::take(self.next),
            });
        }
        Ok(ids)
    }

    /// The id of a blob: the one before's, if that is equal.
    fn blob_id(&mut self, key: &[u8], blob: &BlobRef) -> Result<PageId, ReceiveError> {
        Ok(match read::get(self.shelf, &self.incoming.base, key)? {
            Some(Value::Blob(before)) if before == *blob => before.id,
            _ => PageId::take(self.next),
        })
    }

    fn take_list(
        &mut self,
        key: &[u8],
        blob: &BlobRef,
        hashed: &[u8],
    ) -> Result<Vec<Chunk>, ReceiveError> {
        let (room, _) = with_room(hashed)?;
        let mut chunks = page::decode_list(&room, blob, blob::CHUNK_BYTES_MAX)?;
        let Some((_, all_but_last)) = chunks.split_last() else {
            return Err("a list has no chunks".into());
        };
        let bytes_min = blob::CHUNK_BYTES_MIN as u64;
        if all_but_last.iter().any(|chunk| chunk.bytes < bytes_min) {
            return Err("a chunk is shorter than chunks are".into());
        }
        let before = match read::get(self.shelf, &self.incoming.base, key)? {
            Some(Value::Blob(before)) if !blob::is_raw(before.bytes) => {
                page::load_list(self.shelf, &before, blob::CHUNK_BYTES_MAX)?
            }
            _ => Vec::new(),
        };
        let before = before.iter();
        let mut known: HashMap<(Hash, u64), PageId> = before
            .map(|chunk| ((chunk.hash, chunk.bytes), chunk.id))
            .collect();
        for chunk in &mut chunks {
            let id = known.entry((chunk.hash, chunk.bytes));
            chunk.id = *id.or_insert_with(|| PageId::take(self.next));
        }
        let ids: Vec<PageId> = chunks.iter().map(|chunk| chunk.id).collect();
        self.written.insert(blob.id, fill(room, &ids));
        Ok(chunks)
    }

    fn find(&self, id: PageId) -> Result<Option<Bytes>, TreeError> {
        match self.written.get(&id) {
            Some(page) => Ok(Some(page.clone())),
            None => Ok(self.shelf.find(id)?),
        }
    }

    fn miss(&mut self, path: &[u8], part: Part) {
        self.missing.push(Place {
            path: path.to_vec(),
            part,
        });
    }

    fn is_full(&self) -> bool {
        self.missing.len() >= self.missing_max
    }
}

/// A local page has the hash that is asked for: then it has the same entries, whatever is claimed.
fn same_totals(local: &TreeRef, count: u64, weight: u64) -> Result<(), Problem> {
    match (local.count, local.weight) == (count, weight) {
        true => Ok(()),
        false => Err("a subtree has a count or weight that it does not have here"),
    }
}

fn wrong(error: TreeError) -> ReceiveError {
    match error {
        TreeError::Damaged { problem, .. } => ReceiveError::Wrong(problem),
        here @ TreeError::Backend(_) => ReceiveError::Here(here),
    }
}

/// The inner page of a tree whose keys all start with `path`, and differ right behind it.
fn inner_at(
    source: &dyn PageSource,
    root: &TreeRef,
    path: &[u8],
) -> Result<Option<Inner>, TreeError> {
    let mut tree = *root;
    let mut rest = path;
    while !tree.is_leaf() {
        let Page::Inner(inner) = page::load(source, &tree, path.len() - rest.len())? else {
            break;
        };
        let Some(below) = rest.strip_prefix(&*inner.prefix) else {
            break;
        };
        let Some((label, below)) = below.split_first() else {
            return Ok(Some(inner));
        };
        let Some(child) = inner.child(*label) else {
            break;
        };
        tree = *child;
        rest = below;
    }
    Ok(None)
}
