//! Readers of what the crate writes, from their standards and independent of its code.

/// One event of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SseEvent {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<String>,
    pub(crate) data: Vec<String>,
    /// Comments, and fields that are not part of the standard.
    pub(crate) other: Vec<String>,
}

/// Reads `text/event-stream` as the HTML standard says; every event must be complete.
pub(crate) fn sse(bytes: &[u8]) -> Vec<SseEvent> {
    let text = std::str::from_utf8(bytes).expect("a stream is UTF-8");
    let mut events = Vec::new();
    let mut event = SseEvent::default();
    let mut lines: Vec<String> = unify_line_breaks(text)
        .split('\n')
        .map(str::to_owned)
        .collect();
    assert_eq!(lines.pop().as_deref(), Some(""), "the last line ends");
    for line in lines {
        if line.is_empty() {
            events.push(std::mem::take(&mut event));
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match field {
            "event" => assert_eq!(event.name.replace(value), None, "one name"),
            "id" => assert_eq!(event.id.replace(value), None, "one id"),
            "retry" => assert_eq!(event.retry.replace(value), None, "one retry"),
            "data" => event.data.push(value),
            _ => event.other.push(line),
        }
    }
    assert_eq!(
        event,
        SseEvent::default(),
        "the last event ends with an empty line"
    );
    events
}

/// Line breaks as every reader of a stream, and an HTML parser, sees them.
pub(crate) fn unify_line_breaks(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

impl SseEvent {
    /// The value of a Datastar data line, as the client joins it.
    pub(crate) fn value(&self, key: &str) -> Option<String> {
        let lines: Vec<&str> = self.lines(key);
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    pub(crate) fn lines(&self, key: &str) -> Vec<&str> {
        self.data
            .iter()
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(k, value)| (k == key).then_some(value))
            .collect()
    }

    /// The keys, each once, in order.
    pub(crate) fn keys(&self) -> Vec<&str> {
        let mut keys = Vec::new();
        for line in &self.data {
            let key = line.split(' ').next().unwrap_or_default();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }
}

/// Reads a JavaScript string literal (ECMA-262, 12.9.4) at the beginning of `code`; gives its value
/// and the rest.
pub(crate) fn js_string(code: &str) -> (String, &str) {
    let mut chars = code.chars();
    let quote = chars.next().expect("a quote");
    assert!(matches!(quote, '\'' | '"'), "a quote, not {quote:?}");
    let mut value: Vec<u16> = Vec::new();
    loop {
        let c = chars.next().expect("the literal ends");
        match c {
            _ if c == quote => break,
            '\n' | '\r' => panic!("a line break in a literal"),
            '\\' => match chars.next().expect("an escape") {
                'n' => value.push(10),
                'r' => value.push(13),
                't' => value.push(9),
                'b' => value.push(8),
                'f' => value.push(12),
                'v' => value.push(11),
                'x' => value.push(hex(&mut chars, 2)),
                'u' => value.push(hex(&mut chars, 4)),
                c @ '0'..='9' => panic!("an octal escape \\{c}"),
                '\n' | '\r' | '\u{2028}' | '\u{2029}' => {}
                c => value.extend(c.encode_utf16(&mut [0; 2]).iter()),
            },
            c => value.extend(c.encode_utf16(&mut [0; 2]).iter()),
        }
    }
    (
        String::from_utf16(&value).expect("no lone surrogate"),
        chars.as_str(),
    )
}

fn hex(chars: &mut std::str::Chars<'_>, digits: usize) -> u16 {
    let text: String = chars.take(digits).collect();
    u16::from_str_radix(&text, 16).expect("hexadecimal digits")
}

/// Reads the value of a double-quoted attribute up to its quote, as an HTML parser does; gives the
/// value and what follows the quote.
pub(crate) fn html_attribute(html: &str) -> (String, &str) {
    let (raw, rest) = html.split_once('"').expect("a closing quote");
    let mut value = String::new();
    let mut text = raw;
    while let Some(at) = text.find('&') {
        value.push_str(&text[..at]);
        let (reference, tail) = text[at + 1..].split_once(';').expect("a reference ends");
        value.push(match reference {
            "amp" => '&',
            "quot" => '"',
            "lt" => '<',
            "gt" => '>',
            "#13" => '\r',
            "#39" => '\'',
            other => panic!("unknown reference &{other};"),
        });
        text = tail;
    }
    value.push_str(text);
    (value, rest)
}

/// The text of a script element whose start tag has been read, and what follows its end tag: the
/// states "script data", "escaped" and "double escaped" of the HTML standard.
pub(crate) fn html_script(html: &str) -> (String, &str) {
    #[derive(PartialEq)]
    enum State {
        Data,
        Escaped,
        DoubleEscaped,
    }
    let lower = html.to_ascii_lowercase();
    let tag_at = |at: usize, prefix: &str| {
        lower[at..]
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with(['\t', '\n', '\u{c}', '\r', ' ', '/', '>']))
    };
    let mut state = State::Data;
    for (at, _) in html.char_indices() {
        if state != State::DoubleEscaped && tag_at(at, "</script") {
            let end = html[at..].find('>').expect("an end tag ends") + at + 1;
            return (html[..at].to_owned(), &html[end..]);
        }
        match state {
            State::Data if html[at..].starts_with("<!--") => state = State::Escaped,
            State::Escaped if tag_at(at, "<script") => state = State::DoubleEscaped,
            State::DoubleEscaped if tag_at(at, "</script") => state = State::Escaped,
            State::Escaped | State::DoubleEscaped if html[at..].starts_with("-->") => {
                state = State::Data;
            }
            _ => {}
        }
    }
    panic!("the script does not end");
}
