//! Processes that do exactly what a test says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyperstar_interface::{Handler, Http, Interface, Mode, Save, Trigger, View};
use hyperstar_kernel::{ExitPolicy, Restart};
use hyperstar_native::instance::{BoxFuture, Crash, HostSys, Instance, Limits, Program};
use hyperstar_native::{Ask, Host, Options};
use hyperstar_process::abi::{
    Action, CallError, Change, Event, Message, Origin, Page, RenderError, RenderRequest, Response,
    Start, Turn,
};

/// Longer than anything here takes; a test that waits so long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

type OnMessage = dyn Fn(&mut State, Message, &mut Turn) -> Result<(), Crash> + Send + Sync;
type OnStart = dyn Fn(&Start) -> Result<(), Crash> + Send + Sync;

/// A program of one closure.
pub(crate) struct Scripted {
    interface: Interface,
    on_message: Arc<OnMessage>,
    on_start: Arc<OnStart>,
    /// How many it sets as it starts.
    pub(crate) timers: u64,
    /// How many slow pages were begun.
    pub(crate) renders: Arc<AtomicUsize>,
}

/// What an instance has in memory: its fields.
pub(crate) struct State {
    pub(crate) fields: BTreeMap<String, i64>,
    /// Replies to calls, as they come.
    pub(crate) on_reply: BTreeMap<u64, u64>,
}

impl Scripted {
    /// A program whose instances treat each message by `on_message`, have a page at `/` that shows the field
    /// `count`, and an HTTP handler for all paths.
    pub(crate) fn new(
        on_message: impl Fn(&mut State, Message, &mut Turn) -> Result<(), Crash> + Send + Sync + 'static,
    ) -> Self {
        let mut interface = Interface::new("Scripted");
        interface.views.push(View::new("page", "/"));
        let mut handler = Handler::new("any", Mode::Write);
        handler.triggers = vec![
            Trigger::Http(Http::default()),
            Trigger::Action,
            Trigger::Local,
            Trigger::Ws("/ws".to_owned()),
        ];
        interface.handlers.push(handler);
        Self {
            interface,
            on_message: Arc::new(on_message),
            on_start: Arc::new(|_| Ok(())),
            timers: 0,
            renders: Arc::default(),
        }
    }

    pub(crate) fn save(mut self, save: Save) -> Self {
        self.interface.save = save;
        self
    }

    /// Has a handler of this name, which is for this.
    pub(crate) fn handles(mut self, name: &str, trigger: Trigger) -> Self {
        let mut handler = Handler::new(name, Mode::Write);
        handler.triggers = vec![trigger];
        self.interface.handlers.push(handler);
        self
    }

    pub(crate) fn on_start(
        mut self,
        on_start: impl Fn(&Start) -> Result<(), Crash> + Send + Sync + 'static,
    ) -> Self {
        self.on_start = Arc::new(on_start);
        self
    }

    /// Counts each message in the field `count`, and answers the count.
    pub(crate) fn counter() -> Self {
        Self::new(|state, message, turn| {
            let count = state.add(turn, "count", 1);
            answer(turn, message.task, &count.to_string());
            Ok(())
        })
    }
}

impl State {
    pub(crate) fn get(&self, name: &str) -> i64 {
        self.fields.get(name).copied().unwrap_or(0)
    }

    pub(crate) fn add(&mut self, turn: &mut Turn, name: &str, by: i64) -> i64 {
        let value = self.get(name) + by;
        self.fields.insert(name.to_owned(), value);
        turn.touched = true;
        turn.changes.push(Change {
            path: format!("f/{name}"),
            value: Some(value.to_string().into_bytes()),
        });
        value
    }
}

pub(crate) fn answer(turn: &mut Turn, task: u64, text: &str) {
    turn.actions.push(Action::Respond {
        task,
        outcome: Ok(Response {
            status: 200,
            headers: Vec::new(),
            body: text.as_bytes().to_vec(),
        }),
    });
}

impl Program for Scripted {
    fn interface(&self) -> &Interface {
        &self.interface
    }

    fn start<'a>(
        &'a self,
        start: Start,
        _sys: Arc<dyn HostSys>,
        _limits: Limits,
    ) -> BoxFuture<'a, Result<(Box<dyn Instance>, Turn), Crash>> {
        Box::pin(async move {
            (self.on_start)(&start)?;
            let fields = start.fields.iter().map(|(path, value)| {
                let value = String::from_utf8(value.clone()).unwrap();
                (
                    path.trim_start_matches("f/").to_owned(),
                    value.parse().unwrap(),
                )
            });
            let instance = Living {
                state: State {
                    fields: fields.collect(),
                    on_reply: BTreeMap::new(),
                },
                on_message: self.on_message.clone(),
                renders: self.renders.clone(),
            };
            let set = |id| Action::SetTimer {
                id,
                after_ms: 60_000,
            };
            let turn = Turn {
                actions: (1..=self.timers).map(set).collect(),
                ..Turn::default()
            };
            Ok((Box::new(instance) as Box<dyn Instance>, turn))
        })
    }
}

struct Living {
    state: State,
    renders: Arc<AtomicUsize>,
    on_message: Arc<OnMessage>,
}

impl Instance for Living {
    fn turn(&mut self, events: Vec<Event>) -> BoxFuture<'_, Result<Turn, Crash>> {
        Box::pin(async move {
            let mut turn = Turn::default();
            for event in events {
                match event {
                    Event::Message(message) => {
                        (self.on_message)(&mut self.state, message, &mut turn)?
                    }
                    Event::Reply { call, outcome } => {
                        if let Some(task) = self.state.on_reply.remove(&call) {
                            let text = match outcome {
                                Ok(body) => String::from_utf8(body).unwrap(),
                                Err(error) => error.to_string(),
                            };
                            answer(&mut turn, task, &text);
                        }
                    }
                    Event::Stop if self.state.get("slow") > 0 => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    _ => {}
                }
            }
            Ok(turn)
        })
    }

    fn render(
        &mut self,
        request: RenderRequest,
    ) -> BoxFuture<'_, Result<Result<Page, RenderError>, Crash>> {
        Box::pin(async move {
            assert!(
                request.query.iter().all(|(name, _)| name != "panic"),
                "asked to panic"
            );
            if request.query.iter().any(|(name, _)| name == "slow") {
                self.renders.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if request.query.iter().any(|(name, _)| name == "crash") {
                return Err(Crash::Trap {
                    message: "asked to".to_owned(),
                    backtrace: String::new(),
                });
            }
            let html = format!("<p>count={}</p>", self.state.get("count"));
            Ok(Ok(Page {
                html,
                ..Page::default()
            }))
        })
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}

/// Restarts at once, and does not give up.
pub(crate) fn options() -> Options {
    Options {
        exit: ExitPolicy::Restart(Restart {
            first_ms: 1,
            wait_ms_max: 1,
            crashes_max: 1_000,
            ..Restart::default()
        }),
        ..Options::default()
    }
}

pub(crate) async fn start(host: &Host, name: &str, program: Scripted) {
    host.add(name, Arc::new(program), &options()).unwrap();
    within(host.start_process(name)).await.unwrap();
}

pub(crate) async fn ask(host: &Host, name: &str, body: &str) -> Result<String, CallError> {
    ask_with(host, name, body, None).await
}

pub(crate) async fn ask_with(
    host: &Host,
    name: &str,
    body: &str,
    key: Option<&str>,
) -> Result<String, CallError> {
    let ask = Ask {
        key: key.map(str::to_owned),
        ..question(body)
    };
    let response = within(host.ask(name, ask)).await?;
    Ok(String::from_utf8(response.body).unwrap())
}

pub(crate) fn question(body: &str) -> Ask {
    Ask {
        origin: Origin::Owner,
        handler: "any".to_owned(),
        body: body.as_bytes().to_vec(),
        timeout_ms: 10_000,
        key: None,
    }
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it takes far too long")
}
