//! `cargo run --example counter`

use gallery::{Example, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(&[Example::Counter]).await
}
