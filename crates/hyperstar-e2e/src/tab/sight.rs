//! What a person sees in a tab, and waiting for it.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Tab;
use crate::log::exception;
use crate::wait::{SECOND, wait_until};

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
}
