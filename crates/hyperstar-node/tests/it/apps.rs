//! Calls of other apps by their WIT.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyperstar_interface::{Field, Handler, Interface, Mode, Param, Shape, Trigger, Type, Wit};
use hyperstar_native::instance::{BoxFuture, Crash, Limits};
use hyperstar_node::{Component, HostCalls, LoadError, LoadOptions};
use hyperstar_process::abi::{CallError, Start};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::kit::{self, Process, engine, guest_bytes, try_start};
use crate::turns::request;

/// An app that takes orders.
fn orders() -> Interface {
    let mut interface = Interface::new("Orders");
    interface.types = vec![
        (
            "Order".into(),
            Shape::Record(vec![
                Field::new("ordered_at", Type::U64),
                Field::new("tags", Type::List(Box::new(Type::String))),
                Field::new("size", Type::Named("Size".into())),
                Field::new("note", Type::Option(Box::new(Type::String))),
            ]),
        ),
        (
            "Size".into(),
            Shape::Variant(vec![
                Field::new("Small", Type::Unit),
                Field::new("Meters", Type::F64),
            ]),
        ),
    ];
    let mut place = Handler::new("place_order", Mode::Write);
    place.params = vec![
        Param {
            name: "new_order".into(),
            ty: Type::Named("Order".into()),
        },
        Param {
            name: "to".into(),
            ty: Type::String,
        },
    ];
    place.returns = Type::U64;
    let mut totals = Handler::new("totals", Mode::Read);
    totals.returns = Type::Map(Box::new(Type::String), Box::new(Type::S64));
    let clear = Handler::new("clear", Mode::Write);
    for mut handler in [place, totals, clear] {
        handler.triggers = vec![Trigger::Local];
        interface.handlers.push(handler);
    }
    interface
}

/// The app, and what is behind it.
#[derive(Debug)]
struct App {
    interface: Interface,
    desk: Arc<Desk>,
}

/// What was called, and what is answered.
#[derive(Debug, Default)]
struct Desk {
    calls: Mutex<Vec<(String, String, String, Value)>>,
    delay: Option<Duration>,
}

impl HostCalls for App {
    fn interface(&self, package: &str) -> Option<Interface> {
        let is_it = Wit::new(&self.interface).package() == package;
        is_it.then(|| self.interface.clone())
    }

    fn call<'a>(
        &'a self,
        from: &'a str,
        to: String,
        handler: &'a str,
        body: Vec<u8>,
    ) -> BoxFuture<'a, Result<Vec<u8>, CallError>> {
        Box::pin(async move {
            let body = serde_json::from_slice(&body).unwrap();
            let call = (from.to_owned(), to.clone(), handler.to_owned(), body);
            self.desk.calls.lock().unwrap().push(call);
            if let Some(delay) = self.desk.delay {
                tokio::time::sleep(delay).await;
            }
            match (to.as_str(), handler) {
                ("wrong:a:b", _) => Ok(b"\"seven\"".to_vec()),
                ("garbage:a:b", _) => Ok(b"{".to_vec()),
                ("huge:a:b", _) => Ok(vec![b' '; (1 << 20) + 1]),
                ("busy:a:b", _) => Err(CallError::Busy),
                ("stopped:a:b", _) => Err(CallError::Stopped),
                ("gone:a:b", _) => Err(CallError::NoProcess("gone:a:b".into())),
                (_, "place_order") => Ok(b"7".to_vec()),
                (_, "totals") => Ok(br#"{"a":-1,"b":2}"#.to_vec()),
                _ => Ok(b"null".to_vec()),
            }
        })
    }
}

async fn load(interface: Interface, desk: Arc<Desk>) -> Result<Component, LoadError> {
    static CALLER: OnceCell<Vec<u8>> = OnceCell::const_new();
    let bytes = CALLER.get_or_init(async || guest_bytes("caller")).await;
    let options = LoadOptions {
        calls: Some(Arc::new(App { interface, desk })),
        ..LoadOptions::default()
    };
    engine().load(bytes, options).await
}

async fn start(desk: &Arc<Desk>, limits: Limits) -> Process {
    let program = load(orders(), desk.clone()).await.unwrap();
    let start = Start {
        process: "caller:a:b".into(),
        ..Start::default()
    };
    try_start(&program, start, limits).await.unwrap()
}

#[test]
fn the_guest_has_the_wit_that_the_app_has() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests/caller/wit/orders.wit");
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    let interface = orders();
    let wit = Wit::new(&interface).to_string();
    assert_eq!(there, wit, "write this into {}", file.display());
}

#[tokio::test]
async fn a_call_of_a_function_is_a_call_of_a_handler() {
    let desk = Arc::<Desk>::default();
    let mut process = start(&desk, Limits::default()).await;
    assert_eq!(process.ask("place", "orders:a:b").await, "Ok(7)");
    assert_eq!(
        process.ask("totals", "orders:a:b").await,
        r#"Ok([("a", -1), ("b", 2)])"#
    );
    assert_eq!(process.ask("clear", "orders:a:b").await, "Ok(())");
    let order = json!({
        "new_order": {
            "ordered_at": 5,
            "tags": ["x", "y"],
            "size": {"Meters": 1.5},
            "note": null,
        },
        "to": "the door",
    });
    let call = |handler: &str, body: Value| {
        ["caller:a:b", "orders:a:b", handler]
            .map(str::to_owned)
            .into_iter()
            .chain([body.to_string()])
            .collect::<Vec<_>>()
    };
    let calls = desk.calls.lock().unwrap();
    let calls: Vec<Vec<String>> = calls
        .iter()
        .map(|(from, to, handler, body)| {
            vec![from.clone(), to.clone(), handler.clone(), body.to_string()]
        })
        .collect();
    assert_eq!(
        calls,
        [
            call("place_order", order),
            call("totals", json!({})),
            call("clear", json!({})),
        ]
    );
}

#[tokio::test]
async fn what_goes_wrong_is_an_error_for_the_component() {
    let desk = Arc::<Desk>::default();
    let mut process = start(&desk, Limits::default()).await;
    for (to, expected) in [
        ("busy:a:b", "Err(CallError::Busy)"),
        ("gone:a:b", r#"Err(CallError::NoProcess("gone:a:b"))"#),
        ("stopped:a:b", "Err(CallError::Stopped)"),
        (
            "wrong:a:b",
            "what Orders.place_order answered cannot be read: expected a number, found text",
        ),
        (
            "garbage:a:b",
            "what Orders.place_order answered cannot be read: EOF",
        ),
        (
            "huge:a:b",
            "Orders.place_order answered 1048577 bytes; at most 1048576 are taken",
        ),
    ] {
        let answer = process.ask("place", to).await;
        assert!(answer.contains(expected), "{to}: {answer}");
    }
}

#[tokio::test]
async fn a_wait_costs_no_processor_time() {
    let desk = Arc::new(Desk {
        delay: Some(Duration::from_millis(30)),
        ..Desk::default()
    });
    let limits = Limits {
        turn_ms_max: 20,
        ..Limits::default()
    };
    let mut process = start(&desk, limits.clone()).await;
    assert_eq!(process.ask("place", "orders:a:b").await, "Ok(7)");
    // Also where it computes before, and goes on in the slow lane.
    let limits = Limits {
        turn_ms_max: 10_000,
        ..limits
    };
    let mut process = start(&desk, limits).await;
    assert_eq!(
        process.ask("compute and place", "orders:a:b").await,
        "Ok(7)"
    );
    assert_eq!(process.ask("place", "orders:a:b").await, "Ok(7)");
}

#[tokio::test]
async fn a_page_may_not_call() {
    let desk = Arc::<Desk>::default();
    let mut process = start(&desk, Limits::default()).await;
    let crash = process.instance.render(request("/")).await.unwrap_err();
    assert!(matches!(crash, Crash::Protocol(_)), "{crash:?}");
    assert!(crash.to_string().contains("call in a turn"), "{crash}");
    assert!(desk.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_app_that_is_not_there_or_changed_is_said_so() {
    let mut other = orders();
    other.name = "Order".into();
    let mut renamed = orders();
    renamed.handlers[1].name = "sums".into();
    let mut longer = orders();
    longer.handlers[2].params.push(Param {
        name: "sure".into(),
        ty: Type::Bool,
    });
    for (interface, expected) in [
        (other, "install the app that it calls first"),
        (
            renamed,
            "it calls `totals` of Orders, which has no such function",
        ),
        (
            longer,
            "it calls `clear` of Orders, which has no such function, or with other arguments",
        ),
    ] {
        let error = load(interface, Arc::default()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let bytes = guest_bytes("caller");
    let error = engine().load(&bytes, LoadOptions::default()).await;
    assert!(matches!(error, Err(LoadError::Import { .. })));
    let mut retyped = orders();
    retyped.handlers[0].params[1].ty = Type::U8;
    let program = load(retyped, Arc::default()).await.unwrap();
    let mut process = kit::start(&program).await;
    let crash = process.send("place", "orders:a:b").await.unwrap_err();
    assert!(
        crash.to_string().contains("`to`: expected a number"),
        "{crash}"
    );
}
