//! A process that does what the handler of a message says, good or bad.

use std::cell::RefCell;

use hyperstar::process::{sys, types};
use types::{Action, Answer, Change, Response};

wit_bindgen::generate!({
    path: "../../../../../wit/process.wit",
    world: "process",
});

struct Probe;
export!(Probe);

thread_local! {
    static COUNT: RefCell<u64> = const { RefCell::new(0) };
}

const INTERFACE: &str = include_str!("../../interface.json");

impl Guest for Probe {
    fn assets() -> Vec<Asset> {
        Vec::new()
    }

    fn describe() -> String {
        INTERFACE.to_owned()
    }

    fn init(start: Start) -> Result<Turn, String> {
        std::panic::set_hook(Box::new(|info| sys::log(1, &info.to_string())));
        match start.node.as_str() {
            "refuse" => return Err("there is no database".to_owned()),
            "trap" => panic!("the start fails"),
            "spin" => spin(),
            _ => {}
        }
        let kept = start.fields.iter().find(|field| field.path == "f/count");
        let kept = kept.and_then(|field| String::from_utf8(field.value.clone()).ok());
        let kept = kept.and_then(|text| text.parse().ok()).unwrap_or(0);
        COUNT.with_borrow_mut(|count| *count = kept);
        Ok(turn(Vec::new()))
    }

    fn turn(events: Vec<Event>) -> Turn {
        let mut out = turn(Vec::new());
        for event in events {
            match event {
                Event::Message(message) => handle(message, &mut out),
                Event::Reply(reply) => out.actions.push(Action::CancelCall(reply.call)),
                Event::Undelivered(back) => out.actions.push(Action::Exit(back.to)),
                Event::Ended(ended) => out.actions.push(Action::Exit(ended.reason)),
                Event::Room(room) => out.actions.push(Action::Close(room.notices + room.bytes)),
                Event::Timer(id) => out.actions.push(Action::CancelTimer(id)),
                Event::Cancel(task) => out.actions.push(Action::Close(task)),
                Event::Stop => out.actions.push(Action::Exit("stopped".to_owned())),
            }
        }
        out
    }

    fn render(request: RenderRequest) -> Result<Page, ViewError> {
        match request.path.as_str() {
            "/trap" => panic!("the page fails"),
            "/spin" => spin(),
            "/missing" => {
                return Err(ViewError {
                    status: 404,
                    message: "nothing here".to_owned(),
                    location: None,
                    internal: false,
                });
            }
            _ => {}
        }
        let count = COUNT.with_borrow(|count| *count);
        Ok(Page {
            html: format!("<p>{count}</p>"),
            title: Some(request.base),
            status: None,
        })
    }
}

fn turn(actions: Vec<Action>) -> Turn {
    Turn {
        actions,
        changes: Vec::new(),
        touched: false,
        exclusive: false,
    }
}

fn handle(message: types::Message, out: &mut Turn) {
    let text = String::from_utf8_lossy(&message.body).into_owned();
    let number = || text.parse::<u64>().unwrap_or(0);
    let answer = match message.handler.as_str() {
        "echo" => message.body,
        "debug" => format!("{:?}", message.origin).into_bytes(),
        "count" => {
            let count = COUNT.with_borrow_mut(|count| {
                *count += 1;
                *count
            });
            out.touched = true;
            out.changes.push(Change {
                path: "f/count".to_owned(),
                value: Some(count.to_string().into_bytes()),
            });
            count.to_string().into_bytes()
        }
        "now" => sys::now_ms().to_string().into_bytes(),
        "random" => sys::random(number() as u32),
        "get" => sys::get(&text).unwrap_or_else(|| b"nothing".to_vec()),
        "scan" => {
            let fields = sys::scan(&text, "z", 10, false);
            let paths: Vec<String> = fields.into_iter().map(|field| field.path).collect();
            paths.join(",").into_bytes()
        }
        "below" => sys::count(&text).to_string().into_bytes(),
        "log" => {
            sys::log(3, &text);
            Vec::new()
        }
        "flood" => {
            for _ in 0..number() {
                sys::log(2, "the same line, again and again");
            }
            Vec::new()
        }
        "compute" => {
            let mut sum = 0_u64;
            for step in 0..number() {
                sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(step));
            }
            sum.to_string().into_bytes()
        }
        "panic" => panic!("{text}"),
        "spin" => spin(),
        "recurse" => recurse(0).to_string().into_bytes(),
        "allocate" => {
            let mut all = Vec::new();
            loop {
                all.push(std::hint::black_box(vec![1_u8; 1 << 20]));
            }
        }
        "hold" => vec![0; std::hint::black_box(vec![1_u8; number() as usize]).len() % 2],
        "huge" => vec![7; number() as usize],
        "many" => {
            out.actions.extend((0..number()).map(Action::Close));
            Vec::new()
        }
        "changes" => {
            let change = |number: u64| Change {
                path: format!("f/{number}"),
                value: None,
            };
            out.changes.extend((0..number()).map(change));
            Vec::new()
        }
        other => format!("no handler {other}").into_bytes(),
    };
    out.actions.push(Action::Respond(Answer {
        task: message.task,
        outcome: Ok(Response {
            status: 200,
            headers: Vec::new(),
            body: answer,
        }),
    }));
}

fn spin() -> ! {
    loop {
        std::hint::black_box(());
    }
}

#[allow(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    std::hint::black_box(recurse(std::hint::black_box(depth + 1))) + 1
}
