//! What a process does wrong ends that process, with its reason, and nothing else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyperstar::{Hub, Platform};
use hyperstar_kernel::ExitPolicy;
use hyperstar_native::instance::Crash;
use hyperstar_native::{Ask, Host, HostError, Options, Status};
use hyperstar_process::abi::{Action, CallError, Change};
use hyperstar_store::Store;

use crate::scripted::{Scripted, answer, ask, options, question, start, within};

const BAD: &str = "bad:bad:me";
const GOOD: &str = "good:good:me";

/// Counts, but does what it is told first.
fn bad() -> Scripted {
    Scripted::new(|state, message, turn| {
        let count = state.add(turn, "count", 1);
        let change = |path: &str| Change {
            path: path.to_owned(),
            value: Some(b"1".to_vec()),
        };
        match &*String::from_utf8_lossy(&message.body) {
            "trap" => {
                return Err(Crash::Trap {
                    message: "as told".to_owned(),
                    backtrace: String::new(),
                });
            }
            "panic" => panic!("a mistake of the program"),
            "path" => turn
                .changes
                .push(change("../../../good/good/state/f/count")),
            "mail" => turn.changes.push(change("mail/x")),
            "twice" => answer(turn, message.task, "once"),
            "unknown" => answer(turn, message.task + 1_000, "who?"),
            _ => {}
        }
        answer(turn, message.task, &count.to_string());
        Ok(())
    })
}

#[tokio::test]
async fn a_crash_takes_its_turn_with_it_and_nothing_else() {
    let store = Store::memory();
    let host = Host::new("me", &store);
    start(&host, BAD, bad()).await;
    start(&host, GOOD, Scripted::counter()).await;
    let mut counted = 0;
    for (round, what) in ["trap", "panic", "path", "mail", "twice", "unknown"]
        .iter()
        .enumerate()
    {
        assert_eq!(
            ask(&host, BAD, what).await,
            Err(CallError::Crashed),
            "{what}"
        );
        // It is started again; what it had kept is there.
        let count = within(async {
            loop {
                match ask(&host, BAD, "").await {
                    Ok(count) => return count,
                    Err(CallError::Stopped | CallError::Crashed) => tokio::task::yield_now().await,
                    Err(error) => panic!("{what}: {error}"),
                }
            }
        })
        .await;
        counted += 1;
        assert_eq!(count, counted.to_string(), "after {what}");
        assert_eq!(ask(&host, GOOD, "").await.unwrap(), (round + 1).to_string());
    }
    let (lines, _) = host.logs(BAD, 100).unwrap();
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert!(
        texts.iter().any(|text| text.contains("as told")),
        "{texts:?}"
    );
    assert!(
        texts.iter().any(|text| text.contains("mail/x")),
        "{texts:?}"
    );
}

#[tokio::test]
async fn without_a_policy_it_stays_as_it_is_and_says_why() {
    let host = Host::new("me", &Store::memory());
    let options = Options {
        exit: ExitPolicy::None,
        ..options()
    };
    host.add(BAD, Arc::new(bad()), &options).unwrap();
    within(host.start_process(BAD)).await.unwrap();
    assert_eq!(ask(&host, BAD, "trap").await, Err(CallError::Crashed));
    let reason = match host.status(BAD).unwrap() {
        Status::Failed { reason } => reason,
        status => panic!("{status:?}"),
    };
    assert!(reason.contains("as told"), "{reason}");
    within(host.start_process(BAD)).await.unwrap();
    assert_eq!(ask(&host, BAD, "").await.unwrap(), "1");
}

#[tokio::test]
async fn one_that_does_not_start_says_why() {
    let host = Host::new("me", &Store::memory());
    let refusing = bad().on_start(|_| Err(Crash::Refused("no tea".to_owned())));
    let options = Options {
        exit: ExitPolicy::None,
        ..options()
    };
    host.add(BAD, Arc::new(refusing), &options).unwrap();
    let error = within(host.start_process(BAD)).await.unwrap_err();
    assert!(
        matches!(&error, HostError::Start { reason, .. } if reason.contains("no tea")),
        "{error}"
    );
}

#[tokio::test]
async fn names_are_checked() {
    let host = Host::new("me", &Store::memory());
    for name in [
        "", "a", "a:b", "a:b:c:d", "A:b:c", "a:b:..", "a:/:c", "a:b:c/d", ":b:c",
    ] {
        let added = host.add(name, Arc::new(bad()), &options());
        assert!(matches!(added, Err(HostError::Name { .. })), "{name}");
    }
    host.add("a.b:c-d:e_f.os", Arc::new(bad()), &options())
        .unwrap();
    let again = host.add("a.b:c-d:e_f.os", Arc::new(bad()), &options());
    assert!(matches!(again, Err(HostError::Taken(_))));
}

#[tokio::test]
async fn who_asks_may_go() {
    let host = Host::new("me", &Store::memory());
    // Never answers.
    start(&host, BAD, Scripted::new(|_, _, _| Ok(()))).await;
    let ask = hyperstar_native::Ask {
        origin: hyperstar_process::abi::Origin::Owner,
        handler: "any".to_owned(),
        body: Vec::new(),
        timeout_ms: 60_000,
        key: None,
    };
    let waited = tokio::time::timeout(Duration::from_millis(50), host.ask(BAD, ask.clone())).await;
    assert!(waited.is_err());
    let short = hyperstar_native::Ask {
        timeout_ms: 20,
        ..ask
    };
    assert_eq!(within(host.ask(BAD, short)).await, Err(CallError::Timeout));
}

#[tokio::test]
async fn an_exit_is_told() {
    let host = Host::new("me", &Store::memory());
    let leaving = Scripted::new(|_, message, turn| {
        answer(turn, message.task, "bye");
        turn.actions.push(Action::Exit("all is done".to_owned()));
        Ok(())
    });
    start(&host, BAD, leaving).await;
    assert_eq!(ask(&host, BAD, "").await.unwrap(), "bye");
    within(async {
        while host.status(BAD).unwrap() != Status::Stopped {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (lines, _) = host.logs(BAD, 10).unwrap();
    assert!(
        lines.iter().any(|line| line.text.contains("all is done")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn who_asks_and_does_not_wait_holds_up_nobody() {
    let host = Host::new("me", &Store::memory());
    start(&host, GOOD, Scripted::counter()).await;
    let first = host.ask(GOOD, question(""));
    assert_eq!(ask(&host, GOOD, "").await.unwrap(), "2");
    drop(host.ask(GOOD, question("")));
    assert_eq!(within(first).await.unwrap().body, b"1");
}

#[tokio::test]
async fn a_clock_that_is_set_back_holds_up_nothing() {
    let now_ms = Arc::new(AtomicU64::new(10_000_000));
    let clock = now_ms.clone();
    let began = Instant::now();
    let platform = Platform::new(
        |bytes| {
            bytes.fill(7);
            Ok(())
        },
        move || clock.load(Ordering::Relaxed) + began.elapsed().as_millis() as u64,
    );
    let store = Store::memory();
    let host = Host::with("me", &store, &Hub::new(), platform);
    let deadlines = Arc::new(Mutex::new(Vec::new()));
    let seen = deadlines.clone();
    let mute = Scripted::new(move |_, message, turn| {
        seen.lock().unwrap().push(message.deadline_ms);
        match &*message.body {
            b"trap" => Err(Crash::Trap {
                message: "as told".to_owned(),
                backtrace: String::new(),
            }),
            b"answer" => {
                answer(turn, message.task, "here");
                Ok(())
            }
            _ => Ok(()),
        }
    });
    start(&host, BAD, mute).await;
    let hurried = || {
        let question = Ask {
            timeout_ms: 30,
            ..question("")
        };
        within(host.ask(BAD, question))
    };
    assert_eq!(hurried().await.unwrap_err(), CallError::Timeout);
    now_ms.store(1_000_000, Ordering::Relaxed);
    assert_eq!(hurried().await.unwrap_err(), CallError::Timeout);
    // What a process is told is by the clock that it reads itself.
    let last = *deadlines.lock().unwrap().last().unwrap();
    assert!((1_000_030..1_100_000).contains(&last), "{last}");
    ask(&host, BAD, "trap").await.unwrap_err();
    within(async {
        while ask(&host, BAD, "answer").await != Ok("here".to_owned()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}
