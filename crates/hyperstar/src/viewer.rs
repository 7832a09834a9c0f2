//! Viewers: one open page each, also while its connection comes and goes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hyperstar_sse::{CloseReason, SendError, Sender};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::group::Group;
use crate::hub::{Hub, lock};
use crate::order::Order;
use crate::places::{Place, Places, TooMany};
use crate::session::Session;
use crate::view::Hook;
use crate::{Limits, Reply, places, scope};

/// How long a viewer's record outlives its last sign of life.
pub(crate) const FORGET_MS: u64 = 2 * 60 * 1_000;
/// The most values that one viewer keeps.
const STATE_KEYS_MAX: usize = 64;
/// The largest of them, as JSON.
const STATE_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Tells the page that what is on its screen is no frame: a private patch changed it. Datastar stores
/// an id as its line arrives, so it goes ahead of the patch.
const NO_FRAME: &[u8] = b"id: -\n\n";

/// One tab that shows a page of the app, from its first load until it is closed.
///
/// It survives reconnects. Its values are in memory and end two minutes after the tab does.
#[derive(Clone)]
pub struct Viewer {
    inner: Arc<Inner>,
}

struct Inner {
    id: String,
    number: u64,
    topic: String,
    session: Session,
    hub: Hub,
    order: Order,
    state: Mutex<BTreeMap<String, serde_json::Value>>,
    line: Mutex<Line>,
}

/// The way to the tab, while there is one.
struct Line {
    stream: Option<Stream>,
    /// Counts streams, so that the end of an old one does not end its successor.
    streams: u64,
    /// The page whose view was told that this viewer is here.
    announced: Option<Announced>,
    seen: Instant,
}

/// A page, and what to call when a viewer is no longer there.
struct Announced {
    route: usize,
    on_leave: Option<Hook>,
}

/// What follows from a new stream.
pub(crate) struct Connected {
    /// The stream's number.
    pub(crate) number: u64,
    /// The viewer is new to its view.
    pub(crate) is_new: bool,
    /// What to call since it has left another page for this one.
    pub(crate) on_leave: Option<Hook>,
}

struct Stream {
    sender: Sender,
    group: Arc<Group>,
    member: u64,
}

impl Viewer {
    fn new(id: String, session: Session, hub: Hub) -> Self {
        let number = hub.next_id();
        let topic = format!("viewer:{number}");
        let line = Line {
            stream: None,
            streams: 0,
            announced: None,
            seen: Instant::now(),
        };
        Self {
            inner: Arc::new(Inner {
                id,
                number,
                topic,
                session,
                hub,
                order: Order::default(),
                state: Mutex::default(),
                line: Mutex::new(line),
            }),
        }
    }

    /// Which tab it is; unique within its session.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// Whose browser it is in.
    pub fn session(&self) -> &Session {
        &self.inner.session
    }

    /// A value of this tab. One of another type than `T` reads as `None`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        scope::read(&self.inner.topic);
        let value = lock(&self.inner.state).get(key)?.clone();
        serde_json::from_value(value).ok()
    }

    /// Sets a value of this tab and renders its page again if it shows it. Answers whether it was
    /// kept: at most 64 values of at most 64 KiB of JSON each are.
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> bool {
        let fits = |value: &serde_json::Value| value.to_string().len() <= STATE_VALUE_BYTES_MAX;
        let Some(value) = serde_json::to_value(value).ok().filter(fits) else {
            return false;
        };
        {
            let mut state = lock(&self.inner.state);
            if state.len() >= STATE_KEYS_MAX && !state.contains_key(key) {
                return false;
            }
            state.insert(key.to_owned(), value);
        }
        self.inner.hub.notify(&self.inner.topic);
        true
    }

    /// Whether the tab has a stream now.
    pub fn is_connected(&self) -> bool {
        lock(&self.inner.line).stream.is_some()
    }

    /// Sends events to this tab alone, in order. Answers whether they were queued; they are not if
    /// the tab is away. A tab whose queue is full is let go, and comes back with the page as it
    /// is then.
    pub fn send(&self, reply: Reply) -> bool {
        let patches = reply.patches();
        let Ok(bytes) = reply.into_bytes() else {
            return false;
        };
        let line = lock(&self.inner.line);
        let Some(stream) = &line.stream else {
            return false;
        };
        let sender = stream.sender.clone();
        drop(line);
        let sent = if patches {
            sender.disturb();
            self.event(&sender, Bytes::from([NO_FRAME, &bytes].concat()))
        } else {
            self.event(&sender, bytes)
        };
        sent.is_ok()
    }

    /// Notes that the answer to an action changes elements of the page.
    pub(crate) fn disturb(&self) {
        let line = lock(&self.inner.line);
        let Some(stream) = &line.stream else { return };
        let sender = stream.sender.clone();
        drop(line);
        sender.disturb();
        // A full queue lets the viewer go, which resets the page as well.
        let _ = self.event(&sender, Bytes::from_static(NO_FRAME));
    }

    fn event(&self, sender: &Sender, bytes: Bytes) -> Result<(), SendError> {
        let sent = sender.event(bytes);
        if matches!(sent, Err(SendError::Full)) {
            // A page that misses an event is wrong without knowing it. Better it starts again.
            sender.evict(CloseReason::Overflow);
        }
        sent
    }

    pub(crate) fn order(&self) -> &Order {
        &self.inner.order
    }

    pub(crate) fn touch(&self) {
        lock(&self.inner.line).seen = Instant::now();
    }

    /// Puts a new stream, of the page with this number, in place of the old one, which ends.
    pub(crate) fn connect(
        &self,
        sender: Sender,
        group: Arc<Group>,
        member: u64,
        route: usize,
        on_leave: Option<Hook>,
    ) -> Connected {
        let mut line = lock(&self.inner.line);
        line.streams += 1;
        let number = line.streams;
        let old = line.stream.replace(Stream {
            sender,
            group,
            member,
        });
        let before = line.announced.replace(Announced { route, on_leave });
        drop(line);
        if let Some(old) = old {
            old.group.leave(old.member);
            old.sender.close();
        }
        let is_new = before.as_ref().is_none_or(|before| before.route != route);
        Connected {
            number,
            is_new,
            on_leave: before.filter(|_| is_new).and_then(|before| before.on_leave),
        }
    }

    /// Notes that a stream has ended; answers whether it was the viewer's current one.
    pub(crate) fn disconnect(&self, number: u64) -> bool {
        let mut line = lock(&self.inner.line);
        line.seen = Instant::now();
        if line.streams != number {
            return false;
        }
        let old = line.stream.take();
        drop(line);
        if let Some(old) = old {
            old.group.leave(old.member);
        }
        true
    }

    /// Answers whether the viewer is gone for good: it had `number` as its last stream and has none
    /// now. Says so only once.
    pub(crate) fn has_left(&self, number: u64) -> bool {
        let mut line = lock(&self.inner.line);
        line.stream.is_none() && line.streams == number && line.announced.take().is_some()
    }

    /// The way to the tab, while there is one.
    pub(crate) fn sender(&self) -> Option<Sender> {
        let line = lock(&self.inner.line);
        line.stream.as_ref().map(|stream| stream.sender.clone())
    }

    pub(crate) fn close(&self) {
        if let Some(sender) = self.sender() {
            sender.close();
        }
    }

    /// Since when it has had neither a stream nor an action; `None` while it has.
    fn away_since(&self) -> Option<Instant> {
        let line = lock(&self.inner.line);
        (line.stream.is_none() && self.inner.order.is_idle()).then_some(line.seen)
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        let patience = Duration::from_millis(FORGET_MS);
        self.away_since()
            .is_some_and(|since| now.duration_since(since) > patience)
    }
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Viewer({})", self.inner.id)
    }
}

/// All viewers of an app.
pub(crate) struct Viewers {
    known: Mutex<HashMap<(String, String), Viewer>>,
    places: Arc<Places>,
    known_max: usize,
}

impl Viewers {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            known: Mutex::default(),
            places: Places::new(limits),
            // Tabs that are away for a moment are remembered beside those that are here.
            known_max: limits.streams_max.saturating_mul(2),
        }
    }

    /// The viewer of a tab, made if it is new.
    pub(crate) fn of(&self, session: &Session, tab: &str, hub: &Hub) -> Result<Viewer, TooMany> {
        let key = (session.id().to_owned(), tab.to_owned());
        let mut known = lock(&self.known);
        if let Some(viewer) = known.get(&key) {
            return Ok(viewer.clone());
        }
        if known.len() >= self.known_max {
            Self::forget_oldest(&mut known);
            if known.len() >= self.known_max {
                return Err(TooMany::Streams);
            }
        }
        let viewer = Viewer::new(tab.to_owned(), session.clone(), hub.clone());
        known.insert(key, viewer.clone());
        Ok(viewer)
    }

    /// A viewer that is not remembered: nothing reaches it.
    pub(crate) fn passing(session: &Session, tab: &str, hub: &Hub) -> Viewer {
        Viewer::new(tab.to_owned(), session.clone(), hub.clone())
    }

    /// Takes a place for a stream of a viewer; it is given back when the guard is dropped.
    pub(crate) fn enter(&self, viewer: &Viewer, address: Option<IpAddr>) -> Result<Place, TooMany> {
        let guest = places::Guest {
            tab: viewer.inner.number,
            session: viewer.session().id().to_owned(),
            address,
        };
        self.places.enter(guest, &viewer.inner.hub)
    }

    pub(crate) fn connected(&self) -> usize {
        self.places.taken()
    }

    /// Forgets who is gone, and lets go who has stalled while there was nothing new to send.
    pub(crate) fn sweep(&self) {
        Self::forget_old(&mut lock(&self.known));
        for sender in self.all().iter().filter_map(Viewer::sender) {
            sender.sweep();
        }
    }

    /// Ends all streams after what is queued, so that their pages connect again.
    pub(crate) fn close_all(&self) {
        self.all().iter().for_each(Viewer::close);
    }

    /// Everyone who is remembered.
    pub(crate) fn all(&self) -> Vec<Viewer> {
        lock(&self.known).values().cloned().collect()
    }

    fn forget_old(known: &mut HashMap<(String, String), Viewer>) {
        let now = Instant::now();
        known.retain(|_, viewer| !viewer.is_forgotten(now));
    }

    /// Makes room: those who are away make way for those who come, the longest away first.
    fn forget_oldest(known: &mut HashMap<(String, String), Viewer>) {
        let mut away: Vec<(Instant, (String, String))> = known
            .iter()
            .filter_map(|(key, viewer)| Some((viewer.away_since()?, key.clone())))
            .collect();
        away.sort_unstable_by_key(|(since, _)| *since);
        let enough = known.len() / 4 + 1;
        for (_, key) in away.into_iter().take(enough) {
            known.remove(&key);
        }
    }
}
