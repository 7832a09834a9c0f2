//! The macros: what expansions look like and do, and what is said of mistakes.

mod block;
mod mistakes;
mod state;
mod wire;
