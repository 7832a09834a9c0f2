//! From a store into the stream that `git fast-import` reads.

use std::collections::BTreeSet;
use std::io::Write;
use std::ops::ControlFlow;

use crate::backend::{Table, View};
use crate::branches::names;
use crate::commit::CommitId;
use crate::engine::flush::load;
use crate::record::{BRANCHES, Record, TAGS, id_key, version_of};
use crate::state::{Pages, bytes_of, damaged, empty_tree, text};
use crate::tree::{self, TreeRef, Value};
use crate::{Progress, Store, StoreError, Version};

use super::extras;
use super::write::{CommitWriter, GitWriteError, WriteCommit, Writer};

/// What to export.
///
/// ```
/// use hyperstar_store::git::GitExport;
///
/// let options = GitExport { branch: Some("main".to_owned()), ..Default::default() };
/// # let _ = options;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitExport {
    /// Only this branch and what it reaches, without tags. Otherwise all branches and tags.
    pub branch: Option<String>,
    /// Only commits after this version: the [`version`](GitExported::version) of the export before, for
    /// a Git that keeps the marks of it. Otherwise all commits.
    ///
    /// ```text
    /// export | git fast-import --import-marks-if-exists=marks --export-marks=marks
    /// ```
    pub after: Version,
}

/// What an export came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GitExported {
    /// The commits in the stream.
    pub commits: u64,
    /// Of these, commits of which a parent is no longer kept. Git shows none for it, and if it was the
    /// only one, the whole state as new.
    pub cut: u64,
    /// The version of the store that was exported.
    pub version: Version,
}

/// # Git
impl Store {
    /// Writes the history as the stream that `git fast-import` reads: commits with their authors, times
    /// and messages, each with what it changed, oldest first; then branches and tags. `progress` hears
    /// of `commits`.
    ///
    /// ```text
    /// git init --bare backup.git
    /// export | git -C backup.git fast-import
    /// ```
    ///
    /// It writes the state of its beginning; readers and writers go on meanwhile. It costs what the
    /// commits changed, and memory for a few bytes a commit and one value. A stream that ends early is
    /// taken by Git for nothing at all.
    ///
    /// What Git does not carry is in trailers of the messages (`Hyperstar-Commit: ..`), so that
    /// [`Store::import_git`] makes the same commits of it, with the same ids. Git has no branch `a/b`
    /// beside `a`; such a store is not exported before one of them has another name.
    ///
    /// # Errors
    /// [`GitWriteError::Write`] if `out` fails; [`GitWriteError::Reference`] and
    /// [`GitWriteError::ReferenceInTheWay`] for names that Git does not take;
    /// [`GitWriteError::Store`] if there is no such branch, or the store cannot be read.
    pub fn export_git(
        &self,
        out: impl Write,
        options: &GitExport,
        mut progress: impl FnMut(Progress),
    ) -> Result<GitExported, GitWriteError> {
        let head = self.engine.head();
        let view = &*head.view;
        let references = references(view, options.branch.as_deref())?;
        let mut writer = Writer::new(out, options.after.as_u64())?;
        for (name, _) in &references {
            writer.reference(name)?;
        }
        let tips: Vec<Version> = references.iter().map(|(_, version)| *version).collect();
        let mut left = reached(view, tips, options.after)?;
        let count = left.len() as u64;
        let mut exported = GitExported {
            version: head.state.version,
            ..GitExported::default()
        };
        // Mostly parents have lesser versions. An import can bring some that are older, later.
        let mut open = Vec::new();
        while let Some(version) = open.last().or_else(|| left.first()).copied() {
            let record = load(view, version)?;
            let parents = kept_parents(view, &record)?;
            if let Some(parent) = parents.iter().find(|parent| left.contains(*parent)) {
                if open.is_empty() {
                    open.push(version);
                }
                if open.len() > left.len() {
                    return Err(damaged("the history: a commit comes before itself").into());
                }
                open.push(*parent);
                continue;
            }
            let [(reference, _), ..] = &*references else {
                break;
            };
            write(&mut writer, view, version, &record, &parents, reference)?;
            open.pop();
            left.remove(&version);
            exported.commits += 1;
            exported.cut += u64::from(parents.len() < record.signed.parents.len());
            progress(Progress {
                what: "commits",
                done: exported.commits,
                of: Some(count),
            });
        }
        for (name, version) in &references {
            writer.reset(name, version.as_u64())?;
        }
        writer.finish()?;
        Ok(exported)
    }
}

/// What to export, by full names; branches first.
fn references(view: &dyn View, branch: Option<&str>) -> Result<Vec<(String, Version)>, StoreError> {
    let mut found = Vec::new();
    for (name, id) in names(view, BRANCHES)? {
        if branch.is_none_or(|branch| branch == name) {
            found.push((format!("refs/heads/{name}"), id));
        }
    }
    match branch {
        Some(branch) if found.is_empty() => {
            return Err(crate::branches::unknown_name(view, "branch", branch)?);
        }
        Some(_) => {}
        None => {
            let tags = names(view, TAGS)?.into_iter();
            found.extend(tags.map(|(name, id)| (format!("refs/tags/{name}"), id)));
        }
    }
    let versions = found.into_iter().map(|(name, id)| {
        let version = version_named(view, id)?.ok_or_else(|| damaged("a commit"))?;
        Ok((name, version))
    });
    versions.collect()
}

/// The commits that `tips` reach, without those up to `after` and what only they reach.
fn reached(
    view: &dyn View,
    mut tips: Vec<Version>,
    after: Version,
) -> Result<BTreeSet<Version>, StoreError> {
    let mut reached = BTreeSet::new();
    while let Some(version) = tips.pop() {
        if version > after && reached.insert(version) {
            tips.extend(kept_parents(view, &load(view, version)?)?);
        }
    }
    Ok(reached)
}

fn kept_parents(view: &dyn View, record: &Record) -> Result<Vec<Version>, StoreError> {
    let parents = record.signed.parents.iter();
    let versions = parents.filter_map(|id| version_named(view, *id).transpose());
    versions.collect()
}

fn version_named(view: &dyn View, id: CommitId) -> Result<Option<Version>, StoreError> {
    let version = view.get(Table::History, &id_key(id));
    let version = version.map_err(StoreError::Backend)?;
    version.map(|version| version_of(&version)).transpose()
}

fn write<W: Write>(
    writer: &mut Writer<W>,
    view: &dyn View,
    version: Version,
    record: &Record,
    parents: &[Version],
    reference: &str,
) -> Result<(), GitWriteError> {
    let before = match parents.first() {
        Some(parent) => load(view, *parent)?.tree,
        None => empty_tree(),
    };
    let signed = &record.signed;
    let extras = extras::of(record, parents.len() == signed.parents.len());
    let extras: Vec<(&str, &str)> = extras.iter().map(|(key, value)| (*key, &**value)).collect();
    let parents: Vec<u64> = parents.iter().map(|parent| parent.as_u64()).collect();
    let mut commit = writer.commit(WriteCommit {
        mark: version.as_u64(),
        parents: &parents,
        reference,
        author: &signed.author,
        time_ms: signed.time_ms,
        message: &signed.message,
        extras: &extras,
    })?;
    write_changes(&mut commit, view, &before, &record.tree)?;
    commit.finish()
}

fn write_changes<W: Write>(
    commit: &mut CommitWriter<'_, W>,
    view: &dyn View,
    before: &TreeRef,
    after: &TreeRef,
) -> Result<(), GitWriteError> {
    let mut failure = None;
    let mut change = |path: &[u8], value: Option<&Value>| {
        let path = text(path)?;
        match value {
            Some(value) => commit.set(path, bytes_of(view, value)?),
            None => commit.remove(path),
        }
    };
    tree::diff(
        &Pages(view),
        before,
        after,
        b"",
        &mut |path, _, value| match change(path, value) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        },
    )
    .map_err(StoreError::from)?;
    failure.map_or(Ok(()), Err)
}
