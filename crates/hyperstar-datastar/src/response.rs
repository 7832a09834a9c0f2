//! Answers to an action: a stream of events in one piece, or, without SSE, HTML, JSON or
//! JavaScript with `datastar-*` headers.
//!
//! The client applies such an answer only if its status is 200; a 204 says that there is nothing to
//! do. An answer without SSE carries no id and no retry time.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use hyperstar_sse::Event;
use serde_json::Value;

use crate::elements::{Mode, Namespace, PatchElements};
use crate::patch_signals::PatchSignals;
use crate::script::ExecuteScript;

const SELECTOR: HeaderName = HeaderName::from_static("datastar-selector");
const MODE: HeaderName = HeaderName::from_static("datastar-mode");
const NAMESPACE: HeaderName = HeaderName::from_static("datastar-namespace");
const USE_VIEW_TRANSITION: HeaderName = HeaderName::from_static("datastar-use-view-transition");
const ONLY_IF_MISSING: HeaderName = HeaderName::from_static("datastar-only-if-missing");
const SCRIPT_ATTRIBUTES: HeaderName = HeaderName::from_static("datastar-script-attributes");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// The header by which [`is_datastar_request`] knows a request.
pub const REQUEST_HEADER: HeaderName = HeaderName::from_static("datastar-request");

/// Whether a request was sent by a Datastar action, rather than by a link or a form.
#[must_use]
pub fn is_datastar_request(headers: &HeaderMap) -> bool {
    headers
        .get(REQUEST_HEADER)
        .is_some_and(|value| value.as_bytes() == b"true")
}

/// A `text/event-stream` answer of these events, and no more.
///
/// ```
/// use hyperstar_datastar::{PatchElements, PatchSignals, event_response};
/// let response = event_response([
///     PatchElements::new("<p id=\"a\">hello</p>").event(),
///     PatchSignals::remove(["draft"]).event(),
/// ]);
/// assert_eq!(response.headers()["content-type"], "text/event-stream");
/// ```
#[must_use]
pub fn event_response<I>(events: I) -> Response<Bytes>
where
    I: IntoIterator,
    I::Item: Into<Event>,
{
    let mut body = BytesMut::new();
    for event in events {
        event.into().encode_into(&mut body);
    }
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response(headers, body.freeze())
}

impl PatchElements {
    /// The same patch as a `text/html` answer.
    ///
    /// ```
    /// use hyperstar_datastar::{Mode, PatchElements};
    /// let response = PatchElements::new("<li>three</li>")
    ///     .selector("#list")
    ///     .mode(Mode::Append)
    ///     .html_response();
    /// assert_eq!(response.headers()["datastar-mode"], "append");
    /// assert_eq!(response.body(), "<li>three</li>");
    /// ```
    #[must_use]
    pub fn html_response(&self) -> Response<Bytes> {
        response(
            self.html_headers(),
            Bytes::from(self.wire_html().into_owned()),
        )
    }

    /// The headers of [`html_response`](Self::html_response).
    ///
    /// The client knows no header for a view transition's selector. In the target's selector,
    /// which a header must carry in ASCII, other characters are written as CSS escapes.
    #[must_use]
    pub fn html_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        if let Some(selector) = self.selector_text() {
            insert_ascii(&mut headers, SELECTOR, &css_ascii(selector));
        }
        let (mode, namespace, use_view_transition) = self.options();
        if mode != Mode::default() {
            headers.insert(MODE, HeaderValue::from_static(mode.as_str()));
        }
        if namespace != Namespace::default() {
            headers.insert(NAMESPACE, HeaderValue::from_static(namespace.as_str()));
        }
        if use_view_transition {
            headers.insert(USE_VIEW_TRANSITION, TRUE);
        }
        headers
    }
}

impl PatchSignals {
    /// The same patch as an `application/json` answer.
    #[must_use]
    pub fn json_response(&self) -> Response<Bytes> {
        response(self.json_headers(), Bytes::from(self.json().to_owned()))
    }

    /// The headers of [`json_response`](Self::json_response).
    #[must_use]
    pub fn json_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        if self.is_only_if_missing() {
            headers.insert(ONLY_IF_MISSING, TRUE);
        }
        headers
    }
}

impl ExecuteScript {
    /// The same script as a `text/javascript` answer. Its element stays in the page: the client
    /// knows no header to remove it.
    #[must_use]
    pub fn script_response(&self) -> Response<Bytes> {
        response(self.script_headers(), Bytes::from(self.script.clone()))
    }

    /// The headers of [`script_response`](Self::script_response).
    #[must_use]
    pub fn script_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/javascript; charset=utf-8"),
        );
        if !self.attributes.is_empty() {
            let attributes = self
                .attributes
                .iter()
                .map(|(name, value)| (name.clone(), Value::String(value.clone())))
                .collect();
            let json = json_ascii(&Value::Object(attributes).to_string());
            insert_ascii(&mut headers, SCRIPT_ATTRIBUTES, &json);
        }
        headers
    }
}

fn response(headers: HeaderMap, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response
}

fn insert_ascii(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // Both callers leave printable ASCII only, which every header takes.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A selector in printable ASCII, with the same meaning.
fn css_ascii(selector: &str) -> String {
    let mut out = String::with_capacity(selector.len());
    for c in selector.chars() {
        match c {
            // White space between selectors; a CSS string or name holds none of these.
            '\t' | '\n' | '\r' | '\u{c}' => out.push(' '),
            ' '..='~' => out.push(c),
            _ => out.push_str(&format!("\\{:x} ", u32::from(c))),
        }
    }
    out
}

/// JSON in printable ASCII, with the same meaning.
fn json_ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, ' '..='~') {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}
