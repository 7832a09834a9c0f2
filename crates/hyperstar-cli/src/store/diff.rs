//! `diff`: what is different between two commits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyperstar_store::{Bytes, Change};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{open, prefix, revision};
use crate::json;
use crate::out::{ADDED, CHANGED, Out, REMOVED};
use crate::text::{Safe, count, value_line, value_lines};

/// Show what is different between two commits
///
/// `+` is a value that came, `-` one that went, `~` one that is another now. Long values are shortened to
/// where they differ; `show` and `--json` have them whole.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store diff app.redb HEAD~1\n  hyperstar store diff app.redb main idea todo\n  \
                  hyperstar store diff app.redb v1 HEAD --stat\n  \
                  hyperstar store diff app.redb HEAD~1 --exit-code > /dev/null || echo changed"
)]
pub(super) struct Diff {
    /// The store file
    file: PathBuf,
    /// From this commit
    #[arg(value_name = "FROM")]
    from: String,
    /// To this commit
    #[arg(value_name = "TO", default_value = "HEAD")]
    to: String,
    /// Only what is at or below this path
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,
    /// Only how much, for each directory
    #[arg(long, conflicts_with = "json")]
    stat: bool,
    /// An object for each path, one a line
    #[arg(long)]
    json: bool,
    /// Exit with 1 if there are differences, and with 2 on a failure, as `diff` does
    #[arg(long)]
    exit_code: bool,
}

impl Diff {
    pub(super) fn run(&self, out: &mut Out) -> Result<ExitCode> {
        let store = open(&self.file)?;
        let from = revision::resolve(&store, &self.from)?;
        let to = revision::resolve(&store, &self.to)?;
        let prefix = prefix(&self.prefix);
        let changes = store.diff(from, to, prefix)?;
        if self.stat {
            write_stat(out, &changes, prefix)?;
        } else if self.json {
            for change in &changes {
                writeln!(out, "{}", json::line(&Line::new(change)?)?)?;
            }
        } else {
            write(out, &changes)?;
        }
        out.finish()?;
        Ok(match self.exit_code && !changes.is_empty() {
            true => ExitCode::from(1),
            false => ExitCode::SUCCESS,
        })
    }

    pub(super) fn failure(&self) -> ExitCode {
        ExitCode::from(if self.exit_code { 2 } else { 1 })
    }
}

/// Writes a line for each change.
pub(super) fn write(out: &mut Out, changes: &[Change]) -> Result<()> {
    for change in changes {
        let path = Safe(&change.path);
        match (&change.before, &change.after) {
            (None, Some(after)) => {
                writeln!(out, "{ADDED}+ {path}{ADDED:#} {}", value_line(after))?;
            }
            (Some(before), None) => {
                writeln!(out, "{REMOVED}- {path}{REMOVED:#} {}", value_line(before))?;
            }
            (Some(before), Some(after)) => {
                let (before, after) = value_lines(before, after);
                writeln!(
                    out,
                    "{CHANGED}~ {path}{CHANGED:#}: {REMOVED}{before}{REMOVED:#} -> \
                     {ADDED}{after}{ADDED:#}"
                )?;
            }
            (None, None) => {}
        }
    }
    Ok(())
}

/// How many values came, went and are others.
#[derive(Clone, Copy, Default)]
struct Tally {
    added: u64,
    removed: u64,
    changed: u64,
}

impl Tally {
    fn add(&mut self, change: &Change) {
        match (&change.before, &change.after) {
            (None, _) => self.added += 1,
            (_, None) => self.removed += 1,
            _ => self.changed += 1,
        }
    }
}

/// Writes a line for each value and directory right below `prefix`, and a sum.
fn write_stat(out: &mut Out, changes: &[Change], prefix: &str) -> Result<()> {
    let mut sum = Tally::default();
    let mut parts: BTreeMap<&str, Tally> = BTreeMap::new();
    for change in changes {
        let rest = change.path.strip_prefix(prefix).unwrap_or(&change.path);
        let begin = usize::from(rest.starts_with('/'));
        let name = rest[begin..]
            .find('/')
            .map_or(rest.len(), |at| begin + at + 1);
        let part = &change.path[..change.path.len() - rest.len() + name];
        parts.entry(part).or_default().add(change);
        sum.add(change);
    }
    let width = parts
        .keys()
        .map(|part| Safe(part).to_string().chars().count());
    let width = width.max().unwrap_or(0);
    for (part, tally) in &parts {
        let part = Safe(part).to_string();
        writeln!(
            out,
            "{part:width$}  {ADDED}+{}{ADDED:#} {REMOVED}-{}{REMOVED:#} {CHANGED}~{}{CHANGED:#}",
            tally.added, tally.removed, tally.changed
        )?;
    }
    writeln!(
        out,
        "{}: {} added, {} removed, {} changed",
        count(changes.len() as u64, "value", "values"),
        sum.added,
        sum.removed,
        sum.changed
    )?;
    Ok(())
}

/// A change, for scripts. A value that there is not is left out.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    /// A value that is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Box<RawValue>>,
    /// A value that is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    before_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_base64: Option<String>,
}

impl<'a> Line<'a> {
    fn new(change: &'a Change) -> Result<Self> {
        let (before, before_base64) = parts(change.before.as_ref())?;
        let (after, after_base64) = parts(change.after.as_ref())?;
        Ok(Self {
            path: &change.path,
            before,
            before_base64,
            after,
            after_base64,
        })
    }
}

/// A value as JSON, or as something else.
fn parts(value: Option<&Bytes>) -> Result<(Option<Box<RawValue>>, Option<String>)> {
    let Some(value) = value else {
        return Ok((None, None));
    };
    match json::compact(value) {
        Some(json) => Ok((Some(RawValue::from_string(json)?), None)),
        None => Ok((None, Some(BASE64_STANDARD.encode(value)))),
    }
}
