//! The harness does what it promises, also when things go wrong.

mod browser;
mod network;
mod server;

use anyhow::Result;
use hyperstar_e2e::{Chrome, Server, Tab};

/// `probe-server`, not started.
fn probe() -> Result<Server> {
    Server::new(env!("CARGO_BIN_EXE_probe-server"))
}

/// A running `probe-server`, and a tab that shows its page and follows its stream.
async fn open_probe() -> Result<(Server, Chrome, Tab)> {
    let mut server = probe()?;
    server.start().await?;
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    tab.open(&server.url("/")).await?;
    tab.wait_for_text("#link", "up").await?;
    tab.wait_for_text("#count", "0").await?;
    Ok((server, chrome, tab))
}
