//! Finding pages for another store, which knows them by where they stand.

use bytes::Bytes;

use super::page::{self, Chunk, Inner, Page};
use super::wire::{Part, Place, sent};
use super::{BlobRef, PageSource, TreeError, TreeRef, Value, blob};

/// Finds pages of a tree, at little cost if each is near the one before.
pub(crate) struct Finder<'a> {
    source: &'a dyn PageSource,
    root: TreeRef,
    /// The inner pages above the last place, with the bytes down to the end of their prefix.
    above: Vec<(Inner, usize)>,
    /// Down to the end of the lowest prefix.
    path: Vec<u8>,
    /// The last list of chunks, and the blob that it is of.
    list: Option<(BlobRef, Vec<Chunk>)>,
}

enum Found {
    Tree(TreeRef),
    Value(Value),
}

impl<'a> Finder<'a> {
    pub(crate) fn new(source: &'a dyn PageSource, root: TreeRef) -> Self {
        Self {
            source,
            root,
            above: Vec::new(),
            path: Vec::new(),
            list: None,
        }
    }

    /// The page at `place` as it is sent; nothing if nothing stands there.
    pub(crate) fn page(&mut self, place: &Place) -> Result<Option<Bytes>, TreeError> {
        let found = self.find(&place.path, place.part == Part::Tree)?;
        let (id, hash, has_ids) = match (found, place.part) {
            (Some(Found::Tree(tree)), Part::Tree) => (tree.id, tree.hash, true),
            (Some(Found::Value(Value::Blob(blob))), Part::Blob) => {
                (blob.id, blob.hash, !blob::is_raw(blob.bytes))
            }
            (Some(Found::Value(Value::Blob(blob))), Part::Chunk(index)) => {
                match self.chunk(&blob, index)? {
                    Some(chunk) => (chunk.id, chunk.hash, false),
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        sent(self.source, id, &hash, has_ids).map(Some)
    }

    fn find(&mut self, path: &[u8], is_tree: bool) -> Result<Option<Found>, TreeError> {
        while let Some((_, end)) = self.above.last() {
            let reaches = if is_tree {
                path.len() > *end
            } else {
                path.len() >= *end
            };
            if reaches && path.starts_with(&self.path[..*end]) {
                break;
            }
            self.above.pop();
            let end = self.above.last().map_or(0, |(_, end)| *end);
            self.path.truncate(end);
        }
        let mut tree = match self.above.last() {
            None => self.root,
            Some((inner, end)) => match path.get(*end) {
                None => return Ok(inner.value.clone().map(Found::Value)),
                Some(label) => match inner.child(*label) {
                    None => return Ok(None),
                    Some(child) => *child,
                },
            },
        };
        let mut at = self.above.last().map_or(0, |(_, end)| end + 1);
        loop {
            if is_tree && at == path.len() {
                return Ok(Some(Found::Tree(tree)));
            }
            let inner = match page::load(self.source, &tree, at)? {
                Page::Inner(inner) => inner,
                Page::Leaf(_) if is_tree => return Ok(None),
                Page::Leaf(leaf) => {
                    let mut entries = leaf.into_entries(Vec::new());
                    while entries.advance()? {
                        if entries.key() == &path[at..] {
                            return Ok(Some(Found::Value(entries.to_value())));
                        }
                    }
                    return Ok(None);
                }
            };
            if !path[at..].starts_with(&inner.prefix) {
                return Ok(None);
            }
            let end = at + inner.prefix.len();
            let next = path.get(end).map(|label| inner.child(*label).copied());
            let value = match next {
                None => inner.value.clone(),
                Some(_) => None,
            };
            self.path.truncate(at.saturating_sub(1));
            self.path.extend_from_slice(&path[self.path.len()..end]);
            self.above.push((inner, end));
            match next {
                None if is_tree => return Ok(None),
                None => return Ok(value.map(Found::Value)),
                Some(None) => return Ok(None),
                Some(Some(child)) => tree = child,
            }
            at = end + 1;
        }
    }

    fn chunk(&mut self, blob: &BlobRef, index: u32) -> Result<Option<Chunk>, TreeError> {
        if blob::is_raw(blob.bytes) {
            return Ok(None);
        }
        let is_cached = self.list.as_ref().is_some_and(|(last, _)| last == blob);
        if !is_cached {
            let list = page::load_list(self.source, blob, blob::CHUNK_BYTES_MAX)?;
            self.list = Some((*blob, list));
        }
        let list = self.list.as_ref().map(|(_, list)| list);
        Ok(list.and_then(|list| list.get(index as usize)).copied())
    }
}
