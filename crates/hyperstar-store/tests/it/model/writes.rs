//! Transactions.

use std::collections::BTreeSet;
use std::rc::Rc;

use hyperstar_store::{Commit, CommitId, Durability, StoreError, Transaction};

use super::life::{Doubt, Draft};
use super::maps::{self, Map};
use super::{Run, State};
use crate::support::Random;

/// Why a transaction ends without a commit.
const ABORTED: &str = "the test aborts the transaction";

impl Run {
    pub(super) fn write(&mut self) {
        let mut next = (*self.state.map).clone();
        let writes = match self.random.chance(2) {
            true => 1,
            false => self.random.below(6),
        };
        let aborts = self.random.chance(10);
        let says = self.random.chance(6);
        let durability = self.durability();
        let mut random = Random::new(self.random.next());
        self.counts.operations += writes;
        // What the transaction leads to is known once it has run.
        let made = Rc::new(std::cell::RefCell::new(None));
        let draft = {
            let made = made.clone();
            move || {
                let map: Map = made.borrow_mut().take().unwrap_or_default();
                Doubt::Commit(Draft::of(map))
            }
        };
        let wrote = self.wrote(draft, |store| {
            store.transaction(|tx| {
                for _ in 0..writes {
                    write_one(tx, &mut next, &mut random)?;
                }
                check_transaction(&next, tx);
                if says {
                    tx.set_message("said")?;
                }
                if let Some(durability) = durability {
                    tx.set_durability(durability);
                }
                *made.borrow_mut() = Some(next.clone());
                match aborts {
                    true => Err(StoreError::NothingToUndo),
                    false => Ok(()),
                }
            })
        });
        match wrote {
            Some(Ok(((), commit))) => {
                assert!(!aborts);
                let is_commit = says || next != *self.state.map;
                self.committed(&commit, Draft::of(next), is_commit, durability);
            }
            Some(Err(StoreError::NothingToUndo)) => assert!(aborts, "{ABORTED}"),
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }

    /// When the next write is acknowledged, if it says so.
    pub(super) fn durability(&mut self) -> Option<Durability> {
        match self.random.below(6) {
            0 => Some(Durability::Buffered),
            1 => Some(Durability::Durable),
            _ => None,
        }
    }

    /// A commit on the branch that is checked out was acknowledged.
    pub(super) fn committed(
        &mut self,
        commit: &Commit,
        draft: Draft,
        is_commit: bool,
        durability: Option<Durability>,
    ) {
        let changes = maps::difference(&self.state.map, &draft.map, "");
        assert_eq!(*commit.changes, *changes);
        let tip = self.state.tip();
        if !is_commit {
            assert_eq!(commit.version.as_u64(), self.state.version);
            assert_eq!(commit.id, tip);
            return;
        }
        assert_eq!(commit.version.as_u64(), self.state.version + 1);
        let is_durable = durability.unwrap_or(self.config.durability) == Durability::Durable;
        let state = self.state_after(commit.id, &draft.map);
        if self.know(commit.id, &draft, tip).is_none() {
            // The disk is gone, and what the commit is cannot be read. It is there all the same.
            self.doubt.push(Doubt::Commit(draft));
            self.must_be_there(is_durable);
            return;
        }
        self.adopt(state, is_durable);
    }

    /// Opens the store anew after a commit that was acknowledged and cannot be read.
    fn must_be_there(&mut self, is_durable: bool) {
        let version = self.state.version;
        self.reopen_somehow();
        assert!(!is_durable || self.state.version == version + 1);
    }

    fn state_after(&self, id: CommitId, map: &Rc<Map>) -> State {
        let mut state = self.state.clone();
        state.version += 1;
        state.branches.insert(state.branch.clone(), id);
        state.map = map.clone();
        state
    }
}

impl Draft {
    pub(super) fn of(map: Map) -> Self {
        Self {
            map: Rc::new(map),
            merged: None,
            undoes: None,
        }
    }
}

/// One write on both; what the store refuses, the map must show a reason for.
pub(super) fn write_one(
    tx: &mut Transaction,
    map: &mut Map,
    random: &mut Random,
) -> Result<(), StoreError> {
    let path = maps::path(random);
    match random.below(9) {
        0 | 1 => {
            let found = tx.remove(&path)?;
            assert_eq!(map.remove(&path).is_some(), found);
        }
        2 => {
            let removed = tx.remove_all(&path)?;
            let before = map.len();
            map.retain(|other, _| !maps::is_at_or_below(other, &path));
            assert_eq!(before - map.len(), removed);
        }
        _ => {
            let value = maps::value(random);
            let above = maps::value_above(map, &path).is_some();
            let below = !maps::below(map, &path).is_empty();
            match tx.set_bytes(&path, value.clone()) {
                Ok(()) => {
                    assert!(!above && !below, "{path}");
                    map.insert(path, value);
                }
                Err(StoreError::ValueInTheWay { .. }) => assert!(above, "{path}"),
                Err(StoreError::DirectoryInTheWay { .. }) => assert!(below, "{path}"),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// The transaction reads what the map holds, as far as the disk lets it.
pub(super) fn check_transaction(map: &Map, tx: &Transaction) {
    if let Ok(list) = tx.list("") {
        assert!(list.iter().eq(map.keys()), "{list:?}");
    }
    for (path, value) in map {
        if let Ok(bytes) = tx.get_bytes(path) {
            assert!(bytes.as_ref() == Some(value), "{path} differs");
        }
    }
    if let Ok(children) = tx.children("a") {
        assert_eq!(children, maps::children(map, "a"));
    }
}

/// The paths of conflicts.
pub(super) fn paths_of(conflicts: &hyperstar_store::Conflicts) -> BTreeSet<String> {
    let paths = conflicts.listed.iter();
    paths.map(|conflict| conflict.path.to_string()).collect()
}
