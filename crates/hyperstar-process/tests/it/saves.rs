//! When the state is kept, and what a new life begins with.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use hyperstar_interface::Save;
use hyperstar_process::abi::{Change, Event};
use hyperstar_process::test::{Host, Process};
use hyperstar_process::{CallError, Map, State, StateError, hyperapp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::{Desk, Driver, message, reply, shown};

#[test]
fn a_new_life_begins_with_what_was_kept() {
    for save in [Save::EveryMessage, Save::OnDiff] {
        let mut desk = Driver::<Desk>::with(save);
        desk.turn(vec![message(1, "increment", "7")]);
        let mut desk = desk.restart();
        assert_eq!(
            shown(&desk.started),
            [
                "SetTimer { id: 1, after_ms: 500 }",
                "f/names <- [\"opened\",\"opened\"]"
            ]
        );
        assert_eq!(shown(&desk.turn(vec![message(1, "count", "")])), ["1 = 7"]);
    }
}

#[test]
fn never_keeps_nothing() {
    let mut desk = Driver::<Desk>::with(Save::Never);
    let turn = desk.turn(vec![message(1, "increment", "7")]);
    assert_eq!(shown(&turn), ["1 = 7"]);
    assert!(turn.touched);
    // A copy for a page while a handler has the state knows all the same.
    desk.turn(vec![message(2, "add_theirs", "")]);
    assert_eq!(desk.render(0).unwrap().html, "8 /here");
    assert_eq!(
        shown(&desk.turn(vec![Event::Cancel(2), message(3, "count", "")]))[1],
        "3 = 8"
    );
    assert!(desk.turn(vec![Event::Stop]).changes.is_empty());
    assert!(desk.host.kept().is_empty());
}

#[test]
fn every_so_many_messages() {
    let mut desk = Driver::<Desk>::with(Save::EveryNMessages(3));
    assert!(desk.started.changes.is_empty());
    assert_eq!(
        shown(&desk.turn(vec![message(1, "increment", "")])),
        ["1 = 1"]
    );
    let turn = desk.turn(vec![
        message(2, "increment", ""),
        message(3, "increment", ""),
    ]);
    assert_eq!(
        shown(&turn)[2..],
        ["f/count <- 3", "f/names <- [\"opened\"]", "v <- 1"]
    );
    assert_eq!(
        shown(&desk.turn(vec![message(4, "increment", "")])),
        ["4 = 4"]
    );
    let turn = desk.turn(vec![Event::Stop]);
    assert_eq!(
        shown(&turn),
        ["f/count <- 4", "f/names <- [\"opened\",\"closed\"]"]
    );
}

#[test]
fn every_so_many_seconds_if_something_changed() {
    let mut desk = Driver::<Desk>::with(Save::EveryNSeconds(5));
    assert_eq!(
        shown(&desk.started),
        [
            "SetTimer { id: 1, after_ms: 500 }",
            "SetTimer { id: 2, after_ms: 5000 }"
        ]
    );
    let turn = desk.turn(vec![message(1, "increment", "")]);
    assert_eq!(shown(&turn), ["1 = 1"]);
    let turn = desk.turn(vec![Event::Timer(2)]);
    assert_eq!(turn.changes.len(), 3);
    assert!(shown(&desk.turn(vec![message(2, "count", "")])) == ["2 = 1"]);
    let turn = desk.turn(vec![message(3, "increment", "")]);
    assert_eq!(
        shown(&turn),
        ["3 = 2", "SetTimer { id: 3, after_ms: 5000 }"]
    );
}

#[test]
fn a_save_that_is_due_takes_what_an_exclusive_handler_had() {
    let mut desk = Driver::<Desk>::with(Save::EveryNMessages(1));
    desk.turn(vec![message(1, "increment", "")]);
    desk.turn(vec![message(2, "add_theirs", "")]);
    assert_eq!(desk.kept("f/count"), "1");
    desk.turn(vec![reply(2, "5")]);
    assert_eq!(desk.kept("f/count"), "7");
}

#[test]
fn what_is_stored_must_fit_the_app() {
    let cases = [
        (
            "f/count",
            "\"many\"",
            "the stored field `count` is no `i64`: invalid type: string \"many\", expected i64 at line 1 \
             column 6; raise `#[state(version = ..)]` and add a migration that converts it",
        ),
        (
            "v",
            "2",
            "the stored state has version 2, and this app reads versions up to 1; install the newer \
             version of the app again",
        ),
        ("f/count", "-77", "`#[init]` failed: count is -77"),
    ];
    for (path, value, expected) in cases {
        let host = Rc::new(Host::new());
        host.keep(&[Change {
            path: path.to_owned(),
            value: Some(value.as_bytes().to_vec()),
        }]);
        let error = Driver::<Desk>::on(host, Save::EveryMessage).err();
        assert_eq!(error.as_deref(), Some(expected));
    }
}

#[test]
#[should_panic(expected = "oh no")]
fn a_panic_goes_through() {
    Driver::new().turn(vec![message(1, "broken", "")]);
}

/// What is said, and what was said to that.
#[derive(Default, Serialize, Deserialize)]
struct Said {
    replies: Vec<Said>,
}

/// Cannot be read again where it has no parts.
#[derive(Serialize, Deserialize)]
struct Half {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<u8>,
}

/// Cannot be read again: serde has the keys as text by then.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Counts { by_number: BTreeMap<u32, u32> },
}

#[derive(Default, State)]
struct Notes {
    said: Vec<Said>,
    notes: Vec<Value>,
    by_name: Map<String, Value>,
    wide: Vec<f64>,
    narrow: Vec<f32>,
    halves: Vec<Half>,
    tagged: Vec<Tagged>,
}

#[hyperapp(name = "Notes")]
impl Notes {
    /// Replies to the last reply.
    #[local]
    fn reply(&mut self) {
        let mut place = &mut self.said;
        while !place.is_empty() {
            place = &mut place[0].replies;
        }
        place.push(Said::default());
    }

    #[local]
    fn replies(&self) -> u32 {
        let (mut place, mut count) = (&self.said, 0);
        while let Some(said) = place.first() {
            place = &said.replies;
            count += 1;
        }
        count
    }

    #[local]
    #[http(POST, "/notes")]
    fn note(&mut self, note: Value) {
        self.notes.push(note);
    }

    /// Keeps a note that is so deep.
    #[local]
    fn note_of(&mut self, depth: usize) {
        self.notes.push(nested(depth));
    }

    #[local]
    fn name(&mut self, name: &str, depth: usize) -> Result<(), StateError> {
        self.by_name.insert(name, &nested(depth)).map(drop)
    }

    #[local]
    fn count(&self) -> usize {
        self.notes.len()
    }

    #[local]
    fn keep(&mut self, wide: Vec<u64>, narrow: Vec<u32>) {
        self.wide = wide.into_iter().map(f64::from_bits).collect();
        self.narrow = narrow.into_iter().map(f32::from_bits).collect();
    }

    #[local]
    fn kept(&self) -> (Vec<u64>, Vec<u32>) {
        let wide = self.wide.iter().map(|number| number.to_bits());
        let narrow = self.narrow.iter().map(|number| number.to_bits());
        (wide.collect(), narrow.collect())
    }

    #[local]
    fn halve(&mut self, parts: Vec<u8>) {
        self.halves.push(Half { parts });
    }

    #[local]
    fn tag(&mut self, number: u32) {
        self.tagged.push(Tagged::Counts {
            by_number: BTreeMap::from([(number, 1)]),
        });
    }
}

/// `[[[]]]`, so deep.
fn nested(depth: usize) -> Value {
    (1..depth).fold(json!([]), |inner, _| json!([inner]))
}

/// What a process says when it ends in a panic instead of an answer.
fn panic_of(process: &mut Process<Notes>, handler: &str, arguments: &Value) -> Option<String> {
    let call = || process.call::<Value>(handler, arguments);
    let panic = catch_unwind(AssertUnwindSafe(call)).err()?;
    panic.downcast_ref::<String>().cloned()
}

#[test]
fn what_is_too_deep_to_be_read_again_is_not_kept() {
    let mut notes = Process::<Notes>::new();
    let said = (0..70).find_map(|_| panic_of(&mut notes, "reply", &Value::Null));
    assert_eq!(
        said.as_deref(),
        Some(
            "the state cannot be kept: `said` is nested deeper than 127 levels, which cannot be read again; \
             keep its parts side by side, by keys that name each other"
        )
    );
    notes.restart();
    // Each has an object and a list, in the list of all.
    assert_eq!(notes.call::<u32>("replies", &()), Ok(63));

    assert_eq!(
        panic_of(&mut notes, "note_of", &json!({"depth": 126})),
        None
    );
    let said = panic_of(&mut notes, "note_of", &json!({"depth": 127}));
    assert!(said.is_some_and(|said| said.contains("`notes` is nested deeper")));
    notes.restart();
    assert_eq!(notes.call::<usize>("count", &()), Ok(1));

    let mut name = |depth: usize| {
        let kept = notes.call::<Result<(), String>>("name", &json!(["a", depth]));
        kept.expect("an answer")
    };
    assert_eq!(name(127), Ok(()));
    let error = name(128).expect_err("it is too deep");
    assert!(
        error.starts_with("`c/by_name/a` is nested deeper than 127 levels"),
        "{error}"
    );
}

#[test]
fn arguments_are_less_deep_than_what_can_be_kept() {
    let mut notes = Process::<Notes>::new();
    assert_eq!(
        notes.call::<()>("note", &json!({"note": nested(100)})),
        Ok(())
    );
    let too_deep = "it is nested deeper than 100 levels; send its parts side by side";
    for depth in [101, 126, 127, 1_000] {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let named = format!("{{\"note\": {text}}}");
        for body in [text, named] {
            let response = notes.http("POST", "/notes", body).expect("an answer");
            let said = String::from_utf8(response.body).expect("text");
            assert_eq!(response.status, 400);
            assert!(said.contains(too_deep) || depth > 126, "{said}");
        }
    }
    let error = notes.call::<()>("note", &json!({"note": nested(126)}));
    let text = format!("the argument `note` of `note` cannot be read: {too_deep}");
    assert_eq!(error, Err(CallError::Malformed(text)));
    notes.restart();
    assert_eq!(notes.call::<usize>("count", &()), Ok(1));
}

#[test]
fn what_serde_writes_and_does_not_read_is_not_kept() {
    for (handler, good, bad) in [
        ("halve", Some(json!([[1]])), json!([[]])),
        ("tag", None, json!([7])),
    ] {
        let mut notes = Process::<Notes>::new();
        if let Some(good) = good {
            assert_eq!(panic_of(&mut notes, handler, &good), None);
        }
        let said = panic_of(&mut notes, handler, &bad).expect("a panic");
        assert!(said.contains("could not be read back"), "{said}");
        notes.restart();
    }
}

#[test]
fn numbers_are_kept_to_the_last_bit() {
    let mut seed = 7_u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed ^ (seed >> 29)
    };
    let wide = (0..20_000).map(|_| random());
    let wide: Vec<u64> = wide
        .filter(|bits| f64::from_bits(*bits).is_finite())
        .collect();
    let narrow = (0..20_000).map(|_| random() as u32);
    let narrow: Vec<u32> = narrow
        .filter(|bits| f32::from_bits(*bits).is_finite())
        .collect();
    let mut notes = Process::<Notes>::new();
    assert_eq!(notes.call::<()>("keep", &(&wide, &narrow)), Ok(()));
    notes.restart();
    let kept = notes.call::<(Vec<u64>, Vec<u32>)>("kept", &());
    assert!(kept == Ok((wide, narrow)), "some came back otherwise");
}
