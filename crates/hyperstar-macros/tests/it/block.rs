//! A usual block, run as a process.

use std::collections::BTreeMap;

use hyperstar_process::abi::{
    Action, Audience, Event, HttpHead, Message, Origin, RenderRequest, Start,
};
use hyperstar_process::{
    Address, CallError, Cx, Guest, Html, Hyperapp, Response, Runtime, Session, State, ViewCx,
    ViewError, Wire, hyperapp,
};
use serde::{Deserialize, Serialize};

use crate::state::Still;

#[derive(Default, State)]
struct Counter {
    count: i64,
    names: BTreeMap<String, u32>,
    #[state(skip)]
    started: bool,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Wire)]
struct User {
    name: String,
    age: u32,
    #[serde(default)]
    tags: Vec<String>,
}

#[hyperapp(name = "Counter", icon = "🧮", save = OnDiff, widget)]
impl Counter {
    #[init]
    fn begin(&mut self, cx: &Cx) -> Result<(), String> {
        self.started = true;
        let _ = cx.now_ms();
        Ok(())
    }

    #[view("/", title = "Counter", frame_ms = 100)]
    fn page(&self) -> Html {
        Html::text(&format!("{} {}", self.count, self.started))
    }

    #[view("/rooms/{room}")]
    fn room(&self, cx: &ViewCx, room: u32, who: &Session) -> Result<String, ViewError> {
        Ok(format!("{room} {} {}", who.id(), cx.path()))
    }

    /// One more.
    #[action]
    #[local]
    fn increment(&mut self, by: Option<i64>) {
        self.add(by.unwrap_or(1));
    }

    /// How many.
    ///
    /// Since the beginning.
    #[http(GET, "/api/count")]
    #[local]
    #[remote]
    #[public]
    fn count(&self) -> i64 {
        self.count
    }

    #[http(POST, "/api/users")]
    #[local]
    fn create_user(&mut self, user: User) -> Result<usize, String> {
        if user.name.is_empty() {
            return Err("a user needs a name".into());
        }
        self.names.insert(user.name, user.age);
        Ok(self.names.len())
    }

    #[http(GET, "/api/users/{name}")]
    fn user(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    #[http(PUT, "/raw")]
    fn raw(&self, cx: &Cx, body: Vec<u8>) -> Response {
        let _ = cx.header("content-type");
        Response {
            status: 201,
            headers: Vec::new(),
            body,
        }
    }

    #[remote]
    async fn pull(cx: Cx<Self>, from: Address) -> Result<i64, CallError> {
        let theirs = CounterClient::at(&cx, &from)
            .timeout_ms(500)
            .count()
            .await?;
        cx.with(|counter| counter.count += theirs);
        Ok(theirs)
    }

    #[local]
    async fn pull_alone(&mut self, cx: &Cx, from: Address, note: &str) -> Result<i64, CallError> {
        self.count += 1;
        let theirs = CounterClient::at(cx, from).count().await?;
        self.count += theirs;
        self.names.insert(note.to_owned(), 1);
        Ok(self.count)
    }

    /// Its arguments are called as the expansion calls what is its own.
    #[local]
    #[http(POST, "/names")]
    fn names(&self, app: u8, call: u8, arguments: u8, value: u8, outcome: u8, r#type: u8) -> u8 {
        app + call + arguments + value + outcome + r#type
    }

    #[every("5s")]
    fn tick(&mut self) {
        self.count += 1_000;
    }

    fn add(&mut self, by: i64) {
        self.count += by;
    }
}

struct Running<A: Hyperapp = Counter> {
    runtime: Runtime<A>,
    sys: std::rc::Rc<dyn hyperstar_process::sys::Sys>,
    task: u64,
}

impl<A: Hyperapp> Running<A> {
    fn new() -> Self {
        let sys: std::rc::Rc<dyn hyperstar_process::sys::Sys> = std::rc::Rc::new(Still);
        let mut runtime = Runtime::<A>::new();
        let start = Start {
            node: "n".into(),
            process: "counter:counter:me".into(),
            version: 0,
            fields: Vec::new(),
        };
        hyperstar_process::sys::enter(&sys, || runtime.start(start)).expect("it starts");
        Self {
            runtime,
            sys,
            task: 0,
        }
    }

    fn turn(&mut self, event: Event) -> Vec<Action> {
        let sys = self.sys.clone();
        hyperstar_process::sys::enter(&sys, || self.runtime.turn(vec![event])).actions
    }

    fn ask(&mut self, origin: Origin, handler: &str, body: &str) -> Vec<Action> {
        self.task += 1;
        let message = Message {
            task: self.task,
            origin,
            handler: handler.into(),
            deadline_ms: u64::MAX,
            body: body.as_bytes().to_vec(),
        };
        self.turn(Event::Message(message))
    }

    fn answer(&mut self, origin: Origin, handler: &str, body: &str) -> Result<Response, CallError> {
        let actions = self.ask(origin, handler, body);
        match actions.into_iter().next() {
            Some(Action::Respond { outcome, .. }) => outcome,
            other => panic!("no answer: {other:?}"),
        }
    }

    fn local(&mut self, handler: &str, body: &str) -> String {
        match self.answer(Origin::Local("a:b:c".into()), handler, body) {
            Ok(response) => String::from_utf8(response.body).expect("text"),
            Err(error) => format!("{error:?}"),
        }
    }

    fn http(&mut self, method: &str, path: &str, body: &str) -> String {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let head = HttpHead {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: vec![("content-type".into(), "application/json".into())],
            viewer: None,
        };
        let response = self
            .answer(Origin::Http(head), "", body)
            .expect("an answer");
        format!(
            "{} {}",
            response.status,
            String::from_utf8(response.body).expect("text")
        )
    }

    fn render(&self, view: u32, path: &str, params: &[(&str, &str)]) -> String {
        let request = RenderRequest {
            view,
            path: path.into(),
            params: params
                .iter()
                .map(|(a, b)| ((*a).into(), (*b).into()))
                .collect(),
            query: Vec::new(),
            audience: Audience::Session("s1".into()),
            base: String::new(),
        };
        let mut runtime = Runtime::<A>::new();
        let start = Start::default();
        let rendered = hyperstar_process::sys::enter(&self.sys, || {
            runtime.start(start).expect("it starts");
            runtime.render(request)
        });
        match rendered {
            Ok(page) => page.html,
            Err(error) => format!("{} {}", error.status, error.message),
        }
    }
}

#[test]
fn views_render() {
    let process = Running::<Counter>::new();
    assert_eq!(process.render(0, "/", &[]), "0 true");
    assert_eq!(
        process.render(1, "/rooms/7", &[("room", "7")]),
        "7 s1 /rooms/7"
    );
    let error = process.render(1, "/rooms/x", &[("room", "x")]);
    assert!(
        error.starts_with("404 there is nothing at /rooms/x: `x` is no whole number"),
        "{error}"
    );
}

#[test]
fn processes_ask_by_name() {
    let mut process = Running::<Counter>::new();
    assert_eq!(process.local("increment", "{\"by\": 4}"), "null");
    assert_eq!(process.local("increment", ""), "null");
    assert_eq!(process.local("count", ""), "5");
    assert_eq!(
        process.local("create_user", r#"{"user": {"name": "Ann", "age": 7}}"#),
        r#"{"Ok":1}"#
    );
    assert_eq!(
        process.local("create_user", r#"{"name": "Bob", "age": 7}"#),
        r#"{"Ok":2}"#
    );
}

#[test]
fn arguments_may_have_any_name() {
    let mut process = Running::<Counter>::new();
    assert_eq!(process.local("names", "[1, 2, 3, 4, 5, 6]"), "21");
    let body = r#"{"app": 1, "call": 2, "arguments": 3, "value": 4, "outcome": 5, "type": 6}"#;
    assert_eq!(process.http("POST", "/names", body), "200 21");
}

#[test]
fn an_app_describes_itself() {
    let interface = Counter::interface();
    assert_eq!(interface.handlers.len(), Counter::HANDLERS.len());
    assert_eq!(interface.views.len(), Counter::VIEWS.len());
    insta::assert_snapshot!(serde_json::to_string_pretty(&interface).unwrap());
    insta::assert_snapshot!(hyperstar_interface::Wit::new(&interface).to_string());
}

#[test]
fn http_finds_its_way() {
    let mut process = Running::<Counter>::new();
    assert_eq!(process.http("GET", "/api/count", ""), "200 0");
    assert_eq!(
        process.http(
            "POST",
            "/api/users",
            r#"{"CreateUser": [{"name": "Ann", "age": 7}]}"#
        ),
        "200 1"
    );
    assert_eq!(process.http("GET", "/api/users/Ann", ""), "200 7");
    assert_eq!(
        process.http("GET", "/api/users/Bob", ""),
        r#"404 {"error":"there is nothing here"}"#
    );
    assert_eq!(
        process.http("POST", "/api/users", r#"{"name": "", "age": 7}"#),
        r#"400 {"error":"a user needs a name"}"#
    );
}

#[test]
fn awaiting_handlers_ask_others() {
    let mut process = Running::<Counter>::new();
    let actions = process.ask(
        Origin::Remote("n@a:b:c".into()),
        "pull",
        r#"{"from": "x:y:z"}"#,
    );
    let [
        Action::Call {
            id,
            to,
            handler,
            timeout_ms,
            ..
        },
    ] = actions.as_slice()
    else {
        panic!("{actions:?}");
    };
    assert_eq!(
        (to.as_str(), handler.as_str(), *timeout_ms),
        ("x:y:z", "count", 500)
    );
    let actions = process.turn(Event::Reply {
        call: *id,
        outcome: Ok(b"41".to_vec()),
    });
    assert_eq!(process.local("count", ""), "41");
    assert!(
        matches!(&actions[0], Action::Respond { outcome: Ok(response), .. } if response.body == b"{\"Ok\":41}")
    );

    let origin = Origin::Local("a:b:c".into());
    let actions = process.ask(
        origin,
        "pull_alone",
        r#"{"from": "x:y:z", "note": "n\u0020n"}"#,
    );
    let [Action::Call { id, .. }] = actions.as_slice() else {
        panic!("{actions:?}");
    };
    process.turn(Event::Reply {
        call: *id,
        outcome: Ok(b"8".to_vec()),
    });
    assert_eq!(process.local("count", ""), "50");
}

/// Awaits wherever an expression may stand.
#[derive(Default, State)]
struct Shapes {
    count: i64,
    letters: Vec<Letter>,
}

#[derive(Default, Serialize, Deserialize)]
struct Letter {
    worth: i64,
}

impl Letter {
    async fn deliver(self) -> i64 {
        self.worth
    }

    async fn read(&mut self) -> i64 {
        self.worth += 1;
        self.worth
    }

    fn opened_mut(&mut self) -> &mut Self {
        self
    }
}

async fn worth(letter: i64) -> i64 {
    letter
}

#[hyperapp(name = "Shapes")]
impl Shapes {
    async fn own(&mut self, by: i64) -> i64 {
        self.count += by;
        self.count
    }

    fn first(&mut self) -> Letter {
        self.letters.remove(0)
    }

    #[local]
    #[expect(unused_must_use, reason = "an operator may begin a statement")]
    async fn in_operators(&mut self) -> Vec<i64> {
        self.count = 0;
        let mut found = [
            self.own(1).await + self.count,
            -worth(3).await,
            worth(3).await * 2 + worth(1).await,
            worth(i64::from(worth(4).await > 3)).await,
        ]
        .to_vec();
        if worth(4).await > 3 && !(worth(1).await == 2) {
            found.push(worth(5).await);
        }
        while worth(found.len() as i64).await < 7 {
            found.push(0);
        }
        found[worth(0).await as usize] += worth(10).await;
        match worth(1).await {
            1 => worth(6).await,
            other => other,
        };
        worth(1).await + 1;
        found
    }

    #[local]
    async fn at_the_end(&mut self) -> i64 {
        self.count = 4;
        self.own(1).await + self.count
    }

    #[local]
    fn at_once(cx: Cx<Self>, by: i64) -> i64 {
        cx.with(|shapes| {
            shapes.count += by;
            shapes.count
        })
    }

    #[local]
    async fn looked_at(&self, cx: &Cx, user: &User, tags: Option<&[String]>) -> String {
        let _ = (cx.now_ms(), worth(1).await);
        format!("{} {tags:?}", user.name)
    }

    #[cfg(test)]
    #[http(GET, "/which")]
    fn which(&self) -> u8 {
        1
    }

    /// At the same path, but never beside it.
    #[cfg(not(test))]
    #[http(GET, "/which")]
    fn which_otherwise(&self) -> u8 {
        2
    }

    #[local]
    async fn compared(&self) -> bool {
        worth(4).await > 3
    }

    #[local]
    async fn on_what_is_made(&mut self) -> i64 {
        Letter { worth: 7 }.deliver().await
            + Letter {
                worth: self.own(1).await,
            }
            .read()
            .await
    }

    #[local]
    async fn on_what_is_taken_out(&mut self) -> Result<i64, String> {
        self.letters = (0..6).map(|worth| Letter { worth }).collect();
        let mut sum = self.letters.remove(0).deliver().await;
        sum += self.first().deliver().await;
        sum += self.letters.pop().ok_or("none")?.read().await;
        sum += std::mem::take(&mut self.letters[0]).deliver().await;
        sum += self.letters.last_mut().ok_or("none")?.read().await;
        sum += self.letters[1].opened_mut().read().await;
        sum += Letter::opened_mut(&mut self.letters[1]).read().await;
        sum += (self.letters.remove(0)).deliver().await;
        Ok(sum)
    }
}

#[test]
fn awaits_may_stand_anywhere() {
    let mut shapes = Running::<Shapes>::new();
    for (handler, expected) in [
        ("in_operators", "[12,-3,7,1,5,0,0]"),
        ("at_the_end", "10"),
        ("compared", "true"),
        ("on_what_is_made", "14"),
        ("on_what_is_taken_out", "{\"Ok\":23}"),
    ] {
        assert_eq!(shapes.local(handler, ""), expected, "{handler}");
    }
}

#[test]
fn handlers_have_many_forms() {
    let mut shapes = Running::<Shapes>::new();
    assert_eq!(shapes.local("at_once", r#"{"by": 3}"#), "3");
    assert_eq!(shapes.local("at_once", "4"), "7");
    let ann = r#"{"user": {"name": "Ann", "age": 7}"#;
    assert_eq!(
        shapes.local("looked_at", &format!("{ann}}}")),
        r#""Ann None""#
    );
    let tagged = format!(r#"{ann}, "tags": ["a"]}}"#);
    assert_eq!(shapes.local("looked_at", &tagged), r#""Ann Some([\"a\"])""#);
    assert_eq!(shapes.http("GET", "/which", ""), "200 1");
}
