//! What is asked of processes from outside, and who waits for the answer.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};

use hyperstar_kernel::{ExitReason, Input, Name, Origin as From, Request, Ticket};
use hyperstar_process::abi::{CallError, Origin, Response};
use tokio::sync::oneshot;

use super::{Host, lock};
use crate::convert::{self, Payload};

/// What somebody outside asks of a process.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where it comes from.
    pub origin: Origin,
    /// The handler, if it is named.
    pub handler: String,
    /// What comes with it.
    pub body: Vec<u8>,
    /// How long the answer may take.
    pub timeout_ms: u64,
    /// The same again with the same key is answered as before, and not done again.
    pub key: Option<String>,
}

pub(super) type Answer = oneshot::Sender<Result<Response, CallError>>;

impl Host {
    /// Asks a process, as somebody outside. Questions come in the order of the calls of this, and each does once
    /// its future is polled or dropped, or with the next one that is.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the process is told that nobody waits; what it has done stays.
    pub fn ask(
        &self,
        name: &str,
        ask: Ask,
    ) -> impl Future<Output = Result<Response, CallError>> + Send + use<> {
        let payload = Payload {
            origin: Some(ask.origin),
            body: ask.body,
        };
        let request = Request {
            ticket: self.ticket(),
            to: name.into(),
            origin: From::Outside,
            handler: ask.handler.into(),
            weight_bytes: payload.weight(),
            payload,
            timeout_ms: Some(ask.timeout_ms),
            key: ask.key.map(Name::from),
        };
        self.request(request)
    }

    /// Asks `handler` of a process in the name of another one, `from`, which is in the midst of its turn and
    /// stands still until it is answered: for programs of other languages, whose calls are calls of functions.
    /// The body and the answer are JSON.
    ///
    /// Guarantee: `from` needs the grants that any call of it needs; it ends with the deadline of what its turn
    /// is for, after 30 s at the latest; and what would come back to `from` meanwhile is refused as
    /// [`CallError::Cycle`]. It has happened even if that turn fails afterwards.
    ///
    /// # Errors
    /// [`CallError`]; [`CallError::Stopped`] too if `from` has no turn.
    ///
    /// # Cancel safety
    /// As [`Host::ask`].
    pub async fn ask_in_turn(
        &self,
        from: &str,
        to: &str,
        handler: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, CallError> {
        let payload = Payload { origin: None, body };
        let request = Request {
            ticket: self.ticket(),
            to: to.into(),
            origin: From::Turn(from.into()),
            handler: handler.into(),
            weight_bytes: payload.weight(),
            payload,
            timeout_ms: None,
            key: None,
        };
        let answer = self.request(request).await;
        answer.map(|response| response.body)
    }

    fn ticket(&self) -> Ticket {
        Ticket(self.inner.tickets.fetch_add(1, Ordering::Relaxed))
    }

    fn request(
        &self,
        request: Request<Payload>,
    ) -> impl Future<Output = Result<Response, CallError>> + Send + use<> {
        let (ticket, to) = (request.ticket, request.to.clone());
        let (answer, answered) = oneshot::channel();
        self.waiting().insert(ticket, answer);
        let waiting = Waiting {
            host: self.clone(),
            ticket,
            is_answered: false,
        };
        let asked = self.put(request);
        async move {
            asked.run().await;
            waiting.end(answered, to).await
        }
    }

    pub(crate) fn answer(
        &self,
        ticket: Ticket,
        result: Result<Response, hyperstar_kernel::CallError>,
    ) {
        if let Some(answer) = self.waiting().remove(&ticket) {
            // Who asked may have gone in this moment.
            let _ = answer.send(result.map_err(|error| convert::call_error(error, "")));
        }
    }

    /// Tells a process that another one has ended.
    pub(crate) fn farewell(&self, name: &Arc<str>, to: &Arc<str>, reason: &ExitReason) {
        let body = serde_json::json!({ "process": &**name, "reason": convert::reason_of(reason) });
        let payload = Payload {
            origin: Some(Origin::Local(name.to_string())),
            body: body.to_string().into_bytes(),
        };
        self.tell(Input::Request(Request {
            ticket: self.ticket(),
            to: to.clone(),
            origin: From::Outside,
            handler: "process_ended".into(),
            weight_bytes: payload.weight(),
            payload,
            timeout_ms: None,
            key: None,
        }));
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Ticket, Answer>> {
        lock(&self.inner.waiting)
    }
}

/// Somebody who waits for an answer. Dropped before it came, it takes the question back.
struct Waiting {
    host: Host,
    ticket: Ticket,
    is_answered: bool,
}

impl Waiting {
    async fn end(
        mut self,
        answered: oneshot::Receiver<Result<Response, CallError>>,
        name: Name,
    ) -> Result<Response, CallError> {
        let answer = answered.await;
        self.is_answered = true;
        match answer {
            Ok(Err(CallError::NoProcess(_))) => Err(CallError::NoProcess(name.to_string())),
            Ok(answer) => answer,
            // The host has ended.
            Err(_) => Err(CallError::Crashed),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_answered {
            self.host.waiting().remove(&self.ticket);
            self.host.tell(Input::Cancel {
                ticket: self.ticket,
            });
        }
    }
}
