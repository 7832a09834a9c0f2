//! A client's reader of streams, written from WHATWG HTML 9.2.6 and from nothing in the crate.

/// What a page is told (step 6 of "dispatch the event").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: String,
    pub(crate) data: String,
    pub(crate) last_event_id: String,
}

/// Takes bytes in pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct EventSource {
    line: Vec<u8>,
    /// The last byte was a CR, so that an LF after it belongs to it.
    after_cr: bool,
    /// A BOM counts at the very beginning only.
    begun: bool,
    data: String,
    event_type: String,
    event_id: String,
    last_event_id: String,
    pub(crate) reconnection_ms: Option<u64>,
    pub(crate) comments: usize,
    messages: Vec<Message>,
}

impl EventSource {
    /// Answers what is complete with these bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Message> {
        for &byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => self.end_line(),
                _ => self.line.push(byte),
            }
        }
        std::mem::take(&mut self.messages)
    }

    /// Reads a whole stream; an event that no blank line ends is dropped, as the standard says.
    pub(crate) fn read(bytes: &[u8]) -> Vec<Message> {
        Self::default().push(bytes)
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        let begun = std::mem::replace(&mut self.begun, true);
        let line = match line.strip_prefix('\u{feff}') {
            Some(rest) if !begun => rest,
            _ => &line,
        };
        if line.is_empty() {
            return self.dispatch();
        }
        match line.split_once(':') {
            Some(("", _)) => self.comments += 1,
            Some((field, value)) => self.process(field, value.strip_prefix(' ').unwrap_or(value)),
            None => self.process(line, ""),
        }
    }

    fn process(&mut self, field: &str, value: &str) {
        match field {
            "event" => self.event_type = value.to_owned(),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.event_id = value.to_owned(),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.reconnection_ms = value.parse().ok();
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        self.last_event_id = self.event_id.clone();
        let (mut data, kind) = (
            std::mem::take(&mut self.data),
            std::mem::take(&mut self.event_type),
        );
        if data.is_empty() {
            return;
        }
        if data.ends_with('\n') {
            data.pop();
        }
        self.messages.push(Message {
            kind: if kind.is_empty() {
                "message".to_owned()
            } else {
                kind
            },
            data,
            last_event_id: self.last_event_id.clone(),
        });
    }
}

#[test]
fn the_standards_own_examples_are_read_as_it_says() {
    let check = |stream: &str, expected: &[(&str, &str, &str)]| {
        let messages: Vec<_> = EventSource::read(stream.as_bytes())
            .into_iter()
            .map(|message| (message.kind, message.data, message.last_event_id))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(kind, data, id)| (kind.to_string(), data.to_string(), id.to_string()))
            .collect();
        assert_eq!(messages, expected, "{stream:?}");
    };
    check(
        "data: YHOO\ndata: +2\ndata: 10\n\n",
        &[("message", "YHOO\n+2\n10", "")],
    );
    check(
        ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        &[
            ("message", "first event", "1"),
            ("message", "second event", ""),
            ("message", " third event", ""),
        ],
    );
    check(
        "data\n\ndata\ndata\n\ndata:",
        &[("message", "", ""), ("message", "\n", "")],
    );
    check(
        "data:test\n\ndata: test\n\n",
        &[("message", "test", ""), ("message", "test", "")],
    );
    check(
        "\u{feff}data: a\r\rdata: b\r\n\r\n",
        &[("message", "a", ""), ("message", "b", "")],
    );
    check("id: 1\0\ndata: a\n\n", &[("message", "a", "")]);
}
