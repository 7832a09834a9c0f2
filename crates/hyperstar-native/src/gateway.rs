//! A process as a live app: its pages, actions, HTTP handlers and WebSockets.

mod http;
mod ws;

use std::sync::Arc;

use ::http::StatusCode;
use ::http::header::{CONTENT_TYPE, REFERER};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyperstar::{ActionCx, ActionError, App, Assets, Cx, Html, Reply, View, ViewError};
use hyperstar_interface::{Audience as Shown, Interface, Trigger};
use hyperstar_process::abi::{ActionHead, Audience, CallError, Origin, RenderRequest, Viewer};
use sha2::{Digest, Sha256};

use crate::host::{Ask, Host, Process};
use crate::instance::Program;

pub(crate) use ws::Channels;

/// How long an action and a request may take, in milliseconds.
const ANSWER_MS: u64 = 30_000;

/// The app through which browsers reach a process.
pub(crate) fn app(host: &Host, process: &Arc<Process>) -> App {
    pages(host, process).sessions_in(host.store(), &process.place().sessions())
}

/// The same, but that it knows no session any longer than it runs.
pub(crate) fn pages(host: &Host, process: &Arc<Process>) -> App {
    let program = process.program();
    let interface = program.interface();
    let mut app = App::new(host.hub())
        .name(&process.id().replace(':', "-"))
        .title(&interface.name);
    app = files(app, &*program);
    for (number, view) in interface.views.iter().enumerate() {
        let page = page(host, process, number as u32, view.audience);
        let mut page = hooks(host, process, page);
        if let Some(title) = &view.title {
            page = page.title(title.as_str());
        }
        if let Some(frame_ms) = view.frame_ms {
            page = page.frame_ms(frame_ms);
        }
        app = app.page(&view.path, page);
    }
    for handler in &interface.handlers {
        if handler.triggers.contains(&Trigger::Action) {
            let (host, process) = (host.clone(), process.clone());
            let name = handler.name.clone();
            app = app.action(&handler.name, move |cx: ActionCx| {
                let (host, process, name) = (host.clone(), process.clone(), name.clone());
                async move { act(&host, &process, name, &cx).await }
            });
        }
    }
    let (host, process) = (host.clone(), process.clone());
    app.fallback(move |visitor, request| {
        let (host, process) = (host.clone(), process.clone());
        async move { http::answer(&host, &process, &visitor, request).await }
    })
}

/// The files of the app: style sheets and scripts are linked in each page, in the order that it lists them in.
fn files(mut app: App, program: &dyn Program) -> App {
    let files = program.assets();
    for file in files {
        match file.name.rsplit_once('.') {
            Some((_, "css")) => app = app.stylesheet(&file.name),
            Some((_, "js")) => app = app.script(&file.name),
            _ => {}
        }
    }
    let icon = program.interface().icon.as_deref().unwrap_or("\u{2b50}");
    let head = maud::html! {
        meta name="color-scheme" content="light dark";
        @if icon.chars().count() <= 8 {
            link rel="icon" href={
                "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 100 100'>"
                "<text y='.9em' font-size='90'>" (icon) "</text></svg>"
            };
        } @else {
            link rel="icon" href=(icon);
        }
    };
    let owned = files
        .iter()
        .map(|file| (file.name.clone(), file.body.clone()));
    app.assets(Assets::owned(owned)).head(head)
}

/// Tells a process who comes and goes, if it wants to know. What it answers to who comes, that tab is sent.
fn hooks(host: &Host, process: &Arc<Process>, page: View) -> View {
    let program = process.program();
    let handles = |trigger: &Trigger| handler_of(program.interface(), trigger).is_some();
    if !handles(&Trigger::Join) && !handles(&Trigger::Leave) {
        return page;
    }
    let come = (host.clone(), process.clone());
    let go = (host.clone(), process.clone());
    page.on_join(move |who| {
        let (host, process) = &come;
        process.present().insert(who.id().to_owned(), who.clone());
        tell(host, process, &Trigger::Join, who);
    })
    .on_leave(move |who| {
        let (host, process) = &go;
        process.present().remove(who.id());
        tell(host, process, &Trigger::Leave, who);
    })
}

/// Tells a process that begins anew who is there.
pub(crate) fn introduce(host: &Host, process: &Arc<Process>) {
    let present: Vec<_> = process.present().values().cloned().collect();
    for who in present {
        tell(host, process, &Trigger::Join, who);
    }
}

fn handler_of(interface: &Interface, trigger: &Trigger) -> Option<String> {
    let mut handlers = interface.handlers.iter();
    let found = handlers.find(|handler| handler.triggers.contains(trigger));
    found.map(|handler| handler.name.clone())
}

/// What is asked is noted before this returns, so that the process hears of things in their order.
fn tell(host: &Host, process: &Arc<Process>, trigger: &Trigger, who: hyperstar::Viewer) {
    let Some(handler) = handler_of(process.program().interface(), trigger) else {
        return;
    };
    let origin = Origin::Action(ActionHead {
        viewer: viewer_of(&who),
        path: String::new(),
        arguments: Vec::new(),
    });
    let asking = host.ask(
        process.id(),
        Ask {
            origin,
            handler,
            body: b"{}".to_vec(),
            timeout_ms: ANSWER_MS,
            key: None,
        },
    );
    let process = process.clone();
    let answered = async move {
        let told = match asking.await {
            Ok(response) => Reply::from_response(response).map_err(|error| error.detail()),
            Err(error) => Err(error.to_string()),
        };
        match told {
            Ok(reply) => {
                who.send(reply);
            }
            Err(error) => {
                tracing::debug!(
                    process = process.id(),
                    error,
                    "who came or went is not known"
                );
            }
        }
    };
    host.tasks().spawn(answered);
}

fn page(host: &Host, process: &Arc<Process>, view: u32, shown: Shown) -> View {
    let (host, process) = (host.clone(), process.clone());
    let rendered = move |cx: Cx, audience: Audience| {
        let (host, process) = (host.clone(), process.clone());
        async move { render(&host, &process, view, &cx, audience).await }
    };
    match shown {
        Shown::Everyone => View::shared(move |cx: Cx| rendered(cx, Audience::Everyone)),
        Shown::Session => View::per_session(move |cx: Cx, who: hyperstar::Session| {
            let session = session_name("", who.id());
            rendered(cx, Audience::Session(session))
        }),
        Shown::Viewer => View::per_viewer(move |cx: Cx, who: hyperstar::Viewer| {
            rendered(cx, Audience::Viewer(viewer_of(&who)))
        }),
    }
}

async fn render(
    host: &Host,
    process: &Arc<Process>,
    view: u32,
    cx: &Cx,
    audience: Audience,
) -> Result<Html, ViewError> {
    // What is not kept, and whether it runs at all.
    cx.track(process.topic());
    let store = host.store().id();
    cx.track_store(store, &process.place().of_state("f"));
    let request = RenderRequest {
        view,
        path: cx.path().to_owned(),
        params: cx.params().to_vec(),
        query: cx.queries().to_vec(),
        audience,
        base: cx.base().to_owned(),
    };
    let rendered = host.render(process, request).await;
    for path in &rendered.reads {
        cx.track_store(store, path);
    }
    let page = match rendered.page {
        Ok(page) => page,
        Err(error) => {
            return Err(match (error.location, error.internal) {
                (Some(location), _) => ViewError::redirect(location),
                (None, true) => ViewError::from(Failed(error.message)),
                (None, false) => ViewError::status_with(status(error.status), error.message),
            });
        }
    };
    let mut html = Html::raw(page.html);
    if let Some(title) = page.title {
        html = html.title(title);
    }
    if let Some(code) = page.status {
        html = html.status(status(code));
    }
    Ok(html)
}

/// A status that a process named; what is none is its mistake.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(String);

async fn act(
    host: &Host,
    process: &Process,
    name: String,
    cx: &ActionCx,
) -> Result<Reply, ActionError> {
    let mut arguments = cx.arguments().to_vec();
    let headers = cx.headers();
    let text = |name| headers.get(name)?.to_str().ok();
    let is = |form: &str| text(CONTENT_TYPE).is_some_and(|kind| kind.starts_with(form));
    let body = if is("application/x-www-form-urlencoded") {
        arguments.extend(cx.form::<Vec<(String, String)>>()?);
        Vec::new()
    } else if is("multipart/form-data") {
        // It says itself where its parts end.
        cx.body().to_vec()
    } else {
        let signals: serde_json::Value = cx.signals()?;
        signals.to_string().into_bytes()
    };
    let path = text(REFERER)
        .and_then(|referer| referer.parse::<::http::Uri>().ok())
        .map_or_else(String::new, |uri| uri.path().to_owned());
    let origin = Origin::Action(ActionHead {
        viewer: viewer_of(cx.viewer()),
        path,
        arguments,
    });
    let ask = Ask {
        origin,
        handler: name,
        body,
        timeout_ms: ANSWER_MS,
        key: cx.key(),
    };
    let answer = host.ask(process.id(), ask).await.map_err(refused);
    let reply = answer.and_then(Reply::from_response);
    let failed = |error: &ActionError| error.status().is_server_error();
    if reply.as_ref().is_err_and(failed) {
        // Said of this process alone, or every page of the host would render.
        host.hub().notify(process.topic());
    }
    // What a turn changed was announced when it was kept.
    reply.map(Reply::unchanged)
}

fn refused(error: CallError) -> ActionError {
    let text = error.to_string();
    ActionError::status_with(status_of(&error), text)
}

/// How HTTP says why a call has no answer.
fn status_of(error: &CallError) -> StatusCode {
    match error {
        CallError::Timeout => StatusCode::GATEWAY_TIMEOUT,
        CallError::Malformed(_) => StatusCode::BAD_REQUEST,
        CallError::NoHandler(_) => StatusCode::NOT_FOUND,
        CallError::Denied(_) => StatusCode::FORBIDDEN,
        CallError::Busy | CallError::NoProcess(_) | CallError::Offline => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A browser as a process may know it: the same for as long as its cookie lasts, and of no use anywhere
/// else. The session's own id is half of that cookie.
fn session_name(salt: &str, id: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"hyperstar session\0");
    hasher.update(salt.as_bytes());
    hasher.update([0]);
    hasher.update(id.as_bytes());
    URL_SAFE_NO_PAD.encode(&hasher.finalize()[..16])
}

fn viewer_of(who: &hyperstar::Viewer) -> Viewer {
    Viewer {
        session: session_name("", who.session().id()),
        tab: session_name("tab", who.id()),
    }
}
