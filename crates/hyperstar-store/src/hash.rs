//! Hashes that name content.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// The SHA-256 of some content: who knows it can check that content from anywhere.
///
/// It prints and parses as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// No content's.
    pub(crate) const ZERO: Self = Self([0; 32]);

    /// A hash that was kept as bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of it, to keep.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash of `content`.
    pub(crate) fn of(content: &[u8]) -> Self {
        Self::of_all([content])
    }

    /// The hash of `parts`, one after the other.
    pub(crate) fn of_all<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        let refusal = || ParseHashError {
            text: text.chars().take(TEXT_CHARS_SHOWN).collect(),
        };
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(refusal());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
                return Err(refusal());
            };
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

/// How much of a text that is no hash its error repeats.
const TEXT_CHARS_SHOWN: usize = 80;

/// The text is not a [hash](struct@Hash).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a hash; write all its 64 lower-case hex digits")]
pub struct ParseHashError {
    text: String,
}

/// One spelling for each hash: upper-case digits are refused.
fn digit(text: u8) -> Option<u8> {
    match text {
        b'0'..=b'9' => Some(text - b'0'),
        b'a'..=b'f' => Some(text - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_parses_as_it_prints() {
        let hash = Hash::of(b"");
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.parse(), Ok(hash));
        assert_eq!(Hash::from_bytes(*hash.as_bytes()), hash);
        assert_eq!(format!("{hash:?}"), format!("Hash({text})"));
    }

    #[test]
    fn other_texts_are_refused() {
        let text = Hash::of(b"").to_string();
        for wrong in [
            "",
            "af13",
            &text[1..],
            &text.to_uppercase(),
            &format!("{text}0"),
            &"é".repeat(32),
            &text.replace('a', "g"),
        ] {
            let error = wrong.parse::<Hash>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{wrong}` is not a hash")),
                "{error}"
            );
        }
    }
}
