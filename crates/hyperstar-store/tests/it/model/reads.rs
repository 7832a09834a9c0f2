//! What a state answers, compared with a map.

use std::ops::ControlFlow;
use std::rc::Rc;

use hyperstar_store::{Snapshot, Store, StoreConfig, StoreError};

use super::Run;
use super::maps::{self, Map};

impl Run {
    pub(super) fn check_reads(&mut self) {
        let snapshot = self.store.snapshot();
        assert_eq!(snapshot.version().as_u64(), self.state.version);
        assert_eq!(self.store.head_id(), self.state.tip());
        assert_eq!(self.store.current_branch(), self.state.branch);
        let map = self.state.map.clone();
        self.check_snapshot(&snapshot, &map);
    }

    pub(super) fn check_snapshots(&mut self) {
        for (snapshot, map) in std::mem::take(&mut self.snapshots) {
            self.check_snapshot(&snapshot, &map);
        }
    }

    /// The state of a commit, however long ago.
    pub(super) fn check_at(&mut self) {
        let id = self.any_commit();
        match self.store.at(id) {
            Err(StoreError::UnknownCommit { .. }) => self.check_may_be_gone(id),
            snapshot => {
                if let Some(snapshot) = self.read(snapshot) {
                    let map = self.map_of(id);
                    self.check_snapshot(&snapshot, &map);
                }
            }
        }
    }

    pub(super) fn check_snapshot(&mut self, snapshot: &Snapshot, map: &Rc<Map>) {
        let prefix = maps::prefix(&mut self.random);
        let path = maps::path(&mut self.random);
        let nth = self.random.below(map.len() as u64 + 2);
        let checked = check_state(snapshot, map, &prefix, &path, nth);
        self.read(checked);
    }

    /// The hash of the content is that of another store with the same content.
    pub(super) fn check_root(&mut self) {
        let other = Store::memory_with(StoreConfig::default());
        let map = self.state.map.clone();
        let mut paths: Vec<&String> = map.keys().collect();
        for index in (1..paths.len()).rev() {
            paths.swap(index, self.random.below(index as u64 + 1) as usize);
        }
        let parts = 1 + self.random.below(4) as usize;
        for some in paths.chunks(paths.len().div_ceil(parts).max(1)) {
            let written = other.transaction(|tx| {
                tx.set_bytes("more", "more")?;
                some.iter()
                    .try_for_each(|path| tx.set_bytes(path, map[*path].clone()))
            });
            written.unwrap();
        }
        other.remove("more").unwrap();
        assert_eq!(other.snapshot().root(), self.store.snapshot().root());
    }

    pub(super) fn verify(&mut self) {
        if let Some(report) = self.read(self.store.verify(|_| ())) {
            // A disk without power has pages that cannot be read.
            assert!(report.is_whole() || self.world.is_dead(), "{report:?}");
        }
    }
}

fn check_state(
    snapshot: &Snapshot,
    map: &Map,
    prefix: &str,
    path: &str,
    nth: u64,
) -> Result<(), StoreError> {
    assert!(snapshot.list("")?.iter().eq(map.keys()));
    for (path, value) in map {
        assert!(
            snapshot.get_bytes(path)?.as_ref() == Some(value),
            "{path} differs"
        );
    }
    assert!(snapshot.get_bytes(path)?.as_ref() == map.get(path));
    assert_eq!(snapshot.contains(path)?, map.contains_key(path));
    let below = maps::below(map, prefix);
    assert!(snapshot.list(prefix)?.iter().eq(below.iter().copied()));
    assert_eq!(snapshot.children(prefix)?, maps::children(map, prefix));
    assert_eq!(snapshot.count(prefix)?, below.len() as u64);
    let expected = below.get(nth as usize).map(|path| (*path, &map[*path]));
    let found = snapshot.nth(prefix, nth)?;
    assert!(found.as_ref().map(|(path, value)| (path, value)) == expected);
    let mut back = Vec::new();
    snapshot.scan_back(prefix, ..path, |path, value| {
        back.push((path.to_owned(), value.to_owned()));
        match back.len() < 5 {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    let expected = below.iter().rev().filter(|other| other.as_str() < path);
    let expected = expected
        .take(5)
        .map(|path| (path.as_str(), &map[*path][..]));
    assert!(
        back.iter()
            .map(|(path, value)| (path.as_str(), &value[..]))
            .eq(expected)
    );
    Ok(())
}
