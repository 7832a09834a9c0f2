//! Branches, tags, merges.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::rc::Rc;

use hyperstar_store::{CommitId, MergePolicies, MergePolicy, StoreError};

use super::Run;
use super::life::{Doubt, Draft};
use super::maps::{self, Map, Winner};
use super::writes::paths_of;

const BRANCHES: [&str; 4] = ["main", "one", "two", "two/half"];
const TAGS: [&str; 3] = ["first", "second", "third"];

/// What a merge is made over.
enum Base {
    Commit(CommitId),
    /// The histories have nothing in common.
    Nothing,
    /// What they have in common was let go.
    Gone,
}

impl Run {
    pub(super) fn branch(&mut self) {
        let name = self.name(&BRANCHES);
        let commit = self.any_commit();
        let is_taken = self.state.branches.contains_key(name);
        let mut state = self.state.clone();
        state.branches.insert(name.to_owned(), commit);
        let doubt = state.clone();
        let named = self.wrote(|| Doubt::Known(doubt), |store| store.branch(name, commit));
        self.named(named, is_taken, commit, state);
    }

    pub(super) fn tag(&mut self) {
        let name = self.name(&TAGS);
        let commit = self.any_commit();
        let is_taken = self.state.tags.contains_key(name);
        let mut state = self.state.clone();
        state.tags.insert(name.to_owned(), commit);
        let doubt = state.clone();
        let named = self.wrote(|| Doubt::Known(doubt), |store| store.tag(name, commit));
        self.named(named, is_taken, commit, state);
    }

    fn name(&mut self, names: &[&'static str]) -> &'static str {
        names[self.random.below(names.len() as u64) as usize]
    }

    fn named(
        &mut self,
        named: Option<Result<(), StoreError>>,
        is_taken: bool,
        commit: CommitId,
        state: super::State,
    ) {
        match named {
            Some(Ok(())) => {
                assert!(!is_taken && commit != CommitId::NONE);
                self.adopt(state, true);
            }
            Some(Err(StoreError::NameTaken { .. })) => assert!(is_taken),
            Some(Err(StoreError::UnknownCommit { .. })) => {
                assert!(commit == CommitId::NONE || self.is_kept(commit) != Some(true));
            }
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }

    pub(super) fn remove_name(&mut self) {
        let is_tag = self.random.chance(2);
        let name = match is_tag {
            true => self.name(&TAGS),
            false => self.name(&BRANCHES),
        };
        let mut state = self.state.clone();
        let removed = match is_tag {
            true => state.tags.remove(name),
            false => state.branches.remove(name),
        };
        let doubt = state.clone();
        let done = self.wrote(
            || Doubt::Known(doubt),
            |store| match is_tag {
                true => store.remove_tag(name),
                false => store.remove_branch(name),
            },
        );
        match done {
            Some(Ok(())) => {
                assert!(removed.is_some());
                self.adopt(state, true);
            }
            Some(Err(StoreError::CheckedOut { .. })) => assert_eq!(name, self.state.branch),
            Some(Err(StoreError::UnknownName { .. })) => assert!(removed.is_none()),
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }

    pub(super) fn checkout(&mut self) {
        let name = self.name(&BRANCHES);
        let tip = self.state.branches.get(name).copied();
        let mut state = self.state.clone();
        state.version += 1;
        state.branch = name.to_owned();
        state.map = tip.map_or_else(Rc::default, |tip| self.map_of(tip));
        let doubt = state.clone();
        match self.wrote(|| Doubt::Known(doubt), |store| store.checkout(name)) {
            Some(Ok(())) => {
                assert!(tip.is_some());
                self.adopt(state, true);
            }
            Some(Err(StoreError::UnknownName { .. })) => assert!(tip.is_none()),
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }

    pub(super) fn merge(&mut self) {
        // Mostly another branch.
        let theirs = match self.random.chance(4) {
            true => self.any_commit(),
            false => {
                let name = self.name(&BRANCHES);
                let tip = self.state.branches.get(name).copied();
                tip.unwrap_or(CommitId::NONE)
            }
        };
        let ours = self.state.tip();
        let Some(is_kept) = self.is_kept(theirs) else {
            return;
        };
        let is_known = is_kept && theirs != CommitId::NONE;
        let Some(base) = (match is_known {
            true => self.base(ours, theirs),
            false => Some(Base::Gone),
        }) else {
            return;
        };
        let everywhere = self.random.below(4);
        let below_a = self.random.below(4);
        let policies = MergePolicies::new()
            .below("", policy(everywhere))
            .and_then(|policies| policies.below("a", policy(below_a)));
        let policies = policies.unwrap();
        let is_nothing_new = matches!(base, Base::Commit(base) if base == theirs);
        let expected = match &base {
            Base::Gone => None,
            Base::Nothing => Some(self.merged(&Map::new(), theirs, everywhere, below_a)),
            Base::Commit(base) => {
                let base = self.map_of(*base);
                Some(self.merged(&base, theirs, everywhere, below_a))
            }
        };
        let draft = match &expected {
            Some(Ok(map)) => Some(Draft {
                merged: Some(theirs),
                ..Draft::of(map.clone())
            }),
            _ => None,
        };
        let doubt = draft.as_ref().map(Draft::again);
        let merged = self.wrote(
            || Doubt::Commit(doubt.expect("nothing was to be written")),
            |store| store.merge(theirs, &policies),
        );
        match merged {
            Some(Ok(commit)) if is_nothing_new => {
                assert!(commit.is_empty());
                assert_eq!(self.store.head_id(), ours);
            }
            Some(Ok(commit)) => {
                let draft = draft.expect("it was to be refused");
                self.committed(&commit, draft, true, None);
            }
            Some(Err(StoreError::Conflicts(conflicts))) => {
                let expected = expected.and_then(Result::err);
                assert_eq!(Some(paths_of(&conflicts)), expected);
            }
            Some(Err(StoreError::UnknownCommit { .. })) => assert!(expected.is_none()),
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }

    fn merged(
        &self,
        base: &Map,
        theirs: CommitId,
        everywhere: u64,
        below_a: u64,
    ) -> Result<Map, BTreeSet<String>> {
        let time = |id: CommitId| (self.commits.get(&id).map_or(0, |kept| kept.time_ms), id);
        let is_theirs_later = time(theirs) > time(self.state.tip());
        let winner = |path: &str| {
            let policy = match maps::is_at_or_below(path, "a") {
                true => below_a,
                false => everywhere,
            };
            match policy {
                0 => Winner::Nobody,
                1 => Winner::Ours,
                2 => Winner::Theirs,
                _ if is_theirs_later => Winner::Theirs,
                _ => Winner::Ours,
            }
        };
        maps::merge(base, &self.state.map, &self.map_of(theirs), winner)
    }

    /// The best common ancestor, by definition. Nothing if the disk cannot be read.
    fn base(&self, ours: CommitId, theirs: CommitId) -> Option<Base> {
        let kept = self.kept()?;
        let (ours, theirs) = (self.ancestors(&kept, ours), self.ancestors(&kept, theirs));
        let common: BTreeSet<CommitId> = ours.intersection(&theirs).copied().collect();
        // One that comes before a common one comes right before one.
        let outdone: BTreeSet<CommitId> = common
            .intersection(&kept)
            .flat_map(|id| self.commits[id].parents.iter().copied())
            .collect();
        let mut best: Vec<CommitId> = common.difference(&outdone).copied().collect();
        let time = |id: &CommitId| self.commits.get(id).map_or(0, |kept| kept.time_ms);
        best.sort_by_key(|id| Reverse((time(id), *id)));
        Some(match best.first() {
            Some(base) if kept.contains(base) => Base::Commit(*base),
            Some(_) => Base::Gone,
            None if self.are_related(&ours, &theirs) => Base::Gone,
            None => Base::Nothing,
        })
    }

    /// A commit and those before it, up to the first that are not kept.
    fn ancestors(&self, kept: &BTreeSet<CommitId>, id: CommitId) -> BTreeSet<CommitId> {
        let mut found = BTreeSet::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if id != CommitId::NONE && found.insert(id) && kept.contains(&id) {
                open.extend(&self.commits[&id].parents);
            }
        }
        found
    }

    /// Whether commits have something in common in all that ever was.
    fn are_related(&self, ours: &BTreeSet<CommitId>, theirs: &BTreeSet<CommitId>) -> bool {
        let all = |some: &BTreeSet<CommitId>| {
            let mut found = BTreeSet::new();
            let mut open: Vec<CommitId> = some.iter().copied().collect();
            while let Some(id) = open.pop() {
                if found.insert(id) {
                    open.extend(self.parents.get(&id).into_iter().flatten());
                }
            }
            found
        };
        !all(ours).is_disjoint(&all(theirs))
    }
}

fn policy(number: u64) -> MergePolicy {
    match number {
        0 => MergePolicy::Fail,
        1 => MergePolicy::Ours,
        2 => MergePolicy::Theirs,
        _ => MergePolicy::LastWriter,
    }
}
