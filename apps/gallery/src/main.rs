//! All the examples in one program: `cargo run`, and follow a link.

use std::process::ExitCode;

use gallery::{Example, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(&Example::ALL).await
}
