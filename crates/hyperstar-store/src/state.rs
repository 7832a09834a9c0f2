//! The states of a store that can be read: the head, the head with what is about to become durable, and
//! the past.

use std::cmp::Ordering;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use rpds::RedBlackTreeMapSync;

use crate::backend::{BackendError, Table, View};
use crate::commit::CommitId;
use crate::read::Source;
use crate::record::{Record, StoreState};
use crate::tree::{self, BlobRef, PageId, PageSource, Shelf, TreeError, TreeRef, Value};
use crate::{StoreError, Version};

/// Ahead of a value that is kept as it is, in [`Table::Values`].
const INLINE: u8 = 0;
/// Ahead of what names a value that is kept in pages.
const BLOB: u8 = 1;

/// Writes over a state: `None` removes a path.
pub(crate) type Layer = RedBlackTreeMapSync<Arc<str>, Option<Bytes>>;

/// A state with its version.
pub(crate) trait State: Source + Send + Sync {
    fn version(&self) -> Version;
}

/// A state that is a tree: it can be counted without a look at each value.
pub(crate) trait Rooted: State {
    fn view(&self) -> &dyn View;
    fn tree(&self) -> &TreeRef;
}

/// The last durable state of the branch that is checked out.
pub(crate) struct Head {
    pub(crate) view: Arc<dyn View>,
    pub(crate) state: StoreState,
    /// Nothing before the first commit.
    pub(crate) record: Option<Arc<Record>>,
    /// Of the commit, or of the empty store.
    pub(crate) tree: TreeRef,
}

impl Head {
    pub(crate) fn id(&self) -> CommitId {
        self.record
            .as_ref()
            .map_or(CommitId::NONE, |record| record.id)
    }

    /// Shows what a scan of the index finds.
    fn scanned(
        &self,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
        scan: impl FnOnce(&mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>) -> Result<(), BackendError>,
    ) -> Result<(), StoreError> {
        let mut failure = None;
        let mut step = |path: &[u8], kept: &[u8]| {
            let path = text(path)?;
            match kept {
                [INLINE, value @ ..] => Ok(visit(path, value)),
                kept => {
                    let value = value_of(&*self.view, Bytes::copy_from_slice(kept))?;
                    Ok(visit(path, &value))
                }
            }
        };
        scan(&mut |path, kept| go_on(step(path, kept), &mut failure))
            .map_err(StoreError::Backend)?;
        failure.map_or(Ok(()), Err)
    }
}

/// Keeps an error, and ends the walk with it.
fn go_on(
    step: Result<ControlFlow<()>, StoreError>,
    failure: &mut Option<StoreError>,
) -> ControlFlow<()> {
    step.unwrap_or_else(|error| {
        *failure = Some(error);
        ControlFlow::Break(())
    })
}

impl Source for Head {
    fn value(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        let kept = self.view.get(Table::Values, path.as_bytes());
        match kept.map_err(StoreError::Backend)? {
            Some(kept) => value_of(&*self.view, kept).map(Some),
            None => Ok(None),
        }
    }

    fn has(&self, path: &str) -> Result<bool, StoreError> {
        let kept = self.view.get(Table::Values, path.as_bytes());
        Ok(kept.map_err(StoreError::Backend)?.is_some())
    }

    fn walk(
        &self,
        start: &str,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.scanned(visit, |visit| {
            self.view.scan(Table::Values, start.as_bytes(), visit)
        })
    }

    fn walk_back(
        &self,
        end: Option<&str>,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.scanned(visit, |visit| {
            self.view
                .scan_back(Table::Values, end.map(str::as_bytes), visit)
        })
    }
}

impl State for Head {
    fn version(&self) -> Version {
        self.state.version
    }
}

impl Rooted for Head {
    fn view(&self) -> &dyn View {
        &*self.view
    }

    fn tree(&self) -> &TreeRef {
        &self.tree
    }
}

/// A state with writes over it that are not durable yet.
pub(crate) struct Layered {
    pub(crate) layers: Vec<Layer>,
    pub(crate) head: Arc<Head>,
}

impl Source for Layered {
    fn value(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        let written = self.layers.iter().find_map(|layer| layer.get(path));
        match written {
            Some(written) => Ok(written.clone()),
            None => self.head.value(path),
        }
    }

    fn has(&self, path: &str) -> Result<bool, StoreError> {
        let written = self.layers.iter().find_map(|layer| layer.get(path));
        match written {
            Some(written) => Ok(written.is_some()),
            None => self.head.has(path),
        }
    }

    fn walk(
        &self,
        start: &str,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        walk_layers(&self.layers, &*self.head, start, visit)
    }

    fn walk_back(
        &self,
        end: Option<&str>,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        walk_layers_back(&self.layers, &*self.head, end, visit)
    }
}

impl State for Layered {
    fn version(&self) -> Version {
        self.head.version()
    }
}

pub(crate) fn walk_layers(
    layers: &[Layer],
    below: &dyn Source,
    start: &str,
    visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let Some((layer, rest)) = layers.split_first() else {
        return below.walk(start, visit);
    };
    let from_start = (Bound::Included(start), Bound::Unbounded);
    let writes = layer.range::<str, _>(from_start);
    merge_walk(
        writes.map(|(path, value)| (&**path, value.as_ref())),
        Ordering::Less,
        |visit| walk_layers(rest, below, start, visit),
        visit,
    )
}

pub(crate) fn walk_layers_back(
    layers: &[Layer],
    below: &dyn Source,
    end: Option<&str>,
    visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let Some((layer, rest)) = layers.split_first() else {
        return below.walk_back(end, visit);
    };
    let to_end = (
        Bound::Unbounded,
        end.map_or(Bound::Unbounded, Bound::Excluded),
    );
    let writes = layer.range::<str, _>(to_end).rev();
    merge_walk(
        writes.map(|(path, value)| (&**path, value.as_ref())),
        Ordering::Greater,
        |visit| walk_layers_back(rest, below, end, visit),
        visit,
    )
}

/// Merges two walks of one order; where both have a path, the write counts. `earlier` is how a path that
/// comes earlier in that order compares to one that comes later.
pub(crate) fn merge_walk<'a>(
    writes: impl Iterator<Item = (&'a str, Option<&'a Bytes>)>,
    earlier: Ordering,
    below: impl FnOnce(&mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>) -> Result<(), StoreError>,
    visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let mut writes = writes.peekable();
    let mut flow = ControlFlow::Continue(());
    below(&mut |path, bytes| {
        while let Some((written_path, written)) =
            writes.next_if(|(own, _)| own.cmp(&path) != earlier.reverse())
        {
            if let Some(written) = written {
                flow = visit(written_path, written);
            }
            if flow.is_break() || written_path == path {
                return flow;
            }
        }
        flow = visit(path, bytes);
        flow
    })?;
    for (path, written) in writes {
        if flow.is_break() {
            break;
        }
        if let Some(written) = written {
            flow = visit(path, written);
        }
    }
    Ok(())
}

/// A state of the past, or of another branch.
pub(crate) struct Past {
    pub(crate) view: Arc<dyn View>,
    pub(crate) version: Version,
    pub(crate) tree: TreeRef,
}

impl Source for Past {
    fn value(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        let pages = Pages(&*self.view);
        match tree::get(&pages, &self.tree, path.as_bytes())? {
            Some(value) => bytes_of(&*self.view, &value).map(Some),
            None => Ok(None),
        }
    }

    fn has(&self, path: &str) -> Result<bool, StoreError> {
        let pages = Pages(&*self.view);
        Ok(tree::get(&pages, &self.tree, path.as_bytes())?.is_some())
    }

    fn walk(
        &self,
        start: &str,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.walked(visit, |pages, visit| {
            tree::walk(pages, &self.tree, start.as_bytes(), visit)
        })
    }

    fn walk_back(
        &self,
        end: Option<&str>,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.walked(visit, |pages, visit| {
            tree::walk_back(pages, &self.tree, end.map(str::as_bytes), visit)
        })
    }
}

impl Past {
    /// Shows what a walk of the tree finds.
    fn walked(
        &self,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
        walk: impl FnOnce(
            &Pages<'_>,
            &mut dyn FnMut(&[u8], &Value) -> ControlFlow<()>,
        ) -> Result<(), TreeError>,
    ) -> Result<(), StoreError> {
        let mut failure = None;
        let mut step = |path: &[u8], value: &Value| {
            let path = text(path)?;
            match value {
                Value::Inline(bytes) => Ok(visit(path, bytes)),
                value => Ok(visit(path, &bytes_of(&*self.view, value)?)),
            }
        };
        walk(&Pages(&*self.view), &mut |path, value| {
            go_on(step(path, value), &mut failure)
        })?;
        failure.map_or(Ok(()), Err)
    }
}

impl State for Past {
    fn version(&self) -> Version {
        self.version
    }
}

impl Rooted for Past {
    fn view(&self) -> &dyn View {
        &*self.view
    }

    fn tree(&self) -> &TreeRef {
        &self.tree
    }
}

/// The tree before the first commit: its page is nowhere, and known to all.
pub(crate) fn empty_tree() -> TreeRef {
    empty().0
}

fn empty() -> &'static (TreeRef, Bytes) {
    static EMPTY: LazyLock<(TreeRef, Bytes)> = LazyLock::new(|| {
        let made = tree::empty(&mut PageId(0));
        let page = made.written.into_iter().next();
        (made.root, page.map(|(_, page)| page).unwrap_or_default())
    });
    &EMPTY
}

/// The pages of a view.
pub(crate) struct Pages<'a>(pub(crate) &'a dyn View);

impl PageSource for Pages<'_> {
    fn page(&self, id: PageId) -> Result<Bytes, BackendError> {
        let page = self.find(id)?;
        page.ok_or_else(|| BackendError::new(format!("page {} is missing", id.0)))
    }
}

impl Shelf for Pages<'_> {
    fn find(&self, id: PageId) -> Result<Option<Bytes>, BackendError> {
        let (tree, page) = empty();
        match id == tree.id {
            true => Ok(Some(page.clone())),
            false => self.0.get(Table::Pages, &id.0.to_be_bytes()),
        }
    }
}

/// What is kept for a value in [`Table::Values`].
pub(crate) fn kept_of(value: &Value) -> Bytes {
    match value {
        Value::Inline(bytes) => [&[INLINE], &**bytes].concat().into(),
        Value::Blob(blob) => {
            let mut out = Vec::with_capacity(49);
            out.push(BLOB);
            out.extend_from_slice(blob.hash.as_bytes());
            out.extend_from_slice(&blob.bytes.to_be_bytes());
            out.extend_from_slice(&blob.id.0.to_be_bytes());
            out.into()
        }
    }
}

/// The value as the tree names it.
pub(crate) fn named_by(kept: &Bytes) -> Option<Value> {
    match &kept[..] {
        [INLINE, ..] => Some(Value::Inline(kept.slice(1..))),
        [BLOB, rest @ ..] => {
            let (hash, rest) = rest.split_first_chunk::<32>()?;
            let (bytes, rest) = rest.split_first_chunk::<8>()?;
            Some(Value::Blob(BlobRef {
                hash: crate::hash::Hash::from_bytes(*hash),
                bytes: u64::from_be_bytes(*bytes),
                id: PageId(u64::from_be_bytes(rest.try_into().ok()?)),
            }))
        }
        _ => None,
    }
}

fn value_of(view: &dyn View, kept: Bytes) -> Result<Bytes, StoreError> {
    let named = named_by(&kept).ok_or_else(|| damaged("the index of the head's values"))?;
    bytes_of(view, &named)
}

/// The bytes of a value, wherever they are.
pub(crate) fn bytes_of(view: &dyn View, value: &Value) -> Result<Bytes, StoreError> {
    Ok(tree::load_value(&Pages(view), value)?)
}

pub(crate) fn text(path: &[u8]) -> Result<&str, StoreError> {
    str::from_utf8(path).map_err(|_| damaged("a path"))
}

pub(crate) fn damaged(what: &str) -> StoreError {
    StoreError::Damaged {
        what: what.to_owned(),
    }
}
