//! The examples in the virtual browser: many people, and restarts.

use gallery::Example::{self, Chat, Counter, Life, NorthBank, SouthBank, Todo};
use gallery::start;
use http::{Request, StatusCode};
use hyperstar::test::{Browser, TestError};
use hyperstar_native::Host;
use hyperstar_store::Store;

use crate::{browser, hosted};

#[tokio::test]
async fn everyone_counts_together() -> Result<(), TestError> {
    let ann = browser(Counter).await;
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

#[tokio::test]
async fn the_list_outlives_the_app() -> Result<(), TestError> {
    let store = Store::memory();
    let (host, app) = hosted(&store, Todo).await;
    let browser = Browser::new(app)?;
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

    host.stop().await;
    let (_host, app) = hosted(&store, Todo).await;
    let mut page = Browser::new(app)?.open("/").await?;
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

#[tokio::test]
async fn people_talk_in_rooms() -> Result<(), TestError> {
    let store = Store::memory();
    let (host, app) = hosted(&store, Chat).await;
    let ann = Browser::new(app)?;
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

    host.stop().await;
    let (_host, app) = hosted(&store, Chat).await;
    let page = Browser::new(app)?.open("/").await?;
    assert!(page.text("#messages").contains("hello <there>"), "kept");
    Ok(())
}

#[tokio::test]
async fn everyone_plays_in_the_same_world() -> Result<(), TestError> {
    let ann = browser(Life).await;
    let (mut hers, mut his) = (ann.open("/").await?, ann.someone_else().open("/").await?);
    hers.wait_for("#here", "2 playing").await?;
    hers.click("#run").await?;
    hers.click("#clear").await?;
    his.wait_until("an empty world that stands", |page| {
        page.text(".stats") == "0 generations0 alive"
    })
    .await?;
    hers.click(".inks .ink-3").await?;
    his.click("#random").await?;
    hers.wait_until("a lively world that runs", |page| {
        page.text("#run") == "Pause" && !page.text(".stats").contains("0 generations0")
    })
    .await?;
    hers.click("#run").await?;
    hers.click("#clear").await?;
    his.click("#step").await?;
    hers.wait_until("a step further", |page| {
        page.text(".stats") == "1 generations0 alive"
    })
    .await
}

#[tokio::test]
async fn money_goes_from_bank_to_bank() -> Result<(), TestError> {
    let host = Host::new("test", &Store::memory());
    start(&host, &[NorthBank, SouthBank])
        .await
        .expect("they start");
    let north = Browser::new(host.app(NorthBank.process()).expect("it is there"))?;
    let south = Browser::new(host.app(SouthBank.process()).expect("it is there"))?;
    let (mut north, mut south) = (north.open("/").await?, south.open("/").await?);
    north.type_text("#amount", "12.50").await?;
    north.submit("form.sending").await?;
    north.wait_for("#account-0", "87.50").await?;
    south.wait_for("#account-0", "112.50").await?;
    south
        .wait_for("#movements", "Ann from north: 12.50")
        .await?;
    north
        .wait_for("#movements", "Ann to Ann at south: 12.50")
        .await?;
    north.type_text("#amount", "1000").await?;
    north.submit("form.sending").await?;
    north
        .wait_until("it says why", |page| {
            page.signal::<String>("error")
                .is_some_and(|error| error == "Ann has only 87.50.")
        })
        .await
}

#[tokio::test]
async fn where_no_page_is_a_page_says_so() -> Result<(), TestError> {
    for example in Example::ALL {
        let browser = browser(example).await;
        let request = Request::get("/nowhere").body("").expect("a request");
        let answer = browser.request(request).await?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{example:?}");
        assert!(text.starts_with("<!DOCTYPE html>"), "{example:?}: {text}");
        assert!(text.contains("There is nothing at /nowhere."), "{text}");
    }
    Ok(())
}
