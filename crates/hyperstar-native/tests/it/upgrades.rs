//! From one program to the next, with the state that there is.

use std::sync::Arc;

use hyperstar_native::instance::Crash;
use hyperstar_native::{Host, HostError, Status};
use hyperstar_store::Store;

use crate::scripted::{Scripted, answer, ask, options, start, within};

const APP: &str = "app:app:me";

#[tokio::test]
async fn the_next_program_goes_on_with_the_state() {
    let host = Host::new("me", &Store::memory());
    start(&host, APP, Scripted::counter()).await;
    assert_eq!(ask(&host, APP, "").await.unwrap(), "1");
    let by_ten = Scripted::new(|state, message, turn| {
        let count = state.add(turn, "count", 10);
        answer(turn, message.task, &count.to_string());
        Ok(())
    });
    within(host.upgrade(APP, Arc::new(by_ten), &options()))
        .await
        .unwrap();
    assert_eq!(ask(&host, APP, "").await.unwrap(), "11");
}

#[tokio::test]
async fn one_that_does_not_start_changes_nothing() {
    let host = Host::new("me", &Store::memory());
    start(&host, APP, Scripted::counter()).await;
    assert_eq!(ask(&host, APP, "").await.unwrap(), "1");
    let refusing =
        Scripted::counter().on_start(|_| Err(Crash::Refused("the migration fails".to_owned())));
    let error = within(host.upgrade(APP, Arc::new(refusing), &options()))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, HostError::Upgrade { reason, .. } if reason.contains("the migration fails")),
        "{error}"
    );
    assert_eq!(ask(&host, APP, "").await.unwrap(), "2");
}

#[tokio::test]
async fn one_that_starts_on_trial_and_not_in_earnest_is_rolled_back() {
    let host = Host::new("me", &Store::memory());
    start(&host, APP, Scripted::counter()).await;
    assert_eq!(ask(&host, APP, "").await.unwrap(), "1");
    let starts = std::sync::atomic::AtomicU32::new(0);
    let fickle = Scripted::counter().on_start(move |_| {
        match starts.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err(Crash::Refused("not again".to_owned())),
        }
    });
    let error = within(host.upgrade(APP, Arc::new(fickle), &options()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("not again"), "{error}");
    assert_eq!(ask(&host, APP, "").await.unwrap(), "2");
}

#[tokio::test]
async fn what_was_removed_is_gone_and_its_state_only_if_told() {
    let store = Store::memory();
    let host = Host::new("me", &store);
    for (forget, expected) in [(false, "1"), (true, "2"), (false, "1")] {
        start(&host, APP, Scripted::counter()).await;
        assert_eq!(ask(&host, APP, "").await.unwrap(), expected);
        within(host.remove(APP, forget)).await.unwrap();
        assert!(host.status(APP).is_err());
    }
}

/// What a program does as it starts counts like any turn: the next one runs once that is accepted and durable.
#[tokio::test]
async fn one_whose_first_turn_is_refused_is_rolled_back() {
    let host = Host::new("me", &Store::memory());
    start(&host, APP, Scripted::counter()).await;
    assert_eq!(ask(&host, APP, "").await.unwrap(), "1");
    let mut setting = Scripted::counter();
    setting.timers = 2_000;
    let upgraded = within(host.upgrade(APP, Arc::new(setting), &options())).await;
    let error = upgraded.unwrap_err().to_string();
    assert!(error.contains("timers"), "{error}");
    assert_eq!(ask(&host, APP, "").await.unwrap(), "2");
    assert_eq!(host.status(APP).unwrap(), Status::Running);
}

#[tokio::test]
async fn one_that_is_stopped_while_it_starts_is_stopped() {
    let host = Host::new("me", &Store::memory());
    let own = host.clone();
    let stopping = Scripted::counter().on_start(move |_| {
        own.stop_process(APP).unwrap();
        Ok(())
    });
    host.add(APP, Arc::new(stopping), &options()).unwrap();
    within(host.start_process(APP)).await.unwrap_err();
    assert_eq!(host.status(APP).unwrap(), Status::Stopped);
    within(host.upgrade(APP, Arc::new(Scripted::counter()), &options()))
        .await
        .unwrap();
    within(host.start_process(APP)).await.unwrap();
    assert_eq!(ask(&host, APP, "").await.unwrap(), "1");
}
