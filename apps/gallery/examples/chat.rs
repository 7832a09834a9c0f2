//! `cargo run --example chat`

use gallery::{Example, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(&[Example::Chat]).await
}
