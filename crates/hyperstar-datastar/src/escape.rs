//! Escaping for the three languages a Datastar page mixes: JavaScript strings, HTML attributes and
//! the text of a `<script>` element.
//!
//! Promise: what comes out decodes, in its language, to exactly what went in, and can neither end
//! the string, attribute or element it stands in nor be rewritten by Datastar, which replaces
//! `$name` and `@name(` in expressions with regular expressions of its own.

use serde_json::Value;

/// `text` as a JavaScript string literal in single quotes.
///
/// The literal is safe in a Datastar expression, in a `<script>` element, and (since it contains
/// no double quote that `text` does not) cheap to escape for an HTML attribute.
///
/// ```
/// use hyperstar_datastar::js_string;
/// assert_eq!(js_string("it's"), r"'it\'s'");
/// assert_eq!(js_string("</script>"), r"'<\/script>'");
/// // Datastar would take `$name` for a signal and `@get(` for an action.
/// assert_eq!(js_string("$name @get("), r"'\x24name \x40get('");
/// ```
#[must_use]
pub fn js_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_js_string(&mut out, text);
    out
}

pub(crate) fn push_js_string(out: &mut String, text: &str) {
    out.push('\'');
    let mut previous = '\0';
    for (index, c) in text.char_indices() {
        let rest = &text[index + c.len_utf8()..];
        match c {
            '\'' => out.push_str("\\'"),
            // Datastar's statement splitter takes `\\'` at the end of a string for an escaped
            // quote, so the last character is written in a way that it cannot misread.
            '\\' if rest.is_empty() => out.push_str("\\x5c"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '/' if previous == '<' => out.push_str("\\/"),
            '<' if rest.starts_with("!--") => out.push_str("\\x3C"),
            '$' if starts_signal_name(rest) => out.push_str("\\x24"),
            '@' if starts_action_call(rest) => out.push_str("\\x40"),
            '\0'..='\u{1f}' | '\u{7f}' => push_hex_escape(out, c),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            '\u{feff}' => out.push_str("\\ufeff"),
            _ => out.push(c),
        }
        previous = c;
    }
    out.push('\'');
}

fn push_hex_escape(out: &mut String, c: char) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let code = u32::from(c);
    out.push_str("\\x");
    for digit in [code >> 4 & 15, code & 15] {
        out.push(char::from(DIGITS[digit as usize]));
    }
}

fn starts_signal_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '{')
}

fn starts_action_call(text: &str) -> bool {
    let name = text.len()
        - text
            .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$')
            .len();
    name > 0 && text[name..].starts_with('(')
}

/// `value` as a JavaScript literal: like JSON, but with single-quoted strings and bare keys.
pub(crate) fn push_js_value(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => push_js_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                push_js_value(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (index, (key, field)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                push_js_key(out, key);
                out.push_str(": ");
                push_js_value(out, field);
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

/// A key of an object literal; `__proto__` is computed, since bare it would set the prototype.
pub(crate) fn push_js_key(out: &mut String, key: &str) {
    if key == "__proto__" {
        out.push_str("['__proto__']");
    } else if is_js_identifier(key) {
        out.push_str(key);
    } else {
        push_js_string(out, key);
    }
}

fn is_js_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `text` for the inside of a double-quoted HTML attribute.
///
/// `'` stays, so that expressions remain readable: do not use it between single quotes.
///
/// ```
/// use hyperstar_datastar::html_attr_escape;
/// assert_eq!(html_attr_escape(r#"$a && "b" < 'c'"#), "$a &amp;&amp; &quot;b&quot; &lt; 'c'");
/// ```
#[must_use]
pub fn html_attr_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    push_html_attr(&mut out, text);
    out
}

pub(crate) fn push_html_attr(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            // Also because the client looks for `</body>` and the like in the text of a patch.
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // An HTML parser turns a bare one into a line feed.
            '\r' => out.push_str("&#13;"),
            _ => out.push(c),
        }
    }
}

/// `name` without the characters that would end an attribute name (white space, quotes, `<`, `>`,
/// `/`, `=` and control characters).
pub(crate) fn attribute_name(name: &str) -> String {
    name.chars()
        .filter(|&c| is_attribute_name_char(c))
        .collect()
}

pub(crate) fn is_attribute_name_char(c: char) -> bool {
    !(c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '<' | '>' | '/' | '='))
}

/// Writes JavaScript (or JSON) as the text of a `<script>` element.
///
/// The escapes mean the same inside string, template and regular expression literals, comments and
/// JSON strings, which is where such text occurs.
pub(crate) fn push_script_text(out: &mut String, script: &str) {
    // `</html>`, `</head>` and `</body>` end no script, but the client takes a patch in which it
    // finds them for a whole document.
    const CLOSING: [&str; 4] = ["script", "html>", "head>", "body>"];
    let mut rest = script;
    while let Some(at) = rest.find(['<', '\0']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('\0') {
            out.push_str("\\u0000");
        } else if rest.starts_with("<!--") {
            out.push_str("\\u003C");
        } else if let Some(name) = rest.strip_prefix("</")
            && CLOSING
                .iter()
                .any(|closing| starts_with_ignoring_case(name, closing))
        {
            out.push_str("<\\");
        } else {
            out.push('<');
        }
        rest = &rest[1..];
    }
    out.push_str(rest);
}

pub(crate) fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.as_bytes()
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}
