//! From transactions to one batch for the backend: values, pages of the tree, commits.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use super::replay::{Log, replay};
use super::{Engine, Waiting};
use crate::backend::{Backend, BackendError, Batch, Logged, Table, View, Write};
use crate::commit::CommitId;
use crate::config::{Durability, History, StoreConfig};
use crate::record::{
    self, COMMITS, Record, Signed, StoreState, branch_key, commit_key, id_key, state_key,
};
use crate::state::{Head, Pages, damaged, empty_tree, kept_of, named_by};
use crate::tree::{self, PageId, PageSource, Shelf, TreeRef, Value};
use crate::{Change, Commit, StoreError, Version};

/// The branch of a new store.
const FIRST_BRANCH: &str = "main";
/// The most commits that are let go with one batch: a bound is reached step by step.
const TRIMMED_MAX: u64 = 16;

/// What a batch has become.
pub(super) struct Flushed {
    pub(super) head: Head,
    /// What watches and callbacks hear.
    pub(super) commits: Vec<Commit>,
    /// The commit of each transaction, in order.
    pub(super) ids: Vec<CommitId>,
    /// Whether the backend's batch is on the disk; nothing if there was nothing to write.
    pub(super) is_synced: Option<bool>,
}

/// The head as the backend has it, and what it has logged.
pub(super) fn open(backend: &mut dyn Backend, config: &StoreConfig) -> Result<Head, StoreError> {
    let view = backend.view().map_err(StoreError::Backend)?;
    let state = view.get(Table::History, &state_key());
    let state = match state.map_err(StoreError::Backend)? {
        Some(bytes) => StoreState::decode(&bytes).ok_or_else(|| damaged("the store's state"))?,
        None => StoreState {
            version: Version::ZERO,
            next_page: PageId(1),
            commits: 0,
            ties: 0,
            branch: FIRST_BRANCH.to_owned(),
        },
    };
    replay(backend, config, head_of(view, state)?)
}

/// The head of the branch that `state` names.
pub(crate) fn head_of(view: Arc<dyn View>, state: StoreState) -> Result<Head, StoreError> {
    let tip = view.get(Table::History, &branch_key(&state.branch));
    let record = match tip.map_err(StoreError::Backend)? {
        Some(version) => Some(Arc::new(load(&*view, record::version_of(&version)?)?)),
        None => None,
    };
    let tree = record
        .as_ref()
        .map_or_else(empty_tree, |record| record.tree);
    Ok(Head {
        view,
        state,
        record,
        tree,
    })
}

/// A commit by its version, which a name or an id stands for.
pub(crate) fn load(view: &dyn View, version: Version) -> Result<Record, StoreError> {
    load_kept(view, version)?.ok_or_else(|| damaged("a commit"))
}

/// A commit by its version, if it is kept.
pub(crate) fn load_kept(view: &dyn View, version: Version) -> Result<Option<Record>, StoreError> {
    let bytes = view.get(Table::History, &commit_key(version));
    let bytes = bytes.map_err(StoreError::Backend)?;
    let record = bytes.map(|bytes| Record::decode(&bytes).ok_or_else(|| damaged("a commit")));
    record.transpose()
}

/// Makes transactions durable, in order.
pub(super) fn flush(
    engine: &Engine,
    backend: &mut dyn Backend,
    head: &Arc<Head>,
    waiting: &[Waiting],
) -> Result<Flushed, StoreError> {
    let mut draft = Draft::new(head);
    let mut commits = Vec::new();
    let mut ids = Vec::with_capacity(waiting.len());
    let mut log = Log::default();
    for group in groups(waiting) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            continue;
        };
        let changes = sum(group);
        let meta = &first.meta;
        if !changes.is_empty() || meta.is_commit() {
            let signed = Signed {
                // Set once the tree is there.
                root: draft.tree.hash,
                parents: meta.parents.clone(),
                time_ms: meta.time_ms.unwrap_or_else(now_ms),
                undoes: meta.undoes,
                author: meta
                    .author
                    .clone()
                    .unwrap_or_else(|| engine.config.author.clone()),
                message: meta.message.clone(),
            };
            let id = draft.commit(last.version, &changes, signed)?;
            if let Some(record) = &draft.record {
                log.push(last.version, &record.signed, &changes);
            }
            commits.push(Commit {
                store: engine.id,
                version: last.version,
                id,
                changes: changes.into(),
            });
        }
        ids.extend(group.iter().map(|_| draft.id()));
        draft.state.version = last.version;
    }
    if draft.is_empty() {
        let head = Head {
            view: head.view.clone(),
            state: draft.state,
            record: draft.record,
            tree: draft.tree,
        };
        return Ok(Flushed {
            head,
            commits,
            ids,
            is_synced: None,
        });
    }
    draft.trim_to(engine.config.history)?;
    let is_durable = |waiting: &Waiting| {
        let asked = waiting.meta.durability;
        asked.unwrap_or(engine.config.durability) == Durability::Durable
    };
    let sync = waiting.iter().any(is_durable);
    let version = draft.state.version;
    let in_doubt = |source| StoreError::InDoubt { version, source };
    let logged = match log.bytes() {
        Some(bytes) => backend.log(bytes, sync),
        None => Ok(Logged::Full),
    };
    let logged = logged.map_err(|source| match source.is_in_doubt() {
        true => in_doubt(source),
        false => StoreError::Backend(source),
    })?;
    let sync = match logged {
        Logged::Yes => false,
        Logged::Full => true,
        Logged::Never => sync,
    };
    let head = draft.apply(backend, sync).map_err(|error| match error {
        // The next that opens the store finds it in the log.
        StoreError::Backend(source) if logged == Logged::Yes => in_doubt(source),
        error => error,
    })?;
    Ok(Flushed {
        head,
        commits,
        ids,
        is_synced: Some(sync),
    })
}

/// Transactions that share a commit: neighbours that say nothing of their own.
fn groups(waiting: &[Waiting]) -> impl Iterator<Item = &[Waiting]> {
    waiting.chunk_by(|one, next| !one.meta.is_commit() && !next.meta.is_commit())
}

/// What transactions changed in sum, ordered by path.
fn sum(waiting: &[Waiting]) -> Vec<Change> {
    if let [only] = waiting {
        return only.changes.to_vec();
    }
    let mut sum: BTreeMap<Arc<str>, Change> = BTreeMap::new();
    for change in waiting.iter().flat_map(|waiting| &*waiting.changes) {
        match sum.get_mut(&change.path) {
            Some(earlier) => earlier.after = change.after.clone(),
            None => {
                sum.insert(change.path.clone(), change.clone());
            }
        }
    }
    sum.into_values()
        .filter(|change| change.before != change.after)
        .collect()
}

/// Commits that are being made on top of a head.
pub(crate) struct Draft<'a> {
    head: &'a Head,
    pub(crate) state: StoreState,
    pub(crate) record: Option<Arc<Record>>,
    pub(crate) tree: TreeRef,
    pages: NewPages<'a>,
    values: BTreeMap<Arc<str>, Option<Bytes>>,
    history: BTreeMap<Bytes, Option<Bytes>>,
    removed: Vec<PageId>,
    /// The commits that were inserted, and what they came after.
    inserted: Vec<(CommitId, Vec<CommitId>)>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(head: &'a Head) -> Self {
        Self {
            head,
            state: head.state.clone(),
            record: head.record.clone(),
            tree: head.tree,
            pages: NewPages {
                new: HashMap::new(),
                view: &*head.view,
            },
            values: BTreeMap::new(),
            history: BTreeMap::new(),
            removed: Vec::new(),
            inserted: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> CommitId {
        self.record
            .as_ref()
            .map_or(CommitId::NONE, |record| record.id)
    }

    fn is_empty(&self) -> bool {
        self.history.is_empty()
    }

    /// Commits `changes` on the branch that is checked out; `signed.parents` are those beside its tip.
    pub(crate) fn commit(
        &mut self,
        version: Version,
        changes: &[Change],
        mut signed: Signed,
    ) -> Result<CommitId, StoreError> {
        let mut edits = Vec::with_capacity(changes.len());
        for change in changes {
            let value = match &change.after {
                Some(bytes) => Some(self.value(&change.path, bytes)?),
                None => None,
            };
            let kept = value.as_ref().map(kept_of);
            self.values.insert(change.path.clone(), kept);
            edits.push((change.path.as_bytes(), value));
        }
        let base = self.tree;
        let (tree, dropped) = self.edit_tree(&base, &edits)?;
        self.tree = tree;
        signed.root = tree.hash;
        if let Some(record) = &self.record {
            signed.parents.insert(0, record.id);
        }
        let mut id = signed.id();
        // Another branch may have made the same of the same commit in the same millisecond.
        while self.has_commit(id)? {
            signed.time_ms = signed.time_ms.wrapping_add(1);
            id = signed.id();
        }
        let record = Record {
            id,
            signed,
            tree,
            dropped,
        };
        self.insert(version, &record);
        if self.record.is_none() {
            self.state.ties += 1;
        }
        let branch = branch_key(&self.state.branch);
        self.put(branch, record::named(version));
        self.record = Some(Arc::new(record));
        Ok(id)
    }

    fn has_commit(&self, id: CommitId) -> Result<bool, StoreError> {
        let key = id_key(id);
        if let Some(written) = self.history.get(&key) {
            return Ok(written.is_some());
        }
        let kept = self.head.view.get(Table::History, &key);
        Ok(kept.map_err(StoreError::Backend)?.is_some())
    }

    /// The tree that `changes` make of `base`, and the pages of `base` that it has not. What is new of
    /// it is written with the draft.
    pub(crate) fn edit(
        &mut self,
        base: &TreeRef,
        changes: &BTreeMap<Arc<str>, Option<Bytes>>,
    ) -> Result<(TreeRef, Vec<PageId>), StoreError> {
        let mut edits = Vec::with_capacity(changes.len());
        for (path, after) in changes {
            let key = path.as_bytes();
            let value = match after {
                None => None,
                Some(bytes) => {
                    let before = match bytes.len() <= tree::INLINE_BYTES_MAX {
                        true => None,
                        false => tree::get(&self.pages, base, key)?,
                    };
                    Some(self.store_value(bytes, before.as_ref())?)
                }
            };
            edits.push((key, value));
        }
        self.edit_tree(base, &edits)
    }

    /// Forgets the pages from `next` on: nothing in the draft refers to them.
    pub(crate) fn take_back(&mut self, next: PageId) {
        for id in next.0..self.state.next_page.0 {
            self.pages.new.remove(&PageId(id));
        }
        self.state.next_page = next;
    }

    fn edit_tree(
        &mut self,
        base: &TreeRef,
        edits: &[(&[u8], Option<Value>)],
    ) -> Result<(TreeRef, Vec<PageId>), StoreError> {
        let edited = tree::edit(&self.pages, base, edits, &mut self.state.next_page)?;
        self.put_pages(edited.written);
        Ok((edited.root, edited.dropped))
    }

    /// Keeps a commit whose pages are there or [written](Draft::put_pages) too. No branch moves.
    pub(crate) fn insert(&mut self, version: Version, record: &Record) {
        self.put(commit_key(version), record.encode());
        self.put(id_key(record.id), record::named(version));
        let parents = record.signed.parents.clone();
        self.inserted.push((record.id, parents));
        self.state.commits += 1;
        self.state.version = version;
    }

    pub(crate) fn put(&mut self, key: Bytes, value: Bytes) {
        self.history.insert(key, Some(value));
    }

    pub(crate) fn remove(&mut self, key: Bytes) {
        self.history.insert(key, None);
    }

    /// The pages of the head, and those that were written.
    pub(crate) fn shelf(&self) -> &dyn Shelf {
        &self.pages
    }

    pub(crate) fn put_pages(&mut self, pages: impl IntoIterator<Item = (PageId, Bytes)>) {
        self.pages.new.extend(pages);
    }

    pub(crate) fn remove_pages(&mut self, pages: Vec<PageId>) {
        self.removed.extend(pages);
    }

    pub(crate) fn set_value(&mut self, path: Arc<str>, kept: Option<Bytes>) {
        self.values.insert(path, kept);
    }

    fn value(&mut self, path: &str, bytes: &Bytes) -> Result<Value, StoreError> {
        // Its chunks may be those of the value before.
        let before = match self.values.get(path) {
            _ if bytes.len() <= tree::INLINE_BYTES_MAX => None,
            Some(kept) => kept.clone(),
            None => {
                let kept = self.head.view.get(Table::Values, path.as_bytes());
                kept.map_err(StoreError::Backend)?
            }
        };
        self.store_value(bytes, before.as_ref().and_then(named_by).as_ref())
    }

    fn store_value(&mut self, bytes: &Bytes, before: Option<&Value>) -> Result<Value, StoreError> {
        let next = &mut self.state.next_page;
        let (value, written) = tree::store_value(&self.pages, bytes, before, next)?;
        self.put_pages(written);
        Ok(value)
    }

    /// Lets the oldest commits go that `history` does not keep, as long as they are a single line.
    pub(super) fn trim_to(&mut self, history: History) -> Result<(), StoreError> {
        let History::Last(keep) = history else {
            return Ok(());
        };
        let surplus = self.state.commits.saturating_sub(keep.max(2));
        let surplus = surplus.min(TRIMMED_MAX);
        self.tie()?;
        if surplus == 0 || self.state.ties > 1 {
            return Ok(());
        }
        let mut oldest = Vec::new();
        let mut is_damaged = false;
        let scanned = self
            .head
            .view
            .scan(Table::History, COMMITS, &mut |key, bytes| {
                if !key.starts_with(COMMITS) {
                    return ControlFlow::Break(());
                }
                match Record::decode(bytes) {
                    Some(record) => oldest.push((Bytes::copy_from_slice(key), record)),
                    None => is_damaged = true,
                }
                match is_damaged || oldest.len() as u64 > surplus {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            });
        scanned.map_err(StoreError::Backend)?;
        if is_damaged {
            return Err(damaged("a commit"));
        }
        // Older commits may have come later, from elsewhere: only the end of the line goes.
        let end = oldest.first().map(|(_, record)| &record.signed.parents);
        for parent in end.into_iter().flatten() {
            let kept = self.head.view.get(Table::History, &id_key(*parent));
            if kept.map_err(StoreError::Backend)?.is_some() {
                return Ok(());
            }
        }
        for pair in oldest.windows(2) {
            let [(key, old), (_, next)] = pair else {
                continue;
            };
            if next.signed.parents != [old.id] {
                break;
            }
            self.remove(key.clone());
            self.remove(id_key(old.id));
            self.removed.extend(&next.dropped);
            self.state.commits -= 1;
        }
        Ok(())
    }

    /// Counts the commits that were inserted beside the line: both ends of a fork share pages, and what
    /// one of them dropped the other may have.
    fn tie(&mut self) -> Result<(), StoreError> {
        let inserted = std::mem::take(&mut self.inserted);
        if inserted.is_empty() {
            return Ok(());
        }
        let mut last = last_commit(&*self.head.view)?;
        for (id, parents) in inserted {
            self.state.ties += u64::from(is_fork(last, &parents));
            last = Some(id);
        }
        Ok(())
    }

    /// Makes the backend have it.
    pub(crate) fn apply(
        mut self,
        backend: &mut dyn Backend,
        sync: bool,
    ) -> Result<Head, StoreError> {
        self.tie()?;
        self.put(state_key(), self.state.encode());
        let write = |table, key: Bytes, value| Write { table, key, value };
        let number = |id: PageId| Bytes::copy_from_slice(&id.0.to_be_bytes());
        let mut writes = Vec::new();
        for (path, kept) in self.values {
            let path = Bytes::copy_from_slice(path.as_bytes());
            writes.push(write(Table::Values, path, kept));
        }
        for id in &self.removed {
            // One that the same batch made is not there yet.
            if self.pages.new.remove(id).is_none() {
                writes.push(write(Table::Pages, number(*id), None));
            }
        }
        let mut pages: Vec<(PageId, Bytes)> = self.pages.new.into_iter().collect();
        pages.sort_unstable_by_key(|(id, _)| *id);
        for (id, page) in pages {
            writes.push(write(Table::Pages, number(id), Some(page)));
        }
        for (key, value) in self.history {
            writes.push(write(Table::History, key, value));
        }
        let version = self.state.version;
        let batch = Batch {
            version,
            sync,
            writes,
        };
        let view = backend.apply(&batch).map_err(|source| {
            if source.is_in_doubt() {
                StoreError::InDoubt { version, source }
            } else {
                StoreError::Backend(source)
            }
        })?;
        Ok(Head {
            view,
            state: self.state,
            record: self.record,
            tree: self.tree,
        })
    }
}

/// Whether a commit came after another than the `last` one before it, so that the commits are no single
/// line.
pub(crate) fn is_fork(last: Option<CommitId>, parents: &[CommitId]) -> bool {
    last.is_some_and(|last| parents != [last])
}

/// The commit with the greatest version.
fn last_commit(view: &dyn View) -> Result<Option<CommitId>, StoreError> {
    let mut last = None;
    let end = commit_key(Version::from_u64(u64::MAX));
    let scanned = view.scan_back(Table::History, Some(&end), &mut |key, bytes| {
        if key.starts_with(COMMITS) {
            last = Some(Record::decode(bytes));
        }
        ControlFlow::Break(())
    });
    scanned.map_err(StoreError::Backend)?;
    match last {
        Some(None) => Err(damaged("a commit")),
        Some(Some(record)) => Ok(Some(record.id)),
        None => Ok(None),
    }
}

/// Pages that are about to be written, over those that are.
struct NewPages<'a> {
    new: HashMap<PageId, Bytes>,
    view: &'a dyn View,
}

impl PageSource for NewPages<'_> {
    fn page(&self, id: PageId) -> Result<Bytes, BackendError> {
        match self.new.get(&id) {
            Some(page) => Ok(page.clone()),
            None => Pages(self.view).page(id),
        }
    }
}

impl Shelf for NewPages<'_> {
    fn find(&self, id: PageId) -> Result<Option<Bytes>, BackendError> {
        match self.new.get(&id) {
            Some(page) => Ok(Some(page.clone())),
            None => Pages(self.view).find(id),
        }
    }
}

pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since.unwrap_or_default().as_millis();
    i64::try_from(ms).unwrap_or(i64::MAX)
}
