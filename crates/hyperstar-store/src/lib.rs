//! Hyperstar.
