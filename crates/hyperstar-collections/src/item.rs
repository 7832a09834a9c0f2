//! What an item of a list is called.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Key;

/// The low bits of an id that come from what the item was at first.
const CONTENT_BITS: u32 = 20;

/// Names an item of a list for good: it stays when the item is moved or changed,
/// and no other item of the list has it, also after it was removed.
///
/// It is a number for addresses and attributes: [`Display`](fmt::Display) and [`FromStr`] go both
/// ways. It fits a JavaScript number for the first 2³³ items of a list.
///
/// ```
/// use hyperstar_collections::ItemId;
///
/// let id = ItemId::from_u64(1 << 20);
/// let address = format!("/songs/{id}");
/// let asked_for: ItemId = address["/songs/".len()..].parse()?;
/// assert_eq!(asked_for, id);
/// # Ok::<(), std::num::ParseIntError>(())
/// ```
///
/// # Design
/// The upper bits count the items that the list ever had, the lower 20 are a hash of what the item
/// was at first. So items that are added on two branches at the same time nearly always have
/// different ids, and merging keeps both; without the hash they would meet at one path. A random id
/// would do so, too, but this crate has no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemId(u64);

impl ItemId {
    /// The id as a number.
    ///
    /// ```
    /// use hyperstar_collections::ItemId;
    /// assert_eq!(ItemId::from_u64(7).as_u64(), 7);
    /// ```
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The id with this number: what came out of [`ItemId::as_u64`].
    ///
    /// ```
    /// use hyperstar_collections::ItemId;
    /// assert_eq!(ItemId::from_u64(7).to_string(), "7");
    /// ```
    pub fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// The id of the `count`th item that a list ever had, which is `item` as JSON; `None` if that is not a
    /// possible count. For those who write lists.
    pub fn of(count: i64, item: &[u8]) -> Option<Self> {
        let count = u64::try_from(count).ok()?;
        let is_small = count >> (u64::BITS - CONTENT_BITS) == 0;
        is_small.then(|| Self(count << CONTENT_BITS | content_bits(item)))
    }
}

/// FNV-1a, folded. It tells apart what people write at the same time, and guards against nobody.
fn content_bits(item: &[u8]) -> u64 {
    let hash = item.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ hash >> CONTENT_BITS ^ hash >> (2 * CONTENT_BITS)) & ((1 << CONTENT_BITS) - 1)
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ItemId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// As the key of its number.
impl Key for ItemId {
    type Ref<'a> = Self;

    fn by_ref(&self) -> Self {
        *self
    }

    fn encode(key: Self) -> String {
        u64::encode(key.0)
    }

    fn decode(segment: &str) -> Option<Self> {
        u64::decode(segment).map(Self)
    }
}
