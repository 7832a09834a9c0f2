//! What an action gives back.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

use crate::abi::Response;
use crate::html::Html;

/// The action is done; there is nothing to tell the one who asked (204).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done;

/// Events for the page that asked.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    bytes: Vec<u8>,
}

impl Reply {
    /// A reply without events: the same as [`Done`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the elements that have the ids of these.
    #[must_use]
    pub fn patch(mut self, html: impl Into<Html>) -> Self {
        self.bytes.extend(html.into().as_str().as_bytes());
        self
    }

    /// As an answer.
    pub fn into_response(self) -> Response {
        Response {
            status: if self.bytes.is_empty() { 204 } else { 200 },
            headers: Vec::new(),
            body: self.bytes,
        }
    }
}

/// What an action may return.
pub trait IntoReply {
    /// Converts, or says what went wrong.
    ///
    /// # Errors
    /// Whatever the action reports.
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

/// Why an action did not do what was asked.
pub struct ActionError {
    status: StatusCode,
    message: String,
}

impl ActionError {
    /// 403: not for this person.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            message: message.into(),
        }
    }
    /// The status that the request is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }
    /// The sentence for the person.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for ActionError {
    fn from(error: E) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: error.to_string(),
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
        write!(f, "ActionError({}: {})", self.status, self.message)
    }
}
