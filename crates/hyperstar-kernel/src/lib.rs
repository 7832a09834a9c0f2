//! Processes and their messages as one pure state machine.
//!
//! A [`Kernel`] decides everything about processes: who may send what to whom, what waits, what runs, what is
//! committed and what is answered. It does nothing itself. A host feeds it an [`Input`] for all that
//! happens and carries out the [`Effect`]s: it makes instances, gives them events, writes to the store. A
//! clock, randomness, threads and I/O are the host's; so the same kernel runs under a server and under a
//! simulator that lets whole networks fail.
//!
//! ```
//! use hyperstar_kernel::{Action, Effect, Event, Exclusive, Input, Kernel, KernelLimits, Memory, Origin};
//! use hyperstar_kernel::{Name, Outcome, Request, Spec, Ticket};
//!
//! let (mut kernel, mut effects) = (Kernel::<String, String>::new(KernelLimits::default(), 7), Vec::new());
//! let name: Name = "main:greeter:alice.os".into();
//! let (spec, memory) = (Spec::default(), Memory::default());
//! kernel.step(0, Input::Add { name: name.clone(), spec, memory }, &mut effects);
//! kernel.step(0, Input::Start { name: name.clone() }, &mut effects);
//! kernel.step(0, Input::Request(Request {
//!     ticket: Ticket(1), to: name, origin: Origin::Outside, handler: "greet".into(),
//!     payload: "Bob".into(), weight_bytes: 3, timeout_ms: None, key: None,
//! }), &mut effects);
//! while !effects.is_empty() {
//!     let input = match effects.remove(0) {
//!         Effect::Start { name, incarnation } => Input::Started { name, incarnation, result: Ok(Outcome::nothing()) },
//!         Effect::Commit { name, incarnation, .. } => Input::Committed { name, incarnation, result: Ok(()) },
//!         Effect::Turn { name, incarnation, events, .. } => {
//!             let actions = events.into_iter().filter_map(|event| match event {
//!                 Event::Message { task, payload, .. } => {
//!                     let result = Ok(format!("Hello {payload}"));
//!                     Some(Action::Respond { task, result, weight_bytes: 9 })
//!                 }
//!                 _ => None,
//!             });
//!             let (actions, exclusive) = (actions.collect(), Exclusive::No);
//!             let outcome = Outcome::Done { actions, is_changed: true, exclusive };
//!             Input::TurnEnded { name, incarnation, outcome }
//!         }
//!         Effect::Answer { ticket, result } => {
//!             assert_eq!((ticket, result), (Ticket(1), Ok("Hello Bob".to_owned())));
//!             Input::Tick
//!         }
//!         Effect::Running { .. } => Input::Tick,
//!         other => panic!("{other:?}"),
//!     };
//!     kernel.step(1, input, &mut effects);
//! }
//! ```
//!
//! # A turn is a transaction
//! A process has one turn or one commit in flight. A turn takes a batch of events and gives actions. All of
//! them are checked first; one that makes no sense crashes the process, and none is carried out. Then,
//! with [`Acknowledge::Commit`], the host makes durable what the turn changed together with the kernel's
//! [`Record`], and only then anything leaves: calls, notifications, answers, timers. If the commit fails the
//! turn has not happened: the instance is killed, whoever waited for it hears `Crashed`.
//!
//! # What it promises
//! - Every call has exactly one reply in the life of its caller, and every request one answer: a response,
//!   or a [`CallError`]. Deadlines are inherited by what is called on behalf of a message.
//! - What was answered is durable. A request with a [`Key`] runs once, however often it is sent: it gets the
//!   recorded outcome, and `Crashed` if it was interrupted after its first commit.
//! - A notification between processes that commit is handled exactly once, or comes back exactly once in
//!   [`Event::Undelivered`], whatever crashes. It waits in its sender's durable outbox until the receiver's
//!   commit has recorded its number as seen; after a crash of the node it is delivered again unless it was.
//!   The sender's next commit removes it, or one of its own after [`KernelLimits::settle_ms`].
//! - Messages of one sender to one receiver keep their order, calls and notifications alike. What comes back
//!   holds up what is behind it until the sender has handled the return.
//! - Senders are served in turn. Mailboxes, outboxes, tasks, calls, timers, keys, chains and rates have bounds;
//!   at a bound somebody hears `Busy` at once, and nobody else notices.
//! - Nobody messages anybody without a [`Grant`], but itself and public handlers. A revoked grant takes
//!   with it all that came of it, and counts for messages that wait.
//! - A call that would wait for itself is refused with `Cycle` at once; of exclusive handlers that call each other, the
//!   last to do so.
//!
//! It is atomic between awaits only: of a message that is worked on in several turns, those that were
//! committed stay when the process crashes, and the rest is not resumed.
//!
//! # What it refuses
//! It knows no payload, no store, no network and no handler's code. It restarts nobody who was stopped or
//! who exits. It trusts its host, and neither processes nor whoever sends requests.
//!
//! # A crash over a notification
//! A turn may have many messages, and one of them may crash the process each time. After a crash the
//! notifications of the turn are given again, each alone; what crashes the process alone
//! [`KernelLimits::attempts_max`] times comes back as `Crashed`, and the others go through.
//!
//! # Links
//! A [`Link`] names who is concerned when a process ends for good: it is told, or stopped too. A process that
//! is going to be restarted has not ended.
//!
//! # Design
//! - A notification waits at its sender and not in the receiver's mailbox. It is there once, the outbox bounds
//!   it, and a full or stopped receiver needs no error: it takes on when it can.
//! - A process knows how much it may notify before a turn ([`Room`]), so an outbox that is full is an error in
//!   the turn, before the state that goes with it is committed.
//! - Sequence numbers are of the kernel, not of a pair: greater than all that any memory holds. A process
//!   that was forgotten and has a successor cannot be mistaken for it; one that was removed and not forgotten comes
//!   back to receivers that know what they have seen.
//! - An exclusive handler in the midst of a batch hands back the rest of it ([`Action::Defer`]): had they
//!   been recorded as seen, a crash would lose them. So does a turn whose answers are many or large already.
#![forbid(unsafe_code)]

mod agenda;
mod effect;
mod error;
mod grants;
mod hash;
mod input;
mod kernel;
mod name;
mod slab;
mod spec;

pub use effect::{Effect, Event, ExitReason, Next, Record, Room, Sender};
pub use error::CallError;
pub use grants::{Grant, Handlers, Target};
pub use input::{
    Action, Exclusive, Input, KeyEntry, Memory, Origin, OutboxEntry, Outcome, Request,
};
pub use kernel::{Census, Kernel, ProcessLoad};
pub use name::{CallId, GrantId, Incarnation, Key, Name, NoteId, TaskId, Ticket, TimerId};
pub use spec::{
    Acknowledge, ExitPolicy, KernelLimits, Link, MailboxLimits, OnEnd, OutboxLimits, Rate, Restart,
    Spec,
};
