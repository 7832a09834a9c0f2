//! Names in the history: branches and tags, and which branch is read and written.

use std::ops::ControlFlow;

use bytes::Bytes;

use crate::backend::{Table, View};
use crate::commit::CommitId;
use crate::engine::flush::{Draft, head_of, load};
use crate::history::{change_of, known};
use crate::record::{self, BRANCHES, TAGS, branch_key, tag_key, version_of};
use crate::state::{Head, Pages, kept_of, text};
use crate::tree::Value;
use crate::{Change, Store, StoreError, tree};

/// # Branches and tags
impl Store {
    /// The branch that is checked out.
    pub fn current_branch(&self) -> String {
        self.engine.head().state.branch.clone()
    }

    /// The branches and their tips, by name.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    pub fn branches(&self) -> Result<Vec<(String, CommitId)>, StoreError> {
        names(&*self.engine.head().view, BRANCHES)
    }

    /// The tags and what they name, by name.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    pub fn tags(&self) -> Result<Vec<(String, CommitId)>, StoreError> {
        names(&*self.engine.head().view, TAGS)
    }

    /// Begins a branch at `commit`. It is not checked out by this.
    ///
    /// ```
    /// # let store = hyperstar_store::Store::memory();
    /// let commit = store.set("title", "draft")?.id;
    /// store.branch("idea", commit)?;
    /// store.checkout("idea")?;
    /// store.set("title", "better")?;
    /// store.checkout("main")?;
    /// assert_eq!(store.get::<String>("title")?.unwrap(), "draft");
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::NameTaken`], [`StoreError::UnknownCommit`], [`StoreError::InvalidPath`] for a name
    /// that is no path; as [`Store::transaction`].
    pub fn branch(&self, name: &str, commit: CommitId) -> Result<(), StoreError> {
        self.set_name("branch", name, branch_key(name), commit)
    }

    /// Names a commit, so that it can be found by that name. See [`Keep::tagged`](crate::Keep::tagged).
    ///
    /// # Errors
    /// As [`Store::branch`].
    pub fn tag(&self, name: &str, commit: CommitId) -> Result<(), StoreError> {
        self.set_name("tag", name, tag_key(name), commit)
    }

    fn set_name(
        &self,
        kind: &'static str,
        name: &str,
        key: Bytes,
        commit: CommitId,
    ) -> Result<(), StoreError> {
        crate::check_path(name)?;
        self.engine.replace_head(|backend, head| {
            let taken = head.view.get(Table::History, &key);
            if taken.map_err(StoreError::Backend)?.is_some() {
                return Err(StoreError::NameTaken {
                    kind,
                    name: name.to_owned(),
                });
            }
            let (version, _) = known(&*head.view, commit)?;
            let mut draft = Draft::new(head);
            draft.put(key, record::named(version));
            draft.state.ties += 1;
            Ok(((), draft.apply(backend, true)?, Vec::new()))
        })
    }

    /// Forgets a branch. Commits that nothing else reaches go with the next [`Store::compact`].
    ///
    /// # Errors
    /// [`StoreError::CheckedOut`], [`StoreError::UnknownName`]; as [`Store::transaction`].
    pub fn remove_branch(&self, name: &str) -> Result<(), StoreError> {
        self.remove_name("branch", name, branch_key(name))
    }

    /// Forgets a tag.
    ///
    /// # Errors
    /// As [`Store::remove_branch`].
    pub fn remove_tag(&self, name: &str) -> Result<(), StoreError> {
        self.remove_name("tag", name, tag_key(name))
    }

    fn remove_name(&self, kind: &'static str, name: &str, key: Bytes) -> Result<(), StoreError> {
        self.engine.replace_head(|backend, head| {
            if kind == "branch" && head.state.branch == name {
                return Err(StoreError::CheckedOut {
                    name: name.to_owned(),
                });
            }
            let found = head.view.get(Table::History, &key);
            if found.map_err(StoreError::Backend)?.is_none() {
                return Err(unknown_name(&*head.view, kind, name)?);
            }
            let mut draft = Draft::new(head);
            draft.remove(key);
            draft.state.ties -= 1;
            Ok(((), draft.apply(backend, true)?, Vec::new()))
        })
    }

    /// Makes `branch` the one that is read and written. Watches and callbacks hear of what is different
    /// there as of one commit.
    ///
    /// # Errors
    /// [`StoreError::UnknownName`]; as [`Store::transaction`].
    pub fn checkout(&self, branch: &str) -> Result<(), StoreError> {
        self.engine.replace_head(|backend, head| {
            let tip = head.view.get(Table::History, &branch_key(branch));
            if tip.map_err(StoreError::Backend)?.is_none() {
                return Err(unknown_name(&*head.view, "branch", branch)?);
            }
            let mut state = head.state.clone();
            state.branch = branch.to_owned();
            let there = head_of(head.view.clone(), state)?;
            let (mut draft, changes) = move_to(head, &there)?;
            draft.state.version = head.state.version.next();
            Ok(((), draft.apply(backend, true)?, changes))
        })
    }
}

/// Makes `there`, of the same view, what is read and written in place of `head`. Answers what is
/// different there.
pub(crate) fn move_to<'a>(
    head: &Head,
    there: &'a Head,
) -> Result<(Draft<'a>, Vec<Change>), StoreError> {
    let mut draft = Draft::new(there);
    let mut changes = Vec::new();
    let mut failure = None;
    let view = &*head.view;
    let mut visit = |path: &[u8], a: Option<&Value>, b: Option<&Value>| {
        let change = change_of(view, path, a, b)?;
        draft.set_value(change.path.clone(), b.map(kept_of));
        // The same value in other pages: only the index is to know.
        if a != b {
            changes.push(change);
        }
        Ok(())
    };
    tree::diff_pages(
        &Pages(view),
        &head.tree,
        &there.tree,
        &mut |path, a, b| match visit(path, a, b) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        },
    )?;
    failure.map_or(Ok((draft, changes)), Err)
}

/// What the names of a kind stand for, by name.
pub(crate) fn names(view: &dyn View, kind: &[u8]) -> Result<Vec<(String, CommitId)>, StoreError> {
    let mut found = Vec::new();
    let scanned = view.scan(Table::History, kind, &mut |key, version| {
        let Some(name) = key.strip_prefix(kind) else {
            return ControlFlow::Break(());
        };
        found.push((name.to_vec(), version.to_vec()));
        ControlFlow::Continue(())
    });
    scanned.map_err(StoreError::Backend)?;
    found
        .into_iter()
        .map(|(name, version)| {
            let record = load(view, version_of(&version)?)?;
            Ok((text(&name)?.to_owned(), record.id))
        })
        .collect()
}

pub(crate) fn unknown_name(
    view: &dyn View,
    kind: &'static str,
    name: &str,
) -> Result<StoreError, StoreError> {
    let there = match kind {
        "tag" => names(view, TAGS)?,
        _ => names(view, BRANCHES)?,
    };
    let there: Vec<String> = there.into_iter().map(|(name, _)| name).collect();
    Ok(StoreError::UnknownName {
        kind,
        name: name.to_owned(),
        remedy: match there.is_empty() {
            true => "there are none yet".to_owned(),
            false => format!("there are: {}", there.join(", ")),
        },
    })
}
