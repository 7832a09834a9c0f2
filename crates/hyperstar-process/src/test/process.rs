//! A process and its host, for tests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::marker::PhantomData;
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Host;
use crate::abi::{
    Action, ActionHead, Audience, CallError, Change, Event, HttpHead, Message, Origin, Page,
    RenderError, RenderRequest, Response, Turn, Viewer, WsHead,
};
use crate::app::{Guest, Hyperapp};
use crate::hosted::Hosted;
use crate::record::{self, Difference, Recorder, Recording};
use crate::reply::{ActionError, Reply};
use crate::rpc::TIMEOUT_MS;
use crate::runtime::Runtime;
use crate::sys::{Level, Sys};

/// The process's own address.
const ADDRESS: &str = "app:app:test.os";
/// Who calls it.
const CALLER: &str = "caller:test:test.os";

/// A process, and all that a host is to it. See [the module](super) for an example.
///
/// # Panics
/// It is for tests: whatever a host must never see, such as a task that is answered twice, and whatever a
/// test cannot mean, such as an answer that is not there yet, is a panic that says so.
pub struct Process<A> {
    pub(super) host: Rc<Host>,
    pub(super) guest: Recorder,
    make: Make,
    last_task: u64,
    pub(super) calls: VecDeque<Outgoing>,
    /// Calls that the test has seen, and whose answer comes late or never.
    pub(super) taken: Vec<Outgoing>,
    /// Answers that come late, and when.
    pub(super) late: Vec<(u64, u64, Vec<u8>)>,
    timers: BTreeSet<(u64, u64)>,
    answers: BTreeMap<u64, Result<Response, CallError>>,
    open: Vec<u64>,
    notices: Vec<(String, String, Vec<u8>)>,
    frames: Vec<(u64, bool, Vec<u8>)>,
    commits: Vec<Vec<Change>>,
    exit: Option<String>,
    fails_next: bool,
    /// A handler that has the state to itself waits.
    is_exclusive: bool,
    /// Messages that come in once it has ended.
    deferred: Vec<Event>,
    app: PhantomData<A>,
}

/// Makes the guest of a new life.
type Make = Rc<dyn Fn(Rc<dyn Sys>) -> Box<dyn Guest>>;

/// A call that the process made and nobody answered.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) id: u64,
    pub(super) to: String,
    pub(super) handler: String,
    pub(super) body: Vec<u8>,
    pub(super) deadline_ms: u64,
}

/// A message that was sent; see [`Process::outcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the answer is had with `Process::outcome`"]
pub struct Sent(u64);

impl<A: Hyperapp> Process<A> {
    /// A process that never ran before.
    pub fn new() -> Self {
        Self::on(Host::new())
    }

    /// A process on a host that has something kept already.
    pub fn on(host: Host) -> Self {
        match Self::try_on(host) {
            Ok(process) => process,
            Err(error) => panic!("the process does not start: {error}"),
        }
    }

    /// A process on a host that has something kept already; what it says if it does not start.
    ///
    /// # Errors
    /// The text that the person is shown: a migration failed, or `#[init]` did.
    pub fn try_on(host: Host) -> Result<Self, String> {
        Self::run_by(host, native::<A>)
    }

    /// A process that something else runs, say a component.
    ///
    /// # Errors
    /// As [`Process::try_on`].
    pub fn run_by(
        host: Host,
        make: impl Fn(Rc<dyn Sys>) -> Box<dyn Guest> + 'static,
    ) -> Result<Self, String> {
        let (host, make): (_, Make) = (Rc::new(host), Rc::new(make));
        let mut process = Self {
            guest: Recorder::new(host.clone(), |sys| make(sys)),
            host,
            make,
            last_task: 0,
            calls: VecDeque::new(),
            taken: Vec::new(),
            late: Vec::new(),
            timers: BTreeSet::new(),
            answers: BTreeMap::new(),
            open: Vec::new(),
            notices: Vec::new(),
            frames: Vec::new(),
            commits: Vec::new(),
            exit: None,
            fails_next: false,
            is_exclusive: false,
            deferred: Vec::new(),
            app: PhantomData,
        };
        process.start()?;
        Ok(process)
    }

    /// Plays a recording of [`Process::recording`] to this app as it is now.
    ///
    /// # Errors
    /// The first step that comes out differently.
    pub fn replay(recording: &Recording) -> Result<(), Difference> {
        record::replay(recording, native::<A>)
    }
}

impl<A: Hyperapp> Default for Process<A> {
    fn default() -> Self {
        Self::new()
    }
}

fn native<A: Hyperapp>(sys: Rc<dyn Sys>) -> Box<dyn Guest> {
    Box::new(Hosted::new(sys, Runtime::<A>::new()))
}

impl<A> Process<A> {
    /// Asks a handler, as another process would, and gives its answer.
    ///
    /// # Errors
    /// As the handler answers.
    ///
    /// # Panics
    /// If it waits for something: [`Process::send`] it then.
    pub fn call<T: DeserializeOwned>(
        &mut self,
        handler: &str,
        arguments: &impl Serialize,
    ) -> Result<T, CallError> {
        let sent = self.send(handler, arguments);
        self.outcome(sent).unwrap_or_else(|| {
            panic!("`{handler}` waits for something; `send` it, and ask for its `outcome` later")
        })
    }

    /// Asks a handler that will wait for something.
    pub fn send(&mut self, handler: &str, arguments: &impl Serialize) -> Sent {
        let body = serde_json::to_vec(arguments).expect("arguments in a test are JSON");
        self.send_from(Origin::Local(CALLER.to_owned()), handler, body)
    }

    /// Sends a message of any kind.
    pub fn send_from(&mut self, origin: Origin, handler: &str, body: Vec<u8>) -> Sent {
        self.last_task += 1;
        let task = self.last_task;
        self.open.push(task);
        self.turn(vec![Event::Message(Message {
            task,
            origin,
            handler: handler.to_owned(),
            deadline_ms: self.host.now_ms() + TIMEOUT_MS,
            body,
        })]);
        Sent(task)
    }

    /// The answer to a message, if it is there.
    pub fn outcome<T: DeserializeOwned>(&mut self, sent: Sent) -> Option<Result<T, CallError>> {
        let outcome = self.response(sent)?;
        Some(outcome.and_then(|response| {
            serde_json::from_slice(&response.body).map_err(|error| {
                let text = String::from_utf8_lossy(&response.body);
                CallError::Malformed(format!("the answer `{text}` is of another type: {error}"))
            })
        }))
    }

    /// The answer to a message as it came, if it is there.
    pub fn response(&mut self, sent: Sent) -> Option<Result<Response, CallError>> {
        self.answers.remove(&sent.0)
    }

    /// Nobody waits for a message any longer.
    pub fn cancel(&mut self, sent: Sent) {
        self.open.retain(|task| *task != sent.0);
        self.turn(vec![Event::Cancel(sent.0)]);
    }

    /// An HTTP request. What follows a `?` is the query.
    ///
    /// # Errors
    /// As the process answers.
    pub fn http(
        &mut self,
        method: &str,
        address: &str,
        body: impl Into<Vec<u8>>,
    ) -> Result<Response, CallError> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let head = HttpHead {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            ..HttpHead::default()
        };
        let sent = self.send_from(Origin::Http(head), "", body.into());
        self.response(sent)
            .unwrap_or_else(|| panic!("{method} {address} waits for something; use `send_from`"))
    }

    /// An action of a page, by [`Process::viewer`].
    ///
    /// # Errors
    /// What the person would be shown.
    pub fn action(
        &mut self,
        name: &str,
        arguments: &[(&str, &str)],
        signals: &impl Serialize,
    ) -> Result<Reply, ActionError> {
        let pairs = arguments.iter().copied();
        let head = ActionHead {
            viewer: Self::viewer(),
            path: "/".to_owned(),
            arguments: pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        };
        let signals = serde_json::to_vec(signals).expect("signals in a test are JSON");
        let sent = self.send_from(Origin::Action(head), name, signals);
        let outcome = self.response(sent);
        match outcome.unwrap_or_else(|| panic!("`{name}` waits for something; use `send_from`")) {
            Ok(response) => Reply::from_response(response),
            Err(error) => Err(ActionError::internal(error.to_string())),
        }
    }

    /// Something happens on a WebSocket.
    pub fn ws(&mut self, head: WsHead, body: impl Into<Vec<u8>>) -> Sent {
        self.send_from(Origin::Ws(head), "", body.into())
    }

    /// Who acts and looks, unless a test says otherwise.
    pub fn viewer() -> Viewer {
        Viewer {
            session: "session".to_owned(),
            tab: "tab".to_owned(),
        }
    }

    /// The page at a path, with its query, for [`Process::viewer`].
    ///
    /// # Errors
    /// As the view answers.
    ///
    /// # Panics
    /// If no view has such a path.
    pub fn render(&mut self, address: &str) -> Result<Page, RenderError> {
        self.render_for(Self::viewer(), address)
    }

    /// The page at a path for somebody else.
    ///
    /// # Errors
    /// As the view answers.
    ///
    /// # Panics
    /// If no view has such a path.
    pub fn render_for(&mut self, viewer: Viewer, address: &str) -> Result<Page, RenderError> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let interface = self.guest.interface();
        let mut views = (0_u32..).zip(&interface.views);
        let found = views.find_map(|(view, one)| Some((view, one, params(&one.path, path)?)));
        let (view, described, params) = found.unwrap_or_else(|| panic!("no view is at `{path}`"));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        self.guest.render(RenderRequest {
            view,
            path: path.to_owned(),
            params,
            query: pairs
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
            audience: match described.audience {
                hyperstar_interface::Audience::Everyone => Audience::Everyone,
                hyperstar_interface::Audience::Session => Audience::Session(viewer.session),
                hyperstar_interface::Audience::Viewer => Audience::Viewer(viewer),
            },
            base: String::new(),
        })
    }

    /// Lets time pass: timers become due, and calls that nobody answered time out, each at its time.
    pub fn advance_ms(&mut self, by_ms: u64) {
        let end_ms = self.host.now_ms() + by_ms;
        while let Some((at_ms, event)) = self.next_event(end_ms) {
            let now_ms = self.host.now_ms();
            self.host.advance_ms(at_ms.saturating_sub(now_ms));
            self.turn(vec![event]);
        }
        let now_ms = self.host.now_ms();
        self.host.advance_ms(end_ms - now_ms);
    }

    /// What happens next by itself, until then, and when.
    fn next_event(&mut self, end_ms: u64) -> Option<(u64, Event)> {
        let timer = self.timers.first().map(|(at_ms, _)| *at_ms);
        let late = self.late.iter().map(|(at_ms, ..)| *at_ms).min();
        let calls = self.calls.iter().chain(&self.taken);
        let timeout = calls.map(|call| call.deadline_ms).min();
        let at_ms = [timer, late, timeout].into_iter().flatten().min()?;
        if at_ms > end_ms {
            return None;
        }
        if let Some(place) = self.late.iter().position(|(at, ..)| *at == at_ms) {
            let (_, call, body) = self.late.remove(place);
            self.forget_call(call);
            let outcome = Ok(body);
            return Some((at_ms, Event::Reply { call, outcome }));
        }
        let mut calls = self.calls.iter().chain(&self.taken);
        if let Some(call) = calls.find(|call| call.deadline_ms == at_ms) {
            let call = call.id;
            self.forget_call(call);
            let outcome = Err(CallError::Timeout);
            return Some((at_ms, Event::Reply { call, outcome }));
        }
        let (at_ms, id) = self.timers.pop_first()?;
        Some((at_ms, Event::Timer(id)))
    }

    fn forget_call(&mut self, id: u64) {
        self.calls.retain(|call| call.id != id);
        self.taken.retain(|call| call.id != id);
    }

    /// Kills the process, and starts it again from what was kept. Who waits for an answer gets
    /// [`CallError::Crashed`].
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        self.kill();
        if let Err(error) = self.start() {
            panic!("the process does not start again: {error}");
        }
    }

    /// Stops the process in an orderly way, and starts it again.
    ///
    /// # Panics
    /// If it does not start.
    pub fn stop_and_start(&mut self) {
        self.turn(vec![Event::Stop]);
        assert!(self.open.is_empty(), "a process that stops answers all");
        self.restart();
    }

    /// The next turn is lost before it is kept, as by a crash of the node or a disk that fails: nothing of
    /// it happens, and the process starts again.
    pub fn fail_next_turn(&mut self) {
        self.fails_next = true;
    }

    /// What each turn kept since the test began, those that kept nothing left out.
    pub fn commits(&self) -> &[Vec<Change>] {
        &self.commits
    }

    /// A field as it is kept.
    ///
    /// # Panics
    /// If it is of another type.
    pub fn kept<T: DeserializeOwned>(&self, field: &str) -> Option<T> {
        let bytes = self.host.get(&format!("f/{field}"))?;
        Some(
            serde_json::from_slice(&bytes)
                .expect("the field is of the type that the test asks for"),
        )
    }

    /// The host: what is kept, and what was logged.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// What was logged since this was last called.
    pub fn take_log(&self) -> Vec<(Level, String)> {
        self.host.take_log()
    }

    /// What the process told others since this was last called: to whom, which handler, what.
    pub fn take_notices(&mut self) -> Vec<(String, String, Vec<u8>)> {
        std::mem::take(&mut self.notices)
    }

    /// What the process sent on WebSockets since this was last called: which one, whether bytes, what.
    pub fn take_frames(&mut self) -> Vec<(u64, bool, Vec<u8>)> {
        std::mem::take(&mut self.frames)
    }

    /// Why the process ended itself, if it did.
    pub fn exit(&self) -> Option<&str> {
        self.exit.as_deref()
    }

    /// All calls into the process in this life; see [`Process::replay`].
    pub fn recording(&self) -> &Recording {
        self.guest.recording()
    }

    /// Hands events to the process, and does what it says.
    ///
    /// # Panics
    /// If it breaks what it promises its host.
    pub fn turn(&mut self, mut events: Vec<Event>) {
        if self.is_exclusive {
            let is_message = |event: &mut Event| matches!(event, Event::Message(_));
            self.deferred.extend(events.extract_if(.., is_message));
        }
        loop {
            if events.is_empty() {
                return;
            }
            let turn = self.guest.turn(events.clone());
            if std::mem::take(&mut self.fails_next) {
                return self.restart();
            }
            self.is_exclusive = turn.exclusive;
            let given_back = |event: &Event| {
                let Event::Message(message) = event else {
                    return false;
                };
                turn.actions.contains(&Action::Defer(message.task))
            };
            let given_back = events.into_iter().filter(given_back);
            self.deferred.extend(given_back);
            self.settle(turn);
            if self.is_exclusive {
                return;
            }
            events = std::mem::take(&mut self.deferred);
        }
    }

    fn kill(&mut self) {
        for task in std::mem::take(&mut self.open) {
            self.answers.insert(task, Err(CallError::Crashed));
        }
        self.calls.clear();
        self.taken.clear();
        self.late.clear();
        self.timers.clear();
        self.deferred.clear();
        self.is_exclusive = false;
        let make = self.make.clone();
        self.guest = Recorder::new(self.host.clone(), |sys| make(sys));
    }

    fn start(&mut self) -> Result<(), String> {
        let start = self.host.start(ADDRESS);
        let turn = self.guest.start(start)?;
        self.settle(turn);
        Ok(())
    }

    fn settle(&mut self, turn: Turn) {
        self.host.keep(&turn.changes);
        if !turn.changes.is_empty() {
            self.commits.push(turn.changes);
        }
        for action in turn.actions {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        let now_ms = self.host.now_ms();
        match action {
            Action::Call {
                id,
                task,
                to,
                handler,
                timeout_ms,
                body,
            } => {
                assert!(
                    task == 0 || self.open.contains(&task),
                    "`{handler}` of {to} is called for the task {task}, which nobody waits for; a host takes \
                     the process for crashed then"
                );
                self.calls.push_back(Outgoing {
                    id,
                    to,
                    handler,
                    body,
                    deadline_ms: now_ms + timeout_ms,
                });
            }
            Action::Notify { to, handler, body } => self.notices.push((to, handler, body)),
            Action::Respond { task, outcome } => {
                let place = self.open.iter().position(|open| *open == task);
                let place = place.unwrap_or_else(|| {
                    panic!("the task {task} was answered, though nobody waits for it")
                });
                self.open.remove(place);
                self.answers.insert(task, outcome);
            }
            // The turn has taken it back.
            Action::Defer(_) => {}
            Action::SetTimer { id, after_ms } => {
                self.timers.insert((now_ms + after_ms, id));
            }
            Action::CancelTimer(id) => self.timers.retain(|(_, other)| *other != id),
            Action::CancelCall(id) => self.forget_call(id),
            Action::Push {
                channel,
                binary,
                body,
            } => self.frames.push((channel, binary, body)),
            Action::Close(channel) => self.frames.push((channel, true, Vec::new())),
            Action::Exit(reason) => self.exit = Some(reason),
        }
    }
}

/// The parameters of a path, if the pattern fits it.
fn params(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
    let mut params = Vec::new();
    let (mut names, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (names.next(), parts.next()) {
            (None, None) => return Some(params),
            (Some(name), Some(part)) => {
                match name
                    .strip_prefix('{')
                    .and_then(|name| name.strip_suffix('}'))
                {
                    Some(name) => params.push((name.to_owned(), decode(part))),
                    None if name == part => {}
                    None => return None,
                }
            }
            _ => return None,
        }
    }
}

fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&text);
    decoded.decode_utf8_lossy().into_owned()
}
