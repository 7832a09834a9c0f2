//! From a request's headers to a response that streams.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use crate::body::Body;
use crate::encoding::{Encoding, compress_with, negotiate};
use crate::group::Group;
use crate::stream::{Sender, StreamConfig, follow, stream};

/// Answers a request with a stream, encoded as its client likes best. The headers keep caches and
/// proxies from holding events back.
///
/// ```
/// use hyperstar_sse::{StreamConfig, respond};
///
/// let (sender, response) = respond(&http::HeaderMap::new(), &StreamConfig::default());
/// assert_eq!(response.headers()["content-type"], "text/event-stream");
/// # drop(sender);
/// ```
pub fn respond(headers: &HeaderMap, config: &StreamConfig) -> (Sender, Response<Body>) {
    let encoding = negotiate(headers, &config.compression);
    let (sender, body) = stream(config, encoding);
    (sender, live(body, encoding))
}

impl Group {
    /// Answers a request with a stream of the group's frames, and of what goes into the sender beside
    /// them: the last frame first, unless the client has it. `shows` is the name of what it
    /// [was published as](Group::publish_as); see [`last_event_id`].
    ///
    /// ```
    /// use hyperstar_sse::{Encoders, Event, Group, StreamConfig};
    ///
    /// let group = Group::new(&Encoders::default());
    /// group.publish(Event::new().data("hello").encode());
    /// let headers = http::HeaderMap::new();
    /// let (sender, response) = group.respond(&headers, &StreamConfig::default(), None);
    /// assert_eq!(response.headers()["content-type"], "text/event-stream");
    /// ```
    ///
    /// The sender is for what this client alone gets; the stream ends when its last clone is dropped,
    /// unless it is told to go on ([`Sender::detach`]).
    pub fn respond(
        &self,
        headers: &HeaderMap,
        config: &StreamConfig,
        shows: Option<Arc<str>>,
    ) -> (Sender, Response<Body>) {
        let encoding = negotiate(headers, &config.compression);
        let (sender, body) = follow(config, self.join(encoding).shows(shows));
        (sender, live(body, encoding))
    }
}

fn live(body: Body, encoding: Encoding) -> Response<Body> {
    #[cfg(feature = "http1")]
    if let Some(takeover) = body.takeover() {
        let mut response = head(body, encoding);
        response.extensions_mut().insert(takeover);
        return response;
    }
    head(body, encoding)
}

/// Answers a request with events that are all there: small ones as they are, larger ones compressed
/// whole.
pub fn once(headers: &HeaderMap, config: &StreamConfig, events: Bytes) -> Response<Body> {
    let encoding = match negotiate(headers, &config.compression) {
        _ if events.len() < config.compression.once_bytes_min => Encoding::Identity,
        encoding => encoding,
    };
    match compress_with(&events, encoding, &config.compression) {
        Some(small) => head(Body::whole(small), encoding),
        None => head(Body::whole(events), Encoding::Identity),
    }
}

/// What is on the client's screen, as it says itself: the id of the last event that it got.
pub fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id")?.to_str().ok()
}

fn head(body: Body, encoding: Encoding) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    // nginx buffers answers unless it is told.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if encoding != Encoding::Identity {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
    }
    response
}
