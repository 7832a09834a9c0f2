//! Types as people read them.

use std::fmt;

use super::Type;

/// As WIT writes it, but with the names as JSON has them.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Type::Unit => "nothing",
            Type::Bool => "bool",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::S8 => "s8",
            Type::S16 => "s16",
            Type::S32 => "s32",
            Type::S64 => "s64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::String => "string",
            Type::Json => "json",
            Type::List(item) => return write!(f, "list<{item}>"),
            Type::Option(some) => return write!(f, "option<{some}>"),
            Type::Result(ok, error) => return write!(f, "result<{ok}, {error}>"),
            Type::Map(key, value) => return write!(f, "map<{key}, {value}>"),
            Type::Named(name) => name,
            Type::Tuple(items) => {
                f.write_str("tuple<")?;
                for (place, item) in items.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(f, "{comma}{item}")?;
                }
                return f.write_str(">");
            }
        };
        f.write_str(word)
    }
}
