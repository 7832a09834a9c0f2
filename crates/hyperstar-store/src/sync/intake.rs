//! Writing down what arrives: pages as they come, and each commit once it is whole.

use std::collections::HashMap;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::SyncError;
use super::names::at;
use super::paths;
use crate::StoreError;
use crate::backend::{Table, View};
use crate::commit::CommitId;
use crate::engine::Engine;
use crate::engine::flush::Draft;
use crate::hash::Hash;
use crate::history::find;
use crate::record::{self, Record, Signed, Staged, branch_key, staged_key, tag_key};
use crate::state::{Head, Pages, damaged, empty_tree};
use crate::tree::{self, Incoming, PageId, PageSource, Place, ReceiveError, TreeRef};

/// A commit with more changes than this is checked before the writers have to wait for it.
const CHECKED_AT_ONCE: u64 = 1_000;

/// A commit as it was told.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) id: CommitId,
    pub(super) signed: Signed,
    pub(super) count: u64,
    pub(super) weight: u64,
    /// The branch that follows the other store's may move here.
    pub(super) is_on_branch: bool,
}

/// What the commits are for.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) tip: CommitId,
    /// The branch here of the same name, if it is one.
    pub(super) branch: Option<String>,
    /// The branch that follows the other store's.
    pub(super) tracking: Option<String>,
    pub(super) tag: Option<String>,
}

/// What was taken.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// So many of the commits, from the first on, are here now.
    pub(super) commits: usize,
    /// So many pages are new.
    pub(super) pages: u64,
    /// What the next commit waits for.
    pub(super) open: Option<Open>,
}

#[derive(Debug)]
pub(super) enum Open {
    /// The root of its tree.
    Root,
    /// These pages, and perhaps others.
    Missing(Vec<Place>),
    /// All is there, and is to be [checked](check).
    Unchecked,
}

/// A commit that was found to be one.
#[derive(Debug, Default)]
pub(super) struct Checked {
    dropped: Vec<PageId>,
}

/// Writes down what is new of `commits`, which are in the order that they are to be kept in, with
/// `pages`; as far as it is there. `checked` is of the first of them.
pub(super) fn take(
    engine: &Engine,
    target: &Target,
    commits: &[Header],
    pages: &HashMap<Hash, Bytes>,
    checked: Option<Checked>,
    missing_max: usize,
) -> Result<Taken, SyncError> {
    let mut refused = None;
    let mut checked = checked;
    let written = engine.replace_head(|backend, head| {
        let mut taking = Taking {
            head,
            draft: Draft::new(head),
            stored: HashMap::new(),
            target,
            pages,
            missing_max,
            tracked: false,
            taken: Taken::default(),
        };
        for commit in commits {
            match taking.take(commit, checked.take()) {
                Ok(None) => taking.taken.commits += 1,
                Ok(Some(open)) => {
                    taking.taken.open = Some(open);
                    break;
                }
                Err(SyncError::Store(error)) => return Err(error),
                Err(error) => {
                    refused = Some(error);
                    return Err(damaged("what was received"));
                }
            }
        }
        Ok((taking.taken, taking.draft.apply(backend, true)?, Vec::new()))
    });
    refused.map_or(written.map_err(SyncError::Store), Err)
}

/// Checks a commit of which all pages are there. Writers go on meanwhile.
pub(super) fn check(engine: &Engine, commit: &Header) -> Result<Checked, SyncError> {
    let head = engine.head();
    let view = &*head.view;
    let Some(staged) = staged(view, commit.id)? else {
        // Somebody else was faster.
        return Ok(Checked::default());
    };
    let tree_of = |id| tree_of(view, id);
    let base = tree_of(staged.base)?.unwrap_or_else(empty_tree);
    let parent = match commit.signed.parents.first() {
        Some(parent) => tree_of(*parent)?,
        None => None,
    };
    let checked = checked(&Pages(view), &base, &staged.root, parent.as_ref(), u64::MAX)?;
    Ok(checked.unwrap_or_default())
}

/// Forgets a commit that turned out to be none.
pub(super) fn forget(engine: &Engine, commit: CommitId) -> Result<(), StoreError> {
    if staged(&*engine.head().view, commit)?.is_none() {
        return Ok(());
    }
    engine.replace_head(|backend, head| {
        let mut draft = Draft::new(head);
        if staged(&*head.view, commit)?.is_some() {
            draft.remove(staged_key(commit));
            draft.state.ties -= 1;
        }
        Ok(((), draft.apply(backend, true)?, Vec::new()))
    })
}

/// A commit that is being received.
pub(super) fn staged(view: &dyn View, commit: CommitId) -> Result<Option<Staged>, StoreError> {
    let row = view.get(Table::History, &staged_key(commit));
    match row.map_err(StoreError::Backend)? {
        None => Ok(None),
        Some(row) => Staged::decode(&row)
            .map(Some)
            .ok_or_else(|| damaged("a commit that is being received")),
    }
}

struct Taking<'a> {
    head: &'a Head,
    draft: Draft<'a>,
    /// The commits that this batch brings.
    stored: HashMap<CommitId, TreeRef>,
    target: &'a Target,
    pages: &'a HashMap<Hash, Bytes>,
    missing_max: usize,
    /// The branch that follows the other store's is there.
    tracked: bool,
    taken: Taken,
}

impl Taking<'_> {
    /// Takes what is there of a commit; answers what it waits for, if it is not whole.
    fn take(
        &mut self,
        commit: &Header,
        checked_before: Option<Checked>,
    ) -> Result<Option<Open>, SyncError> {
        if self.tree_of(commit.id)?.is_some() {
            return Ok(None);
        }
        let parent = match commit.signed.parents.first() {
            Some(parent) => self.tree_of(*parent)?,
            None => None,
        };
        let mut row = staged(&*self.head.view, commit.id)?;
        let had_row = row.is_some();
        // What it was compared to must be here still, and be its first parent if that is here.
        let mut base = None;
        if let Some(staged) = &row {
            let first = commit.signed.parents.first();
            base = match parent.is_some() && first != Some(&staged.base) {
                true => None,
                false => self.tree_of(staged.base)?.map(|tree| (staged.base, tree)),
            };
            if base.is_none() {
                row = None;
            }
        }
        let (base_id, base) = match base {
            Some(base) => base,
            None => self.base_of(commit)?,
        };
        let mut next = self.draft.state.next_page;
        let (incoming, from) = match row {
            Some(staged) => {
                let (root, first) = (staged.root, staged.first);
                (Incoming { root, base, first }, staged.from)
            }
            None => {
                let Header { count, weight, .. } = *commit;
                let root = commit.signed.root;
                let incoming = Incoming::new(root, count, weight, base, &mut next)?;
                if root != base.hash && !self.pages.contains_key(&root) {
                    return Ok(Some(Open::Root));
                }
                (incoming, Vec::new())
            }
        };
        let shelf = self.draft.shelf();
        let received = incoming.take(shelf, self.pages, &from, self.missing_max, &mut next)?;
        self.taken.pages += received.written.len() as u64;
        self.draft.state.next_page = next;
        self.draft.put_pages(received.written);
        let mut staged = Staged {
            base: base_id,
            root: incoming.root,
            first: incoming.first,
            from,
        };
        if let Some(first) = received.missing.first() {
            staged.from.clone_from(&first.path);
            self.stage(commit.id, &staged, had_row);
            return Ok(Some(Open::Missing(received.missing)));
        }
        let shelf = self.draft.shelf();
        let checked = match checked_before {
            Some(checked) => Some(checked),
            None => checked(
                shelf,
                &base,
                &incoming.root,
                parent.as_ref(),
                CHECKED_AT_ONCE,
            )?,
        };
        let Some(checked) = checked else {
            self.stage(commit.id, &staged, had_row);
            return Ok(Some(Open::Unchecked));
        };
        if had_row {
            self.draft.remove(staged_key(commit.id));
            self.draft.state.ties -= 1;
        }
        self.keep(commit, incoming.root, checked.dropped)?;
        Ok(None)
    }

    fn stage(&mut self, commit: CommitId, staged: &Staged, had_row: bool) {
        self.draft.put(staged_key(commit), staged.encode());
        self.draft.state.ties += u64::from(!had_row);
    }

    /// Keeps a commit that is whole, and moves what follows it.
    fn keep(
        &mut self,
        commit: &Header,
        tree: TreeRef,
        dropped: Vec<PageId>,
    ) -> Result<(), StoreError> {
        let version = self.draft.state.version.next();
        let record = Record {
            id: commit.id,
            signed: commit.signed.clone(),
            tree,
            dropped,
        };
        self.draft.insert(version, &record);
        self.stored.insert(commit.id, tree);
        if let Some(tracking) = &self.target.tracking
            && commit.is_on_branch
        {
            let key = branch_key(tracking);
            if !self.tracked {
                let is_new = at(&*self.head.view, &key)?.is_none();
                self.draft.state.ties += u64::from(is_new);
                self.tracked = true;
            }
            self.draft.put(key, record::named(version));
        }
        if let Some(tag) = &self.target.tag
            && commit.id == self.target.tip
            && at(&*self.head.view, &tag_key(tag))?.is_none()
        {
            self.draft.put(tag_key(tag), record::named(version));
            self.draft.state.ties += 1;
        }
        Ok(())
    }

    /// What a commit is compared to: its first parent, or the most like it that is here.
    fn base_of(&self, commit: &Header) -> Result<(CommitId, TreeRef), StoreError> {
        let view = &*self.head.view;
        let mut near = commit.signed.parents.clone();
        if !near.is_empty() {
            for name in [&self.target.tracking, &self.target.branch] {
                let name = name.as_deref();
                near.extend(
                    name.map(|name| at(view, &branch_key(name)))
                        .transpose()?
                        .flatten(),
                );
            }
            near.push(self.head.id());
        }
        for id in near {
            if let Some(tree) = self.tree_of(id)? {
                return Ok((id, tree));
            }
        }
        Ok((CommitId::NONE, empty_tree()))
    }

    fn tree_of(&self, id: CommitId) -> Result<Option<TreeRef>, StoreError> {
        match self.stored.get(&id) {
            Some(tree) => Ok(Some(*tree)),
            None => tree_of(&*self.head.view, id),
        }
    }
}

fn tree_of(view: &dyn View, id: CommitId) -> Result<Option<TreeRef>, StoreError> {
    match id {
        CommitId::NONE => Ok(Some(empty_tree())),
        id => Ok(find(view, id)?.map(|(_, record)| record.tree)),
    }
}

/// Checks a tree of which all pages are there, and finds what its commit's first parent had beyond it.
/// Nothing if there is more than `keys_max` to it.
fn checked(
    source: &dyn PageSource,
    base: &TreeRef,
    tree: &TreeRef,
    parent: Option<&TreeRef>,
    keys_max: u64,
) -> Result<Option<Checked>, SyncError> {
    if !paths::check(source, base, tree, keys_max)? {
        return Ok(None);
    }
    let mut dropped = Vec::new();
    if let Some(parent) = parent {
        tree::fresh_pages(source, tree, parent, &mut |page| {
            dropped.push(page.id);
            ControlFlow::Continue(())
        })
        .map_err(ReceiveError::from)?;
    }
    Ok(Some(Checked { dropped }))
}
