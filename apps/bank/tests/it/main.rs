//! Two banks on a host, while everything crashes: no money is lost, and none is made.

#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bank::{BANKS, Bank, FIRST_CENTS, HOLDERS, Statement};
use hyperstar_native::instance::{
    BoxFuture, Crash, HostSys, Instance, Interface, Limits, Program, Started,
};
use hyperstar_native::{Ask, ExitPolicy, Host, Native, Options, Restart};
use hyperstar_process::CallError;
use hyperstar_process::abi::{Asset, Event, Origin, Page, RenderError, RenderRequest, Start, Turn};
use hyperstar_store::Store;
use serde_json::json;

/// Longer than anything here takes; a test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(60);
const ROUNDS: usize = 12;
const TRANSFERS_PER_ROUND: usize = 16;

/// A bank of which one turn in so many crashes: before it did anything, or before anything of it was kept.
struct Fragile {
    bank: Native<Bank>,
    one_in: u64,
    chance: Arc<Chance>,
}

struct Breaking {
    instance: Box<dyn Instance>,
    one_in: u64,
    chance: Arc<Chance>,
}

impl Program for Fragile {
    fn interface(&self) -> &Interface {
        self.bank.interface()
    }

    fn assets(&self) -> &[Asset] {
        self.bank.assets()
    }

    fn start<'a>(
        &'a self,
        start: Start,
        sys: Arc<dyn HostSys>,
        limits: Limits,
    ) -> BoxFuture<'a, Started> {
        Box::pin(async move {
            let (instance, turn) = self.bank.start(start, sys, limits).await?;
            let breaking = Breaking {
                instance,
                one_in: self.one_in,
                chance: self.chance.clone(),
            };
            let instance: Box<dyn Instance> = Box::new(breaking);
            Ok((instance, turn))
        })
    }
}

impl Instance for Breaking {
    fn turn<'a>(&'a mut self, events: Vec<Event>) -> BoxFuture<'a, Result<Turn, Crash>> {
        Box::pin(async move {
            let draw = self.chance.below(2 * self.one_in);
            let crash = || Crash::Trap {
                message: "by chance".to_owned(),
                backtrace: String::new(),
            };
            if draw == 0 {
                return Err(crash());
            }
            let turn = self.instance.turn(events).await?;
            if draw == 1 { Err(crash()) } else { Ok(turn) }
        })
    }

    fn render<'a>(
        &'a mut self,
        request: RenderRequest,
    ) -> BoxFuture<'a, Result<Result<Page, RenderError>, Crash>> {
        self.instance.render(request)
    }

    fn memory_bytes(&self) -> usize {
        self.instance.memory_bytes()
    }
}

/// Random enough to crash by (SplitMix64).
struct Chance(AtomicU64);

impl Chance {
    fn below(&self, end: u64) -> u64 {
        let mut z = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }
}

/// Something that somebody wants a bank to do.
#[derive(Clone, Debug)]
struct Order {
    key: String,
    bank: usize,
    from: &'static str,
    to: &'static str,
    cents: u64,
}

impl Order {
    fn random(number: usize, chance: &Chance) -> Self {
        let holder = || HOLDERS[chance.below(HOLDERS.len() as u64) as usize];
        let to = match chance.below(8) {
            0 => "Nobody",
            _ => holder(),
        };
        Self {
            key: format!("order {number}"),
            bank: chance.below(2) as usize,
            from: holder(),
            to,
            cents: 1 + chance.below(2_000),
        }
    }

    /// It is asked before this returns.
    fn ask(
        &self,
        host: &Host,
    ) -> impl Future<Output = Result<Result<(), String>, CallError>> + use<> {
        let body = json!({
            "from": self.from, "bank": BANKS[1 - self.bank], "to": self.to, "cents": self.cents,
        });
        let asked = host.ask(
            BANKS[self.bank],
            Ask {
                origin: Origin::Owner,
                handler: "transfer".to_owned(),
                body: body.to_string().into_bytes(),
                timeout_ms: 60_000,
                key: Some(self.key.clone()),
            },
        );
        async move {
            let answer = asked.await?;
            Ok(serde_json::from_slice(&answer.body).expect("a result"))
        }
    }
}

async fn started(store: &Store, one_in: u64, chance: &Arc<Chance>) -> Host {
    let host = Host::new("test", store);
    let options = Options {
        exit: ExitPolicy::Restart(Restart {
            first_ms: 1,
            wait_ms_max: 1,
            crashes_max: 100_000,
            ..Restart::default()
        }),
        ..Options::default()
    };
    for bank in BANKS {
        let program = Fragile {
            bank: Native::new(),
            one_in,
            chance: chance.clone(),
        };
        host.add(bank, Arc::new(program), &options)
            .expect("a new process");
    }
    host.grant(1, BANKS[0], BANKS[1], &["deposit"]);
    host.grant(2, BANKS[1], BANKS[0], &["deposit"]);
    for bank in BANKS {
        host.start_process(bank).await.expect("it starts");
    }
    host
}

async fn statement(host: &Host, bank: &str) -> Statement {
    let ask = Ask {
        origin: Origin::Owner,
        handler: "statement".to_owned(),
        body: Vec::new(),
        timeout_ms: 10_000,
        key: None,
    };
    let answer = host.ask(bank, ask).await.expect("an answer");
    serde_json::from_slice(&answer.body).expect("a statement")
}

/// Runs `work`, and drops all that it started in the midst of whatever it does.
fn on_a_runtime_that_is_dropped<T>(work: impl Future<Output = T>) -> T {
    let builder = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = builder.expect("a runtime");
    let done = runtime.block_on(async { tokio::time::timeout(DEADLINE, work).await });
    runtime.shutdown_timeout(Duration::from_secs(10));
    done.expect("it ends in time")
}

/// Each order is done once or not at all, and which is known: accounts have exactly what they say.
fn check(seed: u64) {
    let store = Store::memory();
    let chance = Arc::new(Chance(AtomicU64::new(seed)));
    let mut unknown: Vec<Order> = Vec::new();
    let mut done: Vec<Order> = Vec::new();
    for round in 0..ROUNDS {
        let first = round * TRANSFERS_PER_ROUND;
        let new = (first..first + TRANSFERS_PER_ROUND).map(|n| Order::random(n, &chance));
        let orders: Vec<Order> = std::mem::take(&mut unknown)
            .into_iter()
            .chain(new)
            .collect();
        let answers = on_a_runtime_that_is_dropped(async {
            let host = started(&store, 12, &chance).await;
            let asking: Vec<_> = orders.iter().map(|order| order.ask(&host)).collect();
            // Not all of them are waited for: the host is dropped while they are under way.
            let mut answers = Vec::new();
            for (n, asked) in asking.into_iter().enumerate() {
                let is_awaited = n % 4 != 3;
                answers.push(if is_awaited { Some(asked.await) } else { None });
            }
            answers
        });
        for (order, answer) in orders.into_iter().zip(answers) {
            match answer {
                Some(Ok(Ok(()))) => done.push(order),
                // Not enough money, or the turn that did it was lost: nothing of it is kept.
                Some(Ok(Err(_)) | Err(CallError::Crashed)) => {}
                Some(Err(error)) => panic!("{order:?}: {error}"),
                None => unknown.push(order),
            }
        }
    }
    let (north, south) = on_a_runtime_that_is_dropped(async {
        let host = started(&store, u64::MAX / 2, &chance).await;
        for order in std::mem::take(&mut unknown) {
            match order.ask(&host).await {
                Ok(Ok(())) => done.push(order),
                Ok(Err(_)) | Err(CallError::Crashed) => {}
                Err(error) => panic!("{order:?}: {error}"),
            }
        }
        loop {
            let (north, south) = (
                statement(&host, BANKS[0]).await,
                statement(&host, BANKS[1]).await,
            );
            if north.on_its_way + south.on_its_way == 0 {
                // What was on its way to the first when it was looked at has arrived by the time of the second.
                return (statement(&host, BANKS[0]).await, south);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let all: BTreeMap<String, i64> = HOLDERS
        .map(|holder| (holder.to_owned(), FIRST_CENTS as i64))
        .into();
    let mut expected = [all.clone(), all];
    for order in &done {
        // What is for nobody has come back.
        if order.to != "Nobody" {
            *expected[order.bank]
                .get_mut(order.from)
                .expect("an account") -= order.cents as i64;
            *expected[1 - order.bank]
                .get_mut(order.to)
                .expect("an account") += order.cents as i64;
        }
    }
    let found = [north, south].map(|bank| -> BTreeMap<String, i64> {
        let accounts = bank.accounts.into_iter();
        accounts
            .map(|(holder, cents)| (holder, cents as i64))
            .collect()
    });
    assert_eq!(found, expected, "seed {seed}");
    assert!(
        done.len() > ROUNDS * TRANSFERS_PER_ROUND / 4,
        "{} were done",
        done.len()
    );
}

#[test]
fn no_transfer_is_lost_or_doubled_whatever_crashes() {
    for seed in 1..=3 {
        check(seed);
    }
}
