//! One tab: what a person does in it, and what a person sees.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::Engine as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cdp::{Cdp, lock};
use crate::keys;
use crate::log::{Log, exception};
use crate::wait::{SECOND, wait_until};

/// How long a page may take to load, and an element to become one that can be clicked.
const READY_MAX: Duration = Duration::from_secs(15);

/// How much of a page's text a failure shows.
const SHOWN_CHARS_MAX: usize = 2_000;

/// A tab of a [`Chrome`](crate::Chrome). Clones are the same tab.
///
/// It counts as visible and focused, whatever other tabs there are. Selectors are CSS selectors
/// and mean the first match. Dialogs are accepted, and kept in [`Tab::dialogs`].
#[derive(Clone)]
pub struct Tab {
    cdp: Cdp,
    target: String,
    session: String,
    log: Arc<Mutex<Log>>,
}

/// Where the keyboard goes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Focus {
    /// The element's name, in lower case; `body` if nothing has the focus.
    pub tag: String,
    /// Its `id`, or nothing.
    pub id: String,
    /// Its value, if it is a control.
    pub value: Option<String>,
    /// Start and end of the selection, in UTF-16 units, if it is a text control.
    pub selection: Option<(u32, u32)>,
}

/// A cookie as the browser keeps it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The path below which it is sent.
    pub path: String,
    /// Scripts cannot read it.
    pub http_only: bool,
    /// It is sent over TLS only.
    pub secure: bool,
    /// `Strict`, `Lax`, `None`, or absent.
    #[serde(default)]
    pub same_site: Option<String>,
}

// What a person does.
impl Tab {
    /// Opens `url` and waits until it has loaded. A stream that the page holds open does not
    /// hinder that.
    ///
    /// # Errors
    /// When nothing answers there, or the page does not load in time. A page that says 404 or 500
    /// is a page.
    pub async fn open(&self, url: &str) -> Result<()> {
        let answer = self.call("Page.navigate", json!({ "url": url })).await?;
        if let Some(error) = answer["errorText"].as_str() {
            bail!("open {url}: {error}");
        }
        // Without a loader, only the fragment changed.
        match answer["loaderId"].as_str() {
            Some(loader) => self.loaded(|log| log.loaded.contains(loader), url).await,
            None => Ok(()),
        }
    }

    /// Loads the page again, and waits until it has loaded.
    ///
    /// # Errors
    /// As [`Tab::open`].
    pub async fn reload(&self) -> Result<()> {
        let tree = self.call("Page.getFrameTree", json!({})).await?;
        let before = tree["frameTree"]["frame"]["loaderId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        self.call("Page.reload", json!({})).await?;
        let is_new = |log: &Log| log.loader != before && log.loaded.contains(&log.loader);
        self.loaded(is_new, "the page again").await
    }

    /// Clicks with the mouse into the middle of the element, as soon as it is there, enabled, at
    /// rest, and not covered.
    ///
    /// # Errors
    /// When it does not become so in time, saying what hinders.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let (x, y) = self.clickable(selector).await?;
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({
                "type": kind, "x": x, "y": y, "button": button, "buttons": buttons,
                "clickCount": i32::from(kind != "mouseMoved"),
            });
            self.call("Input.dispatchMouseEvent", event).await?;
        }
        Ok(())
    }

    /// Clicks into the element and types `text` there, key by key.
    ///
    /// # Errors
    /// As [`Tab::click`].
    pub async fn type_text(&self, selector: &str, text: &str) -> Result<()> {
        self.click(selector).await?;
        for c in text.chars() {
            self.send_keys(keys::typed(c)?).await?;
        }
        Ok(())
    }

    /// Replaces what stands in the element by `text`, key by key.
    ///
    /// # Errors
    /// As [`Tab::click`].
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        self.click(selector).await?;
        self.press("Control+a").await?;
        self.press("Delete").await?;
        for c in text.chars() {
            self.send_keys(keys::typed(c)?).await?;
        }
        Ok(())
    }

    /// Presses keys where the focus is: `Enter`, `a`, `Control+a`, `Shift+Tab`.
    ///
    /// # Errors
    /// When there is no key of this name.
    pub async fn press(&self, key: &str) -> Result<()> {
        self.send_keys(keys::press(key)?).await
    }

    /// Closes the tab, without asking the page.
    ///
    /// # Errors
    /// When Chromium is gone.
    pub async fn close(self) -> Result<()> {
        self.cdp
            .call(
                None,
                "Target.closeTarget",
                json!({ "targetId": self.target }),
            )
            .await?;
        Ok(())
    }
}

// What a person sees.
impl Tab {
    /// The value of a JavaScript expression; a promise is awaited.
    ///
    /// # Errors
    /// When it throws, or its value is no `T`.
    pub async fn eval<T: DeserializeOwned>(&self, js: &str) -> Result<T> {
        let params = json!({
            "expression": js, "awaitPromise": true, "returnByValue": true, "userGesture": true,
        });
        let mut answer = self.call("Runtime.evaluate", params).await?;
        if answer["exceptionDetails"].is_object() {
            bail!("`{js}` threw {}", exception(&answer["exceptionDetails"]));
        }
        // `undefined` has no value: it is read as null.
        let value = answer["result"]["value"].take();
        serde_json::from_value(value.clone()).with_context(|| format!("`{js}` is {value}"))
    }

    /// The text of an element, as it is seen.
    ///
    /// # Errors
    /// When no element matches.
    pub async fn text(&self, selector: &str) -> Result<String> {
        let js = format!("document.querySelector({})?.innerText", json!(selector));
        let text: Option<String> = self.eval(&js).await?;
        text.with_context(|| format!("no element matches `{selector}`"))
    }

    /// How many elements match.
    ///
    /// # Errors
    /// When this is no selector.
    pub async fn count(&self, selector: &str) -> Result<usize> {
        self.eval(&format!(
            "document.querySelectorAll({}).length",
            json!(selector)
        ))
        .await
    }

    /// The page's address.
    ///
    /// # Errors
    /// When Chromium is gone.
    pub async fn url(&self) -> Result<String> {
        self.eval("location.href").await
    }

    /// Where the keyboard goes.
    ///
    /// # Errors
    /// When Chromium is gone.
    pub async fn focus(&self) -> Result<Focus> {
        self.eval(
            "(() => { const e = document.activeElement ?? document.body; return {
                tag: e.localName, id: e.id, value: e.value === undefined ? null : String(e.value),
                selection: typeof e.selectionStart === 'number'
                    ? [e.selectionStart, e.selectionEnd] : null } })()",
        )
        .await
    }

    /// The cookies that are sent to this page, `HttpOnly` ones too.
    ///
    /// # Errors
    /// When Chromium is gone.
    pub async fn cookies(&self) -> Result<Vec<Cookie>> {
        let mut answer = self.call("Network.getCookies", json!({})).await?;
        Ok(serde_json::from_value(answer["cookies"].take())?)
    }

    /// Waits until a JavaScript expression is truthy. An expression that throws is not truthy:
    /// so `document.querySelector('#later').value == '1'` can be waited for. `what` names the
    /// condition.
    ///
    /// # Errors
    /// When the time is over: with the last value, the page's text, its errors, and the path of a
    /// screenshot.
    pub async fn wait_for(&self, js: &str, timeout: Duration, what: &str) -> Result<()> {
        let mut last = String::new();
        let look = async || {
            // Parenthesised, so that an object literal or a comment is what it looks like.
            let looked: Result<Value> = self.eval(&format!("(\n{js}\n)")).await;
            last = match looked {
                Ok(Value::Null | Value::Bool(false)) => "false".to_owned(),
                Ok(Value::String(text)) if text.is_empty() => "an empty text".to_owned(),
                Ok(Value::Number(number)) if number.as_f64() == Some(0.0) => "0".to_owned(),
                Ok(_) => return Ok(Some(())),
                Err(error) => format!("{:#}", error.root_cause()),
            };
            Ok(None)
        };
        match wait_until(what, timeout, look).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let report = self.report().await;
                Err(anyhow!(
                    "{error}\n  condition: {js}\n  it was: {last}\n{report}"
                ))
            }
        }
    }

    /// Waits until the text of the element is `expected`, for at most ten seconds.
    ///
    /// # Errors
    /// As [`Tab::wait_for`].
    pub async fn wait_for_text(&self, selector: &str, expected: &str) -> Result<()> {
        let (selector, text) = (json!(selector), json!(expected.trim()));
        let js = format!("document.querySelector({selector}).innerText.trim() === {text}");
        self.wait_for(
            &js,
            10 * SECOND,
            &format!("the text of {selector} is {text}"),
        )
        .await
    }

    /// Waits until an element matches, for at most ten seconds.
    ///
    /// # Errors
    /// As [`Tab::wait_for`].
    pub async fn wait_for_element(&self, selector: &str) -> Result<()> {
        let js = format!("document.querySelector({}) !== null", json!(selector));
        self.wait_for(
            &js,
            10 * SECOND,
            &format!("an element matches `{selector}`"),
        )
        .await
    }

    /// Takes a picture of what a person sees, at this size in CSS pixels, in the light or the dark
    /// colour scheme, and writes it as PNG. Afterwards the tab is as before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn screenshot(
        &self,
        path: impl AsRef<Path>,
        width: u32,
        height: u32,
        dark: bool,
    ) -> Result<()> {
        let path = path.as_ref();
        let scheme = if dark { "dark" } else { "light" };
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size)
            .await?;
        self.set_color_scheme(Some(scheme)).await?;
        let png = self.capture().await;
        self.call("Emulation.clearDeviceMetricsOverride", json!({}))
            .await?;
        self.set_color_scheme(None).await?;
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder).await?;
        }
        tokio::fs::write(path, png?)
            .await
            .with_context(|| format!("write {}", path.display()))
    }
}

// What goes wrong.
impl Tab {
    /// Uncaught exceptions, `console.error`, and what the browser itself complained about: failed
    /// requests, refused content.
    pub fn console_errors(&self) -> Vec<String> {
        lock(&self.log).errors.clone()
    }

    /// What the Content-Security-Policy refused, as `directive: what`.
    pub fn csp_violations(&self) -> Vec<String> {
        lock(&self.log).violations.clone()
    }

    /// The texts of the dialogs (`alert`, `confirm`, ..) that the page opened.
    pub fn dialogs(&self) -> Vec<String> {
        lock(&self.log).dialogs.clone()
    }

    /// Forgets errors, violations and dialogs, for a test that has provoked some.
    pub fn forget(&self) {
        let mut log = lock(&self.log);
        log.errors.clear();
        log.violations.clear();
        log.dialogs.clear();
    }

    /// Nothing went wrong so far.
    ///
    /// # Errors
    /// When something did, with all of it.
    pub fn assert_clean(&self) -> Result<()> {
        let (errors, violations) = (self.console_errors(), self.csp_violations());
        ensure!(
            errors.is_empty() && violations.is_empty(),
            "the tab is not clean\n  errors: {errors:#?}\n  CSP violations: {violations:#?}"
        );
        Ok(())
    }
}

// What happens to it.
impl Tab {
    /// Takes the network away from this tab, or gives it back: new requests fail, and
    /// `navigator.onLine` says so. Chromium leaves a stream open that is open; it is
    /// [`FlakyProxy`](crate::FlakyProxy) that cuts or stalls those.
    ///
    /// # Errors
    /// When Chromium is gone.
    pub async fn offline(&self, offline: bool) -> Result<()> {
        self.network(offline, 0, None).await
    }

    /// Makes the network of this tab slow: each answer comes this much later, and not faster than
    /// this. `0, 0` is as fast as it can.
    ///
    /// # Errors
    /// When Chromium is gone.
    pub async fn slow_network(&self, latency_ms: u32, kbit_per_second: u32) -> Result<()> {
        self.network(
            false,
            latency_ms,
            (kbit_per_second > 0).then_some(kbit_per_second),
        )
        .await
    }

    /// Hides the tab, as when the person turns to another one, or shows it again.
    ///
    /// # Errors
    /// When Chromium is gone, or the page does not notice.
    pub async fn hidden(&self, hidden: bool) -> Result<()> {
        self.call(
            "Emulation.setFocusEmulationEnabled",
            json!({ "enabled": !hidden }),
        )
        .await?;
        let target = json!({ "targetId": self.target });
        let window = self
            .cdp
            .call(None, "Browser.getWindowForTarget", target)
            .await?;
        let state = if hidden { "minimized" } else { "normal" };
        let bounds = json!({ "windowId": window["windowId"], "bounds": { "windowState": state } });
        self.cdp
            .call(None, "Browser.setWindowBounds", bounds)
            .await?;
        let expected = if hidden { "hidden" } else { "visible" };
        let js = format!("document.visibilityState === '{expected}'");
        self.wait_for(&js, 5 * SECOND, &format!("the page is {expected}"))
            .await
    }

    /// Switches the page's own JavaScript off or on, from the next page on.
    ///
    /// # Errors
    /// When Chromium is gone.
    pub async fn javascript(&self, on: bool) -> Result<()> {
        self.call(
            "Emulation.setScriptExecutionDisabled",
            json!({ "value": !on }),
        )
        .await?;
        Ok(())
    }
}

// How.
impl Tab {
    pub(crate) async fn create(cdp: &Cdp, context: Option<&str>) -> Result<Tab> {
        // A window of its own: of the tabs in one window, all but one are hidden.
        let mut params = json!({ "url": "about:blank", "newWindow": true });
        if let Some(context) = context {
            params["browserContextId"] = context.into();
        }
        let target = cdp.call(None, "Target.createTarget", params).await?;
        let target = target["targetId"]
            .as_str()
            .context("a tab without an id")?
            .to_owned();
        let params = json!({ "targetId": target, "flatten": true });
        let session = cdp.call(None, "Target.attachToTarget", params).await?;
        let session = session["sessionId"]
            .as_str()
            .context("a tab without a session")?
            .to_owned();

        let log = Arc::new(Mutex::new(Log::default()));
        let (heard, answers, own) = (log.clone(), cdp.clone(), session.clone());
        cdp.listen(&session, move |method, params| {
            lock(&heard).hear(method, params);
            if method == "Page.javascriptDialogOpening" {
                let accept = json!({ "accept": true });
                answers.call_and_forget(&own, "Page.handleJavaScriptDialog", accept);
            }
        });
        let tab = Tab {
            cdp: cdp.clone(),
            target,
            session,
            log,
        };
        for domain in ["Page", "Runtime", "Log", "Network", "Audits"] {
            tab.call(&format!("{domain}.enable"), json!({})).await?;
        }
        tab.call("Page.setLifecycleEventsEnabled", json!({ "enabled": true }))
            .await?;
        tab.call(
            "Emulation.setFocusEmulationEnabled",
            json!({ "enabled": true }),
        )
        .await?;
        Ok(tab)
    }

    /// Calls a method of the protocol for this tab.
    ///
    /// # Errors
    /// As [`Cdp::call`].
    pub async fn call(&self, method: &str, params: Value) -> Result<Value> {
        self.cdp.call(Some(&self.session), method, params).await
    }

    async fn loaded(&self, is_loaded: impl Fn(&Log) -> bool, what: &str) -> Result<()> {
        let look = async || Ok(is_loaded(&lock(&self.log)).then_some(()));
        match wait_until(format!("load {what}"), READY_MAX, look).await {
            Ok(()) => Ok(()),
            Err(error) => Err(anyhow!("{error}\n{}", self.report().await)),
        }
    }

    /// Where to click, once the element was in the same place for two looks.
    async fn clickable(&self, selector: &str) -> Result<(f64, f64)> {
        let js = format!("({CLICKABLE})({})", json!(selector));
        let (mut before, mut hindrance) = (None, String::new());
        let look = async || {
            let looked: Result<(Option<(f64, f64)>, String)> = self.eval(&js).await;
            let place;
            (place, hindrance) = match looked {
                Ok(found) => found,
                Err(error) => (None, format!("{error:#}")),
            };
            let at_rest = place.filter(|_| place == before);
            before = place;
            Ok(at_rest)
        };
        match wait_until(format!("`{selector}` can be clicked"), READY_MAX, look).await {
            Ok(place) => Ok(place),
            Err(error) => Err(anyhow!("{error}: {hindrance}\n{}", self.report().await)),
        }
    }

    async fn send_keys(&self, events: [Value; 2]) -> Result<()> {
        for event in events {
            self.call("Input.dispatchKeyEvent", event).await?;
        }
        Ok(())
    }

    async fn network(&self, offline: bool, latency_ms: u32, kbit: Option<u32>) -> Result<()> {
        let throughput = kbit.map_or(-1.0, |kbit| f64::from(kbit) * 1_000.0 / 8.0);
        let params = json!({
            "offline": offline, "latency": latency_ms,
            "downloadThroughput": throughput, "uploadThroughput": throughput,
        });
        self.call("Network.emulateNetworkConditions", params)
            .await?;
        Ok(())
    }

    async fn set_color_scheme(&self, scheme: Option<&str>) -> Result<()> {
        let value = scheme.unwrap_or_default();
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.call("Emulation.setEmulatedMedia", features).await?;
        Ok(())
    }

    async fn capture(&self) -> Result<Vec<u8>> {
        let answer = self
            .call("Page.captureScreenshot", json!({ "format": "png" }))
            .await?;
        let data = answer["data"]
            .as_str()
            .context("a screenshot without data")?;
        Ok(base64::engine::general_purpose::STANDARD.decode(data)?)
    }

    /// What helps to understand a failure.
    async fn report(&self) -> String {
        let mut report = String::new();
        let line = |report: &mut String, name: &str, value: &dyn std::fmt::Display| {
            // Writing to a string cannot fail.
            let _ = writeln!(report, "  {name}: {value}");
        };
        let page: Result<(String, String)> = self
            .eval("[location.href, document.body?.innerText ?? '']")
            .await;
        match page {
            Ok((url, text)) => {
                line(&mut report, "page", &url);
                let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
                line(&mut report, "its text", &format_args!("{shown:?}"));
            }
            Err(error) => line(&mut report, "page", &format_args!("unknown, {error:#}")),
        }
        line(
            &mut report,
            "its errors",
            &format_args!("{:#?}", self.console_errors()),
        );
        line(
            &mut report,
            "CSP violations",
            &format_args!("{:?}", self.csp_violations()),
        );
        match self.keep_screenshot().await {
            Ok(path) => line(&mut report, "screenshot", &path.display()),
            Err(error) => line(&mut report, "screenshot", &format_args!("none, {error:#}")),
        }
        report
    }

    async fn keep_screenshot(&self) -> Result<PathBuf> {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let number = TAKEN.fetch_add(1, Ordering::Relaxed);
        // A test's thread has its name; of the tests that run beside it, the number differs.
        let test = std::thread::current()
            .name()
            .unwrap_or("test")
            .replace("::", "-");
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(target) => PathBuf::from(target),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        };
        let folder = target.join("e2e-shots");
        tokio::fs::create_dir_all(&folder).await?;
        let path = folder.join(format!("{test}-{}-{number}.png", std::process::id()));
        tokio::fs::write(&path, self.capture().await?).await?;
        Ok(path)
    }
}

/// Gives `[[x, y], ""]`, or `[null, what hinders]`.
const CLICKABLE: &str = "selector => {
    const element = document.querySelector(selector);
    if (!element) return [null, 'no element matches'];
    if (element.disabled) return [null, 'it is disabled'];
    element.scrollIntoView({ block: 'nearest', inline: 'nearest', behavior: 'instant' });
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height) return [null, 'it has no size'];
    const x = box.x + box.width / 2, y = box.y + box.height / 2;
    const hit = document.elementFromPoint(x, y);
    if (!hit) return [null, 'it is not in the viewport'];
    if (!element.contains(hit) && !hit.contains(element))
        return [null, 'it is covered by ' + hit.cloneNode(false).outerHTML];
    return [[x, y], ''];
}";
