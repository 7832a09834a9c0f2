//! The examples.

use anyhow::{Context, Result, ensure};
use hyperstar_e2e::{Chrome, SECOND};

use super::{CHAT, COUNTER, LIFE, NORTH_BANK, SOUTH_BANK, TODO, started};

#[tokio::test]
async fn every_page_is_clean_and_can_be_read_without_javascript() -> Result<()> {
    let (server, _data) = started().await?;
    let chrome = Chrome::launch().await?;
    for (index, selector) in [
        (COUNTER, "#count"),
        (LIFE, "#board"),
        (TODO, "#todos"),
        (CHAT, "#messages"),
        (NORTH_BANK, "#account-0"),
        (SOUTH_BANK, "#account-0"),
    ] {
        let tab = chrome.tab().await?;
        tab.open(&server.url_at(index, "/")).await?;
        tab.wait_for(
            "document.documentElement.hasAttribute('data-hs-tab')",
            5 * SECOND,
            "the shell",
        )
        .await?;
        tab.wait_for_element(selector).await?;
        // Datastar has started, and the policy had nothing to refuse.
        tab.wait_for(
            "!document.documentElement.hasAttribute('data-nonce')",
            10 * SECOND,
            "Datastar",
        )
        .await?;
        tab.assert_clean()?;
        let plain = chrome.tab().await?;
        plain.javascript(false).await?;
        plain.open(&server.url_at(index, "/")).await?;
        ensure!(
            plain.count(selector).await? == 1,
            "{selector} without JavaScript"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_todo_list_is_kept() -> Result<()> {
    let (mut server, _data) = started().await?;
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    tab.open(&server.url_at(TODO, "/")).await?;
    for text in [
        "milk",
        "<b>bread</b> & \"butter\"",
        "</script><img src=x onerror=alert(1)>",
    ] {
        tab.fill("#text", text).await?;
        tab.press("Enter").await?;
        let js = format!(
            "document.querySelector('#todos').innerText.includes({text:?}) && document.querySelector('#text').value === ''"
        );
        tab.wait_for(&js, 10 * SECOND, text).await?;
    }
    tab.click("#todos li:nth-child(1) .check").await?;
    tab.wait_for(
        "document.querySelectorAll('#todos .done').length === 1",
        5 * SECOND,
        "one is done",
    )
    .await?;
    server.kill_9().await?;
    server.start().await?;
    tab.reload().await?;
    ensure!(
        tab.count("#todos li").await? == 3 && tab.count("#todos li.done").await? == 1,
        "after a kill"
    );
    ensure!(
        tab.dialogs().is_empty() && tab.count("#todos img").await? == 0,
        "text became markup"
    );
    tab.open(&server.url_at(TODO, "/?show=done")).await?;
    ensure!(tab.count("#todos li").await? == 1, "only what is done");
    tab.click("button.clear").await?;
    tab.wait_for(
        "document.querySelectorAll('#todos li').length === 0",
        5 * SECOND,
        "cleared",
    )
    .await?;
    Ok(())
}

#[tokio::test]
async fn two_people_chat_and_find_everything_again() -> Result<()> {
    let (mut server, _data) = started().await?;
    let chrome = Chrome::launch().await?;
    let (ann, bob) = (chrome.user().await?, chrome.user().await?);
    let (ann, bob) = (ann.tab().await?, bob.tab().await?);
    for tab in [&ann, &bob] {
        tab.open(&server.url_at(CHAT, "/")).await?;
    }
    ann.wait_for(
        "document.querySelectorAll('.people li').length === 2",
        10 * SECOND,
        "both are here",
    )
    .await?;
    ann.click("button.me").await?;
    ann.fill("#name", "Ann of the North").await?;
    ann.press("Enter").await?;
    bob.wait_for(
        "document.querySelector('.people').innerText.includes('Ann of the North')",
        10 * SECOND,
        "her name",
    )
    .await?;
    bob.type_text("#text", "half of an answ").await?;
    ann.type_text("#text", "hello <i>there</i>").await?;
    ann.press("Enter").await?;
    bob.wait_for(
        "document.querySelector('#messages').innerText.includes('hello <i>there</i>')",
        10 * SECOND,
        "her message",
    )
    .await?;
    ann.wait_for(
        "document.querySelector('#text').value === ''",
        5 * SECOND,
        "her line is empty",
    )
    .await?;
    let focus = bob.focus().await?;
    ensure!(
        focus.value.as_deref() == Some("half of an answ"),
        "{focus:?}"
    );
    server.kill_9().await?;
    server.start().await?;
    bob.type_text("#text", "er").await?;
    bob.press("Enter").await?;
    ann.wait_for(
        "document.querySelector('#messages').innerText.includes('half of an answer')",
        10 * SECOND,
        "his answer",
    )
    .await?;
    let names: String = ann.text(".people").await.context("the people")?;
    ensure!(
        names.contains("Ann of the North"),
        "her name is kept: {names}"
    );
    Ok(())
}

#[tokio::test]
async fn the_game_lives_and_a_tap_draws() -> Result<()> {
    let (server, _data) = started().await?;
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    tab.open(&server.url_at(LIFE, "/")).await?;
    tab.eval::<Option<()>>("{ window.frames_ = 0; new MutationObserver(() => window.frames_++).observe(document.querySelector('#board'), {subtree: true, attributes: true, childList: true}) }").await?;
    tab.wait_for("window.frames_ >= 10", 10 * SECOND, "ten steps")
        .await?;
    let before: String = tab
        .eval("document.querySelector('#board').innerHTML")
        .await?;
    tab.click("#board").await?;
    tab.wait_for(
        &format!(
            "document.querySelector('#board').innerHTML !== {}",
            serde_json::to_string(&before)?
        ),
        5 * SECOND,
        "a change",
    )
    .await?;
    tab.assert_clean()
}

#[tokio::test]
async fn money_is_sent_from_bank_to_bank_and_stays_there() -> Result<()> {
    let (mut server, _data) = started().await?;
    let chrome = Chrome::launch().await?;
    let (north, south) = (chrome.tab().await?, chrome.tab().await?);
    north.open(&server.url_at(NORTH_BANK, "/")).await?;
    south.open(&server.url_at(SOUTH_BANK, "/")).await?;
    north.fill("#amount", "12.50").await?;
    north.press("Enter").await?;
    north.wait_for_text("#account-0 .cents", "87.50").await?;
    south.wait_for_text("#account-0 .cents", "112.50").await?;
    north
        .wait_for(
            "document.querySelector('#amount').value === ''",
            5 * SECOND,
            "the field is empty",
        )
        .await?;
    north.fill("#amount", "1000").await?;
    north.press("Enter").await?;
    north.wait_for_text("#error", "Ann has only 87.50.").await?;
    for tab in [&north, &south] {
        tab.assert_clean()?;
    }
    server.kill_9().await?;
    server.start().await?;
    for (tab, expected) in [(&north, "87.50"), (&south, "112.50")] {
        tab.reload().await?;
        tab.wait_for_text("#account-0 .cents", expected).await?;
    }
    Ok(())
}
