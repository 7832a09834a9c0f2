//! Watches: each change once, in order, also over a reopen.

use std::collections::VecDeque;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use hyperstar_store::{Change, CommitId, StoreError, Watch, WatchBounds, WatchEvent};

use super::maps::{Map, difference};
use super::{Run, State};

pub(super) struct Watched {
    watch: Watch,
    prefix: &'static str,
    /// The commit whose state the reader knows.
    seen: (CommitId, Rc<Map>),
    expected: VecDeque<(u64, CommitId, Vec<Change>)>,
    /// What is there once all that is expected has happened.
    last: Rc<Map>,
}

impl Watched {
    /// The store is in this state now.
    pub(super) fn expect(&mut self, state: &State) {
        let changes = difference(&self.last, &state.map, self.prefix);
        self.last = state.map.clone();
        if !changes.is_empty() {
            let event = (state.version, state.tip(), changes);
            self.expected.push_back(event);
        }
    }
}

impl Run {
    pub(super) fn watch(&mut self) {
        for prefix in ["", "a"] {
            let bounds = WatchBounds {
                events_max: usize::MAX,
                bytes_max: usize::MAX,
            };
            self.watched.push(Watched {
                watch: self.store.watch_with(prefix, bounds).unwrap(),
                prefix,
                seen: (self.state.tip(), self.state.map.clone()),
                expected: VecDeque::new(),
                last: self.state.map.clone(),
            });
        }
    }

    pub(super) fn check_watches(&mut self) {
        let mut watched = std::mem::take(&mut self.watched);
        for watched in &mut watched {
            for (version, id, changes) in watched.expected.drain(..) {
                match next_soon(&mut watched.watch) {
                    Some(WatchEvent::Changed {
                        version: told,
                        id: told_id,
                        changes: told_changes,
                        ..
                    }) => {
                        assert_eq!((told.as_u64(), told_id), (version, id));
                        assert_eq!(*told_changes, changes);
                    }
                    other => panic!("{other:?} in place of version {version}"),
                }
            }
            assert!(watched.watch.try_next().is_none());
            watched.seen = (self.state.tip(), self.state.map.clone());
        }
        self.watched = watched;
    }

    /// Before the store goes: nobody else keeps it open.
    pub(super) fn watched_end(&mut self) {
        for watched in &mut self.watched {
            watched.expected.clear();
        }
    }

    /// Goes on where each reader was, half of the time.
    pub(super) fn watch_again(&mut self) {
        let former = std::mem::take(&mut self.watched);
        self.watch();
        for (at, former) in former.into_iter().enumerate() {
            if self.random.chance(2) {
                continue;
            }
            let (commit, map) = former.seen;
            let watch = match self.store.watch_from(former.prefix, commit) {
                Err(StoreError::UnknownCommit { .. }) => {
                    assert!(self.is_kept(commit) != Some(true));
                    continue;
                }
                watch => self.read(watch),
            };
            if let Some(watch) = watch {
                let watched = &mut self.watched[at];
                watched.watch = watch;
                watched.last = map;
                watched.expect(&self.state);
            }
        }
    }
}

/// A commit that nobody waited for can be read a moment before watches hear of it.
fn next_soon(watch: &mut Watch) -> Option<WatchEvent> {
    let began = Instant::now();
    loop {
        let event = watch.try_next();
        if event.is_some() || began.elapsed() > Duration::from_secs(10) {
            return event;
        }
        thread::yield_now();
    }
}
