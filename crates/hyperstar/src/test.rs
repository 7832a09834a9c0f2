//! A virtual browser, for tests of whole apps without a browser.
//!
//! It opens pages as a browser does: it loads the shell, follows the live stream, sends actions with
//! their numbers, keeps cookies, and applies what arrives to a document that a test asks by CSS
//! selector. Everything runs inside of the test: no socket is opened, and a paused clock works.
//!
//! ```
//! use hyperstar::test::Browser;
//! use hyperstar::{action, App, Done, Hub};
//! use maud::html;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), hyperstar::test::TestError> {
//! let hub = Hub::new();
//! let count = hub.live(0);
//! let shown = count.clone();
//! let app = App::new(&hub)
//!     .view("/", move |_cx| html! {
//!         p #count { (shown.get()) }
//!         button #inc data-on:click=(action("inc")) { "+1" }
//!     })
//!     .action("inc", move |_cx| { count.update(|n| *n += 1); Done });
//!
//! let ann = Browser::new(app)?;
//! let bob = ann.someone_else();
//! let (mut hers, mut his) = (ann.open("/").await?, bob.open("/").await?);
//! hers.click("#inc").await?;
//! his.wait_for("#count", "1").await?;
//! # Ok(()) }
//! ```
//!
//! # What it is not
//! It lays nothing out and runs no JavaScript. Of expressions it understands what the builders of this
//! crate write and the common rest (signals, conditions, comparisons, text); for anything else it
//! fails and says so, and the test wants a real browser. A patch replaces elements instead of morphing
//! them; what was typed into a field that has an id is kept, as a morph keeps it.

mod events;
mod page;
mod script;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::header::{ACCEPT, COOKIE, SET_COOKIE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;

use crate::hub::lock;
use crate::{App, AppError};

pub use events::Frame;
pub use page::Page;

/// What went wrong in a virtual browser.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestError {
    /// The app cannot be served.
    #[error(transparent)]
    App(#[from] AppError),
    /// No element matches, or the selector is none.
    #[error("no element matches `{selector}` in\n{page}")]
    NoElement {
        /// What was looked for.
        selector: String,
        /// The page.
        page: String,
    },
    /// The element has no handler for this.
    #[error("`{selector}` does nothing on {event}: {element}")]
    NoHandler {
        /// The element.
        selector: String,
        /// What was done to it.
        event: String,
        /// Its markup.
        element: String,
    },
    /// An expression is beyond the virtual browser.
    #[error("the expression `{expression}` needs a real browser: {reason}")]
    Expression {
        /// The expression.
        expression: String,
        /// What is not understood.
        reason: String,
    },
    /// The server refused a request.
    #[error("{what} was answered with {status}: {message}")]
    Refused {
        /// The request.
        what: String,
        /// The answer's status.
        status: StatusCode,
        /// The answer's text.
        message: String,
    },
    /// What was waited for did not happen.
    #[error("after {waited_ms} ms of waiting, still not: {what}\n{page}")]
    Never {
        /// What was waited for.
        what: String,
        /// How long, in milliseconds.
        waited_ms: u64,
        /// The page as it was then.
        page: String,
    },
    /// The server's answer is not what a page expects.
    #[error("the answer to {what} cannot be read: {reason}")]
    Broken {
        /// The request.
        what: String,
        /// What is wrong.
        reason: String,
    },
}

/// One person's browser: its tabs share cookies.
#[derive(Clone)]
pub struct Browser {
    router: Router,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Browser {
    /// A browser of an app that nobody else serves.
    ///
    /// # Errors
    /// [`TestError::App`].
    pub fn new(app: App) -> Result<Self, TestError> {
        Ok(Self::of(app.build(true)?.0))
    }

    /// A browser of whatever answers requests: say, a router that passes them on to a server elsewhere.
    pub fn of(router: Router) -> Self {
        Self {
            router,
            cookies: Arc::default(),
        }
    }

    /// Another person's browser of the same running app.
    #[must_use]
    pub fn someone_else(&self) -> Self {
        Self {
            router: self.router.clone(),
            cookies: Arc::default(),
        }
    }

    /// Opens a page in a new tab and connects its stream.
    ///
    /// # Errors
    /// [`TestError::Refused`] unless the page is there.
    pub async fn open(&self, path: &str) -> Result<Page, TestError> {
        Page::open(self.clone(), path).await
    }

    /// Sends any request, with the browser's cookies unless it has its own, and gives back the answer
    /// whole: for what no page would send.
    ///
    /// # Errors
    /// [`TestError::Broken`] if the body ends early.
    pub async fn request(
        &self,
        request: Request<impl Into<Body>>,
    ) -> Result<Response<Bytes>, TestError> {
        let what = format!("{} {}", request.method(), request.uri());
        let response = self.send(request.map(Into::into)).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| TestError::Broken {
            what,
            reason: error.to_string(),
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }

    async fn send(&self, mut request: Request<Body>) -> Response<Body> {
        let cookies: Vec<String> = lock(&self.cookies)
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if let Ok(value) = HeaderValue::from_str(&cookies.join("; "))
            && !cookies.is_empty()
        {
            request.headers_mut().entry(COOKIE).or_insert(value);
        }
        request
            .headers_mut()
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("text/html, */*"));
        request
            .headers_mut()
            .entry("sec-fetch-site")
            .or_insert(HeaderValue::from_static("same-origin"));
        let mut router = self.router.clone();
        let mut service = router.as_service::<Body>();
        let response = tower_service::Service::<Request<Body>>::call(&mut service, request).await;
        let response = response.unwrap_or_else(|never| match never {});
        for cookie in response.headers().get_all(SET_COOKIE) {
            let pair = cookie
                .to_str()
                .ok()
                .and_then(|text| text.split(';').next()?.split_once('='));
            if let Some((name, value)) = pair {
                lock(&self.cookies).insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("cookies", &lock(&self.cookies).len())
            .finish_non_exhaustive()
    }
}
