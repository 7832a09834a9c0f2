//! Why a call, a notification or a request came to nothing.

/// The answer to a call that has no better one. Each text says what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The deadline passed. Whether the message had an effect is not known.
    #[error("no answer before the deadline: try again with the same key, or allow more time")]
    Timeout,
    /// The node of the process cannot be reached.
    #[error("the node is offline: try again when it is back, or notify it, which waits for it")]
    Offline,
    /// No process of that name is known.
    #[error("no such process on this node: check the name, or install it")]
    NoProcess,
    /// The process is known and does not run, or was stopped before it answered.
    #[error("the process is stopped: start it, and try again")]
    Stopped,
    /// The process has no handler of that name.
    #[error("{0}")]
    NoHandler(String),
    /// No grant allows the message.
    #[error("denied: {0}")]
    Denied(String),
    /// A bound was reached: the mailbox's, the sender's share of it, its rate, or its calls in flight.
    #[error("too busy to take the message: try again later, and less often")]
    Busy,
    /// The call would wait for itself.
    #[error("cycle: {0}")]
    Cycle(String),
    /// The process ended while it had the message. What it had committed by then stays.
    #[error("the process crashed before it answered: see its log, and try again with the same key")]
    Crashed,
    /// The message cannot be read, or is too large to ever be taken.
    #[error("malformed: {0}")]
    Malformed(String),
}
