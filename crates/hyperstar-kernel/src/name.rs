//! What things are called.

use std::fmt;
use std::sync::Arc;

/// The name of a process, `process:package:publisher`, or of a handler. The kernel compares names, and
/// reads nothing in them.
pub type Name = Arc<str>;

/// An idempotency key: one request, however often it is sent. It counts within the process that the
/// request goes to. Put into it who asked, so that nobody hears the outcome of somebody else's.
pub type Key = Arc<str>;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbers! {
    /// One life of a process, from its start to its end. The next life has a greater number; what
    /// comes from an older one is ignored.
    Incarnation;
    /// A request from outside. The host chooses it, and uses it again only once it was answered or
    /// cancelled.
    Ticket;
    /// A message that a process works on, until it responds. The kernel chooses it.
    TaskId;
    /// A call that a process has made. The process chooses it, and uses it again only once it has the
    /// reply or cancelled it.
    CallId;
    /// A notification, for the process that sent it. It comes back in
    /// [`Event::Undelivered`](crate::Event::Undelivered), and need not differ from others.
    NoteId;
    /// A timer of a process. The process chooses it; setting one that is set moves it.
    TimerId;
    /// A grant. Each new one is greater than all before, and is never used again.
    GrantId;
}
