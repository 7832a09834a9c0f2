//! One tab, and what a person does in it.

mod conditions;
mod picture;
mod sight;
mod trouble;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::cdp::{Cdp, lock};
use crate::keys;
use crate::log::Log;
use crate::wait::wait_until;

pub use sight::{Cookie, Focus};
pub use trouble::Answer;

/// How long a page may take to load, and an element to become one that can be clicked.
const READY_MAX: Duration = Duration::from_secs(15);

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
