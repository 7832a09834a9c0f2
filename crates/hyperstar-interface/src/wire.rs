//! Types that cross the border between processes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A type that JSON carries and WIT can say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Type {
    /// Nothing.
    Unit,
    /// `bool`
    Bool,
    /// `u8`
    U8,
    /// `u16`
    U16,
    /// `u32`
    U32,
    /// `u64`
    U64,
    /// `i8`
    S8,
    /// `i16`
    S16,
    /// `i32`
    S32,
    /// `i64`
    S64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `char`
    Char,
    /// Text.
    String,
    /// Any JSON, as text: also what refers to itself.
    Json,
    /// Any number of one type.
    List(Box<Type>),
    /// One or nothing.
    Option(Box<Type>),
    /// One of two.
    Result(Box<Type>, Box<Type>),
    /// Several, in order.
    Tuple(Vec<Type>),
    /// Values by key: a JSON object where the key is text, pairs in WIT.
    Map(Box<Type>, Box<Type>),
    /// A type of the app, by its name in [`Types`].
    Named(String),
}

/// What a named type consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Shape {
    /// A struct with named fields.
    Record(Vec<Field>),
    /// An enum whose variants may carry one type.
    Variant(Vec<Field>),
}

/// A field of a record, or a variant (with [`Type::Unit`] if it carries nothing).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name, as JSON has it.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// A named type.
pub type Named = (String, Shape);

/// The named types that an interface mentions, collected while its handlers are described.
#[derive(Debug, Default)]
pub struct Types {
    /// By name.
    pub named: BTreeMap<String, Shape>,
}

/// A type that can cross the border between processes: what serde writes as JSON and WIT has a word for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross the border between processes",
    note = "give a type of yours `#[derive(Serialize, Deserialize, Wire)]`; for others take a type that has it"
)]
pub trait Wire {
    /// The type, with the named ones that it mentions added to `types`.
    fn wire(types: &mut Types) -> Type;
}
