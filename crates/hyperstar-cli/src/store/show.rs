//! `show`: a commit with its changes, a value, or a directory.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use hyperstar_store::{CommitId, Snapshot, Store, check_prefix};

use super::diff;
use super::log::is_cut;
use super::revision::{self, Names};
use super::{open, prefix};
use crate::json;
use crate::out::{FAINT, NAME, Out};
use crate::text::{
    Safe, alternatives, bytes, count, hex, is_hidden, near_misses, printable, value_line,
};

/// How many bytes of a value that is no text are shown, and how many in a line.
const BYTES_SHOWN: usize = 128;
const BYTES_OF_LINE: usize = 16;

/// Show a commit with its changes, or a value or a directory as of a commit
///
/// Without a path, what the commit changed against its first parent. With one, the value there, or what is in the
/// directory; `/` is the whole store. What names no commit and is a path of HEAD is taken for the path.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store show app.redb\n  hyperstar store show app.redb HEAD~3\n  \
                  hyperstar store show app.redb HEAD /\n  hyperstar store show app.redb v1 todo/1\n  \
                  hyperstar store show app.redb HEAD images/logo --raw > logo.png"
)]
pub(super) struct Show {
    /// The store file
    file: PathBuf,
    /// The commit
    #[arg(value_name = "REV", default_value = "HEAD")]
    revision: String,
    /// The value or the directory
    path: Option<String>,
    /// The bytes of the value as they are
    #[arg(long)]
    raw: bool,
}

impl Show {
    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        let store = open(&self.file)?;
        let (id, path) = self.meant(&store)?;
        match path {
            Some(path) => self.show_path(out, &store.at(id)?, prefix(path)),
            None if self.raw => bail!("`--raw` is of a value; name its path after the commit"),
            None => show_commit(out, &store, id),
        }
    }

    /// The commit and the path. A lone path is one of the head.
    fn meant(&self, store: &Store) -> Result<(CommitId, Option<&str>)> {
        let error = match revision::resolve(store, &self.revision) {
            Ok(id) => return Ok((id, self.path.as_deref())),
            Err(error) => error,
        };
        let path = prefix(&self.revision);
        let is_empty = store.head_id() == CommitId::NONE && !path.is_empty();
        if self.path.is_some() || check_prefix(path).is_err() || is_empty {
            return Err(error);
        }
        let head = store.snapshot();
        if path.is_empty() || head.contains(path)? || head.count(path)? > 0 {
            return Ok((store.head_id(), Some(&self.revision)));
        }
        let near = near_paths(&head, path)?;
        Err(match near.is_empty() {
            true => anyhow!("{error}; nor is it a path of HEAD"),
            false => anyhow!(
                "`{path}` is neither a commit nor a path of HEAD; did you mean {}?",
                alternatives(&near)
            ),
        })
    }

    fn show_path(&self, out: &mut Out, state: &Snapshot, path: &str) -> Result<()> {
        check_prefix(path)?;
        let value = match path {
            "" => None,
            path => state.get_bytes(path)?,
        };
        match value {
            Some(value) if self.raw => {
                let would_obey = |text: &str| text.chars().any(|it| is_hidden(it) && it != '\n');
                if out.is_terminal() && printable(&value).is_none_or(would_obey) {
                    bail!(
                        "the bytes of `{path}` are not for a terminal; write them to a file: \
                         `.. --raw > value`"
                    );
                }
                Ok(out.bytes(&value)?)
            }
            Some(value) => show_value(out, path, &value),
            None if path.is_empty() || state.count(path)? > 0 => match self.raw {
                true => bail!("`{path}` is a directory; name a value below it"),
                false => show_directory(out, state, path),
            },
            None => Err(missing(state, path)?),
        }
    }
}

fn show_commit(out: &mut Out, store: &Store, id: CommitId) -> Result<()> {
    let entry = store.show(id)?;
    revision::write(out, &Names::of(store)?, &entry)?;
    writeln!(out)?;
    if is_cut(store, &entry) {
        writeln!(
            out,
            "{FAINT}(the commit before has been let go, and with it what this one changed){FAINT:#}"
        )?;
        return Ok(());
    }
    let parent = entry.parents.first().copied().unwrap_or(CommitId::NONE);
    diff::write(out, &store.diff(parent, id, "")?)
}

fn show_value(out: &mut Out, path: &str, value: &[u8]) -> Result<()> {
    if let Some(json) = json::pretty(value) {
        writeln!(out, "{json}")?;
    } else if let Some(text) = printable(value) {
        for line in text.lines() {
            writeln!(out, "{}", Safe(line))?;
        }
    } else {
        let size = bytes(value.len() as u64);
        writeln!(
            out,
            "{FAINT}`{}` is {size} that are no text; `--raw` writes them as they are{FAINT:#}",
            Safe(path)
        )?;
        let shown = &value[..value.len().min(BYTES_SHOWN)];
        for (index, line) in shown.chunks(BYTES_OF_LINE).enumerate() {
            let digits: Vec<String> = line.chunks(2).map(hex).collect();
            let is_shown = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
            let text = line.iter().map(|byte| match is_shown(*byte) {
                true => char::from(*byte),
                false => '.',
            });
            writeln!(
                out,
                "{:08x}  {:39}  {}",
                index * BYTES_OF_LINE,
                digits.join(" "),
                text.collect::<String>()
            )?;
        }
        if shown.len() < value.len() {
            writeln!(out, "..")?;
        }
    }
    Ok(())
}

fn show_directory(out: &mut Out, state: &Snapshot, path: &str) -> Result<()> {
    for name in state.children(path)? {
        let child = match path {
            "" => name.clone(),
            path => format!("{path}/{name}"),
        };
        match state.get_bytes(&child)? {
            Some(value) => writeln!(out, "{} {}", Safe(&name), value_line(&value))?,
            None => {
                let values = count(state.count(&child)?, "value", "values");
                let name = Safe(&name);
                writeln!(out, "{NAME}{name}/{NAME:#} {FAINT}{values}{FAINT:#}")?;
            }
        }
    }
    let values = count(state.count(path)?, "value", "values");
    let name = if path.is_empty() { "/" } else { path };
    writeln!(out, "{FAINT}`{}` holds {values}{FAINT:#}", Safe(name))?;
    Ok(())
}

/// Why nothing is at `path`.
fn missing(state: &Snapshot, path: &str) -> Result<anyhow::Error> {
    let near = near_paths(state, path)?;
    Ok(match near.is_empty() {
        true => {
            anyhow!(
                "there is nothing at `{path}`; `log` with this path tells whether there ever was"
            )
        }
        false => anyhow!(
            "there is nothing at `{path}`; did you mean {}?",
            alternatives(&near)
        ),
    })
}

/// What is in the directory of `path` and is called alike.
fn near_paths(state: &Snapshot, path: &str) -> Result<Vec<String>> {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let children = state.children(directory)?;
    let near = near_misses(name, children.iter().map(String::as_str));
    let near = near.into_iter().map(|name| match directory {
        "" => name.to_owned(),
        directory => format!("{directory}/{name}"),
    });
    Ok(near.collect())
}
