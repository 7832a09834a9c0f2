//! A new version is deployed while pages are open.

use anyhow::{Result, ensure};
use hyperstar_e2e::{Chrome, SECOND, Server};

#[tokio::test]
async fn an_old_page_reloads_itself_once_and_keeps_what_was_typed() -> Result<()> {
    let mut server = Server::new(env!("CARGO_BIN_EXE_live-server"))?.env("APP_VERSION", "1");
    server.start().await?;
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    tab.open(&server.url("/")).await?;
    tab.wait_for_text("#version", "1").await?;
    tab.type_text("#line", "half a sentence").await?;
    tab.eval::<Option<()>>("document.querySelector('#line').setSelectionRange(3, 5)")
        .await?;
    tab.eval::<Option<()>>("{ document.querySelector('[name=agree]').checked = true; document.querySelector('#bound').focus() }").await?;
    tab.type_text("#bound", "bound").await?;
    tab.eval::<Option<()>>("{ window.isOld = true; const line = document.querySelector('#line'); line.focus(); line.setSelectionRange(3, 5) }").await?;
    // The same version again: nothing to reload for.
    server.kill_9().await?;
    server.start().await?;
    tab.click("#up").await?;
    tab.wait_for_text("#count", "1").await?;
    ensure!(
        tab.eval::<bool>("window.isOld === true").await?,
        "it reloaded without need"
    );
    tab.eval::<Option<()>>("document.querySelector('#line').focus()")
        .await?;
    server.kill_9().await?;
    let mut server = server.env("APP_VERSION", "2");
    server.start().await?;
    tab.wait_for(
        "!window.isOld && document.querySelector('#version').innerText === '2'",
        10 * SECOND,
        "the new version",
    )
    .await?;
    tab.wait_for(
        "document.querySelector('#line').value === 'half a sentence'",
        5 * SECOND,
        "what was typed",
    )
    .await?;
    tab.wait_for(
        "document.querySelector('#bound-shown').innerText === 'bound'",
        5 * SECOND,
        "the bound signal",
    )
    .await?;
    ensure!(
        tab.eval::<bool>("document.querySelector('[name=agree]').checked")
            .await?,
        "the box is ticked"
    );
    let focus = tab.focus().await?;
    ensure!(focus.id == "line", "{focus:?}");
    // And it is live.
    tab.click("#up").await?;
    tab.wait_for_text("#count", "1").await?;
    tab.wait_for(
        "performance.getEntriesByType('navigation')[0].type === 'reload'",
        SECOND,
        "it was a reload",
    )
    .await
}
