//! `cargo run --example todo`

use std::process::ExitCode;

use gallery::{Example, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(&[Example::Todo]).await
}
