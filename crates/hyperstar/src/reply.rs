//! What an action gives back.

use std::error::Error as StdError;
use std::fmt;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use hyperstar_datastar::{ExecuteScript, PatchElements, PatchSignals};
use hyperstar_sse::Event;
use serde::Serialize;

use crate::html::{Html, IntoHtml, Later, Now};

/// The action is done; there is nothing to tell the one who asked (204).
///
/// The pages follow through the hub: if the handler wrote a [`Live`](crate::Live), a followed store
/// or a session, or notified a topic, then what it wrote; otherwise everything, since then nobody
/// knows what changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done;

/// Events for the page that asked, beside whatever the hub brings to all.
///
/// ```
/// use hyperstar::Reply;
/// use maud::html;
/// use serde_json::json;
///
/// let reply = Reply::new()
///     .patch(html! { p #hint { "Sent." } })     // replaces the element with this id
///     .signals(&json!({ "text": "" }));          // merges into the page's signals
/// ```
#[derive(Clone, Debug, Default)]
pub struct Reply {
    bytes: BytesMut,
    patches: bool,
    keeps_state: bool,
    error: Option<String>,
}

impl Reply {
    /// A reply without events: the same as [`Done`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the elements that have the ids of these.
    #[must_use]
    pub fn patch(self, html: impl Into<Html>) -> Self {
        self.patch_with(PatchElements::new(html.into().as_str()))
    }

    /// Patches elements in any way that Datastar knows.
    #[must_use]
    pub fn patch_with(mut self, patch: PatchElements) -> Self {
        patch.encode_into(&mut self.bytes);
        self.patches = true;
        self
    }

    /// Merges into the page's signals.
    #[must_use]
    pub fn signals(self, signals: &impl Serialize) -> Self {
        match PatchSignals::new(signals) {
            Ok(patch) => self.signals_with(patch),
            Err(error) => Self {
                error: Some(format!("the signals of a reply are not JSON: {error}")),
                ..self
            },
        }
    }

    /// Patches signals in any way that Datastar knows.
    #[must_use]
    pub fn signals_with(mut self, patch: PatchSignals) -> Self {
        patch.encode_into(&mut self.bytes);
        self
    }

    /// Runs JavaScript in the page. What a person typed must not come in here unquoted.
    #[must_use]
    pub fn script(self, javascript: &str) -> Self {
        self.script_with(ExecuteScript::new(javascript))
    }

    /// Runs a script with its options.
    #[must_use]
    pub fn script_with(mut self, script: ExecuteScript) -> Self {
        script.encode_into(&mut self.bytes);
        self
    }

    /// Has the page show another address of this app, without loading it anew: `/rooms/tea?sort=new`.
    ///
    /// The address bar, the title and the content follow; signals, focus and what was typed stay. The
    /// entry in the browser's history is replaced, so this is for what a person adjusts in a place; to
    /// another place leads a link, which with the attribute `data-hs-go` moves the page in the same way and
    /// adds an entry (`data-hs-go="replace"` replaces it). Views cannot tell: they are asked for the page
    /// at that address, and who loads it sees the same.
    ///
    /// ```
    /// use hyperstar::Reply;
    ///
    /// // Nothing changed, so no page but this one has anything to render.
    /// let sorted = Reply::new().go("/rooms/tea?sort=new").unchanged();
    /// ```
    ///
    /// An address that does not begin with one `/` is an error of the action (500): it might be another
    /// site's.
    #[must_use]
    pub fn go(mut self, address: &str) -> Self {
        if !is_own(address) {
            let error = format!("the page cannot go to `{address}`; name a path of this app");
            self.error = Some(error);
            return self;
        }
        let data = format!("url {address}");
        Event::new()
            .name(GO)
            .data(&data)
            .encode_into(&mut self.bytes);
        self
    }

    /// Sends the page to another address, which is loaded anew.
    #[must_use]
    pub fn redirect(self, url: &str) -> Self {
        self.script_with(ExecuteScript::redirect(url))
    }

    /// Promises that nothing changed that a page could show, so that no page renders.
    #[must_use]
    pub fn unchanged(mut self) -> Self {
        self.keeps_state = true;
        self
    }

    pub(crate) fn keeps_state(&self) -> bool {
        self.keeps_state
    }

    /// Whether elements of the page are changed behind the live stream's back.
    pub(crate) fn patches(&self) -> bool {
        self.patches
    }

    pub(crate) fn into_bytes(self) -> Result<Bytes, ActionError> {
        match self.error {
            Some(error) => Err(ActionError::internal(error)),
            None => Ok(self.bytes.freeze()),
        }
    }
}

/// Tells the page's own script, as `url`, which address to show. Datastar hands such events on.
pub(crate) const GO: &str = "datastar-hs-go";

/// Whether a browser reads it as a path of the same site. It takes `\\` for `/`, and leaves line breaks
/// out.
fn is_own(address: &str) -> bool {
    let mut bytes = address.bytes();
    bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && !address.chars().any(char::is_control)
}

/// What an action may return: [`Done`], `()`, a [`Reply`], one Datastar event, markup (which
/// replaces the elements that have its ids), or a `Result` of one of these. An `async` action
/// returns a future of one of them.
#[diagnostic::on_unimplemented(
    message = "an action cannot return `{Self}`",
    note = "return `Done`, `Reply`, `maud::Markup`, a Datastar event, or a `Result` of one of them"
)]
pub trait IntoReply {
    /// Converts, or says what went wrong.
    ///
    /// # Errors
    /// Whatever the action reports; see [`ActionError`].
    fn into_reply(self) -> Result<Reply, ActionError>;
}

impl IntoReply for Done {
    fn into_reply(self) -> Result<Reply, ActionError> {
        Ok(Reply::new())
    }
}
impl IntoReply for () {
    fn into_reply(self) -> Result<Reply, ActionError> {
        Ok(Reply::new())
    }
}
impl IntoReply for Reply {
    fn into_reply(self) -> Result<Reply, ActionError> {
        Ok(self)
    }
}
impl IntoReply for Html {
    fn into_reply(self) -> Result<Reply, ActionError> {
        Ok(Reply::new().patch(self))
    }
}
impl IntoReply for maud::Markup {
    fn into_reply(self) -> Result<Reply, ActionError> {
        Ok(Reply::new().patch(self))
    }
}
impl IntoReply for PatchElements {
    fn into_reply(self) -> Result<Reply, ActionError> {
        Ok(Reply::new().patch_with(self))
    }
}
impl IntoReply for PatchSignals {
    fn into_reply(self) -> Result<Reply, ActionError> {
        Ok(Reply::new().signals_with(self))
    }
}
impl IntoReply for ExecuteScript {
    fn into_reply(self) -> Result<Reply, ActionError> {
        Ok(Reply::new().script_with(self))
    }
}
impl<T: IntoReply, E: Into<ActionError>> IntoReply for Result<T, E> {
    fn into_reply(self) -> Result<Reply, ActionError> {
        self.map_err(Into::into)?.into_reply()
    }
}

/// A handler's answer, at once or later: what lets one method take sync and `async` closures.
pub trait Answer<T, M> {
    /// The answer's future.
    fn answer(self) -> impl Future<Output = T> + Send + 'static;
}

impl<R: IntoReply + Send + 'static> Answer<Result<Reply, ActionError>, Now> for R {
    fn answer(self) -> impl Future<Output = Result<Reply, ActionError>> + Send + 'static {
        std::future::ready(self.into_reply())
    }
}
impl<F> Answer<Result<Reply, ActionError>, Later> for F
where
    F: Future<Output: IntoReply> + Send + 'static,
{
    async fn answer(self) -> Result<Reply, ActionError> {
        self.await.into_reply()
    }
}
impl<R: IntoHtml> Answer<Result<Html, crate::ViewError>, Now> for R {
    fn answer(self) -> impl Future<Output = Result<Html, crate::ViewError>> + Send + 'static {
        std::future::ready(self.into_html())
    }
}
impl<F> Answer<Result<Html, crate::ViewError>, Later> for F
where
    F: Future<Output: IntoHtml> + Send + 'static,
{
    async fn answer(self) -> Result<Html, crate::ViewError> {
        self.await.into_html()
    }
}

/// Why an action did not do what was asked. The person sees the message as a short notice.
///
/// Any [`std::error::Error`] becomes a 500 through `?`, with its text kept for the log; what could
/// not be read of the request (signals, arguments) becomes a 400 with its text.
pub struct ActionError {
    status: StatusCode,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ActionError {
    /// 400: what was asked cannot be done as it was asked.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::status_with(StatusCode::BAD_REQUEST, message)
    }

    /// 403: not for this person.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::status_with(StatusCode::FORBIDDEN, message)
    }

    /// 404: what it is about does not exist (any more).
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::status_with(StatusCode::NOT_FOUND, message)
    }

    /// Any other status, with a sentence for the person.
    pub fn status_with(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::status_with(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The status that the request is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence for the person.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// For the log: the message and what caused it.
    pub(crate) fn detail(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source.as_deref().map(|error| error as &dyn StdError);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for ActionError {
    fn from(error: E) -> Self {
        let any: &(dyn StdError + 'static) = &error;
        if any.is::<hyperstar_datastar::SignalsError>() || any.is::<crate::cx::RequestError>() {
            return Self::bad_request(error.to_string());
        }
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: "something went wrong on our side; nothing was lost that you typed".to_owned(),
            source: Some(Box::new(error)),
        }
    }
}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActionError({}: {})", self.status, self.detail())
    }
}
