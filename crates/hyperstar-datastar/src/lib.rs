//! The Datastar SDK: events, signals, action expressions, and the browser bundle.
//!
//! [Datastar](https://data-star.dev) updates a page from the server: the page's `data-*` attributes
//! send requests, and the server answers with events that patch elements, patch signals or run
//! scripts. This crate writes those events, reads what the requests carry, and writes the
//! attributes. It knows no server and no framework: bytes and [`http`] types go in and out.
//!
//! # Events
//! ```
//! use hyperstar_datastar::{ExecuteScript, Mode, PatchElements, PatchSignals};
//! use serde_json::json;
//!
//! let events = [
//!     PatchElements::new("<p id=\"count\">3</p>").event(),
//!     PatchElements::new("<li>new</li>").selector("#list").mode(Mode::Append).event(),
//!     PatchElements::remove("#draft").event(),
//!     PatchSignals::new(&json!({"count": 3}))?.event(),
//!     ExecuteScript::console_log("it's done").event(),
//! ];
//! assert!(events[0].encode().starts_with(b"event: datastar-patch-elements\n"));
//! # Ok::<(), hyperstar_datastar::SignalsError>(())
//! ```
//! No text in any field can break the framing of the stream, end a script early, or leave an
//! attribute: see [`PatchElements`], [`PatchSignals`] and [`ExecuteScript`]. An action may also be
//! answered [without SSE](response).
//!
//! # Signals
//! [`read_signals`] reads a request's signals into a type, [`Signals`] parses them once for many
//! reads:
//! ```
//! use http::Method;
//! use hyperstar_datastar::Signals;
//!
//! let signals = Signals::parse(&Method::POST, None, br#"{"user": {"name": "Ada"}}"#)?;
//! assert_eq!(signals.get::<String>("user.name")?, "Ada");
//! assert_eq!(signals.get_or("page", 1)?, 1);
//! # Ok::<(), hyperstar_datastar::SignalsError>(())
//! ```
//!
//! # Attributes
//! ```
//! use hyperstar_datastar::{js, on, post, signal, signals_attr};
//!
//! let save = post("/todos").header("X-Tab", js("$tab")).then(signal("draft").set(""));
//! assert_eq!(save.to_string(), "@post('/todos', {headers: {'X-Tab': $tab}}); $draft = ''");
//! assert_eq!(
//!     on("click").debounce_ms(500).window().value(&save),
//!     "data-on:click__debounce.500ms__window=\
//!      \"@post('/todos', {headers: {'X-Tab': $tab}}); $draft = ''\""
//! );
//! assert_eq!(signals_attr(&serde_json::json!({"draft": ""}))?.to_attr(), "{draft: ''}");
//! # Ok::<(), hyperstar_datastar::SignalsError>(())
//! ```
//! With the feature `maud`, expressions can be spliced into a template:
//! `button data-on:click=(post("/todos")) { "Add" }`.
//!
//! # The browser's side
//! [`ClientSource`] decides where the page gets Datastar from. With the feature `embed`, which is
//! on by default, the bundle is compiled in, so that neither the network nor a file is needed.
//!
//! # Conformance
//! The wire format follows the SDK specification
//! ([ADR](https://github.com/starfederation/datastar/blob/main/sdk/ADR.md)); the official cases run
//! against `examples/conformance`.

mod action;
pub mod attr;
mod client;
mod elements;
mod escape;
mod expr;
mod patch_signals;
#[cfg(feature = "maud")]
mod render;
pub mod response;
mod script;
mod signals;
mod wire;

pub use action::{
    ActionExpr, ContentType, RequestCancellation, ResponseOverrides, Retry, SignalFilter,
    SignalPattern, delete, get, patch, peek, post, put, query, set_all, toggle_all,
};
pub use attr::{Attr, on};
#[cfg(feature = "embed")]
pub use client::{
    BUNDLE_PATH, BUNDLE_SHA256, BUNDLE_VERSION, bundle, bundle_integrity, bundle_license,
    bundle_response,
};
pub use client::{CDN_VERSION, ClientSource};
pub use elements::{Mode, Namespace, PatchElements};
pub use escape::{html_attr_escape, js_string};
pub use expr::{Expr, JsValue, Signal, is_signal_path, js, signal, signals_attr};
pub use hyperstar_sse::Event;
pub use patch_signals::PatchSignals;
pub use response::{event_response, is_datastar_request};
pub use script::{CustomEventOptions, ExecuteScript};
pub use signals::{
    SIGNALS_BYTES_MAX, SIGNALS_PARAMETER, Signals, SignalsError, read_signals, read_signals_limited,
};
pub use wire::{PATCH_ELEMENTS, PATCH_SIGNALS, RETRY_MS_DEFAULT};
