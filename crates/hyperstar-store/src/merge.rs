//! Brings two states back together: a three-way merge of what two sides changed since their base.
//!
//! What is promised:
//! - **Nothing is lost unsaid.** What one side changed is kept. What both changed differently is a
//!   [`Conflict`], decided by the policy of its path, or listed.
//! - **All or nothing.** While one conflict is open, nothing is merged.
//! - **A path stays a value or a directory**, whatever the policies decide.
//! - **The cost follows the two differences**, in time and memory, not the size of the store.
//!
//! # Conflicts
//! A path that both sides changed, to different values, or that one changed and the other removed.
//! And a path that is a value on one side and a directory on the other: that is one conflict of
//! the shorter path, it covers everything below, and whoever wins gets their state of all of it.
//!
//! # What it does not do
//! It reads no tree and no commit: the differences come in, changes come out.

mod base;
mod conflict;
mod json;
mod policy;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::Change;
use crate::path::descendants_start;
use crate::value::VALUE_BYTES_MAX;

pub use self::base::{CommitLinks, merge_base};
pub use self::conflict::{CONFLICTS_MAX, Conflict, Conflicts};
pub use self::policy::{MergePolicies, MergePolicy, Resolution};

/// One of the two states that are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Theirs,
}

/// The commit of a side. Orders as [`MergePolicy::LastWriter`] does: by time, then by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Head {
    pub(crate) time_ms: u64,
    pub(crate) id: [u8; 32],
}

/// The commits that are merged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sides {
    pub(crate) ours: Head,
    pub(crate) theirs: Head,
}

impl Sides {
    fn last_writer(&self) -> Side {
        if self.theirs > self.ours {
            Side::Theirs
        } else {
            Side::Ours
        }
    }
}

/// What a merge comes to.
#[derive(Debug)]
pub(crate) enum Merged {
    /// Applied to ours, these make the merged state. Ordered by path, one a path; `before` is
    /// ours. They also undo what ours changed and a policy decided against.
    Changes(Vec<Change>),
    /// Nothing was merged. Ordered by path.
    Conflicts(Conflicts),
}

/// Merges two differences from one base. Both are ordered by path, one change a path, and only
/// of paths whose value differs: as a tree's difference is.
///
/// Whatever the policies are, it does not matter in which order they are asked, and each conflict
/// asks once. [`MergePolicy::Custom`] may panic: nothing has happened then.
///
/// # Errors
/// The first error of either difference.
///
/// # Design
/// It needs nobody to ask what is below a path: a value and a directory can only meet if one side
/// set the value and the other set something below it, so both are in the differences. Nor can two
/// such conflicts nest: who has a value has nothing below it.
pub(crate) fn merge<E>(
    base_to_ours: impl Iterator<Item = Result<Change, E>>,
    base_to_theirs: impl Iterator<Item = Result<Change, E>>,
    policies: &MergePolicies,
    sides: Sides,
) -> Result<Merged, E> {
    let entries = pair(base_to_ours, base_to_theirs)?;
    let mut judge = Judge {
        policies,
        sides,
        conflicts: Conflicts::default(),
    };
    // What a conflict further up decided for the paths below it.
    let mut decided: Vec<Option<Decision>> = vec![None; entries.len()];
    let mut changes = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let decision = match decided[index].take() {
            Some(decision) => decision,
            None => match Directory::in_the_way(&entries, index) {
                Some(directory) => {
                    let decision = judge.resolve(entry.conflict(Some(&directory.child)));
                    decided[directory.below].fill(Some(decision.below()));
                    decision
                }
                None => judge.decide(entry),
            },
        };
        changes.extend(entry.change(decision));
    }
    if judge.conflicts.is_empty() {
        Ok(Merged::Changes(changes))
    } else {
        Ok(Merged::Conflicts(judge.conflicts))
    }
}

/// A path that at least one side changed.
struct Entry {
    path: Arc<str>,
    base: Option<Bytes>,
    ours: Edit,
    theirs: Edit,
}

/// What a side did to a path.
#[derive(PartialEq, Eq)]
enum Edit {
    Keep,
    Set(Bytes),
    Remove,
}

/// What becomes of a path.
#[derive(Clone)]
enum Decision {
    Take(Side),
    Put(Option<Bytes>),
    /// A conflict was listed: nothing will be merged.
    Open,
}

impl Decision {
    /// What becomes of the paths below a path for which this was decided.
    fn below(&self) -> Self {
        match self {
            Self::Put(_) => Self::Put(None),
            other => other.clone(),
        }
    }
}

impl Edit {
    fn new(change: Option<Change>) -> Self {
        match change {
            None => Self::Keep,
            Some(change) => change.after.map_or(Self::Remove, Self::Set),
        }
    }
}

impl Entry {
    fn new(ours: Option<Change>, theirs: Option<Change>) -> Option<Self> {
        let first = ours.as_ref().or(theirs.as_ref())?;
        Some(Self {
            path: first.path.clone(),
            base: first.before.clone(),
            ours: Edit::new(ours),
            theirs: Edit::new(theirs),
        })
    }

    fn edit(&self, side: Side) -> &Edit {
        match side {
            Side::Ours => &self.ours,
            Side::Theirs => &self.theirs,
        }
    }

    fn value(&self, side: Side) -> Option<&Bytes> {
        match self.edit(side) {
            Edit::Keep => self.base.as_ref(),
            Edit::Set(value) => Some(value),
            Edit::Remove => None,
        }
    }

    fn sets(&self, side: Side) -> bool {
        matches!(self.edit(side), Edit::Set(_))
    }

    fn conflict(&self, child: Option<&Arc<str>>) -> Conflict {
        Conflict {
            path: self.path.clone(),
            base: self.base.clone(),
            ours: self.value(Side::Ours).cloned(),
            theirs: self.value(Side::Theirs).cloned(),
            child: child.cloned(),
        }
    }

    /// What to do to ours.
    fn change(&self, decision: Decision) -> Option<Change> {
        let after = match decision {
            Decision::Open | Decision::Take(Side::Ours) => return None,
            Decision::Take(Side::Theirs) => self.value(Side::Theirs).cloned(),
            Decision::Put(value) => value,
        };
        let before = self.value(Side::Ours);
        (before != after.as_ref()).then(|| Change::new(self.path.clone(), before.cloned(), after))
    }
}

/// A directory on one side, where the other side set a value.
struct Directory {
    /// The first path in it that its side set.
    child: Arc<str>,
    /// All entries below the value's path.
    below: Range<usize>,
}

impl Directory {
    fn in_the_way(entries: &[Entry], index: usize) -> Option<Self> {
        let entry = &entries[index];
        let directory_side = if entry.sets(Side::Ours) && entry.value(Side::Theirs).is_none() {
            Side::Theirs
        } else if entry.sets(Side::Theirs) && entry.value(Side::Ours).is_none() {
            Side::Ours
        } else {
            return None;
        };
        let rest = &entries[index + 1..];
        // `a-b` comes between `a` and `a/b`, and starts with `a` as well.
        if !rest.first()?.path.starts_with(&*entry.path) {
            return None;
        }
        let first = descendants_start(&entry.path);
        let start = rest.partition_point(|entry| *entry.path < *first);
        let inside = rest[start..]
            .iter()
            .take_while(|entry| entry.path.starts_with(&*first));
        let child = inside.clone().find(|entry| entry.sets(directory_side))?;
        let start = index + 1 + start;
        Some(Self {
            child: child.path.clone(),
            below: start..start + inside.count(),
        })
    }
}

/// Applies the policies, and keeps the conflicts that they leave open.
struct Judge<'a> {
    policies: &'a MergePolicies,
    sides: Sides,
    conflicts: Conflicts,
}

impl Judge<'_> {
    fn decide(&mut self, entry: &Entry) -> Decision {
        if entry.theirs == Edit::Keep {
            return Decision::Take(Side::Ours);
        }
        if entry.ours == Edit::Keep {
            return Decision::Take(Side::Theirs);
        }
        let conflict = entry.conflict(None);
        if entry.ours == entry.theirs && !self.counts_twice(&conflict) {
            return Decision::Take(Side::Ours);
        }
        self.resolve(conflict)
    }

    /// Two sides that both counted one up have counted two, though their values are the same.
    fn counts_twice(&self, agreed: &Conflict) -> bool {
        matches!(self.policies.of(&agreed.path), MergePolicy::Counter) && json::is_counter(agreed)
    }

    fn resolve(&mut self, conflict: Conflict) -> Decision {
        let decision = match self.policies.of(&conflict.path) {
            MergePolicy::Fail => Decision::Open,
            MergePolicy::Ours => Decision::Take(Side::Ours),
            MergePolicy::Theirs => Decision::Take(Side::Theirs),
            MergePolicy::LastWriter => Decision::Take(self.sides.last_writer()),
            MergePolicy::SetUnion => put_or_open(json::set_union(&conflict)),
            MergePolicy::Counter => put_or_open(json::counter(&conflict)),
            MergePolicy::Custom(resolve) => match resolve(&conflict) {
                Resolution::Ours => Decision::Take(Side::Ours),
                Resolution::Theirs => Decision::Take(Side::Theirs),
                Resolution::Value(value) => put_or_open(Some(value)),
                Resolution::Remove => Decision::Put(None),
                Resolution::Conflict => Decision::Open,
            },
        };
        if matches!(decision, Decision::Open) {
            self.conflicts.push(conflict);
        }
        decision
    }
}

/// A value that no transaction would take decides nothing.
fn put_or_open(value: Option<Bytes>) -> Decision {
    match value {
        Some(value) if value.len() <= VALUE_BYTES_MAX => Decision::Put(Some(value)),
        _ => Decision::Open,
    }
}

/// Brings the two differences together by path.
fn pair<E>(
    mut base_to_ours: impl Iterator<Item = Result<Change, E>>,
    mut base_to_theirs: impl Iterator<Item = Result<Change, E>>,
) -> Result<Vec<Entry>, E> {
    let mut ours = base_to_ours.next().transpose()?;
    let mut theirs = base_to_theirs.next().transpose()?;
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let order = match (&ours, &theirs) {
            (None, None) => return Ok(entries),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(ours), Some(theirs)) => ours.path.cmp(&theirs.path),
        };
        let mut from_ours = None;
        if order.is_le() {
            from_ours = std::mem::replace(&mut ours, base_to_ours.next().transpose()?);
        }
        let mut from_theirs = None;
        if order.is_ge() {
            from_theirs = std::mem::replace(&mut theirs, base_to_theirs.next().transpose()?);
        }
        let entry = Entry::new(from_ours, from_theirs);
        debug_assert!(
            entry.as_ref().map(|entry| &entry.path) > entries.last().map(|entry| &entry.path),
            "the differences are ordered by path"
        );
        entries.extend(entry);
    }
}
