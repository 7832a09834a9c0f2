//! Arbitrary text in every field: it arrives, and nothing else does.

use hyperstar_datastar::{
    ExecuteScript, JsValue, Mode, Namespace, PatchElements, PatchSignals, get, html_attr_escape,
    js_string, on, post, signal,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use crate::decode::{self, SseEvent, unify_line_breaks};

/// Text made of what has a meaning somewhere, and of anything else.
fn text() -> impl Strategy<Value = String> {
    let telling = prop::sample::select(vec![
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        " ",
        ":",
        "data: elements x",
        "event: x",
        "id: 1",
        "'",
        "\"",
        "`",
        "\\",
        "\\'",
        "/",
        "</",
        "</script>",
        "</SCRIPT ",
        "<script>",
        "<!--",
        "-->",
        "<svg>",
        "</body>",
        "$foo",
        "${foo}",
        "$",
        "@get(",
        "@",
        "&",
        "&amp;",
        ";",
        "=",
        "<",
        ">",
        "\0",
        "\u{1}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{2029}",
        "\u{feff}",
        "é",
        "😀",
        "a",
        "n",
        "x41",
    ]);
    vec(prop_oneof![4 => telling.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)], 0..12)
        .prop_map(|parts| parts.concat())
}

fn mode() -> impl Strategy<Value = Mode> {
    prop::sample::select(vec![Mode::Outer, Mode::Inner, Mode::Append, Mode::Remove])
}

/// The one event in `bytes`.
fn one(bytes: &[u8], name: &str) -> SseEvent {
    let mut events = decode::sse(bytes);
    assert_eq!(events.len(), 1, "{:?}", String::from_utf8_lossy(bytes));
    let event = events.remove(0);
    assert_eq!(event.name.as_deref(), Some(name));
    assert_eq!(event.other, Vec::<String>::new());
    event
}

/// An id is one line; what cannot stand in it must not have become anything else.
fn check_id(event: &SseEvent, id: &str) {
    let sound = !id.contains(['\r', '\n', '\0']);
    match &event.id {
        Some(sent) if sound => assert_eq!(sent, id),
        None => assert!(!sound || id.is_empty(), "the id {id:?} is lost"),
        Some(sent) => assert!(!sent.contains('\0')),
    }
}

fn not_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| unify_line_breaks(text))
}

/// Datastar splits statements at semicolons and replaces signals and actions by regular
/// expressions; both skip a literal only if they agree on where it ends.
fn check_datastar_reads_one_literal(literal: &str) {
    let inside = &literal[1..literal.len() - 1];
    assert!(!literal.contains(['\n', '\r', '\u{2028}', '\u{2029}']));
    // '(?:\\'|[^'])*' must find the same end, with and without text after it.
    let bytes = inside.as_bytes();
    for (at, _) in inside.match_indices('\'') {
        assert_eq!(bytes[at - 1], b'\\', "{literal}");
    }
    assert!(!inside.ends_with('\\'), "{literal}");
    // Nor is there anything to replace, should a reader lose count of the quotes.
    for (at, _) in inside.match_indices('$') {
        let next = inside[at + 1..].chars().next().unwrap_or(' ');
        assert!(
            !next.is_ascii_alphanumeric() && next != '_' && next != '{',
            "{literal}"
        );
    }
    for (at, _) in inside.match_indices('@') {
        let name: String = inside[at + 1..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '$')
            .collect();
        assert!(
            name.is_empty() || !inside[at + 1 + name.len()..].starts_with('('),
            "{literal}"
        );
    }
}

proptest! {
    #[test]
    fn patch_elements(
        html in text(), selector in text(), transition in text(), id in text(),
        mode in mode(), retry_ms in any::<u64>(),
    ) {
        let patch = PatchElements::new(&html)
            .selector(&selector)
            .mode(mode)
            .view_transition_selector(&transition)
            .id(&id)
            .retry_ms(retry_ms);
        let event = one(&patch.encode(), "datastar-patch-elements");
        check_id(&event, &id);
        prop_assert_eq!(event.value("selector"), not_empty(&selector));
        prop_assert_eq!(event.value("viewTransitionSelector"), not_empty(&transition));
        let elements = event.value("elements").unwrap_or_default();
        prop_assert_eq!(elements, unify_line_breaks(&html));
        let mode_sent = event.value("mode").unwrap_or_else(|| "outer".to_owned());
        prop_assert_eq!(mode_sent.as_str(), mode.as_str());
        let retry_sent = event.retry.unwrap_or_else(|| "1000".to_owned());
        prop_assert_eq!(retry_sent, retry_ms.to_string());
    }

    #[test]
    fn patch_foreign_elements(html in text()) {
        // The words of the text survive, in order, whatever it looks like to a parser.
        let words = |text: &str| text.replace("<!---->", "").split_whitespace().collect::<String>();
        let patch = PatchElements::new(&html).namespace(Namespace::Svg);
        let event = one(&patch.encode(), "datastar-patch-elements");
        let elements = event.value("elements").unwrap_or_default();
        if !html.contains(['<', '!', '-']) {
            prop_assert_eq!(words(&elements), words(&unify_line_breaks(&html)));
        }
    }

    #[test]
    fn patch_signals(name in text(), value in text(), raw in text(), id in text()) {
        let signals = serde_json::json!({ &name: &value });
        let patch = PatchSignals::new(&signals).unwrap().id(&id).only_if_missing(true);
        let event = one(&patch.encode(), "datastar-patch-signals");
        check_id(&event, &id);
        prop_assert_eq!(event.value("onlyIfMissing"), Some("true".to_owned()));
        let sent: Value = serde_json::from_str(&event.value("signals").unwrap()).unwrap();
        prop_assert_eq!(sent, signals);

        let event = one(&PatchSignals::raw(&raw).encode(), "datastar-patch-signals");
        prop_assert_eq!(event.value("signals").unwrap(), unify_line_breaks(&raw));

        let removal = one(&PatchSignals::remove([&name]).encode(), "datastar-patch-signals");
        let sent: Value = serde_json::from_str(&removal.value("signals").unwrap()).unwrap();
        let found = name.split('.').fold(&sent, |value, name| &value[name]);
        prop_assert_eq!(found, &Value::Null);
    }

    #[test]
    fn execute_script(value in text(), attribute_name in text(), attribute in text(), id in text()) {
        // JSON escapes nothing that HTML minds.
        let literal = serde_json::to_string(&value).unwrap();
        let script = ExecuteScript::new(format!("a({literal})"))
            .attribute("data-a", &attribute)
            .attribute(&attribute_name, "x")
            .id(&id);
        let event = one(&script.encode(), "datastar-patch-elements");
        check_id(&event, &id);
        prop_assert_eq!(event.value("selector"), Some("body".to_owned()));
        prop_assert_eq!(event.value("mode"), Some("append".to_owned()));
        let html = event.value("elements").unwrap();
        let rest = html.strip_prefix("<script data-a=\"").unwrap();
        let (sent, rest) = decode::html_attribute(rest);
        // A line feed at the end of `\r\n` stays one; `\r` is a reference.
        prop_assert_eq!(sent, attribute);
        let (tag, rest) = rest.split_once('>').unwrap();
        let tag = tag.strip_suffix(" data-effect=\"el.remove()\"").unwrap();
        if !tag.is_empty() {
            let name = tag.strip_prefix(' ').and_then(|tag| tag.strip_suffix("=\"x\"")).unwrap();
            let harmful = |c: char| c.is_whitespace() || c.is_control() || "\"'<>/=".contains(c);
            prop_assert!(!name.is_empty() && !name.contains(harmful));
        }
        let (text, rest) = decode::html_script(rest);
        prop_assert_eq!(rest, "");
        let call = text.strip_prefix("a(").unwrap();
        let (sent, rest) = decode::js_string(call);
        prop_assert_eq!(rest, ")");
        prop_assert_eq!(sent, value);
        for end in ["</html>", "</head>", "</body>"] {
            prop_assert!(!html.contains(end));
        }
    }

    #[test]
    fn script_sugar(value in text()) {
        for (script, before, after) in [
            (ExecuteScript::console_log(&value), "console.log(", ")"),
            (ExecuteScript::console_error(&value), "console.error(", ")"),
            (ExecuteScript::replace_url(&value), "window.history.replaceState({}, '', ", ")"),
            (ExecuteScript::redirect(&value), "setTimeout(() => window.location.href = ", ")"),
        ] {
            let event = one(&script.encode(), "datastar-patch-elements");
            let html = event.value("elements").unwrap();
            let (_, html) = html.split_once('>').unwrap();
            let (text, rest) = decode::html_script(html);
            prop_assert_eq!(rest, "");
            let (sent, rest) = decode::js_string(text.strip_prefix(before).unwrap());
            prop_assert_eq!(rest, after);
            prop_assert_eq!(&sent, &value);
        }
        let event = one(&ExecuteScript::prefetch([&value]).encode(), "datastar-patch-elements");
        let html = event.value("elements").unwrap();
        let (_, html) = html.split_once('>').unwrap();
        let rules: Value = serde_json::from_str(&decode::html_script(html).0).unwrap();
        prop_assert_eq!(rules["prefetch"][0]["urls"][0].as_str(), Some(value.as_str()));
    }

    #[test]
    fn js_strings(value in text()) {
        let literal = js_string(&value);
        prop_assert_eq!(decode::js_string(&literal), (value.clone(), ""));
        check_datastar_reads_one_literal(&literal);
        prop_assert!(!literal.contains("</") && !literal.contains("<!--"));
        prop_assert_eq!(JsValue::from(&value).to_string(), literal);
    }

    #[test]
    fn html_attributes(value in text()) {
        let attribute = format!("{}\" next", html_attr_escape(&value));
        prop_assert_eq!(decode::html_attribute(&attribute), (value, " next"));
        prop_assert!(!attribute.contains('<'));
    }

    #[test]
    fn expressions_in_attributes(url in text(), name in text(), value in text()) {
        let action = post(&url).header(&name, &value);
        let html = on("click").value(&action);
        let (code, rest) = decode::html_attribute(html.strip_prefix("data-on:click=\"").unwrap());
        prop_assert_eq!(rest, "");
        prop_assert_eq!(&code, &action.to_string());
        let (sent, rest) = decode::js_string(code.strip_prefix("@post(").unwrap());
        prop_assert_eq!(sent, url);
        let rest = rest.strip_prefix(", {headers: {").unwrap();
        let (sent, rest) = if rest.starts_with('\'') {
            decode::js_string(rest)
        } else {
            let end = rest.find(':').unwrap();
            (rest[..end].to_owned(), &rest[end..])
        };
        prop_assert_eq!(sent, name);
        let (sent, rest) = decode::js_string(rest.strip_prefix(": ").unwrap());
        prop_assert_eq!(sent, value);
        prop_assert_eq!(rest, "}})");
    }

    #[test]
    fn attribute_names(name in text()) {
        let html = on(&name).once().value(get("/"));
        let (attribute, value) = html.split_once('=').unwrap();
        prop_assert_eq!(value, "\"@get('/')\"");
        let harmful = |c: char| c.is_whitespace() || c.is_control() || "\"'<>/".contains(c);
        prop_assert!(!attribute.contains(harmful));
        prop_assert_eq!(attribute.split("__").last(), Some("once"));
    }

    #[test]
    fn signal_paths(path in text()) {
        let code = signal(&path).to_string();
        let mut names = Vec::new();
        let mut rest = code.strip_prefix('$').unwrap();
        while let Some(index) = rest.strip_prefix('[') {
            let (name, tail) = decode::js_string(index);
            names.push(name);
            rest = tail.strip_prefix(']').unwrap();
        }
        let read = if names.is_empty() { rest.to_owned() } else { names.join(".") };
        prop_assert_eq!(read, path);
    }

    #[test]
    fn headers_of_answers(selector in text(), attribute in text()) {
        let response = PatchElements::new("").selector(&selector).html_response();
        prop_assert_eq!(response.headers().contains_key("datastar-selector"), !selector.is_empty());
        let response = ExecuteScript::new("").attribute("a", &attribute).script_response();
        let json = response.headers()["datastar-script-attributes"].to_str().unwrap();
        let sent: Value = serde_json::from_str(json).unwrap();
        prop_assert_eq!(sent["a"].as_str(), Some(attribute.as_str()));
    }
}
