//! What happens outside of the node, and to it.

use hyperstar_kernel::{Input, Kernel, Name, Origin, Request, Target, Ticket};

use super::world::{Ask, Happening, Outside, World, sender};

impl World {
    pub(super) fn outside(&mut self, outside: Outside) {
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
                    self.answered(ticket);
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
            Outside::Remove(name, forget) => self.remove(name, forget),
            Outside::Add(name) => {
                self.add(&name);
                self.feed(Input::Start { name });
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

    pub(super) fn remove(&mut self, name: Name, forget: bool) {
        if self.kernel.load(&name).is_some() {
            *self.removing.entry(name.clone()).or_default() |= forget;
        } else if forget {
            self.deeds.forgotten_later += 1;
            self.forget(&name);
        }
        self.feed(Input::Remove { name, forget });
    }

    /// A new grant, or a part of one.
    pub(super) fn add_grant(&mut self) {
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

    pub(super) fn ask(&mut self, mut ask: Ask) {
        self.last += 1;
        ask.msg.number = self.last;
        let ticket = Ticket(self.last);
        self.asked.insert(ticket, ask.clone());
        if !self.is_calm && self.random.percent(10) {
            let after_ms = self.random.range(0, 100);
            self.later(after_ms, Happening::Outside(Outside::Leave(ticket)));
        }
        // What a process sends otherwise is not seen coming.
        let is_local = matches!(ask.origin, Origin::Turn(_));
        if ask.key.is_none() && !is_local {
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
    pub(super) fn die(&mut self) {
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
        self.running.clear();
        self.removing.clear();
        self.standing.clear();
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
}
