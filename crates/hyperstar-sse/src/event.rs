//! The wire form of one event.

use bytes::{BufMut, Bytes, BytesMut};

/// One event, built field by field.
///
/// Guarantee: whatever the text, a client reads exactly one event with exactly these fields. A line
/// break in data becomes a further `data:` line (a lone `\r` ends a line too, so all of `\r\n`, `\r`
/// and `\n` are split on, and arrive as `\n`). Names and ids cannot hold line breaks, so these are
/// left out of them; so is NUL in an id, which would make a client ignore it.
///
/// ```
/// use hyperstar_sse::Event;
///
/// let event = Event::new().name("greeting").id("7").data("hello\nworld");
/// assert_eq!(&event.encode()[..], b"event: greeting\nid: 7\ndata: hello\ndata: world\n\n");
/// assert_eq!(&Event::comment("still here").encode()[..], b": still here\n\n");
/// ```
///
/// Source: WHATWG HTML, 9.2.5 and 9.2.6.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    fields: BytesMut,
}

impl Event {
    /// An event without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// A comment, which clients skip.
    pub fn comment(text: &str) -> Self {
        let mut event = Self::new();
        for line in lines(text) {
            event.field(":", line);
        }
        event
    }

    /// The event's type; without one it is `message`.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.fields.put_slice(b"event: ");
        self.put_without(name, |byte| matches!(byte, b'\r' | b'\n'));
        self
    }

    /// What a client sends as `Last-Event-ID` when it connects again.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.fields.put_slice(b"id: ");
        self.put_without(id, |byte| matches!(byte, b'\r' | b'\n' | 0));
        self
    }

    /// How long a client waits before it connects again, in milliseconds.
    #[must_use]
    pub fn retry_ms(mut self, retry_ms: u64) -> Self {
        self.field("retry:", &retry_ms.to_string());
        self
    }

    /// Adds data: one line for each of the text's.
    #[must_use]
    pub fn data(mut self, data: &str) -> Self {
        for line in lines(data) {
            self.field("data:", line);
        }
        self
    }

    /// The event as it is sent, with the blank line that ends it.
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.fields.len() + 1);
        self.encode_into(&mut bytes);
        bytes.freeze()
    }

    /// Adds the event to a buffer.
    pub fn encode_into(&self, buffer: &mut BytesMut) {
        buffer.reserve(self.fields.len() + 1);
        buffer.put_slice(&self.fields);
        buffer.put_u8(b'\n');
    }

    fn field(&mut self, name: &str, line: &str) {
        self.fields.reserve(name.len() + line.len() + 2);
        self.fields.put_slice(name.as_bytes());
        // Always a space: a client takes one away, so text that begins with one keeps its own.
        self.fields.put_u8(b' ');
        self.fields.put_slice(line.as_bytes());
        self.fields.put_u8(b'\n');
    }

    fn put_without(&mut self, text: &str, refused: impl Fn(u8) -> bool) {
        // Refused bytes are ASCII, so what is left is UTF-8.
        self.fields
            .extend(text.bytes().filter(|byte| !refused(*byte)));
        self.fields.put_u8(b'\n');
    }
}

impl From<Event> for Bytes {
    fn from(mut event: Event) -> Self {
        event.fields.put_u8(b'\n');
        event.fields.freeze()
    }
}

impl From<&Event> for Bytes {
    fn from(event: &Event) -> Self {
        event.encode()
    }
}

/// The lines of a text, split as a client splits: on `\r\n`, `\r` and `\n`. A text that ends with a
/// break has a last line that is empty.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let bytes = text.as_bytes();
        match bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            None => rest.take(),
            Some(at) => {
                let next = if bytes[at..].starts_with(b"\r\n") {
                    at + 2
                } else {
                    at + 1
                };
                rest = Some(&text[next..]);
                Some(&text[..at])
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_a_client_splits_them() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(lines(text).collect::<Vec<_>>(), expected, "{text:?}");
        };
        check("", &[""]);
        check("a", &["a"]);
        check("a\nb", &["a", "b"]);
        check("a\r\nb\rc\n", &["a", "b", "c", ""]);
        check("\n\r", &["", "", ""]);
        check("ü\rö", &["ü", "ö"]);
    }
}
