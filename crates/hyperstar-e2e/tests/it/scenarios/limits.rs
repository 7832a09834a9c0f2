//! More pages than there are places for, and pages that come back one at a time.

use anyhow::{Result, ensure};
use hyperstar_e2e::{Chrome, FlakyProxy, Mode, SECOND, Server};

fn server() -> Result<Server> {
    Server::new(env!("CARGO_BIN_EXE_live-server"))
}

#[tokio::test]
async fn a_page_without_a_place_says_so_and_is_live_once_there_is_one() -> Result<()> {
    let mut server = server()?.env("STREAMS_PER_SESSION", "1");
    server.start().await?;
    let chrome = Chrome::launch().await?;
    let (first, second) = (chrome.tab().await?, chrome.tab().await?);
    first.open(&server.url("/")).await?;
    first.click("#up").await?;
    first.wait_for_text("#count", "1").await?;
    second.open(&server.url("/")).await?;
    second.wait_for_element(".hs-banner").await?;
    let banner = second.text(".hs-banner").await?;
    ensure!(banner.contains("close one of them"), "{banner}");
    first.close().await?;
    second
        .wait_for(
            "!document.querySelector('.hs-banner')",
            20 * SECOND,
            "it has a place",
        )
        .await?;
    second.click("#up").await?;
    second.wait_for_text("#count", "2").await
}

#[tokio::test]
async fn a_page_that_is_hidden_and_shown_while_it_waits_has_one_stream() -> Result<()> {
    let mut server = server()?;
    server.start().await?;
    let proxy = FlakyProxy::start(server.addr()).await?;
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    tab.open(&proxy.url("/")).await?;
    tab.click("#up").await?;
    tab.wait_for_text("#count", "1").await?;
    proxy.set(Mode::BadGateway);
    tab.wait_for_element(".hs-banner").await?;
    // Shown again, it asks at once and is answered, while its next try is still due.
    proxy.set(Mode::Pass);
    tab.hidden(true).await?;
    tab.hidden(false).await?;
    tab.wait_for(
        "!document.querySelector('.hs-banner')",
        2 * SECOND,
        "it is back",
    )
    .await?;
    // Streams that push each other out would ask again and again; this needs time to be seen.
    tokio::time::sleep(SECOND).await;
    let asked = proxy.requests();
    tokio::time::sleep(3 * SECOND).await;
    let asked = proxy.requests() - asked;
    ensure!(asked == 0, "{asked} requests of a page that has its stream");
    tab.click("#up").await?;
    tab.wait_for_text("#count", "2").await
}
