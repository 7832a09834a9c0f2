//! Requests that are sent again with the same key.

use hyperstar_kernel::{CallError, Input, KernelLimits, KeyEntry, Memory, Request, Spec};

use crate::host::{Host, request};

#[test]
fn a_key_runs_once_and_everybody_hears_the_outcome() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.commits_by_itself = false;
    host.ask_with_key(1, "a", "k");
    host.ask_with_key(2, "a", "k");
    host.check(&["turn a: t0 do `keyed` from outside"]);
    host.unchanged("a", vec![host.respond(0, "once")]);
    host.ask_with_key(3, "a", "k");
    host.check(&["commit a ended k `once`"]);
    host.committed("a", Ok(()));
    host.check(&["answer 2: `once`", "answer 3: `once`", "answer 1: `once`"]);
    host.ask_with_key(4, "a", "k");
    host.check(&["answer 4: `once`"]);
}

#[test]
fn that_a_key_has_begun_is_durable_and_interrupted_it_is_crashed() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.ask_with_key(1, "a", "k");
    host.unchanged("a", vec![]);
    host.check(&["turn a: t0 do `keyed` from outside", "commit a began k"]);
    host.ask(2, "a", "x");
    host.skip();
    host.traps("a");
    host.start("a");
    host.skip();
    host.ask_with_key(3, "a", "k");
    host.check(&["answer 3: Crashed"]);
}

#[test]
fn a_key_that_was_not_committed_is_new_again() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.ask_with_key(1, "a", "k");
    host.traps("a");
    host.start("a");
    host.skip();
    host.ask_with_key(2, "a", "k");
    host.check(&["turn a: t1 do `keyed` from outside"]);
}

#[test]
fn outcomes_come_back_with_the_memory() {
    let mut host = Host::new();
    let entry = |key: &str, outcome| KeyEntry {
        key: key.into(),
        outcome,
        weight_bytes: 1,
    };
    let denied = Err(CallError::Denied("no".to_owned()));
    let keys = vec![
        entry("done", Some(Ok("yes".to_owned()))),
        entry("denied", Some(denied)),
        entry("begun", None),
    ];
    let memory = Memory {
        keys,
        ..Memory::default()
    };
    host.restore("a", Spec::default(), memory);
    for (ticket, key) in ["done", "denied", "begun"].into_iter().enumerate() {
        host.ask_with_key(ticket as u64, "a", key);
    }
    host.check(&[
        "answer 0: `yes`",
        "answer 1: Denied(\"no\")",
        "answer 2: Crashed",
    ]);
}

#[test]
fn the_oldest_outcomes_are_let_go() {
    let mut host = Host::with(&[(
        "a",
        Spec {
            keys_max: 2,
            ..Spec::default()
        },
    )]);
    for (number, key) in ["k0", "k1", "k2", "k3"].into_iter().enumerate() {
        host.ask_with_key(number as u64, "a", key);
        host.skip();
        host.unchanged("a", vec![host.respond(number, key)]);
        host.check(&[
            &format!(
                "commit a ended {key} `{key}`{}",
                ["", "", " forget k0", " forget k1"][number]
            ),
            &format!("answer {number}: `{key}`"),
        ]);
    }
    assert_eq!(host.kernel.load("a").unwrap().keys, 2);
    host.ask_with_key(9, "a", "k3");
    host.check(&["answer 9: `k3`"]);
}

/// An outcome that is let go in memory and not in the store would stay there for ever.
#[test]
fn what_crashes_leave_behind_is_let_go_by_a_commit() {
    let mut host = Host::with(&[(
        "a",
        Spec {
            keys_max: 1,
            ..Spec::default()
        },
    )]);
    for (number, key) in ["k0", "k1"].into_iter().enumerate() {
        host.ask_with_key(number as u64, "a", key);
        host.unchanged("a", vec![]);
    }
    host.ask(2, "a", "x");
    host.skip();
    host.traps("a");
    assert_eq!(host.kernel.load("a").unwrap().keys, 2);
    host.skip();
    host.start("a");
    host.check(&["start a", "commit a forget k0"]);
    assert_eq!(host.kernel.load("a").unwrap().keys, 1);
    host.ask(3, "a", "y");
    host.unchanged("a", vec![host.respond(3, "z")]);
    host.check(&["turn a: t3 do `y` from outside", "answer 3: `z`"]);
}

#[test]
fn heavy_outcomes_are_let_go_sooner() {
    let spec = Spec {
        keys_weight_bytes_max: 10,
        ..Spec::default()
    };
    let mut host = Host::with(&[("a", spec)]);
    for (number, (key, says, forgets)) in [
        ("k0", "1234", ""),
        ("k1", "1234", ""),
        ("k2", "12", ""),
        ("k3", "1", " forget k0"),
        ("k4", "1234567890", " forget k1 forget k2 forget k3"),
        ("k5", "1", " forget k4"),
    ]
    .into_iter()
    .enumerate()
    {
        host.ask_with_key(number as u64, "a", key);
        host.skip();
        host.unchanged("a", vec![host.respond(number, says)]);
        host.check(&[
            &format!("commit a ended {key} `{says}`{forgets}"),
            &format!("answer {number}: `{says}`"),
        ]);
    }
    host.ask_with_key(9, "a", "k5");
    host.check(&["answer 9: `1`"]);
}

/// Whoever waits gets it, and others keep their places.
#[test]
fn of_an_outcome_that_is_too_heavy_it_is_recorded_that_it_was() {
    let spec = Spec {
        keys_weight_bytes_max: 10,
        key_weight_bytes_max: 4,
        ..Spec::default()
    };
    let mut host = Host::with(&[("a", spec)]);
    host.ask_with_key(0, "a", "k0");
    host.unchanged("a", vec![host.respond(0, "1234")]);
    host.ask_with_key(1, "a", "k1");
    host.ask_with_key(2, "a", "k1");
    host.skip();
    host.unchanged("a", vec![host.respond(1, "far more than four")]);
    let kept = "Malformed(\"it was done before, and its answer of 18 bytes was too much to keep: \
                ask with another key, if it may be done again\")";
    host.check(&[
        &format!("commit a ended k1 {kept}"),
        "answer 2: `far more than four`",
        "answer 1: `far more than four`",
    ]);
    host.ask_with_key(3, "a", "k1");
    host.ask_with_key(4, "a", "k0");
    host.check(&[&format!("answer 3: {kept}"), "answer 4: `1234`"]);
}

#[test]
fn whoever_joined_keeps_a_request_alive() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.ask_with_key(1, "a", "k");
    host.ask_with_key(2, "a", "k");
    host.unchanged("a", vec![]);
    host.skip();
    host.cancel(1);
    host.check(&[]);
    host.cancel(2);
    host.check(&["turn a: cancel t0"]);
    host.unchanged("a", vec![]);
    host.ask_with_key(3, "a", "k");
    host.check(&["answer 3: Crashed"]);
}

#[test]
fn whoever_joins_has_a_deadline_of_its_own() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.ask_with_key(1, "a", "k");
    host.skip();
    host.feed(Input::Request(Request {
        key: Some("k".into()),
        timeout_ms: Some(5),
        ..request(2, "a", "x")
    }));
    host.wait(5);
    host.check(&["answer 2: Timeout"]);
}

#[test]
fn keys_have_bounds() {
    let limits = KernelLimits {
        joiners_max: 1,
        key_bytes_max: 4,
        ..KernelLimits::default()
    };
    let mut host = Host::with_limits(limits);
    host.add("a", Spec::default());
    host.start("a");
    host.skip();
    host.ask_with_key(1, "a", "long?");
    host.check(&["answer 1: Malformed(\"a key of 5 bytes, the most are 4: take its hash\")"]);
    for ticket in 2..=4 {
        host.ask_with_key(ticket, "a", "k");
    }
    host.check(&["turn a: t0 do `keyed` from outside", "answer 4: Busy"]);
}
