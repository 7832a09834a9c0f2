//! The past of the to-do list, in the virtual browser.

use gallery::Example::Todo;
use http::{Request, StatusCode};
use hyperstar::Access;
use hyperstar::test::{Browser, Page, TestError};
use hyperstar_store::Store;

use crate::{browser, hosted};

async fn add(page: &mut Page, texts: &[&str]) -> Result<(), TestError> {
    for text in texts {
        page.type_text("#text", text).await?;
        page.submit("form.adder").await?;
        page.wait_for("#todos", text).await?;
    }
    Ok(())
}

/// Presses undo, and waits until the page offers the next.
async fn undo(page: &mut Page, next: &str) -> Result<(), TestError> {
    page.click("#undo").await?;
    page.wait_until(next, |page| offers(page) == next).await
}

/// What the button says that it takes back.
fn offers(page: &Page) -> String {
    page.attr("#undo", "title").unwrap_or_default()
}

/// Moves the slider so many changes back from now.
async fn slide(page: &mut Page, back: i64) -> Result<(), TestError> {
    let newest: i64 = page
        .attr("#place", "max")
        .unwrap_or_default()
        .parse()
        .unwrap_or(0);
    page.type_text("#place", &(newest - back).to_string()).await
}

/// Where the page puts the slider, as an expression that a real browser runs.
fn place(page: &Page) -> String {
    let effect = page.attr("#place", "data-effect").unwrap_or_default();
    let assigned = effect.rsplit('(').next().unwrap_or_default();
    assigned.trim_end_matches(')').to_owned()
}

fn todos(page: &Page) -> Vec<String> {
    let texts = (1..=page.count("#todos li"))
        .map(|n| page.text(&format!("#todos li:nth-child({n}) .text")));
    texts.collect()
}

/// Lets happen what is going to happen by itself. That nothing more will, nothing tells.
async fn settle() {
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
}

#[tokio::test]
async fn undo_goes_back_step_by_step_for_everyone() -> Result<(), TestError> {
    let ann = browser(Todo).await;
    let (mut hers, mut his) = (ann.open("/").await?, ann.someone_else().open("/").await?);
    assert_eq!(offers(&hers), "Nothing to undo");
    assert!(hers.attr("#undo", "disabled").is_some());
    add(&mut hers, &["milk", "<b>bread</b>"]).await?;
    his.wait_for("#todos", "bread").await?;
    assert_eq!(offers(&his), "Undo: Add <b>bread</b>");
    his.click("#todos li .check").await?;
    hers.wait_until("ticked", |page| offers(page) == "Undo: Tick milk")
        .await?;

    undo(&mut hers, "Undo: Add <b>bread</b>").await?;
    assert_eq!(
        (hers.count("#todos li"), hers.count("#todos li.done")),
        (2, 0)
    );
    undo(&mut hers, "Undo: Add milk").await?;
    his.wait_until("he sees it", |page| page.count("#todos li") == 1)
        .await?;
    undo(&mut his, "Nothing to undo").await?;
    hers.wait_until("empty", |page| page.count("#todos li") == 0)
        .await?;
    assert!(hers.attr("#undo", "disabled").is_some());
    // Nothing is lost: two added, one ticked, three taken back.
    assert_eq!(hers.attr("#place", "max").as_deref(), Some("6"));
    Ok(())
}

#[tokio::test]
async fn two_who_undo_the_same_at_once_undo_it_once() -> Result<(), TestError> {
    let browser = browser(Todo).await;
    let (mut hers, mut his) = (browser.open("/").await?, browser.open("/").await?);
    add(&mut hers, &["milk", "bread"]).await?;
    his.wait_for("#todos", "bread").await?;
    let both = tokio::join!(hers.click("#undo"), his.click("#undo"));
    both.0?;
    both.1?;
    hers.wait_until("one is left", |page| todos(page) == ["milk"])
        .await?;
    settle().await;
    hers.take_in()?;
    assert_eq!(todos(&hers), ["milk"]);
    // Two were added, one was taken back.
    assert_eq!(hers.attr("#place", "max").as_deref(), Some("3"));
    Ok(())
}

#[tokio::test]
async fn what_was_changed_again_is_not_undone_and_that_is_said() -> Result<(), TestError> {
    let browser = browser(Todo).await;
    let (mut page, mut other) = (browser.open("/").await?, browser.open("/").await?);
    add(&mut page, &["milk"]).await?;
    page.wait_until("it is offered", |page| offers(page) == "Undo: Add milk")
        .await?;
    // Somebody is faster: the page has not heard of it when the button is pressed.
    page.disconnect();
    other.wait_for("#todos", "milk").await?;
    other.click("#todos li .check").await?;
    let refused = page
        .click("#undo")
        .await
        .expect_err("a conflict")
        .to_string();
    assert!(
        refused.contains("409") && refused.contains("changed the same again"),
        "{refused}"
    );
    page.reconnect().await?;
    page.wait_until("it is ticked", |page| page.count("#todos li.done") == 1)
        .await?;
    undo(&mut page, "Undo: Add milk").await?;
    assert_eq!(page.count("#todos li.done"), 0);
    Ok(())
}

#[tokio::test]
async fn the_slider_shows_the_past_and_leads_back() -> Result<(), TestError> {
    let browser = browser(Todo).await;
    let (mut page, mut other) = (browser.open("/").await?, browser.open("/").await?);
    add(&mut page, &["milk", "bread", "tea"]).await?;
    page.type_text("#text", "half typed").await?;
    slide(&mut page, 2).await?;
    page.wait_for("#past", "You are looking at the past")
        .await?;
    assert_eq!(todos(&page), ["milk"]);
    assert!(
        page.text("#moment").ends_with("UTC: Add milk"),
        "{}",
        page.text("#moment")
    );
    assert!(page.address().starts_with("/?at="), "{}", page.address());
    assert_eq!(page.title(), "Todo, in the past");
    assert_eq!(
        page.count("#todos button") + page.count("#undo") + page.count(".adder"),
        0
    );
    assert!(!page.exists("a#older"), "it is the oldest");

    page.click("a#newer").await?;
    page.wait_until("the next", |page| todos(page) == ["milk", "bread"])
        .await?;
    assert_eq!(place(&page), "el.value = 2");
    // The links keep the moment, and what else the address says.
    page.click(".filter a:nth-child(3)").await?;
    page.wait_for(".empty", "There was nothing here").await?;
    slide(&mut page, 2).await?;
    page.wait_until("further", |page| page.text("#moment").contains("Add milk"))
        .await?;
    assert!(
        page.address().starts_with("/?show=done&at="),
        "{}",
        page.address()
    );
    page.click(".filter a:nth-child(1)").await?;
    page.wait_until("all", |page| todos(page) == ["milk"])
        .await?;
    // The end of the slider is now, and it is live.
    slide(&mut page, 0).await?;
    page.wait_until("now", |page| todos(page) == ["milk", "bread", "tea"])
        .await?;
    assert_eq!(
        (page.address(), page.value("#text").as_str()),
        ("/", "half typed")
    );
    add(&mut other, &["more"]).await?;
    page.wait_for("#todos", "more").await?;
    page.click("a#older").await?;
    page.wait_for("#past", "past").await?;
    page.click("#now").await?;
    page.wait_for("#todos", "more").await?;
    assert_eq!(page.address(), "/");
    Ok(())
}

#[tokio::test]
async fn a_page_in_the_past_stays_there_and_disturbs_nobody() -> Result<(), TestError> {
    let store = Store::memory();
    let (_host, app) = hosted(&store, Todo).await;
    let app = app.metrics("/metrics", Access::Anyone);
    let browser = Browser::new(app)?;
    let (mut then, mut now) = (browser.open("/").await?, browser.open("/").await?);
    add(&mut now, &["milk", "bread"]).await?;
    then.wait_for("#todos", "bread").await?;
    // What this one is shown, whoever goes there too is shown.
    let _first = browser.open("/?at=1").await?;
    settle().await;

    let before = renders(&browser).await?;
    slide(&mut then, 1).await?;
    then.wait_for("#past", "past").await?;
    settle().await;
    assert_eq!(
        renders(&browser).await?,
        before,
        "the page of now rendered, or that of then once more"
    );

    // Changes elsewhere wake it not at all.
    let before = renders(&browser).await?;
    for n in 0..5 {
        store.set("elsewhere", &n).expect("a commit");
        settle().await;
    }
    assert_eq!(renders(&browser).await?, before);

    // Changes of the list once each, for the range.
    for n in 1..=5_u64 {
        add(&mut now, &[&format!("more {n}")]).await?;
        settle().await;
        assert_eq!(
            renders(&browser).await?,
            before + 2 * n,
            "one for now, one for then"
        );
    }
    then.take_in()?;
    assert_eq!(todos(&then), ["milk"]);
    assert_eq!(place(&then), "el.value = 1");
    assert_eq!(then.attr("#place", "max").as_deref(), Some("7"));

    // However many look at the same moment: one render, and it is not told from the network's return.
    let there = then.address().to_owned();
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(browser.someone_else().open(&there).await?);
    }
    then.disconnect();
    then.reconnect().await?;
    settle().await;
    let before = renders(&browser).await?;
    add(&mut now, &["last"]).await?;
    settle().await;
    assert_eq!(renders(&browser).await?, before + 2);
    then.take_in()?;
    assert_eq!(todos(&then), ["milk"]);
    Ok(())
}

/// How often views have run.
async fn renders(browser: &Browser) -> Result<u64, TestError> {
    let request = Request::get("/metrics").body("").expect("a request");
    let answer = browser.request(request).await?;
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    let line = text
        .lines()
        .find(|line| line.starts_with("hyperstar_renders_total"));
    let count = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    Ok(count.unwrap_or_else(|| panic!("no renders in {text}")))
}

#[tokio::test]
async fn a_link_shows_the_same_past_to_anyone() -> Result<(), TestError> {
    let store = Store::memory();
    let (host, app) = hosted(&store, Todo).await;
    let ann = Browser::new(app)?;
    let mut hers = ann.open("/").await?;
    add(&mut hers, &["milk", "bread"]).await?;
    // Of now as well: it is a moment like another, once it is over.
    let link = hers.attr("#copy", "href").unwrap_or_default();
    add(&mut hers, &["tea"]).await?;
    let mut his = ann.someone_else().open(&link).await?;
    his.wait_for("#past", "You are looking at the past").await?;
    assert_eq!(todos(&his), ["milk", "bread"]);
    assert_eq!(his.attr("#copy", "href").as_deref(), Some(&*link));
    his.click("#now").await?;
    his.wait_for("#todos", "tea").await?;
    // Another host, which has seen nothing of all that.
    host.stop().await;
    let (_host, app) = hosted(&store, Todo).await;
    let again = Browser::new(app)?.open(&link).await?;
    assert_eq!(todos(&again), ["milk", "bread"]);
    Ok(())
}

#[tokio::test]
async fn what_was_is_brought_back_and_that_can_be_undone() -> Result<(), TestError> {
    let browser = browser(Todo).await;
    let (mut hers, mut his) = (
        browser.open("/").await?,
        browser.someone_else().open("/").await?,
    );
    add(&mut hers, &["milk", "bread"]).await?;
    hers.click("#todos li .bin").await?;
    for page in [&mut hers, &mut his] {
        page.wait_until("removed", |page| todos(page) == ["bread"])
            .await?;
    }
    slide(&mut hers, 1).await?;
    hers.wait_for("#past", "past").await?;
    hers.click("#restore").await?;
    hers.wait_until("back", |page| {
        page.address() == "/" && todos(page) == ["milk", "bread"]
    })
    .await?;
    his.wait_until("for him", |page| todos(page) == ["milk", "bread"])
        .await?;
    assert_eq!(offers(&his), "Undo: Restore: Add bread");
    undo(&mut his, "Undo: Remove milk").await?;
    assert_eq!(todos(&his), ["bread"]);
    undo(&mut his, "Undo: Add bread").await?;
    assert_eq!(todos(&his), ["milk", "bread"]);
    Ok(())
}

#[tokio::test]
async fn what_is_no_moment_is_said_with_the_way_out() -> Result<(), TestError> {
    let browser = browser(Todo).await;
    let mut page = browser.open("/").await?;
    add(&mut page, &["one", "two", "three", "four"]).await?;
    let long = format!("/?at={}", "f".repeat(7_000));
    for address in [
        "/?at=",
        "/?at=0",
        "/?at=5",
        "/?at=01",
        "/?at=-1",
        "/?at=18446744073709551616",
        "/?at=HEAD",
        "/?at=HEAD~1",
        "/?at=main",
        "/?at=../../etc/passwd",
        "/?at=%00%0d%0aset-cookie:%20a=b",
        "/?at=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/?at='%2Balert(1)%2B'",
        "/?at=%F0%9F%A6%80&at=x&show=%3Cb%3E",
        &long,
    ] {
        let request = Request::get(address).body("").expect("a request");
        let answer = browser.request(request).await?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{address}: {text}");
        assert!(
            text.contains("This moment is not kept"),
            "{address}: {text}"
        );
        assert!(text.contains("href=\"/\""), "{address}: {text}");
        assert!(
            !text.contains("<script>alert") && !text.contains("'+alert"),
            "{text}"
        );
        assert!(
            !answer
                .headers()
                .get_all("set-cookie")
                .iter()
                .any(|cookie| cookie == "a=b")
        );
        assert!(text.len() < 20_000, "{}", text.len());
    }
    // What is no address at all is refused as ever.
    let request = Request::get("/?at=%ff").body("").expect("a request");
    assert_eq!(
        browser.request(request).await?.status(),
        StatusCode::BAD_REQUEST
    );
    // Actions that no page would send.
    for place in [i64::MIN, -1, 0, 1, 99, i64::MAX] {
        page.set_signal("place", place);
        page.fire("#place", "input__debounce.120ms", serde_json::json!({}))
            .await?;
    }
    for place in [
        serde_json::json!("x"),
        serde_json::json!(1e300),
        serde_json::json!([]),
    ] {
        page.set_signal("place", place);
        let refused = page
            .fire("#place", "input__debounce.120ms", serde_json::json!({}))
            .await;
        assert!(
            refused
                .expect_err("a bad place")
                .to_string()
                .contains("400")
        );
    }
    Ok(())
}
