//! Names of commits: what somebody wrote, and how a commit is shown.

use std::collections::HashMap;
use std::fmt::Write as _;

use anyhow::{Result, anyhow};
use hyperstar_store::{CommitId, LogEntry, Store, StoreError};
use jiff::Timestamp;

use crate::out::{FAINT, ID, NAME, Out};
use crate::text::{self, Safe, alternatives, near_misses};
use crate::time;

/// How many digits of an id are shown.
const DIGITS_SHOWN: usize = 10;

/// The beginning of an id.
pub(super) fn short(id: CommitId) -> String {
    let mut digits = id.to_string();
    digits.truncate(DIGITS_SHOWN);
    digits
}

/// The commit that somebody means by `name`.
///
/// # Errors
/// As [`Store::resolve`], with what else there is.
pub(super) fn resolve(store: &Store, name: &str) -> Result<CommitId> {
    let error = match store.resolve(name) {
        Ok(id) => return Ok(id),
        Err(error) => error,
    };
    match &error {
        StoreError::UnknownCommit { .. } if store.head_id() == CommitId::NONE => Err(anyhow!(
            "there is no commit `{name}`: nothing is on the branch `{}` yet; `branch` lists the \
             others",
            store.current_branch()
        )),
        StoreError::UnknownCommit { .. } => match suggestion(store, name)? {
            Some(suggestion) => Err(anyhow!("there is no commit `{name}` here; {suggestion}")),
            None => Err(error.into()),
        },
        StoreError::Ambiguous { name } => Err(anyhow!(
            "more than one commit begins with `{name}`: {}; write more digits",
            alternatives(&beginning_with(store, name)?)
        )),
        _ => Err(error.into()),
    }
}

/// What may have been meant.
fn suggestion(store: &Store, name: &str) -> Result<Option<String>> {
    let (base, back) = match name.split_once('~') {
        Some((base, back)) => (base, Some(back)),
        None => (name, None),
    };
    if back.is_some() && store.resolve(base).is_ok() {
        return Ok(Some(format!(
            "the history of `{base}` that is kept is not as long"
        )));
    }
    let is_digits = base.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digits && base.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Ok(Some("write the digits of an id in lower case".to_owned()));
    }
    let names = store.branches()?.into_iter().chain(store.tags()?);
    let mut names: Vec<String> = names.map(|(name, _)| name).collect();
    names.push("HEAD".to_owned());
    let near = near_misses(base, names.iter().map(String::as_str));
    Ok(match near.is_empty() {
        false => Some(format!("did you mean {}?", alternatives(&near))),
        true if is_digits && base.len() < 4 => Some("write at least 4 digits of an id".to_owned()),
        true => None,
    })
}

/// The first commits of the branches whose id begins so.
fn beginning_with(store: &Store, digits: &str) -> Result<Vec<String>> {
    const LISTED_MAX: usize = 5;
    let mut found = Vec::new();
    for (_, tip) in store.branches()? {
        for entry in store.log_from(tip, "")? {
            let id = entry?.id.to_string();
            if id.starts_with(digits) && !found.contains(&id) {
                found.push(id);
                if found.len() == LISTED_MAX {
                    return Ok(found);
                }
            }
        }
    }
    Ok(found)
}

/// Which branches and tags name a commit.
pub(super) struct Names {
    branches: HashMap<CommitId, Vec<String>>,
    tags: HashMap<CommitId, Vec<String>>,
    current: String,
}

impl Names {
    pub(super) fn of(store: &Store) -> Result<Self> {
        let by_commit = |names: Vec<(String, CommitId)>| {
            let mut found: HashMap<CommitId, Vec<String>> = HashMap::new();
            for (name, id) in names {
                found.entry(id).or_default().push(name);
            }
            found
        };
        Ok(Self {
            branches: by_commit(store.branches()?),
            tags: by_commit(store.tags()?),
            current: store.current_branch(),
        })
    }

    pub(super) fn branches(&self, id: CommitId) -> &[String] {
        self.branches.get(&id).map_or(&[], Vec::as_slice)
    }

    pub(super) fn tags(&self, id: CommitId) -> &[String] {
        self.tags.get(&id).map_or(&[], Vec::as_slice)
    }

    /// ` (HEAD -> main, idea, tag: v1)`, or nothing.
    pub(super) fn decoration(&self, id: CommitId) -> String {
        let mut shown = Vec::new();
        for branch in self.branches(id) {
            match *branch == self.current {
                true => shown.insert(0, format!("HEAD -> {NAME}{}{NAME:#}", Safe(branch))),
                false => shown.push(format!("{NAME}{}{NAME:#}", Safe(branch))),
            }
        }
        for tag in self.tags(id) {
            shown.push(format!("tag: {NAME}{}{NAME:#}", Safe(tag)));
        }
        match shown.is_empty() {
            true => String::new(),
            false => format!(" ({})", shown.join(", ")),
        }
    }
}

/// Writes a commit as a block of lines, without one at its end.
pub(super) fn write(out: &mut Out, names: &Names, entry: &LogEntry) -> Result<()> {
    let decoration = names.decoration(entry.id);
    writeln!(out, "{ID}commit {}{ID:#}{decoration}", short(entry.id))?;
    if let [_, _, ..] = entry.parents[..] {
        let parents: Vec<String> = entry.parents.iter().map(|id| short(*id)).collect();
        writeln!(out, "Merge:  {}", parents.join(" "))?;
    }
    if let Some(undone) = entry.undoes {
        writeln!(out, "Undoes: {}", short(undone))?;
    }
    if !entry.author.is_empty() {
        writeln!(out, "Author: {}", Safe(&entry.author))?;
    }
    let ago = time::relative(entry.time_ms, Timestamp::now());
    writeln!(out, "Date:   {}, {ago}", time::absolute(entry.time_ms))?;
    writeln!(out, "Values: {}", indicatif::HumanCount(entry.values))?;
    if !entry.message.is_empty() {
        writeln!(out)?;
        for line in entry.message.lines() {
            let mut text = String::new();
            // Writing into a string cannot fail.
            let _ = write!(text, "    {}", Safe(line));
            writeln!(out, "{}", text.trim_end())?;
        }
    }
    Ok(())
}

/// Writes a commit as one line.
pub(super) fn write_line(out: &mut Out, names: &Names, entry: &LogEntry) -> Result<()> {
    let decoration = names.decoration(entry.id);
    let subject = entry.message.lines().next().unwrap_or_default();
    let ago = time::relative(entry.time_ms, Timestamp::now());
    write!(out, "{ID}{}{ID:#}{decoration}", short(entry.id))?;
    if !subject.is_empty() {
        write!(out, " {}", Safe(subject))?;
    }
    let values = text::count(entry.values, "value", "values");
    writeln!(out, " {FAINT}({ago}, {values}){FAINT:#}")?;
    Ok(())
}
