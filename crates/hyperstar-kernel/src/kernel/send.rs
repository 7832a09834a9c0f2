//! Messages that are answered: from a request or a call into a mailbox, or back with an error at once.

use super::keys::Known;
use super::pair::{Item, PairKey};
use super::process::{InFlight, Phase};
use super::task::{Asker, Stage, Task, TaskKey};
use super::{Asked, Due, Effects, Kernel, PartyKey};
use crate::{CallError, CallId, Effect, Key, Name, Origin, Request, Ticket};

/// A message that is to be put into a mailbox.
pub(super) struct Letter<M> {
    pub(super) asker: Asker,
    pub(super) handler: Name,
    pub(super) payload: M,
    pub(super) weight_bytes: u64,
    pub(super) deadline_ms: u64,
    pub(super) depth: u16,
    pub(super) key: Option<Key>,
}

impl<M: Clone, R: Clone> Kernel<M, R> {
    pub(super) fn request(&mut self, request: Request<M>, effects: &mut Effects<M, R>) {
        let ticket = request.ticket;
        if self.tickets.contains_key(&ticket) {
            let text = format!("ticket {ticket} is in use: a request was dropped");
            self.log(&request.to, text, effects);
            return;
        }
        match self.try_request(request) {
            Ok(None) => {}
            Ok(Some(result)) => effects.push(Effect::Answer { ticket, result }),
            Err(error) => effects.push(Effect::Answer {
                ticket,
                result: Err(error),
            }),
        }
    }

    /// Takes a request, or answers it with the outcome that is recorded for its key.
    fn try_request(
        &mut self,
        request: Request<M>,
    ) -> Result<Option<Result<R, CallError>>, CallError> {
        let to = self.lookup(&request.to).ok_or(CallError::NoProcess)?;
        let (bytes, bytes_max) = (request.handler.len(), self.limits.name_bytes_max);
        if bytes > bytes_max {
            return Err(CallError::Malformed(format!(
                "a handler's name of {bytes} bytes, the most are {bytes_max}: shorten it"
            )));
        }
        let mut deadline_ms = self.deadline(request.timeout_ms);
        let mut asker = Asker::Ticket(request.ticket);
        let mut depth = 1;
        match &request.origin {
            Origin::Outside => {}
            Origin::Process(name) => self.check_remote(name, &request.to, &request.handler)?,
            Origin::Turn(name) => {
                let caller = self.lookup(name).ok_or(CallError::NoProcess)?;
                self.check_allowed(caller, to, &request.handler)?;
                let standing = self.standing(caller).ok_or(CallError::Stopped)?;
                deadline_ms = deadline_ms.min(standing.deadline_ms);
                depth = standing.depth + 1;
                asker = Asker::Turn {
                    caller,
                    ticket: request.ticket,
                };
            }
        }
        self.check_sendable(depth, deadline_ms)?;
        if let Some(key) = &request.key {
            let recorded = self.ask_key(to, key, request.ticket, asker, deadline_ms)?;
            if !matches!(recorded, Asking::New) {
                self.stand(asker);
                return Ok(recorded.outcome());
            }
        }
        let from = match &request.origin {
            Origin::Outside => self.outside,
            Origin::Process(name) | Origin::Turn(name) => self.intern(name),
        };
        let pair = self.pair(from, to);
        let letter = Letter {
            asker,
            handler: request.handler,
            payload: request.payload,
            weight_bytes: request.weight_bytes,
            deadline_ms,
            depth,
            key: request.key,
        };
        let posted = self.post(pair, letter);
        if posted.is_err() {
            self.drop_pair_if_unused(pair);
        }
        let task = posted?;
        self.tickets.insert(request.ticket, Asked::Task(task));
        self.stand(asker);
        Ok(None)
    }

    /// A process that asks in the midst of its turn waits for the answer.
    fn stand(&mut self, asker: Asker) {
        let Kernel {
            parties, tickets, ..
        } = self;
        if let Asker::Turn { caller, ticket } = asker
            && let Some(party) = parties.get_mut(caller)
            && let Some(process) = &mut party.process
        {
            process.standing.retain(|one| tickets.contains_key(one));
            process.standing.push(ticket);
        }
    }

    /// What a key is known for. A request that runs is joined.
    fn ask_key(
        &mut self,
        to: PartyKey,
        key: &Key,
        ticket: Ticket,
        asker: Asker,
        deadline_ms: u64,
    ) -> Result<Asking<R>, CallError> {
        let limits = self.limits;
        if key.len() > limits.key_bytes_max {
            return Err(CallError::Malformed(format!(
                "a key of {} bytes, the most are {}: take its hash",
                key.len(),
                limits.key_bytes_max
            )));
        }
        let version = self.next_version();
        let process = self.process(to).ok_or(CallError::NoProcess)?;
        match process.keys.get(key) {
            Known::No => Ok(Asking::New),
            Known::Ended(outcome) => Ok(Asking::Recorded(outcome.clone())),
            Known::Runs(run) if run.joined.len() >= limits.joiners_max => Err(CallError::Busy),
            Known::Runs(run) => {
                let task = run.task;
                self.check_joined(task, asker)?;
                let caller = match asker {
                    Asker::Turn { caller, .. } => Some(caller),
                    _ => None,
                };
                if let Some(process) = self.process(to)
                    && let Some(run) = process.keys.run(key)
                {
                    run.joined.push(ticket);
                }
                let joined = Asked::Joined {
                    task,
                    version,
                    caller,
                };
                self.tickets.insert(ticket, joined);
                self.agenda
                    .add(deadline_ms, Due::Joined { ticket, version });
                Ok(Asking::Joined)
            }
        }
    }

    /// Sends a call that leaves its turn. It has a reply already if it cannot be sent.
    pub(super) fn send_call(&mut self, caller: PartyKey, id: CallId, to: &Name, letter: Letter<M>) {
        let sent = self.try_send(caller, to, letter);
        match sent {
            Ok(task) => {
                if let Some(process) = self.process(caller) {
                    process.calls.insert(id, InFlight::At(task));
                }
            }
            Err(error) => self.reply(caller, id, Err(error), 0),
        }
    }

    fn try_send(
        &mut self,
        caller: PartyKey,
        name: &Name,
        letter: Letter<M>,
    ) -> Result<TaskKey, CallError> {
        let to = self.lookup(name).ok_or(CallError::NoProcess)?;
        self.check_allowed(caller, to, &letter.handler)?;
        self.check_sendable(letter.depth, letter.deadline_ms)?;
        let pair = self.pair(caller, to);
        self.post(pair, letter)
    }

    fn check_sendable(&self, depth: u16, deadline_ms: u64) -> Result<(), CallError> {
        if depth > self.limits.chain_max {
            return Err(CallError::Cycle(format!(
                "{depth} calls wait for each other, the most are {}: answer before calling on",
                self.limits.chain_max
            )));
        }
        if deadline_ms <= self.now_ms {
            return Err(CallError::Timeout);
        }
        Ok(())
    }

    /// What a process works on that sends in the midst of a turn; `None` if it has none.
    fn standing(&self, caller: PartyKey) -> Option<Standing> {
        let process = self.process_ref(caller)?;
        if !matches!(process.phase, Phase::Turn | Phase::Starting) {
            return None;
        }
        let given = process.turn.given.iter();
        let given = given.filter_map(|given| self.tasks.get(given.task));
        let running = process.running.iter();
        let running = running.filter_map(|task| self.tasks.get(*task));
        Some(Standing {
            deadline_ms: given.map(|task| task.deadline_ms).min().unwrap_or(u64::MAX),
            depth: running.map(|task| task.depth).max().unwrap_or(0),
        })
    }

    /// Puts a message into the mailbox, if there is room and nobody waits in a circle.
    fn post(&mut self, key: PairKey, letter: Letter<M>) -> Result<TaskKey, CallError> {
        let now_ms = self.now_ms;
        let to = self.pairs.get(key).ok_or(CallError::NoProcess)?.to;
        self.check_circle(to, letter.asker)?;
        let pair = self.pairs.get_mut(key).ok_or(CallError::NoProcess)?;
        let process = self
            .parties
            .get_mut(to)
            .and_then(|one| one.process.as_mut());
        let process = process.ok_or(CallError::NoProcess)?;
        let (limits, weight_bytes) = (process.spec.mailbox, letter.weight_bytes);
        let (messages_max, weight_max) = (limits.messages_max, limits.weight_bytes_max);
        if !process.is_open() {
            return Err(CallError::Stopped);
        }
        process.spec.check_weight(weight_bytes)?;
        let share = limits.sender_percent;
        if !process.waiting.fits(messages_max, weight_max, weight_bytes)
            || !pair
                .waiting
                .fits_share(messages_max, weight_max, share, weight_bytes)
            || process
                .spec
                .rate
                .is_some_and(|rate| !pair.take_token(rate, now_ms))
        {
            return Err(CallError::Busy);
        }
        process.waiting.add(weight_bytes);
        pair.waiting.add(weight_bytes);
        let task_key = letter.key.clone();
        let task = self.add_task(Task {
            to,
            pair: key,
            asker: letter.asker,
            handler: letter.handler,
            payload: Some(letter.payload),
            weight_bytes,
            deadline_ms: letter.deadline_ms,
            depth: letter.depth,
            key: letter.key,
            stage: Stage::Waits,
            is_note: false,
            is_due: true,
        });
        if let Some(name) = task_key
            && let Some(process) = self.process(to)
        {
            process.keys.begin(name, task);
        }
        if let Some(pair) = self.pairs.get_mut(key) {
            pair.queue.push_back(Item::Call(task));
        }
        self.offer(key);
        Ok(task)
    }

    /// The time at which a message that is sent now is given up.
    pub(super) fn deadline(&self, timeout_ms: Option<u64>) -> u64 {
        let timeout_ms = timeout_ms.unwrap_or(self.limits.timeout_ms);
        let timeout_ms = timeout_ms.min(self.limits.timeout_ms_max);
        self.now_ms.saturating_add(timeout_ms)
    }
}

/// What stands still with a process.
struct Standing {
    /// The first deadline of what the turn was given.
    deadline_ms: u64,
    /// Of the longest chain that it is in.
    depth: u16,
}

/// What a request with a key is.
enum Asking<R> {
    New,
    Joined,
    Recorded(Result<R, CallError>),
}

impl<R> Asking<R> {
    fn outcome(self) -> Option<Result<R, CallError>> {
        match self {
            Asking::New | Asking::Joined => None,
            Asking::Recorded(outcome) => Some(outcome),
        }
    }
}
