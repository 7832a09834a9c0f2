//! My App: one page.

use hyperstar_process::{Cx, State, hyperapp};
use maud::{Markup, html};

/// What is kept. A field that is added later begins with its default.
#[derive(Default, State)]
pub struct MyApp {}

#[hyperapp(name = "My App")]
impl MyApp {
    #[view("/", title = "My App")]
    fn page(&self) -> Markup {
        html! {
            link rel="stylesheet" href="/style.css";
            h1 { "My App" }
            p { "This page is live. Change " code { "src/lib.rs" } ", and look here again." }
        }
    }

    #[http(GET, "/style.css")]
    fn style(&self, cx: &Cx) -> &'static str {
        cx.set_header("content-type", "text/css; charset=utf-8");
        cx.set_header("cache-control", "no-cache");
        include_str!("../ui/style.css")
    }
}
