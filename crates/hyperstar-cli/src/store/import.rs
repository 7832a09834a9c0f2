//! `import`: the history of a repository of Git.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use hyperstar_store::git::{Foreign, GitFate, GitImport, GitImported, GitReference};
use hyperstar_store::{CommitId, Store};

use super::git::{check, check_repository, git, not_run};
use super::{open, open_or_create, revision};
use crate::out::{ID, NAME, Out};
use crate::progress::{Work, say};
use crate::text::{Safe, count, file_name};

/// How much of the stream is read at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Read the history of a repository of Git
///
/// Commits, branches and tags of the stream that `git fast-export` writes. What a store exported and nobody altered
/// becomes the same commits, with the same ids. A branch moves forward or stays. After an error all names are as
/// they were.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store import new.redb --create --from-git ~/notes\n  \
                  hyperstar store import app.redb --input app.fi\n  \
                  git -C app.git fast-export --all --use-done-feature | hyperstar store import app.redb"
)]
pub(super) struct Import {
    /// The store file
    file: PathBuf,
    /// Read the stream from this file
    #[arg(long, short, value_name = "FILE", conflicts_with = "from_git")]
    input: Option<PathBuf>,
    /// Read from this repository
    #[arg(long, value_name = "DIRECTORY")]
    from_git: Option<PathBuf>,
    /// Make the store file, which is not there yet
    #[arg(long)]
    create: bool,
    /// Leave out what a store has no place for, such as symbolic links and submodules
    #[arg(long)]
    leave_out: bool,
}

impl Import {
    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        let from_stdin = self.input.is_none() && self.from_git.is_none();
        if from_stdin && io::stdin().is_terminal() {
            bail!(
                "a terminal writes no stream; pipe one in, or use `--input FILE` or \
                 `--from-git DIRECTORY`"
            );
        }
        if let Some(directory) = &self.from_git {
            check_repository(directory)?;
        }
        let input = match &self.input {
            Some(input) => {
                let cannot = || format!("cannot read `{}`", file_name(input));
                Some(File::open(input).with_context(cannot)?)
            }
            None => None,
        };
        if !self.create {
            return self.into(&open(&self.file)?, input, out);
        }
        if fs::symlink_metadata(&self.file).is_ok() {
            bail!(
                "`{}` is there already; leave `--create` out",
                file_name(&self.file)
            );
        }
        let created =
            open_or_create(&self.file, "").and_then(|store| self.into(&store, input, out));
        if created.is_err() {
            // It is ours, and has nothing that has a name.
            let _ = fs::remove_file(&self.file);
        }
        created
    }

    fn into(&self, store: &Store, input: Option<File>, out: &mut Out) -> Result<()> {
        let work = Work::begin(format!("importing into `{}`", file_name(&self.file)));
        let imported = match (&self.from_git, input) {
            (Some(directory), _) => self.read_git(store, directory, &work),
            (None, Some(input)) => {
                self.read(store, BufReader::with_capacity(PIECE_BYTES, input), &work)
            }
            (None, None) => self.read(store, io::stdin().lock(), &work),
        }?;
        work.end();
        write(out, &imported)?;
        self.check_out(store, &imported.references, out)
    }

    fn read(&self, store: &Store, input: impl BufRead, work: &Work) -> Result<GitImported> {
        let options = GitImport {
            foreign: match self.leave_out {
                true => Foreign::LeaveOut,
                false => Foreign::Refuse,
            },
            ..GitImport::default()
        };
        Ok(store.import_git(input, &options, |progress| work.at(progress))?)
    }

    fn read_git(&self, store: &Store, directory: &Path, work: &Work) -> Result<GitImported> {
        let mut export = git(directory);
        export.args([
            "fast-export",
            "--all",
            "--use-done-feature",
            "--reencode=yes",
        ]);
        export.arg("--signed-tags=strip").stdout(Stdio::piped());
        let mut export = export.spawn().map_err(|error| not_run(&error))?;
        let stdout = export.stdout.take().context("git has no standard output")?;
        let stream = BufReader::with_capacity(PIECE_BYTES, stdout);
        let imported = self.read(store, stream, work);
        // If the import failed Git is told so by the end of its pipe.
        let status = export.wait().context("cannot wait for git")?;
        let imported = imported?;
        check(status, "fast-export")?;
        Ok(imported)
    }

    /// A store without a commit goes on with the one branch that there is.
    fn check_out(&self, store: &Store, references: &[GitReference], out: &mut Out) -> Result<()> {
        if store.head_id() != CommitId::NONE {
            return Ok(());
        }
        let branches: Vec<&str> = references
            .iter()
            .filter(|it| it.kind == "branch")
            .map(|it| it.name.as_str())
            .collect();
        match branches[..] {
            [] => {}
            [only] => {
                store.checkout(only)?;
                writeln!(out, "{NAME}{}{NAME:#} is checked out", Safe(only))?;
            }
            [..] => say(format_args!(
                "nothing is on the branch `{}`, which is checked out; `hyperstar store checkout` \
                 another",
                Safe(&store.current_branch())
            )),
        }
        Ok(())
    }
}

fn write(out: &mut Out, imported: &GitImported) -> Result<()> {
    writeln!(
        out,
        "read {}, of which {} new",
        count(imported.commits, "commit", "commits"),
        match imported.created {
            1 => "1 is".to_owned(),
            created => format!("{} are", indicatif::HumanCount(created)),
        }
    )?;
    if imported.altered > 0 {
        let altered = count(imported.altered, "commit", "commits");
        writeln!(
            out,
            "{altered} of a store were altered in Git, and are new ones here"
        )?;
    }
    for reference in &imported.references {
        let (kind, name) = (reference.kind, Safe(&reference.name));
        let id = revision::short(reference.commit);
        let fate = match &reference.fate {
            GitFate::Created => "new".to_owned(),
            GitFate::Forwarded => "moved forward".to_owned(),
            GitFate::Unchanged => "as it was".to_owned(),
            GitFate::Behind => "has more here".to_owned(),
            GitFate::Diverged { kept_as } => format!(
                "is another commit here; `merge` what Git has from `{}`",
                Safe(kept_as)
            ),
            _ => "done".to_owned(),
        };
        writeln!(out, "  {kind} {NAME}{name}{NAME:#} {ID}{id}{ID:#}: {fate}")?;
    }
    for (left_out, what) in [
        (
            &imported.other_references,
            "names that are neither branches nor tags",
        ),
        (&imported.left_out, "things that a store has no place for"),
    ] {
        if let Some(first) = &left_out.first {
            let times = indicatif::HumanCount(left_out.count);
            writeln!(out, "left out {what}, {times} in all: {}, ..", Safe(first))?;
        }
    }
    Ok(())
}
