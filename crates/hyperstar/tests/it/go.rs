//! Pages that go to other addresses in place, and pages that show the past.

use http::{Request, StatusCode};
use hyperstar::test::{Browser, TestError};
use hyperstar::{ActionCx, ActionError, App, Cx, Html, Hub, Reply, View, ViewError, action};
use hyperstar_store::Store;
use maud::html;

/// Two pages; `here` counts who is at the first.
fn app(hub: &Hub) -> App {
    let here = hub.live(0);
    let (shown, joined, left) = (here.clone(), here.clone(), here);
    let rooms = View::shared(move |cx: Cx| {
        html! {
            p #place { (cx.path()) " " (cx.query("at").unwrap_or("now")) }
            p #here { (shown.get()) }
            div data-signals="{to: '', text: ''}" { input #text data-bind:text; }
            button #go data-on:click=(action("go")) { "go" }
            a #link data-hs-go href="?at=linked" { "there" }
            a #away data-hs-go href="/away?at=x" { "away" }
        }
    });
    App::new(hub)
        .name("go")
        .page(
            "/",
            rooms
                .title("Rooms")
                .on_join(move |_| joined.update(|here| *here += 1))
                .on_leave(move |_| left.update(|here| *here -= 1)),
        )
        .view("/away", |cx: Cx| {
            Html::from(html! {
                p #place { "away " (cx.query("at").unwrap_or("now")) }
                a #back data-hs-go href="/" { "back" }
            })
            .title("Away")
        })
        .action("go", |cx: ActionCx| {
            let to: String = cx.signal("to")?;
            Ok::<_, ActionError>(Reply::new().go(&to).unchanged())
        })
}

/// Lets everything happen that is going to happen by itself: the clock is paused.
async fn settle() {
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
}

#[tokio::test(start_paused = true)]
async fn a_page_goes_where_an_action_sends_it_and_keeps_what_was_typed() -> Result<(), TestError> {
    let hub = Hub::new();
    let ann = Browser::new(app(&hub))?;
    let (mut hers, mut his) = (ann.open("/").await?, ann.someone_else().open("/").await?);
    his.wait_for("#here", "2").await?;
    hers.wait_for("#here", "2").await?;
    hers.type_text("#text", "half typed").await?;
    settle().await;
    let renders = hub.stats().renders;
    hers.set_signal("to", "/?at=then&also=%26");
    hers.click("#go").await?;
    hers.wait_for("#place", "/ then").await?;
    assert_eq!(hers.address(), "/?at=then&also=%26");
    assert_eq!(hers.value("#text"), "half typed");
    assert_eq!(
        hub.stats().renders,
        renders + 1,
        "nobody else's page rendered"
    );
    assert_eq!((hub.stats().viewers, hub.stats().groups), (2, 2));

    // It is live there, it has not left, and a network that fails leaves it where it is.
    let mut other = ann.open("/?at=other").await?;
    hers.wait_for("#here", "3").await?;
    hers.disconnect();
    hers.reconnect().await?;
    drop(other);
    hers.wait_for("#here", "2").await?;
    assert_eq!(hers.text("#place"), "/ then");
    other = ann.open("/?at=other").await?;
    other.wait_for("#here", "3").await
}

#[tokio::test(start_paused = true)]
async fn a_link_leads_to_other_pages_and_their_views_hear_of_it() -> Result<(), TestError> {
    let hub = Hub::new();
    let browser = Browser::new(app(&hub))?;
    let (mut page, mut other) = (browser.open("/").await?, browser.open("/").await?);
    other.wait_for("#here", "2").await?;
    page.click("#link").await?;
    page.wait_for("#place", "/ linked").await?;
    assert_eq!(
        (page.address(), page.title().as_str()),
        ("/?at=linked", "Rooms")
    );
    page.click("#away").await?;
    page.wait_for("#place", "away x").await?;
    assert_eq!(
        (page.address(), page.title().as_str()),
        ("/away?at=x", "Away")
    );
    other.wait_for("#here", "1").await?;
    page.click("#back").await?;
    page.wait_for("#here", "2").await?;
    other.wait_for("#here", "2").await
}

#[tokio::test(start_paused = true)]
async fn nobody_is_sent_to_another_site() -> Result<(), TestError> {
    let hub = Hub::new();
    let mut page = Browser::new(app(&hub))?.open("/").await?;
    for address in [
        "",
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/\t/evil.example/",
        "javascript:alert(1)",
        "/a\ndata: url /b",
        "/a\rdata: url /b",
    ] {
        page.set_signal("to", address);
        let refused = page.click("#go").await.expect_err(address).to_string();
        assert!(refused.contains("500"), "{refused}");
        assert_eq!(page.address(), "/");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_page_of_the_past_is_not_woken_by_the_present() -> Result<(), TestError> {
    let (hub, store) = (Hub::new(), Store::memory());
    let then = store.set("tea/1", "sencha").expect("a commit").id;
    let (past, now) = (store.clone(), store.clone());
    let app = App::new(&hub)
        .store(&store)
        .view("/then", move |_cx| {
            let teas = past.at(then)?.entries::<String>("tea")?;
            Ok::<_, ViewError>(html! { @for (_, tea) in teas { p .tea { (tea) } } })
        })
        .view("/now", move |_cx| {
            let teas = now.entries::<String>("tea")?;
            Ok::<_, ViewError>(html! { @for (_, tea) in teas { p .tea { (tea) } } })
        });
    let browser = Browser::new(app)?;
    let (mut then, mut now) = (browser.open("/then").await?, browser.open("/now").await?);
    then.wait_for(".tea", "sencha").await?;
    now.wait_for(".tea", "sencha").await?;
    settle().await;
    let renders = hub.stats().renders;
    for n in 1..=5_u32 {
        store.set("tea/1", &format!("tea {n}")).expect("a commit");
        store.set("elsewhere", &n).expect("a commit");
        now.wait_for(".tea", &format!("tea {n}")).await?;
    }
    settle().await;
    assert_eq!(hub.stats().renders, renders + 5, "only the page of now");
    then.take_in()?;
    assert_eq!(then.text(".tea"), "sencha");
    // Still one of those that everything concerns.
    hub.notify_all();
    settle().await;
    assert_eq!(hub.stats().renders, renders + 7);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_not_there_says_so_in_the_apps_looks_and_may_come() -> Result<(), TestError>
{
    let hub = Hub::new();
    let rooms = hub.live(vec!["tea".to_owned()]);
    let shown = rooms.clone();
    let app = App::new(&hub).view("/room/{room}", move |cx: Cx| {
        if shown.get().iter().any(|room| room == cx.param("room")) {
            return Html::from(html! { h1 { "Here" } });
        }
        Html::from(html! { h1 { "Not here" } a data-hs-go href="/room/tea" { "tea" } })
            .status(StatusCode::NOT_FOUND)
    });
    let browser = Browser::new(app)?;
    let get = |path: &str| Request::get(path).body("").expect("a request");
    let there = browser.request(get("/room/tea")).await?;
    let missing = browser.request(get("/room/attic")).await?;
    assert_eq!(there.status(), StatusCode::OK);
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    let text = String::from_utf8_lossy(missing.body()).into_owned();
    assert!(text.contains("<h1>Not here</h1>"), "{text}");
    assert!(text.contains("data-init=\"@post("), "it is live: {text}");
    let mut page = browser.open("/room/tea").await?;
    rooms.update(|rooms| rooms.clear());
    page.wait_for("h1", "Not here").await?;
    rooms.update(|rooms| rooms.push("tea".to_owned()));
    page.wait_until("it is back", |page| page.text("h1") == "Here")
        .await
}
