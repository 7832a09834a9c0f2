//! `cargo run --example counter`

use std::process::ExitCode;

use gallery::{Example, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(&[Example::Counter]).await
}
