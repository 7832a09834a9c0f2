//! Editing: the pages that make of one tree another.

use std::mem;
use std::ops::Range;

use bytes::Bytes;

use super::page::{self, Child, Encoder, Inner, Leaf, Page, ValueRef, entry_weight, shared_bytes};
use super::run::{Part, Run};
use super::{
    BlobRef, INLINE_BYTES_MAX, KEY_BYTES_MAX, LEAF_WEIGHT_MAX, PageId, PageSource, TreeError,
    TreeRef, Value, blob,
};
use crate::VALUE_BYTES_MAX;

/// What an edit came to.
#[derive(Debug)]
pub(crate) struct Edited {
    /// The tree now.
    pub(crate) root: TreeRef,
    /// The pages of the tree that are new, in the order of their ids. [`edit`] reads none of them.
    pub(crate) written: Vec<(PageId, Bytes)>,
    /// The pages, also those of blobs, that the tree before reached and this one does not.
    pub(crate) dropped: Vec<PageId>,
}

/// A key, and its value from now on. `None` removes it.
type Change<'a> = (&'a [u8], Option<Value>);

/// The tree without entries. It takes its page's number from `next`.
pub(crate) fn empty(next: &mut PageId) -> Edited {
    let mut pages = Pages::new(*next);
    let root = pages.write(Node::Empty);
    *next = pages.next;
    Edited {
        root,
        written: pages.written,
        dropped: pages.dropped,
    }
}

/// Makes `changes`, which are sorted by key, each key once. It reads and writes the pages on the
/// way to them and no others, each once; what changes nothing writes nothing.
///
/// A value that is there already keeps its pages, also if the change names others. Where one list
/// of chunks replaces another, `source` must have the pages of both: the caller wrote the new one.
/// The blobs in one tree share no pages with each other.
///
/// `next` is the number of the next page. It moves on only with `Ok`.
///
/// # Errors
/// [`TreeError`], if a page on the way cannot be read. Then nothing has happened.
///
/// # Panics
/// If the changes are not sorted, or a key or value is too long: [`store_value`](super::store_value)
/// makes none that is.
pub(crate) fn edit(
    source: &dyn PageSource,
    root: &TreeRef,
    changes: &[(&[u8], Option<Value>)],
    next: &mut PageId,
) -> Result<Edited, TreeError> {
    check_changes(changes);
    let mut editor = Editor {
        source,
        changes,
        pages: Pages::new(*next),
    };
    let node = editor.edit(root)?;
    let root = editor.pages.write(node);
    *next = editor.pages.next;
    Ok(Edited {
        root,
        written: editor.pages.written,
        dropped: editor.pages.dropped,
    })
}

fn check_changes(changes: &[Change<'_>]) {
    let is_sorted = changes.windows(2).all(|pair| pair[0].0 < pair[1].0);
    assert!(is_sorted, "changes are sorted by key, each key once");
    for (key, value) in changes {
        assert!(
            key.len() <= KEY_BYTES_MAX,
            "a key is at most {KEY_BYTES_MAX} bytes"
        );
        let is_long = match value {
            None => continue,
            Some(Value::Inline(bytes)) => bytes.len() > INLINE_BYTES_MAX,
            Some(Value::Blob(blob)) => {
                let lengths = INLINE_BYTES_MAX as u64 + 1..=VALUE_BYTES_MAX as u64;
                !lengths.contains(&blob.bytes)
            }
        };
        assert!(
            !is_long,
            "a value is a blob if it is longer than {INLINE_BYTES_MAX} bytes"
        );
    }
}

/// A subtree that is done. It has no page before it is known what is around it: a leaf may become a
/// part of the page above, and an inner page one with it.
enum Node {
    Empty,
    /// As it was.
    Kept(TreeRef),
    Leaf(Part),
    Inner(Box<Inner>),
}

impl Node {
    fn count(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Kept(tree) => tree.count,
            Self::Leaf(part) => part.count() as u64,
            Self::Inner(inner) => inner.count(),
        }
    }

    fn weight(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Kept(tree) => tree.weight,
            Self::Leaf(part) => part.weight(),
            Self::Inner(inner) => inner.weight(),
        }
    }
}

/// A subtree that is to be done.
enum Task {
    /// Make the changes in the range to what is there.
    Edit(Before, Range<usize>),
    /// Nothing is there yet.
    Build(Part),
}

/// What a subtree is before its changes.
enum Before {
    Page(TreeRef),
    /// The rest of a page whose prefix was split.
    Rest(Box<Inner>),
}

enum Slot {
    Todo(Task),
    Done(Node),
}

impl Slot {
    fn of(before: Before, changes: Range<usize>) -> Self {
        match before {
            Before::Page(tree) if changes.is_empty() => Self::Done(Node::Kept(tree)),
            before => Self::Todo(Task::Edit(before, changes)),
        }
    }
}

/// An inner page in the making.
struct Frame {
    /// The page that is there now, unless this one is new.
    origin: Option<TreeRef>,
    changed: bool,
    /// How many bytes of its keys are above it.
    depth: usize,
    prefix: Bytes,
    value: Option<Value>,
    /// By label, ascending; those before `next` are done.
    slots: Vec<(u8, Slot)>,
    next: usize,
}

impl Frame {
    /// How many bytes of their keys are above its children.
    fn depth_below(&self) -> usize {
        self.depth + self.prefix.len() + 1
    }

    fn take_task(&mut self) -> Option<Task> {
        while let Some((_, slot)) = self.slots.get_mut(self.next) {
            match mem::replace(slot, Slot::Done(Node::Empty)) {
                Slot::Todo(task) => return Some(task),
                done => *slot = done,
            }
            self.next += 1;
        }
        None
    }

    /// Puts what became of the task that was taken last.
    fn put(&mut self, node: Node) {
        self.changed |= !matches!(node, Node::Kept(_));
        self.slots[self.next].1 = Slot::Done(node);
        self.next += 1;
    }
}

enum Step {
    Done(Node),
    /// Its slots come first.
    Open(Box<Frame>),
}

struct Editor<'a> {
    source: &'a dyn PageSource,
    changes: &'a [Change<'a>],
    pages: Pages,
}

impl Editor<'_> {
    /// Depth first, in the order of the keys. The frames on the way lie on the heap, for keys can be
    /// chosen so that they are as many as a key has bytes.
    fn edit(&mut self, root: &TreeRef) -> Result<Node, TreeError> {
        let all = 0..self.changes.len();
        let mut above: Vec<Box<Frame>> = Vec::new();
        let mut step = self.begin(Task::Edit(Before::Page(*root), all), 0)?;
        loop {
            let mut frame = match step {
                Step::Open(frame) => frame,
                Step::Done(node) => match above.pop() {
                    None => return Ok(node),
                    Some(mut frame) => {
                        frame.put(node);
                        frame
                    }
                },
            };
            step = match frame.take_task() {
                None => self.finish(*frame)?,
                Some(task) => {
                    let depth = frame.depth_below();
                    above.push(frame);
                    self.begin(task, depth)?
                }
            };
        }
    }

    fn begin(&mut self, task: Task, depth: usize) -> Result<Step, TreeError> {
        let (tree, changes) = match task {
            Task::Build(part) => return Ok(build(part, depth)),
            Task::Edit(Before::Rest(inner), changes) => {
                return self.edit_inner(None, *inner, depth, changes);
            }
            Task::Edit(Before::Page(tree), changes) => (tree, changes),
        };
        if changes.is_empty() {
            return Ok(Step::Done(Node::Kept(tree)));
        }
        match page::load(self.source, &tree, depth)? {
            Page::Leaf(leaf) => self.edit_leaf(tree, leaf, depth, changes),
            Page::Inner(inner) => self.edit_inner(Some(tree), inner, depth, changes),
        }
    }

    /// Merges two sorted runs, the page's and the changes.
    fn edit_leaf(
        &mut self,
        origin: TreeRef,
        leaf: Leaf,
        depth: usize,
        changes: Range<usize>,
    ) -> Result<Step, TreeError> {
        let mut run = Run::with_room(&origin, changes.len());
        let mut changed = false;
        let mut entries = leaf.into_entries(Vec::new());
        let mut has_entry = entries.advance()?;
        for (key, after) in &self.changes[changes] {
            let key = &key[depth..];
            while has_entry && entries.key() < key {
                run.push(&[], entries.key(), entries.value());
                has_entry = entries.advance()?;
            }
            let is_there = has_entry && entries.key() == key;
            let before = is_there.then(|| entries.value());
            let after = after.as_ref().map(ValueRef::from);
            if before != after {
                changed = true;
                self.pages.drop_blob(self.source, before, after)?;
            }
            // Of two equal blobs, the one that is there stays.
            let kept = if before == after { before } else { after };
            if let Some(value) = kept {
                run.push(&[], key, value);
            }
            if is_there {
                has_entry = entries.advance()?;
            }
        }
        if !changed {
            return Ok(Step::Done(Node::Kept(origin)));
        }
        while has_entry {
            run.push(&[], entries.key(), entries.value());
            has_entry = entries.advance()?;
        }
        self.pages.dropped.push(origin.id);
        Ok(build(run.into(), depth))
    }

    fn edit_inner(
        &mut self,
        origin: Option<TreeRef>,
        inner: Inner,
        depth: usize,
        changes: Range<usize>,
    ) -> Result<Step, TreeError> {
        let inserts = self.changes[changes.clone()]
            .iter()
            .filter(|(_, value)| value.is_some());
        let shared = inserts.map(|(key, _)| shared_bytes(&key[depth..], &inner.prefix));
        let shared = shared.min().unwrap_or(inner.prefix.len());
        if shared == inner.prefix.len() {
            let children = inner.children.iter();
            let children = children.map(|child| (child.label, Before::Page(child.tree)));
            let mut frame = Frame {
                changed: origin.is_none(),
                origin,
                depth,
                prefix: inner.prefix,
                value: inner.value,
                slots: Vec::with_capacity(inner.children.len() + 1),
                next: 0,
            };
            self.divide(&mut frame, children, changes)?;
            return Ok(Step::Open(Box::new(frame)));
        }
        let label = inner.prefix[shared];
        let mut frame = Frame {
            origin,
            changed: true,
            depth,
            prefix: inner.prefix.slice(..shared),
            value: None,
            slots: Vec::new(),
            next: 0,
        };
        let rest = Inner {
            prefix: inner.prefix.slice(shared + 1..),
            ..inner
        };
        let children = [(label, Before::Rest(Box::new(rest)))];
        self.divide(&mut frame, children.into_iter(), changes)?;
        Ok(Step::Open(Box::new(frame)))
    }

    /// Gives each change to the value of the frame, or to the child it is for. All inserts start
    /// with the prefix.
    fn divide(
        &mut self,
        frame: &mut Frame,
        children: impl Iterator<Item = (u8, Before)>,
        changes: Range<usize>,
    ) -> Result<(), TreeError> {
        let (depth, prefix) = (frame.depth, &*frame.prefix);
        let at = depth + prefix.len();
        let mut left = changes;
        // Removals of what cannot be here.
        left.start += self.changes[left.clone()].partition_point(|(key, _)| &key[depth..] < prefix);
        let is_here = |(key, _): &Change<'_>| key[depth..].starts_with(prefix);
        left.end = left.start + self.changes[left.clone()].partition_point(is_here);

        if let Some((key, after)) = self.changes[left.clone()].first()
            && key.len() == at
        {
            left.start += 1;
            let before = frame.value.as_ref().map(ValueRef::from);
            let value = after.as_ref().map(ValueRef::from);
            if before != value {
                self.pages.drop_blob(self.source, before, value)?;
                frame.value = after.clone();
                frame.changed = true;
            }
        }
        let mut children = children.peekable();
        while let Some((key, _)) = self.changes[left.clone()].first() {
            let label = key[at];
            let is_below = |(key, _): &Change<'_>| key[at] == label;
            let end = left.start + self.changes[left.clone()].partition_point(is_below);
            let group = left.start..end;
            left.start = end;
            while let Some((label, before)) = children.next_if(|child| child.0 < label) {
                frame.slots.push((label, Slot::of(before, 0..0)));
            }
            match children.next_if(|child| child.0 == label) {
                Some((label, before)) => frame.slots.push((label, Slot::of(before, group))),
                None => {
                    let part = Part::from(self.inserts(group, at + 1));
                    if part.count() > 0 {
                        let slot = Slot::Todo(Task::Build(part));
                        frame.slots.push((label, slot));
                    }
                }
            }
        }
        let rest = children.map(|(label, before)| (label, Slot::of(before, 0..0)));
        frame.slots.extend(rest);
        Ok(())
    }

    fn inserts(&self, changes: Range<usize>, depth: usize) -> Run {
        let mut run = Run::default();
        for (key, value) in &self.changes[changes] {
            if let Some(value) = value {
                run.push(&[], &key[depth..], value.into());
            }
        }
        run
    }

    /// Decides what a frame becomes whose slots are done.
    fn finish(&mut self, frame: Frame) -> Result<Step, TreeError> {
        let depth_below = frame.depth_below();
        match frame.origin {
            Some(tree) if !frame.changed => return Ok(Step::Done(Node::Kept(tree))),
            Some(tree) => self.pages.dropped.push(tree.id),
            None => {}
        }
        let Frame {
            depth,
            prefix,
            value,
            slots,
            ..
        } = frame;
        let done = slots.into_iter().filter_map(|(label, slot)| match slot {
            Slot::Done(Node::Empty) | Slot::Todo(_) => None,
            Slot::Done(node) => Some((label, node)),
        });
        let mut nodes: Vec<(u8, Node)> = done.collect();

        let own_weight = value
            .as_ref()
            .map(|value| entry_weight(prefix.len(), value.into()));
        let mut count = u64::from(value.is_some());
        let mut weight = own_weight.unwrap_or(0);
        for (_, node) in &nodes {
            count += node.count();
            weight += node.weight() + node.count() * (prefix.len() as u64 + 1);
        }
        if count == 0 {
            return Ok(Step::Done(Node::Empty));
        }
        if weight <= LEAF_WEIGHT_MAX || count == 1 {
            let run = self.gather(&prefix, value.as_ref(), nodes, depth_below)?;
            return Ok(build(run.into(), depth));
        }
        if let (None, [(label, only)]) = (&value, &mut *nodes) {
            let below = match mem::replace(only, Node::Empty) {
                Node::Inner(inner) => inner,
                Node::Kept(tree) if !tree.is_leaf() => self.take_inner(&tree, depth_below)?,
                node => {
                    *only = node;
                    let run = self.gather(&prefix, None, nodes, depth_below)?;
                    return Ok(build(run.into(), depth));
                }
            };
            let prefix = [&*prefix, &[*label], &*below.prefix].concat();
            let inner = Inner {
                prefix: prefix.into(),
                ..*below
            };
            return Ok(Step::Done(Node::Inner(Box::new(inner))));
        }
        let children = nodes.into_iter().map(|(label, node)| Child {
            label,
            tree: self.pages.write(node),
        });
        let inner = Inner {
            children: children.collect(),
            prefix,
            value,
        };
        Ok(Step::Done(Node::Inner(Box::new(inner))))
    }

    /// Reads an inner page that becomes one with the page above.
    fn take_inner(&mut self, tree: &TreeRef, depth: usize) -> Result<Box<Inner>, TreeError> {
        match page::load(self.source, tree, depth)? {
            Page::Inner(inner) => {
                self.pages.dropped.push(tree.id);
                Ok(Box::new(inner))
            }
            Page::Leaf(_) => unreachable!("a page as heavy as this is read only if it branches"),
        }
    }

    /// All entries below a frame, which are few, with their keys from its prefix on.
    fn gather(
        &mut self,
        prefix: &[u8],
        value: Option<&Value>,
        nodes: Vec<(u8, Node)>,
        depth: usize,
    ) -> Result<Run, TreeError> {
        let mut run = Run::default();
        if let Some(value) = value {
            run.push(prefix, &[], value.into());
        }
        for (label, node) in nodes {
            let head = [prefix, &[label]].concat();
            match node {
                Node::Empty => {}
                Node::Leaf(part) => {
                    for (key, value) in part.entries() {
                        run.push(&head, key, value);
                    }
                }
                Node::Kept(tree) => {
                    let Page::Leaf(leaf) = page::load(self.source, &tree, depth)? else {
                        unreachable!("a page as light as this is read only if it is a leaf");
                    };
                    let mut entries = leaf.into_entries(Vec::new());
                    while entries.advance()? {
                        run.push(&head, entries.key(), entries.value());
                    }
                    self.pages.dropped.push(tree.id);
                }
                Node::Inner(_) => unreachable!("what branches is heavier than a leaf"),
            }
        }
        Ok(run)
    }
}

/// The subtree of entries where there is none yet.
fn build(mut part: Part, depth: usize) -> Step {
    if part.count() == 0 {
        return Step::Done(Node::Empty);
    }
    if part.count() == 1 || part.weight() <= LEAF_WEIGHT_MAX {
        return Step::Done(Node::Leaf(part));
    }
    let prefix = Bytes::copy_from_slice(part.split_prefix());
    let value = part.split_value().map(ValueRef::to_value);
    let mut slots = Vec::new();
    while let Some((label, child)) = part.split_child() {
        slots.push((label, Slot::Todo(Task::Build(child))));
    }
    Step::Open(Box::new(Frame {
        origin: None,
        changed: true,
        depth,
        prefix,
        value,
        slots,
        next: 0,
    }))
}

/// The pages that come and go.
struct Pages {
    next: PageId,
    encoder: Encoder,
    written: Vec<(PageId, Bytes)>,
    dropped: Vec<PageId>,
}

impl Pages {
    fn new(next: PageId) -> Self {
        Self {
            next,
            encoder: Encoder::default(),
            written: Vec::new(),
            dropped: Vec::new(),
        }
    }

    fn write(&mut self, node: Node) -> TreeRef {
        let (count, weight) = (node.count(), node.weight());
        let (hash, page) = match node {
            Node::Kept(tree) => return tree,
            Node::Empty => self.encoder.leaf(0, 0, [].into_iter()),
            Node::Leaf(part) => self
                .encoder
                .leaf(part.count(), part.blobs(), part.entries()),
            Node::Inner(inner) => self.encoder.inner(&inner),
        };
        let id = PageId::take(&mut self.next);
        self.written.push((id, page));
        TreeRef {
            hash,
            id,
            count,
            weight,
        }
    }

    /// Drops the pages of a blob that are not the new value's too.
    fn drop_blob(
        &mut self,
        source: &dyn PageSource,
        before: Option<ValueRef<'_>>,
        after: Option<ValueRef<'_>>,
    ) -> Result<(), TreeError> {
        let blob_of = |value: Option<ValueRef<'_>>| -> Option<BlobRef> {
            value.and_then(|value| value.blob().copied())
        };
        let Some(before) = blob_of(before) else {
            return Ok(());
        };
        let mut ids = blob::page_ids(source, &before)?;
        if let Some(after) = blob_of(after) {
            let kept = blob::page_ids(source, &after)?;
            ids.retain(|id| kept.binary_search(id).is_err());
        }
        self.dropped.extend(ids);
        Ok(())
    }
}
