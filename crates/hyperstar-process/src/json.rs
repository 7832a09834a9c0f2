//! The JSON that is kept of a state: what is written can be read again.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use crate::state::StateError;

/// How deep arrays and objects may be in each other: serde_json reads no deeper ones.
pub(crate) const DEPTH_MAX: usize = 127;

/// The JSON of a value.
pub(crate) struct Written {
    pub(crate) bytes: Vec<u8>,
    /// There is a `null` in it, as numbers are written that are not finite.
    has_null: bool,
}

/// Up to so many bytes are read back before they are kept. A type that serde writes otherwise than it reads,
/// as with `skip_serializing_if` but no `default`, is found while there is little of it; to read all that is
/// written would cost more than to write it.
const READ_BACK_BYTES: usize = 256;

/// Writes a value that is to be kept.
///
/// # Errors
/// It cannot be JSON, or not be read again.
pub(crate) fn write<T: Serialize + ?Sized>(name: &str, value: &T) -> Result<Written, StateError> {
    let mut bytes = Vec::with_capacity(128);
    let mut seen = Seen::default();
    let mut serializer = Serializer::with_formatter(&mut bytes, Watching(&mut seen));
    if let Err(source) = value.serialize(&mut serializer) {
        return Err(StateError::Encode {
            name: name.to_owned(),
            source,
        });
    }
    if seen.deepest > DEPTH_MAX {
        return Err(StateError::TooDeep {
            name: name.to_owned(),
            most: DEPTH_MAX,
        });
    }
    let has_null = seen.has_null;
    Ok(Written { bytes, has_null })
}

impl Written {
    /// Whether it can be read back.
    ///
    /// # Errors
    /// It cannot.
    pub(crate) fn check<T: DeserializeOwned>(&self, name: &str) -> Result<(), StateError> {
        let is_small = self.bytes.len() <= READ_BACK_BYTES;
        if !(self.has_null || is_small || cfg!(debug_assertions)) {
            return Ok(());
        }
        match read::<T>(&self.bytes) {
            Ok(_) => Ok(()),
            Err(source) => Err(StateError::Unreadable {
                name: name.to_owned(),
                source,
            }),
        }
    }
}

/// Reads JSON. That all of it is text is checked at once: of each string by itself it takes longer.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        // It says where.
        Err(_) => serde_json::from_slice(bytes),
    }
}

/// How deep arrays and objects are in each other, brackets in strings left out.
pub(crate) fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => drop(bytes.next()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

/// What was seen of a value as it was written.
#[derive(Default)]
struct Seen {
    depth: usize,
    deepest: usize,
    has_null: bool,
}

/// Writes as serde_json does by itself, and looks.
struct Watching<'s>(&'s mut Seen);

impl Watching<'_> {
    fn enter(&mut self, levels: usize) {
        self.0.deepest = self.0.deepest.max(self.0.depth + levels);
    }
}

impl Formatter for Watching<'_> {
    fn write_null<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.has_null = true;
        writer.write_all(b"null")
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter(1);
        self.0.depth += 1;
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.depth -= 1;
        writer.write_all(b"]")
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter(1);
        self.0.depth += 1;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.depth -= 1;
        writer.write_all(b"}")
    }

    /// JSON that was there before, as of a `RawValue`.
    fn write_raw_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        self.enter(depth(fragment.as_bytes()));
        self.0.has_null |= fragment.contains("null");
        writer.write_all(fragment.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::value::RawValue;

    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn the_bound_is_serde_jsons() {
        assert!(read::<Value>(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(read::<Value>(nested(DEPTH_MAX + 1).as_bytes()).is_err());
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        for (json, expected) in [
            ("1", 0),
            ("[]", 1),
            (r#"{"a[[[": "]]]{{{", "b": [1, {}]}"#, 3),
            (r#"["\"[[[", "\\", [2]]"#, 2),
            ("]]][[", 2),
            ("[\"", 1),
        ] {
            assert_eq!(depth(json.as_bytes()), expected, "{json}");
        }
    }

    #[test]
    fn what_is_written_is_as_deep_as_it_is_read() {
        let raw = |depth: usize| vec![RawValue::from_string(nested(depth)).expect("JSON")];
        assert!(write("a", &raw(DEPTH_MAX - 1)).is_ok());
        let error = write("a", &raw(DEPTH_MAX)).err().expect("an error");
        assert!(
            error
                .to_string()
                .starts_with("`a` is nested deeper than 127")
        );
        let written = write("a", &(1, None::<u8>, "x")).expect("JSON");
        assert_eq!(written.bytes, br#"[1,null,"x"]"#);
        assert!(written.has_null);
    }
}
