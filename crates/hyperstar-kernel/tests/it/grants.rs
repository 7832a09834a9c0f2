//! Who may message whom.

use hyperstar_kernel::{Exclusive, Grant, GrantId, Handlers, Input, Origin, Request, Spec, Target};

use crate::host::{Host, grant, notify, request, target};

/// Two processes without grants; `a` has a request.
fn strangers() -> Host {
    let public = vec!["hello".into()];
    let mut host = Host::new();
    host.add("a", Spec::default());
    host.add(
        "b",
        Spec {
            public,
            ..Spec::default()
        },
    );
    host.start("a");
    host.start("b");
    host.ask(1, "a", "x");
    host.skip();
    host
}

const DENIED: &str = "Denied(\"`a` may not send `do` to `b`: grant it\")";

/// `a` calls `b` by the handler `do`.
#[track_caller]
fn check_call(grants: &[Grant], is_allowed: bool) {
    let mut host = strangers();
    for grant in grants {
        host.feed(Input::GrantAdd(grant.clone()));
    }
    host.unchanged("a", vec![host.call(7, 0, "b", "y")]);
    if is_allowed {
        host.check(&["turn b: t1 do `y` from a"]);
    } else {
        host.check(&[&format!("turn a: reply 7 {DENIED}")]);
    }
}

fn only(handlers: &[&str]) -> Handlers {
    Handlers::Only(handlers.iter().map(|name| (*name).into()).collect())
}

#[test]
fn nobody_may_without_a_grant() {
    let to_b = grant(1, "a", target("b"));
    check_call(&[], false);
    check_call(std::slice::from_ref(&to_b), true);
    check_call(&[grant(1, "a", Target::Any)], true);
    check_call(&[grant(1, "b", Target::Any)], false);
    check_call(&[grant(1, "a", target("c"))], false);
    check_call(
        &[Grant {
            handlers: only(&["do"]),
            ..to_b.clone()
        }],
        true,
    );
    check_call(
        &[Grant {
            handlers: only(&["other"]),
            ..to_b
        }],
        false,
    );
}

#[test]
fn a_process_may_message_itself_and_public_handlers() {
    let mut host = strangers();
    let mut call = host.call(8, 0, "b", "hi");
    if let hyperstar_kernel::Action::Call { handler, .. } = &mut call {
        *handler = "hello".into();
    }
    host.unchanged("a", vec![host.call(7, 0, "a", "me"), call]);
    host.check(&["turn b: t1 hello `hi` from a", "turn a: t2 do `me` from a"]);
}

#[test]
fn a_denied_notification_comes_back() {
    let mut host = strangers();
    host.changed("a", vec![notify(1, "b", "y")]);
    let back = format!("turn a: note 1 to b back: {DENIED}");
    host.check(&["commit a +1 b `y`", &back]);
}

#[test]
fn a_revoked_grant_stops_what_waits() {
    let mut host = strangers();
    host.feed(Input::GrantAdd(grant(1, "a", target("b"))));
    host.ask(2, "b", "busy");
    host.changed("a", vec![host.call(7, 0, "b", "y"), notify(1, "b", "z")]);
    host.skip();
    host.feed(Input::GrantRevoke(GrantId(1)));
    host.check(&[&format!(
        "turn a: reply 7 {DENIED}, note 1 to b back: {DENIED}"
    )]);
    host.unchanged("b", vec![]);
    host.check(&[]);
}

/// It was given to a turn, deferred, and its grant is void by then.
#[test]
fn a_revoked_grant_stops_what_is_deferred() {
    let mut host = strangers();
    host.feed(Input::GrantAdd(grant(1, "a", target("b"))));
    host.ask(2, "b", "first");
    host.unchanged("a", vec![host.call(7, 0, "b", "y")]);
    host.ask(3, "b", "second");
    host.unchanged("b", vec![host.respond(1, "ok")]);
    host.check(&[
        "turn b: t1 do `first` from outside",
        "answer 2: `ok`",
        "turn b: t2 do `y` from a, t3 do `second` from outside",
    ]);
    host.feed(Input::GrantRevoke(GrantId(1)));
    let defer = hyperstar_kernel::Action::Defer { task: host.task(2) };
    host.done("b", vec![defer], false, Exclusive::Task(host.task(3)));
    host.check(&[&format!("turn a: reply 7 {DENIED}")]);
}

/// The same, and whoever asked has gone, but somebody else waits for the outcome.
#[test]
fn a_revoked_grant_stops_what_is_deferred_for_whoever_joined() {
    let mut host = strangers();
    let from_far = |ticket| {
        Input::Request(Request {
            origin: Origin::Process("far".into()),
            key: Some("k".into()),
            ..request(ticket, "b", "x")
        })
    };
    host.feed(Input::GrantAdd(grant(1, "far", target("b"))));
    host.ask(2, "b", "first");
    host.feed(from_far(3));
    host.feed(from_far(4));
    host.ask(5, "b", "second");
    host.unchanged("b", vec![host.respond(1, "ok")]);
    host.skip();
    host.feed(Input::GrantRevoke(GrantId(1)));
    host.cancel(3);
    host.check(&[]);
    let defer = hyperstar_kernel::Action::Defer { task: host.task(2) };
    host.done("b", vec![defer], false, Exclusive::Task(host.task(3)));
    host.check(&["answer 4: Denied(\"`far` may not send `do` to `b`: grant it\")"]);
}

#[test]
fn a_grant_ends_by_itself() {
    let mut host = strangers();
    let expires_ms = Some(50);
    host.feed(Input::GrantAdd(Grant {
        expires_ms,
        ..grant(1, "a", target("b"))
    }));
    host.ask(2, "b", "busy");
    host.unchanged("a", vec![host.call(7, 0, "b", "y")]);
    host.skip();
    host.wait(50);
    host.check(&[&format!("turn a: reply 7 {DENIED}")]);
    assert_eq!(host.kernel.census().grants, 0);
}

/// Adds a grant to one that allows `a` to message `b` by two handlers until 100 ms.
#[track_caller]
fn check_part(part: Grant, refused: &str) {
    let mut host = strangers();
    host.feed(Input::GrantAdd(Grant {
        handlers: only(&["do", "read"]),
        expires_ms: Some(100),
        ..grant(5, "a", target("b"))
    }));
    host.feed(Input::GrantAdd(part));
    if refused.is_empty() {
        host.check(&[]);
    } else {
        host.check(&[refused]);
    }
}

#[test]
fn a_part_of_a_grant_is_never_wider() {
    let part = Grant {
        handlers: only(&["read"]),
        attenuated_from: Some(GrantId(5)),
        expires_ms: Some(100),
        ..grant(6, "c", target("b"))
    };
    check_part(part.clone(), "");
    let wider = |change: fn(&mut Grant)| {
        let mut part = part.clone();
        change(&mut part);
        part
    };
    check_part(
        wider(|part| part.target = Target::Any),
        "grant 6 refused: grant 5 is for another target: name that one",
    );
    check_part(
        wider(|part| part.handlers = Handlers::All),
        "grant 6 refused: grant 5 is for some handlers only: list them",
    );
    check_part(
        wider(|part| part.handlers = only(&["read", "write"])),
        "grant 6 refused: grant 5 does not allow `write`: leave it out",
    );
    check_part(
        wider(|part| part.expires_ms = None),
        "grant 6 refused: grant 5 expires at 100 ms: name a time",
    );
    check_part(
        wider(|part| part.expires_ms = Some(101)),
        "grant 6 refused: grant 5 expires at 100 ms: name an earlier time",
    );
    check_part(
        wider(|part| part.attenuated_from = Some(GrantId(4))),
        "grant 6 refused: grant 4, which it is a part of, is void: ask for a new one",
    );
    check_part(
        wider(|part| part.id = GrantId(5)),
        "grant 5 refused: grant 5 is not new: number it above 5; a grant that was revoked stays so",
    );
}

#[test]
fn revoking_takes_all_that_came_of_a_grant() {
    let mut host = strangers();
    let part_of = |id, holder, whole| Grant {
        attenuated_from: Some(GrantId(whole)),
        ..grant(id, holder, target("b"))
    };
    host.feed(Input::GrantAdd(grant(1, "b", target("b"))));
    host.feed(Input::GrantAdd(part_of(2, "c", 1)));
    host.feed(Input::GrantAdd(part_of(3, "a", 2)));
    host.feed(Input::GrantRevoke(GrantId(1)));
    assert_eq!(host.kernel.census().grants, 0);
    host.unchanged("a", vec![host.call(7, 0, "b", "y")]);
    host.check(&[&format!("turn a: reply 7 {DENIED}")]);
    // Said again it stays dead, also after a boot.
    host.feed(Input::GrantAdd(part_of(3, "a", 2)));
    assert!(host.lines()[0].starts_with("grant 3 refused: grant 3 is not new"));
    let mut host = strangers();
    host.feed(Input::GrantsUpTo(GrantId(3)));
    host.feed(Input::GrantAdd(grant(3, "a", target("b"))));
    assert!(host.lines()[0].starts_with("grant 3 refused: grant 3 is not new"));
}

#[test]
fn a_process_at_another_node_needs_a_grant_and_another_name() {
    let mut host = strangers();
    let from = |name: &str, ticket| {
        Input::Request(Request {
            origin: Origin::Process(name.into()),
            handler: "hello".into(),
            ..request(ticket, "b", "x")
        })
    };
    host.feed(from("far", 2));
    host.check(&["answer 2: Denied(\"`far` may not send `hello` to `b`: grant it\")"]);
    host.feed(from("a", 3));
    host.check(&[
        "answer 3: Denied(\"`a` is a process of this node and sends from here: name its own node\")",
    ]);
    host.feed(Input::GrantAdd(grant(1, "far", target("b"))));
    host.feed(from("far", 4));
    host.check(&["turn b: t1 hello `x` from far"]);
}
