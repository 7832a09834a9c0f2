//! The server as a process.

use anyhow::{Context, Result};
use hyperstar_e2e::{SECOND, Server, build_binary};
use tokio::net::TcpStream;

use super::{open_probe, probe};

#[tokio::test]
async fn a_killed_server_comes_back_on_its_port() -> Result<()> {
    let (mut server, _chrome, tab) = open_probe().await?;
    tab.click("#inc").await?;
    tab.wait_for_text("#count", "1").await?;
    let (port, pid) = (server.port(), server.pid());
    server.kill_9().await?;
    assert_eq!(server.pid(), None);
    assert!(TcpStream::connect(server.addr()).await.is_err());
    tab.wait_for_text("#link", "down").await?;
    server.start().await?;
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), pid);
    tab.wait_for_text("#link", "up").await?;
    // This server keeps nothing.
    tab.wait_for_text("#count", "0").await
}

#[tokio::test]
async fn a_server_that_is_asked_to_end_may_do_so_in_order() -> Result<()> {
    let mut server = probe()?;
    server.start().await?;
    assert!(server.start().await.is_err(), "it runs already");
    assert!(server.terminate(5 * SECOND).await?.success());
    assert_eq!(
        server.output(),
        format!("listening on {}\nstopping", server.port())
    );
    Ok(())
}

#[tokio::test]
async fn a_server_may_have_several_ports() -> Result<()> {
    let mut server = probe()?.ports("PORT", 3)?.env("PORTS", "3");
    server.start().await?;
    let url = format!("http://127.0.0.1:{}/x", server.port() + 2);
    assert_eq!(server.url_at(2, "/x"), url);
    TcpStream::connect(server.addr_at(2)).await?;
    server.kill_9().await
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why() -> Result<()> {
    let mut server = probe()?.env("PORT", "a pony");
    let error = server
        .start()
        .await
        .err()
        .context("it started")?
        .to_string();
    assert!(
        error.contains("before it answered") && error.contains("invalid digit"),
        "{error}"
    );
    let mut server = Server::new("no/such/program")?;
    let error = server
        .start()
        .await
        .err()
        .context("it started")?
        .to_string();
    assert_eq!(error, "start no/such/program");
    Ok(())
}

#[tokio::test]
async fn a_program_that_does_not_exist_does_not_build() -> Result<()> {
    let error = build_binary("no-such-program")
        .await
        .err()
        .context("it was built")?
        .to_string();
    assert!(
        error.contains("`no-such-program` does not build"),
        "{error}"
    );
    Ok(())
}
