//! How processes come, end, come again and go.

use super::pair::Item;
use super::process::{InFlight, Phase, Process, Staged, Stop};
use super::task::Stage;
use super::{Due, Effects, Kernel, PartyKey};
use crate::{
    CallError, Effect, Event, Exclusive, ExitPolicy, ExitReason, Incarnation, Memory, Name, Next,
    OnEnd, Outcome, Restart, Spec,
};

impl<M: Clone, R: Clone> Kernel<M, R> {
    pub(super) fn add(
        &mut self,
        name: Name,
        spec: Spec,
        memory: Memory<M, R>,
        effects: &mut Effects<M, R>,
    ) {
        if self.lookup(&name).is_some() {
            return self.log(
                &name,
                "it is known already: remove it first".to_owned(),
                effects,
            );
        }
        if self.processes >= self.limits.processes_max {
            let most = self.limits.processes_max;
            let text = format!("there are {most} processes already: remove one first");
            return self.log(&name, text, effects);
        }
        let party = self.intern(&name);
        let mut process = Process::new(spec, self.seed);
        for entry in memory.keys {
            let outcome = entry.outcome.unwrap_or(Err(CallError::Crashed));
            process.keys.end(entry.key, outcome, entry.weight_bytes);
        }
        if let Some(party) = self.parties.get_mut(party) {
            party.process = Some(process);
        }
        self.processes += 1;
        for (sender, sequence) in memory.seen {
            self.sequence = self.sequence.max(sequence);
            let from = self.intern(&sender);
            let pair = self.pair(from, party);
            if let Some(pair) = self.pairs.get_mut(pair) {
                pair.seen = sequence;
            }
        }
        for entry in memory.outbox {
            self.restore_note(party, entry);
        }
        let pairs = self
            .parties
            .get(party)
            .map(|party| [party.out.as_slice(), party.into.as_slice()].concat());
        for pair in pairs.into_iter().flatten() {
            self.skip_seen(pair);
            self.offer(pair);
        }
    }

    pub(super) fn update(&mut self, name: &Name, spec: Spec, effects: &mut Effects<M, R>) {
        if let Some(party) = self.find(name, effects)
            && let Some(process) = self.process(party)
        {
            process.spec = spec;
            self.wake(party);
        }
    }

    pub(super) fn start(&mut self, name: &Name, effects: &mut Effects<M, R>) {
        if let Some(party) = self.find(name, effects)
            && let Some(process) = self.process(party)
            && matches!(process.phase, Phase::Stopped | Phase::Restarting)
        {
            process.crashes.clear();
            self.launch(party, effects);
        }
    }

    /// Begins a next life.
    pub(super) fn launch(&mut self, party: PartyKey, effects: &mut Effects<M, R>) {
        let name = self.name_of(party);
        // Also one that was removed and comes back has a life of its own.
        self.lives += 1;
        let incarnation = Incarnation(self.lives);
        if let Some(process) = self.process(party) {
            process.phase = Phase::Starting;
            process.stop = Stop::No;
            process.incarnation = incarnation;
            process.is_new = true;
            effects.push(Effect::Start { name, incarnation });
        }
    }

    pub(super) fn started(
        &mut self,
        name: &Name,
        incarnation: Incarnation,
        result: Result<Outcome<M, R>, String>,
        effects: &mut Effects<M, R>,
    ) {
        let Some(party) = self.find_life(name, incarnation) else {
            return;
        };
        let Some(process) = self.process(party) else {
            return;
        };
        if process.phase != Phase::Starting {
            return;
        }
        match result {
            Ok(outcome) => {
                process.phase = Phase::Turn;
                self.return_notes(party);
                self.plan_settling(party);
                self.turn_ended(name, incarnation, outcome, effects);
            }
            Err(reason) => {
                let reason = format!("it could not be started: {reason}");
                self.crash(party, reason, effects);
            }
        }
    }

    pub(super) fn stop(&mut self, party: PartyKey, effects: &mut Effects<M, R>) {
        let Some(process) = self.process(party) else {
            return;
        };
        match (process.phase, process.stop) {
            (Phase::Stopped, _) => {}
            (Phase::Restarting | Phase::Starting, _) => {
                self.end(party, ExitReason::Stopped, effects);
            }
            (Phase::Idle | Phase::Turn | Phase::Commit | Phase::Settle, Stop::No) => {
                process.stop = Stop::Asked;
                self.refuse_waiting(party, &CallError::Stopped, effects);
                self.wake(party);
            }
            // What is being committed may be durable already: that has to be known before the end.
            (Phase::Commit | Phase::Settle, _) => process.stop = Stop::Last,
            (Phase::Idle | Phase::Turn, _) => self.end(party, ExitReason::Stopped, effects),
        }
    }

    pub(super) fn remove(&mut self, name: &Name, forget: bool, effects: &mut Effects<M, R>) {
        if forget
            && self.lookup(name).is_none()
            && let Some(party) = self.names.get(name)
        {
            return self.forget_party(*party);
        }
        let Some(party) = self.find(name, effects) else {
            return;
        };
        let Some(process) = self.process(party) else {
            return;
        };
        process.is_forgotten |= forget;
        process.is_removed = true;
        if matches!(process.phase, Phase::Commit | Phase::Settle) {
            self.refuse_waiting(party, &CallError::NoProcess, effects);
        } else {
            self.end(party, ExitReason::Removed, effects);
        }
    }

    pub(super) fn lost(
        &mut self,
        name: &Name,
        incarnation: Incarnation,
        reason: String,
        effects: &mut Effects<M, R>,
    ) {
        let Some(party) = self.find_life(name, incarnation) else {
            return;
        };
        let Some(process) = self.process(party) else {
            return;
        };
        match process.phase {
            Phase::Stopped | Phase::Restarting => {}
            Phase::Commit | Phase::Settle => process.lost = Some(reason),
            Phase::Starting | Phase::Idle | Phase::Turn => self.crash(party, reason, effects),
        }
    }

    pub(super) fn crash(&mut self, party: PartyKey, reason: String, effects: &mut Effects<M, R>) {
        self.end(party, ExitReason::Crashed(reason), effects);
    }

    /// Ends a life, and decides what follows.
    pub(super) fn end(&mut self, party: PartyKey, reason: ExitReason, effects: &mut Effects<M, R>) {
        let error = error_of(&reason);
        let was_stopped = self
            .process_ref(party)
            .is_none_or(|process| process.phase == Phase::Stopped);
        self.end_instance(party, &reason, &error, effects);
        let next = self.what_follows(party, &reason);
        let name = self.name_of(party);
        effects.push(Effect::Exited {
            name: Name::clone(&name),
            reason: reason.clone(),
            next,
        });
        let Some(process) = self.process(party) else {
            return;
        };
        if let Next::RestartsAt { at_ms } = next {
            process.phase = Phase::Restarting;
            let incarnation = process.incarnation;
            let due = Due::Restart { party, incarnation };
            return self.agenda.add(at_ms, due);
        }
        process.phase = Phase::Stopped;
        process.stop = Stop::No;
        let links = process.spec.links.clone();
        let by_itself = matches!(reason, ExitReason::Crashed(_) | ExitReason::Exited(_));
        if let ExitPolicy::Send { to } = &process.spec.exit
            && by_itself
        {
            let to = Name::clone(to);
            effects.push(Effect::Farewell {
                name: Name::clone(&name),
                to,
                reason: reason.clone(),
            });
        }
        self.refuse_waiting(party, &error, effects);
        for link in links.into_iter().filter(|_| !was_stopped) {
            match (self.lookup(&link.to), link.on_end) {
                (None, _) => {}
                (Some(linked), OnEnd::Stop) => self.stopping.push(linked),
                (Some(linked), OnEnd::Tell) => self.tell_end(linked, &name, &reason),
            }
        }
        if next == Next::Gone {
            self.let_go(party);
        }
    }

    /// Drops an instance and all that only it knew. Nothing of a turn that is not durable is left.
    fn end_instance(
        &mut self,
        party: PartyKey,
        reason: &ExitReason,
        error: &CallError,
        effects: &mut Effects<M, R>,
    ) {
        let name = self.name_of(party);
        let Some(process) = self.process(party) else {
            return;
        };
        if !matches!(process.phase, Phase::Stopped | Phase::Restarting) {
            let incarnation = process.incarnation;
            effects.push(Effect::Kill { name, incarnation });
        }
        // What happens to it from here on is for its next life.
        process.phase = Phase::Stopped;
        process.exit = None;
        process.lost = None;
        process.exclusive = Exclusive::No;
        process.standing.clear();
        process.inbox.clear();
        process.replies_bytes = 0;
        process.returned.clear();
        let turn = std::mem::take(&mut process.turn);
        let staged = std::mem::take(&mut process.staged);
        let running = process.running.clone();
        let calls: Vec<InFlight> = process.calls.drain().map(|(_, call)| call).collect();
        let timers: Vec<Option<u64>> = process.timers.drain().map(|(_, timer)| timer).collect();
        for _ in timers.iter().flatten() {
            self.agenda.note_stale();
        }
        for task in running {
            self.fail(task, error.clone(), effects);
        }
        for call in calls {
            if let InFlight::At(task) = call {
                self.abandon(task, effects);
            }
        }
        for one in staged {
            match one {
                Staged::CancelCall { task } => self.abandon(task, effects),
                Staged::Notify { note, .. } => {
                    if let Some(process) = self.process(party) {
                        process.outbox.take(note.weight_bytes);
                    }
                }
                _ => {}
            }
        }
        let is_crash = matches!(reason, ExitReason::Crashed(_));
        for given in turn.given {
            if let Some(pair) = self.pairs.get_mut(given.pair) {
                pair.given -= 1;
            }
            self.put_back(given.pair, turn.is_alone, is_crash);
            self.drop_pair_if_unused(given.pair);
        }
    }

    fn what_follows(&mut self, party: PartyKey, reason: &ExitReason) -> Next {
        let now_ms = self.now_ms;
        let Some(process) = self.process(party) else {
            return Next::Gone;
        };
        if process.is_removed {
            return Next::Gone;
        }
        let ExitPolicy::Restart(restart) = process.spec.exit else {
            return Next::Stopped;
        };
        if !matches!(reason, ExitReason::Crashed(_)) || process.stop != Stop::No {
            return Next::Stopped;
        }
        let crashes = &mut process.crashes;
        while let Some(at_ms) = crashes.front()
            && at_ms.saturating_add(restart.window_ms) <= now_ms
        {
            crashes.pop_front();
        }
        crashes.push_back(now_ms);
        if crashes.len() > restart.crashes_max {
            crashes.clear();
            return Next::GaveUp;
        }
        let wait_ms = wait_ms(&restart, crashes.len());
        let percent = u64::from(restart.jitter_percent);
        let jitter_ms = self
            .numbers
            .below(wait_ms / 100 * percent + wait_ms % 100 * percent / 100 + 1);
        Next::RestartsAt {
            at_ms: now_ms.saturating_add(wait_ms).saturating_add(jitter_ms),
        }
    }

    /// Answers all that waits in the mailbox. Notifications stay with their senders.
    fn refuse_waiting(&mut self, party: PartyKey, error: &CallError, effects: &mut Effects<M, R>) {
        let Some(pairs) = self.parties.get(party).map(|party| party.into.clone()) else {
            return;
        };
        let mut waiting = Vec::new();
        for pair in pairs.into_iter().filter_map(|pair| self.pairs.get(pair)) {
            waiting.extend(pair.queue.iter().filter_map(|item| match item {
                Item::Call(task) => Some(*task),
                Item::Note(_) => None,
            }));
        }
        for task in waiting {
            if self
                .tasks
                .get(task)
                .is_some_and(|task| task.stage == Stage::Waits)
            {
                self.fail(task, error.clone(), effects);
            }
        }
    }

    /// Tells a linked process that this one has ended, unless it is to be told already.
    fn tell_end(&mut self, linked: PartyKey, name: &Name, reason: &ExitReason) {
        let Some(process) = self.process(linked) else {
            return;
        };
        if matches!(
            process.phase,
            Phase::Stopped | Phase::Restarting | Phase::Starting
        ) {
            return;
        }
        process
            .inbox
            .retain(|event| !matches!(event, Event::Ended { name: own, .. } if own == name));
        process.inbox.push_back(Event::Ended {
            name: Name::clone(name),
            reason: reason.clone(),
        });
        self.wake(linked);
    }

    /// A removed process is known no more.
    fn let_go(&mut self, key: PartyKey) {
        let Some(party) = self.parties.get_mut(key) else {
            return;
        };
        let is_forgotten = party.process.take().is_some_and(|one| one.is_forgotten);
        let (out, into) = (party.out.clone(), party.into.clone());
        self.processes -= 1;
        for pair in out {
            if let Some(one) = self.pairs.get_mut(pair) {
                one.orphan(&self.tasks);
                self.drop_pair_if_unused(pair);
            }
        }
        for pair in into {
            let mut sequences = Vec::new();
            if let Some(one) = self.pairs.get_mut(pair) {
                one.is_unrecorded = false;
                one.is_in_ring = false;
                sequences.extend(one.queue.iter().filter_map(|item| match item {
                    Item::Note(note) if note.returned.is_none() => Some(note.sequence),
                    _ => None,
                }));
            }
            for sequence in sequences {
                self.send_back(pair, sequence, CallError::NoProcess);
            }
            self.drop_pair_if_unused(pair);
        }
        if is_forgotten {
            self.forget_party(key);
        }
        self.drop_party_if_unused(key);
    }

    /// Nothing is durable any longer of somebody who is not here: nobody need know what was seen.
    fn forget_party(&mut self, key: PartyKey) {
        let Some(party) = self.parties.get(key) else {
            return;
        };
        let (name, out, into) = (
            Name::clone(&party.name),
            party.out.clone(),
            party.into.clone(),
        );
        for pair in out {
            let Some(one) = self.pairs.get_mut(pair) else {
                continue;
            };
            let (to, was_seen) = (one.to, one.seen_with_taken() > 0);
            one.seen = 0;
            one.taken.clear();
            if was_seen
                && let Some(process) = self.process(to)
                && !process.forgotten.contains(&name)
            {
                process.forgotten.push(Name::clone(&name));
            }
            self.drop_pair_if_unused(pair);
        }
        for pair in into {
            if let Some(one) = self.pairs.get_mut(pair) {
                one.seen = 0;
                self.drop_pair_if_unused(pair);
            }
        }
    }
}

/// What whoever waits for a process that ended is told.
fn error_of(reason: &ExitReason) -> CallError {
    match reason {
        ExitReason::Crashed(_) | ExitReason::Exited(_) => CallError::Crashed,
        ExitReason::Stopped => CallError::Stopped,
        ExitReason::Removed => CallError::NoProcess,
    }
}

/// The wait after so many crashes in a row.
fn wait_ms(restart: &Restart, crashes: usize) -> u64 {
    let mut wait_ms = restart.first_ms;
    for _ in 1..crashes {
        if wait_ms >= restart.wait_ms_max {
            break;
        }
        wait_ms = wait_ms.saturating_mul(u64::from(restart.factor.max(1)));
    }
    wait_ms.min(restart.wait_ms_max)
}
