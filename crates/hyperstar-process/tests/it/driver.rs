//! Runs an app for the tests, and asks it.

use std::rc::Rc;

use hyperstar_process::abi::{
    Action, ActionHead, Event, HttpHead, Message, Origin, Start, Turn, Viewer,
};
use hyperstar_process::sys::{self, Sys};
use hyperstar_process::{CallError, Guest, Hyperapp, Level, Response, Runtime};

struct Still;

impl Sys for Still {
    fn now_ms(&self) -> u64 {
        1
    }
    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
    fn log(&self, _: Level, text: &str) {
        println!("{text}");
    }
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

/// An app that runs.
pub(crate) struct Driver<A: Hyperapp> {
    runtime: Runtime<A>,
    sys: Rc<dyn Sys>,
    task: u64,
}

impl<A: Hyperapp> Driver<A> {
    pub(crate) fn new() -> Self {
        let sys: Rc<dyn Sys> = Rc::new(Still);
        let mut runtime = Runtime::<A>::new();
        let start = Start {
            node: "n".into(),
            process: "app:app:me".into(),
            ..Start::default()
        };
        sys::enter(&sys, || runtime.start(start)).expect("it starts");
        Self {
            runtime,
            sys,
            task: 0,
        }
    }

    pub(crate) fn turn(&mut self, event: Event) -> Vec<Action> {
        self.turns(vec![event])
    }

    pub(crate) fn turns(&mut self, events: Vec<Event>) -> Vec<Action> {
        let sys = self.sys.clone();
        sys::enter(&sys, || self.runtime.turn(events)).actions
    }

    pub(crate) fn ask(&mut self, origin: Origin, handler: &str, body: &[u8]) -> Vec<Action> {
        self.whole_turn(origin, handler, body).actions
    }

    pub(crate) fn whole_turn(&mut self, origin: Origin, handler: &str, body: &[u8]) -> Turn {
        let message = self.message(origin, handler, body);
        let sys = self.sys.clone();
        sys::enter(&sys, || self.runtime.turn(vec![message]))
    }

    pub(crate) fn message(&mut self, origin: Origin, handler: &str, body: &[u8]) -> Event {
        self.task += 1;
        Event::Message(Message {
            task: self.task,
            origin,
            handler: handler.into(),
            deadline_ms: u64::MAX,
            body: body.to_vec(),
        })
    }

    /// The task of the last message.
    pub(crate) fn last_task(&self) -> u64 {
        self.task
    }

    /// The answer, and what else was done.
    pub(crate) fn answer(
        &mut self,
        origin: Origin,
        handler: &str,
        body: &[u8],
    ) -> (Result<Response, CallError>, Vec<Action>) {
        let mut answer = None;
        let mut others = Vec::new();
        for action in self.ask(origin, handler, body) {
            match action {
                Action::Respond { outcome, .. } => {
                    assert!(answer.is_none(), "two answers");
                    answer = Some(outcome);
                }
                other => others.push(other),
            }
        }
        (answer.expect("an answer"), others)
    }

    /// A process asks.
    pub(crate) fn local(&mut self, handler: &str, body: &str) -> String {
        said(self.answer(local(), handler, body.as_bytes()).0)
    }

    /// A request: `POST /path?query application/json`, where the content type may be missing.
    pub(crate) fn http(&mut self, line: &str, body: &[u8]) -> Response {
        let (outcome, _) = self.answer(request(line), "", body);
        outcome.expect("HTTP is always answered")
    }

    /// An action with arguments `a=1 b=2`.
    pub(crate) fn action(&mut self, handler: &str, arguments: &str, signals: &str) -> String {
        let pairs = arguments.split_whitespace().map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        });
        let origin = Origin::Action(ActionHead {
            viewer: viewer(),
            path: "/page".into(),
            arguments: pairs.collect(),
        });
        said(self.answer(origin, handler, signals.as_bytes()).0)
    }
}

pub(crate) fn viewer() -> Viewer {
    Viewer {
        session: "s1".into(),
        tab: "t1".into(),
    }
}

pub(crate) fn local() -> Origin {
    Origin::Local("a:b:c".into())
}

pub(crate) fn request(line: &str) -> Origin {
    let mut words = line.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let content_type: Vec<&str> = words.collect();
    let mut headers = Vec::new();
    if !content_type.is_empty() {
        headers.push(("content-type".to_owned(), content_type.join(" ")));
    }
    Origin::Http(HttpHead {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        viewer: None,
    })
}

/// An outcome in a line.
pub(crate) fn said(outcome: Result<Response, CallError>) -> String {
    match outcome {
        Ok(response) => {
            let body = String::from_utf8_lossy(&response.body).into_owned();
            match response.status {
                200 => body,
                status => format!("{status} {body}").trim_end().to_owned(),
            }
        }
        Err(error) => format!("{error:?}"),
    }
}
