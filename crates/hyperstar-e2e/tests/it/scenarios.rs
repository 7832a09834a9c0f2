//! The gallery and a small app, as people use them: in a real browser, with everything going wrong.

mod apps;
mod broadcast;
mod clicks;
mod limits;
mod outages;
mod past;
mod redeploy;

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use hyperstar_e2e::{Server, Tab, build_binary};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const COUNTER: u16 = 0;
const LIFE: u16 = 1;
const TODO: u16 = 2;
const CHAT: u16 = 3;
const NORTH_BANK: u16 = 4;
const SOUTH_BANK: u16 = 5;

/// The running gallery, and the folder of its data.
async fn started() -> Result<(Server, tempfile::TempDir)> {
    let data = tempfile::tempdir()?;
    let server = Server::new(build_binary("gallery").await?)?.ports("HYPERSTAR_PORT", 6)?;
    let mut server = server.env("HYPERSTAR_DATA", data.path());
    server.start().await?;
    Ok((server, data))
}

/// The address of the action that an attribute calls.
async fn action_of(tab: &Tab, selector: &str, attribute: &str) -> Result<String> {
    tab.eval(&format!("document.querySelector({selector:?}).getAttribute({attribute:?}).match(/@post\\('([^']*)'/)[1]")).await
}

/// Calls an action from outside of any page.
async fn call(server: SocketAddr, path: &str, signals: &str) -> Result<()> {
    let mut socket = TcpStream::connect(server).await?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {server}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{signals}",
        signals.len()
    );
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).context("an HTTP answer")?;
    ensure!(status.starts_with('2'), "{answer}");
    Ok(())
}
