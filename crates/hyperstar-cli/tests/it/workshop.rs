//! A folder to make apps in, with a node of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::{check_success, refused};

/// Longer than anything here takes, the first compilation of everything too.
pub(crate) const DEADLINE: Duration = Duration::from_secs(900);

/// A folder in which all apps share their build output, between tests too.
pub(crate) struct Workshop {
    folder: TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("apps");
        let config = format!("[build]\ntarget-dir = {target:?}\n[net]\noffline = true\n");
        fs::create_dir(folder.path().join(".cargo")).unwrap();
        fs::write(folder.path().join(".cargo/config.toml"), config).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `hyperstar` with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hyperstar"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HYPERSTAR_HOME", self.path("home"))
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .stdin(Stdio::null());
        for name in [
            "CARGO_TARGET_DIR",
            "RUSTFLAGS",
            "RUST_LOG",
            "PORT",
            "HYPERSTAR_DATA",
            "CLICOLOR_FORCE",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What it prints, if it succeeds.
    pub(crate) fn read(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        check_success(&output);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Why it fails, after which nothing is on the standard output.
    pub(crate) fn refusal(&self, arguments: &[&str]) -> String {
        refused(&self.run(arguments), 1)
    }

    /// A new app that depends on this checkout, with the versions that this workspace is built with.
    pub(crate) fn app(&self, name: &str, template: &str) {
        self.read(&["new", name, "--template", template]);
        self.lock(name);
    }

    /// Gives an app the versions that this workspace is built with.
    pub(crate) fn lock(&self, name: &str) {
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
        fs::copy(lock, self.path(name).join("Cargo.lock")).unwrap();
    }

    /// Changes a file, which must have what is replaced.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// `hyperstar` with these arguments, which goes on.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.start_command(self.command(arguments))
    }

    /// The same, of a command of ours.
    pub(crate) fn start_command(&self, mut command: Command) -> Running {
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        pass_on(child.stdout.take().unwrap(), sender.clone());
        pass_on(child.stderr.take().unwrap(), sender);
        Running { child, lines }
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // There may be none.
        let _ = self.run(&["node", "--stop"]);
    }
}

/// A program that goes on until it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    /// The next line that it prints, or complains, with this in it.
    pub(crate) fn line_with(&self, part: &str) -> String {
        let end = Instant::now() + DEADLINE;
        let mut seen = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("nothing is printed with `{part}`: {seen:#?}");
            };
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
    }

    /// Ends it as Ctrl-C does. What it exits with.
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        self.signal(Signal::INT);
        self.child.wait().unwrap().code()
    }

    /// Presses Ctrl-C again and again. What it exits with.
    pub(crate) fn interrupt_until_it_ends(mut self) -> Option<i32> {
        loop {
            self.signal(Signal::INT);
            thread::sleep(Duration::from_millis(20));
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
        }
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait().unwrap();
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        // It may have ended.
        let _ = kill_process(Pid::from_raw(id).unwrap(), signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let _ = self.child.wait();
    }
}

fn pass_on(output: impl Read + Send + 'static, lines: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

/// The answer to a request of `http://host:port/path`.
pub(crate) fn get(url: &str) -> std::io::Result<String> {
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let port = host.rsplit(':').next().unwrap();
    let mut socket = TcpStream::connect(format!("127.0.0.1:{port}"))?;
    write!(
        socket,
        "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The page, once it is served.
pub(crate) fn wait_for_page(url: &str) -> String {
    wait_for(url, "</html>");
    get(url).unwrap()
}

/// Waits until the page has this in it. How long that took.
pub(crate) fn wait_for(url: &str, part: &str) -> Duration {
    let since = Instant::now();
    let mut page = String::new();
    while since.elapsed() < DEADLINE {
        if let Ok(answer) = get(url) {
            if answer.contains(part) {
                return since.elapsed();
            }
            page = answer;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("`{part}` does not come; the page is {page}");
}

/// The address in a line.
pub(crate) fn url_in(line: &str) -> String {
    let mut words = line.split_whitespace();
    let url = words.find(|word| word.starts_with("http://"));
    url.unwrap_or_else(|| panic!("no address in `{line}`"))
        .to_owned()
}
