//! Who asks for what is no page.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;

use crate::session::Session;

pub(crate) type Fallback =
    Arc<dyn Fn(Visitor, Request) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync>;

/// Who makes a request that no page, action or route takes; see [`App::fallback`](crate::App::fallback).
///
/// Guarantee: a session is only known by a cookie that this app issued, and asking makes none.
#[derive(Clone)]
pub struct Visitor {
    pub(crate) session: Option<Session>,
    pub(crate) https: bool,
}

impl Visitor {
    /// The browser's session, if it has looked at a page of this app before.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Whether the request came over TLS, here or at the proxy in front.
    pub fn is_https(&self) -> bool {
        self.https
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor")
            .field("known", &self.session.is_some())
            .field("https", &self.https)
            .finish()
    }
}
