//! What the app promises.

use hyperstar_process::test::Process;
use my_app::{Greeting, MyApp};
use serde::Serialize;

#[derive(Serialize)]
struct Ask {
    to: &'static str,
    name: &'static str,
}

const ANN: Ask = Ask {
    to: "other:my-app:local",
    name: "Ann",
};

#[test]
fn it_greets() {
    let mut app = Process::<MyApp>::new();
    let greeting = app
        .call::<Greeting>("greet", &("Ann",))
        .expect("a greeting");
    assert_eq!(
        (greeting.text.as_str(), greeting.number),
        ("Hello, Ann!", 1)
    );
}

#[test]
fn it_shows_what_another_answers() {
    let mut app = Process::<MyApp>::new();
    let asking = app.send("ask", &ANN);
    let call = app.expect_call("other:my-app:local", "greet");
    call.reply(&Greeting {
        text: "Good morning, Ann!".to_owned(),
        number: 7,
    });
    assert_eq!(app.outcome::<()>(asking), Some(Ok(())));
    let page = app.render("/").expect("the page");
    assert!(
        page.html.contains("Good morning, Ann! (number 7"),
        "{}",
        page.html
    );
}

#[test]
fn it_says_why_nobody_answers() {
    let mut app = Process::<MyApp>::new();
    app.send("ask", &ANN);
    app.advance_ms(5_000);
    let page = app.render("/").expect("the page");
    assert!(page.html.contains("other:my-app:local: "), "{}", page.html);
}
