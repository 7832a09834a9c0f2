//! How requests find handlers: every rule.

use hyperstar_interface::{
    AskError, Asked, Claim, Handler, Http, Interface, Mode, Param, Routed, Router, Source, Trigger,
    Type, check,
};

/// `NAME METHOD PATH`, where `*` is any method and `-` no path; `a,b?,c!,d*` are arguments, `!` is ticked or not,
/// and of `*` there are several.
fn router(handlers: &[&str]) -> Router {
    let mut interface = Interface::new("Test");
    for line in handlers {
        let words: Vec<&str> = line.split(' ').collect();
        let mut handler = Handler::new(words[0], Mode::Read);
        let some = |word: &str| (!matches!(word, "*" | "-")).then(|| word.to_owned());
        handler.triggers = vec![Trigger::Http(Http {
            method: some(words[1]),
            path: some(words[2]),
        })];
        for name in words.get(3).into_iter().flat_map(|names| names.split(',')) {
            let ty = match name.chars().last() {
                Some('?') => Type::Option(Box::new(Type::String)),
                Some('!') => Type::Bool,
                Some('*') => Type::List(Box::new(Type::String)),
                _ => Type::String,
            };
            let name = name.trim_end_matches(['?', '!', '*']);
            handler.params.push(Param {
                name: name.to_owned(),
                ty,
            });
        }
        interface.handlers.push(handler);
    }
    Router::new(&interface)
}

/// Where a request goes, in words.
fn went(router: &Router, method: &str, path: &str) -> String {
    match router.http(method, path) {
        Routed::To(place, params) => {
            let name = router.handler(place).map_or("?", |handler| &handler.name);
            let params: Vec<String> = params.iter().map(|(k, v)| format!(" {k}={v}")).collect();
            format!("{name}{}", params.concat())
        }
        Routed::ByBody => "by body".to_owned(),
        Routed::Options(allow) => format!("options {allow}"),
        Routed::Nowhere(AskError::WrongMethod { allow, .. }) => format!("405 {allow}"),
        Routed::Nowhere(AskError::NoRoute { near, .. }) => match near {
            Some(near) => format!("404 {near}?"),
            None => "404".to_owned(),
        },
        Routed::Nowhere(other) => format!("{other:?}"),
    }
}

#[track_caller]
fn check_routes(handlers: &[&str], cases: &[(&str, &str, &str)]) {
    let router = router(handlers);
    for (method, path, expected) in cases {
        assert_eq!(went(&router, method, path), *expected, "{method} {path}");
    }
}

#[test]
fn exact_path_and_method_come_first() {
    check_routes(
        &["any * /a", "param GET /{x}", "exact GET /a"],
        &[
            ("GET", "/a", "exact"),
            ("GET", "/b", "param x=b"),
            ("POST", "/a", "any"),
        ],
    );
}

#[test]
fn more_literal_segments_come_before_fewer() {
    check_routes(
        &[
            "rest GET /a/{*rest}",
            "two GET /{x}/{y}",
            "one GET /a/{y}",
            "other GET /{x}/b",
        ],
        &[
            ("GET", "/a/c", "one y=c"),
            // As many literals: the order of the source.
            ("GET", "/a/b", "one y=b"),
            ("GET", "/z/b", "other x=z"),
            ("GET", "/z/z", "two x=z y=z"),
            ("GET", "/a/b/c", "rest rest=b/c"),
        ],
    );
}

#[test]
fn a_method_with_parameters_comes_before_any_method_without() {
    check_routes(
        &["any * /a/b", "param GET /a/{x}"],
        &[("GET", "/a/b", "param x=b"), ("PUT", "/a/b", "any")],
    );
}

#[test]
fn a_path_with_any_method_comes_before_bodies() {
    check_routes(
        &["loose GET -", "any * /a/{x}"],
        &[
            ("GET", "/a/b", "any x=b"),
            ("GET", "/b", "by body"),
            ("POST", "/b", "404"),
        ],
    );
}

#[test]
fn head_is_get_and_options_are_answered() {
    check_routes(
        &[
            "get GET /a",
            "put PUT /a",
            "head HEAD /b",
            "getb GET /b",
            "opt OPTIONS /c",
        ],
        &[
            ("HEAD", "/a", "get"),
            ("HEAD", "/b", "head"),
            ("OPTIONS", "/a", "options GET, HEAD, OPTIONS, PUT"),
            ("OPTIONS", "/c", "opt"),
            ("OPTIONS", "/d", "404"),
            ("DELETE", "/a", "405 GET, HEAD, OPTIONS, PUT"),
            ("POST", "/aa", "404 /a?"),
            ("GET", "/nothing-like-it", "404"),
        ],
    );
}

#[test]
fn bodies_come_before_a_path_with_another_method() {
    check_routes(
        &["get GET /a", "say POST - name"],
        &[
            ("POST", "/a", "by body"),
            ("PUT", "/a", "405 GET, HEAD, OPTIONS"),
            ("GET", "/a", "get"),
        ],
    );
}

#[test]
fn head_is_for_get_without_a_path_too() {
    check_routes(
        &["say GET - name"],
        &[("HEAD", "/a", "by body"), ("POST", "/a", "404")],
    );
    let router = router(&["say GET - name"]);
    let asked = Asked {
        names: Some(vec!["name"]),
        is_loose: true,
        ..Asked::default()
    };
    assert_eq!(router.by_body("HEAD", "/a", &asked), Ok(0));
}

#[test]
fn bodies_are_for_endpoints() {
    let mut interface = Interface::new("Test");
    interface.endpoints = vec!["/api".into()];
    let mut handler = Handler::new("say", Mode::Read);
    handler.triggers = vec![Trigger::Http(Http::default())];
    interface.handlers.push(handler);
    let router = Router::new(&interface);
    for (path, expected) in [
        ("/api", "by body"),
        ("/api/x/y", "by body"),
        ("/apix", "404"),
        ("/", "404"),
    ] {
        assert_eq!(went(&router, "POST", path), expected, "{path}");
    }
}

#[track_caller]
fn check_body(handlers: &[&str], asked: &Asked<'_>, expected: &str) {
    let router = router(handlers);
    let found = match router.by_body("POST", "/", asked) {
        Ok(place) => router.handler(place).map_or("?", |h| &h.name).to_owned(),
        Err(AskError::WrongMethod { allow, .. }) => format!("405 {allow}"),
        Err(AskError::UnknownHandler { .. }) => "unknown".to_owned(),
        Err(AskError::NoHandlerNamed { .. }) => "which?".to_owned(),
        Err(other) => format!("{other:?}"),
    };
    assert_eq!(found, expected, "{asked:?}");
}

#[test]
fn a_body_names_its_handler_or_fits_one() {
    let handlers = [
        "create_user * - name,age",
        "rename POST - name,to?",
        "clear POST -",
        "only_get GET - name",
    ];
    let names = |names: &[&'static str]| Asked {
        wrapper: match names {
            [only] => Some(only),
            _ => None,
        },
        names: Some(names.to_vec()),
        is_loose: false,
    };
    let text = |wrapper: &'static str| Asked {
        wrapper: Some(wrapper),
        names: None,
        ..Asked::default()
    };
    check_body(&handlers, &names(&["CreateUser"]), "create_user");
    check_body(&handlers, &names(&["create_user"]), "create_user");
    check_body(&handlers, &text("Clear"), "clear");
    check_body(&handlers, &names(&["name", "age"]), "create_user");
    check_body(&handlers, &names(&["name"]), "rename");
    check_body(&handlers, &names(&["to", "name"]), "rename");
    check_body(&handlers, &names(&["name", "age", "more"]), "which?");
    check_body(&handlers, &Asked::default(), "clear");
    check_body(&handlers, &names(&["CreatUser"]), "unknown");
    check_body(&handlers, &names(&["OnlyGet"]), "which?");
    check_body(&["a POST -", "b POST -"], &Asked::default(), "which?");
    // A query may have more than anybody takes.
    let loose = |of: &[&'static str]| Asked {
        is_loose: true,
        ..names(of)
    };
    check_body(&handlers, &loose(&["name", "age", "more"]), "create_user");
    check_body(&handlers, &loose(&["name", "more"]), "rename");
    check_body(&handlers, &loose(&["more"]), "clear");
    // A form leaves out what is not ticked; JSON does not.
    let ticked = ["subscribe POST - topic,loud!,tags*", "vote POST - topic,of"];
    check_body(&ticked, &loose(&["topic"]), "subscribe");
    check_body(&ticked, &loose(&["topic", "loud"]), "subscribe");
    check_body(&ticked, &loose(&["topic", "of"]), "vote");
    check_body(&ticked, &loose(&["topic", "tags", "more"]), "subscribe");
    check_body(&ticked, &names(&["topic"]), "which?");
    check_body(&ticked, &names(&["topic", "loud", "tags"]), "subscribe");
    // One with a method comes before one without, whatever the order of the source.
    let same = ["any * - name", "post POST - name"];
    check_body(&same, &names(&["name"]), "post");
    check_body(
        &["a POST -", "b GET /"],
        &names(&["x"]),
        "405 GET, HEAD, OPTIONS",
    );
}

#[test]
fn names_are_spelt_in_three_ways_and_sources_kept_apart() {
    let mut interface = Interface::new("Test");
    for (name, triggers) in [
        ("create_user", vec![Trigger::Local]),
        ("pull", vec![Trigger::Remote]),
        ("click", vec![Trigger::Action]),
        ("tick", vec![Trigger::Every(5)]),
    ] {
        let mut handler = Handler::new(name, Mode::Write);
        handler.triggers = triggers;
        interface.handlers.push(handler);
    }
    let router = Router::new(&interface);
    for name in ["create_user", "CreateUser", "create-user"] {
        assert_eq!(router.named(Source::Local, name), Ok(0), "{name}");
    }
    for (source, may) in [
        (Source::Local, [true, false, false, false]),
        (Source::Remote, [false, true, false, false]),
        (Source::Action, [false, false, true, false]),
        (Source::Timer, [false, false, false, true]),
        (Source::Http, [false, false, false, false]),
        (Source::Owner, [true, true, true, false]),
    ] {
        let found =
            ["create_user", "pull", "click", "tick"].map(|name| router.named(source, name).is_ok());
        assert_eq!(found, may, "{source:?}");
    }
}

#[test]
fn websockets_have_paths() {
    let mut interface = Interface::new("Test");
    for (name, path) in [
        ("chat", "/ws/{room}"),
        ("all", "/ws"),
        ("lobby", "/ws/lobby"),
    ] {
        let mut handler = Handler::new(name, Mode::Write);
        handler.triggers = vec![Trigger::Ws(path.into())];
        interface.handlers.push(handler);
    }
    let router = Router::new(&interface);
    assert_eq!(router.ws("/ws/tea"), Some((0, vec![("room", "tea")])));
    assert_eq!(router.ws("/ws"), Some((1, vec![])));
    // More literal segments come first, as over HTTP.
    assert_eq!(router.ws("/ws/lobby"), Some((2, vec![])));
    assert_eq!(router.ws("/"), None);
}

#[test]
fn routes_that_clash_are_named() {
    let none: &[String] = &[];
    let get = |path: &'static str| Claim::Http {
        method: Some("GET"),
        path: Some(path),
        params: none,
    };
    let any = |path: &'static str| Claim::Http {
        method: None,
        path: Some(path),
        params: none,
    };
    let loose = |method: Option<&'static str>| Claim::Http {
        method,
        path: None,
        params: none,
    };
    let view = |path: &'static str| Claim::View { path };
    let ws = |path: &'static str| Claim::Ws { path };
    let cases: &[(&[Claim<'_>], bool)] = &[
        (&[view("/"), view("/a")], true),
        (&[view("/a/{x}"), view("/a/{y}")], false),
        (&[view("/a"), get("/a")], false),
        (&[get("/a"), view("/a")], false),
        (&[view("/a"), any("/a")], true),
        (&[get("/a"), get("/a")], false),
        (&[get("/{*a}"), get("/{*b}")], false),
        (&[get("/{*a}"), get("/{b}")], true),
        (&[get("/a"), any("/a")], true),
        (&[any("/a"), any("/a")], false),
        (&[get("/a/{x}"), get("/a/b")], true),
        (&[loose(None), loose(None)], true),
        (&[loose(Some("POST")), loose(Some("POST"))], true),
        (&[loose(Some("GET")), loose(Some("GET"))], false),
        (&[ws("/ws"), ws("/ws")], false),
        (&[ws("/ws"), get("/ws")], true),
        (&[view("no")], false),
    ];
    for (claims, good) in cases {
        let named: Vec<(&str, Claim<'_>)> =
            claims.iter().map(|claim| ("one", claim.clone())).collect();
        let clashes = check(&named);
        assert_eq!(clashes.is_empty(), *good, "{claims:?}: {clashes:?}");
        if let Some(clash) = clashes.first() {
            assert_eq!(clash.claim, claims.len() - 1);
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_request_makes_it_panic(method in ".{0,8}", path in ".{0,20}", name in ".{0,20}") {
        let router = router(&["a GET /{x}/b", "b * /c/{*rest}", "c POST - n"]);
        let _ = router.http(&method, &path);
        for source in [Source::Local, Source::Remote, Source::Http, Source::Action, Source::Owner] {
            let _ = router.named(source, &name);
            let asked = Asked { wrapper: Some(&name), names: Some(vec![&name]), ..Asked::default() };
            let _ = router.by_body(&method, &path, &asked);
            let _ = router.by_body_for(source, &asked);
        }
    }
}
