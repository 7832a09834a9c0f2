//! From a request to a response: pages, streams, actions, assets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::{Bytes, BytesMut};
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION,
    RETRY_AFTER, SET_COOKIE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use hyperstar_datastar::PatchSignals;
use hyperstar_sse::CloseReason;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::{ActionDef, AppError, Route, Shared};
use crate::cx::{ActionCx, ActionParts, Cx, Target};
use crate::group::{self, Joined, Key};
use crate::hub::Counters;
use crate::order::{Answered, Turn};
use crate::places::TooMany;
use crate::scope::{self, Outcome, Scope};
use crate::session::{Known, Session};
use crate::shell::Load;
use crate::view::View;
use crate::viewer::{Connected, Viewers};
use crate::visitor::Visitor;
use crate::{ActionError, address, assets, error_page, guard, jitter, metrics};

const HS_STREAM: HeaderName = HeaderName::from_static("hs-stream");
const HS_AGAIN: HeaderName = HeaderName::from_static("hs-again");
const HS_BUILD: HeaderName = HeaderName::from_static("hs-build");
const HS_ACTION: HeaderName = HeaderName::from_static("hs-action");
const HTML: &str = "text/html; charset=utf-8";
/// A body must be complete by then.
const BODY_MS: u64 = 30_000;
/// Who is refused for now is asked to come back after one to so many seconds.
const RETRY_AFTER_MAX: u64 = 5;
/// The longest name of a tab that is believed.
const TAB_BYTES_MAX: usize = 64;

/// How the connection that a request came by can be reached; put there by our own server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire {
    pub(crate) https: bool,
    /// Who is at the other end, where that is known: a proxy, if there is one in between.
    pub(crate) peer: Option<std::net::IpAddr>,
    /// Ends the connection at once, for a client that takes nothing.
    pub(crate) cut: Option<tokio_util::sync::CancellationToken>,
}

/// The routes of an app, below its base.
pub(crate) fn build(
    shared: &Arc<Shared>,
    routes: BTreeMap<String, Route>,
) -> Result<Router, AppError> {
    let files = format!("{}/_hs/f/{{hash}}/{{*name}}", shared.base);
    let mut taken = matchit::Router::new();
    // The first one there, so that it is not refused.
    let _ = taken.insert(files.clone(), ());
    let mut router = Router::new();
    for (path, route) in routes {
        let full = format!("{}{path}", shared.base);
        let reason = if !path.starts_with('/') {
            Some("it must begin with `/`".to_owned())
        } else if path
            .split('/')
            .any(|segment| segment.starts_with(':') || segment.starts_with('*'))
        {
            Some("parameters are written `{name}`, the rest of a path `{*name}`".to_owned())
        } else {
            taken
                .insert(full.clone(), ())
                .err()
                .map(|error| error.to_string())
        };
        if let Some(reason) = reason {
            return Err(AppError::Path { path, reason });
        }
        let (shared, route) = (shared.clone(), Arc::new(route));
        let handler = move |params: Result<RawPathParams, RawPathParamsRejection>,
                            request: Request| {
            let (shared, route) = (shared.clone(), route.clone());
            async move {
                let (parts, body) = request.into_parts();
                serve(shared, route, params, parts, body).await
            }
        };
        router = router.route(&full, any(handler));
    }
    let shared = shared.clone();
    Ok(router.route(
        &files,
        any(move |params: RawPathParams, request: Request| {
            let shared = shared.clone();
            async move { assets::serve(&shared, &params, &request.into_parts().0) }
        }),
    ))
}

/// Puts the protections around a router.
pub(crate) fn guarded(router: Router, shared: &Arc<Shared>) -> Router {
    let shared = shared.clone();
    router.layer(axum::middleware::from_fn(
        move |request: Request, next: axum::middleware::Next| {
            let shared = shared.clone();
            async move {
                shared.start();
                let (parts, body) = request.into_parts();
                let https = is_https(&shared, &parts);
                let mut response =
                    match guard::admit(&parts.method, &parts.headers, https, &shared.origins) {
                        Ok(()) => next.run(Request::from_parts(parts, body)).await,
                        Err(reason) => refuse(&parts, StatusCode::FORBIDDEN, &reason),
                    };
                guard::headers(response.headers_mut());
                response
            }
        },
    ))
}

/// The answer where there is nothing: a page for a browser, a line for a program. For an
/// [`App::fallback`](crate::App::fallback) that has nothing either.
pub async fn not_found(request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let message = format!("There is nothing at {}.", parts.uri.path());
    refuse(&parts, StatusCode::NOT_FOUND, &message)
}

async fn serve(
    shared: Arc<Shared>,
    route: Arc<Route>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Parts,
    body: Body,
) -> Response {
    let target = match params {
        Ok(params) => {
            let params = params
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            Target::new(
                request.uri.path(),
                params,
                request.uri.query().unwrap_or_default(),
            )
            .map_err(|error| error.to_string())
        }
        Err(rejection) => Err(rejection.body_text()),
    };
    let target = match target {
        Ok(target) => target,
        Err(reason) => return refuse(&request, StatusCode::BAD_REQUEST, &reason),
    };
    if let Some(access) = &route.access
        && let Err(reason) = access.admit(&request)
    {
        return refuse(&request, StatusCode::FORBIDDEN, &reason);
    }
    if route.is_metrics && matches!(request.method, Method::GET | Method::HEAD) {
        let figures = metrics::Figures::of(&shared.hub);
        return fresh(StatusCode::OK, metrics::TEXT, metrics::text(&figures));
    }
    let https = is_https(&shared, &request);
    let method = request.method.clone();
    let is_page = route.view.is_some();
    let action = route.actions.get(method.as_str()).cloned();
    let is_taken = action.is_some()
        || (is_page && matches!(request.method, Method::GET | Method::HEAD | Method::POST));
    if !is_taken {
        if shared.fallback.is_some() {
            return elsewhere(shared, Request::from_parts(request, body)).await;
        }
        return wrong_method(&request, &route);
    }
    let Known {
        session,
        set_cookie,
    } = match shared.sessions.of(&request.headers, https) {
        Ok(known) => known,
        Err(error) => {
            tracing::error!(%error, "no session can be made");
            return refuse(
                &request,
                StatusCode::SERVICE_UNAVAILABLE,
                "The server cannot make sessions now.",
            );
        }
    };
    let mut response = match (&route.view, method.as_str()) {
        (Some(view), "GET" | "HEAD") => {
            page(&shared, route.number, view, target, session, &request).await
        }
        (Some(view), "POST") => stream(&shared, route.number, view, target, session, &request),
        _ => match action {
            Some(action) => act(&shared, action, target, session, request, body).await,
            None => wrong_method(&request, &route),
        },
    };
    if let Some(cookie) = set_cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Whatever this app's fallback makes of it.
pub(crate) async fn elsewhere(shared: Arc<Shared>, request: Request) -> Response {
    let Some(fallback) = shared.fallback.clone() else {
        return not_found(request).await;
    };
    let (parts, body) = request.into_parts();
    let https = is_https(&shared, &parts);
    let visitor = Visitor {
        session: shared.sessions.known(&parts.headers, https),
        https,
    };
    fallback(visitor, Request::from_parts(parts, body)).await
}

fn wrong_method(request: &Parts, route: &Route) -> Response {
    let mut allowed: Vec<&str> = route.actions.keys().map(String::as_str).collect();
    if route.view.is_some() {
        allowed.extend(["GET", "HEAD", "POST"]);
    }
    if route.is_metrics {
        allowed.extend(["GET", "HEAD"]);
    }
    allowed.sort_unstable();
    allowed.dedup();
    let allowed = allowed.join(", ");
    let message = format!("{} is not served here; {allowed} is.", request.method);
    let mut response = refuse(request, StatusCode::METHOD_NOT_ALLOWED, &message);
    if let Ok(value) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

// ---- Pages ----------------------------------------------------------------------------------------

async fn page(
    shared: &Arc<Shared>,
    number: usize,
    view: &View,
    target: Target,
    session: Session,
    request: &Parts,
) -> Response {
    let (Ok(tab), Ok(nonce)) = (shared.platform.token(), shared.platform.token()) else {
        return refuse(
            request,
            StatusCode::SERVICE_UNAVAILABLE,
            "The server has no randomness now.",
        );
    };
    // Not remembered: many who load a page never open its stream.
    let viewer = Viewers::passing(&session, &tab, &shared.hub);
    let who = view.audience(&viewer);
    let key = Key::new(number, target.clone(), &who);
    let uri = target.to_uri();
    let cx = Cx {
        shared: shared.clone(),
        target: Arc::new(target),
    };
    match group::first(shared, &key, view, cx, &who).await {
        Ok((html, hash)) => {
            let load = Load {
                uri: &uri,
                hash: &hash,
                tab: &tab,
                nonce: &nonce,
                alone: view.alone,
            };
            let document = shared.shell.document(shared, &html, &load);
            // The document names one tab: a copy from a cache would be a second one of that name.
            let mut response = fresh(html.status_code(), HTML, document);
            if let Ok(policy) = HeaderValue::from_str(&guard::page_policy(&nonce, &shared.csp)) {
                response
                    .headers_mut()
                    .insert(CONTENT_SECURITY_POLICY, policy);
            }
            response
        }
        Err(error) => {
            if let Some(location) = error.location() {
                return redirect(location);
            }
            if error.is_internal() {
                tracing::error!(path = uri, %error, "a view failed");
                let detail = shared.dev.then(|| error.to_string());
                return document(
                    error.status(),
                    "The page could not be made.",
                    detail.as_deref(),
                );
            }
            refuse(request, error.status(), &error.to_string())
        }
    }
}

fn redirect(location: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return document(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The page moved to a place that is no address.",
            None,
        );
    };
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

// ---- Streams --------------------------------------------------------------------------------------

fn stream(
    shared: &Arc<Shared>,
    number: usize,
    view: &View,
    target: Target,
    session: Session,
    request: &Parts,
) -> Response {
    if shared.shutdown.is_cancelled() {
        return busy(shared, request);
    }
    let headers = &request.headers;
    let tab = match headers.get(HS_STREAM).and_then(|value| value.to_str().ok()) {
        Some(tab) if is_tab(tab) => tab.to_owned(),
        // Not one of our pages, but it may watch.
        _ => match shared.platform.token() {
            Ok(tab) => tab,
            Err(_) => return busy(shared, request),
        },
    };
    let (viewer, place) = match shared
        .viewers
        .of(&session, &tab, &shared.hub)
        .and_then(|viewer| {
            let place = shared.viewers.enter(&viewer, client(shared, request))?;
            Ok((viewer, place))
        }) {
        Ok(entered) => entered,
        Err(limit) => return too_many(shared, request, limit),
    };
    let shown = hyperstar_sse::last_event_id(headers)
        .filter(|id| id.len() <= 16)
        .map(Arc::from);
    let who = view.audience(&viewer);
    let key = Key::new(number, target.clone(), &who);
    let cx = Cx {
        shared: shared.clone(),
        target: Arc::new(target),
    };
    let Joined {
        group,
        member,
        sender,
        response,
    } = shared.groups.join(key, view, cx, who, headers, shown);
    let mut response = response.map(Body::new);
    if let Ok(build) = HeaderValue::from_str(&shared.build()) {
        response.headers_mut().insert(HS_BUILD, build);
    }
    if headers.contains_key(HS_AGAIN) {
        // Nothing else tells a page that its stream is back if it shows the right thing already.
        let _ = sender.event(PatchSignals::raw("{}").encode());
    }
    let Connected {
        number,
        is_new,
        on_leave,
    } = viewer.connect(sender.clone(), group, member, number, view.on_leave.clone());
    if let Some(hook) = on_leave {
        hook(viewer.clone());
    }
    if is_new && let Some(hook) = &view.on_join {
        hook(viewer.clone());
    }
    let cut = request
        .extensions
        .get::<Wire>()
        .and_then(|wire| wire.cut.clone());
    let (shared, on_leave) = (shared.clone(), view.on_leave.clone());
    let is_hooked = view.on_join.is_some() || view.on_leave.is_some();
    sender.on_close(move |reason| {
        drop(place);
        let counters = shared.hub.counters();
        match reason {
            CloseReason::Stalled => Counters::add(&counters.stalled, 1),
            CloseReason::Overflow => Counters::add(&counters.overflowed, 1),
            _ => {}
        }
        if matches!(reason, CloseReason::Stalled | CloseReason::Overflow) {
            tracing::debug!(app = shared.name, ?reason, "a viewer was let go");
            // Its socket takes nothing, so the end of the stream would not arrive either.
            if let Some(cut) = cut {
                cut.cancel();
            }
        }
        if !viewer.disconnect(number) || !is_hooked {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let away = Duration::from_millis(shared.limits.leave_ms);
        shared.tasks.spawn_on(
            async move {
                tokio::time::sleep(away).await;
                if viewer.has_left(number)
                    && let Some(hook) = on_leave
                {
                    hook(viewer);
                }
            },
            &runtime,
        );
    });
    response
}

fn is_tab(tab: &str) -> bool {
    (8..=TAB_BYTES_MAX).contains(&tab.len())
        && tab
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

// ---- Actions --------------------------------------------------------------------------------------

async fn act(
    shared: &Arc<Shared>,
    action: ActionDef,
    target: Target,
    session: Session,
    parts: Parts,
    body: Body,
) -> Response {
    let request = &parts;
    let numbered = match request.headers.get(HS_ACTION).map(number_of) {
        None => None,
        Some(Some(numbered)) => Some(numbered),
        Some(None) => {
            let reason = "the header `hs-action` is not `<tab> <number> <answered>`";
            return refuse(request, StatusCode::BAD_REQUEST, reason);
        }
    };
    let viewer = match &numbered {
        Some((tab, ..)) => match shared.viewers.of(&session, tab, &shared.hub) {
            Ok(viewer) => viewer,
            Err(_) => return busy(shared, request),
        },
        None => Viewers::passing(&session, "-", &shared.hub),
    };
    let (body, share) = match read_body(shared, &parts.headers, body).await {
        Ok(read) => read,
        Err(unread) => return unread.answer(shared, &parts),
    };
    let cx = ActionCx {
        inner: Arc::new(ActionParts {
            shared: shared.clone(),
            target,
            viewer,
            number: numbered.as_ref().map(|(_, number, _)| *number),
            method: parts.method,
            query: parts.uri.query().map(str::to_owned),
            headers: parts.headers.clone(),
            body,
            _share: share,
            signals: std::sync::OnceLock::new(),
        }),
    };
    // Detached: what was asked is done, whether or not anyone still waits for the answer.
    let shared = shared.clone();
    let task = shared.clone().actions.spawn(async move {
        let Some((_, seq, acked)) = numbered else {
            return Some(run(&shared, &action, cx).await);
        };
        let viewer = cx.viewer().clone();
        viewer.touch();
        match viewer.order().turn(seq, acked).await {
            Turn::Run => {
                let answered = run(&shared, &action, cx).await;
                viewer.order().finish(seq, answered.clone());
                viewer.touch();
                Some(answered)
            }
            Turn::Repeat(answered) => {
                Counters::add(&shared.hub.counters().actions_repeated, 1);
                Some(answered)
            }
            Turn::Full => None,
        }
    });
    match task.await {
        Ok(Some(answered)) => answer(&parts.headers, answered),
        Ok(None) => {
            let mut response = plain(
                StatusCode::TOO_MANY_REQUESTS,
                "too many actions of this page are waiting; it tries again",
            );
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
        Err(_) => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server stopped before this action ended",
        ),
    }
}

/// `<tab> <number> <answered>`.
fn number_of(value: &HeaderValue) -> Option<(String, u64, u64)> {
    let mut words = value.to_str().ok()?.split(' ');
    let (tab, seq, acked) = (
        words.next()?,
        words.next()?.parse().ok()?,
        words.next()?.parse().ok()?,
    );
    (words.next().is_none() && is_tab(tab) && seq > 0).then(|| (tab.to_owned(), seq, acked))
}

async fn run(shared: &Arc<Shared>, action: &ActionDef, cx: ActionCx) -> Answered {
    Counters::add(&shared.hub.counters().actions, 1);
    let viewer = cx.viewer().clone();
    let (outcome, scope) = scope::run(Scope::at(shared.base.clone()), (action.run)(cx)).await;
    let result = match outcome {
        Outcome::Finished(result) => result,
        Outcome::Panicked(message) => {
            tracing::error!(action = action.name, message, "an action panicked");
            Err(ActionError::internal("something went wrong on our side"))
        }
    };
    let (keeps_state, patches) = result.as_ref().map_or((false, false), |reply| {
        (reply.keeps_state(), reply.patches())
    });
    let failed_midway = result
        .as_ref()
        .is_err_and(|error| error.status().is_server_error());
    if !scope.announced && !keeps_state && (result.is_ok() || failed_midway) {
        // Nobody said what changed, so everything may have.
        shared.hub.notify_all();
    }
    if patches {
        viewer.disturb();
    }
    match result.and_then(crate::Reply::into_bytes) {
        Ok(body) if body.is_empty() => Answered {
            status: StatusCode::NO_CONTENT,
            body,
        },
        Ok(body) => Answered {
            status: StatusCode::OK,
            body,
        },
        Err(error) => {
            if error.status().is_server_error() {
                tracing::error!(
                    action = action.name,
                    error = error.detail(),
                    "an action failed"
                );
            }
            let message = if shared.dev {
                error.detail()
            } else {
                error.message().to_owned()
            };
            Answered {
                status: error.status(),
                body: Bytes::from(message),
            }
        }
    }
}

fn answer(headers: &HeaderMap, answered: Answered) -> Response {
    match answered.status {
        StatusCode::OK => hyperstar_sse::once(
            headers,
            &hyperstar_sse::StreamConfig::default(),
            answered.body,
        )
        .map(Body::new),
        StatusCode::NO_CONTENT => StatusCode::NO_CONTENT.into_response(),
        status => plain(status, answered.body),
    }
}

/// Why a body was not read.
enum Unread {
    /// This much is allowed.
    TooLarge(usize),
    Broken(String),
    Late,
    /// All bodies together take as much as they may.
    Busy,
}

impl Unread {
    fn answer(self, shared: &Shared, request: &Parts) -> Response {
        match self {
            Self::TooLarge(bytes_max) => plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is larger than {bytes_max} bytes"),
            ),
            Self::Broken(reason) => plain(
                StatusCode::BAD_REQUEST,
                format!("the body could not be read: {reason}"),
            ),
            Self::Late => plain(
                StatusCode::REQUEST_TIMEOUT,
                "the body took too long to arrive",
            ),
            Self::Busy => busy(shared, request),
        }
    }
}

/// Reads a body, taking its share of what all bodies may take as it arrives: who announces much and
/// sends little holds little.
async fn read_body(
    shared: &Shared,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Unread> {
    let bytes_max = shared.limits.body_bytes_max;
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bytes_max as u64) {
        return Err(Unread::TooLarge(bytes_max));
    }
    let reading = async {
        let mut bytes = BytesMut::new();
        let mut share: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Unread::Broken(error.to_string()))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if bytes.len() + data.len() > bytes_max {
                return Err(Unread::TooLarge(bytes_max));
            }
            let count = u32::try_from(data.len()).map_err(|_| Unread::TooLarge(bytes_max))?;
            let more = shared
                .bodies
                .clone()
                .try_acquire_many_owned(count)
                .map_err(|_| Unread::Busy)?;
            match &mut share {
                Some(share) => share.merge(more),
                None => share = Some(more),
            }
            bytes.extend_from_slice(&data);
        }
        Ok((bytes.freeze(), share))
    };
    match tokio::time::timeout(Duration::from_millis(BODY_MS), reading).await {
        Ok(read) => read,
        Err(_) => Err(Unread::Late),
    }
}

// ---- Answers --------------------------------------------------------------------------------------

fn busy(shared: &Shared, request: &Parts) -> Response {
    later(
        shared,
        request,
        StatusCode::SERVICE_UNAVAILABLE,
        "The server is full or about to restart; it is worth trying again.",
    )
}

/// The answer to a stream for which there is no place.
fn too_many(shared: &Shared, request: &Parts, limit: TooMany) -> Response {
    let message = match limit {
        TooMany::Streams => return busy(shared, request),
        TooMany::Session(max) => format!(
            "This browser follows as many pages of this app as it may ({max}); close one of them."
        ),
        TooMany::Address(max) => format!(
            "Your network follows as many pages of this app as it may ({max}); this one waits."
        ),
        TooMany::Tab => "This page connects again faster than its streams end.".to_owned(),
    };
    later(shared, request, StatusCode::TOO_MANY_REQUESTS, &message)
}

/// Refuses for now.
fn later(shared: &Shared, request: &Parts, status: StatusCode, message: &str) -> Response {
    Counters::add(&shared.hub.counters().refused, 1);
    let mut response = refuse(request, status, message);
    // Those who are refused together should not come back together; a server that ends will not be here
    // by then, and its successor is free.
    let after = if shared.shutdown.is_cancelled() {
        1
    } else {
        jitter::one_to(RETRY_AFTER_MAX)
    };
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(after));
    response
}

/// A refusal that fits who asked: a document for a person, a sentence for a program.
pub(crate) fn refuse(request: &Parts, status: StatusCode, message: &str) -> Response {
    let accepts = request
        .headers
        .get(http::header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let by_person = request.method == Method::GET
        && accepts.is_some_and(|accepts| accepts.contains("text/html"))
        && !request.headers.contains_key("datastar-request");
    if by_person {
        document(status, message, None)
    } else {
        plain(status, message.to_owned())
    }
}

fn document(status: StatusCode, message: &str, detail: Option<&str>) -> Response {
    let policy = HeaderValue::from_static(
        "default-src 'none'; style-src-attr 'unsafe-inline'; frame-ancestors 'self'",
    );
    let page = error_page::document(status, message, detail);
    let mut response = fresh(status, HTML, page);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response
}

fn plain(status: StatusCode, message: impl Into<Bytes>) -> Response {
    fresh(status, "text/plain; charset=utf-8", message.into())
}

/// An answer that is made for one request and kept by no cache.
fn fresh(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Where a request comes from, if that is to be counted.
fn client(shared: &Shared, request: &Parts) -> Option<std::net::IpAddr> {
    let wire = request.extensions.get::<Wire>();
    let peer = wire.and_then(|wire| wire.peer);
    address::counted(peer, &request.headers, shared.behind_proxy)
}

fn is_https(shared: &Shared, request: &Parts) -> bool {
    if shared.behind_proxy
        && let Some(proto) = request.headers.get("x-forwarded-proto")
    {
        return proto.as_bytes().eq_ignore_ascii_case(b"https");
    }
    request
        .extensions
        .get::<Wire>()
        .is_some_and(|wire| wire.https)
}
