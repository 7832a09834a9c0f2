//! In what order the items of a list stand: which is before, which is after, and room between two.
//!
//! `at/<id>` holds the [`OrderKey`] of an item and says where it stands. `order/<key>-<id>` finds the
//! items in order; it follows from the former, and holds nothing. After a merge of two branches that
//! both moved an item, `order` may have one entry for each: what does not agree with `at` counts for
//! nothing, and goes the next time that keys are spread there.

use std::collections::HashMap;
use std::ops::{Bound, ControlFlow};

use crate::order::{KEY_BYTES_MAX, OrderKey};
use crate::{End, ItemId, Key, Tree, TreeMut};

/// How many keys around a full gap are first looked at to be spread; twice as many each time after.
const SPREAD_ENTRIES_MIN: usize = 32;

/// For each time that twice as many keys are spread, all of them have to become this much shorter
/// than a key may be; else still more are. What is spread far leaves much room for what comes next:
/// with items always put in the worst place, 2 to 3 keys are written anew for each, measured with
/// 10,000 as with 40,000 of them.
const BYTES_PER_DOUBLING: usize = 4;

/// The order of one list.
#[derive(Clone, Debug)]
pub struct Index {
    /// The path of the list.
    path: String,
    order: String,
    at: String,
}

/// Where an item of a list is to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before all others.
    First,
    /// After all others.
    Last,
    /// Right before this item.
    Before(ItemId),
    /// Right after this item.
    After(ItemId),
}

/// Where an item stands. Slots are in order; two of one key, which only a merge makes, by their ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    key: OrderKey,
    id: ItemId,
}

/// Two slots with nothing in between; `None` is an end of the list.
struct Gap {
    left: Option<Slot>,
    right: Option<Slot>,
}

impl Index {
    /// The order of the list at `path`.
    pub fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            order: format!("{path}/order"),
            at: format!("{path}/at"),
        }
    }

    /// The items in order. Those without a place come last, by their ids: a merge can leave such ones, when
    /// one branch changed what another removed.
    ///
    /// # Errors
    /// As the tree reports; [`Tree::not_of`] for places that no list writes.
    pub fn sort<T: Tree, V>(
        &self,
        tree: &T,
        items: Vec<(ItemId, V)>,
    ) -> Result<Vec<(ItemId, V)>, T::Error> {
        let mut places = HashMap::with_capacity(items.len());
        let mut foreign = None;
        let all = (Bound::Unbounded, Bound::Unbounded);
        tree.scan(&self.at, all, End::Front, &mut |path, bytes| {
            let id = path.get(self.at.len() + 1..).and_then(ItemId::decode);
            // As JSON, keys are in the same order: a `"` is less than any digit.
            match id.filter(|_| bytes.starts_with(b"\"")) {
                Some(id) => places.insert(id, bytes.to_vec()),
                None => {
                    foreign = Some(T::not_of(&self.path, path));
                    return ControlFlow::Break(());
                }
            };
            ControlFlow::Continue(())
        })?;
        if let Some(error) = foreign {
            return Err(error);
        }
        let placed = items.into_iter();
        let placed = placed.map(|(id, item)| (places.remove(&id), id, item));
        let mut placed: Vec<_> = placed.collect();
        placed.sort_by(|(a, a_id, _), (b, b_id, _)| {
            (a.is_none(), a, a_id).cmp(&(b.is_none(), b, b_id))
        });
        Ok(placed.into_iter().map(|(_, id, item)| (id, item)).collect())
    }

    /// The key for a new item at a place, to be put; `None` if there is no such place.
    ///
    /// # Errors
    /// As the tree reports; [`Tree::not_of`] for what no list writes.
    pub fn key_at<T: TreeMut>(
        &self,
        tree: &mut T,
        place: Place,
    ) -> Result<Option<OrderKey>, T::Error> {
        match self.gap(tree, place)? {
            Some(gap) => self.key_in(tree, place, &gap).map(Some),
            None => Ok(None),
        }
    }

    /// Gives an item without a place one.
    ///
    /// # Errors
    /// As the tree reports; [`Tree::not_of`] for what no list writes.
    pub fn put<T: TreeMut>(&self, tree: &mut T, id: ItemId, key: OrderKey) -> Result<(), T::Error> {
        tree.set(
            &self.path_at(id),
            format!("\"{}\"", key.as_str()).into_bytes(),
        )?;
        tree.set(&self.path_of(&Slot { key, id }), Vec::new())
    }

    /// Gives an item another place, and tells whether there is such a place.
    ///
    /// # Errors
    /// As the tree reports; [`Tree::not_of`] for what no list writes.
    pub fn move_to<T: TreeMut>(
        &self,
        tree: &mut T,
        place: Place,
        id: ItemId,
    ) -> Result<bool, T::Error> {
        let Some(gap) = self.gap(tree, place)? else {
            return Ok(false);
        };
        let is_there = [&gap.left, &gap.right]
            .into_iter()
            .flatten()
            .any(|slot| slot.id == id);
        if !is_there {
            let key = self.key_in(tree, place, &gap)?;
            self.remove(tree, id)?;
            self.put(tree, id, key)?;
        }
        Ok(true)
    }

    /// Takes the place of an item away, if it has one.
    ///
    /// # Errors
    /// As the tree reports; [`Tree::not_of`] for what no list writes.
    pub fn remove<T: TreeMut>(&self, tree: &mut T, id: ItemId) -> Result<(), T::Error> {
        if let Some(slot) = self.slot_of(tree, id)? {
            tree.remove(&self.path_of(&slot))?;
            tree.remove(&self.path_at(id))?;
        }
        Ok(())
    }

    /// Takes all places away.
    ///
    /// # Errors
    /// As the tree reports; [`Tree::not_of`] for what no list writes.
    pub fn clear<T: TreeMut>(&self, tree: &mut T) -> Result<(), T::Error> {
        tree.remove_all(&self.at)?;
        tree.remove_all(&self.order)
    }

    /// A key in the gap. If there is none that is short enough, spreads the keys
    /// around it first.
    fn key_in<T: TreeMut>(
        &self,
        tree: &mut T,
        place: Place,
        gap: &Gap,
    ) -> Result<OrderKey, T::Error> {
        if let Some(key) = gap.key() {
            return Ok(key);
        }
        self.spread(tree, gap)?;
        // No gap lacks room now, unless its ends are not as this crate writes them.
        let gap = self.gap(tree, place)?;
        gap.and_then(|gap| gap.key())
            .ok_or_else(|| T::not_of(&self.path, &self.order))
    }

    fn gap<T: Tree>(&self, tree: &T, place: Place) -> Result<Option<Gap>, T::Error> {
        let anchor = match place {
            Place::First | Place::Last => None,
            Place::Before(id) | Place::After(id) => match self.slot_of(tree, id)? {
                Some(slot) => Some(slot),
                None => return Ok(None),
            },
        };
        let next = |end| -> Result<Option<Slot>, T::Error> {
            let bound = anchor.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            Ok(self.slots_from(tree, bound, end, 1)?.pop())
        };
        Ok(Some(match place {
            Place::First => Gap {
                left: None,
                right: next(End::Front)?,
            },
            Place::Last => Gap {
                left: next(End::Back)?,
                right: None,
            },
            Place::Before(_) => Gap {
                left: next(End::Back)?,
                right: anchor,
            },
            Place::After(_) => Gap {
                right: next(End::Front)?,
                left: anchor,
            },
        }))
    }

    /// Spreads the keys around the gap evenly, of as few slots as it takes to make them short.
    fn spread<T: TreeMut>(&self, tree: &mut T, gap: &Gap) -> Result<(), T::Error> {
        let mut half = SPREAD_ENTRIES_MIN / 2;
        loop {
            let mut before = self.slots_around(tree, gap.left.as_ref(), End::Back, half + 1)?;
            let mut after = self.slots_around(tree, gap.right.as_ref(), End::Front, half + 1)?;
            // Those that stay as they are; none at an end of the list.
            let low = (before.len() > half).then(|| before.pop()).flatten();
            let high = (after.len() > half).then(|| after.pop()).flatten();
            before.reverse();
            before.append(&mut after);
            if let Some(keys) = spread_keys(low.as_ref(), high.as_ref(), before.len()) {
                return self.rewrite(tree, before, keys);
            }
            half *= 2;
        }
    }

    fn rewrite<T: TreeMut>(
        &self,
        tree: &mut T,
        slots: Vec<Slot>,
        keys: Vec<OrderKey>,
    ) -> Result<(), T::Error> {
        for (slot, key) in slots.into_iter().zip(keys) {
            if slot.key != key {
                tree.remove(&self.path_of(&slot))?;
                self.put(tree, slot.id, key)?;
            }
        }
        Ok(())
    }

    /// As [`Index::slots_from`], with `start` itself; none at all without one. What disagrees with
    /// `at` is removed.
    fn slots_around<T: TreeMut>(
        &self,
        tree: &mut T,
        start: Option<&Slot>,
        end: End,
        count: usize,
    ) -> Result<Vec<Slot>, T::Error> {
        let Some(start) = start else {
            return Ok(Vec::new());
        };
        loop {
            let slots = self.slots_from(tree, Bound::Included(start), end, count)?;
            let mut is_clean = true;
            for slot in &slots {
                if self.slot_of(tree, slot.id)?.as_ref() != Some(slot) {
                    tree.remove(&self.path_of(slot))?;
                    is_clean = false;
                }
            }
            if is_clean {
                return Ok(slots);
            }
        }
    }

    /// Up to `count` slots from `start` on, or back from it if `end` is the back, the nearest first.
    /// Without a bound, from that end of the list on.
    fn slots_from<T: Tree>(
        &self,
        tree: &T,
        start: Bound<&Slot>,
        end: End,
        count: usize,
    ) -> Result<Vec<Slot>, T::Error> {
        let start = start.map(|slot| self.path_of(slot));
        let start = start.as_ref().map(String::as_str);
        let range = match end {
            End::Front => (start, Bound::Unbounded),
            End::Back => (Bound::Unbounded, start),
        };
        let (mut slots, mut foreign) = (Vec::new(), None);
        tree.scan(&self.order, range, end, &mut |path, _| {
            match self.slot_at(path) {
                Some(slot) => slots.push(slot),
                None => foreign = Some(T::not_of(&self.path, path)),
            }
            match slots.len() < count && foreign.is_none() {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        match foreign {
            Some(error) => Err(error),
            None => Ok(slots),
        }
    }

    fn slot_of<T: Tree>(&self, tree: &T, id: ItemId) -> Result<Option<Slot>, T::Error> {
        let path = self.path_at(id);
        let Some(bytes) = tree.get(&path)? else {
            return Ok(None);
        };
        match OrderKey::from_json(&bytes) {
            Some(key) => Ok(Some(Slot { key, id })),
            None => Err(T::not_of(&self.path, &path)),
        }
    }

    fn path_at(&self, id: ItemId) -> String {
        format!("{}/{}", self.at, ItemId::encode(id))
    }

    fn slot_at(&self, path: &str) -> Option<Slot> {
        let (key, id) = path.get(self.order.len() + 1..)?.split_once('-')?;
        Some(Slot {
            key: OrderKey::parse(key)?,
            id: ItemId::decode(id)?,
        })
    }

    /// A `-` is less than any digit: a key is before those that begin with it.
    fn path_of(&self, slot: &Slot) -> String {
        format!(
            "{}/{}-{}",
            self.order,
            slot.key.as_str(),
            ItemId::encode(slot.id)
        )
    }
}

impl Gap {
    fn key(&self) -> Option<OrderKey> {
        let (left, right) = (self.left.as_ref(), self.right.as_ref());
        OrderKey::between(left.map(|slot| &slot.key), right.map(|slot| &slot.key))
            .filter(|key| key.len() <= KEY_BYTES_MAX)
    }
}

/// Keys for `count` slots after `low` and before `high`, if they get short enough for their number.
fn spread_keys(low: Option<&Slot>, high: Option<&Slot>, count: usize) -> Option<Vec<OrderKey>> {
    let keys = OrderKey::spread(low.map(|slot| &slot.key), high.map(|slot| &slot.key), count)?;
    let doublings = count.max(1).ilog2().saturating_sub(3) as usize;
    // A list that is spread whole needs a few bytes for a key.
    let shorter_by = (doublings * BYTES_PER_DOUBLING).clamp(2, KEY_BYTES_MAX - 12);
    let is_short = |key: &OrderKey| key.len() + shorter_by <= KEY_BYTES_MAX;
    keys.iter().all(is_short).then_some(keys)
}
