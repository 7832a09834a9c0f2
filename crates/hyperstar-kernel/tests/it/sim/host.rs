//! The host: it carries out what the kernel asks for, sooner or later, well or not.

use hyperstar_kernel::{
    Acknowledge, CallError, Effect, Event, Exclusive, ExitReason, Incarnation, Input, Name, Next,
    Origin, Outcome, Record, Room, Ticket,
};

use super::app::{App, Cx};
use super::script::{self, Msg, Said};
use super::world::{Ask, Commit, Happening, Outside, Standing, World, sender};

impl World {
    pub(super) fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Started(name, incarnation) => {
                let fails = !self.is_calm && self.random.percent(5);
                let result = if fails {
                    Err("it would not".to_owned())
                } else {
                    let state = self.store[&name].state.clone();
                    let app = App::new(name.clone(), state);
                    if self.life(&name) == incarnation {
                        self.apps.insert(name.clone(), (incarnation, app));
                    }
                    Ok(Outcome::Done {
                        actions: Vec::new(),
                        // A migration, say.
                        is_changed: self.random.percent(30),
                        exclusive: Exclusive::No,
                    })
                };
                self.feed(Input::Started {
                    name,
                    incarnation,
                    result,
                });
            }
            Happening::Turns(name, incarnation, events, room) => {
                self.stand(Standing {
                    name,
                    incarnation,
                    events,
                    room,
                });
            }
            Happening::Turned(name, incarnation, events, room) => {
                self.turn(name, incarnation, events, room);
            }
            Happening::Lands(name) => self.land(&name),
            Happening::Committed(name, incarnation, result) => {
                self.commits.remove(&name);
                self.feed(Input::Committed {
                    name,
                    incarnation,
                    result,
                });
            }
            Happening::Tick => self.feed(Input::Tick),
            Happening::Outside(outside) => self.outside(outside),
        }
    }

    pub(super) fn life(&self, name: &Name) -> Incarnation {
        self.kernel
            .load(name)
            .map_or(Incarnation(0), |load| load.incarnation)
    }

    /// A process asks in the midst of its turn, at times, and goes on once it is answered.
    pub(super) fn stand(&mut self, turn: Standing) {
        let lives = self.life(&turn.name) == turn.incarnation && self.apps.contains_key(&turn.name);
        if self.is_calm || !lives || !self.random.percent(10) {
            return self.go_on(turn);
        }
        self.deeds.stood += 1;
        let ticket = Ticket(self.last + 2);
        self.last += 1;
        self.sent_at_once.insert(self.last);
        let ask = Ask {
            to: self.random.pick(&self.names).clone(),
            origin: Origin::Turn(turn.name.clone()),
            key: None,
            msg: Msg {
                id: self.last,
                number: 0,
                work: script::work(&self.random, &self.names, 2),
            },
        };
        self.standing.insert(ticket, turn);
        self.ask(ask);
    }

    /// A turn goes on, if it was this that it waited for.
    pub(super) fn answered(&mut self, ticket: Ticket) {
        if let Some(turn) = self.standing.remove(&ticket) {
            self.go_on(turn);
        }
    }

    fn go_on(&mut self, turn: Standing) {
        let after_ms = self.a_while();
        let Standing {
            name,
            incarnation,
            events,
            room,
        } = turn;
        self.later(after_ms, Happening::Turned(name, incarnation, events, room));
    }

    /// An instance is gone, and asks no more.
    fn unask(&mut self, name: &Name) {
        let gone = self.standing.iter().filter(|(_, turn)| turn.name == *name);
        let gone: Vec<Ticket> = gone.map(|(ticket, _)| *ticket).collect();
        for ticket in gone {
            self.later(0, Happening::Outside(Outside::Leave(ticket)));
        }
    }

    pub(super) fn turn(
        &mut self,
        name: Name,
        incarnation: Incarnation,
        events: Vec<Event<Msg, Said>>,
        room: Room,
    ) {
        let app = self.apps.get_mut(&name);
        let Some((_, app)) = app.filter(|(life, _)| *life == incarnation) else {
            // The instance was killed, and is heard once more.
            let outcome = Outcome::nothing();
            return self.feed(Input::TurnEnded {
                name,
                incarnation,
                outcome,
            });
        };
        let mut cx = Cx {
            random: &self.random,
            last: &mut self.last,
            room,
        };
        let outcome = app.turn(events, &mut cx).ok();
        let is_durable = self.specs[&name].acknowledge == Acknowledge::Commit;
        let outcome = match outcome {
            None => {
                self.apps
                    .retain(|own, (life, _)| *own != name || *life != incarnation);
                self.watch.restart(&name);
                Outcome::Crashed {
                    reason: "it trapped".to_owned(),
                }
            }
            Some(done) => {
                if done.deferred > 0 {
                    self.deeds.deferred += 1;
                    self.watch.restart(&name);
                }
                Outcome::Done {
                    actions: done.actions,
                    is_changed: done.is_changed && (is_durable || self.random.percent(30)),
                    exclusive: done.exclusive,
                }
            }
        };
        self.feed(Input::TurnEnded {
            name,
            incarnation,
            outcome,
        });
    }

    /// A commit becomes durable.
    pub(super) fn land(&mut self, name: &Name) {
        if let Some(commit) = self.commits.get_mut(name)
            && let Some((record, state)) = commit.content.take()
        {
            let durable = self.store.get_mut(name).unwrap();
            durable.commit(record, state);
            let most = self.specs[name].outbox.messages_max;
            assert!(
                durable.outbox.len() <= most,
                "the outbox of `{name}` is too long"
            );
        }
    }

    pub(super) fn carry_out(&mut self, effect: Effect<Msg, Said>, turned: Option<&Name>) {
        match effect {
            Effect::Start { name, incarnation } => {
                let after_ms = self.a_while();
                self.later(after_ms, Happening::Started(name, incarnation));
            }
            Effect::Running { name, incarnation } => {
                let (life, _) = self.apps[&name];
                assert_eq!(life, incarnation, "`{name}` runs without an instance");
                assert!(!self.commits.contains_key(&name), "it runs in a commit");
                assert!(self.running.insert(name, incarnation) < Some(incarnation));
            }
            Effect::Kill { name, .. } => {
                self.apps.remove(&name);
                self.unask(&name);
                self.watch.restart(&name);
                assert!(!self.commits.contains_key(&name), "killed in a commit");
            }
            Effect::Turn {
                name,
                incarnation,
                events,
                room,
            } => {
                self.deeds.turns += 1;
                self.deeds.batches += u64::from(events.len() > 1);
                assert!(!events.is_empty() && events.len() <= self.specs[&name].turn_events_max);
                assert!(
                    self.running.get(&name) == Some(&incarnation) || events == [Event::Stop],
                    "`{name}` has a turn before it runs"
                );
                for event in &events {
                    self.check_event(&name, event);
                }
                let after_ms = self.a_while();
                self.later(after_ms, Happening::Turns(name, incarnation, events, room));
            }
            Effect::Commit {
                name,
                incarnation,
                record,
            } => self.commit(name, incarnation, record, turned),
            Effect::Answer { ticket, result } => self.answer(ticket, result),
            Effect::Exited { name, reason, next } => match (reason, next) {
                (_, Next::Gone) if !self.is_over => self.bury(name),
                (_, Next::GaveUp) => self.deeds.give_ups += 1,
                (ExitReason::Exited(_), _) => self.deeds.exits += 1,
                (ExitReason::Crashed(_), _) => self.deeds.crashes += 1,
                _ => {}
            },
            _ => {}
        }
    }

    pub(super) fn commit(
        &mut self,
        name: Name,
        incarnation: Incarnation,
        record: Record<Msg, Said>,
        turned: Option<&Name>,
    ) {
        self.deeds.commits += 1;
        self.deeds.settled += u64::from(!record.outbox_removed.is_empty());
        let state = (turned == Some(&name)).then(|| self.apps[&name].1.state.clone());
        let content = Some((record, state));
        let commit = Commit { content };
        assert!(
            self.commits.insert(name.clone(), commit).is_none(),
            "two commits at once"
        );
        let lands_ms = self.a_while();
        if !self.is_calm && self.random.percent(4) {
            self.deeds.failed_commits += 1;
            let failed = Happening::Committed(name, incarnation, Err("no space".to_owned()));
            return self.later(lands_ms, failed);
        }
        self.later(lands_ms, Happening::Lands(name.clone()));
        let known_ms = lands_ms + self.a_while();
        self.later(known_ms, Happening::Committed(name, incarnation, Ok(())));
    }

    pub(super) fn answer(&mut self, ticket: Ticket, result: Result<Said, CallError>) {
        let ask = self
            .asked
            .remove(&ticket)
            .expect("a request has one answer");
        self.watch
            .leave(&ask.to, &sender(&ask.origin), ask.msg.number);
        self.deeds.answers += 1;
        self.check_said(&result);
        match &result {
            Ok(said) => assert_eq!(said.id, ask.msg.id, "the answer of another request"),
            Err(error) => self.count(error),
        }
        self.answered(ticket);
        if result.is_err() && ask.key.is_some() && !self.is_calm && self.random.percent(60) {
            self.deeds.repeats += 1;
            let after_ms = self.random.range(0, 300);
            self.later(after_ms, Happening::Outside(Outside::Ask(ask)));
        }
    }

    pub(super) fn count(&mut self, error: &CallError) {
        let deeds = &mut self.deeds;
        match error {
            CallError::Timeout => deeds.timeouts += 1,
            CallError::Busy => deeds.busy += 1,
            CallError::Cycle(text) if text.contains("the most are") => deeds.too_deep += 1,
            CallError::Cycle(_) => deeds.cycles += 1,
            CallError::Denied(_) => deeds.denied += 1,
            CallError::Crashed => deeds.crashed += 1,
            CallError::Stopped => deeds.stopped += 1,
            CallError::NoProcess => deeds.nobody += 1,
            _ => {}
        }
    }
}
