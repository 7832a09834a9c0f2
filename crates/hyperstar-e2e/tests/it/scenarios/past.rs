//! The past of the to-do list: undo, the slider, and links to a moment.

use anyhow::{Result, ensure};
use hyperstar_e2e::{Chrome, SECOND, Tab};

use super::{TODO, started};

async fn add(tab: &Tab, texts: &[&str]) -> Result<()> {
    for text in texts {
        tab.fill("#text", text).await?;
        tab.press("Enter").await?;
        let js = format!(
            "document.querySelector('#text').value === '' && {}",
            shows(&[text])
        );
        tab.wait_for(&js, 10 * SECOND, text).await?;
    }
    Ok(())
}

/// An expression: the last todos are these.
fn shows(texts: &[&str]) -> String {
    format!(
        "[...document.querySelectorAll('#todos .text span:first-child')].map(e => e.innerText).slice(-{}).join() === '{}'",
        texts.len().max(1),
        texts.join(",")
    )
}

async fn sees(tab: &Tab, texts: &[&str]) -> Result<()> {
    let all = format!(
        "document.querySelectorAll('#todos li').length === {} && {}",
        texts.len(),
        shows(texts)
    );
    tab.wait_for(&all, 10 * SECOND, &format!("{texts:?}")).await
}

/// An expression: where the slider stands, and how far it goes.
const PLACE: &str =
    "(el => `${el.value} of ${el.min} to ${el.max}`)(document.querySelector('#place'))";

#[tokio::test]
async fn one_looks_at_the_past_while_another_goes_on() -> Result<()> {
    let (mut server, _data) = started().await?;
    let chrome = Chrome::launch().await?;
    let (ann, bob) = (chrome.user().await?, chrome.user().await?);
    let (ann, bob) = (ann.tab().await?, bob.tab().await?);
    let url = server.url_at(TODO, "/");
    for tab in [&ann, &bob] {
        tab.open(&url).await?;
    }
    add(&bob, &["milk", "bread", "tea"]).await?;
    sees(&ann, &["milk", "bread", "tea"]).await?;
    ann.wait_for(
        &format!("{PLACE} === '3 of 1 to 3'"),
        5 * SECOND,
        "the slider is at now",
    )
    .await?;

    // By the keyboard, without a reload, with what was typed and the focus kept.
    ann.type_text("#text", "half typed").await?;
    ann.eval::<Option<()>>("{ window.isSame = true; document.querySelector('#place').focus() }")
        .await?;
    ann.press("ArrowLeft").await?;
    ann.press("ArrowLeft").await?;
    ann.wait_for_text("#past b", "You are looking at the past.")
        .await?;
    sees(&ann, &["milk"]).await?;
    ensure!(
        ann.focus().await?.id == "place",
        "the focus is lost: {:?}",
        ann.focus().await?
    );
    ensure!(
        ann.text("#moment").await? == "just now: Add milk",
        "{}",
        ann.text("#moment").await?
    );
    let there = ann.url().await?;
    ensure!(there.starts_with(&format!("{url}?at=")), "{there}");
    ensure!(
        ann.count("#todos button, #undo, .adder").await? == 0,
        "it can be changed"
    );

    // Others go on, she stays; her range grows.
    add(&bob, &["jam", "salt"]).await?;
    ann.wait_for(
        &format!("{PLACE} === '1 of 1 to 5'"),
        10 * SECOND,
        "her range",
    )
    .await?;
    sees(&ann, &["milk"]).await?;
    ensure!(ann.focus().await?.id == "place", "the focus is lost");
    bob.wait_for(
        &format!("{PLACE} === '5 of 1 to 5'"),
        5 * SECOND,
        "his slider",
    )
    .await?;
    // Also through a crash of the server.
    server.kill_9().await?;
    server.start().await?;
    add(&bob, &["oats"]).await?;
    ann.wait_for(
        &format!("{PLACE} === '1 of 1 to 6'"),
        15 * SECOND,
        "her range again",
    )
    .await?;
    sees(&ann, &["milk"]).await?;

    // Whoever gets the link sees the same.
    let eve = chrome.user().await?.tab().await?;
    eve.open(&there).await?;
    eve.wait_for_text("#past b", "You are looking at the past.")
        .await?;
    sees(&eve, &["milk"]).await?;
    let link: String = eve.eval("document.querySelector('#copy').href").await?;
    ensure!(link == there, "{link} is not {there}");
    let plain = chrome.user().await?.tab().await?;
    plain.javascript(false).await?;
    plain.open(&there).await?;
    ensure!(
        plain.count("#todos li").await? == 1 && plain.count("#past").await? == 1,
        "without JavaScript"
    );

    // Back to now, which is live.
    ann.press("End").await?;
    sees(&ann, &["milk", "bread", "tea", "jam", "salt", "oats"]).await?;
    ensure!(ann.url().await? == url, "{}", ann.url().await?);
    ann.wait_for(
        "document.querySelector('#text').value === 'half typed'",
        5 * SECOND,
        "what she typed",
    )
    .await?;
    ensure!(
        ann.eval::<bool>("window.isSame === true").await?,
        "the page was loaded anew"
    );
    add(&bob, &["rice"]).await?;
    sees(
        &ann,
        &["milk", "bread", "tea", "jam", "salt", "oats", "rice"],
    )
    .await?;

    // Undo is seen by both, and goes further back.
    ann.click("#undo").await?;
    sees(&bob, &["milk", "bread", "tea", "jam", "salt", "oats"]).await?;
    sees(&ann, &["milk", "bread", "tea", "jam", "salt", "oats"]).await?;
    bob.click("#undo").await?;
    sees(&ann, &["milk", "bread", "tea", "jam", "salt"]).await?;
    ann.wait_for(
        "document.querySelector('#undo').title === 'Undo: Add salt'",
        5 * SECOND,
        "the next",
    )
    .await?;

    // What was is brought back for all, and that can be undone.
    eve.click("#restore").await?;
    for tab in [&ann, &bob, &eve] {
        sees(tab, &["milk"]).await?;
    }
    ensure!(eve.url().await? == url, "{}", eve.url().await?);
    ann.click("#undo").await?;
    sees(&bob, &["milk", "bread", "tea", "jam", "salt"]).await?;
    eve.assert_clean()
}

#[tokio::test]
async fn moving_the_slider_is_no_way_through_the_history_and_a_link_is() -> Result<()> {
    let (server, _data) = started().await?;
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    let url = server.url_at(TODO, "/");
    tab.open(&url).await?;
    add(&tab, &["milk", "bread"]).await?;
    tab.eval::<Option<()>>("void (window.isSame = true)")
        .await?;
    tab.type_text("#text", "half typed").await?;
    tab.click(".filter a:nth-child(3)").await?;
    tab.wait_for_text(".empty", "Nothing is done yet.").await?;
    ensure!(
        tab.url().await? == format!("{url}?show=done"),
        "{}",
        tab.url().await?
    );
    tab.click("a#older").await?;
    tab.wait_for_text(".empty", "There was nothing here.")
        .await?;
    tab.eval::<Option<()>>("history.back()").await?;
    sees(&tab, &["milk", "bread"]).await?;
    ensure!(tab.url().await? == url, "{}", tab.url().await?);
    tab.eval::<Option<()>>("history.forward()").await?;
    tab.wait_for_text(".empty", "There was nothing here.")
        .await?;
    tab.click("#now").await?;
    tab.wait_for_text(".empty", "Nothing is done yet.").await?;
    tab.click(".filter a:nth-child(1)").await?;
    sees(&tab, &["milk", "bread"]).await?;
    tab.wait_for(
        "document.querySelector('#text').value === 'half typed'",
        5 * SECOND,
        "what was typed",
    )
    .await?;
    ensure!(
        tab.eval::<bool>("window.isSame === true").await?,
        "the page was loaded anew"
    );
    ensure!(
        tab.count(".hs-banner").await? == 0,
        "it says that the server is away"
    );
    // Many moves, faster than the answers: the last one counts, and no answer pulls the slider back.
    add(&tab, &["tea"]).await?;
    tab.eval::<Option<()>>("document.querySelector('#place').focus()")
        .await?;
    for key in ["Home", "End", "Home", "End", "ArrowLeft"] {
        tab.press(key).await?;
        tokio::time::sleep(SECOND / 7).await;
    }
    sees(&tab, &["milk", "bread"]).await?;
    let place = format!("{PLACE} === '2 of 1 to 3'");
    tab.wait_for(&place, 5 * SECOND, "the slider").await?;
    // Where no page of the app is, the browser goes by itself.
    tab.eval::<Option<()>>("{ const a = document.createElement('a'); a.href = '/nowhere'; a.dataset.hsGo = ''; document.body.append(a); a.click() }").await?;
    tab.wait_for(
        "document.body.innerText.includes('There is nothing at /nowhere.')",
        10 * SECOND,
        "404",
    )
    .await
}

#[tokio::test]
async fn a_link_to_nothing_says_so_and_leads_to_now() -> Result<()> {
    let (server, _data) = started().await?;
    let chrome = Chrome::launch().await?;
    let tab = chrome.tab().await?;
    let hostile = "/?at=%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%27%2Balert(2)%2B%27";
    tab.open(&server.url_at(TODO, hostile)).await?;
    tab.wait_for_text(".lost h2", "This moment is not kept")
        .await?;
    ensure!(tab.dialogs().is_empty(), "{:?}", tab.dialogs());
    tab.click("#now").await?;
    tab.wait_for_element("#text").await?;
    add(&tab, &["milk"]).await?;
    ensure!(
        tab.url().await? == server.url_at(TODO, "/"),
        "{}",
        tab.url().await?
    );
    Ok(())
}
