//! What has to hold, while a world runs and at its end.

use std::collections::BTreeMap;

use hyperstar_kernel::{Acknowledge, CallError, Event, Input, Name, Sender};

use super::script::{Msg, Said};
use super::store::State;
use super::world::{Happening, World};

impl World {
    pub(super) fn is_durable(&self, name: &Name) -> bool {
        self.specs
            .get(name)
            .is_some_and(|spec| spec.acknowledge == Acknowledge::Commit)
    }

    /// What is told to a process is durable where it comes from, and allowed.
    pub(super) fn check_event(&mut self, name: &Name, event: &Event<Msg, Said>) {
        match event {
            Event::Message { from, payload, .. } => {
                let from: Name = match from {
                    Sender::Outside => "outside".into(),
                    Sender::Process(from) => from.clone(),
                };
                let is_local = self.specs.contains_key(&from);
                let id = if is_local { payload.id } else { payload.number };
                self.watch.serve(name, &from, id);
                let is_held = self.is_durable(&from) && !self.sent_at_once.contains(&payload.id);
                if is_held {
                    assert!(
                        self.has(&from, |state| state.sent.contains(&payload.id)),
                        "{payload:?} was seen before its commit"
                    );
                }
                let is_public = is_local && !self.specs[name].public.is_empty();
                assert!(
                    &*from == "outside" || is_public || self.grants.allow(&from, name),
                    "`{from}` may not message `{name}`"
                );
            }
            Event::Reply { result, .. } => {
                self.check_said(result);
                if let Err(error) = result {
                    self.count(error);
                }
            }
            Event::Timer { id } if self.is_durable(name) => {
                let timers = &self.store[name].state.timers;
                assert!(timers.contains(&id.0), "a timer was set before its commit");
            }
            Event::Ended { .. } => self.deeds.told += 1,
            Event::Undelivered { note, .. } if self.is_durable(name) => {
                let sent = &self.store[name].state.sent;
                assert!(sent.contains(&note.0), "it came back before its commit");
            }
            _ => {}
        }
    }

    /// What was acknowledged is durable.
    pub(super) fn check_said(&self, result: &Result<Said, CallError>) {
        if let Ok(said) = result
            && !said.is_pure
            && self.is_durable(&said.by)
        {
            assert!(
                self.has(&said.by, |state| state.applied.get(&said.id) == Some(&1)),
                "{said:?} was acknowledged too early"
            );
        }
    }

    /// Whether this is durable of a process, or was until it was removed.
    pub(super) fn has(&self, name: &Name, what: impl Fn(&State) -> bool) -> bool {
        let graves = self.graves.get(name).into_iter().flatten();
        graves.chain([&self.store[name].state]).any(what)
    }

    pub(super) fn check_bounds(&self) {
        for name in &self.names {
            let (Some(load), spec) = (self.kernel.load(name), &self.specs[name]) else {
                continue;
            };
            assert!(
                load.waiting <= spec.mailbox.messages_max + spec.turn_events_max,
                "{load:?}"
            );
            let most_bytes = spec.mailbox.weight_bytes_max + 40 * spec.turn_events_max as u64;
            assert!(load.waiting_bytes <= most_bytes, "{load:?}");
            assert!(load.running <= spec.tasks_max, "{load:?}");
            assert!(load.calls <= 2 * spec.calls_max, "{load:?}");
            assert!(load.timers <= spec.timers_max, "{load:?}");
            assert!(load.outbox <= spec.outbox.messages_max, "{load:?}");
            assert!(
                load.outbox_bytes <= spec.outbox.weight_bytes_max,
                "{load:?}"
            );
        }
    }

    /// Nobody waits for itself: where nothing happens but that time passes, whatever an exclusive handler or a turn
    /// waits for ends by something else than a deadline.
    pub(super) fn check_circles(&mut self) {
        let mut planned = self.queue.values();
        if !planned.all(|happening| matches!(happening, Happening::Outside(_))) {
            return;
        }
        self.deeds.rests += 1;
        let standing = self.standing.iter().filter_map(|(ticket, turn)| {
            let ask = self.asked.get(ticket)?;
            Some((&turn.name, (ask.to.clone(), ask.msg.id)))
        });
        let standing: BTreeMap<&Name, (Name, u64)> = standing.collect();
        let exclusive = self.apps.values().filter_map(|(_, app)| app.awaited());
        for first in exclusive.chain(standing.values().cloned()) {
            let mut path = vec![first];
            while let Some((name, msg)) = path.last()
                && let Some((_, app)) = self.apps.get(name)
            {
                let next = match standing.get(name) {
                    Some(asked) => Some(asked.clone()),
                    None => app.awaited_for(*msg).unwrap_or_else(|| app.awaited()),
                };
                let Some(next) = next else {
                    break;
                };
                assert!(!path.contains(&next), "a circle: {path:?}");
                path.push(next);
            }
            self.deeds.long_waits += u64::from(path.len() > 2);
        }
    }

    pub(super) fn check_end(&mut self) {
        assert!(self.asked.is_empty(), "requests without an answer");
        for (name, (_, app)) in &self.apps {
            assert!(app.has_all_replies(), "`{name}` waits for a reply for ever");
        }
        for (name, durable) in &self.store {
            if !self.is_durable(name) || self.graves.contains_key(name) {
                continue;
            }
            let state = &durable.state;
            assert!(
                state.applied.values().all(|times| *times == 1),
                "`{name}` applied twice"
            );
            assert!(
                durable.outbox.is_empty(),
                "`{name}` keeps {:?}",
                durable.outbox
            );
            for (id, to) in &state.notified {
                let returned = state.returned.get(id).copied().unwrap_or_default();
                self.deeds.returned += u64::from(returned);
                assert!(returned <= 1, "{id} came back twice");
                if self.is_durable(to) && !self.graves.contains_key(to) {
                    self.deeds.notified += 1;
                    let applied = self.store[to]
                        .state
                        .applied
                        .get(id)
                        .copied()
                        .unwrap_or_default();
                    assert_eq!(returned + applied, 1, "{id} from `{name}` to `{to}`");
                }
            }
        }
        self.is_over = true;
        for name in self.names.clone() {
            self.feed(Input::Remove { name, forget: true });
        }
        self.run_until_quiet();
        let census = self.kernel.census();
        assert_eq!(
            (census.processes, census.pairs, census.tasks, census.tickets),
            (0, 0, 0, 0)
        );
    }
}
