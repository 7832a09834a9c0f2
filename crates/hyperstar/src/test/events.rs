//! Reads an event stream, independently of what writes it (WHATWG HTML, 9.2.6).

/// One event as it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The event's type, `datastar-patch-elements` say; empty if it had none.
    pub name: String,
    /// Its data, lines joined by `\n`.
    pub data: String,
    /// The id that it set; `None` if it had none.
    pub id: Option<String>,
    /// How many bytes it took, uncompressed.
    pub bytes: usize,
}

impl Frame {
    /// The values of a Datastar argument (`elements`, `selector`, ..), one for each line that has it,
    /// joined by `\n`; `None` if no line has.
    pub fn argument(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .data
            .split('\n')
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(key, value)| (key == name).then_some(value))
            .collect();
        (!values.is_empty()).then(|| values.join("\n"))
    }
}

/// The most bytes of an event that has not ended.
const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Takes bytes in as they come and gives events out as they end.
#[derive(Debug, Default)]
pub(super) struct Reader {
    buffer: Vec<u8>,
    frame: Frame,
}

impl Reader {
    /// Gives out what ends in these bytes. Comments are skipped; an event without a type and without
    /// data still says its id.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.buffer.extend_from_slice(bytes);
        let mut ended = Vec::new();
        let mut start = 0;
        while let Some(length) = self.buffer[start..]
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'))
        {
            let end = start + length;
            let width = match (self.buffer[end], self.buffer.get(end + 1)) {
                (b'\r', Some(b'\n')) => 2,
                // It may be the first half of one break.
                (b'\r', None) => break,
                _ => 1,
            };
            let line = String::from_utf8_lossy(&self.buffer[start..end]).into_owned();
            self.frame.bytes += length + width;
            start = end + width;
            if let Some(frame) = self.line(&line) {
                ended.push(frame);
            }
        }
        self.buffer.drain(..start);
        assert!(
            self.buffer.len() <= EVENT_BYTES_MAX,
            "an event of the stream does not end"
        );
        ended
    }

    fn line(&mut self, line: &str) -> Option<Frame> {
        if line.is_empty() {
            let mut frame = std::mem::take(&mut self.frame);
            frame.data.pop();
            let says_something =
                !frame.name.is_empty() || !frame.data.is_empty() || frame.id.is_some();
            return says_something.then_some(frame);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.frame.name = value.to_owned(),
            "data" => {
                self.frame.data.push_str(value);
                self.frame.data.push('\n');
            }
            "id" if !value.contains('\0') => self.frame.id = Some(value.to_owned()),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_wherever_they_are_cut() {
        let text = b": hi\n\nevent: a\r\ndata: x y\rdata:z\n\nid: 7\n\n";
        for cut in 0..text.len() {
            let mut reader = Reader::default();
            let mut frames = reader.read(&text[..cut]);
            frames.extend(reader.read(&text[cut..]));
            assert_eq!(frames.len(), 2, "cut at {cut}: {frames:?}");
            assert_eq!(
                (frames[0].name.as_str(), frames[0].data.as_str()),
                ("a", "x y\nz")
            );
            assert_eq!(frames[0].argument("x").as_deref(), Some("y"));
            assert_eq!(frames[1].id.as_deref(), Some("7"));
        }
    }
}
