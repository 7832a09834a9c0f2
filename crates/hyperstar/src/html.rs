//! What a view gives back, and the marks that tell a view that is there at once from a future.

pub(crate) use hyperstar_process::html::escape_into;
pub use hyperstar_process::html::{Html, IntoHtml, ViewError};

/// Marks a value that is there at once; see [`IntoHtml`].
#[derive(Debug)]
pub enum Now {}
/// Marks a future; see [`IntoHtml`].
#[derive(Debug)]
pub enum Later {}
