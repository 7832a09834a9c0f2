//! No node of an SVG or MathML patch is lost by a client that loses every second node.

use hyperstar_datastar::{Namespace, PatchElements};

use crate::decode;

/// What the client of version 1.0 keeps: it moves nodes away while it counts through them.
fn kept<T: Clone>(nodes: &[T]) -> Vec<T> {
    nodes.iter().step_by(2).cloned().collect()
}

/// The HTML of a patch that leaves the server.
fn sent(html: &str, namespace: Namespace) -> String {
    let bytes = PatchElements::new(html).namespace(namespace).encode();
    decode::sse(&bytes)[0].value("elements").unwrap_or_default()
}

/// `sent` must consist of `nodes`, with one expendable node between any two.
fn check(html: &str, nodes: &[&str]) {
    for namespace in [Namespace::Svg, Namespace::Mathml] {
        let sent = sent(html, namespace);
        let mut parts: Vec<&str> = Vec::new();
        let mut rest = sent.as_str();
        for (index, node) in nodes.iter().enumerate() {
            if index > 0 {
                let separator = if rest.starts_with("<!---->") {
                    "<!---->"
                } else {
                    "\n"
                };
                rest = rest
                    .strip_prefix(separator)
                    .unwrap_or_else(|| panic!("{sent:?}"));
                parts.push(separator);
            }
            rest = rest
                .strip_prefix(node)
                .unwrap_or_else(|| panic!("{node:?} in {sent:?}"));
            parts.push(node);
        }
        assert_eq!(rest, "", "{sent:?}");
        assert_eq!(kept(&parts), nodes, "{sent:?}");
    }
    assert_eq!(sent(html, Namespace::Html), html);
}

#[test]
fn roots_are_separated() {
    check("<a/>", &["<a/>"]);
    check("\n  <a/>\n", &["<a/>"]);
    check("<a/><b/><c/>", &["<a/>", "<b/>", "<c/>"]);
    check("\n<a/>\n<b/>\n\n<c/>\n", &["<a/>", "<b/>", "<c/>"]);
    check("<a><b/></a><c></c>", &["<a><b/></a>", "<c></c>"]);
    check("<a><a></a></a><a></a>", &["<a><a></a></a>", "<a></a>"]);
    check("<A></a><b/>", &["<A></a>", "<b/>"]);
    check("", &[]);
    check("\n", &[]);
}

#[test]
fn text_is_a_node() {
    check("one<b/>two", &["one", "<b/>", "two"]);
    check("<b/> <c/>", &["<b/>", " ", "<c/>"]);
    check(" <b/> ", &["<b/>"]);
    check(" ", &[]);
    check("a < b<c/>", &["a < b", "<c/>"]);
    check("<![CDATA[<x>]]><b/>", &["<![CDATA[<x>]]>", "<b/>"]);
}

#[test]
fn comments_and_stray_end_tags_go() {
    check("<!-- > <x> --><a/><!----><b/>", &["<a/>", "<b/>"]);
    check("<!--><a/>", &["<a/>"]);
    check("<!---><a/><!-- a --!><b/>", &["<a/>", "<b/>"]);
    check(
        "<?xml version='1.0'?><!DOCTYPE svg><a/></g></svg></><b/>",
        &["<a/>", "<b/>"],
    );
}

#[test]
fn tags_are_read_as_html_reads_them() {
    check(
        "<a b=\">\" c='/>'><d/></a><e/>",
        &["<a b=\">\" c='/>'><d/></a>", "<e/>"],
    );
    check(
        "<a href=/x/><b/></a><c/>",
        &["<a href=/x/><b/></a>", "<c/>"],
    );
    check("<a b = 'x>' /><c/>", &["<a b = 'x>' />", "<c/>"]);
    check("<a =/><c/>", &["<a =/>", "<c/>"]);
    check("<a\n/><c/>", &["<a\n/>", "<c/>"]);
    // An end tag closes what is open inside.
    check("<a><b><c></a><d/>", &["<a><b><c></a>", "<d/>"]);
    check("<a></x></a><d/>", &["<a></x></a>", "<d/>"]);
    // In SVG, style and script are not raw text.
    check(
        "<style><b></b></style><d/>",
        &["<style><b></b></style>", "<d/>"],
    );
}

#[test]
fn html_inside_is_read_as_html() {
    for inside in [
        "<p>a<br>b<p>c",
        "<div/><span></span></div>",
        "<script>'</foreignObject>'</script>",
        "<textarea></foreignObject></textarea >",
        "<svg><circle/><title><b>x</b></title></svg><img>",
        "<input value='</foreignObject>'>",
    ] {
        let html = format!("<foreignObject>{inside}</foreignObject>");
        check(&format!("{html}<a/>"), &[&html, "<a/>"]);
    }
}

#[test]
fn what_is_cut_short_is_one_node() {
    for rest in [
        "<b",
        "<b c=\"",
        "<b><c/>",
        "<b><!-- ",
        "<b><foreignObject><script>",
    ] {
        check(&format!("<a/>{rest}"), &["<a/>", rest]);
    }
}
