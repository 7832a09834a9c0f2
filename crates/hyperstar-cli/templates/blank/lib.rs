//! My App: one page.

use hyperstar_process::{State, hyperapp};
use maud::{Markup, html};

/// What is kept. A field that is added later begins with its default.
#[derive(Default, State)]
pub struct MyApp {}

#[hyperapp(name = "My App", ui = "ui")]
impl MyApp {
    #[view("/", title = "My App")]
    fn page(&self) -> Markup {
        html! {
            h1 { "My App" }
            p { "This page is live. Change " code { "src/lib.rs" } ", and look here again." }
        }
    }
}
