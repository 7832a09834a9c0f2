//! Calls and requests: one reply, deadlines, cancels, cycles.

use hyperstar_kernel::{
    Action, CallError, CallId, Exclusive, Input, KernelLimits, Origin, Request, Spec,
};

use crate::host::{Host, request, set_timer};

/// `a` has a request and calls `b`, which has the message.
fn calling() -> Host {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.ask(1, "a", "x");
    host.unchanged("a", vec![host.call(7, 0, "b", "y")]);
    host.check(&["turn a: t0 do `x` from outside", "turn b: t1 do `y` from a"]);
    host
}

#[test]
fn a_reply_goes_back_along_the_chain() {
    let mut host = calling();
    host.unchanged("b", vec![host.respond(1, "2")]);
    host.check(&["turn a: reply 7 `2`"]);
    host.unchanged("a", vec![host.respond(0, "1")]);
    host.check(&["answer 1: `1`"]);
    assert_eq!(host.kernel.census().tasks, 0);
}

#[test]
fn a_call_ends_by_the_deadline_of_what_it_is_for() {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.feed(Input::Request(Request {
        timeout_ms: Some(50),
        ..request(1, "a", "x")
    }));
    host.unchanged("a", vec![host.call(7, 0, "b", "y")]);
    host.skip();
    host.wait(49);
    host.check(&[]);
    host.wait(1);
    host.check(&["answer 1: Timeout", "turn a: cancel t0, reply 7 Timeout"]);
    // The answers come too late for anybody.
    host.unchanged("a", vec![]);
    host.unchanged("b", vec![host.respond(1, "late")]);
    host.check(&[]);
    assert_eq!(host.kernel.census().tasks, 0);
}

#[test]
fn a_task_that_is_told_of_its_cancel_can_respond_in_that_turn_and_not_later() {
    let mut host = calling();
    host.cancel(1);
    host.check(&["turn a: cancel t0"]);
    host.unchanged("a", vec![host.respond(0, "in time, for nobody")]);
    host.check(&[]);
    host.unchanged("b", vec![]);
    host.wait(30_000);
    host.check(&["turn a: reply 7 Timeout", "turn b: cancel t1"]);
    host.unchanged("b", vec![]);
    host.ask(2, "b", "z");
    host.skip();
    host.unchanged("b", vec![host.respond(1, "too late")]);
    assert!(host.lines()[0].contains("kill b"));
}

#[test]
fn what_waits_is_taken_back_when_nobody_waits_for_it() {
    let mut host = calling();
    host.ask(2, "b", "waits");
    assert_eq!(host.kernel.load("b").unwrap().waiting, 1);
    host.cancel(2);
    assert_eq!(host.kernel.load("b").unwrap().waiting, 0);
    let cancel = Action::CancelCall { id: CallId(8) };
    host.ask(3, "a", "z");
    host.skip();
    host.unchanged("b", vec![]);
    host.check(&[]);
    host.unchanged("a", vec![host.call(8, 0, "b", "never sent"), cancel]);
    host.check(&[]);
}

#[test]
fn a_cancelled_call_has_no_reply() {
    let mut host = calling();
    host.ask(2, "a", "now cancel");
    host.check(&["turn a: t2 do `now cancel` from outside"]);
    host.unchanged("b", vec![host.respond(1, "just now")]);
    host.check(&[]);
    let cancel = Action::CancelCall { id: CallId(7) };
    host.unchanged("a", vec![cancel]);
    host.check(&[]);
    assert_eq!(host.kernel.load("a").unwrap().calls, 0);
}

#[test]
fn the_callee_of_a_cancelled_call_is_told() {
    let mut host = calling();
    host.ask(2, "a", "now cancel");
    host.unchanged("b", vec![]);
    host.skip();
    host.unchanged("a", vec![Action::CancelCall { id: CallId(7) }]);
    host.check(&["turn b: cancel t1"]);
}

#[test]
fn when_a_caller_dies_its_calls_are_cancelled() {
    let mut host = calling();
    host.unchanged("b", vec![]);
    host.ask(2, "a", "y");
    host.skip();
    host.traps("a");
    host.check(&[
        "kill a",
        "answer 1: Crashed",
        "answer 2: Crashed",
        "exited a: crashed (trap), stopped",
        "turn b: cancel t1",
    ]);
}

#[test]
fn when_a_callee_dies_its_caller_is_told() {
    let mut host = calling();
    host.traps("b");
    host.check(&[
        "kill b",
        "exited b: crashed (trap), stopped",
        "turn a: reply 7 Crashed",
    ]);
}

#[track_caller]
fn check_refused(to: &str, error: &str) {
    let mut host = Host::with(&[("a", Spec::default()), ("off", Spec::default())]);
    host.stop("off");
    host.unchanged("off", vec![]);
    host.ask(1, "a", "x");
    host.skip();
    host.unchanged("a", vec![host.call(7, 0, to, "y")]);
    host.check(&[&format!("turn a: reply 7 {error}")]);
    host.ask(2, to, "y");
    host.check(&[&format!("answer 2: {error}")]);
}

#[test]
fn a_call_that_cannot_be_taken_has_its_reply_at_once() {
    check_refused("nobody", "NoProcess");
    check_refused("off", "Stopped");
}

#[test]
fn too_many_calls_in_flight_are_busy() {
    let spec = Spec {
        calls_max: 2,
        ..Spec::default()
    };
    let mut host = Host::with(&[("a", spec), ("b", Spec::default())]);
    host.ask(1, "a", "x");
    host.skip();
    host.unchanged("a", (0..3).map(|id| host.call(id, 0, "b", "y")).collect());
    let lines = host.lines().join("\n");
    assert_eq!(lines.matches("Busy").count(), 1, "{lines}");
}

fn cycle(to: &str) -> String {
    let text = format!(
        "`{to}` waits for this call itself: make its handler a concurrent one, or answer first"
    );
    format!("{:?}", CallError::Cycle(text))
}

/// `a` has a request and calls `b`, which calls `a` back.
#[track_caller]
fn check_cycle(awaits: impl Fn(&Host) -> Exclusive, is_refused: bool) {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.ask(1, "a", "x");
    host.done("a", vec![host.call(7, 0, "b", "y")], false, awaits(&host));
    host.skip();
    host.unchanged("b", vec![host.call(8, 1, "a", "z")]);
    if is_refused {
        host.check(&[&format!("turn b: reply 8 {}", cycle("a"))]);
    } else {
        host.check(&["turn a: t2 do `z` from b"]);
    }
}

#[test]
fn a_call_that_would_wait_for_itself_is_refused() {
    check_cycle(|host| Exclusive::Task(host.task(0)), true);
    check_cycle(|_| Exclusive::Process, true);
    check_cycle(|_| Exclusive::No, false);
}

/// Another exclusive handler ends by itself, so the call only waits for it.
#[test]
fn a_call_waits_for_an_exclusive_handler_outside_its_chain() {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.ask(1, "a", "concurrent");
    host.unchanged("a", vec![host.call(7, 0, "b", "y")]);
    host.ask(2, "a", "exclusive");
    host.skip();
    host.done("a", vec![], false, Exclusive::Task(host.task(2)));
    host.unchanged("b", vec![host.call(8, 1, "a", "z")]);
    host.check(&[]);
    assert_eq!(host.kernel.load("a").unwrap().waiting, 1);
}

#[test]
fn a_call_that_waits_already_is_refused_when_it_becomes_a_cycle() {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.ask(1, "a", "x");
    host.unchanged("a", vec![host.call(7, 0, "b", "y")]);
    host.ask(2, "a", "busy");
    host.unchanged("b", vec![host.call(8, 1, "a", "back")]);
    host.skip();
    host.done("a", vec![], false, Exclusive::Task(host.task(0)));
    host.check(&[&format!("turn b: reply 8 {}", cycle("a"))]);
}

#[test]
fn a_process_that_calls_itself_exclusively_is_refused() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.ask(1, "a", "x");
    host.skip();
    let awaits = Exclusive::Task(host.task(0));
    host.done("a", vec![host.call(7, 0, "a", "me")], false, awaits);
    host.check(&[&format!("turn a: reply 7 {}", cycle("a"))]);
}

/// A ring of processes that run, each of which was asked something.
fn asked_ring(names: &[&str]) -> Host {
    let processes: Vec<_> = names.iter().map(|name| (*name, Spec::default())).collect();
    let mut host = Host::with(&processes);
    for (number, name) in names.iter().enumerate() {
        host.ask(number as u64, name, "x");
    }
    host.skip();
    host
}

/// Each calls the next one, and the last one the first.
#[track_caller]
fn check_ring(names: &[&str], awaits: impl Fn(&Host, usize) -> Exclusive, is_refused: bool) {
    let mut host = asked_ring(names);
    let last = names.len() - 1;
    for (number, name) in names.iter().enumerate() {
        let next = names[(number + 1) % names.len()];
        let call = host.call(number as u64, number, next, "y");
        let exclusive = awaits(&host, number);
        if number == last {
            host.skip();
        }
        host.done(name, vec![call], false, exclusive);
    }
    if is_refused {
        let reply = format!("turn {}: reply {last} {}", names[last], cycle(names[0]));
        host.check(&[&reply]);
        // Then the others go on, each for the one before.
        host.unchanged(names[last], vec![host.respond(last, "no")]);
        assert!(host.lines().iter().any(|line| line.contains("`y`")));
    } else {
        assert!(host.lines().iter().all(|line| line.contains("`y`")));
        assert_eq!(host.lines().len(), 2, "{:?}", host.lines());
    }
}

#[test]
fn of_exclusive_handlers_that_call_each_other_the_later_is_refused() {
    let rings: [&[&str]; 3] = [&["a", "b"], &["a", "b", "c"], &["a", "b", "c", "d", "e"]];
    for names in rings {
        check_ring(names, |_, _| Exclusive::Process, true);
        check_ring(names, |host, one| Exclusive::Task(host.task(one)), true);
    }
}

#[test]
fn concurrent_handlers_may_call_each_other() {
    check_ring(&["a", "b"], |_, _| Exclusive::No, false);
    // One of them takes messages, so it ends by itself.
    let one = |_: &Host, number| [Exclusive::Process, Exclusive::No][number];
    let mut host = asked_ring(&["a", "b"]);
    host.done("a", vec![host.call(0, 0, "b", "y")], false, one(&host, 0));
    host.done("b", vec![host.call(1, 1, "a", "y")], false, one(&host, 1));
    host.check(&["turn b: t2 do `y` from a"]);
    host.unchanged("b", vec![host.respond(2, "z")]);
    host.check(&["turn a: reply 0 `z`"]);
    host.unchanged("a", vec![]);
    host.check(&["turn a: t3 do `y` from b"]);
}

/// Neither call is in flight when both handlers begin to wait.
#[test]
fn of_exclusive_handlers_that_call_each_other_in_commits_the_later_is_refused() {
    let mut host = asked_ring(&["a", "b"]);
    host.commits_by_itself = false;
    let process = Exclusive::Process;
    host.done("a", vec![host.call(0, 0, "b", "y")], true, process);
    host.done("b", vec![host.call(1, 1, "a", "y")], true, process);
    host.committed("b", Ok(()));
    host.skip();
    host.committed("a", Ok(()));
    host.check(&[&format!("turn a: reply 0 {}", cycle("b"))]);
}

/// `b` has called `a`, and waits exclusively once `a` does so for it.
#[test]
fn a_call_that_waits_is_refused_when_its_receiver_closes_a_ring() {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.ask(1, "b", "x");
    host.ask(2, "a", "x");
    host.unchanged("b", vec![host.call(0, 0, "a", "y")]);
    host.ask(3, "b", "more");
    host.done(
        "a",
        vec![host.call(1, 1, "b", "z")],
        false,
        Exclusive::Process,
    );
    host.skip();
    host.done("b", vec![], false, Exclusive::Task(host.task(0)));
    host.check(&[&format!("turn a: reply 1 {}", cycle("b"))]);
}

/// A ring of which nobody knows how long it is takes no longer to be found than others do to be refused.
#[test]
fn a_long_ring_is_found() {
    let names: Vec<String> = (0..500).map(|number| format!("p{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    check_ring(&names, |_, _| Exclusive::Process, true);
}

#[test]
fn a_chain_has_a_longest_length() {
    let limits = KernelLimits {
        chain_max: 3,
        ..KernelLimits::default()
    };
    let mut host = Host::with_limits(limits);
    host.add("a", Spec::default());
    host.start("a");
    host.ask(1, "a", "x");
    for depth in 0..3 {
        host.unchanged("a", vec![host.call(depth, depth as usize, "a", "deeper")]);
    }
    let last = host.lines().last().unwrap();
    assert!(
        last.contains("4 calls wait for each other, the most are 3"),
        "{last}"
    );
}

impl Host {
    /// A request of a process in the midst of its turn.
    fn ask_in_turn(&mut self, ticket: u64, from: &str, to: &str) {
        self.feed(Input::Request(Request {
            origin: Origin::Turn(from.into()),
            ..request(ticket, to, "now")
        }));
    }
}

/// `a` has a request, and is in the midst of its turn.
fn in_turn(timeout_ms: Option<u64>) -> Host {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.feed(Input::Request(Request {
        timeout_ms,
        ..request(1, "a", "x")
    }));
    host.skip();
    host
}

#[test]
fn a_process_may_ask_in_the_midst_of_its_turn() {
    let mut host = in_turn(None);
    host.ask_in_turn(2, "a", "b");
    host.check(&["turn b: t1 do `now` from a"]);
    host.unchanged("b", vec![host.respond(1, "2")]);
    host.check(&["answer 2: `2`"]);
    host.unchanged("a", vec![host.respond(0, "1")]);
    host.check(&["answer 1: `1`"]);
    // It has no turn by now.
    host.ask_in_turn(3, "a", "b");
    host.check(&["answer 3: Stopped"]);
    host.ask_in_turn(4, "nobody", "b");
    host.check(&["answer 4: NoProcess"]);
}

#[test]
fn what_asks_in_the_midst_of_a_turn_needs_a_grant_as_any_call() {
    let mut host = Host::new();
    for name in ["a", "b"] {
        host.add(name, Spec::default());
        host.start(name);
    }
    host.ask(1, "a", "x");
    host.skip();
    host.ask_in_turn(2, "a", "b");
    let lines = host.lines();
    assert!(lines[0].starts_with("answer 2: Denied("), "{lines:?}");
}

#[test]
fn what_is_asked_in_the_midst_of_a_turn_ends_with_what_the_turn_is_for() {
    let mut host = in_turn(Some(50));
    host.ask_in_turn(2, "a", "b");
    host.skip();
    host.wait(50);
    host.check(&["answer 1: Timeout", "answer 2: Timeout"]);
}

#[test]
fn what_comes_back_to_a_turn_that_stands_still_is_refused() {
    let mut host = in_turn(None);
    host.ask_in_turn(2, "a", "a");
    host.check(&[&format!("answer 2: {}", cycle("a"))]);
    host.ask_in_turn(3, "a", "b");
    host.skip();
    host.unchanged("b", vec![host.call(8, 1, "a", "back")]);
    host.check(&[&format!("turn b: reply 8 {}", cycle("a"))]);
    // In the midst of a turn too.
    host.ask_in_turn(4, "b", "a");
    host.check(&[&format!("answer 4: {}", cycle("a"))]);
}

/// `a` waits exclusively for `b`, which asks `a` in the midst of its turn, on behalf of whomever.
#[test]
fn a_turn_that_stands_still_is_part_of_the_chain_of_all_that_it_works_on() {
    let mut host = in_turn(None);
    host.done(
        "a",
        vec![host.call(7, 0, "b", "y")],
        false,
        Exclusive::Process,
    );
    host.check(&["turn b: t1 do `y` from a"]);
    // It will answer later, and is asked something else.
    host.unchanged("b", vec![]);
    host.ask(2, "b", "z");
    host.skip();
    host.ask_in_turn(3, "b", "a");
    host.check(&[&format!("answer 3: {}", cycle("a"))]);
}

/// Two processes ask each other in the midst of their turns.
#[test]
fn of_turns_that_stand_still_for_each_other_the_later_is_refused() {
    for names in [&["a", "b"][..], &["a", "b", "c"]] {
        let mut host = asked_ring(names);
        let last = names.len() - 1;
        for (number, name) in names.iter().enumerate() {
            let ticket = 10 + number as u64;
            host.ask_in_turn(ticket, name, names[(number + 1) % names.len()]);
        }
        host.check(&[&format!("answer {}: {}", 10 + last, cycle(names[0]))]);
        host.unchanged(names[last], vec![]);
        let before = names[last - 1];
        let task = names.len();
        host.check(&[&format!(
            "turn {}: t{task} do `now` from {before}",
            names[last]
        )]);
    }
}

#[test]
fn a_turn_that_stands_still_and_an_exclusive_handler_do_not_wait_for_each_other() {
    let mut host = asked_ring(&["a", "b"]);
    host.done(
        "a",
        vec![host.call(0, 0, "b", "y")],
        false,
        Exclusive::Process,
    );
    host.ask_in_turn(10, "b", "a");
    host.check(&[&format!("answer 10: {}", cycle("a"))]);
    let mut host = asked_ring(&["a", "b"]);
    host.ask_in_turn(10, "b", "a");
    host.done(
        "a",
        vec![host.call(0, 0, "b", "y")],
        false,
        Exclusive::Process,
    );
    host.check(&[&format!("turn a: reply 0 {}", cycle("b"))]);
    // Once it has its answer it stands no longer.
    let mut host = asked_ring(&["a", "b"]);
    host.ask_in_turn(10, "b", "a");
    host.cancel(10);
    host.done(
        "a",
        vec![host.call(0, 0, "b", "y")],
        false,
        Exclusive::Process,
    );
    host.check(&[]);
    host.unchanged("b", vec![]);
    host.check(&["turn b: t2 do `y` from a"]);
}

/// `a` waits for `b`, which has begun with that and stands still for `c`, which calls `a`.
#[test]
fn what_a_turn_that_stands_still_works_on_waits_as_well() {
    let mut host = asked_ring(&["a", "b", "c"]);
    host.unchanged("b", vec![]);
    host.done(
        "c",
        vec![set_timer(1, 10)],
        false,
        Exclusive::Task(host.task(2)),
    );
    let call = host.call(0, 0, "b", "y");
    host.done("a", vec![call], false, Exclusive::Process);
    host.unchanged("b", vec![]);
    host.ask(3, "b", "z");
    host.skip();
    host.ask_in_turn(10, "b", "c");
    host.wait(10);
    host.check(&["turn c: timer 1"]);
    host.done(
        "c",
        vec![host.call(0, 2, "a", "back")],
        false,
        Exclusive::Task(host.task(2)),
    );
    host.check(&[&format!("turn c: reply 0 {}", cycle("a"))]);
}

/// `b` stands still for a request of another, which waits for `b` by then or later.
#[test]
fn what_was_joined_in_the_midst_of_a_turn_is_part_of_the_chain() {
    let join = |host: &mut Host| {
        host.feed(Input::Request(Request {
            origin: Origin::Turn("b".into()),
            key: Some("k".into()),
            ..request(10, "a", "now")
        }));
    };
    let begin = || {
        let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
        host.ask_with_key(0, "a", "k");
        host.ask(1, "b", "x");
        host.skip();
        host
    };
    let mut host = begin();
    host.unchanged("a", vec![host.call(0, 0, "b", "y")]);
    host.skip();
    join(&mut host);
    host.check(&[&format!("answer 10: {}", cycle("a"))]);
    let mut host = begin();
    join(&mut host);
    host.unchanged("a", vec![host.call(0, 0, "b", "y")]);
    let reply = format!("turn a: reply 0 {}", cycle("b"));
    assert_eq!(host.lines().last(), Some(&reply), "{:?}", host.lines());
}
