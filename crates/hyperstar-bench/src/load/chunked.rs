//! Reads HTTP/1.1 responses whose body is chunked, or ends with the connection, counting and otherwise
//! looking away.

use anyhow::{Result, bail, ensure};

/// The largest head of a response, in bytes; a longer one is an error.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// So much of the body of a refusal is shown.
const REFUSAL_CHARS_MAX: usize = 300;

/// One response, fed as its bytes arrive in any pieces.
///
/// It costs a few instructions per chunk and none per byte of payload, so that a client that reads a
/// thousand of these measures the server and not itself.
#[derive(Debug)]
pub(crate) struct Response {
    state: State,
    head: Vec<u8>,
    /// Chunks whose payload is complete. A body without framing has one wherever a piece that
    /// arrived ends with an event, or with anything if it is encoded.
    pub(crate) chunks: u64,
    /// Payload so far: what the body's encoder gave out.
    pub(crate) body_bytes: u64,
    /// Everything so far: head, payload and the framing of chunks.
    pub(crate) wire_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// In a chunk's size line, with the size so far; `true` once the hexadecimal digits are over.
    Size(usize, bool),
    Payload(usize),
    /// At the line break after a payload: how many bytes of it are to come.
    Break(u8),
    /// In a body without framing; `true` if it is plain text.
    Unframed(bool),
    /// After the chunk of size zero.
    End,
}

impl Response {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Head,
            head: Vec::new(),
            chunks: 0,
            body_bytes: 0,
            wire_bytes: 0,
        }
    }

    /// Whether the head has been read.
    pub(crate) fn has_head(&self) -> bool {
        self.state != State::Head
    }

    /// Whether the server ended the response.
    pub(crate) fn has_ended(&self) -> bool {
        self.state == State::End
    }

    /// The value of a header, once the head has been read.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = std::str::from_utf8(&self.head).ok()?;
        head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Takes in what arrived; `payload` is called with each piece of the body.
    ///
    /// # Errors
    /// If the status is not 200, or the length is known beforehand.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut payload: impl FnMut(&[u8])) -> Result<()> {
        self.wire_bytes += bytes.len() as u64;
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            match self.state {
                State::Head => rest = self.feed_head(rest)?,
                State::Size(size, over) => {
                    rest = &rest[1..];
                    self.state = match (first, char::from(first).to_digit(16)) {
                        (b'\n', _) if size == 0 => State::End,
                        (b'\n', _) => State::Payload(size),
                        // At most 16, so it fits.
                        (_, Some(digit)) if !over => State::Size(size * 16 + digit as usize, false),
                        _ => State::Size(size, true),
                    };
                }
                State::Payload(left) => {
                    let (piece, after) = rest.split_at(left.min(rest.len()));
                    payload(piece);
                    self.body_bytes += piece.len() as u64;
                    rest = after;
                    self.state = if piece.len() == left {
                        self.chunks += 1;
                        State::Break(2)
                    } else {
                        State::Payload(left - piece.len())
                    };
                }
                State::Break(left) => {
                    rest = &rest[1..];
                    self.state = if left == 1 {
                        State::Size(0, false)
                    } else {
                        State::Break(left - 1)
                    };
                }
                State::Unframed(is_plain) => {
                    payload(rest);
                    self.body_bytes += rest.len() as u64;
                    self.chunks += u64::from(!is_plain || rest.ends_with(b"\n\n"));
                    return Ok(());
                }
                State::End => return Ok(()),
            }
        }
        Ok(())
    }

    fn feed_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8]> {
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let from = before.saturating_sub(3);
        let Some(at) = self.head[from..]
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
        else {
            if self.head.len() > HEAD_BYTES_MAX {
                bail!("the head of the response has more than {HEAD_BYTES_MAX} bytes");
            }
            return Ok(&[]);
        };
        let end = from + at + 4;
        self.head.truncate(end);
        let status = self
            .head
            .split(|byte| *byte == b' ')
            .nth(1)
            .unwrap_or_default();
        if status != b"200" {
            bail!(
                "the server answered {}\n\n{}",
                String::from_utf8_lossy(&self.head).trim_end(),
                String::from_utf8_lossy(&bytes[end - before..])
                    .chars()
                    .take(REFUSAL_CHARS_MAX)
                    .collect::<String>()
            );
        }
        let length = self.header("content-length");
        ensure!(
            length.is_none(),
            "the response has {} bytes and then ends, so it is no stream",
            length.unwrap_or_default()
        );
        let is_chunked = self
            .header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        self.state = if is_chunked {
            State::Size(0, false)
        } else {
            State::Unframed(self.header("content-encoding").is_none())
        };
        Ok(&bytes[end - before..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIRE: &[u8] =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nX-Kind: a\r\n\r\n5\r\nhello\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n";

    #[test]
    fn pieces_of_any_size_read_the_same() {
        for size in 1..=WIRE.len() {
            let mut response = Response::new();
            let mut body = Vec::new();
            for piece in WIRE.chunks(size) {
                response
                    .feed(piece, |bytes| body.extend_from_slice(bytes))
                    .unwrap();
            }
            assert_eq!(body, b"hello0123456789", "in pieces of {size}");
            assert_eq!((response.chunks, response.body_bytes), (2, 15));
            assert_eq!(response.wire_bytes, WIRE.len() as u64);
            assert_eq!(response.header("x-kind"), Some("a"));
            assert!(response.has_head() && response.has_ended());
        }
    }

    #[test]
    fn a_body_without_framing_counts_events() {
        let mut response = Response::new();
        for piece in [
            "HTTP/1.1 200 OK\r\n\r\n: hi\n\n",
            "data: a",
            "\n\n",
            "data: b\n\n",
        ] {
            response.feed(piece.as_bytes(), |_| {}).unwrap();
        }
        assert_eq!((response.chunks, response.body_bytes), (3, 24));
    }

    #[test]
    fn what_is_no_stream_is_an_error() {
        let check = |wire: &[u8], message: &str| {
            let error = Response::new().feed(wire, |_| {}).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        };
        check(b"HTTP/1.1 503 Busy\r\n\r\nlater", "503 Busy\n\nlater");
        check(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            "has 2 bytes and then ends",
        );
    }
}
