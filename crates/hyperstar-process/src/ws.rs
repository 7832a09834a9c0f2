//! WebSockets: what came on one, and how to send.

use crate::cx::Cx;

/// What happened on a WebSocket: the second argument of a `#[ws]` handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WsMessage {
    /// It is open.
    Opened,
    /// Text came.
    Text(String),
    /// Bytes came.
    Binary(Vec<u8>),
    /// It is closed: nothing comes from it or reaches it any more.
    Closed,
}

/// A WebSocket: the first argument of a `#[ws]` handler.
///
/// It belongs to the message that it came with. To send on it from other handlers, keep its
/// [`id`](Channel::id), and make it anew with [`Channel::new`].
///
/// What is sent leaves with the turn: not before what the turn changed is kept.
#[derive(Clone, Debug)]
pub struct Channel {
    cx: Cx,
    id: u64,
}

impl Channel {
    /// The WebSocket that is known by `id`. One that is closed takes nothing.
    pub fn new<S>(cx: &Cx<S>, id: u64) -> Self {
        Self {
            cx: cx.erase().clone(),
            id,
        }
    }

    /// What it is known by; never used again in this life of the process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Sends text.
    pub fn send_text(&self, text: impl Into<String>) {
        self.cx.push_raw(self.id, false, text.into().into_bytes());
    }

    /// Sends bytes.
    pub fn send_bytes(&self, bytes: impl Into<Vec<u8>>) {
        self.cx.push_raw(self.id, true, bytes.into());
    }

    /// Closes it.
    pub fn close(&self) {
        self.cx.close_raw(self.id);
    }
}
