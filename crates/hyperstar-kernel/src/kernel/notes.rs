//! Notifications: they wait at their sender, are taken in order, and are handled once or come back.
//!
//! A note that comes back holds up those behind it until its sender has handled that. Otherwise a later one
//! could be seen first, and after a crash the earlier one would pass for seen.

use super::pair::{Item, Note, PairKey};
use super::process::{Phase, Stop};
use super::{Due, Effects, Kernel, PartyKey};
use crate::{Acknowledge, CallError, Effect, Event, Name, OutboxEntry, Record};

impl<M: Clone, R: Clone> Kernel<M, R> {
    /// Sends a notification that leaves its turn.
    pub(super) fn send_note(&mut self, from: PartyKey, to: &Name, note: Note<M>) {
        let to = self.intern(to);
        let key = self.pair(from, to);
        let (sequence, weight_bytes) = (note.sequence, note.weight_bytes);
        let error = self.check_note(key, &note);
        if let Some(pair) = self.pairs.get_mut(key) {
            pair.notes.add(weight_bytes);
            pair.queue.push_back(Item::Note(note));
        }
        match error {
            Ok(()) => self.offer(key),
            Err(error) => self.send_back(key, sequence, error),
        }
    }

    /// Whether a notification may wait for its receiver.
    fn check_note(&mut self, key: PairKey, note: &Note<M>) -> Result<(), CallError> {
        let now_ms = self.now_ms;
        let pair = self.pairs.get(key).ok_or(CallError::NoProcess)?;
        let (from, to) = (pair.from, pair.to);
        let receiver = self.process_ref(to).ok_or(CallError::NoProcess)?;
        let rate = receiver.spec.rate;
        receiver.spec.check_weight(note.weight_bytes)?;
        self.check_allowed(from, to, &note.handler)?;
        let limits = self.process_ref(from).map(|sender| sender.spec.outbox);
        let pair = self.pairs.get_mut(key).ok_or(CallError::NoProcess)?;
        let fits = limits.is_some_and(|limits| {
            pair.notes.fits_share(
                limits.messages_max,
                limits.weight_bytes_max,
                limits.receiver_percent,
                note.weight_bytes,
            )
        });
        if !fits || rate.is_some_and(|rate| !pair.take_token(rate, now_ms)) {
            return Err(CallError::Busy);
        }
        Ok(())
    }

    /// Puts what was durable into the outbox again, unless the receiver's turn in flight has it.
    pub(super) fn restore_note(&mut self, from: PartyKey, entry: OutboxEntry<M>) {
        self.sequence = self.sequence.max(entry.sequence);
        let to = self.intern(&entry.to);
        let key = self.pair(from, to);
        if let Some(pair) = self.pairs.get_mut(key) {
            pair.notes.add(entry.weight_bytes);
            let mut taken = pair.taken.iter_mut();
            match taken.find(|note| note.sequence == entry.sequence) {
                Some(note) => note.is_orphan = false,
                None => pair.queue.push_back(Item::Note(Note {
                    sequence: entry.sequence,
                    id: entry.id,
                    handler: entry.handler,
                    payload: entry.payload,
                    weight_bytes: entry.weight_bytes,
                    is_durable: true,
                    attempts: 0,
                    is_suspect: false,
                    is_deferred: false,
                    is_orphan: false,
                    returned: None,
                })),
            }
        }
        if let Some(process) = self.process(from) {
            process.outbox.add(entry.weight_bytes);
        }
    }

    /// Takes out of a restored pair what its receiver had handled before.
    pub(super) fn skip_seen(&mut self, key: PairKey) {
        let Some(pair) = self.pairs.get_mut(key) else {
            return;
        };
        let mut handled = Vec::new();
        for item in std::mem::take(&mut pair.queue) {
            match item {
                Item::Note(note) if note.sequence <= pair.seen => handled.push(note),
                item => pair.queue.push_back(item),
            }
        }
        for note in handled {
            self.settle(key, &note);
        }
    }

    /// A notification is not going to be taken: its sender hears why.
    pub(super) fn send_back(&mut self, key: PairKey, sequence: u64, error: CallError) {
        let Some(pair) = self.pairs.get_mut(key) else {
            return;
        };
        let (from, to) = (pair.from, pair.to);
        let note = pair.queue.iter_mut().find_map(|item| match item {
            Item::Note(note) if note.sequence == sequence => Some(note),
            _ => None,
        });
        let Some(note) = note else {
            return;
        };
        note.returned = Some(error.clone());
        let event = Event::Undelivered {
            note: note.id,
            to: self.name_of(to),
            error,
        };
        self.tell_returned(from, key, sequence, event);
    }

    /// Puts the return of a notification into its sender's inbox, if that runs; otherwise it waits for
    /// the start.
    fn tell_returned(&mut self, from: PartyKey, key: PairKey, sequence: u64, event: Event<M, R>) {
        if let Some(process) = self.process(from)
            && matches!(
                process.phase,
                Phase::Idle | Phase::Turn | Phase::Commit | Phase::Settle
            )
        {
            process.inbox.push_back(event);
            process.returned.push_back((key, sequence));
            self.wake(from);
        }
    }

    /// A process runs again: it hears of all that came back, and of what can never be taken.
    pub(super) fn return_notes(&mut self, from: PartyKey) {
        let Some(pairs) = self.parties.get(from).map(|party| party.out.clone()) else {
            return;
        };
        for key in pairs {
            let Some(pair) = self.pairs.get(key) else {
                continue;
            };
            let to = pair.to;
            let is_known = self.process_ref(to).is_some();
            let mut returned = Vec::new();
            for item in &pair.queue {
                if let Item::Note(note) = item {
                    if let Some(error) = &note.returned {
                        returned.push((note.sequence, error.clone()));
                    } else if !is_known {
                        returned.push((note.sequence, CallError::NoProcess));
                    }
                }
            }
            for (sequence, error) in returned {
                self.send_back(key, sequence, error);
            }
        }
    }

    /// The sender has handled the return of a notification: it is gone.
    pub(super) fn end_return(&mut self, key: PairKey, sequence: u64) {
        let Some(pair) = self.pairs.get_mut(key) else {
            return;
        };
        let found = pair
            .queue
            .iter()
            .position(|item| matches!(item, Item::Note(note) if note.sequence == sequence));
        let Some(Item::Note(note)) = found.and_then(|place| pair.queue.remove(place)) else {
            return;
        };
        let from = pair.from;
        self.take_from_outbox(key, from, note.weight_bytes);
        if note.is_durable
            && let Some(process) = self.process(from)
            && process.spec.acknowledge == Acknowledge::Turn
        {
            process.settled.push(sequence);
            self.plan_settling(from);
        }
        self.offer(key);
        self.drop_pair_if_unused(key);
    }

    /// The receiver has handled a notification, or had seen it before.
    pub(super) fn settle(&mut self, key: PairKey, note: &Note<M>) {
        let Some(from) = self.pairs.get(key).map(|pair| pair.from) else {
            return;
        };
        if note.is_orphan {
            return;
        }
        self.take_from_outbox(key, from, note.weight_bytes);
        if note.is_durable
            && let Some(process) = self.process(from)
        {
            process.settled.push(note.sequence);
            self.plan_settling(from);
        }
    }

    fn take_from_outbox(&mut self, key: PairKey, from: PartyKey, weight_bytes: u64) {
        if let Some(pair) = self.pairs.get_mut(key) {
            pair.notes.take(weight_bytes);
        }
        if let Some(process) = self.process(from) {
            process.outbox.take(weight_bytes);
        }
    }

    /// A commit of the sender's is to forget what was settled, by the next one or one of its own.
    pub(super) fn plan_settling(&mut self, party: PartyKey) {
        let at_ms = self.now_ms.saturating_add(self.limits.settle_ms);
        if let Some(process) = self.process(party)
            && !process.settled.is_empty()
            && !process.settle_is_due
        {
            process.settle_is_due = true;
            self.agenda.add(at_ms, Due::Settle(party));
        }
    }

    /// Forgets what was settled by a commit of its own, if the process has nothing else to do.
    pub(super) fn settle_alone(&mut self, party: PartyKey, effects: &mut Effects<M, R>) {
        let name = self.name_of(party);
        let Some(process) = self.process(party) else {
            return;
        };
        process.settle_is_due = false;
        if process.phase != Phase::Idle || process.stop != Stop::No {
            if matches!(process.phase, Phase::Turn | Phase::Commit | Phase::Settle) {
                self.plan_settling(party);
            }
            return;
        }
        process.settling = std::mem::take(&mut process.settled);
        if process.settling.is_empty() {
            return;
        }
        process.phase = Phase::Settle;
        effects.push(Effect::Commit {
            name,
            incarnation: process.incarnation,
            record: Record {
                outbox_removed: process.settling.clone(),
                ..Record::default()
            },
        });
    }

    /// The turn that took notifications has come to nothing: they are taken again. One that was alone
    /// is to blame if there was a crash, and comes back after some.
    pub(super) fn put_back(&mut self, key: PairKey, is_alone: bool, is_crash: bool) {
        let attempts_max = self.limits.attempts_max.max(1);
        let Some(pair) = self.pairs.get_mut(key) else {
            return;
        };
        let mut poison = None;
        while let Some(mut note) = pair.taken.pop_back() {
            if note.is_orphan {
                continue;
            }
            note.is_deferred = false;
            if is_crash {
                note.is_suspect = true;
                note.attempts += u8::from(is_alone);
            }
            if note.attempts >= attempts_max {
                poison = Some(note.sequence);
            }
            pair.queue.push_front(Item::Note(note));
        }
        self.offer(key);
        if let Some(sequence) = poison {
            self.send_back(key, sequence, CallError::Crashed);
        }
    }
}
