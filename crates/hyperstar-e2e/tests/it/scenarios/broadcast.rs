//! One page for many viewers, compressed once for all of them: what stock browsers decode is what was
//! published, whoever comes, stalls, or leaves and returns, and whatever is told to some in between.
//!
//! The page checks itself: every frame carries the SHA-256 of its text, see `broadcast_server`.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use hyperstar_e2e::{Chrome, Firefox, FlakyProxy, Mode, SECOND, Server, Tab, wait_until};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

/// How long a run may take, on a machine that does something else as well.
const RUN_MAX: std::time::Duration = SECOND.saturating_mul(180);
/// Set where a Firefox must be there.
const REQUIRE_FIREFOX: &str = "HYPERSTAR_REQUIRE_FIREFOX";

/// What a page has seen, as it counts it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    tab: String,
    browser: String,
    protocol: String,
    ok: u64,
    wrong: Vec<String>,
    backward: Vec<String>,
    overtaken: Vec<String>,
    first: i64,
    last: i64,
    received: u64,
    whispers: Vec<u64>,
    streams: Vec<String>,
    errors: Vec<String>,
}

/// What the server told, and what that cost.
#[derive(Debug, Deserialize)]
struct Told {
    whispers: BTreeMap<String, Vec<u64>>,
    deltas: u64,
    keys: u64,
    resyncs: u64,
    sent_bytes: u64,
    renders: u64,
}

/// What a run is about.
#[derive(Clone, Copy)]
struct Run {
    coding: &'static str,
    /// TLS, and so HTTP/2.
    secure: bool,
    frames: u64,
}

impl Run {
    /// The running server, and the SHA-256 of its certificate if it has one.
    async fn server(&self) -> Result<(Server, Option<String>)> {
        let server = Server::new(env!("CARGO_BIN_EXE_broadcast-server"))?;
        let mut server = server
            .env("CODING", self.coding)
            .env("FRAMES", self.frames.to_string());
        let mut digest = None;
        if self.secure {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
            let bytes = Sha256::digest(made.cert.der());
            digest = Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
            server = server
                .env("CERTIFICATE", made.cert.pem())
                .env("KEY", made.signing_key.serialize_pem());
        }
        server.start().await?;
        Ok((server, digest))
    }

    fn protocol(&self) -> &'static str {
        if self.secure { "h2" } else { "http/1.1" }
    }

    /// A page has shown the last frame and nothing else than what was published, from one stream.
    fn check(&self, name: &str, seen: &Seen, told: &Told) -> Result<()> {
        let fine = seen.wrong.is_empty() && seen.backward.is_empty() && seen.errors.is_empty();
        ensure!(fine, "{name}: {seen:#?}");
        ensure!(seen.last == self.frames as i64, "{name}: {seen:#?}");
        ensure!(seen.protocol == self.protocol(), "{name}: {seen:#?}");
        // A stream that could not be decoded would be opened again, and the page would look well.
        ensure!(
            seen.streams == [self.coding],
            "{name} had the streams {:?}",
            seen.streams
        );
        let told = told.whispers.get(&seen.tab).cloned().unwrap_or_default();
        ensure!(
            seen.whispers == told,
            "{name} was told {told:?} and heard {:?}",
            seen.whispers
        );
        Ok(())
    }
}

/// A tab with its part in the play.
struct Actor {
    name: String,
    tab: Tab,
    url: String,
    /// It neither stalls nor comes late.
    is_steady: bool,
}

#[tokio::test]
async fn zstd_over_http_1() -> Result<()> {
    play("zstd", false, 500).await
}

#[tokio::test]
async fn brotli_over_http_1() -> Result<()> {
    play("br", false, 300).await
}

#[tokio::test]
async fn gzip_over_http_1() -> Result<()> {
    play("gzip", false, 300).await
}

#[tokio::test]
async fn identity_over_http_1() -> Result<()> {
    play("identity", false, 300).await
}

#[tokio::test]
async fn zstd_over_http_2() -> Result<()> {
    play("zstd", true, 500).await
}

/// Eight tabs: two that are there from the start, two behind a network that holds everything back for
/// a while (over TLS, which the proxy does not speak, two more of the first kind), one whose page hangs
/// again and again, two that leave and return, one that comes late.
async fn play(coding: &'static str, secure: bool, frames: u64) -> Result<()> {
    let run = Run {
        coding,
        secure,
        frames,
    };
    let (server, _) = run.server().await?;
    let proxy = FlakyProxy::start(server.addr()).await?;
    let chrome = Chrome::launch().await?;
    // A browser has six connections for one origin of HTTP/1.1, so there are several; with HTTP/2 all
    // streams are to be on the same one.
    let url = |host: &str| match secure {
        false => format!("http://{host}.localhost:{}/", server.port()),
        true => format!("https://localhost:{}/", server.port()),
    };
    let held = if secure { url("b") } else { proxy.url("/") };
    let actor = async |name: &str, url: &str| -> Result<Actor> {
        Ok(Actor {
            name: name.to_owned(),
            tab: chrome.tab().await?,
            url: url.to_owned(),
            is_steady: name.starts_with("steady"),
        })
    };
    let mut actors = Vec::new();
    for (name, url) in [
        ("steady 1", url("a")),
        ("steady 2", url("b")),
        ("held 1", held.clone()),
        ("held 2", held),
        ("hanging", url("b")),
        ("wandering 1", url("c")),
        ("wandering 2", url("c")),
        ("late", url("a")),
    ] {
        actors.push(actor(name, &url).await?);
    }
    for actor in actors.iter().filter(|actor| actor.name != "late") {
        actor.tab.open(&actor.url).await?;
        actor
            .tab
            .wait_for("seen.streams.length", 15 * SECOND, "its stream is there")
            .await?;
    }
    let began = Instant::now();
    actors[0]
        .tab
        .eval::<Option<()>>("fetch('/start', { method: 'POST' }).then(() => null)")
        .await?;
    let leader = &actors[0].tab;
    let hold = async {
        // The network of two holds everything back for most of the time.
        let most = run.frames / 10..run.frames * 8 / 10;
        loop {
            let number = shown(leader).await?;
            let is_held = most.contains(&number);
            proxy.set(if is_held { Mode::BlackHole } else { Mode::Pass });
            if number == run.frames {
                return Ok(());
            }
            ensure!(began.elapsed() < RUN_MAX, "after {RUN_MAX:?}: {number}");
            sleep(SECOND / 20).await;
        }
    };
    let acts = actors.iter().map(|actor| act(actor, leader, run.frames));
    tokio::try_join!(hold, try_join_all(acts))?;
    finish(&run, &actors, began.elapsed()).await
}

/// What an actor does while the leader sees the first nine tenths of all frames.
async fn act(actor: &Actor, leader: &Tab, frames: u64) -> Result<()> {
    let Actor { name, tab, url, .. } = actor;
    let mut dice = Dice(name.bytes().map(u64::from).sum());
    let pause = |ms: u32| sleep(SECOND / 1_000 * ms);
    match name.split(' ').next() {
        Some("hanging") => {
            while shown(leader).await? < frames * 9 / 10 {
                // The page's only thread waits for an answer: it reads nothing else.
                let slow = format!("/slow/{}", 100 + dice.below(500));
                tab.eval::<Option<()>>(&format!("{{ {HANG}; hang('{slow}'); null }}"))
                    .await?;
                pause(50 + dice.below(700)).await;
            }
        }
        Some("wandering") => {
            for trip in 1..=4 {
                while shown(leader).await? < trip * frames / 5 {
                    pause(50 + dice.below(200)).await;
                }
                tab.open(&format!("{url}elsewhere")).await?;
                pause(20 + dice.below(300)).await;
                tab.open(url).await?;
            }
        }
        Some("late") => {
            while shown(leader).await? < frames / 3 {
                pause(50).await;
            }
            tab.open(url).await?;
        }
        _ => {}
    }
    Ok(())
}

const HANG: &str = "var hang = slow => {
    const request = new XMLHttpRequest();
    request.open('GET', slow, false);
    request.send();
}";

/// The number of the frame that a tab shows.
async fn shown(tab: &Tab) -> Result<u64> {
    tab.eval("seen.last").await
}

/// Waits until everybody has seen the last frame, and checks what each has seen.
async fn finish(run: &Run, actors: &[Actor], took: std::time::Duration) -> Result<()> {
    for Actor { name, tab, .. } in actors {
        tab.wait_for(
            "seen.isDone",
            30 * SECOND,
            &format!("{name} shows the last frame"),
        )
        .await?;
    }
    let mut told: Told = actors[0]
        .tab
        .eval("fetch('/told').then(told => told.json())")
        .await?;
    println!(
        "{}{}: {} frames in {:.1} s, {} renders, {} deltas, {} keys, {} resyncs, {:.1} MB sent",
        run.coding,
        if run.secure { " over HTTP/2" } else { "" },
        run.frames,
        took.as_secs_f64(),
        told.renders,
        told.deltas,
        told.keys,
        told.resyncs,
        told.sent_bytes as f64 / 1e6,
    );
    for actor in actors {
        let heard = told
            .whispers
            .entry(actor_id(actor).await?)
            .or_default()
            .len();
        let tab = &actor.tab;
        tab.wait_for(
            &format!("seen.whispers.length >= {heard} && seen.pending === 0"),
            10 * SECOND,
            &format!("{} hears what it was told", actor.name),
        )
        .await?;
        let seen: Seen = tab.eval("seen").await?;
        println!(
            "  {:12} from {:3}: {:3} received, {:3} compared, {:2} whispers{}",
            actor.name,
            seen.first,
            seen.received,
            seen.ok,
            seen.whispers.len(),
            match &*seen.overtaken {
                [] => String::new(),
                steps => format!(", its stream began with {}", steps.join(", ")),
            }
        );
        run.check(&actor.name, &seen, &told)?;
        ensure!(
            !actor.is_steady || seen.received >= run.frames / 3,
            "{} has seen few frames: {seen:#?}",
            actor.name
        );
        tab.assert_clean().with_context(|| actor.name.clone())?;
        // And by the browser's own account.
        let answers = tab.answers();
        let stream = answers
            .iter()
            .rfind(|answer| answer.mime == "text/event-stream")
            .context("an answer with a stream")?;
        ensure!(
            stream.protocol == run.protocol(),
            "{}: {stream:?}",
            actor.name
        );
        let encoding = stream.encoding.as_deref().unwrap_or("identity");
        ensure!(encoding == run.coding, "{}: {stream:?}", actor.name);
    }
    // A page that does not notice would prove nothing.
    let wrong = "document.getElementById('body').firstChild.textContent += 'x'";
    actors[0].tab.eval::<String>(wrong).await?;
    let noticed = "seen.wrong.length === 1";
    let tab = &actors[0].tab;
    tab.wait_for(noticed, 5 * SECOND, "the page notices a wrong letter")
        .await
}

async fn actor_id(actor: &Actor) -> Result<String> {
    actor.tab.eval("seen.tab").await
}

/// Another engine: one window of Firefox visits a server of each kind in turn.
#[tokio::test]
async fn firefox_reads_it_too() -> Result<()> {
    let Some(firefox) = Firefox::find()? else {
        ensure!(
            std::env::var_os(REQUIRE_FIREFOX).is_none(),
            "{REQUIRE_FIREFOX} is set, and there is no Firefox"
        );
        println!("NOT TESTED WITH FIREFOX: there is none on PATH (nor in the variable FIREFOX)");
        return Ok(());
    };
    let run = |coding, secure| Run {
        coding,
        secure,
        frames: 120,
    };
    let runs = [
        run("zstd", false),
        run("br", false),
        run("gzip", false),
        run("identity", false),
        run("zstd", true),
    ];
    let (mut servers, mut trusted, mut next) = (Vec::new(), Vec::new(), String::new());
    for run in runs.into_iter().rev() {
        let (server, digest) = run.server().await?;
        let host = format!("localhost:{}", server.port());
        let scheme = if run.secure { "https" } else { "http" };
        trusted.extend(digest.map(|digest| (host.clone(), digest)));
        let then = match &*next {
            "" => String::new(),
            next => format!("&next={}", next.replace('%', "%25").replace('&', "%26")),
        };
        next = format!("{scheme}://{host}/?start{then}");
        servers.push((run, server));
    }
    let began = Instant::now();
    let window = Firefox::open(&next, &trusted).await?;
    for (run, server) in servers.iter().rev() {
        let name = format!("{} {}", firefox.display(), run.coding);
        let what = format!("{name} reports");
        let reported = wait_until(what, RUN_MAX, async || reported(server)).await;
        let Report { seen, told } =
            reported.with_context(|| format!("{}\n{}", server.output(), window.printed()))?;
        println!(
            "Firefox, {}{}: from {}, {} received, {} compared, {} whispers ({:.1} s, {})",
            run.coding,
            if run.secure { " over HTTP/2" } else { "" },
            seen.first,
            seen.received,
            seen.ok,
            seen.whispers.len(),
            began.elapsed().as_secs_f64(),
            seen.browser
        );
        run.check(&name, &seen, &told)?;
        ensure!(seen.received >= run.frames / 3, "{name}: {seen:#?}");
    }
    Ok(())
}

/// What a page has told its server, once it has.
#[derive(Debug, Deserialize)]
struct Report {
    seen: Seen,
    told: Told,
}

fn reported(server: &Server) -> Result<Option<Report>> {
    let output = server.output();
    let line = output.lines().find(|line| line.starts_with('{'));
    Ok(line.map(serde_json::from_str).transpose()?)
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as u32 % end
    }
}
