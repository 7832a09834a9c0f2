//! Hyperstar in a real browser. `harness` proves the harness itself, against `probe-server`.

mod harness;
