//! The tests of the crate, in one binary.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, in its helpers too"
)]

#[cfg(all(feature = "zstd", feature = "brotli", feature = "gzip"))]
mod broadcast;
mod client;
#[cfg(any(feature = "zstd", feature = "brotli", feature = "gzip"))]
mod codecs;
mod event_source;
mod events;
mod examples;
mod group;
mod keep_alive;
#[cfg(all(feature = "zstd", feature = "brotli", feature = "gzip"))]
mod lanes;
mod negotiation;
mod registry;
mod sending;
mod sockets;
mod stalls;
mod support;
mod wake_ups;

#[path = "../../examples/axum_clock.rs"]
#[allow(dead_code, reason = "its `main` is not called")]
mod axum_clock;
#[path = "../../examples/lanes.rs"]
#[allow(dead_code, reason = "its `main` is not called")]
mod broadcast_lanes;
#[path = "../../examples/hyper_clock.rs"]
#[allow(dead_code, reason = "its `main` is not called")]
mod hyper_clock;
