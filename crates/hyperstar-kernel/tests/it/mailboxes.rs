//! What waits: bounds, shares, rates, and everybody in turn.

use hyperstar_kernel::{Input, MailboxLimits, Origin, Rate, Request, Spec};

use crate::host::{Host, request};

/// A process that has a turn for as long as the test likes.
fn busy(spec: Spec) -> Host {
    let mut host = Host::with(&[("a", spec)]);
    for (id, far) in ["far", "farther"].into_iter().enumerate() {
        let id = 10 + id as u64;
        host.feed(Input::GrantAdd(crate::host::grant(
            id,
            far,
            crate::host::target("a"),
        )));
    }
    host.ask(1, "a", "in a turn");
    host.skip();
    host
}

fn from(origin: &str, ticket: u64, weight_bytes: u64) -> Input<String, String> {
    let origin = match origin {
        "outside" => Origin::Outside,
        name => Origin::Process(name.into()),
    };
    Input::Request(Request {
        origin,
        weight_bytes,
        ..request(ticket, "a", &ticket.to_string())
    })
}

/// Sends messages of so many bytes, and compares the tickets that are refused, and with what.
#[track_caller]
fn check_bound(mailbox: MailboxLimits, sent: &[(&str, u64)], expected: &[&str]) {
    let mut host = busy(Spec {
        mailbox,
        ..Spec::default()
    });
    for (ticket, (origin, weight_bytes)) in sent.iter().enumerate() {
        host.feed(from(origin, 10 + ticket as u64, *weight_bytes));
    }
    host.check(expected);
}

#[test]
fn a_full_mailbox_is_busy_at_once() {
    let whole = MailboxLimits {
        messages_max: 4,
        weight_bytes_max: 1_000,
        sender_percent: 100,
    };
    let half = MailboxLimits {
        sender_percent: 50,
        ..whole
    };
    let (out, far) = (("outside", 1), ("far", 1));
    check_bound(whole, &[out; 5], &["answer 14: Busy"]);
    check_bound(
        half,
        &[out, out, out, far, far, far],
        &["answer 12: Busy", "answer 15: Busy"],
    );
    check_bound(
        whole,
        &[("outside", 900), ("outside", 101), ("outside", 100)],
        &["answer 11: Busy"],
    );
    check_bound(
        half,
        &[("outside", 900), out, ("far", 100)],
        &["answer 11: Busy"],
    );
    let too_heavy = "answer 10: Malformed(\"it weighs 1001 bytes, the process takes 1000: send it in \
                     parts\")";
    check_bound(half, &[("outside", 1_001)], &[too_heavy]);
}

#[test]
fn senders_are_served_in_turn_and_each_in_order() {
    let mut host = busy(Spec::default());
    for ticket in 10..14 {
        host.feed(from("outside", ticket, 1));
    }
    host.feed(from("far", 20, 1));
    host.feed(from("far", 21, 1));
    host.feed(from("farther", 30, 1));
    host.unchanged("a", vec![]);
    host.check(&[
        "turn a: t1 do `10` from outside, t2 do `20` from far, t3 do `30` from farther, \
         t4 do `11` from outside, t5 do `21` from far, t6 do `12` from outside, t7 do `13` from outside",
    ]);
}

#[test]
fn a_sender_has_a_rate_and_a_burst() {
    let mut host = busy(Spec {
        rate: Some(Rate {
            per_second: 10,
            burst: 2,
        }),
        ..Spec::default()
    });
    // One of the burst was for the message of the turn.
    host.feed(from("outside", 10, 1));
    host.feed(from("outside", 11, 1));
    host.feed(from("far", 12, 1));
    host.check(&["answer 11: Busy"]);
    host.now_ms += 100;
    host.feed(from("outside", 13, 1));
    host.feed(from("outside", 14, 1));
    host.check(&["answer 14: Busy"]);
}

#[test]
fn a_process_works_on_so_many_messages_at_once() {
    let mut host = busy(Spec {
        tasks_max: 2,
        ..Spec::default()
    });
    for ticket in 10..13 {
        host.feed(from("outside", ticket, 1));
    }
    host.unchanged("a", vec![]);
    host.check(&["turn a: t1 do `10` from outside"]);
    host.unchanged("a", vec![]);
    host.check(&[]);
    host.wait(0);
    host.cancel(1);
    host.check(&["turn a: cancel t0"]);
    host.unchanged("a", vec![]);
    host.check(&["turn a: t2 do `11` from outside"]);
}

/// Whoever floods with messages that time out fills no memory.
#[test]
fn messages_that_have_timed_out_leave_nothing() {
    let mut host = busy(Spec::default());
    for round in 0..500 {
        for far in ["far", "farther", "outside"] {
            let Input::Request(request) = from(far, 100 + round, 1) else {
                unreachable!("it is a request");
            };
            let timeout_ms = Some(1);
            let request = Request {
                timeout_ms,
                ..request
            };
            host.feed(Input::Request(request));
            host.wait(1);
        }
    }
    let census = host.kernel.census();
    assert_eq!((census.tasks, census.tickets), (1, 1));
    assert!(census.pairs <= 2 && census.due < 3_000, "{census:?}");
}
