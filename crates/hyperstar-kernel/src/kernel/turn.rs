//! What goes into a turn: first what the process waits for, then messages, a sender at a time.

use super::pair::{Item, Note, PairKey};
use super::process::{Given, InFlight, Phase, Stop};
use super::task::{Asker, Stage, Task, TaskKey};
use super::{Effects, Kernel, PartyKey};
use crate::slab::Slot;
use crate::{Effect, Event, Exclusive, Sender, TaskId};

/// What the mailbox gives next.
enum Next<M> {
    Nothing,
    Call(TaskKey),
    Note {
        pair: PairKey,
        note: Note<M>,
    },
    /// A notification that the process crashed with; it is to be taken alone.
    Suspect,
}

impl<M: Clone, R: Clone> Kernel<M, R> {
    /// Gives a process a turn if it may have one and there is something to do.
    pub(super) fn run(&mut self, party: PartyKey, effects: &mut Effects<M, R>) {
        let Some(process) = self.process(party) else {
            return;
        };
        process.is_ready = false;
        if process.phase != Phase::Idle {
            return;
        }
        let mut events = Vec::new();
        if process.stop == Stop::Asked {
            process.stop = Stop::Last;
            events.push(Event::Stop);
        } else {
            // A suspect goes before replies and timers, so that they cannot keep it off for ever.
            if self.has_suspect(party) {
                self.take_mailbox(party, &mut events, 0);
            }
            if !self.process_ref(party).is_some_and(|one| one.turn.is_alone) {
                let weight_bytes = self.take_inbox(party, &mut events);
                self.take_mailbox(party, &mut events, weight_bytes);
            }
        }
        if events.is_empty() {
            return;
        }
        let name = self.name_of(party);
        if let Some(process) = self.process(party) {
            process.phase = Phase::Turn;
            process.turn.events = events.len();
            effects.push(Effect::Turn {
                name,
                incarnation: process.incarnation,
                room: process.room(),
                events,
            });
        }
    }

    /// Says what it has taken weighs.
    fn take_inbox(&mut self, party: PartyKey, events: &mut Vec<Event<M, R>>) -> u64 {
        let Kernel { parties, tasks, .. } = self;
        let Some(process) = parties.get_mut(party).and_then(|one| one.process.as_mut()) else {
            return 0;
        };
        let mut weight_bytes = 0_u64;
        while events.len() < process.spec.turn_events_max.max(1)
            && weight_bytes < process.spec.turn_weight_bytes.max(1)
            && let Some(event) = process.inbox.pop_front()
        {
            match &event {
                Event::Reply { call, .. } => {
                    if let Some(InFlight::Replied(reply_bytes)) = process.calls.remove(call) {
                        process.replies_bytes -= reply_bytes;
                        weight_bytes += reply_bytes;
                    }
                }
                Event::Cancel { task } => {
                    let task = Slot::of(task.0);
                    if !tasks.contains(task) {
                        continue;
                    }
                    process.turn.cancelled.push(task);
                }
                Event::Timer { id } => {
                    process.timers.remove(id);
                }
                Event::Undelivered { .. } => {
                    process.turn.returned.extend(process.returned.pop_front());
                }
                _ => {}
            }
            events.push(event);
        }
        weight_bytes
    }

    /// Beside what the turn has already, which weighs so much.
    fn take_mailbox(
        &mut self,
        party: PartyKey,
        events: &mut Vec<Event<M, R>>,
        mut weight_bytes: u64,
    ) {
        while self.may_take(party, events.len(), weight_bytes) {
            match self.next_message(party) {
                Next::Nothing => return,
                Next::Call(task) => {
                    weight_bytes += self.tasks.get(task).map_or(0, |task| task.weight_bytes);
                    events.extend(self.begin_call(party, task));
                }
                Next::Note { pair, note } => {
                    weight_bytes += note.weight_bytes;
                    events.push(self.begin_note(party, pair, note));
                }
                Next::Suspect => {
                    if events.is_empty()
                        && let Some((pair, note)) = self.take_note(party)
                    {
                        events.push(self.begin_note(party, pair, note));
                        if let Some(process) = self.process(party) {
                            process.turn.is_alone = true;
                        }
                    }
                    return;
                }
            }
        }
    }

    /// Whether a notification that the process crashed with comes first.
    fn has_suspect(&self, party: PartyKey) -> bool {
        let first = self.process_ref(party).and_then(|one| one.ring.front());
        let first = first.and_then(|pair| self.pairs.get(*pair)?.queue.front());
        matches!(first, Some(Item::Note(note)) if note.is_suspect)
    }

    /// Whether a turn with so many events, and messages of such a weight, takes another message.
    fn may_take(&self, party: PartyKey, events: usize, weight_bytes: u64) -> bool {
        self.process_ref(party).is_some_and(|process| {
            process.exclusive == Exclusive::No
                && events < process.spec.turn_events_max.max(1)
                && weight_bytes < process.spec.turn_weight_bytes.max(1)
                && process.running.len() < process.spec.tasks_max.max(1)
        })
    }

    /// Takes what is next for a process; a suspect is only looked at.
    fn next_message(&mut self, party: PartyKey) -> Next<M> {
        loop {
            let Some(key) = self
                .process_ref(party)
                .and_then(|one| one.ring.front())
                .copied()
            else {
                return Next::Nothing;
            };
            let Some(pair) = self.pairs.get_mut(key) else {
                self.leave_ring(party);
                continue;
            };
            let from = pair.from;
            match pair.queue.front() {
                None => {
                    self.leave_ring(party);
                    self.drop_pair_if_unused(key);
                }
                Some(Item::Call(task)) => {
                    let task = *task;
                    pair.queue.pop_front();
                    if self.tasks.contains(task) {
                        self.turn_ring(party, key);
                        return Next::Call(task);
                    }
                    pair.forget_stale();
                }
                Some(Item::Note(note)) if note.returned.is_some() => self.leave_ring(party),
                Some(Item::Note(note)) => {
                    let (sequence, is_suspect) = (note.sequence, note.is_suspect);
                    let handler = note.handler.clone();
                    if let Err(error) = self.check_allowed(from, party, &handler) {
                        self.leave_ring(party);
                        self.send_back(key, sequence, error);
                    } else if is_suspect {
                        return Next::Suspect;
                    } else if let Some((pair, note)) = self.take_note(party) {
                        return Next::Note { pair, note };
                    }
                }
            }
        }
    }

    /// Takes the notification at the head of the first pair.
    fn take_note(&mut self, party: PartyKey) -> Option<(PairKey, Note<M>)> {
        let key = *self.process_ref(party)?.ring.front()?;
        let pair = self.pairs.get_mut(key)?;
        let Some(Item::Note(note)) = pair.queue.pop_front() else {
            return None;
        };
        pair.taken.push_back(note.clone());
        self.turn_ring(party, key);
        Some((key, note))
    }

    /// The first pair has been served: it stands behind the others, if it has more.
    fn turn_ring(&mut self, party: PartyKey, key: PairKey) {
        let Kernel { parties, pairs, .. } = self;
        if let Some(process) = parties.get_mut(party).and_then(|one| one.process.as_mut())
            && let Some(pair) = pairs.get_mut(key)
        {
            process.ring.pop_front();
            pair.is_in_ring = !pair.queue.is_empty();
            if pair.is_in_ring {
                process.ring.push_back(key);
            }
        }
    }

    /// The first pair has nothing that can be taken.
    fn leave_ring(&mut self, party: PartyKey) {
        let Some(key) = self.process(party).and_then(|one| one.ring.pop_front()) else {
            return;
        };
        if let Some(pair) = self.pairs.get_mut(key) {
            pair.is_in_ring = false;
        }
    }

    fn begin_call(&mut self, party: PartyKey, key: TaskKey) -> Option<Event<M, R>> {
        let Kernel {
            parties,
            pairs,
            tasks,
            ..
        } = self;
        let task = tasks.get_mut(key)?;
        let process = parties.get_mut(party)?.process.as_mut()?;
        process.waiting.take(task.weight_bytes);
        task.stage = Stage::Runs(process.running.len());
        process.running.push(key);
        let (handler, deadline_ms) = (task.handler.clone(), task.deadline_ms);
        let payload = task.payload.clone()?;
        let pair = pairs.get_mut(task.pair)?;
        pair.waiting.take(task.weight_bytes);
        pair.given += 1;
        process.turn.given.push(Given {
            task: key,
            pair: task.pair,
        });
        let from = pair.from;
        Some(Event::Message {
            task: TaskId(key.number()),
            from: self.sender(from),
            handler,
            payload,
            deadline_ms,
        })
    }

    fn begin_note(&mut self, party: PartyKey, pair_key: PairKey, note: Note<M>) -> Event<M, R> {
        let deadline_ms = self.deadline(None);
        let mut from = self.outside;
        if let Some(pair) = self.pairs.get_mut(pair_key) {
            pair.given += 1;
            from = pair.from;
        }
        let place = self.process_ref(party).map_or(0, |one| one.running.len());
        let key = self.add_task(Task {
            to: party,
            pair: pair_key,
            asker: Asker::Nobody,
            handler: note.handler.clone(),
            payload: None,
            weight_bytes: note.weight_bytes,
            deadline_ms,
            depth: 0,
            key: None,
            stage: Stage::Runs(place),
            is_note: true,
            is_due: true,
        });
        if let Some(process) = self.process(party) {
            process.running.push(key);
            process.turn.given.push(Given {
                task: key,
                pair: pair_key,
            });
        }
        Event::Message {
            task: TaskId(key.number()),
            from: self.sender(from),
            handler: note.handler,
            payload: note.payload,
            deadline_ms,
        }
    }

    fn sender(&self, party: PartyKey) -> Sender {
        if party == self.outside {
            Sender::Outside
        } else {
            Sender::Process(self.name_of(party))
        }
    }
}
