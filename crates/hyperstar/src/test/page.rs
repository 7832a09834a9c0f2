//! A tab of the virtual browser.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Body;
use dom_query::{Document, Selection};
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::events::Reader;
use super::script::{self, Call, World};
use super::{Browser, Frame, TestError};
use crate::reply::GO;

/// How long [`Page::wait_for`] waits, on tokio's clock.
const WAIT_MS: u64 = 5_000;
/// The most frames that a page remembers; older ones are forgotten first.
const FRAMES_MAX: usize = 10_000;

/// An open page. Dropping it closes the tab.
pub struct Page {
    browser: Browser,
    uri: String,
    document: Document,
    signals: Value,
    /// What was typed, by the field's id.
    typed: BTreeMap<String, String>,
    /// The `data-signals` that were applied: again only if they change.
    declared: BTreeSet<(String, String)>,
    connect: Call,
    stream: Option<Body>,
    reader: Reader,
    last_id: Option<String>,
    frames: Vec<Frame>,
    scripts: Vec<String>,
    tab: String,
    sequence: u64,
    /// It goes to another address, and has not asked for the stream there.
    is_moving: bool,
}

impl Page {
    pub(super) async fn open(browser: Browser, path: &str) -> Result<Self, TestError> {
        let what = format!("GET {path}");
        let broken = |reason: &str| TestError::Broken {
            what: what.clone(),
            reason: reason.to_owned(),
        };
        let request = Request::get(path)
            .body(Body::empty())
            .map_err(|error| broken(&error.to_string()))?;
        let response = browser.request(request).await?;
        let text = String::from_utf8_lossy(response.body()).into_owned();
        if response.status() != StatusCode::OK {
            return Err(TestError::Refused {
                what,
                status: response.status(),
                message: text,
            });
        }
        let document = Document::from(text);
        let attribute = |selector: &str, name: &str| {
            document
                .select(selector)
                .attr(name)
                .map(|value| value.to_string())
        };
        let tab =
            attribute("html", "data-hs-tab").ok_or_else(|| broken("it is no page of an app"))?;
        let init = attribute("body", "data-init").ok_or_else(|| broken("it has no stream"))?;
        let mut nothing = json!({});
        let mut world = World {
            signals: &mut nothing,
            names: json!({}),
            calls: Vec::new(),
        };
        script::run(&init, &mut world).map_err(|reason| TestError::Expression {
            expression: init.clone(),
            reason,
        })?;
        let connect = world
            .calls
            .pop()
            .ok_or_else(|| broken("its stream has no address"))?;
        let last_id = connect.options["headers"]["last-event-id"]
            .as_str()
            .map(str::to_owned);
        let mut page = Self {
            browser,
            uri: path.to_owned(),
            document,
            signals: json!({}),
            typed: BTreeMap::new(),
            declared: BTreeSet::new(),
            connect,
            stream: None,
            reader: Reader::default(),
            last_id,
            frames: Vec::new(),
            scripts: Vec::new(),
            tab,
            sequence: 0,
            is_moving: false,
        };
        page.declare()?;
        page.follow(false).await?;
        Ok(page)
    }

    // ---- What is there -------------------------------------------------------------------------

    /// The text of the first element that matches, as it is; empty if there is none.
    pub fn text(&self, selector: &str) -> String {
        self.document.select(selector).first().text().to_string()
    }

    /// The markup of the first element that matches; empty if there is none.
    pub fn html(&self, selector: &str) -> String {
        self.document.select(selector).first().html().to_string()
    }

    /// How many elements match.
    pub fn count(&self, selector: &str) -> usize {
        self.document.select(selector).length()
    }

    /// Whether an element matches.
    pub fn exists(&self, selector: &str) -> bool {
        self.document.select(selector).exists()
    }

    /// An attribute of the first element that matches.
    pub fn attr(&self, selector: &str, name: &str) -> Option<String> {
        self.document
            .select(selector)
            .first()
            .attr(name)
            .map(|value| value.to_string())
    }

    /// What a field holds: what was typed, the signal that it is bound to, or its attribute.
    pub fn value(&self, selector: &str) -> String {
        let field = self.document.select(selector).first();
        if let Some(signal) = bound(&field) {
            return script::as_text(&script::get(&self.signals, &signal));
        }
        let typed = field.id().and_then(|id| self.typed.get(&*id).cloned());
        typed
            .or_else(|| field.attr("value").map(|value| value.to_string()))
            .unwrap_or_default()
    }

    /// The address that it shows, as the address bar has it: the one that it was opened at, or where it
    /// went since.
    pub fn address(&self) -> &str {
        &self.uri
    }

    /// The document's title.
    pub fn title(&self) -> String {
        self.text("title")
    }

    /// A signal of the page; `None` if it is missing or of another type.
    pub fn signal<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        serde_json::from_value(script::get(&self.signals, path)).ok()
    }

    /// Sets a signal, as an expression of the page could.
    pub fn set_signal(&mut self, path: &str, value: impl serde::Serialize) {
        script::set(
            &mut self.signals,
            path,
            serde_json::to_value(value).unwrap_or_default(),
        );
    }

    /// Every event that arrived, on the stream and in answers to actions, the oldest first.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The scripts that the server had the page run. They are not run.
    pub fn scripts(&self) -> &[String] {
        &self.scripts
    }

    // What a person does, they do to what is on their screen: what has arrived is taken in first.
    // ---- What a person does --------------------------------------------------------------------

    /// Clicks: runs the element's `data-on:click`; a button without one submits its form, a link with
    /// `data-hs-go` has the page show its address.
    ///
    /// # Errors
    /// If there is nothing to click, nothing happens on a click, or the server refuses.
    pub async fn click(&mut self, selector: &str) -> Result<(), TestError> {
        self.take_in()?;
        let element = self.element(selector)?;
        let submits = element.is("button:not([type=button]), input[type=submit]")
            && handlers(&element, "click").is_empty();
        if submits {
            return self.submit(selector).await;
        }
        if element.is("a[data-hs-go]") && handlers(&element, "click").is_empty() {
            let address = element.attr_or("href", "").to_string();
            self.go(&address);
            return self.arrive().await.map(drop);
        }
        self.fire(selector, "click", json!({})).await
    }

    /// Submits the form that an element is, or is in.
    ///
    /// # Errors
    /// As [`Page::click`].
    pub async fn submit(&mut self, selector: &str) -> Result<(), TestError> {
        self.take_in()?;
        let element = self.element(selector)?;
        let expressions = if element.is("form") {
            handlers(&element, "submit")
        } else {
            handlers(&element.ancestors(None).filter("form").first(), "submit")
        };
        self.run(selector, "submit", expressions, json!({})).await
    }

    /// Replaces what a field holds, as typing does: its bound signal follows, and its `data-on:input`
    /// runs if it has one.
    ///
    /// # Errors
    /// If there is no such field.
    pub async fn type_text(&mut self, selector: &str, text: &str) -> Result<(), TestError> {
        self.take_in()?;
        let field = self.element(selector)?;
        field.set_attr("value", text);
        let (id, signal, listens) = (
            field.id(),
            bound(&field),
            !handlers(&field, "input").is_empty(),
        );
        if let Some(id) = id {
            self.typed.insert(id.to_string(), text.to_owned());
        }
        if let Some(signal) = signal {
            script::set(&mut self.signals, &signal, json!(text));
        }
        if listens {
            self.fire(selector, "input", json!({})).await?;
        }
        Ok(())
    }

    /// Presses a key (`Enter`, `Escape`, `a`) on an element, or on the window with `body`: runs
    /// `data-on:keydown`; Enter in a field of a form without one submits it.
    ///
    /// # Errors
    /// As [`Page::click`].
    pub async fn press(&mut self, selector: &str, key: &str) -> Result<(), TestError> {
        self.take_in()?;
        let event = json!({ "key": key, "ctrlKey": false, "metaKey": false, "altKey": false, "shiftKey": false, "isComposing": false });
        let element = self.element(selector)?;
        let mut expressions = handlers(&element, "keydown");
        // A browser submits the form of a field on Enter, unless the field's own handler prevents it.
        let submits = key == "Enter" && expressions.is_empty() && element.is("form input");
        for other in self.document.select("[data-on\\:keydown__window]").iter() {
            expressions.extend(handlers(&other, "keydown"));
        }
        if submits {
            if !expressions.is_empty() {
                self.run(selector, "keydown", expressions, event).await?;
            }
            return self.submit(selector).await;
        }
        self.run(selector, "keydown", expressions, event).await
    }

    /// Runs the handlers of any event of an element; `event` is what `evt` is.
    ///
    /// # Errors
    /// As [`Page::click`].
    pub async fn fire(
        &mut self,
        selector: &str,
        name: &str,
        event: Value,
    ) -> Result<(), TestError> {
        self.take_in()?;
        let expressions = handlers(&self.element(selector)?, name);
        self.run(selector, name, expressions, event).await
    }

    /// Closes the stream, as a network that fails does.
    pub fn disconnect(&mut self) {
        self.stream = None;
    }

    /// Connects the stream again, as a page does by itself: it says what is on its screen.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn reconnect(&mut self) -> Result<(), TestError> {
        self.follow(true).await
    }

    // ---- Waiting -------------------------------------------------------------------------------

    /// Waits until the first element that matches contains a text.
    ///
    /// # Errors
    /// [`TestError::Never`] with the page, after five seconds of tokio's clock.
    pub async fn wait_for(&mut self, selector: &str, text: &str) -> Result<(), TestError> {
        let what = format!("`{selector}` contains {text:?}");
        self.wait_until(&what, |page| page.text(selector).contains(text))
            .await
    }

    /// Waits until something holds; it is looked at whenever an event has arrived.
    ///
    /// # Errors
    /// As [`Page::wait_for`].
    pub async fn wait_until(
        &mut self,
        what: &str,
        holds: impl Fn(&Self) -> bool,
    ) -> Result<(), TestError> {
        let deadline = tokio::time::Instant::now() + Duration::from_millis(WAIT_MS);
        loop {
            if holds(self) {
                return Ok(());
            }
            let Ok(arrived) = tokio::time::timeout_at(deadline, self.arrive()).await else {
                let page = self.html("body");
                return Err(TestError::Never {
                    what: what.to_owned(),
                    waited_ms: WAIT_MS,
                    page,
                });
            };
            if !arrived? {
                // Without a stream only time passes.
                tokio::time::sleep_until(deadline).await;
            }
        }
    }

    /// Takes in what has arrived, without waiting. Answers how many events that were.
    ///
    /// # Errors
    /// If an event cannot be applied.
    pub fn take_in(&mut self) -> Result<usize, TestError> {
        let before = self.frames.len();
        let mut cx = Context::from_waker(Waker::noop());
        while let Some(stream) = &mut self.stream {
            match Pin::new(stream).poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    self.read(&data)?;
                }
                Poll::Ready(_) => self.stream = None,
                Poll::Pending => break,
            }
        }
        Ok(self.frames.len() - before)
    }

    /// Waits for the next bytes of the stream; `false` if it has ended.
    async fn arrive(&mut self) -> Result<bool, TestError> {
        if std::mem::take(&mut self.is_moving) {
            self.follow(true).await?;
            return Ok(true);
        }
        let Some(stream) = &mut self.stream else {
            return Ok(false);
        };
        match stream.frame().await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.read(&data)?;
                }
                Ok(true)
            }
            _ => {
                self.stream = None;
                Ok(false)
            }
        }
    }

    // ---- Requests ------------------------------------------------------------------------------

    async fn follow(&mut self, again: bool) -> Result<(), TestError> {
        let what = format!("POST {}", self.connect.url);
        let broken = |reason: String| TestError::Broken {
            what: what.clone(),
            reason,
        };
        let mut request = Request::post(&self.connect.url)
            .header("datastar-request", "true")
            .header("hs-stream", &self.tab)
            .header(CONTENT_TYPE, "application/json");
        if let Some(id) = &self.last_id {
            request = request.header("last-event-id", id);
        }
        if again {
            request = request.header("hs-again", "1");
        }
        let request = request
            .body(Body::from("{}"))
            .map_err(|error| broken(error.to_string()))?;
        let response = self.browser.send(request).await;
        if response.status() != StatusCode::OK {
            let status = response.status();
            let body = response
                .into_body()
                .collect()
                .await
                .map_err(|error| broken(error.to_string()))?;
            let message = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            return Err(TestError::Refused {
                what,
                status,
                message,
            });
        }
        self.reader = Reader::default();
        self.stream = Some(response.into_body());
        Ok(())
    }

    async fn run(
        &mut self,
        selector: &str,
        name: &str,
        expressions: Vec<String>,
        event: Value,
    ) -> Result<(), TestError> {
        if expressions.is_empty() {
            let element = self.html(selector);
            return Err(TestError::NoHandler {
                selector: selector.to_owned(),
                event: name.to_owned(),
                element,
            });
        }
        for expression in expressions {
            let mut names = json!({ "evt": event, "el": {} });
            for attribute in self.element(selector)?.attrs() {
                names["el"][attribute.name.local.to_string()] = json!(*attribute.value);
            }
            names["el"]["value"] = json!(self.value(selector));
            let mut world = World {
                signals: &mut self.signals,
                names,
                calls: Vec::new(),
            };
            let ran = script::run(&expression, &mut world);
            let calls = std::mem::take(&mut world.calls);
            ran.map_err(|reason| TestError::Expression { expression, reason })?;
            for call in calls {
                self.send(selector, call).await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self, selector: &str, call: Call) -> Result<(), TestError> {
        let what = format!("{} {}", call.method, call.url);
        let broken = |reason: String| TestError::Broken {
            what: what.clone(),
            reason,
        };
        let method = Method::from_bytes(call.method.as_bytes())
            .map_err(|error| broken(error.to_string()))?;
        let in_query = matches!(method, Method::GET | Method::DELETE);
        let is_form = call.options["contentType"] == "form";
        let payload = if is_form {
            self.form(selector)
        } else {
            public(&self.signals).to_string()
        };
        let (mut url, mut body) = (call.url.clone(), String::new());
        if in_query {
            let pair = [("datastar", payload.as_str())];
            let query = if is_form {
                payload.clone()
            } else {
                serde_urlencoded::to_string(pair).unwrap_or_default()
            };
            url = format!("{url}{}{query}", if url.contains('?') { '&' } else { '?' });
        } else {
            body = payload;
        }
        let kind = if is_form {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        };
        let mut request = Request::builder()
            .method(&method)
            .uri(url)
            .header("datastar-request", "true")
            .header(CONTENT_TYPE, kind);
        if method != Method::GET {
            self.sequence += 1;
            let answered = self.sequence - 1;
            request = request.header(
                "hs-action",
                format!("{} {} {answered}", self.tab, self.sequence),
            );
        }
        if let Value::Object(headers) = &call.options["headers"] {
            for (name, value) in headers {
                request = request.header(name, script::as_text(value));
            }
        }
        let request = request
            .body(Body::from(body))
            .map_err(|error| broken(error.to_string()))?;
        let response = self.browser.request(request).await?;
        let (parts, body) = response.into_parts();
        if parts.status.is_client_error() || parts.status.is_server_error() {
            let message = String::from_utf8_lossy(&body).into_owned();
            return Err(TestError::Refused {
                what,
                status: parts.status,
                message,
            });
        }
        let kind = parts
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            for frame in Reader::default().read(&body) {
                self.apply(frame)?;
            }
        }
        if std::mem::take(&mut self.is_moving) {
            self.follow(true).await?;
        }
        Ok(())
    }

    /// The fields of the form that an element is in, as a browser sends them.
    fn form(&self, selector: &str) -> String {
        let element = self.document.select(selector).first();
        let form = if element.is("form") {
            element
        } else {
            element.ancestors(None).filter("form").first()
        };
        let mut pairs = Vec::new();
        for field in form
            .select("input[name], textarea[name], select[name]")
            .iter()
        {
            let name = field.attr_or("name", "").to_string();
            if field.is("[type=checkbox], [type=radio]") && !field.has_attr("checked") {
                continue;
            }
            let typed = field.id().and_then(|id| self.typed.get(&*id).cloned());
            let value = typed.unwrap_or_else(|| field.attr_or("value", "").to_string());
            pairs.push((name, value));
        }
        serde_urlencoded::to_string(pairs).unwrap_or_default()
    }

    // ---- Events --------------------------------------------------------------------------------

    fn read(&mut self, data: &[u8]) -> Result<(), TestError> {
        for frame in self.reader.read(data) {
            if let Some(id) = &frame.id {
                self.last_id = (!id.is_empty()).then(|| id.clone());
            }
            self.apply(frame)?;
        }
        Ok(())
    }

    fn apply(&mut self, frame: Frame) -> Result<(), TestError> {
        let result = match frame.name.as_str() {
            "datastar-patch-elements" => self.patch(&frame),
            "datastar-patch-signals" => {
                let text = frame.argument("signals").unwrap_or_default();
                let patch: Result<Value, _> = serde_json::from_str(&text);
                let only_missing = frame.argument("onlyIfMissing").as_deref() == Some("true");
                patch
                    .map(|patch| script::merge(&mut self.signals, &patch, only_missing))
                    .map_err(|error| format!("{text} is no JSON: {error}"))
            }
            GO => {
                self.go(&frame.argument("url").unwrap_or_default());
                Ok(())
            }
            _ => Ok(()),
        };
        let what = format!("an event of {}", self.uri);
        result.map_err(|reason| TestError::Broken { what, reason })?;
        if self.frames.len() == FRAMES_MAX {
            self.frames.remove(0);
        }
        self.frames.push(frame);
        self.declare()
    }

    /// Leaves the stream for the one of another address.
    fn go(&mut self, address: &str) {
        let address = match address.strip_prefix('?') {
            Some(_) => {
                let path = self.uri.split('?').next().unwrap_or_default();
                format!("{path}{address}")
            }
            None => address.to_owned(),
        };
        if address == self.uri {
            return;
        }
        self.connect.url.clone_from(&address);
        self.uri = address;
        self.stream = None;
        self.is_moving = true;
    }

    fn patch(&mut self, frame: &Frame) -> Result<(), String> {
        let html = frame.argument("elements").unwrap_or_default();
        let mode = frame.argument("mode").unwrap_or_else(|| "outer".to_owned());
        let patch = Document::from(format!("<!doctype html><body>{html}</body>"));
        for script in patch.select("script").iter() {
            self.scripts.push(script.text().to_string());
        }
        let Some(selector) = frame.argument("selector") else {
            for element in patch.select("body > *").iter() {
                let Some(id) = element.id() else { continue };
                self.document
                    .select(&by_id(&id))
                    .replace_with_html(element.html());
            }
            self.retype();
            return Ok(());
        };
        let targets = self.document.select(&selector);
        match mode.as_str() {
            "outer" | "replace" => targets.replace_with_html(html.as_str()),
            "inner" => targets.set_html(html.as_str()),
            "append" => targets.append_html(html.as_str()),
            "prepend" => targets.prepend_html(html.as_str()),
            "before" => targets.before_html(html.as_str()),
            "after" => targets.after_html(html.as_str()),
            "remove" => targets.remove(),
            other => return Err(format!("`{other}` is no mode")),
        }
        self.retype();
        Ok(())
    }

    /// A morph leaves alone what was typed.
    fn retype(&self) {
        for (id, text) in &self.typed {
            self.document.select(&by_id(id)).set_attr("value", text);
        }
    }

    /// Applies `data-signals` that are new, and gives bound fields a signal.
    fn declare(&mut self) -> Result<(), TestError> {
        let mut found = Vec::new();
        for element in self.document.select("*").iter() {
            for attribute in element.attrs() {
                let name = attribute.name.local.to_string();
                if name == "data-signals"
                    || name.starts_with("data-signals:")
                    || name.starts_with("data-signals__")
                {
                    found.push((name, attribute.value.to_string()));
                }
            }
            if let Some(signal) = bound(&element)
                && script::get(&self.signals, &signal).is_null()
            {
                let value = element.attr_or("value", "").to_string();
                script::set(&mut self.signals, &signal, json!(value));
            }
        }
        for (name, text) in found {
            if !self.declared.insert((name.clone(), text.clone())) {
                continue;
            }
            let mut world = World {
                signals: &mut self.signals,
                names: json!({}),
                calls: Vec::new(),
            };
            let expression = format!("({text})");
            let value = script::run(&expression, &mut world)
                .map_err(|reason| TestError::Expression { expression, reason })?;
            let only_missing = name.contains("__ifmissing");
            match name
                .split("__")
                .next()
                .and_then(|name| name.strip_prefix("data-signals:"))
            {
                Some(path) if only_missing && !script::get(&self.signals, path).is_null() => {}
                Some(path) => script::set(&mut self.signals, path, value),
                None => script::merge(&mut self.signals, &value, only_missing),
            }
        }
        Ok(())
    }

    fn element(&self, selector: &str) -> Result<Selection<'_>, TestError> {
        let element = self
            .document
            .try_select(selector)
            .map(|found| found.first())
            .filter(Selection::exists);
        element.ok_or_else(|| TestError::NoElement {
            selector: selector.to_owned(),
            page: self.html("body"),
        })
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("uri", &self.uri)
            .field("signals", &self.signals)
            .finish_non_exhaustive()
    }
}

/// The expressions that an element runs on an event, whatever the modifiers.
fn handlers(element: &Selection<'_>, event: &str) -> Vec<String> {
    let plain = format!("data-on:{event}");
    let modified = format!("{plain}__");
    let attributes = element.attrs();
    let matching = attributes.iter().filter(|attribute| {
        let name: &str = &attribute.name.local;
        name == plain || name.starts_with(&modified)
    });
    matching
        .map(|attribute| attribute.value.to_string())
        .collect()
}

/// The signal that a field is bound to.
fn bound(field: &Selection<'_>) -> Option<String> {
    field.attrs().iter().find_map(|attribute| {
        let name: &str = &attribute.name.local;
        let key = name.strip_prefix("data-bind")?.split("__").next()?;
        match key.strip_prefix(':') {
            Some(key) => Some(key.to_owned()),
            None => key.is_empty().then(|| attribute.value.to_string()),
        }
    })
}

fn by_id(id: &str) -> String {
    format!("[id=\"{}\"]", id.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What a page sends of its signals: all but those whose names begin with `_`.
fn public(signals: &Value) -> Value {
    match signals {
        Value::Object(object) => {
            let shown = object.iter().filter(|(key, _)| !key.starts_with('_'));
            Value::Object(
                shown
                    .map(|(key, value)| (key.clone(), public(value)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}
