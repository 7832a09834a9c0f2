//! `hyperstar store`: looks into a store file and looks after it.

mod compact;
mod diff;
mod export;
mod git;
mod import;
mod info;
mod log;
mod merge;
mod names;
mod revision;
mod show;
mod sync;
mod undo;
mod verify;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use clap::Subcommand;
use hyperstar_store::{History, Store, StoreConfig};

use crate::out::Out;
use crate::text::file_name;

/// Look into a store file, and look after it
///
/// A store file is opened by one program at a time: stop the app that has it open first. Looking changes
/// nothing.
#[derive(clap::Args)]
#[command(
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "REV is `HEAD`, a branch, a tag, an id or the beginning of one (at least 4 digits); `~3` after it goes \
                  3 commits back.\n\n\
                  Examples:\n  hyperstar store app.redb\n  hyperstar store log app.redb todo -n 5\n  \
                  hyperstar store show app.redb HEAD~1\n  hyperstar store diff app.redb HEAD~10 HEAD --stat\n  \
                  hyperstar store export app.redb | git -C backup.git fast-import"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The store file, to be told about it: short for `info FILE`
    #[arg(required = true)]
    file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    Info(info::Info),
    Log(log::Log),
    Show(show::Show),
    Diff(diff::Diff),
    Checkout(names::Checkout),
    Branch(names::Branch),
    Tag(names::Tag),
    Merge(merge::Merge),
    Undo(undo::Undo),
    Revert(undo::Revert),
    Export(export::Export),
    Import(import::Import),
    Sync(sync::Sync),
    Verify(verify::Verify),
    Compact(compact::Compact),
}

impl Args {
    pub(crate) fn run(&self, out: &mut Out) -> Result<ExitCode> {
        match (&self.command, &self.file) {
            (Some(Command::Info(command)), _) => command.run(out),
            (Some(Command::Log(command)), _) => command.run(out),
            (Some(Command::Show(command)), _) => command.run(out),
            (Some(Command::Diff(command)), _) => return command.run(out),
            (Some(Command::Checkout(command)), _) => command.run(out),
            (Some(Command::Branch(command)), _) => command.run(out),
            (Some(Command::Tag(command)), _) => command.run(out),
            (Some(Command::Merge(command)), _) => command.run(out),
            (Some(Command::Undo(command)), _) => command.run(out),
            (Some(Command::Revert(command)), _) => command.run(out),
            (Some(Command::Export(command)), _) => command.run(out),
            (Some(Command::Import(command)), _) => command.run(out),
            (Some(Command::Sync(command)), _) => command.run(out),
            (Some(Command::Verify(command)), _) => command.run(out),
            (Some(Command::Compact(command)), _) => command.run(out),
            (None, Some(file)) => info::Info::of(file.clone()).run(out),
            // clap asks for one of them.
            (None, None) => bail!("name a store file; `hyperstar store --help` says more"),
        }?;
        Ok(ExitCode::SUCCESS)
    }

    /// The exit code of a failure: where 1 is an answer, it is another.
    pub(crate) fn failure(&self) -> ExitCode {
        match &self.command {
            Some(Command::Diff(diff)) => diff.failure(),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Opens a store that is there.
fn open(file: &Path) -> Result<Store> {
    open_as(file, "")
}

/// As [`open`], to write as `author`.
fn open_as(file: &Path, author: &str) -> Result<Store> {
    let name = file_name(file);
    let metadata = fs::metadata(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow!(
            "there is no file `{name}`; name the file that your app opens with `Store::open`, or \
             make one with `hyperstar store import --create`"
        ),
        _ => anyhow!("cannot look at `{name}`: {error}; see who may read it"),
    })?;
    if !metadata.is_file() {
        bail!("`{name}` is not a file; name the store file, such as `{name}/app.redb`");
    }
    if metadata.len() == 0 {
        bail!("`{name}` is empty, so it is no store; name another file");
    }
    open_or_create(file, author)
}

/// Opens a store, or creates it. All of its history stays, whatever the app keeps.
fn open_or_create(file: &Path, author: &str) -> Result<Store> {
    let config = StoreConfig {
        history: History::All,
        author: author.to_owned(),
        ..StoreConfig::default()
    };
    Ok(Store::open_with(file, config)?)
}

/// Whether both names are of one file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// A path of a store as people write it: a `/` at the end is of a directory, and `/` alone is all of it.
fn prefix(text: &str) -> &str {
    text.strip_suffix('/').unwrap_or(text)
}
