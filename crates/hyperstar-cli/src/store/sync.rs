//! `sync`: two store files give each other what the other has not.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use hyperstar_store::check_path;
use hyperstar_store::sync::{Amount, Parted, SyncError, SyncOptions, Synced};

use super::{is_same_file, open, revision};
use crate::out::{ID, NAME, Out};
use crate::progress::Work;
use crate::text::{Safe, bytes, count, file_name};

/// Give two store files what the other has and they lack
///
/// A branch moves forward if it has nothing of its own, and else stays: `merge` what is told then. Where the branches
/// of the other store are is kept as `@NAME/branch`.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store sync app.redb /media/stick/app.redb --name stick\n  \
                  hyperstar store sync app.redb backup.redb --push"
)]
pub(super) struct Sync {
    /// The store file
    file: PathBuf,
    /// The other store file
    other: PathBuf,
    /// What the other store is called in this one (its file's name)
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only branches and tags at or below this name
    #[arg(
        long,
        value_name = "PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    names: String,
    /// Only take what is missing here
    #[arg(long, conflicts_with = "push")]
    pull: bool,
    /// Only give what is missing there
    #[arg(long)]
    push: bool,
}

impl Sync {
    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        if is_same_file(&self.file, &self.other) {
            bail!("both names are of one file; name another to sync with");
        }
        let (here, there) = (open(&self.file)?, open(&self.other)?);
        let options = SyncOptions {
            peer: self.name.clone().unwrap_or_else(|| called(&self.other)),
            names: self.names.clone(),
            sends: !self.pull,
            receives: !self.push,
            ..SyncOptions::default()
        };
        let other = SyncOptions {
            peer: called(&self.file),
            names: self.names.clone(),
            ..SyncOptions::default()
        };
        let work = Work::begin(format!(
            "syncing `{}` with `{}`",
            file_name(&self.file),
            file_name(&self.other)
        ));
        let (near, far) = ends().context("cannot make a pipe")?;
        let (synced, served) = thread::scope(|scope| {
            let served = scope.spawn(|| there.serve_sync(far, &other));
            let synced = here.sync_with(near, &options, |progress| work.at(progress));
            (synced, served.join())
        });
        let served = served.map_err(|_| anyhow!("the side of the other store panicked"))?;
        let (synced, served) = match (synced, served) {
            (Ok(synced), Ok(served)) => (synced, served),
            // The side that failed first says why; the other, that nobody is there.
            (Err(SyncError::Io(_) | SyncError::Refused { .. }), Err(error)) | (Err(error), _) => {
                return Err(error.into());
            }
            (Ok(_), Err(error)) => return Err(error.into()),
        };
        work.end();
        write(out, "here", &synced)?;
        write(out, "there", &served)?;
        for parted in &synced.parted {
            write_parted(out, "branch", parted)?;
            writeln!(
                out,
                "  `merge` the commit `@{}/{}` into it here, and sync again",
                Safe(&options.peer),
                Safe(&parted.name)
            )?;
        }
        for tag in &synced.other_tags {
            write_parted(out, "tag", tag)?;
        }
        Ok(())
    }
}

/// What a side got.
fn write(out: &mut Out, side: &str, synced: &Synced) -> Result<()> {
    let Amount {
        commits,
        bytes: size,
        ..
    } = synced.received;
    let commits = count(commits, "commit", "commits");
    writeln!(out, "{side}: received {commits}, {}", bytes(size))?;
    for moved in &synced.moved {
        let (branch, to) = (Safe(&moved.branch), revision::short(moved.to));
        match moved.from {
            Some(from) => {
                let from = revision::short(from);
                writeln!(
                    out,
                    "  {NAME}{branch}{NAME:#}: {ID}{from}{ID:#} -> {ID}{to}{ID:#}"
                )?;
            }
            None => writeln!(out, "  {NAME}{branch}{NAME:#}: new, {ID}{to}{ID:#}")?,
        }
    }
    for tag in &synced.tags {
        writeln!(out, "  tag {NAME}{}{NAME:#}: new", Safe(tag))?;
    }
    Ok(())
}

fn write_parted(out: &mut Out, kind: &str, parted: &Parted) -> Result<()> {
    let name = Safe(&parted.name);
    let (ours, theirs) = (revision::short(parted.ours), revision::short(parted.theirs));
    writeln!(
        out,
        "the {kind} {NAME}{name}{NAME:#} is {ID}{ours}{ID:#} here and {ID}{theirs}{ID:#} there"
    )?;
    Ok(())
}

/// What a store is called by its file.
fn called(file: &Path) -> String {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    match stem {
        Some(stem) if check_path(stem).is_ok() => stem.to_owned(),
        _ => SyncOptions::default().peer,
    }
}

/// One end of a connection within the process.
struct End {
    reader: PipeReader,
    writer: PipeWriter,
}

fn ends() -> io::Result<(End, End)> {
    let (near, far) = (io::pipe()?, io::pipe()?);
    Ok((
        End {
            reader: near.0,
            writer: far.1,
        },
        End {
            reader: far.0,
            writer: near.1,
        },
    ))
}

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl Write for End {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.writer.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
