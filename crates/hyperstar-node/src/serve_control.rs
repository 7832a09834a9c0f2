//! The socket that the command line reaches a node by.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

use hyperstar_native::Ask;
use hyperstar_process::abi::Origin;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::AbortHandle;

use crate::control::{LINE_BYTES_MAX, Request, Update, socket_path};
use crate::node::{Node, NodeError};

/// Listens until the answered handle is used.
pub(crate) fn listen(node: &Node) -> Result<AbortHandle, NodeError> {
    let path = socket_path(node.home());
    let failed = |source: io::Error| NodeError::File {
        path: path.display().to_string(),
        source,
    };
    let listener = UnixListener::bind(&path).map_err(failed)?;
    // The folder is its owner's alone already.
    let owner = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&path, owner).map_err(failed)?;
    let node = node.clone();
    let task = tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let node = node.clone();
                    tokio::spawn(async move {
                        if let Err(error) = converse(&node, stream).await {
                            tracing::debug!(%error, "a caller has hung up");
                        }
                    });
                }
                Err(error) => {
                    tracing::error!(%error, "the command line's socket fails");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    });
    Ok(task.abort_handle())
}

struct Caller {
    stream: BufReader<UnixStream>,
}

impl Caller {
    async fn tell(&mut self, update: &Update) -> io::Result<()> {
        let mut line = serde_json::to_vec(update)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).await
    }
}

async fn converse(node: &Node, stream: UnixStream) -> io::Result<()> {
    let mut caller = Caller {
        stream: BufReader::new(stream),
    };
    loop {
        let mut line = String::new();
        let mut limited = (&mut caller.stream).take(LINE_BYTES_MAX as u64);
        if limited.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let last = match serde_json::from_str(&line) {
            Ok(request) => match answer(node, request, &mut caller).await {
                Ok(()) => Update::Done,
                Err(Stop::Failed(reason)) => Update::Failed { reason },
                Err(Stop::HungUp(error)) => return Err(error),
            },
            Err(error) => Update::Failed {
                reason: format!(
                    "the node does not understand this ({error}); it may be of another version"
                ),
            },
        };
        caller.tell(&last).await?;
    }
}

enum Stop {
    Failed(String),
    HungUp(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::HungUp(error)
    }
}

impl From<NodeError> for Stop {
    fn from(error: NodeError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<hyperstar_native::HostError> for Stop {
    fn from(error: hyperstar_native::HostError) -> Self {
        Self::Failed(error.to_string())
    }
}

async fn answer(node: &Node, request: Request, caller: &mut Caller) -> Result<(), Stop> {
    match request {
        Request::Ps => {
            for process in node.processes() {
                caller.tell(&Update::Process(process)).await?;
            }
        }
        Request::Install {
            name,
            component,
            stub_wasi,
            stopped,
        } => {
            let bytes = tokio::fs::read(&component).await.map_err(|error| {
                Stop::Failed(format!("{} cannot be read: {error}", component.display()))
            })?;
            let text = format!("checking and compiling {} KB", bytes.len().div_ceil(1_000));
            caller.tell(&Update::Progress { text }).await?;
            node.install(&name, &bytes, stub_wasi, !stopped).await?;
            show(node, &name, caller).await?;
        }
        Request::Start { name } => {
            let name = node.which(&name)?;
            node.start(&name).await?;
            show(node, &name, caller).await?;
        }
        Request::Stop { name } => {
            let name = node.which(&name)?;
            node.stop_process(&name).await?;
            let text = format!("stopped {name}");
            caller.tell(&Update::Did { text }).await?;
        }
        Request::Remove { name, forget } => {
            let name = node.which_exactly(&name)?;
            node.remove(&name, forget).await?;
            let kept = match forget {
                true => ", and what it had kept",
                false => "; what it has kept stays, `--forget` removes that too",
            };
            let text = format!("removed {name}{kept}");
            caller.tell(&Update::Did { text }).await?;
        }
        Request::Inject {
            name,
            handler,
            body,
            timeout_ms,
        } => {
            let ask = Ask {
                origin: Origin::Owner,
                handler,
                body: body.to_string().into_bytes(),
                timeout_ms,
                key: None,
            };
            let name = node.which_loaded(&name)?;
            let answered = node.host().ask(&name, ask).await;
            let response = answered.map_err(|error| Stop::Failed(error.to_string()))?;
            let update = Update::Answer {
                status: response.status,
                body: String::from_utf8_lossy(&response.body).into_owned(),
            };
            caller.tell(&update).await?;
        }
        Request::Logs { name, most, follow } => logs(node, &name, most, follow, caller).await?,
        Request::Describe { name } => {
            let interface = node.host().interface(&node.which_loaded(&name)?)?;
            caller.tell(&Update::Interface(Box::new(interface))).await?;
        }
        Request::Grant {
            holder,
            target,
            handlers,
        } => {
            let holder = node.which(&holder)?;
            let target = node.which(&target)?;
            node.check_handlers(&target, &handlers)?;
            let id = node.grant(&holder, &target, &handlers)?;
            caller.tell(&Update::Granted { id }).await?;
        }
        Request::Grants => {
            for grant in node.grants()? {
                caller.tell(&Update::Grant(grant)).await?;
            }
        }
        Request::Revoke { id } => {
            if !node.revoke(id)? {
                let reason = format!("there is no grant {id}; `hyperstar grants` lists them");
                return Err(Stop::Failed(reason));
            }
        }
        Request::Shutdown => node.stop(),
    }
    Ok(())
}

async fn show(node: &Node, name: &str, caller: &mut Caller) -> io::Result<()> {
    let processes = node.processes();
    match processes.into_iter().find(|process| process.name == name) {
        Some(process) => caller.tell(&Update::Process(process)).await,
        None => Ok(()),
    }
}

async fn logs(
    node: &Node,
    name: &str,
    most: usize,
    follow: bool,
    caller: &mut Caller,
) -> Result<(), Stop> {
    use tokio::sync::broadcast::error::RecvError;
    let (lines, mut news) = node.host().logs(&node.which_loaded(name)?, most)?;
    for line in lines {
        caller.tell(&update_of(line)).await?;
    }
    if !follow {
        return Ok(());
    }
    let stopped = node.stopped();
    loop {
        let mut byte = [0];
        let line = tokio::select! {
            line = news.recv() => line,
            () = stopped.cancelled() => return Ok(()),
            // Who follows says nothing more: what comes is the end.
            _ = caller.stream.read(&mut byte) => return Ok(()),
        };
        match line {
            Ok(line) => caller.tell(&update_of(line)).await?,
            Err(RecvError::Lagged(missed)) => {
                let text = format!("({missed} lines were not shown: they came too fast)");
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = now.unwrap_or_default();
                let update = Update::Line {
                    at_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
                    level: 2,
                    text,
                };
                caller.tell(&update).await?;
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

fn update_of(line: hyperstar_native::LogLine) -> Update {
    Update::Line {
        at_ms: line.at_ms,
        level: line.level as u8,
        text: line.text,
    }
}
