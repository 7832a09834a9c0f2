//! Server-Sent Events for any http or tower server.
//!
//! An [`Event`] is encoded so that no text can break it. [`respond`] makes a response whose body is a
//! stream, and the [`Sender`] that feeds it; any server that takes an [`http_body::Body`] serves it:
//! axum, hyper, and what builds on them. A [`Registry`] keeps the streams of topics or rooms. A [`Group`]
//! is a page that many watch: its frames are compressed once for all. [`Lanes`] write streams to their
//! sockets without a task and a buffer for each.
//!
//! ```
//! use hyperstar_sse::{Event, StreamConfig, respond};
//!
//! // In an axum handler, return the response as it is.
//! async fn events(headers: http::HeaderMap) -> http::Response<hyperstar_sse::Body> {
//!     let (sender, response) = respond(&headers, &StreamConfig::default());
//!     tokio::spawn(async move {
//!         // Ends by itself once the client has gone.
//!         while sender.event(Event::new().data("tick")).is_ok() {
//!             tokio::time::sleep(std::time::Duration::from_secs(1)).await;
//!         }
//!     });
//!     response
//! }
//! ```
//!
//! # What it promises
//! - A client reads exactly the events that were sent, whatever is in their fields.
//! - No call waits for a client. One that does not read holds at most one frame and a bounded queue,
//!   and is let go after [`StreamConfig::stall_ms`].
//! - An event that was sent is written at once, compressed or not: encoders are flushed.
//! - A client that has gone is noticed when the server drops the body ([`Sender::on_close`],
//!   [`Sender::closed`]); an idle stream carries comments, so that a dead socket shows.
//!
//! # What it refuses
//! It knows nothing of Datastar, sessions or pages. It opens no socket: set `TCP_NODELAY` where
//! you accept connections (`examples/axum_clock.rs`, `examples/hyper_clock.rs` do).
//!
//! # Design
//! A viewer costs no task and no channel: a mutex, two slots and a waker, polled by the connection's
//! own task. A frame replaces its predecessor, which is what bounds a slow viewer without ever
//! dropping the last state; what happens once is queued, bounded, and never dropped silently. In a group
//! a viewer is a cursor into frames that are there once.

mod body;
mod encoding;
mod event;
mod group;
mod histogram;
mod lanes;
mod meter;
mod registry;
mod response;
mod stream;

pub use body::Body;
pub use encoding::{Compression, Encoding, compress, negotiate};
pub use event::{Event, lines};
pub use group::{Coding, Cursor, Encoders, EncodersConfig, Group};
pub use histogram::{Histogram, HistogramSnapshot};
pub use lanes::Lanes;
#[cfg(feature = "http1")]
pub use lanes::{Connection, Http1Config, Upgraded, upgrade};
pub use meter::{EncodingMeter, EncodingSnapshot, Meter, MeterSnapshot};
pub use registry::{JoinError, Membership, Registry, RegistryConfig};
pub use response::{last_event_id, once, respond};
pub use stream::{CloseReason, SendError, Sender, StreamConfig, stream};
