//! The server under test, as a process that can be killed and started again.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::cdp::lock;
use crate::port::free_ports;
use crate::wait::wait_until;

/// How long a server may take until its port answers.
const START_MAX: Duration = Duration::from_secs(20);

/// How long to read on after the process has ended.
const READ_MAX: Duration = Duration::from_secs(1);

/// Lines of output that are kept; of more than these, the oldest go.
const LINES_MAX: usize = 1_000;

/// A server program with a port of its own, or several in a row, which it keeps over restarts.
/// Dropped, it is killed.
///
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// use hyperstar_e2e::{SECOND, Server, build_binary};
/// let gallery = Server::new(build_binary("gallery").await?)?;
/// let mut gallery = gallery.ports("HYPERSTAR_PORT", 6)?.env("RUST_LOG", "info");
/// gallery.start().await?;
/// println!("the second app is at {}", gallery.url_at(1, "/"));
/// gallery.kill_9().await?;
/// gallery.start().await?;
/// assert!(gallery.terminate(10 * SECOND).await?.success());
/// # Ok(()) }
/// ```
pub struct Server {
    program: PathBuf,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    port: u16,
    port_count: u16,
    running: Option<Running>,
    output: Arc<Mutex<Vec<String>>>,
}

/// A process and the tasks that read what it prints.
struct Running {
    child: Child,
    readers: JoinSet<()>,
}

impl Server {
    /// A server that is not started yet. It gets its port in the environment variable `PORT`.
    ///
    /// # Errors
    /// When no port is free.
    pub fn new(program: impl Into<PathBuf>) -> Result<Server> {
        let server = Server {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            port: 0,
            port_count: 0,
            running: None,
            output: Arc::default(),
        };
        server.ports("PORT", 1)
    }

    /// With `count` ports in a row, of which it gets the first in the environment variable `name`.
    /// It counts as started when all of them answer.
    ///
    /// # Errors
    /// When there are none free.
    pub fn ports(mut self, name: &str, count: u16) -> Result<Server> {
        self.port = free_ports(count)?;
        self.port_count = count;
        let port = self.port.to_string();
        Ok(self.env(name, port))
    }

    /// With this environment variable, beside those of the test.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Server {
        self.env
            .insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// With this argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Server {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Its port, or the first one.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    pub fn addr(&self) -> SocketAddr {
        self.addr_at(0)
    }

    /// The address of its port with this index.
    pub fn addr_at(&self, index: u16) -> SocketAddr {
        assert!(index < self.port_count, "it has {} ports", self.port_count);
        (Ipv4Addr::LOCALHOST, self.port + index).into()
    }

    /// The URL of `path`, which starts with `/`.
    pub fn url(&self, path: &str) -> String {
        self.url_at(0, path)
    }

    /// The URL of `path` at its port with this index.
    pub fn url_at(&self, index: u16, path: &str) -> String {
        format!("http://{}{path}", self.addr_at(index))
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().and_then(|running| running.child.id())
    }

    /// Starts it, and waits until its port answers.
    ///
    /// # Errors
    /// When it runs already, ends, or does not answer in time, with its output.
    pub async fn start(&mut self) -> Result<()> {
        let name = self.program.display().to_string();
        if self.running.is_some() {
            bail!("{name} runs already");
        }
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(&self.env).kill_on_drop(true);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("start {name}"))?;
        let mut readers = JoinSet::new();
        if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
            readers.spawn(keep_lines(stdout, self.output.clone()));
            readers.spawn(keep_lines(stderr, self.output.clone()));
        }
        let answers = wait_until(format!("{name} answers"), START_MAX, async || {
            if let Some(status) = child.try_wait()? {
                bail!("{name} ended ({status}) before it answered");
            }
            for index in 0..self.port_count {
                if TcpStream::connect(self.addr_at(index)).await.is_err() {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        });
        let answers = answers.await;
        self.running = Some(Running { child, readers });
        if let Err(error) = answers {
            self.kill_9().await?;
            bail!("{error}; it printed:\n{}", self.output());
        }
        Ok(())
    }

    /// Kills it as a power cut would: it cannot do anything about it.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill_9(&mut self) -> Result<()> {
        let mut running = self.running.take().context("the server does not run")?;
        running.child.kill().await.context("kill the server")?;
        running.read_all().await;
        Ok(())
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// When it does not run, or does not end in time; then it is killed.
    pub async fn terminate(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let mut running = self.running.take().context("the server does not run")?;
        let pid = running
            .child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        kill_process(pid.context("the server has ended by itself")?, Signal::TERM)?;
        let ended = tokio::time::timeout(timeout, running.child.wait()).await;
        if ended.is_err() {
            running.child.kill().await?;
        }
        running.read_all().await;
        match ended {
            Ok(status) => Ok(status?),
            Err(_) => {
                bail!(
                    "the server did not end in {timeout:?}; it printed:\n{}",
                    self.output()
                )
            }
        }
    }

    /// What it printed so far, over all its starts: standard output and standard error, as they
    /// came.
    pub fn output(&self) -> String {
        lock(&self.output).join("\n")
    }
}

impl Running {
    /// Waits until all is read that the process had printed when it ended. Not for long: a child
    /// of it may still hold the pipes.
    async fn read_all(mut self) {
        let _ = tokio::time::timeout(READ_MAX, async {
            while self.readers.join_next().await.is_some() {}
        })
        .await;
    }
}

async fn keep_lines(stream: impl AsyncRead + Unpin, output: Arc<Mutex<Vec<String>>>) {
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let mut output = lock(&output);
        if output.len() == LINES_MAX {
            output.remove(0);
        }
        output.push(String::from_utf8_lossy(&line).into_owned());
    }
}

/// Builds the program `name` of the package of this name, and gives its path. Within one test
/// process this happens once.
///
/// # Errors
/// When it does not build, with what the compiler says.
pub async fn build_binary(name: &str) -> Result<PathBuf> {
    static BUILT: OnceLock<tokio::sync::Mutex<HashMap<String, PathBuf>>> = OnceLock::new();
    // Held over the build on purpose: a second test waits for the first one's build.
    let mut built = BUILT.get_or_init(Default::default).lock().await;
    if let Some(path) = built.get(name) {
        return Ok(path.clone());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--package", name, "--bin", name]);
    command.args(["--message-format", "json-render-diagnostics"]);
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.context("start cargo")?;
    let printed = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("`{name}` does not build:\n{printed}");
    }
    let path = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("cargo built no program `{name}`:\n{printed}"))?;
    built.insert(name.to_owned(), path.clone());
    Ok(path)
}
