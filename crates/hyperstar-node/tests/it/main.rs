//! Tests of the engine, with guests that are good and guests that are not.

mod apps;
mod cache;
mod foreign;
mod handmade;
mod hostile;
mod kit;
mod limits;
mod load;
mod node;
mod slow;
mod turns;
