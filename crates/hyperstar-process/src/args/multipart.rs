//! `multipart/form-data`: what a form with files is sent as. RFC 7578.

use std::borrow::Cow;
use std::fmt;

use hyperstar_interface::{AskError, Field, Shape, Type, Types, Wire};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::FIELDS_MAX;
use super::body::Piece;

/// RFC 2046 allows no longer one.
const BOUNDARY_BYTES_MAX: usize = 70;
/// The most bytes of the headers of a part.
const HEAD_BYTES_MAX: usize = 4_096;

/// A file that a form was sent with: an argument of an `#[http]` handler or an action.
///
/// What `name` and `content_type` say is the browser's word, not to be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The file's name, without folders. Empty if no file was chosen.
    pub name: String,
    /// What the browser takes it for: `image/png`.
    pub content_type: String,
    /// What is in it.
    #[serde(deserialize_with = "bytes")]
    pub bytes: Vec<u8>,
}

impl Wire for File {
    fn wire(types: &mut Types) -> Type {
        types.named::<Self>("File", |types| {
            Shape::Record(vec![
                Field::new("name", Type::String),
                Field::new("content_type", Type::String),
                Field::new("bytes", Vec::<u8>::wire(types)),
            ])
        })
    }
}

/// Bytes as they are, or as JSON writes them.
fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    struct Reader;
    impl<'de> Visitor<'de> for Reader {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
            let mut bytes = Vec::new();
            while let Some(byte) = seq.next_element()? {
                bytes.push(byte);
            }
            Ok(bytes)
        }
    }
    // JSON has no bytes; its deserializer would take text for them.
    match deserializer.is_human_readable() {
        true => deserializer.deserialize_any(Reader),
        false => deserializer.deserialize_byte_buf(Reader),
    }
}

type Fields<'c> = Vec<(Cow<'c, str>, Piece<'c>)>;

fn bad(reason: impl Into<String>) -> AskError {
    AskError::BadBody {
        format: "multipart/form-data",
        reason: reason.into(),
    }
}

/// Reads a body with the boundary that its content type names.
pub(super) fn read<'c>(body: &'c [u8], content_type: &str) -> Result<Fields<'c>, AskError> {
    let parameters = content_type.split(';').skip(1);
    let boundary = parameters
        .filter_map(|one| one.split_once('='))
        .find_map(|(name, value)| {
            let is_it = name.trim().eq_ignore_ascii_case("boundary");
            is_it.then(|| value.trim().trim_matches('"'))
        });
    match boundary {
        Some(boundary) => parts(body, boundary.as_bytes()),
        None => Err(bad(
            "the content type names no boundary; let the browser set that header",
        )),
    }
}

/// Reads a body whose content type is not known: its first line is the boundary.
pub(super) fn read_unnamed(body: &[u8]) -> Result<Fields<'_>, AskError> {
    let line = body.split(|byte| *byte == b'\r').next().unwrap_or_default();
    match line.strip_prefix(b"--") {
        Some(boundary) => parts(body, boundary),
        None => Err(bad("it does not begin with a boundary")),
    }
}

fn parts<'c>(body: &'c [u8], boundary: &[u8]) -> Result<Fields<'c>, AskError> {
    if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX {
        return Err(bad(format!(
            "its boundary has {} bytes; 1 to {BOUNDARY_BYTES_MAX} are allowed",
            boundary.len()
        )));
    }
    let delimiter = [b"\r\n--", boundary].concat();
    // What comes before the first boundary is for mail readers of old.
    let mut left = match body.strip_prefix(&delimiter[2..]) {
        Some(left) => left,
        None => after(body, &delimiter)?.1,
    };
    let mut fields = Vec::new();
    loop {
        if left.starts_with(b"--") {
            return Ok(fields);
        }
        let Some(part) = next_line(left) else {
            return Err(bad(
                "a boundary is followed by neither a line's end nor `--`",
            ));
        };
        let (content, rest) = after(part, &delimiter)?;
        if fields.len() == FIELDS_MAX {
            return Err(AskError::TooMuch {
                what: "the form",
                most: FIELDS_MAX,
                unit: "fields",
            });
        }
        fields.push(field(content)?);
        left = rest;
    }
}

/// What follows the end of this line, which is empty but for spaces.
fn next_line(bytes: &[u8]) -> Option<&[u8]> {
    let spaces = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
    bytes[spaces.count()..].strip_prefix(b"\r\n")
}

/// What is before and after the first `delimiter`.
fn after<'c>(bytes: &'c [u8], delimiter: &[u8]) -> Result<(&'c [u8], &'c [u8]), AskError> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b'\r') {
        let at = from + at;
        // Another boundary may begin as this one does.
        if let Some(rest) = bytes[at..].strip_prefix(delimiter)
            && (rest.starts_with(b"--") || next_line(rest).is_some())
        {
            return Ok((&bytes[..at], rest));
        }
        from = at + 1;
    }
    Err(bad("it ends without its last boundary; it was cut off"))
}

/// One part: headers, an empty line, the value.
fn field(part: &[u8]) -> Result<(Cow<'_, str>, Piece<'_>), AskError> {
    let head_end = match part.starts_with(b"\r\n") {
        true => 0,
        false => {
            let near = &part[..part.len().min(HEAD_BYTES_MAX)];
            let end = near.windows(4).position(|four| four == b"\r\n\r\n");
            end.ok_or_else(|| bad("a part has no empty line after its headers"))? + 2
        }
    };
    let head = std::str::from_utf8(&part[..head_end])
        .map_err(|_| bad("the headers of a part are not UTF-8"))?;
    let value = &part[head_end + 2..];
    let mut disposition = None;
    let mut content_type = "";
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-disposition") {
            disposition = Some(value);
        } else if name.eq_ignore_ascii_case("content-type") {
            content_type = value.trim();
        }
    }
    let disposition = disposition.unwrap_or_default();
    let name = parameter(disposition, "name")
        .ok_or_else(|| bad("a part has no name in its `content-disposition`"))?;
    let Some(file) = parameter(disposition, "filename") else {
        let text = std::str::from_utf8(value)
            .map_err(|_| bad(format!("the value of `{name}` is not UTF-8")))?;
        return Ok((name, Piece::Text(Cow::Borrowed(text))));
    };
    let base = file.rsplit(['/', '\\']).next().unwrap_or_default();
    let file = File {
        name: base.to_owned(),
        content_type: content_type.to_owned(),
        bytes: value.to_vec(),
    };
    Ok((name, Piece::File(file)))
}

/// A parameter of a header: `name="a b"`. Browsers write `"` and line breaks in it as `%22`, `%0D` and `%0A`.
fn parameter<'h>(header: &'h str, wanted: &str) -> Option<Cow<'h, str>> {
    let mut left = header;
    loop {
        left = left.trim_start_matches(|c| c != ';').strip_prefix(';')?;
        let (name, rest) = left.split_once('=')?;
        let (value, rest) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find(';').unwrap_or(rest.len())),
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            let plain = value.trim();
            return Some(match plain.contains('%') {
                true => Cow::Owned(
                    plain
                        .replace("%22", "\"")
                        .replace("%0D", "\r")
                        .replace("%0A", "\n"),
                ),
                false => Cow::Borrowed(plain),
            });
        }
        left = rest;
    }
}
