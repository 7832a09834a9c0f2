//! Files in the binary, at addresses made of their content.
//!
//! An address never changes its meaning, so browsers keep what it gave them for good. Text is
//! compressed once for each encoding and kept; media can be asked for in ranges.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::RawPathParams;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyperstar_sse::{Compression, Encoding};
use sha2::{Digest, Sha256};

use crate::app::{AppError, Shared};
use crate::monitor::MONITOR_CSS;
use crate::router::refuse;
use crate::shell::{CLIENT_CSS, CLIENT_JS, DATASTAR_JS};

/// Smaller files are sent as they are.
const COMPRESS_BYTES_MIN: usize = 512;
/// Larger ones too: compressing them would hold up whoever asks first.
const COMPRESS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Reads a file anew, if it can change while the app runs.
type Reread = Arc<dyn Fn() -> Option<Cow<'static, [u8]>> + Send + Sync>;

/// A set of files for an app's pages; see [`App::assets`](crate::App::assets).
///
/// ```
/// use hyperstar::Assets;
/// let assets = Assets::files([("logo.svg", b"<svg/>".as_slice())]);
/// ```
#[derive(Clone, Default)]
pub struct Assets {
    files: Vec<(String, Cow<'static, [u8]>, Option<Reread>)>,
}

impl Assets {
    /// No files.
    pub fn none() -> Self {
        Self::default()
    }

    /// Files by name, say with `include_bytes!`.
    pub fn files<N: Into<String>>(files: impl IntoIterator<Item = (N, &'static [u8])>) -> Self {
        let files = files
            .into_iter()
            .map(|(name, bytes)| (name.into(), Cow::Borrowed(bytes), None));
        Self {
            files: files.collect(),
        }
    }

    /// Files that were made or read at run time.
    pub fn owned(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let files = files
            .into_iter()
            .map(|(name, bytes)| (name, Cow::Owned(bytes), None));
        Self {
            files: files.collect(),
        }
    }

    /// A folder that `#[derive(rust_embed::Embed)]` compiled in. In debug builds it is read from the
    /// disk, and a change reloads the open pages.
    #[cfg(feature = "assets")]
    pub fn embed<E: rust_embed::RustEmbed + 'static>() -> Self {
        let files = E::iter().filter_map(|name| {
            let file = E::get(&name)?;
            let again = name.to_string();
            // In release builds the content cannot change.
            let reread: Option<Reread> = cfg!(debug_assertions)
                .then(|| -> Reread { Arc::new(move || E::get(&again).map(|file| file.data)) });
            Some((name.into_owned(), file.data, reread))
        });
        Self {
            files: files.collect(),
        }
    }

    /// These and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.files.extend(others.files);
        self
    }

    pub(crate) fn table(self) -> Result<HashMap<Box<str>, Arc<Asset>>, AppError> {
        let mut table = HashMap::new();
        for (name, bytes, reread) in self.files {
            let asset = Arc::new(Asset::new(&name, bytes, reread));
            if table.insert(name.clone().into_boxed_str(), asset).is_some() {
                return Err(AppError::Duplicate {
                    what: "assets called",
                    name,
                });
            }
        }
        Ok(table)
    }
}

impl fmt::Debug for Assets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.files.iter().map(|(name, ..)| name))
            .finish()
    }
}

/// What every app brings along.
pub(crate) fn own() -> Assets {
    Assets::files([
        (CLIENT_JS, include_bytes!("client/hyperstar.js").as_slice()),
        (
            CLIENT_CSS,
            include_bytes!("client/hyperstar.css").as_slice(),
        ),
        (DATASTAR_JS, hyperstar_datastar::bundle()),
        (MONITOR_CSS, include_bytes!("client/monitor.css").as_slice()),
    ])
}

/// One file.
pub(crate) struct Asset {
    name: String,
    bytes: Bytes,
    mime: HeaderValue,
    pub(crate) hash: String,
    /// Compressed once, when first asked for; `None` where it does not pay.
    variants: [OnceLock<Option<Bytes>>; 3],
    reread: Option<Reread>,
}

impl Asset {
    fn new(name: &str, bytes: Cow<'static, [u8]>, reread: Option<Reread>) -> Self {
        let hash =
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&Sha256::digest(&bytes)[..12]);
        let bytes = match bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Self {
            name: name.to_owned(),
            bytes,
            mime: mime(name),
            hash,
            variants: Default::default(),
            reread,
        }
    }

    /// The file as it is now, if that is not what we have.
    pub(crate) fn reread(&self) -> Option<Self> {
        let reread = self.reread.clone()?;
        let bytes = reread()?;
        (*bytes != *self.bytes).then(|| Self::new(&self.name, bytes, Some(reread)))
    }

    /// The name as it stands in an address.
    pub(crate) fn url_name(&self) -> String {
        use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
        const NAME: &AsciiSet = &NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'_')
            .remove(b'.')
            .remove(b'~')
            .remove(b'/');
        utf8_percent_encode(&self.name, NAME).to_string()
    }

    fn is_text(&self) -> bool {
        let mime = self.mime.as_bytes();
        mime.starts_with(b"text/")
            || [&b"javascript"[..], b"json", b"xml", b"svg", b"wasm"]
                .iter()
                .any(|kind| mime.windows(kind.len()).any(|part| part == *kind))
    }

    fn variant(&self, encoding: Encoding) -> Option<Bytes> {
        let slot = match encoding {
            Encoding::Zstd => &self.variants[0],
            Encoding::Brotli => &self.variants[1],
            Encoding::Gzip => &self.variants[2],
            _ => return None,
        };
        let size = self.bytes.len();
        slot.get_or_init(|| {
            if !self.is_text() || !(COMPRESS_BYTES_MIN..=COMPRESS_BYTES_MAX).contains(&size) {
                return None;
            }
            hyperstar_sse::compress(&self.bytes, encoding).filter(|small| small.len() < size)
        })
        .clone()
    }
}

fn mime(name: &str) -> HeaderValue {
    #[cfg(feature = "assets")]
    let guess = mime_guess::from_path(name)
        .first_raw()
        .unwrap_or("application/octet-stream");
    #[cfg(not(feature = "assets"))]
    let guess = match name.rsplit('.').next() {
        Some("js" | "mjs") => "text/javascript",
        Some("css") => "text/css",
        Some("svg") => "image/svg+xml",
        Some("html") => "text/html",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    };
    let charset =
        guess.starts_with("text/") || guess.ends_with("javascript") || guess == "image/svg+xml";
    let text = if charset {
        format!("{guess}; charset=utf-8")
    } else {
        guess.to_owned()
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

pub(crate) fn serve(shared: &Shared, params: &RawPathParams, request: &Parts) -> Response {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        let mut response = refuse(
            request,
            StatusCode::METHOD_NOT_ALLOWED,
            "Files can be read, with GET or HEAD.",
        );
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let param = |wanted: &str| {
        params
            .iter()
            .find(|(name, _)| *name == wanted)
            .map_or("", |(_, value)| value)
    };
    // A lookup by the whole name: there is no path to walk, so none to walk out of.
    let Some(asset) = shared.asset(param("name")) else {
        return refuse(request, StatusCode::NOT_FOUND, "There is no such file.");
    };
    let mut response = asset.respond(&request.headers);
    let headers = response.headers_mut();
    // A page from before a redeploy may still ask for the old content; it gets the new, uncached.
    let lasting = param("hash") == asset.hash;
    let cache = if lasting {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

impl Asset {
    fn respond(&self, request: &HeaderMap) -> Response {
        let encoding = hyperstar_sse::negotiate(request, &Compression::default());
        let (bytes, encoding) = match self.variant(encoding) {
            Some(bytes) => (bytes, encoding),
            None => (self.bytes.clone(), Encoding::Identity),
        };
        let etag = format!("\"{}-{}\"", self.hash, encoding.token());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, self.mime.clone());
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(ETAG, etag);
        }
        let known = request
            .get(IF_NONE_MATCH)
            .and_then(|value| value.to_str().ok());
        if known.is_some_and(|known| {
            known
                .split(',')
                .any(|one| one.trim().trim_start_matches("W/") == etag || one.trim() == "*")
        }) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let is_whole = !matches!(encoding, Encoding::Identity);
        if is_whole {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
            return (headers, Body::from(bytes)).into_response();
        }
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let if_range = request.get(IF_RANGE).and_then(|value| value.to_str().ok());
        let range = request.get(RANGE).and_then(|value| value.to_str().ok());
        let range = range.filter(|_| if_range.is_none_or(|wanted| wanted == etag));
        match range.map_or(Range::Whole, |range| Range::parse(range, bytes.len())) {
            Range::Whole => (headers, Body::from(bytes)).into_response(),
            Range::Part(from, to) => {
                let text = format!("bytes {from}-{to}/{}", bytes.len());
                if let Ok(value) = HeaderValue::from_str(&text) {
                    headers.insert(CONTENT_RANGE, value);
                }
                headers.insert(CONTENT_LENGTH, HeaderValue::from(to - from + 1));
                (
                    StatusCode::PARTIAL_CONTENT,
                    headers,
                    Body::from(bytes.slice(from..=to)),
                )
                    .into_response()
            }
            Range::Unsatisfiable => {
                if let Ok(value) = HeaderValue::from_str(&format!("bytes */{}", bytes.len())) {
                    headers.insert(CONTENT_RANGE, value);
                }
                (StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response()
            }
        }
    }
}

/// What a `Range` header asks for. Several ranges at once are answered with the whole file, as the
/// standard allows (RFC 9110, 14.2).
#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// First and last byte, both included.
    Part(usize, usize),
    Unsatisfiable,
}

impl Range {
    fn parse(text: &str, len: usize) -> Self {
        let Some(spec) = text
            .strip_prefix("bytes=")
            .filter(|spec| !spec.contains(','))
        else {
            return Self::Whole;
        };
        let Some((from, to)) = spec.trim().split_once('-') else {
            return Self::Whole;
        };
        let part = match (from.parse::<usize>(), to.parse::<usize>()) {
            (Ok(from), Ok(to)) if from <= to => (from, to.min(len.saturating_sub(1))),
            (Ok(from), Err(_)) if to.is_empty() => (from, len.saturating_sub(1)),
            (Err(_), Ok(last)) if from.is_empty() && last > 0 => {
                (len.saturating_sub(last), len.saturating_sub(1))
            }
            (Err(_), Ok(_)) if from.is_empty() => return Self::Unsatisfiable,
            _ => return Self::Whole,
        };
        if part.0 >= len {
            Self::Unsatisfiable
        } else {
            Self::Part(part.0, part.1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let check =
            |text: &str, expected: Range| assert_eq!(Range::parse(text, 10), expected, "{text}");
        check("bytes=0-3", Range::Part(0, 3));
        check("bytes=4-", Range::Part(4, 9));
        check("bytes=-3", Range::Part(7, 9));
        check("bytes=-30", Range::Part(0, 9));
        check("bytes=8-99", Range::Part(8, 9));
        check("bytes=10-", Range::Unsatisfiable);
        check("bytes=-0", Range::Unsatisfiable);
        check("bytes=5-4", Range::Whole);
        check("bytes=0-1,3-4", Range::Whole);
        check("lines=0-1", Range::Whole);
        check("bytes=a-b", Range::Whole);
        assert_eq!(Range::parse("bytes=0-", 0), Range::Unsatisfiable);
    }

    #[test]
    fn content_types() {
        assert_eq!(mime("a.css"), "text/css; charset=utf-8");
        assert_eq!(mime("a.js"), "text/javascript; charset=utf-8");
        assert_eq!(mime("a.svg"), "image/svg+xml; charset=utf-8");
        assert_eq!(mime("a.png"), "image/png");
        assert_eq!(mime("a.unheard-of"), "application/octet-stream");
    }
}
