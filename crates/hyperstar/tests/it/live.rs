//! The live path: from a change to every page.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyperstar::{App, Cx, Done, Hub, Reply, Session, View, Viewer, action};
use hyperstar_store::Store;
use maud::html;
use serde_json::json;

use crate::support::{Served, path_of, until};

fn counter(hub: &Hub) -> (App, hyperstar::Live<i64>) {
    let count = hub.live(0);
    let shown = count.clone();
    let app = App::new(hub)
        .name("live")
        .view("/", move |_cx| html! { h1 { (shown.get()) } });
    (app, count)
}

#[tokio::test]
async fn a_change_is_rendered_once_and_reaches_everyone() {
    let hub = Hub::new();
    let (app, count) = counter(&hub);
    let served = Served::start(app).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = served.stream("/", "").await;
        stream.event_with("<h1>0</h1>").await;
        streams.push(stream);
    }
    let before = hub.stats();
    assert_eq!((before.viewers, before.groups), (20, 1));
    count.set(7);
    for stream in &mut streams {
        stream.event_with("<h1>7</h1>").await;
    }
    let after = hub.stats();
    assert_eq!(after.renders - before.renders, 1);
    assert_eq!(after.hashes - before.hashes, 1);
    assert_eq!(after.frames - before.frames, 20);
}

#[tokio::test]
async fn nothing_is_sent_that_is_on_screen_already() {
    let hub = Hub::new();
    let (app, count) = counter(&hub);
    let served = Served::start(app).await;
    let mut first = served.stream("/", "").await;
    first.event_with("<h1>0</h1>").await;
    let id = first.event().await.unwrap();
    let id = id
        .strip_prefix("id: ")
        .expect("the id comes after the patch, alone")
        .to_owned();
    // As the shell's own stream asks: it holds the first render.
    let mut second = served
        .stream("/", &format!("last-event-id: {id}\r\n"))
        .await;
    assert!(second.is_silent_for(Duration::from_millis(100)).await);
    // As a page that connects again: it hears that it is back, and nothing else.
    let mut again = served
        .stream("/", &format!("last-event-id: {id}\r\nhs-again: 1\r\n"))
        .await;
    assert_eq!(
        again.event().await.unwrap(),
        "event: datastar-patch-signals\ndata: signals {}"
    );
    assert!(again.is_silent_for(Duration::from_millis(100)).await);
    hub.notify_all();
    assert!(
        second.is_silent_for(Duration::from_millis(100)).await,
        "it came out the same"
    );
    count.set(1);
    second.event_with("<h1>1</h1>").await;
    // And with something else on screen the page is brought up to date.
    served
        .stream("/", "last-event-id: something\r\n")
        .await
        .event_with("<h1>1</h1>")
        .await;
}

/// A page that was loaded while a frame was due is ahead of its group.
#[tokio::test]
async fn a_fresh_page_does_not_step_back() {
    let hub = Hub::new();
    let count = hub.live(0);
    let shown = count.clone();
    let view = View::shared(move |_cx| html! { h1 { (shown.get()) } }).frame_ms(300);
    let served = Served::start(App::new(&hub).page("/", view)).await;
    let mut first = served.stream("/", "").await;
    first.event_with("<h1>0</h1>").await;
    let id_of = |page: &str| {
        let after = page.split("last-event-id").nth(1);
        let after = after.expect("the shell names what it shows");
        let is_in_id = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let mut words = after.split(|c| !is_in_id(c));
        words.find(|word| word.len() == 8).unwrap().to_owned()
    };
    for back_to in [2, 0] {
        let was = count.get();
        count.set(was + 1);
        count.set(was + 2);
        let page = served.get("/").await.text();
        assert!(
            page.contains(&format!("<h1>{}</h1>", was + 2)),
            "it is ahead"
        );
        let id = id_of(&page);
        count.set(back_to);
        let mut fresh = served
            .stream("/", &format!("last-event-id: {id}\r\n"))
            .await;
        let event = fresh.event().await.unwrap();
        assert!(
            event.contains(&format!("<h1>{back_to}</h1>")),
            "not {event:?}"
        );
    }
}

#[tokio::test]
async fn a_storm_of_changes_becomes_few_frames_and_ends_with_the_last() {
    let hub = Hub::new();
    let count = hub.live(0);
    let shown = count.clone();
    let view = View::shared(move |_cx| html! { h1 { (shown.get()) } }).frame_ms(20);
    let served = Served::start(App::new(&hub).page("/", view)).await;
    let mut stream = served.stream("/", "").await;
    stream.event_with("<h1>0</h1>").await;
    let before = hub.stats();
    let began = std::time::Instant::now();
    for n in 1..=10_000 {
        count.set(n);
        if n % 500 == 0 {
            tokio::task::yield_now().await;
        }
    }
    stream.event_with("<h1>10000</h1>").await;
    let renders = hub.stats().renders - before.renders;
    let intervals = began.elapsed().as_millis() / 20;
    assert!(
        u128::from(renders) <= intervals + 2,
        "{renders} renders in {intervals} intervals"
    );
}

/// The one-in-a-thousand case made certain: the change comes while the view renders.
#[tokio::test]
async fn a_change_during_a_render_is_not_lost() {
    let hub = Hub::new();
    let count = hub.live(0);
    let (shown, inner) = (count.clone(), count.clone());
    let changes = Arc::new(AtomicUsize::new(0));
    let app = App::new(&hub).view("/", move |_cx| {
        let seen = shown.get();
        // After it was read, before the render ends.
        if changes.fetch_add(1, Ordering::SeqCst) < 5 {
            inner.update(|n| *n += 1);
        }
        html! { h1 { (seen) } }
    });
    let served = Served::start(app).await;
    let mut stream = served.stream("/", "").await;
    stream.event_with("<h1>5</h1>").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_soak_of_changes_from_many_threads_ends_with_the_final_state() {
    let rounds: usize =
        std::env::var("HYPERSTAR_SOAK_ROUNDS").map_or(40, |text| text.parse().unwrap());
    let hub = Hub::new();
    let count = hub.live(0_usize);
    let topic = hub.live(0_usize);
    let (shown, chosen) = (count.clone(), topic.clone());
    // What it reads changes from render to render.
    let view = View::shared(move |cx: Cx| {
        let which = chosen.get();
        cx.track(&format!("topic/{}", which % 3));
        html! { h1 { (shown.get()) "/" (which) } }
    });
    let served = Served::start(App::new(&hub).page("/", view.frame_ms(0))).await;
    let mut stream = served.stream("/", "").await;
    for round in 1..=rounds {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (count, topic) = (count.clone(), topic.clone());
                std::thread::spawn(move || {
                    for _ in 0..50 {
                        count.update(|n| *n += 1);
                        topic.update(|n| *n += 1);
                    }
                })
            })
            .collect();
        let last = format!("<h1>{}/{}</h1>", round * 200, round * 200);
        stream.event_with(&last).await;
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

#[tokio::test]
async fn a_commit_renders_the_pages_that_read_what_it_wrote() {
    let hub = Hub::new();
    let store = Store::memory();
    let shown = store.clone();
    let renders = Arc::new(AtomicUsize::new(0));
    let counted = renders.clone();
    let app = App::new(&hub)
        .store(&store)
        .view("/room/{room}", move |cx: Cx| {
            counted.fetch_add(1, Ordering::SeqCst);
            let lines = shown.entries::<String>(&format!("rooms/{}", cx.param("room")))?;
            Ok::<_, hyperstar::ViewError>(
                html! { ul { @for (_, line) in lines { li { (line) } } } },
            )
        });
    let served = Served::start(app).await;
    let mut tea = served.stream("/room/tea", "").await;
    let mut cake = served.stream("/room/cake", "").await;
    tea.event_with("<ul></ul>").await;
    cake.event_with("<ul></ul>").await;
    assert_eq!(renders.load(Ordering::SeqCst), 2);
    store.set("rooms/tea/1", "hello").unwrap();
    tea.event_with("<li>hello</li>").await;
    store.set("elsewhere", "x").unwrap();
    store.set("rooms/cake/1", "crumbs").unwrap();
    cake.event_with("<li>crumbs</li>").await;
    assert_eq!(
        renders.load(Ordering::SeqCst),
        4,
        "one render a commit, of the room it wrote"
    );
}

#[tokio::test]
async fn of_a_thousand_rooms_a_write_renders_one() {
    const ROOMS: usize = 1_000;
    let hub = Hub::new();
    let store = Store::memory();
    let shown = store.clone();
    let app = App::new(&hub)
        .store(&store)
        .view("/room/{room}", move |cx: Cx| {
            let lines = shown.entries::<String>(&format!("rooms/{}", cx.param("room")))?;
            Ok::<_, hyperstar::ViewError>(
                html! { ul { @for (_, line) in lines { li { (line) } } } },
            )
        });
    let served = Served::start(app).await;
    let mut rooms = Vec::new();
    for room in 0..ROOMS {
        let mut stream = served.stream(&format!("/room/{room}"), "").await;
        stream.event_with("<ul></ul>").await;
        rooms.push(stream);
    }
    let before = hub.stats().renders;
    assert_eq!(before, ROOMS as u64);
    for (written, room) in [7, 999, 500].into_iter().enumerate() {
        store.set(&format!("rooms/{room}/1"), "hello").unwrap();
        rooms[room].event_with("<li>hello</li>").await;
        assert_eq!(hub.stats().renders, before + written as u64 + 1);
    }
}

#[tokio::test]
async fn audiences_share_what_is_theirs_and_no_more() {
    let hub = Hub::new();
    let app = App::new(&hub)
        .view("/all", |_cx| html! { p { "everyone" } })
        .session_view("/mine", |_cx, who: Session| html! { p { "name=" (who.get::<String>("name").unwrap_or_default()) } })
        .viewer_view("/tab", |_cx, tab: Viewer| html! { p { "tab=" (tab.get::<u32>("n").unwrap_or_default()) } })
        .action("name", |cx: hyperstar::ActionCx| {
            cx.session().set("name", cx.arg("n").unwrap_or_default())?;
            Ok::<_, hyperstar::ActionError>(Done)
        })
        .action("tab", |cx: hyperstar::ActionCx| {
            assert!(cx.viewer().set("n", &cx.arg_as::<u32>("n")?));
            Ok::<_, hyperstar::ActionError>(Done)
        });
    let served = Served::start(app).await;
    let ann = format!(
        "cookie: {}\r\n",
        served.get("/mine").await.cookie().unwrap()
    );
    let bob = format!(
        "cookie: {}\r\n",
        served.get("/mine").await.cookie().unwrap()
    );
    let mut ann_1 = served.stream("/mine", &ann).await;
    let mut ann_2 = served.stream("/mine", &ann).await;
    let mut bob_1 = served.stream("/mine", &bob).await;
    for stream in [&mut ann_1, &mut ann_2, &mut bob_1] {
        stream.event_with("name=").await;
    }
    assert_eq!(hub.stats().groups, 2);
    let before = hub.stats().renders;
    served
        .post(&path_of(action("name").arg("n", "Ann")), &ann, "")
        .await;
    ann_1.event_with("name=Ann").await;
    ann_2.event_with("name=Ann").await;
    assert_eq!(
        hub.stats().renders - before,
        1,
        "one render for the two tabs of one browser"
    );

    let mut tab_1 = served
        .stream("/tab", &format!("{ann}hs-stream: tab-one-1\r\n"))
        .await;
    let mut tab_2 = served
        .stream("/tab", &format!("{ann}hs-stream: tab-two-2\r\n"))
        .await;
    for tab in [&mut tab_1, &mut tab_2] {
        tab.event_with("tab=0").await;
        tab.event_with("id: ").await;
    }
    served
        .post(
            &path_of(action("tab").arg("n", 5)),
            &format!("{ann}hs-action: tab-one-1 1 0\r\n"),
            "",
        )
        .await;
    tab_1.event_with("tab=5").await;
    assert!(tab_2.is_silent_for(Duration::from_millis(50)).await);
}

#[tokio::test]
async fn one_shot_events_reach_one_tab_and_a_private_patch_is_no_frame() {
    let hub = Hub::new();
    let (app, count) = counter(&hub);
    let app = app
        .action("poke", |cx: hyperstar::ActionCx| {
            let sent = cx
                .viewer()
                .send(Reply::new().signals(&json!({ "poked": true })));
            Reply::new().signals(&json!({ "sent": sent }))
        })
        .action("paint", |cx: hyperstar::ActionCx| {
            cx.viewer()
                .send(Reply::new().patch(html! { p #note { "private" } }));
            Reply::new().unchanged()
        });
    let served = Served::start(app).await;
    let ann = format!("cookie: {}\r\n", served.get("/").await.cookie().unwrap());
    let mut tab_1 = served
        .stream("/", &format!("{ann}hs-stream: tab-one-1\r\n"))
        .await;
    let mut tab_2 = served
        .stream("/", &format!("{ann}hs-stream: tab-two-2\r\n"))
        .await;
    for tab in [&mut tab_1, &mut tab_2] {
        tab.event_with("<h1>0</h1>").await;
        tab.event_with("id: ").await;
    }
    let answer = served
        .post(
            &path_of(action("poke")),
            &format!("{ann}hs-action: tab-one-1 1 0\r\n"),
            "",
        )
        .await;
    assert!(
        answer.text().contains("{\"sent\":true}"),
        "{}",
        answer.text()
    );
    tab_1.event_with("{\"poked\":true}").await;
    served
        .post(
            &path_of(action("paint")),
            &format!("{ann}hs-action: tab-one-1 2 0\r\n"),
            "",
        )
        .await;
    assert_eq!(
        tab_1.event().await.unwrap(),
        "id: -",
        "what follows is not what the group shows"
    );
    tab_1.event_with("private").await;
    assert!(tab_2.is_silent_for(Duration::from_millis(50)).await);
    count.set(3);
    tab_1.event_with("<h1>3</h1>").await;
    tab_2.event_with("<h1>3</h1>").await;
    let nobody = served.post(&path_of(action("poke")), "", "").await;
    assert!(nobody.text().contains("{\"sent\":false}"));
}

#[tokio::test]
async fn joining_and_leaving_are_told_once_and_a_reconnect_is_neither() {
    let hub = Hub::new();
    let log = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (joined, left) = (log.clone(), log.clone());
    let view = View::shared(|_cx| html! { p { "x" } })
        .on_join(move |viewer| joined.lock().unwrap().push(format!("+{}", viewer.id())))
        .on_leave(move |viewer| left.lock().unwrap().push(format!("-{}", viewer.id())));
    let limits = hyperstar::Limits {
        leave_ms: 150,
        ..Default::default()
    };
    let served = Served::start(App::new(&hub).page("/", view).limits(limits)).await;
    let ann = format!(
        "cookie: {}\r\nhs-stream: tab-one-1\r\n",
        served.get("/").await.cookie().unwrap()
    );
    let mut stream = served.stream("/", &ann).await;
    stream.event_with("<p>x</p>").await;
    drop(stream);
    until("the server notices", || hub.stats().viewers == 0).await;
    let mut stream = served.stream("/", &ann).await;
    stream.event_with("<p>x</p>").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(*log.lock().unwrap(), ["+tab-one-1"]);
    drop(stream);
    until("it has left", || log.lock().unwrap().len() == 2).await;
    assert_eq!(log.lock().unwrap()[1], "-tab-one-1");
    assert_eq!(hub.stats().groups, 0, "nothing renders for nobody");
}

#[tokio::test]
async fn a_view_that_fails_keeps_the_last_page_and_recovers() {
    let hub = Hub::new();
    let count = hub.live(0);
    let shown = count.clone();
    let app = App::new(&hub)
        .dev(false)
        .view("/", move |_cx| match shown.get() {
            1 => Err(hyperstar::ViewError::from(std::io::Error::other("secret"))),
            2 => panic!("secret"),
            n => Ok(html! { h1 { (n) } }),
        });
    let served = Served::start(app).await;
    let mut stream = served.stream("/", "").await;
    stream.event_with("<h1>0</h1>").await;
    stream.event_with("id: ").await;
    for n in [1, 2] {
        let before = hub.stats().renders;
        count.set(n);
        until("it renders", || hub.stats().renders > before).await;
    }
    count.set(3);
    let next = stream.event().await.unwrap();
    assert!(next.contains("<h1>3</h1>"), "{next}");
}

#[tokio::test]
async fn timers_run_while_the_app_is_served() {
    let hub = Hub::new();
    let (app, count) = counter(&hub);
    hub.every(Duration::from_millis(5), move || count.update(|n| *n += 1));
    let served = Served::start(app).await;
    served.stream("/", "").await.event_with("<h1>3").await;
}
