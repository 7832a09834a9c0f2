//! Expressions: actions with every option, signals, composition.

use hyperstar_datastar::{
    ContentType, Expr, JsValue, Mode, Namespace, RequestCancellation, ResponseOverrides, Retry,
    SignalFilter, SignalPattern, delete, get, is_signal_path, js, js_string, patch, peek, post,
    put, query, set_all, signal, signals_attr, toggle_all,
};
use serde_json::json;

/// Compares expressions with what they are in JavaScript.
fn check<E: Into<Expr>>(cases: impl IntoIterator<Item = (E, &'static str)>) {
    for (expr, expected) in cases {
        assert_eq!(expr.into().to_string(), expected);
    }
}

#[test]
fn methods_and_urls() {
    check([
        (get("/a"), "@get('/a')"),
        (post("/a"), "@post('/a')"),
        (put("/a"), "@put('/a')"),
        (patch("/a"), "@patch('/a')"),
        (delete("/a"), "@delete('/a')"),
        (query(String::from("/a")), "@query('/a')"),
        (get("/it's?a=\"b\"&c=\\"), r#"@get('/it\'s?a="b"&c=\x5c')"#),
        (get("/a$b@get(c)$"), r"@get('/a\x24b\x40get(c)$')"),
        (get("/@me"), "@get('/@me')"),
        (get(js("'/rows/' + $id")), "@get('/rows/' + $id)"),
        (get(signal("next")), "@get($next)"),
    ]);
}

#[test]
fn options() {
    let all = post("/a")
        .selector("#form")
        .header("X-Tab", js("$tab"))
        .header("accept", "text/html")
        .header("__proto__", "x")
        .content_type(ContentType::Form)
        .filter_signals("^a$", "/b/")
        .open_when_hidden(false)
        .payload(json!({"a": [1, null, "it's"], "__proto__": {"b-c": true}}))
        .request_cancellation(RequestCancellation::Disabled)
        .response_overrides(
            ResponseOverrides::new()
                .selector("#a")
                .mode(Mode::Append)
                .namespace(Namespace::Svg)
                .use_view_transition()
                .only_if_missing(),
        )
        .retry(Retry::Always)
        .retry_interval_ms(js("500 + Math.random() * 500"))
        .retry_scaler(1.5)
        .retry_max_wait_ms(10_000)
        .retry_max_count(f64::INFINITY);
    check([
        (
            all,
            "@post('/a', {selector: '#form', headers: {'X-Tab': $tab, accept: 'text/html', \
             ['__proto__']: 'x'}, contentType: 'form', filterSignals: {include: '^a$', exclude: \
             '(?:/b/)'}, openWhenHidden: false, payload: {['__proto__']: {'b-c': true}, a: [1, \
             null, 'it\\'s']}, requestCancellation: 'disabled', responseOverrides: {selector: '#a', \
             mode: 'append', namespace: 'svg', useViewTransition: true, onlyIfMissing: true}, \
             retry: 'always', retryInterval: 500 + Math.random() * 500, retryScaler: 1.5, \
             retryMaxWait: 10000, retryMaxCount: Infinity})",
        ),
        (
            get("/").content_type(ContentType::Json),
            "@get('/', {contentType: 'json'})",
        ),
        (get("/").retry(Retry::Auto), "@get('/', {retry: 'auto'})"),
        (get("/").retry(Retry::Error), "@get('/', {retry: 'error'})"),
        (get("/").retry(Retry::Never), "@get('/', {retry: 'never'})"),
        (get("/").retry(js("$retry")), "@get('/', {retry: $retry})"),
        (
            get("/").retry_forever(),
            "@get('/', {retryMaxCount: Infinity})",
        ),
        (get("/").payload(js("$form")), "@get('/', {payload: $form})"),
        (
            get("/").request_cancellation(RequestCancellation::Auto),
            "@get('/', {requestCancellation: 'auto'})",
        ),
        (
            get("/").request_cancellation(RequestCancellation::Cleanup),
            "@get('/', {requestCancellation: 'cleanup'})",
        ),
        (
            get("/").request_cancellation(js("$controller")),
            "@get('/', {requestCancellation: $controller})",
        ),
        (
            get("/").headers([("a", "1"), ("b-c", "2")]),
            "@get('/', {headers: {a: '1', 'b-c': '2'}})",
        ),
        (
            get("/").include_signals(SignalPattern::only(["a.b", "c$"])),
            r"@get('/', {filterSignals: {include: '^(?:a\\.b|c\\$)(?:\\.|$)'}})",
        ),
        (
            get("/").exclude_signals(js("/x/i")),
            "@get('/', {filterSignals: {exclude: /x/i}})",
        ),
        (
            get("/").response_overrides(ResponseOverrides::new()),
            "@get('/', {responseOverrides: {}})",
        ),
    ]);
}

#[test]
fn composition() {
    check([
        (get("/a").then(post("/b")), "@get('/a'); @post('/b')"),
        (js(" $a = 1; ").then("$b = 2;").then(""), "$a = 1; $b = 2"),
        (get("/a").when("$ok"), "$ok && @get('/a')"),
        (get("/a").when("!$user.busy"), "!$user.busy && @get('/a')"),
        (get("/a").when("$a || $b"), "($a || $b) && @get('/a')"),
        (get("/a").when(signal("ok")), "$ok && @get('/a')"),
        (get("/a").when(""), "@get('/a')"),
        (js("$a = 1").when("$ok"), "if ($ok) { $a = 1 }"),
        (
            get("/a").then("$a = 1").when("$ok"),
            "if ($ok) { @get('/a'); $a = 1 }",
        ),
        (js("").when("$ok"), ""),
        (js("").then(get("/a")), "@get('/a')"),
        (
            set_all(true, SignalFilter::all().include("^a")),
            "@setAll(true, {include: '^a'})",
        ),
        (toggle_all(SignalFilter::all()), "@toggleAll({})"),
        (
            toggle_all(SignalFilter::all().include("a").exclude("b")),
            "@toggleAll({include: 'a', exclude: 'b'})",
        ),
        (peek("$a"), "@peek(() => $a)"),
        (peek("$a").when("$b"), "$b && @peek(() => $a)"),
    ]);
}

#[test]
fn signals() {
    check([
        (Expr::from(signal("a")), "$a"),
        (signal("a.b_c.0").into(), "$a.b_c.0"),
        (signal("a b.c").into(), "$['a b']['c']"),
        (signal("").into(), "$['']"),
        (signal("it's").into(), r"$['it\'s']"),
        (signal("a").set("x"), "$a = 'x'"),
        (signal("a").set(json!({"b": 1})), "$a = {b: 1}"),
        (signal("a").set(signal("b")), "$a = $b"),
        (signal("a").set(-2), "$a = -2"),
        (signal("a.b").toggle(), "$a.b = !$a.b"),
    ]);
    for path in ["", ".", "a.", "a b", "a..b", "é", "a$", "-a"] {
        assert!(!is_signal_path(path), "{path}");
    }
}

#[test]
fn values() {
    for (value, expected) in [
        (JsValue::from(true), "true"),
        (f64::NAN.into(), "NaN"),
        (f64::NEG_INFINITY.into(), "-Infinity"),
        (1e300.into(), &format!("{}", 1e300)),
        (u64::MAX.into(), "18446744073709551615"),
        (
            json!("a\u{0}\u{1f}\u{7f}\n\r\t\u{2028}\u{feff}").into(),
            r"'a\x00\x1f\x7f\n\r\t\u2028\ufeff'",
        ),
        (JsValue::literal(&Some(3)).unwrap(), "3"),
    ] {
        assert_eq!(value.to_string(), expected);
    }
    assert_eq!(js_string("<!-- </ <"), r"'\x3C!-- <\/ <'");
    assert_eq!(js_string("\\'"), r"'\\\''");
    assert_eq!(js_string("${a} $-"), r"'\x24{a} $-'");
}

#[test]
fn initial_signals() {
    let signals = signals_attr(&json!({"a": {"b-c": "\"<&>\""}, "if": [], "1": 2})).unwrap();
    assert_eq!(
        signals.to_string(),
        r#"{'1': 2, a: {'b-c': '"<&>"'}, if: []}"#
    );
    assert_eq!(
        signals.to_attr(),
        "{'1': 2, a: {'b-c': '&quot;&lt;&amp;&gt;&quot;'}, if: []}"
    );
    assert!(signals_attr(&json!([1])).is_err());
}

#[cfg(feature = "maud")]
#[test]
fn maud_escapes_as_to_attr_does() {
    let action = get("/a?b&c").header("x", "\"").when("$a < 3");
    let html = maud::html! { button data-on:click=(action) {} };
    assert_eq!(
        html.into_string(),
        format!("<button data-on:click=\"{}\"></button>", action.to_attr())
    );
    let html = maud::html! { p data-text=(signal("a")) data-x=(JsValue::from("<")) {} };
    assert_eq!(
        html.into_string(),
        "<p data-text=\"$a\" data-x=\"'&lt;'\"></p>"
    );
}
