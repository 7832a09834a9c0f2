//! What the app promises.

use hyperstar_process::test::Process;
use my_app::MyApp;

#[test]
fn it_counts_and_shows_it() {
    let mut app = Process::<MyApp>::new();
    for name in ["increment", "increment", "decrement"] {
        app.action(name, &[], &()).expect("it counts");
    }
    let page = app.render("/").expect("the page");
    assert!(page.html.contains(">1</output>"), "{}", page.html);
    let answer = app.http("GET", "/api/count", "").expect("an answer");
    assert_eq!(answer.body, b"1");
}

#[test]
fn what_was_counted_survives_a_crash() {
    let mut app = Process::<MyApp>::new();
    app.call::<()>("increment", &()).expect("it counts");
    app.restart();
    assert_eq!(app.call::<i64>("count", &()), Ok(1));
}
