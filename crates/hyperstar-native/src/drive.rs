//! Carries out what the kernel decides.
//!
//! One step of the kernel gives effects; those that take time are jobs, and a job ends with the next step. A
//! chain of jobs runs on one task for as long as each step gives one: a call from process to process and back
//! changes no thread. What else a step gives runs on tasks of its own.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use hyperstar_kernel::{
    Effect, Event, Exclusive, ExitReason, Incarnation, Input, Next, Outcome, Record, Request, Room,
};
use hyperstar_process::abi::{self, Response, Turn};
use hyperstar_process::sys::Level;
use tokio_util::sync::CancellationToken;

use crate::convert::{self, Frame, Payload};
use crate::gateway;
use crate::host::Host;
use crate::instance::{Crash, unwound};
use crate::mail::{self, MailError};
use crate::place::check_change;
use crate::process::{Flight, Living, Process, Status};

/// Whose task a chain of jobs runs on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ride {
    Own,
    /// That of somebody who asks: it runs one turn and its commit, and not those of others.
    Lent,
}

/// A request that the kernel may not have been told of yet.
#[must_use = "somebody waits for it"]
pub(crate) struct Asked {
    host: Option<Host>,
}

impl Asked {
    /// Tells the kernel, and does at once what that takes, if nothing of it has to wait; what has to goes on by
    /// itself.
    pub(crate) async fn run(mut self) {
        let is_alone = |host: &mut Host| !host.core().has_crowd();
        let Some(host) = self.host.take_if(is_alone) else {
            return;
        };
        if !host.core().has_asked() {
            return;
        }
        let tasks = host.tasks().clone();
        // A task of its own would only be waited for, and wakes a thread that has nothing else to do.
        let mut driving = Box::pin(host.drive_asked(Ride::Lent));
        let polled = poll_fn(|cx| Poll::Ready(driving.as_mut().poll(cx))).await;
        if polled.is_pending() {
            tasks.spawn(driving);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(host) = self.host.take()
            && host.core().has_asked()
        {
            host.drive_soon();
        }
    }
}

/// Something that takes time.
pub(crate) enum Job {
    Start(Arc<Process>, Incarnation),
    Turn(
        Arc<Process>,
        Incarnation,
        Vec<Event<Payload, Response>>,
        Room,
    ),
    Commit(Arc<Process>, Incarnation, Box<Record<Payload, Response>>),
}

impl Host {
    /// Tells the kernel, and sees to it that what follows is done.
    pub(crate) fn tell(&self, input: Input<Payload, Response>) {
        for job in self.step(input) {
            self.spawn(job);
        }
    }

    /// Notes a request for the kernel, which is told of it when what this returns is run, or dropped, if not
    /// before by somebody else. Requests that come at the same time are told together: one turn takes them, and
    /// one commit keeps them.
    pub(crate) fn put(&self, request: Request<Payload>) -> Asked {
        self.core().note(request);
        Asked {
            host: Some(self.clone()),
        }
    }

    /// Has the kernel told soon of what it was asked, by a task that all who ask meanwhile share.
    fn drive_soon(&self) {
        if !self.core().expect() {
            return;
        }
        let host = self.clone();
        self.tasks().spawn(async move {
            // Of those who were answered together some ask again: they do so first.
            tokio::task::yield_now().await;
            host.core().expect_no_more();
            host.drive_asked(Ride::Own).await;
        });
    }

    fn spawn(&self, job: Job) {
        let host = self.clone();
        self.tasks()
            .spawn(async move { host.drive(job, Ride::Own).await });
    }

    /// Tells the kernel of the requests that came, and runs what follows.
    async fn drive_asked(self, ride: Ride) {
        let mut jobs = self.step(Input::Tick).into_iter();
        let first = jobs.next();
        jobs.for_each(|job| self.spawn(job));
        if let Some(first) = first {
            self.drive(first, ride).await;
        }
    }

    /// Runs a job and what follows from it.
    async fn drive(self, first: Job, ride: Ride) {
        let mut next = Some(first);
        while let Some(job) = next.take() {
            let input = match job {
                Job::Start(process, incarnation) => self.start(&process, incarnation).await,
                Job::Turn(process, incarnation, events, room) => {
                    self.turn(&process, incarnation, events, room).await
                }
                Job::Commit(process, incarnation, record) => {
                    let committed = self.commit(&process, incarnation, &record).await;
                    for effect in self.core().hear(committed) {
                        if let Some(job) = self.carry_out(effect) {
                            self.spawn(job);
                        }
                    }
                    // Those who were answered may ask again: the next commit is theirs too.
                    tokio::task::yield_now().await;
                    Input::Tick
                }
            };
            for job in self.step(input) {
                match next {
                    None if ride == Ride::Own || matches!(job, Job::Commit(..)) => next = Some(job),
                    _ => self.spawn(job),
                }
            }
            // A chain without an end must let others have the thread.
            tokio::task::coop::consume_budget().await;
        }
    }

    /// One step of the kernel. What takes no time is done when this returns.
    fn step(&self, input: Input<Payload, Response>) -> Vec<Job> {
        let ended = match &input {
            Input::Started {
                name, incarnation, ..
            }
            | Input::TurnEnded {
                name, incarnation, ..
            } => Some((name.clone(), *incarnation)),
            _ => None,
        };
        let effects = self.core().decide(input);
        let mut jobs = Vec::new();
        let mut waits = false;
        for effect in effects {
            if let Effect::Commit { name, .. } = &effect
                && ended.as_ref().is_some_and(|(ended, _)| ended == name)
            {
                waits = true;
            }
            jobs.extend(self.carry_out(effect));
        }
        // Nothing is to be kept: whoever waited to look may.
        if let Some((name, incarnation)) = ended
            && !waits
            && let Some(process) = self.process(&name)
            && let Some(flight) = process.take_flight(incarnation)
        {
            self.land(&process, flight);
        }
        jobs
    }

    fn carry_out(&self, effect: Effect<Payload, Response>) -> Option<Job> {
        match effect {
            Effect::Start { name, incarnation } => {
                Some(Job::Start(self.process(&name)?, incarnation))
            }
            Effect::Turn {
                name,
                incarnation,
                events,
                room,
            } => Some(Job::Turn(self.process(&name)?, incarnation, events, room)),
            Effect::Commit {
                name,
                incarnation,
                record,
            } => Some(Job::Commit(
                self.process(&name)?,
                incarnation,
                Box::new(record),
            )),
            Effect::Running { name, incarnation } => {
                self.runs(&self.process(&name)?, incarnation);
                None
            }
            Effect::Kill { name, incarnation } => {
                self.kill(&self.process(&name)?, incarnation);
                None
            }
            Effect::Answer { ticket, result } => {
                self.answer(ticket, result);
                None
            }
            Effect::Exited { name, reason, next } => {
                self.exited(&name, &reason, next);
                None
            }
            Effect::Log { name, text } => {
                self.log(&name, Level::Warn, &text);
                None
            }
            Effect::Farewell { name, to, reason } => {
                self.farewell(&name, &to, &reason);
                None
            }
            Effect::GrantRefused { id, reason } => {
                tracing::error!(grant = id.0, reason, "a grant was refused");
                None
            }
            _ => None,
        }
    }

    async fn start(
        &self,
        process: &Arc<Process>,
        incarnation: Incarnation,
    ) -> Input<Payload, Response> {
        let end = process.begin(incarnation);
        let started = tokio::select! {
            started = self.make(process, incarnation) => started,
            () = end.cancelled() => Err(Crash::Host("it was stopped while it started".to_owned())),
        };
        Input::Started {
            name: process.name().clone(),
            incarnation,
            result: started.map_err(|crash| crash.to_string()),
        }
    }

    /// A process takes messages, unless it has been ended meanwhile.
    fn runs(&self, process: &Arc<Process>, incarnation: Incarnation) {
        let is_current = |end: CancellationToken| !end.is_cancelled();
        process.change_status(|status| {
            let is_coming = matches!(status, Status::Starting | Status::Restarting { .. });
            if is_coming && process.end_of(incarnation).is_some_and(is_current) {
                *status = Status::Running;
            }
        });
        self.hub().notify(process.topic());
        gateway::introduce(self, process);
    }

    /// Makes an instance from what is durable. What its first turn wants kept waits for the kernel's record.
    async fn make(
        &self,
        process: &Arc<Process>,
        incarnation: Incarnation,
    ) -> Result<Outcome<Payload, Response>, Crash> {
        let start = self.start_of(process)?;
        let loaded = process.loaded();
        let (reach, limits) = (process.reach.clone(), loaded.options.limits.clone());
        let started = async { loaded.program.start(start, reach, limits).await };
        let (instance, turn) = unwound(started).await?;
        let mut slot = process.slot.clone().lock_owned().await;
        *slot = Some(Living {
            incarnation,
            instance,
        });
        take(process, incarnation, slot, turn)
    }

    async fn turn(
        &self,
        process: &Arc<Process>,
        incarnation: Incarnation,
        events: Vec<Event<Payload, Response>>,
        room: Room,
    ) -> Input<Payload, Response> {
        let (notices, bytes) = (room.messages as u64, room.weight_bytes);
        let is_short = notices < abi::NOTICES_UNSAID || bytes < abi::NOTICE_BYTES_UNSAID;
        let told = is_short.then_some(abi::Event::Room { notices, bytes });
        let events = events.into_iter().filter_map(|event| {
            convert::event(event, |kernel_ms| self.core().system_ms(kernel_ms))
        });
        let events: Vec<abi::Event> = told.into_iter().chain(events).collect();
        let outcome = match self.run(process, incarnation, events).await {
            Ok(outcome) => outcome,
            Err(crash) => {
                process
                    .logs
                    .add(self.now_ms(), Level::Error, &crash.to_string());
                Outcome::Crashed {
                    reason: crash.to_string(),
                }
            }
        };
        Input::TurnEnded {
            name: process.name().clone(),
            incarnation,
            outcome,
        }
    }

    async fn run(
        &self,
        process: &Arc<Process>,
        incarnation: Incarnation,
        events: Vec<abi::Event>,
    ) -> Result<Outcome<Payload, Response>, Crash> {
        let killed = || Crash::Host("it was stopped".to_owned());
        let end = process.end_of(incarnation).ok_or_else(killed)?;
        let mut slot = process.slot.clone().lock_owned().await;
        let turned = {
            let living = slot
                .as_mut()
                .filter(|living| living.incarnation == incarnation)
                .ok_or_else(killed)?;
            tokio::select! {
                turned = unwound(async { living.instance.turn(events).await }) => turned,
                () = end.cancelled() => Err(killed()),
            }
        };
        let taken = turned.and_then(|turn| take(process, incarnation, slot, turn));
        if taken.is_err() {
            // The guard is gone, so that this waits for nobody but a render.
            process
                .slot
                .lock()
                .await
                .take_if(|living| living.incarnation == incarnation);
        }
        taken
    }

    async fn commit(
        &self,
        process: &Arc<Process>,
        incarnation: Incarnation,
        record: &Record<Payload, Response>,
    ) -> Input<Payload, Response> {
        let flight = process.take_flight(incarnation);
        let changes = flight.as_ref().map_or(&[][..], |flight| &flight.changes);
        let committed = self.keep(process, changes, record).await;
        let result = match committed {
            Ok(()) => {
                if let Some(flight) = flight {
                    self.land(process, flight);
                }
                Ok(())
            }
            Err(error) => {
                let text = format!("its state could not be kept: {error}");
                process.logs.add(self.now_ms(), Level::Error, &text);
                if let Some(mut flight) = flight {
                    *flight.slot = None;
                }
                Err(text)
            }
        };
        Input::Committed {
            name: process.name().clone(),
            incarnation,
            result,
        }
    }

    async fn keep(
        &self,
        process: &Process,
        changes: &[abi::Change],
        record: &Record<Payload, Response>,
    ) -> Result<(), MailError> {
        let place = process.place();
        let ((), pending) = self.store().submit(|tx| {
            for change in changes {
                let path = place.of_state(&change.path);
                match &change.value {
                    Some(value) => tx.set_bytes(&path, value.clone())?,
                    None => {
                        tx.remove(&path)?;
                    }
                }
            }
            mail::write(tx, place, record)
        })?;
        pending.await?;
        Ok(())
    }

    /// A turn is done: what it says to browsers goes out, and others may look.
    fn land(&self, process: &Process, flight: Flight) {
        for frame in flight.frames {
            match frame {
                Frame::Push {
                    channel,
                    binary,
                    body,
                } => self.channels().push(process.id(), channel, binary, body),
                Frame::Close(channel) => self.channels().close(process.id(), channel),
            }
        }
        drop(flight.slot);
        // What was kept is announced by the store.
        if flight.touched && flight.changes.is_empty() {
            self.hub().notify(process.topic());
        }
    }

    fn kill(&self, process: &Arc<Process>, incarnation: Incarnation) {
        if let Some(end) = process.end_of(incarnation) {
            end.cancel();
        }
        drop(process.take_flight(incarnation));
        let process = process.clone();
        self.tasks().spawn(async move {
            let mut slot = process.slot.lock().await;
            slot.take_if(|living| living.incarnation == incarnation);
        });
    }

    fn exited(&self, name: &Arc<str>, reason: &ExitReason, next: Next) {
        let Some(process) = self.process(name) else {
            return;
        };
        self.channels().close_all(name);
        let text = convert::reason_of(reason);
        let (level, status) = match (reason, next) {
            (_, Next::RestartsAt { at_ms }) => (
                Level::Error,
                Status::Restarting {
                    reason: text.clone(),
                    at_ms: self.core().system_ms(at_ms),
                },
            ),
            (ExitReason::Crashed(_), _) => (
                Level::Error,
                Status::Failed {
                    reason: text.clone(),
                },
            ),
            _ => (Level::Info, Status::Stopped),
        };
        process.logs.add(self.now_ms(), level, &text);
        process.set_status(status);
        self.hub().notify(process.topic());
    }
}

/// Takes what a turn wants done, if it makes sense.
fn take(
    process: &Process,
    incarnation: Incarnation,
    slot: tokio::sync::OwnedMutexGuard<Option<Living>>,
    turn: Turn,
) -> Result<Outcome<Payload, Response>, Crash> {
    for change in &turn.changes {
        check_change(change)?;
    }
    let asked = convert::actions(turn.actions);
    let outcome = Outcome::Done {
        actions: asked.actions,
        is_changed: !turn.changes.is_empty(),
        exclusive: match turn.exclusive {
            true => Exclusive::Process,
            false => Exclusive::No,
        },
    };
    process.set_flight(Flight {
        incarnation,
        slot,
        changes: turn.changes,
        frames: asked.frames,
        touched: turn.touched,
    });
    Ok(outcome)
}
