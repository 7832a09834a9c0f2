//! Git as a program of its own.

use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Error, Result, anyhow, bail};

use crate::text::file_name;

/// What would lead Git elsewhere than to the directory it is given.
const LEADING_ELSEWHERE: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
];

/// `git`, for nothing but the repository in `directory`. What it says goes to the standard error.
pub(super) fn git(directory: &Path) -> Command {
    let mut command = Command::new("git");
    for name in LEADING_ELSEWHERE {
        command.env_remove(name);
    }
    // A directory that is none does not stand for a repository around it.
    if let Some(above) = directory
        .canonicalize()
        .ok()
        .as_deref()
        .and_then(Path::parent)
    {
        command.env("GIT_CEILING_DIRECTORIES", above);
    }
    command.arg("-C").arg(directory);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Why Git could not be run.
pub(super) fn not_run(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => anyhow!(
            "there is no `git` here; install it, or go by a stream: `export --output`, \
             `import --input`"
        ),
        _ => anyhow!("cannot run `git`: {error}"),
    }
}

/// Runs a command of Git, and fails if it does.
pub(super) fn run(command: &mut Command, doing: &str) -> Result<()> {
    check(command.status().map_err(|error| not_run(&error))?, doing)
}

/// Whether Git ended well.
pub(super) fn check(status: ExitStatus, doing: &str) -> Result<()> {
    match status.success() {
        true => Ok(()),
        false => bail!("`git {doing}` failed ({status}); what it said is above"),
    }
}

/// What a question to Git answers, in one line; nothing if it fails.
pub(super) fn ask(directory: &Path, question: &[&str]) -> Result<Option<String>> {
    let mut command = git(directory);
    command
        .args(question)
        .stderr(Stdio::null())
        .stdout(Stdio::piped());
    let output = command.output().map_err(|error| not_run(&error))?;
    let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success().then_some(answer))
}

/// Whether `directory` is a repository of Git without a working tree.
pub(super) fn is_bare(directory: &Path) -> Result<bool> {
    let answer = ask(directory, &["rev-parse", "--is-bare-repository"])?;
    Ok(answer.as_deref() == Some("true"))
}

/// Makes sure that there is a repository in `directory`.
pub(super) fn check_repository(directory: &Path) -> Result<()> {
    if !directory.is_dir() {
        bail!(
            "there is no directory `{}`; name a repository of Git",
            file_name(directory)
        );
    }
    match ask(directory, &["rev-parse", "--git-dir"])? {
        Some(_) => Ok(()),
        None => bail!(
            "`{}` is no repository of Git, or not one of yours; `git -C {} status` says more",
            file_name(directory),
            file_name(directory)
        ),
    }
}
