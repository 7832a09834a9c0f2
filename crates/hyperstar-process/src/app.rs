//! What `#[hyperapp]` implements, and what a host drives.

use std::future::Future;
use std::pin::Pin;

use hyperstar_interface::Interface;

use crate::abi::{self, CallError, Event, Page, RenderError, RenderRequest, Response, Start, Turn};
use crate::call::Call;
use crate::state::State;
use crate::view::{Html, ViewCall, ViewError};

/// An app: a struct whose handlers `#[hyperapp]` has found.
pub trait Hyperapp: State {
    /// Its handlers: `Interface::handlers` has the same order.
    const HANDLERS: &'static [Run<Self>];
    /// Its views: `Interface::views` has the same order.
    const VIEWS: &'static [ViewFn<Self>];
    /// The files of its `ui` folders.
    const ASSETS: &'static [Asset] = &[];
    /// What it is and can be asked.
    fn interface() -> Interface;
}

/// A file that is compiled into an app.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its path below the folder: `style.css`.
    pub name: &'static str,
    /// What it holds.
    pub body: &'static [u8],
}

/// Renders one view.
pub type ViewFn<A> = fn(&A, &ViewCall<'_>) -> Result<Html, ViewError>;

/// How a handler ended.
pub type Outcome = Result<Response, CallError>;

/// A future of a process. It never leaves its thread.
pub type Task<T> = Pin<Box<dyn Future<Output = T>>>;

/// A handler that has the state to itself, and gives it back with how it ended.
pub type Alone<A> = Task<(Box<A>, Outcome)>;

/// How a handler is run; a table of functions, so that a message costs no allocation where it need not.
pub enum Run<A> {
    /// `fn(&self)`
    Read(fn(&A, &Call) -> Outcome),
    /// `fn(&mut self)`
    Write(fn(&mut A, &Call) -> Outcome),
    /// `async fn(&self)` and `async fn(&mut self)`: the state is its own until it ends.
    Exclusive(fn(Box<A>, Call) -> Alone<A>),
    /// `async fn(cx: Cx<Self>)`: the state is shared between its awaits.
    Concurrent(fn(Call) -> Task<Outcome>),
}

/// A process as its host drives it: native ones through this, components through the same in WIT.
///
/// Guarantee: it does nothing by itself. Each call does what its argument says and answers with what
/// is to be done.
pub trait Guest {
    /// What it is and can be asked.
    fn interface(&self) -> Interface;
    /// The files that its pages use.
    fn assets(&self) -> Vec<abi::Asset> {
        Vec::new()
    }
    /// Begins a life. An error says why it cannot; nothing is to be kept then.
    ///
    /// # Errors
    /// A sentence for people: a migration failed, or `#[init]` did.
    fn start(&mut self, start: Start) -> Result<Turn, String>;
    /// Takes what happened and says what is to be done.
    fn turn(&mut self, events: Vec<Event>) -> Turn;
    /// Renders a page; changes nothing.
    ///
    /// # Errors
    /// As the view reports.
    fn render(&mut self, request: RenderRequest) -> Result<Page, RenderError>;
}
