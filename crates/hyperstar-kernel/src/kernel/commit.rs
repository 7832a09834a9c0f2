//! The end of a turn, durable or not: what is to be remembered, and what leaves.

use super::pair::Item;
use super::process::{Given, Phase, Staged, Stop, Turn};
use super::send::Letter;
use super::task::{Asker, Stage, TaskKey};
use super::{Due, Effects, Kernel, PartyKey};
use crate::{
    Acknowledge, CallError, Effect, Event, ExitReason, Incarnation, Key, Name, Record, TimerId,
};

impl<M: Clone, R: Clone> Kernel<M, R> {
    /// Adds to the record of a turn what the kernel knows of it. Says whether there is something to
    /// commit.
    pub(super) fn complete(
        &mut self,
        party: PartyKey,
        is_changed: bool,
        record: &mut Record<M, R>,
    ) -> bool {
        let Kernel {
            parties,
            pairs,
            tasks,
            ..
        } = self;
        let Some(process) = parties.get_mut(party).and_then(|one| one.process.as_mut()) else {
            return false;
        };
        let is_durable = process.spec.acknowledge == Acknowledge::Commit;
        for given in &process.turn.given {
            if let Some(pair) = pairs.get_mut(given.pair)
                && !pair.is_unrecorded
                && pair.seen_with_taken() > pair.seen
            {
                pair.is_unrecorded = true;
                process.unrecorded.push(given.pair);
            }
        }
        if is_durable {
            for given in &process.turn.given {
                if let Some(task) = tasks.get(given.task)
                    && !matches!(task.stage, Stage::Responded(_) | Stage::Deferred(_))
                    && let Some(name) = &task.key
                {
                    record.keys_started.push(Key::clone(name));
                }
            }
        }
        let is_keyed = |key: &&TaskKey| {
            let task = tasks.get(**key);
            task.is_some_and(|task| task.key.is_some())
        };
        let ended =
            process.turn.responded_keys + process.turn.cancelled.iter().filter(is_keyed).count();
        let weight_bytes = process.turn.responded_bytes;
        let let_go = process.keys.over(ended, weight_bytes, &process.spec);
        process.turn.keys_let_go = let_go;
        if is_durable {
            let oldest = process.keys.oldest(let_go).cloned();
            record.keys_forgotten.extend(oldest);
        }
        let is_needed = is_changed
            || is_durable
                && (!process.unrecorded.is_empty()
                    || !process.turn.returned.is_empty()
                    || !record.outbox_added.is_empty()
                    || !record.keys_started.is_empty()
                    || !record.keys_finished.is_empty()
                    || !record.keys_forgotten.is_empty());
        if !is_needed {
            return false;
        }
        if is_durable {
            let returned = process.turn.returned.iter().map(|(_, sequence)| *sequence);
            record.outbox_removed.extend(returned);
        }
        process.settling = std::mem::take(&mut process.settled);
        record.outbox_removed.extend(&process.settling);
        let unrecorded = process.unrecorded.clone();
        process.forgetting = std::mem::take(&mut process.forgotten);
        record.seen_forgotten = process.forgetting.clone();
        for pair in unrecorded.iter().filter_map(|key| pairs.get(*key)) {
            // After a failed commit there may be nothing to record.
            if pair.seen_with_taken() > 0
                && let Some(sender) = parties.get(pair.from)
            {
                let name = Name::clone(&sender.name);
                record.seen_forgotten.retain(|forgotten| *forgotten != name);
                record.seen.push((name, pair.seen_with_taken()));
            }
        }
        true
    }

    pub(super) fn committed(
        &mut self,
        name: &Name,
        incarnation: Incarnation,
        result: Result<(), String>,
        effects: &mut Effects<M, R>,
    ) {
        let Some(party) = self.find_life(name, incarnation) else {
            return;
        };
        let Some(process) = self.process(party) else {
            return;
        };
        let phase = process.phase;
        if phase != Phase::Commit && phase != Phase::Settle {
            return;
        }
        match result {
            Ok(()) => {
                process.settling.clear();
                process.forgetting.clear();
                if phase == Phase::Commit {
                    let recorded = std::mem::take(&mut process.unrecorded);
                    for key in recorded {
                        if let Some(pair) = self.pairs.get_mut(key) {
                            pair.is_unrecorded = false;
                        }
                    }
                    self.release(party, effects);
                }
                self.end_turn(party, effects);
            }
            Err(reason) => {
                let mut settling = std::mem::take(&mut process.settling);
                process.settled.append(&mut settling);
                let mut forgetting = std::mem::take(&mut process.forgetting);
                process.forgotten.append(&mut forgetting);
                if phase == Phase::Settle {
                    self.log(
                        name,
                        format!("a commit failed, and is tried again: {reason}"),
                        effects,
                    );
                    self.plan_settling(party);
                    self.end_turn(party, effects);
                } else {
                    self.crash(party, format!("the commit failed: {reason}"), effects);
                }
            }
        }
    }

    /// The process is done with a turn and its commit: it ends, or goes on.
    pub(super) fn end_turn(&mut self, party: PartyKey, effects: &mut Effects<M, R>) {
        let Some(process) = self.process(party) else {
            return;
        };
        process.phase = Phase::Idle;
        if process.is_removed {
            self.end(party, ExitReason::Removed, effects);
        } else if let Some(reason) = process.lost.take() {
            self.crash(party, reason, effects);
        } else if process.stop == Stop::Last {
            self.end(party, ExitReason::Stopped, effects);
        } else if let Some(reason) = process.exit.take() {
            self.end(party, ExitReason::Exited(reason), effects);
        } else {
            if process.stop == Stop::No && std::mem::take(&mut process.is_new) {
                let incarnation = process.incarnation;
                let name = self.name_of(party);
                effects.push(Effect::Running { name, incarnation });
            }
            self.wake(party);
        }
    }

    /// Lets all that a turn did leave the process. Does nothing a second time.
    pub(super) fn release(&mut self, party: PartyKey, effects: &mut Effects<M, R>) {
        let Some(process) = self.process(party) else {
            return;
        };
        let mut turn = std::mem::take(&mut process.turn);
        let mut staged = std::mem::take(&mut process.staged);
        self.release_given(party, &turn, effects);
        for (key, sequence) in &turn.returned {
            self.end_return(*key, *sequence);
        }
        for one in staged.drain(..) {
            self.release_one(party, one, effects);
        }
        for key in &turn.cancelled {
            self.fail(*key, CallError::Crashed, effects);
        }
        if let Some(process) = self.process(party) {
            process.keys.let_go(turn.keys_let_go);
            turn.clear();
            process.turn = turn;
            process.staged = staged;
        }
    }

    /// The messages of a turn have been begun with, but for those that are deferred.
    fn release_given(&mut self, party: PartyKey, turn: &Turn, effects: &mut Effects<M, R>) {
        if turn.deferred > 0 {
            for given in turn.given.iter().rev() {
                self.put_back_deferred(*given, effects);
            }
        }
        for given in &turn.given {
            let Some(pair) = self.pairs.get_mut(given.pair) else {
                continue;
            };
            pair.given -= 1;
            pair.seen = pair.seen_with_taken();
            while let Some(pair) = self.pairs.get_mut(given.pair)
                && let Some(note) = pair.taken.pop_front()
            {
                self.settle(given.pair, &note);
            }
            if let Some(task) = self.tasks.get_mut(given.task)
                && task.stage != Stage::Waits
            {
                task.payload = None;
                if let Some(name) = &task.key
                    && let Some(process) = self
                        .parties
                        .get_mut(party)
                        .and_then(|one| one.process.as_mut())
                    && let Some(run) = process.keys.run(name)
                {
                    run.is_recorded = true;
                }
            }
            self.drop_pair_if_unused(given.pair);
        }
    }

    /// A deferred message is the next one of its sender again.
    fn put_back_deferred(&mut self, given: Given, effects: &mut Effects<M, R>) {
        let Kernel {
            parties,
            pairs,
            tasks,
            ..
        } = self;
        let (Some(task), Some(pair)) = (tasks.get_mut(given.task), pairs.get_mut(given.pair))
        else {
            return;
        };
        let Stage::Deferred(place) = task.stage else {
            return;
        };
        if task.is_note {
            if let Some(mut note) = pair.taken.pop_back()
                && !note.is_orphan
            {
                note.is_deferred = false;
                pair.queue.push_front(Item::Note(note));
            }
            self.fail(given.task, CallError::Crashed, effects);
            return self.offer(given.pair);
        }
        let Some(process) = parties
            .get_mut(task.to)
            .and_then(|one| one.process.as_mut())
        else {
            return;
        };
        let (to, weight_bytes) = (task.to, task.weight_bytes);
        let (from, handler) = (pair.from, Name::clone(&task.handler));
        task.stage = Stage::Waits;
        process.waiting.add(weight_bytes);
        pair.waiting.add(weight_bytes);
        pair.queue.push_front(Item::Call(given.task));
        let is_unwanted = matches!(task.asker, Asker::Nobody);
        self.take_from_running(to, place);
        self.offer(given.pair);
        // Its grant may have been revoked while the turn had it, and whoever asked may have gone.
        if let Err(error) = self.check_allowed(from, to, &handler) {
            self.fail(given.task, error, effects);
        } else if is_unwanted {
            self.abandon(given.task, effects);
        }
    }

    fn release_one(&mut self, party: PartyKey, staged: Staged<M, R>, effects: &mut Effects<M, R>) {
        match staged {
            Staged::Call {
                id,
                is_over,
                parent,
                depth,
                deadline_ms,
                to,
                handler,
                payload,
                weight_bytes,
            } => {
                if is_over {
                    return self.reply(party, id, Err(CallError::Busy), 0);
                }
                let letter = Letter {
                    asker: Asker::Call {
                        caller: party,
                        id,
                        parent,
                    },
                    handler,
                    payload,
                    weight_bytes,
                    deadline_ms,
                    depth,
                    key: None,
                };
                self.send_call(party, id, &to, letter);
            }
            Staged::Notify { to, note } => self.send_note(party, &to, note),
            Staged::Respond {
                task,
                result,
                weight_bytes,
                too_heavy,
            } => self.respond(task, result, weight_bytes, too_heavy, effects),
            Staged::SetTimer { id, after_ms } => self.set_timer(party, id, after_ms),
            Staged::CancelTimer { id } => self.cancel_timer(party, id),
            Staged::CancelCall { task } => self.abandon(task, effects),
        }
    }

    fn set_timer(&mut self, party: PartyKey, id: TimerId, after_ms: u64) {
        self.cancel_timer(party, id);
        let version = self.next_version();
        let at_ms = self.now_ms.saturating_add(after_ms);
        if let Some(process) = self.process(party) {
            process.timers.insert(id, Some(version));
            self.agenda.add(at_ms, Due::Timer { party, id, version });
        }
    }

    fn cancel_timer(&mut self, party: PartyKey, id: TimerId) {
        let Some(process) = self.process(party) else {
            return;
        };
        match process.timers.remove(&id) {
            None => {}
            Some(Some(_)) => self.agenda.note_stale(),
            Some(None) => process
                .inbox
                .retain(|event| !matches!(event, Event::Timer { id: own } if *own == id)),
        }
    }
}
