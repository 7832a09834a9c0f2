//! `cargo run --example chat`

use std::process::ExitCode;

use gallery::{Example, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(&[Example::Chat]).await
}
