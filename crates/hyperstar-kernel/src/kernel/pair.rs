//! All that one sender has under way to one receiver, in order.

use std::collections::VecDeque;

use super::process::Load;
use super::task::TaskKey;
use super::{Kernel, PartyKey};
use crate::slab::{Slab, Slot};
use crate::{CallError, Name, NoteId, Rate};

/// What a [`PairKey`] is of.
pub(super) enum OfPair {}

pub(super) type PairKey = Slot<OfPair>;

/// Below this many ended calls in a queue it is not worth looking.
const STALE_MIN: usize = 32;

pub(super) struct Pair<M> {
    pub(super) from: PartyKey,
    pub(super) to: PartyKey,
    pub(super) queue: VecDeque<Item<M>>,
    /// How many calls in the queue have ended.
    stale: usize,
    /// Notifications that the receiver's turn in flight was given, in order.
    pub(super) taken: VecDeque<Note<M>>,
    /// Calls and requests in the queue.
    pub(super) waiting: Load,
    /// Notifications in the queue, taken, or on their way back.
    pub(super) notes: Load,
    /// The last durable notification that the receiver has handled. It is known for as long as anybody has what is
    /// durable of either: at most one pair for each number in the memory of the processes that are here, and of
    /// those that were removed and not forgotten.
    pub(super) seen: u64,
    /// It is among the receiver's `unrecorded`.
    pub(super) is_unrecorded: bool,
    /// How many messages the receiver's turn in flight was given.
    pub(super) given: usize,
    /// It is in the receiver's ring.
    pub(super) is_in_ring: bool,
    /// When the rate allows a next message, in microseconds.
    rate_us: u64,
    /// The agenda asks whether it is still needed.
    pub(super) is_asked_for: bool,
}

pub(super) enum Item<M> {
    Call(TaskKey),
    Note(Note<M>),
}

#[derive(Clone)]
pub(super) struct Note<M> {
    pub(super) sequence: u64,
    pub(super) id: NoteId,
    pub(super) handler: Name,
    pub(super) payload: M,
    pub(super) weight_bytes: u64,
    /// It is in its sender's durable outbox.
    pub(super) is_durable: bool,
    /// How often the receiver crashed over it and nothing else.
    pub(super) attempts: u8,
    /// The receiver crashed in a turn with it; so the next turn with it has nothing else.
    pub(super) is_suspect: bool,
    /// The turn that it was given to has not begun with it.
    pub(super) is_deferred: bool,
    /// Its sender was removed while the receiver's turn in flight had it, and has not come back with it: it is not
    /// put back, nor counted.
    pub(super) is_orphan: bool,
    /// Why it is on its way back.
    pub(super) returned: Option<CallError>,
}

impl<M> Pair<M> {
    fn new(from: PartyKey, to: PartyKey) -> Self {
        Pair {
            from,
            to,
            queue: VecDeque::new(),
            stale: 0,
            taken: VecDeque::new(),
            waiting: Load::default(),
            notes: Load::default(),
            seen: 0,
            is_unrecorded: false,
            given: 0,
            is_in_ring: false,
            rate_us: 0,
            is_asked_for: false,
        }
    }

    /// Whether the rate allows a message now; if so, it is counted.
    pub(super) fn take_token(&mut self, rate: Rate, now_ms: u64) -> bool {
        let now_us = now_ms.saturating_mul(1_000);
        let each_us = 1_000_000 / u64::from(rate.per_second.max(1));
        let ahead_us = each_us * u64::from(rate.burst.max(1) - 1);
        if self.rate_us > now_us.saturating_add(ahead_us) {
            return false;
        }
        self.rate_us = self.rate_us.max(now_us).saturating_add(each_us);
        true
    }

    /// The sender is removed, and its notifications with it: those that are durable come back with it.
    pub(super) fn orphan(&mut self, tasks: &Slab<super::task::OfTask, super::task::Task<M>>) {
        self.queue.retain(|item| match item {
            Item::Call(task) => tasks.contains(*task),
            Item::Note(_) => false,
        });
        self.stale = 0;
        self.notes = Load::default();
        for note in &mut self.taken {
            note.is_orphan = true;
        }
    }

    /// A call in the queue has ended.
    pub(super) fn note_stale(&mut self, tasks: &Slab<super::task::OfTask, super::task::Task<M>>) {
        self.stale += 1;
        if self.waiting.messages == 0 && self.notes.messages == 0 {
            self.queue.clear();
            self.stale = 0;
        } else if self.stale > STALE_MIN && self.stale > self.queue.len() / 2 {
            self.queue.retain(|item| match item {
                Item::Call(task) => tasks.contains(*task),
                Item::Note(_) => true,
            });
            self.stale = 0;
        }
    }

    /// A call that had ended has left the queue.
    pub(super) fn forget_stale(&mut self) {
        self.stale = self.stale.saturating_sub(1);
    }

    /// The number that the receiver has seen once its turn is over.
    pub(super) fn seen_with_taken(&self) -> u64 {
        let mut handled = self.taken.iter().rev();
        let taken = handled.find(|note| note.is_durable && !note.is_deferred);
        taken.map_or(self.seen, |note| note.sequence.max(self.seen))
    }
}

impl<M: Clone, R: Clone> Kernel<M, R> {
    /// The pair of a sender and a receiver, made if it was not there.
    pub(super) fn pair(&mut self, from: PartyKey, to: PartyKey) -> PairKey {
        if let Some(pair) = self.pair_of.get(&(from, to)) {
            return *pair;
        }
        let pair = self.pairs.insert(Pair::new(from, to));
        self.pair_of.insert((from, to), pair);
        if let Some(party) = self.parties.get_mut(from) {
            party.out.push(pair);
        }
        if let Some(party) = self.parties.get_mut(to) {
            party.into.push(pair);
        }
        pair
    }

    /// Puts a pair with something to take into the receiver's ring, and wakes the receiver.
    pub(super) fn offer(&mut self, key: PairKey) {
        let Some(pair) = self.pairs.get_mut(key) else {
            return;
        };
        let to = pair.to;
        if !pair.is_in_ring
            && !pair.queue.is_empty()
            && let Some(process) = self
                .parties
                .get_mut(to)
                .and_then(|one| one.process.as_mut())
        {
            pair.is_in_ring = true;
            process.ring.push_back(key);
        }
        self.wake(to);
    }

    /// Forgets a pair that nothing is known of. Pairs of two processes here stay: there are only so many,
    /// and they are used again.
    pub(super) fn drop_pair_if_unused(&mut self, key: PairKey) {
        let Some(pair) = self.pairs.get(key) else {
            return;
        };
        let (from, to) = (pair.from, pair.to);
        let is_local = |party| self.process_ref(party).is_some() || party == self.outside;
        if !pair.queue.is_empty()
            || pair.given > 0
            || pair.seen > 0
            || is_local(from) && is_local(to)
        {
            return;
        }
        if pair.is_asked_for {
            return;
        }
        if pair.rate_us > self.now_ms.saturating_mul(1_000) && is_local(to) {
            self.agenda
                .add(pair.rate_us / 1_000 + 1, super::Due::Pair(key));
            if let Some(pair) = self.pairs.get_mut(key) {
                pair.is_asked_for = true;
            }
            return;
        }
        self.drop_pair(key);
        self.drop_party_if_unused(from);
        self.drop_party_if_unused(to);
    }

    pub(super) fn drop_pair(&mut self, key: PairKey) {
        let Some(pair) = self.pairs.remove(key) else {
            return;
        };
        self.pair_of.remove(&(pair.from, pair.to));
        if let Some(party) = self.parties.get_mut(pair.from) {
            party.out.retain(|one| *one != key);
        }
        if let Some(party) = self.parties.get_mut(pair.to) {
            party.into.retain(|one| *one != key);
            if let Some(process) = &mut party.process {
                process.ring.retain(|one| *one != key);
                process.unrecorded.retain(|one| *one != key);
            }
        }
    }

    pub(super) fn drop_party_if_unused(&mut self, key: PartyKey) {
        if let Some(party) = self.parties.get(key)
            && party.process.is_none()
            && party.out.is_empty()
            && party.into.is_empty()
            && key != self.outside
        {
            self.names.remove(&party.name);
            self.parties.remove(key);
        }
    }
}
