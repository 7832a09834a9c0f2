//! Sync: two stores give each other the commits that the other has not, over any byte stream.
//!
//! What is promised:
//! - **Only what is missing is sent.** A page of the tree that the other side has at the same place stays;
//!   so do the chunks of a large value that an edit left alone.
//! - **What was received is kept.** A sync that was cut off goes on where it stopped, at the next call.
//!   A commit is there whole or not at all, whatever happens.
//! - **Nobody is believed.** Each commit, page and chunk is checked against the hash that named it, each
//!   path and name against the rules, before it can be read. What does not fit is an error, after which
//!   the store is as it was before that message.
//! - **Memory is bounded**, whatever the sizes: about 16 MiB for messages and pages, and 200 bytes a missing
//!   commit. A branch that is checked out and moves is a [checkout](Store::checkout): all that is different
//!   there is one change for those who watch, and is in memory for as long.
//! - **Readers and writers go on.** A writer waits while one message (1 MiB) is written.
//!
//! ```
//! use hyperstar_store::Store;
//! use hyperstar_store::sync::{SyncError, SyncOptions};
//! # #[cfg(unix)]
//! use std::os::unix::net::UnixStream;
//!
//! # #[cfg(unix)] {
//! let (laptop, server) = (Store::memory(), Store::memory());
//! server.set("tea", "sencha")?;
//!
//! let (one, other) = UnixStream::pair()?; // or a `TcpStream`, or whatever reads and writes
//! let served = std::thread::spawn({
//!     let server = server.clone();
//!     move || server.serve_sync(other, &SyncOptions::default())
//! });
//! let options = SyncOptions { peer: "server".into(), ..Default::default() };
//! let synced = laptop.sync_with(one, &options, |_| ())?;
//! served.join().unwrap()?;
//!
//! assert_eq!(synced.received.commits, 1);
//! assert_eq!(laptop.get::<String>("tea")?.as_deref(), Some("sencha"));
//! assert_eq!(laptop.resolve("@server/main")?, server.head_id());
//! # }
//! # Ok::<(), SyncError>(())
//! ```
//!
//! # Names
//! For each branch `b` of the other store there is a branch `@peer/b` here that says where it was.
//! The branch `b` here is made if it is missing, and moves forward if it has nothing of its own. If both
//! have something, it stays: it is in [`Synced::parted`], and
//! `store.merge(store.resolve("@peer/b")?, ..)` and another sync bring them together. Tags are made if they
//! are missing, and never move. Branches that begin with `@` are told to no one.
//!
//! # What is kept
//! All that was received, until [`Store::compact`]: branches that follow another store keep the past from
//! going [by itself](crate::History). A sync in the midst of a compaction goes on; one that was
//! cut off before loses what it had of its last commit.
//!
//! Stores that keep the last commits only can sync for as long as they have a commit in common.
//! After that a branch that did nothing itself still moves on, across the gap; one that did has nothing
//! that it could be merged by. Keep as much as the longest time without a sync.
//!
//! # Security
//! The stream is neither encrypted nor authenticated: bring one that is, and decide who may speak.
//! Who may may read what [`SyncOptions::names`] lets through, and with [`SyncOptions::receives`]
//! move the branches here forward. Times, authors and messages of commits are what their writers said.
//! Set timeouts on the stream: who waits in the midst of a sync holds a thread, and the state that was.
//!
//! # Design
//! Pages are asked for by where they stand in the tree of a commit, not by their hash: a store finds them
//! without an index, and nobody can ask for what he was not told of. The sides take turns, so two
//! writes never wait for each other. A turn brings many commits, with what their first parents do not
//! have, or hundreds of pages; how many round trips it takes depends on the bytes, not on the number of
//! pages. Pages are written from the root down as they come, with ids for what they name, so what is
//! missing is found by walking them: nothing has to be remembered.

mod error;
mod intake;
mod message;
mod names;
mod paths;
mod receiver;
mod sender;
mod session;
#[cfg(test)]
mod tests;
mod walk;

use std::io::{self, Read, Write};

use bytes::Bytes;

pub use self::error::SyncError;
pub use self::message::MESSAGE_BYTES_MAX;
pub use self::session::{Next, Session};
use crate::{CommitId, Progress, Store, check_path, check_prefix};

/// What a sync may do. The same on both sides: each decides for its own store.
///
/// ```
/// use hyperstar_store::sync::SyncOptions;
///
/// let mirror = SyncOptions { peer: "origin".into(), sends: false, ..Default::default() };
/// # let _ = mirror;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncOptions {
    /// What the other store is called here: its branch `b` is followed by `@peer/b`. One segment of a
    /// path (`peer`).
    pub peer: String,
    /// Only branches and tags at or below this name are told and taken (`""`, all).
    pub names: String,
    /// Whether the other side may have what it lacks (yes).
    pub sends: bool,
    /// Whether to take what is missing here (yes).
    pub receives: bool,
    /// The most bytes of one session, in both directions (64 GiB).
    pub bytes_max: u64,
    /// The most missing commits of a branch or tag (100,000), each of which takes 200 bytes of memory.
    pub commits_max: u64,
    /// The most names of the other store (10,000).
    pub names_max: usize,
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            peer: "peer".to_owned(),
            names: String::new(),
            sends: true,
            receives: true,
            bytes_max: 64 * 1024 * 1024 * 1024,
            commits_max: 100_000,
            names_max: 10_000,
        }
    }
}

impl SyncOptions {
    fn check(&self) -> Result<(), SyncError> {
        let refuse = |option, value: &str, problem| {
            Err(SyncError::Option {
                option,
                value: value.to_owned(),
                problem,
            })
        };
        if check_path(&self.peer).is_err() || self.peer.contains('/') {
            return refuse(
                "peer",
                &self.peer,
                "it is to be one segment of a path, such as `server`",
            );
        }
        if check_prefix(&self.names).is_err() {
            return refuse(
                "names",
                &self.names,
                "it is to be empty, or the start of names",
            );
        }
        Ok(())
    }
}

/// What came of a sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Synced {
    /// Whether this side took what it lacked: it wanted to, and the other side let it.
    pub has_received: bool,
    /// Whether the other side took what it lacked.
    pub has_sent: bool,
    /// What came.
    pub received: Amount,
    /// What went.
    pub sent: Amount,
    /// The branches here that were made or moved forward.
    pub moved: Vec<Moved>,
    /// The branches on which both sides have something that the other has not.
    pub parted: Vec<Parted>,
    /// The tags that were made here.
    pub tags: Vec<String>,
    /// The tags that are of another commit here. They stay.
    pub other_tags: Vec<Parted>,
}

/// How much came or went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Amount {
    /// Commits.
    pub commits: u64,
    /// Pages of trees and of large values.
    pub pages: u64,
    /// Bytes of messages.
    pub bytes: u64,
}

/// A branch here that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moved {
    /// The branch.
    pub branch: String,
    /// Where it was; nothing if it is new.
    pub from: Option<CommitId>,
    /// Where it is now.
    pub to: CommitId,
}

/// A name that is of one commit here and of another there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parted {
    /// The branch or tag.
    pub name: String,
    /// The commit here.
    pub ours: CommitId,
    /// The commit there.
    pub theirs: CommitId,
}

impl Parted {
    fn new(name: &str, ours: CommitId, theirs: CommitId) -> Self {
        Self {
            name: name.to_owned(),
            ours,
            theirs,
        }
    }
}

/// # Sync
impl Store {
    /// Syncs with the store at the other end of `stream`, which is to [serve](Store::serve_sync): first it
    /// takes what is missing here, then the other side takes what is missing there. See
    /// [the module](crate::sync).
    ///
    /// It blocks until all is done. Over TCP, set `TCP_NODELAY` and timeouts. `progress` is called with
    /// each message.
    ///
    /// # Errors
    /// [`SyncError`]. What was received until then is kept, and not sent again the next time.
    pub fn sync_with(
        &self,
        stream: impl Read + Write,
        options: &SyncOptions,
        progress: impl FnMut(Progress),
    ) -> Result<Synced, SyncError> {
        let (session, first) = Session::lead(self, options)?;
        drive(session, stream, Some(first), progress)
    }

    /// Answers the store at the other end of `stream`, which [leads](Store::sync_with), until it is done.
    /// Set [`SyncOptions::receives`] to `false` to give without taking. Several can be served at once.
    ///
    /// # Errors
    /// As there.
    pub fn serve_sync(
        &self,
        stream: impl Read + Write,
        options: &SyncOptions,
    ) -> Result<Synced, SyncError> {
        drive(Session::serve(self, options)?, stream, None, |_| ())
    }
}

/// For `fuzz/fuzz_targets/pages.rs`: whether these bytes are a page of a tree with these totals.
#[doc(hidden)]
pub fn probe_page(bytes: &[u8], count: u64, weight: u64) -> bool {
    crate::tree::probe(bytes, count, weight)
}

/// Carries the messages of a session, each after its length in four bytes, the highest first.
fn drive(
    mut session: Session,
    mut stream: impl Read + Write,
    first: Option<Bytes>,
    mut progress: impl FnMut(Progress),
) -> Result<Synced, SyncError> {
    if let Some(first) = first {
        send(&mut stream, &first)?;
    }
    loop {
        let message = receive(&mut stream)?;
        let next = session.receive(message);
        progress(session.progress());
        match next {
            Ok(Next::Send(message)) => send(&mut stream, &message)?,
            Ok(Next::End(last)) => {
                if let Some(last) = last {
                    send(&mut stream, &last)?;
                }
                return Ok(session.synced().clone());
            }
            Err(error) => {
                // Whether it still listens does not matter.
                if !matches!(error, SyncError::Refused { .. }) {
                    let _ = send(&mut stream, &Session::refusal(&error));
                }
                return Err(error);
            }
        }
    }
}

fn send(stream: &mut impl Write, message: &Bytes) -> io::Result<()> {
    // In one piece: a stream without a buffer may send each write by itself.
    let mut frame = Vec::with_capacity(4 + message.len());
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    stream.write_all(&frame)?;
    stream.flush()
}

fn receive(stream: &mut impl Read) -> Result<Bytes, SyncError> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MESSAGE_BYTES_MAX {
        return Err(SyncError::wrong(format!("a message of {length} bytes")));
    }
    // No room is made for what is said to come, but for what has come.
    let mut message = Vec::new();
    stream.take(length as u64).read_to_end(&mut message)?;
    match message.len() == length {
        true => Ok(message.into()),
        false => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    }
}
