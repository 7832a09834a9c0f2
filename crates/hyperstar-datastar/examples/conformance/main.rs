//! Serves `/test` for the official test runner of Datastar SDKs.
//!
//! ```text
//! cargo run -p hyperstar-datastar --example conformance -- --port 7331
//! ```
//! Port 0 takes a free port; the address is printed either way.

mod server;

use anyhow::{Context, bail};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port()?))
        .await
        .context("cannot listen")?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, server::router()).await?;
    Ok(())
}

/// The value of `--port`, 7331 if it is not there.
fn port() -> anyhow::Result<u16> {
    let mut arguments = std::env::args().skip(1);
    let Some(argument) = arguments.next() else {
        return Ok(7331);
    };
    let value = match argument.strip_prefix("--port") {
        Some("") => arguments.next().context("`--port` needs a number")?,
        Some(value) if value.starts_with('=') => value[1..].to_owned(),
        _ => bail!("unknown argument `{argument}`; there is only `--port NUMBER`"),
    };
    value
        .parse()
        .with_context(|| format!("`{value}` is not a port"))
}
