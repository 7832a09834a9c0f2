//! Pages on their way to another store: without ids, which mean nothing there.

use bytes::Bytes;

use super::page::{
    Found, ID_BYTES, INNER, INNER_WITH_VALUE, Input, LEAF, LIST, NO_PAGE, Problem, WRONG_HASH,
    ids_at,
};
use super::{PageId, PageSource, TreeError};
use crate::hash::Hash;

/// Where a page stands in a tree: a name for it that another store understands, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// All bytes that the keys of a subtree have above its page, or the key of a value.
    pub(crate) path: Vec<u8>,
    pub(crate) part: Part,
}

/// What stands at a [`Place`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A page of the tree.
    Tree,
    /// A long value, or the list of its chunks.
    Blob,
    /// The chunk of a value with this index in the list.
    Chunk(u32),
}

/// What a page is sent as: the bytes that its hash is of. `has_ids` is false for raw bytes.
pub(super) fn sent(
    source: &dyn PageSource,
    id: PageId,
    hash: &Hash,
    has_ids: bool,
) -> Result<Bytes, TreeError> {
    let page = source.page(id)?;
    let hashed = if has_ids {
        without_ids(&page)
    } else {
        Ok(page)
    };
    let hashed = hashed.and_then(|hashed| match Hash::of(&hashed) == *hash {
        true => Ok(hashed),
        false => Err(WRONG_HASH),
    });
    hashed.map_err(|problem| super::page::damaged(id, problem))
}

fn without_ids(page: &Bytes) -> Result<Bytes, Problem> {
    let end = ids_at(page.len(), count_of_ids(page)?)?;
    Ok(page.slice(..end))
}

/// A page as it was sent, with room for the ids of what it names, and how many these are.
pub(super) fn with_room(hashed: &[u8]) -> Result<(Vec<u8>, usize), Problem> {
    let ids = count_of_ids(hashed)?;
    let mut page = Vec::with_capacity(hashed.len() + ids * ID_BYTES);
    page.extend_from_slice(hashed);
    page.resize(hashed.len() + ids * ID_BYTES, 0);
    Ok((page, ids))
}

/// Puts the ids into the room for them.
pub(super) fn fill(mut page: Vec<u8>, ids: &[PageId]) -> Bytes {
    let at = page.len() - ids.len() * ID_BYTES;
    for (room, id) in page[at..].chunks_exact_mut(ID_BYTES).zip(ids) {
        room.copy_from_slice(&id.0.to_le_bytes());
    }
    page.into()
}

/// How many pages a page names. It is never more than it has bytes.
fn count_of_ids(page: &[u8]) -> Result<usize, Problem> {
    let mut input = Input::after_kind(page);
    match page.first() {
        Some(&LEAF) => {
            input.number()?;
            input.length()
        }
        Some(&kind @ (INNER | INNER_WITH_VALUE)) => {
            let prefix_bytes = input.length()?;
            input.take(prefix_bytes)?;
            let has_blob = kind == INNER_WITH_VALUE && matches!(input.value()?, Found::Blob { .. });
            Ok(usize::from(input.byte()?) + 1 + usize::from(has_blob))
        }
        Some(&LIST) => input.length(),
        _ => Err(NO_PAGE),
    }
}
