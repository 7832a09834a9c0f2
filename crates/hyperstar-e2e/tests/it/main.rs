//! Hyperstar in a real browser. `harness` proves the harness itself, against `probe-server`;
//! `scenarios` are the gallery and a small app in use.

mod harness;
mod scenarios;
