//! Requests that are no page's: a process's HTTP handlers, its WebSockets, `/our.js`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use hyperstar::Visitor;
use hyperstar_interface::route::{Routed, Router};
use hyperstar_interface::{AskError, Handler, Http, Mode, Trigger};
use hyperstar_process::abi::{self, HttpHead, Origin};
use sha2::{Digest, Sha256};

use super::{ANSWER_MS, session_name, status, status_of, ws};
use crate::host::{Ask, Host, Process};

/// The largest body of a request.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Headers that say something of one connection, or that the server itself writes.
const NOT_ITS_OWN: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) async fn answer(
    host: &Host,
    process: &Arc<Process>,
    visitor: &Visitor,
    request: Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = match percent_decoded(parts.uri.path()) {
        Some(path) => path,
        None => {
            return text(
                StatusCode::BAD_REQUEST,
                "the path is not UTF-8 once decoded",
            );
        }
    };
    if path == "/our.js" {
        return our_js(host, process, &parts.method);
    }
    let viewer = visitor.session().map(|session| abi::Viewer {
        session: session_name("", session.id()),
        tab: String::new(),
    });
    let loaded = process.loaded();
    let router = &loaded.router;
    if ws::is_upgrade(&parts) && router.ws(&path).is_some() {
        return ws::accept(host, process, path, viewer, &mut parts);
    }
    let handlers = &loaded.program.interface().handlers;
    let handles_http = handlers
        .iter()
        .any(|handler| http_rules(handler).count() > 0);
    if !handles_http || (is_by_person(&parts) && leads_nowhere(router, &path)) {
        return hyperstar::not_found(Request::from_parts(parts, body)).await;
    }
    if is_of_another_site(&parts) && !is_for_all(router, handlers, &parts.method, &path) {
        let reason = "this was asked for by a page of another site, and may change something, so it was refused; \
                      `#[http(GET)]` says that it may be asked for from anywhere";
        return text(StatusCode::FORBIDDEN, reason);
    }
    let body = match axum::body::to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => body.to_vec(),
        Err(_) => {
            let message = format!("the body is cut short, or has more than {BODY_BYTES_MAX} bytes");
            return text(StatusCode::PAYLOAD_TOO_LARGE, &message);
        }
    };
    let head = HttpHead {
        method: parts.method.as_str().to_owned(),
        path,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers_for(&parts.headers),
        viewer,
    };
    let key = parts.headers.get("idempotency-key");
    let key = key.map(|key| own_key(key.as_bytes(), &head, &body));
    let ask = Ask {
        origin: Origin::Http(head),
        handler: String::new(),
        body,
        timeout_ms: ANSWER_MS,
        key,
    };
    match host.ask(process.id(), ask).await {
        Ok(response) => own(response),
        Err(error) => {
            let body = serde_json::json!({ "error": error.to_string() }).to_string();
            let kind = [(CONTENT_TYPE, "application/json")];
            (status_of(&error), kind, body).into_response()
        }
    }
}

/// What a process knows a request by that may be sent again: a key is its browser's, for one thing to do.
fn own_key(key: &[u8], head: &HttpHead, body: &[u8]) -> String {
    let session = head.viewer.as_ref().map(|viewer| &*viewer.session);
    let mut hasher = Sha256::new();
    for part in [session.unwrap_or(""), &head.method, &head.path, &head.query] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.update((key.len() as u64).to_be_bytes());
    hasher.update(key);
    hasher.update(body);
    format!("http-{}", URL_SAFE_NO_PAD.encode(hasher.finalize()))
}

/// Whether a browser wants to show the answer, so that a page says more than JSON.
fn is_by_person(request: &Parts) -> bool {
    let accepts = request.headers.get(ACCEPT);
    let accepts = accepts.and_then(|value| value.to_str().ok());
    request.method == Method::GET && accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

/// Whether a browser says that it asks on behalf of a page of another origin. What is not a `GET` was refused
/// before then.
fn is_of_another_site(request: &Parts) -> bool {
    let site = request.headers.get("sec-fetch-site");
    site.is_some_and(|site| site != "same-origin" && site != "none")
}

/// Whether what answers is there for this method by name, or changes nothing.
fn is_for_all(router: &Router, handlers: &[Handler], method: &Method, path: &str) -> bool {
    let named = match *method {
        Method::HEAD => "GET",
        _ => method.as_str(),
    };
    let is_harmless = |handler: &Handler| {
        let names_it = |rule: &Http| rule.method.as_deref() == Some(named);
        handler.mode == Mode::Read || http_rules(handler).any(names_it)
    };
    match router.http(method.as_str(), path) {
        Routed::To(place, _) => handlers.get(place).is_none_or(is_harmless),
        Routed::ByBody => {
            let is_loose = |handler: &&Handler| {
                let mut rules = http_rules(handler);
                rules.any(|rule| rule.path.is_none())
            };
            handlers.iter().filter(is_loose).all(is_harmless)
        }
        _ => true,
    }
}

fn http_rules(handler: &Handler) -> impl Iterator<Item = &Http> {
    handler.triggers.iter().filter_map(|trigger| match trigger {
        Trigger::Http(rule) => Some(rule),
        _ => None,
    })
}

fn leads_nowhere(router: &Router, path: &str) -> bool {
    matches!(
        router.http("GET", path),
        Routed::Nowhere(AskError::NoRoute { .. })
    )
}

/// What a process may see of a request: everything but what would let it act as the browser elsewhere.
fn headers_for(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "cookie" | "authorization"))
        .filter_map(|(name, value)| {
            let value = value.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        })
        .collect()
}

/// A process's answer, without what is not its to say.
fn own(response: abi::Response) -> Response {
    let mut answer = Response::new(Body::from(response.body));
    *answer.status_mut() = status(response.status);
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS || answer.status().is_informational() {
        *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    for (name, value) in response.headers {
        if NOT_ITS_OWN.contains(&name.to_ascii_lowercase().as_str()) {
            continue;
        }
        let (Ok(name), Ok(value)) = (
            HeaderName::try_from(name.as_str()),
            HeaderValue::try_from(value.as_str()),
        ) else {
            continue;
        };
        if name == SET_COOKIE && !is_own_cookie(&value) {
            continue;
        }
        if answer.headers_mut().try_append(name, value).is_err() {
            let reason = "the app answered with more headers than a response can have";
            return text(StatusCode::BAD_GATEWAY, reason);
        }
    }
    answer
}

/// A cookie for this host alone, and not the session's.
fn is_own_cookie(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else {
        return false;
    };
    let text = text.to_ascii_lowercase();
    // One without a name is sent back as its value, which may look like another's name.
    let name = text.trim_start_matches(|c: char| c == '=' || c.is_whitespace());
    !name.starts_with("hs-")
        && !name.starts_with("__host-hs-")
        && !text
            .split(';')
            .skip(1)
            .any(|part| part.trim_start().starts_with("domain"))
}

/// What a page learns of where it is: `window.our`.
fn our_js(host: &Host, process: &Process, method: &Method) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
    }
    let our = serde_json::json!({ "node": host.node(), "process": process.id() });
    // JSON is JavaScript; `<` could end a script that this is pasted into.
    let our = our.to_string().replace('<', "\\u003c");
    let headers = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, format!("window.our = {our};\n")).into_response()
}

fn text(status: StatusCode, message: &str) -> Response {
    let kind = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, kind, message.to_owned()).into_response()
}

fn percent_decoded(path: &str) -> Option<String> {
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(path).collect();
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_stays_with_its_host_and_is_not_the_sessions() {
        let check = |cookie: &str, expected: bool| {
            let value = HeaderValue::try_from(cookie).expect("a value");
            assert_eq!(is_own_cookie(&value), expected, "{cookie}");
        };
        check("theme=dark; Path=/", true);
        check("domain=x", true);
        check("theme=dark; Domain=localhost", false);
        check("theme=dark;domain=localhost", false);
        check("hs-chat=1", false);
        check("=hs-chat=1", false);
        check(" = hs-chat=1", false);
        check("__Host-hs-chat=1; Secure", false);
    }

    #[test]
    fn an_answer_says_nothing_of_the_connection() {
        let response = abi::Response {
            status: 101,
            headers: vec![
                ("Connection".to_owned(), "upgrade".to_owned()),
                ("transfer-encoding".to_owned(), "chunked".to_owned()),
                ("x-tea".to_owned(), "a\nb".to_owned()),
                ("x-cake".to_owned(), "yes".to_owned()),
            ],
            body: Vec::new(),
        };
        let answer = own(response);
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let names: Vec<&str> = answer.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-cake"]);
    }
}
