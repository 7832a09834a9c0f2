//! Interfaces as others use them.

mod errors;
mod route;
mod wit;
