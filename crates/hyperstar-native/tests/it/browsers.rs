//! Pages, actions, requests and sockets of a process, over real connections.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyperstar::test::Browser;
use hyperstar::{Server, action};
use hyperstar_interface::{Http, Trigger};
use hyperstar_kernel::ExitPolicy;
use hyperstar_native::instance::Crash;
use hyperstar_native::{Host, Options};
use hyperstar_process::Reply;
use hyperstar_process::abi::{Action, Origin, WsKind};
use hyperstar_store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::scripted::{Scripted, answer, ask, options, start, within};

const APP: &str = "app:app:me";

async fn served(host: &Host) -> std::net::SocketAddr {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let app = host.app(APP).unwrap();
    tokio::spawn(server.serve(app));
    address
}

/// The status and the whole answer.
async fn send(address: std::net::SocketAddr, request: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("{request}host: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within(socket.read_to_string(&mut answer)).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

/// Calls an action from outside of any page.
async fn act(address: std::net::SocketAddr, action: &hyperstar::Action, signals: &str) -> String {
    act_with(address, action, "application/json", signals).await
}

async fn act_with(
    address: std::net::SocketAddr,
    action: &hyperstar::Action,
    kind: &str,
    body: &str,
) -> String {
    let call = action.to_string();
    let path = call.split('\'').nth(1).unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: {kind}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within(socket.read_to_string(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn a_page_follows_what_is_kept_and_comes_back_after_a_crash() {
    let host = Host::new("me", &Store::memory());
    start(&host, APP, Scripted::counter()).await;
    let browser = Browser::new(host.app(APP).unwrap()).unwrap();
    let mut page = browser.open("/").await.unwrap();
    page.wait_for("p", "count=0").await.unwrap();
    ask(&host, APP, "").await.unwrap();
    page.wait_for("p", "count=1").await.unwrap();
    // A render that crashes ends the process; its policy brings it back, and the pages with it.
    for (how, count) in [("crash", 2), ("panic", 3)] {
        assert!(browser.open(&format!("/?{how}")).await.is_err(), "{how}");
        within(async {
            while ask(&host, APP, "").await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let count = format!("count={count}");
        page.wait_for("p", &count).await.unwrap();
    }
    host.stop_process(APP).unwrap();
    page.wait_for("main", "This app is stopped.").await.unwrap();
    within(host.start_process(APP)).await.unwrap();
    page.wait_for("p", "count=3").await.unwrap();
}

#[tokio::test]
async fn a_process_hears_who_looks_and_hears_it_again_when_it_begins_anew() {
    let host = Host::new("me", &Store::memory());
    let telling = Scripted::new(|state, message, turn| {
        if message.body == b"crash" {
            return Err(Crash::Trap {
                message: "as told".to_owned(),
                backtrace: String::new(),
            });
        }
        let count = match message.handler.as_str() {
            "come" => state.add(turn, "count", 1),
            "go" => state.add(turn, "count", 100),
            _ => state.get("count"),
        };
        let reply = Reply::new().signals(&serde_json::json!({ "seen": count }));
        turn.actions.push(Action::Respond {
            task: message.task,
            outcome: Ok(reply.into_response()),
        });
        Ok(())
    });
    let telling = telling
        .handles("come", Trigger::Join)
        .handles("go", Trigger::Leave);
    start(&host, APP, telling).await;
    let browser = Browser::new(host.app(APP).unwrap()).unwrap();
    let mut page = browser.open("/").await.unwrap();
    page.wait_for("p", "count=1").await.unwrap();
    page.wait_until("it is greeted", |page| page.signal("seen") == Some(1))
        .await
        .unwrap();
    assert!(ask(&host, APP, "crash").await.is_err());
    page.wait_for("p", "count=2").await.unwrap();
    page.wait_until("it is greeted", |page| page.signal("seen") == Some(2))
        .await
        .unwrap();
    drop(page);
    let mut other = browser.someone_else().open("/").await.unwrap();
    other.wait_for("p", "count=103").await.unwrap();
}

#[tokio::test]
async fn a_request_reaches_the_handler_without_what_is_the_hosts() {
    let host = Host::new("me", &Store::memory());
    let telling = Scripted::new(|_, message, turn| {
        let Origin::Http(head) = &message.origin else {
            answer(turn, message.task, "no request");
            return Ok(());
        };
        let text = format!(
            "{} {} ?{} {:?} {:?}",
            head.method, head.path, head.query, head.headers, head.viewer
        );
        turn.actions.push(Action::Respond {
            task: message.task,
            outcome: Ok(hyperstar_process::abi::Response {
                status: 201,
                headers: vec![
                    ("x-tea".to_owned(), "green".to_owned()),
                    ("set-cookie".to_owned(), "a=1; Domain=localhost".to_owned()),
                ],
                body: text.into_bytes(),
            }),
        });
        Ok(())
    });
    start(&host, APP, telling).await;
    let address = served(&host).await;
    let request = "GET /a%20b/c?d=e%20f HTTP/1.1\r\nx-cake: yes\r\ncookie: secret=1\r\nauthorization: Bearer x\r\n";
    let (status, answer) = send(address, request).await;
    assert_eq!(status, 201);
    assert!(answer.contains("GET /a b/c ?d=e%20f"), "{answer}");
    assert!(
        answer.contains("x-tea: green") && answer.contains("x-cake"),
        "{answer}"
    );
    assert!(
        !answer.contains("secret") && !answer.contains("Bearer"),
        "{answer}"
    );
    assert!(!answer.to_lowercase().contains("domain"), "{answer}");
    let (status, _) = send(address, "PUT / HTTP/1.1\r\nsec-fetch-site: cross-site\r\n").await;
    assert_eq!(status, 403, "another site may not");
    let large = format!(
        "POST /x HTTP/1.1\r\ncontent-length: {}\r\n",
        2 * 1024 * 1024
    );
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!("{large}host: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let _ = socket.write_all(&vec![b'x'; 2 * 1024 * 1024]).await;
    let mut answer = Vec::new();
    let _ = within(socket.read_to_end(&mut answer)).await;
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn a_page_learns_where_it_is() {
    let host = Host::new("me<", &Store::memory());
    start(&host, APP, Scripted::counter()).await;
    let address = served(&host).await;
    let (status, answer) = send(address, "GET /our.js HTTP/1.1\r\n").await;
    assert_eq!(status, 200);
    assert!(answer.contains("text/javascript"), "{answer}");
    assert!(
        answer.contains(r#"window.our = {"node":"me\u003c","process":"app:app:me"};"#),
        "{answer}"
    );
}

/// Repeats on a socket what comes on it; `close` closes it.
fn echo() -> Scripted {
    Scripted::new(|state, message, turn| {
        if let Origin::Ws(head) = &message.origin {
            match head.kind {
                WsKind::Opened => {
                    state.add(turn, "open", 1);
                }
                WsKind::Closed => {
                    state.add(turn, "open", -1);
                }
                _ if message.body == b"crash" => {
                    return Err(Crash::Trap {
                        message: "as told".to_owned(),
                        backtrace: String::new(),
                    });
                }
                _ if message.body == b"flood" => {
                    let push = Action::Push {
                        channel: head.channel,
                        binary: true,
                        body: vec![7; 500_000],
                    };
                    turn.actions.extend(vec![push; 8]);
                }
                _ if message.body == b"close" => turn.actions.push(Action::Close(head.channel)),
                _ => turn.actions.push(Action::Push {
                    channel: head.channel,
                    binary: head.kind == WsKind::Binary,
                    body: message.body.clone(),
                }),
            }
        }
        let open = state.get("open");
        answer(turn, message.task, &open.to_string());
        Ok(())
    })
}

#[tokio::test]
async fn a_socket_reaches_the_process_and_back() {
    let host = Host::new("me", &Store::memory());
    start(&host, APP, echo()).await;
    let address = served(&host).await;
    let connect = async |origin: &str| {
        let socket = TcpStream::connect(address).await.unwrap();
        let request = tokio_tungstenite::tungstenite::http::Request::builder()
            .uri(format!("ws://{address}/ws"))
            .header("host", address.to_string())
            .header("origin", origin)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap();
        tokio_tungstenite::client_async(request, socket).await
    };
    assert!(connect("http://elsewhere.example").await.is_err());
    let own = format!("http://{address}");
    let (mut socket, _) = connect(&own).await.unwrap();
    socket.send(Message::text("tea")).await.unwrap();
    assert_eq!(
        within(socket.next()).await.unwrap().unwrap(),
        Message::text("tea")
    );
    socket.send(Message::binary(vec![0, 255])).await.unwrap();
    let answer = within(socket.next()).await.unwrap().unwrap();
    assert_eq!(answer, Message::binary(vec![0, 255]));
    assert_eq!(ask(&host, APP, "").await.unwrap(), "1");
    socket.send(Message::text("close")).await.unwrap();
    let answer = within(socket.next()).await.unwrap().unwrap();
    assert!(answer.is_close(), "{answer}");
    drop(socket);
    // Another one that just goes away.
    let (socket, _) = connect(&own).await.unwrap();
    drop(socket);
    within(async {
        while ask(&host, APP, "").await.unwrap() != "0" {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

type Socket = tokio_tungstenite::WebSocketStream<TcpStream>;

async fn socket(address: std::net::SocketAddr, path: &str) -> Socket {
    let socket = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}{path}");
    let connected = tokio_tungstenite::client_async(url, socket).await;
    connected.unwrap().0
}

#[tokio::test]
async fn a_socket_has_parameters_in_its_path_and_ends_with_the_process() {
    let host = Host::new("me", &Store::memory());
    let rooms = Trigger::Ws("/rooms/{room}".to_owned());
    start(&host, APP, echo().handles("rooms", rooms)).await;
    let address = served(&host).await;
    let mut tea = socket(address, "/rooms/tea").await;
    tea.send(Message::text("a")).await.unwrap();
    let answer = within(tea.next()).await.unwrap().unwrap();
    assert_eq!(answer, Message::text("a"));
    tea.send(Message::text("crash")).await.unwrap();
    let Message::Close(Some(frame)) = within(tea.next()).await.unwrap().unwrap() else {
        panic!("it was not closed");
    };
    assert_eq!(
        (u16::from(frame.code), frame.reason.as_str()),
        (1001, "the app has ended")
    );
}

#[tokio::test]
async fn a_socket_that_takes_nothing_holds_up_nobody() {
    let host = Host::new("me", &Store::memory());
    start(&host, APP, echo()).await;
    let address = served(&host).await;
    let mut deaf = socket(address, "/ws").await;
    // More than the system keeps for a connection, and than may wait here.
    for _ in 0..20 {
        deaf.send(Message::text("flood")).await.unwrap();
    }
    within(async {
        while ask(&host, APP, "").await.unwrap() != "0" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    // One more, which is quiet and stays open.
    let _quiet = socket(address, "/ws").await;
    within(host.stop()).await;
    drop(deaf);
}

#[tokio::test]
async fn a_browser_has_so_many_sockets_and_no_more() {
    let host = Host::new("me", &Store::memory());
    start(&host, APP, echo()).await;
    let address = served(&host).await;
    let (_, page) = send(address, "GET / HTTP/1.1\r\n").await;
    let cookie = page.split("set-cookie: ").nth(1).unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let open = async |cookie: Option<&str>| {
        let socket = TcpStream::connect(address).await.unwrap();
        let mut request =
            tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(
                format!("ws://{address}/ws"),
            )
            .unwrap();
        if let Some(cookie) = cookie {
            request
                .headers_mut()
                .insert("cookie", cookie.parse().unwrap());
        }
        tokio_tungstenite::client_async(request, socket).await
    };
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(open(Some(cookie)).await.unwrap());
    }
    let refused = open(Some(cookie)).await.unwrap_err().to_string();
    assert!(refused.contains("503"), "{refused}");
    open(None).await.unwrap();
    sockets.pop();
    within(async {
        while open(Some(cookie)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_is_its_senders_for_one_thing_to_do() {
    let host = Host::new("me", &Store::memory());
    start(&host, APP, Scripted::counter()).await;
    let address = served(&host).await;
    let post = async |path: &str, key: &str, body: &str| {
        let length = body.len();
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nidempotency-key: {key}\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        within(socket.read_to_string(&mut answer)).await.unwrap();
        answer.rsplit("\r\n\r\n").next().unwrap().to_owned()
    };
    let long = "k".repeat(2_000);
    for _ in 0..2 {
        assert_eq!(post("/a", "k", "x").await, "1");
        assert_eq!(post("/b", "k", "x").await, "2");
        assert_eq!(post("/a?b", "k", "x").await, "3");
        assert_eq!(post("/a", "k", "y").await, "4");
        assert_eq!(post("/a", "l", "x").await, "5");
        assert_eq!(post("/a", &long, "x").await, "6");
    }
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let host = Host::new("me", &Store::memory());
    let safe = Trigger::Http(Http {
        method: Some("GET".to_owned()),
        path: Some("/back".to_owned()),
    });
    start(&host, APP, Scripted::counter().handles("back", safe)).await;
    let address = served(&host).await;
    let from = async |method: &str, path: &str, site: &str| {
        let request = format!("{method} {path} HTTP/1.1\r\nsec-fetch-site: {site}\r\n");
        send(address, &request).await.0
    };
    for method in ["GET", "HEAD", "OPTIONS"] {
        for site in ["cross-site", "same-site"] {
            assert_eq!(from(method, "/x?by=1", site).await, 403, "{method} {site}");
        }
    }
    assert_eq!(ask(&host, APP, "").await.unwrap(), "1");
    // What says that it is for `GET` may be where another site leads to.
    assert_eq!(from("GET", "/back", "cross-site").await, 200);
    assert_eq!(from("GET", "/x", "same-origin").await, 200);
    assert_eq!(from("GET", "/x", "none").await, 200);
    assert_eq!(ask(&host, APP, "").await.unwrap(), "5");
}

#[tokio::test]
async fn an_answer_with_too_many_headers_is_an_error() {
    let host = Host::new("me", &Store::memory());
    let telling = Scripted::new(|_, message, turn| {
        let header = |n| (format!("x-{n}"), "1".to_owned());
        turn.actions.push(Action::Respond {
            task: message.task,
            outcome: Ok(hyperstar_process::abi::Response {
                status: 200,
                headers: (0..40_000).map(header).collect(),
                body: Vec::new(),
            }),
        });
        Ok(())
    });
    start(&host, APP, telling).await;
    let address = served(&host).await;
    let (status, answer) = send(address, "GET /x HTTP/1.1\r\n").await;
    assert!(status == 502 && answer.contains("more headers"), "{status}");
}

#[tokio::test]
async fn pages_that_nobody_waits_for_are_not_rendered() {
    let host = Host::new("me", &Store::memory());
    let program = Scripted::counter();
    let renders = program.renders.clone();
    start(&host, APP, program).await;
    let address = served(&host).await;
    let mut waiting = Vec::new();
    for n in 0..300 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /?slow={n} HTTP/1.1\r\nhost: {address}\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        waiting.push(socket);
    }
    drop(waiting);
    assert_eq!(ask(&host, APP, "").await.unwrap(), "1");
    let begun = renders.load(Ordering::Relaxed);
    assert!(
        begun < 150,
        "{begun} of 300 pages were rendered before it was asked"
    );
}

#[tokio::test]
async fn why_there_is_no_page_is_said_on_it() {
    let host = Host::new("me", &Store::memory());
    let crashing = Scripted::new(|_, _, _| {
        Err(Crash::Trap {
            message: "it fell over".to_owned(),
            backtrace: String::new(),
        })
    });
    let options = Options {
        exit: ExitPolicy::None,
        ..options()
    };
    host.add(APP, Arc::new(crashing), &options).unwrap();
    within(host.start_process(APP)).await.unwrap();
    let address = served(&host).await;
    ask(&host, APP, "").await.unwrap_err();
    let (status, page) = send(address, "GET / HTTP/1.1\r\n").await;
    assert_eq!(status, 503);
    assert!(
        page.contains("has crashed") && page.contains("it fell over"),
        "{page}"
    );
}

#[tokio::test]
async fn a_process_reaches_only_its_own_sockets() {
    let host = Host::new("me", &Store::memory());
    start(&host, APP, echo()).await;
    let meddling = Scripted::new(|_, message, turn| {
        for channel in 0..100 {
            turn.actions.push(Action::Push {
                channel,
                binary: false,
                body: b"spam".to_vec(),
            });
            turn.actions.push(Action::Close(channel));
        }
        answer(turn, message.task, "done");
        Ok(())
    });
    start(&host, "bad:bad:me", meddling).await;
    let address = served(&host).await;
    let socket = TcpStream::connect(address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(format!("ws://{address}/ws"), socket)
        .await
        .unwrap();
    socket.send(Message::text("a")).await.unwrap();
    assert_eq!(
        within(socket.next()).await.unwrap().unwrap(),
        Message::text("a")
    );
    ask(&host, "bad:bad:me", "").await.unwrap();
    socket.send(Message::text("b")).await.unwrap();
    assert_eq!(
        within(socket.next()).await.unwrap().unwrap(),
        Message::text("b")
    );
}

#[tokio::test]
async fn an_action_reaches_the_handler_with_its_arguments_and_signals() {
    let host = Host::new("me", &Store::memory());
    let telling = Scripted::new(|state, message, turn| {
        if let Origin::Action(head) = &message.origin {
            assert_eq!(head.arguments, [("n".to_owned(), "a b".to_owned())]);
            assert_eq!(message.handler, "any");
            assert_eq!(message.body, br#"{"text":"tea"}"#);
            assert_eq!(head.viewer.session.len(), 22);
            state.add(turn, "count", 1);
        }
        answer(turn, message.task, "");
        Ok(())
    });
    start(&host, APP, telling).await;
    let address = served(&host).await;
    for _ in 0..2 {
        let answer = act(address, &action("any").arg("n", "a b"), r#"{"text":"tea"}"#).await;
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }
    let count: i64 = host
        .store()
        .get("apps/me/app/app/state/f/count")
        .unwrap()
        .unwrap();
    assert_eq!(count, 2);
}

#[tokio::test]
async fn files_of_an_action_reach_the_handler() {
    let form = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\ntea\r\n--x--\r\n";
    let host = Host::new("me", &Store::memory());
    let telling = Scripted::new(move |_, message, turn| {
        let body = String::from_utf8(message.body.clone()).unwrap();
        assert_eq!(body, form);
        answer(turn, message.task, "");
        Ok(())
    });
    start(&host, APP, telling).await;
    let address = served(&host).await;
    let kind = "multipart/form-data; boundary=x";
    let answer = act_with(address, &action("any"), kind, form).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

#[tokio::test]
async fn an_action_renders_no_page_of_another_process() {
    let host = Host::new("me", &Store::memory());
    let failing = Scripted::new(|state, message, turn| {
        if message.body.ends_with(br#""crash"}"#) {
            return Err(Crash::Trap {
                message: "as told".to_owned(),
                backtrace: String::new(),
            });
        }
        state.add(turn, "count", 1);
        answer(turn, message.task, "");
        Ok(())
    });
    start(&host, APP, failing).await;
    start(&host, "other:app:me", Scripted::counter()).await;
    let browser = Browser::new(host.app("other:app:me").unwrap()).unwrap();
    let mut page = browser.open("/").await.unwrap();
    let address = served(&host).await;
    ask(&host, "other:app:me", "").await.unwrap();
    page.wait_for("p", "count=1").await.unwrap();
    // What changes while a page renders, it renders once more, as soon as a frame's time has passed.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = host.hub().stats().renders;
    for (signals, expected) in [
        ("{}", "HTTP/1.1 204"),
        (r#"{"do":"crash"}"#, "HTTP/1.1 500"),
        ("{}", "HTTP/1.1 204"),
    ] {
        let answer = act(address, &action("any"), signals).await;
        assert!(answer.starts_with(expected), "{answer}");
    }
    ask(&host, "other:app:me", "").await.unwrap();
    page.wait_for("p", "count=2").await.unwrap();
    assert_eq!(host.hub().stats().renders, before + 1);
}
