//! Items in an order of their own.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use hyperstar_collections::Index;

use super::{Counter, ItemId, Map, Place, Readable, not_of};
use crate::{StoreError, Transaction, value};

/// Items in an order of their own, each with an [`ItemId`] that stays: what people arrange.
///
/// To add, change, move or remove an item costs that item, wherever it is. To read the list costs
/// all of it, as it is read whole.
///
/// ```
/// use hyperstar_store::{List, Place, Store, StoreError};
///
/// const PLAYLIST: List<String> = List::at("playlist");
///
/// let store = Store::memory();
/// store.transaction(|tx| {
///     let so_what = PLAYLIST.push(tx, &"So What".to_owned())?;
///     PLAYLIST.push(tx, &"Blue in Green".to_owned())?;
///     PLAYLIST.insert_after(tx, so_what, &"Freddie Freeloader".to_owned())?;
///     PLAYLIST.move_to(tx, so_what, Place::Last)
/// })?;
/// let titles: Vec<_> = PLAYLIST.entries(&store)?.into_iter().map(|(_, title)| title).collect();
/// assert_eq!(titles, ["Freddie Freeloader", "Blue in Green", "So What"]);
/// # Ok::<(), StoreError>(())
/// ```
///
/// # Design
/// Below the list's path, `item/<id>` holds an item, `at/<id>` where it stands, `order/..` finds the
/// next one, and `next` counts the ids. Where an item stands is a key between those of its
/// neighbours, so that no other item is written when one is added or moved. A key has at most 64
/// bytes. If there is no room for such a one, which takes more than 300 items added between the same
/// two, then the keys of the items around are spread, of as few as it takes.
///
/// An item and its place are two paths, so that on two branches one can change an item and the other
/// move it, and a merge keeps both. Items that two branches add are both kept, too, in the same
/// place in the order of their ids; merge `next` as a counter.
pub struct List<T> {
    path: Cow<'static, str>,
    types: PhantomData<fn() -> T>,
}

impl<T> List<T> {
    /// The list at `path`. A path that is none is refused when the list is used.
    ///
    /// ```
    /// use hyperstar_store::List;
    /// const PLAYLIST: List<String> = List::at("playlist");
    /// # let _ = PLAYLIST;
    /// ```
    pub const fn at(path: &'static str) -> Self {
        Self {
            path: Cow::Borrowed(path),
            types: PhantomData,
        }
    }

    /// The list at a path that is put together at run time, as [`Map::at_path`].
    ///
    /// ```
    /// use hyperstar_store::{Key, List};
    ///
    /// fn playlist_of(person: &str) -> List<String> {
    ///     List::at_path(format!("people/{}/playlist", String::encode(person)))
    /// }
    /// assert_eq!(playlist_of("ann").path(), "people/ann/playlist");
    /// ```
    pub fn at_path(path: impl Into<String>) -> Self {
        Self {
            path: Cow::Owned(path.into()),
            types: PhantomData,
        }
    }

    /// The path that everything of the list is below: what to watch.
    ///
    /// ```
    /// # use hyperstar_store::List;
    /// assert_eq!(List::<String>::at("playlist").path(), "playlist");
    /// ```
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl<T: Serialize + DeserializeOwned> List<T> {
    /// Adds an item after all others, and returns its id.
    ///
    /// ```
    /// # use hyperstar_store::{List, Store};
    /// # let store = Store::memory();
    /// # const PLAYLIST: List<String> = List::at("playlist");
    /// let (id, _) = store.transaction(|tx| PLAYLIST.push(tx, &"So What".to_owned()))?;
    /// assert_eq!(PLAYLIST.get(&store, id)?.as_deref(), Some("So What"));
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Transaction::set`]; [`StoreError::NotOfCollection`] for neighbours that the list did not
    /// write.
    pub fn push(&self, tx: &mut Transaction, item: &T) -> Result<ItemId, StoreError> {
        self.insert_at_end(tx, Place::Last, item)
    }

    /// Adds an item before all others, and returns its id.
    ///
    /// ```
    /// # use hyperstar_store::{List, Store};
    /// # let store = Store::memory();
    /// # const PLAYLIST: List<String> = List::at("playlist");
    /// store.transaction(|tx| PLAYLIST.push_front(tx, &"So What".to_owned()))?;
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`List::push`].
    pub fn push_front(&self, tx: &mut Transaction, item: &T) -> Result<ItemId, StoreError> {
        self.insert_at_end(tx, Place::First, item)
    }

    /// Adds an item right before another, and returns its id; `None` if the other is not there.
    ///
    /// ```
    /// # use hyperstar_store::{List, Store};
    /// # let store = Store::memory();
    /// # const PLAYLIST: List<String> = List::at("playlist");
    /// store.transaction(|tx| {
    ///     let id = PLAYLIST.push(tx, &"So What".to_owned())?;
    ///     PLAYLIST.insert_before(tx, id, &"Flamenco Sketches".to_owned())
    /// })?;
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`List::push`].
    pub fn insert_before(
        &self,
        tx: &mut Transaction,
        other: ItemId,
        item: &T,
    ) -> Result<Option<ItemId>, StoreError> {
        self.insert(tx, Place::Before(other), item)
    }

    /// Adds an item right after another, and returns its id; `None` if the other is not there.
    ///
    /// ```
    /// # use hyperstar_store::{List, Store};
    /// # let store = Store::memory();
    /// # const PLAYLIST: List<String> = List::at("playlist");
    /// store.transaction(|tx| {
    ///     let id = PLAYLIST.push(tx, &"So What".to_owned())?;
    ///     PLAYLIST.insert_after(tx, id, &"Flamenco Sketches".to_owned())
    /// })?;
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`List::push`].
    pub fn insert_after(
        &self,
        tx: &mut Transaction,
        other: ItemId,
        item: &T,
    ) -> Result<Option<ItemId>, StoreError> {
        self.insert(tx, Place::After(other), item)
    }

    /// Adds an item at a place, and returns its id; `None` if there is no such place any more.
    ///
    /// ```
    /// # use hyperstar_store::{List, Place, Store};
    /// # let store = Store::memory();
    /// # const PLAYLIST: List<String> = List::at("playlist");
    /// store.transaction(|tx| PLAYLIST.insert(tx, Place::First, &"So What".to_owned()))?;
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`List::push`].
    pub fn insert(
        &self,
        tx: &mut Transaction,
        place: Place,
        item: &T,
    ) -> Result<Option<ItemId>, StoreError> {
        let (items, index) = (self.items(), self.index());
        let bytes = value::encode(items.path(), item)?;
        let Some(key) = index.key_at(tx, place)? else {
            return Ok(None);
        };
        let id = self.next_id(tx, &bytes)?;
        tx.set_bytes(&items.path_of(id), bytes)?;
        index.put(tx, id, key)?;
        Ok(Some(id))
    }

    /// Moves an item, and tells whether both it and the place are there. An item that stands there
    /// already is not written.
    ///
    /// ```
    /// # use hyperstar_store::{List, Place, Store, StoreError};
    /// # let store = Store::memory();
    /// # const PLAYLIST: List<String> = List::at("playlist");
    /// store.transaction(|tx| {
    ///     let id = PLAYLIST.push(tx, &"So What".to_owned())?;
    ///     assert!(PLAYLIST.move_to(tx, id, Place::First)?);
    ///     PLAYLIST.remove(tx, id)?;
    ///     assert!(!PLAYLIST.move_to(tx, id, Place::First)?);
    ///     Ok::<_, StoreError>(())
    /// })?;
    /// # Ok::<(), StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`List::push`].
    pub fn move_to(
        &self,
        tx: &mut Transaction,
        id: ItemId,
        place: Place,
    ) -> Result<bool, StoreError> {
        Ok(self.contains(tx, id)? && self.index().move_to(tx, place, id)?)
    }

    /// Changes an item in place, and returns what `change` does; `None` if it is not there.
    ///
    /// ```
    /// # use hyperstar_store::{List, Store};
    /// # let store = Store::memory();
    /// # const PLAYLIST: List<String> = List::at("playlist");
    /// store.transaction(|tx| {
    ///     let id = PLAYLIST.push(tx, &"So What".to_owned())?;
    ///     PLAYLIST.modify(tx, id, |title| title.push('!'))
    /// })?;
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::insert`].
    pub fn modify<R>(
        &self,
        tx: &mut Transaction,
        id: ItemId,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<Option<R>, StoreError> {
        self.items().modify(tx, id, change)
    }

    /// Removes an item, and returns it; `None` if it is not there.
    ///
    /// ```
    /// # use hyperstar_store::{List, Store, StoreError};
    /// # let store = Store::memory();
    /// # const PLAYLIST: List<String> = List::at("playlist");
    /// store.transaction(|tx| {
    ///     let id = PLAYLIST.push(tx, &"So What".to_owned())?;
    ///     assert_eq!(PLAYLIST.remove(tx, id)?.as_deref(), Some("So What"));
    ///     assert_eq!(PLAYLIST.remove(tx, id)?, None);
    ///     Ok::<_, StoreError>(())
    /// })?;
    /// # Ok::<(), StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::insert`].
    pub fn remove(&self, tx: &mut Transaction, id: ItemId) -> Result<Option<T>, StoreError> {
        let item = self.items().remove(tx, id)?;
        self.index().remove(tx, id)?;
        Ok(item)
    }

    /// Removes all items, whatever they are, and tells how many there were. Costs all of them. No id
    /// is given again.
    ///
    /// ```
    /// # use hyperstar_store::{List, Store};
    /// # let store = Store::memory();
    /// # const PLAYLIST: List<String> = List::at("playlist");
    /// store.transaction(|tx| PLAYLIST.push(tx, &"So What".to_owned()))?;
    /// assert_eq!(store.transaction(|tx| PLAYLIST.clear(tx))?.0, 1);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Transaction::remove_all`].
    pub fn clear(&self, tx: &mut Transaction) -> Result<usize, StoreError> {
        self.index().clear(tx)?;
        self.items().clear(tx)
    }

    /// The item with this id.
    ///
    /// ```
    /// # use hyperstar_store::{ItemId, List, Store};
    /// # let store = Store::memory();
    /// # const PLAYLIST: List<String> = List::at("playlist");
    /// assert_eq!(PLAYLIST.get(&store, ItemId::from_u64(7))?, None);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::get`].
    pub fn get<R: Readable + ?Sized>(&self, db: &R, id: ItemId) -> Result<Option<T>, StoreError> {
        self.items().get(db, id)
    }

    /// Whether there is an item with this id.
    ///
    /// ```
    /// # use hyperstar_store::{ItemId, List, Store};
    /// # let store = Store::memory();
    /// # const PLAYLIST: List<String> = List::at("playlist");
    /// assert!(!PLAYLIST.contains(&store, ItemId::from_u64(7))?);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::contains`].
    pub fn contains<R: Readable + ?Sized>(&self, db: &R, id: ItemId) -> Result<bool, StoreError> {
        self.items().contains(db, id)
    }

    /// All items with their ids, in order.
    ///
    /// ```
    /// # use hyperstar_store::{List, Store};
    /// # let store = Store::memory();
    /// # const PLAYLIST: List<String> = List::at("playlist");
    /// # store.transaction(|tx| PLAYLIST.push(tx, &"So What".to_owned()))?;
    /// for (id, title) in PLAYLIST.entries(&store)? {
    ///     println!("<li id=song-{id}>{title}");
    /// }
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::entries`].
    pub fn entries<R: Readable + ?Sized>(&self, db: &R) -> Result<Vec<(ItemId, T)>, StoreError> {
        let reading = db.reading();
        let mut items = Vec::new();
        self.items().visit(&reading, |path, id, bytes| {
            items.push((id, value::decode(path, bytes)?));
            Ok(())
        })?;
        self.index().sort(&reading, items)
    }

    /// How many items there are. Walks over all of them, without decoding.
    ///
    /// ```
    /// # use hyperstar_store::{List, Store};
    /// assert_eq!(List::<String>::at("playlist").len(&Store::memory())?, 0);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::len`].
    pub fn len<R: Readable + ?Sized>(&self, db: &R) -> Result<usize, StoreError> {
        self.items().len(db)
    }

    /// Whether there is no item. Costs a lookup.
    ///
    /// ```
    /// # use hyperstar_store::{List, Store};
    /// assert!(List::<String>::at("playlist").is_empty(&Store::memory())?);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::is_empty`].
    pub fn is_empty<R: Readable + ?Sized>(&self, db: &R) -> Result<bool, StoreError> {
        self.items().is_empty(db)
    }

    fn insert_at_end(
        &self,
        tx: &mut Transaction,
        place: Place,
        item: &T,
    ) -> Result<ItemId, StoreError> {
        let id = self.insert(tx, place, item)?;
        Ok(id.expect("both ends are always there"))
    }

    /// The counter may be behind after a merge that did not add: then it catches up here.
    fn next_id(&self, tx: &mut Transaction, item: &[u8]) -> Result<ItemId, StoreError> {
        let next = Counter::at_path(format!("{}/next", self.path));
        loop {
            let count = next.add(tx, 1)?;
            let id = ItemId::of(count, item).ok_or_else(|| not_of(&self.path, next.path()))?;
            if !self.contains(tx, id)? {
                return Ok(id);
            }
        }
    }

    fn items(&self) -> Map<ItemId, T> {
        Map::at_path(format!("{}/item", self.path))
    }

    fn index(&self) -> Index {
        Index::new(&self.path)
    }
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self {
            path: self.path.clone(),
            types: PhantomData,
        }
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("List").field(&self.path).finish()
    }
}
