//! An app in Python: its runtime comes with it, it calls apps by their WIT, and is a process as any other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hyperstar_interface::{Interface, Wit};
use hyperstar_node::NodeError;
use serde_json::json;
use tokio::sync::OnceCell;

use crate::node::{ONE, Served, TWO, ask, open, tally, within};

const SUM: &str = "sum:sum:tests";

/// The component of `tests/python/app.py`, which calls Tally.
async fn sum(tally: &Interface) -> &'static [u8] {
    static BUILT: OnceCell<Vec<u8>> = OnceCell::const_new();
    let wit = Wit::new(tally).to_string();
    let build = async || {
        tokio::task::spawn_blocking(move || build(&wit))
            .await
            .unwrap()
    };
    BUILT.get_or_init(build).await
}

/// What `cargo xtask ci wasm` puts there.
fn componentize_py() -> PathBuf {
    let found = match std::env::var_os("COMPONENTIZE_PY") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../target/tools/python/bin/componentize-py"),
    };
    assert!(
        found.is_file(),
        "there is no {}, which makes components of Python: run `cargo xtask ci wasm`, or name one in the \
         environment variable COMPONENTIZE_PY",
        found.display()
    );
    found
}

fn build(tally: &str) -> Vec<u8> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("wit/deps")).unwrap();
    fs::copy(tests.join("world.wit"), at("wit/world.wit")).unwrap();
    fs::copy(tests.join("app.py"), at("app.py")).unwrap();
    let process = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/process.wit");
    fs::copy(process, at("wit/deps/process.wit")).unwrap();
    fs::write(at("wit/deps/tally.wit"), tally).unwrap();
    let output = Command::new(componentize_py())
        .args(["--wit-path", "wit", "--world", "app"])
        .args(["componentize", "app", "--output", "app.wasm"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::read(at("app.wasm")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_in_python_is_a_process_and_calls_others_by_their_wit() {
    let home = tempfile::tempdir().unwrap();
    let served = Served::start(open(home.path()).await).await;
    let node = served.node.clone();
    node.install(ONE, tally(""), false, true).await.unwrap();
    node.install(TWO, tally(""), false, true).await.unwrap();
    let component = sum(&node.host().interface(ONE).unwrap()).await;
    let installed = node.install(SUM, component, false, true).await;
    assert!(
        matches!(&installed, Err(NodeError::Load { source, .. }) if source.to_string().contains("stub_wasi")),
        "its runtime imports WASI: {installed:?}"
    );
    node.install(SUM, component, true, true).await.unwrap();

    // Calls, by functions.
    ask(&node, ONE, "add", json!({ "by": 30 })).await.unwrap();
    ask(&node, TWO, "add", json!({ "by": 12 })).await.unwrap();
    let collected = ask(&node, SUM, "collect", json!({ "of": [ONE, TWO] })).await;
    assert_eq!(collected, Ok(json!(42)));
    let gone = ask(&node, SUM, "collect", json!({ "of": [ONE, "gone:a:b"] })).await;
    assert_eq!(gone, Ok(json!({ "failed": "CallError_NoProcess" })));
    let give = json!({ "to": ONE, "by": 1 });
    let given = ask(&node, SUM, "give", give.clone()).await;
    assert_eq!(given, Ok(json!({ "failed": "CallError_Denied" })));
    node.grant(SUM, ONE, &["add".to_owned()]).unwrap();
    assert_eq!(ask(&node, SUM, "give", give).await, Ok(json!(31)));

    assert_eq!(
        ask(&node, SUM, "collect", json!({ "of": [] })).await,
        Ok(json!(42))
    );

    // It has a page, and nothing of the machine.
    let page = served.send("sum-sum-tests.localhost", "GET /", "").await;
    assert!(page.contains(r#"<p id="total">42</p>"#), "{page}");
    let seen = ask(&node, SUM, "look_around", json!({})).await.unwrap();
    assert_eq!(
        seen,
        json!(r#"[[], "FileNotFoundError", "FileNotFoundError"]"#)
    );
    let (lines, _) = node.host().logs(SUM, 100).unwrap();
    assert!(
        lines.iter().any(|line| line.text == "it looked around"),
        "{lines:?}"
    );

    // Whatever it does wrong ends it alone; what it answered is kept.
    for how in ["fail", "eat"] {
        assert!(ask(&node, SUM, how, json!({})).await.is_err(), "{how}");
        assert_eq!(ask(&node, TWO, "count", json!({})).await, Ok(json!(12)));
        within(async {
            while ask(&node, SUM, "collect", json!({ "of": [] })).await != Ok(json!(42)) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
    }
    let memory = node.host().memory_bytes(SUM).unwrap();
    assert!(memory < 64 << 20, "{memory}");
    drop(node);
    served.stop().await;

    // After a restart it is there again, and so is what it calls.
    let node = open(home.path()).await;
    let collected = ask(&node, SUM, "collect", json!({ "of": [ONE] })).await;
    assert_eq!(collected, Ok(json!(73)));
}
