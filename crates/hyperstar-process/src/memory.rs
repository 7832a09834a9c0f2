//! What of a process's state was kept, and what is to be.
//!
//! Fields are compared with the bytes they had last, so that only those that differ are written.
//! Collections write through here: what is not kept yet lies over what the host has.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem;
use std::ops::Bound;
use std::rc::Rc;

use hyperstar_collections::path::{after_descendants, descendants_start};

use crate::abi::Change;
use crate::sys;

/// The path of the state's version.
const VERSION: &str = "v";

/// The memory of one process, shared by its runtime and the handles of its collections.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    fields: RefCell<Vec<Field>>,
    /// What collections wrote and nobody kept yet.
    overlay: RefCell<BTreeMap<String, Written>>,
    /// There is a host that has what was kept.
    is_hosted: bool,
    /// Something was kept before this life.
    has_past: bool,
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
    /// Shared with who reads it: a large field is not copied for that.
    bytes: Rc<Vec<u8>>,
    /// Neither `bytes` nor its absence is kept yet.
    is_new: bool,
    is_removed: bool,
}

/// What a collection wrote at a path.
#[derive(Debug)]
struct Written {
    /// `None`: it was removed.
    value: Option<Vec<u8>>,
    /// The host has a value there.
    was_kept: bool,
}

/// Paths and values in order, and whether there is nothing beyond them.
pub(crate) struct Page {
    pub(crate) entries: Vec<(String, Vec<u8>)>,
    /// Where to go on; `None` at the end.
    pub(crate) last: Option<String>,
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
    /// The memory of a life that begins with these fields, paths below `f/`, and this version; 0: nothing was
    /// ever kept.
    pub(crate) fn of(fields: Vec<(String, Vec<u8>)>, version: u32) -> Self {
        let fields = fields.into_iter().map(|(path, bytes)| Field {
            name: path.strip_prefix("f/").unwrap_or(&path).to_owned(),
            bytes: Rc::new(bytes),
            is_new: false,
            is_removed: false,
        });
        Self {
            fields: RefCell::new(fields.collect()),
            is_hosted: true,
            has_past: version != 0,
            ..Self::default()
        }
    }

    /// Whether there may be more than what this life wrote.
    pub(crate) fn has_past(&self) -> bool {
        self.has_past
    }

    /// A field's bytes.
    pub(crate) fn field(&self, name: &str) -> Option<Rc<Vec<u8>>> {
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

    /// Whether a field, which is expected at `place`, is not yet what it is to be.
    pub(crate) fn differs(&self, place: usize, name: &str, bytes: &[u8]) -> bool {
        let fields = self.fields.borrow();
        let at_place = fields.get(place).filter(|one| one.name == name);
        let found = at_place.or_else(|| fields.iter().find(|one| one.name == name));
        found.is_none_or(|one| one.is_removed || one.bytes.as_slice() != bytes)
    }

    /// Sets a field, which is expected at `place`, and tells its place. Equal bytes are no change.
    pub(crate) fn set_field(&self, place: usize, name: &str, bytes: Rc<Vec<u8>>) -> usize {
        let mut fields = self.fields.borrow_mut();
        let is_there = fields.get(place).is_some_and(|one| one.name == name);
        let found = match is_there {
            true => Some(place),
            false => fields.iter().position(|one| one.name == name),
        };
        let Some(place) = found else {
            fields.push(Field {
                name: name.to_owned(),
                bytes,
                is_new: true,
                is_removed: false,
            });
            return fields.len() - 1;
        };
        let field = &mut fields[place];
        if field.is_removed || field.bytes != bytes {
            field.bytes = bytes;
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
        field.bytes = Rc::default();
        field.is_new = true;
        field.is_removed = true;
        true
    }

    /// The state may have changed: its fields are to be looked at.
    pub(crate) fn note_change(&self) {
        self.is_stale.set(true);
        self.is_touched.set(true);
    }

    /// The value at a path of a collection.
    pub(crate) fn get(&self, path: &str) -> Option<Vec<u8>> {
        match self.overlay.borrow().get(path) {
            Some(written) => written.value.clone(),
            None => self.kept(path),
        }
    }

    /// Sets or removes the value at a path of a collection, and gives the one before.
    pub(crate) fn replace(&self, path: &str, value: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let mut overlay = self.overlay.borrow_mut();
        if let Some(written) = overlay.get_mut(path) {
            let before = mem::replace(&mut written.value, value);
            // What came and went before it was kept leaves no trace: there is no end of that in a process that
            // keeps nothing.
            if written.value.is_none() && !written.was_kept {
                overlay.remove(path);
            }
            self.is_touched.set(true);
            return before;
        }
        let before = self.kept(path);
        if before != value {
            let was_kept = before.is_some();
            overlay.insert(path.to_owned(), Written { value, was_kept });
            self.is_touched.set(true);
        }
        before
    }

    /// How many values of collections are below a path.
    pub(crate) fn count(&self, prefix: &str) -> u64 {
        let mut count = match self.is_hosted {
            true => sys::current().count(prefix),
            false => 0,
        };
        let overlay = self.overlay.borrow();
        for (_, written) in overlay.range(descendants_start(prefix)..after_descendants(prefix)) {
            match (written.value.is_some(), written.was_kept) {
                (true, false) => count += 1,
                (false, true) => count = count.saturating_sub(1),
                _ => {}
            }
        }
        count
    }

    /// Up to about `most` values of collections from `start` on and before `end`, from the end if `back`.
    /// A page may be empty though more follow.
    pub(crate) fn page(&self, start: &str, end: &str, back: bool, most: usize) -> Page {
        let nothing = Page {
            entries: Vec::new(),
            last: None,
        };
        if start >= end {
            return nothing;
        }
        let asked = u32::try_from(most).unwrap_or(u32::MAX);
        let mut kept = match self.is_hosted {
            true => sys::current().scan(start, end, asked, back),
            false => Vec::new(),
        };
        let is_beyond = |path: &str, last: &str| match back {
            false => path > last,
            true => path < last,
        };
        // The page ends where the host's does, or where it gets too long.
        let mut last = kept.last().map(|(path, _)| path.clone());
        let overlay = self.overlay.borrow();
        let range = (Bound::Included(start), Bound::Excluded(end));
        let mut range = overlay.range::<str, _>(range);
        let mut written = Vec::new();
        while let Some((path, one)) = if back {
            range.next_back()
        } else {
            range.next()
        } {
            if last.as_ref().is_some_and(|last| is_beyond(path, last)) {
                break;
            }
            written.push((path, one));
            if written.len() >= most {
                last = Some(path.clone());
            }
        }
        let Some(last) = last.or_else(|| written.last().map(|(path, _)| (*path).clone())) else {
            return nothing;
        };
        kept.retain(|(path, _)| !is_beyond(path, &last) && !overlay.contains_key(path));
        let written = written.into_iter();
        kept.extend(written.filter_map(|(path, one)| Some((path.clone(), one.value.clone()?))));
        kept.sort_unstable_by(|(a, _), (b, _)| if back { b.cmp(a) } else { a.cmp(b) });
        Page {
            entries: kept,
            last: Some(last),
        }
    }

    fn kept(&self, path: &str) -> Option<Vec<u8>> {
        match self.is_hosted {
            true => sys::current().get(path),
            false => None,
        }
    }

    /// Fields were set by a checkpoint.
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
                    value: (!field.is_removed).then(|| field.bytes.to_vec()),
                });
            }
        }
        let overlay = mem::take(&mut *self.overlay.borrow_mut());
        changes.extend(overlay.into_iter().map(|(path, one)| Change {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_kept_leaves_nothing_behind() {
        let memory = Memory::default();
        for number in 0..10_000 {
            memory.replace(&format!("c/log/{number}"), Some(vec![1]));
            if number >= 3 {
                let before = memory.replace(&format!("c/log/{}", number - 3), None);
                assert_eq!(before, Some(vec![1]));
            }
        }
        assert_eq!(memory.count("c/log"), 3);
        assert_eq!(memory.overlay.borrow().len(), 3);
    }
}
