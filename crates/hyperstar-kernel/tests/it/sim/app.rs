//! An instance of an app: it runs the scripts of its messages, several at a time.

use std::collections::BTreeMap;

use hyperstar_kernel::{
    Action, CallId, Event, Exclusive, Name, NoteId, Room, Sender, TaskId, TimerId,
};

use super::random::Random;
use super::script::{Msg, Said, Step};
use super::store::State;

/// What an app needs of the world.
pub(super) struct Cx<'a> {
    pub(super) random: &'a Random,
    /// The last number that was used for a message, a call or a timer.
    pub(super) last: &'a mut u64,
    pub(super) room: Room,
}

impl Cx<'_> {
    fn fresh(&mut self) -> u64 {
        *self.last += 1;
        *self.last
    }
}

pub(super) struct App {
    name: Name,
    pub(super) state: State,
    /// What it works on, and what each piece awaits.
    jobs: BTreeMap<TaskId, Job>,
    /// Calls without a reply.
    calls: BTreeMap<CallId, Sent>,
    sleeps: BTreeMap<TimerId, TaskId>,
    exclusive: Option<TaskId>,
}

/// A call without a reply.
struct Sent {
    to: Name,
    msg: u64,
    /// What awaits the reply.
    waiting: Option<TaskId>,
    /// On whose behalf it is, as far as the kernel knows.
    parent: Option<TaskId>,
}

struct Job {
    msg: Msg,
    at: usize,
}

/// Some hosts cannot say which handler is exclusive.
fn is_said(task: TaskId) -> bool {
    !task.0.is_multiple_of(3)
}

/// What a turn came to.
pub(super) struct Done {
    pub(super) actions: Vec<Action<Msg, Said>>,
    pub(super) is_changed: bool,
    pub(super) exclusive: Exclusive,
    /// It deferred messages.
    pub(super) deferred: usize,
    /// The rest is for the next turn.
    pub(super) is_full: bool,
}

/// The instance has trapped.
pub(super) struct Trap;

impl App {
    pub(super) fn new(name: Name, state: State) -> Self {
        App {
            name,
            state,
            jobs: BTreeMap::new(),
            calls: BTreeMap::new(),
            sleeps: BTreeMap::new(),
            exclusive: None,
        }
    }

    /// Whether every call has had its reply.
    pub(super) fn has_all_replies(&self) -> bool {
        self.calls.is_empty()
    }

    /// The call that its exclusive handler awaits, if the kernel knows: to whom, and of which message.
    pub(super) fn awaited(&self) -> Option<(Name, u64)> {
        let task = self.exclusive?;
        let call = self.call_of(task)?;
        let is_known = !is_said(task) || call.parent == Some(task);
        is_known.then(|| (call.to.clone(), call.msg))
    }

    /// The one that the work on a message awaits; `None` if it has not begun with that.
    pub(super) fn awaited_for(&self, msg: u64) -> Option<Option<(Name, u64)>> {
        let Some((task, _)) = self.jobs.iter().find(|(_, job)| job.msg.id == msg) else {
            // One that never responds, or was cancelled, awaits nothing.
            return self.state.applied.contains_key(&msg).then_some(None);
        };
        let call = self.call_of(*task);
        let call = call.filter(|call| call.parent == Some(*task));
        Some(call.map(|call| (call.to.clone(), call.msg)))
    }

    fn call_of(&self, task: TaskId) -> Option<&Sent> {
        self.calls.values().find(|sent| sent.waiting == Some(task))
    }

    pub(super) fn turn(
        &mut self,
        events: Vec<Event<Msg, Said>>,
        cx: &mut Cx<'_>,
    ) -> Result<Done, Trap> {
        let mut done = Done {
            actions: Vec::new(),
            is_changed: false,
            exclusive: Exclusive::No,
            deferred: 0,
            is_full: false,
        };
        for event in events {
            self.handle(event, &mut done, cx)?;
            done.is_full |= cx.random.percent(5);
        }
        if let Some(task) = self.exclusive {
            done.exclusive = if is_said(task) {
                Exclusive::Task(task)
            } else {
                Exclusive::Process
            };
        }
        Ok(done)
    }

    fn handle(
        &mut self,
        event: Event<Msg, Said>,
        done: &mut Done,
        cx: &mut Cx<'_>,
    ) -> Result<(), Trap> {
        match event {
            Event::Message { task, .. } if self.exclusive.is_some() || done.is_full => {
                done.deferred += 1;
                done.actions.push(Action::Defer { task });
            }
            Event::Message {
                task,
                from,
                payload,
                ..
            } => {
                self.begin(&from, &payload, done);
                self.jobs.insert(
                    task,
                    Job {
                        msg: payload,
                        at: 0,
                    },
                );
                self.go_on(task, done, cx)?;
            }
            Event::Reply { call, .. } => {
                let is_cancelled = |action: &Action<Msg, Said>| matches!(action, Action::CancelCall { id } if *id == call);
                let Some(Sent { waiting, .. }) = self.calls.remove(&call) else {
                    let is_cancelled = done.actions.iter().any(is_cancelled);
                    assert!(
                        is_cancelled,
                        "{call:?} has a second reply, or was cancelled before"
                    );
                    return Ok(());
                };
                if let Some(task) = waiting
                    && self.jobs.contains_key(&task)
                {
                    self.go_on(task, done, cx)?;
                }
            }
            Event::Timer { id } => {
                if let Some(task) = self.sleeps.remove(&id)
                    && self.jobs.contains_key(&task)
                {
                    self.go_on(task, done, cx)?;
                }
            }
            Event::Cancel { task } => {
                if let Some(job) = self.jobs.remove(&task)
                    && cx.random.percent(30)
                {
                    done.actions.push(self.respond(task, &job.msg));
                }
                self.exclusive.take_if(|own| *own == task);
            }
            Event::Undelivered { note, .. } => {
                *self.state.returned.entry(note.0).or_default() += 1;
                done.is_changed = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, from: &Sender, msg: &Msg, done: &mut Done) {
        let from: Name = match from {
            Sender::Outside => "outside".into(),
            Sender::Process(name) => name.clone(),
        };
        if msg.work.is_pure {
            return;
        }
        *self.state.applied.entry(msg.id).or_default() += 1;
        let last = self.state.last.insert(from.clone(), msg.number);
        assert!(
            last < Some(msg.number),
            "{from} -> {}: {msg:?} came after {last:?}",
            self.name
        );
        done.is_changed = true;
    }

    /// Does the steps of a job up to where it awaits something.
    fn go_on(&mut self, task: TaskId, done: &mut Done, cx: &mut Cx<'_>) -> Result<(), Trap> {
        self.exclusive.take_if(|own| *own == task);
        loop {
            let job = self
                .jobs
                .get_mut(&task)
                .expect("a job goes on while it is there");
            let work = job.msg.work.clone();
            let Some(step) = work.steps.get(job.at) else {
                let job = self.jobs.remove(&task).expect("it was there");
                if !work.forgets {
                    done.actions.push(self.respond(task, &job.msg));
                }
                return Ok(());
            };
            job.at += 1;
            if self.step(task, step, done, cx)? {
                if work.is_exclusive && self.exclusive.is_none() {
                    self.exclusive = Some(task);
                }
                return Ok(());
            }
        }
    }

    /// Does one step, and says whether it is awaited.
    fn step(
        &mut self,
        task: TaskId,
        step: &Step,
        done: &mut Done,
        cx: &mut Cx<'_>,
    ) -> Result<bool, Trap> {
        match step {
            Step::Call {
                to,
                work,
                timeout_ms,
                awaits,
            } => {
                let id = CallId(cx.fresh());
                let payload = self.message(work, done, cx);
                let parent = (!cx.random.percent(10)).then_some(task);
                let sent = Sent {
                    to: to.clone(),
                    msg: payload.id,
                    waiting: awaits.then_some(task),
                    parent,
                };
                self.calls.insert(id, sent);
                done.actions.push(Action::Call {
                    id,
                    task: parent,
                    to: to.clone(),
                    handler: "do".into(),
                    weight_bytes: cx.random.range(1, 40),
                    payload,
                    timeout_ms: *timeout_ms,
                });
                Ok(*awaits)
            }
            Step::Notify { to, work } => {
                let weight_bytes = cx.random.range(1, 40);
                if cx.room.messages == 0 || cx.room.weight_bytes < weight_bytes {
                    return Ok(false);
                }
                cx.room.messages -= 1;
                cx.room.weight_bytes -= weight_bytes;
                let payload = self.message(work, done, cx);
                if !work.is_pure {
                    self.state.notified.insert(payload.id, to.clone());
                }
                done.actions.push(Action::Notify {
                    id: NoteId(payload.id),
                    to: to.clone(),
                    handler: "do".into(),
                    payload,
                    weight_bytes,
                });
                Ok(false)
            }
            Step::CancelCall => {
                let call = self.calls.iter().find(|(_, sent)| sent.waiting.is_none());
                if let Some(id) = call.map(|(id, _)| *id) {
                    self.calls.remove(&id);
                    done.actions.push(Action::CancelCall { id });
                }
                Ok(false)
            }
            Step::Sleep { ms } => {
                let id = TimerId(cx.fresh());
                self.state.timers.insert(id.0);
                self.sleeps.insert(id, task);
                done.is_changed = true;
                done.actions.push(Action::SetTimer { id, after_ms: *ms });
                Ok(true)
            }
            Step::Crash => Err(Trap),
            Step::Stumble if cx.random.percent(50) => Err(Trap),
            Step::Stumble => Ok(false),
            Step::Nonsense => {
                let task = TaskId(cx.random.range(0, u64::MAX - 1));
                done.actions.push(Action::Defer { task });
                Ok(false)
            }
            Step::Exit => {
                let reason = "enough".to_owned();
                done.actions.push(Action::Exit { reason });
                Ok(false)
            }
        }
    }

    fn message(
        &mut self,
        work: &std::sync::Arc<super::script::Work>,
        done: &mut Done,
        cx: &mut Cx<'_>,
    ) -> Msg {
        let id = cx.fresh();
        self.state.sent.insert(id);
        done.is_changed = true;
        Msg {
            id,
            number: id,
            work: work.clone(),
        }
    }

    fn respond(&self, task: TaskId, msg: &Msg) -> Action<Msg, Said> {
        let said = Said {
            by: self.name.clone(),
            id: msg.id,
            is_pure: msg.work.is_pure,
        };
        Action::Respond {
            task,
            result: Ok(said),
            weight_bytes: 1,
        }
    }
}
