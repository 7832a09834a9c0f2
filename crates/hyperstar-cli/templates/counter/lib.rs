//! My App: a number that everyone who looks shares.

use hyperstar_process::{State, action, hyperapp};
use maud::{Markup, html};

/// What is kept. A field that is added later begins with its default.
#[derive(Default, State)]
pub struct MyApp {
    count: i64,
}

#[hyperapp(name = "My App", icon = "🔢", ui = "ui")]
impl MyApp {
    #[view("/", title = "My App")]
    fn page(&self) -> Markup {
        html! {
            h1 { "My App" }
            p { "Open this page twice: both show the same number." }
            section .card.counter {
                output .count aria-live="polite" { (self.count) }
                div .row {
                    button data-on:click=(action("decrement")) aria-label="One less" { "−" }
                    button data-on:click=(action("reset")) { "Reset" }
                    button .primary data-on:click=(action("increment")) aria-label="One more" { "+" }
                }
            }
        }
    }

    /// One more.
    #[action]
    #[local]
    #[remote]
    fn increment(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// One less.
    #[action]
    #[local]
    #[remote]
    fn decrement(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// Back to zero.
    #[action]
    fn reset(&mut self) {
        self.count = 0;
    }

    /// How many. Any app of this node may ask.
    #[http(GET, "/api/count")]
    #[local]
    #[remote]
    #[public]
    fn count(&self) -> i64 {
        self.count
    }
}
