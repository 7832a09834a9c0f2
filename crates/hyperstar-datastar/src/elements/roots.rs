//! Finds the top-level nodes of SVG or MathML source and separates them; `PatchElements` says why.
//!
//! It follows the tokenizer of the HTML standard as far as the question "where does this root end"
//! needs it. Source that no parser would read as intended (an unclosed root, a tag cut short) is
//! one node up to its end.

use std::borrow::Cow;

use crate::escape::starts_with_ignoring_case;

/// `source` with something expendable between any two of its top-level nodes, and nothing before
/// the first.
pub(crate) fn separate(source: &str) -> Cow<'_, str> {
    let mut nodes = nodes(source);
    nodes.retain(|node| !node.expendable());
    let nodes = trim(&nodes);
    if let [only] = nodes {
        return Cow::Borrowed(only.source);
    }
    let mut out = String::with_capacity(source.len() + nodes.len());
    let mut previous: Option<&Node<'_>> = None;
    for node in nodes {
        match previous {
            None => {}
            Some(previous) if previous.kind == Kind::Element && node.kind == Kind::Element => {
                out.push('\n');
            }
            // A line feed would become part of the text.
            Some(_) => out.push_str("<!---->"),
        }
        out.push_str(node.source);
        previous = Some(node);
    }
    Cow::Owned(out)
}

/// The nodes without white space at either end, which is never part of what is patched.
fn trim<'a, 'b>(nodes: &'b [Node<'a>]) -> &'b [Node<'a>] {
    let start = nodes
        .iter()
        .position(|node| !node.is_blank())
        .unwrap_or(nodes.len());
    let end = nodes
        .iter()
        .rposition(|node| !node.is_blank())
        .map_or(start, |last| last + 1);
    &nodes[start..end]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Element,
    Text,
    /// A comment, or an end tag that ends nothing.
    Nothing,
}

#[derive(Debug)]
struct Node<'a> {
    kind: Kind,
    source: &'a str,
}

impl Node<'_> {
    /// Indentation and comments may go; a space on a line may separate words.
    fn expendable(&self) -> bool {
        self.kind == Kind::Nothing || self.is_blank() && self.source.contains(['\n', '\r'])
    }

    fn is_blank(&self) -> bool {
        self.kind == Kind::Text && self.source.trim_ascii().is_empty()
    }
}

fn nodes(source: &str) -> Vec<Node<'_>> {
    let mut nodes: Vec<Node<'_>> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut root_start = 0;
    let mut at = 0;
    while at < source.len() {
        let token = token(source, at, in_html(&open));
        let start = at;
        at = token.end;
        match token.kind {
            TokenKind::Text if open.is_empty() => {
                nodes.push(Node {
                    kind: Kind::Text,
                    source: &source[start..at],
                });
            }
            TokenKind::Comment if open.is_empty() => {
                nodes.push(Node {
                    kind: Kind::Nothing,
                    source: &source[start..at],
                });
            }
            TokenKind::Text | TokenKind::Comment => {}
            TokenKind::Open(name) => {
                if open.is_empty() {
                    root_start = start;
                }
                open.push(name);
            }
            TokenKind::Empty if open.is_empty() => {
                nodes.push(Node {
                    kind: Kind::Element,
                    source: &source[start..at],
                });
            }
            TokenKind::Empty => {}
            TokenKind::Close(name) => match open.iter().rposition(|other| *other == name) {
                Some(0) => {
                    open.clear();
                    nodes.push(Node {
                        kind: Kind::Element,
                        source: &source[root_start..at],
                    });
                }
                Some(depth) => open.truncate(depth),
                None if open.is_empty() => {
                    nodes.push(Node {
                        kind: Kind::Nothing,
                        source: &source[start..at],
                    });
                }
                None => {}
            },
        }
    }
    if !open.is_empty() {
        nodes.push(Node {
            kind: Kind::Element,
            source: &source[root_start..],
        });
    }
    nodes
}

/// Whether the innermost open element holds HTML: `<foreignObject>` and its like do, until an
/// `<svg>` or `<math>` starts again.
fn in_html(open: &[String]) -> bool {
    open.iter()
        .rev()
        .find_map(|name| match name.as_str() {
            "svg" | "math" => Some(false),
            "foreignobject" | "desc" | "title" | "annotation-xml" | "mi" | "mo" | "mn" | "ms"
            | "mtext" => Some(true),
            _ => None,
        })
        .unwrap_or(false)
}

struct Token {
    kind: TokenKind,
    end: usize,
}

enum TokenKind {
    Text,
    Comment,
    /// A start tag, its name in lower case.
    Open(String),
    /// A start tag of an element without content.
    Empty,
    Close(String),
}

fn token(source: &str, at: usize, html: bool) -> Token {
    let rest = &source[at..];
    let until = |needle: &str, from: usize| {
        rest.get(from..)
            .and_then(|tail| tail.find(needle))
            .map_or(source.len(), |found| at + from + found + needle.len())
    };
    let comment = |end| Token {
        kind: TokenKind::Comment,
        end,
    };
    if let Some(inside) = rest.strip_prefix("<!--") {
        return comment(match inside {
            _ if inside.starts_with('>') => at + 5,
            _ if inside.starts_with("->") => at + 6,
            _ => until("-->", 4).min(until("--!>", 4)),
        });
    }
    if rest.starts_with("<![CDATA[") && !html {
        return Token {
            kind: TokenKind::Text,
            end: until("]]>", 9),
        };
    }
    if rest.starts_with("<!") || rest.starts_with("<?") {
        return comment(until(">", 2));
    }
    if let Some(inside) = rest.strip_prefix("</") {
        if !inside.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return comment(until(">", 2));
        }
        let (name, tag) = tag(source, at + 2);
        return Token {
            kind: TokenKind::Close(name),
            end: tag.end,
        };
    }
    if is_start_tag(rest) {
        let (name, tag) = tag(source, at + 1);
        let foreign = !html || name == "svg" || name == "math";
        let empty = if foreign {
            tag.self_closing
        } else {
            is_void(&name)
        };
        if empty {
            return Token {
                kind: TokenKind::Empty,
                end: tag.end,
            };
        }
        if !foreign && is_raw_text(&name) {
            return Token {
                kind: TokenKind::Empty,
                end: raw_text_end(source, tag.end, &name),
            };
        }
        return Token {
            kind: TokenKind::Open(name),
            end: tag.end,
        };
    }
    // Text lasts until the next `<` that starts something else.
    let mut end = at + 1;
    while end < source.len() {
        let tail = &source.as_bytes()[end..];
        if tail[0] == b'<'
            && tail
                .get(1)
                .is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, b'/' | b'!' | b'?'))
        {
            break;
        }
        end += 1;
    }
    Token {
        kind: TokenKind::Text,
        end,
    }
}

fn is_start_tag(text: &str) -> bool {
    text.strip_prefix('<')
        .is_some_and(|inside| inside.starts_with(|c: char| c.is_ascii_alphabetic()))
}

struct Tag {
    end: usize,
    self_closing: bool,
}

/// Reads a tag from its name on: quotes may hide a `>`, an unquoted value may end with a `/`.
fn tag(source: &str, name_start: usize) -> (String, Tag) {
    let bytes = source.as_bytes();
    let is_space = |c: u8| c.is_ascii_whitespace();
    let skip = |mut at: usize, stop: &dyn Fn(u8) -> bool| {
        while at < bytes.len() && !stop(bytes[at]) {
            at += 1;
        }
        at
    };
    let name_end = skip(name_start, &|c| is_space(c) || c == b'/' || c == b'>');
    let name = source[name_start..name_end].to_ascii_lowercase();
    let mut at = name_end;
    let mut self_closing = false;
    while at < bytes.len() {
        match bytes[at] {
            b'>' => {
                return (
                    name,
                    Tag {
                        end: at + 1,
                        self_closing,
                    },
                );
            }
            b'/' => {
                self_closing = bytes.get(at + 1) == Some(&b'>');
                at += 1;
            }
            c if is_space(c) => at += 1,
            _ => {
                at = skip(at + 1, &|c| is_space(c) || matches!(c, b'/' | b'>' | b'='));
                let value = skip(at, &|c| !is_space(c));
                if bytes.get(value) == Some(&b'=') {
                    let value = skip(value + 1, &|c| !is_space(c));
                    at = match bytes.get(value) {
                        Some(&quote @ (b'"' | b'\'')) => skip(value + 1, &|c| c == quote) + 1,
                        _ => skip(value, &|c| is_space(c) || c == b'>'),
                    };
                }
            }
        }
    }
    (
        name,
        Tag {
            end: source.len(),
            self_closing: false,
        },
    )
}

fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}

fn is_raw_text(name: &str) -> bool {
    matches!(
        name,
        "script" | "style" | "textarea" | "title" | "iframe" | "noembed" | "noframes" | "xmp"
    )
}

fn raw_text_end(source: &str, from: usize, name: &str) -> usize {
    let mut at = from;
    while let Some(found) = source[at..].find("</") {
        let name_start = at + found + 2;
        if starts_with_ignoring_case(&source[name_start..], name)
            && source
                .as_bytes()
                .get(name_start + name.len())
                .is_none_or(|&c| c.is_ascii_whitespace() || c == b'/' || c == b'>')
        {
            return tag(source, name_start).1.end;
        }
        at = name_start;
    }
    source.len()
}
