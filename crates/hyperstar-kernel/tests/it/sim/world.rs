//! A node, its host, and all that is outside of it.

use std::collections::BTreeMap;

use hyperstar_kernel::{
    Acknowledge, CallError, Effect, Event, Exclusive, ExitPolicy, Incarnation, Input, Kernel,
    KernelLimits, Key, Link, MailboxLimits, Name, Next, OnEnd, Origin, OutboxLimits, Outcome,
    Record, Request, Restart, Room, Sender, Spec, Target, Ticket,
};

use super::app::{App, Cx};
use super::grants::Model;
use super::random::Random;
use super::script::{self, Msg, Said};
use super::store::{Durable, State};
use super::watch::Watch;

/// How long new things happen.
const BUSY_MS: u64 = 3_000;

pub(super) struct World {
    random: Random,
    kernel: Kernel<Msg, Said>,
    limits: KernelLimits,
    now_ms: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    names: Vec<Name>,
    specs: BTreeMap<Name, Spec>,
    store: BTreeMap<Name, Durable>,
    apps: BTreeMap<Name, (Incarnation, App)>,
    /// Commits under way.
    commits: BTreeMap<Name, Commit>,
    asked: BTreeMap<Ticket, Ask>,
    grants: Model,
    watch: Watch,
    last: u64,
    order: u64,
    /// No more faults.
    is_calm: bool,
    deeds: Deeds,
}

struct Commit {
    /// Until it is durable.
    content: Option<(Record<Msg, Said>, Option<State>)>,
}

/// A request, as its sender knows it.
#[derive(Clone)]
struct Ask {
    to: Name,
    origin: Origin,
    msg: Msg,
    key: Option<Key>,
}

enum Happening {
    /// The host has made an instance.
    Started(Name, Incarnation),
    /// An instance has done a turn.
    Turned(Name, Incarnation, Vec<Event<Msg, Said>>, Room),
    /// A commit becomes durable.
    Lands(Name),
    /// The host hears of it.
    Committed(Name, Incarnation, Result<(), String>),
    Outside(Outside),
}

/// What does not end with the node.
enum Outside {
    Ask(Ask),
    Leave(Ticket),
    Stop(Name),
    Start(Name),
    Grant,
    Revoke,
    /// An instance is lost without a turn.
    Lose(Name),
    Die,
}

macro_rules! deeds {
    ($($name:ident),*) => {
        /// How often what happened.
        #[derive(Debug, Default, PartialEq)]
        pub(super) struct Deeds { $($name: u64),* }

        impl Deeds {
            pub(super) fn add(&mut self, other: &Deeds) {
                $(self.$name += other.$name;)*
            }

            pub(super) fn check_all_happened(&self) {
                $(assert!(self.$name > 0, "no run has {}", stringify!($name));)*
            }
        }
    };
}

deeds!(
    steps,
    deaths,
    turns,
    batches,
    commits,
    failed_commits,
    lost_acknowledgements,
    crashes,
    give_ups,
    exits,
    stops,
    answers,
    repeats,
    timeouts,
    busy,
    cycles,
    too_deep,
    lost,
    denied,
    crashed,
    stopped,
    nobody,
    deferred,
    returned,
    told,
    notified,
    cancelled,
    settled
);

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        let limits = KernelLimits {
            chain_max: random.range(2, 12).try_into().unwrap(),
            settle_ms: random.range(1, 500),
            timeout_ms: random.range(100, 5_000),
            joiners_max: 3,
            ..KernelLimits::default()
        };
        let names: Vec<Name> = (0..random.size(2, 5))
            .map(|one| format!("p{one}").into())
            .collect();
        let specs = names
            .iter()
            .map(|name| (name.clone(), spec(&random, &names)));
        World {
            kernel: Kernel::new(limits, seed),
            limits,
            now_ms: 0,
            queue: BTreeMap::new(),
            specs: specs.collect(),
            store: names
                .iter()
                .map(|name| (name.clone(), Durable::default()))
                .collect(),
            apps: BTreeMap::new(),
            commits: BTreeMap::new(),
            asked: BTreeMap::new(),
            grants: Model::default(),
            watch: Watch::default(),
            last: 0,
            order: 0,
            is_calm: false,
            deeds: Deeds::default(),
            names,
            random,
        }
    }

    /// Runs until nothing more happens, and checks what is left.
    pub(super) fn run(mut self) -> Deeds {
        self.plan();
        self.boot();
        self.run_until_quiet();
        self.is_calm = true;
        for _ in 0..100 {
            let stopped = self
                .names
                .iter()
                .filter(|name| !self.kernel.load(name).unwrap().is_running);
            let stopped: Vec<Name> = stopped.cloned().collect();
            if stopped.is_empty() {
                break;
            }
            for name in stopped {
                self.feed(Input::Start { name });
            }
            self.run_until_quiet();
        }
        self.check_end();
        self.deeds
    }

    fn plan(&mut self) {
        let holders = [self.names.clone(), vec!["far".into(), "farther".into()]].concat();
        for holder in &holders {
            if self.random.percent(85) {
                let grant = self.grants.make(holder, Target::Any, None);
                self.grants.add(grant);
            }
        }
        for _ in 0..self.random.range(5, 25) {
            let (at_ms, key) = (self.random.range(0, BUSY_MS), self.random.percent(50));
            let to = self.random.pick(&self.names).clone();
            // Some come in floods, of several senders.
            let is_flood = self.random.percent(15);
            for _ in 0..if is_flood { 40 } else { 1 } {
                let origin = match self.random.range(0, 5) {
                    0 => Origin::Process("far".into()),
                    1 => Origin::Process("farther".into()),
                    _ => Origin::Outside,
                };
                self.last += 1;
                let msg = Msg {
                    id: self.last,
                    number: 0,
                    work: script::work(&self.random, &self.names, 3),
                };
                let ask = Ask {
                    to: to.clone(),
                    origin,
                    key: key.then(|| format!("key-{}", self.last).into()),
                    msg,
                };
                if key && self.random.percent(40) {
                    let again_ms = at_ms + self.random.range(0, 500);
                    self.later_at(again_ms, Happening::Outside(Outside::Ask(ask.clone())));
                }
                self.later_at(at_ms, Happening::Outside(Outside::Ask(ask)));
            }
        }
        for _ in 0..self.random.range(0, 8) {
            let at_ms = self.random.range(0, BUSY_MS);
            let name = self.random.pick(&self.names).clone();
            let outside = match self.random.range(0, 9) {
                0..2 => Outside::Die,
                2..4 => Outside::Stop(name),
                4..6 => Outside::Start(name),
                6..8 => Outside::Grant,
                8 => Outside::Lose(name),
                _ => Outside::Revoke,
            };
            self.later_at(at_ms, Happening::Outside(outside));
        }
    }

    /// Begins with what is durable.
    fn boot(&mut self) {
        self.grants.expire(self.now_ms);
        for name in self.names.clone() {
            let memory = self.store[&name].memory();
            let spec = self.specs[&name].clone();
            self.feed(Input::Add { name, spec, memory });
        }
        for grant in self.grants.live().to_vec() {
            self.feed(Input::GrantAdd(grant));
        }
        self.feed(Input::GrantsUpTo(hyperstar_kernel::GrantId(
            self.grants.last,
        )));
        for name in self.names.clone() {
            self.feed(Input::Start { name });
        }
    }

    fn run_until_quiet(&mut self) {
        for _ in 0..200_000 {
            let planned = self.queue.first_key_value().map(|((at_ms, _), _)| *at_ms);
            let wake = self.kernel.next_wake_ms();
            match (planned, wake) {
                (None, None) => return,
                (Some(planned), wake) if wake.is_none_or(|wake| planned <= wake) => {
                    let (_, happening) = self.queue.pop_first().unwrap();
                    self.now_ms = self.now_ms.max(planned);
                    self.happen(happening);
                }
                (_, wake) => {
                    self.now_ms = self.now_ms.max(wake.unwrap());
                    self.feed(Input::Tick);
                }
            }
        }
        panic!("it never ends");
    }

    fn later(&mut self, after_ms: u64, happening: Happening) {
        self.later_at(self.now_ms + after_ms, happening);
    }

    fn later_at(&mut self, at_ms: u64, happening: Happening) {
        self.order += 1;
        self.queue.insert((at_ms, self.order), happening);
    }

    /// Mostly soon, at times much later.
    fn a_while(&self) -> u64 {
        match self.random.range(0, 99) {
            0..60 => 0,
            60..97 => self.random.range(1, 8),
            _ => self.random.range(50, 3_000),
        }
    }

    fn happen(&mut self, happening: Happening) {
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
                    Ok(())
                };
                self.feed(Input::Started {
                    name,
                    incarnation,
                    result,
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
            Happening::Outside(outside) => self.outside(outside),
        }
    }

    fn life(&self, name: &Name) -> Incarnation {
        self.kernel.load(name).unwrap().incarnation
    }

    fn turn(
        &mut self,
        name: Name,
        incarnation: Incarnation,
        events: Vec<Event<Msg, Said>>,
        room: Room,
    ) {
        let app = self.apps.get_mut(&name);
        let Some((_, app)) = app.filter(|(life, _)| *life == incarnation) else {
            // The instance was killed, and is heard once more.
            let outcome = Outcome::Done {
                actions: Vec::new(),
                is_changed: false,
                exclusive: Exclusive::No,
            };
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
    fn land(&mut self, name: &Name) {
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

    fn outside(&mut self, outside: Outside) {
        match outside {
            Outside::Ask(ask) => self.ask(ask),
            Outside::Leave(ticket) => {
                // If its deadline is at this very time it is answered first.
                if let Some(ask) = self.asked.get(&ticket).cloned() {
                    self.deeds.cancelled += 1;
                    self.watch
                        .leave(&ask.to, &sender(&ask.origin), ask.msg.number);
                    self.feed(Input::Cancel { ticket });
                    self.asked.remove(&ticket);
                }
            }
            Outside::Stop(name) => {
                self.deeds.stops += 1;
                self.feed(Input::Stop { name: name.clone() });
                if self.random.percent(20) {
                    self.feed(Input::Stop { name });
                }
            }
            Outside::Start(name) => self.feed(Input::Start { name }),
            Outside::Grant => self.add_grant(),
            Outside::Revoke => {
                let live = self.grants.live();
                if !live.is_empty() {
                    let id = self.random.pick(live).id;
                    self.grants.revoke(id);
                    self.feed(Input::GrantRevoke(id));
                }
            }
            Outside::Lose(name) => {
                self.deeds.lost += 1;
                let incarnation = self.life(&name);
                let reason = "it is gone".to_owned();
                self.feed(Input::Lost {
                    name,
                    incarnation,
                    reason,
                });
            }
            Outside::Die => self.die(),
        }
    }

    /// A new grant, or a part of one.
    fn add_grant(&mut self) {
        let holder = self.random.pick(&self.names).clone();
        let to = self.random.pick(&self.names).clone();
        let live = self.grants.live();
        let whole = live.iter().find(|grant| grant.target == Target::Any);
        let whole = whole
            .filter(|_| self.random.percent(50))
            .map(|grant| grant.id);
        let mut grant = self.grants.make(&holder, Target::Process(to), whole);
        if grant.expires_ms.is_none() && self.random.percent(50) {
            grant.expires_ms = Some(self.now_ms + self.random.range(1, 1_000));
        }
        self.grants.add(grant.clone());
        self.feed(Input::GrantAdd(grant));
    }

    fn ask(&mut self, mut ask: Ask) {
        self.last += 1;
        ask.msg.number = self.last;
        let ticket = Ticket(self.last);
        self.asked.insert(ticket, ask.clone());
        if !self.is_calm && self.random.percent(10) {
            let after_ms = self.random.range(0, 100);
            self.later(after_ms, Happening::Outside(Outside::Leave(ticket)));
        }
        if ask.key.is_none() {
            self.watch
                .wait(&ask.to, &sender(&ask.origin), ask.msg.number);
        }
        self.feed(Input::Request(Request {
            ticket,
            to: ask.to,
            origin: ask.origin,
            handler: "do".into(),
            payload: ask.msg,
            weight_bytes: self.random.range(1, 40),
            timeout_ms: self.random.percent(20).then(|| self.random.range(0, 300)),
            key: ask.key,
        }));
    }

    /// The node loses all but what is durable, and comes back.
    fn die(&mut self) {
        self.deeds.deaths += 1;
        for name in self.names.clone() {
            if self.random.percent(50) {
                let was_open = self
                    .commits
                    .get(&name)
                    .is_some_and(|one| one.content.is_some());
                self.deeds.lost_acknowledgements += u64::from(was_open);
                self.land(&name);
            }
        }
        self.commits.clear();
        self.apps.clear();
        self.watch.clear();
        self.queue
            .retain(|_, happening| matches!(happening, Happening::Outside(_)));
        self.kernel = Kernel::new(self.limits, self.now_ms);
        for (_, ask) in std::mem::take(&mut self.asked) {
            // Whoever had no answer asks again, with the same key.
            if ask.key.is_some() {
                self.deeds.repeats += 1;
                let after_ms = self.random.range(0, 200);
                self.later(after_ms, Happening::Outside(Outside::Ask(ask)));
            }
        }
        let away_ms = self.random.range(0, 100);
        self.now_ms += away_ms;
        self.boot();
    }

    /// One step of the kernel, and all that it asks for.
    fn feed(&mut self, input: Input<Msg, Said>) {
        self.deeds.steps += 1;
        self.grants.expire(self.now_ms);
        let turned = match &input {
            Input::TurnEnded {
                name,
                outcome: Outcome::Done {
                    is_changed: true, ..
                },
                ..
            } => Some(name.clone()),
            _ => None,
        };
        let mut effects = Vec::new();
        self.kernel.step(self.now_ms, input, &mut effects);
        self.check_bounds();
        for effect in effects {
            self.carry_out(effect, turned.as_ref());
        }
    }

    fn carry_out(&mut self, effect: Effect<Msg, Said>, turned: Option<&Name>) {
        match effect {
            Effect::Start { name, incarnation } => {
                let after_ms = self.a_while();
                self.later(after_ms, Happening::Started(name, incarnation));
            }
            Effect::Kill { name, .. } => {
                self.apps.remove(&name);
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
                for event in &events {
                    self.check_event(&name, event);
                }
                let after_ms = self.a_while();
                self.later(after_ms, Happening::Turned(name, incarnation, events, room));
            }
            Effect::Commit {
                name,
                incarnation,
                record,
            } => self.commit(name, incarnation, record, turned),
            Effect::Answer { ticket, result } => self.answer(ticket, result),
            Effect::Exited { reason, next, .. } => match (reason, next) {
                (_, Next::GaveUp) => self.deeds.give_ups += 1,
                (hyperstar_kernel::ExitReason::Exited(_), _) => self.deeds.exits += 1,
                (hyperstar_kernel::ExitReason::Crashed(_), _) => self.deeds.crashes += 1,
                _ => {}
            },
            _ => {}
        }
    }

    fn commit(
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

    fn answer(&mut self, ticket: Ticket, result: Result<Said, CallError>) {
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
        if result.is_err() && ask.key.is_some() && !self.is_calm && self.random.percent(60) {
            self.deeds.repeats += 1;
            let after_ms = self.random.range(0, 300);
            self.later(after_ms, Happening::Outside(Outside::Ask(ask)));
        }
    }

    fn count(&mut self, error: &CallError) {
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

    fn is_durable(&self, name: &Name) -> bool {
        self.specs
            .get(name)
            .is_some_and(|spec| spec.acknowledge == Acknowledge::Commit)
    }

    /// What is told to a process is durable where it comes from, and allowed.
    fn check_event(&mut self, name: &Name, event: &Event<Msg, Said>) {
        match event {
            Event::Message { from, payload, .. } => {
                let from: Name = match from {
                    Sender::Outside => "outside".into(),
                    Sender::Process(from) => from.clone(),
                };
                let is_local = self.specs.contains_key(&from);
                let id = if is_local { payload.id } else { payload.number };
                self.watch.serve(name, &from, id);
                if self.is_durable(&from) {
                    let sent = &self.store[&from].state.sent;
                    assert!(
                        sent.contains(&payload.id),
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
    fn check_said(&self, result: &Result<Said, CallError>) {
        if let Ok(said) = result
            && !said.is_pure
            && self.is_durable(&said.by)
        {
            let applied = &self.store[&said.by].state.applied;
            assert_eq!(
                applied.get(&said.id),
                Some(&1),
                "{said:?} was acknowledged too early"
            );
        }
    }

    fn check_bounds(&self) {
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

    fn check_end(&mut self) {
        assert!(self.asked.is_empty(), "requests without an answer");
        for (name, (_, app)) in &self.apps {
            assert!(app.has_all_replies(), "`{name}` waits for a reply for ever");
        }
        for (name, durable) in &self.store {
            if !self.is_durable(name) {
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
                if self.is_durable(to) {
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
        for name in self.names.clone() {
            self.feed(Input::Remove { name });
        }
        self.run_until_quiet();
        let census = self.kernel.census();
        assert_eq!(
            (census.processes, census.pairs, census.tasks, census.tickets),
            (0, 0, 0, 0)
        );
    }
}

fn sender(origin: &Origin) -> Name {
    match origin {
        Origin::Outside => "outside".into(),
        Origin::Process(name) => name.clone(),
    }
}

fn spec(random: &Random, names: &[Name]) -> Spec {
    let exit = match random.range(0, 9) {
        0 => ExitPolicy::None,
        1 => ExitPolicy::Send {
            to: random.pick(names).clone(),
        },
        _ => ExitPolicy::Restart(Restart {
            first_ms: random.range(0, 20),
            crashes_max: random.size(2, 20),
            ..Restart::default()
        }),
    };
    let links = if random.percent(15) {
        vec![Link {
            to: random.pick(names).clone(),
            on_end: *random.pick(&[OnEnd::Tell, OnEnd::Stop]),
        }]
    } else {
        Vec::new()
    };
    Spec {
        acknowledge: if random.percent(80) {
            Acknowledge::Commit
        } else {
            Acknowledge::Turn
        },
        turn_events_max: random.size(1, 8),
        mailbox: MailboxLimits {
            messages_max: random.size(4, 32),
            weight_bytes_max: random.range(100, 1_000),
            sender_percent: 50,
        },
        outbox: OutboxLimits {
            messages_max: random.size(4, 32),
            weight_bytes_max: random.range(100, 1_000),
            receiver_percent: 50,
        },
        tasks_max: random.size(2, 16),
        calls_max: random.size(4, 16),
        exit,
        links,
        public: if random.percent(20) {
            vec!["do".into()]
        } else {
            Vec::new()
        },
        ..Spec::default()
    }
}
