//! Keys of a map: values that are one segment of a path, in order.

use crate::text;

/// What a map is keyed by: integers and [`String`]s, and types of your own.
///
/// # Laws
/// - **Order**: `encode(a) < encode(b)` by bytes exactly if `a` comes before `b`.
/// - **One spelling**: `decode(encode(a))` gives `a`, and `decode` gives `None` for whatever
///   `encode` does not write.
/// - **One segment**: what `encode` writes is a segment of a path, as
///   [`check_path`](crate::check_path) says; one that is not is refused when it is used.
///
/// An integer is written as a letter for how many digits it has, then the digits: `7` is `a7`,
/// `42` is `b42`. A string is written as it is, except for what cannot be in a segment (see
/// [`String`](#impl-Key-for-String)).
///
/// ```
/// use hyperstar_collections::Key;
///
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// struct TodoId(u64);
///
/// impl Key for TodoId {
///     type Ref<'a> = TodoId;
///
///     fn by_ref(&self) -> TodoId {
///         *self
///     }
///
///     fn encode(key: TodoId) -> String {
///         u64::encode(key.0)
///     }
///
///     fn decode(segment: &str) -> Option<Self> {
///         u64::decode(segment).map(Self)
///     }
/// }
///
/// assert_eq!(TodoId::encode(TodoId(7)), "a7");
/// assert_eq!(TodoId::decode("a7"), Some(TodoId(7)));
/// ```
pub trait Key: Sized + 'static {
    /// How calls take a key: `u64` for `u64`, `&str` for `String`.
    type Ref<'a>: Copy;

    /// The key as calls take it.
    fn by_ref(&self) -> Self::Ref<'_>;

    /// The segment of the key.
    ///
    /// ```
    /// use hyperstar_collections::Key;
    /// assert_eq!(u64::encode(1066), "d1066");
    /// assert_eq!(String::encode("Tea & Cake"), "Tea & Cake");
    /// ```
    fn encode(key: Self::Ref<'_>) -> String;

    /// The key of a segment; `None` if it is none that [`encode`](Key::encode) writes.
    fn decode(segment: &str) -> Option<Self>;
}

macro_rules! integer_key {
    ($($integer:ty => $encode:ident, $decode:ident;)*) => {$(
        /// As a letter for the number of digits, then the digits. Of a negative one the letter is
        /// upper case and counts down from `Z`, and each digit is written as 9 less it: `-7` is `Z2`.
        impl Key for $integer {
            type Ref<'a> = Self;

            fn by_ref(&self) -> Self {
                *self
            }

            fn encode(key: Self) -> String {
                $encode(key.into())
            }

            fn decode(segment: &str) -> Option<Self> {
                $decode(segment)?.try_into().ok()
            }
        }
    )*};
}

integer_key! {
    u8 => encode_unsigned, decode_unsigned;
    u16 => encode_unsigned, decode_unsigned;
    u32 => encode_unsigned, decode_unsigned;
    u64 => encode_unsigned, decode_unsigned;
    i8 => encode_signed, decode_signed;
    i16 => encode_signed, decode_signed;
    i32 => encode_signed, decode_signed;
    i64 => encode_signed, decode_signed;
}

/// As it is, except for what a path cannot hold. Any string has a segment, and segments are in the
/// order of the strings. Only one that comes to more than
/// [`SEGMENT_BYTES_MAX`](crate::SEGMENT_BYTES_MAX) is refused: use a shorter name or a hash of it. So is
/// one with a `:` or `\` behind what Windows takes for `.git`: no spelling in order is safe in Git.
///
/// | in the string | in the segment |
/// |---|---|
/// | `/` | `.~` |
/// | a control character up to U+001F | two spaces and two hexadecimal digits |
/// | U+007F to U+009F | `~~` and two hexadecimal digits |
/// | a space at the end, or before a space, a `!` or a control character | a space and `!` |
/// | `.` or `~` before `}` or anything after that in order | it and `}` |
/// | nothing at all, or all of it `.` or `..` | it and a space |
/// | what a file system takes for `.git`, such as `git~1` | it, two spaces and `!` |
///
/// ```
/// use hyperstar_collections::Key;
/// assert_eq!(String::encode("ann@example.com"), "ann@example.com");
/// assert_eq!(String::encode("a/b"), "a.~b");
/// assert_eq!(String::encode(".."), ".. ");
/// assert_eq!(String::decode("a.~b").as_deref(), Some("a/b"));
/// ```
impl Key for String {
    type Ref<'a> = &'a str;

    fn by_ref(&self) -> &str {
        self
    }

    fn encode(key: &str) -> String {
        text::encode(key)
    }

    fn decode(segment: &str) -> Option<Self> {
        text::decode(segment)
    }
}

/// The letters for 1 to 20 digits: no number here has more.
const LENGTHS: &[u8; 20] = b"abcdefghijklmnopqrst";
const NEGATIVE_LENGTHS: &[u8; 20] = b"ZYXWVUTSRQPONMLKJIHG";

/// More digits come later, and among as many the digits decide: as numbers are compared by hand.
fn encode_unsigned(number: u64) -> String {
    let digits = number.to_string();
    format!("{}{digits}", char::from(LENGTHS[digits.len() - 1]))
}

fn encode_signed(number: i64) -> String {
    if number >= 0 {
        return encode_unsigned(number.unsigned_abs());
    }
    let digits = complement(&number.unsigned_abs().to_string());
    format!("{}{digits}", char::from(NEGATIVE_LENGTHS[digits.len() - 1]))
}

fn decode_unsigned(segment: &str) -> Option<u64> {
    let number = segment.get(1..)?.parse().ok()?;
    (encode_unsigned(number) == segment).then_some(number)
}

fn decode_signed(segment: &str) -> Option<i64> {
    if !segment.starts_with(|first: char| first.is_ascii_uppercase()) {
        return decode_unsigned(segment)?.try_into().ok();
    }
    let number = format!("-{}", complement(segment.get(1..)?)).parse().ok()?;
    (encode_signed(number) == segment).then_some(number)
}

/// Each digit replaced by what it lacks of 9; what is no digit stays, and is found wrong later.
fn complement(digits: &str) -> String {
    digits
        .chars()
        .map(|digit| match digit {
            '0'..='9' => char::from(b'9' - (digit as u8 - b'0')),
            other => other,
        })
        .collect()
}
