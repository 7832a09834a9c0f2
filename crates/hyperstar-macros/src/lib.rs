//! The macros of Hyperstar apps. Use them through `hyperstar-process`, which documents them.

mod errors;
#[cfg(test)]
mod expansions;
mod hyperapp;
mod state;
mod wire;

use proc_macro::TokenStream;

/// Finds the handlers in an `impl` block: pages, actions, HTTP, calls of other processes, timers.
#[proc_macro_attribute]
pub fn hyperapp(settings: TokenStream, item: TokenStream) -> TokenStream {
    hyperapp::run(settings.into(), item.into()).into()
}

/// Keeps the fields of a struct.
#[proc_macro_derive(State, attributes(state))]
pub fn state(item: TokenStream) -> TokenStream {
    state::run(item.into()).into()
}

/// Lets a type cross the border between processes.
#[proc_macro_derive(Wire, attributes(wire, serde))]
pub fn wire(item: TokenStream) -> TokenStream {
    wire::run(item.into()).into()
}
