//! How a store is set up.

/// How a [`Store`](crate::Store) is set up.
///
/// ```
/// use hyperstar_store::{History, Store, StoreConfig};
///
/// let config = StoreConfig { history: History::All, ..Default::default() };
/// let store = Store::memory_with(config);
/// # let _ = store;
/// ```
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// How much of the past is kept by itself (the last 1,000 commits).
    pub history: History,
    /// Who commits where a transaction does not say ([`Transaction::set_author`](crate::Transaction::set_author)).
    pub author: String,
    /// When a write returns (once it is on the disk).
    pub durability: Durability,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            history: History::Last(1_000),
            author: String::new(),
            durability: Durability::Durable,
        }
    }
}

/// How much of the past a store keeps by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum History {
    /// So many commits, at least 2: each new one lets the oldest go, at little cost. Where there are
    /// or were other branches or tags nothing is let go until [`Store::compact`](crate::Store::compact).
    Last(u64),
    /// All of it, until [`Store::compact`](crate::Store::compact).
    All,
}

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Once it is on the disk. Writers at the same time share the wait.
    #[default]
    Durable,
    /// Once it can be read. It is on the disk with the next durable write,
    /// [`Store::flush`](crate::Store::flush), or the closing of the store; a crash before that loses it,
    /// and leaves the state of some commit before.
    Buffered,
}
