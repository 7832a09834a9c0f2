//! Live, multi-user web apps, rendered on the server.
//!
//! A page is a function of your state. When the state changes, every open page changes: for everyone
//! who looks, without client-side code to write. The browser side is [Datastar], fed over Server-Sent
//! Events; this crate is the rest of it.
//!
//! ```no_run
//! use hyperstar::{action, App, Done, Hub};
//! use maud::html;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), hyperstar::ServeError> {
//!     let hub = Hub::new();
//!     let count = hub.live(0);
//!     let shown = count.clone();
//!     let app = App::new(&hub)
//!         .view("/", move |_cx| html! {
//!             h1 { (shown.get()) }
//!             button data-on:click=(action("inc")) { "+1" }
//!         })
//!         .action("inc", move |_cx| { count.update(|n| *n += 1); Done });
//!     hyperstar::serve(app, "127.0.0.1:8080").await
//! }
//! ```
//!
//! # What you use
//! - [`App`]: pages ([`View`]) at paths, actions by name, assets, templates.
//! - [`Hub`] and [`Live`]: the state in memory. A [`Store`](hyperstar_store::Store) that the hub
//!   [follows](Hub::follow): the state on disk. Both record what a page read and render it again when
//!   that changes, and only then.
//! - [`action`]: the attribute that calls an action. [`Done`], [`Reply`], [`ActionError`]: its answers.
//! - [`Session`] and [`Viewer`]: one browser, one tab.
//! - [`serve`] and [`Server`]: HTTP/1.1, and over TLS HTTP/2, with a graceful end. Or
//!   [`App::into_router`] for an axum service that you have.
//! - [`App::metrics`] and [`App::monitor`]: what it does and costs, for Prometheus and for you, to those
//!   whom [`Access`] admits.
//!
//! # What it promises
//! - No change is lost: a page shows the state after the last change, whatever came in between.
//! - One render for all who see the same; what did not change is not sent.
//! - An action runs once and in order, also if the network fails in between, and it runs to its end
//!   when whoever asked has gone.
//! - A page comes back by itself after a restart, a proxy's error or an hour in a tunnel, with what was
//!   typed; a page that is older than the server reloads itself once, keeping it too.
//! - Nothing that a browser sends can stop the app, hold others up or use memory without bound
//!   ([`Limits`]).
//! - Text is escaped; other sites' requests are refused; a strict content security policy is set.
//!
//! # What it refuses
//! There is no client-side routing, no virtual DOM and no JavaScript of yours to write or build. A view
//! cannot see who looks unless it says so: that is what lets it be shared.
//!
//! # Features
//! `server` (sockets and signals), `zstd`, `brotli`, `gzip`, `assets` (rust-embed), `templates`
//! (minijinja) are on by default; `tls` (rustls, HTTP/2) and `test` (the virtual browser) are not.
//! Without any, the crate needs no thread, file, environment or C library.
//!
//! [Datastar]: https://data-star.dev

mod access;
mod action;
mod address;
mod app;
mod assets;
#[cfg(feature = "server")]
mod away;
mod cx;
mod error_page;
#[cfg(feature = "server")]
mod files;
mod flight;
mod group;
mod guard;
mod html;
mod hub;
mod jitter;
mod live;
mod metrics;
mod monitor;
mod order;
mod places;
mod platform;
mod reply;
mod router;
mod scope;
#[cfg(feature = "server")]
mod server;
mod session;
mod shell;
#[cfg(feature = "templates")]
mod templates;
mod view;
mod viewer;
mod visitor;

#[cfg(feature = "test")]
pub mod test;

pub use access::Access;
pub use action::{Action, action, action_at};
pub use app::{App, AppError, Limits};
pub use assets::Assets;
pub use cx::{ActionCx, Cx, RequestError};
pub use html::{Html, IntoHtml, Later, Now, ViewError};
pub use hub::{Hub, Stats};
pub use live::Live;
pub use platform::{NoRandomness, Platform};
pub use reply::{ActionError, Answer, Done, IntoReply, Reply};
pub use router::not_found;
#[cfg(feature = "tls")]
pub use server::TlsConfig;
#[cfg(feature = "server")]
pub use server::{Hosts, ServeError, Server, serve};
pub use session::{SESSION_KEYS_MAX, SESSION_VALUE_BYTES_MAX, Session, SessionError};
#[cfg(feature = "templates")]
pub use templates::{TemplateError, Templates};
pub use view::{FRAME_MS, View};
pub use viewer::Viewer;
pub use visitor::Visitor;

pub use hyperstar_datastar as datastar;
pub use hyperstar_sse as sse;
