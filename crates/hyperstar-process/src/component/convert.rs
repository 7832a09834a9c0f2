//! The types of the bindings and those of the ABI: the same, field by field. Nothing is copied.

use super::bindings as wit;
use super::bindings::hyperstar::process::types;
use crate::abi;

fn pairs(pairs: Vec<types::Pair>) -> Vec<(String, String)> {
    let pairs = pairs.into_iter();
    pairs.map(|pair| (pair.name, pair.value)).collect()
}

impl From<types::Viewer> for abi::Viewer {
    fn from(viewer: types::Viewer) -> Self {
        Self {
            session: viewer.session,
            tab: viewer.tab,
        }
    }
}

impl From<types::WsHead> for abi::WsHead {
    fn from(head: types::WsHead) -> Self {
        Self {
            channel: head.channel,
            kind: match head.kind {
                types::WsKind::Opened => abi::WsKind::Opened,
                types::WsKind::Text => abi::WsKind::Text,
                types::WsKind::Binary => abi::WsKind::Binary,
                types::WsKind::Closed => abi::WsKind::Closed,
            },
            path: head.path,
            viewer: head.viewer.map(Into::into),
        }
    }
}

impl From<types::Origin> for abi::Origin {
    fn from(origin: types::Origin) -> Self {
        match origin {
            types::Origin::Local(address) => Self::Local(address),
            types::Origin::Remote(address) => Self::Remote(address),
            types::Origin::Http(head) => Self::Http(abi::HttpHead {
                method: head.method,
                path: head.path,
                query: head.query,
                headers: pairs(head.headers),
                viewer: head.viewer.map(Into::into),
            }),
            types::Origin::Action(head) => Self::Action(abi::ActionHead {
                viewer: head.viewer.into(),
                path: head.path,
                arguments: pairs(head.arguments),
            }),
            types::Origin::Ws(head) => Self::Ws(head.into()),
            types::Origin::WsClient(head) => Self::WsClient(head.into()),
            types::Origin::Timer => Self::Timer,
            types::Origin::Owner => Self::Owner,
        }
    }
}

impl From<types::CallError> for abi::CallError {
    fn from(error: types::CallError) -> Self {
        match error {
            types::CallError::Timeout => Self::Timeout,
            types::CallError::Offline => Self::Offline,
            types::CallError::NoProcess(address) => Self::NoProcess(address),
            types::CallError::NoHandler(text) => Self::NoHandler(text),
            types::CallError::Denied(text) => Self::Denied(text),
            types::CallError::Stopped => Self::Stopped,
            types::CallError::Busy => Self::Busy,
            types::CallError::Cycle => Self::Cycle,
            types::CallError::Crashed => Self::Crashed,
            types::CallError::Malformed(text) => Self::Malformed(text),
        }
    }
}

impl From<abi::CallError> for types::CallError {
    fn from(error: abi::CallError) -> Self {
        match error {
            abi::CallError::Timeout => Self::Timeout,
            abi::CallError::Offline => Self::Offline,
            abi::CallError::NoProcess(address) => Self::NoProcess(address),
            abi::CallError::NoHandler(text) => Self::NoHandler(text),
            abi::CallError::Denied(text) => Self::Denied(text),
            abi::CallError::Stopped => Self::Stopped,
            abi::CallError::Busy => Self::Busy,
            abi::CallError::Cycle => Self::Cycle,
            abi::CallError::Crashed => Self::Crashed,
            abi::CallError::Malformed(text) => Self::Malformed(text),
        }
    }
}

impl From<wit::Event> for abi::Event {
    fn from(event: wit::Event) -> Self {
        match event {
            wit::Event::Message(message) => Self::Message(abi::Message {
                task: message.task,
                origin: message.origin.into(),
                handler: message.handler,
                deadline_ms: message.deadline_ms,
                body: message.body,
            }),
            wit::Event::Reply(reply) => Self::Reply {
                call: reply.call,
                outcome: reply.outcome.map_err(Into::into),
            },
            wit::Event::Undelivered(note) => Self::Undelivered {
                to: note.to,
                error: note.error.into(),
            },
            wit::Event::Ended(ended) => Self::Ended {
                process: ended.process,
                reason: ended.reason,
            },
            wit::Event::Room(room) => Self::Room {
                notices: room.notices,
                bytes: room.bytes,
            },
            wit::Event::Timer(id) => Self::Timer(id),
            wit::Event::Cancel(task) => Self::Cancel(task),
            wit::Event::Stop => Self::Stop,
        }
    }
}

impl From<wit::Start> for abi::Start {
    fn from(start: wit::Start) -> Self {
        let fields = start.fields.into_iter();
        Self {
            node: start.node,
            process: start.process,
            version: start.version,
            fields: fields.map(|field| (field.path, field.value)).collect(),
        }
    }
}

impl From<abi::Response> for types::Response {
    fn from(response: abi::Response) -> Self {
        let headers = response.headers.into_iter();
        Self {
            status: response.status,
            headers: headers
                .map(|(name, value)| types::Pair { name, value })
                .collect(),
            body: response.body,
        }
    }
}

impl From<abi::Action> for types::Action {
    fn from(action: abi::Action) -> Self {
        match action {
            abi::Action::Call {
                id,
                task,
                to,
                handler,
                timeout_ms,
                body,
            } => Self::Call(types::Call {
                id,
                task,
                to,
                handler,
                timeout_ms,
                body,
            }),
            abi::Action::Notify { to, handler, body } => {
                Self::Notify(types::Notice { to, handler, body })
            }
            abi::Action::Respond { task, outcome } => Self::Respond(types::Answer {
                task,
                outcome: match outcome {
                    Ok(response) => Ok(response.into()),
                    Err(error) => Err(error.into()),
                },
            }),
            abi::Action::Defer(task) => Self::Defer(task),
            abi::Action::SetTimer { id, after_ms } => Self::SetTimer(types::Timer { id, after_ms }),
            abi::Action::CancelTimer(id) => Self::CancelTimer(id),
            abi::Action::CancelCall(id) => Self::CancelCall(id),
            abi::Action::Push {
                channel,
                binary,
                body,
            } => Self::Push(types::Frame {
                channel,
                binary,
                body,
            }),
            abi::Action::Close(channel) => Self::Close(channel),
            abi::Action::Exit(reason) => Self::Exit(reason),
        }
    }
}

impl From<abi::Turn> for wit::Turn {
    fn from(turn: abi::Turn) -> Self {
        let changes = turn.changes.into_iter().map(|change| types::Change {
            path: change.path,
            value: change.value,
        });
        Self {
            actions: turn.actions.into_iter().map(Into::into).collect(),
            changes: changes.collect(),
            touched: turn.touched,
            exclusive: turn.exclusive,
        }
    }
}

impl From<wit::RenderRequest> for abi::RenderRequest {
    fn from(request: wit::RenderRequest) -> Self {
        Self {
            view: request.view,
            path: request.path,
            params: pairs(request.params),
            query: pairs(request.query),
            audience: match request.audience {
                types::Audience::Everyone => abi::Audience::Everyone,
                types::Audience::Session(id) => abi::Audience::Session(id),
                types::Audience::Viewer(viewer) => abi::Audience::Viewer(viewer.into()),
            },
            base: request.base,
        }
    }
}

impl From<abi::Page> for wit::Page {
    fn from(page: abi::Page) -> Self {
        Self {
            html: page.html,
            title: page.title,
            status: page.status,
        }
    }
}

impl From<abi::RenderError> for wit::ViewError {
    fn from(error: abi::RenderError) -> Self {
        Self {
            status: error.status,
            message: error.message,
            location: error.location,
            internal: error.internal,
        }
    }
}
