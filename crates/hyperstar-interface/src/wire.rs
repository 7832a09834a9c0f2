//! Types that cross the border between processes.

mod fmt;
mod std_types;

use std::collections::{BTreeMap, BTreeSet};

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

impl Field {
    /// A field.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self {
            name: name.into(),
            ty,
        }
    }
}

/// A named type.
pub type Named = (String, Shape);

/// The named types that an interface mentions, collected while its handlers are described.
///
/// Guarantee: two different types never share a name, and a type that contains itself ends: where it is
/// met again inside of itself it crosses as [`Type::Json`].
#[derive(Debug, Default)]
pub struct Types {
    /// By name.
    pub named: BTreeMap<String, Shape>,
    /// What a Rust type is called, and whether it is still being described.
    known: BTreeMap<&'static str, Known>,
    /// Rust types without a name of their own that are being described.
    passing: BTreeSet<&'static str>,
}

#[derive(Debug)]
struct Known {
    name: String,
    open: bool,
}

impl Types {
    /// The type `T`, which `describe` describes if it is met for the first time.
    ///
    /// `name` is what it should be called. A second type of that name gets a number: `Item2`. Arguments of
    /// a generic type become part of its name: `Page<User>` is `PageUser`.
    pub fn named<T: ?Sized>(
        &mut self,
        name: &str,
        describe: impl FnOnce(&mut Self) -> Shape,
    ) -> Type {
        let rust = std::any::type_name::<T>();
        if let Some(known) = self.known.get(rust) {
            return match known.open {
                true => Type::Json,
                false => Type::Named(known.name.clone()),
            };
        }
        let name = self.free(&format!("{name}{}", arguments(rust)));
        let known = Known {
            name: name.clone(),
            open: true,
        };
        self.known.insert(rust, known);
        let shape = describe(self);
        self.add(name.clone(), shape);
        if let Some(known) = self.known.get_mut(rust) {
            known.open = false;
        }
        Type::Named(name)
    }

    /// A type that crosses as what it holds: a struct of one field without a name.
    pub fn through<T: ?Sized>(&mut self, describe: impl FnOnce(&mut Self) -> Type) -> Type {
        let rust = std::any::type_name::<T>();
        if !self.passing.insert(rust) {
            return Type::Json;
        }
        let ty = describe(self);
        self.passing.remove(rust);
        ty
    }

    /// A type that has no Rust type of its own: the fields of one variant of an enum.
    pub fn part(&mut self, name: &str, shape: Shape) -> Type {
        let name = self.free(name);
        self.add(name.clone(), shape);
        Type::Named(name)
    }

    fn add(&mut self, name: String, shape: Shape) {
        self.named.insert(name, shape);
    }

    fn free(&self, wanted: &str) -> String {
        let taken = |name: &str| {
            self.named.contains_key(name) || self.known.values().any(|known| known.name == name)
        };
        if !taken(wanted) {
            return wanted.to_owned();
        }
        let numbered = (2..=u32::MAX).map(|number| format!("{wanted}{number}"));
        let mut free = numbered.filter(|name| !taken(name));
        free.next().unwrap_or_else(|| wanted.to_owned())
    }
}

/// The names in a type's generic arguments, without their paths: `UserVecU8` of `a::Page<b::User, Vec<u8>>`.
fn arguments(rust: &str) -> String {
    let Some((_, inside)) = rust.split_once('<') else {
        return String::new();
    };
    let words = inside.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
    let words = words.filter_map(|word| word.rsplit("::").next());
    words.map(capitalized).collect()
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// A type that can cross the border between processes: what serde writes as JSON and WIT has a word for.
///
/// ```
/// use hyperstar_interface::{Type, Types, Wire};
///
/// let mut types = Types::default();
/// assert_eq!(Option::<Vec<u8>>::wire(&mut types).to_string(), "option<list<u8>>");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross the border between processes",
    label = "no `Wire`",
    note = "give a type of yours `#[derive(Serialize, Deserialize, Wire)]`; for others take a type that has it"
)]
pub trait Wire {
    /// The type, with the named ones that it mentions added to `types`.
    fn wire(types: &mut Types) -> Type;
}

/// A type that JSON can have as the key of an object: text, numbers, enums without data.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a map that crosses the border between processes",
    label = "no key of a JSON object",
    note = "take text, a whole number, or an enum without data that has `#[derive(Wire)]`; or send a `Vec` of pairs"
)]
pub trait WireKey: Wire {}
