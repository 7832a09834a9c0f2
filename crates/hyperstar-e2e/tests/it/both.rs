//! What the examples do, written once and seen twice: as structs in the gallery's program, and as components
//! on a node.

#[path = "../../../hyperstar-cli/src/demo/examples.rs"]
mod demo;
mod kit;
mod stage;

use anyhow::{Context, Result, ensure};
use gallery::Example::{self, Chat, Counter, Life, NorthBank, SouthBank, Todo};
use http::Request;
use hyperstar::test::Page;
use hyperstar_e2e::{Chrome, SECOND};

use stage::{Place, Stage};

#[test]
fn the_command_line_shows_the_examples_of_the_gallery() {
    let processes = demo::EXAMPLES.map(|(_, processes)| processes).concat();
    assert_eq!(processes, Example::ALL.map(Example::process));
    assert_eq!(demo::GRANTS, gallery::GRANTS);
}

/// Checks the same of examples wherever they run.
async fn everywhere(
    examples: &'static [Example],
    check: impl AsyncFn(&mut Stage) -> Result<()>,
) -> Result<()> {
    for place in [Place::Gallery, Place::Node] {
        let mut stage = Stage::open(place, examples).await?;
        let checked = check(&mut stage).await;
        checked.with_context(|| format!("as in {place:?}"))?;
        stage.stop().await?;
    }
    Ok(())
}

/// An address under `.localhost` for each app, its stream, its policy and its cookie, in a real browser.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_browser_shows_components() -> Result<()> {
    let mut stage = Stage::open(Place::Node, &[Counter, Todo]).await?;
    let chrome = Chrome::launch().await?;
    let (hers, his) = (chrome.tab().await?, chrome.tab().await?);
    for tab in [&hers, &his] {
        tab.open(&stage.url(Counter)?).await?;
        tab.wait_for_element("#here").await?;
    }
    hers.wait_for_text("#here", "2 watching").await?;
    hers.click(".plus").await?;
    hers.click(".plus").await?;
    his.wait_for_text("#count", "2").await?;
    let our: String = hers
        .eval("fetch('/our.js').then(our => our.text())")
        .await?;
    ensure!(
        our.contains(r#""process":"counter:counter:local""#),
        "{our}"
    );
    hers.assert_clean()?;
    his.assert_clean()?;

    his.open(&stage.url(Todo)?).await?;
    his.fill("#text", "<b>milk</b>").await?;
    his.press("Enter").await?;
    let is_shown = "document.querySelector('#todos').innerText.includes('<b>milk</b>')";
    his.wait_for(is_shown, 10 * SECOND, "what was typed")
        .await?;
    his.assert_clean()?;
    // Each has the cookie of its own app alone.
    for (tab, own) in [(&hers, "counter"), (&his, "todo")] {
        let cookies = tab.cookies().await?;
        ensure!(
            cookies.iter().all(|cookie| cookie.name.contains(own)) && !cookies.is_empty(),
            "{cookies:?}"
        );
    }
    drop((hers, his, chrome));
    stage.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_counts_together() -> Result<()> {
    everywhere(&[Counter], async |stage| {
        let ann = stage.browser(Counter);
        let (mut hers, mut his) = (ann.open("/").await?, ann.someone_else().open("/").await?);
        hers.wait_for("#here", "2 watching").await?;
        hers.click(".plus").await?;
        hers.click(".plus").await?;
        his.wait_for("#count", "2").await?;
        drop(his);
        hers.wait_for("#here", "1 watching").await?;
        let asked = Request::get("/api/count").body("")?;
        ensure!(&ann.request(asked).await?.body()[..] == b"2");

        stage.restart().await?;
        let mut his = ann.someone_else().open("/").await?;
        ensure!(his.text("#count") == "2", "it is kept");
        // A page that was open all the while is one of those who watch, as soon as it is back.
        hers.reconnect().await?;
        his.wait_for("#here", "2 watching").await?;
        hers.click(".plus").await?;
        Ok(his.wait_for("#count", "3").await?)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_plays_in_the_same_world() -> Result<()> {
    everywhere(&[Life], async |stage| {
        let ann = stage.browser(Life);
        let (mut hers, mut his) = (ann.open("/").await?, ann.someone_else().open("/").await?);
        hers.wait_for("#here", "2 playing").await?;
        hers.wait_until("time moves", |page| generation(page) >= Some(3))
            .await?;
        hers.click("#run").await?;
        hers.click("#clear").await?;
        his.wait_until("an empty world", |page| {
            page.text(".stats") == "0 generations0 alive"
        })
        .await?;
        his.click("#step").await?;
        hers.wait_for(".stats", "1 generations").await?;
        stage.restart().await?;
        let mut page = ann.open("/").await?;
        ensure!(
            page.text(".stats") == "1 generations0 alive",
            "what is orderly ended is kept"
        );
        page.click("#random").await?;
        Ok(page
            .wait_until("time moves", |page| generation(page) >= Some(3))
            .await?)
    })
    .await
}

fn generation(page: &Page) -> Option<u64> {
    page.text(".stats").split(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_has_a_past() -> Result<()> {
    everywhere(&[Todo], async |stage| {
        let ann = stage.browser(Todo);
        let (mut hers, mut his) = (ann.open("/").await?, ann.someone_else().open("/").await?);
        for text in ["milk", "bread & <b>butter</b>", "tea"] {
            hers.type_text("#text", text).await?;
            hers.submit("form.adder").await?;
            his.wait_for("#todos", text).await?;
        }
        his.click("#todos li .check").await?;
        hers.wait_until("ticked", |page| page.count("#todos li.done") == 1)
            .await?;
        let link = hers.attr("#copy", "href").context("a link")?;
        hers.click("#undo").await?;
        his.wait_until("undone", |page| page.count("#todos li.done") == 0)
            .await?;
        his.type_text("#place", "2").await?;
        his.wait_for("#past", "You are looking at the past").await?;
        ensure!(his.address() == "/?at=2", "{}", his.address());
        his.wait_until("as it was", |page| page.count("#todos li") == 2)
            .await?;

        stage.restart().await?;
        let mut page = ann.open("/").await?;
        ensure!((page.count("#todos li"), page.count("#todos li.done")) == (3, 0));
        let then = ann.open(&link).await?;
        ensure!(then.count("#todos li.done") == 1, "the link shows the same");
        page.click("#undo").await?;
        page.wait_until("bread and milk", |page| page.count("#todos li") == 2)
            .await?;
        let lost = ann.open("/?at=99").await;
        ensure!(lost.is_err_and(|error| error.to_string().contains("404")));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_talk_in_rooms() -> Result<()> {
    everywhere(&[Chat], async |stage| {
        let ann = stage.browser(Chat);
        let bob = ann.someone_else();
        let (mut hers, mut his) = (ann.open("/").await?, bob.open("/").await?);
        hers.type_text("#name", "Ann of the North").await?;
        hers.submit("#rename").await?;
        hers.wait_for("button.me", "Ann of the North").await?;
        his.type_text("#text", "half typed").await?;
        hers.type_text("#text", "hello <there>").await?;
        hers.submit("form.composer").await?;
        his.wait_for("#messages", "hello <there>").await?;
        his.wait_for("#messages", "Ann of the North").await?;
        ensure!(his.value("#text") == "half typed");
        let elsewhere = bob.open("/room/ideas").await?;
        ensure!(elsewhere.count("#messages li") == 0, "a room of its own");

        stage.restart().await?;
        let mut hers = ann.open("/").await?;
        hers.wait_for("#messages", "hello <there>").await?;
        ensure!(
            hers.text("button.me").contains("Ann of the North"),
            "her name is hers as long as her cookie"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_goes_from_bank_to_bank() -> Result<()> {
    everywhere(&[NorthBank, SouthBank], async |stage| {
        let (north, south) = (stage.browser(NorthBank), stage.browser(SouthBank));
        let (mut here, mut there) = (north.open("/").await?, south.open("/").await?);
        here.type_text("#amount", "12.50").await?;
        here.submit("form.sending").await?;
        here.wait_for("#account-0", "87.50").await?;
        there.wait_for("#account-0", "112.50").await?;
        there.type_text("#amount", "0.50").await?;
        there.submit("form.sending").await?;
        here.wait_for("#account-0", "88.00").await?;
        here.wait_for("#movements", "Ann to Ann at south: 12.50")
            .await?;

        stage.restart().await?;
        let (here, there) = (north.open("/").await?, south.open("/").await?);
        ensure!(here.text("#account-0").contains("88.00"));
        ensure!(there.text("#account-0").contains("112.00"));
        Ok(())
    })
    .await
}
