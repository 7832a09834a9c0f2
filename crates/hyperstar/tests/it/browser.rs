//! The virtual browser: what it promises to those who test their apps with it.

use hyperstar::test::{Browser, TestError};
use hyperstar::{ActionCx, ActionError, App, Cx, Done, Hub, Reply, Session, action};
use maud::html;
use serde_json::json;

/// A little of everything.
fn app() -> App {
    let hub = Hub::new();
    let lines = hub.live(vec!["first".to_owned()]);
    let (shown, said) = (lines.clone(), lines);
    App::new(&hub)
        .name("kit")
        .title("Kit")
        .dev(false)
        .view("/", move |cx: Cx| {
            let lines = shown.get();
            html! {
                h1 #count { (lines.len()) " lines" }
                ul #lines { @for line in &lines { li { (line) } } }
                form data-signals="{text: '', error: ''}" data-on:submit=(action("say").when("$text.trim()")) {
                    input #text data-bind:text;
                    button { "Say" }
                }
                p #where { (cx.query("at").unwrap_or("nowhere")) }
                button #hint data-on:click__once=(action("hint")) { "?" }
                button #go data-on:click=(action("go")) { "go" }
                button #odd data-on:click="fetch('/elsewhere')" { "odd" }
                div data-on:keydown__window=(action("clear").when("evt.key === 'c'")) {}
                p #note {}
                form data-on:submit=(action("form").form()) { input #field name="field" value="as it was"; button #send { "Send" } }
            }
        })
        .session_view("/me", |_cx, who: Session| html! { p #name { (who.get::<String>("name").unwrap_or_default()) } })
        .action("say", move |cx: ActionCx| {
            let text: String = cx.signal("text")?;
            if text.contains("bad word") {
                return Err(ActionError::bad_request("not here"));
            }
            said.update(|lines| lines.push(text));
            Ok(Reply::new().signals(&json!({ "text": "" })))
        })
        .action("hint", |_cx| Reply::new().patch(html! { p #note { "a hint" } }).unchanged())
        .action("go", |_cx| Reply::new().redirect("/me"))
        .action("clear", |cx: ActionCx| {
            cx.viewer().send(Reply::new().signals(&json!({ "text": "cleared" })));
            Reply::new().unchanged()
        })
        .action("form", |cx: ActionCx| {
            let form: std::collections::BTreeMap<String, String> = cx.form()?;
            cx.session().set("name", &form["field"])?;
            Ok::<_, ActionError>(Done)
        })
}

#[tokio::test(start_paused = true)]
async fn two_people_see_what_one_does() -> Result<(), TestError> {
    let ann = Browser::new(app())?;
    let mut hers = ann.open("/?at=home").await?;
    let mut his = ann.someone_else().open("/").await?;
    assert_eq!(
        (hers.text("#where"), his.text("#where")),
        ("home".to_owned(), "nowhere".to_owned())
    );
    assert_eq!(hers.title(), "Kit");
    his.type_text("#text", "half").await?;
    hers.type_text("#text", "hello <b>").await?;
    assert_eq!(hers.signal::<String>("text").as_deref(), Some("hello <b>"));
    hers.press("#text", "Enter").await?;
    assert_eq!(hers.value("#text"), "", "the answer cleared it");
    his.wait_for("#lines", "hello <b>").await?;
    hers.wait_for("#count", "2 lines").await?;
    assert_eq!(his.count("#lines li"), 2);
    assert_eq!(his.value("#text"), "half", "what he typed is left alone");
    his.click("form button").await?;
    hers.wait_for("#lines", "half").await
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_brings_what_was_missed_and_nothing_else() -> Result<(), TestError> {
    let browser = Browser::new(app())?;
    let (mut watching, mut doing) = (browser.open("/").await?, browser.open("/").await?);
    for text in ["one", "two"] {
        doing.set_signal("text", text);
        doing.submit("form").await?;
    }
    watching.wait_for("#count", "3 lines").await?;
    watching.take_in()?;
    let frames = watching.frames().len();
    watching.disconnect();
    watching.reconnect().await?;
    watching
        .wait_until("it hears that it is back", |page| {
            page.frames().len() > frames
        })
        .await?;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    watching.take_in()?;
    let since: Vec<&str> = watching.frames()[frames..]
        .iter()
        .map(|frame| frame.name.as_str())
        .collect();
    assert_eq!(since, ["datastar-patch-signals"], "nothing had changed");
    watching.disconnect();
    doing.set_signal("text", "three");
    doing.submit("form").await?;
    watching.reconnect().await?;
    watching.wait_for("#count", "4 lines").await
}

#[tokio::test(start_paused = true)]
async fn answers_patch_the_page_and_one_shots_arrive() -> Result<(), TestError> {
    let browser = Browser::new(app())?;
    let mut page = browser.open("/").await?;
    page.click("#hint").await?;
    assert_eq!(page.text("#note"), "a hint");
    page.click("#go").await?;
    assert!(
        page.scripts()
            .last()
            .is_some_and(|script| script.contains("/me")),
        "{:?}",
        page.scripts()
    );
    page.press("body", "c").await?;
    page.wait_until("the signal", |page| page.value("#text") == "cleared")
        .await?;
    page.type_text("#field", "Ann & co").await?;
    page.click("#send").await?;
    assert_eq!(browser.open("/me").await?.text("#name"), "Ann & co");
    assert_eq!(browser.someone_else().open("/me").await?.text("#name"), "");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_is_said() -> Result<(), TestError> {
    let browser = Browser::new(app())?;
    let mut page = browser.open("/").await?;
    let check = |result: Result<(), TestError>, says: &str| {
        let error = result.expect_err(says).to_string();
        assert!(error.contains(says), "{error}");
    };
    check(
        page.click("#nothing").await,
        "no element matches `#nothing`",
    );
    check(page.click("p#where").await, "does nothing on click");
    check(
        page.click("#odd").await,
        "`fetch('/elsewhere')` needs a real browser",
    );
    page.set_signal("text", "a bad word");
    check(page.submit("form").await, "400 Bad Request: not here");
    check(
        page.wait_for("#count", "99 lines").await,
        "after 5000 ms of waiting",
    );
    check(browser.open("/gone").await.map(drop), "404 Not Found");
    assert_eq!(page.text("#count"), "1 lines", "and nothing has changed");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn raw_requests_have_the_browsers_cookies() -> Result<(), TestError> {
    let browser = Browser::new(app())?;
    let answer = browser
        .request(http::Request::get("/me").body("").expect("a request"))
        .await?;
    assert!(answer.headers().contains_key("set-cookie"));
    let again = browser
        .request(http::Request::get("/me").body("").expect("a request"))
        .await?;
    assert!(
        !again.headers().contains_key("set-cookie"),
        "it came with its cookie"
    );
    Ok(())
}
