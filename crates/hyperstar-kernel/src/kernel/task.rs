//! A message on its way: in a mailbox, worked on, answered.

use super::pair::PairKey;
use super::process::InFlight;
use super::{Asked, Due, Effects, Kernel, PartyKey};
use crate::slab::Slot;
use crate::{CallError, CallId, Effect, Event, Key, Name, TaskId, Ticket};

/// What a [`TaskKey`] is of.
pub(super) enum OfTask {}

pub(super) type TaskKey = Slot<OfTask>;

pub(super) struct Task<M> {
    pub(super) to: PartyKey,
    pub(super) pair: PairKey,
    pub(super) asker: Asker,
    pub(super) handler: Name,
    /// Until the turn that it is given to is over. A notification's stays with the pair.
    pub(super) payload: Option<M>,
    pub(super) weight_bytes: u64,
    pub(super) deadline_ms: u64,
    /// How many wait for each other up to here.
    pub(super) depth: u16,
    pub(super) key: Option<Key>,
    pub(super) stage: Stage,
    /// It is of a notification: nobody waits for it, ever.
    pub(super) is_note: bool,
    /// Its deadline is in the agenda.
    pub(super) is_due: bool,
}

/// Who waits for the response.
#[derive(Clone, Copy)]
pub(super) enum Asker {
    Nobody,
    Ticket(Ticket),
    Call {
        caller: PartyKey,
        id: CallId,
        /// What the caller works on with it.
        parent: Option<TaskKey>,
    },
    /// A process that stands still in its turn.
    Turn {
        caller: PartyKey,
        ticket: Ticket,
    },
}

/// How far a task has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Waits,
    /// Its place among those that the process works on.
    Runs(usize),
    /// The process was told that nobody waits for it.
    Cancelled(usize),
    /// The response leaves with its turn.
    Responded(usize),
    /// It goes back into the mailbox with its turn.
    Deferred(usize),
}

impl Stage {
    pub(super) fn place(&mut self) -> Option<&mut usize> {
        match self {
            Stage::Waits => None,
            Stage::Runs(place)
            | Stage::Cancelled(place)
            | Stage::Responded(place)
            | Stage::Deferred(place) => Some(place),
        }
    }
}

/// What is known of a request with a key once its task is gone.
pub(super) enum Trace<R> {
    /// It was answered: what is recorded, and what that weighs.
    Outcome(Result<R, CallError>, u64),
    /// It was interrupted.
    Interrupted,
}

impl<M: Clone, R: Clone> Kernel<M, R> {
    /// Ends a task with the response of its process, of which another outcome is recorded if it is too heavy.
    pub(super) fn respond(
        &mut self,
        key: TaskKey,
        result: Result<R, CallError>,
        weight_bytes: u64,
        too_heavy: Option<CallError>,
        effects: &mut Effects<M, R>,
    ) {
        let has_key = self.tasks.get(key).is_some_and(|task| task.key.is_some());
        let trace = match too_heavy {
            Some(error) => Trace::Outcome(Err(error), 0),
            None if has_key => Trace::Outcome(result.clone(), weight_bytes),
            None => Trace::Interrupted,
        };
        self.close(key, result, weight_bytes, trace, effects);
    }

    /// Ends a task that gets no response.
    pub(super) fn fail(&mut self, key: TaskKey, error: CallError, effects: &mut Effects<M, R>) {
        self.close(key, Err(error), 0, Trace::Interrupted, effects);
    }

    /// Everybody who waits hears the result, and all that is kept of the task goes.
    fn close(
        &mut self,
        key: TaskKey,
        result: Result<R, CallError>,
        weight_bytes: u64,
        trace: Trace<R>,
        effects: &mut Effects<M, R>,
    ) {
        let Some(mut task) = self.tasks.remove(key) else {
            return;
        };
        if task.is_due {
            self.agenda.note_stale();
        }
        match task.stage.place() {
            None => self.take_from_mailbox(&task),
            Some(place) => {
                let place = *place;
                self.take_from_running(task.to, place);
            }
        }
        if let Some(name) = &task.key {
            self.close_key(task.to, name, &result, trace, effects);
        }
        self.answer(key, task.asker, result, weight_bytes, effects);
    }

    /// A task that waited has left its queue, or is skipped there.
    fn take_from_mailbox(&mut self, task: &Task<M>) {
        if let Some(process) = self.process(task.to) {
            process.waiting.take(task.weight_bytes);
        }
        if let Some(pair) = self.pairs.get_mut(task.pair) {
            pair.waiting.take(task.weight_bytes);
            pair.note_stale(&self.tasks);
            self.drop_pair_if_unused(task.pair);
        }
    }

    pub(super) fn take_from_running(&mut self, party: PartyKey, place: usize) {
        let Some(process) = self.process(party) else {
            return;
        };
        let was_full = process.running.len() >= process.spec.tasks_max;
        process.running.swap_remove(place);
        let moved = process.running.get(place).copied();
        if let Some(task) = moved.and_then(|moved| self.tasks.get_mut(moved))
            && let Some(at) = task.stage.place()
        {
            *at = place;
        }
        if was_full {
            self.wake(party);
        }
    }

    fn close_key(
        &mut self,
        party: PartyKey,
        name: &Key,
        result: &Result<R, CallError>,
        trace: Trace<R>,
        effects: &mut Effects<M, R>,
    ) {
        let Some(process) = self.process(party) else {
            return;
        };
        let Some(run) = process.keys.run(name) else {
            return;
        };
        let joined = std::mem::take(&mut run.joined);
        match trace {
            Trace::Outcome(outcome, weight_bytes) => {
                process.keys.end(Key::clone(name), outcome, weight_bytes);
            }
            Trace::Interrupted if run.is_recorded => {
                process
                    .keys
                    .end(Key::clone(name), Err(CallError::Crashed), 0);
            }
            Trace::Interrupted => process.keys.forget(name),
        }
        for ticket in joined {
            self.tickets.remove(&ticket);
            self.agenda.note_stale();
            let result = result.clone();
            effects.push(Effect::Answer { ticket, result });
        }
    }

    /// Tells whoever asked.
    fn answer(
        &mut self,
        key: TaskKey,
        asker: Asker,
        result: Result<R, CallError>,
        weight_bytes: u64,
        effects: &mut Effects<M, R>,
    ) {
        match asker {
            Asker::Nobody => {}
            Asker::Ticket(ticket) => {
                self.tickets.remove(&ticket);
                effects.push(Effect::Answer { ticket, result });
            }
            Asker::Turn { ticket, caller } => {
                self.tickets.remove(&ticket);
                let result = self.check_reply(caller, weight_bytes).and(result);
                effects.push(Effect::Answer { ticket, result });
            }
            Asker::Call { caller, id, .. } => {
                let call = self.process_ref(caller).and_then(|one| one.calls.get(&id));
                if call == Some(&InFlight::At(key)) {
                    match self.check_reply(caller, weight_bytes) {
                        Ok(()) => self.reply(caller, id, result, weight_bytes),
                        Err(error) => self.reply(caller, id, Err(error), 0),
                    }
                }
            }
        }
    }

    /// Whether a process can take a reply, beside those that wait for it.
    fn check_reply(&self, caller: PartyKey, weight_bytes: u64) -> Result<(), CallError> {
        let Some(process) = self.process_ref(caller) else {
            return Ok(());
        };
        let weight_max = process.spec.message_weight_bytes_max;
        if weight_bytes > weight_max {
            return Err(CallError::Malformed(format!(
                "the answer weighs {weight_bytes} bytes, who asked takes {weight_max}: ask for it in parts"
            )));
        }
        let replies_max = process.spec.mailbox.weight_bytes_max.max(weight_max);
        if process.replies_bytes.saturating_add(weight_bytes) > replies_max {
            return Err(CallError::Malformed(format!(
                "the answers that wait would weigh more than {replies_max} bytes: ask for fewer at a time"
            )));
        }
        Ok(())
    }

    /// Gives a process the reply to its call.
    pub(super) fn reply(
        &mut self,
        caller: PartyKey,
        id: CallId,
        result: Result<R, CallError>,
        weight_bytes: u64,
    ) {
        if let Some(process) = self.process(caller) {
            process.calls.insert(id, InFlight::Replied(weight_bytes));
            process.replies_bytes += weight_bytes;
            process.inbox.push_back(Event::Reply { call: id, result });
            self.wake(caller);
        }
    }

    /// The deadline of a task.
    pub(super) fn time_out(&mut self, key: TaskKey, effects: &mut Effects<M, R>) {
        let Some(task) = self.tasks.get_mut(key) else {
            return;
        };
        task.is_due = false;
        let asker = std::mem::replace(&mut task.asker, Asker::Nobody);
        self.answer(key, asker, Err(CallError::Timeout), 0, effects);
        self.abandon(key, effects);
    }

    /// Whoever asked for a task waits no more. If nobody else does, it is taken out of the mailbox, or
    /// its process is told.
    pub(super) fn abandon(&mut self, key: TaskKey, effects: &mut Effects<M, R>) {
        let Some(task) = self.tasks.get_mut(key) else {
            return;
        };
        task.asker = Asker::Nobody;
        let party = task.to;
        if let Some(name) = &task.key
            && let Some(process) = self
                .parties
                .get_mut(party)
                .and_then(|one| one.process.as_mut())
            && process
                .keys
                .run(name)
                .is_some_and(|run| !run.joined.is_empty())
        {
            return;
        }
        match task.stage {
            Stage::Waits => self.fail(key, CallError::Timeout, effects),
            Stage::Runs(place) => {
                task.stage = Stage::Cancelled(place);
                if let Some(process) = self.process(party) {
                    let task = TaskId(key.number());
                    process.inbox.push_back(Event::Cancel { task });
                    self.wake(party);
                }
            }
            Stage::Cancelled(_) | Stage::Responded(_) | Stage::Deferred(_) => {}
        }
    }

    /// Whoever sent a request has gone.
    pub(super) fn cancel(&mut self, ticket: Ticket, effects: &mut Effects<M, R>) {
        match self.tickets.remove(&ticket) {
            None => {}
            Some(Asked::Task(task)) => self.abandon(task, effects),
            Some(Asked::Joined { task, .. }) => {
                self.agenda.note_stale();
                self.unjoin(ticket, task, effects);
            }
        }
    }

    /// The deadline of somebody who waits for the outcome of another's request.
    pub(super) fn leave(&mut self, ticket: Ticket, version: u64, effects: &mut Effects<M, R>) {
        if let Some(Asked::Joined {
            task, version: own, ..
        }) = self.tickets.get(&ticket)
            && *own == version
        {
            let task = *task;
            self.tickets.remove(&ticket);
            let result = Err(CallError::Timeout);
            effects.push(Effect::Answer { ticket, result });
            self.unjoin(ticket, task, effects);
        }
    }

    fn unjoin(&mut self, ticket: Ticket, key: TaskKey, effects: &mut Effects<M, R>) {
        let Some(task) = self.tasks.get(key) else {
            return;
        };
        let has_asker = !matches!(task.asker, Asker::Nobody);
        if let Some(name) = &task.key
            && let Some(process) = self
                .parties
                .get_mut(task.to)
                .and_then(|one| one.process.as_mut())
            && let Some(run) = process.keys.run(name)
        {
            run.joined.retain(|one| *one != ticket);
        }
        if !has_asker {
            self.abandon(key, effects);
        }
    }

    /// Adds a task with its deadline to those that wait or run.
    pub(super) fn add_task(&mut self, task: Task<M>) -> TaskKey {
        let deadline_ms = task.deadline_ms;
        let key = self.tasks.insert(task);
        self.agenda.add(deadline_ms, Due::Task(key));
        key
    }
}
