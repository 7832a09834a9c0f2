//! What is said where something was asked that cannot be answered.

use hyperstar_interface::{
    Asked, Handler, Http, Interface, Mode, Param, Router, Source, Trigger, Type,
};

fn router() -> Router {
    let mut interface = Interface::new("Users");
    for (name, trigger) in [
        ("create_user", Trigger::Local),
        ("list_users", Trigger::Local),
        ("page", Trigger::Http(Http::default())),
        ("rename", Trigger::Remote),
    ] {
        let mut handler = Handler::new(name, Mode::Write);
        handler.triggers = vec![trigger];
        interface.handlers.push(handler);
    }
    let param = |name: &str| Param {
        name: name.into(),
        ty: Type::String,
    };
    interface.handlers[0].params = vec![param("name")];
    interface.handlers[1].params = vec![param("most")];
    interface.handlers[2].params = vec![param("number")];
    Router::new(&interface)
}

#[test]
fn errors_name_the_value_and_the_remedy() {
    let router = router();
    let wrapper = |name: &'static str| Asked {
        wrapper: Some(name),
        names: Some(vec![name]),
        ..Asked::default()
    };
    let texts = [
        router.named(Source::Local, "creat_user"),
        router.named(Source::Local, "rename"),
        router.named(Source::Remote, "create_user"),
        router.named(Source::Local, "page"),
        router.named(Source::Remote, "x"),
        router.named(Source::Action, "x"),
        router.named(Source::Local, &"x".repeat(200)),
        router.by_body_for(Source::Local, &wrapper("CreatUser")),
        router.by_body_for(Source::Local, &wrapper("x")),
        router.by_body_for(Source::Local, &Asked::default()),
        router.by_body("POST", "/", &wrapper("x")),
    ];
    let texts: Vec<String> = texts
        .into_iter()
        .map(|found| found.unwrap_err().to_string())
        .collect();
    insta::assert_snapshot!(texts.join("\n"));
}
