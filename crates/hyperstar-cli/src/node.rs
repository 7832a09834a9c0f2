//! `hyperstar node`: runs a node.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hyperstar_native::bind_near;
use hyperstar_node::{ControlError, HomeError, Node, NodeConfig, Request, Server, is_inhabited};
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::home::Home;
use crate::out::Out;
use crate::progress::say;
use crate::text::file_name;

/// The port if nobody says another.
pub(crate) const PORT: u16 = 8080;
/// How long a node may take to end.
const END: Duration = Duration::from_secs(20);
/// How often it is looked at meanwhile.
const POLL: Duration = Duration::from_millis(20);
/// What is logged unless `RUST_LOG` says otherwise.
const LOG: &str = "info";

/// Run a node, until Ctrl-C
///
/// What is installed runs again, with what it has kept. The pages are served on this machine alone, each app
/// under a host name of its own.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar node\n  hyperstar node --home ./ann --port 8090 --name ann.os\n  \
                  hyperstar node --stop"
)]
pub(crate) struct Args {
    #[command(flatten)]
    home: Home,
    /// Where pages are served [default: 8080, or the next one that is free]; 0 takes any
    #[arg(long)]
    port: Option<u16>,
    /// The node's name
    #[arg(long, default_value = "my.os")]
    name: String,
    /// Print where it is as JSON
    #[arg(long)]
    json: bool,
    /// Stop the node that runs
    #[arg(long, conflicts_with_all = ["port", "name", "json"])]
    stop: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    url: &'a str,
    port: u16,
    home: String,
}

impl Args {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        match self.stop {
            true => stop(&self.home, out),
            false => self.serve(out),
        }
    }

    fn serve(&self, out: &mut Out) -> Result<()> {
        let home = self.home.path()?;
        let mut config = NodeConfig::new(&home);
        config.name.clone_from(&self.name);
        serve(config, self.port, async |_, port| {
            let url = url(port);
            if self.json {
                let line = Line {
                    name: &self.name,
                    url: &url,
                    port,
                    home: home.display().to_string(),
                };
                writeln!(out, "{}", crate::json::line(&line)?)?;
            } else {
                writeln!(out, "{} runs at {url}", self.name)?;
                writeln!(out, "  it lives in {}; Ctrl-C ends it", file_name(&home))?;
            }
            Ok(out.finish()?)
        })
    }
}

/// Where the node's own page is.
pub(crate) fn url(port: u16) -> String {
    format!("http://localhost:{port}/")
}

/// Runs a node until a signal. `begin` is told it and its port once both are had, before pages are served.
pub(crate) fn serve(
    config: NodeConfig,
    port: Option<u16>,
    begin: impl AsyncFnOnce(&Node, u16) -> Result<()>,
) -> Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    tracing_subscriber::fmt()
        .compact()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    let runtime = Runtime::new().context("the system refuses what a node needs")?;
    runtime.block_on(async {
        // What is taken is said before anything is made: the folder first, whose node has the port too, mostly.
        if is_inhabited(&config.home) {
            return Err(HomeError::Taken(file_name(&config.home)).into());
        }
        let (server, bound) = listen(port).await?;
        let node = Node::open(config).await?;
        let server = server.shutdown(node.stopped().cancelled_owned());
        begin(&node, bound).await?;
        let stopping = node.clone();
        tokio::spawn(async move { end_on_signals(&stopping).await });
        node.serve(server).await?;
        Ok(())
    })
}

/// Listens at a port of this machine and says which: the one that somebody wants, or the first one that is free.
pub(crate) async fn listen(port: Option<u16>) -> Result<(Server, u16)> {
    let server = match port {
        Some(port) => Server::bind(("127.0.0.1", port)).await,
        None => bind_near(PORT).await,
    }?;
    let bound = server.local_addr();
    let bound = bound.context("it is not known at which port")?.port();
    if port.is_none() && bound != PORT {
        say(format_args!(
            "port {PORT} is taken; `--port` chooses another"
        ));
    }
    Ok((server, bound))
}

/// The first signal ends what is under way well, the second everything.
async fn end_on_signals(node: &Node) -> io::Result<()> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    let mut is_ending = false;
    loop {
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
        }
        if is_ending {
            std::process::exit(130);
        }
        is_ending = true;
        node.stop();
    }
}

fn stop(home: &Home, out: &mut Out) -> Result<()> {
    match home.tell(&Request::Shutdown, out) {
        // It has ended before it could say so.
        Err(error) if matches!(error.downcast_ref(), Some(ControlError::HungUp(_))) => {}
        Err(error) if matches!(error.downcast_ref(), Some(ControlError::NoNode { .. })) => {
            bail!("no node runs at {}", file_name(&home.path()?));
        }
        told => told?,
    }
    let (home, since) = (home.path()?, Instant::now());
    while is_inhabited(&home) {
        if since.elapsed() > END {
            bail!(
                "the node in {} takes long to end; its output says why",
                file_name(&home)
            );
        }
        thread::sleep(POLL);
    }
    Ok(())
}
