//! The side that answers: what its store had when the session began, and of it only what it told.

use std::collections::{BinaryHeap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use super::message::{
    ENTRIES_MAX, Got, Kind, MESSAGE_BYTES_MAX, Message, Named, PAGE_BYTES_MAX, PAGES_MAX, Want,
    With,
};
use super::names::is_told;
use super::{Amount, SyncError};
use crate::StoreError;
use crate::branches::names;
use crate::commit::CommitId;
use crate::engine::Engine;
use crate::history::find;
use crate::record::{BRANCHES, Record, TAGS};
use crate::state::{Head, Pages, empty_tree};
use crate::tree::{Finder, Part, Place, fresh_pages};

/// Room in a message for what is not pages.
const OVERHEAD_BYTES: usize = 128 * 1024;
/// The most of pages in an answer, whatever is asked for; one page more may come.
const BYTES_MAX: usize = MESSAGE_BYTES_MAX - PAGE_BYTES_MAX - OVERHEAD_BYTES;
/// The most of names or of commits without pages in an answer.
const LIST_BYTES_MAX: usize = 256 * 1024;

pub(super) struct Sender {
    head: Arc<Head>,
    names: Vec<Named>,
    /// What may be asked for: what names were told of, and the parents of what was.
    told: HashSet<CommitId>,
    commits_max: u64,
    pub(super) sent: Amount,
    pub(super) is_asked: bool,
}

impl Sender {
    pub(super) fn new(engine: &Engine, prefix: &str, commits_max: u64) -> Result<Self, StoreError> {
        let head = engine.head();
        let mut told = HashSet::new();
        let mut all = Vec::new();
        for (kind, key) in [(Kind::Branch, BRANCHES), (Kind::Tag, TAGS)] {
            for (name, id) in names(&*head.view, key)? {
                if is_told(kind, &name, prefix) {
                    told.insert(id);
                    all.push(Named { kind, name, id });
                }
            }
        }
        Ok(Self {
            head,
            names: all,
            told,
            commits_max,
            sent: Amount::default(),
            is_asked: false,
        })
    }

    pub(super) fn answer(&mut self, request: Message) -> Result<Message, SyncError> {
        self.is_asked = true;
        match request {
            Message::Names(after) => Ok(self.names_after(after)),
            Message::Walk { commits_max, ids } => self.walk(commits_max as usize, ids),
            Message::Get { bytes_max, wants } => self.get(room(bytes_max), &wants),
            Message::Pages {
                bytes_max,
                commit,
                places,
            } => self.pages(room(bytes_max), commit, &places),
            _ => Err(SyncError::wrong("a message out of turn")),
        }
    }

    fn names_after(&self, after: Option<(Kind, String)>) -> Message {
        let start = match &after {
            None => 0,
            Some((kind, name)) => self
                .names
                .partition_point(|named| (named.kind, &named.name) <= (*kind, name)),
        };
        let mut bytes = 0;
        let rest = self.names[start..].iter().take(ENTRIES_MAX);
        let names: Vec<Named> = rest
            .take_while(|named| {
                bytes += named.name.len() + 40;
                bytes <= LIST_BYTES_MAX
            })
            .cloned()
            .collect();
        Message::NamesAre {
            has_more: start + names.len() < self.names.len(),
            names,
        }
    }

    /// The newest first: what comes before a commit comes after it.
    fn walk(&mut self, commits_max: usize, ids: Vec<CommitId>) -> Result<Message, SyncError> {
        let mut gone = Vec::new();
        let mut seen = HashSet::new();
        let mut next = BinaryHeap::new();
        for id in ids {
            self.check_told(id)?;
            match find(&*self.head.view, id)? {
                Some((version, _)) if seen.insert(id) => next.push((version, id)),
                Some(_) => {}
                None => gone.push(id),
            }
        }
        let mut commits = Vec::new();
        let mut bytes = 0;
        while let Some((_, id)) = next.pop() {
            let record = self.known(id)?;
            let signed = record.signed.encode();
            bytes += signed.len();
            commits.push(Bytes::from(signed));
            for parent in record.signed.parents {
                self.tell(parent)?;
                if let Some((version, _)) = find(&*self.head.view, parent)?
                    && seen.insert(parent)
                {
                    next.push((version, parent));
                }
            }
            if bytes >= LIST_BYTES_MAX || commits.len() >= commits_max.clamp(1, ENTRIES_MAX) {
                break;
            }
        }
        Ok(Message::Walked { commits, gone })
    }

    fn get(&mut self, mut room: Room, wants: &[Want]) -> Result<Message, SyncError> {
        let mut all = Vec::new();
        for want in wants {
            self.check_told(want.id)?;
            let record = self.known(want.id)?;
            let signed = Bytes::from(record.signed.encode());
            room.take(signed.len());
            let pages = self.pages_with(&record, want.with, &mut room)?;
            self.sent.commits += 1;
            all.push(Got {
                signed,
                count: record.tree.count,
                weight: record.tree.weight,
                pages,
            });
            if room.is_used() {
                break;
            }
        }
        Ok(Message::Got(all))
    }

    fn pages_with(
        &mut self,
        record: &Record,
        with: With,
        room: &mut Room,
    ) -> Result<Vec<Bytes>, SyncError> {
        let source = Pages(&*self.head.view);
        let mut pages = Vec::new();
        let before = match (with, record.signed.parents.first()) {
            (With::Nothing, _) => return Ok(pages),
            (With::Root, _) => None,
            (With::Pages, None) => Some(empty_tree()),
            // What the other side has of a commit that is no longer here is not known.
            (With::Pages, Some(parent)) => {
                find(&*self.head.view, *parent)?.map(|(_, parent)| parent.tree)
            }
        };
        let Some(before) = before else {
            let root = Place {
                path: Vec::new(),
                part: Part::Tree,
            };
            let page = Finder::new(&source, record.tree)
                .page(&root)
                .map_err(StoreError::from)?;
            pages.extend(page);
            room.take(pages.iter().map(Bytes::len).sum());
            self.sent.pages += pages.len() as u64;
            return Ok(pages);
        };
        let mut failure = None;
        let walked = fresh_pages(&source, &before, &record.tree, &mut |page| match page
            .sent(&source)
        {
            Ok(page) => {
                room.take(page.len());
                pages.push(page);
                match room.is_used() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            }
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        });
        walked
            .and(failure.map_or(Ok(()), Err))
            .map_err(StoreError::from)?;
        self.sent.pages += pages.len() as u64;
        Ok(pages)
    }

    fn pages(
        &mut self,
        mut room: Room,
        commit: CommitId,
        places: &[Place],
    ) -> Result<Message, SyncError> {
        self.check_told(commit)?;
        let record = self.known(commit)?;
        let source = Pages(&*self.head.view);
        let mut finder = Finder::new(&source, record.tree);
        let mut pages = Vec::new();
        for place in places {
            let page = finder.page(place).map_err(StoreError::from)?;
            let page = page.ok_or_else(|| SyncError::wrong("a place where no page is"))?;
            room.take(page.len());
            pages.push(page);
            if room.is_used() {
                break;
            }
        }
        self.sent.pages += pages.len() as u64;
        Ok(Message::PagesAre(pages))
    }

    fn tell(&mut self, id: CommitId) -> Result<(), SyncError> {
        self.told.insert(id);
        match self.told.len() as u64 > self.commits_max + self.names.len() as u64 {
            false => Ok(()),
            true => Err(SyncError::Limit {
                what: "commits",
                max: self.commits_max,
                option: "commits_max",
            }),
        }
    }

    fn check_told(&self, id: CommitId) -> Result<(), SyncError> {
        match self.told.contains(&id) {
            true => Ok(()),
            false => Err(SyncError::wrong("a commit that it was not told of")),
        }
    }

    fn known(&self, id: CommitId) -> Result<Record, SyncError> {
        match find(&*self.head.view, id)? {
            Some((_, record)) => Ok(record),
            None => Err(SyncError::wrong("a commit that is not kept here")),
        }
    }
}

/// How much more goes into an answer.
struct Room {
    bytes: usize,
    pages: usize,
}

fn room(bytes_max: u32) -> Room {
    Room {
        bytes: (bytes_max as usize).min(BYTES_MAX),
        pages: PAGES_MAX,
    }
}

impl Room {
    fn take(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.pages = self.pages.saturating_sub(1);
    }

    fn is_used(&self) -> bool {
        self.bytes == 0 || self.pages == 0
    }
}
