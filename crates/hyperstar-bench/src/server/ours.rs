//! Hyperstar: the page as its documentation writes one.

use anyhow::Result;
use axum::routing::{get, post};
use hyperstar::{App, Done, Html, Hub, Limits, Server, action};

use super::{CHANGE, Options, PAGE, STATS, Stats, announce, orphaned};
use crate::page::FIRST;

/// More than any benchmark opens, all from one address.
const STREAMS_MAX: usize = 100_000;

pub(super) async fn run(options: &Options) -> Result<()> {
    let hub = Hub::new();
    let number = hub.live(FIRST);
    let page = options.page;
    let (shown, pressed, changed) = (number.clone(), number.clone(), number);
    let counted = hub.clone();
    let app = App::new(&hub)
        .name("bench")
        .limits(Limits {
            streams_max: STREAMS_MAX,
            ..Limits::default()
        })
        .view(PAGE, move |_cx| {
            Html::raw(page.html(shown.get(), &action("inc").to_string()))
        })
        .action("inc", move |_cx| {
            pressed.update(|number| *number += 1);
            Done
        })
        .route(
            CHANGE,
            post(move || async move {
                changed.update(|number| *number += 1);
            }),
        )
        .route(
            STATS,
            get(move || async move {
                let stats = counted.stats();
                Stats {
                    renders: stats.renders,
                    hashes: stats.hashes,
                    encoded: stats.hashes,
                    frames: stats.frames,
                    ..Stats::default()
                }
                .to_json()
            }),
        );
    let server = Server::bind(("127.0.0.1", options.port))
        .await?
        .connections_max(STREAMS_MAX * 2)
        .shutdown(orphaned())
        .drain_ms(500);
    announce(server.local_addr()?)?;
    server.serve(app).await?;
    Ok(())
}
