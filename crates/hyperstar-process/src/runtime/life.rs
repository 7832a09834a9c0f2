//! One life of a process: its state, its tasks, and one turn after the other.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyperstar_interface::{Interface, Router, Trigger};

use super::saving::Saving;
use crate::abi::{Action, CallError, Event, Message, Origin, Start, Turn};
use crate::app::{Alone, Hyperapp, Outcome, Run, Task};
use crate::call::Call;
use crate::cx::{Asked, Cx};
use crate::executor::{Bell, Key, Woken};
use crate::fields::Fields;
use crate::memory::{self, Memory};
use crate::process::{Place, Process, Room};
use crate::state::{self, StateError};
use crate::sys::Level;

pub(super) struct Life<A: Hyperapp> {
    interface: Rc<Interface>,
    router: Router,
    process: Rc<Process>,
    place: Rc<Place<A>>,
    tasks: BTreeMap<Key, Box<Running<A>>>,
    woken: Woken,
    /// The task that has the state to itself.
    alone: Option<Key>,
    /// What is to be run once the state is back.
    waiting: VecDeque<Waiting>,
    every: Vec<Every>,
    saving: Saving,
    last_own: u64,
    /// Why `#[init]` failed.
    init_error: Option<String>,
}

/// A task that has not ended.
struct Running<A> {
    job: Job<A>,
    asked: Rc<Asked>,
    cause: Cause,
    bell: Arc<Bell>,
}

enum Job<A> {
    Alone(Alone<A>),
    Shared(Task<Outcome>),
    Own(Task<()>),
}

/// What a handler runs for, and so who hears how it ended.
#[derive(Clone, Copy)]
enum Cause {
    Message(u64),
    /// A time, by its place in `every`.
    Every(usize),
    Init,
    Stop,
    Spawned,
}

enum Waiting {
    Message(Message),
    Every(usize),
}

/// A handler that runs every so often.
struct Every {
    handler: usize,
    period_ms: u64,
    due_ms: u64,
    timer: u64,
}

impl<A: Hyperapp> Life<A> {
    /// Reads the state, migrates it if it is of an older version, and runs `#[init]`.
    pub(super) fn start(interface: Rc<Interface>, start: Start) -> Result<(Self, Turn), String> {
        let memory = Rc::new(Memory::of(start.fields, start.version));
        let is_migrated = start.version != 0 && start.version < A::VERSION;
        let app = read_state::<A>(&memory, start.version).map_err(|error| error.to_string())?;
        let place = Rc::new(Place(RefCell::new(Some(Box::new(app)))));
        let process = Process::new(start.process, memory.clone(), place.clone());
        let mut life = Self {
            saving: Saving::new(interface.save),
            router: Router::new(&interface),
            interface,
            process: Rc::new(process),
            place,
            tasks: BTreeMap::new(),
            woken: Woken::default(),
            alone: None,
            waiting: VecDeque::new(),
            every: Vec::new(),
            last_own: 0,
            init_error: None,
        };
        if is_migrated {
            life.saving.force();
        }
        let turn = memory::enter(&memory, || {
            life.run_own(&Trigger::Init, Cause::Init);
            life.go_on();
            life.set_all_timers();
            life.end_turn()
        });
        match life.init_error.take() {
            Some(error) => Err(error),
            None => Ok((life, turn)),
        }
    }

    pub(super) fn turn(&mut self, events: Vec<Event>) -> Turn {
        let memory = self.process.memory.clone();
        self.process.set_room(Room::default());
        memory::enter(&memory, || {
            for event in events {
                self.take(event);
                self.go_on();
            }
            // It awaited before, so that `start` could not say it.
            if let Some(error) = self.init_error.take() {
                self.process.act(Action::Exit(error));
            }
            self.end_turn()
        })
    }

    /// Shows the state: while a handler has it, as it was at that handler's last await.
    pub(super) fn read<T>(&self, read: impl FnOnce(&A) -> T) -> Result<T, StateError> {
        match self.place.0.borrow().as_deref() {
            Some(app) => Ok(read(app)),
            None => Ok(read(&self.load()?)),
        }
    }

    fn load(&self) -> Result<A, StateError> {
        A::load(&mut Fields::new(self.process.memory.clone()))
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Message(message) if self.alone.is_none() && !self.process.is_full() => {
                self.run_message(message);
            }
            Event::Message(message) => self.waiting.push_back(Waiting::Message(message)),
            Event::Reply { call, outcome } => {
                self.process.expected.fulfil(call, outcome);
            }
            Event::Timer(id) => self.take_timer(id),
            Event::Cancel(task) => self.cancel(task),
            Event::Undelivered { to, error } => {
                let text = format!("what `{to}` was told came back: {error}");
                crate::log(Level::Error, &text);
            }
            Event::Ended { process, reason } => {
                let text = format!("`{process}` has ended: {reason}");
                crate::log(Level::Warn, &text);
            }
            Event::Room { notices, bytes } => self.process.set_room(Room { notices, bytes }),
            Event::Stop => self.stop(),
        }
    }

    fn take_timer(&mut self, id: u64) {
        if self.process.expected.fulfil(id, Ok(Vec::new())) || self.saving.take_timer(id) {
            return;
        }
        let every = self.every.iter_mut().position(|every| every.timer == id);
        if let Some(place) = every {
            // The same timer is not due twice.
            self.every[place].timer = 0;
            self.waiting.push_back(Waiting::Every(place));
        }
    }

    /// Runs whatever can go on, until nothing can.
    fn go_on(&mut self) {
        loop {
            for (future, asked) in self.process.spawned.take() {
                self.add(Job::Own(future), asked, Cause::Spawned);
            }
            if let Some(key) = self.woken.next(self.alone) {
                self.poll(key);
            } else if self.alone.is_none()
                && let Some(waiting) = self.next_waiting()
            {
                self.run_waiting(waiting);
            } else {
                break;
            }
        }
    }

    /// What is to be run next. Messages wait for another turn if this one has done so much already.
    fn next_waiting(&mut self) -> Option<Waiting> {
        if !self.process.is_full() {
            return self.waiting.pop_front();
        }
        let is_own = |waiting: &Waiting| matches!(waiting, Waiting::Every(_));
        let place = self.waiting.iter().position(is_own)?;
        self.waiting.remove(place)
    }

    fn run_waiting(&mut self, waiting: Waiting) {
        match waiting {
            Waiting::Message(message) => self.run_message(message),
            Waiting::Every(place) => {
                let asked = Rc::new(Asked::own(self.process.clone(), Origin::Timer));
                let call = Call::own(Cx::new(asked.clone()));
                self.run(self.every[place].handler, call, asked, Cause::Every(place));
            }
        }
    }

    fn run_message(&mut self, message: Message) {
        let Message {
            task,
            origin,
            handler,
            deadline_ms,
            body,
        } = message;
        if self.tasks.contains_key(&Key::Message(task)) {
            // Two answers to one task would help nobody.
            return crate::error!("the host gave the number {task} to two messages");
        }
        let asked = Asked::new(self.process.clone(), origin, task, deadline_ms);
        let asked = Rc::new(asked);
        let cx = Cx::new(asked.clone());
        match Call::find(&self.router, cx, &handler, body) {
            Ok((place, call)) => self.run(place, call, asked, Cause::Message(task)),
            Err(outcome) => self.ended(&asked, Cause::Message(task), outcome),
        }
    }

    /// Runs the handlers that have this trigger, for the process itself.
    fn run_own(&mut self, trigger: &Trigger, cause: Cause) {
        for place in self.handlers(|one| one == trigger) {
            let own = Origin::Local(self.process.address.clone());
            let asked = Rc::new(Asked::own(self.process.clone(), own));
            let call = Call::own(Cx::new(asked.clone()));
            self.run(place, call, asked, cause);
        }
    }

    fn handlers(&self, is_meant: impl Fn(&Trigger) -> bool) -> Vec<usize> {
        let handlers = self.interface.handlers.iter().enumerate();
        let meant = handlers.filter(|(_, one)| one.triggers.iter().any(&is_meant));
        meant.map(|(place, _)| place).collect()
    }

    fn run(&mut self, place: usize, call: Call, asked: Rc<Asked>, cause: Cause) {
        let Some(run) = A::HANDLERS.get(place) else {
            let outcome = Err(CallError::NoHandler(format!("there is no handler {place}")));
            return self.ended(&asked, cause, outcome);
        };
        match run {
            Run::Read(handler) => {
                let outcome = match self.place.0.borrow().as_deref() {
                    Some(app) => handler(app, &call),
                    None => Err(CallError::Crashed),
                };
                self.ended(&asked, cause, outcome);
            }
            Run::Write(handler) => {
                self.process.memory.note_change();
                let outcome = match self.place.0.borrow_mut().as_deref_mut() {
                    Some(app) => handler(app, &call),
                    None => Err(CallError::Crashed),
                };
                self.ended(&asked, cause, outcome);
            }
            Run::Exclusive(handler) => {
                self.save_fields();
                let Some(app) = self.place.0.take() else {
                    return self.ended(&asked, cause, Err(CallError::Crashed));
                };
                let key = self.add(Job::Alone(handler(app, call)), asked, cause);
                self.alone = Some(key);
            }
            Run::Concurrent(handler) => {
                self.add(Job::Shared(handler(call)), asked, cause);
            }
        }
    }

    fn add(&mut self, job: Job<A>, asked: Rc<Asked>, cause: Cause) -> Key {
        let key = match cause {
            Cause::Message(task) => Key::Message(task),
            _ => {
                self.last_own += 1;
                Key::Own(self.last_own)
            }
        };
        let running = Running {
            job,
            asked,
            cause,
            bell: self.woken.add(key),
        };
        self.tasks.insert(key, Box::new(running));
        key
    }

    fn poll(&mut self, key: Key) {
        let Some(mut running) = self.tasks.remove(&key) else {
            return;
        };
        let waker = running.bell.waker();
        let mut cx = Context::from_waker(&waker);
        let polled = match &mut running.job {
            Job::Alone(future) => future.as_mut().poll(&mut cx).map(|(app, outcome)| {
                self.place.0.replace(Some(app));
                self.alone = None;
                self.process.memory.note_change();
                Some(outcome)
            }),
            Job::Shared(future) => future.as_mut().poll(&mut cx).map(Some),
            Job::Own(future) => future.as_mut().poll(&mut cx).map(|()| None),
        };
        match polled {
            Poll::Pending => {
                self.tasks.insert(key, running);
            }
            Poll::Ready(outcome) => {
                let Running {
                    job, asked, cause, ..
                } = *running;
                drop(job);
                match outcome {
                    Some(outcome) => self.ended(&asked, cause, outcome),
                    None => self.forget_spawned(),
                }
            }
        }
    }

    fn forget_spawned(&self) {
        let count = &self.process.spawned_count;
        count.set(count.get().saturating_sub(1));
    }

    /// A handler ended: says so to whom it concerns.
    fn ended(&mut self, asked: &Asked, cause: Cause, mut outcome: Outcome) {
        asked.end(&mut outcome);
        match cause {
            Cause::Message(task) => {
                self.saving.count();
                self.process.act(Action::Respond { task, outcome });
            }
            Cause::Every(place) => {
                let every = &self.every[place];
                self.log_failure(every.handler, &outcome);
                self.set_timer(place);
            }
            Cause::Init => {
                if let Some(error) = failure(&outcome) {
                    self.init_error = Some(format!("`#[init]` failed: {error}"));
                }
            }
            Cause::Stop => {
                if let Some(error) = failure(&outcome) {
                    crate::error!("`#[stop]` failed: {error}");
                }
            }
            Cause::Spawned => {}
        }
    }

    fn log_failure(&self, handler: usize, outcome: &Outcome) {
        if let Some(error) = failure(outcome) {
            let handler = self.interface.handlers.get(handler);
            let name = handler.map_or("", |handler| &handler.name);
            crate::error!("`{name}` failed: {error}");
        }
    }

    /// Sets the timers of `#[every]` for the first time.
    fn set_all_timers(&mut self) {
        let interface = self.interface.clone();
        for (handler, one) in interface.handlers.iter().enumerate() {
            for trigger in &one.triggers {
                if let Trigger::Every(period_ms) = trigger {
                    self.every.push(Every {
                        handler,
                        period_ms: (*period_ms).max(1),
                        due_ms: crate::now_ms(),
                        timer: 0,
                    });
                    self.set_timer(self.every.len() - 1);
                }
            }
        }
    }

    /// At a fixed rate; times that were missed are not made up for.
    fn set_timer(&mut self, place: usize) {
        let id = self.process.next_id();
        let now_ms = crate::now_ms();
        let every = &mut self.every[place];
        every.due_ms = every.due_ms.saturating_add(every.period_ms);
        if every.due_ms <= now_ms {
            let late_ms = (now_ms - every.due_ms) % every.period_ms;
            every.due_ms = now_ms.saturating_add(every.period_ms - late_ms);
        }
        every.timer = id;
        let after_ms = every.due_ms - now_ms;
        self.process.act(Action::SetTimer { id, after_ms });
    }

    /// Nobody waits for the task any longer: it is dropped where it is, and not answered.
    fn cancel(&mut self, task: u64) {
        self.waiting.retain(|waiting| match waiting {
            Waiting::Message(message) => message.task != task,
            Waiting::Every(_) => true,
        });
        self.abandon(Key::Message(task));
    }

    /// Drops a task. If it has the state, that is read as it was at the task's last await: what came after
    /// an await that did not end was never seen by anybody.
    fn abandon(&mut self, key: Key) -> Option<Cause> {
        let Running {
            job, asked, cause, ..
        } = *self.tasks.remove(&key)?;
        asked.abandon();
        if matches!(job, Job::Own(_)) {
            self.forget_spawned();
        }
        drop(job);
        if self.alone == Some(key) {
            self.alone = None;
            let app = self.load().unwrap_or_else(|error| {
                panic!("the state cannot be read as it was written: {error}")
            });
            self.place.0.replace(Some(Box::new(app)));
        }
        Some(cause)
    }

    /// The last turn: what has not ended never will.
    fn stop(&mut self) {
        let mut unanswered = Vec::new();
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            if let Some(Cause::Message(task)) = self.abandon(key) {
                unanswered.push(task);
            }
        }
        for waiting in mem::take(&mut self.waiting) {
            if let Waiting::Message(message) = waiting {
                unanswered.push(message.task);
            }
        }
        for task in unanswered {
            let outcome = Err(CallError::Crashed);
            self.process.act(Action::Respond { task, outcome });
        }
        self.run_own(&Trigger::Stop, Cause::Stop);
        self.go_on();
        // An await of `#[stop]` would wait for a turn that never comes.
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            if let Some(Cause::Stop) = self.abandon(key) {
                crate::warn!(
                    "`#[stop]` awaited something; nothing comes in any more, so it ended there"
                );
            }
        }
        self.saving.force();
    }

    /// Brings the fields' bytes up to the state, if that may have changed.
    fn save_fields(&self) {
        let memory = &self.process.memory;
        if let Some(app) = self.place.0.borrow().as_deref()
            && memory.take_stale()
        {
            state::save(app, memory);
        }
    }

    /// Gives messages back that were not begun: kept here, they would be lost with the process.
    fn defer(&mut self) {
        let process = &self.process;
        self.waiting.retain(|waiting| match waiting {
            Waiting::Message(message) => {
                process.act(Action::Defer(message.task));
                false
            }
            Waiting::Every(_) => true,
        });
    }

    fn end_turn(&mut self) -> Turn {
        // Whatever is left is not for this turn: the state is somebody's alone, or there is too much of it.
        self.defer();
        let memory = self.process.memory.clone();
        let touched = memory.take_touched();
        let mut changes = Vec::new();
        if self.saving.take_due() {
            self.save_fields();
            changes = memory.take_changes();
        } else if touched && let Some(after_ms) = self.saving.wants_timer_ms() {
            let id = self.process.next_id();
            self.saving.set_timer(id);
            self.process.act(Action::SetTimer { id, after_ms });
        }
        Turn {
            actions: self.process.take_actions(),
            changes,
            touched,
            exclusive: self.alone.is_some(),
        }
    }
}

impl<A: Hyperapp> Drop for Life<A> {
    fn drop(&mut self) {
        // They hold the process that holds them.
        drop(self.process.spawned.take());
    }
}

/// The state as it is stored, migrated if need be.
fn read_state<A: Hyperapp>(memory: &Rc<Memory>, version: u32) -> Result<A, StateError> {
    if version > A::VERSION {
        return Err(StateError::Newer {
            kept: version,
            own: A::VERSION,
        });
    }
    let mut fields = Fields::new(memory.clone());
    if version != 0 && version < A::VERSION {
        A::migrate(version, &mut fields)?;
    }
    if version < A::VERSION {
        memory.set_version(A::VERSION);
        memory.note_change();
    }
    A::load(&mut fields)
}

/// Why a handler of the process itself failed, if it did.
fn failure(outcome: &Outcome) -> Option<String> {
    match outcome {
        Err(error) => Some(error.to_string()),
        Ok(response) if response.status >= 400 => {
            Some(String::from_utf8_lossy(&response.body).into_owned())
        }
        Ok(_) => None,
    }
}
