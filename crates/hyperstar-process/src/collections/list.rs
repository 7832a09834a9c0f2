//! Items in an order of their own.

use std::marker::PhantomData;
use std::ops::{Bound, ControlFlow};

use hyperstar_collections::{End, Index, ItemId, Key, Place, Tree, TreeMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Handle, Shelf, counter, decode, key_of};
use crate::json;
use crate::state::StateError;

/// Items in an order of their own, each with an [`ItemId`] that stays: what people arrange.
///
/// To add, change, move or remove an item costs that item, wherever it is. To read the list costs all of
/// it.
///
/// ```
/// use hyperstar_process::{List, Place};
///
/// let mut playlist: List<String> = List::default();
/// let so_what = playlist.push(&"So What".to_owned())?;
/// playlist.push(&"Blue in Green".to_owned())?;
/// playlist.insert(Place::After(so_what), &"Freddie Freeloader".to_owned())?;
/// playlist.move_to(so_what, Place::Last)?;
/// let titles: Vec<_> = playlist.entries()?.into_iter().map(|(_, title)| title).collect();
/// assert_eq!(titles, ["Freddie Freeloader", "Blue in Green", "So What"]);
/// # Ok::<(), hyperstar_process::StateError>(())
/// ```
pub struct List<T> {
    pub(super) handle: Handle,
    types: PhantomData<fn() -> T>,
}

impl<T> List<T> {
    pub(super) fn from_handle(handle: Handle) -> Self {
        Self {
            handle,
            types: PhantomData,
        }
    }
}

impl<T: Serialize + DeserializeOwned> List<T> {
    /// Adds an item after all others, and returns its id.
    ///
    /// # Errors
    /// [`StateError::Encode`] if it cannot be JSON; [`StateError::NotOfCollection`] for neighbours that the
    /// list did not write.
    pub fn push(&mut self, item: &T) -> Result<ItemId, StateError> {
        let id = self.insert(Place::Last, item)?;
        Ok(id.expect("the end of a list is always there"))
    }

    /// Adds an item at a place, and returns its id; `None` if there is no such place any more.
    ///
    /// # Errors
    /// As [`List::push`].
    pub fn insert(&mut self, place: Place, item: &T) -> Result<Option<ItemId>, StateError> {
        let mut shelf = self.handle.shelf();
        let index = Index::new(&shelf.path);
        let json = json::write(&shelf.path, item)?;
        json.check::<T>(&shelf.path)?;
        let bytes = json.bytes;
        let Some(key) = index.key_at(&mut shelf, place)? else {
            return Ok(None);
        };
        let id = next_id(&mut shelf, &bytes)?;
        let path = path_of(&shelf, id);
        shelf.set(&path, bytes)?;
        index.put(&mut shelf, id, key)?;
        Ok(Some(id))
    }

    /// Moves an item, and tells whether both it and the place are there.
    ///
    /// # Errors
    /// As [`List::push`].
    pub fn move_to(&mut self, id: ItemId, place: Place) -> Result<bool, StateError> {
        let mut shelf = self.handle.shelf();
        if !self.contains(id)? {
            return Ok(false);
        }
        Index::new(&shelf.path).move_to(&mut shelf, place, id)
    }

    /// Changes an item in place, and returns what `change` does; `None` if it is not there.
    ///
    /// # Errors
    /// As [`List::get`] and [`List::push`].
    pub fn modify<R>(
        &mut self,
        id: ItemId,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<Option<R>, StateError> {
        let mut shelf = self.handle.shelf();
        let path = path_of(&shelf, id);
        let Some(mut item) = shelf.read(&path)? else {
            return Ok(None);
        };
        let changed = change(&mut item);
        shelf.write(&path, &item)?;
        Ok(Some(changed))
    }

    /// Removes an item, and returns it; `None` if it is not there.
    ///
    /// # Errors
    /// As [`List::get`] and [`List::push`].
    pub fn remove(&mut self, id: ItemId) -> Result<Option<T>, StateError> {
        let mut shelf = self.handle.shelf();
        let path = path_of(&shelf, id);
        let item = shelf.read(&path)?;
        shelf.remove(&path)?;
        Index::new(&shelf.path).remove(&mut shelf, id)?;
        Ok(item)
    }

    /// Removes all items, and tells how many there were. Costs all of them. No id is given again.
    ///
    /// # Errors
    /// As [`List::push`].
    pub fn clear(&mut self) -> Result<u64, StateError> {
        let mut shelf = self.handle.shelf();
        let count = self.len();
        Index::new(&shelf.path).clear(&mut shelf)?;
        let prefix = prefix(&shelf);
        shelf.remove_all(&prefix)?;
        Ok(count)
    }

    /// The item with this id.
    ///
    /// # Errors
    /// [`StateError::Entry`] if it is not a `T`.
    pub fn get(&self, id: ItemId) -> Result<Option<T>, StateError> {
        let shelf = self.handle.shelf();
        shelf.read(&path_of(&shelf, id))
    }

    /// Whether there is an item with this id.
    ///
    /// # Errors
    /// None that are known; it is a result as those beside it.
    pub fn contains(&self, id: ItemId) -> Result<bool, StateError> {
        let shelf = self.handle.shelf();
        Ok(shelf.get(&path_of(&shelf, id))?.is_some())
    }

    /// All items with their ids, in order.
    ///
    /// # Errors
    /// As [`List::get`]; [`StateError::NotOfCollection`] for what the list did not write.
    pub fn entries(&self) -> Result<Vec<(ItemId, T)>, StateError> {
        let shelf = self.handle.shelf();
        let prefix = prefix(&shelf);
        let (mut items, mut failed) = (Vec::new(), None);
        let all = (Bound::Unbounded, Bound::Unbounded);
        shelf.visit(&prefix, all, End::Front, |path, bytes| {
            let item = key_of(&prefix, path).and_then(|id| Ok((id, decode(path, &bytes)?)));
            match item {
                Ok(item) => items.push(item),
                Err(error) => failed = Some(error),
            }
            match failed {
                None => ControlFlow::Continue(()),
                Some(_) => ControlFlow::Break(()),
            }
        });
        match failed {
            Some(error) => Err(error),
            None => Index::new(&shelf.path).sort(&shelf, items),
        }
    }

    /// How many items there are; see [`Map::len`](crate::Map::len).
    pub fn len(&self) -> u64 {
        let shelf = self.handle.shelf();
        shelf.memory.count(&prefix(&shelf))
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The counter may be behind after a merge of branches: then it catches up here.
fn next_id(shelf: &mut Shelf, item: &[u8]) -> Result<ItemId, StateError> {
    let next = format!("{}/next", shelf.path);
    loop {
        let count = counter::add(shelf, &next, 1)?;
        let id = ItemId::of(count, item).ok_or_else(|| Shelf::not_of(&shelf.path, &next))?;
        if shelf.get(&path_of(shelf, id))?.is_none() {
            return Ok(id);
        }
    }
}

fn prefix(shelf: &Shelf) -> String {
    format!("{}/item", shelf.path)
}

fn path_of(shelf: &Shelf, id: ItemId) -> String {
    format!("{}/item/{}", shelf.path, ItemId::encode(id))
}
