//! What is stored of a state, for loading, saving and migrating it.

use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::collections;
use crate::json;
use crate::memory::Memory;
use crate::state::StateError;

/// The stored fields of a state, as JSON by name: what a migration changes.
///
/// Guarantee: what a migration does is kept as a whole or not at all. If it fails, nothing was done.
///
/// ```
/// use hyperstar_process::{Fields, StateError};
///
/// /// Version 1 had `name`, version 2 has `title` and counts.
/// fn from_v1(fields: &mut Fields) -> Result<(), StateError> {
///     fields.rename("name", "title")?;
///     let visits: Vec<String> = fields.get("visits")?.unwrap_or_default();
///     fields.set("count", &visits.len())?;
///     fields.remove("visits");
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Fields {
    pub(crate) memory: Rc<Memory>,
}

impl Fields {
    pub(crate) fn new(memory: Rc<Memory>) -> Self {
        Self { memory }
    }

    /// A field, read as a `T`. Anything can be read as `serde_json::Value`.
    ///
    /// # Errors
    /// [`StateError::Field`] if it is no `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StateError> {
        match self.memory.field(name) {
            None => Ok(None),
            Some(bytes) => match json::read(&bytes) {
                Ok(value) => Ok(Some(value)),
                Err(source) => Err(StateError::Field {
                    name: name.to_owned(),
                    type_name: std::any::type_name::<T>(),
                    source,
                }),
            },
        }
    }

    /// Sets a field.
    ///
    /// # Errors
    /// [`StateError::Encode`] if the value cannot be JSON; [`StateError::TooDeep`] if it could not be read again.
    pub fn set<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), StateError> {
        let json = json::write(name, value)?;
        self.memory.set_field(0, name, json.bytes.into());
        Ok(())
    }

    /// Removes a field, also one that is a collection, and tells whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let was_field = self.memory.remove_field(name);
        let was_collection = collections::remove(&self.memory, name);
        was_field || was_collection
    }

    /// Gives a field another name, also one that is a collection, which costs all of its entries. Tells
    /// whether it was there.
    ///
    /// # Errors
    /// [`StateError::Taken`] if there is a field of the new name.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<bool, StateError> {
        if from == to {
            return Ok(self.memory.field(from).is_some());
        }
        let Some(bytes) = self.memory.field(from) else {
            return collections::rename(&self.memory, from, to);
        };
        if self.memory.field(to).is_some() {
            return Err(StateError::Taken(to.to_owned()));
        }
        self.memory.set_field(0, to, bytes);
        self.memory.remove_field(from);
        Ok(true)
    }

    /// The names of all plain fields.
    pub fn names(&self) -> Vec<String> {
        self.memory.field_names()
    }
}

/// Takes the fields of a state that is to be kept; only what differs from before is written.
#[derive(Debug)]
pub struct Saver {
    pub(crate) memory: Rc<Memory>,
    /// Where the next field is expected: a state saves them in one order.
    place: usize,
    error: Option<StateError>,
}

impl Saver {
    pub(crate) fn new(memory: Rc<Memory>) -> Self {
        Self {
            memory,
            place: 0,
            error: None,
        }
    }

    /// Takes a field.
    pub fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        match json::write(name, value) {
            Ok(json) => {
                self.place = self.memory.set_field(self.place, name, json.bytes.into()) + 1;
            }
            Err(error) => self.fail(error),
        }
    }

    /// Takes a field that is to be read again: what JSON cannot carry is an error now, and not when the process
    /// starts the next time.
    pub(crate) fn lasting<T: Serialize + DeserializeOwned>(&mut self, name: &str, value: &T) {
        let encoded = json::write(name, value).and_then(|json| {
            if self.memory.differs(self.place, name, &json.bytes) {
                json.check::<T>(name)?;
            }
            Ok(json.bytes)
        });
        match encoded {
            Ok(bytes) => self.place = self.memory.set_field(self.place, name, bytes.into()) + 1,
            Err(error) => self.fail(error),
        }
    }

    pub(crate) fn fail(&mut self, error: StateError) {
        self.error.get_or_insert(error);
    }

    /// What went wrong first.
    pub(crate) fn finish(self) -> Result<(), StateError> {
        self.error.map_or(Ok(()), Err)
    }
}
