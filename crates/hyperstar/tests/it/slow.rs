//! Viewers that do not read.

use std::time::Duration;

use hyperstar::{App, Hub, Limits};
use maud::{PreEscaped, html};

use crate::support::{Served, until};

#[tokio::test]
async fn a_viewer_that_stops_reading_delays_nobody_and_is_let_go_and_counted() {
    let hub = Hub::new();
    let count = hub.live(0_u64);
    let shown = count.clone();
    // Incompressible and large, so that a socket's own buffers are full soon.
    let app = App::new(&hub)
        .view("/", move |_cx| {
            let n = shown.get();
            html! { p { "n=" (n) ";" } pre { (PreEscaped("x".repeat(512 * 1024))) } }
        })
        .limits(Limits {
            stall_ms: 400,
            ..Default::default()
        });
    let served = Served::start(app).await;
    let stalled = served.stream("/", "").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(served.stream("/", "").await);
    }
    until("all are here", || hub.stats().viewers == 4).await;
    let mut n = 0;
    let mut slowest = Duration::ZERO;
    while hub.stats().stalled == 0 {
        n += 1;
        assert!(n < 2_000, "the stalled viewer is never let go");
        let began = std::time::Instant::now();
        count.set(n);
        let text = format!("n={n};");
        for other in &mut others {
            other.event_with(&text).await;
        }
        slowest = slowest.max(began.elapsed());
    }
    assert_eq!(hub.stats().stalled, 1);
    assert!(
        slowest < Duration::from_secs(5),
        "the others waited {slowest:?}"
    );
    until("its place is free", || hub.stats().viewers == 3).await;
    drop(stalled);
    // And the others go on.
    count.set(1_000_000);
    for other in &mut others {
        other.event_with("n=1000000;").await;
    }
}

#[tokio::test]
async fn a_viewer_whose_events_do_not_fit_is_let_go_so_that_it_starts_again() {
    let hub = Hub::new();
    let app = App::new(&hub)
        .view("/", |_cx| html! { p { "x" } })
        .action("flood", |cx: hyperstar::ActionCx| {
            let mut sent = 0;
            // Never awaits, so nothing is taken in between.
            while cx
                .viewer()
                .send(hyperstar::Reply::new().signals(&serde_json::json!({ "n": sent })))
            {
                sent += 1;
            }
            hyperstar::Reply::new().signals(&serde_json::json!({ "sent": sent }))
        })
        .limits(Limits {
            queue_events_max: 8,
            ..Default::default()
        });
    let served = Served::start(app).await;
    let cookie = format!("cookie: {}\r\n", served.get("/").await.cookie().unwrap());
    let mut stream = served
        .stream("/", &format!("{cookie}hs-stream: tab-one-1\r\n"))
        .await;
    stream.event_with("<p>x</p>").await;
    let path = crate::support::path_of(hyperstar::action("flood"));
    let answer = served
        .post(&path, &format!("{cookie}hs-action: tab-one-1 1 0\r\n"), "")
        .await;
    assert!(answer.text().contains("{\"sent\":8}"), "{}", answer.text());
    while stream.event().await.is_some() {}
    assert_eq!(hub.stats().overflowed, 1);
}

#[tokio::test]
async fn past_the_limit_of_streams_one_is_refused_clearly() {
    let hub = Hub::new();
    let app = App::new(&hub)
        .view("/", |_cx| html! { p { "x" } })
        .limits(Limits {
            streams_max: 2,
            ..Default::default()
        });
    let served = Served::start(app).await;
    let mut open = vec![served.stream("/", "").await, served.stream("/", "").await];
    let refused = served.post("/", "", "{}").await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(hub.stats().refused, 1);
    open.pop();
    until("the place is free", || hub.stats().viewers == 1).await;
    served.stream("/", "").await.event_with("<p>x</p>").await;
}
