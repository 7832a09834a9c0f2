//! A tree of keys and values, kept in pages, whose root hash says exactly what is in it.
//!
//! What is promised:
//! - **One content, one hash.** The same entries make the same pages, whatever the order in which
//!   they were written and whatever was there in between. Two subtrees with one hash are equal, so
//!   [`diff()`] costs what differs.
//! - **An edit copies its paths only.** All other pages are shared with the tree before, which
//!   stays readable. [`Edited`] names each page that came and each that went.
//! - **Nobody can unbalance it.** A key of n bytes lies at most n pages deep, and nothing here
//!   recurses: a tree of that depth costs heap, not stack.
//! - **Damage is an error.** A page is read only if its hash is the one asked for, and its bytes the
//!   only ones that say what they say. Whatever a source hands out, nothing panics.
//!
//! It keeps no page itself: it reads from a [`PageSource`] and returns what is to be written.
//!
//! # Design
//! It is a packed radix tree. A subtree's *weight* is the sum over its entries of 4, the length of
//! the key below the subtree, and the length of the value (40 for a blob). Up to
//! [`LEAF_WEIGHT_MAX`] it is one leaf page; above, an inner page with a child for each next byte.
//! A B-tree or a tree balanced by rotation would have fuller pages, but its shape, and with it the
//! root hash, depends on the order of writes. A tree cut by the hashes of its keys (a prolly tree)
//! has not, but who chooses the keys can choose where it is cut.
//!
//! What there is was judged first. Git's objects by gix keep a million values well, and are what Git
//! tools read; a durable commit takes 6 ms and 73 KiB there, as a directory is one object, and a
//! difference of 10 values 3 ms (`cargo xtask bench store` measures them beside the store each time).
//! The crate `prollytree` 0.4 keeps a page as a file or a Git object that is synced by itself, so a
//! commit syncs several times; that was read, not measured.

mod blob;
mod diff;
mod edit;
mod page;
mod probe;
mod read;
mod receive;
mod run;
mod serve;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;

use bytes::Bytes;

use crate::backend::BackendError;
use crate::hash::Hash;

pub(crate) use self::blob::{load as load_value, store as store_value};
pub(crate) use self::diff::{diff, diff_pages, fresh_pages};
pub(crate) use self::edit::{edit, empty};
pub(crate) use self::probe::probe;
pub(crate) use self::read::{PageKind, Visit, count_below, get, nth, pages, walk, walk_back};
pub(crate) use self::receive::{Incoming, ReceiveError, Shelf};
pub(crate) use self::serve::Finder;
pub(crate) use self::wire::{Part, Place};

/// The heaviest subtree that is a leaf page, if it has more than one entry.
pub(crate) const LEAF_WEIGHT_MAX: u64 = 4096;

/// The longest key, in bytes.
pub(crate) const KEY_BYTES_MAX: usize = crate::PATH_BYTES_MAX;

/// The longest value that is kept in its leaf, in bytes. A longer one is a blob.
pub(crate) const INLINE_BYTES_MAX: usize = 1024;

/// The number of a page, in the order of writing. No two pages of a store ever had the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PageId(pub(crate) u64);

impl PageId {
    /// Takes the next number.
    fn take(next: &mut Self) -> Self {
        let id = *next;
        next.0 += 1;
        id
    }
}

impl fmt::Display for PageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where pages are read from. It may hand out anything: what is wrong is found out here.
pub(crate) trait PageSource {
    /// The bytes that were written as `id`.
    ///
    /// # Errors
    /// Whatever keeps it from reading, and that there is no such page.
    fn page(&self, id: PageId) -> Result<Bytes, BackendError>;
}

/// A subtree, or the whole tree by its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TreeRef {
    /// The hash of its page, and so of everything below.
    pub(crate) hash: Hash,
    /// Where its page lies.
    pub(crate) id: PageId,
    /// How many entries are in it.
    pub(crate) count: u64,
    /// See the module's design.
    pub(crate) weight: u64,
}

impl TreeRef {
    /// Whether its page is a leaf; it follows from the weight alone.
    fn is_leaf(&self) -> bool {
        self.weight <= LEAF_WEIGHT_MAX || self.count <= 1
    }
}

/// What stands under a key. [`store_value`] makes one of bytes, [`load_value`] bytes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Up to [`INLINE_BYTES_MAX`], in the leaf itself.
    Inline(Bytes),
    /// In pages of its own.
    Blob(BlobRef),
}

/// A long value. Two are equal if their content is: the id only says where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlobRef {
    /// The hash of the page `id`.
    pub(crate) hash: Hash,
    /// The length of the value.
    pub(crate) bytes: u64,
    /// The value itself, or if it is longer than [`blob::RAW_BYTES_MAX`], the list of its chunks.
    pub(crate) id: PageId,
}

impl PartialEq for BlobRef {
    fn eq(&self, other: &Self) -> bool {
        (self.hash, self.bytes) == (other.hash, other.bytes)
    }
}

impl Eq for BlobRef {}

/// Why a tree cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TreeError {
    /// The source failed.
    #[error(transparent)]
    Backend(#[from] BackendError),

    /// A page is not what was written.
    #[error(
        "page {page} is damaged: {problem}; check the disk, and restore the store from a backup"
    )]
    Damaged {
        /// The page.
        page: PageId,
        /// What is wrong with it.
        problem: &'static str,
    },
}
