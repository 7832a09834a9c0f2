//! Grants: checked when a message is sent, and again while it waits once one is void.

use super::pair::{Item, PairKey};
use super::{Due, Effects, Kernel, PartyKey};
use crate::{CallError, Effect, Grant, GrantId, Name};

impl<M: Clone, R: Clone> Kernel<M, R> {
    pub(super) fn grant(&mut self, grant: Grant, effects: &mut Effects<M, R>) {
        let (id, expires_ms) = (grant.id, grant.expires_ms);
        match self.grants.add(grant, self.now_ms, &self.limits) {
            Ok(()) => {
                if let Some(at_ms) = expires_ms {
                    self.agenda.add(at_ms, Due::Grant(id));
                }
            }
            Err(reason) => effects.push(Effect::GrantRefused { id, reason }),
        }
    }

    pub(super) fn revoke(&mut self, id: GrantId, effects: &mut Effects<M, R>) {
        for holder in self.grants.revoke(id) {
            let party = self.names.get(&holder);
            let pairs = party.and_then(|party| self.parties.get(*party));
            let Some(pairs) = pairs.map(|party| party.out.clone()) else {
                continue;
            };
            for pair in pairs {
                self.refuse_denied(pair, effects);
            }
        }
    }

    /// Refuses what waits in a pair without a grant by now.
    fn refuse_denied(&mut self, key: PairKey, effects: &mut Effects<M, R>) {
        let Some(pair) = self.pairs.get(key) else {
            return;
        };
        let (from, to) = (pair.from, pair.to);
        let (mut calls, mut notes) = (Vec::new(), Vec::new());
        for item in &pair.queue {
            match item {
                Item::Call(task) => {
                    if let Some(handler) = self.tasks.get(*task).map(|task| &task.handler)
                        && let Err(error) = self.check_allowed(from, to, handler)
                    {
                        calls.push((*task, error));
                    }
                }
                Item::Note(note) if note.returned.is_none() => {
                    if let Err(error) = self.check_allowed(from, to, &note.handler) {
                        notes.push((note.sequence, error));
                    }
                }
                Item::Note(_) => {}
            }
        }
        for (task, error) in calls {
            self.fail(task, error, effects);
        }
        for (sequence, error) in notes {
            self.send_back(key, sequence, error);
        }
    }

    /// Whether a sender may message a receiver now.
    pub(super) fn check_allowed(
        &self,
        from: PartyKey,
        to: PartyKey,
        handler: &Name,
    ) -> Result<(), CallError> {
        if from == to || from == self.outside {
            return Ok(());
        }
        let (Some(sender), Some(receiver)) = (self.parties.get(from), self.parties.get(to)) else {
            return Err(CallError::NoProcess);
        };
        let public = receiver.process.as_ref().map(|one| &one.spec.public);
        if sender.process.is_some() && public.is_some_and(|names| names.contains(handler)) {
            return Ok(());
        }
        self.check_granted(&sender.name, &receiver.name, handler)
    }

    /// Whether a process at another node may message one here.
    pub(super) fn check_remote(
        &self,
        from: &Name,
        to: &Name,
        handler: &Name,
    ) -> Result<(), CallError> {
        if self.lookup(from).is_some() {
            return Err(CallError::Denied(format!(
                "`{from}` is a process of this node and sends from here: name its own node"
            )));
        }
        self.check_granted(from, to, handler)
    }

    fn check_granted(&self, from: &Name, to: &Name, handler: &Name) -> Result<(), CallError> {
        if self.grants.allow(from, to, handler) {
            return Ok(());
        }
        Err(CallError::Denied(format!(
            "`{from}` may not send `{handler}` to `{to}`: grant it"
        )))
    }
}
