//! A node in the background, for who only wants their app to run.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hyperstar_node::Control;

use crate::home::Home;
use crate::progress::{Work, say};
use crate::text::{Safe, file_name};

/// How long a node may take to start.
const START: Duration = Duration::from_secs(60);
/// How often it is tried meanwhile.
const POLL: Duration = Duration::from_millis(20);
/// So many of its last lines are shown if it does not start.
const LINES_SHOWN: usize = 10;

/// Talks to the node, which is started if it does not run. It goes on running then.
pub(crate) fn node(home: &Home, port: Option<u16>) -> Result<Control> {
    let folder = home.path()?;
    if let Ok(node) = Control::connect(&folder) {
        return Ok(node);
    }
    let work = Work::begin("starting a node");
    let log = folder.join("node.log");
    let mut child = spawn(&folder, port, &log)?;
    let since = Instant::now();
    loop {
        if let Ok(node) = Control::connect(&folder) {
            work.end();
            say(format_args!(
                "a node runs in the background; its log is {}, `hyperstar node --stop` ends it",
                file_name(&log)
            ));
            return Ok(node);
        }
        let ended = child.try_wait().context("the node cannot be waited for")?;
        if ended.is_some() || since.elapsed() > START {
            bail!(
                "the node does not start; {} ends so:\n{}",
                file_name(&log),
                end_of(&log)
            );
        }
        thread::sleep(POLL);
    }
}

fn spawn(folder: &Path, port: Option<u16>, log: &Path) -> Result<Child> {
    let program = std::env::current_exe().context("it is not known where this program is")?;
    fs::create_dir_all(folder)
        .with_context(|| format!("the folder {} cannot be made", file_name(folder)))?;
    let output = File::options().create(true).append(true).open(log);
    let output = output.with_context(|| format!("{} cannot be written", file_name(log)))?;
    let errors = output
        .try_clone()
        .context("the node's log cannot be shared")?;
    let mut command = Command::new(program);
    command.arg("node").arg("--home").arg(folder);
    if let Some(port) = port {
        command.args(["--port", &port.to_string()]);
    }
    command
        // The folder may be removed while it runs.
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    // Ctrl-C here is not meant for it.
    command.process_group(0);
    command.spawn().context("the node cannot be started")
}

fn end_of(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let shown = lines[lines.len().saturating_sub(LINES_SHOWN)..].iter();
    shown.map(|line| format!("  {}\n", Safe(line))).collect()
}
