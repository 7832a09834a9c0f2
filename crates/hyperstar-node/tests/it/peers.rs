//! What another process may send an app: anything. It is answered, and the app lives on.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyperstar_interface::Interface;
use hyperstar_native::instance::{BoxFuture, Crash, HostSys, Instance, Limits, Program, Started};
use hyperstar_native::{Options, Status};
use hyperstar_process::abi::{
    Action, CallError, Event, Page, RenderError, RenderRequest, Response, Start, Turn,
};
use serde_json::{Value, json};

use crate::node::{ONE, ask, open, tally, within};

const PEER: &str = "peer:peer:tests";

/// How many calls and as many notices, in each of the rounds.
const MESSAGES: u64 = 200;

/// Asked with this, it sends what is too large, and asks for what is.
const OVERSIZED: u64 = u64::MAX;

/// A process that follows no rules of the SDK: asked with a seed, it sends whatever comes of it.
struct Peer(Interface);

impl Program for Peer {
    fn interface(&self) -> &Interface {
        &self.0
    }

    fn start<'a>(&'a self, _: Start, _: Arc<dyn HostSys>, _: Limits) -> BoxFuture<'a, Started> {
        let attack = Attack::default();
        Box::pin(async move { Ok((Box::new(attack) as Box<dyn Instance>, Turn::default())) })
    }
}

/// What it has sent, and how that was answered.
#[derive(Default)]
struct Attack {
    task: u64,
    last: u64,
    open: BTreeMap<u64, String>,
    seen: BTreeMap<String, u64>,
}

impl Instance for Attack {
    fn turn<'a>(&'a mut self, events: Vec<Event>) -> BoxFuture<'a, Result<Turn, Crash>> {
        let mut turn = Turn::default();
        for event in events {
            self.take(event, &mut turn);
        }
        Box::pin(async move { Ok(turn) })
    }

    fn render<'a>(
        &'a mut self,
        _: RenderRequest,
    ) -> BoxFuture<'a, Result<Result<Page, RenderError>, Crash>> {
        Box::pin(async move { Err(Crash::Protocol("it has no pages".to_owned())) })
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}

impl Attack {
    fn take(&mut self, event: Event, turn: &mut Turn) {
        match event {
            Event::Message(message) => {
                self.task = message.task;
                let seed = serde_json::from_slice(&message.body).unwrap_or(0);
                if seed == OVERSIZED {
                    let name = "x".repeat(7_900_000);
                    for (handler, body) in [
                        ("name", json!({ "name": name })),
                        ("text", json!({ "bytes": 3_000_000 })),
                    ] {
                        self.last += 1;
                        self.open.insert(self.last, handler.to_owned());
                        turn.actions.push(Action::Call {
                            id: self.last,
                            task: self.task,
                            to: ONE.to_owned(),
                            handler: handler.to_owned(),
                            timeout_ms: 20_000,
                            body: body.to_string().into_bytes(),
                        });
                    }
                    return;
                }
                let mut random = Random(seed);
                for _ in 0..MESSAGES {
                    self.last += 1;
                    let (handler, body) = random.message();
                    let shown = format!("{handler:.40} {:.80}", String::from_utf8_lossy(&body));
                    self.open.insert(self.last, shown);
                    turn.actions.push(Action::Call {
                        id: self.last,
                        task: self.task,
                        to: ONE.to_owned(),
                        handler,
                        timeout_ms: 20_000,
                        body,
                    });
                    let (handler, body) = random.message();
                    turn.actions.push(Action::Notify {
                        to: ONE.to_owned(),
                        handler,
                        body,
                    });
                }
            }
            Event::Reply { call, outcome } => {
                let sent = self.open.remove(&call).expect("a call has one reply");
                let kind = match outcome {
                    Ok(_) => "ok",
                    Err(CallError::NoHandler(text)) if !text.is_empty() => "no handler",
                    Err(CallError::Malformed(text)) if !text.is_empty() => "malformed",
                    Err(CallError::Busy) => "busy",
                    Err(other) => {
                        turn.actions
                            .push(Action::Exit(format!("{sent}: {other:?}")));
                        return;
                    }
                };
                *self.seen.entry(kind.to_owned()).or_default() += 1;
                if self.open.is_empty() {
                    let body = serde_json::to_vec(&self.seen).expect("names and numbers");
                    turn.actions.push(Action::Respond {
                        task: self.task,
                        outcome: Ok(Response {
                            status: 200,
                            headers: Vec::new(),
                            body,
                        }),
                    });
                }
            }
            _ => {}
        }
    }
}

struct Random(u64);

impl Random {
    /// SplitMix64, by Sebastiano Vigna.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn message(&mut self) -> (String, Vec<u8>) {
        let handler = match self.below(10) {
            0 => self.text(),
            1 => self
                .pick(&[
                    "page",
                    "names",
                    "Add",
                    "adds",
                    "__init",
                    "init",
                    "tally/add",
                    "",
                ])
                .to_owned(),
            _ => self
                .pick(&["add", "count", "name", "pull", "give", "tell"])
                .to_owned(),
        };
        let mut body = match self.below(12) {
            0 => Vec::new(),
            1 => "[".repeat(1 + self.below(100_000)).into_bytes(),
            2 => format!("{{\"name\":\"{}\"}}", "x".repeat(self.below(300_000))).into_bytes(),
            3 => (0..self.below(200)).map(|_| self.next() as u8).collect(),
            4 => format!("{{\"Add\":{}}}", self.object()).into_bytes(),
            5 => format!("[{}, {}]", self.value(2), self.value(2)).into_bytes(),
            6 => self.value(3).to_string().into_bytes(),
            _ => self.object().to_string().into_bytes(),
        };
        // Cut, or with a byte that is another one.
        if !body.is_empty() && self.below(5) == 0 {
            let at = self.below(body.len());
            match self.below(2) {
                0 => body.truncate(at),
                _ => body[at] = self.next() as u8,
            }
        }
        (handler, body)
    }

    fn object(&mut self) -> Value {
        let names = ["by", "name", "from", "to", "how", "BY", "", "extra"];
        let count = self.below(4);
        let fields = (0..count).map(|_| (self.pick(&names).to_owned(), self.value(2)));
        Value::Object(fields.collect())
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 8 } else { 10 }) {
            0 => Value::Null,
            1 => json!(self.next() as i64),
            2 => json!(self.next()),
            3 => json!(f64::from_bits(self.next())),
            4 => json!(self.below(2) == 0),
            5 => json!(ONE),
            6 => json!("nobody:a:b"),
            7 => json!(self.text()),
            8 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => self.object(),
        }
    }

    fn text(&mut self) -> String {
        let letters = (0..self.below(60)).map(|_| char::from_u32(self.next() as u32 % 0x3_0000));
        letters.flatten().collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_peer_sends_is_answered_and_harms_nobody() {
    let rounds = match std::env::var("HYPERSTAR_PEER_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("HYPERSTAR_PEER_ROUNDS is a number"),
        Err(_) => 10,
    };
    let home = tempfile::tempdir().unwrap();
    let node = open(home.path()).await;
    node.install(ONE, tally(""), false, true).await.unwrap();
    let peer = Arc::new(Peer(Interface::new("Peer")));
    node.host().add(PEER, peer, &Options::default()).unwrap();
    node.host().start_process(PEER).await.unwrap();
    node.grant(PEER, ONE, &[]).unwrap();
    let mut seen = BTreeMap::<String, u64>::new();
    for seed in 0..rounds {
        let answered = ask(&node, PEER, "attack", json!(seed)).await;
        let counts = answered.unwrap_or_else(|error| {
            let (lines, _) = node.host().logs(PEER, 3).unwrap();
            let (of_app, _) = node.host().logs(ONE, 3).unwrap();
            panic!("seed {seed}: {error}: {lines:?}, {of_app:?}")
        });
        seen = serde_json::from_value(counts).unwrap();
    }
    let malformed = seen["malformed"];
    let counts = ask(&node, PEER, "attack", json!(OVERSIZED)).await.unwrap();
    assert_eq!(counts["malformed"], malformed + 2);
    assert_eq!(seen.values().sum::<u64>(), rounds * MESSAGES, "{seen:?}");
    for kind in ["ok", "no handler", "malformed"] {
        assert!(seen.contains_key(kind), "{seen:?}");
    }
    // It has never crashed, and still counts.
    for process in [ONE, PEER] {
        assert_eq!(node.host().status(process).unwrap(), Status::Running);
        let (lines, _) = node.host().logs(process, 1_000).unwrap();
        let crashed = lines.iter().find(|line| line.text.contains("panicked"));
        assert!(crashed.is_none(), "{crashed:?}");
    }
    let before = ask(&node, ONE, "count", json!({})).await.unwrap();
    let after = ask(&node, ONE, "add", json!({ "by": 0 })).await.unwrap();
    assert_eq!(before, after);
    within(node.host().stop()).await;
}
