//! Letting the past go.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::SystemTime;

use super::{Progress, Report, commits, page_id, scan, staged};
use crate::backend::{Shrunk, Table, View};
use crate::branches::names;
use crate::commit::CommitId;
use crate::engine::flush::{Draft, is_fork};
use crate::history::find;
use crate::lock::lock;
use crate::record::{BRANCHES, Record, TAGS, commit_key, id_key, staged_key, tag_key};
use crate::state::{Head, Pages};
use crate::tree::{self, PageId, Visit};
use crate::{Store, StoreError};

/// How many pages one step of [`Store::compact`] looks at; writers have their turn between steps.
const SWEPT_AT_ONCE: usize = 4_096;

/// Which commits [`Store::compact`] keeps. The tip of each branch is always kept.
///
/// ```
/// use hyperstar_store::Keep;
/// use std::time::{Duration, SystemTime};
///
/// let a_week = SystemTime::now() - Duration::from_secs(7 * 24 * 3600);
/// let keep = Keep::last(100).since(a_week).tagged();
/// # let _ = keep;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    last: u64,
    since_ms: Option<i64>,
    tagged: bool,
}

impl Keep {
    /// The last `count` commits of each branch.
    pub fn last(count: u64) -> Self {
        Self {
            last: count.max(1),
            since_ms: None,
            tagged: false,
        }
    }

    /// And all commits of branches since then.
    #[must_use]
    pub fn since(mut self, time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        let ms = since.unwrap_or_default().as_millis();
        self.since_ms = Some(i64::try_from(ms).unwrap_or(i64::MAX));
        self
    }

    /// And those that have a tag. Without it, a tag goes with its commit.
    #[must_use]
    pub fn tagged(mut self) -> Self {
        self.tagged = true;
        self
    }
}

/// What [`Store::compact`] let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compacted {
    /// Commits that were kept.
    pub kept: u64,
    /// Commits that were let go.
    pub commits: u64,
    /// Pages that were let go.
    pub pages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// # Letting the past go
impl Store {
    /// Lets go of the past but for what `keep` says. Snapshots that are held stay readable; readers and
    /// writers go on meanwhile. Interrupted, it can be called again.
    ///
    /// ```
    /// use hyperstar_store::{Keep, Store};
    ///
    /// let store = Store::memory();
    /// for count in 0..50 {
    ///     store.set("count", &count)?;
    /// }
    /// let compacted = store.compact(&Keep::last(10), |_| ())?;
    /// assert_eq!((compacted.kept, compacted.commits), (10, 40));
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Store::transaction`].
    pub fn compact(
        &self,
        keep: &Keep,
        mut progress: impl FnMut(Progress),
    ) -> Result<Compacted, StoreError> {
        let mut done = Compacted::default();
        // First the commits: from here on nobody can begin anything at one of them.
        let (head, kept, end) = self.engine.replace_head(|backend, head| {
            let view = &*head.view;
            let mut kept = chosen(head, keep)?;
            let receiving = lock(&self.engine.receiving).clone();
            // Those that have arrived, and no branch has moved to yet.
            kept.extend(receiving.keys());
            let mut draft = Draft::new(head);
            let mut end = head.state.next_page;
            let mut ties = names(view, BRANCHES)?.len() as u64;
            for (id, staged) in staged(view)? {
                if receiving.contains_key(&id) {
                    // Its pages come one by one, also those whose numbers are given out already.
                    end = end.min(staged.first);
                    kept.insert(staged.base);
                    ties += 1;
                } else {
                    draft.remove(staged_key(id));
                }
            }
            for (name, id) in names(view, TAGS)? {
                if kept.contains(&id) {
                    ties += 1;
                } else {
                    draft.remove(tag_key(&name));
                }
            }
            let mut report = Report::default();
            let mut last = None;
            for (version, record) in commits(view, &mut report)? {
                if kept.contains(&record.id) {
                    ties += u64::from(is_fork(last, &record.signed.parents));
                    last = Some(record.id);
                    done.kept += 1;
                } else {
                    draft.remove(commit_key(version));
                    draft.remove(id_key(record.id));
                    draft.state.commits -= 1;
                    done.commits += 1;
                }
            }
            draft.state.ties = ties;
            if let Some(problem) = report.problems.into_iter().next() {
                return Err(StoreError::Damaged { what: problem });
            }
            let before = Head {
                view: head.view.clone(),
                state: head.state.clone(),
                record: head.record.clone(),
                tree: head.tree,
            };
            let applied = draft.apply(backend, true)?;
            Ok(((before, kept, end), applied, Vec::new()))
        })?;
        // Then what none of the others reaches. What is written from here on has greater numbers, and
        // refers to nothing older than what the tips reach.
        let mut reached = HashSet::new();
        for (marked, id) in kept.iter().enumerate() {
            progress(Progress {
                what: "commits",
                done: marked as u64,
                of: Some(kept.len() as u64),
            });
            if let Some((_, record)) = find(&*head.view, *id)? {
                mark(&*head.view, &record, &mut reached)?;
            }
        }
        let mut next = PageId(0);
        while next < end {
            let mut unreached = Vec::new();
            let mut looked_at = 0;
            let mut last = None;
            scan(
                &*head.view,
                Table::Pages,
                &next.0.to_be_bytes(),
                &mut |key, bytes| {
                    let Some(id) = page_id(key).filter(|id| *id < end) else {
                        return ControlFlow::Break(());
                    };
                    if !reached.contains(&id) {
                        unreached.push(id);
                        done.bytes += bytes.len() as u64;
                    }
                    last = Some(id);
                    looked_at += 1;
                    match looked_at == SWEPT_AT_ONCE {
                        true => ControlFlow::Break(()),
                        false => ControlFlow::Continue(()),
                    }
                },
            )?;
            let Some(last) = last else {
                break;
            };
            next = PageId(last.0 + 1);
            progress(Progress {
                what: "pages",
                done: next.0,
                of: Some(end.0),
            });
            if !unreached.is_empty() {
                done.pages += unreached.len() as u64;
                self.engine.replace_head(|backend, head| {
                    let mut draft = Draft::new(head);
                    draft.remove_pages(unreached);
                    Ok(((), draft.apply(backend, true)?, Vec::new()))
                })?;
            }
        }
        self.shrink(&mut progress)?;
        Ok(done)
    }

    /// Has the backend give back what nothing uses any more.
    fn shrink(&self, progress: &mut impl FnMut(Progress)) -> Result<(), StoreError> {
        let mut steps = 0;
        // One at a time.
        let _shrinking = lock(&self.engine.shrinking);
        while self.engine.shrink(steps == 0)? == Shrunk::More {
            steps += 1;
            progress(Progress {
                what: "steps",
                done: steps,
                of: None,
            });
        }
        // The old view would keep the old space.
        self.engine.replace_head(|backend, head| {
            let renewed = Head {
                view: backend.view().map_err(StoreError::Backend)?,
                state: head.state.clone(),
                record: head.record.clone(),
                tree: head.tree,
            };
            Ok(((), renewed, Vec::new()))
        })
    }
}

/// # What a compaction would let go
impl Store {
    /// What [`Store::compact`] would do now. It reads what `keep` keeps and the sizes of all pages, and
    /// writes nothing.
    ///
    /// ```
    /// use hyperstar_store::{Keep, Store};
    ///
    /// let store = Store::memory();
    /// for count in 0..50 {
    ///     store.set("count", &count)?;
    /// }
    /// let planned = store.plan_compact(&Keep::last(10))?;
    /// assert_eq!(planned, store.compact(&Keep::last(10), |_| ())?);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Backend`], [`StoreError::Damaged`].
    pub fn plan_compact(&self, keep: &Keep) -> Result<Compacted, StoreError> {
        let head = self.engine.head();
        let view = &*head.view;
        let kept = chosen(&head, keep)?;
        let mut planned = Compacted::default();
        let mut report = Report::default();
        let mut reached = HashSet::new();
        for (_, record) in commits(view, &mut report)? {
            if kept.contains(&record.id) {
                mark(view, &record, &mut reached)?;
                planned.kept += 1;
            } else {
                planned.commits += 1;
            }
        }
        if let Some(problem) = report.problems.into_iter().next() {
            return Err(StoreError::Damaged { what: problem });
        }
        scan(view, Table::Pages, &[], &mut |key, bytes| {
            if page_id(key).is_some_and(|id| !reached.contains(&id)) {
                planned.pages += 1;
                planned.bytes += bytes.len() as u64;
            }
            ControlFlow::Continue(())
        })?;
        Ok(planned)
    }
}

/// The commits to keep: of each branch the first parents, as far as they are to be kept.
fn chosen(head: &Head, keep: &Keep) -> Result<HashSet<CommitId>, StoreError> {
    let view = &*head.view;
    let mut kept = HashSet::new();
    for (_, tip) in names(view, BRANCHES)? {
        let mut next = Some(tip);
        let mut count = 0;
        while let Some(id) = next {
            let Some((_, record)) = find(view, id)? else {
                break;
            };
            let is_recent = keep
                .since_ms
                .is_some_and(|since| record.signed.time_ms >= since);
            if count >= keep.last && !is_recent {
                break;
            }
            count += 1;
            kept.insert(id);
            next = record.signed.parents.first().copied();
        }
    }
    if keep.tagged {
        kept.extend(names(view, TAGS)?.into_iter().map(|(_, id)| id));
    }
    Ok(kept)
}

fn mark(view: &dyn View, record: &Record, reached: &mut HashSet<PageId>) -> Result<(), StoreError> {
    tree::pages(
        &Pages(view),
        &record.tree,
        &mut |page| match reached.insert(page.id) {
            true => Visit::Below,
            false => Visit::Next,
        },
    )?;
    Ok(())
}
