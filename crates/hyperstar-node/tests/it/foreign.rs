//! Components of other languages, whose imports of WASI are met by stubs that grant nothing.

use hyperstar_native::instance::Crash;
use hyperstar_node::{Component, LoadError, LoadOptions};
use hyperstar_process::sys::Level;
use tokio::sync::OnceCell;

use crate::kit::{engine, guest_bytes, start};

async fn foreign() -> Component {
    static FOREIGN: OnceCell<Component> = OnceCell::const_new();
    let load = async || {
        let options = LoadOptions {
            stub_wasi: true,
            ..LoadOptions::default()
        };
        engine()
            .load(&guest_bytes("foreign"), options)
            .await
            .unwrap()
    };
    FOREIGN.get_or_init(load).await.clone()
}

#[tokio::test]
async fn wasi_is_met_only_where_that_is_asked_for() {
    let bytes = guest_bytes("foreign");
    let loaded = engine().load(&bytes, LoadOptions::default()).await;
    let error = loaded.unwrap_err();
    assert!(matches!(&error, LoadError::Import { .. }), "{error}");
    assert!(error.to_string().contains("stub_wasi"), "{error}");
}

#[tokio::test]
async fn nothing_is_granted() {
    let mut process = start(&foreign().await).await;
    for (handler, body, expected) in [
        ("environment", "", "[] [] None"),
        ("folders", "", "0"),
        ("socket", "", "\"access-denied\""),
        ("input", "", "Err(StreamError::Closed)"),
    ] {
        assert_eq!(process.ask(handler, body).await, expected, "{handler}");
    }
}

#[tokio::test]
async fn clocks_and_randomness_are_those_of_sys() {
    let mut process = start(&foreign().await).await;
    for (handler, body, expected) in [
        ("clocks", "", "1700000000 0 1700000000000000000"),
        ("random", "3", "[4, 4, 4]"),
        ("numbers", "", "404040404040404 (0, 0)"),
    ] {
        assert_eq!(process.ask(handler, body).await, expected, "{handler}");
    }
    let crash = process.send("random", "65537").await.unwrap_err();
    assert!(matches!(crash, Crash::Protocol(_)), "{crash:?}");
}

#[tokio::test]
async fn what_is_printed_goes_to_the_log() {
    let mut process = start(&foreign().await).await;
    let answer = process.ask("output", "one\n\ntwo\n").await;
    assert_eq!(answer, "Ok(65536) Ok(()) Ok(())");
    process.ask("error", "three").await;
    assert_eq!(
        process.host.logged(),
        [
            (Level::Info, "one".to_owned()),
            (Level::Info, "two".to_owned()),
            (Level::Error, "three".to_owned()),
        ]
    );
}

#[tokio::test]
async fn nothing_waits() {
    let mut process = start(&foreign().await).await;
    assert_eq!(process.ask("sleep", "").await, "true [0, 1]");
}

#[tokio::test]
async fn handles_are_bounded() {
    let mut process = start(&foreign().await).await;
    for _ in 0..5 {
        assert_eq!(process.ask("handles", "500").await, "500");
    }
    let crash = process.send("handles", "2000").await.unwrap_err();
    assert!(matches!(crash, Crash::Protocol(_)), "{crash:?}");
}

#[tokio::test]
async fn an_exit_is_the_end_of_the_process() {
    let mut process = start(&foreign().await).await;
    let crash = process.send("exit", "").await.unwrap_err();
    assert!(crash.to_string().contains("it ended itself"), "{crash}");
}
