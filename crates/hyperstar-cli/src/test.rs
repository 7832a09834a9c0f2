//! `hyperstar test`: an app's own tests, and a first run in the sandbox.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hyperstar_build::{Built, app};
use hyperstar_node::{Node, NodeConfig, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::build;
use crate::out::{ADDED, Out};
use crate::progress::Work;
use crate::text::{Safe, count, file_name};

/// How long a page may take.
const PAGE: Duration = Duration::from_secs(30);
/// So much of a page is read.
const PAGE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Run an app's tests, and try it as a component
///
/// First `cargo test`; then the app is built, started on a node that is thrown away, and each of its pages that has
/// no parameters is loaded.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  hyperstar test\n  hyperstar test apps/chat -- --nocapture")]
pub(crate) struct Args {
    /// The app's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// What the tests are given: a part of the names of those to run, `--nocapture`
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Args {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        // Before its tests are compiled, which may take long.
        app(&self.dir)?;
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.arg("test").current_dir(&self.dir);
        if !self.arguments.is_empty() {
            command.arg("--").args(&self.arguments);
        }
        let status = command
            .status()
            .with_context(|| format!("the tests of `{}` cannot be run", file_name(&self.dir)))?;
        if !status.success() {
            bail!(
                "the tests of `{}` fail; they say above why",
                file_name(&self.dir)
            );
        }
        let built = build::component(&self.dir, false)?;
        let work = Work::begin("trying it as a component");
        let runtime =
            tokio::runtime::Runtime::new().context("the system refuses what a node needs")?;
        let pages = runtime.block_on(try_out(&built))?;
        work.end();
        let pages = count(pages, "page", "pages");
        writeln!(
            out,
            "{ADDED}ok{ADDED:#}: its tests pass; as a component it starts, and shows {pages}"
        )?;
        Ok(())
    }
}

/// Starts a component on a node of its own, and loads its pages. Answers how many there are.
async fn try_out(built: &Built) -> Result<u64> {
    let home = tempfile::tempdir().context("there is no folder for a node")?;
    let node = Node::open(NodeConfig::new(home.path())).await?;
    let server = Server::bind("127.0.0.1:0")
        .await?
        .shutdown(node.stopped().cancelled_owned());
    let address = server
        .local_addr()
        .context("it is not known where the node listens")?;
    let serving = tokio::spawn({
        let node = node.clone();
        async move { node.serve(server).await }
    });
    let name = build::address(built);
    let tried = async {
        node.install(&name, &built.bytes, false, true).await?;
        let views = node.host().interface(&name)?.views;
        let url = url_of(&node, &name).await;
        let host = url.trim_start_matches("http://").trim_end_matches('/');
        let mut pages = 0;
        for view in views.iter().filter(|view| !view.path.contains('{')) {
            load(address, host, &view.path).await?;
            pages += 1;
        }
        Ok(pages)
    }
    .await;
    node.stop();
    serving.await.context("the node has failed")??;
    tried
}

/// Where a process's pages are, once the node serves.
async fn url_of(node: &Node, name: &str) -> String {
    loop {
        if let Some(url) = node.url(name) {
            return url;
        }
        tokio::task::yield_now().await;
    }
}

/// Loads a page as a browser does.
async fn load(address: std::net::SocketAddr, host: &str, path: &str) -> Result<()> {
    let loaded = async {
        let mut socket = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        socket.take(PAGE_BYTES_MAX).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(PAGE, loaded).await;
    let answer = answer.with_context(|| format!("the page {path} takes too long"))?;
    let answer = answer.with_context(|| format!("the page {path} cannot be loaded"))?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).unwrap_or("nothing");
    // A page may send its visitors elsewhere.
    if !status.starts_with(['2', '3']) {
        let text = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        let text: String = text.chars().take(1_000).collect();
        bail!("the page {path} answers {}:\n{}", Safe(status), Safe(&text));
    }
    Ok(())
}
