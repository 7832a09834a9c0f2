//! Futures that end when the host says so: calls and times.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::abi::{Action, CallError};
use crate::cx::Asked;
use crate::executor::{Either, race};
use crate::process::Process;

/// How long a call may take, in milliseconds, if nobody says otherwise.
pub const TIMEOUT_MS: u64 = 30_000;

/// A call of another process. It is sent when it is first polled.
///
/// # Cancel safety
/// Dropped before it was polled, nothing is sent. Dropped before the answer came, the host is told that
/// nobody waits for it; whether the other process did what it was asked is not known then.
#[must_use = "a call does nothing unless it is awaited"]
pub struct RawCall {
    asked: Rc<Asked>,
    stage: Stage,
}

enum Stage {
    Unsent {
        to: String,
        handler: String,
        body: Vec<u8>,
        timeout_ms: u64,
    },
    Sent(u64),
    Ended,
}

impl RawCall {
    pub(crate) fn new(
        asked: Rc<Asked>,
        to: String,
        handler: String,
        body: Vec<u8>,
        timeout_ms: u64,
    ) -> Self {
        Self {
            asked,
            stage: Stage::Unsent {
                to,
                handler,
                body,
                timeout_ms,
            },
        }
    }
}

impl Future for RawCall {
    type Output = Result<Vec<u8>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let process = &this.asked.process;
        let id = match &mut this.stage {
            Stage::Sent(id) => *id,
            Stage::Ended => return Poll::Pending,
            Stage::Unsent {
                to,
                handler,
                body,
                timeout_ms,
            } => {
                let (task, timeout_ms) = this.asked.allow(*timeout_ms);
                if timeout_ms == 0 {
                    this.stage = Stage::Ended;
                    return Poll::Ready(Err(CallError::Timeout));
                }
                let id = process.next_id();
                process.act(Action::Call {
                    id,
                    task,
                    to: std::mem::take(to),
                    handler: std::mem::take(handler),
                    timeout_ms,
                    body: std::mem::take(body),
                });
                process.expected.expect(id, cx);
                this.stage = Stage::Sent(id);
                return Poll::Pending;
            }
        };
        let polled = process.expected.poll(id, cx);
        if polled.is_ready() {
            this.stage = Stage::Ended;
        }
        polled
    }
}

impl Drop for RawCall {
    fn drop(&mut self) {
        if let Stage::Sent(id) = self.stage
            && self.asked.process.expected.forget(id)
        {
            self.asked.process.act(Action::CancelCall(id));
        }
    }
}

impl fmt::Debug for RawCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.stage {
            Stage::Unsent { .. } => "RawCall(not sent)",
            Stage::Sent(_) => "RawCall(sent)",
            Stage::Ended => "RawCall(ended)",
        })
    }
}

/// Ends after a time, counted from when it is first polled.
///
/// # Cancel safety
/// Dropped, the host is told that nobody waits for it.
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep {
    process: Rc<Process>,
    after_ms: u64,
    id: Option<u64>,
}

impl Sleep {
    pub(crate) fn new(process: Rc<Process>, after_ms: u64) -> Self {
        Self {
            process,
            after_ms,
            id: None,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(id) = self.id else {
            let id = self.process.next_id();
            self.id = Some(id);
            self.process.act(Action::SetTimer {
                id,
                after_ms: self.after_ms,
            });
            self.process.expected.expect(id, cx);
            return Poll::Pending;
        };
        self.process.expected.poll(id, cx).map(drop)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.id
            && self.process.expected.forget(id)
        {
            self.process.act(Action::CancelTimer(id));
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sleep({} ms)", self.after_ms)
    }
}

/// It did not end in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it did not end within {after_ms} ms; allow more, or do less")]
pub struct Elapsed {
    /// The time that it had.
    pub after_ms: u64,
}

/// `future`, unless it takes longer than the sleep.
pub(crate) async fn timeout<F: Future>(sleep: Sleep, future: F) -> Result<F::Output, Elapsed> {
    let after_ms = sleep.after_ms;
    match race(pin!(future), sleep).await {
        Either::Left(output) => Ok(output),
        Either::Right(()) => Err(Elapsed { after_ms }),
    }
}
