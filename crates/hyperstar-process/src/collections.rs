//! Collections as fields of a state: each entry is a value of its own, so that a write costs the entry and
//! not the collection.
//!
//! What is written lies over what the host has, until a turn hands it out to be kept. The layout is that of
//! `hyperstar-store`, below `c/<field>`: who owns the process can read it there.

mod counter;
mod entries;
mod list;
mod log;
mod map;

use std::cell::RefCell;
use std::ops::{Bound, ControlFlow};
use std::rc::Rc;

use hyperstar_collections::path::{after_descendants, descendants_start, right_after};
use hyperstar_collections::{End, Tree, TreeMut, check_path};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::counter::Counter;
pub use self::entries::Entries;
pub use self::list::List;
pub use self::log::Log;
pub use self::map::Map;
use crate::fields::{Fields, Saver};
use crate::json;
use crate::memory::Memory;
use crate::state::StateError;

/// Where a collection that is no field yet has its entries.
const NEW: &str = "new";
/// How many entries are read at once: few at first, so that taking one is cheap.
const PAGE_ENTRIES_MIN: usize = 8;
const PAGE_ENTRIES_MAX: usize = 256;

/// A collection's place: in the memory of a process, or, while it is no field of a state, in one of its own.
#[derive(Debug)]
struct Handle(RefCell<Shelf>);

/// A part of a memory, to be read and written as a tree.
#[derive(Clone, Debug)]
struct Shelf {
    memory: Rc<Memory>,
    path: Rc<str>,
}

impl Default for Handle {
    fn default() -> Self {
        Self(RefCell::new(Shelf {
            memory: Rc::default(),
            path: Rc::from(NEW),
        }))
    }
}

impl Handle {
    /// The collection of the field `name`.
    fn load(name: &str, fields: &Fields) -> Self {
        Self(RefCell::new(Shelf {
            memory: fields.memory.clone(),
            path: path_of(name).into(),
        }))
    }

    /// Makes it that of the field `name`. One that was put there anew takes the place of what was there.
    fn save(&self, name: &str, saver: &mut Saver) {
        let mut shelf = self.0.borrow_mut();
        let is_there = shelf
            .path
            .strip_prefix("c/")
            .is_some_and(|field| field == name);
        if Rc::ptr_eq(&shelf.memory, &saver.memory) {
            if !is_there {
                saver.fail(StateError::Moved {
                    field: name.to_owned(),
                    path: shelf.path.to_string(),
                });
            }
            return;
        }
        let mut target = Shelf {
            memory: saver.memory.clone(),
            path: path_of(name).into(),
        };
        if let Err(error) = move_all(&shelf, &mut target) {
            saver.fail(error);
        }
        *shelf = target;
    }

    fn shelf(&self) -> Shelf {
        self.0.borrow().clone()
    }
}

fn path_of(field: &str) -> String {
    format!("c/{field}")
}

/// Replaces all of `target` by all of `source`.
fn move_all(source: &Shelf, target: &mut Shelf) -> Result<(), StateError> {
    let path = target.path.clone();
    target.remove_all(&path)?;
    target.memory.replace(&path, None);
    if let Some(value) = source.memory.get(&source.path) {
        target.memory.replace(&path, Some(value));
    }
    source.visit(
        &source.path,
        (Bound::Unbounded, Bound::Unbounded),
        End::Front,
        |from, value| {
            let to = format!("{path}{}", &from[source.path.len()..]);
            target.memory.replace(&to, Some(value));
            ControlFlow::Continue(())
        },
    );
    Ok(())
}

/// Moves what is below the field `from` to the field `to`, and tells whether there was anything.
pub(crate) fn rename(memory: &Rc<Memory>, from: &str, to: &str) -> Result<bool, StateError> {
    let at = |name: &str| Shelf {
        memory: memory.clone(),
        path: path_of(name).into(),
    };
    let (mut source, mut target) = (at(from), at(to));
    if source.is_empty() {
        return Ok(false);
    }
    if !target.is_empty() {
        return Err(StateError::Taken(to.to_owned()));
    }
    move_all(&source, &mut target)?;
    source.remove_whole();
    Ok(true)
}

/// Whether anything is below the field `name`.
pub(crate) fn is_there(memory: &Rc<Memory>, name: &str) -> bool {
    let shelf = Shelf {
        memory: memory.clone(),
        path: path_of(name).into(),
    };
    !shelf.is_empty()
}

/// Removes what is below the field `name`, and tells whether there was anything.
pub(crate) fn remove(memory: &Rc<Memory>, name: &str) -> bool {
    let mut shelf = Shelf {
        memory: memory.clone(),
        path: path_of(name).into(),
    };
    let was_there = !shelf.is_empty();
    shelf.remove_whole();
    was_there
}

impl Shelf {
    fn is_empty(&self) -> bool {
        self.memory.get(&self.path).is_none() && self.memory.count(&self.path) == 0
    }

    fn remove_whole(&mut self) {
        self.memory.replace(&self.path, None);
        for path in self.paths(&self.path, (Bound::Unbounded, Bound::Unbounded)) {
            self.memory.replace(&path, None);
        }
    }

    fn read<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, StateError> {
        let bytes = self.get(path)?;
        bytes.map(|bytes| decode(path, &bytes)).transpose()
    }

    /// Sets a value, and gives the bytes of the one before.
    fn write<T: Serialize + DeserializeOwned>(
        &mut self,
        path: &str,
        value: &T,
    ) -> Result<Option<Vec<u8>>, StateError> {
        check_path(path)?;
        let json = json::write(path, value)?;
        json.check::<T>(path)?;
        Ok(self.memory.replace(path, Some(json.bytes)))
    }

    /// All paths of a range, which costs all of them.
    fn paths(&self, prefix: &str, range: (Bound<&str>, Bound<&str>)) -> Vec<String> {
        let mut paths = Vec::new();
        self.visit(prefix, range, End::Front, |path, _| {
            paths.push(path.to_owned());
            ControlFlow::Continue(())
        });
        paths
    }

    fn visit(
        &self,
        prefix: &str,
        range: (Bound<&str>, Bound<&str>),
        end: End,
        mut visit: impl FnMut(&str, Vec<u8>) -> ControlFlow<()>,
    ) {
        let mut span = Span::new(prefix, range);
        while let Some(entries) = span.next_page(&self.memory, end) {
            for (path, value) in entries {
                if visit(&path, value).is_break() {
                    return;
                }
            }
        }
    }
}

/// What is still to be read of a range.
#[derive(Debug)]
struct Span {
    start: String,
    /// Not part of it.
    end: String,
    page_entries: usize,
    is_read: bool,
}

impl Span {
    fn new(prefix: &str, (start, end): (Bound<&str>, Bound<&str>)) -> Self {
        Self {
            start: match start {
                Bound::Included(path) => path.to_owned(),
                Bound::Excluded(path) => right_after(path),
                Bound::Unbounded => descendants_start(prefix),
            },
            end: match end {
                Bound::Included(path) => right_after(path),
                Bound::Excluded(path) => path.to_owned(),
                Bound::Unbounded => after_descendants(prefix),
            },
            page_entries: PAGE_ENTRIES_MIN,
            is_read: false,
        }
    }

    /// More from one end, the nearest first; `None` once all is read.
    fn next_page(&mut self, memory: &Memory, from: End) -> Option<Vec<(String, Vec<u8>)>> {
        if self.is_read {
            return None;
        }
        let back = from == End::Back;
        let page = memory.page(&self.start, &self.end, back, self.page_entries);
        self.page_entries = (self.page_entries * 2).min(PAGE_ENTRIES_MAX);
        match page.last {
            Some(last) if back => self.end = last,
            Some(last) => self.start = right_after(&last),
            None => self.is_read = true,
        }
        (!self.is_read).then_some(page.entries)
    }
}

impl Tree for Shelf {
    type Error = StateError;

    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, StateError> {
        check_path(path)?;
        Ok(self.memory.get(path))
    }

    fn scan(
        &self,
        prefix: &str,
        range: (Bound<&str>, Bound<&str>),
        end: End,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StateError> {
        self.visit(prefix, range, end, |path, value| visit(path, &value));
        Ok(())
    }

    fn not_of(collection: &str, path: &str) -> StateError {
        StateError::NotOfCollection {
            collection: collection.to_owned(),
            path: path.to_owned(),
        }
    }
}

impl TreeMut for Shelf {
    fn set(&mut self, path: &str, value: Vec<u8>) -> Result<(), StateError> {
        check_path(path)?;
        self.memory.replace(path, Some(value));
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), StateError> {
        self.memory.replace(path, None);
        Ok(())
    }

    fn remove_all(&mut self, prefix: &str) -> Result<(), StateError> {
        for path in self.paths(prefix, (Bound::Unbounded, Bound::Unbounded)) {
            self.memory.replace(&path, None);
        }
        Ok(())
    }
}

fn decode<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, StateError> {
    serde_json::from_slice(bytes).map_err(|source| StateError::Entry {
        path: path.to_owned(),
        type_name: std::any::type_name::<T>(),
        source,
    })
}

/// The key of a path below `collection`.
fn key_of<K: hyperstar_collections::Key>(collection: &str, path: &str) -> Result<K, StateError> {
    path.get(collection.len() + 1..)
        .and_then(K::decode)
        .ok_or_else(|| Shelf::not_of(collection, path))
}

macro_rules! stored {
    ($($collection:ident<$($type:ident),*>),*) => {$(
        impl<$($type),*> crate::state::Stored for $collection<$($type),*> {
            fn load(
                name: &'static str,
                fields: &mut Fields,
                _default: Self,
            ) -> Result<Self, StateError> {
                if fields.memory.field(name).is_some() {
                    return Err(StateError::WasField(name.to_owned()));
                }
                Ok(Self::from_handle(Handle::load(name, fields)))
            }

            fn save(&self, name: &'static str, saver: &mut Saver) {
                self.handle.save(name, saver);
            }
        }

        impl<$($type),*> Default for $collection<$($type),*> {
            /// An empty one. Put into a field of the state, it takes the place of what was there.
            fn default() -> Self {
                Self::from_handle(Handle::default())
            }
        }

        impl<$($type),*> std::fmt::Debug for $collection<$($type),*> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let path = self.handle.shelf().path;
                f.debug_tuple(stringify!($collection)).field(&path).finish()
            }
        }
    )*};
}

stored!(Map<K, V>, List<T>, Log<T>, Counter<>);

impl Fields {
    /// The map of the field `name`, to be read and written by a migration.
    pub fn map<K, V>(&self, name: &str) -> Map<K, V> {
        Map::from_handle(Handle::load(name, self))
    }

    /// The list of the field `name`.
    pub fn list<T>(&self, name: &str) -> List<T> {
        List::from_handle(Handle::load(name, self))
    }

    /// The log of the field `name`.
    pub fn log<T>(&self, name: &str) -> Log<T> {
        Log::from_handle(Handle::load(name, self))
    }

    /// The counter of the field `name`.
    pub fn counter(&self, name: &str) -> Counter {
        Counter::from_handle(Handle::load(name, self))
    }
}
