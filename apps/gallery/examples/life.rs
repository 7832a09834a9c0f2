//! `cargo run --example life`

use std::process::ExitCode;

use gallery::{Example, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(&[Example::Life]).await
}
