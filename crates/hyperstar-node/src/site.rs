//! The node's own page: what runs on it.

use hyperstar::{App, Assets, View};
use maud::{Markup, html};

use crate::control::ProcessInfo;
use crate::node::Node;

/// Announced when something was installed or removed.
pub(crate) const TOPIC: &str = "node";

#[derive(rust_embed::Embed)]
#[folder = "assets/"]
struct Files;

/// The app at the node's own address.
pub(crate) fn index(node: &Node) -> App {
    let (hub, store) = (node.host().hub().clone(), node.host().store().clone());
    let node = node.clone();
    App::new(&hub)
        .name("node")
        .title("Node")
        .sessions_in(&store, "node/sessions")
        .head(html! { meta name="color-scheme" content="light dark"; })
        .assets(Assets::embed::<Files>())
        .stylesheet("node.css")
        .page(
            "/",
            View::shared(move |cx: hyperstar::Cx| {
                cx.track(TOPIC);
                let processes = node.processes();
                for process in &processes {
                    cx.track(&format!("process:{}", process.name));
                }
                page(node.host().node(), &processes)
            }),
        )
}

fn page(node: &str, processes: &[ProcessInfo]) -> Markup {
    let running = processes
        .iter()
        .filter(|process| process.status == "running")
        .count();
    html! {
        header .top {
            h1 { (node) }
            p { (running) " of " (processes.len()) " apps run" }
        }
        @if processes.is_empty() {
            section .empty {
                p { "Nothing is installed yet." }
                pre { "hyperstar new demo\ncd demo\nhyperstar bs" }
            }
        }
        ul .apps {
            @for process in processes {
                li .app id={ "app-" (process.name.replace([':', '.'], "-")) } {
                    (tile(process))
                }
            }
        }
        footer .foot { "A " b { "Hyperstar" } " node" }
    }
}

fn tile(process: &ProcessInfo) -> Markup {
    let icon = process
        .icon
        .as_deref()
        .filter(|icon| icon.chars().count() <= 4);
    // What could not be loaded has no pages.
    let is_shown = !process.url.is_empty();
    let letter: String = process.title.chars().take(1).collect();
    html! {
        a .tile href=[is_shown.then_some(&process.url)] {
            span .icon aria-hidden="true" { (icon.unwrap_or(&letter)) }
            span .title { (process.title) }
            span .name { (process.name) }
            span class={ "status " (process.status) } { (process.status) }
        }
        @if let Some(reason) = &process.reason {
            p .reason role="status" { (reason) }
        }
    }
}
