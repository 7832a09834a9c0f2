//! A counter that everyone who looks shares.
//!
//! The smallest whole app: one [`Live`](hyperstar::Live) value, one page that reads it, three actions
//! that change it. Nothing says who must be told; the page read the value, so it follows it.

mod page;

use hyperstar::{App, Assets, Cx, Done, Hub, View};
use look::Siblings;

#[derive(rust_embed::Embed)]
#[folder = "assets/"]
struct Files;

/// The app, running alone.
pub fn app() -> App {
    app_beside(Siblings::none())
}

/// The app, with links to the examples that run beside it.
pub fn app_beside(siblings: Siblings) -> App {
    let hub = Hub::new();
    let count = hub.live(0_i64);
    let watching = hub.live(0_usize);

    let page = View::shared({
        let (count, watching) = (count.clone(), watching.clone());
        move |_cx: Cx| page::page(count.get(), watching.get(), &siblings)
    })
    .on_join({
        let watching = watching.clone();
        move |_| watching.update(|people| *people += 1)
    })
    .on_leave(move |_| watching.update(|people| *people = people.saturating_sub(1)));

    App::new(&hub)
        .name("counter")
        .title("Counter")
        .head(look::head("#6d3fd0"))
        .assets(Assets::embed::<look::Files>())
        .assets(Assets::embed::<Files>())
        .stylesheet("base.css")
        .stylesheet("style.css")
        .page("/", page)
        .action("counter/inc", {
            let count = count.clone();
            move |_cx| {
                count.update(|n| *n = n.saturating_add(1));
                Done
            }
        })
        .action("counter/dec", {
            let count = count.clone();
            move |_cx| {
                count.update(|n| *n = n.saturating_sub(1));
                Done
            }
        })
        .action("counter/reset", move |_cx| {
            count.set(0);
            Done
        })
}
