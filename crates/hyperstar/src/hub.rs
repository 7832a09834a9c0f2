//! The hub: who is told when something changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hyperstar_sse::{Histogram, Meter};
use hyperstar_store::{Store, Subscription};

use crate::live::Live;
use crate::scope;

/// Where changes are announced, and from where open pages learn of them.
///
/// Guarantees: a change announced before, during or after a render is never lost (whoever reads it
/// renders again until a render began after the last announcement); announcing never blocks on a
/// viewer, never renders on the caller's thread, and costs what is concerned, not what is open.
///
/// Topics are paths: announcing `rooms/tea` concerns whoever read `rooms/tea`, something below it
/// (`rooms/tea/messages`) or something above it (`rooms`).
///
/// ```
/// use hyperstar::Hub;
/// let hub = Hub::new();
/// hub.notify("rooms/tea");   // pages that read this topic (`cx.track("rooms/tea")`) render again
/// hub.notify_all();          // every page renders again; what did not change is not sent
/// ```
///
/// # Design
/// Most apps never call these: a [`Live`] value and a followed store announce what was written and
/// record what was read.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    index: Mutex<Index>,
    jobs: Mutex<Vec<Job>>,
    followed: Mutex<Vec<Subscription>>,
    ids: AtomicU64,
    stats: Counters,
    meter: Arc<Meter>,
    /// How long views ran, in nanoseconds.
    render_ns: Histogram,
}

/// Who depends on what.
#[derive(Default)]
struct Index {
    /// Counts announcements: a render that began at the same number has missed none.
    seq: u64,
    listeners: HashMap<u64, Listener>,
    by_topic: BTreeMap<Box<str>, BTreeSet<u64>>,
    /// Those that read nothing that was noted: anything may concern them.
    broad: BTreeSet<u64>,
}

struct Listener {
    wake: Weak<dyn Wake>,
    topics: BTreeSet<Box<str>>,
}

/// Whoever renders.
pub(crate) trait Wake: Send + Sync {
    /// Something that was read has changed. Must return at once and may not call the hub.
    fn wake(&self);
}

/// Work that a served app does by itself.
pub(crate) struct Job {
    pub(crate) every: Duration,
    pub(crate) run: Box<dyn FnMut() + Send>,
}

/// What is announced when a path of a store changes.
pub(crate) fn store_topic(store: u64, path: &str) -> String {
    if path.is_empty() {
        format!("store:{store}")
    } else {
        format!("store:{store}/{path}")
    }
}

/// What is never announced: stands for the past of a store, which does not change. Who read nothing
/// else would otherwise be taken for one of whom nothing is known.
pub(crate) fn past_topic(store: u64) -> String {
    format!("past:{store}")
}

impl Hub {
    /// A hub with nobody listening.
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                index: Mutex::default(),
                jobs: Mutex::default(),
                followed: Mutex::default(),
                ids: AtomicU64::new(1),
                stats: Counters::default(),
                meter: Arc::default(),
                render_ns: Histogram::new(),
            }),
        }
    }

    /// A value that pages read and actions change: reading it in a render makes that page depend on
    /// it, changing it renders those pages again.
    pub fn live<T: Send + Sync + 'static>(&self, value: T) -> Live<T> {
        Live::new(self.clone(), value)
    }

    /// Says that `topic` changed.
    pub fn notify(&self, topic: &str) {
        self.notify_each([topic]);
    }

    /// Says that all of these changed, at once: a page that reads several renders once.
    fn notify_each(&self, topics: impl IntoIterator<Item = impl AsRef<str>>) {
        scope::announce();
        let wakers = {
            let mut index = self.index();
            index.seq += 1;
            let mut concerned = index.broad.clone();
            for topic in topics {
                index.add_readers(topic.as_ref(), &mut concerned);
            }
            index.wakers(concerned.iter())
        };
        wakers.iter().for_each(|listener| listener.wake());
    }

    /// Says that `topic` changed to whoever read it by this name, and to nobody else: for a topic of
    /// our own that changes by the clock. Pages that read nothing would render at each tick otherwise.
    pub(crate) fn notify_readers(&self, topic: &str) {
        let wakers = {
            let mut index = self.index();
            let Some(ids) = index.by_topic.get(topic) else {
                return;
            };
            let wakers = index.wakers(ids.iter());
            index.seq += 1;
            wakers
        };
        wakers.iter().for_each(|listener| listener.wake());
    }

    /// Says that anything may have changed. Pages that come out the same are not sent.
    pub fn notify_all(&self) {
        scope::announce();
        let wakers = {
            let mut index = self.index();
            index.seq += 1;
            index.wakers(index.listeners.keys())
        };
        wakers.iter().for_each(|listener| listener.wake());
    }

    /// Announces every commit of `store` from now on, path by path. Reads of the store in a render
    /// are recorded, so a commit renders exactly the pages that read what it wrote. What a page reads of
    /// the past ([`Store::at`]) never renders it again.
    pub fn follow(&self, store: &Store) {
        let inner = Arc::downgrade(&self.inner);
        let id = store.id().as_u64();
        let subscription = store.on_commit(move |commit| {
            let Some(inner) = inner.upgrade() else { return };
            let hub = Hub { inner };
            if !commit.changes.is_empty() {
                let changes = commit.changes.iter();
                hub.notify_each(changes.map(|change| store_topic(id, &change.path)));
            }
        });
        lock(&self.inner.followed).push(subscription);
    }

    /// Runs `work` again and again while an app on this hub is served, `interval` apart. A tick that
    /// comes late is not made up for. `work` must be short: it runs on the server's threads.
    pub fn every(&self, interval: Duration, work: impl FnMut() + Send + 'static) {
        lock(&self.inner.jobs).push(Job {
            every: interval,
            run: Box::new(work),
        });
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        self.inner.stats.read(&self.inner.meter)
    }

    /// What the streams of this hub count into.
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.inner.meter
    }

    /// How long views ran, in nanoseconds.
    pub(crate) fn render_ns(&self) -> &Histogram {
        &self.inner.render_ns
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.inner.stats
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.inner.ids.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn take_jobs(&self) -> Vec<Job> {
        std::mem::take(&mut *lock(&self.inner.jobs))
    }

    /// Adds a listener that everything concerns, until [`Hub::depend`] says what it read.
    pub(crate) fn listen(&self, id: u64, wake: Weak<dyn Wake>) {
        let mut index = self.index();
        index.listeners.insert(
            id,
            Listener {
                wake,
                topics: BTreeSet::new(),
            },
        );
        index.broad.insert(id);
    }

    pub(crate) fn forget(&self, id: u64) {
        let mut index = self.index();
        index.unlink(id);
        index.listeners.remove(&id);
    }

    /// The number of the last announcement; taken before a render, given to [`Hub::depend`] after.
    pub(crate) fn seq(&self) -> u64 {
        self.index().seq
    }

    /// Says what a listener's last render read. Answers whether a change of something newly read may
    /// have been announced since `seq`, when nobody knew that it concerns this listener.
    pub(crate) fn depend(&self, id: u64, topics: BTreeSet<Box<str>>, seq: u64) -> bool {
        let mut index = self.index();
        let Some(listener) = index.listeners.get(&id) else {
            return false;
        };
        if listener.topics == topics {
            return false;
        }
        // A listener without topics hears everything, so it cannot have missed anything.
        let was_broad = listener.topics.is_empty();
        let reads_more = !topics.is_subset(&listener.topics);
        index.unlink(id);
        if topics.is_empty() {
            index.broad.insert(id);
        }
        for topic in &topics {
            index.by_topic.entry(topic.clone()).or_default().insert(id);
        }
        let missed = !was_broad && reads_more && index.seq != seq;
        if let Some(listener) = index.listeners.get_mut(&id) {
            listener.topics = topics;
        }
        missed
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.inner.index)
    }
}

impl Index {
    /// Adds those that read a topic, what is above it or what is below.
    fn add_readers(&self, topic: &str, concerned: &mut BTreeSet<u64>) {
        for (end, _) in topic.match_indices('/').chain([(topic.len(), "")]) {
            if let Some(ids) = self.by_topic.get(&topic[..end]) {
                concerned.extend(ids);
            }
        }
        let below = format!("{topic}/");
        let range = (Bound::Included(below.as_str()), Bound::Unbounded);
        for (other, ids) in self.by_topic.range::<str, _>(range) {
            if !other.starts_with(&below) {
                break;
            }
            concerned.extend(ids);
        }
    }

    fn wakers<'a>(&self, ids: impl Iterator<Item = &'a u64>) -> Vec<Arc<dyn Wake>> {
        ids.filter_map(|id| self.listeners.get(id)?.wake.upgrade())
            .collect()
    }

    fn unlink(&mut self, id: u64) {
        self.broad.remove(&id);
        let Some(listener) = self.listeners.get_mut(&id) else {
            return;
        };
        for topic in std::mem::take(&mut listener.topics) {
            if let Some(ids) = self.by_topic.get_mut(&topic) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_topic.remove(&topic);
                }
            }
        }
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Locks, also after a holder panicked: what our locks guard is whole between statements.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counts since the hub was made, over all apps on it.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
            /// Frames encoded as a change to the one before, once for each encoding.
            pub deltas: u64,
            /// Frames encoded whole, on which any viewer can start, once for each encoding.
            pub keys: u64,
            /// Viewers that were behind and were given a whole frame.
            pub resyncs: u64,
            /// Bytes given to connections, as they were encoded.
            pub sent_bytes: u64,
        }

        #[derive(Default)]
        pub(crate) struct Counters { $(pub(crate) $name: AtomicU64),* }

        impl Counters {
            fn read(&self, meter: &Meter) -> Stats {
                Stats {
                    $($name: self.$name.load(Ordering::Relaxed),)*
                    deltas: meter.deltas.load(Ordering::Relaxed),
                    keys: meter.keys.load(Ordering::Relaxed),
                    resyncs: meter.resyncs.load(Ordering::Relaxed),
                    sent_bytes: meter.sent_bytes(),
                }
            }
        }
    };
}

stats! {
    /// Streams open now.
    viewers,
    /// Groups of viewers that share a page now.
    groups,
    /// Times a view ran.
    renders,
    /// Times a page was hashed: once a render that changed it.
    hashes,
    /// Renders whose result was what is on screen already.
    unchanged,
    /// Frames handed to viewers: a render's result counts once for each viewer that needs it.
    frames,
    /// Actions that ran.
    actions,
    /// Actions that came again and were answered from memory.
    actions_repeated,
    /// Viewers let go because they took nothing for too long.
    stalled,
    /// Viewers let go because their one-shot events did not fit their queue.
    overflowed,
    /// Streams and actions refused because a limit was reached.
    refused,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn sub(counter: &AtomicU64, n: u64) {
        counter.fetch_sub(n, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Probe(AtomicU64);
    impl Wake for Probe {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn topics(names: &[&str]) -> BTreeSet<Box<str>> {
        names.iter().map(|name| (*name).into()).collect()
    }

    #[test]
    fn an_announcement_concerns_its_path_what_is_above_and_what_is_below() {
        let hub = Hub::new();
        let reads = [
            "rooms",
            "rooms/tea",
            "rooms/tea/1",
            "rooms/teapot",
            "todos",
            "",
        ];
        let probes: Vec<Arc<Probe>> = reads.iter().map(|_| Arc::default()).collect();
        for (n, (read, probe)) in reads.iter().zip(&probes).enumerate() {
            let wake: Arc<dyn Wake> = probe.clone();
            hub.listen(n as u64, Arc::downgrade(&wake));
            hub.depend(
                n as u64,
                if read.is_empty() {
                    BTreeSet::new()
                } else {
                    topics(&[read])
                },
                0,
            );
        }
        let check = |topic: &str, woken: &[&str]| {
            let before: Vec<u64> = probes.iter().map(|p| p.0.load(Ordering::Relaxed)).collect();
            hub.notify(topic);
            let got: Vec<&str> = (0..reads.len())
                .filter(|n| probes[*n].0.load(Ordering::Relaxed) > before[*n])
                .map(|n| reads[n])
                .collect();
            assert_eq!(got, woken, "after {topic}");
        };
        check("rooms/tea", &["rooms", "rooms/tea", "rooms/tea/1", ""]);
        check("rooms/tea/1", &["rooms", "rooms/tea", "rooms/tea/1", ""]);
        check(
            "rooms",
            &["rooms", "rooms/tea", "rooms/tea/1", "rooms/teapot", ""],
        );
        check("todos", &["todos", ""]);
        check("elsewhere", &[""]);
    }

    #[test]
    fn a_commit_wakes_whoever_read_any_of_it_once() {
        let (hub, store) = (Hub::new(), Store::memory());
        hub.follow(&store);
        let probe = Arc::<Probe>::default();
        let wake: Arc<dyn Wake> = probe.clone();
        hub.listen(0, Arc::downgrade(&wake));
        let read = ["a", "b"].map(|path| store_topic(store.id().as_u64(), path));
        hub.depend(0, topics(&[&read[0], &read[1]]), 0);
        let check = |paths: &[&str], woken: u64| {
            let before = probe.0.load(Ordering::Relaxed);
            let written =
                store.transaction(|tx| paths.iter().try_for_each(|path| tx.set(path, &before)));
            written.expect("a commit");
            assert_eq!(probe.0.load(Ordering::Relaxed) - before, woken, "{paths:?}");
        };
        check(&["a"], 1);
        check(&["b/1", "b/2", "a", "c"], 1);
        check(&["c"], 0);
        check(&[], 0);
    }

    #[test]
    fn what_is_newly_read_and_was_announced_meanwhile_is_rendered_again() {
        let hub = Hub::new();
        let probe: Arc<dyn Wake> = Arc::new(Probe::default());
        hub.listen(1, Arc::downgrade(&probe));
        let seq = hub.seq();
        hub.notify("b");
        assert!(
            !hub.depend(1, topics(&["a"]), seq),
            "it heard everything until now"
        );
        let seq = hub.seq();
        hub.notify("b");
        assert!(hub.depend(1, topics(&["a", "b"]), seq));
        let seq = hub.seq();
        hub.notify("b");
        assert!(!hub.depend(1, topics(&["a"]), seq), "nothing new was read");
        hub.forget(1);
        assert!(hub.index().by_topic.is_empty());
    }

    /// A view that reads `which`, and then the value that it names; stepped one read at a time.
    struct Model {
        hub: Hub,
        flag: Arc<Flag>,
        which: usize,
        values: [u32; 2],
        /// Where the render is: nothing, cleared, counted, read `which`, read the value, subscribed.
        at: usize,
        seq: u64,
        saw_which: usize,
        saw_value: u32,
        shown: (usize, u32),
    }

    #[derive(Default)]
    struct Flag(std::sync::atomic::AtomicBool);
    impl Wake for Flag {
        fn wake(&self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    impl Model {
        fn new() -> Self {
            let hub = Hub::new();
            let flag = Arc::new(Flag(true.into()));
            let wake: Arc<dyn Wake> = flag.clone();
            hub.listen(1, Arc::downgrade(&wake));
            let shown = (usize::MAX, 0);
            Self {
                hub,
                flag,
                which: 0,
                values: [0; 2],
                at: 0,
                seq: 0,
                saw_which: 0,
                saw_value: 0,
                shown,
            }
        }

        /// One step of the group's task, in the order of `Group::run` and `Group::render`; `false` if
        /// it sleeps.
        fn render_step(&mut self) -> bool {
            match self.at {
                0 if !self.flag.0.swap(false, Ordering::Relaxed) => return false,
                0 => {}
                1 => self.seq = self.hub.seq(),
                2 => self.saw_which = self.which,
                3 => self.saw_value = self.values[self.saw_which],
                4 => {
                    let read = topics(&["which", ["v/0", "v/1"][self.saw_which]]);
                    if self.hub.depend(1, read, self.seq) {
                        self.flag.wake();
                    }
                }
                _ => self.shown = (self.saw_which, self.saw_value),
            }
            self.at = (self.at + 1) % 6;
            true
        }

        /// One step of a writer: it writes, and then announces.
        fn write_step(&mut self, change: usize, announces: bool) {
            match (change, announces) {
                (0, false) => self.which = 1 - self.which,
                (0, true) => self.hub.notify("which"),
                (n, false) => self.values[n - 1] += 1,
                (n, true) => self.hub.notify(&format!("v/{}", n - 1)),
            }
        }
    }

    /// Every way in which two changes can fall into three renders.
    #[test]
    fn no_interleaving_of_changes_and_renders_ends_with_an_old_page() {
        const STEPS: usize = 18;
        let mut runs = 0;
        for changes in 0..9 {
            for a in 0..STEPS {
                for b in a..STEPS {
                    for c in b..STEPS {
                        for d in c..STEPS {
                            let mut model = Model::new();
                            let mut writes = [
                                (a, changes / 3, false),
                                (b, changes / 3, true),
                                (c, changes % 3, false),
                                (d, changes % 3, true),
                            ]
                            .into_iter()
                            .peekable();
                            for step in 0..STEPS {
                                while let Some((_, change, announces)) =
                                    writes.next_if(|(due, ..)| *due == step)
                                {
                                    model.write_step(change, announces);
                                }
                                model.render_step();
                            }
                            while model.render_step() {}
                            let truth = (model.which, model.values[model.which]);
                            assert_eq!(model.shown, truth, "changes {changes} at {a} {b} {c} {d}");
                            runs += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(runs, 9 * 5_985);
    }
}
