//! What a tiny message costs a process: `cargo run --release -p hyperstar-process --example turn_cost
//! --features test`.

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyperstar_interface::{Handler, Interface, Mode, Save, Trigger};
use hyperstar_process::abi::{Event, Message};
use hyperstar_process::test::Host;
use hyperstar_process::{
    Fields, Guest, Hosted, Hyperapp, Origin, Response, Run, Runtime, Saver, State, StateError,
    Stored, ViewFn,
};

#[derive(Default)]
struct Counter {
    count: i64,
}

impl State for Counter {
    const VERSION: u32 = 1;

    fn load(fields: &mut Fields) -> Result<Self, StateError> {
        Ok(Self {
            count: Stored::load("count", fields, 0)?,
        })
    }

    fn save(&self, saver: &mut Saver) {
        Stored::save(&self.count, "count", saver);
    }

    fn migrate(_: u32, _: &mut Fields) -> Result<(), StateError> {
        Ok(())
    }
}

fn answer(count: i64) -> Result<Response, hyperstar_process::CallError> {
    Ok(Response {
        status: 200,
        headers: Vec::new(),
        body: count.to_string().into_bytes(),
    })
}

impl Hyperapp for Counter {
    const HANDLERS: &'static [Run<Self>] = &[
        Run::Read(|app, _| answer(app.count)),
        Run::Write(|app, _| {
            app.count += 1;
            answer(app.count)
        }),
        Run::Concurrent(|call| {
            let cx = call.cx().of::<Self>();
            Box::pin(async move { answer(cx.read(|app| app.count)) })
        }),
    ];
    const VIEWS: &'static [ViewFn<Self>] = &[];

    fn interface() -> Interface {
        let mut interface = Interface::new("Counter");
        for (name, mode) in [
            ("read", Mode::Read),
            ("write", Mode::Write),
            ("later", Mode::Concurrent),
        ] {
            let mut handler = Handler::new(name, mode);
            handler.triggers = vec![Trigger::Local];
            interface.handlers.push(handler);
        }
        interface.save = Save::EveryMessage;
        interface
    }
}

fn main() {
    println!("ns a message, through `Runtime::turn`:");
    println!("{:>8} {:>10} {:>10}", "", "batch 1", "batch 64");
    for handler in ["read", "write", "later"] {
        let [one, many] = [1, 64].map(|batch| cost_ns(handler, batch));
        println!("{handler:>8} {one:>10.0} {many:>10.0}");
    }
}

fn cost_ns(handler: &str, batch: usize) -> f64 {
    /// Few enough to stay in the cache, as those of a mailbox do.
    const ROUND: usize = 1_024;
    const ROUNDS: usize = 512;
    let host = Rc::new(Host::new());
    let mut guest = Hosted::new(host.clone(), Runtime::<Counter>::new());
    let started = guest.start(host.start("counter:counter:bench"));
    black_box(started.is_ok());
    let mut task = 0;
    let mut message = || {
        task += 1;
        Event::Message(Message {
            task,
            origin: Origin::Local("caller:counter:bench".to_owned()),
            handler: handler.to_owned(),
            deadline_ms: u64::MAX,
            body: b"{}".to_vec(),
        })
    };
    let mut spent = Duration::ZERO;
    for _ in 0..ROUNDS {
        let round: Vec<Vec<Event>> = (0..ROUND / batch)
            .map(|_| (0..batch).map(|_| message()).collect())
            .collect();
        let began = Instant::now();
        for events in round {
            black_box(guest.turn(events));
        }
        spent += began.elapsed();
    }
    spent.as_secs_f64() * 1e9 / (ROUND * ROUNDS) as f64
}
