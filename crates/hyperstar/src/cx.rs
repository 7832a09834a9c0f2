//! What a handler is given: the request as far as it may know it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};
use hyperstar_datastar::{Signals, SignalsError};
use hyperstar_store::StoreId;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

pub use hyperstar_process::RequestError;

use crate::app::Shared;
use crate::hub::store_topic;
use crate::session::Session;
use crate::viewer::Viewer;
use crate::{ActionError, Hub, scope};

/// The most parameters of a query or a form that are read; the rest is refused.
pub(crate) const PAIRS_MAX: usize = 256;

/// Path parameters and the query, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) path: String,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
}

impl Target {
    pub(crate) fn new(
        path: &str,
        params: Vec<(String, String)>,
        query: &str,
    ) -> Result<Self, RequestError> {
        let query = pairs(query.as_bytes()).map_err(RequestError::Query)?;
        Ok(Self {
            path: path.to_owned(),
            params,
            query,
        })
    }

    fn param(&self, name: &str) -> Option<&str> {
        find(&self.params, name)
    }

    fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    fn query_as<T: DeserializeOwned>(&self) -> Result<T, RequestError> {
        from_pairs(&self.query).map_err(RequestError::Query)
    }

    /// The address as a request line has it, for the shell's stream.
    pub(crate) fn to_uri(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let query = serde_urlencoded::to_string(&self.query).unwrap_or_default();
        format!("{}?{query}", self.path)
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// Decodes `a=b&c=d`; bad UTF-8 and too many pairs are errors.
fn pairs(text: &[u8]) -> Result<Vec<(String, String)>, String> {
    let count = text.iter().filter(|byte| **byte == b'&').count() + 1;
    if count > PAIRS_MAX {
        return Err(format!("{count} parameters, at most {PAIRS_MAX} are read"));
    }
    let mut decoded = Vec::with_capacity(count);
    for pair in text
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
    {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (key, value) = (
            halves.next().unwrap_or_default(),
            halves.next().unwrap_or_default(),
        );
        decoded.push((decode(key)?, decode(value)?));
    }
    Ok(decoded)
}

fn decode(text: &[u8]) -> Result<String, String> {
    let mut digits = text.iter();
    while let Some(byte) = digits.next() {
        if *byte == b'%' {
            let hex = |digit: Option<&u8>| digit.is_some_and(u8::is_ascii_hexdigit);
            if !hex(digits.next()) || !hex(digits.next()) {
                return Err(format!(
                    "`{}` has a `%` that is not followed by two hexadecimal digits",
                    String::from_utf8_lossy(text)
                ));
            }
        }
    }
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let bytes: Vec<u8> = percent_encoding::percent_decode(&spaced).collect();
    String::from_utf8(bytes).map_err(|_| {
        format!(
            "`{}` is not UTF-8 once decoded",
            String::from_utf8_lossy(text)
        )
    })
}

fn from_pairs<T: DeserializeOwned>(pairs: &[(String, String)]) -> Result<T, String> {
    let text = serde_urlencoded::to_string(pairs).map_err(|error| error.to_string())?;
    serde_urlencoded::from_str(&text).map_err(|error| error.to_string())
}

/// What a view is given. It says where the page is, never who looks at it: a page that differs by
/// person is a [`session_view`](crate::App::session_view) or a
/// [`viewer_view`](crate::App::viewer_view), which are given that beside it.
#[derive(Clone)]
pub struct Cx {
    pub(crate) shared: Arc<Shared>,
    pub(crate) target: Arc<Target>,
}

impl Cx {
    /// A parameter of the path, decoded: `room` of `/rooms/{room}`. Empty if the path has none so
    /// called.
    pub fn param(&self, name: &str) -> &str {
        self.target.param(name).unwrap_or_default()
    }

    /// A parameter of the query, decoded; the first, if it stands there twice.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.target.query(name)
    }

    /// The whole query as a type of yours.
    ///
    /// # Errors
    /// [`RequestError::Query`], which says which field is wrong; through `?` it answers 400.
    pub fn query_as<T: DeserializeOwned>(&self) -> Result<T, crate::ViewError> {
        self.target.query_as().map_err(|error| {
            crate::ViewError::status_with(http::StatusCode::BAD_REQUEST, error.to_string())
        })
    }

    /// The path of the page, as it was asked for.
    pub fn path(&self) -> &str {
        &self.target.path
    }

    /// All parameters of the path, decoded, in the order of the path.
    pub fn params(&self) -> &[(String, String)] {
        &self.target.params
    }

    /// All parameters of the query, decoded, in their order.
    pub fn queries(&self) -> &[(String, String)] {
        &self.target.query
    }

    /// The path that the app is mounted at; empty at the root.
    pub fn base(&self) -> &str {
        &self.shared.base
    }

    /// The hub that the app is on.
    pub fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    /// Makes this page depend on a topic; see [`Hub::notify`].
    pub fn track(&self, topic: &str) {
        scope::read(topic);
    }

    /// Makes this page depend on a path of a store that the hub [follows](Hub::follow), and on all below
    /// it: for what was read where nothing records it, say on another thread.
    pub fn track_store(&self, store: StoreId, path: &str) {
        scope::read(&store_topic(store.as_u64(), path));
    }

    /// The address of an asset by its name; see [`App::assets`](crate::App::assets). A name that
    /// there is no asset for gives an address that answers 404, and a warning in the log.
    pub fn asset(&self, name: &str) -> String {
        self.shared.asset_url(name)
    }

    /// Renders a template; see [`App::templates`](crate::App::templates).
    ///
    /// # Errors
    /// [`TemplateError`](crate::TemplateError) with file, line and a caret.
    #[cfg(feature = "templates")]
    pub fn template(
        &self,
        name: &str,
        values: impl serde::Serialize,
    ) -> Result<crate::Html, crate::TemplateError> {
        self.shared.templates.render(name, values)
    }

    /// How many streams the app has open now. It is no dependency: a page that shows it says
    /// so with `cx.track("viewers")`.
    pub fn viewers(&self) -> usize {
        self.shared.viewers.connected()
    }
}

impl fmt::Debug for Cx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cx").field(&self.target).finish()
    }
}

/// What an action is given: who asks, from which page, and what with.
#[derive(Clone)]
pub struct ActionCx {
    pub(crate) inner: Arc<ActionParts>,
}

pub(crate) struct ActionParts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) target: Target,
    pub(crate) viewer: Viewer,
    /// Its place among the tab's actions.
    pub(crate) number: Option<u64>,
    pub(crate) method: Method,
    /// As it came: Datastar's signals are in it.
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body's share of what all bodies may take; given back when the action has ended.
    pub(crate) _share: Option<OwnedSemaphorePermit>,
    pub(crate) signals: std::sync::OnceLock<Result<Signals, String>>,
}

impl ActionCx {
    /// An argument, as [`Action::arg`](crate::Action::arg) gave it.
    pub fn arg(&self, name: &str) -> Option<&str> {
        self.inner.target.query(name)
    }

    /// An argument as a type of yours.
    ///
    /// # Errors
    /// 400 if it is missing or cannot be read.
    pub fn arg_as<T: std::str::FromStr<Err: fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<T, ActionError> {
        let text = self
            .arg(name)
            .ok_or_else(|| RequestError::Missing(name.to_owned()))?;
        Ok(text
            .parse()
            .map_err(|error: T::Err| RequestError::Argument {
                name: name.to_owned(),
                reason: error.to_string(),
            })?)
    }

    /// All arguments as a type of yours.
    ///
    /// # Errors
    /// 400 if they cannot be read.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, ActionError> {
        Ok(self.inner.target.query_as()?)
    }

    /// All arguments, decoded, in their order.
    pub fn arguments(&self) -> &[(String, String)] {
        &self.inner.target.query
    }

    /// A parameter of the path of an action that has a path of its own.
    pub fn param(&self, name: &str) -> &str {
        self.inner.target.param(name).unwrap_or_default()
    }

    /// The page's signals, as a type of yours. Without signals it is read from `{}`.
    ///
    /// # Errors
    /// 400 with the place in the JSON.
    pub fn signals<T: DeserializeOwned>(&self) -> Result<T, ActionError> {
        self.parsed()?.bind().map_err(bad_signals)
    }

    /// One signal; `user.name` looks inside.
    ///
    /// # Errors
    /// 400 if it is missing or of another type.
    pub fn signal<T: DeserializeOwned>(&self, path: &str) -> Result<T, ActionError> {
        self.parsed()?.get(path).map_err(bad_signals)
    }

    fn parsed(&self) -> Result<&Signals, ActionError> {
        let parts = &*self.inner;
        parts
            .signals
            .get_or_init(|| {
                let bytes_max = parts.shared.limits.body_bytes_max;
                Signals::parse_limited(
                    &parts.method,
                    parts.query.as_deref(),
                    &parts.body,
                    bytes_max,
                )
                .map_err(|error| error.to_string())
            })
            .as_ref()
            .map_err(|error| ActionError::bad_request(error.clone()))
    }

    /// The fields of a form that was sent with [`Action::form`](crate::Action::form) or by a plain
    /// `<form method="post">`.
    ///
    /// # Errors
    /// 400 if they cannot be read.
    pub fn form<T: DeserializeOwned>(&self) -> Result<T, ActionError> {
        let pairs = pairs(&self.inner.body).map_err(RequestError::Form)?;
        Ok(from_pairs(&pairs).map_err(RequestError::Form)?)
    }

    /// Whose browser it is.
    pub fn session(&self) -> &Session {
        self.inner.viewer.session()
    }

    /// Which tab asks. For a request that did not come from a page, a viewer that nothing reaches.
    pub fn viewer(&self) -> &Viewer {
        &self.inner.viewer
    }

    /// Names this one command, however often it arrives: the same click has the same key, also at the
    /// server's successor. `None` for a request that no page made.
    ///
    /// This server runs a command once by itself. After a crash it no longer knows which ones it ran:
    /// an action whose second run would do harm writes the key in the same transaction as its
    /// effect, and does nothing if it is there already.
    pub fn key(&self) -> Option<String> {
        self.inner
            .number
            .map(|number| format!("{}-{number}", self.viewer().id()))
    }

    /// The hub that the app is on.
    pub fn hub(&self) -> &Hub {
        &self.inner.shared.hub
    }

    /// The request's method.
    pub fn method(&self) -> &Method {
        &self.inner.method
    }

    /// The request's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.inner.headers
    }

    /// The request's body as it came.
    pub fn body(&self) -> &Bytes {
        &self.inner.body
    }

    /// Renders a template; see [`App::templates`](crate::App::templates).
    ///
    /// # Errors
    /// [`TemplateError`](crate::TemplateError) with file, line and a caret.
    #[cfg(feature = "templates")]
    pub fn template(
        &self,
        name: &str,
        values: impl serde::Serialize,
    ) -> Result<crate::Html, crate::TemplateError> {
        self.inner.shared.templates.render(name, values)
    }
}

fn bad_signals(error: SignalsError) -> ActionError {
    ActionError::bad_request(error.to_string())
}

impl fmt::Debug for ActionCx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActionCx")
            .field("target", &self.inner.target)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_or_refused() {
        let check = |query: &str, expected: Result<&[(&str, &str)], &str>| {
            let got = Target::new("/", vec![], query).map(|target| target.query);
            match (got, expected) {
                (Ok(got), Ok(expected)) => {
                    let got: Vec<_> = got.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                    assert_eq!(got, expected, "{query}");
                }
                (Err(got), Err(expected)) => assert!(got.to_string().contains(expected), "{got}"),
                (got, _) => panic!("{query}: {got:?}"),
            }
        };
        check("", Ok(&[]));
        check(
            "a=1&b=x+y%20z&c",
            Ok(&[("a", "1"), ("b", "x y z"), ("c", "")]),
        );
        check("a=b=c", Ok(&[("a", "b=c")]));
        check("a=%ff", Err("not UTF-8"));
        check("a=%f", Err("two hexadecimal digits"));
        check("a=%zz", Err("two hexadecimal digits"));
        check(&"a=1&".repeat(PAIRS_MAX + 1), Err("at most 256"));
    }
}
