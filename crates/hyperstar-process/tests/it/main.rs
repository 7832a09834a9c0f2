//! The SDK as apps use it.

mod answers;
mod bodies;
mod clients;
mod driver;
mod fuzz;
