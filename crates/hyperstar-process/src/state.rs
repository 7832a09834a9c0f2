//! The state of an app: fields that are kept, with a version.

use hyperstar_collections::PathError;
use hyperstar_interface::{Type, Types, Wire};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::collections;
use crate::fields::{Fields, Saver};
use crate::memory;

/// A struct whose fields are kept. `#[derive(State)]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no state that can be kept",
    label = "no `State`",
    note = "give the struct `#[derive(Default, State)]`"
)]
pub trait State: Sized + 'static {
    /// The version of what is stored. A change that old fields cannot be read after raises it.
    const VERSION: u32;

    /// Reads the state; a field that is not stored takes its default.
    ///
    /// # Errors
    /// [`StateError::Field`] for a field that cannot be read as its type.
    fn load(fields: &mut Fields) -> Result<Self, StateError>;

    /// Hands all fields over.
    fn save(&self, saver: &mut Saver);

    /// Turns the stored fields of version `from` into those of [`State::VERSION`].
    ///
    /// # Errors
    /// Any: then the process does not start, and all stays as it was.
    fn migrate(from: u32, fields: &mut Fields) -> Result<(), StateError>;
}

/// A field of a state: any serde type, as one JSON value at `f/<name>`; and the collections, which keep
/// each entry at a path of its own below `c/<name>`.
pub trait Stored: Sized {
    /// Reads the field, or takes the default.
    ///
    /// # Errors
    /// [`StateError::Field`] if it cannot be read.
    fn load(name: &'static str, fields: &mut Fields, default: Self) -> Result<Self, StateError>;

    /// Hands the field over.
    fn save(&self, name: &'static str, saver: &mut Saver);
}

impl<T: Serialize + DeserializeOwned> Stored for T {
    fn load(name: &'static str, fields: &mut Fields, default: Self) -> Result<Self, StateError> {
        match fields.get(name)? {
            Some(value) => Ok(value),
            None if fields.memory.has_past() && collections::is_there(&fields.memory, name) => {
                Err(StateError::WasCollection(name.to_owned()))
            }
            None => Ok(default),
        }
    }

    fn save(&self, name: &'static str, saver: &mut Saver) {
        saver.lasting(name, self);
    }
}

/// Hands the changes of an exclusive handler's state to the running turn: what it does before an await is
/// kept with what that turn sends. `#[hyperapp]` writes it before each await of its block's `async` methods.
/// An `async` function elsewhere that is given the state calls it itself, before each of its awaits.
///
/// # Panics
/// If a field cannot be JSON, or not be read again: the turn could not be kept, so the process ends.
pub fn checkpoint<A: State>(state: &A) {
    if let Some(memory) = memory::current() {
        memory.note_touch();
        save(state, &memory);
    }
}

/// Brings the fields' bytes up to the state.
pub(crate) fn save<A: State>(state: &A, memory: &std::rc::Rc<memory::Memory>) {
    let mut saver = Saver::new(memory.clone());
    state.save(&mut saver);
    if let Err(error) = saver.finish() {
        panic!("the state cannot be kept: {error}");
    }
}

/// Why a state, or a part of it, cannot be read or written.
///
/// A handler may return it to whoever called: it crosses as its text, and arrives as [`StateError::Other`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// A stored field is of another type.
    #[error(
        "the stored field `{name}` is no `{type_name}`: {source}; raise `#[state(version = ..)]` and add \
         a migration that converts it"
    )]
    Field {
        /// The field.
        name: String,
        /// What it was read as.
        type_name: &'static str,
        /// What serde says.
        source: serde_json::Error,
    },
    /// A value cannot be JSON.
    #[error(
        "`{name}` cannot be written as JSON: {source}; give maps keys that are text or numbers"
    )]
    Encode {
        /// The field or path.
        name: String,
        /// What serde says.
        source: serde_json::Error,
    },
    /// A value is nested deeper than JSON is read again.
    #[error(
        "`{name}` is nested deeper than {most} levels, which cannot be read again; keep its parts side by side, \
         by keys that name each other"
    )]
    TooDeep {
        /// The field or path.
        name: String,
        /// How deep it may be.
        most: usize,
    },
    /// A value could not be read back from its JSON.
    #[error(
        "`{name}` could not be read back from its JSON: {source}; JSON has no NaN and no infinity, and serde has to \
         read what it writes: `skip_serializing_if` needs `default`"
    )]
    Unreadable {
        /// The field or path.
        name: String,
        /// What serde says.
        source: serde_json::Error,
    },
    /// A migration gave a field a name that another has.
    #[error("there is a field `{0}` already; remove it first, or choose another name")]
    Taken(String),
    /// A field was a plain one before and is a collection now.
    #[error(
        "`{0}` is kept as a plain field, and is a collection in this version; raise `#[state(version = ..)]` and \
         add a migration that reads it, removes it, and fills the collection"
    )]
    WasField(String),
    /// A field was a collection before and is a plain one now.
    #[error(
        "`{0}` is kept as a collection, and is a plain field in this version; raise `#[state(version = ..)]` and \
         add a migration that reads it, removes it, and sets the field"
    )]
    WasCollection(String),
    /// What is stored was written by a newer version of the app.
    #[error(
        "the stored state has version {kept}, and this app reads versions up to {own}; install the newer \
         version of the app again"
    )]
    Newer {
        /// The version of what is stored.
        kept: u32,
        /// The app's.
        own: u32,
    },
    /// An entry of a collection is of another type.
    #[error(
        "the entry `{path}` is no `{type_name}`: {source}; raise `#[state(version = ..)]` and add a migration \
         that converts it"
    )]
    Entry {
        /// Its path.
        path: String,
        /// What it was read as.
        type_name: &'static str,
        /// What serde says.
        source: serde_json::Error,
    },
    /// A path below a collection that none of its kind writes.
    #[error(
        "`{path}` is nothing that the collection `{collection}` writes; remove it in a migration"
    )]
    NotOfCollection {
        /// The collection's path.
        collection: String,
        /// What is there.
        path: String,
    },
    /// A key is too long, or no path at all.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A counter went out of range.
    #[error("the counter `{path}` is {value}; adding {delta} leaves the range of an `i64`")]
    CounterOverflow {
        /// Its path.
        path: String,
        /// What it is.
        value: i64,
        /// What was to be added.
        delta: i64,
    },
    /// Two fields of the state were swapped.
    #[error(
        "the field `{field}` holds the collection `{path}`; collections cannot change places: move their \
         entries instead"
    )]
    Moved {
        /// The field.
        field: String,
        /// The path of what it holds.
        path: String,
    },
    /// A migration failed for a reason of its own.
    #[error("{0}")]
    Other(String),
}

impl StateError {
    /// An error with a text of your own, which names the field and the remedy.
    pub fn other(text: impl Into<String>) -> Self {
        Self::Other(text.into())
    }
}

impl Serialize for StateError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StateError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::Other)
    }
}

impl Wire for StateError {
    fn wire(types: &mut Types) -> Type {
        String::wire(types)
    }
}
