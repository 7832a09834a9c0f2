//! Looking after a store: whether it is whole, and letting its past go.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::SystemTime;

use crate::backend::{Table, View, VisitEntry};
use crate::branches::names;
use crate::commit::CommitId;
use crate::engine::flush::Draft;
use crate::history::find;
use crate::record::{
    BRANCHES, COMMITS, IDS, Record, TAGS, commit_key, id_key, tag_key, version_in, version_of,
};
use crate::state::{Head, Pages, kept_of, text};
use crate::tree::{self, PageId, PageKind, TreeError, Visit};
use crate::{Store, StoreError, Version};

/// The most problems that a [`Report`] lists.
pub const PROBLEMS_MAX: usize = 100;
/// How many pages one step of [`Store::compact`] looks at; writers have their turn between steps.
const SWEPT_AT_ONCE: usize = 4_096;

/// What [`Store::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Commits that were checked.
    pub commits: u64,
    /// Pages that were read and checked.
    pub pages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Values of the head that were compared with its tree.
    pub values: u64,
    /// Pages that no commit reaches. They harm nothing; [`Store::compact`] lets them go.
    pub unreached: u64,
    /// What is wrong, and where; at most [`PROBLEMS_MAX`].
    pub problems: Vec<String>,
}

impl Report {
    /// Whether all is well.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(&mut self, problem: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem.into());
        }
    }
}

/// How far a long piece of work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done: `commits`, `values`, `pages`.
    pub what: &'static str,
    /// How many are done.
    pub done: u64,
    /// How many there are; nothing if that is not known.
    pub of: Option<u64>,
}

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

    /// And those that have a tag. Otherwise the tags of commits that go, go with them.
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

/// # Looking after it
impl Store {
    /// Reads everything that the history reaches and checks it: each page against its hash, each commit
    /// against its name, the values of the head against its tree. Readers and writers go on meanwhile; it
    /// checks the state of its beginning.
    ///
    /// What is wrong is in the report; an error is only that something could not be read at all.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    pub fn verify(&self, mut progress: impl FnMut(Progress)) -> Result<Report, StoreError> {
        let head = self.engine.head();
        let mut report = Report::default();
        let mut seen = HashSet::new();
        let commits = commits(&*head.view, &mut report)?;
        for (done, (version, record)) in commits.iter().enumerate() {
            progress(Progress {
                what: "commits",
                done: done as u64,
                of: Some(commits.len() as u64),
            });
            check_commit(&head, *version, record, &mut seen, &mut report)?;
            report.commits += 1;
        }
        if report.commits != head.state.commits && report.is_whole() {
            report.add(format!(
                "the store counts {} commits, and {} are kept",
                head.state.commits, report.commits
            ));
        }
        check_names(&*head.view, &mut report)?;
        check_values(&head, &mut report, &mut progress)?;
        let mut found = 0;
        scan(&*head.view, Table::Pages, &[], &mut |key, bytes| {
            report.bytes += bytes.len() as u64;
            found += 1;
            if found % 10_000 == 0 {
                progress(Progress {
                    what: "pages",
                    done: found,
                    of: None,
                });
            }
            if page_id(key).is_none_or(|id| !seen.contains(&id)) {
                report.unreached += 1;
            }
            ControlFlow::Continue(())
        })?;
        Ok(report)
    }

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
        let (head, kept) = self.engine.replace_head(|backend, head| {
            let kept = chosen(head, keep)?;
            let mut report = Report::default();
            let mut draft = Draft::new(head);
            for (version, record) in commits(&*head.view, &mut report)? {
                if kept.contains(&record.id) {
                    done.kept += 1;
                } else {
                    draft.remove(commit_key(version));
                    draft.remove(id_key(record.id));
                    draft.state.commits -= 1;
                    done.commits += 1;
                }
            }
            if let Some(problem) = report.problems.into_iter().next() {
                return Err(StoreError::Damaged { what: problem });
            }
            let tags = names(&*head.view, TAGS)?;
            draft.state.refs = (names(&*head.view, BRANCHES)?.len() + tags.len()) as u64;
            for (tag, id) in tags {
                if !kept.contains(&id) {
                    draft.remove(tag_key(&tag));
                    draft.state.refs -= 1;
                }
            }
            let before = Head {
                view: head.view.clone(),
                state: head.state.clone(),
                record: head.record.clone(),
                tree: head.tree,
            };
            Ok(((before, kept), draft.apply(backend, true)?, Vec::new()))
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
        while next < head.state.next_page {
            let mut unreached = Vec::new();
            let mut looked_at = 0;
            let mut last = None;
            scan(
                &*head.view,
                Table::Pages,
                &next.0.to_be_bytes(),
                &mut |key, bytes| {
                    let Some(id) = page_id(key).filter(|id| *id < head.state.next_page) else {
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
                of: Some(head.state.next_page.0),
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
        Ok(done)
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

/// All commits that are kept, by version.
fn commits(view: &dyn View, report: &mut Report) -> Result<Vec<(Version, Record)>, StoreError> {
    let mut commits = Vec::new();
    scan(view, Table::History, COMMITS, &mut |key, bytes| {
        if !key.starts_with(COMMITS) {
            return ControlFlow::Break(());
        }
        match (version_in(key), Record::decode(bytes)) {
            (Some(version), Some(record)) => commits.push((version, record)),
            (version, _) => report.add(format!(
                "the commit at version {} is not what was written",
                version.unwrap_or_default()
            )),
        }
        ControlFlow::Continue(())
    })?;
    Ok(commits)
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

fn check_commit(
    head: &Head,
    version: Version,
    record: &Record,
    seen: &mut HashSet<PageId>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let view = &*head.view;
    match find(view, record.id) {
        Ok(Some((found, _))) if found == version => {}
        _ => report.add(format!("commit {} is not found by its name", record.id)),
    }
    let pages = Pages(view);
    let mut raw = Vec::new();
    let walked = tree::pages(&pages, &record.tree, &mut |page| {
        if !seen.insert(page.id) {
            return Visit::Next;
        }
        report.pages += 1;
        if matches!(page.kind, PageKind::Raw(_)) {
            raw.push(*page);
        }
        Visit::Below
    });
    let checked = walked.and_then(|()| raw.iter().try_for_each(|page| page.check_raw(&pages)));
    match checked {
        Err(error @ TreeError::Damaged { .. }) => {
            report.add(format!("commit {}: {error}", record.id));
        }
        Err(TreeError::Backend(error)) => report.add(format!("commit {}: {error}", record.id)),
        Ok(()) => {}
    }
    Ok(())
}

fn check_names(view: &dyn View, report: &mut Report) -> Result<(), StoreError> {
    for (kind, what) in [(BRANCHES, "branch"), (TAGS, "tag"), (IDS, "id")] {
        let mut names = Vec::new();
        scan(view, Table::History, kind, &mut |key, version| {
            let Some(name) = key.strip_prefix(kind) else {
                return ControlFlow::Break(());
            };
            names.push((name.to_vec(), version.to_vec()));
            ControlFlow::Continue(())
        })?;
        for (name, version) in names {
            let loaded =
                version_of(&version).and_then(|version| crate::engine::flush::load(view, version));
            if loaded.is_err() {
                let name = match what {
                    "id" => name.iter().map(|byte| format!("{byte:02x}")).collect(),
                    _ => String::from_utf8_lossy(&name).into_owned(),
                };
                report.add(format!("the {what} `{name}` names no commit"));
            }
        }
    }
    Ok(())
}

/// The index of the head's values against its tree, both in order.
fn check_values(
    head: &Head,
    report: &mut Report,
    progress: &mut impl FnMut(Progress),
) -> Result<(), StoreError> {
    let view = &*head.view;
    let mut wrong = Vec::new();
    let mut values = 0;
    let mut failure = None;
    let walked = tree::walk(&Pages(view), &head.tree, b"", &mut |path, value| {
        values += 1;
        if values % 10_000 == 0 {
            progress(Progress {
                what: "values",
                done: values,
                of: Some(head.tree.count),
            });
        }
        match view.get(Table::Values, path) {
            Ok(kept) if kept.as_ref() == Some(&kept_of(value)) => {}
            Ok(_) => wrong.push(path.to_vec()),
            Err(error) => {
                failure = Some(error);
                return ControlFlow::Break(());
            }
        }
        match wrong.len() < PROBLEMS_MAX {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    });
    if let Some(error) = failure {
        return Err(StoreError::Backend(error));
    }
    // What is wrong with the tree has been said of its commit.
    let is_walked = walked.is_ok();
    report.values = values;
    for path in &wrong {
        let path = text(path).unwrap_or("?");
        report.add(format!(
            "the value of `{path}` is not what the head's tree says"
        ));
    }
    let mut kept = 0;
    scan(view, Table::Values, &[], &mut |_, _| {
        kept += 1;
        ControlFlow::Continue(())
    })?;
    if is_walked && wrong.is_empty() && kept != head.tree.count {
        report.add(format!(
            "the head has {} values, and {kept} are in its index",
            head.tree.count
        ));
    }
    Ok(())
}

fn page_id(key: &[u8]) -> Option<PageId> {
    Some(PageId(u64::from_be_bytes(key.try_into().ok()?)))
}

fn scan(
    view: &dyn View,
    table: Table,
    start: &[u8],
    visit: &mut VisitEntry<'_>,
) -> Result<(), StoreError> {
    view.scan(table, start, visit).map_err(StoreError::Backend)
}
