//! Pictures of the examples in use, light and dark, wide and narrow, into a folder:
//! `cargo run -p hyperstar-e2e --example shots -- FOLDER`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use hyperstar_e2e::{Chrome, SECOND, Server, Tab, build_binary};

const NAMES: [&str; 6] = ["counter", "life", "todo", "chat", "north", "south"];
const TODOS: [&str; 3] = [
    "Water the plants",
    "Buy bread",
    "Write to Ann about a rather long matter that takes two lines on a phone",
];

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.context("say into which folder the pictures go")?;
    std::fs::create_dir_all(&folder)?;
    let data = tempfile::tempdir()?;
    let server = Server::new(build_binary("gallery").await?)?;
    let server = server.ports("HYPERSTAR_PORT", NAMES.len() as u16)?;
    let mut server = server.env("HYPERSTAR_DATA", data.path());
    server.start().await?;
    let chrome = Chrome::launch().await?;
    let mut tabs = Vec::new();
    for (index, _) in (0..).zip(NAMES) {
        let tab = chrome.tab().await?;
        tab.open(&server.url_at(index, "/")).await?;
        let started = "!document.documentElement.hasAttribute('data-nonce')";
        tab.wait_for(started, 10 * SECOND, "Datastar").await?;
        tabs.push(tab);
    }
    let [counter, _, todo, chat, north, _] = &tabs[..] else {
        unreachable!("a tab for each name");
    };
    for _ in 0..7 {
        counter.click(".plus").await?;
    }
    for text in TODOS {
        enter(todo, "#text", text).await?;
    }
    todo.click("#todos li .check").await?;
    for text in ["Hello there", "Is anybody here?"] {
        enter(chat, "#text", text).await?;
    }
    for amount in ["12.50", "3"] {
        enter(north, "#amount", amount).await?;
    }
    north.fill("#amount", "1000").await?;
    north.press("Enter").await?;
    north.wait_for_text("#error", "Ann has only 84.50.").await?;
    for (tab, name) in tabs.iter().zip(NAMES) {
        for (size, width, height) in [("wide", 1_100, 760), ("narrow", 390, 780)] {
            for (scheme, is_dark) in [("light", false), ("dark", true)] {
                let file = folder.join(format!("{name}-{size}-{scheme}.png"));
                tab.screenshot(file, width, height, is_dark).await?;
            }
        }
        tab.assert_clean()?;
    }
    Ok(())
}

/// Types into a field and sends it off; it was taken once the field is empty.
async fn enter(tab: &Tab, field: &str, text: &str) -> Result<()> {
    tab.fill(field, text).await?;
    tab.press("Enter").await?;
    let taken = format!("document.querySelector('{field}').value === ''");
    tab.wait_for(&taken, 10 * SECOND, text).await
}
