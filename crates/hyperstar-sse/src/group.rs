//! A page that many watch: each of its frames is coded once, and the same bytes go to all.

#[cfg(debug_assertions)]
mod check;
pub(crate) mod codec;
mod cursor;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::Notify;

use crate::encoding::Encoding;
use crate::lanes::Seat;
use crate::meter::Meter;
use crate::stream::Shared;

pub use codec::Coding;
use codec::{Codecs, ENCODINGS, place};
pub(crate) use cursor::CannotCode;
pub use cursor::Cursor;

/// The most deltas kept for viewers that are some frames behind.
const DELTAS_MAX: usize = 16;

/// What the groups of a node share: encoders, the memory that they may keep, and what is counted.
///
/// Clones are the same. Encoders hold nothing between frames, so there are as many as code at the same
/// time, however many groups there are; what is kept for a group (its last deltas and its keys) counts
/// towards [`EncodersConfig::kept_bytes_max`], and what has not been used the longest goes first: it is
/// made anew when somebody needs it.
///
/// ```
/// use hyperstar_sse::{Encoders, EncodersConfig};
/// let encoders = Encoders::new(&EncodersConfig { kept_bytes_max: 1 << 20, ..Default::default() });
/// assert_eq!(encoders.kept_bytes(), 0);
/// ```
#[derive(Clone)]
pub struct Encoders {
    node: Arc<Node>,
}

struct Node {
    codecs: Codecs,
    meter: Arc<Meter>,
    /// For a moment less than nothing: what is kept is counted after it is there.
    kept_bytes: AtomicIsize,
    kept_bytes_max: usize,
    groups: Mutex<HashMap<u64, Weak<Inner>>>,
    /// Numbers groups, and uses of what they keep.
    clock: AtomicU64,
}

/// How [`Encoders`] are set up.
#[derive(Clone, Debug)]
pub struct EncodersConfig {
    /// Levels and history.
    pub coding: Coding,
    /// The most bytes of coded frames that all groups keep (64 MiB).
    pub kept_bytes_max: usize,
    /// Where what happens is counted.
    pub meter: Arc<Meter>,
}

impl Default for EncodersConfig {
    fn default() -> Self {
        Self {
            coding: Coding::default(),
            kept_bytes_max: 64 * 1024 * 1024,
            meter: Arc::default(),
        }
    }
}

impl Encoders {
    /// Encoders for any number of groups.
    pub fn new(config: &EncodersConfig) -> Self {
        Self {
            node: Arc::new(Node {
                codecs: Codecs::new(&config.coding),
                meter: config.meter.clone(),
                kept_bytes: AtomicIsize::new(0),
                kept_bytes_max: config.kept_bytes_max,
                groups: Mutex::default(),
                clock: AtomicU64::new(1),
            }),
        }
    }

    /// How many bytes of coded frames all groups keep now.
    pub fn kept_bytes(&self) -> usize {
        let kept = self.node.kept_bytes.load(Ordering::Relaxed);
        usize::try_from(kept).unwrap_or(0)
    }

    /// What has happened.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.node.meter
    }
}

impl Default for Encoders {
    fn default() -> Self {
        Self::new(&EncodersConfig::default())
    }
}

impl fmt::Debug for Encoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoders")
            .field("kept_bytes", &self.kept_bytes())
            .finish_non_exhaustive()
    }
}

impl Node {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts what a group keeps, and makes room if that is too much.
    fn keep(&self, more: usize, less: usize) {
        // Sizes of what is in memory, so both fit.
        let change = more as isize - less as isize;
        let kept = self.kept_bytes.fetch_add(change, Ordering::Relaxed) + change;
        let kept_bytes_max = isize::try_from(self.kept_bytes_max).unwrap_or(isize::MAX);
        if kept <= kept_bytes_max {
            return;
        }
        let mut groups: Vec<Arc<Inner>> = lock(&self.groups)
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        groups.sort_unstable_by_key(|group| group.used.load(Ordering::Relaxed));
        for group in groups {
            // A quarter less, so that not every frame has to look through all groups.
            if self.kept_bytes.load(Ordering::Relaxed) <= kept_bytes_max / 4 * 3 {
                break;
            }
            group.forget();
        }
    }
}

/// A page that many watch, as a stream of whole states (*frames*), of which the latest is what counts.
///
/// Each frame is coded once for each content encoding in use, as its difference to the frame before;
/// a client that comes, or that missed some, gets a *key*, which stands by itself and is made once
/// however many need it. Every client's stream is what a stock decoder of its encoding reads: shared
/// bytes in the middle of a stream of its own, whenever it joined.
///
/// Guarantees: a client that reads everything sees frames in order, none of them twice, and ends with
/// the last; one that is slow skips frames and never delays others.
///
/// ```
/// use hyperstar_sse::{Encoders, Encoding, Event, Group};
///
/// let group = Group::new(&Encoders::default());
/// group.publish(Event::new().data("<p>1</p>").encode());
/// // Without sockets: a cursor gives a client's bytes.
/// let mut early = group.join(Encoding::Identity);
/// assert_eq!(early.next().as_deref(), Some(&b"data: <p>1</p>\n\n"[..]));
/// assert_eq!(early.next(), None);
/// group.publish(Event::new().data("<p>2</p>").encode());
/// group.publish(Event::new().data("<p>3</p>").encode());
/// assert_eq!(early.next().as_deref(), Some(&b"data: <p>3</p>\n\n"[..]));
/// ```
///
/// [`Group::respond`] makes responses, as [`respond`](crate::respond) does.
///
/// # Design
/// Per-connection compression costs an encoder's time and memory for each client. Here both are per
/// frame: a frame is coded with its predecessor as the dictionary, so the encoder needs no memory of
/// the stream, and a decoder whose last bytes were that predecessor can read it.
#[derive(Clone)]
pub struct Group {
    inner: Arc<Inner>,
}

struct Inner {
    id: u64,
    node: Arc<Node>,
    /// The number of the last frame, to be looked at without the lock.
    seq: AtomicU64,
    /// When what is kept was last used.
    used: AtomicU64,
    /// Held while a frame is coded, so that frames follow each other.
    publishing: Mutex<()>,
    state: Mutex<State>,
    /// The last frame's keys by encoding; held while one is made, so that it is made once.
    keys: [Mutex<Option<(u64, Piece)>>; ENCODINGS.len()],
    audience: Mutex<Audience>,
    /// Told when a lane has offered the last frame to all of its clients.
    served: Notify,
}

#[derive(Default)]
struct State {
    /// Counts frames; zero before the first.
    seq: u64,
    frame: Piece,
    tag: Option<Arc<str>>,
    tracks: [Track; ENCODINGS.len()],
}

/// What there is of one encoding.
#[derive(Default)]
struct Track {
    cursors: usize,
    /// The last frames, each against the one before, without a gap up to the last.
    deltas: VecDeque<(u64, Piece)>,
    delta_bytes: usize,
}

/// Who is told of a new frame.
#[derive(Default)]
struct Audience {
    /// Bodies that a server polls, by address.
    bodies: HashMap<usize, Arc<Shared>>,
    /// Lanes that write to sockets themselves.
    seats: Vec<Arc<Seat>>,
}

/// Coded bytes, also as a chunk of HTTP/1.1.
#[derive(Clone, Default)]
pub(crate) struct Piece {
    chunk: Bytes,
    /// The length of the chunk's size line.
    head: u8,
}

impl Piece {
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length == 0 {
            // An empty chunk would end the answer.
            return Self::default();
        }
        let head = format!("{length:x}\r\n");
        let mut chunk = Vec::with_capacity(head.len() + length + 2);
        chunk.extend_from_slice(head.as_bytes());
        for part in parts {
            chunk.extend_from_slice(part);
        }
        chunk.extend_from_slice(b"\r\n");
        Self {
            chunk: chunk.into(),
            // At most sixteen digits and a line break.
            head: head.len() as u8,
        }
    }

    /// The bytes themselves.
    pub(crate) fn bytes(&self) -> Bytes {
        if self.is_empty() {
            return Bytes::new();
        }
        self.chunk
            .slice(usize::from(self.head)..self.chunk.len() - 2)
    }

    /// The bytes as a chunk (RFC 9112, 7.1); nothing if there are none.
    pub(crate) fn chunk(&self) -> &Bytes {
        &self.chunk
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunk.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.chunk.len().saturating_sub(usize::from(self.head) + 2)
    }
}

impl Group {
    /// A group without a frame yet.
    pub fn new(encoders: &Encoders) -> Self {
        let node = encoders.node.clone();
        let inner = Arc::new(Inner {
            id: node.tick(),
            node,
            seq: AtomicU64::new(0),
            used: AtomicU64::new(0),
            publishing: Mutex::default(),
            state: Mutex::default(),
            keys: Default::default(),
            audience: Mutex::default(),
            served: Notify::new(),
        });
        lock(&inner.node.groups).insert(inner.id, Arc::downgrade(&inner));
        Self { inner }
    }

    /// Sets what all clients are to see: complete events, so that it ends with an empty line. Answers
    /// its number, which counts from 1. It never waits for a client.
    pub fn publish(&self, frame: impl Into<Bytes>) -> u64 {
        self.set(&frame.into(), None)
    }

    /// As [`Group::publish`], with a name for what is shown: a client that joins
    /// [with it](Cursor::shows) is not sent what it has.
    pub fn publish_as(&self, frame: impl Into<Bytes>, tag: impl Into<Arc<str>>) -> u64 {
        self.set(&frame.into(), Some(tag.into()))
    }

    fn set(&self, frame: &[u8], tag: Option<Arc<str>>) -> u64 {
        let inner = &*self.inner;
        let publishing = lock(&inner.publishing);
        let (before, in_use) = {
            let state = lock(&inner.state);
            let before = (state.seq > 0).then(|| state.frame.bytes());
            let in_use = |place: usize| state.tracks[place].cursors > 0;
            (before, std::array::from_fn::<bool, 4, _>(in_use))
        };
        // Coded without the lock: who joins meanwhile gets the frame before, and then this one.
        let mut deltas: [Option<Piece>; ENCODINGS.len()] = Default::default();
        for (encoding, delta) in ENCODINGS.into_iter().zip(&mut deltas).skip(1) {
            if let Some(before) = &before
                && in_use[place(encoding)]
            {
                *delta = inner.delta(encoding, frame, before);
                inner.node.meter.deltas.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (mut more, mut less) = (0, 0);
        let seq = {
            let mut state = lock(&inner.state);
            state.seq += 1;
            let seq = state.seq;
            state.frame = Piece::of(&[frame]);
            state.tag = tag;
            for (track, delta) in state.tracks.iter_mut().zip(deltas) {
                let kept = track.delta_bytes;
                track.push(seq, delta, frame.len());
                more += track.delta_bytes.saturating_sub(kept);
                less += kept.saturating_sub(track.delta_bytes);
            }
            inner.seq.store(seq, Ordering::Release);
            seq
        };
        drop(publishing);
        inner.used.store(inner.node.tick(), Ordering::Relaxed);
        let identity = inner.node.meter.of(Encoding::Identity);
        identity.frame_bytes.record(frame.len() as u64);
        inner.node.keep(more, less);
        self.tell();
        seq
    }

    /// The number of the last frame; zero before the first.
    pub fn seq(&self) -> u64 {
        self.inner.seq.load(Ordering::Acquire)
    }

    /// A client's place in the frames. It holds no socket: what it gives out is to be written in
    /// that order and completely, and nothing else.
    pub fn join(&self, encoding: Encoding) -> Cursor {
        lock(&self.inner.state).tracks[place(encoding)].cursors += 1;
        Cursor::new(self, encoding)
    }

    /// How many cursors there are.
    pub fn clients(&self) -> usize {
        let state = lock(&self.inner.state);
        state.tracks.iter().map(|track| track.cursors).sum()
    }

    /// Waits until the last frame has been offered to all clients whose sockets this crate
    /// [writes to itself](crate::Lanes): a publisher that waits for it never outruns the machine.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn served(&self) {
        loop {
            let mut told = std::pin::pin!(self.inner.served.notified());
            // Listened for before it is looked at, so that no word is lost.
            told.as_mut().enable();
            let is_busy = |seat: &Arc<Seat>| seat.is_busy();
            if !lock(&self.inner.audience).seats.iter().any(is_busy) {
                return;
            }
            told.await;
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.inner.id
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.inner.node.meter
    }

    pub(crate) fn mark_served(&self) {
        self.inner.served.notify_waiters();
    }

    /// Tells `body` of frames from now on.
    pub(crate) fn watch(&self, body: &Arc<Shared>) {
        let mut audience = lock(&self.inner.audience);
        audience.bodies.insert(body.address(), body.clone());
    }

    pub(crate) fn unwatch(&self, body: &Arc<Shared>) {
        // Dropped without the lock.
        let _body = lock(&self.inner.audience).bodies.remove(&body.address());
    }

    pub(crate) fn seat(&self, seat: Arc<Seat>) {
        lock(&self.inner.audience).seats.push(seat);
    }

    pub(crate) fn unseat(&self, seat: &Arc<Seat>) {
        let mut audience = lock(&self.inner.audience);
        audience.seats.retain(|other| !Arc::ptr_eq(other, seat));
        drop(audience);
        self.mark_served();
    }

    fn tell(&self) {
        let (bodies, seats) = {
            let audience = lock(&self.inner.audience);
            let bodies: Vec<Arc<Shared>> = audience.bodies.values().cloned().collect();
            (bodies, audience.seats.clone())
        };
        for seat in seats {
            seat.published();
        }
        for body in bodies {
            body.offer();
        }
    }

    /// The last frame for those who have the one before: its number, and its delta by encoding.
    pub(crate) fn latest(&self) -> (u64, [Option<Piece>; ENCODINGS.len()]) {
        let state = lock(&self.inner.state);
        let mut deltas: [Option<Piece>; ENCODINGS.len()] = Default::default();
        for (track, delta) in state.tracks.iter().zip(&mut deltas) {
            *delta = track.deltas.back().map(|(_, delta)| delta.clone());
        }
        deltas[place(Encoding::Identity)] = Some(state.frame.clone());
        (state.seq, deltas)
    }
}

impl Inner {
    /// A frame against the one before.
    fn delta(&self, encoding: Encoding, frame: &[u8], before: &[u8]) -> Option<Piece> {
        let coded = self.coded(encoding, frame, Some(before))?;
        #[cfg(debug_assertions)]
        if !check::is_sampled(self.seq.load(Ordering::Relaxed)) {
        } else if let Err(reason) =
            check::delta(&self.node.codecs, encoding, before, frame, coded.bytes())
        {
            tracing::error!(
                ?encoding,
                reason,
                "a frame was coded wrongly; all get it by itself"
            );
            return None;
        }
        Some(coded)
    }

    fn coded(&self, encoding: Encoding, frame: &[u8], before: Option<&[u8]>) -> Option<Piece> {
        let began = Instant::now();
        match self.node.codecs.piece(encoding, frame, before) {
            Ok(coded) => {
                let piece = Piece::of(&[codec::reset(encoding), &coded]);
                let meter = &self.node.meter;
                meter.encoded(encoding, piece.len(), began.elapsed());
                Some(piece)
            }
            Err(error) => {
                tracing::error!(?encoding, %error, "a frame could not be coded");
                None
            }
        }
    }

    /// The last frame by itself, for who can read any: its number, name and bytes.
    fn key(&self, encoding: Encoding) -> Option<(u64, Piece)> {
        let mut key = lock(&self.keys[place(encoding)]);
        let (seq, frame) = {
            let state = lock(&self.state);
            (state.seq, state.frame.clone())
        };
        if encoding == Encoding::Identity {
            return Some((seq, frame));
        }
        if let Some((made, piece)) = &*key
            && *made == seq
        {
            return Some((seq, piece.clone()));
        }
        let piece = self.coded(encoding, &frame.bytes(), None)?;
        self.node.meter.keys.fetch_add(1, Ordering::Relaxed);
        let old = key.replace((seq, piece.clone()));
        let less = old.as_ref().map_or(0, |(_, old)| old.len());
        drop(key);
        self.used.store(self.node.tick(), Ordering::Relaxed);
        self.node.keep(piece.len(), less);
        Some((seq, piece))
    }

    /// Drops what can be made anew.
    fn forget(&self) {
        let mut less = 0;
        for key in &self.keys {
            // One that is being made is in use.
            if let Ok(mut key) = key.try_lock() {
                less += key.take().map_or(0, |(_, key)| key.len());
            }
        }
        for track in &mut lock(&self.state).tracks {
            less += track.clear();
        }
        self.node
            .kept_bytes
            .fetch_sub(less as isize, Ordering::Relaxed);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.forget();
        lock(&self.node.groups).remove(&self.id);
    }
}

impl Track {
    fn push(&mut self, seq: u64, delta: Option<Piece>, frame_bytes: usize) {
        let Some(delta) = delta else {
            self.clear();
            return;
        };
        self.delta_bytes += delta.len();
        self.deltas.push_back((seq, delta));
        // What is more than this is not worth more than a key.
        let bytes_max = 1_024 + frame_bytes / 8;
        while self.deltas.len() > DELTAS_MAX
            || (self.delta_bytes > bytes_max && self.deltas.len() > 1)
        {
            if let Some((_, old)) = self.deltas.pop_front() {
                self.delta_bytes -= old.len();
            }
        }
    }

    fn clear(&mut self) -> usize {
        self.deltas.clear();
        std::mem::take(&mut self.delta_bytes)
    }

    /// What leads from one frame to the last, if it is all here.
    fn since(&self, seq: u64) -> Option<Piece> {
        let (first, _) = self.deltas.front()?;
        let skip = usize::try_from((seq + 1).checked_sub(*first)?).ok()?;
        match self.deltas.len().checked_sub(skip)? {
            0 => None,
            1 => self.deltas.back().map(|(_, delta)| delta.clone()),
            _ => {
                let deltas: Vec<Bytes> = self
                    .deltas
                    .iter()
                    .skip(skip)
                    .map(|(_, delta)| delta.bytes())
                    .collect();
                let deltas: Vec<&[u8]> = deltas.iter().map(|delta| &**delta).collect();
                Some(Piece::of(&deltas))
            }
        }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("seq", &self.seq())
            .field("clients", &self.clients())
            .finish_non_exhaustive()
    }
}

/// Locks, also after a holder panicked: what our locks guard is whole between statements.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
