//! What a body is, before anybody knows which types its values have.

use std::borrow::Cow;
use std::fmt;

use hyperstar_interface::{AskError, Asked};
use percent_encoding::percent_decode;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::FIELDS_MAX;
use super::multipart::{self, File};

/// A body, its values still as they came.
#[derive(Debug)]
pub(crate) enum Body<'c> {
    Nothing,
    Object(Vec<(Cow<'c, str>, &'c RawValue)>),
    Array(Vec<&'c RawValue>),
    /// Any other JSON.
    Scalar(&'c RawValue),
    Form(Vec<(Cow<'c, str>, Piece<'c>)>),
    /// Bytes, and their content type.
    Bytes(&'c [u8], &'c str),
}

/// The most characters of a part that are shown.
const PART_SHOWN_MAX: usize = 64;

/// A value of a form.
#[derive(Clone, Debug)]
pub(crate) enum Piece<'c> {
    Text(Cow<'c, str>),
    File(File),
}

impl<'c> Body<'c> {
    /// A body that is JSON, or nothing.
    pub(crate) fn json(text: &'c str) -> Result<Self, AskError> {
        let read = match text.trim_start().bytes().next() {
            None => return Ok(Self::Nothing),
            Some(b'{') => serde_json::from_str::<Members<'c>>(text).map(|all| Self::Object(all.0)),
            Some(b'[') => serde_json::from_str::<Items<'c>>(text).map(|all| Self::Array(all.0)),
            Some(_) => serde_json::from_str::<&RawValue>(text).map(Self::Scalar),
        };
        read.map_err(|error| AskError::BadBody {
            format: "JSON",
            reason: error.to_string(),
        })
    }

    /// A body as its content type says.
    pub(crate) fn typed(bytes: &'c [u8], content_type: &'c str) -> Result<Self, AskError> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let begins_as_json = bytes.trim_ascii_start().starts_with(b"{")
            || bytes.trim_ascii_start().starts_with(b"[");
        let is = |name: &str| essence.eq_ignore_ascii_case(name);
        let suffix = essence.rsplit(['/', '+']).next().unwrap_or_default();
        if bytes.is_empty() {
            Ok(Self::Nothing)
        } else if is("application/x-www-form-urlencoded") && !begins_as_json {
            Self::urlencoded(bytes)
        } else if is("multipart/form-data") {
            multipart::read(bytes, content_type).map(Self::Form)
        } else if essence.is_empty()
            || suffix.eq_ignore_ascii_case("json")
            || is("application/x-www-form-urlencoded")
        {
            Self::json(json_text(bytes)?)
        } else {
            Ok(Self::Bytes(bytes, essence))
        }
    }

    /// A form as a browser sends it.
    pub(crate) fn urlencoded(bytes: &'c [u8]) -> Result<Self, AskError> {
        let fields = pairs(bytes, "a form")?.into_iter();
        let fields = fields.map(|(name, value)| (name, Piece::Text(value)));
        Ok(Self::Form(fields.collect()))
    }

    /// The signals of a page, or the fields of its form.
    pub(crate) fn signals(bytes: &'c [u8]) -> Result<Self, AskError> {
        match bytes.trim_ascii_start().first() {
            Some(b'{') => Self::json(json_text(bytes)?),
            Some(b'-') => multipart::read_unnamed(bytes).map(Self::Form),
            Some(_) => Self::urlencoded(bytes),
            None => Ok(Self::Nothing),
        }
    }
}

/// The text of a body that should be JSON.
pub(crate) fn json_text(bytes: &[u8]) -> Result<&str, AskError> {
    std::str::from_utf8(bytes).map_err(|error| AskError::BadBody {
        format: "JSON",
        reason: format!("it is not UTF-8 after byte {}", error.valid_up_to()),
    })
}

/// What a body says about its handler.
pub(crate) fn top<'a>(body: &'a Body<'_>) -> Asked<'a> {
    match body {
        Body::Object(members) => Asked {
            wrapper: match members.as_slice() {
                [(name, _)] => Some(name),
                _ => None,
            },
            names: Some(members.iter().map(|(name, _)| name.as_ref()).collect()),
            is_loose: false,
        },
        Body::Form(fields) => {
            let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_ref()).collect();
            names.dedup();
            Asked {
                wrapper: None,
                names: Some(names),
                is_loose: true,
            }
        }
        Body::Scalar(value) => Asked {
            wrapper: Some(value.get().trim_matches('"')),
            ..Asked::default()
        },
        Body::Array(_) | Body::Bytes(..) => Asked {
            wrapper: Some(""),
            ..Asked::default()
        },
        Body::Nothing => Asked::default(),
    }
}

/// Names and values of a query or a form.
pub(crate) type Pairs<'c> = Vec<(Cow<'c, str>, Cow<'c, str>)>;

/// The pairs of a query or a form, decoded.
pub(crate) fn pairs<'c>(bytes: &'c [u8], what: &'static str) -> Result<Pairs<'c>, AskError> {
    let mut pairs = Vec::new();
    for pair in bytes.split(|byte| *byte == b'&') {
        if pair.is_empty() {
            continue;
        }
        if pairs.len() == FIELDS_MAX {
            return Err(AskError::TooMuch {
                what,
                most: FIELDS_MAX,
                unit: "fields",
            });
        }
        let equals = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = match equals {
            Some(place) => (&pair[..place], &pair[place + 1..]),
            None => (pair, &pair[pair.len()..]),
        };
        pairs.push((decoded(name, what)?, decoded(value, what)?));
    }
    Ok(pairs)
}

fn decoded<'c>(bytes: &'c [u8], what: &'static str) -> Result<Cow<'c, str>, AskError> {
    let not_text = || AskError::NotText {
        what,
        part: bytes
            .escape_ascii()
            .take(PART_SHOWN_MAX)
            .map(char::from)
            .collect(),
    };
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return std::str::from_utf8(bytes)
            .map(Cow::Borrowed)
            .map_err(|_| not_text());
    }
    let spaced: Vec<u8> = bytes
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let decoded: Vec<u8> = percent_decode(&spaced).collect();
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| not_text())
}

/// The values of an object in the order of `names`. `None`: no object, an empty one, or one with other
/// names or one twice.
pub(super) fn named<'c, const N: usize>(
    json: &'c str,
    names: [&str; N],
) -> Option<[Option<&'c str>; N]> {
    if !json.trim_start().starts_with('{') {
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let values = deserializer.deserialize_map(Named(names)).ok()?;
    deserializer.end().ok()?;
    values
        .iter()
        .any(Option::is_some)
        .then(|| values.map(|value| value.map(RawValue::get)))
}

struct Named<'n, const N: usize>([&'n str; N]);

impl<'de, const N: usize> Visitor<'de> for Named<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; N];
        while let Some(place) = map.next_key_seed(Place(&self.0))? {
            let value = map.next_value()?;
            if values[place].replace(value).is_some() {
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(values)
    }
}

/// The place of a name among others.
struct Place<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Place<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<usize, E> {
        let place = self.0.iter().position(|own| *own == name);
        place.ok_or_else(|| E::custom("another name"))
    }
}

/// The members of an object.
struct Members<'c>(Vec<(Cow<'c, str>, &'c RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    if members.len() == FIELDS_MAX {
                        return Err(A::Error::custom(format!("more than {FIELDS_MAX} names")));
                    }
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// The items of an array.
struct Items<'c>(Vec<&'c RawValue>);

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(Reader)
    }
}

/// A name, borrowed unless it has escapes in it.
struct Name<'c>(Cow<'c, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}
