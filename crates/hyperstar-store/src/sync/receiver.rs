//! The side that asks: for names, for the commits before them, and for what is missing of each.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use super::intake::{self, Header, Open, Target};
use super::message::{Got, IDS_MAX, Kind, Message, Named, PLACES_MAX, Want, With};
use super::names::{self, Settled, at};
use super::walk::{Planned, Walk, is_here, read};
use super::{Amount, SyncError, SyncOptions};
use crate::commit::CommitId;
use crate::engine::Engine;
use crate::hash::Hash;
use crate::lock::lock;
use crate::record::branch_key;

/// The first answers are short, so that a connection that breaks often gets somewhere, too.
const BYTES_FIRST: u32 = 32 * 1024;
/// The most of pages in an answer: they are written at once, and writers wait for so long.
const BYTES_MAX: u32 = 1024 * 1024;
/// The fewest commits that a walk asks for.
const WALKED_FIRST: u32 = 16;
/// A page has so many bytes or more, mostly: so many places are named that an answer is full.
const PAGE_BYTES: usize = 512;

pub(super) struct Receiver {
    engine: Arc<Engine>,
    options: SyncOptions,
    /// How many bytes the next answer may have.
    bytes_next: u32,
    commits_next: u32,
    /// The last name that was told, and how many were.
    last: Option<(Kind, String)>,
    names: usize,
    /// Those that are to be taken.
    told: Vec<Named>,
    /// Which of them is in turn.
    at: usize,
    phase: Phase,
    /// What the names stand for, until they do so here.
    tips: Receiving,
    /// What was asked for.
    receiving: Receiving,
    pub(super) received: Amount,
}

enum Phase {
    Names,
    Choose,
    Walk(Walk),
    Fetch(Box<Fetch>),
    Done,
}

struct Fetch {
    target: Target,
    planned: VecDeque<Planned>,
    /// The commit in turn, and what it waits for.
    open: Option<(Header, Vec<crate::tree::Place>)>,
    /// The root of the commit in turn has to come first.
    needs_root: bool,
}

impl Receiver {
    pub(super) fn new(engine: Arc<Engine>, options: &SyncOptions) -> Self {
        Self {
            tips: Receiving::new(&engine),
            receiving: Receiving::new(&engine),
            engine,
            options: options.clone(),
            bytes_next: BYTES_FIRST,
            commits_next: WALKED_FIRST,
            last: None,
            names: 0,
            told: Vec::new(),
            at: 0,
            phase: Phase::Names,
            received: Amount::default(),
        }
    }

    /// The next question; nothing if all is here.
    pub(super) fn ask(&mut self) -> Result<Option<Message>, SyncError> {
        loop {
            match &mut self.phase {
                Phase::Names => return Ok(Some(Message::Names(self.last.clone()))),
                Phase::Choose => self.choose()?,
                Phase::Walk(walk) => {
                    let ids = walk.asks();
                    if !ids.is_empty() {
                        let commits_max = self.commits_next.max(ids.len() as u32);
                        return Ok(Some(Message::Walk { commits_max, ids }));
                    }
                    self.plan()?;
                }
                Phase::Fetch(_) => match self.fetch()? {
                    Some(message) => return Ok(Some(message)),
                    None => {
                        self.at += 1;
                        self.phase = Phase::Choose;
                    }
                },
                Phase::Done => return Ok(None),
            }
        }
    }

    pub(super) fn take(&mut self, answer: Message) -> Result<(), SyncError> {
        match (&mut self.phase, answer) {
            (Phase::Names, Message::NamesAre { names, has_more }) => {
                self.take_names(names, has_more)
            }
            (Phase::Walk(walk), Message::Walked { commits, gone }) => {
                self.commits_next = self.commits_next.saturating_mul(2);
                walk.take(&*self.engine.head().view, &commits, &gone)
            }
            (Phase::Fetch(_), Message::Got(got)) => self.take_commits(got),
            (Phase::Fetch(_), Message::PagesAre(pages)) => self.take_pages(&pages),
            _ => Err(SyncError::wrong("an answer to something else")),
        }
    }

    /// How many of the commits that are missing before the tip in turn are done, and how many there are.
    pub(super) fn left(&self) -> u64 {
        match &self.phase {
            Phase::Walk(walk) => walk.missing(),
            Phase::Fetch(fetch) => fetch.planned.len() as u64,
            _ => 0,
        }
    }

    /// What became of the names, once all is here.
    pub(super) fn settle(&self) -> Result<Settled, SyncError> {
        names::settle(&self.engine, &self.options.peer, &self.told)
    }

    fn take_names(&mut self, names: Vec<Named>, has_more: bool) -> Result<(), SyncError> {
        if has_more && names.is_empty() {
            return Err(SyncError::wrong("no names where there are some"));
        }
        for named in names {
            names::check_told(&named, &self.options.peer)?;
            let next = (named.kind, named.name.clone());
            if self.last.as_ref().is_some_and(|last| *last >= next) {
                return Err(SyncError::wrong("names that are not in order"));
            }
            self.last = Some(next);
            self.names += 1;
            if self.names > self.options.names_max {
                return Err(SyncError::Limit {
                    what: "names",
                    max: self.options.names_max as u64,
                    option: "names_max",
                });
            }
            if names::is_told(named.kind, &named.name, &self.options.names) {
                self.told.push(named);
            }
        }
        if !has_more {
            self.tips
                .set(self.told.iter().map(|named| named.id).collect());
            self.phase = Phase::Choose;
        }
        Ok(())
    }

    /// Goes to the next name whose commit is missing.
    fn choose(&mut self) -> Result<(), SyncError> {
        let head = self.engine.head();
        while let Some(named) = self.told.get(self.at) {
            if !is_here(&*head.view, named.id)? {
                self.phase = Phase::Walk(Walk::new(named.id, self.options.commits_max));
                return Ok(());
            }
            self.at += 1;
        }
        self.receiving.set(Vec::new());
        self.phase = Phase::Done;
        Ok(())
    }

    fn plan(&mut self) -> Result<(), SyncError> {
        let phase = std::mem::replace(&mut self.phase, Phase::Done);
        let (Phase::Walk(walk), Some(named)) = (phase, self.told.get(self.at)) else {
            return Err(SyncError::Over);
        };
        let is_branch = named.kind == Kind::Branch;
        let tracking = is_branch.then(|| names::tracking(&self.options.peer, &named.name));
        let head = self.engine.head();
        let followed = match &tracking {
            Some(tracking) => at(&*head.view, &branch_key(tracking))?,
            None => None,
        };
        self.phase = Phase::Fetch(Box::new(Fetch {
            target: Target {
                tip: named.id,
                branch: is_branch.then(|| named.name.clone()),
                tag: (!is_branch).then(|| named.name.clone()),
                tracking,
            },
            planned: walk.order(followed.is_some()),
            open: None,
            needs_root: false,
        }));
        Ok(())
    }

    /// Asks for what is missing of the commit in turn, or for the next commits; nothing if all are here.
    fn fetch(&mut self) -> Result<Option<Message>, SyncError> {
        let Phase::Fetch(fetch) = &mut self.phase else {
            return Ok(None);
        };
        let bytes_max = self.bytes_next;
        let pages_max = (bytes_max as usize / PAGE_BYTES).clamp(1, PLACES_MAX);
        if let Some((header, missing)) = &fetch.open {
            return Ok(Some(Message::Pages {
                bytes_max,
                commit: header.id,
                places: missing.iter().take(pages_max).cloned().collect(),
            }));
        }
        // Another session may have received them.
        let head = self.engine.head();
        while let Some(next) = fetch.planned.front()
            && is_here(&*head.view, next.id)?
        {
            fetch.planned.pop_front();
        }
        let next = fetch.planned.iter().take(pages_max.min(IDS_MAX));
        let mut wants: Vec<Want> = next
            .map(|planned| Want {
                id: planned.id,
                with: planned.with,
            })
            .collect();
        // From here on nobody drops what is there of them.
        self.receiving
            .set(wants.iter().map(|want| want.id).collect());
        let Some(first) = wants.first_mut() else {
            return Ok(None);
        };
        if fetch.needs_root {
            first.with = With::Root;
        } else if intake::staged(&*self.engine.head().view, first.id)?.is_some() {
            first.with = With::Nothing;
        }
        Ok(Some(Message::Get { bytes_max, wants }))
    }

    fn take_commits(&mut self, got: Vec<Got>) -> Result<(), SyncError> {
        let Phase::Fetch(fetch) = &mut self.phase else {
            return Err(SyncError::Over);
        };
        if got.is_empty() || fetch.open.is_some() {
            return Err(SyncError::wrong("no commit that was asked for"));
        }
        let mut headers = Vec::new();
        let mut pages = Vec::new();
        for (got, planned) in got.into_iter().zip(&fetch.planned) {
            let (id, signed) = read(&got.signed)?;
            if id != planned.id {
                return Err(SyncError::wrong("another commit than was asked for"));
            }
            headers.push(Header {
                id,
                signed,
                count: got.count,
                weight: got.weight,
                is_on_branch: planned.is_on_branch,
            });
            pages.extend(got.pages);
        }
        let had_root = fetch.needs_root;
        self.write(headers, &pages)?;
        match &self.phase {
            Phase::Fetch(fetch) if fetch.needs_root && had_root => {
                Err(SyncError::wrong("a commit without its root"))
            }
            _ => Ok(()),
        }
    }

    fn take_pages(&mut self, pages: &[Bytes]) -> Result<(), SyncError> {
        let Phase::Fetch(fetch) = &mut self.phase else {
            return Err(SyncError::Over);
        };
        let Some((header, asked)) = fetch.open.take() else {
            return Err(SyncError::wrong("pages that were not asked for"));
        };
        self.write(vec![header], pages)?;
        let Phase::Fetch(fetch) = &self.phase else {
            return Ok(());
        };
        match &fetch.open {
            // Another session may have brought it as well, but the first of them always comes.
            Some((_, missing)) if missing.first() == asked.first() => {
                Err(SyncError::wrong("no page that was asked for"))
            }
            _ => Ok(()),
        }
    }

    /// Writes down what came, and notes what is missing.
    fn write(&mut self, headers: Vec<Header>, pages: &[Bytes]) -> Result<(), SyncError> {
        self.bytes_next = self.bytes_next.saturating_mul(2).min(BYTES_MAX);
        let missing_max = (self.bytes_next as usize / PAGE_BYTES).clamp(1, PLACES_MAX);
        let pages: HashMap<Hash, Bytes> = pages
            .iter()
            .map(|page| (Hash::of(page), page.clone()))
            .collect();
        let Phase::Fetch(fetch) = &mut self.phase else {
            return Err(SyncError::Over);
        };
        let mut left = &headers[..];
        let mut checked = None;
        fetch.needs_root = false;
        loop {
            let taken = intake::take(
                &self.engine,
                &fetch.target,
                left,
                &pages,
                checked.take(),
                missing_max,
            );
            let taken = taken.or_else(|error| forget_wrong(&self.engine, left, error))?;
            fetch
                .planned
                .drain(..taken.commits.min(fetch.planned.len()));
            left = left.get(taken.commits..).unwrap_or_default();
            self.received.commits += taken.commits as u64;
            self.received.pages += taken.pages;
            match (taken.open, left.first()) {
                (Some(Open::Unchecked), Some(commit)) => {
                    let found = intake::check(&self.engine, commit);
                    checked = Some(found.or_else(|error| forget_wrong(&self.engine, left, error))?);
                }
                (Some(Open::Missing(missing)), Some(commit)) => {
                    fetch.open = Some((commit.clone(), missing));
                    return Ok(());
                }
                (Some(Open::Root), _) => {
                    fetch.needs_root = true;
                    return Ok(());
                }
                _ => return Ok(()),
            }
        }
    }
}

/// A commit that is none leaves nothing behind. Which of those it is does not matter: only one is staged.
fn forget_wrong<T>(engine: &Engine, commits: &[Header], error: SyncError) -> Result<T, SyncError> {
    if let (SyncError::Wrong { .. }, Some(first)) = (&error, commits.first()) {
        intake::forget(engine, first.id)?;
    }
    Err(error)
}

/// Says which commits a session is receiving, until it ends.
struct Receiving {
    engine: Arc<Engine>,
    commits: Vec<CommitId>,
}

impl Receiving {
    fn new(engine: &Arc<Engine>) -> Self {
        Self {
            engine: engine.clone(),
            commits: Vec::new(),
        }
    }

    fn set(&mut self, commits: Vec<CommitId>) {
        let mut all = lock(&self.engine.receiving);
        for id in &commits {
            *all.entry(*id).or_default() += 1;
        }
        for id in std::mem::replace(&mut self.commits, commits) {
            if let Entry::Occupied(mut count) = all.entry(id) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.set(Vec::new());
    }
}
