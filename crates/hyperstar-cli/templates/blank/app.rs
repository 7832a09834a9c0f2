//! What the app promises.

use hyperstar_process::test::Process;
use my_app::MyApp;

#[test]
fn it_has_a_page() {
    let mut app = Process::<MyApp>::new();
    let page = app.render("/").expect("the page");
    assert!(page.html.contains("<h1>My App</h1>"));
}
