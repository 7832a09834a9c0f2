//! What the two sides say to each other, as bytes.
//!
//! One side asks and the other answers, message by message. The first byte says what it is; numbers are
//! big-endian, and what varies in length comes after its length.

use bytes::Bytes;

use super::SyncError;
use crate::commit::CommitId;
use crate::hash::Hash;
use crate::tree::{Part, Place};

/// The largest message, in bytes. A larger one is refused before it is read.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The version of the protocol.
pub(super) const VERSION: u16 = 1;
const MAGIC: &[u8] = b"hyperstar-sync";

/// The most ids of a request, and commits of an answer.
pub(super) const IDS_MAX: usize = 1_024;
/// The most places of a request.
pub(super) const PLACES_MAX: usize = 2_048;
/// The most commits of a walk's answer, and names of an answer.
pub(super) const ENTRIES_MAX: usize = 4_096;
/// The most pages of an answer.
pub(super) const PAGES_MAX: usize = 16_384;
/// The largest page as it is sent: the list of the largest value's chunks has some 600 KiB.
pub(super) const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// A reason that is longer is cut.
const REASON_CHARS_MAX: usize = 300;

/// What the two sides say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Hello(Hello),
    /// Asks for the names after this one.
    Names(Option<(Kind, String)>),
    /// Asks for commits, and for those before them, as far as there is room.
    Walk {
        commits_max: u32,
        ids: Vec<CommitId>,
    },
    /// Asks for commits with some of their pages, as far as there is room.
    Get {
        bytes_max: u32,
        wants: Vec<Want>,
    },
    /// Asks for pages of a commit, as far as there is room.
    Pages {
        bytes_max: u32,
        commit: CommitId,
        places: Vec<Place>,
    },
    /// The one who answered asks from now on.
    Turn,
    /// All was asked.
    Bye,
    /// Names in order, and whether there are more.
    NamesAre {
        names: Vec<Named>,
        has_more: bool,
    },
    /// What commits say of themselves, and which are not there.
    Walked {
        commits: Vec<Bytes>,
        gone: Vec<CommitId>,
    },
    /// The commits that were asked for, in order, as many as there was room for.
    Got(Vec<Got>),
    /// The pages that were asked for, in order, as many as there was room for.
    PagesAre(Vec<Bytes>),
    /// Gives up.
    Refused(String),
}

/// Who speaks, and what it is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) version: u16,
    pub(super) sends: bool,
    pub(super) receives: bool,
}

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Branch,
    Tag,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) id: CommitId,
}

/// A commit that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) id: CommitId,
    pub(super) with: With,
}

/// What is to come with a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    /// Nothing: its root is here.
    Nothing,
    /// The root of its tree.
    Root,
    /// The root, and what its first parent does not have.
    Pages,
}

/// A commit, with what was to come with it, as far as there was room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Got {
    /// What it says of itself; its id is the hash of it.
    pub(super) signed: Bytes,
    pub(super) count: u64,
    pub(super) weight: u64,
    pub(super) pages: Vec<Bytes>,
}

impl Message {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = Out(Vec::new());
        match self {
            Self::Hello(hello) => {
                out.byte(0);
                out.0.extend_from_slice(MAGIC);
                out.0.extend_from_slice(&hello.version.to_be_bytes());
                out.byte(u8::from(hello.sends) | u8::from(hello.receives) << 1);
            }
            Self::Names(after) => {
                out.byte(1);
                out.byte(u8::from(after.is_some()));
                if let Some((kind, name)) = after {
                    out.byte(*kind as u8);
                    out.bytes(name.as_bytes());
                }
            }
            Self::Walk { commits_max, ids } => {
                out.byte(2);
                out.short(*commits_max);
                out.ids(ids);
            }
            Self::Get { bytes_max, wants } => {
                out.byte(3);
                out.short(*bytes_max);
                out.list(wants, |out, want| {
                    out.id(&want.id);
                    out.byte(want.with as u8);
                });
            }
            Self::Pages {
                bytes_max,
                commit,
                places,
            } => {
                out.byte(4);
                out.short(*bytes_max);
                out.id(commit);
                out.list(places, Out::place);
            }
            Self::Turn => out.byte(5),
            Self::Bye => out.byte(6),
            Self::NamesAre { names, has_more } => {
                out.byte(7);
                out.byte(u8::from(*has_more));
                out.list(names, |out, named| {
                    out.byte(named.kind as u8);
                    out.id(&named.id);
                    out.bytes(named.name.as_bytes());
                });
            }
            Self::Walked { commits, gone } => {
                out.byte(8);
                out.list(commits, |out, commit| out.bytes(commit));
                out.ids(gone);
            }
            Self::Got(got) => {
                out.byte(9);
                out.list(got, |out, got| {
                    out.bytes(&got.signed);
                    out.number(got.count);
                    out.number(got.weight);
                    out.list(&got.pages, |out, page| out.bytes(page));
                });
            }
            Self::PagesAre(pages) => {
                out.byte(10);
                out.list(pages, |out, page| out.bytes(page));
            }
            Self::Refused(reason) => {
                out.byte(11);
                let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
                out.bytes(reason.as_bytes());
            }
        }
        out.0.into()
    }

    /// Reads what [`Message::encode`] wrote, and nothing else.
    pub(super) fn decode(bytes: &Bytes) -> Result<Self, SyncError> {
        let mut from = In { bytes, at: 0 };
        let decoded = from.message();
        match decoded {
            Some(message) if from.at == bytes.len() => Ok(message),
            _ => Err(SyncError::wrong("a message that cannot be read")),
        }
    }
}

/// The first message, of which also another version than this one can be read.
pub(super) fn decode_hello(bytes: &Bytes) -> Result<Hello, SyncError> {
    let mut from = In { bytes, at: 0 };
    match from.byte() {
        Some(0) => from.hello().ok_or(SyncError::NoStore),
        // One that does not want to speak with us says so at once.
        Some(11) => match Message::decode(bytes) {
            Ok(Message::Refused(reason)) => Err(SyncError::Refused { reason }),
            _ => Err(SyncError::NoStore),
        },
        _ => Err(SyncError::NoStore),
    }
}

struct Out(Vec<u8>);

impl Out {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn short(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    /// A message is far below 4 GiB, and so is all in it.
    fn bytes(&mut self, bytes: &[u8]) {
        self.short(bytes.len() as u32);
        self.0.extend_from_slice(bytes);
    }

    fn id(&mut self, id: &CommitId) {
        self.0.extend_from_slice(id.hash().as_bytes());
    }

    fn ids(&mut self, ids: &[CommitId]) {
        self.list(ids, Self::id);
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.short(items.len() as u32);
        for item in items {
            write(self, item);
        }
    }

    fn place(&mut self, place: &Place) {
        match place.part {
            Part::Tree => self.byte(0),
            Part::Blob => self.byte(1),
            Part::Chunk(index) => {
                self.byte(2);
                self.short(index);
            }
        }
        self.bytes(&place.path);
    }
}

struct In<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl In<'_> {
    fn message(&mut self) -> Option<Message> {
        Some(match self.byte()? {
            0 => Message::Hello(self.hello()?),
            1 => Message::Names(match self.flag()? {
                false => None,
                true => Some((self.kind()?, self.text(crate::PATH_BYTES_MAX)?)),
            }),
            2 => Message::Walk {
                commits_max: self.short()?,
                ids: self.list(IDS_MAX, Self::id)?,
            },
            3 => Message::Get {
                bytes_max: self.short()?,
                wants: self.list(IDS_MAX, Self::want)?,
            },
            4 => Message::Pages {
                bytes_max: self.short()?,
                commit: self.id()?,
                places: self.list(PLACES_MAX, Self::place)?,
            },
            5 => Message::Turn,
            6 => Message::Bye,
            7 => Message::NamesAre {
                has_more: self.flag()?,
                names: self.list(ENTRIES_MAX, Self::named)?,
            },
            8 => Message::Walked {
                commits: self.list(ENTRIES_MAX, |from| from.slice(PAGE_BYTES_MAX))?,
                gone: self.list(IDS_MAX, Self::id)?,
            },
            9 => {
                let mut pages_left = PAGES_MAX;
                Message::Got(self.list(IDS_MAX, |from| from.got(&mut pages_left))?)
            }
            10 => Message::PagesAre(self.list(PAGES_MAX, |from| from.slice(PAGE_BYTES_MAX))?),
            11 => {
                // Who reads it in a terminal is not to be fooled by it.
                let reason = self.text(REASON_CHARS_MAX * 4)?;
                let plain = |c: char| if c.is_control() { ' ' } else { c };
                Message::Refused(reason.chars().take(REASON_CHARS_MAX).map(plain).collect())
            }
            _ => return None,
        })
    }

    fn hello(&mut self) -> Option<Hello> {
        if self.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let version = u16::from_be_bytes(self.array()?);
        let flags = self.byte()?;
        Some(Hello {
            version,
            sends: flags & 1 != 0,
            receives: flags & 2 != 0,
        })
    }

    fn named(&mut self) -> Option<Named> {
        Some(Named {
            kind: self.kind()?,
            id: self.id()?,
            name: self.text(crate::PATH_BYTES_MAX)?,
        })
    }

    fn want(&mut self) -> Option<Want> {
        let id = self.id()?;
        let with = match self.byte()? {
            0 => With::Nothing,
            1 => With::Root,
            2 => With::Pages,
            _ => return None,
        };
        Some(Want { id, with })
    }

    fn got(&mut self, pages_left: &mut usize) -> Option<Got> {
        let got = Got {
            signed: self.slice(PAGE_BYTES_MAX)?,
            count: self.number()?,
            weight: self.number()?,
            pages: self.list(*pages_left, |from| from.slice(PAGE_BYTES_MAX))?,
        };
        *pages_left -= got.pages.len();
        Some(got)
    }

    fn place(&mut self) -> Option<Place> {
        let part = match self.byte()? {
            0 => Part::Tree,
            1 => Part::Blob,
            2 => Part::Chunk(self.short()?),
            _ => return None,
        };
        let path = self.slice(crate::PATH_BYTES_MAX)?.to_vec();
        Some(Place { path, part })
    }

    fn kind(&mut self) -> Option<Kind> {
        match self.byte()? {
            0 => Some(Kind::Branch),
            1 => Some(Kind::Tag),
            _ => None,
        }
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn id(&mut self) -> Option<CommitId> {
        self.array().map(Hash::from_bytes).map(CommitId::new)
    }

    fn text(&mut self, bytes_max: usize) -> Option<String> {
        let text = self.slice(bytes_max)?;
        str::from_utf8(&text).ok().map(str::to_owned)
    }

    /// No room is made for what is said to come, but for what has come.
    fn list<T>(
        &mut self,
        count_max: usize,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count = self.short()? as usize;
        if count > count_max {
            return None;
        }
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(read(self)?);
        }
        Some(items)
    }

    /// Shares the memory of the message.
    fn slice(&mut self, bytes_max: usize) -> Option<Bytes> {
        let count = self.short()? as usize;
        if count > bytes_max {
            return None;
        }
        let start = self.at;
        self.take(count)?;
        Some(self.bytes.slice(start..self.at))
    }

    fn short(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }
}
