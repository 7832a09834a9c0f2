//! `hyperstar ps`: what a node runs.

use anyhow::Result;
use hyperstar_node::{ProcessInfo, Request, Update};

use crate::home::Home;
use crate::out::{ADDED, FAINT, NAME, Out, REMOVED};
use crate::progress::say;
use crate::text::{Safe, bytes};

/// Show what is installed on the node
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print each app as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    home: Home,
}

impl Args {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        let mut processes = Vec::new();
        for update in self.home.connect()?.ask(&Request::Ps)? {
            if let Update::Process(process) = update? {
                processes.push(process);
            }
        }
        if self.json {
            for process in &processes {
                writeln!(out, "{}", crate::json::line(process)?)?;
            }
            return Ok(());
        }
        if processes.is_empty() {
            say(format_args!(
                "nothing is installed; `hyperstar bs` in an app's folder does it"
            ));
        }
        let wide = processes.iter().map(|process| process.name.chars().count());
        let wide = wide.max().unwrap_or(0);
        for process in &processes {
            show(out, process, wide)?;
        }
        Ok(())
    }
}

fn show(out: &mut Out, process: &ProcessInfo, wide: usize) -> Result<()> {
    let style = match process.status.as_str() {
        "running" => ADDED,
        "stopped" => FAINT,
        _ => REMOVED,
    };
    let name = Safe(&process.name).to_string();
    let status = Safe(&process.status).to_string();
    let memory = match process.memory_bytes {
        0 => String::new(),
        memory => bytes(memory as u64),
    };
    writeln!(
        out,
        "{NAME}{name:wide$}{NAME:#}  {style}{status:10}{style:#}  {memory:>10}  {FAINT}{:8}{FAINT:#}  {}",
        Safe(&process.version).to_string(),
        Safe(&process.url)
    )?;
    if let Some(reason) = &process.reason {
        for line in reason.lines() {
            writeln!(out, "  {}", Safe(line))?;
        }
    }
    Ok(())
}
