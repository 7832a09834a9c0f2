//! The smallest app that somebody would write: its size is the size of a component.

use hyperstar_process::{State, action, hyperapp};
use maud::{Markup, html};

/// A number and a button.
#[derive(Default, State)]
pub struct Counter {
    count: i64,
}

#[hyperapp(name = "Counter")]
impl Counter {
    #[view("/")]
    fn page(&self) -> Markup {
        html! {
            p #count { (self.count) }
            button data-on:click=(action("add")) { "+1" }
        }
    }

    /// One more.
    #[action]
    #[local]
    fn add(&mut self) -> i64 {
        self.count += 1;
        self.count
    }
}
