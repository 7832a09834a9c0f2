//! Tests of the engine, with guests that are good and guests that are not.

#![allow(missing_docs, clippy::unwrap_used)]

mod apps;
mod cache;
mod foreign;
mod handmade;
mod hostile;
mod kit;
mod limits;
mod load;
mod node;
mod peers;
mod python;
mod slow;
mod turns;
