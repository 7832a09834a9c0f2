//! The end of a turn: what it asks for is checked, all of it, before any of it is done.

use super::pair::{Note, PairKey};
use super::process::{InFlight, Phase, Staged};
use super::task::{Stage, TaskKey};
use super::{Effects, Kernel, PartyKey};
use crate::slab::Slot;
use crate::{
    Acknowledge, Action, CallError, CallId, Effect, Event, Exclusive, Incarnation, Name, NoteId,
    OutboxEntry, Outcome, Record, TaskId, TimerId,
};

impl<M: Clone, R: Clone> Kernel<M, R> {
    pub(super) fn turn_ended(
        &mut self,
        name: &Name,
        incarnation: Incarnation,
        outcome: Outcome<M, R>,
        effects: &mut Effects<M, R>,
    ) {
        let Some(party) = self.find_life(name, incarnation) else {
            return;
        };
        if self
            .process_ref(party)
            .is_none_or(|one| one.phase != Phase::Turn)
        {
            return;
        }
        let (actions, is_changed, exclusive) = match outcome {
            Outcome::Crashed { reason } => return self.crash(party, reason, effects),
            Outcome::Done {
                actions,
                is_changed,
                exclusive,
            } => (actions, is_changed, exclusive),
        };
        let mut record = Record::default();
        if let Err(reason) = self.stage(party, actions, exclusive, &mut record) {
            return self.crash(party, reason, effects);
        }
        self.note_exclusive(party, exclusive, effects);
        let needs_commit = self.complete(party, is_changed, &mut record);
        let Some(process) = self.process(party) else {
            return;
        };
        match (process.spec.acknowledge, needs_commit) {
            (Acknowledge::Commit, true) => self.commit(name, party, record, effects),
            (Acknowledge::Turn, true) => {
                self.release(party, effects);
                self.commit(name, party, record, effects);
            }
            (_, false) => {
                self.release(party, effects);
                self.end_turn(party, effects);
            }
        }
    }

    fn note_exclusive(
        &mut self,
        party: PartyKey,
        exclusive: Exclusive,
        effects: &mut Effects<M, R>,
    ) {
        let Some(process) = self.process(party) else {
            return;
        };
        let is_new = process.exclusive != exclusive;
        process.exclusive = exclusive;
        process.standing.clear();
        if is_new && exclusive != Exclusive::No {
            self.refuse_circles(party, effects);
        }
    }

    fn commit(
        &mut self,
        name: &Name,
        party: PartyKey,
        record: Record<M, R>,
        effects: &mut Effects<M, R>,
    ) {
        if let Some(process) = self.process(party) {
            process.phase = Phase::Commit;
            effects.push(Effect::Commit {
                name: Name::clone(name),
                incarnation: process.incarnation,
                record,
            });
        }
    }

    /// Checks all actions and keeps them, or says which makes no sense. Only what the process alone
    /// can see is changed, and its end undoes that.
    fn stage(
        &mut self,
        party: PartyKey,
        actions: Vec<Action<M, R>>,
        exclusive: Exclusive,
        record: &mut Record<M, R>,
    ) -> Result<(), String> {
        let process = self.process_ref(party).ok_or("the process is gone")?;
        let actions_max = process.spec.turn_actions_max;
        if actions.len() > actions_max {
            let count = actions.len();
            return Err(format!(
                "{count} actions in a turn, the most are {actions_max}"
            ));
        }
        for action in actions {
            self.stage_one(party, action, record)?;
        }
        self.check_deferred(party, exclusive)
    }

    /// What is deferred waits for the end of an exclusive handler, or for the next turn, and so does what came
    /// after it from the same sender. A turn that defers all that it is given would be given it for ever.
    fn check_deferred(&mut self, party: PartyKey, exclusive: Exclusive) -> Result<(), String> {
        let Kernel {
            parties,
            pairs,
            tasks,
            ..
        } = self;
        let process = parties.get(party).and_then(|one| one.process.as_ref());
        let process = process.ok_or("the process is gone")?;
        if process.turn.deferred == 0 {
            return Ok(());
        }
        if exclusive == Exclusive::No && process.turn.deferred >= process.turn.events {
            return Err(
                "it defers all that it was given, and no exclusive handler awaits anything"
                    .to_owned(),
            );
        }
        let mut behind: Vec<PairKey> = Vec::new();
        let mut notes: Vec<(PairKey, usize)> = Vec::new();
        for given in &process.turn.given {
            let task = tasks.get(given.task);
            let is_deferred = task.is_some_and(|task| matches!(task.stage, Stage::Deferred(_)));
            if !is_deferred && behind.contains(&given.pair) {
                return Err(
                    "it defers a message, and not the next one of the same sender".to_owned(),
                );
            }
            if is_deferred {
                behind.push(given.pair);
                if task.is_some_and(|task| task.is_note) {
                    match notes.iter_mut().find(|(pair, _)| *pair == given.pair) {
                        Some((_, count)) => *count += 1,
                        None => notes.push((given.pair, 1)),
                    }
                }
            }
        }
        for (pair, count) in notes {
            if let Some(pair) = pairs.get_mut(pair) {
                for note in pair.taken.iter_mut().rev().take(count) {
                    note.is_deferred = true;
                }
            }
        }
        Ok(())
    }

    fn stage_one(
        &mut self,
        party: PartyKey,
        action: Action<M, R>,
        record: &mut Record<M, R>,
    ) -> Result<(), String> {
        if let Action::Call { to, handler, .. } | Action::Notify { to, handler, .. } = &action {
            let (bytes, bytes_max) = (to.len().max(handler.len()), self.limits.name_bytes_max);
            if bytes > bytes_max {
                return Err(format!("a name of {bytes} bytes, the most are {bytes_max}"));
            }
        }
        let staged = match action {
            Action::Call {
                id,
                task,
                to,
                handler,
                payload,
                weight_bytes,
                timeout_ms,
            } => {
                let mut deadline_ms = self.deadline(timeout_ms);
                let mut depth = 1;
                let parent = match task {
                    None => None,
                    Some(task) => {
                        let parent = self.own_task(party, task)?;
                        if let Some(task) = self.tasks.get(parent) {
                            deadline_ms = deadline_ms.min(task.deadline_ms);
                            depth += task.depth;
                        }
                        Some(parent)
                    }
                };
                let is_over = self.stage_call(party, id)?;
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
                }
            }
            Action::Notify {
                id,
                to,
                handler,
                payload,
                weight_bytes,
            } => {
                let note =
                    self.stage_note(party, id, &to, handler, payload, weight_bytes, record)?;
                Staged::Notify { to, note }
            }
            Action::Respond {
                task,
                result,
                weight_bytes,
            } => {
                let task = self.own_task(party, task)?;
                let too_heavy = self.stage_response(party, task, &result, weight_bytes, record)?;
                Staged::Respond {
                    task,
                    result,
                    weight_bytes,
                    too_heavy,
                }
            }
            Action::Defer { task } => {
                let key = self.own_task(party, task)?;
                return self.stage_deferral(party, key);
            }
            Action::SetTimer { id, after_ms } => {
                self.stage_timer(party, id)?;
                Staged::SetTimer { id, after_ms }
            }
            Action::CancelTimer { id } => Staged::CancelTimer { id },
            Action::CancelCall { id } => match self.stage_cancel(party, id) {
                Some(task) => Staged::CancelCall { task },
                None => return Ok(()),
            },
            Action::Exit { reason } => {
                if let Some(process) = self.process(party) {
                    process.exit = Some(reason);
                }
                return Ok(());
            }
        };
        if let Some(process) = self.process(party) {
            process.staged.push(staged);
        }
        Ok(())
    }

    /// A task that this process works on.
    fn own_task(&self, party: PartyKey, id: TaskId) -> Result<TaskKey, String> {
        let key = Slot::of(id.0);
        match self.tasks.get(key) {
            Some(task) if task.to == party && task.stage != Stage::Waits => Ok(key),
            _ => Err(format!(
                "task {id} is unknown: it was responded to, was cancelled in an earlier turn, or \
                 never was"
            )),
        }
    }

    /// Says whether the call is one too many.
    fn stage_call(&mut self, party: PartyKey, id: CallId) -> Result<bool, String> {
        let process = self.process(party).ok_or("the process is gone")?;
        if process.calls.contains_key(&id) {
            return Err(format!("call {id} is in flight already: number calls anew"));
        }
        let calls_max = process.spec.calls_max.saturating_mul(2);
        if process.calls.len() >= calls_max {
            return Err(format!(
                "{calls_max} calls in flight: wait for replies first"
            ));
        }
        process.calls.insert(id, InFlight::Staged);
        Ok(process.calls.len() > process.spec.calls_max)
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one action")]
    fn stage_note(
        &mut self,
        party: PartyKey,
        id: NoteId,
        to: &Name,
        handler: Name,
        payload: M,
        weight_bytes: u64,
        record: &mut Record<M, R>,
    ) -> Result<Note<M>, String> {
        let process = self.process(party).ok_or("the process is gone")?;
        let limits = process.spec.outbox;
        if !process
            .outbox
            .fits(limits.messages_max, limits.weight_bytes_max, weight_bytes)
        {
            return Err(format!(
                "the outbox takes {} notifications of {} bytes: keep to the room that a turn is given",
                limits.messages_max, limits.weight_bytes_max
            ));
        }
        process.outbox.add(weight_bytes);
        let is_durable = process.spec.acknowledge == Acknowledge::Commit;
        self.sequence += 1;
        let note = Note {
            sequence: self.sequence,
            id,
            handler,
            payload,
            weight_bytes,
            is_durable,
            attempts: 0,
            is_suspect: false,
            is_deferred: false,
            is_orphan: false,
            returned: None,
        };
        if is_durable {
            record.outbox_added.push(OutboxEntry {
                sequence: note.sequence,
                id,
                to: Name::clone(to),
                handler: Name::clone(&note.handler),
                payload: note.payload.clone(),
                weight_bytes,
            });
        }
        Ok(note)
    }

    /// Says what is recorded in place of an answer that is too heavy.
    fn stage_response(
        &mut self,
        party: PartyKey,
        key: TaskKey,
        result: &Result<R, CallError>,
        weight_bytes: u64,
        record: &mut Record<M, R>,
    ) -> Result<Option<CallError>, String> {
        let Some(task) = self.tasks.get_mut(key) else {
            return Ok(None);
        };
        task.stage = match task.stage {
            Stage::Runs(place) | Stage::Cancelled(place) => Stage::Responded(place),
            Stage::Waits | Stage::Deferred(_) | Stage::Responded(_) => {
                return Err(format!(
                    "task {} was deferred or responded to already",
                    key.number()
                ));
            }
        };
        let Some(name) = task.key.clone() else {
            return Ok(None);
        };
        let Some(process) = self.process(party) else {
            return Ok(None);
        };
        let too_heavy =
            (weight_bytes > process.spec.key_weight_bytes_max).then(|| too_heavy(weight_bytes));
        let turn = &mut process.turn;
        turn.responded_keys += 1;
        if too_heavy.is_none() {
            turn.responded_bytes = turn.responded_bytes.saturating_add(weight_bytes);
        }
        if process.spec.acknowledge == Acknowledge::Commit {
            let kept = too_heavy.clone().map_or_else(|| result.clone(), Err);
            record.keys_finished.push((name, kept));
        }
        Ok(too_heavy)
    }

    fn stage_deferral(&mut self, party: PartyKey, key: TaskKey) -> Result<(), String> {
        let Kernel { parties, tasks, .. } = self;
        let process = parties.get_mut(party).and_then(|one| one.process.as_mut());
        let process = process.ok_or("the process is gone")?;
        let is_given = process.turn.given.iter().any(|given| given.task == key);
        match tasks.get_mut(key).map(|task| &mut task.stage) {
            Some(stage @ (Stage::Runs(_) | Stage::Cancelled(_))) if is_given => {
                *stage = Stage::Deferred(stage.place().map_or(0, |place| *place));
                process.turn.deferred += 1;
                Ok(())
            }
            _ => Err(format!(
                "task {} cannot be deferred: it has begun in an earlier turn, or was responded to",
                key.number()
            )),
        }
    }

    fn stage_timer(&mut self, party: PartyKey, id: TimerId) -> Result<(), String> {
        let process = self.process(party).ok_or("the process is gone")?;
        process.turn.timers += usize::from(!process.timers.contains_key(&id));
        let timers_max = process.spec.timers_max;
        if process.timers.len() + process.turn.timers > timers_max {
            return Err(format!(
                "more than {timers_max} timers: set the next one when one has come"
            ));
        }
        Ok(())
    }

    /// Forgets a call. Says which task is to be told.
    fn stage_cancel(&mut self, party: PartyKey, id: CallId) -> Option<TaskKey> {
        let process = self.process(party)?;
        match process.calls.remove(&id)? {
            InFlight::At(task) => Some(task),
            InFlight::Staged => {
                process
                    .staged
                    .retain(|staged| !matches!(staged, Staged::Call { id: own, .. } if *own == id));
                None
            }
            InFlight::Replied(weight_bytes) => {
                process.replies_bytes -= weight_bytes;
                process
                    .inbox
                    .retain(|event| !matches!(event, Event::Reply { call, .. } if *call == id));
                None
            }
        }
    }
}

/// The outcome that is recorded of a request whose answer is too heavy for that.
fn too_heavy(weight_bytes: u64) -> CallError {
    CallError::Malformed(format!(
        "it was done before, and its answer of {weight_bytes} bytes was too much to keep: ask with \
         another key, if it may be done again"
    ))
}
