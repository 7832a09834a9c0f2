//! A whole node: apps written with the SDK, built for real, installed, asked, crashed, upgraded.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use hyperstar::Server;
use hyperstar_build::{BuildOptions, build};
use hyperstar_interface::{Handler, Interface, Mode, Trigger, View};
use hyperstar_native::{Ask, Status};
use hyperstar_node::{Control, EngineConfig, Node, NodeConfig, NodeError, Request, Update};
use hyperstar_process::abi::{CallError, Origin};
use hyperstar_store::Store;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::handmade::Handmade;

pub(crate) const ONE: &str = "one:tally:tests";
pub(crate) const TWO: &str = "two:tally:tests";

/// A version of the app in `tests/apps/tally`, by its feature.
pub(crate) fn tally(feature: &'static str) -> &'static [u8] {
    static FIRST: OnceLock<Vec<u8>> = OnceLock::new();
    static SECOND: OnceLock<Vec<u8>> = OnceLock::new();
    static BROKEN: OnceLock<Vec<u8>> = OnceLock::new();
    let built = match feature {
        "two" => &SECOND,
        "broken" => &BROKEN,
        _ => &FIRST,
    };
    built.get_or_init(|| build_tally(feature))
}

fn build_tally(feature: &str) -> Vec<u8> {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/apps/tally");
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let features: Vec<String> = match feature {
        "" => Vec::new(),
        feature => vec![feature.to_owned()],
    };
    let options = BuildOptions {
        target_dir: Some(target),
        features,
        ..BuildOptions::new(source)
    };
    match build(&options) {
        Ok(built) => built.bytes,
        Err(error) => panic!("tally does not build: {error}"),
    }
}

pub(crate) async fn open(home: &Path) -> Node {
    let config = NodeConfig {
        engine: EngineConfig {
            instances_max: 32,
            ..EngineConfig::default()
        },
        ..NodeConfig::new(home)
    };
    within(async {
        loop {
            // A node that has just ended may still be on its way out.
            match Node::open(config.clone()).await {
                Err(NodeError::Home(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
                opened => return opened.unwrap(),
            }
        }
    })
    .await
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("it takes far too long")
}

pub(crate) async fn ask(
    node: &Node,
    name: &str,
    handler: &str,
    arguments: Value,
) -> Result<Value, CallError> {
    let ask = Ask {
        origin: Origin::Owner,
        handler: handler.to_owned(),
        body: arguments.to_string().into_bytes(),
        timeout_ms: 20_000,
        key: None,
    };
    let response = within(node.host().ask(name, ask)).await?;
    Ok(serde_json::from_slice(&response.body).unwrap_or(Value::Null))
}

/// Serves a node, and sends requests to it by host name.
pub(crate) struct Served {
    pub(crate) node: Node,
    port: u16,
    task: tokio::task::JoinHandle<Result<(), NodeError>>,
}

impl Served {
    pub(crate) async fn start(node: Node) -> Self {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let stopped = node.stopped();
        let server = server.shutdown(async move { stopped.cancelled().await });
        let serving = node.clone();
        let task = tokio::spawn(async move { serving.serve(server).await });
        let served = Self { node, port, task };
        // It answers once everything listens.
        let answer = served.send("localhost", "GET /", "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        served
    }

    pub(crate) async fn send(&self, host: &str, request: &str, body: &str) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let head = format!(
            "{request} HTTP/1.1\r\nhost: {host}:{}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        within(socket.read_to_string(&mut answer)).await.unwrap();
        answer
    }

    pub(crate) async fn stop(self) {
        self.node.stop();
        within(self.task).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_installed_looked_at_and_there_again_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let served = Served::start(open(home.path()).await).await;
    served
        .node
        .install(ONE, tally(""), false, true)
        .await
        .unwrap();
    let page = served.send("one-tally-tests.localhost", "GET /", "").await;
    assert!(page.contains(r#"<p id="count">0</p>"#), "{page}");
    assert!(page.contains("tally.css"), "{page}");
    let answer = served
        .send("one-tally-tests.localhost", "POST /api/add", r#"{"by": 5}"#)
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n5"),
        "{answer}"
    );
    let index = served.send("localhost", "GET /", "").await;
    assert!(
        index.contains("Tally") && index.contains("running"),
        "{index}"
    );
    let our = served
        .send("one-tally-tests.localhost", "GET /our.js", "")
        .await;
    assert!(our.contains(r#""process":"one:tally:tests""#), "{our}");
    served.stop().await;
    let served = Served::start(open(home.path()).await).await;
    let page = served.send("one-tally-tests.localhost", "GET /", "").await;
    assert!(page.contains(r#"<p id="count">5</p>"#), "{page}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_apps_call_each_other() {
    let home = tempfile::tempdir().unwrap();
    let node = open(home.path()).await;
    node.install(ONE, tally(""), false, true).await.unwrap();
    node.install(TWO, tally(""), false, true).await.unwrap();
    ask(&node, TWO, "add", json!({ "by": 7 })).await.unwrap();
    // `count` is public.
    let pulled = ask(&node, ONE, "pull", json!({ "from": TWO }))
        .await
        .unwrap();
    assert_eq!(pulled, json!({ "Ok": 7 }));
    // `add` is not.
    let given = ask(&node, ONE, "give", json!({ "to": TWO, "by": 3 }))
        .await
        .unwrap();
    assert!(given.to_string().contains("Denied"), "{given}");
    let grant = node.grant(ONE, TWO, &["add".to_owned()]).unwrap();
    let given = ask(&node, ONE, "give", json!({ "to": TWO, "by": 3 }))
        .await
        .unwrap();
    assert_eq!(given, json!({ "Ok": 1 }));
    assert_eq!(
        ask(&node, TWO, "count", json!({})).await.unwrap(),
        json!(10)
    );
    assert!(node.revoke(grant).unwrap());
    let given = ask(&node, ONE, "give", json!({ "to": TWO, "by": 3 }))
        .await
        .unwrap();
    assert!(given.to_string().contains("Denied"), "{given}");
    // A call that comes back to who waits for it, with the state held.
    node.grant(ONE, ONE, &[]).unwrap();
    let given = ask(&node, ONE, "give", json!({ "to": ONE, "by": 1 }))
        .await
        .unwrap();
    assert!(given.to_string().contains("Cycle"), "{given}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_back_stays_so_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let give = json!({ "to": TWO, "by": 3 });
    let is_denied = |answer: Value| answer.to_string().contains("Denied");
    {
        let node = open(home.path()).await;
        node.install(ONE, tally(""), false, true).await.unwrap();
        node.install(TWO, tally(""), false, true).await.unwrap();
        let first = node.grant(ONE, TWO, &["count".to_owned()]).unwrap();
        let second = node.grant(ONE, TWO, &["add".to_owned()]).unwrap();
        assert!(node.revoke(second).unwrap() && !node.revoke(second).unwrap());
        let ids: Vec<u64> = node
            .grants()
            .unwrap()
            .iter()
            .map(|grant| grant.id)
            .collect();
        assert_eq!(ids, [first]);
        node.host().stop().await;
    }
    let node = open(home.path()).await;
    assert!(is_denied(
        ask(&node, ONE, "give", give.clone()).await.unwrap()
    ));
    // A number is never given again.
    let third = node.grant(ONE, TWO, &["add".to_owned()]).unwrap();
    assert_eq!(third, 3);
    assert!(!is_denied(ask(&node, ONE, "give", give).await.unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cookie_of_one_app_is_nothing_to_another() {
    let home = tempfile::tempdir().unwrap();
    let served = Served::start(open(home.path()).await).await;
    for name in [ONE, TWO] {
        let installed = served.node.install(name, tally(""), false, true).await;
        installed.unwrap();
    }
    let cookie_of = |answer: &str| {
        let (_, rest) = answer.split_once("set-cookie: ")?;
        let (name, rest) = rest.split_once('=')?;
        let (value, _) = rest.split_once(';')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let visit = async |host: &str, cookie: &str| {
        let request = format!("GET / HTTP/1.1\r\ncookie: {cookie}\r\nx:");
        let answer = served.send(host, &request, "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        cookie_of(&answer)
    };
    let (one, two) = ("one-tally-tests.localhost", "two-tally-tests.localhost");
    let (own, value) = visit(one, "").await.unwrap();
    let (other, _) = visit(two, "").await.unwrap();
    assert_ne!(own, other);
    // Known where it comes from, and a stranger elsewhere, also under the other's name.
    assert_eq!(visit(one, &format!("{own}={value}")).await, None);
    assert!(visit(two, &format!("{own}={value}")).await.is_some());
    assert!(visit(two, &format!("{other}={value}")).await.is_some());
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_to_a_stopped_app_arrives_once_it_runs() {
    let home = tempfile::tempdir().unwrap();
    {
        let node = open(home.path()).await;
        node.install(ONE, tally(""), false, true).await.unwrap();
        node.install(TWO, tally(""), false, false).await.unwrap();
        node.grant(ONE, TWO, &[]).unwrap();
        for _ in 0..3 {
            ask(&node, ONE, "tell", json!({ "to": TWO })).await.unwrap();
        }
        node.host().stop().await;
    }
    let node = open(home.path()).await;
    node.start(TWO).await.unwrap();
    within(async {
        while ask(&node, TWO, "count", json!({})).await.unwrap() != json!(3) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_an_app_does_wrong_ends_it_alone_with_its_reason() {
    let home = tempfile::tempdir().unwrap();
    let node = open(home.path()).await;
    node.install(ONE, tally(""), false, true).await.unwrap();
    node.install(TWO, tally(""), false, true).await.unwrap();
    ask(&node, ONE, "add", json!({ "by": 2 })).await.unwrap();
    for (how, reason) in [
        ("panic", "as told"),
        ("spin", "ms"),
        ("eat", "bytes of memory"),
        ("recurse", "nested too deeply"),
    ] {
        let misbehaving = node.clone();
        let how = how.to_owned();
        let what = how.clone();
        let wrong = tokio::spawn(async move {
            ask(&misbehaving, ONE, "misbehave", json!({ "how": how })).await
        });
        for _ in 0..20 {
            assert_eq!(ask(&node, TWO, "count", json!({})).await.unwrap(), json!(0));
        }
        assert_eq!(wrong.await.unwrap(), Err(CallError::Crashed), "{what}");
        let (lines, _) = node.host().logs(ONE, 10).unwrap();
        assert!(
            lines.iter().any(|line| line.text.contains(reason)),
            "{what}: {lines:?}"
        );
        // It is started again by its policy; nothing of the turn is left.
        within(async {
            loop {
                match ask(&node, ONE, "count", json!({})).await {
                    Ok(count) => return assert_eq!(count, json!(2), "{what}"),
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        })
        .await;
    }
}

/// Together they are more than the app's memory: they are not all of one turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_answers_at_once_are_not_too_many() {
    let home = tempfile::tempdir().unwrap();
    let node = open(home.path()).await;
    node.install(ONE, tally(""), false, true).await.unwrap();
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let node = node.clone();
        let arguments = json!({ "bytes": 400_000 });
        asked.spawn(async move { ask(&node, ONE, "text", arguments).await });
    }
    for answer in within(asked.join_all()).await {
        let (lines, _) = node.host().logs(ONE, 10).unwrap();
        let answer = answer.unwrap_or_else(|error| panic!("{error}: {lines:?}"));
        assert_eq!(answer.as_str().map(str::len), Some(400_000));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_migrates_the_state_or_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let node = open(home.path()).await;
    node.install(ONE, tally(""), false, true).await.unwrap();
    ask(&node, ONE, "add", json!({ "by": 4 })).await.unwrap();
    ask(&node, ONE, "name", json!({ "name": "ann" }))
        .await
        .unwrap();
    let error = node
        .install(ONE, tally("broken"), false, true)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("this migration always fails"),
        "{error}"
    );
    assert_eq!(
        ask(&node, ONE, "add", json!({ "by": 1 })).await.unwrap(),
        json!(5)
    );
    node.install(ONE, tally("two"), false, true).await.unwrap();
    assert_eq!(ask(&node, ONE, "count", json!({})).await.unwrap(), json!(5));
    assert_eq!(
        ask(&node, ONE, "name", json!({ "name": "ann" }))
            .await
            .unwrap(),
        json!({ "Ok": 2 })
    );
    // There is no way back.
    let error = node.install(ONE, tally(""), false, true).await.unwrap_err();
    assert!(error.to_string().contains("version 2"), "{error}");
    assert_eq!(node.host().status(ONE).unwrap(), Status::Running);
}

/// A node that was killed in the midst of an upgrade has one of the two, and all of the state.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_that_was_cut_short_is_done_or_undone() {
    let home = tempfile::tempdir().unwrap();
    let hash = |bytes: &[u8]| {
        let digest = Sha256::digest(bytes);
        digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    {
        let node = open(home.path()).await;
        node.install(ONE, tally(""), false, true).await.unwrap();
        ask(&node, ONE, "add", json!({ "by": 4 })).await.unwrap();
        node.host().stop().await;
    }
    // What it was to become, in its order: it does not start; it does.
    for (next, becomes) in [("broken", ""), ("two", "two")] {
        {
            let store = Store::open(home.path().join("node.redb")).unwrap();
            let path = &store.list("node/apps").unwrap()[0];
            let mut record: Value = store.get(path).unwrap().unwrap();
            record["before"] = json!({ "component": record["component"], "stub_wasi": false });
            record["component"] = json!(hash(tally(next)));
            store.set(path, &record).unwrap();
            let file = home.path().join("components").join(hash(tally(next)));
            std::fs::write(file.with_extension("wasm"), tally(next)).unwrap();
        }
        for _ in 0..2 {
            let node = open(home.path()).await;
            assert_eq!(node.host().status(ONE).unwrap(), Status::Running, "{next}");
            assert_eq!(ask(&node, ONE, "count", json!({})).await, Ok(json!(4)));
            node.host().stop().await;
            drop(node);
            let store = Store::open(home.path().join("node.redb")).unwrap();
            let path = &store.list("node/apps").unwrap()[0];
            let record: Value = store.get(path).unwrap().unwrap();
            assert_eq!(record["component"], json!(hash(tally(becomes))), "{next}");
            assert_eq!(record.get("before"), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_app_is_refused_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let node = open(home.path()).await;
    for bytes in [&b""[..], b"not wasm", &tally("")[..1_000]] {
        let error = node.install(ONE, bytes, false, true).await.unwrap_err();
        assert!(matches!(error, NodeError::Load { .. }), "{error}");
    }
    assert!(
        node.install("no name", tally(""), false, true)
            .await
            .is_err()
    );
    assert_eq!(node.host().processes(), [""; 0]);
    assert_eq!(node.host().store().list("").unwrap(), [""; 0]);
}

/// Everything is looked at before anything is kept: an app that cannot be shown is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_shown_is_refused_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let node = open(home.path()).await;
    let views = |paths: &[&str]| {
        let mut interface = Interface::new("Handmade");
        let views = paths.iter().map(|path| View::new("page", *path));
        interface.views.extend(views);
        interface
    };
    let mut twice = Interface::new("Handmade");
    for _ in 0..2 {
        let mut handler = Handler::new("go", Mode::Write);
        handler.triggers.push(Trigger::Action);
        twice.handlers.push(handler);
    }
    let many: Vec<String> = (0..300).map(|n| format!("/{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (interface, expected) in [
        (views(&["no-slash"]), "it must begin with `/`"),
        (views(&["/{a}", "/{b}"]), "conflict"),
        (views(&["/_hs/f/{x}/{*y}"]), "conflict"),
        (twice, "two actions called `go`"),
        (views(&many), "it has 300 views"),
    ] {
        let bytes = Handmade {
            interface,
            ..Handmade::default()
        }
        .component();
        let error = node.install(ONE, &bytes, false, true).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{expected}: {text}");
        assert_eq!(node.host().processes(), [""; 0]);
        assert_eq!(node.host().store().list("").unwrap(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_and_a_grant_are_never_another_apps() {
    let home = tempfile::tempdir().unwrap();
    // Their host names would be the same, and the later one is the first by its name.
    let (first, second) = ("chat:chat:ann", "chat-chat:ann:os");
    let third = "chat:chat-ann:os";
    let urls = |node: &Node| [second, third].map(|name| node.url(name).unwrap());
    let before = {
        let served = Served::start(open(home.path()).await).await;
        let node = &served.node;
        for name in [first, third, second] {
            node.install(name, tally(""), false, true).await.unwrap();
        }
        node.grant(first, third, &["add".to_owned()]).unwrap();
        node.grant(third, second, &["add".to_owned()]).unwrap();
        node.remove(first, true).await.unwrap();
        let left = node.grants().unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!((&*left[0].holder, &*left[0].target), (third, second));
        let urls = urls(node);
        served.stop().await;
        urls
    };
    let port = |url: &str| url.rsplit(':').next().unwrap().to_owned();
    let names = |urls: [String; 2]| urls.map(|url| url.replace(&port(&url), ""));
    let served = Served::start(open(home.path()).await).await;
    assert_eq!(names(urls(&served.node)), names(before));
    served
        .node
        .install(first, tally(""), false, true)
        .await
        .unwrap();
    let given = ask(&served.node, first, "give", json!({ "to": third, "by": 1 }));
    assert!(given.await.unwrap().to_string().contains("Denied"));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_loses_what_only_begins_like_what_was_meant() {
    let home = tempfile::tempdir().unwrap();
    let served = Served::start(open(home.path()).await).await;
    let (tea, room) = ("tea:tally:tests", "tea-room:tally:tests");
    for name in [tea, room] {
        served
            .node
            .install(name, tally(""), false, true)
            .await
            .unwrap();
    }
    let remove = |name: &str| Request::Remove {
        name: name.to_owned(),
        forget: true,
    };
    let add = |name: &str| Request::Inject {
        name: name.to_owned(),
        handler: "add".to_owned(),
        body: json!({ "by": 2 }),
        timeout_ms: 1_000,
    };
    let tell = async |request| within(tell(home.path(), request)).await;
    tell(add("tea")).await.unwrap();
    tell(add("tea-r")).await.unwrap();
    let did = tell(remove("tea")).await.unwrap();
    assert!(
        matches!(&did[..], [Update::Did { text }] if text.starts_with("removed tea:tally:tests,")),
        "{did:?}"
    );
    for meant in ["tea", "te"] {
        let refused = tell(remove(meant)).await.unwrap_err();
        assert!(refused.contains("say all of its name"), "{refused}");
    }
    let grant = |handler: &str| Request::Grant {
        holder: room.to_owned(),
        target: room.to_owned(),
        handlers: vec![handler.to_owned()],
    };
    let refused = tell(grant("ad")).await.unwrap_err();
    assert!(refused.contains("`add`"), "{refused}");
    tell(grant("add")).await.unwrap();
    assert_eq!(
        ask(&served.node, room, "count", json!({})).await,
        Ok(json!(2))
    );
    served.stop().await;
}

#[tokio::test]
async fn a_folder_of_somebody_elses_is_left_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("letter.txt"), "dear").unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let error = Node::open(NodeConfig::new(home.path())).await.unwrap_err();
    assert!(error.to_string().contains("is not empty"), "{error}");
    let mode = std::fs::metadata(home.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_reaches_a_node_through_its_folder() {
    let home = tempfile::tempdir().unwrap();
    let served = Served::start(open(home.path()).await).await;
    let component = home.path().join("tally.wasm");
    std::fs::write(&component, tally("")).unwrap();
    let path = home.path().to_owned();
    let told = tokio::task::spawn_blocking(move || {
        let mut control = Control::connect(&path).unwrap();
        let mut told = Vec::new();
        let mut say = |request: Request| {
            let mut answers = Vec::new();
            let asked: Result<(), _> = control.ask(&request).and_then(|mut updates| {
                updates.try_for_each(|update| update.map(|update| answers.push(update)))
            });
            told.push((asked.map_err(|error| error.to_string()), answers));
        };
        say(Request::Install {
            name: ONE.to_owned(),
            component,
            stub_wasi: false,
            stopped: false,
        });
        say(Request::Inject {
            name: "one".to_owned(),
            handler: "add".to_owned(),
            body: json!({ "by": 2 }),
            timeout_ms: 1_000,
        });
        say(Request::Inject {
            name: "one".to_owned(),
            handler: "ad".to_owned(),
            body: json!({}),
            timeout_ms: 1_000,
        });
        say(Request::Stop {
            name: "nobody".to_owned(),
        });
        say(Request::Describe {
            name: "one".to_owned(),
        });
        say(Request::Remove {
            name: "one".to_owned(),
            forget: true,
        });
        say(Request::Ps);
        told
    });
    let told = within(told).await.unwrap();
    let Update::Process(process) = told[0].1.last().unwrap() else {
        panic!("{told:?}");
    };
    assert_eq!(process.status, "running");
    assert!(
        process.url.starts_with("http://one-tally-tests.localhost:"),
        "{}",
        process.url
    );
    assert!(
        matches!(&told[1].1[..], [Update::Answer { status: 200, body }] if body == "2"),
        "{told:?}"
    );
    assert!(
        told[2].0.as_ref().unwrap_err().contains("`add`"),
        "{told:?}"
    );
    assert!(
        told[3]
            .0
            .as_ref()
            .unwrap_err()
            .contains("there are one:tally:tests"),
        "{told:?}"
    );
    assert!(matches!(&told[4].1[..], [Update::Interface(interface)] if interface.name == "Tally"));
    assert!(matches!(&told[5].1[..], [Update::Did { .. }]), "{told:?}");
    assert_eq!((told[5].0.clone(), told[6].1.len()), (Ok(()), 0));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_loaded_is_shown_with_its_reason_and_comes_back() {
    let home = tempfile::tempdir().unwrap();
    let node = open(home.path()).await;
    for name in [ONE, TWO] {
        node.install(name, tally(""), false, true).await.unwrap();
    }
    ask(&node, ONE, "add", json!({ "by": 3 })).await.unwrap();
    node.host().stop().await;
    drop(node);
    let components = home.path().join("components");
    let component = std::fs::read_dir(&components).unwrap().next().unwrap();
    let component = component.unwrap().path();
    let kept = std::fs::read(&component).unwrap();
    std::fs::write(&component, b"no component").unwrap();

    let served = Served::start(open(home.path()).await).await;
    let index = served.send("localhost", "GET /", "").await;
    assert!(
        index.contains("failed") && index.contains("is damaged; install it anew"),
        "{index}"
    );
    let told = within(tell(home.path(), Request::Ps)).await.unwrap();
    assert!(
        matches!(&told[..], [Update::Process(one), Update::Process(two)]
            if one.name == ONE && one.reason.as_deref().is_some_and(|reason| reason.contains("damaged"))
                && two.status == "failed"),
        "{told:?}"
    );
    let name = "one".to_owned();
    let logs = Request::Logs {
        name: name.clone(),
        most: 1,
        follow: false,
    };
    let refused = within(tell(home.path(), logs)).await.unwrap_err();
    assert!(
        refused.contains("`hyperstar start one:tally:tests`"),
        "{refused}"
    );
    let start = Request::Start { name };
    let refused = within(tell(home.path(), start.clone())).await.unwrap_err();
    assert!(refused.contains("damaged"), "{refused}");

    std::fs::write(&component, kept).unwrap();
    within(tell(home.path(), start)).await.unwrap();
    let page = served.send("one-tally-tests.localhost", "GET /", "").await;
    assert!(page.contains(r#"<p id="count">3</p>"#), "{page}");
    let remove = Request::Remove {
        name: "two".to_owned(),
        forget: true,
    };
    within(tell(home.path(), remove)).await.unwrap();
    let told = within(tell(home.path(), Request::Ps)).await.unwrap();
    assert!(
        matches!(&told[..], [Update::Process(one)] if one.status == "running"),
        "{told:?}"
    );
    served.stop().await;
}

/// What the node at `home` answers the command line.
async fn tell(home: &Path, request: Request) -> Result<Vec<Update>, String> {
    let home = home.to_owned();
    let told = tokio::task::spawn_blocking(move || {
        let mut control = Control::connect(&home)?;
        control.ask(&request)?.collect::<Result<Vec<_>, _>>()
    });
    told.await.unwrap().map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_one_nodes() {
    let home = tempfile::tempdir().unwrap();
    let node = open(home.path()).await;
    let second = Node::open(NodeConfig::new(home.path())).await;
    assert!(second.unwrap_err().to_string().contains("a node runs in"));
    drop(node);
    let refused = Control::connect(home.path()).unwrap_err().to_string();
    assert!(refused.contains("hyperstar node"), "{refused}");
}
