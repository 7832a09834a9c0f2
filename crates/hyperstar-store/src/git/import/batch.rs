//! From commits that were read to commits of the store, many by one write to the disk.
//!
//! What is written has no name yet. A compaction may let it go at any time, and so each batch looks
//! whether what it builds on is still there.

use std::collections::HashMap;
use std::sync::Arc;

use crate::backend::View;
use crate::commit::CommitId;
use crate::engine::flush::{Draft, load_kept};
use crate::git::extras::Claims;
use crate::git::read::{FileChange, GitReadError, ReadCommit};
use crate::git::{Applier, Files};
use crate::history::find;
use crate::record::{AUTHOR_BYTES_MAX, MESSAGE_BYTES_MAX, Record, Signed, commit_key, id_key};
use crate::state::{Pages, Past, empty_tree};
use crate::transaction::bounded;
use crate::tree::{self, PageId, TreeRef, Visit};
use crate::{Store, StoreError, Version};

use super::overlay::Overlay;

/// From how many bytes of changes on a batch is written. A commit with more of them is written in
/// parts.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// The most commits of a batch: writers have their turn between two.
const BATCH_COMMITS_MAX: usize = 1024;

/// Makes commits of what a stream tells.
pub(super) struct Batches<'a> {
    store: &'a Store,
    /// The state after the last batch.
    view: Arc<dyn View>,
    /// The version of each commit that was written or was there, by its number in the stream.
    versions: Vec<Version>,
    /// The commits after those.
    pending: Vec<Pending>,
    pending_bytes: usize,
    /// The commit whose changes are being read.
    open: Option<Pending>,
    applier: Applier,
    pub(super) created: u64,
    pub(super) unaltered: u64,
    pub(super) altered: u64,
}

struct Pending {
    commit: Box<ReadCommit>,
    claims: Claims,
    overlay: Overlay,
    part: Option<Part>,
}

/// What is written of a commit whose changes are many: a commit of its own, until the whole is there.
struct Part {
    version: Version,
    id: CommitId,
    tree: TreeRef,
    /// The first page that was written for it.
    first: PageId,
    /// The pages of the commit's first parent that are not in it.
    dropped: Vec<PageId>,
}

impl<'a> Batches<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self {
            store,
            view: store.engine.head().view.clone(),
            versions: Vec::new(),
            pending: Vec::new(),
            pending_bytes: 0,
            open: None,
            applier: Applier::default(),
            created: 0,
            unaltered: 0,
            altered: 0,
        }
    }

    /// The versions of all commits, once the last was [written](Batches::write).
    pub(super) fn versions(&self) -> &[Version] {
        &self.versions
    }

    pub(super) fn begin(&mut self, commit: Box<ReadCommit>) -> Result<(), GitReadError> {
        let line = commit.line;
        let begun = self.begun(commit);
        self.open = Some(begun.map_err(|error| failed(line, error))?);
        self.applier = Applier::default();
        Ok(())
    }

    fn begun(&self, mut commit: Box<ReadCommit>) -> Result<Pending, StoreError> {
        let author = std::mem::take(&mut commit.author);
        commit.author = bounded("author", author, AUTHOR_BYTES_MAX)?;
        let message = std::mem::take(&mut commit.message);
        commit.message = bounded("message", message, MESSAGE_BYTES_MAX)?;
        let mut overlay = match commit.parents.first() {
            Some(parent) => self.files_of(*parent)?,
            None => self.over(Version::ZERO, empty_tree()),
        };
        if commit.base.is_none() {
            overlay.remove("")?;
        }
        Ok(Pending {
            claims: Claims::of(&commit.extras),
            commit,
            overlay,
            part: None,
        })
    }

    pub(super) fn change(&mut self, line: u64, change: FileChange) -> Result<(), GitReadError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        self.applier.apply(&mut open.overlay, line, change)?;
        if open.overlay.changed_bytes() >= BATCH_BYTES {
            self.write(line)?;
        }
        Ok(())
    }

    /// Ends the commit. Tells whether a batch was written.
    pub(super) fn end(&mut self, line: u64) -> Result<bool, GitReadError> {
        let Some(open) = self.open.take() else {
            return Ok(false);
        };
        self.pending_bytes +=
            ENTRY_BYTES + open.commit.message.len() + open.overlay.changed_bytes();
        self.pending.push(open);
        let is_full = self.pending_bytes >= BATCH_BYTES || self.pending.len() >= BATCH_COMMITS_MAX;
        if is_full {
            self.write(line)?;
        }
        Ok(is_full)
    }

    /// Writes what was read so far, also of a commit that is not at its end.
    pub(super) fn write(&mut self, line: u64) -> Result<(), GitReadError> {
        let written = self.store.engine.replace_head(|backend, head| {
            let mut builder = Builder {
                draft: Draft::new(head),
                view: &*head.view,
                versions: &self.versions,
                made: Vec::new(),
                by_id: HashMap::new(),
                created: 0,
            };
            for pending in &self.pending {
                builder.build(pending)?;
            }
            let part = self.open.as_ref().map(|open| builder.build_part(open));
            let part = part.transpose()?;
            let Builder {
                mut draft,
                made,
                created,
                ..
            } = builder;
            if created > 0 || part.is_some() {
                draft.state.ties += 1;
            }
            let head = draft.apply(backend, true)?;
            Ok(((made, part, created, head.view.clone()), head, Vec::new()))
        });
        let (made, part, created, view) = written.map_err(|error| failed(line, error))?;
        for (pending, made) in self.pending.drain(..).zip(&made) {
            match pending.claims.hold(&made.signed) {
                Some(true) => self.unaltered += 1,
                Some(false) => self.altered += 1,
                None => {}
            }
        }
        self.pending_bytes = 0;
        self.created += created;
        self.versions.extend(made.iter().map(|made| made.version));
        self.view = view;
        if let (Some(open), Some(part)) = (&mut self.open, part) {
            open.overlay = Overlay::new(Past {
                view: self.view.clone(),
                version: part.version,
                tree: part.tree,
            });
            open.part = Some(part);
        }
        Ok(())
    }

    fn files_of(&self, number: u64) -> Result<Overlay, StoreError> {
        match place_of(number, self.versions.len()) {
            Ok(written) => {
                let version = self.versions[written];
                let record = load_kept(&*self.view, version)?.ok_or_else(|| gone(version))?;
                Ok(self.over(version, record.tree))
            }
            Err(pending) => Ok(self.pending[pending].overlay.next()),
        }
    }

    fn over(&self, version: Version, tree: TreeRef) -> Overlay {
        Overlay::new(Past {
            view: self.view.clone(),
            version,
            tree,
        })
    }
}

/// What a commit that waits costs beside its changes, in bytes.
const ENTRY_BYTES: usize = 1024;

/// The place of a commit among those that are written, or else among those that are not.
fn place_of(number: u64, written: usize) -> Result<usize, usize> {
    // The reader numbers fewer than 2^24 commits.
    let number = number as usize;
    match number.checked_sub(written) {
        None => Ok(number),
        Some(pending) => Err(pending),
    }
}

/// A commit that the import needs is no longer there. Nothing else of an import fails so.
fn gone(version: Version) -> StoreError {
    StoreError::UnknownCommit {
        commit: version.to_string(),
    }
}

pub(super) fn failed(line: u64, error: StoreError) -> GitReadError {
    match error {
        StoreError::UnknownCommit { .. } => GitReadError::Compacted { line },
        source => GitReadError::Store { line, source },
    }
}

/// A batch in the making.
struct Builder<'a> {
    draft: Draft<'a>,
    view: &'a dyn View,
    versions: &'a [Version],
    made: Vec<Made>,
    by_id: HashMap<CommitId, usize>,
    created: u64,
}

#[derive(Clone)]
struct Made {
    version: Version,
    id: CommitId,
    tree: TreeRef,
    signed: Signed,
}

impl Made {
    fn new(version: Version, record: Record) -> Self {
        Self {
            version,
            id: record.id,
            tree: record.tree,
            signed: record.signed,
        }
    }
}

impl Builder<'_> {
    fn build(&mut self, pending: &Pending) -> Result<(), StoreError> {
        let before = self.draft.state.next_page;
        let parents = self.parents(pending)?;
        let (tree, dropped) = self.edit(pending, &parents)?;
        let commit = &pending.commit;
        let signed = pending.claims.complete(Signed {
            root: tree.hash,
            parents: parents.into_iter().map(|(id, _)| id).collect(),
            time_ms: commit.time_ms,
            undoes: pending.claims.undoes,
            author: commit.author.clone(),
            message: commit.message.clone(),
        });
        let id = signed.id();
        let found = match self.by_id.get(&id) {
            Some(index) => Some(self.made[*index].clone()),
            None => find(self.view, id)?.map(|(version, record)| Made::new(version, record)),
        };
        let made = match found {
            Some(made) => {
                self.draft.take_back(before);
                if let Some(part) = &pending.part {
                    self.forget_pages(part)?;
                }
                made
            }
            None => {
                self.created += 1;
                let dropped = self.dropped_of(pending.part.as_ref(), dropped);
                let record = Record {
                    id,
                    signed,
                    tree,
                    dropped,
                };
                Made::new(self.insert(&record), record)
            }
        };
        self.forget(pending.part.as_ref());
        self.by_id.insert(id, self.made.len());
        self.made.push(made);
        Ok(())
    }

    /// Writes what was read of a commit that has more to come.
    fn build_part(&mut self, open: &Pending) -> Result<Part, StoreError> {
        let first = match &open.part {
            Some(part) => part.first,
            None => self.draft.state.next_page,
        };
        let parents = self.parents(open)?;
        let (tree, dropped) = self.edit(open, &parents)?;
        let dropped = self.dropped_of(open.part.as_ref(), dropped);
        self.forget(open.part.as_ref());
        // No other commit has the same name: its version is in it.
        let version = self.draft.state.version.next();
        let signed = Signed {
            root: tree.hash,
            parents: parents.into_iter().map(|(id, _)| id).collect(),
            time_ms: open.commit.time_ms,
            undoes: None,
            author: String::new(),
            message: format!("A part of a commit, imported as version {version}"),
        };
        let record = Record {
            id: signed.id(),
            signed,
            tree,
            dropped,
        };
        let version = self.insert(&record);
        Ok(Part {
            version,
            id: record.id,
            tree,
            first,
            dropped: record.dropped,
        })
    }

    fn insert(&mut self, record: &Record) -> Version {
        let version = self.draft.state.version.next();
        self.draft.insert(version, record);
        version
    }

    fn parents(&self, pending: &Pending) -> Result<Vec<(CommitId, TreeRef)>, StoreError> {
        let parents = pending.commit.parents.iter();
        let parents = parents.map(|number| match place_of(*number, self.versions.len()) {
            Ok(written) => {
                let version = self.versions[written];
                let record = load_kept(self.view, version)?.ok_or_else(|| gone(version))?;
                Ok((record.id, record.tree))
            }
            Err(made) => Ok((self.made[made].id, self.made[made].tree)),
        });
        parents.collect()
    }

    /// The tree of a commit or of a part of it, and the pages that are not in it of the tree that it
    /// comes from.
    fn edit(
        &mut self,
        pending: &Pending,
        parents: &[(CommitId, TreeRef)],
    ) -> Result<(TreeRef, Vec<PageId>), StoreError> {
        let from = match (&pending.part, parents.first()) {
            (Some(part), _) => {
                load_kept(self.view, part.version)?.ok_or_else(|| gone(part.version))?;
                part.tree
            }
            (None, Some((_, tree))) => *tree,
            (None, None) => empty_tree(),
        };
        self.draft.edit(&from, pending.overlay.changes())
    }

    /// The pages of the first parent that are not in a commit which was written in parts. Those of the
    /// parts are nobody's from now on.
    fn dropped_of(&mut self, part: Option<&Part>, dropped: Vec<PageId>) -> Vec<PageId> {
        let Some(part) = part else {
            return dropped;
        };
        let (of_parts, of_parent): (Vec<_>, Vec<_>) =
            dropped.into_iter().partition(|id| *id >= part.first);
        self.draft.remove_pages(of_parts);
        [part.dropped.clone(), of_parent].concat()
    }

    /// Removes the commit that a part was.
    fn forget(&mut self, part: Option<&Part>) {
        if let Some(part) = part {
            self.draft.remove(commit_key(part.version));
            self.draft.remove(id_key(part.id));
            self.draft.state.commits -= 1;
        }
    }

    /// Removes the pages that were written for parts of a commit that was there already.
    fn forget_pages(&mut self, part: &Part) -> Result<(), StoreError> {
        let mut written = Vec::new();
        tree::pages(&Pages(self.view), &part.tree, &mut |page| {
            if page.id < part.first {
                return Visit::Next;
            }
            written.push(page.id);
            Visit::Below
        })?;
        self.draft.remove_pages(written);
        Ok(())
    }
}
