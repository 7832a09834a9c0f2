//! What is durable: it changes by whole commits, and survives the node.

use std::collections::{BTreeMap, BTreeSet};

use hyperstar_kernel::{CallError, Key, KeyEntry, Memory, Name, OutboxEntry, Record};

use super::script::{Msg, Said};

/// The state of an app, which its turns change.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    /// How often each message was begun with.
    pub(super) applied: BTreeMap<u64, u32>,
    /// Messages that were sent.
    pub(super) sent: BTreeSet<u64>,
    /// Notifications that were sent and change something, and to whom.
    pub(super) notified: BTreeMap<u64, Name>,
    /// How often each notification came back.
    pub(super) returned: BTreeMap<u64, u32>,
    /// Timers that were set.
    pub(super) timers: BTreeSet<u64>,
    /// The number of the last message that was begun with, of each sender.
    pub(super) last: BTreeMap<Name, u64>,
}

type Outcome = Option<Result<Said, CallError>>;

/// What is durable of one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Durable {
    pub(super) state: State,
    seen: BTreeMap<Name, u64>,
    keys: Vec<(Key, Outcome)>,
    pub(super) outbox: BTreeMap<u64, OutboxEntry<Msg>>,
}

impl Durable {
    pub(super) fn memory(&self) -> Memory<Msg, Said> {
        Memory {
            seen: self.seen.clone().into_iter().collect(),
            keys: self
                .keys
                .iter()
                .map(|(key, outcome)| KeyEntry {
                    key: Key::clone(key),
                    outcome: outcome.clone(),
                    weight_bytes: 1,
                })
                .collect(),
            outbox: self.outbox.values().cloned().collect(),
        }
    }

    /// One commit: all of it at once.
    pub(super) fn commit(&mut self, record: Record<Msg, Said>, state: Option<State>) {
        if let Some(state) = state {
            self.state = state;
        }
        for (name, sequence) in record.seen {
            let before = self.seen.insert(name, sequence);
            assert!(before <= Some(sequence), "a seen number went back");
        }
        for name in record.seen_forgotten {
            self.seen.remove(&name);
        }
        for key in record.keys_started {
            assert!(
                self.keys.iter().all(|(own, _)| *own != key),
                "{key} began twice"
            );
            self.keys.push((key, None));
        }
        for (key, outcome) in record.keys_finished {
            let known = self.keys.iter().position(|(own, _)| *own == key);
            if let Some(place) = known {
                let (_, before) = self.keys.remove(place);
                assert_eq!(before, None, "{key} ended twice");
            }
            self.keys.push((key, Some(outcome)));
        }
        for key in record.keys_forgotten {
            self.keys.retain(|(own, _)| *own != key);
        }
        for sequence in record.outbox_removed {
            self.outbox.remove(&sequence);
        }
        for entry in record.outbox_added {
            let before = self.outbox.insert(entry.sequence, entry);
            assert!(before.is_none(), "two notifications with one number");
        }
    }
}
