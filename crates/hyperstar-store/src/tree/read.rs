//! Reading: one entry, all from a key on, and the pages themselves.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::page::{self, Chunk, Entries, Inner, Page, ValueRef};
use super::{BlobRef, PageId, PageSource, TreeError, TreeRef, Value, blob, wire};
use crate::hash::Hash;

/// The value under `key`.
///
/// # Errors
/// [`TreeError`], if a page on the way to it cannot be read; so for all that follows.
pub(crate) fn get(
    source: &dyn PageSource,
    root: &TreeRef,
    key: &[u8],
) -> Result<Option<Value>, TreeError> {
    let mut tree = *root;
    let mut rest = key;
    loop {
        let inner = match page::load(source, &tree, key.len() - rest.len())? {
            Page::Inner(inner) => inner,
            Page::Leaf(leaf) => {
                let mut entries = leaf.into_entries(Vec::new());
                while entries.advance()? {
                    if entries.key() >= rest {
                        let is_found = entries.key() == rest;
                        return Ok(is_found.then(|| entries.to_value()));
                    }
                }
                return Ok(None);
            }
        };
        let Some(below) = rest.strip_prefix(&*inner.prefix) else {
            return Ok(None);
        };
        let Some((label, below)) = below.split_first() else {
            return Ok(inner.value);
        };
        let Some(child) = inner.child(*label) else {
            return Ok(None);
        };
        tree = *child;
        rest = below;
    }
}

/// Visits each entry from the key `start` on, included, in order, until the visit breaks.
pub(crate) fn walk(
    source: &dyn PageSource,
    root: &TreeRef,
    start: &[u8],
    visit: &mut dyn FnMut(&[u8], &Value) -> ControlFlow<()>,
) -> Result<(), TreeError> {
    let mut steps = Steps::new(source, root);
    while let Some(head) = steps.head() {
        let path = steps.path();
        match head {
            Head::Subtree(_) if path >= start || start.starts_with(path) => steps.enter()?,
            Head::Entry(_) if path >= start => {
                if visit(path, &steps.to_value()).is_break() {
                    break;
                }
                steps.skip()?;
            }
            Head::Subtree(_) | Head::Entry(_) => steps.skip()?,
        }
    }
    Ok(())
}

/// Visits each entry before the key `end`, or each, from the last on, until the visit breaks.
pub(crate) fn walk_back(
    source: &dyn PageSource,
    root: &TreeRef,
    end: Option<&[u8]>,
    visit: &mut dyn FnMut(&[u8], &Value) -> ControlFlow<()>,
) -> Result<(), TreeError> {
    let is_outside = |path: &[u8]| end.is_some_and(|end| path >= end);
    // The inner pages above, with the bytes down to their prefix, and the children that are left.
    let mut above: Vec<(Inner, usize)> = Vec::new();
    let mut path = Vec::new();
    let mut next = Some(*root);
    loop {
        if let Some(tree) = next.take() {
            match page::load(source, &tree, path.len())? {
                Page::Inner(inner) => {
                    path.extend_from_slice(&inner.prefix);
                    above.push((inner, path.len()));
                }
                Page::Leaf(leaf) => {
                    let mut run = Vec::new();
                    let mut entries = leaf.into_entries(path);
                    while entries.advance()? && !is_outside(entries.key()) {
                        run.push((entries.key().to_vec(), entries.to_value()));
                    }
                    path = entries.into_key();
                    for (key, value) in run.iter().rev() {
                        if visit(key, value).is_break() {
                            return Ok(());
                        }
                    }
                }
            }
        }
        let Some((inner, path_bytes)) = above.last_mut() else {
            return Ok(());
        };
        path.truncate(*path_bytes);
        if let Some(child) = inner.children.pop() {
            path.push(child.label);
            next = (!is_outside(&path)).then_some(child.tree);
            continue;
        }
        let value = inner.value.take();
        above.pop();
        if let Some(value) = value
            && !is_outside(&path)
            && visit(&path, &value).is_break()
        {
            return Ok(());
        }
    }
}

/// How many keys start with `prefix`. It reads the pages down to there, none below.
pub(crate) fn count_below(
    source: &dyn PageSource,
    root: &TreeRef,
    prefix: &[u8],
) -> Result<u64, TreeError> {
    let mut count = 0;
    let mut steps = Steps::new(source, root);
    loop {
        steps.skip_to(prefix)?;
        match steps.head() {
            None => return Ok(count),
            Some(Head::Subtree(_)) if !steps.path().starts_with(prefix) => steps.enter()?,
            Some(head) => {
                count += head.count();
                steps.skip()?;
            }
        }
    }
}

/// The entry that has `index` others before it, of those whose keys start with `prefix`.
pub(crate) fn nth(
    source: &dyn PageSource,
    root: &TreeRef,
    prefix: &[u8],
    index: u64,
) -> Result<Option<(Vec<u8>, Value)>, TreeError> {
    let mut before = index;
    let mut steps = Steps::new(source, root);
    loop {
        steps.skip_to(prefix)?;
        let is_within = steps.path().starts_with(prefix);
        match steps.head() {
            None => return Ok(None),
            Some(head) if is_within && head.count() <= before => {
                before -= head.count();
                steps.skip()?;
            }
            Some(Head::Subtree(_)) => steps.enter()?,
            Some(Head::Entry(_)) => return Ok(Some((steps.path().to_vec(), steps.to_value()))),
        }
    }
}

/// A page that a tree reaches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRef {
    /// Where it lies.
    pub(crate) id: PageId,
    /// The hash of what is in it.
    pub(crate) hash: Hash,
    /// What is in it.
    pub(crate) kind: PageKind,
}

/// What a page is in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// A leaf or an inner page, with these many entries at and below it.
    Tree(u64),
    /// The list of a blob's chunks.
    List,
    /// So many bytes of a value as they are.
    Raw(u64),
}

impl PageRef {
    pub(super) fn of(tree: &TreeRef) -> Self {
        Self {
            id: tree.id,
            hash: tree.hash,
            kind: PageKind::Tree(tree.count),
        }
    }

    pub(super) fn of_blob(blob: &BlobRef) -> Self {
        let kind = if blob::is_raw(blob.bytes) {
            PageKind::Raw(blob.bytes)
        } else {
            PageKind::List
        };
        Self {
            id: blob.id,
            hash: blob.hash,
            kind,
        }
    }

    pub(super) fn of_chunk(chunk: &Chunk) -> Self {
        Self {
            id: chunk.id,
            hash: chunk.hash,
            kind: PageKind::Raw(chunk.bytes),
        }
    }

    /// The bytes that its hash is of.
    ///
    /// # Errors
    /// As [`PageRef::check_raw`].
    pub(crate) fn sent(&self, source: &dyn PageSource) -> Result<Bytes, TreeError> {
        let has_ids = !matches!(self.kind, PageKind::Raw(_));
        wire::sent(source, self.id, &self.hash, has_ids)
    }

    /// Reads a [`PageKind::Raw`] page and checks it. The others are checked when [`pages`] goes
    /// below them.
    ///
    /// # Errors
    /// [`TreeError`], if it cannot be read, or is not what was written.
    pub(crate) fn check_raw(&self, source: &dyn PageSource) -> Result<(), TreeError> {
        match self.kind {
            PageKind::Raw(bytes) => blob::load_raw(source, self.id, &self.hash, bytes).map(|_| ()),
            PageKind::Tree(_) | PageKind::List => Ok(()),
        }
    }
}

/// What [`pages`] does after visiting a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    /// Reads it, and visits what it names. A page of raw bytes names nothing and is not read.
    Below,
    /// Leaves out everything below it, and does not read it.
    Next,
}

/// Visits each page of the tree once, also those of blobs, a page before those that it names.
pub(crate) fn pages(
    source: &dyn PageSource,
    root: &TreeRef,
    visit: &mut dyn FnMut(&PageRef) -> Visit,
) -> Result<(), TreeError> {
    let mut steps = Steps::new(source, root);
    while let Some(head) = steps.head() {
        match head {
            Head::Subtree(tree) => match visit(&PageRef::of(tree)) {
                Visit::Below => steps.enter()?,
                Visit::Next => steps.skip()?,
            },
            Head::Entry(value) => {
                if let Some(blob) = value.blob() {
                    blob_pages(source, blob, visit)?;
                }
                steps.skip()?;
            }
        }
    }
    Ok(())
}

fn blob_pages(
    source: &dyn PageSource,
    blob: &BlobRef,
    visit: &mut dyn FnMut(&PageRef) -> Visit,
) -> Result<(), TreeError> {
    if visit(&PageRef::of_blob(blob)) == Visit::Below {
        for chunk in blob::chunks(source, blob)? {
            visit(&PageRef::of_chunk(&chunk));
        }
    }
    Ok(())
}

/// Goes through a tree in the order of its keys, and past any subtree without reading it.
pub(super) struct Steps<'a> {
    source: &'a dyn PageSource,
    above: Vec<Above>,
    /// The key of the entry that is next, or what all keys of the subtree start with; in a leaf,
    /// the entries keep it.
    path: Vec<u8>,
    next: Next,
}

/// An inner page on the way down.
struct Above {
    inner: Inner,
    /// How long the path down to its prefix is.
    path_bytes: usize,
    /// The child after the one that is next.
    child: usize,
}

enum Next {
    Subtree(TreeRef),
    /// The value of the lowest inner page.
    Value,
    Leaf(Box<Entries>),
    End,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Head<'a> {
    Subtree(&'a TreeRef),
    Entry(ValueRef<'a>),
}

impl Head<'_> {
    fn count(&self) -> u64 {
        match self {
            Self::Subtree(tree) => tree.count,
            Self::Entry(_) => 1,
        }
    }
}

impl<'a> Steps<'a> {
    pub(super) fn new(source: &'a dyn PageSource, root: &TreeRef) -> Self {
        Self {
            source,
            above: Vec::new(),
            path: Vec::new(),
            next: Next::Subtree(*root),
        }
    }

    pub(super) fn head(&self) -> Option<Head<'_>> {
        match &self.next {
            Next::Subtree(tree) => Some(Head::Subtree(tree)),
            Next::Leaf(entries) => Some(Head::Entry(entries.value())),
            Next::Value => {
                let value = self.above.last()?.inner.value.as_ref()?;
                Some(Head::Entry(value.into()))
            }
            Next::End => None,
        }
    }

    /// Goes to the next of what can have keys that start with `prefix`.
    pub(super) fn skip_to(&mut self, prefix: &[u8]) -> Result<(), TreeError> {
        while let Some(head) = self.head() {
            let path = self.path();
            let is_above = matches!(head, Head::Subtree(_)) && prefix.starts_with(path);
            if is_above || path.starts_with(prefix) {
                break;
            }
            if path > prefix {
                self.next = Next::End;
                break;
            }
            self.skip()?;
        }
        Ok(())
    }

    /// The key of the entry that is next, or what all keys of the subtree start with.
    pub(super) fn path(&self) -> &[u8] {
        match &self.next {
            Next::Leaf(entries) => entries.key(),
            _ => &self.path,
        }
    }

    /// The value that is next, or the empty one if that is no entry.
    pub(super) fn to_value(&self) -> Value {
        match &self.next {
            // It shares the page's memory, where `ValueRef::to_value` copies.
            Next::Leaf(entries) => entries.to_value(),
            _ => {
                let value = self
                    .above
                    .last()
                    .and_then(|above| above.inner.value.as_ref());
                value.cloned().unwrap_or(Value::Inline(Default::default()))
            }
        }
    }

    /// Goes past the entry or the subtree.
    pub(super) fn skip(&mut self) -> Result<(), TreeError> {
        if let Next::Leaf(entries) = &mut self.next {
            if entries.advance()? {
                return Ok(());
            }
            if let Next::Leaf(entries) = std::mem::replace(&mut self.next, Next::End) {
                self.path = entries.into_key();
            }
        }
        while let Some(above) = self.above.last_mut() {
            self.path.truncate(above.path_bytes);
            if let Some(child) = above.inner.children.get(above.child) {
                above.child += 1;
                self.path.push(child.label);
                self.next = Next::Subtree(child.tree);
                return Ok(());
            }
            self.above.pop();
        }
        self.next = Next::End;
        Ok(())
    }

    /// Goes to the first of what is in the subtree. At an entry it does nothing.
    pub(super) fn enter(&mut self) -> Result<(), TreeError> {
        let Next::Subtree(tree) = &self.next else {
            return Ok(());
        };
        match page::load(self.source, tree, self.path.len())? {
            Page::Leaf(leaf) => {
                let entries = leaf.into_entries(std::mem::take(&mut self.path));
                self.next = Next::Leaf(Box::new(entries));
                self.skip()
            }
            Page::Inner(inner) => {
                self.path.extend_from_slice(&inner.prefix);
                let has_value = inner.value.is_some();
                self.above.push(Above {
                    inner,
                    path_bytes: self.path.len(),
                    child: 0,
                });
                if has_value {
                    self.next = Next::Value;
                    return Ok(());
                }
                self.skip()
            }
        }
    }
}
