//! How a process is run, and the bounds of everything.

use crate::{CallError, Name};

/// How one process is run.
///
/// ```
/// use hyperstar_kernel::{ExitPolicy, MailboxLimits, Restart, Spec};
///
/// let spec = Spec {
///     mailbox: MailboxLimits { messages_max: 256, ..MailboxLimits::default() },
///     exit: ExitPolicy::Restart(Restart::default()),
///     public: vec!["greet".into()],
///     ..Spec::default()
/// };
/// ```
#[derive(Clone, Debug)]
pub struct Spec {
    /// What an answer waits for.
    pub acknowledge: Acknowledge,
    /// The most events of one turn.
    pub turn_events_max: usize,
    /// Once its messages weigh as much, a turn takes no further one.
    pub turn_weight_bytes: u64,
    /// The heaviest message that the process takes, and the heaviest reply to a call of its own. In place of a heavier
    /// one whoever asked gets `Malformed`.
    pub message_weight_bytes_max: u64,
    /// The most actions of one turn; more crash the process.
    pub turn_actions_max: usize,
    /// What may wait for the process. Calls and requests beyond it get `Busy`.
    pub mailbox: MailboxLimits,
    /// The notifications of the process that are under way. It is told how many more it may send; more
    /// crash it.
    pub outbox: OutboxLimits,
    /// The messages that the process works on at once. Further ones wait in the mailbox.
    pub tasks_max: usize,
    /// The calls of the process that are in flight. Further ones get `Busy`, and as many again crash it.
    pub calls_max: usize,
    /// The timers that are set; more crash the process.
    pub timers_max: usize,
    /// The recorded outcomes of requests with a key. The oldest are let go.
    pub keys_max: usize,
    /// What those may weigh together, before the oldest are let go; the outcomes of the last turn stay.
    pub keys_weight_bytes_max: u64,
    /// The heaviest outcome that is recorded. Who asks gets a heavier one too; of it is recorded that the
    /// request was done, so that whoever sends it again gets `Malformed`, and it is not done twice.
    pub key_weight_bytes_max: u64,
    /// How often each sender may send to the process; beyond it is `Busy`. All that comes from outside
    /// counts as one sender.
    pub rate: Option<Rate>,
    /// What follows when the process ends.
    pub exit: ExitPolicy,
    /// Who is concerned when the process ends for good.
    pub links: Vec<Link>,
    /// The handlers that any process on the node may send to without a grant.
    pub public: Vec<Name>,
}

impl Default for Spec {
    fn default() -> Self {
        Spec {
            acknowledge: Acknowledge::Commit,
            turn_events_max: 64,
            turn_weight_bytes: 1 << 20,
            message_weight_bytes_max: 5 << 18,
            turn_actions_max: 4_096,
            mailbox: MailboxLimits::default(),
            outbox: OutboxLimits::default(),
            tasks_max: 1_024,
            calls_max: 1_024,
            timers_max: 1_024,
            keys_max: 1_024,
            keys_weight_bytes_max: 16 << 20,
            key_weight_bytes_max: 64 << 10,
            rate: None,
            exit: ExitPolicy::None,
            links: Vec::new(),
            public: Vec::new(),
        }
    }
}

impl Spec {
    /// Whether the process takes a message of such a weight.
    pub(crate) fn check_weight(&self, weight_bytes: u64) -> Result<(), CallError> {
        let weight_max = self
            .message_weight_bytes_max
            .min(self.mailbox.weight_bytes_max);
        if weight_bytes <= weight_max {
            return Ok(());
        }
        Err(CallError::Malformed(format!(
            "it weighs {weight_bytes} bytes, the process takes {weight_max}: send it in parts"
        )))
    }
}

/// What must have happened before anything of a turn leaves the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acknowledge {
    /// The turn is durable. Nothing that was answered is lost, and notifications are delivered exactly
    /// once, whatever crashes.
    Commit,
    /// The turn has ended. What was answered since the last commit is lost with a crash of the node;
    /// notifications and recorded outcomes are in memory only.
    Turn,
}

/// What may wait for a process: calls and requests. Notifications wait at their sender, in its
/// [outbox](OutboxLimits).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MailboxLimits {
    /// How many messages.
    pub messages_max: usize,
    /// What they weigh together. A message that is heavier alone gets `Malformed`; so do replies, once those that wait
    /// weigh more.
    pub weight_bytes_max: u64,
    /// How much of both one sender may take, so that a flood leaves room for others. One message
    /// always fits.
    pub sender_percent: u8,
}

impl Default for MailboxLimits {
    fn default() -> Self {
        MailboxLimits {
            messages_max: 1_024,
            weight_bytes_max: 16 << 20,
            sender_percent: 50,
        }
    }
}

/// The notifications of a process that have not been taken yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutboxLimits {
    /// How many notifications.
    pub messages_max: usize,
    /// What they weigh together.
    pub weight_bytes_max: u64,
    /// How much of both may wait for one receiver; beyond it they come back as `Busy`. One
    /// notification always fits.
    pub receiver_percent: u8,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        OutboxLimits {
            messages_max: 1_024,
            weight_bytes_max: 16 << 20,
            receiver_percent: 50,
        }
    }
}

/// A token bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Messages a second, on the average; at least 1.
    pub per_second: u32,
    /// How many may come at once after a quiet time; at least 1.
    pub burst: u32,
}

/// What follows when a process crashes. One that exits by itself, or is stopped, is not restarted.
#[derive(Clone, PartialEq, Debug)]
pub enum ExitPolicy {
    /// It stays stopped.
    None,
    /// It is started again.
    Restart(Restart),
    /// It stays stopped, and a process is sent a message ([`Effect::Farewell`](crate::Effect::Farewell));
    /// also when it exits by itself.
    Send {
        /// Who is sent the message.
        to: Name,
    },
}

/// When a process that crashed is started again.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Restart {
    /// The wait after the first crash.
    pub first_ms: u64,
    /// What each further wait is multiplied with.
    pub factor: u32,
    /// The longest wait.
    pub wait_ms_max: u64,
    /// How much of the wait is added by chance, at most, so that what crashed together does not start
    /// together.
    pub jitter_percent: u8,
    /// With more crashes than this within `window_ms` it is not started again.
    pub crashes_max: usize,
    /// A crash is forgotten after this time.
    pub window_ms: u64,
}

impl Default for Restart {
    fn default() -> Self {
        Restart {
            first_ms: 100,
            factor: 2,
            wait_ms_max: 10_000,
            jitter_percent: 20,
            crashes_max: 8,
            window_ms: 60_000,
        }
    }
}

/// Somebody who is concerned when a process ends for good: when it was stopped or removed, exits, or
/// crashes and is not started again. A link has one direction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// The other process.
    pub to: Name,
    /// What happens to it.
    pub on_end: OnEnd,
}

/// What an end does to a linked process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnEnd {
    /// It is told by [`Event::Ended`](crate::Event::Ended), if it runs.
    Tell,
    /// It is stopped, as by [`Input::Stop`](crate::Input::Stop), and so are those that it is linked to.
    Stop,
}

/// The bounds and times that count for all processes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct KernelLimits {
    /// How many processes there may be.
    pub processes_max: usize,
    /// How many calls may wait for each other in a row; a longer one gets `Cycle`.
    pub chain_max: u16,
    /// The deadline of what names none, from the time it was sent.
    pub timeout_ms: u64,
    /// The longest deadline; longer ones are shortened to it.
    pub timeout_ms_max: u64,
    /// How many more may wait for the outcome of a request that runs, with its key; further ones get
    /// `Busy`.
    pub joiners_max: usize,
    /// The longest name of a receiver or a handler; a process that sends to a longer one crashes, and a
    /// request gets `Malformed`.
    pub name_bytes_max: usize,
    /// The longest key; longer ones get `Malformed`.
    pub key_bytes_max: usize,
    /// How long a notification that was taken may stay in its sender's durable outbox while the sender
    /// commits nothing: then a commit of its own removes it.
    pub settle_ms: u64,
    /// How often a process may crash over one notification before that comes back as `Crashed`.
    pub attempts_max: u8,
    /// How many grants there may be.
    pub grants_max: usize,
    /// How many grants one process may hold.
    pub holder_grants_max: usize,
    /// How many handlers a grant may list.
    pub grant_handlers_max: usize,
}

impl Default for KernelLimits {
    fn default() -> Self {
        KernelLimits {
            processes_max: 65_536,
            chain_max: 64,
            timeout_ms: 30_000,
            timeout_ms_max: 86_400_000,
            joiners_max: 64,
            name_bytes_max: 256,
            key_bytes_max: 256,
            settle_ms: 1_000,
            attempts_max: 3,
            grants_max: 65_536,
            holder_grants_max: 256,
            grant_handlers_max: 256,
        }
    }
}
