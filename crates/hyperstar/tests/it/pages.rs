//! First loads: the shell, routes, errors.

use http::Method;
use hyperstar::{App, AppError, Cx, Done, Html, Hub, View, ViewError, action};
use maud::html;

use crate::support::{Served, header};

fn app() -> App {
    App::new(&Hub::new())
        .name("pages")
        .title("All pages")
        .dev(false)
        .view(
            "/",
            |_cx| html! { h1 #top { "Tea & <cake>" } button data-on:click=(action("x")) { "x" } },
        )
        .view("/hello/{name}", |cx: Cx| {
            Html::from(
                html! { p #who { (cx.param("name")) } p #q { (cx.query("q").unwrap_or("none")) } },
            )
            .title(format!("Hello {}", cx.param("name")))
        })
        .view("/slow", |_cx| async {
            tokio::task::yield_now().await;
            "a < b"
        })
        .view("/gone", |_cx| {
            Err::<Html, _>(ViewError::not_found("there is no such room"))
        })
        .view("/moved", |_cx| Err::<Html, _>(ViewError::redirect("/")))
        .view("/broken", |_cx| {
            Err::<Html, ViewError>(std::io::Error::other("secret detail").into())
        })
        .view("/panics", |_cx| -> Html { panic!("secret panic") })
        .action("x", |_cx| Done)
        .action_at(&Method::PUT, "/thing/{id}", |_cx| Done)
}

#[tokio::test]
async fn the_shell_holds_the_first_render_and_can_be_read_without_a_script() {
    let served = Served::start(app()).await;
    let answer = served.get("/").await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    assert!(text.starts_with("<!doctype html>"), "{text}");
    assert!(
        text.contains("<h1 id=\"top\">Tea &amp; &lt;cake&gt;</h1>"),
        "{text}"
    );
    assert!(
        text.contains("<title id=\"hs-title\">All pages</title>"),
        "{text}"
    );
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    assert_eq!(
        answer.header("x-content-type-options").as_deref(),
        Some("nosniff")
    );
    let policy = answer.header("content-security-policy").unwrap();
    let nonce = text
        .split("data-nonce=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert!(
        policy.contains(&format!("script-src 'nonce-{nonce}';")),
        "{policy}"
    );
    assert!(!policy.contains("unsafe-eval"), "{policy}");
    let again = served.get("/").await.text();
    assert!(!again.contains(nonce), "a nonce is used once");
}

#[tokio::test]
async fn head_requests_have_no_body() {
    let served = Served::start(app()).await;
    let mut wire = served.connect().await;
    wire.write("HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    let head = wire.head().await;
    assert!(
        head.starts_with("HTTP/1.1 200") && header(&head, "content-length").is_some(),
        "{head}"
    );
    assert_eq!(wire.rest().await, b"");
}

#[tokio::test]
async fn parameters_are_decoded_and_escaped() {
    let served = Served::start(app()).await;
    let text = served
        .get("/hello/J%C3%BCrgen%20%3Cb%3E?q=a%26b+c")
        .await
        .text();
    assert!(
        text.contains("<p id=\"who\">Jürgen &lt;b&gt;</p>"),
        "{text}"
    );
    assert!(text.contains("<p id=\"q\">a&amp;b c</p>"), "{text}");
    assert!(
        text.contains("<title id=\"hs-title\">Hello Jürgen &lt;b&gt;</title>"),
        "{text}"
    );
}

#[tokio::test]
async fn an_async_view_and_plain_text_work() {
    let served = Served::start(app()).await;
    assert!(served.get("/slow").await.text().contains("a &lt; b"));
}

#[tokio::test]
async fn what_is_not_there_is_said_clearly() {
    let served = Served::start(app()).await;
    let check = async |path: &str, status: u16, says: &str, hides: &str| {
        let answer = served.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        let text = answer.text();
        assert!(text.contains(says), "{path}: {text}");
        assert!(hides.is_empty() || !text.contains(hides), "{path}: {text}");
        assert!(
            answer
                .header("content-security-policy")
                .is_some_and(|policy| policy.contains("default-src")),
            "{path}"
        );
    };
    check("/nowhere", 404, "There is nothing at /nowhere.", "").await;
    check("/gone", 404, "there is no such room", "").await;
    check("/broken", 500, "could not be made", "secret").await;
    check("/panics", 500, "could not be made", "secret").await;
    check("/thing/7", 405, "PUT is", "").await;
    let moved = served.get("/moved").await;
    assert_eq!(
        (moved.status, moved.header("location").as_deref()),
        (303, Some("/"))
    );
    let refused = served
        .send("DELETE / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    assert_eq!(
        (refused.status, refused.header("allow").as_deref()),
        (405, Some("GET, HEAD, POST"))
    );
    assert!(
        refused
            .header("content-type")
            .unwrap()
            .starts_with("text/plain"),
        "a program gets a sentence"
    );
}

#[tokio::test]
async fn in_dev_the_error_is_shown() {
    let served = Served::start(app().dev(true)).await;
    assert!(served.get("/broken").await.text().contains("secret detail"));
    assert!(served.get("/panics").await.text().contains("secret panic"));
}

#[test]
fn what_cannot_be_served_is_said_before_it_is_served() {
    let check = |app: App, says: &str| {
        let error = app.into_router().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    let empty = || App::new(&Hub::new());
    check(empty().view("x", |_cx| ""), "must begin with `/`");
    check(empty().view("/:id", |_cx| ""), "{name}");
    check(empty().view("/{a", |_cx| ""), "/{a");
    check(
        empty().view("/a", |_cx| "").view("/a", |_cx| ""),
        "two pages at `/a`",
    );
    check(
        empty().action("a", |_cx| Done).action("a", |_cx| Done),
        "two actions called `a`",
    );
    check(
        empty().view("/{a}", |_cx| "").view("/{b}", |_cx| ""),
        "cannot be served",
    );
    check(
        empty().stylesheet("nope.css"),
        "there is no asset `nope.css`",
    );
    assert!(matches!(
        empty().stylesheet("x").into_router(),
        Err(AppError::NoAsset { .. })
    ));
}

#[tokio::test]
async fn it_mounts_into_axum_and_axum_into_it() {
    use axum::routing::get;
    let inner = App::new(&Hub::new())
        .view("/", |_cx| "inner")
        .action("x", |_cx| Done)
        .at("/sub");
    let outer = App::new(&Hub::new())
        .view("/", |_cx| "outer")
        .route("/plain", get(|| async { "plain" }))
        .merge(inner.into_router().unwrap())
        .wrap(|router| {
            router.layer(axum::middleware::map_response(
                |mut response: axum::response::Response| async {
                    response
                        .headers_mut()
                        .insert("x-wrapped", http::HeaderValue::from_static("yes"));
                    response
                },
            ))
        });
    let served = Served::start(outer).await;
    assert!(served.get("/").await.text().contains("outer"));
    let plain = served.get("/plain").await;
    assert_eq!(plain.text(), "plain");
    assert_eq!(
        plain.header("x-content-type-options").as_deref(),
        Some("nosniff")
    );
    assert_eq!(plain.header("x-wrapped").as_deref(), Some("yes"));
    let sub = served.get("/sub/").await.text();
    assert!(
        sub.contains("inner") && sub.contains("/sub/_hs/f/"),
        "{sub}"
    );
    assert!(sub.contains("@post(&#39;/sub/&#39;"), "{sub}");
}

#[tokio::test]
async fn a_view_with_options_has_its_title() {
    let app =
        App::new(&Hub::new()).page("/", View::shared(|_cx| html! { p { "x" } }).title("Mine"));
    let served = Served::start(app).await;
    let answer = served.get("/").await;
    assert!(
        answer
            .text()
            .contains("<title id=\"hs-title\">Mine</title>")
    );
    assert!(
        header(&answer.head, "set-cookie")
            .unwrap()
            .contains("HttpOnly; SameSite=Lax")
    );
}

#[tokio::test]
async fn those_who_load_a_page_at_once_share_a_render() {
    let hub = Hub::new();
    let app = App::new(&hub).view("/", |_cx| async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        "slow"
    });
    let served = std::sync::Arc::new(Served::start(app).await);
    let loads: Vec<_> = (0..20)
        .map(|_| {
            let served = served.clone();
            tokio::spawn(async move { served.get("/").await.text() })
        })
        .collect();
    for load in loads {
        assert!(load.await.unwrap().contains("slow"));
    }
    assert_eq!(hub.stats().renders, 1);
    hub.notify("something");
    served.get("/").await;
    assert_eq!(hub.stats().renders, 2, "nothing is kept");
}
