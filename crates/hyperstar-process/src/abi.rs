//! What crosses the border between a host and a process, as `wit/process.wit` has it.
//!
//! Everything is data. What goes into a turn and what comes out of it can be kept and played again.

use hyperstar_interface::{Field, Shape, Type, Types, Wire};
use serde::{Deserialize, Serialize};

/// A browser and one of its tabs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Viewer {
    /// Lasts as long as the browser's cookie.
    pub session: String,
    /// Lasts as long as the page.
    pub tab: String,
}

/// A request as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpHead {
    /// In capitals.
    pub method: String,
    /// Decoded, without the query, beginning with `/`.
    pub path: String,
    /// As it came, without the `?`.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Who asks, where a browser of the app's own pages does.
    pub viewer: Option<Viewer>,
}

/// An action of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionHead {
    /// Who asks.
    pub viewer: Viewer,
    /// The page that it was asked for from.
    pub path: String,
    /// Decoded.
    pub arguments: Vec<(String, String)>,
}

/// What happened on a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WsKind {
    /// It is open.
    Opened,
    /// Text came.
    Text,
    /// Bytes came.
    Binary,
    /// It is closed.
    Closed,
}

/// Something happened on a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WsHead {
    /// Which one.
    pub channel: u64,
    /// What.
    pub kind: WsKind,
    /// The path that it was opened at.
    pub path: String,
    /// Who opened it.
    pub viewer: Option<Viewer>,
}

/// Where a message comes from. The host says so: a sender cannot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Origin {
    /// A process of this node, by its address.
    Local(String),
    /// A process of another node.
    Remote(String),
    /// An HTTP request.
    Http(HttpHead),
    /// An action of a page; the body holds its signals.
    Action(ActionHead),
    /// A WebSocket.
    Ws(WsHead),
    /// A WebSocket that this process opened.
    WsClient(WsHead),
    /// A time that `#[every]` asked for.
    Timer,
    /// The person who owns the node.
    Owner,
}

/// What a process is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What actions call it by.
    pub task: u64,
    /// Where it comes from.
    pub origin: Origin,
    /// The handler's name, where the sender named one; empty otherwise.
    pub handler: String,
    /// On the clock of [`Sys::now_ms`](crate::sys::Sys::now_ms); by then nobody waits for the answer.
    pub deadline_ms: u64,
    /// What came with it.
    pub body: Vec<u8>,
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CallError {
    /// Nobody answered in time.
    #[error("nobody answered in time; allow more with `timeout_ms`, or ask again")]
    Timeout,
    /// The other node cannot be reached.
    #[error("the other node cannot be reached; ask again when it is back")]
    Offline,
    /// There is no such process.
    #[error("there is no process `{0}` here; `hyperstar ps` lists those that run")]
    NoProcess(String),
    /// The process has no such handler.
    #[error("{0}")]
    NoHandler(String),
    /// The caller may not.
    #[error("{0}")]
    Denied(String),
    /// The process does not run, or was stopped before it answered.
    #[error("the process is stopped; ask again once it was started")]
    Stopped,
    /// Its mailbox is full.
    #[error("its mailbox is full; ask again later")]
    Busy,
    /// The call would have come back to a process that waits for it.
    #[error(
        "the call would come back to a process that waits for it; make the waiting handler take `Cx<Self>`"
    )]
    Cycle,
    /// It ended before it answered.
    #[error("it ended before it answered; whether it had an effect is not known")]
    Crashed,
    /// What was sent or answered cannot be read.
    #[error("{0}")]
    Malformed(String),
}

impl Wire for CallError {
    fn wire(types: &mut Types) -> Type {
        let cases = [
            ("Timeout", Type::Unit),
            ("Offline", Type::Unit),
            ("NoProcess", Type::String),
            ("NoHandler", Type::String),
            ("Denied", Type::String),
            ("Stopped", Type::Unit),
            ("Busy", Type::Unit),
            ("Cycle", Type::Unit),
            ("Crashed", Type::Unit),
            ("Malformed", Type::String),
        ];
        types.named::<Self>("CallError", |_| {
            Shape::Variant(cases.map(|(name, ty)| Field::new(name, ty)).into())
        })
    }
}

/// The notices that a turn may send if it is not told how many: its host tells one that may send fewer.
pub const NOTICES_UNSAID: u64 = 256;
/// The bytes that such notices may have together.
pub const NOTICE_BYTES_UNSAID: u64 = 1 << 20;
/// What a notice takes beside its body, in bytes.
pub const NOTICE_HEAD_BYTES: u64 = 128;

/// What goes into a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Event {
    /// Something is asked.
    Message(Message),
    /// A call of this process is answered.
    Reply {
        /// As [`Action::Call`] named it.
        call: u64,
        /// The answer.
        outcome: Result<Vec<u8>, CallError>,
    },
    /// A notice came back: nobody has taken it, and nobody will.
    Undelivered {
        /// Who was to have it.
        to: String,
        /// Why it was not taken.
        error: CallError,
    },
    /// A process that this one is linked to has ended for good.
    Ended {
        /// Which one.
        process: String,
        /// Why.
        reason: String,
    },
    /// What this turn may notify: what is more would crash the process. It comes first, if it comes; a turn that
    /// is not told may send [`NOTICES_UNSAID`] of [`NOTICE_BYTES_UNSAID`].
    Room {
        /// How many notices.
        notices: u64,
        /// All their bytes, each [`NOTICE_HEAD_BYTES`] more than its body.
        bytes: u64,
    },
    /// A timer is due.
    Timer(u64),
    /// Nobody waits for this task any longer.
    Cancel(u64),
    /// The last turn.
    Stop,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// An HTTP status; 200 between processes.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// What is answered.
    pub body: Vec<u8>,
}

/// What comes out of a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// Asks another process.
    Call {
        /// Once in a life of the process.
        id: u64,
        /// The task that waits for it and whose deadline it inherits; 0 is none.
        task: u64,
        /// The address.
        to: String,
        /// The handler's name.
        handler: String,
        /// How long it may take.
        timeout_ms: u64,
        /// The arguments.
        body: Vec<u8>,
    },
    /// Tells another process, which answers nothing. Kept until it was taken.
    Notify {
        /// The address.
        to: String,
        /// The handler's name.
        handler: String,
        /// The arguments.
        body: Vec<u8>,
    },
    /// Answers a task: exactly once for each.
    Respond {
        /// Which one.
        task: u64,
        /// The answer.
        outcome: Result<Response, CallError>,
    },
    /// A message of this turn was not begun, since an exclusive handler waits, or the turn has done enough: it is to
    /// come again, in its place.
    Defer(u64),
    /// Asks for an [`Event::Timer`].
    SetTimer {
        /// Once in a life of the process.
        id: u64,
        /// From now.
        after_ms: u64,
    },
    /// A timer is not needed any longer.
    CancelTimer(u64),
    /// The answer to a call is not needed any longer.
    CancelCall(u64),
    /// Sends on a WebSocket.
    Push {
        /// Which one.
        channel: u64,
        /// Bytes rather than text.
        binary: bool,
        /// What.
        body: Vec<u8>,
    },
    /// Closes a WebSocket.
    Close(u64),
    /// Ends the process by its exit policy, with a reason for people to read.
    Exit(String),
}

/// A path below the process's state and its new value; `None` removes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `f/count`, `c/people/alice`
    pub path: String,
    /// JSON, mostly.
    pub value: Option<Vec<u8>>,
}

/// All that a turn does; it is done as a whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// In order.
    pub actions: Vec<Action>,
    /// What is to be kept.
    pub changes: Vec<Change>,
    /// The state may have changed, kept or not: pages of it may differ.
    pub touched: bool,
    /// A handler that has the state to itself waits: only replies, timers, cancels and stop may come.
    pub exclusive: bool,
}

/// What a life begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The node's name.
    pub node: String,
    /// The process's own address.
    pub process: String,
    /// The version of the state that is kept; 0: nothing is kept yet.
    pub version: u32,
    /// Everything below `f/`.
    pub fields: Vec<(String, Vec<u8>)>,
}

/// Whom a page is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Audience {
    /// All who look.
    Everyone,
    /// One browser.
    Session(String),
    /// One tab.
    Viewer(Viewer),
}

/// Which page is to be rendered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderRequest {
    /// The view's place in the description.
    pub view: u32,
    /// The path of the page as it was asked for.
    pub path: String,
    /// Decoded.
    pub params: Vec<(String, String)>,
    /// Decoded.
    pub query: Vec<(String, String)>,
    /// Who looks, as far as the view may know.
    pub audience: Audience,
    /// The path that the app is mounted at; empty at the root.
    pub base: String,
}

/// A file that the app's pages use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// By which pages know it: `style.css`. Its ending says what it is.
    pub name: String,
    /// What it holds.
    pub body: Vec<u8>,
}

/// A rendered page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its markup.
    pub html: String,
    /// The document's title.
    pub title: Option<String>,
    /// The status of a first load, if not 200.
    pub status: Option<u16>,
}

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderError {
    /// The status to answer with.
    pub status: u16,
    /// Why.
    pub message: String,
    /// Where to go instead.
    pub location: Option<String>,
    /// The message is for the developer, not for who looks.
    pub internal: bool,
}
