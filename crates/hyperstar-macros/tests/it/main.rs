//! The macros, by what their expansions do.

mod block;
