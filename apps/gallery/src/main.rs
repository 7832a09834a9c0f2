//! All four examples in one process: `cargo run`, and follow a link.

use gallery::{Example, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(&Example::ALL).await
}
