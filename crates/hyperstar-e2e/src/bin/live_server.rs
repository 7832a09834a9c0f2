//! A small app on the framework, for scenarios that the gallery is too large for.

use hyperstar::{App, Done, Hub, Limits, action};
use maud::html;

#[tokio::main]
async fn main() -> Result<(), hyperstar::ServeError> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "0".to_owned());
    let version = std::env::var("APP_VERSION").unwrap_or_default();
    let mut limits = Limits::default();
    let per_session = std::env::var("STREAMS_PER_SESSION").ok();
    if let Some(streams) = per_session.and_then(|text| text.parse().ok()) {
        limits.streams_per_session_max = streams;
    }
    let hub = Hub::new();
    let count = hub.live(0);
    let (shown, said) = (count.clone(), version.clone());
    let app = App::new(&hub)
        .name("live-server")
        .version(&version)
        .limits(limits)
        .view("/", move |_cx| {
            html! {
                p #version { (said) }
                p #count { (shown.get()) }
                button #up data-on:click=(action("up")) { "up" }
                div data-signals:bound="''" {
                    input #line;
                    input #bound data-bind:bound;
                    p #bound-shown data-text="$bound" {}
                    input type="checkbox" name="agree";
                }
            }
        })
        .action("up", move |_cx| {
            count.update(|n| *n += 1);
            Done
        });
    hyperstar::serve(app, format!("127.0.0.1:{port}")).await
}
