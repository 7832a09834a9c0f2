//! What it costs to take arguments out of a small JSON object, beside serde_json alone.
//!
//! `cargo run --release --example arguments_cost`

use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use hyperstar_process::abi::{Event, Message, Origin, Start};
use hyperstar_process::sys::{self, Sys};
use hyperstar_process::{Guest, Level, Runtime, State, hyperapp};
use serde::Deserialize;

#[derive(Default, State)]
struct Sum {
    total: u64,
}

#[hyperapp(name = "Sum", save = Never)]
impl Sum {
    #[local]
    fn add(&self, name: &str, by: u64) -> u64 {
        self.total + by + name.len() as u64
    }

    #[local]
    fn total(&self) -> u64 {
        self.total
    }
}

#[derive(Deserialize)]
struct Add<'a> {
    name: &'a str,
    by: u64,
}

const BODY: &[u8] = br#"{"name": "Ann", "by": 7}"#;
const ROUNDS: u32 = 300_000;
const BATCH: usize = 64;

struct Still;

impl Sys for Still {
    fn now_ms(&self) -> u64 {
        1
    }
    fn random(&self, _: &mut [u8]) {}
    fn log(&self, _: Level, _: &str) {}
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

fn main() {
    let sys: Rc<dyn Sys> = Rc::new(Still);
    let mut runtime = Runtime::<Sum>::new();
    let start = Start {
        process: "sum:sum:me".into(),
        ..Start::default()
    };
    sys::enter(&sys, || runtime.start(start)).expect("it starts");
    let alone = nanos(|| {
        let add: Add<'_> = serde_json::from_slice(black_box(BODY)).expect("JSON");
        black_box(add.by + add.name.len() as u64);
    });
    let none = turns(&mut runtime, &sys, "total", b"");
    let two = turns(&mut runtime, &sys, "add", BODY);
    println!("serde_json alone, two values      {alone:6.0} ns");
    println!("a message without arguments       {none:6.0} ns");
    println!("a message with two                {two:6.0} ns");
}

fn turns(runtime: &mut Runtime<Sum>, sys: &Rc<dyn Sys>, handler: &str, body: &[u8]) -> f64 {
    let mut spent = 0.0;
    for _ in 0..ROUNDS / 64 {
        let events: Vec<Event> = (1..=BATCH as u64)
            .map(|task| {
                Event::Message(Message {
                    task,
                    origin: Origin::Local("a:b:c".into()),
                    handler: handler.into(),
                    deadline_ms: u64::MAX,
                    body: body.to_vec(),
                })
            })
            .collect();
        let begin = Instant::now();
        black_box(sys::enter(sys, || runtime.turn(events)));
        spent += begin.elapsed().as_nanos() as f64;
    }
    spent / f64::from(ROUNDS / 64 * BATCH as u32)
}

fn nanos(mut work: impl FnMut()) -> f64 {
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        work();
    }
    begin.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
}
