//! A node as a program of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};
use hyperstar_node::{EngineConfig, Node, NodeConfig, Server};

use crate::node::hosted;

/// Runs a node until its input ends.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct ChildOptions {
    /// Its folder
    home: PathBuf,
}

pub(crate) fn child(options: &ChildOptions) -> Result<()> {
    // It does not outlive who has started it.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    hosted::executor()?.block_on(async {
        let node = Node::open(NodeConfig {
            engine: EngineConfig {
                instances_max: 512,
                ..EngineConfig::default()
            },
            ..NodeConfig::new(&options.home)
        });
        let node = node.await?;
        let server = Server::bind("127.0.0.1:0").await?;
        println!("{}", server.local_addr()?);
        node.serve(server).await?;
        Ok(())
    })
}

/// A node that runs; it is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    address: Option<SocketAddr>,
    /// What it said last, once it has ended.
    complaints: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts a node in a folder that no other one is in.
    pub(crate) fn start(home: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("soak-child")
            .arg(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("the node cannot be started")?;
        let mut errors = child.stderr.take().context("its errors were asked for")?;
        let complaints = std::thread::spawn(move || {
            let mut text = String::new();
            // What is no text any more is not shown.
            let _ = errors.read_to_string(&mut text);
            text
        });
        Ok(Self {
            child,
            address: None,
            complaints: Some(complaints),
        })
    }

    /// Waits until it listens: then everything that is to run does.
    pub(crate) async fn listens(&mut self) -> Result<()> {
        let out = self
            .child
            .stdout
            .take()
            .context("its output was asked for")?;
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(out).read_line(&mut line).map(|_| line)
        });
        let line = line.await??;
        if line.is_empty() {
            self.kill()?;
            let complaints = self.complaints.take().and_then(|all| all.join().ok());
            anyhow::bail!("the node did not start: {}", complaints.unwrap_or_default());
        }
        let address = line.trim().parse();
        self.address = Some(address.with_context(|| format!("`{line}` is no address"))?);
        Ok(())
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Kills it, as a crash of the machine's processes would: nothing of it runs on.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        ensure!(
            ended.is_none() || self.address.is_none(),
            "the node has ended by itself: {}",
            self.complaints
                .take()
                .and_then(|all| all.join().ok())
                .unwrap_or_default()
        );
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
