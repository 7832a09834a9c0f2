//! A turn is a transaction: what leaves it and when, what goes into it, what makes no sense.

use hyperstar_kernel::{Acknowledge, Action, CallId, Exclusive, Outcome, Spec, TaskId, TimerId};

use crate::host::{Does, Host, notify, set_timer};

#[test]
fn nothing_leaves_before_the_commit() {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.commits_by_itself = false;
    host.ask(1, "a", "x");
    host.check(&["turn a: t0 do `x` from outside"]);
    let actions = vec![
        host.call(7, 0, "b", "call"),
        notify(1, "b", "note"),
        set_timer(1, 0),
        host.respond(0, "done"),
    ];
    host.changed("a", actions);
    host.wait(1);
    host.check(&["commit a +1 b `note`"]);
    host.committed("a", Ok(()));
    host.wait(1);
    host.check(&[
        "answer 1: `done`",
        "turn b: t1 do `call` from a, t2 do `note` from a",
        "turn a: timer 1",
    ]);
}

#[test]
fn a_failed_commit_undoes_the_turn() {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.commits_by_itself = false;
    host.ask(1, "a", "x");
    host.skip();
    let actions = vec![
        host.call(7, 0, "b", "y"),
        notify(1, "b", "z"),
        host.respond(0, "done"),
    ];
    host.changed("a", actions);
    host.committed("a", Err("disk full"));
    host.check(&[
        "commit a +1 b `z`",
        "kill a",
        "answer 1: Crashed",
        "exited a: crashed (the commit failed: disk full), stopped",
    ]);
    assert_eq!(host.kernel.load("a").unwrap().outbox, 0);
}

#[test]
fn a_turn_that_changes_nothing_needs_no_commit() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.ask(1, "a", "x");
    host.skip();
    host.unchanged("a", vec![host.respond(0, "read")]);
    host.check(&["answer 1: `read`"]);
}

#[test]
fn without_durable_answers_effects_leave_at_once_and_the_next_turn_waits_for_the_commit() {
    let spec = Spec {
        acknowledge: Acknowledge::Turn,
        ..Spec::default()
    };
    let mut host = Host::with(&[("a", spec)]);
    host.commits_by_itself = false;
    host.ask(1, "a", "x");
    host.ask(2, "a", "y");
    host.skip();
    host.changed("a", vec![host.respond(0, "done"), notify(1, "a", "z")]);
    host.check(&["answer 1: `done`", "commit a"]);
    host.committed("a", Ok(()));
    host.check(&["turn a: t1 do `y` from outside, t2 do `z` from a"]);
}

/// Four come at once, of which two are taken at a time.
fn come_by_twos(spec: Spec) {
    let mut host = Host::with(&[("a", spec)]);
    for ticket in 1..=4 {
        host.ask(ticket, "a", &ticket.to_string());
    }
    host.check(&["turn a: t0 do `1` from outside"]);
    host.unchanged("a", vec![]);
    host.check(&["turn a: t1 do `2` from outside, t2 do `3` from outside"]);
    host.unchanged("a", vec![]);
    host.check(&["turn a: t3 do `4` from outside"]);
}

#[test]
fn a_turn_takes_a_batch_and_no_more() {
    come_by_twos(Spec {
        turn_events_max: 2,
        ..Spec::default()
    });
}

#[test]
fn heavy_messages_do_not_come_all_at_once() {
    come_by_twos(Spec {
        turn_weight_bytes: 2,
        ..Spec::default()
    });
}

/// While an exclusive handler awaits something, other messages wait, those of its own turn too.
#[test]
fn an_exclusive_handler_has_the_process_for_itself() {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.ask(1, "a", "first");
    host.ask(2, "a", "second");
    host.ask(3, "a", "third");
    host.unchanged("a", vec![host.respond(0, "ok")]);
    host.check(&[
        "turn a: t0 do `first` from outside",
        "answer 1: `ok`",
        "turn a: t1 do `second` from outside, t2 do `third` from outside",
    ]);
    let actions = vec![
        host.call(7, 1, "b", "help"),
        Action::Defer { task: host.task(2) },
    ];
    host.done("a", actions, false, Exclusive::Task(host.task(1)));
    host.ask(4, "a", "fourth");
    host.check(&["turn b: t3 do `help` from a"]);
    host.unchanged("b", vec![host.respond(3, "here")]);
    host.check(&["turn a: reply 7 `here`"]);
    host.unchanged("a", vec![host.respond(1, "ok")]);
    host.check(&[
        "answer 2: `ok`",
        "turn a: t2 do `third` from outside, t4 do `fourth` from outside",
    ]);
}

#[test]
fn a_deferred_notification_is_not_seen() {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.ask(1, "a", "x");
    host.ask(2, "b", "y");
    host.changed("a", vec![notify(1, "b", "one"), notify(2, "b", "two")]);
    host.unchanged("b", vec![host.respond(1, "")]);
    host.skip();
    let (one, two) = (host.task(2), host.task(3));
    let actions = vec![Action::Defer { task: two }, set_timer(1, 5)];
    host.done("b", actions, true, Exclusive::Task(one));
    host.check(&["commit b seen a 1"]);
    assert_eq!(host.kernel.load("a").unwrap().outbox, 1);
    host.wait(5);
    host.unchanged("b", vec![host.respond(2, "")]);
    host.check(&["turn b: timer 1", "turn b: t4 do `two` from a"]);
    host.unchanged("b", vec![]);
    host.check(&["commit b seen a 2"]);
    assert_eq!(host.kernel.load("a").unwrap().outbox, 0);
}

#[test]
fn timers_come_once_can_be_moved_and_cancelled() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.ask(1, "a", "x");
    host.skip();
    let cancel = |id| Action::CancelTimer { id: TimerId(id) };
    let timers = vec![set_timer(1, 10), set_timer(2, 20), set_timer(3, 30)];
    host.unchanged("a", timers);
    assert_eq!(host.kernel.next_wake_ms(), Some(10));
    host.wait(10);
    host.check(&["turn a: timer 1"]);
    host.unchanged("a", vec![set_timer(2, 5), cancel(3), cancel(99)]);
    host.wait(5);
    host.check(&["turn a: timer 2"]);
    host.unchanged("a", vec![]);
    host.wait(100);
    host.check(&[]);
}

/// A timer that has come and was not told yet can still be cancelled or moved.
#[test]
fn a_timer_in_the_inbox_is_taken_back() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.ask(1, "a", "x");
    host.unchanged("a", vec![set_timer(1, 5), set_timer(2, 5)]);
    host.ask(2, "a", "y");
    host.skip();
    host.wait(5);
    let cancel = Action::CancelTimer { id: TimerId(1) };
    host.unchanged("a", vec![cancel, set_timer(2, 50)]);
    host.check(&[]);
    host.wait(50);
    host.check(&["turn a: timer 2"]);
}

#[track_caller]
fn check_nonsense(spec: Spec, actions: impl Fn(&Host) -> Vec<Does>, reason: &str) {
    let mut host = Host::with(&[("a", spec), ("b", Spec::default())]);
    host.ask(1, "a", "x");
    host.skip();
    host.changed("a", actions(&host));
    host.check(&[
        "kill a",
        "answer 1: Crashed",
        &format!("exited a: crashed ({reason}), stopped"),
    ]);
    assert_eq!(host.kernel.load("a").unwrap().outbox, 0);
    assert_eq!(host.kernel.census().tasks, 0, "nothing of the turn is left");
}

#[test]
fn an_action_that_makes_no_sense_crashes_the_process() {
    let few = Spec {
        calls_max: 1,
        timers_max: 1,
        turn_actions_max: 4,
        ..Spec::default()
    };
    let defer = |host: &Host| Action::Defer { task: host.task(0) };
    let spec = Spec::default;
    check_nonsense(
        spec(),
        |_| {
            vec![Action::Respond {
                task: TaskId(77),
                result: Ok("?".to_owned()),
                weight_bytes: 1,
            }]
        },
        "task 77 is unknown: it was responded to, was cancelled in an earlier turn, or never was",
    );
    check_nonsense(
        spec(),
        |host| {
            vec![
                notify(1, "b", "x"),
                host.respond(0, "1"),
                host.respond(0, "2"),
            ]
        },
        "task 4294967296 was deferred or responded to already",
    );
    check_nonsense(
        spec(),
        |host| vec![host.call(1, 0, "b", "x"), host.call(1, 0, "b", "y")],
        "call 1 is in flight already: number calls anew",
    );
    check_nonsense(
        few.clone(),
        |host| (0..3).map(|id| host.call(id, 0, "b", "x")).collect(),
        "2 calls in flight: wait for replies first",
    );
    check_nonsense(
        few.clone(),
        |_| vec![set_timer(1, 1), set_timer(2, 1)],
        "more than 1 timers: set the next one when one has come",
    );
    check_nonsense(
        few,
        |_| (0..5).map(|_| set_timer(1, 1)).collect(),
        "5 actions in a turn, the most are 4",
    );
    check_nonsense(
        spec(),
        |_| vec![notify(1, &"n".repeat(257), "x")],
        "a name of 257 bytes, the most are 256",
    );
    check_nonsense(
        spec(),
        |host| vec![defer(host)],
        "it defers all that it was given, and no exclusive handler awaits anything",
    );
    check_nonsense(
        spec(),
        |host| vec![host.respond(0, "x"), defer(host)],
        "task 4294967296 cannot be deferred: it has begun in an earlier turn, or was responded to",
    );
}

#[test]
fn what_a_turn_has_no_room_for_comes_with_the_next() {
    let mut host = Host::with(&[("a", Spec::default())]);
    for ticket in 1..=3 {
        host.ask(ticket, "a", &ticket.to_string());
    }
    host.unchanged("a", vec![host.respond(0, "ok")]);
    host.skip();
    let deferred = vec![host.respond(1, "ok"), Action::Defer { task: host.task(2) }];
    host.done("a", deferred, true, Exclusive::No);
    host.committed("a", Ok(()));
    host.check(&[
        "commit a",
        "answer 2: `ok`",
        "turn a: t2 do `3` from outside",
    ]);
}

#[test]
fn a_message_cannot_be_deferred_before_a_later_one_of_the_same_sender() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.ask(1, "a", "1");
    host.ask(2, "a", "2");
    host.ask(3, "a", "3");
    host.unchanged("a", vec![host.respond(0, "ok")]);
    host.skip();
    let awaits = Exclusive::Task(host.task(2));
    host.done(
        "a",
        vec![Action::Defer { task: host.task(1) }],
        false,
        awaits,
    );
    assert!(
        host.lines()
            .iter()
            .any(|line| line.contains("not the next one of the same sender"))
    );
}

#[test]
fn an_older_life_is_not_heard() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.ask(1, "a", "x");
    host.stop("a");
    host.stop("a");
    let old = host.kernel.load("a").unwrap().incarnation;
    host.start("a");
    host.ask(2, "a", "y");
    host.check(&[
        "turn a: t0 do `x` from outside",
        "kill a",
        "answer 1: Stopped",
        "exited a: stopped, stopped",
        "start a",
        "turn a: t1 do `y` from outside",
    ]);
    let actions = vec![host.respond(1, "forged")];
    let outcome = Outcome::Done {
        actions,
        is_changed: false,
        exclusive: Exclusive::No,
    };
    host.ended("a", old, outcome);
    host.check(&[]);
    host.unchanged("a", vec![host.respond(1, "true")]);
    host.check(&["answer 2: `true`"]);
    host.unchanged("a", vec![Action::CancelCall { id: CallId(1) }]);
    host.check(&[]);
}
