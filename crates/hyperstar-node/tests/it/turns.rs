//! What goes in and what comes out.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hyperstar_interface::Interface;

use hyperstar_node::{Crash, Limits, Program};
use hyperstar_process::abi::{
    Action, ActionHead, Audience, CallError, Change, Event, HttpHead, Message, Origin, Page,
    RenderError, RenderRequest, Start, Viewer, WsHead, WsKind,
};
use hyperstar_process::sys::Level;

use crate::kit::{self, Host, message, probe, start, try_start};

#[tokio::test]
async fn a_component_describes_itself() {
    let program = probe().await;
    assert_eq!(program.interface(), &Interface::new("Guest"));
}

#[test]
fn the_guests_description_is_an_interface() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests/interface.json");
    let there = fs::read_to_string(&file).unwrap_or_default();
    let interface = serde_json::to_string(&Interface::new("Guest")).unwrap();
    assert_eq!(
        there.trim_end(),
        interface,
        "write this into {}",
        file.display()
    );
}

#[tokio::test]
async fn a_message_is_answered() {
    let mut process = start(&probe().await).await;
    assert_eq!(process.ask("echo", "hello").await, "hello");
}

#[tokio::test]
async fn the_state_in_memory_lives_as_long_as_the_process() {
    let program = probe().await;
    let mut process = start(&program).await;
    assert_eq!(process.ask("count", "").await, "1");
    let turn = process.send("count", "").await.unwrap();
    assert_eq!(kit::answer(&turn), "2");
    assert!(turn.touched);
    assert_eq!(
        turn.changes,
        [Change {
            path: "f/count".into(),
            value: Some(b"2".to_vec()),
        }]
    );
    let mut other = start(&program).await;
    assert_eq!(other.ask("count", "").await, "1");
}

#[tokio::test]
async fn a_life_begins_with_what_was_kept() {
    let kept = Start {
        fields: vec![("f/count".into(), b"41".to_vec())],
        ..Start::default()
    };
    let process = try_start(&probe().await, kept, Limits::default()).await;
    assert_eq!(process.unwrap().ask("count", "").await, "42");
}

#[tokio::test]
async fn events_of_all_kinds_arrive_in_order() {
    let mut process = start(&probe().await).await;
    let reply = |call, outcome| Event::Reply { call, outcome };
    let events = vec![
        Event::Timer(3),
        reply(4, Ok(b"yes".to_vec())),
        reply(5, Err(CallError::NoProcess("x".into()))),
        reply(7, Err(CallError::Stopped)),
        Event::Undelivered {
            to: "a:b:c".into(),
            error: CallError::Busy,
        },
        Event::Ended {
            process: "a:b:c".into(),
            reason: "it failed".into(),
        },
        Event::Room {
            notices: 1,
            bytes: 2,
        },
        Event::Cancel(6),
        Event::Stop,
    ];
    let turn = process.instance.turn(events).await.unwrap();
    assert_eq!(
        turn.actions,
        [
            Action::CancelTimer(3),
            Action::CancelCall(4),
            Action::CancelCall(5),
            Action::CancelCall(7),
            Action::Exit("a:b:c".into()),
            Action::Exit("it failed".into()),
            Action::Close(3),
            Action::Close(6),
            Action::Exit("stopped".into()),
        ]
    );
}

#[tokio::test]
async fn the_origin_of_a_message_arrives_whole() {
    let mut process = start(&probe().await).await;
    let viewer = Viewer {
        session: "s".into(),
        tab: "t".into(),
    };
    let ws = WsHead {
        channel: 9,
        kind: WsKind::Binary,
        path: "/ws".into(),
        viewer: None,
    };
    let origins = [
        (Origin::Local("a:b:c".into()), r#"Origin::Local("a:b:c")"#),
        (
            Origin::Remote("n@a:b:c".into()),
            r#"Origin::Remote("n@a:b:c")"#,
        ),
        (
            Origin::Http(HttpHead {
                method: "GET".into(),
                path: "/x y".into(),
                query: "a=%20".into(),
                headers: vec![("accept".into(), "*/*".into())],
                viewer: Some(viewer.clone()),
            }),
            r#"Origin::Http(HttpHead { method: "GET", path: "/x y", query: "a=%20", headers: [Pair { name: "accept", value: "*/*" }], viewer: Some(Viewer { session: "s", tab: "t" }) })"#,
        ),
        (
            Origin::Action(ActionHead {
                viewer,
                path: "/".into(),
                arguments: vec![("id".into(), "7".into())],
            }),
            r#"Origin::Action(ActionHead { viewer: Viewer { session: "s", tab: "t" }, path: "/", arguments: [Pair { name: "id", value: "7" }] })"#,
        ),
        (
            Origin::Ws(ws.clone()),
            r#"Origin::Ws(WsHead { channel: 9, kind: WsKind::Binary, path: "/ws", viewer: None })"#,
        ),
        (
            Origin::WsClient(ws),
            r#"Origin::WsClient(WsHead { channel: 9, kind: WsKind::Binary, path: "/ws", viewer: None })"#,
        ),
        (Origin::Timer, "Origin::Timer"),
        (Origin::Owner, "Origin::Owner"),
    ];
    for (origin, shown) in origins {
        let event = Event::Message(Message {
            task: 1,
            origin,
            handler: "debug".into(),
            deadline_ms: 0,
            body: Vec::new(),
        });
        let turn = process.instance.turn(vec![event]).await.unwrap();
        assert_eq!(kit::answer(&turn), shown);
    }
}

#[tokio::test]
async fn many_messages_are_one_turn() {
    let mut process = start(&probe().await).await;
    let events = (0..64).map(|task| message(task, "count", "")).collect();
    let turn = process.instance.turn(events).await.unwrap();
    assert_eq!(turn.actions.len(), 64);
    assert_eq!(process.ask("count", "").await, "65");
}

#[tokio::test]
async fn a_page_is_rendered_from_the_state() {
    let mut process = start(&probe().await).await;
    process.ask("count", "").await;
    let page = process.instance.render(request("/")).await.unwrap();
    assert_eq!(
        page,
        Ok(Page {
            html: "<p>1</p>".into(),
            title: Some("/base".into()),
            status: None,
        })
    );
    let missing = process.instance.render(request("/missing")).await.unwrap();
    assert_eq!(
        missing,
        Err(RenderError {
            status: 404,
            message: "nothing here".into(),
            location: None,
            internal: false,
        })
    );
}

pub(crate) fn request(path: &str) -> RenderRequest {
    RenderRequest {
        view: 0,
        path: path.into(),
        params: Vec::new(),
        query: vec![("q".into(), "1".into())],
        audience: Audience::Session("s".into()),
        base: "/base".into(),
    }
}

#[tokio::test]
async fn the_host_gives_clock_randomness_log_and_state() {
    let host = Arc::new(Host {
        state: [("c/a", "1"), ("c/b", "2"), ("f/x", "3")]
            .map(|(path, value)| (path.to_owned(), value.into()))
            .into(),
        ..Host::default()
    });
    let program = probe().await;
    let started = program.start(Start::default(), host.clone(), Limits::default());
    let (instance, _) = started.await.unwrap();
    let mut process = kit::Process { instance, host };
    assert_eq!(process.ask("now", "").await, "1700000000000");
    assert_eq!(process.ask("random", "3").await, "\u{4}\u{4}\u{4}");
    assert_eq!(process.ask("get", "f/x").await, "3");
    assert_eq!(process.ask("get", "f/y").await, "nothing");
    assert_eq!(process.ask("scan", "c/b").await, "c/b,f/x");
    assert_eq!(process.ask("below", "c/").await, "2");
    process.ask("log", "a line").await;
    assert_eq!(process.host.logged(), [(Level::Info, "a line".to_owned())]);
}

#[tokio::test]
async fn a_store_that_fails_ends_the_process_with_its_reason() {
    let host = Arc::new(Host {
        fails: true,
        ..Host::default()
    });
    let program = probe().await;
    let started = program.start(Start::default(), host, Limits::default());
    let (mut instance, _) = started.await.unwrap();
    let crash = instance.turn(vec![message(1, "get", "f/x")]).await;
    assert_eq!(crash, Err(Crash::Host("the disk is gone".into())));
}
