//! The attribute that calls an action.

use std::fmt;

use base64::Engine;
use hyperstar_datastar::{ActionExpr, RequestCancellation};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::base;

const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The path that the action called `name` is served at, below the app's base: content-addressed, so
/// that it says nothing of the name and never collides with a page.
pub fn action_path(name: &str) -> String {
    format!("/_hs/a/{}", action_key(name))
}

/// The first 128 bits of the SHA-256 of the name.
fn action_key(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&digest[..16])
}

/// Calls the action of the app that is called `name`; for a `data-on:…` attribute.
///
/// ```
/// use hyperstar_process::action;
/// use maud::html;
///
/// let button = html! { button data-on:click=(action("todo/toggle").arg("id", 7)) { "✓" } };
/// assert!(button.into_string().contains("@post("));
/// ```
///
/// Clicks arrive in the order in which they were made, each at most once, also when the network
/// fails in between.
pub fn action(name: &str) -> Action {
    action_at(&format!("{}{}", base::current(), action_path(name)))
}

/// Calls the action that was added at a path of its own.
/// The path is taken as it stands, with its parameters filled in.
pub fn action_at(path: &str) -> Action {
    Action {
        url: path.to_owned(),
        verb: Verb::Post,
        with: None,
        before: None,
        after: None,
        when: None,
    }
}

#[derive(Clone, Copy)]
enum Verb {
    Post,
    Put,
    Patch,
    Delete,
}

type Options = Box<dyn Fn(ActionExpr) -> ActionExpr + Send + Sync>;

/// A call of an action, as a Datastar expression. Made by [`action`]; write it into an attribute with
/// maud's `(..)`, which escapes it, or as text with `to_string`.
#[must_use]
pub struct Action {
    url: String,
    verb: Verb,
    with: Option<Options>,
    before: Option<String>,
    after: Option<String>,
    when: Option<String>,
}

impl Action {
    /// Adds an argument: a parameter of the handler by its name, or what the framework's `ActionCx::arg` reads.
    pub fn arg(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.url
            .push(if self.url.contains('?') { '&' } else { '?' });
        self.url.extend(utf8_percent_encode(name, QUERY));
        self.url.push('=');
        self.url
            .extend(utf8_percent_encode(&value.to_string(), QUERY));
        self
    }

    /// Sends PUT instead of POST. Only actions that were added for it answer; the same for the others.
    pub fn put(mut self) -> Self {
        self.verb = Verb::Put;
        self
    }

    /// Sends PATCH.
    pub fn patch(mut self) -> Self {
        self.verb = Verb::Patch;
        self
    }

    /// Sends DELETE.
    pub fn delete(mut self) -> Self {
        self.verb = Verb::Delete;
        self
    }

    /// Sets any option of Datastar's backend actions, say which signals are sent.
    pub fn with(
        mut self,
        options: impl Fn(ActionExpr) -> ActionExpr + Send + Sync + 'static,
    ) -> Self {
        self.with = Some(Box::new(options));
        self
    }

    /// Sends the enclosing form's fields instead of the signals.
    pub fn form(self) -> Self {
        self.with(|expr| expr.content_type(hyperstar_datastar::ContentType::Form))
    }

    /// Only if this Datastar expression holds, say `evt.key === 'Enter'`. It is looked at first,
    /// before [`Action::after_running`].
    pub fn when(mut self, expression: impl Into<String>) -> Self {
        self.when = Some(expression.into());
        self
    }

    /// Runs a Datastar expression first, say `$busy = true`; several are joined by commas.
    pub fn after_running(mut self, expression: impl Into<String>) -> Self {
        self.before = Some(expression.into());
        self
    }

    /// Runs a Datastar expression after the request was started, say `$text = ''`.
    pub fn then(mut self, expression: impl Into<String>) -> Self {
        self.after = Some(expression.into());
        self
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_str();
        let expr = match self.verb {
            Verb::Post => hyperstar_datastar::post(url),
            Verb::Put => hyperstar_datastar::put(url),
            Verb::Patch => hyperstar_datastar::patch(url),
            Verb::Delete => hyperstar_datastar::delete(url),
        };
        // By default a second click would abort the first, even before it is sent.
        let mut expr = expr.request_cancellation(RequestCancellation::Disabled);
        if let Some(with) = &self.with {
            expr = with(expr);
        }
        // One expression, so that it also fits where Datastar puts a `return` in front of it.
        let parts = [
            self.before.clone(),
            Some(expr.to_string()),
            self.after.clone(),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match &self.when {
            Some(when) => write!(f, "({when}) && ({})", parts.join(", ")),
            None => f.write_str(&parts.join("; ")),
        }
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Action({self})")
    }
}

impl maud::Render for Action {
    fn render_to(&self, buffer: &mut String) {
        crate::html::escape_into(buffer, &self.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_renders_as_an_escaped_expression() {
        let call = action("say")
            .arg("to", "a b&\"c'")
            .when("$n < 2")
            .then("$text = ''");
        let path = action_path("say");
        assert_eq!(
            call.to_string(),
            format!(
                "($n < 2) && (@post('{path}?to=a%20b%26%22c%27', {{requestCancellation: 'disabled'}}), $text = '')"
            )
        );
        let html = maud::html! { b data-on:click=(call) {} }.into_string();
        assert!(html.contains("$n &lt; 2"), "{html}");
    }

    #[test]
    fn the_path_is_the_hash_of_the_name() {
        assert_eq!(action_path("counter/inc").len(), "/_hs/a/".len() + 22);
        assert_ne!(action_path("a"), action_path("b"));
    }
}
