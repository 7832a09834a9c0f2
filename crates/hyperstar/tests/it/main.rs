//! Tests of the framework at its boundary: real sockets, real requests.

#![allow(missing_docs, clippy::unwrap_used)]

mod actions;
mod assets;
mod browser;
mod go;
mod hostile;
mod hosts;
mod limits;
mod live;
mod observe;
mod pages;
mod reload;
mod sessions;
mod shutdown;
mod slow;
mod support;
#[cfg(feature = "tls")]
mod tls;
