//! Typed clients: what is sent, and what comes of the answer.

use hyperstar_process::abi::{Action, Event, Viewer};
use hyperstar_process::{
    Address, CallError, Channel, Cx, Origin, Session, State, Wire, WsMessage, hyperapp, join,
};
use serde::{Deserialize, Serialize};

use crate::driver::{Driver, local, request, said};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Wire)]
pub(crate) struct Point {
    x: i32,
    y: i32,
}

#[derive(Default, State)]
struct Maps {
    last: Point,
    rounds: u32,
    letters: Vec<Letter>,
}

#[derive(Serialize, Deserialize)]
struct Letter {
    to: Address,
}

impl Letter {
    async fn deliver(self, cx: &Cx) -> Result<Point, CallError> {
        MapsClient::at(cx, self.to).last().await
    }
}

/// Asks another of its kind.
#[hyperapp(name = "Maps")]
impl Maps {
    /// Where it goes.
    #[local]
    fn go(
        &mut self,
        to: Point,
        name: &str,
        notes: &[String],
        quick: Option<&str>,
    ) -> Result<Point, String> {
        let _ = (name, notes, quick);
        self.last = to.clone();
        Ok(to)
    }

    #[local]
    fn last(&self) -> Point {
        self.last.clone()
    }

    #[local]
    async fn ask(cx: Cx<Self>, of: Address) -> Result<Point, CallError> {
        let there = MapsClient::at(&cx, &of).timeout_ms(700);
        let went = there
            .go(Point { x: 1, y: 2 }, "a \"b\"", &["n".into()], None)
            .await?;
        let went = went.map_err(CallError::Malformed)?;
        cx.with(|maps| maps.last = went.clone());
        Ok(went)
    }

    #[local]
    async fn both(cx: Cx<Self>, a: Address, b: Address) -> Result<i32, CallError> {
        let a = MapsClient::at(&cx, a);
        let b = MapsClient::at(&cx, b);
        let (a, b) = join(a.last(), b.last()).await;
        Ok(a?.x + b?.x)
    }

    #[local]
    fn tell(&mut self, cx: &Cx, of: Address) {
        MapsClient::at(cx, of)
            .notify()
            .go(Point::default(), "n", &[], Some("q"));
    }

    /// Counts before each await, so that a round that is asked for is kept.
    #[local]
    async fn rounds(&mut self, cx: &Cx, of: Address) -> Result<u32, CallError> {
        for _ in 0..2 {
            self.rounds += 1;
            MapsClient::at(cx, &of).last().await?;
        }
        Ok(self.rounds)
    }

    /// Takes a letter out, and delivers it.
    #[local]
    async fn deliver(&mut self, cx: &Cx, of: Address) -> Result<Point, CallError> {
        for _ in 0..2 {
            self.letters.push(Letter { to: of.clone() });
        }
        self.letters.remove(0).deliver(cx).await
    }

    /// Still knows who asked once the other has answered.
    #[http(GET, "/about/{of}")]
    async fn about(cx: Cx<Self>, of: Address, status: u16) -> Result<String, CallError> {
        MapsClient::at(&cx, &of).last().await?;
        cx.set_status(status);
        cx.set_header("x-path", cx.path());
        let session = cx.session().map(Session::id).unwrap_or_default();
        Ok(format!("{} {} {session}", cx.path(), cx.query()))
    }

    #[ws_client]
    fn heard(&mut self, channel: Channel, message: WsMessage) {
        if let WsMessage::Text(text) = message {
            channel.send_text(format!("heard {text}"));
        }
    }

    #[local]
    fn same(&self, number: f64) -> f64 {
        number
    }

    #[local]
    async fn ask_same(cx: Cx<Self>, of: Address, bits: u64) -> Result<u64, CallError> {
        let number = MapsClient::at(&cx, &of).same(f64::from_bits(bits)).await?;
        Ok(number.to_bits())
    }

    #[ws("/ws/{room}")]
    fn ws(&mut self, channel: Channel, message: WsMessage, room: String) {
        match message {
            WsMessage::Opened => channel.send_text(format!("welcome to {room}")),
            WsMessage::Text(text) if text == "bye" => channel.close(),
            WsMessage::Text(text) => channel.send_text(text),
            WsMessage::Binary(bytes) => channel.send_bytes(bytes),
            WsMessage::Closed => self.rounds += 1,
        }
    }
}

fn call(actions: &[Action]) -> (u64, &str, &str, u64, &str) {
    match actions {
        [
            Action::Call {
                id,
                to,
                handler,
                timeout_ms,
                body,
                ..
            },
        ] => {
            let body = std::str::from_utf8(body).expect("JSON");
            (*id, to, handler, *timeout_ms, body)
        }
        other => panic!("no call: {other:?}"),
    }
}

fn reply(maps: &mut Driver<Maps>, call: u64, outcome: Result<&str, CallError>) -> String {
    let outcome = outcome.map(|text| text.as_bytes().to_vec());
    match maps.turn(Event::Reply { call, outcome }).pop() {
        Some(Action::Respond { outcome, .. }) => said(outcome),
        other => panic!("no answer: {other:?}"),
    }
}

#[test]
fn a_call_is_sent_and_its_answer_read() {
    let mut maps = Driver::<Maps>::new();
    for (answer, expected) in [
        (Ok(r#"{"Ok":{"x":5,"y":6}}"#), r#"{"Ok":{"x":5,"y":6}}"#),
        (
            Ok(r#"{"Err":"no road"}"#),
            r#"{"Err":{"Malformed":"no road"}}"#,
        ),
        (Err(CallError::Timeout), r#"{"Err":"Timeout"}"#),
    ] {
        let actions = maps.ask(local(), "ask", br#"{"of": "n@a:b:c"}"#);
        let (id, to, handler, timeout_ms, body) = call(&actions);
        assert_eq!((to, handler, timeout_ms), ("n@a:b:c", "go", 700));
        assert_eq!(
            body,
            r#"{"to":{"x":1,"y":2},"name":"a \"b\"","notes":["n"],"quick":null}"#
        );
        // What is sent can be read by the handler that it is for.
        assert_eq!(maps.local("go", body), r#"{"Ok":{"x":1,"y":2}}"#);
        assert_eq!(reply(&mut maps, id, answer), expected);
    }
    assert_eq!(maps.local("last", ""), r#"{"x":1,"y":2}"#);
}

#[test]
fn an_answer_of_another_type_is_an_error() {
    let mut maps = Driver::<Maps>::new();
    let actions = maps.ask(local(), "ask", br#""a:b:c""#);
    let (id, ..) = call(&actions);
    let said = reply(&mut maps, id, Ok("7"));
    assert!(
        said.contains("the answer is no `core::result::Result<"),
        "{said}"
    );
}

#[test]
fn calls_run_beside_each_other() {
    let mut maps = Driver::<Maps>::new();
    let actions = maps.ask(local(), "both", br#"["a:b:c", "d:e:f"]"#);
    let [Action::Call { id: a, .. }, Action::Call { id: b, .. }] = actions.as_slice() else {
        panic!("{actions:?}");
    };
    let first = maps.turn(Event::Reply {
        call: *b,
        outcome: Ok(br#"{"x":2,"y":0}"#.to_vec()),
    });
    assert!(first.is_empty(), "{first:?}");
    assert_eq!(reply(&mut maps, *a, Ok(r#"{"x":1,"y":0}"#)), r#"{"Ok":3}"#);
}

#[test]
fn numbers_cross_to_the_last_bit() {
    let mut maps = Driver::<Maps>::new();
    let mut bits = 0x3fd5_5555_5555_5555_u64;
    for _ in 0..2_000 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if !f64::from_bits(bits).is_finite() {
            continue;
        }
        let asked = format!(r#"{{"of": "a:b:c", "bits": {bits}}}"#);
        let actions = maps.ask(local(), "ask_same", asked.as_bytes());
        let (id, _, _, _, body) = call(&actions);
        let answer = maps.local("same", body);
        let said = reply(&mut maps, id, Ok(&answer));
        assert_eq!(said, format!(r#"{{"Ok":{bits}}}"#), "{body} {answer}");
    }
}

#[test]
fn a_notice_is_sent_at_once() {
    let mut maps = Driver::<Maps>::new();
    let (outcome, others) = maps.answer(local(), "tell", br#"{"of": "a:b:c"}"#);
    assert_eq!(said(outcome), "null");
    let [Action::Notify { to, handler, body }] = others.as_slice() else {
        panic!("{others:?}");
    };
    assert_eq!((to.as_str(), handler.as_str()), ("a:b:c", "go"));
    assert_eq!(
        body,
        br#"{"to":{"x":0,"y":0},"name":"n","notes":[],"quick":"q"}"#
    );
}

#[test]
fn what_changed_before_an_await_is_kept_with_that_turn() {
    let mut maps = Driver::<Maps>::new();
    let mut check = |handler: &str, path: &str, expected: &str| {
        let turn = maps.whole_turn(local(), handler, br#"{"of": "a:b:c"}"#);
        let kept = turn.changes.iter().find(|change| change.path == path);
        let kept = kept.and_then(|change| change.value.as_deref());
        assert_eq!(kept, Some(expected.as_bytes()), "{handler}");
        assert!(turn.exclusive);
        let task = maps.last_task();
        maps.turn(Event::Cancel(task));
    };
    check("rounds", "f/rounds", "1");
    // What is taken out to be awaited is out.
    check("deliver", "f/letters", r#"[{"to":"a:b:c"}]"#);
}

#[test]
fn an_address_that_is_none_is_refused() {
    let mut maps = Driver::<Maps>::new();
    let said = maps.local("ask", r#"{"of": "nowhere"}"#);
    assert_eq!(
        said,
        "Malformed(\"the argument `of` of `ask` cannot be read: `nowhere` is no address; write \
         `process:package:publisher`, before it `node@` for another node\")"
    );
}

#[test]
fn websockets_are_heard_and_answered() {
    use hyperstar_process::abi::{WsHead, WsKind};
    let mut maps = Driver::<Maps>::new();
    let mut came = |kind: WsKind, body: &[u8], path: &str| {
        let origin = Origin::Ws(WsHead {
            channel: 9,
            kind,
            path: path.into(),
            viewer: None,
        });
        let (outcome, others) = maps.answer(origin, "", body);
        format!("{} {others:?}", said(outcome))
    };
    let opened = came(WsKind::Opened, b"", "/ws/tea");
    assert!(
        opened.contains("Push { channel: 9, binary: false"),
        "{opened}"
    );
    assert!(came(WsKind::Binary, &[0xff], "/ws/tea").contains("binary: true, body: [255]"));
    assert!(came(WsKind::Text, b"bye", "/ws/tea").contains("Close(9)"));
    assert!(came(WsKind::Text, &[0xff], "/ws/tea").contains("is not UTF-8"));
    assert_eq!(came(WsKind::Closed, b"", "/ws/tea"), "204 []");
    assert!(came(WsKind::Opened, b"", "/other").starts_with("NoHandler(\"no WebSocket is served"));

    let own = Origin::WsClient(WsHead {
        channel: 5,
        kind: WsKind::Text,
        path: "/elsewhere".into(),
        viewer: None,
    });
    let (outcome, others) = maps.answer(own, "", b"tea");
    assert_eq!(said(outcome), "204");
    let [
        Action::Push {
            channel: 5,
            binary: false,
            body,
        },
    ] = others.as_slice()
    else {
        panic!("{others:?}");
    };
    assert_eq!(body, b"heard tea");
}

#[test]
fn a_context_is_right_after_an_await() {
    let mut maps = Driver::<Maps>::new();
    let mut ask = |session: &str, status: u16| {
        let Origin::Http(mut head) = request(&format!("GET /about/{session}:b:c?status={status}"))
        else {
            panic!("a request comes over HTTP");
        };
        head.viewer = Some(Viewer {
            session: session.into(),
            tab: "t".into(),
        });
        let actions = maps.ask(Origin::Http(head), "", b"");
        call(&actions).0
    };
    let calls = [("ann", 201, ask("ann", 201)), ("bob", 202, ask("bob", 202))];
    for (session, status, id) in calls.into_iter().rev() {
        let outcome = Ok(br#"{"x":1,"y":2}"#.to_vec());
        let actions = maps.turn(Event::Reply { call: id, outcome });
        let [
            Action::Respond {
                outcome: Ok(response),
                ..
            },
        ] = actions.as_slice()
        else {
            panic!("{actions:?}");
        };
        assert_eq!(response.status, status);
        let path = format!("/about/{session}:b:c");
        assert!(response.headers.contains(&("x-path".into(), path.clone())));
        let expected = format!("\"{path} status={status} {session}\"");
        assert_eq!(String::from_utf8_lossy(&response.body), expected);
    }
}
