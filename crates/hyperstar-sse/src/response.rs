//! From a request's headers to a response that streams.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use crate::encoding::{Encoding, compress_with, negotiate};
use crate::stream::{Body, Sender, StreamConfig, stream};

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
    (sender, head(body, encoding))
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
