//! What an app tells of itself: the figures for Prometheus and the monitor.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, Request, StatusCode};
use hyperstar::test::Browser;
use hyperstar::{Access, App, Done, Hub, action};
use maud::html;

use crate::support::{Served, path_of, until};

fn app(hub: &Hub, access: Access) -> App {
    let count = hub.live(0);
    let shown = count.clone();
    App::new(hub)
        .name("watched")
        .view("/", move |_cx| {
            html! { p #count { (shown.get()) } button #inc data-on:click=(action("inc")) { "+" } }
        })
        .view("/still", |_cx| html! { p #still { "still" } })
        .action("inc", move |_cx| {
            count.update(|n| *n += 1);
            Done
        })
        .metrics("/metrics", access.clone())
        .monitor("/monitor", access)
}

/// Samples by name and labels, as a strict reader of the text format takes them.
struct Exposition {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

impl Exposition {
    /// Reads every line; panics at the first that the format does not allow.
    fn parse(text: &str) -> Self {
        let is_name = |name: &str| {
            !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        assert!(text.ends_with('\n'), "the last line ends too");
        let mut parsed = Self {
            kinds: BTreeMap::new(),
            samples: BTreeMap::new(),
        };
        let mut helped = BTreeSet::new();
        let mut family = String::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').expect("a help has words");
                assert!(
                    is_name(name) && words.ends_with('.') && !words.contains('\\'),
                    "{line}"
                );
                assert!(helped.insert(name.to_owned()), "told twice: {line}");
                family = name.to_owned();
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a type has a kind");
                assert_eq!(name, family, "HELP and TYPE stand together");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(
                    kind == "counter",
                    name.ends_with("_total"),
                    "a counter is a total: {line}"
                );
                assert!(
                    parsed
                        .kinds
                        .insert(name.to_owned(), kind.to_owned())
                        .is_none()
                );
            } else {
                parsed.sample(line, &family, is_name);
            }
        }
        parsed.check_histograms();
        parsed
    }

    fn sample(&mut self, line: &str, family: &str, is_name: impl Fn(&str) -> bool) {
        let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect("labels end")),
            None => (series, ""),
        };
        let kind = self.kinds.get(family).expect("TYPE before the samples");
        let of_family = match name.strip_prefix(family) {
            Some("") => kind != "histogram",
            Some("_bucket" | "_sum" | "_count") => kind == "histogram",
            _ => false,
        };
        assert!(of_family && is_name(name), "{line} is not of {family}");
        let labels: BTreeMap<String, String> = labels
            .split(',')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (label, text) = pair.split_once('=').expect("a label has a value");
                let text = text
                    .strip_prefix('"')
                    .and_then(|text| text.strip_suffix('"'));
                let text = text.expect("a label's value is quoted");
                assert!(is_name(label) && !text.contains(['"', '\\']), "{line}");
                (label.to_owned(), text.to_owned())
            })
            .collect();
        let value: f64 = value.parse().expect("a value is a number");
        assert!(value.is_finite() && value >= 0.0, "{line}");
        let old = self.samples.insert((name.to_owned(), labels), value);
        assert!(old.is_none(), "told twice: {line}");
    }

    fn check_histograms(&self) {
        let histograms = self.kinds.iter().filter(|(_, kind)| *kind == "histogram");
        for (name, _) in histograms {
            let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
            for ((bucket, labels), count) in &self.samples {
                if *bucket == format!("{name}_bucket") {
                    let mut labels = labels.clone();
                    let le = labels.remove("le").expect("a bucket has a bound");
                    let le = le.replace("+Inf", "inf").parse().expect("a bound");
                    series.entry(labels).or_default().push((le, *count));
                }
            }
            assert!(!series.is_empty(), "{name} has buckets");
            for (labels, mut buckets) in series {
                buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                assert!(
                    buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1),
                    "{name} {labels:?} grows"
                );
                let last = buckets.last().copied().expect("a bucket");
                let count = self.samples[&(format!("{name}_count"), labels.clone())];
                assert_eq!(last, (f64::INFINITY, count), "{name} {labels:?}");
                assert!(
                    self.samples
                        .contains_key(&(format!("{name}_sum"), labels.clone())),
                    "{name} {labels:?}"
                );
            }
        }
    }

    fn get(&self, name: &str) -> f64 {
        *self
            .samples
            .get(&(name.to_owned(), BTreeMap::new()))
            .unwrap_or_else(|| panic!("no {name}"))
    }
}

async fn scrape(served: &Served) -> Exposition {
    let answer = served.get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    assert_eq!(
        answer.header("set-cookie"),
        None,
        "a scraper has no session"
    );
    Exposition::parse(&answer.text())
}

#[tokio::test]
async fn the_figures_are_valid_and_move() {
    let hub = Hub::new();
    let served = Served::start(app(&hub, Access::Loopback)).await;
    let before = scrape(&served).await;
    assert_eq!(before.get("hyperstar_viewers"), 0.0);
    assert!(before.get("process_resident_memory_bytes") > 1e6);
    assert!(before.get("process_start_time_seconds") > 1.7e9);
    let mut stream = served.stream("/", "").await;
    stream.event_with("<p id=\"count\">0</p>").await;
    let answer = served
        .post(&path_of(action("inc")), "hs-stream: x\r\n", "{}")
        .await;
    assert_eq!(answer.status, 204);
    stream.event_with("<p id=\"count\">1</p>").await;
    let after = scrape(&served).await;
    assert_eq!(after.get("hyperstar_viewers"), 1.0);
    assert_eq!(after.get("hyperstar_groups"), 1.0);
    assert_eq!(after.get("hyperstar_actions_total"), 1.0);
    assert_eq!(after.get("hyperstar_frames_total"), 2.0);
    assert_eq!(after.get("hyperstar_renders_total"), 2.0);
    assert_eq!(after.get("hyperstar_render_seconds_count"), 2.0);
    assert!(after.get("hyperstar_render_seconds_sum") > 0.0);
    drop(stream);
    until("the viewer has gone", || hub.stats().viewers == 0).await;
    assert_eq!(scrape(&served).await.get("hyperstar_viewers"), 0.0);
}

#[tokio::test]
async fn nothing_is_told_unless_the_app_says_so() {
    let served = Served::start(App::new(&Hub::new()).view("/", |_cx| "x")).await;
    for path in ["/metrics", "/monitor"] {
        assert_eq!(served.get(path).await.status, 404);
    }
}

#[tokio::test]
async fn only_those_are_admitted_who_should_be() {
    let loopback = Served::start(app(&Hub::new(), Access::Loopback)).await;
    let check = async |served: &Served, path: &str, headers: &str, status: u16, says: &str| {
        let host = if headers.contains("host:") {
            ""
        } else {
            "host: localhost\r\n"
        };
        let request = format!("GET {path} HTTP/1.1\r\n{host}{headers}connection: close\r\n\r\n");
        let answer = served.send(request).await;
        assert_eq!(answer.status, status, "{path} {headers}");
        assert!(
            answer.text().contains(says),
            "{path} {headers}: {}",
            answer.text()
        );
    };
    for path in ["/metrics", "/monitor"] {
        check(&loopback, path, "", 200, "").await;
        let passed_on = "x-forwarded-for: 203.0.113.9\r\n";
        check(
            &loopback,
            path,
            passed_on,
            403,
            "a proxy passed this one on",
        )
        .await;
        check(
            &loopback,
            path,
            "host: evil.example\r\n",
            403,
            "Access::Token",
        )
        .await;
    }
    let token = Served::start(app(&Hub::new(), Access::Token("s3cret".to_owned()))).await;
    for path in ["/metrics", "/monitor"] {
        check(&token, path, "", 403, "Authorization: Bearer").await;
        check(&token, path, "authorization: Bearer s3cret\r\n", 200, "").await;
        check(&token, &format!("{path}?token=s3cret"), "", 200, "").await;
        check(
            &token,
            &format!("{path}?token=other"),
            "",
            403,
            "not the token",
        )
        .await;
    }
    // The stream shows what the page shows, so it is kept as the page is.
    let answer = token.post("/monitor", "", "{}").await;
    assert_eq!(answer.status, 403);
    let anyone = Served::start(app(&Hub::new(), Access::Anyone)).await;
    check(
        &anyone,
        "/metrics",
        "host: shop.example\r\nvia: x\r\n",
        200,
        "",
    )
    .await;
}

#[tokio::test]
async fn where_the_other_end_is_unknown_loopback_admits_nobody() {
    let browser = Browser::new(app(&Hub::new(), Access::Loopback)).unwrap();
    let request = Request::get("/metrics").body("").unwrap();
    let answer = browser.request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let text = String::from_utf8(answer.body().to_vec()).unwrap();
    assert!(text.contains("not known here"), "{text}");
}

#[tokio::test]
async fn figures_are_read_and_nothing_else() {
    let browser = Browser::new(app(&Hub::new(), Access::Anyone)).unwrap();
    for method in [Method::POST, Method::DELETE] {
        let request = Request::builder()
            .method(method)
            .uri("/metrics")
            .body("")
            .unwrap();
        let answer = browser.request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers()["allow"], "GET, HEAD");
    }
}

#[test]
fn two_things_at_one_path_are_an_error() {
    let check = |app: App| {
        let error = app.into_router().unwrap_err().to_string();
        assert!(error.contains("`/a`"), "{error}");
    };
    let empty = || App::new(&Hub::new());
    check(empty().view("/a", |_cx| "").metrics("/a", Access::Anyone));
    check(empty().metrics("/a", Access::Anyone).view("/a", |_cx| ""));
    check(empty().view("/a", |_cx| "").monitor("/a", Access::Anyone));
}

#[tokio::test(start_paused = true)]
async fn the_monitor_is_live_and_renders_nobody_else() {
    let hub = Hub::new();
    let browser = Browser::new(app(&hub, Access::Anyone)).unwrap();
    let still = browser.open("/still").await.unwrap();
    let mut counter = browser.open("/").await.unwrap();
    let mut monitor = browser.someone_else().open("/monitor").await.unwrap();
    monitor.wait_for("#viewers .value", "3").await.unwrap();
    counter.click("#inc").await.unwrap();
    monitor
        .wait_for("#actions .more", "1 in all")
        .await
        .unwrap();
    // Every tick renders the monitor, and it alone: the two others do not even run.
    let before = hub.stats();
    for second in 1..=5 {
        let expected = format!("{} in all", before.renders + second);
        // The tick counts the render of the tick before.
        monitor.wait_for("#renders .more", &expected).await.unwrap();
    }
    let after = hub.stats();
    assert!(after.renders - before.renders <= 6, "{before:?} {after:?}");
    // Nobody watches, nothing renders.
    drop(monitor);
    until("the monitor is left", || hub.stats().groups == 2).await;
    let before = hub.stats().renders;
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    assert_eq!(hub.stats().renders, before);
    drop((still, counter));
}

#[tokio::test]
async fn the_monitor_has_nothing_of_the_apps_looks() {
    let app = app(&Hub::new(), Access::Anyone)
        .head(hyperstar::Html::raw("<meta name=\"mine\">"))
        .at("/base");
    let browser = Browser::new(app).unwrap();
    let page = browser
        .request(Request::get("/base/monitor").body("").unwrap())
        .await
        .unwrap();
    let text = String::from_utf8(page.body().to_vec()).unwrap();
    assert!(text.contains("/hyperstar-monitor.css\""), "{text}");
    assert!(!text.contains("name=\"mine\""), "{text}");
    assert!(
        text.contains("<title id=\"hs-title\">watched: monitor</title>"),
        "{text}"
    );
    let metrics = browser
        .request(Request::get("/base/metrics").body("").unwrap())
        .await
        .unwrap();
    assert_eq!(metrics.status(), StatusCode::OK);
}
