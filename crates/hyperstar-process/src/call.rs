//! What a handler is called with.

use std::borrow::Cow;

use hyperstar_interface::{AskError, Handler, Routed, Router, Source, Trigger, near};
use serde::de::DeserializeOwned;

use crate::abi::{CallError, Origin, Response, WsHead, WsKind};
use crate::answer;
use crate::app::Outcome;
use crate::args::{self, Beside, Body, Found, Names};
use crate::cx::Cx;
use crate::view::{Session, Viewer};
use crate::ws::{Channel, WsMessage};

/// A message that found its handler: the context, and what came with it.
#[derive(Debug)]
pub struct Call {
    cx: Cx,
    body: Vec<u8>,
    params: Vec<(String, String)>,
    way: Way,
}

/// How the answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// To a process: the value as JSON.
    Process,
    /// To an HTTP request.
    Http,
    /// To a page.
    Action,
    /// To nobody: of the process itself, or a WebSocket's.
    Nobody,
}

impl Call {
    /// A call without arguments: of the process itself.
    pub fn own(cx: Cx) -> Self {
        Self {
            cx,
            body: Vec::new(),
            params: Vec::new(),
            way: Way::Nobody,
        }
    }

    /// The place of the handler that a message is for, and its call.
    ///
    /// # Errors
    /// The answer where there is no such handler.
    pub fn find(
        router: &Router,
        cx: Cx,
        handler: &str,
        body: Vec<u8>,
    ) -> Result<(usize, Self), Outcome> {
        let source = match cx.origin() {
            Origin::Http(_) => return Self::find_http(router, cx, body),
            Origin::Ws(head) => {
                let found = router.ws(&head.path);
                let found = found.map(|(place, params)| (place, owned(&params)));
                return Self::find_ws(found, cx, body);
            }
            Origin::WsClient(_) => {
                let found = router.ws_client().map(|place| (place, Vec::new()));
                return Self::find_ws(found, cx, body);
            }
            Origin::Local(_) => Source::Local,
            Origin::Remote(_) => Source::Remote,
            Origin::Action(_) => Source::Action,
            Origin::Timer => Source::Timer,
            Origin::Owner => Source::Owner,
        };
        let place = if handler.is_empty() && source != Source::Action {
            by_body(router, source, &body)
        } else {
            router.named(source, handler)
        };
        let way = |place: usize| match source {
            Source::Action => Way::Action,
            Source::Timer => Way::Nobody,
            Source::Owner => router.handler(place).map_or(Way::Process, owners_way),
            _ => Way::Process,
        };
        match place {
            Ok(place) => {
                let way = way(place);
                let call = Self {
                    cx,
                    body,
                    params: Vec::new(),
                    way,
                };
                Ok((place, call))
            }
            Err(error) if source == Source::Action => Err(answer::refuse(Way::Action, &error)),
            Err(error) => Err(answer::refuse(Way::Process, &error)),
        }
    }

    fn find_http(router: &Router, cx: Cx, body: Vec<u8>) -> Result<(usize, Self), Outcome> {
        let refuse = |error: &AskError| answer::refuse(Way::Http, error);
        let (place, params) = match router.http(cx.method(), cx.path()) {
            Routed::To(place, params) => (place, owned(&params)),
            Routed::Options(allow) => {
                let headers = vec![("allow".to_owned(), allow)];
                return Err(Ok(Response {
                    status: 204,
                    headers,
                    body: Vec::new(),
                }));
            }
            Routed::Nowhere(error) => return Err(refuse(&error)),
            Routed::ByBody => {
                let content_type = cx.header("content-type").unwrap_or_default();
                let read = Body::typed(&body, content_type);
                let asked = read.and_then(|read| {
                    let query = match read {
                        Body::Nothing => args::pairs(cx.query().as_bytes(), "a query")?,
                        _ => Vec::new(),
                    };
                    let mut asked = args::top(&read);
                    if !query.is_empty() {
                        asked.names = Some(query.iter().map(|(name, _)| name.as_ref()).collect());
                        asked.is_loose = true;
                    }
                    router.by_body(cx.method(), cx.path(), &asked)
                });
                (asked.map_err(|error| refuse(&error))?, Vec::new())
            }
        };
        let way = Way::Http;
        Ok((
            place,
            Self {
                cx,
                body,
                params,
                way,
            },
        ))
    }

    fn find_ws(
        found: Option<(usize, Vec<(String, String)>)>,
        cx: Cx,
        body: Vec<u8>,
    ) -> Result<(usize, Self), Outcome> {
        let Some((place, params)) = found else {
            let text = format!(
                "no WebSocket is served at `{}`; give a method `#[ws(\"{0}\")]`",
                cx.path()
            );
            return Err(Err(CallError::NoHandler(text)));
        };
        let way = Way::Nobody;
        Ok((
            place,
            Self {
                cx,
                body,
                params,
                way,
            },
        ))
    }

    /// Who asks, and what a handler can do.
    pub fn cx(&self) -> &Cx {
        &self.cx
    }

    /// What came with it, as it came.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// How it is to be answered.
    pub fn way(&self) -> Way {
        self.way
    }

    /// Finds the arguments of `handler` by their names.
    ///
    /// # Errors
    /// The answer where the request cannot be read or has too little or too much in it.
    #[doc(hidden)]
    pub fn args<const N: usize>(
        &self,
        handler: &'static str,
        params: [&'static str; N],
    ) -> Result<Args<'_, N>, Outcome> {
        match self.find_args(handler, params) {
            Ok(found) => Ok(Args {
                call: self,
                handler,
                params,
                found,
            }),
            Err(error) => Err(answer::refuse(self.way, &error)),
        }
    }

    fn find_args<const N: usize>(
        &self,
        handler: &str,
        params: [&str; N],
    ) -> Result<[Found<'_>; N], AskError> {
        let is_action = matches!(self.cx.origin(), Origin::Action(_));
        if N == 0 && (is_action || self.body.is_empty()) {
            return Ok(params.map(|_| Found::Nothing { is_form: false }));
        }
        let mut beside = Beside {
            path: &self.params,
            query: Vec::new(),
        };
        let (body, json, names) = match self.cx.origin() {
            Origin::Http(head) => {
                beside.query = args::pairs(head.query.as_bytes(), "a query")?;
                let content_type = self.cx.header("content-type").unwrap_or_default();
                let json = std::str::from_utf8(&self.body).unwrap_or_default();
                if content_type == "application/json"
                    && let Some(found) = args::find_named(params, &beside, json)
                {
                    return Ok(found);
                }
                let body = Body::typed(&self.body, content_type)?;
                (body, json, Names::Known)
            }
            Origin::Action(head) => {
                let arguments = head.arguments.iter();
                let borrowed = arguments
                    .map(|(name, value)| (Cow::Borrowed(&**name), Cow::Borrowed(&**value)));
                beside.query = borrowed.collect();
                (Body::signals(&self.body)?, "", Names::Any)
            }
            Origin::Ws(_) | Origin::WsClient(_) => (Body::Nothing, "", Names::Known),
            _ => {
                let json = args::json_text(&self.body)?;
                if let Some(found) = args::find_named(params, &beside, json) {
                    return Ok(found);
                }
                (Body::json(json)?, json, Names::Known)
            }
        };
        args::find(handler, params, &beside, body, json, names)
    }

    /// Whether an argument was to come in the body, and there is none.
    fn lacks_body(&self) -> bool {
        let may_have_one = match self.cx.origin() {
            Origin::Http(head) => !matches!(head.method.as_str(), "GET" | "HEAD" | "DELETE"),
            Origin::Action(_) => false,
            _ => true,
        };
        may_have_one && self.body.is_empty()
    }

    /// A name that came and may have been meant for `argument`.
    fn near(&self, argument: &str) -> Option<String> {
        let body = match self.cx.origin() {
            Origin::Http(_) => {
                let content_type = self.cx.header("content-type").unwrap_or_default();
                Body::typed(&self.body, content_type)
            }
            Origin::Action(_) => Body::signals(&self.body),
            _ => args::json_text(&self.body).and_then(Body::json),
        };
        let body = body.unwrap_or(Body::Nothing);
        let query = args::pairs(self.cx.query().as_bytes(), "a query").unwrap_or_default();
        let sent = args::top(&body).names.unwrap_or_default();
        let sent = sent
            .into_iter()
            .chain(query.iter().map(|(name, _)| name.as_ref()));
        near(argument, sent).map(str::to_owned)
    }

    /// The browser that asks.
    ///
    /// # Errors
    /// The answer where no page of the app asks.
    #[doc(hidden)]
    pub fn session(&self, handler: &'static str) -> Result<&Session, Outcome> {
        let who = "session";
        self.cx
            .session()
            .ok_or_else(|| self.refuse(&no_viewer(handler, who)))
    }

    /// The tab that asks.
    ///
    /// # Errors
    /// The answer where no page of the app asks.
    #[doc(hidden)]
    pub fn viewer(&self, handler: &'static str) -> Result<&Viewer, Outcome> {
        let who = "viewer";
        self.cx
            .viewer()
            .ok_or_else(|| self.refuse(&no_viewer(handler, who)))
    }

    /// The WebSocket, and what happened on it.
    ///
    /// # Errors
    /// The answer where it is no call of a WebSocket, or its text is none.
    #[doc(hidden)]
    pub fn ws(&self) -> Result<(Channel, WsMessage), Outcome> {
        let (Origin::Ws(head) | Origin::WsClient(head)) = self.cx.origin() else {
            let text = "only a WebSocket can ask for this handler".to_owned();
            return Err(Err(CallError::Malformed(text)));
        };
        Ok((self.channel(head), self.ws_message(head)?))
    }

    fn channel(&self, head: &WsHead) -> Channel {
        Channel::new(&self.cx, head.channel)
    }

    fn ws_message(&self, head: &WsHead) -> Result<WsMessage, Outcome> {
        Ok(match head.kind {
            WsKind::Opened => WsMessage::Opened,
            WsKind::Closed => WsMessage::Closed,
            WsKind::Binary => WsMessage::Binary(self.body.clone()),
            WsKind::Text => match String::from_utf8(self.body.clone()) {
                Ok(text) => WsMessage::Text(text),
                Err(_) => {
                    let text = "a text on a WebSocket is not UTF-8".to_owned();
                    return Err(Err(CallError::Malformed(text)));
                }
            },
        })
    }

    fn refuse(&self, error: &AskError) -> Outcome {
        answer::refuse(self.way, error)
    }
}

/// The arguments of a call, still to be read.
#[doc(hidden)]
#[derive(Debug)]
pub struct Args<'c, const N: usize> {
    call: &'c Call,
    handler: &'static str,
    params: [&'static str; N],
    found: [Found<'c>; N],
}

impl<const N: usize> Args<'_, N> {
    /// Reads the argument at `place`, which is one of them.
    ///
    /// # Errors
    /// The answer where it is missing, or not of this type.
    pub fn take<T: DeserializeOwned>(&self, place: usize) -> Result<T, Outcome> {
        let read = self.found[place].read(self.handler, self.params[place]);
        read.map_err(|error| self.call.refuse(&self.explained(error)))
    }

    /// Says more of an argument that is missing.
    fn explained(&self, error: AskError) -> AskError {
        let AskError::MissingArgument {
            handler,
            argument,
            near: None,
        } = error
        else {
            return error;
        };
        if !self.call.lacks_body() {
            let near = self.call.near(&argument);
            return AskError::MissingArgument {
                handler,
                argument,
                near,
            };
        }
        AskError::EmptyBody { handler, argument }
    }
}

fn no_viewer(handler: &str, who: &'static str) -> AskError {
    AskError::NoViewer {
        handler: handler.to_owned(),
        who,
    }
}

fn owned(params: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = params.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The handler that a body without a handler's name is for.
fn by_body(router: &Router, source: Source, body: &[u8]) -> Result<usize, AskError> {
    let body = Body::json(args::json_text(body)?)?;
    router.by_body_for(source, &args::top(&body))
}

/// The owner may ask for whatever anybody can ask for: it is answered as one of those would be.
fn owners_way(handler: &Handler) -> Way {
    let has = |is: fn(&Trigger) -> bool| handler.triggers.iter().any(is);
    if has(|trigger| matches!(trigger, Trigger::Local | Trigger::Remote)) {
        Way::Process
    } else if has(|trigger| matches!(trigger, Trigger::Http(_))) {
        Way::Http
    } else {
        Way::Action
    }
}
