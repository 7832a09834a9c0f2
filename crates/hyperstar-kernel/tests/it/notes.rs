//! Notifications: durable, in order, once, or back.

use hyperstar_kernel::{Action, Exclusive, GrantId, Input, Memory, OutboxLimits, Record, Spec};

use crate::host::{Host, notify};

/// `a` has notified `b` of each text, which has the first of them in a turn.
fn notified(texts: &[&str]) -> Host {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    send(&mut host, texts);
    host
}

fn send(host: &mut Host, texts: &[&str]) {
    host.ask(1, "a", "go");
    let notes = (1..).zip(texts).map(|(id, text)| notify(id, "b", text));
    let actions = [vec![host.respond(0, "ok")], notes.collect()].concat();
    host.changed("a", actions);
    host.skip();
}

#[test]
fn a_notification_leaves_the_outbox_once_it_is_seen() {
    let mut host = notified(&["x"]);
    assert_eq!(host.kernel.load("a").unwrap().outbox, 1);
    host.changed("b", vec![host.respond(1, "")]);
    host.check(&["commit b seen a 1"]);
    assert_eq!(host.kernel.load("a").unwrap().outbox, 0);
    // The next commit of the sender takes it along.
    host.ask(2, "a", "go on");
    host.changed("a", vec![notify(2, "b", "y")]);
    host.check(&[
        "turn a: t2 do `go on` from outside",
        "commit a +2 b `y` -1",
        "turn b: t3 do `y` from a",
    ]);
    // Or one of its own, when there is none for a while.
    host.unchanged("b", vec![host.respond(3, "")]);
    host.skip();
    host.wait(1_000);
    host.check(&["commit a -2"]);
}

/// What a node that crashed has in its store.
fn outbox(host: &Host) -> Memory<String, String> {
    Memory {
        outbox: host.record.outbox_added.clone(),
        ..Memory::default()
    }
}

#[test]
fn after_a_crash_of_the_node_what_was_seen_is_skipped() {
    let host = notified(&["x", "y"]);
    let sender = outbox(&host);
    assert_eq!(sender.outbox.len(), 2);
    let receiver = Memory {
        seen: vec![("a".into(), 1)],
        ..Memory::default()
    };
    let mut host = Host::new();
    host.restore("a", Spec::default(), sender);
    host.restore("b", Spec::default(), receiver);
    host.grant_all("a");
    host.start("b");
    host.check(&["start b", "turn b: t0 do `y` from a"]);
    host.changed("b", vec![host.respond(0, "")]);
    host.check(&["commit b seen a 2"]);
    host.start("a");
    host.wait(1_000);
    host.check(&["start a", "commit a -1 -2"]);
    // Numbers go on from there.
    host.ask(1, "a", "go");
    host.changed("a", vec![notify(3, "b", "z")]);
    assert_eq!(host.record.outbox_added[0].sequence, 3);
}

#[test]
fn a_notification_waits_for_a_stopped_receiver() {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.stop("b");
    host.unchanged("b", vec![]);
    send(&mut host, &["x", "y"]);
    host.wait(100_000);
    host.check(&[]);
    host.start("b");
    host.check(&["start b", "turn b: t1 do `x` from a, t2 do `y` from a"]);
}

#[test]
fn a_crash_of_the_receiver_blames_the_right_one_and_sends_it_back() {
    let mut host = notified(&["good", "bad", "fine"]);
    for _ in 0..2 {
        host.traps("b");
        host.start("b");
    }
    host.check(&[
        "kill b",
        "exited b: crashed (trap), stopped",
        "start b",
        "turn b: t4 do `good` from a",
        "kill b",
        "exited b: crashed (trap), stopped",
        "start b",
        "turn b: t5 do `good` from a",
    ]);
    // It goes well this time; the next one is alone as well.
    host.unchanged("b", vec![host.respond(5, "")]);
    host.check(&["commit b seen a 1", "turn b: t6 do `bad` from a"]);
    for _ in 0..2 {
        host.traps("b");
        host.start("b");
    }
    host.skip();
    host.traps("b");
    host.check(&[
        "kill b",
        "exited b: crashed (trap), stopped",
        "turn a: note 2 to b back: Crashed",
    ]);
    // What comes behind it waits until the sender has taken it back.
    host.start("b");
    host.check(&["start b"]);
    host.changed("a", vec![]);
    host.check(&["commit a -2 -1", "turn b: t9 do `fine` from a"]);
}

#[test]
fn what_nobody_can_take_comes_back() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.ask(1, "a", "go");
    host.changed("a", vec![notify(5, "nobody", "x")]);
    host.check(&[
        "turn a: t0 do `go` from outside",
        "commit a +1 nobody `x`",
        "turn a: note 5 to nobody back: NoProcess",
    ]);
    // A crash of the sender: it is told again.
    host.traps("a");
    host.start("a");
    host.check(&[
        "kill a",
        "answer 1: Crashed",
        "exited a: crashed (trap), stopped",
        "start a",
        "turn a: note 5 to nobody back: NoProcess",
    ]);
    host.unchanged("a", vec![]);
    host.check(&["commit a -1"]);
    assert_eq!(host.kernel.load("a").unwrap().outbox, 0);
    assert_eq!(host.kernel.census().pairs, 1);
}

/// The process is its own sender, and hears of the return in its next life.
#[test]
fn what_a_process_crashed_over_itself_comes_back_once() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.ask(1, "a", "go");
    host.changed("a", vec![host.respond(0, "ok"), notify(5, "a", "bad")]);
    for _ in 0..4 {
        host.traps("a");
        host.start("a");
    }
    assert_eq!(
        host.lines().last().unwrap(),
        "turn a: note 5 to a back: Crashed"
    );
    host.skip();
    host.unchanged("a", vec![]);
    host.check(&["commit a -1"]);
}

#[test]
fn what_was_seen_does_not_come_back_when_its_grant_is_revoked() {
    let host = notified(&["x"]);
    let sender = outbox(&host);
    let receiver = Memory {
        seen: vec![("a".into(), 1)],
        ..Memory::default()
    };
    let mut host = Host::new();
    host.restore("b", Spec::default(), receiver);
    host.restore("a", Spec::default(), sender);
    host.grant_all("a");
    host.start("a");
    host.feed(Input::GrantRevoke(GrantId(1)));
    host.check(&["start a"]);
}

#[test]
fn what_waits_for_a_removed_process_comes_back() {
    let mut host = notified(&["x"]);
    host.remove("b");
    host.check(&[
        "kill b",
        "exited b: removed, gone",
        "turn a: note 1 to b back: NoProcess",
    ]);
}

#[test]
fn one_receiver_takes_only_its_share_of_an_outbox() {
    let outbox = OutboxLimits {
        messages_max: 4,
        ..OutboxLimits::default()
    };
    let spec = Spec {
        outbox,
        ..Spec::default()
    };
    let mut host = Host::with(&[("a", spec), ("b", Spec::default()), ("c", Spec::default())]);
    host.ask(1, "a", "go");
    host.skip();
    let three = (1..=3).map(|id| notify(id, "b", "x"));
    host.changed("a", three.chain([notify(4, "c", "y")]).collect());
    host.check(&[
        "commit a +1 b `x` +2 b `x` +3 b `x` +4 c `y`",
        "turn b: t1 do `x` from a, t2 do `x` from a",
        "turn c: t3 do `y` from a",
        "turn a: note 3 to b back: Busy",
    ]);
}

#[test]
fn more_than_the_room_crashes_the_sender() {
    let outbox = OutboxLimits {
        messages_max: 1,
        ..OutboxLimits::default()
    };
    let spec = Spec {
        outbox,
        ..Spec::default()
    };
    let mut host = Host::with(&[("a", spec), ("b", Spec::default())]);
    host.ask(1, "a", "go");
    host.skip();
    host.changed("a", vec![notify(1, "b", "x"), notify(2, "b", "y")]);
    assert!(host.lines()[2].contains("keep to the room that a turn is given"));
    assert_eq!(host.record, Record::default());
}

/// What is durable of `a`, which was removed and comes back.
fn come_back(host: &mut Host, memory: Memory<String, String>) {
    host.restore("a", Spec::default(), memory);
    host.start("a");
}

#[test]
fn what_was_handled_before_its_sender_was_removed_is_not_handled_again() {
    let mut host = notified(&["x"]);
    let memory = outbox(&host);
    host.stop("a");
    host.unchanged("a", vec![]);
    host.changed("b", vec![host.respond(1, "")]);
    host.remove_for_now("a");
    host.skip();
    come_back(&mut host, memory);
    host.wait(1_000);
    host.check(&["start a", "commit a -1"]);
    assert_eq!(host.kernel.load("a").unwrap().outbox, 0);
    // The next one is handled.
    host.ask(2, "a", "go");
    host.changed("a", vec![notify(2, "b", "y")]);
    host.check(&[
        "turn a: t2 do `go` from outside",
        "commit a +2 b `y`",
        "turn b: t3 do `y` from a",
    ]);
}

#[test]
fn what_is_handled_while_its_sender_is_away_is_not_handled_again() {
    let mut host = notified(&["x"]);
    let memory = outbox(&host);
    host.remove_for_now("a");
    host.skip();
    host.changed("b", vec![host.respond(1, "")]);
    host.check(&["commit b seen a 1"]);
    come_back(&mut host, memory);
    host.wait(1_000);
    host.check(&["start a", "commit a -1"]);
}

#[test]
fn what_is_handled_once_its_sender_is_back_is_not_handled_again() {
    let mut host = notified(&["x"]);
    let memory = outbox(&host);
    host.commits_by_itself = false;
    host.changed("b", vec![host.respond(1, "")]);
    host.remove_for_now("a");
    host.skip();
    come_back(&mut host, memory);
    assert_eq!(host.kernel.load("a").unwrap().outbox, 1);
    host.committed("b", Ok(()));
    assert_eq!(host.kernel.load("a").unwrap().outbox, 0);
    host.wait(1_000);
    host.check(&["start a", "commit a -1"]);
}

/// The turn that had it comes to nothing, before or after its sender is back.
#[test]
fn what_was_under_way_when_its_sender_was_removed_is_handled_once_that_is_back() {
    for is_back in [false, true] {
        let mut host = notified(&["x"]);
        let memory = outbox(&host);
        host.remove_for_now("a");
        if is_back {
            come_back(&mut host, memory.clone());
        }
        host.traps("b");
        host.start("b");
        let turn = "turn b: t2 do `x` from a".to_owned();
        assert_eq!(host.lines().contains(&turn), is_back);
        if !is_back {
            come_back(&mut host, memory);
        }
        assert!(host.lines().contains(&turn), "{:?}", host.lines());
        host.skip();
        host.unchanged("b", vec![host.respond(2, "")]);
        host.wait(1_000);
        host.check(&["commit b seen a 1", "commit a -1"]);
    }
}

#[test]
fn what_was_deferred_while_its_sender_was_away_is_handled_once_that_is_back() {
    let mut host = notified(&["x"]);
    let memory = outbox(&host);
    host.remove_for_now("a");
    host.skip();
    let defer = Action::Defer { task: host.task(1) };
    host.done("b", vec![defer], false, Exclusive::Process);
    come_back(&mut host, memory);
    host.ask(2, "b", "waits");
    host.check(&["start a"]);
    assert_eq!(host.kernel.load("a").unwrap().outbox, 1);
}

#[test]
fn what_waits_is_not_delivered_while_its_sender_is_away_and_comes_back_with_it() {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.stop("b");
    host.unchanged("b", vec![]);
    send(&mut host, &["x", "y"]);
    let memory = outbox(&host);
    host.remove_for_now("a");
    host.start("b");
    host.check(&["kill a", "exited a: removed, gone", "start b"]);
    come_back(&mut host, memory);
    host.check(&["turn b: t1 do `x` from a, t2 do `y` from a", "start a"]);
}

#[test]
fn what_was_handled_does_not_come_back_to_a_sender_whose_receiver_is_away_too() {
    let mut host = notified(&["x"]);
    let memory = outbox(&host);
    host.changed("b", vec![host.respond(1, "")]);
    host.remove_for_now("a");
    host.remove_for_now("b");
    host.skip();
    come_back(&mut host, memory);
    host.wait(1_000);
    host.check(&["start a", "commit a -1"]);
}

#[test]
fn what_waits_for_a_process_that_is_away_comes_back_as_well() {
    let mut host = notified(&["x"]);
    host.remove_for_now("b");
    host.check(&[
        "kill b",
        "exited b: removed, gone",
        "turn a: note 1 to b back: NoProcess",
    ]);
    let memory = Memory::default();
    host.restore("b", Spec::default(), memory);
    host.start("b");
    host.changed("a", vec![]);
    host.check(&["start b", "commit a -1"]);
}

#[test]
fn one_that_was_removed_can_be_forgotten_later() {
    let mut host = notified(&["x"]);
    host.changed("b", vec![host.respond(1, "")]);
    host.remove_for_now("a");
    host.skip();
    host.changed("b", vec![]);
    host.remove("a");
    host.ask(2, "b", "y");
    host.changed("b", vec![]);
    host.check(&["turn b: t2 do `y` from outside", "commit b forget a"]);
    host.remove_for_now("b");
    host.cancel(2);
    assert_eq!(host.kernel.census().pairs, 0);
}

#[test]
fn the_memory_of_a_removed_sender_goes_too() {
    let mut host = notified(&["x"]);
    host.changed("b", vec![host.respond(1, "")]);
    host.skip();
    host.remove("a");
    host.ask(2, "b", "y");
    host.changed("b", vec![]);
    host.check(&[
        "kill a",
        "exited a: removed, gone",
        "turn b: t2 do `y` from outside",
        "commit b forget a",
    ]);
}
