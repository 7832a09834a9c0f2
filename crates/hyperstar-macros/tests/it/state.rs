//! What `#[derive(State)]` keeps, and how it migrates.

use std::collections::BTreeMap;
use std::rc::Rc;

use hyperstar_process::abi::{Event, Message, Origin, Start};
use hyperstar_process::sys::{self, Sys};
use hyperstar_process::{Fields, Guest, Level, Runtime, State, StateError, hyperapp};

/// Nothing is kept but the fields that a start brings.
pub(crate) struct Still;

impl Sys for Still {
    fn now_ms(&self) -> u64 {
        1
    }
    fn random(&self, _: &mut [u8]) {}
    fn log(&self, _: Level, text: &str) {
        println!("{text}");
    }
    fn get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
    fn scan(&self, _: &str, _: &str, _: u32, _: bool) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }
    fn count(&self, _: &str) -> u64 {
        0
    }
}

#[derive(Default, State)]
#[state(version = 3, migrate(1 = from_v1, 2 = |fields| fields.rename("clicks", "count").map(drop)))]
struct Counter {
    count: i64,
    #[state(rename = "people")]
    r#names: Vec<String>,
    #[state(skip)]
    busy: bool,
}

fn from_v1(fields: &mut Fields) -> Result<(), StateError> {
    let text: String = fields.get("number")?.unwrap_or_default();
    let clicks: i64 = text
        .parse()
        .map_err(|_| StateError::other("`number` is no number"))?;
    fields.set("clicks", &clicks)?;
    fields.remove("number");
    Ok(())
}

#[hyperapp(name = "Counter")]
impl Counter {
    #[local]
    fn count(&mut self) -> (i64, usize, bool) {
        self.busy = true;
        self.names.push("x".into());
        (self.count, self.names.len(), self.busy)
    }
}

/// What a start with these fields leads to: an answer and what is kept then.
fn check(version: u32, fields: &[(&str, &str)], expected: Result<(&str, &[&str]), &str>) {
    let sys: Rc<dyn Sys> = Rc::new(Still);
    let fields = fields.iter();
    let mut kept: BTreeMap<String, Vec<u8>> = fields
        .map(|(path, value)| (format!("f/{path}"), value.as_bytes().to_vec()))
        .collect();
    let start = Start {
        node: "n".into(),
        process: "a:b:c".into(),
        version,
        fields: kept.clone().into_iter().collect(),
    };
    let mut runtime = Runtime::<Counter>::new();
    let started = sys::enter(&sys, || runtime.start(start));
    let mut changes = match (started, expected) {
        (Err(error), Err(expected)) => {
            assert_eq!(error, expected);
            return;
        }
        (started, _) => started.expect("it starts").changes,
    };
    let message = Message {
        task: 1,
        origin: Origin::Local("a:b:c".into()),
        handler: "count".into(),
        deadline_ms: u64::MAX,
        body: Vec::new(),
    };
    let turn = sys::enter(&sys, || runtime.turn(vec![Event::Message(message)]));
    changes.extend(turn.changes);
    for change in changes {
        match change.value {
            Some(value) => kept.insert(change.path, value),
            None => kept.remove(&change.path),
        };
    }
    let kept: Vec<String> = kept
        .iter()
        .map(|(path, value)| format!("{path}={}", String::from_utf8_lossy(value)))
        .collect();
    let (answer, expected) = expected.expect("it was meant to start");
    let said = format!("{:?}", turn.actions);
    assert!(said.contains(&format!("{:?}", answer.as_bytes())), "{said}");
    assert_eq!(kept, expected);
}

#[test]
fn fields_are_kept_by_their_names() {
    check(
        0,
        &[],
        Ok(("[0,1,true]", &["f/count=0", "f/people=[\"x\"]", "v=3"])),
    );
    check(
        3,
        &[("count", "7"), ("people", "[\"Ann\"]"), ("busy", "true")],
        Ok((
            "[7,2,true]",
            &["f/busy=true", "f/count=7", "f/people=[\"Ann\",\"x\"]"],
        )),
    );
}

#[test]
fn migrations_follow_each_other() {
    check(
        1,
        &[("number", "\"41\"")],
        Ok(("[41,1,true]", &["f/count=41", "f/people=[\"x\"]", "v=3"])),
    );
    check(
        2,
        &[("clicks", "5")],
        Ok(("[5,1,true]", &["f/count=5", "f/people=[\"x\"]", "v=3"])),
    );
    check(1, &[("number", "\"many\"")], Err("`number` is no number"));
}
