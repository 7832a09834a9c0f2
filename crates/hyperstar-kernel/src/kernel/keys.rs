//! The requests of a process that have a key: those that run, and the outcomes of the last that ended.

use std::collections::VecDeque;

use super::task::TaskKey;
use crate::hash::{Seed, Table};
use crate::{CallError, Key, Spec, Ticket};

pub(super) struct Keys<R> {
    table: Table<Key, Keyed<R>>,
    /// Those that have ended, the oldest first, with what their outcomes weigh.
    ended: VecDeque<(Key, u64)>,
    weight_bytes: u64,
}

enum Keyed<R> {
    Runs(Run),
    Ended(Result<R, CallError>),
}

/// A request with a key that waits or runs.
pub(super) struct Run {
    pub(super) task: TaskKey,
    /// Who else waits for the outcome.
    pub(super) joined: Vec<Ticket>,
    /// That it has begun is recorded.
    pub(super) is_recorded: bool,
}

/// What is known of a key.
pub(super) enum Known<'a, R> {
    No,
    Runs(&'a mut Run),
    Ended(&'a Result<R, CallError>),
}

impl<R> Keys<R> {
    pub(super) fn new(seed: Seed) -> Self {
        Keys {
            table: Table::with_hasher(seed),
            ended: VecDeque::new(),
            weight_bytes: 0,
        }
    }

    /// How many outcomes there are.
    pub(super) fn ended(&self) -> usize {
        self.ended.len()
    }

    pub(super) fn get(&mut self, key: &Key) -> Known<'_, R> {
        match self.table.get_mut(key) {
            None => Known::No,
            Some(Keyed::Runs(run)) => Known::Runs(run),
            Some(Keyed::Ended(outcome)) => Known::Ended(outcome),
        }
    }

    pub(super) fn run(&mut self, key: &Key) -> Option<&mut Run> {
        match self.table.get_mut(key) {
            Some(Keyed::Runs(run)) => Some(run),
            _ => None,
        }
    }

    /// Who else waits for the outcome of a key that runs.
    pub(super) fn joined(&self, key: &Key) -> &[Ticket] {
        match self.table.get(key) {
            Some(Keyed::Runs(run)) => &run.joined,
            _ => &[],
        }
    }

    pub(super) fn begin(&mut self, key: Key, task: TaskKey) {
        let run = Run {
            task,
            joined: Vec::new(),
            is_recorded: false,
        };
        self.table.insert(key, Keyed::Runs(run));
    }

    /// Keeps the outcome of a key.
    pub(super) fn end(&mut self, key: Key, outcome: Result<R, CallError>, weight_bytes: u64) {
        self.table.insert(Key::clone(&key), Keyed::Ended(outcome));
        self.ended.push_back((key, weight_bytes));
        self.weight_bytes = self.weight_bytes.saturating_add(weight_bytes);
    }

    /// A request has ended without effect: the next one with its key is a new one.
    pub(super) fn forget(&mut self, key: &Key) {
        self.table.remove(key);
    }

    /// How many of the outcomes are let go of when `more` come of such a weight, so that there are at most as many,
    /// and as heavy, as the process may have.
    pub(super) fn over(&self, more: usize, more_bytes: u64, spec: &Spec) -> usize {
        let mut left = self.ended.len();
        let mut weight_bytes = self.weight_bytes.saturating_add(more_bytes);
        for (_, own_bytes) in &self.ended {
            if left + more <= spec.keys_max && weight_bytes <= spec.keys_weight_bytes_max {
                break;
            }
            left -= 1;
            weight_bytes = weight_bytes.saturating_sub(*own_bytes);
        }
        self.ended.len() - left
    }

    /// The oldest outcomes.
    pub(super) fn oldest(&self, count: usize) -> impl Iterator<Item = &Key> {
        self.ended.iter().take(count).map(|(key, _)| key)
    }

    /// Lets go of the oldest outcomes.
    pub(super) fn let_go(&mut self, count: usize) {
        for (key, weight_bytes) in self.ended.drain(..count) {
            self.table.remove(&key);
            self.weight_bytes = self.weight_bytes.saturating_sub(weight_bytes);
        }
    }
}
