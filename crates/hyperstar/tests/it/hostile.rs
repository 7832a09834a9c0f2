//! What nobody should send: each gets a clear answer, nothing changes, and the app goes on.

use std::time::Duration;

use hyperstar::{ActionCx, ActionError, App, Cx, Done, Hub, action};
use maud::html;

use crate::support::{Answer, Served, path_of, post};

struct Target {
    served: Served,
    value: hyperstar::Live<String>,
}

impl Target {
    async fn start() -> Self {
        let hub = Hub::new();
        let value = hub.live("as it was".to_owned());
        let (shown, written) = (value.clone(), value.clone());
        let app = App::new(&hub)
            .name("target")
            .dev(false)
            .view(
                "/",
                move |_cx| html! { p #value title=(shown.get()) { (shown.get()) } },
            )
            .view(
                "/echo/{x}",
                |cx: Cx| html! { p { (cx.param("x")) (cx.query("q").unwrap_or_default()) } },
            )
            .action("set", move |cx: ActionCx| {
                written.set(cx.signal("value")?);
                Ok::<_, ActionError>(Done)
            });
        Self {
            served: Served::start(app).await,
            value,
        }
    }

    /// Sends bytes and checks that they are refused, with nothing changed and the app alive.
    async fn refuses(&self, what: &str, request: impl AsRef<[u8]>, statuses: &[u16]) -> Answer {
        let answer = self.served.send(request).await;
        assert!(
            statuses.contains(&answer.status),
            "{what}: {} {}",
            answer.status,
            answer.text()
        );
        assert_eq!(self.value.get(), "as it was", "{what}");
        assert_eq!(self.served.get("/").await.status, 200, "{what}: and then");
        answer
    }
}

fn set() -> String {
    path_of(action("set"))
}

#[tokio::test]
async fn bodies() {
    let target = Target::start().await;
    let json = |text: &str| post(&set(), "", text);
    let large = target
        .refuses("10 MB", post(&set(), "", vec![b' '; 10 << 20]), &[413])
        .await;
    assert!(
        large.text().contains("larger than 1048576 bytes"),
        "{}",
        large.text()
    );
    let chunked = format!(
        "POST {} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{}0\r\n\r\n",
        set(),
        format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(40)
    );
    target
        .refuses("chunked past the limit", chunked, &[413])
        .await;
    target
        .refuses(
            "deep JSON",
            json(&format!("{}{}", "[".repeat(200_000), "]".repeat(200_000))),
            &[400],
        )
        .await;
    target
        .refuses(
            "deep in a signal",
            json(&format!(
                "{{\"value\":{}{}}}",
                "[".repeat(5_000),
                "]".repeat(5_000)
            )),
            &[400],
        )
        .await;
    target
        .refuses("cut JSON", json("{\"value\":"), &[400])
        .await;
    target.refuses("no object", json("7"), &[400]).await;
    target
        .refuses("another type", json("{\"value\":[1]}"), &[400])
        .await;
    target.refuses("nothing", json(""), &[400]).await;
    target
        .refuses(
            "bad UTF-8",
            post(&set(), "", b"{\"value\":\"\xff\xfe\"}"),
            &[400],
        )
        .await;
    target
        .refuses("half a surrogate", json("{\"value\":\"\\ud800\"}"), &[400])
        .await;
}

#[tokio::test]
async fn heads() {
    let target = Target::start().await;
    let get = |path: &str, headers: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n")
    };
    target
        .refuses(
            "a long header",
            get("/", &format!("x: {}\r\n", "y".repeat(64 * 1024))),
            &[431],
        )
        .await;
    target
        .refuses("many headers", get("/", &"x: y\r\n".repeat(2_000)), &[431])
        .await;
    target
        .refuses(
            "a long path",
            get(&format!("/{}", "y".repeat(64 * 1024)), ""),
            &[414, 431],
        )
        .await;
    target.refuses("no HTTP", "hello\r\n\r\n", &[400]).await;
    target
        .refuses("bad percent", get("/echo/a?q=%zz", ""), &[400])
        .await;
    target
        .refuses("bad UTF-8 in the query", get("/echo/a?q=%ff", ""), &[400])
        .await;
    target
        .refuses("bad UTF-8 in the path", get("/echo/%ff", ""), &[400])
        .await;
    target
        .refuses(
            "too many parameters",
            get(&format!("/?{}", "a=1&".repeat(1_000)), ""),
            &[400],
        )
        .await;
    target
        .refuses(
            "an unknown method",
            "BREW / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            &[405],
        )
        .await;
    for action in [
        "",
        "x",
        "tab-0123456789 1",
        "tab-0123456789 0 0",
        "tab-0123456789 1 0 0",
        "../x 1 0",
        "tab-0123456789 -1 0",
        "tab-0123456789 99999999999999999999 0",
    ] {
        target
            .refuses(
                action,
                post(
                    &set(),
                    &format!("hs-action: {action}\r\n"),
                    "{\"value\":\"x\"}",
                ),
                &[400],
            )
            .await;
    }
}

#[tokio::test]
async fn other_sites() {
    let target = Target::start().await;
    let body = "{\"value\":\"stolen\"}";
    for headers in [
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: same-site\r\n",
        "sec-fetch-site: cross-site\r\norigin: https://evil.example\r\n",
        "origin: https://evil.example\r\n",
        "origin: null\r\n",
        "origin: http://test.evil.example\r\n",
    ] {
        let answer = target
            .refuses(headers, post(&set(), headers, body), &[403])
            .await;
        assert!(answer.text().contains("refused"), "{}", answer.text());
        target
            .refuses("its stream", post("/", headers, "{}"), &[403])
            .await;
    }
    let own = target
        .served
        .post(
            &set(),
            "sec-fetch-site: same-origin\r\norigin: http://test\r\n",
            body,
        )
        .await;
    assert_eq!(own.status, 204);
    assert_eq!(target.value.get(), "stolen", "its own pages may");
}

#[tokio::test]
async fn paths() {
    let target = Target::start().await;
    let page = target.served.get("/").await.text();
    let css = page
        .split("href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let folder = css.rsplit_once('/').unwrap().0;
    for name in [
        "../../../../etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "hyperstar.css/..",
        "hyperstar.css%00",
        "HYPERSTAR.CSS",
        "",
        "./hyperstar.css",
        "hyperstar.css\\..",
        "....//hyperstar.css",
    ] {
        let request =
            format!("GET {folder}/{name} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        target.refuses(name, request, &[404, 400]).await;
    }
    assert_eq!(target.served.get(css).await.status, 200);
}

#[tokio::test]
async fn text_that_wants_to_be_markup() {
    let target = Target::start().await;
    let mut stream = target.served.stream("/", "").await;
    stream.event_with("as it was").await;
    let text = "</script><script>alert(1)</script>\"'`&<!--\r\ndata: elements <b>\n\nevent: x\n\n\u{2028}\0";
    let body = serde_json::json!({ "value": text }).to_string();
    assert_eq!(target.served.post(&set(), "", body).await.status, 204);
    let event = stream.event_with("alert").await;
    assert!(
        !event.contains("<script>") && !event.contains("<b>") && !event.contains("<!--"),
        "{event}"
    );
    assert!(
        event.contains("&lt;script&gt;") && event.contains("&quot;"),
        "{event}"
    );
    let lines: Vec<&str> = event.lines().collect();
    assert_eq!(lines[0], "event: datastar-patch-elements");
    assert!(
        lines[1..]
            .iter()
            .all(|line| line.starts_with("data: elements ")),
        "{event}"
    );
    let next = stream.event().await.unwrap();
    assert!(next.starts_with("id: "), "the frame is one event: {next}");
    let page = target
        .served
        .get("/echo/%3C%2Fscript%3E?q=%22%3E%3Cimg%20src%3Dx%3E")
        .await
        .text();
    assert!(
        page.contains("&lt;/script&gt;&quot;&gt;&lt;img src=x&gt;"),
        "{page}"
    );
    let shell = target
        .served
        .get("/echo/'-alert(1)-'?q=');alert(1)//")
        .await
        .text();
    let init = shell
        .split("data-init=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert!(
        !init.replace("\\&#39;", "").contains("&#39;-alert"),
        "{init}"
    );
}

#[tokio::test]
async fn a_client_that_dawdles_over_its_head_or_body_is_hung_up_on() {
    let target = Target::start().await;
    let mut wires = Vec::new();
    for _ in 0..50 {
        let mut wire = target.served.connect().await;
        wire.write("POST / HTTP/1.1\r\nhost: a\r\n").await;
        wires.push(wire);
    }
    // They hold nothing up.
    let answer = tokio::time::timeout(Duration::from_secs(5), target.served.get("/"))
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn bodies_together_take_no_more_than_they_may() {
    let hub = Hub::new();
    let limits = hyperstar::Limits {
        bodies_bytes_max: 300_000,
        ..Default::default()
    };
    let app = App::new(&hub).action("x", |_cx| Done).limits(limits);
    let served = Served::start(app).await;
    let path = path_of(action("x"));
    let head = |length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        )
    };
    // Three that have sent most of what they announced, and wait.
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut wire = served.connect().await;
        wire.write(head(100_000)).await;
        wire.write(vec![b'x'; 90_000]).await;
        slow.push(wire);
    }
    // Which of the next ones is too much depends on what has arrived; one of them is.
    let mut refused = 0;
    for _ in 0..50 {
        let answer = served
            .send([head(90_000).into_bytes(), vec![b'x'; 90_000]].concat())
            .await;
        assert!([204, 503].contains(&answer.status), "{}", answer.status);
        refused += usize::from(answer.status == 503);
    }
    assert!(refused > 0);
    drop(slow);
    let mut last = 503;
    while last == 503 {
        last = served
            .send([head(90_000).into_bytes(), vec![b'x'; 90_000]].concat())
            .await
            .status;
    }
    assert_eq!(last, 204, "their share is given back");
}

#[tokio::test]
async fn one_tab_that_asks_for_stream_after_stream_gets_a_few_at_a_time() {
    let hub = Hub::new();
    // So large that a connection which takes nothing keeps its stream from ending.
    let app = App::new(&hub)
        .view("/", |_cx| html! { pre { ("x".repeat(8 << 20)) } })
        .compression(hyperstar::sse::Compression::off());
    let served = Served::start(app).await;
    let cookie = served.get("/").await.cookie().unwrap();
    let headers = format!("cookie: {cookie}\r\nhs-stream: tab-0123456789\r\n");
    let (mut wires, mut refused) = (Vec::new(), 0);
    for _ in 0..12 {
        let mut wire = served.connect().await;
        wire.write(format!(
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n{headers}\r\n{{}}"
        ))
        .await;
        let head = wire.head().await;
        refused += usize::from(head.starts_with("HTTP/1.1 429"));
        assert!(hub.stats().viewers <= 4, "{}", hub.stats().viewers);
        wires.push(wire);
    }
    assert!(refused > 0, "it has as many as it likes");
    assert_eq!(served.get("/").await.status, 200);
    drop(wires);
    let mut last = 429;
    while last == 429 {
        let mut wire = served.connect().await;
        wire.write(format!(
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n{headers}\r\n{{}}"
        ))
        .await;
        let head = wire.head().await;
        last = head.split(' ').nth(1).unwrap().parse().unwrap();
    }
    assert_eq!(last, 200, "they are given back");
}

#[tokio::test]
async fn many_tabs_and_distances_leave_no_trace() {
    let target = Target::start().await;
    let cookie = target.served.get("/").await.cookie().unwrap();
    for n in 0..200_u64 {
        let headers = format!(
            "cookie: {cookie}\r\nhs-action: tab-{n:010} {} {}\r\n",
            u64::MAX - n,
            u64::MAX - n - 1
        );
        let answer = target
            .served
            .post(&set(), &headers, "{\"value\":\"as it was\"}")
            .await;
        assert_eq!(answer.status, 204);
    }
    assert_eq!(target.served.get("/").await.status, 200);
}
