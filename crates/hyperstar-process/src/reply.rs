//! What an action gives back.

use std::error::Error as StdError;
use std::fmt;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use hyperstar_datastar::{Event, ExecuteScript, PatchElements, PatchSignals};
use serde::Serialize;

use crate::abi::Response;
use crate::html::Html;

/// The action is done; there is nothing to tell the one who asked (204).
///
/// The pages follow what the handler wrote: state of a process; in the framework a live value, a followed
/// store or a session. Where nobody knows what changed, all of them do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done;

/// Events for the page that asked, beside what all pages show by themselves.
///
/// ```
/// use hyperstar_process::Reply;
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
    /// use hyperstar_process::Reply;
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

    /// Whether it promises that nothing changed that a page could show.
    pub fn keeps_state(&self) -> bool {
        self.keeps_state
    }

    /// Whether elements of the page are changed behind the live stream's back.
    pub fn patches(&self) -> bool {
        self.patches
    }

    /// The events as a page reads them.
    ///
    /// # Errors
    /// What one of the calls that built it was given and could not use.
    pub fn into_bytes(self) -> Result<Bytes, ActionError> {
        match self.error {
            Some(error) => Err(ActionError::internal(error)),
            None => Ok(self.bytes.freeze()),
        }
    }

    /// As what a process answers to its host: the events, and what they mean in headers.
    pub fn into_response(self) -> Response {
        let mut headers = Vec::new();
        for (is_set, name) in [(self.keeps_state, UNCHANGED), (self.patches, PATCHES)] {
            if is_set {
                headers.push((name.to_owned(), "1".to_owned()));
            }
        }
        match self.into_bytes() {
            Err(error) => error.into_response(),
            Ok(bytes) if bytes.is_empty() => Response {
                status: StatusCode::NO_CONTENT.as_u16(),
                headers,
                body: Vec::new(),
            },
            Ok(bytes) => {
                headers.push(("content-type".to_owned(), EVENT_STREAM.to_owned()));
                Response {
                    status: StatusCode::OK.as_u16(),
                    headers,
                    body: bytes.into(),
                }
            }
        }
    }

    /// What [`Reply::into_response`] or [`ActionError::into_response`] were made of. A process can be
    /// anything: what is neither is an error.
    ///
    /// # Errors
    /// The action's own error; or a 502, if it is no answer to an action.
    pub fn from_response(response: Response) -> Result<Self, ActionError> {
        let header = |name: &str| {
            let found = response.headers.iter().find(|(one, _)| one == name);
            found.map(|(_, value)| value.as_str())
        };
        let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::BAD_GATEWAY);
        if !status.is_success() {
            let is_error = status.is_client_error() || status.is_server_error();
            let status = if is_error {
                status
            } else {
                StatusCode::BAD_GATEWAY
            };
            let text = String::from_utf8_lossy(&response.body);
            let text: String = text.chars().take(MESSAGE_CHARS_MAX).collect();
            return Err(ActionError::status_with(status, text));
        }
        if !response.body.is_empty() && header("content-type") != Some(EVENT_STREAM) {
            return Err(ActionError::status_with(
                StatusCode::BAD_GATEWAY,
                "the app answered an action with something else than events",
            ));
        }
        Ok(Self {
            patches: header(PATCHES).is_some(),
            keeps_state: header(UNCHANGED).is_some(),
            bytes: BytesMut::from(response.body.as_slice()),
            error: None,
        })
    }
}

const EVENT_STREAM: &str = "text/event-stream";
/// A header of a process's answer: nothing changed that a page could show.
const UNCHANGED: &str = "hs-unchanged";
/// A header of a process's answer: elements of the page are changed.
const PATCHES: &str = "hs-patches";
/// The most of a process's error that a person is shown.
const MESSAGE_CHARS_MAX: usize = 1_000;

/// The event that tells the page's own script, as `url`, which address to show. Datastar hands such events on.
pub const GO: &str = "datastar-hs-go";

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

/// What of a request could not be read; an action answers it with 400.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// An argument is missing.
    #[error("the argument `{0}` is missing")]
    Missing(String),
    /// An argument is not what the handler asked for.
    #[error("the argument `{name}` cannot be read: {reason}")]
    Argument {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The query cannot be read as the type that was asked for.
    #[error("the query cannot be read: {0}")]
    Query(String),
    /// The form cannot be read as the type that was asked for.
    #[error("the form cannot be read: {0}")]
    Form(String),
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

    /// 500: the app itself is at fault.
    pub fn internal(message: impl Into<String>) -> Self {
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

    /// Whether it has a cause, which nobody who asks is told.
    pub(crate) fn has_cause(&self) -> bool {
        self.source.is_some()
    }

    /// For the log: the message and what caused it.
    pub fn detail(&self) -> String {
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

impl ActionError {
    /// As what a process answers to its host: the status, and the sentence for the person.
    pub fn into_response(self) -> Response {
        Response {
            status: self.status.as_u16(),
            headers: vec![(
                "content-type".to_owned(),
                "text/plain; charset=utf-8".to_owned(),
            )],
            body: self.message.into_bytes(),
        }
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for ActionError {
    fn from(error: E) -> Self {
        let any: &(dyn StdError + 'static) = &error;
        if any.is::<hyperstar_datastar::SignalsError>() || any.is::<RequestError>() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn back(reply: Reply) -> Result<Reply, ActionError> {
        Reply::from_response(reply.into_response())
    }

    #[test]
    fn a_reply_comes_back_as_it_was() {
        let reply = Reply::new().patch(Html::raw("<p id=a>1</p>")).unchanged();
        let again = back(reply.clone()).unwrap();
        assert!(again.patches() && again.keeps_state());
        assert_eq!(again.into_bytes().unwrap(), reply.into_bytes().unwrap());
        let nothing = back(Reply::new()).unwrap();
        assert!(!nothing.patches() && !nothing.keeps_state());
        assert!(nothing.into_bytes().unwrap().is_empty());
        let script = back(Reply::new().script("f()")).unwrap();
        assert!(!script.patches() && !script.into_bytes().unwrap().is_empty());
    }

    #[test]
    fn an_error_comes_back_as_it_was() {
        let error = ActionError::not_found("no such room").into_response();
        let error = Reply::from_response(error).unwrap_err();
        assert_eq!(
            (error.status(), error.message()),
            (StatusCode::NOT_FOUND, "no such room")
        );
        let error = back(Reply::new().go("//elsewhere")).unwrap_err();
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn what_is_no_answer_to_an_action_is_an_error() {
        let json = ("content-type".to_owned(), "application/json".to_owned());
        for (status, headers, body) in [
            (200, vec![json], "{}"),
            (200, vec![], "data: x\n\n"),
            (302, vec![], ""),
            (0, vec![], ""),
            (65_535, vec![], ""),
        ] {
            let response = Response {
                status,
                headers,
                body: body.as_bytes().to_vec(),
            };
            let error = Reply::from_response(response).unwrap_err();
            assert_eq!(error.status(), StatusCode::BAD_GATEWAY, "{status} {body}");
        }
        let long = ActionError::bad_request("ü".repeat(10_000)).into_response();
        let error = Reply::from_response(long).unwrap_err();
        assert_eq!(error.message().chars().count(), MESSAGE_CHARS_MAX);
    }
}
