//! Whatever a process does wrong ends it, with a reason, and the others go on.

use hyperstar_node::{Crash, Limits};
use hyperstar_process::abi::Start;
use hyperstar_process::sys::Level;

use crate::kit::{Process, probe, start, start_within, try_start};
use crate::turns::request;

/// Sends a message that crashes the process, and checks that it is over, and another one is not.
async fn crash_of(handler: &str, body: &str, limits: Limits) -> Crash {
    let program = probe().await;
    let mut neighbour = start(&program).await;
    assert_eq!(neighbour.ask("count", "").await, "1");
    let mut process = start_within(&program, limits).await;
    let crash = process.send(handler, body).await.unwrap_err();
    is_over(&mut process).await;
    assert_eq!(neighbour.ask("count", "").await, "2");
    let mut next = start(&program).await;
    assert_eq!(next.ask("count", "").await, "1");
    crash
}

async fn is_over(process: &mut Process) {
    let after = process.send("echo", "x").await.unwrap_err();
    let Crash::Host(text) = after else {
        panic!("it goes on: {after:?}");
    };
    assert!(text.contains("start it anew"), "{text}");
}

#[tokio::test]
async fn a_panic_says_what_and_where() {
    let crash = crash_of("panic", "no bread", Limits::default()).await;
    let Crash::Trap { message, backtrace } = crash else {
        panic!("{crash:?}");
    };
    assert!(message.contains("no bread"), "{message}");
    assert!(message.contains("probe/src/lib.rs"), "{message}");
    // Which of its functions are left depends on what was inlined.
    assert!(backtrace.contains("probe::"), "{backtrace}");
}

#[tokio::test]
async fn an_endless_loop_runs_out_of_time() {
    let limits = Limits {
        turn_ms_max: 20,
        ..Limits::default()
    };
    let crash = crash_of("spin", "", limits).await;
    assert_eq!(crash, Crash::OutOfTime { ms: 20 });
}

#[tokio::test]
async fn an_allocation_bomb_runs_out_of_memory() {
    let limits = Limits::default();
    let bytes_max = limits.memory_bytes_max;
    let crash = crash_of("allocate", "", limits).await;
    assert_eq!(crash, Crash::OutOfMemory { bytes_max });
}

#[tokio::test]
async fn endless_recursion_overflows_its_stack_alone() {
    let crash = crash_of("recurse", "", Limits::default()).await;
    // The stack in its memory or the one of its calls, whichever is smaller.
    let is_overflow = match &crash {
        Crash::StackOverflow => true,
        Crash::Trap { message, .. } => message.contains("out of bounds memory access"),
        _ => false,
    };
    assert!(is_overflow, "{crash:?}");
}

#[tokio::test]
async fn too_much_in_one_answer_is_refused() {
    let limits = Limits {
        turn_bytes_max: 1 << 20,
        actions_max: 100,
        ..Limits::default()
    };
    for (handler, body, expected) in [
        ("huge", "2000000", "too much data"),
        (
            "many",
            "101",
            "it answered 102 actions in one turn, and may answer 100",
        ),
        (
            "changes",
            "101",
            "it answered 101 changes in one turn, and may answer 100",
        ),
        (
            "random",
            "4097",
            "it asked for 4097 random bytes at once; ask for at most 4096",
        ),
    ] {
        let crash = crash_of(handler, body, limits.clone()).await;
        let Crash::Protocol(text) = crash else {
            panic!("{handler}: {crash:?}");
        };
        assert!(text.contains(expected), "{handler}: {text}");
    }
}

#[tokio::test]
async fn as_much_as_is_allowed_passes() {
    let limits = Limits {
        turn_bytes_max: 1 << 20,
        actions_max: 100,
        ..Limits::default()
    };
    let mut process = start_within(&probe().await, limits).await;
    for (handler, body) in [
        ("huge", "1000000"),
        ("many", "99"),
        ("changes", "100"),
        ("random", "4096"),
    ] {
        let turn = process.send(handler, body).await;
        assert!(turn.is_ok(), "{handler}: {turn:?}");
    }
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_off_for_one_turn() {
    let limits = Limits {
        log_bytes_per_turn_max: 100,
        ..Limits::default()
    };
    let mut process = start_within(&probe().await, limits).await;
    for _ in 0..2 {
        process.send("flood", "100000").await.unwrap();
        let logged = std::mem::take(&mut *process.host.log.lock().unwrap());
        let line = "the same line, again and again";
        assert_eq!(
            logged,
            [
                (Level::Warn, line.to_owned()),
                (Level::Warn, line.to_owned()),
                (Level::Warn, line.to_owned()),
                (Level::Warn, line[..10].to_owned()),
                (
                    Level::Warn,
                    "the rest of this turn's log is left out: it is over 100 bytes".to_owned()
                ),
            ]
        );
    }
}

#[tokio::test]
async fn a_start_that_fails_says_why() {
    let program = probe().await;
    let limits = Limits {
        init_ms_max: 20,
        ..Limits::default()
    };
    for (node, expected) in [
        ("refuse", "there is no database"),
        ("trap", "the start fails"),
        ("spin", "it computed for more than 20 ms"),
    ] {
        let start = Start {
            node: node.into(),
            ..Start::default()
        };
        let Err(crash) = try_start(&program, start, limits.clone()).await else {
            panic!("{node}: it starts");
        };
        assert!(crash.to_string().contains(expected), "{node}: {crash}");
        assert_eq!(node == "refuse", matches!(crash, Crash::Refused(_)));
    }
}

#[tokio::test]
async fn a_page_that_fails_ends_the_process() {
    let program = probe().await;
    let limits = Limits {
        render_ms_max: 20,
        ..Limits::default()
    };
    for (path, expected) in [
        ("/trap", "the page fails"),
        ("/spin", "it computed for more than 20 ms"),
    ] {
        let mut process = start_within(&program, limits.clone()).await;
        let crash = process.instance.render(request(path)).await.unwrap_err();
        assert!(crash.to_string().contains(expected), "{path}: {crash}");
        is_over(&mut process).await;
    }
}

#[tokio::test]
async fn memory_is_told() {
    let mut process = start(&probe().await).await;
    let before = process.instance.memory_bytes();
    process.send("hold", "3000000").await.unwrap();
    let after = process.instance.memory_bytes();
    assert!(after >= before + 2_900_000, "{before} {after}");
}
