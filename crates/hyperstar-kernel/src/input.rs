//! What a host tells the kernel.

use crate::{
    CallError, CallId, Grant, GrantId, Incarnation, Key, Name, NoteId, Spec, TaskId, Ticket,
    TimerId,
};

/// Something that happened. `M` is the payload of a message and `R` that of an answer; the kernel copies
/// them at times, and reads nothing in them.
///
/// What names a process that is not known, or comes from an older [`Incarnation`], changes nothing.
#[derive(Clone, Debug)]
pub enum Input<M, R> {
    /// A process is known from now on, stopped. After a boot, add all of them before one is started:
    /// what was sent to a process that is not known comes back.
    Add {
        /// A name that no other process has.
        name: Name,
        /// How it is run.
        spec: Spec,
        /// What was durable; empty for a new one.
        memory: Memory<M, R>,
    },
    /// A process is run in another way from now on.
    Update {
        /// Which process.
        name: Name,
        /// How it is run.
        spec: Spec,
    },
    /// A stopped process is to run, with a count of crashes that starts anew.
    Start {
        /// Which process.
        name: Name,
    },
    /// A process is to end: it gets [`Event::Stop`](crate::Event::Stop), and is killed after that turn.
    /// Said twice, it is killed at once. A commit that is under way is waited for.
    Stop {
        /// Which process.
        name: Name,
    },
    /// A process is known no more, killed at once if it runs. Notifications to it come back to their senders; its
    /// own that nobody has taken yet are not delivered while it is away. It has gone once
    /// [`Effect::Exited`](crate::Effect::Exited) says so.
    Remove {
        /// Which process.
        name: Name,
        /// Without it what is durable of the process stays, for an [`Input::Add`] to bring it back: each of its
        /// notifications is then handled once, whatever became of it meanwhile. With it all that others remember
        /// of the process goes too: delete what is durable of it. One that was removed without can be forgotten
        /// later.
        forget: bool,
    },
    /// An instance was made as [`Effect::Start`](crate::Effect::Start) asked, or could not be.
    Started {
        /// Which process.
        name: Name,
        /// Which life of it.
        incarnation: Incarnation,
        /// What it did as it started, which is its first turn; or why there is no instance.
        result: Result<Outcome<M, R>, String>,
    },
    /// Somebody outside sends a message. It gets exactly one [`Effect::Answer`](crate::Effect::Answer),
    /// unless it is cancelled.
    Request(Request<M>),
    /// Who asked has gone: there will be no answer. What waits is taken back, what runs is told.
    Cancel {
        /// The request.
        ticket: Ticket,
    },
    /// A turn has ended as it should.
    TurnEnded {
        /// Which process.
        name: Name,
        /// Which life of it.
        incarnation: Incarnation,
        /// What it did.
        outcome: Outcome<M, R>,
    },
    /// The instance is gone although it had no turn to do: it trapped while it rendered, say.
    Lost {
        /// Which process.
        name: Name,
        /// Which life of it.
        incarnation: Incarnation,
        /// What is told to people.
        reason: String,
    },
    /// A commit is durable, or nothing of it is. There is no third.
    Committed {
        /// Which process.
        name: Name,
        /// Which life of it.
        incarnation: Incarnation,
        /// Why nothing of it is durable.
        result: Result<(), String>,
    },
    /// A process may message others. A grant that makes no sense is refused
    /// ([`Effect::GrantRefused`](crate::Effect::GrantRefused)).
    GrantAdd(Grant),
    /// A grant is void, and so are all that came of it, also for messages that wait.
    GrantRevoke(GrantId),
    /// No grant up to this one is new: said after a boot, once those that live were added, so that one
    /// that was revoked before it stays dead.
    GrantsUpTo(GrantId),
    /// Time has passed.
    Tick,
}

/// What is durable of a process, as its [`Record`](crate::Record)s have left it.
#[derive(Clone, Debug)]
pub struct Memory<M, R> {
    /// For each sender, the last sequence number that was seen.
    pub seen: Vec<(Name, u64)>,
    /// The recorded keys, in the order in which they were recorded.
    pub keys: Vec<KeyEntry<R>>,
    /// What has not been taken by its receivers, or was not yet known to be, in order.
    pub outbox: Vec<OutboxEntry<M>>,
}

impl<M, R> Default for Memory<M, R> {
    fn default() -> Self {
        Memory {
            seen: Vec::new(),
            keys: Vec::new(),
            outbox: Vec::new(),
        }
    }
}

/// A request with a key, of which it is durable that it was taken.
#[derive(Clone, PartialEq, Debug)]
pub struct KeyEntry<R> {
    /// The key.
    pub key: Key,
    /// How it ended. `None`: it has begun and did not end; from now on it is `Crashed`.
    pub outcome: Option<Result<R, CallError>>,
    /// What the outcome weighs.
    pub weight_bytes: u64,
}

/// A durable notification.
#[derive(Clone, PartialEq, Debug)]
pub struct OutboxEntry<M> {
    /// Its number. Numbers grow along each pair of sender and receiver, and no two are the same.
    pub sequence: u64,
    /// What the sender calls it.
    pub id: NoteId,
    /// The receiver.
    pub to: Name,
    /// The receiver's handler.
    pub handler: Name,
    /// What it says.
    pub payload: M,
    /// What it weighs.
    pub weight_bytes: u64,
}

/// A message from outside.
#[derive(Clone, Debug)]
pub struct Request<M> {
    /// What the answer is called.
    pub ticket: Ticket,
    /// The receiver.
    pub to: Name,
    /// Who sends it.
    pub origin: Origin,
    /// The receiver's handler.
    pub handler: Name,
    /// What it says.
    pub payload: M,
    /// What it weighs.
    pub weight_bytes: u64,
    /// The time until its deadline; `None` is [`KernelLimits::timeout_ms`](crate::KernelLimits::timeout_ms).
    pub timeout_ms: Option<u64>,
    /// The same key again is the same request: it gets the recorded outcome, or waits for that of the
    /// one that runs.
    pub key: Option<Key>,
}

/// Where a request comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A person or a service. Whether they may is for the host to know.
    Outside,
    /// A process at another node, by a name that no process here has. It needs a grant.
    Process(Name),
    /// A process of this node, in the midst of its turn, which stands still until this is answered. It is sent
    /// at once, before that turn is kept; it ends with the first deadline of what the turn was given, and what
    /// would come back to the process meanwhile gets [`Cycle`](CallError::Cycle). The host cancels the request if
    /// the turn ends before.
    Turn(Name),
}

/// How a turn ended.
#[derive(Clone, Debug)]
pub enum Outcome<M, R> {
    /// The process handled all events.
    Done {
        /// What it asks for, in order.
        actions: Vec<Action<M, R>>,
        /// Its state has changed, so there is something to commit.
        is_changed: bool,
        /// Whether an exclusive handler awaits something.
        exclusive: Exclusive,
    },
    /// The instance is gone, and the turn with it.
    Crashed {
        /// What is told to people.
        reason: String,
    },
}

impl<M, R> Outcome<M, R> {
    /// Of a turn that asks for nothing and changed nothing.
    pub fn nothing() -> Self {
        Outcome::Done {
            actions: Vec::new(),
            is_changed: false,
            exclusive: Exclusive::No,
        }
    }
}

/// Whether an exclusive handler awaits something. Until it does no more, only replies, timers, cancels
/// and the like go in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exclusive {
    /// No handler does.
    No,
    /// The handler of this message does: a call that comes back on its behalf gets `Cycle`.
    Task(TaskId),
    /// Some handler does, and which is not known: every call that comes back gets `Cycle`.
    Process,
}

/// What a process asks for. One that makes no sense crashes the process: a task that it has not, a
/// second response, a call whose id is in use, more than its spec allows.
#[derive(Clone, PartialEq, Debug)]
pub enum Action<M, R> {
    /// Sends a message that is answered: exactly one [`Event::Reply`](crate::Event::Reply) follows.
    Call {
        /// What the reply is called.
        id: CallId,
        /// On whose behalf; the call ends by the deadline of that message. `None` for a timer's work.
        task: Option<TaskId>,
        /// The receiver.
        to: Name,
        /// The receiver's handler.
        handler: Name,
        /// What it says.
        payload: M,
        /// What it weighs.
        weight_bytes: u64,
        /// The time until its deadline; `None` is
        /// [`KernelLimits::timeout_ms`](crate::KernelLimits::timeout_ms).
        timeout_ms: Option<u64>,
    },
    /// Sends a message that is not answered. It waits until the receiver takes it, or comes back in
    /// [`Event::Undelivered`](crate::Event::Undelivered).
    Notify {
        /// What it is called if it comes back.
        id: NoteId,
        /// The receiver.
        to: Name,
        /// The receiver's handler.
        handler: Name,
        /// What it says.
        payload: M,
        /// What it weighs.
        weight_bytes: u64,
    },
    /// The process is done with a message. Each ends by one, also what nobody waits for.
    Respond {
        /// The message.
        task: TaskId,
        /// What whoever asked is told.
        result: Result<R, CallError>,
        /// What it weighs, for as long as it is remembered by a key.
        weight_bytes: u64,
    },
    /// The process has not begun with a message of this turn, since an exclusive handler awaits
    /// something, or since the turn has done enough. It waits in the mailbox again, in its old place. Later
    /// messages of the same sender in this turn have to be deferred as well; and unless a handler is
    /// exclusive, not all that the turn was given can be.
    Defer {
        /// The message.
        task: TaskId,
    },
    /// [`Event::Timer`](crate::Event::Timer) is to come.
    SetTimer {
        /// What it is called.
        id: TimerId,
        /// The time until then.
        after_ms: u64,
    },
    /// A timer is not to come. One that is not set is let be.
    CancelTimer {
        /// Which timer.
        id: TimerId,
    },
    /// No reply to a call is to come in a later turn, and the receiver is told. A call that is not known is let be.
    CancelCall {
        /// Which call.
        id: CallId,
    },
    /// The process ends after this turn, for good.
    Exit {
        /// What is told to people.
        reason: String,
    },
}
