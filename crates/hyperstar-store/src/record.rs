//! How commits and the store's own state are kept in the table [`History`](crate::Table::History).

use bytes::Bytes;

use crate::commit::CommitId;
use crate::hash::Hash;
use crate::tree::{PageId, TreeRef};
use crate::{StoreError, Version};

/// The most bytes of a commit's author.
pub const AUTHOR_BYTES_MAX: usize = 256;
/// The most bytes of a commit's message.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// The most parents of a commit.
pub(crate) const PARENTS_MAX: usize = 16;

const COMMIT_FORMAT: u8 = 1;
const STATE_KEY: &[u8] = b"state";

/// What a commit says of itself, as its id is the hash of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) root: Hash,
    pub(crate) parents: Vec<CommitId>,
    /// Milliseconds since 1970.
    pub(crate) time_ms: i64,
    /// The commit that this one takes back.
    pub(crate) undoes: Option<CommitId>,
    pub(crate) author: String,
    pub(crate) message: String,
}

/// A commit as this store keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: CommitId,
    pub(crate) signed: Signed,
    pub(crate) tree: TreeRef,
    /// Pages that its first parent reaches and it does not.
    pub(crate) dropped: Vec<PageId>,
}

impl Signed {
    pub(crate) fn id(&self) -> CommitId {
        CommitId::new(Hash::of(&self.encode()))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.author.len() + self.message.len());
        out.push(COMMIT_FORMAT);
        out.extend_from_slice(self.root.as_bytes());
        // At most `PARENTS_MAX`.
        out.push(self.parents.len() as u8);
        for parent in &self.parents {
            out.extend_from_slice(parent.hash().as_bytes());
        }
        out.extend_from_slice(&self.time_ms.to_be_bytes());
        out.push(u8::from(self.undoes.is_some()));
        if let Some(undoes) = self.undoes {
            out.extend_from_slice(undoes.hash().as_bytes());
        }
        for text in [&self.author, &self.message] {
            // Bounded where they are set.
            out.extend_from_slice(&(text.len() as u32).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        if from.byte()? != COMMIT_FORMAT {
            return None;
        }
        let root = from.hash()?;
        let parents = usize::from(from.byte()?);
        if parents > PARENTS_MAX {
            return None;
        }
        let parents = (0..parents).map(|_| from.hash().map(CommitId::new));
        let parents = parents.collect::<Option<_>>()?;
        let time_ms = i64::from_be_bytes(from.array()?);
        let undoes = match from.byte()? {
            0 => None,
            1 => Some(CommitId::new(from.hash()?)),
            _ => return None,
        };
        let author = from.text(AUTHOR_BYTES_MAX)?;
        let message = from.text(MESSAGE_BYTES_MAX)?;
        from.0.is_empty().then_some(Self {
            root,
            parents,
            time_ms,
            undoes,
            author,
            message,
        })
    }
}

impl Record {
    pub(crate) fn encode(&self) -> Bytes {
        let signed = self.signed.encode();
        let mut out = Vec::with_capacity(signed.len() + 32 + 8 * self.dropped.len());
        // A commit is far below 4 GiB.
        out.extend_from_slice(&(signed.len() as u32).to_be_bytes());
        out.extend_from_slice(&signed);
        for number in [self.tree.id.0, self.tree.count, self.tree.weight] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        for page in &self.dropped {
            out.extend_from_slice(&page.0.to_be_bytes());
        }
        sealed(out)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(unsealed(bytes)?);
        let signed = from.u32()?;
        let signed = from.take(signed as usize)?;
        let id = CommitId::new(Hash::of(signed));
        let signed = Signed::decode(signed)?;
        let tree = TreeRef {
            hash: signed.root,
            id: PageId(from.u64()?),
            count: from.u64()?,
            weight: from.u64()?,
        };
        let mut dropped = Vec::with_capacity(from.0.len() / 8);
        while !from.0.is_empty() {
            dropped.push(PageId(from.u64()?));
        }
        Some(Self {
            id,
            signed,
            tree,
            dropped,
        })
    }
}

/// What the store says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreState {
    /// Of the last batch.
    pub(crate) version: Version,
    pub(crate) next_page: PageId,
    /// How many commits are kept.
    pub(crate) commits: u64,
    /// What keeps the oldest commit from going by itself, if it is more than one: branches, tags, commits
    /// that are being received, and commits that came after another than the one before them.
    pub(crate) ties: u64,
    /// The branch that is checked out.
    pub(crate) branch: String,
}

impl StoreState {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(32 + self.branch.len());
        let numbers = [
            self.version.as_u64(),
            self.next_page.0,
            self.commits,
            self.ties,
        ];
        for number in numbers {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(self.branch.as_bytes());
        sealed(out)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(unsealed(bytes)?);
        Some(Self {
            version: Version::from_u64(from.u64()?),
            next_page: PageId(from.u64()?),
            commits: from.u64()?,
            ties: from.u64()?,
            branch: str::from_utf8(from.0).ok()?.to_owned(),
        })
    }
}

/// A commit that is being received: its pages lie here from the root down, and some are missing.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    /// The commit that it is compared to, or [`CommitId::NONE`] for the empty tree.
    pub(crate) base: CommitId,
    pub(crate) root: TreeRef,
    /// Pages with lesser ids are not its own.
    pub(crate) first: PageId,
    /// All that stands before this path is there.
    pub(crate) from: Vec<u8>,
}

impl Staged {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(128 + self.from.len());
        out.extend_from_slice(self.base.hash().as_bytes());
        out.extend_from_slice(self.root.hash.as_bytes());
        let root = &self.root;
        for number in [root.id.0, root.count, root.weight, self.first.0] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&self.from);
        sealed(out)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(unsealed(bytes)?);
        Some(Self {
            base: CommitId::new(from.hash()?),
            root: TreeRef {
                hash: from.hash()?,
                id: PageId(from.u64()?),
                count: from.u64()?,
                weight: from.u64()?,
            },
            first: PageId(from.u64()?),
            from: from.0.to_vec(),
        })
    }
}

/// The keys of the table.
pub(crate) fn state_key() -> Bytes {
    Bytes::from_static(STATE_KEY)
}

pub(crate) const COMMITS: &[u8] = b"c";
pub(crate) const IDS: &[u8] = b"i";
pub(crate) const BRANCHES: &[u8] = b"b";
pub(crate) const TAGS: &[u8] = b"t";
pub(crate) const STAGED: &[u8] = b"r";

pub(crate) fn commit_key(version: Version) -> Bytes {
    [COMMITS, &version.as_u64().to_be_bytes()].concat().into()
}

pub(crate) fn id_key(id: CommitId) -> Bytes {
    [IDS, id.hash().as_bytes()].concat().into()
}

pub(crate) fn branch_key(name: &str) -> Bytes {
    [BRANCHES, name.as_bytes()].concat().into()
}

pub(crate) fn tag_key(name: &str) -> Bytes {
    [TAGS, name.as_bytes()].concat().into()
}

pub(crate) fn staged_key(id: CommitId) -> Bytes {
    [STAGED, id.hash().as_bytes()].concat().into()
}

/// The commit in the key of one that is being received.
pub(crate) fn staged_in(key: &[u8]) -> Option<CommitId> {
    let id = key.strip_prefix(STAGED)?.try_into().ok()?;
    Some(CommitId::new(Hash::from_bytes(id)))
}

/// What is kept under an id, a branch or a tag.
pub(crate) fn named(version: Version) -> Bytes {
    sealed(version.as_u64().to_be_bytes().to_vec())
}

/// The version that is kept under an id, a branch or a tag.
pub(crate) fn version_of(kept: &[u8]) -> Result<Version, StoreError> {
    unsealed(kept)
        .and_then(number)
        .ok_or_else(|| StoreError::Damaged {
            what: "the version that a name stands for".to_owned(),
        })
}

/// The version in the key of a commit.
pub(crate) fn version_in(key: &[u8]) -> Option<Version> {
    key.strip_prefix(COMMITS).and_then(number)
}

fn number(bytes: &[u8]) -> Option<Version> {
    bytes
        .try_into()
        .ok()
        .map(u64::from_be_bytes)
        .map(Version::from_u64)
}

/// The bytes of the checksum at the end of what no id is the hash of.
const SEAL_BYTES: usize = 8;

fn sealed(mut bytes: Vec<u8>) -> Bytes {
    let hash = Hash::of(&bytes);
    bytes.extend_from_slice(&hash.as_bytes()[..SEAL_BYTES]);
    bytes.into()
}

fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let (bytes, seal) = bytes.split_at_checked(bytes.len().checked_sub(SEAL_BYTES)?)?;
    (Hash::of(bytes).as_bytes()[..SEAL_BYTES] == *seal).then_some(bytes)
}

/// Bytes that are read piece by piece; each call is nothing past their end.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn hash(&mut self) -> Option<Hash> {
        self.array().map(Hash::from_bytes)
    }

    fn text(&mut self, bytes_max: usize) -> Option<String> {
        let count = self.u32()? as usize;
        if count > bytes_max {
            return None;
        }
        let text = str::from_utf8(self.take(count)?).ok()?;
        Some(text.to_owned())
    }
}
