//! What a view takes beside the state.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::body::Piece;
use super::text::Texts;
use crate::html::ViewError;
use crate::view::{Session, ViewCall, Viewer};

/// A parameter of the page's path.
///
/// # Errors
/// There is no such page (404) if it cannot be read.
pub fn view_param<T: DeserializeOwned>(call: &ViewCall<'_>, name: &str) -> Result<T, ViewError> {
    let text = call.cx.param(name);
    let read = T::deserialize(Texts(&[Piece::Text(Cow::Borrowed(text))]));
    read.map_err(|error| {
        ViewError::not_found(format!("there is nothing at {}: {error}", call.cx.path()))
    })
}

/// Whose browser it is.
///
/// # Errors
/// Internal: the view is described as one for browsers.
pub fn view_session<'c>(call: &ViewCall<'c>) -> Result<&'c Session, ViewError> {
    call.cx.session().ok_or_else(|| nobody("session"))
}

/// Whose tab it is.
///
/// # Errors
/// Internal: the view is described as one for tabs.
pub fn view_viewer<'c>(call: &ViewCall<'c>) -> Result<&'c Viewer, ViewError> {
    call.cx.viewer().ok_or_else(|| nobody("viewer"))
}

fn nobody(who: &str) -> ViewError {
    let text = format!("the view was asked for without the {who} that it is rendered for");
    std::io::Error::other(text).into()
}
