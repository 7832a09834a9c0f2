//! One bank, and a test that plays the other.

use hyperstar_process::CallError;
use hyperstar_process::test::Process;
use serde_json::{Value, json};

use crate::{BANKS, Bank, FIRST_CENTS, Statement};

const SOUTH: &str = BANKS[1];
const TAKEN: Result<(), String> = Ok(());

fn send(process: &mut Process<Bank>, to: &str, cents: u64) -> Result<(), String> {
    let arguments = json!({ "from": "Ann", "bank": SOUTH, "to": to, "cents": cents });
    process.call("transfer", &arguments).expect("an answer")
}

fn take_in(
    process: &mut Process<Bank>,
    number: u64,
    oldest: u64,
    cents: u64,
) -> Result<(), String> {
    let arguments = json!({ "number": number, "oldest": oldest, "holder": "Ann", "cents": cents });
    process.call("deposit", &arguments).expect("an answer")
}

/// What Ann has, and what is on its way.
fn anns(process: &mut Process<Bank>) -> (u64, u64) {
    let statement: Statement = process.call("statement", &()).expect("an answer");
    (statement.accounts["Ann"], statement.on_its_way)
}

#[test]
fn money_is_on_its_way_until_the_other_bank_has_it() {
    let mut process = Process::<Bank>::new();
    assert_eq!(send(&mut process, "Bob", 3_000), Ok(()));
    assert_eq!(anns(&mut process), (FIRST_CENTS - 3_000, 3_000));
    let asked = process.expect_call(SOUTH, "deposit");
    let expected = json!({ "number": 1, "oldest": 1, "holder": "Bob", "cents": 3_000 });
    assert_eq!(asked.arguments::<Value>(), expected);
    asked.reply_twice(&TAKEN);
    assert_eq!(anns(&mut process), (FIRST_CENTS - 3_000, 0));
    process.advance_ms(5_000);
    assert!(process.open_calls().is_empty(), "it is settled");
}

#[test]
fn what_is_refused_goes_back() {
    let mut process = Process::<Bank>::new();
    send(&mut process, "Zoe", 3_000).expect("it leaves");
    let refused: Result<(), String> = Err("there is no account `Zoe`".to_owned());
    process.expect_call(SOUTH, "deposit").reply(&refused);
    assert_eq!(anns(&mut process), (FIRST_CENTS, 0));
    let html = process.render("/").expect("a page").html;
    assert!(
        html.contains("Back: Ann to Zoe at south: 30.00; there is no account"),
        "{html}"
    );
}

#[test]
fn without_an_answer_it_asks_again_also_after_a_crash() {
    let mut process = Process::<Bank>::new();
    send(&mut process, "Bob", 1).expect("it leaves");
    process
        .expect_call(SOUTH, "deposit")
        .fail(CallError::Crashed);
    assert_eq!(
        anns(&mut process),
        (FIRST_CENTS - 1, 1),
        "nobody knows whether it arrived"
    );
    process.advance_ms(1_000);
    process.expect_call(SOUTH, "deposit").lose();
    process.restart();
    assert_eq!(anns(&mut process), (FIRST_CENTS - 1, 1));
    process.advance_ms(1_000);
    let asked = process.expect_call(SOUTH, "deposit");
    assert_eq!(asked.arguments::<Value>()["number"], 1);
    asked.reply(&TAKEN);
    assert_eq!(anns(&mut process), (FIRST_CENTS - 1, 0));
    // A turn that is lost on its way to the disk has not asked anybody.
    process.fail_next_turn();
    let lost = json!({ "from": "Ann", "bank": SOUTH, "to": "Bob", "cents": 1 });
    assert_eq!(
        process.call::<Value>("transfer", &lost),
        Err(CallError::Crashed)
    );
    assert_eq!(anns(&mut process), (FIRST_CENTS - 1, 0));
    assert!(process.open_calls().is_empty());
}

#[test]
fn what_comes_in_counts_once_for_each_number() {
    let mut process = Process::<Bank>::new();
    for _ in 0..3 {
        assert_eq!(take_in(&mut process, 1, 1, 1_000), Ok(()));
        process.restart();
    }
    assert_eq!(anns(&mut process).0, FIRST_CENTS + 1_000);
    assert_eq!(take_in(&mut process, 2, 2, 500), Ok(()));
    assert!(
        take_in(&mut process, 1, 1, 1_000).is_err(),
        "that is settled"
    );
    assert!(
        take_in(&mut process, 2 + 64, 2, 1).is_err(),
        "too far ahead"
    );
    assert_eq!(anns(&mut process).0, FIRST_CENTS + 1_500);
    assert!(
        take_in(&mut process, 3, 2, u64::MAX).is_err(),
        "more than there can be"
    );
    assert!(
        take_in(&mut process, 3, 2, 1).is_err(),
        "the same answer again"
    );
    assert_eq!(anns(&mut process).0, FIRST_CENTS + 1_500);
}

#[test]
fn nobody_sends_what_is_not_there() {
    let mut process = Process::<Bank>::new();
    let check = |process: &mut Process<Bank>, arguments: Value, expected: &str| {
        let answer: Result<(), String> = process.call("transfer", &arguments).expect("an answer");
        let problem = answer.expect_err("a refusal");
        assert!(problem.contains(expected), "{problem}");
    };
    let to = |from: &str, cents: u64| json!({ "from": from, "bank": SOUTH, "to": "Bob", "cents": cents });
    check(&mut process, to("Zoe", 1), "no account `Zoe`");
    check(&mut process, to("Ann", 0), "How much");
    check(
        &mut process,
        to("Ann", FIRST_CENTS + 1),
        "Ann has only 100.00.",
    );
    check(&mut process, to("Ann", u64::MAX), "Ann has only 100.00.");
    for _ in 0..64 {
        send(&mut process, "Bob", 1).expect("room");
    }
    check(&mut process, to("Ann", 1), "Too much is on its way");
    assert_eq!(anns(&mut process), (FIRST_CENTS - 64, 64));
}

#[test]
fn the_form_says_what_is_wrong_and_keeps_what_was_typed() {
    let mut process = Process::<Bank>::new();
    let own = "app:app:test.os Bob";
    let mut send = |to: &str, amount: &str| -> String {
        let signals = json!({ "from": "Ann", "to": to, "amount": amount });
        let reply = process.action("send", &[], &signals).expect("an answer");
        let bytes = reply.into_bytes().expect("events");
        String::from_utf8(bytes.to_vec()).expect("text")
    };
    assert!(send(own, "a lot").contains("Write an amount"));
    assert!(send("nowhere", "1").contains("is no address"));
    assert!(send("app:app:test.os Zoe", "1").contains("no account `Zoe`"));
    assert!(send(own, "12.50").contains(r#""amount":"""#));
    let html = process.render("/").expect("a page").html;
    assert!(html.contains("87.50") && html.contains("112.50"), "{html}");
}
