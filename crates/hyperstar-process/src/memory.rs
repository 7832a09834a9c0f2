//! What of a process's state was kept, and what is to be.
//!
//! Fields are compared with the bytes they had last, so that only those that differ are written.
//! Collections write through here: what is not kept yet lies over what the host has.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;

use crate::abi::Change;

/// The path of the state's version.
const VERSION: &str = "v";

/// The memory of one process, shared by its runtime and the handles of its collections.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    fields: RefCell<Vec<Field>>,
    /// What collections wrote and nobody kept yet.
    pub(crate) overlay: RefCell<BTreeMap<String, Written>>,
    /// The fields' bytes are behind the state.
    is_stale: Cell<bool>,
    /// Something was written since [`Memory::take_touched`].
    is_touched: Cell<bool>,
    /// The version to write with the next changes.
    version: Cell<Option<u32>>,
}

/// A plain field as it was last.
#[derive(Debug)]
struct Field {
    name: String,
    bytes: Vec<u8>,
    /// Neither `bytes` nor its absence is kept yet.
    is_new: bool,
    is_removed: bool,
}

/// What a collection wrote at a path.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// `None`: it was removed.
    pub(crate) value: Option<Vec<u8>>,
    /// The host has a value there.
    pub(crate) was_kept: bool,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Memory>>> = const { RefCell::new(None) };
}

/// Runs `work` with `memory` as that of the running process. Calls nest.
pub(crate) fn enter<T>(memory: &Rc<Memory>, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Rc<Memory>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(Some(memory.clone())));
    work()
}

/// The memory of the running process.
pub(crate) fn current() -> Option<Rc<Memory>> {
    CURRENT.with_borrow(Clone::clone)
}

impl Memory {
    /// The memory of a life that begins with these fields: paths below `f/`.
    pub(crate) fn of(fields: Vec<(String, Vec<u8>)>) -> Self {
        let fields = fields.into_iter().map(|(path, bytes)| Field {
            name: path.strip_prefix("f/").unwrap_or(&path).to_owned(),
            bytes,
            is_new: false,
            is_removed: false,
        });
        Self {
            fields: RefCell::new(fields.collect()),
            ..Self::default()
        }
    }

    /// A field's bytes.
    pub(crate) fn field(&self, name: &str) -> Option<Vec<u8>> {
        let fields = self.fields.borrow();
        let found = fields.iter().find(|one| one.name == name);
        found
            .filter(|one| !one.is_removed)
            .map(|one| one.bytes.clone())
    }

    /// The names of all fields.
    pub(crate) fn field_names(&self) -> Vec<String> {
        let fields = self.fields.borrow();
        let there = fields.iter().filter(|one| !one.is_removed);
        there.map(|one| one.name.clone()).collect()
    }

    /// Sets a field, which is expected at `place`, and tells its place. Equal bytes are no change.
    pub(crate) fn set_field(&self, place: usize, name: &str, bytes: &[u8]) -> usize {
        let mut fields = self.fields.borrow_mut();
        let is_there = fields.get(place).is_some_and(|one| one.name == name);
        let found = match is_there {
            true => Some(place),
            false => fields.iter().position(|one| one.name == name),
        };
        let Some(place) = found else {
            fields.push(Field {
                name: name.to_owned(),
                bytes: bytes.to_vec(),
                is_new: true,
                is_removed: false,
            });
            return fields.len() - 1;
        };
        let field = &mut fields[place];
        if field.is_removed || field.bytes != bytes {
            field.bytes.clear();
            field.bytes.extend_from_slice(bytes);
            field.is_new = true;
            field.is_removed = false;
        }
        place
    }

    /// Removes a field, and tells whether it was there.
    pub(crate) fn remove_field(&self, name: &str) -> bool {
        let mut fields = self.fields.borrow_mut();
        let found = fields
            .iter_mut()
            .find(|one| one.name == name && !one.is_removed);
        let Some(field) = found else {
            return false;
        };
        field.bytes.clear();
        field.is_new = true;
        field.is_removed = true;
        true
    }

    /// The state may have changed: its fields are to be looked at.
    pub(crate) fn note_change(&self) {
        self.is_stale.set(true);
        self.is_touched.set(true);
    }

    /// A collection was written, or fields were set by a checkpoint.
    pub(crate) fn note_touch(&self) {
        self.is_touched.set(true);
    }

    /// Whether the fields' bytes are behind the state; they are taken to be equal from now on.
    pub(crate) fn take_stale(&self) -> bool {
        self.is_stale.take()
    }

    /// Whether something was written since it was last asked.
    pub(crate) fn take_touched(&self) -> bool {
        self.is_touched.take()
    }

    /// Has the version written with the next changes.
    pub(crate) fn set_version(&self, version: u32) {
        self.version.set(Some(version));
    }

    /// What is to be kept; it counts as kept from now on.
    pub(crate) fn take_changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for field in self.fields.borrow_mut().iter_mut() {
            if mem::take(&mut field.is_new) {
                changes.push(Change {
                    path: format!("f/{}", field.name),
                    value: (!field.is_removed).then(|| field.bytes.clone()),
                });
            }
        }
        let overlay = mem::take(&mut *self.overlay.borrow_mut());
        let written = overlay.into_iter();
        // What came and went in between leaves no trace.
        let written = written.filter(|(_, one)| one.value.is_some() || one.was_kept);
        changes.extend(written.map(|(path, one)| Change {
            path,
            value: one.value,
        }));
        if let Some(version) = self.version.take() {
            changes.push(Change {
                path: VERSION.to_owned(),
                value: Some(version.to_string().into_bytes()),
            });
        }
        changes
    }
}
