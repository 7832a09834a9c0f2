//! What handlers return, to whoever asked.

use std::fmt;

use hyperstar_process::abi::{Action, Event};
use hyperstar_process::test::Process;
use hyperstar_process::{
    ActionError, Cx, Done, Html, Level, Map, Reply, Response, Session, State, StateError, Viewer,
    Wire, hyperapp,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::driver::{Driver, local, said};

#[derive(Default, State)]
struct Kinds {
    count: u32,
}

/// Can be said, and cannot cross.
#[derive(Debug)]
struct Said;
impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is said")
    }
}

/// Can cross, and cannot be said.
#[derive(Debug, Serialize, Deserialize, Wire)]
enum Code {
    Full { most: u32 },
}

/// Neither.
#[derive(Debug)]
struct Mute;

type Answer<T> = Result<T, Said>;

#[hyperapp(name = "Kinds")]
impl Kinds {
    #[http(GET, "/unit")]
    #[local]
    #[action]
    fn unit(&self) {}

    #[http(GET, "/number")]
    #[local]
    #[action]
    fn number(&self) -> u32 {
        self.count
    }

    #[http(GET, "/string")]
    fn string(&self) -> String {
        "text".into()
    }

    #[http(GET, "/html")]
    #[action]
    fn html(&self) -> Html {
        Html::text("<b>")
    }

    #[http(GET, "/markup")]
    fn markup(&self) -> maud::Markup {
        maud::html! { p { "hi" } }
    }

    #[http(GET, "/response")]
    fn response(&self) -> Response {
        Response {
            status: 418,
            headers: vec![("x".into(), "y".into())],
            body: b"tea".to_vec(),
        }
    }

    #[http(GET, "/none")]
    #[local]
    fn none(&self) -> Option<u32> {
        None
    }

    #[http(GET, "/some-html")]
    fn some_html(&self) -> Option<Html> {
        Some(Html::text("hi"))
    }

    #[http(GET, "/alias")]
    #[action]
    fn alias(&self, bad: bool) -> Answer<Html> {
        if bad {
            Err(Said)
        } else {
            Ok(Html::text("good"))
        }
    }

    #[http(GET, "/code")]
    #[local]
    #[action]
    fn code(&self) -> Result<u32, Code> {
        Err(Code::Full { most: 3 })
    }

    #[http(GET, "/mute")]
    #[action]
    fn mute(&self) -> Result<u32, Mute> {
        Err(Mute)
    }

    #[http(GET, "/option-in-result")]
    fn option_in_result(&self, there: bool) -> Result<Option<u32>, Said> {
        Ok(there.then_some(3))
    }

    #[http(GET, "/status")]
    fn status(&self, cx: &Cx) -> Result<(), String> {
        cx.set_status(409);
        cx.set_header("X-Why", "taken");
        Err("it is taken".into())
    }

    #[http(GET, "/impl")]
    fn opaque(&self) -> impl Serialize + use<> {
        [1, 2]
    }

    #[http(GET, "/map")]
    fn map(&self) -> std::collections::BTreeMap<u8, u8> {
        [(1, 2)].into()
    }

    #[action]
    fn done(&mut self) -> Done {
        Done
    }

    #[action]
    fn reply(&mut self) -> Result<Reply, ActionError> {
        Err(ActionError::forbidden("not for you"))
    }

    #[action]
    fn reply_or_said(&mut self, bad: bool) -> Result<Reply, Said> {
        if bad { Err(Said) } else { Ok(Reply::new()) }
    }

    #[action]
    fn who(&self, session: &Session, viewer: &Viewer) -> Result<(), String> {
        Err(format!("{} {}", session.id(), viewer.tab()))
    }

    #[http(GET, "/mine")]
    fn mine(&self, session: &Session) -> String {
        session.id().into()
    }
}

#[derive(Default, State)]
struct Failing;

#[hyperapp(name = "Failing")]
impl Failing {
    #[http(GET, "/parse")]
    #[action]
    fn parse(&self) -> Result<(), ActionError> {
        "x".parse::<u32>()?;
        Ok(())
    }

    #[http(GET, "/refuse")]
    fn refuse(&self) -> Result<(), ActionError> {
        Err(ActionError::forbidden("not for you"))
    }

    #[every("1s")]
    fn tick(&self) -> Result<(), ActionError> {
        "x".parse::<u32>()?;
        Ok(())
    }
}

#[test]
fn the_cause_of_an_error_is_logged() {
    let cause = "something went wrong on our side; nothing was lost that you typed: invalid digit found in string";
    let answered = || vec![(Level::Error, format!("answered 500: {cause}"))];
    let mut failing = Process::<Failing>::new();
    let response = failing.http("GET", "/parse", "").unwrap();
    assert!(!String::from_utf8_lossy(&response.body).contains("digit"));
    assert_eq!(failing.take_log(), answered());
    let error = failing.action("parse", &[], &()).unwrap_err();
    assert!(!error.message().contains("digit"));
    assert_eq!(failing.take_log(), answered());
    failing.http("GET", "/refuse", "").unwrap();
    assert_eq!(failing.take_log(), []);
    failing.advance_ms(1_000);
    let ticked = (Level::Error, format!("`tick` failed: {cause}"));
    assert_eq!(failing.take_log(), [ticked]);
}

#[test]
fn over_http() {
    let mut kinds = Driver::<Kinds>::new();
    let mut text = String::new();
    for path in [
        "unit",
        "number",
        "string",
        "html",
        "markup",
        "response",
        "none",
        "some-html",
        "alias",
        "alias?bad",
        "code",
        "mute",
        "option-in-result?there",
        "option-in-result",
        "status",
        "impl",
        "map",
        "mine",
    ] {
        let response = kinds.http(&format!("GET /{path}"), b"");
        let headers: Vec<String> = response
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        text.push_str(&format!(
            "{path}\n  {} [{}] {}\n",
            response.status,
            headers.join(", "),
            String::from_utf8_lossy(&response.body)
        ));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn to_processes_and_pages() {
    let mut kinds = Driver::<Kinds>::new();
    for (handler, expected) in [
        ("unit", "null"),
        ("number", "0"),
        ("none", "null"),
        ("code", r#"{"Err":{"Full":{"most":3}}}"#),
    ] {
        assert_eq!(kinds.local(handler, ""), expected, "{handler}");
    }
    for (handler, arguments, expected) in [
        ("unit", "", "204"),
        ("number", "", "204"),
        (
            "html",
            "",
            "event: datastar-patch-elements\ndata: elements &lt;b&gt;\n\n",
        ),
        ("alias", "bad=1", "400 it is said"),
        (
            "alias",
            "bad=0",
            "event: datastar-patch-elements\ndata: elements good\n\n",
        ),
        ("code", "", r#"400 {"Full":{"most":3}}"#),
        (
            "mute",
            "",
            "400 the handler failed, and its error says nothing; give it `Display`",
        ),
        ("done", "", "204"),
        ("reply", "", "403 not for you"),
        ("reply_or_said", "bad=1", "400 it is said"),
        ("reply_or_said", "", "204"),
        ("who", "", "400 s1 t1"),
    ] {
        assert_eq!(
            kinds.action(handler, arguments, ""),
            expected,
            "{handler} {arguments}"
        );
    }
}

#[test]
fn the_owner_asks_as_anybody_could() {
    use hyperstar_process::Origin;
    let mut kinds = Driver::<Kinds>::new();
    for (handler, body, expected) in [
        ("number", "", "0"),
        ("", r#"{"Number": null}"#, "0"),
        ("", r#""Number""#, "0"),
        ("status", "", r#"409 {"error":"it is taken"}"#),
        ("done", "", "204"),
    ] {
        let (outcome, _) = kinds.answer(Origin::Owner, handler, body.as_bytes());
        assert_eq!(said(outcome), expected, "{handler} {body}");
    }
    let (outcome, _) = kinds.answer(local(), "done", b"");
    assert!(said(outcome).starts_with("NoHandler("));
}

/// What JSON has no number for.
#[derive(Default, State)]
struct Scale {
    weight: f64,
    note: Option<String>,
    by_day: Map<String, f64>,
}

#[hyperapp(name = "Scale")]
impl Scale {
    #[local]
    fn weigh(&mut self, weight: Option<f64>) {
        self.note = None;
        self.weight = weight.unwrap_or(f64::NAN);
    }

    #[local]
    fn print(&self, bytes: u32) -> String {
        "a".repeat(bytes as usize)
    }

    #[local]
    fn weigh_on(&mut self, day: String) -> Result<(), StateError> {
        self.by_day.insert(&day, &f64::INFINITY).map(drop)
    }
}

#[test]
#[should_panic(
    expected = "the state cannot be kept: `weight` could not be read back from its JSON"
)]
fn what_could_not_be_read_again_is_not_kept() {
    let mut scale = Process::<Scale>::new();
    scale
        .call::<()>("weigh", &json!({ "weight": 1.5 }))
        .expect("a weight");
    scale.restart();
    let _ = scale.call::<()>("weigh", &json!({}));
}

#[test]
fn an_entry_that_could_not_be_read_again_is_refused() {
    let mut scale = Process::<Scale>::new();
    let refused = scale.call::<Result<(), String>>("weigh_on", &json!({ "day": "monday" }));
    let error = refused.expect("an answer").expect_err("no number");
    assert!(error.contains("JSON has no NaN and no infinity"), "{error}");
    let refused = scale.call::<Result<(), StateError>>("weigh_on", &json!({ "day": "monday" }));
    let same = refused.expect("an answer").expect_err("no number");
    assert!(
        matches!(&same, StateError::Other(text) if *text == error),
        "{same:?}"
    );
}

#[test]
fn what_is_too_much_for_a_turn_is_left_for_the_next() {
    let mut scale = Driver::<Scale>::new();
    let arguments = br#"{"bytes":400000}"#;
    let mut left: Vec<Event> = (0..8)
        .map(|_| scale.message(local(), "print", arguments))
        .collect();
    let mut answers = Vec::new();
    while !left.is_empty() {
        let mut deferred = Vec::new();
        let mut answered = 0;
        for action in scale.turns(left.clone()) {
            match action {
                Action::Respond { task, outcome } => {
                    answered += 1;
                    answers.push((task, outcome.expect("an answer").body.len()));
                }
                Action::Defer(task) => deferred.push(task),
                other => panic!("{other:?}"),
            }
        }
        assert!((1..=3).contains(&answered), "{answered} in a turn");
        left.retain(|event| matches!(event, Event::Message(one) if deferred.contains(&one.task)));
    }
    let expected: Vec<(u64, usize)> = (1..=8).map(|task| (task, 400_002)).collect();
    assert_eq!(answers, expected);
}
