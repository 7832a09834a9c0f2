//! `export`: the history as a stream for `git fast-import`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, anyhow, bail};
use hyperstar_store::Store;
use hyperstar_store::git::{GitExport, GitExported, GitWriteError};
use tempfile::NamedTempFile;

use super::git::{check, git, is_bare, not_run, run};
use super::{is_same_file, open};
use crate::out::Out;
use crate::progress::{Work, say};
use crate::text::{count, file_name};

/// How much of the stream is written at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Write the history to Git
///
/// Every branch and tag, each commit with its author, its time and what it changed, as the stream that `git
/// fast-import` reads. `import` makes the same commits of it again, with the same ids.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store export app.redb --to-git app.git && git -C app.git log -p\n  \
                  hyperstar store export app.redb --output app.fi\n  \
                  hyperstar store export app.redb | git -C backup.git fast-import"
)]
pub(super) struct Export {
    /// The store file
    file: PathBuf,
    /// Only this branch and what it reaches, without tags
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Write the stream to this file; it is replaced once the stream is whole
    #[arg(long, short, value_name = "FILE", conflicts_with = "to_git")]
    output: Option<PathBuf>,
    /// Write into this repository, which is new or was made so before. It has no working tree: clone it for one
    #[arg(long, value_name = "DIRECTORY")]
    to_git: Option<PathBuf>,
}

impl Export {
    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        let to_stdout = self.output.is_none() && self.to_git.is_none();
        if to_stdout && out.is_terminal() {
            bail!(
                "the stream is not for a terminal; pipe it to `git fast-import`, or use \
                 `--output FILE` or `--to-git DIRECTORY`"
            );
        }
        let store = open(&self.file)?;
        let work = Work::begin(format!("exporting `{}`", file_name(&self.file)));
        let exported = if let Some(directory) = &self.to_git {
            self.to_git(&store, directory, &work)
        } else if let Some(output) = &self.output {
            self.to_file(&store, output, &work)
        } else {
            self.to(&store, io::stdout().lock(), &work)
        }?;
        work.end();
        say(format_args!(
            "exported {}",
            count(exported.commits, "commit", "commits")
        ));
        if exported.cut > 0 {
            say(format_args!(
                "{} came after one that has been let go: Git shows the whole state as new",
                count(exported.cut, "commit", "commits")
            ));
        }
        Ok(())
    }

    fn to(&self, store: &Store, out: impl Write, work: &Work) -> Result<GitExported> {
        let options = GitExport {
            branch: self.branch.clone(),
            ..GitExport::default()
        };
        let mut out = BufWriter::with_capacity(PIECE_BYTES, out);
        let exported = store.export_git(&mut out, &options, |progress| work.at(progress))?;
        out.flush().map_err(GitWriteError::Write)?;
        Ok(exported)
    }

    fn to_file(&self, store: &Store, output: &Path, work: &Work) -> Result<GitExported> {
        if is_same_file(&self.file, output) {
            bail!(
                "`{}` is the store itself; name another file",
                file_name(output)
            );
        }
        let cannot = || format!("cannot write `{}`", file_name(output));
        // A device or a pipe is written as it is, and nothing could take its place.
        if fs::metadata(output).is_ok_and(|it| !it.is_file() && !it.is_dir()) {
            return self.to(store, File::create(output).with_context(cannot)?, work);
        }
        let directory = match output.parent() {
            Some(directory) if !directory.as_os_str().is_empty() => directory,
            _ => Path::new("."),
        };
        let mut part = part_in(directory).with_context(cannot)?;
        let exported = self.to(store, part.as_file_mut(), work)?;
        part.as_file().sync_all().with_context(cannot)?;
        part.persist(output).with_context(cannot)?;
        Ok(exported)
    }

    fn to_git(&self, store: &Store, directory: &Path, work: &Work) -> Result<GitExported> {
        let name = file_name(directory);
        fs::create_dir_all(directory).with_context(|| format!("cannot make `{name}`"))?;
        let is_new = fs::read_dir(directory)
            .with_context(|| format!("cannot look into `{name}`"))?
            .next()
            .is_none();
        if !is_new && !is_bare(directory)? {
            bail!(
                "`{name}` is neither empty nor a repository without a working tree; name a new one"
            );
        }
        if is_new {
            let head = self
                .branch
                .clone()
                .unwrap_or_else(|| store.current_branch());
            let mut init = git(directory);
            init.args(["init", "--quiet", "--bare"]);
            run(init.arg(format!("--initial-branch={head}")), "init")?;
        }
        let mut import = git(directory);
        import
            .args(["fast-import", "--quiet", "--done"])
            .stdin(Stdio::piped());
        let mut import = import.spawn().map_err(|error| not_run(&error))?;
        let stdin = import.stdin.take().context("git has no standard input")?;
        let exported = self.to(store, stdin, work);
        let status = import.wait().context("cannot wait for git")?;
        match exported {
            // Git ended early, and has said why.
            Err(error) if is_closed(&error) => Err(check(status, "fast-import")
                .err()
                .unwrap_or_else(|| anyhow!("`git fast-import` ended early"))),
            Err(error) => Err(error),
            Ok(exported) => check(status, "fast-import").map(|()| exported),
        }
    }
}

fn is_closed(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<GitWriteError>();
    matches!(cause, Some(GitWriteError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe)
}

/// A file for what is being written, with the rights that any new file has.
fn part_in(directory: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".hyperstar-export-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory)
}
