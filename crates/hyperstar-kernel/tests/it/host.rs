//! A host by hand: tests feed inputs, and read what the kernel asks for as lines of text.

use hyperstar_kernel::{
    Action, CallError, CallId, Effect, Event, Exclusive, ExitReason, Grant, GrantId, Handlers,
    Incarnation, Input, Kernel, KernelLimits, Memory, Name, Next, NoteId, Origin, Outcome, Record,
    Request, Sender, Spec, Target, TaskId, Ticket, TimerId,
};

pub(crate) type Does = Action<String, String>;

pub(crate) struct Host {
    pub(crate) kernel: Kernel<String, String>,
    pub(crate) now_ms: u64,
    /// What the kernel asked for and the test has not read.
    lines: Vec<String>,
    /// Tasks, by the order in which they were seen: `t0`, `t1`.
    tasks: Vec<TaskId>,
    /// Instances are made at once.
    pub(crate) starts_by_itself: bool,
    /// Commits are durable at once.
    pub(crate) commits_by_itself: bool,
    /// Whether the lines say which processes have begun.
    pub(crate) shows_running: bool,
    /// What was committed last.
    pub(crate) record: Record<String, String>,
}

impl Host {
    pub(crate) fn new() -> Self {
        Host::with_limits(KernelLimits::default())
    }

    pub(crate) fn with_limits(limits: KernelLimits) -> Self {
        Host {
            kernel: Kernel::new(limits, 1),
            now_ms: 0,
            lines: Vec::new(),
            tasks: Vec::new(),
            starts_by_itself: true,
            commits_by_itself: true,
            shows_running: false,
            record: Record::default(),
        }
    }

    /// A host with processes that run, may message each other, and were not looked at yet.
    pub(crate) fn with(processes: &[(&str, Spec)]) -> Self {
        let mut host = Host::new();
        for (name, spec) in processes {
            host.add(name, spec.clone());
            host.grant_all(name);
        }
        for (name, _) in processes {
            host.start(name);
        }
        host.lines.clear();
        host
    }

    pub(crate) fn add(&mut self, name: &str, spec: Spec) {
        self.restore(name, spec, Memory::default());
    }

    pub(crate) fn restore(&mut self, name: &str, spec: Spec, memory: Memory<String, String>) {
        let name = name.into();
        self.feed(Input::Add { name, spec, memory });
    }

    pub(crate) fn start(&mut self, name: &str) {
        self.feed(Input::Start { name: name.into() });
    }

    /// Says that a process has started, and did nothing by that.
    pub(crate) fn has_started(&mut self, name: &str) {
        let incarnation = self.kernel.load(name).unwrap().incarnation;
        self.feed(Input::Started {
            name: name.into(),
            incarnation,
            result: Ok(Outcome::nothing()),
        });
    }

    pub(crate) fn stop(&mut self, name: &str) {
        self.feed(Input::Stop { name: name.into() });
    }

    /// Removes a process, and what was durable of it.
    pub(crate) fn remove(&mut self, name: &str) {
        let (name, forget) = (name.into(), true);
        self.feed(Input::Remove { name, forget });
    }

    /// Removes a process that may come back.
    pub(crate) fn remove_for_now(&mut self, name: &str) {
        let (name, forget) = (name.into(), false);
        self.feed(Input::Remove { name, forget });
    }

    /// Lets the process message everybody.
    pub(crate) fn grant_all(&mut self, holder: &str) {
        let id = self.kernel.census().grants as u64 + 1;
        self.feed(Input::GrantAdd(grant(id, holder, Target::Any)));
    }

    /// A request from outside: ticket, receiver, what it says.
    pub(crate) fn ask(&mut self, ticket: u64, to: &str, payload: &str) {
        self.feed(Input::Request(request(ticket, to, payload)));
    }

    pub(crate) fn ask_with_key(&mut self, ticket: u64, to: &str, key: &str) {
        let key = Some(key.into());
        let request = Request {
            key,
            ..request(ticket, to, "keyed")
        };
        self.feed(Input::Request(request));
    }

    pub(crate) fn cancel(&mut self, ticket: u64) {
        let ticket = Ticket(ticket);
        self.feed(Input::Cancel { ticket });
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
        self.feed(Input::Tick);
    }

    fn life(&self, name: &str) -> Incarnation {
        self.kernel.load(name).unwrap().incarnation
    }

    /// A turn has ended, and its state has changed.
    pub(crate) fn changed(&mut self, name: &str, actions: Vec<Does>) {
        self.done(name, actions, true, Exclusive::No);
    }

    /// A turn has ended without a change.
    pub(crate) fn unchanged(&mut self, name: &str, actions: Vec<Does>) {
        self.done(name, actions, false, Exclusive::No);
    }

    pub(crate) fn done(
        &mut self,
        name: &str,
        actions: Vec<Does>,
        is_changed: bool,
        exclusive: Exclusive,
    ) {
        let outcome = Outcome::Done {
            actions,
            is_changed,
            exclusive,
        };
        self.ended(name, self.life(name), outcome);
    }

    pub(crate) fn traps(&mut self, name: &str) {
        let reason = "trap".to_owned();
        self.ended(name, self.life(name), Outcome::Crashed { reason });
    }

    pub(crate) fn ended(
        &mut self,
        name: &str,
        incarnation: Incarnation,
        outcome: Outcome<String, String>,
    ) {
        let name = name.into();
        self.feed(Input::TurnEnded {
            name,
            incarnation,
            outcome,
        });
    }

    pub(crate) fn committed(&mut self, name: &str, result: Result<(), &str>) {
        let incarnation = self.life(name);
        self.feed(Input::Committed {
            name: name.into(),
            incarnation,
            result: result.map_err(str::to_owned),
        });
    }

    pub(crate) fn feed(&mut self, input: Input<String, String>) {
        let mut effects = Vec::new();
        self.kernel.step(self.now_ms, input, &mut effects);
        for effect in effects {
            self.take(effect);
        }
    }

    fn take(&mut self, effect: Effect<String, String>) {
        match effect {
            Effect::Start { name, incarnation } if self.starts_by_itself => {
                self.lines.push(format!("start {name}"));
                let result = Ok(Outcome::nothing());
                self.feed(Input::Started {
                    name,
                    incarnation,
                    result,
                });
            }
            Effect::Start { name, .. } => self.lines.push(format!("start {name}")),
            Effect::Running { name, incarnation } => {
                assert_eq!(incarnation, self.life(&name));
                if self.shows_running {
                    self.lines.push(format!("running {name}"));
                }
            }
            Effect::Kill { name, .. } => self.lines.push(format!("kill {name}")),
            Effect::Turn { name, events, .. } => {
                let events: Vec<String> =
                    events.into_iter().map(|event| self.event(event)).collect();
                self.lines
                    .push(format!("turn {name}: {}", events.join(", ")));
            }
            Effect::Commit { name, record, .. } => {
                self.lines
                    .push(format!("commit {name}{}", record_line(&record)));
                self.record = record;
                if self.commits_by_itself {
                    self.committed(&name, Ok(()));
                }
            }
            Effect::Answer { ticket, result } => {
                self.lines
                    .push(format!("answer {ticket}: {}", result_line(result)));
            }
            Effect::Exited { name, reason, next } => {
                let next = match next {
                    Next::RestartsAt { at_ms } => format!("restarts at {at_ms}"),
                    Next::Stopped => "stopped".to_owned(),
                    Next::GaveUp => "gave up".to_owned(),
                    Next::Gone => "gone".to_owned(),
                };
                self.lines
                    .push(format!("exited {name}: {}, {next}", reason_line(&reason)));
            }
            Effect::Farewell { name, to, .. } => {
                self.lines.push(format!("farewell {name} to {to}"))
            }
            Effect::GrantRefused { id, reason } => {
                self.lines.push(format!("grant {id} refused: {reason}"));
            }
            Effect::Log { name, text } => self.lines.push(format!("log {name}: {text}")),
            other => panic!("an effect that this host does not know: {other:?}"),
        }
    }

    fn event(&mut self, event: Event<String, String>) -> String {
        match event {
            Event::Message {
                task,
                from,
                handler,
                payload,
                ..
            } => {
                let task = self.number(task);
                let from = match from {
                    Sender::Outside => "outside".into(),
                    Sender::Process(name) => name,
                };
                format!("t{task} {handler} `{payload}` from {from}")
            }
            Event::Reply { call, result } => format!("reply {call} {}", result_line(result)),
            Event::Undelivered { note, to, error } => {
                format!("note {note} to {to} back: {error:?}")
            }
            Event::Timer { id } => format!("timer {id}"),
            Event::Cancel { task } => format!("cancel t{}", self.number(task)),
            Event::Ended { name, reason } => format!("{name} has ended: {}", reason_line(&reason)),
            Event::Stop => "stop".to_owned(),
            other => panic!("an event that this host does not know: {other:?}"),
        }
    }

    fn number(&mut self, task: TaskId) -> usize {
        let known = self.tasks.iter().position(|one| *one == task);
        known.unwrap_or_else(|| {
            self.tasks.push(task);
            self.tasks.len() - 1
        })
    }

    pub(crate) fn task(&self, number: usize) -> TaskId {
        self.tasks[number]
    }

    /// Compares what the kernel asked for since the last look.
    #[track_caller]
    pub(crate) fn check(&mut self, expected: &[&str]) {
        let lines = std::mem::take(&mut self.lines);
        assert_eq!(lines, expected, "\n  {}", lines.join("\n  "));
    }

    /// Forgets what the kernel asked for.
    pub(crate) fn skip(&mut self) {
        self.lines.clear();
    }

    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }

    pub(crate) fn respond(&self, task: usize, text: &str) -> Does {
        Action::Respond {
            task: self.task(task),
            result: Ok(text.to_owned()),
            weight_bytes: text.len() as u64,
        }
    }

    /// A call on behalf of a task.
    pub(crate) fn call(&self, id: u64, task: usize, to: &str, payload: &str) -> Does {
        Action::Call {
            id: CallId(id),
            task: Some(self.task(task)),
            to: to.into(),
            handler: "do".into(),
            payload: payload.to_owned(),
            weight_bytes: 1,
            timeout_ms: None,
        }
    }
}

pub(crate) fn notify(id: u64, to: &str, payload: &str) -> Does {
    Action::Notify {
        id: NoteId(id),
        to: to.into(),
        handler: "do".into(),
        payload: payload.to_owned(),
        weight_bytes: 1,
    }
}

pub(crate) fn set_timer(id: u64, after_ms: u64) -> Does {
    let id = TimerId(id);
    Action::SetTimer { id, after_ms }
}

pub(crate) fn request(ticket: u64, to: &str, payload: &str) -> Request<String> {
    Request {
        ticket: Ticket(ticket),
        to: to.into(),
        origin: Origin::Outside,
        handler: "do".into(),
        payload: payload.to_owned(),
        weight_bytes: 1,
        timeout_ms: None,
        key: None,
    }
}

pub(crate) fn grant(id: u64, holder: &str, target: Target) -> Grant {
    Grant {
        id: GrantId(id),
        holder: holder.into(),
        target,
        handlers: Handlers::All,
        attenuated_from: None,
        expires_ms: None,
    }
}

pub(crate) fn target(name: &str) -> Target {
    Target::Process(Name::from(name))
}

fn result_line(result: Result<String, CallError>) -> String {
    match result {
        Ok(text) => format!("`{text}`"),
        Err(error) => format!("{error:?}"),
    }
}

fn reason_line(reason: &ExitReason) -> String {
    match reason {
        ExitReason::Crashed(text) => format!("crashed ({text})"),
        ExitReason::Exited(text) => format!("exited ({text})"),
        ExitReason::Stopped => "stopped".to_owned(),
        ExitReason::Removed => "removed".to_owned(),
    }
}

fn record_line(record: &Record<String, String>) -> String {
    let mut line = String::new();
    for (name, sequence) in &record.seen {
        line += &format!(" seen {name} {sequence}");
    }
    for name in &record.seen_forgotten {
        line += &format!(" forget {name}");
    }
    for key in &record.keys_started {
        line += &format!(" began {key}");
    }
    for (key, result) in &record.keys_finished {
        line += &format!(" ended {key} {}", result_line(result.clone()));
    }
    for key in &record.keys_forgotten {
        line += &format!(" forget {key}");
    }
    for entry in &record.outbox_added {
        line += &format!(" +{} {} `{}`", entry.sequence, entry.to, entry.payload);
    }
    for sequence in &record.outbox_removed {
        line += &format!(" -{sequence}");
    }
    line
}
