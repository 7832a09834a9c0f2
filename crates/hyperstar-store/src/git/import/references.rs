//! At the end of an import: branches and tags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::backend::{Backend, Table};
use crate::branches::move_to;
use crate::commit::CommitId;
use crate::engine::flush::{load, load_kept};
use crate::history::links;
use crate::merge::merge_base;
use crate::path::check_path;
use crate::record::{self, Record, branch_key, tag_key, version_of};
use crate::state::Head;
use crate::{Change, Store, StoreError, Version};

/// Ahead of the name of what could not take its own.
const DIVERGED: &str = "git/";

/// What became of a branch or tag of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GitReference {
    /// `branch` or `tag`.
    pub kind: &'static str,
    /// Its name in the stream.
    pub name: String,
    /// The commit that it names there.
    pub commit: CommitId,
    /// What came of it here.
    pub fate: GitFate,
}

/// What an import did to a branch or tag.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GitFate {
    /// There was none of that name, and now there is.
    Created,
    /// The branch went forward to the commit.
    Forwarded,
    /// It names that commit already.
    Unchanged,
    /// The branch has that commit in its history, and more.
    Behind,
    /// The branch has commits that the stream has not, or the tag names another commit: it was left
    /// as it is. What the stream has is under another name: [merge](Store::merge) it from there.
    Diverged {
        /// That name: `git/main` for `main`. Whatever it named before, it names this commit now.
        kept_as: String,
    },
}

/// A branch or a tag. Branches come first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Branch(String),
    Tag(String),
}

impl Name {
    /// `refs/heads/main` or `refs/tags/v1`; nothing for what is neither.
    pub(super) fn of(reference: &str) -> Option<Self> {
        let branch = reference.strip_prefix("refs/heads/");
        let tag = reference.strip_prefix("refs/tags/");
        let branch = branch.map(|name| Self::Branch(name.to_owned()));
        branch.or_else(|| tag.map(|name| Self::Tag(name.to_owned())))
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Self::Branch(name) | Self::Tag(name) => name,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Branch(_) => "branch",
            Self::Tag(_) => "tag",
        }
    }

    fn key(&self) -> Bytes {
        match self {
            Self::Branch(name) => branch_key(name),
            Self::Tag(name) => tag_key(name),
        }
    }

    fn map(&self, change: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Branch(name) => Self::Branch(change(name)),
            Self::Tag(name) => Self::Tag(change(name)),
        }
    }

    fn is_checked_out(&self, head: &Head) -> bool {
        matches!(self, Self::Branch(name) if *name == head.state.branch)
    }
}

/// Names the commits of `targets`, all in one batch.
pub(super) fn set(
    store: &Store,
    targets: &BTreeMap<Name, Version>,
) -> Result<Vec<GitReference>, StoreError> {
    // Whether a branch goes forward can take a walk through all of the history: not while writers wait.
    let planned = Plan::new(&store.engine.head(), targets)?;
    store.engine.replace_head(|backend, head| {
        let plan = match planned.holds(head)? {
            true => planned,
            false => Plan::new(head, targets)?,
        };
        let (head, changes) = plan.apply(backend, head)?;
        Ok((plan.references, head, changes))
    })
}

/// What is to be done, and what that was made out from.
struct Plan {
    references: Vec<GitReference>,
    checked_out: String,
    /// What names named.
    before: Vec<(Bytes, Option<Version>)>,
    moves: Vec<Move>,
}

struct Move {
    name: Name,
    /// It is new, or its commits may be left without a name.
    counts: bool,
    version: Version,
    record: Arc<Record>,
}

impl Plan {
    fn new(head: &Head, targets: &BTreeMap<Name, Version>) -> Result<Self, StoreError> {
        let mut plan = Self {
            references: Vec::new(),
            checked_out: head.state.branch.clone(),
            before: Vec::new(),
            moves: Vec::new(),
        };
        let mut taken: BTreeSet<Name> = targets.keys().cloned().collect();
        for (name, version) in targets {
            let record = load_kept(&*head.view, *version)?;
            let record = record.ok_or_else(|| StoreError::UnknownCommit {
                commit: version.to_string(),
            })?;
            let commit = record.id;
            let fate = plan.fate(head, name, *version, Arc::new(record), &mut taken)?;
            plan.references.push(GitReference {
                kind: name.kind(),
                name: name.text().to_owned(),
                commit,
                fate,
            });
        }
        Ok(plan)
    }

    /// What is to become of a name, and how.
    fn fate(
        &mut self,
        head: &Head,
        name: &Name,
        version: Version,
        record: Arc<Record>,
        taken: &mut BTreeSet<Name>,
    ) -> Result<GitFate, StoreError> {
        let Some(before) = self.before(head, name)? else {
            self.go(name.clone(), true, version, record);
            return Ok(GitFate::Created);
        };
        if before == version {
            return Ok(GitFate::Unchanged);
        }
        if let Name::Branch(_) = name {
            let tip = load(&*head.view, before)?.id;
            let base = merge_base(tip, record.id, |id| links(&*head.view, *id))?;
            if base == Some(tip) {
                self.go(name.clone(), false, version, record);
                return Ok(GitFate::Forwarded);
            }
            if base == Some(record.id) {
                return Ok(GitFate::Behind);
            }
        }
        let mut other = name.map(|name| format!("{DIVERGED}{name}"));
        while !taken.insert(other.clone()) {
            other = other.map(|name| format!("{DIVERGED}{name}"));
        }
        check_path(other.text())?;
        let there = self.before(head, &other)?;
        if there != Some(version) {
            if other.is_checked_out(head) {
                return Err(StoreError::CheckedOut {
                    name: other.text().to_owned(),
                });
            }
            self.go(other.clone(), true, version, record);
        }
        Ok(GitFate::Diverged {
            kept_as: other.text().to_owned(),
        })
    }

    fn before(&mut self, head: &Head, name: &Name) -> Result<Option<Version>, StoreError> {
        let key = name.key();
        let before = named(head, &key)?;
        self.before.push((key, before));
        Ok(before)
    }

    fn go(&mut self, name: Name, counts: bool, version: Version, record: Arc<Record>) {
        self.moves.push(Move {
            name,
            counts,
            version,
            record,
        });
    }

    /// Whether all is as it was when the plan was made.
    fn holds(&self, head: &Head) -> Result<bool, StoreError> {
        if head.state.branch != self.checked_out {
            return Ok(false);
        }
        for (key, before) in &self.before {
            if named(head, key)? != *before {
                return Ok(false);
            }
        }
        for target in &self.moves {
            if load_kept(&*head.view, target.version)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn apply(
        &self,
        backend: &mut dyn Backend,
        head: &Head,
    ) -> Result<(Head, Vec<Change>), StoreError> {
        let mut moves = self.moves.iter();
        let checked_out = moves.find(|target| target.name.is_checked_out(head));
        let there = Head {
            view: head.view.clone(),
            state: head.state.clone(),
            record: match checked_out {
                Some(target) => Some(target.record.clone()),
                None => head.record.clone(),
            },
            tree: checked_out.map_or(head.tree, |target| target.record.tree),
        };
        let (mut draft, changes) = move_to(head, &there)?;
        if checked_out.is_some() {
            draft.state.version = head.state.version.next();
        }
        for target in &self.moves {
            draft.put(target.name.key(), record::named(target.version));
            draft.state.ties += u64::from(target.counts);
        }
        Ok((draft.apply(backend, true)?, changes))
    }
}

fn named(head: &Head, key: &[u8]) -> Result<Option<Version>, StoreError> {
    let version = head.view.get(Table::History, key);
    let version = version.map_err(StoreError::Backend)?;
    version.map(|version| version_of(&version)).transpose()
}
