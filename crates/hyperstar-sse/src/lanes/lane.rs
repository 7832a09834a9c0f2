//! One lane: the task, and the connections that it owns.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use slab::Slab;
use tokio::io::ReadBuf;
use tokio::time::{Instant, Sleep};

use super::{Inbox, Io, Joined, Mail, Seat, Token};
use crate::body::{Live, Next};
use crate::encoding::Encoding;
use crate::group::codec::{ENCODINGS, place};
use crate::group::{Group, Piece, lock};
use crate::stream::CloseReason;

/// So many connections are written to before other groups have their turn.
const TURN: usize = 64;
/// So many turns, and other tasks have theirs.
const TURNS: usize = 2;
/// How often silent and stalled connections are looked for, at most.
const TICK: Duration = Duration::from_secs(1);
/// A client has asked for its stream; what it sends after that is thrown away, up to so many bytes.
const UNASKED_BYTES_MAX: usize = 1024 * 1024;
/// The chunk that ends an answer.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Starts a lane on this runtime.
pub(super) fn start() -> Arc<Inbox> {
    let inbox = Arc::new(Inbox::new());
    let kept = inbox.clone();
    tokio::spawn(async move {
        loop {
            let lane = Lane::new(kept.clone());
            // It yields by itself, after as much work as is good.
            let running = tokio::spawn(tokio::task::coop::unconstrained(lane.run()));
            match running.await {
                // Its clients come back by themselves, to one that works.
                Err(error) if error.is_panic() => {
                    tracing::error!("a lane panicked; another begins")
                }
                _ => return,
            }
        }
    });
    inbox
}

struct Lane {
    inbox: Arc<Inbox>,
    connections: Slab<Connection>,
    groups: HashMap<u64, Members>,
    /// Who comes.
    joined: VecDeque<Joined>,
    /// Those that something happened to.
    ready: VecDeque<u32>,
    passes: VecDeque<Pass>,
    tick: Duration,
    is_closed: bool,
}

/// The connections of one group.
struct Members {
    group: Group,
    seat: Arc<Seat>,
    list: Vec<u32>,
}

/// A frame on its way to the connections of one group, in a circle: one that is published meanwhile
/// goes out from where the last has come to, so that nobody is passed over.
struct Pass {
    group: u64,
    /// Who is next.
    next: usize,
    /// How many have not had the last frame.
    left: usize,
}

struct Connection {
    io: Box<dyn Io>,
    live: Live,
    token: Arc<Token>,
    waker: Waker,
    /// The rest of what is being written.
    out: Bytes,
    /// Written, but held back by the socket's own encoder, as that of TLS does.
    is_flushing: bool,
    /// The stream is over once `out` is written.
    is_ending: bool,
    /// Whether the stream knows that its client does not take what there is.
    is_blocked: bool,
    unasked: usize,
    /// When something was last written.
    last: Instant,
    /// Its group, and its place in the group's list.
    group: Option<(u64, usize)>,
    _guard: Box<dyn Any + Send>,
}

/// Why a connection is over.
type Over = CloseReason;

impl Lane {
    fn new(inbox: Arc<Inbox>) -> Self {
        Self {
            inbox,
            connections: Slab::new(),
            groups: HashMap::new(),
            joined: VecDeque::new(),
            ready: VecDeque::new(),
            passes: VecDeque::new(),
            tick: TICK,
            is_closed: false,
        }
    }

    async fn run(mut self) {
        let mut tick = Box::pin(tokio::time::sleep(self.tick));
        // Turns since other tasks had theirs.
        let mut turns = 0;
        loop {
            let mail = std::mem::take(&mut *lock(&self.inbox.mail));
            self.sort(mail);
            if !self.has_work() {
                if self.is_closed && self.connections.is_empty() {
                    return;
                }
                rest(&self.inbox, !self.connections.is_empty(), tick.as_mut()).await;
                turns = 0;
            } else {
                self.turn();
                turns += 1;
            }
            if tick.deadline() <= Instant::now() {
                self.look_around();
                tick.as_mut().reset(Instant::now() + self.tick);
            }
            if turns >= TURNS {
                // That of sockets that have something to say included.
                tokio::task::yield_now().await;
                turns = 0;
            }
        }
    }

    fn has_work(&self) -> bool {
        !(self.joined.is_empty() && self.ready.is_empty() && self.passes.is_empty())
    }

    /// Does some of what there is to do: no more of anything than others can wait for.
    fn turn(&mut self) {
        for _ in 0..self.joined.len().min(TURN) {
            if let Some(joined) = self.joined.pop_front() {
                self.join(joined);
            }
        }
        for _ in 0..self.ready.len().min(TURN) {
            let Some(number) = self.ready.pop_front() else {
                continue;
            };
            let Some(connection) = self.connections.get_mut(number as usize) else {
                continue;
            };
            // Before it is looked at: what happens from here on posts it again.
            connection.token.is_posted.store(false, Ordering::Release);
            if let Err(over) = connection.ready() {
                self.leave(number, over);
            }
        }
        if let Some(mut pass) = self.passes.pop_front()
            && !self.go_on(&mut pass)
        {
            self.passes.push_back(pass);
        }
    }

    fn sort(&mut self, mail: Mail) {
        self.is_closed |= mail.is_closed;
        self.joined.extend(mail.joined);
        self.ready.extend(mail.ready);
        for seat in mail.published {
            // In this order, as `Seat::is_busy` says. What is published from here on posts it again.
            seat.is_busy.store(true, Ordering::SeqCst);
            seat.is_posted.store(false, Ordering::SeqCst);
            let Some(members) = self.groups.get(&seat.group) else {
                continue;
            };
            let left = members.list.len();
            let mut passes = self.passes.iter_mut();
            match passes.find(|pass| pass.group == seat.group) {
                Some(pass) => pass.left = left,
                None => self.passes.push_back(Pass {
                    group: seat.group,
                    next: 0,
                    left,
                }),
            }
        }
    }

    fn join(&mut self, joined: Joined) {
        let entry = self.connections.vacant_entry();
        // As many as there are sockets, which have numbers of 32 bits.
        let number = entry.key() as u32;
        let (token, waker) = Token::waker(number, &self.inbox);
        let mut connection = Connection {
            io: joined.io,
            live: joined.live,
            token,
            waker,
            out: Bytes::new(),
            is_flushing: false,
            is_ending: false,
            is_blocked: false,
            unasked: 0,
            last: Instant::now(),
            group: None,
            _guard: joined._guard,
        };
        if let Some(keep_alive) = connection.live.keep_alive() {
            self.tick = self.tick.min(keep_alive / 4);
        }
        if let Some(cursor) = connection.live.cursor() {
            let group = cursor.group();
            let inbox = &self.inbox;
            let members = self.groups.entry(group.id()).or_insert_with(|| {
                let seat = Seat::new(group, inbox);
                group.seat(seat.clone());
                Members {
                    group: group.clone(),
                    seat,
                    list: Vec::new(),
                }
            });
            connection.group = Some((group.id(), members.list.len()));
            members.list.push(number);
            let id = group.id();
            // It stands in the circle of a pass that is on its way, and is not to take the turn of one
            // that comes after it.
            if let Some(pass) = self.passes.iter_mut().find(|pass| pass.group == id) {
                pass.left += 1;
            }
        }
        // From here on the lane hears of frames, so nothing is missed in between.
        connection.live.unwatch();
        let connection = entry.insert(connection);
        if let Err(over) = connection.ready() {
            self.leave(number, over);
        }
    }

    fn leave(&mut self, number: u32, over: Over) {
        let connection = self.connections.remove(number as usize);
        self.inbox.connections.fetch_sub(1, Ordering::Relaxed);
        if let Some((group, place)) = connection.group
            && let Some(members) = self.groups.get_mut(&group)
        {
            members.list.swap_remove(place);
            if let Some(moved) = members.list.get(place)
                && let Some(moved) = self.connections.get_mut(*moved as usize)
            {
                moved.group = Some((group, place));
                // A pass may have been here already, and not where it came from.
                moved.waker.wake_by_ref();
            }
            if members.list.is_empty()
                && let Some(members) = self.groups.remove(&group)
            {
                members.group.unseat(&members.seat);
            }
        }
        connection.live.shared().end(over);
        // What was put around its body is dropped with it, and is not ours.
        if catch_unwind(AssertUnwindSafe(|| drop(connection))).is_err() {
            tracing::error!("the body of a stream panicked when it was dropped");
        }
    }

    /// Writes a frame to some more of its viewers; answers whether all have had it.
    fn go_on(&mut self, pass: &mut Pass) -> bool {
        let Some(members) = self.groups.get(&pass.group) else {
            return true;
        };
        // Anew each time: those who are late in the pass get what is the last by then.
        let (seq, deltas) = members.group.latest();
        let mut sent = [0; ENCODINGS.len()];
        let mut over = Vec::new();
        let count = pass.left.min(members.list.len());
        for _ in 0..count.min(TURN) {
            if pass.next >= members.list.len() {
                // The circle begins anew, wherever the list ends by now.
                pass.next = 0;
            }
            let number = members.list[pass.next];
            pass.next += 1;
            let Some(connection) = self.connections.get_mut(number as usize) else {
                continue;
            };
            match connection.frame(seq, &deltas) {
                Ok(Some(encoding)) => sent[place(encoding)] += 1,
                Ok(None) => {}
                Err(reason) => over.push((number, reason)),
            }
        }
        for ((encoding, count), delta) in ENCODINGS.into_iter().zip(sent).zip(&deltas) {
            if let Some(delta) = delta {
                members.group.meter().of(encoding).sent(delta.len() * count);
            }
        }
        pass.left = count.saturating_sub(TURN);
        let is_done = pass.left == 0;
        let (group, seat) = (members.group.clone(), members.seat.clone());
        for (number, reason) in over {
            self.leave(number, reason);
        }
        if is_done {
            seat.is_busy.store(false, Ordering::SeqCst);
            group.mark_served();
        }
        is_done
    }

    /// Lets go who has stalled, and keeps silent streams alive.
    fn look_around(&mut self) {
        let now = Instant::now();
        let mut over = Vec::new();
        for (number, connection) in &mut self.connections {
            if let Err(reason) = connection.look(now) {
                over.push((number as u32, reason));
            }
        }
        for (number, reason) in over {
            self.leave(number, reason);
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let count = self.connections.len() + self.joined.len();
        self.inbox.connections.fetch_sub(count, Ordering::Relaxed);
        for members in self.groups.values() {
            members.group.unseat(&members.seat);
        }
    }
}

/// Waits for mail, or until it is time to look around if there is something to look at.
async fn rest(inbox: &Inbox, has_connections: bool, mut tick: Pin<&mut Sleep>) {
    let mut told = pin!(inbox.told.notified());
    poll_fn(|cx| {
        let is_told = told.as_mut().poll(cx).is_ready();
        let is_due = has_connections && tick.as_mut().poll(cx).is_ready();
        match is_told || is_due {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

impl Connection {
    /// Gives the client the frame `seq` if it can take it; answers the encoding if that was its delta.
    fn frame(
        &mut self,
        seq: u64,
        deltas: &[Option<Piece>; ENCODINGS.len()],
    ) -> Result<Option<Encoding>, Over> {
        if self.is_writing() || self.is_ending {
            // It goes on when its socket says so, with what is the last by then.
            return self.note(true).map(|()| None);
        }
        let Some(cursor) = self.live.cursor() else {
            return Ok(None);
        };
        let encoding = cursor.encoding();
        match &deltas[place(encoding)] {
            // One that was sent something of its own before the frame is to have that first.
            Some(delta) if cursor.takes(seq) && !self.token.is_posted.load(Ordering::Acquire) => {
                cursor.took();
                if !delta.is_empty() {
                    self.write(delta.chunk().clone())?;
                }
                Ok(Some(encoding))
            }
            _ => {
                self.go_on()?;
                Ok(None)
            }
        }
    }

    /// Something happened: the socket can be read or written, or the stream has something to say.
    fn ready(&mut self) -> Result<(), Over> {
        self.read()?;
        if let Some(reason) = self.live.shared().lock().closed()
            && !self.is_ending
        {
            return Err(reason);
        }
        if self.is_writing() {
            self.write(Bytes::new())?;
        }
        self.go_on()
    }

    /// Writes what the stream has to say until there is nothing, or the socket takes no more.
    fn go_on(&mut self) -> Result<(), Over> {
        while !self.is_writing() && !self.is_ending {
            let next = self.live.next(&self.waker);
            let piece = match next {
                Next::Idle => return self.note(false),
                Next::Piece(piece) => piece,
                Next::Bytes(bytes) => Piece::of(&[&bytes]),
                Next::Last(last) => {
                    self.is_ending = true;
                    let last = Piece::of(&[&last]);
                    self.write([last.chunk(), LAST_CHUNK].concat().into())?;
                    break;
                }
            };
            self.live.count(piece.len());
            self.write(piece.chunk().clone())?;
        }
        if self.is_ending && !self.is_writing() {
            let mut cx = Context::from_waker(&self.waker);
            // Whether or not the other side is told in full, the connection is over.
            let _ = Pin::new(&mut *self.io).poll_shutdown(&mut cx);
            return Err(CloseReason::Ended);
        }
        self.note(self.is_writing())
    }

    fn is_writing(&self) -> bool {
        !self.out.is_empty() || self.is_flushing
    }

    /// Tells the stream whether its client is behind; that has an end.
    fn note(&mut self, is_blocked: bool) -> Result<(), Over> {
        if is_blocked || self.is_blocked {
            self.is_blocked = is_blocked;
            if self.live.shared().blocked(is_blocked) {
                return Err(CloseReason::Stalled);
            }
        }
        Ok(())
    }

    /// Writes as much as the socket takes, of what is left and then of `more`.
    fn write(&mut self, more: Bytes) -> Result<(), Over> {
        debug_assert!(self.out.is_empty() || more.is_empty());
        if self.out.is_empty() {
            self.out = more;
        }
        let mut cx = Context::from_waker(&self.waker);
        while !self.out.is_empty() {
            match Pin::new(&mut *self.io).poll_write(&mut cx, &self.out) {
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => return Err(CloseReason::Disconnected),
                Poll::Ready(Ok(count)) if count == self.out.len() => self.out = Bytes::new(),
                Poll::Ready(Ok(count)) => self.out = self.out.slice(count..),
                Poll::Pending => return Ok(()),
            }
        }
        self.last = Instant::now();
        self.is_flushing = match Pin::new(&mut *self.io).poll_flush(&mut cx) {
            Poll::Ready(Ok(())) => false,
            Poll::Ready(Err(_)) => return Err(CloseReason::Disconnected),
            Poll::Pending => true,
        };
        Ok(())
    }

    /// Throws away what the client sends, and notices when it is gone.
    fn read(&mut self) -> Result<(), Over> {
        let mut cx = Context::from_waker(&self.waker);
        let mut buffer = [std::mem::MaybeUninit::uninit(); 1_024];
        loop {
            let mut buffer = ReadBuf::uninit(&mut buffer);
            match Pin::new(&mut *self.io).poll_read(&mut cx, &mut buffer) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.unasked += buffer.filled().len();
                    if self.unasked > UNASKED_BYTES_MAX {
                        return Err(CloseReason::Disconnected);
                    }
                }
                Poll::Ready(_) => return Err(CloseReason::Disconnected),
            }
        }
    }

    fn look(&mut self, now: Instant) -> Result<(), Over> {
        if self.is_writing() {
            return self.note(true);
        }
        let silent = now.duration_since(self.last);
        if self.live.keep_alive().is_some_and(|every| silent >= every) {
            match self.live.beat() {
                Ok(Next::Bytes(beat)) => {
                    self.live.count(beat.len());
                    self.write(Piece::of(&[&beat]).chunk().clone())?;
                }
                _ => return Err(CloseReason::Ended),
            }
        }
        Ok(())
    }
}
