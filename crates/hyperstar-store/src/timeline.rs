//! The log of a prefix, kept in memory for those who show it again and again.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use crate::backend::View;
use crate::commit::CommitId;
use crate::history::{find, is_same_below};
use crate::lock::lock;
use crate::path::check_prefix;
use crate::reads::record_prefix;
use crate::state::Head;
use crate::{LogEntry, Store, StoreError, Version};

/// How many commits of the store a [`Timeline`] looks back through. What is older is left out.
pub const TIMELINE_COMMITS_MAX: usize = 10_000;

/// The commits that changed something at or below a prefix, as [`Store::log`] has them, oldest first:
/// what a slider over the past, an undo button or a list of changes shows.
///
/// The first read looks at each commit that is kept, the next ones at those that are new. Clones share
/// what was read. It keeps the store open.
///
/// What the oldest commit changed is not known any more once its parent was let go: the first read takes
/// it for one that changed something there, as the log does.
///
/// ```
/// use hyperstar_store::{Store, Timeline};
///
/// let store = Store::memory();
/// let timeline = Timeline::new(&store, "todo");
/// let milk = store.set("todo/1", "buy milk")?.id;
/// store.set("visits", &7)?;
/// store.set("todo/2", "drink it")?;
///
/// let moments = timeline.read()?;
/// assert_eq!(moments.numbers(), Some(1..=2));
/// assert_eq!(moments.get(1).unwrap().id, milk);
/// assert_eq!(store.at(milk)?.list("todo")?, ["todo/1"]);
/// # Ok::<(), hyperstar_store::StoreError>(())
/// ```
///
/// # Design
/// Nothing is followed: a read compares the head with what it has seen. So a timeline that nobody
/// reads costs nothing, and one that is read is never behind the store.
#[derive(Clone)]
pub struct Timeline {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    prefix: String,
    kept: Mutex<Kept>,
}

struct Kept {
    /// The head that was read last.
    seen: Option<CommitId>,
    moments: Moments,
}

impl Timeline {
    /// The timeline of what is at or below `prefix`; `""` is everything. Nothing is read yet.
    pub fn new(store: &Store, prefix: &str) -> Self {
        Self {
            inner: Arc::new(Inner {
                store: store.clone(),
                prefix: prefix.to_owned(),
                kept: Mutex::new(Kept {
                    seen: None,
                    moments: Moments {
                        first: 1,
                        entries: Arc::default(),
                        undone: Arc::default(),
                        undoable: None,
                    },
                }),
            }),
        }
    }

    /// The commits that are kept now. It counts as a [read](crate::record_reads) of the prefix.
    ///
    /// # Errors
    /// [`StoreError::InvalidPath`]; [`StoreError::Backend`], [`StoreError::Damaged`].
    pub fn read(&self) -> Result<Moments, StoreError> {
        let inner = &*self.inner;
        check_prefix(&inner.prefix)?;
        record_prefix(inner.store.id(), &inner.prefix);
        let mut kept = lock(&inner.kept);
        // Under the lock, so that no older head comes after a newer one.
        let head = inner.store.engine.head();
        kept.catch_up(&head, &inner.prefix)?;
        Ok(kept.moments.clone())
    }
}

impl Kept {
    fn catch_up(&mut self, head: &Head, prefix: &str) -> Result<(), StoreError> {
        let id = head.record.as_ref().map(|record| record.id);
        if self.seen == id {
            return Ok(());
        }
        let view = &*head.view;
        let News {
            entries,
            undone,
            is_continued,
        } = news(view, id, self.seen, prefix)?;
        let moments = &mut self.moments;
        let kept = Arc::make_mut(&mut moments.entries);
        let known = Arc::make_mut(&mut moments.undone);
        if !is_continued {
            // Another branch, or too much at once. No number is ever used twice.
            moments.first += kept.len() as u64;
            kept.clear();
            known.clear();
        }
        kept.extend(entries.into_iter().rev().map(Arc::new));
        let has = |id: &CommitId| kept.iter().any(|entry| entry.id == *id);
        known.extend(undone.into_iter().filter(has));
        while let Some(oldest) = kept.front() {
            if kept.len() <= TIMELINE_COMMITS_MAX && find(view, oldest.id)?.is_some() {
                break;
            }
            known.remove(&oldest.id);
            kept.pop_front();
            moments.first += 1;
        }
        moments.undoable = undoable(view, kept, known)?;
        self.seen = id;
        Ok(())
    }
}

/// What there is between two heads, the newest first.
struct News {
    entries: Vec<LogEntry>,
    /// What any commit takes back, at whatever prefix.
    undone: Vec<CommitId>,
    /// The walk came to `seen`.
    is_continued: bool,
}

fn news(
    view: &dyn View,
    head: Option<CommitId>,
    seen: Option<CommitId>,
    prefix: &str,
) -> Result<News, StoreError> {
    let mut news = News {
        entries: Vec::new(),
        undone: Vec::new(),
        is_continued: false,
    };
    let load = |id: Option<CommitId>| match id {
        Some(id) => find(view, id),
        None => Ok(None),
    };
    let mut next = load(head)?;
    for _ in 0..TIMELINE_COMMITS_MAX {
        let Some((version, record)) = next else { break };
        if Some(record.id) == seen {
            news.is_continued = true;
            break;
        }
        news.undone.extend(record.signed.undoes);
        let parent = record.signed.parents.first().copied();
        let before = load(parent)?;
        let is_same = match (&before, parent) {
            (Some((_, before)), _) => is_same_below(view, &before.tree, &record.tree, prefix)?,
            (None, None) => is_same_below(view, &crate::state::empty_tree(), &record.tree, prefix)?,
            // What it changed is no longer known: it is there, as in the log.
            (None, Some(_)) => false,
        };
        if !is_same || prefix.is_empty() {
            news.entries.push(LogEntry::new(version, &record));
        }
        next = before;
    }
    Ok(news)
}

/// The place of what [`Store::undo`] takes back next.
fn undoable(
    view: &dyn View,
    entries: &VecDeque<Arc<LogEntry>>,
    undone: &HashSet<CommitId>,
) -> Result<Option<usize>, StoreError> {
    let is_open = |entry: &Arc<LogEntry>| entry.undoes.is_none() && !undone.contains(&entry.id);
    let Some(index) = entries.iter().rposition(is_open) else {
        return Ok(None);
    };
    // What the oldest changed is not known once its parent was let go.
    Ok(match entries[index].parents.first() {
        Some(parent) if find(view, *parent)?.is_none() => None,
        _ => Some(index),
    })
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeline")
            .field("prefix", &self.inner.prefix)
            .finish_non_exhaustive()
    }
}

/// What a [`Timeline`] had when it was read. Cloning copies pointers.
///
/// Each commit has a number, one more than the commit before it. It keeps the number for as long as the
/// timeline lives and the branch stays checked out: that is what a slider may have for its value. After
/// a restart numbers begin at 1 again, so what is to last (an address, a link) names the commit.
#[derive(Clone, Debug)]
pub struct Moments {
    /// The number of the oldest.
    first: u64,
    entries: Arc<VecDeque<Arc<LogEntry>>>,
    undone: Arc<HashSet<CommitId>>,
    undoable: Option<usize>,
}

impl Moments {
    /// The numbers of the oldest and of the newest commit; `None` if there is none.
    pub fn numbers(&self) -> Option<RangeInclusive<u64>> {
        let count = self.entries.len() as u64;
        (count > 0).then(|| self.first..=self.first + count - 1)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// The commit with this number, if it is kept.
    pub fn get(&self, number: u64) -> Option<&LogEntry> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.entries.get(index).map(|entry| &**entry)
    }

    /// The newest commit.
    pub fn last(&self) -> Option<&LogEntry> {
        self.entries.back().map(|entry| &**entry)
    }

    /// The number of the last commit that a state of the store has in it: the one with this
    /// [version](LogEntry::version), or else the one before. `None` if all are later.
    pub fn number_at(&self, version: Version) -> Option<u64> {
        let not_later = self
            .entries
            .partition_point(|entry| entry.version <= version);
        (not_later > 0).then(|| self.first + not_later as u64 - 1)
    }

    /// What [`Store::undo`] of the prefix takes back next; `None` if there is nothing.
    ///
    /// ```
    /// # use hyperstar_store::{Store, Timeline};
    /// # let store = Store::memory();
    /// let timeline = Timeline::new(&store, "todo");
    /// let milk = store.set("todo/1", "buy milk")?.id;
    /// assert_eq!(timeline.read()?.undoable().unwrap().id, milk);
    /// store.undo("todo")?;
    /// assert!(timeline.read()?.undoable().is_none());
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    pub fn undoable(&self) -> Option<&LogEntry> {
        Some(&**self.entries.get(self.undoable?)?)
    }

    /// Whether a later commit takes this one back.
    pub fn is_undone(&self, commit: CommitId) -> bool {
        self.undone.contains(&commit)
    }
}
