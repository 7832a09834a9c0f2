//! What a handler knows and can do.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::abi::{Action, HttpHead, Origin};
use crate::address::{Address, AddressError, ProcessId};
use crate::app::{Hyperapp, Outcome};
use crate::process::{Place, Process};
use crate::rpc::{self, Elapsed, RawCall, Sleep};
use crate::sys::Level;
use crate::view::{Session, Viewer};

/// The most tasks of its own that a process has at once; see [`Cx::spawn`].
pub const SPAWNED_MAX: usize = 1_024;

/// What a handler knows: who asks, and how; and what it can do: ask others, wait, keep things going.
///
/// It belongs to one message, and is right after every await. Clones are cheap and mean the same message.
/// With the app's type, in handlers that share the state, it gives the state too: see [`Cx::with`].
pub struct Cx<S = ()> {
    pub(crate) asked: Rc<Asked>,
    erased: OnceCell<Box<Cx<()>>>,
    state: PhantomData<fn() -> S>,
}

/// One message, without its body.
pub(crate) struct Asked {
    pub(crate) process: Rc<Process>,
    origin: Origin,
    /// 0: the process's own doing.
    task: u64,
    deadline_ms: u64,
    /// It was answered, or will never be; who still has it acts for the process itself.
    has_ended: Cell<bool>,
    sender: OnceCell<Option<Address>>,
    viewer: Option<Viewer>,
    status: Cell<Option<u16>>,
    headers: RefCell<Vec<(String, String)>>,
}

impl Asked {
    pub(crate) fn new(process: Rc<Process>, origin: Origin, task: u64, deadline_ms: u64) -> Self {
        let viewer = match &origin {
            Origin::Http(head) => head.viewer.clone(),
            Origin::Action(head) => Some(head.viewer.clone()),
            Origin::Ws(head) | Origin::WsClient(head) => head.viewer.clone(),
            _ => None,
        };
        Self {
            process,
            origin,
            task,
            deadline_ms,
            has_ended: Cell::new(false),
            sender: OnceCell::new(),
            viewer: viewer.map(Viewer::from),
            status: Cell::new(None),
            headers: RefCell::default(),
        }
    }

    /// What the process does by itself.
    pub(crate) fn own(process: Rc<Process>, origin: Origin) -> Self {
        Self::new(process, origin, 0, u64::MAX)
    }

    /// The task that a call is for, and how long it may take: no longer than the task.
    pub(crate) fn allow(&self, timeout_ms: u64) -> (u64, u64) {
        if self.has_ended.get() {
            return (0, timeout_ms);
        }
        if self.deadline_ms == u64::MAX {
            return (self.task, timeout_ms);
        }
        let left_ms = self.deadline_ms.saturating_sub(crate::now_ms());
        (self.task, timeout_ms.min(left_ms))
    }

    /// Nobody waits for it any longer: who still has it acts for the process itself.
    pub(crate) fn abandon(&self) {
        self.has_ended.set(true);
    }

    /// Ends it. An answer gets what the handler set for it.
    pub(crate) fn end(&self, outcome: &mut Outcome) {
        self.has_ended.set(true);
        let Ok(response) = outcome else {
            return;
        };
        if let Some(status) = self.status.take() {
            response.status = status;
        }
        for (name, value) in self.headers.take() {
            response.headers.retain(|(other, _)| *other != name);
            response.headers.push((name, value));
        }
    }
}

impl<S> Cx<S> {
    pub(crate) fn new(asked: Rc<Asked>) -> Self {
        Self {
            asked,
            erased: OnceCell::new(),
            state: PhantomData,
        }
    }

    /// Where the message comes from, as the host says: a sender cannot.
    pub fn origin(&self) -> &Origin {
        &self.asked.origin
    }

    /// This process itself, as its host calls it.
    ///
    /// # Errors
    /// [`AddressError`] if the host's name for it is none.
    pub fn own(&self) -> Result<ProcessId, AddressError> {
        self.asked.process.address.parse()
    }

    /// The process that asks, if one does.
    pub fn sender(&self) -> Option<&Address> {
        let sender = self.asked.sender.get_or_init(|| match &self.asked.origin {
            Origin::Local(address) | Origin::Remote(address) => address.parse().ok(),
            _ => None,
        });
        sender.as_ref()
    }

    /// The method of an HTTP request, in capitals; empty otherwise.
    pub fn method(&self) -> &str {
        self.http().map_or("", |head| &head.method)
    }

    /// The path of an HTTP request or WebSocket, or of the page that an action was asked for from.
    pub fn path(&self) -> &str {
        match &self.asked.origin {
            Origin::Http(head) => &head.path,
            Origin::Action(head) => &head.path,
            Origin::Ws(head) | Origin::WsClient(head) => &head.path,
            _ => "",
        }
    }

    /// The query of an HTTP request as it came, without the `?`.
    pub fn query(&self) -> &str {
        self.http().map_or("", |head| &head.query)
    }

    /// A header of an HTTP request; the first of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = &self.http()?.headers;
        let found = headers
            .iter()
            .find(|(one, _)| one.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The status that an HTTP request is answered with.
    pub fn set_status(&self, status: u16) {
        self.asked.status.set(Some(status));
    }

    /// A header of the answer to an HTTP request; one of that name is replaced.
    pub fn set_header(&self, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        let mut headers = self.asked.headers.borrow_mut();
        headers.retain(|(other, _)| *other != name);
        headers.push((name, value.to_owned()));
    }

    /// The tab that asks, where a page of the app does.
    pub fn viewer(&self) -> Option<&Viewer> {
        self.asked.viewer.as_ref()
    }

    /// The browser that asks, where a page of the app does.
    pub fn session(&self) -> Option<&Session> {
        self.viewer().map(Viewer::session)
    }

    /// Milliseconds since 1970, UTC.
    pub fn now_ms(&self) -> u64 {
        crate::now_ms()
    }

    /// Random bytes, good enough for keys.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        crate::random()
    }

    /// When nobody waits for the answer any longer, on the clock of [`Cx::now_ms`]. Calls that this
    /// handler makes end by then. `u64::MAX` for what the process does by itself.
    pub fn deadline_ms(&self) -> u64 {
        self.asked.deadline_ms
    }

    /// A line for the process's log.
    pub fn log(&self, level: Level, text: &str) {
        crate::log(level, text);
    }

    /// Asks a handler of another process, and gives its answer as bytes. Clients that `#[hyperapp]` writes
    /// do this with types.
    ///
    /// It takes at most `timeout_ms`, and no longer than the message that is being handled;
    /// [`TIMEOUT_MS`](crate::TIMEOUT_MS) is a good choice.
    pub fn call_raw(&self, to: &Address, handler: &str, body: Vec<u8>, timeout_ms: u64) -> RawCall {
        RawCall::new(
            self.asked.clone(),
            to.to_string(),
            handler.to_owned(),
            body,
            timeout_ms,
        )
    }

    /// Tells a handler of another process something; nobody waits for an answer. It is kept with this
    /// turn, and delivered also if the other node is away.
    ///
    /// While too much that was told before is on its way, or with more than 256 notices in one turn, it is
    /// not told, and the log says which handler of whom. Ask where each must arrive.
    pub fn notify_raw(&self, to: &Address, handler: &str, body: Vec<u8>) {
        self.asked.process.notify(to.to_string(), handler, body);
    }

    /// Sends on a WebSocket.
    pub fn push_raw(&self, channel: u64, binary: bool, body: Vec<u8>) {
        self.act(Action::Push {
            channel,
            binary,
            body,
        });
    }

    /// Closes a WebSocket.
    pub fn close_raw(&self, channel: u64) {
        self.act(Action::Close(channel));
    }

    /// Ends this process once the turn is kept, with a reason for people to read. What happens then is
    /// its exit policy's.
    pub fn exit(&self, reason: impl Into<String>) {
        self.act(Action::Exit(reason.into()));
    }

    /// Waits.
    pub fn sleep(&self, after_ms: u64) -> Sleep {
        Sleep::new(self.asked.process.clone(), after_ms)
    }

    /// `future`, if it ends within a time; it is dropped otherwise.
    ///
    /// # Errors
    /// [`Elapsed`] if it does not.
    pub fn timeout<F: Future>(
        &self,
        after_ms: u64,
        future: F,
    ) -> impl Future<Output = Result<F::Output, Elapsed>> {
        rpc::timeout(self.sleep(after_ms), future)
    }

    /// Goes on beside this handler, with a context of its own: it answers nobody, has no deadline, and
    /// ends with the process at the latest. It begins when this handler awaits or ends.
    ///
    /// ```
    /// # use hyperstar_process::{Cx, SpawnError};
    /// fn remind(cx: &Cx) -> Result<(), SpawnError> {
    ///     cx.spawn(|cx| async move {
    ///         cx.sleep(60_000).await;
    ///         hyperstar_process::info!("a minute later");
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    /// [`SpawnError`] if the process has [`SPAWNED_MAX`] such tasks.
    pub fn spawn<F: Future<Output = ()> + 'static>(
        &self,
        work: impl FnOnce(Cx<S>) -> F,
    ) -> Result<(), SpawnError> {
        let process = &self.asked.process;
        let count = process.spawned_count.get();
        if count >= SPAWNED_MAX {
            return Err(SpawnError);
        }
        process.spawned_count.set(count + 1);
        let own = Origin::Local(process.address.clone());
        let asked = Rc::new(Asked::own(process.clone(), own));
        let future = Box::pin(work(Cx::new(asked.clone())));
        process.spawned.borrow_mut().push((future, asked));
        Ok(())
    }

    /// The same without the state: for functions that take `&Cx`.
    pub fn erase(&self) -> &Cx<()> {
        self.erased
            .get_or_init(|| Box::new(Cx::new(self.asked.clone())))
    }

    /// The same with the state of `A`, for what `#[hyperapp]` expands to.
    #[doc(hidden)]
    pub fn of<A: Hyperapp>(&self) -> Cx<A> {
        Cx::new(self.asked.clone())
    }

    fn act(&self, action: Action) {
        self.asked.process.act(action);
    }

    fn http(&self) -> Option<&HttpHead> {
        match &self.asked.origin {
            Origin::Http(head) => Some(head),
            _ => None,
        }
    }
}

impl<A: Hyperapp> Cx<A> {
    /// The state, for as long as `work` runs. Between awaits nobody else has it; across an await it cannot
    /// be held, since `work` is no future.
    ///
    /// # Panics
    /// Inside of another `with` or [`Cx::read`].
    pub fn with<T>(&self, work: impl FnOnce(&mut A) -> T) -> T {
        let place = self.place();
        let mut state = place.0.try_borrow_mut().unwrap_or_else(|_| nested());
        self.asked.process.memory.note_change();
        work(state.as_deref_mut().unwrap_or_else(|| away()))
    }

    /// The state, to be read only: unlike after [`Cx::with`], no page is rendered for it and nothing is
    /// written.
    ///
    /// # Panics
    /// Inside of a [`Cx::with`].
    pub fn read<T>(&self, work: impl FnOnce(&A) -> T) -> T {
        let place = self.place();
        let state = place.0.try_borrow().unwrap_or_else(|_| nested());
        work(state.as_deref().unwrap_or_else(|| away()))
    }

    fn place(&self) -> &Place<A> {
        let place = self.asked.process.state.downcast_ref();
        place.expect("a context is made for the app that runs in its process")
    }
}

fn nested() -> ! {
    panic!(
        "`Cx::with` was called inside of another `with`; take what you need out of the first and end it"
    )
}

fn away() -> ! {
    panic!("a handler with `&mut self` has the state; use `self` there rather than a `Cx`")
}

impl<S> Clone for Cx<S> {
    fn clone(&self) -> Self {
        Self::new(self.asked.clone())
    }
}

impl<S> fmt::Debug for Cx<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx")
            .field("origin", &self.asked.origin)
            .field("deadline_ms", &self.asked.deadline_ms)
            .finish_non_exhaustive()
    }
}

/// A process has as many tasks of its own as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the process has {SPAWNED_MAX} tasks of its own; wait for some of them before you spawn more"
)]
pub struct SpawnError;
