//! `cargo run --example todo`

use gallery::{Example, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(&[Example::Todo]).await
}
