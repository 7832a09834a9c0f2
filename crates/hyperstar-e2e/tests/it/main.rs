//! Hyperstar in a real browser. `harness` proves the harness itself, against `probe-server`;
//! `scenarios` are the gallery and a small app in use. `both` needs no browser: the examples as programs and
//! as components.

mod both;
mod harness;
mod scenarios;
