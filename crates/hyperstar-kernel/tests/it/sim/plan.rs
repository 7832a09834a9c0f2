//! What is going to happen outside, and how the processes are run.

use hyperstar_kernel::{
    Acknowledge, ExitPolicy, Link, MailboxLimits, Name, OnEnd, Origin, OutboxLimits, Restart, Spec,
    Target,
};

use super::random::Random;
use super::script::{self, Msg};
use super::world::{Ask, BUSY_MS, Happening, Outside, World};

impl World {
    pub(super) fn plan(&mut self) {
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
            let outside = match self.random.range(0, 10) {
                0..2 => Outside::Die,
                2..4 => Outside::Stop(name),
                4..6 => Outside::Start(name),
                6..8 => Outside::Grant,
                8 => Outside::Lose(name),
                9 => Outside::Remove(name, self.random.percent(40)),
                _ => Outside::Revoke,
            };
            self.later_at(at_ms, Happening::Outside(outside));
        }
    }
}

pub(super) fn spec(random: &Random, names: &[Name]) -> Spec {
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
        turn_weight_bytes: random.range(1, 200),
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
