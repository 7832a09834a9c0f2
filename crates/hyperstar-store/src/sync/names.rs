//! What becomes of the names that the other side told: branches that follow it, branches and tags here.

use std::collections::HashSet;

use bytes::Bytes;

use super::message::{Kind, Named};
use super::{Moved, Parted, SyncError};
use crate::backend::{Table, View};
use crate::branches::move_to;
use crate::commit::CommitId;
use crate::engine::Engine;
use crate::engine::flush::{Draft, load};
use crate::history::{find, links};
use crate::merge::merge_base;
use crate::path::is_at_or_below;
use crate::record::{self, branch_key, tag_key, version_of};
use crate::state::Head;
use crate::{Change, StoreError, Version, check_path};

/// A branch whose name begins so says where a branch of another store was. It is told to no one: it is
/// that other store's to tell.
pub(super) const TRACKING: char = '@';

/// The branch that says where `branch` of `peer` was.
pub(super) fn tracking(peer: &str, branch: &str) -> String {
    format!("{TRACKING}{peer}/{branch}")
}

/// Whether a name is told to others.
pub(super) fn is_told(kind: Kind, name: &str, prefix: &str) -> bool {
    let is_tracking = kind == Kind::Branch && name.starts_with(TRACKING);
    !is_tracking && is_at_or_below(name, prefix)
}

/// Checks a name that was told. A long one may not fit behind the name of the other store.
pub(super) fn check_told(named: &Named, peer: &str) -> Result<(), SyncError> {
    let Named { kind, name, id } = named;
    if !is_told(*kind, name, "") || check_path(name).is_err() || *id == CommitId::NONE {
        return Err(SyncError::wrong("a name that is none"));
    }
    if *kind == Kind::Branch {
        check_path(&tracking(peer, name))?;
    }
    Ok(())
}

/// What became of the names.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) moved: Vec<Moved>,
    pub(super) parted: Vec<Parted>,
    pub(super) tags: Vec<String>,
    pub(super) other_tags: Vec<Parted>,
    /// The rows to write.
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    key: Bytes,
    version: Version,
    is_new: bool,
    /// It is the branch that is checked out.
    is_current: bool,
}

/// Sets what the names stand for, all at once.
pub(super) fn settle(engine: &Engine, peer: &str, told: &[Named]) -> Result<Settled, SyncError> {
    let settled = decide(&engine.head(), peer, told)?;
    if settled.rows.is_empty() {
        return Ok(settled);
    }
    let mut refused = None;
    let written = engine.replace_head(|backend, head| {
        // Others may have written meanwhile.
        let settled = match decide(head, peer, told) {
            Ok(settled) => settled,
            Err(SyncError::Store(error)) => return Err(error),
            Err(error) => {
                refused = Some(error);
                return Err(StoreError::NothingToUndo);
            }
        };
        let there = settled.rows.iter().find(|row| row.is_current);
        let there = match there {
            Some(row) => Some(head_at(head, row.version)?),
            None => None,
        };
        let (mut draft, changes): (Draft<'_>, Vec<Change>) = match &there {
            Some(there) => move_to(head, there)?,
            None => (Draft::new(head), Vec::new()),
        };
        if there.is_some() {
            draft.state.version = head.state.version.next();
        }
        for row in &settled.rows {
            draft.put(row.key.clone(), record::named(row.version));
            draft.state.ties += u64::from(row.is_new);
        }
        Ok((settled, draft.apply(backend, true)?, changes))
    });
    refused.map_or(written.map_err(SyncError::Store), Err)
}

/// The head, with its branch at another commit.
fn head_at(head: &Head, version: Version) -> Result<Head, StoreError> {
    let record = load(&*head.view, version)?;
    Ok(Head {
        view: head.view.clone(),
        state: head.state.clone(),
        tree: record.tree,
        record: Some(record.into()),
    })
}

fn decide(head: &Head, peer: &str, told: &[Named]) -> Result<Settled, SyncError> {
    let view = &*head.view;
    let mut settled = Settled::default();
    for Named { kind, name, id } in told {
        let Some((version, _)) = find(view, *id)? else {
            return Err(SyncError::LetGo { name: name.clone() });
        };
        if *kind == Kind::Tag {
            match at(view, &tag_key(name))? {
                None => {
                    settled.tags.push(name.clone());
                    settled.rows.push(Row {
                        key: tag_key(name),
                        version,
                        is_new: true,
                        is_current: false,
                    });
                }
                Some(ours) if ours == *id => {}
                Some(ours) => settled.other_tags.push(Parted::new(name, ours, *id)),
            }
            continue;
        }
        let tracking_key = branch_key(&tracking(peer, name));
        let before = at(view, &tracking_key)?;
        if before != Some(*id) {
            settled.rows.push(Row {
                key: tracking_key,
                version,
                is_new: before.is_none(),
                is_current: false,
            });
        }
        let ours = at(view, &branch_key(name))?;
        match stand(view, ours, *id, before)? {
            Stand::Level => {}
            Stand::Parted(ours) => settled.parted.push(Parted::new(name, ours, *id)),
            Stand::Behind => {
                settled.moved.push(Moved {
                    branch: name.clone(),
                    from: ours,
                    to: *id,
                });
                settled.rows.push(Row {
                    key: branch_key(name),
                    version,
                    is_new: ours.is_none(),
                    is_current: *name == head.state.branch,
                });
            }
        }
    }
    Ok(settled)
}

/// How a branch here stands to the one there.
enum Stand {
    /// It has all of it.
    Level,
    /// It can move forward.
    Behind,
    /// Both have what the other has not.
    Parted(CommitId),
}

/// `before` is where the other branch was when it was looked at last.
fn stand(
    view: &dyn View,
    ours: Option<CommitId>,
    theirs: CommitId,
    before: Option<CommitId>,
) -> Result<Stand, StoreError> {
    let Some(ours) = ours else {
        return Ok(Stand::Behind);
    };
    let base = merge_base(ours, theirs, |id| links(view, *id))?;
    Ok(if base == Some(theirs) {
        Stand::Level
    } else if base == Some(ours) {
        Stand::Behind
    } else if base.is_none() && before == Some(ours) && is_cut_off(view, theirs)? {
        // Nothing was done here since the last time, and between then and what is kept there is a gap.
        Stand::Behind
    } else {
        Stand::Parted(ours)
    })
}

/// Whether the first parents of a commit end at one that is not kept.
fn is_cut_off(view: &dyn View, tip: CommitId) -> Result<bool, StoreError> {
    let mut seen = HashSet::new();
    let mut next = Some(tip);
    while let Some(id) = next
        && seen.insert(id)
    {
        match find(view, id)? {
            None => return Ok(true),
            Some((_, record)) => next = record.signed.parents.first().copied(),
        }
    }
    Ok(false)
}

/// What a name stands for.
pub(super) fn at(view: &dyn View, key: &[u8]) -> Result<Option<CommitId>, StoreError> {
    let version = view.get(Table::History, key).map_err(StoreError::Backend)?;
    match version {
        Some(version) => Ok(Some(load(view, version_of(&version)?)?.id)),
        None => Ok(None),
    }
}
