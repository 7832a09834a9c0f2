//! Between the ABI's types and those that wasmtime lifts and lowers. Strings and bytes are moved.

use hyperstar_process::abi;

use crate::bindings::hyperstar::process::types as wit;
use hyperstar_native::instance::Crash;

pub(crate) fn start(start: abi::Start) -> wit::Start {
    let fields = start.fields.into_iter();
    wit::Start {
        node: start.node,
        process: start.process,
        version: start.version,
        fields: fields
            .map(|(path, value)| wit::Field { path, value })
            .collect(),
    }
}

pub(crate) fn events(events: Vec<abi::Event>) -> Result<Vec<wit::Event>, Crash> {
    events.into_iter().map(event).collect()
}

fn event(event: abi::Event) -> Result<wit::Event, Crash> {
    Ok(match event {
        abi::Event::Message(message) => wit::Event::Message(wit::Message {
            task: message.task,
            origin: origin(message.origin)?,
            handler: message.handler,
            deadline_ms: message.deadline_ms,
            body: message.body,
        }),
        abi::Event::Reply { call, outcome } => {
            let outcome = match outcome {
                Ok(body) => Ok(body),
                Err(error) => Err(call_error_in(error)?),
            };
            wit::Event::Reply(wit::Reply { call, outcome })
        }
        abi::Event::Undelivered { to, error } => wit::Event::Undelivered(wit::Undelivered {
            to,
            error: call_error_in(error)?,
        }),
        abi::Event::Ended { process, reason } => wit::Event::Ended(wit::Ended { process, reason }),
        abi::Event::Room { notices, bytes } => wit::Event::Room(wit::Room { notices, bytes }),
        abi::Event::Timer(id) => wit::Event::Timer(id),
        abi::Event::Cancel(task) => wit::Event::Cancel(task),
        abi::Event::Stop => wit::Event::Stop,
        other => return Err(unknown("event", &other)),
    })
}

fn origin(origin: abi::Origin) -> Result<wit::Origin, Crash> {
    Ok(match origin {
        abi::Origin::Local(address) => wit::Origin::Local(address),
        abi::Origin::Remote(address) => wit::Origin::Remote(address),
        abi::Origin::Http(head) => wit::Origin::Http(wit::HttpHead {
            method: head.method,
            path: head.path,
            query: head.query,
            headers: pairs_in(head.headers),
            viewer: head.viewer.map(viewer),
        }),
        abi::Origin::Action(head) => wit::Origin::Action(wit::ActionHead {
            viewer: viewer(head.viewer),
            path: head.path,
            arguments: pairs_in(head.arguments),
        }),
        abi::Origin::Ws(head) => wit::Origin::Ws(ws_head(head)),
        abi::Origin::WsClient(head) => wit::Origin::WsClient(ws_head(head)),
        abi::Origin::Timer => wit::Origin::Timer,
        abi::Origin::Owner => wit::Origin::Owner,
        other => return Err(unknown("origin", &other)),
    })
}

fn ws_head(head: abi::WsHead) -> wit::WsHead {
    wit::WsHead {
        channel: head.channel,
        kind: match head.kind {
            abi::WsKind::Opened => wit::WsKind::Opened,
            abi::WsKind::Text => wit::WsKind::Text,
            abi::WsKind::Binary => wit::WsKind::Binary,
            abi::WsKind::Closed => wit::WsKind::Closed,
        },
        path: head.path,
        viewer: head.viewer.map(viewer),
    }
}

fn viewer(viewer: abi::Viewer) -> wit::Viewer {
    wit::Viewer {
        session: viewer.session,
        tab: viewer.tab,
    }
}

fn pairs_in(pairs: Vec<(String, String)>) -> Vec<wit::Pair> {
    let pairs = pairs.into_iter();
    pairs
        .map(|(name, value)| wit::Pair { name, value })
        .collect()
}

fn call_error_in(error: abi::CallError) -> Result<wit::CallError, Crash> {
    Ok(match error {
        abi::CallError::Timeout => wit::CallError::Timeout,
        abi::CallError::Offline => wit::CallError::Offline,
        abi::CallError::NoProcess(text) => wit::CallError::NoProcess(text),
        abi::CallError::NoHandler(text) => wit::CallError::NoHandler(text),
        abi::CallError::Denied(text) => wit::CallError::Denied(text),
        abi::CallError::Stopped => wit::CallError::Stopped,
        abi::CallError::Busy => wit::CallError::Busy,
        abi::CallError::Cycle => wit::CallError::Cycle,
        abi::CallError::Crashed => wit::CallError::Crashed,
        abi::CallError::Malformed(text) => wit::CallError::Malformed(text),
        other => return Err(unknown("error of a call", &other)),
    })
}

/// The ABI may grow before this does.
fn unknown(what: &str, value: &dyn std::fmt::Debug) -> Crash {
    Crash::Host(format!(
        "this node has no word in WIT for the {what} {value:?}; update the node"
    ))
}

pub(crate) fn render_request(request: abi::RenderRequest) -> wit::RenderRequest {
    wit::RenderRequest {
        view: request.view,
        path: request.path,
        params: pairs_in(request.params),
        query: pairs_in(request.query),
        audience: match request.audience {
            abi::Audience::Everyone => wit::Audience::Everyone,
            abi::Audience::Session(session) => wit::Audience::Session(session),
            abi::Audience::Viewer(who) => wit::Audience::Viewer(viewer(who)),
        },
        base: request.base,
    }
}

pub(crate) fn turn(turn: wit::Turn) -> abi::Turn {
    abi::Turn {
        actions: turn.actions.into_iter().map(action).collect(),
        changes: turn.changes.into_iter().map(change).collect(),
        touched: turn.touched,
        exclusive: turn.exclusive,
    }
}

fn change(change: wit::Change) -> abi::Change {
    abi::Change {
        path: change.path,
        value: change.value,
    }
}

fn action(action: wit::Action) -> abi::Action {
    match action {
        wit::Action::Call(call) => abi::Action::Call {
            id: call.id,
            task: call.task,
            to: call.to,
            handler: call.handler,
            timeout_ms: call.timeout_ms,
            body: call.body,
        },
        wit::Action::Notify(notice) => abi::Action::Notify {
            to: notice.to,
            handler: notice.handler,
            body: notice.body,
        },
        wit::Action::Respond(answer) => abi::Action::Respond {
            task: answer.task,
            outcome: answer.outcome.map(response).map_err(call_error_out),
        },
        wit::Action::Defer(task) => abi::Action::Defer(task),
        wit::Action::SetTimer(timer) => abi::Action::SetTimer {
            id: timer.id,
            after_ms: timer.after_ms,
        },
        wit::Action::CancelTimer(id) => abi::Action::CancelTimer(id),
        wit::Action::CancelCall(id) => abi::Action::CancelCall(id),
        wit::Action::Push(frame) => abi::Action::Push {
            channel: frame.channel,
            binary: frame.binary,
            body: frame.body,
        },
        wit::Action::Close(channel) => abi::Action::Close(channel),
        wit::Action::Exit(reason) => abi::Action::Exit(reason),
    }
}

fn response(response: wit::Response) -> abi::Response {
    let headers = response.headers.into_iter();
    abi::Response {
        status: response.status,
        headers: headers.map(|pair| (pair.name, pair.value)).collect(),
        body: response.body,
    }
}

fn call_error_out(error: wit::CallError) -> abi::CallError {
    match error {
        wit::CallError::Timeout => abi::CallError::Timeout,
        wit::CallError::Offline => abi::CallError::Offline,
        wit::CallError::NoProcess(text) => abi::CallError::NoProcess(text),
        wit::CallError::NoHandler(text) => abi::CallError::NoHandler(text),
        wit::CallError::Denied(text) => abi::CallError::Denied(text),
        wit::CallError::Stopped => abi::CallError::Stopped,
        wit::CallError::Busy => abi::CallError::Busy,
        wit::CallError::Cycle => abi::CallError::Cycle,
        wit::CallError::Crashed => abi::CallError::Crashed,
        wit::CallError::Malformed(text) => abi::CallError::Malformed(text),
    }
}

pub(crate) fn asset(asset: wit::Asset) -> abi::Asset {
    abi::Asset {
        name: asset.name,
        body: asset.body,
    }
}

pub(crate) fn page(page: wit::Page) -> abi::Page {
    abi::Page {
        html: page.html,
        title: page.title,
        status: page.status,
    }
}

pub(crate) fn render_error(error: wit::ViewError) -> abi::RenderError {
    abi::RenderError {
        status: error.status,
        message: error.message,
        location: error.location,
        internal: error.internal,
    }
}
