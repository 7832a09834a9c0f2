//! A node, its host, and all that is outside of it.

use std::collections::{BTreeMap, BTreeSet};

use hyperstar_kernel::{
    Event, GrantId, Incarnation, Input, Kernel, KernelLimits, Key, Name, Origin, Outcome, Record,
    Room, Spec, Ticket,
};

use super::app::App;
use super::deeds::Deeds;
use super::grants::Model;
use super::plan::spec;
use super::random::Random;
use super::script::{Msg, Said};
use super::store::{Durable, State};
use super::watch::Watch;

/// How long new things happen.
pub(super) const BUSY_MS: u64 = 3_000;

pub(super) struct World {
    pub(super) random: Random,
    pub(super) kernel: Kernel<Msg, Said>,
    pub(super) limits: KernelLimits,
    pub(super) now_ms: u64,
    pub(super) queue: BTreeMap<(u64, u64), Happening>,
    pub(super) names: Vec<Name>,
    pub(super) specs: BTreeMap<Name, Spec>,
    pub(super) store: BTreeMap<Name, Durable>,
    pub(super) apps: BTreeMap<Name, (Incarnation, App)>,
    /// Those that take messages.
    pub(super) running: BTreeMap<Name, Incarnation>,
    /// What was durable of processes that were removed. Others of the same name follow them.
    pub(super) graves: BTreeMap<Name, Vec<State>>,
    /// Those that are being removed, and whether they are forgotten.
    pub(super) removing: BTreeMap<Name, bool>,
    /// Commits under way.
    pub(super) commits: BTreeMap<Name, Commit>,
    pub(super) asked: BTreeMap<Ticket, Ask>,
    /// Turns that stand still until a request of theirs is answered.
    pub(super) standing: BTreeMap<Ticket, Standing>,
    /// What such turns have sent, which is before their commit.
    pub(super) sent_at_once: BTreeSet<u64>,
    pub(super) grants: Model,
    pub(super) watch: Watch,
    pub(super) last: u64,
    pub(super) order: u64,
    /// No more faults.
    pub(super) is_calm: bool,
    /// All processes are removed, and none follows.
    pub(super) is_over: bool,
    pub(super) deeds: Deeds,
}

pub(super) struct Commit {
    /// Until it is durable.
    pub(super) content: Option<(Record<Msg, Said>, Option<State>)>,
}

/// A turn in whose midst a process asks.
pub(super) struct Standing {
    pub(super) name: Name,
    pub(super) incarnation: Incarnation,
    pub(super) events: Vec<Event<Msg, Said>>,
    pub(super) room: Room,
}

/// A request, as its sender knows it.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) to: Name,
    pub(super) origin: Origin,
    pub(super) msg: Msg,
    pub(super) key: Option<Key>,
}

pub(super) enum Happening {
    /// The host has made an instance.
    Started(Name, Incarnation),
    /// An instance has a turn.
    Turns(Name, Incarnation, Vec<Event<Msg, Said>>, Room),
    /// It has done the turn.
    Turned(Name, Incarnation, Vec<Event<Msg, Said>>, Room),
    /// A commit becomes durable.
    Lands(Name),
    /// The host hears of it.
    Committed(Name, Incarnation, Result<(), String>),
    /// The host tells the time, and has those run who may.
    Tick,
    Outside(Outside),
}

/// What does not end with the node.
pub(super) enum Outside {
    Ask(Ask),
    Leave(Ticket),
    Stop(Name),
    Start(Name),
    Grant,
    Revoke,
    /// And whether what is durable of it goes too.
    Remove(Name, bool),
    Add(Name),
    /// An instance is lost without a turn.
    Lose(Name),
    Die,
}

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
            running: BTreeMap::new(),
            graves: BTreeMap::new(),
            removing: BTreeMap::new(),
            commits: BTreeMap::new(),
            asked: BTreeMap::new(),
            standing: BTreeMap::new(),
            sent_at_once: BTreeSet::new(),
            grants: Model::default(),
            watch: Watch::default(),
            last: 0,
            order: 0,
            is_calm: false,
            is_over: false,
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
    /// Begins with what is durable.
    pub(super) fn boot(&mut self) {
        self.grants.expire(self.now_ms);
        for name in self.names.clone() {
            self.add(&name);
        }
        for grant in self.grants.live().to_vec() {
            self.feed(Input::GrantAdd(grant));
        }
        self.feed(Input::GrantsUpTo(GrantId(self.grants.last)));
        for name in self.names.clone() {
            self.feed(Input::Start { name });
        }
    }

    pub(super) fn add(&mut self, name: &Name) {
        let memory = self.store[name].memory();
        let (name, spec) = (name.clone(), self.specs[name].clone());
        self.feed(Input::Add { name, spec, memory });
    }

    /// A process is known no more. Soon it comes back, or another one has its name.
    pub(super) fn bury(&mut self, name: Name) {
        self.running.remove(&name);
        match self.removing.remove(&name) {
            Some(true) => self.forget(&name),
            _ => {
                self.deeds.leaves += 1;
                if self.random.percent(20) {
                    let after_ms = self.random.range(0, 200);
                    let forget = Outside::Remove(name.clone(), true);
                    self.later(after_ms, Happening::Outside(forget));
                }
            }
        }
        let after_ms = self.random.range(0, 200);
        self.later(after_ms, Happening::Outside(Outside::Add(name)));
    }

    /// What is durable of a process goes.
    pub(super) fn forget(&mut self, name: &Name) {
        self.deeds.removals += 1;
        let durable = self.store.insert(name.clone(), Durable::default()).unwrap();
        let graves = self.graves.entry(name.clone()).or_default();
        graves.push(durable.state);
    }

    pub(super) fn run_until_quiet(&mut self) {
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
                    self.check_circles();
                    self.now_ms = self.now_ms.max(wake.unwrap());
                    self.feed(Input::Tick);
                }
            }
        }
        panic!("it never ends");
    }

    pub(super) fn later(&mut self, after_ms: u64, happening: Happening) {
        self.later_at(self.now_ms + after_ms, happening);
    }

    pub(super) fn later_at(&mut self, at_ms: u64, happening: Happening) {
        self.order += 1;
        self.queue.insert((at_ms, self.order), happening);
    }

    /// Mostly soon, at times much later.
    pub(super) fn a_while(&self) -> u64 {
        match self.random.range(0, 99) {
            0..60 => 0,
            60..97 => self.random.range(1, 8),
            _ => self.random.range(50, 3_000),
        }
    }

    /// One step of the kernel, and all that it asks for.
    pub(super) fn feed(&mut self, input: Input<Msg, Said>) {
        self.deeds.steps += 1;
        self.grants.expire(self.now_ms);
        let turned = match &input {
            Input::TurnEnded {
                name,
                outcome: Outcome::Done {
                    is_changed: true, ..
                },
                ..
            }
            | Input::Started {
                name,
                result:
                    Ok(Outcome::Done {
                        is_changed: true, ..
                    }),
                ..
            } => Some(name.clone()),
            _ => None,
        };
        let mut effects = Vec::new();
        let may_wait = matches!(input, Input::Request(_) | Input::Committed { .. });
        if may_wait && self.random.percent(40) {
            self.deeds.noted += 1;
            self.kernel.note(self.now_ms, input, &mut effects);
            self.later(0, Happening::Tick);
        } else {
            self.kernel.step(self.now_ms, input, &mut effects);
        }
        self.check_bounds();
        for effect in effects {
            self.carry_out(effect, turned.as_ref());
        }
    }
}

pub(super) fn sender(origin: &Origin) -> Name {
    match origin {
        Origin::Outside => "outside".into(),
        Origin::Process(name) | Origin::Turn(name) => name.clone(),
    }
}
