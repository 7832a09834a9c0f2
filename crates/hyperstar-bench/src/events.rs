//! Reads Server-Sent Events as a browser does (HTML, "Interpreting an event stream").

/// An event that a browser would dispatch: one with data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// The type; empty is `message`.
    pub(crate) name: String,
    /// The lines of data, joined by line feeds.
    pub(crate) data: String,
}

/// A parser that is fed the stream in any pieces.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed after it belongs to it.
    after_return: bool,
    event: Event,
    has_data: bool,
}

impl Parser {
    /// Takes in what arrived and gives the events that it completes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ => self.line.push(byte),
            }
        }
        events
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // `id`, `retry`, comments: they change nothing that is shown.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_in_pieces_of_any_size() {
        let check = |text: &str, expected: &[(&str, &str)]| {
            for size in 1..=text.len() {
                let mut parser = Parser::default();
                let events: Vec<Event> = text
                    .as_bytes()
                    .chunks(size)
                    .flat_map(|piece| parser.feed(piece))
                    .collect();
                let events: Vec<(&str, &str)> = events
                    .iter()
                    .map(|event| (event.name.as_str(), event.data.as_str()))
                    .collect();
                assert_eq!(events, expected, "{text:?} in pieces of {size}");
            }
        };
        check("data: a\n\n", &[("", "a")]);
        check("event: e\r\ndata:b\r\ndata:  c\r\n\r\n", &[("e", "b\n c")]);
        check(": hi\n\nid: 7\n\ndata: z\n\n", &[("", "z")]);
        check("event: e\n\ndata\n\n", &[("", "")]);
        check("data: x\r\rdata: unfinished\n", &[("", "x")]);
    }
}
