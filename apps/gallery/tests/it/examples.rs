//! The examples in the virtual browser: many people, restarts, no time at all.

use hyperstar::test::{Browser, TestError};
use hyperstar_store::Store;

#[tokio::test(start_paused = true)]
async fn everyone_counts_together() -> Result<(), TestError> {
    let ann = Browser::new(counter::app())?;
    let (mut hers, mut his) = (ann.open("/").await?, ann.someone_else().open("/").await?);
    hers.wait_for("#here", "2 watching").await?;
    hers.click(".plus").await?;
    hers.click(".plus").await?;
    his.wait_for("#count", "2").await?;
    his.press("body", "h").await?;
    hers.wait_for("#count", "1").await?;
    his.click(".reset").await?;
    hers.wait_for("#count", "0").await?;
    drop(his);
    hers.wait_for("#here", "1 watching").await
}

#[tokio::test(start_paused = true)]
async fn the_list_outlives_the_app() -> Result<(), TestError> {
    let store = Store::memory();
    let browser = Browser::new(todo::app(&store))?;
    let mut page = browser.open("/").await?;
    let mut other = browser.someone_else().open("/").await?;
    other.type_text("#text", "half typed").await?;
    for text in ["milk", "bread & <b>butter</b>"] {
        page.type_text("#text", text).await?;
        page.submit("form.adder").await?;
        other.wait_for("#todos", text).await?;
    }
    assert_eq!(other.value("#text"), "half typed");
    page.type_text("#text", "   ").await?;
    page.submit("form.adder").await?;
    assert_ne!(
        page.signal::<String>("error").as_deref(),
        Some(""),
        "it says what is wrong"
    );
    page.click("#todos li .check").await?;
    other
        .wait_until("one is done", |page| page.count("#todos li.done") == 1)
        .await?;
    assert_eq!(browser.open("/?show=active").await?.count("#todos li"), 1);

    let again = Browser::new(todo::app(&store))?;
    let mut page = again.open("/").await?;
    assert_eq!(
        (page.count("#todos li"), page.count("#todos li.done")),
        (2, 1)
    );
    page.click("button.clear").await?;
    page.wait_until("cleared", |page| page.count("#todos li") == 1)
        .await?;
    page.click("#todos li .bin").await?;
    page.wait_until("empty", |page| page.count("#todos li") == 0)
        .await
}

#[tokio::test(start_paused = true)]
async fn people_talk_in_rooms() -> Result<(), TestError> {
    let store = Store::memory();
    let ann = Browser::new(chat::app(&store))?;
    let bob = ann.someone_else();
    let (mut hers, mut his) = (ann.open("/").await?, bob.open("/").await?);
    hers.type_text("#name", "Ann of the North").await?;
    hers.submit("#rename").await?;
    hers.type_text("#text", "hello <there>").await?;
    hers.submit("form.composer").await?;
    his.wait_for("#messages", "hello <there>").await?;
    his.wait_for("#messages", "Ann of the North").await?;
    let elsewhere = bob.open("/room/ideas").await?;
    assert_eq!(elsewhere.count("#messages li"), 0, "a room of its own");
    hers.type_text("#text", &"x".repeat(100_000)).await?;
    hers.submit("form.composer").await?;
    assert!(
        hers.signal::<String>("error")
            .is_some_and(|error| !error.is_empty())
    );

    let again = Browser::new(chat::app(&store))?;
    let page = again.open("/").await?;
    assert!(page.text("#messages").contains("hello <there>"), "kept");
    Ok(())
}
