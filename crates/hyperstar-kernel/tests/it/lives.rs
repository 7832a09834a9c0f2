//! How processes start, stop, crash, come again and go.

use hyperstar_kernel::{
    Action, Exclusive, ExitPolicy, Input, Link, OnEnd, Outcome, Restart, Spec, TaskId, TimerId,
};

use crate::host::{Does, Host, notify};

fn restarting(restart: Restart) -> Spec {
    Spec {
        exit: ExitPolicy::Restart(restart),
        ..Spec::default()
    }
}

const QUICK: Restart = Restart {
    first_ms: 10,
    factor: 3,
    wait_ms_max: 50,
    jitter_percent: 0,
    crashes_max: 4,
    window_ms: 1_000,
};

#[test]
fn messages_wait_until_the_process_has_started() {
    let mut host = Host::new();
    host.starts_by_itself = false;
    host.add("a", Spec::default());
    host.start("a");
    host.ask(1, "a", "x");
    host.check(&["start a"]);
    host.has_started("a");
    host.check(&["turn a: t0 do `x` from outside"]);
}

#[test]
fn what_a_start_does_is_a_turn_and_leaves_once_it_is_durable() {
    let mut host = Host::new();
    host.starts_by_itself = false;
    host.commits_by_itself = false;
    host.add("a", Spec::default());
    host.start("a");
    host.ask(1, "a", "x");
    host.check(&["start a"]);
    let incarnation = host.kernel.load("a").unwrap().incarnation;
    let timer = Action::SetTimer {
        id: TimerId(7),
        after_ms: 5,
    };
    host.feed(Input::Started {
        name: "a".into(),
        incarnation,
        result: Ok(Outcome::Done {
            actions: vec![timer],
            is_changed: true,
            exclusive: Exclusive::No,
        }),
    });
    host.check(&["commit a"]);
    assert_eq!(host.kernel.next_wake_ms(), Some(30_000), "no timer is set");
    host.feed(Input::Committed {
        name: "a".into(),
        incarnation,
        result: Ok(()),
    });
    assert_eq!(host.kernel.next_wake_ms(), Some(5));
    host.check(&["turn a: t0 do `x` from outside"]);
}

/// A host by hand whose process `a` has been started: the first turn comes to this.
fn started(outcome: Outcome<String, String>) -> Host {
    let mut host = Host::new();
    host.starts_by_itself = false;
    host.commits_by_itself = false;
    host.shows_running = true;
    host.add("a", Spec::default());
    host.start("a");
    host.ask(1, "a", "x");
    host.skip();
    let incarnation = host.kernel.load("a").unwrap().incarnation;
    host.feed(Input::Started {
        name: "a".into(),
        incarnation,
        result: Ok(outcome),
    });
    host
}

fn first(actions: Vec<Does>) -> Outcome<String, String> {
    Outcome::Done {
        actions,
        is_changed: true,
        exclusive: Exclusive::No,
    }
}

#[test]
fn a_process_runs_once_its_first_turn_is_durable() {
    let mut host = started(first(vec![]));
    host.check(&["commit a"]);
    host.committed("a", Ok(()));
    host.check(&["running a", "turn a: t0 do `x` from outside"]);
    host.changed("a", vec![host.respond(0, "y")]);
    host.committed("a", Ok(()));
    host.check(&["commit a", "answer 1: `y`"]);
    // Each life begins anew.
    host.stop("a");
    host.stop("a");
    host.start("a");
    host.skip();
    host.has_started("a");
    host.check(&["running a"]);
}

#[test]
fn a_process_whose_first_turn_comes_to_nothing_has_never_run() {
    let mut host = started(first(vec![]));
    host.committed("a", Err("disk full"));
    host.check(&[
        "commit a",
        "kill a",
        "exited a: crashed (the commit failed: disk full), stopped",
        "answer 1: Crashed",
    ]);
    let defer = Action::Defer { task: TaskId(99) };
    let host = started(first(vec![defer]));
    let lines = host.lines().join("\n");
    assert!(lines.contains("crashed (task 99 is unknown"), "{lines}");
    assert!(!lines.contains("running"), "{lines}");
    let reason = "enough".to_owned();
    let mut host = started(first(vec![Action::Exit { reason }]));
    host.committed("a", Ok(()));
    host.check(&[
        "commit a",
        "kill a",
        "exited a: exited (enough), stopped",
        "answer 1: Crashed",
    ]);
}

#[test]
fn a_process_that_is_stopped_before_it_runs_has_never_run() {
    for stops in [1, 2] {
        let mut host = started(first(vec![]));
        for _ in 0..stops {
            host.stop("a");
        }
        host.committed("a", Ok(()));
        if stops == 1 {
            host.check(&["commit a", "answer 1: Stopped", "turn a: stop"]);
            host.unchanged("a", vec![]);
            host.check(&["kill a", "exited a: stopped, stopped"]);
        } else {
            host.check(&[
                "commit a",
                "answer 1: Stopped",
                "kill a",
                "exited a: stopped, stopped",
            ]);
        }
    }
    let mut host = started(first(vec![]));
    host.remove("a");
    host.committed("a", Ok(()));
    host.check(&[
        "commit a",
        "answer 1: NoProcess",
        "kill a",
        "exited a: removed, gone",
    ]);
}

#[test]
fn a_process_that_cannot_be_started_has_crashed() {
    let mut host = Host::new();
    host.starts_by_itself = false;
    host.add("a", restarting(QUICK));
    host.start("a");
    let incarnation = host.kernel.load("a").unwrap().incarnation;
    host.feed(Input::Started {
        name: "a".into(),
        incarnation,
        result: Err("no memory".to_owned()),
    });
    host.check(&[
        "start a",
        "kill a",
        "exited a: crashed (it could not be started: no memory), restarts at 10",
    ]);
}

#[test]
fn restarts_back_off_give_up_and_forget() {
    let mut host = Host::with(&[("a", restarting(QUICK))]);
    let crash = |host: &mut Host| {
        host.ask(host.now_ms, "a", "x");
        host.traps("a");
        let last = host.lines().last().unwrap().clone();
        host.skip();
        last.rsplit(", ").next().unwrap().to_owned()
    };
    for wait_ms in [10, 30, 50, 50] {
        let now_ms = host.now_ms;
        assert_eq!(
            crash(&mut host),
            format!("restarts at {}", now_ms + wait_ms)
        );
        host.wait(wait_ms);
    }
    assert_eq!(crash(&mut host), "gave up");
    host.ask(1_000_000, "a", "x");
    host.check(&["answer 1000000: Stopped"]);
    // Somebody starts it, and later crashes are far apart.
    host.start("a");
    for _ in 0..6 {
        let now_ms = host.now_ms;
        assert_eq!(crash(&mut host), format!("restarts at {}", now_ms + 10));
        host.wait(1_000);
    }
}

#[test]
fn jitter_adds_to_the_wait_within_its_bound() {
    let restart = Restart {
        first_ms: 1_000,
        wait_ms_max: 1_000,
        jitter_percent: 50,
        crashes_max: 100,
        ..QUICK
    };
    let mut host = Host::with(&[("a", restarting(restart))]);
    let mut waits = Vec::new();
    for _ in 0..20 {
        host.ask(1, "a", "x");
        host.traps("a");
        let wake = host.kernel.next_wake_ms().unwrap();
        waits.push(wake - host.now_ms);
        host.wait(wake - host.now_ms);
    }
    assert!(
        waits.iter().all(|wait| (1_000..=1_500).contains(wait)),
        "{waits:?}"
    );
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 10, "{waits:?}");
}

#[test]
fn what_waits_survives_a_restart_and_what_ran_does_not() {
    let mut host = Host::with(&[("a", restarting(QUICK))]);
    host.ask(1, "a", "runs");
    host.ask(2, "a", "waits");
    host.skip();
    host.traps("a");
    host.ask(3, "a", "comes");
    host.wait(10);
    host.check(&[
        "kill a",
        "answer 1: Crashed",
        "exited a: crashed (trap), restarts at 10",
        "start a",
        "turn a: t1 do `waits` from outside, t2 do `comes` from outside",
    ]);
}

#[test]
fn a_stop_is_a_last_turn() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.commits_by_itself = false;
    host.ask(1, "a", "runs");
    host.ask(2, "a", "waits");
    host.skip();
    host.stop("a");
    host.ask(3, "a", "late");
    host.check(&["answer 2: Stopped", "answer 3: Stopped"]);
    host.unchanged("a", vec![]);
    host.check(&["turn a: stop"]);
    host.changed("a", vec![host.respond(0, "bye")]);
    host.check(&["commit a"]);
    host.committed("a", Ok(()));
    host.check(&["answer 1: `bye`", "kill a", "exited a: stopped, stopped"]);
    host.stop("a");
    host.check(&[]);
}

/// Whether a commit that is under way will be durable has to be known before the end.
#[test]
fn a_second_stop_waits_for_the_commit_and_for_nothing_else() {
    let mut host = Host::with(&[("a", Spec::default())]);
    host.commits_by_itself = false;
    host.ask(1, "a", "x");
    host.changed("a", vec![host.respond(0, "done")]);
    host.skip();
    host.stop("a");
    host.stop("a");
    host.check(&[]);
    host.committed("a", Ok(()));
    host.check(&["answer 1: `done`", "kill a", "exited a: stopped, stopped"]);
}

#[test]
fn a_lost_instance_has_crashed_once_its_commit_is_known() {
    let mut host = Host::with(&[("a", restarting(QUICK))]);
    host.commits_by_itself = false;
    let lost = |host: &mut Host| {
        let incarnation = host.kernel.load("a").unwrap().incarnation;
        host.feed(Input::Lost {
            name: "a".into(),
            incarnation,
            reason: "trap in a view".to_owned(),
        });
    };
    lost(&mut host);
    host.check(&[
        "kill a",
        "exited a: crashed (trap in a view), restarts at 10",
    ]);
    host.wait(10);
    host.ask(1, "a", "x");
    host.changed("a", vec![host.respond(0, "done")]);
    host.skip();
    lost(&mut host);
    host.check(&[]);
    host.committed("a", Ok(()));
    host.check(&[
        "answer 1: `done`",
        "kill a",
        "exited a: crashed (trap in a view), restarts at 40",
    ]);
}

#[test]
fn an_exit_is_for_good() {
    let mut host = Host::with(&[("a", restarting(QUICK))]);
    host.ask(1, "a", "x");
    host.ask(2, "a", "waits");
    host.skip();
    let reason = "all done".to_owned();
    host.changed("a", vec![host.respond(0, "yes"), Action::Exit { reason }]);
    host.check(&[
        "commit a",
        "answer 1: `yes`",
        "kill a",
        "exited a: exited (all done), stopped",
        "answer 2: Crashed",
    ]);
}

#[test]
fn a_farewell_is_for_ends_by_themselves() {
    let spec = Spec {
        exit: ExitPolicy::Send { to: "b".into() },
        ..Spec::default()
    };
    let mut host = Host::with(&[("a", spec)]);
    host.ask(1, "a", "x");
    host.traps("a");
    assert_eq!(host.lines().last().unwrap(), "farewell a to b");
    host.start("a");
    host.skip();
    host.stop("a");
    host.unchanged("a", vec![]);
    host.check(&["turn a: stop", "kill a", "exited a: stopped, stopped"]);
}

#[test]
fn links_stop_and_tell_others_in_turn() {
    let links = |all: &[(&str, OnEnd)]| {
        let links = all.iter().map(|(to, on_end)| Link {
            to: (*to).into(),
            on_end: *on_end,
        });
        Spec {
            links: links.collect(),
            ..Spec::default()
        }
    };
    let mut host = Host::with(&[
        (
            "a",
            links(&[
                ("b", OnEnd::Stop),
                ("c", OnEnd::Tell),
                ("nobody", OnEnd::Stop),
            ]),
        ),
        ("b", links(&[("a", OnEnd::Stop), ("c", OnEnd::Tell)])),
        ("c", Spec::default()),
    ]);
    host.ask(1, "a", "x");
    host.skip();
    host.traps("a");
    host.check(&[
        "kill a",
        "answer 1: Crashed",
        "exited a: crashed (trap), stopped",
        "turn c: a has ended: crashed (trap)",
        "turn b: stop",
    ]);
    host.unchanged("b", vec![]);
    host.unchanged("c", vec![]);
    host.check(&[
        "kill b",
        "exited b: stopped, stopped",
        "turn c: b has ended: stopped",
    ]);
}

#[test]
fn a_removed_process_is_known_no_more() {
    let mut host = Host::with(&[("a", Spec::default()), ("b", Spec::default())]);
    host.ask(1, "a", "x");
    host.ask(2, "a", "y");
    host.changed("a", vec![notify(1, "b", "z")]);
    host.skip();
    host.remove("a");
    host.check(&[
        "kill a",
        "answer 1: NoProcess",
        "answer 2: NoProcess",
        "exited a: removed, gone",
    ]);
    host.ask(3, "a", "x");
    host.start("a");
    host.check(&[
        "answer 3: NoProcess",
        "log a: no such process: check the name, or add it",
    ]);
    host.unchanged("b", vec![]);
    host.remove("b");
    let census = host.kernel.census();
    assert_eq!((census.processes, census.pairs, census.tasks), (0, 0, 0));
}

#[test]
fn a_process_that_comes_back_is_another_life() {
    let mut host = Host::with(&[("a", Spec::default())]);
    let before = host.kernel.load("a").unwrap().incarnation;
    host.remove("a");
    host.add("a", Spec::default());
    host.start("a");
    assert!(host.kernel.load("a").unwrap().incarnation > before);
}

#[test]
fn an_update_changes_the_bounds() {
    let mut host = Host::with(&[("a", Spec::default())]);
    let spec = Spec {
        turn_events_max: 1,
        ..Spec::default()
    };
    let name = "a".into();
    host.feed(Input::Update { name, spec });
    for ticket in 1..4 {
        host.ask(ticket, "a", "x");
    }
    host.unchanged("a", vec![]);
    host.check(&[
        "turn a: t0 do `x` from outside",
        "turn a: t1 do `x` from outside",
    ]);
}

#[test]
fn inputs_about_nobody_change_nothing() {
    let mut host = Host::new();
    host.stop("nobody");
    host.cancel(1);
    host.add("a", Spec::default());
    host.add("a", Spec::default());
    host.check(&[
        "log nobody: no such process: check the name, or add it",
        "log a: it is known already: remove it first",
    ]);
    host.start("a");
    host.start("a");
    host.ask(1, "a", "x");
    host.ask(1, "a", "y");
    host.check(&[
        "start a",
        "turn a: t0 do `x` from outside",
        "log a: ticket 1 is in use: a request was dropped",
    ]);
}
