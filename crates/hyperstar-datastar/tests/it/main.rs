//! The tests of the crate, in one binary.

mod actions;
mod attributes;
mod client;
mod conformance;
mod decode;
mod events;
mod properties;
mod requests;
mod responses;
mod roots;

#[path = "../../examples/conformance/server.rs"]
mod server;
