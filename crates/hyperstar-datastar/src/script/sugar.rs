//! Scripts that most apps need. Every argument is escaped.

use serde::Serialize;
use serde_json::json;

use crate::escape::{js_string, push_js_value};
use crate::{ExecuteScript, SignalsError};

impl ExecuteScript {
    /// Writes `message` to the browser's console.
    #[must_use]
    pub fn console_log(message: &str) -> Self {
        Self::new(format!("console.log({})", js_string(message)))
    }

    /// Writes `message` to the browser's console, as an error.
    #[must_use]
    pub fn console_error(message: &str) -> Self {
        Self::new(format!("console.error({})", js_string(message)))
    }

    /// Leaves the page for `url`, which may be relative.
    ///
    /// A `javascript:` URL would run in the page instead of leaving it: it is prefixed with
    /// `unsafe:`, which leads nowhere. Whether other sites are allowed is for the caller to decide.
    ///
    /// ```
    /// # use hyperstar_datastar::ExecuteScript;
    /// let event = ExecuteScript::redirect("/it's?next=</script>");
    /// # let bytes = event.encode();
    /// # let text = std::str::from_utf8(&bytes).unwrap();
    /// assert!(text.contains(r"setTimeout(() => window.location.href = '/it\'s?next=<\/script>')"));
    /// ```
    #[must_use]
    pub fn redirect(url: &str) -> Self {
        let guard = if is_javascript_url(url) {
            "unsafe:"
        } else {
            ""
        };
        // Without the timeout, Firefox replaces the page in the history instead of adding one.
        Self::new(format!(
            "setTimeout(() => window.location.href = {})",
            js_string(&format!("{guard}{url}"))
        ))
    }

    /// Changes the address bar to `url`, of the same origin, without a navigation and without an
    /// entry in the history.
    #[must_use]
    pub fn replace_url(url: &str) -> Self {
        Self::new(format!(
            "window.history.replaceState({{}}, '', {})",
            js_string(url)
        ))
    }

    /// Dispatches a `CustomEvent` called `name`, on the document unless `options` say otherwise.
    ///
    /// ```
    /// # use hyperstar_datastar::{CustomEventOptions, ExecuteScript, SignalsError};
    /// let toast = ExecuteScript::dispatch_custom_event(
    ///     "toast",
    ///     &serde_json::json!({"text": "saved"}),
    ///     CustomEventOptions::default(),
    /// )?;
    /// # assert!(toast.encode().windows(5).any(|w| w == b"saved"));
    /// # Ok::<(), SignalsError>(())
    /// ```
    ///
    /// # Errors
    /// [`SignalsError::Serialize`] if `detail` has no JSON form.
    pub fn dispatch_custom_event<T: Serialize + ?Sized>(
        name: &str,
        detail: &T,
        options: CustomEventOptions,
    ) -> Result<Self, SignalsError> {
        let detail = serde_json::to_value(detail).map_err(SignalsError::Serialize)?;
        let mut init = String::from("{detail: ");
        push_js_value(&mut init, &detail);
        init.push_str(&format!(
            ", bubbles: {}, cancelable: {}, composed: {}}}",
            options.bubbles, options.cancelable, options.composed
        ));
        let event = format!("new CustomEvent({}, {init})", js_string(name));
        Ok(Self::new(match options.selector {
            None => format!("document.dispatchEvent({event})"),
            Some(selector) => format!(
                "document.querySelectorAll({}).forEach((target) => target.dispatchEvent({event}))",
                js_string(&selector)
            ),
        }))
    }

    /// Asks the browser to fetch pages that the user is likely to visit next, by the Speculation
    /// Rules API; a browser that does not know it does nothing.
    #[must_use]
    pub fn prefetch<I>(urls: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let urls: Vec<String> = urls
            .into_iter()
            .map(|url| url.as_ref().to_owned())
            .collect();
        let rules = json!({"prefetch": [{"source": "list", "urls": urls}]});
        // Removing the rules would cancel what they asked for.
        Self::new(rules.to_string())
            .attribute("type", "speculationrules")
            .auto_remove(false)
    }
}

/// Where and how [`ExecuteScript::dispatch_custom_event`] dispatches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomEventOptions {
    /// The elements that receive the event, each its own; the document if `None`.
    pub selector: Option<String>,
    /// Whether the event bubbles.
    pub bubbles: bool,
    /// Whether a listener can cancel it.
    pub cancelable: bool,
    /// Whether it crosses the border of a shadow tree.
    pub composed: bool,
}

impl Default for CustomEventOptions {
    fn default() -> Self {
        Self {
            selector: None,
            bubbles: true,
            cancelable: true,
            composed: true,
        }
    }
}

/// Whether a browser reads `url` as `javascript:`: it skips leading control characters and spaces,
/// and tabs and line breaks anywhere.
fn is_javascript_url(url: &str) -> bool {
    let mut scheme = url
        .trim_start_matches(|c: char| c <= ' ')
        .chars()
        .filter(|c| !matches!(c, '\t' | '\n' | '\r'));
    "javascript:".chars().all(|expected| {
        scheme
            .next()
            .is_some_and(|c| c.to_ascii_lowercase() == expected)
    })
}
