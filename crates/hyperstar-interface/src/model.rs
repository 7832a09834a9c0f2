//! The description of an app.

use serde::{Deserialize, Serialize};

use crate::{Shape, Type};

/// What an app is and can be asked. It is what a process answers to `describe`, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interface {
    /// The app's name, for people: `Counter`.
    pub name: String,
    /// An icon: an emoji, or the address of an image.
    pub icon: Option<String>,
    /// Whether the home page may show the view at `/widget`.
    pub widget: bool,
    /// A folder of the package whose files a browser gets where no page and no handler answers.
    pub ui: Option<String>,
    /// Where handlers without a path of their own answer: a path and all below it. Empty: everywhere.
    pub endpoints: Vec<String>,
    /// The name of its WIT world.
    pub wit_world: Option<String>,
    /// When its state is kept.
    pub save: Save,
    /// The version of its state.
    pub state_version: u32,
    /// Its pages, in the order in which `render` numbers them.
    pub views: Vec<View>,
    /// Its handlers, in the order of their table.
    pub handlers: Vec<Handler>,
    /// The named types that handlers mention.
    pub types: Vec<(String, Shape)>,
}

impl Interface {
    /// An app without handlers.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            icon: None,
            widget: false,
            ui: None,
            endpoints: Vec::new(),
            wit_world: None,
            save: Save::EveryMessage,
            state_version: 1,
            views: Vec::new(),
            handlers: Vec::new(),
            types: Vec::new(),
        }
    }
}

/// When a process's state is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Save {
    /// Nothing is kept: a restart begins anew.
    Never,
    /// With each message, before it is answered: what was acknowledged is never lost.
    #[default]
    EveryMessage,
    /// After so many messages, and when the process stops. Answers do not wait for it.
    EveryNMessages(u32),
    /// After so many seconds, and when the process stops. Answers do not wait for it.
    EveryNSeconds(u32),
    /// With each message that changed something, before it is answered; others leave no trace.
    OnDiff,
}

/// A page of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct View {
    /// The method's name.
    pub name: String,
    /// The path with its parameters: `/rooms/{room}`.
    pub path: String,
    /// What a render of it is shared by.
    pub audience: Audience,
    /// The document's title.
    pub title: Option<String>,
    /// The shortest time between two frames, in milliseconds.
    pub frame_ms: Option<u64>,
}

impl View {
    /// A shared page at `path`.
    pub fn new(name: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            audience: Audience::Everyone,
            title: None,
            frame_ms: None,
        }
    }
}

/// Whom a page is rendered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Audience {
    /// All who look.
    Everyone,
    /// One browser.
    Session,
    /// One tab.
    Viewer,
}

/// A method that can be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Handler {
    /// The method's name.
    pub name: String,
    /// What runs it.
    pub triggers: Vec<Trigger>,
    /// How it uses the state.
    pub mode: Mode,
    /// Which processes may ask for it.
    pub access: Access,
    /// What it takes, in order; the context and who asks are not among them.
    pub params: Vec<Param>,
    /// What it returns.
    pub returns: Type,
    /// Its doc comment.
    pub doc: String,
}

impl Handler {
    /// A handler without parameters that nothing runs yet.
    pub fn new(name: impl Into<String>, mode: Mode) -> Self {
        Self {
            name: name.into(),
            triggers: Vec::new(),
            mode,
            access: Access::Granted,
            params: Vec::new(),
            returns: Type::Unit,
            doc: String::new(),
        }
    }
}

/// A parameter of a handler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// What runs a handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Trigger {
    /// The start of the process.
    Init,
    /// An action of a page.
    Action,
    /// An HTTP request.
    Http(Http),
    /// A process of the same node.
    Local,
    /// A process of another node.
    Remote,
    /// What comes in on a WebSocket at this path.
    Ws(String),
    /// What comes in on a WebSocket that the process opened.
    WsClient,
    /// An event of a chain.
    Eth,
    /// A tab that opens a page of the app. It is told again to a process that begins anew.
    Join,
    /// A tab that has left.
    Leave,
    /// Time: every so many milliseconds.
    Every(u64),
    /// The end of the process.
    Stop,
}

/// Which HTTP requests run a handler. Empty parts stand for any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http {
    /// The method, in capitals.
    pub method: Option<String>,
    /// The path, with its parameters.
    pub path: Option<String>,
}

/// How a handler uses the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// `&self`
    Read,
    /// `&mut self`
    Write,
    /// `async`, with `self`: the state is its own until it ends.
    Exclusive,
    /// `async`, with `Cx<Self>`: the state is shared between its awaits.
    Concurrent,
}

/// Who may use something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// Processes that were granted it.
    #[default]
    Granted,
    /// Every process of the node.
    Public,
}
