//! My App: a room that everyone who looks is in.

use std::collections::BTreeMap;

use hyperstar_process::{Cx, Log, Session, State, StateError, action, hyperapp};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

/// So many messages are kept.
const KEPT: u64 = 1_000;
/// So many of them are shown.
const SHOWN: usize = 100;
/// The longest name and the longest message, in characters.
const NAME_CHARS_MAX: usize = 30;
const TEXT_CHARS_MAX: usize = 500;
/// So many browsers may have a name.
const NAMES_MAX: usize = 10_000;

/// What is kept. A field that is added later begins with its default.
#[derive(Default, State)]
pub struct MyApp {
    messages: Log<Message>,
    /// By browser.
    names: BTreeMap<String, String>,
}

/// What somebody said.
#[derive(Serialize, Deserialize)]
struct Message {
    name: String,
    text: String,
}

#[hyperapp(name = "My App", icon = "💬", ui = "ui")]
impl MyApp {
    /// Each browser has a page of its own: it knows its name.
    #[view("/", title = "My App")]
    fn page(&self, who: &Session) -> Result<Markup, StateError> {
        Ok(html! {
            h1 { "My App" }
            @match self.names.get(who.id()) {
                Some(name) => (self.room(name)?),
                None => (door()),
            }
        })
    }

    /// Gives the browser a name.
    #[action]
    fn join(&mut self, cx: &Cx, name: &str) -> Result<(), String> {
        let Some(who) = cx.session() else {
            return Err("only people have names".to_owned());
        };
        let name = trimmed(name, NAME_CHARS_MAX).ok_or("what is your name?")?;
        if self.names.len() >= NAMES_MAX && !self.names.contains_key(who.id()) {
            return Err("the room is full".to_owned());
        }
        self.names.insert(who.id().to_owned(), name);
        Ok(())
    }

    /// Says something.
    #[action]
    fn say(&mut self, cx: &Cx, text: &str) -> Result<(), String> {
        let name = cx.session().and_then(|who| self.names.get(who.id()));
        let name = name.ok_or("say your name first")?.clone();
        let text = trimmed(text, TEXT_CHARS_MAX).ok_or("there is nothing to say")?;
        self.add(&Message { name, text })
            .map_err(|error| error.to_string())
    }

    /// How many messages there are. Any app of this node may ask.
    #[local]
    #[remote]
    #[public]
    fn count(&self) -> Result<u64, String> {
        self.messages.len().map_err(|error| error.to_string())
    }

    fn add(&mut self, message: &Message) -> Result<(), StateError> {
        self.messages.push(message)?;
        self.messages.trim(KEPT)?;
        Ok(())
    }

    fn room(&self, name: &str) -> Result<Markup, StateError> {
        let messages = self.messages.last(SHOWN)?;
        Ok(html! {
            ol .card.messages role="log" aria-label="Messages" tabindex="0" {
                @for (number, message) in messages.iter().rev() {
                    li id={ "message-" (number) } .mine[message.name == name] {
                        b { (message.name) }
                        span { (message.text) }
                    }
                }
                @if messages.is_empty() { li { span { "Nobody has said anything yet." } } }
            }
            form .row data-signals="{text: ''}" data-on:submit=(action("say").then("$text = ''")) {
                input data-bind:text aria-label={ "Message, as " (name) } placeholder={ "As " (name) } maxlength=(TEXT_CHARS_MAX) autocomplete="off";
                button .primary { "Send" }
            }
        })
    }
}

/// The form to come in by.
fn door() -> Markup {
    html! {
        form .card data-signals="{name: ''}" data-on:submit=(action("join")) {
            label for="name" { "Your name" }
            div .row {
                input #name data-bind:name maxlength=(NAME_CHARS_MAX) autocomplete="nickname";
                button .primary { "Come in" }
            }
        }
    }
}

/// A text without space around it; `None` if nothing is left.
fn trimmed(text: &str, chars_max: usize) -> Option<String> {
    let text: String = text.trim().chars().take(chars_max).collect();
    (!text.is_empty()).then_some(text)
}
