//! Answers that are not a stream, and a stream in one piece.

use bytes::Bytes;
use http::Response;
use hyperstar_datastar::{
    ExecuteScript, Mode, Namespace, PatchElements, PatchSignals, event_response,
};

fn text(response: &Response<Bytes>) -> String {
    let mut text = format!("{}\n", response.status().as_u16());
    for (name, value) in response.headers() {
        text.push_str(&format!("{name}: {}\n", value.to_str().expect("ASCII")));
    }
    text + "\n" + std::str::from_utf8(response.body()).expect("UTF-8") + "\n"
}

#[test]
fn answers() {
    let elements = PatchElements::new("<p>a</p>");
    let all = elements
        .clone()
        .selector("#a")
        .mode(Mode::Append)
        .namespace(Namespace::Svg)
        .use_view_transition(true);
    let script = ExecuteScript::new("a('</script>')");
    let cases = [
        ("html", elements.html_response()),
        ("html, all options", all.html_response()),
        ("html, several svg roots", {
            PatchElements::new(" <a/> <b/> ")
                .namespace(Namespace::Svg)
                .html_response()
        }),
        ("removal", PatchElements::remove("#a").html_response()),
        (
            "a selector beyond ASCII",
            elements
                .selector("#é, [a=\"😀b\"]\r\n> p\u{0}")
                .html_response(),
        ),
        ("json", PatchSignals::raw("{\"a\": 1}").json_response()),
        (
            "json, all options",
            PatchSignals::raw("{}")
                .only_if_missing(true)
                .json_response(),
        ),
        ("script", script.script_response()),
        ("script with attributes", {
            script
                .attribute("type", "module")
                .attribute("data-x", "é\n\"😀")
                .script_response()
        }),
        ("events", {
            event_response([
                PatchElements::remove("#a").event(),
                PatchSignals::raw("{}").event(),
            ])
        }),
        ("no events", event_response(Vec::<PatchElements>::new())),
    ];
    let snapshot: String = cases
        .iter()
        .map(|(label, response)| format!("# {label}\n{}", text(response)))
        .collect();
    insta::assert_snapshot!("responses", snapshot);
}
