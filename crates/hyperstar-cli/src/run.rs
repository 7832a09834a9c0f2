//! `hyperstar run`: runs an app as a program of its own, and follows changes of its files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use hyperstar_build::folders;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::node;
use crate::progress::say;
use crate::text::file_name;
use crate::watch::{POLL, Watch};

/// How long the app has to end well.
const END: Duration = Duration::from_secs(12);

/// Run an app as a program of its own, and follow changes of its files
///
/// At each change it is built; if that works it takes the old one's place, with its state, and open pages follow.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  hyperstar run\n  hyperstar run ./tea --port 8090")]
pub(crate) struct Args {
    /// The app's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Where its pages are [default: 8080, or the next one that is free]; 0 takes any
    #[arg(long)]
    port: Option<u16>,
    /// Build it fast, slowly
    #[arg(long)]
    release: bool,
    /// What the program is given
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

impl Args {
    pub(crate) fn run(&self) -> Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("the system refuses what a program needs")?;
        runtime.block_on(self.follow())
    }

    async fn follow(&self) -> Result<()> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let mut watch = Watch::new(folders(&self.dir)?);
        let mut app = App {
            // The same at each start: the pages come back to it.
            port: node::listen(self.port).await?.1,
            child: None,
        };
        let mut ticks = tokio::time::interval(POLL);
        let mut is_stale = true;
        loop {
            if is_stale {
                is_stale = false;
                tokio::select! {
                    begun = self.begin(&mut app) => begun?,
                    _ = interrupts.recv() => break,
                    _ = terminations.recv() => break,
                }
            }
            tokio::select! {
                _ = ticks.tick() => is_stale = watch.has_changed(),
                status = app.ended() => {
                    say(format_args!("the app has ended ({status}); waiting for a change .."));
                }
                _ = interrupts.recv() => break,
                _ = terminations.recv() => break,
            }
        }
        tokio::select! {
            ended = app.end() => ended,
            _ = interrupts.recv() => app.cut_off(),
            _ = terminations.recv() => app.cut_off(),
        }
    }

    /// Builds the program and has it take the place of the one that runs, which goes on if there is nothing new.
    ///
    /// # Cancel safety
    /// The program that runs is in `app`, if it has not ended.
    async fn begin(&self, app: &mut App) -> Result<()> {
        match self.build().await {
            Ok(program) => app.replace(&program, self).await?,
            Err(error) => crate::complain(&error),
        }
        Ok(())
    }

    /// Builds the app's program. Cargo says itself how far it is and what is wrong.
    async fn build(&self) -> Result<PathBuf> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args([
                "build",
                "--bins",
                "--message-format=json-render-diagnostics",
            ])
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if self.release {
            command.arg("--release");
        }
        let child = command.spawn();
        let mut child =
            child.context("`cargo` cannot be run; install Rust from https://rustup.rs")?;
        let stdout = child.stdout.take().context("cargo has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let mut programs = Vec::new();
        while let Some(line) = lines.next_line().await.context("cargo cannot be heard")? {
            if let Ok(Artifact {
                executable: Some(executable),
            }) = serde_json::from_str(&line)
            {
                programs.push(executable);
            }
        }
        let status = child.wait().await.context("cargo cannot be waited for")?;
        if !status.success() {
            bail!(
                "`{}` was not built; cargo says above why",
                file_name(&self.dir)
            );
        }
        match <[PathBuf; 1]>::try_from(programs) {
            Ok([program]) => Ok(program),
            Err(programs) if programs.is_empty() => Err(anyhow!(
                "`{}` has no program; write a `src/main.rs` that calls `hyperstar_native::run::<..>()`",
                file_name(&self.dir)
            )),
            Err(_) => Err(anyhow!(
                "`{}` has several programs; run the one that you mean with `cargo run --bin`",
                file_name(&self.dir)
            )),
        }
    }
}

/// What cargo says of a thing that it has made.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
}

/// The program, as long as it runs.
struct App {
    port: u16,
    child: Option<Child>,
}

impl App {
    /// Ends the program that runs, and starts this one.
    async fn replace(&mut self, program: &Path, args: &Args) -> Result<()> {
        self.end().await?;
        let mut command = Command::new(program);
        command
            .args(&args.arguments)
            .current_dir(&args.dir)
            .env("PORT", self.port.to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let started = command.spawn();
        self.child =
            Some(started.with_context(|| format!("`{}` cannot be run", file_name(program)))?);
        Ok(())
    }

    /// Waits until it ends by itself; for ever, if it does not run.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    async fn ended(&mut self) -> String {
        let Some(child) = &mut self.child else {
            return std::future::pending().await;
        };
        let status = child.wait().await;
        self.child = None;
        match status {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// Has it end well, or at least end.
    ///
    /// # Cancel safety
    /// It stays here until it has ended.
    async fn end(&mut self) -> Result<()> {
        let Some(child) = &mut self.child else {
            return Ok(());
        };
        let id = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(id) = id {
            // It may have ended in this moment.
            let _ = kill_process(id, Signal::TERM);
        }
        if tokio::time::timeout(END, child.wait()).await.is_err() {
            say(format_args!("the app does not end; it is killed"));
            child.kill().await.context("the app cannot be ended")?;
        }
        self.child = None;
        Ok(())
    }

    /// Ends it and this program at once: nobody waits any more.
    fn cut_off(&mut self) -> ! {
        // Dropping it kills it.
        self.child = None;
        std::process::exit(130)
    }
}
