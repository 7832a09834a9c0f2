//! A process that tries what WASI offers.

use hyperstar::process::types::{Action, Answer, Response};
use wasi::cli::{environment, exit, stderr, stdin, stdout};
use wasi::clocks::{monotonic_clock, wall_clock};
use wasi::filesystem::preopens;
use wasi::io::poll;
use wasi::random::{insecure_seed, random};
use wasi::sockets::tcp_create_socket::{IpAddressFamily, create_tcp_socket};

wit_bindgen::generate!({
    path: ["../../../../../wit/process.wit", "wit/foreign.wit"],
    world: "test:foreign/foreign",
    generate_all,
});

struct Foreign;
export!(Foreign);

const INTERFACE: &str = include_str!("../../interface.json");

impl Guest for Foreign {
    fn assets() -> Vec<Asset> {
        Vec::new()
    }

    fn describe() -> String {
        INTERFACE.to_owned()
    }

    fn init(_start: Start) -> Result<Turn, String> {
        Ok(turn(Vec::new()))
    }

    fn turn(events: Vec<Event>) -> Turn {
        let mut actions = Vec::new();
        for event in events {
            if let Event::Message(message) = event {
                let body = answer(&message.handler, message.body).into_bytes();
                let outcome = Ok(Response {
                    status: 200,
                    headers: Vec::new(),
                    body,
                });
                let task = message.task;
                actions.push(Action::Respond(Answer { task, outcome }));
            }
        }
        turn(actions)
    }

    fn render(_request: RenderRequest) -> Result<Page, ViewError> {
        unreachable!("it has no views")
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

fn answer(handler: &str, body: Vec<u8>) -> String {
    let number = || String::from_utf8_lossy(&body).parse().unwrap_or(0);
    match handler {
        "environment" => format!(
            "{:?} {:?} {:?}",
            environment::get_environment(),
            environment::get_arguments(),
            environment::initial_cwd()
        ),
        "folders" => preopens::get_directories().len().to_string(),
        "socket" => format!(
            "{:?}",
            create_tcp_socket(IpAddressFamily::Ipv4)
                .err()
                .map(|code| code.name())
                .unwrap_or_default()
        ),
        "input" => format!("{:?}", stdin::get_stdin().read(10)),
        "output" => {
            let out = stdout::get_stdout();
            let room = out.check_write();
            let written = out.write(&body);
            let flushed = out.blocking_flush();
            format!("{room:?} {written:?} {flushed:?}")
        }
        "error" => format!("{:?}", stderr::get_stderr().write(&body)),
        "clocks" => {
            let wall = wall_clock::now();
            let monotonic = monotonic_clock::now();
            format!("{} {} {monotonic}", wall.seconds, wall.nanoseconds)
        }
        "random" => format!("{:?}", random::get_random_bytes(number())),
        "numbers" => {
            let seed = insecure_seed::insecure_seed();
            format!("{:x} {seed:?}", random::get_random_u64())
        }
        "sleep" => {
            let hour = monotonic_clock::subscribe_duration(3_600_000_000_000);
            hour.block();
            let out = stdout::get_stdout().subscribe();
            let ready = poll::poll(&[&hour, &out]);
            format!("{} {ready:?}", hour.ready())
        }
        "handles" => {
            let mut streams = Vec::new();
            for _ in 0..number() {
                streams.push(stdout::get_stdout());
            }
            streams.len().to_string()
        }
        "exit" => {
            exit::exit(Ok(()));
            "still here".to_owned()
        }
        other => format!("no handler {other}"),
    }
}
