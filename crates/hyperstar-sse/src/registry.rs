//! Who is connected, by topic and by key.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

use crate::stream::{CloseReason, SendError, Sender};

/// The bounds of a [`Registry`].
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// The most memberships over all topics.
    pub members_max: usize,
    /// The most topics that have members.
    pub topics_max: usize,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            members_max: 100_000,
            topics_max: 10_000,
        }
    }
}

/// Why a stream could not join.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// As many have joined as may.
    #[error("{0} memberships are taken; raise `RegistryConfig::members_max`")]
    Members(usize),
    /// There are as many topics as there may be.
    #[error("{0} topics have members; raise `RegistryConfig::topics_max`")]
    Topics(usize),
}

/// Streams by topic: broadcast to a topic, send to one key, see who is there.
///
/// Guarantees: a client that is slow or gone delays nobody, since sending never waits; one that has
/// ended is taken out by itself; a stream may be in many topics. `K` names clients: a user, a tab.
/// To send to a key costs its own streams, however many others there are. A member keeps its stream
/// open: dropping the senders ends it once the membership is dropped, too.
///
/// ```
/// use hyperstar_sse::{Encoding, Event, Registry, StreamConfig, stream};
///
/// let rooms: Registry<&str> = Registry::default();
/// let (ann, _body) = stream(&StreamConfig::default(), Encoding::Identity);
/// let membership = rooms.join("tea", "ann", &ann)?;
/// assert_eq!(rooms.broadcast_event("tea", Event::new().data("hello")), 1);
/// assert_eq!(rooms.keys("tea"), ["ann"]);
/// drop(membership);                       // leaves
/// assert_eq!(rooms.count("tea"), 0);
/// # Ok::<(), hyperstar_sse::JoinError>(())
/// ```
pub struct Registry<K> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    config: RegistryConfig,
    next: AtomicU64,
    state: Mutex<State<K>>,
}

struct State<K> {
    topics: HashMap<Arc<str>, HashMap<u64, Member<K>>>,
    /// The same members by key, so that to send to one does not look through all.
    keys: HashMap<K, HashMap<u64, Sender>>,
    members: usize,
}

struct Member<K> {
    key: K,
    sender: Sender,
}

/// A stream's place in a topic; dropping it leaves. A stream that ends leaves by itself.
#[must_use = "dropping a membership leaves the topic"]
pub struct Membership<K: Eq + Hash> {
    shared: Weak<Shared<K>>,
    topic: Arc<str>,
    id: u64,
    /// What takes the stream out when it ends; without it, one that changes rooms for days would
    /// gather them.
    hook: u64,
}

impl<K: Clone + Eq + Hash + Send + Sync + 'static> Registry<K> {
    /// A registry without members.
    pub fn new(config: RegistryConfig) -> Self {
        let state = State {
            topics: HashMap::new(),
            keys: HashMap::new(),
            members: 0,
        };
        Self {
            shared: Arc::new(Shared {
                config,
                next: AtomicU64::new(0),
                state: Mutex::new(state),
            }),
        }
    }

    /// Puts a stream into a topic. A key may be there more than once.
    ///
    /// # Errors
    /// [`JoinError`] if a bound is reached; the registry is as it was.
    pub fn join(&self, topic: &str, key: K, sender: &Sender) -> Result<Membership<K>, JoinError> {
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let topic: Arc<str> = topic.into();
        {
            let mut state = self.shared.lock();
            let config = &self.shared.config;
            if state.members >= config.members_max {
                return Err(JoinError::Members(config.members_max));
            }
            if !state.topics.contains_key(&topic) && state.topics.len() >= config.topics_max {
                return Err(JoinError::Topics(config.topics_max));
            }
            state.members += 1;
            let streams = state.keys.entry(key.clone()).or_default();
            streams.insert(id, sender.clone());
            let member = Member {
                key,
                sender: sender.clone(),
            };
            state
                .topics
                .entry(topic.clone())
                .or_default()
                .insert(id, member);
        }
        let (shared, ended) = (Arc::downgrade(&self.shared), topic.clone());
        let hook = sender.hook(move |_| {
            if let Some(shared) = shared.upgrade() {
                shared.leave(&ended, id);
            }
        });
        Ok(Membership {
            shared: Arc::downgrade(&self.shared),
            topic,
            id,
            hook,
        })
    }

    /// Shows a state to all of a topic: of several that a client did not take yet, it gets the last.
    /// Answers how many it was given to.
    pub fn broadcast(&self, topic: &str, frame: impl Into<Bytes>) -> usize {
        let frame = frame.into();
        self.senders(topic)
            .iter()
            .filter(|sender| sender.show(frame.clone()))
            .count()
    }

    /// Sends an event to all of a topic. A client whose queue is full is let go, since it would miss
    /// one. Answers how many it was queued for.
    pub fn broadcast_event(&self, topic: &str, event: impl Into<Bytes>) -> usize {
        let event = event.into();
        self.senders(topic)
            .iter()
            .filter(|sender| offer(sender, &event))
            .count()
    }

    /// Sends an event to a key, once for each of its streams, in whatever topics they are. Answers
    /// how many it was queued for.
    pub fn send_to(&self, key: &K, event: impl Into<Bytes>) -> usize {
        let event = event.into();
        let mut streams: Vec<Sender> = match self.shared.lock().keys.get(key) {
            Some(streams) => streams.values().cloned().collect(),
            None => return 0,
        };
        // One that is in several topics is there for each.
        streams.sort_by_key(Sender::address);
        streams.dedup_by(|one, other| one.is(other));
        streams
            .iter()
            .filter(|sender| offer(sender, &event))
            .count()
    }

    /// How many streams a topic has.
    pub fn count(&self, topic: &str) -> usize {
        self.shared.lock().topics.get(topic).map_or(0, HashMap::len)
    }

    /// The keys that are in a topic, each once, in no order.
    pub fn keys(&self, topic: &str) -> Vec<K> {
        let state = self.shared.lock();
        let mut keys: Vec<K> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for member in state
            .topics
            .get(topic)
            .into_iter()
            .flat_map(HashMap::values)
        {
            if seen.insert(&member.key) {
                keys.push(member.key.clone());
            }
        }
        keys
    }

    /// The topics that have members, in no order.
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.shared.lock().topics.keys().cloned().collect()
    }

    /// Lets those go that have taken nothing for too long. A publisher does so by itself; this is for
    /// topics that are silent for long. Answers how many are left.
    pub fn sweep(&self) -> usize {
        let all: Vec<Sender> = {
            let state = self.shared.lock();
            state
                .topics
                .values()
                .flat_map(HashMap::values)
                .map(|member| member.sender.clone())
                .collect()
        };
        all.iter().filter(|sender| !sender.sweep()).count()
    }

    /// Copied, so that no lock is held while clients are woken or leave.
    fn senders(&self, topic: &str) -> Vec<Sender> {
        let state = self.shared.lock();
        state
            .topics
            .get(topic)
            .into_iter()
            .flat_map(HashMap::values)
            .map(|member| member.sender.clone())
            .collect()
    }
}

fn offer(sender: &Sender, event: &Bytes) -> bool {
    match sender.event(event.clone()) {
        Ok(()) => true,
        Err(SendError::Full) => {
            sender.evict(CloseReason::Overflow);
            false
        }
        Err(SendError::Closed) => false,
    }
}

impl<K> Shared<K> {
    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Shared<K> {
    /// Answers the member, so that it is dropped after the lock is released.
    fn leave(&self, topic: &str, id: u64) -> Option<Member<K>> {
        let mut state = self.lock();
        let members = state.topics.get_mut(topic)?;
        let member = members.remove(&id)?;
        if members.is_empty() {
            state.topics.remove(topic);
        }
        state.members -= 1;
        if let Some(streams) = state.keys.get_mut(&member.key) {
            // The member holds the same stream, so this is not its last sender.
            streams.remove(&id);
            if streams.is_empty() {
                state.keys.remove(&member.key);
            }
        }
        Some(member)
    }
}

impl<K: Eq + Hash> Drop for Membership<K> {
    fn drop(&mut self) {
        let shared = self.shared.upgrade();
        if let Some(member) = shared.and_then(|shared| shared.leave(&self.topic, self.id)) {
            member.sender.unhook(self.hook);
        }
    }
}

impl<K: Clone + Eq + Hash + Send + Sync + 'static> Default for Registry<K> {
    fn default() -> Self {
        Self::new(RegistryConfig::default())
    }
}

impl<K> Clone for Registry<K> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<K> fmt::Debug for Registry<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Registry")
            .field("topics", &state.topics.len())
            .field("members", &state.members)
            .finish()
    }
}

impl<K: Eq + Hash> fmt::Debug for Membership<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Membership").field(&self.topic).finish()
    }
}
