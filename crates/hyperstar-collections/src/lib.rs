//! How maps, lists and logs are laid out as paths with values: what a Hyperstar store and its processes
//! share, so that both read and write the same bytes.
//!
//! - A **path** is segments joined by `/`: see [`check_path`].
//! - A **map** has a value at one segment per [`Key`], and segments are in the order of the keys.
//! - A **list** has items that are known by an [`ItemId`], and an [`Index`] of where they stand.
//! - A **log** is a map of numbers; a **counter** is one number.
//!
//! There is no I/O here: whoever has paths and values implements [`Tree`] and
//! [`TreeMut`].

mod index;
mod item;
mod key;
mod order;
pub mod path;
mod text;
mod tree;

pub use index::{Index, Place};
pub use item::ItemId;
pub use key::Key;
pub use order::OrderKey;
pub use path::{
    PATH_BYTES_MAX, PATH_SEGMENTS_MAX, PathError, SEGMENT_BYTES_MAX, check_path, check_prefix,
    is_at_or_below,
};
pub use tree::{End, Tree, TreeMut};
