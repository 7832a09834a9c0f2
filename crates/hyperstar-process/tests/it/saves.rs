//! When the state is kept, and what a new life begins with.

use std::rc::Rc;

use hyperstar_interface::Save;
use hyperstar_process::abi::{Change, Event};
use hyperstar_process::test::Host;

use crate::app::{Desk, Driver, message, reply, shown};

#[test]
fn a_new_life_begins_with_what_was_kept() {
    for save in [Save::EveryMessage, Save::OnDiff] {
        let mut desk = Driver::<Desk>::with(save);
        desk.turn(vec![message(1, "increment", "7")]);
        let mut desk = desk.restart();
        assert_eq!(
            shown(&desk.started),
            [
                "SetTimer { id: 1, after_ms: 500 }",
                "f/names <- [\"opened\",\"opened\"]"
            ]
        );
        assert_eq!(shown(&desk.turn(vec![message(1, "count", "")])), ["1 = 7"]);
    }
}

#[test]
fn never_keeps_nothing() {
    let mut desk = Driver::<Desk>::with(Save::Never);
    let turn = desk.turn(vec![message(1, "increment", "7")]);
    assert_eq!(shown(&turn), ["1 = 7"]);
    assert!(turn.touched);
    // A copy for a page while a handler has the state knows all the same.
    desk.turn(vec![message(2, "add_theirs", "")]);
    assert_eq!(desk.render(0).unwrap().html, "8 /here");
    assert_eq!(
        shown(&desk.turn(vec![Event::Cancel(2), message(3, "count", "")]))[1],
        "3 = 8"
    );
    assert!(desk.turn(vec![Event::Stop]).changes.is_empty());
    assert!(desk.host.kept().is_empty());
}

#[test]
fn every_so_many_messages() {
    let mut desk = Driver::<Desk>::with(Save::EveryNMessages(3));
    assert!(desk.started.changes.is_empty());
    assert_eq!(
        shown(&desk.turn(vec![message(1, "increment", "")])),
        ["1 = 1"]
    );
    let turn = desk.turn(vec![
        message(2, "increment", ""),
        message(3, "increment", ""),
    ]);
    assert_eq!(
        shown(&turn)[2..],
        ["f/count <- 3", "f/names <- [\"opened\"]", "v <- 1"]
    );
    assert_eq!(
        shown(&desk.turn(vec![message(4, "increment", "")])),
        ["4 = 4"]
    );
    let turn = desk.turn(vec![Event::Stop]);
    assert_eq!(
        shown(&turn),
        ["f/count <- 4", "f/names <- [\"opened\",\"closed\"]"]
    );
}

#[test]
fn every_so_many_seconds_if_something_changed() {
    let mut desk = Driver::<Desk>::with(Save::EveryNSeconds(5));
    assert_eq!(
        shown(&desk.started),
        [
            "SetTimer { id: 1, after_ms: 500 }",
            "SetTimer { id: 2, after_ms: 5000 }"
        ]
    );
    let turn = desk.turn(vec![message(1, "increment", "")]);
    assert_eq!(shown(&turn), ["1 = 1"]);
    let turn = desk.turn(vec![Event::Timer(2)]);
    assert_eq!(turn.changes.len(), 3);
    assert!(shown(&desk.turn(vec![message(2, "count", "")])) == ["2 = 1"]);
    let turn = desk.turn(vec![message(3, "increment", "")]);
    assert_eq!(
        shown(&turn),
        ["3 = 2", "SetTimer { id: 3, after_ms: 5000 }"]
    );
}

#[test]
fn a_save_that_is_due_takes_what_an_exclusive_handler_had() {
    let mut desk = Driver::<Desk>::with(Save::EveryNMessages(1));
    desk.turn(vec![message(1, "increment", "")]);
    desk.turn(vec![message(2, "add_theirs", "")]);
    assert_eq!(desk.kept("f/count"), "1");
    desk.turn(vec![reply(2, "5")]);
    assert_eq!(desk.kept("f/count"), "7");
}

#[test]
fn what_is_stored_must_fit_the_app() {
    let cases = [
        (
            "f/count",
            "\"many\"",
            "the stored field `count` is no `i64`: invalid type: string \"many\", expected i64 at line 1 \
             column 6; raise `#[state(version = ..)]` and add a migration that converts it",
        ),
        (
            "v",
            "2",
            "the stored state has version 2, and this app reads versions up to 1; install the newer \
             version of the app again",
        ),
        ("f/count", "-77", "`#[init]` failed: count is -77"),
    ];
    for (path, value, expected) in cases {
        let host = Rc::new(Host::new());
        host.keep(&[Change {
            path: path.to_owned(),
            value: Some(value.as_bytes().to_vec()),
        }]);
        let error = Driver::<Desk>::on(host, Save::EveryMessage).err();
        assert_eq!(error.as_deref(), Some(expected));
    }
}

#[test]
#[should_panic(expected = "oh no")]
fn a_panic_goes_through() {
    Driver::new().turn(vec![message(1, "broken", "")]);
}
