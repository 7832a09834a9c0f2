//! My App: asks another process, and shows what came back.
//!
//! Any app that has its client may call it; here it calls others of its own kind.

use hyperstar_process::{Address, Cx, State, Wire, action, hyperapp};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

/// How long an answer may take, in milliseconds.
const ANSWER_MS: u64 = 5_000;
/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 60;

/// What is kept. A field that is added later begins with its default.
#[derive(Default, State)]
pub struct MyApp {
    greeted: u64,
    /// What the last call gave.
    answer: String,
}

/// What crosses between processes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Wire)]
pub struct Greeting {
    /// What to say.
    pub text: String,
    /// How many were greeted so far.
    pub number: u64,
}

#[hyperapp(name = "My App", icon = "📞", ui = "ui")]
impl MyApp {
    #[view("/", title = "My App")]
    fn page(&self) -> Markup {
        html! {
            h1 { "My App" }
            p { "It has greeted " b { (self.greeted) } ". Install it under a second name, and have one greet by the other." }
            form .card data-signals="{to: 'my-app:my-app:local', name: 'Ann'}" data-on:submit=(action("ask")) {
                label for="to" { "Which process" }
                div .row { input #to data-bind:to autocomplete="off" autocapitalize="none" spellcheck="false"; }
                label for="name" { "Who is greeted" }
                div .row {
                    input #name data-bind:name maxlength=(NAME_CHARS_MAX) autocomplete="off";
                    button .primary { "Ask" }
                }
            }
            output .answer aria-live="polite" { (self.answer) }
        }
    }

    /// Greets somebody. Any app of this node may ask.
    #[local]
    #[remote]
    #[public]
    fn greet(&mut self, name: String) -> Greeting {
        self.greeted += 1;
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        Greeting {
            text: format!("Hello, {name}!"),
            number: self.greeted,
        }
    }

    /// Has another process greet. Others are served while it waits.
    #[action]
    #[local]
    async fn ask(cx: Cx<Self>, to: Address, name: String) {
        let peer = MyAppClient::at(&cx, &to).timeout_ms(ANSWER_MS);
        let answer = match peer.greet(name).await {
            Ok(greeting) => format!("{} (number {} of {to})", greeting.text, greeting.number),
            Err(error) => format!("{to}: {error}"),
        };
        cx.with(|app| app.answer = answer);
    }
}
