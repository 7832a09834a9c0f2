//! The state machine: one input, what is due, and the effects of both.

mod authority;
mod circle;
mod commit;
mod keys;
mod life;
mod notes;
mod pair;
mod process;
mod send;
mod stage;
mod task;
mod turn;

use std::collections::VecDeque;

use crate::agenda::Agenda;
use crate::grants::Grants;
use crate::hash::{Numbers, Seed, Table};
use crate::slab::{Slab, Slot};
use crate::{Effect, Event, GrantId, Incarnation, Input, KernelLimits, Name, Ticket, TimerId};
use pair::{OfPair, Pair, PairKey};
use process::{Party, Phase, Process};
use task::{OfTask, Task, TaskKey};

/// What a [`PartyKey`] is of.
enum OfParty {}

type PartyKey = Slot<OfParty>;
type Effects<M, R> = Vec<Effect<M, R>>;

/// The processes of a node and all that they send to each other.
///
/// ```
/// use hyperstar_kernel::{Effect, Input, Kernel, KernelLimits, Memory, Spec};
///
/// let mut kernel: Kernel<String, String> = Kernel::new(KernelLimits::default(), 7);
/// let mut effects = Vec::new();
/// let add = Input::Add { name: "counter".into(), spec: Spec::default(), memory: Memory::default() };
/// kernel.step(0, add, &mut effects);
/// kernel.step(0, Input::Start { name: "counter".into() }, &mut effects);
/// assert!(matches!(effects[..], [Effect::Start { .. }]));
/// ```
pub struct Kernel<M, R> {
    limits: KernelLimits,
    seed: Seed,
    numbers: Numbers,
    now_ms: u64,
    /// Every process, and everybody else who is at one end of a pair.
    parties: Slab<OfParty, Party<M, R>>,
    names: Table<Name, PartyKey>,
    /// The party that stands for all that comes from outside. It has no name in `names`.
    outside: PartyKey,
    pairs: Slab<OfPair, Pair<M>>,
    pair_of: Table<(PartyKey, PartyKey), PairKey>,
    tasks: Slab<OfTask, Task<M>>,
    tickets: Table<Ticket, Asked>,
    agenda: Agenda<Due>,
    grants: Grants,
    processes: usize,
    /// How many lives have begun.
    lives: u64,
    /// The last number of a notification.
    sequence: u64,
    /// Tells one setting of a timer, or one wait for an outcome, from another.
    version: u64,
    /// Processes that may have a turn to do.
    ready: VecDeque<PartyKey>,
    /// Processes that are stopped by a link.
    stopping: Vec<PartyKey>,
    /// How many calls this input may still have looked at for circles.
    steps_left: usize,
}

/// What a request waits for.
enum Asked {
    /// Its own task.
    Task(TaskKey),
    /// The outcome of the task of another one with the same key.
    Joined {
        task: TaskKey,
        version: u64,
        /// The process that waits for it in the midst of its turn, if it is one.
        caller: Option<PartyKey>,
    },
}

/// What happens at its time.
enum Due {
    /// Whoever asked for a task gives up.
    Task(TaskKey),
    /// Somebody who waits for the outcome of another's request gives up.
    Joined {
        ticket: Ticket,
        version: u64,
    },
    Timer {
        party: PartyKey,
        id: TimerId,
        version: u64,
    },
    Restart {
        party: PartyKey,
        incarnation: Incarnation,
    },
    Settle(PartyKey),
    Grant(GrantId),
    /// The rate of a pair that is otherwise unused need not be remembered any more.
    Pair(PairKey),
}

/// How much a kernel holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Census {
    /// Processes that are known.
    pub processes: usize,
    /// Pairs of a sender and a receiver.
    pub pairs: usize,
    /// Messages that wait or are worked on, notifications that wait not counted.
    pub tasks: usize,
    /// Requests that are not answered.
    pub tickets: usize,
    /// Grants that live.
    pub grants: usize,
    /// Deadlines, timers and the like, among them some without meaning by now.
    pub due: usize,
}

/// What one process has to do and under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcessLoad {
    /// Whether there is an instance, or will be as soon as it is made.
    pub is_running: bool,
    /// Its present or last life.
    pub incarnation: Incarnation,
    /// Calls and requests in the mailbox.
    pub waiting: usize,
    /// What those weigh.
    pub waiting_bytes: u64,
    /// Messages that it works on.
    pub running: usize,
    /// Its calls without a reply.
    pub calls: usize,
    /// Its timers.
    pub timers: usize,
    /// Its notifications under way.
    pub outbox: usize,
    /// What those weigh.
    pub outbox_bytes: u64,
    /// The outcomes that are recorded.
    pub keys: usize,
}

impl<M: Clone, R: Clone> Kernel<M, R> {
    /// A kernel without processes. The seed is for the jitter of restarts, and for tables that nobody
    /// who chooses names can unbalance: take a random one. The same seed and the same inputs give the
    /// same effects.
    pub fn new(limits: KernelLimits, seed: u64) -> Self {
        let mut parties = Slab::new();
        let outside = parties.insert(Party::new("".into()));
        let seed = Seed(seed);
        Kernel {
            limits,
            seed,
            numbers: Numbers::new(seed.0),
            now_ms: 0,
            parties,
            names: Table::with_hasher(seed),
            outside,
            pairs: Slab::new(),
            pair_of: Table::with_hasher(seed),
            tasks: Slab::new(),
            tickets: Table::with_hasher(seed),
            agenda: Agenda::new(),
            grants: Grants::new(seed),
            processes: 0,
            lives: 0,
            sequence: 0,
            version: 0,
            ready: VecDeque::new(),
            stopping: Vec::new(),
            steps_left: circle::STEPS_MAX,
        }
    }

    /// Takes an input, at a time in milliseconds that never goes back, and adds what is to be done to
    /// `effects`. What was due by then comes first.
    pub fn step(&mut self, now_ms: u64, input: Input<M, R>, effects: &mut Vec<Effect<M, R>>) {
        self.note(now_ms, input, effects);
        self.run_all(effects);
        let (agenda, alive) = self.agenda_and_alive();
        agenda.tidy(alive);
    }

    /// As [`Kernel::step`], but no process is given a turn yet: the next step does that. So a host can hear out
    /// all who have something to say at this time, and what they say goes into one turn.
    ///
    /// A step has to follow, if only with [`Input::Tick`].
    pub fn note(&mut self, now_ms: u64, input: Input<M, R>, effects: &mut Vec<Effect<M, R>>) {
        self.now_ms = self.now_ms.max(now_ms);
        self.steps_left = circle::STEPS_MAX;
        while let Some(due) = self.agenda.take_due(self.now_ms) {
            self.fall_due(due, effects);
        }
        match input {
            Input::Add { name, spec, memory } => self.add(name, spec, memory, effects),
            Input::Update { name, spec } => self.update(&name, spec, effects),
            Input::Start { name } => self.start(&name, effects),
            Input::Stop { name } => {
                if let Some(party) = self.find(&name, effects) {
                    self.stop(party, effects);
                }
            }
            Input::Remove { name, forget } => self.remove(&name, forget, effects),
            Input::Started {
                name,
                incarnation,
                result,
            } => self.started(&name, incarnation, result, effects),
            Input::Request(request) => self.request(request, effects),
            Input::Cancel { ticket } => self.cancel(ticket, effects),
            Input::TurnEnded {
                name,
                incarnation,
                outcome,
            } => self.turn_ended(&name, incarnation, outcome, effects),
            Input::Lost {
                name,
                incarnation,
                reason,
            } => self.lost(&name, incarnation, reason, effects),
            Input::Committed {
                name,
                incarnation,
                result,
            } => self.committed(&name, incarnation, result, effects),
            Input::GrantAdd(grant) => self.grant(grant, effects),
            Input::GrantRevoke(id) => self.revoke(id, effects),
            Input::GrantsUpTo(id) => self.grants.up_to(id),
            Input::Tick => {}
        }
    }

    /// When the next [`Input::Tick`] is due, if nothing else comes before.
    pub fn next_wake_ms(&self) -> Option<u64> {
        self.agenda.next_ms()
    }

    /// How much there is of everything; for metrics.
    pub fn census(&self) -> Census {
        Census {
            processes: self.processes,
            pairs: self.pairs.len(),
            tasks: self.tasks.len(),
            tickets: self.tickets.len(),
            grants: self.grants.len(),
            due: self.agenda.len(),
        }
    }

    /// What a process has to do and under way, if it is known.
    pub fn load(&self, name: &str) -> Option<ProcessLoad> {
        let party = self.names.get(name)?;
        let process = self.parties.get(*party)?.process.as_ref()?;
        Some(ProcessLoad {
            is_running: !matches!(process.phase, Phase::Stopped | Phase::Restarting),
            incarnation: process.incarnation,
            waiting: process.waiting.messages,
            waiting_bytes: process.waiting.weight_bytes,
            running: process.running.len(),
            calls: process.calls.len(),
            timers: process.timers.len(),
            outbox: process.outbox.messages,
            outbox_bytes: process.outbox.weight_bytes,
            keys: process.keys.ended(),
        })
    }

    fn fall_due(&mut self, due: Due, effects: &mut Effects<M, R>) {
        match due {
            Due::Task(task) => self.time_out(task, effects),
            Due::Joined { ticket, version } => self.leave(ticket, version, effects),
            Due::Timer { party, id, version } => {
                if let Some(process) = self.process(party)
                    && process.timers.get(&id) == Some(&Some(version))
                {
                    process.timers.insert(id, None);
                    process.inbox.push_back(Event::Timer { id });
                    self.wake(party);
                }
            }
            Due::Restart { party, incarnation } => {
                if let Some(process) = self.process(party)
                    && process.phase == Phase::Restarting
                    && process.incarnation == incarnation
                {
                    self.launch(party, effects);
                }
            }
            Due::Settle(party) => self.settle_alone(party, effects),
            Due::Grant(id) => self.revoke(id, effects),
            Due::Pair(key) => {
                if let Some(pair) = self.pairs.get_mut(key) {
                    pair.is_asked_for = false;
                    self.drop_pair_if_unused(key);
                }
            }
        }
    }

    /// The agenda, and which of its entries still mean something.
    fn agenda_and_alive(&mut self) -> (&mut Agenda<Due>, impl Fn(&Due) -> bool) {
        let Kernel {
            agenda,
            parties,
            pairs,
            tasks,
            tickets,
            grants,
            ..
        } = self;
        let process = |party: &PartyKey| parties.get(*party)?.process.as_ref();
        let alive = move |due: &Due| match due {
            Due::Task(task) => tasks.get(*task).is_some_and(|task| task.is_due),
            Due::Joined { ticket, version } => matches!(
                tickets.get(ticket),
                Some(Asked::Joined { version: own, .. }) if own == version
            ),
            Due::Timer { party, id, version } => process(party)
                .is_some_and(|process| process.timers.get(id) == Some(&Some(*version))),
            Due::Restart { party, incarnation } => process(party).is_some_and(|process| {
                process.phase == Phase::Restarting && process.incarnation == *incarnation
            }),
            Due::Settle(party) => process(party).is_some_and(|process| process.settle_is_due),
            Due::Grant(id) => grants.contains(*id),
            Due::Pair(pair) => pairs.contains(*pair),
        };
        (agenda, alive)
    }

    /// Gives turns to all who may have one, until nobody has.
    fn run_all(&mut self, effects: &mut Effects<M, R>) {
        loop {
            if let Some(party) = self.stopping.pop() {
                self.stop(party, effects);
            } else if let Some(party) = self.ready.pop_front() {
                self.run(party, effects);
            } else {
                return;
            }
        }
    }

    fn process(&mut self, party: PartyKey) -> Option<&mut Process<M, R>> {
        self.parties.get_mut(party)?.process.as_mut()
    }

    fn process_ref(&self, party: PartyKey) -> Option<&Process<M, R>> {
        self.parties.get(party)?.process.as_ref()
    }

    /// A process by its name, or a line in the log.
    fn find(&self, name: &Name, effects: &mut Effects<M, R>) -> Option<PartyKey> {
        let party = self.lookup(name);
        if party.is_none() {
            self.log(
                name,
                "no such process: check the name, or add it".to_owned(),
                effects,
            );
        }
        party
    }

    /// A process by its name.
    fn lookup(&self, name: &Name) -> Option<PartyKey> {
        let party = *self.names.get(name)?;
        self.process_ref(party).map(|_| party)
    }

    /// The process of this life, and not of another.
    fn find_life(&self, name: &Name, incarnation: Incarnation) -> Option<PartyKey> {
        let party = self.lookup(name)?;
        let process = self.process_ref(party)?;
        (process.incarnation == incarnation).then_some(party)
    }

    /// The party of a name, known or not.
    fn intern(&mut self, name: &Name) -> PartyKey {
        if let Some(party) = self.names.get(name) {
            return *party;
        }
        let party = self.parties.insert(Party::new(Name::clone(name)));
        self.names.insert(Name::clone(name), party);
        party
    }

    fn name_of(&self, party: PartyKey) -> Name {
        let party = self.parties.get(party);
        party.map_or_else(|| "".into(), |party| Name::clone(&party.name))
    }

    fn log(&self, name: &Name, text: String, effects: &mut Effects<M, R>) {
        effects.push(Effect::Log {
            name: Name::clone(name),
            text,
        });
    }

    /// Looks at a process at the end of this step: it may have a turn to do.
    fn wake(&mut self, party: PartyKey) {
        if let Some(process) = self.process(party)
            && process.phase == Phase::Idle
            && !process.is_ready
        {
            process.is_ready = true;
            self.ready.push_back(party);
        }
    }

    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }
}
