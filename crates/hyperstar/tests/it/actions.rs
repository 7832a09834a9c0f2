//! Actions: answers, order, repetition, detachment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use hyperstar::{ActionCx, ActionError, App, Done, Hub, Reply, action, action_at};
use maud::html;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Notify;

use crate::support::{Served, path_of, post, until};

const TAB: &str = "tab-0123456789";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Signals {
    text: String,
    n: i64,
}

fn app(hub: &Hub) -> App {
    App::new(hub)
        .name("actions")
        .dev(false)
        .view("/", |_cx| html! { p { "x" } })
        .action("done", |_cx| Done)
        .action("async", |_cx| async {
            tokio::task::yield_now().await;
            Done
        })
        .action("reply", |_cx| {
            Reply::new()
                .patch(html! { p #a { "b" } })
                .signals(&json!({ "n": 1 }))
                .script("go()")
        })
        .action("markup", |_cx| html! { p #m { "<" (1) } })
        .action("redirect", |_cx| Reply::new().redirect("/else"))
        .action("echo", |cx: ActionCx| {
            let signals: Signals = cx.signals()?;
            let id: u64 = cx.arg_as("id")?;
            Ok::<_, ActionError>(
                Reply::new().signals(&json!({ "text": signals.text, "n": signals.n, "id": id })),
            )
        })
        .action("form", |cx: ActionCx| {
            let form: Signals = cx.form()?;
            Ok::<_, ActionError>(Reply::new().signals(&json!({ "text": form.text, "n": form.n })))
        })
        .action("refuse", |_cx| {
            Err::<Done, _>(ActionError::bad_request("the name is taken"))
        })
        .action("fail", |_cx| {
            Err::<Done, ActionError>(std::io::Error::other("secret").into())
        })
        .action("panic", |_cx| -> Done { panic!("secret") })
        .action_at(&Method::PUT, "/things/{id}", |cx: ActionCx| {
            Reply::new().signals(&json!({ "id": cx.param("id") }))
        })
}

#[tokio::test]
async fn an_answer_is_204_or_events_or_a_sentence() {
    let hub = Hub::new();
    let served = Served::start(app(&hub)).await;
    let check = async |name: &str, status: u16, body: &str| {
        let answer = served.post(&path_of(action(name)), "", "{}").await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        assert!(answer.text().contains(body), "{name}: {}", answer.text());
        assert!(!answer.text().contains("secret"), "{name}");
        answer
    };
    check("done", 204, "").await;
    check("async", 204, "").await;
    let reply = check("reply", 200, "data: elements <p id=\"a\">b</p>").await;
    assert_eq!(
        reply.header("content-type").as_deref(),
        Some("text/event-stream")
    );
    assert_eq!(
        reply.header("content-encoding"),
        None,
        "too small to compress"
    );
    assert!(
        reply.text().contains("data: signals {\"n\":1}"),
        "{}",
        reply.text()
    );
    assert!(reply.text().contains("go()"));
    check("markup", 200, "<p id=\"m\">&lt;1</p>").await;
    check("redirect", 200, "/else").await;
    check("refuse", 400, "the name is taken").await;
    check("fail", 500, "something went wrong").await;
    check("panic", 500, "something went wrong").await;
    check("nobody", 404, "").await;
    let put = served.send("PUT /things/a%20b HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    assert!(put.text().contains("{\"id\":\"a b\"}"), "{}", put.text());
    assert_eq!(
        action_at("/things/7").put().to_string(),
        "@put('/things/7', {requestCancellation: 'disabled'})"
    );
}

#[tokio::test]
async fn signals_arguments_and_forms_are_read_or_refused() {
    let hub = Hub::new();
    let served = Served::start(app(&hub)).await;
    let echo = path_of(action("echo").arg("id", 7));
    let check = async |path: &str, body: &[u8], status: u16, says: &str| {
        let answer = served.post(path, "", body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(says), "{}", answer.text());
    };
    check(
        &echo,
        br#"{"text":"\u00fc<","n":3}"#,
        200,
        r#"{"id":7,"n":3,"text":"ü<"}"#,
    )
    .await;
    check(&echo, b"", 200, r#""text":"""#).await;
    check(&echo, b"{", 400, "").await;
    check(&echo, b"[1]", 400, "").await;
    check(&echo, br#"{"n":"many"}"#, 400, "n").await;
    check(&echo, b"\xff\xfe", 400, "").await;
    check(&path_of(action("echo")), b"{}", 400, "`id` is missing").await;
    check(
        &path_of(action("echo").arg("id", "x")),
        b"{}",
        400,
        "`id` cannot be read",
    )
    .await;
    check(
        &path_of(action("form")),
        b"text=a+%26&n=2",
        200,
        r#"{"n":2,"text":"a &"}"#,
    )
    .await;
    check(&path_of(action("form")), b"n=%zz", 400, "hexadecimal").await;
}

/// An app that notes the order in which its actions run; `wait` ends when told.
fn recorder() -> (App, Arc<std::sync::Mutex<Vec<u64>>>, Arc<Notify>, Hub) {
    let hub = Hub::new();
    let log = Arc::new(std::sync::Mutex::new(Vec::new()));
    let go = Arc::new(Notify::new());
    let (noted, waited, gone) = (log.clone(), log.clone(), go.clone());
    let app = App::new(&hub)
        .name("order")
        .action("note", move |cx: ActionCx| {
            noted.lock().unwrap().push(cx.arg_as::<u64>("n")?);
            Ok::<_, ActionError>(Done)
        })
        .action("wait", move |cx: ActionCx| {
            let (log, go) = (waited.clone(), gone.clone());
            async move {
                go.notified().await;
                log.lock().unwrap().push(cx.arg_as::<u64>("n")?);
                Ok::<_, ActionError>(Done)
            }
        });
    (app, log, go, hub)
}

fn numbered(action: hyperstar::Action, cookie: &str, seq: u64, acked: u64) -> Vec<u8> {
    let headers = format!("cookie: {cookie}\r\nhs-action: {TAB} {seq} {acked}\r\n");
    post(&path_of(action.arg("n", seq)), &headers, "{}")
}

async fn cookie(served: &Served) -> String {
    served
        .post(&path_of(action("note").arg("n", 0)), "", "{}")
        .await
        .cookie()
        .unwrap()
}

#[tokio::test]
async fn actions_of_a_tab_run_in_order_whatever_order_they_arrive_in() {
    let (app, log, go, _hub) = recorder();
    let served = Served::start(app).await;
    let cookie = cookie(&served).await;
    log.lock().unwrap().clear();
    let mut first = served.connect().await;
    first.write(numbered(action("wait"), &cookie, 1, 0)).await;
    let mut wires = Vec::new();
    for seq in [4, 3, 2] {
        let mut wire = served.connect().await;
        wire.write(numbered(action("note"), &cookie, seq, 0)).await;
        wires.push(wire);
    }
    go.notify_one();
    for wire in &mut wires {
        assert_eq!(wire.answer().await.status, 204);
    }
    assert_eq!(*log.lock().unwrap(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_repeated_action_runs_once_and_gets_the_same_answer() {
    let (app, log, _go, hub) = recorder();
    let served = Served::start(app).await;
    let cookie = cookie(&served).await;
    log.lock().unwrap().clear();
    for _ in 0..3 {
        assert_eq!(
            served
                .send(numbered(action("note"), &cookie, 1, 0))
                .await
                .status,
            204
        );
    }
    assert_eq!(*log.lock().unwrap(), [1]);
    assert_eq!(hub.stats().actions_repeated, 2);
}

#[tokio::test]
async fn a_command_has_one_key_however_often_it_arrives() {
    let hub = Hub::new();
    let keys = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = keys.clone();
    let app = App::new(&hub)
        .name("order")
        .action("note", move |cx: ActionCx| {
            seen.lock().unwrap().push(cx.key());
            Done
        });
    let served = Served::start(app).await;
    let ann = cookie(&served).await;
    served.send(numbered(action("note"), &ann, 1, 0)).await;
    served.send(numbered(action("note"), &ann, 2, 1)).await;
    let expected = [None, Some(format!("{TAB}-1")), Some(format!("{TAB}-2"))];
    assert_eq!(*keys.lock().unwrap(), expected);
}

#[tokio::test]
async fn an_action_runs_to_its_end_when_its_client_has_gone() {
    let (app, log, go, hub) = recorder();
    let served = Served::start(app).await;
    let before = hub.stats().actions;
    let mut wire = served.connect().await;
    wire.write(post(&path_of(action("wait").arg("n", 9)), "", "{}"))
        .await;
    until("the action runs", || hub.stats().actions > before).await;
    drop(wire);
    go.notify_one();
    until("it has ended", || *log.lock().unwrap() == [9]).await;
}

#[tokio::test]
async fn two_people_with_the_same_tab_name_do_not_share_an_order() {
    let (app, log, _go, _hub) = recorder();
    let served = Served::start(app).await;
    let (ann, bob) = (cookie(&served).await, cookie(&served).await);
    assert_ne!(ann, bob);
    log.lock().unwrap().clear();
    served.send(numbered(action("note"), &ann, 1, 0)).await;
    served.send(numbered(action("note"), &bob, 1, 0)).await;
    assert_eq!(log.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn done_refreshes_what_was_written_and_otherwise_everything() {
    let hub = Hub::new();
    let (a, b) = (hub.live(0), hub.live(0));
    let renders = Arc::new([const { AtomicUsize::new(0) }; 2]);
    let (seen_a, seen_b) = (a.clone(), b.clone());
    let (count_a, count_b) = (renders.clone(), renders.clone());
    let app = App::new(&hub)
        .view("/a", move |_cx| {
            count_a[0].fetch_add(1, Ordering::SeqCst);
            html! { p { (seen_a.get()) } }
        })
        .view("/b", move |_cx| {
            count_b[1].fetch_add(1, Ordering::SeqCst);
            html! { p { (seen_b.get()) } }
        })
        .action("a", move |_cx| {
            a.update(|n| *n += 1);
            Done
        })
        .action("unknown", |_cx| Done)
        .action("nothing", |_cx| Reply::new().unchanged());
    let served = Served::start(app).await;
    let mut on_a = served.stream("/a", "").await;
    let mut on_b = served.stream("/b", "").await;
    on_a.event_with("<p>0</p>").await;
    on_b.event_with("<p>0</p>").await;
    let counts = || {
        [
            renders[0].load(Ordering::SeqCst),
            renders[1].load(Ordering::SeqCst),
        ]
    };
    assert_eq!(counts(), [1, 1]);
    served.post(&path_of(action("a")), "", "").await;
    on_a.event_with("<p>1</p>").await;
    assert_eq!(counts(), [2, 1], "only who read it renders");
    served.post(&path_of(action("unknown")), "", "").await;
    until("both render", || counts() == [3, 2]).await;
    served.post(&path_of(action("nothing")), "", "").await;
    served.post(&path_of(action("a")), "", "").await;
    on_a.event_with("<p>2</p>").await;
    assert_eq!(counts(), [4, 2]);
    assert_eq!(hub.stats().unchanged, 2);
}
