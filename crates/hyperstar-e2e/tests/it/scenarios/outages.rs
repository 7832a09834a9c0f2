//! The server goes away and comes back: the pages come back by themselves, as they were.

use std::time::Instant;

use anyhow::{Result, ensure};
use hyperstar_e2e::{Chrome, FlakyProxy, Mode, SECOND, Server, Tab, wait_until};

use super::{TODO, action_of, call, started};

/// How soon after the server's return a page must be live again.
const BACK_WITHIN: std::time::Duration = SECOND.saturating_mul(2);

/// Two tabs of the todo list, one with half a sentence and the caret in its middle.
struct Scene {
    server: Server,
    _data: tempfile::TempDir,
    _chrome: Chrome,
    tabs: [Tab; 2],
    add: String,
}

impl Scene {
    /// `through`: the address that the tabs use.
    async fn open(
        through: Option<&FlakyProxy>,
        server: Server,
        data: tempfile::TempDir,
    ) -> Result<Self> {
        let chrome = Chrome::launch().await?;
        let tabs = [chrome.tab().await?, chrome.tab().await?];
        let url = through.map_or_else(|| server.url_at(TODO, "/"), |proxy| proxy.url("/"));
        for tab in &tabs {
            tab.open(&url).await?;
            tab.wait_for_element("#todos").await?;
        }
        let add = action_of(&tabs[0], "form.adder", "data-on:submit").await?;
        let scene = Self {
            server,
            _data: data,
            _chrome: chrome,
            tabs,
            add,
        };
        scene.shows("before", 10 * SECOND, Instant::now()).await?;
        scene.tabs[0].type_text("#text", "half a sentence").await?;
        scene.tabs[0]
            .eval::<Option<()>>("document.querySelector('#text').setSelectionRange(4, 6)")
            .await?;
        Ok(scene)
    }

    /// Something is added elsewhere, and both tabs show it soon after `since`.
    async fn shows(&self, text: &str, within: std::time::Duration, since: Instant) -> Result<()> {
        call(
            self.server.addr_at(TODO),
            &self.add,
            &format!("{{\"text\":\"{text}\"}}"),
        )
        .await?;
        for tab in &self.tabs {
            let left = within.saturating_sub(since.elapsed());
            let js = format!("document.querySelector('#todos').innerText.includes({text:?})");
            tab.wait_for(
                &js,
                left,
                &format!("the list shows {text:?} {within:?} after the server is back"),
            )
            .await?;
        }
        Ok(())
    }

    async fn is_as_it_was(&self) -> Result<()> {
        let focus = self.tabs[0].focus().await?;
        ensure!(focus.id == "text", "the focus is on {focus:?}");
        ensure!(
            focus.value.as_deref() == Some("half a sentence"),
            "{focus:?}"
        );
        ensure!(
            format!("{:?}", focus.selection).contains("4, 6"),
            "the caret moved: {focus:?}"
        );
        let signal = self.tabs[0]
            .eval::<usize>("document.querySelectorAll('.hs-banner').length")
            .await?;
        ensure!(signal == 0, "the banner is still there");
        Ok(())
    }

    async fn says_that_it_is_away(&self) -> Result<()> {
        self.tabs[0].wait_for_element(".hs-banner").await
    }
}

#[tokio::test]
async fn after_kill_9() -> Result<()> {
    let (server, data) = started().await?;
    let mut scene = Scene::open(None, server, data).await?;
    scene.server.kill_9().await?;
    scene.says_that_it_is_away().await?;
    scene.server.start().await?;
    let back = Instant::now();
    scene.shows("after the kill", BACK_WITHIN, back).await?;
    scene.is_as_it_was().await
}

#[tokio::test]
async fn after_a_graceful_stop() -> Result<()> {
    let (server, data) = started().await?;
    let mut scene = Scene::open(None, server, data).await?;
    let status = scene.server.terminate(10 * SECOND).await?;
    ensure!(status.success(), "{status}");
    scene.says_that_it_is_away().await?;
    scene.server.start().await?;
    let back = Instant::now();
    scene.shows("after the stop", BACK_WITHIN, back).await?;
    scene.is_as_it_was().await
}

#[tokio::test]
async fn after_a_proxy_said_502_for_five_seconds() -> Result<()> {
    let (server, data) = started().await?;
    let proxy = FlakyProxy::start(server.addr_at(TODO)).await?;
    let scene = Scene::open(Some(&proxy), server, data).await?;
    proxy.set(Mode::BadGateway);
    // The outage is what is tested, so here time itself is waited for.
    let asked = proxy.requests();
    tokio::time::sleep(5 * SECOND).await;
    scene.says_that_it_is_away().await?;
    let asked = proxy.requests() - asked;
    ensure!(
        (6..=40).contains(&asked),
        "{asked} requests of two tabs in five seconds"
    );
    proxy.set(Mode::Pass);
    let back = Instant::now();
    scene.shows("after the proxy", BACK_WITHIN, back).await?;
    scene.is_as_it_was().await
}

#[tokio::test]
async fn after_going_offline_and_online() -> Result<()> {
    let (server, data) = started().await?;
    // An emulated network leaves open connections alone, so the way there is cut as well.
    let proxy = FlakyProxy::start(server.addr_at(TODO)).await?;
    let scene = Scene::open(Some(&proxy), server, data).await?;
    for tab in &scene.tabs {
        tab.offline(true).await?;
    }
    proxy.set(Mode::Reset);
    scene.says_that_it_is_away().await?;
    proxy.set(Mode::Pass);
    for tab in &scene.tabs {
        tab.offline(false).await?;
    }
    let back = Instant::now();
    scene.shows("after the tunnel", BACK_WITHIN, back).await?;
    scene.is_as_it_was().await
}

#[tokio::test]
async fn what_was_answered_under_load_is_kept_over_sigterm() -> Result<()> {
    let (mut server, _data) = started().await?;
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    tab.open(&server.url_at(TODO, "/")).await?;
    let add = action_of(&tab, "form.adder", "data-on:submit").await?;
    let answered = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let address = server.addr_at(TODO);
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (add, answered) = (add.clone(), answered.clone());
            tokio::spawn(async move {
                for n in 0..1_000 {
                    let text = format!("client {client} thing {n}.");
                    // The first refusal is the end: the server is going.
                    if call(address, &add, &format!("{{\"text\":\"{text}\"}}"))
                        .await
                        .is_err()
                    {
                        return;
                    }
                    answered.lock().expect("no panic").push(text);
                }
            })
        })
        .collect();
    wait_until("there is load", 20 * SECOND, async || {
        Ok((answered.lock().expect("no panic").len() > 40).then_some(()))
    })
    .await?;
    let status = server.terminate(15 * SECOND).await?;
    ensure!(status.success(), "{status}");
    for client in clients {
        client.await?;
    }
    server.start().await?;
    tab.reload().await?;
    let shown: String = tab.text("#todos").await?;
    let answered = answered.lock().expect("no panic").clone();
    for text in &answered {
        ensure!(
            shown.contains(text),
            "{text} was answered and is lost, of {}",
            answered.len()
        );
    }
    Ok(())
}
