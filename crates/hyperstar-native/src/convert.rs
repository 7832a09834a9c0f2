//! Between what the kernel carries and what processes are told.

use hyperstar_kernel as kernel;
use hyperstar_kernel::{CallId, Name, NoteId, TaskId, TimerId};
use hyperstar_process::abi::{self, CallError, Event, Origin, Response};

/// What the kernel carries of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Payload {
    /// Where it comes from; nothing if from a process: the kernel knows which.
    pub(crate) origin: Option<Origin>,
    pub(crate) body: Vec<u8>,
}

impl Payload {
    /// What it takes of a mailbox, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        let head = match &self.origin {
            Some(Origin::Http(head)) => head
                .headers
                .iter()
                .map(|(name, value)| name.len() + value.len() + 48)
                .sum::<usize>(),
            Some(Origin::Action(head)) => head
                .arguments
                .iter()
                .map(|(name, value)| name.len() + value.len() + 48)
                .sum(),
            _ => 0,
        };
        (self.body.len() + head) as u64 + abi::NOTICE_HEAD_BYTES
    }
}

/// What an outcome that is remembered takes of memory, in bytes.
pub(crate) fn weight_of(outcome: &Result<Response, kernel::CallError>) -> u64 {
    let bytes = match outcome {
        Ok(response) => response
            .headers
            .iter()
            .fold(response.body.len(), |sum, (name, value)| {
                sum + name.len() + value.len() + 48
            }),
        Err(
            kernel::CallError::Denied(text)
            | kernel::CallError::NoHandler(text)
            | kernel::CallError::Malformed(text),
        ) => text.len(),
        Err(_) => 0,
    };
    bytes as u64 + abi::NOTICE_HEAD_BYTES
}

/// What a process is told of an event, by its own clock; nothing of what it need not know.
pub(crate) fn event(
    event: kernel::Event<Payload, Response>,
    system_ms: impl Fn(u64) -> u64,
) -> Option<Event> {
    Some(match event {
        kernel::Event::Message {
            task,
            from,
            handler,
            payload,
            deadline_ms,
        } => Event::Message(abi::Message {
            task: task.0,
            origin: match (from, payload.origin) {
                (kernel::Sender::Process(name), _) => Origin::Local(name.to_string()),
                (_, Some(origin)) => origin,
                (_, None) => Origin::Owner,
            },
            handler: handler.to_string(),
            deadline_ms: system_ms(deadline_ms),
            body: payload.body,
        }),
        kernel::Event::Reply { call, result } => Event::Reply {
            call: call.0,
            outcome: match result {
                Ok(response) => Ok(response.body),
                Err(error) => Err(call_error(error, "")),
            },
        },
        kernel::Event::Timer { id } => Event::Timer(id.0),
        kernel::Event::Cancel { task } => Event::Cancel(task.0),
        kernel::Event::Undelivered { to, error, .. } => Event::Undelivered {
            error: call_error(error, &to),
            to: to.to_string(),
        },
        kernel::Event::Ended { name, reason } => Event::Ended {
            process: name.to_string(),
            reason: reason_of(&reason),
        },
        kernel::Event::Stop => Event::Stop,
        _ => return None,
    })
}

/// Why a process ended, for people.
pub(crate) fn reason_of(reason: &kernel::ExitReason) -> String {
    match reason {
        kernel::ExitReason::Crashed(text) => text.clone(),
        kernel::ExitReason::Exited(text) => format!("it ended itself: {text}"),
        kernel::ExitReason::Stopped => "it was stopped".to_owned(),
        kernel::ExitReason::Removed => "it was removed".to_owned(),
    }
}

/// What a turn asks of the kernel, and what of its host.
pub(crate) struct Asked {
    pub(crate) actions: Vec<kernel::Action<Payload, Response>>,
    pub(crate) frames: Vec<Frame>,
}

/// Something for a WebSocket.
pub(crate) enum Frame {
    Push {
        channel: u64,
        binary: bool,
        body: Vec<u8>,
    },
    Close(u64),
}

pub(crate) fn actions(actions: Vec<abi::Action>) -> Asked {
    let mut asked = Asked {
        actions: Vec::with_capacity(actions.len()),
        frames: Vec::new(),
    };
    for action in actions {
        let action = match action {
            abi::Action::Call {
                id,
                task,
                to,
                handler,
                timeout_ms,
                body,
            } => {
                let payload = Payload { origin: None, body };
                kernel::Action::Call {
                    id: CallId(id),
                    task: (task != 0).then_some(TaskId(task)),
                    to: Name::from(to),
                    handler: Name::from(handler),
                    weight_bytes: payload.weight(),
                    payload,
                    timeout_ms: Some(timeout_ms),
                }
            }
            abi::Action::Notify { to, handler, body } => {
                let payload = Payload { origin: None, body };
                kernel::Action::Notify {
                    id: NoteId(0),
                    to: Name::from(to),
                    handler: Name::from(handler),
                    weight_bytes: payload.weight(),
                    payload,
                }
            }
            abi::Action::Respond { task, outcome } => {
                let result = outcome.map_err(kernel_error);
                kernel::Action::Respond {
                    task: TaskId(task),
                    weight_bytes: weight_of(&result),
                    result,
                }
            }
            abi::Action::Defer(task) => kernel::Action::Defer { task: TaskId(task) },
            abi::Action::SetTimer { id, after_ms } => kernel::Action::SetTimer {
                id: TimerId(id),
                after_ms,
            },
            abi::Action::CancelTimer(id) => kernel::Action::CancelTimer { id: TimerId(id) },
            abi::Action::CancelCall(id) => kernel::Action::CancelCall { id: CallId(id) },
            abi::Action::Exit(reason) => kernel::Action::Exit { reason },
            abi::Action::Push {
                channel,
                binary,
                body,
            } => {
                asked.frames.push(Frame::Push {
                    channel,
                    binary,
                    body,
                });
                continue;
            }
            abi::Action::Close(channel) => {
                asked.frames.push(Frame::Close(channel));
                continue;
            }
            _ => continue,
        };
        asked.actions.push(action);
    }
    asked
}

/// As processes know it; `to` is who was asked.
pub(crate) fn call_error(error: kernel::CallError, to: &str) -> CallError {
    match error {
        kernel::CallError::Timeout => CallError::Timeout,
        kernel::CallError::Offline => CallError::Offline,
        kernel::CallError::NoProcess => CallError::NoProcess(to.to_owned()),
        kernel::CallError::Stopped => CallError::Stopped,
        kernel::CallError::NoHandler(text) => CallError::NoHandler(text),
        kernel::CallError::Denied(text) => CallError::Denied(text),
        kernel::CallError::Busy => CallError::Busy,
        kernel::CallError::Cycle(_) => CallError::Cycle,
        kernel::CallError::Malformed(text) => CallError::Malformed(text),
        _ => CallError::Crashed,
    }
}

/// As the kernel knows it.
pub(crate) fn kernel_error(error: CallError) -> kernel::CallError {
    match error {
        CallError::Timeout => kernel::CallError::Timeout,
        CallError::Offline => kernel::CallError::Offline,
        CallError::NoProcess(_) => kernel::CallError::NoProcess,
        CallError::Stopped => kernel::CallError::Stopped,
        CallError::NoHandler(text) => kernel::CallError::NoHandler(text),
        CallError::Denied(text) => kernel::CallError::Denied(text),
        CallError::Busy => kernel::CallError::Busy,
        CallError::Cycle => kernel::CallError::Cycle(CallError::Cycle.to_string()),
        CallError::Malformed(text) => kernel::CallError::Malformed(text),
        _ => kernel::CallError::Crashed,
    }
}
