//! `cargo run --example life`

use gallery::{Example, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(&[Example::Life]).await
}
