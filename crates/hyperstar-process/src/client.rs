//! What the clients that `#[hyperapp]` writes are made of.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::abi::CallError;
use crate::address::Address;
use crate::args;
use crate::cx::Cx;
use crate::rpc::{RawCall, TIMEOUT_MS};
use crate::sys::Level;

/// A process that is asked, in the name of the message that is being handled.
#[derive(Clone, Debug)]
pub struct Peer {
    cx: Cx,
    to: Address,
    timeout_ms: u64,
}

impl Peer {
    /// The process at an address.
    pub fn new<S>(cx: &Cx<S>, to: impl Into<Address>) -> Self {
        Self {
            cx: cx.erase().clone(),
            to: to.into(),
            timeout_ms: TIMEOUT_MS,
        }
    }

    /// The same, given so much time for each call.
    pub fn timeout_ms(self, timeout_ms: u64) -> Self {
        Self { timeout_ms, ..self }
    }

    /// Asks.
    pub fn call<T: DeserializeOwned>(&self, handler: &str, arguments: Arguments) -> Asking<T> {
        let state = match arguments.finish() {
            Ok(body) => {
                let call = self.cx.call_raw(&self.to, handler, body, self.timeout_ms);
                Ok(Box::pin(call))
            }
            Err(error) => Err(Some(error)),
        };
        Asking {
            state,
            value: PhantomData,
        }
    }

    /// Tells.
    pub fn notify(&self, handler: &str, arguments: Arguments) {
        match arguments.finish() {
            Ok(body) => self.cx.notify_raw(&self.to, handler, body),
            Err(error) => {
                let text = format!("`{handler}` of {} was not told: {error}", self.to);
                self.cx.log(Level::Error, &text);
            }
        }
    }
}

/// The arguments of a call, by name.
#[derive(Debug)]
pub struct Arguments {
    json: Vec<u8>,
    error: Option<CallError>,
}

impl Arguments {
    /// None yet.
    pub fn new() -> Self {
        Self {
            json: vec![b'{'],
            error: None,
        }
    }

    /// Adds one. `name` is an identifier.
    #[must_use]
    pub fn with<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        if self.json.len() > 1 {
            self.json.push(b',');
        }
        self.json.push(b'"');
        self.json.extend_from_slice(name.as_bytes());
        self.json.extend_from_slice(b"\":");
        if let Err(error) = serde_json::to_writer(&mut self.json, value) {
            let text = format!("the argument `{name}` cannot be JSON: {error}");
            self.error.get_or_insert(CallError::Malformed(text));
        }
        self
    }

    fn finish(mut self) -> Result<Vec<u8>, CallError> {
        match self.error {
            Some(error) => Err(error),
            None if self.json.len() == 1 => Ok(Vec::new()),
            None => {
                self.json.push(b'}');
                Ok(self.json)
            }
        }
    }
}

impl Default for Arguments {
    fn default() -> Self {
        Self::new()
    }
}

/// A call of another process, with the type of its answer. It is sent when it is first polled.
///
/// # Cancel safety
/// Dropped before it was polled, nothing is sent. Dropped before the answer came, nobody waits for it any
/// longer; whether the other process did what it was asked is not known then.
#[must_use = "a call does nothing unless it is awaited"]
pub struct Asking<T> {
    state: Result<Pin<Box<RawCall>>, Option<CallError>>,
    value: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Future for Asking<T> {
    type Output = Result<T, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            Ok(call) => call.as_mut().poll(cx).map(|answer| read(&answer?)),
            Err(error) => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            },
        }
    }
}

fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, CallError> {
    if let Some(reason) = args::too_deep(answer) {
        return Err(CallError::Malformed(format!(
            "the answer cannot be read: {reason}"
        )));
    }
    serde_json::from_slice(answer).map_err(|error| {
        CallError::Malformed(format!(
            "the answer is no `{}`: {error}; is it the same version of the app?",
            std::any::type_name::<T>()
        ))
    })
}

impl<T> fmt::Debug for Asking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}
