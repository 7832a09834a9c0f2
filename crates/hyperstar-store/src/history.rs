//! The past: commits, and what is between two states.

use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::backend::{Table, View};
use crate::commit::CommitId;
use crate::engine::flush::{Draft, load};
use crate::hash::Hash;
use crate::merge::{
    CommitLinks, Conflict, Conflicts, Head as Side, MergePolicies, Merged, Sides, merge, merge_base,
};
use crate::path::{check_prefix, is_at_or_below};
use crate::reads::record_prefix;
use crate::record::{IDS, Record, branch_key, id_key, tag_key, version_of};
use crate::state::{Head, Pages, Past, bytes_of, damaged, empty_tree};
use crate::tree::{self, TreeRef, Value};
use crate::{Change, Commit, Snapshot, Store, StoreError, Transaction, Version};

/// A commit as the history has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEntry {
    /// Its name.
    pub id: CommitId,
    /// The version of this store from it on.
    pub version: Version,
    /// The commits that it came after: the tip of its branch, and those that were merged. A parent that
    /// was let go is named all the same.
    pub parents: Vec<CommitId>,
    /// The hash of the whole state: the same for the same content, whatever its history.
    pub root: Hash,
    /// How many values there are.
    pub values: u64,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: i64,
    /// Who made it; empty if nobody said.
    pub author: String,
    /// What for; empty if nobody said.
    pub message: String,
    /// The commit that it takes back.
    pub undoes: Option<CommitId>,
}

impl LogEntry {
    pub(crate) fn new(version: Version, record: &Record) -> Self {
        Self {
            id: record.id,
            version,
            parents: record.signed.parents.clone(),
            root: record.signed.root,
            values: record.tree.count,
            time_ms: record.signed.time_ms,
            author: record.signed.author.clone(),
            message: record.signed.message.clone(),
            undoes: record.signed.undoes,
        }
    }

    /// When it was made.
    pub fn time(&self) -> SystemTime {
        let ms = Duration::from_millis(self.time_ms.unsigned_abs());
        let time = match self.time_ms {
            0.. => UNIX_EPOCH.checked_add(ms),
            _ => UNIX_EPOCH.checked_sub(ms),
        };
        time.unwrap_or(UNIX_EPOCH)
    }
}

/// Commits from the newest back, from [`Store::log`]. It reads as it goes, from the state that the store
/// had when it was asked for.
pub struct Commits {
    view: Arc<dyn View>,
    prefix: String,
    next: Option<CommitId>,
}

impl Commits {
    /// The next that changed something below the prefix.
    fn step(&mut self) -> Result<Option<LogEntry>, StoreError> {
        while let Some(id) = self.next.take() {
            let Some((version, record)) = find(&*self.view, id)? else {
                // The history that is kept ends here.
                return Ok(None);
            };
            let parent = record.signed.parents.first().copied();
            self.next = parent;
            if self.prefix.is_empty() {
                return Ok(Some(LogEntry::new(version, &record)));
            }
            let before = match parent {
                None => Some(empty_tree()),
                Some(parent) => find(&*self.view, parent)?.map(|(_, parent)| parent.tree),
            };
            let Some(before) = before else {
                return Ok(Some(LogEntry::new(version, &record)));
            };
            if !is_same_below(&*self.view, &before, &record.tree, &self.prefix)? {
                return Ok(Some(LogEntry::new(version, &record)));
            }
        }
        Ok(None)
    }
}

impl Iterator for Commits {
    type Item = Result<LogEntry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

impl fmt::Debug for Commits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commits")
            .field("prefix", &self.prefix)
            .finish()
    }
}

/// # The past
impl Store {
    /// The name of the last commit; [`CommitId::NONE`] before the first.
    pub fn head_id(&self) -> CommitId {
        self.engine.head().id()
    }

    /// How many commits are kept, on all branches.
    pub fn commit_count(&self) -> u64 {
        self.engine.head().state.commits
    }

    /// The commits that changed something at or below `prefix`, the newest first, along the first
    /// parents; `""` for all. It ends where the history that is kept ends.
    ///
    /// It reads as it goes: what is taken of it is what it costs, and for a prefix a look at each commit
    /// in between. A [`Timeline`](crate::Timeline) keeps it in memory, for who asks again and again.
    ///
    /// ```
    /// # let store = hyperstar_store::Store::memory();
    /// store.set("a/1", "one")?;
    /// store.set("b/1", "two")?;
    /// assert_eq!(store.log("")?.count(), 2);
    /// assert_eq!(store.log("a")?.count(), 1);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::InvalidPath`]; the iterator's: [`StoreError::Backend`], [`StoreError::Damaged`].
    pub fn log(&self, prefix: &str) -> Result<Commits, StoreError> {
        let head = self.engine.head();
        let log = self.log_of(&head, head.record.as_ref().map(|record| record.id), prefix)?;
        record_prefix(self.id(), prefix);
        Ok(log)
    }

    /// As [`Store::log`], from `commit` back.
    ///
    /// # Errors
    /// As there; [`StoreError::UnknownCommit`].
    pub fn log_from(&self, commit: CommitId, prefix: &str) -> Result<Commits, StoreError> {
        let head = self.engine.head();
        known(&*head.view, commit)?;
        self.log_of(&head, Some(commit), prefix)
    }

    fn log_of(
        &self,
        head: &Head,
        next: Option<CommitId>,
        prefix: &str,
    ) -> Result<Commits, StoreError> {
        check_prefix(prefix)?;
        Ok(Commits {
            view: head.view.clone(),
            prefix: prefix.to_owned(),
            next,
        })
    }

    /// One commit.
    ///
    /// # Errors
    /// [`StoreError::UnknownCommit`]; [`StoreError::Backend`].
    pub fn show(&self, commit: CommitId) -> Result<LogEntry, StoreError> {
        let (version, record) = known(&*self.engine.head().view, commit)?;
        Ok(LogEntry::new(version, &record))
    }

    /// The state as of `commit`, on whatever branch: to read from, for as long as it is held, whatever
    /// is let go meanwhile. It never changes, so who [records reads](crate::record_reads) depends on
    /// nothing by it.
    ///
    /// ```
    /// # let store = hyperstar_store::Store::memory();
    /// let before = store.set("count", &1)?.id;
    /// store.set("count", &2)?;
    /// assert_eq!(store.at(before)?.get::<i64>("count")?, Some(1));
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::UnknownCommit`]; [`StoreError::Backend`].
    pub fn at(&self, commit: CommitId) -> Result<Snapshot, StoreError> {
        let head = self.engine.head();
        let (version, tree) = match commit {
            CommitId::NONE => (Version::ZERO, empty_tree()),
            commit => {
                let (version, record) = known(&*head.view, commit)?;
                (version, record.tree)
            }
        };
        Ok(Snapshot::past(
            self.id(),
            Arc::new(Past {
                view: head.view.clone(),
                version,
                tree,
            }),
        ))
    }

    /// What became different from `from` to `to`, ordered by path. It costs the difference.
    ///
    /// ```
    /// # let store = hyperstar_store::Store::memory();
    /// let first = store.set("a", &1)?.id;
    /// let second = store.set("b", &2)?.id;
    /// let changes = store.diff(first, second, "")?;
    /// assert_eq!(&*changes[0].path, "b");
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::UnknownCommit`], [`StoreError::InvalidPath`]; [`StoreError::Backend`].
    pub fn diff(
        &self,
        from: CommitId,
        to: CommitId,
        prefix: &str,
    ) -> Result<Vec<Change>, StoreError> {
        check_prefix(prefix)?;
        let head = self.engine.head();
        let (from, to) = (tree_of(&head, from)?, tree_of(&head, to)?);
        changes_between(&*head.view, &from, &to, prefix)
    }

    /// The commit that `name` stands for: `HEAD`, a branch, a tag, or an id or the beginning of one (at
    /// least 4 digits); `~3` after it goes 3 first parents back.
    ///
    /// ```
    /// # let store = hyperstar_store::Store::memory();
    /// let first = store.set("a", &1)?.id;
    /// store.set("a", &2)?;
    /// assert_eq!(store.resolve("HEAD~1")?, first);
    /// assert_eq!(store.resolve(&first.to_string()[..8])?, first);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::UnknownCommit`]; [`StoreError::Ambiguous`]; [`StoreError::Backend`].
    pub fn resolve(&self, name: &str) -> Result<CommitId, StoreError> {
        let unknown = || StoreError::UnknownCommit {
            commit: name.chars().take(80).collect(),
        };
        let (base, back) = match name.split_once('~') {
            None => (name, 0),
            Some((base, "")) => (base, 1),
            Some((base, back)) => (base, back.parse::<u64>().map_err(|_| unknown())?),
        };
        let head = self.engine.head();
        let view = &*head.view;
        let named = match base {
            "" | "HEAD" => head.record.as_ref().map(|record| record.id),
            base => named(view, base)?,
        };
        let mut id = match named {
            Some(id) => id,
            None => by_beginning(view, base)?.ok_or_else(unknown)?,
        };
        for _ in 0..back {
            let (_, record) = known(view, id)?;
            id = record.signed.parents.first().copied().ok_or_else(unknown)?;
        }
        known(view, id)?;
        Ok(id)
    }

    /// Takes back what `commit` changed at or below `prefix`, in a commit of its own. What was changed
    /// again since is a conflict.
    ///
    /// # Errors
    /// [`StoreError::UnknownCommit`], also if the one before it was let go: what it changed is not known
    /// then; [`StoreError::InvalidPath`]; [`StoreError::Conflicts`]; as [`Store::transaction`].
    pub fn revert(&self, commit: CommitId, prefix: &str) -> Result<Commit, StoreError> {
        check_prefix(prefix)?;
        let reverted = self.engine.transact_on_head(|tx, head| {
            let (_, record) = known(&*head.view, commit)?;
            let changes = changes_of(&*head.view, &record, prefix)?;
            let changes = changes.ok_or_else(|| unknown_parent(&record))?;
            revert(tx, &record, changes)
        });
        reverted.map(|((), commit)| commit)
    }

    /// Takes back the last commit that changed something at or below `prefix` and has not been taken
    /// back, in a commit of its own; calling it again goes further back.
    ///
    /// ```
    /// # let store = hyperstar_store::Store::memory();
    /// store.set("todo/1", "buy milk")?;
    /// store.set("todo/2", "drink it")?;
    /// store.set("visits", &7)?;
    /// store.undo("todo")?;
    /// assert_eq!(store.list("todo")?, ["todo/1"]);
    /// store.undo("todo")?;
    /// assert!(store.list("todo")?.is_empty());
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::NothingToUndo`]; as [`Store::revert`].
    pub fn undo(&self, prefix: &str) -> Result<Commit, StoreError> {
        check_prefix(prefix)?;
        let undone = self.engine.transact_on_head(|tx, head| {
            let view = &*head.view;
            // By commit, the trees of those that took it back.
            let mut taken_back: HashMap<CommitId, Vec<TreeRef>> = HashMap::new();
            let mut next = head.record.as_ref().map(|record| record.id);
            while let Some(id) = next {
                let Some((_, record)) = find(view, id)? else {
                    break;
                };
                next = record.signed.parents.first().copied();
                // What the oldest changed is no longer known.
                let changes = changes_of(view, &record, prefix)?.unwrap_or_default();
                let by = taken_back.remove(&id).unwrap_or_default();
                if is_taken_back(view, &changes, &by)? {
                    continue;
                }
                match record.signed.undoes {
                    Some(undoes) => taken_back.entry(undoes).or_default().push(record.tree),
                    None if changes.is_empty() => {}
                    None => return revert(tx, &record, changes),
                }
            }
            Err(StoreError::NothingToUndo)
        });
        undone.map(|((), commit)| commit)
    }

    /// Makes everything at or below `prefix` what it was as of `commit`, in a commit of its own: nothing
    /// in between is lost, and [`Store::undo`] takes it back. If it is so already, the commit is empty.
    ///
    /// ```
    /// # let store = hyperstar_store::Store::memory();
    /// let before = store.set("todo/1", "buy milk")?.id;
    /// store.remove_all("todo")?;
    /// store.set("visits", &7)?;
    /// store.restore(before, "todo")?;
    /// assert_eq!(store.list("")?, ["todo/1", "visits"]);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::UnknownCommit`], [`StoreError::InvalidPath`]; as [`Store::transaction`].
    pub fn restore(&self, commit: CommitId, prefix: &str) -> Result<Commit, StoreError> {
        check_prefix(prefix)?;
        let restored = self.engine.transact_on_head(|tx, head| {
            let view = &*head.view;
            let (tree, what) = match commit {
                CommitId::NONE => (empty_tree(), "the beginning".to_owned()),
                commit => {
                    let (_, record) = known(view, commit)?;
                    let what = subject(&record);
                    (record.tree, what)
                }
            };
            let changes = changes_between(view, &head.tree, &tree, prefix)?;
            if changes.is_empty() {
                return Ok(());
            }
            apply(tx, changes)?;
            tx.set_message(format!("Restore: {what}"))
        });
        restored.map(|((), commit)| commit)
    }

    /// Brings what `theirs` has into the branch that is checked out, in a commit that has both for
    /// parents: a three-way merge against where the two parted. Where both changed the same,
    /// `policies` decide. What is merged already is not merged again: the commit is empty then.
    ///
    /// ```
    /// use hyperstar_store::{MergePolicies, Store};
    ///
    /// let store = Store::memory();
    /// let base = store.set("title", "draft")?.id;
    /// store.branch("idea", base)?;
    /// store.checkout("idea")?;
    /// let idea = store.set("idea", "a slider")?.id;
    /// store.checkout("main")?;
    /// store.set("title", "final")?;
    /// store.merge(idea, &MergePolicies::new())?;
    /// assert_eq!(store.list("")?, ["idea", "title"]);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Conflicts`], with all of them: nothing is merged then;
    /// [`StoreError::UnknownCommit`], also if the commit at which the two parted was let go; as
    /// [`Store::transaction`].
    pub fn merge(&self, theirs: CommitId, policies: &MergePolicies) -> Result<Commit, StoreError> {
        let merged = self.engine.transact_on_head(|tx, head| {
            let view = &*head.view;
            let (_, their_record) = known(view, theirs)?;
            let mut gone = None;
            let base = match &head.record {
                Some(ours) => merge_base(ours.id, theirs, |id| {
                    let links = links(view, *id)?;
                    if links.rank == 0 {
                        gone = Some(*id);
                    }
                    Ok::<_, StoreError>(links)
                })?,
                None => None,
            };
            if base == Some(theirs) {
                return Ok(());
            }
            let base = match (base, gone) {
                (Some(base), _) => known(view, base)?.1.tree,
                // Where they parted may be behind it. Merged over nothing, what either removed since
                // would come back.
                (None, Some(gone)) => return Err(unknown(gone)),
                (None, None) => empty_tree(),
            };
            let side = |record: &Record| Side {
                time_ms: u64::try_from(record.signed.time_ms).unwrap_or(0),
                id: *record.id.hash().as_bytes(),
            };
            let sides = Sides {
                ours: head.record.as_deref().map_or_else(Side::default, side),
                theirs: side(&their_record),
            };
            let ours = changes_between(view, &base, &head.tree, "")?;
            let changes = changes_between(view, &base, &their_record.tree, "")?;
            let (ours, changes) = (ours.into_iter().map(Ok), changes.into_iter().map(Ok));
            match merge::<StoreError>(ours, changes, policies, sides)? {
                Merged::Conflicts(conflicts) => return Err(StoreError::Conflicts(conflicts)),
                Merged::Changes(changes) => apply(tx, changes)?,
            }
            tx.set_message(format!("Merge {theirs}"))?;
            tx.meta.parents.push(theirs);
            Ok(())
        });
        merged.map(|((), commit)| commit)
    }

    /// Makes durable what was written with [`Durability::Buffered`](crate::Durability::Buffered).
    ///
    /// # Errors
    /// As [`Store::transaction`].
    pub fn flush(&self) -> Result<(), StoreError> {
        self.engine.replace_head(|backend, head| {
            Ok(((), Draft::new(head).apply(backend, true)?, Vec::new()))
        })
    }
}

/// What a commit changed at or below `prefix`; nothing if the one before it was let go.
fn changes_of(
    view: &dyn View,
    record: &Record,
    prefix: &str,
) -> Result<Option<Vec<Change>>, StoreError> {
    let before = match record.signed.parents.first() {
        None => empty_tree(),
        Some(parent) => match find(view, *parent)? {
            Some((_, parent)) => parent.tree,
            None => return Ok(None),
        },
    };
    changes_between(view, &before, &record.tree, prefix).map(Some)
}

fn unknown_parent(record: &Record) -> StoreError {
    let parent = record.signed.parents.first().copied();
    unknown(parent.unwrap_or(CommitId::NONE))
}

/// Whether one of these trees has what was there before the changes.
fn is_taken_back(view: &dyn View, changes: &[Change], by: &[TreeRef]) -> Result<bool, StoreError> {
    for tree in by {
        let mut is_back = true;
        for change in changes {
            let value = tree::get(&Pages(view), tree, change.path.as_bytes())?;
            let value = value.map(|value| bytes_of(view, &value)).transpose()?;
            if value != change.before {
                is_back = false;
                break;
            }
        }
        if is_back {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes what takes these changes of a commit back.
fn revert(tx: &mut Transaction, record: &Record, changes: Vec<Change>) -> Result<(), StoreError> {
    let mut conflicts = Conflicts::default();
    for change in &changes {
        let now = tx.get_bytes(&change.path)?;
        if now != change.after && now != change.before {
            conflicts.push(Conflict::new(
                change.path.clone(),
                change.after.clone(),
                now,
                change.before.clone(),
            ));
        }
    }
    if !conflicts.is_empty() {
        return Err(StoreError::Conflicts(conflicts));
    }
    for change in changes.iter().filter(|change| change.before.is_none()) {
        tx.remove(&change.path)?;
    }
    for change in changes {
        let Some(before) = change.before else {
            continue;
        };
        match tx.set_bytes(&change.path, before.clone()) {
            // What has taken its place since was not there for the commit.
            Err(StoreError::DirectoryInTheWay { child, .. }) => {
                let conflict = Conflict::new(change.path, change.after, None, Some(before));
                conflicts.push(conflict.with_child(child));
            }
            Err(StoreError::ValueInTheWay { value, .. }) => {
                let now = tx.get_bytes(&value)?;
                let conflict = Conflict::new(value, None, now, None);
                conflicts.push(conflict.with_child(&*change.path));
            }
            set => set?,
        }
    }
    if !conflicts.is_empty() {
        return Err(StoreError::Conflicts(conflicts));
    }
    tx.set_message(format!("Undo: {}", subject(record)))?;
    tx.meta.undoes = Some(record.id);
    Ok(())
}

/// The most characters of a message that the message of another commit repeats.
const SUBJECT_CHARS_MAX: usize = 200;

/// What a commit is called in the message of another.
fn subject(record: &Record) -> String {
    let Some(line) = record.signed.message.lines().next() else {
        return record.id.to_string();
    };
    match line.char_indices().nth(SUBJECT_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

/// A commit by its name, if it is kept.
pub(crate) fn find(view: &dyn View, id: CommitId) -> Result<Option<(Version, Record)>, StoreError> {
    let version = view.get(Table::History, &id_key(id));
    match version.map_err(StoreError::Backend)? {
        None => Ok(None),
        Some(version) => {
            let version = version_of(&version)?;
            Ok(Some((version, load(view, version)?)))
        }
    }
}

pub(crate) fn known(view: &dyn View, id: CommitId) -> Result<(Version, Record), StoreError> {
    find(view, id)?.ok_or_else(|| unknown(id))
}

fn unknown(id: CommitId) -> StoreError {
    StoreError::UnknownCommit {
        commit: id.to_string(),
    }
}

fn apply(tx: &mut Transaction, changes: Vec<Change>) -> Result<(), StoreError> {
    // What has to go makes room for what has to come.
    for change in changes.iter().filter(|change| change.after.is_none()) {
        tx.remove(&change.path)?;
    }
    for change in changes {
        if let Some(after) = change.after {
            tx.set_bytes(&change.path, after)?;
        }
    }
    Ok(())
}

/// What a merge asks about a commit. The history may not reach back to it.
pub(crate) fn links(view: &dyn View, id: CommitId) -> Result<CommitLinks<CommitId>, StoreError> {
    Ok(match find(view, id)? {
        Some((version, record)) => CommitLinks {
            rank: version.as_u64(),
            time_ms: u64::try_from(record.signed.time_ms).unwrap_or(0),
            parents: record.signed.parents,
        },
        None => CommitLinks {
            rank: 0,
            time_ms: 0,
            parents: Vec::new(),
        },
    })
}

/// What a branch or a tag names.
fn named(view: &dyn View, name: &str) -> Result<Option<CommitId>, StoreError> {
    for key in [branch_key(name), tag_key(name)] {
        if let Some(version) = view
            .get(Table::History, &key)
            .map_err(StoreError::Backend)?
        {
            return Ok(Some(load(view, version_of(&version)?)?.id));
        }
    }
    Ok(None)
}

/// The one commit whose id begins so.
fn by_beginning(view: &dyn View, digits: &str) -> Result<Option<CommitId>, StoreError> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !(4..=64).contains(&digits.len()) || !digits.bytes().all(is_digit) {
        return Ok(None);
    }
    // The least id that begins so.
    let Ok(least) = format!("{digits:0<64}").parse::<CommitId>() else {
        return Ok(None);
    };
    let mut found = Vec::new();
    let scanned = view.scan(Table::History, &id_key(least), &mut |key, _| {
        let id = key.strip_prefix(IDS).and_then(|id| id.try_into().ok());
        match id.map(|id| CommitId::new(Hash::from_bytes(id))) {
            Some(id) if id.to_string().starts_with(digits) && found.len() < 2 => {
                found.push(id);
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        }
    });
    scanned.map_err(StoreError::Backend)?;
    match found[..] {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _ => Err(StoreError::Ambiguous {
            name: digits.to_owned(),
        }),
    }
}

fn tree_of(head: &Head, id: CommitId) -> Result<TreeRef, StoreError> {
    match id {
        CommitId::NONE => Ok(empty_tree()),
        id => Ok(known(&*head.view, id)?.1.tree),
    }
}

/// What became different between two trees, at or below `prefix`.
pub(crate) fn changes_between(
    view: &dyn View,
    from: &TreeRef,
    to: &TreeRef,
    prefix: &str,
) -> Result<Vec<Change>, StoreError> {
    let mut changes = Vec::new();
    let mut failure = None;
    tree::diff(
        &Pages(view),
        from,
        to,
        prefix.as_bytes(),
        &mut |path, a, b| {
            match change_of(view, path, a, b) {
                Ok(change) => {
                    // By whole segments.
                    if is_at_or_below(&change.path, prefix) {
                        changes.push(change);
                    }
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        },
    )?;
    failure.map_or(Ok(changes), Err)
}

/// What became different since a commit, at or below `prefix`.
pub(crate) fn changes_since(
    head: &Head,
    commit: CommitId,
    prefix: &str,
) -> Result<Vec<Change>, StoreError> {
    let from = tree_of(head, commit)?;
    changes_between(&*head.view, &from, &head.tree, prefix)
}

pub(crate) fn is_same_below(
    view: &dyn View,
    from: &TreeRef,
    to: &TreeRef,
    prefix: &str,
) -> Result<bool, StoreError> {
    let mut is_same = true;
    tree::diff(
        &Pages(view),
        from,
        to,
        prefix.as_bytes(),
        &mut |path, _, _| match str::from_utf8(path) {
            Ok(path) if !is_at_or_below(path, prefix) => ControlFlow::Continue(()),
            _ => {
                is_same = false;
                ControlFlow::Break(())
            }
        },
    )?;
    Ok(is_same)
}

pub(crate) fn change_of(
    view: &dyn View,
    path: &[u8],
    before: Option<&Value>,
    after: Option<&Value>,
) -> Result<Change, StoreError> {
    let bytes = |value: Option<&Value>| value.map(|value| bytes_of(view, value)).transpose();
    let path = str::from_utf8(path).map_err(|_| damaged("a path"))?;
    Ok(Change::new(path, bytes(before)?, bytes(after)?))
}
