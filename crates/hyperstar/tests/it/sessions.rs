//! Sessions and what protects them.

use hyperstar::{App, Done, Hub, Session, action};
use hyperstar_store::Store;
use maud::html;

use crate::support::{Served, path_of};

fn app(hub: &Hub, store: Option<&Store>) -> App {
    let app = App::new(hub)
        .name("sess ions")
        .session_view("/", |_cx, who: Session| html! { p { "name=" (who.get::<String>("name").unwrap_or_default()) "." } })
        .action("name", |cx: hyperstar::ActionCx| {
            cx.session().set("name", cx.arg("n").unwrap_or_default())?;
            Ok::<_, hyperstar::ActionError>(Done)
        })
        .action("many", |cx: hyperstar::ActionCx| {
            for n in 0..=hyperstar::SESSION_KEYS_MAX {
                cx.session().set(&n.to_string(), &n).map_err(|e| hyperstar::ActionError::bad_request(e.to_string()))?;
            }
            Ok::<_, hyperstar::ActionError>(Done)
        })
        .action("large", |cx: hyperstar::ActionCx| {
            let large = "x".repeat(hyperstar::SESSION_VALUE_BYTES_MAX);
            cx.session().set("large", &large).map_err(|e| hyperstar::ActionError::bad_request(e.to_string()))?;
            Ok::<_, hyperstar::ActionError>(Done)
        });
    match store {
        Some(store) => app.store(store),
        None => app,
    }
}

async fn name_of(served: &Served, cookie: &str) -> (String, bool) {
    let request =
        format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncookie: {cookie}\r\n\r\n");
    let answer = served.send(request).await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    let name = text
        .split("<p>name=")
        .nth(1)
        .unwrap()
        .split('.')
        .next()
        .unwrap()
        .to_owned();
    (name, answer.cookie().is_some())
}

#[tokio::test]
async fn a_session_belongs_to_its_cookie_and_no_other() {
    let served = Served::start(app(&Hub::new(), None)).await;
    let cookie = served.get("/").await.cookie().unwrap();
    assert!(cookie.starts_with("hs-sess-ions="), "{cookie}");
    served
        .post(
            &path_of(action("name").arg("n", "Ann")),
            &format!("cookie: a=b; {cookie}; c=d\r\n"),
            "",
        )
        .await;
    assert_eq!(name_of(&served, &cookie).await, ("Ann".to_owned(), false));
    let (id, mac) = cookie.rsplit_once('.').unwrap();
    let (name_and_id, day) = id.rsplit_once('.').unwrap();
    let forged = [
        String::new(),
        "hs-sess-ions=".to_owned(),
        "hs-sess-ions=..".to_owned(),
        format!("{id}."),
        format!("{id}.AAAAAAAAAAAAAAAAAAAAAA"),
        format!("{id}.{}", &mac[..8]),
        format!("{name_and_id}.0.{mac}"),
        format!("{name_and_id}.{}.{mac}", day.parse::<u64>().unwrap() + 1),
        format!("{name_and_id}x.{day}.{mac}"),
        format!("hs-sess-ions=AAAAAAAAAAAAAAAAAAAAAA.{day}.{mac}"),
        format!("{cookie}.x"),
        format!("__Host-{cookie}"),
        "hs-sess-ions=\u{fffd}\u{fffd}".to_owned(),
    ];
    for cookie in forged {
        assert_eq!(
            name_of(&served, &cookie).await,
            (String::new(), true),
            "{cookie}"
        );
    }
    assert_eq!(
        name_of(&served, &cookie).await.0,
        "Ann",
        "and nothing has changed"
    );
}

#[tokio::test]
async fn sessions_survive_in_a_store_and_end_with_memory() {
    let store = Store::memory();
    let first = Served::start(app(&Hub::new(), Some(&store))).await;
    let cookie = first.get("/").await.cookie().unwrap();
    first
        .post(
            &path_of(action("name").arg("n", "Ann")),
            &format!("cookie: {cookie}\r\n"),
            "",
        )
        .await;
    let second = Served::start(app(&Hub::new(), Some(&store))).await;
    assert_eq!(name_of(&second, &cookie).await, ("Ann".to_owned(), false));
    let third = Served::start(app(&Hub::new(), None)).await;
    assert_eq!(
        name_of(&third, &cookie).await,
        (String::new(), true),
        "a stale cookie starts anew"
    );
}

#[tokio::test]
async fn what_a_session_keeps_is_bounded_and_crawlers_leave_nothing() {
    let store = Store::memory();
    let served = Served::start(app(&Hub::new(), Some(&store))).await;
    for _ in 0..20 {
        served.get("/").await;
    }
    assert_eq!(store.children("_hyperstar/sessions").unwrap().len(), 0);
    let answer = served.post(&path_of(action("many")), "", "").await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.text().contains("at most 64 values"),
        "{}",
        answer.text()
    );
    let answer = served.post(&path_of(action("large")), "", "").await;
    assert!(answer.text().contains("at most 65536"), "{}", answer.text());
}

#[tokio::test]
async fn the_number_of_sessions_is_bounded() {
    let limits = hyperstar::Limits {
        sessions_max: 2,
        ..Default::default()
    };
    let served = Served::start(app(&Hub::new(), None).limits(limits)).await;
    for n in 0..4 {
        let answer = served
            .post(&path_of(action("name").arg("n", "Ann")), "", "")
            .await;
        assert_eq!(answer.status, if n < 2 { 204 } else { 500 });
    }
}
