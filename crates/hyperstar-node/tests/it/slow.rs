//! What takes long gives way to the others.

use std::sync::Arc;
use std::time::Duration;

use hyperstar_node::{Crash, Limits};

use crate::kit::{Process, message, probe, start, start_within};

/// The threads on which a turn logged, in order.
async fn threads(process: &mut Process, steps: &str) -> Vec<String> {
    let events = vec![
        message(1, "log", "at first"),
        message(2, "compute", steps),
        message(3, "log", "at last"),
    ];
    process.instance.turn(events).await.unwrap();
    std::mem::take(&mut *process.host.threads.lock().unwrap())
}

/// Some hundred milliseconds, on any machine.
const LONG: &str = "30000000";

#[tokio::test]
async fn a_long_turn_goes_on_in_the_slow_lane() {
    let mut process = start(&probe().await).await;
    let here = std::thread::current().name().unwrap().to_owned();
    let lane = "hyperstar-slow".to_owned();
    until_it_stays(&mut process, &here).await;
    assert_eq!(threads(&mut process, LONG).await, [&here[..], &lane]);
    // Who was slow begins there, until it is quick again.
    assert_eq!(threads(&mut process, "1").await[0], lane);
    until_it_stays(&mut process, &here).await;
}

/// Does short turns until one stays on this thread: on a busy machine a slice may pass while nothing runs.
async fn until_it_stays(process: &mut Process, here: &str) {
    for _ in 0..1_000 {
        if threads(process, "1").await == [here, here] {
            return;
        }
    }
    panic!("no short turn stays on its thread");
}

#[tokio::test]
async fn a_spinning_process_leaves_the_thread_to_others() {
    let program = probe().await;
    let limits = Limits {
        turn_ms_max: 300,
        ..Limits::default()
    };
    let mut spinner = start_within(&program, limits).await;
    let mut other = start(&program).await;
    let (crash, turns) = tokio::join!(spinner.send("spin", ""), async {
        let mut turns = 0;
        for _ in 0..1_000 {
            other.ask("count", "").await;
            turns += 1;
            tokio::task::yield_now().await;
        }
        turns
    });
    assert_eq!(crash, Err(Crash::OutOfTime { ms: 300 }));
    assert_eq!(turns, 1_000);
}

#[tokio::test]
async fn several_slow_turns_take_turns() {
    let program = probe().await;
    let limits = Limits {
        turn_ms_max: 60_000,
        ..Limits::default()
    };
    let mut spinner = start_within(&program, limits).await;
    let mut other = start(&program).await;
    let spin = spinner.send("spin", "");
    let compute = other.send("compute", LONG);
    // The spinner came first and would stay for a minute.
    tokio::select! {
        biased;
        crash = spin => panic!("{crash:?}"),
        turn = compute => assert!(turn.is_ok()),
    }
}

#[tokio::test]
async fn a_turn_that_nobody_waits_for_ends() {
    let limits = Limits {
        turn_ms_max: 3_600_000,
        ..Limits::default()
    };
    let mut process = start_within(&probe().await, limits).await;
    let dropped = tokio::time::timeout(Duration::from_millis(20), process.send("spin", ""));
    assert!(dropped.await.is_err());
    let after = process.send("echo", "x").await.unwrap_err();
    assert!(after.to_string().contains("start it anew"), "{after}");
    // Its store, and what that holds of the host, is given back.
    let Process { host, instance } = process;
    let is_freed = async {
        while Arc::strong_count(&host) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let freed = tokio::time::timeout(Duration::from_secs(20), is_freed).await;
    assert!(freed.is_ok(), "it still runs");
    drop(instance);
}
