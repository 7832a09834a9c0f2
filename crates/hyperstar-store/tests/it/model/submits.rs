//! Commits on their way, several at once: awaited or dropped, shared or alone.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use hyperstar_store::{Bytes, CommitId, Durability, Pending, StoreError};

use super::life::{Doubt, Draft};
use super::maps::Map;
use super::writes::{check_transaction, write_one};
use super::{Run, State, is_of_backend};
use crate::support::Random;

/// Each submitted transaction writes a number there, so that no two states are equal.
const STAMP: &str = "stamp";

/// A transaction that has run, and what it leads to.
#[derive(Clone)]
pub(super) struct Made {
    map: Rc<Map>,
    /// The one that it was made upon; none if it was the head.
    base: Option<usize>,
    is_durable: bool,
    /// It was acknowledged.
    is_done: bool,
}

impl Made {
    fn stamp(&self) -> &Bytes {
        &self.map[STAMP]
    }
}

impl Run {
    pub(super) fn submit(&mut self) {
        self.world.arm(&mut self.random);
        let mut made: Vec<Made> = Vec::new();
        let mut awaited: Vec<(usize, Pending)> = Vec::new();
        let mut is_in_doubt = false;
        for _ in 0..1 + self.random.below(12) {
            match self.submit_one(&mut made) {
                Ok(pending) if self.random.chance(3) => drop(pending),
                Ok(pending) => awaited.push((made.len() - 1, pending)),
                Err(error) => is_in_doubt |= is_doubt(&error),
            }
            if self.random.chance(5) && !awaited.is_empty() {
                let at = self.random.below(awaited.len() as u64) as usize;
                let (at, pending) = awaited.swap_remove(at);
                is_in_doubt |= wait(&mut made[at], pending);
            }
        }
        for (at, pending) in awaited {
            is_in_doubt |= wait(&mut made[at], pending);
        }
        // Nothing is on its way when this one has ended.
        let last = self.store.submit(|_| Ok::<_, StoreError>(()));
        is_in_doubt |= match last {
            Ok(((), last)) => match catch_unwind(AssertUnwindSafe(|| last.wait())) {
                Ok(ended) => ended.is_err_and(|error| is_doubt(&error)),
                Err(panicked) => is_of_backend(&*panicked),
            },
            Err(error) => is_doubt(&error),
        };
        match self.learn(&made) {
            Some(is_learned) => assert!(is_learned, "it is not what was submitted"),
            None => is_in_doubt = true,
        }
        if is_in_doubt {
            self.doubt.push(Doubt::Made(made.clone()));
            self.reopen_somehow();
            let last = self.last_of(&made);
            for (at, made_at) in made.iter().enumerate() {
                let is_there = last.is_some_and(|last| is_within(&made, last, at));
                assert!(is_there || !made_at.is_done || !made_at.is_durable);
            }
        }
    }

    fn submit_one(&mut self, made: &mut Vec<Made>) -> Result<Pending, StoreError> {
        let writes = self.random.below(4);
        self.counts.operations += writes + 1;
        self.stamps += 1;
        let stamp = Bytes::from(self.stamps.to_string());
        let durability = self.durability();
        let durability = durability.unwrap_or(self.config.durability);
        let mut random = Random::new(self.random.next());
        let head = self.state.map.clone();
        let next = RefCell::new(None);
        let submitted = self.store.submit(|tx| {
            let found = tx.get_bytes(STAMP)?;
            let base = found
                .as_ref()
                .and_then(|found| made.iter().position(|made| made.stamp() == found));
            let mut map = match base {
                Some(base) => (*made[base].map).clone(),
                // Those before failed, or there are none; or one has ended already.
                None => (*head).clone(),
            };
            check_transaction(&map, tx);
            for _ in 0..writes {
                write_one(tx, &mut map, &mut random)?;
            }
            tx.set_bytes(STAMP, stamp.clone())?;
            map.insert(STAMP.to_owned(), stamp);
            tx.set_durability(durability);
            *next.borrow_mut() = Some((map, base));
            Ok::<_, StoreError>(())
        });
        let ((), pending) = submitted?;
        let (map, base) = next.into_inner().unwrap();
        made.push(Made {
            map: Rc::new(map),
            base,
            is_durable: durability == Durability::Durable,
            is_done: false,
        });
        Ok(pending)
    }

    /// Takes the commits over that the store has made of these. False if they cannot be of them,
    /// nothing if they cannot be read.
    fn learn(&mut self, made: &[Made]) -> Option<bool> {
        let tip = self.state.tip();
        let mut new = Vec::new();
        for entry in self.read(self.store.log(""))? {
            let entry = self.read(entry)?;
            if entry.id == tip || self.commits.contains_key(&entry.id) {
                break;
            }
            new.push(entry);
        }
        let mut last = self.last_of(made);
        let mut known: Vec<(State, usize)> = Vec::new();
        let mut state = self.state.clone();
        for entry in new.iter().rev() {
            let snapshot = self.read(self.store.at(entry.id))?;
            let stamp = self.read(snapshot.get_bytes(STAMP))?;
            let found = made
                .iter()
                .position(|made| Some(made.stamp()) == stamp.as_ref());
            let Some(found) = found else {
                return Some(false);
            };
            let map = made[found].map.clone();
            self.check_snapshot(&snapshot, &map);
            if !is_made_upon(made, found, last) {
                return Some(false);
            }
            last = Some(found);
            state.version = entry.version.as_u64();
            state.branches.insert(state.branch.clone(), entry.id);
            state.map = map;
            known.push((state.clone(), found));
        }
        // What was acknowledged is among them.
        let acknowledged = made.iter().enumerate().filter(|(_, made)| made.is_done);
        for (at, _) in acknowledged {
            if !last.is_some_and(|last| is_within(made, last, at)) {
                return Some(false);
            }
        }
        let mut former = self.last_of(made);
        for (state, found) in known {
            let draft = Draft {
                map: state.map.clone(),
                merged: None,
                undoes: None,
            };
            self.know(state.tip(), &draft, self.state.tip())?;
            let is_durable = is_any_durable(made, found, former);
            former = Some(found);
            self.adopt(state, is_durable);
        }
        Some(true)
    }

    /// Which of these the state of the model is.
    fn last_of(&self, made: &[Made]) -> Option<usize> {
        let stamp = self.state.map.get(STAMP)?;
        made.iter().position(|made| made.stamp() == stamp)
    }

    /// Whether `found` is what some of these lead to; then they are known.
    pub(super) fn find_made(&mut self, made: &[Made], found: &State) -> Option<bool> {
        let mut expected = found.clone();
        expected.version = self.state.version;
        expected.map = self.state.map.clone();
        expected.branches = self.state.branches.clone();
        if expected != self.state {
            return Some(false);
        }
        // After a crash those that nobody vouched for may be gone.
        let mut made = made.to_vec();
        made.iter_mut()
            .for_each(|made| made.is_done &= made.is_durable);
        Some(self.learn(&made)? && self.state == *found)
    }
}

/// Whether all between two of them came one upon the other.
fn is_made_upon(made: &[Made], found: usize, last: Option<usize>) -> bool {
    let mut at = Some(found);
    while at != last {
        match at {
            Some(next) => at = made[next].base,
            None => return false,
        }
    }
    true
}

fn is_within(made: &[Made], last: usize, sought: usize) -> bool {
    let mut at = Some(last);
    while let Some(next) = at {
        if next == sought {
            return true;
        }
        at = made[next].base;
    }
    false
}

/// Whether one of those that share the commit was to be on the disk.
fn is_any_durable(made: &[Made], found: usize, former: Option<usize>) -> bool {
    let mut at = Some(found);
    let mut is_durable = false;
    while let Some(next) = at.filter(|_| at != former) {
        is_durable |= made[next].is_durable;
        at = made[next].base;
    }
    is_durable
}

/// Whether it is in doubt.
fn wait(made: &mut Made, pending: Pending) -> bool {
    match catch_unwind(AssertUnwindSafe(|| pending.wait())) {
        Ok(Ok(commit)) => {
            assert!(commit.id != CommitId::NONE);
            made.is_done = true;
            false
        }
        Ok(Err(error)) => is_doubt(&error),
        Err(panicked) => {
            assert!(is_of_backend(&*panicked));
            true
        }
    }
}

fn is_doubt(error: &StoreError) -> bool {
    match error {
        StoreError::InDoubt { .. } | StoreError::Stopped { .. } => true,
        StoreError::Backend(_) => false,
        error => panic!("{error}"),
    }
}
