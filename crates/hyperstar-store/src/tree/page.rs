//! Pages as bytes, and back.
//!
//! | page | bytes |
//! |---|---|
//! | leaf | `1`, count, number of blobs, then for each entry: bytes shared with the key before, length of the rest, the rest, value |
//! | inner | `2`, length of the prefix, prefix, children - 1 (one byte), then for each child: label, hash, count, weight |
//! | inner with a value | `3`, length of the prefix, prefix, value, the rest as above |
//! | list | `4`, number of chunks, then for each chunk: length, hash |
//!
//! A value is a number, twice its length, and its bytes; or for a blob, twice its length and one
//! more, and its hash. A label is a byte, a hash 32 of them, and a number is LEB128, as short as it
//! can be. These bytes are hashed. After them come, unhashed, the ids of the blobs and children, or
//! of the chunks, in order, eight bytes each, the lowest first.
//!
//! Reading is as strict as writing: whatever can be read has these bytes and no others.

use std::ops::Range;

use bytes::Bytes;

use super::{
    BlobRef, INLINE_BYTES_MAX, KEY_BYTES_MAX, PageId, PageSource, TreeError, TreeRef, Value,
};
use crate::VALUE_BYTES_MAX;
use crate::hash::Hash;

pub(super) const LEAF: u8 = 1;
pub(super) const INNER: u8 = 2;
pub(super) const INNER_WITH_VALUE: u8 = 3;
pub(super) const LIST: u8 = 4;

const HASH_BYTES: usize = 32;
pub(super) const ID_BYTES: usize = 8;

/// What an entry weighs besides its key and value.
const ENTRY_WEIGHT: u64 = 4;
const BLOB_WEIGHT: u64 = 40;

pub(super) type Problem = &'static str;

pub(super) const NO_PAGE: Problem = "it is no page of a tree";
const CUT_OFF: Problem = "it is cut off";
pub(super) const WRONG_HASH: Problem = "its hash is not the one it was written under";
const WRONG_TOTALS: Problem = "its entries are not as many or as heavy as the page above says";
const LONG_KEY: Problem = "a key in it is longer than keys may be";
const NOT_SORTED: Problem = "its keys are not sorted";
const LONG_WAY: Problem = "it says in a long way what has a shorter one";

/// A page of a tree, checked against the [`TreeRef`] that it was asked for by.
pub(super) enum Page {
    Leaf(Leaf),
    Inner(Inner),
}

/// Reads the page of `tree`, whose keys have `depth` bytes above it.
pub(super) fn load(
    source: &dyn PageSource,
    tree: &TreeRef,
    depth: usize,
) -> Result<Page, TreeError> {
    let bytes = source.page(tree.id)?;
    decode(bytes, tree, depth).map_err(|problem| damaged(tree.id, problem))
}

/// As [`load`], of bytes that are there already.
pub(super) fn decode(bytes: Bytes, tree: &TreeRef, depth: usize) -> Result<Page, Problem> {
    match bytes.first() {
        Some(&LEAF) => Leaf::decode(bytes, tree, depth).map(Page::Leaf),
        Some(&(INNER | INNER_WITH_VALUE)) => Inner::decode(&bytes, tree, depth).map(Page::Inner),
        _ => Err(NO_PAGE),
    }
}

pub(super) fn damaged(page: PageId, problem: &'static str) -> TreeError {
    TreeError::Damaged { page, problem }
}

/// A [`Value`] that lies somewhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueRef<'a> {
    Inline(&'a [u8]),
    Blob(BlobRef),
}

impl ValueRef<'_> {
    pub(super) fn blob(&self) -> Option<&BlobRef> {
        match self {
            Self::Inline(_) => None,
            Self::Blob(blob) => Some(blob),
        }
    }

    pub(super) fn to_value(self) -> Value {
        match self {
            Self::Inline(bytes) => Value::Inline(Bytes::copy_from_slice(bytes)),
            Self::Blob(blob) => Value::Blob(blob),
        }
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Inline(bytes) => Self::Inline(bytes),
            Value::Blob(blob) => Self::Blob(*blob),
        }
    }
}

pub(super) fn entry_weight(key_bytes: usize, value: ValueRef<'_>) -> u64 {
    let value_weight = match value {
        ValueRef::Inline(bytes) => bytes.len() as u64,
        ValueRef::Blob(_) => BLOB_WEIGHT,
    };
    ENTRY_WEIGHT + key_bytes as u64 + value_weight
}

/// How many bytes two keys share at their start.
pub(super) fn shared_bytes(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// A page of sorted entries, of which only the hash is checked yet: [`Entries`] checks the rest.
pub(super) struct Leaf {
    page: Bytes,
    tree: TreeRef,
    /// How many bytes its keys may have.
    key_bytes_max: usize,
    entries_at: usize,
    blobs: usize,
    ids_at: usize,
}

impl Leaf {
    fn decode(page: Bytes, tree: &TreeRef, depth: usize) -> Result<Self, Problem> {
        let mut input = Input::after_kind(&page);
        let count = input.number()?;
        let blobs = input.length()?;
        let entries_at = input.at;
        let ids_at = ids_at(page.len(), blobs)?;
        if Hash::of(&page[..ids_at]) != tree.hash {
            return Err(WRONG_HASH);
        }
        if count != tree.count {
            return Err(WRONG_TOTALS);
        }
        if !tree.is_leaf() {
            return Err("it is a leaf and too heavy for one");
        }
        Ok(Self {
            page,
            tree: *tree,
            key_bytes_max: KEY_BYTES_MAX.saturating_sub(depth),
            entries_at,
            blobs,
            ids_at,
        })
    }

    /// How many of its values are blobs.
    pub(super) fn blobs(&self) -> usize {
        self.blobs
    }

    /// Its entries. What is in `key` already stands before each key.
    pub(super) fn into_entries(self, key: Vec<u8>) -> Entries {
        Entries {
            at: self.entries_at,
            left: self.tree.count,
            blobs: 0,
            weight: 0,
            base_bytes: key.len(),
            key,
            value: Place::Inline(0..0),
            leaf: self,
        }
    }
}

/// Steps through the entries of a [`Leaf`], and checks each on the way.
pub(super) struct Entries {
    leaf: Leaf,
    at: usize,
    left: u64,
    blobs: usize,
    weight: u64,
    key: Vec<u8>,
    base_bytes: usize,
    value: Place,
}

/// Where a value lies in its page.
enum Place {
    Inline(Range<usize>),
    Blob(BlobRef),
}

impl Entries {
    /// Goes to the first entry, or the next; false behind the last.
    pub(super) fn advance(&mut self) -> Result<bool, TreeError> {
        let id = self.leaf.tree.id;
        self.step().map_err(|problem| damaged(id, problem))
    }

    /// The key of the entry, after what [`Leaf::into_entries`] was given.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn value(&self) -> ValueRef<'_> {
        match &self.value {
            Place::Inline(range) => ValueRef::Inline(&self.leaf.page[range.clone()]),
            Place::Blob(blob) => ValueRef::Blob(*blob),
        }
    }

    /// The value, which keeps the page in memory for as long as it is held.
    pub(super) fn to_value(&self) -> Value {
        match &self.value {
            Place::Inline(range) => Value::Inline(self.leaf.page.slice(range.clone())),
            Place::Blob(blob) => Value::Blob(*blob),
        }
    }

    pub(super) fn into_key(self) -> Vec<u8> {
        self.key
    }

    fn step(&mut self) -> Result<bool, Problem> {
        let is_first = self.at == self.leaf.entries_at;
        if self.left == 0 {
            return self.check_end().map(|()| false);
        }
        self.left -= 1;
        let mut input = Input {
            bytes: &self.leaf.page[..self.leaf.ids_at],
            at: self.at,
        };
        let shared = input.length()?;
        let rest_bytes = input.length()?;
        let rest = input.take(rest_bytes)?;
        let before = &self.key[self.base_bytes..];
        if shared > before.len() {
            return Err("a key in it shares more than there is");
        }
        // It is greater than the one before, and shares all that it can.
        if !is_first && rest.first() <= before.get(shared) {
            return Err(NOT_SORTED);
        }
        if shared + rest.len() > self.leaf.key_bytes_max {
            return Err(LONG_KEY);
        }
        self.key.truncate(self.base_bytes + shared);
        self.key.extend_from_slice(rest);
        let (weight, value) = match input.value()? {
            Found::Inline(range) => (range.len() as u64, Place::Inline(range)),
            Found::Blob { hash, bytes } => {
                if self.blobs == self.leaf.blobs {
                    return Err("it has more blobs than it says");
                }
                let id = id_at(&self.leaf.page, self.leaf.ids_at, self.blobs);
                self.blobs += 1;
                (BLOB_WEIGHT, Place::Blob(BlobRef { hash, bytes, id }))
            }
        };
        self.value = value;
        self.weight += ENTRY_WEIGHT + (shared + rest_bytes) as u64 + weight;
        self.at = input.at;
        Ok(true)
    }

    fn check_end(&self) -> Result<(), Problem> {
        if self.at != self.leaf.ids_at || self.blobs != self.leaf.blobs {
            return Err("it goes on behind its last entry");
        }
        if self.weight != self.leaf.tree.weight {
            return Err(WRONG_TOTALS);
        }
        Ok(())
    }
}

/// A page that branches.
#[derive(Debug)]
pub(super) struct Inner {
    /// What all keys in it start with, as long as it can be.
    pub(super) prefix: Bytes,
    /// The value of the key that ends there.
    pub(super) value: Option<Value>,
    /// By label, ascending. Two of them, or one and the value, or more.
    pub(super) children: Vec<Child>,
}

/// The subtree of the keys that go on with `label`, which they have no more below.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child {
    pub(super) label: u8,
    pub(super) tree: TreeRef,
}

impl Inner {
    pub(super) fn child(&self, label: u8) -> Option<&TreeRef> {
        let found = self
            .children
            .binary_search_by_key(&label, |child| child.label);
        found.ok().map(|index| &self.children[index].tree)
    }

    pub(super) fn count(&self) -> u64 {
        let below = self.children.iter().map(|child| child.tree.count);
        u64::from(self.value.is_some()) + below.sum::<u64>()
    }

    pub(super) fn weight(&self) -> u64 {
        let own = self.value.as_ref().map(ValueRef::from);
        let own_weight = own.map_or(0, |value| entry_weight(self.prefix.len(), value));
        let consumed_bytes = self.prefix.len() as u64 + 1;
        let below = self.children.iter().map(|child| &child.tree);
        own_weight
            + below
                .map(|tree| tree.weight + tree.count * consumed_bytes)
                .sum::<u64>()
    }

    fn decode(page: &Bytes, tree: &TreeRef, depth: usize) -> Result<Self, Problem> {
        let mut input = Input::after_kind(page);
        let prefix_bytes = input.length()?;
        let prefix_at = input.at;
        input.take(prefix_bytes)?;
        let prefix = page.slice(prefix_at..input.at);
        if depth.saturating_add(prefix.len()) >= KEY_BYTES_MAX {
            return Err(LONG_KEY);
        }
        let found = match page[0] {
            INNER_WITH_VALUE => Some(input.value()?),
            _ => None,
        };
        let children = usize::from(input.byte()?) + 1;
        if found.is_none() && children == 1 {
            return Err("it does not branch");
        }
        let blobs = usize::from(matches!(found, Some(Found::Blob { .. })));
        let ids_at = ids_at(page.len(), blobs + children)?;
        if Hash::of(&page[..ids_at]) != tree.hash {
            return Err(WRONG_HASH);
        }
        let value = found.map(|found| match found {
            Found::Inline(range) => Value::Inline(page.slice(range)),
            Found::Blob { hash, bytes } => {
                let id = id_at(page, ids_at, 0);
                Value::Blob(BlobRef { hash, bytes, id })
            }
        });
        let mut inner = Self {
            prefix,
            value,
            children: Vec::with_capacity(children),
        };
        for index in 0..children {
            let label = input.byte()?;
            if inner
                .children
                .last()
                .is_some_and(|last| last.label >= label)
            {
                return Err(NOT_SORTED);
            }
            let tree = TreeRef {
                hash: input.hash()?,
                count: input.number()?,
                weight: input.number()?,
                id: id_at(page, ids_at, blobs + index),
            };
            if !has_possible_totals(&tree) {
                return Err("a child of it has a count or weight that no subtree has");
            }
            inner.children.push(Child { label, tree });
        }
        if input.at != ids_at {
            return Err("it goes on behind its last child");
        }
        if (inner.count(), inner.weight()) != (tree.count, tree.weight) {
            return Err(WRONG_TOTALS);
        }
        if tree.is_leaf() {
            return Err("it branches and is light enough for a leaf");
        }
        Ok(inner)
    }
}

/// Past it, what a page says is refused: no sum of counts or weights leaves 64 bits.
const COUNT_MAX: u64 = 1 << 40;

fn has_possible_totals(tree: &TreeRef) -> bool {
    let entry_weight_max = ENTRY_WEIGHT + (KEY_BYTES_MAX + INLINE_BYTES_MAX) as u64;
    (1..=COUNT_MAX).contains(&tree.count)
        && (tree.count * ENTRY_WEIGHT..=tree.count * entry_weight_max).contains(&tree.weight)
}

/// A piece of a blob.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) hash: Hash,
    pub(super) bytes: u64,
    pub(super) id: PageId,
}

/// Reads the list of the chunks of `blob`. Their lengths sum up to its own, and none is longer than
/// `chunk_bytes_max`.
pub(super) fn load_list(
    source: &dyn PageSource,
    blob: &BlobRef,
    chunk_bytes_max: usize,
) -> Result<Vec<Chunk>, TreeError> {
    let page = source.page(blob.id)?;
    decode_list(&page, blob, chunk_bytes_max).map_err(|problem| damaged(blob.id, problem))
}

pub(super) fn decode_list(
    page: &[u8],
    blob: &BlobRef,
    chunk_bytes_max: usize,
) -> Result<Vec<Chunk>, Problem> {
    if page.first() != Some(&LIST) {
        return Err("it is no list of chunks");
    }
    let mut input = Input::after_kind(page);
    let count = input.length()?;
    let ids_at = ids_at(page.len(), count)?;
    if Hash::of(&page[..ids_at]) != blob.hash {
        return Err(WRONG_HASH);
    }
    let mut chunks = Vec::with_capacity(count);
    let mut total_bytes = 0u64;
    for index in 0..count {
        let bytes = input.number()?;
        if bytes == 0 || bytes > chunk_bytes_max as u64 {
            return Err("a chunk of it has a length that chunks do not have");
        }
        total_bytes += bytes;
        let hash = input.hash()?;
        let id = id_at(page, ids_at, index);
        chunks.push(Chunk { hash, bytes, id });
    }
    if input.at != ids_at {
        return Err("it goes on behind its last chunk");
    }
    if total_bytes != blob.bytes {
        return Err("its chunks are not as long as the blob");
    }
    Ok(chunks)
}

/// Where the ids of a page start, which has `ids` of them.
pub(super) fn ids_at(page_bytes: usize, ids: usize) -> Result<usize, Problem> {
    let ids_bytes = ids.checked_mul(ID_BYTES).ok_or(CUT_OFF)?;
    page_bytes.checked_sub(ids_bytes).ok_or(CUT_OFF)
}

/// The id number `index`, which [`ids_at`] made room for.
fn id_at(page: &[u8], ids_at: usize, index: usize) -> PageId {
    let mut bytes = [0; ID_BYTES];
    bytes.copy_from_slice(&page[ids_at + index * ID_BYTES..][..ID_BYTES]);
    PageId(u64::from_le_bytes(bytes))
}

/// Reads a page from its start.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

pub(super) enum Found {
    Inline(Range<usize>),
    Blob { hash: Hash, bytes: u64 },
}

impl<'a> Input<'a> {
    pub(super) fn after_kind(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 1 }
    }

    pub(super) fn byte(&mut self) -> Result<u8, Problem> {
        let byte = *self.bytes.get(self.at).ok_or(CUT_OFF)?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<&'a [u8], Problem> {
        let end = self.at.checked_add(bytes).ok_or(CUT_OFF)?;
        let taken = self.bytes.get(self.at..end).ok_or(CUT_OFF)?;
        self.at = end;
        Ok(taken)
    }

    fn hash(&mut self) -> Result<Hash, Problem> {
        let mut hash = [0; HASH_BYTES];
        hash.copy_from_slice(self.take(HASH_BYTES)?);
        Ok(Hash::from_bytes(hash))
    }

    pub(super) fn number(&mut self) -> Result<u64, Problem> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte == 0 {
                return Err(LONG_WAY);
            }
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number in it has more than 64 bits")
    }

    /// A number that has to lie within the page, or to count what does.
    pub(super) fn length(&mut self) -> Result<usize, Problem> {
        let length = usize::try_from(self.number()?).map_err(|_| CUT_OFF)?;
        if length > self.bytes.len() {
            return Err(CUT_OFF);
        }
        Ok(length)
    }

    pub(super) fn value(&mut self) -> Result<Found, Problem> {
        let head = self.number()?;
        let bytes = head >> 1;
        if head & 1 == 0 {
            if bytes > INLINE_BYTES_MAX as u64 {
                return Err("a value in it is longer than one in a page may be");
            }
            let start = self.at;
            // At most `INLINE_BYTES_MAX`.
            self.take(bytes as usize)?;
            return Ok(Found::Inline(start..self.at));
        }
        if bytes <= INLINE_BYTES_MAX as u64 || bytes > VALUE_BYTES_MAX as u64 {
            return Err("a blob in it has a length that blobs do not have");
        }
        let hash = self.hash()?;
        Ok(Found::Blob { hash, bytes })
    }
}

/// Makes the bytes of pages, in buffers that it keeps.
#[derive(Default)]
pub(super) struct Encoder {
    hashed: Vec<u8>,
    ids: Vec<u8>,
}

impl Encoder {
    /// A leaf of `entries`, which are sorted and as many as `count`, `blobs` of them blobs.
    pub(super) fn leaf<'a>(
        &mut self,
        count: usize,
        blobs: usize,
        entries: impl Iterator<Item = (&'a [u8], ValueRef<'a>)>,
    ) -> (Hash, Bytes) {
        self.start(LEAF);
        self.number(count as u64);
        self.number(blobs as u64);
        let mut before: &[u8] = &[];
        for (key, value) in entries {
            let shared = shared_bytes(before, key);
            self.number(shared as u64);
            self.bytes(&key[shared..]);
            self.value(value);
            before = key;
        }
        self.finish()
    }

    pub(super) fn inner(&mut self, inner: &Inner) -> (Hash, Bytes) {
        self.start(match inner.value {
            None => INNER,
            Some(_) => INNER_WITH_VALUE,
        });
        self.bytes(&inner.prefix);
        if let Some(value) = &inner.value {
            self.value(value.into());
        }
        // Labels differ, so there are at most 256, and an inner page has at least one.
        self.hashed.push((inner.children.len() - 1) as u8);
        for Child { label, tree } in &inner.children {
            self.hashed.push(*label);
            self.hashed.extend_from_slice(tree.hash.as_bytes());
            self.number(tree.count);
            self.number(tree.weight);
            self.id(tree.id);
        }
        self.finish()
    }

    pub(super) fn list(&mut self, chunks: &[Chunk]) -> (Hash, Bytes) {
        self.start(LIST);
        self.number(chunks.len() as u64);
        for chunk in chunks {
            self.number(chunk.bytes);
            self.hashed.extend_from_slice(chunk.hash.as_bytes());
            self.id(chunk.id);
        }
        self.finish()
    }

    fn start(&mut self, kind: u8) {
        self.hashed.clear();
        self.ids.clear();
        self.hashed.push(kind);
    }

    fn finish(&mut self) -> (Hash, Bytes) {
        let hash = Hash::of(&self.hashed);
        self.hashed.extend_from_slice(&self.ids);
        (hash, Bytes::copy_from_slice(&self.hashed))
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            // The lowest seven bits, and that more follow.
            self.hashed.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.hashed.push(number as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.hashed.extend_from_slice(bytes);
    }

    fn value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Inline(bytes) => {
                self.number((bytes.len() as u64) << 1);
                self.hashed.extend_from_slice(bytes);
            }
            ValueRef::Blob(blob) => {
                self.number(blob.bytes << 1 | 1);
                self.hashed.extend_from_slice(blob.hash.as_bytes());
                self.id(blob.id);
            }
        }
    }

    fn id(&mut self, id: PageId) {
        self.ids.extend_from_slice(&id.0.to_le_bytes());
    }
}
