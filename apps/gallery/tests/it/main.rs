//! The examples as their people see them, without a browser; in a real one, see `hyperstar-e2e`.

#![allow(missing_docs, clippy::unwrap_used)]

mod examples;
mod past;
