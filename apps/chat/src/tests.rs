//! The chat as a process: what people do, in order.

use hyperstar_process::abi::{ActionHead, Origin, Viewer};
use hyperstar_process::test::Process;
use hyperstar_process::{ActionError, Reply};
use serde_json::{Value, json};

use crate::Chat;

fn tab(session: &str) -> Viewer {
    Viewer {
        session: session.to_owned(),
        tab: format!("tab of {session}"),
    }
}

/// What somebody does in the room `tea`.
fn does(
    process: &mut Process<Chat>,
    who: &str,
    action: &str,
    signals: Value,
) -> Result<Reply, ActionError> {
    let origin = Origin::Action(ActionHead {
        viewer: tab(who),
        path: "/room/tea".to_owned(),
        arguments: vec![("room".to_owned(), "tea".to_owned())],
    });
    let sent = process.send_from(origin, action, signals.to_string().into_bytes());
    let outcome = process.response(sent).expect("an answer at once");
    Reply::from_response(outcome.expect("an answer"))
}

fn shown(process: &mut Process<Chat>, who: &str) -> String {
    process
        .render_for(tab(who), "/room/tea")
        .expect("a page")
        .html
}

/// The events of a reply, as text.
fn said(reply: Reply) -> String {
    let bytes = reply.into_bytes().expect("events");
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn with_room() -> Process<Chat> {
    let mut process = Process::new();
    does(&mut process, "ann", "open", json!({ "opened": "Tea!" })).expect("a room");
    process
}

#[test]
fn what_was_said_outlives_a_crash_and_who_is_here_does_not() {
    let mut process = with_room();
    for who in ["ann", "bob"] {
        let asked = does(&mut process, who, "join", json!({})).expect("a join");
        assert!(
            said(asked).contains("joined"),
            "the tab is asked where it is"
        );
        does(&mut process, who, "enter", json!({})).expect("a room");
    }
    does(&mut process, "ann", "rename", json!({ "name": "Ann " })).expect("a name");
    let taken = does(&mut process, "ann", "say", json!({ "text": " hello <b>" })).expect("taken");
    assert!(said(taken).contains(r#""said":" hello <b>""#));
    let here = |html: &str| html.matches("id=\"person-").count();
    let html = shown(&mut process, "bob");
    assert!(
        html.contains("hello &lt;b&gt;") && html.contains("<b>Ann</b>"),
        "{html}"
    );
    assert_eq!(here(&html), 2);
    process.restart();
    let html = shown(&mut process, "bob");
    assert!(
        html.contains("hello &lt;b&gt;") && html.contains("<b>Ann</b>"),
        "{html}"
    );
    assert_eq!(here(&html), 1, "only who reads it");
    does(&mut process, "ann", "leave", json!({})).expect("a leave");
}

#[test]
fn what_cannot_be_said_stays_in_the_field() {
    let mut process = with_room();
    let mut says = |text: &str| {
        let reply = does(&mut process, "ann", "say", json!({ "text": text })).expect("an answer");
        said(reply)
    };
    assert!(says(" ").contains("Write something first."));
    assert!(says(&"x".repeat(100_000)).contains("600 fit"));
    let burst = (0..20).map(|_| says("hi")).collect::<Vec<_>>();
    let taken = burst.iter().filter(|text| text.contains("said")).count();
    assert_eq!(taken as u64, crate::pace::BURST);
    assert!(burst[19].contains("Not so fast"), "{}", burst[19]);
    process.advance_ms(crate::pace::MESSAGE_MS);
    let again = does(&mut process, "ann", "say", json!({ "text": "hi" })).expect("an answer");
    assert!(said(again).contains("said"));
}

#[test]
fn only_rooms_and_tabs_that_are_there_are_entered() {
    let mut process = Process::<Chat>::new();
    let refused = does(&mut process, "ann", "say", json!({ "text": "x" })).expect_err("no room");
    assert!(refused.message().contains("not there"), "{refused}");
    assert_eq!(
        process.render("/room/tea").expect_err("no page").status,
        404
    );
    let mut process = with_room();
    does(&mut process, "eve", "enter", json!({})).expect("an answer");
    let html = shown(&mut process, "ann");
    assert_eq!(html.matches("id=\"person-").count(), 1, "{html}");
    let refused = does(&mut process, "ann", "rename", json!({ "name": "..." }));
    assert!(refused.expect_err("a name").message().contains("letter"));
}
