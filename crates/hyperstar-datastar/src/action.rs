//! Actions, the part of an expression that sends a request: [`get`], [`post`] and their like.

use std::fmt;

use crate::elements::{Mode, Namespace};
use crate::escape::{html_attr_escape, push_js_key};
use crate::expr::{Expr, JsValue};

/// A request, written `@get('/path', {…})` in an expression.
///
/// Only the options that are set are written; what the client does without them is said at each.
/// `Display` gives the JavaScript, [`to_attr`](ActionExpr::to_attr) the same for a double-quoted
/// HTML attribute.
///
/// ```
/// use hyperstar_datastar::{Retry, get, js, post};
///
/// assert_eq!(post("/todos").to_string(), "@post('/todos')");
///
/// let live = get("/live").retry(Retry::Always).retry_forever().retry_interval_ms(500);
/// assert_eq!(
///     live.to_string(),
///     "@get('/live', {retry: 'always', retryInterval: 500, retryMaxCount: Infinity})"
/// );
///
/// let search = get("/search").header("X-Tab", js("$tab")).when("$query.length > 2");
/// assert_eq!(
///     search.to_attr(),
///     "($query.length &gt; 2) &amp;&amp; @get('/search', {headers: {'X-Tab': $tab}})"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionExpr {
    action: &'static str,
    url: JsValue,
    selector: Option<JsValue>,
    headers: Vec<(String, JsValue)>,
    content_type: Option<ContentType>,
    include: Option<JsValue>,
    exclude: Option<JsValue>,
    open_when_hidden: Option<JsValue>,
    payload: Option<JsValue>,
    request_cancellation: Option<RequestCancellation>,
    response_overrides: Option<ResponseOverrides>,
    retry: Option<JsValue>,
    retry_interval: Option<JsValue>,
    retry_scaler: Option<JsValue>,
    retry_max_wait: Option<JsValue>,
    retry_max_count: Option<JsValue>,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident)+) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $action(url: impl Into<JsValue>) -> ActionExpr {
            ActionExpr::new(stringify!($action), url.into())
        })+
    };
}

actions! {
    /// A `GET` request. It sends the signals in its query, and by default ends when the page is
    /// hidden.
    get
    /// A `POST` request, with the signals in its body.
    post
    /// A `PUT` request, with the signals in its body.
    put
    /// A `PATCH` request, with the signals in its body.
    patch
    /// A `DELETE` request, with the signals in its query.
    delete
    /// A `QUERY` request, with the signals in its body. The client knows it since version 1.0.4.
    query
}

impl ActionExpr {
    fn new(action: &'static str, url: JsValue) -> Self {
        Self {
            action,
            url,
            selector: None,
            headers: Vec::new(),
            content_type: None,
            include: None,
            exclude: None,
            open_when_hidden: None,
            payload: None,
            request_cancellation: None,
            response_overrides: None,
            retry: None,
            retry_interval: None,
            retry_scaler: None,
            retry_max_wait: None,
            retry_max_count: None,
        }
    }

    /// The form to send with [`ContentType::Form`], by a CSS selector; by default the closest one.
    #[must_use]
    pub fn selector(mut self, selector: impl Into<JsValue>) -> Self {
        self.selector = Some(selector.into());
        self
    }

    /// Adds a header to the request; the last of one name counts.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<JsValue>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds headers to the request.
    #[must_use]
    pub fn headers<K: Into<String>, V: Into<JsValue>>(
        mut self,
        headers: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        self.headers.extend(headers);
        self
    }

    /// What is sent: the signals as JSON, by default, or a form.
    #[must_use]
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.content_type = Some(content_type);
        self
    }

    /// Sends the signals whose paths match `include` and do not match `exclude`.
    ///
    /// By default all are sent but those with a name that starts with `_`.
    #[must_use]
    pub fn filter_signals(
        self,
        include: impl Into<SignalPattern>,
        exclude: impl Into<SignalPattern>,
    ) -> Self {
        self.include_signals(include).exclude_signals(exclude)
    }

    /// Sends only the signals whose paths match; those with a name that starts with `_` stay out.
    #[must_use]
    pub fn include_signals(mut self, include: impl Into<SignalPattern>) -> Self {
        self.include = Some(include.into().0);
        self
    }

    /// Sends only the signals whose paths do not match; this replaces the rule about `_`.
    #[must_use]
    pub fn exclude_signals(mut self, exclude: impl Into<SignalPattern>) -> Self {
        self.exclude = Some(exclude.into().0);
        self
    }

    /// Whether the connection stays open while the page is hidden; by default it does not for
    /// [`get`], and does for the others.
    #[must_use]
    pub fn open_when_hidden(mut self, open: impl Into<JsValue>) -> Self {
        self.open_when_hidden = Some(open.into());
        self
    }

    /// What is sent instead of the signals.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<JsValue>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// Which earlier request this one ends; [`RequestCancellation::Auto`] by default.
    #[must_use]
    pub fn request_cancellation(mut self, cancellation: impl Into<RequestCancellation>) -> Self {
        self.request_cancellation = Some(cancellation.into());
        self
    }

    /// Options that replace those in the headers of an answer that is not a stream of events.
    #[must_use]
    pub fn response_overrides(mut self, overrides: ResponseOverrides) -> Self {
        self.response_overrides = Some(overrides);
        self
    }

    /// When the request is repeated; [`Retry::Auto`] by default.
    #[must_use]
    pub fn retry(mut self, retry: impl Into<JsValue>) -> Self {
        self.retry = Some(retry.into());
        self
    }

    /// How long the client waits before the first repetition, in milliseconds; 1000 by default.
    #[must_use]
    pub fn retry_interval_ms(mut self, interval_ms: impl Into<JsValue>) -> Self {
        self.retry_interval = Some(interval_ms.into());
        self
    }

    /// The factor by which each wait is longer than the one before; 2 by default.
    #[must_use]
    pub fn retry_scaler(mut self, scaler: impl Into<JsValue>) -> Self {
        self.retry_scaler = Some(scaler.into());
        self
    }

    /// The longest wait, in milliseconds; 30000 by default.
    #[must_use]
    pub fn retry_max_wait_ms(mut self, max_wait_ms: impl Into<JsValue>) -> Self {
        self.retry_max_wait = Some(max_wait_ms.into());
        self
    }

    /// How often the request is repeated before the client gives up; 10 by default.
    #[must_use]
    pub fn retry_max_count(mut self, max_count: impl Into<JsValue>) -> Self {
        self.retry_max_count = Some(max_count.into());
        self
    }

    /// Never gives up: [`retry_max_count`](Self::retry_max_count) of `Infinity`.
    #[must_use]
    pub fn retry_forever(self) -> Self {
        self.retry_max_count(JsValue::infinity())
    }

    /// This request, and afterwards `next`, which does not wait for the answer.
    #[must_use]
    pub fn then(self, next: impl Into<Expr>) -> Expr {
        Expr::from(self).then(next)
    }

    /// This request, only if `condition` holds.
    #[must_use]
    pub fn when(self, condition: impl Into<Expr>) -> Expr {
        Expr::from(self).when(condition)
    }

    /// The expression, escaped for a double-quoted HTML attribute.
    #[must_use]
    pub fn to_attr(&self) -> String {
        html_attr_escape(&self.to_string())
    }

    fn options(&self) -> JsObject {
        let mut options = JsObject::default();
        options.field("selector", self.selector.as_ref());
        if !self.headers.is_empty() {
            let mut headers = JsObject::default();
            for (name, value) in &self.headers {
                headers.field(name, Some(value));
            }
            options.field("headers", Some(&headers));
        }
        options.field(
            "contentType",
            self.content_type.map(|kind| format!("'{kind}'")),
        );
        if self.include.is_some() || self.exclude.is_some() {
            options.field("filterSignals", Some(filter(&self.include, &self.exclude)));
        }
        options.field("openWhenHidden", self.open_when_hidden.as_ref());
        options.field("payload", self.payload.as_ref());
        options.field("requestCancellation", self.request_cancellation.as_ref());
        options.field("responseOverrides", self.response_overrides.as_ref());
        options.field("retry", self.retry.as_ref());
        options.field("retryInterval", self.retry_interval.as_ref());
        options.field("retryScaler", self.retry_scaler.as_ref());
        options.field("retryMaxWait", self.retry_max_wait.as_ref());
        options.field("retryMaxCount", self.retry_max_count.as_ref());
        options
    }
}

impl fmt::Display for ActionExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}({}", self.action, self.url)?;
        let options = self.options();
        if !options.is_empty() {
            write!(f, ", {options}")?;
        }
        f.write_str(")")
    }
}

impl From<ActionExpr> for Expr {
    fn from(action: ActionExpr) -> Self {
        Expr::call(action.to_string())
    }
}

/// Sets all signals that match `filter` to `value`: the action `@setAll`.
#[must_use]
pub fn set_all(value: impl Into<JsValue>, filter: SignalFilter) -> Expr {
    Expr::call(format!("@setAll({}, {filter})", value.into()))
}

/// Turns all signals that match `filter` from true to false and back: the action `@toggleAll`.
#[must_use]
pub fn toggle_all(filter: SignalFilter) -> Expr {
    Expr::call(format!("@toggleAll({filter})"))
}

/// Evaluates `expr` without subscribing to the signals in it: the action `@peek`.
#[must_use]
pub fn peek(expr: impl Into<Expr>) -> Expr {
    Expr::call(format!("@peek(() => {})", expr.into()))
}

/// The signals that [`set_all`], [`toggle_all`] and the `data-on-signal-patch-filter` and
/// `data-json-signals` attributes are about; `Display` gives `{include: …, exclude: …}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignalFilter {
    include: Option<JsValue>,
    exclude: Option<JsValue>,
}

impl SignalFilter {
    /// All signals.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Those whose paths match.
    #[must_use]
    pub fn include(mut self, pattern: impl Into<SignalPattern>) -> Self {
        self.include = Some(pattern.into().0);
        self
    }

    /// Not those whose paths match.
    #[must_use]
    pub fn exclude(mut self, pattern: impl Into<SignalPattern>) -> Self {
        self.exclude = Some(pattern.into().0);
        self
    }
}

impl fmt::Display for SignalFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        filter(&self.include, &self.exclude).fmt(f)
    }
}

impl From<SignalFilter> for Expr {
    fn from(filter: SignalFilter) -> Self {
        crate::js(filter.to_string())
    }
}

fn filter(include: &Option<JsValue>, exclude: &Option<JsValue>) -> JsObject {
    let mut filter = JsObject::default();
    filter.field("include", include.as_ref());
    filter.field("exclude", exclude.as_ref());
    filter
}

/// A pattern for the dotted paths of signals: the source of a JavaScript regular expression.
///
/// It is written as a string, since a quote in a regular expression literal would mislead
/// Datastar's own parsing of the expression. For flags, pass code: `js("/name/i")`.
///
/// ```
/// use hyperstar_datastar::{SignalPattern, post};
/// assert_eq!(
///     post("/save").include_signals(SignalPattern::only(["form", "user.id"])).to_string(),
///     r"@post('/save', {filterSignals: {include: '^(?:form|user\\.id)(?:\\.|$)'}})"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalPattern(JsValue);

impl SignalPattern {
    /// Matches the signals at exactly these paths, and all inside of them.
    #[must_use]
    pub fn only<I>(paths: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut pattern = String::from("^(?:");
        for (index, path) in paths.into_iter().enumerate() {
            if index > 0 {
                pattern.push('|');
            }
            for c in path.as_ref().chars() {
                if ".*+?^${}()|[]\\/".contains(c) {
                    pattern.push('\\');
                }
                pattern.push(c);
            }
        }
        pattern.push_str(")(?:\\.|$)");
        Self(JsValue::from(pattern))
    }
}

impl From<&str> for SignalPattern {
    fn from(source: &str) -> Self {
        // The client takes a slash from either end of the string.
        if source.starts_with('/') || source.ends_with('/') {
            Self(JsValue::from(format!("(?:{source})")))
        } else {
            Self(JsValue::from(source))
        }
    }
}

impl From<String> for SignalPattern {
    fn from(source: String) -> Self {
        Self::from(source.as_str())
    }
}

impl From<Expr> for SignalPattern {
    fn from(expr: Expr) -> Self {
        Self(JsValue::from(expr))
    }
}

/// What a request sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentType {
    /// The signals, as JSON.
    Json,
    /// A form: urlencoded, or multipart if the form's `enctype` says so.
    Form,
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Form => "form",
        })
    }
}

/// When a request is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// After a network error.
    Auto,
    /// After a network error, and after an answer of 400 to 599.
    Error,
    /// After everything but a 204 and a redirect, even after a stream that ended well: what a
    /// page that stays live needs.
    Always,
    /// Never after an answer. (Version 1.0.4 of the client does not ask for this option after a
    /// network error, and repeats then.)
    Never,
}

impl From<Retry> for JsValue {
    fn from(retry: Retry) -> Self {
        JsValue::from(match retry {
            Retry::Auto => "auto",
            Retry::Error => "error",
            Retry::Always => "always",
            Retry::Never => "never",
        })
    }
}

/// Which earlier request a new one ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestCancellation {
    /// An earlier one of the same method and URL, wherever it came from.
    Auto,
    /// As `Auto`, and it also ends when its element leaves the page.
    Cleanup,
    /// None.
    Disabled,
    /// Code that gives an `AbortController`, which decides.
    Controller(Expr),
}

impl From<Expr> for RequestCancellation {
    fn from(controller: Expr) -> Self {
        Self::Controller(controller)
    }
}

impl fmt::Display for RequestCancellation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("'auto'"),
            Self::Cleanup => f.write_str("'cleanup'"),
            Self::Disabled => f.write_str("'disabled'"),
            Self::Controller(controller) => controller.fmt(f),
        }
    }
}

/// Options that replace the `datastar-*` headers of an answer of HTML or JSON; `Display` gives a
/// JavaScript object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseOverrides {
    selector: Option<JsValue>,
    mode: Option<Mode>,
    namespace: Option<Namespace>,
    use_view_transition: bool,
    only_if_missing: bool,
}

impl ResponseOverrides {
    /// No overrides.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The target of HTML.
    #[must_use]
    pub fn selector(mut self, selector: impl Into<JsValue>) -> Self {
        self.selector = Some(selector.into());
        self
    }

    /// How HTML gets into the page.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// The namespace of the HTML's elements.
    #[must_use]
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// Animates the change. The client offers no way to turn off what a header turned on.
    #[must_use]
    pub fn use_view_transition(mut self) -> Self {
        self.use_view_transition = true;
        self
    }

    /// Keeps the values of signals that exist. The client offers no way to turn off what a header
    /// turned on.
    #[must_use]
    pub fn only_if_missing(mut self) -> Self {
        self.only_if_missing = true;
        self
    }
}

impl fmt::Display for ResponseOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut object = JsObject::default();
        object.field("selector", self.selector.as_ref());
        object.field("mode", self.mode.map(|mode| format!("'{mode}'")));
        object.field(
            "namespace",
            self.namespace.map(|namespace| format!("'{namespace}'")),
        );
        object.field(
            "useViewTransition",
            self.use_view_transition.then_some(true),
        );
        object.field("onlyIfMissing", self.only_if_missing.then_some(true));
        object.fmt(f)
    }
}

/// The text of an object literal, field by field.
#[derive(Debug, Default)]
struct JsObject(String);

impl JsObject {
    fn field(&mut self, name: &str, code: Option<impl fmt::Display>) {
        let Some(code) = code else { return };
        if !self.0.is_empty() {
            self.0.push_str(", ");
        }
        push_js_key(&mut self.0, name);
        self.0.push_str(": ");
        self.0.push_str(&code.to_string());
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for JsObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.0)
    }
}
