//! What a view gives back: HTML that is escaped unless someone said otherwise.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use http::StatusCode;

/// A piece of HTML, ready to be sent.
///
/// Guarantee: the only ways to make one from text either escape it ([`Html::text`], `&str` and
/// `String` through [`IntoHtml`]) or say in their name that they do not ([`Html::raw`]).
///
/// ```
/// use hyperstar_process::Html;
/// use maud::html;
///
/// let page: Html = html! { h1 { "Tea & cake" } }.into();
/// assert_eq!(page.as_str(), "<h1>Tea &amp; cake</h1>");
/// assert_eq!(Html::text("<b>").as_str(), "&lt;b&gt;");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html {
    body: Arc<str>,
    title: Option<Arc<str>>,
    status: Option<StatusCode>,
}

impl Html {
    /// HTML as it stands. Whatever a person typed must not come in here.
    pub fn raw(html: impl Into<Arc<str>>) -> Self {
        Self {
            body: html.into(),
            title: None,
            status: None,
        }
    }

    /// Text, escaped.
    pub fn text(text: &str) -> Self {
        let mut escaped = String::with_capacity(text.len());
        escape_into(&mut escaped, text);
        Self::raw(escaped)
    }

    /// The document's title while this page is shown; it changes live like the rest.
    #[must_use]
    pub fn title(mut self, title: impl Into<Arc<str>>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// The status that a first load of this page is answered with (200 by default): for a page in the
    /// app's own looks that says that something is not there. It is live like any other, so it may turn
    /// into what was asked for; [`ViewError`] gives a plain one.
    ///
    /// ```
    /// use hyperstar_process::Html;
    /// use maud::html;
    ///
    /// fn room(name: &str) -> Html {
    ///     match name {
    ///         "tea" => html! { h1 { "Tea" } }.into(),
    ///         _ => Html::from(html! { p { "No such room. " a href="/room/tea" { "Tea?" } } })
    ///             .status(http::StatusCode::NOT_FOUND),
    ///     }
    /// }
    /// # assert!(room("cake").as_str().contains("No such room"));
    /// ```
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// The markup.
    pub fn as_str(&self) -> &str {
        &self.body
    }

    /// The status that was set, or 200.
    pub fn status_code(&self) -> StatusCode {
        self.status.unwrap_or_default()
    }

    /// The title that was set.
    pub fn title_text(&self) -> Option<&str> {
        self.title.as_deref()
    }
}

impl From<maud::Markup> for Html {
    fn from(markup: maud::Markup) -> Self {
        Self::raw(markup.into_string())
    }
}

impl maud::Render for Html {
    fn render_to(&self, buffer: &mut String) {
        buffer.push_str(&self.body);
    }
}

/// Escapes text for an element's content and for a double-quoted attribute.
pub fn escape_into(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

/// What a view may return: [`maud::Markup`], [`Html`], text (which is escaped), or a `Result` of
/// one of these. An `async` view returns a future of one of them.
///
/// A third-party template type joins in with one `impl` of `into_html`.
#[diagnostic::on_unimplemented(
    message = "a view cannot return `{Self}`",
    note = "return `maud::Markup`, `Html`, a string (it is escaped), or a `Result` of one of them"
)]
pub trait IntoHtml {
    /// Converts, or says why there is no page.
    ///
    /// # Errors
    /// Whatever the view reports; see [`ViewError`].
    fn into_html(self) -> Result<Html, ViewError>;
}

impl IntoHtml for Html {
    fn into_html(self) -> Result<Html, ViewError> {
        Ok(self)
    }
}
impl IntoHtml for maud::Markup {
    fn into_html(self) -> Result<Html, ViewError> {
        Ok(self.into())
    }
}
impl IntoHtml for &str {
    fn into_html(self) -> Result<Html, ViewError> {
        Ok(Html::text(self))
    }
}
impl IntoHtml for String {
    fn into_html(self) -> Result<Html, ViewError> {
        Ok(Html::text(&self))
    }
}
impl<T: IntoHtml, E: Into<ViewError>> IntoHtml for Result<T, E> {
    fn into_html(self) -> Result<Html, ViewError> {
        self.map_err(Into::into)?.into_html()
    }
}

/// Why a view has no page to show.
///
/// Any [`std::error::Error`] becomes a 500 through `?`; the constructors give the other answers.
///
/// ```
/// use hyperstar_process::ViewError;
/// let missing = ViewError::not_found("there is no room `attic`");
/// assert_eq!(missing.status(), http::StatusCode::NOT_FOUND);
/// ```
pub struct ViewError(Box<Kind>);

enum Kind {
    Status { status: StatusCode, message: String },
    Redirect(String),
    Failed(Box<dyn StdError + Send + Sync>),
}

impl ViewError {
    /// 404: there is nothing at this address.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::status_with(StatusCode::NOT_FOUND, message)
    }

    /// 403: there is something, but not for this person.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::status_with(StatusCode::FORBIDDEN, message)
    }

    /// Sends the browser elsewhere.
    pub fn redirect(location: impl Into<String>) -> Self {
        Self(Box::new(Kind::Redirect(location.into())))
    }

    /// Any other status, with a sentence for the person.
    pub fn status_with(status: StatusCode, message: impl Into<String>) -> Self {
        Self(Box::new(Kind::Status {
            status,
            message: message.into(),
        }))
    }

    /// The status that a request for this page is answered with.
    pub fn status(&self) -> StatusCode {
        match &*self.0 {
            Kind::Status { status, .. } => *status,
            Kind::Redirect(_) => StatusCode::SEE_OTHER,
            Kind::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Where it sends the browser.
    pub fn location(&self) -> Option<&str> {
        match &*self.0 {
            Kind::Redirect(location) => Some(location),
            _ => None,
        }
    }

    /// True where the app itself is at fault, so that the message is for its developer alone.
    pub fn is_internal(&self) -> bool {
        matches!(&*self.0, Kind::Failed(_))
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for ViewError {
    fn from(error: E) -> Self {
        Self(Box::new(Kind::Failed(Box::new(error))))
    }
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Status { message, .. } => f.write_str(message),
            Kind::Redirect(location) => write!(f, "moved to {location}"),
            Kind::Failed(error) => {
                write!(f, "{error}")?;
                let mut source = error.source();
                while let Some(cause) = source {
                    write!(f, "\n  because: {cause}")?;
                    source = cause.source();
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ViewError({}: {self})", self.status())
    }
}
