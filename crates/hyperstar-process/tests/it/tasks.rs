//! Handlers of all forms, from the message to the answer.

use hyperstar_process::abi::{Action, Event, HttpHead};
use hyperstar_process::{CallError, Origin};

use crate::app::{Driver, from, message, reply, shown};

#[test]
fn a_start_runs_init_sets_timers_and_keeps_all() {
    let desk = Driver::new();
    assert_eq!(
        shown(&desk.started),
        [
            "SetTimer { id: 1, after_ms: 500 }",
            "f/count <- 0",
            "f/names <- [\"opened\"]",
            "v <- 1"
        ]
    );
}

#[test]
fn only_what_changed_is_written() {
    let mut desk = Driver::new();
    let turn = desk.turn(vec![message(1, "count", ""), message(2, "increment", "")]);
    assert_eq!(shown(&turn), ["1 = 0", "2 = 1", "f/count <- 1"]);
    assert!(turn.touched);
    let turn = desk.turn(vec![message(3, "count", "")]);
    assert_eq!(shown(&turn), ["3 = 1"]);
    assert!(!turn.touched);
    let turn = desk.turn(vec![message(4, "increment", "0")]);
    assert_eq!(shown(&turn), ["4 = 1"]);
}

#[test]
fn an_exclusive_handler_keeps_others_waiting() {
    let mut desk = Driver::new();
    let turn = desk.turn(vec![message(1, "add_theirs", ""), message(2, "count", "")]);
    assert_eq!(
        shown(&turn),
        [
            "1 calls other:desk:tests count() as 2 in 5000",
            "Defer(2)",
            "f/count <- 1",
            "exclusive"
        ]
    );
    // Pages show the state of the last await meanwhile, and other tasks stand still.
    assert_eq!(desk.render(0).unwrap().html, "1 /here");
    assert_eq!(
        shown(&desk.turn(vec![message(3, "increment", "")])),
        ["Defer(3)", "exclusive"]
    );
    let turn = desk.turn(vec![
        reply(2, "40"),
        message(4, "count", ""),
        message(5, "increment", ""),
    ]);
    assert_eq!(
        shown(&turn),
        ["1 = 41", "4 = 41", "5 = 42", "f/count <- 42"]
    );
}

#[test]
fn a_cancelled_exclusive_handler_gives_the_state_back() {
    let mut desk = Driver::new();
    desk.turn(vec![message(1, "add_theirs", "")]);
    let turn = desk.turn(vec![Event::Cancel(1), message(2, "count", "")]);
    assert_eq!(shown(&turn), ["CancelCall(2)", "2 = 1"]);
    // The answer that comes nevertheless is nobody's.
    assert!(shown(&desk.turn(vec![reply(2, "40")])).is_empty());
}

#[test]
fn concurrent_handlers_share_the_state() {
    let mut desk = Driver::new();
    let turn = desk.turn(vec![message(1, "ask", "a"), message(2, "ask", "b")]);
    assert_eq!(
        shown(&turn),
        [
            "1 calls other:desk:tests count(a) as 2 in 30000",
            "2 calls other:desk:tests count(b) as 3 in 30000"
        ]
    );
    assert!(!turn.touched);
    let turn = desk.turn(vec![reply(3, "5"), message(3, "count", "")]);
    assert_eq!(shown(&turn), ["2 = 5", "3 = 5", "f/count <- 5"]);
    let turn = desk.turn(vec![reply(2, "7")]);
    assert_eq!(shown(&turn), ["1 = 7", "f/count <- 7"]);
}

#[test]
fn a_call_ends_with_the_message_that_it_is_for() {
    let mut desk = Driver::new();
    desk.host.advance_ms(29_000);
    let turn = desk.turn(vec![message(1, "ask", "")]);
    assert_eq!(
        shown(&turn),
        ["1 calls other:desk:tests count() as 2 in 1000"]
    );
    desk.host.advance_ms(1_000);
    let turn = desk.turn(vec![message(2, "ask", "")]);
    assert_eq!(shown(&turn), ["2 ! Timeout"]);
}

#[test]
fn an_error_reply_comes_out_of_the_await() {
    let mut desk = Driver::new();
    desk.turn(vec![message(1, "ask", "")]);
    let outcome = Err(CallError::Offline);
    let turn = desk.turn(vec![Event::Reply { call: 2, outcome }]);
    assert_eq!(shown(&turn), ["1 ! Offline"]);
}

#[test]
fn sleeping_takes_a_timer() {
    let mut desk = Driver::new();
    let turn = desk.turn(vec![message(1, "wait", ""), message(2, "wait", "")]);
    assert_eq!(
        shown(&turn),
        [
            "SetTimer { id: 2, after_ms: 100 }",
            "SetTimer { id: 3, after_ms: 100 }"
        ]
    );
    let turn = desk.turn(vec![Event::Cancel(2), Event::Timer(2)]);
    assert_eq!(shown(&turn), ["CancelTimer(3)", "1 = 1000000000000"]);
}

#[test]
fn every_so_often_without_catching_up() {
    let mut desk = Driver::new();
    desk.host.advance_ms(500);
    let turn = desk.turn(vec![Event::Timer(1)]);
    assert_eq!(
        shown(&turn),
        ["SetTimer { id: 2, after_ms: 500 }", "f/count <- 100"]
    );
    desk.host.advance_ms(1_720);
    let turn = desk.turn(vec![Event::Timer(2), Event::Timer(2)]);
    assert_eq!(
        shown(&turn),
        ["SetTimer { id: 3, after_ms: 280 }", "f/count <- 200"]
    );
}

#[test]
fn time_waits_for_an_exclusive_handler() {
    let mut desk = Driver::new();
    desk.turn(vec![message(1, "add_theirs", "")]);
    desk.host.advance_ms(500);
    assert_eq!(shown(&desk.turn(vec![Event::Timer(1)])), ["exclusive"]);
    let turn = desk.turn(vec![reply(2, "1")]);
    assert_eq!(
        shown(&turn),
        [
            "1 = 2",
            "SetTimer { id: 3, after_ms: 500 }",
            "f/count <- 102"
        ]
    );
}

#[test]
fn a_spawned_task_goes_on_without_a_deadline() {
    let mut desk = Driver::new();
    let turn = desk.turn(vec![message(1, "go_on", "")]);
    assert_eq!(
        shown(&turn),
        ["1 = true", "SetTimer { id: 2, after_ms: 60000 }"]
    );
    desk.host.advance_ms(60_000);
    let turn = desk.turn(vec![Event::Timer(2)]);
    assert_eq!(
        shown(&turn),
        ["0 calls other:desk:tests count() as 3 in 30000"]
    );
    assert_eq!(shown(&desk.turn(vec![reply(3, "9")])), ["f/count <- 9"]);
}

#[test]
fn spawned_tasks_have_a_bound() {
    let mut desk = Driver::new();
    for task in 0..hyperstar_process::SPAWNED_MAX as u64 {
        desk.turn(vec![message(task, "go_on", "")]);
    }
    let turn = desk.turn(vec![message(9_999, "go_on", "")]);
    assert_eq!(shown(&turn), ["9999 = false"]);
}

#[test]
fn joined_calls_are_answered_in_any_order() {
    let mut desk = Driver::new();
    desk.turn(vec![message(1, "both", "")]);
    assert!(shown(&desk.turn(vec![reply(3, "2")])).is_empty());
    assert_eq!(shown(&desk.turn(vec![reply(2, "1")])), ["1 = [1,2]"]);
}

#[test]
fn a_timeout_drops_the_call() {
    let mut desk = Driver::new();
    let turn = desk.turn(vec![message(1, "late", ""), message(2, "late", "")]);
    assert_eq!(turn.actions.len(), 4);
    let turn = desk.turn(vec![Event::Timer(3), reply(4, "8")]);
    let text = "1 ! Malformed(\"it did not end within 50 ms; allow more, or do less\")";
    assert_eq!(
        shown(&turn),
        ["CancelCall(2)", text, "CancelTimer(5)", "2 = 8"]
    );
}

#[test]
fn stop_ends_and_answers_all() {
    let mut desk = Driver::new();
    desk.turn(vec![message(1, "ask", "")]);
    desk.turn(vec![message(2, "add_theirs", "")]);
    let turn = desk.turn(vec![Event::Stop]);
    assert_eq!(
        shown(&turn),
        [
            "CancelCall(2)",
            "CancelCall(3)",
            "1 ! Crashed",
            "2 ! Crashed",
            "f/names <- [\"opened\",\"closed\"]"
        ]
    );
}

#[test]
fn what_a_handler_sets_is_in_the_answer() {
    let mut desk = Driver::new();
    let head = HttpHead {
        method: "GET".to_owned(),
        path: "/teapot".to_owned(),
        query: "a=1".to_owned(),
        headers: vec![("accept".to_owned(), "text/html".to_owned())],
        viewer: None,
    };
    let turn = desk.turn(vec![from(1, Origin::Http(head), "", "")]);
    let Some(Action::Respond {
        outcome: Ok(response),
        ..
    }) = turn.actions.first()
    else {
        panic!("no answer: {turn:?}");
    };
    assert_eq!(response.status, 418);
    assert_eq!(
        response.headers,
        [("x-tea".to_owned(), "sencha".to_owned())]
    );
    assert_eq!(response.body, br#"["GET","a=1","text/html"]"#);
}

#[test]
fn a_page_is_rendered_or_says_why_not() {
    let mut desk = Driver::new();
    let page = desk.render(0).unwrap();
    assert_eq!(
        (page.html.as_str(), page.title.as_deref()),
        ("0 /here", Some("Desk"))
    );
    let error = desk.render(1).unwrap_err();
    assert_eq!(
        (error.status, error.message.as_str(), error.internal),
        (404, "nothing here", false)
    );
    assert!(desk.render(2).unwrap_err().internal);
}

#[test]
fn an_unknown_handler_is_answered() {
    let mut desk = Driver::new();
    let turn = desk.turn(vec![message(1, "creat", "")]);
    let shown = shown(&turn).join("");
    let expected = "1 ! NoHandler(\"unknown handler `creat`; this process has `count`, ";
    assert!(shown.starts_with(expected), "{shown}");
}
