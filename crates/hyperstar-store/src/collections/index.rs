//! In what order the items of a list stand: which is before, which is after, and room between two.
//!
//! `at/<id>` holds the [`OrderKey`] of an item and says where it stands. `order/<key>-<id>` finds the
//! items in order; it follows from the former, and holds nothing. After a merge of two branches that
//! both moved an item, `order` may have one entry for each: what does not agree with `at` counts for
//! nothing, and goes the next time that keys are spread there.

use std::ops::{Bound, ControlFlow};

use bytes::Bytes;

use super::order::{KEY_BYTES_MAX, OrderKey};
use super::{End, ItemId, Key, Map, Place, Reading, not_of};
use crate::{StoreError, Transaction};

/// How many keys around a full gap are first looked at to be spread; twice as many each time after.
const SPREAD_ENTRIES_MIN: usize = 32;

/// For each time that twice as many keys are spread, all of them have to become this much shorter
/// than a key may be; else still more are. What is spread far leaves much room for what comes next:
/// with items always put in the worst place, 2 to 3 keys are written anew for each, measured with
/// 10,000 as with 40,000 of them.
const BYTES_PER_DOUBLING: usize = 4;

/// The order of one list.
pub(super) struct Index {
    /// The path of the list.
    path: String,
    order: String,
    at: Map<ItemId, String>,
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
    pub(super) fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            order: format!("{path}/order"),
            at: Map::at_path(format!("{path}/at")),
        }
    }

    /// What is written of every item's place, as it is stored.
    pub(super) fn at(&self) -> &Map<ItemId, String> {
        &self.at
    }

    /// The key for a new item at a place, to be put; `None` if there is no such place.
    pub(super) fn key_at(
        &self,
        tx: &mut Transaction,
        place: Place,
    ) -> Result<Option<OrderKey>, StoreError> {
        match self.gap(tx, place)? {
            Some(gap) => self.key_in(tx, place, &gap).map(Some),
            None => Ok(None),
        }
    }

    /// Gives an item without a place one.
    pub(super) fn put(
        &self,
        tx: &mut Transaction,
        id: ItemId,
        key: OrderKey,
    ) -> Result<(), StoreError> {
        tx.set(&self.at.path_of(id), key.as_str())?;
        tx.set_bytes(&self.path_of(&Slot { key, id }), Bytes::new())
    }

    /// Gives an item another place, and tells whether there is such a place.
    pub(super) fn move_to(
        &self,
        tx: &mut Transaction,
        place: Place,
        id: ItemId,
    ) -> Result<bool, StoreError> {
        let Some(gap) = self.gap(tx, place)? else {
            return Ok(false);
        };
        let is_there = [&gap.left, &gap.right]
            .into_iter()
            .flatten()
            .any(|slot| slot.id == id);
        if !is_there {
            let key = self.key_in(tx, place, &gap)?;
            self.remove(tx, id)?;
            self.put(tx, id, key)?;
        }
        Ok(true)
    }

    /// Takes the place of an item away, if it has one.
    pub(super) fn remove(&self, tx: &mut Transaction, id: ItemId) -> Result<(), StoreError> {
        if let Some(slot) = self.slot_of(tx, id)? {
            tx.remove(&self.path_of(&slot))?;
            tx.remove(&self.at.path_of(id))?;
        }
        Ok(())
    }

    /// Takes all places away.
    pub(super) fn clear(&self, tx: &mut Transaction) -> Result<(), StoreError> {
        self.at.clear(tx)?;
        tx.remove_all(&self.order).map(drop)
    }

    /// A key in the gap. If there is none that is short enough, spreads the keys
    /// around it first.
    fn key_in(
        &self,
        tx: &mut Transaction,
        place: Place,
        gap: &Gap,
    ) -> Result<OrderKey, StoreError> {
        if let Some(key) = gap.key() {
            return Ok(key);
        }
        self.spread(tx, gap)?;
        // No gap lacks room now, unless its ends are not as this crate writes them.
        let gap = self.gap(tx, place)?;
        gap.and_then(|gap| gap.key())
            .ok_or_else(|| not_of(&self.path, &self.order))
    }

    fn gap(&self, tx: &Transaction, place: Place) -> Result<Option<Gap>, StoreError> {
        let anchor = match place {
            Place::First | Place::Last => None,
            Place::Before(id) | Place::After(id) => match self.slot_of(tx, id)? {
                Some(slot) => Some(slot),
                None => return Ok(None),
            },
        };
        let next = |end| -> Result<Option<Slot>, StoreError> {
            let bound = anchor.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            Ok(self.slots_from(tx, bound, end, 1)?.pop())
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
    fn spread(&self, tx: &mut Transaction, gap: &Gap) -> Result<(), StoreError> {
        let mut half = SPREAD_ENTRIES_MIN / 2;
        loop {
            let mut before = self.slots_around(tx, gap.left.as_ref(), End::Back, half + 1)?;
            let mut after = self.slots_around(tx, gap.right.as_ref(), End::Front, half + 1)?;
            // Those that stay as they are; none at an end of the list.
            let low = (before.len() > half).then(|| before.pop()).flatten();
            let high = (after.len() > half).then(|| after.pop()).flatten();
            before.reverse();
            before.append(&mut after);
            if let Some(keys) = spread_keys(low.as_ref(), high.as_ref(), before.len()) {
                return self.rewrite(tx, before, keys);
            }
            half *= 2;
        }
    }

    fn rewrite(
        &self,
        tx: &mut Transaction,
        slots: Vec<Slot>,
        keys: Vec<OrderKey>,
    ) -> Result<(), StoreError> {
        for (slot, key) in slots.into_iter().zip(keys) {
            if slot.key != key {
                tx.remove(&self.path_of(&slot))?;
                self.put(tx, slot.id, key)?;
            }
        }
        Ok(())
    }

    /// As [`Index::slots_from`], with `start` itself; none at all without one. What disagrees with
    /// `at` is removed.
    fn slots_around(
        &self,
        tx: &mut Transaction,
        start: Option<&Slot>,
        end: End,
        count: usize,
    ) -> Result<Vec<Slot>, StoreError> {
        let Some(start) = start else {
            return Ok(Vec::new());
        };
        loop {
            let slots = self.slots_from(tx, Bound::Included(start), end, count)?;
            let mut is_clean = true;
            for slot in &slots {
                if self.slot_of(tx, slot.id)?.as_ref() != Some(slot) {
                    tx.remove(&self.path_of(slot))?;
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
    fn slots_from(
        &self,
        tx: &Transaction,
        start: Bound<&Slot>,
        end: End,
        count: usize,
    ) -> Result<Vec<Slot>, StoreError> {
        let start = start.map(|slot| self.path_of(slot));
        let start = start.as_ref().map(String::as_str);
        let range = match end {
            End::Front => (start, Bound::Unbounded),
            End::Back => (Bound::Unbounded, start),
        };
        let (mut slots, mut foreign) = (Vec::new(), None);
        Reading::Transaction(tx).scan(&self.order, range, end, |path, _| {
            match self.slot_at(path) {
                Some(slot) => slots.push(slot),
                None => foreign = Some(not_of(&self.path, path)),
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

    fn slot_of(&self, tx: &Transaction, id: ItemId) -> Result<Option<Slot>, StoreError> {
        let Some(text) = self.at.get(tx, id)? else {
            return Ok(None);
        };
        match OrderKey::parse(&text) {
            Some(key) => Ok(Some(Slot { key, id })),
            None => Err(not_of(&self.path, &self.at.path_of(id))),
        }
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
