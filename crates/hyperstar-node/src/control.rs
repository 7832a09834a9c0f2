//! How the command line talks to a running node: lines of JSON over a socket that only its owner can open.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The longest line, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a node is asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Request {
    /// What runs.
    Ps,
    /// Puts a component on the node, or upgrades the process that has the name, and starts it.
    Install {
        /// `process:package:publisher`
        name: String,
        /// Where the component lies, on this machine.
        component: PathBuf,
        /// Gives the interfaces of WASI that a component of another language needs, with nothing behind them.
        #[serde(default)]
        stub_wasi: bool,
        /// Leaves it stopped.
        #[serde(default)]
        stopped: bool,
    },
    /// Starts a process.
    Start {
        /// Its name, or as much of it as tells it apart.
        name: String,
    },
    /// Stops a process.
    Stop {
        /// As for `Start`.
        name: String,
    },
    /// Removes a process.
    Remove {
        /// Its name, or the first part of it.
        name: String,
        /// Also what it has kept, and the grants from it and to it.
        #[serde(default)]
        forget: bool,
    },
    /// Sends a process a message, as its owner.
    Inject {
        /// As for `Start`.
        name: String,
        /// The handler; if there is none, the body names it.
        handler: String,
        /// The arguments.
        body: serde_json::Value,
        /// How long the answer may take.
        timeout_ms: u64,
    },
    /// The last lines of a process's log, and what comes after them.
    Logs {
        /// As for `Start`.
        name: String,
        /// So many at most.
        most: usize,
        /// Goes on until the caller hangs up.
        follow: bool,
    },
    /// What a process is and can be asked.
    Describe {
        /// As for `Start`.
        name: String,
    },
    /// Lets one process message another.
    Grant {
        /// Who may.
        holder: String,
        /// Whom.
        target: String,
        /// By which handlers; none is all.
        handlers: Vec<String>,
    },
    /// Who may message whom.
    Grants,
    /// Takes a grant back.
    Revoke {
        /// As `Grant` answered.
        id: u64,
    },
    /// Ends the node, after what is under way.
    Shutdown,
}

/// What a node answers: any number of these, of which the last is [`Update::Done`] or [`Update::Failed`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Update {
    /// A process.
    Process(ProcessInfo),
    /// A line of a log.
    Line {
        /// When, in milliseconds since 1970.
        at_ms: u64,
        /// 1 error, 2 warn, 3 info, 4 debug.
        level: u8,
        /// What it says.
        text: String,
    },
    /// What takes a while has come so far.
    Progress {
        /// What is being done.
        text: String,
    },
    /// What a process answered.
    Answer {
        /// An HTTP status; 200 if all is well.
        status: u16,
        /// JSON, mostly.
        body: String,
    },
    /// What a process is and can be asked.
    Interface(Box<hyperstar_interface::Interface>),
    /// A grant.
    Grant(GrantInfo),
    /// The number of a grant.
    Granted {
        /// What `Revoke` takes.
        id: u64,
    },
    /// What was done, for people.
    Did {
        /// It in a sentence.
        text: String,
    },
    /// It is done.
    Done,
    /// It is not.
    Failed {
        /// Why, and what to do.
        reason: String,
    },
}

/// That one process may message another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantInfo {
    /// What [`Request::Revoke`] takes.
    pub id: u64,
    /// Who may.
    pub holder: String,
    /// Whom.
    pub target: String,
    /// By which handlers; none is all.
    pub handlers: Vec<String>,
}

/// A process, for people.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// `process:package:publisher`
    pub name: String,
    /// As its author calls it.
    pub title: String,
    /// An emoji, or the address of an image.
    pub icon: Option<String>,
    /// `running`, `stopped`, ..
    pub status: String,
    /// Why it does not run, if it should.
    pub reason: Option<String>,
    /// What its instance has, in bytes.
    pub memory_bytes: usize,
    /// Where its pages are.
    pub url: String,
    /// The beginning of its component's hash.
    pub version: String,
}

/// Why a node cannot be talked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// Nobody listens.
    #[error("no node runs at {home}; start one with `hyperstar node`")]
    NoNode {
        /// The node's folder.
        home: String,
    },
    /// Its socket is there, and is not for us.
    #[error("the node at {home} cannot be reached; ask as the user who started it")]
    Unreachable {
        /// The node's folder.
        home: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke.
    #[error("the node hung up; its own output says why")]
    HungUp(#[from] std::io::Error),
    /// It does not speak our language.
    #[error("the node answered what cannot be read ({0}); it may be of another version")]
    Answer(#[from] serde_json::Error),
    /// It refused.
    #[error("{0}")]
    Refused(String),
}

/// A connection to a running node. It blocks: it is for a command line.
#[derive(Debug)]
pub struct Control {
    stream: BufReader<UnixStream>,
}

impl Control {
    /// Connects to the node that lives in `home`.
    ///
    /// # Errors
    /// [`ControlError::NoNode`], [`ControlError::Unreachable`].
    pub fn connect(home: &Path) -> Result<Self, ControlError> {
        let stream = UnixStream::connect(socket_path(home)).map_err(|source| {
            let home = home.display().to_string();
            match source.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => ControlError::NoNode { home },
                _ => ControlError::Unreachable { home, source },
            }
        })?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Asks. What is answered comes as it does; the last error is the node's reason, if it refuses.
    ///
    /// # Errors
    /// [`ControlError::HungUp`] if the node has gone.
    pub fn ask(&mut self, request: &Request) -> Result<Updates<'_>, ControlError> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        self.stream.get_mut().write_all(line.as_bytes())?;
        Ok(Updates {
            control: self,
            is_done: false,
        })
    }

    fn next_update(&mut self) -> Result<Update, ControlError> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            let ended = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            return Err(ControlError::HungUp(ended));
        }
        match serde_json::from_str(&line)? {
            Update::Failed { reason } => Err(ControlError::Refused(reason)),
            update => Ok(update),
        }
    }
}

/// What a node answers to one request, until it is done. Read it to its end before the next one is asked.
#[derive(Debug)]
pub struct Updates<'a> {
    control: &'a mut Control,
    is_done: bool,
}

impl Iterator for Updates<'_> {
    type Item = Result<Update, ControlError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        match self.control.next_update() {
            Ok(Update::Done) => {
                self.is_done = true;
                None
            }
            Ok(update) => Some(Ok(update)),
            Err(error) => {
                self.is_done = true;
                Some(Err(error))
            }
        }
    }
}

/// Where the socket of the node in `home` is.
pub(crate) fn socket_path(home: &Path) -> PathBuf {
    home.join("node.sock")
}
