//! Several apps at one address, and what no page takes.

use axum::extract::Request;
use axum::response::IntoResponse;
use hyperstar::{App, Hosts, Hub, Visitor};
use hyperstar_store::Store;
use maud::html;

use crate::support::{Answer, Served};

async fn ask(served: &Served, method: &str, host: &str, path: &str, headers: &str) -> Answer {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n{headers}\r\n"
    );
    served.send(request).await
}

fn page(hub: &Hub, text: &'static str) -> App {
    App::new(hub)
        .name(text)
        .view("/", move |_cx| html! { p { (text) } })
}

#[tokio::test]
async fn each_host_has_its_app_which_comes_and_goes() {
    let hub = Hub::new();
    let hosts = Hosts::new(page(&hub, "main")).unwrap();
    let mut served = Served::start_hosts(hosts.clone()).await;
    let check = async |host: &str, expected: &str| {
        let answer = ask(&served, "GET", host, "/", "").await;
        assert!(
            answer.text().contains(&format!("<p>{expected}</p>")),
            "{host}: {}",
            answer.text()
        );
    };
    check("tea.localhost", "main").await;
    hosts.set("tea.localhost", page(&hub, "tea")).unwrap();
    check("tea.localhost", "tea").await;
    check("TEA.localhost.:8080", "tea").await;
    check("localhost", "main").await;
    check("a.tea.localhost", "main").await;
    hosts.set("tea.localhost", page(&hub, "more tea")).unwrap();
    check("tea.localhost", "more tea").await;
    assert!(hosts.remove("Tea.localhost"));
    assert!(!hosts.remove("tea.localhost"));
    check("tea.localhost", "main").await;
    served.stop();
    served.ended().await;
}

#[tokio::test]
async fn a_removed_app_ends_its_streams() {
    let hub = Hub::new();
    let hosts = Hosts::new(page(&hub, "main")).unwrap();
    let served = Served::start_hosts(hosts.clone()).await;
    // A stream names the address it connected to.
    hosts.set("127.0.0.1", page(&hub, "tea")).unwrap();
    let mut stream = served.stream("/", "").await;
    stream.event_with("<p>tea</p>").await;
    hosts.remove("127.0.0.1");
    stream.event_with("event: datastar-hs-wait").await;
    assert_eq!(stream.event().await, None);
    let mut stream = served.stream("/", "").await;
    stream.event_with("<p>main</p>").await;
}

#[tokio::test]
async fn what_no_page_takes_goes_to_the_fallback_with_the_session_that_is_known() {
    let hub = Hub::new();
    let app = page(&hub, "main").fallback(|who: Visitor, request: Request| async move {
        let known = who.session().is_some();
        format!("{} {} {known}", request.method(), request.uri().path()).into_response()
    });
    let served = Served::start(app).await;
    let first = ask(&served, "GET", "test", "/", "").await;
    let cookie = first.cookie().unwrap();
    let check = async |method: &str, path: &str, headers: &str, expected: &str| {
        let answer = ask(&served, method, "test", path, headers).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, expected));
        assert_eq!(answer.cookie(), None, "asking makes no session");
    };
    check("GET", "/x", "", "GET /x false").await;
    check("GET", "/x", &format!("cookie: {cookie}\r\n"), "GET /x true").await;
    check(
        "GET",
        "/x",
        &format!("cookie: {cookie}x\r\n"),
        "GET /x false",
    )
    .await;
    check("PUT", "/", "", "PUT / false").await;
    // The protection against other sites is in front of it.
    let answer = ask(
        &served,
        "PUT",
        "test",
        "/",
        "sec-fetch-site: cross-site\r\n",
    )
    .await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn apps_that_share_a_store_do_not_take_each_others_cookies() {
    let (hub, store) = (Hub::new(), Store::memory());
    let app = |root: &str| {
        page(&hub, "same name").sessions_in(&store, root).fallback(
            |who: Visitor, _request: Request| async move {
                who.session().is_some().to_string().into_response()
            },
        )
    };
    let hosts = Hosts::new(app("apps/a/sessions")).unwrap();
    hosts.set("b", app("apps/b/sessions")).unwrap();
    let served = Served::start_hosts(hosts).await;
    let cookie = ask(&served, "GET", "a", "/", "").await.cookie().unwrap();
    let cookie = format!("cookie: {cookie}\r\n");
    assert_eq!(ask(&served, "GET", "a", "/x", &cookie).await.text(), "true");
    assert_eq!(
        ask(&served, "GET", "b", "/x", &cookie).await.text(),
        "false"
    );
}
