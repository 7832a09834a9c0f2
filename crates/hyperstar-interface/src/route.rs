//! How a request finds its handler.
//!
//! Over HTTP, the first line that fits decides:
//!
//! | | the handler has | the request |
//! |---|---|---|
//! | 1 | method and path without parameters | has both |
//! | 2 | method and path with parameters | fits both; more literal segments first, `{*rest}` last, then the order of the source |
//! | 3 | a path, any method | fits the path; ordered as in 1 and 2 |
//! | 4 | | `OPTIONS` on a known path: 204 with `allow` |
//! | 5 | a method, no path; then neither | by its body, below |
//! | 6 | | a known path, another method: 405 with `allow` |
//! | 7 | | anything else: 404; 400 for a body that says too little |
//!
//! `HEAD` is answered by a handler for `HEAD`, else by one for `GET`; the server leaves the body out. Handlers
//! without a path answer at the interface's `endpoints` and below, everywhere if there are none.
//!
//! By body, among those without a path:
//!
//! | | body | handler |
//! |---|---|---|
//! | a | `{"CreateUser": ..}`, `{"create_user": ..}`, `"CreateUser"` | the one of this name |
//! | b | an object or a form, or else the query | the first that has all these arguments and needs no others; of a form or query else the one that needs most of what came. Those leave out what is not ticked, so there a `bool` or a list is not needed |
//! | c | none | the only one that needs no arguments |
//!
//! Processes name the handler. One for `#[local]` does not answer other nodes, one for `#[remote]` not its
//! own node, one for `#[http]` neither.

mod check;
mod path;

use std::collections::BTreeMap;

use crate::error::AskError;
use crate::names::pascal;
use crate::suggest::near;
use crate::{Handler, Http, Interface, Trigger, Type};

pub use check::{Claim, Clash, check};
pub use path::{Path, PathError};

/// Where something is asked from, as far as it decides which handlers answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A process of the same node.
    Local,
    /// A process of another node.
    Remote,
    /// HTTP.
    Http,
    /// An action of a page.
    Action,
    /// Time.
    Timer,
    /// The person who owns the node: all handlers that anybody can call.
    Owner,
}

impl Source {
    /// For a sentence: "for processes of this node".
    pub fn people(self) -> &'static str {
        match self {
            Source::Local => "processes of this node",
            Source::Remote => "processes of other nodes",
            Source::Http => "HTTP",
            Source::Action => "actions of a page",
            Source::Timer => "timers",
            Source::Owner => "callers",
        }
    }

    /// What a handler for it is marked with.
    pub fn attribute(self) -> &'static str {
        match self {
            Source::Local | Source::Owner => "#[local]",
            Source::Remote => "#[remote]",
            Source::Http => "#[http]",
            Source::Action => "#[action]",
            Source::Timer => "#[every(..)]",
        }
    }

    /// Whether a handler answers it.
    pub fn may_ask(self, handler: &Handler) -> bool {
        let by = |trigger: &Trigger| match self {
            Source::Local => matches!(trigger, Trigger::Local),
            Source::Remote => matches!(trigger, Trigger::Remote),
            Source::Http => matches!(trigger, Trigger::Http(_)),
            Source::Action => matches!(trigger, Trigger::Action | Trigger::Join | Trigger::Leave),
            Source::Timer => matches!(trigger, Trigger::Every(_)),
            Source::Owner => matches!(
                trigger,
                Trigger::Local | Trigger::Remote | Trigger::Http(_) | Trigger::Action
            ),
        };
        handler.triggers.iter().any(by)
    }
}

/// What a body says about the handler that it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The only name at its top, or the text that it is as a whole: maybe a handler's.
    pub wrapper: Option<&'a str>,
    /// The names of what came, if it has names.
    pub names: Option<Vec<&'a str>>,
    /// They are a query's or a form's, where names that nobody knows mean nothing.
    pub is_loose: bool,
}

/// Where an HTTP request goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Routed<'a> {
    /// To this handler, with the path's parameters.
    To(usize, Vec<(&'a str, &'a str)>),
    /// To one of those without a path: [`Router::by_body`] says which.
    ByBody,
    /// Nowhere: 204 with `allow`.
    Options(String),
    /// Nowhere: 404, or 405 with `allow`.
    Nowhere(AskError),
}

/// Finds the handlers of an interface. Handlers are named by their place in it.
#[derive(Debug)]
pub struct Router {
    handlers: Vec<Known>,
    names: BTreeMap<String, usize>,
    exact: BTreeMap<String, Vec<Rule>>,
    patterns: Vec<(Path, Rule)>,
    /// Without a path: those with a method first.
    loose: Vec<Rule>,
    endpoints: Vec<String>,
    sockets: Vec<(Path, usize)>,
    ws_client: Option<usize>,
}

#[derive(Debug)]
struct Known {
    handler: Handler,
    wrapper: String,
}

/// A method, any if none, and the handler that answers it.
#[derive(Debug)]
struct Rule {
    method: Option<String>,
    handler: usize,
}

impl Rule {
    fn answers(&self, method: &str) -> bool {
        self.method.as_deref().is_none_or(|own| own == method)
    }
}

impl Router {
    /// Reads an interface. Paths that are none are left out: `#[hyperapp]` lets none through.
    pub fn new(interface: &Interface) -> Self {
        let mut router = Self {
            handlers: Vec::new(),
            names: BTreeMap::new(),
            exact: BTreeMap::new(),
            patterns: Vec::new(),
            loose: Vec::new(),
            endpoints: interface.endpoints.clone(),
            sockets: Vec::new(),
            ws_client: None,
        };
        for (place, handler) in interface.handlers.iter().enumerate() {
            let wrapper = pascal(&handler.name);
            router.names.entry(handler.name.clone()).or_insert(place);
            let kebab = handler.name.replace('_', "-");
            for spelling in [wrapper.clone(), kebab] {
                router.names.entry(spelling).or_insert(place);
            }
            for trigger in &handler.triggers {
                router.add(place, trigger);
            }
            let handler = handler.clone();
            router.handlers.push(Known { handler, wrapper });
        }
        router.patterns.sort_by_key(|(path, _)| path.rank());
        router.sockets.sort_by_key(|(path, _)| path.rank());
        router.loose.sort_by_key(|rule| rule.method.is_none());
        router
    }

    fn add(&mut self, handler: usize, trigger: &Trigger) {
        match trigger {
            Trigger::Http(Http { method, path }) => {
                let method = method.clone();
                let rule = Rule { method, handler };
                match path.as_deref().map(str::parse::<Path>) {
                    None => self.loose.push(rule),
                    Some(Ok(path)) if path.is_exact() => {
                        self.exact.entry(path.to_string()).or_default().push(rule);
                    }
                    Some(Ok(path)) => self.patterns.push((path, rule)),
                    Some(Err(_)) => {}
                }
            }
            Trigger::Ws(path) => {
                if let Ok(path) = path.parse() {
                    self.sockets.push((path, handler));
                }
            }
            Trigger::WsClient => self.ws_client = self.ws_client.or(Some(handler)),
            _ => {}
        }
    }

    /// The handler at a place. `None`: there are not so many.
    pub fn handler(&self, place: usize) -> Option<&Handler> {
        self.handlers.get(place).map(|known| &known.handler)
    }

    /// The handler that is called `name`: `create_user`, also spelt `CreateUser` or `create-user`.
    ///
    /// # Errors
    /// There is none of that name, or it is not there for this source.
    pub fn named(&self, source: Source, name: &str) -> Result<usize, AskError> {
        let Some(&place) = self.names.get(name) else {
            return Err(self.unknown(source, name));
        };
        let handler = &self.handlers[place].handler;
        if source.may_ask(handler) {
            return Ok(place);
        }
        let has: Vec<String> = match handler.triggers.as_slice() {
            [] => vec!["nobody".to_owned()],
            triggers => triggers.iter().map(attribute).collect(),
        };
        Err(AskError::WrongSource {
            handler: handler.name.clone(),
            source_asked: source,
            has: has.join(", "),
        })
    }

    fn unknown(&self, source: Source, name: &str) -> AskError {
        let known = self.names_for(source);
        if known.is_empty() {
            return AskError::NoHandlers(source);
        }
        AskError::UnknownHandler {
            wanted: name.to_owned(),
            known,
        }
    }

    fn names_for(&self, source: Source) -> Vec<String> {
        let known = self.handlers.iter();
        let may = known.filter(|known| source.may_ask(&known.handler));
        may.map(|known| known.handler.name.clone()).collect()
    }

    /// Where an HTTP request goes; `path` is decoded and has no query.
    pub fn http<'a>(&'a self, method: &'a str, path: &'a str) -> Routed<'a> {
        let by = |method: &str| self.at(path, |rule| rule.method.as_deref() == Some(method));
        let head = || (method == "HEAD").then(|| by("GET")).flatten();
        let any = || self.at(path, |rule| rule.method.is_none());
        if let Some((place, params)) = by(method).or_else(head).or_else(any) {
            return Routed::To(place, params);
        }
        let allow = self.allow(path);
        if let (Some(allow), "OPTIONS") = (&allow, method) {
            return Routed::Options(allow.clone());
        }
        if self.is_endpoint(path) && self.loose_for(method).next().is_some() {
            return Routed::ByBody;
        }
        match allow {
            Some(allow) => Routed::Nowhere(AskError::WrongMethod {
                method: method.to_owned(),
                path: path.to_owned(),
                allow,
            }),
            None => Routed::Nowhere(self.no_route(method, path)),
        }
    }

    fn at<'a>(
        &'a self,
        path: &'a str,
        rule_fits: impl Fn(&Rule) -> bool,
    ) -> Option<(usize, Vec<(&'a str, &'a str)>)> {
        let exact = self.exact.get(path).into_iter().flatten();
        if let Some(rule) = exact.into_iter().find(|rule| rule_fits(rule)) {
            return Some((rule.handler, Vec::new()));
        }
        let mut patterns = self.patterns.iter().filter(|(_, rule)| rule_fits(rule));
        patterns.find_map(|(pattern, rule)| Some((rule.handler, pattern.matches(path)?)))
    }

    /// The methods that a path answers. `None`: no handler has it.
    fn allow(&self, path: &str) -> Option<String> {
        let exact = self.exact.get(path).into_iter().flatten();
        let patterns = self.patterns.iter();
        let fitting = patterns.filter(|(pattern, _)| pattern.matches(path).is_some());
        let rules = exact.chain(fitting.map(|(_, rule)| rule));
        let mut methods: Vec<&str> = rules.filter_map(|rule| rule.method.as_deref()).collect();
        if methods.is_empty() {
            return None;
        }
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.sort_unstable();
        methods.dedup();
        Some(methods.join(", "))
    }

    fn no_route(&self, method: &str, path: &str) -> AskError {
        let exact = self.exact.keys().map(String::as_str);
        AskError::NoRoute {
            method: method.to_owned(),
            path: path.to_owned(),
            near: near(path, exact).map(str::to_owned),
        }
    }

    fn is_endpoint(&self, path: &str) -> bool {
        let below = |endpoint: &String| {
            let rest = path.strip_prefix(endpoint.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.endpoints.is_empty() || self.endpoints.iter().any(below)
    }

    fn loose_for<'a>(&'a self, method: &'a str) -> impl Iterator<Item = usize> + 'a {
        let fits =
            move |rule: &&Rule| rule.answers(method) || (method == "HEAD" && rule.answers("GET"));
        self.loose.iter().filter(fits).map(|rule| rule.handler)
    }

    /// The handler without a path that a request's body is for.
    ///
    /// # Errors
    /// It fits none, or says too little.
    pub fn by_body(&self, method: &str, path: &str, asked: &Asked<'_>) -> Result<usize, AskError> {
        let among: Vec<usize> = self.loose_for(method).collect();
        match self.fitting(&among, asked) {
            Err(_) if self.allow(path).is_some() => Err(AskError::WrongMethod {
                method: method.to_owned(),
                path: path.to_owned(),
                allow: self.allow(path).unwrap_or_default(),
            }),
            Err(_) if *asked == Asked::default() && matches!(method, "GET" | "HEAD") => {
                Err(self.no_route(method, path))
            }
            found => found,
        }
    }

    /// The handler for a source that names none, by the body alone.
    ///
    /// # Errors
    /// It fits none, or says too little.
    pub fn by_body_for(&self, source: Source, asked: &Asked<'_>) -> Result<usize, AskError> {
        let places = 0..self.handlers.len();
        let among: Vec<usize> = places
            .filter(|place| source.may_ask(&self.handlers[*place].handler))
            .collect();
        if among.is_empty() {
            return Err(AskError::NoHandlers(source));
        }
        self.fitting(&among, asked)
    }

    fn fitting(&self, among: &[usize], asked: &Asked<'_>) -> Result<usize, AskError> {
        let known = || among.iter().map(|place| &self.handlers[*place]);
        let by_name = asked.wrapper.and_then(|wrapper| {
            let named = |known: &Known| known.wrapper == wrapper || known.handler.name == wrapper;
            among
                .iter()
                .find(|place| named(&self.handlers[**place]))
                .copied()
        });
        if let Some(place) = by_name {
            return Ok(place);
        }
        let names = asked.names.as_deref();
        if let Some(names) = names.filter(|names| !names.is_empty()) {
            let is_loose = asked.is_loose;
            let fits = |place: &&usize| takes(&self.handlers[**place].handler, names, is_loose);
            if let Some(place) = among.iter().find(fits) {
                return Ok(*place);
            }
            let enough =
                |place: &&usize| has_needed(&self.handlers[**place].handler, names, is_loose);
            let needs = |place: &&usize| {
                let needed = needed(&self.handlers[**place].handler, false);
                needed.filter(|name| names.contains(name)).count()
            };
            // The first of those that need most.
            let best = among.iter().rev().filter(enough).max_by_key(needs);
            if let Some(place) = best.filter(|_| asked.is_loose) {
                return Ok(*place);
            }
        } else if asked.wrapper.is_none() {
            let free = |place: &&usize| takes(&self.handlers[**place].handler, &[], false);
            let mut free = among.iter().filter(free);
            if let (Some(place), None) = (free.next(), free.next()) {
                return Ok(*place);
            }
        }
        let names = || known().map(|known| known.handler.name.clone()).collect();
        match asked.wrapper {
            Some(wrapper) if near(wrapper, known().map(|k| k.wrapper.as_str())).is_some() => {
                Err(AskError::UnknownHandler {
                    wanted: wrapper.to_owned(),
                    known: names(),
                })
            }
            _ => Err(AskError::NoHandlerNamed {
                example: known()
                    .next()
                    .map_or_else(String::new, |k| k.wrapper.clone()),
                known: names(),
            }),
        }
    }

    /// Whether `name` is how the wrapped form of a body names the handler at `place`.
    pub fn is_wrapper(&self, place: usize, name: &str) -> bool {
        let known = self.handlers.get(place);
        known.is_some_and(|known| known.wrapper == name || known.handler.name == name)
    }

    /// The handler for a WebSocket that is opened at `path`, with the path's parameters.
    pub fn ws<'a>(&'a self, path: &'a str) -> Option<(usize, Vec<(&'a str, &'a str)>)> {
        let mut sockets = self.sockets.iter();
        sockets.find_map(|(pattern, place)| Some((*place, pattern.matches(path)?)))
    }

    /// The handler for WebSockets that the process opened.
    pub fn ws_client(&self) -> Option<usize> {
        self.ws_client
    }
}

/// Whether a handler has all these arguments and needs no others.
fn takes(handler: &Handler, names: &[&str], is_loose: bool) -> bool {
    let known = |name: &&str| handler.params.iter().any(|param| param.name == *name);
    names.iter().all(known) && has_needed(handler, names, is_loose)
}

fn has_needed(handler: &Handler, names: &[&str], is_loose: bool) -> bool {
    needed(handler, is_loose).all(|name| names.contains(&name))
}

/// The arguments that have to come. A form leaves out what is not ticked.
fn needed(handler: &Handler, is_loose: bool) -> impl Iterator<Item = &str> {
    let may_lack = move |ty: &Type| match ty {
        Type::Option(_) => true,
        Type::Bool | Type::List(_) => is_loose,
        _ => false,
    };
    let params = handler.params.iter();
    let needed = params.filter(move |param| !may_lack(&param.ty));
    needed.map(|param| param.name.as_str())
}

/// How a trigger is written.
fn attribute(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Init => "`#[init]`",
        Trigger::Action => "`#[action]`",
        Trigger::Http(_) => "`#[http]`",
        Trigger::Local => "`#[local]`",
        Trigger::Remote => "`#[remote]`",
        Trigger::Ws(_) => "`#[ws]`",
        Trigger::WsClient => "`#[ws_client]`",
        Trigger::Eth => "`#[eth]`",
        Trigger::Join => "`#[join]`",
        Trigger::Leave => "`#[leave]`",
        Trigger::Every(_) => "`#[every]`",
        Trigger::Stop => "`#[stop]`",
    }
    .to_owned()
}
