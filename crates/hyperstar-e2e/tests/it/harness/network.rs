//! A network that fails: in the browser, and on the way to the server.

use std::time::Instant;

use anyhow::{Context, Result};
use hyperstar_e2e::{Chrome, FlakyProxy, Mode, SECOND, wait_until};

use super::{open_probe, probe};

#[tokio::test]
async fn a_tab_goes_offline_and_comes_back() -> Result<()> {
    let (server, _chrome, tab) = open_probe().await?;
    let load = "fetch('/large').then(() => true, () => false)";
    tab.offline(true).await?;
    tab.wait_for_text("#seen", "visible false").await?;
    assert!(!tab.eval::<bool>(load).await?);
    // As in life, what is open does not notice.
    assert_eq!(tab.text("#link").await?, "up");
    let error = tab
        .open(&server.url("/broken"))
        .await
        .err()
        .context("it opened offline")?;
    assert!(
        error.to_string().contains("net::ERR_INTERNET_DISCONNECTED"),
        "{error:#}"
    );
    tab.offline(false).await?;
    tab.open(&server.url("/")).await?;
    tab.wait_for_text("#link", "up").await?;
    tab.wait_for_text("#seen", "visible true").await?;
    assert!(tab.eval::<bool>(load).await?);
    Ok(())
}

#[tokio::test]
async fn a_slow_network_is_slow() -> Result<()> {
    let (_server, _chrome, tab) = open_probe().await?;
    let load = "fetch('/large', { cache: 'no-store' }).then(r => r.text()).then(t => t.length)";
    // 100,000 bytes at 1 Mbit/s are 0.8 s.
    tab.slow_network(200, 1_000).await?;
    let start = Instant::now();
    assert_eq!(tab.eval::<u32>(load).await?, 100_000);
    let slow = start.elapsed();
    assert!(slow > SECOND * 8 / 10, "{slow:?}");
    tab.reload().await?;
    tab.slow_network(0, 0).await?;
    let start = Instant::now();
    assert_eq!(tab.eval::<u32>(load).await?, 100_000);
    assert!(start.elapsed() < slow / 2, "{:?}", start.elapsed());
    Ok(())
}

#[tokio::test]
async fn the_proxy_fails_as_it_is_told() -> Result<()> {
    let mut server = probe()?;
    server.start().await?;
    let network = FlakyProxy::start(server.addr()).await?;
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    tab.open(&network.url("/")).await?;
    tab.wait_for_text("#link", "up").await?;
    tab.click("#inc").await?;
    tab.wait_for_text("#count", "1").await?;
    assert_eq!(network.requests_to("POST /inc"), 1);
    assert_eq!(network.requests_to("GET /events"), 1);

    for mode in [Mode::BadGateway, Mode::Reset] {
        network.set(mode);
        tab.wait_for_text("#link", "down").await?;
        let status = tab
            .eval::<u16>("fetch('/large').then(r => r.status, () => 0)")
            .await?;
        assert_eq!(
            status,
            if mode == Mode::BadGateway { 502 } else { 0 },
            "{mode:?}"
        );
        network.set(Mode::Pass);
        tab.wait_for_text("#link", "up").await?;
    }

    let before = network.requests();
    network.set(Mode::BlackHole);
    tab.click("#inc").await?;
    let load = "{ window.loaded = 0; fetch('/large').then(r => r.text()).then(t => window.loaded = t.length); null }";
    tab.eval::<()>(load).await?;
    let passed = "window.loaded > 0 || document.querySelector('#count').textContent !== '1'";
    let look = async || Ok(tab.eval::<bool>(passed).await?.then_some(()));
    let stalled = wait_until("something passes", SECOND / 2, look).await;
    assert!(stalled.is_err(), "something passed a black hole");
    assert_eq!(
        (network.requests(), tab.text("#link").await?.as_str()),
        (before, "up")
    );
    network.set(Mode::Pass);
    tab.wait_for_text("#count", "2").await?;
    tab.wait_for(
        "window.loaded === 100000",
        5 * SECOND,
        "what was held passes",
    )
    .await
}

#[tokio::test]
async fn without_its_server_the_proxy_answers_502() -> Result<()> {
    let (mut server, chrome, _) = open_probe().await?;
    let network = FlakyProxy::start(server.addr()).await?;
    let tab = chrome.tab().await?;
    tab.open(&network.url("/")).await?;
    tab.wait_for_text("#link", "up").await?;
    server.kill_9().await?;
    tab.wait_for_text("#link", "down").await?;
    assert_eq!(
        tab.eval::<u16>("fetch('/large').then(r => r.status)")
            .await?,
        502
    );
    server.start().await?;
    tab.wait_for_text("#link", "up").await?;
    wait_until("requests are counted", SECOND, async || {
        Ok((network.requests() > 3).then_some(()))
    })
    .await
    .context("after a restart")
}
