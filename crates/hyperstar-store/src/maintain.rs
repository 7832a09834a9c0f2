//! Looking after a store: whether it is whole, and letting its past go.

mod compact;

use std::collections::HashSet;
use std::ops::ControlFlow;

pub use self::compact::{Compacted, Keep};
use crate::backend::{Table, View, VisitEntry};
use crate::commit::CommitId;
use crate::history::find;
use crate::record::{
    BRANCHES, COMMITS, IDS, Record, STAGED, Staged, TAGS, staged_in, version_in, version_of,
};
use crate::state::{Head, Pages, damaged, kept_of, text};
use crate::tree::{self, PageId, PageKind, Shelf, TreeError, Visit};
use crate::{Store, StoreError, Version};

/// The most problems that a [`Report`] lists.
pub const PROBLEMS_MAX: usize = 100;

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
        match staged(&*head.view) {
            Ok(staged) => staged
                .iter()
                .for_each(|(id, staged)| check_staged(&head, *id, staged, &mut seen, &mut report)),
            Err(StoreError::Damaged { what }) => report.add(format!("{what} cannot be read")),
            Err(error) => return Err(error),
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

/// The commits that are being received.
fn staged(view: &dyn View) -> Result<Vec<(CommitId, Staged)>, StoreError> {
    let mut found = Vec::new();
    scan(view, Table::History, STAGED, &mut |key, bytes| {
        if !key.starts_with(STAGED) {
            return ControlFlow::Break(());
        }
        found.push((staged_in(key), Staged::decode(bytes)));
        ControlFlow::Continue(())
    })?;
    found
        .into_iter()
        .map(|(id, staged)| {
            id.zip(staged)
                .ok_or_else(|| damaged("a commit that is being received"))
        })
        .collect()
}

/// Checks what is there of a commit that is being received.
fn check_staged(
    head: &Head,
    id: CommitId,
    staged: &Staged,
    seen: &mut HashSet<PageId>,
    report: &mut Report,
) {
    let pages = Pages(&*head.view);
    let mut checked = Ok(());
    let walked = tree::pages(&pages, &staged.root, &mut |page| {
        if page.id < staged.first || !matches!(pages.find(page.id), Ok(Some(_))) {
            return Visit::Next;
        }
        if !seen.insert(page.id) {
            return Visit::Next;
        }
        report.pages += 1;
        if checked.is_ok() {
            checked = page.check_raw(&pages);
        }
        Visit::Below
    });
    if let Err(error) = walked.and(checked) {
        report.add(format!("commit {id}, which is being received: {error}"));
    }
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
