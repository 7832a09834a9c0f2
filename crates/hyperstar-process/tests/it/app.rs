//! An app as `#[hyperapp]` would expand it, and a way to drive it.

use std::rc::Rc;

use hyperstar_interface::{Handler, Http, Interface, Mode, Save, Trigger, View};
use hyperstar_process::abi::{Action, Audience};
use hyperstar_process::abi::{Event, Message, Page, RenderError, RenderRequest, Turn};
use hyperstar_process::sys::{self, Sys};
use hyperstar_process::test::Host;
use hyperstar_process::{
    Address, CallError, Cx, Fields, Guest, Html, Hyperapp, Origin, Outcome, Response, Run, Runtime,
    Saver, State, StateError, Stored, TIMEOUT_MS, Task, ViewError, ViewFn,
};

/// A desk with a bell, and all forms of handlers.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) count: i64,
    pub(crate) names: Vec<String>,
    /// Not kept.
    pub(crate) rings: u32,
}

impl State for Desk {
    const VERSION: u32 = 1;

    fn load(fields: &mut Fields) -> Result<Self, StateError> {
        let default = Self::default();
        Ok(Self {
            count: Stored::load("count", fields, default.count)?,
            names: Stored::load("names", fields, default.names)?,
            rings: default.rings,
        })
    }

    fn save(&self, saver: &mut Saver) {
        Stored::save(&self.count, "count", saver);
        Stored::save(&self.names, "names", saver);
    }

    fn migrate(_: u32, _: &mut Fields) -> Result<(), StateError> {
        Ok(())
    }
}

impl Desk {
    async fn add_theirs(&mut self, cx: &Cx, body: &[u8]) -> Outcome {
        self.count += 1;
        let call = cx.call_raw(&other(), "count", body.to_vec(), 5_000);
        hyperstar_process::checkpoint(&*self);
        let answer = call.await?;
        self.count += parse(&answer);
        answer_of(&self.count)
    }
}

/// The handlers, in order, with what runs them.
const NAMES: &[(&str, Mode)] = &[
    ("count", Mode::Read),
    ("increment", Mode::Write),
    ("add_theirs", Mode::Exclusive),
    ("ask", Mode::Concurrent),
    ("wait", Mode::Concurrent),
    ("tick", Mode::Write),
    ("open", Mode::Write),
    ("close", Mode::Write),
    ("go_on", Mode::Concurrent),
    ("both", Mode::Concurrent),
    ("late", Mode::Concurrent),
    ("teapot", Mode::Read),
    ("broken", Mode::Write),
];

impl Hyperapp for Desk {
    const HANDLERS: &'static [Run<Self>] = &[
        Run::Read(|app, _| answer_of(&app.count)),
        Run::Write(|app, call| {
            app.count += if call.body().is_empty() {
                1
            } else {
                parse(call.body())
            };
            answer_of(&app.count)
        }),
        Run::Exclusive(|mut app, call| {
            Box::pin(async move {
                let outcome = app.add_theirs(call.cx(), call.body()).await;
                (app, outcome)
            })
        }),
        Run::Concurrent(|call| {
            let cx = call.cx().of::<Self>();
            Box::pin(async move {
                let before = cx.read(|app| app.count);
                let answer = cx
                    .call_raw(&other(), "count", call.body().to_vec(), TIMEOUT_MS)
                    .await?;
                cx.with(|app| app.count = before + parse(&answer));
                answer_of(&cx.read(|app| app.count))
            }) as Task<Outcome>
        }),
        Run::Concurrent(|call| {
            Box::pin(async move {
                call.cx().sleep(100).await;
                answer_of(&call.cx().now_ms())
            })
        }),
        Run::Write(|app, _| {
            app.rings += 1;
            app.count += 100;
            answer_of(&())
        }),
        Run::Write(|app, _| {
            app.names.push("opened".to_owned());
            match app.count {
                -77 => Err(CallError::Malformed("count is -77".to_owned())),
                _ => answer_of(&()),
            }
        }),
        Run::Write(|app, _| {
            app.names.push("closed".to_owned());
            answer_of(&())
        }),
        Run::Concurrent(|call| {
            let cx = call.cx().of::<Self>();
            Box::pin(async move {
                let spawned = cx.spawn(|cx| async move {
                    cx.sleep(60_000).await;
                    let answer = cx.call_raw(&other(), "count", Vec::new(), TIMEOUT_MS).await;
                    cx.with(|app| app.count += parse(&answer.unwrap_or_default()));
                });
                answer_of(&spawned.is_ok())
            })
        }),
        Run::Concurrent(|call| {
            Box::pin(async move {
                let call = |name| call.cx().call_raw(&other(), name, Vec::new(), TIMEOUT_MS);
                let (a, b) = hyperstar_process::join(call("a"), call("b")).await;
                answer_of(&(parse(&a?), parse(&b?)))
            })
        }),
        Run::Concurrent(|call| {
            Box::pin(async move {
                let asking = call
                    .cx()
                    .call_raw(&other(), "count", Vec::new(), TIMEOUT_MS);
                match call.cx().timeout(50, asking).await {
                    Ok(answer) => answer_of(&parse(&answer?)),
                    Err(elapsed) => Err(CallError::Malformed(elapsed.to_string())),
                }
            })
        }),
        Run::Read(|_, call| {
            call.cx().set_status(418);
            call.cx().set_header("X-Tea", "sencha");
            answer_of(&(
                call.cx().method(),
                call.cx().query(),
                call.cx().header("ACCEPT"),
            ))
        }),
        Run::Write(|_, _| panic!("oh no")),
    ];
    const VIEWS: &'static [ViewFn<Self>] = &[
        |app, call| Ok(Html::text(&format!("{} {}", app.count, call.cx.path())).title("Desk")),
        |_, _| Err(ViewError::not_found("nothing here")),
    ];

    fn interface() -> Interface {
        let mut interface = Interface::new("Desk");
        for (name, mode) in NAMES {
            let mut handler = Handler::new(*name, *mode);
            handler.triggers = vec![match *name {
                "tick" => Trigger::Every(500),
                "open" => Trigger::Init,
                "close" => Trigger::Stop,
                "teapot" => Trigger::Http(Http {
                    method: Some("GET".to_owned()),
                    path: Some("/teapot".to_owned()),
                }),
                _ => Trigger::Local,
            }];
            interface.handlers.push(handler);
        }
        interface.views = vec![View::new("page", "/"), View::new("nothing", "/nothing")];
        interface.save = SAVE.get();
        interface
    }
}

thread_local! {
    pub(crate) static SAVE: std::cell::Cell<Save> = const { std::cell::Cell::new(Save::EveryMessage) };
}

pub(crate) fn other() -> Address {
    "other:desk:tests".parse().expect("an address")
}

pub(crate) fn answer_of<T: serde::Serialize>(value: &T) -> Outcome {
    Ok(Response {
        status: 200,
        headers: Vec::new(),
        body: serde_json::to_vec(value).expect("JSON"),
    })
}

pub(crate) fn parse(body: &[u8]) -> i64 {
    serde_json::from_slice(body).unwrap_or(0)
}

/// A runtime and its host. Turns are kept at once.
pub(crate) struct Driver<A: Hyperapp = Desk> {
    pub(crate) host: Rc<Host>,
    pub(crate) runtime: Runtime<A>,
    pub(crate) started: Turn,
}

impl Driver {
    pub(crate) fn new() -> Self {
        Self::with(Save::EveryMessage)
    }
}

impl<A: Hyperapp> Driver<A> {
    pub(crate) fn with(save: Save) -> Self {
        Self::on(Rc::new(Host::new()), save).expect("it starts")
    }

    pub(crate) fn on(host: Rc<Host>, save: Save) -> Result<Self, String> {
        SAVE.set(save);
        let mut runtime = Runtime::new();
        let dynamic: Rc<dyn Sys> = host.clone();
        let start = host.start("desk:desk:tests");
        let started = sys::enter(&dynamic, || runtime.start(start))?;
        host.keep(&started.changes);
        Ok(Self {
            host,
            runtime,
            started,
        })
    }

    /// A new life from what was kept.
    pub(crate) fn restart(self) -> Self {
        Self::on(self.host, SAVE.get()).expect("it starts")
    }

    pub(crate) fn turn(&mut self, events: Vec<Event>) -> Turn {
        let dynamic: Rc<dyn Sys> = self.host.clone();
        let turn = sys::enter(&dynamic, || self.runtime.turn(events));
        self.host.keep(&turn.changes);
        turn
    }

    pub(crate) fn render(&mut self, view: u32) -> Result<Page, RenderError> {
        let request = RenderRequest {
            view,
            path: "/here".to_owned(),
            params: Vec::new(),
            query: Vec::new(),
            audience: Audience::Everyone,
            base: String::new(),
        };
        let dynamic: Rc<dyn Sys> = self.host.clone();
        sys::enter(&dynamic, || self.runtime.render(request))
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&A) -> T) -> T {
        let dynamic: Rc<dyn Sys> = self.host.clone();
        sys::enter(&dynamic, || self.runtime.read(read))
    }

    pub(crate) fn kept(&self, path: &str) -> String {
        let kept = self.host.get(path);
        kept.map_or_else(
            || "-".to_owned(),
            |bytes| String::from_utf8(bytes).expect("text"),
        )
    }
}

pub(crate) fn message(task: u64, handler: &str, body: &str) -> Event {
    from(
        task,
        Origin::Local("caller:desk:tests".to_owned()),
        handler,
        body,
    )
}

pub(crate) fn from(task: u64, origin: Origin, handler: &str, body: &str) -> Event {
    Event::Message(Message {
        task,
        origin,
        handler: handler.to_owned(),
        deadline_ms: 1_000_000_000_000 + 30_000,
        body: body.as_bytes().to_vec(),
    })
}

pub(crate) fn reply(call: u64, body: &str) -> Event {
    Event::Reply {
        call,
        outcome: Ok(body.as_bytes().to_vec()),
    }
}

/// What a turn does, a line each.
pub(crate) fn shown(turn: &Turn) -> Vec<String> {
    let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
    let actions = turn.actions.iter().map(|action| match action {
        Action::Respond { task, outcome } => match outcome {
            Ok(response) => format!("{task} = {}", text(&response.body)),
            Err(error) => format!("{task} ! {error:?}"),
        },
        Action::Call {
            id,
            task,
            to,
            handler,
            timeout_ms,
            body,
        } => format!(
            "{task} calls {to} {handler}({}) as {id} in {timeout_ms}",
            text(body)
        ),
        other => format!("{other:?}"),
    });
    let changes = turn.changes.iter().map(|change| match &change.value {
        Some(value) => format!("{} <- {}", change.path, text(value)),
        None => format!("{} removed", change.path),
    });
    let mut lines: Vec<String> = actions.chain(changes).collect();
    if turn.exclusive {
        lines.push("exclusive".to_owned());
    }
    lines
}
