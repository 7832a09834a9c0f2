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

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use clap::Subcommand;
use clap::error::ErrorKind;
use hyperstar_store::{History, Store, StoreConfig};

use crate::out::Out;
use crate::text::{Safe, alternatives, file_name, near_misses};

/// Look into a store file, and look after it
///
/// A store file is opened by one program at a time: stop the app that has it open first. Looking changes
/// nothing.
#[derive(clap::Args)]
#[command(
    arg_required_else_help = true,
    override_usage = "hyperstar store <COMMAND> <FILE> ..\n       hyperstar store <FILE>",
    after_help = "A file alone is short for `info FILE`. REV is `HEAD`, a branch, a tag, an id or the beginning of one (at \
                  least 4 digits); `~3` after it goes 3 commits back.\n\n\
                  Examples:\n  hyperstar store app.redb\n  hyperstar store log app.redb todo -n 5\n  \
                  hyperstar store show app.redb HEAD~1\n  hyperstar store diff app.redb HEAD~10 HEAD --stat\n  \
                  hyperstar store export app.redb | git -C backup.git fast-import"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
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
    /// A file, to be told about it.
    #[command(external_subcommand)]
    File(Vec<OsString>),
}

impl Args {
    pub(crate) fn run(&self, out: &mut Out) -> Result<ExitCode> {
        match &self.command {
            Command::Info(command) => command.run(out),
            Command::Log(command) => command.run(out),
            Command::Show(command) => command.run(out),
            Command::Diff(command) => return command.run(out),
            Command::Checkout(command) => command.run(out),
            Command::Branch(command) => command.run(out),
            Command::Tag(command) => command.run(out),
            Command::Merge(command) => command.run(out),
            Command::Undo(command) => command.run(out),
            Command::Revert(command) => command.run(out),
            Command::Export(command) => command.run(out),
            Command::Import(command) => command.run(out),
            Command::Sync(command) => command.run(out),
            Command::Verify(command) => command.run(out),
            Command::Compact(command) => command.run(out),
            Command::File(words) => info::Info::of(lone_file(words)).run(out),
        }?;
        Ok(ExitCode::SUCCESS)
    }

    /// The exit code of a failure: where 1 is an answer, it is another.
    pub(crate) fn failure(&self) -> ExitCode {
        match &self.command {
            Command::Diff(diff) => diff.failure(),
            _ => ExitCode::FAILURE,
        }
    }
}

/// The file of words that name no command. Ends the program if they are more, or the word is none.
fn lone_file(words: &[OsString]) -> PathBuf {
    let (word, more) = words.split_first().expect("clap begins it with the word");
    let name = Safe(&word.to_string_lossy()).to_string();
    let is_there = Path::new(word).exists();
    if is_there && more.is_empty() {
        return PathBuf::from(word);
    }
    let commands = Command::augment_subcommands(clap::Command::new("store"));
    let near = near_misses(
        &name,
        commands.get_subcommands().map(clap::Command::get_name),
    );
    let remedy = match (is_there, near.is_empty()) {
        (true, _) => format!("the command comes before the file: `hyperstar store COMMAND {name}`"),
        (false, false) => format!("did you mean {}?", alternatives(&near)),
        (false, true) => "`hyperstar store --help` lists the commands".to_owned(),
    };
    let problem = match is_there {
        true => format!("`{name}` is no command"),
        false => format!("`{name}` is neither a command nor a file"),
    };
    clap::Error::raw(
        ErrorKind::InvalidSubcommand,
        format!("{problem}; {remedy}\n"),
    )
    .exit()
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
