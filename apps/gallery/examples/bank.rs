//! `cargo run --example bank`

use std::process::ExitCode;

use gallery::{Example, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(&[Example::NorthBank, Example::SouthBank]).await
}
