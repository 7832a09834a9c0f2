//! The macros of Hyperstar apps. Use them through `hyperstar-process`.
//!
//! They look at what is written and name functions of `hyperstar_process::__private`; what an app does is
//! in ordinary code there. Mistakes are said all at once, each at its token, and leave a stub, so that
//! one mistake gives one error.

mod errors;
#[cfg(test)]
mod expansions;
mod hyperapp;
mod state;
mod wire;

use proc_macro::TokenStream;

/// Finds the handlers in an `impl` block: pages, actions, HTTP, calls of other processes, timers.
///
/// It writes `Hyperapp` for the struct, and next to it a typed client for whoever calls it:
/// `CounterClient::at(&cx, &address).count().await`. Methods without one of the attributes stay as they
/// are.
///
/// ```
/// use hyperstar_process::{Html, State, hyperapp};
///
/// #[derive(Default, State)]
/// struct Counter {
///     count: i64,
/// }
///
/// #[hyperapp(name = "Counter")]
/// impl Counter {
///     #[view("/")]
///     fn page(&self) -> Html {
///         Html::text(&format!("{} clicks", self.count))
///     }
///
///     #[action]
///     fn increment(&mut self) {
///         self.count += 1;
///     }
///
///     /// How many clicks there were.
///     #[http(GET, "/api/count")]
///     #[local]
///     fn count(&self) -> i64 {
///         self.count
///     }
/// }
/// ```
///
/// # Settings
/// | | |
/// |---|---|
/// | `name = "Counter"` | what people call it; the only one that is needed |
/// | `icon = "🧮"` | an emoji, or the address of an image |
/// | `save = EveryMessage` | when the state is kept: `EveryMessage`, `OnDiff`, `EveryNMessages(10)`, `EveryNSeconds(5)`, `Never` |
/// | `widget` | the home page may show the view at `/widget` |
/// | `ui = "ui"` | a folder whose files a browser gets where nothing else answers |
/// | `endpoints = ["/api"]` | where handlers without a path answer, and below; everywhere by default |
/// | `wit_world = "counter"` | the name of its WIT world |
/// | `features` | the block is compiled with the feature `app` of its crate, the client with `client` |
///
/// # Handlers
/// | | runs it |
/// |---|---|
/// | `#[view("/rooms/{room}", title = "Room", frame_ms = 100)]` | who looks at this page |
/// | `#[action]` | an action of a page |
/// | `#[http(GET, "/api/x")]` | HTTP; method and path may be left out |
/// | `#[local]`, `#[remote]` | a process of this node, of another |
/// | `#[public]` | beside `#[local]`: processes need no grant |
/// | `#[ws("/ws")]` | what comes on a WebSocket |
/// | `#[ws_client]` | what comes on a WebSocket that the process opened; nothing opens one yet |
/// | `#[join]`, `#[leave]` | a tab that opens a page of the app, one that has left |
/// | `#[every(500)]`, `#[every("5s")]` | time, in milliseconds, or as `ms`, `s`, `min`, `h` |
/// | `#[init]`, `#[stop]` | the beginning and the end of the process |
/// | `#[eth]` | an event of a chain; nothing brings one yet |
///
/// # What a handler may look like
/// | | |
/// |---|---|
/// | `fn(&self, ..)` | reads the state |
/// | `fn(&mut self, ..)` | changes it |
/// | `async fn(&self, ..)`, `async fn(&mut self, ..)` | has it to itself until it ends: other messages wait |
/// | `async fn(cx: Cx<Self>, ..)`, `fn(cx: Cx<Self>, ..)` | shares it: `cx.with(\|state\| ..)` between awaits |
///
/// Arguments are found by their names; `&str`, `&[T]`, `&T` and `Option<&str>` may be taken too. Beside
/// them: `&Cx` (in views `&ViewCx`), `&Session` and `&Viewer`, which in a view say whom it is
/// rendered for, and for WebSockets `Channel` and `WsMessage`.
///
/// What an `async` handler with `self` changed is kept with the turn that ends at its next await. Awaits of
/// `async` functions outside of the block, and those inside of another macro's call, are not seen: such a
/// function calls `hyperstar_process::checkpoint` before it awaits; await into a variable before the macro. In
/// `self.a().b().await`, `a` may take something out of the state, or lend it by `&`. If it lends it by `&mut`, its
/// name ends in `_mut`, and what it changes is kept a turn later.
#[proc_macro_attribute]
pub fn hyperapp(settings: TokenStream, item: TokenStream) -> TokenStream {
    hyperapp::run(settings.into(), item.into()).into()
}

/// Keeps the fields of a struct: its state, which `#[hyperapp]` needs. It takes `Default` for what was
/// never kept.
///
/// ```
/// use hyperstar_process::{Fields, State, StateError};
///
/// #[derive(Default, State)]
/// #[state(version = 2, migrate(1 = from_v1))]
/// struct Counter {
///     count: i64,
///     /// Kept under another name than the field's.
///     #[state(rename = "people")]
///     names: Vec<String>,
///     /// Not kept: its default in each life, and on a page that is rendered while an `async` handler with
///     /// `&mut self` awaits.
///     #[state(skip)]
///     busy: bool,
/// }
///
/// /// Version 1 had `clicks`.
/// fn from_v1(fields: &mut Fields) -> Result<(), StateError> {
///     fields.rename("clicks", "count")?;
///     Ok(())
/// }
/// ```
#[proc_macro_derive(State, attributes(state))]
pub fn state(item: TokenStream) -> TokenStream {
    state::run(item.into()).into()
}

/// Lets a type cross the border between processes, as serde writes it: an argument of a handler, a result,
/// or a part of one.
///
/// ```
/// use hyperstar_process::Wire;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Wire)]
/// struct User {
///     name: String,
///     role: Role,
/// }
///
/// #[derive(Serialize, Deserialize, Wire)]
/// #[serde(rename_all = "lowercase")]
/// enum Role {
///     Admin,
///     Guest { until_ms: u64 },
/// }
/// ```
///
/// In WIT it is a record, a variant, an enum or a tuple. Where WIT has no word for what serde writes, it is
/// `json`: with `tag`, `untagged` or `flatten`, with a name that differs between writing and reading,
/// with a field that is left out at times and is no `Option`, and where a type contains itself. A field
/// with `with` is `json` alone. An enum without data may be the key of a map.
#[proc_macro_derive(Wire, attributes(serde))]
pub fn wire(item: TokenStream) -> TokenStream {
    wire::run(item.into()).into()
}
