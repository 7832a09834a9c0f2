//! What the kernel has a host do.

use crate::{
    CallError, CallId, GrantId, Incarnation, Key, Name, NoteId, OutboxEntry, TaskId, Ticket,
    TimerId,
};

/// Something to be done, in the order given.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Effect<M, R> {
    /// Make an instance from what is durable, and say so by [`Input::Started`](crate::Input::Started).
    Start {
        /// Which process.
        name: Name,
        /// Which life of it.
        incarnation: Incarnation,
    },
    /// The process takes messages from now on: what it did as it started was accepted and, if there was something
    /// to commit, is durable. It comes once in a life, and not in one that ends or is to end before.
    Running {
        /// Which process.
        name: Name,
        /// Which life of it.
        incarnation: Incarnation,
    },
    /// Drop the instance, whatever it does. Each start is followed by one kill.
    Kill {
        /// Which process.
        name: Name,
        /// Which life of it.
        incarnation: Incarnation,
    },
    /// Give the events to the instance, and tell how it went by
    /// [`Input::TurnEnded`](crate::Input::TurnEnded).
    Turn {
        /// Which process.
        name: Name,
        /// Which life of it.
        incarnation: Incarnation,
        /// What to handle, in order; never empty.
        events: Vec<Event<M, R>>,
        /// What the turn may notify. The process refuses more by itself, before it happens.
        room: Room,
    },
    /// Make the record durable, and with it, in one transaction, what the turn that has ended since the
    /// last commit changed of the state. Then say so by [`Input::Committed`](crate::Input::Committed).
    Commit {
        /// Which process.
        name: Name,
        /// Which life of it.
        incarnation: Incarnation,
        /// What is to be remembered beside the state.
        record: Record<M, R>,
    },
    /// The answer to a request.
    Answer {
        /// Which request.
        ticket: Ticket,
        /// What whoever asked is told.
        result: Result<R, CallError>,
    },
    /// A process has ended; for people to see.
    Exited {
        /// Which process.
        name: Name,
        /// Why.
        reason: ExitReason,
        /// What follows.
        next: Next,
    },
    /// A process has ended whose policy is to send a message: make one, and send it by
    /// [`Input::Request`](crate::Input::Request).
    Farewell {
        /// Which process.
        name: Name,
        /// Who is to have the message.
        to: Name,
        /// Why it has ended.
        reason: ExitReason,
    },
    /// A grant was not added.
    GrantRefused {
        /// Which grant.
        id: GrantId,
        /// Why, and the remedy.
        reason: String,
    },
    /// Something for the log of a process.
    Log {
        /// Which process.
        name: Name,
        /// What to write.
        text: String,
    },
}

/// What a process is told in a turn.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Event<M, R> {
    /// A message.
    Message {
        /// What to [respond](crate::Action::Respond) to.
        task: TaskId,
        /// Who sent it.
        from: Sender,
        /// Which handler it is for.
        handler: Name,
        /// What it says.
        payload: M,
        /// When whoever asked gives up.
        deadline_ms: u64,
    },
    /// The reply to a call.
    Reply {
        /// Which call.
        call: CallId,
        /// What was answered.
        result: Result<R, CallError>,
    },
    /// A notification came back. Nobody has taken it, and nobody will.
    Undelivered {
        /// Which notification.
        note: NoteId,
        /// Who was to have it.
        to: Name,
        /// Why it was not taken.
        error: CallError,
    },
    /// A timer.
    Timer {
        /// Which timer.
        id: TimerId,
    },
    /// Nobody waits for the response to a message any more. In this turn it can still be given, for the
    /// record of its key; after it the kernel has forgotten the message.
    Cancel {
        /// Which message.
        task: TaskId,
    },
    /// A process that is linked to this one has ended for good.
    Ended {
        /// Which process.
        name: Name,
        /// Why.
        reason: ExitReason,
    },
    /// This is the last turn.
    Stop,
}

/// Who sent a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sender {
    /// A person or a service, through the host.
    Outside,
    /// A process, at this or another node.
    Process(Name),
}

/// What one turn may notify.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// How many notifications.
    pub messages: usize,
    /// What they may weigh together.
    pub weight_bytes: u64,
}

/// What a commit remembers beside the state, so that [`Memory`](crate::Memory) has it after a crash.
#[derive(Clone, PartialEq, Debug)]
pub struct Record<M, R> {
    /// For some senders, the last sequence number that was seen now.
    pub seen: Vec<(Name, u64)>,
    /// Senders whose number need not be remembered any more: they were removed.
    pub seen_forgotten: Vec<Name>,
    /// Keys whose requests have begun and not ended.
    pub keys_started: Vec<Key>,
    /// Keys whose requests have ended, and how.
    pub keys_finished: Vec<(Key, Result<R, CallError>)>,
    /// Keys that need not be remembered any more.
    pub keys_forgotten: Vec<Key>,
    /// Notifications to remember.
    pub outbox_added: Vec<OutboxEntry<M>>,
    /// The sequence numbers of notifications that need not be remembered any more.
    pub outbox_removed: Vec<u64>,
}

impl<M, R> Default for Record<M, R> {
    fn default() -> Self {
        Record {
            seen: Vec::new(),
            seen_forgotten: Vec::new(),
            keys_started: Vec::new(),
            keys_finished: Vec::new(),
            keys_forgotten: Vec::new(),
            outbox_added: Vec::new(),
            outbox_removed: Vec::new(),
        }
    }
}

/// Why a process ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExitReason {
    /// It trapped, could not be started, asked for what makes no sense, or its commit failed.
    Crashed(String),
    /// It exits by itself.
    Exited(String),
    /// It was stopped.
    Stopped,
    /// It was removed.
    Removed,
}

/// What follows an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// It is started again at this time.
    RestartsAt {
        /// When.
        at_ms: u64,
    },
    /// It stays stopped until somebody starts it.
    Stopped,
    /// It crashed too often, and stays stopped until somebody starts it.
    GaveUp,
    /// It is known no more.
    Gone,
}
