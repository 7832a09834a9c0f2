//! A process that calls another app by its WIT.

use hyperstar::process::types::{Action, Answer, Response};
use hyperstar_app::orders::api::{Order, Size, clear, place_order, totals};

wit_bindgen::generate!({
    path: ["../../../../../wit/process.wit", "wit/orders.wit", "wit/caller.wit"],
    world: "test:caller/caller",
    generate_all,
});

struct Caller;
export!(Caller);

const INTERFACE: &str = include_str!("../../interface.json");

impl Guest for Caller {
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
                let to = String::from_utf8_lossy(&message.body);
                let body = answer(&message.handler, &to).into_bytes();
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
        let html = answer("clear", "orders:a:b");
        Ok(Page {
            html,
            title: None,
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

fn answer(handler: &str, to: &str) -> String {
    let order = Order {
        ordered_at: 5,
        tags: vec!["x".to_owned(), "y".to_owned()],
        size: Size::Meters(1.5),
        note: None,
    };
    match handler {
        "place" => format!("{:?}", place_order(to, &order, "the door")),
        "compute and place" => {
            for step in 0..30_000_000_u64 {
                std::hint::black_box(step);
            }
            format!("{:?}", place_order(to, &order, "the door"))
        }
        "totals" => format!("{:?}", totals(to)),
        "clear" => format!("{:?}", clear(to)),
        other => format!("no handler {other}"),
    }
}
