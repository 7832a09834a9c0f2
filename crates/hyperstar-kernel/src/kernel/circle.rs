//! Circles: a call that would wait for itself is refused at once, and not left to its deadline.
//!
//! A process is closed while an exclusive handler of its awaits something, or while it stands still in a turn. A
//! message waits for nobody at a process that is open, so each circle leads through the mailbox of a closed one. There
//! are two moments at which one can come about: a call goes to a process that is closed, and a process closes while
//! calls wait for it. In both the walk goes from the closed process to what it waits for, and on to what that waits
//! for; a call to an open process costs a look at that process and nothing else.

use std::collections::HashSet;

use super::task::{Asker, Stage, Task, TaskKey};
use super::{Asked, Effects, Kernel, PartyKey};
use crate::{CallError, Exclusive};

/// How many calls are looked at because of one input. A circle that is only found beyond is left to the deadlines of its
/// calls: so nobody who has thousands of them holds up others.
pub(super) const STEPS_MAX: usize = 16_384;

/// Who stands still until a call is answered.
#[derive(Default)]
struct Held {
    /// They take no message before.
    closed: Vec<PartyKey>,
    /// They do nothing at all before.
    standing: Vec<PartyKey>,
}

impl Held {
    fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.standing.is_empty()
    }
}

impl<M: Clone, R: Clone> Kernel<M, R> {
    /// Refuses a call to a closed process that would wait for itself there.
    pub(super) fn check_circle(&mut self, to: PartyKey, asker: Asker) -> Result<(), CallError> {
        let is_closed = match asker {
            Asker::Nobody | Asker::Ticket(_) => false,
            Asker::Turn { caller, .. } if caller == to => true,
            Asker::Turn { .. } | Asker::Call { .. } => self.is_closed(to),
        };
        if !is_closed {
            return Ok(());
        }
        let mut left = self.steps_left;
        let held = self.held_by(asker, &mut left);
        let mut is_circle = held.closed.contains(&to) || held.standing.contains(&to);
        if !is_circle && !held.is_empty() {
            let awaited = self.awaited_by(to, &mut left);
            is_circle = !self.circle(awaited, &held, &mut left).is_empty();
        }
        self.steps_left = left;
        if is_circle {
            return Err(self.cycle(to));
        }
        Ok(())
    }

    /// Refuses a process that would wait in its turn for a task which waits for the process.
    pub(super) fn check_joined(&mut self, task: TaskKey, asker: Asker) -> Result<(), CallError> {
        let to = self.tasks.get(task).map(|task| task.to);
        let (Asker::Turn { .. }, Some(to)) = (asker, to) else {
            return Ok(());
        };
        let mut left = self.steps_left;
        let held = self.held_by(asker, &mut left);
        let found = self.circle(vec![task], &held, &mut left);
        self.steps_left = left;
        if !found.is_empty() {
            return Err(self.cycle(to));
        }
        Ok(())
    }

    /// A process waits exclusively from now on: what waits in its mailbox and would come back to it is
    /// refused.
    pub(super) fn refuse_circles(&mut self, party: PartyKey, effects: &mut Effects<M, R>) {
        let held = Held {
            closed: vec![party],
            standing: Vec::new(),
        };
        let mut left = self.steps_left;
        let awaited = self.awaited_by(party, &mut left);
        let found = self.circle(awaited, &held, &mut left);
        self.steps_left = left;
        for task in found {
            let error = self.cycle(party);
            self.fail(task, error, effects);
        }
    }

    fn cycle(&self, to: PartyKey) -> CallError {
        CallError::Cycle(format!(
            "`{}` waits for this call itself: make its handler a concurrent one, or answer first",
            self.name_of(to)
        ))
    }

    /// Whether a process takes no messages before something that it waits for.
    fn is_closed(&self, party: PartyKey) -> bool {
        self.process_ref(party).is_some_and(|process| {
            process.exclusive != Exclusive::No
                || !process.standing.is_empty() && self.asked_in_turn(party).next().is_some()
        })
    }

    /// Whether a process takes no messages before the end of what it called on behalf of `parent`.
    fn waits_for(&self, party: PartyKey, parent: Option<TaskKey>) -> bool {
        match self.process_ref(party).map(|process| process.exclusive) {
            None | Some(Exclusive::No) => false,
            Some(Exclusive::Process) => true,
            Some(Exclusive::Task(task)) => parent.is_some_and(|parent| parent.number() == task.0),
        }
    }

    /// Goes from one who asks to the next. Each chain was checked against the longest when it was sent.
    fn held_by(&self, asker: Asker, left: &mut usize) -> Held {
        let mut held = Held::default();
        let mut next = vec![asker];
        while let Some(asker) = next.pop()
            && *left > 0
        {
            *left -= 1;
            match asker {
                Asker::Nobody | Asker::Ticket(_) => {}
                Asker::Call { caller, parent, .. } => {
                    if self.waits_for(caller, parent) && !held.closed.contains(&caller) {
                        held.closed.push(caller);
                    }
                    let task = parent.and_then(|parent| self.tasks.get(parent));
                    next.extend(task.into_iter().flat_map(|task| self.askers_of(task)));
                }
                Asker::Turn { caller, .. } => {
                    // Whoever waits for any of its work waits for this.
                    if !held.standing.contains(&caller) {
                        held.standing.push(caller);
                        let process = self.process_ref(caller);
                        let running = process.into_iter().flat_map(|process| &process.running);
                        let running = running.filter_map(|task| self.tasks.get(*task));
                        next.extend(running.flat_map(|task| self.askers_of(task)));
                    }
                }
            }
        }
        held
    }

    /// Whoever asked for a task, and the processes that wait for it too.
    fn askers_of(&self, task: &Task<M>) -> impl Iterator<Item = Asker> {
        let process = task.key.as_ref().and(self.process_ref(task.to));
        let joined = process.zip(task.key.as_ref());
        let joined = joined.map_or(&[][..], |(process, key)| process.keys.joined(key));
        let joined = joined.iter().filter_map(|ticket| {
            let Some(Asked::Joined { caller, .. }) = self.tickets.get(ticket) else {
                return None;
            };
            let (caller, ticket) = ((*caller)?, *ticket);
            Some(Asker::Turn { caller, ticket })
        });
        joined.chain([task.asker])
    }

    /// What has to end before a closed process takes messages.
    fn awaited_by(&self, party: PartyKey, left: &mut usize) -> Vec<TaskKey> {
        let mut awaited: Vec<TaskKey> = self.asked_in_turn(party).collect();
        if let Some(process) = self.process_ref(party) {
            *left = left.saturating_sub(process.calls.len());
            awaited.extend(process.calls_at().filter(|call| {
                let asker = self.tasks.get(*call).map(|task| task.asker);
                matches!(asker, Some(Asker::Call { parent, .. }) if self.waits_for(party, parent))
            }));
        }
        awaited
    }

    /// What a process waits for in the midst of its turn.
    fn asked_in_turn(&self, party: PartyKey) -> impl Iterator<Item = TaskKey> {
        let process = self.process_ref(party);
        let standing = process.into_iter().flat_map(|process| &process.standing);
        standing.filter_map(move |ticket| match self.tickets.get(ticket)? {
            Asked::Task(task) => match self.tasks.get(*task)?.asker {
                Asker::Turn { caller, .. } if caller == party => Some(*task),
                _ => None,
            },
            Asked::Joined { task, caller, .. } => (*caller == Some(party)).then_some(*task),
        })
    }

    /// Goes from tasks to all that they wait for, each once. Gives those that wait for who is held.
    fn circle(&self, mut next: Vec<TaskKey>, held: &Held, left: &mut usize) -> Vec<TaskKey> {
        let mut found = Vec::new();
        let mut reached = HashSet::with_hasher(self.seed);
        let mut entered = HashSet::with_hasher(self.seed);
        while let Some(key) = next.pop()
            && *left > 0
        {
            *left -= 1;
            let Some(task) = self.tasks.get(key).filter(|_| reached.insert(key)) else {
                continue;
            };
            let to = task.to;
            let waits = match task.stage {
                Stage::Waits | Stage::Deferred(_) => true,
                Stage::Runs(_) | Stage::Cancelled(_) => false,
                Stage::Responded(_) => continue,
            };
            let Some(process) = self.process_ref(to) else {
                continue;
            };
            if held.standing.contains(&to) || waits && held.closed.contains(&to) {
                found.push(key);
            } else if !waits {
                next.extend(self.asked_in_turn(to));
                next.extend(process.calls_at().filter(|call| {
                    let asker = self.tasks.get(*call).map(|task| task.asker);
                    matches!(asker, Some(Asker::Call { parent, .. }) if parent == Some(key))
                }));
                *left = left.saturating_sub(process.calls.len());
            } else if entered.insert(to) && self.is_closed(to) {
                next.extend(self.awaited_by(to, left));
            }
        }
        found
    }
}
