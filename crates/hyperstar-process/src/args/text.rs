//! Text as values: what a path, a query or a form has is read as the argument's type.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::body::Piece;
use super::multipart::File;

/// Why a text is not of its type.
#[derive(Debug)]
pub(super) struct TextError(String);

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TextError {}

impl serde::de::Error for TextError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// The values of one name, at least one.
#[derive(Clone, Copy)]
pub(super) struct Texts<'p, 'c>(pub(super) &'p [Piece<'c>]);

impl<'p> Texts<'p, '_> {
    /// The only value.
    fn one(self) -> Result<&'p Piece<'p>, TextError>
    where
        Self: 'p,
    {
        match self.0 {
            [piece] => Ok(piece),
            several => Err(TextError(format!(
                "{} values came, and it takes one; send it once",
                several.len()
            ))),
        }
    }

    fn text(self) -> Result<&'p str, TextError>
    where
        Self: 'p,
    {
        match self.one()? {
            Piece::Text(text) => Ok(text),
            Piece::File(_) => Err(TextError("a file came; take a `File`".to_owned())),
        }
    }

    fn parse<T: std::str::FromStr>(self, what: &str) -> Result<T, TextError>
    where
        Self: 'p,
    {
        let text = self.text()?;
        text.trim()
            .parse()
            .map_err(|_| TextError(format!("`{}` is no {what}", shortened(text))))
    }

    /// What Rust reads as a number, and JSON cannot carry.
    fn infinite(self) -> TextError {
        let text = self.text().unwrap_or_default();
        TextError(format!("`{}` is no finite number", shortened(text)))
    }

    /// JSON, for what cannot be said otherwise.
    fn json<'de, V: Visitor<'de>>(self, what: &str, visitor: V) -> Result<V::Value, TextError>
    where
        Self: 'p,
    {
        let text = self.text()?;
        if !text.trim_start().starts_with(['{', '[', '"']) {
            return Err(TextError(format!("`{}` is no {what}", shortened(text))));
        }
        from_json(text, |json| json.deserialize_any(visitor))
    }
}

/// Reads JSON. Not by way of a `Value`, which would give an infinite `f32` for what is too large for one; and of
/// a reader, since nothing can be borrowed.
fn from_json<T>(
    text: &str,
    read: impl FnOnce(&mut Json<'_>) -> serde_json::Result<T>,
) -> Result<T, TextError> {
    if let Some(reason) = super::too_deep(text.as_bytes()) {
        return Err(TextError(reason));
    }
    let mut json = serde_json::Deserializer::from_reader(text.as_bytes());
    let value = read(&mut json).map_err(TextError::custom)?;
    json.end().map_err(TextError::custom)?;
    Ok(value)
}

type Json<'t> = serde_json::Deserializer<serde_json::de::IoRead<&'t [u8]>>;

fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 64;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $rust:ty, $what:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
            visitor.$visit(self.parse::<$rust>($what)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Texts<'_, '_> {
    type Error = TextError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_str(self.text()?)
    }

    numbers! {
        deserialize_i8 visit_i8 i8, "whole number from -128 to 127";
        deserialize_i16 visit_i16 i16, "whole number from -32768 to 32767";
        deserialize_i32 visit_i32 i32, "whole number of 32 bits";
        deserialize_i64 visit_i64 i64, "whole number of 64 bits";
        deserialize_i128 visit_i128 i128, "whole number";
        deserialize_u8 visit_u8 u8, "whole number from 0 to 255";
        deserialize_u16 visit_u16 u16, "whole number from 0 to 65535";
        deserialize_u32 visit_u32 u32, "whole number of 32 bits without a sign";
        deserialize_u64 visit_u64 u64, "whole number of 64 bits without a sign";
        deserialize_u128 visit_u128 u128, "whole number without a sign";
        deserialize_char visit_char char, "single character";
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self.parse::<f32>("number")? {
            number if number.is_finite() => visitor.visit_f32(number),
            _ => Err(self.infinite()),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self.parse::<f64>("number")? {
            number if number.is_finite() => visitor.visit_f64(number),
            _ => Err(self.infinite()),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        let text = self.text()?;
        match text.to_ascii_lowercase().as_str() {
            "" | "true" | "on" | "1" | "yes" => visitor.visit_bool(true),
            "false" | "off" | "0" | "no" => visitor.visit_bool(false),
            _ => Err(TextError(format!(
                "`{}` is neither `true` nor `false`",
                shortened(text)
            ))),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self.one()? {
            Piece::Text(text) => visitor.visit_bytes(text.as_bytes()),
            Piece::File(file) => visitor.visit_bytes(&file.bytes),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self.0 {
            [Piece::Text(text)] if text.is_empty() => visitor.visit_none(),
            // A file input that nothing was chosen in.
            [Piece::File(file)] if file.name.is_empty() && file.bytes.is_empty() => {
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TextError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TextError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self.0 {
            [Piece::Text(text)] if text.trim_start().starts_with('[') => self.json("list", visitor),
            pieces => visitor.visit_seq(SeqDeserializer::new(pieces.chunks(1).map(Texts))),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, TextError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, TextError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        self.json("JSON object", visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TextError> {
        match self.one()? {
            Piece::File(file) => visitor.visit_map(MapDeserializer::new(parts(file).into_iter())),
            Piece::Text(_) => self.json("JSON object", visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TextError> {
        let text = self.text()?;
        if text.trim_start().starts_with('{') {
            return from_json(text, |json| json.deserialize_enum(name, variants, visitor));
        }
        visitor.visit_enum(StrDeserializer::new(text))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_unit()
    }
}

impl IntoDeserializer<'_, TextError> for Texts<'_, '_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The parts of a file, by the names of its fields.
fn parts(file: &File) -> [(&'static str, Part<'_>); 3] {
    [
        ("name", Part::Text(&file.name)),
        ("content_type", Part::Text(&file.content_type)),
        ("bytes", Part::Bytes(&file.bytes)),
    ]
}

#[derive(Clone, Copy)]
enum Part<'p> {
    Text(&'p str),
    Bytes(&'p [u8]),
}

impl<'de> Deserializer<'de> for Part<'_> {
    type Error = TextError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self {
            Self::Text(text) => visitor.visit_str(text),
            Self::Bytes(bytes) => visitor.visit_bytes(bytes),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl IntoDeserializer<'_, TextError> for Part<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A body of another content type.
pub(super) struct Bytes<'c>(pub(super) &'c [u8]);

impl<'de> Deserializer<'de> for Bytes<'_> {
    type Error = TextError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_bytes(self.0)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match std::str::from_utf8(self.0) {
            Ok(text) => visitor.visit_str(text),
            Err(error) => Err(TextError(format!(
                "the text is not UTF-8 after byte {}",
                error.valid_up_to()
            ))),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_seq(SeqDeserializer::new(self.0.iter().copied()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TextError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Nothing came: a value only for what can be absent.
pub(super) struct Missing {
    /// As a form leaves out what is not ticked.
    pub(super) is_form: bool,
}

impl<'de> Deserializer<'de> for Missing {
    type Error = TextError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, TextError> {
        Err(TextError("nothing came".to_owned()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_unit()
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self.is_form {
            true => visitor.visit_bool(false),
            false => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self.is_form {
            true => visitor.visit_seq(SeqDeserializer::new(std::iter::empty::<u8>())),
            false => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TextError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit_struct
        tuple tuple_struct map struct enum identifier ignored_any
    }
}
