//! Which commits are missing: from a tip back to what is here.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use bytes::Bytes;

use super::SyncError;
use super::message::{IDS_MAX, With};
use crate::StoreError;
use crate::backend::{Table, View};
use crate::commit::CommitId;
use crate::hash::Hash;
use crate::record::{Signed, id_key};

/// The commits before a tip that are missing.
#[derive(Debug)]
pub(super) struct Walk {
    tip: CommitId,
    commits_max: u64,
    /// What is missing, with its parents.
    parents: HashMap<CommitId, Vec<CommitId>>,
    /// What is missing, and what it says is not known yet.
    open: BTreeSet<CommitId>,
    /// What the other side does not keep either.
    gone: HashSet<CommitId>,
}

/// A commit that is to be fetched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) id: CommitId,
    pub(super) with: With,
    /// The branch that follows the other store's may move here.
    pub(super) is_on_branch: bool,
}

impl Walk {
    pub(super) fn new(tip: CommitId, commits_max: u64) -> Self {
        Self {
            tip,
            commits_max,
            parents: HashMap::new(),
            open: BTreeSet::from([tip]),
            gone: HashSet::new(),
        }
    }

    /// What to ask for next; nothing if all is known.
    pub(super) fn asks(&self) -> Vec<CommitId> {
        self.open.iter().take(IDS_MAX).copied().collect()
    }

    /// How many are missing, as far as that is known.
    pub(super) fn missing(&self) -> u64 {
        (self.parents.len() + self.open.len()) as u64
    }

    /// Takes what commits say of themselves, each after one that it is a parent of.
    pub(super) fn take(
        &mut self,
        view: &dyn View,
        commits: &[Bytes],
        gone: &[CommitId],
    ) -> Result<(), SyncError> {
        let open_before = self.open.len() + self.parents.len() * 2 + self.gone.len() * 2;
        for id in gone {
            if *id == self.tip || !self.open.remove(id) {
                return Err(SyncError::wrong("that it lacks what it told of"));
            }
            self.gone.insert(*id);
        }
        for bytes in commits {
            let (id, signed) = read(bytes)?;
            // What comes before commits that are here comes, too.
            if !self.open.remove(&id) {
                continue;
            }
            for parent in &signed.parents {
                let is_known = self.parents.contains_key(parent) || self.gone.contains(parent);
                if !is_known && !is_here(view, *parent)? {
                    self.open.insert(*parent);
                }
            }
            self.parents.insert(id, signed.parents);
            if self.missing() > self.commits_max {
                return Err(SyncError::Limit {
                    what: "commits",
                    max: self.commits_max,
                    option: "commits_max",
                });
            }
        }
        match self.open.len() + self.parents.len() * 2 + self.gone.len() * 2 > open_before {
            true => Ok(()),
            false => Err(SyncError::wrong("no commit that was asked for")),
        }
    }

    /// The commits in the order to keep them in: each after its parents, the first of these first.
    /// `is_followed` says whether some branch here follows the other store's already.
    pub(super) fn order(self, is_followed: bool) -> VecDeque<Planned> {
        let mut branch = HashSet::new();
        let mut next = Some(self.tip);
        while let Some(id) = next
            && let Some(parents) = self.parents.get(&id)
            && branch.insert(id)
        {
            next = parents.first().copied();
        }
        // Across a gap in the history nothing moves before all is here: until then the two ends of the
        // gap could not be told to be one branch.
        if is_followed && next.is_some_and(|id| self.gone.contains(&id)) {
            branch.clear();
        }
        let mut order = VecDeque::with_capacity(self.parents.len());
        let mut seen = HashSet::from([self.tip]);
        let mut above = vec![(self.tip, 0)];
        while let Some((id, index)) = above.last_mut() {
            let (id, parents) = (*id, self.parents.get(id));
            let parent = parents.and_then(|parents| parents.get(*index));
            *index += 1;
            match parent {
                Some(parent) if !self.parents.contains_key(parent) => {}
                Some(parent) => {
                    if seen.insert(*parent) {
                        above.push((*parent, 0));
                    }
                }
                None => {
                    let first = parents.and_then(|parents| parents.first());
                    let with = match first {
                        Some(first) if self.gone.contains(first) => With::Root,
                        _ => With::Pages,
                    };
                    order.push_back(Planned {
                        id,
                        with,
                        is_on_branch: branch.contains(&id),
                    });
                    above.pop();
                }
            }
        }
        order
    }
}

/// A commit as it was sent, and its name.
pub(super) fn read(bytes: &Bytes) -> Result<(CommitId, Signed), SyncError> {
    let signed = Signed::decode(bytes);
    match signed.filter(|signed| signed.encode() == **bytes) {
        Some(signed) => Ok((CommitId::new(Hash::of(bytes)), signed)),
        None => Err(SyncError::wrong("a commit that cannot be read")),
    }
}

pub(super) fn is_here(view: &dyn View, id: CommitId) -> Result<bool, StoreError> {
    let version = view.get(Table::History, &id_key(id));
    Ok(version.map_err(StoreError::Backend)?.is_some())
}
