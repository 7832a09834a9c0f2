//! What is there after a store was closed, or lost its power: one of the states that may be.

use std::rc::Rc;

use hyperstar_store::{CommitId, Store, StoreConfig, StoreError};

use super::maps::Map;
use super::submits::Made;
use super::{End, Kept, Run, State, World};
use crate::support::Random;

/// A storage that fails so often does not recover.
const OPENS_MAX: u32 = 1_000;

/// What may be there beside what was acknowledged.
pub(super) enum Doubt {
    /// A state of commits that are known.
    Known(State),
    /// A commit on top of a state, which then has another version and map.
    Commit(Draft),
    /// Any of these, and those that it was made upon.
    Made(Vec<Made>),
}

/// A commit that may be there.
pub(super) struct Draft {
    pub(super) map: Rc<Map>,
    /// Beside the tip.
    pub(super) merged: Option<CommitId>,
    pub(super) undoes: Option<CommitId>,
}

/// Opens it, as often as the storage fails.
pub(super) fn open(world: &mut dyn World, config: &StoreConfig, random: &mut Random) -> Store {
    for _ in 0..OPENS_MAX {
        match world.open(config.clone(), random) {
            Ok(store) => return store,
            Err(StoreError::Backend(_) | StoreError::InDoubt { .. } | StoreError::Open { .. }) => {}
            Err(error) => panic!("it does not open: {error}"),
        }
    }
    panic!("it does not open");
}

impl Run {
    /// The next state of the model: everything in it was acknowledged.
    pub(super) fn adopt(&mut self, state: State, is_durable: bool) {
        let before = std::mem::replace(&mut self.state, state);
        match is_durable {
            true => self.losable.clear(),
            false => self.losable.push(before),
        }
        let changes = |watched: &mut super::Watched, run: &State| watched.expect(run);
        let state = self.state.clone();
        self.watched
            .iter_mut()
            .for_each(|watched| changes(watched, &state));
    }

    /// Takes a new commit of the store into the model. Nothing if the store cannot be read.
    pub(super) fn know(&mut self, id: CommitId, draft: &Draft, tip: CommitId) -> Option<()> {
        let shown = self.read(self.store.show(id))?;
        let mut parents: Vec<CommitId> = Vec::new();
        parents.extend((tip != CommitId::NONE).then_some(tip));
        parents.extend(draft.merged);
        assert_eq!(shown.parents, parents);
        assert_eq!(shown.undoes, draft.undoes);
        assert_eq!(shown.values, draft.map.len() as u64);
        let version = shown.version.as_u64();
        // One that was lost may be made again in the same millisecond.
        self.gone.retain(|gone| *gone != id);
        self.parents.insert(id, parents.clone());
        let former = self.by_version.insert(version, id);
        assert!(former.is_none(), "two commits have the version {version}");
        let kept = Kept {
            version,
            map: draft.map.clone(),
            parents,
            undoes: draft.undoes,
            time_ms: shown.time_ms,
            root: shown.root,
        };
        let former = self.commits.insert(id, kept);
        assert!(former.is_none(), "two commits have the id {id}");
        Some(())
    }

    /// Ends the store, opens it again, and finds out what is there.
    pub(super) fn reopen(&mut self, end: End) {
        if self.doubt.is_empty() {
            self.check_watches();
        }
        self.watched_end();
        self.snapshots.clear();
        self.counts.crashes += u64::from(end == End::Crash);
        let store = std::mem::take(&mut self.store);
        let is_whole = self.world.end(store, end, &mut self.random);
        // A disk may lose its power again before it could be read.
        loop {
            self.store = open(&mut *self.world, &self.config, &mut self.random);
            if self.find(is_whole).is_some() {
                break;
            }
            let store = std::mem::take(&mut self.store);
            self.world.end(store, End::Crash, &mut self.random);
        }
        self.losable.clear();
        self.doubt.clear();
        self.watch_again();
        self.check_reads();
    }

    /// Makes the state that is there the model's. Nothing if it could not be read.
    fn find(&mut self, is_whole: bool) -> Option<()> {
        let found = State {
            version: self.store.head().as_u64(),
            branch: self.store.current_branch(),
            branches: self.read(self.store.branches())?.into_iter().collect(),
            tags: self.read(self.store.tags())?.into_iter().collect(),
            map: Rc::new(self.read_map()?),
        };
        assert_eq!(found.tip(), self.store.head_id());
        if found == self.state {
            return Some(());
        }
        // What was acknowledged may be lost, the last first.
        let may_lose = !is_whole || !self.doubt.is_empty();
        if may_lose && self.losable.contains(&found) {
            self.lose(found.version);
            self.state = found;
            return Some(());
        }
        let doubt = std::mem::take(&mut self.doubt);
        let mut is_found = Some(false);
        for doubt in &doubt {
            is_found = match doubt {
                Doubt::Known(state) => Some(*state == found),
                Doubt::Commit(draft) => self.find_commit(draft, &found),
                Doubt::Made(made) => self.find_made(made, &found),
            };
            if is_found != Some(false) {
                break;
            }
        }
        self.doubt = doubt;
        assert!(
            is_found?,
            "nobody made {:?} of {:?}, nor of {} states before",
            Named(&found),
            Named(&self.state),
            self.losable.len(),
        );
        self.state = found;
        Some(())
    }

    fn find_commit(&mut self, draft: &Draft, found: &State) -> Option<bool> {
        let tip = self.state.tip();
        let mut expected = self.state.clone();
        expected.version += 1;
        expected.map = draft.map.clone();
        expected
            .branches
            .insert(expected.branch.clone(), found.tip());
        if expected != *found || self.commits.contains_key(&found.tip()) {
            return Some(false);
        }
        self.know(found.tip(), draft, tip)?;
        Some(true)
    }

    /// Forgets the commits after a version: they were lost.
    fn lose(&mut self, version: u64) {
        for (_, id) in self.by_version.split_off(&(version + 1)) {
            self.commits.remove(&id);
            self.gone.push(id);
        }
    }

    fn read_map(&self) -> Option<Map> {
        let mut map = Map::new();
        let scanned = self.store.snapshot().scan("", .., |path, bytes| {
            map.insert(
                path.to_owned(),
                hyperstar_store::Bytes::copy_from_slice(bytes),
            );
            std::ops::ControlFlow::Continue(())
        });
        self.read(scanned)?;
        Some(map)
    }
}

/// A state without its values, to be shown.
struct Named<'a>(&'a State);

impl std::fmt::Debug for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("version", &self.0.version)
            .field("branch", &self.0.branch)
            .field("branches", &self.0.branches)
            .field("tags", &self.0.tags)
            .field("paths", &self.0.map.len())
            .finish()
    }
}
