//! Reading the signals that a request carries: [`read_signals`] and [`Signals`].

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, error::Category};

/// The query parameter that carries the signals of a `GET` or `DELETE` request.
pub const SIGNALS_PARAMETER: &str = "datastar";

/// The size up to which [`read_signals`] and [`Signals::parse`] take a payload, as it was sent; a
/// larger one is [`SignalsError::TooLarge`]. The `_limited` variants take another size.
pub const SIGNALS_BYTES_MAX: usize = 1 << 20;

/// Reads the signals of a request into a `T`.
///
/// `GET` and `DELETE` (and `HEAD`) carry them in the query, other methods in the body. A request
/// without signals reads as `{}`, so that `T`'s serde defaults decide whether that is enough.
///
/// ```
/// use http::Method;
/// use hyperstar_datastar::read_signals;
///
/// #[derive(serde::Deserialize, Default)]
/// #[serde(default)]
/// struct Form { name: String, count: u32 }
///
/// let form: Form = read_signals(&Method::GET, Some("datastar=%7B%22count%22%3A3%7D"), b"")?;
/// assert_eq!((form.name.as_str(), form.count), ("", 3));
///
/// let form: Form = read_signals(&Method::POST, None, br#"{"name":"Ada"}"#)?;
/// assert_eq!((form.name.as_str(), form.count), ("Ada", 0));
///
/// let form: Form = read_signals(&Method::POST, None, b"")?;
/// assert_eq!((form.name.as_str(), form.count), ("", 0));
/// # Ok::<(), hyperstar_datastar::SignalsError>(())
/// ```
///
/// # Errors
/// See [`SignalsError`]: the payload is too large, is not JSON, is nested deeper than 128 levels,
/// or does not fit `T`.
pub fn read_signals<T: DeserializeOwned>(
    method: &Method,
    query: Option<&str>,
    body: &[u8],
) -> Result<T, SignalsError> {
    read_signals_limited(method, query, body, SIGNALS_BYTES_MAX)
}

/// [`read_signals`] with a limit of its own, in bytes as sent.
///
/// # Errors
/// As [`read_signals`].
pub fn read_signals_limited<T: DeserializeOwned>(
    method: &Method,
    query: Option<&str>,
    body: &[u8],
    bytes_max: usize,
) -> Result<T, SignalsError> {
    let payload = payload(method, query, body, bytes_max)?;
    parse(&payload)
}

fn payload<'a>(
    method: &Method,
    query: Option<&'a str>,
    body: &'a [u8],
    bytes_max: usize,
) -> Result<Cow<'a, [u8]>, SignalsError> {
    let in_query = *method == Method::GET || *method == Method::DELETE || *method == Method::HEAD;
    let sent: &[u8] = if in_query {
        query
            .and_then(signals_parameter)
            .unwrap_or_default()
            .as_bytes()
    } else {
        body
    };
    if sent.len() > bytes_max {
        return Err(SignalsError::TooLarge {
            bytes: sent.len(),
            bytes_max,
        });
    }
    if !in_query {
        return Ok(Cow::Borrowed(sent));
    }
    let sent = query.and_then(signals_parameter).unwrap_or_default();
    // A form's encoding writes a space as `+`; a `+` itself is `%2B`.
    Ok(if sent.contains('+') {
        let spaced = sent.replace('+', " ");
        Cow::Owned(percent_decode_str(&spaced).collect())
    } else {
        percent_decode_str(sent).into()
    })
}

fn signals_parameter(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        percent_decode_str(name)
            .eq(SIGNALS_PARAMETER.bytes())
            .then_some(value)
    })
}

fn parse<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, SignalsError> {
    let payload = if payload.trim_ascii().is_empty() {
        b"{}"
    } else {
        payload
    };
    serde_json::from_slice(payload).map_err(|source| match source.classify() {
        Category::Data => SignalsError::Mismatch { source },
        Category::Io | Category::Syntax | Category::Eof => SignalsError::Json {
            line: source.line(),
            column: source.column(),
            excerpt: excerpt(payload),
            source,
        },
    })
}

/// The beginning of a payload, for an error message.
fn excerpt(payload: &[u8]) -> String {
    const CHARS_MAX: usize = 40;
    let text = String::from_utf8_lossy(&payload[..payload.len().min(CHARS_MAX * 4)]);
    let mut excerpt: String = text.chars().take(CHARS_MAX).collect();
    if excerpt.len() < payload.len() {
        excerpt.push('…');
    }
    excerpt
}

/// The signals of a request, parsed once and read as often as needed.
///
/// ```
/// use hyperstar_datastar::Signals;
///
/// let signals = Signals::from_json(br#"{"user":{"name":"Ada","tags":["a","b"]},"count":3}"#)?;
/// assert_eq!(signals.get::<String>("user.name")?, "Ada");
/// assert_eq!(signals.get::<&str>("user.tags.1")?, "b");
/// assert_eq!(signals.get_or("page", 1)?, 1);
/// assert_eq!(signals.get::<Option<u32>>("page")?, None);
/// # Ok::<(), hyperstar_datastar::SignalsError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Signals(Value);

impl Default for Signals {
    fn default() -> Self {
        Self(Value::Object(Map::new()))
    }
}

impl From<Value> for Signals {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl Signals {
    /// Reads the signals of a request, from where [`read_signals`] reads them.
    ///
    /// # Errors
    /// As [`read_signals`], except that any JSON fits.
    pub fn parse(method: &Method, query: Option<&str>, body: &[u8]) -> Result<Self, SignalsError> {
        Self::parse_limited(method, query, body, SIGNALS_BYTES_MAX)
    }

    /// [`Signals::parse`] with a limit of its own, in bytes as sent.
    ///
    /// # Errors
    /// As [`Signals::parse`].
    pub fn parse_limited(
        method: &Method,
        query: Option<&str>,
        body: &[u8],
        bytes_max: usize,
    ) -> Result<Self, SignalsError> {
        read_signals_limited(method, query, body, bytes_max).map(Self)
    }

    /// Parses a payload that was found already; an empty one is `{}`.
    ///
    /// # Errors
    /// [`SignalsError::Json`] if it is not JSON, or nested deeper than 128 levels.
    pub fn from_json(json: &[u8]) -> Result<Self, SignalsError> {
        parse(json).map(Self)
    }

    /// The signal at a dotted path; a number in the path is an index into an array. A missing
    /// signal reads as `null`, so an [`Option`] takes it.
    ///
    /// # Errors
    /// [`SignalsError::Missing`] if there is none and `T` does not take `null`,
    /// [`SignalsError::Type`] if it does not fit `T`.
    pub fn get<'a, T: Deserialize<'a>>(&'a self, path: &str) -> Result<T, SignalsError> {
        match self.lookup(path) {
            Some(value) => T::deserialize(value).map_err(|source| SignalsError::Type {
                path: path.to_owned(),
                source,
            }),
            None => T::deserialize(&Value::Null).map_err(|_| SignalsError::Missing {
                path: path.to_owned(),
                known: self.names(),
            }),
        }
    }

    /// The signal at a dotted path, or `default` if it is missing or `null`.
    ///
    /// # Errors
    /// [`SignalsError::Type`] if it is there and does not fit `T`.
    pub fn get_or<'a, T: Deserialize<'a>>(
        &'a self,
        path: &str,
        default: T,
    ) -> Result<T, SignalsError> {
        match self.lookup(path) {
            None | Some(Value::Null) => Ok(default),
            Some(_) => self.get(path),
        }
    }

    /// All signals as one `T`.
    ///
    /// # Errors
    /// [`SignalsError::Mismatch`] if they do not fit.
    pub fn bind<'a, T: Deserialize<'a>>(&'a self) -> Result<T, SignalsError> {
        T::deserialize(&self.0).map_err(|source| SignalsError::Mismatch { source })
    }

    /// Whether there is a signal at a dotted path.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.lookup(path).is_some()
    }

    /// The signals as JSON.
    #[must_use]
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// The signals as JSON.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.0
    }

    fn lookup(&self, path: &str) -> Option<&Value> {
        path.split('.')
            .try_fold(&self.0, |value, name| match value {
                Value::Object(fields) => fields.get(name),
                Value::Array(items) => name
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index)),
                _ => None,
            })
    }

    /// The top-level names, for an error message.
    fn names(&self) -> String {
        const NAMES_MAX: usize = 12;
        let Some(fields) = self.0.as_object().filter(|fields| !fields.is_empty()) else {
            return "none".to_owned();
        };
        let mut names: Vec<String> = fields
            .keys()
            .take(NAMES_MAX)
            .map(|name| format!("`{name}`"))
            .collect();
        if fields.len() > NAMES_MAX {
            names.push("…".to_owned());
        }
        names.join(", ")
    }
}

/// Why signals could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignalsError {
    /// The payload is larger than the limit.
    #[error(
        "the signals take {bytes} bytes and at most {bytes_max} are read; send fewer with \
         `filterSignals`, or upload files as multipart"
    )]
    TooLarge {
        /// The size of the payload as sent.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The payload is not JSON, or is nested too deeply.
    #[error(
        "signals `{excerpt}` are not JSON: {source}; an action sends JSON unless its `contentType` \
         is 'form'"
    )]
    Json {
        /// The line of the mistake, from 1.
        line: usize,
        /// The column of the mistake, from 1.
        column: usize,
        /// The beginning of the payload.
        excerpt: String,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// The signals are JSON of another shape than asked for.
    #[error(
        "the signals do not fit: {source}; initialise the signal in the page, or give the field a \
         `#[serde(default)]`"
    )]
    Mismatch {
        /// What serde says.
        source: serde_json::Error,
    },
    /// There is no such signal.
    #[error(
        "no signal `{path}` came with the request, only {known}; signals that start with `_` stay \
         in the browser"
    )]
    Missing {
        /// The path asked for.
        path: String,
        /// The top-level signals that came.
        known: String,
    },
    /// A signal has another type than asked for.
    #[error("signal `{path}` has another type: {source}")]
    Type {
        /// The path asked for.
        path: String,
        /// What serde says.
        source: serde_json::Error,
    },
    /// A value to be sent has no JSON form.
    #[error("the value has no JSON form: {0}; map keys must be strings or numbers")]
    Serialize(#[source] serde_json::Error),
    /// Signals to be sent are not an object.
    #[error("signals are an object of names and values, not `{found}`; use a struct or a map")]
    NotAnObject {
        /// The JSON that the value serializes to.
        found: String,
    },
}
