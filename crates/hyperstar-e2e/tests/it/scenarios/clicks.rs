//! Clicks count once, all of them, in any weather.

use anyhow::{Result, ensure};
use hyperstar_e2e::{Chrome, FlakyProxy, Mode, SECOND, Tab};

use super::{COUNTER, started};

const HUNDRED: &str = "(() => { const plus = document.querySelector('.plus'); for (let n = 0; n < 100; n++) plus.click() })()";

/// Waits for the number, and for it to stay: whatever was under way has arrived then.
async fn settles_at(tab: &Tab, count: u32) -> Result<()> {
    let js = format!("document.querySelector('#count').textContent === '{count}'");
    tab.wait_for(&js, 60 * SECOND, &format!("the count is {count}"))
        .await?;
    let settled = "new Promise(done => setTimeout(() => done(document.querySelector('#count').textContent), 700))";
    let shown: String = tab.eval(settled).await?;
    ensure!(shown == count.to_string(), "{shown} instead of {count}");
    Ok(())
}

#[tokio::test]
async fn a_click_in_one_tab_shows_in_the_other() -> Result<()> {
    let (server, _data) = started().await?;
    let chrome = Chrome::launch().await?;
    let (one, two) = (chrome.tab().await?, chrome.user().await?);
    let two = two.tab().await?;
    for tab in [&one, &two] {
        tab.open(&server.url_at(COUNTER, "/")).await?;
    }
    one.click(".plus").await?;
    two.wait_for_text("#count", "1").await?;
    two.click(".minus").await?;
    two.click(".minus").await?;
    one.wait_for_text("#count", "-1").await?;
    two.press("l").await?;
    two.press("l").await?;
    two.press("l").await?;
    one.wait_for_text("#count", "2").await?;
    two.press("h").await?;
    one.wait_for_text("#count", "1").await?;
    one.press("r").await?;
    two.wait_for_text("#count", "0").await?;
    one.assert_clean()?;
    two.assert_clean()
}

#[tokio::test]
async fn a_hundred_rapid_clicks_are_exactly_a_hundred() -> Result<()> {
    let (server, _data) = started().await?;
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    tab.open(&server.url_at(COUNTER, "/")).await?;
    tab.eval::<Option<()>>(HUNDRED).await?;
    settles_at(&tab, 100).await?;
    tab.assert_clean()?;
    // And over a network with 150 ms and 400 kbit/s. A tab of its own: Chromium's emulation can leave
    // requests unanswered for ever if it begins while connections are open.
    let tab = chrome.tab().await?;
    tab.slow_network(150, 400).await?;
    tab.open(&server.url_at(COUNTER, "/")).await?;
    tab.eval::<Option<()>>(HUNDRED).await?;
    settles_at(&tab, 200).await?;
    tab.assert_clean()
}

#[tokio::test]
async fn clicks_during_an_outage_arrive_once_it_is_over() -> Result<()> {
    let (server, _data) = started().await?;
    let proxy = FlakyProxy::start(server.addr_at(COUNTER)).await?;
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    tab.open(&proxy.url("/")).await?;
    tab.click(".plus").await?;
    tab.wait_for_text("#count", "1").await?;
    for mode in [Mode::BadGateway, Mode::Reset] {
        proxy.set(mode);
        for _ in 0..3 {
            tab.click(".plus").await?;
        }
        tab.wait_for_element(".hs-banner").await?;
        proxy.set(Mode::Pass);
        settles_at(&tab, if mode == Mode::BadGateway { 4 } else { 7 }).await?;
    }
    Ok(())
}

#[tokio::test]
async fn clicks_through_a_network_that_breaks_all_the_time_count_once() -> Result<()> {
    let (server, _data) = started().await?;
    let proxy = FlakyProxy::start(server.addr_at(COUNTER)).await?;
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    tab.open(&proxy.url("/")).await?;
    tab.eval::<Option<()>>(HUNDRED).await?;
    for _ in 0..6 {
        // Answers are lost on their way back: the actions that they were for are sent again.
        tokio::time::sleep(SECOND / 10).await;
        proxy.set(Mode::Reset);
        tokio::time::sleep(SECOND / 20).await;
        proxy.set(Mode::Pass);
    }
    settles_at(&tab, 100).await
}

#[tokio::test]
async fn a_click_that_fails_while_the_stream_lives_is_sent_again_and_the_banner_goes() -> Result<()>
{
    let (server, _data) = started().await?;
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    tab.open(&server.url_at(COUNTER, "/")).await?;
    tab.click(".plus").await?;
    tab.wait_for_text("#count", "1").await?;
    // This fails new requests and leaves the open stream alone.
    tab.offline(true).await?;
    tab.click(".plus").await?;
    tab.wait_for_element(".hs-banner").await?;
    tab.offline(false).await?;
    settles_at(&tab, 2).await?;
    ensure!(
        tab.count(".hs-banner").await? == 0,
        "the banner is still there"
    );
    Ok(())
}
