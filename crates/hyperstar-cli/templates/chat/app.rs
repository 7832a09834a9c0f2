//! What the app promises.

use hyperstar_process::test::Process;
use my_app::MyApp;

#[test]
fn who_has_a_name_is_heard() {
    let mut app = Process::<MyApp>::new();
    assert!(app.action("say", &[("text", "hello")], &()).is_err());
    app.action("join", &[("name", " Ann ")], &())
        .expect("a name");
    app.action("say", &[("text", "<b>hello</b>")], &())
        .expect("it is heard");
    let page = app.render("/").expect("the page");
    assert!(page.html.contains("<b>Ann</b>"), "{}", page.html);
    assert!(page.html.contains("&lt;b&gt;hello"), "{}", page.html);
}

#[test]
fn what_was_said_survives_a_crash() {
    let mut app = Process::<MyApp>::new();
    app.action("join", &[("name", "Ann")], &()).expect("a name");
    app.action("say", &[("text", "hello")], &())
        .expect("it is heard");
    app.restart();
    assert_eq!(app.call::<Result<u64, String>>("count", &()), Ok(Ok(1)));
}
