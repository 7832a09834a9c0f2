//! The test kit: calls, time, faults and recordings.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hyperstar_interface::{Interface, Save};
use hyperstar_process::abi::{
    Action, Asset, Event, Page, RenderError, RenderRequest, Start, Turn, Viewer,
};
use hyperstar_process::record::{Output, Recording};
use hyperstar_process::test::{Host, Process};
use hyperstar_process::{CallError, Guest, Level, Origin};

use crate::app::{Desk, SAVE};

fn desk() -> Process<Desk> {
    SAVE.set(Save::EveryMessage);
    Process::new()
}

#[test]
fn calls_are_answered_and_kept() {
    let mut desk = desk();
    assert_eq!(desk.call::<i64>("increment", &7), Ok(7));
    assert_eq!(desk.kept::<i64>("count"), Some(7));
    assert_eq!(desk.commits().len(), 2);
    desk.restart();
    assert_eq!(desk.call::<i64>("count", &()), Ok(7));
    let error = desk.call::<String>("count", &()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the answer `7` is of another type"),
        "{error}"
    );
    let error = desk.call::<i64>("creat", &()).unwrap_err();
    assert!(matches!(error, CallError::NoHandler(_)));
}

#[test]
fn outgoing_calls_are_the_tests_to_answer() {
    let mut desk = desk();
    let sent = desk.send("add_theirs", &());
    assert_eq!(desk.open_calls(), [("other:desk:tests", "count")]);
    let call = desk.expect_call("other:desk:tests", "count");
    assert_eq!(call.arguments::<()>(), ());
    call.reply_twice(&41);
    assert_eq!(desk.outcome::<i64>(sent), Some(Ok(42)));

    let sent = desk.send("ask", &());
    desk.expect_call("other:desk:tests", "count")
        .fail(CallError::Offline);
    assert_eq!(desk.outcome::<i64>(sent), Some(Err(CallError::Offline)));
}

#[test]
fn answers_come_late_or_never() {
    let mut desk = desk();
    let sent = desk.send("ask", &());
    desk.expect_call("other:desk:tests", "count")
        .reply_after_ms(1_000, &3);
    desk.advance_ms(999);
    assert_eq!(desk.outcome::<i64>(sent), None);
    desk.advance_ms(1);
    assert_eq!(desk.outcome::<i64>(sent), Some(Ok(3)));

    let lost = desk.send("ask", &());
    desk.expect_call("other:desk:tests", "count").lose();
    let late = desk.send("ask", &());
    desk.expect_call("other:desk:tests", "count")
        .reply_after_ms(40_000, &4);
    assert!(desk.open_calls().is_empty());
    desk.advance_ms(60_000);
    assert_eq!(desk.outcome::<i64>(lost), Some(Err(CallError::Timeout)));
    assert_eq!(desk.outcome::<i64>(late), Some(Err(CallError::Timeout)));
}

#[test]
fn a_turn_that_is_lost_did_nothing() {
    let mut desk = desk();
    desk.call::<i64>("increment", &5).unwrap();
    let waits = desk.send("wait", &());
    desk.fail_next_turn();
    assert_eq!(desk.call::<i64>("increment", &5), Err(CallError::Crashed));
    assert_eq!(desk.outcome::<i64>(waits), Some(Err(CallError::Crashed)));
    assert_eq!(desk.call::<i64>("count", &()), Ok(5));
}

#[test]
fn time_is_moved_by_the_test() {
    let mut desk = desk();
    desk.advance_ms(1_700);
    assert_eq!(desk.call::<i64>("count", &()), Ok(300));
    let sent = desk.send("wait", &());
    desk.cancel(sent);
    desk.advance_ms(300);
    assert_eq!(desk.outcome::<i64>(sent), None);
    assert_eq!(desk.call::<i64>("count", &()), Ok(400));
}

#[test]
fn pages_and_requests_are_as_on_a_host() {
    let mut desk = desk();
    assert_eq!(desk.render("/").unwrap().html, "0 /");
    assert_eq!(desk.render("/nothing?a=b").unwrap_err().status, 404);
    let viewer = Viewer {
        session: "s".to_owned(),
        tab: "t".to_owned(),
    };
    assert!(desk.render_for(viewer, "/").is_ok());
    let response = desk.http("GET", "/teapot?a=1", "").unwrap();
    assert_eq!(response.status, 418);
    assert_eq!(response.body, br#"["GET","a=1",null]"#);
}

#[test]
fn a_stop_runs_its_handler() {
    let mut desk = desk();
    let sent = desk.send("ask", &());
    desk.stop_and_start();
    assert_eq!(desk.outcome::<i64>(sent), Some(Err(CallError::Crashed)));
    let names: Vec<String> = desk.kept("names").unwrap();
    assert_eq!(names, ["opened", "closed", "opened"]);
}

#[test]
fn a_process_that_does_not_start_says_why() {
    SAVE.set(Save::EveryMessage);
    let host = Host::new();
    host.set("f/count", "-77");
    let error = Process::<Desk>::try_on(host).err();
    assert_eq!(error.as_deref(), Some("`#[init]` failed: count is -77"));
}

#[test]
fn what_a_test_cannot_mean_is_a_panic() {
    let message = |work: &mut dyn FnMut(&mut Process<Desk>)| {
        let mut desk = desk();
        let panic = catch_unwind(AssertUnwindSafe(|| work(&mut desk))).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    assert_eq!(
        message(&mut |desk| drop(desk.call::<i64>("wait", &()))),
        "`wait` waits for something; `send` it, and ask for its `outcome` later"
    );
    assert_eq!(
        message(&mut |desk| desk.expect_call("a:b:c", "x").lose()),
        "no call of `x` of a:b:c: the process called nobody"
    );
    assert_eq!(
        message(&mut |desk| {
            let _ = desk.send("ask", &());
            desk.expect_call("a:b:c", "x").lose();
        }),
        "no call of `x` of a:b:c: the process called `count` of other:desk:tests"
    );
    assert_eq!(
        message(&mut |desk| drop(desk.render("/no"))),
        "no view is at `/no`"
    );
}

/// A bit of everything.
fn recorded() -> Recording {
    let mut desk = desk();
    desk.call::<i64>("increment", &2).unwrap();
    let first = desk.send("add_theirs", &());
    desk.render("/").unwrap();
    desk.expect_call("other:desk:tests", "count").reply(&1);
    let second = desk.send_from(Origin::Owner, "wait", Vec::new());
    desk.advance_ms(5_000);
    assert!(desk.response(first).is_some() && desk.response(second).is_some());
    desk.recording().clone()
}

#[test]
fn a_recording_plays_again() {
    let recording = recorded();
    assert!(recording.steps.len() > 10);
    let json = serde_json::to_string(&recording).unwrap();
    let again: Recording = serde_json::from_str(&json).unwrap();
    assert_eq!(Process::<Desk>::replay(&again), Ok(()));
    // Recorded again, it is the same text.
    assert_eq!(serde_json::to_string(&recorded()).unwrap(), json);
}

#[test]
fn a_difference_names_its_step() {
    let mut recording = recorded();
    let turn = recording
        .steps
        .iter_mut()
        .find_map(|step| match &mut step.output {
            Output::Turn(turn) => Some(turn),
            _ => None,
        });
    turn.unwrap().touched = false;
    let difference = Process::<Desk>::replay(&recording).unwrap_err();
    assert_eq!((difference.step, &difference.question), (1, &None));
    assert!(
        difference
            .to_string()
            .starts_with("step 1 of the recording differs\n  recorded: {")
    );

    let mut recording = recorded();
    let last = recording.steps.last_mut().unwrap();
    last.answers.clear();
    let difference = Process::<Desk>::replay(&recording).unwrap_err();
    assert_eq!(
        difference.question.as_deref(),
        Some("it asked for the time where it got nothing")
    );
}

#[test]
fn what_is_logged_can_be_read() {
    let mut desk = desk();
    desk.turn(Vec::new());
    assert!(desk.take_log().is_empty());
    let sent = desk.send("ask", &());
    // The same task again, which a host never sends.
    let recording = desk.recording().steps.last().unwrap().input.clone();
    let hyperstar_process::record::Input::Turn(events) = recording else {
        panic!("no turn");
    };
    desk.turn(events);
    assert_eq!(desk.outcome::<i64>(sent), None);
    let text = "the host gave the number 1 to two messages".to_owned();
    assert_eq!(desk.take_log(), [(Level::Error, text)]);
}

/// Calls for a message that nobody sent.
struct Rogue;

impl Guest for Rogue {
    fn interface(&self) -> Interface {
        Interface::new("Rogue")
    }

    fn assets(&self) -> Vec<Asset> {
        Vec::new()
    }

    fn start(&mut self, _: Start) -> Result<Turn, String> {
        Ok(Turn::default())
    }

    fn turn(&mut self, _: Vec<Event>) -> Turn {
        let call = Action::Call {
            id: 1,
            task: 7,
            to: "other:desk:tests".to_owned(),
            handler: "count".to_owned(),
            timeout_ms: 1,
            body: Vec::new(),
        };
        Turn {
            actions: vec![call],
            ..Turn::default()
        }
    }

    fn render(&mut self, _: RenderRequest) -> Result<Page, RenderError> {
        Ok(Page::default())
    }
}

#[test]
#[should_panic(
    expected = "`count` of other:desk:tests is called for the task 7, which nobody waits for"
)]
fn a_call_is_for_a_message_that_is_open() {
    let rogue = Process::<Desk>::run_by(Host::new(), |_| Box::new(Rogue));
    rogue.unwrap().turn(vec![Event::Timer(1)]);
}
