//! Every event with every option, as it goes over the wire.

use hyperstar_datastar::{
    CustomEventOptions, Event, ExecuteScript, Mode, Namespace, PatchElements, PatchSignals,
};
use serde_json::json;

/// Compares the bytes of all cases with one snapshot.
fn check(name: &str, cases: Vec<(&str, Event)>) {
    let mut text = String::new();
    for (label, event) in cases {
        let bytes = event.encode();
        let wire = std::str::from_utf8(&bytes).expect("UTF-8");
        assert!(
            wire.ends_with("\n\n") && !wire.trim_end_matches('\n').contains("\n\n"),
            "{label}"
        );
        text.push_str(&format!("# {label}\n{}", wire.replace('\r', "␍")));
    }
    insta::assert_snapshot!(name, text);
}

#[test]
fn patch_elements() {
    let new = || PatchElements::new("<p id=\"a\">x</p>");
    check(
        "patch_elements",
        vec![
            ("defaults", new().into()),
            ("defaults, set", {
                new()
                    .mode(Mode::Outer)
                    .namespace(Namespace::Html)
                    .use_view_transition(false)
                    .retry_ms(1000)
                    .into()
            }),
            ("all options", {
                new()
                    .selector("#target")
                    .mode(Mode::Inner)
                    .namespace(Namespace::Svg)
                    .use_view_transition(true)
                    .view_transition_selector("main")
                    .id("7")
                    .retry_ms(2000)
                    .into()
            }),
            ("inner", new().selector("a").mode(Mode::Inner).into()),
            ("replace", new().mode(Mode::Replace).into()),
            ("prepend", new().selector("a").mode(Mode::Prepend).into()),
            ("append", new().selector("a").mode(Mode::Append).into()),
            ("before", new().selector("a").mode(Mode::Before).into()),
            ("after", new().selector("a").mode(Mode::After).into()),
            ("remove", PatchElements::remove("#a, .b").into()),
            (
                "remove with an id",
                PatchElements::remove("#a").id("8").retry_ms(0).into(),
            ),
            ("mathml", new().namespace(Namespace::Mathml).into()),
            (
                "lines",
                PatchElements::new("<ul>\n  <li>\r\n\r</li>\n\n</ul>\n").into(),
            ),
            (
                "empty",
                PatchElements::new("")
                    .selector("#a")
                    .mode(Mode::Inner)
                    .into(),
            ),
            (
                "empty selectors",
                new().selector("").view_transition_selector("").into(),
            ),
            ("a selector of two lines", new().selector("#a,\n#b").into()),
            (
                "an injected event",
                new().selector("#a\n\nevent: x\ndata: y").into(),
            ),
            ("svg roots", {
                PatchElements::new("\n  <circle r=\"1\"/>\n  <circle r=\"2\"/>\n  <g><path/></g>\n")
                    .namespace(Namespace::Svg)
                    .selector("#vis")
                    .mode(Mode::Append)
                    .into()
            }),
        ],
    );
}

#[test]
fn patch_signals() {
    let new = || PatchSignals::new(&json!({"one": 1, "two": {"three": null}})).expect("JSON");
    check(
        "patch_signals",
        vec![
            ("defaults", new().into()),
            (
                "defaults, set",
                new().only_if_missing(false).retry_ms(1000).into(),
            ),
            (
                "all options",
                new().only_if_missing(true).id("7").retry_ms(2000).into(),
            ),
            (
                "raw lines",
                PatchSignals::raw("{\n  \"a\": 1,\r\n  \"b\":  \n2}").into(),
            ),
            (
                "text of lines",
                PatchSignals::new(&json!({"a": "x\ny\r\u{2028}"}))
                    .unwrap()
                    .into(),
            ),
            (
                "remove",
                PatchSignals::remove(["a", "b.c", "b.d.e", "a.b"]).into(),
            ),
            (
                "remove, longer path first",
                PatchSignals::remove(["a.b", "a"]).into(),
            ),
            (
                "remove nothing",
                PatchSignals::remove(Vec::<String>::new()).into(),
            ),
        ],
    );
}

#[test]
fn signals_must_be_an_object() {
    for (json, value) in [("3", json!(3)), ("[1]", json!([1])), ("null", json!(null))] {
        let error = PatchSignals::new(&value).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "signals are an object of names and values, not `{json}`; use a struct or a map"
            )
        );
    }
    let keys = std::collections::HashMap::from([((1, 2), 3)]);
    let error = PatchSignals::new(&keys).unwrap_err().to_string();
    assert!(
        error.starts_with("the value has no JSON form: key must be a string"),
        "{error}"
    );
}

#[test]
fn execute_script() {
    let new = || ExecuteScript::new("go()");
    let options = |selector: Option<&str>| CustomEventOptions {
        selector: selector.map(str::to_owned),
        bubbles: false,
        ..CustomEventOptions::default()
    };
    let detail = json!({"a": ["</script>", null, {"it's": true}]});
    check(
        "execute_script",
        vec![
            ("defaults", new().into()),
            ("all options", {
                new()
                    .auto_remove(false)
                    .attribute("type", "module")
                    .attribute("data-x", "\"a\" & <b>\r\n")
                    .id("7")
                    .retry_ms(2000)
                    .into()
            }),
            (
                "attributes and removal",
                new().attribute("async", "").into(),
            ),
            (
                "bad attribute names",
                new().attribute("a b=\"c", "1").attribute("</>", "2").into(),
            ),
            ("lines", ExecuteScript::new("if (a) {\n  b();\r\n}").into()),
            ("closing tags", {
                ExecuteScript::new(
                    "a('</script>', '</SCRIPT\\n>', /<\\/script>/, '<!-- <script>'); // </scripting",
                )
                .into()
            }),
            (
                "closing tags of a document",
                ExecuteScript::new("a('</head></BODY></html>')").into(),
            ),
            (
                "other markup",
                ExecuteScript::new("a < b; '</p>'; '<script>'; '<!'").into(),
            ),
            (
                "console_log",
                ExecuteScript::console_log("it's </script>\n\u{2028}").into(),
            ),
            ("console_error", ExecuteScript::console_error("\\").into()),
            (
                "redirect",
                ExecuteScript::redirect("/a?b='</script>&c=\u{2029}").into(),
            ),
            (
                "redirect to a script",
                ExecuteScript::redirect(" \u{1}jAva\nscript:alert(1)").into(),
            ),
            (
                "redirect to a name",
                ExecuteScript::redirect("/javascript:x").into(),
            ),
            ("replace_url", ExecuteScript::replace_url("?page=2").into()),
            (
                "prefetch",
                ExecuteScript::prefetch(["/a", "/b?'\"</script><!--"]).into(),
            ),
            ("custom event", {
                let options = CustomEventOptions::default();
                ExecuteScript::dispatch_custom_event("it's", &detail, options)
                    .unwrap()
                    .into()
            }),
            ("custom event on elements", {
                let options = options(Some("[title='a']"));
                ExecuteScript::dispatch_custom_event("x", "text", options)
                    .unwrap()
                    .into()
            }),
        ],
    );
}

#[test]
fn encodings_agree() {
    let patch = PatchElements::new("<p id=\"a\">x</p>").id("1");
    let mut buffer = bytes::BytesMut::from("before");
    patch.encode_into(&mut buffer);
    assert_eq!(buffer, [b"before", patch.encode().as_ref()].concat());
    assert_eq!(Event::from(&patch).encode(), patch.encode());
    assert_eq!(patch.event().encode(), patch.encode());
}
