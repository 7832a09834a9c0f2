//! A host in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::abi::{Change, Start};
use crate::sys::{Level, Sys};

/// What a host may give at once.
const SCAN_BYTES_MAX: usize = 1024 * 1024;

/// What a process reaches, in memory: a clock that stands still until it is moved, randomness that is the
/// same each time, a log to read, and what was kept.
#[derive(Debug)]
pub struct Host {
    now_ms: Cell<u64>,
    seed: Cell<u64>,
    lines: RefCell<Vec<(Level, String)>>,
    kept: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl Host {
    /// A host with nothing kept, on the 9th of September 2001.
    pub fn new() -> Self {
        Self {
            now_ms: Cell::new(1_000_000_000_000),
            seed: Cell::new(1),
            lines: RefCell::default(),
            kept: RefCell::default(),
        }
    }

    /// Moves the clock.
    pub fn advance_ms(&self, by_ms: u64) {
        self.now_ms.set(self.now_ms.get().saturating_add(by_ms));
    }

    /// The time after some more of it.
    pub(super) fn at_ms(&self, after_ms: u64) -> u64 {
        self.now_ms.get().saturating_add(after_ms)
    }

    /// Keeps what a turn changed.
    pub fn keep(&self, changes: &[Change]) {
        let mut kept = self.kept.borrow_mut();
        for change in changes {
            match &change.value {
                Some(value) => kept.insert(change.path.clone(), value.clone()),
                None => kept.remove(&change.path),
            };
        }
    }

    /// Keeps a value, as text: what an earlier version of an app left, say.
    pub fn set(&self, path: &str, value: &str) {
        let mut kept = self.kept.borrow_mut();
        kept.insert(path.to_owned(), value.as_bytes().to_vec());
    }

    /// All that is kept.
    pub fn kept(&self) -> BTreeMap<String, Vec<u8>> {
        self.kept.borrow().clone()
    }

    /// What a new life of the process `process` begins with.
    pub fn start(&self, process: &str) -> Start {
        let kept = self.kept.borrow();
        let version = kept
            .get("v")
            .and_then(|bytes| serde_json::from_slice(bytes).ok());
        let fields = kept.iter().filter(|(path, _)| path.starts_with("f/"));
        Start {
            node: "test.os".to_owned(),
            process: process.to_owned(),
            version: version.unwrap_or(0),
            fields: fields
                .map(|(path, bytes)| (path.clone(), bytes.clone()))
                .collect(),
        }
    }

    /// What was logged so far; it is forgotten with that.
    pub fn take_log(&self) -> Vec<(Level, String)> {
        self.lines.take()
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Sys for Host {
    fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// By splitmix64, which is no secret.
    fn random(&self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            self.seed
                .set(self.seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
            let mut mixed = self.seed.get();
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            part.copy_from_slice(&mixed.to_le_bytes()[..part.len()]);
        }
    }

    fn log(&self, level: Level, text: &str) {
        self.lines.borrow_mut().push((level, text.to_owned()));
    }

    fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.kept.borrow().get(path).cloned()
    }

    fn scan(
        &self,
        at_or_after: &str,
        before: &str,
        most: u32,
        back: bool,
    ) -> Vec<(String, Vec<u8>)> {
        if at_or_after >= before {
            return Vec::new();
        }
        let kept = self.kept.borrow();
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut take = |(path, value): (&String, &Vec<u8>)| {
            bytes += path.len() + value.len();
            if found.len() >= most as usize || (bytes > SCAN_BYTES_MAX && !found.is_empty()) {
                return false;
            }
            found.push((path.clone(), value.clone()));
            true
        };
        let range = kept.range(at_or_after.to_owned()..before.to_owned());
        match back {
            false => range.map(&mut take).take_while(|goes_on| *goes_on).count(),
            true => range
                .rev()
                .map(&mut take)
                .take_while(|goes_on| *goes_on)
                .count(),
        };
        found
    }

    fn count(&self, prefix: &str) -> u64 {
        let kept = self.kept.borrow();
        let below = kept.range(format!("{prefix}/")..format!("{prefix}0"));
        below.count() as u64
    }
}
