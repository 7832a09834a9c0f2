//! Where one client is in what a group sends.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::codec::{self, place};
use super::{Group, Piece, lock};
use crate::encoding::Encoding;

/// One client's place in a [`Group`]: it says which bytes come next.
///
/// Guarantee: what it gave out so far, in that order and complete, is a stream of its encoding that a
/// stock decoder reads.
pub struct Cursor {
    group: Group,
    encoding: Encoding,
    /// The last frame that the client was given.
    seq: u64,
    /// Whether that frame is the last thing in the client's stream, so that deltas can follow.
    is_aligned: bool,
    is_open: bool,
    shown: Option<Arc<str>>,
}

impl Cursor {
    /// The group has counted it.
    pub(super) fn new(group: &Group, encoding: Encoding) -> Self {
        Self {
            group: group.clone(),
            encoding,
            seq: 0,
            is_aligned: false,
            is_open: false,
            shown: None,
        }
    }

    /// Says what the client shows already, by the name it was [published as](Group::publish_as): if
    /// that is what there is to show when it first looks, it gets nothing.
    #[must_use]
    pub fn shows(mut self, tag: Option<Arc<str>>) -> Self {
        self.shown = tag;
        self
    }

    /// What the client gets next to be up to date; nothing if it is. The first time it is the
    /// stream's header at least, if its encoding has one.
    #[expect(
        clippy::should_implement_trait,
        reason = "`None` is not the end: more may come"
    )]
    pub fn next(&mut self) -> Option<Bytes> {
        self.advance().ok()?.map(|piece| piece.bytes())
    }

    /// What this client alone gets: complete events. The frame after it is sent by itself, since what
    /// a client of its own was sent is nothing that others could refer to.
    pub fn private(&mut self, events: &[u8]) -> Bytes {
        match self.alone(events) {
            Ok(piece) => piece.bytes(),
            Err(CannotCode) => Bytes::new(),
        }
    }

    /// What shows that the stream is alive, and decodes to nothing, or to a comment without
    /// compression.
    pub fn heartbeat(&mut self) -> Bytes {
        match self.header() {
            header if header.is_empty() => Bytes::from_static(codec::beat(self.encoding)),
            header => Bytes::from([&header, codec::beat(self.encoding)].concat()),
        }
    }

    /// What ends the stream.
    pub fn finish(&mut self) -> Bytes {
        Bytes::from([&self.header(), codec::end(self.encoding)].concat())
    }

    /// How the stream is encoded.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The number of the last frame that the client was given; zero before the first.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    pub(crate) fn group(&self) -> &Group {
        &self.group
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Says that what the client shows is no frame any more.
    pub(crate) fn disturb(&mut self) {
        self.shown = None;
    }

    /// Whether the delta of `seq` is what comes next.
    pub(crate) fn takes(&self, seq: u64) -> bool {
        self.is_open
            && self.shown.is_none()
            && self.seq + 1 == seq
            && (self.is_aligned || self.encoding == Encoding::Identity)
    }

    /// Notes that the client was given the delta of its next frame.
    pub(crate) fn took(&mut self) {
        self.seq += 1;
        self.is_aligned = true;
    }

    fn header(&mut self) -> Vec<u8> {
        match std::mem::replace(&mut self.is_open, true) {
            true => Vec::new(),
            false => self.group.inner.node.codecs.header(self.encoding),
        }
    }

    pub(crate) fn advance(&mut self) -> Result<Option<Piece>, CannotCode> {
        let inner = self.group.inner.clone();
        let header = self.header();
        let mut is_behind = false;
        let piece = {
            let state = lock(&inner.state);
            if state.seq == self.seq {
                None
            } else if let Some(shown) = self.shown.take()
                && state.tag.as_ref() == Some(&shown)
            {
                self.seq = state.seq;
                self.is_aligned = false;
                None
            } else {
                let track = &state.tracks[place(self.encoding)];
                let delta = if self.encoding == Encoding::Identity {
                    Some(state.frame.clone())
                } else if self.is_aligned {
                    track.since(self.seq)
                } else {
                    None
                };
                is_behind = self.seq > 0 && state.seq > self.seq + 1;
                if delta.is_some() {
                    self.seq = state.seq;
                    is_behind &= self.encoding == Encoding::Identity;
                }
                Some(delta)
            }
        };
        let piece = match piece {
            None => None,
            Some(Some(delta)) => Some(delta),
            Some(None) => {
                let (seq, key) = inner.key(self.encoding).ok_or(CannotCode)?;
                self.seq = seq;
                self.is_aligned = true;
                Some(key)
            }
        };
        if is_behind {
            inner.node.meter.resyncs.fetch_add(1, Ordering::Relaxed);
        }
        Ok(match piece {
            piece if header.is_empty() => piece.filter(|piece| !piece.is_empty()),
            None => Some(Piece::of(&[&header])),
            Some(piece) => Some(Piece::of(&[&header, &piece.bytes()])),
        })
    }

    pub(crate) fn alone(&mut self, events: &[u8]) -> Result<Piece, CannotCode> {
        let header = self.header();
        let coded = self.group.inner.node.codecs.private(self.encoding, events);
        self.is_aligned = false;
        let coded = coded.map_err(|error| {
            tracing::error!(encoding = ?self.encoding, %error, "an event could not be coded");
            CannotCode
        })?;
        Ok(Piece::of(&[&header, &coded]))
    }
}

/// An encoder failed, which is our bug or its; the stream cannot go on.
#[derive(Debug)]
pub(crate) struct CannotCode;

impl Drop for Cursor {
    fn drop(&mut self) {
        let inner = &self.group.inner;
        let less = {
            let mut state = lock(&inner.state);
            let track = &mut state.tracks[place(self.encoding)];
            track.cursors -= 1;
            match track.cursors {
                // Nobody can go on from them.
                0 => track.clear(),
                _ => 0,
            }
        };
        inner.node.keep(0, less);
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor")
            .field("encoding", &self.encoding)
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}
