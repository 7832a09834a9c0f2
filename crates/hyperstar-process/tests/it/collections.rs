//! Collections against a model of them, over saves and restarts, and read by the owner's store.

use std::collections::BTreeMap;
use std::rc::Rc;

use hyperstar_interface::{Handler, Interface, Mode, Save, Trigger};
use hyperstar_process::abi::Event;
use hyperstar_process::test::Host;
use hyperstar_process::{
    Counter, Fields, Hyperapp, ItemId, List, Log, Map, Outcome, Place, Run, Saver, State,
    StateError, Stored, ViewFn,
};
use hyperstar_store::Store;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::app::{Driver, SAVE, answer_of, message, shown};

#[derive(Debug, Default)]
struct Shop {
    stock: Map<String, u32>,
    queue: List<String>,
    said: Log<String>,
    visits: Counter,
}

impl State for Shop {
    const VERSION: u32 = 1;

    fn load(fields: &mut Fields) -> Result<Self, StateError> {
        let default = Self::default();
        Ok(Self {
            stock: Stored::load("stock", fields, default.stock)?,
            queue: Stored::load("queue", fields, default.queue)?,
            said: Stored::load("said", fields, default.said)?,
            visits: Stored::load("visits", fields, default.visits)?,
        })
    }

    fn save(&self, saver: &mut Saver) {
        Stored::save(&self.stock, "stock", saver);
        Stored::save(&self.queue, "queue", saver);
        Stored::save(&self.said, "said", saver);
        Stored::save(&self.visits, "visits", saver);
    }

    fn migrate(_: u32, _: &mut Fields) -> Result<(), StateError> {
        Ok(())
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Op {
    Insert(String, u32),
    Remove(String),
    Update(String, u32),
    Clear,
    Reset,
    Push(String),
    InsertAt(usize, String),
    Move(usize, usize),
    Modify(usize),
    Drop(usize),
    Say(String),
    Trim(u64),
    Add(i8),
}

impl Shop {
    fn apply(&mut self, op: Op) -> Result<(), StateError> {
        match op {
            Op::Insert(key, value) => drop(self.stock.insert(&key, &value)?),
            Op::Remove(key) => drop(self.stock.remove(&key)?),
            Op::Update(key, by) => {
                self.stock
                    .update(&key, |had| had.unwrap_or(0).wrapping_add(by))?;
            }
            Op::Clear => {
                self.stock.clear();
                self.queue.clear()?;
            }
            Op::Reset => {
                self.stock = Map::default();
                self.stock.insert("reset", &1)?;
                self.queue = List::default();
                self.queue.push(&"reset".to_owned())?;
            }
            Op::Push(text) => drop(self.queue.push(&text)?),
            Op::InsertAt(place, text) => {
                let place = self.nth(place)?.map_or(Place::First, Place::After);
                self.queue.insert(place, &text)?;
            }
            Op::Move(from, to) => {
                if let (Some(from), Some(to)) = (self.nth(from)?, self.nth(to)?) {
                    self.queue.move_to(from, Place::Before(to))?;
                }
            }
            Op::Modify(place) => {
                if let Some(id) = self.nth(place)? {
                    self.queue.modify(id, |text| text.push('!'))?;
                }
            }
            Op::Drop(place) => {
                if let Some(id) = self.nth(place)? {
                    self.queue.remove(id)?;
                }
            }
            Op::Say(text) => drop(self.said.push(&text)?),
            Op::Trim(keep) => drop(self.said.trim(keep)?),
            Op::Add(by) => drop(self.visits.add(by.into())?),
        }
        Ok(())
    }

    fn nth(&self, place: usize) -> Result<Option<ItemId>, StateError> {
        let items = self.queue.entries()?;
        let place = place.checked_rem(items.len());
        Ok(place.map(|place| items[place].0))
    }

    fn contents(&self) -> Result<Contents, StateError> {
        let queue = self.queue.entries()?.into_iter().map(|(_, text)| text);
        let contents = Contents {
            stock: self.stock.entries()?.into_iter().collect(),
            queue: queue.collect(),
            said: self.said.iter().collect::<Result<_, _>>()?,
            last: self.said.last_number()?,
            visits: self.visits.get()?,
        };
        // What else tells the same must agree.
        let mut backwards = self.stock.iter().rev().collect::<Result<Vec<_>, _>>()?;
        backwards.reverse();
        assert!(backwards.into_iter().eq(contents.stock.clone()));
        assert_eq!(self.stock.len(), contents.stock.len() as u64);
        assert_eq!(self.queue.len(), contents.queue.len() as u64);
        assert_eq!(self.said.len()?, contents.said.len() as u64);
        assert_eq!(
            self.stock.first()?,
            contents.stock.clone().into_iter().next()
        );
        let after_k3 = self.stock.range("k3"..).count();
        assert_eq!(after_k3, contents.stock.range("k3".to_owned()..).count());
        for (key, value) in &contents.stock {
            assert_eq!(self.stock.get(key)?, Some(*value));
        }
        Ok(contents)
    }
}

impl Hyperapp for Shop {
    const HANDLERS: &'static [Run<Self>] = &[
        Run::Write(|app, call| {
            let ops: Vec<Op> = serde_json::from_slice(call.body()).unwrap();
            let done = ops.into_iter().try_for_each(|op| app.apply(op));
            result_of(done)
        }),
        Run::Read(|app, _| result_of(app.contents())),
    ];
    const VIEWS: &'static [ViewFn<Self>] = &[];

    fn interface() -> Interface {
        let mut interface = Interface::new("Shop");
        for (name, mode) in [("apply", Mode::Write), ("contents", Mode::Read)] {
            let mut handler = Handler::new(name, mode);
            handler.triggers = vec![Trigger::Local];
            interface.handlers.push(handler);
        }
        interface.save = SAVE.get();
        interface
    }
}

fn result_of<T: Serialize>(result: Result<T, StateError>) -> Outcome {
    match result {
        Ok(value) => answer_of(&value),
        Err(error) => answer_of(&error.to_string()),
    }
}

/// What a shop is to have in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Contents {
    stock: BTreeMap<String, u32>,
    queue: Vec<String>,
    said: Vec<(u64, String)>,
    last: u64,
    visits: i64,
}

impl Contents {
    fn apply(&mut self, op: Op) {
        let count = self.queue.len();
        let nth = |place: usize| place.checked_rem(count);
        match op {
            Op::Insert(key, value) => drop(self.stock.insert(key, value)),
            Op::Remove(key) => drop(self.stock.remove(&key)),
            Op::Update(key, by) => {
                let value = self.stock.entry(key).or_default();
                *value = value.wrapping_add(by);
            }
            Op::Clear => {
                self.stock.clear();
                self.queue.clear();
            }
            Op::Reset => {
                self.stock = BTreeMap::from([("reset".to_owned(), 1)]);
                self.queue = vec!["reset".to_owned()];
            }
            Op::Push(text) => self.queue.push(text),
            Op::InsertAt(place, text) => {
                self.queue
                    .insert(nth(place).map_or(0, |place| place + 1), text);
            }
            Op::Move(from, to) => {
                if let (Some(from), Some(to)) = (nth(from), nth(to))
                    && from != to
                {
                    let item = self.queue.remove(from);
                    self.queue.insert(if from < to { to - 1 } else { to }, item);
                }
            }
            Op::Modify(place) => {
                if let Some(place) = nth(place) {
                    self.queue[place].push('!');
                }
            }
            Op::Drop(place) => {
                if let Some(place) = nth(place) {
                    self.queue.remove(place);
                }
            }
            Op::Say(text) => {
                self.last += 1;
                self.said.push((self.last, text));
            }
            Op::Trim(keep) => {
                let last = self.last;
                self.said.retain(|(number, _)| number + keep > last);
            }
            Op::Add(by) => self.visits += i64::from(by),
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    let key = prop_oneof![
        (0..9_u8).prop_map(|n| format!("k{n}")),
        Just("a/b".to_owned()),
        Just(String::new()),
    ];
    let text = "[a-c]{0,3}";
    prop_oneof![
        8 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Op::Insert(key, value)),
        4 => key.clone().prop_map(Op::Remove),
        4 => (key, any::<u32>()).prop_map(|(key, by)| Op::Update(key, by)),
        1 => Just(Op::Clear),
        1 => Just(Op::Reset),
        4 => text.prop_map(Op::Push),
        4 => (any::<usize>(), text).prop_map(|(place, text)| Op::InsertAt(place, text)),
        4 => (any::<usize>(), any::<usize>()).prop_map(|(from, to)| Op::Move(from, to)),
        2 => any::<usize>().prop_map(Op::Modify),
        3 => any::<usize>().prop_map(Op::Drop),
        4 => text.prop_map(Op::Say),
        1 => (0..4_u64).prop_map(Op::Trim),
        2 => any::<i8>().prop_map(Op::Add),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Turn(Vec<Op>),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => prop::collection::vec(op(), 0..6).prop_map(Step::Turn),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #[test]
    fn they_are_what_the_model_is(steps in prop::collection::vec(step(), 1..30), lazily: bool) {
        let save = if lazily { Save::EveryNMessages(3) } else { Save::OnDiff };
        let mut shop: Driver<Shop> = Driver::with(save);
        let mut model = Contents::default();
        for (task, step) in steps.into_iter().enumerate() {
            match step {
                Step::Turn(ops) => {
                    let body = serde_json::to_string(&ops).unwrap();
                    let turn = shop.turn(vec![message(task as u64, "apply", &body)]);
                    prop_assert_eq!(&shown(&turn)[0], &format!("{task} = null"));
                    ops.into_iter().for_each(|op| model.apply(op));
                }
                Step::Restart => {
                    shop.turn(vec![Event::Stop]);
                    shop = shop.restart();
                    prop_assert_eq!(&read_by_the_owner(&shop.host), &model);
                }
            }
            let turn = shop.turn(vec![message(9_999, "contents", "")]);
            let line = shown(&turn).remove(0);
            let contents: Contents = serde_json::from_str(&line["9999 = ".len()..]).unwrap();
            prop_assert_eq!(&contents, &model);
        }
    }
}

/// The same paths in a store, read with the collections of the store.
fn read_by_the_owner(host: &Host) -> Contents {
    let store = Store::memory();
    let fill = store.transaction(|tx| {
        host.kept()
            .into_iter()
            .try_for_each(|(path, bytes)| tx.set_bytes(&path, bytes))
    });
    fill.unwrap();
    let stock = hyperstar_store::Map::<String, u32>::at_path("c/stock");
    let queue = hyperstar_store::List::<String>::at_path("c/queue");
    let said = hyperstar_store::Log::<String>::at_path("c/said");
    let visits = hyperstar_store::Counter::at_path("c/visits");
    let items = queue.entries(&store).unwrap().into_iter();
    Contents {
        stock: stock.entries(&store).unwrap().into_iter().collect(),
        queue: items.map(|(_, text)| text).collect(),
        said: said.iter(&store).collect::<Result<_, _>>().unwrap(),
        last: said.last_number(&store).unwrap(),
        visits: visits.get(&store).unwrap(),
    }
}

#[test]
fn a_write_costs_the_entry() {
    let mut shop: Driver<Shop> = Driver::with(Save::EveryMessage);
    let ops = (0..500).map(|n| Op::Insert(format!("k{n:03}"), n));
    let body = serde_json::to_string(&ops.collect::<Vec<_>>()).unwrap();
    shop.turn(vec![message(1, "apply", &body)]);
    let ops = [
        Op::Insert("k007".to_owned(), 1),
        Op::Insert("k008".to_owned(), 8),
    ];
    let body = serde_json::to_string(&ops).unwrap();
    let turn = shop.turn(vec![message(2, "apply", &body)]);
    assert_eq!(shown(&turn), ["2 = null", "c/stock/k007 <- 1"]);
    let turn = shop.turn(vec![message(3, "contents", "")]);
    assert!(turn.changes.is_empty() && !turn.touched);
}

#[test]
fn what_is_kept_and_what_is_not_yet_is_read_as_one() {
    let host = Rc::new(Host::new());
    (0..300).for_each(|n| host.set(&format!("c/stock/k{:03}", 2 * n), "0"));
    let mut shop: Driver<Shop> = Driver::on(host, Save::EveryNMessages(1_000)).unwrap();
    let mut expected: BTreeMap<String, u32> =
        (0..300).map(|n| (format!("k{:03}", 2 * n), 0)).collect();
    let mut ops = Vec::new();
    // In places many more are new than are kept, in others fewer.
    for n in (100..130).chain((400..600).filter(|n| n % 7 == 0)) {
        ops.push(Op::Insert(format!("k{n:03}"), n));
        expected.insert(format!("k{n:03}"), n);
        ops.extend((0..20).map(|more| Op::Insert(format!("k{n:03}-{more:02}"), more)));
        expected.extend((0..20).map(|more| (format!("k{n:03}-{more:02}"), more)));
        ops.push(Op::Remove(format!("k{:03}", n - 60)));
        expected.remove(&format!("k{:03}", n - 60));
    }
    let body = serde_json::to_string(&ops).unwrap();
    let turn = shop.turn(vec![message(1, "apply", &body)]);
    assert_eq!(shown(&turn), ["1 = null"]);
    let contents = shop.read(|app| app.contents().unwrap());
    assert_eq!(contents.stock, expected);
}

#[test]
fn what_comes_and_goes_in_one_turn_leaves_no_trace() {
    let mut shop: Driver<Shop> = Driver::with(Save::EveryMessage);
    let ops = [
        Op::Insert("tea".to_owned(), 1),
        Op::Remove("tea".to_owned()),
    ];
    let body = serde_json::to_string(&ops).unwrap();
    let turn = shop.turn(vec![message(1, "apply", &body)]);
    assert_eq!(shown(&turn), ["1 = null"]);
}

#[test]
fn a_key_that_is_no_path_is_an_error() {
    let mut shop: Driver<Shop> = Driver::with(Save::EveryMessage);
    let ops = [Op::Insert("k".repeat(300), 1)];
    let body = serde_json::to_string(&ops).unwrap();
    let turn = shop.turn(vec![message(1, "apply", &body)]);
    let shown = shown(&turn);
    assert_eq!(shown.len(), 1);
    assert!(
        shown[0]
            .ends_with("a segment is longer than 255 bytes; use a shorter name or a hash of it\""),
        "{shown:?}"
    );
}

#[test]
fn what_is_not_theirs_is_an_error() {
    let host = Rc::new(Host::new());
    for (path, value) in [
        ("c/stock/tea", "\"much\""),
        ("c/stock/a/b", "1"),
        ("c/visits", "{}"),
        ("c/queue/at/a1", "7"),
    ] {
        host.set(path, value);
    }
    let shop: Driver<Shop> = Driver::on(host, Save::EveryMessage).unwrap();
    let errors = shop.read(|app| {
        [
            app.stock.get("tea").unwrap_err(),
            app.stock.entries().unwrap_err(),
            app.visits.get().unwrap_err(),
            app.queue.entries().unwrap_err(),
        ]
        .map(|error| error.to_string())
    });
    let fix = "raise `#[state(version = ..)]` and add a migration that converts it";
    assert_eq!(
        errors,
        [
            format!(
                "the entry `c/stock/tea` is no `u32`: invalid type: string \"much\", expected u32 at line 1 \
                 column 6; {fix}"
            ),
            "`c/stock/a/b` is nothing that the collection `c/stock` writes; remove it in a migration".to_owned(),
            format!("the entry `c/visits` is no `i64`: invalid type: map, expected i64 at line 1 column 0; {fix}"),
            "`c/queue/at/a1` is nothing that the collection `c/queue` writes; remove it in a migration".to_owned(),
        ]
    );
}

#[test]
#[should_panic(expected = "collections cannot change places")]
fn collections_cannot_change_places() {
    struct Pair(Map<u8, u8>, Map<u8, u8>);
    impl State for Pair {
        const VERSION: u32 = 1;
        fn load(fields: &mut Fields) -> Result<Self, StateError> {
            Ok(Self(
                Stored::load("a", fields, Map::default())?,
                Stored::load("b", fields, Map::default())?,
            ))
        }
        fn save(&self, saver: &mut Saver) {
            Stored::save(&self.0, "a", saver);
            Stored::save(&self.1, "b", saver);
        }
        fn migrate(_: u32, _: &mut Fields) -> Result<(), StateError> {
            Ok(())
        }
    }
    impl Hyperapp for Pair {
        const HANDLERS: &'static [Run<Self>] = &[Run::Write(|app, _| {
            std::mem::swap(&mut app.0, &mut app.1);
            answer_of(&())
        })];
        const VIEWS: &'static [ViewFn<Self>] = &[];
        fn interface() -> Interface {
            let mut interface = Interface::new("Pair");
            let mut handler = Handler::new("swap", Mode::Write);
            handler.triggers = vec![Trigger::Local];
            interface.handlers.push(handler);
            interface
        }
    }
    let mut pair: Driver<Pair> = Driver::with(Save::EveryMessage);
    pair.turn(vec![message(1, "swap", "")]);
}
