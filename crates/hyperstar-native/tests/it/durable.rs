//! What was acknowledged is there afterwards, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyperstar_interface::Save;
use hyperstar_native::instance::Crash;
use hyperstar_native::{Host, Status};
use hyperstar_process::abi::{Action, CallError};
use hyperstar_store::Store;

use crate::scripted::{Scripted, answer, ask, ask_with, options, start, within};

const COUNTER: &str = "counter:counter:me";
const OTHER: &str = "other:counter:me";

#[tokio::test]
async fn what_was_answered_is_in_the_store() {
    let store = Store::memory();
    let host = Host::new("me", &store);
    start(&host, COUNTER, Scripted::counter()).await;
    for n in 1..=100 {
        assert_eq!(ask(&host, COUNTER, "").await.unwrap(), n.to_string());
        let kept: i64 = store
            .get("apps/me/counter/counter/state/f/count")
            .unwrap()
            .unwrap();
        assert_eq!(kept, n);
    }
}

#[tokio::test]
async fn another_host_on_the_same_store_goes_on() {
    let store = Store::memory();
    for n in 1..=5 {
        let host = Host::new("me", &store);
        start(&host, COUNTER, Scripted::counter()).await;
        assert_eq!(ask(&host, COUNTER, "").await.unwrap(), n.to_string());
        within(host.stop()).await;
    }
}

#[tokio::test]
async fn the_same_key_is_done_once_also_by_the_next_host() {
    let store = Store::memory();
    for _ in 0..3 {
        let host = Host::new("me", &store);
        start(&host, COUNTER, Scripted::counter()).await;
        for _ in 0..2 {
            let answered = ask_with(&host, COUNTER, "", Some("a/b: c")).await.unwrap();
            assert_eq!(answered, "1");
        }
        within(host.stop()).await;
    }
}

#[tokio::test]
async fn a_process_that_keeps_nothing_begins_anew() {
    let store = Store::memory();
    let host = Host::new("me", &store);
    let keeps_nothing = Scripted::new(|state, message, turn| {
        let count = state.add(turn, "count", 1);
        turn.changes.clear();
        answer(turn, message.task, &count.to_string());
        Ok(())
    });
    start(&host, COUNTER, keeps_nothing.save(Save::Never)).await;
    assert_eq!(ask(&host, COUNTER, "").await.unwrap(), "1");
    assert_eq!(ask(&host, COUNTER, "").await.unwrap(), "2");
    assert_eq!(
        store.list("apps/me/counter/counter/state").unwrap(),
        [""; 0]
    );
}

/// Tells `OTHER` of each message.
fn forwarder() -> Scripted {
    Scripted::new(|_, message, turn| {
        turn.actions.push(Action::Notify {
            to: OTHER.to_owned(),
            handler: "any".to_owned(),
            body: message.body,
        });
        answer(turn, message.task, "told");
        Ok(())
    })
}

#[test]
fn what_a_process_was_told_arrives_once_whoever_crashes() {
    let store = Store::memory();
    let crashes = Arc::new(AtomicBool::new(true));
    for _ in 0..10 {
        crash_after(async {
            let host = Host::new("me", &store);
            host.grant(1, COUNTER, OTHER, &[]);
            let crashes = crashes.clone();
            let crashing = Scripted::new(move |state, message, turn| {
                if crashes.fetch_not(Ordering::SeqCst) {
                    return Err(Crash::Trap {
                        message: "half of the time".to_owned(),
                        backtrace: String::new(),
                    });
                }
                let count = state.add(turn, "count", 1);
                answer(turn, message.task, &count.to_string());
                Ok(())
            });
            host.add(OTHER, Arc::new(crashing), &options()).unwrap();
            start(&host, COUNTER, forwarder()).await;
            // Nobody takes it yet: it waits on the disk.
            assert_eq!(ask(&host, COUNTER, "x").await.unwrap(), "told");
            let _ = within(host.start_process(OTHER)).await;
            assert_eq!(ask(&host, COUNTER, "x").await.unwrap(), "told");
        });
    }
    crash_after(async {
        let host = Host::new("me", &store);
        host.grant(1, COUNTER, OTHER, &[]);
        host.add(COUNTER, Arc::new(forwarder()), &options())
            .unwrap();
        start(&host, OTHER, Scripted::counter()).await;
        within(async {
            loop {
                let count: Option<i64> = store.get("apps/me/counter/other/state/f/count").unwrap();
                let count = count.unwrap_or(0);
                assert!(count <= 20, "{count} of 20 arrived");
                if count == 20 {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
    });
}

/// Runs a host until `work` is done, and ends it as a crash does: in the midst of whatever it does.
fn crash_after(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_secs(10));
}

#[tokio::test]
async fn a_call_is_answered_and_needs_a_grant() {
    let store = Store::memory();
    let host = Host::new("me", &store);
    let calling = Scripted::new(|state, message, turn| {
        state.on_reply.insert(message.task, message.task);
        turn.actions.push(Action::Call {
            id: message.task,
            task: message.task,
            to: OTHER.to_owned(),
            handler: "any".to_owned(),
            timeout_ms: 1_000,
            body: Vec::new(),
        });
        Ok(())
    });
    start(&host, COUNTER, calling).await;
    start(&host, OTHER, Scripted::counter()).await;
    let denied = ask(&host, COUNTER, "").await.unwrap();
    assert!(denied.contains("may not send"), "{denied}");
    host.grant(1, COUNTER, OTHER, &["any"]);
    assert_eq!(ask(&host, COUNTER, "").await.unwrap(), "1");
    host.revoke(1);
    let denied = ask(&host, COUNTER, "").await.unwrap();
    assert!(denied.contains("may not send"), "{denied}");
    // A grant that was taken back stays so.
    host.grant(1, COUNTER, OTHER, &["any"]);
    let denied = ask(&host, COUNTER, "").await.unwrap();
    assert!(denied.contains("may not send"), "{denied}");
}

#[tokio::test]
async fn who_asks_what_is_not_there_is_told() {
    let host = Host::new("me", &Store::memory());
    let asked = ask(&host, COUNTER, "").await;
    assert_eq!(asked, Err(CallError::NoProcess(COUNTER.to_owned())));
}

#[tokio::test]
async fn what_is_started_while_it_stops_runs() {
    let host = Host::new("me", &Store::memory());
    let slow = Scripted::new(|state, message, turn| {
        let count = state.add(turn, "slow", 1);
        answer(turn, message.task, &count.to_string());
        Ok(())
    });
    start(&host, COUNTER, slow).await;
    for n in 1..=3 {
        assert_eq!(ask(&host, COUNTER, "").await.unwrap(), n.to_string());
        host.stop_process(COUNTER).unwrap();
        assert_eq!(host.status(COUNTER).unwrap(), Status::Stopping);
        within(host.start_process(COUNTER)).await.unwrap();
        assert_eq!(host.status(COUNTER).unwrap(), Status::Running);
    }
    assert_eq!(ask(&host, COUNTER, "").await.unwrap(), "4");
    host.stop_process(COUNTER).unwrap();
    let removed = host.remove(COUNTER, false);
    let (started, removed) =
        within(async { tokio::join!(host.start_process(COUNTER), removed) }).await;
    removed.unwrap();
    started.unwrap_err();
}
