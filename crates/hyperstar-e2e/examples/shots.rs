#![allow(missing_docs)]
use anyhow::Result;
use hyperstar_e2e::{Chrome, SECOND, Server, build_binary};

#[tokio::main]
async fn main() -> Result<()> {
    let data = tempfile::tempdir()?;
    let server = Server::new(build_binary("gallery").await?)?.ports("HYPERSTAR_PORT", 6)?;
    let mut server = server.env("HYPERSTAR_DATA", data.path());
    server.start().await?;
    let chrome = Chrome::launch().await?;
    let names = ["counter", "life", "todo", "chat", "north", "south"];
    let mut tabs = Vec::new();
    for index in 0..6u16 {
        let tab = chrome.tab().await?;
        tab.open(&server.url_at(index, "/")).await?;
        tab.wait_for(
            "!document.documentElement.hasAttribute('data-nonce')",
            10 * SECOND,
            "Datastar",
        )
        .await?;
        tabs.push(tab);
    }
    for _ in 0..7 {
        tabs[0].click(".plus").await?;
    }
    for text in [
        "Water the plants",
        "Buy bread",
        "Write to Ann about a rather long matter that takes two lines on a phone",
    ] {
        tabs[2].fill("#text", text).await?;
        tabs[2].press("Enter").await?;
        tokio::time::sleep(SECOND / 2).await;
    }
    tabs[2].click("#todos li .check").await?;
    for text in ["Hello there", "Is anybody here?"] {
        tabs[3].fill("#text", text).await?;
        tabs[3].press("Enter").await?;
        tokio::time::sleep(SECOND / 2).await;
    }
    for amount in ["12.50", "3"] {
        tabs[4].fill("#amount", amount).await?;
        tabs[4].press("Enter").await?;
        tokio::time::sleep(SECOND / 2).await;
    }
    tabs[4].fill("#amount", "1000").await?;
    tabs[4].press("Enter").await?;
    tokio::time::sleep(SECOND).await;
    for (tab, name) in tabs.iter().zip(names) {
        for (size, width, height) in [("wide", 1100, 760), ("narrow", 390, 780)] {
            for dark in [false, true] {
                let scheme = if dark { "dark" } else { "light" };
                tab.screenshot(
                    format!("/tmp/shots/{name}-{size}-{scheme}.png"),
                    width,
                    height,
                    dark,
                )
                .await?;
            }
        }
        println!("{name}: {:?}", tab.assert_clean().err());
    }
    Ok(())
}
