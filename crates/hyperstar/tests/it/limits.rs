//! Who takes more streams than they may is refused, for now and clearly; nobody else notices.

use hyperstar::{App, Hub, Limits, Live};
use maud::html;

use crate::support::{Answer, Served, until};

struct House {
    served: Served,
    hub: Hub,
    count: Live<u64>,
}

impl House {
    async fn open(limits: Limits, behind_proxy: bool) -> Self {
        let hub = Hub::new();
        let count = hub.live(0);
        let shown = count.clone();
        let app = App::new(&hub)
            .view("/", move |_cx| html! { p { "n=" (shown.get()) ";" } })
            .limits(limits)
            .behind_proxy(behind_proxy);
        Self {
            served: Served::start(app).await,
            hub,
            count,
        }
    }

    /// A new browser's cookie, as a header.
    async fn browser(&self) -> String {
        let cookie = self.served.get("/").await.cookie().unwrap();
        format!("cookie: {cookie}\r\n")
    }

    /// Asks for a stream and checks that it is refused as it should be.
    async fn refuses(&self, headers: &str, status: u16, sentence: &str) -> Answer {
        let before = self.hub.stats().refused;
        let answer = self.served.post("/", headers, "{}").await;
        assert_eq!(answer.status, status, "{headers}: {}", answer.text());
        assert!(answer.text().contains(sentence), "{}", answer.text());
        assert!((1..=5).contains(&retry_after(&answer)), "{}", answer.head);
        assert_eq!(self.hub.stats().refused, before + 1);
        answer
    }

    async fn viewers(&self, expected: u64) {
        until("places are given back", || {
            self.hub.stats().viewers == expected
        })
        .await;
    }
}

fn retry_after(answer: &Answer) -> u64 {
    let header = answer.header("retry-after").expect("a `Retry-After`");
    header.parse().unwrap()
}

fn limits(all: usize, per_session: usize, per_address: usize) -> Limits {
    Limits {
        streams_max: all,
        streams_per_session_max: per_session,
        streams_per_address_max: per_address,
        ..Default::default()
    }
}

#[tokio::test]
async fn one_browser_has_so_many_streams_and_the_others_theirs() {
    let house = House::open(limits(100, 2, 100), false).await;
    let (greedy, other) = (house.browser().await, house.browser().await);
    let mut first = house.served.stream("/", &greedy).await;
    let second = house.served.stream("/", &greedy).await;
    let sentence = "This browser follows as many pages of this app as it may (2)";
    for _ in 0..3 {
        house.refuses(&greedy, 429, sentence).await;
    }
    let mut theirs = house.served.stream("/", &other).await;
    // Its open streams go on, and its pages can be read.
    house.count.set(7);
    first.event_with("n=7;").await;
    theirs.event_with("n=7;").await;
    assert_eq!(house.served.get("/").await.status, 200);
    drop(second);
    house.viewers(2).await;
    let _again = house.served.stream("/", &greedy).await;
    house.refuses(&greedy, 429, sentence).await;
}

#[tokio::test]
async fn one_address_has_so_many_streams_and_the_others_theirs() {
    let house = House::open(limits(100, 100, 2), true).await;
    let sentence = "Your network follows as many pages of this app as it may (2)";
    let from = |forwarded: &str| format!("x-forwarded-for: {forwarded}\r\n");
    for (mine, also_mine, other) in [
        ("198.51.100.7", "1.1.1.1, 198.51.100.7", "198.51.100.8"),
        ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
    ] {
        let mut first = house.served.stream("/", &from(mine)).await;
        let second = house.served.stream("/", &from(also_mine)).await;
        // What a client puts in front of it changes nothing; what the proxy adds is last.
        for forwarded in [mine.to_owned(), format!("203.0.113.9, {mine}")] {
            house.refuses(&from(&forwarded), 429, sentence).await;
        }
        let twice = format!("{}{}", from("203.0.113.9"), from(mine));
        house.refuses(&twice, 429, sentence).await;
        let theirs = house.served.stream("/", &from(other)).await;
        first.event_with("n=0;").await;
        drop(second);
        house.viewers(2).await;
        drop(house.served.stream("/", &from(mine)).await);
        drop((first, theirs));
        house.viewers(0).await;
    }
}

#[tokio::test]
async fn what_anyone_can_claim_counts_for_nothing() {
    let house = House::open(limits(100, 100, 1), false).await;
    let mut open = Vec::new();
    // Neither the claimed address nor our own, by which a proxy comes, is counted.
    for headers in [
        "x-forwarded-for: 198.51.100.7\r\n",
        "",
        "forwarded: for=198.51.100.7\r\n",
    ] {
        for _ in 0..2 {
            open.push(house.served.stream("/", headers).await);
        }
    }
    house.viewers(6).await;
}

#[tokio::test]
async fn behind_a_proxy_that_tells_no_address_nobody_is_counted_as_the_proxy() {
    let house = House::open(limits(100, 100, 1), true).await;
    let mut open = Vec::new();
    for headers in ["", "x-forwarded-for: unknown\r\n", "x-forwarded-for: \r\n"] {
        open.push(house.served.stream("/", headers).await);
    }
    house.viewers(3).await;
}

#[tokio::test]
async fn a_tab_takes_the_place_of_its_old_stream() {
    let house = House::open(limits(1, 1, 1), true).await;
    let browser = house.browser().await;
    let at = |last: u8| {
        format!("{browser}hs-stream: tab-00000001\r\nx-forwarded-for: 198.51.100.{last}\r\n")
    };
    let mut old = house.served.stream("/", &at(1)).await;
    // Also from elsewhere: a phone that leaves the house.
    for last in [1, 1, 2, 2, 1, 3, 3, 3] {
        let new = house.served.stream("/", &at(last)).await;
        while old.event().await.is_some() {}
        house.viewers(1).await;
        old = new;
    }
    let other_tab = at(1).replace("tab-00000001", "tab-00000002");
    house.refuses(&other_tab, 429, "as it may (1)").await;
    drop(old);
    house.viewers(0).await;
    drop(house.served.stream("/", &other_tab).await);
}

#[tokio::test]
async fn a_full_server_asks_each_to_come_back_at_another_time() {
    let house = House::open(limits(1, 100, 100), false).await;
    let _stream = house.served.stream("/", "").await;
    let mut asked = std::collections::BTreeSet::new();
    for _ in 0..60 {
        let answer = house.refuses("", 503, "The server is full").await;
        asked.insert(retry_after(&answer));
    }
    assert!(asked.len() >= 3, "{asked:?}");
}
