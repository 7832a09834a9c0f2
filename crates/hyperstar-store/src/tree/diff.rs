//! What differs between two trees.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::ControlFlow;

use super::page::ValueRef;
use super::read::{Head, PageRef, Steps};
use super::{BlobRef, PageId, PageSource, TreeError, TreeRef, Value, blob};
use crate::hash::Hash;

/// Takes a key and its value in either tree.
pub(crate) type VisitChange<'a> =
    dyn FnMut(&[u8], Option<&Value>, Option<&Value>) -> ControlFlow<()> + 'a;

/// Visits each key that starts with `prefix` and whose value differs, in order, with its value in
/// `before` and in `after`, until the visit breaks.
///
/// It reads no page that both have at the same place, so it costs what differs.
///
/// # Errors
/// [`TreeError`], if a page that differs cannot be read.
pub(crate) fn diff(
    source: &dyn PageSource,
    before: &TreeRef,
    after: &TreeRef,
    prefix: &[u8],
    visit: &mut VisitChange<'_>,
) -> Result<(), TreeError> {
    differ(source, before, after, prefix, Same::Content, visit)
}

/// As [`diff`], of all keys, and also visits those that have the same value in other pages.
///
/// # Errors
/// As there.
pub(crate) fn diff_pages(
    source: &dyn PageSource,
    before: &TreeRef,
    after: &TreeRef,
    visit: &mut VisitChange<'_>,
) -> Result<(), TreeError> {
    differ(source, before, after, b"", Same::Pages, visit)
}

/// What has to be the same for nothing to differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Same {
    Content,
    /// And where it lies.
    Pages,
}

impl Same {
    fn holds(self, old: (Hash, PageId), new: (Hash, PageId)) -> bool {
        old.0 == new.0 && (self == Self::Content || old.1 == new.1)
    }

    fn of_values(self, old: ValueRef<'_>, new: ValueRef<'_>) -> bool {
        match (old.blob(), new.blob()) {
            (Some(old), Some(new)) => self.holds((old.hash, old.id), (new.hash, new.id)),
            _ => old == new,
        }
    }
}

fn differ(
    source: &dyn PageSource,
    before: &TreeRef,
    after: &TreeRef,
    prefix: &[u8],
    same: Same,
    visit: &mut VisitChange<'_>,
) -> Result<(), TreeError> {
    let mut before = Steps::new(source, before);
    let mut after = Steps::new(source, after);
    loop {
        before.skip_to(prefix)?;
        after.skip_to(prefix)?;
        let heads = (before.head(), after.head());
        // Whichever comes first goes on; a subtree comes before what is in it.
        let order = match heads {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), Some(_)) => before.path().cmp(after.path()),
        };
        let visited = match (order, heads) {
            (Ordering::Less, (Some(Head::Entry(_)), _)) => {
                let visited = visit(before.path(), Some(&before.to_value()), None);
                before.skip()?;
                visited
            }
            (Ordering::Greater, (_, Some(Head::Entry(_)))) => {
                let visited = visit(after.path(), None, Some(&after.to_value()));
                after.skip()?;
                visited
            }
            (Ordering::Equal, (Some(Head::Entry(old)), Some(Head::Entry(new)))) => {
                let visited = if same.of_values(old, new) {
                    ControlFlow::Continue(())
                } else {
                    let (old, new) = (before.to_value(), after.to_value());
                    visit(before.path(), Some(&old), Some(&new))
                };
                before.skip()?;
                after.skip()?;
                visited
            }
            (Ordering::Equal, (Some(Head::Subtree(old)), Some(Head::Subtree(new))))
                if same.holds((old.hash, old.id), (new.hash, new.id)) =>
            {
                before.skip()?;
                after.skip()?;
                ControlFlow::Continue(())
            }
            (order, _) => {
                // Entering leaves an entry where it is.
                if order != Ordering::Greater {
                    before.enter()?;
                }
                if order != Ordering::Less {
                    after.enter()?;
                }
                ControlFlow::Continue(())
            }
        };
        if visited.is_break() {
            return Ok(());
        }
    }
}

/// Visits each page of `after` that `before` does not have at the same place, also those of blobs, a page
/// before those that it names, until the visit breaks.
///
/// # Errors
/// [`TreeError`], if a page that differs cannot be read.
pub(crate) fn fresh_pages(
    source: &dyn PageSource,
    before: &TreeRef,
    after: &TreeRef,
    visit: &mut dyn FnMut(&PageRef) -> ControlFlow<()>,
) -> Result<(), TreeError> {
    let mut before = Steps::new(source, before);
    let mut after = Steps::new(source, after);
    while let Some(head) = after.head() {
        let order = match before.head() {
            None => Ordering::Greater,
            Some(_) => before.path().cmp(after.path()),
        };
        let visited = match (order, before.head(), head) {
            (Ordering::Less, Some(Head::Subtree(_)), _)
                if after.path().starts_with(before.path()) =>
            {
                before.enter()?;
                continue;
            }
            (Ordering::Less, ..) => {
                before.skip()?;
                continue;
            }
            (Ordering::Equal, Some(Head::Subtree(old)), Head::Subtree(new))
                if old.hash == new.hash =>
            {
                before.skip()?;
                after.skip()?;
                continue;
            }
            (_, old, Head::Entry(new)) => {
                let old = match order {
                    Ordering::Equal => old,
                    _ => None,
                };
                // A subtree at the place of an entry: the entry may be in it.
                if let Some(Head::Subtree(_)) = old {
                    before.enter()?;
                    continue;
                }
                let old = match old {
                    Some(Head::Entry(value)) => value.blob().copied(),
                    _ => None,
                };
                let visited = match new.blob() {
                    Some(new) if old.as_ref() != Some(new) => {
                        fresh_of_blob(source, old.as_ref(), new, visit)?
                    }
                    _ => ControlFlow::Continue(()),
                };
                after.skip()?;
                visited
            }
            (_, _, Head::Subtree(new)) => {
                let visited = visit(&PageRef::of(new));
                if visited.is_continue() {
                    after.enter()?;
                }
                visited
            }
        };
        if visited.is_break() {
            break;
        }
    }
    Ok(())
}

fn fresh_of_blob(
    source: &dyn PageSource,
    before: Option<&BlobRef>,
    after: &BlobRef,
    visit: &mut dyn FnMut(&PageRef) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, TreeError> {
    if visit(&PageRef::of_blob(after)).is_break() {
        return Ok(ControlFlow::Break(()));
    }
    let known = match before {
        Some(before) => blob::chunks(source, before)?,
        None => Vec::new(),
    };
    let known: HashSet<(Hash, u64)> = known
        .iter()
        .map(|chunk| (chunk.hash, chunk.bytes))
        .collect();
    for chunk in blob::chunks(source, after)? {
        let is_known = known.contains(&(chunk.hash, chunk.bytes));
        if !is_known && visit(&PageRef::of_chunk(&chunk)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
