//! The past: differences, logs, what is taken back, what is let go.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::time::SystemTime;

use hyperstar_store::{Change, Commit, CommitId, History, Keep, StoreError};

use super::Run;
use super::life::{Doubt, Draft};
use super::maps::{self, Map};
use super::writes::paths_of;

impl Run {
    pub(super) fn check_diff(&mut self) {
        let (from, to) = (self.any_commit(), self.any_commit());
        let prefix = maps::prefix(&mut self.random);
        match self.store.diff(from, to, &prefix) {
            Err(StoreError::UnknownCommit { .. }) => {
                if self.is_known(from) == Some(true) && self.is_known(to) == Some(true) {
                    panic!("both commits are there");
                }
            }
            changes => {
                if let Some(changes) = self.read(changes) {
                    let expected = maps::difference(&self.map_of(from), &self.map_of(to), &prefix);
                    assert_eq!(changes, expected);
                }
            }
        }
    }

    pub(super) fn check_log(&mut self) {
        let prefix = maps::prefix(&mut self.random);
        let from = match self.random.chance(2) {
            true => self.state.tip(),
            false => self.any_commit(),
        };
        let log = match from == self.state.tip() {
            true => self.store.log(&prefix),
            false => self.store.log_from(from, &prefix),
        };
        let log = match log {
            Err(StoreError::UnknownCommit { .. }) => return self.check_may_be_gone(from),
            log => self.read(log),
        };
        let Some(log) = log else { return };
        let found = self.read(log.collect::<Result<Vec<_>, _>>());
        if let (Some(found), Some(expected)) = (found, self.expected_log(from, &prefix)) {
            let found: Vec<CommitId> = found.iter().map(|entry| entry.id).collect();
            assert_eq!(found, expected, "below `{prefix}`");
        }
    }

    /// Nothing if the disk cannot be read.
    fn expected_log(&self, from: CommitId, prefix: &str) -> Option<Vec<CommitId>> {
        let mut expected = Vec::new();
        for id in self.line(from) {
            if !self.is_kept(id)? {
                break;
            }
            let changes = self.changes_of(id, prefix)?;
            if prefix.is_empty() || changes.is_none_or(|changes| !changes.is_empty()) {
                expected.push(id);
            }
        }
        Some(expected)
    }

    /// What a commit changed, if that is known: its parent is kept.
    fn changes_of(&self, id: CommitId, prefix: &str) -> Option<Option<Vec<Change>>> {
        let kept = &self.commits[&id];
        let before = match kept.parents.first() {
            None => Rc::default(),
            Some(parent) => match self.is_kept(*parent)? {
                true => self.map_of(*parent),
                false => return Some(None),
            },
        };
        Some(Some(maps::difference(&before, &kept.map, prefix)))
    }

    fn is_known(&self, id: CommitId) -> Option<bool> {
        match id {
            CommitId::NONE => Some(true),
            id => self.is_kept(id),
        }
    }

    /// A commit is not there, though nobody let it go: the history must have been bounded.
    pub(super) fn check_may_be_gone(&self, id: CommitId) {
        let History::Last(keep) = self.config.history else {
            panic!("{id} is gone");
        };
        let mut newest = self.by_version.values().rev().take(keep as usize);
        assert!(newest.all(|kept| *kept != id), "{id} is gone too early");
    }

    /// Every commit is there as it was made, or may be gone, or was let go.
    pub(super) fn check_kept(&mut self) {
        let ids: Vec<CommitId> = self.by_version.values().copied().collect();
        for id in ids {
            match self.store.show(id) {
                Err(StoreError::UnknownCommit { .. }) => self.check_may_be_gone(id),
                shown => {
                    let Some(shown) = self.read(shown) else {
                        return;
                    };
                    let kept = &self.commits[&id];
                    assert_eq!(shown.version.as_u64(), kept.version);
                    assert_eq!(shown.parents, kept.parents);
                    assert_eq!((shown.undoes, shown.root), (kept.undoes, kept.root));
                }
            }
        }
        for id in &self.gone {
            assert!(self.is_kept(*id) != Some(true), "{id} is there again");
        }
    }

    pub(super) fn undo(&mut self) {
        let prefix = maps::prefix(&mut self.random);
        let Some(target) = self.undo_target(&prefix) else {
            return;
        };
        let expected = target
            .as_ref()
            .map(|(id, changes)| (*id, maps::revert(&self.state.map, changes)));
        let draft = match &expected {
            Some((id, Ok(map))) => Some(Draft::reverting(map, *id)),
            _ => None,
        };
        let doubt = draft.as_ref().map(Draft::again);
        let undone = self.wrote(
            || Doubt::Commit(doubt.expect("nothing was to be written")),
            |store| store.undo(&prefix),
        );
        match undone {
            Some(Err(StoreError::NothingToUndo)) => assert!(expected.is_none()),
            Some(undone) => self.reverted(undone, draft, expected.map(|(_, map)| map)),
            None => {}
        }
    }

    /// The last commit on the line that changed something below the prefix and was not taken back.
    fn undo_target(&self, prefix: &str) -> Option<Option<(CommitId, Vec<Change>)>> {
        let mut taken_back: HashMap<CommitId, Vec<Rc<Map>>> = HashMap::new();
        for id in self.line(self.state.tip()) {
            if !self.is_kept(id)? {
                break;
            }
            let kept = &self.commits[&id];
            let changes = self.changes_of(id, prefix)?.unwrap_or_default();
            let by = taken_back.remove(&id).unwrap_or_default();
            let is_back = |map: &Rc<Map>| {
                let mut changes = changes.iter();
                changes.all(|change| map.get(&*change.path) == change.before.as_ref())
            };
            if by.iter().any(is_back) {
                continue;
            }
            match kept.undoes {
                Some(undoes) => {
                    let by = taken_back.entry(undoes).or_default();
                    by.push(kept.map.clone());
                }
                None if changes.is_empty() => {}
                None => return Some(Some((id, changes))),
            }
        }
        Some(None)
    }

    pub(super) fn revert(&mut self) {
        let prefix = maps::prefix(&mut self.random);
        let id = self.any_commit();
        if id == CommitId::NONE {
            let reverted = self.store.revert(id, &prefix);
            assert!(reverted.is_err(), "{reverted:?}");
            return;
        }
        let expected = match (self.is_kept(id), self.changes_of(id, &prefix)) {
            (None, _) | (_, None) => return,
            (Some(true), Some(Some(changes))) => Some(maps::revert(&self.state.map, &changes)),
            _ => None,
        };
        let draft = match &expected {
            Some(Ok(map)) => Some(Draft::reverting(map, id)),
            _ => None,
        };
        let doubt = draft.as_ref().map(Draft::again);
        let reverted = self.wrote(
            || Doubt::Commit(doubt.expect("nothing was to be written")),
            |store| store.revert(id, &prefix),
        );
        match reverted {
            Some(Err(StoreError::UnknownCommit { .. })) => assert!(expected.is_none()),
            Some(reverted) => self.reverted(reverted, draft, expected),
            None => {}
        }
    }

    fn reverted(
        &mut self,
        reverted: Result<Commit, StoreError>,
        draft: Option<Draft>,
        expected: Option<Result<Map, BTreeSet<String>>>,
    ) {
        match reverted {
            Ok(commit) => {
                let draft = draft.expect("it was to be refused");
                self.committed(&commit, draft, true, None);
            }
            Err(StoreError::Conflicts(conflicts)) => {
                let expected = expected.and_then(Result::err);
                assert_eq!(Some(paths_of(&conflicts)), expected);
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) fn flush(&mut self) {
        let state = self.state.clone();
        match self.wrote(|| Doubt::Known(state), |store| store.flush()) {
            Some(Ok(())) => self.losable.clear(),
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }

    pub(super) fn compact(&mut self) {
        let (count, all, tagged) = (
            1 + self.random.below(20),
            self.random.chance(6),
            self.random.chance(2),
        );
        let mut keep = Keep::last(count);
        if all {
            keep = keep.since(SystemTime::UNIX_EPOCH);
        }
        if tagged {
            keep = keep.tagged();
        }
        let Some(there) = self.kept() else { return };
        let mut chosen = BTreeSet::new();
        for tip in self.state.branches.values() {
            let line = self.line(*tip).into_iter();
            let line = line.take_while(|id| there.contains(id));
            chosen.extend(line.take(if all { usize::MAX } else { count as usize }));
        }
        if tagged {
            chosen.extend(self.state.tags.values());
        }
        let mut state = self.state.clone();
        state.tags.retain(|_, id| chosen.contains(id));
        let doubt = state.clone();
        let compacted = self.wrote_in(
            2,
            || Doubt::Known(doubt),
            |store| store.compact(&keep, |_| ()),
        );
        match compacted {
            Some(Ok(compacted)) => {
                assert_eq!(compacted.kept as usize, chosen.len());
                assert_eq!(compacted.commits as usize, there.len() - chosen.len());
                self.let_go(&chosen);
                self.adopt(state, true);
                if let Some(report) = self.read(self.store.verify(|_| ()))
                    && !self.world.is_dead()
                {
                    assert!(report.is_whole() && report.unreached == 0, "{report:?}");
                }
            }
            Some(Err(error)) => panic!("{error}"),
            // The commits may have gone, and their pages not.
            None => self.may_have_compacted(&(&there - &chosen), &chosen, state),
        }
    }

    /// Looks whether the commits went before it failed: all of them did, or none.
    fn may_have_compacted(
        &mut self,
        others: &BTreeSet<CommitId>,
        chosen: &BTreeSet<CommitId>,
        state: super::State,
    ) {
        if !self.doubt.is_empty() {
            self.reopen_somehow();
        }
        // What was lost in a crash comes before it.
        let Some(other) = others.first().filter(|_| self.state == state) else {
            return;
        };
        match self.is_kept(*other) {
            Some(true) => {}
            Some(false) => {
                self.let_go(chosen);
                self.adopt(state, true);
            }
            None => {
                // After the next start it can be read.
                self.doubt.push(Doubt::Known(state.clone()));
                self.reopen_somehow();
                self.may_have_compacted(others, chosen, state);
            }
        }
    }

    fn let_go(&mut self, chosen: &BTreeSet<CommitId>) {
        let commits = &mut self.commits;
        let gone = &mut self.gone;
        self.by_version.retain(|_, id| {
            let is_kept = chosen.contains(id);
            if !is_kept {
                commits.remove(id);
                gone.push(*id);
            }
            is_kept
        });
    }
}

impl Draft {
    fn reverting(map: &Map, undoes: CommitId) -> Self {
        Self {
            undoes: Some(undoes),
            ..Self::of(map.clone())
        }
    }

    pub(super) fn again(&self) -> Self {
        Self {
            map: self.map.clone(),
            merged: self.merged,
            undoes: self.undoes,
        }
    }
}
