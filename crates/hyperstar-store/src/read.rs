//! The reads that snapshots and transactions share.

use std::ops::{Bound, ControlFlow, RangeBounds};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::path::{after_descendants, check_path, check_prefix, descendants_start, right_after};
use crate::value;

/// Anything that finds values and walks them in byte order of their paths.
pub(crate) trait Source {
    fn value(&self, path: &str) -> Result<Option<Bytes>, StoreError>;

    /// Whether there is a value, without a look at it.
    fn has(&self, path: &str) -> Result<bool, StoreError>;

    fn walk(
        &self,
        start: &str,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// From the last path before `end` on, towards the first.
    fn walk_back(
        &self,
        end: Option<&str>,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;
}

pub(crate) fn get_bytes<S: Source + ?Sized>(
    source: &S,
    path: &str,
) -> Result<Option<Bytes>, StoreError> {
    check_path(path)?;
    source.value(path)
}

pub(crate) fn contains<S: Source + ?Sized>(source: &S, path: &str) -> Result<bool, StoreError> {
    check_path(path)?;
    source.has(path)
}

pub(crate) fn get<S: Source + ?Sized, T: DeserializeOwned>(
    source: &S,
    path: &str,
) -> Result<Option<T>, StoreError> {
    match get_bytes(source, path)? {
        Some(bytes) => value::decode(path, &bytes).map(Some),
        None => Ok(None),
    }
}

pub(crate) fn list<S: Source + ?Sized>(
    source: &S,
    prefix: &str,
) -> Result<Vec<String>, StoreError> {
    let mut paths = Vec::new();
    descendants(source, prefix, &mut |path, _| {
        paths.push(path.to_owned());
        ControlFlow::Continue(())
    })?;
    Ok(paths)
}

pub(crate) fn entries<S: Source + ?Sized, T: DeserializeOwned>(
    source: &S,
    prefix: &str,
) -> Result<Vec<(String, T)>, StoreError> {
    let mut entries = Vec::new();
    let mut failure = None;
    descendants(
        source,
        prefix,
        &mut |path, bytes| match value::decode(path, bytes) {
            Ok(value) => {
                entries.push((path.to_owned(), value));
                ControlFlow::Continue(())
            }
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        },
    )?;
    match failure {
        Some(error) => Err(error),
        None => Ok(entries),
    }
}

/// Seeks past each child directory instead of walking it: the cost follows the children.
pub(crate) fn children<S: Source + ?Sized>(
    source: &S,
    prefix: &str,
) -> Result<Vec<String>, StoreError> {
    check_prefix(prefix)?;
    let base = descendants_start(prefix);
    let mut names = Vec::new();
    let mut next = Some(base.clone());
    while let Some(start) = next.take() {
        source.walk(&start, &mut |path, _| {
            let Some(rest) = path.strip_prefix(&*base) else {
                return ControlFlow::Break(());
            };
            match rest.split_once('/') {
                None => {
                    names.push(rest.to_owned());
                    ControlFlow::Continue(())
                }
                Some((directory, _)) => {
                    names.push(directory.to_owned());
                    next = Some(after_descendants(&format!("{base}{directory}")));
                    ControlFlow::Break(())
                }
            }
        })?;
    }
    // The walk orders a directory as if its name ended with `/`.
    names.sort_unstable();
    Ok(names)
}

pub(crate) fn scan<'a, S: Source + ?Sized>(
    source: &S,
    prefix: &str,
    range: impl RangeBounds<&'a str>,
    visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let span = Span::new(prefix, range)?;
    source.walk(&span.start, &mut |path, bytes| {
        if span.end.as_deref().is_none_or(|end| path < end) {
            visit(path, bytes)
        } else {
            ControlFlow::Break(())
        }
    })
}

pub(crate) fn scan_back<'a, S: Source + ?Sized>(
    source: &S,
    prefix: &str,
    range: impl RangeBounds<&'a str>,
    visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let span = Span::new(prefix, range)?;
    source.walk_back(span.end.as_deref(), &mut |path, bytes| {
        if path >= &*span.start {
            visit(path, bytes)
        } else {
            ControlFlow::Break(())
        }
    })
}

/// The part of a range that is below a prefix: from `start` on (included), before `end` if there
/// is one. Nothing is in it if `end` is not after `start`.
struct Span {
    start: String,
    end: Option<String>,
}

impl Span {
    fn new<'a>(prefix: &str, range: impl RangeBounds<&'a str>) -> Result<Self, StoreError> {
        check_prefix(prefix)?;
        let mut start = descendants_start(prefix);
        let from = match range.start_bound() {
            Bound::Included(path) => Some((*path).to_owned()),
            Bound::Excluded(path) => Some(right_after(path)),
            Bound::Unbounded => None,
        };
        if let Some(from) = from {
            start = start.max(from);
        }
        let below = (!prefix.is_empty()).then(|| after_descendants(prefix));
        let to = match range.end_bound() {
            Bound::Included(path) => Some(right_after(path)),
            Bound::Excluded(path) => Some((*path).to_owned()),
            Bound::Unbounded => None,
        };
        let end = match (below, to) {
            (Some(below), Some(to)) => Some(below.min(to)),
            (below, to) => below.or(to),
        };
        Ok(Self { start, end })
    }
}

/// The first path below `directory`, if there is one.
pub(crate) fn first_descendant<S: Source + ?Sized>(
    source: &S,
    directory: &str,
) -> Result<Option<String>, StoreError> {
    let mut first = None;
    descendants(source, directory, &mut |path, _| {
        first = Some(path.to_owned());
        ControlFlow::Break(())
    })?;
    Ok(first)
}

fn descendants<S: Source + ?Sized>(
    source: &S,
    prefix: &str,
    visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    check_prefix(prefix)?;
    let base = descendants_start(prefix);
    source.walk(&base, &mut |path, bytes| {
        if path.starts_with(&*base) {
            visit(path, bytes)
        } else {
            ControlFlow::Break(())
        }
    })
}
